#!/usr/bin/env python3
"""Fails if types of one module refer to each other in a circle: such types can only be understood together.

A type refers to another if its body, or an extension, names the other type. Nested types belong to their outermost type.
"""
import collections
import os
import re
import sys

# Circles that are one thing in two names: a client with its own request types, and a protocol with the value that it speaks of.
ALLOWED = [{"HTTPClient", "Handle", "Received"}, {"SQLValue", "Statement"}, {"DatabaseValue", "DatabaseConvertible"}]
DECLARATION = re.compile(r"^(?:@\w+ )*(?:(?:package|private|fileprivate|final|indirect) )*"
                         r"(struct|class|enum|actor|protocol|extension) ([A-Z]\w*)", re.M)


def code(path):
    """The text of a file without comments and without the text of strings; interpolations stay."""
    text = re.sub(r"//.*", "", open(path).read())
    keep = lambda match: " ".join(re.findall(r"\\\((.*?)\)", match[0]))
    text = re.sub(r'""".*?"""', keep, text, flags=re.S)
    return re.sub(r'"(?:[^"\\\n]|\\.)*"', keep, text)


def references(files):
    bodies, own = collections.defaultdict(str), set()
    for path in files:
        text = code(path)
        for match in DECLARATION.finditer(text):
            end = text.find("\n}", match.end())
            bodies[match[2]] += text[match.end():end if end >= 0 else len(text)]
            if match[1] != "extension":
                own.add(match[2])
    return {name: {other for other in own - {name} if re.search(rf"(?<![\w.]){other}\b", bodies[name])} for name in own}


def reachable(graph, start):
    seen, waiting = set(), [start]
    while waiting:
        for name in graph[waiting.pop()]:
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return seen


def main():
    faults = []
    for base in ("Sources", "edge", "cloud"):
        for module in sorted(os.listdir(base)):
            files = [os.path.join(folder, name) for folder, _, names in os.walk(f"{base}/{module}") for name in names if name.endswith(".swift")]
            graph = references(files)
            reach = {name: reachable(graph, name) for name in graph}
            circles = {frozenset(other for other in reach[name] if name in reach[other]) for name in graph if name in reach[name]}
            faults += [f"{module}: {', '.join(sorted(circle))}" for circle in circles if set(circle) not in ALLOWED]
    for fault in faults:
        print("types in a circle,", fault)
    if not faults:
        print("no module has types in a circle")
    return len(faults) > 0


os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.exit(main())

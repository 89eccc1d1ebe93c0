"""Bytes of a stripped binary by cause, from the map that lld writes. Called by Benchmarks/size.sh.

Each input section belongs to an object file, and so to a module of Vaho or to a library. The object Swift.o is the whole standard library:
its symbols are sorted by their demangled names, so the rows of the standard library are approximate.
"""
import collections
import os
import re
import subprocess
import sys

NOT_IN_FILE = (".bss", ".tbss", ".relro_padding", ".symtab", ".strtab", ".debug", "swift5_backtrace")
METADATA = "type metadata, witness tables, records"
STANDARD_LIBRARY = [  # the first pattern that matches the demangled name applies
    ("padding", r"^<pad>$"),
    ("protocol witnesses", r"^(merged |.*of )?protocol witness for"),
    (METADATA, r"witness table|metadata|descriptor|conformance|value witness|^outlined|symbolic |reflection|type_layout|lazy cache|field offset"),
    ("Codable", r"Encod(?!ed|ing>)|Decod(?!ed)|CodingKey"),
    ("SIMD", r"SIMD"),
    ("print, description, Mirror", r"[dD]escription|Mirror|[pP]rint|dump|Reflect|Playground"),
    ("key paths", r"KeyPath"),
    ("strings, characters, Unicode", r"String|Unicode|Character|Substring|UTF|Grapheme|NFC|NFD"),
    ("integers and floats", r"U?Int\d|Integer|Floating|Float|Double|Strideable|Numeric|ASCII|\.U?Int\b|Random"),
    ("collections", r"Array|Dictionary|Set\b|Sequence|Collection|Range|Lazy|Slice|Iterator|Buffer|Span|Zip|Hash|KeyValue|Element"),
]
RUNTIME = [  # object files of the Swift runtime, which is written in C++
    ("demangler", r"Demangl|Remangl|Node|Mangl|Punycode|Context"),
    ("Unicode tables", r"Unicode"),
    ("backtrace of a crash", r"Backtrace|Crash|Paths"),
]


def input_sections(path):
    """Yields (output section, object, address, size, symbols); a symbol is (address, size, name)."""
    output, current = "", None
    for line in open(path):
        match = re.match(r"\s*([0-9a-f]+)\s+[0-9a-f]+\s+([0-9a-f]+)\s+\d+ (.*)$", line)
        if not match or not match[3].strip():
            continue
        address, size, rest = int(match[1], 16), int(match[2], 16), match[3]
        if not rest.startswith(" "):
            output = rest
        elif rest.startswith(" " * 16):
            if current:
                current[4].append((address, size, rest.strip()))
        elif output.startswith(NOT_IN_FILE):
            current = None
        else:
            if current:
                yield current
            current = (output, rest.strip(), address, size, [])
    if current:
        yield current


def parts(sections):
    """Yields (output section, object, symbol, size). Code that lld has folded to one address counts once; the rest is padding."""
    for output, source, address, size, symbols in sections:
        end, position = address + size, address
        for start, length, name in sorted((a, -s, n) for a, s, n in symbols if s):
            if start - length <= position:
                continue
            if start > position:
                yield output, source, "<pad>", start - position
            stop = min(start - length, end)
            yield output, source, name, stop - max(start, position)
            position = stop
        if position < end:
            yield output, source, "<pad>" if symbols else "", end - position


def cause(output, source, name):
    own = re.search(r"/(\w+)\.build/[^/]+\.o:", source)
    if own:
        return "web page" if own[1] == "Page" and output == ".data" else f"Vaho: {own[1]}"
    archive = re.search(r"lib(\w+|stdc\+\+)\.a\(([^)]*)\)", source)
    if not archive:
        return "literals, merged" if ".rodata" in source else "dynamic linking"
    library, member = archive[1], archive[2]
    if library != "swiftCore":
        return "library: " + {"swiftDispatch": "dispatch", "BlocksRuntime": "dispatch", "gcc_eh": "gcc"}.get(library, library)
    if member != "Swift.o":
        return "runtime: " + next((c for c, pattern in RUNTIME if re.search(pattern, member)), "metadata, casts, reference counts")
    if output.startswith(("swift5", ".data.rel.ro", ".swift")):
        return "standard library: " + METADATA
    return "standard library: " + next((c for c, pattern in STANDARD_LIBRARY if re.search(pattern, name)), "other")


def main(map_path, binary, *options):
    found = list(parts(input_sections(map_path)))
    names = sorted({part[2] for part in found})
    plain = subprocess.run(["swift", "demangle", "--compact"], input="\n".join(names), capture_output=True, text=True, check=True)
    demangled = dict(zip(names, plain.stdout.split("\n")))
    bytes_of = collections.Counter()
    for output, source, name, size in found:
        bytes_of[cause(output, source, demangled[name])] += size
    total = os.path.getsize(binary)
    bytes_of["headers, alignment"] = total - sum(bytes_of.values())
    groups = collections.Counter()
    for name, size in bytes_of.items():
        groups[name.split(":")[0]] += size
    print(f"| cause | bytes of {total:,} | share |\n|---|---:|---:|")
    for group, size in groups.most_common():
        print(f"| **{group}** | {size:,} | {size / total:.1%} |")
        for name, part in bytes_of.most_common():
            if name.startswith(group + ":"):
                print(f"| {name.split(': ')[1]} | {part:,} | {part / total:.1%} |")
    if "--names" in options:
        for output, source, name, size in sorted(found, key=lambda part: -part[3]):
            print(size, cause(output, source, demangled[name]), demangled[name], sep="\t")


main(*sys.argv[1:])

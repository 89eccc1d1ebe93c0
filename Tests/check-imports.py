#!/usr/bin/env python3
"""Checks that every target of Package.swift imports exactly what it declares: the build accepts some undeclared imports, and does not report
unused dependencies."""
import json
import re
import subprocess
import sys
from pathlib import Path

IMPORT = re.compile(r"^\s*(?:@\w+\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|func)\s+)?(\w+)", re.M)


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    package = json.loads(subprocess.run(["swift", "package", "describe", "--type", "json"], cwd=root, check=True, capture_output=True).stdout)
    names = {target["name"].replace("-", "_"): target["name"] for target in package["targets"]}
    faults = []
    for target in package["targets"]:
        if target["type"] == "system-target":
            continue
        sources = [Path(root, target["path"], source) for source in target["sources"]]
        imported = {names[name] for source in sources for name in IMPORT.findall(source.read_text()) if name in names} - {target["name"]}
        declared = set(target.get("target_dependencies", []))
        # Tests run programs without importing them.
        unused = {name for name in declared - imported if not (target["type"] == "test" and name.startswith("vaho-"))}
        faults += [f"{target['name']} imports {name} and does not declare it" for name in sorted(imported - declared)]
        faults += [f"{target['name']} declares {name} and does not import it" for name in sorted(unused)]
    print("\n".join(faults) or f"{len(package['targets'])} targets import what they declare", file=sys.stderr if faults else sys.stdout)
    return 1 if faults else 0


sys.exit(main())

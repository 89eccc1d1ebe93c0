#!/usr/bin/env bash
# Installs a Python package into a folder of its own below .build-test/tools, unless it is there, and prints the folder.
# usage: Tests/python-tool.sh PACKAGE VERSION
set -euo pipefail
package=${1:?a package} version=${2:?a version}
tools=$(cd "$(dirname "$0")/.." && pwd)/.build-test/tools/$package-$version
if [ ! -e "$tools/complete" ]; then
    rm -rf "$tools"
    python3 -m venv "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check "$package==$version" >&2
    touch "$tools/complete"
fi
echo "$tools"

#!/usr/bin/env bash
# Extracts promtool, Prometheus's checker of metrics, from Debian's package into a folder, without installing the server.
# usage: Tests/promtool.sh FOLDER
set -euo pipefail
folder=${1:?a folder}
if command -v promtool >/dev/null || [ -x "$folder/promtool" ]; then exit 0; fi
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
if ! apt-get -qq download prometheus >/dev/null 2>&1; then
    # A new machine has no package lists yet.
    if [ "$(id -u)" = 0 ]; then apt-get -qq update; else sudo -n apt-get -qq update; fi
    apt-get -qq download prometheus >/dev/null
fi
dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool
cd - >/dev/null
install -m 755 "$work/usr/bin/promtool" "$folder/promtool"

#!/usr/bin/env bash
# Shows the bytes of the stripped vaho-edge by cause, as a Markdown table.
# usage: Benchmarks/size.sh FOLDER [--names]   builds vaho-edge in FOLDER (--names: also every symbol, largest first)
set -euo pipefail
folder=$(realpath "${1:?usage: Benchmarks/size.sh FOLDER [--names]}")
cd "$(dirname "$0")/.."
mkdir -p "$folder"
# SwiftPM links again only if something has changed.
rm -f "$(swift build -c release --static-swift-stdlib --scratch-path .build-release --show-bin-path)/vaho-edge"
deploy/build.sh --out "$folder" --product vaho-edge --map "$folder/vaho-edge.map" >&2
python3 Benchmarks/size.py "$folder/vaho-edge.map" "$folder/vaho-edge" "${@:2}"

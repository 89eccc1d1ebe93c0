#!/usr/bin/env bash
# Trains the shipped release, deploy/pretrained.vaho, on the first 70 % of open humidity series: the same series give
# the same bytes. deploy/pretrained.md names the series, their sources and licences.
# usage: deploy/pretrain.sh FOLDER [--out FILE] [--without LIST]
#   FOLDER holds SERIES.csv or SERIES.csv.gz: time,humidity_pct,temperature_c
set -euo pipefail
usage() { sed -n '4,5p' "$0" >&2; exit 2; }
if [ $# -eq 0 ] || [ ! -d "$1" ]; then usage; fi
data=$(cd "$1" && pwd)
shift
cd "$(dirname "$0")/.."
out=deploy/pretrained.vaho
without=out_pine_2001 # for research purposes only
while [ $# -gt 0 ]; do
    case $1 in
    --out) out=${2:?--out needs a file}; shift 2 ;;
    --without) without=${2?--without needs a list}; shift 2 ;;
    *) usage ;;
    esac
done
series=$(mktemp -d)
trap 'rm -rf "$series"' EXIT
for file in "$data"/*.csv; do [ ! -e "$file" ] || cp "$file" "$series/"; done
for file in "$data"/*.csv.gz; do [ ! -e "$file" ] || gunzip -c "$file" >"$series/$(basename "$file" .gz)"; done
swift build -c release --product vaho-cloud
"$(swift build -c release --product vaho-cloud --show-bin-path)/vaho-cloud" train --data "$series" --without "$without" --out "$out"
# The programs trust the shipped file by its hash alone.
if [ "$out" = deploy/pretrained.vaho ]; then
    sed -i "s/\(static let sha256 = \)\"[0-9a-f]*\"/\1\"$(sha256sum "$out" | cut -d ' ' -f 1)\"/" Sources/Releases/ShippedRelease.swift
fi

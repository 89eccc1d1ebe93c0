#!/usr/bin/env bash
# Measures the watch of sensors on recordings: false alarms, and how soon injected faults are found.
# usage: Benchmarks/watch.sh FOLDER NAME,NAME,… [NAME,NAME,… …]
#   FOLDER: recordings NAME.csv or NAME.csv.gz with time,humidity_pct,temperature_c; each list names recordings that are peers
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -ge 2 ] || { sed -n '2,4p' "$0" >&2; exit 2; }
data=$1
shift
swift build -c release --scratch-path .build-bench --product vaho-bench 2>&1 | grep -E 'error|warning' >&2 || true
bench=$(swift build -c release --scratch-path .build-bench --show-bin-path)/vaho-bench
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
groups=()
for group in "$@"; do
    groups+=(--peers "$group")
    for name in ${group//,/ }; do
        if [ -e "$data/$name.csv" ]; then cp "$data/$name.csv" "$work/"; else gunzip -c "$data/$name.csv.gz" >"$work/$name.csv"; fi
    done
done
"$bench" watch --data "$work" "${groups[@]}"

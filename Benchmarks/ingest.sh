#!/usr/bin/env bash
# Measures how many readings a second vaho-cloud ingests, acknowledged after the fsync, with client and server on this machine.
# usage: Benchmarks/ingest.sh [--rows 1000] [--batches 2000] [--connections 4] [--format binary|json] [--devices 80]
set -euo pipefail
cd "$(dirname "$0")/.."
devices=80 load=()
while [ $# -gt 0 ]; do
    case $1 in
    --devices) devices=$2; shift 2 ;;
    --rows | --batches | --connections | --format) load+=("$1" "$2"); shift 2 ;;
    *) sed -n '2,3p' "$0" >&2; exit 2 ;;
    esac
done
deploy/build.sh --out .build-release/bin --product vaho-cloud >/dev/null
swift build -c release --scratch-path .build-bench --product vaho-bench 2>&1 | grep -E 'error|warning' >&2 || true
bench=$(swift build -c release --scratch-path .build-bench --show-bin-path)/vaho-bench
work=$(mktemp -d)
trap 'kill "$cloud" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
export VAHO_STORE=sqlite:$work/cloud VAHO_LISTEN=127.0.0.1:0 VAHO_TRAIN_CHECK_SECONDS=86400
.build-release/bin/vaho-cloud serve 2>"$work/log" &
cloud=$!
until port=$(sed -n 's/.*listening address=127.0.0.1://p' "$work/log") && [ -n "$port" ]; do sleep 0.1; done
for device in $(seq "$devices"); do .build-release/bin/vaho-cloud device add "d$device" --out "$work/tokens/d$device" >/dev/null; done
"$bench" ingest --url "http://127.0.0.1:$port" --tokens "$work/tokens" "${load[@]}"
awk '/^(Pss|Rss):/ { printf "%s %d kB  ", $1, $2 } END { print "" }' "/proc/$cloud/smaps_rollup"
before=$SECONDS
until [ "$(curl -s "http://127.0.0.1:$port/metrics" | awk '$1 == "vaho_underived_batches" { print $2 + 0 }')" = 0 ]; do sleep 0.2; done
echo "observations derived $((SECONDS - before)) s after the last batch"
curl -s "http://127.0.0.1:$port/metrics" | awk '$1 == "vaho_log_bytes" { bytes = $2 } $1 == "vaho_readings_total" { readings = $2 }
    END { printf "log: %.2f bytes a reading\n", bytes / readings }'
grep -E '^<[34]>' "$work/log" | head -5 || true

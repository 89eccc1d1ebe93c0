#!/usr/bin/env bash
# Measures the memory of vaho-edge while it samples, forecasts and syncs: its proportional set size (PSS).
# usage: Tests/edge-memory.sh VAHO-EDGE VAHO-CLOUD [SECONDS]     (default 30; Benchmarks/README.md has the figure after 600)
set -euo pipefail
edge=${1:?vaho-edge} cloud=${2:?vaho-cloud} seconds=${3:-30}
limit_kb=14000
work=$(mktemp -d)
pids=()
stop() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$work"; }
trap stop EXIT
touch "$work/cloud.log" "$work/edge.log"
VAHO_STORE=sqlite:$work/cloud VAHO_LISTEN=127.0.0.1:0 "$cloud" serve 2>"$work/cloud.log" &
pids+=($!)
until port=$(sed -n 's/.*listening address=127.0.0.1://p' "$work/cloud.log") && [ -n "$port" ]; do sleep 0.1; done
VAHO_STORE=sqlite:$work/cloud "$cloud" device add probe --out "$work/probe" >/dev/null
# One sensor with a ten-minute recording at ten minutes a second: an observation, a forecast and a batch every second.
VAHO_DEVICE_ID=probe VAHO_STATE_DIR=$work/state VAHO_SENSOR_AIR=replay:$(dirname "$0")/../deploy/demo/bathroom.csv \
    VAHO_LISTEN=127.0.0.1:0 VAHO_CLOUD_URL=http://127.0.0.1:$port VAHO_TOKEN_FILE=$work/probe/token \
    VAHO_RELEASE_KEY_FILE=$work/probe/release-keys VAHO_SYNC_PERIOD_SECONDS=1 "$edge" run --speed 600 2>"$work/edge.log" &
pids+=($!)
probe=$!
until face=$(sed -n 's/.*listening address=127.0.0.1://p' "$work/edge.log") && [ -n "$face" ]; do sleep 0.1; done
curl -sf "http://127.0.0.1:$face/v1/status" >/dev/null
sleep "$seconds"
grep -q 'not reached' "$work/edge.log" && { cat "$work/edge.log" >&2; exit 1; }
pss=$(awk '/^Pss:/ { print $2 }' "/proc/$probe/smaps_rollup")
rss=$(awk '/^Rss:/ { print $2 }' "/proc/$probe/smaps_rollup")
echo "vaho-edge after $seconds s: PSS $pss kB (limit $limit_kb), RSS $rss kB, threads $(find "/proc/$probe/task" -mindepth 1 -maxdepth 1 | wc -l)"
[ "$pss" -le $limit_kb ]

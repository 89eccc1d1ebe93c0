#!/usr/bin/env bash
# Measures how many readings a second vaho-cloud ingests, acknowledged after the fsync. Server, database and load generator (wrk) share this machine.
# usage: Benchmarks/ingest.sh [--rows 1000] [--batches 100] [--connections 64] [--devices 1000] [--format binary|json] [--store sqlite|postgres]
#                             [--peer victoriametrics] [--bin FOLDER]
# --batches: of each connection. --store postgres: a PostgreSQL server in a scratch folder. --peer: sends the same number of readings, in requests of as
# many rows, to VictoriaMetrics (Debian's package victoria-metrics), which does not wait for the disk. --bin: use the programs in FOLDER instead of building
# them.
set -euo pipefail
cd "$(dirname "$0")/.."
rows=1000 batches=100 connections=64 devices=1000 format=binary store=sqlite peer='' bin=''
arguments=("$@")
while [ $# -gt 0 ]; do
    case $1 in
    --rows) rows=$2 ;;
    --batches) batches=$2 ;;
    --connections) connections=$2 ;;
    --devices) devices=$2 ;;
    --format) format=$2 ;;
    --store) store=$2 ;;
    --peer) peer=$2 ;;
    --bin) bin=$2 ;;
    *) sed -n '2,7p' "$0" >&2; exit 2 ;;
    esac
    shift 2
done
if [ "$store" = postgres ] && [ -z "${VAHO_TEST_POSTGRES:-}" ]; then exec Tests/postgres.sh "$0" "${arguments[@]}"; fi
command -v wrk >/dev/null || { echo "ingest.sh: wrk is missing: apt-get install wrk" >&2; exit 1; }
if [ -n "$bin" ]; then
    vaho_cloud=$bin/vaho-cloud bench=$bin/vaho-bench
else
    deploy/build.sh --out .build-release/bin --product vaho-cloud >/dev/null
    swift build -c release --scratch-path .build-bench --product vaho-bench 2>&1 | grep -E 'error|warning' >&2 || true
    vaho_cloud=.build-release/bin/vaho-cloud bench=$(swift build -c release --scratch-path .build-bench --show-bin-path)/vaho-bench
fi
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
address=sqlite:$work/cloud
[ "$store" = sqlite ] || address=$VAHO_TEST_POSTGRES
unset VAHO_TEST_POSTGRES VAHO_TEST_PGBOUNCER
export VAHO_STORE=$address VAHO_LISTEN=127.0.0.1:0 VAHO_ANONYMOUS=viewer VAHO_TRAIN_CHECK_SECONDS=86400 VAHO_SIGNING_KEY_FILE=$work/key VAHO_DEVICE_MB_PER_DAY=100000

# Sends the requests of a file, and prints the rate.
send() { # FILE URL
    rm -f "$work/done"
    wrk --threads 1 --connections "$connections" --duration 600 --script Benchmarks/ingest.lua "$2" -- "$1" "$work/done" >/dev/null 2>&1 &
    local generator=$!
    pids+=("$generator")
    until [ -s "$work/done" ]; do sleep 0.1; kill -0 "$generator" 2>/dev/null || { echo "ingest.sh: wrk ended" >&2; exit 1; }; done
    { kill -KILL "$generator" && wait "$generator"; } 2>/dev/null || true  # wrk may have been started with SIGTERM ignored
    awk -v rows="$rows" '{ split($NF, rate, "="); printf "%s readings_per_second=%d\n", $0, rate[2] * rows }' "$work/done"
}

for device in $(seq "$devices"); do "$vaho_cloud" device add "d$device" --out "$work/tokens/d$device" >/dev/null; done
"$vaho_cloud" serve 2>"$work/log" &
cloud=$!
pids+=("$cloud")
until port=$(sed -n 's/.*listening address=127.0.0.1://p' "$work/log") && [ -n "$port" ]; do sleep 0.1; done
"$bench" ingest --url "http://127.0.0.1:$port" --tokens "$work/tokens" --rows "$rows" --batches "$batches" --connections "$connections" \
    --format "$format" --out "$work/requests"
printf 'vaho %s %s: ' "$store" "$format"
send "$work/requests" "http://127.0.0.1:$port"
awk '/^(Pss|Rss):/ { printf "%s %d kB  ", $1, $2 } END { print "" }' "/proc/$cloud/smaps_rollup"
before=$(date +%s%N)
until [ "$(curl -s "http://127.0.0.1:$port/metrics" | awk '$1 == "vaho_underived_batches" { print $2 + 0 }')" = 0 ]; do sleep 0.1; done
echo "observations derived $((($(date +%s%N) - before) / 1000000)) ms after the last batch"
curl -s "http://127.0.0.1:$port/metrics" | awk '$1 == "vaho_log_bytes" { bytes = $2 } $1 == "vaho_readings_total" { readings = $2 }
    END { printf "log: %.2f bytes a reading\n", bytes / readings }'
grep -E '^<[34]>' "$work/log" | head -5 || true
kill "$cloud"
wait "$cloud" 2>/dev/null || true

[ "$peer" = victoriametrics ] || exit 0
server=$(command -v victoria-metrics) || { echo "ingest.sh: victoria-metrics is missing: apt-get install victoria-metrics" >&2; exit 1; }
"$server" -storageDataPath "$work/peer" -httpListenAddr 127.0.0.1:18428 -retentionPeriod 100y >"$work/peer.log" 2>&1 &
pids+=("$!")
until curl -sf http://127.0.0.1:18428/health >/dev/null; do sleep 0.1; done
python3 - "$work/peer-requests" "$rows" $((batches * connections)) "$devices" <<'END'
import struct, sys
path, rows, requests, devices = sys.argv[1], *map(int, sys.argv[2:])
with open(path, "wb") as file:
    for number in range(requests):
        first = number // devices * rows
        lines = "".join(
            f"air,device=d{number % devices},sensor=s{row % 2} humidity={45 + (first + row) * 7919 % 61 / 1000:.3f},temperature={20 + row % 13 / 10:.1f} "
            f"{(1700000000 + (first + row) // 2 * 60) * 10**9}\n" for row in range(rows)).encode()
        head = f"POST /write HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(lines)}\r\n\r\n".encode()
        file.write(struct.pack("<I", len(head) + len(lines)) + head + lines)
END
printf 'victoriametrics, not durable when acknowledged: '
send "$work/peer-requests" http://127.0.0.1:18428

#!/usr/bin/env bash
# Measures the training on a fleet with a year of observations, and LightGBM's global fit on the same rows.
# usage: Benchmarks/training.sh [--devices 100] [--peer lightgbm]
# Each device has one sensor with ten-minute observations of simulated air. The training is done three times on copies of the same archive: starting from
# the shipped release, again (the weights must have the same bytes), and from random weights.
set -euo pipefail
cd "$(dirname "$0")/.."
devices=100 peer=''
while [ $# -gt 0 ]; do
    case $1 in
    --devices) devices=$2 ;;
    --peer) peer=$2 ;;
    *) sed -n '2,5p' "$0" >&2; exit 2 ;;
    esac
    shift 2
done
deploy/build.sh --out .build-release/bin --product vaho-cloud >/dev/null
swift build -c release --scratch-path .build-bench --product vaho-bench 2>&1 | grep -E 'error|warning' >&2 || true
vaho_cloud=$PWD/.build-release/bin/vaho-cloud
bench=$(swift build -c release --scratch-path .build-bench --show-bin-path)/vaho-bench
export VAHO_PRETRAINED_FILE=$PWD/deploy/pretrained.vaho
work=$(mktemp -d)
cloud=''
trap '[ -z "$cloud" ] || kill "$cloud" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
export VAHO_STORE=sqlite:$work/cloud VAHO_LISTEN=127.0.0.1:0 VAHO_ANONYMOUS=viewer VAHO_TRAIN_CHECK_SECONDS=86400 VAHO_DEVICE_MB_PER_DAY=100000 VAHO_FORECAST_SCHEDULE=off
for device in $(seq "$devices"); do "$vaho_cloud" device add "d$device" --out "$work/tokens/d$device" >/dev/null; done
"$vaho_cloud" serve 2>"$work/log" &
cloud=$!
until port=$(sed -n 's/.*listening address=127.0.0.1://p' "$work/log") && [ -n "$port" ]; do sleep 0.1; done
# 595 s: each bin of ten minutes has a reading. 53 batches of 1000 readings are a year.
"$bench" ingest --url "http://127.0.0.1:$port" --tokens "$work/tokens" --rows 1000 --sensors 1 --air simulated --period 595 --connections 1 \
    --batches $((53 * devices)) >/dev/null
until [ "$(curl -s "http://127.0.0.1:$port/metrics" | awk '$1 == "vaho_underived_batches" { print $2 + 0 }')" = 0 ]; do sleep 0.2; done
kill "$cloud"
wait "$cloud" 2>/dev/null || true
cloud=''

# Trains on a copy of the archive; prints time, cores and memory. FILE: the release.
train() { # NAME
    rm -rf "$work/copy"
    cp -r "$work/cloud" "$work/copy"
    VAHO_STORE=sqlite:$work/copy /usr/bin/time -f '%e s, %U s of processor time, at most %M kB of memory' "$vaho_cloud" train >"$work/out" 2>"$work/time"
    printf '%s: %s\n' "$1" "$(tail -n 1 "$work/time")"
    VAHO_STORE=sqlite:$work/copy "$vaho_cloud" runs show --format json >"$work/run.json"
}
figures() {
    python3 - "$work/run.json" <<'END'
import json, sys
for row in json.load(open(sys.argv[1])):
    if row["part"] == "figure":
        print(row["name"], row["value"])
END
}

train "training from the shipped release"
figures >"$work/first"
VAHO_STORE=sqlite:$work/copy /usr/bin/time -f '%e s, at most %M kB' "$vaho_cloud" models reproduce 2>"$work/time" | sed 's/^/the same again: /'
tail -n 1 "$work/time"
train "the same on another copy"
figures | diff "$work/first" - && echo "all figures are the same"
grep -E '^error\.(candidate|champion|persistence)\.(1|24)h' "$work/first"
VAHO_PRETRAINED_FILE=none train "training from random weights"

[ "$peer" = lightgbm ] || exit 0
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy lightgbm
snapshot=$(VAHO_STORE=sqlite:$work/copy "$vaho_cloud" snapshot list --format json | python3 -c 'import json, sys; print(json.load(sys.stdin)[0]["sha256"])')
VAHO_STORE=sqlite:$work/copy "$vaho_cloud" snapshot export "$snapshot" --out "$work/series" >/dev/null
"$bench" rows --data "$work/series" --out "$work/rows"
"$work/venv/bin/python" Benchmarks/training.py "$work/rows"

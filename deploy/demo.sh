#!/usr/bin/env bash
# Shows the whole loop on this machine: three devices replay real recordings at high speed, the cloud learns from them,
# and the model comes back signed and forecasts better. Ctrl-C stops everything.
# usage: deploy/demo.sh [--stay-offline] [--check] [--binaries FOLDER]
#   --stay-offline  stop the cloud in the middle: the devices keep forecasting, then catch up
#   --check         no terminal: run to the end, exit 0 only if every step succeeded
#   --binaries      use these vaho-edge and vaho-cloud instead of building
set -euo pipefail
cd "$(dirname "$0")/.."
offline=0 check=0 binaries=
while [ $# -gt 0 ]; do
    case $1 in
    --stay-offline) offline=1; shift ;;
    --check) check=1; shift ;;
    --binaries) binaries=${2:?--binaries needs a folder}; shift 2 ;;
    *) sed -n '2,7p' "$0" >&2; exit 2 ;;
    esac
done
devices=(airport attic bathroom)
speed=43200 # half a day a second
limit=180   # seconds, from the start of the cloud to the last step

deploy/install-deps.sh --build --demo
if [ -z "$binaries" ]; then
    binaries=$PWD/.build-release/demo
    echo "building (a few minutes the first time) …"
    deploy/build.sh --out "$binaries" >"${TMPDIR:-/tmp}/vaho-demo-build.log" 2>&1 || { tail -20 "${TMPDIR:-/tmp}/vaho-demo-build.log"; exit 1; }
fi

work=$(mktemp -d)
declare -A pid port
stop() {
    trap - EXIT INT TERM
    echo
    echo "stopping …"
    for name in "${!pid[@]}"; do kill "${pid[$name]}" 2>/dev/null || true; done
    for name in "${!pid[@]}"; do wait "${pid[$name]}" 2>/dev/null || true; done
    rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT TERM

started=$SECONDS
# A terminal gets bold steps and a live counter; a pipe gets each step once.
if [ -t 1 ]; then bold=$'\033[1m' plain=$'\033[0m'; else bold='' plain=''; fi
counts() { [ $check = 0 ] && [ -t 1 ]; }
step() { printf '\n%s%3d s  %s%s\n' "$bold" $((SECONDS - started)) "$1" "$plain"; }
# until_seen 'EVENT' COMMAND…: polls until the command succeeds
until_seen() {
    local what=$1; shift
    until "$@" >/dev/null 2>&1; do
        for name in "${!pid[@]}"; do
            kill -0 "${pid[$name]}" 2>/dev/null || { echo "demo.sh: $name ended:" >&2; tail -5 "$work/$name.log" >&2; exit 1; }
        done
        if [ $((SECONDS - started)) -gt $limit ]; then
            echo "demo.sh: not seen within $limit s: $what" >&2
            tail -n 5 "$work"/*.log >&2
            exit 1
        fi
        ! counts || printf '\r       %s … %d s ' "$what" $((SECONDS - started))
        sleep 0.5
    done
    ! counts || printf '\r\033[K'
}
listening() { grep -o 'listening address=[^ ]*' "$work/$1.log" | tail -1 | sed 's/.*://'; }
cloud_json() { curl -sf -m 5 -H "Authorization: Bearer ${token:-}" "http://127.0.0.1:${port[cloud]}$1"; }
edge_json() { curl -sf -m 5 "http://127.0.0.1:${port[$1]}$2"; }

start_cloud() {
    VAHO_STORE="sqlite:$work/cloud" VAHO_LISTEN="127.0.0.1:${port[cloud]:-0}" VAHO_TRAIN_AFTER_DEVICE_DAYS=30 VAHO_ROLLOUT_STEPS=100:0 VAHO_TRAIN_CHECK_SECONDS=2 \
        "$binaries/vaho-cloud" serve 2>>"$work/cloud.log" &
    pid[cloud]=$!
    until_seen "the cloud listens" cloud_listens
}
cloud_listens() {
    port[cloud]=$(listening cloud)
    [ -n "${port[cloud]}" ] && cloud_json /readyz
}
start_edge() {
    # Without the shipped release: it was trained on such recordings, so there would be little improvement to see.
    VAHO_PRETRAINED_FILE=none VAHO_DEVICE_ID=$1 VAHO_STATE_DIR="$work/$1" VAHO_SENSOR_AIR="replay:$PWD/deploy/demo/$1.csv" VAHO_LISTEN=127.0.0.1:0 \
        VAHO_CLOUD_URL="http://127.0.0.1:${port[cloud]}" VAHO_TOKEN_FILE="$work/$1.device/token" \
        VAHO_RELEASE_KEY_FILE="$work/$1.device/release-keys" VAHO_SYNC_PERIOD_SECONDS=1 \
        "$binaries/vaho-edge" run --speed $speed 2>>"$work/$1.log" &
    pid[$1]=$!
}
edge_listens() { port[$1]=$(listening "$1"); [ -n "${port[$1]}" ] && edge_json "$1" /readyz; }

step "the cloud starts"
start_cloud
cloud() { VAHO_STORE="sqlite:$work/cloud" "$binaries/vaho-cloud" "$@"; }
password=$(head -c 12 /dev/urandom | od -An -tx1 | tr -d ' \n')
cloud user add demo --role admin <<<"$password" >/dev/null
token=$(cloud token create demo.sh --role viewer --expires 1d)
echo "       page: http://127.0.0.1:${port[cloud]}/, name demo, password $password"

step "three devices start, each with a token of its own"
for device in "${devices[@]}"; do
    cloud device add "$device" --out "$work/$device.device" >/dev/null
    start_edge "$device"
done
for device in "${devices[@]}"; do
    until_seen "$device listens" edge_listens "$device"
    echo "       $device replays deploy/demo/$device.csv, its own page: http://127.0.0.1:${port[$device]}/"
done

readings() { cloud_json /metrics | awk '$1 == "vaho_readings_total" { print int($2) }'; }
all_arrive() { [ "$(cloud_json /v1/devices | jq '[.devices[] | select(.sensors[0].last != null)] | length')" = 3 ]; }
step "readings arrive in the cloud"
until_seen "readings of all three" all_arrive
echo "       $(readings) readings so far"

forecasts_made() { for device in "${devices[@]}"; do edge_json "$device" '/v1/forecast?horizon=PT24H' | jq -e '.humidity_pct | length > 0' || return 1; done; }
step "each device forecasts by itself, without a model yet"
until_seen "forecasts of all three" forecasts_made
show_forecast() {
    edge_json "$1" '/v1/forecast?horizon=P5D' | jq -r --arg device "$1" '
        . as $f | [1, 6, 24, 120] | map((. * 3600) as $s | ($f.lead_time_s | index($s)) as $i | select($i) |
        "in \($s / 3600) h \($f.humidity_pct[$i][3] | round) % (\($f.humidity_pct[$i][1] | round)–\($f.humidity_pct[$i][5] | round))") |
        "       \($device), \($f.origin), \($f.method): " + join(", ")'
}
for device in "${devices[@]}"; do show_forecast "$device"; done

champion() { cloud_json /v1/devices | jq -e '.release.counter'; }
show_runs() {
    cloud_json /v1/runs | jq -r '.runs | reverse[] | "       after \(.device_days | floor) device-days: \(.outcome | gsub("_"; " ")): \(.detail | .[:90])…"'
}
step "the cloud trains a model on the readings it has received, and signs the model"
until_seen "a model that is better than the devices' forecasts" champion
show_runs
counter=$(champion)
cloud_json /v1/models | jq -r '.models[-1] | "       release \(.counter), sha256 \(.sha256[:12])…\n       \(.backtest)"'

active_everywhere() { [ "$(cloud_json /v1/devices | jq '[.devices[] | select(.release != null)] | length')" = 3 ]; }
step "the devices fetch the model, check signature, contract and golden vectors, and use the model"
until_seen "active on all three" active_everywhere
for device in "${devices[@]}"; do
    edge_json "$device" /v1/status | jq -r '"       \(.device.id) runs release \(.device.release.counter)"'
done

if [ $offline = 1 ]; then
    step "the cloud goes away"
    kill "${pid[cloud]}"; wait "${pid[cloud]}" 2>/dev/null || true; unset 'pid[cloud]'
    before=$(edge_json airport /v1/forecast | jq -r .origin)
    backlog() { edge_json "$1" /v1/status | jq .device.backlog; }
    forecast_on() { [ "$(edge_json airport /v1/forecast | jq -r .origin)" \> "$before" ] && [ "$(backlog airport)" -gt 60 ]; }
    until_seen "forecasts without the cloud" forecast_on
    for device in "${devices[@]}"; do show_forecast "$device"; echo "       $device keeps $(backlog "$device") rows for later"; done
    step "the cloud comes back, the devices catch up"
    start_cloud
    caught_up() { for device in "${devices[@]}"; do [ "$(backlog "$device")" -lt 30 ] || return 1; done; }
    until_seen "the backlog is delivered" caught_up
    echo "       $(readings) readings in the cloud"
fi

step "live error before and after the new model, as reported by the devices"
scored() {
    cloud_json /v1/devices | jq -e --argjson release "$counter" '
        [.devices[] | select(any(.scores[]; .release >= $release and .lead_time_s == 43200 and .count >= 40))] | length == 3'
}
until_seen "forecasts of the new model with observed targets" scored
cloud_json /v1/devices | jq -r --argjson release "$counter" '
    def mean(f): (map(f * .count) | add) / (map(.count) | add);
    def row(scores): if (scores | length) == 0 then "–" else (scores | mean(.mae_pct) / mean(.persistence_mae_pct) * 100 | round | tostring) + " %" end;
    "       error as a share of persistence\u0027s error, all forecasts with observed targets:",
    "       lead time     before (no model)     after (release \($release) on)",
    ([1, 3, 6, 12][] as $h | [.devices[].scores[] | select(.lead_time_s == $h * 3600)] as $s |
        "       \($h) h\(if $h < 10 then " " else "" end)          \(row($s | map(select(.release == 0))))                  \(row($s | map(select(.release >= $release))))"),
    (.devices[] | . as $d | "       \(.id): " + ([.scores[] | select(.lead_time_s == 21600) |
        "\(if .release == 0 then "before" else "release \(.release)" end) \(.mae_pct * 10 | round / 10) %RH 6 h ahead, persistence \(.persistence_mae_pct * 10 | round / 10)"] | join("; ")))'
total=$((SECONDS - started))
echo
echo "every step succeeded, $total s after the start"
if [ $check = 0 ]; then
    echo "the page stays at http://127.0.0.1:${port[cloud]}/ until Ctrl-C"
    wait
fi

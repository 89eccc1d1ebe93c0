#!/usr/bin/env bash
# Checks the page of a cloud and of an edge in a real browser, with data that the programs made.
# usage: Tests/browser/run.sh FOLDER [SCREENSHOT.png]
set -euo pipefail
bin=${1:?a folder with vaho-edge and vaho-cloud} picture=${2:-}
here=$(dirname "$0")
work=$(mktemp -d)
pids=()
stop() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$work"; }
trap stop EXIT
listening() { until port=$(sed -n 's/.*listening address=127.0.0.1://p' "$1") && [ -n "$port" ]; do sleep 0.1; done; echo "$port"; }
for name in cloud tower; do : >"$work/$name.log"; done
VAHO_STORE=sqlite:$work/cloud VAHO_LISTEN=127.0.0.1:0 VAHO_TRAIN_AFTER_DEVICE_DAYS=30 VAHO_ROLLOUT_STEPS=100:0 VAHO_TRAIN_CHECK_SECONDS=1 VAHO_SILENT_AFTER_SECONDS=5 \
    "$bin/vaho-cloud" serve 2>"$work/cloud.log" &
pids+=($!)
cloud=$(listening "$work/cloud.log")
# The log has the link that makes the first admin.
link=$(sed -n 's/.*link="*\([^ "]*\).*/\1/p' "$work/cloud.log" | head -1)
export VIEWER_PASSWORD="four plain green words"
VAHO_STORE=sqlite:$work/cloud "$bin/vaho-cloud" user add viewer --role viewer <<<"$VIEWER_PASSWORD" >/dev/null
# Three recordings run to their end, and the cloud trains on them. A fourth device keeps running, so that the page is live.
start() {
    local device=$1 recording=$2 speed=$3
    shift 3 # settings
    VAHO_STORE=sqlite:$work/cloud "$bin/vaho-cloud" device add "$device" --out "$work/$device" >/dev/null
    # Without the shipped release: the trained model has to beat only the damped anomaly, so a release is certain.
    VAHO_PRETRAINED_FILE=none VAHO_DEVICE_ID=$device VAHO_STATE_DIR=$work/$device/state VAHO_SENSOR_AIR=replay:$here/../../deploy/demo/$recording.csv \
        VAHO_PLACE_AIR="demonstration" VAHO_LISTEN=127.0.0.1:0 VAHO_CLOUD_URL=http://127.0.0.1:$cloud VAHO_TOKEN_FILE=$work/$device/token \
        VAHO_RELEASE_KEY_FILE=$work/$device/release-keys VAHO_SYNC_PERIOD_SECONDS=1 env "$@" "$bin/vaho-edge" run --speed "$speed" 2>"$work/$device.log" &
    pids+=($!)
}
for device in airport attic bathroom; do start $device $device 400000; done
start tower attic 30000 VAHO_SURFACE_AIR=10 VAHO_RULE_DAMP="humidity above 1 %"
edge=$(listening "$work/tower.log")
# A fifth device reports once, with a hole, and then falls silent.
VAHO_STORE=sqlite:$work/cloud "$bin/vaho-cloud" device add quiet --out "$work/quiet" >/dev/null
now=$(date +%s)000
curl -sf -o /dev/null -H "Authorization: Bearer $(cat "$work/quiet/token")" -H "Content-Type: application/json" \
    "http://127.0.0.1:$cloud/v1/devices/quiet/batches" -d '{"version":1,"epoch":"00000000000000aa","first":1,"sensors":["air"],"sensor":[0],
    "taken_at_ms":['"$now"'],"humidity_mpct":[61250],"temperature_mc":[11900],"pressure_pa":[100150],"flags":[256],"records":[{"sequence":2,"kind":"hole","sensor":"air","reason":"sensor_error",
    "from_ms":1795234200000,"to_ms":1795237800000,"count":59}]}'
python3 "$here/access.py" "http://127.0.0.1:$cloud" "$link"
python3 "$here/page.py" "http://127.0.0.1:$cloud" "http://127.0.0.1:$edge" $picture
python3 "$here/changes.py" "http://127.0.0.1:$cloud"
for number in $(seq 200); do VAHO_STORE=sqlite:$work/cloud "$bin/vaho-cloud" device add "site-$number" --out "$work/site-$number" >/dev/null; done
python3 "$here/page.py" pages "http://127.0.0.1:$cloud"

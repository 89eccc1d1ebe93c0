#!/usr/bin/env bash
# Brings sensors and devices into every state except "revoked", and checks the pages of edge and cloud in a real browser.
# usage: Tests/browser/states.sh BINARIES [FOLDER]     FOLDER: gets a picture of each state
set -euo pipefail
bin=${1:?a folder with vaho-edge and vaho-cloud} pictures=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
pids=()
stop() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$work"; }
trap stop EXIT
listening() { until port=$(sed -n 's/.*listening address=127.0.0.1://p' "$1") && [ -n "$port" ]; do sleep 0.1; done; echo "$port"; }

: >"$work/cloud.log"
VAHO_STORE=sqlite:$work/cloud VAHO_LISTEN=127.0.0.1:0 VAHO_ANONYMOUS=viewer VAHO_SILENT_AFTER_SECONDS=8 "$bin/vaho-cloud" serve 2>"$work/cloud.log" &
pids+=($!)
cloud=$(listening "$work/cloud.log")
add() { VAHO_STORE=sqlite:$work/cloud "$bin/vaho-cloud" device add "$1" --out "$work/$1" >/dev/null; }
# start DEVICE FOLDER SETTING…: the process id is the last of $pids
start() {
    local device=$1 folder=$work/$2
    shift 2
    mkdir -p "$folder"
    : >"$folder/log"
    env VAHO_DEVICE_ID="$device" VAHO_STATE_DIR="$folder/state" VAHO_LISTEN=127.0.0.1:0 VAHO_CLOUD_URL="http://127.0.0.1:$cloud" \
        VAHO_TOKEN_FILE="$work/$device/token" VAHO_RELEASE_KEY_FILE="$work/$device/release-keys" VAHO_SYNC_PERIOD_SECONDS=1 \
        VAHO_SAMPLE_PERIOD_SECONDS=1 VAHO_COMMIT_PERIOD_SECONDS=0 "$@" "$bin/vaho-edge" run 2>"$folder/log" &
    pids+=($!)
}
chip() {
    mkdir -p "$work/sys/class/hwmon/$1"
    echo "$2" >"$work/sys/class/hwmon/$1/name"
    echo 45000 >"$work/sys/class/hwmon/$1/humidity1_input"
    echo 21000 >"$work/sys/class/hwmon/$1/temp1_input"
}
for device in house tower barn attic twin loft; do add "$device"; done
chip hwmon0 sht4x
chip hwmon1 sht3x
echo 1 >"$work/sys/class/hwmon/hwmon1/heater_enable"
start house house VAHO_SYSFS_ROOT="$work/sys" VAHO_SENSOR_GALLERY=simulated VAHO_PLACE_GALLERY="north wall" VAHO_SENSOR_ARCHIVE=hwmon:sht4x \
    VAHO_SENSOR_DEPOT=hwmon:sht3x VAHO_SENSOR_VAULT="command:echo 48.1,20; echo 48.14,20; exec sleep 6000" \
    VAHO_SENSOR_CRYPT="command:echo 55.6,21; sleep 1; while echo 250,21; do sleep 1; done" \
    VAHO_SENSOR_SPRING="command:while echo 100,\$((12 + RANDOM % 3)).\$((RANDOM % 9)); do sleep 1; done" \
    VAHO_RULE_DAMP="humidity above 55 %"
house=$(listening "$work/house/log")
# Eight days at 99.9 % while the temperature moves: a sensor that is stuck.
python3 - "$work/stuck.csv" <<'P'
import datetime, random, sys
random.seed(2)
at = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
with open(sys.argv[1], "w") as file:
    file.write("time,humidity_pct,temperature_c\n")
    for i in range(10 * 288):
        percent = random.uniform(70, 90) if i < 400 else 99.9
        file.write(f"{at + datetime.timedelta(minutes=5 * i):%Y-%m-%dT%H:%M:%SZ},{percent:.1f},{8 + 3 * random.random():.1f}\n")
P
start tower tower VAHO_SENSOR_BELFRY=replay:"$work/stuck.csv" VAHO_REPLAY_SPEED=500000
echo 0000 >"$work/barn/token"
start barn barn VAHO_SENSOR_AIR=simulated
barn=$(listening "$work/barn/log")
start attic attic VAHO_SENSOR_AIR=simulated:outdoor
silent=${pids[-1]}
start twin twin VAHO_SENSOR_AIR=simulated:room,seed=5
start twin other VAHO_SENSOR_AIR=simulated:room,seed=6
# Sends a reading and a report, as a device whose clock was never set.
loft() {
    curl -sf -o /dev/null -H "Authorization: Bearer $(cat "$work/loft/token")" -H "Content-Type: application/json" \
        "http://127.0.0.1:$cloud/v1/devices/loft/batches" -d '{"version":1,"epoch":"00000000000000aa","first":1,"sensors":["air"],"sensor":[0],
        "taken_at_ms":['"$(date +%s)000"'],"humidity_mpct":[52000],"temperature_mc":[18000],"flags":[0],"report":{"clock":2,"scores":[]}}'
}
loft
(while sleep 3; do loft || true; done) &
pids+=($!)
sleep 6
rm -r "$work/sys/class/hwmon/hwmon0"
kill "$silent"
python3 "$here/states.py" "http://127.0.0.1:$cloud" "http://127.0.0.1:$house" "http://127.0.0.1:$barn" $pictures

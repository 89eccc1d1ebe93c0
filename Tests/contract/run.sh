#!/usr/bin/env bash
# Sends requests made from the API's description to a running cloud, with the token of a viewer, an admin and a device, and checks every answer against
# the description (schemathesis, all checks). The stream of events is left out, because it has no end: Tests/events.py checks it.
# usage: Tests/contract/run.sh FOLDER [EXAMPLES]     a folder with vaho-edge and vaho-cloud; examples for each operation (default 10)
set -euo pipefail
bin=$(realpath "${1:?a folder with vaho-edge and vaho-cloud}") examples=${2:-10}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
tools=$("$root/Tests/python-tool.sh" schemathesis 4.32.5)
work=$(mktemp -d)
cd "$work" # schemathesis writes its cache to the current folder
pids=()
stop() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$work"; }
trap stop EXIT
export VAHO_STORE=sqlite:$work/cloud
: >"$work/cloud.log"
VAHO_LISTEN=127.0.0.1:0 "$bin/vaho-cloud" serve 2>"$work/cloud.log" &
pids+=($!)
until port=$(sed -n 's/.*listening address=127.0.0.1://p' "$work/cloud.log") && [ -n "$port" ]; do sleep 0.1; done
cloud=http://127.0.0.1:$port
"$bin/vaho-cloud" device add attic --out "$work/attic" >/dev/null
for role in viewer admin; do "$bin/vaho-cloud" token create "$role" --role "$role" >"$work/$role"; done
env -u VAHO_STORE VAHO_DEVICE_ID=attic "VAHO_STATE_DIR=$work/state" "VAHO_SENSOR_AIR=replay:$root/deploy/demo/attic.csv" VAHO_LISTEN=off "VAHO_CLOUD_URL=$cloud" \
    "VAHO_TOKEN_FILE=$work/attic/token" "VAHO_RELEASE_KEY_FILE=$work/attic/release-keys" VAHO_SYNC_PERIOD_SECONDS=1 \
    "$bin/vaho-edge" run --speed 400000 2>"$work/edge.log" &
edge=$!
pids+=("$edge")
seen() { curl -sf -H "Authorization: Bearer $(cat "$work/viewer")" "$cloud/metrics" | awk '$1 == "vaho_readings_total" { exit $2 < 1500 }'; }
until seen; do sleep 0.5; done
kill "$edge" && wait "$edge" || true
check() { # who token further arguments
    local who=$1 token=$2
    shift 2
    echo "$who"
    "$tools/bin/schemathesis" --config-file "$here/schemathesis.toml" run "$root/cloud/API/openapi.json" --url "$cloud" -H "Authorization: Bearer $token" --checks all \
        --max-examples "$examples" --seed 1 --no-color --exclude-path /v1/events "$@" >"$work/log" 2>&1 || { cat "$work/log"; tail -5 "$work/cloud.log"; exit 1; }
    grep -E "generated|Tested" "$work/log"
}
check "a viewer" "$(cat "$work/viewer")"
check "an admin" "$(cat "$work/admin")"
check "a device" "$(cat "$work/attic/token")" --include-path-regex '^/v1/devices/\{id\}/(batches|release|release-keys|readings|settings-file)$'
if grep -E '^<[0-3]>' "$work/cloud.log" | grep -v 'requests failed'; then echo "run.sh: the server has logged an error"; exit 1; fi

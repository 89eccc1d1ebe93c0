#!/usr/bin/env bash
# Checks deploy/monitoring: with promtool, and against a cloud on PostgreSQL and a device that really run.
# usage: Tests/postgres.sh Tests/monitoring.sh FOLDER     a folder with vaho-edge and vaho-cloud
set -euo pipefail
bin=${1:?a folder with vaho-edge and vaho-cloud}
here=$(cd "$(dirname "$0")" && pwd)
server=${VAHO_TEST_POSTGRES:?run this by Tests/postgres.sh}
unset VAHO_TEST_POSTGRES VAHO_TEST_PGBOUNCER # the programs refuse settings that they do not know
work=$(mktemp -d)
pids=()
stop() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; wait; rm -rf "$work"; }
trap stop EXIT

cp "$here"/../deploy/monitoring/*.yml "$work"
sed -i "s|/etc/prometheus|$work|" "$work/prometheus.yml"
touch "$work/vaho-token" "$work/vaho-edge-password"
promtool check config "$work/prometheus.yml"
(cd "$work" && promtool test rules alerts-test.yml)

psql -qX "$server" -c 'CREATE DATABASE monitoring'
export VAHO_STORE=${server%/*}/monitoring VAHO_SIGNING_KEY_FILE=$work/key
VAHO_LISTEN=127.0.0.1:0 "$bin/vaho-cloud" serve 2>"$work/cloud.log" &
pids+=($!)
listening() { # the port in a program's log, within 30 s
    for _ in $(seq 300); do
        port=$(sed -n 's/.*listening address=127.0.0.1://p' "$1")
        [ -z "$port" ] || { echo "$port"; return; }
        sleep 0.1
    done
    cat "$1" >&2
    return 1
}
cloud=$(listening "$work/cloud.log")
"$bin/vaho-cloud" token create prometheus --role viewer >"$work/vaho-token"
"$bin/vaho-cloud" device add church --out "$work/church" >/dev/null
: >"$work/edge.log"
VAHO_DEVICE_ID=church VAHO_STATE_DIR=$work/state VAHO_SENSOR_CRYPT=replay:$here/../deploy/demo/attic.csv VAHO_LISTEN=127.0.0.1:0 VAHO_CLOUD_URL=http://127.0.0.1:$cloud \
    VAHO_TOKEN_FILE=$work/church/token VAHO_RELEASE_KEY_FILE=$work/church/release-keys VAHO_SYNC_PERIOD_SECONDS=1 \
    "$bin/vaho-edge" run --speed 20000 2>"$work/edge.log" &
pids+=($!)
edge=$(listening "$work/edge.log")
/usr/bin/python3 "$here/monitoring.py" "$here/../deploy/monitoring" "http://127.0.0.1:$cloud" "$work/vaho-token" "http://127.0.0.1:$edge" "$VAHO_STORE"

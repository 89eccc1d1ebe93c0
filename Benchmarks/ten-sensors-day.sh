#!/usr/bin/env bash
# Runs ten sensors at one reading a second for a day and measures schedule drift and memory growth. The day runs in a virtual machine whose
# clock counts instructions and skips idle time: 86,400 s of the machine's clock take an hour or two.
# usage: Benchmarks/ten-sensors-day.sh VAHO-EDGE [HOURS] [--cache FOLDER]      (default 24; the folder keeps the unpacked kernel)
set -euo pipefail
[ $# -ge 1 ] || { sed -n '4p' "$0" >&2; exit 2; }
edge=$1
shift
hours=24
case ${1:-} in '' | --*) ;; *) hours=$1; shift ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/day.sh" <<DAY
hours=$hours
DAY
cat >>"$work/day.sh" <<'DAY'
date -s '2026-06-01 00:00:00' >/dev/null
for number in 0 1 2 3 4 5 6 7 8 9; do export "VAHO_SENSOR_S$number=simulated:room,seed=$number"; done
VAHO_STATE_DIR=/state VAHO_LISTEN=off VAHO_SAMPLE_PERIOD_SECONDS=1 vaho-edge run 2>/log &
process=$!
hour=0
while [ $hour -lt $hours ]; do
    sleep 3600
    hour=$((hour + 1))
    [ -d /proc/$process ] || { cat /log; exit 1; }
    echo "hour $hour: PSS $(awk '/^Pss:/ { print $2 }' /proc/$process/smaps_rollup) kB, $(awk '{ print $14 + $15 }' /proc/$process/stat) ticks of CPU"
done
kill $process
wait $process
cat /log
# The drift is the time from the first to the last reading, minus one second per reading: even a microsecond per reading adds up.
sqlite3 -separator ' ' /state/readings.sqlite 'SELECT sensor, taken_at_ms FROM reading ORDER BY sensor, key' | awk '
    $1 != sensor { if (sensor != "") report(); sensor = $1; n = 0; first = $2; last = $2; gap = 0 }
    { if (n > 0 && $2 - last > gap) gap = $2 - last; last = $2; n++ }
    function report() { d = (last - first) - 1000 * (n - 1); if (d < 0) d = -d; if (d > drift) drift = d; if (gap > worst) worst = gap; total += n; k++ }
    END { report(); printf "%d readings of %d sensors; the last is at most %d ms off its second, the longest step %d ms\n", total, k, drift, worst }'
DAY
"$(dirname "$0")/../Tests/machine.sh" "$@" --minutes 240 --qemu '-icount shift=3,sleep=off' "$work/day.sh" "$edge" "$(dirname "$edge")/pretrained.vaho" "$(command -v sqlite3)"

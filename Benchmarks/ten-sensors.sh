#!/usr/bin/env bash
# Runs ten sensors at one reading a second and measures schedule drift, memory growth and the share of a core.
# usage: Benchmarks/ten-sensors.sh VAHO-EDGE [MINUTES]      (default 10)
set -euo pipefail
edge=$(realpath "${1:?usage: Benchmarks/ten-sensors.sh VAHO-EDGE [MINUTES]}")
minutes=${2:-10}
state=$(mktemp -d)
settings=(VAHO_STATE_DIR="$state" VAHO_LISTEN=off VAHO_SAMPLE_PERIOD_SECONDS=1)
for number in 0 1 2 3 4 5 6 7 8 9; do settings+=("VAHO_SENSOR_S$number=simulated:room,seed=$number"); done
env "${settings[@]}" "$edge" run 2>"$state/log" &
process=$!
trap 'kill $process 2>/dev/null || true; wait $process 2>/dev/null || true; rm -rf "$state"' EXIT
pss() { awk '/^Pss:/ { print $2 }' "/proc/$process/smaps_rollup"; }
ticks() { awk '{ print $14 + $15 }' "/proc/$process/stat"; }
sleep 60 # until one-time allocations are done
first_pss=$(pss)
first_ticks=$(ticks)
most=0
for _ in $(seq $((minutes * 6))); do
    sleep 10
    now=$(pss)
    [ "$now" -le "$most" ] || most=$now
done
cpu=$(awk -v t=$(($(ticks) - first_ticks)) -v s=$((minutes * 60)) -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", 100 * t / hz / s }')
echo "PSS ${first_pss} kB after a minute, ${most} kB at most in ${minutes} minutes after it; ${cpu} % of a core"
kill $process
wait $process || true
# The drift is the time from the first to the last reading, minus one second per reading: even a microsecond per reading adds up.
sqlite3 -separator ' ' "$state/readings.sqlite" 'SELECT sensor, taken_at_ms FROM reading ORDER BY sensor, key' | awk '
    $1 != sensor { if (sensor != "") report(); sensor = $1; n = 0; first = $2; last = $2; gap = 0 }
    { if (n > 0 && $2 - last > gap) gap = $2 - last; last = $2; n++ }
    function report() { d = (last - first) - 1000 * (n - 1); if (d < 0) d = -d; if (d > drift) drift = d; if (gap > worst) worst = gap; total += n; k++ }
    END { report(); printf "%d readings of %d sensors; the last is at most %d ms off its second, the longest step %d ms\n", total, k, drift, worst }'

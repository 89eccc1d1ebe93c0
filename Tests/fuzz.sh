#!/usr/bin/env bash
# Runs libFuzzer on the decoders of batches, answers, enrolments, records and releases.
# usage: Tests/fuzz.sh [SECONDS]     (default 20; inputs that fail are kept in .build-fuzz/found)
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20}
build=.build-fuzz
mkdir -p "$build/corpus" "$build/found"
# Compiles one module per folder, in import order, each with the fuzzer's coverage counters.
modules=(Measures Text Bytes Psychrometrics Observing Forecasting Releases Wire)
flags=(-O -sanitize=fuzzer -parse-as-library -package-name vaho -swift-version 6 -I "$build"
    -enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault
    -enable-upcoming-feature MemberImportVisibility -enable-upcoming-feature NonisolatedNonsendingByDefault)
objects=()
for module in "${modules[@]}"; do
    mapfile -t sources < <(find Sources/"$module" -name '*.swift' | sort)
    swiftc "${flags[@]}" -wmo -emit-module -emit-module-path "$build/$module.swiftmodule" -module-name "$module" \
        -c "${sources[@]}" -o "$build/$module.o"
    objects+=("$build/$module.o")
done
swiftc "${flags[@]}" -wmo -module-name Fuzz Tests/fuzz/Fuzz.swift "${objects[@]}" -o "$build/fuzz"
# With the backtrace on, Swift hangs after the first crash.
export SWIFT_BACKTRACE=enable=no
"$build/fuzz" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$build/found/" -print_final_stats=1 \
    "$build/corpus" Tests/fuzz/corpus 2>"$build/log" || { tail -n 40 "$build/log" >&2; exit 1; }
grep -E 'stat::number_of_executed_units|stat::new_units_added' "$build/log"

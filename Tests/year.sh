#!/usr/bin/env bash
# A year alone: twelve rooms replay a simulated year at high speed against the real cloud. A season changes, one sensor drifts, one goes flat, one network
# is poisoned, and one release passes its verdict but is bad in life. Prints the log of decisions, and fails unless the programs did the right thing.
# usage: Tests/year.sh [--days N] [--seed N] [--speed N] [--binaries DIR --tool FILE] [--keep DIR]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
case " $* " in
*" --tool "* | *" --tool="* | *" --help "* | *" -h "*) ;;
*)
    "$here/../deploy/build.sh" --out "$here/../.build-release/bin" >&2
    (cd "$here/.." && swift build --scratch-path .build-test --product vaho-bench >&2)
    set -- "$@" --binaries "$here/../.build-release/bin" --tool "$here/../.build-test/debug/vaho-bench"
    ;;
esac
# exec: a signal to this process reaches the process that cleans up.
PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 exec python3 -m year "$@"

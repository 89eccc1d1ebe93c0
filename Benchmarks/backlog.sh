#!/usr/bin/env bash
# Measures the recovery from a long outage: the disk used by so many days at one reading per 10 s, and the drain on loopback.
# usage: Benchmarks/backlog.sh [DAYS]     (default 90)
set -euo pipefail
cd "$(dirname "$0")/.."
deploy/build.sh --out .build-release/bin >/dev/null
exec python3 Benchmarks/backlog.py .build-release/bin "${1:-90}"

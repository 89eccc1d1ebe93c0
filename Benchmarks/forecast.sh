#!/usr/bin/env bash
# Measures the time of a forecast on this machine, alternately with the same network in ONNX Runtime.
# usage: Benchmarks/forecast.sh [--rounds 5]
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=5
case ${1:-} in
'') ;;
--rounds) rounds=${2:?--rounds needs a number} ;;
*) sed -n '2,3p' "$0" >&2; exit 2 ;;
esac
swift build -c release --scratch-path .build-bench --product vaho-bench 2>&1 | grep -E 'error|warning' >&2 || true
bench=$(swift build -c release --scratch-path .build-bench --show-bin-path)/vaho-bench
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check numpy onnx onnxruntime
"$work/venv/bin/python" Benchmarks/forecast.py "$bench" deploy/pretrained.vaho deploy/demo "$work/export" "$rounds"

#!/usr/bin/env bash
# The single test command: installs what tests need, builds with warnings as errors, runs all tests, the demonstration, the
# page in a browser, and the static checks.
set -euo pipefail
cd "$(dirname "$0")/.."
heading() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }
build=(--scratch-path .build-test --explicit-target-dependency-import-check error -Xswiftc -warnings-as-errors)

heading "packages"
deploy/install-deps.sh --build --test
Tests/promtool.sh "$PWD/.build-test/tools"
export PATH=$PWD/.build-test/tools:$PATH

heading "format"
swift format lint --strict --recursive --parallel Package.swift Sources edge cloud Tests Benchmarks

heading "shell scripts"
shellcheck -S warning deploy/*.sh Tests/*.sh Tests/browser/*.sh Tests/contract/*.sh Benchmarks/*.sh .ci/run

heading "imports, documents"
Tests/check-imports.py
Tests/check-circles.py
Tests/check-docs.py

heading "build"
swift build "${build[@]}" --build-tests

# Computing tests run separately: a test that computes uses a core for seconds, and on two cores a test that waits for a response would time out.
arithmetic='^(Forecasting|Learning|Evaluation|Pipeline)Tests\.'
heading "tests of the arithmetic"
swift test "${build[@]}" --skip-build --filter "$arithmetic"

# At most 4 tests at a time: the time limit of a test would otherwise include the time of all other tests, which share two cores.
heading "unit tests"
swift test "${build[@]}" --skip-build --experimental-maximum-parallelization-width 4 --skip "$arithmetic" --skip '^EndToEndTests\.'

heading "tests against PostgreSQL"
# At most 24 tests at a time: each has several connections, and on two cores more tests would only wait for each other.
Tests/postgres.sh swift test "${build[@]}" --skip-build --experimental-maximum-parallelization-width 24 \
    --filter '^(Postgres|Archive|API)Tests\.' --skip '^ArchiveTests\.LimitTests/'
# Alone: they measure how long one device's worst takes.
Tests/postgres.sh swift test "${build[@]}" --skip-build --filter '^ArchiveTests\.LimitTests/'
# Alone: it measures how soon one server sees what another one has changed.
Tests/postgres.sh swift test "${build[@]}" --skip-build --filter '^EndToEndTests\.ReplicaTests/'
Tests/postgres.sh swift test "${build[@]}" --skip-build --filter '^PipelineTests\.'

heading "runs and rollouts whose server is killed at each step"
Tests/postgres.sh swift test "${build[@]}" --skip-build --filter '^EndToEndTests\.(RunCrash|ReplicaRun|RolloutCrash)Tests/'

heading "runs and releases in a real MLflow server"
Tests/mlflow.sh swift test "${build[@]}" --skip-build --filter '^PipelineTests\.MLflowTests'

# At most 8 tests at a time: each runs several processes, and a program that needs more than 4 s to stop ends itself with an error.
heading "end-to-end tests"
swift test "${build[@]}" --skip-build --experimental-maximum-parallelization-width 8 --filter '^EndToEndTests\.' \
    --skip '^EndToEndTests\.(RunCrash|RolloutCrash)Tests/'

heading "release binaries"
bin=$PWD/.build-release/bin
deploy/build.sh --out "$bin"
Tests/check-binaries.sh "$bin" .build-test/debug

heading "the service's files, checked with systemd's tools"
Tests/systemd.sh "$bin"

heading "the demonstration, with an outage of the cloud"
deploy/demo.sh --check --stay-offline --binaries "$bin"

heading "the page in a browser"
Tests/browser/run.sh "$bin"

heading "every state of sensors and devices in a browser"
Tests/browser/states.sh "$bin"

heading "event streams: content, limits, memory, stop"
Tests/events.py "$bin"

heading "the API against its description"
Tests/contract/run.sh "$bin" 5

heading "Prometheus, Grafana and Home Assistant"
Tests/postgres.sh Tests/monitoring.sh "$bin"

heading "faults: kills, network outages, full disks, flipped bytes, clock jumps, power cuts"
Tests/faults.sh --seed 1 --minutes 2.4 --binaries "$bin"

heading "a year alone, in its short form"
Tests/year.sh --days 220 --binaries "$bin" --tool .build-test/debug/vaho-bench

heading "decoders under the fuzzer"
Tests/fuzz.sh 15

heading "memory of the edge"
Tests/edge-memory.sh "$bin/vaho-edge" "$bin/vaho-cloud"

printf '\nall passed in %d s\n' "$SECONDS"

#!/usr/bin/env bash
# Runs a command beside a real MLflow server, whose address is in VAHO_TEST_MLFLOW. Installs MLflow into a folder of its own first.
# usage: Tests/mlflow.sh COMMAND [ARGUMENT …]
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || { sed -n '2,3p' "$0" >&2; exit 2; }
tools=$(Tests/python-tool.sh mlflow 3.17.2)
work=$(mktemp -d)
server=''
trap '[ -z "$server" ] || { kill -- "-$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; }; rm -rf "$work"' EXIT
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
setsid "$tools/bin/python" -m mlflow server --host 127.0.0.1 --port "$port" --workers 1 --backend-store-uri "sqlite:///$work/mlflow.db" \
    --default-artifact-root "$work/artifacts" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 600); do
    curl -sf "http://127.0.0.1:$port/health" >/dev/null 2>&1 && break
    kill -0 "$server" 2>/dev/null || { cat "$work/log" >&2; echo "mlflow.sh: the server has ended" >&2; exit 1; }
    sleep 0.1
done
curl -sf "http://127.0.0.1:$port/health" >/dev/null || { cat "$work/log" >&2; echo "mlflow.sh: the server does not answer" >&2; exit 1; }
VAHO_TEST_MLFLOW=http://127.0.0.1:$port "$@"

#!/usr/bin/env bash
# Runs a command beside a PostgreSQL server of its own, in a scratch folder, and stops the server afterwards.
# usage: Tests/postgres.sh COMMAND…      addresses for the command: VAHO_TEST_POSTGRES, and VAHO_TEST_PGBOUNCER of a pooler
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2,3p' "$0" >&2; exit 2; }
programs=$(find /usr/lib/postgresql -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$programs" ] || { echo "postgres.sh: PostgreSQL is missing: deploy/install-deps.sh --test" >&2; exit 1; }
# A short path: a Unix socket's path has at most 107 bytes.
folder=$(mktemp -d /tmp/vaho-pg-XXXXXX)
# The server refuses to run as root.
as_owner=()
if [ "$(id -u)" = 0 ]; then
    chown postgres "$folder"
    as_owner=(setpriv --reuid=postgres --regid=postgres --clear-groups)
fi
stop() {
    [ ! -f "$folder/pool.pid" ] || kill "$(cat "$folder/pool.pid")" 2>/dev/null || true
    "${as_owner[@]}" "$programs/pg_ctl" -D "$folder/data" -m immediate -s stop 2>/dev/null || true
    rm -rf "$folder"
}
trap stop EXIT
cd "$folder"
"${as_owner[@]}" "$programs/initdb" -D "$folder/data" -U vaho --auth=trust --encoding=UTF8 --locale=C >/dev/null
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"${as_owner[@]}" "$programs/pg_ctl" -D "$folder/data" -s -w -l "$folder/log" start \
    -o "-c listen_addresses=127.0.0.1 -c port=$port -c unix_socket_directories=$folder -c fsync=on -c max_connections=400"
if command -v pgbouncer >/dev/null; then
    pool=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    printf '[databases]\n* = host=127.0.0.1 port=%s user=vaho\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %s\nauth_type = any\nunix_socket_dir =\n' \
        "$port" "$pool" >"$folder/pgbouncer.ini"
    printf 'pool_mode = transaction\npidfile = %s/pool.pid\nlogfile = %s/pool.log\nignore_startup_parameters = extra_float_digits\n' \
        "$folder" "$folder" >>"$folder/pgbouncer.ini"
    "${as_owner[@]}" pgbouncer -d -q "$folder/pgbouncer.ini"
    export VAHO_TEST_PGBOUNCER="postgres://vaho@127.0.0.1:$pool/postgres"
fi
cd - >/dev/null
VAHO_TEST_POSTGRES="postgres://vaho@127.0.0.1:$port/postgres" "$@"

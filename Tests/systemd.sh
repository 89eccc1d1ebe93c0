#!/usr/bin/env bash
# Checks the service's files with systemd's own tools: the files must be valid, and the exposure level at most 2.0 of 10.
# usage: Tests/systemd.sh FOLDER      (FOLDER holds the programs)
set -euo pipefail
binaries=$(cd "${1:?usage: Tests/systemd.sh FOLDER}" && pwd)
cd "$(dirname "$0")/.."
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
deploy/install-edge.sh --binaries "$binaries" --root "$root"
unit=$root/usr/lib/systemd/system/vaho-edge.service
# systemd-analyze looks for the program on this host.
sed -i "s|/usr/bin/vaho-edge|$root/usr/bin/vaho-edge|" "$unit"
systemd-analyze verify --recursive-errors=no --man=no "$unit"
systemd-analyze security --offline=yes --threshold=20 "$unit" | tail -n 1
systemd-sysusers --dry-run "$root/usr/lib/sysusers.d/vaho.conf" >/dev/null
# The installed program finds its shipped release.
VAHO_STATE_DIR=$root/state "$root/usr/bin/vaho-edge" model show | grep '^counter *0$'
# An existing configuration is kept.
echo '# mine' >"$root/etc/vaho/vaho.conf"
deploy/install-edge.sh --binaries "$binaries" --root "$root"
grep -qx '# mine' "$root/etc/vaho/vaho.conf"
echo "systemd files: valid"

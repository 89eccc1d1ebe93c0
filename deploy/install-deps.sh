#!/usr/bin/env bash
# Installs the system packages that Vaho needs on Debian 12.
# usage: deploy/install-deps.sh [--build] [--demo] [--test] [--runtime]     (default: --build)
set -euo pipefail
runtime=(libsqlite3-0 libpq5 libcurl4 libmicrohttpd12 libssl3 zlib1g libjs-dygraphs ca-certificates)
build=(libsqlite3-dev libpq-dev libcurl4-openssl-dev libmicrohttpd-dev libssl-dev zlib1g-dev libjs-dygraphs ca-certificates)
demo=(jq curl procps)
test=(jq curl procps openssl sqlite3 shellcheck chromium chromium-driver fonts-dejavu-core python3 python3-venv iproute2 nftables e2fsprogs xfsprogs util-linux
    postgresql-15 pgbouncer nginx-light wrk nbdkit libnbd-bin fuse3 umockdev gir1.2-umockdev-1.0 python3-gi python3-yaml python3-jinja2 systemd)
wanted=()
[ $# -gt 0 ] || set -- --build
for group in "$@"; do
    case $group in
    --runtime) wanted+=("${runtime[@]}") ;;
    --build) wanted+=("${build[@]}") ;;
    --demo) wanted+=("${demo[@]}") ;;
    --test) wanted+=("${test[@]}") ;;
    *) sed -n '2,3p' "$0" >&2; exit 2 ;;
    esac
done
missing=()
for package in "${wanted[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" = 0 ]; then
        export DEBIAN_FRONTEND=noninteractive
        apt-get -qq update
        apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo apt-get -qq update
        sudo DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
    else
        echo "install-deps.sh: not root. Ask an administrator for: apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
fi
case " $* " in
*" --build "*)
    if ! command -v swift >/dev/null; then
        cat >&2 <<'TEXT'
install-deps.sh: there is no Swift toolchain. Vaho is built with Swift 6.2 or later:
install Swift with swiftly, or unpack the Debian 12 tarball from https://www.swift.org/install/linux/ and add its usr/bin to PATH.
TEXT
        exit 1
    fi
    ;;
esac

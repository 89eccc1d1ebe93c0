#!/usr/bin/env bash
# Compares our readers with the kernel's own drivers: a stock Debian kernel in a virtual machine, with chips made of i2c-stub registers.
# Takes long: downloads a kernel package once, without installing it.
# usage: Tests/sensors.sh FOLDER [--cache FOLDER]
#   FOLDER   holds vaho-edge, as deploy/build.sh --out makes it
#   --cache  keeps the unpacked kernel (default: .build-kernel)
set -euo pipefail
[ $# -ge 1 ] || { sed -n '4,6p' "$0" >&2; exit 2; }
edge=$1/vaho-edge
shift
here=$(dirname "$0")
exec "$here/machine.sh" "$@" --modules "i2c-dev i2c-stub bmp280-i2c" "$here/sensors/stub.sh" "$edge"

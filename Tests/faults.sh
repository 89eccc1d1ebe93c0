#!/usr/bin/env bash
# Runs both programs under injected faults and compares every reading that a sensor gave with the readings in the cloud.
# usage: Tests/faults.sh --seed N --minutes M [--devices N] [--only kill,replies,network,disk,clock,power,replicas] [--binaries DIR]
# Without --binaries the programs are built. Network, disk and power need root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
case " $* " in
*" --binaries "* | *" --binaries="* | *" --help "* | *" -h "*) ;;
*)
    "$here/../deploy/build.sh" --out "$here/../.build-release/bin" >&2
    set -- "$@" --binaries "$here/../.build-release/bin"
    ;;
esac
# exec: a signal to this process reaches the process that cleans up.
PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1 exec python3 -m faults "$@"

#!/usr/bin/env bash
# Installs vaho-edge as a systemd service: program, shipped release, unit, user, udev rule, example configuration.
# usage: deploy/install-edge.sh --binaries FOLDER [--root FOLDER]
#   --binaries  the folder that deploy/build.sh --out made
#   --root      the root folder of the host (default /); with another folder, no service is started
set -euo pipefail
cd "$(dirname "$0")/.."
usage() { sed -n '3,5p' "$0" >&2; exit 2; }
binaries='' root=/
while [ $# -gt 0 ]; do
    case $1 in
    --binaries) binaries=${2:?--binaries needs a folder}; shift 2 ;;
    --root) root=${2:?--root needs a folder}; shift 2 ;;
    *) usage ;;
    esac
done
[ -n "$binaries" ] || usage
root=${root%/}
put() { install -D -m "$1" "$2" "$root$3"; }
put 755 "$binaries/vaho-edge" /usr/bin/vaho-edge
put 644 "$binaries/pretrained.vaho" /usr/share/vaho/pretrained.vaho
put 644 deploy/systemd/vaho-edge.service /usr/lib/systemd/system/vaho-edge.service
put 644 deploy/systemd/vaho.sysusers.conf /usr/lib/sysusers.d/vaho.conf
put 644 deploy/systemd/vaho.modules.conf /usr/lib/modules-load.d/vaho.conf
put 644 deploy/systemd/70-vaho.rules /usr/lib/udev/rules.d/70-vaho.rules
if [ ! -e "$root/etc/vaho/vaho.conf" ]; then put 640 edge/vaho.conf.example /etc/vaho/vaho.conf; fi
[ -z "$root" ] || exit 0
systemd-sysusers vaho.conf
chgrp vaho /etc/vaho/vaho.conf
modprobe i2c-dev 2>/dev/null || true
udevadm control --reload 2>/dev/null && udevadm trigger --subsystem-match=i2c-dev 2>/dev/null || true
systemctl daemon-reload
echo "edit /etc/vaho/vaho.conf («vaho-edge sensors» lists the sensors of this host), then run: systemctl enable --now vaho-edge"

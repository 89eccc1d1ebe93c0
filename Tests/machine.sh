#!/usr/bin/env bash
# Runs one script as root on a stock Debian kernel in a virtual machine (software emulation) that holds only the given programs.
# usage: Tests/machine.sh [--cache FOLDER] [--modules "NAME …"] [--minutes N] [--qemu "OPTION …"] SCRIPT FILE...
#   SCRIPT    run by busybox sh; modules are at /modules, in load order; its exit code must be 0
#   FILE      put into /bin; a program together with its libraries
#   --cache   keeps the unpacked kernel (default: .build-kernel); it is downloaded once and not installed
# Needs: qemu-system-x86 busybox-static kmod cpio
set -euo pipefail
usage() { sed -n '3,7p' "$0" >&2; exit 2; }
cache=$(cd "$(dirname "$0")/.." && pwd)/.build-kernel
modules=
minutes=5
options=()
while [ $# -gt 0 ]; do
    case $1 in
    --cache) cache=${2:?--cache needs a folder}; shift 2 ;;
    --modules) modules=${2?--modules needs names}; shift 2 ;;
    --minutes) minutes=${2:?--minutes needs a number}; shift 2 ;;
    --qemu) read -ra options <<<"${2?--qemu needs options}"; shift 2 ;;
    -*) usage ;;
    *) break ;;
    esac
done
[ $# -ge 2 ] || usage
script=$1
shift
for tool in qemu-system-x86_64 busybox modprobe cpio; do
    command -v "$tool" >/dev/null || { echo "machine.sh: $tool is missing: apt-get install qemu-system-x86 busybox-static kmod cpio" >&2; exit 1; }
done

# The newest kernel of the distribution, unpacked.
mkdir -p "$cache"
if ! ls "$cache"/boot/vmlinuz-* >/dev/null 2>&1; then
    package=$(apt-cache depends linux-image-amd64 | sed -n 's/.*Depends: \(linux-image-[^ ]*\)/\1/p' | head -n 1)
    (cd "$cache" && apt-get -qq download "$package" 2>/dev/null && dpkg-deb -x "$package"_*.deb . && rm "$package"_*.deb)
fi
kernel=$(find "$cache/boot" -name 'vmlinuz-*' | head -n 1)
version=${kernel##*/vmlinuz-}
[ -e "$cache/lib/modules/$version/modules.dep" ] || depmod -b "$cache" "$version"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,proc,sys,dev,tmp,modules,lib64}
cp "$(command -v busybox)" "$root/bin/busybox"
for program in "$@"; do
    cp "$program" "$root/bin/"
    { ldd "$program" 2>/dev/null || true; } | { grep -o "/[^ ]*" || true; } | while read -r library; do install -D "$library" "$root$library"; done
done
# glibc loads this library by itself when a thread ends.
unwinder=$(ldconfig -p | sed -n 's/.*x86-64.* => \(.*libgcc_s.so.1\)$/\1/p' | head -n 1)
install -D "$unwinder" "$root$unwinder"
touch "$work/modules"
for module in $modules; do
    modprobe -d "$cache" -S "$version" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p' | while read -r file; do
        grep -qxF "$file" "$work/modules" || echo "$file" >>"$work/modules"
    done
done
order=0
while read -r file; do
    order=$((order + 1))
    cp "$file" "$root/modules/$(printf '%03d' $order)-$(basename "$file")"
done <"$work/modules"
cp "$script" "$root/script.sh"
cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
ifconfig lo 127.0.0.1 up 2>/dev/null
echo 3 >/proc/sys/kernel/printk
sh /script.sh; echo "exit code $?"
poweroff -f
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd"
timeout $((minutes * 60)) qemu-system-x86_64 -accel tcg -cpu max -m 768 -nodefaults -no-reboot -display none -serial stdio -kernel "$kernel" \
    -initrd "$work/initrd" -append 'console=ttyS0 quiet panic=-1' ${options[@]+"${options[@]}"} </dev/null | tr -d '\r' | tee "$work/output"
grep -q '^exit code 0$' "$work/output"

#!/usr/bin/env bash
# Our readers beside the kernel's own drivers: a stock Debian kernel in a virtual machine, chips made of i2c-stub's registers.
# Long: fetches a kernel package once. Nothing of it is installed.
# usage: Tests/sensors.sh FOLDER [--cache FOLDER]
#   FOLDER   holds vaho-edge, as deploy/build.sh --out makes it
#   --cache  keeps the unpacked kernel (default: .build-kernel)
# Needs: qemu-system-x86 busybox-static kmod cpio
set -euo pipefail
usage() { sed -n '4,6p' "$0" >&2; exit 2; }
[ $# -ge 1 ] || usage
edge=$(cd "$1" && pwd)/vaho-edge
shift
cd "$(dirname "$0")/.."
cache=$PWD/.build-kernel
while [ $# -gt 0 ]; do
    case $1 in
    --cache) cache=${2:?--cache needs a folder}; shift 2 ;;
    *) usage ;;
    esac
done
for tool in qemu-system-x86_64 busybox modprobe cpio; do
    command -v "$tool" >/dev/null || { echo "sensors.sh: $tool is missing: apt-get install qemu-system-x86 busybox-static kmod cpio" >&2; exit 1; }
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
# The program with the libraries it names.
cp "$edge" "$root/bin/"
ldd "$edge" | grep -o '/[^ ]*' | while read -r library; do install -D "$library" "$root$library"; done
# glibc loads this one by itself when a thread ends.
unwinder=$(ldconfig -p | sed -n 's/.*x86-64.* => \(.*libgcc_s.so.1\)$/\1/p' | head -n 1)
install -D "$unwinder" "$root$unwinder"
order=0
for module in i2c-dev i2c-stub bmp280-i2c sht3x; do
    modprobe -d "$cache" -S "$version" --show-depends "$module" | sed -n 's/^insmod \([^ ]*\).*/\1/p' | while read -r file; do
        grep -qxF "$file" "$work/modules" 2>/dev/null || echo "$file" >>"$work/modules"
    done
done
while read -r file; do
    order=$((order + 1))
    cp "$file" "$root/modules/$(printf '%03d' $order)-$(basename "$file")"
done <"$work/modules"
cp Tests/sensors/stub.sh "$root/stub.sh"
cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
echo 3 >/proc/sys/kernel/printk
for module in /modules/*; do
    case $module in *i2c-stub*) insmod "$module" chip_addr=0x76,0x77 ;; *) insmod "$module" ;; esac
done
sh /stub.sh; echo "exit code $?"
poweroff -f
INIT
chmod +x "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd"
timeout 300 qemu-system-x86_64 -accel tcg -cpu max -m 512 -nodefaults -no-reboot -display none -serial stdio -kernel "$kernel" -initrd "$work/initrd" \
    -append 'console=ttyS0 quiet panic=-1' </dev/null | tr -d '\r' | tee "$work/output"
grep -q '^exit code 0$' "$work/output"

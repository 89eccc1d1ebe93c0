#!/usr/bin/env bash
# Builds the stripped release binaries that images, demo and size figures use.
# usage: deploy/build.sh --out FOLDER [--product vaho-edge|vaho-cloud [--map FILE]]   (--map: the linker's map, for Benchmarks/size.sh)
set -euo pipefail
cd "$(dirname "$0")/.."
out='' map=''
products=(vaho-edge vaho-cloud)
while [ $# -gt 0 ]; do
    case $1 in
    --out) out=${2:?--out needs a folder}; shift 2 ;;
    --product) products=("${2:?--product needs vaho-edge or vaho-cloud}"); shift 2 ;;
    --map) map=$(realpath "${2:?--map needs a file}"); shift 2 ;;
    *) sed -n '2,3p' "$0" >&2; exit 2 ;;
    esac
done
[ -n "$out" ] || { sed -n '2,3p' "$0" >&2; exit 2; }
mkdir -p "$out"
# lld folds identical code, removes unreachable code, and packs the relocations of the position-independent binary.
flags=(-c release --static-swift-stdlib --scratch-path .build-release
    -Xswiftc -use-ld=lld
    -Xlinker --gc-sections -Xlinker --icf=all -Xlinker -z -Xlinker pack-relative-relocs -Xlinker -O2 -Xlinker -s
    -Xlinker --as-needed -Xswiftc -Xclang-linker -Xswiftc -static-libgcc)
# Swift's runtime links libstdc++ by name. The linker finds the static archive in this folder first and links it in: the process maps a
# megabyte less.
archive=$(find /usr/lib/gcc -name libstdc++.a 2>/dev/null | sort -V | tail -n 1)
mkdir -p .build-release/static
# The names of all Unicode characters take half a megabyte and are never used: UnicodeNames.swift returns no name.
flags+=(-Xlinker --wrap=_swift_stdlib_getScalarName)
# Swift throws without unwinding the stack, so the unwind tables (1 MB) and their index (0.2 MB) are never read. A crash is still traced, by
# frame pointers.
flags+=(-Xlinker --no-eh-frame-hdr)
# swift5_backtrace is 64 KB of zeros, for the path of a backtrace: as NOBITS it takes no space in the file.
cat >.build-release/static/sections <<'END'
SECTIONS { /DISCARD/ : { *(.eh_frame) *(.eh_frame.*) } } INSERT AFTER .rodata;
SECTIONS { swift5_backtrace (TYPE=SHT_NOBITS) : { *(swift5_backtrace) } } INSERT AFTER .bss;
END
flags+=(-Xlinker -T -Xlinker "$PWD/.build-release/static/sections")
# Nothing links against a program, so its symbols need no names at run time (a quarter of a megabyte).
echo '{ local: *; };' >.build-release/static/exports
flags+=(-Xlinker "--version-script=$PWD/.build-release/static/exports")
if [ -n "$archive" ]; then
    ln -sf "$archive" .build-release/static/libstdc++.a
    flags+=(-Xlinker "-L$PWD/.build-release/static")
fi
[ -z "$map" ] || flags+=(-Xlinker "-Map=$map")
for product in "${products[@]}"; do
    case $product in vaho-edge | vaho-cloud) ;; *) echo "build.sh: «$product» is not a product: vaho-edge or vaho-cloud" >&2; exit 2 ;; esac
    own=()
    # See UnicodeNames.swift.
    [ $product != vaho-edge ] || for name in GeneralCategory Age CaseMapping Script ScriptExtensions WordBreakProperty; do own+=(-Xlinker "--wrap=_swift_stdlib_get$name"); done
    swift build "${flags[@]}" "${own[@]}" --product "$product"
    install -m 755 "$(swift build "${flags[@]}" "${own[@]}" --product "$product" --show-bin-path)/$product" "$out/$product"
done
# The shipped release lies beside the programs.
install -m 644 deploy/pretrained.vaho "$out/pretrained.vaho"
(cd "$out" && stat -c '%n %s bytes' "${products[@]}")

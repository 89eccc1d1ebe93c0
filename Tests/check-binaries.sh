#!/usr/bin/env bash
# Checks the binaries: the edge links neither Foundation nor libpq, and is not larger than the limit.
# usage: Tests/check-binaries.sh RELEASE-FOLDER DEBUG-FOLDER
set -euo pipefail
release=${1:?the folder of the stripped binaries} debug=${2:?the folder of the dynamically linked ones}
limit=7700000
fail() { echo "check-binaries.sh: $1" >&2; exit 1; }
needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }

# A dynamically linked build names every Swift module it needs. The cloud's must name Foundation; otherwise the check could not fail.
needed "$debug/vaho-cloud" | grep -q Foundation || fail "vaho-cloud needs no Foundation: the check of vaho-edge below cannot fail"
if needed "$debug/vaho-edge" | grep Foundation; then fail "vaho-edge links Foundation"; fi
for product in vaho-edge vaho-cloud; do
    if needed "$release/$product" | grep -E 'Foundation|swift'; then fail "$product needs a library it should not"; fi
done
needed "$release/vaho-cloud" | grep -q libpq || fail "vaho-cloud needs no libpq: the check of vaho-edge below cannot fail"
if needed "$release/vaho-edge" | grep libpq; then fail "vaho-edge links libpq"; fi
size=$(stat -c %s "$release/vaho-edge")
[ "$size" -le $limit ] || fail "vaho-edge has $size bytes, the limit is $limit"
echo "vaho-edge: $size bytes (limit $limit), no Foundation; needs $(needed "$release/vaho-edge" | tr '\n' ' ')"

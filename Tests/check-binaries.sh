#!/usr/bin/env bash
# Proves of the release binaries what the README promises: the edge links no Foundation and no string processing, neither
# needs libpq, the edge is small.
# usage: Tests/check-binaries.sh FOLDER
set -euo pipefail
folder=${1:?a folder with vaho-edge and vaho-cloud}
limit=8000000
fail() { echo "check-binaries.sh: $1" >&2; exit 1; }
needed() { readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }

# Statically linked Swift modules leave their mangled names in the reflection sections and strings of a stripped binary.
for module in Foundation FoundationEssentials _StringProcessing; do
    if strings -n 6 "$folder/vaho-edge" | grep -qE "^\\\$?s?${#module}${module}[A-Z0-9]|${module}\.swift"; then fail "vaho-edge links $module"; fi
done
# The same question of a binary that does link it must find it, or the check could not fail.
strings -n 6 "$folder/vaho-cloud" | grep -qE "20FoundationEssentials" || fail "the search for Foundation finds none in vaho-cloud, where there is some"
for product in vaho-edge vaho-cloud; do
    if needed "$folder/$product" | grep -E 'libpq|Foundation|swift'; then fail "$product needs a library it should not"; fi
done
size=$(stat -c %s "$folder/vaho-edge")
[ "$size" -le $limit ] || fail "vaho-edge has $size bytes, the limit is $limit"
echo "vaho-edge: $size bytes (limit $limit), no Foundation, no string processing; needs $(needed "$folder/vaho-edge" | tr '\n' ' ')"

#!/bin/sh
# SPDX-License-Identifier: MIT
# The shared library exports the functions that the headers declare and the version script
# names, and nothing else.
# Arguments: source, build.
set -u
export LC_ALL=C
library=$2/core/libbabus.so
list=$(mktemp -d /tmp/babus-test."${BABUS_TEST_MARK:-0}"-XXXXXX) || exit 1
trap 'rm -rf "$list"' EXIT

nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
	grep -v '^BABUS_0\.2$' | sort -u >"$list/exported"
cat "$1"/include/babus/*.h | tr '\n' ' ' | grep -oE 'BABUS_API [^;(]*\(' |
	grep -oE 'babus_[a-z0-9_]+\(' | tr -d '(' | sort -u >"$list/declared"

sed -n '/^global:/,/^local:/{/:$/d;s/[[:space:];]//g;p;}' "$1/core/babus.map" >"$list/named"

failed=0
if grep '[^a-z0-9_]' "$list/named"; then
	echo 'FAILED: the version script has a pattern'
	failed=1
fi
if ! sort -u "$list/named" | cmp -s - "$list/named"; then
	echo 'FAILED: the version script is not in order'
	failed=1
fi
if ! diff "$list/declared" "$list/named"; then
	echo 'FAILED: < is declared and not in the version script, > there and not declared'
	failed=1
fi
if grep -v '^babus_' "$list/exported"; then
	echo 'FAILED: exported, and not of babus'
	failed=1
fi
if ! diff "$list/declared" "$list/exported"; then
	echo 'FAILED: < is declared and not exported, > exported and not declared'
	failed=1
fi
if ! readelf -d "$library" | grep -q 'SONAME.*\[libbabus\.so\.0\]'; then
	echo 'FAILED: the library has no versioned name'
	failed=1
fi
if ! readelf -V "$library" | grep -q 'BABUS_0\.2'; then
	echo 'FAILED: the symbols have no version'
	failed=1
fi
[ "$(wc -l <"$list/exported")" -ge 40 ] || failed=1
echo "$(wc -l <"$list/exported") symbols"
exit $failed

#!/bin/sh
# SPDX-License-Identifier: MIT
# babus-bench still does all that it can: every work with every peer that is
# built, a moment each, with the contents of every message checked. What cannot
# be run on this machine is told. Arguments: source, build.
set -u
bench=$2/tools/bench/babus-bench
work=$(mktemp -d /dev/shm/babus-test."${BABUS_TEST_MARK:-0}"-XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir "$work/root"
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

# Each name of a part of --list.
names() {
	"$bench" --list | awk -v part="$1:" '/^[a-z]/ { of = $1 } /^ / && of == part { print $1 }'
}

BABUS_ROOT=$work/root "$bench" --smoke --repeats 1 --json "$work/json" >"$work/table" ||
	fail "babus-bench --smoke: exit status $?"

# A case is a line.
sed -n 's/.*"work":"\([^"]*\)","name":"\([^"]*\)".*"size":\([0-9]*\).*"not_done":"\([^"]*\)".*/\1, \2, \3 B: \4/p' \
	"$work/json" | sed 's/^/not done here: /'
grep '"metrics":{"' "$work/json" >"$work/done"

[ -n "$(names work)" ] && [ -n "$(names peers)" ] || fail 'nothing is listed'
for name in $(names work); do
	grep -q "\"work\":\"$name\"" "$work/done" || fail "no result of work $name"
	grep -q "^$name: " "$work/table" || fail "the table is without $name"
done
for name in $(names peers); do
	grep -q "\"name\":\"$name\"" "$work/done" && continue
	grep "\"name\":\"$name\"" "$work/json" | grep -q '"not_done":"[^"]' ||
		fail "no result of $name, and no reason"
done

left=$(ls -A "$work/root")
[ -z "$left" ] || fail "left behind: $left"
for name in usage --size=0 --work=nothing --peer=nobody; do
	"$bench" "$name" >/dev/null 2>"$work/said"
	[ $? = 2 ] && [ -s "$work/said" ] || fail "$name is not refused"
done

[ $failed = 0 ] && echo "ok: $(wc -l <"$work/done") results"
exit $failed

#!/bin/sh
# SPDX-License-Identifier: MIT
# babus-bench runs every work with every peer that is built, for a moment each,
# and checks the contents of every message. Prints what cannot run on this
# machine. Arguments: source, build.
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

BABUS_ROOT=$work/root "$bench" --smoke --repeats 1 --json "$work/json" --report "$work/page" \
	>"$work/table" ||
	fail "babus-bench --smoke: exit status $?"

# A case is a line.
sed -n 's/.*"work":"\([^"]*\)","name":"\([^"]*\)".*"not_done":"\([^"]*\)".*/skipped: \1 with \2: \3/p' \
	"$work/json" | sort -u
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

# A run is presented by a page.
page() {
	grep -q '^| {image} ' "$1" && grep -q '^| babus | [^-]' "$1" && grep -q ' times slower' "$1"
}
page "$work/page" || fail 'the page of --report is not what it should be'
"$bench" report "$work/json" >"$work/again" && cmp "$work/page" "$work/again" ||
	fail 'report: not the page of --report'
"$bench" report "$work/json" "$work/page" && cmp "$work/page" "$work/again" ||
	fail 'report: twice is not the same as once'
"$bench" report "$work/json" "$work/table" 2>/dev/null && fail 'report: over a file of another kind'
"$bench" report --words "$work/json" | grep -q '^| .* a bare futex .* | `babus-bench --work trip` |' || fail 'report --words'
PATH=$work "$bench" report "$work/json" >/dev/null 2>"$work/said" && fail 'report: without python3'
grep -q 'python3 is not installed' "$work/said" || fail 'report: silent about python3'
head -c 2000 "$work/json" >"$work/torn"
"$bench" report "$work/torn" >/dev/null 2>&1 && fail 'report: of half a file'
"$bench" goals "$work/json" | grep -q "^[0-9]* met, [0-9]* missed, [0-9]* too noisy" || fail goals
# Ratios that agree allow a conclusion, even if the speed changed; others do not.
for repeats in '[1.1,2.2,1.1] [1,2,1] met' '[9,2,1] [1,2,1] noisy' '[9,9,9] [1,2,1] MISSED'; do
	set -- "$1" "$2" $repeats
	printf '{"noisy":[],"cases":[{"work":"crowd","name":"attached-200","metrics":{"typical":{"median":1,"repeats":%s}}},{"work":"crowd","name":"alone","metrics":{"typical":{"median":1,"repeats":%s}}}]}' \
		"$3" "$4" >"$work/made"
	"$bench" goals "$work/made" | grep -q "^$5 .* idle readers, to none" ||
		fail "goals: $3 to $4 is not reported as $5"
done
# Two builds are compared, here one with itself; floors and babus are both there.
"$1/tools/bench/compare" --extent smoke --rounds 2 --work call,trip --size 64 "$2" "$2" \
	>"$work/compared" || fail "compare: exit status $?"
for row in 'call, publish, 64 B' 'trip, floor, block, 64 B' 'trip, babus, block, 64 B'; do
	grep -qE "^$row +typical .* [0-9]+\.[0-9]{3}  [0-9.]+\.\.[0-9.]+$" "$work/compared" ||
		fail "compare: no row $row"
done
"$1/tools/bench/compare" /nonexistent "$2" >/dev/null 2>"$work/said" && fail 'compare: of no build'
[ -s "$work/said" ] || fail 'compare: silent about a build that is not there'
if command -v gnuplot >/dev/null; then
	"$bench" plot "$work/json" "$work/plots" || fail "plot: exit status $?"
	for picture in size-block trip-block image-large; do
		grep -q '</svg>' "$work/plots/$picture.svg" || fail "plot: no $picture"
	done
else
	echo 'skipped: plot: gnuplot is not installed'
fi

# If a peer's daemon dies, the benchmark tries again and goes on.
if names peers | grep -qx redis-unix && command -v redis-server >/dev/null; then
	BABUS_ROOT=$work/root "$bench" --quick --repeats 2 --work trip --size 64 --peer redis-unix \
		--json "$work/killed" >/dev/null 2>&1 &
	run=$!
	tries=0
	until server=$(pgrep -P $run -x redis-server) || [ $tries = 600 ]; do
		tries=$((tries + 1))
		sleep 0.01
	done
	sleep 0.1
	kill -KILL "$server" || fail 'no redis-server was started'
	wait $run
	status=$?
	[ $status = 0 ] || [ $status = 3 ] || fail "redis-server killed: exit status $status"
	grep '"name":"redis-unix"' "$work/killed" | grep -q '"not_done"' &&
		fail 'redis-server killed: not done'
	grep '"name":"redis-unix"' "$work/killed" | grep -q '"typical":' ||
		fail 'redis-server killed: no result'

	# A daemon that dies each time leaves nothing behind, not even its socket.
	BABUS_ROOT=$work/root "$bench" --quick --repeats 1 --work trip --size 64 --peer redis-unix \
		>/dev/null 2>&1 &
	run=$!
	while kill -0 $run 2>/dev/null; do
		server=$(pgrep -P $run -x redis-server) && kill -KILL $server 2>/dev/null
		sleep 0.05
	done
	wait $run
	[ $? -le 3 ] || fail 'redis-server killed each time: the benchmark did not end by itself'
else
	echo 'skipped: the death of redis-server, which is not here'
fi

left=$(ls -A "$work/root")
[ -z "$left" ] || fail "left behind: $left"
for name in usage --size=0 --work=nothing --peer=nothing; do
	"$bench" "$name" >/dev/null 2>"$work/said"
	[ $? = 2 ] && [ -s "$work/said" ] || fail "$name is not refused"
done

[ $failed = 0 ] && echo "ok: $(wc -l <"$work/done") results"
exit $failed

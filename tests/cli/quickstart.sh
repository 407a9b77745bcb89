#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/quickstart mounts a bus with real data on it, a second run is harmless,
# and --stop leaves nothing. Arguments: source, build.
#
# It runs from a copy of the tree's tools that uses this build: its processes
# bear names of their own, so a quickstart that people have running is not
# touched, and what is built is up to date already.
set -eu
source=$1 build=$2

skip() {
	echo "skipped: $*"
	exit 77
}

[ -e /dev/fuse ] || skip '/dev/fuse is missing'
(: <>/dev/fuse) 2>/dev/null || skip '/dev/fuse cannot be opened'
if [ "$(id -u)" -ne 0 ]; then
	for program in djpeg jpegtran cjpeg fusermount3; do
		command -v $program >/dev/null || skip "$program is not installed"
	done
	photo=$(sed -n 's/^photo=//p' "$source/tools/quickstart")
	[ -r "$photo" ] || skip "$photo is not installed"
fi

work=$(mktemp -d /dev/shm/babus-test.XXXXXX)
mkdir -p "$work/clone/tools" "$work/run" "$work/bus"
cp "$source/tools/quickstart" "$work/clone/tools/"
cp "$source/babus.ini" "$work/clone/"
ln -s "$build" "$work/clone/build"
quickstart=$work/clone/tools/quickstart
export XDG_RUNTIME_DIR=$work/run BABUS_ROOT=$work/bus
unset BABUS_DOMAIN BABUS_CONFIG

clean_up() {
	"$quickstart" --stop >/dev/null 2>&1 || true
	umount -l "$where" 2>/dev/null || true
	rm -rf --one-file-system "$work"
}
where=
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

fail() {
	echo "FAILED: $*"
	[ ! -e "$work/log" ] || cat "$work/log"
	exit 1
}

run() {
	echo "# quickstart $*"
	timeout 300 "$quickstart" "$@" </dev/null >"$work/log" 2>&1 ||
		fail "quickstart $* ended with $?"
}

# Processes whose command line names the copy.
processes() {
	for dir in /proc/[0-9]*; do
		if tr '\0' ' ' 2>/dev/null <"$dir/cmdline" | grep -qE "^$work/clone/build/"; then
			echo "${dir#/proc/}"
		fi
	done
}

run --help
grep -q '^Usage: tools/quickstart' "$work/log" || fail 'no help'
run --where
where=$(cat "$work/log")
case $where in "$work/run/"*) ;; *) fail "the mount point is $where" ;; esac
"$quickstart" --nonsense >"$work/log" 2>&1 && fail 'takes nonsense'
run --stop
grep -q '^not running' "$work/log" || fail '--stop where nothing runs'

for turn in first second; do
	run
	mountpoint -q "$where" || fail "$turn run: not mounted"
	[ "$(grep -c '^identical: 6220800 bytes' "$work/log")" = 2 ] || fail "$turn run: frames"
	[ "$(grep -c '^  {' "$work/log")" = 3 ] || [ "$(grep -c '^  .*\.\.\.$' "$work/log")" = 3 ] ||
		fail "$turn run: the feed"
	[ "$(processes | wc -l)" = 2 ] || fail "$turn run: processes: $(processes)"
	grep -q -- '--stop' "$work/log" || fail "$turn run: does not say how to end it"
done
grep -q '^mounted already' "$work/log" || fail 'the second run mounted again'

# What it says to try next works.
"$build/tools/babus" -d "quickstart-$(id -u)" ls -n -o SLOT >"$work/slots"
[ "$(tr '\n' ' ' <"$work/slots")" = 'machine photo ' ] || fail "slots: $(cat "$work/slots")"
mkdir "$where/chat"
echo hello >"$where/chat/latest"
[ "$(cat "$where/chat/latest")" = hello ] || fail 'chat'
timeout 20 cat "$where/machine/wait" >/dev/null || fail 'wait'

run --stop
! mountpoint -q "$where" || fail 'still mounted'
[ -z "$(processes)" ] || fail "processes left: $(processes)"
[ -z "$(find "$work/run" "$work/bus" -mindepth 1)" ] ||
	fail "files left: $(find "$work/run" "$work/bus" -mindepth 1)"
run --stop

# A daemon that was killed is no obstacle.
run
for pid in $(processes); do
	kill -KILL "$pid"
done
run
mountpoint -q "$where" || fail 'not mounted after a kill'
run --stop
[ -z "$(processes)" ] || fail "processes left: $(processes)"
[ -z "$(find "$work/run" "$work/bus" -mindepth 1)" ] ||
	fail "files left: $(find "$work/run" "$work/bus" -mindepth 1)"
echo '# all of it'

#!/bin/sh
# SPDX-License-Identifier: MIT
# tools/quickstart mounts a bus with real data on it, a second run changes
# nothing, two clones do not disturb each other, and --stop leaves nothing.
# Arguments: source, build.
#
# It runs from copies of the script that use this build, so it builds nothing
# and leaves a quickstart of this tree alone.
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
mkdir -p "$work/run" "$work/bus"
for clone in "$work/clone" "$work/clone of 'another'"; do
	mkdir -p "$clone/tools"
	cp "$source/tools/quickstart" "$clone/tools/"
	cp "$source/babus.ini" "$clone/"
	ln -s "$build" "$clone/build"
done
other=$clone/tools/quickstart
quickstart=$work/clone/tools/quickstart
export XDG_RUNTIME_DIR=$work/run BABUS_ROOT=$work/bus
unset BABUS_DOMAIN BABUS_CONFIG

clean_up() {
	"$quickstart" --stop >/dev/null 2>&1 || true
	"$other" --stop >/dev/null 2>&1 || true
	umount -l "$work"/run/*/bus 2>/dev/null || true
	rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM PIPE

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

# The processes of the first clone.
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
"$quickstart" --env >"$work/log" 2>&1 && fail '--env where nothing runs'
grep -q 'not running' "$work/log" || fail '--env where nothing runs'
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

# A second clone has a bus of its own.
timeout 300 "$other" </dev/null >"$work/other" 2>&1 ||
	fail "the other clone ended with $?: $(cat "$work/other")"
[ "$("$other" --where)" != "$where" ] || fail 'two clones have one mount point'

# The commands that it suggests, up to --stop. The lock is held until the last of
# their processes ends.
sed -n '/^  eval /,/^  tools\/quickstart --stop/s/^  //p' "$work/log" >"$work/commands"
grep -q '^tools/quickstart --stop' "$work/commands" || fail 'does not suggest --stop'
(cd "$work/clone" && exec flock "$work/lock" timeout 60 sh -ux "$work/commands") \
	>"$work/said" 2>"$work/trace" ||
	fail "what it suggests: $(cat "$work/said" "$work/trace")"
[ "$(grep -cx hello "$work/said")" = 1 ] || fail "chat: $(cat "$work/said")"
[ "$(grep -c ' load ' "$work/said")" = 4 ] || fail "the feed: $(cat "$work/said")"
[ "$(grep -c '^... ... .* 20..$' "$work/said")" = 3 ] || fail "the clock: $(cat "$work/said")"
for slot in chat machine photo; do
	grep -q "^$slot " "$work/said" || fail "no slot $slot: $(cat "$work/said")"
done
flock -w 20 "$work/lock" true || fail 'the clock goes on after --stop'

# The other bus goes on.
slots=$(sh -euc 'eval "$("$1" --env)"; ls "$BUS"; babus ls -n -o SLOT' - "$other" | tr '\n' ' ')
[ "$slots" = 'machine photo machine photo ' ] || fail "slots of the other clone: $slots"
timeout 300 "$other" --stop >"$work/other" 2>&1 || fail 'the other clone does not stop'

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

#!/bin/sh
# SPDX-License-Identifier: MIT
# What README promises a newcomer: every command of its fenced blocks works, in
# the order in which they stand, in one shell; the functions, verbs and options
# that it names exist, and so does every file that a page links to.
# Arguments: source, build.
#
# It runs in a mount namespace whose /usr/local and /etc are copies, so that
# `meson install` is the real one and changes nothing. Only tools/check is a
# stand-in: it would run this test.
set -eu
source=$1 build=$2

skip() {
	echo "skipped: $*"
	exit 77
}

if [ -z "${README_NAMESPACE:-}" ]; then
	[ "$(id -u)" -eq 0 ] || skip 'installing needs root'
	(: <>/dev/fuse) 2>/dev/null || skip '/dev/fuse cannot be opened'
	unshare --mount true 2>/dev/null || skip 'a mount namespace cannot be made'
	export README_NAMESPACE=1
	exec unshare --mount --propagation private "$0" "$@"
fi

work=$(mktemp -d /dev/shm/babus-test."${BABUS_TEST_MARK:-0}"-XXXXXX)
clone=$work/clone

clean_up() {
	"$clone/tools/quickstart" --stop >/dev/null 2>&1 || true
	umount -l /etc /usr/local /var/cache/ldconfig "$work"/run/*/bus 2>/dev/null || true
	rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM PIPE

fail() {
	echo "FAILED: $*"
	cat "$work/said" "$work/trace" 2>/dev/null
	exit 1
}

mkdir -p "$clone/tools" "$work/run" "$work/bus" "$work/home"
for entry in "$source"/*; do
	case ${entry##*/} in tools | build*) ;; *) ln -s "$entry" "$clone/" ;; esac
done
ln -s "$build" "$clone/build"
cp "$source/tools/quickstart" "$clone/tools/"
printf '#!/bin/sh\necho every test\n' >"$clone/tools/check"
chmod +x "$clone/tools/check"

mount -t tmpfs none /usr/local
mkdir /usr/local/copy
cp -a /etc/. /usr/local/copy
mount --bind /usr/local/copy /etc
mount -t tmpfs none /var/cache/ldconfig

export XDG_RUNTIME_DIR=$work/run BABUS_ROOT=$work/bus HOME=$work/home
unset BABUS_DOMAIN BABUS_CONFIG XDG_CONFIG_HOME
cd "$clone"

# The blocks as one script; Python's as its standard input.
awk '/^```sh/ { on = 1; next }
	/^```python/ { on = 1; python = 1; print "python3 - <<\"END OF PYTHON\""; next }
	/^```/ { if (python) print "END OF PYTHON"; on = python = 0; next }
	on' README.md >"$work/commands"
[ "$(wc -l <"$work/commands")" -gt 20 ] || fail 'few commands found'
timeout 500 sh -eux "$work/commands" >"$work/said" 2>"$work/trace" || fail "exit status $?"

expect() { # TIMES LINE
	[ "$(grep -cxF -e "$2" "$work/said")" = "$1" ] || fail "'$2' not $1 times"
}
expect 1 'every test'
expect 2 hello                # read as a file, and by babus sub
expect 2 again
expect 1 "b'from Python\\n'"
grep -q '^chat  *[0-9]' "$work/said" || fail 'babus ls'
grep -q '^slot  *chat$' "$work/said" || fail 'babus info'
[ "$(grep -c "^b'.* load " "$work/said")" = 3 ] || fail 'messages of the feed, from Python'

echo '# what was installed'
eval "$(tools/quickstart --env)"
PATH=/usr/local/bin:/usr/bin:/bin
[ "$(babus latest chat)" = 'from Python' ] || fail 'babus as installed'
# shellcheck disable=SC2046
cc "$source/tools/examples/camera.c" $(pkg-config --cflags --libs babus) -o "$work/camera"
"$work/camera" frames 1 || fail 'a program that was compiled'

echo '# names'
for name in $(grep -oE 'babus_[a-z_]+|BABUS_[A-Z]+' README.md | sort -u); do
	grep -qwE "$name" include/babus/*.h || case $name in
	BABUS_DOMAIN | BABUS_ROOT) ;;
	*) fail "$name is in no header" ;;
	esac
done
grep -oE '\bbabus [a-z]+( [^`&|<>]*)?' README.md |
	while read -r _ verb words; do
		help=$(babus "$verb" --help 2>/dev/null) || continue
		echo "$verb" >>"$work/verbs"
		for word in $words; do
			case $word in --*) ;; *) continue ;; esac
			printf '%s\n' "$help" | grep -qwF -e "$word" || fail "babus $verb has no $word"
		done
	done
for verb in create pub latest wait sub ls info rm trim doctor; do
	grep -qx $verb "$work/verbs" || fail "README does not name babus $verb"
done
"$build/tools/bench/babus-bench" --list >"$work/list"
for name in $(sed -n 's/.*babus-bench --work \([a-z,]*\).*/\1/p' README.md | tr ',' ' '); do
	grep -q "^  $name " "$work/list" || fail "babus-bench has no $name"
done

find "$source"/README.md "$source"/*/ -path "$source/build*" -prune -o -name '*.md' -print |
	while read -r page; do
		for link in $(grep -oE '\]\([^)#: ]+' "$page" | cut -c 3-); do
			[ -e "${page%/*}/$link" ] || fail "$page: no $link"
		done
	done

tools/quickstart --stop >"$work/said"
[ -z "$(find "$work/run" "$work/bus" -mindepth 1)" ] ||
	fail "files left: $(find "$work/run" "$work/bus" -mindepth 1)"
echo '# all of it'

#!/bin/sh
# SPDX-License-Identifier: MIT
# Headers stand alone in C and C++; an installed babus serves a C and a C++
# program outside the tree through pkg-config. Arguments: source, build.
set -eu
source=$1 build=$2
work=$(mktemp -d /dev/shm/babus-test."${BABUS_TEST_MARK:-0}"-XXXXXX)
trap 'rm -rf "$work"' EXIT
strict='-Wall -Wextra -Wpedantic -Wundef -Werror'

say() {
	printf '# %s\n' "$*"
}

for header in babus config; do
	echo "#include <babus/$header.h>" >"$work/$header.c"
	echo 'int main(void) { return 0; }' >>"$work/$header.c"
	for standard in c11 c17; do
		say "$header.h as $standard"
		cc -std=$standard $strict -Wshadow -Wstrict-prototypes -I"$source/include" \
			-fsyntax-only "$work/$header.c"
	done
	for standard in c++11 c++20; do
		say "$header.h as $standard"
		c++ -std=$standard $strict -Wshadow -I"$source/include" -fsyntax-only -x c++ \
			"$work/$header.c"
	done
done

say 'meson install'
DESTDIR=$work/root meson install -C "$build" --no-rebuild >"$work/log" 2>&1 ||
	{ cat "$work/log"; exit 1; }
pc=$(find "$work/root" -name babus.pc)
[ -n "$pc" ] || { echo 'no babus.pc was installed'; exit 1; }
export PKG_CONFIG_PATH=${pc%/*} PKG_CONFIG_SYSROOT_DIR=$work/root
flags=$(pkg-config --cflags --libs babus)
libdir=$work/root$(PKG_CONFIG_SYSROOT_DIR='' pkg-config --variable=libdir babus)
say "pkg-config: $(pkg-config --modversion babus)"

for file in bin/babus bin/babusfs share/man/man1/babus.1 share/man/man1/babusfs.1 \
	share/doc/babus/babus.ini share/doc/babus/examples/camera.c; do
	[ -n "$(find "$work/root" -path "*/$file")" ] || { echo "no $file was installed"; exit 1; }
done

# The example of the header itself.
sed -n '/^ \*     #include/,/^ \*     }/s/^ \*     \{0,1\}//p' \
	"$work/root"/usr/*/include/babus/babus.h "$work/root"/usr/include/babus/babus.h \
	2>/dev/null >"$work/example.c" || true
grep -q babus_slot_publish "$work/example.c"
cat >"$work/other.cc" <<'END'
#include <babus/babus.h>
#include <babus/config.h>
#include <cstring>

int main()
{
	babus_domain *bus = nullptr;
	babus_slot *slot = nullptr;
	babus_message message;
	babus_config *config = nullptr;
	uint64_t bytes = 0;
	bool good = false;

	if (babus_config_parse_size("2 KiB", &bytes) || bytes != 2048)
		return 1;
	if (babus_config_load(nullptr, &config))
		return 1;
	babus_config_free(config);
	if (babus_domain_open("demo", BABUS_CREATE, nullptr, &bus) ||
	    babus_slot_open(bus, "imu", BABUS_READ, nullptr, &slot))
		return 1;
	if (!babus_slot_view(slot, BABUS_LATEST, 0, &message)) {
		good = message.size == 5 && !std::memcmp(message.data, "hello", 5);
		babus_message_release(&message);
	}
	babus_slot_close(slot);
	babus_domain_close(bus);
	return good ? 0 : 1;
}
END
say 'a C program'
# shellcheck disable=SC2086
cc -std=c11 $strict -o "$work/example" "$work/example.c" $flags
say 'a C++ program'
# shellcheck disable=SC2086
c++ -std=c++17 $strict -o "$work/other" "$work/other.cc" $flags
mkdir "$work/bus"
export BABUS_ROOT=$work/bus BABUS_CONFIG=$source/babus.ini LD_LIBRARY_PATH=$libdir
[ "$("$work/example")" = hello ]
"$work/other"
say 'both ran'

say 'the library inside a program'
private=$(pkg-config --static --libs-only-l --libs-only-other babus | sed 's/-lbabus//')
# shellcheck disable=SC2086
c++ -std=c++17 $strict -I"$source/include" -c -o "$work/other.o" "$work/other.cc"
if [ "$(find "$build/core" -name '*.o' -exec head -c 2 {} \; -quit)" = BC ]; then
	echo 'skipped: the static library: its objects are for link-time optimisation by clang'
else
	# Not strict: with link-time optimisation this compiles the library once more.
	# shellcheck disable=SC2086
	c++ -o "$work/carrier" "$work/other.o" "$build/core/libbabus-internal.a" $private
	LD_LIBRARY_PATH='' "$work/carrier"
fi

examples=$(dirname "$(find "$work/root" -path '*/doc/babus/examples/camera.c')")
for example in "$source"/tools/examples/*.c; do
	name=$(basename "$example" .c)
	say "example $name"
	# shellcheck disable=SC2086
	cc -std=c11 $strict -o "$work/$name" "$examples/$name.c" $flags
	# The command in its head, in a directory that holds nothing else.
	compile=$(sed -n 's/^ \*  *\(cc .*\)/\1/p' "$example")
	mkdir "$work/$name.d"
	cp "$examples/$name.c" "$work/$name.d/"
	(cd "$work/$name.d" && eval "$compile" && [ -x "$name" ])
done
"$work/camera" frames 1
"$work/camera" frames 900 &
camera=$!
trap 'kill $camera 2>/dev/null || :; rm -rf "$work"' EXIT
timeout 60 "$work/watch" 20000 frames | head -n 3 >"$work/seen"
kill $camera
wait $camera || :
[ "$(grep -c '^frames [0-9]*: 307200 bytes' "$work/seen")" = 3 ]
if "$work/watch" 100 frames 2>"$work/said"; then
	echo 'watch found something where nothing is published'
	exit 1
fi
grep -q 'timed out' "$work/said"

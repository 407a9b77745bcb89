#!/bin/sh
# SPDX-License-Identifier: MIT
# babusfs --help and babusfs(1) name every option, babusfs(1) every file of a slot
# and every attribute, and groff and mandoc accept all pages.
# Arguments: source, build.
set -eu
source=$1 build=$2
page=$source/fs/babusfs.1
missing=0

# The page without its markup, a word in each line.
words=$(sed -e 's/\\f./ /g; s/\\-/-/g; s/\\ / /g; s/^\.[A-Z]* //' "$page" |
	tr -s ' ",()|/' '\n' | sed -e 's/^\.//; s/[.;:=]*$//; s/^user\.babus\.//')

has() {
	if ! printf '%s\n' "$words" | grep -qxF -e "${1%=}"; then
		echo "babusfs(1) does not name $1"
		missing=1
	fi
}

help=$("$build/fs/babusfs" --help)
options=$(printf '%s\n' "$help" | sed -n 's/^  -o \([a-z_]*\)[= ].*/\1/p')
mounts=$(printf '%s\n' "$help" | sed -n '/^Options of the mount/,/^$/p' | grep -v ':$' | tr -s ' ,\n' ' ')
[ "$(echo $options | wc -w)" -gt 10 ] && [ "$(echo $mounts | wc -w)" -gt 10 ]
for option in $options $mounts; do
	has "$option"
done
for key in $(sed -n '/^\[babusfs\]/,$s/^;\([a-z_]*\) =.*/\1/p' "$source/babus.ini"); do
	printf '%s\n' "$help" | grep -q -- "-o $key" || { echo "--help does not name $key"; missing=1; }
done
for text in latest wait stream pub info metrics seq time_ns time_boot_ns pid publisher origin tag \
	source_time_ns type \
	SIGTERM SIGINT SIGHUP SIGKILL SIGSTOP; do
	has "$text"
done
[ $missing = 0 ]

if command -v groff >/dev/null; then
	for page in "$source"/fs/*.1 "$source"/tools/*.1; do
		said=$(groff -man -ww -z -Tutf8 "$page" 2>&1)
		[ -z "$said" ] || { echo "$said"; exit 1; }
	done
else
	echo 'skipped: groff, which formats the pages, is not installed'
fi
if command -v mandoc >/dev/null; then
	mandoc -Tlint -Wwarning "$source"/fs/*.1 "$source"/tools/*.1
else
	echo 'skipped: mandoc, which checks the pages, is not installed'
fi
echo 'the pages name what there is'

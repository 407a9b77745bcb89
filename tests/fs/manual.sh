#!/bin/sh
# SPDX-License-Identifier: MIT
# The manual pages name what there is: every option of babusfs and babus, every
# file of a slot and attribute, every verb and every key in JSON. groff and mandoc
# accept all pages. Arguments: source, build.
set -eu
source=$1 build=$2
missing=0

# A page without its markup, one word per line.
words() {
	sed -e 's/\\f./ /g; s/\\-/-/g; s/\\ / /g; s/^\.[A-Z]* //' "$1" |
		tr -s ' ",()|/' '\n' | sed -e 's/^\.//; s/[.;:=]*$//; s/^user\.babus\.//'
}

page=$source/fs/babusfs.1
words=$(words "$page")
has() {
	if ! printf '%s\n' "$words" | grep -qxF -e "${1%=}"; then
		echo "$page does not name $1"
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

page=$source/tools/babus.1
words=$(words "$page")
babus=$build/tools/babus
verbs=$("$babus" --help | sed -n '/^Verbs/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ "$(echo $verbs | wc -w)" -ge 10 ]
for verb in $verbs; do
	has "$verb"
	for option in $("$babus" "$verb" --help | sed -n 's/^  \(-.\)\{0,1\}.*\(--[a-z-]*\).*/\1 \2/p'); do
		has "$option"
	done
done
export BABUS_ROOT=$(mktemp -d /dev/shm/babus-test.XXXXXX)
trap 'rm -r "$BABUS_ROOT"' EXIT
"$babus" create s
keys=$({ "$babus" ls --json; "$babus" info --json; "$babus" info --json s; } |
	grep -o '"[a-z_]*":' | tr -d '":' | sort -u)
[ "$(echo $keys | wc -w)" -gt 30 ]
for key in $keys; do
	has "$key"
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

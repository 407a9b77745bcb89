#!/bin/sh
# SPDX-License-Identifier: MIT
# systemd understands the unit of babusfs, and all that the unit names exists.
# Arguments: source, build.
set -eu
build=$2
unit=$build/fs/babusfs@.service
if [ ! -e "$unit" ]; then
	echo 'skipped: built without a systemd unit (no systemd.pc)'
	exit 77
fi
if ! command -v systemd-analyze >/dev/null; then
	echo 'skipped: no systemd-analyze'
	exit 77
fi
work=$(mktemp -d /dev/shm/babus-test."${BABUS_TEST_MARK:-0}"-XXXXXX)
trap 'rm -rf "$work"' EXIT

# The program and the page are not installed where the unit names them.
sed -e "s|^ExecStart=[^ ]*|ExecStart=$build/fs/babusfs|" -e '/^Documentation=/d' "$unit" \
	>"$work/babusfs@test.service"
systemd-analyze --man=no verify "$work/babusfs@test.service" >"$work/said" 2>&1 || {
	cat "$work/said"
	exit 1
}
if grep -F babusfs@ "$work/said"; then
	exit 1
fi

# These would hide the mount from other processes.
if grep -nE '^(Private(Tmp|Devices|Mounts|Users)|Protect[A-Za-z]*|ReadOnlyPaths|ReadWritePaths|InaccessiblePaths|Temporary|Bind[A-Za-z]*|Root[A-Z][a-z]*|MountAPIVFS|DynamicUser)=' "$unit"; then
	echo 'this gives the service a mount namespace of its own'
	exit 1
fi

# The daemon keeps each capability that the unit gives it.
for cap in $(sed -n 's/^CapabilityBoundingSet=//p' "$unit"); do
	grep -q "$cap" "$1/fs/privileges.h"
done

# babusfs accepts the options of the unit.
options=$(sed -n 's/^Environment=BABUSFS_OPTIONS=//p' "$unit")
said=$("$build/fs/babusfs" -f -o allow_other -o "$options" test "$work/missing" 2>&1) && exit 1
case $said in
*missing*) ;;
*) echo "$said"; exit 1 ;;
esac
echo 'the unit is sound'

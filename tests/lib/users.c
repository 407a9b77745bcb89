/* SPDX-License-Identifier: MIT */
#include "users.h"

#include <sys/stat.h>

int users_setup_with(void **state, const char *options)
{
	const char *const argv[] = {"-o", "allow_other", "-o", options, NULL};
	int error = mount_setup_bare(state);

	if (error || chmod(domain_file(""), 0755))
		return -1;
	mount_start(argv);
	return 0;
}

int users_setup(void **state)
{
	return users_setup_with(state, "rw");
}

babus_slot *slot_with(const char *name, mode_t mode, uid_t uid, gid_t gid)
{
	struct babus_slot_options opts = small_options(4, 4096);
	babus_slot *slot;

	opts.mode = mode;
	opts.uid = uid;
	opts.gid = gid;
	slot = make_slot_with(name, &opts);
	publish_text(slot, "root's message");
	return slot;
}

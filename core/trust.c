/* SPDX-License-Identifier: MIT */
#include "trust.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "error.h"

bool trust_group(gid_t gid)
{
	gid_t *groups;
	int count = getgroups(0, NULL);
	bool found = gid == getegid();

	if (found || count <= 0)
		return found;
	groups = calloc((size_t)count, sizeof(*groups));
	if (!groups)
		return false;
	count = getgroups(count, groups);
	for (int i = 0; i < count && !found; i++)
		found = groups[i] == gid;
	free(groups);
	return found;
}

bool trust_user(uid_t owner, uid_t trust_uid)
{
	return owner == geteuid() || owner == 0 || owner == trust_uid;
}

/* Any user can make a directory in /dev/shm under the name that we use tomorrow. */
int trust_directory(const struct stat *st, uid_t trust_uid, const char *path)
{
	if (trust_user(st->st_uid, trust_uid))
		return 0;
	if (!(st->st_mode & S_IWOTH) && trust_group(st->st_gid))
		return 0;
	return babus_fail(-EPERM,
			  "%s: belongs to user %u and not to one of your groups; expected you, "
			  "root, or the user named as trusted",
			  path, (unsigned)st->st_uid);
}

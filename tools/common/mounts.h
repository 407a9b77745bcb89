/* SPDX-License-Identifier: MIT */
/*
 * Mounts of babusfs in this mount namespace. A babusfs that was killed leaves a
 * stale mount, which answers every access with ENOTCONN.
 */
#ifndef COMMON_MOUNTS_H
#define COMMON_MOUNTS_H

#include <stdbool.h>

enum mount_state {
	MOUNT_ALIVE,
	MOUNT_STALE,   /* its daemon is gone */
	MOUNT_SILENT,  /* its daemon does not answer */
	MOUNT_UNKNOWN, /* it cannot be looked at */
};

struct mount {
	char *path, *source;
	bool is_babusfs;
};

/* Call fn(arg, mount) for each mount of any kind, upper ones last. 0 or a negative errno. */
int mounts_each(void (*fn)(void *arg, const struct mount *mount), void *arg);

/* Whether the topmost mount at `path`, which is absolute, is a babusfs. */
bool mount_is_babusfs(const char *path);

/* Takes up to two seconds if the daemon does not answer. */
enum mount_state mount_state(const char *path);

/* Remove a stale mount; 0 also if it is gone already. 0 or a negative errno. */
int mount_detach(const char *path);

#endif

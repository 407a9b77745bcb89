/* SPDX-License-Identifier: MIT */
/* Mounts of babusfs in this mount namespace, and those whose daemon has died. */
#ifndef COMMON_MOUNTS_H
#define COMMON_MOUNTS_H

enum mount_state {
	MOUNT_ALIVE,
	MOUNT_STALE,   /* its daemon is gone */
	MOUNT_SILENT,  /* its daemon does not answer */
	MOUNT_UNKNOWN, /* it is not ours to look at */
};

/*
 * Call fn(arg, path, source, state) for each. 0, what fn returned if that is
 * not 0, or negative errno.
 */
int mounts_each(int (*fn)(void *arg, const char *path, const char *source, enum mount_state state),
		void *arg);

/* Take a stale mount away. 0 or negative errno. */
int mounts_detach(const char *path);

#endif

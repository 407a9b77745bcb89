/* SPDX-License-Identifier: MIT */
/* The mount point. */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

/*
 * Make `given` an absolute path in `path` (the caller frees it) and remove stale
 * mounts of babusfs there. 0, or a negative errno that has been reported.
 */
int mount_prepare(const char *given, char **path);

#endif

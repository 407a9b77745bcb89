/* SPDX-License-Identifier: MIT */
/* The place where the domain is mounted. */
#ifndef FS_MOUNT_H
#define FS_MOUNT_H

/*
 * Make `given` an absolute path in `path` (to be freed), and remove a mount that
 * a killed babusfs left there. 0, or a negative errno that has been logged.
 */
int mount_prepare(const char *given, char **path);

#endif

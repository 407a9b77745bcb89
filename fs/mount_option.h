/* SPDX-License-Identifier: MIT */
/*
 * Options that belong to the mount and not to babusfs: what mount(8) and
 * /etc/fstab may give to any file system.
 */
#ifndef FS_MOUNT_OPTION_H
#define FS_MOUNT_OPTION_H

enum mount_option {
	MOUNT_OPTION_NONE,    /* not one of them */
	MOUNT_OPTION_PASS,    /* for the kernel, or fusermount3 */
	MOUNT_OPTION_IGNORE,  /* without effect here, or for the caller */
	MOUNT_OPTION_REFUSED, /* the reason has been logged */
};

/* `text` is NAME or NAME=VALUE. */
enum mount_option mount_option_find(const char *text);

/* For --help. */
void mount_option_print(void);

#endif

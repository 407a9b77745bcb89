/* SPDX-License-Identifier: MIT */
/*
 * The kinds of files, a row each: what listings, stat(), look-ups and help need,
 * and a function for each operation. ops.c dispatches by these rows.
 */
#ifndef FS_KIND_H
#define FS_KIND_H

#include <fcntl.h>

#include "handle.h"

enum listed {
	LISTED_ALWAYS,
	LISTED_UNLESS_HIDDEN, /* it blocks its reader: not with hide_wait */
	LISTED_IF_ALL         /* it has no end, or no reader: only with list_all */
};

struct kind {
	const char *name; /* in its directory; NULL: it has other names */
	const char *help; /* of files in a slot */
	mode_t type;      /* S_IFDIR or S_IFREG */
	mode_t mode;      /* the permission bits that it may have */
	enum listed listed;
	double attr_s; /* how long the kernel may keep its attributes */

	/* 0 or a negative errno, as all that follow. */
	int (*stat)(struct fs *fs, const struct node *node, struct stat *st);
	/* Change those of `to_set` that it has. NULL: no mode and no owners. */
	int (*set)(fuse_req_t req, const struct node *node, const struct stat *attr, int to_set,
		   struct handle *handle);
	/* The permissions to check at an open. NULL: the kernel has checked. */
	int (*access)(const struct node *node, struct access *access);
	int (*open)(fuse_req_t req, struct node *node, struct handle *handle,
		    const struct fuse_file_info *fi);

	/* Reply to the look-up of a name in this directory. */
	void (*look_up)(fuse_req_t req, const struct node *directory, const char *name);

	/* Of files. NULL does nothing; a read finds the end. `offset` -1: append. */
	void (*read)(fuse_req_t req, struct handle *handle, size_t size, uint64_t offset,
		     const struct fuse_file_info *fi); /* replies */
	int (*write)(fuse_req_t req, struct handle *handle, const char *data, size_t size,
		     off_t offset, const struct fuse_file_info *fi);
	int (*flush)(fuse_req_t req, struct handle *handle, uint64_t owner);
	int (*sync)(struct handle *handle);
	void (*release)(struct handle *handle);
	/* The events that there are now. The next one is reported to `ph`, if given. */
	unsigned (*poll)(struct handle *handle, struct fuse_pollhandle *ph);
};

extern const struct kind kinds[FILES];

static inline const struct kind *kind_of(const struct node *node)
{
	return &kinds[node->file];
}

/* The file of that name, from `first` to `last`; FILES: none. */
enum file kind_find(const char *name, enum file first, enum file last);

static inline bool wants_read(const struct fuse_file_info *fi)
{
	return (fi->flags & O_ACCMODE) != O_WRONLY;
}

static inline bool wants_write(const struct fuse_file_info *fi)
{
	return (fi->flags & O_ACCMODE) != O_RDONLY;
}

#endif

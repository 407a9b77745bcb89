/* SPDX-License-Identifier: MIT */
/* What stat() shows of a node. */
#ifndef FS_ATTR_H
#define FS_ATTR_H

#include <sys/stat.h>

#include "node.h"

/* 0 or an error of the library. */
int attr_stat(struct fs *fs, const struct node *node, struct stat *st);

void attr_set_times(struct stat *st, uint64_t ns);

/* Of setattr: what the permissions of a slot are made of. */
enum {
	ATTR_ACCESS = FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID
};

#endif

/* SPDX-License-Identifier: MIT */
/* What stat() shows of a node. */
#ifndef FS_ATTR_H
#define FS_ATTR_H

#include <sys/stat.h>

#include "node.h"

/* 0 or an error of the library. */
int attr_stat(struct fs *fs, const struct node *node, struct stat *st);

/* How long the kernel may believe it. */
double attr_seconds(const struct node *node);

#endif

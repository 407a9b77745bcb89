/* SPDX-License-Identifier: MIT */
/*
 * The texts of the info files. Those of the whole domain describe the slots
 * that the sender of `req` may read.
 */
#ifndef FS_RENDER_H
#define FS_RENDER_H

#include "slot.h"

struct text {
	char *data; /* NULL: none; to be freed */
	size_t size;
};

/* 0 or an error of the library; then there is no text. */
int render_slot(struct slot *slot, struct text *text);
int render_bus(fuse_req_t req, struct fs *fs, struct text *text);
int render_metrics(fuse_req_t req, struct fs *fs, struct text *text);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The texts of the info files. 0 or an error of the library. Those of the whole
 * domain tell of the slots that the sender of `req` may read.
 */
#ifndef FS_RENDER_H
#define FS_RENDER_H

#include "slot.h"
#include "text.h"

int render_slot(struct slot *slot, struct text *text);
int render_bus(fuse_req_t req, struct fs *fs, struct text *text);
int render_metrics(fuse_req_t req, struct fs *fs, struct text *text);

#endif

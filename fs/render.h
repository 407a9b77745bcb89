/* SPDX-License-Identifier: MIT */
/* The texts of the info files. 0 or an error of the library. */
#ifndef FS_RENDER_H
#define FS_RENDER_H

#include "slot.h"
#include "text.h"

int render_slot(struct slot *slot, struct text *text);
int render_bus(struct fs *fs, struct text *text);
int render_metrics(struct fs *fs, struct text *text);

#endif

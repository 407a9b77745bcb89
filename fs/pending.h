/* SPDX-License-Identifier: MIT */
/*
 * What was written through an open file and is not published yet: the message
 * to be. Offsets of the file count from where the message begins: at 0 before
 * the first one, after that where the one before ended, so that a descriptor
 * that goes on writing makes one message after another.
 */
#ifndef FS_PENDING_H
#define FS_PENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "budget.h"

struct pending {
	char *data;
	size_t size;
	size_t room;    /* taken from the budget */
	off_t base;     /* offset in the file of the first byte */
	bool dirty;     /* something was written */
	bool floats;    /* the next write says where the message begins */
	uint64_t owner; /* lock owner of the last write */
	pid_t pid;      /* and its sender */
};

/*
 * Write `size` bytes at `offset` of the file, -1: at its end. -EFBIG: the
 * message would be larger than max_size. -EDQUOT: the budget is used up.
 * -ENOMEM. Nothing was written then.
 */
int pending_write(struct pending *pending, struct budget *budget, const void *data, size_t size,
		  off_t offset, uint64_t max_size);

/* The file was truncated to `offset`, or extended if something was written. */
int pending_truncate(struct pending *pending, struct budget *budget, off_t offset,
		     uint64_t max_size);

/* Published, or not wanted: start anew. */
void pending_clear(struct pending *pending, struct budget *budget);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The message that is being written through an open file. It begins at offset 0
 * of the file, the next one where it ended, and so on: one descriptor can write
 * one message after another.
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
 * -ENOMEM. An error writes nothing.
 */
int pending_write(struct pending *pending, struct budget *budget, const void *data, size_t size,
		  off_t offset, uint64_t max_size);

/* The file was truncated to `offset`, or extended if something was written. */
int pending_truncate(struct pending *pending, struct budget *budget, off_t offset,
		     uint64_t max_size);

/* It is published or discarded: start the next one. */
void pending_clear(struct pending *pending, struct budget *budget);

#endif

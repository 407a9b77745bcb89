/* SPDX-License-Identifier: MIT */
/* The names in a directory, as of its opening. */
#ifndef FS_LISTING_H
#define FS_LISTING_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct listing {
	size_t count, room;
	struct entry {
		char *name;
		uint64_t ino;
		mode_t type;
	} * entries;
};

/* 0 or -ENOMEM. */
int listing_add(struct listing *listing, const char *name, uint64_t ino, mode_t type);
void listing_finish(struct listing *listing);

#endif

/* SPDX-License-Identifier: MIT */
/* What a directory holds: the names that are fixed, and a list as of its opening. */
#ifndef FS_LISTING_H
#define FS_LISTING_H

#include <sys/stat.h>

#include "node.h"

/* The files that have a fixed name, in the order in which they are listed; NULL ends them. */
extern const struct named_file {
	const char *name;
	enum file file;
} slot_files[], bus_files[];

/* NULL: none of them has that name. */
const struct named_file *named_file(const struct named_file *files, const char *name);

struct listing {
	size_t count, room;
	struct entry {
		char *name;
		uint64_t ino;
		mode_t type;
	} * entries;
};

/* What is in a directory now; to be given back with listing_finish() even after an error. */
int listing_make(struct fs *fs, const struct node *node, struct listing *listing);
void listing_finish(struct listing *listing);

/* Have the kernel forget every name of a slot that is gone; see slots_dismiss(). */
void listing_dismiss(struct fs *fs, struct slot *slot);

#endif

/* SPDX-License-Identifier: MIT */
/* The permissions of a slot: those of its file, remembered for a second. */
#ifndef FS_ACCESS_H
#define FS_ACCESS_H

#include <pthread.h>

#include "caller.h"

struct slot;

struct known_access {
	pthread_mutex_t lock; /* protects what follows */
	struct access access;
	uint64_t changes; /* of the domain when it was seen */
	int64_t until_ns;
};

void access_init(struct known_access *known);
void access_finish(struct known_access *known);

/* `fresh`: ask the file now; else a remembered answer will do. 0 or an error of the library. */
int access_of_slot(struct slot *slot, bool fresh, struct access *access);

#endif

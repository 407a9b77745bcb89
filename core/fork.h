/* SPDX-License-Identifier: MIT */
/*
 * Whether this is still the process that opened a handle. The process's generation is in a
 * page that the kernel wipes in a forked child. So the test is one load, and a reused pid,
 * clone() or a missed atfork handler cannot fool it.
 */
#ifndef BABUS_FORK_H
#define BABUS_FORK_H

#include "sync.h"

extern shared64 *fork_page;

/*
 * Make fork() in other threads wait until fork_unlock(), while there is a descriptor that a
 * child must not inherit. No effect in a handler of fork(), whose thread holds the lock. Take
 * it before any lock that a handler may need.
 */
void fork_lock(void);
void fork_unlock(void);

/* This process's generation, for fork_is_ours(). 0 or negative errno. */
int fork_generation(uint64_t *generation);

static inline bool fork_is_ours(uint64_t generation)
{
	return local_get(fork_page) == generation;
}

#endif

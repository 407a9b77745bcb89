/* SPDX-License-Identifier: MIT */
/*
 * Whether we are still the process that opened a handle. A page that the
 * kernel wipes in a forked child holds the process's generation, so the test
 * is one load and cannot be fooled by a reused pid, clone() or a missed
 * atfork handler.
 */
#ifndef BABUS_FORK_H
#define BABUS_FORK_H

#include "sync.h"

extern shared64 *fork_page;

/*
 * Keep fork() off, in other threads, until fork_unlock(): while there is a
 * descriptor that a child must not inherit. Does nothing in a handler of fork(): its
 * thread has the lock. Comes before any lock that a handler may need.
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

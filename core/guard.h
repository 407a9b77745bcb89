/* SPDX-License-Identifier: MIT */
/*
 * The library's mappings of files that other processes can truncate. The SIGBUS handler of
 * babus_guard_install() looks here to tell them from the program's own mappings. It replaces
 * a mapping that was hit by zero pages at the same address: a thread that reads or writes
 * there goes on, and the slot's calls return -EIO.
 */
#ifndef BABUS_GUARD_H
#define BABUS_GUARD_H

#include "sync.h"

struct guard {
	struct guard *next;   /* constant once linked; nodes are never freed, but reused */
	struct guard *unused; /* the next one, while this is unused */
	shared64 base, size;  /* base 0: unused */
	struct guard *whole;  /* NULL, or one that is hit with this one. Constant while in use */
	_Atomic bool hit;     /* set by the handler */
};

/* Register a mapping. NULL: out of memory. */
struct guard *guard_add(void *base, uint64_t size);
/* The same for another part of a file whose first part `whole` guards. */
struct guard *guard_add_part(void *base, uint64_t size, struct guard *whole);
void guard_remove(struct guard *guard);

static inline bool guard_was_hit(const struct guard *guard)
{
	return local_is(&guard->hit);
}

#endif

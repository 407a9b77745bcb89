/* SPDX-License-Identifier: MIT */
/*
 * Mappings of files that somebody else can truncate, so that the SIGBUS
 * handler of babus_guard_install() can tell ours from the program's own. A
 * mapping that was hit is replaced by zero pages where it stands: whoever is
 * reading or writing there goes on, and the slot is reported as lost.
 */
#ifndef BABUS_GUARD_H
#define BABUS_GUARD_H

#include "sync.h"

struct guard {
	struct guard *next;   /* constant once linked; nodes are never freed, but reused */
	struct guard *unused; /* the next one, while this is unused */
	shared64 base, size;  /* base 0: unused */
	struct guard *whole;  /* hit when this one is; or NULL. Constant while in use */
	_Atomic bool hit;     /* set by the handler */
};

/* Register a mapping. NULL: out of memory. */
struct guard *guard_add(void *base, uint64_t size);
/* The same for another part of what `whole` guards. */
struct guard *guard_add_part(void *base, uint64_t size, struct guard *whole);
void guard_remove(struct guard *guard);

static inline bool guard_was_hit(const struct guard *guard)
{
	return local_is(&guard->hit);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A limit on bytes, files or reads that many users share. A budget may be part of
 * a larger one: what is taken from it is taken from both.
 */
#ifndef FS_BUDGET_H
#define FS_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct budget {
	_Atomic uint64_t used;
	uint64_t max;         /* constant */
	struct budget *whole; /* constant; NULL: not a part of one */
};

static inline void budget_give(struct budget *budget, uint64_t amount)
{
	for (; budget; budget = budget->whole)
		budget->used -= amount;
}

/* Take again what was given back for a moment, even beyond the limit. */
static inline void budget_take_back(struct budget *budget, uint64_t amount)
{
	for (; budget; budget = budget->whole)
		budget->used += amount;
}

static inline bool budget_take(struct budget *budget, uint64_t amount)
{
	for (struct budget *part = budget; part; part = part->whole) {
		uint64_t used = part->used;

		do {
			if (amount > part->max || used > part->max - amount) {
				for (; budget != part; budget = budget->whole)
					budget->used -= amount;
				return false;
			}
		} while (!atomic_compare_exchange_weak(&part->used, &used, used + amount));
	}
	return true;
}

#endif

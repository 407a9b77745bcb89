/* SPDX-License-Identifier: MIT */
/* A number of bytes that many may take from, and no more than there are. */
#ifndef FS_BUDGET_H
#define FS_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct budget {
	_Atomic uint64_t used;
	uint64_t max; /* constant */
};

static inline bool budget_take(struct budget *budget, uint64_t bytes)
{
	uint64_t used = budget->used;

	do {
		if (bytes > budget->max || used > budget->max - bytes)
			return false;
	} while (!atomic_compare_exchange_weak(&budget->used, &used, used + bytes));
	return true;
}

static inline void budget_give(struct budget *budget, uint64_t bytes)
{
	budget->used -= bytes;
}

#endif

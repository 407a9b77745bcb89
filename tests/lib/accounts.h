/* SPDX-License-Identifier: MIT */
/* The accounts of a slot: can everything that no client holds be used? */
#ifndef BABUS_TESTS_ACCOUNTS_H
#define BABUS_TESTS_ACCOUNTS_H

#include <stdbool.h>

#include <babus/babus.h>

/*
 * What of a slot is in use now, counted in shared memory. Free, kept, stale and owned buffers are
 * all buffers. A stale one was displaced, and any publisher may take it.
 */
struct accounts {
	uint32_t free, kept, stale, owned;
	uint32_t tokens, pins; /* claimed */
	uint32_t holds;        /* claimed pins that name a message */
};

void accounts_take(babus_slot *slot, struct accounts *accounts);

/*
 * Whether the accounts balance when only `tokens` and `pins` are claimed: every cell names a kept
 * buffer, no two name the same, no buffer is owned, and backed bytes have memory. Prints what is
 * wrong.
 */
bool accounts_balance(babus_slot *slot, uint32_t tokens, uint32_t pins);

/* Whether all backed bytes have memory. If not, the next process that writes there is killed. */
bool accounts_have_memory(babus_slot *slot);

#endif

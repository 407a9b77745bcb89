/* SPDX-License-Identifier: MIT */
/* The books of a slot: is everything that nobody holds there to be had? */
#ifndef BABUS_TESTS_ACCOUNTS_H
#define BABUS_TESTS_ACCOUNTS_H

#include <stdbool.h>

#include <babus/babus.h>

/*
 * What is in use of a slot now, counted in the shared memory itself. Buffers:
 * free + kept + stale + owned is all of them, where a stale one was displaced
 * and is anybody's to take.
 */
struct accounts {
	uint32_t free, kept, stale, owned;
	uint32_t tokens, pins; /* claimed */
	uint32_t holds;        /* claimed pins that name a message */
};

void accounts_take(babus_slot *slot, struct accounts *accounts);

/*
 * Whether they balance, when nobody but `tokens` claims and `pins` claims is
 * left: every cell names a kept buffer, each once, no buffer is owned, and what
 * the marks promise is memory.
 * Prints what is wrong.
 */
bool accounts_balance(babus_slot *slot, uint32_t tokens, uint32_t pins);

/* Whether what the marks promise is memory: else who writes into it next is killed. */
bool accounts_have_memory(babus_slot *slot);

#endif

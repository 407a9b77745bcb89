/* SPDX-License-Identifier: MIT */
/*
 * Whether a waiter looks for news for a while before it sleeps. Each time that was in
 * vain twice as many waits sleep at once before it is tried again, up to a bound;
 * news that came within the time, seen by looking or not, bring it back.
 *
 * It is never given up for good, because two that answer each other can only find
 * out by trying: while both sleep, either answer takes two wake-ups, and both come
 * too late for looking although neither would if the other did not sleep.
 *
 * It never pays on a machine with one processor: whoever has the news cannot run
 * meanwhile. That the waiting thread itself may run on one only says nothing: those
 * who give each thread a processor of its own gain most. If all share one of many,
 * trying is what finds out.
 *
 * Used by the one thread that waits.
 */
#ifndef BABUS_SPIN_H
#define BABUS_SPIN_H

#include <stdbool.h>
#include <stdint.h>

struct spin {
	uint64_t max_ns; /* 0: never */
	unsigned pause;  /* waits that were to do without after it was last in vain */
	unsigned left;   /* of them, to come */
};

/* Up to `max_ns`, on a machine with so many processors (-1: unknown). */
void spin_init(struct spin *spin, uint64_t max_ns, long processors);

/* Whether to look for news in a wait that starts now. */
bool spin_try(struct spin *spin);

/* Until when, on CLOCK_MONOTONIC, if the wait starts at `now_ns`. */
int64_t spin_deadline(const struct spin *spin, int64_t now_ns);

/* Learn from a wait: looking found news; it did not; sleeping took this long from the start. */
void spin_paid(struct spin *spin);
void spin_in_vain(struct spin *spin);
void spin_slept(struct spin *spin, int64_t waited_ns);

#endif

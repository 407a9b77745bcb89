/* SPDX-License-Identifier: MIT */
/*
 * Spinning: whether a waiter looks for news for a while before it sleeps. Each time that
 * spinning finds nothing, twice as many waits as before sleep at once until the next try, up
 * to a bound. News within the spinning time, found by spinning or not, end this.
 *
 * It is never given up for good. Two processes that answer each other can find out only by
 * trying: while both sleep, each answer takes two wake-ups and comes too late for spinning,
 * although it would not if the other side did not sleep.
 *
 * Spinning never helps on a machine with one processor, because the publisher cannot run
 * meanwhile. It does not matter that the waiting thread may be bound to one processor:
 * programs that give each thread its own gain most. If all threads share one of several
 * processors, trying finds out.
 *
 * Used only by the thread that waits.
 */
#ifndef BABUS_SPIN_H
#define BABUS_SPIN_H

#include <stdbool.h>
#include <stdint.h>

struct spin {
	uint64_t max_ns; /* 0: never spin */
	unsigned pause;  /* waits without spinning after it last found nothing */
	unsigned left;   /* how many of them are left */
};

/* Spin up to `max_ns`. -1 processors: unknown. */
void spin_init(struct spin *spin, uint64_t max_ns, long processors);

/* Whether a wait that starts now spins. */
bool spin_try(struct spin *spin);

/* Until when, on CLOCK_MONOTONIC, a wait that starts at `now_ns` spins. */
int64_t spin_deadline(const struct spin *spin, int64_t now_ns);

/* Learn from a wait: spinning found news; it did not; news came after so long a sleep. */
void spin_paid(struct spin *spin);
void spin_in_vain(struct spin *spin);
void spin_slept(struct spin *spin, int64_t waited_ns);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The actors of the stress tests, the same for processes and for threads: each
 * runs until it is told to stop, and checks whatever it sees: every byte of
 * every message, numbers that only rise, counters of each publisher that only
 * rise, losses that are exact. What is wrong ends the process.
 */
#ifndef BABUS_TESTS_ACTORS_H
#define BABUS_TESTS_ACTORS_H

#include <stdatomic.h>
#include <stdbool.h>

#include <babus/babus.h>

enum {
	ACTOR_SLOTS = 5,
	ACTOR_PUBLISHERS = 3 * ACTOR_SLOTS
};

extern const struct actor_slot {
	const char *name;
	uint32_t depth;
	uint64_t max_size;
} actor_slots[ACTOR_SLOTS];

/* Shared by all actors, also across processes. */
struct stage {
	atomic_bool stop;
	_Atomic uint64_t counters[ACTOR_PUBLISHERS]; /* next of each publisher */
	_Atomic uint64_t published[ACTOR_SLOTS];
	_Atomic uint64_t received[ACTOR_SLOTS], lost[ACTOR_SLOTS]; /* by readers that ended */
	_Atomic uint64_t woken;
};

struct actor {
	struct stage *stage;
	babus_domain *domain;
	babus_slot *slots[ACTOR_SLOTS];
	unsigned number; /* of its kind: chooses slot and publisher */
	uint64_t random;
	void (*act)(struct actor *actor);
};

void act_publish(struct actor *actor); /* by copy, pieces and loans; discards some */
void act_follow(struct actor *actor);  /* reads in order */
void act_watch(struct actor *actor);   /* reads the newest and by number */
void act_hold(struct actor *actor);    /* keeps views for long */
void act_wait(struct actor *actor);    /* sleeps for all slots at once */

/* Make the slots. Asserts. */
void actors_make_slots(void);
/* Open them for an actor of another process or none yet. */
void actors_open_slots(struct actor *actor);
void actors_close_slots(struct actor *actor);

/* How long a stress test runs: $BABUS_STRESS_SECONDS, else `seconds`. */
unsigned actors_seconds(unsigned seconds);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The actors of the stress tests, the same for processes and threads. Each runs until it is
 * stopped and checks all it sees: every byte of every message, numbers and counters of each
 * publisher that only rise, exact losses. An error ends the process.
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

/* Shared by all actors, in all processes. */
struct stage {
	atomic_bool stop;
	_Atomic uint64_t counters[ACTOR_PUBLISHERS]; /* the next one of each publisher */
	_Atomic uint64_t published[ACTOR_SLOTS];
	_Atomic uint64_t received[ACTOR_SLOTS], lost[ACTOR_SLOTS]; /* by readers that have ended */
	_Atomic uint64_t woken;
};

struct actor {
	struct stage *stage;
	babus_domain *domain;
	babus_slot *slots[ACTOR_SLOTS];
	unsigned number; /* index among its kind: chooses slot and publisher */
	uint64_t random;
	void (*act)(struct actor *actor);
};

void act_publish(struct actor *actor); /* by copy, pieces and loans; discards some */
void act_follow(struct actor *actor);  /* reads in order */
void act_watch(struct actor *actor);   /* reads the newest, and by number */
void act_hold(struct actor *actor);    /* keeps views for a long time */
void act_wait(struct actor *actor);    /* sleeps for all slots at once */

/* Make the slots. Asserts. */
void actors_make_slots(void);
/* Open them for an actor that is another process, or that has none open yet. */
void actors_open_slots(struct actor *actor);
void actors_close_slots(struct actor *actor);

/* How long a stress test runs: $BABUS_STRESS_SECONDS, or `seconds`. */
unsigned actors_seconds(unsigned seconds);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the processes of stress_kill share. Victims do everything that the library offers, in
 * random order, until a signal ends them in the middle. Meanwhile witnesses use the same slots,
 * check all they see, and report progress. All of them also remove and remake one more slot,
 * "other".
 */
#ifndef BABUS_TESTS_KILL_STAGE_H
#define BABUS_TESTS_KILL_STAGE_H

#include <stdatomic.h>
#include <stdbool.h>

#include <babus/babus.h>

enum {
	KILL_SLOTS = 3,
	KILL_OTHER = KILL_SLOTS, /* as an index of kill_slots */
	KILL_LARGEST = 40000,    /* bytes of any message */
	VICTIMS = 4,
	WITNESS = VICTIMS, /* who publishes: victims are 0 to VICTIMS - 1 */
	PUBLISHERS,
	KILL_OPS_MAX = 32
};

extern const struct kill_slot {
	const char *name;
	uint32_t depth;
	uint64_t max_size;
} kill_slots[KILL_SLOTS + 1];

/*
 * More tokens and pins than the living can hold, so that only what the dead left makes them run
 * short.
 */
struct babus_slot_options kill_options(unsigned slot);

/* Shared by all processes. */
struct kill_stage {
	atomic_bool over, all_over; /* for all; and for the publisher that the others need */
	uint64_t seed;
	_Atomic uint64_t lives[VICTIMS];                   /* lives begun in each seat */
	_Atomic uint64_t counters[PUBLISHERS][KILL_SLOTS]; /* the next one of each publisher */
	_Atomic uint64_t published[KILL_SLOTS]; /* without those that dead readers did not count */
	_Atomic uint64_t ops[KILL_OPS_MAX];     /* done by victims, of each kind */

	/* A vigil: each witness posts the gate when it has made progress since this rose. */
	_Atomic uint32_t vigil;
	int gate;
	_Atomic uint64_t sleeps; /* of the waiter so far, when it noticed the vigil */

	_Atomic uint64_t read, missed, heard; /* by the witnesses */
	_Atomic uint64_t late;                /* waits as long as a re-check */
	_Atomic uint64_t calls,
	    blocked; /* of publisher and readers, and how often they slept in one */
};

extern struct kill_stage *kill_stage;

/* Of a message: slot and publisher, and the publisher's counter. */
uint64_t kill_tag(unsigned slot, unsigned publisher, uint64_t counter);
/* The same in "other": which instance of it. */
uint64_t kill_other_tag(unsigned publisher, uint64_t instance);
/* Whether a message is whole, and of this slot, and here of this instance. */
bool kill_matches(const struct babus_message *message, unsigned slot);
bool kill_other_matches(const struct babus_message *message, uint64_t instance);

/* A life of seat `arg`, an unsigned. A signal that it sets itself ends it. */
void kill_victim(void *seat);
extern const char *const kill_op_names[];
extern const unsigned kill_op_count;

extern const struct kill_witness {
	const char *name;
	void (*act)(void *arg);
} kill_witnesses[];
extern const unsigned kill_witness_count;

/* In the order of that table. */
enum {
	KILL_PUBLISHER = 0,
	KILL_WAITER = 2
};

/* When no other process is left: assert that each slot has all that a new one has. */
void kill_audit(void);

#endif

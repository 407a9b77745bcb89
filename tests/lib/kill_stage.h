/* SPDX-License-Identifier: MIT */
/*
 * What those who take part in stress_kill share. Victims do everything that the
 * library offers, in random order, until a signal ends them in the middle of it.
 * Witnesses use the same slots all the while, check whatever they see, and say
 * when they got on. One more slot, "other", is removed and made again by all.
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
	WITNESS = VICTIMS, /* who publishes; victims are 0 to VICTIMS - 1 */
	PUBLISHERS,
	KILL_OPS_MAX = 32
};

extern const struct kill_slot {
	const char *name;
	uint32_t depth;
	uint64_t max_size;
} kill_slots[KILL_SLOTS + 1];

/* More tokens and pins than the living can hold, so that nobody ever runs short
   but by what the dead have left. */
struct babus_slot_options kill_options(unsigned slot);

/* Shared by all processes. */
struct kill_stage {
	atomic_bool over, all_over; /* for all; and for the publisher, whom the others need */
	uint64_t seed;
	_Atomic uint64_t lives[VICTIMS];                   /* begun in each seat */
	_Atomic uint64_t counters[PUBLISHERS][KILL_SLOTS]; /* the next of each publisher */
	_Atomic uint64_t published[KILL_SLOTS]; /* without what the dead did not come to count */
	_Atomic uint64_t ops[KILL_OPS_MAX];     /* done by victims, of each kind */

	/* A vigil: each witness posts the gate when it got on since this rose. */
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

/* A life of seat `arg`, an unsigned; ends by a signal that it has set itself. */
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

/* When nobody is left: assert that all is there that a new slot has. */
void kill_audit(void);

#endif

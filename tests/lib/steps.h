/* SPDX-License-Identifier: MIT */
/*
 * Dying, or stopping, at a chosen step. The core of the crash tests calls babus_step() before
 * each of its steps in shared memory. Armed, the n-th call raises a signal. Steps are known by
 * name and source file, so a test can tell whether it reached all of them.
 */
#ifndef BABUS_TESTS_STEPS_H
#define BABUS_TESTS_STEPS_H

#include <stdatomic.h>
#include <stdbool.h>

enum {
	STEPS_MAX = 512
};

/* In memory shared with the parent, which reads where the child was. */
struct steps {
	int signal;
	unsigned target; /* at which step, from 1 */
	char name[32];   /* of the step where the signal was raised */
	enum {
		LEFT_ALONE, /* the slot of the child is left alone while the child is stopped; */
		MADE_ANEW,  /* or it is removed, and another one is made; */
		CUT_OFF     /* or its files are truncated */
	} slot;
	atomic_uint reached[STEPS_MAX]; /* how often a signal was raised there */
};

extern struct steps *steps;

void steps_init(void);
void steps_set(int signal, unsigned target);

/* Count from here to there, in the child. Later changes of the target do not affect it. */
void steps_arm(void);
void steps_disarm(void);

/*
 * Armed, and before the next step of that name: act, as a rival that is faster just there. The
 * steps of act() do not count.
 */
void steps_before(const char *name, void (*act)(void));

/* The same without a step where a signal is raised. */
void steps_only_before(const char *name, void (*act)(void));

/*
 * Armed: act before step n, from 1, if the process gets there. Then disarm, also for other
 * threads.
 */
void steps_act_at(unsigned n, void (*act)(void));

/* Count the steps of this thread from here on. */
void steps_count(void);
/* How many steps of that name there were; NULL: all. Counting goes on. */
unsigned steps_counted(const char *name);

/* Assert that a signal was raised at each step of the core; print the steps left out. */
void steps_assert_all_reached(void);

#endif

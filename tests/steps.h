/* SPDX-License-Identifier: MIT */
/*
 * Dying, or stopping, at a chosen step. The core of the crash tests calls
 * babus_step() before each of its steps in shared memory; armed, the n-th call
 * raises a signal.
 */
#ifndef BABUS_TESTS_STEPS_H
#define BABUS_TESTS_STEPS_H

/* In memory shared with the parent, who reads where the child was. */
struct steps {
	int signal;
	unsigned target; /* at which step, from 1 */
	char name[32];   /* of the last step */
};

extern struct steps *steps;

void steps_init(void);
void steps_set(int signal, unsigned target);

/* Count from here to there, in the child. What is set then no longer matters to it. */
void steps_arm(void);
void steps_disarm(void);

#endif

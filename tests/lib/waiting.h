/* SPDX-License-Identifier: MIT */
/*
 * What tests of waiters share: short ways to make them, a thread that sleeps, and what sleeping
 * costs.
 */
#ifndef BABUS_TESTS_WAITING_H
#define BABUS_TESTS_WAITING_H

#include <pthread.h>

#include "support.h"

babus_waiter *open_waiter(uint64_t spin_ns, uint64_t recheck_ns);
/* A reader that starts with the next message. */
babus_reader *open_reader(babus_slot *slot);
void take_next(babus_reader *reader);
/* Assert that there is nothing to report. Arms the descriptor, if there is one. */
void assert_no_news(babus_waiter *waiter);

/* A thread in babus_waiter_wait(). */
struct sleeper {
	babus_waiter *waiter;
	struct babus_event event;
	int result;
	pthread_t thread;
};

/* Start it and give it time to fall asleep: usually enough, but no test relies on it. */
void start_sleeper(struct sleeper *sleeper, babus_waiter *waiter);
/* Wait for its end: the result of its wait. */
int end_sleeper(struct sleeper *sleeper);

/* How many threads this process has. */
unsigned count_threads(void);
/* Assert that it has as many; one that was joined may still be visible for a moment. */
void assert_threads(unsigned count);
/* Start a first thread, so that a sanitizer starts its own. */
void warm_up_threads(void);

/* How many processors the program may use. */
unsigned count_processors(void);
/*
 * Bind the calling thread to a processor that the program may use: the n-th, modulo their number.
 * By itself the scheduler puts a waiter next to the process that wakes it. Then the two never run
 * at the same time, which is when wake-ups get lost.
 */
void stay_on_processor(unsigned n);
void go_to_any_processor(void);

/* Spin until the word is `value` or more; yield if others need the processor. */
void await_word(_Atomic uint64_t *word, uint64_t value);
/* Spin for up to some 10 us, mostly less: about the time in which a waiter goes to sleep. */
void pause_for_a_moment(uint64_t *random);

#endif

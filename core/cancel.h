/* SPDX-License-Identifier: MIT */
/*
 * No call of babus is a cancellation point, because a thread that ends in open() or close()
 * would leave locks held and descriptors open. Functions that make such system calls start
 * with NO_CANCELLATION; hot ones do so only in their slow halves.
 */
#ifndef BABUS_CANCEL_H
#define BABUS_CANCEL_H

#include <pthread.h>

struct cancel_state {
	int before;
};

static inline struct cancel_state cancel_disable(void)
{
	struct cancel_state state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state.before);
	return state;
}

static inline void cancel_restore(struct cancel_state *state)
{
	pthread_setcancelstate(state->before, &state->before);
}

/* A declaration: a request that comes during the block waits until its end. */
#define NO_CANCELLATION                  \
	struct cancel_state cancel_state \
	    __attribute__((cleanup(cancel_restore), unused)) = cancel_disable()

#endif

/* SPDX-License-Identifier: MIT */
/*
 * No call of babus is a cancellation point: a thread that ended in open() or close()
 * would leave locks held and descriptors open. Calls that make such system calls say
 * NO_CANCELLATION first; the hot ones only in their slow halves.
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

/* A declaration: a request that comes before the block's end waits until after it. */
#define NO_CANCELLATION                  \
	struct cancel_state cancel_state \
	    __attribute__((cleanup(cancel_restore), unused)) = cancel_disable()

#endif

/* SPDX-License-Identifier: MIT */
/* What the notifier needs of a waiter that has a descriptor. */
#ifndef BABUS_WAITER_H
#define BABUS_WAITER_H

#include <stdbool.h>

#include <babus/babus.h>

/* What a sleeper for several waiters has to know of them. */
struct waiter_needs {
	uint32_t listen;     /* channels */
	int64_t until_ns;    /* when one wants to look again; CLOCK_MONOTONIC */
	uint64_t recheck_ns; /* the shortest interval between looks */
};

/*
 * For the notifier, after it has read the event word: if the waiter is armed and has
 * news, make its descriptor readable and disarm it. Adds what the waiter needs.
 */
void waiter_serve(babus_waiter *waiter, struct waiter_needs *needs);

#endif

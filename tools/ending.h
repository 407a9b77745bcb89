/* SPDX-License-Identifier: MIT */
/*
 * Ending with all handles closed: on SIGINT, SIGTERM and SIGHUP, and when
 * nobody reads our output any more. Waits, reads and writes return then.
 * Whoever does not end within a second of a signal, or gets a second one, dies
 * of it.
 */
#ifndef TOOLS_ENDING_H
#define TOOLS_ENDING_H

#include <stdbool.h>

#include <babus/babus.h>

/* Watch out from now on; wake `waiter` when it is time. NULL: only signals count. */
void ending_watch(babus_waiter *waiter);

/* Before the waiter is closed. */
void ending_release(void);

/* Whether it is time to end. */
bool ending_due(void);

/* Die of the signal that came, if any, as whoever started us expects. */
void ending_deliver(void);

#endif

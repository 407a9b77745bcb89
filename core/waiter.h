/* SPDX-License-Identifier: MIT */
/* What the notifier needs of a waiter that has a descriptor. */
#ifndef BABUS_WAITER_H
#define BABUS_WAITER_H

#include <stdbool.h>

#include <babus/babus.h>

/*
 * The channels the waiter listens on, and those it wants to be marked now,
 * which are none unless it is armed; both are added to what is there. How often
 * it wants to look again, if that is sooner.
 */
void waiter_channels(babus_waiter *waiter, uint32_t *listen, uint32_t *mark, uint64_t *recheck_ns);

/*
 * If the waiter is armed and has news, make its descriptor readable and disarm
 * it.
 */
void waiter_signal(babus_waiter *waiter);

#endif

/* SPDX-License-Identifier: MIT */
/* What the notifier needs of a waiter that has a descriptor. */
#ifndef BABUS_WAITER_H
#define BABUS_WAITER_H

#include <stdbool.h>

#include <babus/babus.h>

/*
 * The channels the waiter listens on, and those it wants to be marked now,
 * which are none unless it is armed. Both are added to what is there.
 */
void waiter_channels(babus_waiter *waiter, uint32_t *listen, uint32_t *mark);

/*
 * If the waiter is armed and has news, make its descriptor readable and disarm
 * it. Returns whether it is armed still.
 */
bool waiter_signal(babus_waiter *waiter);

#endif

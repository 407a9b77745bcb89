/* SPDX-License-Identifier: MIT */
/* A waiter's descriptor for event loops, an eventfd. */
#ifndef BABUS_DESCRIPTOR_H
#define BABUS_DESCRIPTOR_H

#include "look.h"

/* A wait found nothing: make the descriptor unreadable until there is news. Returns as
   look_at(), what it finds while it does so. Needs the waiter's lock. */
int descriptor_arm(babus_waiter *waiter, struct babus_event *events, int max);

/* When the waiter is closed. In a forked child (not `ours`) there is no notifier. */
void descriptor_close(babus_waiter *waiter, bool ours);

#endif

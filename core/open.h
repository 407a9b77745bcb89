/* SPDX-License-Identifier: MIT */
/* Opening a slot for those that look after it. */
#ifndef BABUS_OPEN_H
#define BABUS_OPEN_H

#include "slot.h"

/*
 * Open a slot that exists, to look after it. The handle writes to it if that is permitted,
 * but does not register as a publisher.
 */
int open_to_maintain(babus_domain *domain, const char *name, babus_slot **slot);

#endif

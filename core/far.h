/* SPDX-License-Identifier: MIT */
/*
 * The far buffers of a large slot: those beyond the first GiB of its payload. They are rarely
 * used, and mapped when a message lies in one or a publisher takes one.
 */
#ifndef BABUS_FAR_H
#define BABUS_FAR_H

#include "slot.h"

/* Map the far buffers, unless they are. Any thread. -ENOMEM, -EACCES, -ENODEV, -EIO. */
int far_map(babus_slot *slot);
/* For closing the handle. */
void far_unmap(babus_slot *slot);

/* Whether the file shows that none of them has memory. */
bool far_is_empty(babus_slot *slot);

#endif

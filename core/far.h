/* SPDX-License-Identifier: MIT */
/*
 * The far buffers of a large slot: those beyond the first GiB of its payload, which are
 * seldom used. They are mapped when a message lies there, or a publisher takes one.
 */
#ifndef BABUS_FAR_H
#define BABUS_FAR_H

#include "slot.h"

/* Map them if they are not; any thread. -ENOMEM, -EACCES, -ENODEV, -EIO. */
int far_map(babus_slot *slot);
/* When the handle is closed. */
void far_unmap(babus_slot *slot);

/* Whether none of them has memory, as far as can be told. */
bool far_is_empty(babus_slot *slot);

#endif

/* SPDX-License-Identifier: MIT */
/* Taking back what dead clients hold in a slot. */
#ifndef BABUS_RECOVER_H
#define BABUS_RECOVER_H

#include "slot.h"

/*
 * Take back what dead publishers hold (SLOT_FILE), or dead readers; without `repair`, or
 * where the handle may not write, only count them. Returns how many there are, or negative
 * errno. Adds the buffers that were taken back to `*buffers`, which may be NULL. Leaves the
 * error detail alone: callers go on if this fails.
 */
int recover_dead(babus_slot *slot, enum slot_file file, bool repair, uint32_t *buffers);

/* Take back what dead readers and publishers hold. Returns how many they were. */
int recover_all_dead(babus_slot *slot);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * An observer reads a slot without any write access. Its pins are in private memory, where
 * publishers do not see them. So it only reads copies, and these are whole because each is
 * checked against what only publishers can write.
 */
#ifndef BABUS_OBSERVER_H
#define BABUS_OBSERVER_H

#include "slot.h"

/* Make private memory with the layout of a pins file. 0 or -ENOMEM. */
int observer_make_pins(babus_slot *slot);

/* Register with these private pins. */
int observer_register(babus_slot *slot);

/* The content of the slot's pins file at one moment, read without mapping it. */
struct observer_pins {
	struct layout_pins header;
	struct lease_table table; /* of private memory */
	int fd;                   /* for lease_alive() */
};

/* -EACCES: it cannot be read. */
int observer_read_pins(babus_slot *slot, struct observer_pins *pins);
void observer_free_pins(struct observer_pins *pins);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * An observer reads a slot without write access to anything. Its pins are in memory of
 * its own, where no publisher sees them: so it reads copies only, which are whole
 * because each is checked against what publishers alone can write.
 */
#ifndef BABUS_OBSERVER_H
#define BABUS_OBSERVER_H

#include "slot.h"

/* The memory for the pins, with the layout of a pins file. 0 or -ENOMEM. */
int observer_make_pins(babus_slot *slot);

/* Register with these pins, which no other handle uses. */
int observer_register(babus_slot *slot);

/* What the slot's pins file held at one moment, read without mapping it. */
struct observer_pins {
	struct layout_pins header;
	struct lease_table table; /* of private memory */
	int fd;                   /* to ask who lives */
};

/* -EACCES: it cannot be read. */
int observer_read_pins(babus_slot *slot, struct observer_pins *pins);
void observer_free_pins(struct observer_pins *pins);

#endif

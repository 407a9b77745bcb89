/* SPDX-License-Identifier: MIT */
/* Reading a message in place, or a copy of it. */
#ifndef BABUS_VIEW_H
#define BABUS_VIEW_H

#include "slot.h"

/* Pin a message: through `pin` if that is idle, else through another one. */
int view_in_place(babus_slot *slot, uint32_t pin, enum babus_which which, uint64_t n,
		  struct babus_message *message);

/* The same, copied to the caller's memory: whole, whatever others do to the pin. */
int view_copy(babus_slot *slot, uint32_t pin, enum babus_which which, uint64_t n, void *buffer,
	      size_t capacity, struct babus_message *message);

#endif

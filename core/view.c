/* SPDX-License-Identifier: MIT */
/* Reading by number: pinned views and copies. */
#include "view.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "clients.h"
#include "error.h"
#include "far.h"

/* In message->pin: the pin was leased for this message alone. */
#define PIN_EXTRA (UINT32_C(1) << 31)

/* Use this pin. A message in a far buffer needs a mapping first. */
static inline int pin_message(babus_slot *slot, uint32_t pin, enum babus_which which, uint64_t n,
			      struct babus_message *message)
{
	int error = ring_pin(&slot->ring, &slot->pins[pin].pin, which, n, message);

	if (__builtin_expect(error == RING_FAR, 0)) {
		error = far_map(slot);
		if (!error)
			error = ring_pin(&slot->ring, &slot->pins[pin].pin, which, n, message);
	}
	return error;
}

static int view_extra(babus_slot *slot, enum babus_which which, uint64_t n,
		      struct babus_message *message)
{
	uint32_t pin;
	int error = clients_lease(slot, SLOT_PINS_FILE, &pin);

	if (error)
		return error;
	error = pin_message(slot, pin, which, n, message);
	if (error)
		clients_return_pin(slot, pin);
	else
		message->pin = pin | PIN_EXTRA;
	/* A fresh pin is in use: a hostile subscriber scribbles over the pins. */
	return error == RING_PIN_BUSY ? -ENOBUFS : error;
}

/* Use `pin` if that is idle, else another one. */
static inline int view(babus_slot *slot, uint32_t pin, enum babus_which which, uint64_t n,
		       struct babus_message *message)
{
	int error = pin_message(slot, pin, which, n, message);

	if (!error)
		message->pin = pin;
	else if (error == RING_PIN_BUSY)
		error = view_extra(slot, which, n, message);
	if (!error)
		message->slot = slot;
	return error;
}

/* A file was truncated meanwhile: no publisher sees the pin, or the error comes from zeros. */
static int cut_off(struct babus_message *message, int error)
{
	if (!error)
		babus_message_release(message);
	babus_fail_clear();
	return -EIO;
}

int view_in_place(babus_slot *slot, uint32_t pin, enum babus_which which, uint64_t n,
		  struct babus_message *message)
{
	int error = view(slot, pin, which, n, message);

	/* Nothing new. If that is because a file was truncated, the next call finds out. */
	if (error == -EAGAIN || __builtin_expect(!slot_was_cut(slot), 1))
		return error;
	return cut_off(message, error);
}

/* The pin that the handle keeps for views. It is leased for the first view. */
static int view_pin(babus_slot *slot, uint32_t *pin)
{
	uint64_t kept = local_get(&slot->view_pin);
	int error;

	if (!kept) {
		error = clients_lease(slot, SLOT_PINS_FILE, pin);
		if (error)
			return error;
		if (!local_swap(&slot->view_pin, 0, (uint64_t)*pin + 1))
			clients_return_pin(slot, *pin);
		kept = local_get(&slot->view_pin);
	}
	*pin = (uint32_t)kept - 1;
	return 0;
}

int babus_slot_view(babus_slot *slot, enum babus_which which, uint64_t n,
		    struct babus_message *message)
{
	uint32_t pin;
	int error = slot_check(slot);

	babus_fail_clear();
	if (!error)
		error = slot_check_view(slot);
	if (!error)
		error = view_pin(slot, &pin);
	return error ? error : view_in_place(slot, pin, which, n, message);
}

void babus_message_release(struct babus_message *message)
{
	babus_slot *slot = message->slot;

	message->slot = NULL;
	if (!slot || !fork_is_ours(slot->generation))
		return;
	if (message->pin & PIN_EXTRA)
		clients_return_pin(slot, message->pin & ~PIN_EXTRA);
	else
		pin_clear(&slot->pins[message->pin].pin);
}

/*
 * Copy a view's payload to the caller's memory and release the view. -EMSGSIZE: `message`
 * describes it. RING_AGAIN: the message was overwritten, so neither payload nor description
 * is valid.
 */
static int copy_out(struct babus_message *view, void *buffer, size_t capacity,
		    struct babus_message *message)
{
	babus_slot *slot = view->slot;
	int error = view->size > capacity ? -EMSGSIZE : 0;

	if (!error && view->size)
		memcpy(buffer, view->data, view->size);
	pin_settle(&slot->pins[view->pin & ~PIN_EXTRA].pin);
	if (!ring_still_holds(&slot->ring, view))
		error = RING_AGAIN;
	/* If a file was truncated while we read, we have zeros. */
	if (slot_was_cut(slot))
		error = -EIO;
	if (!error || error == -EMSGSIZE) {
		*message = *view;
		message->data = error ? NULL : buffer;
		message->pin = 0;
		message->slot = NULL;
	}
	babus_message_release(view);
	return error;
}

static int too_small(const babus_slot *slot, const struct babus_message *view, size_t capacity)
{
	return babus_fail(-EMSGSIZE, "slot '%s': message %" PRIu64 " has %zu bytes, the buffer %zu",
			  slot->name, view->seq, view->size, capacity);
}

int view_copy(babus_slot *slot, uint32_t pin, enum babus_which which, uint64_t n, void *buffer,
	      size_t capacity, struct babus_message *message)
{
	enum {
		TRIES = 64
	};
	struct babus_message seen;

	/* Once is enough, unless a subscriber is hostile, or we observe. */
	for (int i = 0; i < TRIES; i++) {
		int error = view(slot, pin, which, n, &seen);

		if (error)
			return slot_was_cut(slot) ? cut_off(&seen, error) : error;
		error = copy_out(&seen, buffer, capacity, message);
		if (error == -EMSGSIZE)
			return too_small(slot, message, capacity);
		if (error != RING_AGAIN)
			return error;
	}
	return -EBUSY;
}

int babus_slot_copy(babus_slot *slot, enum babus_which which, uint64_t n, void *buffer,
		    size_t capacity, struct babus_message *message)
{
	uint32_t pin;
	int error = slot_check(slot);

	babus_fail_clear();
	if (!error)
		error = view_pin(slot, &pin);
	return error ? error : view_copy(slot, pin, which, n, buffer, capacity, message);
}

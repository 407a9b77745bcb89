/* SPDX-License-Identifier: MIT */
/*
 * Readers: a cursor, and a pin whose entry shows the cursor and the losses to other processes.
 */
#include "reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "clients.h"
#include "error.h"
#include "view.h"

babus_slot *babus_reader_slot(const babus_reader *reader)
{
	return reader->slot;
}

static void set_cursor(babus_reader *reader, uint64_t seq)
{
	cursor_put(&reader->cursor, seq);
	counter_put(&reader->entry->cursor, seq);
}

/* Also back: a message after the cursor is then news to waiters. */
static void move_cursor(babus_reader *reader, uint64_t seq)
{
	cursor_move(&reader->cursor, seq);
	counter_put(&reader->entry->cursor, seq);
	if (reader->slot->domain->writable && ring_has_after(&reader->slot->ring, seq))
		wait_notify(reader->slot->domain_map, reader->slot->place);
}

int babus_reader_seek(babus_reader *reader, enum babus_start start, uint64_t n)
{
	const struct ring *ring = &reader->slot->ring;
	uint64_t newest, cursor = 0;
	int error = slot_check(reader->slot);

	babus_fail_clear();
	if (!error)
		error = ring_newest(ring, &newest);
	if (error)
		return error;
	switch (start) {
	case BABUS_START_NEXT:
		cursor = newest;
		break;
	case BABUS_START_OLDEST:
		/* One before the oldest, so that nothing counts as missed. */
		cursor = newest > ring->g.depth ? newest - ring->g.depth : 0;
		break;
	case BABUS_START_SEQ:
		if (n < 1 || n > BABUS_SEQ_MAX)
			return babus_fail(-EINVAL,
					  "sequence number %" PRIu64 ": expected 1 to %" PRIu64, n,
					  BABUS_SEQ_MAX);
		cursor = n - 1;
		break;
	default:
		return babus_fail(-EINVAL, "start %d: expected a value of enum babus_start",
				  (int)start);
	}
	if (cursor < ring->g.first_seq - 1)
		cursor = ring->g.first_seq - 1;
	move_cursor(reader, cursor);
	return 0;
}

/* Show others whether the entry is a reader's now. */
static void set_flag(babus_reader *reader, bool on)
{
	uint64_t own = reader->pin == reader->slot->leases[SLOT_PINS_FILE].client.own ? LEASE_OWN
										      : 0;

	counter_put(&reader->entry->pid, reader->slot->pid | own | (on ? LEASE_READER : 0));
}

int babus_reader_open(babus_slot *slot, enum babus_start start, uint64_t n, babus_reader **result)
{
	babus_reader *reader;
	int error = slot_check(slot);

	babus_fail_clear();
	if (error)
		return error;
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	reader->slot = slot;
	error = clients_lease(slot, SLOT_PINS_FILE, &reader->pin);
	if (error)
		goto free_reader;
	reader->entry = &slot->pins[reader->pin];
	counter_put(&reader->entry->received, 0);
	counter_put(&reader->entry->lost, 0);
	error = babus_reader_seek(reader, start, n);
	if (error)
		goto drop_pin;
	set_flag(reader, true);
	*result = reader;
	return 0;
drop_pin:
	clients_return_pin(slot, reader->pin);
free_reader:
	free(reader);
	return error;
}

void babus_reader_close(babus_reader *reader)
{
	if (!reader)
		return;
	babus_waiter_close(reader->waiter);
	if (fork_is_ours(reader->slot->generation)) {
		/* First it stops being a reader's entry, so that its losses are not counted twice.
		 */
		set_flag(reader, false);
		counter_add(&reader->slot->pins_header->lost, reader->lost);
		clients_return_pin(reader->slot, reader->pin);
	}
	free(reader);
}

/* --- reading --------------------------------------------------------------------- */

static int view(babus_reader *reader, enum babus_which which, struct babus_message *message)
{
	int error = slot_check(reader->slot);

	babus_fail_clear();
	if (!error)
		error = slot_check_view(reader->slot);
	if (error)
		return error;
	return view_in_place(reader->slot, reader->pin, which, local_get(&reader->cursor), message);
}

static void delivered(babus_reader *reader, uint64_t seq, uint64_t lost)
{
	set_cursor(reader, seq);
	counter_put(&reader->entry->received, ++reader->received);
	if (lost) {
		reader->lost += lost;
		counter_put(&reader->entry->lost, reader->lost);
	}
}

int babus_reader_next(babus_reader *reader, struct babus_message *message)
{
	int error = view(reader, BABUS_AFTER, message);

	if (!error)
		delivered(reader, message->seq, message->lost);
	return error;
}

int babus_reader_next_copy(babus_reader *reader, void *buffer, size_t capacity,
			   struct babus_message *message)
{
	int error = slot_check(reader->slot);

	babus_fail_clear();
	if (!error)
		error = view_copy(reader->slot, reader->pin, BABUS_AFTER,
				  local_get(&reader->cursor), buffer, capacity, message);
	if (!error)
		delivered(reader, message->seq, message->lost);
	return error;
}

int babus_reader_latest(babus_reader *reader, struct babus_message *message)
{
	struct babus_message found;
	uint64_t cursor = local_get(&reader->cursor);
	int error = view(reader, BABUS_LATEST, &found);

	if (error)
		return error == -ENODATA ? -EAGAIN : error;
	if (found.seq <= cursor) {
		babus_message_release(&found);
		return -EAGAIN;
	}
	found.skipped = found.seq - cursor - 1;
	reader->skipped += found.skipped;
	delivered(reader, found.seq, 0);
	*message = found;
	return 0;
}

int babus_reader_stats(const babus_reader *reader, struct babus_reader_stats *stats)
{
	babus_fail_clear();
	if (!fork_is_ours(reader->slot->generation))
		return -ECHILD;
	*stats = (struct babus_reader_stats){
	    .cursor = local_get(&reader->cursor),
	    .received = reader->received,
	    .lost = reader->lost,
	    .skipped = reader->skipped,
	};
	return 0;
}

/* --- waiting ---------------------------------------------------------------------- */

int babus_reader_wait(babus_reader *reader, int64_t deadline_ns)
{
	struct babus_event event;
	int error = 0;

	babus_fail_clear();
	if (!reader->waiter) {
		error = babus_waiter_open(reader->slot->domain, NULL, &reader->waiter);
		if (!error)
			error = babus_waiter_add(reader->waiter, reader, NULL);
		if (error) {
			babus_waiter_close(reader->waiter);
			reader->waiter = NULL;
			return error;
		}
	}
	error = babus_waiter_wait(reader->waiter, deadline_ns, &event, 1);
	return error < 0 ? error : event.status;
}

/* SPDX-License-Identifier: MIT */
/*
 * The clients of a slot: registering as one, the pins that a handle keeps, and who
 * else is there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "cancel.h"
#include "error.h"
#include "observer.h"
#include "slot.h"

/* --- registering ---------------------------------------------------------------- */

/* Needs fork_hold(). */
static int try_register(babus_slot *slot, enum slot_file file, struct lease_client *client)
{
	struct stat st;
	int fd = slot_reopen(slot, file, O_RDWR, &st);

	if (fd < 0)
		return fd;
	return lease_register(file == SLOT_FILE ? &slot->token_table : &slot->pin_table, fd,
			      client);
}

int slot_full(const babus_slot *slot, enum slot_file file)
{
	return babus_fail(-ENOBUFS, "slot '%s': all %" PRIu32 " %s are in use by live clients",
			  slot->name, file == SLOT_FILE ? slot->ring.g.loans : slot->ring.g.pins,
			  file == SLOT_FILE ? "loans" : "pins");
}

/* Needs fork_hold(). */
static int register_client(babus_slot *slot, enum slot_file file, struct lease_client *client)
{
	NO_CANCELLATION;
	int error;

	if (slot->observer)
		return observer_register(slot);
	error = try_register(slot, file, client);
	if (error == -ENOBUFS && slot_recover(slot, file, true, NULL) >= 0)
		error = try_register(slot, file, client);
	if (error == -ENOBUFS && !*babus_error_detail())
		slot_full(slot, file);
	return error;
}

int slot_register_publisher(babus_slot *slot)
{
	int error;

	fork_hold();
	error = register_client(slot, SLOT_FILE, &slot->publisher);
	fork_release();
	return error;
}

/* One lock for all slots: a slot's own one would be taken before it, see fork.h. */
static int register_reader(babus_slot *slot)
{
	int error = 0;

	if (local_get(&slot->reads))
		return 0;
	fork_hold();
	if (!local_get(&slot->reads)) {
		error = register_client(slot, SLOT_PINS_FILE, &slot->reader);
		local_put(&slot->reads, !error);
	}
	fork_release();
	return error;
}

int slot_keep_pin(babus_slot *slot, uint32_t *pin)
{
	int error = register_reader(slot);

	if (error)
		return error;
	if (local_take(&slot->own_pin_lent)) {
		*pin = slot->reader.own;
		return 0;
	}
	error = lease_take(&slot->pin_table, &slot->reader, pin);
	if (error == -ENOBUFS && slot_recover(slot, SLOT_PINS_FILE, true, NULL) >= 0)
		error = lease_take(&slot->pin_table, &slot->reader, pin);
	return error == -ENOBUFS ? slot_full(slot, SLOT_PINS_FILE) : error;
}

void slot_drop_pin(babus_slot *slot, uint32_t pin)
{
	if (pin == slot->reader.own) {
		pin_clear(&slot->pins[pin].hold);
		local_give(&slot->own_pin_lent);
	} else {
		lease_give(&slot->pin_table, &slot->reader, pin);
	}
}

/* --- listing ----------------------------------------------------------------------- */

static uint32_t count_owned(const struct ring *ring, uint64_t incarnation)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < ring->g.buffers; i++)
		count += state_get(&ring->states[i]) == word_state(STATE_OWNED, incarnation);
	return count;
}

/* Of a table whose file is open as `fd`. */
static int list_table(babus_slot *slot, const struct lease_table *table, bool publisher, int fd,
		      int (*fn)(void *arg, const struct babus_client_info *info), void *arg)
{
	int result = 0;

	for (uint32_t i = 0; i < table->count && !result; i++) {
		const struct layout_lease *entry = &table->entries[i];
		uint64_t incarnation = claim_get(&entry->claim);
		struct babus_client_info info = {.publisher = publisher};
		int alive;

		if (!incarnation || (publisher && !(counter_get(&entry->pid) & LEASE_OWN)))
			continue;
		alive = lease_alive(fd, incarnation);
		info.alive = alive > 0;
		info.pid = (uint32_t)counter_get(&entry->pid);
		info.held = publisher ? count_owned(&slot->ring, incarnation)
				      : record_get(&entry->hold) != 0;
		info.lost = lease_lost(entry, incarnation);
		if (counter_get(&entry->prepared) == incarnation) {
			info.cursor = counter_get(&entry->cursor);
			info.received = counter_get(&entry->received);
		}
		info.incarnation = incarnation;
		result = alive < 0 ? alive : fn(arg, &info);
	}
	return result;
}

static int list_publishers(babus_slot *slot,
			   int (*fn)(void *arg, const struct babus_client_info *info), void *arg)
{
	struct stat st;
	int fd = slot_reopen(slot, SLOT_FILE, O_RDONLY, &st);
	int result;

	if (fd < 0)
		return fd;
	result = list_table(slot, &slot->token_table, true, fd, fn, arg);
	close(fd);
	return result;
}

static int list_readers(babus_slot *slot,
			int (*fn)(void *arg, const struct babus_client_info *info), void *arg)
{
	struct observer_pins pins;
	struct stat st;
	int fd, result;

	if (slot->observer) {
		result = observer_read_pins(slot, &pins);
		if (result)
			return result;
		result = list_table(slot, &pins.table, false, pins.fd, fn, arg);
		observer_free_pins(&pins);
		return result;
	}
	fd = slot_reopen(slot, SLOT_PINS_FILE, O_RDONLY, &st);
	if (fd < 0)
		return fd;
	result = list_table(slot, &slot->pin_table, false, fd, fn, arg);
	close(fd);
	return result;
}

int babus_slot_clients(babus_slot *slot, int (*fn)(void *arg, const struct babus_client_info *info),
		       void *arg)
{
	NO_CANCELLATION;
	int result;

	babus_fail_clear();
	result = slot_check_now(slot);
	if (!result)
		result = list_publishers(slot, fn, arg);
	if (!result)
		result = list_readers(slot, fn, arg);
	/* What fn called may have failed. */
	if (!result)
		babus_fail_clear();
	return result;
}

int babus_slot_publisher_alive(babus_slot *slot, uint64_t publisher)
{
	NO_CANCELLATION;
	struct stat st;
	int fd, result;

	babus_fail_clear();
	result = slot_check_now(slot);
	if (result)
		return result;
	/* A number that no publisher has drawn yet is none. */
	if (publisher < 1 || publisher > CLAIM_INCARNATION_MAX ||
	    publisher >= counter_get(slot->token_table.next_incarnation))
		return babus_fail(-EINVAL, "publisher %" PRIu64 ": no such number", publisher);
	fd = slot_reopen(slot, SLOT_FILE, O_RDONLY, &st);
	if (fd < 0)
		return fd;
	result = lease_alive(fd, publisher);
	close(fd);
	return result;
}

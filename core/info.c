/* SPDX-License-Identifier: MIT */
/* A slot's facts and counters, and its clients. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cancel.h"
#include "error.h"
#include "observer.h"
#include "slot.h"

static uint32_t count_claims(const struct lease_table *table, uint64_t flags)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < lease_extent(table); i++) {
		const struct layout_lease *entry = &table->entries[i];

		count += claim_get(&entry->claim) && (counter_get(&entry->pid) & flags) == flags;
	}
	return count;
}

/* The losses of closed readers and of open ones. */
static uint64_t count_lost(const struct lease_table *pins)
{
	uint64_t lost = counter_get(pins->lost);

	for (uint32_t i = 0; i < lease_extent(pins); i++) {
		uint64_t incarnation = claim_get(&pins->entries[i].claim);

		lost += incarnation ? lease_lost(&pins->entries[i], incarnation) : 0;
	}
	return lost;
}

static void fill_readers(const struct lease_table *pins, struct babus_slot_info *info)
{
	info->readers = count_claims(pins, 0);
	info->lost = count_lost(pins);
}

/* An observer may not be allowed to see the readers. */
static void fill_observed(babus_slot *slot, struct babus_slot_info *info)
{
	struct observer_pins pins;
	struct stat st;

	if (observer_read_pins(slot, &pins)) {
		babus_fail_clear();
		return;
	}
	fill_readers(&pins.table, info);
	if (!fstat(pins.fd, &st))
		info->bytes_used += (uint64_t)st.st_blocks * 512;
	observer_free_pins(&pins);
}

static int fill_pins(babus_slot *slot, struct babus_slot_info *info)
{
	struct stat st;
	int fd = slot_reopen(slot, SLOT_PINS_FILE, O_RDONLY, &st);

	if (fd < 0)
		return fd;
	close(fd);
	fill_readers(&slot->leases[SLOT_PINS_FILE].table, info);
	info->bytes_used += (uint64_t)st.st_blocks * 512;
	return 0;
}

static int fill_files(babus_slot *slot, struct babus_slot_info *info)
{
	struct stat st;
	int fd = slot_reopen(slot, SLOT_FILE, O_RDONLY, &st);

	if (fd < 0)
		return fd;
	close(fd);
	info->mode = st.st_mode & 0777;
	info->uid = st.st_uid;
	info->gid = st.st_gid;
	info->bytes_used = (uint64_t)st.st_blocks * 512;
	info->bytes_max = slot->ring.g.slot_size + slot->ring.g.pins_size;
	if (!slot->observer)
		return fill_pins(slot, info);
	fill_observed(slot, info);
	return 0;
}

/* The newest message, from its record. Without a pin, so it may be overwritten. */
static void fill_newest(const babus_slot *slot, struct babus_slot_info *info)
{
	const struct ring *ring = &slot->ring;
	uint64_t cell = cell_get(&ring->cells[ring_index(ring, info->seq)]);
	const struct layout_record *record;

	info->kept = info->seq - (ring->g.first_seq - 1) < ring->g.depth
			 ? (uint32_t)(info->seq - (ring->g.first_seq - 1))
			 : ring->g.depth;
	if (!info->kept || cell_buffer(cell) >= ring->g.buffers)
		return;
	record = &ring->records[cell_buffer(cell)];
	info->size = record_get(&record->size);
	info->time_ns = record_get(&record->time_ns);
	info->publisher = record_get(&record->publisher);
	info->origin = record_get(&record->origin);
	info->pid = (uint32_t)record_get(&record->pid);
}

static int fill_messages(const babus_slot *slot, struct babus_slot_info *info)
{
	enum {
		ATTEMPTS = 100
	};
	const struct ring *ring = &slot->ring;
	int error = 0;

	for (int i = 0; i < ATTEMPTS && !error; i++) {
		error = ring_newest(ring, &info->seq);
		if (!error)
			fill_newest(slot, info);
		/* The record is right if the cell is the same: that changes before the buffer. */
		if (info->seq < ring->g.first_seq ||
		    cell_seq(cell_get(&ring->cells[ring_index(ring, info->seq)])) == info->seq)
			break;
	}
	return error;
}

int babus_slot_info(babus_slot *slot, struct babus_slot_info *result)
{
	NO_CANCELLATION;
	const struct layout_geometry *g = &slot->ring.g;
	struct babus_slot_info info = {
	    .instance = slot->instance,
	    .depth = g->depth,
	    .loans = g->loans,
	    .pins = g->pins,
	    .max_size = g->max_size,
	    .first_seq = g->first_seq,
	    .channel = slot->place.channel,
	};
	int error;

	babus_fail_clear();
	error = slot_check_now(slot);
	if (!error)
		error = fill_messages(slot, &info);
	if (!error)
		error = fill_files(slot, &info);
	if (error)
		return error;
	info.publishers = count_claims(&slot->leases[SLOT_FILE].table, LEASE_OWN);
	info.created_ns = slot->header->head.created_ns;
	memcpy(info.type, slot->type, sizeof(info.type));
	memcpy(info.description, slot->header->description, BABUS_DESCRIPTION_MAX);
	error = slot_check(slot);
	if (!error)
		*result = info;
	return error;
}

/* --- clients ----------------------------------------------------------------------- */

static uint32_t count_owned(const struct ring *ring, uint64_t incarnation)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < ring->g.buffers; i++)
		count += state_get(&ring->states[i]) == word_state(STATE_OWNED, incarnation);
	return count;
}

/* The clients of a table whose file is open as `fd`. */
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
				      : record_get(&entry->pin) != 0;
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
	result = list_table(slot, &slot->leases[SLOT_FILE].table, true, fd, fn, arg);
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
	result = list_table(slot, &slot->leases[SLOT_PINS_FILE].table, false, fd, fn, arg);
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
	/* Calls that fn made may have failed. */
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
	/* No publisher has drawn this number yet. */
	if (publisher < 1 || publisher > CLAIM_INCARNATION_MAX ||
	    publisher >= counter_get(slot->leases[SLOT_FILE].table.next_incarnation))
		return babus_fail(-EINVAL, "publisher %" PRIu64 ": no such number", publisher);
	fd = slot_reopen(slot, SLOT_FILE, O_RDONLY, &st);
	if (fd < 0)
		return fd;
	result = lease_alive(fd, publisher);
	close(fd);
	return result;
}

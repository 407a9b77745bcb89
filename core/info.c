/* SPDX-License-Identifier: MIT */
/* A slot's facts and counters, and who may use it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cancel.h"
#include "error.h"
#include "files.h"
#include "observer.h"
#include "shm.h"
#include "slot.h"

int babus_slot_set_access(babus_slot *slot, mode_t mode, uid_t uid, gid_t gid)
{
	NO_CANCELLATION;
	struct shm_access access = {mode, uid, gid};
	struct stat st;
	int slot_fd, pins_fd, error;

	babus_fail_clear();
	error = slot_check_now(slot);
	if (!error && slot->observer)
		error = observer_refuse(slot, "and cannot change its access");
	if (!error && mode != (mode_t)-1 && mode & ~(mode_t)0777)
		error = babus_fail(-EINVAL, "slot mode %#o: expected 0 to 0777", (unsigned)mode);
	if (error)
		return error;
	slot_fd = slot_reopen(slot, SLOT_FILE, O_RDONLY, &st);
	if (slot_fd < 0)
		return slot_fd;
	pins_fd = slot_reopen(slot, SLOT_PINS_FILE, O_RDONLY, &st);
	error = pins_fd < 0 ? pins_fd : shm_set_access(slot_fd, &access);
	if (!error) {
		if (mode != (mode_t)-1)
			access.mode = files_pins_mode(access.mode);
		error = shm_set_access(pins_fd, &access);
	}
	if (!error)
		domain_changed(slot->domain);
	if (pins_fd >= 0)
		close(pins_fd);
	close(slot_fd);
	return error;
}

static uint32_t count_claims(const struct lease_table *table, uint64_t flags)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < lease_extent(table); i++) {
		const struct layout_lease *entry = &table->entries[i];

		count += claim_get(&entry->claim) && (counter_get(&entry->pid) & flags) == flags;
	}
	return count;
}

/* Losses of readers that closed, and of those that are open. */
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

/* An observer sees of the readers what it can. */
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
	fill_readers(&slot->pin_table, info);
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

/* The newest message, from its record; nothing is pinned, so it may have gone. */
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
		/* The buffer is not reused before its cell is. */
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
	info.publishers = count_claims(&slot->token_table, LEASE_OWN);
	info.created_ns = slot->header->head.created_ns;
	memcpy(info.type, slot->type, sizeof(info.type));
	memcpy(info.description, slot->header->description, BABUS_DESCRIPTION_MAX);
	error = slot_check(slot);
	if (!error)
		*result = info;
	return error;
}

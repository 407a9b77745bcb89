/* SPDX-License-Identifier: MIT */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cancel.h"
#include "error.h"
#include "far.h"
#include "shm.h"

/* --- one buffer ------------------------------------------------------------------ */

/* Call act() on the slot's file, for what cannot be done through the mapping. */
static int through_file(babus_slot *slot, int (*act)(int fd, uint64_t offset, uint64_t size),
			uint64_t offset, uint64_t size)
{
	NO_CANCELLATION;
	struct stat st;
	int fd = slot_reopen(slot, SLOT_FILE, O_RDWR, &st);
	int error;

	if (fd < 0)
		return fd;
	error = act(fd, offset, size);
	close(fd);
	return error;
}

bool memory_has_own_pages(const struct ring *ring)
{
	return (ring->g.payload | ring->g.stride) % (uint64_t)sysconf(_SC_PAGESIZE) == 0;
}

int memory_give_back(babus_slot *slot, uint32_t buffer, uint64_t keep)
{
	struct ring *ring = &slot->ring;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t size;

	keep = (keep + page - 1) & ~(page - 1);
	if (keep >= ring->g.stride)
		return 0;
	/* Order matters if we die in between: memory that is not counted as backed is harmless,
	   backed bytes without memory are a SIGBUS. */
	if (record_get(&ring->backed[buffer]) > keep)
		record_put(&ring->backed[buffer], keep);
	size = ring->g.stride - keep;
	STEP("give_pages");
	if (ring_is_mapped(ring, buffer)) {
		if (!madvise(ring_data(ring, buffer) + keep, size, MADV_REMOVE))
			return 0;
		if (errno != EINVAL)
			return -errno;
		/* It is locked in memory. */
	}
	return through_file(slot, shm_punch, ring->g.payload + buffer * ring->g.stride + keep,
			    size);
}

int memory_explain(babus_slot *slot, int error)
{
	NO_CANCELLATION;
	struct stat st;
	int fd;

	if (error != -ENOSPC)
		return error;
	fd = slot_reopen(slot, SLOT_FILE, O_RDONLY, &st);
	babus_fail_clear();
	if (fd < 0)
		return error;
	close(fd);
	return (uint64_t)st.st_size < slot->ring.g.slot_size ? -EIO : error;
}

/* The whole pages of the slot's file that hold a part of a buffer. */
struct span {
	uint64_t from, to;
};

static struct span span_of(const struct layout_geometry *g, uint32_t buffer, uint64_t begin,
			   uint64_t end)
{
	uint64_t start = g->payload + buffer * g->stride;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	struct span span = {(start + begin) & ~(page - 1), (start + end + page - 1) & ~(page - 1)};

	if (span.to > g->slot_size)
		span.to = g->slot_size;
	return span;
}

static uint8_t *address_of(const struct ring *ring, uint32_t buffer, const struct span *span)
{
	uint64_t start = ring->g.payload + buffer * ring->g.stride;

	return (uint8_t *)((uintptr_t)ring_data(ring, buffer) + span->from - start);
}

static int populate(babus_slot *slot, uint32_t buffer, uint64_t size)
{
	const struct layout_geometry *g = &slot->ring.g;
	uint64_t backed = record_get(&slot->ring.backed[buffer]);
	/* Whole pages: the neighbours of a small message get their memory early. */
	struct span span = span_of(g, buffer, backed, size);
	uint64_t known = span.to - (g->payload + buffer * g->stride);
	int error = shm_populate(address_of(&slot->ring, buffer, &span), span.to - span.from);

	/* Before Linux 5.14. This does not fill our page table. */
	if (error == -EOPNOTSUPP)
		error = through_file(slot, shm_allocate, span.from, span.to - span.from);
	if (error) {
		/* Give back the part that there was room for, so that others can use it. */
		if (memory_has_own_pages(&slot->ring))
			memory_give_back(slot, buffer, backed);
		return memory_explain(slot, error);
	}
	record_put(&slot->ring.backed[buffer], known < g->stride ? known : g->stride);
	return 0;
}

int memory_make(babus_slot *slot, uint32_t buffer, uint64_t size)
{
	int error = ring_is_mapped(&slot->ring, buffer) ? 0 : far_map(slot);

	if (error || size <= record_get(&slot->ring.backed[buffer]))
		return error;
	return populate(slot, buffer, size);
}

/* --- page tables --------------------------------------------------------------- */

int memory_prefault(void *start, uint64_t size)
{
	int error = shm_populate(start, size);

	return error == -EOPNOTSUPP ? 0 : error;
}

int memory_prefault_buffer(babus_slot *slot, uint32_t buffer, uint64_t size)
{
	struct span span = span_of(&slot->ring.g, buffer, 0, size);
	int error = ring_is_mapped(&slot->ring, buffer) ? 0 : far_map(slot);

	if (error || !size)
		return error;
	return memory_prefault(address_of(&slot->ring, buffer, &span), span.to - span.from);
}

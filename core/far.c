/* SPDX-License-Identifier: MIT */
#include "far.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cancel.h"
#include "error.h"
#include "shm.h"

/* Where they are in the file: from a page boundary to the end. */
struct extent {
	uint64_t from, size;
	uint64_t skip; /* bytes before the first of them */
};

static struct extent far_extent(const struct layout_geometry *g)
{
	uint64_t start = g->payload + g->near * g->stride;
	uint64_t skip = start % (uint64_t)sysconf(_SC_PAGESIZE);

	return (struct extent){start - skip, g->slot_size - start + skip, skip};
}

/* Several threads may come here; one mapping stays. It is guarded before it is used. */
static int keep(babus_slot *slot, void *map, const struct extent *extent)
{
	struct ring *ring = &slot->ring;
	uint64_t first = (uintptr_t)map + extent->skip;
	struct guard *guard = guard_add_part(map, extent->size, slot->slot_guard);

	if (guard && local_swap(&ring->far, 0, first - ring->g.near * ring->g.stride)) {
		slot->far_guard = guard;
		return 0;
	}
	guard_remove(guard);
	shm_unmap(map, extent->size);
	return guard ? 0 : -ENOMEM;
}

int far_map(babus_slot *slot)
{
	NO_CANCELLATION;
	struct extent extent = far_extent(&slot->ring.g);
	struct stat st;
	void *map;
	int fd, error;

	if (local_get(&slot->ring.far))
		return 0;
	fd = slot_reopen(slot, SLOT_FILE, slot->publishes ? O_RDWR : O_RDONLY, &st);
	if (fd < 0)
		return fd;
	error = (uint64_t)st.st_size < slot->ring.g.slot_size ? -EIO : 0;
	if (!error)
		error = shm_map_at(fd, extent.from, extent.size, slot->publishes, &map);
	close(fd);
	return error ? error : keep(slot, map, &extent);
}

void far_unmap(babus_slot *slot)
{
	struct ring *ring = &slot->ring;
	struct extent extent;

	if (!local_get(&ring->far))
		return;
	extent = far_extent(&ring->g);
	guard_remove(slot->far_guard);
	shm_unmap(ring_data(ring, ring->g.near) - extent.skip, extent.size);
}

bool far_is_empty(babus_slot *slot)
{
	NO_CANCELLATION;
	struct stat st;
	bool empty;
	int fd = slot_reopen(slot, SLOT_FILE, O_RDONLY, &st);

	babus_fail_clear();
	if (fd < 0)
		return false;
	empty = lseek(fd, (off_t)far_extent(&slot->ring.g).from, SEEK_DATA) < 0 && errno == ENXIO;
	close(fd);
	return empty;
}

/* SPDX-License-Identifier: MIT */
#include "recover.h"

#include <fcntl.h>
#include <unistd.h>

#include "cancel.h"
#include "error.h"

struct burial {
	struct ring *ring;
	uint32_t buffers;
};

static void bury_publishers(void *arg, const struct lease_set *dead)
{
	struct burial *burial = arg;

	burial->buffers += ring_bury_owners(burial->ring, dead);
}

int recover_dead(babus_slot *slot, enum slot_file file, bool repair, uint32_t *buffers)
{
	NO_CANCELLATION;
	struct burial burial = {.ring = &slot->ring};
	struct error_kept detail;
	struct stat st;
	int fd, dead;

	/* An observer shares no entries with others. */
	if (slot->observer)
		return 0;
	error_keep(&detail);
	fd = slot_reopen(slot, file, O_RDONLY, &st);
	if (fd < 0) {
		dead = fd;
		goto restore;
	}
	if (file == SLOT_PINS_FILE)
		dead = lease_recover(&slot->leases[file].table, fd, repair, NULL, NULL);
	else
		dead = lease_recover(&slot->leases[file].table, fd, repair && slot->publishes,
				     bury_publishers, &burial);
	close(fd);
	if (buffers)
		*buffers += burial.buffers;
restore:
	error_restore(&detail);
	return dead;
}

int recover_all_dead(babus_slot *slot)
{
	int readers = recover_dead(slot, SLOT_PINS_FILE, true, NULL);
	int publishers = recover_dead(slot, SLOT_FILE, true, NULL);

	return (readers > 0 ? readers : 0) + (publishers > 0 ? publishers : 0);
}

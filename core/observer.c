/* SPDX-License-Identifier: MIT */
#include "observer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shm.h"

enum {
	PINS = 256 /* readers and copies at once of one handle */
};

int observer_make_pins(babus_slot *slot)
{
	uint64_t size = LAYOUT_PAGE + PINS * sizeof(struct layout_lease);
	struct layout_pins *pins = mmap(NULL, size, PROT_READ | PROT_WRITE,
					MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pins == MAP_FAILED)
		return -ENOMEM;
	pins->pins = PINS;
	counter_put(&pins->next_incarnation, 1);
	slot->pins_header = pins;
	slot->pins_size = size;
	return 0;
}

int observer_register(babus_slot *slot)
{
	struct lease_client client = {.incarnation = 1, .pid = slot->pid};
	int error = lease_take(&slot->leases[SLOT_PINS_FILE].table, &client, &client.own);

	if (error)
		return error;
	counter_put(&slot->pins[client.own].pid, client.pid | LEASE_OWN);
	slot->leases[SLOT_PINS_FILE].client = client;
	return 0;
}

/* All entries of the pins file. `count` is from the slot's header, which was checked. */
static int read_entries(int fd, uint32_t count, struct layout_lease **entries)
{
	size_t size = count * sizeof(**entries);
	struct layout_lease *read = calloc(count, sizeof(*read));
	ssize_t n;

	if (!read)
		return -ENOMEM;
	n = pread(fd, read, size, LAYOUT_PAGE);
	if (n == (ssize_t)size) {
		*entries = read;
		return 0;
	}
	free(read);
	return n < 0 ? -errno : -EIO;
}

int observer_read_pins(babus_slot *slot, struct observer_pins *pins)
{
	struct layout_lease *entries = NULL;
	struct stat st;
	int error, fd = slot_open_pins(slot, O_RDONLY, &pins->header, &st);

	if (fd < 0)
		return fd;
	error = read_entries(fd, slot->ring.g.pins, &entries);
	if (error) {
		close(fd);
		return error;
	}
	pins->fd = fd;
	pins->table = (struct lease_table){
	    .entries = entries,
	    .count = slot->ring.g.pins,
	    .next_incarnation = &pins->header.next_incarnation,
	    .extent = &pins->header.extent,
	    .lost = &pins->header.lost,
	};
	return 0;
}

void observer_free_pins(struct observer_pins *pins)
{
	free(pins->table.entries);
	close(pins->fd);
}

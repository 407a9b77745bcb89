/* SPDX-License-Identifier: MIT */
#include "clients.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "cancel.h"
#include "error.h"
#include "observer.h"
#include "recover.h"

static int full(const babus_slot *slot, enum slot_file file)
{
	return babus_fail(-ENOBUFS,
			  "slot '%s': all %" PRIu32
			  " %s are in use by live clients; create it with more",
			  slot->name, file == SLOT_FILE ? slot->ring.g.loans : slot->ring.g.pins,
			  file == SLOT_FILE ? "loans" : "pins");
}

/* Needs fork_lock(). */
static int try_to_register(babus_slot *slot, enum slot_file file)
{
	struct slot_leases *leases = &slot->leases[file];
	struct stat st;
	int fd;

	if (slot->observer)
		return observer_register(slot);
	fd = slot_reopen(slot, file, O_RDWR, &st);
	return fd < 0 ? fd : lease_register(&leases->table, fd, &leases->client);
}

/* Lease an entry; with `entry` NULL register, which leases the handle's own one. */
static int try_to_get(babus_slot *slot, enum slot_file file, uint32_t *entry)
{
	return entry ? lease_take(&slot->leases[file].table, &slot->leases[file].client, entry)
		     : try_to_register(slot, file);
}

/* If all entries are in use, dead clients may hold some: recover them and try again. */
static int get(babus_slot *slot, enum slot_file file, uint32_t *entry)
{
	int error = try_to_get(slot, file, entry);

	if (error == -ENOBUFS && recover_dead(slot, file, true, NULL) >= 0)
		error = try_to_get(slot, file, entry);
	return error == -ENOBUFS && !*babus_error_detail() ? full(slot, file) : error;
}

/* One lock for all slots: a lock of the slot would be taken before it, see fork.h. */
int clients_register(babus_slot *slot, enum slot_file file)
{
	NO_CANCELLATION;
	struct slot_leases *leases = &slot->leases[file];
	int error = 0;

	fork_lock();
	if (local_get(&leases->registered))
		goto release;
	error = get(slot, file, NULL);
	if (error)
		goto release;
	local_put(&leases->registered, 1);
	local_give(&leases->own_lent);
release:
	fork_unlock();
	return error;
}

int clients_lease_another(babus_slot *slot, enum slot_file file, uint32_t *entry)
{
	struct slot_leases *leases = &slot->leases[file];
	int error = local_get(&leases->registered) ? 0 : clients_register(slot, file);

	if (error)
		return error;
	if (!local_take(&leases->own_lent))
		return get(slot, file, entry);
	*entry = leases->client.own;
	return 0;
}

void clients_return_pin(babus_slot *slot, uint32_t pin)
{
	if (pin == slot->leases[SLOT_PINS_FILE].client.own)
		pin_clear(&slot->pins[pin].pin);
	clients_return(slot, SLOT_PINS_FILE, pin);
}

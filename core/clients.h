/* SPDX-License-Identifier: MIT */
/*
 * Being a client of a slot: a publisher, which leases tokens in the slot's file, or a reading
 * client, which leases pins in the pins file. Both work alike, see lease.h.
 */
#ifndef BABUS_CLIENTS_H
#define BABUS_CLIENTS_H

#include "slot.h"

/* Register the handle with the table in this file, unless it is. -ENOBUFS, with the text. */
int clients_register(babus_slot *slot, enum slot_file file);

/* The slow half of clients_lease(): the handle's own entry is in use, or it has none yet. */
int clients_lease_another(babus_slot *slot, enum slot_file file, uint32_t *entry);

/*
 * Lease an entry: the handle's own one if that is idle, else another. Registers the handle
 * if need be. -ENOBUFS, with the text. Hot: without a system call if the own entry is idle.
 */
static inline int clients_lease(babus_slot *slot, enum slot_file file, uint32_t *entry)
{
	struct slot_leases *leases = &slot->leases[file];

	if (__builtin_expect(local_take(&leases->own_lent), 1)) {
		*entry = leases->client.own;
		return 0;
	}
	return clients_lease_another(slot, file, entry);
}

/* Give an entry back, a pin by the function below. */
static inline void clients_return(babus_slot *slot, enum slot_file file, uint32_t entry)
{
	struct slot_leases *leases = &slot->leases[file];

	if (entry == leases->client.own)
		local_give(&leases->own_lent);
	else
		lease_give(&leases->table, &leases->client, entry);
}

/* Clear a pin and give it back. */
void clients_return_pin(babus_slot *slot, uint32_t pin);

#endif

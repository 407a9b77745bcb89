/* SPDX-License-Identifier: MIT */
/*
 * The inside of a slot's handle: the mappings, and what the process holds in them. open.c
 * opens it, publish.c publishes, view.c reads, files.c creates and removes its files.
 *
 * A handle registers as a publisher when it is opened for that, and as a reading client when
 * it first reads. Registering gives it a token, or a pin, of its own. If several loans or
 * views are in use at the same time, it leases others for as long as they last.
 */
#ifndef BABUS_SLOT_H
#define BABUS_SLOT_H

#include <errno.h>
#include <sys/stat.h>

#include "domain.h"
#include "fork.h"
#include "guard.h"
#include "lease.h"
#include "ring.h"
#include "wait.h"

enum slot_file {
	SLOT_FILE,
	SLOT_PINS_FILE
};

/* What a handle has of the leases in one file: loan tokens, or pins. See clients.h. */
struct slot_leases {
	struct lease_table table;   /* constant once open */
	shared64 registered;        /* 1: the handle is a client of the table */
	struct lease_client client; /* constant from then on */
	_Atomic bool own_lent;      /* the client's own entry is in use; true without one */
};

struct babus_slot {
	struct ring ring;

	/* constant once open */
	babus_domain *domain;
	struct layout_domain *domain_map;
	struct layout_slot *header;
	struct layout_pins *pins_header;
	struct layout_lease *pins;
	struct guard *slot_guard, *pins_guard, *far_guard;
	uint64_t generation;
	uint64_t instance;
	struct layout_place place; /* of its mark */
	uint32_t pid;
	bool publishes;
	bool observer;      /* see observer.h */
	uint64_t pins_size; /* bytes mapped for the pins */
	dev_t device, pins_device;
	ino_t inode, pins_inode;
	char *name;
	char type[BABUS_TYPE_MAX + 1];

	struct slot_leases leases[2]; /* by enum slot_file */
	shared64 look_ns;             /* when a publish looks for the files again */
	shared64 deleted_ns;          /* when its file was first found to be gone; 0: it is there */
	shared64 room_ns;             /* when to look again for what fills the tmpfs */

	shared64 view_pin; /* index + 1 of the pin kept for views; 0: none yet */
};

/* How often a publisher checks that the domain and the slot still exist. */
#define SLOT_LOOK_NS UINT64_C(1000000000)

/* The handle's incarnation as a publisher. */
static inline uint64_t slot_publisher(const struct babus_slot *slot)
{
	return slot->leases[SLOT_FILE].client.incarnation;
}

/* Whether one of the files was truncated under its mapping. */
static inline bool slot_was_cut(const struct babus_slot *slot)
{
	return guard_was_hit(slot->slot_guard) || guard_was_hit(slot->pins_guard);
}

/* Whether the handle can be used: 0, -ECHILD, -EIO, -ENODEV. Costs loads only, unless the
   domain's gone flag is set. */
static inline int slot_check(const struct babus_slot *slot)
{
	if (__builtin_expect(!fork_is_ours(slot->generation), 0))
		return -ECHILD;
	if (__builtin_expect(flag_get(&slot->header->removed) != 0, 0))
		return -ENODEV;
	/* After a look at the mapping, which may be what hits the guard. */
	if (__builtin_expect(slot_was_cut(slot), 0))
		return -EIO;
	if (__builtin_expect(flag_get(&slot->domain_map->gone) != 0, 0))
		return domain_check_gone(slot->domain);
	return 0;
}

/* The same, and check that the domain's files still exist, by a system call. */
int slot_check_now(const babus_slot *slot);

/* For what an observer may not do: -EACCES, with the text. */
int slot_refuse_observer(const babus_slot *slot, const char *what);

/* Whether the handle can pin messages: 0, or -EACCES for an observer. */
int slot_refuse_view(const babus_slot *slot);
static inline int slot_check_view(const babus_slot *slot)
{
	return __builtin_expect(slot->observer, 0) ? slot_refuse_view(slot) : 0;
}

/*
 * Open one of the slot's files again, for a lock, a probe or a stat. Returns the descriptor.
 * -ENODEV: it no longer has its name.
 */
int slot_reopen(babus_slot *slot, enum slot_file file, int flags, struct stat *st);

/*
 * Open the slot's pins file and read its header, checked. Returns the descriptor.
 * -ENODEV: the slot was removed.
 */
int slot_open_pins(babus_slot *slot, int flags, struct layout_pins *header, struct stat *st);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The inside of a slot's handle: the mappings, and what this process holds in
 * them. Publishing is in publish.c, reading in view.c, files in files.c.
 *
 * A handle registers as a publisher when it is opened for that, and as a
 * reading client when it first reads. Its own token, and its own pin, come with
 * that; if several threads or loans or views are at work at once, further ones
 * are leased for as long as they last.
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

struct babus_slot {
	struct ring ring;

	/* constant once open */
	babus_domain *domain;
	struct layout_domain *domain_map;
	struct layout_slot *header;
	struct layout_pins *pins_header;
	struct layout_lease *pins;
	struct guard *slot_guard, *pins_guard, *far_guard;
	struct lease_table token_table, pin_table;
	uint64_t generation;
	uint64_t instance;
	struct layout_place place; /* where its waiters look for news */
	uint32_t pid;
	bool publishes;
	bool observer;      /* see observer.h */
	uint64_t pins_size; /* bytes mapped for the pins */
	dev_t device, pins_device;
	ino_t inode, pins_inode;
	char *name;
	char type[BABUS_TYPE_MAX + 1];

	struct lease_client publisher; /* constant once open */
	_Atomic bool token_busy;       /* the publisher's own token */
	shared64 look_ns;              /* when a publish looks for the files again */
	shared64 deleted_ns; /* when its file was first found to be gone; 0: it is there */
	shared64 room_ns;    /* when to look again for what fills the tmpfs */

	shared64 reads;             /* 1: registered as a reading client */
	struct lease_client reader; /* constant from then on */
	_Atomic bool own_pin_lent;  /* the reading client's own pin */
	shared64 view_pin;          /* index + 1 of the pin kept for views; 0: none yet */
};

enum slot_file {
	SLOT_FILE,
	SLOT_PINS_FILE
};

/* How often a publisher looks whether the domain and the slot are still there. */
#define SLOT_LOOK_NS UINT64_C(1000000000)

/* Whether one of the files was truncated under its mapping. */
static inline bool slot_was_cut(const struct babus_slot *slot)
{
	return guard_was_hit(slot->slot_guard) || guard_was_hit(slot->pins_guard);
}

/* Whether the handle may be used: 0, -ECHILD, -EIO, -ENODEV. Mostly costs loads only. */
static inline int slot_check(const struct babus_slot *slot)
{
	if (__builtin_expect(!fork_is_ours(slot->generation), 0))
		return -ECHILD;
	if (__builtin_expect(flag_get(&slot->header->removed) != 0, 0))
		return -ENODEV;
	/* After a look at the mapping, which may be what finds out. */
	if (__builtin_expect(slot_was_cut(slot), 0))
		return -EIO;
	if (__builtin_expect(flag_get(&slot->domain_map->gone) != 0, 0))
		return domain_check_gone(slot->domain);
	return 0;
}

/* The same, and whether the domain's files are still there, which costs a system call. */
int slot_check_now(const babus_slot *slot);

/* Whether messages can be pinned: 0, or -EACCES of an observer. */
int slot_refuse_view(const babus_slot *slot);
static inline int slot_check_view(const babus_slot *slot)
{
	return __builtin_expect(slot->observer, 0) ? slot_refuse_view(slot) : 0;
}

/*
 * Open a slot that exists for looking after it: it is written to if that is
 * allowed, but no publisher registers.
 */
int slot_open_maintenance(babus_domain *domain, const char *name, babus_slot **slot);

/*
 * Open the slot's own file again, for a lock, a probe or a stat. Returns the
 * descriptor. -ENODEV: it is no longer there under this name.
 */
int slot_reopen(babus_slot *slot, enum slot_file file, int flags, struct stat *st);

/*
 * Open the slot's pins file and read its header, checked. Returns the descriptor.
 * -ENODEV: the slot was removed.
 */
int slot_open_pins(babus_slot *slot, int flags, struct layout_pins *header, struct stat *st);

/* Take back what dead publishers, or readers, hold. Number of them, or errno. */
int slot_recover(babus_slot *slot, enum slot_file file, bool repair, uint32_t *buffers);

/* Register the handle as a publisher. -ENOBUFS, with the text. */
int slot_register_publisher(babus_slot *slot);

/* All of the slot's loans (SLOT_FILE), or pins, are in use: -ENOBUFS, with the text. */
int slot_full(const babus_slot *slot, enum slot_file file);

/*
 * A pin of this handle to keep: its own one if nobody has that, else a further
 * one. -ENOBUFS.
 */
int slot_keep_pin(babus_slot *slot, uint32_t *pin);
void slot_drop_pin(babus_slot *slot, uint32_t pin);

/* Pin a message: through `pin` if that is idle, else through a further one. */
int slot_view(babus_slot *slot, uint32_t pin, enum babus_which which, uint64_t n,
	      struct babus_message *message);

/* The same, copied to the caller's memory, whole whatever others do to the pin. */
int slot_copy(babus_slot *slot, uint32_t pin, enum babus_which which, uint64_t n, void *buffer,
	      size_t capacity, struct babus_message *message);

#endif

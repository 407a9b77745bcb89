/* SPDX-License-Identifier: MIT */
/*
 * Leases: who holds what, and is he alive? The loan tokens of a slot and its
 * pins are tables of leases and work alike.
 *
 * A client of a table has an incarnation, a number that nobody had before. It
 * locks the byte of that number in the table's file (shm_life_*), and is alive
 * as long as the lock is held. Entries it leases hold its number.
 *
 * What a dead client held is taken back entry by entry; whoever dies while
 * doing so leaves the rest to the next one. Numbers never recur, so a
 * recoverer that slept through somebody else's recovery fails its swap and
 * does no harm. For the same reason an entry's other fields are left alone by
 * recoverers: whoever leases the entry next sets them, and until then they
 * mean nothing.
 */
#ifndef BABUS_LEASE_H
#define BABUS_LEASE_H

#include "layout.h"

struct lease_table {
	struct layout_lease *entries;
	uint32_t count;
	shared64 *next_incarnation;
	shared32 *extent;
	shared64 *lost; /* where a dead reader's losses are added up, or NULL */
};

struct lease_client {
	uint64_t incarnation; /* 0: not registered */
	uint32_t own;         /* the entry that it has for as long as it is registered */
	uint32_t pid;
	void *life; /* shm_life_keep() */
};

/*
 * Register through `fd`, opened on the table's file for this alone; it is
 * closed in any case. -ENOBUFS: no entry is free, or somebody who may only read
 * the file blocks registering with locks of his own.
 */
int lease_register(const struct lease_table *table, int fd, struct lease_client *client);

/* End a registration whose other entries were given back. */
void lease_unregister(const struct lease_table *table, struct lease_client *client);

/* Lease a further entry. -ENOBUFS. */
int lease_take(const struct lease_table *table, const struct lease_client *client, uint32_t *entry);
void lease_give(const struct lease_table *table, const struct lease_client *client, uint32_t entry);

/* Entries that were ever used: no need to look further. */
uint32_t lease_extent(const struct lease_table *table);

/*
 * Losses that are counted in an entry for the client that holds it; 0 if it died before it
 * had prepared the entry, which then still shows the holder before it.
 */
uint64_t lease_lost(const struct layout_lease *entry, uint64_t incarnation);

/* Whether the client lives: 1, 0 or negative errno. `fd` as for lease_recover(). */
int lease_alive(int fd, uint64_t incarnation);

/* Incarnations, each once, in order. */
struct lease_set {
	const uint64_t *numbers;
	size_t count;
};

bool lease_set_has(const struct lease_set *set, uint64_t incarnation);

/*
 * Take back what dead clients hold. release(arg, dead) is called before their
 * entries are freed. With `repair` false they are only counted. `fd` is any
 * descriptor of the table's file but one that holds a client's lock. Returns
 * the number of dead clients or negative errno.
 */
int lease_recover(const struct lease_table *table, int fd, bool repair,
		  void (*release)(void *arg, const struct lease_set *dead), void *arg);

#endif

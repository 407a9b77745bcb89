/* SPDX-License-Identifier: MIT */
/*
 * Leases: which client holds what, and is it alive? The loan tokens of a slot and its pins
 * are tables of leases and work alike.
 *
 * A client of a table has an incarnation, a number that no client had before. It locks the
 * byte of that number in the table's file (shm_life_*), and is alive as long as the lock is
 * held. The entries that it leases contain its number.
 *
 * Recovery takes back what a dead client held, entry by entry. If it dies, the next recovery
 * does the rest. Numbers are used once, so a recovery that was stopped while another one ran
 * fails its swap and does no harm. For the same reason recovery does not touch an entry's
 * other fields: the next owner of the entry sets them, and until then they mean nothing.
 */
#ifndef BABUS_LEASE_H
#define BABUS_LEASE_H

#include "layout.h"

struct lease_table {
	struct layout_lease *entries;
	uint32_t count;
	shared64 *next_incarnation;
	shared32 *extent;
	shared64 *lost; /* the sum of the losses of readers that are gone, or NULL */
};

struct lease_client {
	uint64_t incarnation; /* 0: not registered */
	uint32_t own;         /* the entry that it has while it is registered */
	uint32_t pid;
	void *life; /* shm_life_keep() */
};

/*
 * Register through `fd`, which was opened on the table's file for this alone. Closes it, also
 * on failure. -ENOBUFS: no entry is free, or a process that may only read the file blocks
 * registering by its own locks.
 */
int lease_register(const struct lease_table *table, int fd, struct lease_client *client);

/* End a registration. Its other entries have been given back. */
void lease_unregister(const struct lease_table *table, struct lease_client *client);

/* Lease another entry. -ENOBUFS. */
int lease_take(const struct lease_table *table, const struct lease_client *client, uint32_t *entry);
void lease_give(const struct lease_table *table, const struct lease_client *client, uint32_t entry);

/* How many entries were ever used: there is no need to look further. */
uint32_t lease_extent(const struct lease_table *table);

/*
 * The losses in an entry that its present holder counted. 0 if the holder died before it
 * prepared the entry, which then still has the numbers of the holder before.
 */
uint64_t lease_lost(const struct layout_lease *entry, uint64_t incarnation);

/* Whether the client is alive: 1, 0 or negative errno. `fd` as for lease_recover(). */
int lease_alive(int fd, uint64_t incarnation);

/* Incarnations, each once, in order. */
struct lease_set {
	const uint64_t *numbers;
	size_t count;
};

bool lease_set_has(const struct lease_set *set, uint64_t incarnation);

/*
 * Take back what dead clients hold; without `repair` only count these clients. Calls
 * release(arg, dead) before it frees their entries. `fd` is any descriptor of the table's
 * file, except one that holds a client's lock. Returns the number of dead clients or negative
 * errno.
 */
int lease_recover(const struct lease_table *table, int fd, bool repair,
		  void (*release)(void *arg, const struct lease_set *dead), void *arg);

#endif

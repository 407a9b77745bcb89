/* SPDX-License-Identifier: MIT */
/*
 * Leases: who holds what, and is he alive? The loan tokens of a slot and its
 * pins are tables of leases and work alike.
 *
 * A client registers by locking the byte of an entry's index in the table's
 * file (shm_life_*) and claiming that entry with a word that names the entry
 * and an incarnation nobody had before. With the same word it may claim
 * further entries of the table. It is alive as long as the entry in its word
 * still holds that word and the byte is locked.
 *
 * What a dead client held is taken back entry by entry, its own entry last, so
 * whoever dies while doing so leaves the rest to the next one. Words never
 * recur, so a recoverer that slept through somebody else's recovery fails its
 * swap and does no harm. For the same reason an entry's other fields are left
 * alone by recoverers: whoever claims the entry next sets them, and until then
 * they mean nothing.
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
	uint64_t word; /* 0: not registered */
	void *life;    /* shm_life_keep() */
	uint32_t pid;
};

/*
 * Register through `fd`, opened on the table's file for this alone; it is
 * closed in any case. -ENOBUFS: no entry is free.
 */
int lease_register(const struct lease_table *table, int fd, struct lease_client *client);

/* The client's own entry, valid while registered. */
static inline uint32_t lease_own_entry(const struct lease_client *client)
{
	return claim_entry(client->word);
}

/* End a registration whose other entries were given back. */
void lease_unregister(const struct lease_table *table, struct lease_client *client);

/* Claim a further entry. -ENOBUFS. */
int lease_take(const struct lease_table *table, const struct lease_client *client, uint32_t *entry);
void lease_give(const struct lease_table *table, const struct lease_client *client, uint32_t entry);

/* Entries that were ever used: no need to look further. */
uint32_t lease_extent(const struct lease_table *table);

/*
 * Whether the client that had `word` is dead: 1, 0 or negative errno. `fd` is
 * any descriptor of the table's file.
 */
int lease_is_dead(const struct lease_table *table, int fd, uint64_t word);

/*
 * Take back what dead clients hold. release(arg, word) is called for each dead
 * client before its entries are freed. With `repair` false they are only
 * counted. Returns the number of dead clients or negative errno.
 */
int lease_recover(const struct lease_table *table, int fd, bool repair,
		  void (*release)(void *arg, uint64_t word), void *arg);

#endif

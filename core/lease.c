/* SPDX-License-Identifier: MIT */
#include "lease.h"

#include <errno.h>
#include <unistd.h>

#include "error.h"
#include "fork.h"
#include "shm.h"

uint32_t lease_extent(const struct lease_table *table)
{
	uint32_t extent = extent_get(table->extent);

	return extent < table->count ? extent : table->count;
}

/* --- entries ---------------------------------------------------------------------- */

/* A fresh entry, before its owner holds anything through it. */
static void prepare(const struct lease_table *table, uint32_t i, uint32_t pid)
{
	struct layout_lease *entry = &table->entries[i];

	pin_clear(&entry->hold);
	counter_put(&entry->cursor, 0);
	counter_put(&entry->received, 0);
	counter_put(&entry->lost, 0);
	counter_put(&entry->pid, pid);
	extent_raise(table->extent, i + 1);
}

int lease_take(const struct lease_table *table, const struct lease_client *client, uint32_t *entry)
{
	for (uint32_t i = 0; i < table->count; i++) {
		if (claim_get(&table->entries[i].claim) ||
		    !claim_swap(&table->entries[i].claim, 0, client->incarnation))
			continue;
		prepare(table, i, client->pid);
		*entry = i;
		return 0;
	}
	return -ENOBUFS;
}

/* Give an entry back to the table if `incarnation` still holds it. */
static void free_entry(const struct lease_table *table, uint32_t i, uint64_t incarnation)
{
	struct layout_lease *entry = &table->entries[i];
	bool reader = counter_get(&entry->pid) & LEASE_READER;
	uint64_t lost = counter_get(&entry->lost);

	if (claim_swap(&entry->claim, incarnation, 0) && reader && table->lost)
		counter_add(table->lost, lost);
}

void lease_give(const struct lease_table *table, const struct lease_client *client, uint32_t entry)
{
	pin_clear(&table->entries[entry].hold);
	free_entry(table, entry, client->incarnation);
}

/* --- clients ---------------------------------------------------------------------- */

/* A number with its byte locked. Others only ever lock the number they drew. */
static int draw(const struct lease_table *table, int fd, uint64_t *incarnation)
{
	enum {
		ATTEMPTS = 16
	};

	for (int i = 0; i < ATTEMPTS; i++) {
		uint64_t number = ticket_take(table->next_incarnation);
		int error;

		if (number < 1 || number > CLAIM_INCARNATION_MAX)
			return babus_fail(-EPROTO, "incarnation numbers are used up, or damaged");
		error = shm_life_lock(fd, number);
		if (!error)
			*incarnation = number;
		if (error != -EAGAIN)
			return error;
	}
	return babus_fail(-ENOBUFS, "somebody blocks the locks that prove a client's life");
}

static int come_alive(const struct lease_table *table, int fd, struct lease_client *client)
{
	int error = draw(table, fd, &client->incarnation);

	if (!error)
		error = shm_life_keep(fd, &client->life);
	if (error)
		close(fd);
	return error;
}

int lease_register(const struct lease_table *table, int fd, struct lease_client *client)
{
	struct lease_client new = {.pid = (uint32_t)getpid()};
	int error = come_alive(table, fd, &new);

	if (error)
		return error;
	error = lease_take(table, &new, &new.own);
	if (error) {
		shm_life_end(new.life);
		return error;
	}
	counter_put(&table->entries[new.own].pid, new.pid | LEASE_OWN);
	*client = new;
	return 0;
}

void lease_unregister(const struct lease_table *table, struct lease_client *client)
{
	if (!client->incarnation)
		return;
	lease_give(table, client, client->own);
	shm_life_end(client->life);
	*client = (struct lease_client){0};
}

/* --- the dead --------------------------------------------------------------------- */

static void bury(const struct lease_table *table, uint64_t incarnation,
		 void (*release)(void *arg, uint64_t incarnation), void *arg)
{
	if (release)
		release(arg, incarnation);
	for (uint32_t i = 0; i < table->count; i++)
		if (claim_get(&table->entries[i].claim) == incarnation)
			free_entry(table, i, incarnation);
}

/* Whether an earlier entry than `i` has the same client. */
static bool seen_before(const struct lease_table *table, uint32_t i, uint64_t incarnation)
{
	for (uint32_t earlier = 0; earlier < i; earlier++)
		if (claim_get(&table->entries[earlier].claim) == incarnation)
			return true;
	return false;
}

int lease_alive(int fd, uint64_t incarnation)
{
	/* Scribbled: no byte of the file stands for it. */
	if (incarnation > CLAIM_INCARNATION_MAX)
		return 0;
	return shm_life_probe(fd, incarnation);
}

int lease_recover(const struct lease_table *table, int fd, bool repair,
		  void (*release)(void *arg, uint64_t incarnation), void *arg)
{
	int dead = 0;

	/* All entries: one may have died between its claim and the extent. */
	for (uint32_t i = 0; i < table->count; i++) {
		uint64_t incarnation = claim_get(&table->entries[i].claim);
		int alive;

		if (!incarnation)
			continue;
		/* Not alive may also be: has just closed. Then the claims we saw
		   are gone, and the swaps fail. */
		alive = lease_alive(fd, incarnation);
		if (alive < 0)
			return alive;
		if (alive || seen_before(table, i, incarnation))
			continue;
		dead++;
		if (repair)
			bury(table, incarnation, release, arg);
	}
	return dead;
}

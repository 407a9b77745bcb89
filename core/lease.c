/* SPDX-License-Identifier: MIT */
#include "lease.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "array.h"
#include "error.h"
#include "fork.h"
#include "shm.h"

uint32_t lease_extent(const struct lease_table *table)
{
	uint32_t extent = extent_get(table->extent);

	return extent < table->count ? extent : table->count;
}

/* --- entries ---------------------------------------------------------------------- */

/* Set a fresh entry before its owner uses it. */
static void prepare(const struct lease_table *table, uint32_t i, const struct lease_client *client)
{
	struct layout_lease *entry = &table->entries[i];

	pin_clear(&entry->pin);
	counter_put(&entry->cursor, 0);
	counter_put(&entry->received, 0);
	counter_put(&entry->lost, 0);
	counter_put(&entry->pid, client->pid);
	counter_put(&entry->prepared, client->incarnation);
	extent_raise(table->extent, i + 1);
}

int lease_take(const struct lease_table *table, const struct lease_client *client, uint32_t *entry)
{
	for (uint32_t i = 0; i < table->count; i++) {
		if (claim_get(&table->entries[i].claim) ||
		    !claim_swap(&table->entries[i].claim, 0, client->incarnation))
			continue;
		prepare(table, i, client);
		*entry = i;
		return 0;
	}
	return -ENOBUFS;
}

uint64_t lease_lost(const struct layout_lease *entry, uint64_t incarnation)
{
	return counter_get(&entry->pid) & LEASE_READER &&
		       counter_get(&entry->prepared) == incarnation
		   ? counter_get(&entry->lost)
		   : 0;
}

/* Give an entry back to the table if `incarnation` still holds it. */
static void free_entry(const struct lease_table *table, uint32_t i, uint64_t incarnation)
{
	struct layout_lease *entry = &table->entries[i];
	bool reader = table->lost && counter_get(&entry->pid) & LEASE_READER;
	uint64_t lost = reader ? lease_lost(entry, incarnation) : 0;

	/* If the swap succeeds, the entry had this holder until now, so what was read above is
	   that holder's. Of several processes that free it one succeeds. */
	if (claim_swap(&entry->claim, incarnation, 0) && reader)
		counter_add(table->lost, lost);
}

void lease_give(const struct lease_table *table, const struct lease_client *client, uint32_t entry)
{
	pin_clear(&table->entries[entry].pin);
	free_entry(table, entry, client->incarnation);
}

/* --- clients ---------------------------------------------------------------------- */

/* Draw a number and lock its byte. Each client only locks the number that it drew. */
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
	return babus_fail(-ENOBUFS, "another process blocks the locks that prove a client's life");
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

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

bool lease_set_has(const struct lease_set *set, uint64_t incarnation)
{
	return set->count &&
	       bsearch(&incarnation, set->numbers, set->count, sizeof(*set->numbers), compare);
}

/* A set that grows. A damaged table may name as many clients as it has entries. */
struct dead {
	uint64_t *numbers;
	size_t count, room;
};

static int add(struct dead *dead, uint64_t incarnation)
{
	uint64_t *numbers = array_grow(dead->numbers, dead->count, &dead->room, sizeof(*numbers));

	if (!numbers)
		return -ENOMEM;
	dead->numbers = numbers;
	dead->numbers[dead->count++] = incarnation;
	return 0;
}

static void sort(struct dead *dead)
{
	size_t kept = 0;

	if (dead->count)
		qsort(dead->numbers, dead->count, sizeof(*dead->numbers), compare);
	for (size_t i = 0; i < dead->count; i++)
		if (!i || dead->numbers[i] != dead->numbers[i - 1])
			dead->numbers[kept++] = dead->numbers[i];
	dead->count = kept;
}

int lease_alive(int fd, uint64_t incarnation)
{
	/* No client gets such a number, and the kernel has no such byte. */
	if (incarnation > CLAIM_INCARNATION_MAX)
		return 0;
	return shm_life_probe(fd, incarnation);
}

static int find_dead(const struct lease_table *table, int fd, struct dead *dead)
{
	int error = 0;

	/* All entries, because a client may have died between its claim and the extent. */
	for (uint32_t i = 0; i < table->count && !error; i++) {
		uint64_t incarnation = claim_get(&table->entries[i].claim);
		int alive;

		if (!incarnation)
			continue;
		/* A client that has just closed is not alive either. Then the claims that we
		   saw are gone, and the swaps fail. */
		alive = lease_alive(fd, incarnation);
		error = alive < 0 ? alive : !alive ? add(dead, incarnation) : 0;
	}
	sort(dead);
	return error;
}

static void bury(const struct lease_table *table, const struct lease_set *dead)
{
	for (uint32_t i = 0; i < table->count; i++) {
		uint64_t incarnation = claim_get(&table->entries[i].claim);

		if (incarnation && lease_set_has(dead, incarnation))
			free_entry(table, i, incarnation);
	}
}

int lease_recover(const struct lease_table *table, int fd, bool repair,
		  void (*release)(void *arg, const struct lease_set *dead), void *arg)
{
	struct dead dead = {0};
	int result = find_dead(table, fd, &dead);
	struct lease_set set = {dead.numbers, dead.count};

	if (!result && repair && set.count) {
		if (release)
			release(arg, &set);
		bury(table, &set);
	}
	free(dead.numbers);
	return result ? result : (int)set.count;
}

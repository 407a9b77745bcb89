/* SPDX-License-Identifier: MIT */
#include "lease.h"

#include <errno.h>
#include <unistd.h>

#include "error.h"
#include "shm.h"

uint32_t lease_extent(const struct lease_table *table)
{
	uint32_t extent = extent_get(table->extent);

	return extent < table->count ? extent : table->count;
}

/* A fresh entry, before anybody can hold anything through it. */
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
		if (claim_get(&table->entries[i].claim))
			continue;
		if (claim_swap(&table->entries[i].claim, 0, client->word)) {
			prepare(table, i, client->pid);
			*entry = i;
			return 0;
		}
	}
	return -ENOBUFS;
}

/* Give an entry back to the table if `word` still holds it. */
static void free_entry(const struct lease_table *table, uint32_t i, uint64_t word)
{
	struct layout_lease *entry = &table->entries[i];
	bool reader = counter_get(&entry->pid) & LEASE_READER;
	uint64_t lost = counter_get(&entry->lost);

	if (claim_swap(&entry->claim, word, 0) && reader && table->lost)
		counter_add(table->lost, lost);
}

int lease_register(const struct lease_table *table, int fd, struct lease_client *client)
{
	uint64_t incarnation = ticket_take(table->next_incarnation);
	int error = -ENOBUFS;

	if (incarnation < 1 || incarnation > CLAIM_INCARNATION_MAX) {
		close(fd);
		return babus_fail(-EOVERFLOW, "incarnation numbers are used up or damaged");
	}
	for (uint32_t i = 0; i < table->count; i++) {
		uint64_t word = word_claim(incarnation, i);

		if (claim_get(&table->entries[i].claim))
			continue;
		/* The lock first: from the moment the word can be seen it must
		   prove life. Somebody else may have locked the byte and be
		   about to claim the entry, or only feign to. */
		error = shm_life_lock(fd, i);
		if (error == -EAGAIN)
			continue;
		if (error)
			break;
		if (!claim_swap(&table->entries[i].claim, 0, word)) {
			shm_life_unlock(fd, i);
			continue;
		}
		error = shm_life_keep(fd, &client->life);
		if (error) {
			claim_swap(&table->entries[i].claim, word, 0);
			break;
		}
		client->pid = (uint32_t)getpid();
		prepare(table, i, client->pid);
		client->word = word;
		return 0;
	}
	close(fd);
	return error == -EAGAIN ? -ENOBUFS : error;
}

void lease_unregister(const struct lease_table *table, struct lease_client *client)
{
	if (!client->word)
		return;
	lease_give(table, client, lease_own_entry(client));
	shm_life_end(client->life);
	*client = (struct lease_client){0};
}

void lease_give(const struct lease_table *table, const struct lease_client *client, uint32_t entry)
{
	pin_clear(&table->entries[entry].hold);
	free_entry(table, entry, client->word);
}

/* Whether the word's own entry has passed to somebody else. */
static bool is_orphan(const struct lease_table *table, uint64_t word)
{
	uint32_t own = claim_entry(word);

	return own >= table->count || claim_get(&table->entries[own].claim) != word;
}

int lease_is_dead(const struct lease_table *table, int fd, uint64_t word)
{
	int locked;

	if (is_orphan(table, word))
		return 1;
	locked = shm_life_probe(fd, claim_entry(word));
	if (locked < 0)
		return locked;
	/* Unlocked, but by somebody who has just closed properly? Then the
	   word is gone too, and all that can be seen of it is stale. */
	return !locked;
}

static void bury(const struct lease_table *table, uint64_t word,
		 void (*release)(void *arg, uint64_t word), void *arg)
{
	uint32_t own = claim_entry(word);

	if (release)
		release(arg, word);
	for (uint32_t i = 0; i < table->count; i++)
		if (i != own && claim_get(&table->entries[i].claim) == word)
			free_entry(table, i, word);
	if (own < table->count)
		free_entry(table, own, word);
}

int lease_recover(const struct lease_table *table, int fd, bool repair,
		  void (*release)(void *arg, uint64_t word), void *arg)
{
	int dead = 0;

	/* All of them: one may have died between its claim and the extent. */
	for (uint32_t i = 0; i < table->count; i++) {
		uint64_t word = claim_get(&table->entries[i].claim);
		int result;

		if (!word)
			continue;
		/* A further entry is freed with its client's own one, unless
		   that is gone already. */
		if (claim_entry(word) != i && !is_orphan(table, word))
			continue;
		result = lease_is_dead(table, fd, word);
		if (result < 0)
			return result;
		if (!result)
			continue;
		dead++;
		if (repair)
			bury(table, word, release, arg);
	}
	return dead;
}

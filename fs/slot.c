/* SPDX-License-Identifier: MIT */
#include "slot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"

struct slots {
	struct fs *fs;
	pthread_mutex_t lock; /* protects what follows, and the slots' references */
	LIST_HEAD(slot_list, slot) * buckets;
	size_t bucket_count;
	size_t count;
};

uint64_t slot_ino(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	hash ^= hash >> 29;
	/* The low bits are for the files in it; bit 62 avoids small numbers. */
	return (hash << 17 & INT64_MAX) | UINT64_C(1) << 62;
}

static struct slot_list *bucket_of(struct slots *slots, const char *name)
{
	return &slots->buckets[(slot_ino(name) >> 17) % slots->bucket_count];
}

int slots_open(struct fs *fs, struct slots **result)
{
	enum {
		BUCKETS = 1024
	};
	struct slots *slots = calloc(1, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	slots->fs = fs;
	slots->bucket_count = BUCKETS;
	slots->buckets = calloc(BUCKETS, sizeof(*slots->buckets));
	if (!slots->buckets) {
		free(slots);
		return -ENOMEM;
	}
	pthread_mutex_init(&slots->lock, NULL);
	*result = slots;
	return 0;
}

static void destroy(struct slot *slot)
{
	slot_nodes_finish(slot);
	snapshots_finish(slot);
	publisher_finish(&slot->publisher);
	access_finish(&slot->access);
	staging_names_finish(&slot->staging);
	babus_slot_close(slot->bus);
	free(slot->name);
	free(slot);
}

void slots_close(struct slots *slots)
{
	struct slot *slot, *next;

	if (!slots)
		return;
	/* These the kernel had not forgotten. */
	for (size_t i = 0; i < slots->bucket_count; i++) {
		for (slot = LIST_FIRST(&slots->buckets[i]); slot; slot = next) {
			next = LIST_NEXT(slot, link);
			staging_drop_all(slot_get(slot));
			LIST_REMOVE(slot, link);
			destroy(slot);
		}
	}
	pthread_mutex_destroy(&slots->lock);
	free(slots->buckets);
	free(slots);
}

/* --- by name ---------------------------------------------------------------------- */

static struct slot *find_locked(struct slots *slots, const char *name)
{
	struct slot *slot;

	LIST_FOREACH(slot, bucket_of(slots, name), link)
	{
		if (!slot->removed && strcmp(slot->name, name) == 0) {
			slot->references++;
			return slot;
		}
	}
	return NULL;
}

static int open_slot(struct slots *slots, const char *name, struct slot **result)
{
	struct slot *slot = calloc(1, sizeof(*slot));
	struct babus_slot_info info;
	int error = -ENOMEM;

	if (!slot)
		return error;
	slot->fs = slots->fs;
	slot->references = 1;
	slot->ino = slot_ino(name);
	slot_nodes_init(slot);
	access_init(&slot->access);
	snapshots_init(&slot->snapshots);
	staging_names_init(&slot->staging);
	publisher_init(&slot->publisher);
	parking_init(&slot->parking);
	slot->name = strdup(name);
	if (slot->name)
		error = babus_slot_open(slots->fs->domain, name, BABUS_READ, NULL, &slot->bus);
	if (!error)
		error = babus_slot_info(slot->bus, &info);
	if (error) {
		destroy(slot);
		return error;
	}
	slot->instance = info.instance;
	slot->created_ns = info.created_ns;
	slot->max_size = info.max_size;
	slot->first_seq = info.first_seq;
	slot->depth = info.depth;
	slot->pins = info.pins;
	*result = slot;
	return 0;
}

/* Whether it was removed natively or is damaged: its name may be another slot's. Costs a few loads.
 */
static bool is_over(struct slot *slot)
{
	struct babus_message message;
	int error = babus_slot_view(slot->bus, BABUS_SEQ, 0, &message);

	if (!error)
		babus_message_release(&message);
	return error == -ENODEV || error == -EIO || error == -EPROTO;
}

int slots_find(struct slots *slots, const char *name, struct slot **result)
{
	struct slot *slot, *other;
	int error;

	pthread_mutex_lock(&slots->lock);
	slot = find_locked(slots, name);
	pthread_mutex_unlock(&slots->lock);
	if (slot && is_over(slot)) {
		slot_gone(slot);
		slot_put(slot);
		slot = NULL;
	}
	if (slot) {
		*result = slot;
		return 0;
	}
	error = open_slot(slots, name, &slot);
	if (error)
		return error;
	pthread_mutex_lock(&slots->lock);
	other = find_locked(slots, name);
	if (!other) {
		LIST_INSERT_HEAD(bucket_of(slots, name), slot, link);
		slots->count++;
	}
	pthread_mutex_unlock(&slots->lock);
	/* If it goes before the domain is looked at, no event says so, but the sweep sees it. */
	if (other)
		destroy(slot);
	else
		wake_arm(slots->fs->wake);
	*result = other ? other : slot;
	return 0;
}

struct slot *slot_get(struct slot *slot)
{
	struct slots *slots = slot->fs->slots;

	pthread_mutex_lock(&slots->lock);
	slot->references++;
	pthread_mutex_unlock(&slots->lock);
	return slot;
}

void slot_put(struct slot *slot)
{
	struct slots *slots = slot->fs->slots;
	bool last;

	pthread_mutex_lock(&slots->lock);
	last = --slot->references == 0;
	if (last) {
		LIST_REMOVE(slot, link);
		slots->count--;
	}
	pthread_mutex_unlock(&slots->lock);
	if (last)
		destroy(slot);
}

void slot_gone(struct slot *slot)
{
	struct slots *slots = slot->fs->slots;

	pthread_mutex_lock(&slots->lock);
	slot->removed = true;
	pthread_mutex_unlock(&slots->lock);
	snapshot_drop_holds(slot);
	staging_drop_all(slot);
}

bool slot_is_gone(struct slot *slot)
{
	struct slots *slots = slot->fs->slots;
	bool gone;

	pthread_mutex_lock(&slots->lock);
	gone = slot->removed;
	pthread_mutex_unlock(&slots->lock);
	return gone;
}

unsigned slots_count(struct slots *slots)
{
	unsigned count;

	pthread_mutex_lock(&slots->lock);
	count = (unsigned)slots->count;
	pthread_mutex_unlock(&slots->lock);
	return count;
}

/* --- all of them ------------------------------------------------------------------- */

/*
 * The slot after `slot`, or the first one after NULL; NULL: there is none. Takes
 * a reference to it and gives that to `slot` back.
 */
static struct slot *next_slot(struct slots *slots, struct slot *slot)
{
	struct slot_list *bucket = slot ? bucket_of(slots, slot->name) : slots->buckets;
	struct slot *next;

	pthread_mutex_lock(&slots->lock);
	next = slot ? LIST_NEXT(slot, link) : LIST_FIRST(bucket);
	while (!next && ++bucket < slots->buckets + slots->bucket_count)
		next = LIST_FIRST(bucket);
	if (next)
		next->references++;
	pthread_mutex_unlock(&slots->lock);
	if (slot)
		slot_put(slot);
	return next;
}

void slots_dismiss(struct slots *slots)
{
	for (struct slot *slot = NULL; (slot = next_slot(slots, slot));) {
		if (slot->dismissed || !(slot_is_gone(slot) || is_over(slot)))
			continue;
		slot->dismissed = true;
		slot_gone(slot);
		dir_dismiss(slots->fs, slot);
	}
}

bool slots_sweep(struct slots *slots, int64_t now_ns)
{
	bool left = false;

	for (struct slot *slot = NULL; (slot = next_slot(slots, slot));) {
		left |= snapshot_sweep(slot, now_ns);
		left |= publisher_sweep(slot, now_ns);
	}
	return left;
}

/* SPDX-License-Identifier: MIT */
/*
 * Holding a publishing handle open takes a loan from native publishers, so it
 * is closed soon after the last writer; one message at a time is published
 * through it, so that one loan is all a mount ever takes.
 */
#include "slot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "snapshot.h"
#include "staging.h"
#include "wake.h"

/* How long access bits are believed that nobody said had changed. */
#define ACCESS_NS INT64_C(1000000000)

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
	/* The low bits are for the files in it, the top one keeps clear of small numbers. */
	return (hash << 17 & INT64_MAX) | UINT64_C(1) << 62;
}

static struct slot_list *bucket(struct slots *slots, const char *name)
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
	snapshot_drop_holds(slot);
	babus_slot_close(slot->publisher);
	babus_slot_close(slot->bus);
	pthread_mutex_destroy(&slot->lock);
	pthread_mutex_destroy(&slot->view_lock);
	pthread_mutex_destroy(&slot->publish_lock);
	free(slot->name);
	free(slot);
}

void slots_close(struct slots *slots)
{
	struct slot *slot, *next;

	if (!slots)
		return;
	/* What the kernel still had looked up. */
	for (size_t i = 0; i < slots->bucket_count; i++) {
		for (slot = LIST_FIRST(&slots->buckets[i]); slot; slot = next) {
			next = LIST_NEXT(slot, link);
			staging_drop_all(slot_get(slot));
			slot_nodes_drop(slot);
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

	LIST_FOREACH(slot, bucket(slots, name), link)
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
	TAILQ_INIT(&slot->parked);
	LIST_INIT(&slot->staging);
	slot_nodes_init(slot);
	pthread_mutex_init(&slot->lock, NULL);
	pthread_mutex_init(&slot->view_lock, NULL);
	pthread_mutex_init(&slot->publish_lock, NULL);
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

/* Removed natively, or damaged? Then the name may mean another one. Costs a few loads. */
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
		LIST_INSERT_HEAD(bucket(slots, name), slot, link);
		slots->count++;
	}
	pthread_mutex_unlock(&slots->lock);
	if (other)
		destroy(slot);
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

/* A slot that is gone and was not dismissed yet, referenced; or NULL. */
static struct slot *next_gone(struct slots *slots)
{
	struct slot *slot = NULL;

	pthread_mutex_lock(&slots->lock);
	for (size_t i = 0; i < slots->bucket_count && !slot; i++) {
		LIST_FOREACH(slot, &slots->buckets[i], link)
		if (!slot->dismissed && (slot->removed || is_over(slot)))
			break;
	}
	if (slot) {
		slot->dismissed = true;
		slot->references++;
	}
	pthread_mutex_unlock(&slots->lock);
	return slot;
}

void slots_dismiss(struct slots *slots)
{
	struct slot *slot;

	while ((slot = next_gone(slots))) {
		slot_gone(slot);
		dir_dismiss(slots->fs, slot);
		slot_put(slot);
	}
}

unsigned slots_count(struct slots *slots)
{
	unsigned count;

	pthread_mutex_lock(&slots->lock);
	count = (unsigned)slots->count;
	pthread_mutex_unlock(&slots->lock);
	return count;
}

struct slot *slots_registered(struct slots *slots)
{
	struct slot *slot = NULL;

	pthread_mutex_lock(&slots->lock);
	for (size_t i = 0; i < slots->bucket_count && !slot; i++) {
		LIST_FOREACH(slot, &slots->buckets[i], link)
		if (slot->reader)
			break;
	}
	pthread_mutex_unlock(&slots->lock);
	return slot;
}

/* --- access ----------------------------------------------------------------------- */

static bool access_known(struct slot *slot, uint64_t changes, struct access *access)
{
	bool known;

	pthread_mutex_lock(&slot->lock);
	known = slot->access_until_ns > fs_monotonic() && slot->access_changes == changes;
	*access = slot->access;
	pthread_mutex_unlock(&slot->lock);
	return known;
}

int slot_access(struct slot *slot, bool fresh, struct access *result)
{
	struct babus_slot_info info;
	struct access access;
	uint64_t changes;
	int error = babus_domain_changes(slot->fs->domain, &changes);

	if (error)
		return error;
	if (!access_known(slot, changes, &access) || fresh) {
		error = babus_slot_info(slot->bus, &info);
		/* A member may have given the name to another file, which is no removal. */
		if (error == -ENODEV && !slot_is_gone(slot))
			slot_gone(slot);
		/* What is open of a removed slot keeps the access it had. */
		if (error && (fresh || !access.mode))
			return error;
		if (!error)
			access = (struct access){info.mode, info.uid, info.gid};
		pthread_mutex_lock(&slot->lock);
		slot->access = access;
		slot->access_changes = changes;
		slot->access_until_ns = fs_monotonic() + ACCESS_NS;
		pthread_mutex_unlock(&slot->lock);
	}
	*result = access;
	return 0;
}

/* --- publishing ------------------------------------------------------------------- */

static int open_publisher(struct slot *slot, babus_slot **publisher)
{
	struct babus_slot_info info;
	babus_slot *bus;
	int error = babus_slot_open(slot->fs->domain, slot->name, BABUS_PUBLISH, NULL, &bus);

	if (error)
		return error;
	error = babus_slot_info(bus, &info);
	/* Under this name there may be another slot by now. */
	if (!error && info.instance != slot->instance)
		error = -ENODEV;
	if (error)
		babus_slot_close(bus);
	else
		*publisher = bus;
	return error;
}

int slot_add_writer(struct slot *slot)
{
	int error = 0;

	pthread_mutex_lock(&slot->publish_lock);
	if (!slot->publisher)
		error = open_publisher(slot, &slot->publisher);
	if (!error)
		slot->writers++;
	pthread_mutex_unlock(&slot->publish_lock);
	return error;
}

void slot_drop_writer(struct slot *slot)
{
	bool last;

	pthread_mutex_lock(&slot->publish_lock);
	last = --slot->writers == 0;
	if (last)
		slot->publisher_until_ns = fs_monotonic() + (int64_t)slot->fs->options.hold_ns;
	pthread_mutex_unlock(&slot->publish_lock);
	if (last)
		wake_arm(slot->fs->wake);
}

int slot_publish(struct slot *slot, const void *data, size_t size, pid_t pid)
{
	struct babus_stamp stamp = {.pid = (uint32_t)pid};
	int error;

	pthread_mutex_lock(&slot->publish_lock);
	error = babus_slot_publish(slot->publisher, data, size, &stamp, NULL);
	pthread_mutex_unlock(&slot->publish_lock);
	if (!error) {
		slot->fs->counters.published++;
		slot->fs->counters.published_bytes += size;
	}
	return error;
}

int slot_probe(struct slot *slot, size_t size)
{
	struct babus_loan loan;
	int error;

	pthread_mutex_lock(&slot->publish_lock);
	error = babus_slot_loan(slot->publisher, size, &loan);
	if (!error)
		babus_loan_discard(&loan);
	pthread_mutex_unlock(&slot->publish_lock);
	return error;
}

/* --- what is overdue ---------------------------------------------------------------- */

/* Whether its publishing handle is left for later; one that is overdue is `*closed`. */
static bool sweep_publisher(struct slot *slot, int64_t now_ns, babus_slot **closed)
{
	bool left = false;

	/* Publishing, which may take long: not overdue. */
	if (pthread_mutex_trylock(&slot->publish_lock))
		return true;
	if (slot->publisher && !slot->writers) {
		if (slot->publisher_until_ns <= now_ns) {
			*closed = slot->publisher;
			slot->publisher = NULL;
		} else {
			left = true;
		}
	}
	pthread_mutex_unlock(&slot->publish_lock);
	return left;
}

bool slots_sweep(struct slots *slots, int64_t now_ns)
{
	struct slot *slot, *overdue = NULL;
	bool left = false;

	pthread_mutex_lock(&slots->lock);
	for (size_t i = 0; i < slots->bucket_count; i++) {
		LIST_FOREACH(slot, &slots->buckets[i], link)
		{
			left |= snapshot_sweep(slot, now_ns);
			left |= sweep_publisher(slot, now_ns, &slot->overdue);
			if (slot->overdue) {
				slot->references++;
				slot->next_overdue = overdue;
				overdue = slot;
			}
		}
	}
	pthread_mutex_unlock(&slots->lock);
	/* Unmapping much takes long, and look-ups need the lock. */
	while ((slot = overdue)) {
		overdue = slot->next_overdue;
		babus_slot_close(slot->overdue);
		slot->overdue = NULL;
		slot_put(slot);
	}
	return left;
}

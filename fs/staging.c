/* SPDX-License-Identifier: MIT */
#include "staging.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kind.h"
#include "slot.h"

enum {
	/* An empty file counts as well, so that a user cannot make a million of them. */
	COST = 4096,
	/* Editors keep notes in such files, however small the slot's messages are. */
	SIZE_MIN = 1 << 20
};

static uint64_t size_max(const struct slot *slot)
{
	return slot->max_size > SIZE_MIN ? slot->max_size : SIZE_MIN;
}

/* Names of other files of a slot, there or not: `latest`, numbers. */
static bool is_reserved(const char *name)
{
	return kind_find(name, FILE_LATEST, FILE_PUB) != FILES ||
	       name[strspn(name, "0123456789")] == '\0';
}

/* Needs staging_names->lock. */
static struct staging *find_locked(struct slot *slot, const char *name)
{
	struct staging *staging;

	LIST_FOREACH(staging, &slot->staging.list, link)
	if (strcmp(staging->name, name) == 0)
		break;
	return staging;
}

void staging_names_init(struct staging_names *names)
{
	pthread_mutex_init(&names->lock, NULL);
	LIST_INIT(&names->list);
}

void staging_names_finish(struct staging_names *names)
{
	pthread_mutex_destroy(&names->lock);
}

int staging_list(struct slot *slot, struct listing *listing)
{
	struct staging *staging;
	int error = 0;

	pthread_mutex_lock(&slot->staging.lock);
	LIST_FOREACH(staging, &slot->staging.list, link)
	if (!error)
		error = listing_add(listing, staging->name,
				    node_ino(FILE_STAGING, slot, (uint32_t)staging->id), S_IFREG);
	pthread_mutex_unlock(&slot->staging.lock);
	return error;
}

struct staging *staging_get(struct staging *staging)
{
	staging->references++;
	return staging;
}

static void destroy(struct staging *staging)
{
	struct budget *memory = &staging->user->memory;

	pending_clear(&staging->content, memory);
	budget_give(memory, COST);
	user_put(staging->user);
	pthread_mutex_destroy(&staging->lock);
	free(staging->name);
	free(staging);
}

void staging_put(struct staging *staging)
{
	if (staging && --staging->references == 0)
		destroy(staging);
}

/* To be followed by drop_name() without the lock. Needs staging_names->lock. */
static void unlink_locked(struct staging *staging)
{
	LIST_REMOVE(staging, link);
	staging->is_linked = false;
}

/* A name keeps the file, and the slot that it is in. */
static void drop_name(struct slot *slot, struct staging *staging)
{
	if (!staging)
		return;
	staging_put(staging);
	slot_put(slot);
}

static int new_staging(struct slot *slot, struct user *user, const char *name,
		       struct staging **result)
{
	static _Atomic uint64_t last_id;
	struct staging *staging;

	if (!budget_take(&user->memory, COST))
		return -EDQUOT;
	staging = calloc(1, sizeof(*staging));
	if (staging)
		staging->name = strdup(name);
	if (!staging || !staging->name) {
		free(staging);
		budget_give(&user->memory, COST);
		return -ENOMEM;
	}
	node_init(slot->fs->nodes, &staging->node, FILE_STAGING, slot);
	staging->id = ++last_id;
	staging->user = user_get(user);
	staging->references = 1;
	pthread_mutex_init(&staging->lock, NULL);
	staging->time_ns = fs_realtime();
	staging->content.dirty = true;
	*result = staging;
	return 0;
}

int staging_create(struct slot *slot, const char *name, const struct access *access,
		   struct staging **result)
{
	struct staging *staging;
	struct user *user;
	int error;

	if (is_reserved(name))
		return -EPERM;
	if (strlen(name) > STAGING_NAME_MAX)
		return -ENAMETOOLONG;
	error = user_find(slot->fs->users, access->uid, &user);
	if (error)
		return error;
	error = new_staging(slot, user, name, &staging);
	user_put(user);
	if (error)
		return error;
	staging->access = *access;
	slot_get(slot);
	pthread_mutex_lock(&slot->staging.lock);
	if (find_locked(slot, name)) {
		error = -EEXIST;
	} else {
		LIST_INSERT_HEAD(&slot->staging.list, staging, link);
		staging->is_linked = true;
		staging->references++;
	}
	pthread_mutex_unlock(&slot->staging.lock);
	if (error) {
		drop_name(slot, staging);
		return error;
	}
	/* Its names were dropped when it was removed; one made since would keep it. */
	if (slot_is_gone(slot)) {
		staging_drop_all(slot);
		staging_put(staging);
		return -ENODEV;
	}
	*result = staging;
	return 0;
}

int staging_find(struct slot *slot, const char *name, struct staging **result)
{
	struct staging *staging;

	pthread_mutex_lock(&slot->staging.lock);
	staging = find_locked(slot, name);
	if (staging)
		staging->references++;
	pthread_mutex_unlock(&slot->staging.lock);
	*result = staging;
	return staging ? 0 : -ENOENT;
}

int staging_unlink(struct slot *slot, const char *name)
{
	struct staging *staging;

	if (is_reserved(name))
		return -EPERM;
	pthread_mutex_lock(&slot->staging.lock);
	staging = find_locked(slot, name);
	if (staging)
		unlink_locked(staging);
	pthread_mutex_unlock(&slot->staging.lock);
	drop_name(slot, staging);
	return staging ? 0 : -ENOENT;
}

int staging_rename(struct slot *slot, const char *from, const char *to, bool keep)
{
	struct staging *staging, *other;
	char *name, *old = NULL;
	int error = 0;

	if (is_reserved(from) || is_reserved(to))
		return -EPERM;
	if (strlen(to) > STAGING_NAME_MAX)
		return -ENAMETOOLONG;
	name = strdup(to);
	if (!name)
		return -ENOMEM;
	pthread_mutex_lock(&slot->staging.lock);
	staging = find_locked(slot, from);
	other = find_locked(slot, to);
	if (!staging)
		error = -ENOENT;
	else if (other && keep)
		error = -EEXIST;
	if (error || other == staging) {
		other = NULL;
	} else {
		if (other)
			unlink_locked(other);
		old = staging->name;
		staging->name = name;
		name = NULL;
	}
	pthread_mutex_unlock(&slot->staging.lock);
	drop_name(slot, other);
	free(old);
	free(name);
	return error;
}

static int publish(struct staging *staging, struct slot *to, pid_t pid)
{
	int error = publisher_add_writer(to);

	if (error)
		return error;
	pthread_mutex_lock(&staging->lock);
	error = publisher_publish(to, staging->content.data, staging->content.size, pid);
	pthread_mutex_unlock(&staging->lock);
	publisher_drop_writer(to);
	return error;
}

int staging_publish(struct slot *slot, const char *name, struct slot *to, pid_t pid)
{
	struct staging *staging;
	int error;

	if (is_reserved(name))
		return -EPERM;
	error = staging_find(slot, name, &staging);
	if (!error)
		error = publish(staging, to, pid);
	if (!error) {
		bool named;

		/* It is published even if it was unlinked or renamed meanwhile. */
		pthread_mutex_lock(&slot->staging.lock);
		named = staging->is_linked && strcmp(staging->name, name) == 0;
		if (named)
			unlink_locked(staging);
		pthread_mutex_unlock(&slot->staging.lock);
		if (named)
			drop_name(slot, staging);
	}
	/* The analyser does not know that the name's was not the last reference. */
	staging_put(staging); /* NOLINT(clang-analyzer-unix.Malloc) */
	return error;
}

void staging_drop_all(struct slot *slot)
{
	struct staging *staging;

	do {
		pthread_mutex_lock(&slot->staging.lock);
		staging = LIST_FIRST(&slot->staging.list);
		if (staging)
			unlink_locked(staging);
		pthread_mutex_unlock(&slot->staging.lock);
		drop_name(slot, staging);
	} while (staging);
}

int staging_write(struct staging *staging, struct slot *slot, const void *data, size_t size,
		  off_t offset)
{
	int error;

	pthread_mutex_lock(&staging->lock);
	error = pending_write(&staging->content, &staging->user->memory, data, size, offset,
			      size_max(slot));
	if (!error)
		staging->time_ns = fs_realtime();
	pthread_mutex_unlock(&staging->lock);
	return error;
}

int staging_truncate(struct staging *staging, struct slot *slot, off_t size)
{
	struct pending *content = &staging->content;
	int error = 0;

	pthread_mutex_lock(&staging->lock);
	if (size) {
		error = pending_truncate(content, &staging->user->memory, size, size_max(slot));
	} else {
		pending_clear(content, &staging->user->memory);
		content->base = 0;
		content->dirty = true;
	}
	if (!error)
		staging->time_ns = fs_realtime();
	pthread_mutex_unlock(&staging->lock);
	return error;
}

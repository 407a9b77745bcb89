/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "array.h"
#include "cancel.h"
#include "clock.h"
#include "domain.h"
#include "name.h"
#include "shm.h"

struct watch_slot {
	char name[BABUS_NAME_MAX + 1];
	ino_t inode; /* differs if the slot was created again */
};

struct watch_news {
	enum babus_event_kind kind;
	char name[BABUS_NAME_MAX + 1]; /* "": none */
};

/* --- what there is ------------------------------------------------------------------ */

struct listing {
	struct watch_slot *slots;
	size_t count, room;
};

static int append(struct listing *listing, const struct dirent *entry)
{
	struct watch_slot slot = {.inode = entry->d_ino}, *slots;

	if (!name_of_slot(entry->d_name, slot.name))
		return 0;
	slots = array_grow(listing->slots, listing->count, &listing->room, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	listing->slots = slots;
	listing->slots[listing->count++] = slot;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct watch_slot *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* All slots, sorted by name. The caller frees them, also after an error. */
static int list(const babus_domain *domain, struct listing *listing)
{
	NO_CANCELLATION;
	struct dirent *entry;
	DIR *dir = shm_open_dir(domain->dirfd);
	int error = 0;

	if (!dir)
		return -errno;
	while (!error && (entry = readdir(dir)))
		error = append(listing, entry);
	closedir(dir);
	if (listing->slots)
		qsort(listing->slots, listing->count, sizeof(*listing->slots), compare);
	return error;
}

/* --- what has changed ---------------------------------------------------------------- */

static void add_news(struct watch *watch, enum babus_event_kind kind, const char *name)
{
	struct watch_news *news = &watch->news[watch->end++];

	news->kind = kind;
	memcpy(news->name, name, strlen(name) + 1);
}

/* Compare the two listings, both sorted by name. */
static void find_changes(struct watch *watch, const struct listing *now)
{
	size_t old = 0, new = 0;

	while (old < watch->count || new < now->count) {
		/* NULL: the list has ended. */
		const struct watch_slot *was = old < watch->count ? &watch->slots[old] : NULL;
		const struct watch_slot *is = new < now->count ? &now->slots[new] : NULL;
		int order = !was ? 1 : !is ? -1 : compare(was, is);
		bool same = !order && was->inode == is->inode;

		if (was && order <= 0 && !same)
			add_news(watch, BABUS_EVENT_DISAPPEARED, was->name);
		if (is && order >= 0 && !same)
			add_news(watch, BABUS_EVENT_APPEARED, is->name);
		old += order <= 0;
		new += order >= 0;
	}
}

/*
 * When the directory was last changed. 0 if that is so short a time ago that a later change
 * may get the same time.
 */
static uint64_t changed_at(const babus_domain *domain)
{
	enum {
		TICK_NS = 20000000
	};
	struct stat st;
	uint64_t at;

	if (fstat(domain->dirfd, &st) < 0)
		return 0;
	at = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
	return clock_realtime() - at > TICK_NS ? at : 0;
}

/* Find what has changed. All earlier changes must be reported. */
static int look(struct watch *watch, babus_domain *domain)
{
	/* Before the listing: a change after this is found the next time. */
	uint64_t changes = change_get(&domain->map->changes);
	uint64_t time_ns = changed_at(domain);
	struct listing now = {0};
	struct watch_news *news;
	int error = list(domain, &now);

	if (error)
		goto free_listing;
	error = -ENOMEM;
	news = reallocarray(watch->news, watch->count + now.count + 1, sizeof(*news));
	if (!news)
		goto free_listing;
	watch->news = news;
	find_changes(watch, &now);
	/* More changes than slots that came or went: others are among them. */
	if (changes - watch->changes > watch->end)
		add_news(watch, BABUS_EVENT_CHANGED, "");
	free(watch->slots);
	watch->slots = now.slots;
	watch->count = now.count;
	watch->changes = changes;
	watch->time_ns = time_ns;
	watch->stale = false;
	return 0;
free_listing:
	free(now.slots);
	return error;
}

/* --- reporting ------------------------------------------------------------------------ */

int watch_start(struct watch *watch, babus_domain *domain, void *user)
{
	uint64_t changes = change_get(&domain->map->changes);
	uint64_t time_ns = changed_at(domain);
	struct listing now = {0};
	int error;

	if (watch->on)
		return -EEXIST;
	error = list(domain, &now);
	if (error) {
		free(now.slots);
		return error;
	}
	watch->on = true;
	watch->user = user;
	watch->changes = changes;
	watch->time_ns = time_ns;
	watch->stale = false;
	watch->slots = now.slots;
	watch->count = now.count;
	return 0;
}

void watch_stop(struct watch *watch)
{
	free(watch->slots);
	watch->slots = NULL;
	watch->count = 0;
	watch->on = false;
	/* Names that were reported stay until the next wait. */
	watch->next = watch->end;
}

void watch_free(struct watch *watch)
{
	free(watch->slots);
	free(watch->news);
}

bool watch_has_news(const struct watch *watch, const babus_domain *domain)
{
	return watch->on && (watch->next < watch->end || watch->stale ||
			     change_get(&domain->map->changes) != watch->changes);
}

void watch_doubt(struct watch *watch, const babus_domain *domain)
{
	if (watch->on && (!watch->time_ns || changed_at(domain) != watch->time_ns))
		watch->stale = true;
}

void watch_forget_reported(struct watch *watch)
{
	if (watch->next == watch->end)
		watch->next = watch->end = 0;
}

int watch_report(struct watch *watch, babus_domain *domain, struct babus_event *events, int max)
{
	int found = 0;

	if (!watch->end && watch_has_news(watch, domain)) {
		int error = look(watch, domain);

		if (error)
			return error;
	}
	while (found < max && watch->next < watch->end) {
		const struct watch_news *news = &watch->news[watch->next++];

		events[found++] = (struct babus_event){.kind = news->kind,
						       .user = watch->user,
						       .slot = *news->name ? news->name : NULL};
	}
	return found;
}

/* SPDX-License-Identifier: MIT */
#include "interest.h"

#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "reader.h"
#include "wait.h"

struct entry {
	babus_reader *reader;
	void *user;
};

struct group {
	struct entry *entries;
	size_t count, room;
	size_t first;  /* the entry to look at first */
	uint32_t seen; /* the mark's count when we set the mark */
	bool quiet;
};

struct interest_channel {
	struct group groups[LAYOUT_MARKS];
	uint64_t bits;  /* groups with readers */
	uint64_t doubt; /* groups to look at though they are quiet */
	uint32_t first; /* the group to look at first */
	uint64_t seen;  /* the channel's count before we found all groups quiet */
	bool quiet;
};

/* --- the set ---------------------------------------------------------------------- */

static size_t find(const struct group *group, const babus_reader *reader)
{
	size_t i = 0;

	while (i < group->count && group->entries[i].reader != reader)
		i++;
	return i;
}

static int append(struct group *group, babus_reader *reader, void *user)
{
	struct entry *entries;

	if (find(group, reader) < group->count)
		return -EEXIST;
	entries = array_grow(group->entries, group->count, &group->room, sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	group->entries = entries;
	group->entries[group->count++] = (struct entry){reader, user};
	group->quiet = false;
	return 0;
}

int interest_add(struct interest *interest, babus_reader *reader, void *user)
{
	struct layout_place place = reader->slot->place;
	struct interest_channel **channel = &interest->channels[place.channel];
	int error;

	if (!*channel)
		*channel = calloc(1, sizeof(**channel));
	if (!*channel)
		return -ENOMEM;
	error = append(&(*channel)->groups[place.mark], reader, user);
	if (error)
		return error;
	interest->count++;
	(*channel)->quiet = false;
	(*channel)->bits |= UINT64_C(1) << place.mark;
	interest->bits |= UINT32_C(1) << place.channel;
	return 0;
}

int interest_remove(struct interest *interest, babus_reader *reader)
{
	struct layout_place place = reader->slot->place;
	struct interest_channel *channel = interest->channels[place.channel];
	struct group *group = channel ? &channel->groups[place.mark] : NULL;
	size_t i = group ? find(group, reader) : 0;

	if (!group || i == group->count)
		return -ENOENT;
	group->entries[i] = group->entries[--group->count];
	interest->count--;
	if (!group->count)
		channel->bits &= ~(UINT64_C(1) << place.mark);
	if (!channel->bits)
		interest->bits &= ~(UINT32_C(1) << place.channel);
	return 0;
}

void interest_free(struct interest *interest)
{
	for (size_t i = 0; i < LAYOUT_CHANNELS; i++) {
		if (!interest->channels[i])
			continue;
		for (size_t j = 0; j < LAYOUT_MARKS; j++)
			free(interest->channels[i]->groups[j].entries);
		free(interest->channels[i]);
	}
}

void interest_doubt(struct interest *interest)
{
	for (size_t i = 0; i < LAYOUT_CHANNELS; i++)
		if (interest->channels[i])
			interest->channels[i]->doubt = UINT64_MAX;
}

/* --- looking ---------------------------------------------------------------------- */

static bool look_at(const struct entry *entry, struct babus_event *event)
{
	bool news;
	int status = reader_look(entry->reader, &news);

	if (!status && !news)
		return false;
	if (event)
		*event = (struct babus_event){.kind = BABUS_EVENT_READER,
					      .status = status,
					      .reader = entry->reader,
					      .user = entry->user};
	return true;
}

/* Up to `max` of a group's readers with news. */
static int look_at_entries(struct group *group, struct babus_event *events, int max)
{
	size_t first = group->first < group->count ? group->first : 0;
	int found = 0;

	for (size_t n = 0; n < group->count && found < max; n++) {
		size_t i = first + n < group->count ? first + n : first + n - group->count;

		if (!look_at(&group->entries[i], events ? &events[found] : NULL))
			continue;
		found++;
		if (events)
			group->first = i + 1;
	}
	return found;
}

/*
 * If the mark's count is the same as when we set the mark, no wake-up was begun since. Then
 * the mark is still set, because only a publisher that has counted its wake-up clears it. A
 * publisher that counts a wake-up from now on changes the event word after that, which we
 * have read before (EVENT).
 */
static int look_at_group(struct group *group, shared64 *mark, bool set, bool doubted,
			 struct babus_event *events, int max)
{
	bool quiet = group->quiet && mark_count(mark_get(mark)) == group->seen;
	int found;

	if (quiet && !doubted)
		return 0;
	if (!quiet && set) {
		group->seen = mark_count(mark_set(mark));
		quiet = true;
	}
	found = look_at_entries(group, events, max);
	group->quiet = quiet && !found;
	return found;
}

/* The next bit that is set, from `first` on and round. */
static uint32_t next_bit(uint64_t bits, uint32_t first)
{
	uint64_t rest = bits >> first;

	return rest ? first + (uint32_t)__builtin_ctzll(rest) : (uint32_t)__builtin_ctzll(bits);
}

static int look_at_channel(struct interest_channel *channel, struct layout_channel *map, bool set,
			   struct babus_event *events, int max)
{
	/* Before the marks: a wake-up counted after this makes us look again. */
	uint64_t news = news_get(&map->news), left = channel->bits;
	uint32_t at = channel->first;
	bool quiet = true;
	int found = 0;

	if (channel->quiet && news == channel->seen && !(channel->doubt & channel->bits))
		return 0;
	for (; left && found < max; left &= ~(UINT64_C(1) << at)) {
		struct group *group;
		int here;

		at = next_bit(left, at);
		group = &channel->groups[at];
		here = look_at_group(group, &map->marks[at], set, channel->doubt >> at & 1,
				     events ? events + found : NULL, max - found);
		channel->doubt &= ~(UINT64_C(1) << at);
		quiet = quiet && group->quiet;
		found += here;
		if (events && here)
			channel->first = (at + 1) % LAYOUT_MARKS;
	}
	channel->quiet = quiet && !left;
	channel->seen = news;
	return found;
}

int interest_look(struct interest *interest, struct layout_domain *domain, bool mark,
		  struct babus_event *events, int max)
{
	uint32_t left = interest->bits, at = interest->first;
	int found = 0;

	for (; left && found < max; left &= ~(UINT32_C(1) << at)) {
		int here;

		at = next_bit(left, at);
		here = look_at_channel(interest->channels[at], &domain->channels[at], mark,
				       events ? events + found : NULL, max - found);
		found += here;
		if (events && here)
			interest->first = (at + 1) % LAYOUT_CHANNELS;
	}
	return found;
}

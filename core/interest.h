/* SPDX-License-Identifier: MIT */
/*
 * The readers that a waiter looks at, in groups: those whose slots share a mark.
 *
 * A group is quiet when its mark was set, then all its readers were looked at, and none
 * had news. It stays quiet until a wake-up is begun for it, which the mark counts, and
 * the channel as well: no reader of it has news before that, unless a publisher died or
 * stands between its message and its wake-up. So a look costs a load for each quiet
 * channel, however many readers it has. The waiter's lock protects all of it.
 */
#ifndef BABUS_INTEREST_H
#define BABUS_INTEREST_H

#include <stddef.h>

#include <babus/babus.h>

#include "layout.h"

struct interest_channel;

struct interest {
	struct interest_channel *channels[LAYOUT_CHANNELS]; /* NULL: not used yet */
	uint32_t bits;                                      /* channels with readers */
	size_t count;                                       /* readers */
	uint32_t first;                                     /* the channel to look at first */
};

/* -EEXIST, -ENOMEM. */
int interest_add(struct interest *interest, babus_reader *reader, void *user);
/* -ENOENT. */
int interest_remove(struct interest *interest, babus_reader *reader);
void interest_free(struct interest *interest);

/*
 * Look at each reader once more, however quiet its group is: a publisher may have died
 * between its message and its wake-up. The looks that follow do so as they pass.
 */
void interest_doubt(struct interest *interest);

/*
 * Find up to `max` readers with news, in turn, in groups that are not quiet. If `mark`,
 * the marks of these are set first. `events` NULL: only whether there are any. Returns
 * how many.
 */
int interest_look(struct interest *interest, struct layout_domain *domain, bool mark,
		  struct babus_event *events, int max);

#endif

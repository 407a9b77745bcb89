/* SPDX-License-Identifier: MIT */
/*
 * The readers that a waiter looks at. Readers whose slots share a mark form a group.
 *
 * A group is quiet if its mark was set, then all its readers were looked at, and none had
 * news. It stays quiet until a publisher begins a wake-up for it, which the mark counts, and
 * the channel, too. Before that no reader of the group has news, unless a publisher died or
 * stopped between its message and its wake-up. So a look costs one load for each quiet
 * channel, however many readers it has. The waiter's lock protects all of this.
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
 * Let the next looks include each reader once, even in quiet groups, because a publisher may
 * have died between its message and its wake-up.
 */
void interest_doubt(struct interest *interest);

/*
 * Find up to `max` readers with news, in groups that are not quiet. Repeated calls report
 * different readers first. With `mark` the marks of these groups are set before the look.
 * `events` NULL: only whether there are any. Returns how many.
 */
int interest_look(struct interest *interest, struct layout_domain *domain, bool mark,
		  struct babus_event *events, int max);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Sleeping and waking on a domain's one event word, and the lock on its slots' names. The
 * only caller of futex.
 *
 * A waiter reads the event word, sets the marks of its slots, looks for news, and sleeps if
 * the word is still the same. A publisher sets its cell, then looks at its slot's mark. If
 * that is set, it counts a wake-up there and on the channel, changes the event word, wakes
 * the channel's sleepers, and only then clears the mark. So no wake-up depends on another
 * publisher, a mark costs each publish one system call at most, and a crash leaves nothing to
 * repair. See DESIGN.md, "No lost wake-up".
 */
#ifndef BABUS_WAIT_H
#define BABUS_WAIT_H

#include "layout.h"

#define WAIT_ALL UINT32_MAX

/* The channel that also carries news of the domain itself. No slot gets it automatically. */
#define WAIT_CONTROL_CHANNEL 31u
#define WAIT_CONTROL                    \
	(struct layout_place)           \
	{                               \
		WAIT_CONTROL_CHANNEL, 0 \
	}

static inline shared64 *wait_mark(struct layout_domain *domain, struct layout_place place)
{
	return &domain->channels[place.channel].marks[place.mark];
}

/* The slow half of wait_notify(), for a mark that is set. */
void wait_wake(struct layout_domain *domain, struct layout_place place);

/* After publishing: wake the processes that sleep until there is news. */
static inline void wait_notify(struct layout_domain *domain, struct layout_place place)
{
	if (__builtin_expect(mark_is_set(mark_get(wait_mark(domain, place))), 0))
		wait_wake(domain, place);
}

/* Wake all sleepers of these channels, whatever they have marked. */
void wait_kick(struct layout_domain *domain, uint32_t channels);

/*
 * Sleep until one of the channels is woken, unless the event word is no longer `event`.
 * `deadline_ns` is on CLOCK_MONOTONIC; negative: none. 0 (woken, or the word has changed: look
 * again), -ETIMEDOUT, -EINTR (a signal handler ran, with SA_RESTART or without).
 */
int wait_sleep(struct layout_domain *domain, uint32_t event, uint32_t channels,
	       int64_t deadline_ns);

/*
 * The lock on the names of a domain's slots. Finding out which slot has a name and renaming
 * its file are two steps, so only the holder of the lock does them. A process that has waited
 * for a second goes on without the lock: its holder was killed, or is stopped. If a stopped
 * holder goes on, it may take away the name of a later slot; see files.h.
 */
void wait_lock_names(struct layout_domain *domain);
void wait_unlock_names(struct layout_domain *domain);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Sleeping and waking on a domain's one event word; and turns; the only futex caller.
 *
 * A waiter reads the event word, marks the channels it cares for, looks for
 * news, and sleeps if the word is still the same. A publisher sets its cell and
 * then looks for its channel's mark; only if it is there it takes the mark,
 * changes the word, and wakes the sleepers of that channel. So a mark costs one
 * system call at most, whoever set it and whether he still lives, and there is
 * nothing to repair after a crash. DESIGN.md, "No lost wake-up".
 */
#ifndef BABUS_WAIT_H
#define BABUS_WAIT_H

#include "layout.h"

#define WAIT_ALL UINT32_MAX

/*
 * The channel that also carries news of the domain itself. Automatic channels
 * leave it out.
 */
#define WAIT_CONTROL_CHANNEL 31u

/* The slow half of wait_notify(): somebody may sleep on these channels. */
void wait_wake(struct layout_domain *domain, uint32_t channels);

/* After publishing: wake whoever sleeps on the channels. */
static inline void wait_notify(struct layout_domain *domain, uint32_t channels)
{
	if (__builtin_expect((waiting_get(&domain->waiting) & channels) != 0, 0))
		wait_wake(domain, channels);
}

/* Wake sleepers of the channels whatever they marked; others look and sleep on. */
void wait_kick(struct layout_domain *domain, uint32_t channels);

/*
 * Sleep until one of the channels is woken, unless the event word is no longer
 * `event`. `deadline_ns` on CLOCK_MONOTONIC, negative: none. 0 (woken, or the
 * word has changed; look again), -ETIMEDOUT, -EINTR (a handler ran, with
 * SA_RESTART or without).
 */
int wait_sleep(struct layout_domain *domain, uint32_t event, uint32_t channels,
	       int64_t deadline_ns);

/*
 * The turn to look whose a slot's name is and to take it away, which must not be
 * two things: among users of the domain one has it at a time. Whoever has waited
 * for a second takes it: its owner was killed, or is stopped, and may take away a
 * later slot's name when he goes on.
 */
void wait_turn(struct layout_domain *domain);
void wait_turn_over(struct layout_domain *domain);

#endif

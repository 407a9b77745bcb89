/* SPDX-License-Identifier: MIT */
/*
 * look_prepare() is the waiter's side of the protocol in wait.h:
 *
 *     read the event word; set the marks; look; sleep if the word is the same
 *
 * The re-check bounds what a publisher can do that dies between its message and its wake-up.
 */
#include "look.h"

#include <errno.h>

#include "clock.h"
#include "wait.h"

/*
 * Somewhat shorter than the program asked for. Else a re-check could end a sleep in the very
 * moment in which the handler of a timer of so many seconds runs, and hide it.
 */
uint64_t look_recheck_interval(const babus_waiter *waiter)
{
	return waiter->recheck_ns - waiter->recheck_ns / 37;
}

int64_t look_recheck_after(const babus_waiter *waiter, int64_t now_ns)
{
	return clock_after(now_ns, look_recheck_interval(waiter));
}

bool look_recheck(babus_waiter *waiter)
{
	int64_t now = clock_monotonic();

	if (now < waiter->recheck_at_ns)
		return false;
	waiter->recheck_at_ns = look_recheck_after(waiter, now);
	interest_doubt(&waiter->interest);
	watch_doubt(&waiter->watch, waiter->domain);
	return true;
}

bool look_is_recheck_due(const babus_waiter *waiter)
{
	return clock_monotonic_coarse() >= waiter->recheck_at_ns;
}

/* The needless system call that each mark costs a publisher is cheaper then. */
bool look_has_many(const babus_waiter *waiter)
{
	return local_is(&waiter->many) && waiter->domain->writable;
}

uint32_t look_channels(const babus_waiter *waiter)
{
	return waiter->interest.bits | (waiter->watch.on ? 1u << WAIT_CONTROL_CHANNEL : 0);
}

void look_changed_unlock(babus_waiter *waiter)
{
	/* The notifier sleeps for waiters that are not armed, too. */
	uint32_t channels = waiter->kick | (waiter->fd >= 0 ? 1u << WAIT_CONTROL_CHANNEL : 0);

	pthread_mutex_unlock(&waiter->lock);
	if (channels)
		wait_kick(waiter->domain->map, channels);
}

int look_at(babus_waiter *waiter, bool mark, struct babus_event *events, int max)
{
	int error = domain_check(waiter->domain);
	int found;

	if (error)
		return error;
	if (waiter->cancel) {
		waiter->cancel = false;
		return -ECANCELED;
	}
	found = waiter->watch.on ? watch_report(&waiter->watch, waiter->domain, events, max) : 0;
	/* A domain that cannot be listed now does not hold up the readers. */
	if (found < 0) {
		error = found;
		found = 0;
	}
	if (found < max)
		found += interest_look(&waiter->interest, waiter->domain->map, mark, events + found,
				       max - found);
	return found ? found : error;
}

/* Whether look_at() would find something, which stays there. */
static bool has_news(babus_waiter *waiter)
{
	return domain_check(waiter->domain) || waiter->cancel ||
	       watch_has_news(&waiter->watch, waiter->domain) ||
	       interest_look(&waiter->interest, waiter->domain->map, true, NULL, 1);
}

int look_prepare(babus_waiter *waiter, struct babus_event *events, int max)
{
	look_recheck(waiter);
	if (waiter->watch.on)
		mark_set(wait_mark(waiter->domain->map, WAIT_CONTROL));
	return events ? look_at(waiter, true, events, max) : has_news(waiter);
}

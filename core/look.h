/* SPDX-License-Identifier: MIT */
/*
 * The inside of a waiter, and how it looks for news, with and without the marks that
 * announce its sleep. The functions need the lock, except look_has_many().
 */
#ifndef BABUS_LOOK_H
#define BABUS_LOOK_H

#include <pthread.h>
#include <stdbool.h>

#include <babus/babus.h>

#include "domain.h"
#include "interest.h"
#include "spin.h"
#include "watch.h"

struct babus_waiter {
	/* constant once open */
	babus_domain *domain;
	uint64_t recheck_ns;

	/* of the one thread that waits */
	int64_t check_files_ns; /* when to look at the domain's files next */
	struct spin spin;

	_Atomic bool many; /* readers; written under `lock` */

	pthread_mutex_t fd_lock; /* making `fd`; taken before the notifier's locks */
	pthread_mutex_t lock;    /* protects all that follows; taken after those */
	struct interest interest;
	struct watch watch;
	int64_t recheck_at_ns; /* when to doubt that quiet groups of readers are quiet */
	bool cancel;           /* babus_waiter_wake() was called */
	uint32_t kick; /* the channel bit to wake it by, while it sleeps or is about to; else 0 */
	int fd;        /* eventfd for the program's event loop, or -1 */
	bool armed;    /* the notifier makes `fd` readable when there is news */
};

/* When the next re-check is due, as seen at `now_ns`. */
int64_t look_recheck_after(const babus_waiter *waiter, int64_t now_ns);
uint64_t look_recheck_interval(const babus_waiter *waiter);

/* Whether the waiter has so many readers that looking costs more than marking. */
bool look_has_many(const babus_waiter *waiter);

/* Up to `max` events. Returns how many, or negative errno. With `mark` the marks come first. */
int look_at(babus_waiter *waiter, bool mark, struct babus_event *events, int max);

/*
 * If a re-check is due, let the next look include quiet readers. Returns whether it was.
 * look_is_recheck_due() is a cheaper test that may come some milliseconds late.
 */
bool look_recheck(babus_waiter *waiter);
bool look_is_recheck_due(const babus_waiter *waiter);

/*
 * What comes before every sleep, of a waiting thread or of the notifier for it: set the
 * marks, then look. The caller has read the event word before, and sleeps on
 * look_channels() of the same critical section. Returns as look_at(); with `events` NULL
 * the news stay unreported and the result is 1 or 0.
 */
int look_prepare(babus_waiter *waiter, struct babus_event *events, int max);

/* The channels on which the waiter's wake-ups come. */
uint32_t look_channels(const babus_waiter *waiter);

/* The waiter's set has changed: unlock, and make those that sleep for it look again. */
void look_changed_unlock(babus_waiter *waiter);

#endif

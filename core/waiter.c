/* SPDX-License-Identifier: MIT */
/*
 * Waiters: looking for news, spinning, sleeping. wait.h has the protocol, interest.h
 * which readers are looked at; prepare() below is the waiter's side of it:
 *
 *     read the event word; mark the channels; look; sleep if it is the same
 *
 * and the re-check, which bounds what a publisher that died between its message and
 * its wake-up can do.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cancel.h"
#include "clock.h"
#include "domain.h"
#include "error.h"
#include "fork.h"
#include "interest.h"
#include "notifier.h"
#include "reader.h"
#include "spin.h"
#include "wait.h"
#include "waiter.h"
#include "watch.h"

enum {
	RECHECK_NS = 1000000000,
	MANY = 256, /* readers */
};

struct babus_waiter {
	babus_domain *domain;
	uint64_t recheck_ns;
	int64_t check_files_ns; /* when to look at the domain's files next; the waiting thread's */
	struct spin spin;       /* the waiting thread's */

	_Atomic bool many; /* readers; written under the lock */

	pthread_mutex_t fd_lock; /* making fd; taken before the notifier's locks */
	pthread_mutex_t lock;    /* protects all that follows; taken after those */
	struct interest interest;
	struct watch watch;
	int64_t recheck_at_ns; /* when to doubt that quiet channels are */
	bool cancel;           /* babus_waiter_wake() was called */
	uint32_t kick; /* the channel bit to wake it by, while it sleeps or is about to; else 0 */
	int fd;        /* eventfd for the program's event loop, or -1 */
	bool armed;    /* the notifier is to make fd readable when there is news */
};

/*
 * Somewhat shorter than the program asked for. Else a re-check could end a sleep in the very
 * moment in which the handler of a timer of so many seconds runs, and hide it.
 */
static uint64_t recheck_interval(const babus_waiter *waiter)
{
	return waiter->recheck_ns - waiter->recheck_ns / 37;
}

static int64_t recheck_after(const babus_waiter *waiter, int64_t now)
{
	return clock_after(now, recheck_interval(waiter));
}

int babus_waiter_open(babus_domain *domain, const struct babus_waiter_options *opts,
		      babus_waiter **result)
{
	babus_waiter *waiter;
	int error = domain_check(domain);

	babus_fail_clear();
	if (error)
		return error;
	waiter = calloc(1, sizeof(*waiter));
	if (!waiter)
		return -ENOMEM;
	waiter->recheck_ns = RECHECK_NS;
	if (opts) {
		error = error_check_reserved(opts->reserved,
					     sizeof(opts->reserved) / sizeof(*opts->reserved),
					     "waiter options");
		if (opts->recheck_ns)
			waiter->recheck_ns = opts->recheck_ns;
		error = opts->spin_ns > INT64_MAX ? -EINVAL : error;
		spin_init(&waiter->spin, opts->spin_ns,
			  opts->spin_ns ? sysconf(_SC_NPROCESSORS_ONLN) : -1);
	}
	if (error || waiter->recheck_ns > INT64_MAX) {
		free(waiter);
		return -EINVAL;
	}
	waiter->fd = -1;
	pthread_mutex_init(&waiter->fd_lock, NULL);
	pthread_mutex_init(&waiter->lock, NULL);
	domain_ref(domain);
	waiter->domain = domain;
	waiter->recheck_at_ns = recheck_after(waiter, clock_monotonic());
	*result = waiter;
	return 0;
}

void babus_waiter_close(babus_waiter *waiter)
{
	NO_CANCELLATION;
	bool ours;

	if (!waiter)
		return;
	ours = fork_is_ours(waiter->domain->generation);
	if (waiter->fd >= 0) {
		if (ours)
			notifier_remove(waiter->domain, waiter);
		close(waiter->fd);
	}
	/* A forked child's may be held by a thread of its parent. */
	if (ours) {
		pthread_mutex_destroy(&waiter->lock);
		pthread_mutex_destroy(&waiter->fd_lock);
	}
	domain_unref(waiter->domain);
	interest_free(&waiter->interest);
	watch_free(&waiter->watch);
	free(waiter);
}

/* --- the set -------------------------------------------------------------------- */

/* Something changed that a sleeping waiter does not know of. Unlocks. */
static void changed_unlock(babus_waiter *waiter)
{
	/* The notifier also sleeps for waiters that are not armed. */
	uint32_t tell = waiter->kick | (waiter->fd >= 0 ? 1u << WAIT_CONTROL_CHANNEL : 0);

	pthread_mutex_unlock(&waiter->lock);
	if (tell)
		wait_kick(waiter->domain->map, tell);
}

/* Needs the lock. */
static void count_readers(babus_waiter *waiter)
{
	if (waiter->interest.count > MANY)
		local_take(&waiter->many);
	else
		local_give(&waiter->many);
}

int babus_waiter_add(babus_waiter *waiter, babus_reader *reader, void *user)
{
	int error = domain_check(waiter->domain);

	babus_fail_clear();
	if (error)
		return error;
	if (babus_slot_domain(babus_reader_slot(reader)) != waiter->domain)
		return -EINVAL;
	pthread_mutex_lock(&waiter->lock);
	error = interest_add(&waiter->interest, reader, user);
	count_readers(waiter);
	changed_unlock(waiter);
	return error;
}

int babus_waiter_remove(babus_waiter *waiter, babus_reader *reader)
{
	int error;

	babus_fail_clear();
	if (!fork_is_ours(waiter->domain->generation))
		return -ECHILD;
	pthread_mutex_lock(&waiter->lock);
	error = interest_remove(&waiter->interest, reader);
	count_readers(waiter);
	pthread_mutex_unlock(&waiter->lock);
	return error;
}

int babus_waiter_watch_domain(babus_waiter *waiter, void *user)
{
	int error = domain_check(waiter->domain);

	babus_fail_clear();
	if (error)
		return error;
	pthread_mutex_lock(&waiter->lock);
	error = watch_start(&waiter->watch, waiter->domain, user);
	changed_unlock(waiter);
	return error;
}

int babus_waiter_unwatch_domain(babus_waiter *waiter)
{
	bool watched;

	babus_fail_clear();
	if (!fork_is_ours(waiter->domain->generation))
		return -ECHILD;
	pthread_mutex_lock(&waiter->lock);
	watched = waiter->watch.on;
	watch_stop(&waiter->watch);
	pthread_mutex_unlock(&waiter->lock);
	return watched ? 0 : -ENOENT;
}

int babus_waiter_wake(babus_waiter *waiter)
{
	int error = domain_check(waiter->domain);

	babus_fail_clear();
	if (error == -ECHILD)
		return error;
	pthread_mutex_lock(&waiter->lock);
	waiter->cancel = true;
	changed_unlock(waiter);
	return 0;
}

/* --- looking --------------------------------------------------------------------- */

/* Channels that are marked before sleeping. Needs the lock. */
static uint32_t wanted_channels(const babus_waiter *waiter)
{
	return waiter->interest.bits | (waiter->watch.on ? 1u << WAIT_CONTROL_CHANNEL : 0);
}

/* Up to `max` events: how many; -EAGAIN: nothing. Needs the lock. */
static int look_locked(babus_waiter *waiter, bool mark, struct babus_event *events, int max)
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
	return found ? found : error ? error : -EAGAIN;
}

static int look(babus_waiter *waiter, struct babus_event *events, int max)
{
	int result;

	pthread_mutex_lock(&waiter->lock);
	result = look_locked(waiter, false, events, max);
	pthread_mutex_unlock(&waiter->lock);
	return result;
}

/* Whether look_locked() would find something, which stays there. Needs the lock. */
static bool has_news(babus_waiter *waiter, bool mark)
{
	return domain_check(waiter->domain) || waiter->cancel ||
	       watch_has_news(&waiter->watch, waiter->domain) ||
	       interest_look(&waiter->interest, waiter->domain->map, mark, NULL, 1);
}

/* The re-check: whether it is time to look at what no wake-up was begun for. Needs the lock. */
static bool is_in_doubt(babus_waiter *waiter)
{
	int64_t now = clock_monotonic();

	if (now < waiter->recheck_at_ns)
		return false;
	waiter->recheck_at_ns = recheck_after(waiter, now);
	interest_doubt(&waiter->interest);
	watch_doubt(&waiter->watch, waiter->domain);
	return true;
}

/* The same, roughly, for less time. */
static bool is_time(const babus_waiter *waiter)
{
	return clock_monotonic_coarse() >= waiter->recheck_at_ns;
}

/*
 * What comes before every sleep, of a waiting thread or of the notifier for it: mark
 * the channels, then look. The event word must have been read before, and the sleep
 * must be on wanted_channels() of the same critical section; whoever changes the set
 * after that wakes the sleeper. With `events` NULL what is found stays there.
 * Needs the lock.
 */
static int prepare(babus_waiter *waiter, struct babus_event *events, int max)
{
	is_in_doubt(waiter);
	if (waiter->watch.on)
		mark_set(wait_mark(waiter->domain->map, WAIT_CONTROL));
	if (events)
		return look_locked(waiter, true, events, max);
	return has_news(waiter, true) ? 1 : -EAGAIN;
}

/*
 * Looking at so many readers each time costs more than what marks cost their publishers,
 * a needless system call for each message: so mark them, though we do not sleep.
 */
static bool has_many(const babus_waiter *waiter)
{
	return local_is(&waiter->many) && waiter->domain->writable;
}

/* --- the descriptor ---------------------------------------------------------------- */

/* Needs the lock. The eventfd cannot overflow: it is drained before it is armed. */
static void make_readable(babus_waiter *waiter)
{
	waiter->armed = false;
	eventfd_write(waiter->fd, 1);
}

void waiter_serve(babus_waiter *waiter, struct waiter_needs *needs)
{
	int64_t until;

	pthread_mutex_lock(&waiter->lock);
	if (waiter->armed && prepare(waiter, NULL, 1) != -EAGAIN)
		make_readable(waiter);
	needs->listen |= wanted_channels(waiter);
	until = waiter->armed ? waiter->recheck_at_ns : recheck_after(waiter, clock_monotonic());
	if (until < needs->until_ns)
		needs->until_ns = until;
	if (waiter->recheck_ns < needs->recheck_ns)
		needs->recheck_ns = waiter->recheck_ns;
	pthread_mutex_unlock(&waiter->lock);
}

/*
 * Nothing is left: make the descriptor unreadable until there is news. The marks are
 * set here, so the sleeping notifier need not be told: it listens on the waiter's
 * channels already, and was asleep before the marks or looks after them. Needs the lock.
 */
static int arm(babus_waiter *waiter, struct babus_event *events, int max)
{
	NO_CANCELLATION;
	eventfd_t drained;
	int result;

	eventfd_read(waiter->fd, &drained);
	waiter->armed = true;
	result = prepare(waiter, events, max);
	if (result != -EAGAIN)
		make_readable(waiter);
	return result;
}

/* For a wait that must not sleep. */
static int look_last(babus_waiter *waiter, struct babus_event *events, int max)
{
	int result = -EAGAIN;

	pthread_mutex_lock(&waiter->lock);
	if (waiter->fd >= 0)
		result = arm(waiter, events, max);
	else if (has_many(waiter))
		result = prepare(waiter, events, max);
	else if (is_time(waiter) && is_in_doubt(waiter))
		result = look_locked(waiter, false, events, max);
	pthread_mutex_unlock(&waiter->lock);
	return result == -EAGAIN ? -ETIMEDOUT : result;
}

static int get_fd(babus_waiter *waiter)
{
	int fd;

	pthread_mutex_lock(&waiter->lock);
	fd = waiter->fd;
	pthread_mutex_unlock(&waiter->lock);
	return fd;
}

/* No publisher would see that we sleep. */
static int cannot_sleep(const babus_domain *domain)
{
	return babus_fail(-EROFS, "%s: its file %s cannot be written: poll with BABUS_NOW",
			  domain->path, DOMAIN_FILE);
}

/* Needs fd_lock. Returns the descriptor. */
static int make_fd(babus_waiter *waiter)
{
	/* Readable at first: the program looks once, and so arms it. */
	int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	int error;

	if (fd < 0)
		return -errno;
	error = notifier_add(waiter->domain, waiter);
	if (error) {
		close(fd);
		return error;
	}
	/* Until now whoever changed the set did not tell the notifier. */
	pthread_mutex_lock(&waiter->lock);
	waiter->fd = fd;
	changed_unlock(waiter);
	return fd;
}

int babus_waiter_fd(babus_waiter *waiter, int *result)
{
	NO_CANCELLATION;
	int fd, error = domain_check(waiter->domain);

	babus_fail_clear();
	if (!error && !waiter->domain->writable)
		error = cannot_sleep(waiter->domain);
	if (error)
		return error;
	pthread_mutex_lock(&waiter->fd_lock);
	fd = get_fd(waiter);
	if (fd < 0)
		fd = make_fd(waiter);
	pthread_mutex_unlock(&waiter->fd_lock);
	if (fd < 0)
		return fd;
	*result = fd;
	return 0;
}

/* --- waiting --------------------------------------------------------------------- */

/* The first look of a waiter that has many readers: the next ones need not look at all. */
static int look_marking(babus_waiter *waiter, struct babus_event *events, int max)
{
	int result;

	pthread_mutex_lock(&waiter->lock);
	result = prepare(waiter, events, max);
	pthread_mutex_unlock(&waiter->lock);
	return result;
}

/* Look for a while without telling anybody, so that nobody has to wake us. */
static int look_until(babus_waiter *waiter, int64_t until, struct babus_event *events, int max)
{
	int result = has_many(waiter) ? look_marking(waiter, events, max) : -EAGAIN;

	if (result != -EAGAIN)
		return result;
	do {
		for (int i = 0; i < 8; i++) {
			result = look(waiter, events, max);
			if (result != -EAGAIN)
				return result;
			spin_pause();
		}
	} while (clock_monotonic() < until);
	return -EAGAIN;
}

/* Mark, look, sleep once. -EAGAIN: look again. */
static int sleep_once(babus_waiter *waiter, int64_t deadline_ns, struct babus_event *events,
		      int max)
{
	struct layout_domain *map = waiter->domain->map;
	uint32_t word, listen;
	int64_t until_ns;
	int result;

	pthread_mutex_lock(&waiter->lock);
	word = event_get(&map->event);
	result = prepare(waiter, events, max);
	listen = wanted_channels(waiter);
	/* On no channel more than it must: each would wake it for others' messages. */
	if (!listen)
		listen = 1u << WAIT_CONTROL_CHANNEL;
	until_ns = clock_sooner(waiter->recheck_at_ns, deadline_ns);
	/* Whoever changes the set from here on changes the event word too. */
	waiter->kick = result == -EAGAIN ? listen & -listen : 0;
	pthread_mutex_unlock(&waiter->lock);
	if (result != -EAGAIN)
		return result;

	result = wait_sleep(map, word, listen, until_ns);
	pthread_mutex_lock(&waiter->lock);
	waiter->kick = 0;
	pthread_mutex_unlock(&waiter->lock);
	return result ? result : -EAGAIN;
}

static int sleep_until(babus_waiter *waiter, int64_t deadline_ns, struct babus_event *events,
		       int max)
{
	int result = sleep_once(waiter, deadline_ns, events, max);
	int64_t now;
	int error;

	if (result != -EAGAIN && result != -ETIMEDOUT)
		return result;
	now = clock_monotonic();
	error = domain_check_files_after(waiter->domain, now, recheck_interval(waiter),
					 &waiter->check_files_ns);
	if (error)
		return error;
	/* Woken, or time for the re-check: the message is what counts. */
	result = look(waiter, events, max);
	return result == -EAGAIN && deadline_ns >= 0 && now >= deadline_ns ? -ETIMEDOUT : result;
}

/* Spin if that pays, then sleep. */
static int wait_for_news(babus_waiter *waiter, int64_t deadline_ns, struct babus_event *events,
			 int max)
{
	struct spin *spin = &waiter->spin;
	int64_t start = spin->max_ns ? clock_monotonic() : 0;
	int result;

	if (spin_try(spin)) {
		result = look_until(waiter, clock_sooner(spin_deadline(spin, start), deadline_ns),
				    events, max);
		if (result != -EAGAIN) {
			spin_paid(spin);
			return result;
		}
		spin_in_vain(spin);
	}
	do
		result = sleep_until(waiter, deadline_ns, events, max);
	while (result == -EAGAIN);
	if (spin->max_ns && result > 0)
		spin_slept(spin, clock_monotonic() - start);
	return result;
}

/* The first look of a wait. */
static int look_first(babus_waiter *waiter, struct babus_event *events, int max)
{
	int result;

	pthread_mutex_lock(&waiter->lock);
	watch_forget_reported(&waiter->watch);
	result = look_locked(waiter, false, events, max);
	/* A waiter that always finds news must not forget what is quiet: the next wait. */
	if (result > 0 && is_time(waiter))
		is_in_doubt(waiter);
	pthread_mutex_unlock(&waiter->lock);
	return result;
}

int babus_waiter_wait(babus_waiter *waiter, int64_t deadline_ns, struct babus_event *events,
		      int max)
{
	int result;

	babus_fail_clear();
	if (max < 1)
		return babus_fail(-EINVAL, "%d events: expected 1 or more", max);
	/* A forked child's lock may be held by a thread of its parent. */
	if (!fork_is_ours(waiter->domain->generation))
		return -ECHILD;
	result = look_first(waiter, events, max);
	if (result != -EAGAIN)
		return result;
	if (deadline_ns == BABUS_NOW)
		return look_last(waiter, events, max);
	if (!waiter->domain->writable)
		return cannot_sleep(waiter->domain);
	return wait_for_news(waiter, deadline_ns, events, max);
}

/* SPDX-License-Identifier: MIT */
/* A waiter's set of readers, and its waits: looking, spinning, sleeping. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "cancel.h"
#include "clock.h"
#include "descriptor.h"
#include "error.h"
#include "fork.h"
#include "reader.h"
#include "wait.h"

enum {
	RECHECK_NS = 1000000000, /* unless the program sets another */
	MANY = 256,              /* readers */
};

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
	waiter->recheck_at_ns = look_recheck_after(waiter, clock_monotonic());
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
	descriptor_close(waiter, ours);
	/* In a forked child a thread of the parent may hold them. */
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
	if (reader->slot->domain != waiter->domain)
		return -EINVAL;
	pthread_mutex_lock(&waiter->lock);
	error = interest_add(&waiter->interest, reader, user);
	count_readers(waiter);
	look_changed_unlock(waiter);
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
	look_changed_unlock(waiter);
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
	look_changed_unlock(waiter);
	return 0;
}

/* --- looking --------------------------------------------------------------------- */

static int look(babus_waiter *waiter, struct babus_event *events, int max)
{
	int result;

	pthread_mutex_lock(&waiter->lock);
	result = look_at(waiter, false, events, max);
	pthread_mutex_unlock(&waiter->lock);
	return result;
}

/* --- waiting --------------------------------------------------------------------- */

/* The first look of a waiter with many readers: later looks need not look at all of them. */
static int look_marking(babus_waiter *waiter, struct babus_event *events, int max)
{
	int result;

	pthread_mutex_lock(&waiter->lock);
	result = look_prepare(waiter, events, max);
	pthread_mutex_unlock(&waiter->lock);
	return result;
}

/* Look for a while without marks, so that no publisher has to wake us. */
static int look_until(babus_waiter *waiter, int64_t until, struct babus_event *events, int max)
{
	int result = look_has_many(waiter) ? look_marking(waiter, events, max) : 0;

	if (result)
		return result;
	do {
		for (int i = 0; i < 8; i++) {
			result = look(waiter, events, max);
			if (result)
				return result;
			spin_pause();
		}
	} while (clock_monotonic() < until);
	return 0;
}

/* Mark, look, sleep once. 0: look again. */
static int sleep_once(babus_waiter *waiter, int64_t deadline_ns, struct babus_event *events,
		      int max)
{
	struct layout_domain *map = waiter->domain->map;
	uint32_t word, listen;
	int64_t until_ns;
	int result;

	pthread_mutex_lock(&waiter->lock);
	word = event_get(&map->event);
	result = look_prepare(waiter, events, max);
	listen = look_channels(waiter);
	/* On as few channels as possible: each may wake us for messages of other slots. */
	if (!listen)
		listen = 1u << WAIT_CONTROL_CHANNEL;
	until_ns = clock_sooner(waiter->recheck_at_ns, deadline_ns);
	/* From here on a change of the set changes the event word, too. */
	waiter->kick = !result ? listen & -listen : 0;
	pthread_mutex_unlock(&waiter->lock);
	if (result)
		return result;

	result = wait_sleep(map, word, listen, until_ns);
	pthread_mutex_lock(&waiter->lock);
	waiter->kick = 0;
	pthread_mutex_unlock(&waiter->lock);
	return result;
}

static int sleep_until(babus_waiter *waiter, int64_t deadline_ns, struct babus_event *events,
		       int max)
{
	int result = sleep_once(waiter, deadline_ns, events, max);
	int64_t now;
	int error;

	if (result && result != -ETIMEDOUT)
		return result;
	now = clock_monotonic();
	error = domain_check_files_after(waiter->domain, now, look_recheck_interval(waiter),
					 &waiter->check_files_ns);
	if (error)
		return error;
	/* We were woken, or the time is over. In both cases news come first. */
	result = look(waiter, events, max);
	return !result && deadline_ns >= 0 && now >= deadline_ns ? -ETIMEDOUT : result;
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
		if (result) {
			spin_paid(spin);
			return result;
		}
		spin_in_vain(spin);
	}
	do
		result = sleep_until(waiter, deadline_ns, events, max);
	while (!result);
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
	result = look_at(waiter, false, events, max);
	/* A waiter that always finds news must look at quiet readers, too: in its next wait. */
	if (result > 0 && look_is_recheck_due(waiter))
		look_recheck(waiter);
	pthread_mutex_unlock(&waiter->lock);
	return result;
}

/* For a wait that must not sleep. */
static int look_last(babus_waiter *waiter, struct babus_event *events, int max)
{
	int result = 0;

	pthread_mutex_lock(&waiter->lock);
	if (waiter->fd >= 0)
		result = descriptor_arm(waiter, events, max);
	else if (look_has_many(waiter))
		result = look_prepare(waiter, events, max);
	else if (look_is_recheck_due(waiter) && look_recheck(waiter))
		result = look_at(waiter, false, events, max);
	pthread_mutex_unlock(&waiter->lock);
	return result ? result : -ETIMEDOUT;
}

int babus_waiter_wait(babus_waiter *waiter, int64_t deadline_ns, struct babus_event *events,
		      int max)
{
	int result;

	babus_fail_clear();
	if (max < 1)
		return babus_fail(-EINVAL, "%d events: expected 1 or more", max);
	/* In a forked child a thread of the parent may hold the lock. */
	if (!fork_is_ours(waiter->domain->generation))
		return -ECHILD;
	result = look_first(waiter, events, max);
	if (result)
		return result;
	if (deadline_ns == BABUS_NOW)
		return look_last(waiter, events, max);
	result = domain_check_can_sleep(waiter->domain);
	return result ? result : wait_for_news(waiter, deadline_ns, events, max);
}

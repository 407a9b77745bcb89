/* SPDX-License-Identifier: MIT */
#include "wake.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "log.h"
#include "slot.h"

enum {
	EVENTS_MAX = 64 /* that are asked for at once */
};

struct wake {
	struct fs *fs;
	babus_waiter *waiter;
	pthread_t thread;
	bool started;
	_Atomic bool armed;    /* sweep_ns holds a time */
	_Atomic bool stopping; /* the thread is to end */

	pthread_mutex_t lock; /* protects what follows, and what is parked at slots */
	pthread_cond_t stop;
	int status; /* 0, or why nothing can be parked any more */
	LIST_HEAD(registered_list, slot) registered;
	struct parked_list taken; /* to be answered when the others were */
};

int wake_open(struct fs *fs, struct wake **result)
{
	struct babus_waiter_options opts = {.spin_ns = fs->options.spin_ns};
	struct wake *wake = calloc(1, sizeof(*wake));
	int error;

	if (!wake)
		return -ENOMEM;
	wake->fs = fs;
	TAILQ_INIT(&wake->taken);
	LIST_INIT(&wake->registered);
	error = babus_waiter_open(fs->domain, &opts, &wake->waiter);
	if (!error)
		error = babus_waiter_watch_domain(wake->waiter, NULL);
	if (error) {
		babus_waiter_close(wake->waiter);
		free(wake);
		return error;
	}
	pthread_mutex_init(&wake->lock, NULL);
	pthread_cond_init(&wake->stop, NULL);
	*result = wake;
	return 0;
}

void wake_close(struct wake *wake)
{
	if (!wake)
		return;
	babus_waiter_close(wake->waiter);
	pthread_mutex_destroy(&wake->lock);
	pthread_cond_destroy(&wake->stop);
	free(wake);
}

void parking_init(struct parking *parking)
{
	TAILQ_INIT(&parking->parked);
}

void wake_lock(struct wake *wake)
{
	pthread_mutex_lock(&wake->lock);
}

void wake_unlock(struct wake *wake)
{
	pthread_mutex_unlock(&wake->lock);
}

void wake_arm(struct wake *wake)
{
	if (wake->armed || atomic_exchange(&wake->armed, true))
		return;
	babus_waiter_wake(wake->waiter);
	pthread_mutex_lock(&wake->lock);
	pthread_cond_broadcast(&wake->stop);
	pthread_mutex_unlock(&wake->lock);
}

/* --- the slot's reader ------------------------------------------------------------- */

/* Needs wake->lock. */
static int register_slot(struct wake *wake, struct slot *slot)
{
	babus_reader *reader;
	int error = babus_reader_open(slot->bus, BABUS_START_NEXT, 0, &reader);

	if (error == -ENOBUFS) {
		snapshot_drop_holds(slot);
		error = babus_reader_open(slot->bus, BABUS_START_NEXT, 0, &reader);
	}
	if (error)
		return error;
	error = babus_waiter_add(wake->waiter, reader, slot);
	if (error) {
		babus_reader_close(reader);
		return error;
	}
	slot->parking.reader = reader;
	LIST_INSERT_HEAD(&wake->registered, slot, parking.link);
	slot_get(slot);
	return 0;
}

/* Needs wake->lock; slot_put() after it. By the wake thread only, which alone sleeps on it. */
static void unregister_slot(struct wake *wake, struct slot *slot)
{
	babus_waiter_remove(wake->waiter, slot->parking.reader);
	babus_reader_close(slot->parking.reader);
	slot->parking.reader = NULL;
	LIST_REMOVE(slot, parking.link);
}

/* --- parking ------------------------------------------------------------------------ */

int wake_park_locked(struct wake *wake, struct parked *parked)
{
	int error;

	if (wake->status)
		return wake->status;
	if (parked->interrupted)
		return -EINTR;
	if (!parked->slot->parking.reader) {
		error = register_slot(wake, parked->slot);
		if (error)
			return error;
	}
	error = snapshot_is_after(parked->slot, parked->after);
	if (error != -EAGAIN && error != -ENODATA)
		return error ? error : -EEXIST;
	parked->state = PARKED_WAITS;
	TAILQ_INSERT_TAIL(&parked->slot->parking.parked, parked, link);
	return 0;
}

int wake_park(struct wake *wake, struct parked *parked)
{
	int error;

	pthread_mutex_lock(&wake->lock);
	error = wake_park_locked(wake, parked);
	pthread_mutex_unlock(&wake->lock);
	return error;
}

bool wake_unpark_locked(struct parked *parked)
{
	if (parked->state != PARKED_WAITS)
		return false;
	TAILQ_REMOVE(&parked->slot->parking.parked, parked, link);
	parked->state = PARKED_NOT;
	return true;
}

/* Needs wake->lock. */
static void take(struct wake *wake, struct parked *parked)
{
	TAILQ_INSERT_TAIL(&wake->taken, parked, link);
	parked->state = PARKED_TAKEN;
}

void wake_interrupt(struct wake *wake, struct parked *parked)
{
	bool was_parked;

	pthread_mutex_lock(&wake->lock);
	parked->interrupted = true;
	was_parked = wake_unpark_locked(parked);
	if (was_parked)
		take(wake, parked);
	pthread_mutex_unlock(&wake->lock);
	if (was_parked)
		babus_waiter_wake(wake->waiter);
}

void wake_retry(struct wake *wake, struct parked *parked)
{
	pthread_mutex_lock(&wake->lock);
	take(wake, parked);
	pthread_mutex_unlock(&wake->lock);
	/* That thread looks before it sleeps. */
	if (!pthread_equal(pthread_self(), wake->thread))
		babus_waiter_wake(wake->waiter);
}

/* --- answering ---------------------------------------------------------------------- */

static void answer_all(struct parked_list *list, int status)
{
	struct parked *parked;

	/* Once answered it may be gone, or parked again. */
	while ((parked = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, parked, link);
		parked->answer(parked, status);
	}
}

/* Those that are there now. Later ones wait for the next round. */
static void answer_taken(struct wake *wake)
{
	struct parked_list list = TAILQ_HEAD_INITIALIZER(list);

	pthread_mutex_lock(&wake->lock);
	TAILQ_CONCAT(&list, &wake->taken, link);
	pthread_mutex_unlock(&wake->lock);
	answer_all(&list, 0);
}

static bool some_are_taken(struct wake *wake)
{
	bool some;

	pthread_mutex_lock(&wake->lock);
	some = !TAILQ_EMPTY(&wake->taken);
	pthread_mutex_unlock(&wake->lock);
	return some;
}

/* Move what waits for a message up to `newest` to `list`. Needs wake->lock. */
static void take_ready(struct slot *slot, uint64_t newest, struct parked_list *list)
{
	struct parked *parked, *next;

	for (parked = TAILQ_FIRST(&slot->parking.parked); parked; parked = next) {
		next = TAILQ_NEXT(parked, link);
		if (parked->after >= newest)
			continue;
		TAILQ_REMOVE(&slot->parking.parked, parked, link);
		parked->state = PARKED_TAKEN;
		TAILQ_INSERT_TAIL(list, parked, link);
	}
}

/*
 * A slot has news, or has ended. If nothing is parked any more, the reader goes,
 * so that publishers do not pay for wake-ups.
 */
static void handle_slot(struct wake *wake, struct slot *slot, int status)
{
	struct parked_list list = TAILQ_HEAD_INITIALIZER(list);
	struct babus_reader_stats stats;
	bool unregister = false;

	pthread_mutex_lock(&wake->lock);
	if (!status)
		status = babus_reader_seek(slot->parking.reader, BABUS_START_NEXT, 0);
	if (!status)
		status = babus_reader_stats(slot->parking.reader, &stats);
	unregister = status || TAILQ_EMPTY(&slot->parking.parked);
	take_ready(slot, status ? UINT64_MAX : stats.cursor, &list);
	if (unregister)
		unregister_slot(wake, slot);
	pthread_mutex_unlock(&wake->lock);
	answer_all(&list, status);
	if (status == -ENODEV)
		slot_gone(slot);
	if (unregister)
		slot_put(slot);
}

static struct slot *any_registered(struct wake *wake)
{
	struct slot *slot;

	pthread_mutex_lock(&wake->lock);
	slot = LIST_FIRST(&wake->registered);
	pthread_mutex_unlock(&wake->lock);
	return slot;
}

/* From now on nothing waits; answer what does. */
static void end_parking(struct wake *wake, int status)
{
	struct slot *slot;

	pthread_mutex_lock(&wake->lock);
	if (!wake->status)
		wake->status = status;
	pthread_mutex_unlock(&wake->lock);
	answer_taken(wake);
	while ((slot = any_registered(wake)))
		handle_slot(wake, slot, status);
}

/* --- the thread --------------------------------------------------------------------- */

static void sweep(struct wake *wake)
{
	wake->armed = false;
	/* A slot that came and went between two looks at the domain made no event. */
	slots_dismiss(wake->fs->slots);
	if (slots_sweep(wake->fs->slots, fs_monotonic()))
		wake->armed = true;
}

/* There will be no more events: sweep, and wait for wake_stop(). */
static void linger(struct wake *wake)
{
	pthread_mutex_lock(&wake->lock);
	while (!wake->stopping) {
		int64_t until = fs_monotonic() + (int64_t)wake->fs->options.hold_ns + 1;
		struct timespec sweep_at = {until / 1000000000, until % 1000000000};

		if (!wake->armed) {
			pthread_cond_wait(&wake->stop, &wake->lock);
		} else if (pthread_cond_clockwait(&wake->stop, &wake->lock, CLOCK_MONOTONIC,
						  &sweep_at) == ETIMEDOUT) {
			pthread_mutex_unlock(&wake->lock);
			sweep(wake);
			pthread_mutex_lock(&wake->lock);
		}
	}
	pthread_mutex_unlock(&wake->lock);
}

/* What babus_waiter_wait() found: each slot is in one event at most. */
static void handle_events(struct wake *wake, const struct babus_event *events, int count)
{
	bool some_disappeared = false;

	for (int i = 0; i < count; i++) {
		if (events[i].kind == BABUS_EVENT_READER)
			handle_slot(wake, events[i].user, events[i].status);
		some_disappeared |= events[i].kind == BABUS_EVENT_DISAPPEARED;
	}
	if (some_disappeared)
		slots_dismiss(wake->fs->slots);
}

/* It failed: unless that passes there will be no more events. */
static void handle_failure(struct wake *wake, int error)
{
	if (error == -ECANCELED || error == -ETIMEDOUT || error == -EINTR)
		return;
	log_line("domain '%s': %s; reads of wait and stream fail from now on",
		 babus_domain_name(wake->fs->domain), babus_strerror(error));
	end_parking(wake, error);
	linger(wake);
}

/* When to stop sleeping. `sweep_ns`: when to sweep, 0 if there is no need. */
static int64_t sleep_until(struct wake *wake, int64_t sweep_ns)
{
	if (some_are_taken(wake))
		return BABUS_NOW;
	return sweep_ns ? sweep_ns : BABUS_FOREVER;
}

static void *run(void *arg)
{
	struct wake *wake = arg;
	int64_t sweep_ns = 0;

	while (!wake->stopping) {
		struct babus_event events[EVENTS_MAX];
		int count;

		if (!wake->armed)
			sweep_ns = 0;
		else if (!sweep_ns)
			sweep_ns = fs_monotonic() + (int64_t)wake->fs->options.hold_ns + 1;
		count = babus_waiter_wait(wake->waiter, sleep_until(wake, sweep_ns), events,
					  EVENTS_MAX);
		if (count < 0)
			handle_failure(wake, count);
		else
			handle_events(wake, events, count);
		answer_taken(wake);
		if (sweep_ns && sweep_ns <= fs_monotonic()) {
			sweep(wake);
			sweep_ns = 0;
		}
	}
	end_parking(wake, -ENODEV);
	return NULL;
}

int wake_start(struct wake *wake)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	/* But what the guard handles. */
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&wake->thread, NULL, run, wake);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	wake->started = !error;
	return -error;
}

void wake_stop(struct wake *wake)
{
	if (!wake->started)
		return;
	pthread_mutex_lock(&wake->lock);
	wake->stopping = true;
	pthread_cond_broadcast(&wake->stop);
	pthread_mutex_unlock(&wake->lock);
	babus_waiter_wake(wake->waiter);
	pthread_join(wake->thread, NULL);
	wake->started = false;
}

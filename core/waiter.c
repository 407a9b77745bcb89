/* SPDX-License-Identifier: MIT */
/*
 * Waiters: looking at many readers, spinning, sleeping. wait.h has the
 * protocol; here is its waiter's side:
 *
 *     read the event word; mark the channels; look; sleep if it is the same
 *
 * and the re-check, which bounds what a publisher that died between its
 * message and its wake-up can do.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "domain.h"
#include "error.h"
#include "fork.h"
#include "notifier.h"
#include "reader.h"
#include "shm.h"
#include "spin.h"
#include "wait.h"
#include "waiter.h"

enum {
	RECHECK_NS = 1000000000
};

struct entry {
	babus_reader *reader;
	void *user;
};

struct babus_waiter {
	babus_domain *domain;
	uint64_t recheck_ns;
	int64_t check_files_ns; /* when to look at the domain's files next; the waiting thread's */
	struct spin spin;       /* the waiting thread's */

	pthread_mutex_t fd_lock; /* making fd; taken before the notifier's locks */
	pthread_mutex_t lock;    /* protects all that follows; taken after those */
	struct entry *entries;
	size_t count, room;
	size_t turn; /* whose turn it is to be reported */
	uint32_t channels;
	bool watching; /* the domain */
	void *watch_user;
	uint64_t changes_seen;
	bool cancel;   /* babus_waiter_wake() was called */
	uint32_t kick; /* the channel bit to wake it by, while it sleeps or is about to; else 0 */
	int fd;        /* eventfd for the program's event loop, or -1 */
	bool armed;    /* the notifier is to make fd readable when there is news */
};

int64_t babus_deadline(int64_t timeout_ns)
{
	int64_t deadline;

	if (timeout_ns < 0 || __builtin_add_overflow(shm_monotonic(), timeout_ns, &deadline))
		return BABUS_FOREVER;
	return deadline;
}

int babus_waiter_open(babus_domain *domain, const struct babus_waiter_options *opts,
		      babus_waiter **result)
{
	babus_waiter *waiter;
	int error = domain_check(domain);

	if (error)
		return error;
	waiter = calloc(1, sizeof(*waiter));
	if (!waiter)
		return -ENOMEM;
	waiter->recheck_ns = RECHECK_NS;
	if (opts) {
		for (size_t i = 0; i < sizeof(opts->reserved) / sizeof(*opts->reserved); i++)
			error = opts->reserved[i] ? -EINVAL : error;
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
	*result = waiter;
	return 0;
}

void babus_waiter_close(babus_waiter *waiter)
{
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
	free(waiter->entries);
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

static size_t find(const babus_waiter *waiter, const babus_reader *reader)
{
	size_t i = 0;

	while (i < waiter->count && waiter->entries[i].reader != reader)
		i++;
	return i;
}

static int append(babus_waiter *waiter, babus_reader *reader, void *user)
{
	if (find(waiter, reader) < waiter->count)
		return -EEXIST;
	if (waiter->count == waiter->room) {
		size_t room = waiter->room ? 2 * waiter->room : 4;
		struct entry *more = reallocarray(waiter->entries, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		waiter->entries = more;
		waiter->room = room;
	}
	waiter->entries[waiter->count++] = (struct entry){reader, user};
	waiter->channels |= reader_channel_bit(reader);
	return 0;
}

int babus_waiter_add(babus_waiter *waiter, babus_reader *reader, void *user)
{
	int error = domain_check(waiter->domain);

	if (error)
		return error;
	if (babus_slot_domain(babus_reader_slot(reader)) != waiter->domain)
		return -EINVAL;
	pthread_mutex_lock(&waiter->lock);
	error = append(waiter, reader, user);
	changed_unlock(waiter);
	return error;
}

int babus_waiter_remove(babus_waiter *waiter, babus_reader *reader)
{
	size_t i;
	int error = -ENOENT;

	if (!fork_is_ours(waiter->domain->generation))
		return -ECHILD;
	pthread_mutex_lock(&waiter->lock);
	i = find(waiter, reader);
	if (i < waiter->count) {
		waiter->entries[i] = waiter->entries[--waiter->count];
		waiter->channels = 0;
		for (i = 0; i < waiter->count; i++)
			waiter->channels |= reader_channel_bit(waiter->entries[i].reader);
		error = 0;
	}
	pthread_mutex_unlock(&waiter->lock);
	return error;
}

int babus_waiter_watch_domain(babus_waiter *waiter, void *user)
{
	int error = domain_check(waiter->domain);

	if (error)
		return error;
	pthread_mutex_lock(&waiter->lock);
	waiter->watching = true;
	waiter->watch_user = user;
	waiter->changes_seen = change_get(&waiter->domain->map->changes);
	changed_unlock(waiter);
	return 0;
}

int babus_waiter_wake(babus_waiter *waiter)
{
	int error = domain_check(waiter->domain);

	if (error == -ECHILD)
		return error;
	pthread_mutex_lock(&waiter->lock);
	waiter->cancel = true;
	changed_unlock(waiter);
	return 0;
}

/* --- looking --------------------------------------------------------------------- */

static bool look_at(struct entry *entry, struct babus_event *event)
{
	bool news;
	int status = reader_look(entry->reader, &news);

	if (!status && !news)
		return false;
	*event = (struct babus_event){entry->reader, entry->user, status};
	return true;
}

static bool domain_has_changed(const babus_waiter *waiter)
{
	return waiter->watching &&
	       change_get(&waiter->domain->map->changes) != waiter->changes_seen;
}

/* The next reader with news, in turn; count if there is none. Needs the lock. */
static size_t find_news(babus_waiter *waiter, struct babus_event *event)
{
	for (size_t n = 0; n < waiter->count; n++) {
		size_t i = (waiter->turn + n) % waiter->count;

		if (look_at(&waiter->entries[i], event))
			return i;
	}
	return waiter->count;
}

/* An event, if there is one: 0. -EAGAIN: nothing. Needs the lock. */
static int look_locked(babus_waiter *waiter, struct babus_event *event)
{
	size_t i;

	if (waiter->cancel) {
		waiter->cancel = false;
		return -ECANCELED;
	}
	if (domain_has_changed(waiter)) {
		waiter->changes_seen = change_get(&waiter->domain->map->changes);
		*event = (struct babus_event){NULL, waiter->watch_user, 0};
		return 0;
	}
	i = find_news(waiter, event);
	if (i == waiter->count)
		return -EAGAIN;
	waiter->turn = i + 1;
	return 0;
}

static int look(babus_waiter *waiter, struct babus_event *event)
{
	int result = domain_check(waiter->domain);

	if (result)
		return result;
	pthread_mutex_lock(&waiter->lock);
	result = look_locked(waiter, event);
	pthread_mutex_unlock(&waiter->lock);
	return result;
}

/* Channels to mark before sleeping. Needs the lock. */
static uint32_t wanted_channels(const babus_waiter *waiter)
{
	return waiter->channels | (waiter->watching ? 1u << WAIT_CONTROL_CHANNEL : 0);
}

/* --- the descriptor ---------------------------------------------------------------- */

void waiter_channels(babus_waiter *waiter, uint32_t *listen, uint32_t *mark, uint64_t *recheck_ns)
{
	pthread_mutex_lock(&waiter->lock);
	*listen |= wanted_channels(waiter);
	if (waiter->armed)
		*mark |= wanted_channels(waiter);
	if (waiter->recheck_ns < *recheck_ns)
		*recheck_ns = waiter->recheck_ns;
	pthread_mutex_unlock(&waiter->lock);
}

/* Needs the lock. The eventfd cannot overflow: it is drained before it is armed. */
static void make_readable(babus_waiter *waiter)
{
	waiter->armed = false;
	eventfd_write(waiter->fd, 1);
}

void waiter_signal(babus_waiter *waiter)
{
	struct babus_event event;

	pthread_mutex_lock(&waiter->lock);
	if (waiter->armed &&
	    (waiter->cancel || domain_check(waiter->domain) || domain_has_changed(waiter) ||
	     find_news(waiter, &event) < waiter->count))
		make_readable(waiter);
	pthread_mutex_unlock(&waiter->lock);
}

/*
 * Nothing is left: make the descriptor, if there is one, unreadable until there is news. The
 * marks are set here, so the sleeping notifier need not be told; that it is
 * asked to look is seen by it after whatever takes a mark.
 */
static int arm(babus_waiter *waiter, struct babus_event *event)
{
	eventfd_t drained;
	uint32_t channels;
	bool has_fd;
	int result;

	pthread_mutex_lock(&waiter->lock);
	has_fd = waiter->fd >= 0;
	if (has_fd)
		eventfd_read(waiter->fd, &drained);
	waiter->armed = has_fd;
	channels = wanted_channels(waiter);
	pthread_mutex_unlock(&waiter->lock);
	if (!has_fd)
		return -EAGAIN;
	waiting_mark(&waiter->domain->map->waiting, channels);
	result = look(waiter, event);
	if (result == -EAGAIN)
		return result;
	pthread_mutex_lock(&waiter->lock);
	make_readable(waiter);
	pthread_mutex_unlock(&waiter->lock);
	return result;
}

static int get_fd(babus_waiter *waiter)
{
	int fd;

	pthread_mutex_lock(&waiter->lock);
	fd = waiter->fd;
	pthread_mutex_unlock(&waiter->lock);
	return fd;
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
	int fd, error = domain_check(waiter->domain);

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

/* The earlier of two deadlines, of which each may be never. */
static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

/* Look for a while without telling anybody, so that nobody has to wake us. */
static int look_until(babus_waiter *waiter, int64_t until, struct babus_event *event)
{
	int result;

	do {
		for (int i = 0; i < 8; i++) {
			result = look(waiter, event);
			if (result != -EAGAIN)
				return result;
			spin_pause();
		}
	} while (until < 0 || shm_monotonic() < until);
	return -EAGAIN;
}

/* Mark, look, sleep once. -EAGAIN: look again. */
static int sleep_once(babus_waiter *waiter, int64_t until_ns, struct babus_event *event)
{
	struct layout_domain *map = waiter->domain->map;
	uint32_t word, channels, listen;
	int result;

	pthread_mutex_lock(&waiter->lock);
	channels = wanted_channels(waiter);
	/* On no channel more than it must: each would wake it for others' messages. */
	listen = channels ? channels : 1u << WAIT_CONTROL_CHANNEL;
	/* From here on whoever changes the set changes the event word too. */
	waiter->kick = listen & -listen;
	pthread_mutex_unlock(&waiter->lock);

	word = event_get(&map->event);
	waiting_mark(&map->waiting, channels);
	result = look(waiter, event);
	if (result == -EAGAIN) {
		result = wait_sleep(map, word, listen, until_ns);
		if (!result)
			result = -EAGAIN;
	}
	pthread_mutex_lock(&waiter->lock);
	waiter->kick = 0;
	pthread_mutex_unlock(&waiter->lock);
	return result;
}

/* Whether the domain is still there: after a sleep, and not more often than needed. */
static int check_files(babus_waiter *waiter, int64_t now)
{
	if (now < waiter->check_files_ns)
		return 0;
	waiter->check_files_ns = babus_deadline((int64_t)waiter->recheck_ns);
	if (waiter->check_files_ns < 0)
		waiter->check_files_ns = INT64_MAX;
	return domain_check_files(waiter->domain);
}

static int sleep_until(babus_waiter *waiter, int64_t deadline_ns, struct babus_event *event)
{
	int64_t recheck = babus_deadline((int64_t)waiter->recheck_ns);
	int result = sleep_once(waiter, sooner(recheck, deadline_ns), event);
	int64_t now;
	int error;

	if (result != -EAGAIN && result != -ETIMEDOUT)
		return result;
	now = shm_monotonic();
	error = check_files(waiter, now);
	if (error)
		return error;
	/* Woken, or time for the re-check: the message is what counts. */
	result = look(waiter, event);
	return result == -EAGAIN && deadline_ns >= 0 && now >= deadline_ns ? -ETIMEDOUT : result;
}

/* Spin if that pays, then sleep. */
static int wait_for_news(babus_waiter *waiter, int64_t deadline_ns, struct babus_event *event)
{
	struct spin *spin = &waiter->spin;
	int64_t start = spin->max_ns ? shm_monotonic() : 0;
	int result;

	if (spin_try(spin)) {
		result = look_until(waiter, sooner(spin_deadline(spin, start), deadline_ns), event);
		if (result != -EAGAIN) {
			spin_paid(spin);
			return result;
		}
		spin_in_vain(spin);
	}
	do
		result = sleep_until(waiter, deadline_ns, event);
	while (result == -EAGAIN);
	if (spin->max_ns && !result)
		spin_slept(spin, shm_monotonic() - start);
	return result;
}

int babus_waiter_wait(babus_waiter *waiter, int64_t deadline_ns, struct babus_event *event)
{
	struct babus_event found;
	int result = look(waiter, &found);

	if (result == -EAGAIN && deadline_ns == BABUS_NOW) {
		result = arm(waiter, &found);
		if (result == -EAGAIN)
			return -ETIMEDOUT;
	}
	if (result == -EAGAIN)
		result = wait_for_news(waiter, deadline_ns, &found);
	if (!result)
		*event = found;
	return result;
}

/* SPDX-License-Identifier: MIT */
#include "notifier.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "domain.h"
#include "error.h"
#include "wait.h"
#include "waiter.h"

struct notifier {
	babus_domain *domain;
	pthread_t thread;
	int64_t check_files_ns; /* when to look at the domain's files next; the thread's */
	pthread_mutex_t lock;   /* protects the rest; taken before a waiter's */
	bool stop;
	babus_waiter **waiters;
	size_t count, room;
};

/* --- the thread ------------------------------------------------------------------ */

/* Sleep for all waiters: see prepare() in waiter.c. */
static bool serve(struct notifier *notifier)
{
	struct layout_domain *map = notifier->domain->map;
	/* Also channels of waiters that are not armed: one that arms itself does not tell us. */
	struct waiter_needs needs = {1u << WAIT_CONTROL_CHANNEL, INT64_MAX, INT64_MAX};
	uint32_t word = event_get(&map->event);
	bool stop;

	pthread_mutex_lock(&notifier->lock);
	for (size_t i = 0; i < notifier->count; i++)
		waiter_serve(notifier->waiters[i], &needs);
	stop = notifier->stop;
	pthread_mutex_unlock(&notifier->lock);
	if (stop)
		return false;
	wait_sleep(map, word, needs.listen, needs.until_ns);
	domain_check_files_after(notifier->domain, clock_monotonic(), needs.recheck_ns,
				 &notifier->check_files_ns);
	return true;
}

static void *run(void *arg)
{
	while (serve(arg))
		;
	return NULL;
}

static int start(struct notifier *notifier)
{
	sigset_t all, before;
	int error;

	/* The program's signals are not for this thread, but its own faults are. */
	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&notifier->thread, NULL, run, notifier);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error)
		return babus_fail(error == EAGAIN ? -ENOMEM : -error,
				  "a thread for the descriptor: %s (ulimit -u, "
				  "kernel.threads-max, pids.max of the cgroup)",
				  strerror(error));
	return 0;
}

static void destroy(struct notifier *notifier)
{
	pthread_mutex_destroy(&notifier->lock);
	free(notifier->waiters);
	free(notifier);
}

/* --- the list -------------------------------------------------------------------- */

static int append(struct notifier *notifier, babus_waiter *waiter)
{
	int error = 0;

	pthread_mutex_lock(&notifier->lock);
	if (notifier->count == notifier->room) {
		size_t room = notifier->room ? 2 * notifier->room : 4;
		babus_waiter **more = reallocarray(notifier->waiters, room, sizeof(babus_waiter *));

		error = more ? 0 : -ENOMEM;
		if (more) {
			notifier->waiters = more;
			notifier->room = room;
		}
	}
	if (!error)
		notifier->waiters[notifier->count++] = waiter;
	pthread_mutex_unlock(&notifier->lock);
	return error;
}

static void take_out(struct notifier *notifier, babus_waiter *waiter)
{
	pthread_mutex_lock(&notifier->lock);
	for (size_t i = 0; i < notifier->count; i++) {
		if (notifier->waiters[i] == waiter) {
			notifier->waiters[i] = notifier->waiters[--notifier->count];
			break;
		}
	}
	notifier->stop = !notifier->count;
	pthread_mutex_unlock(&notifier->lock);
}

static int create(babus_domain *domain, babus_waiter *waiter)
{
	struct notifier *notifier = calloc(1, sizeof(*notifier));
	int error;

	if (!notifier)
		return -ENOMEM;
	notifier->domain = domain;
	pthread_mutex_init(&notifier->lock, NULL);
	error = append(notifier, waiter);
	if (!error)
		error = start(notifier);
	if (error)
		destroy(notifier);
	else
		domain->notifier = notifier;
	return error;
}

int notifier_add(babus_domain *domain, babus_waiter *waiter)
{
	int error;

	pthread_mutex_lock(&domain->notifier_lock);
	if (!domain->notifier) {
		error = create(domain, waiter);
	} else {
		error = append(domain->notifier, waiter);
		wait_kick(domain->map, 1u << WAIT_CONTROL_CHANNEL);
	}
	pthread_mutex_unlock(&domain->notifier_lock);
	return error;
}

void notifier_remove(babus_domain *domain, babus_waiter *waiter)
{
	struct notifier *notifier;

	pthread_mutex_lock(&domain->notifier_lock);
	notifier = domain->notifier;
	take_out(notifier, waiter);
	if (notifier->stop) {
		wait_kick(domain->map, 1u << WAIT_CONTROL_CHANNEL);
		pthread_join(notifier->thread, NULL);
		domain->notifier = NULL;
		destroy(notifier);
	}
	pthread_mutex_unlock(&domain->notifier_lock);
}

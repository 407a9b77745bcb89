/* SPDX-License-Identifier: MIT */
#include "notifier.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "clock.h"
#include "domain.h"
#include "error.h"
#include "wait.h"

struct client {
	void (*serve)(void *arg, struct notifier_needs *needs);
	void *arg;
};

struct notifier {
	babus_domain *domain;
	pthread_t thread;
	int64_t check_files_ns; /* when to look at the domain's files next; the thread's */
	pthread_mutex_t lock;   /* protects the rest; taken before a client's */
	bool stop;
	struct client *clients;
	size_t count, room;
};

/* --- the thread ------------------------------------------------------------------ */

/* Sleep for all clients, after each has looked: see look.h. */
static bool sleep_once(struct notifier *notifier)
{
	struct layout_domain *map = notifier->domain->map;
	/* Clients that are not armed add their channels, too: arming one does not wake us. */
	struct notifier_needs needs = {1u << WAIT_CONTROL_CHANNEL, INT64_MAX, INT64_MAX};
	uint32_t word = event_get(&map->event);
	bool stop;

	pthread_mutex_lock(&notifier->lock);
	for (size_t i = 0; i < notifier->count; i++)
		notifier->clients[i].serve(notifier->clients[i].arg, &needs);
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
	while (sleep_once(arg))
		;
	return NULL;
}

static int start(struct notifier *notifier)
{
	sigset_t all, before;
	int error;

	/* This thread must not take the program's signals, but its own faults. */
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
	free(notifier->clients);
	free(notifier);
}

/* --- the list -------------------------------------------------------------------- */

static int append(struct notifier *notifier, const struct client *client)
{
	struct client *clients;

	pthread_mutex_lock(&notifier->lock);
	clients = array_grow(notifier->clients, notifier->count, &notifier->room, sizeof(*clients));
	if (clients) {
		notifier->clients = clients;
		clients[notifier->count++] = *client;
	}
	pthread_mutex_unlock(&notifier->lock);
	return clients ? 0 : -ENOMEM;
}

static void take_out(struct notifier *notifier, const void *arg)
{
	pthread_mutex_lock(&notifier->lock);
	for (size_t i = 0; i < notifier->count; i++) {
		if (notifier->clients[i].arg == arg) {
			notifier->clients[i] = notifier->clients[--notifier->count];
			break;
		}
	}
	notifier->stop = !notifier->count;
	pthread_mutex_unlock(&notifier->lock);
}

static int create(babus_domain *domain, const struct client *client)
{
	struct notifier *notifier = calloc(1, sizeof(*notifier));
	int error;

	if (!notifier)
		return -ENOMEM;
	notifier->domain = domain;
	pthread_mutex_init(&notifier->lock, NULL);
	error = append(notifier, client);
	if (!error)
		error = start(notifier);
	if (error)
		destroy(notifier);
	else
		domain->notifier = notifier;
	return error;
}

int notifier_add(babus_domain *domain, void (*serve)(void *arg, struct notifier_needs *needs),
		 void *arg)
{
	const struct client client = {serve, arg};
	int error;

	pthread_mutex_lock(&domain->notifier_lock);
	if (!domain->notifier) {
		error = create(domain, &client);
	} else {
		error = append(domain->notifier, &client);
		wait_kick(domain->map, 1u << WAIT_CONTROL_CHANNEL);
	}
	pthread_mutex_unlock(&domain->notifier_lock);
	return error;
}

void notifier_remove(babus_domain *domain, const void *arg)
{
	struct notifier *notifier;

	pthread_mutex_lock(&domain->notifier_lock);
	notifier = domain->notifier;
	take_out(notifier, arg);
	if (notifier->stop) {
		wait_kick(domain->map, 1u << WAIT_CONTROL_CHANNEL);
		pthread_join(notifier->thread, NULL);
		domain->notifier = NULL;
		destroy(notifier);
	}
	pthread_mutex_unlock(&domain->notifier_lock);
}

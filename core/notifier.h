/* SPDX-License-Identifier: MIT */
/*
 * One thread for each domain handle that has waiters with a descriptor. It sleeps for all of
 * them, and each makes its descriptor readable. The first such waiter starts the thread, and
 * closing the last ends it.
 *
 * Linux 6.7 has an io_uring futex wait whose ring is a descriptor. Why a thread instead: the
 * kernel delivers the completion by interrupting the thread that submitted the wait, so that
 * thread's epoll_wait() returns EINTR for each message (measured on Linux 6.18). And containers
 * often forbid io_uring.
 */
#ifndef BABUS_NOTIFIER_H
#define BABUS_NOTIFIER_H

#include <babus/babus.h>

struct notifier;

/* What the thread must know before it sleeps. Each client adds what it needs. */
struct notifier_needs {
	uint32_t listen;     /* channels */
	int64_t until_ns;    /* when a client wants to look again; CLOCK_MONOTONIC */
	uint64_t recheck_ns; /* the shortest interval between looks */
};

/*
 * Call serve(arg, needs) before each sleep, after the event word was read, until
 * notifier_remove() has returned. 0 or negative errno.
 */
int notifier_add(babus_domain *domain, void (*serve)(void *arg, struct notifier_needs *needs),
		 void *arg);
void notifier_remove(babus_domain *domain, const void *arg);

#endif

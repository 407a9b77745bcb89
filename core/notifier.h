/* SPDX-License-Identifier: MIT */
/*
 * Descriptors for event loops. One thread for each domain handle that has
 * waiters with a descriptor sleeps for all of them and makes theirs readable.
 * It is started with the first such waiter and ends with the last.
 *
 * Why a thread, where Linux 6.7 has an io_uring futex wait whose ring is a
 * descriptor: its completion is delivered by interrupting the thread that
 * submitted it, so that thread's epoll_wait() returns EINTR for each message
 * (measured on Linux 6.18), and containers often forbid io_uring.
 */
#ifndef BABUS_NOTIFIER_H
#define BABUS_NOTIFIER_H

#include <babus/babus.h>

struct notifier;

/* Serve a waiter of the domain. */
int notifier_add(babus_domain *domain, babus_waiter *waiter);
void notifier_remove(babus_domain *domain, babus_waiter *waiter);

#endif

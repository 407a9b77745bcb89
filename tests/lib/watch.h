/* SPDX-License-Identifier: MIT */
/*
 * Processes seen from outside: whether they sleep, how often and for how long they ran, and which
 * system calls they make.
 */
#ifndef BABUS_TESTS_WATCH_H
#define BABUS_TESTS_WATCH_H

#include "support.h"

/* Wait until every thread of the process is in a call of futex() or poll(). */
void watch_asleep(pid_t pid);

/* Of all its threads, since they began. */
struct watch_use {
	int64_t at_ns;     /* CLOCK_MONOTONIC, when the look began */
	int64_t end_ns;    /* when it was over: on a busy machine not at once */
	uint64_t switches; /* how often it went to sleep */
	uint64_t cpu_ns;
};

struct watch_use watch_look(pid_t pid);

enum {
	WATCH_CALLS = 1024 /* numbers of system calls, at most */
};

/*
 * Count the system calls that fn(arg) makes, by number, in a child that has run begin(arg)
 * before. False: tracing is not allowed here.
 */
bool watch_calls(void (*begin)(void *arg), void (*fn)(void *arg), void *arg,
		 unsigned counts[WATCH_CALLS]);

#endif

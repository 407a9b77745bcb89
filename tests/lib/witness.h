/* SPDX-License-Identifier: MIT */
/*
 * Users of the mount and the bus while something happens to babusfs: readers blocked in slots "x"
 * and "y", and native clients of "x".
 */
#ifndef BABUS_TESTS_WITNESS_H
#define BABUS_TESTS_WITNESS_H

#include "shell.h"

enum {
	BLOCKED = 3 /* of x/wait, x/stream and y/wait, in this order */
};

/* Start the readers, and wait until they are blocked. */
void start_blocked(struct job jobs[BLOCKED]);

/* Assert that they end by themselves, have read nothing, and print `what`. */
void assert_ended(struct job *jobs, int count, const char *what);

/* Open a publisher and a subscriber of "x"; make both slots. */
struct native {
	babus_slot *slot;
	babus_reader *reader;
};

void native_open(struct native *native);
void native_close(struct native *native);

/* Assert that publishing and reading go on without waiting, also for new clients. */
void assert_native(struct native *native);

/* Assert that babusfs ends by itself with status 0, and its mount with it. */
void assert_daemon_ends(void);

#endif

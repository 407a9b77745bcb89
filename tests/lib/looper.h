/* SPDX-License-Identifier: MIT */
/*
 * The ways in which an event loop waits for several descriptors to become readable, behind one
 * interface. Those of io_uring are in uring.h.
 *
 * The caller drains a reported descriptor before the next wait: the edge-triggered and multishot
 * ways report only once.
 */
#ifndef BABUS_TESTS_LOOPER_H
#define BABUS_TESTS_LOOPER_H

#include <stdbool.h>
#include <stdint.h>

enum {
	LOOPER_FDS = 8
};

struct looper {
	const struct looper_kind *kind;
	int fds[LOOPER_FDS];
	unsigned count;
	int epoll;
	uint32_t reported; /* since when they need to be armed again, if they do */
	struct uring *uring;
};

struct looper_kind {
	const char *name;
	/* Never reports a descriptor that was drained after it became readable. */
	bool exact;
	void (*open)(struct looper *looper);
	/* A bit for each descriptor that is readable; 0 after the timeout. */
	uint32_t (*wait)(struct looper *looper, int timeout_ms);
	void (*close)(struct looper *looper);
};

extern const struct looper_kind looper_poll, looper_select;
extern const struct looper_kind looper_epoll_level, looper_epoll_edge, looper_epoll_oneshot;

void looper_open(struct looper *looper, const struct looper_kind *kind, const int *fds,
		 unsigned count);

#endif

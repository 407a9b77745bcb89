/* SPDX-License-Identifier: MIT */
/*
 * The parts of a babusfs process. Everything here is constant once the session
 * runs; each part has its own locks.
 *
 * Locks, in the order in which they may be taken:
 *
 *     handle->lock          one open file; held while it is answered
 *     staging->lock         what is in a staging file
 *     publisher->lock       a slot's publishing handle and its writers
 *     wake->lock            parked requests and the readers that they need
 *     snapshots->view_lock  held by a thread that looks at a message of the slot
 *
 * and last, one of these, under which no other lock is taken: slots->lock,
 * nodes->lock, handles->lock, users->lock, and of a slot snapshots->lock,
 * access->lock and staging->lock (its names).
 *
 * The session's own locks come before wake->lock (an interrupt is reported
 * under them), so no reply is sent while holding that.
 */
#ifndef FS_FS_H
#define FS_FS_H

#define FUSE_USE_VERSION 312

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include <babus/babus.h>
#include <babus/config.h>

#include "budget.h"
#include "counters.h"
#include "options.h"

enum {
	/* What one request of the kernel carries at most: 256 pages. */
	FS_REQUEST_MAX = 1 << 20,
	/* The longest write(2) that the kernel never splits, however aligned. */
	FS_PUB_MAX = 255 * 4096
};

struct fs {
	struct options options;
	babus_config *config;
	babus_domain *domain;
	char *domain_path; /* absolute */
	uint64_t start_ns; /* CLOCK_REALTIME */
	struct slots *slots;
	struct nodes *nodes;
	struct handles *handles;
	struct users *users;
	struct wake *wake;
	struct fuse_session *session; /* constant while it runs */
	struct budget memory;         /* for pending messages */
	struct budget
	    copies; /* for copies that readers need; apart, so that they do not stop writers */
	struct counters counters;
};

/* CLOCK_MONOTONIC and CLOCK_REALTIME in ns. */
int64_t fs_monotonic(void);
uint64_t fs_realtime(void);

#endif

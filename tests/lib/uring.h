/* SPDX-License-Identifier: MIT */
/*
 * Event loops on io_uring: IORING_OP_POLL_ADD, asked for each time or once and for
 * all. The few system calls that takes are made here, without liburing.
 */
#ifndef BABUS_TESTS_URING_H
#define BABUS_TESTS_URING_H

#include "looper.h"

/* Whether the kernel lets us: 0, or a negative errno. */
int uring_check(void);

extern const struct looper_kind looper_uring_single, looper_uring_multishot;

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Event loops on io_uring: IORING_OP_POLL_ADD, once for each event or multishot. The few system
 * calls are made here, without liburing.
 */
#ifndef BABUS_TESTS_URING_H
#define BABUS_TESTS_URING_H

#include "looper.h"

/* Whether the kernel allows it: 0, or a negative errno. */
int uring_check(void);

extern const struct looper_kind looper_uring_single, looper_uring_multishot;

#endif

/* SPDX-License-Identifier: MIT */
#ifndef BABUS_FLAGS_H
#define BABUS_FLAGS_H

/* Check the flags of an open call, which accepts `known`, for a `what`: 0 or -EINVAL. */
int flags_check(unsigned flags, unsigned known, const char *what);

#endif

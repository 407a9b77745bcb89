/* SPDX-License-Identifier: MIT */
#ifndef BABUS_FLAGS_H
#define BABUS_FLAGS_H

/* The flags of an open call that knows these: 0 or -EINVAL. `what` is opened. */
int flags_check(unsigned flags, unsigned known, const char *what);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What babusfs may do beyond an ordinary process, if it is started by root: as
 * little as the mount needs. Decisions about callers do not rest on this (see
 * caller.h); it bounds what a fault of babusfs could be used for.
 *
 *     always   CAP_DAC_OVERRIDE  slots of other users, which callers may use
 *              CAP_FOWNER        chmod, removing and linking of these
 *              CAP_CHOWN         chown, and slots made for other users
 *     moments  CAP_SYS_PTRACE    how another user's writer ends, see caller.c
 *              CAP_SYS_ADMIN     mount and unmount
 *
 * Everything else is given up for good, for programs that babusfs starts too.
 * Capabilities belong to threads: the first two calls come before any thread
 * is started.
 */
#ifndef FS_PRIVILEGES_H
#define FS_PRIVILEGES_H

#include <linux/capability.h>

/* At the start: keep only these. 0 or a negative errno. */
int privileges_reduce(void);

/*
 * Once the mount is there: those for moments sleep, and root's babusfs gains no
 * others by what it executes. An ordinary user's babusfs still may, since
 * fusermount3 has to.
 */
int privileges_settle(void);

/* For a moment, and for the calling thread: one of them, as far as we have it. */
void privileges_raise(int capability);
void privileges_lower(int capability);

#endif

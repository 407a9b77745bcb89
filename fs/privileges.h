/* SPDX-License-Identifier: MIT */
/*
 * The capabilities of a babusfs that root starts: as few as the mount needs. They
 * limit what a fault of babusfs could be used for. What callers may do is decided
 * elsewhere (see caller.h).
 *
 *     always   CAP_DAC_OVERRIDE  slots of other users, which callers may use
 *              CAP_FOWNER        chmod, removing and linking of these
 *              CAP_CHOWN         chown, and slots made for other users
 *     moments  CAP_SYS_PTRACE    how another user's writer ends, see caller.c
 *              CAP_SYS_ADMIN     mount and unmount
 *
 * All others are given up for good, also for programs that babusfs starts.
 * Capabilities belong to threads: the first two calls come before any thread
 * is started.
 */
#ifndef FS_PRIVILEGES_H
#define FS_PRIVILEGES_H

#include <linux/capability.h>

/* At the start: keep only these. 0 or a negative errno. */
int privileges_reduce(void);

/*
 * Once the mount is there: turn off those for moments, and let programs that
 * root's babusfs executes gain none. An ordinary user's babusfs executes
 * fusermount3, which has to gain some.
 */
int privileges_settle(void);

/* Turn one of them on or off for the calling thread, if the process has it. */
void privileges_raise(int capability);
void privileges_lower(int capability);

#endif

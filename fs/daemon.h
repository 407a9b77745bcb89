/* SPDX-License-Identifier: MIT */
/*
 * Going into the background before anything is opened (what libbabus opens
 * does not survive a fork), while the caller waits to hear how it went.
 */
#ifndef FS_DAEMON_H
#define FS_DAEMON_H

#include <stdbool.h>

/*
 * Go on in a child. The parent does not return: it exits with 0 once the child
 * calls daemon_ready(), with the child's own status if that ends before. 0 or
 * a negative errno.
 */
int daemon_start(void);

/*
 * Let the caller go, and its terminal, but for what standard error is if that
 * is wanted. Without daemon_start() nothing happens.
 */
void daemon_ready(bool keep_stderr);

#endif

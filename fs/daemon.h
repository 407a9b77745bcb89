/* SPDX-License-Identifier: MIT */
/*
 * Going into the background. The caller waits until the mount answers or has
 * failed. This comes before anything is opened: what libbabus opens does not
 * survive a fork.
 */
#ifndef FS_DAEMON_H
#define FS_DAEMON_H

#include <stdbool.h>

/*
 * Continue in a child. The parent does not return: it exits with 0 once the child
 * calls daemon_ready(), or with the child's status if the child ends first. 0 or
 * a negative errno.
 */
int daemon_start(void);

/*
 * Let the caller continue, and release its terminal; standard error stays open on
 * request. Without daemon_start() this does nothing.
 */
void daemon_ready(bool keep_stderr);

#endif

/* SPDX-License-Identifier: MIT */
/* babusfs as a command that somebody types, and what comes of it. */
#ifndef BABUS_TESTS_BABUSFS_H
#define BABUS_TESTS_BABUSFS_H

#include "shell.h"

/*
 * Run babusfs with these arguments, by a shell in the scratch directory; $P the
 * mount point, $T the directory, $B babusfs.
 */
void babusfs_run(const char *arguments, struct outcome *outcome);

/* Asserts that it fails so, with one line on standard error that holds `what`. */
void babusfs_fails(const char *arguments, int status, const char *what);

/*
 * Start in the background; `named` is in its arguments. mount_daemon is set from
 * here on.
 */
void babusfs_start(const char *arguments, const char *named);

/* In the foreground, with one option; NULL: without it. */
void babusfs_start_with(const char *option, const char *value);

/* $P, $B and $T for other commands as well. */
void babusfs_environment(void);

#endif

/* SPDX-License-Identifier: MIT */
/* babusfs as a command that a user types. */
#ifndef BABUS_TESTS_BABUSFS_H
#define BABUS_TESTS_BABUSFS_H

#include "shell.h"

/*
 * Run babusfs with these arguments, by a shell in the scratch directory. $P is the mount point,
 * $T the directory, $B babusfs.
 */
void babusfs_run(const char *arguments, struct outcome *outcome);

/* Assert that it fails, with one line on standard error that contains `what`. */
void babusfs_fails(const char *arguments, int status, const char *what);

/* Start it in the background. `named` is one of its arguments. Sets mount_daemon. */
void babusfs_start(const char *arguments, const char *named);

/* Start it in the foreground with one option; NULL: without an option. */
void babusfs_start_with(const char *option, const char *value);

/* Set $P, $B and $T for other commands too. */
void babusfs_environment(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A real mount for each case: its own domain "test" (see support.h), babusfs as a child in the
 * foreground, and a mount point beside the domain.
 *
 * However the program ends, nothing stays behind. The daemon is a child and dies with the
 * program, and a keeper process unmounts what a crash or a time limit left mounted. The process
 * that runs the cases never serves the mount.
 */
#ifndef BABUS_TESTS_MOUNT_H
#define BABUS_TESTS_MOUNT_H

#include "support.h"

/* Where the domain of the case is mounted, and the process that serves it; 0: none. */
extern char mount_point[96];
extern pid_t mount_daemon;

/* The babusfs of this build. */
extern char mount_program[512];
/* A copy of it that every user can run, for this case. */
const char *mount_program_copy(void);

/* For `return` in main(): skips, with the reason, where mounting is impossible. */
int mount_main(int (*run)(void), unsigned timeout_s);

/* Fixture of a case: an open domain, mounted. */
int mount_setup(void **state);
int mount_teardown(void **state);
/* The same, not mounted yet. */
int mount_setup_bare(void **state);

#define MOUNTED(claim)   cmocka_unit_test_setup_teardown(claim, mount_setup, mount_teardown)
#define UNMOUNTED(claim) cmocka_unit_test_setup_teardown(claim, mount_setup_bare, mount_teardown)

/* Serve the domain. `options` are "-o" and the like, ended by NULL; or NULL. */
void mount_start(const char *const *options);
/* Send SIGTERM, and assert a clean end: status 0, unmounted. */
void mount_stop(void);
/* Send SIGKILL: the mount stays and is stale. */
void mount_crash(void);

/* Whether something is mounted there. */
bool mount_exists(const char *point);
/*
 * Wait until it is mounted and answers, or is unmounted. False if the process ends first, or too
 * late.
 */
bool mount_await(const char *point, bool mounted, pid_t process);
/* The process of this user whose command line contains `point`; 0: none. */
pid_t mount_find_daemon(const char *point);

/* SLOT/FILE in the mount: valid for the next few calls. */
const char *in_mount(const char *slot, const char *file);

/* Open `latest` of the slot "x". */
int open_latest(int flags);

#endif

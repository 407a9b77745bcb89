/* SPDX-License-Identifier: MIT */
/* Several users of one mount that root serves: a fixture, and slots with an owner. */
#ifndef BABUS_TESTS_USERS_H
#define BABUS_TESTS_USERS_H

#include "mount.h"

/* Users and a group that need not exist. Each user has a group of the same number. */
enum {
	ALICE = 12345,
	BOB = 12346,
	TEAM = 12399
};

/* For child_become(): no supplementary group. */
#define NO_GROUP ((gid_t)-1)

/* Fixture of a case: all users may look up names in the domain, which is mounted for all. */
int users_setup(void **state);
/* The same, with further options of the mount: "a,b". */
int users_setup_with(void **state, const char *options);

#define SHARED(claim) cmocka_unit_test_setup_teardown(claim, users_setup, mount_teardown)

/* A new slot of four messages, which holds the text "root's message". */
babus_slot *slot_with(const char *name, mode_t mode, uid_t uid, gid_t gid);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A domain that a group shares: Alice's slot "s" in it, Bob, a member of Alice's team, and Carol,
 * no member. Each is a process of that user. Needs root.
 */
#ifndef BABUS_TESTS_TEAM_H
#define BABUS_TESTS_TEAM_H

#include "support.h"

enum {
	ALICE = 61001,
	BOB = 61002,
	CAROL = 61003,
	TEAM = 62000,
	CREW = 62001,
	NO_GROUP = -1 /* no further one */
};

/* The files of the slot, and of its pins. */
extern char team_slot[512], team_pins[512];

/* The parent posts the first, the child the second. */
extern int team_gate, team_back;

int team_setup(void **state);
int team_teardown(void **state);
#define TEAM_CASE(claim) cmocka_unit_test_setup_teardown(claim, team_setup, team_teardown)

/* For `return` in main(): skips unless it can be several users. */
int team_main(int (*run)(void), unsigned timeout_s);

/* Make a domain of Alice's for the team, and the slot, with these modes; it holds "hello". */
babus_slot *team_make_slot(mode_t directory, const struct babus_slot_options *opts);
/* A small one of this mode. */
babus_slot *team_make_slot_of_mode(mode_t directory, mode_t mode);

/* Start a child that is this user, with a further group, and runs act(); the same, to its end. */
pid_t team_start(uid_t uid, int group, void (*act)(void));
void team_as(uid_t uid, int group, void (*act)(void));

/* For children. */
babus_slot *team_open(unsigned flags);
void team_expect_text(struct babus_message *message, const char *text);
/* Post team_back, and wait for team_gate. */
void team_ready(void);

#endif

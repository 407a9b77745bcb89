/* SPDX-License-Identifier: MIT */
/*
 * Observers are processes without write access to anything. There are two kinds: one in
 * which the domain is mounted read-only, as in a container, and one of another user, which
 * may read the slot's file and nothing else.
 */
#ifndef BABUS_TESTS_OBSERVER_H
#define BABUS_TESTS_OBSERVER_H

#include "support.h"

enum {
	OBSERVER_KINDS = 2,
	OBSERVER_USER = 61001
};

/* What a child calls first, to become an observer of that kind. */
typedef void observer_kind(void);
extern observer_kind *const observer_kinds[OBSERVER_KINDS];
observer_kind observer_enter_container, observer_become_user;

/* The slot "s", opened by the case; gates that the child posts, and the case. */
extern babus_slot *observed;
extern int observer_ready, observer_go;

/* The handles of a child. */
extern struct observer {
	babus_domain *domain;
	babus_slot *slot;
	babus_reader *reader;
	struct babus_message message;
	char buffer[256];
} observer;

/* Fixture of a case: as support_setup(), with the gates. */
int observer_setup(void **state);
int observer_teardown(void **state);

#define OBSERVED(claim) cmocka_unit_test_setup_teardown(claim, observer_setup, observer_teardown)

/* For `return` in main(): skips, with the reason, unless root. */
int observer_main(int (*run)(void), unsigned timeout_s);

/* Make the slot, without a message; set modes that the second kind can only read. */
void observer_make_scene(uint32_t depth, uint64_t max_size);

/* Start a child that becomes an observer and then runs this. */
pid_t observer_start(observer_kind *become, void (*run)(void));
/* Run it in an observer of each kind, one after the other. */
void observer_for_both_kinds(void (*run)(void));

/* In a child: open the domain and the slot; close everything. */
void observer_open(void);
void observer_close(void);
/* In a child: expect this text in the buffer. */
void observer_expect_text(const char *text);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A slot's files are truncated at each step of a call. With the guard the process survives, and
 * the call fails with -EIO unless it was done before. No other process has seen what was written
 * to the pages that replace the file's.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "payload.h"
#include "slot.h"
#include "support.h"

enum {
	SIZE = 64 * 1024
};

struct call {
	const char *name;
	int (*make)(babus_slot *slot, struct babus_loan *loan);
	const char *point; /* once this step is taken the call is done */
	bool pins;         /* whether the pins are truncated, or the slot */
};

static char path[512], data[SIZE];
static atomic_bool counting;
static unsigned step_number, cut_at;
static const char *point;
static bool passed;

/* Shared with the children: whether the file was truncated. */
static bool *cut;

void babus_step(const struct babus_step *step)
{
	if (!atomic_load(&counting))
		return;
	if (++step_number == cut_at) {
		atomic_store(&counting, false);
		EXPECT(!truncate(path, 0));
		*cut = true;
		atomic_store(&counting, true);
	} else if (!*cut) {
		passed = passed || !strcmp(step->name, point);
	}
}

static int publish(babus_slot *slot, struct babus_loan *loan)
{
	(void)loan;
	return babus_slot_publish(slot, data, SIZE, NULL, NULL);
}

static int commit(babus_slot *slot, struct babus_loan *loan)
{
	(void)slot;
	return babus_loan_commit(loan, NULL);
}

static int view(babus_slot *slot, struct babus_loan *loan)
{
	struct babus_message message;

	(void)loan;
	return babus_slot_view(slot, BABUS_LATEST, 0, &message);
}

/* What a copy returns is whole, even if the file was truncated. */
static int copy(babus_slot *slot, struct babus_loan *loan)
{
	static char copied[SIZE];
	struct babus_message message;
	int error = babus_slot_copy(slot, BABUS_LATEST, 0, copied, SIZE, &message);

	(void)loan;
	if (!error)
		EXPECT(payload_matches(&message));
	return error;
}

static const struct call calls[] = {
    {"publish", publish, "cell_set", false}, {"commit", commit, "cell_set", false},
    {"view", view, "pin_set", true},         {"view", view, "pin_set", false},
    {"copy", copy, "pin_settle", false},     {"copy", copy, "pin_set", true},
};

/* In a child: a new process for each step. */
static void make_call(void *arg)
{
	const struct call *call = arg;
	struct babus_message message;
	struct babus_loan loan;
	babus_slot *slot;
	int error;

	EXPECT_EQUAL(babus_guard_install(), 0);
	slot = child_open_slot("s", BABUS_PUBLISH);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	EXPECT_EQUAL(babus_slot_loan(slot, SIZE, &loan), 0);
	point = call->point;
	atomic_store(&counting, true);
	error = call->make(slot, &loan);
	atomic_store(&counting, false);
	if (*cut && !passed)
		EXPECT_EQUAL(error, -EIO);
	else
		EXPECT(error == 0 || error == -EIO);
}

static void cut_at_each_step(const struct call *call)
{
	unsigned steps = 0;

	do {
		babus_slot *slot = make_slot("s", 2, SIZE);
		struct babus_stamp stamp = payload_fill(data, SIZE, payload_tag(1, 1));

		for (int i = 0; i < 4; i++)
			assert_int_equal(babus_slot_publish(slot, data, SIZE, &stamp, NULL), 0);
		snprintf(path, sizeof(path), "%s",
			 call->pins ? pins_file(slot) : domain_file("s.slot"));
		babus_slot_close(slot);
		cut_at = ++steps;
		snprintf(support_context, sizeof(support_context), "%s, step %u", call->name,
			 steps);
		*cut = false;
		child_join(child_start(make_call, (void *)(uintptr_t)call));
		assert_int_equal(unlink(domain_file("s.slot")), 0);
	} while (*cut);
	*support_context = '\0';
	assert_true(steps > 10);
}

static void truncated_at_any_step_a_call_is_eio_unless_it_was_done(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		cut_at_each_step(&calls[i]);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(truncated_at_any_step_a_call_is_eio_unless_it_was_done),
	};

	cut = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (cut == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

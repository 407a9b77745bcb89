/* SPDX-License-Identifier: MIT */
/* Removing a slot while it is in use, and what becomes of its name. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

static void every_call_on_a_removed_slot_is_enodev(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);
	struct babus_message message;
	struct babus_slot_info info;
	struct babus_loan loan;
	babus_reader *reader, *late = NULL;
	char buffer[16];

	(void)state;
	publish_text(slot, "x");
	assert_int_equal(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);

	assert_int_equal(babus_slot_publish(slot, "y", 1, NULL, NULL), -ENODEV);
	assert_int_equal(babus_slot_publishv(slot, NULL, 0, NULL, NULL), -ENODEV);
	assert_int_equal(babus_slot_loan(slot, 1, &loan), -ENODEV);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), -ENODEV);
	assert_int_equal(babus_slot_copy(slot, BABUS_LATEST, 0, buffer, 16, &message), -ENODEV);
	assert_int_equal(babus_reader_next(reader, &message), -ENODEV);
	assert_int_equal(babus_reader_latest(reader, &message), -ENODEV);
	assert_int_equal(babus_reader_seek(reader, BABUS_START_NEXT, 0), -ENODEV);
	assert_int_equal(babus_reader_wait(reader, BABUS_FOREVER), -ENODEV);
	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &late), -ENODEV);
	assert_int_equal(babus_slot_info(slot, &info), -ENODEV);
	assert_int_equal(babus_slot_reserve(slot, 1, 1), -ENODEV);
	assert_int_equal(babus_slot_trim(slot, NULL), -ENODEV);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void loan_of_a_removed_slot_is_discarded_not_committed(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);
	struct babus_loan loan;

	(void)state;
	assert_int_equal(babus_slot_loan(slot, 8, &loan), 0);
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	/* What another call has left is not its detail. */
	assert_int_equal(babus_name_check(""), -EINVAL);
	assert_int_equal(babus_loan_commit(&loan, NULL), -ENODEV);
	assert_string_equal(babus_error_detail(), "");
	memset(loan.data, 'x', 8);
	babus_loan_discard(&loan);
	babus_slot_close(slot);
}

static void pinned_message_stays_readable_until_released(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16), *again;
	struct babus_message message;

	(void)state;
	publish_text(slot, "pinned");
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	again = make_slot("s", 2, 16);
	publish_many(again, 10);
	assert_text(&message, "pinned");
	babus_slot_close(slot);
	babus_slot_close(again);
}

static void recreated_slot_is_a_new_instance(void **state)
{
	babus_slot *old = make_slot("s", 2, 16), *new;
	struct babus_slot_info first, second;
	struct babus_message message;

	(void)state;
	publish_text(old, "old");
	assert_int_equal(babus_slot_info(old, &first), 0);
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	new = make_slot("s", 4, 32);
	assert_int_equal(babus_slot_info(new, &second), 0);
	assert_true(first.instance != second.instance);
	assert_int_equal(babus_slot_view(new, BABUS_LATEST, 0, &message), -ENODATA);
	publish_text(new, "new");
	assert_int_equal(babus_slot_view(old, BABUS_LATEST, 0, &message), -ENODEV);
	assert_int_equal(babus_slot_publish(old, "x", 1, NULL, NULL), -ENODEV);
	babus_slot_close(old);
	babus_slot_close(new);
}

static void removal_leaves_no_files(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);
	const char *pins = pins_file(slot);
	struct babus_report report;

	(void)state;
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	assert_int_not_equal(access(domain_file("s.slot"), F_OK), 0);
	assert_int_not_equal(access(pins, F_OK), 0);
	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	assert_int_equal(report.leftovers, 0);
	babus_slot_close(slot);
	/* So the domain can be removed too. */
	assert_int_equal(babus_domain_remove("test", NULL), 0);
}

/* --- waiters ------------------------------------------------------------------------ */

static void wait_for_removal(void *arg)
{
	int ready = *(int *)arg;
	struct babus_waiter_options opts = {.recheck_ns = 3600 * SECOND};
	struct babus_event event;
	babus_domain *domain;
	babus_waiter *waiter;
	babus_reader *reader;
	babus_slot *slot;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &slot), 0);
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	EXPECT_EQUAL(babus_waiter_open(domain, &opts, &waiter), 0);
	EXPECT_EQUAL(babus_waiter_add(waiter, reader, waiter), 0);
	gate_post(ready, 1);
	EXPECT_EQUAL(babus_waiter_wait(waiter, babus_deadline(60 * SECOND), &event, 1), 1);
	EXPECT_EQUAL(event.status, -ENODEV);
	EXPECT(event.reader == reader && event.user == waiter);
	/* It is reported again and again, until it is taken out. */
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), 1);
	EXPECT_EQUAL(event.status, -ENODEV);
	EXPECT_EQUAL(babus_waiter_remove(waiter, reader), 0);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), -ETIMEDOUT);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
	babus_domain_close(domain);
}

static void removal_wakes_the_waiters_at_once(void **state)
{
	enum {
		ROUNDS = 50
	};
	int ready = gate_open();

	(void)state;
	for (int i = 0; i < ROUNDS; i++) {
		babus_slot_close(make_slot("s", 2, 16));
		pid_t child = child_start(wait_for_removal, &ready);

		gate_wait(ready);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
		child_join(child);
	}
	gate_close(ready);
}

static void wait_for_end(void *arg)
{
	int ready = *(int *)arg;
	struct babus_waiter_options opts = {.recheck_ns = 3600 * SECOND};
	struct babus_event event;
	babus_domain *domain;
	babus_waiter *waiter;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_waiter_open(domain, &opts, &waiter), 0);
	gate_post(ready, 1);
	EXPECT_EQUAL(babus_waiter_wait(waiter, babus_deadline(60 * SECOND), &event, 1), -ENODEV);
}

static void removal_of_the_domain_wakes_its_waiters(void **state)
{
	int ready = gate_open();
	pid_t child = child_start(wait_for_end, &ready);

	(void)state;
	gate_wait(ready);
	assert_int_equal(babus_domain_remove("test", NULL), 0);
	child_join(child);
	gate_close(ready);
}

static void deleted_domain_is_found_by_the_recheck(void **state)
{
	struct babus_waiter_options opts = {.recheck_ns = 20 * MILLISECOND};
	babus_slot *slot = make_slot("s", 2, 16);
	struct babus_event event;
	babus_waiter *waiter;

	(void)state;
	assert_int_equal(babus_waiter_open(bus, &opts, &waiter), 0);
	/* As systemd-logind does at a user's last logout: without an announcement. */
	assert_int_equal(unlink(pins_file(slot)), 0);
	assert_int_equal(unlink(domain_file("s.slot")), 0);
	assert_int_equal(unlink(domain_file("domain")), 0);
	assert_int_equal(babus_waiter_wait(waiter, babus_deadline(10 * SECOND), &event, 1),
			 -ENODEV);
	assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), -ENODEV);
	babus_waiter_close(waiter);
	babus_slot_close(slot);
}

static void removing_by_handle_spares_a_later_slot(void **state)
{
	babus_slot *old = make_slot("s", 2, 16), *new, *other;

	(void)state;
	/* Renamed away by a user that may write the directory: not marked as removed. */
	assert_int_equal(rename(domain_file("s.slot"), domain_file("moved")), 0);
	new = make_slot("s", 2, 16);
	publish_text(new, "new");
	assert_int_equal(babus_slot_remove(old), -ENODEV);
	publish_text(new, "still there");

	other = open_slot("s", BABUS_READ);
	assert_int_equal(babus_slot_remove(other), 0);
	assert_int_equal(babus_slot_remove(other), -ENODEV);
	assert_int_equal(babus_slot_publish(new, "x", 1, NULL, NULL), -ENODEV);
	assert_int_equal(babus_domain_remove_slot(bus, "s"), -ENOENT);
	babus_slot_close(old);
	babus_slot_close(new);
	babus_slot_close(other);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(every_call_on_a_removed_slot_is_enodev),
	    CASE(loan_of_a_removed_slot_is_discarded_not_committed),
	    CASE(pinned_message_stays_readable_until_released),
	    CASE(recreated_slot_is_a_new_instance),
	    CASE(removal_leaves_no_files),
	    CASE(removing_by_handle_spares_a_later_slot),
	    CASE(removal_wakes_the_waiters_at_once),
	    CASE(removal_of_the_domain_wakes_its_waiters),
	    CASE(deleted_domain_is_found_by_the_recheck),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

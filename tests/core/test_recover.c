/* SPDX-License-Identifier: MIT */
/* What the dead leave behind is recovered by clients that need it, and on request. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

static int gate;

static babus_slot *open_in_child(unsigned flags)
{
	babus_domain *domain;
	babus_slot *slot;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", flags, NULL, &slot), 0);
	return slot;
}

static void hold_all_loans(void *arg)
{
	babus_slot *slot = open_in_child(BABUS_PUBLISH);
	struct babus_loan loan;

	(void)arg;
	while (!babus_slot_loan(slot, 64, &loan))
		memset(loan.data, 'd', 64);
	gate_post(gate, 1);
	pause();
}

static void hold_one_loan(void *arg)
{
	struct babus_loan loan;

	(void)arg;
	EXPECT_EQUAL(babus_slot_loan(open_in_child(BABUS_PUBLISH), 64, &loan), 0);
	gate_post(gate, 1);
	pause();
}

static void hold_all_pins(void *arg)
{
	babus_slot *slot = open_in_child(BABUS_READ);
	struct babus_message message;

	(void)arg;
	while (!babus_slot_view(slot, BABUS_LATEST, 0, &message))
		;
	gate_post(gate, 1);
	pause();
}

static pid_t start_holder(void (*hold)(void *arg))
{
	pid_t child;

	gate = gate_open();
	child = child_start(hold, NULL);
	gate_wait(gate);
	gate_close(gate);
	return child;
}

static void make_with_a_message(void)
{
	babus_slot *slot = make_slot("s", 2, 64);

	publish_text(slot, "x");
	babus_slot_close(slot);
}

static void loans_of_the_dead_come_back_to_a_publisher_that_needs_them(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	struct babus_loan loans[4];

	(void)state;
	for (int round = 0; round < 5; round++) {
		pid_t child = start_holder(hold_all_loans);

		assert_int_equal(babus_slot_loan(slot, 1, &loans[0]), 0);
		assert_int_equal(babus_slot_loan(slot, 1, &loans[1]), -ENOBUFS);
		child_kill(child);
		for (int i = 1; i < 4; i++)
			assert_int_equal(babus_slot_loan(slot, 1, &loans[i]), 0);
		for (int i = 0; i < 4; i++)
			babus_loan_discard(&loans[i]);
		publish_many(slot, 40);
	}
	babus_slot_close(slot);
}

static void loans_of_the_dead_come_back_to_a_publisher_that_opens(void **state)
{
	babus_slot *slot = NULL;
	pid_t child;

	(void)state;
	make_with_a_message();
	child = start_holder(hold_all_loans);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &slot), -ENOBUFS);
	child_kill(child);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &slot), 0);
	publish_many(slot, 40);
	babus_slot_close(slot);
}

static void pins_of_the_dead_come_back_to_a_reader_that_needs_them(void **state)
{
	struct babus_message messages[8];
	babus_slot *slot;

	(void)state;
	make_with_a_message();
	slot = open_slot("s", BABUS_READ);
	for (int round = 0; round < 5; round++) {
		pid_t child = start_holder(hold_all_pins);

		if (!round)
			assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &messages[0]),
					 -ENOBUFS);
		child_kill(child);
		for (int i = 0; i < 8; i++)
			assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &messages[i]), 0);
		for (int i = 0; i < 8; i++)
			babus_message_release(&messages[i]);
	}
	babus_slot_close(slot);
}

static void buffers_pinned_by_the_dead_come_back_before_cold_ones_are_used(void **state)
{
	struct babus_slot_options opts = small_options(2, 1 << 20);
	static char data[1 << 20];
	struct babus_slot_info before, after;
	babus_slot *slot = make_slot_with("s", &opts);

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(babus_slot_publish(slot, data, sizeof(data), NULL, NULL), 0);
	child_kill(start_holder(hold_all_pins));
	assert_int_equal(babus_slot_info(slot, &before), 0);
	for (int round = 0; round < 20; round++) {
		child_kill(start_holder(hold_all_pins));
		for (int i = 0; i < 5; i++)
			assert_int_equal(babus_slot_publish(slot, data, sizeof(data), NULL, NULL),
					 0);
	}
	assert_int_equal(babus_slot_info(slot, &after), 0);
	/* At most one more, for the moment at which it was found. */
	assert_true(after.bytes_used <= before.bytes_used + (1 << 20));
	babus_slot_close(slot);
}

static void hold_the_newest(void *arg)
{
	struct babus_message message;

	(void)arg;
	EXPECT_EQUAL(babus_slot_view(open_in_child(BABUS_READ), BABUS_LATEST, 0, &message), 0);
	gate_post(gate, 1);
	pause();
}

/* There are pins for all of them, so no new reader looks for dead ones. */
static void reader_that_dies_repeatedly_takes_no_memory(void **state)
{
	struct babus_slot_options opts = small_options(2, 1 << 20);
	static char data[1 << 20];
	struct babus_slot_info before, after;
	babus_slot *slot;

	(void)state;
	opts.pins = 64;
	slot = make_slot_with("s", &opts);
	for (int i = 0; i < 5; i++)
		assert_int_equal(babus_slot_publish(slot, data, sizeof(data), NULL, NULL), 0);
	assert_int_equal(babus_slot_info(slot, &before), 0);
	for (int round = 0; round < 20; round++) {
		child_kill(start_holder(hold_the_newest));
		for (int i = 0; i < 5; i++)
			assert_int_equal(babus_slot_publish(slot, data, sizeof(data), NULL, NULL),
					 0);
	}
	assert_int_equal(babus_slot_info(slot, &after), 0);
	assert_true(after.bytes_used <= before.bytes_used + (1 << 20));
	babus_slot_close(slot);
}

static void recover_counts_without_repair_and_gives_back_with_it(void **state)
{
	struct babus_report report;

	(void)state;
	make_with_a_message();
	child_kill(start_holder(hold_all_loans));
	child_kill(start_holder(hold_all_pins));
	for (int repair = 0; repair < 2; repair++) {
		assert_int_equal(babus_domain_recover(bus, repair, &report), 0);
		assert_int_equal(report.slots, 1);
		assert_int_equal(report.dead_publishers, 1);
		assert_int_equal(report.dead_readers, 1);
		assert_int_equal(report.buffers, repair ? 4 : 0);
		assert_int_equal(report.damaged, 0);
	}
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.dead_publishers + report.dead_readers + report.buffers, 0);
}

static void stopped_client_is_alive(void **state)
{
	struct babus_report report;
	babus_slot *slot = NULL;
	pid_t child;
	int status;

	(void)state;
	make_with_a_message();
	child = start_holder(hold_all_loans);
	kill(child, SIGSTOP);
	assert_true(child_wait_stopped(child, &status));
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.dead_publishers, 0);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &slot), -ENOBUFS);
	child_kill(child);
}

struct seen {
	int alive, dead;
	pid_t pid;
	uint32_t held;
};

static int see(void *arg, const struct babus_client_info *info)
{
	struct seen *seen = arg;

	if (info->alive) {
		seen->alive++;
	} else {
		seen->dead++;
		seen->pid = (pid_t)info->pid;
		seen->held = info->held;
	}
	return 0;
}

static void clients_tell_the_dead_from_the_living(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	struct seen seen = {0};
	pid_t child = start_holder(hold_all_loans);

	(void)state;
	assert_int_equal(babus_slot_clients(slot, see, &seen), 0);
	assert_int_equal(seen.alive, 2);
	assert_int_equal(seen.dead, 0);
	child_kill(child);
	seen = (struct seen){0};
	assert_int_equal(babus_slot_clients(slot, see, &seen), 0);
	assert_int_equal(seen.alive, 1);
	assert_int_equal(seen.dead, 1);
	assert_int_equal(seen.pid, child);
	assert_int_equal(seen.held, 3);
	babus_slot_close(slot);
}

static void recovery_of_many_dead_takes_milliseconds(void **state)
{
	enum {
		DEAD = 60
	};
	struct babus_slot_options opts = small_options(8, 64);
	struct babus_report report;
	uint64_t sleeps;
	int64_t began;

	(void)state;
	opts.loans = opts.pins = 200;
	babus_slot_close(make_slot_with("s", &opts));
	for (int i = 0; i < DEAD; i++)
		child_kill(start_holder(hold_one_loan));
	sleeps = count_sleeps(0);
	began = cpu_ns();
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_true(cpu_ns() - began < 100 * MILLISECOND * SUPPORT_SLOWER);
	/*
	 * It does not sleep either; the kernel may make it sleep for its own reasons, but not
	 * each time.
	 */
	assert_true(count_sleeps(0) - sleeps < DEAD / 2);
	assert_int_equal(report.dead_publishers, DEAD);
	assert_int_equal(report.buffers, DEAD);
}

/* --- files ----------------------------------------------------------------------------- */

static void slot_that_a_late_remover_took_away_gets_its_name_back(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64), *again;
	struct babus_message message;
	struct babus_report report;
	const char *gone = domain_file("s.0123456789abcdef.gone");

	(void)state;
	publish_text(slot, "kept");
	/* It is not marked as removed. */
	assert_int_equal(rename(domain_file("s.slot"), gone), 0);
	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	assert_true(report.leftovers >= 1);
	assert_int_equal(access(gone, F_OK), 0);
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_true(report.leftovers >= 1);
	assert_int_not_equal(access(gone, F_OK), 0);
	again = open_slot("s", BABUS_READ);
	assert_int_equal(babus_slot_view(again, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "kept");
	publish_text(slot, "on");
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.leftovers, 0);
	babus_slot_close(again);
	babus_slot_close(slot);
}

static void pins_without_a_slot_are_removed(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	const char *pins = pins_file(slot);
	struct babus_report report;

	(void)state;
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.leftovers, 0);
	assert_int_equal(unlink(domain_file("s.slot")), 0);
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.leftovers, 1);
	assert_int_not_equal(access(pins, F_OK), 0);
	babus_slot_close(slot);
}

static void damaged_slot_is_counted_and_does_not_stop_the_others(void **state)
{
	struct babus_report report;
	int fd;

	(void)state;
	make_with_a_message();
	fd = open(domain_file("junk.slot"), O_WRONLY | O_CREAT, 0600);
	assert_int_equal(write(fd, "junk", 4), 4);
	close(fd);
	child_kill(start_holder(hold_all_loans));
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.slots, 2);
	assert_int_equal(report.damaged, 1);
	assert_int_equal(report.dead_publishers, 1);
}

static void files_in_the_way_are_counted_named_and_stay(void **state)
{
	static const char fifo[] = "a.0123456789abcdef.gone", link[] = "b.0123456789abcdef.gone";
	struct babus_report report;
	struct stat st;

	(void)state;
	make_with_a_message();
	assert_int_equal(mkfifo(domain_file(fifo), 0600), 0);
	assert_int_equal(symlink("/etc/passwd", domain_file(link)), 0);
	child_kill(start_holder(hold_all_loans));
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.foreign, 2);
	assert_int_equal(report.slots, 1);
	assert_int_equal(report.damaged, 0);
	assert_int_equal(report.dead_publishers, 1);
	assert_non_null(strstr(babus_error_detail(), "0123456789abcdef.gone"));
	assert_int_equal(lstat(domain_file(fifo), &st), 0);
	assert_int_equal(lstat(domain_file(link), &st), 0);
}

static void slot_without_its_pins_is_damaged_and_can_be_removed(void **state)
{
	struct babus_report report;
	babus_slot *slot;

	(void)state;
	slot = make_slot("s", 2, 64);
	assert_int_equal(unlink(pins_file(slot)), 0);
	babus_slot_close(slot);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_READ, NULL, &slot), -EPROTO);
	assert_non_null(strstr(babus_error_detail(), ".pins is missing"));
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.damaged, 1);
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	babus_slot_close(make_slot("s", 2, 64));
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(loans_of_the_dead_come_back_to_a_publisher_that_needs_them),
	    CASE(loans_of_the_dead_come_back_to_a_publisher_that_opens),
	    CASE(pins_of_the_dead_come_back_to_a_reader_that_needs_them),
	    CASE(buffers_pinned_by_the_dead_come_back_before_cold_ones_are_used),
	    CASE(reader_that_dies_repeatedly_takes_no_memory),
	    CASE(recover_counts_without_repair_and_gives_back_with_it),
	    CASE(stopped_client_is_alive),
	    CASE(clients_tell_the_dead_from_the_living),
	    CASE(recovery_of_many_dead_takes_milliseconds),
	    CASE(slot_that_a_late_remover_took_away_gets_its_name_back),
	    CASE(pins_without_a_slot_are_removed),
	    CASE(damaged_slot_is_counted_and_does_not_stop_the_others),
	    CASE(files_in_the_way_are_counted_named_and_stay),
	    CASE(slot_without_its_pins_is_damaged_and_can_be_removed),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

/* SPDX-License-Identifier: MIT */
/* The losses that a slot shows: each is counted once, even if processes die or are stopped. */
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "support.h"
#include "sync.h"

enum {
	DEPTH = 2,
	OF_THE_DEAD = 5,
	OF_THE_LIVING = 7
};

static atomic_bool counting;
static unsigned step_number, act_at;
static bool acted;
static void (*act)(void);
static babus_slot *slot;
static babus_reader *reader;
static int gate;

static void lose(babus_slot *publishes, babus_reader *by, unsigned count)
{
	struct babus_message message;

	for (unsigned i = 0; i < DEPTH + count; i++)
		EXPECT_EQUAL(babus_slot_publish(publishes, "x", 1, NULL, NULL), 0);
	EXPECT_EQUAL(babus_reader_next(by, &message), 0);
	EXPECT_EQUAL(message.lost, count);
	babus_message_release(&message);
	EXPECT_EQUAL(babus_reader_seek(by, BABUS_START_NEXT, 0), 0);
}

/*
 * As the kernel may schedule it: others recover, and one reads with the entry that is free then.
 */
static void others_are_faster(void)
{
	struct babus_report report;

	EXPECT_EQUAL(babus_domain_recover(bus, 1, &report), 0);
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	lose(slot, reader, OF_THE_LIVING);
	acted = true;
}

void babus_step(const struct babus_step *step)
{
	(void)step;
	if (!atomic_load(&counting) || ++step_number != act_at)
		return;
	atomic_store(&counting, false);
	act();
	atomic_store(&counting, true);
}

static void lose_and_die(void *arg)
{
	babus_reader *mine;
	babus_slot *own = child_open_slot("s", BABUS_PUBLISH);

	(void)arg;
	EXPECT_EQUAL(babus_reader_open(own, BABUS_START_NEXT, 0, &mine), 0);
	lose(own, mine, OF_THE_DEAD);
	gate_post(gate, 1);
	pause();
}

static void start_and_kill_a_loser(void)
{
	pid_t child;

	gate = gate_open();
	child = child_start(lose_and_die, NULL);
	gate_wait(gate);
	child_kill(child);
	gate_close(gate);
}

static uint64_t lost_in_all(void)
{
	struct babus_slot_info info;

	assert_int_equal(babus_slot_info(slot, &info), 0);
	return info.lost;
}

/* Recover while others do the same at step `at`. False: there are not so many steps. */
static bool recover_and_be_overtaken(unsigned at)
{
	struct babus_report report;

	reader = NULL;
	acted = false;
	slot = make_slot("s", DEPTH, 64);
	start_and_kill_a_loser();
	step_number = 0;
	act = others_are_faster;
	act_at = at;
	atomic_store(&counting, true);
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	atomic_store(&counting, false);
	if (acted) {
		assert_int_equal(lost_in_all(), OF_THE_DEAD + OF_THE_LIVING);
		lose(slot, reader, 1);
		assert_int_equal(lost_in_all(), OF_THE_DEAD + OF_THE_LIVING + 1);
		babus_reader_close(reader);
		assert_int_equal(lost_in_all(), OF_THE_DEAD + OF_THE_LIVING + 1);
	}
	assert_int_equal(babus_slot_remove(slot), 0);
	babus_slot_close(slot);
	return acted;
}

static void losses_are_counted_once_though_others_recover_at_the_same_time(void **state)
{
	unsigned at = 1;

	(void)state;
	while (recover_and_be_overtaken(at))
		at++;
	assert_true(at > 20);
}

/* --- a reader that dies as soon as it has an entry ----------------------------------- */

static void die(void)
{
	kill(getpid(), SIGKILL);
}

static void open_reader_and_die(void *arg)
{
	babus_reader *mine;
	babus_slot *own = child_open_slot("s", BABUS_READ);

	step_number = 0;
	act = die;
	act_at = *(unsigned *)arg;
	atomic_store(&counting, true);
	EXPECT_EQUAL(babus_reader_open(own, BABUS_START_NEXT, 0, &mine), 0);
}

/* It takes the entry of a dead reader, whose losses are counted already. */
static void losses_of_the_last_holder_are_not_counted_again(void **state)
{
	struct babus_report report;
	unsigned at = 0;
	int status;

	(void)state;
	slot = make_slot("s", DEPTH, 64);
	start_and_kill_a_loser();
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(lost_in_all(), OF_THE_DEAD);
	do {
		at++;
		status = child_wait(child_start(open_reader_and_die, &at));
		assert_int_equal(lost_in_all(), OF_THE_DEAD);
		assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
		assert_int_equal(lost_in_all(), OF_THE_DEAD);
	} while (status == -SIGKILL);
	assert_int_equal(status, 0);
	assert_true(at > 20);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(losses_are_counted_once_though_others_recover_at_the_same_time),
	    CASE(losses_of_the_last_holder_are_not_counted_again),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

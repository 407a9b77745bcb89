/* SPDX-License-Identifier: MIT */
/* A publisher of only empty messages, which `stream` skips, delays no other user. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "shell.h"

enum {
	PUBLISHERS = 3,
	FLOODED = 100000, /* empty messages of each before a case begins */
	MESSAGES = 30
};

static pid_t publishers[PUBLISHERS];

static void flood(void *arg)
{
	const int *started = arg;
	babus_slot *slot;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &bus), 0);
	EXPECT_EQUAL(babus_slot_open(bus, "x", BABUS_PUBLISH, NULL, &slot), 0);
	for (uint64_t n = 1;; n++) {
		EXPECT_EQUAL(babus_slot_publish(slot, "", 0, NULL, NULL), 0);
		if (n == FLOODED)
			gate_post(*started, 1);
	}
}

/* A `cat x/stream` beside a flood of empty messages in x. */
static void start_flood(struct job *job)
{
	const char *const argv[] = {"cat", "x/stream", NULL};
	int started = gate_open();

	new_slot("x");
	job_start(job, argv);
	await_blocked(job->pid);
	for (int i = 0; i < PUBLISHERS; i++)
		publishers[i] = child_start(flood, &started);
	for (int i = 0; i < PUBLISHERS; i++)
		gate_wait(started);
	gate_close(started);
}

static void end_flood(void)
{
	for (int i = 0; i < PUBLISHERS; i++)
		child_kill(publishers[i]);
}

static void assert_silent_until_killed(struct job *job, int number)
{
	struct outcome outcome;

	kill(job->pid, number);
	job_finish(job, &outcome);
	assert_int_equal(outcome.status, -number);
	assert_int_equal(outcome.out_size, 0);
	outcome_free(&outcome);
}

static void readers_of_other_slots_get_their_messages(void **state)
{
	const char *const argv[] = {"cat", "y/wait", NULL};
	babus_slot *slot;
	struct job flooded;

	(void)state;
	slot = make_slot("y", 4, 64);
	start_flood(&flooded);
	for (int i = 0; i < MESSAGES; i++) {
		struct outcome outcome;
		struct job job;
		char text[16];

		snprintf(text, sizeof(text), "%d", i);
		job_start(&job, argv);
		await_blocked(job.pid);
		publish_text(slot, text);
		job_finish(&job, &outcome);
		assert_int_equal(outcome.status, 0);
		assert_string_equal(outcome.out, text);
		outcome_free(&outcome);
	}
	assert_silent_until_killed(&flooded, SIGINT);
	end_flood();
	babus_slot_close(slot);
}

static void signals_end_a_reader_that_receives_nothing(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGKILL};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct job job;

		start_flood(&job);
		assert_silent_until_killed(&job, signals[i]);
		end_flood();
		assert_int_equal(babus_domain_remove_slot(bus, "x"), 0);
	}
}

static void the_daemon_ends_beside_a_flood(void **state)
{
	struct outcome outcome;
	struct job job;

	(void)state;
	start_flood(&job);
	mount_stop();
	job_finish(&job, &outcome);
	assert_int_equal(outcome.status, 1);
	outcome_free(&outcome);
	end_flood();
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    MOUNTED(readers_of_other_slots_get_their_messages),
	    MOUNTED(signals_end_a_reader_that_receives_nothing),
	    MOUNTED(the_daemon_ends_beside_a_flood),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 60);
}

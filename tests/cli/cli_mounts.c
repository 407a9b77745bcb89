/* SPDX-License-Identifier: MIT */
/* babus doctor and mounts of babusfs: alive, silent, stale. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cli.h"

static int setup(void **state)
{
	int error;

	/* The mount of the case before is gone. */
	unsetenv("BABUS_CONFIG");
	error = mount_setup(state);
	return error ? error : cli_prepare();
}

#define MOUNT(claim) cmocka_unit_test_setup_teardown(claim, setup, mount_teardown)

/* What doctor reports about our mount, then whether it is still there for doctor. */
static void assert_doctor(const char *options, const char *state, int mounted)
{
	char text[1024], expected[512];

	setenv("M", mount_point, 1);
	snprintf(text, sizeof(text),
		 CLI_PRIVATE "sh -c 'babus doctor %s >out; grep -F \"$M\" out; "
			     "grep -cF \" $M \" /proc/self/mountinfo || true'",
		 options);
	snprintf(expected, sizeof(expected), "mount '%s' of babus:test: %s\n%d\n", mount_point,
		 state, mounted);
	cli_gives(text, expected);
}

static void a_mount_that_answers_is_left_alone(void **state)
{
	(void)state;
	assert_doctor("", "alive", 1);
}

static void a_caller_that_reaps_no_children_changes_nothing(void **state)
{
	(void)state;
	setenv("M", mount_point, 1);
	cli_gives(CLI_PRIVATE "env --ignore-signal=CHLD babus doctor >out; "
			      "grep \"'$M'.*: alive\" out | wc -l",
		  "1\n");
}

static void a_mount_that_does_not_answer_is_reported_and_left_alone(void **state)
{
	int status;

	(void)state;
	kill(mount_daemon, SIGSTOP);
	assert_true(child_wait_stopped(mount_daemon, &status));
	assert_doctor("", "silent", 1);
	kill(mount_daemon, SIGCONT);
	assert_doctor("", "alive", 1);
}

static void a_stale_mount_is_reported_by_a_dry_run_and_otherwise_removed(void **state)
{
	(void)state;
	mount_crash();
	assert_doctor("-n", "stale", 1);
	assert_doctor("", "stale", 0);
	/* For other processes it stayed. */
	assert_int_equal(umount2(mount_point, MNT_DETACH), 0);
}

static void json_has_the_same_keys_in_files_and_commands(void **state)
{
	babus_slot *slot = make_slot("s", 4, 64);
	babus_reader *reader;

	(void)state;
	setenv("M", mount_point, 1);
	publish_text(slot, "x");
	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	cli_gives_json(
	    "babus info --json s; cat $M/s/info; babus ls --json; cat $M/.bus/info",
	    "info, file, ls, bus = objects\n"
	    "assert set(file) - set(info) == {\"rate_hz\", \"rate_bytes\", \"files\"}\n"
	    "assert set(info) < set(file)\n"
	    "keys = {c[\"role\"]: set(c) for c in info[\"clients\"]}\n"
	    "assert keys == {c[\"role\"]: set(c) for c in file[\"clients\"]}\n"
	    "assert set(keys) == {\"reader\", \"publisher\"}\n"
	    "assert set(bus) - set(ls) == {\"babusfs\"} and set(ls) < set(bus)\n"
	    "assert set(ls[\"slots\"][0]) == set(bus[\"slots\"][0])\n"
	    "assert set(info) - set(ls[\"slots\"][0]) == {\"publisher_alive\", \"clients\"}");
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    MOUNT(a_mount_that_answers_is_left_alone),
	    MOUNT(a_caller_that_reaps_no_children_changes_nothing),
	    MOUNT(a_mount_that_does_not_answer_is_reported_and_left_alone),
	    MOUNT(json_has_the_same_keys_in_files_and_commands),
	    MOUNT(a_stale_mount_is_reported_by_a_dry_run_and_otherwise_removed),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	if (cli_find())
		return 1;
	/* doctor removes stale mounts on the whole machine. */
	if (system(CLI_PRIVATE "true 2>/dev/null") != 0) {
		printf("skipped: no mount namespace of our own\n");
		return SKIPPED;
	}
	return mount_main(run, 120);
}

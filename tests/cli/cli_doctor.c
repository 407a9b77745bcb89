/* SPDX-License-Identifier: MIT */
/*
 * babus doctor: what the dead left, damaged slots. It looks at the mounts of the whole machine
 * and removes dead ones, so where possible it runs in a mount namespace of its own, as "$doctor".
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"
#include "file.h"

static int setup(void **state)
{
	int error = cli_setup(state);

	return error ? error
		     : setenv("doctor", cli_private() ? CLI_PRIVATE "babus doctor" : "babus doctor",
			      1);
}

#define DOCTOR(claim) cmocka_unit_test_setup_teardown(claim, setup, cli_teardown)

/* A subscriber and a publisher, both registered with slot "s", that were killed. */
static pid_t leave_dead(void)
{
	struct job sub;

	babus_slot_close(make_slot("s", 4, 4096));
	cli_start_waiting(&sub, "sub", "s", NULL);
	child_kill(sub.pid);
	close(sub.out);
	close(sub.err);
	return sub.pid;
}

#define SUMMARY "grep -E '^[0-9]+ slots'"

static void a_healthy_domain_needs_nothing(void **state)
{
	(void)state;
	cli_gives("babus create a; printf x | babus pub b; $doctor | head -n 1; "
		  "$doctor | " SUMMARY,
		  "domain 'test'\n2 slots: 0 dead publishers, 0 dead readers, 0 buffers, "
		  "0 leftover files, 0 damaged, 0 without access\n");
}

static void a_missing_domain_is_no_failure_and_is_not_made(void **state)
{
	(void)state;
	cli_gives("$doctor -d gone | head -n 1", "domain 'gone': does not exist\n");
	cli_gives_json("$doctor -d gone --json",
		       "assert one[\"exists\"] is False and one[\"domain\"] == \"gone\"");
	assert_no_file(root_file("babus.gone"));
}

static void a_killed_subscriber_is_listed_and_not_touched_by_a_dry_run(void **state)
{
	pid_t pid = leave_dead();
	char expected[256];

	(void)state;
	snprintf(expected, sizeof(expected),
		 "slot 's': dead reader, process %d, held 0\n1 slots: 0 dead publishers, "
		 "1 dead readers, 0 buffers, 0 leftover files, 0 damaged, 0 without access\n",
		 (int)pid);
	for (int i = 0; i < 2; i++)
		cli_gives("$doctor -n | grep -E '^slot|^[0-9]+ slots'", expected);
	cli_gives_json("babus info --json s", "assert one[\"clients\"][0][\"alive\"] is False");
}

static void a_killed_subscriber_is_repaired(void **state)
{
	pid_t pid = leave_dead();
	char python[512];

	(void)state;
	snprintf(python, sizeof(python),
		 "assert one[\"repaired\"] is True and one[\"exists\"] is True\n"
		 "dead, = one[\"dead_clients\"]\n"
		 "assert dead[\"slot\"] == \"s\" and dead[\"role\"] == \"reader\"\n"
		 "assert dead[\"pid\"] == %d\n"
		 "assert one[\"dead_readers\"] == 1 and one[\"dead_publishers\"] == 0",
		 (int)pid);
	cli_gives_json("$doctor --json", python);
	cli_gives_json("$doctor --json",
		       "assert one[\"dead_clients\"] == [] and one[\"dead_readers\"] == 0");
	cli_gives_json("babus info --json s",
		       "assert one[\"clients\"] == [] and one[\"readers\"] == 0");
}

static void publish_and_die(void *arg)
{
	struct babus_loan loan;
	babus_domain *domain;
	babus_slot *slot;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &slot), 0);
	EXPECT_EQUAL(babus_slot_loan(slot, 100, &loan), 0);
	raise(SIGKILL);
}

static void a_publisher_that_died_with_a_loan_is_repaired(void **state)
{
	(void)state;
	babus_slot_close(make_slot("s", 4, 4096));
	assert_int_equal(child_wait(child_start(publish_and_die, NULL)), -SIGKILL);
	cli_gives_json("$doctor --json",
		       "dead, = one[\"dead_clients\"]\n"
		       "assert dead[\"role\"] == \"publisher\"\n"
		       "assert one[\"dead_publishers\"] == 1 and one[\"buffers\"] == 1, one");
	cli_gives_json("$doctor --json",
		       "assert one[\"dead_clients\"] == []\n"
		       "assert one[\"dead_publishers\"] == one[\"buffers\"] == 0");
}

static void the_living_are_left_alone(void **state)
{
	struct job job;

	(void)state;
	babus_slot_close(make_slot("s", 4, 4096));
	cli_start_waiting(&job, "sub", "-n", "1", "s", NULL);
	/* Stopped is alive. */
	kill(job.pid, SIGSTOP);
	cli_gives_json("$doctor --json", "assert one[\"dead_clients\"] == []");
	kill(job.pid, SIGCONT);
	cli_gives("printf still | babus pub s", "");
	cli_finish(&job, 0, "still", "");
}

static void a_damaged_slot_is_named_kept_and_a_failure(void **state)
{
	(void)state;
	cli_gives("babus create a; babus create b; truncate -s 100 babus.test/b.slot", "");
	cli_ends(1, "$doctor >out", "", "");
	cli_gives("grep -c \"^slot 'b': \" out; " SUMMARY " out | grep -o '1 damaged'",
		  "1\n1 damaged\n");
	cli_ends(1, "$doctor --json >out", "", "");
	cli_gives_json("cat out", "slot, = one[\"unreadable_slots\"]\n"
				  "assert slot[\"slot\"] == \"b\" and slot[\"damaged\"] is True\n"
				  "assert one[\"damaged\"] == 1 and one[\"slots\"] >= 1");
	cli_gives("stat -c %s babus.test/b.slot", "100\n");
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    DOCTOR(a_healthy_domain_needs_nothing),
	    DOCTOR(a_missing_domain_is_no_failure_and_is_not_made),
	    DOCTOR(a_killed_subscriber_is_listed_and_not_touched_by_a_dry_run),
	    DOCTOR(a_killed_subscriber_is_repaired),
	    DOCTOR(a_publisher_that_died_with_a_loan_is_repaired),
	    DOCTOR(the_living_are_left_alone),
	    DOCTOR(a_damaged_slot_is_named_kept_and_a_failure),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return cli_main(run, 180);
}

/* SPDX-License-Identifier: MIT */
/* babus sub: order, loss, slots that come and go, and how it ends. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static void make(const char *name, uint32_t depth)
{
	babus_slot_close(make_slot(name, depth, 4096));
}

/* Messages "FIRST\n" to "LAST\n". */
static void publish_numbers(const char *name, int first, int last)
{
	babus_slot *slot = open_slot(name, BABUS_PUBLISH);
	char text[16];

	for (int i = first; i <= last; i++) {
		snprintf(text, sizeof(text), "%d\n", i);
		publish_text(slot, text);
	}
	babus_slot_close(slot);
}

/* Read from a descriptor until this text has come. */
static void await_text(int fd, const char *wanted)
{
	size_t length = strlen(wanted), got = 0;
	char text[256] = "";
	ssize_t n = 1;

	while (got < length && n > 0) {
		n = read(fd, text + got, length - got);
		got += n > 0 ? (size_t)n : 0;
	}
	assert_string_equal(text, wanted);
}

static void await_output(struct job *job, const char *wanted)
{
	await_text(job->out, wanted);
}

/* --- what it prints ------------------------------------------------------------------ */

static void sub_starts_with_the_next_message(void **state)
{
	struct job job;

	(void)state;
	make("s", 8);
	publish_numbers("s", 1, 3);
	cli_start_waiting(&job, "sub", "-n", "2", "s", NULL);
	publish_numbers("s", 4, 6);
	cli_finish(&job, 0, "4\n5\n", "");
}

static void from_chooses_where_it_starts(void **state)
{
	struct job job;

	(void)state;
	make("s", 4);
	publish_numbers("s", 1, 6);
	cli_gives("babus sub --from oldest -n 4 s", "3\n4\n5\n6\n");
	cli_gives("babus sub --from 5 -n 2 s", "5\n6\n");
	cli_start_waiting(&job, "sub", "--from", "8", "-n", "1", "s", NULL);
	publish_numbers("s", 7, 8);
	cli_finish(&job, 0, "8\n", "");
	cli_start_waiting(&job, "sub", "--from", "next", "-n", "1", "s", NULL);
	publish_numbers("s", 9, 9);
	cli_finish(&job, 0, "9\n", "");
}

static void messages_are_written_at_once(void **state)
{
	struct job job;

	(void)state;
	make("s", 4);
	cli_start_waiting(&job, "sub", "s", NULL);
	cli_publish("s", "no newline");
	await_output(&job, "no newline");
	cli_publish("s", "more");
	await_output(&job, "more");
	kill(job.pid, SIGTERM);
	cli_finish(&job, -SIGTERM, "", "");
}

static void raw_messages_are_written_as_they_are(void **state)
{
	(void)state;
	cli_gives("for n in 1 2 3; do head -c 700000 /dev/urandom >f$n; babus pub s f$n; done; "
		  "babus sub -n 3 --from oldest s | { cat f1 f2 f3 >all; cmp - all; }",
		  "");
}

static void several_slots_are_followed_at_once(void **state)
{
	(void)state;
	cli_gives("for s in a b c; do for n in 1 2 3; do echo $s$n | babus pub $s; done; done; "
		  "babus sub -n 9 --from oldest a b c >all; wc -l <all; "
		  "for s in a b c; do grep $s all | tr -d '\\n'; done",
		  "9\na1a2a3b1b2b3c1c2c3");
	cli_gives_json(
	    "babus sub -n 9 --from oldest --json a b c",
	    "for slot in \"abc\":\n"
	    "    assert [o[\"seq\"] for o in objects if o[\"slot\"] == slot] == [1, 2, 3]");
}

static void more_slots_than_channels_are_followed_at_once(void **state)
{
	struct job job;
	struct outcome outcome;
	char names[40][16];
	unsigned long sum = 0;

	(void)state;
	for (int i = 0; i < 40; i++) {
		snprintf(names[i], sizeof(names[i]), "s%d", i);
		make(names[i], 4);
	}
	cli_start_waiting(&job, "sub", "-n", "4", names[0], names[7], names[15], names[31],
			  names[32], names[33], names[38], names[39], NULL);
	cli_publish("s39", "39\n");
	cli_publish("s0", "0\n");
	cli_publish("s1", "no\n");
	cli_publish("s33", "33\n");
	cli_publish("s7", "7\n");
	job_finish(&job, &outcome);
	assert_int_equal(outcome.status, 0);
	for (char *at = outcome.out; at && *at; at = strchr(at, '\n') + 1)
		sum += strtoul(at, NULL, 10);
	outcome_free(&outcome);
	assert_int_equal(sum, 39 + 0 + 33 + 7);
}

/* --- loss ------------------------------------------------------------------------------------ */

static void loss_is_reported_exactly(void **state)
{
	struct job job;
	int status;

	(void)state;
	make("s", 4);
	cli_start_waiting(&job, "sub", "-n", "5", "s", NULL);
	publish_numbers("s", 1, 1);
	await_output(&job, "1\n");
	kill(job.pid, SIGSTOP);
	assert_true(child_wait_stopped(job.pid, &status));
	publish_numbers("s", 2, 11);
	kill(job.pid, SIGCONT);
	cli_finish(&job, 0, "8\n9\n10\n11\n", "babus: slot 's': lost 6 messages before 8\n");
	cli_gives("babus ls -n -o LOST", "6\n");
}

static void loss_is_reported_in_json(void **state)
{
	(void)state;
	make("s", 4);
	publish_numbers("s", 1, 11);
	cli_ends(0, "babus sub --json -n 4 --from 3 s >out", "", NULL);
	cli_gives_json("cat out", "assert [(o[\"seq\"], o[\"lost\"]) for o in objects] == "
				  "[(8, 5), (9, 0), (10, 0), (11, 0)]");
}

/* --- slots that come and go ---------------------------------------------------------------------
 */

static void missing_slots_are_waited_for_if_asked(void **state)
{
	struct job job;

	(void)state;
	make("a", 4);
	cli_start_waiting(&job, "sub", "--wait", "-n", "3", "a", "b", NULL);
	cli_publish("a", "1\n");
	await_output(&job, "1\n");
	make("b", 4);
	/* From its first message on. */
	cli_publish("b", "2\n");
	await_output(&job, "2\n");
	cli_publish("a", "3\n");
	cli_finish(&job, 0, "3\n", "");
}

static void a_slot_that_is_made_again_is_followed_again(void **state)
{
	struct job job;

	(void)state;
	make("s", 4);
	cli_start_waiting(&job, "sub", "--wait", "-n", "2", "s", NULL);
	cli_publish("s", "old\n");
	await_output(&job, "old\n");
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	make("s", 4);
	cli_publish("s", "new\n");
	cli_finish(&job, 0, "new\n", "");
}

static void the_others_go_on_when_a_slot_is_removed(void **state)
{
	struct job job;

	(void)state;
	make("a", 4);
	make("b", 4);
	cli_start_waiting(&job, "sub", "-n", "1", "a", "b", NULL);
	assert_int_equal(babus_domain_remove_slot(bus, "a"), 0);
	await_text(job.err, "babus: slot 'a': removed\n");
	cli_publish("b", "1\n");
	cli_finish(&job, 1, "1\n", "");
}

static void it_ends_when_the_last_slot_is_removed(void **state)
{
	struct job job;

	(void)state;
	make("s", 4);
	cli_start_waiting(&job, "sub", "s", NULL);
	cli_gives("babus rm s", "");
	cli_finish(&job, 1, "", "babus: slot 's': removed\n");
}

static void it_ends_when_the_domain_is_removed(void **state)
{
	struct job job;

	(void)state;
	make("s", 4);
	cli_start_waiting(&job, "sub", "s", NULL);
	cli_gives("babus rm --domain", "");
	/* It may find the slot or the domain gone first. */
	cli_finish(&job, 1, "", NULL);
}

static void one_missing_slot_is_a_failure_of_all(void **state)
{
	(void)state;
	make("s", 4);
	cli_fails(1, "babus sub s gone", "slot 'gone': no such slot");
}

/* --- its end ------------------------------------------------------------------------- */

static void signals_end_it_and_it_dies_of_them(void **state)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct job job;

	(void)state;
	make("s", 4);
	for (int i = 0; i < 3; i++) {
		cli_start_waiting(&job, "sub", "--from", "oldest", "s", NULL);
		cli_publish("s", "x");
		await_output(&job, &"xxx"[2 - i]);
		kill(job.pid, numbers[i]);
		cli_finish(&job, -numbers[i], "", "");
	}
	/* What it held is free, as what any dead client held. */
	cli_gives_json("babus info --json s",
		       "assert not any(c[\"alive\"] for c in one[\"clients\"])");
	cli_ends(0, "babus doctor", NULL, "");
	cli_gives_json("babus info --json s", "assert one[\"clients\"] == []");
}

static void what_is_ignored_stays_ignored(void **state)
{
	struct job job;

	(void)state;
	make("s", 4);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	cli_start_waiting(&job, "sub", "-n", "2", "s", NULL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	cli_publish("s", "1\n");
	await_output(&job, "1\n");
	kill(job.pid, SIGINT);
	kill(job.pid, SIGHUP);
	cli_publish("s", "2\n");
	cli_finish(&job, 0, "2\n", "");
}

/* The caller blocks all signals, as one with a thread for signals does. */
static void what_is_blocked_ends_it_too(void **state)
{
	struct job job;
	sigset_t all, before;

	(void)state;
	make("s", 4);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	cli_start_waiting(&job, "sub", "s", NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	kill(job.pid, SIGINT);
	cli_finish(&job, -SIGINT, "", "");
}

static void a_signal_leaves_no_half_line_in_the_output(void **state)
{
	(void)state;
	/* More than a pipe holds; what the pipe took is read after the end. */
	cli_gives("babus create --depth 512 --size 4096 s; "
		  "yes \"$(printf '%0300d' 0)\" | head -n 512 | babus pub --lines s; "
		  "{ timeout -s INT 0.3 babus sub --json --from oldest s; touch ended; } | "
		  "{ until test -e ended; do sleep 0.01; done; cat >out; }; "
		  "test $(wc -c <out) -gt 60000; tail -c 1 out",
		  "\n");
}

static void it_ends_when_its_reader_has_gone_without_a_message(void **state)
{
	struct job job;
	struct outcome outcome;

	(void)state;
	make("s", 4);
	cli_start_waiting(&job, "sub", "s", NULL);
	close(job.out);
	job.out = dup(job.err);
	job_finish(&job, &outcome);
	assert_int_equal(outcome.status, 0);
	outcome_free(&outcome);
}

static void a_reader_that_does_not_read_is_waited_for(void **state)
{
	(void)state;
	/* More than a pipe holds, read only after the last message was published. */
	cli_gives("babus create --depth 4 --size 1MiB s; head -c 1000000 /dev/urandom >f; "
		  "babus pub s f; babus pub s f; "
		  "babus sub -n 2 --from oldest s | { babus wait -t 50ms s 2>/dev/null; "
		  "cat f f >all; cmp - all; }",
		  "");
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CLI(sub_starts_with_the_next_message),
	    CLI(from_chooses_where_it_starts),
	    CLI(messages_are_written_at_once),
	    CLI(raw_messages_are_written_as_they_are),
	    CLI(several_slots_are_followed_at_once),
	    CLI(more_slots_than_channels_are_followed_at_once),
	    CLI(loss_is_reported_exactly),
	    CLI(loss_is_reported_in_json),
	    CLI(missing_slots_are_waited_for_if_asked),
	    CLI(a_slot_that_is_made_again_is_followed_again),
	    CLI(the_others_go_on_when_a_slot_is_removed),
	    CLI(it_ends_when_the_last_slot_is_removed),
	    CLI(it_ends_when_the_domain_is_removed),
	    CLI(one_missing_slot_is_a_failure_of_all),
	    CLI(signals_end_it_and_it_dies_of_them),
	    CLI(what_is_ignored_stays_ignored),
	    CLI(what_is_blocked_ends_it_too),
	    CLI(a_signal_leaves_no_half_line_in_the_output),
	    CLI(it_ends_when_its_reader_has_gone_without_a_message),
	    CLI(a_reader_that_does_not_read_is_waited_for),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return cli_main(run, 180);
}

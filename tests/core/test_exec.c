/* SPDX-License-Identifier: MIT */
/*
 * exec(), vfork() and posix_spawn(): a new program has none of the old one's descriptors and
 * mappings, and keeps nothing of it alive. The new program is `cat`: when it has returned a line,
 * it runs.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

/* What the new program reads and writes. */
struct pipes {
	int to[2], from[2];
};

static void make_pipes(struct pipes *pipes)
{
	assert_false(pipe2(pipes->to, O_CLOEXEC) || pipe2(pipes->from, O_CLOEXEC));
}

static void close_pipes(struct pipes *pipes)
{
	for (int i = 0; i < 2; i++) {
		close(pipes->to[i]);
		close(pipes->from[i]);
	}
}

/* The new program runs. */
static void await_line(struct pipes *pipes)
{
	char line[8];

	assert_int_equal(write(pipes->to[1], "here\n", 5), 5);
	assert_int_equal(read(pipes->from[0], line, sizeof(line)), 5);
}

static babus_waiter *waiter;
static struct babus_message message;
static struct babus_loan loan;

/* Open everything of a slot, in a process of its own. */
static void hold_everything(void)
{
	babus_domain *domain;
	babus_reader *reader;
	babus_slot *slot;
	int fd;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &slot), 0);
	EXPECT_EQUAL(babus_slot_loan(slot, 1, &loan), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	EXPECT_EQUAL(babus_waiter_open(domain, NULL, &waiter), 0);
	EXPECT_EQUAL(babus_waiter_add(waiter, reader, NULL), 0);
	EXPECT_EQUAL(babus_waiter_fd(waiter, &fd), 0);
}

static void become_cat(struct pipes *pipes)
{
	dup2(pipes->to[0], STDIN_FILENO);
	dup2(pipes->from[1], STDOUT_FILENO);
	execlp("cat", "cat", (char *)NULL);
	_exit(1);
}

static void hold_and_exec(void *arg)
{
	hold_everything();
	become_cat(arg);
}

static pid_t spawned;

static pid_t spawn_cat(struct pipes *pipes)
{
	char *argv[] = {(char[]){"cat"}, NULL};
	posix_spawn_file_actions_t actions;
	pid_t pid;

	EXPECT(!posix_spawn_file_actions_init(&actions));
	EXPECT(!posix_spawn_file_actions_adddup2(&actions, pipes->to[0], STDIN_FILENO));
	EXPECT(!posix_spawn_file_actions_adddup2(&actions, pipes->from[1], STDOUT_FILENO));
	EXPECT(!posix_spawnp(&pid, "cat", &actions, NULL, argv, environ));
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* Whether something in /proc/PID/FILE names the directory of the case. */
static bool named_in(pid_t pid, const char *file)
{
	char command[256];

	snprintf(command, sizeof(command), "%s /proc/%d/%s 2>&1 | grep -q %s",
		 strcmp(file, "fd") ? "cat" : "ls -l", (int)pid, file, support_root);
	return system(command) == 0;
}

static void assert_two_dead_and_none_left(void)
{
	struct babus_report report;

	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.dead_publishers, 1);
	assert_int_equal(report.dead_readers, 1);
	assert_int_equal(report.buffers, 1);
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.dead_publishers + report.dead_readers, 0);
}

static void an_executed_program_holds_nothing(void **state)
{
	babus_slot *slot = make_slot("s", 4, 64);
	struct pipes pipes;
	pid_t pid;

	(void)state;
	publish_text(slot, "x");
	make_pipes(&pipes);
	/* The search would find something. */
	assert_true(named_in(getpid(), "fd") && named_in(getpid(), "maps"));
	pid = child_start(hold_and_exec, &pipes);
	await_line(&pipes);
	assert_false(named_in(pid, "fd") || named_in(pid, "maps"));
	assert_two_dead_and_none_left();
	close_pipes(&pipes);
	child_join(pid);
	babus_slot_close(slot);
}

static void hold_and_spawn(void *arg)
{
	hold_everything();
	spawned = spawn_cat(arg);
	EXPECT_EQUAL(write(((struct pipes *)arg)->from[1], &spawned, sizeof(spawned)),
		     sizeof(spawned));
	pause();
}

static void a_spawned_program_keeps_nothing_of_its_dead_parent_alive(void **state)
{
	babus_slot *slot = make_slot("s", 4, 64);
	struct babus_report report;
	struct pipes pipes;
	pid_t parent;

	(void)state;
	publish_text(slot, "x");
	make_pipes(&pipes);
	parent = child_start(hold_and_spawn, &pipes);
	assert_int_equal(read(pipes.from[0], &spawned, sizeof(spawned)), sizeof(spawned));
	await_line(&pipes);
	assert_false(named_in(spawned, "fd") || named_in(spawned, "maps"));
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.dead_publishers + report.dead_readers, 0);
	child_kill(parent);
	await_line(&pipes); /* it lives */
	assert_two_dead_and_none_left();
	close_pipes(&pipes);
	waitpid(spawned, NULL, 0);
	babus_slot_close(slot);
}

/* A child of vfork() runs in its parent's memory; the library takes it for its parent. */
static void handles_work_on_after_a_spawn(void **state)
{
	babus_slot *slot = make_slot("s", 4, 64);
	struct babus_report report;
	struct pipes pipes;
	pid_t pid;

	(void)state;
	publish_text(slot, "x");
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	make_pipes(&pipes);
	for (int i = 0; i < 20; i++) {
		pid = spawn_cat(&pipes);
		await_line(&pipes);
		publish_text(slot, "y");
		assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
		assert_int_equal(report.dead_publishers + report.dead_readers, 0);
		close_pipes(&pipes);
		waitpid(pid, NULL, 0);
		make_pipes(&pipes);
	}
	assert_text(&message, "x");
	close_pipes(&pipes);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(an_executed_program_holds_nothing),
	    CASE(a_spawned_program_keeps_nothing_of_its_dead_parent_alive),
	    CASE(handles_work_on_after_a_spawn),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

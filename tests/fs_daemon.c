/* SPDX-License-Identifier: MIT */
/* babusfs as a program: command line, background, going down, coming back. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "shell.h"

/* Run babusfs with these arguments, by a shell; $P the mount point, $T its directory. */
static void run_babusfs(const char *arguments, struct outcome *outcome)
{
	char text[1024];

	setenv("P", mount_point, 1);
	snprintf(text, sizeof(text), "cd $T && exec %s %s", mount_program, arguments);
	shell_try("bash", text, outcome);
}

/* Asserts that it fails so, with one line on standard error that holds `what`. */
static void assert_fails(const char *arguments, int status, const char *what)
{
	struct outcome outcome;
	const char *said;
	bool right;

	run_babusfs(arguments, &outcome);
	said = outcome.err ? outcome.err : "";
	right = outcome.status == status && !outcome.out_size && strncmp(said, "babus: ", 7) == 0 &&
		strstr(said, what) && !mount_exists(mount_point);
	if (!right)
		print_error("babusfs %s ended with %d and said '%s'\n", arguments, outcome.status,
			    said);
	outcome_free(&outcome);
	assert_true(right);
}

/* Start in the background; `named` is in its arguments. mount_daemon is set from here on. */
static void start_in_background(const char *arguments, const char *named)
{
	struct outcome outcome;

	/* Standard output and error end, so it does not keep them. */
	run_babusfs(arguments, &outcome);
	if (outcome.status || outcome.out_size || outcome.err_size)
		fail_msg("babusfs %s ended with %d and said '%s'", arguments, outcome.status,
			 outcome.err ? outcome.err : "");
	outcome_free(&outcome);
	mount_daemon = mount_find_daemon(named);
	assert_int_not_equal(mount_daemon, 0);
}

static void start_with(const char *option, const char *value)
{
	const char *const options[] = {option, value, NULL};

	mount_start(options);
}

/* --- the command line ---------------------------------------------------------------- */

static void help_and_version_are_data(void **state)
{
	static const char *const words[] = {"--help", "-h", "--version", "-V"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct outcome outcome;

		run_babusfs(words[i], &outcome);
		assert_int_equal(outcome.status, 0);
		assert_int_equal(outcome.err_size, 0);
		assert_non_null(strstr(outcome.out, i < 2 ? "MOUNTPOINT" : babus_version()));
		outcome_free(&outcome);
	}
}

static void wrong_usage_is_told_and_ends_with_2(void **state)
{
	(void)state;
	assert_fails("", 2, "DOMAIN");
	assert_fails("test", 2, "MOUNTPOINT");
	assert_fails("test $P more", 2, "operand");
	assert_fails("--nonsense test $P", 2, "nonsense");
	assert_fails("-x test $P", 2, "-x");
	assert_fails("-o", 2, "-o");
	assert_fails("-o nonsense test $P", 2, "nonsense");
	assert_fails("-o threads=0 test $P", 2, "threads");
	assert_fails("-o threads=many test $P", 2, "threads");
	assert_fails("-o hide_wait=perhaps test $P", 2, "hide_wait");
	assert_fails("-o max_pending=5parsecs test $P", 2, "max_pending");
	assert_fails("-o hold=-1 test $P", 2, "hold");
}

static void a_bad_mount_point_is_told(void **state)
{
	(void)state;
	shell_run("bash", "echo > $T/file");
	assert_fails("test $T/missing", 1, "missing");
	assert_fails("-f test $T/missing", 1, "missing");
	assert_fails("test $T/file", 1, "file");
	assert_fails("-f test $T/no/such", 1, "no/such");
}

static void a_bad_domain_is_told(void **state)
{
	(void)state;
	assert_fails("a/b $P", 1, "a/b");
	assert_fails("-f .hidden $P", 1, ".hidden");
	assert_fails("--root $T/missing test $P", 1, "missing");
}

static void a_bad_configuration_is_told_with_its_line(void **state)
{
	(void)state;
	shell_run("bash", "printf '[babusfs]\\nthreads = 2\\nnonsense = 1\\n' > $T/bad.ini");
	assert_fails("-c bad.ini test $P", 2, "bad.ini:3");
	assert_fails("--config=bad.ini -f test $P", 2, "nonsense");
	shell_run("bash", "printf '[babusfs]\\nthreads = none\\n' > $T/bad.ini");
	assert_fails("-c bad.ini test $P", 2, "threads");
	shell_run("bash", "printf '[defaults]\\ndepth = 0\\n' > $T/bad.ini");
	setenv("BABUS_CONFIG", root_file("bad.ini"), 1);
	assert_fails("test $P", 2, "bad.ini:2");
	unsetenv("BABUS_CONFIG");
	assert_fails("-c missing.ini test $P", 1, "missing.ini");
}

/* --- the background ---------------------------------------------------------------------- */

static void the_command_returns_when_the_mount_is_ready(void **state)
{
	static const char *const lists[] = {"info latest wait", "0 info latest wait",
					    "0 1 info latest wait"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		babus_slot_close(make_slot("x", 2, 4096));
		start_in_background("test $P", mount_point);
		assert_lists(in_mount("x", ""), lists[i]);
		shell_run("bash", "echo news > x/latest");
		mount_stop();
	}
}

static void a_background_daemon_leaves_its_directory_and_session(void **state)
{
	char path[64], cwd[256];
	ssize_t length;

	(void)state;
	start_in_background("test $P", mount_point);
	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)mount_daemon);
	length = readlink(path, cwd, sizeof(cwd) - 1);
	assert_true(length > 0);
	cwd[length] = '\0';
	assert_string_equal(cwd, "/");
	assert_int_equal(getsid(mount_daemon), mount_daemon);
}

static void a_relative_mount_point_works(void **state)
{
	char relative[128];

	snprintf(relative, sizeof(relative), "../../../..%s", mount_point);
	(void)state;
	start_in_background("test ../../../..$P", relative);
	assert_int_equal(mkdir(in_mount("x", ""), 0700), 0);
	mount_stop();
}

static void a_domain_that_does_not_exist_is_made(void **state)
{
	(void)state;
	shell_run("bash", "rm -r $T/babus.test");
	start_in_background("test $P", mount_point);
	shell_expect("bash", "mkdir x && echo works > x/latest && cat x/latest", "works\n");
}

/* --- options --------------------------------------------------------------------------------- */

static void list_all_shows_what_else_there_is(void **state)
{
	(void)state;
	babus_slot_close(make_slot("x", 2, 4096));
	start_with("-o", "list_all");
	assert_lists(in_mount("", ""), ".bus x");
	assert_lists(in_mount("x", ""), "info latest pub stream wait");
}

static void hide_wait_lets_tools_read_everything(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	publish_text(slot, "needle\n");
	start_with("-o", "hide_wait");
	assert_lists(in_mount("x", ""), "0 info latest");
	shell_expect("bash", "grep -rl needle . | sort", "./x/0\n./x/latest\n");
	shell_run("bash", "cp -r x $T/copy && tar -cf $T/x.tar x && cat x/* > /dev/null");
	assert_file(root_file("copy/latest"), "needle\n");
	babus_slot_close(slot);
}

static void the_command_line_wins_over_the_configuration(void **state)
{
	const char *const options[] = {"-c", root_file("my.ini"), "-o", "hide_wait=no", NULL};

	(void)state;
	shell_run("bash", "printf '[babusfs]\\nhide_wait = yes\\nlist_all = yes\\n' > $T/my.ini");
	babus_slot_close(make_slot("x", 2, 4096));
	start_with("-c", root_file("my.ini"));
	assert_lists(in_mount("x", ""), "info latest pub stream");
	mount_stop();
	mount_start(options);
	assert_lists(in_mount("x", ""), "info latest pub stream wait");
}

static void mkdir_follows_the_configuration(void **state)
{
	struct babus_slot_info info;
	babus_slot *slot;

	(void)state;
	shell_run("bash", "printf '[defaults]\\ndepth = 3\\nsize = 10 KiB\\n"
			  "[slot cam-*]\\ndepth = 2\\ntype = rgb24\\nmode = 0640\\n' > $T/my.ini");
	start_with("-c", root_file("my.ini"));
	shell_run("bash", "mkdir plain cam-1");
	slot = open_slot("plain", BABUS_READ);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.depth, 3);
	assert_int_equal(info.max_size, 10240);
	assert_int_equal(info.mode, 0600);
	babus_slot_close(slot);
	slot = open_slot("cam-1", BABUS_READ);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.depth, 2);
	assert_int_equal(info.mode, 0640);
	assert_string_equal(info.type, "rgb24");
	babus_slot_close(slot);
}

static void a_read_only_mount_publishes_nothing(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	publish_text(slot, "before");
	start_with("-o", "ro");
	assert_int_equal(open(in_mount("x", "latest"), O_WRONLY | O_CLOEXEC), -1);
	assert_int_equal(errno, EROFS);
	assert_int_equal(mkdir(in_mount("y", ""), 0700), -1);
	assert_int_equal(errno, EROFS);
	assert_file(in_mount("x", "latest"), "before");
	babus_slot_close(slot);
}

static void one_thread_serves_blocked_readers_and_everybody_else(void **state)
{
	const char *const argv[] = {"cat", "x/wait", NULL};
	struct outcome outcome;
	struct job jobs[10];

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	start_with("-o", "threads=1");
	for (int i = 0; i < 10; i++) {
		job_start(&jobs[i], argv);
		await_blocked(jobs[i].pid);
	}
	shell_run("bash", "cat x/latest; ls -l x > /dev/null; echo news > x/latest");
	for (int i = 0; i < 10; i++) {
		job_finish(&jobs[i], &outcome);
		assert_int_equal(outcome.status, 0);
		assert_string_equal(outcome.out, "news\n");
		outcome_free(&outcome);
	}
}

static void the_memory_for_messages_being_written_is_bounded(void **state)
{
	struct outcome outcome;

	(void)state;
	new_slot("x");
	start_with("-o", "max_pending=64KiB");
	shell_run("bash", "printf before > x/latest");
	shell_try("bash", "head -c 200000 /dev/zero > x/latest", &outcome);
	assert_int_not_equal(outcome.status, 0);
	assert_int_not_equal(outcome.err_size, 0);
	outcome_free(&outcome);
	shell_run("bash", "printf after > x/latest");
	assert_published("x", "before", "after", NULL);
}

/* --- going down ------------------------------------------------------------------------------- */

static void each_signal_to_end_unmounts_and_exits_with_0(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

	(void)state;
	for (int i = 0; i < 3; i++) {
		int status;

		mount_start(NULL);
		kill(mount_daemon, signals[i]);
		assert_true(await_end(mount_daemon, now_ns(), &status) >= 0);
		mount_daemon = 0;
		assert_int_equal(status, 0);
		assert_false(mount_exists(mount_point));
	}
}

static void unmounting_ends_the_daemon(void **state)
{
	static const char *const ways[] = {"fusermount3 -u $M", "umount $M"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		char text[128];
		int status;

		mount_start(NULL);
		snprintf(text, sizeof(text), "cd /; %s", ways[i]);
		shell_run("bash", text);
		assert_true(await_end(mount_daemon, now_ns(), &status) >= 0);
		mount_daemon = 0;
		assert_int_equal(status, 0);
		assert_false(mount_exists(mount_point));
	}
}

static void sigterm_with_open_files_ends_in_order(void **state)
{
	babus_slot *slot = make_slot("x", 4, 1 << 20);
	char text[16];
	int reader, writer;

	(void)state;
	publish_text(slot, "message");
	mount_start(NULL);
	reader = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);
	writer = open(in_mount("x", "latest"), O_WRONLY | O_CLOEXEC);
	assert_true(reader >= 0 && writer >= 0);
	assert_int_equal(write(writer, "half", 4), 4);
	mount_stop();
	assert_int_equal(read(reader, text, sizeof(text)), -1);
	assert_int_equal(write(writer, "more", 4), -1);
	close(reader);
	close(writer);
	babus_slot_close(slot);
}

static void messages_outlive_the_mount(void **state)
{
	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	for (int i = 0; i < 5; i++) {
		char text[64], wanted[16];

		mount_start(NULL);
		snprintf(text, sizeof(text), "echo %d > x/latest", i);
		shell_run("bash", text);
		mount_stop();
		mount_start(NULL);
		snprintf(wanted, sizeof(wanted), "%d\n", i);
		assert_file(in_mount("x", "latest"), wanted);
		mount_stop();
	}
}

/* --- coming back ---------------------------------------------------------------------------------
 */

static void a_stale_mount_is_taken_over(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	publish_text(slot, "kept");
	for (int i = 0; i < 5; i++) {
		mount_start(NULL);
		assert_file(in_mount("x", "latest"), "kept");
		mount_crash();
	}
	start_in_background("test $P", mount_point);
	assert_file(in_mount("x", "latest"), "kept");
	mount_stop();
	babus_slot_close(slot);
}

static void a_live_mount_is_not_taken_over(void **state)
{
	struct outcome outcome;

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	mount_start(NULL);
	run_babusfs("test $P", &outcome);
	assert_int_equal(outcome.status, 1);
	assert_int_not_equal(outcome.err_size, 0);
	outcome_free(&outcome);
	shell_expect("bash", "echo still > x/latest; cat x/latest", "still\n");
}

static void native_clients_do_not_notice_a_killed_daemon(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);
	struct babus_message message;
	babus_reader *reader;
	int fds[4];

	(void)state;
	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	mount_start(NULL);
	/* It dies with messages held, one half written, and a reader waiting. */
	publish_text(slot, "one");
	for (int i = 0; i < 3; i++)
		fds[i] = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);
	fds[3] = open(in_mount("x", "latest"), O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fds[3], "half", 4), 4);
	mount_crash();
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	for (int i = 0; i < 100; i++)
		publish_text(slot, "two");
	assert_int_equal(babus_reader_next(reader, &message), 0);
	assert_int_equal(message.seq + message.lost, 98 + 97);
	babus_message_release(&message);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_int_equal(message.seq, 101);
	assert_text(&message, "two");
	mount_start(NULL);
	assert_file(in_mount("x", "latest"), "two");
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void a_truncated_slot_is_an_error_and_the_others_go_on(void **state)
{
	babus_slot *slot = make_slot("x", 4, 1 << 20);
	char text[16];
	int fd;

	(void)state;
	publish_text(slot, "torn away");
	babus_slot_close(slot);
	slot = make_slot("y", 4, 4096);
	publish_text(slot, "whole");
	mount_start(NULL);
	fd = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(truncate(domain_file("x.slot"), 0), 0);
	assert_int_equal(read(fd, text, sizeof(text)), -1);
	assert_int_equal(errno, EIO);
	close(fd);
	assert_true(open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC) < 0);
	assert_true(open(in_mount("x", "info"), O_RDONLY | O_CLOEXEC) < 0);
	assert_file(in_mount("y", "latest"), "whole");
	shell_run("bash", "echo more > y/latest");
	mount_stop();
	babus_slot_close(slot);
}

static void a_domain_removed_under_the_mount_is_an_error_and_no_hang(void **state)
{
	const char *const argv[] = {"cat", "x/wait", NULL};
	struct outcome outcome;
	struct job job;

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	mount_start(NULL);
	job_start(&job, argv);
	await_blocked(job.pid);
	assert_int_equal(babus_domain_remove("test", NULL), 0);
	job_finish(&job, &outcome);
	assert_int_equal(outcome.status, 1);
	outcome_free(&outcome);
	assert_true(open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC) < 0);
	assert_int_equal(mkdir(in_mount("y", ""), 0700), -1);
	mount_stop();
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    UNMOUNTED(help_and_version_are_data),
	    UNMOUNTED(wrong_usage_is_told_and_ends_with_2),
	    UNMOUNTED(a_bad_mount_point_is_told),
	    UNMOUNTED(a_bad_domain_is_told),
	    UNMOUNTED(a_bad_configuration_is_told_with_its_line),
	    UNMOUNTED(the_command_returns_when_the_mount_is_ready),
	    UNMOUNTED(a_background_daemon_leaves_its_directory_and_session),
	    UNMOUNTED(a_relative_mount_point_works),
	    UNMOUNTED(a_domain_that_does_not_exist_is_made),
	    UNMOUNTED(list_all_shows_what_else_there_is),
	    UNMOUNTED(hide_wait_lets_tools_read_everything),
	    UNMOUNTED(the_command_line_wins_over_the_configuration),
	    UNMOUNTED(mkdir_follows_the_configuration),
	    UNMOUNTED(a_read_only_mount_publishes_nothing),
	    UNMOUNTED(one_thread_serves_blocked_readers_and_everybody_else),
	    UNMOUNTED(the_memory_for_messages_being_written_is_bounded),
	    UNMOUNTED(each_signal_to_end_unmounts_and_exits_with_0),
	    UNMOUNTED(unmounting_ends_the_daemon),
	    UNMOUNTED(sigterm_with_open_files_ends_in_order),
	    UNMOUNTED(messages_outlive_the_mount),
	    UNMOUNTED(a_stale_mount_is_taken_over),
	    UNMOUNTED(a_live_mount_is_not_taken_over),
	    UNMOUNTED(native_clients_do_not_notice_a_killed_daemon),
	    UNMOUNTED(a_truncated_slot_is_an_error_and_the_others_go_on),
	    UNMOUNTED(a_domain_removed_under_the_mount_is_an_error_and_no_hang),
	};

	return cmocka_run_group_tests_name("fs_daemon", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 120);
}

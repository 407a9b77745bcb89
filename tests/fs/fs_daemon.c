/* SPDX-License-Identifier: MIT */
/* babusfs as a program: command line, background, options. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "babusfs.h"
#include "file.h"

/* --- the command line ---------------------------------------------------------------- */

static void help_and_version_are_data(void **state)
{
	static const char *const words[] = {"--help", "-h", "--version", "-V"};

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct outcome outcome;

		babusfs_run(words[i], &outcome);
		assert_int_equal(outcome.status, 0);
		assert_int_equal(outcome.err_size, 0);
		assert_non_null(strstr(outcome.out, i < 2 ? "MOUNTPOINT" : babus_version()));
		outcome_free(&outcome);
	}
}

static void wrong_usage_is_reported_with_status_2(void **state)
{
	(void)state;
	babusfs_fails("", 2, "DOMAIN");
	babusfs_fails("test", 2, "MOUNTPOINT");
	babusfs_fails("test $P more", 2, "operand");
	babusfs_fails("--nonsense test $P", 2, "nonsense");
	babusfs_fails("-x test $P", 2, "-x");
	babusfs_fails("-o", 2, "-o");
	babusfs_fails("-o nonsense test $P", 2, "nonsense");
	babusfs_fails("-o threads=0 test $P", 2, "threads");
	babusfs_fails("-o threads=many test $P", 2, "threads");
	babusfs_fails("-o hide_wait=perhaps test $P", 2, "hide_wait");
	babusfs_fails("-o max_pending=5parsecs test $P", 2, "max_pending");
	babusfs_fails("-o hold=-1 test $P", 2, "hold");
}

static void a_bad_mount_point_is_reported(void **state)
{
	(void)state;
	shell_run("bash", "echo > $T/file");
	babusfs_fails("test $T/missing", 1, "missing");
	babusfs_fails("-f test $T/missing", 1, "missing");
	babusfs_fails("test $T/file", 1, "file");
	babusfs_fails("-f test $T/no/such", 1, "no/such");
}

static void a_bad_domain_is_reported(void **state)
{
	(void)state;
	babusfs_fails("a/b $P", 1, "a/b");
	babusfs_fails("-f .hidden $P", 1, ".hidden");
	babusfs_fails("--root $T/missing test $P", 1, "missing");
}

static void a_bad_configuration_is_reported_with_its_line(void **state)
{
	(void)state;
	shell_run("bash", "printf '[babusfs]\\nthreads = 2\\nnonsense = 1\\n' > $T/bad.ini");
	babusfs_fails("-c bad.ini test $P", 2, "bad.ini:3");
	babusfs_fails("--config=bad.ini -f test $P", 2, "nonsense");
	shell_run("bash", "printf '[babusfs]\\nthreads = none\\n' > $T/bad.ini");
	babusfs_fails("-c bad.ini test $P", 2, "threads");
	shell_run("bash", "printf '[defaults]\\ndepth = 0\\n' > $T/bad.ini");
	setenv("BABUS_CONFIG", root_file("bad.ini"), 1);
	babusfs_fails("test $P", 2, "bad.ini:2");
	unsetenv("BABUS_CONFIG");
	babusfs_fails("-c missing.ini test $P", 1, "missing.ini");
}

/* --- the background ---------------------------------------------------------------------- */

static void the_command_returns_when_the_mount_is_ready(void **state)
{
	static const char *const lists[] = {"info latest wait", "0 info latest wait",
					    "0 1 info latest wait"};

	(void)state;
	for (int i = 0; i < 3; i++) {
		babus_slot_close(make_slot("x", 2, 4096));
		babusfs_start("test $P", mount_point);
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
	babusfs_start("test $P", mount_point);
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
	babusfs_start("test ../../../..$P", relative);
	assert_int_equal(mkdir(in_mount("x", ""), 0700), 0);
	mount_stop();
}

static void a_domain_that_does_not_exist_is_made(void **state)
{
	(void)state;
	shell_run("bash", "rm -r $T/babus.test");
	babusfs_start("test $P", mount_point);
	shell_expect("bash", "mkdir x && echo works > x/latest && cat x/latest", "works\n");
}

/* --- options --------------------------------------------------------------------------------- */

static void list_all_shows_the_other_files(void **state)
{
	(void)state;
	babus_slot_close(make_slot("x", 2, 4096));
	babusfs_start_with("-o", "list_all");
	assert_lists(in_mount("", ""), ".bus x");
	assert_lists(in_mount("x", ""), "info latest pub stream wait");
}

static void hide_wait_lets_tools_read_everything(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	publish_text(slot, "needle\n");
	babusfs_start_with("-o", "hide_wait");
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
	babusfs_start_with("-c", root_file("my.ini"));
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
	babusfs_start_with("-c", root_file("my.ini"));
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
	babusfs_start_with("-o", "ro");
	assert_int_equal(open(in_mount("x", "latest"), O_WRONLY | O_CLOEXEC), -1);
	assert_int_equal(errno, EROFS);
	assert_int_equal(mkdir(in_mount("y", ""), 0700), -1);
	assert_int_equal(errno, EROFS);
	assert_file(in_mount("x", "latest"), "before");
	babus_slot_close(slot);
}

static void one_thread_serves_blocked_readers_and_all_others(void **state)
{
	const char *const argv[] = {"cat", "x/wait", NULL};
	struct outcome outcome;
	struct job jobs[10];

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	babusfs_start_with("-o", "threads=1");
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
	babusfs_start_with("-o", "max_pending=64KiB");
	shell_run("bash", "printf before > x/latest");
	shell_try("bash", "head -c 200000 /dev/zero > x/latest", &outcome);
	assert_int_not_equal(outcome.status, 0);
	assert_int_not_equal(outcome.err_size, 0);
	outcome_free(&outcome);
	shell_run("bash", "printf after > x/latest");
	assert_published("x", "before", "after", NULL);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    UNMOUNTED(help_and_version_are_data),
	    UNMOUNTED(wrong_usage_is_reported_with_status_2),
	    UNMOUNTED(a_bad_mount_point_is_reported),
	    UNMOUNTED(a_bad_domain_is_reported),
	    UNMOUNTED(a_bad_configuration_is_reported_with_its_line),
	    UNMOUNTED(the_command_returns_when_the_mount_is_ready),
	    UNMOUNTED(a_background_daemon_leaves_its_directory_and_session),
	    UNMOUNTED(a_relative_mount_point_works),
	    UNMOUNTED(a_domain_that_does_not_exist_is_made),
	    UNMOUNTED(list_all_shows_the_other_files),
	    UNMOUNTED(hide_wait_lets_tools_read_everything),
	    UNMOUNTED(the_command_line_wins_over_the_configuration),
	    UNMOUNTED(mkdir_follows_the_configuration),
	    UNMOUNTED(a_read_only_mount_publishes_nothing),
	    UNMOUNTED(one_thread_serves_blocked_readers_and_all_others),
	    UNMOUNTED(the_memory_for_messages_being_written_is_bounded),
	};

	return cmocka_run_group_tests_name("fs_daemon", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 120);
}

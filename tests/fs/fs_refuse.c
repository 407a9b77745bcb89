/* SPDX-License-Identifier: MIT */
/*
 * What must not be published: data of a killed writer, messages that are too large or find no
 * memory, messages for a slot that is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "shell.h"

static void write_text(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* --- killed writers --------------------------------------------------------------------------- */

static int written;

static void write_half_and_hang(void *arg)
{
	char half[100000];
	int fd = open(in_mount("x", "latest"), O_WRONLY | O_TRUNC);

	(void)arg;
	memset(half, 'h', sizeof(half));
	EXPECT(fd >= 0);
	for (int i = 0; i < 4; i++)
		EXPECT_EQUAL(write(fd, half, sizeof(half)), sizeof(half));
	gate_post(written, 1);
	for (;;)
		pause();
}

static void assert_kill_publishes_nothing(int number)
{
	pid_t pid;

	new_slot("x");
	shell_run("bash", "printf before > x/latest");
	assert_published("x", "before", NULL);
	written = gate_open();
	for (int i = 0; i < 5; i++) {
		pid = child_start(write_half_and_hang, NULL);
		gate_wait(written);
		kill(pid, number);
		assert_int_equal(child_wait(pid), -number);
		assert_published("x", NULL);
	}
	assert_quiet("x");
	assert_file(in_mount("x", "latest"), "before");
	gate_close(written);
}

static void a_writer_killed_by_sigkill_publishes_nothing(void **state)
{
	(void)state;
	assert_kill_publishes_nothing(SIGKILL);
}

static void a_writer_ended_by_sigterm_publishes_nothing(void **state)
{
	(void)state;
	assert_kill_publishes_nothing(SIGTERM);
}

static void a_writer_ended_by_sigint_publishes_nothing(void **state)
{
	(void)state;
	assert_kill_publishes_nothing(SIGINT);
}

static void a_tool_killed_half_way_publishes_nothing(void **state)
{
	const char *const argv[] = {"bash", "-c", "exec cat $T/fifo > x/latest", NULL};
	struct outcome outcome;
	struct job job;
	int fifo;

	(void)state;
	new_slot("x");
	shell_run("bash", "printf before > x/latest; mkfifo $T/fifo");
	assert_published("x", "before", NULL);
	job_start(&job, argv);
	fifo = open(root_file("fifo"), O_WRONLY | O_CLOEXEC);
	assert_true(fifo >= 0);
	write_text(fifo, "half of a mess");
	/* It reads, writes and reads again before it can be seen waiting. */
	await_sleep(job.pid, "pipe");
	kill(job.pid, SIGTERM);
	job_finish(&job, &outcome);
	assert_int_equal(outcome.status, -SIGTERM);
	outcome_free(&outcome);
	close(fifo);
	assert_quiet("x");
	assert_published("x", NULL);
}

static int caught_fd;

static void close_and_exit(int number)
{
	(void)number;
	_exit(close(caught_fd) ? 1 : 0);
}

static void write_and_close_on_sigterm(void *arg)
{
	(void)arg;
	caught_fd = open(in_mount("x", "latest"), O_WRONLY);
	EXPECT(caught_fd >= 0);
	signal(SIGTERM, close_and_exit);
	EXPECT_EQUAL(write(caught_fd, "all of it", 9), 9);
	gate_post(written, 1);
	for (;;)
		pause();
}

static void a_writer_that_catches_the_signal_and_closes_has_published(void **state)
{
	pid_t pid;

	(void)state;
	new_slot("x");
	written = gate_open();
	pid = child_start(write_and_close_on_sigterm, NULL);
	gate_wait(written);
	kill(pid, SIGTERM);
	child_join(pid);
	assert_published("x", "all of it", NULL);
	gate_close(written);
}

static void a_killed_writer_s_descriptor_in_another_process_still_works(void **state)
{
	int fd, status;
	pid_t pid;

	(void)state;
	new_slot("x");
	fd = open_latest(O_WRONLY);
	pid = fork();
	if (pid == 0) {
		if (write(fd, "half", 4) == 4)
			raise(SIGKILL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_published("x", NULL);
	write_text(fd, "whole");
	close(fd);
	assert_published("x", "whole", NULL);
	assert_quiet("x");
}

/* --- too large, too full, gone -------------------------------------------------------------------
 */

static void new_small_slot(void)
{
	new_slot("y"); /* only to begin again */
	babus_slot_close(make_slot("x", 8, 1000));
	shell_run("bash", "printf before > x/latest");
	assert_published("x", "before", NULL);
}

static void assert_too_large(const char *shell, const char *text)
{
	struct outcome outcome;

	shell_try(shell, text, &outcome);
	if (outcome.status == 0 || !outcome.err || !strstr(outcome.err, "File too large"))
		fail_msg("%s -c '%s' ended with %d and said '%s'", shell, text, outcome.status,
			 outcome.err ? outcome.err : "");
	outcome_free(&outcome);
	assert_published("x", NULL);
}

static void a_message_at_the_limit_is_published(void **state)
{
	char text[1001];

	(void)state;
	new_small_slot();
	memset(text, ' ', 1000);
	text[999] = 'x';
	text[1000] = '\0';
	shell_run("bash", "printf '%1000s' x > x/latest");
	assert_published("x", text, NULL);
	shell_run("bash", "printf '%1000s' x | dd bs=7 of=x/latest status=none");
	assert_published("x", text, NULL);
}

static void a_message_too_large_is_an_error_that_the_shell_shows(void **state)
{
	(void)state;
	new_small_slot();
	assert_too_large("bash", "printf '%1001s' x > x/latest");
	/* dash says "I/O error" for every error of its builtins. */
	assert_too_large("dash", "exec head -c 1001 /dev/zero > x/latest");
	assert_too_large("bash", "head -c 50000 /dev/zero > $T/big; cp $T/big x/latest");
	assert_too_large("bash", "cat $T/big > x/latest");
	assert_too_large("bash", "tee x/latest < $T/big > /dev/null");
	assert_quiet("x");
	assert_file(in_mount("x", "latest"), "before");
}

static void the_first_part_of_a_message_too_large_is_not_published(void **state)
{
	(void)state;
	new_small_slot();
	assert_too_large("bash", "head -c 3000 /dev/zero | dd bs=600 iflag=fullblock of=x/latest");
	assert_too_large("bash", "dd if=/dev/zero of=x/latest bs=900 count=2 conv=fsync");
	assert_quiet("x");
}

static void a_descriptor_can_publish_after_a_message_too_large(void **state)
{
	char large[1001] = "";
	int fd;

	(void)state;
	new_small_slot();
	fd = open_latest(O_WRONLY);
	assert_int_equal(write(fd, large, sizeof(large)), -1);
	assert_int_equal(errno, EFBIG);
	close(fd);
	shell_run("bash", "printf after > x/latest");
	assert_published("x", "after", NULL);
}

/* A program that ignores the result of write. */
static void a_writer_that_goes_on_after_a_message_too_large_publishes_nothing(void **state)
{
	char large[1001] = "";
	int fd;

	(void)state;
	new_small_slot();
	fd = open_latest(O_WRONLY);
	assert_int_equal(write(fd, "one", 3), 3);
	assert_int_equal(write(fd, large, sizeof(large)), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(write(fd, "three", 5), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(close(fd), -1);
	assert_quiet("x");
}

static void a_full_tmpfs_is_an_error_of_write(void **state)
{
	const char *const options[] = {"--root", root_file("full"), NULL};
	struct outcome outcome;

	(void)state;
	assert_int_equal(mkdir(options[1], 0755), 0);
	assert_int_equal(mount("tmpfs", options[1], "tmpfs", 0, "size=4m"), 0);
	mount_start(options);
	shell_run("bash", "mkdir x; printf before > x/latest");
	shell_try("bash", "head -c 6000000 /dev/zero > x/latest", &outcome);
	assert_int_not_equal(outcome.status, 0);
	assert_non_null(outcome.err);
	assert_non_null(strstr(outcome.err, "No space left on device"));
	outcome_free(&outcome);
	/* A shell checks the result of its own write, but not of the close. */
	shell_try("bash", "printf %6000000d 0 > x/latest", &outcome);
	assert_int_not_equal(outcome.status, 0);
	outcome_free(&outcome);
	assert_file(in_mount("x", "latest"), "before");
	shell_run("bash", "printf after > x/latest");
	assert_file(in_mount("x", "latest"), "after");
	mount_stop();
	umount2(options[1], MNT_DETACH);
}

static void a_message_for_a_removed_slot_is_an_error(void **state)
{
	int fd;

	(void)state;
	new_slot("x");
	fd = open_latest(O_WRONLY);
	write_text(fd, "too late");
	assert_int_equal(rmdir(in_mount("x", "")), 0);
	assert_int_equal(close(fd), -1);
	assert_int_equal(errno, ENODEV);
}

static void a_message_of_64_mib_goes_through(void **state)
{
	struct babus_slot_options opts = small_options(2, 64 << 20);
	babus_slot *slot = make_slot_with("x", &opts);
	struct babus_message message;
	uint64_t *data = malloc(64 << 20);
	int fd;

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < (64 << 20) / 8; i++)
		data[i] = i * UINT64_C(0x9e3779b97f4a7c15);
	write_file(root_file("src"), data, 64 << 20);
	shell_run("bash", "cp $T/src x/latest && cmp $T/src x/latest");
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_int_equal(message.size, 64 << 20);
	assert_memory_equal(message.data, data, 64 << 20);
	babus_message_release(&message);
	/* One more byte does not. */
	fd = open_latest(O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, 64 << 20), -1);
	assert_int_equal(errno, EFBIG);
	close(fd);
	free(data);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    MOUNTED(a_writer_killed_by_sigkill_publishes_nothing),
	    MOUNTED(a_writer_ended_by_sigterm_publishes_nothing),
	    MOUNTED(a_writer_ended_by_sigint_publishes_nothing),
	    MOUNTED(a_tool_killed_half_way_publishes_nothing),
	    MOUNTED(a_writer_that_catches_the_signal_and_closes_has_published),
	    MOUNTED(a_killed_writer_s_descriptor_in_another_process_still_works),
	    MOUNTED(a_message_at_the_limit_is_published),
	    MOUNTED(a_message_too_large_is_an_error_that_the_shell_shows),
	    MOUNTED(the_first_part_of_a_message_too_large_is_not_published),
	    MOUNTED(a_descriptor_can_publish_after_a_message_too_large),
	    MOUNTED(a_writer_that_goes_on_after_a_message_too_large_publishes_nothing),
	    UNMOUNTED(a_full_tmpfs_is_an_error_of_write),
	    MOUNTED(a_message_for_a_removed_slot_is_an_error),
	    MOUNTED(a_message_of_64_mib_goes_through),
	};

	return cmocka_run_group_tests_name("fs_refuse", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 120);
}

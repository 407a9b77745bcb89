/* SPDX-License-Identifier: MIT */
/*
 * What a descriptor publishes and when: writes, close, fsync, truncation, forks. fs_redirect.c
 * has what shells and tools publish, fs_refuse.c what is not published.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "shell.h"

static void write_text(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* --- one descriptor ------------------------------------------------------------------ */

static void close_publishes_all_writes_as_one_message(void **state)
{
	int fd;

	(void)state;
	new_slot("x");
	fd = open_latest(O_WRONLY);
	write_text(fd, "one ");
	write_text(fd, "message ");
	assert_published("x", NULL);
	write_text(fd, "only");
	assert_int_equal(close(fd), 0);
	assert_published("x", "one message only", NULL);
	assert_quiet("x");
}

static void an_open_without_a_write_publishes_nothing(void **state)
{
	(void)state;
	new_slot("x");
	shell_run("bash", "echo before > x/latest");
	close(open_latest(O_WRONLY));
	close(open_latest(O_WRONLY | O_TRUNC));
	close(open_latest(O_RDWR));
	close(open_latest(O_WRONLY | O_APPEND));
	close(open_latest(O_WRONLY | O_CREAT | O_TRUNC));
	assert_published("x", "before\n", NULL);
	assert_quiet("x");
	assert_file(in_mount("x", "latest"), "before\n");
}

static void an_empty_write_publishes_nothing(void **state)
{
	int fd;

	(void)state;
	new_slot("x");
	fd = open_latest(O_WRONLY);
	assert_int_equal(write(fd, "", 0), 0);
	close(fd);
	assert_published("x", NULL);
	assert_quiet("x");
}

static void fsync_publishes_now_and_only_once(void **state)
{
	int fd;

	(void)state;
	new_slot("x");
	fd = open_latest(O_WRONLY);
	write_text(fd, "first");
	assert_int_equal(fsync(fd), 0);
	assert_published("x", "first", NULL);
	assert_int_equal(fsync(fd), 0);
	write_text(fd, "second");
	assert_int_equal(fdatasync(fd), 0);
	assert_published("x", "second", NULL);
	write_text(fd, "third");
	assert_int_equal(close(fd), 0);
	assert_published("x", "third", NULL);
	assert_quiet("x");
}

static void closing_a_duplicate_publishes(void **state)
{
	int fd, copy;

	(void)state;
	new_slot("x");
	fd = open_latest(O_WRONLY);
	/* As shells do around each builtin. */
	for (int i = 0; i < 3; i++) {
		copy = dup(fd);
		write_text(copy, "line\n");
		close(copy);
		assert_published("x", "line\n", NULL);
	}
	close(fd);
	assert_published("x", NULL);
	assert_quiet("x");
}

static void positioned_writes_make_one_message(void **state)
{
	int fd;

	(void)state;
	new_slot("x");
	fd = open_latest(O_WRONLY);
	assert_int_equal(pwrite(fd, "world", 5, 6), 5);
	assert_int_equal(pwrite(fd, "hello ", 6, 0), 6);
	assert_int_equal(pwrite(fd, "W", 1, 6), 1);
	close(fd);
	assert_published("x", "hello World", NULL);
}

static void append_makes_a_new_message_and_ignores_the_offset(void **state)
{
	int fd;

	(void)state;
	new_slot("x");
	shell_run("bash", "printf before > x/latest");
	assert_published("x", "before", NULL);
	fd = open_latest(O_WRONLY | O_APPEND);
	write_text(fd, "new ");
	write_text(fd, "message");
	close(fd);
	assert_published("x", "new message", NULL);
}

static void two_writers_at_once_each_publish_a_whole_message(void **state)
{
	int a, b;

	(void)state;
	new_slot("x");
	a = open_latest(O_WRONLY);
	b = open_latest(O_WRONLY | O_TRUNC);
	write_text(a, "aaa");
	write_text(b, "bbb");
	write_text(a, "AAA");
	write_text(b, "BBB");
	close(b);
	assert_published("x", "bbbBBB", NULL);
	close(a);
	assert_published("x", "aaaAAA", NULL);
}

static void a_reader_beside_a_writer_sees_the_old_message_until_close(void **state)
{
	int fd;

	(void)state;
	new_slot("x");
	shell_run("bash", "printf old > x/latest");
	fd = open_latest(O_WRONLY | O_TRUNC);
	assert_file(in_mount("x", "latest"), "old");
	write_text(fd, "newer");
	assert_file(in_mount("x", "latest"), "old");
	close(fd);
	assert_file(in_mount("x", "latest"), "newer");
}

static void a_descriptor_for_both_reads_the_message_of_its_open(void **state)
{
	char text[16];
	int fd;

	(void)state;
	new_slot("x");
	shell_run("bash", "printf old > x/latest");
	assert_published("x", "old", NULL);
	fd = open_latest(O_RDWR);
	assert_int_equal(read(fd, text, sizeof(text)), 3);
	assert_memory_equal(text, "old", 3);
	assert_int_equal(pwrite(fd, "new", 3, 0), 3);
	close(fd);
	assert_published("x", "new", NULL);
}

/* --- truncation ----------------------------------------------------------------------- */

static void ftruncate_trims_what_is_pending(void **state)
{
	int fd;

	(void)state;
	new_slot("x");
	fd = open_latest(O_WRONLY);
	write_text(fd, "abcdef");
	assert_int_equal(ftruncate(fd, 3), 0);
	close(fd);
	assert_published("x", "abc", NULL);
}

static void ftruncate_extends_what_is_pending_by_zeros(void **state)
{
	struct babus_message message;
	babus_slot *slot;
	int fd;

	(void)state;
	new_slot("x");
	fd = open_latest(O_WRONLY);
	write_text(fd, "abc");
	assert_int_equal(ftruncate(fd, 6), 0);
	close(fd);
	slot = open_slot("x", BABUS_READ);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_int_equal(message.size, 6);
	assert_memory_equal(message.data, "abc\0\0\0", 6);
	babus_message_release(&message);
	babus_slot_close(slot);
}

static void truncation_alone_publishes_nothing_and_leaves_readers_alone(void **state)
{
	char text[16];
	struct stat st;
	int fd;

	(void)state;
	new_slot("x");
	shell_run("bash", "printf before > x/latest");
	fd = open_latest(O_RDONLY);
	shell_run("bash", "truncate -s 0 x/latest; truncate -s 3 x/latest; : > x/latest");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 6);
	assert_int_equal(read(fd, text, sizeof(text)), 6);
	close(fd);
	assert_int_equal(stat(in_mount("x", "latest"), &st), 0);
	assert_int_equal(st.st_size, 6);
	assert_published("x", "before", NULL);
	assert_quiet("x");
}

/* --- forks -------------------------------------------------------------------------------- */

static void a_child_that_wrote_nothing_publishes_nothing(void **state)
{
	int fd, status;
	pid_t pid;

	(void)state;
	new_slot("x");
	fd = open_latest(O_WRONLY);
	write_text(fd, "half ");
	for (int i = 0; i < 3; i++) {
		pid = fork();
		if (pid == 0)
			_exit(0);
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	assert_published("x", NULL);
	write_text(fd, "and half");
	close(fd);
	assert_published("x", "half and half", NULL);
	assert_quiet("x");
}

static void a_child_that_writes_publishes_when_it_ends(void **state)
{
	int fd, status;
	pid_t pid;

	(void)state;
	new_slot("x");
	fd = open_latest(O_WRONLY);
	pid = fork();
	if (pid == 0)
		_exit(write(fd, "child", 5) == 5 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_published("x", "child", NULL);
	write_text(fd, "parent");
	close(fd);
	assert_published("x", "parent", NULL);
	assert_quiet("x");
}

static void the_pid_of_a_message_is_the_writer_s(void **state)
{
	struct babus_message message;
	babus_slot *slot;
	int fd, status;
	pid_t pid;

	(void)state;
	new_slot("x");
	pid = fork();
	if (pid == 0) {
		fd = open(in_mount("x", "latest"), O_WRONLY);
		_exit(write(fd, "x", 1) != 1 || close(fd) ? 1 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	slot = open_slot("x", BABUS_READ);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_int_equal(message.pid, pid);
	babus_message_release(&message);
	babus_slot_close(slot);
}

static void readers_that_hold_all_pins_do_not_stop_a_writer(void **state)
{
	struct babus_slot_options opts;
	babus_reader *readers[2];
	babus_slot *slot;

	(void)state;
	babus_slot_options_init(&opts);
	opts.depth = 2;
	opts.max_size = 4096;
	opts.pins = 2;
	slot = make_slot_with("pins", &opts);
	publish_text(slot, "old");
	for (int i = 0; i < 2; i++)
		assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &readers[i]), 0);
	shell_run("bash", "echo new > pins/latest; ! cat pins/latest 2> $T/error; "
			  "grep -q 'No buffer space' $T/error");
	for (int i = 0; i < 2; i++)
		babus_reader_close(readers[i]);
	shell_expect("bash", "cat pins/latest", "new\n");
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    MOUNTED(close_publishes_all_writes_as_one_message),
	    MOUNTED(an_open_without_a_write_publishes_nothing),
	    MOUNTED(an_empty_write_publishes_nothing),
	    MOUNTED(fsync_publishes_now_and_only_once),
	    MOUNTED(closing_a_duplicate_publishes),
	    MOUNTED(positioned_writes_make_one_message),
	    MOUNTED(append_makes_a_new_message_and_ignores_the_offset),
	    MOUNTED(two_writers_at_once_each_publish_a_whole_message),
	    MOUNTED(a_reader_beside_a_writer_sees_the_old_message_until_close),
	    MOUNTED(a_descriptor_for_both_reads_the_message_of_its_open),
	    MOUNTED(ftruncate_trims_what_is_pending),
	    MOUNTED(ftruncate_extends_what_is_pending_by_zeros),
	    MOUNTED(truncation_alone_publishes_nothing_and_leaves_readers_alone),
	    MOUNTED(a_child_that_wrote_nothing_publishes_nothing),
	    MOUNTED(a_child_that_writes_publishes_when_it_ends),
	    MOUNTED(the_pid_of_a_message_is_the_writer_s),
	    MOUNTED(readers_that_hold_all_pins_do_not_stop_a_writer),
	};

	return cmocka_run_group_tests_name("fs_write", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 120);
}

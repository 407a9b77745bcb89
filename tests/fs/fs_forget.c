/* SPDX-License-Identifier: MIT */
/*
 * babusfs frees what it knows of a file when the kernel forgets the file. No
 * request may come too late for that: neither from descriptors of a slot that
 * is gone, nor while slots go and processes die in the middle of requests.
 *
 * Freed memory is filled with a pattern (and a sanitizer sees each use of it),
 * so that babusfs does not survive such a request.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "file.h"
#include "shell.h"

enum {
	CALLERS = 6,
	ROUNDS = 400
};

static int open_at(int directory, const char *name, int flags)
{
	return openat(directory, name, flags | O_CLOEXEC, 0600);
}

/* How many files the kernel knows, as babusfs counts: without the two that say so. */
static unsigned known_files(void)
{
	char path[160], text[16384];
	const char *found;
	int fd;

	snprintf(path, sizeof(path), "%s/.bus/info", mount_point);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	text[read_fd(fd, text, sizeof(text) - 1)] = '\0';
	close(fd);
	found = strstr(text, "\"nodes\":");
	assert_non_null(found);
	return (unsigned)strtoul(found + 8, NULL, 10) - 2;
}

/* Have the kernel forget all files that no process uses. False: this user cannot. */
static bool forget_unused(void)
{
	return mount(NULL, mount_point, NULL, MS_REMOUNT | MS_NOSUID | MS_NODEV, NULL) == 0;
}

static void assert_all_forgotten(void)
{
	int64_t deadline = now_ns() + SHELL_TIMEOUT_MS * MILLISECOND;

	while (forget_unused() && known_files()) {
		assert_true(now_ns() < deadline);
		poll(NULL, 0, 10);
	}
}

/* Each file of the slot, only named: no request has opened it. */
static const char *const names[] = {"latest", "0", "wait", "info", "stream", "pub", "beside"};

enum {
	NAMES = sizeof(names) / sizeof(names[0])
};

/* An open of a file that was looked up before: no look-up comes with it. */
static int open_again(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

static void assert_gone(int fd)
{
	assert_int_equal(fd, -1);
	assert_true(errno == ENODEV || errno == ESTALE || errno == EACCES || errno == ENOENT);
}

static void files_of_a_slot_that_is_gone_answer_and_are_forgotten(void **state)
{
	int directory, reader, named[NAMES];
	char text[64];
	struct stat st;

	(void)state;
	new_slot("x");
	shell_run("bash", "printf old > x/latest; printf more > x/beside");
	directory = open(in_mount("x", "."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(directory >= 0);
	reader = open_at(directory, "latest", O_RDONLY);
	for (int i = 0; i < NAMES; i++) {
		named[i] = open_at(directory, names[i], O_PATH);
		assert_true(named[i] >= 0);
	}

	assert_int_equal(babus_domain_remove_slot(bus, "x"), 0);
	new_slot("x");
	shell_run("bash", "printf new > x/latest");

	assert_int_equal(pread(reader, text, sizeof(text), 0), 3);
	assert_memory_equal(text, "old", 3);
	for (int i = 0; i < NAMES; i++) {
		bool is_beside = strcmp(names[i], "beside") == 0;
		int fd = open_again(named[i], strcmp(names[i], "pub") ? O_RDONLY : O_WRONLY);

		fstat(named[i], &st);
		/* What was beside has memory of its own. */
		if (is_beside)
			assert_true(fd >= 0);
		else if (fd < 0)
			assert_gone(fd);
		if (fd >= 0)
			close(fd);
		assert_gone(open_at(directory, names[i], O_RDWR));
	}
	assert_gone(open_at(directory, "created", O_RDWR | O_CREAT));
	assert_int_equal(renameat(directory, "beside", directory, "latest"), -1);
	assert_int_equal(unlinkat(directory, "beside", 0), -1);
	assert_file(in_mount("x", "latest"), "new");

	for (int i = 0; i < NAMES; i++)
		close(named[i]);
	close(reader);
	close(directory);
	assert_all_forgotten();
}

static void assert_forgotten_by_itself(void)
{
	int64_t deadline = now_ns() + 20 * SECOND * SUPPORT_SLOWER;

	while (known_files()) {
		assert_true(now_ns() < deadline);
		poll(NULL, 0, 1);
	}
}

static void a_slot_removed_with_a_staging_file_open_is_forgotten(void **state)
{
	int fd;

	(void)state;
	new_slot("x");
	fd = open(in_mount("x", "beside"), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "text", 4), 4);
	shell_run("bash", "rmdir x");
	close(fd);
	assert_forgotten_by_itself();
}

/* A look-up that found another node would drop the name of the one that is open. */
static void look_ups_of_a_number_find_the_same_node(void **state)
{
	char descriptor[64], target[300] = "";
	struct stat st;
	int fd;

	(void)state;
	new_slot("x");
	shell_run("bash", "echo text > x/latest");
	fd = open(in_mount("x", "0"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(stat(in_mount("x", "0"), &st), 0);
	snprintf(descriptor, sizeof(descriptor), "/proc/self/fd/%d", fd);
	assert_true(readlink(descriptor, target, sizeof(target) - 1) > 0);
	assert_string_equal(target, in_mount("x", "0"));
	close(fd);
}

/* The watch of the domain may see neither that it appears nor that it goes. */
static void a_slot_that_comes_and_goes_is_forgotten(void **state)
{
	struct stat st;

	(void)state;
	for (int i = 0; i < 30; i++) {
		babus_slot_close(make_slot("x", 4, 64));
		assert_int_equal(stat(in_mount("x", "latest"), &st), 0);
		assert_int_equal(babus_domain_remove_slot(bus, "x"), 0);
		assert_forgotten_by_itself();
	}
}

/* --- in the middle of requests ------------------------------------------------------ */

static void read_some(int fd)
{
	char text[64], value[64];
	struct stat st;

	if (fd < 0)
		return;
	fstat(fd, &st);
	fgetxattr(fd, "user.babus.seq", value, sizeof(value));
	if (read(fd, text, sizeof(text)) < 0 && errno == EBADF)
		return;
}

static void write_some(int directory)
{
	int fd = open_at(directory, "latest", O_WRONLY);

	if (fd >= 0 && write(fd, "text", 4) == 4)
		close(fd);
	fd = open_at(directory, "new", O_WRONLY | O_CREAT);
	if (fd < 0)
		return;
	if (write(fd, "text", 4) == 4)
		renameat(directory, "new", directory, "latest");
	unlinkat(directory, "new", 0);
	close(fd);
}

static void list(int directory)
{
	DIR *listing = fdopendir(dup(directory));

	while (listing && readdir(listing)) {
	}
	if (listing)
		closedir(listing);
}

/* All that a process can ask, of names and of what it holds, until it is killed. */
static void ask(void *arg)
{
	static const char *const files[] = {"latest", "0", "1", "info", "stream", "wait", "none"};

	(void)arg;
	for (unsigned i = 0;; i++) {
		int directory = open(in_mount("x", "."), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		int held = open_at(directory, files[i % 7], O_PATH);
		int fd = open_again(held, O_RDONLY | O_NONBLOCK);

		read_some(fd);
		write_some(directory);
		list(directory);
		/* Blocks until a process writes, the slot goes, or this process is killed. */
		if (i % 8 == 7)
			read_some(open_at(directory, "wait", O_RDONLY));
		close(fd);
		close(held);
		close(directory);
		if (i % 8 == 7)
			closefrom(3);
	}
}

static void slots_go_and_processes_die_in_the_middle_of_requests(void **state)
{
	pid_t callers[CALLERS];

	(void)state;
	new_slot("x");
	for (int i = 0; i < CALLERS; i++)
		callers[i] = child_start(ask, NULL);
	for (unsigned round = 0; round < ROUNDS; round++) {
		int i = (int)(round % CALLERS);

		if (round % 2)
			rmdir(in_mount("x", ""));
		else
			babus_domain_remove_slot(bus, "x");
		mkdir(in_mount("x", ""), 0700);
		poll(NULL, 0, 2);
		forget_unused();
		child_kill(callers[i]);
		callers[i] = child_start(ask, NULL);
	}
	for (int i = 0; i < CALLERS; i++)
		child_kill(callers[i]);
	assert_int_equal(kill(mount_daemon, 0), 0);
	assert_all_forgotten();
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    MOUNTED(files_of_a_slot_that_is_gone_answer_and_are_forgotten),
	    MOUNTED(a_slot_that_comes_and_goes_is_forgotten),
	    MOUNTED(a_slot_removed_with_a_staging_file_open_is_forgotten),
	    MOUNTED(look_ups_of_a_number_find_the_same_node),
	    MOUNTED(slots_go_and_processes_die_in_the_middle_of_requests),
	};

	setenv("MALLOC_PERTURB_", "165", 1);
	return cmocka_run_group_tests_name("fs_forget", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 120);
}

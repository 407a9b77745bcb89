/* SPDX-License-Identifier: MIT */
/*
 * What one user may take from the daemon: memory, open files, blocked reads. A user that has it
 * all gets an error, and disturbs no other user.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "shell.h"
#include "users.h"

static int setup(void **state)
{
	static const char *const options[] = {
	    "-o", "allow_other",           "-o", "max_user_files=4", "-o", "max_user_waiting=2",
	    "-o", "max_user_pending=1MiB", NULL};
	struct babus_slot_options opts;
	babus_slot *slot;

	if (mount_setup_bare(state))
		return -1;
	/* Every user may enter. */
	if (chmod(support_root, 0755) || chmod(root_file("babus.test"), 0755))
		return -1;
	babus_slot_options_init(&opts);
	opts.depth = 8;
	opts.max_size = 4 << 20;
	opts.mode = 0666;
	slot = make_slot_with("x", &opts);
	publish_text(slot, "message");
	babus_slot_close(slot);
	mount_start(options);
	return 0;
}

#define LIMITED(claim) cmocka_unit_test_setup_teardown(claim, setup, mount_teardown)

/* Run fn as a user, and assert that it ends by itself. */
static void run_as(void (*fn)(void *), void *arg)
{
	child_join(child_start(fn, arg));
}

static int open_file(const char *name, int flags)
{
	return open(in_mount("x", name), flags | O_CLOEXEC);
}

/* --- files ------------------------------------------------------------------------ */

static void read_one(void *arg)
{
	const uid_t *user = arg;
	int fd;

	child_become(*user, NO_GROUP);
	fd = open_file("latest", O_RDONLY);
	EXPECT(fd >= 0);
	close(fd);
}

static void open_too_many(void *arg)
{
	int fds[4];

	(void)arg;
	child_become(ALICE, NO_GROUP);
	for (int i = 0; i < 4; i++) {
		fds[i] = open_file(i % 2 ? "wait" : "latest", O_RDONLY);
		EXPECT(fds[i] >= 0);
	}
	EXPECT_EQUAL(open_file("latest", O_RDONLY), -1);
	EXPECT_EQUAL(errno, EMFILE);
	EXPECT_EQUAL(open(in_mount("x", ""), O_RDONLY | O_DIRECTORY | O_CLOEXEC), -1);
	EXPECT_EQUAL(errno, EMFILE);
	pause();
}

static void a_user_with_too_many_open_files_gets_an_error_and_no_other_user(void **state)
{
	uid_t alice = ALICE, bob = BOB;
	int status;
	pid_t pid = child_start(open_too_many, NULL);

	(void)state;
	await_sleep(pid, "pause");
	run_as(read_one, &bob);
	kill(pid, SIGKILL);
	assert_true(await_end(pid, now_ns(), &status) >= 0);
	/* Returned with its files, which the kernel closes in its own time. */
	shell_run("bash", "until grep -q '\"open_files\": *1[,}]' .bus/info; do sleep 0.01; done");
	run_as(read_one, &alice);
}

/* --- blocked reads -------------------------------------------------------------------- */

static void read_wait(void *arg)
{
	char text[16];
	int fd;

	(void)arg;
	child_become(ALICE, NO_GROUP);
	fd = open_file("wait", O_RDONLY);
	EXPECT(fd >= 0);
	EXPECT_EQUAL(read(fd, text, sizeof(text)), 4);
}

static void read_wait_in_vain(void *arg)
{
	char text[16];
	int fd;

	(void)arg;
	child_become(ALICE, NO_GROUP);
	fd = open_file("wait", O_RDONLY);
	EXPECT(fd >= 0);
	EXPECT_EQUAL(read(fd, text, sizeof(text)), -1);
	EXPECT_EQUAL(errno, EDQUOT);
}

static void a_user_with_too_many_blocked_reads_gets_an_error_and_others_go_on(void **state)
{
	pid_t pids[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		pids[i] = child_start(read_wait, NULL);
		await_blocked(pids[i]);
	}
	run_as(read_wait_in_vain, NULL);
	shell_run("bash", "cat x/wait > $T/got & p=$!; "
			  "until grep -q '\"waiting\": *3' .bus/info; do sleep 0.01; done; "
			  "printf news > x/latest; wait $p");
	assert_file(root_file("got"), "news");
	for (int i = 0; i < 2; i++)
		child_join(pids[i]);
	/* Theirs are free again. */
	pids[0] = child_start(read_wait, NULL);
	await_blocked(pids[0]);
	shell_run("bash", "printf more > x/latest");
	child_join(pids[0]);
}

enum {
	ROUNDS = 300
};

static int heard; /* gate */

static void read_again_and_again(void *arg)
{
	char text[16];
	int fd;

	(void)arg;
	child_become(ALICE, NO_GROUP);
	fd = open_file("wait", O_RDONLY);
	EXPECT(fd >= 0);
	gate_post(heard, 1);
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_EQUAL(read(fd, text, sizeof(text)), 4);
		gate_post(heard, 1);
		EXPECT_EQUAL(read(fd, text, sizeof(text)), 0);
		EXPECT_EQUAL(lseek(fd, 0, SEEK_SET), 0);
	}
}

/* A read no longer counts as blocked when its answer is there. */
static void an_answered_reader_may_block_again_at_once(void **state)
{
	babus_slot *slot = open_slot("x", BABUS_PUBLISH);
	pid_t pids[2];

	(void)state;
	heard = gate_open();
	for (int i = 0; i < 2; i++)
		pids[i] = child_start(read_again_and_again, NULL);
	for (int i = 0; i < 2; i++)
		gate_wait(heard);
	for (int round = 0; round < ROUNDS; round++) {
		publish_text(slot, "news");
		for (int i = 0; i < 2; i++)
			gate_wait(heard);
	}
	for (int i = 0; i < 2; i++)
		child_join(pids[i]);
	gate_close(heard);
	babus_slot_close(slot);
}

/* --- memory ----------------------------------------------------------------------------- */

static char half[512 << 10];

static void write_too_much(void *arg)
{
	int fd, other;

	(void)arg;
	child_become(ALICE, NO_GROUP);
	fd = open_file("latest", O_WRONLY);
	other = open_file("latest", O_WRONLY);
	EXPECT(fd >= 0 && other >= 0);
	EXPECT_EQUAL(write(fd, half, sizeof(half)), sizeof(half));
	EXPECT_EQUAL(write(other, half, 300 << 10), 300 << 10);
	EXPECT_EQUAL(write(fd, half, sizeof(half)), -1);
	EXPECT_EQUAL(errno, EDQUOT);
	/* A broken message is gone: its memory serves the other one. */
	EXPECT_EQUAL(write(other, half, 300 << 10), 300 << 10);
	pause();
}

static void write_a_message(void *arg)
{
	int fd;

	(void)arg;
	child_become(BOB, NO_GROUP);
	fd = open_file("latest", O_WRONLY);
	EXPECT(fd >= 0);
	EXPECT_EQUAL(write(fd, half, sizeof(half)), sizeof(half));
	EXPECT_EQUAL(close(fd), 0);
}

static void a_user_that_writes_too_much_at_once_gets_an_error_and_others_go_on(void **state)
{
	pid_t pid = child_start(write_too_much, NULL);
	struct stat st;
	int status;

	(void)state;
	await_sleep(pid, "pause");
	run_as(write_a_message, NULL);
	assert_int_equal(stat(in_mount("x", "latest"), &st), 0);
	assert_int_equal(st.st_size, sizeof(half));
	kill(pid, SIGKILL);
	assert_true(await_end(pid, now_ns(), &status) >= 0);
}

/* The user's own file. The kernel reports later that others are closed. */
static int create_file(int number)
{
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "file%d", number);
	do {
		sched_yield();
		fd = open_file(name, O_WRONLY | O_CREAT);
	} while (fd < 0 && errno == EMFILE);
	return fd;
}

static void make_files(void *arg)
{
	int fd, i;

	(void)arg;
	child_become(ALICE, NO_GROUP);
	for (i = 0; (fd = create_file(i)) >= 0; i++)
		close(fd);
	EXPECT_EQUAL(errno, EDQUOT);
	EXPECT_EQUAL(i, 256);
	EXPECT_EQUAL(unlink(in_mount("x", "file7")), 0);
	fd = create_file(7);
	EXPECT(fd >= 0);
}

static void staged_files_are_counted_too(void **state)
{
	(void)state;
	run_as(make_files, NULL);
	run_as(write_a_message, NULL);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    LIMITED(a_user_with_too_many_open_files_gets_an_error_and_no_other_user),
	    LIMITED(a_user_with_too_many_blocked_reads_gets_an_error_and_others_go_on),
	    LIMITED(an_answered_reader_may_block_again_at_once),
	    LIMITED(a_user_that_writes_too_much_at_once_gets_an_error_and_others_go_on),
	    LIMITED(staged_files_are_counted_too),
	};

	return cmocka_run_group_tests_name("fs_limits", tests, NULL, NULL);
}

int main(void)
{
	if (geteuid() != 0) {
		printf("skipped: only root can become another user\n");
		return SKIPPED;
	}
	return mount_main(run, 60);
}

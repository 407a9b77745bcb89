/* SPDX-License-Identifier: MIT */
/* The rights of root that root's babusfs keeps, and that it does what it needs them for. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "shell.h"
#include "users.h"

#define CAP(name) (UINT64_C(1) << CAP_##name)
#define ALWAYS    (CAP(DAC_OVERRIDE) | CAP(FOWNER) | CAP(CHOWN))
#define MOMENTS   (CAP(SYS_PTRACE) | CAP(SYS_ADMIN))

/* A set or a flag of a thread, by its name in /proc/PID/task/TID/status. */
static uint64_t status_of(const char *thread, const char *name)
{
	char path[128], line[256];
	uint64_t value = UINT64_MAX;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/status", (int)mount_daemon, thread);
	file = fopen(path, "re");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (strncmp(line, name, strlen(name)) == 0)
			value = strtoull(line + strlen(name) + 1, NULL, 16);
	fclose(file);
	return value;
}

static void every_thread_keeps_only_what_it_needs(void **state)
{
	char path[64];
	struct dirent *entry;
	unsigned threads = 0;
	DIR *tasks;

	(void)state;
	shell_run("bash", "mkdir x; echo hi > x/latest; cat x/latest > /dev/null");
	snprintf(path, sizeof(path), "/proc/%d/task", (int)mount_daemon);
	tasks = opendir(path);
	assert_non_null(tasks);
	while ((entry = readdir(tasks))) {
		const char *thread = entry->d_name;

		if (!isdigit((unsigned char)*thread))
			continue;
		threads++;
		assert_int_equal(status_of(thread, "CapEff"), ALWAYS);
		assert_int_equal(status_of(thread, "CapPrm") & ~(ALWAYS | MOMENTS), 0);
		assert_int_equal(status_of(thread, "CapBnd") & ~(ALWAYS | MOMENTS), 0);
		assert_int_equal(status_of(thread, "CapInh"), 0);
		assert_int_equal(status_of(thread, "CapAmb"), 0);
		assert_int_equal(status_of(thread, "NoNewPrivs"), 1);
	}
	closedir(tasks);
	assert_true(threads >= 3);
	/* Enough to unmount. */
	mount_stop();
}

static void *exit_for_all(void *arg)
{
	(void)arg;
	_exit(0);
}

static int open_as_alice(void)
{
	int fd;

	child_become(ALICE, NO_GROUP);
	fd = open(in_mount("x", "latest"), O_WRONLY | O_CLOEXEC);
	EXPECT(fd >= 0);
	return fd;
}

/* Another thread calls exit(). That looks like a kill, and is none. */
static void write_and_exit_by_a_thread(void *arg)
{
	int fd = open_as_alice();
	pthread_t thread;

	(void)arg;
	EXPECT_EQUAL(write(fd, "whole", 5), 5);
	EXPECT(!pthread_create(&thread, NULL, exit_for_all, NULL));
	for (;;)
		pause();
}

static void write_half_and_be_killed(void *arg)
{
	int fd = open_as_alice();

	(void)arg;
	EXPECT_EQUAL(write(fd, "half", 4), 4);
	raise(SIGKILL);
}

static void open_to_all(const char *name)
{
	babus_slot *slot;

	new_slot(name);
	slot = open_slot(name, BABUS_PUBLISH);
	assert_int_equal(babus_slot_set_access(slot, 0666, (uid_t)-1, (gid_t)-1), 0);
	babus_slot_close(slot);
}

/* It takes CAP_SYS_PTRACE: the writer is another user. */
static void how_another_user_s_writer_ends_is_seen(void **state)
{
	(void)state;
	open_to_all("x");
	for (int i = 0; i < 5; i++) {
		pid_t killed = child_start(write_half_and_be_killed, NULL);

		assert_int_equal(child_wait(killed), -SIGKILL);
		child_join(child_start(write_and_exit_by_a_thread, NULL));
	}
	assert_published("x", "whole", "whole", "whole", "whole", "whole", NULL);
	assert_quiet("x");
}

static void wait_at(void *arg)
{
	const int *gates = arg;
	int fd;

	fd = open_as_alice();
	/* Only root and a tracer may look. */
	prctl(PR_SET_DUMPABLE, 0);
	EXPECT_EQUAL(write(fd, "half", 4), 4);
	gate_post(gates[0], 1);
	gate_wait(gates[1]);
	EXPECT(!close(fd));
}

static void how_a_writer_that_hides_ends_is_seen_too(void **state)
{
	int gates[2] = {gate_open(), gate_open()};
	pid_t writer;

	(void)state;
	open_to_all("x");
	writer = child_start(wait_at, gates);
	gate_wait(gates[0]);
	child_kill(writer);
	writer = child_start(wait_at, gates);
	gate_wait(gates[0]);
	gate_post(gates[1], 1);
	child_join(writer);
	assert_published("x", "half", NULL);
	gate_close(gates[0]);
	gate_close(gates[1]);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    MOUNTED(every_thread_keeps_only_what_it_needs),
	    SHARED(how_another_user_s_writer_ends_is_seen),
	    SHARED(how_a_writer_that_hides_ends_is_seen_too),
	};

	return cmocka_run_group_tests_name("fs_privileges", tests, NULL, NULL);
}

int main(void)
{
	if (geteuid() != 0) {
		printf("skipped: only root has rights to give up\n");
		return SKIPPED;
	}
	return mount_main(run, 60);
}

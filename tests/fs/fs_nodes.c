/* SPDX-License-Identifier: MIT */
/*
 * A reader of `latest` has the size of its message, whatever is written meanwhile through the
 * same name: writers have a node of their own. And nodes end with their slot.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "babusfs.h"
#include "file.h"

enum {
	PENDING = 32768,
	PIECE = 1024
};

/* A child that writes a long message, over and over, and never closes it. */
static pid_t start_writer(void)
{
	static char data[PENDING];
	int written[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(written), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open(in_mount("x", "latest"), O_WRONLY | O_TRUNC);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (fd < 0 || write(fd, data, sizeof(data)) != PENDING)
			_exit(1);
		close(written[1]);
		for (off_t at = 0;; at = (at + PIECE) % PENDING)
			if (pwrite(fd, data, PIECE, at) != PIECE)
				_exit(1);
	}
	close(written[1]);
	assert_int_equal(read(written[0], &byte, 1), 0);
	close(written[0]);
	return pid;
}

static void end_writer(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, SIGKILL);
}

/*
 * As the kernel sees it while the writer makes progress. Sometimes a write ends while the kernel
 * asks for the size, and the kernel then keeps the size that it has. So look often, and let the
 * writer run in between.
 */
static void assert_old(int fd)
{
	struct stat st;

	for (int i = 0; i < 8000; i++) {
		if (i % 2)
			assert_int_equal(lseek(fd, 0, SEEK_END), 3);
		assert_int_equal(fstat(fd, &st), 0);
		assert_int_equal(st.st_size, 3);
		close(open_latest(O_RDONLY));
	}
}

static void an_open_reader_keeps_its_size_beside_a_writer(void **state)
{
	pid_t writer;
	int fd;

	(void)state;
	new_slot("x");
	shell_run("bash", "printf old > x/latest");
	fd = open_latest(O_RDONLY);
	writer = start_writer();
	assert_old(fd);
	end_writer(writer);
	close(fd);
}

static void a_reader_that_comes_after_the_writer_has_the_message_s_size(void **state)
{
	pid_t writer;
	int fd;

	(void)state;
	new_slot("x");
	shell_run("bash", "printf old > x/latest");
	writer = start_writer();
	fd = open_latest(O_RDONLY);
	assert_old(fd);
	end_writer(writer);
	close(fd);
}

static void one_thread_may_read_and_write_at_once(void **state)
{
	static char data[PENDING];
	int reader, writer, both;

	(void)state;
	new_slot("x");
	shell_run("bash", "printf old > x/latest");
	assert_published("x", "old", NULL);
	reader = open_latest(O_RDONLY);
	writer = open_latest(O_WRONLY);
	both = open_latest(O_RDWR);
	assert_int_equal(write(writer, data, sizeof(data)), PENDING);
	assert_old(reader);
	assert_int_equal(read(both, data, sizeof(data)), 3);
	assert_memory_equal(data, "old", 3);
	assert_int_equal(ftruncate(writer, 0), 0);
	assert_int_equal(pwrite(writer, "new", 3, 0), 3);
	assert_int_equal(close(writer), 0);
	assert_published("x", "new", NULL);
	assert_old(reader);
	close(both);
	close(reader);
}

/* No look-up happens between these opens and the node. */
static void descriptors_can_be_reopened_by_their_number(void **state)
{
	(void)state;
	new_slot("x");
	shell_run("bash", "printf one > x/latest");
	shell_expect("bash",
		     "exec 3< x/latest; cat /dev/fd/3; printf two > /dev/fd/3; cat /dev/fd/3",
		     "oneone");
	assert_published("x", "one", "two", NULL);
	shell_run("bash", "exec 3> x/latest; printf three > /dev/fd/3; printf four >&3");
	assert_published("x", "three", "four", NULL);
}

/* Each open for writing meets nodes that readers know, and must be tried again. */
#define WRITE_WHILE_OTHERS_READ                                                 \
	"echo 0 > x/latest\n"                                                   \
	"for r in 1 2 3 4; do\n"                                                \
	"	while [ ! -e $T/stop ]; do stat x/latest; cat x/latest; done "        \
	"> /dev/null 2>> $T/errors & readers+=($!)\n"                           \
	"done\n"                                                                \
	"for w in 1 2 3; do\n"                                                  \
	"	for i in $(seq 100); do echo $w $i > x/latest; done 2>> $T/errors & " \
	"writers+=($!)\n"                                                       \
	"done\n"                                                                \
	"wait ${writers[*]}; touch $T/stop; wait ${readers[*]}\n"               \
	"cat $T/errors >&2\n"

static void writers_can_open_however_many_read(void **state)
{
	(void)state;
	new_slot("x");
	shell_run("bash", WRITE_WHILE_OTHERS_READ);
	python_run("import os\n"
		   "assert os.getxattr('x/latest', 'user.babus.seq') == b'301'\n");
}

/* To babusfs in a PID namespace of its own, all callers from outside have the number 0. */
static void writers_can_open_though_all_have_the_same_number(void **state)
{
	(void)state;
	new_slot("x");
	babusfs_environment();
	shell_run("bash", "coproc NS { exec unshare -p -f --kill-child "
			  "bash -c 'cd /; $B test $P && echo ready && read; umount $P'; }\n"
			  "read -u ${NS[0]} ready || exit 1\n"
			  "(cd $P\n" WRITE_WHILE_OTHERS_READ "python3 -c 'import os; "
			  "assert os.getxattr(\"x/latest\", \"user.babus.seq\") == b\"301\"')\n"
			  "ended=$?\n"
			  "echo >&${NS[1]}; wait $NS_PID; exit $ended\n");
}

/* How many mappings of nameless files it has. */
static unsigned deleted_mappings(pid_t pid)
{
	char path[64], line[512];
	unsigned count = 0;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	maps = fopen(path, "re");
	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, support_root) && strstr(line, "(deleted)");
	fclose(maps);
	return count;
}

/* No look-up of its name follows: babusfs must tell the kernel to forget it. */
static void a_slot_removed_natively_gives_its_memory_back(void **state)
{
	int64_t deadline = now_ns() + SHELL_TIMEOUT_MS * MILLISECOND;
	char text[16];
	int fd;

	(void)state;
	new_slot("x");
	new_slot("y");
	shell_run("bash",
		  "printf old > x/latest; cat [xy]/latest [xy]/info > /dev/null; stat x/wait y/0 "
		  "> /dev/null 2>&1; true");
	fd = open_latest(O_RDONLY);
	assert_int_equal(babus_domain_remove_slot(bus, "y"), 0);
	assert_int_equal(babus_domain_remove_slot(bus, "x"), 0);
	/* An open snapshot stays as it is. */
	assert_int_equal(pread(fd, text, sizeof(text), 0), 3);
	assert_memory_equal(text, "old", 3);
	assert_true(deleted_mappings(mount_daemon) > 0);
	close(fd);
	/* The kernel does not report here that it has forgotten a file. */
	while (deleted_mappings(mount_daemon)) {
		assert_true(now_ns() < deadline);
		poll(NULL, 0, 10);
	}
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    MOUNTED(an_open_reader_keeps_its_size_beside_a_writer),
	    MOUNTED(a_reader_that_comes_after_the_writer_has_the_message_s_size),
	    MOUNTED(one_thread_may_read_and_write_at_once),
	    MOUNTED(descriptors_can_be_reopened_by_their_number),
	    MOUNTED(writers_can_open_however_many_read),
	    UNMOUNTED(writers_can_open_though_all_have_the_same_number),
	    MOUNTED(a_slot_removed_natively_gives_its_memory_back),
	};

	return cmocka_run_group_tests_name("fs_nodes", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 120);
}

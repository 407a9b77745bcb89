/* SPDX-License-Identifier: MIT */
/* babusfs under a service manager: when it is ready, and where its messages go. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/un.h>
#include <unistd.h>

#include "babusfs.h"
#include "file.h"
#include "witness.h"

enum {
	PATIENCE_MS = 20000 * SUPPORT_SLOWER
};

/* A socket of datagrams with a name; '@': in the abstract namespace. */
static int open_socket(const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0 && length < sizeof(address.sun_path));
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	length += offsetof(struct sockaddr_un, sun_path) + (name[0] == '/');
	assert_int_equal(bind(fd, (struct sockaddr *)&address, (socklen_t)length), 0);
	return fd;
}

/* The next datagram as a text; "" if there is none for `timeout_ms`. */
static const char *receive(int fd, int timeout_ms)
{
	static char text[2048];
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	ssize_t got = 0;

	if (poll(&wait, 1, timeout_ms) == 1)
		got = recv(fd, text, sizeof(text) - 1, 0);
	text[got > 0 ? got : 0] = '\0';
	return text;
}

static void assert_receives(int fd, const char *what)
{
	const char *text = receive(fd, PATIENCE_MS);

	if (!strstr(text, what))
		fail_msg("received '%s', not '%s'", text, what);
}

/* --- readiness --------------------------------------------------------------------- */

static void the_service_manager_is_notified_when_the_mount_answers(void **state)
{
	char names[2][128];

	(void)state;
	snprintf(names[0], sizeof(names[0]), "%s", root_file("notify"));
	snprintf(names[1], sizeof(names[1]), "@babus-test-%d", (int)getpid());
	for (int i = 0; i < 2; i++) {
		int fd = open_socket(names[i]);
		const char *text;
		char wanted[64];

		setenv("NOTIFY_SOCKET", names[i], 1);
		mount_start(NULL);
		unsetenv("NOTIFY_SOCKET");
		text = receive(fd, PATIENCE_MS);
		snprintf(wanted, sizeof(wanted), "READY=1\nMAINPID=%d\nSTATUS=", (int)mount_daemon);
		assert_int_equal(strncmp(text, wanted, strlen(wanted)), 0);
		assert_non_null(strstr(text, "'test'"));
		assert_non_null(strstr(text, mount_point));
		kill(mount_daemon, SIGTERM);
		assert_receives(fd, "STOPPING=1\nSTATUS=");
		assert_string_equal(receive(fd, 0), "");
		mount_stop();
		close(fd);
	}
}

/*
 * It reports ready when the kernel waits for nothing more: a look at that moment gets an answer.
 */
static void ready_means_that_the_mount_answers(void **state)
{
	int fd = open_socket(root_file("notify"));
	struct outcome outcome;
	char text[256];

	(void)state;
	babusfs_environment();
	babus_slot_close(make_slot("x", 2, 4096));
	/* The shell's read ends with the datagram, and a look follows at once. */
	snprintf(text, sizeof(text), "NOTIFY_SOCKET=%s exec $B test $P", root_file("notify"));
	for (int i = 0; i < 10; i++) {
		struct statvfs fs;
		struct job job;
		const char *const argv[] = {"bash", "-c", text, NULL};

		job_start(&job, argv);
		assert_receives(fd, "READY=1");
		assert_int_equal(statvfs(mount_point, &fs), 0);
		assert_int_equal(fs.f_namemax, BABUS_NAME_MAX);
		assert_lists(in_mount("x", ""), "info latest wait");
		job_finish(&job, &outcome);
		assert_int_equal(outcome.status, 0);
		outcome_free(&outcome);
		mount_daemon = mount_find_daemon(mount_point);
		mount_stop();
		assert_receives(fd, "STOPPING=1");
	}
	close(fd);
}

static void a_mount_that_fails_is_never_ready(void **state)
{
	int fd = open_socket(root_file("notify"));

	(void)state;
	setenv("NOTIFY_SOCKET", root_file("notify"), 1);
	babusfs_fails("test $T/missing", 1, "missing");
	babusfs_fails("-f -o nonsense test $P", 2, "nonsense");
	unsetenv("NOTIFY_SOCKET");
	assert_string_equal(receive(fd, 0), "");
	close(fd);
}

/* fusermount3, and any other program that it starts, is not the service. */
static void the_socket_is_not_handed_on(void **state)
{
	int fd = open_socket(root_file("notify"));

	(void)state;
	setenv("NOTIFY_SOCKET", root_file("notify"), 1);
	babusfs_start("-o auto_unmount test $P", mount_point);
	unsetenv("NOTIFY_SOCKET");
	assert_receives(fd, "READY=1");
	shell_run("bash", "helper=$(pgrep -f \"^fusermount3 .*$M\");"
			  "! tr '\\0' '\\n' < /proc/$helper/environ | grep -q NOTIFY_SOCKET");
	mount_stop();
	close(fd);
}

/* --- messages ------------------------------------------------------------------------- */

/* A manager that is not there causes a message, and no more. */
#define COMPLAINT "cannot tell the service manager at '/missing'"

static void in_the_foreground_messages_go_to_standard_error(void **state)
{
	static const char *const ways[] = {"", "-o log=auto", "-o log=stderr"};

	(void)state;
	babusfs_environment();
	for (int i = 0; i < 3; i++) {
		const char *text = "NOTIFY_SOCKET=/missing exec $B -f $W test $P";
		const char *const argv[] = {"bash", "-c", text, NULL};
		struct outcome outcome;
		struct job job;

		setenv("W", ways[i], 1);
		job_start(&job, argv);
		mount_daemon = job.pid;
		assert_true(mount_await(mount_point, true, mount_daemon));
		kill(job.pid, SIGTERM);
		job_finish(&job, &outcome);
		mount_daemon = 0;
		assert_int_equal(outcome.status, 0);
		assert_non_null(strstr(outcome.err, "babus: " COMPLAINT));
		outcome_free(&outcome);
	}
}

static void in_the_background_too_if_asked(void **state)
{
	(void)state;
	setenv("NOTIFY_SOCKET", "/missing", 1);
	babusfs_start("-o log=stderr test $P 2> $T/log", mount_point);
	unsetenv("NOTIFY_SOCKET");
	mount_stop();
	shell_run("bash", "grep -q \"^babus: cannot tell the service manager\" $T/log");
}

/*
 * In place of the shell, in a mount namespace with a /dev of its own, in which the system log is
 * a socket of this test.
 */
#define WITH_OWN_LOG                                                                       \
	"mkdir -p $T/dev; exec unshare -m --propagation private bash -ec '"                \
	"mount -t tmpfs none $T/dev; mknod $T/dev/fuse c 10 229; mknod $T/dev/null c 1 3;" \
	"mkdir $T/dev/shm; mount --bind /dev/shm $T/dev/shm; ln -s $T/log $T/dev/log;"     \
	"mount --rbind $T/dev /dev;"                                                       \
	"NOTIFY_SOCKET=/missing exec $B $W test $P'"

static void the_system_log_gets_messages_if_asked(void **state)
{
	static const char *const ways[] = {"-o log=auto", "-f -o log=syslog"};

	(void)state;
	babusfs_environment();
	for (int i = 0; i < 2; i++) {
		const char *const argv[] = {"bash", "-c", WITH_OWN_LOG, NULL};
		int fd = open_socket(root_file("log"));
		struct outcome outcome;
		struct job job;

		setenv("W", ways[i], 1);
		job_start(&job, argv);
		assert_receives(fd, COMPLAINT);
		mount_daemon = mount_find_daemon(mount_point);
		kill(mount_daemon, SIGTERM);
		job_finish(&job, &outcome);
		assert_int_equal(outcome.status, 0);
		assert_int_equal(outcome.err_size, 0);
		outcome_free(&outcome);
		if (mount_daemon != job.pid)
			assert_daemon_ends();
		mount_daemon = 0;
		close(fd);
		shell_run("bash", "rm $T/log");
	}
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    UNMOUNTED(the_service_manager_is_notified_when_the_mount_answers),
	    UNMOUNTED(ready_means_that_the_mount_answers),
	    UNMOUNTED(a_mount_that_fails_is_never_ready),
	    UNMOUNTED(the_socket_is_not_handed_on),
	    UNMOUNTED(in_the_foreground_messages_go_to_standard_error),
	    UNMOUNTED(in_the_background_too_if_asked),
	    UNMOUNTED(the_system_log_gets_messages_if_asked),
	};

	return cmocka_run_group_tests_name("fs_service", tests, NULL, NULL);
}

int main(void)
{
	if (geteuid() != 0) {
		printf("skipped: only root has namespaces to mount in\n");
		return SKIPPED;
	}
	return mount_main(run, 120);
}

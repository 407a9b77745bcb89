/* SPDX-License-Identifier: MIT */
/*
 * Nothing that a test program inherits reaches its cases. This one starts itself again from a
 * very odd caller.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "inherited.h"
#include "support.h"

enum {
	STRAY = 9 /* a descriptor that was left open */
};

/* --- the caller ------------------------------------------------------------------ */

/* The soft one: an ordinary user could not raise the hard one again. */
static void spoil_limit(__rlimit_resource_t resource, rlim_t value)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) == 0 && limit.rlim_max > value) {
		limit.rlim_cur = value;
		setrlimit(resource, &limit);
	}
}

static void spoil(void)
{
	sigset_t all;

	for (int number = 1; number <= SIGRTMAX; number++)
		signal(number, SIG_IGN);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	spoil_limit(RLIMIT_FSIZE, 4096);
	spoil_limit(RLIMIT_NOFILE, STRAY + 1);
	spoil_limit(RLIMIT_STACK, 256 << 10);
	setenv("LC_ALL", "tr_TR.ISO-8859-9", 1);
	setenv("BASH_ENV", "/missing", 1);
	setenv("POSIXLY_CORRECT", "1", 1);
	setenv("BABUS_DOMAIN", "another", 1);
	setenv("BABUS_CONFIG", "/missing", 1);
	setenv("XDG_CONFIG_HOME", "/missing", 1);
	setenv("HOME", "/missing", 1);
	umask(0777);
	dup2(STDOUT_FILENO, STRAY);
	close(STDIN_FILENO);
	alarm(1);
}

/* --- the cases --------------------------------------------------------------------- */

static void no_signal_is_ignored_or_blocked(void **state)
{
	struct sigaction action;
	sigset_t blocked;

	(void)state;
	assert_int_equal(sigprocmask(SIG_SETMASK, NULL, &blocked), 0);
	for (int number = 1; number <= SIGRTMAX; number++) {
		/* The C library keeps two signals for itself. */
		if (sigaction(number, NULL, &action) < 0)
			continue;
		assert_ptr_not_equal(action.sa_handler, SIG_IGN);
		assert_int_equal(sigismember(&blocked, number), 0);
	}
	assert_int_equal(alarm(0), 0);
}

static void limits_are_those_of_every_test(void **state)
{
	struct rlimit limit;
	pthread_attr_t attr;
	size_t stack = 0;

	(void)state;
	getrlimit(RLIMIT_FSIZE, &limit);
	assert_true(limit.rlim_cur == limit.rlim_max);
	getrlimit(RLIMIT_NOFILE, &limit);
	assert_true(limit.rlim_cur == INHERITED_FILES || limit.rlim_cur == limit.rlim_max);
	pthread_getattr_default_np(&attr);
	pthread_attr_getstacksize(&attr, &stack);
	pthread_attr_destroy(&attr);
	assert_true(stack >= 8 << 20);
}

static void the_environment_is_that_of_every_test(void **state)
{
	const char *home = getenv("HOME");

	(void)state;
	assert_string_equal(getenv("LC_ALL"), "C");
	assert_null(getenv("BASH_ENV"));
	assert_null(getenv("POSIXLY_CORRECT"));
	assert_null(getenv("BABUS_DOMAIN"));
	assert_null(getenv("BABUS_CONFIG"));
	assert_null(getenv("XDG_CONFIG_HOME"));
	/* A private directory: no configuration of the user is read. */
	assert_true(home && strstr(support_root, home));
	assert_int_equal(umask(022), 022);
}

static void descriptors_are_the_standard_ones(void **state)
{
	char byte;

	(void)state;
	assert_int_equal(read(STDIN_FILENO, &byte, 1), 0);
	assert_int_equal(fcntl(STRAY, F_GETFD), -1);
	assert_int_equal(fcntl(STDOUT_FILENO, F_GETFD), 0);
	assert_int_equal(fcntl(STDERR_FILENO, F_GETFD), 0);
}

/* A terminal may stop a background process that writes to it. */
static void there_is_no_terminal(void **state)
{
	(void)state;
	assert_int_equal(getsid(0), getpid());
	assert_int_equal(open("/dev/tty", O_RDWR | O_CLOEXEC), -1);
	assert_int_equal(errno, ENXIO);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    CASE_ROOT(no_signal_is_ignored_or_blocked),
	    CASE_ROOT(limits_are_those_of_every_test),
	    CASE_ROOT(the_environment_is_that_of_every_test),
	    CASE_ROOT(descriptors_are_the_standard_ones),
	    CASE_ROOT(there_is_no_terminal),
	};

	return cmocka_run_group_tests_name("test_inherited", tests, NULL, NULL);
}

int main(int argc, char **argv)
{
	char self[512];
	ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *const again[] = {argv[0], (char *)"again", NULL};

	if (argc > 1 || length < 0)
		return support_main(run, 60);
	self[length] = '\0';
	spoil();
	execv(self, again);
	printf("skipped: %s cannot start itself: %s\n", self, strerror(errno));
	return SKIPPED;
}

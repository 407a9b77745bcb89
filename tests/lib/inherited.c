/* SPDX-License-Identifier: MIT */
#include "inherited.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define STACK_BYTES (8 << 20)

/* A handler that is set here belongs to a sanitizer. */
static void forget_signals(void)
{
	struct sigaction now;
	sigset_t none;

	for (int number = 1; number <= SIGRTMAX; number++)
		if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
			signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(0);
}

/* Only root may raise the hard limit. */
static void set_limit(__rlimit_resource_t resource, rlim_t value)
{
	struct rlimit before, limit = {value, value};

	if (getrlimit(resource, &before) < 0)
		return;
	if (before.rlim_max > value)
		limit.rlim_max = before.rlim_max;
	if (setrlimit(resource, &limit) == 0)
		return;
	limit.rlim_max = before.rlim_max;
	if (limit.rlim_cur > limit.rlim_max)
		limit.rlim_cur = limit.rlim_max;
	setrlimit(resource, &limit);
}

static void forget_limits(void)
{
	static const __rlimit_resource_t unlimited[] = {RLIMIT_FSIZE, RLIMIT_DATA, RLIMIT_AS,
							RLIMIT_CPU};
	pthread_attr_t attr;

	for (size_t i = 0; i < sizeof(unlimited) / sizeof(unlimited[0]); i++)
		set_limit(unlimited[i], RLIM_INFINITY);
	set_limit(RLIMIT_NOFILE, INHERITED_FILES);
	/* Some cases crash on purpose. */
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_STACK, STACK_BYTES);
	/* The C library has read the old limit already. */
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_setattr_default_np(&attr);
	pthread_attr_destroy(&attr);
}

/* NAME=, or the beginning of several names. */
static bool is_kept(const char *variable)
{
	static const char *const kept[] = {
	    "PATH=",         "HOME=",         "BABUS_TEST_",   "BABUS_STRESS_",  "BABUSFS=",
	    "ASAN_OPTIONS=", "LSAN_OPTIONS=", "TSAN_OPTIONS=", "UBSAN_OPTIONS=", "LD_",
	    "MALLOC_",       "MESON_",        "QEMU_",         "GCOV_",          "CC=",
	    "http_proxy=",   "https_proxy=",  "no_proxy=",
	};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (strncmp(variable, kept[i], strlen(kept[i])) == 0)
			return true;
	return false;
}

static void forget_environment(void)
{
	char **before = environ;

	environ = NULL;
	for (; before && *before; before++)
		if (is_kept(*before))
			putenv(*before);
	setenv("LC_ALL", "C", 1);
	setenv("TERM", "dumb", 1);
}

static void forget_files(void)
{
	int null;

	close_range(3, ~0U, 0);
	do
		null = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (null >= 0 && null < 3 && fcntl(null, F_SETFD, 0) == 0);
	if (null < 0)
		exit(1);
	dup2(null, STDIN_FILENO);
	close(null);
	umask(022);
}

/* Before main(), which may start programs to find out whether to skip. */
__attribute__((constructor)) static void forget(void)
{
	forget_signals();
	forget_limits();
	forget_environment();
	forget_files();
}

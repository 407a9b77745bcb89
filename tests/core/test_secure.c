/* SPDX-License-Identifier: MIT */
/*
 * A program with the set-user-id bit does not let its caller's environment choose the
 * domain. Such a program is a copy of this one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

enum {
	OWNER = 61001,
	CALLER = 61002,
	NOT_SECURE = 3 /* status of the copy: the kernel took no notice of the bit */
};

static char copy[64];

/* What the copy does: its domain must not be that of the environment. */
static int run_copy(void)
{
	babus_domain *domain;
	int error;

	if (!getauxval(AT_SECURE))
		return NOT_SECURE;
	error = babus_domain_open(NULL, 0, NULL, &domain);
	if (error != -ENOENT)
		return 1;
	return strcmp(babus_error_detail(),
		      "no such domain, expected directory /dev/shm/babus.default") != 0;
}

static void make_copy(void)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), to;
	struct stat st;

	strcpy(copy, "/tmp/babus-test-XXXXXX");
	to = mkstemp(copy);
	assert_true(from >= 0 && to >= 0);
	assert_int_equal(fstat(from, &st), 0);
	while (st.st_size > 0) {
		ssize_t n = sendfile(to, from, NULL, (size_t)st.st_size);

		assert_true(n > 0);
		st.st_size -= n;
	}
	assert_int_equal(fchown(to, OWNER, OWNER), 0);
	assert_int_equal(fchmod(to, 04755), 0);
	close(from);
	close(to);
}

static void call_copy(void *arg)
{
	(void)arg;
	child_become(CALLER, (gid_t)-1);
	EXPECT(!setenv("BABUS_DOMAIN", "test", 1));
	execl(copy, copy, "copy", NULL);
	_exit(NOT_SECURE);
}

static void the_callers_environment_is_not_used(void **state)
{
	int status;

	(void)state;
	if (geteuid() != 0 || access("/dev/shm/babus.default", F_OK) == 0)
		skip();
	make_copy();
	status = child_wait(child_start(call_copy, NULL));
	unlink(copy);
	if (status == NOT_SECURE)
		skip();
	assert_int_equal(status, 0);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(the_callers_environment_is_not_used),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "copy"))
		_exit(run_copy());
	return support_main(run, 60);
}

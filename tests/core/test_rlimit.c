/* SPDX-License-Identifier: MIT */
/* Limits of file sizes, and signals that come meanwhile. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support.h"

static void create_beyond_the_largest_file(void *arg)
{
	struct rlimit limit = {1 << 20, 1 << 20};
	struct babus_slot_options opts = small_options(2, 4096);
	babus_domain *domain;
	babus_slot *slot = NULL;

	(void)arg;
	EXPECT(!setrlimit(RLIMIT_FSIZE, &limit));
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH | BABUS_CREATE, NULL, &slot),
		     -EFBIG);
	EXPECT(strstr(babus_error_detail(), "ulimit -f"));
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &slot), -ENOENT);
	/* A slot that is small enough can be made, and an existing one used. */
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH | BABUS_CREATE, &opts, &slot), 0);
	EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "large", BABUS_PUBLISH, NULL, &slot), 0);
	EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
	EXPECT(babus_slot_reserve(slot, 10, 1 << 20) >= 0);
	limit.rlim_cur = 0;
	EXPECT(!setrlimit(RLIMIT_FSIZE, &limit));
	EXPECT_EQUAL(babus_domain_open("none", BABUS_CREATE, NULL, &domain), -EFBIG);
}

static void slot_larger_than_files_may_be_is_efbig(void **state)
{
	(void)state;
	babus_slot_close(make_slot_with("large", NULL));
	child_join(child_start(create_beyond_the_largest_file, NULL));
}

static void create_domains_beyond_the_largest_file(void *arg)
{
	struct rlimit limit = {4096, 1 << 20};
	babus_domain *domain;

	(void)arg;
	EXPECT(!mkdir(root_file("babus.there"), 0700));
	EXPECT(!setrlimit(RLIMIT_FSIZE, &limit));
	EXPECT_EQUAL(babus_domain_open("new", BABUS_CREATE, NULL, &domain), -EFBIG);
	EXPECT(access(root_file("babus.new"), F_OK) < 0 && errno == ENOENT);
	/* The library does not remove a directory that existed before. */
	EXPECT_EQUAL(babus_domain_open("there", BABUS_CREATE, NULL, &domain), -EFBIG);
	EXPECT(!access(root_file("babus.there"), F_OK));
	limit.rlim_cur = limit.rlim_max;
	EXPECT(!setrlimit(RLIMIT_FSIZE, &limit));
	EXPECT_EQUAL(babus_domain_open("new", BABUS_CREATE, NULL, &domain), 0);
	EXPECT_EQUAL(babus_domain_open("there", BABUS_CREATE, NULL, &domain), 0);
}

static void domain_that_cannot_be_made_leaves_no_directory(void **state)
{
	(void)state;
	child_join(child_start(create_domains_beyond_the_largest_file, NULL));
}

/*
 * In place of the C library's: a signal came, so it starts over. Older kernels do that for each
 * signal that is not blocked, and a timer could block a caller for good.
 */
static unsigned interruptions, allocations;
static bool was_blocked;

int fallocate(int fd, int mode, off_t offset, off_t size)
{
	sigset_t blocked;

	allocations++;
	pthread_sigmask(SIG_BLOCK, NULL, &blocked);
	was_blocked = sigismember(&blocked, SIGALRM) && sigismember(&blocked, SIGUSR1);
	if (interruptions) {
		interruptions--;
		errno = EINTR;
		return -1;
	}
	return (int)syscall(SYS_fallocate, fd, mode, offset, size);
}

static void creation_goes_on_when_signals_come(void **state)
{
	sigset_t blocked;

	(void)state;
	interruptions = 5;
	allocations = 0;
	babus_slot_close(make_slot("s", 2, 64));
	assert_int_equal(interruptions, 0);
	assert_int_equal(allocations, 7);
	assert_true(was_blocked);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &blocked), 0);
	assert_false(sigismember(&blocked, SIGALRM));
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(slot_larger_than_files_may_be_is_efbig),
	    CASE(domain_that_cannot_be_made_leaves_no_directory),
	    CASE(creation_goes_on_when_signals_come),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

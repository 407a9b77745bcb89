/* SPDX-License-Identifier: MIT */
/*
 * Programs that lock their memory, as real-time programs do: a slot's holes stay holes, touched
 * pages stay in memory, and all calls work. (With MCL_CURRENT alone the kernel itself populates
 * what is mapped already.)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

#define MIB ((size_t)1 << 20)

enum {
	STRANGER = 61001
};

static char data[MIB];

static uint64_t bytes_of(const char *path)
{
	struct stat st;

	EXPECT(!stat(path, &st));
	return (uint64_t)st.st_blocks * 512;
}

/* A line of /proc/self/status, in KiB. */
static uint64_t status_kib(const char *key)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	uint64_t value = 0;

	EXPECT(file != NULL);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			value = strtoull(line + strlen(key), NULL, 10);
	fclose(file);
	return value;
}

static void lock_all(void)
{
	EXPECT(!mlockall(MCL_CURRENT | MCL_FUTURE));
}

static babus_slot *open_locked(unsigned flags)
{
	babus_domain *domain;
	babus_slot *slot;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", flags, NULL, &slot), 0);
	return slot;
}

static void read_all(babus_slot *slot)
{
	struct babus_message message;
	babus_reader *reader;
	char copy[16];

	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	EXPECT_EQUAL(babus_reader_next(reader, &message), 0);
	babus_message_release(&message);
	EXPECT_EQUAL(babus_slot_copy(slot, BABUS_LATEST, 0, copy, sizeof(copy), &message), 0);
	babus_reader_close(reader);
}

static void publish_locked(void *arg)
{
	struct babus_message message;
	babus_slot *slot;
	uint64_t freed;

	(void)arg;
	lock_all();
	slot = open_locked(BABUS_PUBLISH | BABUS_CREATE);
	EXPECT(bytes_of(domain_file("s.slot")) < MIB);
	for (int i = 0; i < 20; i++)
		EXPECT_EQUAL(babus_slot_publish(slot, data, MIB, NULL, NULL), 0);
	EXPECT(bytes_of(domain_file("s.slot")) < 11 * MIB);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	EXPECT(!memcmp(message.data, data, MIB));
	babus_message_release(&message);
	/* Touched pages are locked, and those alone. */
	EXPECT(status_kib("VmRSS:") > 9216);
	EXPECT(status_kib("VmRSS:") < 65536);
	for (int i = 0; i < 8; i++)
		EXPECT_EQUAL(babus_slot_publish(slot, "small", 5, NULL, NULL), 0);
	EXPECT_EQUAL(babus_slot_trim(slot, &freed), 0);
	EXPECT(freed >= 8 * MIB);
	EXPECT(bytes_of(domain_file("s.slot")) < MIB);
	EXPECT_EQUAL(babus_slot_reserve(slot, 10, MIB), 10);
	EXPECT(bytes_of(domain_file("s.slot")) >= 10 * MIB);
	for (int i = 0; i < 20; i++)
		EXPECT_EQUAL(babus_slot_publish(slot, data, MIB, NULL, NULL), 0);
	EXPECT(bytes_of(domain_file("s.slot")) < 11 * MIB);
	babus_slot_close(slot);
}

static void publisher_with_locked_memory_populates_nothing_that_it_does_not_use(void **state)
{
	(void)state;
	memset(data, 7, MIB);
	child_join(child_start(publish_locked, NULL));
}

static void read_locked(void *arg)
{
	babus_slot *slot;

	(void)arg;
	lock_all();
	slot = open_locked(BABUS_READ);
	read_all(slot);
	EXPECT(status_kib("VmRSS:") < 65536);
	babus_slot_close(slot);
}

static void reader_with_locked_memory_populates_nothing(void **state)
{
	babus_slot *slot = make_slot_with("s", NULL);
	uint64_t bytes;

	(void)state;
	publish_text(slot, "hello");
	/* Else the child would lock its copy of this mapping. */
	babus_slot_close(slot);
	bytes = bytes_of(domain_file("s.slot"));
	child_join(child_start(read_locked, NULL));
	assert_int_equal(bytes_of(domain_file("s.slot")), bytes);
}

static void lose_the_file(void *arg)
{
	struct babus_message message;
	babus_slot *slot;

	(void)arg;
	lock_all();
	EXPECT_EQUAL(babus_guard_install(), 0);
	slot = open_locked(BABUS_READ);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	EXPECT(!truncate(domain_file("s.slot"), 0));
	EXPECT_EQUAL(*(const char *)message.data, 0);
	babus_message_release(&message);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), -EIO);
	EXPECT(status_kib("VmRSS:") < 65536);
	babus_slot_close(slot);
}

static void zero_pages_in_a_lost_mapping_are_not_populated_either(void **state)
{
	babus_slot *slot = make_slot_with("s", NULL);

	(void)state;
	publish_text(slot, "hello");
	babus_slot_close(slot);
	child_join(child_start(lose_the_file, NULL));
}

static void lock_more_than_is_allowed(void *arg)
{
	struct rlimit limit = {4 * MIB, 4 * MIB};
	struct babus_slot_options opts = small_options(2, 64);
	babus_domain *domain;
	babus_slot *slot = NULL;

	(void)arg;
	EXPECT(!setrlimit(RLIMIT_MEMLOCK, &limit));
	child_become(STRANGER, (gid_t)-1);
	EXPECT(!mlockall(MCL_FUTURE));
	EXPECT_EQUAL(babus_domain_open("mine", BABUS_CREATE, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH | BABUS_CREATE, NULL, &slot),
		     -ENOMEM);
	EXPECT(strstr(babus_error_detail(), "RLIMIT_MEMLOCK"));
	EXPECT_EQUAL(babus_slot_open(domain, "small", BABUS_PUBLISH | BABUS_CREATE, &opts, &slot),
		     0);
	EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
	read_all(slot);
	babus_slot_close(slot);
}

static void more_than_may_be_locked_is_enomem_and_names_the_limit(void **state)
{
	(void)state;
	if (geteuid()) {
		printf("skipped: becoming another user needs root\n");
		return;
	}
	assert_int_equal(chmod(support_root, 01777), 0);
	child_join(child_start(lock_more_than_is_allowed, NULL));
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(publisher_with_locked_memory_populates_nothing_that_it_does_not_use),
	    CASE(reader_with_locked_memory_populates_nothing),
	    CASE(zero_pages_in_a_lost_mapping_are_not_populated_either),
	    CASE(more_than_may_be_locked_is_enomem_and_names_the_limit),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

static void try_to_lock(void *arg)
{
	(void)arg;
	EXPECT(!mlockall(MCL_CURRENT | MCL_FUTURE));
}

static int try_and_run(void)
{
	/* Not without the right to lock, nor with a sanitizer's shadow, which is terabytes. */
	if (SUPPORT_SANITIZED || !support_madvise_works() ||
	    child_wait(child_start(try_to_lock, NULL))) {
		printf("skipped: memory cannot be locked here\n");
		return SKIPPED;
	}
	return run();
}

int main(void)
{
	return support_main(try_and_run, 60);
}

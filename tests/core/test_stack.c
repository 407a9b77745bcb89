/* SPDX-License-Identifier: MIT */
/* Threads with the smallest stack possible, and how much stack each call needs. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support.h"

enum {
	PAINTED = 256 * 1024,
	PROMISED = 8 * 1024, /* babus.h: what a call needs */
	PAINT = 0xa5
};

static struct babus_slot_options large_tables(void)
{
	struct babus_slot_options opts;

	babus_slot_options_init(&opts);
	opts.depth = 20000;
	opts.loans = 16000;
	opts.pins = 29000;
	opts.max_size = 64;
	return opts;
}

static void read_and_copy(babus_slot *slot)
{
	struct babus_message message;
	babus_reader *reader;
	char copy[64];

	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	EXPECT_EQUAL(babus_slot_copy(slot, BABUS_LATEST, 0, copy, sizeof(copy), &message), 0);
	EXPECT_EQUAL(babus_slot_copy(slot, BABUS_LATEST, 0, copy, 0, &message), -EMSGSIZE);
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	EXPECT_EQUAL(babus_reader_next(reader, &message), 0);
	babus_message_release(&message);
	EXPECT_EQUAL(babus_reader_latest(reader, &message), 0);
	babus_message_release(&message);
	EXPECT_EQUAL(babus_reader_wait(reader, babus_deadline(MILLISECOND)), -ETIMEDOUT);
	babus_reader_close(reader);
}

static void *do_everything(void *arg)
{
	struct babus_slot_options opts = large_tables();
	struct babus_report report;
	struct babus_slot_info info;
	struct babus_loan loan;
	babus_domain *domain;
	babus_slot *slot;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("stack", BABUS_CREATE, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH | BABUS_CREATE, &opts, &slot), 0);
	for (int i = 0; i < 100; i++)
		EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
	/* Looks at all pins. */
	EXPECT_EQUAL(babus_slot_trim(slot, NULL), 0);
	EXPECT(babus_slot_reserve(slot, 1, 64) >= 0);
	EXPECT_EQUAL(babus_slot_loan(slot, 64, &loan), 0);
	EXPECT_EQUAL(babus_loan_commit(&loan, NULL), 0);
	EXPECT_EQUAL(babus_slot_publish(slot, "x", 65, NULL, NULL), -EMSGSIZE);
	read_and_copy(slot);
	EXPECT_EQUAL(babus_slot_info(slot, &info), 0);
	EXPECT_EQUAL(babus_slot_clients(slot, ignore_client, NULL), 0);
	EXPECT_EQUAL(babus_domain_recover(domain, 1, &report), 0);
	EXPECT_EQUAL(babus_slot_remove(slot), 0);
	babus_slot_close(slot);
	babus_domain_close(domain);
	EXPECT_EQUAL(babus_domain_remove("stack", NULL), 0);
	return NULL;
}

/* Publish until it looks for displaced buffers, again and again. */
static void *publish_all_around(void *arg)
{
	struct babus_slot_options opts = large_tables();
	babus_slot *slot;

	(void)arg;
	EXPECT_EQUAL(babus_slot_open(bus, "s", BABUS_PUBLISH | BABUS_CREATE, &opts, &slot), 0);
	for (int i = 0; i < 50000; i++)
		EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
	babus_slot_close(slot);
	return NULL;
}

static void *do_nothing(void *arg)
{
	return arg;
}

static void run_with_the_smallest_stack(void *(*run)(void *))
{
	pthread_attr_t attr;
	pthread_t thread;

	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstacksize(&attr, (size_t)sysconf(_SC_THREAD_STACK_MIN)),
			 0);
	assert_int_equal(pthread_create(&thread, &attr, run, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attr);
}

/* Bytes of stack that a thread has used, its own block at the top included. */
static size_t stack_used(void *(*run)(void *))
{
	unsigned char *stack = mmap(NULL, PAINTED, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t untouched = 0;
	pthread_attr_t attr;
	pthread_t thread;

	assert_ptr_not_equal(stack, MAP_FAILED);
	memset(stack, PAINT, PAINTED);
	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstack(&attr, stack, PAINTED), 0);
	assert_int_equal(pthread_create(&thread, &attr, run, NULL), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attr);
	while (untouched < PAINTED && stack[untouched] == PAINT)
		untouched++;
	munmap(stack, PAINTED);
	return PAINTED - untouched;
}

static void thread_with_the_smallest_stack_can_do_everything(void **state)
{
	(void)state;
	run_with_the_smallest_stack(do_everything);
	run_with_the_smallest_stack(publish_all_around);
}

static void no_call_needs_more_stack_than_is_promised(void **state)
{
	size_t nothing, needed;

	(void)state;
	/* The first run may resolve symbols, which needs more than any call. */
	do_everything(NULL);
	nothing = stack_used(do_nothing);
	needed = stack_used(do_everything) - nothing;
	printf("# %zu bytes, the caller's own variables included\n", needed);
	assert_true(needed < PROMISED);
	assert_true(stack_used(publish_all_around) - nothing < PROMISED);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(thread_with_the_smallest_stack_can_do_everything),
	    CASE(no_call_needs_more_stack_than_is_promised),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	if (SUPPORT_SANITIZED) {
		printf("skipped: a sanitizer needs more stack\n");
		return SKIPPED;
	}
	return support_main(run, 120);
}

/* SPDX-License-Identifier: MIT */
/*
 * Addresses: a handle maps at most a GiB of a slot's payload, and farther buffers when a message
 * is in one.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support.h"

#define GIB  (UINT64_C(1) << 30)
#define LAST (UINT64_C(256) << 20) /* of the largest message here: four buffers are near */

enum {

	DEPTH = 2,
	LOANS = 4,
	PINS = 10,
	HELD = 6,
	SLOTS = 300
};

static uint64_t address_space(void)
{
	uint64_t pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	EXPECT(file && fscanf(file, "%lu", &pages) == 1);
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void limit_address_space(uint64_t bytes)
{
	struct rlimit limit = {bytes, bytes};

	EXPECT(!setrlimit(RLIMIT_AS, &limit));
}

static babus_slot *make(void)
{
	struct babus_slot_options opts = small_options(DEPTH, LAST);

	opts.loans = LOANS;
	opts.pins = PINS;
	return make_slot_with("s", &opts);
}

static void publish_number(babus_slot *slot, int number)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", number);

	EXPECT_EQUAL(babus_slot_publish(slot, text, (size_t)length, NULL, NULL), 0);
}

static bool holds(const struct babus_message *message, int number)
{
	char text[16];
	int length = snprintf(text, sizeof(text), "%d", number);

	return message->size == (size_t)length && !memcmp(message->data, text, message->size);
}

/* Readers hold messages that fill the near buffers. Later messages are far. */
static void hold_some(babus_slot *publishes, babus_slot *reads, struct babus_message held[HELD])
{
	for (int i = 0; i < HELD; i++) {
		publish_number(publishes, i);
		EXPECT_EQUAL(babus_slot_view(reads, BABUS_LATEST, 0, &held[i]), 0);
	}
}

static void release_all(struct babus_message held[HELD])
{
	for (int i = 0; i < HELD; i++)
		babus_message_release(&held[i]);
}

/* --- few addresses ----------------------------------------------------------------------- */

static void open_many(void *arg)
{
	static babus_slot *slots[SLOTS];
	struct babus_message message;
	babus_domain *domain;
	char name[16];

	(void)arg;
	/* A machine with 39 bits of addresses. */
	limit_address_space(512 * GIB);
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	for (int i = 0; i < SLOTS; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		EXPECT_EQUAL(
		    babus_slot_open(domain, name, BABUS_PUBLISH | BABUS_CREATE, NULL, &slots[i]),
		    0);
		publish_number(slots[i], i);
	}
	for (int i = 0; i < SLOTS; i++) {
		EXPECT_EQUAL(babus_slot_view(slots[i], BABUS_LATEST, 0, &message), 0);
		EXPECT(holds(&message, i));
		babus_message_release(&message);
		babus_slot_close(slots[i]);
	}
}

static void hundreds_of_default_slots_fit_into_39_bits(void **state)
{
	(void)state;
	if (SUPPORT_SANITIZED || !support_address_space(400 * GIB)) {
		printf("skipped: too little address space\n");
		return;
	}
	child_join(child_start(open_many, NULL));
}

static void open_one(void *arg)
{
	uint64_t before = address_space();
	babus_slot *slot = open_slot("s", BABUS_PUBLISH);

	(void)arg;
	EXPECT(address_space() - before <= GIB + (1 << 20));
	publish_number(slot, 1);
	EXPECT(address_space() - before <= GIB + (1 << 20));
	babus_slot_close(slot);
	EXPECT(address_space() - before <= 1 << 20);
}

static void handle_maps_a_gib_of_payload_at_most(void **state)
{
	(void)state;
	babus_slot_close(make());
	open_one(NULL);
}

/* --- far buffers ------------------------------------------------------------------------- */

static void messages_in_far_buffers_work_like_others(void **state)
{
	babus_slot *publishes = make(), *reads = open_slot("s", BABUS_READ), *fresh;
	uint64_t before = address_space();
	struct babus_message held[HELD], message;
	babus_reader *reader;
	char copy[16];

	(void)state;
	hold_some(publishes, reads, held);
	assert_true(address_space() - before > UINT64_C(2) * 9 * LAST);
	for (int i = 0; i < HELD; i++)
		assert_true(holds(&held[i], i));
	/*
	 * Through a handle that has not mapped the far buffers: by view, by copy, and in order.
	 */
	for (int i = 0; i < 3; i++) {
		fresh = open_slot("s", BABUS_READ);
		if (i == 0) {
			assert_int_equal(babus_slot_view(fresh, BABUS_LATEST, 0, &message), 0);
			assert_true(holds(&message, HELD - 1));
			babus_message_release(&message);
		} else if (i == 1) {
			assert_int_equal(
			    babus_slot_copy(fresh, BABUS_AGE, 1, copy, sizeof(copy), &message), 0);
			assert_true(holds(&message, HELD - 2));
		} else {
			assert_int_equal(babus_reader_open(fresh, BABUS_START_OLDEST, 0, &reader),
					 0);
			assert_int_equal(babus_reader_next(reader, &message), 0);
			assert_true(holds(&message, HELD - 2));
			babus_message_release(&message);
			babus_reader_close(reader);
		}
		babus_slot_close(fresh);
	}
	/* After some use. */
	for (int i = 0; i < 1000; i++) {
		publish_number(publishes, i);
		assert_int_equal(
		    babus_slot_copy(reads, BABUS_LATEST, 0, copy, sizeof(copy), &message), 0);
		assert_true(holds(&message, i));
	}
	for (int i = 0; i < HELD; i++)
		assert_true(holds(&held[i], i));
	release_all(held);
	babus_slot_close(reads);
	babus_slot_close(publishes);
	/* Near and far, of both handles. */
	assert_true(address_space() <= before - 2 * GIB + (1 << 20));
}

static void *look_at_latest(void *arg)
{
	struct babus_message message;

	for (int i = 0; i < 100; i++) {
		EXPECT_EQUAL(babus_slot_view(arg, BABUS_LATEST, 0, &message), 0);
		EXPECT(holds(&message, HELD - 1));
		babus_message_release(&message);
	}
	return NULL;
}

static void threads_that_need_them_at_once_share_one_mapping(void **state)
{
	enum {
		THREADS = 4
	};
	babus_slot *publishes = make(), *reads = open_slot("s", BABUS_READ), *fresh;
	struct babus_message held[HELD];
	pthread_t threads[THREADS];

	(void)state;
	hold_some(publishes, reads, held);
	for (int round = 0; round < 20; round++) {
		uint64_t before = address_space();

		fresh = open_slot("s", BABUS_READ);
		for (int i = 0; i < THREADS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, look_at_latest, fresh),
					 0);
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		babus_slot_close(fresh);
		/* The C library keeps stacks of threads. */
		if (round)
			assert_true(address_space() - before < LAST);
	}
	release_all(held);
	babus_slot_close(reads);
	babus_slot_close(publishes);
}

static void reserve_and_trim_reach_them(void **state)
{
	enum {
		SIZE = 100000,
		BUFFERS = DEPTH + LOANS + PINS
	};
	babus_slot *slot = make(), *other;
	uint64_t before = bytes_of_slot(), address, freed;

	(void)state;
	assert_int_equal(babus_slot_reserve(slot, 1000, SIZE), BUFFERS);
	assert_true(bytes_of_slot() >= before + (uint64_t)BUFFERS * SIZE);
	if (!support_madvise_works()) {
		printf("skipped: MADV_REMOVE does nothing here\n");
		return;
	}
	/* A handle that has not mapped them need not do so. */
	other = open_slot("s", BABUS_PUBLISH);
	address = address_space();
	assert_int_equal(babus_slot_trim(other, &freed), 0);
	assert_true(freed >= (uint64_t)BUFFERS * SIZE);
	assert_int_equal(bytes_of_slot(), before);
	assert_int_equal(babus_slot_trim(other, &freed), 0);
	assert_int_equal(freed, 0);
	assert_true(address_space() - address < 1 << 20);
	assert_int_equal(babus_slot_reserve(slot, 1000, SIZE), BUFFERS);
	assert_int_equal(babus_slot_trim(slot, &freed), 0);
	assert_true(freed >= (uint64_t)BUFFERS * SIZE);
	babus_slot_close(other);
	babus_slot_close(slot);
}

/* --- when they cannot be mapped ------------------------------------------------------ */

static babus_slot *open_own(babus_domain *domain, unsigned flags)
{
	babus_slot *slot;

	EXPECT_EQUAL(babus_slot_open(domain, "s", flags, NULL, &slot), 0);
	return slot;
}

static void need_more_addresses_than_there_are(void *arg)
{
	struct babus_message held[HELD], message;
	babus_slot *publishes, *reads, *roomy;
	babus_domain *domain;
	uint64_t seq;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	publishes = open_own(domain, BABUS_PUBLISH);
	reads = open_own(domain, BABUS_READ);
	roomy = open_own(domain, BABUS_PUBLISH);
	hold_some(roomy, roomy, held);
	publish_number(roomy, 99);
	limit_address_space(address_space() + LAST);
	for (int i = 0; i < 20; i++) {
		seq = 7;
		EXPECT_EQUAL(babus_slot_publish(publishes, "x", 1, NULL, &seq), -ENOMEM);
		EXPECT_EQUAL(seq, 7);
		EXPECT_EQUAL(babus_slot_view(reads, BABUS_LATEST, 0, &message), -ENOMEM);
		EXPECT_EQUAL(babus_slot_reserve(publishes, 1000, 1), -ENOMEM);
	}
	/* Nothing stays in use for it. */
	publish_number(roomy, 1);
	release_all(held);
	for (int i = 0; i < 20; i++) {
		EXPECT_EQUAL(babus_slot_publish(publishes, "x", 1, NULL, NULL), 0);
		EXPECT_EQUAL(babus_slot_view(reads, BABUS_LATEST, 0, &message), 0);
		babus_message_release(&message);
	}
	babus_slot_close(publishes);
	babus_slot_close(reads);
	babus_slot_close(roomy);
}

static void too_few_addresses_are_enomem_and_nothing_else(void **state)
{
	(void)state;
	if (SUPPORT_SANITIZED) {
		printf("skipped: a sanitizer needs addresses of its own\n");
		return;
	}
	babus_slot_close(make());
	child_join(child_start(need_more_addresses_than_there_are, NULL));
}

static void slot_without_its_file_has_no_far_buffers(void **state)
{
	babus_slot *publishes = make(), *reads = open_slot("s", BABUS_READ);
	babus_slot *roomy = open_slot("s", BABUS_PUBLISH);
	struct babus_message held[HELD], message;

	(void)state;
	hold_some(roomy, roomy, held);
	assert_int_equal(unlink(domain_file("s.slot")), 0);
	assert_int_equal(babus_slot_publish(publishes, "x", 1, NULL, NULL), -ENODEV);
	assert_int_equal(babus_slot_view(reads, BABUS_LATEST, 0, &message), -ENODEV);
	release_all(held);
	babus_slot_close(publishes);
	babus_slot_close(reads);
	babus_slot_close(roomy);
}

/* Truncated behind the near buffers. */
static void cut(void)
{
	EXPECT(!truncate(domain_file("s.slot"), (off_t)(GIB + (1 << 20))));
}

static void lose_what_is_far(void *arg)
{
	struct babus_message held[HELD], message;
	babus_slot *publishes, *fresh;
	babus_domain *domain;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_guard_install(), 0);
	publishes = open_own(domain, BABUS_PUBLISH);
	fresh = open_own(domain, BABUS_READ);
	hold_some(publishes, publishes, held);
	cut();
	/* Mapped before: it reads as zeros, and the slot is lost. */
	EXPECT_EQUAL(*(const char *)held[HELD - 1].data, 0);
	EXPECT_EQUAL(babus_slot_view(publishes, BABUS_LATEST, 0, &message), -EIO);
	EXPECT_EQUAL(babus_slot_publish(publishes, "x", 1, NULL, NULL), -EIO);
	/* Not mapped before: found at once. */
	EXPECT_EQUAL(babus_slot_view(fresh, BABUS_LATEST, 0, &message), -EIO);
	release_all(held);
	babus_slot_close(publishes);
	babus_slot_close(fresh);
}

static void far_buffers_that_were_cut_off_are_eio(void **state)
{
	(void)state;
	if (SUPPORT_SANITIZED) {
		printf("skipped: a sanitizer has a handler of its own\n");
		return;
	}
	babus_slot_close(make());
	child_join(child_start(lose_what_is_far, NULL));
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(hundreds_of_default_slots_fit_into_39_bits),
	    CASE(handle_maps_a_gib_of_payload_at_most),
	    CASE(messages_in_far_buffers_work_like_others),
	    CASE(threads_that_need_them_at_once_share_one_mapping),
	    CASE(reserve_and_trim_reach_them),
	    CASE(too_few_addresses_are_enomem_and_nothing_else),
	    CASE(slot_without_its_file_has_no_far_buffers),
	    CASE(far_buffers_that_were_cut_off_are_eio),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

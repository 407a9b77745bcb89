/* SPDX-License-Identifier: MIT */
/* Publishing by copy, from pieces, and through loans. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "payload.h"
#include "support.h"

static void first_message_has_the_first_number(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);

	(void)state;
	assert_int_equal(publish_text(slot, "a"), 1);
	assert_int_equal(publish_text(slot, "b"), 2);
	babus_slot_close(slot);
}

static void messages_of_all_sizes_come_back_whole(void **state)
{
	static const size_t sizes[] = {0,    1,    63,   64,    65,      4095,    4096,
				       4097, 8191, 8193, 65536, 6220800, 64 << 20};
	enum {
		LARGEST = 64 << 20
	};
	babus_slot *slot = make_slot("s", 2, LARGEST);
	char *data = malloc(LARGEST), *copy = malloc(LARGEST);

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct babus_stamp stamp = payload_fill(data, sizes[i], payload_tag(3, i));
		struct babus_message message;

		assert_int_equal(babus_slot_publish(slot, data, sizes[i], &stamp, NULL), 0);
		assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
		assert_int_equal(message.size, sizes[i]);
		assert_int_equal(message.tag, payload_tag(3, i));
		assert_true(payload_matches(&message));
		babus_message_release(&message);
		assert_int_equal(babus_slot_copy(slot, BABUS_LATEST, 0, copy, LARGEST, &message),
				 0);
		assert_ptr_equal(message.data, copy);
		assert_true(payload_matches(&message));
	}
	free(data);
	free(copy);
	babus_slot_close(slot);
}

static void limits_of_every_stride_work_to_the_last_byte(void **state)
{
	static const size_t limits[] = {1, 64, 65, 4095, 4096, 4097, 100000};
	char *data = malloc(100001);

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++) {
		babus_slot *slot = make_slot("s", 3, limits[i]);

		/* More than all buffers, so that neighbours would overlap. */
		for (unsigned n = 0; n < 40; n++) {
			struct babus_stamp stamp = payload_fill(data, limits[i], payload_tag(1, n));
			struct babus_message message;

			assert_int_equal(babus_slot_publish(slot, data, limits[i], &stamp, NULL),
					 0);
			for (unsigned age = 0; age < 3 && age <= n; age++) {
				assert_int_equal(babus_slot_view(slot, BABUS_AGE, age, &message),
						 0);
				assert_int_equal(payload_counter(message.tag), n - age);
				assert_true(payload_matches(&message));
				babus_message_release(&message);
			}
		}
		assert_int_equal(babus_slot_publish(slot, data, limits[i] + 1, NULL, NULL),
				 -EMSGSIZE);
		babus_slot_close(slot);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	}
	free(data);
}

static void message_above_the_limit_is_emsgsize_and_publishes_nothing(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);
	char text[] = "12345678901234567";
	struct iovec pieces[2] = {{text, 9}, {text, 8}};
	struct iovec endless[2] = {{text, SIZE_MAX}, {text, SIZE_MAX}};
	struct babus_message message;
	struct babus_loan loan;
	uint64_t seq = 77;

	(void)state;
	assert_int_equal(babus_slot_publish(slot, text, 17, NULL, &seq), -EMSGSIZE);
	assert_int_equal(babus_slot_publishv(slot, pieces, 2, NULL, &seq), -EMSGSIZE);
	assert_int_equal(babus_slot_publishv(slot, endless, 2, NULL, &seq), -EMSGSIZE);
	assert_int_equal(babus_slot_loan(slot, 17, &loan), -EMSGSIZE);
	assert_int_equal(babus_slot_loan(slot, SIZE_MAX, &loan), -EMSGSIZE);
	assert_int_equal(seq, 77);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), -ENODATA);
	babus_slot_close(slot);
}

static void pieces_are_gathered_in_order(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	char one[] = "one ", two[] = "two ", three[] = "three";
	struct iovec pieces[4] = {{one, 4}, {NULL, 0}, {two, 4}, {three, 5}};
	struct babus_message message;
	uint64_t seq;

	(void)state;
	assert_int_equal(babus_slot_publishv(slot, pieces, 4, NULL, &seq), 0);
	assert_int_equal(seq, 1);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "one two three");
	assert_int_equal(babus_slot_publishv(slot, NULL, 0, NULL, &seq), 0);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "");
	assert_int_equal(babus_slot_publishv(slot, pieces, -1, NULL, &seq), -EINVAL);
	babus_slot_close(slot);
}

static void stamp_comes_with_the_message(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	struct babus_stamp stamp = {.source_time_ns = 12345, .tag = UINT64_MAX, .pid = 4321};
	struct babus_message message;
	uint64_t before, after;

	(void)state;
	before = babus_now();
	assert_int_equal(babus_slot_publish(slot, "x", 1, &stamp, NULL), 0);
	after = babus_now();
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_int_equal(message.source_time_ns, 12345);
	assert_true(message.tag == UINT64_MAX);
	assert_int_equal(message.pid, 4321);
	assert_in_range(message.time_ns, before, after);
	babus_message_release(&message);

	publish_text(slot, "plain");
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_int_equal(message.source_time_ns, 0);
	assert_int_equal(message.tag, 0);
	assert_int_equal(message.pid, getpid());
	babus_message_release(&message);
	babus_slot_close(slot);
}

static void handle_opened_to_read_may_not_publish(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64), *reading = open_slot("s", BABUS_READ);
	struct babus_loan loan;

	(void)state;
	assert_int_equal(babus_slot_publish(reading, "x", 1, NULL, NULL), -EACCES);
	assert_int_equal(babus_slot_publishv(reading, NULL, 0, NULL, NULL), -EACCES);
	assert_int_equal(babus_slot_loan(reading, 1, &loan), -EACCES);
	assert_int_equal(babus_slot_reserve(reading, 1, 1), -EACCES);
	babus_slot_close(slot);
	babus_slot_close(reading);
}

/* --- loans -------------------------------------------------------------------------- */

static void loan_is_invisible_until_committed(void **state)
{
	babus_slot *slot = make_slot("s", 2, 100);
	struct babus_message message;
	struct babus_loan loan;
	uint64_t seq;

	(void)state;
	assert_int_equal(babus_slot_loan(slot, 100, &loan), 0);
	assert_int_equal(loan.capacity, 100);
	assert_int_equal(loan.size, 100);
	assert_int_equal((uintptr_t)loan.data % 64, 0);
	memcpy(loan.data, "in place", 8);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), -ENODATA);
	loan.size = 8;
	loan.stamp.tag = 9;
	assert_int_equal(babus_loan_commit(&loan, &seq), 0);
	assert_int_equal(seq, 1);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_int_equal(message.tag, 9);
	assert_text(&message, "in place");
	babus_slot_close(slot);
}

static void commit_above_the_capacity_is_einval_and_keeps_the_loan(void **state)
{
	babus_slot *slot = make_slot("s", 2, 100);
	struct babus_message message;
	struct babus_loan loan;

	(void)state;
	assert_int_equal(babus_slot_loan(slot, 10, &loan), 0);
	loan.size = 11;
	assert_int_equal(babus_loan_commit(&loan, NULL), -EINVAL);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), -ENODATA);
	loan.size = 10;
	assert_int_equal(babus_loan_commit(&loan, NULL), 0);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_int_equal(message.size, 10);
	babus_message_release(&message);
	babus_slot_close(slot);
}

static void ended_loan_is_ignored(void **state)
{
	babus_slot *slot = make_slot("s", 2, 100);
	struct babus_loan loan;

	(void)state;
	assert_int_equal(babus_slot_loan(slot, 10, &loan), 0);
	assert_int_equal(babus_loan_commit(&loan, NULL), 0);
	assert_int_equal(babus_loan_commit(&loan, NULL), -EINVAL);
	babus_loan_discard(&loan);
	assert_int_equal(babus_slot_loan(slot, 10, &loan), 0);
	babus_loan_discard(&loan);
	babus_loan_discard(&loan);
	assert_int_equal(babus_loan_commit(&loan, NULL), -EINVAL);
	babus_slot_close(slot);
}

static void all_loans_in_use_is_enobufs_until_one_comes_back(void **state)
{
	babus_slot *slot = make_slot("s", 2, 100);
	struct babus_loan loans[4], more;

	(void)state;
	for (int round = 0; round < 100; round++) {
		for (int i = 0; i < 4; i++)
			assert_int_equal(babus_slot_loan(slot, 100, &loans[i]), 0);
		assert_int_equal(babus_slot_loan(slot, 1, &more), -ENOBUFS);
		assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), -ENOBUFS);
		babus_loan_discard(&loans[round % 4]);
		publish_text(slot, "again");
		assert_int_equal(babus_slot_loan(slot, 1, &loans[round % 4]), 0);
		for (int i = 0; i < 4; i++)
			assert_int_equal(babus_loan_commit(&loans[i], NULL), 0);
	}
	babus_slot_close(slot);
}

static void loans_in_use_by_others_refuse_another_publisher(void **state)
{
	babus_slot *slots[4], *more = NULL;

	(void)state;
	for (int i = 0; i < 4; i++)
		slots[i] = make_slot("s", 2, 100);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &more), -ENOBUFS);
	assert_non_null(strstr(babus_error_detail(), "'s'"));
	assert_int_equal(babus_slot_open(bus, "s", BABUS_READ, NULL, &more), 0);
	babus_slot_close(more);
	babus_slot_close(slots[1]);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &slots[1]), 0);
	for (int i = 0; i < 4; i++)
		babus_slot_close(slots[i]);
}

static void loans_never_share_a_buffer_with_messages_or_views(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	struct babus_message views[8];
	struct babus_loan loans[4];
	char text[32];

	(void)state;
	/* Everything at its limit: 2 kept, 8 pinned, 4 on loan, no buffer is left. */
	for (int i = 0; i < 8; i++) {
		snprintf(text, sizeof(text), "view %d", i);
		publish_text(slot, text);
		assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &views[i]), 0);
	}
	publish_text(slot, "older");
	publish_text(slot, "newer");
	for (int i = 0; i < 4; i++) {
		assert_int_equal(babus_slot_loan(slot, 64, &loans[i]), 0);
		memset(loans[i].data, '!', 64);
	}
	for (int i = 0; i < 8; i++) {
		snprintf(text, sizeof(text), "view %d", i);
		assert_text(&views[i], text);
	}
	assert_int_equal(babus_slot_view(slot, BABUS_AGE, 1, &views[0]), 0);
	assert_text(&views[0], "older");
	for (int i = 0; i < 4; i++)
		babus_loan_discard(&loans[i]);
	babus_slot_close(slot);
}

static void loans_of_one_handle_commit_in_any_order(void **state)
{
	babus_slot *slot = make_slot("s", 4, 64);
	struct babus_message message;
	struct babus_loan loans[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(babus_slot_loan(slot, 1, &loans[i]), 0);
		*(char *)loans[i].data = (char)('a' + i);
	}
	assert_int_equal(babus_loan_commit(&loans[1], NULL), 0);
	assert_int_equal(babus_loan_commit(&loans[2], NULL), 0);
	assert_int_equal(babus_loan_commit(&loans[0], NULL), 0);
	assert_int_equal(babus_slot_view(slot, BABUS_SEQ, 1, &message), 0);
	assert_text(&message, "b");
	assert_int_equal(babus_slot_view(slot, BABUS_SEQ, 2, &message), 0);
	assert_text(&message, "c");
	assert_int_equal(babus_slot_view(slot, BABUS_SEQ, 3, &message), 0);
	assert_text(&message, "a");
	babus_slot_close(slot);
}

static void slot_without_room_for_a_spare_buffer_works(void **state)
{
	struct babus_slot_options opts = small_options(1, 64);
	struct babus_message message;
	babus_slot *slot;

	(void)state;
	opts.loans = opts.pins = 1;
	slot = make_slot_with("s", &opts);
	for (int i = 0; i < 100; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d", i);
		publish_text(slot, text);
		assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
		publish_text(slot, "next");
		assert_text(&message, text);
	}
	babus_slot_close(slot);
}

/* --- reserved memory, and memory given back ------------------------------------------ */

static void reserve_takes_the_memory_and_trim_gives_it_back(void **state)
{
	babus_slot *slot = make_slot("s", 2, 1 << 20);
	struct babus_slot_info before, reserved, trimmed;
	uint64_t freed = 0;

	(void)state;
	assert_int_equal(babus_slot_info(slot, &before), 0);
	assert_int_equal(babus_slot_reserve(slot, 3, 1 << 20), 3);
	assert_int_equal(babus_slot_info(slot, &reserved), 0);
	assert_true(reserved.bytes_used >= before.bytes_used + (3 << 20));
	assert_int_equal(babus_slot_reserve(slot, 3, 1 << 20), 3);
	assert_int_equal(babus_slot_info(slot, &trimmed), 0);
	assert_int_equal(trimmed.bytes_used, reserved.bytes_used);
	if (!support_madvise_works()) {
		printf("skipped: MADV_REMOVE does nothing here\n");
		return;
	}
	assert_int_equal(babus_slot_trim(slot, &freed), 0);
	assert_int_equal(freed, 3 << 20);
	assert_int_equal(babus_slot_info(slot, &trimmed), 0);
	assert_int_equal(trimmed.bytes_used, before.bytes_used);
	assert_int_equal(babus_slot_reserve(slot, 1, (1 << 20) + 1), -EMSGSIZE);
	babus_slot_close(slot);
}

static void trim_keeps_the_messages_and_what_is_pinned(void **state)
{
	babus_slot *slot = make_slot("s", 2, 1 << 20);
	struct babus_message pinned, message;

	(void)state;
	publish_text(slot, "pinned");
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &pinned), 0);
	publish_many(slot, 5);
	publish_text(slot, "older");
	publish_text(slot, "newer");
	assert_int_equal(babus_slot_trim(slot, NULL), 0);
	assert_text(&pinned, "pinned");
	assert_int_equal(babus_slot_view(slot, BABUS_AGE, 1, &message), 0);
	assert_text(&message, "older");
	assert_int_equal(babus_slot_view(slot, BABUS_AGE, 0, &message), 0);
	assert_text(&message, "newer");
	publish_text(slot, "after");
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "after");
	babus_slot_close(slot);
}

/* The kept messages are small, but in buffers of the burst. */
static void trim_gives_back_a_burst_from_under_small_messages(void **state)
{
	babus_slot *slot = make_slot("s", 4, 1 << 20);
	struct babus_slot_info before, after;
	struct babus_message pinned, message;
	char *data = calloc(1, 1 << 20);
	uint64_t freed;

	(void)state;
	if (!support_madvise_works()) {
		printf("skipped: MADV_REMOVE does nothing here\n");
		free(data);
		babus_slot_close(slot);
		return;
	}
	assert_int_equal(babus_slot_info(slot, &before), 0);
	memset(data, 'b', 1 << 20);
	for (int i = 0; i < 10; i++)
		assert_int_equal(babus_slot_publish(slot, data, 1 << 20, NULL, NULL), 0);
	/* Displaced, but held. */
	assert_int_equal(babus_slot_publish(slot, data, 5000, NULL, NULL), 0);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &pinned), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(babus_slot_publish(slot, "ab", (size_t)i % 3, NULL, NULL), 0);
	assert_int_equal(babus_slot_trim(slot, &freed), 0);
	assert_true(freed > 4 << 20);
	assert_int_equal(babus_slot_info(slot, &after), 0);
	/* A page for each kept message that is not empty, two for the held one. */
	assert_in_range(after.bytes_used - before.bytes_used, 1, (4 + 2) * 4096);
	assert_int_equal(pinned.size, 5000);
	assert_memory_equal(pinned.data, data, 5000);
	for (uint64_t age = 0; age < 4; age++) {
		assert_int_equal(babus_slot_view(slot, BABUS_AGE, age, &message), 0);
		assert_int_equal(message.size, (9 - age) % 3);
		assert_memory_equal(message.data, "ab", message.size);
		babus_message_release(&message);
	}
	babus_message_release(&pinned);
	for (int i = 0; i < 10; i++)
		assert_int_equal(babus_slot_publish(slot, data, 1 << 20, NULL, NULL), 0);
	assert_int_equal(babus_slot_view(slot, BABUS_AGE, 3, &message), 0);
	assert_memory_equal(message.data, data, 1 << 20);
	babus_message_release(&message);
	free(data);
	babus_slot_close(slot);
}

static void memory_in_use_stays_what_the_messages_need(void **state)
{
	babus_slot *slot = make_slot("s", 2, 1 << 20);
	struct babus_slot_info before, after;
	char *data = calloc(1, 1 << 20);

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(babus_slot_publish(slot, data, 1 << 20, NULL, NULL), 0);
	assert_int_equal(babus_slot_info(slot, &before), 0);
	for (int i = 0; i < 500; i++)
		assert_int_equal(babus_slot_publish(slot, data, 1 << 20, NULL, NULL), 0);
	assert_int_equal(babus_slot_info(slot, &after), 0);
	assert_int_equal(after.bytes_used, before.bytes_used);
	/* Depth, the one that is being written, and little more. */
	assert_true(after.bytes_used <= (4 << 20) + 100000);
	free(data);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(first_message_has_the_first_number),
	    CASE(messages_of_all_sizes_come_back_whole),
	    CASE(limits_of_every_stride_work_to_the_last_byte),
	    CASE(message_above_the_limit_is_emsgsize_and_publishes_nothing),
	    CASE(pieces_are_gathered_in_order),
	    CASE(stamp_comes_with_the_message),
	    CASE(handle_opened_to_read_may_not_publish),
	    CASE(loan_is_invisible_until_committed),
	    CASE(commit_above_the_capacity_is_einval_and_keeps_the_loan),
	    CASE(ended_loan_is_ignored),
	    CASE(all_loans_in_use_is_enobufs_until_one_comes_back),
	    CASE(loans_in_use_by_others_refuse_another_publisher),
	    CASE(loans_never_share_a_buffer_with_messages_or_views),
	    CASE(loans_of_one_handle_commit_in_any_order),
	    CASE(slot_without_room_for_a_spare_buffer_works),
	    CASE(reserve_takes_the_memory_and_trim_gives_it_back),
	    CASE(trim_keeps_the_messages_and_what_is_pinned),
	    CASE(trim_gives_back_a_burst_from_under_small_messages),
	    CASE(memory_in_use_stays_what_the_messages_need),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

/* SPDX-License-Identifier: MIT */
/* Numbers beyond 32 bits, and the last one. */
#include <errno.h>
#include <string.h>

#include "support.h"

static babus_slot *make_from(uint64_t first_seq, uint32_t depth)
{
	struct babus_slot_options opts = small_options(depth, 16);

	opts.first_seq = first_seq;
	return make_slot_with("s", &opts);
}

/* Publish across these numbers, and read in every way. */
static void check_across(uint64_t first_seq, uint32_t depth)
{
	babus_slot *slot = make_from(first_seq, depth);
	struct babus_message message;
	struct babus_slot_info info;
	babus_reader *each, *some;

	assert_int_equal(babus_reader_open(slot, BABUS_START_OLDEST, 0, &each), 0);
	assert_int_equal(babus_reader_open(slot, BABUS_START_OLDEST, 0, &some), 0);
	for (uint64_t seq = first_seq; seq < first_seq + 40; seq++) {
		uint64_t kept = seq - first_seq + 1 < depth ? seq - first_seq + 1 : depth;
		uint64_t published;

		assert_int_equal(babus_slot_view(slot, BABUS_SEQ, seq, &message), -EAGAIN);
		assert_int_equal(babus_slot_publish(slot, &seq, 8, NULL, &published), 0);
		assert_int_equal(published, seq);
		assert_int_equal(babus_reader_wait(each, BABUS_NOW), 0);
		assert_int_equal(babus_reader_next(each, &message), 0);
		assert_int_equal(message.seq, seq);
		assert_int_equal(message.lost, 0);
		assert_memory_equal(message.data, &seq, 8);
		babus_message_release(&message);
		assert_int_equal(babus_reader_wait(each, BABUS_NOW), -ETIMEDOUT);
		assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
		assert_int_equal(message.seq, seq);
		babus_message_release(&message);
		assert_int_equal(babus_slot_view(slot, BABUS_SEQ, seq - kept + 1, &message), 0);
		babus_message_release(&message);
		assert_int_equal(babus_slot_view(slot, BABUS_SEQ, seq - kept, &message), -ESTALE);
		assert_int_equal(babus_slot_view(slot, BABUS_AFTER, seq - 1, &message), 0);
		assert_int_equal(message.seq, seq);
		babus_message_release(&message);
	}
	assert_int_equal(babus_reader_next(some, &message), 0);
	assert_int_equal(message.lost, 40 - depth);
	assert_int_equal(message.seq, first_seq + 40 - depth);
	babus_message_release(&message);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.seq, first_seq + 39);
	babus_reader_close(each);
	babus_reader_close(some);
	babus_slot_close(slot);
	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
}

static void numbers_cross_31_32_and_more_bits(void **state)
{
	(void)state;
	for (unsigned bits = 16; bits < 48; bits++) {
		uint64_t boundary = UINT64_C(1) << bits;

		if (bits > 16 && bits != 31 && bits != 32 && bits != 33 && bits != 47)
			continue;
		check_across(boundary - 20, 1);
		check_across(boundary - 20, 3);
		check_across(boundary - 20, 8);
	}
}

static void first_number_may_be_no_multiple_of_the_depth(void **state)
{
	(void)state;
	for (uint64_t first = 1; first < 12; first++)
		check_across(first, 5);
}

static void publish_past_the_last_number_is_eoverflow(void **state)
{
	babus_slot *slot = make_from(BABUS_SEQ_MAX - 4, 3);
	struct babus_message message;
	struct babus_loan loan;
	babus_reader *reader;
	uint64_t seq = 0;

	(void)state;
	assert_int_equal(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	publish_many(slot, 4);
	assert_int_equal(babus_slot_publish(slot, "last", 4, NULL, &seq), 0);
	assert_true(seq == BABUS_SEQ_MAX);
	for (int i = 0; i < 20; i++)
		assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, &seq), -EOVERFLOW);
	assert_true(seq == BABUS_SEQ_MAX);
	assert_int_equal(babus_slot_loan(slot, 1, &loan), 0);
	assert_int_equal(babus_loan_commit(&loan, NULL), -EOVERFLOW);
	babus_loan_discard(&loan);

	/* Existing messages stay readable. */
	assert_int_equal(babus_slot_view(slot, BABUS_SEQ, BABUS_SEQ_MAX, &message), 0);
	assert_text(&message, "last");
	assert_int_equal(babus_slot_view(slot, BABUS_AGE, 2, &message), 0);
	assert_true(message.seq == BABUS_SEQ_MAX - 2);
	babus_message_release(&message);
	assert_int_equal(babus_slot_view(slot, BABUS_AFTER, BABUS_SEQ_MAX, &message), -EAGAIN);
	assert_int_equal(babus_reader_next(reader, &message), 0);
	assert_int_equal(message.lost, 2);
	babus_message_release(&message);
	assert_int_equal(babus_reader_latest(reader, &message), 0);
	assert_text(&message, "last");
	assert_int_equal(babus_reader_next(reader, &message), -EAGAIN);
	assert_int_equal(babus_reader_wait(reader, BABUS_NOW), -ETIMEDOUT);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void single_number_is_enough_for_a_single_message(void **state)
{
	babus_slot *slot = make_from(BABUS_SEQ_MAX, 8);
	struct babus_message message;

	(void)state;
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), -ENODATA);
	publish_text(slot, "only");
	assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), -EOVERFLOW);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "only");
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(numbers_cross_31_32_and_more_bits),
	    CASE(first_number_may_be_no_multiple_of_the_depth),
	    CASE(publish_past_the_last_number_is_eoverflow),
	    CASE(single_number_is_enough_for_a_single_message),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

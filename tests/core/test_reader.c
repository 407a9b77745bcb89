/* SPDX-License-Identifier: MIT */
/* Readers: cursors, exact losses, counters. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

static babus_reader *open_reader(babus_slot *slot, enum babus_start start, uint64_t n)
{
	babus_reader *reader = NULL;

	assert_int_equal(babus_reader_open(slot, start, n, &reader), 0);
	return reader;
}

static void assert_next(babus_reader *reader, uint64_t seq, uint64_t lost)
{
	struct babus_message message;

	assert_int_equal(babus_reader_next(reader, &message), 0);
	assert_int_equal(message.seq, seq);
	assert_int_equal(message.lost, lost);
	babus_message_release(&message);
}

static void assert_none(babus_reader *reader)
{
	struct babus_message message;

	assert_int_equal(babus_reader_next(reader, &message), -EAGAIN);
}

static void assert_stats(const babus_reader *reader, uint64_t cursor, uint64_t received,
			 uint64_t lost, uint64_t skipped)
{
	struct babus_reader_stats stats;

	assert_int_equal(babus_reader_stats(reader, &stats), 0);
	assert_int_equal(stats.cursor, cursor);
	assert_int_equal(stats.received, received);
	assert_int_equal(stats.lost, lost);
	assert_int_equal(stats.skipped, skipped);
}

static void next_gives_each_message_once_and_in_order(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *reader = open_reader(slot, BABUS_START_NEXT, 0);

	(void)state;
	assert_none(reader);
	for (uint64_t seq = 1; seq <= 100; seq += 2) {
		publish_many(slot, 2);
		assert_next(reader, seq, 0);
		assert_next(reader, seq + 1, 0);
		assert_none(reader);
	}
	assert_stats(reader, 100, 100, 0, 0);
	assert_ptr_equal(babus_reader_slot(reader), slot);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void read_after_lap_reports_the_exact_loss(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *reader = open_reader(slot, BABUS_START_NEXT, 0);

	(void)state;
	publish_many(slot, 4);
	assert_next(reader, 1, 0);
	publish_many(slot, 1);
	assert_next(reader, 2, 0);
	publish_many(slot, 2); /* 4..7 are kept, 3 is lost */
	assert_next(reader, 4, 1);
	publish_many(slot, 1000); /* 1004..1007 */
	assert_next(reader, 1004, 999);
	assert_next(reader, 1005, 0);
	assert_stats(reader, 1005, 5, 1000, 0);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void received_and_lost_add_up_at_every_depth(void **state)
{
	static const uint32_t depths[] = {1, 2, 3, 8, 1024};

	(void)state;
	for (size_t i = 0; i < sizeof(depths) / sizeof(*depths); i++) {
		babus_slot *slot = make_slot("s", depths[i], 16);
		babus_reader *reader = open_reader(slot, BABUS_START_NEXT, 0);
		struct babus_reader_stats stats;
		struct babus_message message;
		uint64_t published = 0, lost = 0, received = 0;

		for (unsigned step = 1; step <= 60; step++) {
			publish_many(slot, step * 7 % 30);
			published += step * 7 % 30;
			for (unsigned n = 0; n < step % 5; n++) {
				if (babus_reader_next(reader, &message))
					break;
				received++;
				lost += message.lost;
				assert_int_equal(message.seq, received + lost);
				babus_message_release(&message);
			}
		}
		while (!babus_reader_next(reader, &message)) {
			received++;
			lost += message.lost;
			babus_message_release(&message);
		}
		assert_int_equal(received + lost, published);
		assert_int_equal(babus_reader_stats(reader, &stats), 0);
		assert_int_equal(stats.received, received);
		assert_int_equal(stats.lost, lost);
		babus_reader_close(reader);
		babus_slot_close(slot);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	}
}

static void start_next_sees_only_later_messages(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *reader;

	(void)state;
	publish_many(slot, 6);
	reader = open_reader(slot, BABUS_START_NEXT, 0);
	assert_none(reader);
	publish_many(slot, 1);
	assert_next(reader, 7, 0);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void start_oldest_sees_kept_messages_and_has_lost_nothing(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *reader = open_reader(slot, BABUS_START_OLDEST, 0);

	(void)state;
	assert_none(reader);
	babus_reader_close(reader);
	publish_many(slot, 2);
	reader = open_reader(slot, BABUS_START_OLDEST, 0);
	assert_next(reader, 1, 0);
	babus_reader_close(reader);
	publish_many(slot, 8);
	reader = open_reader(slot, BABUS_START_OLDEST, 0);
	assert_next(reader, 7, 0);
	assert_stats(reader, 7, 1, 0, 0);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void start_seq_is_that_message_or_the_oldest_after_it(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *reader;

	(void)state;
	publish_many(slot, 10); /* 7..10 */
	reader = open_reader(slot, BABUS_START_SEQ, 9);
	assert_next(reader, 9, 0);
	babus_reader_close(reader);
	reader = open_reader(slot, BABUS_START_SEQ, 3);
	assert_next(reader, 7, 4);
	babus_reader_close(reader);
	reader = open_reader(slot, BABUS_START_SEQ, 12);
	assert_none(reader);
	publish_many(slot, 1);
	assert_none(reader);
	publish_many(slot, 1);
	assert_next(reader, 12, 0);
	babus_reader_close(reader);
	assert_int_equal(babus_reader_open(slot, BABUS_START_SEQ, 0, &reader), -EINVAL);
	assert_int_equal(babus_reader_open(slot, BABUS_START_SEQ, BABUS_SEQ_MAX + 1, &reader),
			 -EINVAL);
	assert_int_equal(babus_reader_open(slot, (enum babus_start)9, 0, &reader), -EINVAL);
	babus_slot_close(slot);
}

static void start_before_the_first_number_loses_nothing(void **state)
{
	struct babus_slot_options opts = small_options(4, 16);
	babus_reader *reader;
	babus_slot *slot;

	(void)state;
	opts.first_seq = 1000;
	slot = make_slot_with("s", &opts);
	publish_many(slot, 1);
	reader = open_reader(slot, BABUS_START_SEQ, 1);
	assert_next(reader, 1000, 0);
	babus_reader_close(reader);
	reader = open_reader(slot, BABUS_START_OLDEST, 0);
	assert_next(reader, 1000, 0);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void seek_counts_neither_as_received_nor_lost(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *reader = open_reader(slot, BABUS_START_NEXT, 0);

	(void)state;
	publish_many(slot, 4);
	assert_next(reader, 1, 0);
	assert_int_equal(babus_reader_seek(reader, BABUS_START_NEXT, 0), 0);
	assert_none(reader);
	assert_stats(reader, 4, 1, 0, 0);
	assert_int_equal(babus_reader_seek(reader, BABUS_START_OLDEST, 0), 0);
	assert_next(reader, 1, 0);
	assert_int_equal(babus_reader_seek(reader, BABUS_START_SEQ, 3), 0);
	assert_next(reader, 3, 0);
	assert_stats(reader, 3, 3, 0, 0);
	assert_int_equal(babus_reader_seek(reader, BABUS_START_SEQ, 0), -EINVAL);
	assert_int_equal(babus_reader_seek(reader, (enum babus_start)7, 1), -EINVAL);
	assert_stats(reader, 3, 3, 0, 0);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void latest_skips_on_purpose_and_counts_that_apart(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *reader = open_reader(slot, BABUS_START_NEXT, 0);
	struct babus_message message;

	(void)state;
	assert_int_equal(babus_reader_latest(reader, &message), -EAGAIN);
	publish_many(slot, 10);
	assert_int_equal(babus_reader_latest(reader, &message), 0);
	assert_int_equal(message.seq, 10);
	assert_int_equal(message.skipped, 9);
	assert_int_equal(message.lost, 0);
	babus_message_release(&message);
	assert_int_equal(babus_reader_latest(reader, &message), -EAGAIN);
	assert_stats(reader, 10, 1, 0, 9);
	publish_many(slot, 1);
	assert_next(reader, 11, 0);
	assert_int_equal(babus_reader_latest(reader, &message), -EAGAIN);
	assert_stats(reader, 11, 2, 0, 9);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void next_copy_into_too_little_room_leaves_the_cursor(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);
	babus_reader *reader = open_reader(slot, BABUS_START_NEXT, 0);
	struct babus_message message;
	char buffer[16];

	(void)state;
	publish_many(slot, 3);
	publish_text(slot, "twelve bytes"); /* 3 and 4 are kept */
	publish_text(slot, "x");            /* 4 and 5 */
	assert_int_equal(babus_reader_next_copy(reader, buffer, 11, &message), -EMSGSIZE);
	assert_stats(reader, 0, 0, 0, 0);
	assert_int_equal(babus_reader_next_copy(reader, buffer, 12, &message), 0);
	assert_int_equal(message.lost, 3);
	assert_memory_equal(buffer, "twelve bytes", 12);
	assert_stats(reader, 4, 1, 3, 0);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void held_messages_do_not_stop_the_reader(void **state)
{
	babus_slot *slot = make_slot("s", 2, 16);
	babus_reader *reader = open_reader(slot, BABUS_START_NEXT, 0);
	struct babus_message held[5];

	(void)state;
	for (int i = 0; i < 5; i++) {
		char text[32];

		snprintf(text, sizeof(text), "held %d", i);
		publish_text(slot, text);
		assert_int_equal(babus_reader_next(reader, &held[i]), 0);
	}
	publish_many(slot, 100);
	for (int i = 0; i < 5; i++) {
		char text[32];

		snprintf(text, sizeof(text), "held %d", i);
		assert_text(&held[i], text);
	}
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void readers_do_not_disturb_each_other(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *fast = open_reader(slot, BABUS_START_NEXT, 0);
	babus_reader *slow = open_reader(slot, BABUS_START_NEXT, 0);

	(void)state;
	publish_many(slot, 3);
	assert_next(fast, 1, 0);
	assert_next(fast, 2, 0);
	assert_next(slow, 1, 0);
	publish_many(slot, 4);
	assert_next(fast, 4, 1);
	assert_next(slow, 4, 2);
	assert_stats(fast, 4, 3, 1, 0);
	assert_stats(slow, 4, 2, 2, 0);
	babus_reader_close(fast);
	babus_reader_close(slow);
	babus_slot_close(slot);
}

/* --- what other clients see ---------------------------------------------------------- */

struct seen {
	int publishers, readers;
	struct babus_client_info reader, publisher;
};

static int see(void *arg, const struct babus_client_info *info)
{
	struct seen *seen = arg;

	if (info->publisher) {
		seen->publishers++;
		seen->publisher = *info;
	} else {
		seen->readers++;
		seen->reader = *info;
	}
	return 0;
}

static void clients_show_cursors_losses_and_held_messages(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16), *other = open_slot("s", BABUS_READ);
	babus_reader *reader = open_reader(other, BABUS_START_NEXT, 0);
	struct babus_message message;
	struct babus_loan loan;
	struct seen seen = {0};

	(void)state;
	publish_many(slot, 10);
	assert_int_equal(babus_reader_next(reader, &message), 0);
	assert_int_equal(babus_slot_loan(slot, 1, &loan), 0);
	assert_int_equal(babus_slot_clients(slot, see, &seen), 0);
	assert_int_equal(seen.publishers, 1);
	assert_int_equal(seen.readers, 1);
	assert_true(seen.publisher.alive && seen.reader.alive);
	assert_int_equal(seen.publisher.pid, getpid());
	assert_int_equal(seen.reader.pid, getpid());
	assert_int_equal(seen.publisher.held, 1);
	assert_int_equal(seen.reader.held, 1);
	assert_int_equal(seen.reader.cursor, 7);
	assert_int_equal(seen.reader.received, 1);
	assert_int_equal(seen.reader.lost, 6);
	babus_loan_discard(&loan);
	babus_message_release(&message);
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(babus_slot_clients(other, see, &seen), 0);
	assert_int_equal(seen.publisher.held, 0);
	assert_int_equal(seen.reader.held, 0);
	babus_reader_close(reader);
	babus_slot_close(other);
	memset(&seen, 0, sizeof(seen));
	assert_int_equal(babus_slot_clients(slot, see, &seen), 0);
	assert_int_equal(seen.readers, 0);
	babus_slot_close(slot);
}

static int stop_at_first(void *arg, const struct babus_client_info *info)
{
	(void)info;
	++*(int *)arg;
	return 5;
}

static void clients_stops_at_a_nonzero_result_and_returns_it(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16), *other = make_slot("s", 4, 16);
	int calls = 0;

	(void)state;
	assert_int_equal(babus_slot_clients(slot, stop_at_first, &calls), 5);
	assert_int_equal(calls, 1);
	babus_slot_close(slot);
	babus_slot_close(other);
}

static void losses_of_the_slot_outlive_its_readers(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *first = open_reader(slot, BABUS_START_NEXT, 0);
	babus_reader *second = open_reader(slot, BABUS_START_NEXT, 0);
	struct babus_slot_info info;

	(void)state;
	publish_many(slot, 10);
	assert_next(first, 7, 6);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.lost, 6);
	assert_next(second, 7, 6);
	babus_reader_close(first);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.lost, 12);
	babus_reader_close(second);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.lost, 12);
	first = open_reader(slot, BABUS_START_NEXT, 0);
	assert_stats(first, 10, 0, 0, 0);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.lost, 12);
	babus_reader_close(first);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(next_gives_each_message_once_and_in_order),
	    CASE(read_after_lap_reports_the_exact_loss),
	    CASE(received_and_lost_add_up_at_every_depth),
	    CASE(start_next_sees_only_later_messages),
	    CASE(start_oldest_sees_kept_messages_and_has_lost_nothing),
	    CASE(start_seq_is_that_message_or_the_oldest_after_it),
	    CASE(start_before_the_first_number_loses_nothing),
	    CASE(seek_counts_neither_as_received_nor_lost),
	    CASE(latest_skips_on_purpose_and_counts_that_apart),
	    CASE(next_copy_into_too_little_room_leaves_the_cursor),
	    CASE(held_messages_do_not_stop_the_reader),
	    CASE(readers_do_not_disturb_each_other),
	    CASE(clients_show_cursors_losses_and_held_messages),
	    CASE(clients_stops_at_a_nonzero_result_and_returns_it),
	    CASE(losses_of_the_slot_outlive_its_readers),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

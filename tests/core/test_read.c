/* SPDX-License-Identifier: MIT */
/* Views and copies by age and by number; pins. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "payload.h"
#include "support.h"

/* A slot that keeps "m5".."m8", the number of each in its text. */
static babus_slot *make_kept(void)
{
	babus_slot *slot = make_slot("s", 4, 64);
	char text[16];

	for (int i = 1; i <= 8; i++) {
		snprintf(text, sizeof(text), "m%d", i);
		publish_text(slot, text);
	}
	return slot;
}

static void assert_view(babus_slot *slot, enum babus_which which, uint64_t n, const char *text,
			uint64_t lost)
{
	struct babus_message message;
	char buffer[64];

	assert_int_equal(babus_slot_view(slot, which, n, &message), 0);
	assert_int_equal(message.lost, lost);
	assert_int_equal(message.seq, text[1] - '0');
	assert_text(&message, text);
	assert_int_equal(babus_slot_copy(slot, which, n, buffer, sizeof(buffer), &message), 0);
	assert_int_equal(message.lost, lost);
	assert_ptr_equal(message.data, buffer);
	assert_text(&message, text);
}

static void assert_no_view(babus_slot *slot, enum babus_which which, uint64_t n, int error)
{
	struct babus_message message = {.size = 123};
	char buffer[64];

	assert_int_equal(babus_slot_view(slot, which, n, &message), error);
	assert_int_equal(babus_slot_copy(slot, which, n, buffer, sizeof(buffer), &message), error);
	assert_int_equal(message.size, 123);
}

static void empty_slot_has_nothing_to_read(void **state)
{
	babus_slot *slot = make_slot("s", 4, 64);

	(void)state;
	assert_no_view(slot, BABUS_LATEST, 0, -ENODATA);
	assert_no_view(slot, BABUS_AGE, 0, -ENODATA);
	assert_no_view(slot, BABUS_AGE, 1, -ENODATA);
	assert_no_view(slot, BABUS_SEQ, 1, -EAGAIN);
	assert_no_view(slot, BABUS_AFTER, 0, -EAGAIN);
	babus_slot_close(slot);
}

static void latest_is_the_newest_and_ignores_n(void **state)
{
	babus_slot *slot = make_kept();

	(void)state;
	assert_view(slot, BABUS_LATEST, 0, "m8", 0);
	assert_view(slot, BABUS_LATEST, UINT64_MAX, "m8", 0);
	babus_slot_close(slot);
}

static void age_counts_back_from_the_newest(void **state)
{
	babus_slot *slot = make_kept();

	(void)state;
	assert_view(slot, BABUS_AGE, 0, "m8", 0);
	assert_view(slot, BABUS_AGE, 3, "m5", 0);
	assert_no_view(slot, BABUS_AGE, 4, -ESTALE);
	assert_no_view(slot, BABUS_AGE, 8, -ESTALE);
	assert_no_view(slot, BABUS_AGE, UINT64_MAX, -ESTALE);
	babus_slot_close(slot);
}

static void age_beyond_the_first_message_is_estale(void **state)
{
	babus_slot *slot = make_slot("s", 4, 64);

	(void)state;
	publish_text(slot, "m1");
	assert_view(slot, BABUS_AGE, 0, "m1", 0);
	assert_no_view(slot, BABUS_AGE, 1, -ESTALE);
	babus_slot_close(slot);
}

static void seq_is_estale_when_gone_and_eagain_when_not_yet_there(void **state)
{
	babus_slot *slot = make_kept();

	(void)state;
	assert_no_view(slot, BABUS_SEQ, 0, -ESTALE);
	assert_no_view(slot, BABUS_SEQ, 4, -ESTALE);
	assert_view(slot, BABUS_SEQ, 5, "m5", 0);
	assert_view(slot, BABUS_SEQ, 8, "m8", 0);
	assert_no_view(slot, BABUS_SEQ, 9, -EAGAIN);
	assert_no_view(slot, BABUS_SEQ, UINT64_MAX, -EAGAIN);
	babus_slot_close(slot);
}

static void after_is_the_next_kept_message_and_counts_the_loss(void **state)
{
	babus_slot *slot = make_kept();

	(void)state;
	assert_view(slot, BABUS_AFTER, 7, "m8", 0);
	assert_view(slot, BABUS_AFTER, 5, "m6", 0);
	assert_view(slot, BABUS_AFTER, 4, "m5", 0);
	assert_view(slot, BABUS_AFTER, 3, "m5", 1);
	assert_view(slot, BABUS_AFTER, 0, "m5", 4);
	assert_no_view(slot, BABUS_AFTER, 8, -EAGAIN);
	assert_no_view(slot, BABUS_AFTER, UINT64_MAX, -EAGAIN);
	babus_slot_close(slot);
}

static void unknown_way_to_choose_is_einval(void **state)
{
	babus_slot *slot = make_kept();

	(void)state;
	assert_no_view(slot, (enum babus_which)99, 0, -EINVAL);
	babus_slot_close(slot);
}

static void every_depth_keeps_exactly_that_many(void **state)
{
	static const uint32_t depths[] = {1, 2, 3, 5, 8, 100, 1024};

	(void)state;
	for (size_t i = 0; i < sizeof(depths) / sizeof(*depths); i++) {
		uint32_t depth = depths[i];
		babus_slot *slot = make_slot("s", depth, 8);
		struct babus_message message;
		struct babus_slot_info info;

		for (uint64_t seq = 1; seq <= 2 * depth + 3; seq++) {
			uint64_t kept = seq < depth ? seq : depth;

			assert_int_equal(babus_slot_publish(slot, &seq, 8, NULL, NULL), 0);
			assert_int_equal(babus_slot_view(slot, BABUS_AGE, kept - 1, &message), 0);
			assert_int_equal(*(const uint64_t *)message.data, seq - kept + 1);
			babus_message_release(&message);
			assert_int_equal(babus_slot_view(slot, BABUS_AGE, kept, &message), -ESTALE);
		}
		assert_int_equal(babus_slot_info(slot, &info), 0);
		assert_int_equal(info.kept, depth);
		babus_slot_close(slot);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	}
}

static void copy_into_too_little_room_is_emsgsize(void **state)
{
	babus_slot *slot = make_slot("s", 4, 64);
	struct babus_message message;
	char buffer[4] = "....";

	(void)state;
	publish_text(slot, "five!");
	assert_int_equal(babus_slot_copy(slot, BABUS_LATEST, 0, buffer, 4, &message), -EMSGSIZE);
	assert_memory_equal(buffer, "....", 4);
	publish_text(slot, "four");
	assert_int_equal(babus_slot_copy(slot, BABUS_LATEST, 0, buffer, 4, &message), 0);
	assert_memory_equal(buffer, "four", 4);
	publish_text(slot, "");
	assert_int_equal(babus_slot_copy(slot, BABUS_LATEST, 0, NULL, 0, &message), 0);
	assert_int_equal(message.size, 0);
	babus_slot_close(slot);
}

static void view_stays_intact_while_the_publisher_goes_round(void **state)
{
	static const uint64_t sizes[] = {1, 64, 3000, 100000};
	static char data[100000];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		babus_slot *slot = make_slot("s", 2, sizes[i]);
		struct babus_message views[7];

		for (unsigned n = 0; n < 2000; n++) {
			struct babus_stamp stamp = payload_fill(data, sizes[i], payload_tag(1, n));

			assert_int_equal(babus_slot_publish(slot, data, sizes[i], &stamp, NULL), 0);
			if (n < 7)
				assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &views[n]),
						 0);
		}
		for (unsigned n = 0; n < 7; n++) {
			assert_int_equal(payload_counter(views[n].tag), n);
			assert_true(payload_matches(&views[n]));
			babus_message_release(&views[n]);
		}
		babus_slot_close(slot);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	}
}

static void all_pins_in_use_is_enobufs_until_one_comes_back(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	struct babus_message views[8], more;
	babus_reader *reader;

	(void)state;
	publish_text(slot, "x");
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 8; i++)
			assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &views[i]), 0);
		assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &more), -ENOBUFS);
		assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), -ENOBUFS);
		babus_message_release(&views[round % 8]);
		assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &views[round % 8]), 0);
		/* Publishing does not depend on readers. */
		publish_text(slot, "x");
		for (int i = 0; i < 8; i++)
			assert_text(&views[i], "x");
	}
	babus_slot_close(slot);
}

static void all_pins_in_use_by_others_is_enobufs(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64), *readers[8], *more;
	struct babus_message message;

	(void)state;
	publish_text(slot, "x");
	for (int i = 0; i < 8; i++) {
		readers[i] = open_slot("s", BABUS_READ);
		assert_int_equal(babus_slot_view(readers[i], BABUS_LATEST, 0, &message), 0);
		babus_message_release(&message);
	}
	more = open_slot("s", BABUS_READ);
	assert_int_equal(babus_slot_view(more, BABUS_LATEST, 0, &message), -ENOBUFS);
	babus_slot_close(readers[3]);
	assert_int_equal(babus_slot_view(more, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "x");
	readers[3] = more;
	for (int i = 0; i < 8; i++)
		babus_slot_close(readers[i]);
	babus_slot_close(slot);
}

static void released_message_is_ignored(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	struct babus_message first, second;
	char buffer[64];

	(void)state;
	publish_text(slot, "one");
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &first), 0);
	babus_message_release(&first);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &second), 0);
	/* It would end the second view if it were not ignored. */
	babus_message_release(&first);
	publish_many(slot, 100);
	assert_text(&second, "one");
	assert_int_equal(babus_slot_copy(slot, BABUS_LATEST, 0, buffer, 64, &first), 0);
	babus_message_release(&first);
	babus_message_release(&first);
	babus_slot_close(slot);
}

static void info_counts_the_pins_in_use(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64), *other = open_slot("s", BABUS_READ);
	struct babus_message views[3];
	struct babus_slot_info info;
	babus_reader *reader;

	(void)state;
	publish_text(slot, "x");
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.readers, 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(babus_slot_view(other, BABUS_LATEST, 0, &views[i]), 0);
	assert_int_equal(babus_reader_open(other, BABUS_START_NEXT, 0, &reader), 0);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.readers, 4);
	for (int i = 0; i < 3; i++)
		babus_message_release(&views[i]);
	babus_reader_close(reader);
	babus_slot_close(other);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.readers, 0);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(empty_slot_has_nothing_to_read),
	    CASE(latest_is_the_newest_and_ignores_n),
	    CASE(age_counts_back_from_the_newest),
	    CASE(age_beyond_the_first_message_is_estale),
	    CASE(seq_is_estale_when_gone_and_eagain_when_not_yet_there),
	    CASE(after_is_the_next_kept_message_and_counts_the_loss),
	    CASE(unknown_way_to_choose_is_einval),
	    CASE(every_depth_keeps_exactly_that_many),
	    CASE(copy_into_too_little_room_is_emsgsize),
	    CASE(view_stays_intact_while_the_publisher_goes_round),
	    CASE(all_pins_in_use_is_enobufs_until_one_comes_back),
	    CASE(all_pins_in_use_by_others_is_enobufs),
	    CASE(released_message_is_ignored),
	    CASE(info_counts_the_pins_in_use),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

/* SPDX-License-Identifier: MIT */
/* What a message carries besides its bytes, and what a publisher may set. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

/* In place of the C library's: count each look at a clock. */
static unsigned clock_reads;

int clock_gettime(clockid_t clock, struct timespec *now)
{
	clock_reads++;
	return (int)syscall(SYS_clock_gettime, clock, now);
}

static struct babus_message latest(babus_slot *slot)
{
	struct babus_message message;

	memset(&message, 0xff, sizeof(message));
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	return message;
}

static void time_is_that_of_the_boot_clock_read_once(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	uint64_t before = babus_now(), time_ns;

	(void)state;
	clock_reads = 0;
	assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
	assert_int_equal(clock_reads, 1);
	time_ns = latest(slot).time_ns;
	assert_true(before <= time_ns && time_ns <= babus_now());
	babus_slot_close(slot);
}

static void stamp_arrives_as_it_was_given(void **state)
{
	struct babus_stamp stamp = {.source_time_ns = 1, .tag = 2, .origin = 3, .pid = 4};
	babus_slot *slot = make_slot("s", 2, 64);
	struct babus_message message;
	struct babus_loan loan;
	char copy[8];

	(void)state;
	assert_int_equal(babus_slot_publish(slot, "x", 1, &stamp, NULL), 0);
	message = latest(slot);
	assert_int_equal(message.source_time_ns, 1);
	assert_int_equal(message.tag, 2);
	assert_int_equal(message.origin, 3);
	assert_int_equal(message.pid, 4);
	/* Without a stamp nothing of the last one stays in the buffer's record. */
	for (int i = 0; i < 20; i++) {
		assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
		message = latest(slot);
		assert_int_equal(message.source_time_ns | message.tag | message.origin, 0);
		assert_int_equal(message.pid, getpid());
	}
	assert_int_equal(babus_slot_loan(slot, 1, &loan), 0);
	loan.stamp = stamp;
	assert_int_equal(babus_loan_commit(&loan, NULL), 0);
	assert_int_equal(babus_slot_copy(slot, BABUS_LATEST, 0, copy, sizeof(copy), &message), 0);
	assert_int_equal(message.origin, 3);
	babus_slot_close(slot);
}

static int find_publishers(void *arg, const struct babus_client_info *info)
{
	uint64_t **next = arg;

	if (info->publisher)
		*(*next)++ = info->incarnation;
	return 0;
}

static void publisher_is_the_incarnation_of_its_handle(void **state)
{
	babus_slot *first = make_slot("s", 2, 64), *second = open_slot("s", BABUS_PUBLISH);
	uint64_t seen[4] = {0}, *next = seen, one, other;

	(void)state;
	publish_text(first, "x");
	one = latest(first).publisher;
	publish_text(second, "y");
	other = latest(first).publisher;
	assert_int_equal(babus_slot_clients(first, find_publishers, &next), 0);
	assert_true(one != other);
	assert_true((seen[0] == one && seen[1] == other) || (seen[0] == other && seen[1] == one));
	assert_int_equal(babus_slot_publisher_alive(first, other), 1);
	babus_slot_close(second);
	assert_int_equal(babus_slot_publisher_alive(first, other), 0);
	assert_int_equal(babus_slot_publisher_alive(first, one), 1);
	babus_slot_close(first);
}

/* Damage, or another slot's number: not a publisher that died. */
static void incarnation_that_no_publisher_had_is_einval(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	uint64_t publisher;

	(void)state;
	publish_text(slot, "x");
	publisher = latest(slot).publisher;
	assert_int_equal(babus_slot_publisher_alive(slot, publisher), 1);
	assert_int_equal(babus_slot_publisher_alive(slot, publisher + 1), -EINVAL);
	assert_int_equal(babus_slot_publisher_alive(slot, publisher + 1000), -EINVAL);
	assert_int_equal(babus_slot_publisher_alive(slot, UINT64_MAX), -EINVAL);
	/* Until there is such a publisher. */
	babus_slot_close(open_slot("s", BABUS_PUBLISH));
	assert_int_equal(babus_slot_publisher_alive(slot, publisher + 1), 0);
	babus_slot_close(slot);
}

static void reserved_fields_of_a_message_are_zero(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	struct babus_message message;
	char copy[8];

	(void)state;
	publish_text(slot, "x");
	message = latest(slot);
	assert_int_equal(message.reserved[0] | message.reserved[1] | message.reserved[2], 0);
	assert_int_equal(message.skipped | message.lost, 0);
	memset(&message, 0xff, sizeof(message));
	assert_int_equal(babus_slot_copy(slot, BABUS_LATEST, 0, copy, sizeof(copy), &message), 0);
	assert_int_equal(message.reserved[0] | message.reserved[1] | message.reserved[2], 0);
	babus_slot_close(slot);
}

static void reserved_field_of_a_stamp_is_einval_and_nothing_is_published(void **state)
{
	const struct babus_stamp stamps[] = {
	    {.reserved0 = 1}, {.reserved = {1, 0}}, {.reserved = {0, 1}}};
	babus_slot *slot = make_slot("s", 2, 64);
	struct babus_message message;
	char byte = 'x';
	struct iovec piece = {&byte, 1};
	struct babus_loan loan;

	(void)state;
	for (size_t i = 0; i < sizeof(stamps) / sizeof(*stamps); i++) {
		assert_int_equal(babus_slot_publish(slot, "x", 1, &stamps[i], NULL), -EINVAL);
		assert_non_null(strstr(babus_error_detail(), "reserved"));
		assert_int_equal(babus_slot_publishv(slot, &piece, 1, &stamps[i], NULL), -EINVAL);
		assert_int_equal(babus_slot_loan(slot, 1, &loan), 0);
		loan.stamp = stamps[i];
		assert_int_equal(babus_loan_commit(&loan, NULL), -EINVAL);
		/* It is still held. */
		assert_non_null(loan.slot);
		babus_loan_discard(&loan);
	}
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), -ENODATA);
	babus_slot_close(slot);
}

/* --- errors that name the fault ------------------------------------------------------ */

static void copy_that_does_not_fit_describes_the_message(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	struct babus_stamp stamp = {.tag = 7};
	struct babus_message message;
	babus_reader *reader;
	char copy[64] = "as before";

	(void)state;
	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	assert_int_equal(babus_slot_publish(slot, "0123456789", 10, &stamp, NULL), 0);
	assert_int_equal(babus_slot_copy(slot, BABUS_LATEST, 0, copy, 9, &message), -EMSGSIZE);
	assert_string_equal(copy, "as before");
	assert_null(message.data);
	assert_null(message.slot);
	assert_int_equal(message.size, 10);
	assert_int_equal(message.seq, 1);
	assert_int_equal(message.tag, 7);
	assert_non_null(strstr(babus_error_detail(), "10 bytes, the buffer 9"));
	/* A second call with that size gets it; the cursor has not moved. */
	memset(&message, 0, sizeof(message));
	assert_int_equal(babus_reader_next_copy(reader, copy, 9, &message), -EMSGSIZE);
	assert_int_equal(message.size, 10);
	assert_int_equal(babus_reader_next_copy(reader, copy, message.size, &message), 0);
	assert_int_equal(message.seq, 1);
	assert_int_equal(message.lost, 0);
	assert_ptr_equal(message.data, copy);
	babus_message_release(&message);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void latest_skips_and_loses_nothing(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64);
	struct babus_reader_stats stats;
	struct babus_message message;
	babus_reader *reader;

	(void)state;
	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	publish_many(slot, 5);
	assert_int_equal(babus_reader_latest(reader, &message), 0);
	assert_int_equal(message.seq, 5);
	assert_int_equal(message.skipped, 4);
	assert_int_equal(message.lost, 0);
	babus_message_release(&message);
	assert_int_equal(babus_reader_latest(reader, &message), -EAGAIN);
	assert_int_equal(babus_reader_stats(reader, &stats), 0);
	assert_int_equal(stats.skipped, 4);
	assert_int_equal(stats.lost, 0);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void refused_calls_say_why(void **state)
{
	babus_slot *slot = make_slot("s", 2, 64), *reads = open_slot("s", BABUS_READ);
	struct babus_message message;
	struct babus_loan loan;

	(void)state;
	publish_text(slot, "x");
	assert_int_equal(babus_slot_publish(reads, "x", 1, NULL, NULL), -EACCES);
	assert_string_equal(babus_error_detail(), "slot 's': opened without BABUS_PUBLISH");
	assert_int_equal(babus_slot_reserve(reads, 1, 1), -EACCES);
	assert_string_equal(babus_error_detail(), "slot 's': opened without BABUS_PUBLISH");
	assert_int_equal(babus_slot_trim(reads, NULL), -EACCES);
	assert_string_equal(babus_error_detail(), "slot 's': opened without BABUS_PUBLISH");
	assert_int_equal(babus_slot_reserve(slot, 1, 65), -EMSGSIZE);
	assert_non_null(strstr(babus_error_detail(), "65 bytes: at most 64"));
	assert_int_equal(babus_slot_loan(slot, 8, &loan), 0);
	loan.size = 9;
	assert_int_equal(babus_loan_commit(&loan, NULL), -EINVAL);
	assert_non_null(strstr(babus_error_detail(), "9 bytes in a loan of 8"));
	babus_loan_discard(&loan);
	assert_int_equal(babus_slot_view(slot, (enum babus_which)9, 0, &message), -EINVAL);
	assert_non_null(strstr(babus_error_detail(), "9"));
	babus_slot_close(reads);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(time_is_that_of_the_boot_clock_read_once),
	    CASE(stamp_arrives_as_it_was_given),
	    CASE(publisher_is_the_incarnation_of_its_handle),
	    CASE(incarnation_that_no_publisher_had_is_einval),
	    CASE(reserved_fields_of_a_message_are_zero),
	    CASE(reserved_field_of_a_stamp_is_einval_and_nothing_is_published),
	    CASE(copy_that_does_not_fit_describes_the_message),
	    CASE(latest_skips_and_loses_nothing),
	    CASE(refused_calls_say_why),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

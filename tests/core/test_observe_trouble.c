/* SPDX-License-Identifier: MIT */
/* Observers of a busy publisher, and of a slot or domain that vanishes or is damaged. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "observer.h"
#include "payload.h"

enum {
	GONE_AT = 256,    /* of `gone` in the file `domain` */
	REMOVED_AT = 576, /* of `removed` in a slot's file */
	COPIES = 20000 / (SUPPORT_SANITIZED ? 20 : 1),
};

/* --- a busy publisher ----------------------------------------------------------------- */

enum {
	LARGEST = 20000
};

static void hammer(void *arg)
{
	uint64_t seed = 7;
	babus_slot *out = child_open_slot("s", BABUS_PUBLISH);
	(void)arg;

	for (uint64_t counter = 1;; counter++) {
		size_t size = 1 + random_next(&seed) % LARGEST;
		struct babus_loan loan;

		EXPECT_EQUAL(babus_slot_loan(out, size, &loan), 0);
		loan.stamp = payload_fill(loan.data, size, payload_tag(1, counter));
		EXPECT_EQUAL(babus_loan_commit(&loan, NULL), 0);
	}
}

static void copy_many(void)
{
	static char large[LARGEST];
	struct babus_reader_stats stats;
	uint64_t cursor, whole = 0;

	observer_open();
	EXPECT_EQUAL(babus_reader_open(observer.slot, BABUS_START_OLDEST, 0, &observer.reader), 0);
	EXPECT_EQUAL(babus_reader_stats(observer.reader, &stats), 0);
	cursor = stats.cursor;
	for (int i = 0; i < COPIES; i++) {
		int error = babus_slot_copy(observer.slot, BABUS_LATEST, 0, large, sizeof(large),
					    &observer.message);

		if (!error) {
			EXPECT(payload_matches(&observer.message));
			whole++;
		} else {
			EXPECT_EQUAL(error, -EBUSY);
		}
		error = babus_reader_next_copy(observer.reader, large, sizeof(large),
					       &observer.message);
		if (!error) {
			EXPECT(payload_matches(&observer.message));
			EXPECT_EQUAL(observer.message.seq, cursor + observer.message.lost + 1);
			cursor = observer.message.seq;
			whole++;
		} else {
			EXPECT(error == -EBUSY || error == -EAGAIN);
		}
	}
	EXPECT(whole > COPIES / 2);
	observer_close();
}

static void copies_are_whole_however_fast_the_publisher_is(void **state)
{
	static const uint32_t depths[] = {1, 2, 8};

	for (size_t i = 0; i < sizeof(depths) / sizeof(*depths); i++) {
		pid_t publisher;

		observer_make_scene(depths[i], LARGEST);
		publisher = child_start(hammer, NULL);
		while (babus_slot_view(observed, BABUS_LATEST, 0, &observer.message) == -ENODATA)
			sched_yield();
		babus_message_release(&observer.message);
		observer_for_both_kinds(copy_many);
		child_kill(publisher);
		babus_slot_close(observed);
		support_teardown(state);
		assert_int_equal(support_setup(state), 0);
	}
}

/* --- trouble ----------------------------------------------------------------------- */

static void lose_the_slot(void)
{
	babus_slot *again = NULL;

	observer_open();
	EXPECT_EQUAL(babus_reader_open(observer.slot, BABUS_START_OLDEST, 0, &observer.reader), 0);
	gate_post(observer_ready, 1);
	gate_wait(observer_go);
	EXPECT_EQUAL(
	    babus_slot_copy(observer.slot, BABUS_LATEST, 0, observer.buffer, 64, &observer.message),
	    -ENODEV);
	EXPECT_EQUAL(
	    babus_reader_next_copy(observer.reader, observer.buffer, 64, &observer.message),
	    -ENODEV);
	EXPECT_EQUAL(babus_slot_open(observer.domain, "s", BABUS_READ, NULL, &again), -ENOENT);
	EXPECT_EQUAL(babus_domain_check(observer.domain), 0);
	observer_close();
}

static void a_removed_slot_is_enodev(void **state)
{
	for (size_t i = 0; i < OBSERVER_KINDS; i++) {
		pid_t child;

		observer_make_scene(2, 64);
		publish_text(observed, "one");
		child = observer_start(observer_kinds[i], lose_the_slot);
		gate_wait(observer_ready);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
		gate_post(observer_go, 1);
		child_join(child);
		babus_slot_close(observed);
	}
	(void)state;
}

static void put_word(const char *path, off_t at, uint32_t word)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &word, sizeof(word), at), sizeof(word));
	close(fd);
}

static void find_none(void)
{
	EXPECT_EQUAL(babus_domain_open("test", BABUS_OBSERVE, NULL, &observer.domain), 0);
	EXPECT_EQUAL(babus_slot_open(observer.domain, "s", 0, NULL, &observer.slot), -ENOENT);
	EXPECT_EQUAL(babus_slot_await(observer.domain, "s", 0, NULL, BABUS_NOW, &observer.slot),
		     -ETIMEDOUT);
	observer_close();
}

/* By a process that was killed in between. An observer cannot finish the removal. */
static void a_half_removed_slot_is_enoent(void **state)
{
	(void)state;
	observer_make_scene(2, 64);
	babus_slot_close(observed);
	put_word(domain_file("s.slot"), REMOVED_AT, 1);
	observer_for_both_kinds(find_none);
	assert_int_equal(access(domain_file("s.slot"), F_OK), 0);
}

static void go_on(void)
{
	observer_open();
	EXPECT_EQUAL(
	    babus_slot_copy(observer.slot, BABUS_LATEST, 0, observer.buffer, 64, &observer.message),
	    0);
	EXPECT_EQUAL(babus_domain_check(observer.domain), 0);
	observer_close();
}

static void a_false_alarm_does_not_stop_observers(void **state)
{
	(void)state;
	observer_make_scene(2, 64);
	publish_text(observed, "one");
	put_word(domain_file("domain"), GONE_AT, 1);
	observer_for_both_kinds(go_on);
	babus_slot_close(observed);
}

static void lose_the_domain(void)
{
	struct babus_slot_info info;

	observer_open();
	gate_post(observer_ready, 1);
	gate_wait(observer_go);
	EXPECT_EQUAL(babus_domain_check(observer.domain), -ENODEV);
	EXPECT_EQUAL(babus_slot_info(observer.slot, &info), -ENODEV);
	observer_close();
}

static void a_vanished_domain_is_enodev(void **state)
{
	(void)state;
	for (size_t i = 0; i < OBSERVER_KINDS; i++) {
		pid_t child;

		observer_make_scene(2, 64);
		child = observer_start(observer_kinds[i], lose_the_domain);
		gate_wait(observer_ready);
		assert_int_equal(unlink(domain_file("domain")), 0);
		gate_post(observer_go, 1);
		child_join(child);
		babus_slot_close(observed);
		support_teardown(state);
		assert_int_equal(support_setup(state), 0);
	}
}

static void survive_a_cut(void)
{
	EXPECT_EQUAL(babus_guard_install(), 0);
	observer_open();
	gate_post(observer_ready, 1);
	gate_wait(observer_go);
	EXPECT_EQUAL(
	    babus_slot_copy(observer.slot, BABUS_LATEST, 0, observer.buffer, 64, &observer.message),
	    -EIO);
	EXPECT_EQUAL(
	    babus_slot_copy(observer.slot, BABUS_LATEST, 0, observer.buffer, 64, &observer.message),
	    -EIO);
	observer_close();
}

static void a_truncated_file_is_eio_under_the_guard(void **state)
{
	(void)state;
	for (size_t i = 0; i < OBSERVER_KINDS; i++) {
		pid_t child;

		observer_make_scene(2, 64);
		publish_text(observed, "one");
		child = observer_start(observer_kinds[i], survive_a_cut);
		gate_wait(observer_ready);
		babus_slot_close(observed);
		assert_int_equal(truncate(domain_file("s.slot"), 0), 0);
		gate_post(observer_go, 1);
		child_join(child);
		assert_int_equal(unlink(domain_file("s.slot")), 0);
	}
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    OBSERVED(copies_are_whole_however_fast_the_publisher_is),
	    OBSERVED(a_removed_slot_is_enodev),
	    OBSERVED(a_half_removed_slot_is_enoent),
	    OBSERVED(a_false_alarm_does_not_stop_observers),
	    OBSERVED(a_vanished_domain_is_enodev),
	    OBSERVED(a_truncated_file_is_eio_under_the_guard),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return observer_main(run, 180);
}

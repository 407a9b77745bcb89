/* SPDX-License-Identifier: MIT */
/* Observers read, see and wait, and write nothing. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "observer.h"

static void only_observers_can_open(void)
{
	EXPECT(babus_domain_open("test", 0, NULL, &observer.domain) < 0);
	EXPECT(strstr(babus_error_detail(), "domain") != NULL);
	observer_open();
	observer_close();
}

static void an_observer_opens_what_others_cannot(void **state)
{
	(void)state;
	observer_make_scene(4, 64);
	observer_for_both_kinds(only_observers_can_open);
	babus_slot_close(observed);
}

static void read_by_number(void)
{
	observer_open();
	EXPECT_EQUAL(babus_slot_copy(observer.slot, BABUS_LATEST, 0, observer.buffer,
				     sizeof(observer.buffer), &observer.message),
		     0);
	observer_expect_text("three");
	EXPECT_EQUAL(observer.message.seq, 3);
	EXPECT_EQUAL(babus_slot_copy(observer.slot, BABUS_AGE, 1, observer.buffer,
				     sizeof(observer.buffer), &observer.message),
		     0);
	observer_expect_text("two");
	EXPECT_EQUAL(babus_slot_copy(observer.slot, BABUS_SEQ, 1, observer.buffer,
				     sizeof(observer.buffer), &observer.message),
		     0);
	observer_expect_text("one");
	EXPECT_EQUAL(babus_slot_copy(observer.slot, BABUS_SEQ, 9, observer.buffer,
				     sizeof(observer.buffer), &observer.message),
		     -EAGAIN);
	EXPECT_EQUAL(
	    babus_slot_copy(observer.slot, BABUS_LATEST, 0, observer.buffer, 2, &observer.message),
	    -EMSGSIZE);
	babus_message_release(&observer.message);
	observer_close();
}

static void copies_are_read_by_number(void **state)
{
	(void)state;
	observer_make_scene(4, 64);
	publish_text(observed, "one");
	publish_text(observed, "two");
	publish_text(observed, "three");
	observer_for_both_kinds(read_by_number);
	babus_slot_close(observed);
}

static void try_to_pin(void)
{
	observer_open();
	EXPECT_EQUAL(babus_reader_open(observer.slot, BABUS_START_OLDEST, 0, &observer.reader), 0);
	EXPECT_EQUAL(babus_slot_view(observer.slot, BABUS_LATEST, 0, &observer.message), -EACCES);
	EXPECT(strstr(babus_error_detail(), "copy") != NULL);
	EXPECT_EQUAL(babus_reader_next(observer.reader, &observer.message), -EACCES);
	EXPECT(strstr(babus_error_detail(), "copy") != NULL);
	EXPECT_EQUAL(babus_reader_latest(observer.reader, &observer.message), -EACCES);
	EXPECT_EQUAL(babus_reader_next_copy(observer.reader, observer.buffer,
					    sizeof(observer.buffer), &observer.message),
		     0);
	observer_expect_text("one");
	observer_close();
}

static void views_are_eacces_and_say_what_to_do(void **state)
{
	(void)state;
	observer_make_scene(4, 64);
	publish_text(observed, "one");
	observer_for_both_kinds(try_to_pin);
	babus_slot_close(observed);
}

static void lose_exactly(void)
{
	struct babus_reader_stats stats;

	observer_open();
	EXPECT_EQUAL(babus_reader_open(observer.slot, BABUS_START_NEXT, 0, &observer.reader), 0);
	EXPECT_EQUAL(babus_reader_next_copy(observer.reader, observer.buffer,
					    sizeof(observer.buffer), &observer.message),
		     -EAGAIN);
	gate_post(observer_ready, 1);
	gate_wait(observer_go);
	EXPECT_EQUAL(babus_reader_next_copy(observer.reader, observer.buffer,
					    sizeof(observer.buffer), &observer.message),
		     0);
	EXPECT_EQUAL(observer.message.lost, 6);
	EXPECT_EQUAL(babus_reader_next_copy(observer.reader, observer.buffer, 0, &observer.message),
		     -EMSGSIZE);
	EXPECT_EQUAL(babus_reader_next_copy(observer.reader, observer.buffer,
					    sizeof(observer.buffer), &observer.message),
		     0);
	EXPECT_EQUAL(observer.message.lost, 0);
	EXPECT_EQUAL(babus_reader_stats(observer.reader, &stats), 0);
	EXPECT_EQUAL(stats.received, 2);
	EXPECT_EQUAL(stats.lost, 6);
	EXPECT_EQUAL(babus_reader_seek(observer.reader, BABUS_START_OLDEST, 0), 0);
	for (int i = 0; i < 4; i++)
		EXPECT_EQUAL(babus_reader_next_copy(observer.reader, observer.buffer,
						    sizeof(observer.buffer), &observer.message),
			     0);
	EXPECT_EQUAL(babus_reader_next_copy(observer.reader, observer.buffer,
					    sizeof(observer.buffer), &observer.message),
		     -EAGAIN);
	observer_close();
}

static void readers_learn_exactly_what_they_missed(void **state)
{
	(void)state;
	observer_make_scene(4, 64);
	for (size_t i = 0; i < OBSERVER_KINDS; i++) {
		pid_t child = observer_start(observer_kinds[i], lose_exactly);

		gate_wait(observer_ready);
		publish_many(observed, 10);
		gate_post(observer_go, 1);
		child_join(child);
	}
	babus_slot_close(observed);
}

static void read_at_once(void)
{
	babus_reader *readers[64];

	observer_open();
	for (int i = 0; i < 64; i++)
		EXPECT_EQUAL(babus_reader_open(observer.slot, BABUS_START_OLDEST, 0, &readers[i]),
			     0);
	for (int i = 0; i < 64; i++) {
		EXPECT_EQUAL(babus_reader_next_copy(readers[i], observer.buffer,
						    sizeof(observer.buffer), &observer.message),
			     0);
		observer_expect_text("one");
	}
	EXPECT_EQUAL(babus_slot_copy(observer.slot, BABUS_LATEST, 0, observer.buffer,
				     sizeof(observer.buffer), &observer.message),
		     0);
	for (int i = 0; i < 64; i++)
		babus_reader_close(readers[i]);
	observer_close();
}

/* The slot has 8 pins. */
static void pins_do_not_limit_observers(void **state)
{
	struct babus_message views[8];

	(void)state;
	observer_make_scene(4, 64);
	publish_text(observed, "one");
	for (int i = 0; i < 8; i++)
		assert_int_equal(babus_slot_view(observed, BABUS_LATEST, 0, &views[i]), 0);
	observer_for_both_kinds(read_at_once);
	for (int i = 0; i < 8; i++)
		babus_message_release(&views[i]);
	babus_slot_close(observed);
}

/* --- writing nothing --------------------------------------------------------------- */

static void try_to_write(void)
{
	struct babus_report report;
	struct babus_loan loan;
	babus_slot *other = NULL;

	observer_open();
	EXPECT_EQUAL(babus_slot_publish(observer.slot, "x", 1, NULL, NULL), -EACCES);
	EXPECT_EQUAL(babus_slot_loan(observer.slot, 1, &loan), -EACCES);
	EXPECT_EQUAL(babus_slot_reserve(observer.slot, 1, 1), -EACCES);
	EXPECT_EQUAL(babus_slot_trim(observer.slot, NULL), -EACCES);
	EXPECT_EQUAL(babus_slot_open(observer.domain, "s", BABUS_PUBLISH, NULL, &other), -EACCES);
	EXPECT(strstr(babus_error_detail(), "BABUS_OBSERVE") != NULL);
	EXPECT_EQUAL(babus_slot_open(observer.domain, "new", BABUS_CREATE, NULL, &other), -EACCES);
	EXPECT_EQUAL(babus_slot_set_access(observer.slot, 0666, (uid_t)-1, (gid_t)-1), -EACCES);
	EXPECT_EQUAL(babus_slot_remove(observer.slot), -EACCES);
	EXPECT_EQUAL(babus_domain_remove_slot(observer.domain, "s"), -EACCES);
	EXPECT_EQUAL(babus_domain_recover(observer.domain, 0, &report), -EACCES);
	EXPECT_EQUAL(babus_domain_recover(observer.domain, 1, &report), -EACCES);
	EXPECT(other == NULL);
	observer_close();
}

/* All calls that do not write. */
static int nothing(void *arg, const char *name)
{
	(void)arg;
	EXPECT(!strcmp(name, "s"));
	return 0;
}

static void look_at_everything(void)
{
	struct babus_slot_info info;
	struct babus_event event;
	babus_waiter *waiter;
	uint64_t changes;
	int fd;

	observer_open();
	EXPECT_EQUAL(babus_domain_check(observer.domain), 0);
	EXPECT_EQUAL(babus_domain_changes(observer.domain, &changes), 0);
	EXPECT_EQUAL(babus_domain_list(observer.domain, nothing, NULL), 0);
	EXPECT_EQUAL(babus_slot_info(observer.slot, &info), 0);
	EXPECT_EQUAL(babus_reader_open(observer.slot, BABUS_START_OLDEST, 0, &observer.reader), 0);
	EXPECT_EQUAL(babus_waiter_open(observer.domain, NULL, &waiter), 0);
	EXPECT_EQUAL(babus_waiter_add(waiter, observer.reader, NULL), 0);
	EXPECT_EQUAL(babus_waiter_watch_domain(waiter, NULL), 0);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), 1);
	EXPECT(event.reader == observer.reader && !event.status);
	EXPECT_EQUAL(babus_reader_next_copy(observer.reader, observer.buffer,
					    sizeof(observer.buffer), &observer.message),
		     0);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), -ETIMEDOUT);
	EXPECT_EQUAL(babus_reader_seek(observer.reader, BABUS_START_OLDEST, 0), 0);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), 1);
	EXPECT_EQUAL(babus_waiter_wake(waiter), 0);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), -ECANCELED);
	EXPECT_EQUAL(babus_reader_next_copy(observer.reader, observer.buffer,
					    sizeof(observer.buffer), &observer.message),
		     0);
	/* No publisher would see that they sleep. */
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1), -EROFS);
	EXPECT(strstr(babus_error_detail(), "BABUS_NOW"));
	EXPECT_EQUAL(babus_waiter_fd(waiter, &fd), -EROFS);
	EXPECT_EQUAL(babus_reader_wait(observer.reader, babus_deadline(SECOND)), -EROFS);
	babus_waiter_close(waiter);
	observer_close();
}

static void *contents(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	void *data;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	data = malloc((size_t)st.st_size);
	assert_non_null(data);
	assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
	close(fd);
	*size = (size_t)st.st_size;
	return data;
}

static void observers_change_no_byte_and_no_file(void **state)
{
	char files[3][512];
	void *before[3];
	size_t size[3];

	(void)state;
	observer_make_scene(2, 64);
	publish_text(observed, "one");
	snprintf(files[0], sizeof(files[0]), "%s", domain_file("domain"));
	snprintf(files[1], sizeof(files[1]), "%s", domain_file("s.slot"));
	snprintf(files[2], sizeof(files[2]), "%s", pins_file(observed));
	for (int i = 0; i < 3; i++)
		before[i] = contents(files[i], &size[i]);
	observer_for_both_kinds(try_to_write);
	observer_for_both_kinds(look_at_everything);
	/* Also as root, which the kernel would let write. */
	try_to_write();
	for (int i = 0; i < 3; i++) {
		size_t now;
		void *after = contents(files[i], &now);

		assert_int_equal(now, size[i]);
		assert_memory_equal(after, before[i], now);
		free(after);
		free(before[i]);
	}
	assert_int_not_equal(access(domain_file("new.slot"), F_OK), 0);
	babus_slot_close(observed);
}

/* --- being seen, and seeing -------------------------------------------------------- */

static int count_client(void *arg, const struct babus_client_info *info)
{
	int *counts = arg;

	counts[info->publisher]++;
	EXPECT(info->alive);
	return 0;
}

static void hold_a_reader(void)
{
	observer_open();
	EXPECT_EQUAL(babus_reader_open(observer.slot, BABUS_START_OLDEST, 0, &observer.reader), 0);
	EXPECT_EQUAL(babus_reader_next_copy(observer.reader, observer.buffer,
					    sizeof(observer.buffer), &observer.message),
		     0);
	gate_post(observer_ready, 1);
	gate_wait(observer_go);
	observer_close();
}

static void observers_are_no_clients(void **state)
{
	(void)state;
	observer_make_scene(4, 64);
	publish_text(observed, "one");
	for (size_t i = 0; i < OBSERVER_KINDS; i++) {
		pid_t child = observer_start(observer_kinds[i], hold_a_reader);
		struct babus_slot_info info;
		int counts[2] = {0};

		gate_wait(observer_ready);
		assert_int_equal(babus_slot_clients(observed, count_client, counts), 0);
		assert_int_equal(counts[0], 0);
		assert_int_equal(counts[1], 1);
		assert_int_equal(babus_slot_info(observed, &info), 0);
		assert_int_equal(info.readers, 0);
		gate_post(observer_go, 1);
		child_join(child);
	}
	babus_slot_close(observed);
}

static void see_the_clients(void)
{
	struct babus_slot_info info;
	int counts[2] = {0};

	observer_open();
	EXPECT_EQUAL(babus_slot_info(observer.slot, &info), 0);
	EXPECT_EQUAL(info.publishers, 1);
	EXPECT_EQUAL(info.readers, 2);
	EXPECT_EQUAL(info.lost, 6);
	EXPECT_EQUAL(info.seq, 12);
	EXPECT(info.bytes_used > 0 && info.bytes_used <= info.bytes_max);
	EXPECT_EQUAL(babus_slot_clients(observer.slot, count_client, counts), 0);
	EXPECT_EQUAL(counts[0], 2);
	EXPECT_EQUAL(counts[1], 1);
	observer_close();
}

static void see_the_publishers(void)
{
	struct babus_slot_info info;
	int counts[2] = {0};

	observer_open();
	EXPECT_EQUAL(babus_slot_info(observer.slot, &info), 0);
	EXPECT(!strcmp(babus_error_detail(), ""));
	EXPECT_EQUAL(info.publishers, 1);
	EXPECT_EQUAL(info.readers, 0);
	EXPECT_EQUAL(info.lost, 0);
	EXPECT_EQUAL(babus_slot_clients(observer.slot, count_client, counts), -EACCES);
	EXPECT_EQUAL(counts[1], 1);
	observer_close();
}

static void observers_see_readers_if_they_may_read_the_pins(void **state)
{
	babus_reader *mine = NULL;
	struct babus_message view;

	(void)state;
	observer_make_scene(4, 64);
	publish_many(observed, 2);
	assert_int_equal(babus_reader_open(observed, BABUS_START_NEXT, 0, &mine), 0);
	publish_many(observed, 10);
	assert_int_equal(babus_reader_next(mine, &view), 0);
	babus_message_release(&view);
	assert_int_equal(babus_slot_view(observed, BABUS_LATEST, 0, &view), 0);
	child_join(observer_start(observer_enter_container, see_the_clients));
	child_join(observer_start(observer_become_user, see_the_publishers));
	assert_int_equal(chmod(pins_file(observed), 0644), 0);
	child_join(observer_start(observer_become_user, see_the_clients));
	babus_message_release(&view);
	babus_reader_close(mine);
	babus_slot_close(observed);
}

/* --- sleeping ---------------------------------------------------------------------- */

/* The message wakes it, long before the waiter would look again by itself. */
static void sleep_for_a_message(void)
{
	struct babus_event event;
	babus_waiter *waiter;

	waiter = child_open_waiter(observer.slot, NO_RECHECK, &observer.reader);
	gate_post(observer_ready, 1);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1), 1);
	EXPECT_EQUAL(babus_reader_next_copy(observer.reader, observer.buffer,
					    sizeof(observer.buffer), &observer.message),
		     0);
	observer_expect_text("news");
	babus_waiter_close(waiter);
	observer_close();
}

static void sleep_as_an_observer(void)
{
	observer_open();
	sleep_for_a_message();
}

/* The handle of the domain is not an observer's. */
static void sleep_with_an_observed_slot(void)
{
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &observer.domain), 0);
	EXPECT_EQUAL(babus_slot_open(observer.domain, "s", BABUS_OBSERVE, NULL, &observer.slot), 0);
	EXPECT_EQUAL(babus_slot_view(observer.slot, BABUS_LATEST, 0, &observer.message), -EACCES);
	EXPECT_EQUAL(babus_slot_publish(observer.slot, "x", 1, NULL, NULL), -EACCES);
	EXPECT_EQUAL(babus_slot_remove(observer.slot), -EACCES);
	EXPECT_EQUAL(babus_slot_set_access(observer.slot, 0666, (uid_t)-1, (gid_t)-1), -EACCES);
	sleep_for_a_message();
}

static void become_user_who_may_write_the_domain(void)
{
	child_become(OBSERVER_USER, (gid_t)-1);
	EXPECT(access(domain_file("domain"), W_OK) == 0);
	EXPECT(access(domain_file("s.slot"), W_OK) < 0);
}

static void observers_that_may_write_the_domain_may_sleep(void **state)
{
	void (*const runs[])(void) = {sleep_as_an_observer, sleep_with_an_observed_slot};

	(void)state;
	observer_make_scene(4, 64);
	assert_int_equal(chmod(domain_file("domain"), 0666), 0);
	for (size_t i = 0; i < 2; i++) {
		pid_t child = observer_start(become_user_who_may_write_the_domain, runs[i]);
		uint64_t sleeps;

		gate_wait(observer_ready);
		/* Until it sleeps. */
		do
			sleeps = count_sleeps(child);
		while (usleep(20000) || count_sleeps(child) != sleeps);
		publish_text(observed, "news");
		child_join(child);
	}
	babus_slot_close(observed);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    OBSERVED(an_observer_opens_what_others_cannot),
	    OBSERVED(copies_are_read_by_number),
	    OBSERVED(views_are_eacces_and_say_what_to_do),
	    OBSERVED(readers_learn_exactly_what_they_missed),
	    OBSERVED(pins_do_not_limit_observers),
	    OBSERVED(observers_change_no_byte_and_no_file),
	    OBSERVED(observers_are_no_clients),
	    OBSERVED(observers_see_readers_if_they_may_read_the_pins),
	    OBSERVED(observers_that_may_write_the_domain_may_sleep),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return observer_main(run, 180);
}

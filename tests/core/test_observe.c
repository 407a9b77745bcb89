/* SPDX-License-Identifier: MIT */
/*
 * Observers: reading without write access to anything. Most cases run twice, in a
 * process whose domain is mounted read-only, as in a container, and in one of a user
 * who may read the slot's file and nothing else.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "payload.h"
#include "support.h"

enum {
	USER = 61001,
	GONE_AT = 256,    /* of `gone` in the file `domain` */
	REMOVED_AT = 576, /* of `removed` in a slot's file */
	COPIES = 20000 / (SUPPORT_SANITIZED ? 20 : 1),
};

static int ready, go; /* gates: posted by the child, by the parent */
static babus_slot *slot;

/* --- two kinds of observer ---------------------------------------------------------------------
 */

/* A mount namespace of its own, in which the directory of all domains is read-only. */
static void enter_container(void)
{
	EXPECT(!unshare(CLONE_NEWNS));
	EXPECT(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
	EXPECT(!mount(support_root, support_root, NULL, MS_BIND, NULL));
	EXPECT(!mount(NULL, support_root, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	EXPECT(access(support_root, W_OK) < 0 && errno == EROFS);
}

/* It may enter the directory and read the slot's file. */
static void become_user(void)
{
	child_become(USER, (gid_t)-1);
	EXPECT(access(domain_file("s.slot"), R_OK) == 0);
	EXPECT(access(domain_file("s.slot"), W_OK) < 0);
	EXPECT(access(domain_file("domain"), W_OK) < 0);
}

static void (*const kinds[])(void) = {enter_container, become_user};

struct act {
	void (*become)(void);
	void (*run)(void);
};

static void act(void *arg)
{
	struct act *what = arg;

	what->become();
	what->run();
}

static pid_t start(void (*become)(void), void (*run)(void))
{
	struct act what = {become, run};

	return child_start(act, &what);
}

/* The domain, its slot with this depth that holds nothing, and who may do what there. */
static void make_scene(uint32_t depth, uint64_t max_size)
{
	struct babus_slot_options opts = small_options(depth, max_size);

	opts.mode = 0644;
	slot = make_slot_with("s", &opts);
	assert_int_equal(chmod(domain_file(""), 0755), 0);
	assert_int_equal(chmod(domain_file("domain"), 0644), 0);
	assert_int_equal(chmod(pins_file(slot), 0600), 0);
}

static void for_both_kinds(void (*run)(void))
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		snprintf(support_context, sizeof(support_context), "kind %zu", i);
		child_join(start(kinds[i], run));
	}
	*support_context = '\0';
}

/* --- for children
 * --------------------------------------------------------------------------------- */

static babus_domain *domain;
static babus_slot *seen;
static babus_reader *reader;
static struct babus_message message;
static char buffer[256];

static void observe(void)
{
	EXPECT_EQUAL(babus_domain_open("test", BABUS_OBSERVE, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &seen), 0);
}

static void leave(void)
{
	babus_reader_close(reader);
	babus_slot_close(seen);
	babus_domain_close(domain);
	reader = NULL;
	seen = NULL;
}

static void expect_text(const char *text)
{
	EXPECT_EQUAL(message.size, strlen(text));
	EXPECT(!memcmp(buffer, text, message.size));
}

/* --- reading
 * ---------------------------------------------------------------------------------------- */

static void only_observers_can_open(void)
{
	EXPECT(babus_domain_open("test", 0, NULL, &domain) < 0);
	EXPECT(strstr(babus_error_detail(), "domain") != NULL);
	observe();
	leave();
}

static void an_observer_opens_what_others_cannot(void **state)
{
	(void)state;
	make_scene(4, 64);
	for_both_kinds(only_observers_can_open);
	babus_slot_close(slot);
}

static void read_by_number(void)
{
	observe();
	EXPECT_EQUAL(babus_slot_copy(seen, BABUS_LATEST, 0, buffer, sizeof(buffer), &message), 0);
	expect_text("three");
	EXPECT_EQUAL(message.seq, 3);
	EXPECT_EQUAL(babus_slot_copy(seen, BABUS_AGE, 1, buffer, sizeof(buffer), &message), 0);
	expect_text("two");
	EXPECT_EQUAL(babus_slot_copy(seen, BABUS_SEQ, 1, buffer, sizeof(buffer), &message), 0);
	expect_text("one");
	EXPECT_EQUAL(babus_slot_copy(seen, BABUS_SEQ, 9, buffer, sizeof(buffer), &message),
		     -EAGAIN);
	EXPECT_EQUAL(babus_slot_copy(seen, BABUS_LATEST, 0, buffer, 2, &message), -EMSGSIZE);
	babus_message_release(&message);
	leave();
}

static void copies_are_read_by_number(void **state)
{
	(void)state;
	make_scene(4, 64);
	publish_text(slot, "one");
	publish_text(slot, "two");
	publish_text(slot, "three");
	for_both_kinds(read_by_number);
	babus_slot_close(slot);
}

static void try_to_pin(void)
{
	observe();
	EXPECT_EQUAL(babus_reader_open(seen, BABUS_START_OLDEST, 0, &reader), 0);
	EXPECT_EQUAL(babus_slot_view(seen, BABUS_LATEST, 0, &message), -EACCES);
	EXPECT(strstr(babus_error_detail(), "copy") != NULL);
	EXPECT_EQUAL(babus_reader_next(reader, &message), -EACCES);
	EXPECT(strstr(babus_error_detail(), "copy") != NULL);
	EXPECT_EQUAL(babus_reader_latest(reader, &message), -EACCES);
	EXPECT_EQUAL(babus_reader_next_copy(reader, buffer, sizeof(buffer), &message), 0);
	expect_text("one");
	leave();
}

static void views_are_eacces_and_say_what_to_do(void **state)
{
	(void)state;
	make_scene(4, 64);
	publish_text(slot, "one");
	for_both_kinds(try_to_pin);
	babus_slot_close(slot);
}

static void lose_exactly(void)
{
	struct babus_reader_stats stats;

	observe();
	EXPECT_EQUAL(babus_reader_open(seen, BABUS_START_NEXT, 0, &reader), 0);
	EXPECT_EQUAL(babus_reader_next_copy(reader, buffer, sizeof(buffer), &message), -EAGAIN);
	gate_post(ready, 1);
	gate_wait(go);
	EXPECT_EQUAL(babus_reader_next_copy(reader, buffer, sizeof(buffer), &message), 0);
	EXPECT_EQUAL(message.lost, 6);
	EXPECT_EQUAL(babus_reader_next_copy(reader, buffer, 0, &message), -EMSGSIZE);
	EXPECT_EQUAL(babus_reader_next_copy(reader, buffer, sizeof(buffer), &message), 0);
	EXPECT_EQUAL(message.lost, 0);
	EXPECT_EQUAL(babus_reader_stats(reader, &stats), 0);
	EXPECT_EQUAL(stats.received, 2);
	EXPECT_EQUAL(stats.lost, 6);
	EXPECT_EQUAL(babus_reader_seek(reader, BABUS_START_OLDEST, 0), 0);
	for (int i = 0; i < 4; i++)
		EXPECT_EQUAL(babus_reader_next_copy(reader, buffer, sizeof(buffer), &message), 0);
	EXPECT_EQUAL(babus_reader_next_copy(reader, buffer, sizeof(buffer), &message), -EAGAIN);
	leave();
}

static void readers_learn_exactly_what_they_missed(void **state)
{
	(void)state;
	make_scene(4, 64);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		pid_t child = start(kinds[i], lose_exactly);

		gate_wait(ready);
		publish_many(slot, 10);
		gate_post(go, 1);
		child_join(child);
	}
	babus_slot_close(slot);
}

static void read_at_once(void)
{
	babus_reader *readers[64];

	observe();
	for (int i = 0; i < 64; i++)
		EXPECT_EQUAL(babus_reader_open(seen, BABUS_START_OLDEST, 0, &readers[i]), 0);
	for (int i = 0; i < 64; i++) {
		EXPECT_EQUAL(babus_reader_next_copy(readers[i], buffer, sizeof(buffer), &message),
			     0);
		expect_text("one");
	}
	EXPECT_EQUAL(babus_slot_copy(seen, BABUS_LATEST, 0, buffer, sizeof(buffer), &message), 0);
	for (int i = 0; i < 64; i++)
		babus_reader_close(readers[i]);
	leave();
}

/* It has 8 pins. */
static void the_slots_pins_do_not_limit_observers(void **state)
{
	struct babus_message views[8];

	(void)state;
	make_scene(4, 64);
	publish_text(slot, "one");
	for (int i = 0; i < 8; i++)
		assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &views[i]), 0);
	for_both_kinds(read_at_once);
	for (int i = 0; i < 8; i++)
		babus_message_release(&views[i]);
	babus_slot_close(slot);
}

/* --- writing nothing
 * ----------------------------------------------------------------------------------- */

static void try_to_write(void)
{
	struct babus_report report;
	struct babus_loan loan;
	babus_slot *other = NULL;

	observe();
	EXPECT_EQUAL(babus_slot_publish(seen, "x", 1, NULL, NULL), -EACCES);
	EXPECT_EQUAL(babus_slot_loan(seen, 1, &loan), -EACCES);
	EXPECT_EQUAL(babus_slot_reserve(seen, 1, 1), -EACCES);
	EXPECT_EQUAL(babus_slot_trim(seen, NULL), -EACCES);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &other), -EACCES);
	EXPECT(strstr(babus_error_detail(), "BABUS_OBSERVE") != NULL);
	EXPECT_EQUAL(babus_slot_open(domain, "new", BABUS_CREATE, NULL, &other), -EACCES);
	EXPECT_EQUAL(babus_slot_set_access(seen, 0666, (uid_t)-1, (gid_t)-1), -EACCES);
	EXPECT_EQUAL(babus_slot_remove(seen), -EACCES);
	EXPECT_EQUAL(babus_domain_remove_slot(domain, "s"), -EACCES);
	EXPECT_EQUAL(babus_domain_recover(domain, 0, &report), -EACCES);
	EXPECT_EQUAL(babus_domain_recover(domain, 1, &report), -EACCES);
	EXPECT(other == NULL);
	leave();
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

	observe();
	EXPECT_EQUAL(babus_domain_check(domain), 0);
	EXPECT_EQUAL(babus_domain_changes(domain, &changes), 0);
	EXPECT_EQUAL(babus_domain_list(domain, nothing, NULL), 0);
	EXPECT_EQUAL(babus_slot_info(seen, &info), 0);
	EXPECT_EQUAL(babus_reader_open(seen, BABUS_START_OLDEST, 0, &reader), 0);
	EXPECT_EQUAL(babus_waiter_open(domain, NULL, &waiter), 0);
	EXPECT_EQUAL(babus_waiter_add(waiter, reader, NULL), 0);
	EXPECT_EQUAL(babus_waiter_watch_domain(waiter, NULL), 0);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), 1);
	EXPECT(event.reader == reader && !event.status);
	EXPECT_EQUAL(babus_reader_next_copy(reader, buffer, sizeof(buffer), &message), 0);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), -ETIMEDOUT);
	EXPECT_EQUAL(babus_reader_seek(reader, BABUS_START_OLDEST, 0), 0);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), 1);
	EXPECT_EQUAL(babus_waiter_wake(waiter), 0);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), -ECANCELED);
	EXPECT_EQUAL(babus_reader_next_copy(reader, buffer, sizeof(buffer), &message), 0);
	/* No publisher would see that they sleep. */
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1), -EROFS);
	EXPECT(strstr(babus_error_detail(), "BABUS_NOW"));
	EXPECT_EQUAL(babus_waiter_fd(waiter, &fd), -EROFS);
	EXPECT_EQUAL(babus_reader_wait(reader, babus_deadline(SECOND)), -EROFS);
	babus_waiter_close(waiter);
	leave();
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
	make_scene(2, 64);
	publish_text(slot, "one");
	snprintf(files[0], sizeof(files[0]), "%s", domain_file("domain"));
	snprintf(files[1], sizeof(files[1]), "%s", domain_file("s.slot"));
	snprintf(files[2], sizeof(files[2]), "%s", pins_file(slot));
	for (int i = 0; i < 3; i++)
		before[i] = contents(files[i], &size[i]);
	for_both_kinds(try_to_write);
	for_both_kinds(look_at_everything);
	/* Also as root, whom the kernel would let write. */
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
	babus_slot_close(slot);
}

/* --- being seen, and seeing
 * ------------------------------------------------------------------------------ */

static int count_client(void *arg, const struct babus_client_info *info)
{
	int *counts = arg;

	counts[info->publisher]++;
	EXPECT(info->alive);
	return 0;
}

static void hold_a_reader(void)
{
	observe();
	EXPECT_EQUAL(babus_reader_open(seen, BABUS_START_OLDEST, 0, &reader), 0);
	EXPECT_EQUAL(babus_reader_next_copy(reader, buffer, sizeof(buffer), &message), 0);
	gate_post(ready, 1);
	gate_wait(go);
	leave();
}

static void observers_are_no_clients(void **state)
{
	(void)state;
	make_scene(4, 64);
	publish_text(slot, "one");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		pid_t child = start(kinds[i], hold_a_reader);
		struct babus_slot_info info;
		int counts[2] = {0};

		gate_wait(ready);
		assert_int_equal(babus_slot_clients(slot, count_client, counts), 0);
		assert_int_equal(counts[0], 0);
		assert_int_equal(counts[1], 1);
		assert_int_equal(babus_slot_info(slot, &info), 0);
		assert_int_equal(info.readers, 0);
		gate_post(go, 1);
		child_join(child);
	}
	babus_slot_close(slot);
}

static void see_the_clients(void)
{
	struct babus_slot_info info;
	int counts[2] = {0};

	observe();
	EXPECT_EQUAL(babus_slot_info(seen, &info), 0);
	EXPECT_EQUAL(info.publishers, 1);
	EXPECT_EQUAL(info.readers, 2);
	EXPECT_EQUAL(info.lost, 6);
	EXPECT_EQUAL(info.seq, 12);
	EXPECT(info.bytes_used > 0 && info.bytes_used <= info.bytes_max);
	EXPECT_EQUAL(babus_slot_clients(seen, count_client, counts), 0);
	EXPECT_EQUAL(counts[0], 2);
	EXPECT_EQUAL(counts[1], 1);
	leave();
}

static void see_the_publishers(void)
{
	struct babus_slot_info info;
	int counts[2] = {0};

	observe();
	EXPECT_EQUAL(babus_slot_info(seen, &info), 0);
	EXPECT(!strcmp(babus_error_detail(), ""));
	EXPECT_EQUAL(info.publishers, 1);
	EXPECT_EQUAL(info.readers, 0);
	EXPECT_EQUAL(info.lost, 0);
	EXPECT_EQUAL(babus_slot_clients(seen, count_client, counts), -EACCES);
	EXPECT_EQUAL(counts[1], 1);
	leave();
}

static void observers_see_the_readers_if_they_may_read_the_pins(void **state)
{
	babus_reader *mine = NULL;
	struct babus_message view;

	(void)state;
	make_scene(4, 64);
	publish_many(slot, 2);
	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &mine), 0);
	publish_many(slot, 10);
	assert_int_equal(babus_reader_next(mine, &view), 0);
	babus_message_release(&view);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &view), 0);
	child_join(start(enter_container, see_the_clients));
	child_join(start(become_user, see_the_publishers));
	assert_int_equal(chmod(pins_file(slot), 0644), 0);
	child_join(start(become_user, see_the_clients));
	babus_message_release(&view);
	babus_reader_close(mine);
	babus_slot_close(slot);
}

/* --- sleeping
 * ------------------------------------------------------------------------------------------------
 */

/* Woken by the message: long before the waiter would look again by itself. */
static void sleep_for_a_message(babus_domain *where)
{
	struct babus_waiter_options opts = {.recheck_ns = 3600 * (uint64_t)SECOND};
	struct babus_event event;
	babus_waiter *waiter;

	EXPECT_EQUAL(babus_reader_open(seen, BABUS_START_NEXT, 0, &reader), 0);
	EXPECT_EQUAL(babus_waiter_open(where, &opts, &waiter), 0);
	EXPECT_EQUAL(babus_waiter_add(waiter, reader, NULL), 0);
	gate_post(ready, 1);
	EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1), 1);
	EXPECT_EQUAL(babus_reader_next_copy(reader, buffer, sizeof(buffer), &message), 0);
	expect_text("news");
	babus_waiter_close(waiter);
	leave();
}

static void sleep_as_an_observer(void)
{
	observe();
	sleep_for_a_message(domain);
}

/* The handle of the domain is not an observer's. */
static void sleep_with_an_observed_slot(void)
{
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_OBSERVE, NULL, &seen), 0);
	EXPECT_EQUAL(babus_slot_view(seen, BABUS_LATEST, 0, &message), -EACCES);
	EXPECT_EQUAL(babus_slot_publish(seen, "x", 1, NULL, NULL), -EACCES);
	EXPECT_EQUAL(babus_slot_remove(seen), -EACCES);
	EXPECT_EQUAL(babus_slot_set_access(seen, 0666, (uid_t)-1, (gid_t)-1), -EACCES);
	sleep_for_a_message(domain);
}

static void become_user_who_may_write_the_domain(void)
{
	child_become(USER, (gid_t)-1);
	EXPECT(access(domain_file("domain"), W_OK) == 0);
	EXPECT(access(domain_file("s.slot"), W_OK) < 0);
}

static void where_the_domain_alone_is_writable_they_sleep(void **state)
{
	void (*const runs[])(void) = {sleep_as_an_observer, sleep_with_an_observed_slot};

	(void)state;
	make_scene(4, 64);
	assert_int_equal(chmod(domain_file("domain"), 0666), 0);
	for (size_t i = 0; i < 2; i++) {
		pid_t child = start(become_user_who_may_write_the_domain, runs[i]);
		uint64_t sleeps;

		gate_wait(ready);
		/* Until it sleeps. */
		do
			sleeps = count_sleeps(child);
		while (usleep(20000) || count_sleeps(child) != sleeps);
		publish_text(slot, "news");
		child_join(child);
	}
	babus_slot_close(slot);
}

/* --- a busy publisher
 * ------------------------------------------------------------------------------------------ */

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

	observe();
	EXPECT_EQUAL(babus_reader_open(seen, BABUS_START_OLDEST, 0, &reader), 0);
	EXPECT_EQUAL(babus_reader_stats(reader, &stats), 0);
	cursor = stats.cursor;
	for (int i = 0; i < COPIES; i++) {
		int error = babus_slot_copy(seen, BABUS_LATEST, 0, large, sizeof(large), &message);

		if (!error) {
			EXPECT(payload_matches(&message));
			whole++;
		} else {
			EXPECT_EQUAL(error, -EBUSY);
		}
		error = babus_reader_next_copy(reader, large, sizeof(large), &message);
		if (!error) {
			EXPECT(payload_matches(&message));
			EXPECT_EQUAL(message.seq, cursor + message.lost + 1);
			cursor = message.seq;
			whole++;
		} else {
			EXPECT(error == -EBUSY || error == -EAGAIN);
		}
	}
	EXPECT(whole > COPIES / 2);
	leave();
}

static void copies_are_whole_however_fast_the_publisher_is(void **state)
{
	static const uint32_t depths[] = {1, 2, 8};

	for (size_t i = 0; i < sizeof(depths) / sizeof(*depths); i++) {
		pid_t publisher;

		make_scene(depths[i], LARGEST);
		publisher = child_start(hammer, NULL);
		while (babus_slot_view(slot, BABUS_LATEST, 0, &message) == -ENODATA)
			sched_yield();
		babus_message_release(&message);
		for_both_kinds(copy_many);
		child_kill(publisher);
		babus_slot_close(slot);
		support_teardown(state);
		assert_int_equal(support_setup(state), 0);
	}
}

/* --- trouble
 * ------------------------------------------------------------------------------------------------------
 */

static void lose_the_slot(void)
{
	babus_slot *again = NULL;

	observe();
	EXPECT_EQUAL(babus_reader_open(seen, BABUS_START_OLDEST, 0, &reader), 0);
	gate_post(ready, 1);
	gate_wait(go);
	EXPECT_EQUAL(babus_slot_copy(seen, BABUS_LATEST, 0, buffer, 64, &message), -ENODEV);
	EXPECT_EQUAL(babus_reader_next_copy(reader, buffer, 64, &message), -ENODEV);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &again), -ENOENT);
	EXPECT_EQUAL(babus_domain_check(domain), 0);
	leave();
}

static void a_removed_slot_is_enodev(void **state)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		pid_t child;

		make_scene(2, 64);
		publish_text(slot, "one");
		child = start(kinds[i], lose_the_slot);
		gate_wait(ready);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
		gate_post(go, 1);
		child_join(child);
		babus_slot_close(slot);
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
	EXPECT_EQUAL(babus_domain_open("test", BABUS_OBSERVE, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", 0, NULL, &seen), -ENOENT);
	EXPECT_EQUAL(babus_slot_await(domain, "s", 0, NULL, BABUS_NOW, &seen), -ETIMEDOUT);
	leave();
}

/* By a process that was killed in between. An observer cannot finish that. */
static void a_half_removed_slot_is_enoent(void **state)
{
	(void)state;
	make_scene(2, 64);
	babus_slot_close(slot);
	put_word(domain_file("s.slot"), REMOVED_AT, 1);
	for_both_kinds(find_none);
	assert_int_equal(access(domain_file("s.slot"), F_OK), 0);
}

static void go_on(void)
{
	observe();
	EXPECT_EQUAL(babus_slot_copy(seen, BABUS_LATEST, 0, buffer, 64, &message), 0);
	EXPECT_EQUAL(babus_domain_check(domain), 0);
	leave();
}

static void a_false_alarm_does_not_stop_observers(void **state)
{
	(void)state;
	make_scene(2, 64);
	publish_text(slot, "one");
	put_word(domain_file("domain"), GONE_AT, 1);
	for_both_kinds(go_on);
	babus_slot_close(slot);
}

static void lose_the_domain(void)
{
	struct babus_slot_info info;

	observe();
	gate_post(ready, 1);
	gate_wait(go);
	EXPECT_EQUAL(babus_domain_check(domain), -ENODEV);
	EXPECT_EQUAL(babus_slot_info(seen, &info), -ENODEV);
	leave();
}

static void a_vanished_domain_is_enodev(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		pid_t child;

		make_scene(2, 64);
		child = start(kinds[i], lose_the_domain);
		gate_wait(ready);
		assert_int_equal(unlink(domain_file("domain")), 0);
		gate_post(go, 1);
		child_join(child);
		babus_slot_close(slot);
		support_teardown(state);
		assert_int_equal(support_setup(state), 0);
	}
}

static void survive_a_cut(void)
{
	EXPECT_EQUAL(babus_guard_install(), 0);
	observe();
	gate_post(ready, 1);
	gate_wait(go);
	EXPECT_EQUAL(babus_slot_copy(seen, BABUS_LATEST, 0, buffer, 64, &message), -EIO);
	EXPECT_EQUAL(babus_slot_copy(seen, BABUS_LATEST, 0, buffer, 64, &message), -EIO);
	leave();
}

static void a_truncated_file_is_eio_under_the_guard(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		pid_t child;

		make_scene(2, 64);
		publish_text(slot, "one");
		child = start(kinds[i], survive_a_cut);
		gate_wait(ready);
		babus_slot_close(slot);
		assert_int_equal(truncate(domain_file("s.slot"), 0), 0);
		gate_post(go, 1);
		child_join(child);
		assert_int_equal(unlink(domain_file("s.slot")), 0);
	}
}

static int setup(void **state)
{
	ready = gate_open();
	go = gate_open();
	return support_setup(state);
}

static int teardown(void **state)
{
	gate_close(ready);
	gate_close(go);
	return support_teardown(state);
}

#define OBSERVED(claim) cmocka_unit_test_setup_teardown(claim, setup, teardown)

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    OBSERVED(an_observer_opens_what_others_cannot),
	    OBSERVED(copies_are_read_by_number),
	    OBSERVED(views_are_eacces_and_say_what_to_do),
	    OBSERVED(readers_learn_exactly_what_they_missed),
	    OBSERVED(the_slots_pins_do_not_limit_observers),
	    OBSERVED(observers_change_no_byte_and_no_file),
	    OBSERVED(observers_are_no_clients),
	    OBSERVED(observers_see_the_readers_if_they_may_read_the_pins),
	    OBSERVED(where_the_domain_alone_is_writable_they_sleep),
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
	if (geteuid() != 0) {
		printf("skipped: only root can mount, and be another user\n");
		return SKIPPED;
	}
	return support_main(run, 180);
}

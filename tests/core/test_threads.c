/* SPDX-License-Identifier: MIT */
/*
 * What the headers declare safe for any thread, done by many at once on the same handles: for
 * ThreadSanitizer, and to find results that no order of the calls explains. stress_threads checks
 * the data; this test covers the whole interface.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <babus/config.h>

#include "support.h"

enum {
	ROUNDS = 200,
	EACH = 2,
	SIZE = 8192
};

static babus_slot *slot;
static babus_waiter *waiter;
static babus_reader *reader;
static _Atomic bool stop;

static bool one_of(int result, const int *allowed)
{
	for (; *allowed; allowed++)
		if (result == *allowed)
			return true;
	return result == 0;
}

/* 0 or one of these. */
#define EXPECT_ONE_OF(call, ...) EXPECT(one_of((call), (const int[]){__VA_ARGS__, 0}))

/* Run each act in EACH threads; run `first` until the others are done. */
static void run_at_once(void *(*first)(void *), void *(*const acts[])(void *), size_t count)
{
	pthread_t leader, threads[16];

	assert_true(count * EACH <= 16);
	stop = false;
	if (first)
		assert_int_equal(pthread_create(&leader, NULL, first, NULL), 0);
	for (size_t i = 0; i < count * EACH; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, acts[i / EACH], NULL), 0);
	for (size_t i = 0; i < count * EACH; i++)
		pthread_join(threads[i], NULL);
	stop = true;
	if (first)
		pthread_join(leader, NULL);
}

static babus_slot *make_roomy(const char *name)
{
	struct babus_slot_options opts = small_options(4, SIZE);

	opts.loans = 32;
	opts.pins = 64;
	return make_slot_with(name, &opts);
}

/* --- domains ------------------------------------------------------------------------ */

static int count(void *arg, const char *name)
{
	EXPECT_EQUAL(babus_name_check(name), 0);
	++*(unsigned *)arg;
	return 0;
}

static void *ask_domain(void *arg)
{
	struct babus_report report;
	uint64_t changes;
	unsigned slots = 0;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_EQUAL(strcmp(babus_domain_name(bus), "test"), 0);
		EXPECT(babus_domain_path(bus)[0] == '/');
		EXPECT_EQUAL(babus_domain_list(bus, count, &slots), 0);
		EXPECT_EQUAL(babus_domain_changes(bus, &changes), 0);
		if (i % 16 == 0)
			EXPECT_EQUAL(babus_domain_recover(bus, 1, &report), 0);
		EXPECT_EQUAL(babus_name_check("-"), -EINVAL);
		EXPECT(*babus_error_detail() != '\0');
	}
	EXPECT(slots >= ROUNDS);
	return NULL;
}

static void *create_and_remove(void *arg)
{
	/* Small: qemu (7.2) never forgets what it knew about an address. */
	struct babus_slot_options opts = small_options(4, SIZE);
	babus_slot *mine;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_EQUAL(babus_slot_open(bus, "t", BABUS_PUBLISH | BABUS_CREATE, &opts, &mine),
			     0);
		EXPECT(babus_slot_domain(mine) == bus);
		EXPECT_ONE_OF(babus_slot_publish(mine, "x", 1, NULL, NULL), -ENODEV);
		EXPECT_ONE_OF(babus_domain_remove_slot(bus, "t"), -ENOENT);
		EXPECT_EQUAL(babus_slot_publish(mine, "x", 1, NULL, NULL), -ENODEV);
		babus_slot_close(mine);
	}
	return NULL;
}

static void *open_waiters(void *arg)
{
	babus_waiter *mine;
	int fd;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_EQUAL(babus_waiter_open(bus, NULL, &mine), 0);
		EXPECT_EQUAL(babus_waiter_fd(mine, &fd), 0);
		babus_waiter_close(mine);
	}
	return NULL;
}

static void *open_domains(void *arg)
{
	babus_domain *domain;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_EQUAL(babus_domain_open("test", BABUS_CREATE, NULL, &domain), 0);
		EXPECT_EQUAL(babus_guard_install(), 0);
		babus_domain_close(domain);
	}
	return NULL;
}

static void any_thread_may_use_a_domain(void **state)
{
	void *(*const acts[])(void *) = {ask_domain, create_and_remove, open_waiters, open_domains};

	(void)state;
	slot = make_roomy("s");
	run_at_once(NULL, acts, sizeof(acts) / sizeof(*acts));
	babus_slot_close(slot);
}

/* --- the first handles of a process -------------------------------------------------- */

static void be_first(void *arg)
{
	void *(*const acts[])(void *) = {open_domains, open_domains, open_domains, open_domains};

	(void)arg;
	run_at_once(NULL, acts, sizeof(acts) / sizeof(*acts));
}

/* In a process that has opened nothing yet, as its parent has not: the first case. */
static void threads_may_open_the_first_domain_at_once(void **state)
{
	(void)state;
	child_join(child_start(be_first, NULL));
}

/* --- slots -------------------------------------------------------------------------- */

static void *publish_in_all_ways(void *arg)
{
	static const char data[SIZE];
	struct babus_loan loan;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		struct iovec pieces[2] = {{(char *)data, 10}, {(char *)data, 20}};

		EXPECT_EQUAL(babus_slot_publish(slot, data, SIZE, NULL, NULL), 0);
		EXPECT_EQUAL(babus_slot_publishv(slot, pieces, 2, NULL, NULL), 0);
		EXPECT_EQUAL(babus_slot_loan(slot, 30, &loan), 0);
		memset(loan.data, 0, 30);
		EXPECT_EQUAL(babus_loan_commit(&loan, NULL), 0);
		EXPECT_EQUAL(babus_slot_loan(slot, SIZE, &loan), 0);
		babus_loan_discard(&loan);
	}
	return NULL;
}

static void *read_in_all_ways(void *arg)
{
	struct babus_message message;
	babus_reader *mine;
	char copy[SIZE];

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
		babus_message_release(&message);
		EXPECT_EQUAL(babus_slot_copy(slot, BABUS_LATEST, 0, copy, SIZE, &message), 0);
		EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_OLDEST, 0, &mine), 0);
		EXPECT_EQUAL(babus_reader_next_copy(mine, copy, SIZE, &message), 0);
		babus_reader_close(mine);
	}
	return NULL;
}

static int see(void *arg, const struct babus_client_info *info)
{
	(void)arg;
	EXPECT_EQUAL(info->alive, 1);
	return 0;
}

static void *look_after_the_slot(void *arg)
{
	struct babus_slot_info info;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_EQUAL(strcmp(babus_slot_name(slot), "s"), 0);
		EXPECT_EQUAL(babus_slot_info(slot, &info), 0);
		EXPECT_EQUAL(babus_slot_clients(slot, see, NULL), 0);
		EXPECT_EQUAL(babus_slot_set_access(slot, i % 2 ? 0600 : 0640, (uid_t)-1, (gid_t)-1),
			     0);
		EXPECT(babus_slot_reserve(slot, 4, SIZE) >= 0);
		EXPECT_EQUAL(babus_slot_trim(slot, NULL), 0);
	}
	return NULL;
}

static void any_thread_may_use_a_slot(void **state)
{
	void *(*const acts[])(void *) = {publish_in_all_ways, read_in_all_ways,
					 look_after_the_slot};

	(void)state;
	slot = make_roomy("s");
	publish_text(slot, "first");
	run_at_once(NULL, acts, sizeof(acts) / sizeof(*acts));
	babus_slot_close(slot);
}

/* --- handed over -------------------------------------------------------------------- */

static struct babus_message message;
static struct babus_loan loan;

static void *end_them(void *arg)
{
	(void)arg;
	babus_message_release(&message);
	memcpy(loan.data, "there", 5);
	EXPECT_EQUAL(babus_loan_commit(&loan, NULL), 0);
	return NULL;
}

static void a_message_and_a_loan_may_end_in_another_thread(void **state)
{
	pthread_t thread;

	(void)state;
	slot = make_roomy("s");
	publish_text(slot, "here");
	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
		assert_int_equal(babus_slot_loan(slot, 5, &loan), 0);
		assert_int_equal(pthread_create(&thread, NULL, end_them, NULL), 0);
		pthread_join(thread, NULL);
	}
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "there");
	babus_slot_close(slot);
}

/* --- waiters ------------------------------------------------------------------------ */

static void *wait_on(void *arg)
{
	struct babus_message newest;
	struct babus_event event;

	(void)arg;
	for (int i = 0; !stop; i++) {
		int64_t deadline = i % 2 ? BABUS_NOW : babus_deadline(MILLISECOND);
		int result = babus_waiter_wait(waiter, deadline, &event, 1);

		EXPECT(result > 0 || result == -ETIMEDOUT || result == -ECANCELED);
		/* Its name stays valid, though another thread stops watching. */
		if (result > 0 && event.slot)
			EXPECT_EQUAL(babus_name_check(event.slot), 0);
		/* Others may have been removed meanwhile. */
		if (result > 0 && event.reader == reader &&
		    !babus_reader_latest(event.reader, &newest))
			babus_message_release(&newest);
	}
	return NULL;
}

static void *change_the_set(void *arg)
{
	babus_reader *mine;

	(void)arg;
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_OLDEST, 0, &mine), 0);
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_EQUAL(babus_waiter_add(waiter, mine, NULL), 0);
		EXPECT_EQUAL(babus_waiter_add(waiter, mine, NULL), -EEXIST);
		EXPECT_EQUAL(babus_slot_publish(slot, "x", 1, NULL, NULL), 0);
		EXPECT_EQUAL(babus_waiter_remove(waiter, mine), 0);
	}
	babus_reader_close(mine);
	return NULL;
}

static void *ask_for_the_descriptor(void *arg)
{
	struct pollfd poller = {.events = POLLIN};
	int first = -1;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_EQUAL(babus_waiter_fd(waiter, &poller.fd), 0);
		EXPECT(first == -1 || poller.fd == first);
		first = poller.fd;
		EXPECT(poll(&poller, 1, 0) >= 0);
	}
	return NULL;
}

static void *wake_and_watch(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_EQUAL(babus_waiter_wake(waiter), 0);
		EXPECT_ONE_OF(babus_waiter_watch_domain(waiter, NULL), -EEXIST);
		babus_slot_close(make_roomy("new"));
		EXPECT_ONE_OF(babus_domain_remove_slot(bus, "new"), -ENOENT);
		EXPECT_ONE_OF(babus_waiter_unwatch_domain(waiter), -ENOENT);
	}
	return NULL;
}

static void a_waiter_may_be_changed_from_any_thread_while_one_waits(void **state)
{
	void *(*const acts[])(void *) = {change_the_set, ask_for_the_descriptor, wake_and_watch};
	unsigned descriptors;

	(void)state;
	slot = make_roomy("s");
	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	/* A new one each time: opening the descriptor is under test. */
	for (int i = 0; i < 10; i++) {
		descriptors = count_descriptors();
		assert_int_equal(babus_waiter_open(bus, NULL, &waiter), 0);
		assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
		run_at_once(wait_on, acts, sizeof(acts) / sizeof(*acts));
		assert_int_equal(count_descriptors(), descriptors + 1);
		babus_waiter_close(waiter);
		assert_int_equal(count_descriptors(), descriptors);
	}
	babus_reader_close(reader);
	babus_slot_close(slot);
}

/* --- configurations ----------------------------------------------------------------- */

static babus_config *config;

static void *ask_config(void *arg)
{
	struct babus_domain_options domain_opts;
	struct babus_slot_options opts;
	babus_config *other;

	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT(babus_config_path(config) != NULL);
		EXPECT(babus_config_domain(config, &domain_opts) != NULL);
		babus_config_slot(config, "s", &opts);
		EXPECT(opts.depth > 0);
		EXPECT(babus_config_babusfs(config, "no such key") == NULL);
		EXPECT_EQUAL(babus_config_load(BABUS_INI, &other), 0);
		babus_config_free(other);
	}
	return NULL;
}

static void any_thread_may_use_a_configuration(void **state)
{
	void *(*const acts[])(void *) = {ask_config, ask_config};

	(void)state;
	assert_int_equal(babus_config_load(BABUS_INI, &config), 0);
	run_at_once(NULL, acts, sizeof(acts) / sizeof(*acts));
	babus_config_free(config);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE_ROOT(threads_may_open_the_first_domain_at_once),
	    CASE(any_thread_may_use_a_domain),
	    CASE(any_thread_may_use_a_slot),
	    CASE(a_message_and_a_loan_may_end_in_another_thread),
	    CASE(a_waiter_may_be_changed_from_any_thread_while_one_waits),
	    CASE(any_thread_may_use_a_configuration),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

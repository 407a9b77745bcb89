/* SPDX-License-Identifier: MIT */
/* Opening a slot when it appears: subscribers that start before their publisher. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "waiting.h"

enum {
	ROUNDS = 3000 / SUPPORT_SLOWER
};

/* A thread in babus_slot_await(). */
struct caller {
	const char *name;
	unsigned flags;
	int64_t deadline;
	_Atomic int tid;
	pthread_t thread;
	babus_slot *slot;
	int result;
};

static void *await(void *arg)
{
	struct caller *caller = arg;

	atomic_store(&caller->tid, gettid());
	caller->result = babus_slot_await(bus, caller->name, caller->flags, NULL, caller->deadline,
					  &caller->slot);
	return NULL;
}

/* Start it and wait until it sleeps; no test relies on that. */
static void start_caller(struct caller *caller, const char *name, int64_t timeout)
{
	*caller = (struct caller){.name = name, .deadline = babus_deadline(timeout)};
	assert_int_equal(pthread_create(&caller->thread, NULL, await, caller), 0);
	while (!atomic_load(&caller->tid))
		sched_yield();
	usleep(2000);
}

static int end_caller(struct caller *caller)
{
	pthread_join(caller->thread, NULL);
	return caller->result;
}

static void slot_that_is_there_is_opened_at_once(void **state)
{
	babus_slot *slot = make_slot("s", 1, 16), *found = NULL;

	(void)state;
	publish_text(slot, "here");
	assert_int_equal(babus_slot_await(bus, "s", BABUS_READ, NULL, BABUS_NOW, &found), 0);
	assert_string_equal(babus_slot_name(found), "s");
	babus_slot_close(found);
	assert_int_equal(babus_slot_await(bus, "s", BABUS_PUBLISH, NULL, BABUS_FOREVER, &found), 0);
	publish_text(found, "and publishes");
	babus_slot_close(found);
	babus_slot_close(slot);
}

static void slot_that_appears_later_is_opened_then(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		struct babus_message message;
		struct caller caller;
		babus_slot *slot;

		start_caller(&caller, "s", 30 * SECOND);
		/* Other slots appear first, and one is removed. */
		babus_slot_close(make_slot("other", 1, 16));
		assert_int_equal(babus_domain_remove_slot(bus, "other"), 0);
		slot = make_slot("s", 1, 16);
		publish_text(slot, "late");
		assert_int_equal(end_caller(&caller), 0);
		assert_true(now_ns() < caller.deadline);
		assert_int_equal(babus_slot_view(caller.slot, BABUS_LATEST, 0, &message), 0);
		assert_text(&message, "late");
		babus_slot_close(caller.slot);
		babus_slot_close(slot);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	}
}

static void it_gives_up_at_its_deadline_and_not_before(void **state)
{
	babus_slot *slot = NULL;
	int64_t deadline;

	(void)state;
	assert_int_equal(babus_slot_await(bus, "s", 0, NULL, BABUS_NOW, &slot), -ETIMEDOUT);
	assert_int_equal(babus_slot_await(bus, "s", 0, NULL, 1, &slot), -ETIMEDOUT);
	for (int i = 1; i < 20; i++) {
		deadline = babus_deadline(i * MILLISECOND);
		assert_int_equal(babus_slot_await(bus, "s", 0, NULL, deadline, &slot), -ETIMEDOUT);
		assert_true(now_ns() >= deadline);
	}
	assert_null(slot);
}

static void what_cannot_be_opened_is_not_waited_for(void **state)
{
	struct babus_slot_options opts = small_options(1, 16);
	babus_slot *slot = NULL;

	(void)state;
	opts.type = "mono8";
	babus_slot_close(make_slot_with("s", &opts));
	assert_int_equal(babus_slot_await(bus, "a/b", 0, NULL, BABUS_FOREVER, &slot), -EINVAL);
	assert_int_equal(
	    babus_slot_await(bus, "s", BABUS_CREATE | BABUS_EXCLUSIVE, &opts, BABUS_FOREVER, &slot),
	    -EEXIST);
	assert_null(slot);
}

/* Its creator died before it could announce the slot: the re-check finds it. */
static void slot_that_appears_unannounced_is_opened_too(void **state)
{
	struct caller caller;

	(void)state;
	babus_slot_close(make_slot("s", 1, 16));
	assert_int_equal(rename(domain_file("s.slot"), root_file("away")), 0);
	start_caller(&caller, "s", 30 * SECOND);
	assert_int_equal(rename(root_file("away"), domain_file("s.slot")), 0);
	assert_int_equal(end_caller(&caller), 0);
	assert_true(now_ns() < caller.deadline);
	babus_slot_close(caller.slot);
}

static void no_handle_is_left_of_waiting(void **state)
{
	unsigned descriptors = count_descriptors(), threads = count_threads();
	babus_slot *slot = NULL;

	(void)state;
	assert_int_equal(babus_slot_await(bus, "s", 0, NULL, babus_deadline(MILLISECOND), &slot),
			 -ETIMEDOUT);
	assert_int_equal(count_descriptors(), descriptors);
	assert_threads(threads);
}

/* --- what ends it ------------------------------------------------------------------- */

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

static void handler_ends_it_with_eintr(void **state)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct caller caller;

	(void)state;
	sigaction(SIGUSR1, &action, NULL);
	start_caller(&caller, "s", 30 * SECOND);
	/* The first may come before it sleeps. */
	while (pthread_tryjoin_np(caller.thread, NULL)) {
		pthread_kill(caller.thread, SIGUSR1);
		usleep(1000);
	}
	assert_int_equal(caller.result, -EINTR);
	assert_null(caller.slot);
	assert_true(signals > 0);
}

static void removed_domain_ends_it_with_enodev(void **state)
{
	struct caller caller;

	(void)state;
	start_caller(&caller, "s", 30 * SECOND);
	assert_int_equal(babus_domain_remove("test", NULL), 0);
	assert_int_equal(end_caller(&caller), -ENODEV);
	assert_true(now_ns() < caller.deadline);
	assert_null(caller.slot);
}

/* Within a re-check: there is no announcement. */
static void domain_whose_files_vanish_ends_it_with_enodev(void **state)
{
	struct caller caller;

	(void)state;
	start_caller(&caller, "s", 30 * SECOND);
	assert_int_equal(unlink(domain_file("domain")), 0);
	assert_int_equal(rmdir(domain_file("")), 0);
	assert_int_equal(end_caller(&caller), -ENODEV);
	assert_true(now_ns() < caller.deadline);
}

/* --- races ---------------------------------------------------------------------------- */

static void *make_and_remove(void *arg)
{
	struct babus_slot_options opts = small_options(1, 16);
	atomic_bool *stop = arg;
	babus_slot *slot;

	while (!atomic_load(stop)) {
		EXPECT_EQUAL(babus_slot_open(bus, "s", BABUS_CREATE, &opts, &slot), 0);
		babus_slot_close(slot);
		EXPECT_EQUAL(babus_domain_remove_slot(bus, "s"), 0);
	}
	return NULL;
}

static void slot_that_comes_and_goes_is_caught(void **state)
{
	atomic_bool stop = false;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, make_and_remove, &stop), 0);
	for (int i = 0; i < 200; i++) {
		babus_slot *slot;

		assert_int_equal(
		    babus_slot_await(bus, "s", 0, NULL, babus_deadline(30 * SECOND), &slot), 0);
		babus_slot_close(slot);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
}

static void *create_now_and_then(void *arg)
{
	struct babus_slot_options opts = small_options(1, 16);
	_Atomic uint64_t *round = arg;
	uint64_t random = 5;
	babus_slot *slot;

	for (uint64_t n = 1; n <= ROUNDS; n++) {
		await_word(round, n);
		pause_for_a_moment(&random);
		EXPECT_EQUAL(babus_slot_open(bus, "s", BABUS_CREATE, &opts, &slot), 0);
		babus_slot_close(slot);
	}
	return NULL;
}

static void slot_that_appears_just_then_is_not_missed(void **state)
{
	_Atomic uint64_t round = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, create_now_and_then, &round), 0);
	for (uint64_t n = 1; n <= ROUNDS; n++) {
		int64_t deadline = babus_deadline(20 * SECOND);
		babus_slot *slot;

		atomic_store(&round, n);
		assert_int_equal(babus_slot_await(bus, "s", 0, NULL, deadline, &slot), 0);
		assert_true(now_ns() < deadline);
		babus_slot_close(slot);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	}
	pthread_join(thread, NULL);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(no_handle_is_left_of_waiting),
	    CASE(slot_that_is_there_is_opened_at_once),
	    CASE(slot_that_appears_later_is_opened_then),
	    CASE(slot_that_appears_unannounced_is_opened_too),
	    CASE(it_gives_up_at_its_deadline_and_not_before),
	    CASE(what_cannot_be_opened_is_not_waited_for),
	    CASE(handler_ends_it_with_eintr),
	    CASE(removed_domain_ends_it_with_enodev),
	    CASE(domain_whose_files_vanish_ends_it_with_enodev),
	    CASE(slot_that_comes_and_goes_is_caught),
	    CASE(slot_that_appears_just_then_is_not_missed),
	};

	warm_up_threads();
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

/* SPDX-License-Identifier: MIT */
/* Spinning before sleeping: bounded, adaptive, and off where it cannot pay. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>

#include "domain.h"
#include "marks.h"
#include "spin.h"
#include "waiting.h"

static void idle_waiter_uses_no_processor_time(void **state)
{
	babus_waiter *waiter = open_waiter(0, 10 * MILLISECOND);
	struct babus_event event;
	int64_t before = cpu_ns();

	(void)state;
	assert_int_equal(babus_waiter_wait(waiter, babus_deadline(300 * MILLISECOND), &event, 1),
			 -ETIMEDOUT);
	assert_true(cpu_ns() - before < 30 * MILLISECOND * SUPPORT_SLOWER);
	babus_waiter_close(waiter);
}

static void spinning_is_bounded_and_given_up_when_it_does_not_pay(void **state)
{
	babus_waiter *waiter = open_waiter(10 * MILLISECOND, 0);
	struct babus_event event;
	int64_t before;

	(void)state;
	/*
	 * If it is in vain time after time, it spins ever more rarely: at waits 0, 2, 6, 14, 30,
	 * ...
	 */
	for (int i = 0; i < 20; i++)
		assert_int_equal(
		    babus_waiter_wait(waiter, babus_deadline(30 * MILLISECOND), &event, 1),
		    -ETIMEDOUT);
	before = cpu_ns();
	assert_int_equal(babus_waiter_wait(waiter, babus_deadline(100 * MILLISECOND), &event, 1),
			 -ETIMEDOUT);
	assert_true(cpu_ns() - before < 5 * MILLISECOND * SUPPORT_SLOWER);
	babus_waiter_close(waiter);
}

static void spinning_waiter_sees_news_and_wakes(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_waiter *waiter = open_waiter(30 * SECOND, NO_RECHECK);
	babus_reader *reader = open_reader(slot);
	struct sleeper sleeper;

	(void)state;
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	start_sleeper(&sleeper, waiter);
	publish_many(slot, 1);
	assert_int_equal(end_sleeper(&sleeper), 1);
	take_next(reader);
	start_sleeper(&sleeper, waiter);
	assert_int_equal(babus_waiter_wake(waiter), 0);
	assert_int_equal(end_sleeper(&sleeper), -ECANCELED);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

/* --- what publishers see of it ------------------------------------------------------- */

/* A waiter that sleeps has marked its channels; one that spins has not. */
static bool sleeps(void)
{
	return marks_any(bus->map);
}

static bool sleeps_within(int64_t patience_ns)
{
	int64_t end = now_ns() + patience_ns;

	while (!sleeps() && now_ns() < end)
		sched_yield();
	return sleeps();
}

struct scene {
	babus_slot *slot;
	babus_reader *reader;
	babus_waiter *waiter;
	struct sleeper sleeper;
};

static struct scene make_scene(uint64_t spin_ns)
{
	struct scene scene = {.slot = make_slot("s", 4, 16)};

	scene.waiter = open_waiter(spin_ns, NO_RECHECK);
	scene.reader = open_reader(scene.slot);
	assert_int_equal(babus_waiter_add(scene.waiter, scene.reader, NULL), 0);
	return scene;
}

static void end_scene(struct scene *scene)
{
	babus_waiter_close(scene->waiter);
	babus_reader_close(scene->reader);
	babus_slot_close(scene->slot);
}

static void publish_to_it(struct scene *scene)
{
	publish_many(scene->slot, 1);
	assert_int_equal(end_sleeper(&scene->sleeper), 1);
	take_next(scene->reader);
}

static void publishers_do_not_see_a_waiter_that_spins(void **state)
{
	struct scene scene;

	(void)state;
	if (count_processors() == 1) {
		printf("# one processor: no waiter spins here\n");
		return;
	}
	scene = make_scene(30 * SECOND);
	start_sleeper(&scene.sleeper, scene.waiter);
	assert_false(sleeps_within(30 * MILLISECOND));
	publish_to_it(&scene);
	end_scene(&scene);
}

/* Spinning pays most with a processor for each thread. */
static void waiter_that_may_run_on_one_processor_only_spins(void **state)
{
	struct scene scene;

	(void)state;
	if (count_processors() == 1) {
		printf("# one processor: no waiter spins here\n");
		return;
	}
	stay_on_processor(0);
	scene = make_scene(30 * SECOND);
	start_sleeper(&scene.sleeper, scene.waiter);
	stay_on_processor(1);
	assert_false(sleeps_within(30 * MILLISECOND));
	publish_to_it(&scene);
	go_to_any_processor();
	end_scene(&scene);
}

static void waiters_do_not_spin_on_a_machine_with_one_processor(void **state)
{
	struct spin spin;

	(void)state;
	spin_init(&spin, SECOND, 1);
	assert_false(spin_try(&spin));
	spin_slept(&spin, 1);
	assert_false(spin_try(&spin));
	spin_init(&spin, SECOND, 2);
	assert_true(spin_try(&spin));
	spin_init(&spin, SECOND, -1);
	assert_true(spin_try(&spin));
	spin_init(&spin, 0, 2);
	assert_false(spin_try(&spin));
}

/* --- how much ------------------------------------------------------------------------ */

static void single_wait_spins_no_longer_than_asked_for(void **state)
{
	babus_waiter *waiter = open_waiter(50 * MILLISECOND, 0);
	struct babus_event event;
	int64_t before = cpu_ns();

	(void)state;
	assert_int_equal(babus_waiter_wait(waiter, babus_deadline(SECOND), &event, 1), -ETIMEDOUT);
	assert_true(cpu_ns() - before < 75 * MILLISECOND * SUPPORT_SLOWER);
	babus_waiter_close(waiter);
}

static void given_up_spinning_starts_again_when_news_comes_soon(void **state)
{
	struct babus_event event;
	struct scene scene;

	(void)state;
	if (count_processors() == 1) {
		printf("# one processor: no waiter spins here\n");
		return;
	}
	scene = make_scene(20 * SECOND);
	for (int i = 0; i < 40; i++)
		assert_int_equal(
		    babus_waiter_wait(scene.waiter, babus_deadline(MILLISECOND / 4), &event, 1),
		    -ETIMEDOUT);
	marks_clear(bus->map);
	start_sleeper(&scene.sleeper, scene.waiter);
	assert_true(sleeps_within(10 * SECOND));
	publish_to_it(&scene);
	marks_clear(bus->map);
	start_sleeper(&scene.sleeper, scene.waiter);
	assert_false(sleeps_within(30 * MILLISECOND));
	publish_to_it(&scene);
	end_scene(&scene);
}

/* Two threads that answer each other and both sleep find out only by trying. */
static void spinning_is_tried_again_and_again(void **state)
{
	struct spin spin;
	int waits = 0;

	(void)state;
	spin_init(&spin, MILLISECOND, 2);
	for (int tries = 0; tries < 20; tries++) {
		for (waits = 1; !spin_try(&spin); waits++) {
			assert_in_range(waits, 1, 63);
			spin_slept(&spin, MILLISECOND + 1);
		}
		spin_in_vain(&spin);
	}
	assert_int_equal(waits, 64);
	while (!spin_try(&spin))
		;
	spin_paid(&spin);
	assert_true(spin_try(&spin));
	spin_in_vain(&spin);
	assert_false(spin_try(&spin));
	assert_true(spin_try(&spin));
}

struct late {
	babus_slot *slot;
	int started;
	int rounds;
};

static void *publish_late(void *arg)
{
	const struct late *late = arg;
	struct timespec pause = {.tv_nsec = 45 * MILLISECOND};

	for (int i = 0; i < late->rounds; i++) {
		gate_wait(late->started);
		nanosleep(&pause, NULL);
		EXPECT_EQUAL(babus_slot_publish(late->slot, "x", 1, NULL, NULL), 0);
	}
	return NULL;
}

/* They come soon after it fell asleep, but spinning could not have caught one. */
static void spinning_ends_if_news_always_comes_after_it(void **state)
{
	enum {
		ROUNDS = 30
	};
	struct scene scene = make_scene(30 * MILLISECOND);
	struct late late = {scene.slot, gate_open(), ROUNDS};
	struct babus_event event;
	pthread_t thread;
	int64_t before = 0;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, publish_late, &late), 0);
	for (int i = 0; i < ROUNDS; i++) {
		if (i == ROUNDS / 2)
			before = cpu_ns();
		gate_post(late.started, 1);
		assert_int_equal(babus_waiter_wait(scene.waiter, BABUS_FOREVER, &event, 1), 1);
		take_next(scene.reader);
	}
	/* Half the rounds took 675 ms; spinning in vain for 30 ms of each would be 450. */
	assert_true(cpu_ns() - before < 20 * MILLISECOND * SUPPORT_SLOWER);
	pthread_join(thread, NULL);
	gate_close(late.started);
	end_scene(&scene);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(idle_waiter_uses_no_processor_time),
	    CASE(spinning_is_bounded_and_given_up_when_it_does_not_pay),
	    CASE(spinning_waiter_sees_news_and_wakes),
	    CASE(publishers_do_not_see_a_waiter_that_spins),
	    CASE(waiter_that_may_run_on_one_processor_only_spins),
	    CASE(waiters_do_not_spin_on_a_machine_with_one_processor),
	    CASE(single_wait_spins_no_longer_than_asked_for),
	    CASE(given_up_spinning_starts_again_when_news_comes_soon),
	    CASE(spinning_is_tried_again_and_again),
	    CASE(spinning_ends_if_news_always_comes_after_it),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

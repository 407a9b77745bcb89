/* SPDX-License-Identifier: MIT */
/*
 * Many processes on several slots, without and with sudden death. At the end everything is
 * accounted for: see accounts.h.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "accounts.h"
#include "actors.h"
#include "payload.h"
#include "support.h"

static const struct {
	void (*act)(struct actor *actor);
	unsigned each; /* so many for every slot; 0: one of them for all */
} casting[] = {
    {act_publish, 2}, {act_follow, 1}, {act_watch, 1}, {act_hold, 1}, {act_wait, 0},
};

enum {
	CAST = 5 * ACTOR_SLOTS + 2
};

static struct stage *stage;
static struct actor cast[CAST];
static pid_t pids[CAST];
static unsigned count;

static void play(void *arg)
{
	struct actor *actor = arg;

	actor->random += (uint64_t)getpid() << 32;
	actors_open_slots(actor);
	actor->act(actor);
	actors_close_slots(actor);
}

static void start_all(void)
{
	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	assert_true(stage != MAP_FAILED);
	count = 0;
	for (size_t kind = 0; kind < sizeof(casting) / sizeof(*casting); kind++) {
		unsigned n = casting[kind].each ? casting[kind].each * ACTOR_SLOTS : 2;

		for (unsigned i = 0; i < n; i++, count++) {
			cast[count] = (struct actor){
			    .stage = stage, .number = i, .act = casting[kind].act};
			pids[count] = child_start(play, &cast[count]);
		}
	}
}

/* Assert that none has ended by itself. One that sees a fault does. */
static void check_all(void)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(waitpid(pids[i], NULL, WNOHANG), 0);
}

static void stop_all(void)
{
	atomic_store(&stage->stop, true);
	for (unsigned i = 0; i < count; i++)
		child_join(pids[i]);
}

static void report(void)
{
	for (unsigned i = 0; i < ACTOR_SLOTS; i++)
		printf("# %-9s published %9llu, read in order %9llu, missed %9llu\n",
		       actor_slots[i].name, (unsigned long long)stage->published[i],
		       (unsigned long long)stage->received[i], (unsigned long long)stage->lost[i]);
	printf("# waits %llu\n", (unsigned long long)stage->woken);
}

static void assert_nothing_is_missing(void)
{
	struct babus_report again;

	assert_int_equal(babus_domain_recover(bus, 1, &again), 0);
	assert_int_equal(again.dead_publishers, 0);
	assert_int_equal(again.dead_readers, 0);
	assert_int_equal(again.buffers, 0);
	assert_int_equal(again.leftovers, 0);
	assert_int_equal(again.damaged, 0);
	for (unsigned i = 0; i < ACTOR_SLOTS; i++) {
		babus_slot *slot = open_slot(actor_slots[i].name, BABUS_READ);

		assert_true(accounts_balance(slot, 0, 0));
		babus_slot_close(slot);
	}
}

/* Whether too little was seen yet of some slot. */
static bool too_early(void)
{
	for (unsigned i = 0; i < ACTOR_SLOTS; i++)
		if (stage->published[i] <= 100)
			return true;
	return false;
}

static void every_message_is_whole_in_order_and_accounted_for(void **state)
{
	int64_t until = now_ns() + actors_seconds(4) * SECOND;
	struct timespec moment = {.tv_nsec = 50 * MILLISECOND};

	(void)state;
	actors_make_slots();
	start_all();
	while (too_early() || now_ns() < until) {
		nanosleep(&moment, NULL);
		check_all();
	}
	stop_all();
	report();
	for (unsigned i = 0; i < ACTOR_SLOTS; i++) {
		babus_slot *slot = open_slot(actor_slots[i].name, BABUS_READ);
		struct babus_slot_info info;

		assert_int_equal(babus_slot_info(slot, &info), 0);
		assert_int_equal(info.seq, stage->published[i]);
		assert_int_equal(info.lost, stage->lost[i]);
		babus_slot_close(slot);
	}
	assert_nothing_is_missing();
}

static void sudden_death_blocks_tears_and_leaks_nothing(void **state)
{
	int64_t until = now_ns() + actors_seconds(8) * SECOND;
	uint64_t random = (uint64_t)getpid();
	struct babus_report found;
	unsigned deaths = 0;

	(void)state;
	actors_make_slots();
	start_all();
	for (; too_early() || now_ns() < until; deaths++) {
		struct timespec moment = {.tv_nsec = (long)(random_next(&random) % 4000000)};
		unsigned victim = (unsigned)(random_next(&random) % count);

		nanosleep(&moment, NULL);
		check_all();
		child_kill(pids[victim]);
		pids[victim] = child_start(play, &cast[victim]);
	}
	/* The last ones all at once, so that there is something to recover. */
	for (unsigned i = 0; i < count; i++)
		child_kill(pids[i]);
	report();
	assert_int_equal(babus_domain_recover(bus, 1, &found), 0);
	printf("# %u deaths; the last ones left %u publishers, %u readers, %u buffers\n", deaths,
	       found.dead_publishers, found.dead_readers, found.buffers);
	assert_int_equal(found.slots, ACTOR_SLOTS);
	assert_int_equal(found.damaged, 0);
	assert_nothing_is_missing();
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(every_message_is_whole_in_order_and_accounted_for),
	    CASE(sudden_death_blocks_tears_and_leaks_nothing),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60 + 2 * actors_seconds(8));
}

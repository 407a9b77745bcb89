/* SPDX-License-Identifier: MIT */
/* Many threads on shared handles, for ThreadSanitizer. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "accounts.h"
#include "actors.h"
#include "support.h"

static struct stage stage;

static void *play(void *arg)
{
	struct actor *actor = arg;

	actor->act(actor);
	return NULL;
}

static void every_thread_may_use_the_same_handles(void **state)
{
	static const struct {
		void (*act)(struct actor *actor);
		unsigned count;
	} casting[] = {{act_publish, 2 * ACTOR_SLOTS},
		       {act_follow, ACTOR_SLOTS},
		       {act_watch, ACTOR_SLOTS},
		       {act_hold, ACTOR_SLOTS},
		       {act_wait, 2}};
	enum {
		CAST = 5 * ACTOR_SLOTS + 2
	};
	struct timespec duration = {.tv_sec = (time_t)actors_seconds(4)};
	struct actor shared = {.stage = &stage}, cast[CAST];
	pthread_t threads[CAST];
	unsigned count = 0;

	(void)state;
	actors_make_slots();
	actors_open_slots(&shared);
	for (size_t kind = 0; kind < sizeof(casting) / sizeof(*casting); kind++) {
		for (unsigned i = 0; i < casting[kind].count; i++, count++) {
			cast[count] = shared;
			cast[count].number = i;
			cast[count].random = count + 1;
			cast[count].act = casting[kind].act;
		}
	}
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, play, &cast[i]), 0);
	nanosleep(&duration, NULL);
	atomic_store(&stage.stop, true);
	for (unsigned i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	for (unsigned i = 0; i < ACTOR_SLOTS; i++) {
		struct babus_slot_info info;

		printf("# %-9s published %9llu, read in order %9llu, missed %9llu\n",
		       actor_slots[i].name, (unsigned long long)stage.published[i],
		       (unsigned long long)stage.received[i], (unsigned long long)stage.lost[i]);
		assert_int_equal(babus_slot_info(shared.slots[i], &info), 0);
		assert_int_equal(info.seq, stage.published[i]);
		assert_int_equal(info.lost, stage.lost[i]);
	}
	actors_close_slots(&shared);
	for (unsigned i = 0; i < ACTOR_SLOTS; i++) {
		babus_slot *slot = open_slot(actor_slots[i].name, BABUS_READ);

		assert_true(accounts_balance(slot, 0, 0));
		babus_slot_close(slot);
	}
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(every_thread_may_use_the_same_handles),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60 + actors_seconds(4));
}

/* SPDX-License-Identifier: MIT */
/*
 * What a waiter waits for changes while it goes to sleep. The sleeper is a thread in
 * babus_waiter_wait(), or the library's thread that serves its descriptor. It is held before each
 * of its steps in shared memory, one a round, while another thread makes the change; the event
 * that the change is about happens once it sleeps again. The re-check is an hour: a change that
 * the sleeper misses is found only at the deadline.
 */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <poll.h>
#include <unistd.h>

#include "domain.h"
#include "marks.h"
#include "steps.h"
#include "waiting.h"

/* The last two share the channel of the first, and the mate shares its mark. */
static babus_slot *kept_slot, *other_slot, *neighbour_slot, *mate_slot;
static babus_reader *kept, *other, *neighbour, *mate;
static babus_waiter *waiter;
static int user;

/* --- changes --------------------------------------------------------------------- */

static void add_other(void)
{
	EXPECT_EQUAL(babus_waiter_add(waiter, other, NULL), 0);
}

static void publish_to_other(void)
{
	EXPECT_EQUAL(babus_slot_publish(other_slot, "x", 1, NULL, NULL), 0);
}

static void add_neighbour(void)
{
	EXPECT_EQUAL(babus_waiter_add(waiter, neighbour, NULL), 0);
}

static void publish_to_neighbour(void)
{
	EXPECT_EQUAL(babus_slot_publish(neighbour_slot, "x", 1, NULL, NULL), 0);
}

static void add_mate(void)
{
	EXPECT_EQUAL(babus_waiter_add(waiter, mate, NULL), 0);
}

static void publish_to_mate(void)
{
	EXPECT_EQUAL(babus_slot_publish(mate_slot, "x", 1, NULL, NULL), 0);
}

/* What it would report exists already. */
static void add_late_other(void)
{
	EXPECT_EQUAL(babus_reader_seek(other, BABUS_START_OLDEST, 0), 0);
	add_other();
}

static void add_late_neighbour(void)
{
	EXPECT_EQUAL(babus_reader_seek(neighbour, BABUS_START_OLDEST, 0), 0);
	add_neighbour();
}

static void add_late_mate(void)
{
	EXPECT_EQUAL(babus_reader_seek(mate, BABUS_START_OLDEST, 0), 0);
	add_mate();
}

static void watch(void)
{
	EXPECT_EQUAL(babus_waiter_watch_domain(waiter, &user), 0);
}

static void create(void)
{
	struct babus_slot_options opts = small_options(1, 16);
	babus_slot *slot;

	EXPECT_EQUAL(babus_slot_open(bus, "new", BABUS_CREATE, &opts, &slot), 0);
	babus_slot_close(slot);
}

static void wake(void)
{
	EXPECT_EQUAL(babus_waiter_wake(waiter), 0);
}

static void go_back(void)
{
	EXPECT_EQUAL(babus_reader_seek(kept, BABUS_START_OLDEST, 0), 0);
}

struct change {
	const char *name;
	void (*make)(void);
	void (*use)(void); /* NULL: the change alone wakes the sleeper */
	babus_reader **reader;
	int result;
};

static const struct change changes[] = {
    {"add", add_other, publish_to_other, &other, 1},
    {"add to its channel", add_neighbour, publish_to_neighbour, &neighbour, 1},
    {"add to its mark", add_mate, publish_to_mate, &mate, 1},
    {"add with news", add_late_other, NULL, &other, 1},
    {"add with news to its channel", add_late_neighbour, NULL, &neighbour, 1},
    {"add with news to its mark", add_late_mate, NULL, &mate, 1},
    {"watch", watch, create, NULL, 1},
    {"wake", wake, NULL, NULL, -ECANCELED},
    {"seek", go_back, NULL, &kept, 1},
};

/* --- threads that make the changes --------------------------------------------------- */

static const struct change *change;
static int go;
static _Atomic long changer;
static atomic_bool changed, reached;

static void *change_at_the_step(void *arg)
{
	(void)arg;
	atomic_store(&changer, syscall(SYS_gettid));
	gate_wait(go);
	change->make();
	atomic_store(&changed, true);
	return NULL;
}

/* Whether a thread of ours sleeps in futex(2), perhaps on this word while it has this value. */
static bool sleeps(const char *task, const void *word, uint32_t value)
{
	char path[64], line[256] = "";
	unsigned long long at, operation, expected;
	int call, found;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/syscall", task);
	file = fopen(path, "r");
	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		*line = '\0';
	fclose(file);
	found = sscanf(line, "%d %llx %llx %llx", &call, &at, &operation, &expected);
	return found == 4 && call == SYS_futex &&
	       (!word || (at == (uintptr_t)word && (uint32_t)expected == value));
}

/* At the sleeper's step: until the change is made, or waits for a lock that the sleeper holds. */
static void let_it_change(void)
{
	char task[24];

	atomic_store(&reached, true);
	snprintf(task, sizeof(task), "%ld", atomic_load(&changer));
	gate_post(go, 1);
	while (!atomic_load(&changed) && !sleeps(task, NULL, 0))
		sched_yield();
}

/* --- sleepers ------------------------------------------------------------------------ */

static struct sleep {
	bool by_descriptor;
	unsigned step;
	int64_t deadline;
	bool in_time;
	atomic_bool polls, ended;
	struct babus_event event;
	int result;
} sleeper;

static int wait_by_descriptor(void)
{
	struct pollfd poller = {.events = POLLIN};
	int result = babus_waiter_wait(waiter, BABUS_NOW, &sleeper.event, 1);

	if (result != -ETIMEDOUT)
		return result;
	EXPECT_EQUAL(babus_waiter_fd(waiter, &poller.fd), 0);
	atomic_store(&sleeper.polls, true);
	if (poll(&poller, 1, (int)((sleeper.deadline - now_ns()) / MILLISECOND)) != 1)
		return -ETIMEDOUT;
	return babus_waiter_wait(waiter, BABUS_NOW, &sleeper.event, 1);
}

static void *go_to_sleep(void *arg)
{
	(void)arg;
	sleeper.deadline = babus_deadline(20 * SECOND);
	steps_act_at(sleeper.step, let_it_change);
	sleeper.result = sleeper.by_descriptor
			     ? wait_by_descriptor()
			     : babus_waiter_wait(waiter, sleeper.deadline, &sleeper.event, 1);
	/* At the deadline it looks once more, and would find what it missed. */
	sleeper.in_time = now_ns() < sleeper.deadline;
	steps_disarm();
	atomic_store(&sleeper.ended, true);
	return NULL;
}

/* Whether some thread sleeps on the event word and has seen its last change. */
static bool one_sleeps(void)
{
	/* No step of this thread: only the sleeper's steps count. */
	uint32_t value = atomic_load(&bus->map->event);
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	bool found = false;

	EXPECT(dir != NULL);
	while (!found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.' && sleeps(entry->d_name, &bus->map->event, value);
	closedir(dir);
	return found;
}

/* Until it sleeps for good, or has ended. */
static void await_sleep(void)
{
	int64_t patience = now_ns() + 10 * SECOND * SUPPORT_SLOWER;

	while (!atomic_load(&sleeper.ended) &&
	       !(one_sleeps() && (!sleeper.by_descriptor || atomic_load(&sleeper.polls)))) {
		assert_true(now_ns() < patience);
		sched_yield();
	}
}

static void await_change(void)
{
	int64_t patience = now_ns() + 10 * SECOND * SUPPORT_SLOWER;

	while (!atomic_load(&changed)) {
		assert_true(now_ns() < patience);
		sched_yield();
	}
}

/* --- rounds -------------------------------------------------------------------------- */

static void begin_round(bool by_descriptor, bool quiet)
{
	struct babus_event event;
	int fd;

	kept = open_reader(kept_slot);
	other = open_reader(other_slot);
	neighbour = open_reader(neighbour_slot);
	mate = open_reader(mate_slot);
	waiter = open_waiter(0, NO_RECHECK);
	assert_int_equal(babus_waiter_add(waiter, kept, NULL), 0);
	if (by_descriptor)
		assert_int_equal(babus_waiter_fd(waiter, &fd), 0);
	/* It has slept before, so its channel is marked and quiet. */
	if (quiet)
		assert_int_equal(babus_waiter_wait(waiter, babus_deadline(1000), &event, 1),
				 -ETIMEDOUT);
	go = gate_open();
	atomic_store(&changer, 0);
	atomic_store(&changed, false);
	atomic_store(&reached, false);
	sleeper = (struct sleep){.by_descriptor = by_descriptor};
}

static void end_round(void)
{
	gate_close(go);
	babus_waiter_close(waiter);
	babus_reader_close(kept);
	babus_reader_close(other);
	babus_reader_close(neighbour);
	babus_reader_close(mate);
	if (change->use == create)
		assert_int_equal(babus_domain_remove_slot(bus, "new"), 0);
}

static void assert_reported(void)
{
	assert_true(sleeper.in_time);
	assert_int_equal(sleeper.result, change->result);
	if (change->reader)
		assert_ptr_equal(sleeper.event.reader, *change->reader);
	if (change->make != watch)
		return;
	assert_int_equal(sleeper.event.kind, BABUS_EVENT_APPEARED);
	assert_string_equal(sleeper.event.slot, "new");
	assert_ptr_equal(sleeper.event.user, &user);
}

/* False: it was asleep before that step. */
static bool play_round(bool by_descriptor, bool quiet, unsigned step)
{
	pthread_t changing, sleeping;

	snprintf(support_context, sizeof(support_context), "%s at step %u%s%s", change->name, step,
		 by_descriptor ? ", by descriptor" : "", quiet ? ", quiet" : "");
	begin_round(by_descriptor, quiet);
	sleeper.step = step;
	assert_int_equal(pthread_create(&changing, NULL, change_at_the_step, NULL), 0);
	while (!atomic_load(&changer))
		sched_yield();
	assert_int_equal(pthread_create(&sleeping, NULL, go_to_sleep, NULL), 0);
	await_sleep();
	if (!atomic_load(&reached)) {
		steps_disarm();
		gate_post(go, 1);
	}
	await_change();
	await_sleep();
	if (change->use)
		change->use();
	pthread_join(sleeping, NULL);
	pthread_join(changing, NULL);
	assert_reported();
	end_round();
	*support_context = '\0';
	return atomic_load(&reached);
}

static void make_slots(void)
{
	struct babus_slot_options opts = small_options(2, 16);

	opts.channel = 5;
	other_slot = make_slot_with("other", &opts);
	opts.channel = 3;
	kept_slot = make_slot_with("kept", &opts);
	neighbour_slot = marks_make_slot("neighbour", &opts, kept_slot, false);
	mate_slot = marks_make_slot("mate", &opts, kept_slot, true);
	publish_many(kept_slot, 1);
	publish_many(other_slot, 1);
	publish_many(neighbour_slot, 1);
	publish_many(mate_slot, 1);
}

static void close_slots(void)
{
	babus_slot_close(kept_slot);
	babus_slot_close(other_slot);
	babus_slot_close(neighbour_slot);
	babus_slot_close(mate_slot);
}

static void play_all(bool by_descriptor)
{
	unsigned rounds = 0;

	make_slots();
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		change = &changes[i];
		for (int quiet = 0; quiet < 2; quiet++)
			for (unsigned step = 1; play_round(by_descriptor, quiet, step); step++)
				rounds++;
	}
	printf("# %u rounds\n", rounds);
	assert_true(rounds > 60);
	close_slots();
}

static void change_at_any_step_into_sleep_is_noticed(void **state)
{
	(void)state;
	play_all(false);
}

static void change_at_any_step_of_the_librarys_thread_is_noticed(void **state)
{
	(void)state;
	play_all(true);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(change_at_any_step_into_sleep_is_noticed),
	    CASE(change_at_any_step_of_the_librarys_thread_is_noticed),
	};

	steps_init();
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

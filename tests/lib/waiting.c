/* SPDX-License-Identifier: MIT */
#include "waiting.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "payload.h"

babus_waiter *open_waiter(uint64_t spin_ns, uint64_t recheck_ns)
{
	struct babus_waiter_options opts = {.spin_ns = spin_ns, .recheck_ns = recheck_ns};
	babus_waiter *waiter = NULL;

	assert_int_equal(babus_waiter_open(bus, &opts, &waiter), 0);
	return waiter;
}

babus_reader *open_reader(babus_slot *slot)
{
	babus_reader *reader = NULL;

	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	return reader;
}

void take_next(babus_reader *reader)
{
	struct babus_message message;

	assert_int_equal(babus_reader_next(reader, &message), 0);
	babus_message_release(&message);
}

void assert_no_news(babus_waiter *waiter)
{
	struct babus_event event;

	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), -ETIMEDOUT);
}

/* --- a thread that sleeps ------------------------------------------------------------ */

static void *sleep_on(void *arg)
{
	struct sleeper *sleeper = arg;

	sleeper->result = babus_waiter_wait(sleeper->waiter, babus_deadline(30 * SECOND),
					    &sleeper->event, 1);
	if (sleeper->result == -ETIMEDOUT)
		support_late("a sleeper is not woken");
	return NULL;
}

void start_sleeper(struct sleeper *sleeper, babus_waiter *waiter)
{
	struct timespec moment = {.tv_nsec = MILLISECOND};

	sleeper->waiter = waiter;
	assert_int_equal(pthread_create(&sleeper->thread, NULL, sleep_on, sleeper), 0);
	nanosleep(&moment, NULL);
}

int end_sleeper(struct sleeper *sleeper)
{
	pthread_join(sleeper->thread, NULL);
	return sleeper->result;
}

/* --- what it costs --------------------------------------------------------------------- */

unsigned count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *entry;
	unsigned count = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}

void assert_threads(unsigned count)
{
	int64_t patience = now_ns() + 10 * SECOND;

	while (count_threads() != count && now_ns() < patience)
		sched_yield();
	if (now_ns() >= patience)
		support_late("threads do not end");
	assert_int_equal(count_threads(), count);
}

static void *tell_name(void *arg)
{
	snprintf(arg, 64, "/proc/self/task/%ld", syscall(SYS_gettid));
	return NULL;
}

void warm_up_threads(void)
{
	pthread_t thread;
	char name[64];

	EXPECT(!pthread_create(&thread, NULL, tell_name, name));
	EXPECT(!pthread_join(thread, NULL));
	while (!access(name, F_OK))
		sched_yield();
}

/* --- processors -------------------------------------------------------------------------- */

static cpu_set_t allowed; /* to the program when it started */

__attribute__((constructor)) static void remember_processors(void)
{
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		CPU_SET(0, &allowed);
}

unsigned count_processors(void)
{
	return (unsigned)CPU_COUNT(&allowed);
}

void stay_on_processor(unsigned n)
{
	cpu_set_t one;

	n %= count_processors();
	CPU_ZERO(&one);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && n-- == 0)
			CPU_SET(cpu, &one);
	EXPECT_EQUAL(sched_setaffinity(0, sizeof(one), &one), 0);
}

void go_to_any_processor(void)
{
	EXPECT_EQUAL(sched_setaffinity(0, sizeof(allowed), &allowed), 0);
}

/* --- timing ------------------------------------------------------------------------------- */

void await_word(_Atomic uint64_t *word, uint64_t value)
{
	int64_t patience = now_ns() + 60 * SECOND;

	for (unsigned spins = 1; atomic_load(word) < value; spins++) {
		if (spins % 256)
			continue;
		EXPECT(now_ns() < patience);
		sched_yield();
	}
}

void pause_for_a_moment(uint64_t *random)
{
	uint64_t most = UINT64_C(1) << random_next(random) % 15;

	for (uint64_t spin = random_next(random) % most; spin; spin--)
		__asm__ __volatile__("");
}

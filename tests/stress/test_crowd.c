/* SPDX-License-Identifier: MIT */
/*
 * Hundreds of processes on one slot, at work and asleep. babus-bench measures what publishing
 * costs with many readers.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "payload.h"
#include "support.h"
#include "watch.h"

enum {
	PROCESSES = 500,
	READERS = 200,
	DEPTH = 64,
	BURSTS = 20,
	FLOOD = 5 * DEPTH + 3
};

static int ready, go, leave; /* gates: children post the first, the parent the others */
static pid_t pids[PROCESSES];

static int setup(void **state)
{
	ready = gate_open();
	go = gate_open();
	leave = gate_open();
	return support_setup(state);
}

static int teardown(void **state)
{
	gate_close(ready);
	gate_close(go);
	gate_close(leave);
	return support_teardown(state);
}

static babus_slot *enter(const char *name, unsigned flags)
{
	babus_domain *domain = child_open_domain();
	babus_slot *slot;

	EXPECT_EQUAL(babus_slot_open(domain, name, flags, NULL, &slot), 0);
	babus_domain_close(domain);
	return slot;
}

static void start_all(unsigned count, void (*act)(void *arg))
{
	for (uintptr_t i = 0; i < count; i++)
		pids[i] = child_start(act, (void *)i);
}

static void wait_ready(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		gate_wait(ready);
}

static void join_all(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		child_join(pids[i]);
}

static void kill_all(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		child_kill(pids[i]);
}

/* --- processes ---------------------------------------------------------------------- */

struct count {
	unsigned publishers, readers, dead;
};

static int add_client(void *arg, const struct babus_client_info *client)
{
	struct count *count = arg;

	count->publishers += client->publisher != 0;
	count->readers += !client->publisher;
	count->dead += !client->alive;
	return 0;
}

static void assert_clients(babus_slot *slot, unsigned publishers, unsigned readers)
{
	struct count count = {0};
	struct babus_slot_info info;

	assert_int_equal(babus_slot_clients(slot, add_client, &count), 0);
	assert_int_equal(count.publishers, publishers);
	assert_int_equal(count.readers, readers);
	assert_int_equal(count.dead, 0);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.publishers, publishers);
	assert_int_equal(info.readers, readers);
}

static void publish_one_and_read_one(void *arg)
{
	struct babus_stamp stamp = {.tag = (uintptr_t)arg};
	babus_slot *slot = enter("s", BABUS_PUBLISH);
	struct babus_message message;
	babus_reader *reader;
	uint64_t seq;

	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	gate_post(ready, 1);
	gate_wait(go);
	EXPECT_EQUAL(babus_slot_publish(slot, &stamp.tag, sizeof(stamp.tag), &stamp, &seq), 0);
	EXPECT_EQUAL(babus_reader_next(reader, &message), 0);
	EXPECT(message.seq <= seq && message.lost == 0 && message.tag < PROCESSES);
	EXPECT(message.size == sizeof(stamp.tag) && !memcmp(message.data, &message.tag, 8));
	gate_post(ready, 1);
	gate_wait(leave);
	babus_message_release(&message);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void five_hundred_processes_attach_publish_and_read(void **state)
{
	struct babus_slot_options opts = small_options(PROCESSES, 64);
	unsigned char heard[PROCESSES] = {0};
	struct babus_message message;
	babus_reader *reader;
	babus_slot *slot;

	(void)state;
	opts.loans = opts.pins = PROCESSES + 1;
	slot = make_slot_with("s", &opts);
	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	start_all(PROCESSES, publish_one_and_read_one);
	wait_ready(PROCESSES);
	assert_clients(slot, PROCESSES + 1, PROCESSES + 1);
	gate_post(go, PROCESSES);
	wait_ready(PROCESSES);
	for (unsigned i = 0; i < PROCESSES; i++) {
		assert_int_equal(babus_reader_next(reader, &message), 0);
		assert_int_equal(message.seq, i + 1);
		assert_true(message.tag < PROCESSES && !heard[message.tag]++);
		babus_message_release(&message);
	}
	assert_int_equal(babus_reader_next(reader, &message), -EAGAIN);
	gate_post(leave, PROCESSES);
	join_all(PROCESSES);
	assert_clients(slot, 1, 1);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

/* --- readers ------------------------------------------------------------------------ */

/* Read until this number, and sleep for what is not there yet: how many were lost. */
static uint64_t read_until(babus_reader *reader, uint64_t last, uint64_t end)
{
	struct babus_message message;
	uint64_t lost = 0;

	while (last < end) {
		int error = babus_reader_next(reader, &message);

		if (error == -EAGAIN) {
			EXPECT_EQUAL(babus_reader_wait(reader, babus_deadline(20 * SECOND)), 0);
			continue;
		}
		EXPECT_EQUAL(error, 0);
		EXPECT_EQUAL(message.seq, last + message.lost + 1);
		EXPECT_EQUAL(payload_counter(message.tag), message.seq);
		EXPECT(payload_matches(&message));
		last = message.seq;
		lost += message.lost;
		babus_message_release(&message);
	}
	EXPECT_EQUAL(last, end);
	return lost;
}

static _Atomic uint64_t *lost_in_all; /* shared by all processes */

static void follow(void *arg)
{
	babus_slot *slot = enter("s", BABUS_READ);
	struct babus_reader_stats stats;
	babus_reader *reader;
	uint64_t end = 0, lost;

	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	gate_post(ready, 1);
	for (unsigned i = 0; i < BURSTS; i++, end += DEPTH) {
		EXPECT_EQUAL(read_until(reader, end, end + DEPTH), 0);
		gate_post(ready, 1);
	}
	/* Every tenth starts late, and knows beforehand what it will have missed. */
	if ((uintptr_t)arg % 10 == 0)
		gate_wait(go);
	lost = read_until(reader, end, end + FLOOD);
	EXPECT((uintptr_t)arg % 10 || lost == FLOOD - DEPTH);
	EXPECT_EQUAL(babus_reader_stats(reader, &stats), 0);
	EXPECT_EQUAL(stats.received + lost, BURSTS * DEPTH + FLOOD);
	EXPECT_EQUAL(stats.lost, lost);
	*lost_in_all += lost;
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void publish_burst(babus_slot *slot, uint64_t first, unsigned count)
{
	char data[64];

	for (uint64_t seq = first; seq < first + count; seq++) {
		struct babus_stamp stamp = payload_fill(data, sizeof(data), payload_tag(1, seq));

		assert_int_equal(babus_slot_publish(slot, data, sizeof(data), &stamp, NULL), 0);
	}
}

static void two_hundred_readers_get_each_message_or_the_exact_loss(void **state)
{
	struct babus_slot_options opts;
	struct babus_slot_info info;
	babus_slot *slot;

	(void)state;
	/* As many as work with default options. */
	babus_slot_options_init(&opts);
	opts.depth = DEPTH;
	opts.max_size = 64;
	slot = make_slot_with("s", &opts);
	lost_in_all = mmap(NULL, sizeof(*lost_in_all), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(lost_in_all != MAP_FAILED);
	start_all(READERS, follow);
	wait_ready(READERS);
	assert_clients(slot, 1, READERS);
	for (unsigned i = 0; i < BURSTS; i++) {
		publish_burst(slot, i * DEPTH + 1, DEPTH);
		wait_ready(READERS);
	}
	publish_burst(slot, BURSTS * DEPTH + 1, FLOOD);
	gate_post(go, READERS);
	join_all(READERS);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.readers, 0);
	assert_int_equal(info.lost, *lost_in_all);
	assert_true(info.lost >= (uint64_t)READERS / 10 * (FLOOD - DEPTH));
	munmap((void *)lost_in_all, sizeof(*lost_in_all));
	babus_slot_close(slot);
}

/* --- idle --------------------------------------------------------------------------- */

/* Sleep for ever; every second one in its event loop. */
static void sleep_for_news(void *arg)
{
	babus_domain *domain = child_open_domain();
	struct pollfd loop = {.events = POLLIN};
	struct babus_event event;
	babus_reader *reader;
	babus_waiter *waiter;
	babus_slot *slot;

	EXPECT_EQUAL(babus_slot_open(domain, "quiet", BABUS_READ, NULL, &slot), 0);
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	EXPECT_EQUAL(babus_waiter_open(domain, NULL, &waiter), 0);
	EXPECT_EQUAL(babus_waiter_add(waiter, reader, NULL), 0);
	if ((uintptr_t)arg % 2) {
		EXPECT_EQUAL(babus_waiter_fd(waiter, &loop.fd), 0);
		EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_NOW, &event, 1), -ETIMEDOUT);
		gate_post(ready, 1);
		poll(&loop, 1, -1);
	} else {
		gate_post(ready, 1);
		babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1);
	}
	_exit(1);
}

static void start_sleepers(struct watch_use before[READERS])
{
	start_all(READERS, sleep_for_news);
	wait_ready(READERS);
	for (unsigned i = 0; i < READERS; i++)
		watch_asleep(pids[i]);
	for (unsigned i = 0; i < READERS; i++)
		before[i] = watch_look(pids[i]);
}

static void assert_slept(const struct watch_use before[READERS])
{
	uint64_t cpu_ns = 0, switches = 0;
	double seconds = 0;

	for (unsigned i = 0; i < READERS; i++) {
		struct watch_use use = watch_look(pids[i]);
		int64_t took_ns = use.end_ns - before[i].at_ns;

		assert_true(use.switches - before[i].switches <= (uint64_t)(took_ns / SECOND) + 1);
		switches += use.switches - before[i].switches;
		cpu_ns += use.cpu_ns - before[i].cpu_ns;
		seconds += (double)took_ns / 1e9;
	}
	print_message("# %d blocked: %.2f wakes and %.0f us of processor time a second each\n",
		      READERS, (double)switches / seconds, (double)cpu_ns / 1e3 / seconds);
	/* One in a thousand; most of it is the kernel's work to wake and look. */
	assert_true((double)cpu_ns / 1e9 < seconds / 1000 * SUPPORT_SLOWER);
}

static void blocked_readers_wake_once_a_second_whatever_others_publish(void **state)
{
	struct watch_use before[READERS];
	struct babus_slot_options opts;
	babus_slot *quiet, *busy;
	unsigned published = 0;
	int64_t until;

	(void)state;
	babus_slot_options_init(&opts);
	opts.max_size = 64;
	opts.channel = 3;
	quiet = make_slot_with("quiet", &opts);
	opts.channel = 4;
	busy = make_slot_with("busy", &opts);
	start_sleepers(before);
	poll(NULL, 0, 3200);
	assert_slept(before);
	for (unsigned i = 0; i < READERS; i++)
		before[i] = watch_look(pids[i]);
	for (until = now_ns() + SECOND; published < 1000 || now_ns() < until; published++)
		publish_many(busy, 1);
	assert_slept(before);
	assert_clients(quiet, 1, READERS);
	kill_all(READERS);
	babus_slot_close(quiet);
	babus_slot_close(busy);
}

static int run(void)
{
#define CROWD(claim) cmocka_unit_test_setup_teardown(claim, setup, teardown)
	const struct CMUnitTest cases[] = {
	    CROWD(five_hundred_processes_attach_publish_and_read),
	    CROWD(two_hundred_readers_get_each_message_or_the_exact_loss),
	    CROWD(blocked_readers_wake_once_a_second_whatever_others_publish),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

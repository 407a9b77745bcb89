/* SPDX-License-Identifier: MIT */
/*
 * Counters that start near their end. Those of 32 and 64 bits wrap without harm; incarnations and
 * sequence numbers end. test_seq.c reads across sequence numbers.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "domain.h"
#include "layout.h"
#include "slot.h"
#include "waiting.h"

/* --- the word that counts wake-ups -------------------------------------------------------- */

enum {
	SIDES = 2,
	EPISODES = 60,
	ROUNDS = 100, /* in an episode, or more until it has wrapped */
};

/* A thread that waits for its slot: asleep in its wait, or in poll(). */
struct side {
	babus_slot *slot;
	babus_reader *reader;
	babus_waiter *waiter;
	int fd; /* -1: it needs none */
	_Atomic uint64_t seen;
	pthread_t thread;
};

static int wait_at(const struct side *side, struct babus_event *event)
{
	struct pollfd poller = {.fd = side->fd, .events = POLLIN};
	int result;

	if (side->fd < 0)
		return babus_waiter_wait(side->waiter, babus_deadline(30 * SECOND), event, 1);
	result = babus_waiter_wait(side->waiter, BABUS_NOW, event, 1);
	if (result != -ETIMEDOUT)
		return result;
	EXPECT_EQUAL(poll(&poller, 1, 30000), 1);
	return babus_waiter_wait(side->waiter, BABUS_NOW, event, 1);
}

/* Until an empty message comes. */
static void *take_all(void *arg)
{
	struct side *side = arg;
	size_t size = 1;

	while (size) {
		struct babus_message message;
		struct babus_event event;

		EXPECT_EQUAL(wait_at(side, &event), 1);
		EXPECT_EQUAL(babus_reader_next(side->reader, &message), 0);
		EXPECT_EQUAL(message.lost, 0);
		size = message.size;
		babus_message_release(&message);
		atomic_fetch_add(&side->seen, 1);
	}
	return NULL;
}

static void make_side(struct side *side, const char *name, bool by_descriptor, uint64_t first_seq)
{
	struct babus_slot_options opts = small_options(3, 16);

	opts.first_seq = first_seq;
	*side = (struct side){.slot = make_slot_with(name, &opts), .fd = -1};
	side->reader = open_reader(side->slot);
	side->waiter = open_waiter(0, NO_RECHECK);
	assert_int_equal(babus_waiter_add(side->waiter, side->reader, NULL), 0);
	if (by_descriptor)
		assert_int_equal(babus_waiter_fd(side->waiter, &side->fd), 0);
	assert_int_equal(pthread_create(&side->thread, NULL, take_all, side), 0);
}

static void end_side(struct side *side)
{
	pthread_join(side->thread, NULL);
	babus_waiter_close(side->waiter);
	babus_reader_close(side->reader);
	babus_slot_close(side->slot);
}

/* One message to each slot, when all earlier ones have been seen. */
static void publish_round(struct side sides[SIDES], uint64_t n, size_t size, uint64_t *random)
{
	for (unsigned i = 0; i < SIDES; i++) {
		await_word(&sides[i].seen, n);
		pause_for_a_moment(random);
		assert_int_equal(babus_slot_publish(sides[i].slot, "x", size, NULL, NULL), 0);
	}
}

static bool has_wrapped(void)
{
	return event_get(&bus->map->event) < UINT32_MAX / 2;
}

static void no_wake_up_is_lost_when_their_count_wraps(void **state)
{
	int64_t patience = now_ns() + 60 * SECOND * SUPPORT_SLOWER;
	struct side sides[SIDES];
	uint64_t random = 3, n = 0;

	(void)state;
	make_side(&sides[0], "asleep", false, 1);
	make_side(&sides[1], "polled", true, 1);
	for (unsigned episode = 0; episode < EPISODES; episode++) {
		uint64_t end = n + ROUNDS;

		/* Only this process raises it, so it may set it at any time. */
		bus->map->event = UINT32_MAX - ROUNDS / 2;
		while (n < end || !has_wrapped()) {
			publish_round(sides, n++, 1, &random);
			assert_true(now_ns() < patience);
		}
	}
	publish_round(sides, n, 0, &random);
	for (unsigned i = 0; i < SIDES; i++)
		end_side(&sides[i]);
}

/* --- sequence numbers ---------------------------------------------------------------------- */

static void waiters_follow_numbers_across_word_sizes_and_to_the_last(void **state)
{
	static const uint64_t ends[] = {UINT64_C(1) << 16, UINT64_C(1) << 31, UINT64_C(1) << 32,
					UINT64_C(1) << 47, BABUS_SEQ_MAX - 150};
	uint64_t random = 3;

	(void)state;
	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		struct side sides[SIDES];
		char names[SIDES][16];

		snprintf(support_context, sizeof(support_context), "across %" PRIu64, ends[i]);
		for (unsigned n = 0; n < SIDES; n++) {
			snprintf(names[n], sizeof(names[n]), "s%zu.%u", i, n);
			make_side(&sides[n], names[n], n == 1, ends[i] - 150);
		}
		for (uint64_t n = 0; n < 300; n++)
			publish_round(sides, n, 1, &random);
		publish_round(sides, 300, 0, &random);
		for (unsigned n = 0; n < SIDES; n++)
			end_side(&sides[n]);
	}
	*support_context = '\0';
}

/* --- counters of a domain -------------------------------------------------------------------- */

static void changes_are_reported_when_their_count_wraps(void **state)
{
	babus_waiter *waiter = open_waiter(0, NO_RECHECK);
	struct babus_event event;
	uint64_t before, after;

	(void)state;
	counter_put(&bus->map->changes, UINT64_MAX - 3);
	assert_int_equal(babus_waiter_watch_domain(waiter, NULL), 0);
	assert_int_equal(babus_domain_changes(bus, &before), 0);
	for (int i = 0; i < 8; i++) {
		char name[16];

		snprintf(name, sizeof(name), "s%d", i);
		assert_no_news(waiter);
		babus_slot_close(make_slot(name, 1, 16));
		assert_int_equal(babus_waiter_wait(waiter, babus_deadline(30 * SECOND), &event, 1),
				 1);
		assert_null(event.reader);
		assert_int_equal(babus_domain_changes(bus, &after), 0);
		assert_true(after != before);
		before = after;
	}
	assert_true(before < 100);
	babus_waiter_close(waiter);
}

static void channels_are_given_out_when_their_count_wraps(void **state)
{
	(void)state;
	counter_put(&bus->map->next_channel, UINT64_MAX - 3);
	for (int i = 0; i < 8; i++) {
		struct babus_slot_info info;
		babus_slot *slot;
		char name[16];

		snprintf(name, sizeof(name), "s%d", i);
		slot = make_slot(name, 1, 16);
		assert_int_equal(babus_slot_info(slot, &info), 0);
		assert_true(info.channel < BABUS_CHANNELS - 1);
		babus_slot_close(slot);
	}
	assert_int_equal(counter_get(&bus->map->next_channel), 4);
}

/* --- incarnations ------------------------------------------------------------------------------
 */

static int gate;

/* Publish and read under the last incarnations, and never end. */
static void live_under_the_last_numbers(void *arg)
{
	struct babus_message message;
	struct babus_loan loan;
	babus_slot *slot = child_open_slot("s", BABUS_PUBLISH);

	(void)arg;
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	EXPECT_EQUAL(babus_slot_loan(slot, 1, &loan), 0);
	EXPECT(slot_publisher(slot) == CLAIM_INCARNATION_MAX);
	EXPECT(slot->leases[SLOT_PINS_FILE].client.incarnation == CLAIM_INCARNATION_MAX);
	gate_post(gate, 1);
	pause();
}

static struct babus_report find_dead(bool repair)
{
	struct babus_report report;

	assert_int_equal(babus_domain_recover(bus, repair, &report), 0);
	return report;
}

static void last_incarnations_work_and_then_it_is_eproto(void **state)
{
	babus_slot *slot = make_slot("s", 4, 100), *late = NULL;
	struct babus_message message;
	struct babus_report report;
	babus_reader *reader = NULL;
	pid_t child;

	(void)state;
	gate = gate_open();
	publish_text(slot, "kept");
	/* Reading maps the pins. */
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	counter_put(&slot->header->next_incarnation, CLAIM_INCARNATION_MAX);
	counter_put(&slot->pins_header->next_incarnation, CLAIM_INCARNATION_MAX);
	child = child_start(live_under_the_last_numbers, NULL);
	gate_wait(gate);
	report = find_dead(true);
	assert_int_equal(report.dead_publishers + report.dead_readers + report.buffers, 0);

	assert_int_equal(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &late), -EPROTO);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_READ, NULL, &late), 0);
	assert_int_equal(babus_reader_open(late, BABUS_START_OLDEST, 0, &reader), -EPROTO);
	babus_slot_close(late);

	child_kill(child);
	report = find_dead(true);
	assert_int_equal(report.dead_publishers, 1);
	assert_int_equal(report.dead_readers, 1);
	assert_int_equal(report.buffers, 1);
	/* Existing clients go on. */
	publish_many(slot, 20);
	assert_text(&message, "kept");
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	babus_slot_close(slot);
	gate_close(gate);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(no_wake_up_is_lost_when_their_count_wraps),
	    CASE(waiters_follow_numbers_across_word_sizes_and_to_the_last),
	    CASE(changes_are_reported_when_their_count_wraps),
	    CASE(channels_are_given_out_when_their_count_wraps),
	    CASE(last_incarnations_work_and_then_it_is_eproto),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

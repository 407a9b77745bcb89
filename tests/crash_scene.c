/* SPDX-License-Identifier: MIT */
/* Those who look on while somebody dies or is stopped. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accounts.h"
#include "crash_ops.h"
#include "payload.h"
#include "steps.h"
#include "support.h"

enum {
	RECHECK_MS = 50,
	/* Nobody waits for the victim: calls take microseconds, and this bound
	   only allows for a busy machine. */
	PATIENCE_MS = 2000 * SUPPORT_SLOWER
};

/* What the listener has seen. */
static struct hearing {
	_Atomic uint64_t seq;
	int gate;
} * hearing;

static struct crash_scene scene;
static babus_slot *publisher, *subscriber;
static babus_reader *follower;
static uint64_t counter, followed;
static pid_t listener;
static uint32_t tokens, pins; /* in use by those who look on */
static char payload[20000];

static void listen_on(void *arg)
{
	struct babus_waiter_options opts = {.recheck_ns = RECHECK_MS * MILLISECOND};
	struct babus_message message;
	struct babus_event event;
	babus_domain *domain;
	babus_waiter *waiter;
	babus_reader *reader;
	babus_slot *slot;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &slot), 0);
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	EXPECT_EQUAL(babus_waiter_open(domain, &opts, &waiter), 0);
	EXPECT_EQUAL(babus_waiter_add(waiter, reader, NULL), 0);
	for (;;) {
		EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_FOREVER, &event), 0);
		EXPECT_EQUAL(event.status, 0);
		EXPECT_EQUAL(babus_reader_next(reader, &message), 0);
		EXPECT(payload_matches(&message));
		atomic_store(&hearing->seq, message.seq);
		babus_message_release(&message);
		gate_post(hearing->gate, 1);
	}
}

static void expect_heard(uint64_t seq)
{
	int64_t began = now_ns();

	while (atomic_load(&hearing->seq) < seq)
		gate_wait(hearing->gate);
	assert_true(now_ns() - began < PATIENCE_MS * MILLISECOND);
}

static uint64_t publish_next(babus_slot *slot)
{
	struct babus_stamp stamp = payload_fill(payload, scene.max_size, payload_tag(1, counter++));
	uint64_t seq;

	assert_int_equal(babus_slot_publish(slot, payload, scene.max_size, &stamp, &seq), 0);
	return seq;
}

/* Read what there is, in order and whole. */
static void follow(void)
{
	struct babus_message message;
	int error;

	while (!(error = babus_reader_next(follower, &message))) {
		assert_int_equal(message.seq, followed + 1 + message.lost);
		assert_true(payload_matches(&message));
		followed = message.seq;
		babus_message_release(&message);
	}
	assert_int_equal(error, -EAGAIN);
}

void scene_begin(const struct crash_scene *wanted)
{
	struct babus_slot_options opts = small_options(wanted->depth, wanted->max_size);
	struct accounts accounts;

	scene = *wanted;
	counter = followed = 0;
	hearing = mmap(NULL, sizeof(*hearing), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	assert_true(hearing != MAP_FAILED);
	hearing->gate = gate_open();
	opts.loans = 8;
	opts.pins = 12;
	publisher = make_slot_with("s", &opts);
	subscriber = open_slot("s", BABUS_READ);
	assert_int_equal(babus_reader_open(subscriber, BABUS_START_OLDEST, 0, &follower), 0);
	listener = child_start(listen_on, NULL);
	expect_heard(publish_next(publisher));
	follow();
	accounts_take(publisher, &accounts);
	tokens = accounts.tokens;
	pins = accounts.pins;
}

void scene_end(void)
{
	child_kill(listener);
	babus_reader_close(follower);
	babus_slot_close(subscriber);
	babus_slot_close(publisher);
	gate_close(hearing->gate);
	munmap(hearing, sizeof(*hearing));
}

static void run_op(void *arg)
{
	const struct crash_op *op = arg;
	babus_domain *domain;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	op->act(domain);
	babus_domain_close(domain);
}

static void hold_and_die(void *arg)
{
	struct babus_message message;
	struct babus_loan loan;
	babus_domain *domain;
	babus_slot *slot;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &slot), 0);
	EXPECT_EQUAL(babus_slot_loan(slot, 1, &loan), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	kill(getpid(), SIGKILL);
}

pid_t scene_start(const struct crash_op *op)
{
	if (op->kind == OP_VICTIM)
		babus_slot_close(make_slot("victim", 2, 64));
	if (op->kind == OP_DEAD)
		assert_int_equal(child_wait(child_start(hold_and_die, NULL)), -SIGKILL);
	return child_start(run_op, (void *)(uintptr_t)op);
}

void scene_goes_on(void)
{
	int64_t began = now_ns();
	babus_slot *another;

	follow();
	/* Round and round: more often than there are buffers. */
	for (uint32_t i = 0; i < 2 * (scene.depth + 12); i++) {
		uint64_t before = followed;
		uint64_t seq = publish_next(publisher);

		follow();
		assert_int_equal(followed, seq);
		assert_int_equal(followed, before + 1);
	}
	another = open_slot("s", BABUS_PUBLISH);
	expect_heard(publish_next(another));
	babus_slot_close(another);
	follow();
	assert_true(now_ns() - began < PATIENCE_MS * MILLISECOND);
}

void scene_victim_is_sound(void)
{
	babus_slot *slot;
	int error = babus_slot_open(bus, "victim", BABUS_PUBLISH, NULL, &slot);

	if (error)
		assert_int_equal(error, -ENOENT);
	else
		babus_slot_close(slot);
	slot = make_slot("victim", 2, 64);
	publish_text(slot, "x");
	babus_slot_close(slot);
	assert_int_equal(babus_slot_remove(bus, "victim"), 0);
}

/* No file but the domain's and the two of "s". */
static void assert_no_leftovers(void)
{
	DIR *dir = opendir(domain_file("."));
	struct dirent *entry;
	int foreign = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, "domain") &&
		    strncmp(entry->d_name, "s.", 2)) {
			fprintf(stderr, "left over: %s\n", entry->d_name);
			foreign++;
		}
	closedir(dir);
	assert_int_equal(foreign, 0);
}

void scene_recover(void)
{
	struct babus_report report;

	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.damaged, 0);
	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	assert_int_equal(report.dead_publishers + report.dead_readers + report.leftovers, 0);
	assert_true(accounts_balance(publisher, tokens, pins));
}

void scene_is_clean(void)
{
	scene_recover();
	assert_no_leftovers();
}

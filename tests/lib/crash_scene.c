/* SPDX-License-Identifier: MIT */
/* The witnesses, while a victim dies or is stopped. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
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
	LIGHT, /* looks again, as waiters do */
	DEEP,  /* sleeps until it is woken */
	LISTENERS
};

static const int64_t recheck_ns[LISTENERS] = {50 * MILLISECOND, 3600 * SECOND};

/* What a listener has seen. */
static struct hearing {
	_Atomic uint64_t seq;
	_Atomic uint64_t sleeps; /* before that */
	int gate;
} * hearings;

static struct crash_scene scene;
static const struct crash_op *current;
static babus_slot *publisher, *subscriber;
static babus_reader *follower;
static uint64_t counter, followed;
static pid_t listeners[LISTENERS];
static uint32_t tokens, pins; /* in use by the witnesses */
static char payload[20000];

static void ignore(int number)
{
	(void)number;
}

static void listen_on(void *arg)
{
	struct hearing *hearing = arg;
	struct babus_waiter_options opts = {.recheck_ns = (uint64_t)recheck_ns[hearing - hearings]};
	struct sigaction look_up = {.sa_handler = ignore};
	struct babus_message message;
	struct babus_event event;
	babus_domain *domain;
	babus_waiter *waiter;
	babus_reader *reader;
	babus_slot *slot;

	sigaction(SIGUSR1, &look_up, NULL);
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &slot), 0);
	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	EXPECT_EQUAL(babus_waiter_open(domain, &opts, &waiter), 0);
	EXPECT_EQUAL(babus_waiter_add(waiter, reader, NULL), 0);
	for (;;) {
		int result = babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1);

		if (result == -EINTR)
			continue;
		EXPECT_EQUAL(result, 1);
		EXPECT_EQUAL(event.status, 0);
		EXPECT_EQUAL(babus_reader_next(reader, &message), 0);
		EXPECT(payload_matches(&message));
		atomic_store(&hearing->sleeps, count_sleeps(0));
		atomic_store(&hearing->seq, message.seq);
		babus_message_release(&message);
		gate_post(hearing->gate, 1);
	}
}

/*
 * A publisher that was killed or stopped between taking the mark and the wake-up leaves the
 * process that set the mark asleep until its re-check.
 */
static bool victim_took_the_mark(void)
{
	return !strcmp(steps->name, "event_bump") || !strcmp(steps->name, "futex_wake");
}

static void expect_heard(unsigned i, uint64_t seq)
{
	struct hearing *hearing = &hearings[i];

	while (atomic_load(&hearing->seq) < seq) {
		struct pollfd news = {.fd = hearing->gate, .events = POLLIN};

		/* No other publisher may leave it asleep: the gate has a time limit. */
		if (i == DEEP && victim_took_the_mark()) {
			kill(listeners[DEEP], SIGUSR1);
			if (!poll(&news, 1, 10))
				continue;
		}
		gate_wait(hearing->gate);
	}
}

static uint64_t publish_next(babus_slot *slot)
{
	struct babus_stamp stamp = payload_fill(payload, scene.max_size, payload_tag(1, counter++));
	uint64_t seq;

	assert_int_equal(babus_slot_publish(slot, payload, scene.max_size, &stamp, &seq), 0);
	return seq;
}

/* Read all there is, in order and whole. */
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

/*
 * Publish a message that all listeners hear, after the light sleeper went to sleep twice more.
 * The test can tell that only if nothing happened between two looks at the count, with the
 * publish between them.
 */
static void publish_and_be_heard(babus_slot *slot)
{
	uint64_t before = count_sleeps(listeners[LIGHT]);
	uint64_t seq = publish_next(slot);
	uint64_t after = count_sleeps(listeners[LIGHT]);

	for (unsigned i = 0; i < LISTENERS; i++)
		expect_heard(i, seq);
	if (before == after && atomic_load(&hearings[LIGHT].seq) == seq)
		assert_in_range(atomic_load(&hearings[LIGHT].sleeps), before, before + 2);
}

void scene_begin(const struct crash_scene *wanted)
{
	struct babus_slot_options opts = small_options(wanted->depth, wanted->max_size);
	struct accounts accounts;

	scene = *wanted;
	counter = followed = 0;
	hearings = mmap(NULL, LISTENERS * sizeof(*hearings), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(hearings != MAP_FAILED);
	opts.loans = 8;
	opts.pins = 12;
	publisher = make_slot_with("s", &opts);
	subscriber = open_slot("s", BABUS_READ);
	assert_int_equal(babus_reader_open(subscriber, BABUS_START_OLDEST, 0, &follower), 0);
	for (unsigned i = 0; i < LISTENERS; i++) {
		hearings[i].gate = gate_open();
		listeners[i] = child_start(listen_on, &hearings[i]);
	}
	steps_set(0, 0);
	publish_and_be_heard(publisher);
	follow();
	accounts_take(publisher, &accounts);
	tokens = accounts.tokens;
	pins = accounts.pins;
}

void scene_end(void)
{
	for (unsigned i = 0; i < LISTENERS; i++) {
		child_kill(listeners[i]);
		gate_close(hearings[i].gate);
	}
	babus_reader_close(follower);
	babus_slot_close(subscriber);
	babus_slot_close(publisher);
	munmap(hearings, LISTENERS * sizeof(*hearings));
}

static void run_op(void *arg)
{
	const struct crash_op *op = arg;
	babus_domain *domain;

	if (steps->slot == CUT_OFF)
		EXPECT_EQUAL(babus_guard_install(), 0);
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	op->act(domain);
	babus_domain_close(domain);
}

pid_t scene_start(const struct crash_op *op)
{
	current = op;
	if (op->kind == OP_VICTIM)
		babus_slot_close(make_slot("victim", 2, 64));
	if (op->kind == OP_DEAD)
		ops_leave_the_dead();
	return child_start(run_op, (void *)(uintptr_t)op);
}

bool scene_stop_at(const struct crash_op *op, unsigned n, pid_t *pid)
{
	int status;

	snprintf(support_context, sizeof(support_context), "'%s', step %u", op->name, n);
	steps_set(SIGSTOP, n);
	*pid = scene_start(op);
	if (child_wait_stopped(*pid, &status))
		return true;
	assert_int_equal(status, 0);
	return false;
}

void scene_revive(pid_t pid)
{
	assert_int_equal(kill(pid, SIGCONT), 0);
	child_join(pid);
}

/* More messages than there are buffers. */
static void publish_and_follow(void)
{
	for (uint32_t i = 0; i < 2 * (scene.depth + 12); i++) {
		uint64_t before = followed;
		uint64_t seq = publish_next(publisher);

		follow();
		assert_int_equal(followed, seq);
		assert_int_equal(followed, before + 1);
	}
}

/*
 * No process waits for the victim. If one did while the victim is dead or stopped, it would never
 * get on; and if it waited for a while, it would sleep. (The kernel may make a process sleep for
 * its own reasons, but not each time.)
 */
void scene_goes_on(void)
{
	enum {
		TRIES = 4
	};
	bool slept = true;
	babus_slot *another;

	follow();
	for (int i = 0; i < TRIES && slept; i++) {
		uint64_t sleeps = count_sleeps(0);

		publish_and_follow();
		slept = count_sleeps(0) != sleeps;
	}
	assert_false(slept);
	another = open_slot("s", BABUS_PUBLISH);
	publish_and_be_heard(another);
	babus_slot_close(another);
	follow();
}

static void other_domain_is_sound(void)
{
	struct babus_slot_options opts = small_options(2, 64);
	babus_domain *other;
	babus_slot *slot;

	assert_int_equal(babus_domain_open("other", BABUS_CREATE, NULL, &other), 0);
	assert_int_equal(babus_slot_open(other, "s", BABUS_CREATE | BABUS_PUBLISH, &opts, &slot),
			 0);
	publish_text(slot, "x");
	babus_slot_close(slot);
	babus_domain_close(other);
	assert_int_equal(babus_domain_remove("other", NULL), 0);
}

void scene_victim_is_sound(void)
{
	babus_slot *slot;
	int error = babus_slot_open(bus, "victim", BABUS_PUBLISH, NULL, &slot);

	if (error == -EPROTO && current->kind == OP_DAMAGED)
		assert_int_equal(babus_domain_remove_slot(bus, "victim"), 0);
	else if (error)
		assert_int_equal(error, -ENOENT);
	else
		babus_slot_close(slot);
	slot = make_slot("victim", 2, 64);
	publish_text(slot, "x");
	babus_slot_close(slot);
	assert_int_equal(babus_domain_remove_slot(bus, "victim"), 0);
	if (current->kind == OP_DOMAIN)
		other_domain_is_sound();
}

void scene_assert_no_leftovers(void)
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
	assert_true(report.damaged == 0 || current->kind == OP_DAMAGED);
	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	assert_int_equal(report.dead_publishers + report.dead_readers + report.leftovers, 0);
	assert_true(accounts_balance(publisher, tokens, pins));
}

void scene_is_clean(void)
{
	int error;

	scene_recover();
	/* Recovery may have given the name back to a slot that had lost it. */
	error = babus_domain_remove_slot(bus, "victim");
	assert_true(!error || error == -ENOENT);
	scene_assert_no_leftovers();
}

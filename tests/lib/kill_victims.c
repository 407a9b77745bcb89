/* SPDX-License-Identifier: MIT */
/*
 * Victims. In a life, after a random number of operations, a timer is set that kills the process
 * a random time later: in the middle of an operation, in a system call, or asleep. In some lives
 * another timer stops it first. Until then all it sees must be right; otherwise it ends by
 * itself, which is a failure.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kill_stage.h"
#include "payload.h"
#include "support.h"

enum {
	HELD = 3,
	LOANS = 2,
	OPS_BEFORE_DEATH = 24,
	OPS_BEFORE_STOP = 12,
	DELAY_NS = 150000
};

struct victim {
	unsigned seat;
	uint64_t random;
	babus_domain *domain;
	unsigned index; /* of the slot */
	babus_slot *slot;
	bool publishes;
	struct babus_message held[HELD]; /* with a slot: held */
	struct babus_loan loans[LOANS];
	babus_reader *reader;
	babus_waiter *waiter;
};

static char data[KILL_LARGEST];

static uint64_t chance(struct victim *victim, uint64_t n)
{
	return random_next(&victim->random) % n;
}

static size_t choose_size(struct victim *victim)
{
	uint64_t max_size = kill_slots[victim->index].max_size;

	return 1 + chance(victim, chance(victim, 4) && max_size > 200 ? 200 : max_size);
}

/* --- coming and going ------------------------------------------------------------- */

static void give_back_all(struct victim *victim)
{
	for (unsigned i = 0; i < LOANS; i++)
		babus_loan_discard(&victim->loans[i]);
	for (unsigned i = 0; i < HELD; i++)
		babus_message_release(&victim->held[i]);
	babus_waiter_close(victim->waiter);
	babus_reader_close(victim->reader);
	victim->waiter = NULL;
	victim->reader = NULL;
}

static void enter_slot(struct victim *victim)
{
	victim->index = (unsigned)chance(victim, KILL_SLOTS);
	victim->publishes = chance(victim, 4);
	EXPECT_EQUAL(babus_slot_open(victim->domain, kill_slots[victim->index].name,
				     victim->publishes ? BABUS_PUBLISH : BABUS_READ, NULL,
				     &victim->slot),
		     0);
}

static void enter_domain(struct victim *victim)
{
	EXPECT_EQUAL(babus_domain_open("test", BABUS_CREATE, NULL, &victim->domain), 0);
	enter_slot(victim);
}

static void op_change_slot(struct victim *victim)
{
	give_back_all(victim);
	babus_slot_close(victim->slot);
	enter_slot(victim);
}

static void op_change_domain(struct victim *victim)
{
	give_back_all(victim);
	babus_slot_close(victim->slot);
	babus_domain_close(victim->domain);
	enter_domain(victim);
}

/* --- publishing --------------------------------------------------------------------- */

static uint64_t next_tag(struct victim *victim)
{
	return kill_tag(victim->index, victim->seat,
			atomic_fetch_add(&kill_stage->counters[victim->seat][victim->index], 1));
}

static void published(struct victim *victim)
{
	atomic_fetch_add(&kill_stage->published[victim->index], 1);
}

static void op_publish(struct victim *victim)
{
	size_t size = choose_size(victim), first = chance(victim, size + 1);
	struct iovec pieces[2] = {{data, first}, {data + first, size - first}};
	struct babus_stamp stamp;

	if (!victim->publishes)
		return;
	stamp = payload_fill(data, size, next_tag(victim));
	if (chance(victim, 2))
		EXPECT_EQUAL(babus_slot_publish(victim->slot, data, size, &stamp, NULL), 0);
	else
		EXPECT_EQUAL(babus_slot_publishv(victim->slot, pieces, 2, &stamp, NULL), 0);
	published(victim);
}

/* The number of no message: it is in the buffer while the buffer is lent. */
static uint64_t draft_tag(const struct babus_loan *loan)
{
	return payload_tag(0xffff, (uint64_t)getpid() << 16 | (loan->token & 0xffff));
}

static struct babus_loan *some_loan(struct victim *victim)
{
	return &victim->loans[chance(victim, LOANS)];
}

static void op_loan(struct victim *victim)
{
	struct babus_loan *loan = some_loan(victim);

	if (!victim->publishes || loan->slot)
		return;
	EXPECT_EQUAL(babus_slot_loan(victim->slot, choose_size(victim), loan), 0);
	loan->stamp = payload_fill(loan->data, loan->capacity, draft_tag(loan));
}

/* No other process has written into it: a lent buffer has one owner. */
static void expect_draft(const struct babus_loan *loan)
{
	struct babus_message draft = {.data = loan->data,
				      .size = loan->capacity,
				      .tag = loan->stamp.tag,
				      .source_time_ns = loan->stamp.source_time_ns};

	EXPECT(payload_matches(&draft));
}

static void op_commit(struct victim *victim)
{
	struct babus_loan *loan = some_loan(victim);

	if (!loan->slot)
		return;
	expect_draft(loan);
	loan->size = 1 + chance(victim, loan->capacity);
	loan->stamp = payload_fill(loan->data, loan->size, next_tag(victim));
	EXPECT_EQUAL(babus_loan_commit(loan, NULL), 0);
	published(victim);
}

static void op_discard(struct victim *victim)
{
	struct babus_loan *loan = some_loan(victim);

	if (loan->slot)
		expect_draft(loan);
	babus_loan_discard(loan);
}

static void op_reserve(struct victim *victim)
{
	if (victim->publishes)
		EXPECT(babus_slot_reserve(victim->slot, (uint32_t)chance(victim, 8),
					  choose_size(victim)) >= 0);
}

static void op_trim(struct victim *victim)
{
	uint64_t freed;

	if (victim->publishes)
		EXPECT_EQUAL(babus_slot_trim(victim->slot, chance(victim, 2) ? &freed : NULL), 0);
}

/* --- reading ------------------------------------------------------------------------ */

/* -EAGAIN: nothing after the last number; -EBUSY: at depth 1 the slot moved on too fast. */
static void expect_read(int error)
{
	EXPECT(!error || error == -EAGAIN || error == -EBUSY || error == -ESTALE);
}

static struct babus_message *some_place(struct victim *victim)
{
	struct babus_message *place = &victim->held[chance(victim, HELD)];

	if (place->slot)
		EXPECT(kill_matches(place, victim->index));
	babus_message_release(place);
	return place;
}

static void op_view(struct victim *victim)
{
	struct babus_message *place = some_place(victim);
	bool latest = chance(victim, 2);
	int error = babus_slot_view(victim->slot, latest ? BABUS_LATEST : BABUS_AGE,
				    chance(victim, 8), place);

	expect_read(error);
	if (!error)
		EXPECT(kill_matches(place, victim->index));
}

static void op_release(struct victim *victim)
{
	some_place(victim);
}

static void op_copy(struct victim *victim)
{
	struct babus_message message;
	int error = babus_slot_copy(victim->slot, BABUS_LATEST, 0, data, sizeof(data), &message);

	expect_read(error);
	if (!error)
		EXPECT(kill_matches(&message, victim->index));
}

static void need_reader(struct victim *victim)
{
	if (!victim->reader)
		EXPECT_EQUAL(
		    babus_reader_open(victim->slot,
				      chance(victim, 2) ? BABUS_START_OLDEST : BABUS_START_NEXT, 0,
				      &victim->reader),
		    0);
}

static void op_reader(struct victim *victim)
{
	if (victim->reader)
		give_back_all(victim); /* views read through it are released first */
	need_reader(victim);
}

static void op_next(struct victim *victim)
{
	struct babus_message *place = some_place(victim);
	int error;

	need_reader(victim);
	error = chance(victim, 4) ? babus_reader_next(victim->reader, place)
				  : babus_reader_latest(victim->reader, place);
	expect_read(error);
	if (!error)
		EXPECT(kill_matches(place, victim->index));
}

static void op_next_copy(struct victim *victim)
{
	struct babus_message message;
	int error;

	need_reader(victim);
	error = babus_reader_next_copy(victim->reader, data, sizeof(data), &message);
	expect_read(error);
	if (!error)
		EXPECT(kill_matches(&message, victim->index));
}

/* --- waiting ------------------------------------------------------------------------ */

static void op_waiter(struct victim *victim)
{
	struct babus_waiter_options opts = {.spin_ns = chance(victim, 2) * 20000};

	babus_waiter_close(victim->waiter);
	need_reader(victim);
	EXPECT_EQUAL(babus_waiter_open(victim->domain, &opts, &victim->waiter), 0);
	EXPECT_EQUAL(babus_waiter_add(victim->waiter, victim->reader, NULL), 0);
	if (!chance(victim, 4))
		EXPECT_EQUAL(babus_waiter_watch_domain(victim->waiter, NULL), 0);
}

static void op_wait(struct victim *victim)
{
	struct babus_event event;
	int result;

	if (!victim->waiter)
		op_waiter(victim);
	result = babus_waiter_wait(victim->waiter,
				   babus_deadline((int64_t)chance(victim, UINT64_C(2) * DELAY_NS)),
				   &event, 1);
	EXPECT(result == -ETIMEDOUT || (result == 1 && !event.status));
}

static void op_waiter_remove(struct victim *victim)
{
	if (!victim->waiter)
		return;
	EXPECT_EQUAL(babus_waiter_remove(victim->waiter, victim->reader), 0);
	EXPECT_EQUAL(babus_waiter_add(victim->waiter, victim->reader, NULL), 0);
}

static void op_descriptor(struct victim *victim)
{
	struct pollfd ready = {.events = POLLIN};
	struct babus_event event;
	int result;

	if (!victim->waiter)
		op_waiter(victim);
	EXPECT_EQUAL(babus_waiter_fd(victim->waiter, &ready.fd), 0);
	result = babus_waiter_wait(victim->waiter, BABUS_NOW, &event, 1);
	EXPECT(result == -ETIMEDOUT || (result == 1 && !event.status));
	EXPECT(poll(&ready, 1, (int)chance(victim, 2)) >= 0);
}

static void op_reader_wait(struct victim *victim)
{
	int error;

	need_reader(victim);
	error = babus_reader_wait(victim->reader,
				  babus_deadline((int64_t)chance(victim, DELAY_NS)));
	EXPECT(error == -ETIMEDOUT || !error);
}

/* --- recovery ------------------------------------------------------------------------ */

static void op_recover(struct victim *victim)
{
	struct babus_report report;

	/* Seldom: a client that runs short recovers by itself. */
	if (!chance(victim, 16))
		EXPECT_EQUAL(babus_domain_recover(victim->domain, chance(victim, 4) != 0, &report),
			     0);
}

static void op_ask(struct victim *victim)
{
	struct babus_slot_info info;

	EXPECT_EQUAL(babus_slot_info(victim->slot, &info), 0);
	EXPECT_EQUAL(babus_slot_clients(victim->slot, ignore_client, NULL), 0);
}

static void op_set_access(struct victim *victim)
{
	EXPECT_EQUAL(babus_slot_set_access(victim->slot, 0600, (uid_t)-1, (gid_t)-1), 0);
}

/* --- the slot that is removed and remade --------------------------------------------- */

static void op_remove(struct victim *victim)
{
	int error = babus_domain_remove_slot(victim->domain, kill_slots[KILL_OTHER].name);

	EXPECT(!error || error == -ENOENT);
}

static void use_other(struct victim *victim, babus_slot *other, uint64_t instance)
{
	size_t size = 1 + chance(victim, kill_slots[KILL_OTHER].max_size);
	struct babus_stamp stamp = payload_fill(data, size, kill_other_tag(victim->seat, instance));
	struct babus_message message;
	int error = babus_slot_publish(other, data, size, &stamp, NULL);

	EXPECT(!error || error == -ENODEV);
	error = babus_slot_view(other, BABUS_LATEST, 0, &message);
	EXPECT(!error || error == -ENODEV);
	if (error)
		return;
	EXPECT(kill_other_matches(&message, instance));
	babus_message_release(&message);
}

static void op_other(struct victim *victim)
{
	struct babus_slot_options opts = kill_options(KILL_OTHER);
	struct babus_slot_info info;
	babus_slot *other;
	int error = babus_slot_open(victim->domain, kill_slots[KILL_OTHER].name,
				    BABUS_PUBLISH | BABUS_CREATE, &opts, &other);

	EXPECT(!error || error == -ENODEV);
	if (error)
		return;
	error = babus_slot_info(other, &info);
	EXPECT(!error || error == -ENODEV);
	for (uint64_t n = chance(victim, 4); n && !error; n--)
		use_other(victim, other, info.instance);
	babus_slot_close(other);
}

/* --- a life --------------------------------------------------------------------------- */

#define OPS(X)                 \
	X(op_publish, 6)       \
	X(op_loan, 4)          \
	X(op_commit, 4)        \
	X(op_discard, 1)       \
	X(op_view, 4)          \
	X(op_release, 1)       \
	X(op_copy, 2)          \
	X(op_reader, 1)        \
	X(op_next, 3)          \
	X(op_next_copy, 2)     \
	X(op_waiter, 1)        \
	X(op_wait, 3)          \
	X(op_waiter_remove, 1) \
	X(op_descriptor, 1)    \
	X(op_reader_wait, 1)   \
	X(op_reserve, 1)       \
	X(op_trim, 1)          \
	X(op_recover, 1)       \
	X(op_ask, 1)           \
	X(op_set_access, 1)    \
	X(op_remove, 1)        \
	X(op_other, 2)         \
	X(op_change_slot, 2)   \
	X(op_change_domain, 1)

static const struct {
	void (*act)(struct victim *victim);
	unsigned weight;
} ops[] = {
#define OP(name, weight) {name, weight},
    OPS(OP)
#undef OP
};

const char *const kill_op_names[] = {
#define OP(name, weight) #name,
    OPS(OP)
#undef OP
};

const unsigned kill_op_count = sizeof(ops) / sizeof(*ops);
_Static_assert(sizeof(ops) / sizeof(*ops) <= KILL_OPS_MAX, "room for the counts");

static unsigned choose_op(struct victim *victim)
{
	uint64_t sum = 0, at;
	unsigned i;

	for (i = 0; i < kill_op_count; i++)
		sum += ops[i].weight;
	at = chance(victim, sum);
	for (i = 0; at >= ops[i].weight; i++)
		at -= ops[i].weight;
	return i;
}

/* The kernel sends it, whatever this process does at that time. */
static void send_later(int number, uint64_t delay_ns)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = number};
	struct itimerspec when = {.it_value = {.tv_nsec = (long)delay_ns + 1}};
	timer_t timer;

	EXPECT(!timer_create(CLOCK_MONOTONIC, &event, &timer));
	EXPECT(!timer_settime(timer, 0, &when, NULL));
}

void kill_victim(void *arg)
{
	struct victim victim = {.seat = *(const unsigned *)arg};
	uint64_t death, stop;

	victim.random = kill_stage->seed +
			atomic_fetch_add(&kill_stage->lives[victim.seat], 1) * VICTIMS +
			victim.seat;
	death = chance(&victim, OPS_BEFORE_DEATH);
	stop = chance(&victim, 3) ? UINT64_MAX : chance(&victim, OPS_BEFORE_STOP);
	if (death)
		enter_domain(&victim);
	for (uint64_t n = 0;; n++) {
		unsigned op = choose_op(&victim);

		if (n == stop)
			send_later(SIGSTOP, chance(&victim, DELAY_NS));
		if (n == death)
			send_later(SIGKILL, chance(&victim, DELAY_NS));
		if (!victim.domain)
			enter_domain(&victim);
		ops[op].act(&victim);
		atomic_fetch_add(&kill_stage->ops[op], 1);
	}
}

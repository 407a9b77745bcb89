/* SPDX-License-Identifier: MIT */
/*
 * Members that may only subscribe attack in every way, all at once: scribble over the pins and
 * the domain, lock bytes, grow files and punch holes, put files of all kinds into the directory,
 * hold pins and stop, keep the futex busy. Meanwhile the owner publishes from two processes, and
 * an honest member copies and checks.
 *
 * What must hold: publishing never fails and never takes long; a loan belongs to its publisher; a
 * copy is whole; a waiter sleeps no longer than its re-check; memory stays within the slot's
 * bound; no process crashes. Afterwards everything can be used again. What may happen: see
 * core/TRUST.md.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accounts.h"
#include "hostile.h"
#include "payload.h"
#include "team.h"

enum {
	MALLORY = 61004,
	SECONDS = 4,
	DEPTH = 2,
	LARGEST = 60000,
	RECHECK_MS = 100,
	/*
	 * Of processor time: calls take microseconds. The time limit of the case catches a call
	 * that sleeps for ever.
	 */
	PATIENCE_MS = 3000 * SUPPORT_SLOWER
};

/* Shared by all processes. */
static struct tally {
	_Atomic bool over;
	_Atomic uint64_t published, slowest_ns, copied, refused, torn_views, views, waits;
} * tally;

static bool is_over(void)
{
	return atomic_load(&tally->over);
}

static void note_slowest(int64_t ns)
{
	uint64_t old = atomic_load(&tally->slowest_ns);

	while (old < (uint64_t)ns && !atomic_compare_exchange_weak(&tally->slowest_ns, &old, ns))
		;
	EXPECT(ns < PATIENCE_MS * MILLISECOND);
}

/* --- the honest ---------------------------------------------------------------------------- */

static struct babus_message as_message(const struct babus_loan *loan, struct babus_stamp stamp)
{
	return (struct babus_message){.data = loan->data,
				      .size = loan->size,
				      .tag = stamp.tag,
				      .source_time_ns = stamp.source_time_ns};
}

/* A loan belongs to its publisher: what it wrote first is there to the end. */
static void publish_one(babus_slot *slot, uint64_t counter, uint64_t *random)
{
	size_t size = 1 + random_next(random) % LARGEST;
	uint32_t self = (uint32_t)getpid() & 0xffff;
	struct babus_message message;
	struct babus_loan loan;
	int64_t began = cpu_ns();

	EXPECT_EQUAL(babus_slot_loan(slot, size, &loan), 0);
	note_slowest(cpu_ns() - began);
	loan.stamp = payload_fill(loan.data, size, payload_tag(self, counter));
	message = as_message(&loan, loan.stamp);
	if (counter % 16 == 0)
		sched_yield();
	EXPECT(payload_matches(&message));
	began = cpu_ns();
	EXPECT_EQUAL(babus_loan_commit(&loan, NULL), 0);
	note_slowest(cpu_ns() - began);
	atomic_fetch_add(&tally->published, 1);
}

static void publishes(void)
{
	babus_slot *slot = team_open(BABUS_PUBLISH);
	uint64_t random = (uint64_t)getpid();

	team_ready();
	for (uint64_t counter = 0; !is_over(); counter++)
		publish_one(slot, counter, &random);
	babus_slot_close(slot);
}

static void copies(void)
{
	static char copy[LARGEST];
	struct babus_message message;
	babus_slot *slot = team_open(BABUS_READ);
	uint64_t newest = 0;

	EXPECT_EQUAL(babus_slot_copy(slot, BABUS_LATEST, 0, copy, sizeof(copy), &message), 0);
	team_ready();
	while (!is_over()) {
		int error = babus_slot_copy(slot, BABUS_LATEST, 0, copy, sizeof(copy), &message);

		if (error) {
			/* No pin was free, or the copy never got finished. */
			EXPECT(error == -ENOBUFS || error == -EBUSY || error == -EPROTO);
			atomic_fetch_add(&tally->refused, 1);
			continue;
		}
		EXPECT(message.seq >= newest);
		newest = message.seq;
		EXPECT(message.tag == 0 || payload_matches(&message));
		atomic_fetch_add(&tally->copied, 1);
	}
	babus_slot_close(slot);
}

/* What a broken pin means for a reader in place: wrong data, counted here. */
static void views(void)
{
	struct babus_message message;
	babus_slot *slot = team_open(BABUS_READ);

	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	team_ready();
	while (!is_over()) {
		if (babus_slot_view(slot, BABUS_LATEST, 0, &message))
			continue;
		atomic_fetch_add(&tally->views, 1);
		if (message.tag && !payload_matches(&message))
			atomic_fetch_add(&tally->torn_views, 1);
		babus_message_release(&message);
	}
	babus_slot_close(slot);
}

static void waits(void)
{
	struct babus_waiter_options opts = {.recheck_ns = RECHECK_MS * MILLISECOND};
	babus_slot *slot = team_open(BABUS_READ);
	struct babus_event event;
	babus_waiter *waiter;
	babus_reader *reader;

	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	EXPECT_EQUAL(babus_waiter_open(babus_slot_domain(slot), &opts, &waiter), 0);
	EXPECT_EQUAL(babus_waiter_add(waiter, reader, NULL), 0);
	team_ready();
	while (!is_over()) {
		EXPECT_EQUAL(babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1), 1);
		EXPECT_EQUAL(event.status, 0);
		/* Without a pin: the next message is always ahead. */
		EXPECT_EQUAL(babus_reader_seek(reader, BABUS_START_NEXT, 0), 0);
		atomic_fetch_add(&tally->waits, 1);
	}
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

/* Opens, inspects and recovers all the time. May get errors; must not hang or crash. */
static void looks_after_it(void)
{
	babus_slot *slot = team_open(BABUS_PUBLISH), *another;
	babus_domain *domain = babus_slot_domain(slot), *again;
	struct babus_report report;
	struct babus_slot_info info;

	team_ready();
	while (!is_over()) {
		int64_t began = cpu_ns();

		babus_domain_recover(domain, 1, &report);
		babus_domain_list(domain, ignore_name, NULL);
		babus_slot_clients(slot, ignore_client, NULL);
		EXPECT_EQUAL(babus_slot_info(slot, &info), 0);
		if (!babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &another))
			babus_slot_close(another);
		if (!babus_domain_open("test", 0, NULL, &again))
			babus_domain_close(again);
		EXPECT_EQUAL(babus_slot_trim(slot, NULL), 0);
		EXPECT(cpu_ns() - began < PATIENCE_MS * MILLISECOND);
	}
	babus_slot_close(slot);
}

/* --- all of them ------------------------------------------------------------------------------ */

static const struct {
	uid_t uid;
	void (*act)(void);
} cast[] = {
    {ALICE, publishes},
    {ALICE, publishes},
    {ALICE, looks_after_it},
    {BOB, copies},
    {BOB, views},
    {BOB, waits},
    {MALLORY, hostile_scribbles_over_pins},
    {MALLORY, hostile_scribbles_over_the_domain},
    {MALLORY, hostile_takes_locks},
    {MALLORY, hostile_grows_and_punches},
    {MALLORY, hostile_litters},
    {MALLORY, hostile_holds_and_stops},
    {MALLORY, hostile_touches_all_of_the_slot},
};

enum {
	CAST = sizeof(cast) / sizeof(*cast)
};

static void print_tally(void)
{
	printf("# %" PRIu64 " published, the slowest call took %" PRIu64 " us; %" PRIu64
	       " copies, %" PRIu64 " refused; %" PRIu64 " of %" PRIu64 " views torn; %" PRIu64
	       " waits\n",
	       atomic_load(&tally->published), atomic_load(&tally->slowest_ns) / 1000,
	       atomic_load(&tally->copied), atomic_load(&tally->refused),
	       atomic_load(&tally->torn_views), atomic_load(&tally->views),
	       atomic_load(&tally->waits));
}

/* The pins' own numbers may be spoilt; what publishers own is not. */
static void assert_as_good_as_new(babus_slot *slot)
{
	struct babus_slot_info info;
	struct babus_report report;
	struct accounts accounts;
	uint64_t random = 1;

	hostile_clean_up();
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	assert_int_equal(report.dead_publishers + report.dead_readers, 0);
	accounts_take(slot, &accounts);
	assert_true(accounts_balance(slot, 1, accounts.pins));
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_true(info.bytes_used <= info.bytes_max);
	for (uint64_t i = 0; i < 1000; i++)
		publish_one(slot, i, &random);
	assert_int_equal(babus_slot_set_access(slot, 0600, (uid_t)-1, (gid_t)-1), 0);
}

static void attack(pid_t pids[CAST])
{
	for (int i = 0; i < CAST; i++) {
		pids[i] = team_start(cast[i].uid, TEAM, cast[i].act);
		gate_wait(team_back);
	}
	gate_post(team_gate, CAST);
}

/* Until the time is over, or an honest process has failed. */
static void watch(const pid_t pids[CAST])
{
	int64_t end = now_ns() + SECOND * SUPPORT_SLOWER * SECONDS;
	siginfo_t info = {0};

	while (now_ns() < end && !info.si_pid) {
		usleep(20000);
		assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT), 0);
	}
	for (int i = 0; i < CAST; i++)
		if (pids[i] == info.si_pid)
			print_error("member %d of the cast ended early\n", i);
	atomic_store(&tally->over, true);
}

static void hostile_member_can_deny_but_not_change(void **state)
{
	struct babus_slot_options opts = small_options(DEPTH, LARGEST);
	pid_t pids[CAST];
	babus_slot *slot;

	(void)state;
	tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	assert_true(tally != MAP_FAILED);
	opts.mode = 0640;
	opts.loans = 8;
	opts.pins = 16;
	slot = team_make_slot(03770, &opts);
	attack(pids);
	watch(pids);
	for (int i = 0; i < CAST; i++) {
		if (cast[i].uid == MALLORY)
			child_kill(pids[i]);
		else
			child_join(pids[i]);
	}
	print_tally();
	assert_true(atomic_load(&tally->published) > 0);
	assert_true(atomic_load(&tally->copied) > 0);
	assert_true(atomic_load(&tally->waits) > 0);
	assert_as_good_as_new(slot);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    TEAM_CASE(hostile_member_can_deny_but_not_change),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return team_main(run, 120);
}

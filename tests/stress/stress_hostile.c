/* SPDX-License-Identifier: MIT */
/*
 * Members that may only subscribe do what they can, all at once: scribble over
 * the pins and the domain, lock bytes, grow files and punch holes, put files of
 * all kinds into the directory, hold pins and stop, keep the futex busy. The owner
 * publishes meanwhile, two processes at once, an honest member copies and checks.
 *
 * What must hold: publishing never fails and never takes long, what a publisher
 * has on loan is its own, a copy is whole, a waiter sleeps no longer than its
 * re-check, memory stays within the slot's bound; nobody crashes. When it is
 * over, everything is had again. What may happen: see "What a hostile member can
 * do" in core/DESIGN.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "accounts.h"
#include "layout.h"
#include "marks.h"
#include "payload.h"
#include "team.h"

enum {
	MALLORY = 61004,
	SECONDS = 4,
	DEPTH = 2,
	LARGEST = 60000,
	RECHECK_MS = 100,
	/* Of processor time: calls take microseconds. One that sleeps for ever is caught
	   by the time limit of all. */
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

static void ready(void)
{
	gate_post(team_back, 1);
	gate_wait(team_gate);
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

/* A loan is the publisher's own: what it wrote first is there to the end. */
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

	ready();
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
	ready();
	while (!is_over()) {
		int error = babus_slot_copy(slot, BABUS_LATEST, 0, copy, sizeof(copy), &message);

		if (error) {
			/* Refused a pin, or never let finish. */
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

/* What a broken pin means for who reads in place: wrong data, counted here. */
static void views(void)
{
	struct babus_message message;
	babus_slot *slot = team_open(BABUS_READ);

	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	ready();
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
	ready();
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

/* Opens, asks and repairs all the time; may be refused, must not hang or crash. */
static void looks_after_it(void)
{
	babus_slot *slot = team_open(BABUS_PUBLISH), *another;
	babus_domain *domain = babus_slot_domain(slot), *again;
	struct babus_report report;
	struct babus_slot_info info;

	ready();
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

/* --- the hostile ---------------------------------------------------------------------------- */

static void *map_all(const char *path, size_t *size)
{
	int fd = open(path, O_RDWR);
	struct stat st;
	void *map;

	EXPECT(fd >= 0 && !fstat(fd, &st));
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(map != MAP_FAILED);
	close(fd);
	*size = (size_t)st.st_size;
	return map;
}

static uint64_t random_state;

static uint64_t random_below(uint64_t n)
{
	return random_next(&random_state) % n;
}

static void hostile(void)
{
	random_state = (uint64_t)getpid();
	ready();
}

/* A value that means something to somebody, or nothing to anybody. */
static uint64_t random_word(void)
{
	switch (random_below(5)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX >> random_below(64);
	case 2:
		return random_below(16);
	case 3:
		return word_cell(random_below(1 << 20), (uint32_t)random_below(32));
	default:
		return random_next(&random_state);
	}
}

/* Take away what protects readers, pin everything, or write anything anywhere. */
static void scribbles_over_pins(void)
{
	size_t size;
	uint8_t *map = map_all(team_pins, &size);
	struct layout_lease *leases = (struct layout_lease *)(map + LAYOUT_PAGE);
	size_t count = (size - LAYOUT_PAGE) / sizeof(*leases);

	hostile();
	for (unsigned turn = 0;; turn++) {
		for (size_t i = 0; i < count && turn / 4096 % 4 < 3; i++) {
			if (turn / 4096 % 4 != 1)
				counter_put(&leases[i].hold, 0);
			else
				counter_put(&leases[i].hold,
					    word_cell(random_below(1000), (uint32_t)(i + turn)));
			if (turn / 4096 % 4 == 2)
				counter_put(&leases[i].claim, random_word());
		}
		if (turn / 4096 % 4 == 3)
			counter_put((shared64 *)(map + random_below(size / 8) * 8), random_word());
	}
}

static void scribbles_over_the_domain(void)
{
	size_t size, mine_size;
	struct layout_domain *map = map_all(domain_file("domain"), &size);
	uint32_t *mine = map_all(team_pins, &mine_size);

	hostile();
	for (unsigned turn = 0;; turn++) {
		switch (turn / 4096 % 6) {
		case 0: /* nobody waits */
			marks_put(map, 0);
			flag_lower(&map->gone);
			break;
		case 1: /* everybody does, and the domain is gone */
			marks_put(map, UINT64_MAX);
			flag_raise(&map->gone, UINT32_MAX);
			break;
		case 2:
			event_bump(&map->event);
			break;
		case 3:
			syscall(SYS_futex, &map->event, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
			break;
		case 4: /* sleepers are taken away to another futex */
			syscall(SYS_futex, &map->event, FUTEX_REQUEUE, 0, INT_MAX, mine + 1, 0);
			break;
		default:
			counter_put((shared64 *)map + random_below(size / 8), random_word());
		}
	}
}

static void lock(int fd, short type)
{
	struct flock range = {.l_type = type,
			      .l_whence = SEEK_SET,
			      .l_start = (off_t)(random_word() & INT64_MAX),
			      .l_len = (off_t)(random_below(4) ? random_below(1000) : 0)};

	if (range.l_len && range.l_start > INT64_MAX - range.l_len)
		range.l_start = 0;
	fcntl(fd, random_below(2) ? F_OFD_SETLK : F_SETLK, &range);
}

static void takes_locks(void)
{
	int fds[] = {open(team_slot, O_RDONLY), open(team_pins, O_RDWR),
		     open(domain_file("domain"), O_RDWR)};

	hostile();
	for (;;) {
		int fd = fds[random_below(3)];

		lock(fd, fd == fds[0] ? F_RDLCK : F_WRLCK);
		lock(fd, random_below(3) ? F_UNLCK : F_RDLCK);
		flock(fd, (random_below(2) ? LOCK_EX : LOCK_UN) | LOCK_NB);
	}
}

/* Larger, not smaller: a truncated mapping is for the guard, see test_attacks.c. */
static void grows_and_punches(void)
{
	int fds[] = {open(team_pins, O_RDWR), open(domain_file("domain"), O_RDWR)};
	struct stat st[2];

	EXPECT(!fstat(fds[0], &st[0]) && !fstat(fds[1], &st[1]));
	hostile();
	for (;;) {
		int i = (int)random_below(2);

		ftruncate(fds[i], st[i].st_size + (off_t)random_below(100000));
		fallocate(fds[i], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)random_below((uint64_t)st[i].st_size), 4096);
		ftruncate(fds[i], st[i].st_size);
		fchmod(fds[i], 0);
		truncate(team_slot, 0);
	}
}

static const char *const litter[] = {"t.slot", "s.0000000000000001.pins", "s.0000000000000002.gone",
				     "domain2", ".slot"};

/* In a directory that it may write, but where each may only remove its own. */
static void litters(void)
{
	hostile();
	for (;;) {
		const char *path = domain_file(litter[random_below(5)]);

		switch (random_below(8)) {
		case 0:
			symlink(team_slot, path);
			break;
		case 1:
			mkfifo(path, 0666);
			break;
		case 2:
			mkdir(path, 0777);
			break;
		case 3:
			close(open(path, O_WRONLY | O_CREAT, 0666));
			break;
		case 4:
			link(team_slot, path);
			break;
		case 5:
			rename(path, domain_file(litter[random_below(5)]));
			break;
		case 6:
			rename(path, team_slot);
			unlink(team_slot);
			unlink(domain_file("domain"));
			break;
		default:
			if (unlink(path))
				rmdir(path);
		}
	}
}

/* Takes what pins there are, and stops. */
static void holds_and_stops(void)
{
	struct babus_message message;
	babus_slot *slot = team_open(BABUS_READ);

	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	hostile();
	for (int i = 0; i < 1000; i++)
		babus_slot_view(slot, BABUS_LATEST, 0, &message);
	raise(SIGSTOP);
}

/* Reading a hole through a mapping gives it memory. */
static void touches_all_of_the_slot(void)
{
	int fd = open(team_slot, O_RDONLY);
	volatile char sum = 0;
	struct stat st;
	const char *map;

	EXPECT(fd >= 0 && !fstat(fd, &st));
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	EXPECT(map != MAP_FAILED);
	hostile();
	for (;;)
		for (off_t i = 0; i < st.st_size; i += 4096)
			sum = (char)(sum + map[i]);
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
    {MALLORY, scribbles_over_pins},
    {MALLORY, scribbles_over_the_domain},
    {MALLORY, takes_locks},
    {MALLORY, grows_and_punches},
    {MALLORY, litters},
    {MALLORY, holds_and_stops},
    {MALLORY, touches_all_of_the_slot},
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

/* The pins' own numbers may be spoilt; what publishers have is not. */
static void assert_as_good_as_new(babus_slot *slot)
{
	struct babus_slot_info info;
	struct babus_report report;
	struct accounts accounts;
	uint64_t random = 1;

	/* Links and the like are told and left alone: for the owner to remove. */
	for (size_t i = 0; i < sizeof(litter) / sizeof(*litter); i++)
		remove(domain_file(litter[i]));
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

/* Until it is over, or one of the honest has failed. */
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

/* SPDX-License-Identifier: MIT */
/*
 * Two processes: a message there and another one back, again and again. The
 * floors do the same with a bare futex word, and with a bare cache line.
 */
#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

/* Run `side` in a child and in this process: 0 starts, 1 answers. */
static double both(const struct bench_case *self,
		   void (*side)(const struct bench_case *self, int which, void *shared),
		   void *shared)
{
	pid_t parent = getpid(), child = fork();
	double start;
	int status;

	bench_check(child < 0 ? -errno : 0, "fork");
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			side(self, 1, shared);
		_exit(0);
	}
	start = bench_now();
	side(self, 0, shared);
	start = bench_now() - start;
	waitpid(child, &status, 0);
	bench_check(status, "the other process");
	return start;
}

/* --- floors: two words, one for each direction ------------------------------------- */

struct words {
	_Alignas(128) _Atomic uint32_t word[2][32];
};

static void *shared_words(void)
{
	struct words *words = mmap(NULL, sizeof(*words), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	bench_check(words == MAP_FAILED ? -errno : 0, "mmap");
	return words;
}

static void spin_wait(_Atomic uint32_t *word, uint32_t value)
{
	while (*word != value)
		bench_pause();
}

static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
	uint32_t seen;

	while ((seen = *word) != value)
		syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

static void spin_side(const struct bench_case *self, int which, void *shared)
{
	struct words *words = shared;

	for (uint32_t i = 1; i <= self->count; i++) {
		if (which)
			spin_wait(words->word[0], i);
		words->word[which][0] = i;
		if (!which)
			spin_wait(words->word[1], i);
	}
}

static void futex_side(const struct bench_case *self, int which, void *shared)
{
	struct words *words = shared;

	for (uint32_t i = 1; i <= self->count; i++) {
		if (which)
			futex_wait(words->word[0], i);
		words->word[which][0] = i;
		syscall(SYS_futex, words->word[which], FUTEX_WAKE, 1, NULL, NULL, 0);
		if (!which)
			futex_wait(words->word[1], i);
	}
}

static double run_words(const struct bench_case *self,
			void (*side)(const struct bench_case *self, int which, void *shared))
{
	void *words = shared_words();
	double took = both(self, side, words);

	munmap(words, sizeof(struct words));
	return took;
}

static double run_spin(const struct bench_case *self)
{
	return run_words(self, spin_side);
}

static double run_futex(const struct bench_case *self)
{
	return run_words(self, futex_side);
}

/* --- babus --------------------------------------------------------------------------- */

struct ends {
	babus_slot *slot[2];
	babus_reader *reader;
	babus_waiter *waiter;
};

static void open_ends(const struct bench_case *self, int which, struct ends *ends, uint64_t spin_ns)
{
	struct babus_waiter_options opts = {.spin_ns = spin_ns};
	babus_domain *domain;

	bench_check(babus_domain_open("bench", 0, NULL, &domain), "domain");
	for (int i = 0; i < 2; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s-%d", self->name, i);
		bench_check(babus_slot_open(domain, name, i == which ? BABUS_PUBLISH : BABUS_READ,
					    NULL, &ends->slot[i]),
			    "slot");
	}
	bench_check(babus_reader_open(ends->slot[!which], BABUS_START_OLDEST, 0, &ends->reader),
		    "reader");
	bench_check(babus_waiter_open(domain, &opts, &ends->waiter), "waiter");
	bench_check(babus_waiter_add(ends->waiter, ends->reader, NULL), "add");
	babus_domain_close(domain);
}

static void close_ends(struct ends *ends)
{
	babus_waiter_close(ends->waiter);
	babus_reader_close(ends->reader);
	babus_slot_close(ends->slot[0]);
	babus_slot_close(ends->slot[1]);
}

static void send_one(struct ends *ends, int which, size_t size)
{
	struct babus_loan loan;

	bench_check(babus_slot_loan(ends->slot[which], size, &loan), "loan");
	memset(loan.data, which, size < 64 ? size : 64);
	bench_check(babus_loan_commit(&loan, NULL), "commit");
}

static void receive_one(struct ends *ends, int blocking)
{
	struct babus_message message;
	struct babus_event event;
	int error;

	while ((error = babus_reader_next(ends->reader, &message)) == -EAGAIN) {
		if (blocking)
			bench_check(babus_waiter_wait(ends->waiter, BABUS_FOREVER, &event), "wait");
		else
			bench_pause();
	}
	bench_check(error, "next");
	bench_check(*(const char *)message.data & ~1, "payload");
	babus_message_release(&message);
}

static void babus_side(const struct bench_case *self, int which, int blocking, uint64_t spin_ns)
{
	struct ends ends;

	open_ends(self, which, &ends, spin_ns);
	for (uint64_t i = 0; i < self->count; i++) {
		if (which)
			receive_one(&ends, blocking);
		send_one(&ends, which, self->size);
		if (!which)
			receive_one(&ends, blocking);
	}
	close_ends(&ends);
}

static void polling_side(const struct bench_case *self, int which, void *shared)
{
	(void)shared;
	babus_side(self, which, 0, 0);
}

static void blocking_side(const struct bench_case *self, int which, void *shared)
{
	(void)shared;
	babus_side(self, which, 1, 0);
}

static void spinning_side(const struct bench_case *self, int which, void *shared)
{
	(void)shared;
	babus_side(self, which, 1, 50000);
}

static double run_babus(const struct bench_case *self,
			void (*side)(const struct bench_case *self, int which, void *shared))
{
	double took;

	/* New slots for each run: the starter's first message is their first. */
	for (int i = 0; i < 2; i++) {
		char name[64];

		snprintf(name, sizeof(name), "%s-%d", self->name, i);
		babus_slot_remove(bench_domain(), name);
		babus_slot_close(bench_slot(name, self->size));
	}
	took = both(self, side, NULL);
	return took;
}

static double run_polling(const struct bench_case *self)
{
	return run_babus(self, polling_side);
}

static double run_blocking(const struct bench_case *self)
{
	return run_babus(self, blocking_side);
}

static double run_spinning(const struct bench_case *self)
{
	return run_babus(self, spinning_side);
}

const struct bench_case trip_cases[] = {
    {"spin", "round trip of a cache line, spinning", NULL, 300000, run_spin, 0},
    {"polling-64", "round trip of 64 B, polling", "spin", 300000, run_polling, 64},
    {"polling-image", "round trip of 6,220,800 B in place, polling", "polling-64", 300000,
     run_polling, 6220800},
    {"futex", "round trip of a futex word", NULL, 10000, run_futex, 0},
    {"blocking-64", "round trip of 64 B, sleeping", "futex", 10000, run_blocking, 64},
    {"spin-then-sleep-64", "round trip of 64 B, spinning for up to 50 us", "futex", 10000,
     run_spinning, 64},
};
const size_t trip_case_count = sizeof(trip_cases) / sizeof(*trip_cases);

/* SPDX-License-Identifier: MIT */
/*
 * One thread in a plain loop: what a call costs while no process waits, and what the
 * first message of a slot costs. A case runs in a process of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "domain.h"
#include "payload.h"
#include "plan.h"

enum {
	WARM_UP = 400 /* the first touch of each buffer is another question */
};

static babus_slot *new_slot(const struct bench_case *self)
{
	struct babus_slot_options opts;

	babus_slot_options_init(&opts);
	opts.max_size = self->size;
	return domain_temporary(&opts);
}

/* --- loops ---------------------------------------------------------------------------- */

struct loop {
	babus_slot *slot;
	size_t size;
	char *from, *to;
	struct babus_message message;
};

/* Inlined with its call, so that the loop is a plain one. */
static inline __attribute__((always_inline)) void run_loop(const struct bench_case *self,
							   struct result *result,
							   void (*once)(struct loop *loop))
{
	struct loop loop = {.slot = new_slot(self),
			    .size = self->size,
			    .from = bench_memory(self->size),
			    .to = bench_memory(self->size)};
	uint64_t start;

	domain_publish(loop.slot, loop.from, loop.size);
	for (int i = 0; i < WARM_UP; i++)
		once(&loop);
	start = bench_now();
	for (uint64_t i = 0; i < self->count; i++)
		once(&loop);
	result->value[TYPICAL] = (double)(bench_now() - start) / (double)self->count;
	free(loop.from);
	free(loop.to);
	domain_drop(loop.slot);
}

#define LOOP(name)                                                                    \
	static void call_##name(const struct bench_case *self, struct result *result) \
	{                                                                             \
		run_loop(self, result, once_##name);                                  \
	}

static inline void once_memcpy(struct loop *loop)
{
	memcpy(loop->to, loop->from, loop->size);
	__asm__ __volatile__("" ::"r"(loop->to) : "memory");
}

static inline void once_publish(struct loop *loop)
{
	bench_check(babus_slot_publish(loop->slot, loop->from, loop->size, NULL, NULL), "publish");
}

static inline void once_loan(struct loop *loop)
{
	struct babus_loan loan;

	bench_check(babus_slot_loan(loop->slot, loop->size, &loan), "loan");
	bench_check(babus_loan_commit(&loan, NULL), "commit");
}

static inline void once_view(struct loop *loop)
{
	bench_check(babus_slot_view(loop->slot, BABUS_LATEST, 0, &loop->message), "view");
	babus_message_release(&loop->message);
}

static inline void once_copy(struct loop *loop)
{
	bench_check(
	    babus_slot_copy(loop->slot, BABUS_LATEST, 0, loop->to, loop->size, &loop->message),
	    "copy");
}

LOOP(memcpy)
LOOP(publish)
LOOP(loan)
LOOP(view)
LOOP(copy)

/* --- the first message ---------------------------------------------------------------- */

/* What the kernel alone takes for as much new memory of the same tmpfs. */
static void call_populate(const struct bench_case *self, struct result *result)
{
	uint64_t took = 0, start;

	for (uint64_t i = 0; i < self->count; i++) {
		int fd = open(bench_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		void *memory;

		if (fd < 0 || ftruncate(fd, (off_t)self->size) < 0)
			bench_check(-errno, "a file on tmpfs");
		memory = mmap(NULL, self->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		bench_check(memory == MAP_FAILED ? -errno : 0, "mmap");
		start = bench_now();
		if (madvise(memory, self->size, MADV_POPULATE_WRITE) < 0)
			bench_check(-errno, "madvise");
		payload_write(memory, self->size, i);
		took += bench_now() - start;
		munmap(memory, self->size);
		close(fd);
	}
	result->value[TYPICAL] = (double)took / (double)self->count;
}

static void call_first(const struct bench_case *self, struct result *result)
{
	bool reserve = strcmp(self->name, "first-reserved") == 0;
	uint64_t took = 0, start;

	for (uint64_t i = 0; i < self->count; i++) {
		babus_slot *slot = new_slot(self);
		int count = reserve ? babus_slot_reserve(slot, 1, self->size) : 0;
		struct babus_loan loan;

		bench_check(count < 0 ? count : 0, "reserve");
		start = bench_now();
		bench_check(babus_slot_loan(slot, self->size, &loan), "loan");
		payload_write(loan.data, self->size, i);
		bench_check(babus_loan_commit(&loan, NULL), "commit");
		took += bench_now() - start;
		domain_drop(slot);
	}
	result->value[TYPICAL] = (double)took / (double)self->count;
}

/* --- recovery ------------------------------------------------------------------------- */

/* Open the slot, take its only loan, and wait to be killed. */
static void hold_loan(const char *name, int ready)
{
	struct babus_loan loan;
	bench_check(babus_slot_loan(domain_open_slot(name, BABUS_PUBLISH), 64, &loan), "loan");
	if (write(ready, "", 1) == 1)
		pause();
	_exit(1);
}

/*
 * From the SIGKILL of the process that has the slot's only loan, to the first message of
 * another process.
 */
static void call_recover(const struct bench_case *self, struct result *result)
{
	struct babus_slot_options opts;
	babus_slot *slot, *ours;
	char name[64], byte;
	int ready[2], error;
	pid_t child;
	uint64_t start;

	babus_slot_options_init(&opts);
	opts.loans = 1;
	for (uint64_t i = 0; i < self->count; i++) {
		slot = domain_temporary(&opts);
		snprintf(name, sizeof(name), "%s", babus_slot_name(slot));
		babus_slot_close(slot);
		bench_check(pipe(ready) ? -errno : 0, "pipe");
		child = crew_fork();
		bench_check(child < 0 ? -errno : 0, "fork");
		if (!child)
			hold_loan(name, ready[1]);
		close(ready[1]);
		if (read(ready[0], &byte, 1) != 1)
			bench_fail("recover: the process to be killed did not start");
		start = bench_now();
		kill(child, SIGKILL);
		while ((error = babus_slot_open(domain_get(), name, BABUS_PUBLISH, NULL, &ours)) ==
		       -ENOBUFS)
			bench_sleep(20000); /* it dies only when it is scheduled */
		bench_check(error, name);
		domain_publish(ours, "alive", 5);
		hist_add(&result->hist, bench_now() - start);
		close(ready[0]);
		domain_drop(ours);
	}
	result_percentiles(result);
	result->value[TYPICAL] = result->value[P50];
}

/* --- cases ---------------------------------------------------------------------------- */

struct talk {
	struct result result;
};

static void make_call(struct side *side)
{
	struct result *result = &side->talk->result;

	result_init(result);
	side->self->call(side->self, result);
}

static void collect(const struct crew *crew, struct result *result)
{
	*result = crew->talk->result;
}

const struct team team_alone = {.members = 1,
				.talk_size = sizeof(struct talk),
				.pinned = true,
				.first = make_call,
				.collect = collect};

static const struct kind {
	const char *name, *what;
	size_t size;
	uint64_t count;
	const char *floor;
	void (*call)(const struct bench_case *self, struct result *result);
} kinds[] = {
    {"memcpy", "copy", 64, 2000000, NULL, call_memcpy},
    {"publish", "publish", 64, 500000, "memcpy", call_publish},
    {"view", "pin and release the newest", 64, 2000000, "memcpy", call_view},
    {"recover", "from the SIGKILL of the process that has the only loan to a message of another",
     64, 10, NULL, call_recover},
    {"memcpy", "copy", IMAGE, 100, NULL, call_memcpy},
    {"publish", "publish a copy", IMAGE, 100, "memcpy", call_publish},
    {"copy", "read the newest by copy", IMAGE, 100, "memcpy", call_copy},
    {"loan", "loan and commit, untouched", IMAGE, 200000, "memcpy", call_loan},
    {"view", "pin and release the newest", IMAGE, 500000, "memcpy", call_view},
    {"populate", "the kernel populates new memory, and it is filled", IMAGE, 10, NULL,
     call_populate},
    {"first", "a slot's first message, filled in place", IMAGE, 10, "populate", call_first},
    {"first-reserved", "the same after babus_slot_reserve()", IMAGE, 10, "populate", call_first},
};

static void plan_calls(struct plan *plan)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		const struct kind *kind = &kinds[i];
		bool smoke = plan->options->extent == EXTENT_SMOKE;
		struct bench_case bench = {.work = &work_call,
					   .name = kind->name,
					   .what = kind->what,
					   .size = kind->size,
					   .floor = kind->floor,
					   .count = smoke ? kind->count / 1000 + 1 : kind->count,
					   .call = kind->call};

		plan_add(plan, &bench);
	}
}

const struct work work_call = {
    .name = "call",
    .what = "calls of babus, one thread in a loop",
    .key = TYPICAL,
    .plan = plan_calls,
    .team = &team_alone,
};

/* SPDX-License-Identifier: MIT */
/* One thread in a plain loop: what a call costs while nobody waits. */
#include <stdlib.h>
#include <string.h>

#include "bench.h"

enum {
	IMAGE = 1920 * 1080 * 3
};

static void *memory(size_t size)
{
	void *p = aligned_alloc(4096, (size + 4095) / 4096 * 4096);

	bench_check(p ? 0 : -1, "memory");
	memset(p, 1, size);
	return p;
}

static double run_memcpy(const struct bench_case *self)
{
	char *from = memory(self->size), *to = memory(self->size);
	double start = bench_now();

	for (uint64_t i = 0; i < self->count; i++) {
		memcpy(to, from, self->size);
		__asm__ __volatile__("" ::"r"(to) : "memory");
	}
	start = bench_now() - start;
	free(from);
	free(to);
	return start;
}

static double run_publish(const struct bench_case *self)
{
	babus_slot *slot = bench_slot(self->name, self->size);
	char *from = memory(self->size);
	double start;

	/* Not the first touch of each buffer: that is another question. */
	for (int i = 0; i < 400; i++)
		bench_check(babus_slot_publish(slot, from, self->size, NULL, NULL), "publish");
	start = bench_now();
	for (uint64_t i = 0; i < self->count; i++)
		bench_check(babus_slot_publish(slot, from, self->size, NULL, NULL), "publish");
	start = bench_now() - start;
	free(from);
	babus_slot_close(slot);
	return start;
}

static double run_loan(const struct bench_case *self)
{
	babus_slot *slot = bench_slot(self->name, self->size);
	struct babus_loan loan;
	double start = 0;

	for (uint64_t i = 0; i < self->count + 400; i++) {
		if (i == 400)
			start = bench_now();
		bench_check(babus_slot_loan(slot, self->size, &loan), "loan");
		bench_check(babus_loan_commit(&loan, NULL), "commit");
	}
	start = bench_now() - start;
	babus_slot_close(slot);
	return start;
}

static double run_view(const struct bench_case *self)
{
	babus_slot *slot = bench_slot(self->name, self->size);
	char *from = memory(self->size);
	struct babus_message message;
	double start;

	bench_check(babus_slot_publish(slot, from, self->size, NULL, NULL), "publish");
	start = bench_now();
	for (uint64_t i = 0; i < self->count; i++) {
		bench_check(babus_slot_view(slot, BABUS_LATEST, 0, &message), "view");
		babus_message_release(&message);
	}
	start = bench_now() - start;
	free(from);
	babus_slot_close(slot);
	return start;
}

static double run_copy(const struct bench_case *self)
{
	babus_slot *slot = bench_slot(self->name, self->size);
	char *memory_of_ours = memory(self->size);
	struct babus_message message;
	double start;

	bench_check(babus_slot_publish(slot, memory_of_ours, self->size, NULL, NULL), "publish");
	start = bench_now();
	for (uint64_t i = 0; i < self->count; i++)
		bench_check(
		    babus_slot_copy(slot, BABUS_LATEST, 0, memory_of_ours, self->size, &message),
		    "copy");
	start = bench_now() - start;
	free(memory_of_ours);
	babus_slot_close(slot);
	return start;
}

const struct bench_case loop_cases[] = {
    {"memcpy-64", "copy 64 B", NULL, 2000000, run_memcpy, 64},
    {"publish-64", "publish 64 B", NULL, 1000000, run_publish, 64},
    {"view-64", "pin and release the newest 64 B", NULL, 2000000, run_view, 64},
    {"memcpy-image", "copy 6,220,800 B", NULL, 200, run_memcpy, IMAGE},
    {"publish-image", "publish 6,220,800 B by copy", "memcpy-image", 200, run_publish, IMAGE},
    {"copy-image", "read the newest 6,220,800 B by copy", "memcpy-image", 200, run_copy, IMAGE},
    {"loan-image", "loan and commit 6,220,800 B, untouched", "publish-64", 500000, run_loan, IMAGE},
    {"view-image", "pin and release the newest 6,220,800 B", "view-64", 2000000, run_view, IMAGE},
};
const size_t loop_case_count = sizeof(loop_cases) / sizeof(*loop_cases);

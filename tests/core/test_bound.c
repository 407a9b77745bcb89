/* SPDX-License-Identifier: MIT */
/*
 * The cost of one publish in the steady state, counted in steps in shared memory and in system
 * calls. A publish that finds a free buffer takes FEW steps. Else it looks at each pin that was
 * ever in use and at each buffer: at most two steps a pin, and four a buffer. A process that may
 * sleep until the slot has news costs WAKING more steps, one of them a system call. test_quiet
 * shows that there is no other call.
 */
#include <stdio.h>

#include "domain.h"
#include "slot.h"
#include "steps.h"
#include "waiting.h"

enum {
	FEW = 24,
	WAKING = 6,
	HELD = 20,
	PUBLISHED = 3000
};

struct cost {
	unsigned most, least; /* steps of one publish */
	unsigned wakes;       /* system calls of all */
};

/* `sleeper`: the mark is set before each publish, as by a waiter that goes to sleep. */
static struct cost publish_and_count(babus_slot *slot, size_t size, bool sleeper)
{
	struct cost cost = {.least = UINT32_MAX};
	static char data[8192];

	for (unsigned i = 0; i < PUBLISHED; i++) {
		unsigned taken;

		if (sleeper)
			mark_set(wait_mark(bus->map, slot->place));
		steps_count();
		assert_int_equal(babus_slot_publish(slot, data, size, NULL, NULL), 0);
		taken = steps_counted(NULL);
		assert_int_equal(steps_counted("futex_wake"), sleeper);
		cost.wakes += steps_counted("futex_wake");
		cost.most = taken > cost.most ? taken : cost.most;
		cost.least = taken < cost.least ? taken : cost.least;
	}
	return cost;
}

static void assert_bounded(babus_slot *slot, size_t size)
{
	struct babus_slot_info info;
	struct cost alone, watched;
	uint32_t buffers;

	assert_int_equal(babus_slot_info(slot, &info), 0);
	buffers = info.depth + info.loans + info.pins;
	/* Once round the buffers, for the steady state. */
	publish_and_count(slot, size, false);
	alone = publish_and_count(slot, size, false);
	watched = publish_and_count(slot, size, true);
	printf("# depth %u, %u buffers, %zu bytes: %u to %u steps, with a sleeper %u to %u\n",
	       info.depth, buffers, size, alone.least, alone.most, watched.least, watched.most);
	assert_in_range(alone.least, 1, FEW);
	assert_in_range(alone.most, alone.least, FEW + 4 * buffers + 2 * info.pins);
	assert_int_equal(alone.wakes, 0);
	assert_int_equal(watched.least, alone.least + WAKING);
	assert_in_range(watched.most, watched.least, WAKING + FEW + 4 * buffers + 2 * info.pins);
	assert_int_equal(watched.wakes, PUBLISHED);
}

static void publish_is_bounded_in_steps_and_calls(void **state)
{
	static const struct {
		uint32_t depth, loans, pins;
		size_t size;
	} cases[] = {{1, 4, 8, 64},      {8, 64, 256, 64}, {8, 4, 300, 4096},
		     {100, 4, 40, 8192}, {1, 4, 40, 8192}, {1000, 200, 100, 64}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct babus_slot_options opts = small_options(cases[i].depth, cases[i].size);
		unsigned holds = cases[i].pins / 2 < HELD ? cases[i].pins / 2 : HELD;
		struct babus_message held[HELD];
		babus_slot *slot;

		opts.loans = cases[i].loans;
		opts.pins = cases[i].pins;
		slot = make_slot_with("s", &opts);
		for (unsigned n = 0; n < holds; n++) {
			publish_many(slot, 1);
			assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &held[n]), 0);
		}
		assert_bounded(slot, cases[i].size);
		for (unsigned n = 0; n < holds; n++)
			babus_message_release(&held[n]);
		babus_slot_close(slot);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	}
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(publish_is_bounded_in_steps_and_calls),
	};

	steps_init();
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

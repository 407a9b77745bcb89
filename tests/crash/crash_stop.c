/* SPDX-License-Identifier: MIT */
/*
 * A process is stopped before each of its steps in shared memory. The others go on as if it did
 * not exist, and take nothing from it, since it is alive. When it is revived, it ends its
 * operation and does no harm.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "crash_ops.h"
#include "steps.h"
#include "support.h"

enum {
	VICTIMS = 2 /* stopped at the same step at once */
};

static const struct crash_scene one_small = {1, 64}, two_large = {2, 20000};

static void assert_no_live_client_is_taken_for_dead(void)
{
	struct babus_report report;

	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	assert_int_equal(report.dead_publishers, 0);
	assert_int_equal(report.dead_readers, 0);
	assert_int_equal(report.buffers, 0);
}

static void stop_at_every_step(const struct crash_op *op)
{
	unsigned n = 0;
	bool stopped = true;

	while (stopped) {
		pid_t pids[VICTIMS];
		unsigned count = 0;

		snprintf(support_context, sizeof(support_context), "'%s', step %u", op->name, ++n);
		while (count < VICTIMS && (stopped = scene_stop_at(op, n, &pids[count]))) {
			count++;
			scene_goes_on();
			scene_victim_is_sound();
		}
		if (op->kind != OP_DEAD)
			assert_no_live_client_is_taken_for_dead();
		while (count) {
			scene_revive(pids[--count]);
			scene_goes_on();
		}
		scene_victim_is_sound();
		scene_is_clean();
	}
	printf("# %-16s %4u steps\n", op->name, n - 1);
	assert_true(n > 1);
}

static void every_op(const struct crash_scene *scene)
{
	scene_begin(scene);
	for (size_t i = 0; i < crash_op_count; i++)
		stop_at_every_step(&crash_ops[i]);
	scene_end();
	*support_context = '\0';
}

static void stop_at_any_step_at_depth_one(void **state)
{
	(void)state;
	every_op(&one_small);
}

static void stop_at_any_step_of_large_messages(void **state)
{
	(void)state;
	every_op(&two_large);
}

/* By the cases above. A new step that no operation takes fails here. */
static void a_process_stopped_at_every_step(void **state)
{
	(void)state;
	steps_assert_all_reached();
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(stop_at_any_step_at_depth_one),
	    CASE(stop_at_any_step_of_large_messages),
	    CASE_ROOT(a_process_stopped_at_every_step),
	};

	steps_init();
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 600);
}

/* SPDX-License-Identifier: MIT */
/*
 * A process is killed before each of its steps in shared memory, one after the other, until the
 * operation gets through. After each death the others go on, and recovery finds everything.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/types.h>

#include "crash_ops.h"
#include "steps.h"
#include "support.h"

/* Buffers for small messages are found in batches, for large ones one by one: see alloc.c. */
static const struct crash_scene one_small = {1, 64}, two_large = {2, 20000}, three_small = {3, 64};

/* Run the operation up to step n. True: it was killed there. */
static bool kill_at(const struct crash_op *op, unsigned n)
{
	int status;

	snprintf(support_context, sizeof(support_context), "'%s', step %u", op->name, n);
	steps_set(SIGKILL, n);
	status = child_wait(scene_start(op));
	if (status == 0)
		return false;
	assert_int_equal(status, -SIGKILL);
	return true;
}

/*
 * `deaths` at each step before the recovery. The recovery comes when the others have gone on for
 * a while, or at once, when the last message of the dead process is still there.
 */
static void kill_at_every_step(const struct crash_op *op, unsigned deaths, bool recover_at_once)
{
	unsigned n = 1;
	bool killed = true;

	for (; killed; n++) {
		for (unsigned i = 0; i < deaths && killed; i++) {
			killed = kill_at(op, n);
			if (recover_at_once)
				scene_recover();
			scene_goes_on();
			scene_victim_is_sound();
		}
		scene_is_clean();
	}
	printf("# %-16s %4u steps\n", op->name, n - 2);
	assert_true(n > 2);
}

/* With more than one death a step, only operations that leave something behind. */
static void every_op(const struct crash_scene *scene, unsigned deaths, bool recover_at_once)
{
	scene_begin(scene);
	for (size_t i = 0; i < crash_op_count; i++)
		if (deaths == 1 || crash_ops[i].kind == OP_HOLDS)
			kill_at_every_step(&crash_ops[i], deaths, recover_at_once);
	scene_end();
	*support_context = '\0';
}

static void death_at_any_step_at_depth_one(void **state)
{
	(void)state;
	every_op(&one_small, 1, false);
}

static void death_at_any_step_of_large_messages(void **state)
{
	(void)state;
	every_op(&two_large, 1, false);
}

static void recovery_right_after_a_death_at_any_step(void **state)
{
	(void)state;
	every_op(&three_small, 1, true);
}

/* More deaths than there are tokens and pins, and no recovery in between. */
static void many_deaths_at_the_same_step(void **state)
{
	(void)state;
	every_op(&three_small, 13, false);
}

/* By the cases above. A new step that no operation takes fails here. */
static void a_process_died_at_every_step(void **state)
{
	(void)state;
	steps_assert_all_reached();
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(death_at_any_step_at_depth_one),
	    CASE(death_at_any_step_of_large_messages),
	    CASE(recovery_right_after_a_death_at_any_step),
	    CASE(many_deaths_at_the_same_step),
	    CASE_ROOT(a_process_died_at_every_step),
	};

	steps_init();
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 600);
}

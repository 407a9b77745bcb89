/* SPDX-License-Identifier: MIT */
/*
 * A process is killed before each of its steps in shared memory, one after the
 * other, until the operation is through. After each death the others go on,
 * and a recovery finds everything.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/types.h>

#include "crash_ops.h"
#include "steps.h"
#include "support.h"

/* Small messages are found in batches, large ones one by one: see ring.c. */
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

/* `deaths` at each step before the recovery. */
static void kill_at_every_step(const struct crash_op *op, unsigned deaths)
{
	unsigned n = 1;
	bool killed = true;

	for (; killed; n++) {
		for (unsigned i = 0; i < deaths && killed; i++) {
			killed = kill_at(op, n);
			scene_goes_on();
			scene_victim_is_sound();
		}
		scene_is_clean();
	}
	printf("# %-16s %4u steps\n", op->name, n - 2);
	assert_true(n > 2);
}

static void every_op(const struct crash_scene *scene, unsigned deaths)
{
	scene_begin(scene);
	for (size_t i = 0; i < crash_op_count; i++)
		kill_at_every_step(&crash_ops[i], deaths);
	scene_end();
	*support_context = '\0';
}

static void death_at_any_step_at_depth_one(void **state)
{
	(void)state;
	every_op(&one_small, 1);
}

static void death_at_any_step_of_large_messages(void **state)
{
	(void)state;
	every_op(&two_large, 1);
}

/* More deaths than there are tokens and pins, and no recovery in between. */
static void many_deaths_at_the_same_step(void **state)
{
	(void)state;
	every_op(&three_small, 10);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(death_at_any_step_at_depth_one),
	    CASE(death_at_any_step_of_large_messages),
	    CASE(many_deaths_at_the_same_step),
	};

	steps_init();
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 300);
}

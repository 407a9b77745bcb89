/* SPDX-License-Identifier: MIT */
/* The waiter's descriptor beside others, in the event loops of Linux. */
#include "loop_scene.h"
#include "support.h"

static void poll_serves_all_and_nothing_in_vain(void **state)
{
	(void)state;
	loop_scene_run(&looper_poll);
}

static void select_serves_all_and_nothing_in_vain(void **state)
{
	(void)state;
	loop_scene_run(&looper_select);
}

static void epoll_serves_all_and_nothing_in_vain(void **state)
{
	(void)state;
	loop_scene_run(&looper_epoll_level);
}

static void edge_triggered_epoll_serves_all_and_nothing_in_vain(void **state)
{
	(void)state;
	loop_scene_run(&looper_epoll_edge);
}

static void one_shot_epoll_serves_all_and_nothing_in_vain(void **state)
{
	(void)state;
	loop_scene_run(&looper_epoll_oneshot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(poll_serves_all_and_nothing_in_vain),
	    CASE(select_serves_all_and_nothing_in_vain),
	    CASE(epoll_serves_all_and_nothing_in_vain),
	    CASE(edge_triggered_epoll_serves_all_and_nothing_in_vain),
	    CASE(one_shot_epoll_serves_all_and_nothing_in_vain),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

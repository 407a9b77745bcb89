/* SPDX-License-Identifier: MIT */
/* The waiter's descriptor beside others in event loops on io_uring. */
#include <stdio.h>
#include <string.h>

#include "loop_scene.h"
#include "support.h"
#include "uring.h"

static void single_polls_of_io_uring_serve_all(void **state)
{
	(void)state;
	loop_scene_run(&looper_uring_single);
}

static void multishot_polls_of_io_uring_serve_all(void **state)
{
	(void)state;
	loop_scene_run(&looper_uring_multishot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(single_polls_of_io_uring_serve_all),
	    CASE(multishot_polls_of_io_uring_serve_all),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	int error = uring_check();

	if (error) {
		printf("skipped: no io_uring here: %s\n", strerror(-error));
		return SKIPPED;
	}
	return support_main(run, 60);
}

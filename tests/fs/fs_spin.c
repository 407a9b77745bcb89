/* SPDX-License-Identifier: MIT */
/*
 * babusfs spins before it sleeps if its configuration says so. A waiter that sleeps has marked
 * its channels; one that spins has not.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "domain.h"
#include "file.h"
#include "marks.h"
#include "mount.h"
#include "waiting.h"

static bool sleeps_within(int64_t patience_ns)
{
	int64_t end = now_ns() + patience_ns;

	while (!marks_any(bus->map) && now_ns() < end)
		sched_yield();
	return marks_any(bus->map);
}

static void babusfs_sleeps_at_once_by_default(void **state)
{
	(void)state;
	mount_start(NULL);
	assert_true(sleeps_within(20 * SECOND));
}

static void start_with_spin(void)
{
	static const char text[] = "[babusfs]\nspin = 300 s\n";
	const char *path = root_file("spin.ini");

	write_file(path, text, sizeof(text) - 1);
	setenv("BABUS_CONFIG", path, 1);
	mount_start(NULL);
	unsetenv("BABUS_CONFIG");
}

static void babusfs_spins_first_if_configured(void **state)
{
	(void)state;
	if (count_processors() == 1) {
		printf("# one processor: babusfs does not spin here\n");
		return;
	}
	start_with_spin();
	assert_false(sleeps_within(100 * MILLISECOND));
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    UNMOUNTED(babusfs_sleeps_at_once_by_default),
	    UNMOUNTED(babusfs_spins_first_if_configured),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 60);
}

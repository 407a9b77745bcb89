/* SPDX-License-Identifier: MIT */
#include "babusfs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void babusfs_environment(void)
{
	setenv("P", mount_point, 1);
	setenv("B", mount_program, 1);
	setenv("T", support_root, 1);
}

void babusfs_run(const char *arguments, struct outcome *outcome)
{
	char text[1024];

	babusfs_environment();
	snprintf(text, sizeof(text), "cd $T && exec %s %s", mount_program, arguments);
	shell_try("bash", text, outcome);
}

void babusfs_fails(const char *arguments, int status, const char *what)
{
	struct outcome outcome;
	const char *said;
	bool right;

	babusfs_run(arguments, &outcome);
	said = outcome.err ? outcome.err : "";
	right = outcome.status == status && !outcome.out_size && strncmp(said, "babus: ", 7) == 0 &&
		strstr(said, what) && !mount_exists(mount_point);
	if (!right)
		print_error("babusfs %s ended with %d and said '%s'\n", arguments, outcome.status,
			    said);
	outcome_free(&outcome);
	assert_true(right);
}

void babusfs_start(const char *arguments, const char *named)
{
	struct outcome outcome;

	/* Standard output and error reach their end, so babusfs does not keep them open. */
	babusfs_run(arguments, &outcome);
	if (outcome.status || outcome.out_size || outcome.err_size)
		fail_msg("babusfs %s ended with %d and said '%s'", arguments, outcome.status,
			 outcome.err ? outcome.err : "");
	outcome_free(&outcome);
	mount_daemon = mount_find_daemon(named);
	assert_int_not_equal(mount_daemon, 0);
}

void babusfs_start_with(const char *option, const char *value)
{
	const char *const options[] = {option, value, NULL};

	mount_start(options);
}

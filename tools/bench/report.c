/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"

#define SCRIPT "babus-bench-report"

void report_check(void)
{
	if (!daemon_exists("python3"))
		bench_fail("python3 is not installed; only --json - and --list do without it");
}

void report_exec(char **argv)
{
	char path[PATH_MAX];

	report_check();
	daemon_find("", SCRIPT, path);
	argv[0] = path;
	execvp(path, argv);
	bench_fail("%s: %s", path, strerror(errno));
}

bool report_run(FILE *json, const char *verb, const char *file)
{
	const char *argv[] = {SCRIPT, verb, "-", file, NULL};
	int status = 1;
	pid_t pid;

	fflush(stdout);
	rewind(json);
	pid = crew_fork();
	bench_check(pid < 0 ? -errno : 0, "fork");
	if (!pid) {
		dup2(fileno(json), 0);
		report_exec((char **)(uintptr_t)argv);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

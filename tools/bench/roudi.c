/* SPDX-License-Identifier: MIT */
/* RouDi, the daemon of iceoryx. A machine can have one: where another runs, this does not. */
#include <errno.h>
#include <glob.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"
#include "daemon.h"

static pid_t pid;
static char config[300];

/* A pool for each size of message, with room for the headers. */
static void write_config(void)
{
	static const unsigned pools[][2] = {
	    {256, 8000}, {4352, 600}, {66048, 64}, {1049088, 32}, {6221056, 12}};
	FILE *file;

	snprintf(config, sizeof(config), "%s/roudi.toml", bench_dir());
	file = fopen(config, "w");
	if (!file)
		bench_fail("%s: %s", config, strerror(errno));
	fputs("[general]\nversion = 1\n\n[[segment]]\n", file);
	for (size_t i = 0; i < sizeof(pools) / sizeof(*pools); i++)
		fprintf(file, "\n[[segment.mempool]]\nsize = %u\ncount = %u\n", pools[i][0],
			pools[i][1]);
	fclose(file);
}

/* What it leaves if it could not clean up. No other RouDi ran, so all of it is this one's. */
static void clean_after_death(void)
{
	const struct group *group = getgrgid(getegid());

	shm_unlink("/iceoryx_mgmt");
	if (group)
		shm_unlink(
		    group->gr_name); /* its segment has the name of the group that may write */
	unlink("/tmp/roudi");
	unlink("/tmp/roudi.lock");
}

static pid_t running(void)
{
	if (pid && !daemon_is_alive(&pid))
		clean_after_death();
	return pid;
}

static int start(char why[WHY_MAX])
{
	const char *argv[] = {"iox-roudi", "--config-file", config, "--log-level", "warning", NULL};

	if (running())
		return 0;
	write_config();
	pid = daemon_start(argv, "ready for clients", why);
	return pid ? 0 : -ENOTSUP;
}

/*
 * RouDi leaves only the sockets of clients that were killed. Their names begin with
 * ROUDI_CLIENT; those of Cyclone DDS contain the number of a process.
 */
static void clean(const char *pattern)
{
	glob_t left;
	int owner;

	if (glob(pattern, 0, NULL, &left))
		return;
	for (size_t i = 0; i < left.gl_pathc; i++) {
		const char *path = left.gl_pathv[i];

		if (sscanf(path, "/tmp/iceoryx_rt_%d_", &owner) == 1 &&
		    (kill(owner, 0) == 0 || errno != ESRCH))
			continue;
		unlink(path);
	}
	globfree(&left);
}

static void stop(void)
{
	char pattern[64];

	if (!config[0])
		return;
	if (running() && !daemon_stop(pid))
		clean_after_death();
	pid = 0;
	unlink(config); /* also of one that died */
	config[0] = '\0';
	snprintf(pattern, sizeof(pattern), "/tmp/" ROUDI_CLIENT "*", (int)getpid());
	clean(pattern);
	clean("/tmp/iceoryx_rt_*");
}

const struct service roudi_service = {start, stop, running};

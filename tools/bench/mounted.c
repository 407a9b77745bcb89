/* SPDX-License-Identifier: MIT */
#include "mounted.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "daemon.h"
#include "domain.h"

enum {
	START_MS = 10000
};

static struct daemon {
	pid_t pid; /* 0: not started */
	char point[300];
} daemons[MOUNTEDS];

const char *mounted_point(enum mounted which)
{
	return daemons[which].point;
}

static bool is_mounted(const char *point)
{
	struct stat there, above;
	char parent[310];

	snprintf(parent, sizeof(parent), "%s/..", point);
	return stat(point, &there) == 0 && stat(parent, &above) == 0 &&
	       there.st_dev != above.st_dev;
}

static int wait_until_mounted(struct daemon *daemon)
{
	uint64_t deadline = bench_now() + START_MS * UINT64_C(1000000);
	struct pollfd fds[2] = {
	    {.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC), .events = POLLPRI},
	    {.fd = pidfd_open(daemon->pid, 0), .events = POLLIN}};
	int error = fds[0].fd < 0 || fds[1].fd < 0 ? -errno : 0;

	/* A change of the table between the look and the poll ends the poll. */
	while (!error && !is_mounted(daemon->point)) {
		poll(fds, 2, 1000);
		if (fds[1].revents)
			error = -ECHILD;
		else if (bench_now() > deadline || bench_interrupted())
			error = -ETIMEDOUT;
	}
	for (int i = 0; i < 2; i++) {
		if (fds[i].fd >= 0)
			close(fds[i].fd);
	}
	return error;
}

static void stop(struct daemon *daemon)
{
	if (daemon->pid)
		daemon_stop(daemon->pid);
	daemon->pid = 0;
	if (!daemon->point[0])
		return;
	if (rmdir(daemon->point) < 0 && errno == EBUSY) {
		umount2(daemon->point, MNT_DETACH); /* it had to be killed */
		rmdir(daemon->point);
	}
	daemon->point[0] = '\0';
}

/* Slots with a message each, made natively. */
static void make_slots(void)
{
	static const struct {
		const char *name;
		size_t size;
	} slots[] = {{"small", 64}, {"image", IMAGE}};
	struct babus_slot_options opts;
	babus_slot *slot;
	char *data = bench_memory(IMAGE);

	babus_slot_options_init(&opts);
	for (size_t i = 0; i < sizeof(slots) / sizeof(*slots); i++) {
		opts.max_size = slots[i].size;
		slot = domain_new_slot(slots[i].name, &opts);
		domain_publish(slot, data, slots[i].size);
		babus_slot_close(slot);
	}
	free(data);
}

int mounted_start(enum mounted which, char why[WHY_MAX])
{
	static const char *const names[] = {"babusfs", "babus-bench-fuse"};
	struct daemon *daemon = &daemons[which];
	char path[PATH_MAX];
	const char *babusfs[] = {path,        "-f",        "-c", "/dev/null", "--root",
				 bench_dir(), DOMAIN_NAME, NULL, NULL};
	const char *floor[] = {path, NULL, NULL};

	if (daemon->pid)
		return 0;
	daemon_find(which == MOUNTED_BABUSFS ? "../../fs/" : "", names[which], path);
	if (access("/dev/fuse", R_OK | W_OK) < 0 || !daemon_exists(path)) {
		snprintf(why, WHY_MAX, "%s",
			 daemon_exists(path) ? "/dev/fuse cannot be opened" : "no such program");
		return -ENOTSUP;
	}
	snprintf(daemon->point, sizeof(daemon->point), "%s/mnt.%s", bench_dir(), names[which]);
	bench_check(mkdir(daemon->point, 0700) ? -errno : 0, daemon->point);
	if (which == MOUNTED_BABUSFS)
		make_slots();
	babusfs[7] = floor[1] = daemon->point;
	daemon->pid = daemon_run(which == MOUNTED_BABUSFS ? babusfs : floor);
	if (!wait_until_mounted(daemon))
		return 0;
	stop(daemon);
	snprintf(why, WHY_MAX, "%s does not mount", names[which]);
	return -ENOTSUP;
}

void mounted_stop(void)
{
	for (int i = 0; i < MOUNTEDS; i++)
		stop(&daemons[i]);
}

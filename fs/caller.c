/* SPDX-License-Identifier: MIT */
#include "caller.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "privileges.h"

/* Of the flags in /proc/PID/stat: killed by a signal. From the kernel's sched.h. */
#define PF_SIGNALED 0x00000400ul

enum {
	STAT_FLAGS = 9,
	STAT_EXIT_CODE = 52
};

bool caller_in_group(fuse_req_t req, gid_t gid)
{
	gid_t *groups;
	bool found = false;
	int count;

	if (fuse_req_ctx(req)->gid == gid)
		return true;
	count = fuse_req_getgroups(req, 0, NULL);
	if (count <= 0)
		return false;
	groups = calloc((size_t)count, sizeof(*groups));
	if (!groups)
		return false;
	/* If there are more by now, the rest is not looked at. */
	if (fuse_req_getgroups(req, count, groups) >= count)
		for (int i = 0; i < count && !found; i++)
			found = groups[i] == gid;
	free(groups);
	return found;
}

bool caller_may(fuse_req_t req, const struct access *access, int want)
{
	uid_t uid = fuse_req_ctx(req)->uid;
	mode_t user = access->mode >> 6 & 7, group = access->mode >> 3 & 7,
	       other = access->mode & 7;
	mode_t need = (mode_t)want;

	if (uid == 0)
		return true;
	if (uid == access->uid)
		return (user & need) == need;
	/* The groups are in /proc, which takes time. */
	if ((group & need) == (other & need))
		return (other & need) == need;
	return ((caller_in_group(req, access->gid) ? group : other) & need) == need;
}

bool caller_owns(fuse_req_t req, const struct access *access)
{
	uid_t uid = fuse_req_ctx(req)->uid;

	return uid == 0 || uid == access->uid;
}

/* Field `number` of a line of /proc/PID/stat, counted from 1; past the name. */
static unsigned long stat_field(const char *line, int number)
{
	const char *field = strrchr(line, ')');

	for (int i = 2; field && i < number; i++) {
		field = strchr(field, ' ');
		if (field)
			field++;
	}
	return field ? strtoul(field, NULL, 10) : 0;
}

static bool read_stat(pid_t pid, int number, unsigned long *field)
{
	char path[64], line[1024];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (length <= 0)
		return false;
	line[length] = '\0';
	*field = stat_field(line, number);
	return true;
}

/*
 * Whether /proc shows the exit code of thread `pid`. To a process that may not
 * trace the thread, the code is always 0 and this link cannot be read.
 */
static bool may_trace(pid_t pid)
{
	char path[64], link[64];

	snprintf(path, sizeof(path), "/proc/%ld/ns/user", (long)pid);
	return readlink(path, link, sizeof(link)) > 0;
}

/* Whether its exit code names a signal, in the low bits. True if it cannot be seen. */
static bool ends_by_signal(pid_t pid)
{
	unsigned long code;
	bool by_signal = true;

	privileges_raise(CAP_SYS_PTRACE);
	if (may_trace(pid) && read_stat(pid, STAT_EXIT_CODE, &code))
		by_signal = (code & 0x7f) != 0;
	privileges_lower(CAP_SYS_PTRACE);
	return by_signal;
}

bool caller_is_killed(pid_t pid)
{
	unsigned long flags;

	if (pid <= 0 || !read_stat(pid, STAT_FLAGS, &flags) || !(flags & PF_SIGNALED))
		return false;
	/*
	 * A thread has this flag also when another thread called exit(). The exit
	 * code tells the two apart. Where it cannot be seen, losing a whole message
	 * is better than publishing half of one.
	 */
	return ends_by_signal(pid);
}

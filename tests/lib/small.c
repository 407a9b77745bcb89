/* SPDX-License-Identifier: MIT */
#include "small.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "support.h"

bool small_possible(void)
{
	if (!unshare(CLONE_NEWNS) && !mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) &&
	    !mount("none", "/mnt", "tmpfs", 0, "size=4m") && !umount("/mnt"))
		return true;
	printf("skipped: cannot mount a small tmpfs: %s\n", strerror(errno));
	return false;
}

int small_setup(void **state, const char *size)
{
	char options[32];
	int error = support_setup_root(state);

	snprintf(options, sizeof(options), "size=%s", size);
	if (!error)
		error = mount("none", support_root, "tmpfs", 0, options);
	return error ? error : babus_domain_open("test", BABUS_CREATE, NULL, &bus);
}

void small_fill(void)
{
	static const char zeros[1 << 20];
	int fd = open(root_file("filler"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	while (write(fd, zeros, sizeof(zeros)) > 0 || write(fd, zeros, 4096) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

void small_empty(void)
{
	assert_int_equal(unlink(root_file("filler")), 0);
}

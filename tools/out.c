/* SPDX-License-Identifier: MIT */
#include "out.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tool.h"

/* From here on one write(2) of its own is cheaper than a copy. */
#define LARGE 16384

static int first_error; /* errno; 0: none */

static char buffer[4 * LARGE]; /* of stdout, after out_keep_whole() */
static size_t whole;           /* bytes of whole messages in it */

static void note(int error)
{
	if (!first_error)
		first_error = error ? error : EIO;
}

/* An O_NONBLOCK descriptor refuses what it has no room for. */
static void wait_writable(void)
{
	struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};

	poll(&ready, 1, -1);
}

static void write_all(const char *data, size_t size)
{
	ssize_t n;

	while (size && out_ok()) {
		n = write(STDOUT_FILENO, data, size);
		if (n >= 0) {
			data += n;
			size -= (size_t)n;
		} else if (errno == EAGAIN) {
			wait_writable();
		} else if (errno != EINTR) {
			note(errno);
		}
	}
}

void out_bytes(const void *data, size_t size)
{
	if (size < LARGE) {
		if (out_ok() && fwrite(data, 1, size, stdout) != size)
			note(errno);
		return;
	}
	out_flush();
	write_all(data, size);
}

void out_flush(void)
{
	if (fflush(stdout) || ferror(stdout))
		note(errno);
	whole = 0;
}

bool out_ok(void)
{
	return !first_error;
}

void out_keep_whole(void)
{
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
}

void out_end_message(void)
{
	size_t used = __fpending(stdout);

	if (used > PIPE_BUF) {
		/* stdio writes by itself what does not fit in its buffer. */
		if (whole > used)
			whole = 0;
		write_all(buffer, whole);
		write_all(buffer + whole, used - whole);
		__fpurge(stdout);
		used = 0;
	}
	whole = used;
}

bool out_has_reader(void)
{
	struct stat st;

	return fstat(STDOUT_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode));
}

bool out_wait(int fd, int64_t deadline_ns)
{
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN}, {.fd = STDOUT_FILENO}};
	int64_t left_ns = deadline_ns - babus_deadline(0);
	struct timespec left = {0};

	if (left_ns > 0)
		left = (struct timespec){left_ns / 1000000000, left_ns % 1000000000};
	if (ppoll(fds, 2, deadline_ns == BABUS_FOREVER ? NULL : &left, NULL) == 0)
		return false;
	/* POLLERR or POLLHUP. */
	if (fds[1].revents)
		note(EPIPE);
	return true;
}

int out_finish(int status)
{
	out_flush();
	if (!first_error || first_error == EPIPE)
		return status;
	/* The kernel refuses to read a message whose file was cut short. */
	complain("standard output: %s", first_error == EFAULT ? "the slot's file was truncated"
							      : strerrordesc_np(first_error));
	return STATUS_FAILED;
}

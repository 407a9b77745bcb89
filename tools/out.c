/* SPDX-License-Identifier: MIT */
#include "out.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ending.h"
#include "tool.h"

/* From here on one write(2) of its own is cheaper than a copy. */
#define LARGE 16384

static int first_error; /* errno; 0: none */

static void note(int error)
{
	if (!first_error)
		first_error = error ? error : EIO;
}

/* Wait until somebody takes what an O_NONBLOCK descriptor refused. */
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
}

bool out_ok(void)
{
	return !first_error && !ending_due();
}

int out_finish(int status)
{
	out_flush();
	if (!first_error || first_error == EPIPE || ending_due())
		return status;
	/* The kernel refuses to read a message whose file was cut short. */
	complain("standard output: %s", first_error == EFAULT ? "the slot's file was truncated"
							      : strerrordesc_np(first_error));
	return STATUS_FAILED;
}

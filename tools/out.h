/* SPDX-License-Identifier: MIT */
/*
 * Standard output. The first error is kept and later output is dropped, so that
 * only loops need to check. EPIPE, a reader that went away, is not a failure.
 */
#ifndef TOOLS_OUT_H
#define TOOLS_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Write bytes as they are; a large piece goes to write(2) without a copy. */
void out_bytes(const void *data, size_t size);

/* Write what is buffered; printf() to stdout is fine in between. */
void out_flush(void);

/* Whether it still makes sense to write. */
bool out_ok(void);

/*
 * For a stream of messages: each write(2) has whole messages only, and those of
 * up to PIPE_BUF bytes are in a write that a pipe takes at once or not at all.
 * So a signal that kills the process leaves no half line in a pipe. Call it
 * before any output, and out_end_message() after each message.
 */
void out_keep_whole(void);
void out_end_message(void);

/* Whether a process reads the output that may go away: of a pipe or socket. */
bool out_has_reader(void);

/*
 * Sleep until `fd` is readable or the reader of the output goes away, which is the
 * error EPIPE. False: the deadline, of babus_deadline(), has passed.
 */
bool out_wait(int fd, int64_t deadline_ns);

/* Flush and report the first error; returns the exit status. */
int out_finish(int status);

#endif

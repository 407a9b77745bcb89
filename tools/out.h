/* SPDX-License-Identifier: MIT */
/*
 * Standard output. The first error is kept, what comes after it is dropped, so
 * that only loops need to look; a reader that has gone (EPIPE) is no failure.
 */
#ifndef TOOLS_OUT_H
#define TOOLS_OUT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes as they are; a large piece goes to write(2) from where it lies. */
void out_bytes(const void *data, size_t size);

/* Hand over what is buffered; printf() to stdout is fine in between. */
void out_flush(void);

/* Whether it still makes sense to write. */
bool out_ok(void);

/* Flush and complain if anything failed; the status to exit with. */
int out_finish(int status);

#endif

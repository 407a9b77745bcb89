/* SPDX-License-Identifier: MIT */
/* Errors with a story: what was found, where, and what was expected. */
#ifndef BABUS_ERROR_H
#define BABUS_ERROR_H

/*
 * Keep a formatted line as this thread's babus_error_detail() and return
 * `error`. The arguments may include babus_error_detail() itself. Preserves
 * errno.
 */
int babus_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Forget the detail: the start of every call that may set one. */
void babus_fail_clear(void);

#endif

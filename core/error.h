/* SPDX-License-Identifier: MIT */
/*
 * Details of errors: what was found, where, and what was expected. Each public call that can
 * fail first clears the thread's detail, so that a failure has its own detail or none. If a
 * call goes on after an inner failure, that one must not leave a detail.
 */
#ifndef BABUS_ERROR_H
#define BABUS_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ERROR_DETAIL_SIZE = 512
};

/* Whether the thread has a detail. Initial-exec, so that hot calls clear it in one store. */
extern _Thread_local bool error_has_detail __attribute__((tls_model("initial-exec")));

/*
 * Set this thread's detail to a formatted line and return `error`. The arguments may include
 * babus_error_detail() itself. Control characters become '?'. Preserves errno.
 */
int babus_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The start of each public call that can fail. */
static inline void babus_fail_clear(void)
{
	error_has_detail = false;
}

/* The thread's detail, saved while something is tried that may fail. */
struct error_kept {
	bool has_detail;
	char detail[ERROR_DETAIL_SIZE];
};

void error_keep(struct error_kept *kept);
void error_restore(const struct error_kept *kept);

/* Check the reserved fields of a struct that the program filled in: 0, or -EINVAL. */
int error_check_reserved(const uint64_t *reserved, size_t count, const char *what);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the user or the administrator has to know: lines "babus: ..." on
 * standard error, or in the system's log.
 */
#ifndef FS_LOG_H
#define FS_LOG_H

void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line about a failed call of libbabus, with its details if there are any. */
void log_babus(const char *what, int error);

/* From now on to the system's log; other threads may be logging. */
void log_to_system(void);

/* Also what libfuse has to say. */
void log_take_over_fuse(void);

#endif

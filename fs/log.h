/* SPDX-License-Identifier: MIT */
/*
 * Messages for the user or the administrator: lines "babus: ..." on standard
 * error or in the system's log.
 */
#ifndef FS_LOG_H
#define FS_LOG_H

void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A line about a failed call of libbabus, with its details if there are any. */
void log_babus(const char *what, int error);

/* Log to the system from now on. Other threads may be logging. */
void log_to_system(void);

/* Log the messages of libfuse, too. */
void log_take_over_fuse(void);

#endif

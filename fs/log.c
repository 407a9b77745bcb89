/* SPDX-License-Identifier: MIT */
#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include <fuse_log.h>

#include <babus/babus.h>

static _Atomic bool to_system;

static void log_args(const char *format, va_list args)
{
	char line[1024];

	vsnprintf(line, sizeof(line), format, args);
	line[strcspn(line, "\n")] = '\0';
	if (to_system)
		syslog(LOG_ERR, "%s", line);
	else
		fprintf(stderr, "babus: %s\n", line);
}

void log_line(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_args(format, args);
	va_end(args);
}

void log_babus(const char *what, int error)
{
	const char *detail = babus_error_detail();

	if (detail && *detail)
		log_line("%s", detail);
	else
		log_line("%s: %s", what, babus_strerror(error));
}

void log_to_system(void)
{
	openlog("babusfs", LOG_PID, LOG_DAEMON);
	to_system = true;
}

static void from_fuse(enum fuse_log_level level, const char *format, va_list args)
{
	/* Debug output, asked for, keeps its shape. */
	if (level == FUSE_LOG_DEBUG && !to_system)
		vfprintf(stderr, format, args);
	else
		log_args(format, args);
}

void log_take_over_fuse(void)
{
	fuse_set_log_func(from_fuse);
}

/* SPDX-License-Identifier: MIT */
#include "error.h"
#include "cancel.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <babus/babus.h>

_Thread_local bool error_has_detail;
static _Thread_local char detail[ERROR_DETAIL_SIZE];

int babus_fail(int error, const char *format, ...)
{
	/* Not on the stack, which may be small. The arguments may point into `detail`. */
	static _Thread_local char line[sizeof(detail)];
	int saved = errno;
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	/* The line may quote another process's data, and goes to a terminal. */
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	memcpy(detail, line, strlen(line) + 1);
	error_has_detail = true;
	errno = saved;
	return error;
}

const char *babus_error_detail(void)
{
	return error_has_detail ? detail : "";
}

void error_keep(struct error_kept *kept)
{
	kept->has_detail = error_has_detail;
	if (kept->has_detail)
		memcpy(kept->detail, detail, sizeof(detail));
}

void error_restore(const struct error_kept *kept)
{
	error_has_detail = kept->has_detail;
	if (kept->has_detail)
		memcpy(detail, kept->detail, sizeof(detail));
}

int error_check_reserved(const uint64_t *reserved, size_t count, const char *what)
{
	for (size_t i = 0; i < count; i++)
		if (reserved[i])
			return babus_fail(-EINVAL, "%s: reserved[%zu] is not zero", what, i);
	return 0;
}

const char *babus_version(void)
{
	return BABUS_VERSION;
}

unsigned babus_version_number(void)
{
	return BABUS_VERSION_NUMBER;
}

const char *babus_strerror(int error)
{
	const char *text;

	switch (error < 0 ? -error : error) {
	case 0:
		return "success";
	case ENODATA:
		return "no message yet";
	case ESTALE:
		return "message no longer kept";
	case EAGAIN:
		return "not published yet";
	case EBUSY:
		return "the slot moved on too fast";
	case EFBIG:
		return "larger than this process may make a file (ulimit -f)";
	case EROFS:
		return "read-only file system";
	case EMSGSIZE:
		return "message too large";
	case ENOSPC:
		return "no space left on the tmpfs";
	case ENOBUFS:
		return "all loans, or all pins, of the slot are in use by live clients";
	case ENOMEM:
		return "out of memory, or of mappings (vm.max_map_count, ulimit -v)";
	case EMFILE:
		return "too many open files in this process (ulimit -n)";
	case ENFILE:
		return "too many open files in the system (fs.file-max)";
	case ENODEV:
		return "slot removed or domain gone";
	case EINVAL:
		return "invalid argument";
	case EOVERFLOW:
		return "past the last sequence number";
	case EPROTO:
		return "not a file of this version of babus, or damaged";
	case EEXIST:
		return "exists already, or with another type or geometry";
	case ECHILD:
		return "handle belongs to the parent process";
	case ETIMEDOUT:
		return "timed out";
	case ENOENT:
		return "no such slot or domain";
	case EIO:
		return "file was truncated while in use";
	case EPERM:
		return "not owned by a trusted user, or not permitted";
	case ECANCELED:
		return "woken by another thread";
	case EINTR:
		return "interrupted by a signal";
	default:
		text = strerrordesc_np(error < 0 ? -error : error);
		return text ? text : "unknown error";
	}
}

void babus_perror(const char *what, int error)
{
	NO_CANCELLATION;
	const char *text = *babus_error_detail() ? babus_error_detail() : babus_strerror(error);
	int saved = errno;

	dprintf(STDERR_FILENO, "%s: %s\n", what, text);
	errno = saved;
}

/* SPDX-License-Identifier: MIT */
#include "notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

static char *socket_name; /* NULL: no manager; used by one thread at a time */

void notify_open(void)
{
	const char *name = getenv("NOTIFY_SOCKET");

	if (name && *name)
		socket_name = strdup(name);
	unsetenv("NOTIFY_SOCKET");
}

void notify_close(void)
{
	free(socket_name);
	socket_name = NULL;
}

/* For a path, or '@' and an abstract name. Returns the length of the address, or -errno. */
static int address_of(const char *name, struct sockaddr_un *address)
{
	size_t length = strlen(name);

	if (name[0] != '/' && name[0] != '@')
		return -EAFNOSUPPORT;
	if (length >= sizeof(address->sun_path))
		return -ENAMETOOLONG;
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, name, length);
	if (name[0] == '@')
		address->sun_path[0] = '\0';
	/* A path includes its zero byte, an abstract name has none. */
	return (int)(offsetof(struct sockaddr_un, sun_path) + length + (name[0] == '/'));
}

static int send_text(const char *text, size_t size)
{
	struct sockaddr_un address;
	int length = address_of(socket_name, &address);
	int fd, error = 0;

	if (length < 0)
		return length;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (sendto(fd, text, size, MSG_NOSIGNAL, (struct sockaddr *)&address, (socklen_t)length) <
	    0)
		error = -errno;
	close(fd);
	return error;
}

void notify_send(const char *format, ...)
{
	char text[1024];
	va_list args;
	int size, error;

	if (!socket_name)
		return;
	va_start(args, format);
	size = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (size >= (int)sizeof(text))
		size = sizeof(text) - 1;
	error = send_text(text, (size_t)size);
	if (error)
		log_line("cannot tell the service manager at '%s': %s", socket_name,
			 strerror(-error));
}

/* SPDX-License-Identifier: MIT */
/* A redis-server with a socket and a port of its own. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "daemon.h"

static pid_t pid;
static int port;
static char path[300];

/* A port that is free now. */
static int free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		bench_fail("a port for redis-server: %s", strerror(errno));
	close(fd);
	return ntohs(address.sin_port);
}

static int start(char why[WHY_MAX])
{
	char number[16];
	const char *argv[] = {
	    "redis-server", "--port",     number,         "--bind", "127.0.0.1",
	    "--unixsocket", path,         "--save",       "",       "--appendonly",
	    "no",           "--loglevel", "notice",       "--dir",  bench_dir(),
	    "--daemonize",  "no",         "--supervised", "no",     NULL};

	if (daemon_is_alive(&pid))
		return 0;
	snprintf(path, sizeof(path), "%s/redis.sock", bench_dir());
	for (int tries = 0; tries < 3 && !pid; tries++) { /* another may take the port */
		port = free_port();
		snprintf(number, sizeof(number), "%d", port);
		pid = daemon_start(argv, "eady to accept connections", why);
	}
	return pid ? 0 : -ENOTSUP;
}

static void stop(void)
{
	if (daemon_is_alive(&pid))
		daemon_stop(pid);
	pid = 0;
	if (path[0])
		unlink(path); /* also of one that died */
	path[0] = '\0';
}

static pid_t running(void)
{
	daemon_is_alive(&pid);
	return pid;
}

const char *redis_socket(void)
{
	return path;
}

int redis_port(void)
{
	return port;
}

const struct service redis_service = {start, stop, running};

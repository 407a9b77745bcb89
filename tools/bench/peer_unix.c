/* SPDX-License-Identifier: MIT */
/* A Unix stream socket to each reader. */
#include <errno.h>
#include <sys/socket.h>

#include "peers.h"
#include "stream.h"

static int make(int fd[2])
{
	int bytes = 1 << 20;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
		return -errno;
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	return 0;
}

static int prepare(struct rig *rig, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	return stream_prepare(rig, make);
}

const struct peer peer_unix = {
    .name = "unix",
    .what = "Unix stream sockets",
    .group = "peer",
    .modes = 1 << MODE_POLL | 1 << MODE_BLOCK,
    .readers_max = 1000,
    .queues = true,
    .prepare = prepare,
    .open = stream_open,
    .buffer = stream_buffer,
    .send = stream_send,
    .receive = stream_receive,
    .release = stream_release,
    .close = stream_close,
    .finish = stream_finish,
};

/* SPDX-License-Identifier: MIT */
/* A pipe to each reader, as large as an ordinary user may have it. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "peers.h"
#include "stream.h"

/* Capacity that /proc/sys/fs/pipe-max-size grants everybody by default. */
enum {
	PIPE_BYTES = 1 << 20
};

static int make(int fd[2])
{
	if (pipe2(fd, O_CLOEXEC) < 0)
		return -errno;
	fcntl(fd[1], F_SETPIPE_SZ, PIPE_BYTES); /* or else it stays at 64 KiB */
	return 0;
}

static int prepare(struct rig *rig, char *why, size_t why_size)
{
	(void)why;
	(void)why_size;
	return stream_prepare(rig, make);
}

const struct peer peer_pipe = {
    .name = "pipe",
    .what = "pipes",
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

/* SPDX-License-Identifier: MIT */
/*
 * What the kernel queues, one queue for each reader: pipes, Unix stream sockets and POSIX
 * message queues. Processes inherit the descriptors. A write for each message: to gather
 * several is what libraries on top of these do, and such are peers here. A read for each,
 * too: reading ahead made pipes slower.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "peer.h"

enum {
	STREAM_BYTES = 1 << 20 /* /proc/sys/fs/pipe-max-size allows it to any user by default */
};

struct state {
	size_t have; /* bytes of the next message that are in end->in */
};

/* Two descriptors: to read from, and to write to. */
static int *queue(const struct rig *rig, unsigned channel, unsigned reader)
{
	return (int *)rig->memory + 2 * ((size_t)channel * rig->readers + reader);
}

/* --- streams --------------------------------------------------------------------------- */

static void do_not_block(const struct rig *rig, int fd)
{
	if (rig->mode == MODE_POLL)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static int make_pipe(const struct rig *rig, int fd[2])
{
	if (pipe2(fd, O_CLOEXEC) < 0)
		return -errno;
	fcntl(fd[1], F_SETPIPE_SZ, STREAM_BYTES); /* or else it stays at 64 KiB */
	do_not_block(rig, fd[0]);
	return 0;
}

static int make_socket(const struct rig *rig, int fd[2])
{
	int bytes = STREAM_BYTES;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) < 0)
		return -errno;
	setsockopt(fd[1], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	do_not_block(rig, fd[0]);
	return 0;
}

static void send_stream(struct end *end)
{
	for (unsigned i = 0; i < end->rig->readers; i++)
		bench_write(queue(end->rig, (unsigned)end->publishes, i)[1], end->out, end->size);
}

static bool receive_stream(struct end *end, struct received *message)
{
	int fd = queue(end->rig, peer_channel(end), end->reader)[0];
	size_t size = end->rig->size, *have = &end->state->have;

	while (*have < size) {
		ssize_t n = read(fd, end->in + *have, size - *have);

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 1)
			bench_fail("read: %s", n ? strerror(errno) : "end of file");
		*have += (size_t)n;
	}
	*have = 0;
	*message = (struct received){.data = end->in, .size = size, .channel = peer_channel(end)};
	return true;
}

/* --- message queues -------------------------------------------------------------------- */

/* Messages above the system's limit (8 KiB for any user) and many at once need privileges. */
static int make_mq(const struct rig *rig, unsigned number, int fd[2])
{
	int flags = O_CREAT | O_EXCL | O_CLOEXEC | (rig->mode == MODE_POLL ? O_NONBLOCK : 0);
	struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
	struct mq_attr attr = {.mq_maxmsg = rig->size > 65536 ? 1 : rig->depth,
			       .mq_msgsize = (long)rig->size};
	char name[64];

	setrlimit(RLIMIT_MSGQUEUE, &limit); /* if allowed */
	snprintf(name, sizeof(name), "/babus-bench.%d.%u.%u", (int)getpid(), rig->run, number);
	fd[0] = mq_open(name, O_RDWR | flags, 0600, &attr);
	if (fd[0] < 0 && errno == EINVAL) {
		attr.mq_maxmsg = 10; /* what any user may have */
		fd[0] = mq_open(name, O_RDWR | flags, 0600, &attr);
	}
	if (fd[0] < 0)
		return -errno;
	mq_unlink(name);
	fd[1] = fcntl(fd[0], F_DUPFD_CLOEXEC, 0);
	return fd[1] < 0 ? -errno : 0;
}

/* In MODE_POLL the publisher's description is that of the reader, so it spins too. */
static void send_mq(struct end *end)
{
	for (unsigned i = 0; i < end->rig->readers; i++) {
		mqd_t to = queue(end->rig, (unsigned)end->publishes, i)[1];

		while (mq_send(to, end->out, end->size, 0) < 0) {
			if (errno != EAGAIN)
				bench_check(-errno, "mq_send");
			bench_pause();
		}
	}
}

static bool receive_mq(struct end *end, struct received *message)
{
	mqd_t from = queue(end->rig, peer_channel(end), end->reader)[0];
	ssize_t n = mq_receive(from, end->in, end->rig->size, NULL);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n < 0)
		bench_check(-errno, "mq_receive");
	*message = (struct received){
	    .data = end->in, .size = (size_t)n, .channel = peer_channel(end)};
	return true;
}

/* --- all ------------------------------------------------------------------------------- */

static int make(const struct rig *rig, unsigned number)
{
	int *fd = queue(rig, 0, number);

	if (rig->peer == &peer_mq)
		return make_mq(rig, number, fd);
	return rig->peer == &peer_pipe ? make_pipe(rig, fd) : make_socket(rig, fd);
}

static void close_first(struct rig *rig, unsigned count)
{
	for (unsigned i = 0; i < 2 * count; i++)
		close(((int *)rig->memory)[i]);
	free(rig->memory);
}

static int prepare(struct rig *rig)
{
	unsigned count = rig->channels * rig->readers;

	rig->memory = bench_memory(2 * sizeof(int) * count);
	for (unsigned i = 0; i < count; i++) {
		int error = make(rig, i);

		if (error) {
			snprintf(rig->why, WHY_MAX, "%s",
				 error == -EINVAL
				     ? "more than /proc/sys/fs/mqueue/msgsize_max allows"
				     : strerror(-error));
			close_first(rig, i);
			return error;
		}
	}
	return 0;
}

static void finish(struct rig *rig)
{
	close_first(rig, rig->channels * rig->readers);
}

#define QUEUE(variable, title, text, most, sends, receives)            \
	const struct peer variable = {                                 \
	    .name = (title),                                           \
	    .what = (text),                                            \
	    .readers_max = (most),                                     \
	    .alone = "without a reader there is no queue to write to", \
	    .copies = true,                                            \
	    .queues = true,                                            \
	    .state_size = sizeof(struct state),                        \
	    .prepare = prepare,                                        \
	    .send = (sends),                                           \
	    .receive = (receives),                                     \
	    .finish = finish,                                          \
	}

QUEUE(peer_pipe, "pipe", "pipes", 1000, send_stream, receive_stream);
QUEUE(peer_unix, "unix", "Unix stream sockets", 1000, send_stream, receive_stream);
QUEUE(peer_mq, "mq", "POSIX message queues", 200, send_mq, receive_mq);

/* SPDX-License-Identifier: MIT */
/*
 * A POSIX message queue to each reader. Its name is gone as soon as it is open:
 * the processes inherit the descriptor. Messages above the system's limit (8 KiB
 * for ordinary users) and more than it allows at once need privileges.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "peers.h"

struct state {
	char *out, *in;
};

static mqd_t *queue(const struct rig *rig, unsigned channel, unsigned reader)
{
	return (mqd_t *)rig->state + (size_t)channel * rig->readers + reader;
}

static mqd_t make(const struct rig *rig, unsigned number)
{
	unsigned depth = rig->size > 65536 ? 1 : rig->depth;
	struct mq_attr attr = {.mq_maxmsg = depth, .mq_msgsize = (long)rig->size};
	int flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC;
	char name[64];
	mqd_t made;

	snprintf(name, sizeof(name), "/babus-bench.%d.%u.%u", (int)getpid(), rig->run, number);
	made = mq_open(name, flags, 0600, &attr);
	if (made == (mqd_t)-1 && errno == EINVAL) {
		attr.mq_maxmsg = 10; /* what everybody may have */
		made = mq_open(name, flags, 0600, &attr);
	}
	if (made != (mqd_t)-1)
		mq_unlink(name);
	return made;
}

static void finish(struct rig *rig)
{
	for (unsigned i = 0; i < rig->channels * rig->readers; i++) {
		if (*queue(rig, 0, i) != (mqd_t)-1)
			mq_close(*queue(rig, 0, i));
	}
	free(rig->state);
}

static int prepare(struct rig *rig, char *why, size_t why_size)
{
	struct rlimit limit = {.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
	unsigned count = rig->channels * rig->readers;
	int error = 0;

	setrlimit(RLIMIT_MSGQUEUE, &limit); /* if we may */
	rig->state = bench_memory(count * sizeof(mqd_t));
	for (unsigned i = 0; i < count; i++) {
		*queue(rig, 0, i) = error ? (mqd_t)-1 : make(rig, i);
		if (!error && *queue(rig, 0, i) == (mqd_t)-1)
			error = -errno;
	}
	if (!error)
		return 0;
	if (error == -EINVAL)
		snprintf(why, why_size, "more than /proc/sys/fs/mqueue/msgsize_max allows");
	else
		snprintf(why, why_size, "mq_open: %s", strerror(-error));
	finish(rig);
	return error;
}

static void open_end(struct end *end)
{
	struct mq_attr attr = {.mq_flags = O_NONBLOCK};
	struct state *state = bench_memory(sizeof(*state));

	state->out = bench_memory(end->rig->size);
	state->in = bench_memory(end->rig->size);
	end->state = state;
	/* The flag is the description's, shared with the publisher, which spins too. */
	for (unsigned i = 0; i < end->rig->channels && end->rig->mode == MODE_POLL; i++) {
		if (end->subscribes >> i & 1)
			mq_setattr(*queue(end->rig, i, end->reader), &attr, NULL);
	}
}

static void *buffer(struct end *end, size_t size)
{
	(void)size;
	return ((struct state *)end->state)->out;
}

static void send(struct end *end, size_t size)
{
	struct state *state = end->state;

	for (unsigned i = 0; i < end->rig->readers; i++) {
		mqd_t to = *queue(end->rig, (unsigned)end->publishes, i);

		while (mq_send(to, state->out, size, 0) < 0) {
			if (errno != EAGAIN)
				bench_check(-errno, "mq_send");
			bench_pause();
		}
	}
}

static bool receive(struct end *end, struct received *message)
{
	unsigned channel = (unsigned)__builtin_ctz(end->subscribes);
	struct state *state = end->state;
	ssize_t n = mq_receive(*queue(end->rig, channel, end->reader), state->in, end->rig->size,
			       NULL);

	if (n < 0 && errno == EAGAIN)
		return false;
	if (n < 0)
		bench_check(-errno, "mq_receive");
	*message = (struct received){.data = state->in, .size = (size_t)n, .channel = channel};
	return true;
}

static void release(struct end *end, struct received *message)
{
	(void)end;
	(void)message;
}

static void close_end(struct end *end)
{
	struct state *state = end->state;

	free(state->out);
	free(state->in);
	free(state);
}

const struct peer peer_mq = {
    .name = "mq",
    .what = "POSIX message queues",
    .group = "peer",
    .modes = 1 << MODE_POLL | 1 << MODE_BLOCK,
    .readers_max = 200,
    .queues = true,
    .prepare = prepare,
    .open = open_end,
    .buffer = buffer,
    .send = send,
    .receive = receive,
    .release = release,
    .close = close_end,
    .finish = finish,
};

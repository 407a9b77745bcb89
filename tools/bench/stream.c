/* SPDX-License-Identifier: MIT */
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct state {
	char *out, *in;
	size_t have; /* bytes of the next message that are in `in` */
};

static int *stream(const struct rig *rig, unsigned channel, unsigned reader)
{
	return (int *)rig->state + 2 * ((size_t)channel * rig->readers + reader);
}

int stream_prepare(struct rig *rig, int (*make)(int fd[2]))
{
	rig->state = bench_memory(2 * sizeof(int) * rig->channels * rig->readers);
	for (unsigned i = 0; i < rig->channels * rig->readers; i++) {
		int *fd = stream(rig, 0, i);

		bench_check(make(fd), "making a stream");
		if (rig->mode == MODE_POLL)
			fcntl(fd[0], F_SETFL, fcntl(fd[0], F_GETFL) | O_NONBLOCK);
	}
	return 0;
}

void stream_open(struct end *end)
{
	struct state *state = bench_memory(sizeof(*state));

	state->out = bench_memory(end->rig->size);
	state->in = bench_memory(end->rig->size);
	end->state = state;
}

void *stream_buffer(struct end *end, size_t size)
{
	(void)size;
	return ((struct state *)end->state)->out;
}

static void write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t n = write(fd, data, size);

		if (n < 0)
			bench_check(-errno, "write");
		data += n;
		size -= (size_t)n;
	}
}

void stream_send(struct end *end, size_t size)
{
	struct state *state = end->state;

	for (unsigned i = 0; i < end->rig->readers; i++)
		write_all(stream(end->rig, (unsigned)end->publishes, i)[1], state->out, size);
}

bool stream_receive(struct end *end, struct received *message)
{
	unsigned channel = (unsigned)__builtin_ctz(end->subscribes);
	int fd = stream(end->rig, channel, end->reader)[0];
	struct state *state = end->state;
	size_t size = end->rig->size;

	while (state->have < size) {
		ssize_t n = read(fd, state->in + state->have, size - state->have);

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0)
			bench_check(-errno, "read");
		if (n == 0)
			bench_fail("read: end of file");
		state->have += (size_t)n;
	}
	*message = (struct received){.data = state->in, .size = size, .channel = channel};
	return true;
}

void stream_release(struct end *end, struct received *message)
{
	(void)message;
	((struct state *)end->state)->have = 0;
}

void stream_close(struct end *end)
{
	struct state *state = end->state;

	free(state->out);
	free(state->in);
	free(state);
}

void stream_finish(struct rig *rig)
{
	for (unsigned i = 0; i < 2 * rig->channels * rig->readers; i++)
		close(((int *)rig->state)[i]);
	free(rig->state);
}

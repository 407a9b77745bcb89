/* SPDX-License-Identifier: MIT */
/*
 * ZeroMQ over ipc: a PAIR where a channel has one reader, else XPUB and SUB.
 * Messages are written and read in its own memory.
 */
#include <errno.h>
#include <zmq.h>

#include "peer.h"

enum {
	HWM = 1000 /* its default: with a low one reader and writer talk about each message */
};

struct state {
	void *context, *out, *in;
	zmq_msg_t sent, got;
};

static void must(int result, const char *what)
{
	if (result < 0)
		bench_fail("zmq: %s: %s", what, zmq_strerror(errno));
}

static void *new_socket(struct end *end, int type)
{
	void *made = zmq_socket(end->state->context, type);
	int depth = end->rig->depth < HWM ? HWM : (int)end->rig->depth, now = 0;

	must(made ? 0 : -1, "socket");
	must(zmq_setsockopt(made, ZMQ_SNDHWM, &depth, sizeof(depth)), "SNDHWM");
	must(zmq_setsockopt(made, ZMQ_RCVHWM, &depth, sizeof(depth)), "RCVHWM");
	must(zmq_setsockopt(made, ZMQ_LINGER, &now, sizeof(now)), "LINGER");
	return made;
}

static void open_end(struct end *end)
{
	struct state *state = end->state;
	bool pair = end->rig->readers == 1;
	/* Report each subscriber, not only the first; and wait for slow ones. */
	int yes = 1;

	state->context = zmq_ctx_new();
	must(state->context ? 0 : -1, "context");
	if (end->publishes >= 0) {
		state->out = new_socket(end, pair ? ZMQ_PAIR : ZMQ_XPUB);
		if (!pair) {
			must(zmq_setsockopt(state->out, ZMQ_XPUB_VERBOSE, &yes, sizeof(yes)),
			     "XPUB_VERBOSE");
			must(zmq_setsockopt(state->out, ZMQ_XPUB_NODROP, &yes, sizeof(yes)),
			     "XPUB_NODROP");
		}
		must(zmq_bind(state->out, peer_ipc_address(end->rig, (unsigned)end->publishes)),
		     "bind");
	}
	if (end->subscribes) {
		state->in = new_socket(end, pair ? ZMQ_PAIR : ZMQ_SUB);
		if (!pair)
			must(zmq_setsockopt(state->in, ZMQ_SUBSCRIBE, "", 0), "SUBSCRIBE");
	}
}

/* All are bound by now. An XPUB receives a message for each subscriber. */
static void settle(struct end *end)
{
	struct state *state = end->state;
	char news[8];

	if (end->subscribes)
		must(zmq_connect(state->in, peer_ipc_address(end->rig, peer_channel(end))),
		     "connect");
	for (unsigned i = 0; state->out && end->rig->readers > 1 && i < end->rig->readers; i++)
		must(zmq_recv(state->out, news, sizeof(news), 0), "subscriptions");
}

static void *buffer(struct end *end)
{
	must(zmq_msg_init_size(&end->state->sent, end->size), "message");
	return zmq_msg_data(&end->state->sent);
}

static void send(struct end *end)
{
	must(zmq_msg_send(&end->state->sent, end->state->out, 0), "send");
}

static bool receive(struct end *end, struct received *message)
{
	struct state *state = end->state;
	int result;

	must(zmq_msg_init(&state->got), "message");
	result = zmq_msg_recv(&state->got, state->in,
			      end->rig->mode == MODE_POLL ? ZMQ_DONTWAIT : 0);
	if (result < 0 && errno == EAGAIN)
		return false;
	must(result, "receive");
	*message = (struct received){.data = zmq_msg_data(&state->got),
				     .size = zmq_msg_size(&state->got)};
	return true;
}

static void release(struct end *end)
{
	zmq_msg_close(&end->state->got);
}

static void close_end(struct end *end)
{
	struct state *state = end->state;

	if (state->out)
		zmq_close(state->out);
	if (state->in)
		zmq_close(state->in);
	zmq_ctx_term(state->context);
}

const struct peer peer_zmq = {
    .name = "zeromq",
    .what = "ZeroMQ over ipc",
    .readers_max = 200,
    .queues = true,
    PEER_CALLS,
    .settle = settle,
    .finish = peer_ipc_finish,
};

/* SPDX-License-Identifier: MIT */
/*
 * nng over ipc: pair0 where a channel has one reader, else pub0 and sub0.
 * Messages are written and read in its own memory.
 */
#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/protocol/pubsub0/pub.h>
#include <nng/protocol/pubsub0/sub.h>
#include <semaphore.h>

#include "peer.h"

struct state {
	nng_socket out, in; /* of id 0: none */
	sem_t connected;    /* once for each reader */
	nng_msg *sent, *got;
};

static void must(int error, const char *what)
{
	if (error)
		bench_fail("nng: %s: %s", what, nng_strerror(error));
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg)
{
	(void)pipe;
	(void)event;
	sem_post(arg);
}

static void options(nng_socket made, const struct rig *rig)
{
	/* A kind of socket refuses the options that it does not use. */
	nng_socket_set_int(made, NNG_OPT_SENDBUF, (int)rig->depth);
	nng_socket_set_int(made, NNG_OPT_RECVBUF, (int)rig->depth);
	must(nng_socket_set_size(made, NNG_OPT_RECVMAXSZ, 0), "RECVMAXSZ");
}

static void open_end(struct end *end)
{
	struct state *state = end->state;
	bool pair = end->rig->readers == 1;

	sem_init(&state->connected, 0, 0);
	if (end->publishes >= 0) {
		must(pair ? nng_pair0_open(&state->out) : nng_pub0_open(&state->out), "socket");
		options(state->out, end->rig);
		must(nng_pipe_notify(state->out, NNG_PIPE_EV_ADD_POST, on_pipe, &state->connected),
		     "notify");
		must(nng_listen(state->out, peer_ipc_address(end->rig, (unsigned)end->publishes),
				NULL, 0),
		     "listen");
	}
	if (end->subscribes) {
		must(pair ? nng_pair0_open(&state->in) : nng_sub0_open(&state->in), "socket");
		options(state->in, end->rig);
		if (!pair)
			must(nng_socket_set(state->in, NNG_OPT_SUB_SUBSCRIBE, "", 0), "subscribe");
	}
}

/* All listen by now. */
static void settle(struct end *end)
{
	struct state *state = end->state;

	/* nng tries again in the background while the listener's queue is full. */
	if (state->in.id)
		must(nng_dial(state->in, peer_ipc_address(end->rig, peer_channel(end)), NULL,
			      NNG_FLAG_NONBLOCK),
		     "dial");
	for (unsigned i = 0; state->out.id && i < end->rig->readers; i++) {
		while (sem_wait(&state->connected) < 0)
			;
	}
}

static void *buffer(struct end *end)
{
	must(nng_msg_alloc(&end->state->sent, end->size), "message");
	return nng_msg_body(end->state->sent);
}

static void send(struct end *end)
{
	must(nng_sendmsg(end->state->out, end->state->sent, 0), "send");
}

static bool receive(struct end *end, struct received *message)
{
	struct state *state = end->state;
	int error = nng_recvmsg(state->in, &state->got,
				end->rig->mode == MODE_POLL ? NNG_FLAG_NONBLOCK : 0);

	if (error == NNG_EAGAIN)
		return false;
	must(error, "receive");
	*message = (struct received){.data = nng_msg_body(state->got),
				     .size = nng_msg_len(state->got)};
	return true;
}

static void release(struct end *end)
{
	nng_msg_free(end->state->got);
}

static void close_end(struct end *end)
{
	struct state *state = end->state;

	if (state->out.id)
		nng_close(state->out);
	if (state->in.id)
		nng_close(state->in);
	sem_destroy(&state->connected);
}

const struct peer peer_nng = {
    .name = "nng",
    .what = "nng over ipc",
    .readers_max = 200,
    .queues = true,
    PEER_CALLS,
    .settle = settle,
    .finish = peer_ipc_finish,
};

/* SPDX-License-Identifier: MIT */
/* babus: a slot for each channel, loans and views, no copy. */
#include <errno.h>

#include <babus/babus.h>

#include "domain.h"
#include "peer.h"

enum {
	ADAPT_SPIN_NS = 50000,
	DEFAULT_DEPTH = 8 /* of babus */
};

struct state {
	babus_slot *out, *in[CHANNELS_MAX];
	babus_reader *reader[CHANNELS_MAX];
	babus_waiter *waiter;
	struct babus_loan loan;
	struct babus_message message;
};

static unsigned depth_of(const struct rig *rig)
{
	return rig->peer == &peer_babus_deep ? DEFAULT_DEPTH : rig->depth;
}

static int prepare(struct rig *rig)
{
	struct babus_slot_options opts;

	babus_slot_options_init(&opts);
	opts.depth = depth_of(rig);
	if (opts.pins < 2 * rig->readers)
		opts.pins = 2 * rig->readers;
	opts.max_size = rig->size;
	for (unsigned i = 0; i < rig->channels; i++)
		babus_slot_close(domain_new_slot(peer_channel_name(rig, i), &opts));
	return 0;
}

static void open_end(struct end *end)
{
	const struct rig *rig = end->rig;
	struct babus_waiter_options opts = {.spin_ns = rig->mode == MODE_ADAPT ? ADAPT_SPIN_NS : 0};
	struct state *state = end->state;

	bench_check(babus_waiter_open(domain_get(), &opts, &state->waiter), "waiter");
	for (unsigned i = 0; i < rig->channels; i++) {
		const char *name = peer_channel_name(rig, i);

		if ((int)i == end->publishes)
			state->out = domain_open_slot(name, BABUS_PUBLISH);
		if (!(end->subscribes >> i & 1))
			continue;
		state->in[i] = domain_open_slot(name, BABUS_READ);
		bench_check(
		    babus_reader_open(state->in[i], BABUS_START_OLDEST, 0, &state->reader[i]),
		    "reader");
		bench_check(babus_waiter_add(state->waiter, state->reader[i], (void *)(uintptr_t)i),
			    "waiter");
	}
}

/* What the slot keeps, what readers pin, and what is being filled. */
static void reserve(struct end *end)
{
	unsigned messages = depth_of(end->rig) + end->rig->readers + 1;
	int count = babus_slot_reserve(end->state->out, messages, end->size);

	bench_check(count < 0 ? count : 0, "reserve");
}

static void *buffer(struct end *end)
{
	struct state *state = end->state;

	bench_check(babus_slot_loan(state->out, end->size, &state->loan), "loan");
	return state->loan.data;
}

static void send(struct end *end)
{
	struct state *state = end->state;

	state->loan.size = end->size;
	bench_check(babus_loan_commit(&state->loan, NULL), "commit");
}

/* The next channel with news; -1: none, and the mode is to poll. */
static int channel_with_news(struct end *end)
{
	struct state *state = end->state;
	int64_t deadline = end->rig->mode == MODE_POLL ? BABUS_NOW : BABUS_FOREVER;
	struct babus_event event;
	int count = babus_waiter_wait(state->waiter, deadline, &event, 1);

	if (count == -ETIMEDOUT)
		return -1;
	bench_check(count < 0 ? count : event.status, "wait");
	return (int)(uintptr_t)event.user;
}

static int next(struct end *end, unsigned channel)
{
	struct state *state = end->state;

	return end->latest ? babus_reader_latest(state->reader[channel], &state->message)
			   : babus_reader_next(state->reader[channel], &state->message);
}

static bool receive(struct end *end, struct received *message)
{
	bool many = (end->subscribes & (end->subscribes - 1)) != 0;
	unsigned channel = peer_channel(end);
	struct state *state = end->state;
	int news, error = many ? -EAGAIN : next(end, channel);

	while (error == -EAGAIN) {
		if (end->rig->mode == MODE_POLL && !many)
			return false;
		news = channel_with_news(end);
		if (news < 0)
			return false;
		channel = (unsigned)news;
		error = next(end, channel);
	}
	bench_check(error, "next");
	*message = (struct received){
	    .data = state->message.data, .size = state->message.size, .channel = channel};
	return true;
}

static void release(struct end *end)
{
	babus_message_release(&end->state->message);
}

static void close_end(struct end *end)
{
	struct state *state = end->state;

	babus_waiter_close(state->waiter);
	for (unsigned i = 0; i < CHANNELS_MAX; i++) {
		babus_reader_close(state->reader[i]);
		babus_slot_close(state->in[i]);
	}
	babus_slot_close(state->out);
}

static void finish(struct rig *rig)
{
	for (unsigned i = 0; i < rig->channels; i++)
		babus_domain_remove_slot(domain_get(), peer_channel_name(rig, i));
}

#define BABUS(variable, title, text, trips)                              \
	const struct peer variable = {                                   \
	    .name = (title),                                             \
	    .what = (text),                                              \
	    .group = GROUP_BABUS,                                        \
	    .modes = 1 << MODE_POLL | 1 << MODE_BLOCK | 1 << MODE_ADAPT, \
	    .readers_max = 1000,                                         \
	    .in_place = true,                                            \
	    .many = !(trips),                                            \
	    .queues = !(trips),                                          \
	    .trips_only = (trips),                                       \
	    PEER_CALLS,                                                  \
	    .prepare = prepare,                                          \
	    .reserve = reserve,                                          \
	    .finish = finish,                                            \
	}

BABUS(peer_babus, "babus", "a slot for each direction, loans and views", false);
BABUS(peer_babus_deep, "babus-depth-8", "the same with the default depth of 8", true);

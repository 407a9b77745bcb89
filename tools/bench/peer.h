/* SPDX-License-Identifier: MIT */
/*
 * A peer carries messages from one publisher to the readers of a channel. All are used
 * in the same way: get memory for a message, write it, send; receive, read the message
 * in place, release. A peer that lends memory of its own does so here. Others copy, as
 * they do in any program.
 *
 * Calls of a peer end the process on failure, except where noted.
 */
#ifndef BABUS_BENCH_PEER_H
#define BABUS_BENCH_PEER_H

#include <sys/types.h>

#include "daemon.h"

enum mode {
	MODE_POLL,  /* receive looks once */
	MODE_BLOCK, /* receive sleeps */
	MODE_ADAPT, /* receive looks for a bounded time, then sleeps */
	MODES
};

enum group {
	GROUP_PEER,
	GROUP_BABUS,
	GROUP_FLOOR
};

enum {
	CHANNELS_MAX = 8
};

/* What a run needs of a peer, the same for all its processes. */
struct rig {
	const struct peer *peer;
	size_t size;       /* of the largest message */
	unsigned channels; /* at most CHANNELS_MAX */
	unsigned readers;  /* of each channel */
	unsigned depth;    /* messages that may be under way */
	enum mode mode;
	bool acknowledged; /* send returns when the message is where readers find it */
	pid_t daemon;      /* of the service, or 0 */
	unsigned run;      /* differs from that of every other run */
	void *memory;      /* the peer's, from prepare to finish */
	char why[WHY_MAX]; /* prepare failed */
};

struct state; /* each peer has its own */

/* One process's (or thread's) use of it. */
struct end {
	const struct rig *rig;
	int publishes;       /* a channel, or -1 */
	uint32_t subscribes; /* a bit for each channel */
	unsigned reader;     /* which of a channel's readers */
	bool latest;         /* wants the newest message, not each */
	size_t size;         /* of the message that is written next; at first, what to expect */
	char *out, *in;      /* buffers for a peer that copies */
	struct state *state; /* from open to close, zeroed */
};

struct received {
	const void *data;
	size_t size;
	unsigned channel;
};

/* Functions may be NULL, except send and receive. */
struct peer {
	const char *name;
	const char *what;
	enum group group;
	unsigned modes;       /* bits: 1 << MODE_...; 0: MODE_POLL and MODE_BLOCK */
	unsigned readers_max; /* of one channel */
	const char *alone;    /* why nothing can be published without a reader, or NULL */
	bool in_place;        /* neither side copies */
	bool copies;          /* messages are written to and read from buffers of the end */
	bool many;            /* an end may subscribe to several channels */
	bool trips_only;      /* a variant that only round trips are made with */
	bool queues;          /* keeps at least rig->depth messages, or makes send wait */
	size_t state_size;
	const struct service *service; /* that it needs; its processor time counts too */

	/* Bytes of shared memory for each channel; see peer_memory(). */
	size_t (*memory)(const struct rig *rig);
	/* In the benchmark, before the processes. 0, or a negative errno and rig->why. */
	int (*prepare)(struct rig *rig);
	/* In each process, in no order. */
	void (*open)(struct end *end);
	/* After all have opened: until messages can pass. */
	void (*settle)(struct end *end);
	/* Pay now for the memory of messages of end->size. */
	void (*reserve)(struct end *end);
	/* Memory of end->size bytes for the next message. */
	void *(*buffer)(struct end *end);
	void (*send)(struct end *end);
	/* Nothing follows at once: send what was kept to go with more. */
	void (*flush)(struct end *end);
	/* The next message: true. None now: false, only in MODE_POLL. */
	bool (*receive)(struct end *end, struct received *message);
	/* The last received message has been read. */
	void (*release)(struct end *end);
	void (*close)(struct end *end);
	/* In the benchmark, after the processes, also after failed ones. */
	void (*finish)(struct rig *rig);
};

/* The usual functions of a peer, where its file gives them these names. */
#define PEER_CALLS                                                                            \
	.state_size = sizeof(struct state), .open = open_end, .buffer = buffer, .send = send, \
	.receive = receive, .release = release, .close = close_end

extern const struct peer *const peers[];
extern const size_t peer_count;

extern const struct peer peer_floor, peer_floor_2, peer_ring, peer_babus, peer_babus_deep,
    peer_pipe, peer_unix, peer_mq, peer_redis_unix, peer_redis_tcp, peer_zmq, peer_nng,
    peer_iceoryx, peer_cyclone, peer_cyclone_shm;

bool peer_has(const struct peer *peer, enum mode mode);
const char *mode_name(enum mode mode);

/* In the benchmark, around the processes of a run. 0, or a negative errno and rig->why. */
int peer_prepare(struct rig *rig);
void peer_finish(struct rig *rig);

/* The shared memory of a channel. */
void *peer_memory(const struct rig *rig, unsigned channel);

void peer_open(struct end *end);
void peer_close(struct end *end);

/* The channel of an end that reads a single one. */
static inline unsigned peer_channel(const struct end *end)
{
	return (unsigned)__builtin_ctz(end->subscribes);
}

static inline void *peer_buffer(struct end *end, size_t size)
{
	end->size = size;
	return end->out ? end->out : end->rig->peer->buffer(end);
}

static inline void peer_flush(struct end *end)
{
	if (end->rig->peer->flush)
		end->rig->peer->flush(end);
}

/* Send one message that nothing follows at once. */
static inline void peer_send(struct end *end)
{
	end->rig->peer->send(end);
	peer_flush(end);
}

static inline void peer_release(struct end *end)
{
	if (end->rig->peer->release)
		end->rig->peer->release(end);
}

/* A name that no other channel of the benchmark has, until the thread's next call. */
const char *peer_channel_name(const struct rig *rig, unsigned channel);

/* The same: "ipc://" and the path of the channel's socket, for peers that name them so. */
const char *peer_ipc_address(const struct rig *rig, unsigned channel);

/* As `finish` of such a peer: processes that failed leave their sockets. */
void peer_ipc_finish(struct rig *rig);

#endif

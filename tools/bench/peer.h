/* SPDX-License-Identifier: MIT */
/*
 * A peer carries messages from one publisher to the readers of a channel. All
 * are used in the same way: get the memory to write a message to, write it,
 * send; receive, read it where it is, release. A peer that can lend memory of
 * its own does; one that cannot copies, as it would for anybody.
 *
 * The calls of a peer end the process on failure, by bench_check(), but where
 * they say otherwise.
 */
#ifndef BABUS_BENCH_PEER_H
#define BABUS_BENCH_PEER_H

#include <sys/types.h>

#include "bench.h"

enum mode {
	MODE_POLL,  /* receive looks, again and again */
	MODE_BLOCK, /* receive sleeps */
	MODE_ADAPT, /* receive looks for a bounded time, then sleeps */
	MODES
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
	unsigned run;      /* differs from that of every other run */
	void *state;       /* the peer's, from prepare to finish */
};

/* One process's (or thread's) use of it. */
struct end {
	const struct rig *rig;
	int publishes;       /* a channel, or -1 */
	uint32_t subscribes; /* a bit for each channel */
	unsigned reader;     /* which of a channel's readers */
	bool latest;         /* wants the newest message, not each */
	void *state;         /* the peer's, from open to close */
};

struct received {
	const void *data;
	size_t size;
	unsigned channel;
	void *state; /* the peer's, until release */
};

struct peer {
	const char *name;
	const char *what;
	const char *group;    /* "floor", "babus" or "peer" */
	unsigned modes;       /* bits: 1 << MODE_... */
	unsigned readers_max; /* of one channel */
	bool in_place;        /* neither side copies */
	bool many;            /* an end may subscribe to several channels */
	bool queues;          /* keeps at least rig->depth messages, or makes send wait */

	/* In the benchmark, before the processes. 0, or a negative errno: not here,
	   and why is in `why`. May be NULL. */
	int (*prepare)(struct rig *rig, char *why, size_t why_size);
	/* In each process, in no order. */
	void (*open)(struct end *end);
	/* After all have opened: until messages can pass. May be NULL. */
	void (*settle)(struct end *end);
	/* Pay now for the memory that messages of this size take. May be NULL. */
	void (*reserve)(struct end *end, size_t size);
	/* `size` bytes to write the next message to. */
	void *(*buffer)(struct end *end, size_t size);
	void (*send)(struct end *end, size_t size);
	/* Nothing follows at once: let go of what send kept to go with more. May be NULL. */
	void (*flush)(struct end *end);
	/* The next message: true. None now: false, only in MODE_POLL. */
	bool (*receive)(struct end *end, struct received *message);
	void (*release)(struct end *end, struct received *message);
	void (*close)(struct end *end);
	/* In the benchmark, after the processes, also after failed ones. May be NULL. */
	void (*finish)(struct rig *rig);
	/* At the end of the benchmark: daemons. May be NULL. */
	void (*stop)(void);
	/* Of the daemon whose processor time counts too, 0 if it has ended; may be NULL. */
	pid_t (*daemon)(void);
};

extern const struct peer *const peers[];
extern const size_t peer_count;

const struct peer *peer_find(const char *name);
const char *mode_name(enum mode mode);

/* Send one message that nothing follows at once. */
void peer_send(struct end *end, size_t size);

/*
 * Receive, however long it takes; fails unless it is of this size. Who polls looks
 * again `rest_ns` after it found nothing, 0: at once.
 */
void peer_receive(struct end *end, struct received *message, size_t size, uint64_t rest_ns);

#endif

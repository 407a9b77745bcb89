/* SPDX-License-Identifier: MIT */
/*
 * A work is one kind of thing to measure. It plans its cases: what to do with
 * which peer, size and so on; and it runs one case once.
 */
#ifndef BABUS_BENCH_WORK_H
#define BABUS_BENCH_WORK_H

#include "crew.h"
#include "hist.h"
#include "payload.h"
#include "peer.h"

enum metric {
	TYPICAL, /* ns for one, measured over many at a time */
	P50,     /* ns, each one measured */
	P90,
	P99,
	P999,
	MAXIMUM,
	CPU,  /* ns of processor time for one, in all processes */
	RATE, /* messages per second */
	LOST, /* messages */
	MEAN, /* ns, of each one */
	SENT, /* messages */
	METRICS
};

/* Where the processes run. */
enum place {
	PLACE_FREE,  /* where the scheduler puts them */
	PLACE_APART, /* each on a processor of its own, in turn */
	PLACES
};

enum {
	LARGE = 65536 /* bytes; such messages are compared with the floor of two buffers */
};

struct bench_case;
struct plan;
struct team;

struct result {
	double value[METRICS]; /* NaN: not measured */
	struct hist hist;      /* ns, of each one; empty if not measured */
	char why[WHY_MAX];     /* it could not be done */
};

struct work {
	const char *name, *what;
	enum metric key; /* what ratios are made of */
	bool higher;     /* more is better */
	void (*plan)(struct plan *plan);
	const struct team *team; /* runs a case, or: */
	/* Of a case with parts, all their results are wanted.
	   0; -ENOTSUP: not on this machine; else it failed. `why` if not said yet. */
	int (*run)(const struct bench_case *self, struct result *result);
	/* At the end of the benchmark: daemons. May be NULL. */
	void (*stop)(void);
};

extern const struct work work_call, work_crowd, work_trip, work_fanout, work_idle, work_file,
    work_image, work_rate, work_waiter;

extern const struct work *const works[];
extern const size_t work_count;

struct bench_case {
	const struct work *work;
	const char *name; /* the peer's, or the variant's */
	const char *what;
	const struct peer *peer; /* may be NULL */
	const char *variant;     /* of the work; may be NULL */
	/* A run may give several results. They are in as many cases, one after the
	   other: the first has `parts`, the others tell which `part` they are. */
	unsigned parts, part; /* 1, 0 if there are no others */
	const char *row;      /* which of the results this is; may be NULL */
	enum mode mode;
	size_t size;  /* bytes of a message */
	size_t touch; /* bytes of it that are written and read; 0 in a plan: all */
	unsigned readers;
	enum place place;
	bool threads;
	const char *floor;    /* name of the case that it is compared with, or NULL, */
	enum mode floor_mode; /* in this mode, all else equal */
	uint64_t count;       /* for works that do a fixed number */
	void (*call)(const struct bench_case *self, struct result *result);
	const void *detail; /* the work's */

	/* results, by repeat */
	struct result *result;
	unsigned done;              /* repeats with a result */
	int status;                 /* the first error of run() */
	struct bench_case *against; /* the floor's, or NULL */
};

/* A member of a run. */
struct side {
	const struct bench_case *self;
	const struct rig *rig;
	struct crew *crew;
	unsigned who;
	struct talk *talk;
	struct report *report;
	struct end end;  /* if the case has a peer */
	uint64_t number; /* of the last message */
};

struct team {
	unsigned members; /* 0: one, and one for each reader */
	/* What a rig has that a case has not; 0 channels: 1, 0 as the size: the case's. */
	unsigned channels, depth;
	size_t size;
	bool acknowledged;
	size_t talk_size;
	bool pinned; /* before it opens its end, so that threads of the peer are too */
	/* What an end publishes and reads; NULL: the first member publishes, others read. */
	void (*set_end)(struct end *end, unsigned who);
	/* All have opened; no one closes before all have returned. */
	void (*first)(struct side *side), (*others)(struct side *side);
	/* After a run that went well; CPU is that of all of it. */
	void (*collect)(const struct crew *crew, struct result *results);
};

/* Run a case with such a team. As run() above. */
int work_team(const struct bench_case *self, const struct team *team, struct result *results);

/* A process of its own, on the first processor, that makes the case's call. */
extern const struct team team_alone;

/* Write message `number` and send it; the peer may keep it to go with more. */
static inline void side_send(struct side *side, uint64_t number)
{
	void *data = peer_buffer(&side->end, side->self->size);

	payload_write(data, side->self->touch, number);
	side->rig->peer->send(&side->end);
}

/*
 * The next message, however long it takes; fails unless its size and contents are right.
 * A reader that polls and finds nothing looks again after `rest_ns`. To be released.
 */
const struct payload *side_receive(struct side *side, uint64_t rest_ns);

void result_init(struct result *result);

/* P50 and so on from the histogram. */
void result_percentiles(struct result *result);

/* How long one run of a case should measure. */
uint64_t run_ns(void);

/* Whether speed is wanted more than precision. */
bool run_is_quick(void);

#endif

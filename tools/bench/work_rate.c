/* SPDX-License-Identifier: MIT */
/*
 * One-way: the highest rate at which a publisher can send 64 B so that a reader
 * in another process, polling or sleeping, gets every message, in order, with at
 * most 1,024 under way. A reader that polls and finds nothing looks again after
 * 10 us: it takes what has come since, and does not disturb the publisher at every
 * instant. In the variant without a rest it looks again at once. Messages leave in bursts of 16 at
 * the rate that is tried. A rate holds if the last message has been read in time and nothing is
 * lost, in one of twelve tries (four with --quick): what others do on the machine is not to be
 * measured. A try has at least four times as many messages as may be under way,
 * so that a peer with larger buffers gains little by them. Peers that wait for
 * the reader do that. Then 16 times as many leave as fast as they can, and those
 * that are lost are counted.
 */
#include <math.h>
#include <stdatomic.h>

#include "plan.h"

enum {
	DEPTH = 1024,
	BURST = 16,
	TRIES = 12,
	TRIES_QUICK = 4,
	TRY_NS = 5000000,      /* as long as a try lasts, at least */
	COUNT_MIN = 4 * DEPTH, /* messages of a try, at least */
	COUNT_SMOKE = 32 * BURST,
	FLOOD = 16,      /* times as many, unpaced */
	STEPS = 5,       /* halvings of what is in doubt: 3% in the end */
	STEPS_QUICK = 3, /* 10% */
	RATE_MIN = 20000,
	REST_NS = 10000 /* until a reader that polls looks again */
};

/* Between the two, in shared memory. */
struct talk {
	_Atomic uint64_t lost, end; /* of the last try, as the reader saw it */
	_Atomic bool ready;         /* the reader is at it: waking up is no part of a try */
	_Atomic bool over;
};

/* Send `count` at this rate; when it began. */
static uint64_t send_paced(struct side *side, double rate, uint64_t count)
{
	uint64_t start = bench_now(), number = 0;

	while (number < count) {
		while ((double)(bench_now() - start) * rate < (double)number * 1e9)
			bench_pause();
		for (int i = 0; i < BURST; i++) {
			number++;
			side_send(side, number == count ? number | PAYLOAD_LAST : number);
		}
		peer_flush(&side->end);
	}
	return start;
}

/* Have the reader follow such a sending: how long it took until the last one was read. */
static double try_once(struct side *side, double rate, uint64_t count)
{
	uint64_t start;

	crew_meet(side->crew);
	while (!atomic_exchange(&side->talk->ready, false))
		bench_pause();
	start = send_paced(side, rate, count);
	crew_meet(side->crew);
	return (double)(side->talk->end - start);
}

static bool holds(struct side *side, double rate)
{
	uint64_t count = (uint64_t)(rate * TRY_NS / 1e9);
	double allowed, took;
	bool kept = false;

	count = (count < side->self->count ? side->self->count : count) / BURST * BURST;
	allowed = (double)count / rate * 1e9 * 1.05;
	for (int i = 0; i < (run_is_quick() ? TRIES_QUICK : TRIES) && !kept; i++) {
		took = try_once(side, rate, count);
		kept = side->talk->lost == 0 && took < allowed;
	}
	return kept;
}

/* Double until two rates in a row do not hold, then halve the range. */
static double search(struct side *side)
{
	double max = side->self->count < COUNT_MIN ? 2 * RATE_MIN : 1e9, low = 0, high;
	double rate = RATE_MIN;
	int failures = 0;

	while (rate < max && failures < 2) {
		failures = holds(side, rate) ? 0 : failures + 1;
		if (!failures)
			low = rate;
		rate *= 2;
	}
	high = 2 * low;
	for (int i = 0; i < (run_is_quick() ? STEPS_QUICK : STEPS) && low > 0 && high < max; i++) {
		double middle = sqrt(low * high);

		*(holds(side, middle) ? &low : &high) = middle;
	}
	return low;
}

static void lead(struct side *side)
{
	struct report *report = side->report;
	uint64_t count = side->self->count * FLOOD;

	report->value[0] = (uint64_t)search(side);
	try_once(side, INFINITY, count);
	report->value[1] = count;
	report->value[2] = side->talk->lost;
	side->talk->over = true;
	crew_meet(side->crew);
}

static void follow(struct side *side)
{
	uint64_t number, expected, lost;

	for (;;) {
		crew_meet(side->crew);
		if (side->talk->over)
			return;
		lost = 0;
		expected = 1;
		side->talk->ready = true;
		do {
			number = side_receive(side, side->self->variant ? 0 : REST_NS)->number;
			if ((number & ~PAYLOAD_LAST) < expected)
				bench_fail("%s: wrong order", side->rig->peer->name);
			peer_release(&side->end);
			lost += (number & ~PAYLOAD_LAST) - expected;
			expected = (number & ~PAYLOAD_LAST) + 1;
		} while (!(number & PAYLOAD_LAST));
		side->talk->lost = lost;
		side->talk->end = bench_now();
		crew_meet(side->crew);
	}
}

static void collect(const struct crew *crew, struct result *result)
{
	result->value[CPU] = NAN; /* it is that of the search */
	result->value[RATE] = (double)crew->report[0].value[0];
	result->value[SENT] = (double)crew->report[0].value[1];
	result->value[LOST] = (double)crew->report[0].value[2];
}

/* Apart from the peer's threads, the members cost ZeroMQ a third of its rate. */
static const struct team team = {.depth = DEPTH,
				 .talk_size = sizeof(struct talk),
				 .pinned = true,
				 .first = lead,
				 .others = follow,
				 .collect = collect};

static bool fits(const struct bench_case *bench)
{
	return bench->peer->queues;
}

static void plan_rate(struct plan *plan)
{
	struct bench_case bench = {.work = &work_rate,
				   .mode = MODE_POLL,
				   .size = 64,
				   .readers = 1,
				   .place = PLACE_APART,
				   .floor = "ring",
				   .floor_mode = MODE_POLL,
				   .count = plan->options->extent == EXTENT_SMOKE ? COUNT_SMOKE
										  : COUNT_MIN};

	plan_peers(plan, bench, fits);
	if (plan->options->extent == EXTENT_QUICK)
		return;
	bench.mode = MODE_BLOCK;
	plan_peers(plan, bench, fits);
	bench.mode = MODE_POLL;
	bench.variant = "no rest";
	plan_peers(plan, bench, fits);
}

const struct work work_rate = {
    .name = "rate",
    .what = "one-way, highest rate without loss at depth 1,024",
    .key = RATE,
    .higher = true,
    .plan = plan_rate,
    .team = &team,
};

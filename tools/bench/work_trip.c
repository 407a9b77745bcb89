/* SPDX-License-Identifier: MIT */
/*
 * Round trips: one process writes a message and sends it; the other reads it,
 * writes one of its own and sends that; the first reads it. Each message is
 * another one, and every byte that `touch` covers is checked.
 *
 * Half of the time goes to trips in batches, for the typical trip without the
 * cost of looking at the clock; half to trips timed one by one.
 */

#include "plan.h"

enum {
	TRIPS_MIN = 3,
	BATCH_NS = 20000
};

static void say(struct side *side, uint64_t number)
{
	side_send(side, number);
	peer_flush(&side->end);
}

/* Read the next message, which must bear this number unless that is 0. */
static uint64_t hear(struct side *side, uint64_t number)
{
	uint64_t got = side_receive(side, 0)->number;

	if (number && got != number)
		bench_fail("%s: another message than was sent", side->rig->peer->name);
	peer_release(&side->end);
	return got;
}

static void one(struct side *side)
{
	side->number++;
	say(side, side->number);
	hear(side, side->number);
}

/* How many trips take about BATCH_NS. Warms up, too. */
static unsigned size_of_batch(struct side *side)
{
	uint64_t start = bench_now(), took = 0;
	unsigned done = 0;

	while (done < TRIPS_MIN || took < run_ns() / 10) {
		one(side);
		done++;
		took = bench_now() - start;
	}
	return took / done < BATCH_NS ? BATCH_NS / (unsigned)(took / done + 1) : 1;
}

/* For half of the time: what each batch takes. */
static void time_batches(struct side *side, unsigned batch, struct hist *hist)
{
	uint64_t start = bench_now(), end = start + run_ns() / 2, now;

	do {
		for (unsigned i = 0; i < batch; i++)
			one(side);
		now = bench_now();
		hist_add(hist, now - start);
		start = now;
	} while (now < end || hist->count < TRIPS_MIN);
}

static void lead(struct side *side)
{
	unsigned batch = size_of_batch(side);

	time_batches(side, batch, &side->report->hist[1]);
	time_batches(side, 1, &side->report->hist[0]);
	say(side, ++side->number | PAYLOAD_LAST);
	hear(side, side->number | PAYLOAD_LAST);
	side->report->value[0] = 2 * side->number;
	side->report->value[1] = batch;
}

static void answer(struct side *side)
{
	uint64_t number;

	do {
		number = hear(side, 0);
		say(side, number);
	} while (!(number & PAYLOAD_LAST));
}

static void set_end(struct end *end, unsigned who)
{
	end->publishes = (int)who;
	end->subscribes = 1u << !who;
	end->reader = 0;
}

static void collect(const struct crew *crew, struct result *result)
{
	result->hist = crew->report[0].hist[0];
	result_percentiles(result);
	result->value[TYPICAL] = hist_part(&crew->report[0].hist[1], 0.5) /
				 (double)crew->report[0].value[1];
	result->value[CPU] /= (double)crew->report[0].value[0];
}

static const struct team team = {.channels = 2,
				 .depth = 1,
				 .set_end = set_end,
				 .first = lead,
				 .others = answer,
				 .collect = collect};

/* --- the cases ------------------------------------------------------------------------ */

/* One that copies touches all; of the floors, the ring does more than needed here. */
static bool fits(const struct bench_case *bench)
{
	if (bench->peer == &peer_floor_2 && bench->touch < LARGE)
		return false;
	return (bench->touch == bench->size || bench->peer->in_place) && bench->peer != &peer_ring;
}

static void add(struct plan *plan, size_t size, size_t touch, enum place place)
{
	struct bench_case bench = {.work = &work_trip,
				   .size = size,
				   .touch = touch,
				   .readers = 1,
				   .place = place,
				   .floor = touch < LARGE ? "floor" : "floor-2"};

	for (int mode = 0; mode < MODES; mode++) {
		bench.mode = (enum mode)mode;
		bench.floor_mode = mode == MODE_ADAPT ? MODE_BLOCK : bench.mode;
		if (plan->options->extent != EXTENT_SMOKE || mode != MODE_POLL)
			plan_peers(plan, bench, fits);
	}
}

static void plan_trips(struct plan *plan)
{
	static const size_t sizes[] = {64, 4096, 65536, 1 << 20, IMAGE};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		if (plan->options->extent == EXTENT_QUICK && i % 2)
			continue;
		add(plan, sizes[i], sizes[i], PLACE_APART);
		if (plan->options->extent == EXTENT_FULL && i % 4 == 0)
			add(plan, sizes[i], sizes[i], PLACE_FREE);
	}
	if (plan->options->extent != EXTENT_SMOKE)
		add(plan, IMAGE, 64, PLACE_APART);
}

const struct work work_trip = {
    .name = "trip",
    .what = "round trip between two processes",
    .key = TYPICAL,
    .plan = plan_trips,
    .team = &team,
};

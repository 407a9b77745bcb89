/* SPDX-License-Identifier: MIT */
/*
 * Round trips: one process writes a message and sends it; the other reads it,
 * writes one of its own and sends that; the first reads it. Each message is
 * another one, and every byte that `touch` covers is checked.
 *
 * Half of the time goes to trips in batches, for the typical trip without the
 * cost of looking at the clock; half to trips timed one by one.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "payload.h"
#include "plan.h"

enum {
	TRIPS_MIN = 3,
	BATCH_NS = 20000,
	LARGE = 65536, /* from here on the floor has two buffers */
	FINE = 16      /* batches are kept in 16ths of a nanosecond */
};

struct trip {
	const struct bench_case *self;
	const struct rig *rig;
	struct end end;
	uint64_t number;
};

static void say(struct trip *trip, uint64_t number)
{
	void *data = peer_buffer(&trip->end, trip->self->size);

	payload_write(data, trip->self->touch, number);
	peer_send(&trip->end);
}

/* Read the next message, which must bear this number unless that is 0. */
static uint64_t hear(struct trip *trip, uint64_t number)
{
	const struct peer *peer = trip->rig->peer;
	struct received message;
	uint64_t got;

	peer_receive(&trip->end, &message, trip->self->size, 0);
	got = ((const struct payload *)message.data)->number;
	if (!payload_read(message.data, trip->self->touch) || (number && got != number))
		bench_fail("%s: wrong contents in a message of %zu B", peer->name,
			   trip->self->size);
	peer_release(&trip->end);
	return got;
}

static void one(struct trip *trip)
{
	trip->number++;
	say(trip, trip->number);
	hear(trip, trip->number);
}

/* How many trips take about BATCH_NS. Warms up, too. */
static unsigned size_of_batch(struct trip *trip)
{
	uint64_t start = bench_now(), took = 0;
	unsigned done = 0;

	while (done < TRIPS_MIN || took < run_ns() / 10) {
		one(trip);
		done++;
		took = bench_now() - start;
	}
	return took / done < BATCH_NS ? BATCH_NS / (unsigned)(took / done + 1) : 1;
}

static void in_batches(struct trip *trip, unsigned batch, struct hist *hist)
{
	uint64_t start = bench_now(), end = start + run_ns() / 2, now;

	do {
		unsigned done = 0;

		do {
			one(trip);
			done++;
		} while (done < batch);
		now = bench_now();
		hist_add(hist, (now - start) * FINE / done);
		start = now;
	} while (now < end || hist->count < TRIPS_MIN);
}

static void each(struct trip *trip, struct hist *hist)
{
	uint64_t start = bench_now(), end = start + run_ns() / 2, now;

	do {
		one(trip);
		now = bench_now();
		hist_add(hist, now - start);
		start = now;
	} while (now < end || hist->count < TRIPS_MIN);
}

static void lead(struct trip *trip, struct report *report)
{
	unsigned batch = size_of_batch(trip);

	in_batches(trip, batch, &report->hist[1]);
	each(trip, &report->hist[0]);
	say(trip, ++trip->number | PAYLOAD_LAST);
	hear(trip, trip->number | PAYLOAD_LAST);
	report->value[0] = 2 * trip->number;
}

static void answer(struct trip *trip)
{
	uint64_t number;

	do {
		number = hear(trip, 0);
		say(trip, number);
	} while (!(number & PAYLOAD_LAST));
}

static void part(struct crew *crew, unsigned who, void *arg)
{
	struct trip trip = *(struct trip *)arg;
	struct report *report = &crew->report[who];

	trip.end = (struct end){.rig = trip.rig, .publishes = (int)who, .subscribes = 1u << !who};
	work_open(trip.self, crew, who, &trip.end);
	report->cpu = bench_cpu();
	if (who)
		answer(&trip);
	else
		lead(&trip, report);
	report->cpu = bench_cpu() - report->cpu;
	/* Nobody leaves while the other may still need what he holds. */
	crew_meet(crew);
	peer_close(&trip.end);
}

static int run(const struct bench_case *self, struct result *result)
{
	struct rig rig = {.peer = self->peer,
			  .size = self->size,
			  .channels = 2,
			  .readers = 1,
			  .depth = 1,
			  .mode = self->mode};
	struct trip trip = {.self = self, .rig = &rig};
	struct crew *crew = crew_new(2, self->threads);
	int error = work_rig(&rig, crew, part, &trip, result);

	if (!error) {
		result->hist = crew->report[0].hist[0];
		result_percentiles(result);
		result->value[TYPICAL] = hist_part(&crew->report[0].hist[1], 0.5) / FINE;
		result->value[CPU] /= (double)crew->report[0].value[0];
	} else {
		result->value[CPU] = NAN;
	}
	crew_free(crew);
	return error;
}

/* --- the cases ------------------------------------------------------------------------ */

/* One that copies touches all; of the floors, the ring does more than needed here. */
static bool fits(const struct peer *peer, const struct bench_case *bench)
{
	return (bench->touch == bench->size || peer->in_place) && peer != &peer_ring;
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
    .run = run,
};

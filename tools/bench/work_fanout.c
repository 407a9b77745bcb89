/* SPDX-License-Identifier: MIT */
/*
 * From one publisher to many readers that sleep. The time from just before the
 * sending to each reader's having read it all is in the percentiles, that to the
 * last reader's is the typical time. The next message leaves when all have read
 * the last one, and for the idle rate not before a second has gone by.
 */
#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plan.h"

enum {
	ROUNDS_MIN = 3,
	DEPTH = 8,
	IDLE_COUNT = 2,
	IDLE_RUNS = 5 /* idle before each message: five times an ordinary run, so 1 s */
};

/*
 * A second on average, but never one: a reader that looks again each second by itself
 * would have just been awake.
 */
static void stay_idle(uint64_t number)
{
	bench_sleep(run_ns() * IDLE_RUNS * (number % 2 ? 5 : 3) / 4);
}

struct talk {
	_Alignas(64) _Atomic uint64_t read;   /* messages, by all readers together */
	_Alignas(64) _Atomic uint32_t rounds; /* a futex: messages that all have read */
};

static void wait_for_all(struct talk *talk, uint32_t rounds)
{
	uint32_t seen;

	while ((seen = talk->rounds) != rounds)
		syscall(SYS_futex, &talk->rounds, FUTEX_WAIT, seen, NULL, NULL, 0);
}

static void publish_one(struct side *side, uint64_t number)
{
	struct payload *data = peer_buffer(&side->end, side->self->size);

	payload_write(data, side->self->size, number);
	data->time = bench_now();
	peer_send(&side->end);
	wait_for_all(side->talk, (uint32_t)(number & ~PAYLOAD_LAST));
}

/* `count` of a case is the number of messages of a run, 0: as many as it has time for. */
static void publish(struct side *side)
{
	uint64_t start = bench_now(), number = 0, count = side->self->count;

	while (count ? number < count : number < ROUNDS_MIN || bench_now() - start < run_ns()) {
		if (count)
			stay_idle(number);
		publish_one(side, ++number);
	}
	publish_one(side, ++number | PAYLOAD_LAST);
	side->report->value[0] = number;
}

static void read_all(struct side *side)
{
	struct report *report = side->report;
	const struct payload *message;
	uint64_t number, took;

	do {
		message = side_receive(side, 0);
		number = message->number;
		took = bench_now() - message->time;
		peer_release(&side->end);
		if (!(number & PAYLOAD_LAST))
			hist_add(&report->hist[0], took);
		if (++side->talk->read % side->rig->readers)
			continue;
		if (!(number & PAYLOAD_LAST))
			hist_add(&report->hist[1], took);
		side->talk->rounds++;
		syscall(SYS_futex, &side->talk->rounds, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	} while (!(number & PAYLOAD_LAST));
}

static void collect(const struct crew *crew, struct result *result)
{
	struct hist *last = bench_memory(sizeof(*last));

	for (unsigned i = 1; i < crew->members; i++) {
		hist_merge(&result->hist, &crew->report[i].hist[0]);
		hist_merge(last, &crew->report[i].hist[1]);
	}
	result_percentiles(result);
	result->value[TYPICAL] = hist_part(last, 0.5);
	result->value[CPU] /= (double)crew->report[0].value[0];
	free(last);
}

static const struct team team = {.depth = DEPTH,
				 .talk_size = sizeof(struct talk),
				 .first = publish,
				 .others = read_all,
				 .collect = collect};

static bool fits(const struct bench_case *bench)
{
	return bench->peer->readers_max >= bench->readers && !bench->peer->trips_only &&
	       (bench->peer != &peer_floor_2 || bench->size >= LARGE);
}

static void add(struct plan *plan, const struct work *work, unsigned readers, size_t size,
		enum place place, uint64_t count)
{
	struct bench_case bench = {.work = work,
				   .mode = MODE_BLOCK,
				   .size = size,
				   .readers = readers,
				   .place = place,
				   .count = count,
				   .floor = size < LARGE ? "floor" : "floor-2",
				   .floor_mode = MODE_BLOCK};

	plan_peers(plan, bench, fits);
}

static void plan_fanout(struct plan *plan)
{
	static const unsigned readers[] = {1, 8, 64, 200};
	int extent = plan->options->extent;

	for (size_t i = 0; i < sizeof(readers) / sizeof(*readers) && extent != EXTENT_SMOKE; i++) {
		if (extent == EXTENT_FULL || readers[i] == 8)
			add(plan, &work_fanout, readers[i], 64, PLACE_FREE, 0);
	}
	if (extent == EXTENT_SMOKE)
		add(plan, &work_fanout, 3, 64, PLACE_FREE, 0);
	if (extent == EXTENT_FULL)
		add(plan, &work_fanout, 8, IMAGE, PLACE_FREE, 0);
}

static void plan_idle(struct plan *plan)
{
	if (plan->options->extent != EXTENT_QUICK)
		add(plan, &work_idle, 1, 64, PLACE_APART, IDLE_COUNT);
}

const struct work work_fanout = {
    .name = "fanout",
    .what = "one publisher, sleeping readers; typical: until the last has it",
    .key = TYPICAL,
    .plan = plan_fanout,
    .team = &team,
};

const struct work work_idle = {
    .name = "idle",
    .what = "one message a second to a sleeping reader",
    .key = TYPICAL,
    .plan = plan_idle,
    .team = &team,
};

/* SPDX-License-Identifier: MIT */
/*
 * A machine with a camera: seven topics at their own rates, and six consumers that each
 * read some of them. All block, and run where the scheduler puts them. Latency is from just
 * before the commit (or XADD) until the consumer has the message, or a copy of its own,
 * which hiredis always makes. The latency of writing is the time that the bus needs before
 * and after the producer fills in the payload.
 *
 * The consumers read in order. The slow one works on each message for 10 ms and reads only
 * the newest. babus keeps its default of 8 messages; Redis keeps 1, since more would fill
 * its memory with images that no consumer wants. A slow consumer mostly waits for itself,
 * so the time since it asked for the message is a result, too.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "plan.h"

static const struct topic {
	const char *name;
	size_t size; /* 0: the case's */
	double hertz;
} topics[] = {
    {"write imu", 128, 1000}, {"write image", 0, 30},  {"write med1", 356, 40},
    {"write med2", 356, 41},  {"write med3", 356, 42}, {"write med4", 356, 43},
    {"write med5", 356, 44},
};

static const struct consumer {
	const char *name;
	uint32_t topics;
	bool slow;
} consumers[] = {
    {"{imu}", 1 << 0, false},
    {"{image}", 1 << 1, false},
    {"{image, med1}", 3 << 1, false},
    {"{image, med1..5}", 63 << 1, false},
    {"{all}", 127, false},
    {"{all}, slow", 127, true},
};

enum {
	TOPICS = sizeof(topics) / sizeof(*topics),
	CONSUMERS = sizeof(consumers) / sizeof(*consumers),
	MEMBERS = TOPICS + CONSUMERS,
	SLOW_NS = 10000000,
	WARM_UP_NS = 200000000,
	/* rows of results: the sum, a row for each member, the slow one's own view */
	ROW_ALL = 0,
	ROW_CONSUMERS = 1,
	ROW_ASKED = ROW_CONSUMERS + CONSUMERS,
	ROW_TOPICS,
	ROWS = ROW_TOPICS + TOPICS
};

enum {
	LATENCY, /* histograms of a report */
	SINCE_ASKED
};

enum {
	SENT_THEN, /* values of a report */
	LOST_THEN,
	SENT_EVER /* also before the window: what the processor time went to */
};

struct talk {
	uint64_t start, end; /* what is sent between these counts */
};

static size_t size_of(const struct bench_case *self, unsigned topic)
{
	return topics[topic].size ? topics[topic].size : self->size;
}

/* --- producers ------------------------------------------------------------------------ */

static void sleep_until(uint64_t when)
{
	struct timespec time = {.tv_sec = (time_t)(when / 1000000000u),
				.tv_nsec = (long)(when % 1000000000u)};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		;
}

static void produce_one(struct side *side, uint64_t number)
{
	struct report *report = side->report;
	size_t size = size_of(side->self, (unsigned)side->end.publishes);
	uint64_t start = bench_now(), sent, took;
	struct payload *data = peer_buffer(&side->end, size);

	took = bench_now() - start;
	payload_write(data, size, number);
	data->time = sent = bench_now();
	peer_send(&side->end);
	took += bench_now() - sent;
	if (sent < side->talk->start || sent >= side->talk->end)
		return;
	hist_add(&report->hist[LATENCY], took);
	report->value[SENT_THEN]++;
}

static void produce(struct side *side, unsigned topic)
{
	uint64_t period = (uint64_t)(1e9 / topics[topic].hertz), number = 0, now;
	uint64_t next = side->talk->start - WARM_UP_NS + period * topic / TOPICS;

	while (next < side->talk->end) {
		sleep_until(next);
		produce_one(side, ++number);
		next += period;
		now = bench_now();
		if (next < now)
			next = now; /* too slow for its rate: not in bursts */
	}
	sleep_until(side->talk->end);
	produce_one(side, ++number | PAYLOAD_LAST);
	side->report->value[SENT_EVER] = number;
}

/* --- consumers ------------------------------------------------------------------------ */

/* What a consumer has seen of each topic, within the window. */
struct seen {
	uint64_t first, last, count, newest;
};

static void check(const struct side *side, const struct received *message, const void *data,
		  struct seen *seen)
{
	uint64_t number = ((const struct payload *)data)->number & ~PAYLOAD_LAST;

	if (message->size != size_of(side->self, message->channel) ||
	    !payload_ends(data, message->size) || number <= seen->newest)
		bench_fail("%s: wrong size, contents or order", side->rig->peer->name);
	seen->newest = number;
}

static void count(const struct side *side, uint64_t sent, uint64_t asked, uint64_t now,
		  struct seen *seen)
{
	if (sent < side->talk->start || sent >= side->talk->end)
		return;
	if (!seen->count++)
		seen->first = seen->newest;
	seen->last = seen->newest;
	hist_add(&side->report->hist[LATENCY], now - sent);
	hist_add(&side->report->hist[SINCE_ASKED], now - (asked > sent ? asked : sent));
}

/* One message; whether it was its topic's last. */
static bool consume_one(struct side *side, bool slow, char *own, struct seen *seen)
{
	const struct peer *peer = side->rig->peer;
	struct received message;
	const struct payload *data;
	uint64_t asked = bench_now(), now;
	bool last;

	if (!peer->receive(&side->end, &message))
		bench_fail("%s: woken for nothing", peer->name);
	data = message.data;
	if (own)
		data = memcpy(own, message.data, message.size);
	now = bench_now();
	check(side, &message, data, &seen[message.channel]);
	count(side, data->time, asked, now, &seen[message.channel]);
	last = (data->number & PAYLOAD_LAST) != 0;
	if (slow && !last)
		bench_sleep(SLOW_NS);
	peer_release(&side->end);
	return last;
}

static void consume(struct side *side, const struct consumer *consumer)
{
	bool copies = side->rig->peer->in_place &&
		      strcmp(side->self->variant, "view and copy") == 0;
	char *own = copies ? bench_memory(side->rig->size) : NULL;
	struct seen seen[TOPICS] = {0};

	for (int left = __builtin_popcount(consumer->topics); left > 0;)
		left -= consume_one(side, consumer->slow, own, seen);
	for (unsigned i = 0; i < TOPICS; i++) {
		uint64_t sent = seen[i].count ? seen[i].last - seen[i].first + 1 : 0;

		side->report->value[SENT_THEN] += sent;
		side->report->value[LOST_THEN] += sent - seen[i].count;
	}
	free(own);
}

/* --- a run ---------------------------------------------------------------------------- */

static const struct consumer *consumer_of(unsigned who)
{
	return who < TOPICS ? NULL : &consumers[who - TOPICS];
}

static void set_end(struct end *end, unsigned who)
{
	const struct consumer *consumer = consumer_of(who);

	end->publishes = consumer ? -1 : (int)who;
	end->subscribes = consumer ? consumer->topics : 0;
	end->reader = consumer ? who - TOPICS : 0;
	end->latest = consumer && consumer->slow;
	end->size = !consumer && topics[who].size ? topics[who].size : end->rig->size;
}

static void part(struct side *side)
{
	const struct consumer *consumer = consumer_of(side->who);

	if (side->who == 0) {
		side->talk->start = bench_now() + WARM_UP_NS;
		side->talk->end = side->talk->start + side->self->count;
	}
	crew_meet(side->crew);
	if (consumer)
		consume(side, consumer);
	else
		produce(side, side->who);
}

static void fill(struct result *result, const struct hist *hist, const struct report *report)
{
	result->hist = *hist;
	result_percentiles(result);
	result->value[SENT] = (double)report->value[SENT_THEN];
}

static void collect(const struct crew *crew, struct result *results)
{
	const struct report *report = crew->report;
	struct result *all = &results[ROW_ALL];
	double ever = 0;

	all->value[SENT] = all->value[LOST] = 0;
	for (unsigned i = 0; i < TOPICS; i++) {
		fill(&results[ROW_TOPICS + i], &report[i].hist[LATENCY], &report[i]);
		all->value[SENT] += results[ROW_TOPICS + i].value[SENT];
		ever += (double)report[i].value[SENT_EVER];
	}
	all->value[CPU] /= ever;
	for (unsigned i = 0; i < CONSUMERS; i++) {
		const struct report *of = &report[TOPICS + i];
		struct result *row = &results[ROW_CONSUMERS + i];

		fill(row, &of->hist[LATENCY], of);
		row->value[LOST] = (double)of->value[LOST_THEN];
		if (!consumers[i].slow)
			all->value[LOST] += row->value[LOST];
		else
			fill(&results[ROW_ASKED], &of->hist[SINCE_ASKED], of);
	}
}

static int run(const struct bench_case *self, struct result *results)
{
	struct team team = {.members = MEMBERS,
			    .channels = TOPICS,
			    .depth = self->peer == &peer_babus ? 8 : 1,
			    .size = self->size > 356 ? self->size : 356,
			    .acknowledged = true,
			    .talk_size = sizeof(struct talk),
			    .set_end = set_end,
			    .first = part,
			    .others = part,
			    .collect = collect};

	return work_team(self, &team, results);
}

/* --- the cases ------------------------------------------------------------------------ */

static const char *name_of_row(unsigned row)
{
	if (row == ROW_ALL)
		return "all that keep up";
	if (row == ROW_ASKED)
		return "{all}, slow: since asked";
	return row < ROW_ASKED ? consumers[row - ROW_CONSUMERS].name
			       : topics[row - ROW_TOPICS].name;
}

static void add(struct plan *plan, size_t size, bool threads, const char *variant, uint64_t ns)
{
	for (size_t i = 0; i < peer_count; i++) {
		struct bench_case bench = {
		    .work = &work_image,
		    .name = peers[i]->name,
		    .what = peers[i]->what,
		    .peer = peers[i],
		    .mode = MODE_BLOCK,
		    .size = size,
		    .readers = CONSUMERS,
		    .place = PLACE_FREE,
		    .threads = threads,
		    .variant = variant,
		    .count = ns, /* how long a run is */
		    .parts = ROWS,
		    .floor = peers[i] == &peer_babus ? "redis-unix" : NULL,
		    .floor_mode = MODE_BLOCK,
		};

		for (bench.part = 0; peers[i]->many && bench.part < ROWS; bench.part++) {
			bench.row = name_of_row(bench.part);
			plan_add(plan, &bench);
		}
	}
}

static void plan_image(struct plan *plan)
{
	static const struct {
		size_t size;
		bool threads;
		const char *variant;
		bool quick, smoke;
	} which[] = {
	    {IMAGE, false, "view", true, true},
	    {IMAGE, false, "view and copy", false, false},
	    {IMAGE, true, "view", false, false},
	    {IMAGE, true, "view and copy", false, false},
	    {SMALL_IMAGE, false, "view", true, false},
	    {SMALL_IMAGE, false, "view and copy", false, false},
	    {SMALL_IMAGE, true, "view", false, false},
	    {SMALL_IMAGE, true, "view and copy", false, true},
	};
	int extent = plan->options->extent;
	uint64_t ns = extent == EXTENT_SMOKE   ? UINT64_C(100000000)
		      : extent == EXTENT_QUICK ? UINT64_C(500000000)
					       : UINT64_C(3000000000);

	for (size_t i = 0; i < sizeof(which) / sizeof(*which); i++) {
		if (extent == EXTENT_FULL || (extent == EXTENT_QUICK && which[i].quick) ||
		    (extent == EXTENT_SMOKE && which[i].smoke))
			add(plan, which[i].size, which[i].threads, which[i].variant, ns);
	}
}

const struct work work_image = {
    .name = "image",
    .what = "sensors and a camera, six consumers",
    .key = MEAN,
    .plan = plan_image,
    .run = run,
};

/* SPDX-License-Identifier: MIT */
/* What babus wants to be, as ratios within one run, and whether it is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "past.h"

static const char *const rivals[] = {"iceoryx",    "pipe",     "unix",       "mq",
				     "zeromq",     "nng",      "cyclonedds", "cyclonedds-shm",
				     "redis-unix", "redis-tcp"};

enum verdict {
	MET,
	MISSED,
	NOISY,
	UNKNOWN,
	VERDICTS
};

static unsigned verdicts[VERDICTS];

static bool holds(double value, double bound, bool higher)
{
	return higher ? value >= bound : value <= bound;
}

/* Where the repeats differ much, and about this very bound, there is no telling. */
static enum verdict verdict_of(const struct summary *value, double bound, bool higher)
{
	if (isnan(value->median))
		return UNKNOWN;
	if (holds(value->low, bound, higher) != holds(value->high, bound, higher) &&
	    !summary_is_steady(value))
		return NOISY;
	return holds(value->median, bound, higher) ? MET : MISSED;
}

/* `value` must be at most `bound`, or at least, with `higher`. */
static void tell(struct summary value, double bound, bool higher, const char *what)
{
	static const char *const names[] = {"met", "MISSED", "noisy", "unknown"};
	enum verdict verdict = verdict_of(&value, bound, higher);

	verdicts[verdict]++;
	if (verdict == UNKNOWN) {
		printf("%-8s %8s %s %-6.3g %s\n", names[verdict], "-", higher ? ">=" : "<=", bound,
		       what);
		return;
	}
	printf("%-8s %8.3g %s %-6.3g %s", names[verdict], value.median, higher ? ">=" : "<=", bound,
	       what);
	if (verdict == MISSED && bound > 0)
		printf(": by %.0f%%", fabs(value.median / bound - 1) * 100);
	if (verdict == NOISY)
		printf(": from %.3g to %.3g", value.low, value.high);
	putchar('\n');
}

static struct summary ratio(const struct value *run, const struct pick *of, const struct pick *to,
			    const char *metric)
{
	return past_ratios(past_find(run, of), past_find(run, to), metric);
}

/* To the best rival in any of the modes: the largest ratio, or the smallest for rates. */
static struct summary to_best(const struct value *run, const struct pick *of,
			      const char *const *modes, const char *metric, bool higher)
{
	struct summary worst = {NAN, NAN, NAN}, found;

	for (size_t i = 0; i < sizeof(rivals) / sizeof(*rivals); i++) {
		for (const char *const *mode = modes; *mode; mode++) {
			struct pick rival = *of;

			rival.name = rivals[i];
			rival.mode = *mode;
			found = ratio(run, of, &rival, metric);
			if (isnan(worst.median) ||
			    (higher ? found.median < worst.median : found.median > worst.median))
				worst = found;
		}
	}
	return worst;
}

static void judge_trips(const struct value *run)
{
	static const char *const block[] = {"block", NULL}, *const poll[] = {"poll", NULL};
	struct pick babus = {.work = "trip",
			     .name = "babus",
			     .mode = "block",
			     .place = "apart",
			     .size = 64,
			     .touch = 64};
	struct pick floor = babus, whole = babus, part;

	floor.name = "floor";
	tell(ratio(run, &babus, &floor, "typical"), 1.15, false,
	     "64 B round trip, sleeping, to the floor");
	tell(to_best(run, &babus, block, "typical", false), 1.15, false,
	     "the same, to the best peer");
	babus.mode = "adapt";
	tell(to_best(run, &babus, block, "typical", false), 1, false,
	     "64 B round trip, spin and then sleep, to the best peer");
	tell(ratio(run, &babus, &floor, "typical"), 0.1, false, "the same, to the sleeping floor");
	babus.mode = floor.mode = "poll";
	tell(ratio(run, &babus, &floor, "typical"), 3, false,
	     "64 B round trip, polling, to the floor");
	tell(to_best(run, &babus, poll, "typical", false), 1, false, "the same, to the best peer");
	for (const char *const *mode = (const char *const[]){"block", "poll", NULL}; *mode;
	     mode++) {
		babus.mode = floor.mode = whole.mode = *mode;
		babus.size = floor.size = babus.touch = floor.touch = IMAGE;
		tell(ratio(run, &babus, &floor, "typical"), 1.1, false,
		     **mode == 'b' ? "6,220,800 B round trip, sleeping, to the floor"
				   : "6,220,800 B round trip, polling, to the floor");
		part = babus;
		part.touch = 64;
		tell(ratio(run, &part, &whole, "typical"), 1.2, false,
		     "without touching it, to that of 64 B");
	}
}

static void judge_rate(const struct value *run)
{
	static const char *const modes[] = {"poll", "block", NULL};
	struct pick babus = {.work = "rate", .name = "babus", .mode = "poll"}, ring = babus;
	double most;

	ring.name = "ring";
	most = past_median(past_find(run, &ring), "rate");
	/* 5 million where the machine's own ring does 20 million, else as a part of it. */
	if (most >= 20e6)
		tell(past_summary(past_find(run, &babus), "rate"), 5e6, true,
		     "one-way rate, messages a second");
	else
		tell(ratio(run, &babus, &ring, "rate"), 0.25, true,
		     "one-way rate, to that of the machine's own ring, below 20 million");
	tell(to_best(run, &babus, modes, "rate", true), 1.5, true, "the same, to the best peer");
}

static void judge_calls(const struct value *run)
{
	struct pick alone = {.work = "crowd", .name = "alone"};
	struct pick attached = {.work = "crowd", .name = "attached-200"};
	struct pick attached_one = {.work = "crowd", .name = "attached-1"};
	struct pick blocked = {.work = "crowd", .name = "blocked-200"};
	struct pick recover = {.work = "call", .name = "recover"};
	struct pick first = {.work = "call", .name = "first"};
	struct pick reserved = {.work = "call", .name = "first-reserved"};
	struct pick populate = {.work = "call", .name = "populate"};

	tell(ratio(run, &attached, &alone, "typical"), 1.2, false,
	     "publish with 200 idle readers, to none");
	tell(ratio(run, &attached, &attached_one, "typical"), 1.2, false, "the same, to one");
	tell(ratio(run, &blocked, &alone, "typical"), 1.2, false,
	     "publish with 200 readers asleep on another channel, to none");
	tell(past_summary(past_find(run, &recover), "max"), 10e6, false,
	     "ns from a SIGKILL to the next message, the longest");
	tell(ratio(run, &first, &populate, "typical"), 1.1, false,
	     "first message of 6,220,800 B, to the kernel's populating its pages");
	tell(ratio(run, &reserved, &populate, "typical"), 1, false,
	     "the same, paid for before by reserving");
}

static void judge_waiters(const struct value *run)
{
	struct pick few = {.work = "waiter", .name = "readers-16", .row = "publish to news"};
	struct pick many = few;

	many.name = "readers-16000";
	tell(ratio(run, &many, &few, "typical"), 3, false,
	     "from a publish to the news of it, 16,000 readers in a waiter, to 16");
	tell(ratio(run, &many, &few, "cpu"), 3, false,
	     "the waiter's processor time for it, to the same");
	many.row = few.row = "publish, nobody waits";
	tell(ratio(run, &many, &few, "typical"), 1.1, false,
	     "publish on one of 16,000 slots with a waiter that does not wait, to 16");
}

enum {
	ROW_SLOW = 5 /* of those below */
};

static void judge_image(const struct value *run, double size, int threads, const char *variant,
			double bound)
{
	static const char *const rows[] = {
	    "{imu}", "{image}",     "{image, med1}",           "{image, med1..5}",
	    "{all}", "{all}, slow", "{all}, slow: since asked"};
	static const char *const metrics[] = {"mean", "p99"};
	struct pick babus = {
	    .work = "image", .name = "babus", .size = size, .threads = threads, .variant = variant};
	char what[160];

	if (!past_find(run, &babus)) {
		snprintf(what, sizeof(what), "latency with an image of %.0f B, %s, %s, to Redis",
			 size, threads > 0 ? "threads" : "processes", variant);
		tell((struct summary){NAN, NAN, NAN}, bound, false, what);
		return;
	}
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(*rows); i++) {
		struct pick redis;

		babus.row = rows[i / 2];
		redis = babus;
		redis.name = "redis-unix";
		snprintf(what, sizeof(what), "%s %s, image of %.0f B, %s, %s, to Redis%s",
			 rows[i / 2], metrics[i % 2], size, threads > 0 ? "threads" : "processes",
			 variant, i / 2 == ROW_SLOW ? ", its own delay included" : "");
		tell(ratio(run, &babus, &redis, metrics[i % 2]), bound, false, what);
	}
	babus.row = "all that keep up";
	tell(past_summary(past_find(run, &babus), "lost"), 0, false,
	     "messages that those missed who keep up");
}

static void judge_images(const struct value *run)
{
	static const char *const variants[] = {"view", "view and copy"};
	struct pick large = {
	    .work = "image", .name = "babus", .size = IMAGE, .variant = "view", .row = "{image}"};
	struct pick small = large;

	for (int i = 0; i < 4; i++) {
		judge_image(run, IMAGE, i & 2 ? 1 : -1, variants[i & 1], 0.1);
		judge_image(run, SMALL_IMAGE, i & 2 ? 1 : -1, variants[i & 1], 1);
	}
	small.size = SMALL_IMAGE;
	for (int threads = -1; threads <= 1; threads += 2) {
		large.threads = small.threads = threads;
		tell(ratio(run, &large, &small, "mean"), 2, false,
		     threads > 0 ? "{image} mean, large to small, threads"
				 : "{image} mean, large to small, processes");
	}
}

static void judge_files(const struct value *run)
{
	static const struct {
		const char *variant, *what;
		double size, bound;
	} goals[] = {
	    {"open, read, close", "64 B open, read and close of latest, to the FUSE floor", 64,
	     1.3},
	    {"open, read, close", "6,220,800 B of latest, to the FUSE floor", IMAGE, 1.15},
	    {"publish to a blocked reader", "64 B through latest to a reader of wait, to two trips",
	     64, 1.5},
	};

	for (size_t i = 0; i < sizeof(goals) / sizeof(*goals); i++) {
		struct pick babus = {.work = "file",
				     .name = "babusfs",
				     .variant = goals[i].variant,
				     .size = goals[i].size};
		struct pick floor = babus;

		floor.name = "fuse";
		tell(ratio(run, &babus, &floor, "typical"), goals[i].bound, false, goals[i].what);
	}
}

int goals_main(const char *json)
{
	const struct value *run = value_read(json), *noisy = value_at(run, "noisy");

	if (!value_at(run, "cases")->count)
		bench_fail("%s: no results", json);
	judge_trips(run);
	judge_rate(run);
	judge_calls(run);
	judge_waiters(run);
	judge_images(run);
	judge_files(run);
	printf("%u met, %u missed, %u too noisy to tell, %u not measured\n", verdicts[MET],
	       verdicts[MISSED], verdicts[NOISY], verdicts[UNKNOWN]);
	for (size_t i = 0; i < noisy->count; i++)
		printf("noisy, no conclusions: %s\n", noisy->items[i].text);
	return verdicts[MISSED] || verdicts[NOISY] || noisy->count ? 1 : 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * One waiter with many readers, each of a slot of its own, spread over the channels:
 * from a publish on one slot to the return of the wait that reports it, a look that
 * finds nothing, and a publish while no process waits. The question is whether these
 * depend on the number of readers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "domain.h"
#include "plan.h"

enum {
	PUBLISHER,
	WAITER,
	MEMBERS
};

enum {
	ROW_NEWS, /* also histograms of the waiter's report */
	ROW_LOOK,
	ROW_PUBLISH,
	ROWS
};

enum {
	NEWS_CPU = 0,  /* value of the waiter's report */
	PUBLISH_PS = 0 /* of the publisher's */
};

enum {
	SAMPLE = 16, /* slots that are published on, in turn */
	READERS_MAX = 16000,
	SLOT_BYTES = 16384, /* of tmpfs, for such a slot */
	SLOT_MAPPINGS = 3,  /* for a reader of it */
	OTHER_MAPPINGS = 1000,
	SETTLE_NS = 1000000, /* from what the waiter has read until it sleeps again */
	LOOKS = 200,
};

static const char *const names_of_rows[ROWS] = {"publish to news", "a look, no news",
						"publish, no wait"};

struct talk {
	_Atomic uint64_t seen; /* messages that the waiter has read */
};

static char data[64];

/* --- slots ----------------------------------------------------------------------------- */

/* Until the next call. */
static const char *slot_name(unsigned number)
{
	static char name[32];

	snprintf(name, sizeof(name), "waiter.%u", number);
	return name;
}

static unsigned long mappings_max(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	unsigned long max = 0;

	if (file && fscanf(file, "%lu", &max) != 1)
		max = 0;
	if (file)
		fclose(file);
	return max;
}

/* Whether this machine has room for so many. 0, or -ENOTSUP and why. */
static int check_room(unsigned count, struct result *result)
{
	unsigned long long bytes = (unsigned long long)count * SLOT_BYTES;
	unsigned long mappings = count * SLOT_MAPPINGS + OTHER_MAPPINGS;
	struct statvfs fs;

	if (statvfs(bench_dir(), &fs) == 0 && bytes > fs.f_bavail * fs.f_frsize)
		snprintf(result->why, sizeof(result->why), "needs %llu MB of shared memory",
			 bytes / 1000000);
	else if (mappings > mappings_max())
		snprintf(result->why, sizeof(result->why), "needs a vm.max_map_count of %lu",
			 mappings);
	return result->why[0] ? -ENOTSUP : 0;
}

static void make_slots(unsigned count)
{
	struct babus_slot_options opts;

	babus_slot_options_init(&opts);
	opts.depth = 1;
	opts.loans = 2;
	opts.pins = 2;
	opts.max_size = sizeof(data);
	for (unsigned i = 0; i < count && !bench_interrupted(); i++)
		babus_slot_close(domain_new_slot(slot_name(i), &opts));
}

static void remove_slots(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		babus_domain_remove_slot(domain_get(), slot_name(i));
}

/* --- the publisher ------------------------------------------------------------------------ */

/* One of each 1/SAMPLE of all, at a random place, so that all channels come into question. */
static void open_sample(unsigned count, babus_slot *sample[SAMPLE])
{
	unsigned part = count / SAMPLE, seed = count;

	for (unsigned i = 0; i < SAMPLE; i++)
		sample[i] = domain_open_slot(slot_name(i * part + (unsigned)rand_r(&seed) % part),
					     BABUS_PUBLISH);
}

/* Each while the waiter most likely sleeps. */
static void publish_news(struct side *side, babus_slot *const sample[SAMPLE])
{
	for (uint64_t i = 0; i < side->self->count; i++) {
		while (side->talk->seen < i)
			bench_sleep(SETTLE_NS / 10);
		bench_sleep(SETTLE_NS);
		domain_publish(sample[i % SAMPLE], data, sizeof(data));
	}
}

static void be_publisher(struct side *side)
{
	babus_slot *sample[SAMPLE];
	double ns;

	open_sample(side->self->readers, sample);
	crew_meet(side->crew);
	publish_news(side, sample);
	crew_meet(side->crew);
	ns = domain_time_publish(sample, SAMPLE, (unsigned)side->self->count);
	side->report->value[PUBLISH_PS] = (uint64_t)(ns * 1000);
}

/* --- the waiter --------------------------------------------------------------------------- */

static babus_waiter *open_waiter(unsigned count)
{
	babus_reader *reader;
	babus_waiter *waiter;

	bench_check(babus_waiter_open(domain_get(), NULL, &waiter), "waiter");
	for (unsigned i = 0; i < count; i++) {
		bench_check(babus_reader_open(domain_open_slot(slot_name(i), BABUS_READ),
					      BABUS_START_NEXT, 0, &reader),
			    "reader");
		bench_check(babus_waiter_add(waiter, reader, NULL), "add");
	}
	return waiter;
}

/* From the time in the message, which its publisher took, to the return of the wait. */
static void wait_for_news(struct side *side, babus_waiter *waiter)
{
	struct babus_message message;
	struct babus_event event;
	uint64_t now;
	int count;

	count = babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1);
	now = babus_now();
	bench_check(count < 0 ? count : event.status, "wait");
	bench_check(babus_reader_next(event.reader, &message), "next");
	hist_add(&side->report->hist[ROW_NEWS], now - message.time_ns);
	babus_message_release(&message);
	side->talk->seen++;
}

static void look(struct side *side, babus_waiter *waiter)
{
	struct babus_event event;
	uint64_t start = bench_now();

	if (babus_waiter_wait(waiter, BABUS_NOW, &event, 1) != -ETIMEDOUT)
		bench_fail("a look: there is news");
	hist_add(&side->report->hist[ROW_LOOK], bench_now() - start);
}

static void be_waiter(struct side *side)
{
	babus_waiter *waiter = open_waiter(side->self->readers);
	uint64_t before;

	crew_meet(side->crew);
	before = bench_cpu();
	for (uint64_t i = 0; i < side->self->count; i++)
		wait_for_news(side, waiter);
	side->report->value[NEWS_CPU] = bench_cpu() - before;
	for (unsigned i = 0; i < LOOKS; i++)
		look(side, waiter);
	crew_meet(side->crew);
}

/* --- cases ---------------------------------------------------------------------------- */

static void collect(const struct crew *crew, struct result *results)
{
	const struct report *waiter = &crew->report[WAITER];

	for (unsigned i = ROW_NEWS; i <= ROW_LOOK; i++) {
		results[i].hist = waiter->hist[i];
		result_percentiles(&results[i]);
		results[i].value[TYPICAL] = results[i].value[P50];
	}
	results[ROW_NEWS].value[CPU] = (double)waiter->value[NEWS_CPU] /
				       (double)results[ROW_NEWS].hist.count;
	results[ROW_PUBLISH].value[TYPICAL] = (double)crew->report[PUBLISHER].value[PUBLISH_PS] /
					      1000;
}

static const struct team team = {.members = MEMBERS,
				 .talk_size = sizeof(struct talk),
				 .pinned = true,
				 .first = be_publisher,
				 .others = be_waiter,
				 .collect = collect};

static int run(const struct bench_case *self, struct result *results)
{
	int error = check_room(self->readers, results);

	if (error)
		return error;
	make_slots(self->readers);
	error = work_team(self, &team, results);
	remove_slots(self->readers);
	return error;
}

static const struct size {
	const char *name;
	unsigned readers;
} sizes[] = {{"readers-16", 16}, {"readers-1000", 1000}, {"readers-16000", READERS_MAX}};

static void plan_size(struct plan *plan, const struct size *size)
{
	static const char *const what[ROWS] = {"one waiter, from a publish to the news of it",
					       "one waiter looks, no news",
					       "publish where one waiter does not wait"};
	static const uint64_t counts[] = {3, 100, 400}; /* by extent */
	struct bench_case bench = {.work = &work_waiter,
				   .name = size->name,
				   .size = sizeof(data),
				   .readers = size->readers,
				   .floor = size == sizes ? NULL : sizes->name,
				   .count = counts[plan->options->extent],
				   .parts = ROWS};

	for (; bench.part < ROWS; bench.part++) {
		bench.row = names_of_rows[bench.part];
		bench.what = what[bench.part];
		plan_add(plan, &bench);
	}
}

static void plan_waiters(struct plan *plan)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
		if (plan->options->extent != EXTENT_SMOKE || sizes[i].readers < READERS_MAX)
			plan_size(plan, &sizes[i]);
}

const struct work work_waiter = {
    .name = "waiter",
    .what = "one waiter with many readers, of a slot each",
    .key = TYPICAL,
    .plan = plan_waiters,
    .run = run,
};

/* SPDX-License-Identifier: MIT */
/*
 * What publishing costs while many other processes have nothing to do: attached, with a
 * message pinned, or asleep on another channel. The result is the median of many short
 * stretches, so that what others do on the machine meanwhile counts little.
 *
 * Then the same for each peer, with readers that are attached and busy elsewhere. The
 * queues of most peers fill up, or drop, if no one reads; so the readers read all after
 * each burst, and their reading is not timed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "domain.h"
#include "plan.h"

enum {
	CROWD = 200,
	STRETCHES = 250,
	SETTLE_NS = 100000000 /* until readers that go to sleep are asleep */
};

static char data[64];

/* --- the crowd ------------------------------------------------------------------------ */

/* Report that the process is there. */
static int say(int ready)
{
	return write(ready, "", 1) == 1 ? 0 : -errno;
}

static int be_attached(babus_slot *slot, int ready)
{
	struct babus_message message;
	babus_reader *reader;
	int error = babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader);

	if (!error)
		error = babus_reader_next(reader, &message);
	if (!error)
		babus_message_release(&message);
	return error ? error : say(ready);
}

static int hold_newest(babus_slot *slot, int ready)
{
	struct babus_message message;
	int error = babus_slot_view(slot, BABUS_LATEST, 0, &message);

	return error ? error : say(ready);
}

static int be_blocked(babus_slot *slot, int ready)
{
	babus_reader *reader;
	int error = babus_reader_open(slot, BABUS_START_NEXT, 0, &reader);

	if (!error)
		error = say(ready);
	return error ? error : babus_reader_wait(reader, BABUS_FOREVER);
}

/* A process of the crowd: do this with the slot, then nothing. */
static void live(int (*act)(babus_slot *slot, int ready), const char *name, int ready)
{
	bench_check(act(domain_open_slot(name, BABUS_READ), ready), name);
	for (;;)
		pause();
}

/* Start the crowd. Each process sees a message of its own. */
static void gather(pid_t *crowd, unsigned count, int (*act)(babus_slot *slot, int ready),
		   babus_slot *slot)
{
	int ready[2];
	char byte;

	bench_check(pipe(ready) ? -errno : 0, "pipe");
	for (unsigned i = 0; i < count; i++) {
		domain_publish(slot, data, sizeof(data));
		crowd[i] = crew_fork();
		bench_check(crowd[i] < 0 ? -errno : 0, "fork");
		if (!crowd[i]) {
			close(ready[0]);
			live(act, babus_slot_name(slot), ready[1]);
		}
		if (read(ready[0], &byte, 1) != 1)
			bench_fail("%s: a process of the crowd failed", babus_slot_name(slot));
	}
	close(ready[0]);
	close(ready[1]);
}

static void disperse(const pid_t *crowd, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		kill(crowd[i], SIGKILL);
	for (unsigned i = 0; i < count; i++)
		waitpid(crowd[i], NULL, 0);
}

/* --- publishing ----------------------------------------------------------------------- */

static babus_slot *new_slot(int channel)
{
	struct babus_slot_options opts;

	babus_slot_options_init(&opts);
	opts.max_size = sizeof(data);
	opts.channel = channel;
	return domain_temporary(&opts);
}

static const struct kind {
	const char *name, *what;
	unsigned readers;
	int (*act)(babus_slot *slot, int ready);
	bool elsewhere; /* the crowd is at another slot, of another channel */
} kinds[] = {
    {"alone", "publish, no reader", 0, be_attached, false},
    {"attached-1", "publish, 1 reader is attached and idle", 1, be_attached, false},
    {"attached-200", "publish, 200 readers are attached and idle", CROWD, be_attached, false},
    {"holding-200", "publish, 200 readers each hold a message of their own", CROWD, hold_newest,
     false},
    {"blocked-200", "publish, 200 readers sleep on another channel", CROWD, be_blocked, true},
};

static void measure(const struct bench_case *self, struct result *result)
{
	const struct kind *kind = self->detail;
	babus_slot *slot = new_slot(1), *other = kind->elsewhere ? new_slot(2) : NULL;
	pid_t *crowd = bench_memory((self->readers + 1) * sizeof(*crowd));

	gather(crowd, self->readers, kind->act, other ? other : slot);
	bench_sleep(SETTLE_NS);
	result->value[TYPICAL] = domain_time_publish(&slot, 1, (unsigned)self->count);
	disperse(crowd, self->readers);
	free(crowd);
	if (other)
		domain_drop(other);
	domain_drop(slot);
}

static void plan_alone(struct plan *plan)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		bool smoke = plan->options->extent == EXTENT_SMOKE;
		struct bench_case bench = {.work = &work_crowd,
					   .name = kinds[i].name,
					   .what = kinds[i].what,
					   .size = sizeof(data),
					   .readers = kinds[i].readers,
					   .floor = i ? kinds->name : NULL,
					   .count = smoke ? 3 : STRETCHES,
					   .call = measure,
					   .detail = &kinds[i]};

		plan_add(plan, &bench);
	}
}

/* --- each peer ------------------------------------------------------------------------ */

enum {
	BURST = 8, /* any user may have 10 messages in a queue of POSIX */
	DEPTH = 2 * BURST,
	IDLE_NS = 2000000,      /* until threads of the peer have done their part, and readers */
	IDLE_NS_READER = 50000, /* have gone back to sleep */
	AWAKE_NS = 100000       /* then the processor is woken */
};

static uint64_t cpu(const struct side *side)
{
	return bench_cpu() + daemon_cpu(side->rig->daemon);
}

/* The first message brings back what a pause takes out of the caches, and is not timed. */
static void send_burst(struct side *side)
{
	uint64_t start, before;

	bench_sleep(IDLE_NS + side->rig->readers * IDLE_NS_READER);
	for (start = bench_now(); bench_now() - start < AWAKE_NS;)
		bench_pause();
	before = cpu(side);
	side_send(side, ++side->number);
	start = bench_now();
	for (int i = 1; i < BURST; i++)
		side_send(side, ++side->number);
	peer_flush(&side->end);
	hist_add(&side->report->hist[0], bench_now() - start);
	bench_sleep(IDLE_NS);
	side->report->value[0] += cpu(side) - before;
}

static void read_burst(struct side *side, uint64_t last)
{
	uint64_t number;

	do { /* the floor has only the last one */
		number = side_receive(side, 0)->number;
		if (number > last)
			bench_fail("%s: wrong order", side->rig->peer->name);
		peer_release(&side->end);
	} while (number < last);
}

static void publish_bursts(struct side *side)
{
	while (side->number < side->self->count * BURST) {
		send_burst(side);
		crew_meet(side->crew); /* readers sleep here during the burst */
		crew_meet(side->crew);
	}
	side->report->value[0] /= side->number;
}

static void read_bursts(struct side *side)
{
	for (uint64_t i = 1; i <= side->self->count; i++) {
		crew_meet(side->crew);
		read_burst(side, i * BURST);
		crew_meet(side->crew);
	}
}

static void collect(const struct crew *crew, struct result *result)
{
	result->value[TYPICAL] = hist_part(&crew->report[0].hist[0], 0.5) / (BURST - 1);
	result->value[CPU] = (double)crew->report[0].value[0];
}

static int run_peer(const struct bench_case *self, struct result *result)
{
	static const struct team team = {
	    .depth = DEPTH, .first = publish_bursts, .others = read_bursts, .collect = collect};

	if (!self->readers && self->peer->alone)
		snprintf(result->why, WHY_MAX, "%s", self->peer->alone);
	else if (self->readers > self->peer->readers_max)
		snprintf(result->why, WHY_MAX, "%u readers, here it is run with at most %u",
			 self->readers, self->peer->readers_max);
	if (result->why[0])
		return -ENOTSUP;
	return work_team(self, &team, result);
}

static bool is_floor(const struct bench_case *bench)
{
	return bench->peer == &peer_floor;
}

static bool is_other(const struct bench_case *bench)
{
	return bench->peer->group != GROUP_FLOOR && !bench->peer->trips_only;
}

static void plan_crowds(struct plan *plan)
{
	static const unsigned readers[] = {0, 1, 10, CROWD};
	static const uint64_t counts[] = {3, 20, 50}; /* by extent */
	struct bench_case bench = {.work = &work_crowd,
				   .size = sizeof(data),
				   .place = PLACE_APART,
				   .variant = "each peer",
				   .count = counts[plan->options->extent],
				   .floor = "floor",
				   .floor_mode = MODE_POLL};

	plan_alone(plan);
	for (int i = 0; i < (plan->options->extent == EXTENT_FULL ? 4 : 3); i++) {
		bench.readers = readers[i];
		bench.mode = MODE_POLL; /* no one is woken */
		plan_peers(plan, bench, is_floor);
		bench.mode = MODE_BLOCK;
		plan_peers(plan, bench, is_other);
	}
}

static int run(const struct bench_case *self, struct result *result)
{
	return self->peer ? run_peer(self, result) : work_team(self, &team_alone, result);
}

const struct work work_crowd = {
    .name = "crowd",
    .what = "publishing where many processes have nothing to do",
    .key = TYPICAL,
    .plan = plan_crowds,
    .run = run,
};

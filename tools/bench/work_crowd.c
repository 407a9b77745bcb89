/* SPDX-License-Identifier: MIT */
/*
 * What publishing costs where many other processes are, and none of them has
 * anything to do: attached, with a message pinned, or asleep on another channel.
 * What is told is the median of many short stretches, so that what others do on
 * the machine meanwhile counts little.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "domain.h"
#include "plan.h"

enum {
	CROWD = 200,
	STRETCH = 4096, /* messages that are timed together; also the warm-up */
	STRETCHES_MAX = 1000,
	SETTLE_NS = 100000000 /* until those who go to sleep do */
};

static char data[64];

static void publish(babus_slot *slot, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		bench_check(babus_slot_publish(slot, data, sizeof(data), NULL, NULL), "publish");
}

/* --- the crowd ------------------------------------------------------------------------ */

/* That one is there. */
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

/* One process of it: do this with the slot, and no more. */
static void live(int (*act)(babus_slot *slot, int ready), const char *name, int ready)
{
	babus_slot *slot;

	bench_check(babus_slot_open(domain_get(), name, BABUS_READ, NULL, &slot), name);
	bench_check(act(slot, ready), name);
	for (;;)
		pause();
}

/* Each sees a message of its own. */
static void gather(pid_t *crowd, unsigned count, int (*act)(babus_slot *slot, int ready),
		   babus_slot *slot)
{
	int ready[2];
	char byte;

	bench_check(pipe(ready) ? -errno : 0, "pipe");
	for (unsigned i = 0; i < count; i++) {
		publish(slot, 1);
		crowd[i] = crew_fork();
		bench_check(crowd[i] < 0 ? -errno : 0, "fork");
		if (!crowd[i]) {
			close(ready[0]);
			live(act, babus_slot_name(slot), ready[1]);
		}
		if (read(ready[0], &byte, 1) != 1)
			bench_fail("%s: nobody there", babus_slot_name(slot));
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

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double time_of_one(babus_slot *slot, uint64_t stretches)
{
	uint64_t took[STRETCHES_MAX] = {0}, middle;

	publish(slot, STRETCH);
	for (uint64_t i = 0; i < stretches; i++) {
		uint64_t start = bench_now();

		publish(slot, STRETCH);
		took[i] = bench_now() - start;
	}
	qsort(took, stretches, sizeof(*took), by_value);
	middle = took[stretches / 2];
	return (double)middle / STRETCH;
}

static babus_slot *new_slot(int channel)
{
	struct babus_slot_options opts;

	babus_slot_options_init(&opts);
	opts.max_size = sizeof(data);
	opts.channel = channel;
	return domain_temporary(&opts);
}

/* Publish on one slot while the crowd is at the same one, or at another. */
static void measure(const struct bench_case *self, int (*act)(babus_slot *slot, int ready),
		    bool elsewhere, struct result *result)
{
	babus_slot *slot = new_slot(1);
	babus_slot *other = elsewhere ? new_slot(2) : NULL;
	pid_t *crowd = bench_memory((self->readers + 1) * sizeof(*crowd));

	gather(crowd, self->readers, act, other ? other : slot);
	bench_sleep(SETTLE_NS);
	result->value[TYPICAL] = time_of_one(slot, self->count);
	disperse(crowd, self->readers);
	free(crowd);
	if (other)
		domain_drop(other);
	domain_drop(slot);
}

static void among_attached(const struct bench_case *self, struct result *result)
{
	measure(self, be_attached, false, result);
}

static void among_holders(const struct bench_case *self, struct result *result)
{
	measure(self, hold_newest, false, result);
}

static void beside_blocked(const struct bench_case *self, struct result *result)
{
	measure(self, be_blocked, true, result);
}

/* --- cases ---------------------------------------------------------------------------- */

static const struct kind {
	const char *name, *what;
	unsigned readers;
	void (*call)(const struct bench_case *self, struct result *result);
} kinds[] = {
    {"alone", "publish, no reader", 0, among_attached},
    {"attached-1", "publish, 1 reader is attached and idle", 1, among_attached},
    {"attached-200", "publish, 200 readers are attached and idle", CROWD, among_attached},
    {"holding-200", "publish, 200 readers each hold a message of their own", CROWD, among_holders},
    {"blocked-200", "publish, 200 readers sleep on another channel", CROWD, beside_blocked},
};

static void plan_crowds(struct plan *plan)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		bool smoke = plan->options->extent == EXTENT_SMOKE;
		struct bench_case bench = {.work = &work_crowd,
					   .name = kinds[i].name,
					   .what = kinds[i].what,
					   .size = sizeof(data),
					   .touch = sizeof(data),
					   .readers = kinds[i].readers,
					   .floor = i ? kinds->name : NULL,
					   .count = smoke ? 3 : STRETCHES_MAX / 4,
					   .call = kinds[i].call};

		plan_add(plan, &bench);
	}
}

const struct work work_crowd = {
    .name = "crowd",
    .what = "publishing where many processes have nothing to do",
    .key = TYPICAL,
    .plan = plan_crowds,
    .run = work_alone,
};

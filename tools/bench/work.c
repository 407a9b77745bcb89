/* SPDX-License-Identifier: MIT */
/* The table of works, and what they share. */
#include "work.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "domain.h"

const struct work *const works[] = {&work_call, &work_crowd, &work_waiter, &work_trip, &work_fanout,
				    &work_idle, &work_image, &work_rate,   &work_file};
const size_t work_count = sizeof(works) / sizeof(*works);

void result_init(struct result *result)
{
	*result = (struct result){0};
	for (int i = 0; i < METRICS; i++)
		result->value[i] = NAN;
}

void result_percentiles(struct result *result)
{
	static const double parts[] = {0.5, 0.9, 0.99, 0.999};

	for (int i = 0; i < 4; i++)
		result->value[P50 + i] = hist_part(&result->hist, parts[i]);
	if (result->hist.count < 1000)
		result->value[P999] = NAN; /* it is the maximum */
	result->value[MAXIMUM] = (double)result->hist.max;
	result->value[MEAN] = (double)result->hist.sum / (double)result->hist.count;
}

const struct payload *side_receive(struct side *side, uint64_t rest_ns)
{
	const struct peer *peer = side->rig->peer;
	size_t size = side->self->size;
	struct received message;

	while (!peer->receive(&side->end, &message)) {
		uint64_t next = rest_ns ? bench_now() + rest_ns : 0;

		do
			bench_pause();
		while (next && bench_now() < next);
	}
	if (message.size != size)
		bench_fail("%s: received %zu bytes, not %zu", peer->name, message.size, size);
	if (!payload_read(message.data, side->self->touch))
		bench_fail("%s: wrong contents in a message of %zu B", peer->name, size);
	return message.data;
}

/* --- teams ---------------------------------------------------------------------------- */

struct call {
	const struct bench_case *self;
	const struct rig *rig;
	const struct team *team;
};

static void open_end(struct side *side)
{
	const struct peer *peer = side->rig->peer;

	peer_open(&side->end);
	/* The first touch of memory is another question; the work `call` has it. */
	if (peer->reserve && side->end.publishes >= 0)
		peer->reserve(&side->end);
	crew_meet(side->crew);
	if (peer->settle)
		peer->settle(&side->end);
	/* This thread alone: those of the peer's own, started by now, go where there is room. */
	if (side->self->place == PLACE_APART)
		crew_pin(side->who);
	crew_meet(side->crew);
}

static void member(struct crew *crew, unsigned who, void *arg)
{
	const struct call *call = arg;
	const struct team *team = call->team;
	struct report *report = &crew->report[who];
	struct side side = {.self = call->self,
			    .rig = call->rig,
			    .crew = crew,
			    .who = who,
			    .talk = crew->talk,
			    .report = report,
			    .end = {.rig = call->rig,
				    .publishes = who ? -1 : 0,
				    .subscribes = who ? 1 : 0,
				    .reader = who ? who - 1 : 0,
				    .size = call->rig->size}};

	if (team->set_end)
		team->set_end(&side.end, who);
	if (team->pinned)
		crew_pin(who);
	if (call->self->peer)
		open_end(&side);
	report->cpu = bench_cpu();
	(who ? team->others : team->first)(&side);
	report->cpu = bench_cpu() - report->cpu;
	crew_meet(crew); /* another may still need what this one has */
	if (call->self->peer)
		peer_close(&side.end);
}

static int run_with_peer(struct crew *crew, struct call *call, struct rig *rig,
			 struct result *result)
{
	uint64_t before, after = 0;
	int error;

	if (peer_prepare(rig)) {
		memcpy(result->why, rig->why, WHY_MAX);
		return -ENOTSUP;
	}
	before = daemon_cpu(rig->daemon);
	error = crew_run(crew, member, call);
	if (rig->daemon)
		after = daemon_cpu(rig->peer->service->pid());
	peer_finish(rig);
	result->value[CPU] = after < before ? NAN : (double)(after - before); /* ended? */
	for (unsigned i = 0; i < (crew->threads ? 1 : crew->members); i++)
		result->value[CPU] += (double)crew->report[i].cpu;
	return error;
}

int work_team(const struct bench_case *self, const struct team *team, struct result *results)
{
	unsigned members = team->members ? team->members : 1 + self->readers;
	struct crew *crew = crew_new(members, self->threads, team->talk_size);
	struct rig rig = {.peer = self->peer,
			  .size = team->size ? team->size : self->size,
			  .channels = team->channels ? team->channels : 1,
			  .readers = self->readers,
			  .depth = team->depth,
			  .mode = self->mode,
			  .acknowledged = team->acknowledged};
	struct call call = {self, &rig, team};
	int error;

	if (self->peer) {
		error = run_with_peer(crew, &call, &rig, results);
	} else {
		domain_get(); /* the benchmark itself removes it, not a member */
		error = crew_run(crew, member, &call);
	}
	if (!error)
		team->collect(crew, results);
	crew_free(crew);
	return error;
}

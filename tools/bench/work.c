/* SPDX-License-Identifier: MIT */
/* The table of works, and what they share. */
#include "work.h"

#include <errno.h>
#include <math.h>
#include <string.h>

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

struct call {
	const struct bench_case *self;
	const struct rig *rig;
	const struct team *team;
	struct talk *talk;
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
			    .talk = call->talk,
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
	open_end(&side);
	report->cpu = bench_cpu();
	(who ? team->others : team->first)(&side);
	report->cpu = bench_cpu() - report->cpu;
	crew_meet(crew); /* another may still need what this one has */
	peer_close(&side.end);
}

static int run_crew(struct crew *crew, struct call *call, struct rig *rig, struct result *result)
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

int work_team(const struct bench_case *self, struct rig rig, const struct team *team,
	      struct result *results)
{
	struct crew *crew = crew_new(team->members, self->threads);
	size_t size = team->talk_size ? team->talk_size : 1;
	struct call call = {self, &rig, team, bench_shared(size)};
	int error;

	rig.peer = self->peer;
	rig.mode = self->mode;
	if (!rig.size)
		rig.size = self->size;
	error = run_crew(crew, &call, &rig, results);
	if (!error)
		team->collect(crew, results);
	crew_free(crew);
	bench_unshare(call.talk, size);
	return error;
}

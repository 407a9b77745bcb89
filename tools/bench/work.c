/* SPDX-License-Identifier: MIT */
/* The table of works, and what they share. */
#include "work.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "daemon.h"

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
	result->value[MEAN] = hist_mean(&result->hist);
}

int work_rig(struct rig *rig, struct crew *crew,
	     void (*part)(struct crew *crew, unsigned who, void *arg), void *arg,
	     struct result *result)
{
	uint64_t before = 0, after = 0;
	int error;

	if (peer_prepare(rig)) {
		memcpy(result->why, rig->why, WHY_MAX);
		return -ENOTSUP;
	}
	if (rig->peer->daemon)
		before = daemon_cpu(rig->peer->daemon());
	error = crew_run(crew, part, arg);
	if (rig->peer->daemon)
		after = daemon_cpu(rig->peer->daemon());
	peer_finish(rig);
	result->value[CPU] = after < before ? NAN : (double)(after - before); /* ended? */
	for (unsigned i = 0; i < (crew->threads ? 1 : crew->members); i++)
		result->value[CPU] += (double)crew->report[i].cpu;
	return error;
}

void work_open(const struct bench_case *self, struct crew *crew, unsigned who, struct end *end)
{
	const struct peer *peer = end->rig->peer;

	peer_open(end);
	crew_meet(crew);
	if (peer->settle)
		peer->settle(end);
	/* This thread alone: those of the peer's own, started by now, go where there is room. */
	if (self->place == PLACE_APART)
		crew_pin(who);
	crew_meet(crew);
}

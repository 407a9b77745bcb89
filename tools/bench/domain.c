/* SPDX-License-Identifier: MIT */
#include "domain.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "plan.h"

enum {
	STRETCH = 4096 /* messages that are timed together; also the warm-up */
};

static babus_domain *domain;
static pid_t owner; /* of the handle */

static babus_domain *open_it(unsigned flags)
{
	struct babus_domain_options opts;
	babus_domain *opened;

	babus_domain_options_init(&opts);
	opts.root = bench_dir();
	bench_check(babus_domain_open(DOMAIN_NAME, flags, &opts, &opened), "domain");
	return opened;
}

babus_domain *domain_get(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock); /* threads of a crew come at once */
	if (!domain || owner != getpid()) {
		domain = open_it(BABUS_CREATE);
		owner = getpid();
	}
	pthread_mutex_unlock(&lock);
	return domain;
}

babus_slot *domain_new_slot(const char *name, const struct babus_slot_options *opts)
{
	babus_slot *slot;

	bench_check(babus_slot_open(domain_get(), name,
				    BABUS_PUBLISH | BABUS_CREATE | BABUS_EXCLUSIVE, opts, &slot),
		    name);
	return slot;
}

babus_slot *domain_temporary(const struct babus_slot_options *opts)
{
	static unsigned number;
	char name[64];

	snprintf(name, sizeof(name), "temporary.%d.%u", (int)getpid(), ++number);
	return domain_new_slot(name, opts);
}

babus_slot *domain_open_slot(const char *name, unsigned flags)
{
	babus_slot *slot;

	bench_check(babus_slot_open(domain_get(), name, flags, NULL, &slot), name);
	return slot;
}

void domain_publish(babus_slot *slot, const void *data, size_t size)
{
	bench_check(babus_slot_publish(slot, data, size, NULL, NULL), "publish");
}

static void publish_stretch(babus_slot *const *slots, unsigned slot_count)
{
	static const char data[64];

	for (unsigned i = 0, at = 0; i < STRETCH; i++, at = at + 1 < slot_count ? at + 1 : 0)
		domain_publish(slots[at], data, sizeof(data));
}

double domain_time_publish(babus_slot *const *slots, unsigned slot_count, unsigned stretches)
{
	double *took = bench_memory(stretches * sizeof(*took)), median;

	publish_stretch(slots, slot_count);
	for (unsigned i = 0; i < stretches; i++) {
		uint64_t start = bench_now();

		publish_stretch(slots, slot_count);
		took[i] = (double)(bench_now() - start) / STRETCH;
	}
	median = summary_of(took, stretches).median;
	free(took);
	return median;
}

void domain_drop(babus_slot *slot)
{
	babus_slot_remove(slot);
	babus_slot_close(slot);
}

void domain_remove(void)
{
	struct babus_domain_options opts;

	if (!domain)
		return;
	babus_domain_options_init(&opts);
	opts.root = bench_dir();
	babus_domain_close(domain);
	babus_domain_remove(DOMAIN_NAME, &opts);
	domain = NULL;
}

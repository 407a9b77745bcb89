/* SPDX-License-Identifier: MIT */
#include "domain.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "bench.h"

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

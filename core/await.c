/* SPDX-License-Identifier: MIT */
/* Opening a slot when it appears. */
#include <errno.h>

#include <babus/babus.h>

#include "error.h"

static int timed_out(const char *name)
{
	return babus_fail(-ETIMEDOUT, "slot '%s': it did not appear before the deadline", name);
}

int babus_slot_await(babus_domain *domain, const char *name, unsigned flags,
		     const struct babus_slot_options *opts, int64_t deadline_ns, babus_slot **slot)
{
	struct babus_event event;
	babus_waiter *waiter;
	int error = babus_slot_open(domain, name, flags, opts, slot);

	if (error != -ENOENT)
		return error;
	if (deadline_ns == BABUS_NOW)
		return timed_out(name);
	error = babus_waiter_open(domain, NULL, &waiter);
	if (error)
		return error;
	/* From here on the waiter sees it appear. */
	error = babus_waiter_watch_domain(waiter, NULL);
	while (!error) {
		error = babus_slot_open(domain, name, flags, opts, slot);
		if (error != -ENOENT)
			break;
		error = babus_waiter_wait(waiter, deadline_ns, &event, 1);
		error = error < 0 ? error : 0;
	}
	babus_waiter_close(waiter);
	return error == -ETIMEDOUT ? timed_out(name) : error;
}

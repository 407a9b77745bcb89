/* SPDX-License-Identifier: MIT */
/*
 * What a waiter that watches its domain knows: which slots exist, and which changes it has to
 * report. The waiter's lock protects it.
 */
#ifndef BABUS_WATCH_H
#define BABUS_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <babus/babus.h>

struct watch_slot;
struct watch_news;

struct watch {
	bool on;
	void *user;
	uint64_t changes; /* of the domain, as of `slots` */
	uint64_t time_ns; /* of the directory's last change, as of `slots`; 0: unknown */
	bool stale;       /* the directory has changed, but no change was announced */
	struct watch_slot *slots;
	size_t count;
	struct watch_news *news; /* to report: next to end; those before are reported */
	size_t next, end;
};

/* Start with the slots that exist now. -EEXIST, or the error of listing the domain. */
int watch_start(struct watch *watch, babus_domain *domain, void *user);
/* Changes not reported yet are dropped. */
void watch_stop(struct watch *watch);
void watch_free(struct watch *watch);

/* Whether there is something to report. One load. */
bool watch_has_news(const struct watch *watch, const babus_domain *domain);

/*
 * Check whether the directory has changed, because a process that creates or removes a slot
 * may die before it announces that. One system call.
 */
void watch_doubt(struct watch *watch, const babus_domain *domain);

/* Free what was reported. Names in events are valid until then. */
void watch_forget_reported(struct watch *watch);

/* Up to `max` events: how many, or negative errno. */
int watch_report(struct watch *watch, babus_domain *domain, struct babus_event *events, int max);

#endif

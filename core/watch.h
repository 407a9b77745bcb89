/* SPDX-License-Identifier: MIT */
/*
 * What a waiter that watches its domain knows of it: which slots there are, and what
 * of their coming and going is to be reported. The waiter's lock protects it.
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
	uint64_t time_ns; /* when the directory was last changed, as of `slots`; 0: unknown */
	bool stale;       /* the directory has changed, though no change was announced */
	struct watch_slot *slots;
	size_t count;
	struct watch_news *news; /* to be reported: next..end; before that, already reported */
	size_t next, end;
};

/* Start from what there is now. -EEXIST, or what listing the domain gives. */
int watch_start(struct watch *watch, babus_domain *domain, void *user);
/* What was not reported yet never is. */
void watch_stop(struct watch *watch);
void watch_free(struct watch *watch);

/* Whether there is something to report. One load. */
bool watch_has_news(const struct watch *watch, const babus_domain *domain);

/*
 * Look whether the directory has changed: one that creates or removes a slot may die
 * before it announces that. One system call.
 */
void watch_doubt(struct watch *watch, const babus_domain *domain);

/* Forget what was reported: names in events are valid until then. */
void watch_forget_reported(struct watch *watch);

/* Up to `max` events: how many, or negative errno. */
int watch_report(struct watch *watch, babus_domain *domain, struct babus_event *events, int max);

#endif

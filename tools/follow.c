/* SPDX-License-Identifier: MIT */
/*
 * A subscription is open, with a slot and a reader in the waiter, or pending. It
 * becomes pending when its slot is removed, and open when the slot appears. The
 * waiter watches the domain before the slots are opened, so that no slot that is
 * created in between is missed.
 */
#include "follow.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "out.h"

enum {
	BATCH = 64,      /* messages of one slot before the next slot is read */
	EVENTS_MAX = 64, /* for one wait */
};

struct subscription {
	const char *name;
	babus_slot *slot; /* NULL: pending */
	babus_reader *reader;
	enum babus_start start;
};

struct session {
	const struct follow *follow;
	struct tool *tool;
	babus_waiter *waiter;
	struct subscription *subs;
	int count, open; /* subscriptions: all, and those with a slot */
	uint64_t written;
	bool done;
	int status;
};

static void stop(struct session *s, int status)
{
	s->done = true;
	s->status = status;
}

static void close_subscription(struct session *s, struct subscription *sub)
{
	if (!sub->slot)
		return;
	babus_waiter_remove(s->waiter, sub->reader);
	babus_reader_close(sub->reader);
	babus_slot_close(sub->slot);
	sub->slot = NULL;
	s->open--;
}

/* Open it if its slot exists; 0 also if it stays pending. */
static int open_subscription(struct session *s, struct subscription *sub)
{
	const struct follow *follow = s->follow;
	babus_reader *reader;
	babus_slot *slot;
	int error = babus_slot_open(s->tool->bus, sub->name, BABUS_READ, NULL, &slot);

	if (error) {
		/* A slot that appears later is read from its first message. */
		if (sub->start == BABUS_START_NEXT)
			sub->start = BABUS_START_OLDEST;
		if ((error == -ENOENT || error == -ENODEV) && follow->wait)
			return 0;
		return fail_on("slot", sub->name, error);
	}
	error = babus_reader_open(slot, sub->start, follow->start.seq, &reader);
	if (error)
		goto close_slot;
	error = babus_waiter_add(s->waiter, reader, sub);
	if (error)
		goto close_reader;
	sub->slot = slot;
	sub->reader = reader;
	s->open++;
	return 0;

close_reader:
	babus_reader_close(reader);
close_slot:
	babus_slot_close(slot);
	if (error == -ENODEV && follow->wait)
		return 0;
	return fail_on("slot", sub->name, error);
}

/* A slot with this name has appeared. */
static void open_pending(struct session *s, const char *name)
{
	int status = 0;

	for (int i = 0; i < s->count && !status; i++)
		if (!s->subs[i].slot && strcmp(s->subs[i].name, name) == 0)
			status = open_subscription(s, &s->subs[i]);
	if (status)
		stop(s, status);
}

/* The slot is gone or unreadable; the others continue. */
static void lose_subscription(struct session *s, struct subscription *sub, int error)
{
	close_subscription(s, sub);
	if (error == -ENODEV && s->follow->wait) {
		sub->start = BABUS_START_OLDEST;
		/* A new slot of this name may exist; its event came while this was open. */
		open_pending(s, sub->name);
		return;
	}
	s->status = fail_on("slot", sub->name, error);
	if (s->open == 0 && !s->follow->wait)
		stop(s, s->status);
}

static int next_message(const struct session *s, struct subscription *sub,
			struct babus_message *message)
{
	if (s->follow->newest)
		return babus_reader_latest(sub->reader, message);
	return babus_reader_next(sub->reader, message);
}

static void deliver(struct session *s, struct subscription *sub)
{
	struct babus_message message;
	int error;

	for (int i = 0; i < BATCH && !s->done && out_ok(); i++) {
		error = next_message(s, sub, &message);
		/* -EBUSY: new messages came too fast; the next wait reports the slot again. */
		if (error == -EAGAIN || error == -EBUSY)
			return;
		if (error) {
			lose_subscription(s, sub, error);
			return;
		}
		if (message.lost && !s->follow->newest && !s->follow->exact)
			complain("slot '%s': lost %" PRIu64 " message%s before %" PRIu64, sub->name,
				 message.lost, message.lost == 1 ? "" : "s", message.seq);
		if (s->follow->exact && message.seq != s->follow->start.seq) {
			babus_message_release(&message);
			complain("slot '%s': sequence number %" PRIu64 ": %s", sub->name,
				 s->follow->start.seq, babus_strerror(-ESTALE));
			stop(s, STATUS_FAILED);
			return;
		}
		format_message(s->follow->format, sub->name, &message);
		out_end_message();
		babus_message_release(&message);
		if (++s->written == s->follow->count)
			stop(s, s->status);
	}
}

static void timed_out(struct session *s)
{
	const char *more = s->count > 1 ? " and others" : "";

	complain("slot '%s'%s: no message within %.9g s", s->subs[0].name, more,
		 (double)s->follow->timeout_ns / 1e9);
	stop(s, STATUS_FAILED);
}

static void handle_event(struct session *s, const struct babus_event *event)
{
	if (event->kind == BABUS_EVENT_APPEARED)
		open_pending(s, event->slot);
	else if (event->status)
		lose_subscription(s, event->user, event->status);
	else if (event->kind == BABUS_EVENT_READER)
		deliver(s, event->user);
}

/*
 * Returns as babus_waiter_wait() does, or 0: the reader of the output went away, or
 * there may be news.
 */
static int wait_for_events(struct session *s, int64_t deadline, struct babus_event *events)
{
	int fd, count = babus_waiter_wait(s->waiter, BABUS_NOW, events, EVENTS_MAX);

	if (count != -ETIMEDOUT)
		return count;
	out_flush();
	if (!out_has_reader() || babus_waiter_fd(s->waiter, &fd))
		return babus_waiter_wait(s->waiter, deadline, events, EVENTS_MAX);
	if (out_wait(fd, deadline))
		return 0;
	return babus_waiter_wait(s->waiter, BABUS_NOW, events, EVENTS_MAX);
}

static void follow_events(struct session *s)
{
	int64_t timeout_ns = s->follow->timeout_ns ? (int64_t)s->follow->timeout_ns : -1;
	int64_t deadline = babus_deadline(timeout_ns);
	struct babus_event events[EVENTS_MAX];
	uint64_t before;
	int count;

	while (!s->done && out_ok()) {
		count = wait_for_events(s, deadline, events);
		before = s->written;
		for (int i = 0; i < count && !s->done && out_ok(); i++)
			handle_event(s, &events[i]);
		if (s->written != before)
			deadline = babus_deadline(timeout_ns);
		if (count == -ETIMEDOUT)
			timed_out(s);
		else if (count < 0)
			stop(s, fail_on("domain", babus_domain_name(s->tool->bus), count));
	}
}

static int open_session(struct session *s, char **names)
{
	int error, status = 0;

	for (int i = 0; i < s->count && !status; i++)
		status = tool_check_slot(names[i]);
	if (!status)
		status = tool_open(s->tool, s->follow->wait ? BABUS_CREATE : 0);
	if (status)
		return status;
	error = babus_waiter_open(s->tool->bus, NULL, &s->waiter);
	if (!error && s->follow->wait)
		error = babus_waiter_watch_domain(s->waiter, NULL);
	if (error)
		return fail_on("domain", babus_domain_name(s->tool->bus), error);
	s->subs = calloc((size_t)s->count, sizeof(s->subs[0]));
	if (!s->subs)
		return fail_memory();
	for (int i = 0; i < s->count && !status; i++) {
		s->subs[i].name = names[i];
		s->subs[i].start = s->follow->start.where;
		status = open_subscription(s, &s->subs[i]);
	}
	return status;
}

int follow_slots(struct tool *tool, const struct follow *follow, int count, char **names)
{
	struct session s = {.follow = follow, .tool = tool, .count = count};

	out_keep_whole();
	s.status = open_session(&s, names);
	if (!s.status)
		follow_events(&s);
	for (int i = 0; s.subs && i < count; i++)
		close_subscription(&s, &s.subs[i]);
	free(s.subs);
	babus_waiter_close(s.waiter);
	return s.status;
}

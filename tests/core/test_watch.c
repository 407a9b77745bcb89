/* SPDX-License-Identifier: MIT */
/* A waiter that watches its domain: which slots appear and disappear. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "waiting.h"

enum {
	ROOM = 64
};

static int user;

static babus_waiter *open_watcher(void)
{
	babus_waiter *waiter = open_waiter(0, NO_RECHECK);

	assert_int_equal(babus_waiter_watch_domain(waiter, &user), 0);
	return waiter;
}

static void make(const char *name)
{
	babus_slot_close(make_slot(name, 1, 16));
}

static void remove_slot(const char *name)
{
	assert_int_equal(babus_domain_remove_slot(bus, name), 0);
}

static void assert_event(const struct babus_event *event, enum babus_event_kind kind,
			 const char *slot)
{
	assert_int_equal(event->kind, kind);
	assert_int_equal(event->status, 0);
	assert_null(event->reader);
	assert_ptr_equal(event->user, &user);
	if (slot)
		assert_string_equal(event->slot, slot);
	else
		assert_null(event->slot);
}

static void created_and_removed_slots_are_named(void **state)
{
	struct babus_event events[ROOM];
	babus_waiter *waiter;

	(void)state;
	make("before");
	waiter = open_watcher();
	assert_no_news(waiter);
	make("b");
	make("a");
	assert_int_equal(babus_waiter_wait(waiter, BABUS_FOREVER, events, ROOM), 2);
	assert_event(&events[0], BABUS_EVENT_APPEARED, "a");
	assert_event(&events[1], BABUS_EVENT_APPEARED, "b");
	assert_no_news(waiter);
	remove_slot("before");
	make("c");
	assert_int_equal(babus_waiter_wait(waiter, BABUS_FOREVER, events, ROOM), 2);
	assert_event(&events[0], BABUS_EVENT_DISAPPEARED, "before");
	assert_event(&events[1], BABUS_EVENT_APPEARED, "c");
	assert_no_news(waiter);
	babus_waiter_close(waiter);
}

static void slot_created_again_between_looks_is_another(void **state)
{
	struct babus_event events[ROOM];
	babus_waiter *waiter;

	(void)state;
	make("s");
	make("stays");
	waiter = open_watcher();
	remove_slot("s");
	make("s");
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, ROOM), 2);
	assert_event(&events[0], BABUS_EVENT_DISAPPEARED, "s");
	assert_event(&events[1], BABUS_EVENT_APPEARED, "s");
	assert_no_news(waiter);
	babus_waiter_close(waiter);
}

static void slot_that_came_and_went_between_looks_is_a_change(void **state)
{
	struct babus_event events[ROOM];
	babus_waiter *waiter = open_watcher();

	(void)state;
	make("s");
	remove_slot("s");
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, ROOM), 1);
	assert_event(&events[0], BABUS_EVENT_CHANGED, NULL);
	assert_no_news(waiter);
	babus_waiter_close(waiter);
}

static void changed_access_is_a_change(void **state)
{
	babus_slot *slot = make_slot("s", 1, 16);
	babus_waiter *waiter = open_watcher();
	struct babus_event events[ROOM];

	(void)state;
	assert_int_equal(babus_slot_set_access(slot, 0640, (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, ROOM), 1);
	assert_event(&events[0], BABUS_EVENT_CHANGED, NULL);
	assert_no_news(waiter);
	babus_waiter_close(waiter);
	babus_slot_close(slot);
}

static void changed_access_is_reported_beside_a_new_slot(void **state)
{
	babus_slot *slot = make_slot("s", 1, 16);
	babus_waiter *waiter = open_watcher();
	struct babus_event events[ROOM];

	(void)state;
	assert_int_equal(babus_slot_set_access(slot, 0640, (uid_t)-1, (gid_t)-1), 0);
	make("t");
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, ROOM), 2);
	assert_event(&events[0], BABUS_EVENT_APPEARED, "t");
	assert_event(&events[1], BABUS_EVENT_CHANGED, NULL);
	assert_no_news(waiter);
	babus_waiter_close(waiter);
	babus_slot_close(slot);
}

/* --- many, and for how long -------------------------------------------------------------- */

static void make_many(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char name[16];

		snprintf(name, sizeof(name), "s%02u", i);
		make(name);
	}
}

static void events_beyond_the_room_come_with_the_next_waits(void **state)
{
	babus_waiter *waiter = open_watcher();
	struct babus_event events[7];

	(void)state;
	make_many(40);
	for (unsigned count = 0; count < 40;) {
		int got = babus_waiter_wait(waiter, BABUS_NOW, events, 7);

		assert_int_equal(got, count < 35 ? 7 : 5);
		for (int i = 0; i < got; i++, count++) {
			char name[16];

			snprintf(name, sizeof(name), "s%02u", count);
			assert_event(&events[i], BABUS_EVENT_APPEARED, name);
		}
		/* Later changes come after them. */
		if (count == 14)
			remove_slot("s00");
	}
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, 7), 1);
	assert_event(&events[0], BABUS_EVENT_DISAPPEARED, "s00");
	assert_no_news(waiter);
	babus_waiter_close(waiter);
}

static void names_are_valid_until_the_next_wait(void **state)
{
	babus_waiter *waiter = open_watcher();
	struct babus_event events[2];

	(void)state;
	make("first");
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, 1), 1);
	/* Whatever happens to the domain and to the watch. */
	remove_slot("first");
	make_many(20);
	assert_event(&events[0], BABUS_EVENT_APPEARED, "first");
	assert_int_equal(babus_waiter_unwatch_domain(waiter), 0);
	assert_event(&events[0], BABUS_EVENT_APPEARED, "first");
	assert_int_equal(babus_waiter_watch_domain(waiter, &user), 0);
	assert_event(&events[0], BABUS_EVENT_APPEARED, "first");
	make("last");
	assert_event(&events[0], BABUS_EVENT_APPEARED, "first");
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, 2), 1);
	assert_event(&events[0], BABUS_EVENT_APPEARED, "last");
	babus_waiter_close(waiter);
}

/* --- beginning and ending ------------------------------------------------------------------ */

static void watching_begins_and_ends_once(void **state)
{
	babus_waiter *waiter = open_waiter(0, NO_RECHECK);
	struct babus_event events[ROOM];

	(void)state;
	assert_int_equal(babus_waiter_unwatch_domain(waiter), -ENOENT);
	assert_int_equal(babus_waiter_watch_domain(waiter, &user), 0);
	assert_int_equal(babus_waiter_watch_domain(waiter, NULL), -EEXIST);
	make("s");
	assert_int_equal(babus_waiter_unwatch_domain(waiter), 0);
	assert_int_equal(babus_waiter_unwatch_domain(waiter), -ENOENT);
	/* What was not reported before the end never is. */
	make("t");
	assert_no_news(waiter);
	assert_int_equal(babus_waiter_watch_domain(waiter, &user), 0);
	assert_no_news(waiter);
	make("u");
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, ROOM), 1);
	assert_event(&events[0], BABUS_EVENT_APPEARED, "u");
	babus_waiter_close(waiter);
}

static void what_is_left_to_report_ends_with_the_watch(void **state)
{
	babus_waiter *waiter = open_watcher();
	struct babus_event events[ROOM];

	(void)state;
	make_many(10);
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, 3), 3);
	assert_int_equal(babus_waiter_unwatch_domain(waiter), 0);
	assert_no_news(waiter);
	assert_int_equal(babus_waiter_watch_domain(waiter, &user), 0);
	assert_no_news(waiter);
	make("t");
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, ROOM), 1);
	assert_event(&events[0], BABUS_EVENT_APPEARED, "t");
	babus_waiter_close(waiter);
}

static void readers_and_slots_share_the_events(void **state)
{
	babus_waiter *waiter = open_watcher();
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *reader = open_reader(slot);
	struct babus_event events[ROOM];

	(void)state;
	assert_int_equal(babus_waiter_add(waiter, reader, slot), 0);
	publish_many(slot, 1);
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, ROOM), 2);
	assert_event(&events[0], BABUS_EVENT_APPEARED, "s");
	assert_int_equal(events[1].kind, BABUS_EVENT_READER);
	assert_ptr_equal(events[1].reader, reader);
	assert_ptr_equal(events[1].user, slot);
	assert_null(events[1].slot);
	/* And one after the other if there is room for one. */
	make("t");
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, 1), 1);
	assert_event(&events[0], BABUS_EVENT_APPEARED, "t");
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, 1), 1);
	assert_int_equal(events[0].kind, BABUS_EVENT_READER);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void sleeper_is_woken_by_each_kind(void **state)
{
	babus_waiter *waiter = open_watcher();
	struct sleeper sleeper;
	babus_slot *slot;

	(void)state;
	start_sleeper(&sleeper, waiter);
	slot = make_slot("s", 1, 16);
	assert_int_equal(end_sleeper(&sleeper), 1);
	assert_event(&sleeper.event, BABUS_EVENT_APPEARED, "s");
	start_sleeper(&sleeper, waiter);
	assert_int_equal(babus_slot_set_access(slot, 0640, (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(end_sleeper(&sleeper), 1);
	assert_event(&sleeper.event, BABUS_EVENT_CHANGED, NULL);
	start_sleeper(&sleeper, waiter);
	remove_slot("s");
	assert_int_equal(end_sleeper(&sleeper), 1);
	assert_event(&sleeper.event, BABUS_EVENT_DISAPPEARED, "s");
	assert_no_news(waiter);
	babus_waiter_close(waiter);
	babus_slot_close(slot);
}

/* A listing needs a descriptor, and a message needs none. */
static void without_a_free_descriptor_readers_are_still_reported(void **state)
{
	struct babus_event events[ROOM];
	struct rlimit before, none;
	babus_waiter *waiter;
	babus_reader *reader;
	babus_slot *slot;

	(void)state;
	if (!support_madvise_works()) {
		print_message("# skipped: an emulator needs descriptors of its own\n");
		skip();
	}
	waiter = open_watcher();
	slot = make_slot("s", 4, 16);
	reader = open_reader(slot);
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (int i = 0; i < 2; i++) {
		publish_many(slot, 1);
		assert_int_equal(babus_waiter_wait(waiter, BABUS_FOREVER, events, ROOM), 1);
		assert_int_equal(events[0].kind, BABUS_EVENT_READER);
		assert_ptr_equal(events[0].reader, reader);
		take_next(reader);
		assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, ROOM), -EMFILE);
		assert_int_equal(babus_waiter_wait(waiter, BABUS_FOREVER, events, ROOM), -EMFILE);
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(babus_waiter_wait(waiter, BABUS_NOW, events, ROOM), 1);
	assert_event(&events[0], BABUS_EVENT_APPEARED, "s");
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

/* --- unannounced changes ------------------------------------------------------------- */

/* As by a remover, or a creator, that dies before it can announce the change. */
static void take_away(void)
{
	assert_int_equal(rename(domain_file("s.slot"), root_file("away")), 0);
}

static void give_back(void)
{
	assert_int_equal(rename(root_file("away"), domain_file("s.slot")), 0);
}

/* The ways in which a program may wait. */

static int sleep_for_events(babus_waiter *waiter, struct babus_event *events)
{
	return babus_waiter_wait(waiter, babus_deadline(20 * SECOND), events, ROOM);
}

static int poll_for_events(babus_waiter *waiter, struct babus_event *events)
{
	int64_t deadline = babus_deadline(20 * SECOND);
	int result;

	do {
		usleep(1000);
		result = babus_waiter_wait(waiter, BABUS_NOW, events, ROOM);
	} while (result == -ETIMEDOUT && now_ns() < deadline);
	return result;
}

static int poll_descriptor(babus_waiter *waiter, struct babus_event *events)
{
	int64_t deadline = babus_deadline(20 * SECOND);
	struct pollfd ready = {.events = POLLIN};
	int result;

	assert_int_equal(babus_waiter_fd(waiter, &ready.fd), 0);
	do {
		assert_int_equal(poll(&ready, 1, 20000), 1);
		result = babus_waiter_wait(waiter, BABUS_NOW, events, ROOM);
	} while (result == -ETIMEDOUT && now_ns() < deadline);
	return result;
}

static void what_the_dead_did_is_seen(int (*wait)(babus_waiter *, struct babus_event *))
{
	babus_waiter *waiter = open_waiter(0, 50 * MILLISECOND);
	struct babus_event events[ROOM];

	make("s");
	assert_int_equal(babus_waiter_watch_domain(waiter, &user), 0);
	assert_no_news(waiter);
	for (int i = 0; i < 3; i++) {
		take_away();
		assert_int_equal(wait(waiter, events), 1);
		assert_event(&events[0], BABUS_EVENT_DISAPPEARED, "s");
		give_back();
		assert_int_equal(wait(waiter, events), 1);
		assert_event(&events[0], BABUS_EVENT_APPEARED, "s");
	}
	/* It is reported once. */
	assert_int_equal(babus_waiter_wait(waiter, babus_deadline(300 * MILLISECOND), events, ROOM),
			 -ETIMEDOUT);
	remove_slot("s");
	assert_int_equal(wait(waiter, events), 1);
	assert_event(&events[0], BABUS_EVENT_DISAPPEARED, "s");
	babus_waiter_close(waiter);
}

static void changes_by_dead_processes_are_seen_at_the_re_check(void **state)
{
	(void)state;
	what_the_dead_did_is_seen(sleep_for_events);
	what_the_dead_did_is_seen(poll_for_events);
	what_the_dead_did_is_seen(poll_descriptor);
}

/* Beside news that never ends. */
static void a_busy_waiter_sees_changes_by_dead_processes_too(void **state)
{
	babus_waiter *waiter = open_waiter(0, 50 * MILLISECOND);
	int64_t deadline = babus_deadline(20 * SECOND);
	struct babus_event events[ROOM];
	babus_reader *reader;
	babus_slot *slot;
	int count;

	(void)state;
	make("s");
	slot = make_slot("busy", 1, 16);
	reader = open_reader(slot);
	publish_many(slot, 1);
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	assert_int_equal(babus_waiter_watch_domain(waiter, &user), 0);
	take_away();
	while ((count = babus_waiter_wait(waiter, BABUS_FOREVER, events, ROOM)) == 1 &&
	       now_ns() < deadline)
		assert_ptr_equal(events[0].reader, reader);
	assert_int_equal(count, 2);
	assert_event(&events[0], BABUS_EVENT_DISAPPEARED, "s");
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(created_and_removed_slots_are_named),
	    CASE(slot_created_again_between_looks_is_another),
	    CASE(slot_that_came_and_went_between_looks_is_a_change),
	    CASE(changed_access_is_a_change),
	    CASE(changed_access_is_reported_beside_a_new_slot),
	    CASE(events_beyond_the_room_come_with_the_next_waits),
	    CASE(names_are_valid_until_the_next_wait),
	    CASE(watching_begins_and_ends_once),
	    CASE(what_is_left_to_report_ends_with_the_watch),
	    CASE(readers_and_slots_share_the_events),
	    CASE(sleeper_is_woken_by_each_kind),
	    CASE(without_a_free_descriptor_readers_are_still_reported),
	    CASE(changes_by_dead_processes_are_seen_at_the_re_check),
	    CASE(a_busy_waiter_sees_changes_by_dead_processes_too),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

/* SPDX-License-Identifier: MIT */
/*
 * Handlers of fork() that use babus: one registered before babus's own, one after. Both use
 * everything, in the parent and in the child, while other threads of the parent open, read and
 * close.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support.h"

enum {
	FORKS = 200 / (SUPPORT_SANITIZED ? 10 : 1)
};

static bool active; /* the handlers do something */
static _Atomic int stop;
static babus_slot *shared; /* of the parent */
static babus_reader *shared_reader;
static unsigned early_calls, late_calls;

/* Handles opened in the child's handlers, which must work after all of them. */
static struct opened {
	babus_domain *domain;
	babus_slot *slot;
	babus_reader *reader;
} early, late;

/* --- what a handler does ------------------------------------------------------------- */

static void open_own(struct opened *own)
{
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &own->domain), 0);
	EXPECT_EQUAL(babus_slot_open(own->domain, "s", BABUS_PUBLISH, NULL, &own->slot), 0);
	EXPECT_EQUAL(babus_reader_open(own->slot, BABUS_START_OLDEST, 0, &own->reader), 0);
}

static void use(babus_slot *slot, babus_reader *reader)
{
	struct babus_message message;
	struct babus_slot_info info;
	uint64_t seq;

	EXPECT_EQUAL(babus_slot_publish(slot, "hello", 5, NULL, &seq), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	EXPECT(message.size == 5);
	babus_message_release(&message);
	EXPECT_EQUAL(babus_reader_next(reader, &message), 0);
	babus_message_release(&message);
	EXPECT_EQUAL(babus_slot_info(slot, &info), 0);
	EXPECT_EQUAL(babus_reader_wait(reader, BABUS_NOW) == -ECHILD, false);
}

static void close_own(struct opened *own)
{
	babus_reader_close(own->reader);
	babus_slot_close(own->slot);
	babus_domain_close(own->domain);
	*own = (struct opened){0};
}

static void everything(void)
{
	struct opened own;
	babus_slot *first_read;
	struct babus_message message;

	open_own(&own);
	use(own.slot, own.reader);
	close_own(&own);
	use(shared, shared_reader);
	/* A handle's first read registers it. */
	EXPECT_EQUAL(babus_slot_open(bus, "s", BABUS_READ, NULL, &first_read), 0);
	EXPECT_EQUAL(babus_slot_view(first_read, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	babus_slot_close(first_read);
	EXPECT_EQUAL(babus_guard_install(), 0);
}

/* The parent's handles are not the child's; its own ones are. */
static void everything_in_the_child(struct opened *own)
{
	struct babus_message message;

	EXPECT_EQUAL(babus_slot_view(shared, BABUS_LATEST, 0, &message), -ECHILD);
	EXPECT_EQUAL(babus_domain_check(bus), -ECHILD);
	open_own(own);
	use(own->slot, own->reader);
	EXPECT_EQUAL(babus_guard_install(), 0);
}

static void early_prepare(void)
{
	early_calls++;
	if (active)
		everything();
}

static void early_child(void)
{
	if (active)
		everything_in_the_child(&early);
}

static void late_prepare(void)
{
	late_calls++;
	if (active)
		everything();
}

static void late_child(void)
{
	if (active)
		everything_in_the_child(&late);
}

static void parent(void)
{
	if (active)
		everything();
}

/* Before the constructors of all shared libraries. */
static void register_early(int argc, char **argv, char **environment)
{
	(void)argc;
	(void)argv;
	(void)environment;
	pthread_atfork(early_prepare, parent, early_child);
}

__attribute__((section(".preinit_array"),
	       used)) static void (*const preinit)(int, char **, char **) = register_early;

/* --- other threads meanwhile --------------------------------------------------------- */

static void *open_read_close(void *arg)
{
	while (!stop) {
		struct opened own;

		open_own(&own);
		use(own.slot, own.reader);
		close_own(&own);
		EXPECT_EQUAL(babus_guard_install(), 0);
	}
	return arg;
}

static void *read_first(void *arg)
{
	while (!stop) {
		struct babus_message message;
		babus_slot *slot;

		EXPECT_EQUAL(babus_slot_open(bus, "s", BABUS_READ, NULL, &slot), 0);
		EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
		babus_message_release(&message);
		babus_slot_close(slot);
	}
	return arg;
}

static void setup(void)
{
	struct babus_slot_options opts = small_options(4, 64);

	opts.loans = opts.pins = 64;
	shared = make_slot_with("s", &opts);
	publish_text(shared, "hello");
	assert_int_equal(babus_reader_open(shared, BABUS_START_OLDEST, 0, &shared_reader), 0);
}

static void cleanup(void)
{
	babus_reader_close(shared_reader);
	babus_slot_close(shared);
}

/* What the child's handlers opened still works, and so do new handles. */
static void live(void *arg)
{
	(void)arg;
	active = false;
	use(early.slot, early.reader);
	use(late.slot, late.reader);
	close_own(&early);
	close_own(&late);
	open_own(&early);
	use(early.slot, early.reader);
	close_own(&early);
}

static void fork_once(void)
{
	unsigned before = early_calls, before_late = late_calls;
	pid_t child;

	active = true;
	child = child_start(live, NULL);
	active = false;
	assert_int_equal(early_calls, before + 1);
	assert_int_equal(late_calls, before_late + 1);
	child_join(child);
}

static void fork_handlers_older_and_newer_than_babuss_use_everything(void **state)
{
	(void)state;
	setup();
	for (int i = 0; i < 5; i++)
		fork_once();
	cleanup();
}

static void fork_handlers_use_everything_while_other_threads_register(void **state)
{
	pthread_t threads[3];

	(void)state;
	/* A sanitizer's allocator cannot be forked safely by one of several threads. */
	if (SUPPORT_SANITIZED)
		skip();
	setup();
	stop = 0;
	assert_int_equal(pthread_create(&threads[0], NULL, open_read_close, NULL), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, read_first, NULL), 0);
	assert_int_equal(pthread_create(&threads[2], NULL, open_read_close, NULL), 0);
	for (int i = 0; i < FORKS; i++)
		fork_once();
	stop = 1;
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	cleanup();
}

/* The handler's first view through a handle, while another thread makes its own first view. */
static babus_slot *_Atomic fresh;

static void *view_fresh(void *arg)
{
	while (!stop) {
		struct babus_message message;
		babus_slot *slot = fresh;

		if (!slot)
			continue;
		EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
		babus_message_release(&message);
		fresh = NULL;
	}
	return arg;
}

static void a_handler_and_a_thread_may_be_first_on_one_handle(void **state)
{
	babus_slot *before;
	pthread_t thread;

	(void)state;
	setup();
	before = shared;
	stop = 0;
	assert_int_equal(pthread_create(&thread, NULL, view_fresh, NULL), 0);
	for (int i = 0; i < FORKS; i++) {
		shared = open_slot("s", BABUS_PUBLISH);
		fresh = shared;
		fork_once();
		while (fresh)
			sched_yield();
		babus_slot_close(shared);
	}
	stop = 1;
	assert_int_equal(pthread_join(thread, NULL), 0);
	shared = before;
	cleanup();
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(fork_handlers_older_and_newer_than_babuss_use_everything),
	    CASE(fork_handlers_use_everything_while_other_threads_register),
	    CASE(a_handler_and_a_thread_may_be_first_on_one_handle),
	};

	pthread_atfork(late_prepare, parent, late_child);
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

/* SPDX-License-Identifier: MIT */
/* The waiter's descriptor for event loops. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "waiting.h"

static bool readable(int fd, int timeout_ms)
{
	struct pollfd poller = {.fd = fd, .events = POLLIN};

	return poll(&poller, 1, timeout_ms) == 1;
}

struct loop {
	babus_slot *slot;
	babus_reader *reader;
	babus_waiter *waiter;
	int fd;
};

static struct loop make_loop(uint64_t recheck_ns)
{
	struct babus_waiter_options opts = {.recheck_ns = recheck_ns};
	struct loop loop = {.slot = make_slot("s", 4, 16)};

	assert_int_equal(babus_reader_open(loop.slot, BABUS_START_NEXT, 0, &loop.reader), 0);
	assert_int_equal(babus_waiter_open(bus, &opts, &loop.waiter), 0);
	assert_int_equal(babus_waiter_add(loop.waiter, loop.reader, NULL), 0);
	assert_int_equal(babus_waiter_fd(loop.waiter, &loop.fd), 0);
	return loop;
}

static void end_loop(struct loop *loop)
{
	babus_waiter_close(loop->waiter);
	babus_reader_close(loop->reader);
	babus_slot_close(loop->slot);
}

/* Serve all that is there: how many messages. */
static unsigned serve(struct loop *loop)
{
	struct babus_message message;
	struct babus_event event;
	unsigned served = 0;
	int result;

	while ((result = babus_waiter_wait(loop->waiter, BABUS_NOW, &event, 1)) > 0) {
		assert_int_equal(event.status, 0);
		assert_int_equal(babus_reader_next(event.reader, &message), 0);
		babus_message_release(&message);
		served++;
	}
	assert_int_equal(result, -ETIMEDOUT);
	return served;
}

static void descriptor_is_readable_whenever_there_is_news(void **state)
{
	struct loop loop = make_loop(NO_RECHECK);

	(void)state;
	serve(&loop);
	assert_false(readable(loop.fd, 0));
	for (int i = 0; i < 300; i++) {
		publish_many(loop.slot, 3);
		assert_true(readable(loop.fd, 20000));
		assert_int_equal(serve(&loop), 3);
		assert_false(readable(loop.fd, 0));
	}
	end_loop(&loop);
}

static void descriptor_stays_readable_until_all_is_served(void **state)
{
	struct loop loop = make_loop(NO_RECHECK);
	struct babus_message message;
	struct babus_event event;

	(void)state;
	serve(&loop);
	publish_many(loop.slot, 2);
	assert_true(readable(loop.fd, 20000));
	assert_int_equal(babus_waiter_wait(loop.waiter, BABUS_NOW, &event, 1), 1);
	assert_int_equal(babus_reader_next(loop.reader, &message), 0);
	babus_message_release(&message);
	assert_true(readable(loop.fd, 0));
	assert_int_equal(serve(&loop), 1);
	end_loop(&loop);
}

static void news_from_before_the_descriptor_makes_it_readable(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *reader;
	babus_waiter *waiter;
	int fd, again;

	(void)state;
	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	assert_int_equal(babus_waiter_open(bus, NULL, &waiter), 0);
	assert_int_equal(babus_waiter_add(waiter, reader, NULL), 0);
	publish_many(slot, 1);
	assert_int_equal(babus_waiter_fd(waiter, &fd), 0);
	assert_true(readable(fd, 0));
	assert_int_equal(babus_waiter_fd(waiter, &again), 0);
	assert_int_equal(fd, again);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	babus_waiter_close(waiter);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static void wake_removal_and_added_readers_make_it_readable(void **state)
{
	struct loop loop = make_loop(NO_RECHECK);
	struct babus_event event;
	babus_slot *other = make_slot("other", 4, 16);
	babus_reader *late;

	(void)state;
	serve(&loop);
	assert_int_equal(babus_waiter_wake(loop.waiter), 0);
	assert_true(readable(loop.fd, 20000));
	assert_int_equal(babus_waiter_wait(loop.waiter, BABUS_NOW, &event, 1), -ECANCELED);
	serve(&loop);
	assert_false(readable(loop.fd, 0));

	assert_int_equal(babus_reader_open(other, BABUS_START_NEXT, 0, &late), 0);
	publish_many(other, 1);
	assert_int_equal(babus_waiter_add(loop.waiter, late, NULL), 0);
	assert_true(readable(loop.fd, 20000));
	assert_int_equal(serve(&loop), 1);
	publish_many(other, 1);
	assert_true(readable(loop.fd, 20000));
	assert_int_equal(serve(&loop), 1);
	assert_int_equal(babus_waiter_remove(loop.waiter, late), 0);
	babus_reader_close(late);
	publish_many(other, 1);
	serve(&loop);
	assert_false(readable(loop.fd, 0));

	assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	assert_true(readable(loop.fd, 20000));
	assert_int_equal(babus_waiter_wait(loop.waiter, BABUS_NOW, &event, 1), 1);
	assert_int_equal(event.status, -ENODEV);
	end_loop(&loop);
	babus_slot_close(other);
}

static void domain_watch_makes_it_readable(void **state)
{
	struct loop loop = make_loop(NO_RECHECK);
	struct babus_event event;

	(void)state;
	assert_int_equal(babus_waiter_watch_domain(loop.waiter, &loop), 0);
	serve(&loop);
	babus_slot_close(make_slot("new", 1, 16));
	assert_true(readable(loop.fd, 20000));
	assert_int_equal(babus_waiter_wait(loop.waiter, BABUS_NOW, &event, 1), 1);
	assert_null(event.reader);
	assert_ptr_equal(event.user, &loop);
	end_loop(&loop);
}

static void reader_that_goes_back_makes_it_readable_at_once(void **state)
{
	struct loop loop = make_loop(NO_RECHECK);

	(void)state;
	publish_many(loop.slot, 3);
	assert_int_equal(serve(&loop), 3);
	for (int i = 0; i < 100; i++) {
		assert_false(readable(loop.fd, 0));
		assert_int_equal(babus_reader_seek(loop.reader, BABUS_START_SEQ, 2), 0);
		assert_true(readable(loop.fd, 20000));
		assert_int_equal(serve(&loop), 2);
		/* A seek to its own position, and to the end, is no news. */
		assert_int_equal(babus_reader_seek(loop.reader, BABUS_START_NEXT, 0), 0);
		assert_int_equal(babus_reader_seek(loop.reader, BABUS_START_SEQ, 4), 0);
	}
	assert_false(readable(loop.fd, 10));
	end_loop(&loop);
}

static void many_waiters_share_one_thread_that_ends_with_them(void **state)
{
	enum {
		WAITERS = 20
	};
	struct loop loops[WAITERS];
	unsigned before = count_threads();

	(void)state;
	for (int i = 0; i < WAITERS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "s%d", i);
		loops[i].slot = make_slot(name, 4, 16);
		assert_int_equal(
		    babus_reader_open(loops[i].slot, BABUS_START_NEXT, 0, &loops[i].reader), 0);
		assert_int_equal(babus_waiter_open(bus, NULL, &loops[i].waiter), 0);
		assert_int_equal(babus_waiter_add(loops[i].waiter, loops[i].reader, NULL), 0);
		assert_int_equal(babus_waiter_fd(loops[i].waiter, &loops[i].fd), 0);
		serve(&loops[i]);
	}
	for (int i = 0; i < WAITERS; i++) {
		publish_many(loops[i].slot, 1);
		assert_true(readable(loops[i].fd, 20000));
		assert_int_equal(serve(&loops[i]), 1);
	}
	assert_threads(before + 1);
	for (int i = 0; i < WAITERS; i++)
		end_loop(&loops[i]);
	assert_threads(before);
}

/* --- races ---------------------------------------------------------------------------- */

struct race {
	babus_slot *slot;
	_Atomic uint64_t served;
	uint64_t rounds;
};

static void *publish_when_served(void *arg)
{
	struct race *race = arg;

	for (uint64_t n = 0; n < race->rounds; n++) {
		int64_t patience = now_ns() + 40 * SECOND;

		while (atomic_load(&race->served) < n) {
			EXPECT(now_ns() < patience);
			sched_yield();
		}
		for (uint64_t spin = n * 2654435761u % 4096; spin; spin--)
			__asm__ __volatile__("");
		EXPECT_EQUAL(babus_slot_publish(race->slot, "x", 1, NULL, NULL), 0);
	}
	return NULL;
}

static void no_message_is_missed_by_an_epoll_loop(void **state)
{
	struct loop loop = make_loop(NO_RECHECK);
	struct race race = {.slot = loop.slot, .rounds = 10000 / SUPPORT_SLOWER};
	struct epoll_event event = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	pthread_t thread;
	uint64_t served = 0;

	(void)state;
	assert_int_equal(epoll_ctl(epoll, EPOLL_CTL_ADD, loop.fd, &event), 0);
	assert_int_equal(pthread_create(&thread, NULL, publish_when_served, &race), 0);
	while (served < race.rounds) {
		assert_int_equal(epoll_wait(epoll, &event, 1, 20000), 1);
		served += serve(&loop);
		atomic_store(&race.served, served);
	}
	pthread_join(thread, NULL);
	close(epoll);
	end_loop(&loop);
}

/* --- the end ---------------------------------------------------------------------------- */

static void *publish_while_it_is_there(void *arg)
{
	int result;

	/* Often, but so that each finds all served and wakes the library's thread. */
	do {
		usleep(1000);
		result = babus_slot_publish(arg, "x", 1, NULL, NULL);
	} while (!result);
	EXPECT_EQUAL(result, -ENODEV);
	return NULL;
}

/* Clients that have it mapped could go on for ever. */
static void vanished_domain_is_reported_though_messages_come(void **state)
{
	struct loop loop = make_loop(SECOND);
	int64_t patience = now_ns() + 20 * SECOND * SUPPORT_SLOWER;
	struct babus_event event;
	pthread_t thread;
	int result = 0;

	(void)state;
	assert_no_news(loop.waiter);
	assert_int_equal(pthread_create(&thread, NULL, publish_while_it_is_there, loop.slot), 0);
	assert_int_equal(unlink(domain_file("domain")), 0);
	while (result != -ENODEV) {
		assert_true(now_ns() < patience);
		assert_true(readable(loop.fd, 20000));
		result = babus_waiter_wait(loop.waiter, BABUS_NOW, &event, 1);
		if (result > 0 && !event.status)
			babus_reader_seek(loop.reader, BABUS_START_NEXT, 0);
	}
	pthread_join(thread, NULL);
	end_loop(&loop);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    /* First: no thread of another case is just ending. */
	    CASE(many_waiters_share_one_thread_that_ends_with_them),
	    CASE(descriptor_is_readable_whenever_there_is_news),
	    CASE(descriptor_stays_readable_until_all_is_served),
	    CASE(news_from_before_the_descriptor_makes_it_readable),
	    CASE(wake_removal_and_added_readers_make_it_readable),
	    CASE(domain_watch_makes_it_readable),
	    CASE(reader_that_goes_back_makes_it_readable_at_once),
	    CASE(no_message_is_missed_by_an_epoll_loop),
	    CASE(vanished_domain_is_reported_though_messages_come),
	};

	warm_up_threads();
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

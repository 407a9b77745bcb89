/* SPDX-License-Identifier: MIT */
/*
 * Hundreds of waiters in one event loop: one thread serves them, only those with news are
 * reported, and they are closed in any order.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "payload.h"
#include "waiting.h"

enum {
	WAITERS = 300,
	SLOTS = 60, /* more than channels: each channel has neighbours */
	FOR_EACH = WAITERS / SLOTS
};

/* The i-th waiter reads slot i % SLOTS. */
struct crowd {
	babus_slot *slots[SLOTS];
	babus_reader *readers[WAITERS];
	babus_waiter *waiters[WAITERS]; /* NULL: closed */
	int epoll;
};

static void add_to_crowd(struct crowd *crowd, unsigned i)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
	int fd;

	crowd->readers[i] = open_reader(crowd->slots[i % SLOTS]);
	crowd->waiters[i] = open_waiter(0, NO_RECHECK);
	assert_int_equal(babus_waiter_add(crowd->waiters[i], crowd->readers[i], NULL), 0);
	assert_int_equal(babus_waiter_fd(crowd->waiters[i], &fd), 0);
	assert_no_news(crowd->waiters[i]);
	assert_int_equal(epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, fd, &event), 0);
}

static struct crowd *make_crowd(void)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));

	assert_non_null(crowd);
	crowd->epoll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < SLOTS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "s%u", i);
		crowd->slots[i] = make_slot(name, 4, 16);
	}
	for (unsigned i = 0; i < WAITERS; i++)
		add_to_crowd(crowd, i);
	return crowd;
}

static void leave_crowd(struct crowd *crowd, unsigned i)
{
	babus_waiter_close(crowd->waiters[i]);
	babus_reader_close(crowd->readers[i]);
	crowd->waiters[i] = NULL;
}

static void end_crowd(struct crowd *crowd)
{
	for (unsigned i = 0; i < WAITERS; i++)
		if (crowd->waiters[i])
			leave_crowd(crowd, i);
	for (unsigned i = 0; i < SLOTS; i++)
		babus_slot_close(crowd->slots[i]);
	close(crowd->epoll);
	free(crowd);
}

/* The waiters that are reported have a message of this slot: how many. */
static unsigned serve_some(struct crowd *crowd, unsigned slot)
{
	struct epoll_event events[16];
	int count = epoll_wait(crowd->epoll, events, 16, 20000);

	assert_true(count > 0);
	for (int n = 0; n < count; n++) {
		unsigned i = events[n].data.u32;
		struct babus_event event;

		assert_int_equal(i % SLOTS, slot);
		assert_int_equal(babus_waiter_wait(crowd->waiters[i], BABUS_NOW, &event, 1), 1);
		assert_ptr_equal(event.reader, crowd->readers[i]);
		take_next(event.reader);
		assert_no_news(crowd->waiters[i]);
	}
	return (unsigned)count;
}

static unsigned count_readers(const struct crowd *crowd, unsigned slot)
{
	unsigned count = 0;

	for (unsigned i = slot; i < WAITERS; i += SLOTS)
		count += crowd->waiters[i] != NULL;
	return count;
}

/* One message in each slot reaches all its readers, and no others. */
static void serve_all_slots(struct crowd *crowd)
{
	struct epoll_event event;

	for (unsigned slot = 0; slot < SLOTS; slot++) {
		unsigned left = count_readers(crowd, slot);

		publish_many(crowd->slots[slot], 1);
		while (left)
			left -= serve_some(crowd, slot);
	}
	assert_int_equal(epoll_wait(crowd->epoll, &event, 1, 0), 0);
}

static void hundreds_of_waiters_share_one_thread_and_only_those_with_news_are_reported(void **state)
{
	unsigned before = count_threads();
	struct crowd *crowd = make_crowd();

	(void)state;
	assert_threads(before + 1);
	serve_all_slots(crowd);
	assert_threads(before + 1);
	end_crowd(crowd);
	assert_threads(before);
}

/* --- closing ------------------------------------------------------------------------- */

struct noise {
	babus_slot *const *slots;
	atomic_bool stop;
};

static void *make_noise(void *arg)
{
	struct noise *noise = arg;

	for (unsigned i = 0; !atomic_load(&noise->stop); i++)
		EXPECT_EQUAL(babus_slot_publish(noise->slots[i % SLOTS], "x", 1, NULL, NULL), 0);
	return NULL;
}

static void shuffle(unsigned order[WAITERS])
{
	uint64_t random = 5;

	for (unsigned i = 0; i < WAITERS; i++)
		order[i] = i;
	for (unsigned i = WAITERS - 1; i > 0; i--) {
		unsigned j = (unsigned)(random_next(&random) % (i + 1)), other = order[i];

		order[i] = order[j];
		order[j] = other;
	}
}

/* Take what the other messages have left, so that all are armed again. */
static void settle(struct crowd *crowd)
{
	for (unsigned i = 0; i < WAITERS; i++) {
		struct babus_event event;

		if (!crowd->waiters[i])
			continue;
		assert_int_equal(babus_reader_seek(crowd->readers[i], BABUS_START_NEXT, 0), 0);
		assert_int_equal(babus_waiter_wait(crowd->waiters[i], BABUS_NOW, &event, 1),
				 -ETIMEDOUT);
	}
}

static void waiters_close_in_any_order_while_the_others_are_served(void **state)
{
	unsigned before = count_threads(), order[WAITERS], gone = 0;
	struct crowd *crowd = make_crowd();
	babus_domain *domain = bus;

	(void)state;
	shuffle(order);
	while (gone < WAITERS) {
		struct noise noise = {.slots = crowd->slots};
		unsigned some = gone + WAITERS / 4;
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, make_noise, &noise), 0);
		while (gone < some)
			leave_crowd(crowd, order[gone++]);
		atomic_store(&noise.stop, true);
		pthread_join(thread, NULL);
		assert_threads(before + (gone < WAITERS));
		settle(crowd);
		serve_all_slots(crowd);
		/* The handle may be closed before what was opened from it. */
		babus_domain_close(domain);
		domain = NULL;
		bus = NULL;
	}
	end_crowd(crowd);
}

static void each_domain_handle_has_a_thread_of_its_own(void **state)
{
	unsigned before = count_threads();
	babus_waiter *first = open_waiter(0, 0), *second = open_waiter(0, 0), *foreign;
	babus_domain *again;
	int fd;

	(void)state;
	assert_int_equal(babus_domain_open("test", 0, NULL, &again), 0);
	assert_int_equal(babus_waiter_open(again, NULL, &foreign), 0);
	assert_threads(before);
	assert_int_equal(babus_waiter_fd(first, &fd), 0);
	assert_int_equal(babus_waiter_fd(second, &fd), 0);
	assert_threads(before + 1);
	assert_int_equal(babus_waiter_fd(foreign, &fd), 0);
	assert_threads(before + 2);
	babus_waiter_close(first);
	assert_threads(before + 2);
	babus_waiter_close(second);
	assert_threads(before + 1);
	babus_waiter_close(foreign);
	babus_domain_close(again);
	assert_threads(before);
}

/* --- when no descriptor is left ------------------------------------------------------ */

static void without_a_free_descriptor_it_is_emfile_and_nothing_stays(void **state)
{
	unsigned before = count_threads();
	babus_waiter *waiter = open_waiter(0, 0);
	struct rlimit limit, none;
	int fd = -1;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	assert_int_equal(babus_waiter_fd(waiter, &fd), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(fd, -1);
	assert_threads(before);
	assert_no_news(waiter);
	assert_int_equal(babus_waiter_fd(waiter, &fd), 0);
	assert_threads(before + 1);
	babus_waiter_close(waiter);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(hundreds_of_waiters_share_one_thread_and_only_those_with_news_are_reported),
	    CASE(waiters_close_in_any_order_while_the_others_are_served),
	    CASE(each_domain_handle_has_a_thread_of_its_own),
	    CASE(without_a_free_descriptor_it_is_emfile_and_nothing_stays),
	};

	warm_up_threads();
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

/* SPDX-License-Identifier: MIT */
/*
 * Signals lose no wake-up, and no re-check helps. Each waiting thread has a timer that signals it
 * more than once a millisecond, while a publisher's messages come when the thread has just gone
 * to sleep, or is about to. Such a signal would also end a sleep that lasted too long, so another
 * case sends signals before messages only.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "payload.h"
#include "waiting.h"

enum {
	MOST_SECONDS = 2
};

/* The field has no portable name before glibc 2.38. */
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/* How a thread waits, and which signal it gets. */
static const struct how {
	const char *name;
	int number, flags;
	uint64_t spin_ns;
	bool by_descriptor;
} hows[] = {
    {"handler without SA_RESTART", SIGUSR1, 0, 0, false},
    {"handler with SA_RESTART", SIGUSR2, SA_RESTART, 0, false},
    {"spinning before sleeping", SIGUSR1, 0, 20000, false},
    {"by the descriptor", SIGUSR2, SA_RESTART, 0, true},
};

enum {
	HOWS = sizeof(hows) / sizeof(*hows)
};

/* One thread that waits for its slot. */
struct side {
	const struct how *how;
	babus_slot *slot;
	babus_reader *reader;
	babus_waiter *waiter;
	_Atomic uint64_t seen;
	uint64_t interrupted;
	bool storm;
	pthread_t thread;
};

static struct side sides[HOWS];
static _Thread_local volatile sig_atomic_t handled;

static void on_signal(int number)
{
	(void)number;
	handled++;
}

static void handle_signals(void)
{
	for (unsigned i = 0; i < HOWS; i++) {
		struct sigaction action = {.sa_handler = on_signal, .sa_flags = hows[i].flags};

		assert_int_equal(sigaction(hows[i].number, &action, NULL), 0);
	}
}

static timer_t start_storm(const struct how *how)
{
	struct itimerspec each = {{.tv_nsec = 700000}, {.tv_nsec = 700000}};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = how->number};
	timer_t timer;

	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	EXPECT(!timer_create(CLOCK_MONOTONIC, &event, &timer));
	EXPECT(!timer_settime(timer, 0, &each, NULL));
	return timer;
}

/* --- waiting ------------------------------------------------------------------------------ */

static int wait_by_descriptor(struct side *side, struct babus_event *event)
{
	struct pollfd poller = {.events = POLLIN};
	int result = babus_waiter_wait(side->waiter, BABUS_NOW, event, 1);

	if (result != -ETIMEDOUT)
		return result;
	EXPECT_EQUAL(babus_waiter_fd(side->waiter, &poller.fd), 0);
	result = poll(&poller, 1, 30000);
	if (result < 0)
		return -errno;
	EXPECT_EQUAL(result, 1);
	return babus_waiter_wait(side->waiter, BABUS_NOW, event, 1);
}

static int wait_once(struct side *side, struct babus_event *event)
{
	if (side->how->by_descriptor)
		return wait_by_descriptor(side, event);
	return babus_waiter_wait(side->waiter, babus_deadline(30 * SECOND), event, 1);
}

static void *wait_among_signals(void *arg)
{
	struct side *side = arg;
	bool last = false;
	timer_t storm = NULL;

	if (side->storm)
		storm = start_storm(side->how);

	while (!last) {
		struct babus_message message;
		struct babus_event event;
		int result = wait_once(side, &event);

		if (result == -EINTR) {
			side->interrupted++;
			continue;
		}
		EXPECT_EQUAL(result, 1);
		EXPECT(event.reader == side->reader);
		EXPECT_EQUAL(babus_reader_next(side->reader, &message), 0);
		EXPECT_EQUAL(message.lost, 0);
		last = !message.size;
		babus_message_release(&message);
		atomic_store(&side->seen, message.seq);
	}
	if (side->storm)
		EXPECT(!timer_delete(storm));
	EXPECT(handled > 0);
	return NULL;
}

/* --- publishing ----------------------------------------------------------------------------- */

static void publish_until_the_end(void)
{
	int64_t end = now_ns() + MOST_SECONDS * SECOND;
	uint64_t random = 11;

	for (uint64_t n = 0;; n++) {
		bool last = now_ns() > end;

		for (unsigned i = 0; i < HOWS; i++) {
			await_word(&sides[i].seen, n);
			pause_for_a_moment(&random);
			if (!sides[i].storm) {
				pthread_kill(sides[i].thread, hows[i].number);
				pause_for_a_moment(&random);
			}
			assert_int_equal(
			    babus_slot_publish(sides[i].slot, "x", last ? 0 : 1, NULL, NULL), 0);
		}
		if (last)
			break;
	}
}

static void make_side(unsigned i, bool storm)
{
	struct babus_slot_options opts = small_options(2, 16);
	char name[16];
	int fd;

	snprintf(name, sizeof(name), "s%u", i);
	opts.channel = (int32_t)i; /* its own: a neighbour's wake-up would hide a lost one */
	sides[i] = (struct side){
	    .how = &hows[i], .slot = make_slot_with(name, &opts), .storm = storm};
	sides[i].reader = open_reader(sides[i].slot);
	sides[i].waiter = open_waiter(hows[i].spin_ns, NO_RECHECK);
	assert_int_equal(babus_waiter_add(sides[i].waiter, sides[i].reader, NULL), 0);
	if (hows[i].by_descriptor)
		assert_int_equal(babus_waiter_fd(sides[i].waiter, &fd), 0);
}

static void end_side(struct side *side)
{
	pthread_join(side->thread, NULL);
	printf("# %s: %llu messages, interrupted %llu times\n", side->how->name,
	       (unsigned long long)atomic_load(&side->seen), (unsigned long long)side->interrupted);
	assert_true(side->interrupted > 0 || side->how->spin_ns);
	babus_waiter_close(side->waiter);
	babus_reader_close(side->reader);
	babus_slot_close(side->slot);
}

static void run_among_signals(bool storm)
{
	handle_signals();
	for (unsigned i = 0; i < HOWS; i++)
		make_side(i, storm);
	for (unsigned i = 0; i < HOWS; i++)
		assert_int_equal(
		    pthread_create(&sides[i].thread, NULL, wait_among_signals, &sides[i]), 0);
	publish_until_the_end();
	for (unsigned i = 0; i < HOWS; i++)
		end_side(&sides[i]);
}

static void no_message_is_lost_in_a_storm_of_signals(void **state)
{
	(void)state;
	run_among_signals(true);
}

static void message_right_after_a_signal_wakes_the_waiter(void **state)
{
	(void)state;
	run_among_signals(false);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(no_message_is_lost_in_a_storm_of_signals),
	    CASE(message_right_after_a_signal_wakes_the_waiter),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

/* SPDX-License-Identifier: MIT */
/* Signals during waits. stress_signal.c has the races. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <unistd.h>

#include "waiting.h"

static volatile sig_atomic_t signals;

/* Too many for one sleep: the handlers of one sleep cannot end all of them. */
static void on_signal(int number)
{
	static const char text[] = "expected that a handler ends a sleep\n";

	(void)number;
	if (++signals < 2000)
		return;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) > 0)
		_exit(1);
}

static void handle(int number, int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

	signals = 0;
	EXPECT(!sigaction(number, &action, NULL));
}

/* Again and again: a signal before the sleep does not end it. */
static void start_alarms(void)
{
	struct itimerval timer = {{.tv_usec = 5000}, {.tv_usec = 5000}};

	EXPECT(!setitimer(ITIMER_REAL, &timer, NULL));
}

static void end_alarms(void)
{
	struct itimerval off = {0};

	EXPECT(!setitimer(ITIMER_REAL, &off, NULL));
}

static void handler_ends_a_sleep_with_eintr_whatever_its_flags(void **state)
{
	static const uint64_t rechecks[] = {0, NO_RECHECK, INT64_MAX};
	static const int flags[] = {0, SA_RESTART};
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *reader = open_reader(slot);
	struct babus_event event;

	(void)state;
	for (int i = 0; i < 6; i++) {
		babus_waiter *waiter = open_waiter(0, rechecks[i % 3]);

		snprintf(support_context, sizeof(support_context), "flags %#x, re-check %llu",
			 (unsigned)flags[i / 3], (unsigned long long)rechecks[i % 3]);
		handle(SIGALRM, flags[i / 3]);
		start_alarms();
		assert_int_equal(babus_waiter_wait(waiter, babus_deadline(30 * SECOND), &event, 1),
				 -EINTR);
		assert_int_equal(babus_waiter_wait(waiter, BABUS_FOREVER, &event, 1), -EINTR);
		assert_int_equal(babus_reader_wait(reader, babus_deadline(30 * SECOND)), -EINTR);
		assert_int_equal(babus_reader_wait(reader, BABUS_FOREVER), -EINTR);
		end_alarms();
		assert_true(signals >= 4);
		babus_waiter_close(waiter);
	}
	*support_context = '\0';
	babus_reader_close(reader);
	babus_slot_close(slot);
}

/* --- signals that run no handler ----------------------------------------------------- */

static int gate;

static void wait_for_a_slot(void *arg)
{
	struct babus_event event;
	babus_domain *domain;
	babus_waiter *waiter;
	sigset_t blocked;

	(void)arg;
	handle(SIGUSR1, 0);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGUSR1);
	sigprocmask(SIG_BLOCK, &blocked, NULL);
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_waiter_open(domain, NULL, &waiter), 0);
	EXPECT_EQUAL(babus_waiter_watch_domain(waiter, NULL), 0);
	gate_post(gate, 1);
	EXPECT_EQUAL(babus_waiter_wait(waiter, babus_deadline(30 * SECOND), &event, 1), 1);
	EXPECT_EQUAL(signals, 0);
	babus_waiter_close(waiter);
}

/* Ignored, blocked, and stopped and continued. */
static void wait_goes_on_if_no_handler_runs(void **state)
{
	pid_t child;
	int status;

	(void)state;
	gate = gate_open();
	child = child_start(wait_for_a_slot, NULL);
	gate_wait(gate);
	for (int i = 0; i < 10; i++) {
		usleep(10000);
		kill(child, SIGWINCH);
		kill(child, SIGUSR1);
		kill(child, SIGSTOP);
		assert_true(child_wait_stopped(child, &status));
		kill(child, SIGCONT);
	}
	babus_slot_close(make_slot("s", 4, 16));
	child_join(child);
	gate_close(gate);
}

/* --- with a message at the same moment ---------------------------------------------------- */

static void wait_for_a_message(void *arg)
{
	babus_slot *slot = child_open_slot("s", BABUS_READ);
	int64_t deadline = babus_deadline(30 * SECOND);
	struct babus_event event;
	babus_waiter *waiter;
	babus_reader *reader;
	int result;

	(void)arg;
	handle(SIGUSR1, SA_RESTART);
	waiter = child_open_waiter(slot, NO_RECHECK, &reader);
	gate_post(gate, 1);
	result = babus_waiter_wait(waiter, deadline, &event, 1);
	EXPECT(result == 1 || result == -EINTR);
	if (result < 0)
		EXPECT_EQUAL(babus_waiter_wait(waiter, deadline, &event, 1), 1);
	/* Linux has run the handler by now, valgrind does so a little later. */
	while (!signals)
		sched_yield();
	EXPECT_EQUAL(signals, 1);
	EXPECT(event.reader == reader && event.status == 0);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

/* Both find it stopped in its sleep, in either order. */
static void message_that_comes_with_a_signal_is_reported(void **state)
{
	babus_slot *slot = make_slot("s", 4, 16);
	int status;

	(void)state;
	gate = gate_open();
	for (int i = 0; i < 40; i++) {
		pid_t child = child_start(wait_for_a_message, NULL);

		gate_wait(gate);
		usleep(2000);
		kill(child, SIGSTOP);
		assert_true(child_wait_stopped(child, &status));
		if (i % 2)
			publish_many(slot, 1);
		kill(child, SIGUSR1);
		if (i % 2 == 0)
			publish_many(slot, 1);
		kill(child, SIGCONT);
		child_join(child);
	}
	gate_close(gate);
	babus_slot_close(slot);
}

/* --- the library's own thread ------------------------------------------------------------- */

static void signal_is_left_to_the_programs_threads(void **state)
{
	babus_waiter *waiter = open_waiter(0, 0);
	sigset_t usr1, pending, before;
	int fd, number;

	(void)state;
	handle(SIGUSR1, 0);
	assert_int_equal(babus_waiter_fd(waiter, &fd), 0);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &usr1, &before);
	kill(getpid(), SIGUSR1);
	/* A thread that did not block the signal would take it now. */
	usleep(20000);
	sigpending(&pending);
	assert_true(sigismember(&pending, SIGUSR1));
	assert_int_equal(signals, 0);
	assert_int_equal(sigwait(&usr1, &number), 0);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	babus_waiter_close(waiter);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(handler_ends_a_sleep_with_eintr_whatever_its_flags),
	    CASE(wait_goes_on_if_no_handler_runs),
	    CASE(message_that_comes_with_a_signal_is_reported),
	    CASE(signal_is_left_to_the_programs_threads),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

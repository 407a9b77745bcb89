/* SPDX-License-Identifier: MIT */
/* Signals during waits; stress_signal.c has the races. */
#include <errno.h>
#include <signal.h>
#include <sys/time.h>

#include "waiting.h"

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

static void signal_handler_is_eintr(void **state)
{
	struct sigaction action = {.sa_handler = on_signal};
	babus_slot *slot = make_slot("s", 4, 16);
	babus_reader *reader = open_reader(slot);
	babus_waiter *waiter = open_waiter(0, NO_RECHECK);
	struct itimerval timer = {{.tv_usec = 20000}, {.tv_usec = 20000}}, off = {0};
	struct babus_event event;

	(void)state;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	assert_int_equal(babus_waiter_wait(waiter, babus_deadline(30 * SECOND), &event), -EINTR);
	assert_int_equal(babus_reader_wait(reader, babus_deadline(30 * SECOND)), -EINTR);
	setitimer(ITIMER_REAL, &off, NULL);
	assert_true(signals >= 2);
	babus_waiter_close(waiter);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(signal_handler_is_eintr),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 120);
}

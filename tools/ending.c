/* SPDX-License-Identifier: MIT */
/*
 * A thread takes the signals. A handler could only set a flag, which is lost
 * between a look at it and the sleep that follows; a thread may call
 * babus_waiter_wake(). For read(2) and write(2), which have the same gap, it
 * interrupts them and then gives the main thread a bounded time to notice.
 */
#include "ending.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Has no meaning but to interrupt a system call of the main thread. */
#define INTERRUPT SIGUSR2

#define GRACE_MS 1000

static atomic_int caught;
static atomic_bool reader_gone;
static pthread_t main_thread;
static sigset_t watched;
static int signals = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static babus_waiter *to_wake; /* under the lock */

static void die(int number)
{
	sigset_t only;

	signal(number, SIG_DFL);
	sigemptyset(&only);
	sigaddset(&only, number);
	pthread_sigmask(SIG_UNBLOCK, &only, NULL);
	raise(number);
}

static void wake(void)
{
	pthread_mutex_lock(&lock);
	if (to_wake)
		babus_waiter_wake(to_wake);
	pthread_mutex_unlock(&lock);
}

/* Wait for a signal and, if `output` is not -1, for the end of who reads it. */
static int next_signal(int output, int timeout_ms)
{
	struct pollfd fds[] = {{.fd = signals, .events = POLLIN}, {.fd = output}};
	struct signalfd_siginfo info;

	while (poll(fds, 2, timeout_ms)) {
		if (fds[1].revents) {
			atomic_store(&reader_gone, true);
			wake();
			fds[1].fd = -1;
		}
		if (fds[0].revents && read(signals, &info, sizeof(info)) == sizeof(info))
			return (int)info.ssi_signo;
	}
	return 0;
}

/* Only what has another end can lose it. */
static int output_to_watch(void)
{
	struct stat st;

	if (!to_wake || fstat(STDOUT_FILENO, &st) < 0)
		return -1;
	return S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) ? STDOUT_FILENO : -1;
}

static void *watch(void *output)
{
	int number = next_signal(*(const int *)output, -1);

	atomic_store(&caught, number);
	wake();
	pthread_kill(main_thread, INTERRUPT);
	next_signal(-1, GRACE_MS);
	die(number);
	return NULL;
}

static void ignore(int number)
{
	(void)number;
}

/* What whoever started us ignores (nohup, &) stays ignored. */
static void choose_signals(void)
{
	static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction before;

	sigemptyset(&watched);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
			sigaddset(&watched, numbers[i]);
}

void ending_watch(babus_waiter *waiter)
{
	struct sigaction action = {.sa_handler = ignore}; /* no SA_RESTART */
	static int output;
	sigset_t interrupts;
	pthread_t thread;

	to_wake = waiter;
	output = output_to_watch();
	main_thread = pthread_self();
	choose_signals();
	signals = signalfd(-1, &watched, SFD_CLOEXEC);
	if (signals < 0)
		return;
	sigaction(INTERRUPT, &action, NULL);
	sigemptyset(&interrupts);
	sigaddset(&interrupts, INTERRUPT);
	pthread_sigmask(SIG_UNBLOCK, &interrupts, NULL);
	pthread_sigmask(SIG_BLOCK, &watched, NULL);
	if (pthread_create(&thread, NULL, watch, &output))
		pthread_sigmask(SIG_UNBLOCK, &watched, NULL);
	else
		pthread_detach(thread);
}

void ending_release(void)
{
	pthread_mutex_lock(&lock);
	to_wake = NULL;
	pthread_mutex_unlock(&lock);
}

bool ending_due(void)
{
	return atomic_load(&caught) || atomic_load(&reader_gone);
}

void ending_deliver(void)
{
	int number = atomic_load(&caught);

	if (number)
		die(number);
}

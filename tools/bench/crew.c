/* SPDX-License-Identifier: MIT */
#include "crew.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "work.h"

enum {
	RUN_TIMEOUT_S = 30,    /* however busy the machine is, and then */
	RUN_TIMEOUT_RUNS = 250 /* times as long as a run measures */
};

struct thread {
	struct crew *crew;
	unsigned who;
	void (*part)(struct crew *crew, unsigned who, void *arg);
	void *arg;
	pthread_t id;
};

static size_t size_of(unsigned members)
{
	return sizeof(struct crew) + members * sizeof(struct report);
}

struct crew *crew_new(unsigned members, bool threads, size_t talk_size)
{
	struct crew *crew = bench_shared(size_of(members));
	pthread_barrierattr_t shared;

	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&crew->barrier, &shared, members);
	pthread_barrierattr_destroy(&shared);
	crew->members = members;
	crew->threads = threads;
	crew->talk = talk_size ? bench_shared(talk_size) : NULL;
	crew->talk_size = talk_size;
	return crew;
}

void crew_free(struct crew *crew)
{
	if (crew->talk)
		bench_unshare(crew->talk, crew->talk_size);
	/* Not destroyed: that would wait for a member that was killed in the barrier. */
	bench_unshare(crew, size_of(crew->members));
}

void crew_meet(struct crew *crew)
{
	pthread_barrier_wait(&crew->barrier);
}

void crew_pin(unsigned processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &set);
	bench_check(sched_setaffinity(0, sizeof(set), &set) ? -errno : 0, "sched_setaffinity");
}

int crew_fork(void)
{
	pid_t parent = getpid(), child = fork();
	sigset_t none;

	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	return 0;
}

static void *thread_main(void *arg)
{
	struct thread *thread = arg;

	thread->part(thread->crew, thread->who, thread->arg);
	return NULL;
}

static void all_threads(struct crew *crew, void (*part)(struct crew *crew, unsigned who, void *arg),
			void *arg)
{
	struct thread *thread = bench_memory(crew->members * sizeof(*thread));

	for (unsigned i = 0; i < crew->members; i++) {
		thread[i] = (struct thread){.crew = crew, .who = i, .part = part, .arg = arg};
		bench_check(pthread_create(&thread[i].id, NULL, thread_main, &thread[i]), "thread");
	}
	for (unsigned i = 0; i < crew->members; i++)
		pthread_join(thread[i].id, NULL);
}

static void end_all(pid_t *pid, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (pid[i])
			kill(pid[i], SIGKILL);
	}
	for (unsigned i = 0; i < count; i++) {
		if (pid[i])
			waitpid(pid[i], NULL, 0);
	}
}

/* Forget those that are over; how many, or -ECHILD: one of them failed. */
static int reap(pid_t *pid, unsigned count)
{
	int over = 0, status;

	for (unsigned i = 0; i < count; i++) {
		if (!pid[i] || waitpid(pid[i], &status, WNOHANG) == 0)
			continue;
		pid[i] = 0;
		over++;
		if (!WIFEXITED(status) || WEXITSTATUS(status))
			return -ECHILD;
	}
	return over;
}

/* Until all are over. Signals, SIGCHLD too, are let in only while it sleeps. */
static int wait_all(pid_t *pid, unsigned count)
{
	uint64_t deadline = bench_now() + RUN_TIMEOUT_S * UINT64_C(1000000000) +
			    RUN_TIMEOUT_RUNS * run_ns();
	struct timespec second = {.tv_sec = 1};
	sigset_t none;
	int over;

	sigemptyset(&none);
	for (unsigned left = count; left; left -= (unsigned)over) {
		over = reap(pid, count);
		if (over < 0)
			return over;
		if (!over)
			ppoll(NULL, 0, &second, &none);
		if (bench_interrupted())
			return -EINTR;
		if (bench_now() > deadline)
			return -ETIMEDOUT;
	}
	return 0;
}

int crew_run(struct crew *crew, void (*part)(struct crew *crew, unsigned who, void *arg), void *arg)
{
	unsigned count = crew->threads ? 1 : crew->members;
	pid_t *pid = bench_memory(count * sizeof(*pid));
	int error = 0;

	for (unsigned i = 0; i < count && !error; i++) {
		pid[i] = crew_fork();
		if (pid[i] < 0) {
			error = -errno;
			pid[i] = 0;
		} else if (!pid[i]) {
			if (crew->threads)
				all_threads(crew, part, arg);
			else
				part(crew, i, arg);
			exit(0); /* libraries of peers clean up then */
		}
	}
	if (!error)
		error = wait_all(pid, count);
	end_all(pid, count);
	free(pid);
	return error;
}

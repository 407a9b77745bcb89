/* SPDX-License-Identifier: MIT */
#include "crew.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
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

struct process {
	pid_t pid; /* 0: over */
	int fd;
};

static size_t size_of(unsigned members)
{
	return sizeof(struct crew) + members * sizeof(struct report);
}

struct crew *crew_new(unsigned members, bool threads)
{
	struct crew *crew = bench_shared(size_of(members));
	pthread_barrierattr_t shared;

	pthread_barrierattr_init(&shared);
	pthread_barrierattr_setpshared(&shared, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&crew->barrier, &shared, members);
	pthread_barrierattr_destroy(&shared);
	crew->members = members;
	crew->threads = threads;
	return crew;
}

void crew_free(struct crew *crew)
{
	/* Not destroyed: one that was killed in it would make that wait. */
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

/* Give up its number and descriptor; whether it ended well. */
static bool reap(struct process *process)
{
	int status;

	waitpid(process->pid, &status, 0);
	close(process->fd);
	process->pid = 0;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void end_all(struct process *process, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (process[i].pid)
			kill(process[i].pid, SIGKILL);
	}
	for (unsigned i = 0; i < count; i++) {
		if (process[i].pid)
			reap(&process[i]);
	}
}

/* Until all are over. Signals are let in only while it sleeps. */
static int wait_all(struct process *process, unsigned count)
{
	uint64_t deadline = bench_now() + RUN_TIMEOUT_S * UINT64_C(1000000000) +
			    RUN_TIMEOUT_RUNS * run_ns();
	struct pollfd *poll = bench_memory(count * sizeof(*poll));
	struct timespec second = {.tv_sec = 1};
	unsigned left = count;
	int error = 0;
	sigset_t none;

	sigemptyset(&none);
	while (left && !error) {
		for (unsigned i = 0; i < count; i++)
			poll[i] = (struct pollfd){.fd = process[i].pid ? process[i].fd : -1,
						  .events = POLLIN};
		if (ppoll(poll, count, &second, &none) < 0 && errno != EINTR)
			error = -errno;
		for (unsigned i = 0; i < count && !error && !bench_interrupted(); i++) {
			if (!(poll[i].revents & POLLIN))
				continue;
			left--;
			if (!reap(&process[i]))
				error = -ECHILD;
		}
		if (bench_interrupted())
			error = -EINTR;
		else if (!error && bench_now() > deadline)
			error = -ETIMEDOUT;
	}
	free(poll);
	return error;
}

int crew_run(struct crew *crew, void (*part)(struct crew *crew, unsigned who, void *arg), void *arg)
{
	unsigned count = crew->threads ? 1 : crew->members;
	struct process *process = bench_memory(count * sizeof(*process));
	int error = 0;

	for (unsigned i = 0; i < count && !error; i++) {
		process[i].pid = crew_fork();
		if (process[i].pid == 0) {
			if (crew->threads)
				all_threads(crew, part, arg);
			else
				part(crew, i, arg);
			exit(0); /* libraries of peers clean up then */
		}
		process[i].fd = process[i].pid < 0 ? -1 : pidfd_open(process[i].pid, 0);
		if (process[i].fd < 0) {
			error = -errno;
			if (process[i].pid < 0)
				process[i].pid = 0;
		}
	}
	if (!error)
		error = wait_all(process, count);
	end_all(process, count);
	free(process);
	return error;
}

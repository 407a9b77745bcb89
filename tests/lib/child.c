/* SPDX-License-Identifier: MIT */
#include "child.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support.h"

enum {
	GATE_TIMEOUT_MS = 60000 * SUPPORT_SLOWER
};

void support_fail(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: in process %d: expected %s\n", file, line, (int)getpid(), what);
	_exit(1);
}

void support_expect_equal(int64_t got, int64_t wanted, const char *what, const char *file, int line)
{
	if (got == wanted)
		return;
	fprintf(stderr, "%s:%d: in process %d: %s is %" PRId64 ", expected %" PRId64 "\n", file,
		line, (int)getpid(), what, got, wanted);
	_exit(1);
}

void support_late(const char *what)
{
	fprintf(stderr, "time limit: %s\n", what);
}

/* A fault in a child ends it. cmocka's handlers would go on with the next case. */
static void reset_faults(void)
{
	static const int faults[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGSYS, SIGABRT};

	for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		signal(faults[i], SIG_DFL);
}

pid_t child_start(void (*fn)(void *arg), void *arg)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		reset_faults();
		fn(arg);
		_exit(0);
	}
	assert_true(pid > 0);
	return pid;
}

int child_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		assert_int_equal(errno, EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void child_join(pid_t pid)
{
	assert_int_equal(child_wait(pid), 0);
}

void child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	child_wait(pid);
}

bool child_wait_stopped(pid_t pid, int *status)
{
	int raw;

	while (waitpid(pid, &raw, WUNTRACED) < 0)
		assert_int_equal(errno, EINTR);
	if (WIFSTOPPED(raw))
		return true;
	*status = WIFEXITED(raw) ? WEXITSTATUS(raw) : -WTERMSIG(raw);
	return false;
}

void child_become(uid_t uid, gid_t extra_group)
{
	gid_t gid = (gid_t)uid;

	EXPECT(!setgroups(extra_group != (gid_t)-1, &extra_group));
	EXPECT(!setresgid(gid, gid, gid) && !setresuid(uid, uid, uid));
	/* setresuid() makes it not dumpable; then /proc/self would belong to root. */
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

babus_domain *child_open_domain(void)
{
	babus_domain *domain = NULL;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	return domain;
}

babus_slot *child_open_slot(const char *name, unsigned flags)
{
	babus_slot *slot = NULL;

	EXPECT_EQUAL(babus_slot_open(child_open_domain(), name, flags, NULL, &slot), 0);
	return slot;
}

babus_waiter *child_open_waiter(babus_slot *slot, uint64_t recheck_ns, babus_reader **reader)
{
	struct babus_waiter_options opts = {.recheck_ns = recheck_ns};
	babus_waiter *waiter = NULL;

	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_NEXT, 0, reader), 0);
	EXPECT_EQUAL(babus_waiter_open(babus_slot_domain(slot), &opts, &waiter), 0);
	EXPECT_EQUAL(babus_waiter_add(waiter, *reader, NULL), 0);
	return waiter;
}

int gate_open(void)
{
	int gate = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);

	assert_true(gate >= 0);
	return gate;
}

void gate_post(int gate, unsigned n)
{
	EXPECT(!eventfd_write(gate, n));
}

void gate_wait(int gate)
{
	struct pollfd wait = {.fd = gate, .events = POLLIN};
	eventfd_t one;
	int ready;

	do
		ready = poll(&wait, 1, GATE_TIMEOUT_MS);
	while (ready < 0 && errno == EINTR);
	if (!ready)
		support_late("a gate is not posted");
	EXPECT(ready == 1);
	EXPECT(!eventfd_read(gate, &one));
}

void gate_close(int gate)
{
	close(gate);
}

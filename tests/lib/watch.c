/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	ASLEEP_TIMEOUT_MS = 20000
};

/* --- threads ----------------------------------------------------------------------- */

/* A file of one thread of a process, as text; "" if it is gone. */
static void read_file(pid_t pid, const char *thread, const char *leaf, char *text, size_t size)
{
	size_t length = 0;
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%.16s/%s", (int)pid, thread, leaf);
	file = fopen(path, "re");
	if (file) {
		length = fread(text, 1, size - 1, file);
		fclose(file);
	}
	text[length] = '\0';
}

/* Call fn for each thread, until it returns false. */
static bool each_thread(pid_t pid, bool (*fn)(pid_t pid, const char *thread, void *arg), void *arg)
{
	struct dirent *entry;
	char path[64];
	DIR *dir;
	bool all = true;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir) {
		fail_msg("process %d is gone", (int)pid);
		return false;
	}
	while (all && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			all = fn(pid, entry->d_name, arg);
	closedir(dir);
	return all;
}

static bool is_asleep(pid_t pid, const char *thread, void *arg)
{
	char text[256], *end;
	long call;

	(void)arg;
	/* The number of the call, "running", or "-1" where it sleeps for another reason. */
	read_file(pid, thread, "syscall", text, sizeof(text));
	call = strtol(text, &end, 10);
#ifdef SYS_poll
	if (end != text && call == SYS_poll)
		return true;
#endif
	return end != text && (call == SYS_futex || call == SYS_ppoll);
}

void watch_asleep(pid_t pid)
{
	int64_t deadline = now_ns() + MILLISECOND * SUPPORT_SLOWER * ASLEEP_TIMEOUT_MS;

	/* The kernel does not report that a process went to sleep: look until it did. */
	while (!each_thread(pid, is_asleep, NULL)) {
		if (now_ns() > deadline)
			fail_msg("time limit: process %d does not go to sleep", (int)pid);
		poll(NULL, 0, 1);
	}
}

static bool add_use(pid_t pid, const char *thread, void *arg)
{
	static const char switches[] = "\nvoluntary_ctxt_switches:";
	struct watch_use *use = arg;
	char text[4096];
	const char *line;

	read_file(pid, thread, "status", text, sizeof(text));
	line = strstr(text, switches);
	assert_non_null(line);
	use->switches += strtoull(line + sizeof(switches) - 1, NULL, 10);
	read_file(pid, thread, "schedstat", text, sizeof(text));
	assert_true(*text);
	use->cpu_ns += strtoull(text, NULL, 10);
	return true;
}

struct watch_use watch_look(pid_t pid)
{
	struct watch_use use = {.at_ns = now_ns()};

	each_thread(pid, add_use, &use);
	use.end_ns = now_ns();
	return use;
}

/* --- system calls ------------------------------------------------------------------ */

struct traced {
	void (*begin)(void *arg), (*fn)(void *arg);
	void *arg;
};

enum {
	NOT_ALLOWED = 9
};

/* Calls that nothing else makes mark where counting begins and ends. */
static void be_traced(void *arg)
{
	const struct traced *traced = arg;

	traced->begin(traced->arg);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(NOT_ALLOWED);
	raise(SIGSTOP);
	syscall(SYS_getpgid, 0);
	traced->fn(traced->arg);
	syscall(SYS_getpgid, 0);
}

/* Let it run to its next stop: its wait status. */
static int go_on(pid_t pid, int signal)
{
	int status;

	assert_int_equal(ptrace(PTRACE_SYSCALL, pid, NULL, signal), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void count_call(pid_t pid, unsigned *marks, unsigned counts[WATCH_CALLS])
{
	struct __ptrace_syscall_info info;

	assert_true(ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) > 0);
	if (info.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	if (info.entry.nr == SYS_getpgid)
		++*marks;
	else if (*marks == 1 && info.entry.nr < WATCH_CALLS)
		counts[info.entry.nr]++;
}

bool watch_calls(void (*begin)(void *arg), void (*fn)(void *arg), void *arg,
		 unsigned counts[WATCH_CALLS])
{
	struct traced traced = {begin, fn, arg};
	pid_t pid = child_start(be_traced, &traced);
	unsigned marks = 0;
	int status;

	memset(counts, 0, WATCH_CALLS * sizeof(*counts));
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	if (WIFEXITED(status)) {
		assert_int_equal(WEXITSTATUS(status), NOT_ALLOWED);
		return false;
	}
	assert_int_equal(
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), 0);
	for (status = go_on(pid, 0); WIFSTOPPED(status);) {
		int signal = WSTOPSIG(status);

		if (signal == (SIGTRAP | 0x80)) {
			count_call(pid, &marks, counts);
			signal = 0;
		}
		status = go_on(pid, signal);
	}
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(marks, 2);
	return true;
}

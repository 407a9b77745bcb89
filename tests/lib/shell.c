/* SPDX-License-Identifier: MIT */
#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- jobs -------------------------------------------------------------------------- */

struct program {
	const char *const *argv;
};

static void run_program(void *arg)
{
	const struct program *program = arg;

	if (chdir(mount_point) < 0) {
		perror(mount_point);
		_exit(126);
	}
	execvp(program->argv[0], (char **)program->argv);
	perror(program->argv[0]);
	_exit(127);
}

void job_call(struct job *job, void (*fn)(void *arg), void *arg)
{
	int out[2], err[2];
	pid_t parent = getpid();

	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	fflush(NULL);
	job->pid = fork();
	assert_true(job->pid >= 0);
	if (job->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		fn(arg);
		fflush(NULL);
		_exit(0);
	}
	close(out[1]);
	close(err[1]);
	job->out = out[0];
	job->err = err[0];
}

void job_start(struct job *job, const char *const *argv)
{
	struct program program = {argv};

	job_call(job, run_program, &program);
}

/* Read more of a pipe. False at its end. */
static bool collect(int fd, char **text, size_t *size, size_t *room)
{
	ssize_t got;

	if (*room - *size < 65537) {
		*room = *room ? 2 * *room : 262144;
		*text = realloc(*text, *room);
		assert_non_null(*text);
	}
	got = read(fd, *text + *size, *room - *size - 1);
	if (got > 0)
		*size += (size_t)got;
	(*text)[*size] = '\0';
	return got > 0;
}

void job_finish(struct job *job, struct outcome *outcome)
{
	struct pollfd fds[2] = {{.fd = job->out, .events = POLLIN},
				{.fd = job->err, .events = POLLIN}};
	int64_t deadline = now_ns() + SHELL_TIMEOUT_MS * MILLISECOND;
	size_t out_room = 0, err_room = 0;
	bool late = false;

	*outcome = (struct outcome){0};
	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		int64_t left = deadline - now_ns();

		if (left <= 0) {
			late = true;
			break;
		}
		if (poll(fds, 2, (int)(left / MILLISECOND) + 1) <= 0)
			continue;
		if (fds[0].revents &&
		    !collect(fds[0].fd, &outcome->out, &outcome->out_size, &out_room))
			fds[0].fd = -1;
		if (fds[1].revents &&
		    !collect(fds[1].fd, &outcome->err, &outcome->err_size, &err_room))
			fds[1].fd = -1;
	}
	if (!late)
		late = await_end(job->pid, now_ns(), &outcome->status) < 0;
	if (late) {
		support_late("a command does not end");
		child_kill(job->pid);
		outcome->status = -SIGALRM;
	}
	close(job->out);
	close(job->err);
}

void outcome_free(struct outcome *outcome)
{
	free(outcome->out);
	free(outcome->err);
}

/* --- commands ------------------------------------------------------------------------- */

static const char *text_of(const char *text)
{
	return text ? text : "";
}

/* What every command finds in its environment. */
static void set_environment(void)
{
	char path[4096];
	const char *before = getenv("PATH");

	if (before && strncmp(before, "/usr/bin:", 9) != 0) {
		/* The tools of the system, not a user's wrappers. */
		snprintf(path, sizeof(path), "/usr/bin:/bin:%s", before);
		setenv("PATH", path, 1);
	}
	setenv("LC_ALL", "C", 1);
	setenv("T", support_root, 1);
	setenv("M", mount_point, 1);
}

static void run_text(const char *interpreter, const char *text, struct outcome *outcome)
{
	const char *argv[] = {interpreter, "-c", text, NULL};
	struct job job;

	set_environment();
	job_start(&job, argv);
	job_finish(&job, outcome);
}

void shell_try(const char *shell, const char *text, struct outcome *outcome)
{
	run_text(shell, text, outcome);
}

static void expect(const char *interpreter, const char *text, const char *out)
{
	struct outcome outcome;
	bool right;

	run_text(interpreter, text, &outcome);
	right = outcome.status == 0 && !outcome.err_size &&
		(!out || strcmp(text_of(outcome.out), out) == 0);
	if (!right)
		print_error("%s -c '%s'\nended with %d, said '%s' and '%s'\n", interpreter, text,
			    outcome.status, text_of(outcome.out), text_of(outcome.err));
	outcome_free(&outcome);
	assert_true(right);
}

void shell_run(const char *shell, const char *text)
{
	expect(shell, text, NULL);
}

void shell_expect(const char *shell, const char *text, const char *out)
{
	expect(shell, text, out);
}

void python_run(const char *text)
{
	expect("python3", text, NULL);
}

/* --- processes -------------------------------------------------------------------------- */

static size_t read_proc(pid_t pid, const char *leaf, char *text, size_t room)
{
	char path[64];
	ssize_t got = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, leaf);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		got = read(fd, text, room - 1);
		close(fd);
	}
	text[got > 0 ? got : 0] = '\0';
	return got > 0 ? (size_t)got : 0;
}

char process_state(pid_t pid)
{
	char text[1024];
	const char *state;

	if (!read_proc(pid, "stat", text, sizeof(text)))
		return 'X';
	state = strrchr(text, ')');
	if (!state)
		return 'X';
	return state[2];
}

long process_status(pid_t pid, const char *key)
{
	char text[8192];
	const char *line;

	read_proc(pid, "status", text, sizeof(text));
	line = strstr(text, key);
	return line ? strtol(line + strlen(key) + 1, NULL, 10) : -1;
}

/* Whether it sleeps there, in that system call (-1: any). */
static bool sleeps(pid_t pid, const char *where, long number)
{
	char found[128], call[256], *end;

	read_proc(pid, "wchan", found, sizeof(found));
	if (!strstr(found, where))
		return false;
	if (number < 0)
		return true;
	read_proc(pid, "syscall", call, sizeof(call));
	return strtol(call, &end, 10) == number && end != call;
}

static void await_sleep_in(pid_t pid, const char *where, long number)
{
	int64_t deadline = now_ns() + SHELL_TIMEOUT_MS * MILLISECOND;

	/* The kernel does not report that a process went to sleep: look until it did. */
	while (!sleeps(pid, where, number)) {
		if (now_ns() > deadline)
			fail_msg("time limit: process %d, in state %c, does not sleep in '%s'",
				 (int)pid, process_state(pid), where);
		poll(NULL, 0, 1);
	}
}

void await_sleep(pid_t pid, const char *where)
{
	await_sleep_in(pid, where, -1);
}

void await_blocked(pid_t pid)
{
	await_sleep_in(pid, "request_wait", SYS_read);
}

int64_t await_end(pid_t pid, int64_t since, int *status)
{
	struct pollfd wait = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	int64_t deadline = now_ns() + SHELL_TIMEOUT_MS * MILLISECOND, took = -1;

	assert_true(wait.fd >= 0);
	while (!wait.revents && now_ns() < deadline)
		poll(&wait, 1, SHELL_TIMEOUT_MS);
	close(wait.fd);
	if (!wait.revents)
		support_late("a process does not end");
	if (wait.revents) {
		*status = child_wait(pid);
		took = now_ns() - since;
	}
	return took;
}

/* --- what was published -------------------------------------------------------------------- */

static char seen_slot[64];
static uint64_t seen;

void new_slot(const char *name)
{
	struct babus_slot_options opts = small_options(64, 1 << 20);

	opts.pins = 64;
	opts.loans = 16;
	babus_slot_close(make_slot_with(name, &opts));
	snprintf(seen_slot, sizeof(seen_slot), "%s", name);
	seen = 0;
}

static void print_messages(babus_slot *slot, uint64_t from)
{
	struct babus_message message;

	for (uint64_t seq = from; babus_slot_view(slot, BABUS_SEQ, seq, &message) == 0; seq++) {
		print_error("published: %zu bytes '%.*s'\n", message.size,
			    (int)(message.size < 60 ? message.size : 60),
			    (const char *)message.data);
		babus_message_release(&message);
	}
}

static bool holds(babus_slot *slot, uint64_t seq, const char *text)
{
	struct babus_message message;
	bool same;

	if (babus_slot_view(slot, BABUS_SEQ, seq, &message))
		return false;
	same = message.size == strlen(text) && memcmp(message.data, text, message.size) == 0;
	babus_message_release(&message);
	return same;
}

void assert_published(const char *name, ...)
{
	babus_slot *slot = open_slot(name, BABUS_READ);
	struct babus_slot_info info;
	uint64_t from, seq;
	const char *text;
	bool right = true;
	va_list list;

	if (strcmp(name, seen_slot) != 0) {
		snprintf(seen_slot, sizeof(seen_slot), "%s", name);
		seen = 0;
	}
	from = seq = seen + 1;
	va_start(list, name);
	while ((text = va_arg(list, const char *))) {
		right = right && holds(slot, seq, text);
		seq++;
	}
	va_end(list);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	right = right && info.seq == seq - 1;
	if (!right) {
		print_error("expected %d messages:", (int)(seq - from));
		va_start(list, name);
		while ((text = va_arg(list, const char *)))
			print_error(" '%.60s'", text);
		va_end(list);
		print_error("\n");
		print_messages(slot, from);
	}
	seen = info.seq;
	babus_slot_close(slot);
	assert_true(right);
}

void assert_quiet(const char *name)
{
	babus_slot *slot = open_slot(name, BABUS_READ);
	babus_reader *reader;

	assert_int_equal(babus_reader_open(slot, BABUS_START_SEQ, seen + 1, &reader), 0);
	assert_int_equal(babus_reader_wait(reader, babus_deadline(100 * MILLISECOND)), -ETIMEDOUT);
	babus_reader_close(reader);
	babus_slot_close(slot);
}

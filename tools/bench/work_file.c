/* SPDX-License-Identifier: MIT */
/*
 * The file view of babusfs, next to a FUSE file system of the same shape that
 * does nothing (fuse_floor.c), to tmpfs, and to what a shell has instead: a
 * program that is started for each message, cat and cp here, redis-cli there.
 * Each operation is timed by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon.h"
#include "mounted.h"
#include "plan.h"

enum {
	TIMES_MIN = 3,
	READ_SIZE = 1 << 20,
	BLOCKED_NS = 300000 /* the reader is asleep by then */
};

/* Of all members of a run, in shared memory. */
struct talk {
	_Atomic uint64_t waiting; /* how often the reader has come to wait */
	_Atomic bool over;
};

struct job;

/* Where the files of a case are. */
enum where {
	ON_TMPFS,
	ON_FLOOR,
	ON_BABUSFS,
	IN_REDIS
};

struct kind {
	const char *variant, *name, *what;
	enum where where;
	const char *file, *floor;
	void (*once)(const struct job *job); /* is repeated and timed */
	/* Or this is done; the times are those of the second member, if there is one. */
	void (*first)(const struct job *job, struct hist *hist);
	void (*second)(const struct job *job, struct hist *hist);
	bool large; /* for images, too */
	bool pause; /* before each time */
};

struct job {
	const struct bench_case *self;
	const struct kind *kind;
	struct talk *talk;
	char file[400]; /* on tmpfs, with a message to read or to copy from */
	char path[400]; /* the file to read, or to write */
	char wait[400];
	const char *slot; /* or stream of Redis */
	char *memory;
};

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	bench_check(fd < 0 ? -errno : 0, path);
	return fd;
}

static void read_file(const struct job *job)
{
	int fd = open_file(job->path, O_RDONLY);
	size_t have = 0;
	ssize_t n;

	while ((n = read(fd, job->memory, READ_SIZE)) > 0)
		have += (size_t)n;
	bench_check(n < 0 ? -errno : 0, job->path);
	if (have != job->self->size)
		bench_fail("%s: read %zu bytes, not %zu", job->path, have, job->self->size);
	close(fd);
}

static void write_file(const struct job *job)
{
	int fd = open_file(job->path, O_WRONLY | O_TRUNC);

	bench_write(fd, job->memory, job->self->size);
	close(fd);
}

/* --- what a run does: one member, or a second one that waits --------------------------- */

static void repeat(const struct job *job, struct hist *hist)
{
	const struct kind *kind = job->kind;
	uint64_t start, end;

	kind->once(job);
	end = bench_now() + run_ns();
	do {
		if (kind->pause)
			bench_sleep(BLOCKED_NS);
		start = bench_now();
		kind->once(job);
		hist_add(hist, bench_now() - start);
	} while (start < end || hist->count < TIMES_MIN);
}

static void do_write(const struct job *job, struct hist *hist)
{
	int fd = open_file(job->path, O_WRONLY);
	uint64_t start, end = bench_now() + run_ns();

	do {
		start = bench_now();
		bench_write(fd, job->memory, job->self->size);
		hist_add(hist, bench_now() - start);
	} while (start < end || hist->count < TIMES_MIN);
	close(fd);
}

/* Two round trips of the floor, as cold as the publisher below is. */
static void write_and_read(const struct job *job)
{
	write_file(job);
	read_file(job);
}

/* Publish by `latest` whenever the reader of `wait` is asleep. */
static void do_publish(const struct job *job, struct hist *hist)
{
	struct payload *message = (struct payload *)job->memory;
	uint64_t end = bench_now() + run_ns();

	(void)hist; /* the reader has the times */
	for (uint64_t number = 1; !job->talk->over; number++) {
		while (job->talk->waiting < number)
			bench_sleep(BLOCKED_NS / 10);
		bench_sleep(BLOCKED_NS);
		if (bench_now() > end && number > TIMES_MIN)
			job->talk->over = true;
		message->number = number;
		message->time = bench_now();
		write_file(job);
	}
}

static void do_wait(const struct job *job, struct hist *hist)
{
	struct payload *message = (struct payload *)job->memory;
	ssize_t n;

	for (uint64_t number = 1; !job->talk->over; number++) {
		int fd = open_file(job->wait, O_RDONLY);

		job->talk->waiting = number;
		n = read(fd, message, job->self->size);
		bench_check(n < 0 ? -errno : 0, job->wait);
		hist_add(hist, bench_now() - message->time);
		if ((size_t)n != job->self->size || message->number != number)
			bench_fail("%s: another message than was published", job->wait);
		close(fd);
	}
}

/* --- programs -------------------------------------------------------------------------- */

static void run_program(const char *const *argv, const char *input)
{
	posix_spawn_file_actions_t actions;
	int status, error;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, input ? input : "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	error = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)(uintptr_t)argv,
			     environ);
	posix_spawn_file_actions_destroy(&actions);
	bench_check(error, argv[0]);
	while (waitpid(pid, &status, 0) < 0)
		bench_check(errno == EINTR ? 0 : errno, argv[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		bench_fail("%s failed", argv[0]);
}

static void cat(const struct job *job)
{
	const char *argv[] = {"cat", job->path, NULL};

	run_program(argv, NULL);
}

static void cp(const struct job *job)
{
	const char *argv[] = {"cp", job->file, job->path, NULL};

	run_program(argv, NULL);
}

static void redis_read(const struct job *job)
{
	const char *argv[] = {"redis-cli", "-s", redis_socket(), "XREVRANGE", job->slot,
			      "+",         "-",  "COUNT",        "1",         NULL};

	run_program(argv, NULL);
}

static void redis_add(const struct job *job)
{
	const char *argv[] = {
	    "redis-cli", "-s", redis_socket(), "-x", "XADD", job->slot, "MAXLEN", "8", "*",
	    "d",         NULL};

	run_program(argv, job->file);
}

/* --- a run ------------------------------------------------------------------------------ */

#define IDLE_FS "a file system that does nothing"

static const struct kind kinds[] = {
    {"open, read, close", "tmpfs", "a file on tmpfs", ON_TMPFS, "file", NULL, read_file,
     .large = true},
    {"open, read, close", "fuse", IDLE_FS, ON_FLOOR, "latest", NULL, read_file, .large = true},
    {"open, read, close", "babusfs", "latest", ON_BABUSFS, "latest", "fuse", read_file,
     .large = true},
    {"a write to an open file", "fuse", IDLE_FS, ON_FLOOR, "latest", NULL, .first = do_write},
    {"a write to an open file", "babusfs", "pub", ON_BABUSFS, "pub", "fuse", .first = do_write},
    {"publish to a blocked reader", "fuse", "twice: open, write, close, and open, read, close",
     ON_FLOOR, "latest", NULL, write_and_read, .pause = true},
    {"publish to a blocked reader", "babusfs", "from latest to a reader of wait", ON_BABUSFS,
     "latest", "fuse", .first = do_publish, .second = do_wait},
    {"a program reads", "tmpfs", "cat of a file on tmpfs", ON_TMPFS, "file", NULL, cat,
     .large = true},
    {"a program reads", "redis-cli", "XREVRANGE", IN_REDIS, "", NULL, redis_read, .large = true},
    {"a program reads", "babusfs", "cat latest", ON_BABUSFS, "latest", "redis-cli", cat,
     .large = true},
    {"a program publishes", "redis-cli", "-x XADD", IN_REDIS, "", NULL, redis_add, .large = true},
    {"a program publishes", "babusfs", "cp to latest", ON_BABUSFS, "latest", "redis-cli", cp,
     .large = true},
};

static void part(struct crew *crew, unsigned who, void *arg)
{
	const struct job *job = arg;
	struct report *report = &crew->report[who];

	if (job->kind->where == IN_REDIS)
		redis_add(job); /* something to read */
	if (who)
		job->kind->second(job, &report->hist[0]);
	else if (job->kind->first)
		job->kind->first(job, &report->hist[0]);
	else
		repeat(job, &report->hist[0]);
}

static enum mounted mount_of(const struct kind *kind)
{
	return kind->where == ON_FLOOR ? MOUNTED_FLOOR : MOUNTED_BABUSFS;
}

/* What it needs to be there. 0, or -ENOTSUP with the reason. */
static int prepare(const struct kind *kind, char why[WHY_MAX])
{
	if (kind->where == IN_REDIS && !daemon_exists("redis-cli")) {
		snprintf(why, WHY_MAX, "redis-cli is not installed");
		return -ENOTSUP;
	}
	if (kind->where == IN_REDIS)
		return redis_service.start(why);
	if (kind->where == ON_TMPFS)
		return 0;
	return mounted_start(mount_of(kind), why);
}

static void make_files(struct job *job)
{
	bool fuse = job->kind->where == ON_FLOOR || job->kind->where == ON_BABUSFS;
	int fd;

	snprintf(job->file, sizeof(job->file), "%s/file", bench_dir());
	snprintf(job->path, sizeof(job->path), "%s", job->file);
	if (fuse)
		snprintf(job->path, sizeof(job->path), "%s/%s/%s",
			 mounted_point(mount_of(job->kind)), job->slot, job->kind->file);
	snprintf(job->wait, sizeof(job->wait), "%s/%s/wait", mounted_point(MOUNTED_BABUSFS),
		 job->slot);
	fd = open_file(job->file, O_WRONLY | O_CREAT | O_TRUNC);
	bench_write(fd, job->memory, job->self->size);
	close(fd);
}

static int run(const struct bench_case *self, struct result *result)
{
	const struct kind *kind = self->detail;
	struct job job = {
	    .self = self, .kind = kind, .slot = self->size == IMAGE ? "image" : "small"};
	struct crew *crew;
	int error = prepare(kind, result->why);

	if (error)
		return error;
	job.memory = bench_memory(self->size > READ_SIZE ? self->size : READ_SIZE);
	memset(job.memory, 'm', self->size);
	make_files(&job);
	crew = crew_new(kind->second ? 2 : 1, false, sizeof(*job.talk));
	job.talk = crew->talk;
	error = crew_run(crew, part, &job);
	if (!error) {
		result->hist = crew->report[kind->second ? 1 : 0].hist[0];
		result_percentiles(result);
		result->value[TYPICAL] = result->value[P50];
	}
	crew_free(crew);
	unlink(job.file);
	free(job.memory);
	return error;
}

/* --- the cases -------------------------------------------------------------------------- */

static void add(struct plan *plan, const struct kind *kind, size_t size)
{
	struct bench_case bench = {
	    .work = &work_file,
	    .name = kind->name,
	    .what = kind->what,
	    .size = size,
	    .variant = kind->variant,
	    .floor = kind->floor,
	    .detail = kind,
	};

	plan_add(plan, &bench);
}

static void plan_files(struct plan *plan)
{
	size_t end;

	/* Those of one variant are run in turn. */
	for (size_t start = 0; start < sizeof(kinds) / sizeof(*kinds); start = end) {
		for (end = start; end < sizeof(kinds) / sizeof(*kinds) &&
				  strcmp(kinds[end].variant, kinds[start].variant) == 0;
		     end++)
			add(plan, &kinds[end], 64);
		for (size_t i = start; i < end; i++) {
			if (kinds[i].large)
				add(plan, &kinds[i], IMAGE);
		}
	}
}

static void stop(void)
{
	mounted_stop();
	redis_service.stop();
}

const struct work work_file = {
    .name = "file",
    .what = "the file view",
    .key = TYPICAL,
    .plan = plan_files,
    .run = run,
    .stop = stop,
};

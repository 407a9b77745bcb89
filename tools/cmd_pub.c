/* SPDX-License-Identifier: MIT */
/*
 * babus pub: publish a file or standard input as one message, or each of its
 * lines. A file of known size is read straight into the slot's memory, and one
 * that is too large is refused before a slot is created for it.
 */
#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/json.h"
#include "out.h"

struct source {
	const char *name; /* for errors */
	int fd;
	bool sized; /* a regular file with `size` bytes left */
	uint64_t size;
};

struct job {
	const char *slot_name;
	babus_slot *slot;
	uint64_t limit; /* bytes */
	struct source source;
	struct babus_stamp stamp;
	bool lines, json;
};

#define AT(field) offsetof(struct job, field)

static const struct option_row rows[] = {
    {0, "lines", NULL, "publish each line, with its newline, as soon as it is read", take_flag,
     AT(lines), 0, 0},
    {0, "tag", "N", "attach a number for subscribers to each message", take_number, AT(stamp.tag),
     0, UINT64_MAX},
    {0, "source-time", "NS", "attach the time of capture, in ns since 1970", take_number,
     AT(stamp.source_time_ns), 0, UINT64_MAX},
    {0, "origin", "N", "for bridges: the machine that the message comes from", take_number,
     AT(stamp.origin), 0, UINT64_MAX},
    {0, "json", NULL, "report each message on standard output, one JSON object per line", take_flag,
     AT(json), 0, 0},
    {0},
};

/* ------------------------------------------------------------ input */

static int fail_source(const struct source *source)
{
	complain("%s: %s", source->name, strerrordesc_np(errno));
	return STATUS_FAILED;
}

static int open_source(struct source *source, const char *path)
{
	struct stat st;
	off_t at;

	source->name = path ? path : "standard input";
	source->fd = path ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	if (source->fd < 0 || fstat(source->fd, &st) < 0)
		return fail_source(source);
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return fail_source(source);
	}
	/* Files in /proc have a size of 0 and can be read. */
	if (S_ISREG(st.st_mode) && st.st_size > 0) {
		at = lseek(source->fd, 0, SEEK_CUR);
		source->sized = at >= 0 && at < st.st_size;
		source->size = source->sized ? (uint64_t)(st.st_size - at) : 0;
	}
	return 0;
}

/* Read `size` bytes, or less at the end of the input; -1: failed. */
static ssize_t read_full(int fd, char *data, size_t size)
{
	size_t got = 0;
	ssize_t n;

	while (got < size) {
		n = read(fd, data + got, size - got);
		if (n == 0)
			break;
		if (n > 0)
			got += (size_t)n;
		else if (errno != EINTR)
			return -1;
	}
	return (ssize_t)got;
}

/* ------------------------------------------------------------ output */

static int published(const struct job *job, uint64_t seq, size_t size)
{
	struct json json = {.out = stdout};

	if (job->json) {
		json_open(&json, NULL, '{');
		json_string(&json, "slot", job->slot_name);
		json_number(&json, "seq", seq);
		json_number(&json, "size", size);
		json_end(&json);
		out_flush();
	}
	return 0;
}

static int too_large(const struct job *job, const char *what)
{
	complain("slot '%s': %s is larger than the limit of %" PRIu64 " bytes", job->slot_name,
		 what, job->limit);
	return STATUS_FAILED;
}

static int publish(const struct job *job, const void *data, size_t size)
{
	uint64_t seq;
	int error = babus_slot_publish(job->slot, data, size, &job->stamp, &seq);

	return error ? fail_on("slot", job->slot_name, error) : published(job, seq, size);
}

/* Read a file of known size into the slot's memory, without a copy. */
static int publish_sized(const struct job *job)
{
	const struct source *source = &job->source;
	struct babus_loan loan;
	uint64_t seq;
	ssize_t got;
	char more;
	int error, status;

	error = babus_slot_loan(job->slot, (size_t)source->size, &loan);
	if (error)
		return fail_on("slot", job->slot_name, error);
	got = read_full(source->fd, loan.data, (size_t)source->size);
	if (got < 0) {
		status = fail_source(source);
		goto discard;
	}
	if ((uint64_t)got < source->size || read(source->fd, &more, 1) > 0) {
		complain("%s: its size changed while it was read; nothing was published",
			 source->name);
		status = STATUS_FAILED;
		goto discard;
	}
	loan.size = (size_t)got;
	loan.stamp = job->stamp;
	error = babus_loan_commit(&loan, &seq);
	if (!error)
		return published(job, seq, (size_t)got);
	status = fail_on("slot", job->slot_name, error);
discard:
	babus_loan_discard(&loan);
	return status;
}

/* A growing buffer; it never needs more than one byte above the limit. */
struct buffer {
	char *data;
	size_t size, used;
};

/* Make room for at least one more byte; 0, or -1: out of memory. */
static int buffer_grow(struct buffer *buffer, uint64_t limit)
{
	size_t size = buffer->size ? 2 * buffer->size : 65536;
	char *data;

	if (buffer->used < buffer->size)
		return 0;
	if (size > limit + 1)
		size = (size_t)limit + 1;
	data = realloc(buffer->data, size);
	if (!data)
		return -1;
	buffer->data = data;
	buffer->size = size;
	return 0;
}

/* The whole input is one message. */
static int publish_stream(const struct job *job, struct buffer *buffer)
{
	ssize_t got;

	for (;;) {
		if (buffer_grow(buffer, job->limit))
			return fail_memory();
		got = read_full(job->source.fd, buffer->data + buffer->used,
				buffer->size - buffer->used);
		if (got < 0)
			return fail_source(&job->source);
		buffer->used += (size_t)got;
		if (buffer->used > job->limit)
			return too_large(job, job->source.name);
		if (buffer->used < buffer->size)
			return publish(job, buffer->data, buffer->used);
	}
}

/* Publish the whole lines in the buffer and keep the rest; `from`: not searched yet. */
static int publish_whole_lines(const struct job *job, struct buffer *buffer, size_t from)
{
	char *line = buffer->data, *end = buffer->data + buffer->used, *newline;
	char *look = buffer->data + from;
	int status = 0;

	while (!status && look < end && (newline = memchr(look, '\n', (size_t)(end - look)))) {
		if ((uint64_t)(newline + 1 - line) > job->limit)
			return too_large(job, "a line");
		status = publish(job, line, (size_t)(newline + 1 - line));
		line = look = newline + 1;
	}
	buffer->used = (size_t)(end - line);
	memmove(buffer->data, line, buffer->used);
	if (!status && buffer->used > job->limit)
		return too_large(job, "a line");
	return status;
}

static int publish_lines(const struct job *job, struct buffer *buffer)
{
	size_t before;
	ssize_t got;
	int status = 0;

	while (!status && out_ok()) {
		if (buffer_grow(buffer, job->limit))
			return fail_memory();
		before = buffer->used;
		got = read(job->source.fd, buffer->data + before, buffer->size - before);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fail_source(&job->source);
		if (got == 0)
			return before ? publish(job, buffer->data, before) : 0;
		buffer->used += (size_t)got;
		status = publish_whole_lines(job, buffer, before);
	}
	return status;
}

/* ------------------------------------------------------------ the slot */

/* Open the slot, or create it with the configured defaults. */
static int open_slot(struct tool *tool, struct job *job)
{
	babus_domain *domain = tool->bus;
	struct babus_slot_options opts;
	struct babus_slot_info info;
	int error;

	error = babus_slot_open(domain, job->slot_name, BABUS_PUBLISH, NULL, &job->slot);
	if (error == -ENOENT) {
		babus_config_slot(tool->config, job->slot_name, &opts);
		job->limit = opts.max_size;
		if (job->source.sized && !job->lines && job->source.size > job->limit)
			return too_large(job, job->source.name);
		error = babus_slot_open(domain, job->slot_name, BABUS_PUBLISH | BABUS_CREATE, &opts,
					&job->slot);
		/* Another process created it meanwhile, with other properties. */
		if (error == -EEXIST)
			error = babus_slot_open(domain, job->slot_name, BABUS_PUBLISH, NULL,
						&job->slot);
	}
	if (!error)
		error = babus_slot_info(job->slot, &info);
	if (error)
		return fail_on("slot", job->slot_name, error);
	job->limit = info.max_size;
	if (job->source.sized && !job->lines && job->source.size > job->limit)
		return too_large(job, job->source.name);
	return 0;
}

static int run_job(struct tool *tool, struct job *job)
{
	struct buffer buffer = {0};
	int status = tool_open(tool, BABUS_CREATE);

	if (!status)
		status = open_slot(tool, job);
	if (status)
		goto close;
	if (job->lines)
		status = publish_lines(job, &buffer);
	else if (job->source.sized)
		status = publish_sized(job);
	else
		status = publish_stream(job, &buffer);
	free(buffer.data);
close:
	babus_slot_close(job->slot);
	return status;
}

static int run(struct tool *tool, int argc, char **argv)
{
	struct job job = {0};
	struct args args;
	const char *path;
	int status;

	if (!args_parse(&args, tool, &verb_pub, argc, argv, &job))
		return args.status;
	job.slot_name = args.operands[0];
	path = args.count > 1 && strcmp(args.operands[1], "-") != 0 ? args.operands[1] : NULL;
	status = tool_check_slot(job.slot_name);
	if (!status)
		status = open_source(&job.source, path);
	if (!status)
		status = run_job(tool, &job);
	if (path && job.source.fd >= 0)
		close(job.source.fd);
	return status;
}

const struct verb verb_pub = {
    .name = "pub",
    .operands = "SLOT [FILE]",
    .summary = "Publish a file or standard input as one message, or line by line",
    .details = "A slot that does not exist is created as babus.ini says. A message larger than\n"
	       "the slot's limit is an error, and is not published.",
    .options = rows,
    .min = 1,
    .max = 2,
    .run = run,
};

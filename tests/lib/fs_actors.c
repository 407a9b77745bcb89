/* SPDX-License-Identifier: MIT */
/* Each actor is a process. It checks every byte that it reads, and the order. */
#include "fs_actors.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <unistd.h>

#include "file.h"
#include "payload.h"
#include "shell.h"

#define MAGIC UINT64_C(0x7375626162736621)

const struct slot_kind kinds[SLOTS] = {{"small", 64, 65536}, {"large", 4, FRAME}};

struct stage *stage;

/* --- messages that can be checked ---------------------------------------------------- */

struct head {
	uint64_t magic, size, writer, counter;
};

static uint64_t word_at(const struct head *head, size_t i)
{
	return (head->counter * WRITERS + head->writer + i) * UINT64_C(0x9e3779b97f4a7c15);
}

void fill(char *data, size_t size, uint64_t writer, uint64_t counter)
{
	struct head head = {MAGIC, size, writer, counter};
	size_t i;

	memcpy(data, &head, sizeof(head));
	for (i = sizeof(head); i < size; i += 8) {
		uint64_t word = word_at(&head, i);

		memcpy(data + i, &word, size - i < 8 ? size - i : 8);
	}
}

static bool is_whole(const char *data, size_t size)
{
	struct head head;
	size_t i;

	if (size < sizeof(head))
		return false;
	memcpy(&head, data, sizeof(head));
	if (head.magic != MAGIC || head.size != size || head.writer >= WRITERS)
		return false;
	for (i = sizeof(head); i < size; i += 8) {
		uint64_t word = word_at(&head, i);

		if (memcmp(data + i, &word, size - i < 8 ? size - i : 8))
			return false;
	}
	return true;
}

/* Whole, and not older than the last one seen; `again`: it may be the same one. */
static void check(struct actor *actor, const char *data, size_t size, bool again)
{
	struct head head;

	if (!is_whole(data, size)) {
		fprintf(stderr, "%s: a message of %zu bytes is torn\n", actor->what, size);
		_exit(1);
	}
	memcpy(&head, data, sizeof(head));
	if (head.counter + again <= actor->seen[head.writer]) {
		fprintf(stderr, "%s: message %llu of writer %llu after %llu\n", actor->what,
			(unsigned long long)head.counter, (unsigned long long)head.writer,
			(unsigned long long)actor->seen[head.writer]);
		_exit(1);
	}
	actor->seen[head.writer] = head.counter;
	stage->read[actor->number]++;
}

/* Mostly small ones, sometimes the largest. */
static size_t random_size(struct actor *actor)
{
	size_t max = kinds[actor->slot].max_size;
	uint64_t random = random_next(&actor->random);

	if (random % 8 == 0)
		return max;
	return SIZE_MIN +
	       (size_t)(random_next(&actor->random) % (max - SIZE_MIN + 1)) / (random % 16 + 1);
}

static const char *path_of(const struct actor *actor, const char *file)
{
	return in_mount(kinds[actor->slot].name, file);
}

/* A slot of the domain, opened by this process. */
static babus_slot *open_own(const struct actor *actor, unsigned flags)
{
	babus_domain *domain = NULL;
	babus_slot *slot = NULL;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, kinds[actor->slot].name, flags, NULL, &slot), 0);
	return slot;
}

/* --- writers ------------------------------------------------------------------------ */

void publish_natively(struct actor *actor)
{
	babus_slot *slot = open_own(actor, BABUS_PUBLISH);

	while (!stage->stop) {
		size_t size = random_size(actor);
		struct babus_loan loan;

		EXPECT_EQUAL(babus_slot_loan(slot, size, &loan), 0);
		fill(loan.data, size, NATIVE, stage->published[actor->slot][NATIVE] + 1);
		loan.size = size;
		EXPECT_EQUAL(babus_loan_commit(&loan, NULL), 0);
		stage->published[actor->slot][NATIVE]++;
	}
}

/* Through a descriptor, in odd pieces. */
static void write_pieces(struct actor *actor, const char *path, const char *data, size_t size)
{
	size_t piece = 1000 + (size_t)(random_next(&actor->random) % (size + 1));
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	EXPECT(fd >= 0);
	for (size_t at = 0; at < size; at += piece) {
		size_t length = size - at < piece ? size - at : piece;

		EXPECT_EQUAL(write(fd, data + at, length), length);
	}
	EXPECT_EQUAL(close(fd), 0);
}

void publish_by_file(struct actor *actor)
{
	while (!stage->stop) {
		size_t size = random_size(actor);

		fill(actor->buffer, size, BY_FILE, stage->published[actor->slot][BY_FILE] + 1);
		write_pieces(actor, path_of(actor, "latest"), actor->buffer, size);
		stage->published[actor->slot][BY_FILE]++;
	}
}

/* Run a tool; its output goes to the buffer. */
static size_t run_tool(struct actor *actor, const char *const *argv)
{
	int ends[2], status;
	size_t size = 0;
	ssize_t got;
	pid_t pid;

	EXPECT_EQUAL(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], STDOUT_FILENO);
		execvp(argv[0], (char **)argv);
		_exit(127);
	}
	close(ends[1]);
	while ((got = read(ends[0], actor->buffer + size, FRAME + 1 - size)) > 0)
		size += (size_t)got;
	close(ends[0]);
	EXPECT_EQUAL(waitpid(pid, &status, 0), pid);
	if (status)
		fprintf(stderr, "%s: status %x\n", argv[0], (unsigned)status);
	EXPECT_EQUAL(status, 0);
	return size;
}

void publish_by_tool(struct actor *actor)
{
	char from[128], in[160], to[512], out[520];
	const char *const tools[][6] = {
	    {"cp", from, to, NULL},
	    {"dd", in, out, "bs=7919", "status=none", NULL},
	    {"dd", in, out, "bs=1M", "status=none", NULL},
	    {"cp", "--no-preserve=all", from, to, NULL},
	};

	snprintf(from, sizeof(from), "%s/from%u", support_root, actor->number);
	snprintf(in, sizeof(in), "if=%s", from);
	snprintf(to, sizeof(to), "%s", path_of(actor, "latest"));
	snprintf(out, sizeof(out), "of=%s", to);
	for (unsigned i = 0; !stage->stop; i++) {
		size_t size = random_size(actor);

		fill(actor->buffer, size, BY_TOOL, stage->published[actor->slot][BY_TOOL] + 1);
		write_file(from, actor->buffer, size);
		EXPECT_EQUAL(run_tool(actor, tools[i % 4]), 0);
		stage->published[actor->slot][BY_TOOL]++;
	}
}

/* Writers that are killed at any moment: all of a message is published, or nothing. */
void kill_writers(struct actor *actor)
{
	while (!stage->stop) {
		size_t size = random_size(actor);
		uint64_t counter = stage->published[actor->slot][VICTIM] + 1;
		pid_t pid;

		fill(actor->buffer, size, VICTIM, counter);
		stage->published[actor->slot][VICTIM] = counter;
		pid = fork();
		EXPECT(pid >= 0);
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			write_pieces(actor, path_of(actor, "latest"), actor->buffer, size);
			_exit(0);
		}
		/* Sleeping is right here: any moment will do. */
		usleep((useconds_t)(random_next(&actor->random) % 4000));
		kill(pid, random_next(&actor->random) % 2 ? SIGKILL : SIGTERM);
		EXPECT_EQUAL(waitpid(pid, NULL, 0), pid);
		stage->killed++;
	}
}

/* --- readers -------------------------------------------------------------------------- */

void follow_natively(struct actor *actor)
{
	babus_slot *slot = open_own(actor, BABUS_READ);
	uint64_t first = 0, last = 0, received = 0, lost = 0;
	struct babus_message message;
	struct babus_slot_info info;
	babus_reader *reader;

	EXPECT_EQUAL(babus_reader_open(slot, BABUS_START_OLDEST, 0, &reader), 0);
	while (actor->seen[LAST_WORD] < 2) {
		int error = babus_reader_next(reader, &message);

		if (error == -EAGAIN) {
			EXPECT_EQUAL(babus_reader_wait(reader, BABUS_FOREVER), 0);
			continue;
		}
		EXPECT_EQUAL(error, 0);
		if (!first)
			first = message.seq - message.lost;
		EXPECT_EQUAL(message.seq, first + received + lost + message.lost);
		check(actor, message.data, message.size, false);
		last = message.seq;
		lost += message.lost;
		received++;
		babus_message_release(&message);
	}
	EXPECT_EQUAL(babus_slot_info(slot, &info), 0);
	EXPECT_EQUAL(last, info.seq);
	stage->received[actor->slot] += received;
	stage->lost[actor->slot] += lost + first - 1;
	babus_reader_close(reader);
}

/* All of a file, which must end by itself. */
static size_t read_all(struct actor *actor, int fd)
{
	size_t size = 0;
	ssize_t got;

	while ((got = read(fd, actor->buffer + size, FRAME + 1 - size)) > 0)
		size += (size_t)got;
	EXPECT_EQUAL(got, 0);
	return size;
}

void read_latest(struct actor *actor)
{
	while (!stage->stop) {
		int fd = open(path_of(actor, "latest"), O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			support_fail(strerror(errno), __FILE__, __LINE__);
		check(actor, actor->buffer, read_all(actor, fd), true);
		close(fd);
	}
}

void map_latest(struct actor *actor)
{
	while (!stage->stop) {
		int fd = open(path_of(actor, "latest"), O_RDONLY | O_CLOEXEC);
		off_t size;
		char *data;

		EXPECT(fd >= 0);
		size = lseek(fd, 0, SEEK_END);
		EXPECT(size > 0);
		data = mmap(NULL, (size_t)size, PROT_READ, MAP_PRIVATE, fd, 0);
		EXPECT(data != MAP_FAILED);
		close(fd);
		check(actor, data, (size_t)size, true);
		munmap(data, (size_t)size);
	}
}

/* Copy the rest of a file in parts, by one of the calls that copy: how many bytes. */
static ssize_t copy_part(int from, int to, const int pipe[2], int how)
{
	ssize_t got;

	if (how == 0)
		return sendfile(to, from, NULL, 100003);
	if (how == 1)
		return copy_file_range(from, NULL, to, NULL, 100003, 0);
	got = splice(from, NULL, pipe[1], NULL, 65536, 0);
	for (ssize_t left = got; left > 0;) {
		ssize_t put = splice(pipe[0], NULL, to, NULL, (size_t)left, 0);

		EXPECT(put > 0);
		left -= put;
	}
	return got;
}

static size_t pread_all(struct actor *actor, int fd)
{
	size_t size = 0;
	ssize_t got;

	while ((got = pread(fd, actor->buffer + size,
			    FRAME + 1 - size < 70001 ? FRAME + 1 - size : 70001, (off_t)size)) > 0)
		size += (size_t)got;
	EXPECT_EQUAL(got, 0);
	return size;
}

void read_by_calls(struct actor *actor)
{
	char name[32];
	int ends[2];

	snprintf(name, sizeof(name), "copy%u", actor->number);
	EXPECT_EQUAL(pipe2(ends, O_CLOEXEC), 0);
	for (unsigned i = 0; !stage->stop; i++) {
		int fd = open(path_of(actor, "latest"), O_RDONLY | O_CLOEXEC), to = fd;
		ssize_t got;

		EXPECT(fd >= 0);
		if (i % 4 < 3) {
			/* On the same file system: copy_file_range() needs that. */
			to = open(path_of(actor, name), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
			EXPECT(to >= 0);
			while ((got = copy_part(fd, to, ends, (int)(i % 4))) > 0)
				continue;
			EXPECT_EQUAL(got, 0);
		}
		check(actor, actor->buffer, pread_all(actor, to), true);
		if (to != fd) {
			close(to);
			EXPECT(!unlink(path_of(actor, name)));
		}
		close(fd);
	}
	close(ends[0]);
	close(ends[1]);
}

void loop_over_wait(struct actor *actor)
{
	int fd = open(path_of(actor, "wait"), O_RDONLY | O_CLOEXEC);

	EXPECT(fd >= 0);
	while (actor->seen[LAST_WORD] < 2) {
		EXPECT_EQUAL(lseek(fd, 0, SEEK_SET), 0);
		check(actor, actor->buffer, read_all(actor, fd), false);
	}
	close(fd);
}

void read_by_tools(struct actor *actor)
{
	char latest[512], in[520], to[128];
	const char *const tools[][6] = {
	    {"cat", latest, NULL},
	    {"dd", in, "bs=8191", "status=none", NULL},
	    {"head", "-c", "100000000", latest, NULL},
	    {"dd", in, "bs=1M", "status=none", NULL},
	    {"tail", "-c", "+1", latest, NULL},
	    {"cp", latest, to, NULL},
	    {"cp", "-p", latest, to, NULL},
	    {"install", latest, to, NULL},
	};

	snprintf(latest, sizeof(latest), "%s", path_of(actor, "latest"));
	snprintf(in, sizeof(in), "if=%s", latest);
	snprintf(to, sizeof(to), "%s/to%u", support_root, actor->number);
	for (unsigned i = 0; !stage->stop; i++) {
		size_t size = run_tool(actor, tools[i % 8]);

		if (i % 8 >= 5) {
			int fd = open(to, O_RDONLY | O_CLOEXEC);

			EXPECT(fd >= 0);
			size = read_all(actor, fd);
			close(fd);
		}
		check(actor, actor->buffer, size, true);
	}
}

/* One Python that reads in three ways and passes on what it read. */
static const char python_reader[] =
    "import mmap, os, sys\n"
    "path, stop = sys.argv[1:]\n"
    "def mapped():\n"
    "    with open(path, 'rb') as f:\n"
    "        return mmap.mmap(f.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ)[:]\n"
    "def read(): return open(path, 'rb').read()\n"
    "def pieces():\n"
    "    with open(path, 'rb', 0) as f: return b''.join(iter(lambda: f.read(70001), b''))\n"
    "i = 0\n"
    "while not os.path.exists(stop):\n"
    "    data = (mapped, read, pieces)[i % 3]()\n"
    "    sys.stdout.buffer.write(len(data).to_bytes(8, 'little') + data)\n"
    "    i += 1\n";

static bool read_exactly(int fd, void *data, size_t size)
{
	size_t at = 0;
	ssize_t got;

	while (at < size && (got = read(fd, (char *)data + at, size - at)) > 0)
		at += (size_t)got;
	return at == size;
}

void read_by_python(struct actor *actor)
{
	char stop[128];
	int ends[2], status;
	uint64_t size;
	pid_t pid;

	snprintf(stop, sizeof(stop), "%s/stop", support_root);
	EXPECT_EQUAL(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	EXPECT(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], STDOUT_FILENO);
		execlp("python3", "python3", "-c", python_reader, path_of(actor, "latest"), stop,
		       (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	while (read_exactly(ends[0], &size, sizeof(size))) {
		EXPECT(size <= FRAME);
		EXPECT(read_exactly(ends[0], actor->buffer, size));
		check(actor, actor->buffer, size, true);
	}
	close(ends[0]);
	EXPECT_EQUAL(waitpid(pid, &status, 0), pid);
	EXPECT_EQUAL(status, 0);
}

/* Readers that are killed in the middle of a read, blocked or not. */
void kill_readers(struct actor *actor)
{
	while (!stage->stop) {
		uint64_t random = random_next(&actor->random);
		pid_t pid = fork();

		EXPECT(pid >= 0);
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;) {
				int fd = open(path_of(actor, random % 2 ? "wait" : "latest"),
					      O_RDONLY | O_CLOEXEC);

				EXPECT(fd >= 0);
				EXPECT(is_whole(actor->buffer, read_all(actor, fd)));
				close(fd);
			}
		}
		usleep((useconds_t)(random % 5000));
		kill(pid, SIGKILL);
		EXPECT_EQUAL(waitpid(pid, NULL, 0), pid);
		stage->killed++;
	}
}

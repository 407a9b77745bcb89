/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

char support_root[64];
char support_context[128];
babus_domain *bus;

static char base[48]; /* holds the directories of all cases */

int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

int64_t cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return used.tv_sec * SECOND + used.tv_nsec;
}

/* --- files ---------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_DP)
		umount2(path, MNT_DETACH); /* usually not a mount */
	remove(path);
	return 0;
}

static void remove_tree(const char *path)
{
	/* Twice: what was below a mount point shows only after it is unmounted. */
	for (int i = 0; i < 2; i++)
		nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static int make_root(void)
{
	snprintf(support_root, sizeof(support_root), "%s/XXXXXX", base);
	if (!mkdtemp(support_root))
		return -1;
	/* Children that are another user get what the modes allow. */
	chmod(support_root, 01777);
	return setenv("BABUS_ROOT", support_root, 1);
}

int support_setup_root(void **state)
{
	(void)state;
	umask(022);
	return make_root();
}

int support_setup(void **state)
{
	int error = support_setup_root(state);

	return error ? error : babus_domain_open("test", BABUS_CREATE, NULL, &bus);
}

int support_teardown(void **state)
{
	(void)state;
	if (*support_context)
		print_error("at: %s\n", support_context);
	*support_context = '\0';
	babus_domain_close(bus);
	bus = NULL;
	remove_tree(support_root);
	return 0;
}

/* --- the program ------------------------------------------------------------------ */

/* Wait for the process that runs the cases: its status, or -1 after the time limit. */
static int supervise(pid_t pid, unsigned timeout_s, const sigset_t *signals)
{
	int64_t deadline = now_ns() + timeout_s * SECOND;
	int status;

	for (;;) {
		int64_t left = deadline - now_ns();
		struct timespec timeout = {left / SECOND, left % SECOND};
		int number;

		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		if (left <= 0) {
			fprintf(stderr, "time limit of %u s exceeded\n", timeout_s);
			return -1;
		}
		number = sigtimedwait(signals, NULL, &timeout);
		if (number == SIGTERM || number == SIGINT)
			return -1;
	}
}

/* End and reap everything that the cases started: how many processes still ran. */
static int end_group(pid_t group)
{
	int running = 0, status;

	kill(-group, SIGKILL);
	kill(group, SIGKILL); /* it may not have made the group yet */
	while (waitpid(-1, &status, 0) > 0)
		running += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
	return running;
}

/*
 * The group of the cases comes first, then nothing; the end of the pipe means that the test
 * program was killed.
 */
static void clean_after(int fd)
{
	pid_t group = 0;
	char done;

	if (read(fd, &group, sizeof(group)) == sizeof(group) && read(fd, &done, 1) == 1)
		return;
	if (group)
		kill(-group, SIGKILL);
	/* A process may still be about to make a file, and its end is not reported. */
	for (remove_tree(base); access(base, F_OK) == 0; remove_tree(base))
		poll(NULL, 0, 10);
}

/*
 * A process that no signal to this one or to its group reaches. It is no child, since this
 * process waits for all of its children. Returns a pipe to it, or -1.
 */
static int start_cleaner(void)
{
	int ends[2], null;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	fflush(NULL);
	pid = fork();
	if (pid == 0 && (setsid() < 0 || fork() != 0))
		_exit(0);
	if (pid == 0) {
		null = open("/dev/null", O_RDWR);
		for (int fd = 0; fd < 3; fd++)
			dup2(null, fd);
		close(ends[1]);
		clean_after(ends[0]);
		_exit(0);
	}
	close(ends[0]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return ends[1];
}

static void tell_cleaner(int cleaner, const void *data, size_t size)
{
	if (write(cleaner, data, size) < 0)
		fprintf(stderr, "no cleaner, in case this is killed: %s\n", strerror(errno));
}

bool support_address_space(uint64_t size)
{
	void *space;

	/* An emulator can map as much, but then keeps records for every page of it. */
	if (!support_madvise_works())
		return false;
	space = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (space == MAP_FAILED)
		return false;
	munmap(space, size);
	return true;
}

bool support_madvise_works(void)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool refused;

	assert_true(page != MAP_FAILED);
	refused = madvise(page, 4096, -1) < 0;
	munmap(page, 4096);
	return refused;
}

int support_main(int (*run)(void), unsigned timeout_s)
{
	const char *mark = getenv("BABUS_TEST_MARK");
	sigset_t signals, before;
	int status, left, cleaner;
	pid_t pid;

	/* The mark tells the tests of one run from those of others. */
	snprintf(base, sizeof(base), "/dev/shm/babus-test.%.10s-XXXXXX", mark ? mark : "0");
	if (!mkdtemp(base)) {
		perror("a directory in /dev/shm");
		return 1;
	}
	chmod(base, 0755);
	setenv("HOME", base, 1);
	cleaner = start_cleaner();
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigprocmask(SIG_BLOCK, &signals, &before);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		sigprocmask(SIG_SETMASK, &before, NULL);
		/* Out of reach of the terminal. */
		setsid();
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(cleaner);
		cmocka_set_test_filter(getenv("BABUS_TEST_CASE"));
		exit(run());
	}
	tell_cleaner(cleaner, &pid, sizeof(pid));
	status = supervise(pid, timeout_s * SUPPORT_SLOWER, &signals);
	left = end_group(pid);
	remove_tree(base);
	tell_cleaner(cleaner, "", 1);
	if (status == -1 || !WIFEXITED(status)) {
		if (status != -1)
			fprintf(stderr, "ended by signal %d\n", WTERMSIG(status));
		return 1;
	}
	if (left)
		fprintf(stderr, "%d processes were left running\n", left);
	return WEXITSTATUS(status) ? WEXITSTATUS(status) : left != 0;
}

uint64_t count_sleeps(pid_t pid)
{
	static const char key[] = "voluntary_ctxt_switches:";
	char path[64], line[128];
	uint64_t count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)(pid ? pid : getpid()));
	file = fopen(path, "r");
	EXPECT(file != NULL);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, key, sizeof(key) - 1))
			count = strtoull(line + sizeof(key) - 1, NULL, 10);
	fclose(file);
	return count;
}

unsigned count_descriptors(void)
{
	unsigned count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* --- paths ------------------------------------------------------------------------------ */

/* Several in turn, so that a few can be in use at once. */
static const char *path_of(const char *directory, const char *leaf)
{
	static char paths[8][512];
	static unsigned turn;
	char *path = paths[turn++ % 8];

	snprintf(path, sizeof(paths[0]), "%s%s/%s", support_root, directory, leaf);
	return path;
}

const char *root_file(const char *leaf)
{
	return path_of("", leaf);
}

const char *domain_file(const char *leaf)
{
	return path_of("/babus.test", leaf);
}

const char *pins_file(babus_slot *slot)
{
	char leaf[300];
	struct babus_slot_info info;

	assert_int_equal(babus_slot_info(slot, &info), 0);
	snprintf(leaf, sizeof(leaf), "%s.%016" PRIx64 ".pins", babus_slot_name(slot),
		 info.instance);
	return domain_file(leaf);
}

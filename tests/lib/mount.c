/* SPDX-License-Identifier: MIT */
#include "mount.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "programs.h"

enum {
	MOUNT_TIMEOUT_MS = 20000 * SUPPORT_SLOWER
};

char mount_point[96];
pid_t mount_daemon;
char mount_program[512];

/* The arguments of mount_main(), for the process that runs the cases. */
static int (*cases)(void);
static unsigned limit_s;

/* Its write end is open as long as that process lives. */
static int keeper_pipe = -1;

/* --- what is mounted ------------------------------------------------------------ */

/* The kernel's table of mounts; the caller frees it. */
static char *read_table(int fd)
{
	size_t size = 0, room = 16384;
	char *text = malloc(room);
	ssize_t got;

	if (!text || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	while ((got = read(fd, text + size, room - size - 1)) > 0) {
		size += (size_t)got;
		if (room - size < 4096) {
			char *more = realloc(text, room *= 2);

			if (!more)
				abort();
			text = more;
		}
	}
	text[size] = '\0';
	return text;
}

/* The mount point in a line of it; ours have no blanks. */
static bool point_of(const char *line, char point[512])
{
	return sscanf(line, "%*s %*s %*s %*s %511s", point) == 1;
}

static bool table_names(int fd, const char *wanted)
{
	char *table = read_table(fd), *rest = NULL, point[512];
	bool found = false;

	for (char *line = strtok_r(table, "\n", &rest); line && !found;
	     line = strtok_r(NULL, "\n", &rest))
		found = point_of(line, point) && strcmp(point, wanted) == 0;
	free(table);
	return found;
}

static int open_table(void)
{
	int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		abort();
	return fd;
}

bool mount_exists(const char *point)
{
	int fd = open_table();
	bool found = table_names(fd, point);

	close(fd);
	return found;
}

/* Whether a process serves the mount; the stale mount of a dead daemon has none. */
static bool answers(const char *point)
{
	struct statvfs fs;
	struct stat st, above;
	char parent[512];

	/* The kernel may have cached the attributes of a dead mount's root, but not this. */
	if (!point || statvfs(point, &fs) < 0)
		return false;
	snprintf(parent, sizeof(parent), "%s/..", point);
	return stat(point, &st) == 0 && stat(parent, &above) == 0 && st.st_dev != above.st_dev;
}

bool mount_await(const char *point, bool mounted, pid_t process)
{
	int64_t deadline = now_ns() + MOUNT_TIMEOUT_MS * MILLISECOND;
	struct pollfd fds[2] = {
	    {.fd = open_table(), .events = POLLPRI},
	    {.fd = process ? (int)syscall(SYS_pidfd_open, process, 0) : -1, .events = POLLIN},
	};
	bool done;

	/* A change between the look and the poll ends the poll. */
	while (!(done = table_names(fds[0].fd, point) == mounted && (!mounted || answers(point)))) {
		int64_t left = deadline - now_ns();

		if (left <= 0)
			support_late("a mount point does not change");
		if (left <= 0 || fds[1].revents)
			break;
		if (poll(fds, 2, (int)(left / MILLISECOND) + 1) < 0 && errno != EINTR)
			break;
	}
	if (fds[1].fd >= 0)
		close(fds[1].fd);
	close(fds[0].fd);
	return done;
}

/* --- processes -------------------------------------------------------------------- */

/* Whether the process runs babusfs, and one of its arguments is `text`. */
static bool runs_with(const char *pid, const char *text)
{
	char path[64], line[4096];
	size_t length;
	bool program = false, argument = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	length = fread(line, 1, sizeof(line) - 1, file);
	fclose(file);
	line[length] = '\0';
	for (char *word = line; word < line + length; word += strlen(word) + 1) {
		program |= strstr(word, "babusfs") != NULL;
		argument |= strcmp(word, text) == 0;
	}
	return program && argument;
}

pid_t mount_find_daemon(const char *point)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t pid = 0;

	if (!proc)
		return 0;
	while (!pid && (entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]) && runs_with(entry->d_name, point))
			pid = (pid_t)strtol(entry->d_name, NULL, 10);
	closedir(proc);
	return pid;
}

/* --- the keeper --------------------------------------------------------------------- */

/* End the process that serves this mount, and the mount. */
static void clean_point(const char *point)
{
	pid_t daemon;

	while ((daemon = mount_find_daemon(point))) {
		kill(daemon, SIGKILL);
		umount2(point, MNT_DETACH);
		while (waitpid(daemon, NULL, 0) < 0 && errno == EINTR)
			;
		if (kill(daemon, 0) == 0)
			poll(NULL, 0, 1); /* another process's child, on its way */
	}
	umount2(point, MNT_DETACH);
}

static void clean_below(const char *directory)
{
	int fd = open_table();
	char *table = read_table(fd), *rest = NULL, point[512];

	for (char *line = strtok_r(table, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (point_of(line, point) && strncmp(point, directory, strlen(directory)) == 0)
			clean_point(point);
	free(table);
	close(fd);
}

/*
 * The parent directory of all cases comes first through the pipe. Then nothing comes until the
 * process of the cases is gone.
 */
static void keep(int fd)
{
	int64_t deadline = now_ns() + (limit_s + 5) * SECOND * SUPPORT_SLOWER;
	struct pollfd wait = {.fd = fd, .events = POLLIN};
	char directory[64] = "";

	for (;;) {
		int64_t left = deadline - now_ns();
		char text[sizeof(directory)];
		ssize_t got;

		if (left <= 0 || poll(&wait, 1, (int)(left / MILLISECOND) + 1) == 0)
			break;
		got = read(fd, text, sizeof(text) - 1);
		if (got == 0)
			break;
		if (got > 0) {
			text[got] = '\0';
			strcpy(directory, text);
		}
	}
	if (*directory)
		clean_below(directory);
	_exit(0);
}

static void start_keeper(void)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		perror("keeper");
		exit(1);
	}
	if (pid == 0) {
		/* Out of the process group that is killed at the end. */
		setsid();
		close(ends[1]);
		keep(ends[0]);
	}
	close(ends[0]);
	keeper_pipe = ends[1];
}

static void tell_keeper(void)
{
	const char *slash = strrchr(support_root, '/');
	size_t length = (size_t)(slash - support_root);

	assert_int_equal(write(keeper_pipe, support_root, length), length);
}

/* --- the program --------------------------------------------------------------------- */

static int run_cases(void)
{
	start_keeper();
	/* Daemons that went to the background become children of this process. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	return cases();
}

static int find_program(void)
{
	const char *named = getenv("BABUSFS");

	if (!named)
		return program_find("fs/babusfs", mount_program, sizeof(mount_program));
	snprintf(mount_program, sizeof(mount_program), "%s", named);
	return access(mount_program, X_OK);
}

const char *mount_program_copy(void)
{
	return getenv("BABUSFS") ? mount_program : program_copy("fs/babusfs");
}

int mount_main(int (*run)(void), unsigned timeout_s)
{
	int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	if (device < 0) {
		printf("skipped: /dev/fuse: %s\n", strerror(errno));
		return SKIPPED;
	}
	close(device);
	if (find_program()) {
		fprintf(stderr, "%s: %s\n", mount_program, strerror(errno));
		return 1;
	}
	cases = run;
	limit_s = timeout_s;
	return support_main(run_cases, timeout_s);
}

/* --- the fixture ------------------------------------------------------------------------ */

void mount_start(const char *const *options)
{
	char *argv[24] = {mount_program, (char *)"-f"};
	size_t count = 2;
	pid_t parent = getpid();

	for (; options && *options; options++) {
		assert_true(count < 20);
		argv[count++] = (char *)*options;
	}
	argv[count++] = (char *)"test";
	argv[count++] = mount_point;
	assert_int_equal(mount_daemon, 0);
	fflush(NULL);
	mount_daemon = fork();
	assert_true(mount_daemon >= 0);
	if (mount_daemon == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		execv(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	if (!mount_await(mount_point, true, mount_daemon))
		fail_msg("babusfs did not mount %s", mount_point);
}

/* Wait for the daemon's end with a time limit; its status is as for child_wait(). */
static int reap_daemon(void)
{
	struct pollfd wait = {.fd = (int)syscall(SYS_pidfd_open, mount_daemon, 0),
			      .events = POLLIN};
	int64_t deadline = now_ns() + MOUNT_TIMEOUT_MS * MILLISECOND;
	bool hangs;
	int status;

	assert_true(wait.fd >= 0);
	while (poll(&wait, 1, MOUNT_TIMEOUT_MS) < 0 && now_ns() < deadline)
		;
	hangs = !wait.revents;
	close(wait.fd);
	if (hangs)
		kill(mount_daemon, SIGKILL);
	status = child_wait(mount_daemon);
	mount_daemon = 0;
	if (hangs)
		fail_msg("time limit: babusfs did not end after SIGTERM");
	return status;
}

void mount_stop(void)
{
	int status;

	kill(mount_daemon, SIGTERM);
	status = reap_daemon();
	assert_int_equal(status, 0);
	assert_false(mount_exists(mount_point));
}

void mount_crash(void)
{
	kill(mount_daemon, SIGKILL);
	assert_int_equal(child_wait(mount_daemon), -SIGKILL);
	mount_daemon = 0;
}

int mount_setup_bare(void **state)
{
	int error = support_setup(state);

	if (error)
		return error;
	tell_keeper();
	snprintf(mount_point, sizeof(mount_point), "%s/mnt", support_root);
	mount_daemon = 0;
	return mkdir(mount_point, 0755);
}

int mount_setup(void **state)
{
	int error = mount_setup_bare(state);

	if (!error)
		mount_start(NULL);
	return error;
}

/* Whatever the case did: nothing stays mounted, no process keeps running. */
int mount_teardown(void **state)
{
	int status = 0;
	bool mounted;

	if (mount_daemon) {
		kill(mount_daemon, SIGTERM);
		status = reap_daemon();
	}
	mounted = mount_exists(mount_point);
	if (mounted)
		clean_below(mount_point);
	support_teardown(state);
	if (status || mounted) {
		fprintf(stderr, "babusfs ended with %d%s\n", status,
			mounted ? ", still mounted" : "");
		return -1;
	}
	return 0;
}

const char *in_mount(const char *slot, const char *file)
{
	static char paths[8][512];
	static unsigned turn;
	char *path = paths[turn++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s/%s", mount_point, slot, file);
	return path;
}

int open_latest(int flags)
{
	int fd = open(in_mount("x", "latest"), flags | O_CLOEXEC);

	if (fd < 0)
		fail_msg("latest: %s", strerror(errno));
	return fd;
}

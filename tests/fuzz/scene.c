/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

struct kept {
	char name[256];
	uint64_t size;
	unsigned char *bytes; /* at the start; the rest is zeros or does not matter */
	size_t start;
};

struct scene {
	char domain[16];
	int dirfd;
	struct kept files[SCENE_FILES];
};

static char root[256];
static struct scene scenes[SCENE_KINDS];
static int lowest_free; /* descriptor, when the scene was restored */

/* Enough for the tables of either slot, and not for its messages. */
static const size_t starts[SCENE_FILES] = {4096, 16384, 16384};

_Noreturn void scene_fail(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

/* --- calls ------------------------------------------------------------------- */

/* Processor time, so that a busy machine does not look like an endless loop. */
int64_t scene_began(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

int scene_ended(const char *call, int64_t began, int result, const int *errors, size_t count)
{
	static const int always[] = {-ENODEV, -EPROTO, -EIO};
	int64_t took = scene_began() - began;

	/* A count is no error. */
	count = result > 0 ? 0 : count;
	for (size_t i = 0; i < sizeof(always) / sizeof(*always); i++)
		count = result == always[i] ? 0 : count;
	for (size_t i = 0; i < count; i++)
		if (result == errors[i])
			count = 0;
	if (count) {
		fprintf(stderr, "%s gave %d: %s\n", call, result, babus_error_detail());
		abort();
	}
	if (took > SECOND) {
		fprintf(stderr, "%s took %lld ms\n", call, (long long)(took / 1000000));
		abort();
	}
	return result;
}

static int free_descriptor(void)
{
	int fd = open("/", O_PATH | O_CLOEXEC);

	HOLDS(fd >= 0);
	close(fd);
	return fd;
}

void scene_check_descriptors(void)
{
	HOLDS(free_descriptor() == lowest_free);
}

/* --- making ------------------------------------------------------------------ */

static struct babus_slot_options geometry(unsigned kind)
{
	struct babus_slot_options opts;

	babus_slot_options_init(&opts);
	opts.depth = kind ? 1 : 3;
	opts.loans = 4;
	opts.pins = 8;
	opts.max_size = kind ? 65536 : 200;
	return opts;
}

static void publish_some(babus_domain *domain, unsigned kind)
{
	struct babus_slot_options opts = geometry(kind);
	babus_slot *slot;

	HOLDS(
	    !babus_slot_open(domain, SCENE_SLOT_NAME, BABUS_PUBLISH | BABUS_CREATE, &opts, &slot));
	for (int i = 0; i < 5; i++)
		HOLDS(!babus_slot_publish(slot, "message", 7, NULL, NULL));
	babus_slot_close(slot);
}

static bool ends_with(const char *text, const char *end)
{
	size_t a = strlen(text), b = strlen(end);

	return a >= b && !strcmp(text + a - b, end);
}

static void keep(struct scene *scene, enum scene_file file, const char *name)
{
	struct kept *kept = &scene->files[file];
	struct stat st;
	int fd = openat(scene->dirfd, name, O_RDONLY | O_CLOEXEC);

	HOLDS(fd >= 0 && !fstat(fd, &st));
	snprintf(kept->name, sizeof(kept->name), "%s", name);
	kept->size = (uint64_t)st.st_size;
	kept->start = starts[file] < kept->size ? starts[file] : kept->size;
	kept->bytes = malloc(kept->start);
	HOLDS(kept->bytes && pread(fd, kept->bytes, kept->start, 0) == (ssize_t)kept->start);
	close(fd);
}

static DIR *open_dir(int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	HOLDS(dir);
	return dir;
}

static void make_scene(unsigned kind)
{
	struct scene *scene = &scenes[kind];
	struct babus_domain_options opts;
	babus_domain *domain;
	struct dirent *entry;
	DIR *dir;

	babus_domain_options_init(&opts);
	opts.root = root;
	snprintf(scene->domain, sizeof(scene->domain), "kind%u", kind);
	HOLDS(!babus_domain_open(scene->domain, BABUS_CREATE, &opts, &domain));
	publish_some(domain, kind);
	scene->dirfd = open(babus_domain_path(domain), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	HOLDS(scene->dirfd >= 0);
	babus_domain_close(domain);
	dir = open_dir(scene->dirfd);
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, "domain"))
			keep(scene, SCENE_DOMAIN, entry->d_name);
		else if (ends_with(entry->d_name, ".slot"))
			keep(scene, SCENE_SLOT, entry->d_name);
		else if (ends_with(entry->d_name, ".pins"))
			keep(scene, SCENE_PINS, entry->d_name);
	}
	closedir(dir);
	for (int file = 0; file < SCENE_FILES; file++)
		HOLDS(scene->files[file].bytes);
}

static void clear(const struct scene *scene, bool all);

static void leave(void)
{
	for (unsigned kind = 0; kind < SCENE_KINDS; kind++) {
		char path[sizeof(root) + 32];

		if (scenes[kind].dirfd > 0)
			clear(&scenes[kind], true);
		snprintf(path, sizeof(path), "%s/babus.%s", root, scenes[kind].domain);
		rmdir(path);
		for (int file = 0; file < SCENE_FILES; file++)
			free(scenes[kind].files[file].bytes);
	}
	rmdir(root);
}

const char *scene_root(void)
{
	return root;
}

void scene_init(void)
{
	const char *where = getenv("BABUS_ROOT");

	snprintf(root, sizeof(root), "%s/fuzz-XXXXXX", where ? where : "/dev/shm");
	HOLDS(mkdtemp(root));
	atexit(leave);
	for (unsigned kind = 0; kind < SCENE_KINDS; kind++)
		make_scene(kind);
	HOLDS(!babus_guard_install());
}

int scene_open(unsigned kind, babus_domain **domain)
{
	struct babus_domain_options opts;

	babus_domain_options_init(&opts);
	opts.root = root;
	return CALL(babus_domain_open(scenes[kind].domain, 0, &opts, domain), -ENOENT, -EPERM);
}

uint64_t scene_size(unsigned kind, enum scene_file file)
{
	return scenes[kind].files[file].size;
}

/* --- restoring ----------------------------------------------------------------------- */

static bool is_kept(const struct scene *scene, const char *name)
{
	for (int file = 0; file < SCENE_FILES; file++)
		if (!strcmp(scene->files[file].name, name))
			return true;
	return false;
}

static void clear(const struct scene *scene, bool all)
{
	struct dirent *entry;
	DIR *dir = open_dir(scene->dirfd);

	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && (all || !is_kept(scene, entry->d_name)))
			unlinkat(scene->dirfd, entry->d_name, 0);
	closedir(dir);
}

static int reopen(const struct scene *scene, const struct kept *kept)
{
	struct stat st;

	if (!fstatat(scene->dirfd, kept->name, &st, AT_SYMLINK_NOFOLLOW) && !S_ISREG(st.st_mode))
		unlinkat(scene->dirfd, kept->name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0);
	return openat(scene->dirfd, kept->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
}

void scene_restore(unsigned kind)
{
	const struct scene *scene = &scenes[kind];

	clear(scene, false);
	for (int file = 0; file < SCENE_FILES; file++) {
		const struct kept *kept = &scene->files[file];
		int fd = reopen(scene, kept);

		HOLDS(fd >= 0);
		HOLDS(!fchmod(fd, 0600));
		HOLDS(!ftruncate(fd, (off_t)kept->size));
		HOLDS(pwrite(fd, kept->bytes, kept->start, 0) == (ssize_t)kept->start);
		close(fd);
	}
	lowest_free = free_descriptor();
}

/* --- damaging ------------------------------------------------------------------ */

static int open_file(unsigned kind, enum scene_file file)
{
	return openat(scenes[kind].dirfd, scenes[kind].files[file].name,
		      O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
}

void scene_write(unsigned kind, enum scene_file file, uint64_t offset, const void *bytes,
		 size_t size)
{
	int fd = open_file(kind, file);

	if (fd < 0)
		return;
	if (pwrite(fd, bytes, size, (off_t)offset) < 0)
		errno = 0;
	close(fd);
}

void scene_resize(unsigned kind, enum scene_file file, uint64_t size)
{
	int fd = open_file(kind, file);

	if (fd < 0)
		return;
	if (ftruncate(fd, (off_t)size) < 0)
		errno = 0;
	close(fd);
}

void scene_replace(unsigned kind, enum scene_file file, unsigned what)
{
	int dirfd = scenes[kind].dirfd;
	const char *name = scenes[kind].files[file].name;
	int error = 0;

	unlinkat(dirfd, name, 0);
	switch (what % 5) {
	case 0:
		error = symlinkat(scenes[kind].files[SCENE_SLOT].name, dirfd, name);
		break;
	case 1:
		error = mkfifoat(dirfd, name, 0600);
		break;
	case 2:
		error = mkdirat(dirfd, name, 0700);
		break;
	case 3:
		error = mknodat(dirfd, name, S_IFSOCK | 0600, 0);
		break;
	default:
		break; /* nothing there */
	}
	if (error)
		errno = 0;
}

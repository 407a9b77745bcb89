/* SPDX-License-Identifier: MIT */
/*
 * Domains: opening, checking, listing. Invariant: a directory with a file `domain` is complete
 * and has its final access; one without is not a domain yet.
 */
#include "domain.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cancel.h"
#include "clock.h"
#include "error.h"
#include "flags.h"
#include "fork.h"
#include "guard.h"
#include "name.h"
#include "shm.h"
#include "trust.h"
#include "wait.h"

void babus_domain_options_init(struct babus_domain_options *opts)
{
	*opts = (struct babus_domain_options){
	    .uid = (uid_t)-1, .gid = (gid_t)-1, .trust_uid = (uid_t)-1};
}

static int check_options(const struct babus_domain_options *opts)
{
	if (opts->mode & ~(mode_t)07777)
		return babus_fail(-EINVAL, "domain mode %#o: expected permission bits",
				  (unsigned)opts->mode);
	return error_check_reserved(
	    opts->reserved, sizeof(opts->reserved) / sizeof(*opts->reserved), "domain options");
}

/* --- opening ---------------------------------------------------------------- */

/* For an observer read access is enough. Returns the descriptor. */
static int open_file(babus_domain *domain, struct stat *st)
{
	int fd = shm_open_file(domain->dirfd, DOMAIN_FILE, O_RDWR, st);

	domain->writable = fd >= 0;
	if (domain->observer && (fd == -EACCES || fd == -EROFS))
		fd = shm_open_file(domain->dirfd, DOMAIN_FILE, O_RDONLY, st);
	if (fd == -EACCES || fd == -EROFS)
		return babus_fail(fd, "%s/" DOMAIN_FILE ": %s", domain->path, strerror(-fd));
	return fd;
}

static int check_file(const babus_domain *domain, int fd, const struct stat *st)
{
	struct layout_head head;
	int error = shm_read_start(fd, DOMAIN_FILE, &head, sizeof(head));

	if (!error)
		error = layout_check_head(&head, LAYOUT_DOMAIN_MAGIC, 0, DOMAIN_FILE);
	if (error)
		return error;
	if (st->st_size != DOMAIN_SIZE)
		return babus_fail(-EPROTO, "%s: %lld bytes, expected %d", DOMAIN_FILE,
				  (long long)st->st_size, DOMAIN_SIZE);
	return domain_check_owner(domain, st->st_uid, DOMAIN_FILE);
}

static int map_file(babus_domain *domain)
{
	struct stat st;
	int fd = open_file(domain, &st);
	int error;

	if (fd < 0)
		return fd;
	error = check_file(domain, fd, &st);
	if (!error)
		error = shm_map(fd, DOMAIN_SIZE, domain->writable, (void **)&domain->map);
	domain->device = st.st_dev;
	domain->inode = st.st_ino;
	close(fd);
	return error;
}

static int attach(babus_domain *domain, int rootfd, const char *leaf)
{
	struct stat st;
	int error;

	STEP("open_directory");
	domain->dirfd = openat(rootfd, leaf, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (domain->dirfd < 0) {
		if (errno == ENOTDIR || errno == ELOOP)
			return babus_fail(-EPERM, "%s: expected a directory", domain->path);
		return -errno;
	}
	if (fstat(domain->dirfd, &st) < 0)
		return -errno;
	error = trust_directory(&st, domain->trust_uid, domain->path);
	if (error)
		return error;
	domain->owner = st.st_uid;
	domain->open_to_all = st.st_mode & S_IWOTH;
	error = map_file(domain);
	if (error)
		return error;
	domain->guard = guard_add(domain->map, DOMAIN_SIZE);
	return domain->guard ? 0 : -ENOMEM;
}

static void destroy(babus_domain *domain)
{
	NO_CANCELLATION;

	/* In a forked child a thread of the parent may hold it. */
	if (fork_page && fork_is_ours(domain->generation))
		pthread_mutex_destroy(&domain->notifier_lock);
	guard_remove(domain->guard);
	shm_unmap(domain->map, DOMAIN_SIZE);
	if (domain->dirfd >= 0)
		close(domain->dirfd);
	free(domain->name);
	free(domain->path);
	free(domain);
}

/* Where a domain is: `leaf` in the directory `root`. `path` is both, to be freed. */
struct place {
	const char *name, *root, *leaf;
	char *path;
};

static int locate(const char *name, const struct babus_domain_options *opts, struct place *place)
{
	int error;

	place->root = opts->root ? opts->root : secure_getenv("BABUS_ROOT");
	if (!place->root || !*place->root)
		place->root = "/dev/shm";
	place->name = name ? name : secure_getenv("BABUS_DOMAIN");
	if (!place->name || !*place->name)
		place->name = "default";
	error = babus_name_check(place->name);
	if (error)
		return error;
	if (asprintf(&place->path, "%s/babus.%s", place->root, place->name) < 0)
		return -ENOMEM;
	place->leaf = place->path + strlen(place->root) + 1;
	return 0;
}

static int open_handle(const struct place *place, int rootfd, unsigned flags,
		       const struct babus_domain_options *opts, babus_domain **result)
{
	babus_domain *domain = calloc(1, sizeof(*domain));
	int error = -ENOMEM;

	if (!domain)
		return error;
	*domain = (babus_domain){
	    .dirfd = -1, .trust_uid = opts->trust_uid, .observer = flags & BABUS_OBSERVE};
	domain_ref(domain);
	pthread_mutex_init(&domain->notifier_lock, NULL);
	domain->name = strdup(place->name);
	domain->path = strdup(place->path);
	if (domain->name && domain->path)
		error = fork_generation(&domain->generation);
	if (!error)
		error = attach(domain, rootfd, place->leaf);
	if (error)
		destroy(domain);
	else
		*result = domain;
	return error;
}

static int open_or_create(const struct place *place, int rootfd, unsigned flags,
			  const struct babus_domain_options *opts, babus_domain **result)
{
	babus_domain *domain = NULL;
	bool created = false;
	int error = 0;

	if (flags & BABUS_CREATE) {
		error = domain_create(rootfd, place->leaf, place->path, opts);
		created = !error;
		if (error == -EEXIST && !(flags & BABUS_EXCLUSIVE))
			error = 0;
	}
	if (!error)
		error = open_handle(place, rootfd, flags, opts, &domain);
	if (!error && created)
		domain_changed(domain);
	if (!error)
		*result = domain;
	else if (error == -ENOENT && !*babus_error_detail())
		babus_fail(error, "no such domain, expected directory %s", place->path);
	else if (!*babus_error_detail())
		babus_fail(error, "%s: %s", place->path, babus_strerror(error));
	return error;
}

int babus_domain_open(const char *name, unsigned flags, const struct babus_domain_options *opts,
		      babus_domain **domain)
{
	NO_CANCELLATION;
	struct babus_domain_options defaults;
	struct place place;
	int rootfd, error;

	babus_fail_clear();
	babus_domain_options_init(&defaults);
	if (!opts)
		opts = &defaults;
	error = flags_check(flags, BABUS_CREATE | BABUS_EXCLUSIVE | BABUS_OBSERVE, "domain");
	if (!error)
		error = check_options(opts);
	if (!error)
		error = locate(name, opts, &place);
	if (error)
		return error;
	rootfd = open(place.root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0) {
		error = babus_fail(-errno, "root directory '%s': %s", place.root,
				   domain_path_error(-errno));
	} else {
		error = open_or_create(&place, rootfd, flags, opts, domain);
		close(rootfd);
	}
	free(place.path);
	return error;
}

void domain_ref(babus_domain *domain)
{
	local_add(&domain->references, 1);
}

void domain_unref(babus_domain *domain)
{
	if (!local_add(&domain->references, -1))
		destroy(domain);
}

void babus_domain_close(babus_domain *domain)
{
	if (domain)
		domain_unref(domain);
}

/* --- asking ------------------------------------------------------------------- */

const char *babus_domain_name(const babus_domain *domain)
{
	return domain->name;
}

const char *babus_domain_path(const babus_domain *domain)
{
	return domain->path;
}

int domain_check(const babus_domain *domain)
{
	if (!fork_is_ours(domain->generation))
		return -ECHILD;
	if (guard_was_hit(domain->guard))
		return -EIO;
	return flag_get(&domain->map->gone) ? domain_check_gone(domain) : 0;
}

int domain_check_owner(const babus_domain *domain, uid_t owner, const char *file)
{
	/* If only trusted users may create files here, any owner is trusted. */
	if (!domain->open_to_all || owner == domain->owner || trust_user(owner, domain->trust_uid))
		return 0;
	return babus_fail(-EPERM,
			  "%s: belongs to user %u; expected you, root, user %u, or the user named "
			  "as trusted",
			  file, (unsigned)owner, (unsigned)domain->owner);
}

/* As shm_has_name(). */
static int has_files(const babus_domain *domain)
{
	STEP("look_for_files");
	return shm_has_name(domain->dirfd, DOMAIN_FILE, domain->device, domain->inode);
}

int domain_check_gone(const babus_domain *domain)
{
	if (has_files(domain) <= 0)
		return -ENODEV;
	if (!domain->writable)
		return 0;
	/* Every client can set the flag, and this was a false alarm. If the files vanished
	   before the flag was cleared, the second look finds that out. */
	flag_lower(&domain->map->gone);
	if (has_files(domain) > 0)
		return 0;
	flag_raise(&domain->map->gone, 1);
	return -ENODEV;
}

int domain_check_files(babus_domain *domain)
{
	if (has_files(domain))
		return 0;
	if (domain->writable) {
		flag_raise(&domain->map->gone, 1);
		wait_kick(domain->map, WAIT_ALL);
	}
	return babus_fail(-ENODEV, "%s: the domain's files were deleted", domain->path);
}

int domain_check_files_after(babus_domain *domain, int64_t now_ns, uint64_t interval_ns,
			     int64_t *due_ns)
{
	if (now_ns < *due_ns)
		return 0;
	*due_ns = clock_after(now_ns, interval_ns);
	return domain_check_files(domain);
}

int domain_check_now(babus_domain *domain)
{
	int error = domain_check(domain);

	return error ? error : domain_check_files(domain);
}

int babus_domain_check(babus_domain *domain)
{
	babus_fail_clear();
	return domain_check_now(domain);
}

int domain_check_writes(const babus_domain *domain)
{
	if (!domain->observer)
		return 0;
	return babus_fail(-EACCES, "%s: it was opened with BABUS_OBSERVE", domain->path);
}

int domain_check_can_sleep(const babus_domain *domain)
{
	if (domain->writable)
		return 0;
	return babus_fail(-EROFS, "%s: its file %s cannot be written: poll with BABUS_NOW",
			  domain->path, DOMAIN_FILE);
}

void domain_changed(babus_domain *domain)
{
	change_bump(&domain->map->changes);
	wait_notify(domain->map, WAIT_CONTROL);
}

int babus_domain_changes(babus_domain *domain, uint64_t *changes)
{
	int error = domain_check(domain);

	babus_fail_clear();
	if (!error)
		*changes = change_get(&domain->map->changes);
	return error;
}

int babus_domain_list(babus_domain *domain, int (*fn)(void *arg, const char *name), void *arg)
{
	NO_CANCELLATION;
	struct dirent *entry;
	DIR *dir;
	int result;

	babus_fail_clear();
	result = domain_check_now(domain);
	if (result)
		return result;
	dir = shm_open_dir(domain->dirfd);
	if (!dir)
		return -errno;
	while (!result && (entry = readdir(dir))) {
		char name[BABUS_NAME_MAX + 1];

		if (name_of_slot(entry->d_name, name))
			result = fn(arg, name);
	}
	closedir(dir);
	/* Calls that fn made may have failed. */
	if (!result)
		babus_fail_clear();
	return result;
}

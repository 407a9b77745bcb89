/* SPDX-License-Identifier: MIT */
/*
 * Every kind of wrong file at every place where babus opens one, for every call that opens it:
 * the error, its text, no hang, and nothing changes behind the wrong file. The tables have the
 * expected errors. Needs root, to give files away and to act as another user.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include "support.h"

enum {
	OWNER = 61001, /* of foreign files */
	USER = 61002,  /* the user that meets files that only others can have put there */
	TIME_LIMIT_S = 20,
	ANY = 1 /* no errno: may succeed or fail */
};

enum kind {
	LINK_TO_FILE,
	LINK_TO_NOTHING,
	LINK_TO_DIRECTORY,
	FIFO,
	SOCKET,
	DEVICE,
	DIRECTORY,
	EMPTY,
	HARD_LINK,
	FOREIGN, /* the right kind of file, but of another user */
	CLOSED,  /* the right kind of file, but with mode 0 */
	KINDS
};

static const char *const kinds[KINDS] = {
    "link to a file", "link to nothing", "link to a directory", "FIFO",
    "socket",         "device",          "directory",           "empty file",
    "hard link",      "foreign file",    "closed file",
};

/* Kinds for which a call gives the same error. */
enum group {
	NO_FILE, /* and no directory either */
	NO_FILE_DIRECTORY,
	NO_FILE_LINK, /* to a directory */
	BAD_FILE,
	OTHERS,
	SHUT,
	GROUPS
};

static const enum group groups[KINDS] = {
    [LINK_TO_FILE] = NO_FILE,
    [LINK_TO_NOTHING] = NO_FILE,
    [LINK_TO_DIRECTORY] = NO_FILE_LINK,
    [FIFO] = NO_FILE,
    [SOCKET] = NO_FILE,
    [DEVICE] = NO_FILE,
    [EMPTY] = BAD_FILE,
    [HARD_LINK] = BAD_FILE,
    [DIRECTORY] = NO_FILE_DIRECTORY,
    [FOREIGN] = OTHERS,
    [CLOSED] = SHUT,
};

/* --- the calls ------------------------------------------------------------------------ */

static int open_domain(unsigned flags)
{
	babus_domain *domain = NULL;
	int error = babus_domain_open("test", flags, NULL, &domain);

	babus_domain_close(domain);
	return error;
}

static int domain_open(void)
{
	return open_domain(0);
}

static int domain_create(void)
{
	return open_domain(BABUS_CREATE);
}

static int domain_create_exclusive(void)
{
	return open_domain(BABUS_CREATE | BABUS_EXCLUSIVE);
}

static int domain_remove(void)
{
	return babus_domain_remove("test", NULL);
}

/* The other calls open the domain first, which is in order. */
static int open_s(unsigned flags)
{
	struct babus_slot_options opts = small_options(2, 64);
	babus_domain *domain = NULL;
	babus_slot *slot = NULL;
	int error;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	error = babus_slot_open(domain, "s", flags, flags & BABUS_CREATE ? &opts : NULL, &slot);
	babus_slot_close(slot);
	babus_domain_close(domain);
	return error;
}

static int slot_read(void)
{
	return open_s(BABUS_READ);
}

static int slot_publish(void)
{
	return open_s(BABUS_PUBLISH);
}

static int slot_create(void)
{
	return open_s(BABUS_PUBLISH | BABUS_CREATE);
}

static int slot_create_exclusive(void)
{
	return open_s(BABUS_CREATE | BABUS_EXCLUSIVE);
}

static int slot_remove(void)
{
	babus_domain *domain = NULL;
	int error;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	error = babus_domain_remove_slot(domain, "s");
	babus_domain_close(domain);
	return error;
}

static int count_good(void *arg, const char *name)
{
	*(unsigned *)arg += !strcmp(name, "good");
	return 0;
}

static int list(void)
{
	babus_domain *domain = NULL;
	unsigned good = 0;
	int error;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	error = babus_domain_list(domain, count_good, &good);
	EXPECT_EQUAL(good, 1);
	babus_domain_close(domain);
	return error;
}

/* Whatever is there, recovery reports, also about the slot that is in order. */
static int recover(int repair)
{
	struct babus_report report = {0};
	babus_domain *domain = NULL;
	int error;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	error = babus_domain_recover(domain, repair, &report);
	EXPECT(error || report.slots >= 1);
	EXPECT(error || report.damaged + report.foreign == 1);
	EXPECT(strlen(babus_error_detail()) > 0);
	babus_domain_close(domain);
	return error;
}

static int recover_look(void)
{
	return recover(0);
}

static int recover_repair(void)
{
	return recover(1);
}

/* --- the places ------------------------------------------------------------------------ */

struct call {
	const char *name;
	int (*run)(void);
	int errors[GROUPS]; /* ANY: does not matter, or the kind does not fit this place */
};

struct place {
	const char *name;
	const char *(*path)(void);
	const char *names, *or_names; /* an error text names one of them */
	const struct call *calls;
	unsigned skips; /* kinds that mean nothing here, as bits */
};

static char pins_leaf[300];

static const char *root_place(void)
{
	return root_file("root");
}

static const char *directory_place(void)
{
	return root_file("babus.test");
}

static const char *domain_place(void)
{
	return domain_file("domain");
}

static const char *slot_place(void)
{
	return domain_file("s.slot");
}

static const char *pins_place(void)
{
	return domain_file(pins_leaf);
}

static const char *gone_place(void)
{
	return domain_file("s.0123456789abcdef.gone");
}

/* Columns: no file, directory, link to a directory, bad file, foreign, closed. */
static const struct call root_calls[] = {
    {"open", domain_open, {ANY, -ENOENT, -ENOENT, -ENOTDIR, ANY, ANY}},
    {"create", domain_create, {ANY, 0, 0, -ENOTDIR, ANY, ANY}},
    {"remove", domain_remove, {ANY, -ENOENT, -ENOENT, -ENOTDIR, ANY, ANY}},
    {NULL, NULL, {0}},
};

static const struct call directory_calls[] = {
    {"open", domain_open, {-EPERM, -ENOENT, -EPERM, -EPERM, -EPERM, -EACCES}},
    {"create", domain_create, {-EPERM, 0, -EPERM, -EPERM, -EPERM, -EACCES}},
    {"exclusive", domain_create_exclusive, {-EPERM, 0, -EPERM, -EPERM, -EPERM, -EACCES}},
    {"remove", domain_remove, {-EPERM, -ENOENT, -EPERM, -EPERM, -EPERM, -EACCES}},
    {NULL, NULL, {0}},
};

static const struct call domain_calls[] = {
    {"open", domain_open, {-EPERM, -EPERM, -EPERM, -EPROTO, -EPERM, -EACCES}},
    {"create", domain_create, {-EPERM, -EPERM, -EPERM, -EPROTO, -EPERM, -EACCES}},
    {"exclusive", domain_create_exclusive, {-EEXIST, -EEXIST, -EEXIST, -EEXIST, -EEXIST, -EEXIST}},
    {"remove", domain_remove, {-EPERM, -EPERM, -EPERM, -EPROTO, -EPERM, -EACCES}},
    {NULL, NULL, {0}},
};

static const struct call slot_calls[] = {
    {"read", slot_read, {-EPERM, -EPERM, -EPERM, -EPROTO, -EPERM, -EACCES}},
    {"publish", slot_publish, {-EPERM, -EPERM, -EPERM, -EPROTO, -EPERM, -EACCES}},
    {"create", slot_create, {-EPERM, -EPERM, -EPERM, -EPROTO, -EPERM, -EACCES}},
    {"exclusive", slot_create_exclusive, {-EEXIST, -EEXIST, -EEXIST, -EEXIST, -EEXIST, -EEXIST}},
    /* A file that is no slot can be removed. */
    {"remove", slot_remove, {-EPERM, -EPERM, -EPERM, 0, -EPERM, -EACCES}},
    {"list", list, {0, 0, 0, 0, 0, 0}},
    {"look", recover_look, {0, 0, 0, 0, 0, ANY}},
    {"repair", recover_repair, {0, 0, 0, 0, 0, ANY}},
    {NULL, NULL, {0}},
};

static const struct call pins_calls[] = {
    {"read", slot_read, {-EPERM, -EPERM, -EPERM, -EPROTO, -EPERM, -EACCES}},
    {"publish", slot_publish, {-EPERM, -EPERM, -EPERM, -EPROTO, -EPERM, -EACCES}},
    {"create", slot_create, {-EPERM, -EPERM, -EPERM, -EPROTO, -EPERM, -EACCES}},
    {"exclusive", slot_create_exclusive, {-EEXIST, -EEXIST, -EEXIST, -EEXIST, -EEXIST, -EEXIST}},
    /* The slot is in order, but for the user it is root's, and only root may remove it. */
    {"remove", slot_remove, {0, 0, 0, 0, -EPERM, -EPERM}},
    {"list", list, {0, 0, 0, 0, 0, 0}},
    {"look", recover_look, {0, 0, 0, 0, 0, ANY}},
    {"repair", recover_repair, {0, 0, 0, 0, 0, ANY}},
    {NULL, NULL, {0}},
};

/* Without repair leftovers are only counted, so it does not matter what they are. */
static const struct call gone_calls[] = {
    {"list", list, {0, 0, 0, 0, 0, 0}},
    {"repair", recover_repair, {0, 0, 0, 0, 0, 0}},
    {NULL, NULL, {0}},
};

#define BIT(kind) (1u << (kind))

static const struct place places[] = {
    {"root", root_place, "/root", NULL, root_calls, BIT(FOREIGN) | BIT(CLOSED)},
    {"directory", directory_place, "/babus.test", NULL, directory_calls, 0},
    {"domain file", domain_place, "domain:", NULL, domain_calls, 0},
    {"slot", slot_place, "slot 's'", "s.slot:", slot_calls, 0},
    {"pins", pins_place, "slot 's'", pins_leaf, pins_calls, 0},
    {"leftover", gone_place, "s.0123456789abcdef.gone", NULL, gone_calls,
     BIT(FOREIGN) | BIT(CLOSED)},
};

/* --- the scene ------------------------------------------------------------------------- */

static const char secret[] = "nothing of babus";

static void make_outside(void)
{
	int fd;

	assert_int_equal(mkdir(root_file("outside"), 0755), 0);
	fd = open(root_file("outside/file"), O_WRONLY | O_CREAT | O_EXCL, 0644);
	assert_int_equal(write(fd, secret, sizeof(secret)), sizeof(secret));
	close(fd);
	assert_int_equal(mkdir(root_file("outside/directory"), 0750), 0);
}

static void check_outside(bool may_enter)
{
	char content[64];
	struct stat st;
	int fd = open(root_file("outside/file"), O_RDONLY);

	assert_int_equal(read(fd, content, sizeof(content)), sizeof(secret));
	assert_memory_equal(content, secret, sizeof(secret));
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0644);
	assert_int_equal(st.st_uid, 0);
	close(fd);
	assert_int_equal(access(root_file("outside/nothing"), F_OK), -1);
	assert_int_equal(stat(root_file("outside/directory"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0750);
	/* A directory that a user names as root is used, and no other. */
	if (!may_enter)
		assert_int_equal(rmdir(root_file("outside/directory")), 0);
}

static int bind_socket(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	int error;

	assert_true(strlen(path) < sizeof(address.sun_path));
	memcpy(address.sun_path, path, strlen(path));
	error = bind(fd, (struct sockaddr *)&address, sizeof(address));
	close(fd);
	return error;
}

static int link_outside(const char *leaf, const char *path, bool hard)
{
	char target[128];

	snprintf(target, sizeof(target), "%s/outside/%s", support_root, leaf);
	return hard ? link(target, path) : symlink(target, path);
}

static int put(enum kind kind, const char *path)
{
	switch (kind) {
	case LINK_TO_FILE:
		return link_outside("file", path, false);
	case LINK_TO_NOTHING:
		return link_outside("nothing", path, false);
	case LINK_TO_DIRECTORY:
		return link_outside("directory", path, false);
	case FIFO:
		return mkfifo(path, 0666);
	case SOCKET:
		return bind_socket(path);
	case DEVICE:
		return mknod(path, S_IFCHR | 0666, makedev(1, 3));
	case DIRECTORY:
		return mkdir(path, 0755);
	case EMPTY:
		return mknod(path, S_IFREG | 0666, 0);
	case HARD_LINK:
		return link_outside("file", path, true);
	case FOREIGN:
		return chown(path, OWNER, OWNER);
	default:
		return chmod(path, 0);
	}
}

/* An open domain of root with the slots "good" and "s", and this file in place of one. */
static void set_scene(const struct place *place, enum kind kind)
{
	struct babus_domain_options domain_options;
	struct babus_slot_options opts = small_options(2, 64);
	char path[512];
	bool in_place = kind == FOREIGN || kind == CLOSED;
	babus_slot *slot;

	assert_int_equal(support_setup_root(NULL), 0);
	make_outside();
	babus_domain_options_init(&domain_options);
	domain_options.mode = 01777;
	assert_int_equal(babus_domain_open("test", BABUS_CREATE, &domain_options, &bus), 0);
	opts.mode = 0666;
	babus_slot_close(make_slot_with("good", &opts));
	slot = make_slot_with("s", &opts);
	snprintf(pins_leaf, sizeof(pins_leaf), "%s", strrchr(pins_file(slot), '/') + 1);
	babus_slot_close(slot);
	babus_domain_close(bus);
	bus = NULL;
	snprintf(path, sizeof(path), "%s", place->path());
	/* Its own file is out of the way; nothing was at the places that are free. */
	if (!in_place && access(path, F_OK) == 0) {
		char aside[128];

		snprintf(aside, sizeof(aside), "%s/aside", support_root);
		assert_int_equal(rename(path, aside), 0);
	}
	assert_int_equal(put(kind, path), 0);
	if (place->path == root_place)
		assert_int_equal(setenv("BABUS_ROOT", path, 1), 0);
}

/* --- the test ---------------------------------------------------------------------------- */

struct meeting {
	const struct place *place;
	const struct call *call;
	enum kind kind;
	int wanted;
};

/* Devices do not open at all on a tmpfs that is mounted without them. */
static bool is_refused_by_mount(const struct meeting *m, int error)
{
	struct statvfs fs;

	return m->kind == DEVICE && error == -EACCES && m->wanted == -EPERM &&
	       !statvfs(support_root, &fs) && fs.f_flag & ST_NODEV;
}

static bool names_place(const struct place *place, int error)
{
	const char *detail = babus_error_detail();

	/* The existing thing is the domain, whatever is wrong with its file. */
	if (error == -EEXIST && place->calls == domain_calls)
		return strstr(detail, "/babus.test:");
	return strstr(detail, place->names) || (place->or_names && strstr(detail, place->or_names));
}

static void meet(void *arg)
{
	const struct meeting *m = arg;
	int error;

	/* A call that waits for a FIFO ends here. */
	alarm(TIME_LIMIT_S);
	if (m->kind == FOREIGN || m->kind == CLOSED)
		child_become(USER, (gid_t)-1);
	error = m->call->run();
	alarm(0);
	if (m->wanted != ANY && !is_refused_by_mount(m, error))
		EXPECT_EQUAL(error, m->wanted);
	if (error && !names_place(m->place, error)) {
		fprintf(stderr, "'%s' does not name '%s'\n", babus_error_detail(), m->place->names);
		EXPECT(false);
	}
	if (error == -EPERM && m->call->run != slot_remove &&
	    !strstr(babus_error_detail(), "expected") && !strstr(babus_error_detail(), "trusted")) {
		fprintf(stderr, "'%s' is not the expected text\n", babus_error_detail());
		EXPECT(false);
	}
}

/* True if the call gave what the table says. Asserts what it changed. */
static bool check(const struct place *place, const struct call *call, enum kind kind)
{
	struct meeting m = {place, call, kind, call->errors[groups[kind]]};
	struct stat before, after;
	char path[512];
	bool said;

	snprintf(support_context, sizeof(support_context), "%s: %s: %s", place->name, kinds[kind],
		 call->name);
	set_scene(place, kind);
	snprintf(path, sizeof(path), "%s", place->path());
	assert_int_equal(lstat(path, &before), 0);
	said = child_wait(child_start(meet, &m)) == 0;
	if (!said)
		print_error("at: %s\n", support_context);
	/* A refused file is left as it is. */
	if (m.wanted < 0) {
		assert_int_equal(lstat(path, &after), 0);
		assert_int_equal(after.st_ino, before.st_ino);
		assert_int_equal(after.st_mode, before.st_mode);
		assert_int_equal(after.st_uid, before.st_uid);
		assert_int_equal(after.st_size, before.st_size);
	}
	check_outside(place->path == root_place && kind == LINK_TO_DIRECTORY && !m.wanted);
	*support_context = '\0';
	support_teardown(NULL);
	return said;
}

static void every_kind_of_file_at_every_place_is_told(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		for (enum kind kind = 0; kind < KINDS; kind++)
			for (const struct call *call = places[i].calls; call->name; call++)
				if (!(places[i].skips & BIT(kind)))
					wrong += !check(&places[i], call, kind);
	assert_int_equal(wrong, 0);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    cmocka_unit_test(every_kind_of_file_at_every_place_is_told),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	if (geteuid() != 0) {
		printf("skipped: only root can make devices and give files away\n");
		return SKIPPED;
	}
	return support_main(run, 60);
}

/* SPDX-License-Identifier: MIT */
/*
 * Ordinary users try to make root's babusfs do for them what they may not do: by every call that
 * changes a file, by links and renames in a domain whose directory they may write, by
 * descriptors, by races.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "shell.h"
#include "users.h"

/* They see the names of slots that they may not read, and can try them. */
static int listed_setup(void **state)
{
	return users_setup_with(state, "list_all");
}

#define LISTED(claim) cmocka_unit_test_setup_teardown(claim, listed_setup, mount_teardown)

static void share_domain(mode_t mode)
{
	assert_int_equal(chown(domain_file(""), 0, TEAM), 0);
	assert_int_equal(chmod(domain_file(""), mode), 0);
}

/* --- every call -------------------------------------------------------------------------- */

/* The result of a call as the negative of its error. */
#define TRIED(call) ((call) < 0 ? -errno : 0)

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0666);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/* Through a descriptor that the process has, by its name in /proc. */
static int try_again(const char *path, int flags, int more)
{
	char name[64];
	int fd = open(path, flags | O_CLOEXEC), error;

	EXPECT(fd >= 0);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	error = try_open(name, more);
	if (!error)
		return 0;
	EXPECT(chmod(name, 0666) < 0 && truncate(name, 0) < 0);
	EXPECT(ftruncate(fd, 0) < 0 && fchmod(fd, 0666) < 0 && fchown(fd, ALICE, ALICE) < 0);
	EXPECT(write(fd, "x", 1) < 0 && pwrite(fd, "x", 1, 0) < 0);
	close(fd);
	return error;
}

static int try_map(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *map;

	EXPECT(fd >= 0);
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return map == MAP_FAILED ? -errno : 0;
}

/* A slot that others may read. */
static void change_what_may_be_read(void *arg)
{
	static const struct timespec times[2] = {{.tv_sec = 1}, {.tv_sec = 1}};
	char latest[512], dir[512];

	(void)arg;
	snprintf(latest, sizeof(latest), "%s", in_mount("x", "latest"));
	snprintf(dir, sizeof(dir), "%s", in_mount("x", ""));
	child_become(ALICE, NO_GROUP);
	EXPECT_EQUAL(try_open(latest, O_RDONLY), 0);
	EXPECT_EQUAL(try_open(latest, O_WRONLY), -EACCES);
	EXPECT_EQUAL(try_open(latest, O_RDWR), -EACCES);
	EXPECT_EQUAL(try_open(latest, O_RDONLY | O_TRUNC), -EACCES);
	EXPECT_EQUAL(try_open(latest, O_WRONLY | O_CREAT | O_TRUNC), -EACCES);
	EXPECT_EQUAL(try_open(in_mount("x", "0"), O_WRONLY), -EACCES);
	EXPECT_EQUAL(try_open(in_mount("x", "pub"), O_WRONLY), -EACCES);
	EXPECT_EQUAL(try_open(in_mount("x", "new"), O_WRONLY | O_CREAT), -EACCES);
	EXPECT_EQUAL(try_again(latest, O_RDONLY, O_WRONLY), -EACCES);
	EXPECT_EQUAL(try_again(latest, O_RDONLY, O_RDWR), -EACCES);
	EXPECT_EQUAL(try_again(latest, O_PATH, O_WRONLY), -EACCES);
	EXPECT_EQUAL(try_map(latest), -EACCES);
	EXPECT_EQUAL(TRIED(truncate(latest, 0)), -EACCES);
	EXPECT_EQUAL(TRIED(chmod(latest, 0666)), -EPERM);
	EXPECT_EQUAL(TRIED(chmod(dir, 0777)), -EPERM);
	EXPECT_EQUAL(TRIED(chown(latest, ALICE, (gid_t)-1)), -EPERM);
	EXPECT_EQUAL(TRIED(chown(dir, (uid_t)-1, ALICE)), -EPERM);
	EXPECT_EQUAL(TRIED(utimensat(AT_FDCWD, latest, times, 0)), -EPERM);
	EXPECT(setxattr(latest, "user.babus.tag", "1", 1, 0) < 0);
	EXPECT(setxattr(dir, "system.posix_acl_access", "1", 1, 0) < 0);
	EXPECT(removexattr(latest, "user.babus.tag") < 0);
	EXPECT_EQUAL(TRIED(unlink(latest)), -EACCES);
	EXPECT_EQUAL(TRIED(rename(latest, in_mount("x", "new"))), -EACCES);
	EXPECT(link(latest, in_mount("x", "new")) < 0);
	EXPECT_EQUAL(TRIED(symlink("/etc/passwd", in_mount("x", "new"))), -EACCES);
	EXPECT_EQUAL(TRIED(mknod(in_mount("x", "new"), S_IFIFO | 0666, 0)), -EACCES);
	EXPECT_EQUAL(TRIED(mkdir(in_mount("x", "new"), 0777)), -EACCES);
	EXPECT_EQUAL(TRIED(mkdir(in_mount("new", ""), 0777)), -EACCES);
	EXPECT_EQUAL(TRIED(rmdir(dir)), -EACCES);
	EXPECT_EQUAL(TRIED(rename(dir, in_mount("y", ""))), -EACCES);
}

static void users_that_may_only_read_change_nothing(void **state)
{
	babus_slot *slot = slot_with("x", 0644, 0, 0);
	struct babus_slot_info info;
	struct babus_message message;

	(void)state;
	child_join(child_start(change_what_may_be_read, NULL));
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.mode, 0644);
	assert_int_equal(info.uid, 0);
	assert_int_equal(info.seq, 1);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "root's message");
	babus_slot_close(slot);
}

/* A slot that is closed to others; its name is all they may learn. */
static void learn_what_may_not_be_read(void *arg)
{
	static const char *const files[] = {"latest", "0", "wait", "stream", "info", "pub", "new"};
	char value[64];
	struct stat st;

	(void)arg;
	child_become(ALICE, TEAM);
	EXPECT_EQUAL(stat(in_mount("x", ""), &st), 0);
	EXPECT_EQUAL(try_open(in_mount("x", ""), O_RDONLY | O_DIRECTORY), -EACCES);
	EXPECT(getxattr(in_mount("x", ""), "user.babus.seq", value, sizeof(value)) < 0);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		const char *path = in_mount("x", files[i]);

		EXPECT_EQUAL(try_open(path, O_RDONLY), -EACCES);
		EXPECT_EQUAL(try_open(path, O_WRONLY), -EACCES);
		EXPECT_EQUAL(try_open(path, O_PATH), -EACCES);
		EXPECT_EQUAL(TRIED(stat(path, &st)), -EACCES);
		EXPECT(getxattr(path, "user.babus.seq", value, sizeof(value)) < 0);
		EXPECT(listxattr(path, value, sizeof(value)) < 0);
	}
}

static void users_that_may_not_read_learn_nothing(void **state)
{
	(void)state;
	babus_slot_close(slot_with("x", 0600, 0, 0));
	child_join(child_start(learn_what_may_not_be_read, NULL));
}

/* A descriptor that another user opened for this process gives what it was opened for. */
static void use_a_descriptor_of_root(void *arg)
{
	int fd = *(int *)arg;
	char name[64], text[32];

	child_become(ALICE, NO_GROUP);
	EXPECT_EQUAL(read(fd, text, sizeof(text)), strlen("root's message"));
	EXPECT(write(fd, "x", 1) < 0);
	EXPECT(fchmod(fd, 0666) < 0 && errno == EPERM);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	EXPECT_EQUAL(try_open(name, O_RDONLY), -EACCES);
	EXPECT_EQUAL(try_open(name, O_WRONLY), -EACCES);
}

static void a_descriptor_that_was_given_opens_nothing_more(void **state)
{
	int fd;

	(void)state;
	babus_slot_close(slot_with("x", 0600, 0, 0));
	fd = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	child_join(child_start(use_a_descriptor_of_root, &fd));
	close(fd);
}

/* --- a domain that others may write -------------------------------------------------- */

static void only_an_owner_removes_from_a_sticky_domain(void **state)
{
	(void)state;
	share_domain(03775);
	babus_slot_close(slot_with("x", 0666, BOB, TEAM));
	babus_slot_close(slot_with("y", 0666, BOB, TEAM));
	shell_run("bash", "as() { setpriv --reuid $1 --regid $1 --groups 12399 rmdir $2; };"
			  "! as 12345 x 2>/dev/null; test -d x; as 12346 x; ! test -d x; rmdir y");
}

static void plant(void *arg)
{
	(void)arg;
	child_become(ALICE, TEAM);
	EXPECT(!symlink(root_file("private/babus.other/s.slot"), domain_file("s.slot")));
	EXPECT(!symlink("/etc/passwd", domain_file("p.slot")));
	EXPECT(!symlink("r.slot", domain_file("l.slot")));
	EXPECT(!mkfifo(domain_file("f.slot"), 0666));
	EXPECT(!mkdir(domain_file("d.slot"), 0777));
	EXPECT(!symlink("/dev/zero", domain_file("z.slot")));
}

static void what_is_no_slot_is_not_followed(void **state)
{
	static const char *const names[] = {"s", "p", "l", "f", "d", "z"};
	struct babus_domain_options opts;
	babus_domain *other;
	babus_slot *secret;

	(void)state;
	share_domain(02775);
	babus_slot_close(slot_with("r", 0600, 0, 0));
	assert_int_equal(mkdir(root_file("private"), 0700), 0);
	babus_domain_options_init(&opts);
	opts.root = root_file("private");
	assert_int_equal(babus_domain_open("other", BABUS_CREATE, &opts, &other), 0);
	assert_int_equal(babus_slot_open(other, "s", BABUS_PUBLISH | BABUS_CREATE, NULL, &secret),
			 0);
	publish_text(secret, "secret");
	child_join(child_start(plant, NULL));
	/* Not even for root. */
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		assert_true(open(in_mount(names[i], "latest"), O_RDONLY | O_CLOEXEC) < 0);
		assert_true(open(in_mount(names[i], "latest"), O_WRONLY | O_CLOEXEC) < 0);
		assert_int_equal(chmod(in_mount(names[i], ""), 0777), -1);
		assert_int_equal(rmdir(in_mount(names[i], "")), -1);
	}
	shell_run("bash", "test $(stat -c %a $T/private/babus.other/s.slot) = 600;"
			  "test $(stat -c %a $T/babus.test/r.slot) = 600");
	babus_slot_close(secret);
	babus_domain_close(other);
}

/* --- races ------------------------------------------------------------------------------- */

struct race {
	uint64_t mine, roots; /* instances */
	int64_t until_ns;
};

static void exchange(const struct race *race, bool back)
{
	char pins[4][512];
	const char *a = back ? "roots" : "mine", *b = back ? "mine" : "roots";

	snprintf(pins[0], sizeof(pins[0]), "%s.%016llx.pins", domain_file(a),
		 (unsigned long long)race->mine);
	snprintf(pins[1], sizeof(pins[1]), "%s.%016llx.pins", domain_file(b),
		 (unsigned long long)race->mine);
	snprintf(pins[2], sizeof(pins[2]), "%s.%016llx.pins", domain_file(b),
		 (unsigned long long)race->roots);
	snprintf(pins[3], sizeof(pins[3]), "%s.%016llx.pins", domain_file(a),
		 (unsigned long long)race->roots);
	EXPECT(!rename(pins[0], pins[1]));
	EXPECT(!rename(pins[2], pins[3]));
	EXPECT(!renameat2(AT_FDCWD, domain_file("mine.slot"), AT_FDCWD, domain_file("roots.slot"),
			  RENAME_EXCHANGE));
}

/* Let the names of an own slot and of root's change places, and back. */
static void swap_names(void *arg)
{
	static const struct timespec pause = {.tv_nsec = 300000}; /* for the others to enter */
	const struct race *race = arg;
	bool back = false;

	child_become(ALICE, TEAM);
	while (now_ns() < race->until_ns || back) {
		exchange(race, back);
		back = !back;
		nanosleep(&pause, NULL);
	}
}

static void expect_no_secret(const char *path)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read(fd, text, sizeof(text) - 1) > 0)
		EXPECT(!strstr(text, "root's message"));
	close(fd);
}

/* Meanwhile, do through the mount all that a user may do with an own slot. */
static void use_both(void *arg)
{
	static const char *const names[] = {"mine", "roots"};
	const struct race *race = arg;

	child_become(ALICE, TEAM);
	for (unsigned i = 0; now_ns() < race->until_ns; i++) {
		const char *name = names[i % 2];
		int fd;

		expect_no_secret(in_mount(name, "latest"));
		expect_no_secret(in_mount(name, "0"));
		fd = open(in_mount(name, "latest"), O_WRONLY | O_CLOEXEC);
		if (fd >= 0) {
			(void)!write(fd, "alice's", 7);
			close(fd);
		}
		(void)!chmod(in_mount(name, ""), 0600 | (i % 3 ? 0066 : 0));
		(void)!chown(in_mount(name, ""), (uid_t)-1, TEAM);
	}
}

static void a_race_of_names_gains_nothing(void **state)
{
	babus_slot *roots, *mine;
	struct babus_slot_info info;
	struct babus_message message;
	struct race race;
	pid_t swapper, user[2];

	(void)state;
	share_domain(02775);
	roots = slot_with("roots", 0600, 0, 0);
	mine = make_slot("mine", 4, 4096);
	assert_int_equal(babus_slot_set_access(mine, 0600, ALICE, ALICE), 0);
	assert_int_equal(babus_slot_info(mine, &info), 0);
	race.mine = info.instance;
	assert_int_equal(babus_slot_info(roots, &info), 0);
	race.roots = info.instance;
	race.until_ns = now_ns() + 2 * SECOND;
	swapper = child_start(swap_names, &race);
	user[0] = child_start(use_both, &race);
	user[1] = child_start(use_both, &race);
	child_join(swapper);
	child_join(user[0]);
	child_join(user[1]);

	assert_int_equal(babus_slot_info(roots, &info), 0);
	assert_int_equal(info.mode, 0600);
	assert_int_equal(info.uid, 0);
	assert_int_equal(info.gid, 0);
	assert_int_equal(info.seq, 1);
	assert_int_equal(babus_slot_view(roots, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "root's message");
	babus_slot_close(roots);
	babus_slot_close(mine);
}

/* Exchanging names is no removal: each open file is still that of its own slot. */
static void names_that_changed_places_mean_the_other_slot(void **state)
{
	babus_slot *roots, *mine;
	struct babus_slot_info info;
	struct race race = {0};

	(void)state;
	roots = slot_with("roots", 0644, 0, 0);
	mine = make_slot("mine", 4, 4096);
	publish_text(mine, "mine");
	shell_expect("bash", "cat mine/latest; cat roots/latest", "mineroot's message");
	assert_int_equal(babus_slot_info(mine, &info), 0);
	race.mine = info.instance;
	assert_int_equal(babus_slot_info(roots, &info), 0);
	race.roots = info.instance;
	exchange(&race, false);
	/* Files are checked once a second. */
	shell_expect("bash",
		     "until [ \"$(cat roots/latest)\" = mine ]; do sleep .1; done;"
		     "until [ \"$(cat mine/latest)\" = \"root's message\" ]; do sleep .1; done;"
		     "echo -n new >mine/latest; cat mine/latest",
		     "new");
	babus_slot_close(roots);
	babus_slot_close(mine);
}

static void remove_both(void *arg)
{
	const struct race *race = arg;

	child_become(ALICE, TEAM);
	while (now_ns() < race->until_ns) {
		rmdir(in_mount("mine", ""));
		mkdir(in_mount("mine", ""), 0700);
	}
}

static void swap_slots(void *arg)
{
	const struct race *race = arg;

	child_become(ALICE, TEAM);
	while (now_ns() < race->until_ns)
		renameat2(AT_FDCWD, domain_file("mine.slot"), AT_FDCWD, domain_file("roots.slot"),
			  RENAME_EXCHANGE);
}

/* The user may take away the name of root's slot; but rmdir must not announce its removal. */
static void rmdir_in_a_race_of_names_removes_the_user_s_own_slot(void **state)
{
	struct babus_message message;
	babus_slot *roots;
	struct race race;
	pid_t swapper, remover;

	(void)state;
	share_domain(02775);
	roots = slot_with("roots", 0600, 0, 0);
	babus_slot_close(slot_with("mine", 0600, ALICE, ALICE));
	race.until_ns = now_ns() + 2 * SECOND;
	swapper = child_start(swap_slots, &race);
	remover = child_start(remove_both, &race);
	child_join(swapper);
	child_join(remover);
	assert_int_equal(babus_slot_view(roots, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "root's message");
	babus_slot_close(roots);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    LISTED(users_that_may_only_read_change_nothing),
	    LISTED(users_that_may_not_read_learn_nothing),
	    LISTED(a_descriptor_that_was_given_opens_nothing_more),
	    LISTED(only_an_owner_removes_from_a_sticky_domain),
	    LISTED(what_is_no_slot_is_not_followed),
	    LISTED(a_race_of_names_gains_nothing),
	    LISTED(names_that_changed_places_mean_the_other_slot),
	    LISTED(rmdir_in_a_race_of_names_removes_the_user_s_own_slot),
	};

	return cmocka_run_group_tests_name("fs_attacks", tests, NULL, NULL);
}

int main(void)
{
	if (geteuid() != 0) {
		printf("skipped: only root can become another user\n");
		return SKIPPED;
	}
	return mount_main(run, 120);
}

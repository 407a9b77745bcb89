/* SPDX-License-Identifier: MIT */
/* Several users on one mount: permissions of slots and of the domain. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "shell.h"
#include "users.h"

/* What a child tries as another user, and the expected result: 0 or the error. */
struct attempt {
	uid_t user;
	gid_t group; /* supplementary; NO_GROUP: none */
	const char *slot, *file;
	enum what {
		LOOK,
		READ,
		WRITE,
		MKDIR,
		RMDIR,
		CHMOD,
		LIST,
		CREATE,
		MOVE /* to latest */
	} what;
	int error;
};

static int try_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, "by me", 5) != 5)
		error = errno;
	if (close(fd) < 0)
		error = errno;
	return error;
}

static int try_read(const char *path, int flags)
{
	char text[64];
	int fd = open(path, O_RDONLY | O_CLOEXEC | flags), error;

	if (fd < 0)
		return errno;
	error = !(flags & O_DIRECTORY) && read(fd, text, sizeof(text)) < 0 ? errno : 0;
	close(fd);
	return error;
}

static int try_create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int try_move(const char *path)
{
	char latest[512];

	snprintf(latest, sizeof(latest), "%.*slatest", (int)(strrchr(path, '/') + 1 - path), path);
	return rename(path, latest) ? errno : 0;
}

static int try(enum what what, const char *path)
{
	struct stat st;

	switch (what) {
	case LOOK:
		return stat(path, &st) ? errno : 0;
	case READ:
		return try_read(path, 0);
	case LIST:
		return try_read(path, O_DIRECTORY);
	case WRITE:
		return try_write(path);
	case MKDIR:
		return mkdir(path, 0700) ? errno : 0;
	case CREATE:
		return try_create(path);
	case MOVE:
		return try_move(path);
	case RMDIR:
		return rmdir(path) ? errno : 0;
	default:
		return chmod(path, 0666) ? errno : 0;
	}
}

static void attempt_as(void *arg)
{
	const struct attempt *attempt = arg;

	child_become(attempt->user, attempt->group);
	EXPECT_EQUAL(try(attempt->what, in_mount(attempt->slot, attempt->file)), attempt->error);
}

static void attempt(uid_t user, gid_t group, const char *slot, const char *file, enum what what,
		    int error)
{
	struct attempt attempt = {user, group, slot, file, what, error};
	int status;
	pid_t pid = child_start(attempt_as, &attempt);

	assert_true(await_end(pid, now_ns(), &status) >= 0);
	if (status)
		fail_msg("user %u, action %d, %s/%s", (unsigned)user, what, slot, file);
}

static void others_do_not_see_a_mount_that_is_not_shared(void **state)
{
	(void)state;
	babus_slot_close(slot_with("x", 0666, 0, 0));
	attempt(ALICE, NO_GROUP, "x", "latest", LOOK, EACCES);
	attempt(ALICE, NO_GROUP, "", "", LIST, EACCES);
}

static void a_private_slot_is_closed_to_others(void **state)
{
	(void)state;
	babus_slot_close(slot_with("x", 0600, 0, 0));
	attempt(ALICE, NO_GROUP, "x", "latest", READ, EACCES);
	attempt(ALICE, NO_GROUP, "x", "0", READ, EACCES);
	attempt(ALICE, NO_GROUP, "x", "wait", READ, EACCES);
	attempt(ALICE, NO_GROUP, "x", "info", READ, EACCES);
	attempt(ALICE, NO_GROUP, "x", "latest", WRITE, EACCES);
	attempt(ALICE, NO_GROUP, "x", "pub", WRITE, EACCES);
	attempt(ALICE, NO_GROUP, "x", "", LIST, EACCES);
	attempt(ALICE, NO_GROUP, "", "", LIST, 0);
}

static void read_permission_subscribes_and_does_not_publish(void **state)
{
	babus_slot *slot = slot_with("x", 0644, 0, 0);
	struct babus_message message;

	(void)state;
	attempt(ALICE, NO_GROUP, "x", "latest", READ, 0);
	attempt(ALICE, NO_GROUP, "x", "0", READ, 0);
	attempt(ALICE, NO_GROUP, "x", "info", READ, 0);
	attempt(ALICE, NO_GROUP, "x", "", LIST, 0);
	attempt(ALICE, NO_GROUP, "x", "latest", WRITE, EACCES);
	attempt(ALICE, NO_GROUP, "x", "pub", WRITE, EACCES);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "root's message");
	babus_slot_close(slot);
}

static void write_permission_publishes(void **state)
{
	babus_slot *slot = slot_with("x", 0666, 0, 0);
	struct babus_message message;

	(void)state;
	attempt(ALICE, NO_GROUP, "x", "latest", WRITE, 0);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "by me");
	babus_slot_close(slot);
}

static void a_group_gets_what_its_bits_allow(void **state)
{
	(void)state;
	babus_slot_close(slot_with("x", 0640, 0, TEAM));
	babus_slot_close(slot_with("y", 0660, 0, TEAM));
	attempt(ALICE, TEAM, "x", "latest", READ, 0);
	attempt(ALICE, TEAM, "x", "latest", WRITE, EACCES);
	attempt(ALICE, TEAM, "y", "latest", READ, 0);
	attempt(ALICE, TEAM, "y", "latest", WRITE, 0);
	attempt(BOB, NO_GROUP, "x", "latest", READ, EACCES);
	attempt(BOB, NO_GROUP, "y", "latest", READ, EACCES);
	attempt(BOB, NO_GROUP, "y", "latest", WRITE, EACCES);
}

static void an_owner_gets_what_its_bits_allow(void **state)
{
	(void)state;
	babus_slot_close(slot_with("x", 0600, ALICE, ALICE));
	attempt(ALICE, NO_GROUP, "x", "latest", READ, 0);
	attempt(ALICE, NO_GROUP, "x", "latest", WRITE, 0);
	attempt(BOB, NO_GROUP, "x", "latest", READ, EACCES);
	attempt(BOB, NO_GROUP, "x", "latest", WRITE, EACCES);
}

static void a_permission_taken_away_is_gone_at_once(void **state)
{
	babus_slot *slot = slot_with("x", 0666, 0, 0);

	(void)state;
	for (int i = 0; i < 5; i++) {
		assert_int_equal(babus_slot_set_access(slot, 0666, (uid_t)-1, (gid_t)-1), 0);
		attempt(ALICE, NO_GROUP, "x", "latest", READ, 0);
		attempt(ALICE, NO_GROUP, "x", "latest", WRITE, 0);
		assert_int_equal(babus_slot_set_access(slot, 0600, (uid_t)-1, (gid_t)-1), 0);
		attempt(ALICE, NO_GROUP, "x", "latest", READ, EACCES);
		attempt(ALICE, NO_GROUP, "x", "latest", WRITE, EACCES);
	}
	babus_slot_close(slot);
}

static void only_users_that_may_write_the_domain_make_and_remove_slots(void **state)
{
	(void)state;
	babus_slot_close(slot_with("x", 0666, 0, 0));
	attempt(ALICE, NO_GROUP, "y", "", MKDIR, EACCES);
	attempt(ALICE, NO_GROUP, "x", "", RMDIR, EACCES);
	assert_int_equal(chown(domain_file(""), 0, TEAM), 0);
	assert_int_equal(chmod(domain_file(""), 02775), 0);
	attempt(ALICE, TEAM, "y", "", MKDIR, 0);
	attempt(BOB, NO_GROUP, "z", "", MKDIR, EACCES);
	attempt(BOB, NO_GROUP, "x", "", RMDIR, EACCES);
	/* The right to publish is the same as without the mount. */
	babus_slot_close(slot_with("w", 0644, 0, 0));
	attempt(ALICE, TEAM, "w", "", RMDIR, EACCES);
}

static void a_slot_belongs_to_its_creator(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(chown(domain_file(""), 0, TEAM), 0);
	assert_int_equal(chmod(domain_file(""), 02775), 0);
	attempt(ALICE, TEAM, "y", "", MKDIR, 0);
	assert_int_equal(stat(domain_file("y.slot"), &st), 0);
	assert_int_equal(st.st_uid, ALICE);
	assert_int_equal(st.st_gid, TEAM);
	assert_int_equal(st.st_mode & 0777, 0600);
	attempt(ALICE, TEAM, "y", "latest", WRITE, 0);
	attempt(ALICE, TEAM, "y", "latest", READ, 0);
	attempt(BOB, TEAM, "y", "latest", READ, EACCES);
	attempt(ALICE, TEAM, "y", "", RMDIR, 0);
}

static void chmod_acts_on_the_slot(void **state)
{
	babus_slot *slot = slot_with("x", 0600, 0, 0);
	struct babus_slot_info info;
	struct stat st;

	(void)state;
	shell_run("bash", "chmod 0644 x/latest");
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.mode, 0644);
	assert_int_equal(stat(pins_file(slot), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0666);
	attempt(ALICE, NO_GROUP, "x", "latest", READ, 0);
	attempt(ALICE, NO_GROUP, "x", "latest", CHMOD, EPERM);
	shell_run("bash", "chmod o= x/latest");
	attempt(ALICE, NO_GROUP, "x", "latest", READ, EACCES);
	assert_int_equal(stat(in_mount("x", "latest"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	babus_slot_close(slot);
}

static void chown_acts_on_the_slot(void **state)
{
	babus_slot *slot = slot_with("x", 0600, 0, 0);
	struct stat st;

	(void)state;
	shell_run("bash", "chown 12345:12399 x/latest");
	assert_int_equal(stat(domain_file("x.slot"), &st), 0);
	assert_int_equal(st.st_uid, ALICE);
	assert_int_equal(st.st_gid, TEAM);
	assert_int_equal(stat(pins_file(slot), &st), 0);
	assert_int_equal(st.st_uid, ALICE);
	attempt(ALICE, NO_GROUP, "x", "latest", WRITE, 0);
	attempt(BOB, TEAM, "x", "latest", READ, EACCES);
	assert_int_equal(stat(in_mount("x", "latest"), &st), 0);
	assert_int_equal(st.st_uid, ALICE);
	babus_slot_close(slot);
}

static void the_domain_s_files_show_only_slots_that_may_be_read(void **state)
{
	(void)state;
	babus_slot_close(slot_with("x", 0600, 0, 0));
	babus_slot_close(slot_with("y", 0644, 0, 0));
	shell_run("bash",
		  "as_alice() { setpriv --reuid 12345 --regid 12345 --clear-groups \"$@\"; };"
		  "for f in info metrics; do as_alice cat .bus/$f > $T/text;"
		  "grep -q '\"y\"' $T/text || exit 1; ! grep -q '\"x\"' $T/text || exit 2;"
		  "grep -q '\"x\"' .bus/$f || exit 3; done");
}

static void an_open_file_keeps_the_access_that_it_had(void **state)
{
	babus_slot *slot = slot_with("x", 0666, 0, 0);
	char text[16];
	int reader, writer;

	(void)state;
	reader = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);
	writer = open(in_mount("x", "latest"), O_WRONLY | O_CLOEXEC);
	assert_int_equal(babus_slot_set_access(slot, 0000, (uid_t)-1, (gid_t)-1), 0);
	assert_int_equal(read(reader, text, sizeof(text)), strlen("root's message"));
	assert_int_equal(write(writer, "late", 4), 4);
	assert_int_equal(close(writer), 0);
	close(reader);
	babus_slot_close(slot);
}

static void users_that_may_not_publish_make_no_files_either(void **state)
{
	(void)state;
	babus_slot_close(slot_with("x", 0664, 0, TEAM));
	attempt(ALICE, NO_GROUP, "x", "tmp", CREATE, EACCES);
	attempt(ALICE, TEAM, "x", "tmp", CREATE, 0);
	attempt(BOB, NO_GROUP, "x", "tmp", READ, 0);
	attempt(BOB, NO_GROUP, "x", "tmp", WRITE, EACCES);
	attempt(BOB, NO_GROUP, "x", "tmp", MOVE, EACCES);
	/* As in any directory, a user that may write it may move files of others. */
	attempt(BOB, TEAM, "x", "tmp", CHMOD, EPERM);
	attempt(BOB, TEAM, "x", "tmp", MOVE, 0);
	attempt(BOB, TEAM, "x", "tmp", MOVE, ENOENT);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    MOUNTED(others_do_not_see_a_mount_that_is_not_shared),
	    SHARED(a_private_slot_is_closed_to_others),
	    SHARED(read_permission_subscribes_and_does_not_publish),
	    SHARED(write_permission_publishes),
	    SHARED(a_group_gets_what_its_bits_allow),
	    SHARED(an_owner_gets_what_its_bits_allow),
	    SHARED(a_permission_taken_away_is_gone_at_once),
	    SHARED(only_users_that_may_write_the_domain_make_and_remove_slots),
	    SHARED(a_slot_belongs_to_its_creator),
	    SHARED(chmod_acts_on_the_slot),
	    SHARED(chown_acts_on_the_slot),
	    SHARED(the_domain_s_files_show_only_slots_that_may_be_read),
	    SHARED(an_open_file_keeps_the_access_that_it_had),
	    SHARED(users_that_may_not_publish_make_no_files_either),
	};

	return cmocka_run_group_tests_name("fs_access", tests, NULL, NULL);
}

int main(void)
{
	if (geteuid() != 0) {
		printf("skipped: only root can become another user\n");
		return SKIPPED;
	}
	return mount_main(run, 60);
}

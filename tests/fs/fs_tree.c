/* SPDX-License-Identifier: MIT */
/* The tree: what is listed, what stat shows, what is refused, making and removing slots. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "shell.h"

/* --- what is listed ------------------------------------------------------------------ */

static void an_empty_slot_lists_no_history(void **state)
{
	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	assert_lists(in_mount("x", ""), "info latest wait");
	assert_no_file(in_mount("x", "0"));
}

static void a_slot_lists_the_messages_that_it_keeps(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	publish_many(slot, 2);
	assert_lists(in_mount("x", ""), "0 1 info latest wait");
	publish_many(slot, 5);
	assert_lists(in_mount("x", ""), "0 1 2 3 info latest wait");
	babus_slot_close(slot);
}

static void ages_count_back_from_the_newest(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);
	static const char *const texts[] = {"one", "two", "three", "four", "five", "six"};

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		publish_text(slot, texts[i]);
		assert_file(in_mount("x", "latest"), texts[i]);
		assert_file(in_mount("x", "0"), texts[i]);
		if (i > 0)
			assert_file(in_mount("x", "1"), texts[i - 1]);
	}
	assert_file(in_mount("x", "2"), "four");
	assert_file(in_mount("x", "3"), "three");
	babus_slot_close(slot);
}

static void ages_that_are_not_kept_do_not_exist(void **state)
{
	static const char *const names[] = {
	    "3",  "4", "99",   "00", "01", "-1", "+0", " 0", "4294967296", "18446744073709551616",
	    "1x", "x", "65535"};
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	publish_many(slot, 3);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_no_file(in_mount("x", names[i]));
	babus_slot_close(slot);
}

static void the_files_that_block_work_without_being_listed(void **state)
{
	struct stat st;

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	assert_int_equal(stat(in_mount("x", "stream"), &st), 0);
	assert_int_equal(stat(in_mount("x", "pub"), &st), 0);
	assert_int_equal(stat(in_mount(".bus", "info"), &st), 0);
	assert_int_equal(stat(in_mount(".bus", "metrics"), &st), 0);
	assert_lists(in_mount("", ""), "x");
}

static void a_slot_made_natively_appears_at_once(void **state)
{
	babus_slot *slot;

	(void)state;
	assert_no_file(in_mount("x", ""));
	assert_no_file(in_mount("x", "latest"));
	slot = make_slot("x", 4, 4096);
	publish_text(slot, "here");
	assert_file(in_mount("x", "latest"), "here");
	assert_lists(in_mount("", ""), "x");
	babus_slot_close(slot);
}

static void a_slot_removed_natively_disappears_at_once(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	publish_text(slot, "here");
	assert_file(in_mount("x", "latest"), "here");
	assert_int_equal(babus_domain_remove_slot(bus, "x"), 0);
	assert_no_file(in_mount("x", "latest"));
	assert_no_file(in_mount("x", ""));
	assert_lists(in_mount("", ""), "");
	babus_slot_close(slot);
}

static void a_slot_made_again_shows_none_of_the_old_messages(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	publish_text(slot, "old");
	assert_file(in_mount("x", "latest"), "old");
	assert_int_equal(babus_domain_remove_slot(bus, "x"), 0);
	babus_slot_close(slot);
	slot = make_slot("x", 2, 4096);
	assert_file(in_mount("x", "latest"), "");
	assert_no_file(in_mount("x", "0"));
	publish_text(slot, "new");
	assert_file(in_mount("x", "latest"), "new");
	babus_slot_close(slot);
}

/* --- attributes ---------------------------------------------------------------------------------
 */

/* Two processes may differ by the time between two looks at the clocks. */
static void assert_time(const struct stat *st, uint64_t time_ns)
{
	uint64_t wall = babus_wall_time(time_ns);

	assert_in_range(st->st_mtim.tv_sec * SECOND + st->st_mtim.tv_nsec, wall - 100000,
			wall + 100000);
}

static void stat_shows_the_size_and_time_of_the_message(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);
	struct babus_message message;
	struct stat st;

	(void)state;
	for (int i = 0; i < 3; i++) {
		publish_text(slot, i % 2 ? "four" : "eleven byte");
		assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
		assert_int_equal(stat(in_mount("x", "latest"), &st), 0);
		assert_int_equal(st.st_size, message.size);
		assert_time(&st, message.time_ns);
		babus_message_release(&message);
	}
	assert_int_equal(stat(in_mount("x", "1"), &st), 0);
	assert_int_equal(st.st_size, 4);
	babus_slot_close(slot);
}

/* stdio allocates that much for each stream, so not for small ones. */
static void the_preferred_request_for_large_messages_is_1_mib(void **state)
{
	babus_slot *slot = make_slot("x", 4, 1 << 20);
	char *data = calloc(1, 1 << 20);
	struct stat st;

	(void)state;
	assert_int_equal(babus_slot_publish(slot, data, 1 << 20, NULL, NULL), 0);
	assert_int_equal(stat(in_mount("x", "latest"), &st), 0);
	assert_int_equal(st.st_blksize, 1 << 20);
	free(data);
	babus_slot_close(slot);
}

static void a_slot_s_directory_has_the_time_of_the_last_publish(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);
	struct babus_slot_info info;
	struct stat st;

	(void)state;
	for (int i = 0; i < 2; i++) {
		publish_text(slot, "news");
		assert_int_equal(babus_slot_info(slot, &info), 0);
		assert_int_equal(stat(in_mount("x", ""), &st), 0);
		assert_true(S_ISDIR(st.st_mode));
		assert_time(&st, info.time_ns);
	}
	babus_slot_close(slot);
}

static void a_file_name_keeps_its_inode_number(void **state)
{
	static const char *const names[] = {"latest", "0", "1", "wait", "info"};
	babus_slot *slot = make_slot("x", 2, 4096);
	struct stat before, after, open_file;

	(void)state;
	publish_many(slot, 2);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd;

		assert_int_equal(stat(in_mount("x", names[i]), &before), 0);
		publish_many(slot, 3);
		assert_int_equal(stat(in_mount("x", names[i]), &after), 0);
		fd = open(in_mount("x", names[i]), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		assert_true(fd >= 0);
		assert_int_equal(fstat(fd, &open_file), 0);
		close(fd);
		assert_int_equal(before.st_ino, after.st_ino);
		assert_int_equal(before.st_ino, open_file.st_ino);
		assert_int_not_equal(before.st_ino, 0);
	}
	babus_slot_close(slot);
}

static void the_modes_are_those_of_the_slot_s_file(void **state)
{
	struct babus_slot_options opts = small_options(2, 4096);
	babus_slot *slot;
	struct stat st;

	(void)state;
	opts.mode = 0640;
	opts.gid = 65534;
	slot = make_slot_with("x", &opts);
	publish_text(slot, "x");
	assert_int_equal(stat(in_mount("x", "latest"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(st.st_gid, 65534);
	assert_int_equal(stat(in_mount("x", "0"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0440);
	assert_int_equal(stat(in_mount("x", "wait"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0440);
	assert_int_equal(stat(in_mount("x", ""), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750);
	babus_slot_close(slot);
}

static void info_is_json_with_the_slot_s_facts(void **state)
{
	babus_slot *slot = make_slot("x", 3, 5000);

	(void)state;
	publish_many(slot, 7);
	python_run("import json\n"
		   "i = json.load(open('x/info'))\n"
		   "assert i['depth'] == 3, i\n"
		   "assert i['limit'] == 5000, i\n"
		   "assert i['seq'] == 7, i\n"
		   "for key in ('channel', 'type', 'size', 'publishers', 'readers', 'lost'):\n"
		   "    assert key in i, (key, i)\n");
	publish_text(slot, "x");
	python_run("import json; assert json.load(open('x/info'))['seq'] == 8");
	babus_slot_close(slot);
}

static void the_domain_shows_its_facts_and_metrics(void **state)
{
	babus_slot *slot = make_slot("x", 3, 5000);

	(void)state;
	publish_many(slot, 7);
	python_run(
	    "import json\n"
	    "json.load(open('.bus/info'))\n"
	    "import re\n"
	    "for line in open('.bus/metrics'):\n"
	    "    assert re.match(r'# (HELP|TYPE) |[a-z_]+(\\{.*\\})? [0-9.e+-]+$', line), line\n");
	babus_slot_close(slot);
}

static void xattrs_describe_the_message(void **state)
{
	struct babus_slot_options opts = small_options(4, 4096);
	struct babus_stamp stamp = {.tag = 99, .origin = 7, .pid = 4242};
	struct babus_message message;
	babus_slot *slot;
	char text[1024];

	(void)state;
	opts.type = "rgb24";
	slot = make_slot_with("x", &opts);
	publish_many(slot, 4);
	assert_int_equal(babus_slot_publish(slot, "x", 1, &stamp, NULL), 0);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	snprintf(text, sizeof(text),
		 "import os\n"
		 "def get(name): return os.getxattr('x/latest', 'user.babus.' + name)\n"
		 "assert get('seq') == b'5', get('seq')\n"
		 "assert get('time_boot_ns') == b'%llu', get('time_boot_ns')\n"
		 "assert abs(int(get('time_ns')) - %llu) < 100000, get('time_ns')\n"
		 "assert get('publisher') == b'%llu' and get('origin') == b'7'\n"
		 "assert get('pid') == b'4242', get('pid')\n"
		 "assert get('type') == b'rgb24', get('type')\n"
		 "assert get('tag') == b'99', get('tag')\n"
		 "assert os.getxattr('x/1', 'user.babus.seq') == b'4'\n"
		 "assert 'user.babus.seq' in os.listxattr('x/latest')\n",
		 (unsigned long long)message.time_ns,
		 (unsigned long long)babus_wall_time(message.time_ns),
		 (unsigned long long)message.publisher);
	babus_message_release(&message);
	python_run(text);
	babus_slot_close(slot);
}

static void statfs_is_that_of_the_tmpfs(void **state)
{
	struct outcome mount, tmpfs;

	(void)state;
	shell_try("bash", "stat -f -c '%s %b' .", &mount);
	shell_try("bash", "stat -f -c '%s %b' $T", &tmpfs);
	assert_string_equal(mount.out, tmpfs.out);
	outcome_free(&mount);
	outcome_free(&tmpfs);
}

/* --- what is refused ----------------------------------------------------------------- */

static void assert_not_writable(const char *path)
{
	static const int modes[] = {O_WRONLY, O_RDWR, O_WRONLY | O_TRUNC, O_WRONLY | O_APPEND};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(open(path, modes[i] | O_CLOEXEC), -1);
		assert_true(errno == EACCES || errno == EPERM || errno == EROFS);
	}
}

static void only_latest_and_pub_can_be_written(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	publish_many(slot, 2);
	assert_not_writable(in_mount("x", "0"));
	assert_not_writable(in_mount("x", "1"));
	assert_not_writable(in_mount("x", "wait"));
	assert_not_writable(in_mount("x", "info"));
	assert_not_writable(in_mount("x", "stream"));
	assert_not_writable(in_mount(".bus", "info"));
	assert_file(in_mount("x", "latest"), "x");
	babus_slot_close(slot);
}

static void rm_is_not_permitted_and_removes_nothing(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);
	struct outcome outcome;

	(void)state;
	publish_text(slot, "stays");
	assert_int_equal(unlink(in_mount("x", "latest")), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(unlink(in_mount("x", "0")), -1);
	assert_int_equal(errno, EPERM);
	shell_try("bash", "rm -rf x", &outcome);
	assert_int_equal(outcome.status, 1);
	assert_non_null(strstr(outcome.err, "Operation not permitted"));
	outcome_free(&outcome);
	assert_file(in_mount("x", "latest"), "stays");
	babus_slot_close(slot);
}

static void links_renames_and_new_files_are_not_permitted(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	publish_text(slot, "stays");
	assert_int_equal(rename(in_mount("x", "latest"), in_mount("x", "y")), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(rename(in_mount("x", ""), in_mount("y", "")), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(link(in_mount("x", "latest"), in_mount("x", "y")), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(symlink("latest", in_mount("x", "y")), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(open(in_mount("", "y"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(mkdir(in_mount("x", "y"), 0700), -1);
	assert_int_equal(errno, EPERM);
	assert_lists(in_mount("", ""), "x");
	babus_slot_close(slot);
}

/* --- making and removing ------------------------------------------------------------- */

static void mkdir_makes_a_slot_with_the_defaults(void **state)
{
	struct babus_slot_options wanted;
	struct babus_slot_info info;
	babus_slot *slot;

	(void)state;
	shell_run("bash", "mkdir x");
	babus_slot_options_init(&wanted);
	slot = open_slot("x", BABUS_PUBLISH);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.depth, wanted.depth);
	assert_int_equal(info.max_size, wanted.max_size);
	assert_int_equal(info.mode, 0600);
	publish_text(slot, "works");
	assert_file(in_mount("x", "latest"), "works");
	babus_slot_close(slot);
}

static void mkdir_of_an_existing_slot_is_eexist(void **state)
{
	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	assert_int_equal(mkdir(in_mount("x", ""), 0700), -1);
	assert_int_equal(errno, EEXIST);
}

static void mkdir_refuses_bad_names(void **state)
{
	char name[256];

	(void)state;
	assert_int_equal(mkdir(in_mount("-x", ""), 0700), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(mkdir(in_mount("a b", ""), 0700), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(mkdir(in_mount(".x", ""), 0700), -1);
	assert_int_equal(errno, EINVAL);
	memset(name, 'n', 201);
	name[201] = '\0';
	assert_int_equal(mkdir(in_mount(name, ""), 0700), -1);
	assert_true(errno == ENAMETOOLONG || errno == EINVAL);
	name[200] = '\0';
	assert_int_equal(mkdir(in_mount(name, ""), 0700), 0);
	assert_lists(in_mount("", ""), name);
}

static void rmdir_removes_the_slot(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096), *none;

	(void)state;
	publish_text(slot, "gone");
	shell_run("bash", "rmdir x");
	assert_no_file(in_mount("x", ""));
	assert_int_equal(babus_slot_open(bus, "x", BABUS_READ, NULL, &none), -ENOENT);
	assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), -ENODEV);
	assert_int_equal(rmdir(in_mount("x", "")), -1);
	assert_int_equal(errno, ENOENT);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    MOUNTED(an_empty_slot_lists_no_history),
	    MOUNTED(a_slot_lists_the_messages_that_it_keeps),
	    MOUNTED(ages_count_back_from_the_newest),
	    MOUNTED(ages_that_are_not_kept_do_not_exist),
	    MOUNTED(the_files_that_block_work_without_being_listed),
	    MOUNTED(a_slot_made_natively_appears_at_once),
	    MOUNTED(a_slot_removed_natively_disappears_at_once),
	    MOUNTED(a_slot_made_again_shows_none_of_the_old_messages),
	    MOUNTED(stat_shows_the_size_and_time_of_the_message),
	    MOUNTED(the_preferred_request_for_large_messages_is_1_mib),
	    MOUNTED(a_slot_s_directory_has_the_time_of_the_last_publish),
	    MOUNTED(a_file_name_keeps_its_inode_number),
	    MOUNTED(the_modes_are_those_of_the_slot_s_file),
	    MOUNTED(info_is_json_with_the_slot_s_facts),
	    MOUNTED(the_domain_shows_its_facts_and_metrics),
	    MOUNTED(xattrs_describe_the_message),
	    MOUNTED(statfs_is_that_of_the_tmpfs),
	    MOUNTED(only_latest_and_pub_can_be_written),
	    MOUNTED(rm_is_not_permitted_and_removes_nothing),
	    MOUNTED(links_renames_and_new_files_are_not_permitted),
	    MOUNTED(mkdir_makes_a_slot_with_the_defaults),
	    MOUNTED(mkdir_of_an_existing_slot_is_eexist),
	    MOUNTED(mkdir_refuses_bad_names),
	    MOUNTED(rmdir_removes_the_slot),
	};

	return cmocka_run_group_tests_name("fs_tree", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 60);
}

/* SPDX-License-Identifier: MIT */
/*
 * Tools that write a new file beside the old one and rename it over the old one: the file is
 * published when it becomes `latest`, whole, and once.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "shell.h"

static void sed_edits_the_newest_message(void **state)
{
	(void)state;
	new_slot("x");
	shell_run("bash", "printf 'hello world' > x/latest; sed -i s/world/bus/ x/latest");
	assert_published("x", "hello world", "hello bus", NULL);
	assert_quiet("x");
	assert_lists(in_mount("x", ""), "0 1 info latest wait");
}

static void perl_edits_the_newest_message(void **state)
{
	(void)state;
	new_slot("x");
	shell_run("bash", "echo one > x/latest; perl -i -pe 's/one/two/' x/latest");
	assert_published("x", "one\n", "two\n", NULL);
	assert_quiet("x");
}

static void rsync_publishes_a_file(void **state)
{
	(void)state;
	new_slot("x");
	shell_run("bash", "echo a > $T/f; rsync $T/f x/latest; echo longer > $T/f; "
			  "rsync --times $T/f x/latest");
	assert_published("x", "a\n", "longer\n", NULL);
	assert_quiet("x");
	assert_lists(in_mount("x", ""), "0 1 info latest wait");
}

static void a_file_moved_onto_latest_is_published(void **state)
{
	(void)state;
	new_slot("x");
	shell_run("bash", "echo one > x/tmp; echo two >> x/tmp; mv x/tmp x/latest");
	assert_published("x", "one\ntwo\n", NULL);
	python_run("import os, tempfile\n"
		   "fd, name = tempfile.mkstemp(dir='x')\n"
		   "os.write(fd, b'by '); os.write(fd, b'python'); os.close(fd)\n"
		   "os.replace(name, 'x/latest')\n");
	assert_published("x", "by python", NULL);
	assert_quiet("x");
	assert_lists(in_mount("x", ""), "0 1 info latest wait");
}

static void a_file_of_one_slot_can_become_a_message_of_another(void **state)
{
	(void)state;
	new_slot("x");
	new_slot("y");
	shell_run("bash", "echo there > y/tmp; mv y/tmp x/latest");
	assert_published("x", "there\n", NULL);
	assert_published("y", NULL);
	assert_lists(in_mount("y", ""), "info latest wait");
}

static void an_empty_file_is_an_empty_message(void **state)
{
	(void)state;
	new_slot("x");
	shell_run("bash", "touch x/tmp; mv x/tmp x/latest");
	assert_published("x", "", NULL);
}

static void a_staged_file_is_an_ordinary_file_until_then(void **state)
{
	(void)state;
	new_slot("x");
	python_run("import os\n"
		   "with open('x/a', 'wb+') as f:\n"
		   "    f.write(b'0123456789'); f.flush()\n"
		   "    f.seek(4); assert f.read() == b'456789'\n"
		   "    f.seek(2); f.write(b'xx'); f.truncate(6); f.flush()\n"
		   "    assert os.fstat(f.fileno()).st_size == 6\n"
		   "    os.pwrite(f.fileno(), b'end', 8)\n"
		   "assert open('x/a', 'rb').read() == b'01xx45\\0\\0end'\n"
		   "os.utime('x/a', ns=(5, 1234567890123456789))\n"
		   "assert os.stat('x/a').st_mtime_ns == 1234567890123456789\n"
		   "os.chmod('x/a', 0o640); assert os.stat('x/a').st_mode & 0o777 == 0o640\n"
		   "open('x/b', 'w').close()\n"
		   "os.rename('x/a', 'x/b')\n"
		   "assert sorted(os.listdir('x')) == ['b', 'info', 'latest', 'wait']\n"
		   "f = open('x/b', 'rb'); os.unlink('x/b'); assert len(f.read()) == 11\n"
		   "try: os.stat('x/b'); assert False\n"
		   "except FileNotFoundError: pass\n");
	assert_published("x", NULL);
	assert_quiet("x");
}

/* The kernel may forget a file that no process has open; its contents must stay. */
static void a_staged_file_stays_when_the_kernel_forgets_it(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: only root can have the kernel drop its caches\n");
		skip();
	}
	new_slot("x");
	shell_run("bash",
		  "echo kept > x/tmp; echo 2 > /proc/sys/vm/drop_caches; cat x/tmp > $T/out; "
		  "mv x/tmp x/latest");
	assert_published("x", "kept\n", NULL);
}

static void a_staged_file_that_is_too_large_stays_and_so_does_latest(void **state)
{
	struct babus_slot_options opts;
	struct outcome outcome;

	(void)state;
	babus_slot_options_init(&opts);
	opts.max_size = 64;
	babus_slot_close(make_slot_with("x", &opts));
	shell_run("bash", "echo small > x/latest; head -c 65 /dev/zero > x/tmp");
	shell_try("bash", "mv x/tmp x/latest", &outcome);
	assert_int_equal(outcome.status, 1);
	assert_non_null(strstr(outcome.err, "File too large"));
	outcome_free(&outcome);
	assert_file(in_mount("x", "latest"), "small\n");
	shell_run("bash", "truncate -s 0 x/tmp; echo fits > x/tmp; mv x/tmp x/latest");
	assert_file(in_mount("x", "latest"), "fits\n");
}

/* mv removes its target first if the file is of another file system; latest stays. */
static void mv_from_elsewhere_is_refused_and_loses_nothing(void **state)
{
	struct outcome outcome;

	(void)state;
	new_slot("x");
	shell_run("bash", "echo before > x/latest; echo moved > $T/file");
	shell_try("bash", "mv $T/file x/latest", &outcome);
	assert_int_equal(outcome.status, 1);
	assert_non_null(strstr(outcome.err, "Operation not permitted"));
	outcome_free(&outcome);
	assert_published("x", "before\n", NULL);
	shell_run("bash", "cp $T/file x/latest; mv $T/file x/tmp; mv x/tmp x/latest");
	assert_published("x", "moved\n", "moved\n", NULL);
}

static void assert_refused(int result, int error)
{
	int was = errno;

	assert_int_equal(result, -1);
	assert_int_equal(was, error);
}

static const char *path(const char *file)
{
	static char paths[2][256];
	static int next;

	next = !next;
	snprintf(paths[next], sizeof(paths[next]), "%s", in_mount("x", file));
	return paths[next];
}

static void other_files_keep_their_names(void **state)
{
	(void)state;
	new_slot("x");
	shell_run("bash", "echo one > x/latest; echo > x/tmp");
	assert_refused(open(path("7"), O_WRONLY | O_CREAT, 0600), EPERM);
	assert_refused(rename(path("latest"), path("old")), EPERM);
	assert_refused(rename(path("tmp"), path("0")), EPERM);
	assert_refused(rename(path("tmp"), path("wait")), EPERM);
	assert_refused(rename(path("0"), path("latest")), EPERM);
	assert_refused(unlink(path("latest")), EPERM);
	assert_refused(unlink(path("0")), EPERM);
	assert_refused(link(path("tmp"), path("other")), EPERM);
	assert_refused(mkdir(path("directory"), 0700), EPERM);
	assert_refused(open(path("tmp"), O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	assert_refused(renameat2(AT_FDCWD, path("tmp"), AT_FDCWD, path("latest"), RENAME_NOREPLACE),
		       EEXIST);
	assert_refused(renameat2(AT_FDCWD, path("tmp"), AT_FDCWD, path("latest"), RENAME_EXCHANGE),
		       EINVAL);
	assert_published("x", "one\n", NULL);
	assert_quiet("x");
}

static void staged_files_end_with_the_slot(void **state)
{
	(void)state;
	new_slot("x");
	shell_run("bash", "echo > x/tmp; rmdir x; mkdir x; test ! -e x/tmp");
}

/* Each edit is one message, made from a whole one. */
static void editors_at_once_publish_whole_messages(void **state)
{
	(void)state;
	new_slot("x");
	shell_run("bash", "seq 1000 > x/latest\n"
			  "for e in 1 2 3; do for i in $(seq 20); do\n"
			  "	sed -i \"1s/.*/$e $i/\" x/latest\n"
			  "done & done; wait\n"
			  "for age in 0 1 2 3; do tail -n +2 x/$age | cmp - <(seq 2 1000); done\n"
			  "ls x > $T/list; ! grep sed $T/list");
	python_run("import os\n"
		   "assert os.getxattr('x/latest', 'user.babus.seq') == b'61'\n");
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    MOUNTED(sed_edits_the_newest_message),
	    MOUNTED(perl_edits_the_newest_message),
	    MOUNTED(rsync_publishes_a_file),
	    MOUNTED(a_file_moved_onto_latest_is_published),
	    MOUNTED(a_file_of_one_slot_can_become_a_message_of_another),
	    MOUNTED(an_empty_file_is_an_empty_message),
	    MOUNTED(a_staged_file_is_an_ordinary_file_until_then),
	    MOUNTED(a_staged_file_stays_when_the_kernel_forgets_it),
	    MOUNTED(a_staged_file_that_is_too_large_stays_and_so_does_latest),
	    MOUNTED(mv_from_elsewhere_is_refused_and_loses_nothing),
	    MOUNTED(other_files_keep_their_names),
	    MOUNTED(staged_files_end_with_the_slot),
	    MOUNTED(editors_at_once_publish_whole_messages),
	};

	return cmocka_run_group_tests_name("fs_staging", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 120);
}

/* SPDX-License-Identifier: MIT */
/* Reading messages as files: what open, read and real tools give. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "payload.h"
#include "shell.h"

enum {
	FRAME = 6220800
};

/* --- exact contents ------------------------------------------------------------------------ */

static void an_empty_slot_reads_as_end_of_file(void **state)
{
	struct stat st;

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	assert_int_equal(stat(in_mount("x", "latest"), &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_true(S_ISREG(st.st_mode));
	assert_file(in_mount("x", "latest"), "");
	shell_expect("bash", "cat x/latest", "");
}

/* Each makes $T/out of the message in $F. */
static const char *const copies[] = {
    "cat $F > $T/out",
    "cat < $F > $T/out",
    "cp $F $T/out",
    "cp --reflink=never --sparse=never $F $T/out",
    "dd if=$F of=$T/out bs=8191 status=none",
    "dd if=$F of=$T/out bs=3M iflag=fullblock status=none",
    "head -c 100000000 $F > $T/out",
    "tail -c +1 $F > $T/out",
    "install -m 644 $F $T/out",
    "tar -cf - $F | tar -xOf - > $T/out",
    "tee < $F > $T/out",
};

static const char python_copies[] =
    "import mmap, os, shutil, sys\n"
    "F, T = os.environ['F'], os.environ['T']\n"
    "want = open(T + '/src', 'rb').read()\n"
    "def same(how, got):\n"
    "    if got != want: sys.exit('%s: %d bytes, expected %d' % (how, len(got), len(want)))\n"
    "def out(): return open(T + '/out', 'rb').read()\n"
    "same('read', open(F, 'rb').read())\n"
    "same('unbuffered', open(F, 'rb', 0).read())\n"
    "with open(F, 'rb') as f:\n"
    "    same('readinto', b''.join(iter(lambda: f.read(65521), b'')))\n"
    "with open(F, 'rb') as f:\n"
    "    same('mmap', mmap.mmap(f.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ)[:])\n"
    "with open(F, 'rb') as f, open(T + '/out', 'wb') as g:\n"
    "    while os.sendfile(g.fileno(), f.fileno(), None, 1 << 20): pass\n"
    "same('sendfile', out())\n"
    "shutil.copyfile(F, T + '/out')\n"
    "same('copyfile', out())\n"
    "with open(F, 'rb') as f:\n"
    "    n = os.fstat(f.fileno()).st_size\n"
    "    same('pread', os.pread(f.fileno(), n, 0))\n"
    "    if os.pread(f.fileno(), 10, n): sys.exit('bytes after the end')\n"
    "    same('backwards', b''.join(reversed([os.pread(f.fileno(), 99991, i)\n"
    "        for i in reversed(range(0, n, 99991))])))\n";

static void copy_by(const char *how)
{
	char text[512];

	snprintf(text, sizeof(text), "F=x/latest; set -e; rm -f $T/out; %s; cmp $T/src $T/out",
		 how);
	shell_run("bash", text);
}

static void copy_by_python(void)
{
	setenv("F", "x/latest", 1);
	python_run(python_copies);
}

static void publish_sized(babus_slot *slot, char *data, size_t size)
{
	payload_fill(data, size, size);
	assert_int_equal(babus_slot_publish(slot, data, size, NULL, NULL), 0);
	write_file(root_file("src"), data, size);
}

static void tools_give_exactly_the_bytes_of_small_messages(void **state)
{
	static const size_t sizes[] = {1, 64, 4095, 4096, 4097};
	babus_slot *slot = make_slot("x", 2, 8192);
	char data[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		publish_sized(slot, data, sizes[i]);
		/* All of them in one shell: sizes differ, the tools are the same. */
		for (size_t how = i; how < sizeof(copies) / sizeof(copies[0]); how += 5)
			copy_by(copies[how]);
		copy_by_python();
	}
	babus_slot_close(slot);
}

static void tools_give_exactly_the_bytes_of_large_messages(void **state)
{
	static const size_t sizes[] = {131073, (1 << 20) + 1, FRAME};
	babus_slot *slot = make_slot("x", 2, FRAME);
	char *data = malloc(FRAME);

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		publish_sized(slot, data, sizes[i]);
		for (size_t how = 0; how < sizeof(copies) / sizeof(copies[0]); how++)
			copy_by(copies[how]);
		copy_by_python();
	}
	free(data);
	babus_slot_close(slot);
}

static void parts_of_a_message_can_be_read_alone(void **state)
{
	babus_slot *slot = make_slot("x", 2, 4096);

	(void)state;
	publish_text(slot, "first line\nsecond line\nlast line\n");
	shell_expect("bash", "head -c 5 x/latest", "first");
	shell_expect("bash", "tail -c 5 x/latest", "line\n");
	shell_expect("bash", "tail -n 1 x/latest", "last line\n");
	shell_expect("bash", "dd if=x/latest bs=1 skip=6 count=4 status=none", "line");
	shell_expect("bash", "read -r a < x/latest; echo $a", "first line\n");
	shell_expect("bash", "wc -c < x/latest; wc -l x/latest", "33\n3 x/latest\n");
	shell_expect("bash", "grep -c line x/latest x/0", "x/latest:3\nx/0:3\n");
	babus_slot_close(slot);
}

static void a_walk_over_all_files_but_wait_ends(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	publish_many(slot, 3);
	shell_run("bash", "ls -lR . && du -a . && find . -type f ! -name wait -exec cat {} +");
	shell_expect("bash", "tar -c --exclude wait x | tar -t | sort",
		     "x/\nx/0\nx/1\nx/2\nx/info\nx/latest\n");
	babus_slot_close(slot);
}

/* --- snapshots ------------------------------------------------------------------------------- */

static void an_open_file_stays_the_same_message(void **state)
{
	babus_slot *slot = make_slot("x", 2, 4096);
	char text[8];
	struct stat st;
	int fd;

	(void)state;
	publish_text(slot, "before");
	fd = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (int i = 0; i < 20; i++)
		publish_text(slot, "afterwards");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 6);
	assert_int_equal(pread(fd, text, 3, 3), 3);
	assert_memory_equal(text, "ore", 3);
	assert_int_equal(read_fd(fd, text, sizeof(text)), 6);
	assert_memory_equal(text, "before", 6);
	assert_file(in_mount("x", "latest"), "afterwards");
	close(fd);
	babus_slot_close(slot);
}

static void an_open_age_stays_the_same_message(void **state)
{
	babus_slot *slot = make_slot("x", 2, 4096);
	char text[8];
	int fd;

	(void)state;
	publish_text(slot, "a");
	publish_text(slot, "b");
	fd = open(in_mount("x", "1"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (int i = 0; i < 5; i++) {
		publish_text(slot, "later");
		assert_int_equal(pread(fd, text, sizeof(text), 0), 1);
		assert_int_equal(text[0], 'a');
	}
	close(fd);
	babus_slot_close(slot);
}

static void an_open_empty_slot_stays_empty(void **state)
{
	babus_slot *slot = make_slot("x", 2, 4096);
	char text[8];
	int fd = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0);
	publish_text(slot, "later");
	assert_int_equal(read(fd, text, sizeof(text)), 0);
	close(fd);
	babus_slot_close(slot);
}

static void a_private_mapping_stays_whole_while_the_slot_moves(void **state)
{
	babus_slot *slot = make_slot("x", 2, FRAME);
	char *data = malloc(FRAME), *mapped;
	int fd;

	(void)state;
	assert_non_null(data);
	memset(data, 'a', FRAME);
	assert_int_equal(babus_slot_publish(slot, data, FRAME, NULL, NULL), 0);
	fd = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	mapped = mmap(NULL, FRAME, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(mapped, MAP_FAILED);
	close(fd);
	memset(data, 'b', FRAME);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(babus_slot_publish(slot, data, FRAME, NULL, NULL), 0);
		/* Another reader of another message, and a page of this one. */
		shell_run("bash", "cat x/latest > /dev/null");
		assert_int_equal(mapped[(size_t)i << 20], 'a');
	}
	memset(data, 'a', FRAME);
	assert_memory_equal(mapped, data, FRAME);
	munmap(mapped, FRAME);
	free(data);
	babus_slot_close(slot);
}

static void more_open_messages_than_pins_stay_whole(void **state)
{
	babus_slot *slot = make_slot("x", 2, 4096); /* 8 pins */
	struct babus_message message;
	int fds[64];
	char text[32], wanted[32];

	(void)state;
	for (int i = 0; i < 64; i++) {
		snprintf(wanted, sizeof(wanted), "message %d", i);
		publish_text(slot, wanted);
		fds[i] = open(in_mount("x", i % 2 ? "0" : "latest"), O_RDONLY | O_CLOEXEC);
		assert_true(fds[i] >= 0);
	}
	/* A native client still finds a pin. */
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	for (int i = 0; i < 64; i++) {
		size_t size = read_fd(fds[i], text, sizeof(text) - 1);

		text[size] = '\0';
		snprintf(wanted, sizeof(wanted), "message %d", i);
		assert_string_equal(text, wanted);
		close(fds[i]);
	}
	babus_slot_close(slot);
}

static void five_hundred_opens_of_one_message_work(void **state)
{
	babus_slot *slot = make_slot("x", 2, 4096);
	int fds[500];
	char text[8];

	(void)state;
	publish_text(slot, "shared");
	for (int i = 0; i < 500; i++) {
		fds[i] = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);
		assert_true(fds[i] >= 0);
	}
	publish_many(slot, 10);
	for (int i = 0; i < 500; i++) {
		assert_int_equal(read(fds[i], text, sizeof(text)), 6);
		assert_memory_equal(text, "shared", 6);
		close(fds[i]);
	}
	babus_slot_close(slot);
}

static void an_open_snapshot_outlives_its_slot(void **state)
{
	babus_slot *slot = make_slot("x", 4, FRAME);
	char *data = malloc(FRAME), *got = malloc(FRAME);
	int fd;

	(void)state;
	payload_fill(data, FRAME, 1);
	assert_int_equal(babus_slot_publish(slot, data, FRAME, NULL, NULL), 0);
	fd = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, got, 1000), 1000);
	assert_int_equal(rmdir(in_mount("x", "")), 0);
	babus_slot_close(slot);
	babus_slot_close(make_slot("x", 4, 4096));
	assert_int_equal(read_fd(fd, got + 1000, FRAME - 1000), FRAME - 1000);
	assert_memory_equal(got, data, FRAME);
	close(fd);
	free(data);
	free(got);
}

static void a_reader_of_a_removed_slot_gets_an_error(void **state)
{
	int fd;
	char text[8];

	(void)state;
	babus_slot_close(make_slot("x", 4, 4096));
	fd = open(in_mount("x", "wait"), O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(rmdir(in_mount("x", "")), 0);
	assert_int_equal(read(fd, text, sizeof(text)), -1);
	assert_int_equal(errno, ENODEV);
	close(fd);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    MOUNTED(an_empty_slot_reads_as_end_of_file),
	    MOUNTED(tools_give_exactly_the_bytes_of_small_messages),
	    MOUNTED(tools_give_exactly_the_bytes_of_large_messages),
	    MOUNTED(parts_of_a_message_can_be_read_alone),
	    MOUNTED(a_walk_over_all_files_but_wait_ends),
	    MOUNTED(an_open_file_stays_the_same_message),
	    MOUNTED(an_open_age_stays_the_same_message),
	    MOUNTED(an_open_empty_slot_stays_empty),
	    MOUNTED(a_private_mapping_stays_whole_while_the_slot_moves),
	    MOUNTED(more_open_messages_than_pins_stay_whole),
	    MOUNTED(five_hundred_opens_of_one_message_work),
	    MOUNTED(an_open_snapshot_outlives_its_slot),
	    MOUNTED(a_reader_of_a_removed_slot_gets_an_error),
	};

	return cmocka_run_group_tests_name("fs_read", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 120);
}

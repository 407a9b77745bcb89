/* SPDX-License-Identifier: MIT */
/*
 * A full tmpfs under babusfs, the command line and native clients: a call that needs memory
 * reports the error, all else goes on, and no process dies of SIGBUS. On a small tmpfs in a mount
 * namespace of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "cli.h"
#include "small.h"

enum {
	LARGEST = 1 << 20
};

static char data[LARGEST];

static int setup(void **state)
{
	int error = mount_setup_bare(state);

	return error ? error : cli_prepare();
}

#define FULL_CASE(claim) cmocka_unit_test_setup_teardown(claim, setup, mount_teardown)

/* With the memory that a few small messages take, and no more. */
static babus_slot *fill_around_a_slot(void)
{
	babus_slot *slot = make_slot("s", 2, LARGEST);

	assert_int_equal(babus_slot_reserve(slot, 5, 4096), 5);
	publish_text(slot, "hello");
	small_fill();
	return slot;
}

static void native_clients_open_read_and_wait(void **state)
{
	babus_slot *slot = fill_around_a_slot(), *subscriber = open_slot("s", BABUS_READ);
	babus_slot *publisher = open_slot("s", BABUS_PUBLISH);
	struct babus_slot_info info;
	struct babus_message message;
	babus_domain *again;
	babus_reader *reader;
	int fd;

	(void)state;
	assert_int_equal(babus_domain_open("test", 0, NULL, &again), 0);
	assert_int_equal(babus_reader_open(subscriber, BABUS_START_OLDEST, 0, &reader), 0);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(babus_reader_wait(reader, BABUS_FOREVER), 0);
		assert_int_equal(babus_reader_next(reader, &message), 0);
		babus_message_release(&message);
		assert_int_equal(babus_slot_publish(publisher, data, LARGEST, NULL, NULL), -ENOSPC);
		publish_text(publisher, "on");
	}
	assert_int_equal(babus_slot_info(subscriber, &info), 0);
	fd = open(pins_file(slot), O_RDONLY);
	assert_true(fd >= 0);
	/* All pages that clients touch have memory: none is a hole. */
	assert_int_equal(lseek(fd, 0, SEEK_HOLE), lseek(fd, 0, SEEK_END));
	close(fd);
	babus_reader_close(reader);
	babus_slot_close(subscriber);
	babus_slot_close(publisher);
	babus_slot_close(slot);
	babus_domain_close(again);
}

static void command_line_goes_on(void **state)
{
	babus_slot *slot = fill_around_a_slot();

	(void)state;
	cli_gives("babus ls -n -o SLOT; babus latest s; babus info s >/dev/null; "
		  "babus info >/dev/null; babus doctor >/dev/null",
		  "s\nhello");
	cli_gives("printf more | babus pub s; babus latest s; babus latest --age 1 s", "morehello");
	cli_fails(1, "head -c 1000000 /dev/zero | babus pub s",
		  "slot 's': no space left on the tmpfs");
	cli_ends(1, "babus create --depth 10000 t", "", NULL);
	cli_gives("babus ls -n -o SLOT; babus latest s", "s\nmore");
	cli_gives("rm filler; head -c 1000000 /dev/zero | babus pub s; babus latest s | wc -c",
		  "1000000\n");
	small_fill();
	/* The memory of the burst is free again, and removing needs none. */
	cli_gives("printf a | babus pub s; printf b | babus pub s; babus trim s >/dev/null; "
		  "babus create t; babus rm t s",
		  "");
	babus_slot_close(slot);
}

static void mounted_domain_goes_on(void **state)
{
	babus_slot *slot = fill_around_a_slot();

	(void)state;
	mount_start(NULL);
	shell_expect("bash", "cat s/latest s/0; cat s/info .bus/info .bus/metrics >/dev/null",
		     "hellohello");
	shell_expect("bash", "printf more >s/latest; cat s/latest s/1", "morehello");
	shell_expect(
	    "bash", "head -c 1000000 /dev/zero 2>&1 >s/latest | grep -q 'No space' && cat s/latest",
	    "more");
	shell_expect("bash", "mkdir t 2>/dev/null && rmdir t; ls", "s\n");
	small_empty();
	shell_expect("bash", "head -c 1000000 /dev/zero >s/latest && stat -c %s s/latest",
		     "1000000\n");
	mount_stop();
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    FULL_CASE(native_clients_open_read_and_wait),
	    FULL_CASE(command_line_goes_on),
	    FULL_CASE(mounted_domain_goes_on),
	};
	char small[sizeof(support_root)];

	/* The directory above those of all cases is made small. */
	if (support_setup_root(NULL))
		return 1;
	snprintf(small, sizeof(small), "%s", support_root);
	*strrchr(small, '/') = '\0';
	if (mount("none", small, "tmpfs", 0, "size=4m,mode=0755"))
		return 1;
	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	if (!small_possible())
		return SKIPPED;
	return cli_find() ? 1 : mount_main(run, 120);
}

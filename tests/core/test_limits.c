/* SPDX-License-Identifier: MIT */
/* Every limit that a user can reach: the error, and that its text names the limit. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support.h"

/* What babus reports of an error just now: the detail, else the general text. */
static const char *text_of(int error)
{
	return *babus_error_detail() ? babus_error_detail() : babus_strerror(error);
}

static bool says(int error, const char *what)
{
	if (strstr(text_of(error), what))
		return true;
	fprintf(stderr, "expected '%s' in '%s'\n", what, text_of(error));
	return false;
}

/* --- of the format ------------------------------------------------------------------ */

struct wish {
	uint32_t depth, loans, pins;
	int32_t channel;
	uint64_t max_size, first_seq;
	size_t type, description; /* lengths */
	const char *text;
};

static char *letters(char *text, size_t count)
{
	memset(text, 'a', count);
	text[count] = '\0';
	return text;
}

static int create_like(const struct wish *wish)
{
	char type[100] = "", description[300] = "";
	struct babus_slot_options opts = small_options(4, 64);
	babus_slot *slot;
	int error;

	opts.depth = wish->depth ? wish->depth : opts.depth;
	opts.loans = wish->loans ? wish->loans : opts.loans;
	opts.pins = wish->pins ? wish->pins : opts.pins;
	opts.channel = wish->channel ? wish->channel : opts.channel;
	opts.max_size = wish->max_size ? wish->max_size : opts.max_size;
	opts.first_seq = wish->first_seq ? wish->first_seq : opts.first_seq;
	opts.type = letters(type, wish->type);
	opts.description = letters(description, wish->description);
	error = babus_slot_open(bus, "s", BABUS_CREATE, &opts, &slot);
	if (!error) {
		babus_slot_close(slot);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), 0);
	}
	return error;
}

static void what_the_format_cannot_hold_is_einval_and_named(void **state)
{
	static const struct wish most[] = {
	    {.depth = 65535 - 4 - 8},
	    {.pins = 65535 - 4 - 4},
	    {.loans = 16383},
	    {.channel = 31},
	    {.max_size = UINT64_C(1) << 40},
	    {.first_seq = BABUS_SEQ_MAX},
	    {.type = BABUS_TYPE_MAX, .description = BABUS_DESCRIPTION_MAX},
	};
	static const struct wish more[] = {
	    {.depth = 65535 - 4 - 8 + 1, .text = "65535"},
	    {.pins = 65535 - 4 - 4 + 1, .text = "65535"},
	    {.loans = 16384, .text = "16383"},
	    {.channel = 32, .text = "31"},
	    {.max_size = (UINT64_C(1) << 45) + 1, .text = "35184372088832"},
	    {.max_size = UINT64_C(1) << 45, .text = "35184372088832"},
	    {.first_seq = BABUS_SEQ_MAX + 1, .text = "281474976710655"},
	    {.type = BABUS_TYPE_MAX + 1, .text = "63"},
	    {.description = BABUS_DESCRIPTION_MAX + 1, .text = "191"},
	};

	(void)state;
	if (SUPPORT_SANITIZED || !support_address_space(UINT64_C(17) << 40)) {
		printf("skipped: a sanitizer, an emulator and valgrind have less address space\n");
		return;
	}
	for (size_t i = 0; i < sizeof(most) / sizeof(*most); i++)
		assert_int_equal(create_like(&most[i]), 0);
	for (size_t i = 0; i < sizeof(more) / sizeof(*more); i++) {
		assert_int_equal(create_like(&more[i]), -EINVAL);
		assert_true(says(-EINVAL, more[i].text));
	}
}

static void too_long_a_name_is_einval_and_the_limit_named(void **state)
{
	char name[BABUS_NAME_MAX + 2];
	babus_domain *domain;
	babus_slot *slot;

	(void)state;
	letters(name, BABUS_NAME_MAX + 1);
	assert_int_equal(babus_slot_open(bus, name, BABUS_CREATE, NULL, &slot), -EINVAL);
	assert_true(says(-EINVAL, "200"));
	assert_int_equal(babus_domain_open(name, BABUS_CREATE, NULL, &domain), -EINVAL);
	assert_true(says(-EINVAL, "200"));
	letters(name, BABUS_NAME_MAX);
	babus_slot_close(make_slot(name, 1, 64));
	assert_int_equal(babus_domain_open(name, BABUS_CREATE, NULL, &domain), 0);
	babus_domain_close(domain);
}

static void past_the_last_sequence_number_is_eoverflow(void **state)
{
	struct babus_slot_options opts = small_options(2, 64);
	babus_slot *slot;

	(void)state;
	opts.first_seq = BABUS_SEQ_MAX;
	slot = make_slot_with("s", &opts);
	publish_text(slot, "the last one");
	assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), -EOVERFLOW);
	assert_true(says(-EOVERFLOW, "last sequence number"));
	babus_slot_close(slot);
}

/* --- of a slot ---------------------------------------------------------------------- */

static void a_larger_message_is_emsgsize_and_the_limit_named(void **state)
{
	babus_slot *slot = make_slot("s", 2, 100);
	struct babus_loan loan;
	char data[101] = "";

	(void)state;
	assert_int_equal(babus_slot_publish(slot, data, 101, NULL, NULL), -EMSGSIZE);
	assert_true(says(-EMSGSIZE, "'s': a message of 101 bytes: at most 100"));
	assert_int_equal(babus_slot_loan(slot, 102, &loan), -EMSGSIZE);
	assert_true(says(-EMSGSIZE, "102 bytes: at most 100"));
	assert_int_equal(babus_slot_publish(slot, data, 100, NULL, NULL), 0);
	babus_slot_close(slot);
}

static void one_publisher_more_than_loans_is_enobufs_and_names_loans(void **state)
{
	babus_slot *slots[4], *more;
	struct babus_loan loans[1], another;

	(void)state;
	for (int i = 0; i < 4; i++)
		slots[i] = make_slot("s", 2, 100);
	assert_int_equal(babus_slot_open(bus, "s", BABUS_PUBLISH, NULL, &more), -ENOBUFS);
	assert_true(says(-ENOBUFS, "'s': all 4 loans"));
	/* A second loan of one handle, after the text of another failure. */
	assert_int_equal(babus_slot_loan(slots[0], 10, &loans[0]), 0);
	assert_int_equal(babus_name_check(""), -EINVAL);
	assert_int_equal(babus_slot_loan(slots[0], 10, &another), -ENOBUFS);
	assert_true(says(-ENOBUFS, "'s': all 4 loans"));
	assert_int_equal(babus_slot_publish(slots[0], "x", 1, NULL, NULL), -ENOBUFS);
	babus_loan_discard(&loans[0]);
	for (int i = 0; i < 4; i++)
		babus_slot_close(slots[i]);
}

static void one_reader_more_than_pins_is_enobufs_and_names_pins(void **state)
{
	babus_slot *slot = make_slot("s", 2, 100), *other = open_slot("s", BABUS_READ);
	struct babus_message message;
	babus_reader *readers[8], *more;

	(void)state;
	publish_text(slot, "x");
	for (int i = 0; i < 8; i++)
		assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &readers[i]), 0);
	assert_int_equal(babus_name_check(""), -EINVAL);
	assert_int_equal(babus_reader_open(slot, BABUS_START_NEXT, 0, &more), -ENOBUFS);
	assert_true(says(-ENOBUFS, "'s': all 8 pins"));
	/* The first loan of a handle, after the text of another failure. */
	assert_int_equal(babus_name_check(""), -EINVAL);
	assert_int_equal(babus_reader_open(other, BABUS_START_NEXT, 0, &more), -ENOBUFS);
	assert_true(says(-ENOBUFS, "'s': all 8 pins"));
	assert_int_equal(babus_name_check(""), -EINVAL);
	assert_int_equal(babus_slot_view(other, BABUS_LATEST, 0, &message), -ENOBUFS);
	assert_true(says(-ENOBUFS, "'s': all 8 pins"));
	for (int i = 0; i < 8; i++)
		babus_reader_close(readers[i]);
	assert_int_equal(babus_slot_view(other, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "x");
	babus_slot_close(other);
	babus_slot_close(slot);
}

/* --- of the process ----------------------------------------------------------------- */

static void limit(int resource, rlim_t value)
{
	struct rlimit limit;

	EXPECT(!getrlimit(resource, &limit));
	limit.rlim_cur = value;
	EXPECT(!setrlimit(resource, &limit));
}

static void run_out_of_descriptors(void *arg)
{
	babus_domain *domain, *another;
	struct babus_message message;
	babus_slot *slot, *more;
	babus_waiter *waiter;
	int fd;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &slot), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	EXPECT_EQUAL(babus_waiter_open(domain, NULL, &waiter), 0);
	fd = dup(0);
	EXPECT(fd >= 0 && !close(fd));
	limit(RLIMIT_NOFILE, (rlim_t)fd);
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &another), -EMFILE);
	EXPECT(says(-EMFILE, "ulimit -n"));
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &more), -EMFILE);
	EXPECT(says(-EMFILE, "'s': ") && says(-EMFILE, "ulimit -n"));
	EXPECT_EQUAL(babus_waiter_fd(waiter, &fd), -EMFILE);
	EXPECT(strstr(babus_strerror(-EMFILE), "ulimit -n"));
	/* Open handles need none, except for new memory without MADV_POPULATE_WRITE. */
	if (support_madvise_works())
		EXPECT_EQUAL(babus_slot_publish(slot, "y", 1, NULL, NULL), 0);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	babus_waiter_close(waiter);
	babus_slot_close(slot);
	babus_domain_close(domain);
}

static void without_descriptors_is_emfile_and_open_handles_work(void **state)
{
	babus_slot *slot = make_slot("s", 2, 100);

	(void)state;
	publish_text(slot, "x");
	child_join(child_start(run_out_of_descriptors, NULL));
	babus_slot_close(slot);
}

enum {
	HANDLES = 60000 /* more than there can be */
};

static void run_out_of_mappings(void *arg)
{
	static babus_slot *slots[HANDLES];
	babus_domain *domain;
	unsigned count = 0;
	int error = 0;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	while (count < HANDLES && !error) {
		error = babus_slot_open(domain, "s", BABUS_READ, NULL, &slots[count]);
		count += !error;
	}
	EXPECT_EQUAL(error, -ENOMEM);
	EXPECT(says(-ENOMEM, "'s': ") && says(-ENOMEM, "vm.max_map_count"));
	EXPECT(count > 10000);
	EXPECT_EQUAL(babus_slot_publish(slots[0], "y", 1, NULL, NULL), -EACCES);
	/* The failed one has lost nothing. */
	for (unsigned i = 0; i < 10; i++)
		babus_slot_close(slots[--count]);
	for (unsigned i = 0; i < 10; i++)
		EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_READ, NULL, &slots[count++]), 0);
	while (count)
		babus_slot_close(slots[--count]);
	babus_domain_close(domain);
}

static void without_mappings_is_enomem_and_the_limit_named(void **state)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	long max = 0;

	(void)state;
	assert_true(file && fscanf(file, "%ld", &max) == 1);
	fclose(file);
	if (SUPPORT_SLOWER > 1 || max / 2 >= HANDLES) {
		print_message("# skipped: %s\n", SUPPORT_SLOWER > 1
						     ? "a sanitizer or emulator needs mappings too"
						     : "vm.max_map_count is too high to reach");
		return;
	}
	babus_slot_close(make_slot("s", 2, 100));
	child_join(child_start(run_out_of_mappings, NULL));
}

static void run_out_of_threads(void *arg)
{
	babus_domain *domain;
	babus_waiter *waiter;
	int fd;

	(void)arg;
	child_become(61001, (gid_t)-1);
	limit(RLIMIT_NPROC, 1);
	EXPECT_EQUAL(babus_domain_open("mine", BABUS_CREATE, NULL, &domain), 0);
	EXPECT_EQUAL(babus_waiter_open(domain, NULL, &waiter), 0);
	EXPECT_EQUAL(babus_waiter_fd(waiter, &fd), -ENOMEM);
	EXPECT(says(-ENOMEM, "ulimit -u"));
	babus_waiter_close(waiter);
	babus_domain_close(domain);
}

static void without_a_thread_for_the_descriptor_is_enomem_and_the_limit_named(void **state)
{
	(void)state;
	if (geteuid() != 0)
		print_message("# skipped: only root can become a user without processes\n");
	else
		child_join(child_start(run_out_of_threads, NULL));
}

/* --- of the tmpfs ------------------------------------------------------------------- */

static int mount_small(const char *options)
{
	if (geteuid() != 0) {
		print_message("# skipped: only root can mount a tmpfs\n");
		return -1;
	}
	assert_int_equal(mount("none", support_root, "tmpfs", 0, options), 0);
	return 0;
}

static void a_tmpfs_without_inodes_is_enospc_and_the_limit_named(void **state)
{
	babus_domain *domain, *second;
	babus_slot *slot;
	char name[16];
	int error = 0;

	(void)state;
	if (mount_small("size=4m,nr_inodes=20"))
		return;
	assert_int_equal(babus_domain_open("test", BABUS_CREATE, NULL, &domain), 0);
	for (int i = 0; i < 20 && !error; i++) {
		struct babus_slot_options opts = small_options(1, 64);

		snprintf(name, sizeof(name), "s%d", i);
		error = babus_slot_open(domain, name, BABUS_CREATE, &opts, &slot);
		if (!error)
			babus_slot_close(slot);
	}
	assert_int_equal(error, -ENOSPC);
	assert_true(says(-ENOSPC, "nr_inodes"));
	/* A slot takes two inodes: one may be left, for the directory alone. */
	error = babus_domain_open("second", BABUS_CREATE, NULL, &second);
	assert_int_equal(error, -ENOSPC);
	assert_true(says(-ENOSPC, "nr_inodes"));
	babus_domain_close(domain);
}

static void a_full_tmpfs_is_enospc_and_named(void **state)
{
	struct babus_slot_options opts = small_options(60000, 64);
	babus_domain *domain;
	babus_slot *slot;

	(void)state;
	if (mount_small("size=1m"))
		return;
	assert_int_equal(babus_domain_open("test", BABUS_CREATE, NULL, &domain), 0);
	assert_int_equal(babus_slot_open(domain, "s", BABUS_CREATE, &opts, &slot), -ENOSPC);
	assert_true(says(-ENOSPC, "'s': ") && says(-ENOSPC, "tmpfs"));
	babus_domain_close(domain);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(what_the_format_cannot_hold_is_einval_and_named),
	    CASE(too_long_a_name_is_einval_and_the_limit_named),
	    CASE(past_the_last_sequence_number_is_eoverflow),
	    CASE(a_larger_message_is_emsgsize_and_the_limit_named),
	    CASE(one_publisher_more_than_loans_is_enobufs_and_names_loans),
	    CASE(one_reader_more_than_pins_is_enobufs_and_names_pins),
	    CASE(without_descriptors_is_emfile_and_open_handles_work),
	    CASE(without_mappings_is_enomem_and_the_limit_named),
	    CASE_ROOT(without_a_thread_for_the_descriptor_is_enomem_and_the_limit_named),
	    CASE_ROOT(a_tmpfs_without_inodes_is_enospc_and_the_limit_named),
	    CASE_ROOT(a_full_tmpfs_is_enospc_and_named),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

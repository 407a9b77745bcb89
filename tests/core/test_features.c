/* SPDX-License-Identifier: MIT */
/* The version of the library, and slots that need another version. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "layout.h"
#include "support.h"

static const struct {
	size_t at;
	uint32_t value;
	const char *named[3];
} foreign[] = {
    {offsetof(struct layout_head, features_required), LAYOUT_FEATURE_LOSSLESS, {"0x1", "lossless"}},
    {offsetof(struct layout_head, features_required), LAYOUT_FEATURE_GROUPS, {"0x2", "groups"}},
    {offsetof(struct layout_head, features_required),
     LAYOUT_FEATURE_LOSSLESS | LAYOUT_FEATURE_GROUPS,
     {"0x3", "lossless", "groups"}},
    {offsetof(struct layout_head, features_required), UINT32_C(1) << 31, {"0x80000000"}},
    {offsetof(struct layout_head, abi), LAYOUT_ABI + 1, {"version"}},
};

/* Make it a slot of another version of this library. */
static void make_foreign(size_t i)
{
	int fd = open(domain_file("s.slot"), O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &foreign[i].value, 4, (off_t)foreign[i].at), 4);
	close(fd);
}

static void assert_named(size_t i)
{
	for (size_t k = 0; k < 3 && foreign[i].named[k]; k++)
		assert_non_null(strstr(babus_error_detail(), foreign[i].named[k]));
}

static int try_open(unsigned flags)
{
	babus_slot *slot = NULL;
	int error = babus_slot_open(bus, "s", flags, NULL, &slot);

	if (error)
		assert_null(slot);
	babus_slot_close(slot);
	return error;
}

static void read_file(const char *path, void *data, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, data, size, 0), size);
	close(fd);
}

/* After opening, creating, observing, recovering and removing, no byte of it has changed. */
static void a_slot_of_another_version_is_refused_and_left_alone(void **state)
{
	static const unsigned flags[] = {BABUS_READ, BABUS_PUBLISH, BABUS_CREATE,
					 BABUS_CREATE | BABUS_PUBLISH, BABUS_OBSERVE};
	unsigned char before[8192], after[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(foreign) / sizeof(*foreign); i++) {
		babus_slot *slot = make_slot("s", 2, 64);
		struct babus_report report;
		char pins[512];

		publish_text(slot, "hello");
		snprintf(pins, sizeof(pins), "%s", pins_file(slot));
		babus_slot_close(slot);
		make_foreign(i);
		read_file(domain_file("s.slot"), before, sizeof(before));
		for (size_t k = 0; k < sizeof(flags) / sizeof(*flags); k++) {
			assert_int_equal(try_open(flags[k]), -EPROTO);
			assert_named(i);
		}
		assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
		assert_int_equal(report.damaged, 1);
		assert_int_equal(report.leftovers, 0);
		assert_named(i);
		assert_int_equal(babus_domain_remove_slot(bus, "s"), -EPROTO);
		assert_named(i);
		read_file(domain_file("s.slot"), after, sizeof(after));
		assert_memory_equal(after, before, sizeof(after));
		assert_int_equal(access(pins, F_OK), 0);
		assert_int_equal(unlink(domain_file("s.slot")), 0);
		assert_int_equal(unlink(pins), 0);
	}
}

static void version_is_one_number_too(void **state)
{
	(void)state;
	assert_int_equal(babus_version_number(), BABUS_VERSION_NUMBER);
	assert_int_equal(babus_version_number(), BABUS_VERSION_MAJOR * 10000 +
						     BABUS_VERSION_MINOR * 100 +
						     BABUS_VERSION_PATCH);
	assert_true(BABUS_VERSION_NUMBER >= 200);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(a_slot_of_another_version_is_refused_and_left_alone),
	    CASE(version_is_one_number_too),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

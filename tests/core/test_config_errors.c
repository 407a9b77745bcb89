/* SPDX-License-Identifier: MIT */
/* babus.ini: every error with its file and line; and quantities. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <babus/config.h>

#include "file.h"
#include "support.h"

static void assert_refused(const char *text, int line, const char *complaint)
{
	const char *path = make_file("a.ini", text);
	babus_config *config = (babus_config *)&path;
	char expected[1024];

	snprintf(expected, sizeof(expected), "%s:%d: %s", path, line, complaint);
	snprintf(support_context, sizeof(support_context), "%.100s", text);
	assert_int_equal(babus_config_load(path, &config), -EINVAL);
	assert_string_equal(babus_error_detail(), expected);
	/* Nothing is half applied. */
	assert_ptr_equal(config, &path);
	*support_context = '\0';
}

/* --- errors -------------------------------------------------------------------------- */

#define NAME       "1 to 200 of A-Z a-z 0-9 . _ -, not starting with . or -"
#define A_SIZE     "a size above 0 such as 4096, 64 KiB or 16 MiB"
#define A_DURATION "a duration such as 0, 50 us, 20 ms or 1 s"
#define USER       "the name or number of a user, or nothing"
#define GROUP      "the name or number of a group, or nothing"
#define COUNT      "a whole number from 1 to "
#define SECTIONS   "[domain], [defaults], [slot PATTERN] or [babusfs]"
#define SLOT_NAMES "depth, size, loans, pins, channel, mode, owner, group"

static void every_bad_value_is_reported_with_its_line(void **state)
{
	static const struct {
		const char *section, *key, *value, *expected;
	} bad[] = {
	    {"domain", "name", "a/b", NAME},
	    {"domain", "name", ".hidden", NAME},
	    {"domain", "name", "", NAME},
	    {"domain", "root", "shm", "an absolute path"},
	    {"domain", "root", "", "an absolute path"},
	    {"domain", "mode", "4000", "octal permissions such as 0700 or 2770"},
	    {"domain", "mode", "rwx", "octal permissions such as 0700 or 2770"},
	    {"domain", "mode", "0", "octal permissions such as 0700 or 2770"},
	    {"domain", "owner", "no such user", USER},
	    {"domain", "owner", "4294967295", USER},
	    {"domain", "group", "no such group", GROUP},
	    {"domain", "trust_owner", "-1", USER},
	    {"defaults", "depth", "0", COUNT "65535"},
	    {"defaults", "depth", "65536", COUNT "65535"},
	    {"defaults", "depth", "8x", COUNT "65535"},
	    {"defaults", "depth", "-8", COUNT "65535"},
	    {"defaults", "depth", "", COUNT "65535"},
	    {"defaults", "depth", "8.5", COUNT "65535"},
	    {"defaults", "size", "0", A_SIZE},
	    {"defaults", "size", "1 MO", A_SIZE},
	    {"defaults", "size", "64 kib", A_SIZE},
	    {"defaults", "size", "16 ms", A_SIZE},
	    {"defaults", "size", "-1", A_SIZE},
	    {"defaults", "size", "18446744073709551616", A_SIZE},
	    {"defaults", "loans", "16384", COUNT "16383"},
	    {"defaults", "pins", "0", COUNT "65535"},
	    {"defaults", "channel", "32", "auto or 0 to 31"},
	    {"defaults", "channel", "-1", "auto or 0 to 31"},
	    {"defaults", "mode", "01000", "octal permissions such as 0600 or 0640"},
	    {"defaults", "mode", "0680", "octal permissions such as 0600 or 0640"},
	    {"slot x", "owner", "no such user", USER},
	    {"slot x", "group", "no such group", GROUP},
	    {"slot x", "type", "1234567890123456789012345678901234567890123456789012345678901234",
	     "a label of up to 63 bytes"},
	    {"babusfs", "allow_other", "1", "yes or no"},
	    {"babusfs", "list_all", "true", "yes or no"},
	    {"babusfs", "hide_wait", "", "yes or no"},
	    {"babusfs", "threads", "1025", COUNT "1024"},
	    {"babusfs", "max_pending", "0", A_SIZE},
	    {"babusfs", "max_user_pending", "1 MiBs", A_SIZE},
	    {"babusfs", "max_user_files", "0", COUNT "1073741824"},
	    {"babusfs", "max_user_waiting", "many", COUNT "1073741824"},
	    {"babusfs", "hold", "1 hour", A_DURATION},
	    {"babusfs", "spin", "5 MiB", A_DURATION},
	};
	char text[256], complaint[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(text, sizeof(text), "# a line before\n[%s]\n\n%s = %s\n", bad[i].section,
			 bad[i].key, bad[i].value);
		snprintf(complaint, sizeof(complaint), "%s is '%s', expected %s", bad[i].key,
			 bad[i].value, bad[i].expected);
		assert_refused(text, 4, complaint);
	}
}

static void a_description_that_is_too_long_is_refused(void **state)
{
	char text[512], complaint[512], words[193];

	(void)state;
	memset(words, 'w', 192);
	words[192] = '\0';
	/* inih takes lines of up to 199 bytes: the key and its blanks count. */
	snprintf(text, sizeof(text), "[slot x]\ndescription=%s\n", words);
	snprintf(complaint, sizeof(complaint), "a line of %zu bytes, expected at most 199",
		 strlen("description=") + 192);
	assert_refused(text, 2, complaint);
}

static void an_unknown_key_is_reported_with_the_keys_of_its_section(void **state)
{
	(void)state;
	assert_refused("[domain]\ndepth = 8\n", 2,
		       "unknown key 'depth', expected name, root, mode, owner, group, trust_owner");
	assert_refused("[defaults]\nname = x\n", 2, "unknown key 'name', expected " SLOT_NAMES);
	assert_refused("[defaults]\ntype = x\n", 2, "unknown key 'type', expected " SLOT_NAMES);
	assert_refused("[slot a]\nDepth = 8\n", 2,
		       "unknown key 'Depth', expected " SLOT_NAMES ", type, description");
	assert_refused(
	    "[babusfs]\n= 8\n", 2,
	    "unknown key '', expected allow_other, list_all, hide_wait, threads, "
	    "max_pending, max_user_pending, max_user_files, max_user_waiting, hold, spin");
}

static void an_unknown_section_is_reported_even_if_it_is_empty(void **state)
{
	(void)state;
	assert_refused("[domain]\n\n[slots]\n", 3, "unknown section 'slots', expected " SECTIONS);
	assert_refused("[Domain]\n", 1, "unknown section 'Domain', expected " SECTIONS);
	assert_refused("[]\n", 1, "unknown section '', expected " SECTIONS);
	assert_refused("[slot]\n", 1, "unknown section 'slot', expected " SECTIONS);
	assert_refused("[slot ]\n", 1, "unknown section 'slot ', expected " SECTIONS);
	assert_refused("[domain\nname = x\n", 1, "section '[domain', expected a ']' at its end");
	assert_refused("[domain] name = x\n", 1,
		       "section '[domain] name = x', expected a ']' at its end");
}

static void a_duplicate_is_reported_with_its_first_line(void **state)
{
	(void)state;
	assert_refused("[defaults]\ndepth = 8\npins = 9\ndepth = 8\n", 4,
		       "key 'depth' again, expected only the one of line 2");
	assert_refused("[domain]\n[defaults]\n[domain]\n", 3,
		       "section 'domain' again, expected only the one of line 1");
	assert_refused("[slot a*]\n[slot b]\n[slot a*]\n", 3,
		       "section for slot 'a*' again, expected only the one of line 1");
}

static void a_line_that_is_no_key_and_value_is_reported(void **state)
{
	(void)state;
	assert_refused("[domain]\nname\n", 2, "expected KEY = VALUE");
	assert_refused("[domain]\nname\n[slots]\n", 2, "expected KEY = VALUE");
	assert_refused("depth = 8\n[defaults]\n", 1,
		       "before the first section stands 'depth', expected " SECTIONS);
	/* It shows nothing more of the value before the error. */
	assert_refused("[domain]\nname = a\n  b\n", 3, "expected KEY = VALUE");
}

static void only_the_first_error_is_reported(void **state)
{
	(void)state;
	assert_refused("[defaults]\ndepth = x\npins = y\n[nothing]\n", 2,
		       "depth is 'x', expected " COUNT "65535");
}

static void more_buffers_than_fit_are_reported_with_the_section(void **state)
{
	(void)state;
	assert_refused("\n[defaults]\ndepth = 65000\npins = 600\n", 2,
		       "depth + loans + pins is 65664, expected at most 65535");
	assert_refused("[defaults]\ndepth = 60000\n[slot a]\n[slot b]\npins = 6000\n", 4,
		       "depth + loans + pins is 66064, expected at most 65535");
}

static void a_line_with_a_zero_byte_is_refused(void **state)
{
	static const char text[] = "[defaults]\ndepth = 2\0garbage\n";
	const char *path = root_file("a.ini");
	babus_config *config;
	char expected[600];

	(void)state;
	write_file(path, text, sizeof(text) - 1);
	snprintf(expected, sizeof(expected), "%s:2: a zero byte, expected text", path);
	assert_int_equal(babus_config_load(path, &config), -EINVAL);
	assert_string_equal(babus_error_detail(), expected);
}

/* --- the file itself ------------------------------------------------------------- */

static void make_directory(const char *leaf)
{
	assert_int_equal(mkdir(root_file(leaf), 0700), 0);
}

static void assert_load_fails(const char *path, int error, const char *named, const char *why)
{
	babus_config *config = (babus_config *)&error;
	char expected[600];

	snprintf(expected, sizeof(expected), "%s: %s", named, why);
	assert_int_equal(babus_config_load(path, &config), error);
	assert_string_equal(babus_error_detail(), expected);
	assert_ptr_equal(config, &error);
}

static void a_file_given_by_name_must_exist(void **state)
{
	const char *missing = root_file("missing.ini");

	(void)state;
	assert_load_fails(missing, -ENOENT, missing, "No such file or directory");
	setenv("BABUS_CONFIG", missing, 1);
	assert_load_fails(NULL, -ENOENT, missing, "No such file or directory");
	unsetenv("BABUS_CONFIG");
}

static void a_directory_is_no_configuration(void **state)
{
	(void)state;
	assert_load_fails(support_root, -EINVAL, support_root, "Is a directory");
}

static void a_file_that_cannot_be_opened_is_an_error_and_not_skipped(void **state)
{
	(void)state;
	make_directory("xdg");
	make_directory("xdg/babus");
	setenv("XDG_CONFIG_HOME", root_file("xdg"), 1);
	assert_int_equal(symlink("babus.ini", root_file("xdg/babus/babus.ini")), 0);
	assert_load_fails(NULL, -ELOOP, root_file("xdg/babus/babus.ini"),
			  "Too many levels of symbolic links");
}

/* --- quantities ----------------------------------------------------------------------- */

struct quantity {
	const char *text;
	uint64_t value;
};

static void sizes_have_units(void **state)
{
	static const struct quantity good[] = {
	    {"0", 0},
	    {"1", 1},
	    {"6220800", 6220800},
	    {"7 B", 7},
	    {"2kB", 2000},
	    {"2 MB", 2000000},
	    {"2\tGB", 2000000000},
	    {"2 KiB", 2048},
	    {"16MiB", 16 << 20},
	    {"3 GiB", UINT64_C(3) << 30},
	    {"1.5 KiB", 1536},
	    {"0.25 MiB", 262144},
	    {"010", 10},
	    {"18446744073709551615", UINT64_MAX},
	    {"17179869183 GiB", UINT64_C(17179869183) << 30},
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(support_context, sizeof(support_context), "%s", good[i].text);
		assert_int_equal(babus_config_parse_size(good[i].text, &value), 0);
		assert_int_equal(value, good[i].value);
	}
	*support_context = '\0';
}

static void durations_have_units(void **state)
{
	static const struct quantity good[] = {
	    {"0", 0},
	    {"1", 1000000000},
	    {"17 ns", 17},
	    {"50us", 50000},
	    {"20 ms", 20000000},
	    {"1.5s", 1500000000},
	    {"2 min", UINT64_C(120000000000)},
	    {"1h", UINT64_C(3600000000000)},
	    {"0.5 h", UINT64_C(1800000000000)},
	    {"0.000000001", 1},
	    {"0.123456789 s", 123456789},
	    {"5124095 h", UINT64_C(5124095) * 3600 * 1000000000},
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		snprintf(support_context, sizeof(support_context), "%s", good[i].text);
		assert_int_equal(babus_config_parse_duration(good[i].text, &value), 0);
		assert_int_equal(value, good[i].value);
	}
	*support_context = '\0';
}

static void what_is_no_quantity_is_refused_and_leaves_the_value(void **state)
{
	static const char *const bad[] = {
	    "",
	    " 1",
	    "-1",
	    "+1",
	    "1.",
	    ".5",
	    "1.2.3",
	    "1 2",
	    "0x10",
	    "1e3",
	    "B",
	    "ms",
	    "1 K",
	    "1 kiB",
	    "1 M",
	    "1 S",
	    "1 sec",
	    "1 KiB ",
	    "1 KiB x",
	    "one",
	    "1,5 s",
	    "1 day",
	    "0.1234567890 s",
	    "nan",
	    "inf",
	    "18446744073709551616",
	    "18446744073709551616 ns",
	    "99999999999999999999999",
	    "17179869184 GiB",
	    "5124096 h",
	};
	uint64_t value = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(support_context, sizeof(support_context), "'%s'", bad[i]);
		assert_int_equal(babus_config_parse_size(bad[i], &value), -EINVAL);
		assert_int_equal(babus_config_parse_duration(bad[i], &value), -EINVAL);
		assert_int_equal(value, 42);
	}
	*support_context = '\0';
	assert_int_equal(babus_config_parse_size("1 ms", &value), -EINVAL);
	assert_int_equal(babus_config_parse_duration("1 KiB", &value), -EINVAL);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE_ROOT(every_bad_value_is_reported_with_its_line),
	    CASE_ROOT(a_description_that_is_too_long_is_refused),
	    CASE_ROOT(an_unknown_key_is_reported_with_the_keys_of_its_section),
	    CASE_ROOT(an_unknown_section_is_reported_even_if_it_is_empty),
	    CASE_ROOT(a_duplicate_is_reported_with_its_first_line),
	    CASE_ROOT(a_line_that_is_no_key_and_value_is_reported),
	    CASE_ROOT(only_the_first_error_is_reported),
	    CASE_ROOT(more_buffers_than_fit_are_reported_with_the_section),
	    CASE_ROOT(a_line_with_a_zero_byte_is_refused),
	    CASE_ROOT(a_file_given_by_name_must_exist),
	    CASE_ROOT(a_directory_is_no_configuration),
	    CASE_ROOT(a_file_that_cannot_be_opened_is_an_error_and_not_skipped),
	    CASE_ROOT(sizes_have_units),
	    CASE_ROOT(durations_have_units),
	    CASE_ROOT(what_is_no_quantity_is_refused_and_leaves_the_value),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

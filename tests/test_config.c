/* SPDX-License-Identifier: MIT */
/* babus.ini: every key, every complaint, where it is looked for, quantities. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <babus/config.h>

#include "file.h"
#include "support.h"

/* Write a file of the case's directory. Its path is good for the next few calls. */
static const char *write_ini(const char *leaf, const char *text)
{
	const char *path = root_file(leaf);

	write_file(path, text, strlen(text));
	return path;
}

static babus_config *load(const char *text)
{
	babus_config *config = NULL;
	int error = babus_config_load(write_ini("a.ini", text), &config);

	if (error)
		print_error("%s\n", babus_error_detail());
	assert_int_equal(error, 0);
	return config;
}

static struct babus_slot_options slot_of(const char *text, const char *name)
{
	babus_config *config = load(text);
	struct babus_slot_options opts;

	babus_config_slot(config, name, &opts);
	/* Not valid once the configuration is freed. */
	opts.type = opts.description = NULL;
	babus_config_free(config);
	return opts;
}

static void assert_refused(const char *text, int line, const char *complaint)
{
	const char *path = write_ini("a.ini", text);
	babus_config *config = (babus_config *)&path;
	char expected[1024];

	snprintf(expected, sizeof(expected), "%s:%d: %s", path, line, complaint);
	snprintf(support_context, sizeof(support_context), "%.100s", text);
	assert_int_equal(babus_config_load(path, &config), -EINVAL);
	assert_string_equal(babus_error_detail(), expected);
	/* All or nothing. */
	assert_ptr_equal(config, &path);
	*support_context = '\0';
}

/* --- defaults ------------------------------------------------------------------ */

static const char *const babusfs_keys[] = {"allow_other", "list_all", "hide_wait", "threads",
					   "max_pending", "hold",     "spin"};

enum {
	BABUSFS_KEYS = sizeof(babusfs_keys) / sizeof(*babusfs_keys)
};

static void assert_same_slot(const babus_config *a, const babus_config *b, const char *name)
{
	struct babus_slot_options x, y;

	babus_config_slot(a, name, &x);
	babus_config_slot(b, name, &y);
	assert_string_equal(x.type ? x.type : "", y.type ? y.type : "");
	assert_string_equal(x.description ? x.description : "", y.description ? y.description : "");
	x.type = y.type = x.description = y.description = NULL;
	assert_memory_equal(&x, &y, sizeof(x));
}

static void assert_same_domain(const babus_config *a, const babus_config *b)
{
	struct babus_domain_options x, y;

	assert_string_equal(babus_config_domain(a, &x), babus_config_domain(b, &y));
	assert_string_equal(x.root ? x.root : "/dev/shm", y.root ? y.root : "/dev/shm");
	x.root = y.root = NULL;
	/* 0 is written as what it means. */
	x.mode = x.mode ? x.mode : 0700;
	y.mode = y.mode ? y.mode : 0700;
	assert_memory_equal(&x, &y, sizeof(x));
}

static void assert_same(const babus_config *a, const babus_config *b)
{
	assert_same_domain(a, b);
	assert_same_slot(a, b, "imu");
	assert_same_slot(a, b, "example-1");
	for (int i = 0; i < BABUSFS_KEYS; i++)
		assert_string_equal(babus_config_babusfs(a, babusfs_keys[i]),
				    babus_config_babusfs(b, babusfs_keys[i]));
}

static char *read_text(const char *path)
{
	char *text = calloc(1, 65536);
	FILE *file = fopen(path, "r");

	assert_non_null(text);
	assert_non_null(file);
	assert_true(fread(text, 1, 65535, file) < 65535);
	fclose(file);
	return text;
}

/* Drop the ';' that starts a line. How many there were. */
static int enable_all(char *text)
{
	char *out = text;
	int found = 0;

	for (char *at = text; *at; at++) {
		if (*at == ';' && (at == text || at[-1] == '\n'))
			found++;
		else
			*out++ = *at;
	}
	*out = '\0';
	return found;
}

static void the_file_as_it_is_shipped_says_nothing(void **state)
{
	babus_config *shipped, *none = load("");

	(void)state;
	assert_int_equal(babus_config_load(BABUS_INI, &shipped), 0);
	assert_same(shipped, none);
	babus_config_free(shipped);
	babus_config_free(none);
}

static void every_value_shown_in_the_file_is_the_default(void **state)
{
	char *text = read_text(BABUS_INI);
	babus_config *enabled, *none;

	(void)state;
	/* [domain] 6, [defaults] 8, [slot example-*] 2, [babusfs] 7. */
	assert_int_equal(enable_all(text), 23);
	unsetenv("BABUS_ROOT");
	none = load("");
	enabled = load(text);
	assert_same(enabled, none);
	babus_config_free(enabled);
	babus_config_free(none);
	free(text);
}

static void built_in_slot_options_are_those_of_the_library(void **state)
{
	struct babus_slot_options opts, init;
	babus_config *none = load("");

	(void)state;
	babus_slot_options_init(&init);
	babus_config_slot(none, "imu", &opts);
	assert_memory_equal(&opts, &init, sizeof(opts));
	babus_config_free(none);
}

/* --- every key ------------------------------------------------------------------- */

static void every_key_of_domain_is_taken(void **state)
{
	struct babus_domain_options opts;
	babus_config *config;

	(void)state;
	unsetenv("BABUS_ROOT");
	config = load("[domain]\nname = plant\nroot = /run/bus\nmode = 2770\nowner = 12\n"
		      "group = root\ntrust_owner = 34\n");
	assert_string_equal(babus_config_domain(config, &opts), "plant");
	assert_string_equal(opts.root, "/run/bus");
	assert_int_equal(opts.mode, 02770);
	assert_int_equal(opts.uid, 12);
	assert_int_equal(opts.gid, 0);
	assert_int_equal(opts.trust_uid, 34);
	babus_config_free(config);
}

#define SLOT_KEYS                                                                   \
	"depth = 3\nsize = 6 MiB\nloans = 5\npins = 7\nchannel = 31\nmode = 0640\n" \
	"owner = root\ngroup = 17\n"

static void assert_slot_keys(const struct babus_slot_options *opts)
{
	assert_int_equal(opts->depth, 3);
	assert_int_equal(opts->max_size, 6 << 20);
	assert_int_equal(opts->loans, 5);
	assert_int_equal(opts->pins, 7);
	assert_int_equal(opts->channel, 31);
	assert_int_equal(opts->mode, 0640);
	assert_int_equal(opts->uid, 0);
	assert_int_equal(opts->gid, 17);
}

static void every_key_of_defaults_is_taken(void **state)
{
	struct babus_slot_options opts = slot_of("[defaults]\n" SLOT_KEYS, "imu");

	(void)state;
	assert_slot_keys(&opts);
}

static void every_key_of_a_slot_section_is_taken(void **state)
{
	babus_config *config = load("[slot imu]\n" SLOT_KEYS
				    "type = float32 x6\ndescription = front, left; of it\n");
	struct babus_slot_options opts;

	(void)state;
	babus_config_slot(config, "imu", &opts);
	assert_slot_keys(&opts);
	assert_string_equal(opts.type, "float32 x6");
	assert_string_equal(opts.description, "front, left; of it");
	babus_config_slot(config, "gps", &opts);
	assert_int_equal(opts.depth, 8);
	babus_config_free(config);
}

static void every_key_of_babusfs_is_kept_as_written(void **state)
{
	static const char *const values[BABUSFS_KEYS] = {"yes",   "yes",   "yes",  "1024",
							 "1 GiB", "20 ms", "50 us"};
	char text[512] = "[babusfs]\n";
	babus_config *config;

	(void)state;
	for (int i = 0; i < BABUSFS_KEYS; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s = %s\n",
			 babusfs_keys[i], values[i]);
	config = load(text);
	for (int i = 0; i < BABUSFS_KEYS; i++)
		assert_string_equal(babus_config_babusfs(config, babusfs_keys[i]), values[i]);
	assert_null(babus_config_babusfs(config, "depth"));
	assert_null(babus_config_babusfs(config, "nothing"));
	babus_config_free(config);
}

static void the_limits_of_every_number_are_taken(void **state)
{
	struct babus_slot_options opts = slot_of(
	    "[defaults]\ndepth = 65533\nloans = 1\npins = 1\nchannel = 0\n"
	    "owner = 4294967294\nmode = 777\nsize = 1\n",
	    "x");

	(void)state;
	assert_int_equal(opts.depth, 65533);
	assert_int_equal(opts.channel, 0);
	assert_int_equal(opts.uid, 4294967294);
	assert_int_equal(opts.mode, 0777);
	assert_int_equal(opts.max_size, 1);
	assert_int_equal(slot_of("[defaults]\nloans = 16383\n", "x").loans, 16383);
	assert_int_equal(slot_of("[defaults]\nchannel = auto\n", "x").channel, -1);
}

/* --- sections and lines ------------------------------------------------------------ */

static void later_patterns_win_key_by_key(void **state)
{
	static const char text[] = "[slot cam-*]\ndepth = 4\npins = 10\n"
				   "[slot cam-1]\ndepth = 2\n"
				   "[defaults]\ndepth = 3\nloans = 9\npins = 11\n"
				   "[slot *]\nloans = 6\n";
	struct babus_slot_options one = slot_of(text, "cam-1"), two = slot_of(text, "cam-2"),
				  other = slot_of(text, "imu");

	(void)state;
	assert_int_equal(one.depth, 2);
	assert_int_equal(one.pins, 10);
	assert_int_equal(one.loans, 6);
	assert_int_equal(two.depth, 4);
	assert_int_equal(other.depth, 3);
	assert_int_equal(other.pins, 11);
	assert_int_equal(other.loans, 6);
}

static void patterns_are_those_of_the_shell(void **state)
{
	static const char text[] = "[slot cam[0-9]] ; with a ']' inside\ndepth = 2\n"
				   "[slot a?c]\ndepth = 3\n[slot  .x]\ndepth = 5\n";

	(void)state;
	assert_int_equal(slot_of(text, "cam7").depth, 2);
	assert_int_equal(slot_of(text, "camx").depth, 8);
	assert_int_equal(slot_of(text, "cam77").depth, 8);
	assert_int_equal(slot_of(text, "abc").depth, 3);
	assert_int_equal(slot_of(text, "ac").depth, 8);
	assert_int_equal(slot_of(text, ".x").depth, 5);
}

static void a_pattern_may_be_as_long_as_a_name(void **state)
{
	char name[BABUS_NAME_MAX + 1], text[BABUS_NAME_MAX + 64];

	(void)state;
	memset(name, 'n', BABUS_NAME_MAX);
	name[BABUS_NAME_MAX] = '\0';
	snprintf(text, sizeof(text), "[slot %s]\ndepth = 2\n", name);
	assert_int_equal(slot_of(text, name).depth, 2);
	name[BABUS_NAME_MAX - 1] = 'm';
	assert_int_equal(slot_of(text, name).depth, 8);
}

static void comments_blanks_and_line_ends_do_not_matter(void **state)
{
	struct babus_slot_options opts = slot_of(
	    "\xEF\xBB\xBF# first\r\n\r\n  [defaults]  ; here\r\n\tdepth=2 ; two\r\n"
	    "  ; pins = 0\n   loans  =  3   \n# pins = 0\nsize = 64KiB",
	    "x");

	(void)state;
	assert_int_equal(opts.depth, 2);
	assert_int_equal(opts.loans, 3);
	assert_int_equal(opts.pins, 256);
	assert_int_equal(opts.max_size, 65536);
}

static void no_text_is_as_if_a_user_or_label_was_not_given(void **state)
{
	babus_config *config = load("[slot x]\nowner =\ngroup =\ntype =\ndescription =\n");
	struct babus_slot_options opts;

	(void)state;
	babus_config_slot(config, "x", &opts);
	assert_int_equal(opts.uid, (uid_t)-1);
	assert_int_equal(opts.gid, (gid_t)-1);
	assert_string_equal(opts.type, "");
	assert_string_equal(opts.description, "");
	babus_config_free(config);
}

/* --- complaints ----------------------------------------------------------------------- */

#define NAME       "1 to 200 of A-Z a-z 0-9 . _ -, not starting with . or -"
#define A_SIZE     "a size above 0 such as 4096, 64 KiB or 16 MiB"
#define A_DURATION "a duration such as 0, 50 us, 20 ms or 1 s"
#define USER       "the name or number of a user, or nothing"
#define GROUP      "the name or number of a group, or nothing"
#define COUNT      "a whole number from 1 to "
#define SECTIONS   "[domain], [defaults], [slot PATTERN] or [babusfs]"
#define SLOT_NAMES "depth, size, loans, pins, channel, mode, owner, group"

static void every_bad_value_is_told_with_its_line(void **state)
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

static void an_unknown_key_is_told_with_those_of_its_section(void **state)
{
	(void)state;
	assert_refused("[domain]\ndepth = 8\n", 2,
		       "unknown key 'depth', expected name, root, mode, owner, group, trust_owner");
	assert_refused("[defaults]\nname = x\n", 2, "unknown key 'name', expected " SLOT_NAMES);
	assert_refused("[defaults]\ntype = x\n", 2, "unknown key 'type', expected " SLOT_NAMES);
	assert_refused("[slot a]\nDepth = 8\n", 2,
		       "unknown key 'Depth', expected " SLOT_NAMES ", type, description");
	assert_refused("[babusfs]\n= 8\n", 2,
		       "unknown key '', expected allow_other, list_all, hide_wait, threads, "
		       "max_pending, hold, spin");
}

static void an_unknown_section_is_told_even_if_it_is_empty(void **state)
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

static void what_is_given_twice_is_told_with_its_first_line(void **state)
{
	(void)state;
	assert_refused("[defaults]\ndepth = 8\npins = 9\ndepth = 8\n", 4,
		       "key 'depth' again, expected only the one of line 2");
	assert_refused("[domain]\n[defaults]\n[domain]\n", 3,
		       "section 'domain' again, expected only the one of line 1");
	assert_refused("[slot a*]\n[slot b]\n[slot a*]\n", 3,
		       "section for slot 'a*' again, expected only the one of line 1");
}

static void a_line_that_is_no_key_and_value_is_told(void **state)
{
	(void)state;
	assert_refused("[domain]\nname\n", 2, "expected KEY = VALUE");
	assert_refused("[domain]\nname\n[slots]\n", 2, "expected KEY = VALUE");
	assert_refused("depth = 8\n[defaults]\n", 1,
		       "before the first section stands 'depth', expected " SECTIONS);
	/* Not more of the value before it. */
	assert_refused("[domain]\nname = a\n  b\n", 3, "expected KEY = VALUE");
}

static void only_the_first_thing_wrong_is_told(void **state)
{
	(void)state;
	assert_refused("[defaults]\ndepth = x\npins = y\n[nothing]\n", 2,
		       "depth is 'x', expected " COUNT "65535");
}

static void more_buffers_than_fit_are_told_with_the_section(void **state)
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

/* --- where it is looked for --------------------------------------------------------- */

static void assert_came_from(const char *path)
{
	babus_config *config = NULL;

	assert_int_equal(babus_config_load(NULL, &config), 0);
	assert_string_equal(babus_config_path(config), path);
	babus_config_free(config);
}

/* What the machine itself has is not ours to change. */
static const char *system_file(void)
{
	return access("/etc/babus.ini", F_OK) == 0 ? "/etc/babus.ini" : "";
}

static void make_directory(const char *leaf)
{
	assert_int_equal(mkdir(root_file(leaf), 0700), 0);
}

static void files_are_looked_for_in_the_documented_order(void **state)
{
	(void)state;
	make_directory("home");
	make_directory("home/.config");
	make_directory("home/.config/babus");
	make_directory("xdg");
	make_directory("xdg/babus");
	setenv("HOME", root_file("home"), 1);
	unsetenv("XDG_CONFIG_HOME");
	assert_came_from(system_file());
	write_ini("home/.config/babus/babus.ini", "");
	assert_came_from(root_file("home/.config/babus/babus.ini"));
	setenv("XDG_CONFIG_HOME", root_file("xdg"), 1);
	assert_came_from(system_file());
	write_ini("xdg/babus/babus.ini", "");
	assert_came_from(root_file("xdg/babus/babus.ini"));
	setenv("BABUS_CONFIG", write_ini("own.ini", ""), 1);
	assert_came_from(root_file("own.ini"));
	setenv("BABUS_CONFIG", "", 1);
	assert_came_from(root_file("xdg/babus/babus.ini"));
	unsetenv("BABUS_CONFIG");
}

static void a_path_wins_over_the_environment(void **state)
{
	babus_config *config;

	(void)state;
	setenv("BABUS_CONFIG", root_file("missing.ini"), 1);
	config = load("[domain]\nname = given\n");
	assert_string_equal(babus_config_path(config), root_file("a.ini"));
	babus_config_free(config);
	unsetenv("BABUS_CONFIG");
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

static void a_file_that_was_asked_for_must_exist(void **state)
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

/* --- the environment ------------------------------------------------------------------ */

static void the_environment_wins_over_the_file(void **state)
{
	static const char text[] = "[domain]\nname = file\nroot = /of/file\n";
	struct babus_domain_options opts;
	babus_config *config;

	(void)state;
	setenv("BABUS_DOMAIN", "env", 1);
	setenv("BABUS_ROOT", "/of/env", 1);
	config = load(text);
	assert_string_equal(babus_config_domain(config, &opts), "env");
	assert_string_equal(opts.root, "/of/env");
	babus_config_free(config);
	setenv("BABUS_DOMAIN", "", 1);
	setenv("BABUS_ROOT", "", 1);
	config = load(text);
	assert_string_equal(babus_config_domain(config, &opts), "file");
	assert_string_equal(opts.root, "/of/file");
	babus_config_free(config);
	unsetenv("BABUS_DOMAIN");
	unsetenv("BABUS_ROOT");
	config = load("");
	assert_string_equal(babus_config_domain(config, &opts), "default");
	babus_config_free(config);
}

static void the_options_open_the_domain_and_the_slot(void **state)
{
	char text[256];
	struct babus_domain_options domain_opts;
	struct babus_slot_options slot_opts;
	struct babus_slot_info info;
	babus_config *config;
	babus_slot *slot;

	(void)state;
	unsetenv("BABUS_ROOT");
	snprintf(text, sizeof(text),
		 "[domain]\nname=mine\nroot=%s\n[slot x*]\ndepth=2\nsize=100\ntype=t\n",
		 support_root);
	config = load(text);
	assert_int_equal(babus_domain_open(babus_config_domain(config, &domain_opts), BABUS_CREATE,
					   &domain_opts, &bus),
			 0);
	babus_config_slot(config, "x1", &slot_opts);
	slot = make_slot_with("x1", &slot_opts);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.depth, 2);
	assert_int_equal(info.max_size, 100);
	assert_string_equal(info.type, "t");
	babus_slot_close(slot);
	babus_config_free(config);
}

/* --- quantities ----------------------------------------------------------------------- */

struct quantity {
	const char *text;
	uint64_t value;
};

static void sizes_take_their_units(void **state)
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

static void durations_take_their_units(void **state)
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

static void freeing_nothing_is_fine(void **state)
{
	(void)state;
	babus_config_free(NULL);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE_ROOT(the_file_as_it_is_shipped_says_nothing),
	    CASE_ROOT(every_value_shown_in_the_file_is_the_default),
	    CASE_ROOT(built_in_slot_options_are_those_of_the_library),
	    CASE_ROOT(every_key_of_domain_is_taken),
	    CASE_ROOT(every_key_of_defaults_is_taken),
	    CASE_ROOT(every_key_of_a_slot_section_is_taken),
	    CASE_ROOT(every_key_of_babusfs_is_kept_as_written),
	    CASE_ROOT(the_limits_of_every_number_are_taken),
	    CASE_ROOT(later_patterns_win_key_by_key),
	    CASE_ROOT(patterns_are_those_of_the_shell),
	    CASE_ROOT(a_pattern_may_be_as_long_as_a_name),
	    CASE_ROOT(comments_blanks_and_line_ends_do_not_matter),
	    CASE_ROOT(no_text_is_as_if_a_user_or_label_was_not_given),
	    CASE_ROOT(every_bad_value_is_told_with_its_line),
	    CASE_ROOT(a_description_that_is_too_long_is_refused),
	    CASE_ROOT(an_unknown_key_is_told_with_those_of_its_section),
	    CASE_ROOT(an_unknown_section_is_told_even_if_it_is_empty),
	    CASE_ROOT(what_is_given_twice_is_told_with_its_first_line),
	    CASE_ROOT(a_line_that_is_no_key_and_value_is_told),
	    CASE_ROOT(only_the_first_thing_wrong_is_told),
	    CASE_ROOT(more_buffers_than_fit_are_told_with_the_section),
	    CASE_ROOT(a_line_with_a_zero_byte_is_refused),
	    CASE_ROOT(files_are_looked_for_in_the_documented_order),
	    CASE_ROOT(a_path_wins_over_the_environment),
	    CASE_ROOT(a_file_that_was_asked_for_must_exist),
	    CASE_ROOT(a_directory_is_no_configuration),
	    CASE_ROOT(a_file_that_cannot_be_opened_is_an_error_and_not_skipped),
	    CASE_ROOT(the_environment_wins_over_the_file),
	    CASE_ROOT(the_options_open_the_domain_and_the_slot),
	    CASE_ROOT(sizes_take_their_units),
	    CASE_ROOT(durations_take_their_units),
	    CASE_ROOT(what_is_no_quantity_is_refused_and_leaves_the_value),
	    CASE_ROOT(freeing_nothing_is_fine),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

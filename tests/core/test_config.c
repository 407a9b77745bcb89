/* SPDX-License-Identifier: MIT */
/* babus.ini: defaults, every key, sections, and where it is searched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <babus/config.h>

#include "file.h"
#include "support.h"

static babus_config *load(const char *text)
{
	babus_config *config = NULL;
	int error = babus_config_load(make_file("a.ini", text), &config);

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

/* --- defaults ------------------------------------------------------------------ */

static const char *const babusfs_keys[] = {
    "allow_other",      "list_all",       "hide_wait",        "threads", "max_pending",
    "max_user_pending", "max_user_files", "max_user_waiting", "hold",    "spin"};

enum {
	BABUSFS_KEYS = sizeof(babusfs_keys) / sizeof(*babusfs_keys)
};

/* Field by field: padding has no meaning. */
static void assert_same_options(const struct babus_slot_options *x,
				const struct babus_slot_options *y)
{
	assert_int_equal(x->depth, y->depth);
	assert_int_equal(x->loans, y->loans);
	assert_int_equal(x->pins, y->pins);
	assert_int_equal(x->channel, y->channel);
	assert_int_equal(x->max_size, y->max_size);
	assert_int_equal(x->first_seq, y->first_seq);
	assert_int_equal(x->mode, y->mode);
	assert_int_equal(x->uid, y->uid);
	assert_int_equal(x->gid, y->gid);
	assert_string_equal(x->type ? x->type : "", y->type ? y->type : "");
	assert_string_equal(x->description ? x->description : "",
			    y->description ? y->description : "");
	assert_memory_equal(x->reserved, y->reserved, sizeof(x->reserved));
}

static void assert_same_slot(const babus_config *a, const babus_config *b, const char *name)
{
	struct babus_slot_options x, y;

	babus_config_slot(a, name, &x);
	babus_config_slot(b, name, &y);
	assert_same_options(&x, &y);
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

/* Remove the ';' that starts a line: in how many lines. */
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

static void the_shipped_file_sets_nothing(void **state)
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
	/* [domain] 6, [defaults] 8, [slot example-*] 2, [babusfs] 10. */
	assert_int_equal(enable_all(text), 26);
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
	assert_same_options(&opts, &init);
	babus_config_free(none);
}

/* --- every key ------------------------------------------------------------------- */

static void every_key_of_domain_takes_effect(void **state)
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

static void every_key_of_defaults_takes_effect(void **state)
{
	struct babus_slot_options opts = slot_of("[defaults]\n" SLOT_KEYS, "imu");

	(void)state;
	assert_slot_keys(&opts);
}

static void every_key_of_a_slot_section_takes_effect(void **state)
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
	static const char *const values[BABUSFS_KEYS] = {"yes",   "yes", "yes", "1024",  "1 GiB",
							 "1 MiB", "5",   "6",   "20 ms", "50 us"};
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

static void the_limits_of_every_number_are_accepted(void **state)
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

static void an_empty_user_or_label_is_as_if_not_given(void **state)
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

/* --- where it is searched ------------------------------------------------------------ */

static void assert_came_from(const char *path)
{
	babus_config *config = NULL;

	assert_int_equal(babus_config_load(NULL, &config), 0);
	assert_string_equal(babus_config_path(config), path);
	babus_config_free(config);
}

/* Files of the machine itself are left alone. */
static const char *system_file(void)
{
	return access("/etc/babus.ini", F_OK) == 0 ? "/etc/babus.ini" : "";
}

static void make_directory(const char *leaf)
{
	assert_int_equal(mkdir(root_file(leaf), 0700), 0);
}

static void files_are_searched_in_the_documented_order(void **state)
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
	make_file("home/.config/babus/babus.ini", "");
	assert_came_from(root_file("home/.config/babus/babus.ini"));
	setenv("XDG_CONFIG_HOME", root_file("xdg"), 1);
	assert_came_from(system_file());
	make_file("xdg/babus/babus.ini", "");
	assert_came_from(root_file("xdg/babus/babus.ini"));
	setenv("BABUS_CONFIG", make_file("own.ini", ""), 1);
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

static void free_accepts_null(void **state)
{
	(void)state;
	babus_config_free(NULL);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE_ROOT(the_shipped_file_sets_nothing),
	    CASE_ROOT(every_value_shown_in_the_file_is_the_default),
	    CASE_ROOT(built_in_slot_options_are_those_of_the_library),
	    CASE_ROOT(every_key_of_domain_takes_effect),
	    CASE_ROOT(every_key_of_defaults_takes_effect),
	    CASE_ROOT(every_key_of_a_slot_section_takes_effect),
	    CASE_ROOT(every_key_of_babusfs_is_kept_as_written),
	    CASE_ROOT(the_limits_of_every_number_are_accepted),
	    CASE_ROOT(later_patterns_win_key_by_key),
	    CASE_ROOT(patterns_are_those_of_the_shell),
	    CASE_ROOT(a_pattern_may_be_as_long_as_a_name),
	    CASE_ROOT(comments_blanks_and_line_ends_do_not_matter),
	    CASE_ROOT(an_empty_user_or_label_is_as_if_not_given),
	    CASE_ROOT(files_are_searched_in_the_documented_order),
	    CASE_ROOT(a_path_wins_over_the_environment),
	    CASE_ROOT(the_environment_wins_over_the_file),
	    CASE_ROOT(the_options_open_the_domain_and_the_slot),
	    CASE_ROOT(free_accepts_null),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

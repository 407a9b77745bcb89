/* SPDX-License-Identifier: MIT */
/* What shells and tools publish: the exact list of messages of each. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "shell.h"

static const char *const shells[] = {"bash", "dash", NULL};

/* --- shells --------------------------------------------------------------------------- */

static void a_redirection_publishes_one_message(void **state)
{
	(void)state;
	new_slot("x");
	for (const char *const *shell = shells; *shell; shell++) {
		shell_run(*shell, "echo a > x/latest");
		assert_published("x", "a\n", NULL);
		shell_run(*shell, "printf 'no newline' > x/latest");
		assert_published("x", "no newline", NULL);
		shell_run(*shell, "/bin/echo external > x/latest");
		assert_published("x", "external\n", NULL);
	}
	assert_quiet("x");
}

static void an_appending_redirection_publishes_a_new_message(void **state)
{
	(void)state;
	new_slot("x");
	for (const char *const *shell = shells; *shell; shell++) {
		shell_run(*shell, "echo first > x/latest; echo b >> x/latest");
		assert_published("x", "first\n", "b\n", NULL);
		shell_run(*shell, "/bin/echo c >> x/latest");
		assert_published("x", "c\n", NULL);
	}
	assert_quiet("x");
}

static void an_empty_redirection_publishes_nothing(void **state)
{
	(void)state;
	new_slot("x");
	for (const char *const *shell = shells; *shell; shell++) {
		shell_run(*shell, ": > x/latest; : >> x/latest; true > x/latest");
		shell_run(*shell, "/bin/true > x/latest; cat /dev/null > x/latest");
		shell_run(*shell, "> x/latest");
	}
	assert_quiet("x");
	assert_published("x", NULL);
}

static void a_group_of_builtins_publishes_one_message(void **state)
{
	(void)state;
	new_slot("x");
	for (const char *const *shell = shells; *shell; shell++) {
		shell_run(*shell, "{ echo a; echo b; printf c; } > x/latest");
		assert_published("x", "a\nb\nc", NULL);
		shell_run(*shell, "for i in 1 2 3; do echo $i; done > x/latest");
		assert_published("x", "1\n2\n3\n", NULL);
		shell_run(*shell, "f() { echo in; echo f; }; f > x/latest");
		assert_published("x", "in\nf\n", NULL);
	}
	assert_quiet("x");
}

static void a_group_of_external_commands_publishes_a_message_each(void **state)
{
	(void)state;
	new_slot("x");
	for (const char *const *shell = shells; *shell; shell++) {
		shell_run(*shell, "{ /bin/echo a; /bin/echo b; /bin/echo c; } > x/latest");
		assert_published("x", "a\n", "b\n", "c\n", NULL);
	}
	assert_quiet("x");
}

static void a_silent_command_does_not_cut_a_group_in_two(void **state)
{
	(void)state;
	new_slot("x");
	for (const char *const *shell = shells; *shell; shell++) {
		shell_run(*shell, "{ echo a; /bin/true; echo b; } > x/latest");
		assert_published("x", "a\nb\n", NULL);
		shell_run(*shell, "{ echo a; y=$(/bin/echo b); echo $y; } > x/latest");
		assert_published("x", "a\nb\n", NULL);
	}
	assert_quiet("x");
}

static void a_subshell_of_builtins_publishes_one_message(void **state)
{
	(void)state;
	new_slot("x");
	for (const char *const *shell = shells; *shell; shell++) {
		shell_run(*shell, "(echo a; echo b) > x/latest");
		assert_published("x", "a\nb\n", NULL);
		shell_run(*shell, "{ (echo a; echo b); } > x/latest; true");
		assert_published("x", "a\nb\n", NULL);
	}
	assert_quiet("x");
}

static void each_echo_to_a_kept_descriptor_is_a_message(void **state)
{
	(void)state;
	new_slot("x");
	for (const char *const *shell = shells; *shell; shell++) {
		shell_run(*shell, "exec 3> x/latest; echo a >&3; echo bb >&3; echo c >&3;"
				  "/bin/echo external >&3; exec 3>&-");
		assert_published("x", "a\n", "bb\n", "c\n", "external\n", NULL);
		shell_run(*shell, "exec 3>> x/latest; echo a >&3; echo bb >&3");
		assert_published("x", "a\n", "bb\n", NULL);
	}
	assert_quiet("x");
}

static void exec_of_standard_output_publishes_builtins_at_the_end(void **state)
{
	(void)state;
	new_slot("x");
	for (const char *const *shell = shells; *shell; shell++) {
		shell_run(*shell, "exec > x/latest; echo a; echo b");
		assert_published("x", "a\nb\n", NULL);
	}
	assert_quiet("x");
}

static void a_pipeline_publishes_one_message(void **state)
{
	(void)state;
	new_slot("x");
	for (const char *const *shell = shells; *shell; shell++) {
		shell_run(*shell, "(echo a; echo b; echo c) | cat > x/latest");
		assert_published("x", "a\nb\nc\n", NULL);
		shell_run(*shell, "echo 3 1 2 | tr ' ' '\\n' | sort > x/latest");
		assert_published("x", "1\n2\n3\n", NULL);
		shell_run(*shell, "while read -r l; do echo \"<$l>\"; done < x/latest > x/latest");
		assert_published("x", "<1>\n<2>\n<3>\n", NULL);
	}
	assert_quiet("x");
}

static void a_here_document_publishes_one_message(void **state)
{
	(void)state;
	new_slot("x");
	for (const char *const *shell = shells; *shell; shell++) {
		shell_run(*shell, "cat > x/latest <<E\none\ntwo\nE\n");
		assert_published("x", "one\ntwo\n", NULL);
	}
}

static void a_redirection_inside_a_group_publishes_what_came_before(void **state)
{
	(void)state;
	new_slot("x");
	for (const char *const *shell = shells; *shell; shell++) {
		/*
		 * The shell saves the descriptor under another number and restores it. Each
		 * closes it once.
		 */
		shell_run(*shell, "{ echo out; echo err >&2; } > x/latest 2>&1; true");
		assert_published("x", "out\n", "err\n", NULL);
		shell_run(*shell, "{ echo a; echo b > /dev/null; echo c; } > x/latest; true");
		assert_published("x", "a\n", "c\n", NULL);
	}
	assert_quiet("x");
}

static void background_writers_publish_whole_messages(void **state)
{
	struct babus_message message;
	babus_slot *slot;

	(void)state;
	new_slot("x");
	shell_run("bash", "for i in 1 2 3 4 5 6 7 8; do"
			  "  yes $i | head -n 50000 > x/latest & done; wait");
	slot = open_slot("x", BABUS_READ);
	for (uint64_t seq = 1; seq <= 8; seq++) {
		assert_int_equal(babus_slot_view(slot, BABUS_SEQ, seq, &message), 0);
		assert_int_equal(message.size, 100000);
		assert_memory_equal(message.data, (const char *)message.data + 2, 99998);
		babus_message_release(&message);
	}
	assert_int_equal(babus_slot_view(slot, BABUS_SEQ, 9, &message), -EAGAIN);
	babus_slot_close(slot);
}

/* --- tools ------------------------------------------------------------------------------ */

static void publish_by(const char *how)
{
	struct babus_message message;
	struct babus_slot_info info;
	struct outcome outcome;
	char text[512];
	babus_slot *slot = open_slot("x", BABUS_READ);
	uint64_t before;

	assert_int_equal(babus_slot_info(slot, &info), 0);
	before = info.seq;
	snprintf(text, sizeof(text), "S=$T/src; set -e; %s", how);
	shell_run("bash", text);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	if (info.seq != before + 1)
		fail_msg("%s: published %d messages", how, (int)(info.seq - before));
	shell_try("bash", "cat $T/src", &outcome);
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	if (message.size != outcome.out_size || memcmp(message.data, outcome.out, message.size))
		fail_msg("%s: %zu bytes of %zu, or others", how, message.size, outcome.out_size);
	babus_message_release(&message);
	outcome_free(&outcome);
	babus_slot_close(slot);
}

static void tools_publish_one_message_with_exactly_the_bytes(void **state)
{
	static const char *const ways[] = {
	    "cat $S > x/latest",
	    "cp $S x/latest",
	    "cp --sparse=never --no-preserve=all $S x/latest",
	    "dd if=$S of=x/latest bs=7919 status=none",
	    "dd if=$S of=x/latest bs=997 conv=notrunc status=none",
	    "dd if=$S of=x/latest bs=64k conv=fsync status=none",
	    "dd if=$S bs=4093 status=none > x/latest",
	    "tee x/latest < $S > /dev/null",
	    "head -c 100000000 $S > x/latest",
	    "tail -c +1 $S > x/latest",
	    "mkdir -p $T/tar/x; cp $S $T/tar/x/latest;"
	    "tar -c -C $T/tar x/latest | tar -x --overwrite --no-same-owner -m "
	    "--no-same-permissions",
	    "sed -n p $S > x/latest",
	    "python3 -c 'import os, shutil; shutil.copyfile(os.environ[\"T\"] + \"/src\", "
	    "\"x/latest\")'",
	    "python3 -c 'import os; f = open(\"x/latest\", \"wb\");"
	    " f.write(open(os.environ[\"T\"] + \"/src\", \"rb\").read()); f.close()'",
	    "python3 -c 'import os; open(\"x/latest\", \"wb\", 0)"
	    ".write(open(os.environ[\"T\"] + \"/src\", \"rb\").read())'",
	};

	(void)state;
	new_slot("x");
	shell_run("bash", "seq 1 60000 > $T/src");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		publish_by(ways[i]);
}

static void touch_publishes_nothing(void **state)
{
	(void)state;
	new_slot("x");
	shell_run("bash", "echo before > x/latest; touch x/latest; touch -c x/latest");
	assert_published("x", "before\n", NULL);
	assert_quiet("x");
}

static void tee_into_two_slots_publishes_in_both(void **state)
{
	(void)state;
	new_slot("x");
	babus_slot_close(make_slot("y", 4, 4096));
	shell_expect("bash", "echo both | tee x/latest y/latest", "both\n");
	assert_published("x", "both\n", NULL);
	assert_file(in_mount("y", "latest"), "both\n");
}

static void a_message_can_be_copied_from_slot_to_slot(void **state)
{
	(void)state;
	new_slot("x");
	babus_slot_close(make_slot("y", 4, 4096));
	shell_run("bash", "echo on > y/latest; cp y/latest x/latest; cat x/0 > y/latest");
	assert_published("x", "on\n", NULL);
	shell_expect("bash", "cat y/0 y/1", "on\non\n");
}

static void python_publishes_at_each_close_flush_or_end(void **state)
{
	(void)state;
	new_slot("x");
	python_run("import os\n"
		   "with open('x/latest', 'w') as f:\n"
		   "    f.write('one ')\n"
		   "    f.flush()\n"
		   "    f.write('message')\n"
		   "with open('x/latest', 'w') as f:\n"
		   "    f.write('synced')\n"
		   "    f.flush()\n"
		   "    os.fsync(f.fileno())\n"
		   "    f.write('rest')\n"
		   "f = open('x/latest', 'a')\n"
		   "f.write('at exit')\n");
	assert_published("x", "one message", "synced", "rest", "at exit", NULL);
	assert_quiet("x");
}

static void vim_writes_one_message(void **state)
{
	struct outcome outcome;

	(void)state;
	new_slot("x");
	shell_try("bash", "command -v vim", &outcome);
	if (outcome.status == 0) {
		shell_run("bash", "echo old line > x/latest");
		assert_published("x", "old line\n", NULL);
		outcome_free(&outcome);
		shell_try("bash", "vim -u NONE -n -es -c '%s/old/new/' -c wq x/latest", &outcome);
		assert_int_equal(outcome.status, 0);
		assert_published("x", "new line\n", NULL);
	} else {
		print_message("skipped: vim is not installed\n");
	}
	outcome_free(&outcome);
}

/* --- pub ---------------------------------------------------------------------------------- */

static void each_write_to_pub_is_a_message(void **state)
{
	(void)state;
	new_slot("x");
	for (const char *const *shell = shells; *shell; shell++) {
		shell_run(*shell, "{ echo a; echo b; } > x/pub; echo c >> x/pub");
		assert_published("x", "a\n", "b\n", "c\n", NULL);
	}
	shell_run("bash", "printf 'aaabbbcc' | dd bs=3 iflag=fullblock of=x/pub status=none");
	assert_published("x", "aaa", "bbb", "cc", NULL);
	shell_run("bash", ": > x/pub");
	assert_quiet("x");
}

static void pub_takes_a_write_up_to_its_limit_and_no_longer_one(void **state)
{
	struct babus_slot_info info;
	babus_slot *slot;

	(void)state;
	new_slot("x");
	python_run("import errno, os\n"
		   "fd = os.open('x/pub', os.O_WRONLY)\n"
		   "assert os.write(fd, bytes(1044480)) == 1044480\n"
		   "try:\n"
		   "    os.write(fd, bytes(1044481)); raise SystemExit('written')\n"
		   "except OSError as e:\n"
		   "    assert e.errno == errno.EFBIG, e\n"
		   "assert os.write(fd, b'after') == 5\n"
		   "assert os.pwrite(fd, b'anywhere', 1000000) == 8\n");
	slot = open_slot("x", BABUS_READ);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_int_equal(info.seq, 3);
	assert_int_equal(info.size, 8);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    MOUNTED(a_redirection_publishes_one_message),
	    MOUNTED(an_appending_redirection_publishes_a_new_message),
	    MOUNTED(an_empty_redirection_publishes_nothing),
	    MOUNTED(a_group_of_builtins_publishes_one_message),
	    MOUNTED(a_group_of_external_commands_publishes_a_message_each),
	    MOUNTED(a_silent_command_does_not_cut_a_group_in_two),
	    MOUNTED(a_subshell_of_builtins_publishes_one_message),
	    MOUNTED(each_echo_to_a_kept_descriptor_is_a_message),
	    MOUNTED(exec_of_standard_output_publishes_builtins_at_the_end),
	    MOUNTED(a_pipeline_publishes_one_message),
	    MOUNTED(a_here_document_publishes_one_message),
	    MOUNTED(a_redirection_inside_a_group_publishes_what_came_before),
	    MOUNTED(background_writers_publish_whole_messages),
	    MOUNTED(tools_publish_one_message_with_exactly_the_bytes),
	    MOUNTED(touch_publishes_nothing),
	    MOUNTED(tee_into_two_slots_publishes_in_both),
	    MOUNTED(a_message_can_be_copied_from_slot_to_slot),
	    MOUNTED(python_publishes_at_each_close_flush_or_end),
	    MOUNTED(vim_writes_one_message),
	    MOUNTED(each_write_to_pub_is_a_message),
	    MOUNTED(pub_takes_a_write_up_to_its_limit_and_no_longer_one),
	};

	return cmocka_run_group_tests_name("fs_redirect", tests, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 120);
}

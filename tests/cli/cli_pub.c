/* SPDX-License-Identifier: MIT */
/* babus pub: what becomes a message, what is refused, which slot it makes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "file.h"
#include "programs.h"

#define FRAME "6220800" /* bytes of 1920x1080x3 */

static void a_file_is_one_message(void **state)
{
	(void)state;
	cli_gives("printf 'one\\ntwo\\n' >f; babus pub s f", "");
	assert_published("s", "one\ntwo\n", NULL);
}

static void standard_input_is_one_message(void **state)
{
	(void)state;
	cli_gives("printf 'one\\ntwo' | babus pub s", "");
	cli_gives("{ printf three; printf four; } | babus pub s -", "");
	cli_gives("printf five >f; babus pub s <f", "");
	assert_published("s", "one\ntwo", "threefour", "five", NULL);
}

static void a_redirected_file_counts_from_where_it_stands(void **state)
{
	(void)state;
	cli_gives("printf 'head\\nrest of it' >f; { read -r line; babus pub s; } <f", "");
	assert_published("s", "rest of it", NULL);
}

static void empty_input_is_a_message_too(void **state)
{
	(void)state;
	cli_gives(": >f; babus pub s f; babus pub s <f; : | babus pub s; babus pub s /dev/null",
		  "");
	assert_published("s", "", "", "", "", NULL);
}

static void a_file_without_a_true_size_is_read_to_its_end(void **state)
{
	(void)state;
	cli_gives("babus pub s /proc/version; babus latest s | cmp - /proc/version", "");
}

static void each_line_is_a_message_with_its_newline(void **state)
{
	(void)state;
	cli_gives("printf 'a\\n\\nb c\\nlast' | babus pub --lines s", "");
	assert_published("s", "a\n", "\n", "b c\n", "last", NULL);
	cli_gives("printf 'x\\ny\\n' >f; babus pub --lines s f; babus pub --lines s /dev/null", "");
	assert_published("s", "x\n", "y\n", NULL);
}

static void lines_are_published_as_they_come(void **state)
{
	(void)state;
	/* The input stays open until its messages have been read from the slot. */
	cli_gives("{ echo first; babus wait --wait -t 20s --after 0 s >seen; echo second; } | "
		  "babus pub --lines s; cat seen",
		  "first\n");
	assert_published("s", "first\n", "second\n", NULL);
}

static void long_lines_cross_any_buffer_whole(void **state)
{
	(void)state;
	cli_gives(
	    "for n in 1 65535 65536 65537 200000; do head -c $n /dev/zero | tr '\\0' x; "
	    "echo; done >f; babus pub --lines s <f; babus sub -n 5 --from oldest s | cmp - f; "
	    "babus ls -n -b -o SEQ,SIZE | tr -s ' '",
	    "5 200001\n");
}

static void a_frame_comes_back_byte_by_byte(void **state)
{
	(void)state;
	cli_gives("head -c " FRAME " /dev/urandom >f; babus pub s f; babus latest s | cmp - f; "
		  "babus latest s >g; cmp f g",
		  "");
	cli_gives("cat f | babus pub s; cat f f >two; "
		  "babus sub -n 2 --from oldest s | cmp - two",
		  "");
}

static void tag_and_source_time_go_with_the_message(void **state)
{
	(void)state;
	cli_gives_json("printf x | babus pub --tag 18446744073709551615 --source-time 12345 "
		       "--origin 18446744073709551615 s; "
		       "babus latest --json s",
		       "assert one[\"tag\"] == 2**64 - 1 and one[\"source_time_ns\"] == 12345\n"
		       "assert one[\"origin\"] == 2**64 - 1\n"
		       "assert one[\"text\"] == \"x\" and one[\"seq\"] == 1");
	cli_gives_json("printf 'a\\nb\\n' | babus pub --lines --tag 0x10 s; "
		       "babus sub -n 2 --from 2 --json s",
		       "assert [o[\"tag\"] for o in objects] == [16, 16]");
}

static void json_describes_each_message(void **state)
{
	(void)state;
	cli_gives(
	    "printf 'a\\nbcd\\n' | babus pub --json --lines s; printf xyz | babus pub --json s",
	    "{\"slot\":\"s\",\"seq\":1,\"size\":2}\n{\"slot\":\"s\",\"seq\":2,\"size\":4}\n"
	    "{\"slot\":\"s\",\"seq\":3,\"size\":3}\n");
}

/* --- the slot that is made ------------------------------------------------------------ */

static void a_missing_slot_is_made_as_configured(void **state)
{
	(void)state;
	cli_configure("[defaults]\ndepth = 3\nsize = 5 KiB\nmode = 0640\n"
		      "[slot cam-*]\ndepth = 2\ntype = rgb24\ndescription = a camera\n");
	cli_gives("printf x | babus pub imu; printf x | babus pub cam-1; "
		  "babus ls -n -b -o SLOT,DEPTH,LIMIT,MODE,TYPE,DESCRIPTION | tr -s ' '",
		  "cam-1 2 5120 0640 rgb24 a camera\nimu 3 5120 0640 - -\n");
}

static void without_a_configuration_it_has_the_built_in_defaults(void **state)
{
	(void)state;
	cli_gives("printf x | babus pub s; babus ls -n -b -o DEPTH,LIMIT,MODE | tr -s ' '",
		  "8 16777216 0600\n");
}

static void a_slot_that_exists_stays_as_it_is(void **state)
{
	(void)state;
	cli_configure("[defaults]\ndepth = 3\n");
	cli_gives("babus create --depth 5 --size 100 s; printf x | babus pub s; "
		  "babus ls -n -o DEPTH,LIMIT | tr -s ' '",
		  "5 100\n");
}

static void a_missing_domain_is_made_too(void **state)
{
	(void)state;
	cli_gives("printf x | babus -d new pub s; babus -d new latest s; stat -c %a babus.new",
		  "x700\n");
}

/* --- what is refused ------------------------------------------------------------------- */

static void what_is_too_large_is_not_published(void **state)
{
	(void)state;
	cli_gives("babus create --size 100 s; head -c 101 /dev/zero >f; printf x | babus pub s",
		  "");
	cli_fails(1, "babus pub s f", "slot 's': f is larger than the limit of 100 bytes");
	cli_fails(1, "babus pub s <f",
		  "slot 's': standard input is larger than the limit of 100 bytes");
	cli_fails(1, "cat f | babus pub s",
		  "slot 's': standard input is larger than the limit of 100 bytes");
	/* It is not even read to its end. */
	cli_fails(1, "babus pub s /dev/zero",
		  "slot 's': /dev/zero is larger than the limit of 100 bytes");
	assert_published("s", "x", NULL);
	cli_gives("head -c 100 f >g; babus pub s g; cat g | babus pub s; babus ls -n -o SEQ",
		  "3\n");
}

static void no_slot_is_made_for_a_file_that_is_too_large(void **state)
{
	(void)state;
	cli_configure("[defaults]\nsize = 10\n");
	cli_fails(1, "head -c 11 /dev/zero >f; babus pub s f",
		  "slot 's': f is larger than the limit of 10 bytes");
	cli_gives("babus ls -n", "");
}

static void a_line_that_is_too_large_ends_it(void **state)
{
	(void)state;
	cli_gives("babus create --size 4 s", "");
	cli_fails(1, "printf 'abc\\nabcd\\nx\\n' | babus pub --lines s",
		  "slot 's': a line is larger than the limit of 4 bytes");
	assert_published("s", "abc\n", NULL);
	/* Also without an end. */
	cli_fails(1, "yes | tr -d '\\n' | babus pub --lines s",
		  "slot 's': a line is larger than the limit of 4 bytes");
	assert_published("s", NULL);
}

static void input_that_cannot_be_read_is_a_failure(void **state)
{
	(void)state;
	cli_fails(1, "babus pub s gone", "gone: No such file or directory");
	cli_fails(1, "babus pub s .", ".: Is a directory");
	cli_fails(1, "babus pub s <&-", "standard input: Bad file descriptor");
	cli_gives("babus ls -n", "");
}

static void a_slot_that_is_only_readable_is_not_published_to(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: only for root\n");
		return;
	}
	cli_gives("printf x | babus pub s; chmod 755 babus.test; chmod 666 babus.test/domain "
		  "babus.test/*.pins; chmod 644 babus.test/s.slot",
		  "");
	setenv("B", program_copy("tools/babus"), 1);
	cli_gives("setpriv --reuid 12345 --regid 12345 --clear-groups $B latest s", "x");
	cli_ends(1, "printf y | setpriv --reuid 12345 --regid 12345 --clear-groups $B pub s", "",
		 NULL);
	assert_published("s", "x", NULL);
}

/* A terminal gives what was written to it, and EIO after that. */
static void half_a_message_is_not_published_on_an_error(void **state)
{
	(void)state;
	cli_fails(1,
		  "python3 -c 'import os; m, s = os.openpty(); os.write(s, b\"half\"); "
		  "os.close(s); os.dup2(m, 0); os.execlp(\"babus\", \"babus\", \"pub\", \"s\")'",
		  "standard input: Input/output error");
	cli_gives("babus create s; babus ls -n -o SEQ", "0\n");
}

static void half_a_message_is_not_published_on_a_signal(void **state)
{
	(void)state;
	/* The fifo never ends, since this shell writes to it too. */
	cli_gives("mkfifo p; exec 3<>p; printf half >&3; "
		  "timeout -s INT --preserve-status 0.3 babus pub s <p; echo $?",
		  "130\n");
	cli_gives("babus create s; babus ls -n -o SEQ", "0\n");
}

static void lines_that_came_before_a_signal_are_published(void **state)
{
	(void)state;
	/* What sh prints about the end of its child does not count. */
	cli_ends(0,
		 "mkfifo p; exec 3<>p; { echo line; printf half; } >&3; "
		 "babus pub --lines s <p & babus wait --wait -t 20s --after 0 s; "
		 "kill -TERM $!; wait $!; echo $?",
		 "line\n143\n", NULL);
	assert_published("s", "line\n", NULL);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CLI(a_file_is_one_message),
	    CLI(standard_input_is_one_message),
	    CLI(a_redirected_file_counts_from_where_it_stands),
	    CLI(empty_input_is_a_message_too),
	    CLI(a_file_without_a_true_size_is_read_to_its_end),
	    CLI(each_line_is_a_message_with_its_newline),
	    CLI(lines_are_published_as_they_come),
	    CLI(long_lines_cross_any_buffer_whole),
	    CLI(a_frame_comes_back_byte_by_byte),
	    CLI(tag_and_source_time_go_with_the_message),
	    CLI(json_describes_each_message),
	    CLI(a_missing_slot_is_made_as_configured),
	    CLI(without_a_configuration_it_has_the_built_in_defaults),
	    CLI(a_slot_that_exists_stays_as_it_is),
	    CLI(a_missing_domain_is_made_too),
	    CLI(what_is_too_large_is_not_published),
	    CLI(no_slot_is_made_for_a_file_that_is_too_large),
	    CLI(a_line_that_is_too_large_ends_it),
	    CLI(input_that_cannot_be_read_is_a_failure),
	    CLI(a_slot_that_is_only_readable_is_not_published_to),
	    CLI(half_a_message_is_not_published_on_an_error),
	    CLI(half_a_message_is_not_published_on_a_signal),
	    CLI(lines_that_came_before_a_signal_are_published),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return cli_main(run, 180);
}

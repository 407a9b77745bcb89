/* SPDX-License-Identifier: MIT */
/* babus latest, babus wait, and the formats of messages. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static void make(const char *name, uint32_t depth)
{
	babus_slot_close(make_slot(name, depth, 4096));
}

/* --- latest -------------------------------------------------------------------------- */

static void latest_writes_the_newest_message(void **state)
{
	(void)state;
	make("s", 2);
	cli_publish("s", "one");
	cli_publish("s", "two\n");
	cli_gives("babus latest s", "two\n");
}

static void age_and_seq_choose_another_one(void **state)
{
	(void)state;
	make("s", 3);
	for (int i = 1; i <= 5; i++)
		cli_publish("s", (char[]){(char)('0' + i), '\0'});
	cli_gives("babus latest --age 0 s", "5");
	cli_gives("babus latest --age 2 s", "3");
	cli_gives("babus latest --seq 4 s", "4");
	cli_fails(1, "babus latest --age 3 s", "slot 's': age 3: the slot keeps fewer messages");
	cli_fails(1, "babus latest --seq 2 s",
		  "slot 's': sequence number 2: message no longer kept");
	cli_fails(1, "babus latest --seq 6 s", "slot 's': sequence number 6: not published yet");
}

static void an_empty_slot_is_a_failure(void **state)
{
	(void)state;
	make("s", 3);
	cli_fails(1, "babus latest s", "slot 's': no message yet");
	cli_fails(1, "babus latest --age 0 s", "slot 's': no message yet");
}

static void latest_waits_for_slot_and_message_if_asked(void **state)
{
	struct job job;

	(void)state;
	cli_start_waiting(&job, "latest", "--wait", "s", NULL);
	make("s", 3);
	cli_publish("s", "there");
	cli_finish(&job, 0, "there", "");
	/* It does not wait if a message exists. */
	cli_gives("babus latest --wait s", "there");
}

static void latest_waits_for_the_domain_too(void **state)
{
	struct job job;

	(void)state;
	cli_start_waiting(&job, "-d", "later", "latest", "--wait", "s", NULL);
	cli_gives("printf there | babus -d later pub s", "");
	cli_finish(&job, 0, "there", "");
}

static void latest_waits_for_a_sequence_number(void **state)
{
	struct job job;

	(void)state;
	make("s", 2);
	cli_publish("s", "1");
	cli_start_waiting(&job, "latest", "--wait", "--seq", "3", "s", NULL);
	cli_publish("s", "2");
	cli_publish("s", "3");
	cli_finish(&job, 0, "3", "");
	cli_fails(1, "babus latest --wait --seq 1 s",
		  "slot 's': sequence number 1: message no longer kept");
}

/* --- wait -------------------------------------------------------------------------------- */

static void wait_gives_the_next_message_and_not_the_last(void **state)
{
	struct job job;

	(void)state;
	make("s", 3);
	cli_publish("s", "before");
	cli_start_waiting(&job, "wait", "s", NULL);
	cli_publish("s", "next");
	cli_finish(&job, 0, "next", "");
}

static void after_gives_a_kept_message_or_the_next(void **state)
{
	struct job job;

	(void)state;
	make("s", 3);
	cli_publish("s", "1");
	cli_publish("s", "2");
	cli_gives("babus wait --after 0 s; babus wait --after 1 s", "12");
	cli_start_waiting(&job, "wait", "--after", "2", "s", NULL);
	cli_publish("s", "3");
	cli_finish(&job, 0, "3", "");
}

static void after_reports_the_loss(void **state)
{
	(void)state;
	make("s", 2);
	for (int i = 1; i <= 5; i++)
		cli_publish("s", (char[]){(char)('0' + i), '\0'});
	cli_ends(0, "babus wait --after 1 s", "4", "babus: slot 's': lost 2 messages before 4\n");
	cli_ends(0, "babus wait --after 2 s", "4", "babus: slot 's': lost 1 message before 4\n");
	cli_gives_json("babus wait --after 3 --json s", "assert one[\"lost\"] == 0");
}

static void wait_gives_up_after_the_timeout(void **state)
{
	int64_t start, took;

	(void)state;
	make("s", 2);
	cli_publish("s", "before");
	start = now_ns();
	cli_fails(1, "babus wait -t 200ms s", "slot 's': no message within 0.2 s");
	took = now_ns() - start;
	assert_true(took >= 200 * MILLISECOND);
	cli_fails(1, "babus wait --timeout 0.05 --wait gone",
		  "slot 'gone': no message within 0.05 s");
	/* A timeout of 0 polls. */
	cli_gives("babus wait -t 0 --after 0 s", "before");
	cli_ends(1, "babus wait -t 0 s", "", NULL);
}

static void wait_waits_for_the_slot_if_asked(void **state)
{
	struct job job;

	(void)state;
	cli_start_waiting(&job, "wait", "--wait", "s", NULL);
	make("s", 3);
	cli_publish("s", "first");
	cli_finish(&job, 0, "first", "");
}

static void wait_fails_if_its_slot_is_removed(void **state)
{
	struct job job;

	(void)state;
	make("s", 3);
	cli_start_waiting(&job, "wait", "s", NULL);
	cli_gives("babus rm s", "");
	cli_finish(&job, 1, "", "babus: slot 's': removed\n");
}

/* --- formats ------------------------------------------------------------------------- */

static void lines_end_each_message_with_one_newline(void **state)
{
	(void)state;
	cli_gives("printf x | babus pub s; printf 'y\\n' | babus pub s; : | babus pub s; "
		  "babus sub -n 3 --from 1 --lines s",
		  "x\ny\n\n");
	cli_gives("printf x | babus pub s; babus latest --lines s", "x\n");
}

static void hex_is_a_line_and_a_dump(void **state)
{
	(void)state;
	cli_gives("printf 'ABCDEFGHIJKLMNOP\\000\\377~' | babus pub s; babus latest --hex s",
		  "s 1 19 B\n"
		  "00000000  41 42 43 44 45 46 47 48  49 4a 4b 4c 4d 4e 4f 50  |ABCDEFGHIJKLMNOP|\n"
		  "00000010  00 ff 7e                                          |..~|\n");
	cli_gives("babus pub e </dev/null; babus latest --hex e", "e 1 0 B\n");
}

static void hex_is_what_od_prints(void **state)
{
	(void)state;
	cli_gives(
	    "head -c 1000 /dev/urandom >f; babus pub s f; babus latest --hex s | tail -n +2 | "
	    "cut -c 10-59 | tr -d ' \\n' >a; od -An -v -tx1 f | tr -d ' \\n' >b; cmp a b",
	    "");
}

static void json_has_every_field(void **state)
{
	(void)state;
	cli_gives_json("printf 'two words' | babus pub --tag 7 --source-time 8 s; "
		       "babus latest --json s",
		       "assert list(one) == [\"slot\", \"seq\", \"size\", \"time_ns\", "
		       "\"time_boot_ns\", \"source_time_ns\", \"tag\", \"origin\", \"pid\", "
		       "\"publisher\", \"lost\", \"text\"], one\n"
		       "assert one[\"origin\"] == 0 and one[\"publisher\"] > 0\n"
		       "assert 0 < one[\"time_boot_ns\"] < one[\"time_ns\"]\n"
		       "assert one[\"slot\"] == \"s\" and one[\"seq\"] == 1\n"
		       "assert one[\"size\"] == 9 and one[\"text\"] == \"two words\"\n"
		       "assert one[\"tag\"] == 7 and one[\"source_time_ns\"] == 8\n"
		       "assert one[\"time_ns\"] > 10**18 and one[\"pid\"] > 1\n"
		       "assert one[\"lost\"] == 0");
}

static void json_escapes_any_text(void **state)
{
	(void)state;
	/* Every character of one byte, and the first and last of two, three and four. */
	cli_gives_json("python3 -c 'import sys\n"
		       "codes = list(range(128)) + [0x80, 0x7ff, 0x800, 0xd7ff, 0xe000, 0xffff, "
		       "0x10000, 0x10ffff]\n"
		       "sys.stdout.buffer.write(\"\".join(map(chr, codes)).encode())' >f; "
		       "babus pub s f; babus latest --json s",
		       "assert one[\"text\"].encode() == open(\"f\", \"rb\").read()");
}

static void json_of_bytes_that_are_no_text_is_base64(void **state)
{
	(void)state;
	/* Cut short, overlong, surrogate, too large, stray: each in 1 to 3 bytes of padding. */
	cli_gives_json(
	    "for b in '\\377' '\\303' 'a\\342\\202' '\\300\\200' '\\340\\200\\200' "
	    "'\\355\\240\\200' '\\364\\220\\200\\200' '\\200' 'abc\\360\\200\\200\\200'; do "
	    "printf $b >>f; printf $b | babus pub s; done; "
	    "babus sub -n 8 --from 2 --json s; head -c 300 /dev/urandom >>f; tail -c 300 f | "
	    "babus pub s; babus latest --json s",
	    "assert len(objects) == 9 and not any(\"text\" in o for o in objects)\n"
	    "data = b\"\".join(base64.b64decode(o[\"base64\"], validate=True) for o in objects)\n"
	    "assert data == open(\"f\", \"rb\").read()[1:]\n"
	    "assert sum(o[\"size\"] for o in objects) == len(data)");
}

static void a_frame_in_json_is_whole(void **state)
{
	(void)state;
	cli_gives_json("head -c 6220800 /dev/urandom >f; babus pub s f; babus latest --json s",
		       "assert base64.b64decode(one[\"base64\"]) == open(\"f\", \"rb\").read()");
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CLI(latest_writes_the_newest_message),
	    CLI(age_and_seq_choose_another_one),
	    CLI(an_empty_slot_is_a_failure),
	    CLI(latest_waits_for_slot_and_message_if_asked),
	    CLI(latest_waits_for_the_domain_too),
	    CLI(latest_waits_for_a_sequence_number),
	    CLI(wait_gives_the_next_message_and_not_the_last),
	    CLI(after_gives_a_kept_message_or_the_next),
	    CLI(after_reports_the_loss),
	    CLI(wait_gives_up_after_the_timeout),
	    CLI(wait_waits_for_the_slot_if_asked),
	    CLI(wait_fails_if_its_slot_is_removed),
	    CLI(lines_end_each_message_with_one_newline),
	    CLI(hex_is_a_line_and_a_dump),
	    CLI(hex_is_what_od_prints),
	    CLI(json_has_every_field),
	    CLI(json_escapes_any_text),
	    CLI(json_of_bytes_that_are_no_text_is_base64),
	    CLI(a_frame_in_json_is_whole),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return cli_main(run, 180);
}

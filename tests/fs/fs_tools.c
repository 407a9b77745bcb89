/* SPDX-License-Identifier: MIT */
/*
 * Common programs: what each makes of a message, what exactly each publishes, and that those
 * which read twice succeed while the slot moves. fs_redirect.c has what shells do by themselves,
 * fs_staging.c has editors.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "shell.h"

/* A program that tools/check installs, but that may be missing; prints that it is. */
static bool have(const char *program)
{
	struct outcome outcome;
	char text[64];
	int status;

	snprintf(text, sizeof(text), "command -v %s", program);
	shell_try("bash", text, &outcome);
	status = outcome.status;
	outcome_free(&outcome);
	if (status)
		print_message("skipped: %s is not installed\n", program);
	return status == 0;
}

/* --- text ----------------------------------------------------------------------------- */

static void text_tools_read_a_message(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	publish_text(slot, "b 2\na 10\nc 3\n");
	shell_expect("bash", "sort x/latest", "a 10\nb 2\nc 3\n");
	shell_expect("bash", "awk '{ n += $2 } END { print n }' x/latest", "15\n");
	shell_expect("bash", "sed -n '2s/a/A/p' x/latest", "A 10\n");
	shell_expect("bash", "tail -n +3 x/latest", "c 3\n");
	shell_expect("bash", "tac x/latest | head -n 1", "c 3\n");
	shell_expect("bash", "perl -ne 'print if /1/' x/latest", "a 10\n");
	shell_expect("bash", "perl -e 'local $/; open F, q(x/latest); print length <F>'", "13");
	shell_expect("bash", "python3 -c 'print(open(\"x/latest\").readlines()[2], end=\"\")'",
		     "c 3\n");
	shell_expect("bash", "mapfile -t a < x/latest; echo ${#a[@]} ${a[1]}", "3 a 10\n");
	shell_expect("bash", "while read -r name value; do echo $value; done < x/latest",
		     "2\n10\n3\n");
	shell_expect("bash", "od -An -c x/latest | head -c 8", "   b    ");
	shell_expect("bash", "cmp x/latest x/0 && diff x/latest x/0 && echo same", "same\n");
	shell_expect("bash",
		     "md5sum < x/latest | cmp - <(printf 'b 2\\na 10\\nc 3\\n' | md5sum) "
		     "&& echo same",
		     "same\n");
	babus_slot_close(slot);
}

static void jq_reads_messages_and_info(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	if (have("jq")) {
		publish_text(slot, "{\"speed\": [1, 2.5]}");
		shell_expect("bash", "jq -c '.speed[1]' x/latest", "2.5\n");
		shell_expect("bash", "jq .depth x/info", "4\n");
		shell_expect("bash", "jq -r .domain .bus/info", "test\n");
		shell_run("bash", "jq -nc '{a: 1}' > x/latest");
		shell_expect("bash", "cat x/latest", "{\"a\":1}\n");
	}
	babus_slot_close(slot);
}

static void a_search_through_the_tree_finds_what_is_kept(void **state)
{
	babus_slot *slot = make_slot("x", 4, 4096);

	(void)state;
	babus_slot_close(make_slot("y", 4, 4096));
	publish_text(slot, "the needle\n");
	publish_text(slot, "hay\n");
	/* `wait` would block: as with any FIFO in a tree, it is excluded by name. */
	shell_expect("bash", "grep -r --exclude=wait needle . | sort", "./x/1:the needle\n");
	shell_expect("bash", "find . -name latest -size +0 | sort", "./x/latest\n");
	shell_expect("bash", "find x -type f -newermt 2020-01-01 -name '[0-9]' | sort",
		     "x/0\nx/1\n");
	shell_expect("bash", "find . -mindepth 1 -maxdepth 1 -type d | sort", "./x\n./y\n");
	shell_expect("bash", "wc -c x/[0-9]", " 4 x/0\n11 x/1\n15 total\n");
	babus_slot_close(slot);
}

static void other_tools_publish_one_message(void **state)
{
	static const char *const ways[] = {
	    "perl -e 'open F, q(>x/latest); print F qq(line\\n); close F'",
	    "perl -e 'print qq(line\\n)' > x/latest",
	    "awk 'BEGIN { print \"line\" > \"x/latest\" }'",
	    "echo line | sort -o x/latest",
	    "echo line | sed -n 'w x/latest'",
	    "echo line > $T/f; rsync --inplace --ignore-times $T/f x/latest",
	    "echo line > $T/f; dd if=$T/f of=x/latest bs=3 status=none",
	    "echo line > $T/f; install -m 644 $T/f $T/g && cat $T/g > x/latest",
	    "echo 6c696e650a | xxd -r -p > x/latest",
	    "find . -maxdepth 0 -fprintf x/latest 'line\\n'",
	    "echo line | split --filter='cat > x/latest'",
	    "vim -es -u NONE -c 'norm iline' -c 'w! x/latest' -c 'q!'",
	};

	(void)state;
	new_slot("x");
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		snprintf(support_context, sizeof(support_context), "%s", ways[i]);
		shell_run("bash", ways[i]);
		assert_published("x", "line\n", NULL);
	}
	*support_context = '\0';
	assert_quiet("x");
}

/* --- pictures --------------------------------------------------------------------------- */

enum {
	WIDTH = 640,
	HEIGHT = 360,
	PICTURE = WIDTH * HEIGHT * 3
};

static babus_slot *make_camera(void)
{
	babus_slot *slot = make_slot("image", 4, PICTURE);
	unsigned char *picture = malloc(PICTURE);

	assert_non_null(picture);
	for (size_t i = 0; i < PICTURE; i++)
		picture[i] = (unsigned char)(i * 7 + i / WIDTH);
	assert_int_equal(babus_slot_publish(slot, picture, PICTURE, NULL, NULL), 0);
	write_file(root_file("src"), picture, PICTURE);
	free(picture);
	return slot;
}

static uint64_t newest(babus_slot *slot)
{
	struct babus_slot_info info;

	assert_int_equal(babus_slot_info(slot, &info), 0);
	return info.seq;
}

static void ffmpeg_reads_and_writes_raw_video(void **state)
{
	static const char raw[] = "-f rawvideo -pix_fmt rgb24";
	babus_slot *slot = make_camera();
	char text[512];

	(void)state;
	if (have("ffmpeg")) {
		snprintf(text, sizeof(text),
			 "ffmpeg -nostdin -v error %s -s %dx%d -i image/latest %s -y $T/out &&"
			 " cmp $T/src $T/out",
			 raw, WIDTH, HEIGHT, raw);
		shell_run("bash", text);
		assert_int_equal(newest(slot), 1);
		snprintf(text, sizeof(text),
			 "ffmpeg -nostdin -v error %s -s %dx%d -i $T/src -vf negate %s -y "
			 "image/latest && ffmpeg -nostdin -v error %s -s %dx%d -i image/latest -vf"
			 " negate %s -y $T/out && cmp $T/src $T/out",
			 raw, WIDTH, HEIGHT, raw, raw, WIDTH, HEIGHT, raw);
		shell_run("bash", text);
		assert_int_equal(newest(slot), 2);
	}
	babus_slot_close(slot);
}

static void imagemagick_reads_and_writes_pictures(void **state)
{
	babus_slot *slot = make_camera();
	char text[512];

	(void)state;
	if (have("convert-im6.q16")) {
		snprintf(text, sizeof(text),
			 "convert-im6.q16 -size %dx%d -depth 8 rgb:image/latest $T/a.ppm &&"
			 " tail -c %d $T/a.ppm | cmp - $T/src &&"
			 " convert-im6.q16 $T/a.ppm -flip rgb:image/latest",
			 WIDTH, HEIGHT, PICTURE);
		shell_run("bash", text);
		assert_int_equal(newest(slot), 2);
		snprintf(text, sizeof(text),
			 "convert-im6.q16 -size %dx%d -depth 8 rgb:image/latest -flip rgb:$T/out &&"
			 " cmp $T/src $T/out && convert-im6.q16 $T/a.ppm png:image/latest &&"
			 " convert-im6.q16 png:image/latest rgb:$T/out && cmp $T/src $T/out",
			 WIDTH, HEIGHT);
		shell_run("bash", text);
		assert_int_equal(newest(slot), 3);
	}
	babus_slot_close(slot);
}

/* --- while the slot moves ------------------------------------------------------------------ */

enum {
	LETTERS = 26,
	COPIES = 40
};

static size_t size_of(char letter)
{
	return 50000 + 4099 * (size_t)(letter - 'a');
}

static _Atomic bool stop;

static void *publish_letters(void *arg)
{
	static char data[50000 + 4099 * LETTERS];

	for (unsigned i = 0; !stop; i++) {
		char letter = (char)('a' + i % LETTERS);

		memset(data, letter, size_of(letter));
		EXPECT_EQUAL(babus_slot_publish(arg, data, size_of(letter), NULL, NULL), 0);
	}
	return NULL;
}

/* Each line of $T/out is one message: a letter, as often as it must be. */
static void assert_whole(void)
{
	static char data[50000 + 4099 * LETTERS + 1];
	FILE *file = fopen(root_file("out"), "r");
	size_t size;

	assert_non_null(file);
	size = fread(data, 1, sizeof(data), file);
	fclose(file);
	assert_in_range(data[0], 'a', 'z');
	assert_int_equal(size, size_of(data[0]));
	for (size_t i = 1; i < size; i++)
		assert_int_equal(data[i], data[0]);
}

static void tools_that_look_twice_succeed_while_the_slot_moves(void **state)
{
	static const char *const ways[] = {
	    "cp -p x/latest $T/out",
	    "cp -a x/0 $T/out",
	    "install -m 600 x/latest $T/out",
	    "install -p x/latest $T/out",
	    "tar -cf $T/tar x/latest && tar -xOf $T/tar > $T/out",
	    "rsync x/latest $T/out",
	    "rsync --inplace --times x/latest $T/out",
	    "dd if=x/latest of=$T/out bs=1009 status=none",
	    "tail -c 1000000 x/latest > $T/out",
	    "cp --reflink=never --sparse=always x/latest $T/out",
	    "perl -MFile::Copy -e 'copy(qw(x/latest), $ENV{T} . q(/out)) or die $!'",
	    "python3 -c 'import os, shutil; shutil.copy2(\"x/latest\", os.environ[\"T\"] + "
	    "\"/out\")'",
	    "python3 -c 'import os, shutil; shutil.copytree(\"x\", os.environ[\"T\"] + \"/tree\","
	    " ignore=lambda *_: [\"wait\"])'; mv $T/tree/latest $T/out; rm -r $T/tree",
	};
	/* History that may be copied late is kept for a while. */
	babus_slot *slot = make_slot("x", 256, size_of('z'));
	pthread_t thread;

	(void)state;
	stop = false;
	publish_text(slot, "");
	assert_int_equal(pthread_create(&thread, NULL, publish_letters, slot), 0);
	while (newest(slot) < 300)
		usleep(1000);
	for (int i = 0; i < COPIES; i++) {
		const char *how = ways[(size_t)i % (sizeof(ways) / sizeof(ways[0]))];
		char text[512];

		snprintf(support_context, sizeof(support_context), "%s", how);
		snprintf(text, sizeof(text), "set -e; rm -f $T/out; %s", how);
		shell_run("bash", text);
		assert_whole();
	}
	*support_context = '\0';
	stop = true;
	pthread_join(thread, NULL);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    MOUNTED(text_tools_read_a_message),
	    MOUNTED(jq_reads_messages_and_info),
	    MOUNTED(a_search_through_the_tree_finds_what_is_kept),
	    MOUNTED(other_tools_publish_one_message),
	    MOUNTED(ffmpeg_reads_and_writes_raw_video),
	    MOUNTED(imagemagick_reads_and_writes_pictures),
	    MOUNTED(tools_that_look_twice_succeed_while_the_slot_moves),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 120);
}

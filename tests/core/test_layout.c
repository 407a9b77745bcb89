/* SPDX-License-Identifier: MIT */
/* The format that programs of other versions rely on: fixed numbers, repeated here on purpose. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "layout.h"
#include "support.h"

static void read_start(const char *path, unsigned char start[4096])
{
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, start, 4096, 0), 4096);
	close(fd);
}

static uint64_t at(const unsigned char *start, size_t offset, size_t size)
{
	uint64_t value = 0;

	memcpy(&value, start + offset, size);
	return value;
}

static void slot_file_starts_as_documented(void **state)
{
	struct babus_slot_options opts = small_options(3, 1000);
	struct babus_slot_info info;
	unsigned char start[4096];
	babus_slot *slot;
	struct stat st;

	(void)state;
	opts.channel = 7;
	opts.first_seq = 41;
	opts.type = "type";
	opts.description = "what it is";
	slot = make_slot_with("s", &opts);
	publish_text(slot, "x");
	read_start(domain_file("s.slot"), start);
	assert_int_equal(stat(domain_file("s.slot"), &st), 0);
	assert_int_equal(babus_slot_info(slot, &info), 0);
	assert_memory_equal(start, "ABUSSLT1", 8);
	assert_int_equal(at(start, 8, 4), 3);  /* version */
	assert_int_equal(at(start, 12, 8), 0); /* features */
	assert_int_equal(at(start, 24, 8), info.instance);
	assert_int_equal(at(start, 32, 8), info.created_ns);
	assert_int_equal(at(start, 64, 4), 3);
	assert_int_equal(at(start, 68, 4), 4);
	assert_int_equal(at(start, 72, 4), 8);
	assert_int_equal(at(start, 76, 4), 7);
	assert_int_equal(at(start, 80, 8), 1000);
	assert_int_equal(at(start, 88, 8), 41);
	assert_int_equal(at(start, 96, 8), st.st_size);
	assert_string_equal((char *)start + 128, "type");
	assert_string_equal((char *)start + 192, "what it is");
	assert_int_equal(at(start, 512, 8), 41); /* newest */
	assert_int_equal(at(start, 576, 4), 0);  /* removed */
	assert_int_equal(at(start, 584, 8), 2);  /* next incarnation */
	assert_int_equal(at(start, 640 + 41 % 3 * 8, 8) >> 16, 41);
	babus_slot_close(slot);
}

static void pins_and_domain_files_start_as_documented(void **state)
{
	babus_slot *slot = make_slot("s", 3, 1000);
	unsigned char start[4096];
	struct babus_slot_info info;
	struct stat st;

	(void)state;
	assert_int_equal(babus_slot_info(slot, &info), 0);
	read_start(pins_file(slot), start);
	assert_memory_equal(start, "ABUSPIN1", 8);
	assert_int_equal(at(start, 8, 4), 3);
	assert_int_equal(at(start, 24, 8), info.instance);
	assert_int_equal(at(start, 64, 4), 8);
	assert_int_equal(stat(pins_file(slot), &st), 0);
	assert_int_equal(st.st_size, 8192);
	read_start(domain_file("domain"), start);
	assert_memory_equal(start, "ABUSDOM1", 8);
	assert_int_equal(at(start, 8, 4), 3);
	assert_int_equal(stat(domain_file("domain"), &st), 0);
	assert_int_equal(st.st_size, 20480);
	babus_slot_close(slot);
}

static void tables_follow_each_other_on_lines_of_their_own(void **state)
{
	struct layout_geometry g = {
	    .depth = 8, .loans = 64, .pins = 256, .max_size = 16 << 20, .first_seq = 1};

	(void)state;
	assert_int_equal(layout_geometry(&g), 0);
	assert_int_equal(g.buffers, 328);
	assert_int_equal(g.cells, 640);
	assert_int_equal(g.states, 704);
	assert_int_equal(g.backed, 3328);
	assert_int_equal(g.records, 5952);
	assert_int_equal(g.tokens, 26944);
	assert_int_equal(g.payload, 32768);
	assert_int_equal(g.stride, 16 << 20);
	assert_int_equal(g.slot_size, 32768 + UINT64_C(328) * (16 << 20));
	assert_int_equal(g.pins_size, 4096 + 256 * 64);
}

static void strides_are_lines_below_a_page_and_pages_above(void **state)
{
	static const struct {
		uint64_t size, stride;
	} cases[] = {{1, 64},      {64, 64},     {65, 128},    {4032, 4032}, {4033, 4096},
		     {4095, 4096}, {4096, 4096}, {4097, 8192}, {8192, 8192}, {6220800, 6221824}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct layout_geometry g = {
		    .depth = 1, .loans = 1, .pins = 1, .first_seq = 1, .max_size = cases[i].size};

		assert_int_equal(layout_geometry(&g), 0);
		assert_int_equal(g.stride, cases[i].stride);
	}
}

static void largest_words_keep_their_parts_apart(void **state)
{
	uint64_t cell = word_cell(BABUS_SEQ_MAX, 0xfffe);

	(void)state;
	assert_true(cell_seq(cell) == BABUS_SEQ_MAX);
	assert_int_equal(cell_buffer(cell), 0xfffe);
	for (enum layout_kind kind = STATE_FREE; kind <= STATE_HISTORY; kind++) {
		assert_int_equal(state_kind(word_state(kind, CLAIM_INCARNATION_MAX)), kind);
		assert_true(state_value(word_state(kind, CLAIM_INCARNATION_MAX)) ==
			    CLAIM_INCARNATION_MAX);
		assert_true(state_value(word_state(kind, BABUS_SEQ_MAX)) == BABUS_SEQ_MAX);
	}
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(slot_file_starts_as_documented),
	    CASE(pins_and_domain_files_start_as_documented),
	    CASE(tables_follow_each_other_on_lines_of_their_own),
	    CASE(strides_are_lines_below_a_page_and_pages_above),
	    CASE(largest_words_keep_their_parts_apart),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

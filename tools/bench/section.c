/* SPDX-License-Identifier: MIT */
/*
 * The performance section of README, from the JSON of a run. It stands between
 * two markers, and nobody writes there by hand.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "past.h"

#define BEGIN "<!-- performance: made by babus-bench report -->\n"
#define END   "<!-- performance: end -->\n"

enum {
	COLUMNS_MAX = 6
};

/* Columns, each with the floor that its times are divided by. */
struct column {
	const char *title;
	struct pick pick, floor; /* floor.work NULL: none */
	const char *metric;
};

static const char *const everybody[] = {
    "floor",  "ring", "babus",      "iceoryx",        "pipe",       "unix",     "mq",
    "zeromq", "nng",  "cyclonedds", "cyclonedds-shm", "redis-unix", "redis-tcp"};

/* --- tables -------------------------------------------------------------------------- */

/* Small ones with two figures, too. */
static void print_ratio(double ratio, bool steady, FILE *to)
{
	fprintf(to, ratio < 0.0995 ? "%s**%.2g**" : "%s**%.2f**", steady ? "" : "~", ratio);
}

static void print_cell(const struct value *of, const struct value *floor, const char *metric,
		       FILE *to)
{
	struct summary ratios = past_ratios(of, floor, metric);
	double value = past_median(of, metric);

	fputs(" | ", to);
	if (isnan(value)) {
		fputs("-", to);
	} else if (strcmp(metric, "rate") == 0) {
		fprintf(to, "%.2f M/s", value / 1e6);
	} else if (strcmp(metric, "lost") == 0) {
		fprintf(to, "%.0f of %.0f", value, past_median(of, "sent"));
	} else if (isnan(ratios.median)) {
		past_print_ns(value, to);
	} else {
		print_ratio(ratios.median, summary_is_steady(&ratios), to);
		fputs(" (", to);
		past_print_ns(value, to);
		fputc(')', to);
	}
}

/* The last cell of a row: of what it is measured against. */
static void print_share(const struct value *of, FILE *to)
{
	fputs(" | ", to);
	if (!isnan(value_at(of, "ratio")->number)) {
		print_ratio(value_at(of, "ratio")->number, value_at(of, "steady")->number > 0, to);
		fprintf(to, " of %s", value_at(of, "floor")->text);
	}
	fputs(" |\n", to);
}

static void print_head(const char *first, const struct column *columns, size_t count, FILE *to)
{
	fprintf(to, "| %s", first);
	for (size_t i = 0; i < count; i++)
		fprintf(to, " | %s", columns[i].title);
	fputs(" |\n|---", to);
	for (size_t i = 0; i < count; i++)
		fputs("|---:", to);
	fputs("|\n", to);
}

/* A row for everybody who has a result in any column. */
static void print_peers(const struct value *run, const struct column *columns, size_t count,
			FILE *to)
{
	print_head("", columns, count, to);
	for (size_t n = 0; n < sizeof(everybody) / sizeof(*everybody); n++) {
		const struct value *found[COLUMNS_MAX];
		bool any = false;

		for (size_t i = 0; i < count; i++) {
			struct pick pick = columns[i].pick;

			pick.name = everybody[n];
			found[i] = past_find(run, &pick);
			any |= found[i] != NULL;
		}
		if (!any)
			continue;
		fprintf(to, "| %s", everybody[n]);
		for (size_t i = 0; i < count; i++)
			print_cell(found[i],
				   columns[i].floor.work ? past_find(run, &columns[i].floor) : NULL,
				   columns[i].metric, to);
		fputs(" |\n", to);
	}
	fputc('\n', to);
}

/* --- what is measured ------------------------------------------------------------------ */

static void print_trips(const struct value *run, FILE *to)
{
#define TRIP(how, bytes, touched)                                                 \
	{                                                                         \
		.work = "trip", .mode = (how), .place = "apart", .size = (bytes), \
		.touch = (touched)                                                \
	}
#define FLOOR(how, bytes, touched)                                                                 \
	{                                                                                          \
		.work = "trip", .name = "floor", .mode = (how), .place = "apart", .size = (bytes), \
		.touch = (touched)                                                                 \
	}
	static const struct column columns[] = {
	    {"64 B, sleeping", TRIP("block", 64, 64), FLOOR("block", 64, 64), "typical"},
	    {"spin, then sleep", TRIP("adapt", 64, 64), FLOOR("block", 64, 64), "typical"},
	    {"64 B, polling", TRIP("poll", 64, 64), FLOOR("poll", 64, 64), "typical"},
	    {"64 KiB, sleeping", TRIP("block", 65536, 65536), FLOOR("block", 65536, 65536),
	     "typical"},
	    {"6,220,800 B", TRIP("block", IMAGE, IMAGE), FLOOR("block", IMAGE, IMAGE), "typical"},
	    {"64 B of that touched", TRIP("block", IMAGE, 64), FLOOR("block", IMAGE, 64),
	     "typical"},
	};

	fputs("**Round trip** between two processes, each on a processor of its own; all bytes\n"
	      "written by the one and read by the other. The floor is a word in shared memory, as\n"
	      "a futex or spun on.\n\n",
	      to);
	print_peers(run, columns, sizeof(columns) / sizeof(*columns), to);
}

static void print_rates(const struct value *run, FILE *to)
{
	static const struct column columns[] = {
	    {"64 B, polling", {.work = "rate", .mode = "poll"}, {0}, "rate"},
	    {"64 B, sleeping", {.work = "rate", .mode = "block"}, {0}, "rate"},
	    {"lost, polling", {.work = "rate", .mode = "poll"}, {0}, "lost"},
	    {"lost, sleeping", {.work = "rate", .mode = "block"}, {0}, "lost"},
	};

	fputs("**One way:** the highest paced rate that a reader follows in order without loss, "
	      "with\n"
	      "1,024 messages under way; and how many are lost that are published as fast as they\n"
	      "can be. A reader that polls looks again 10 us after it found nothing. The ring is\n"
	      "the floor: one publisher, one reader, and the publisher waits for room.\n\n",
	      to);
	print_peers(run, columns, sizeof(columns) / sizeof(*columns), to);
}

static void print_fanout(const struct value *run, FILE *to)
{
#define FAN(count)                                               \
	{                                                        \
		.work = "fanout", .size = 64, .readers = (count) \
	}
#define FAN_FLOOR(count)                                                          \
	{                                                                         \
		.work = "fanout", .name = "floor", .size = 64, .readers = (count) \
	}
	static const struct column columns[] = {
	    {"1 reader", FAN(1), FAN_FLOOR(1), "typical"},
	    {"8", FAN(8), FAN_FLOOR(8), "typical"},
	    {"64", FAN(64), FAN_FLOOR(64), "typical"},
	    {"200", FAN(200), FAN_FLOOR(200), "typical"},
	    {"1, once a second", {.work = "idle"}, {.work = "idle", .name = "floor"}, "typical"},
	};

	fputs("**Fan-out** of 64 B to sleeping readers, until the last one has read it.\n\n", to);
	print_peers(run, columns, sizeof(columns) / sizeof(*columns), to);
}

static void print_calls(const struct value *run, FILE *to)
{
	const struct value *cases = value_at(run, "cases");

	fputs("**Calls** of babus, one thread in a loop.\n\n"
	      "| | bytes | time | ratio |\n|---|---:|---:|---|\n",
	      to);
	for (size_t i = 0; i < cases->count; i++) {
		const struct value *of = &cases->items[i];
		const char *work = value_at(of, "work")->text;

		if ((strcmp(work, "call") != 0 && strcmp(work, "crowd") != 0 &&
		     strcmp(work, "waiter") != 0) ||
		    isnan(past_median(of, "typical")))
			continue;
		fprintf(to, "| %s | %.0f | ", value_at(of, "what")->text,
			value_at(of, "size")->number);
		past_print_ns(past_median(of, "typical"), to);
		print_share(of, to);
	}
	fputc('\n', to);
}

static void print_files(const struct value *run, FILE *to)
{
	const struct value *cases = value_at(run, "cases");

	fputs("**Files.** `fuse` is a file system of babusfs's shape that answers from memory and\n"
	      "does nothing else.\n\n"
	      "| | | bytes | time | ratio |\n|---|---|---:|---:|---|\n",
	      to);
	for (size_t i = 0; i < cases->count; i++) {
		const struct value *of = &cases->items[i];

		if (strcmp(value_at(of, "work")->text, "file") != 0 ||
		    isnan(past_median(of, "typical")))
			continue;
		fprintf(to, "| %s | %s: %s | %.0f | ", value_at(of, "variant")->text,
			value_at(of, "name")->text, value_at(of, "what")->text,
			value_at(of, "size")->number);
		past_print_ns(past_median(of, "typical"), to);
		print_share(of, to);
	}
	fputc('\n', to);
}

/* --- the image workload ------------------------------------------------------------------ */

static void print_image_row(const struct value *run, const struct pick *pick, const char *row,
			    FILE *to)
{
	struct pick of = *pick;
	const struct value *babus, *redis;

	of.row = row;
	of.name = "babus";
	babus = past_find(run, &of);
	of.name = "redis-unix";
	redis = past_find(run, &of);
	if (!babus)
		return;
	fprintf(to, "| %s", row);
	print_cell(babus, redis, "mean", to);
	print_cell(babus, redis, "p99", to);
	print_cell(redis, NULL, "mean", to);
	print_cell(redis, NULL, "p99", to);
	of.name = "redis-tcp";
	print_cell(past_find(run, &of), NULL, "mean", to);
	fprintf(to, " | %.0f of %.0f |\n",
		past_median(babus, "sent") - fmax(0, past_median(babus, "lost")),
		past_median(babus, "sent"));
}

static void print_image(const struct value *run, double size, int threads, const char *variant,
			FILE *to)
{
	static const char *const rows[] = {"{imu}",
					   "{image}",
					   "{image, med1}",
					   "{image, med1..5}",
					   "{all}",
					   "{all}, slow",
					   "{all}, slow: since asked",
					   "write imu",
					   "write image",
					   "write med1"};
	struct pick pick = {.work = "image", .size = size, .threads = threads, .variant = variant};

	if (!past_find(run, &pick))
		return;
	fprintf(to,
		"%s, an image of %.0f B, %s:\n\n"
		"| | babus, mean | p99 | Redis, mean | p99 | by TCP, mean | babus delivered |\n"
		"|---|---:|---:|---:|---:|---:|---:|\n",
		threads > 0 ? "Threads" : "Processes", size, variant);
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		print_image_row(run, &pick, rows[i], to);
	fputc('\n', to);
}

/* As many of them as one reads; the JSON has all. */
static void print_images(const struct value *run, FILE *to)
{
	fputs("**A camera and sensors:** imu 128 B at 1,000 Hz, an image at 30 Hz, med1 to med5\n"
	      "356 B at 40 to 44 Hz, to six consumers that sleep, two of them for everything and\n"
	      "one of these slow by 10 ms a message. From just before the commit, or XADD. Bold:\n"
	      "the part of Redis's time, by its Unix socket. (`babus-bench --work image` has the\n"
	      "same with threads.)\n\n",
	      to);
	print_image(run, IMAGE, -1, "view", to);
	print_image(run, IMAGE, -1, "view and copy", to);
	print_image(run, SMALL_IMAGE, -1, "view", to);
}

/* --- all of it --------------------------------------------------------------------------- */

static void print_section(const struct value *run, FILE *to)
{
	const struct value *machine = value_at(run, "machine"), *noisy = value_at(run, "noisy");

	fprintf(
	    to,
	    "babus %s on %s,\n%.0f processors (%s). Medians of %.0f repeats, what is compared\n"
	    "in turn. **Bold** is how many times as long as the floor it takes, median of the\n"
	    "ratios within a repeat: that is what to compare; ~ marks those that differed by\n"
	    "more than a quarter from repeat to repeat. Times in parentheses are of this\n"
	    "machine on that day. Load before %.2f, stolen %.1f%%, others' %.1f%% of the time.\n\n",
	    value_at(run, "version")->text, value_at(machine, "system")->text,
	    value_at(machine, "processors")->number, value_at(machine, "processor")->text,
	    value_at(run, "repeats")->number, value_at(machine, "load")->number,
	    value_at(machine, "steal")->number * 100, value_at(machine, "others")->number * 100);
	for (size_t i = 0; i < noisy->count; i++)
		fprintf(to, "%s%s%s", i ? "; " : "The machine was too noisy for conclusions: ",
			noisy->items[i].text, i + 1 == noisy->count ? ".\n\n" : "");
	print_images(run, to);
	print_trips(run, to);
	print_rates(run, to);
	print_fanout(run, to);
	print_calls(run, to);
	print_files(run, to);
}

/* All but what is between the markers stays. */
static void put_into(const struct value *run, const char *path)
{
	char *text = bench_load(path), *begin = strstr(text, BEGIN), *made = NULL, *end;
	size_t size;
	FILE *to;

	end = begin ? strstr(begin, END) : NULL;
	if (!end)
		bench_fail("%s: no lines '%.*s' and '%.*s'", path, (int)strlen(BEGIN) - 1, BEGIN,
			   (int)strlen(END) - 1, END);
	to = open_memstream(&made, &size); /* nothing is written if anything fails before */
	bench_check(to ? 0 : -errno, "memory");
	fprintf(to, "%.*s", (int)(begin + strlen(BEGIN) - text), text);
	print_section(run, to);
	fputs(end, to);
	bench_check(fclose(to) ? -errno : 0, "memory");
	to = fopen(path, "w");
	if (!to || fwrite(made, 1, size, to) != size || fclose(to))
		bench_fail("%s: %s", path, strerror(errno));
	free(made);
	free(text);
}

int section_main(const char *json, const char *path)
{
	const struct value *run = value_read(json);

	if (!value_at(run, "cases")->count)
		bench_fail("%s: no results", json);
	if (path)
		put_into(run, path);
	else
		print_section(run, stdout);
	return 0;
}

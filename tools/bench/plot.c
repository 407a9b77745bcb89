/* SPDX-License-Identifier: MIT */
/*
 * Pictures of a run, by gnuplot: latency by size, and distributions, as the part
 * of all that took longer.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bench.h"
#include "daemon.h"
#include "past.h"
#include "peer.h"

static FILE *open_gnuplot(const char *title)
{
	FILE *to = popen("gnuplot", "w");

	bench_check(to ? 0 : -errno, "gnuplot");
	fprintf(to,
		"set terminal svg size 900,600 background 'white'\n"
		"set title '%s'\n"
		"set key outside right\nset grid\nset logscale xy\n",
		title);
	return to;
}

/* Floors, babus, and everybody else in a colour of his own. */
static void print_style(const char *name, unsigned number, FILE *to)
{
	static const char *const colours[] = {"#1f77b4", "#ff7f0e", "#2ca02c", "#9467bd", "#8c564b",
					      "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"};

	if (strcmp(name, "floor") == 0 || strcmp(name, "ring") == 0)
		fputs("lw 2 dt 2 lc rgb 'black'", to);
	else if (strcmp(name, "babus") == 0)
		fputs("lw 4 lc rgb '#d62728'", to);
	else
		fprintf(to, "lw 2 lc rgb '%s'",
			colours[number % (sizeof(colours) / sizeof(*colours))]);
}

/* After the data, each as a block of its own. A run may have nothing for a picture. */
static int close_gnuplot(FILE *to, const char *directory, const char *file,
			 const char *const *names, unsigned count)
{
	if (count)
		fprintf(to, "set output '%s/%s.svg'\nplot ", directory, file);
	for (unsigned i = 0; i < count; i++) {
		fprintf(to, "%s$d%u using 1:2 with lines ", i ? ", " : "", i);
		print_style(names[i], i, to);
		fprintf(to, " title '%s'", names[i]);
	}
	fputc('\n', to);
	return pclose(to) == 0 ? 0 : 1;
}

static int plot_sizes(const struct value *run, const char *directory, const char *mode)
{
	const struct value *cases = value_at(run, "cases");
	const char **names = bench_memory(peer_count * sizeof(*names));
	char file[32], title[64];
	unsigned count = 0;
	FILE *to;

	snprintf(file, sizeof(file), "size-%s", mode);
	snprintf(title, sizeof(title), "Round trip between two processes, %s", mode);
	to = open_gnuplot(title);
	fputs("set xlabel 'bytes'\nset ylabel 'typical time'\nset format y '%.0s %cs'\n", to);
	for (size_t n = 0; n < peer_count; n++) {
		bool any = false;

		for (size_t i = 0; i < cases->count; i++) {
			const struct value *of = &cases->items[i];
			double size = value_at(of, "size")->number, ns = past_median(of, "typical");

			if (strcmp(value_at(of, "work")->text, "trip") != 0 || isnan(ns) ||
			    strcmp(value_at(of, "name")->text, peers[n]->name) != 0 ||
			    strcmp(value_at(of, "mode")->text, mode) != 0 ||
			    strcmp(value_at(of, "place")->text, "apart") != 0 ||
			    value_at(of, "touch")->number != size)
				continue;
			if (!any)
				fprintf(to, "$d%u << EOD\n", count);
			any = true;
			fprintf(to, "%.0f %.6g\n", size, ns / 1e9);
		}
		if (any) {
			fputs("EOD\n", to);
			names[count++] = peers[n]->name;
		}
	}
	return close_gnuplot(to, directory, file, names, count);
}

/* How many percent took longer than each of the histogram's values. */
static void print_longer(const struct value *histogram, FILE *to)
{
	double all = 0, longer;

	for (size_t i = 0; i < histogram->count; i++)
		all += histogram->items[i].count == 2 ? histogram->items[i].items[1].number : 0;
	longer = all;
	for (size_t i = 0; i < histogram->count && histogram->items[i].count == 2; i++) {
		fprintf(to, "%.6g %.6f\n", histogram->items[i].items[0].number / 1e9,
			longer / all * 100);
		longer -= histogram->items[i].items[1].number;
	}
}

static int plot_distribution(const struct value *run, const char *directory, const char *file,
			     const char *title, struct pick pick)
{
	const char **names = bench_memory(peer_count * sizeof(*names));
	FILE *to = open_gnuplot(title);
	unsigned count = 0;

	fputs("set xlabel 'latency'\nset format x '%.0s %cs'\nset ylabel '% took as long or "
	      "longer'\n",
	      to);
	for (size_t n = 0; n < peer_count; n++) {
		const struct value *found;

		pick.name = peers[n]->name;
		found = past_find(run, &pick);
		if (!found || !value_at(found, "histogram")->count)
			continue;
		fprintf(to, "$d%u << EOD\n", count);
		print_longer(value_at(found, "histogram"), to);
		fputs("EOD\n", to);
		names[count++] = pick.name;
	}
	return close_gnuplot(to, directory, file, names, count);
}

int plot_main(const char *json, const char *directory)
{
	const struct value *run = value_read(json);
	struct pick trip = {.work = "trip", .place = "apart", .size = 64, .touch = 64};
	struct pick image = {.work = "image", .variant = "view", .row = "{image}", .threads = -1};
	int failed = 0;

	if (!daemon_exists("gnuplot"))
		bench_fail("gnuplot is not installed");
	if (mkdir(directory, 0777) < 0 && errno != EEXIST)
		bench_fail("%s: %s", directory, strerror(errno));
	failed |= plot_sizes(run, directory, "block");
	failed |= plot_sizes(run, directory, "poll");
	trip.mode = "block";
	failed |= plot_distribution(run, directory, "trip-block", "Round trip of 64 B, sleeping",
				    trip);
	trip.mode = "poll";
	failed |= plot_distribution(run, directory, "trip-poll", "Round trip of 64 B, polling",
				    trip);
	image.size = IMAGE;
	failed |= plot_distribution(run, directory, "image-large",
				    "Camera and sensors, an image of 6,220,800 B", image);
	image.size = SMALL_IMAGE;
	failed |= plot_distribution(run, directory, "image-small",
				    "Camera and sensors, an image of 1,080 B", image);
	return failed ? 1 : 0;
}

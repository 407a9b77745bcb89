/* SPDX-License-Identifier: MIT */
/* babus-bench: options, and the order of things. */
#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "past.h"
#include "report.h"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOISY = 3
};

static volatile sig_atomic_t signalled;
static pid_t self;

static void on_signal(int number)
{
	signalled = number;
}

bool bench_interrupted(void)
{
	return signalled != 0;
}

static void usage(FILE *to)
{
	fputs("Usage: babus-bench [OPTIONS]\n"
	      "       babus-bench report JSON [FILE]\n"
	      "       babus-bench goals JSON\n"
	      "       babus-bench plot JSON DIRECTORY\n\n"
	      "What babus costs on this machine, next to floors, the least that any way of doing\n"
	      "the same must cost, and next to peers. Every peer does the same work: all bytes\n"
	      "are written, and read and checked. What is compared runs in turn, several times\n"
	      "over; ratios to the floor and to peers are what counts.\n\n"
	      "  --quick            in two minutes; --full (the default) takes half an hour\n"
	      "  --smoke            every peer, every size, a moment each: is it carried right?\n"
	      "  --repeats N        runs of each case (5; 3 with --quick, 2 with --smoke)\n"
	      "  --work LIST        only these, with commas between\n"
	      "  --peer LIST        only these peers (floors always run)\n"
	      "  --size BYTES       only messages of this size\n"
	      "  --json FILE        write all of it to FILE, - for stdout in place of the table\n"
	      "  --list             what there is for --work and --peer\n"
	      "  --help             this text\n\n"
	      "report prints a run's section for README, or puts it into FILE between its\n"
	      "markers; goals tells which are met; plot draws with gnuplot.\n\n"
	      "The machine may change its speed between repeats, so times are no conclusion.\n"
	      "A ratio is steady if those of the repeats, without the farthest of four or more,\n"
	      "are within 25%; others are marked ~, and goals calls one 'noisy' whose repeats\n"
	      "lie on both sides of the bound. The whole run is noisy with a load above 0.5 for\n"
	      "each processor before it, with more than 1% of the time stolen or 5% used by\n"
	      "others, or if most ratios are not steady.\n\n"
	      "Exit status: 0 done; 1 something failed; 2 wrong usage; 3 done, but the machine\n"
	      "was too noisy to draw conclusions (not with --smoke).\n",
	      to);
}

static void list(void)
{
	puts("work:");
	for (size_t i = 0; i < work_count; i++)
		printf("  %-12s %s\n", works[i]->name, works[i]->what);
	puts("peers:");
	for (size_t i = 0; i < peer_count; i++)
		printf("  %-12s %s\n", peers[i]->name, peers[i]->what);
}

static unsigned long number(const char *text, unsigned long max)
{
	char *rest;
	unsigned long value = strtoul(text, &rest, 10);

	if (*rest || rest == text || value < 1 || value > max) {
		fprintf(stderr, "babus-bench: '%s': a number from 1 to %lu is expected\n", text,
			max);
		exit(EXIT_USAGE);
	}
	return value;
}

/* Each name of the list must be one that --list shows. */
static void check_names(const char *names, bool of_work)
{
	char *copy = names ? strdup(names) : NULL, *rest = copy, *name;

	while (names && (name = strsep(&rest, ","))) {
		bool known = !of_work && peer_find(name);

		for (size_t i = 0; of_work && i < work_count; i++)
			known |= strcmp(works[i]->name, name) == 0;
		if (!known) {
			fprintf(stderr, "babus-bench: '%s' is not in --list\n", name);
			exit(EXIT_USAGE);
		}
	}
	free(copy);
}

/* The file systems first: they use what the peers have. */
static void stop_daemons(void)
{
	static bool stopped;

	for (size_t i = 0; i < work_count && !stopped && getpid() == self; i++) {
		if (works[i]->stop)
			works[i]->stop();
	}
	for (size_t i = 0; i < peer_count && !stopped && getpid() == self; i++) {
		if (peers[i]->stop)
			peers[i]->stop();
	}
	stopped = true;
}

/* Signals reach us only where they are waited for: see crew.c. */
static void set_up(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct rlimit files;
	sigset_t held;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigemptyset(&held);
	sigaddset(&held, SIGINT);
	sigaddset(&held, SIGTERM);
	sigprocmask(SIG_BLOCK, &held, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	bench_dir();
	self = getpid();
	atexit(stop_daemons);
}

static int measure(const struct options *options, const char *json)
{
	struct machine machine;
	struct plan plan;
	int error;

	set_up();
	machine_start(&machine);
	if (!json || strcmp(json, "-") != 0)
		machine_print(&machine, stdout);
	fflush(stdout);
	plan_init(&plan, options);
	error = plan_run(&plan);
	if (error == -EINTR) {
		signal(signalled, SIG_DFL);
		fputs("babus-bench: interrupted\n", stderr);
		return 128 + signalled;
	}
	stop_daemons();
	machine_judge(&machine, &plan);
	if (!json || strcmp(json, "-") != 0)
		table_print(&plan, stdout);
	if (json)
		json_write(&plan, &machine, json);
	for (unsigned i = 0; i < machine.reasons && options->extent != EXTENT_SMOKE; i++)
		fprintf(stderr, "babus-bench: noisy, no conclusions: %s\n", machine.reason[i]);
	plan_finish(&plan);
	if (error)
		return EXIT_FAILED;
	return machine.reasons && options->extent != EXTENT_SMOKE ? EXIT_NOISY : EXIT_DONE;
}

/* What is made of a run that is over. */
static int look_back(int argc, char **argv)
{
	if (strcmp(argv[0], "report") == 0 && (argc == 2 || argc == 3))
		return section_main(argv[1], argc == 3 ? argv[2] : NULL);
	if (strcmp(argv[0], "goals") == 0 && argc == 2)
		return goals_main(argv[1]);
	if (strcmp(argv[0], "plot") == 0 && argc == 3)
		return plot_main(argv[1], argv[2]);
	usage(stderr);
	return EXIT_USAGE;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {{"quick", no_argument, NULL, 'q'},
					      {"full", no_argument, NULL, 'f'},
					      {"smoke", no_argument, NULL, 's'},
					      {"repeats", required_argument, NULL, 'n'},
					      {"work", required_argument, NULL, 'w'},
					      {"peer", required_argument, NULL, 'p'},
					      {"size", required_argument, NULL, 'b'},
					      {"json", required_argument, NULL, 'j'},
					      {"list", no_argument, NULL, 'l'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	struct options options = {.extent = EXTENT_FULL, .progress = isatty(2)};
	const char *json = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (option) {
		case 'q':
			options.extent = EXTENT_QUICK;
			break;
		case 'f':
			options.extent = EXTENT_FULL;
			break;
		case 's':
			options.extent = EXTENT_SMOKE;
			break;
		case 'n':
			options.repeats = (unsigned)number(optarg, REPEATS_MAX);
			break;
		case 'w':
			options.works = optarg;
			break;
		case 'p':
			options.peers = optarg;
			break;
		case 'b':
			options.size = number(optarg, 1u << 30);
			break;
		case 'j':
			json = optarg;
			break;
		case 'l':
			list();
			return EXIT_DONE;
		case 'h':
			usage(stdout);
			return EXIT_DONE;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind < argc)
		return look_back(argc - optind, argv + optind);
	check_names(options.works, true);
	check_names(options.peers, false);
	if (!options.repeats)
		options.repeats = options.extent == EXTENT_SMOKE   ? 2
				  : options.extent == EXTENT_QUICK ? 3
								   : 5;
	options.run_ns = options.extent == EXTENT_SMOKE   ? 1000000
			 : options.extent == EXTENT_QUICK ? 100000000
							  : 200000000;
	return measure(&options, json);
}

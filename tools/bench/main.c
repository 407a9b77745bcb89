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

#include "domain.h"
#include "report.h"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
	EXIT_NOISY = 3
};

struct outputs {
	const char *json, *report; /* files, or NULL */
};

static volatile sig_atomic_t signalled;
static pid_t self;

static void on_signal(int number)
{
	if (number != SIGCHLD)
		signalled = number;
}

bool bench_interrupted(void)
{
	return signalled != 0;
}

static void usage(FILE *to)
{
	fputs("Usage: babus-bench [OPTIONS]\n"
	      "       babus-bench report [--words] JSON [FILE]\n"
	      "       babus-bench goals JSON\n"
	      "       babus-bench plot JSON DIRECTORY\n\n"
	      "Measures what babus costs on this machine, beside floors and peers. A floor does\n"
	      "the least that any program must do for the same result. Each peer does the same\n"
	      "work: all bytes are written, read and checked. What is compared runs in turn,\n"
	      "several times over. Compare ratios, not times.\n\n"
	      "  --quick            a few minutes; --full (the default) takes over half an hour\n"
	      "  --smoke            every peer and size for a moment, to see that all work\n"
	      "  --repeats N        run each case N times (5; 3 with --quick, 2 with --smoke)\n"
	      "  --work LIST        run only these works, separated by commas\n"
	      "  --peer LIST        run only these peers; floors always run\n"
	      "  --size BYTES       run only messages of this size\n"
	      "  --json FILE        write all results to FILE; - writes to stdout, with no table\n"
	      "  --report FILE      write the results as a page in Markdown\n"
	      "  --list             list the names for --work and --peer\n"
	      "  --help             print this text\n\n"
	      "report makes that page from the JSON of a run, to FILE or to stdout; with --words\n"
	      "only the figures that README quotes. goals says which of babus's goals the run\n"
	      "meets. plot draws pictures with gnuplot.\n\n"
	      "The machine may change its speed between repeats. A ratio is steady if those of\n"
	      "the repeats are within 25% of each other; of four or more, the farthest one does\n"
	      "not count. Others are marked ~, and goals calls one 'noisy' if its repeats lie on\n"
	      "both sides of the bound. The whole run is noisy if the load before it was above\n"
	      "0.5 per processor, if more than 1% of the time was stolen or 5% used by others,\n"
	      "or if most ratios are not steady.\n\n"
	      "Exit status: 0 done; 1 something failed; 2 wrong usage; 3 done, but the machine\n"
	      "was too noisy for conclusions (not with --smoke).\n",
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

	while ((name = strsep(&rest, ","))) {
		bool known = false;

		for (size_t i = 0; i < (of_work ? work_count : peer_count); i++)
			known |= strcmp(of_work ? works[i]->name : peers[i]->name, name) == 0;
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

	if (stopped || getpid() != self)
		return;
	stopped = true;
	for (size_t i = 0; i < work_count; i++) {
		if (works[i]->stop)
			works[i]->stop();
	}
	for (size_t i = 0; i < peer_count; i++) {
		if (peers[i]->service)
			peers[i]->service->stop();
	}
	domain_remove();
}

/* Signals reach us only where they are waited for: see crew.c. */
static void set_up(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct rlimit files;
	sigset_t held;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGCHLD, &action, NULL);
	sigemptyset(&held);
	sigaddset(&held, SIGCHLD);
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

/* Whether JSON goes to stdout, with no table. */
static bool is_alone(const struct outputs *outputs)
{
	return outputs->json && strcmp(outputs->json, "-") == 0;
}

/* Table, JSON and page, as asked for; false: the table or the page could not be made. */
static bool present(const struct plan *plan, const struct machine *machine,
		    const struct outputs *outputs)
{
	bool done;
	FILE *to;

	if (is_alone(outputs)) {
		report_write(plan, machine, stdout);
		return true;
	}
	to = outputs->json ? fopen(outputs->json, "w+") : tmpfile();
	if (!to)
		bench_fail("%s: %s", outputs->json ? outputs->json : "JSON", strerror(errno));
	report_write(plan, machine, to);
	done = report_run(to, "table", NULL);
	if (outputs->report)
		done &= report_run(to, "report", outputs->report);
	fclose(to);
	return done;
}

static int measure(const struct options *options, const struct outputs *outputs)
{
	struct machine machine;
	struct plan plan;
	int error;

	set_up();
	machine_start(&machine);
	if (!is_alone(outputs))
		report_check();
	plan_init(&plan, options);
	error = plan_run(&plan);
	if (error == -EINTR) {
		signal(signalled, SIG_DFL);
		fputs("babus-bench: interrupted\n", stderr);
		return 128 + signalled;
	}
	stop_daemons();
	machine_judge(&machine, &plan);
	if (!present(&plan, &machine, outputs))
		error = -EIO;
	for (unsigned i = 0; i < machine.reasons && options->extent != EXTENT_SMOKE; i++)
		fprintf(stderr, "babus-bench: noisy, no conclusions: %s\n", machine.reason[i]);
	plan_finish(&plan);
	if (error)
		return EXIT_FAILED;
	return machine.reasons && options->extent != EXTENT_SMOKE ? EXIT_NOISY : EXIT_DONE;
}

/* Present a run that is over. */
static int look_back(int argc, char **argv)
{
	static const char *const verbs[] = {"report", "goals", "plot"};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (argc > 2 && strcmp(argv[1], verbs[i]) == 0)
			report_exec(argv);
	}
	usage(stderr);
	return EXIT_USAGE;
}

/* The options that make another run like this one. */
static void add_argument(struct options *options, const char *name)
{
	size_t length = strlen(options->arguments);

	snprintf(options->arguments + length, sizeof(options->arguments) - length, " --%s%s%s",
		 name, optarg ? " " : "", optarg ? optarg : "");
}

int main(int argc, char **argv)
{
	static const struct {
		unsigned repeats;
		uint64_t ns;
	} runs[] = {{2, 1000000}, {3, 100000000}, {5, 200000000}}; /* by extent */
	static int extent = EXTENT_FULL;
	static const struct option known[] = {{"quick", no_argument, &extent, EXTENT_QUICK},
					      {"full", no_argument, &extent, EXTENT_FULL},
					      {"smoke", no_argument, &extent, EXTENT_SMOKE},
					      {"repeats", required_argument, NULL, 'n'},
					      {"work", required_argument, NULL, 'w'},
					      {"peer", required_argument, NULL, 'p'},
					      {"size", required_argument, NULL, 'b'},
					      {"json", required_argument, NULL, 'j'},
					      {"report", required_argument, NULL, 'r'},
					      {"list", no_argument, NULL, 'l'},
					      {"help", no_argument, NULL, 'h'},
					      {0}};
	struct options options = {.progress = isatty(2)};
	struct outputs outputs = {0};
	int option, index;

	while ((option = getopt_long(argc, argv, "+", known, &index)) != -1) {
		switch (option) {
		case 0: /* the extent */
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
			outputs.json = optarg;
			break;
		case 'r':
			outputs.report = optarg;
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
		if (option != 'j' && option != 'r')
			add_argument(&options, known[index].name);
	}
	if (optind < argc)
		return look_back(argc - optind + 1, argv + optind - 1);
	check_names(options.works, true);
	check_names(options.peers, false);
	options.extent = extent;
	options.run_ns = runs[extent].ns;
	if (!options.repeats)
		options.repeats = runs[extent].repeats;
	return measure(&options, &outputs);
}

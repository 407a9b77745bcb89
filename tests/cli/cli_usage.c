/* SPDX-License-Identifier: MIT */
/* Help, wrong usage, exit statuses, and which domain and configuration apply. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "file.h"

static const char *const verbs[] = {"ls",     "info", "create", "rm",   "pub",
				    "latest", "wait", "sub",    "trim", "doctor"};

enum {
	VERBS = sizeof(verbs) / sizeof(*verbs)
};

/* --- help --------------------------------------------------------------------------- */

static void assert_helps(const char *command, const char *start, const char *const *words)
{
	struct outcome outcome;
	bool right;

	cli_try(command, &outcome);
	right = outcome.status == 0 && outcome.err_size == 0 && outcome.out &&
		strncmp(outcome.out, start, strlen(start)) == 0;
	for (; right && *words; words++)
		right = strstr(outcome.out, *words) != NULL;
	if (!right)
		print_error("%s: %d, no '%s' in '%s', said '%s'\n", command, outcome.status,
			    *words ? *words : start, outcome.out ? outcome.out : "",
			    outcome.err ? outcome.err : "");
	outcome_free(&outcome);
	assert_true(right);
}

static const char *const always[] = {"\n  -d DOMAIN ",
				     "--root DIR",
				     "--config FILE",
				     "\n  -h, --help ",
				     "Exit status: 0 done, 1 failed, 2 wrong usage",
				     NULL};

static void help_of_every_verb_starts_with_its_usage(void **state)
{
	char command[64], usage[64];

	(void)state;
	for (int i = 0; i < VERBS; i++) {
		snprintf(usage, sizeof(usage), "Usage: babus [-d DOMAIN] %s [OPTIONS]", verbs[i]);
		snprintf(command, sizeof(command), "babus %s --help", verbs[i]);
		assert_helps(command, usage, always);
		snprintf(command, sizeof(command), "babus help %s", verbs[i]);
		assert_helps(command, usage, always);
	}
}

static void help_of_a_verb_names_its_options(void **state)
{
	static const struct {
		const char *command, *words[16];
	} rows[] = {
	    {"babus ls -h", {"--output", "--bytes", "--no-headings", "--json", "DESCRIPTION"}},
	    {"babus info -h", {"[SLOT...]", "--json"}},
	    {"babus create -h",
	     {" SLOT\n", "--depth", "--size", "--loans", "--pins", "--channel", "--mode", "--owner",
	      "--group", "--type", "--description", "--first-seq", "--exclusive"}},
	    {"babus rm -h", {"--force", "--domain"}},
	    {"babus pub -h", {"SLOT [FILE]", "--lines", "--tag", "--source-time", "--json"}},
	    {"babus latest -h", {"--age", "--seq", "--wait", "--lines", "--hex", "--json"}},
	    {"babus wait -h", {"--timeout", "--after", "--wait", "--hex", "--json"}},
	    {"babus sub -h", {"SLOT...", "--count", "--from", "--wait", "--lines", "--json"}},
	    {"babus doctor -h", {"--dry-run", "--json"}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_helps(rows[i].command, "Usage: babus ", rows[i].words);
}

static void help_of_the_program_names_every_verb(void **state)
{
	static const char *const words[] = {"\n  ls ",   "\n  info ",      "\n  create SLOT",
					    "\n  rm ",   "\n  pub SLOT",   "\n  latest SLOT",
					    "\n  wait ", "\n  sub SLOT",   "\n  doctor ",
					    "--version", "Exit status: 0", NULL};

	(void)state;
	assert_helps("babus --help", "Usage: babus [OPTIONS] VERB", words);
	assert_helps("babus -h", "Usage: babus [OPTIONS] VERB", words);
	assert_helps("babus help", "Usage: babus [OPTIONS] VERB", words);
}

static void the_version_is_that_of_the_library(void **state)
{
	char expected[64];

	(void)state;
	snprintf(expected, sizeof(expected), "babus %s\n", babus_version());
	cli_gives("babus --version", expected);
}

static void help_needs_neither_configuration_nor_domain(void **state)
{
	(void)state;
	cli_configure("nonsense");
	cli_ends(0, "BABUS_DOMAIN=/ BABUS_ROOT=/nowhere babus sub --help", NULL, "");
	cli_ends(0, "babus --version", NULL, "");
}

/* --- wrong usage ---------------------------------------------------------------------- */

static void wrong_usage_is_reported_with_status_2(void **state)
{
	static const struct {
		const char *command, *complaint;
	} rows[] = {
	    {"babus", "expected a verb; see babus --help"},
	    {"babus list", "no verb 'list'; see babus --help"},
	    {"babus help list", "no verb 'list'; see babus --help"},
	    {"babus -x", "-x: unknown option; see babus --help"},
	    {"babus --nothing ls", "--nothing: unknown option; see babus --help"},
	    {"babus -d", "-d: needs an argument; see babus --help"},
	    {"babus ls -x", "ls: -x: unknown option; see babus ls --help"},
	    {"babus ls -bx", "ls: -x: unknown option; see babus ls --help"},
	    {"babus ls --json=1", "ls: --json=1: takes no argument; see babus ls --help"},
	    {"babus ls --root", "ls: --root: needs an argument; see babus ls --help"},
	    {"babus ls x", "ls: 'x': one argument too many; see babus ls --help"},
	    {"babus ls -o NOPE", "ls: no column 'NOPE'; see babus ls --help"},
	    {"babus ls -o ''", "ls: -o: expected at least one column; see babus ls --help"},
	    {"babus create", "create: expected SLOT; see babus create --help"},
	    {"babus create a b", "create: 'b': one argument too many; see babus create --help"},
	    {"babus rm", "rm: expected SLOT... | --domain; see babus rm --help"},
	    {"babus rm --domain x",
	     "rm: --domain removes all slots, expected no 'x'; see babus rm --help"},
	    {"babus pub", "pub: expected SLOT [FILE]; see babus pub --help"},
	    {"babus pub a b c", "pub: 'c': one argument too many; see babus pub --help"},
	    {"babus latest", "latest: expected SLOT; see babus latest --help"},
	    {"babus latest --age 1 --wait x", "latest: --wait cannot be used with --age; see "
					      "babus latest --help"},
	    {"babus wait", "wait: expected SLOT; see babus wait --help"},
	    {"babus sub", "sub: expected SLOT...; see babus sub --help"},
	    {"babus doctor x", "doctor: 'x': one argument too many; see babus doctor --help"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		cli_fails(2, rows[i].command, rows[i].complaint);
}

#define WHOLE " expected a whole number from "

static void bad_values_are_reported_with_status_2(void **state)
{
	static const struct {
		const char *command, *complaint;
	} rows[] = {
	    {"babus sub -n 0 s", "--count: '0'," WHOLE "1 to 18446744073709551615"},
	    {"babus sub --from first s",
	     "--from: 'first', expected oldest, next or a sequence number"},
	    {"babus sub --from 0 s", "--from: '0'," WHOLE "1 to 281474976710655"},
	    {"babus latest --age x s", "--age: 'x'," WHOLE "0 to 4294967295"},
	    {"babus latest --age -1 s", "--age: '-1'," WHOLE "0 to 4294967295"},
	    {"babus latest --seq 0 s", "--seq: '0'," WHOLE "1 to 281474976710655"},
	    {"babus wait -t 5x s",
	     "--timeout: '5x', expected a duration such as 20ms, 1.5s or 2min"},
	    {"babus wait --after x s", "--after: 'x'," WHOLE "0 to 281474976710654"},
	    {"babus pub --tag -1 s", "--tag: '-1'," WHOLE "0 to 18446744073709551615"},
	    {"babus pub --source-time 1.5 s",
	     "--source-time: '1.5'," WHOLE "0 to 18446744073709551615"},
	    {"babus create --depth 0 s", "--depth: '0'," WHOLE "1 to 65535"},
	    {"babus create --depth 8k s", "--depth: '8k'," WHOLE "1 to 65535"},
	    {"babus create --size 0 s",
	     "--size: '0', expected a size such as 4096, 64KiB or 16MiB"},
	    {"babus create --size 1mb s",
	     "--size: '1mb', expected a size such as 4096, 64KiB or 16MiB"},
	    {"babus create --loans 16384 s", "--loans: '16384'," WHOLE "1 to 16383"},
	    {"babus create --pins 65536 s", "--pins: '65536'," WHOLE "1 to 65535"},
	    {"babus create --channel 32 s", "--channel: '32'," WHOLE "0 to 31"},
	    {"babus create --mode 0888 s",
	     "--mode: '0888', expected octal permissions such as 0600 or 0640"},
	    {"babus create --mode 01777 s",
	     "--mode: '01777', expected octal permissions such as 0600 or 0640"},
	    {"babus create --owner 'no body' s",
	     "--owner: 'no body', expected a name that exists on this machine, or a number"},
	    {"babus create --group 'no body' s",
	     "--group: 'no body', expected a name that exists on this machine, or a number"},
	    {"babus create --first-seq 0 s", "--first-seq: '0'," WHOLE "1 to 281474976710655"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		cli_fails(2, rows[i].command, rows[i].complaint);
	/* Nothing was made meanwhile. */
	cli_gives("babus ls -n", "");
}

static void illegal_names_are_wrong_usage(void **state)
{
	static const char *const commands[] = {"create", "pub",  "latest", "wait",
					       "sub",    "info", "rm"};
	char command[64];

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		snprintf(command, sizeof(command), "babus %s a/b </dev/null", commands[i]);
		cli_fails(2, command,
			  "slot 'a/b': invalid name, expected 1 to 200 of A-Z a-z 0-9 . _ -, "
			  "not starting with . or -");
	}
	cli_fails(2, "babus -d .x ls",
		  "domain '.x': invalid name, expected 1 to 200 of A-Z a-z 0-9 . _ -, "
		  "not starting with . or -");
}

static void numbers_may_be_padded_or_hexadecimal(void **state)
{
	(void)state;
	cli_gives("babus create --depth 010 --first-seq 0x10 s && printf x | babus pub s && "
		  "babus ls -n -o DEPTH,SEQ | tr -s ' '",
		  "10 16\n");
}

/* --- failures ----------------------------------------------------------------------------- */

static void missing_things_are_reported_with_status_1(void **state)
{
	static const char *const commands[] = {"latest", "wait", "sub", "info", "rm"};
	char command[64], missing[512];

	(void)state;
	snprintf(missing, sizeof(missing), "domain 'gone': no such domain, expected directory %s",
		 root_file("babus.gone"));
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		snprintf(command, sizeof(command), "babus %s gone", commands[i]);
		cli_fails(1, command, "slot 'gone': no such slot");
		snprintf(command, sizeof(command), "babus -d gone %s x", commands[i]);
		cli_fails(1, command, missing);
	}
	cli_fails(1, "babus -d gone ls", missing);
	cli_fails(1, "babus -d gone info", missing);
	cli_fails(1, "babus -d gone rm --domain", missing);
	assert_no_file(root_file("babus.gone"));
	cli_fails(1, "BABUS_ROOT=/nowhere babus ls",
		  "domain 'test': root directory '/nowhere': No such file or directory");
}

static void output_that_cannot_be_written_is_a_failure(void **state)
{
	(void)state;
	cli_gives("printf hello | babus pub s", "");
	cli_fails(1, "babus latest s >/dev/full", "standard output: No space left on device");
	cli_fails(1, "babus ls >/dev/full", "standard output: No space left on device");
	cli_fails(1, "babus sub -n 1 --from oldest s >/dev/full",
		  "standard output: No space left on device");
	cli_fails(1, "babus --help >/dev/full", "standard output: No space left on device");
	cli_fails(1, "babus latest s >&-", "standard output: Bad file descriptor");
}

static void a_reader_that_has_gone_is_no_failure(void **state)
{
	(void)state;
	cli_gives("yes | head -n 100 | babus pub --lines s; head -c 300000 /dev/zero >f; "
		  "babus pub big f",
		  "");
	/* The status of the first command of the pipe, on the third descriptor. */
	cli_gives("exec 3>&1; { babus latest big; echo $? >&3; } | :", "0\n");
	cli_gives(
	    "exec 3>&1; { babus sub --from oldest s big; echo $? >&3; } | head -n 1 >/dev/null",
	    "0\n");
	/* It publishes nothing more, and does not wait for an error. */
	cli_gives("exec 3>&1; { babus sub big; echo $? >&3; } | :", "0\n");
}

/* --- which domain, which configuration ----------------------------------------------- */

/* Four domains, each with a slot of its name in it. */
static void make_domains(void)
{
	cli_gives("for d in file env option default; do babus -d $d create $d; done", "");
}

static void the_option_wins_over_the_environment_over_the_file(void **state)
{
	(void)state;
	make_domains();
	cli_configure("[domain]\nname = file\n");
	cli_gives("BABUS_DOMAIN=env babus -d option ls -n -o SLOT", "option\n");
	cli_gives("BABUS_DOMAIN=env babus ls -n -o SLOT -d option", "option\n");
	cli_gives("BABUS_DOMAIN=env babus ls -n -o SLOT", "env\n");
	cli_gives("BABUS_DOMAIN= babus ls -n -o SLOT", "file\n");
	cli_gives("unset BABUS_DOMAIN; babus ls -n -o SLOT", "file\n");
	cli_configure("");
	cli_gives("unset BABUS_DOMAIN; babus ls -n -o SLOT", "default\n");
}

static void the_root_is_chosen_in_the_same_order(void **state)
{
	char text[256];

	(void)state;
	cli_gives("for r in file env option; do mkdir $r; babus --root $PWD/$r create $r; done",
		  "");
	snprintf(text, sizeof(text), "[domain]\nroot = %s/file\n", support_root);
	cli_configure(text);
	cli_gives("BABUS_ROOT=$PWD/env babus --root $PWD/option ls -n -o SLOT", "option\n");
	cli_gives("BABUS_ROOT=$PWD/env babus ls --root $PWD/option -n -o SLOT", "option\n");
	cli_gives("BABUS_ROOT=$PWD/env babus ls -n -o SLOT", "env\n");
	cli_gives("BABUS_ROOT= babus ls -n -o SLOT", "file\n");
	cli_gives("unset BABUS_ROOT; babus ls -n -o SLOT", "file\n");
}

static void the_configuration_is_chosen_in_the_same_order(void **state)
{
	(void)state;
	make_domains();
	cli_gives("for n in file env option; do printf '[domain]\\nname = '$n >$n.ini; done\n"
		  "mkdir babus; cp file.ini babus/babus.ini",
		  "");
	cli_gives(
	    "unset BABUS_DOMAIN; BABUS_CONFIG=env.ini babus --config option.ini ls -n -o SLOT",
	    "option\n");
	cli_gives(
	    "unset BABUS_DOMAIN; BABUS_CONFIG=env.ini babus ls --config option.ini -n -o SLOT",
	    "option\n");
	cli_gives("unset BABUS_DOMAIN; BABUS_CONFIG=env.ini babus ls -n -o SLOT", "env\n");
	cli_gives("unset BABUS_DOMAIN BABUS_CONFIG; babus ls -n -o SLOT", "file\n");
}

static void a_wrong_configuration_ends_with_2_and_touches_nothing(void **state)
{
	static const char *const commands[] = {"ls",     "info",     "create x", "rm --domain",
					       "pub x",  "latest x", "wait x",   "sub x",
					       "trim x", "doctor"};
	char command[64], complaint[512];

	(void)state;
	babus_slot_close(make_slot("stays", 2, 64));
	cli_configure("[defaults]\ndepth = many\n");
	snprintf(complaint, sizeof(complaint),
		 "%s:2: depth is 'many', expected a whole number from 1 to 65535",
		 root_file("babus.ini"));
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		snprintf(command, sizeof(command), "babus %s </dev/null", commands[i]);
		cli_fails(2, command, complaint);
	}
	cli_configure("");
	cli_gives("babus ls -n -o SLOT", "stays\n");
}

static void a_configuration_given_by_name_must_exist(void **state)
{
	(void)state;
	cli_fails(2, "babus --config none.ini ls", "none.ini: No such file or directory");
	cli_fails(2, "BABUS_CONFIG=none.ini babus ls", "none.ini: No such file or directory");
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CLI(help_of_every_verb_starts_with_its_usage),
	    CLI(help_of_a_verb_names_its_options),
	    CLI(help_of_the_program_names_every_verb),
	    CLI(the_version_is_that_of_the_library),
	    CLI(help_needs_neither_configuration_nor_domain),
	    CLI(wrong_usage_is_reported_with_status_2),
	    CLI(bad_values_are_reported_with_status_2),
	    CLI(illegal_names_are_wrong_usage),
	    CLI(numbers_may_be_padded_or_hexadecimal),
	    CLI(missing_things_are_reported_with_status_1),
	    CLI(output_that_cannot_be_written_is_a_failure),
	    CLI(a_reader_that_has_gone_is_no_failure),
	    CLI(the_option_wins_over_the_environment_over_the_file),
	    CLI(the_root_is_chosen_in_the_same_order),
	    CLI(the_configuration_is_chosen_in_the_same_order),
	    CLI(a_wrong_configuration_ends_with_2_and_touches_nothing),
	    CLI(a_configuration_given_by_name_must_exist),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return cli_main(run, 120);
}

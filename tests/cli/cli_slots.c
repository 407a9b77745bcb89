/* SPDX-License-Identifier: MIT */
/* babus create, rm, ls and info. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"
#include "file.h"

/* --- create ---------------------------------------------------------------------------- */

static void create_sets_every_property(void **state)
{
	(void)state;
	cli_gives("babus create --depth 3 --size 6220800 --loans 5 --pins 7 --channel 31 "
		  "--mode 0640 --type rgb24 --description 'front, 1920x1080' --first-seq 100 s",
		  "");
	cli_gives_json("babus info --json s",
		       "want = dict(slot=\"s\", depth=3, limit=6220800, loans=5, pins=7, "
		       "channel=31, mode=\"0640\", type=\"rgb24\", "
		       "description=\"front, 1920x1080\", first_seq=100, seq=99, kept=0, size=0, "
		       "time_ns=0, publishers=0, readers=0, lost=0, clients=[])\n"
		       "assert {k: one[k] for k in want} == want, one\n"
		       "assert one[\"bytes_max\"] > 3 * one[\"limit\"]\n"
		       "assert 0 < one[\"bytes_used\"] < 100000\n"
		       "assert one[\"created_ns\"] > 10**18\n"
		       "assert len(one[\"instance\"]) == 16 and int(one[\"instance\"], 16) > 0");
	cli_gives("printf x | babus pub --json s", "{\"slot\":\"s\",\"seq\":100,\"size\":1}\n");
}

static void create_takes_defaults_from_the_configuration(void **state)
{
	(void)state;
	cli_configure("[defaults]\ndepth = 3\nsize = 1 KiB\n[slot cam*]\ndepth = 2\ntype = t\n");
	cli_gives("babus create a; babus create cam; babus create --depth 9 cam2; "
		  "babus ls -n -b -o SLOT,DEPTH,LIMIT,TYPE | tr -s ' '",
		  "a 3 1024 -\ncam 2 1024 t\ncam2 9 1024 t\n");
}

static void owner_and_group_are_names_or_numbers(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("skipped: only for root\n");
		return;
	}
	cli_gives("babus create --owner root --group 12345 --mode 0660 a; "
		  "babus create --owner 12345 --group root b; stat -c '%u %g %a' babus.test/a.slot "
		  "babus.test/b.slot",
		  "0 12345 660\n12345 0 600\n");
}

static void creating_the_same_again_succeeds(void **state)
{
	(void)state;
	cli_gives("babus create --depth 3 s; printf x | babus pub s; babus create --depth 3 s; "
		  "babus latest s",
		  "x");
}

static void creating_it_with_other_properties_is_a_failure(void **state)
{
	(void)state;
	cli_gives("babus create --depth 3 --size 100 s", "");
	cli_fails(1, "babus create --depth 4 --size 100 s",
		  "slot 's' exists with depth 3, size 100, loans 64, pins 256; "
		  "expected 4, 100, 64, 256");
	cli_gives("babus ls -n -o DEPTH", "3\n");
}

static void exclusive_fails_if_it_exists(void **state)
{
	(void)state;
	cli_gives("babus create --exclusive s", "");
	cli_ends(1, "babus create --exclusive s", "", NULL);
}

static void impossible_properties_are_wrong_usage(void **state)
{
	(void)state;
	cli_fails(2, "babus create --depth 65000 --pins 1000 s",
		  "slot 's': depth + loans + pins is 66064: at most 65535 together");
	cli_fails(2, "babus create --type $(printf %064d 0) s",
		  "slot 's': type label: at most 63 bytes");
	cli_fails(2, "babus create --description $(printf %0192d 0) s",
		  "slot 's': description: at most 191 bytes");
	cli_gives("babus ls -n", "");
}

static void names_may_be_as_long_as_allowed(void **state)
{
	(void)state;
	cli_gives("n=$(printf %0200d 0); printf x | babus pub $n; babus latest $n; "
		  "babus ls -n -o SLOT | wc -c; babus rm $n",
		  "x201\n");
	cli_ends(2, "printf x | babus pub $(printf %0201d 0)", "", NULL);
}

/* --- rm ------------------------------------------------------------------------------------ */

static void rm_removes_slots(void **state)
{
	(void)state;
	cli_gives("for s in a b c; do babus create $s; done; babus rm a c; babus ls -n -o SLOT; "
		  "ls babus.test | grep -c '^[ac]' || true",
		  "b\n0\n");
}

static void rm_goes_on_after_one_that_is_missing(void **state)
{
	(void)state;
	cli_gives("babus create a; babus create b", "");
	cli_fails(1, "babus rm a gone b", "slot 'gone': no such slot");
	cli_gives("babus ls -n", "");
}

static void a_wrong_name_removes_nothing(void **state)
{
	(void)state;
	cli_gives("babus create a", "");
	cli_ends(2, "babus rm a b/c", "", NULL);
	cli_gives("babus ls -n -o SLOT", "a\n");
}

static void forced_rm_ignores_missing_slots(void **state)
{
	(void)state;
	cli_gives("babus rm -f gone; babus -d gone rm --force x; babus -d gone rm -f --domain", "");
	assert_no_file(root_file("babus.gone"));
}

static void rm_domain_removes_all_of_it(void **state)
{
	(void)state;
	cli_gives("babus -d two create a; babus -d two create b; babus -d two rm --domain; "
		  "test ! -e babus.two; ls -d babus.*",
		  "babus.ini\nbabus.test\n");
}

static void rm_domain_leaves_foreign_files_alone(void **state)
{
	(void)state;
	cli_gives("babus -d two create a; echo mine >babus.two/notes", "");
	cli_ends(1, "babus -d two rm --domain", "", NULL);
	cli_gives("cat babus.two/notes; rm babus.two/notes; babus -d two rm -f --domain; "
		  "ls -d babus.two 2>/dev/null || echo gone",
		  "mine\ngone\n");
}

/* --- ls ------------------------------------------------------------------------------------ */

static void ls_is_a_sorted_table(void **state)
{
	(void)state;
	cli_gives("babus create --depth 2 --size 4096 --type t1 bb; "
		  "babus create --depth 16 --size 1MiB a; for i in 1 2 3; do printf $i | "
		  "babus pub bb; done; babus ls -o SLOT,SEQ,KEPT,DEPTH,LIMIT,SIZE,TYPE",
		  "SLOT  SEQ  KEPT  DEPTH  LIMIT  SIZE  TYPE\n"
		  "a       0     0     16     1M     -  -\n"
		  "bb      3     2      2   4096     1  t1\n");
	cli_gives("babus ls | head -n 1 | tr -s ' '",
		  "SLOT SEQ KEPT DEPTH LIMIT SIZE AGE PUBS READERS LOST TYPE\n");
	cli_gives("babus ls -n -b -o slot,limit", "a   1048576\nbb     4096\n");
	cli_gives("babus ls -n -o +mode | tr -s ' ' | cut -d ' ' -f 12", "0600\n0600\n");
}

static void ls_of_an_empty_domain_has_only_headings(void **state)
{
	(void)state;
	cli_gives("babus ls -o SLOT,SEQ", "SLOT  SEQ\n");
	cli_gives_json("babus ls --json", "assert one[\"slots\"] == []");
}

static void every_column_of_the_help_can_be_chosen(void **state)
{
	(void)state;
	cli_gives("babus create s; for c in $(babus ls --help | sed -n '/^Columns/,/^Exit/p' | "
		  "grep '^  ' | cut -c 5-16); do babus ls -o $c | head -n 1; done | tr -d ' ' | "
		  "paste -sd ' '",
		  "SLOT SEQ KEPT DEPTH LIMIT SIZE AGE PUBS READERS LOST TYPE DESCRIPTION CHANNEL "
		  "PID PUBLISHER ORIGIN USED BOUND MODE OWNER GROUP\n");
}

static void ls_in_json_is_one_object(void **state)
{
	(void)state;
	cli_gives_json("babus create --type '\"\\' b; printf xy | babus pub a; babus ls --json",
		       "assert len(objects) == 1 and one[\"domain\"] == \"test\"\n"
		       "assert one[\"path\"].endswith(\"/babus.test\")\n"
		       "a, b = one[\"slots\"]\n"
		       "assert (a[\"slot\"], a[\"seq\"], a[\"size\"]) == (\"a\", 1, 2)\n"
		       "assert (b[\"slot\"], b[\"seq\"], b[\"type\"]) == (\"b\", 0, \"\\\"\\\\\")");
}

static void ls_goes_on_after_a_slot_that_is_damaged(void **state)
{
	(void)state;
	cli_gives(
	    "babus create a; babus create b; babus create c; truncate -s 100 babus.test/b.slot",
	    "");
	cli_ends(1, "babus ls -n -o SLOT", "a\nc\n", NULL);
	cli_ends(1, "babus ls --json >out", "", NULL);
	cli_gives_json("cat out", "assert len(one[\"slots\"]) == 2");
}

/* --- info ------------------------------------------------------------------------------------ */

static void info_shows_the_clients_of_a_slot(void **state)
{
	struct job job;

	(void)state;
	cli_gives("babus create --depth 2 s", "");
	cli_start_waiting(&job, "sub", "s", NULL);
	cli_gives_json(
	    "babus info --json s",
	    "client, = one[\"clients\"]\n"
	    "assert client[\"role\"] == \"reader\" and client[\"alive\"] is True\n"
	    "assert client[\"pid\"] > 1 and one[\"readers\"] == 1\n"
	    "assert client[\"received\"] == client[\"lost\"] == client[\"cursor\"] == 0");
	cli_gives("babus info s | grep -cE '^ *[0-9]+ +reader +[0-9]+ +alive +[0-9]+ +0 +0 +0$'",
		  "1\n");
	kill(job.pid, SIGTERM);
	cli_finish(&job, -SIGTERM, "", "");
	cli_gives_json("babus info --json s", "client, = one[\"clients\"]\n"
					      "assert client[\"alive\"] is False");
}

static void info_is_for_people(void **state)
{
	(void)state;
	cli_gives("babus create --depth 2 --size 1KiB --type t --mode 0640 --channel 5 s; "
		  "for i in 1 2 3; do printf xyz | babus pub s; done; "
		  "babus info s | grep -vE '^(published|created|memory|newest|access|publisher )' "
		  "| tr -s ' '",
		  "slot s\ntype t\ndescription -\nmessages 3, 2 kept of depth 2\n"
		  "origin 0 (this machine)\nlimit 1024 a message (1024 bytes)\nchannel "
		  "5\npublishers 0 live, 64 loans at once\n"
		  "readers 0 pins of 256\nlost 0\n");
	cli_gives("babus info s | grep -c -E '^newest +number 3, 3 bytes, by process [0-9]+$'",
		  "1\n");
	cli_gives("babus info s | grep -c -E '^publisher +incarnation [1-9][0-9]*, gone$'", "1\n");
}

static void info_shows_whether_the_publisher_is_alive(void **state)
{
	(void)state;
	cli_gives("mkfifo p; exec 3<>p; echo x >&3; babus pub --lines --origin 7 s p & "
		  "babus latest --wait s; babus info --json s >alive; "
		  "babus info s | grep -E '^(publisher|origin) ' | tr -d '0-9' | tr -s ' '; "
		  "{ kill $!; wait $!; } 2>said; [ $? = 143 ]",
		  "x\npublisher incarnation , alive\norigin \n");
	cli_gives_json("cat alive",
		       "publisher, = one[\"clients\"]\n"
		       "assert publisher[\"incarnation\"] == one[\"publisher\"] > 0\n"
		       "assert one[\"publisher_alive\"] is True and one[\"origin\"] == 7");
	cli_gives_json("babus info --json s",
		       "assert one[\"publisher_alive\"] is False and one[\"publisher\"] > 0");
	cli_gives_json("babus create empty; babus info --json empty",
		       "assert one[\"publisher_alive\"] is None and one[\"publisher\"] == 0");
}

static void info_of_several_slots_is_a_json_object_each(void **state)
{
	(void)state;
	cli_gives_json("babus create a; babus create b; babus info --json b a",
		       "assert [o[\"slot\"] for o in objects] == [\"b\", \"a\"]");
	cli_ends(1, "babus info --json b gone a >out; s=$?; wc -l <out; exit $s", "2\n",
		 "babus: slot 'gone': no such slot\n");
}

static void info_of_the_domain_adds_up(void **state)
{
	(void)state;
	cli_gives_json("babus create a; babus create b; babus info --json a b; babus info --json",
		       "a, b, all = objects\n"
		       "assert all[\"domain\"] == \"test\" and all[\"slots\"] == 2\n"
		       "for k in (\"bytes_used\", \"bytes_max\"):\n"
		       "    assert all[k] == a[k] + b[k]\n"
		       "assert all[\"mode\"] == \"0700\"\n"
		       "assert all[\"config\"].endswith(\"/babus.ini\")");
	cli_gives_json("unset BABUS_CONFIG; test -e /etc/babus.ini && echo {} || babus info --json",
		       "assert one.get(\"config\") is None");
}

/* --- trim ------------------------------------------------------------------------------ */

static void trim_gives_back_what_a_burst_took(void **state)
{
	(void)state;
	cli_gives("babus create --depth 2 --size 1MiB s; "
		  "for i in 1 2 3 4 5; do head -c 1000000 /dev/zero | babus pub s; done; "
		  "for i in 1 2 3; do printf small$i | babus pub s; done; "
		  "before=$(stat -c %b babus.test/s.slot); babus trim --json s >said; "
		  "after=$(stat -c %b babus.test/s.slot); "
		  "test $before -gt 4000 && test $after -lt 200 || echo $before $after; "
		  "test \"$(cat said)\" = "
		  "\"{\\\"slot\\\":\\\"s\\\",\\\"freed\\\":$(((before - after) * 512))}\" "
		  "|| cat said; babus latest s; babus latest --age 1 s; babus trim s",
		  "small3small2slot 's': 0 bytes given back\n");
}

static void trim_goes_on_with_the_others_when_one_fails(void **state)
{
	(void)state;
	cli_gives("babus create a", "");
	cli_ends(1, "babus trim none a", "slot 'a': 0 bytes given back\n",
		 "babus: slot 'none': no such slot\n");
	cli_ends(2, "babus trim", "", NULL);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CLI(create_sets_every_property),
	    CLI(create_takes_defaults_from_the_configuration),
	    CLI(owner_and_group_are_names_or_numbers),
	    CLI(creating_the_same_again_succeeds),
	    CLI(creating_it_with_other_properties_is_a_failure),
	    CLI(exclusive_fails_if_it_exists),
	    CLI(impossible_properties_are_wrong_usage),
	    CLI(names_may_be_as_long_as_allowed),
	    CLI(rm_removes_slots),
	    CLI(rm_goes_on_after_one_that_is_missing),
	    CLI(a_wrong_name_removes_nothing),
	    CLI(forced_rm_ignores_missing_slots),
	    CLI(rm_domain_removes_all_of_it),
	    CLI(rm_domain_leaves_foreign_files_alone),
	    CLI(ls_is_a_sorted_table),
	    CLI(ls_of_an_empty_domain_has_only_headings),
	    CLI(every_column_of_the_help_can_be_chosen),
	    CLI(ls_in_json_is_one_object),
	    CLI(ls_goes_on_after_a_slot_that_is_damaged),
	    CLI(info_shows_the_clients_of_a_slot),
	    CLI(info_is_for_people),
	    CLI(info_shows_whether_the_publisher_is_alive),
	    CLI(info_of_several_slots_is_a_json_object_each),
	    CLI(info_of_the_domain_adds_up),
	    CLI(trim_gives_back_what_a_burst_took),
	    CLI(trim_goes_on_with_the_others_when_one_fails),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return cli_main(run, 180);
}

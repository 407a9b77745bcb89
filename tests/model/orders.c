/* SPDX-License-Identifier: MIT */
/*
 * Which memory orders of core/sync.h are needed. Every program must hold with the orders that are
 * written there. Then each order is weakened, alone: some program must fail, or the order must be
 * in the table below of orders that are stronger than needed. Usage: orders [--full]
 */
#include <stdio.h>
#include <string.h>

#include "litmus.h"

static const char *const order_names[] = {
    [memory_order_relaxed] = "relaxed", [memory_order_consume] = "consume",
    [memory_order_acquire] = "acquire", [memory_order_release] = "release",
    [memory_order_acq_rel] = "acq_rel", [memory_order_seq_cst] = "seq_cst",
};

static const char *const access_names[C11_ACCESSES] = {
    [C11_LOAD] = "load",
    [C11_STORE] = "store",
    [C11_UPDATE] = "update",
    [C11_MISMATCH] = "mismatch",
};

struct change {
	const char *function;
	enum c11_access access;
	memory_order order;
};

/*
 * The order that is enough for an access for which sync.h names more. README.md has the
 * arguments. A line that is no longer true is an error, and so is a missing one.
 */
static const struct change stronger[] = {
    {NULL, C11_LOAD, memory_order_relaxed}, /* the end */
};

enum {
	PROGRAMS = 64,
	SITES = 128
};

static const struct c11_program *programs[PROGRAMS];
static bool meets[PROGRAMS][SITES]; /* which sites a program reaches */
static int program_count;
static bool used_stronger[sizeof(stronger) / sizeof(*stronger)];
static memory_order base[SITES]; /* a site's order when no other is tried */
static bool full;
static int failures;

/* --- programs --------------------------------------------------------------------------- */

static void collect(const struct c11_program *some)
{
	for (; some->name; some++)
		if (full || !some->large)
			programs[program_count++] = some;
}

static int find_site(const char *function, enum c11_access access)
{
	int site = 0;

	while (site < c11_site_count && (c11_sites[site].access != access ||
					 strcmp(c11_sites[site].function, function) != 0))
		site++;
	return site;
}

/* Which sites there are, and the orders to start from. A run finds its sites on the way. */
static void find_sites(void)
{
	for (int p = 0; p < program_count; p++) {
		if (programs[p]->costly || programs[p]->large)
			continue;
		c11_run(programs[p]);
		for (int site = 0; site < c11_site_count; site++)
			meets[p][site] = c11_sites[site].met;
	}
	for (int site = 0; site < c11_site_count; site++)
		base[site] = c11_sites[site].order;
}

static void check(const struct c11_program *program)
{
	const char *name = program->claim ? program->claim : program->name;
	struct c11_result result = c11_run(program);

	if (!result.error == program->broken) {
		printf("FAIL  orders   %s: %s\n", name,
		       result.error ? result.error : "holds, which it should not");
		if (result.error)
			c11_show();
		failures++;
	} else if (program->ordering) {
		printf("ok    orders   %-8s %-50s %s%llu graphs\n", program->ordering, name,
		       program->broken ? "fails as it should, " : "",
		       (unsigned long long)result.graphs);
	}
	fflush(stdout);
}

/* The first program that fails with the current orders, of those that reach the site. */
static const struct c11_program *first_failure(int site)
{
	for (int p = 0; p < program_count; p++)
		if (!programs[p]->broken && !programs[p]->costly && !programs[p]->large &&
		    meets[p][site] && c11_run(programs[p]).error)
			return programs[p];
	return NULL;
}

/* --- orders ------------------------------------------------------------------------------ */

/* The next weaker ones. */
static int weaken(enum c11_access access, memory_order order, memory_order weaker_orders[2])
{
	switch (order) {
	case memory_order_seq_cst:
		weaker_orders[0] = access == C11_UPDATE  ? memory_order_acq_rel
				   : access == C11_STORE ? memory_order_release
							 : memory_order_acquire;
		return 1;
	case memory_order_acq_rel:
		weaker_orders[0] = memory_order_acquire;
		weaker_orders[1] = memory_order_release;
		return 2;
	case memory_order_acquire:
	case memory_order_release:
		weaker_orders[0] = memory_order_relaxed;
		return 1;
	default:
		return 0;
	}
}

static bool is_listed(int site, memory_order order)
{
	for (size_t i = 0; stronger[i].function; i++)
		if (find_site(stronger[i].function, stronger[i].access) == site &&
		    stronger[i].order == order)
			return used_stronger[i] = true;
	return false;
}

static void report(int site, memory_order order, const struct c11_program *failed)
{
	printf("ok    orders   mutant: %s, %s %s: %s%s%s\n", c11_sites[site].function,
	       access_names[c11_sites[site].access], order_names[order],
	       failed ? failed->ordering : "holds as well", failed ? ", " : "",
	       failed ? failed->claim : "");
	fflush(stdout);
}

/* Whether something weaker holds too; the weakest order that does must be listed. */
static bool weaken_site(int at, memory_order order)
{
	struct c11_site *site = &c11_sites[at];
	memory_order orders[2];
	int count = weaken(site->access, order, orders);
	bool holds = false;

	for (int i = 0; i < count; i++) {
		const struct c11_program *failed;

		site->used = orders[i];
		failed = first_failure(at);
		site->used = base[at];
		report(at, orders[i], failed);
		if (failed)
			continue;
		holds = true;
		if (weaken_site(at, orders[i]) || is_listed(at, orders[i]))
			continue;
		printf("FAIL  orders   %s, %s: %s holds as well, which is not listed\n",
		       site->function, access_names[site->access], order_names[orders[i]]);
		failures++;
	}
	return holds;
}

/*
 * All listed orders must hold together. What holds with weaker orders holds with stronger ones,
 * so this covers each of them alone, in the costly programs too.
 */
static void check_listed(void)
{
	for (size_t i = 0; stronger[i].function; i++) {
		int site = find_site(stronger[i].function, stronger[i].access);

		if (site == c11_site_count || !used_stronger[i]) {
			printf("FAIL  orders   %s, %s is listed for %s, which is not enough\n",
			       stronger[i].function, access_names[stronger[i].access],
			       order_names[stronger[i].order]);
			failures++;
			continue;
		}
		c11_sites[site].used = stronger[i].order;
	}
	for (int p = 0; p < program_count; p++) {
		if (programs[p]->broken || !c11_run(programs[p]).error)
			continue;
		printf("FAIL  orders   %s: with all orders that are listed as enough\n",
		       programs[p]->claim);
		failures++;
	}
	printf("ok    orders   all orders that are listed as enough, together\n");
}

/* For `check`, which compares it with sync.h. */
static void list_functions(void)
{
	for (int site = 0; site < c11_site_count; site++)
		printf("met   orders   %s\n", c11_sites[site].function);
}

int main(int argc, char **argv)
{
	full = argc > 1 && !strcmp(argv[1], "--full");
	for (const struct c11_program *program = litmus_programs; program->name; program++)
		check(program);
	collect(ring_programs);
	collect(wait_programs);
	find_sites();
	for (int p = 0; p < program_count; p++)
		check(programs[p]);
	for (int site = 0; site < c11_site_count; site++)
		weaken_site(site, base[site]);
	check_listed();
	list_functions();
	return failures ? 1 : 0;
}

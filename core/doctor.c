/* SPDX-License-Identifier: MIT */
/* Recovering a whole domain: its files, then each of its slots. */
#include <errno.h>

#include "cancel.h"
#include "error.h"
#include "files.h"
#include "open.h"
#include "recover.h"

struct pass {
	babus_domain *domain;
	struct babus_report report;
	bool repair;
	struct error_kept damage; /* the first of all */
};

static int recover_slot(void *arg, const char *name)
{
	struct pass *pass = arg;
	struct babus_report *report = &pass->report;
	babus_slot *slot;
	int dead, error;

	babus_fail_clear();
	error = open_to_maintain(pass->domain, name, &slot);
	if (error == -ENOENT || error == -ENODEV)
		return 0;
	report->slots++;
	if (error) {
		report->damaged++;
		if (pass->damage.has_detail)
			return 0;
		babus_fail(error, "slot '%s': %s", name,
			   *babus_error_detail() ? babus_error_detail() : babus_strerror(error));
		error_keep(&pass->damage);
		return 0;
	}
	dead = recover_dead(slot, SLOT_FILE, pass->repair, &report->buffers);
	report->dead_publishers += dead > 0 ? (uint32_t)dead : 0;
	dead = recover_dead(slot, SLOT_PINS_FILE, pass->repair, NULL);
	report->dead_readers += dead > 0 ? (uint32_t)dead : 0;
	babus_slot_close(slot);
	return 0;
}

/* Files first: a slot may get its name back, and is looked after then as the others. */
static int recover_all(struct pass *pass)
{
	struct babus_report *report = &pass->report;
	int error;

	error = files_recover(pass->domain, pass->repair, &report->leftovers, &report->foreign);
	if (error)
		return error;
	error_keep(&pass->damage);
	return babus_domain_list(pass->domain, recover_slot, pass);
}

int babus_domain_recover(babus_domain *domain, int repair, struct babus_report *report)
{
	NO_CANCELLATION;
	struct pass pass = {.domain = domain, .repair = repair != 0};
	int error;

	babus_fail_clear();
	error = domain_check_now(domain);
	if (!error)
		error = domain_check_writes(domain);
	if (!error)
		error = recover_all(&pass);
	if (error)
		return error;
	error_restore(&pass.damage);
	*report = pass.report;
	return 0;
}

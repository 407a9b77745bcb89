/* SPDX-License-Identifier: MIT */
/* Finding and taking back what the dead left behind, in a slot and in a whole domain. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "cancel.h"
#include "error.h"
#include "files.h"
#include "shm.h"
#include "slot.h"

struct burial {
	struct ring *ring;
	uint32_t buffers;
};

static void bury_publishers(void *arg, const struct lease_set *dead)
{
	struct burial *burial = arg;

	burial->buffers += ring_bury_owners(burial->ring, dead);
}

int slot_recover(babus_slot *slot, enum slot_file file, bool repair, uint32_t *buffers)
{
	NO_CANCELLATION;
	struct burial burial = {.ring = &slot->ring};
	struct error_kept detail;
	struct stat st;
	int fd, dead;

	/* It shares no entries with others. */
	if (slot->observer)
		return 0;
	/* The callers go on without it. */
	error_keep(&detail);
	fd = slot_reopen(slot, file, O_RDONLY, &st);
	if (fd < 0) {
		dead = fd;
		goto restore;
	}
	if (file == SLOT_PINS_FILE)
		dead = lease_recover(&slot->pin_table, fd, repair, NULL, NULL);
	else
		dead = lease_recover(&slot->token_table, fd, repair && slot->publishes,
				     bury_publishers, &burial);
	close(fd);
	if (buffers)
		*buffers += burial.buffers;
restore:
	error_restore(&detail);
	return dead;
}

/* --- a whole domain --------------------------------------------------------------- */

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
	error = slot_open_maintenance(pass->domain, name, &slot);
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
	dead = slot_recover(slot, SLOT_FILE, pass->repair, &report->buffers);
	report->dead_publishers += dead > 0 ? (uint32_t)dead : 0;
	dead = slot_recover(slot, SLOT_PINS_FILE, pass->repair, NULL);
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

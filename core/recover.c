/* SPDX-License-Identifier: MIT */
/*
 * Finding and taking back what the dead left behind; telling who is there;
 * taking a whole domain away.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

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
	struct burial burial = {.ring = &slot->ring};
	struct error_kept detail;
	struct stat st;
	int fd, dead;

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
	struct pass pass = {.domain = domain, .repair = repair != 0};
	int error = domain_check(domain);

	babus_fail_clear();
	if (!error)
		error = recover_all(&pass);
	if (error)
		return error;
	error_restore(&pass.damage);
	*report = pass.report;
	return 0;
}

/* --- removing a domain --------------------------------------------------------------- */

static int remove_one(void *arg, const char *name)
{
	int error = babus_domain_remove_slot(arg, name);

	/* Somebody else was faster. */
	return error == -ENOENT ? 0 : error;
}

int babus_domain_remove(const char *name, const struct babus_domain_options *opts)
{
	struct babus_report report;
	babus_domain *domain;
	int error = babus_domain_open(name, 0, opts, &domain);

	if (error)
		return error;
	error = babus_domain_list(domain, remove_one, domain);
	if (!error)
		error = babus_domain_recover(domain, 1, &report);
	if (!error)
		error = domain_remove_files(domain);
	babus_domain_close(domain);
	if (!error)
		babus_fail_clear();
	return error;
}

/* --- clients ----------------------------------------------------------------------- */

static uint32_t count_owned(const struct ring *ring, uint64_t incarnation)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < ring->g.buffers; i++)
		count += state_get(&ring->states[i]) == word_state(STATE_OWNED, incarnation);
	return count;
}

static int list_clients(babus_slot *slot, enum slot_file file,
			int (*fn)(void *arg, const struct babus_client_info *info), void *arg)
{
	bool publisher = file == SLOT_FILE;
	const struct lease_table *table = publisher ? &slot->token_table : &slot->pin_table;
	struct stat st;
	int fd = slot_reopen(slot, file, O_RDONLY, &st);
	int result = 0;

	if (fd < 0)
		return fd;
	for (uint32_t i = 0; i < table->count && !result; i++) {
		const struct layout_lease *entry = &table->entries[i];
		uint64_t incarnation = claim_get(&entry->claim);
		struct babus_client_info info = {.publisher = publisher};
		int alive;

		if (!incarnation || (publisher && !(counter_get(&entry->pid) & LEASE_OWN)))
			continue;
		alive = lease_alive(fd, incarnation);
		info.alive = alive > 0;
		info.pid = (uint32_t)counter_get(&entry->pid);
		info.held = publisher ? count_owned(&slot->ring, incarnation)
				      : record_get(&entry->hold) != 0;
		info.cursor = counter_get(&entry->cursor);
		info.received = counter_get(&entry->received);
		info.lost = counter_get(&entry->lost);
		info.incarnation = incarnation;
		result = alive < 0 ? alive : fn(arg, &info);
	}
	close(fd);
	return result;
}

int babus_slot_clients(babus_slot *slot, int (*fn)(void *arg, const struct babus_client_info *info),
		       void *arg)
{
	int result = slot_check(slot);

	babus_fail_clear();
	if (!result)
		result = list_clients(slot, SLOT_FILE, fn, arg);
	if (!result)
		result = list_clients(slot, SLOT_PINS_FILE, fn, arg);
	/* What fn called may have failed. */
	if (!result)
		babus_fail_clear();
	return result;
}

int babus_slot_publisher_alive(babus_slot *slot, uint64_t publisher)
{
	struct stat st;
	int fd, result = slot_check(slot);

	babus_fail_clear();
	if (result)
		return result;
	if (publisher < 1 || publisher > CLAIM_INCARNATION_MAX)
		return babus_fail(-EINVAL, "publisher %" PRIu64 ": no such number", publisher);
	fd = slot_reopen(slot, SLOT_FILE, O_RDONLY, &st);
	if (fd < 0)
		return fd;
	result = lease_alive(fd, publisher);
	close(fd);
	return result;
}

/* SPDX-License-Identifier: MIT */
/* Removing slots, by name and by handle, and whole domains. Their files: files.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cancel.h"
#include "error.h"
#include "files.h"
#include "shm.h"
#include "slot.h"

int babus_domain_remove_slot(babus_domain *domain, const char *name)
{
	NO_CANCELLATION;
	int error;

	babus_fail_clear();
	error = domain_check_now(domain);
	if (!error)
		error = domain_check_writes(domain);
	if (!error)
		error = babus_name_check(name);
	if (error)
		return error;
	/* Try again if another process created the slot meanwhile. */
	error = FILES_AGAIN;
	for (int i = 0; i < FILES_ATTEMPTS && error == FILES_AGAIN; i++) {
		babus_fail_clear();
		error = files_remove(domain, name, NULL);
	}
	if (error == FILES_AGAIN)
		return babus_fail(-EAGAIN, "slot '%s': it is created and damaged again and again",
				  name);
	if (error && !*babus_error_detail())
		babus_fail(error, "slot '%s': %s", name, babus_strerror(error));
	return error;
}

int babus_slot_remove(babus_slot *slot)
{
	NO_CANCELLATION;
	struct stat own = {.st_dev = slot->device, .st_ino = slot->inode};
	int error;

	babus_fail_clear();
	error = slot_check_now(slot);
	if (!error && slot->observer)
		error = slot_refuse_observer(slot, "and cannot remove it");
	if (!error)
		error = files_remove(slot->domain, slot->name, &own);
	return error == -ENOENT ? -ENODEV : error;
}

/* --- a domain ----------------------------------------------------------------- */

static int remove_one(void *arg, const char *name)
{
	int error = babus_domain_remove_slot(arg, name);

	/* Another process was faster. */
	return error == -ENOENT ? 0 : error;
}

/* The file `domain`, and the directory, which has no slots any more. */
static int remove_files(babus_domain *domain)
{
	if (shm_count_entries(domain->dirfd, DOMAIN_FILE) != 0)
		return babus_fail(-ENOTEMPTY,
				  "%s: holds files that are not of babus: delete them first",
				  domain->path);
	STEP("unlink_domain");
	if (unlinkat(domain->dirfd, DOMAIN_FILE, 0) < 0)
		return -errno;
	domain_check_files(domain); /* wakes all users */
	babus_fail_clear();
	STEP("remove_directory");
	if (rmdir(domain->path) < 0)
		return babus_fail(-errno, "%s: %s", domain->path, strerror(errno));
	return 0;
}

int babus_domain_remove(const char *name, const struct babus_domain_options *opts)
{
	NO_CANCELLATION;
	struct babus_report report;
	babus_domain *domain;
	int error = babus_domain_open(name, 0, opts, &domain);

	if (error)
		return error;
	error = babus_domain_list(domain, remove_one, domain);
	if (!error)
		error = babus_domain_recover(domain, 1, &report);
	if (!error)
		error = remove_files(domain);
	babus_domain_close(domain);
	if (!error)
		babus_fail_clear();
	return error;
}

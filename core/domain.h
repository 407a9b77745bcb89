/* SPDX-License-Identifier: MIT */
/* The inside of a domain's handle, for the objects opened from it. */
#ifndef BABUS_DOMAIN_H
#define BABUS_DOMAIN_H

#include <pthread.h>

#include <babus/babus.h>

#include "domain_create.h"
#include "layout.h"

struct babus_domain {
	/* constant once open */
	struct layout_domain *map;
	int dirfd;
	uint64_t generation;
	char *name, *path;
	uid_t owner;      /* of the directory */
	bool open_to_all; /* any user may create files in the directory */
	uid_t trust_uid;
	bool observer; /* opened with BABUS_OBSERVE; so are all its slots */
	bool writable; /* the map; false for some observers */
	dev_t device;  /* of the file `domain` */
	ino_t inode;
	struct guard *guard;

	shared64 references;
	pthread_mutex_t notifier_lock; /* protects notifier */
	struct notifier *notifier;     /* see notifier.c */
};

void domain_ref(babus_domain *domain);
void domain_unref(babus_domain *domain);

/*
 * Whether the handle can be used: 0, -ECHILD, -EIO, -ENODEV. Costs loads only, unless the
 * domain's gone flag is set.
 */
int domain_check(const babus_domain *domain);

/* The gone flag is set: -ENODEV, or 0 if that is a false alarm. */
int domain_check_gone(const babus_domain *domain);

/*
 * Check that the domain's files still exist. If not, set the gone flag, wake all users and
 * return -ENODEV.
 */
int domain_check_files(babus_domain *domain);

/* The same once `*due_ns` has passed, and then not before `interval_ns` is over. */
int domain_check_files_after(babus_domain *domain, int64_t now_ns, uint64_t interval_ns,
			     int64_t *due_ns);

/* Both of the above, for calls that open files anyway. */
int domain_check_now(babus_domain *domain);

/* For sleeping, which publishers must be able to see: 0, or -EROFS. */
int domain_check_can_sleep(const babus_domain *domain);

/* For what an observer may not do: 0, or -EACCES. */
int domain_check_writes(const babus_domain *domain);

/* Whether a file of this owner in the domain's directory is trusted: 0, or -EPERM. */
int domain_check_owner(const babus_domain *domain, uid_t owner, const char *file);

/* Count a change of the set of slots, and wake those that watch it. */
void domain_changed(babus_domain *domain);

#endif

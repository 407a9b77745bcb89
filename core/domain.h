/* SPDX-License-Identifier: MIT */
/* The inside of a domain's handle, for the objects that live in it. */
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
	bool open_to_all; /* everybody may create files in the directory */
	uid_t trust_uid;
	bool observer; /* opened with BABUS_OBSERVE: so are all its slots */
	bool writable; /* the map; an observer's may not be */
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
 * Whether the handle may be used: 0, -ECHILD, -EIO, -ENODEV. Costs loads only,
 * unless the domain is marked as gone.
 */
int domain_check(const babus_domain *domain);

/* Somebody has marked the domain as gone: 0 if that is not true, or -ENODEV. */
int domain_check_gone(const babus_domain *domain);

/*
 * Look whether the domain's files are still there. If not, tell everybody and
 * return -ENODEV.
 */
int domain_check_files(babus_domain *domain);

/* The same once `*due_ns` has passed, and then not before `interval_ns` is over. */
int domain_check_files_after(babus_domain *domain, int64_t now_ns, uint64_t interval_ns,
			     int64_t *due_ns);

/* Both: for the calls that go to the files anyway. */
int domain_check_now(babus_domain *domain);

/* For sleeping, which publishers must be able to see: 0, or -EROFS. */
int domain_check_can_sleep(const babus_domain *domain);

/* For what an observer must not do: 0, or -EACCES. */
int domain_check_writes(const babus_domain *domain);

/* Whether a file of this owner in the domain's directory is to be trusted. */
bool domain_trusts(const babus_domain *domain, uid_t owner);

/* Count and announce a change of the set of slots. */
void domain_changed(babus_domain *domain);

#endif

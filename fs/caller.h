/* SPDX-License-Identifier: MIT */
/* The sender of a request: what its user may do, and whether it is being killed. */
#ifndef FS_CALLER_H
#define FS_CALLER_H

#include "fs.h"

/* Permission bits and owners of a slot's file. */
struct access {
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

enum {
	MAY_READ = 4,
	MAY_WRITE = 2
};

/* Whether `access` gives the sender of `req` all of `want`. Root has all. */
bool caller_may(fuse_req_t req, const struct access *access, int want);

/* Whether the sender owns it, or is root. */
bool caller_owns(fuse_req_t req, const struct access *access);

bool caller_in_group(fuse_req_t req, gid_t gid);

/*
 * Whether a signal is killing thread `pid`. False if /proc shows nothing about it.
 */
bool caller_is_killed(pid_t pid);

#endif

/* SPDX-License-Identifier: MIT */
/* Who sent a request, what that user may do, and whether it is being killed. */
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

/* Whether the sender of `req` has all of `want` by `access`. Root has. */
bool caller_may(fuse_req_t req, const struct access *access, int want);

/* Whether the sender owns it, or is root. */
bool caller_owns(fuse_req_t req, const struct access *access);

bool caller_in_group(fuse_req_t req, gid_t gid);

/*
 * Whether thread `pid` is dying of a signal that it did not handle. No if
 * nothing can be found out about it.
 */
bool caller_is_killed(pid_t pid);

#endif

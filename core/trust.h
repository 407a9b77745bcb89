/* SPDX-License-Identifier: MIT */
/* Which users' files are used: see babus_domain_open(). */
#ifndef BABUS_TRUST_H
#define BABUS_TRUST_H

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* Whether files of this user are trusted: the caller, root, or `trust_uid`. */
bool trust_user(uid_t owner, uid_t trust_uid);

/* Whether it is one of the caller's groups. */
bool trust_group(gid_t gid);

/* Whether a domain's directory is trusted: 0, or -EPERM, with the text. */
int trust_directory(const struct stat *st, uid_t trust_uid, const char *path);

#endif

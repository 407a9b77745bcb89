/* SPDX-License-Identifier: MIT */
/* Making a domain's directory and its file. */
#ifndef BABUS_DOMAIN_CREATE_H
#define BABUS_DOMAIN_CREATE_H

#include <babus/babus.h>

#define DOMAIN_FILE "domain" /* in the directory */
#define DOMAIN_SIZE 20480    /* bytes of it: whole pages */

/*
 * Create what is missing of the domain in directory `leaf` of `rootfd`; `path` is for error
 * texts. 0: the domain is new. -EEXIST: it was there.
 */
int domain_create(int rootfd, const char *leaf, const char *path,
		  const struct babus_domain_options *opts);

/* The text for the error of a call on a path. Limits are explained as babus_strerror() does. */
const char *domain_path_error(int error);

#endif

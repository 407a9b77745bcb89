/* SPDX-License-Identifier: MIT */
/* One verb a file, cmd_NAME.c. */
#ifndef TOOLS_VERBS_H
#define TOOLS_VERBS_H

#include "args.h"
#include "tool.h"

extern const struct verb verb_create;
extern const struct verb verb_doctor;
extern const struct verb verb_info;
extern const struct verb verb_latest;
extern const struct verb verb_ls;
extern const struct verb verb_pub;
extern const struct verb verb_rm;
extern const struct verb verb_sub;
extern const struct verb verb_trim;
extern const struct verb verb_wait;

#endif

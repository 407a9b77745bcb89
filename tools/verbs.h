/* SPDX-License-Identifier: MIT */
/*
 * The list of verbs, in the order of --help. A new verb is one more word here,
 * and a file cmd_NAME.c with its `struct verb verb_NAME`.
 */
#ifndef TOOLS_VERBS_H
#define TOOLS_VERBS_H

#include "args.h"
#include "tool.h"

/* clang-format off */
#define VERBS(VERB) \
	VERB(ls) \
	VERB(info) \
	VERB(create) \
	VERB(rm) \
	VERB(pub) \
	VERB(latest) \
	VERB(wait) \
	VERB(sub) \
	VERB(trim) \
	VERB(doctor)
/* clang-format on */

#define VERB_DECLARE(name) extern const struct verb verb_##name;
VERBS(VERB_DECLARE)
#undef VERB_DECLARE

#endif

/* SPDX-License-Identifier: MIT */
/* Which flags the open calls accept, and which go together. */
#include "flags.h"

#include <errno.h>

#include <babus/babus.h>

#include "error.h"

int flags_check(unsigned flags, unsigned known, const char *what)
{
	if (flags & ~known)
		return babus_fail(-EINVAL, "flags %#x: %#x cannot be used to open a %s", flags,
				  flags & ~known, what);
	if (flags & BABUS_EXCLUSIVE && !(flags & BABUS_CREATE))
		return babus_fail(-EINVAL, "BABUS_EXCLUSIVE without BABUS_CREATE");
	if (flags & BABUS_OBSERVE && flags & (BABUS_PUBLISH | BABUS_CREATE))
		return babus_fail(-EINVAL, "BABUS_OBSERVE with BABUS_PUBLISH or BABUS_CREATE: an "
					   "observer writes nothing");
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "spin.h"

#include "clock.h"

enum {
	PAUSE_MAX = 63 /* waits: spinning in vain costs each wait at most a 64th of it */
};

void spin_init(struct spin *spin, uint64_t max_ns, long processors)
{
	*spin = (struct spin){.max_ns = processors == 1 ? 0 : max_ns};
}

bool spin_try(struct spin *spin)
{
	if (!spin->max_ns)
		return false;
	if (spin->left) {
		spin->left--;
		return false;
	}
	return true;
}

int64_t spin_deadline(const struct spin *spin, int64_t now_ns)
{
	return clock_after(now_ns, spin->max_ns);
}

void spin_paid(struct spin *spin)
{
	spin->pause = 0;
}

void spin_in_vain(struct spin *spin)
{
	spin->pause = spin->pause < PAUSE_MAX ? 2 * spin->pause + 1 : PAUSE_MAX;
	spin->left = spin->pause;
}

void spin_slept(struct spin *spin, int64_t waited_ns)
{
	if ((uint64_t)waited_ns <= spin->max_ns)
		spin->left = 0;
}

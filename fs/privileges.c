/* SPDX-License-Identifier: MIT */
#include "privileges.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BIT(capability) (UINT64_C(1) << (capability))

static const uint64_t always = BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_CHOWN);
static const uint64_t moments = BIT(CAP_SYS_PTRACE) | BIT(CAP_SYS_ADMIN);

enum {
	HALVES = _LINUX_CAPABILITY_U32S_3
};

/* The calling thread's sets, as the kernel cuts them into halves. */
struct sets {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct half[HALVES];
};

static int get_sets(struct sets *sets)
{
	*sets = (struct sets){.header = {.version = _LINUX_CAPABILITY_VERSION_3}};
	return syscall(SYS_capget, &sets->header, sets->half) < 0 ? -errno : 0;
}

static int put_sets(struct sets *sets)
{
	return syscall(SYS_capset, &sets->header, sets->half) < 0 ? -errno : 0;
}

/* Keep no more than these permitted, and of them these in effect. */
static int limit(uint64_t permitted, uint64_t effective)
{
	struct sets sets;
	int error = get_sets(&sets);

	if (error)
		return error;
	for (int i = 0; i < HALVES; i++) {
		sets.half[i].permitted &= (uint32_t)(permitted >> 32 * i);
		sets.half[i].effective = sets.half[i].permitted & (uint32_t)(effective >> 32 * i);
		sets.half[i].inheritable = 0;
	}
	return put_sets(&sets);
}

/* Limit what executed programs can have. Without CAP_SETPCAP it stays as it is. */
static int limit_bounds(uint64_t bounds)
{
	for (int capability = 0; prctl(PR_CAPBSET_READ, capability) >= 0; capability++) {
		if (capability < 64 && bounds & BIT(capability))
			continue;
		if (prctl(PR_CAPBSET_DROP, capability) < 0)
			return errno == EPERM ? 0 : -errno;
	}
	return 0;
}

int privileges_reduce(void)
{
	int error = limit_bounds(always | moments);

	/* Ambient capabilities would be passed on by exec. */
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return error ? error : limit(always | moments, always | moments);
}

int privileges_settle(void)
{
	if (geteuid() == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return limit(always | moments, always);
}

static void change(int capability, bool on)
{
	struct sets sets;
	struct __user_cap_data_struct *half = &sets.half[capability / 32];
	uint32_t bit = UINT32_C(1) << capability % 32;

	if (get_sets(&sets))
		return;
	if (on)
		half->effective |= bit & half->permitted;
	else
		half->effective &= ~bit;
	put_sets(&sets);
}

void privileges_raise(int capability)
{
	change(capability, true);
}

void privileges_lower(int capability)
{
	change(capability, false);
}

/* SPDX-License-Identifier: MIT */
#include "observer.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

babus_slot *observed;
int observer_ready, observer_go;
struct observer observer;

/* A mount namespace in which the directory of all domains is read-only. */
void observer_enter_container(void)
{
	EXPECT(!unshare(CLONE_NEWNS));
	EXPECT(!mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL));
	EXPECT(!mount(support_root, support_root, "none", MS_BIND, NULL));
	EXPECT(!mount("none", support_root, "none", MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	EXPECT(access(support_root, W_OK) < 0 && errno == EROFS);
}

/* It may enter the directory and read the slot's file. */
void observer_become_user(void)
{
	child_become(OBSERVER_USER, (gid_t)-1);
	EXPECT(access(domain_file("s.slot"), R_OK) == 0);
	EXPECT(access(domain_file("s.slot"), W_OK) < 0);
	EXPECT(access(domain_file("domain"), W_OK) < 0);
}

observer_kind *const observer_kinds[OBSERVER_KINDS] = {observer_enter_container,
						       observer_become_user};

struct act {
	observer_kind *become;
	void (*run)(void);
};

static void act(void *arg)
{
	struct act *what = arg;

	what->become();
	what->run();
}

pid_t observer_start(observer_kind *become, void (*run)(void))
{
	struct act what = {become, run};

	return child_start(act, &what);
}

void observer_make_scene(uint32_t depth, uint64_t max_size)
{
	struct babus_slot_options opts = small_options(depth, max_size);

	opts.mode = 0644;
	observed = make_slot_with("s", &opts);
	assert_int_equal(chmod(domain_file(""), 0755), 0);
	assert_int_equal(chmod(domain_file("domain"), 0644), 0);
	assert_int_equal(chmod(pins_file(observed), 0600), 0);
}

void observer_for_both_kinds(void (*run)(void))
{
	for (size_t i = 0; i < OBSERVER_KINDS; i++) {
		snprintf(support_context, sizeof(support_context), "kind %zu", i);
		child_join(observer_start(observer_kinds[i], run));
	}
	*support_context = '\0';
}

int observer_setup(void **state)
{
	observer_ready = gate_open();
	observer_go = gate_open();
	return support_setup(state);
}

int observer_teardown(void **state)
{
	gate_close(observer_ready);
	gate_close(observer_go);
	return support_teardown(state);
}

int observer_main(int (*run)(void), unsigned timeout_s)
{
	if (geteuid() != 0) {
		printf("skipped: only root can mount, and be another user\n");
		return SKIPPED;
	}
	return support_main(run, timeout_s);
}

/* --- in a child --------------------------------------------------------------------- */

void observer_open(void)
{
	EXPECT_EQUAL(babus_domain_open("test", BABUS_OBSERVE, NULL, &observer.domain), 0);
	EXPECT_EQUAL(babus_slot_open(observer.domain, "s", BABUS_READ, NULL, &observer.slot), 0);
}

void observer_close(void)
{
	babus_reader_close(observer.reader);
	babus_slot_close(observer.slot);
	babus_domain_close(observer.domain);
	observer.reader = NULL;
	observer.slot = NULL;
}

void observer_expect_text(const char *text)
{
	EXPECT_EQUAL(observer.message.size, strlen(text));
	EXPECT(!memcmp(observer.buffer, text, observer.message.size));
}

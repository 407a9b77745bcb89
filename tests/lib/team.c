/* SPDX-License-Identifier: MIT */
#include "team.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

char team_slot[512], team_pins[512];
int team_gate, team_back;

struct person {
	uid_t uid;
	gid_t group;
	void (*act)(void);
};

static void live(void *arg)
{
	struct person *person = arg;

	child_become(person->uid, person->group);
	person->act();
}

pid_t team_start(uid_t uid, int group, void (*act)(void))
{
	struct person person = {uid, (gid_t)group, act};

	return child_start(live, &person);
}

void team_as(uid_t uid, int group, void (*act)(void))
{
	child_join(team_start(uid, group, act));
}

babus_slot *team_make_slot(mode_t directory, const struct babus_slot_options *wanted)
{
	struct babus_slot_options opts = *wanted;
	struct babus_domain_options where;
	babus_slot *slot;

	babus_domain_options_init(&where);
	where.mode = directory;
	where.uid = where.trust_uid = ALICE;
	where.gid = TEAM;
	assert_int_equal(babus_domain_open("test", BABUS_CREATE, &where, &bus), 0);
	opts.uid = ALICE;
	opts.gid = TEAM;
	slot = make_slot_with("s", &opts);
	publish_text(slot, "hello");
	snprintf(team_slot, sizeof(team_slot), "%s", domain_file("s.slot"));
	snprintf(team_pins, sizeof(team_pins), "%s", pins_file(slot));
	return slot;
}

babus_slot *team_make_slot_of_mode(mode_t directory, mode_t mode)
{
	struct babus_slot_options opts = small_options(4, 8192);

	opts.mode = mode;
	return team_make_slot(directory, &opts);
}

int team_setup(void **state)
{
	team_gate = gate_open();
	team_back = gate_open();
	return support_setup_root(state);
}

int team_teardown(void **state)
{
	gate_close(team_gate);
	gate_close(team_back);
	return support_teardown(state);
}

int team_main(int (*run)(void), unsigned timeout_s)
{
	if (geteuid() != 0) {
		printf("skipped: only root can act as several users\n");
		return SKIPPED;
	}
	return support_main(run, timeout_s);
}

babus_slot *team_open(unsigned flags)
{
	babus_domain *domain;
	babus_slot *slot;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", flags, NULL, &slot), 0);
	return slot;
}

void team_expect_text(struct babus_message *message, const char *text)
{
	EXPECT(message->size == strlen(text) && !memcmp(message->data, text, message->size));
	babus_message_release(message);
}

void team_ready(void)
{
	gate_post(team_back, 1);
	gate_wait(team_gate);
}

/* SPDX-License-Identifier: MIT */
/*
 * Attacks by a member of the team that may only read the slot. Each starts at team_ready() and
 * never ends.
 */
#ifndef BABUS_TESTS_HOSTILE_H
#define BABUS_TESTS_HOSTILE_H

void hostile_scribbles_over_pins(void);
void hostile_scribbles_over_the_domain(void);
void hostile_takes_locks(void);
void hostile_grows_and_punches(void);
void hostile_litters(void);
void hostile_holds_and_stops(void);
void hostile_touches_all_of_the_slot(void);

/* Remove the files that they left in the directory; for the owner. */
void hostile_clean_up(void);

#endif

/* SPDX-License-Identifier: MIT */
/* What holds at each step of an operation, and what the words that the dead leave mean. */
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "accounts.h"
#include "alloc.h"
#include "slot.h"
#include "support.h"

enum {
	DEPTH = 3,
	SIZE = 64 * 1024,
	DEAD = 12345 /* an incarnation of no client */
};

static babus_slot *mine, *others;
static char data[SIZE];
static atomic_bool looking;
static void (*look)(void); /* at each step */
static unsigned looks;

void babus_step(const struct babus_step *step)
{
	(void)step;
	if (!atomic_load(&looking))
		return;
	atomic_store(&looking, false);
	looks++;
	look();
	atomic_store(&looking, true);
}

static void look_by(void (*fn)(void))
{
	look = fn;
	looks = 0;
	atomic_store(&looking, true);
}

static void look_no_more(void)
{
	atomic_store(&looking, false);
	assert_true(looks > 20);
}

static void open_both(void)
{
	others = make_slot("s", DEPTH, SIZE);
	mine = make_slot("s", DEPTH, SIZE);
}

static void publish_frames(babus_slot *slot, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(babus_slot_publish(slot, data, SIZE, NULL, NULL), 0);
}

static uint64_t newest_cell(void)
{
	const struct ring *ring = &others->ring;
	uint64_t newest = 0;

	assert_int_equal(ring_newest(ring, &newest), 0);
	return cell_get(&ring->cells[ring_index(ring, newest)]);
}

static void look_at_memory(void)
{
	EXPECT(accounts_have_memory(others));
}

static unsigned count_tokens(uint64_t incarnation)
{
	const struct lease_table *table = &others->leases[SLOT_FILE].table;
	unsigned count = 0;

	for (uint32_t i = 0; i < table->count; i++)
		count += claim_get(&table->entries[i].claim) == incarnation;
	return count;
}

static unsigned count_owned(uint64_t incarnation)
{
	const struct ring *ring = &others->ring;
	unsigned count = 0;

	for (uint32_t i = 0; i < ring->g.buffers; i++)
		count += state_get(&ring->states[i]) == word_state(STATE_OWNED, incarnation);
	return count;
}

/*
 * Each client has at least as many tokens as buffers. Otherwise there may be no buffer for one
 * with a token, and no client finds what it holds if it dies there.
 */
static void look_at_tokens(void)
{
	const struct ring *ring = &others->ring;

	for (uint32_t i = 0; i < ring->g.buffers; i++) {
		uint64_t state = state_get(&ring->states[i]), owner = state_value(state);

		if (state_kind(state) == STATE_OWNED)
			EXPECT(count_tokens(owner) >= count_owned(owner));
	}
}

static void use_all_calls_that_own(void)
{
	struct babus_loan loan, lost;

	assert_int_equal(babus_slot_publish(mine, data, SIZE, NULL, NULL), 0);
	/* With the handle's own token, which is never given back. */
	assert_int_equal(babus_slot_loan(mine, SIZE, &lost), 0);
	assert_int_equal(babus_slot_loan(mine, SIZE, &loan), 0);
	assert_int_equal(babus_loan_commit(&loan, NULL), 0);
	assert_int_equal(babus_slot_loan(mine, SIZE, &loan), 0);
	babus_loan_discard(&loan);
	assert_true(babus_slot_reserve(mine, 5, SIZE) > 0);
	assert_int_equal(babus_slot_trim(mine, NULL), 0);
	assert_int_equal(babus_slot_publish(mine, data, SIZE, NULL, NULL), 0);
	babus_slot_close(mine);
	look();
}

static void backed_bytes_always_have_memory(void **state)
{
	(void)state;
	open_both();
	look_by(look_at_memory);
	use_all_calls_that_own();
	look_no_more();
	babus_slot_close(others);
}

static void owner_of_buffers_has_as_many_tokens(void **state)
{
	(void)state;
	open_both();
	look_by(look_at_tokens);
	use_all_calls_that_own();
	look_no_more();
	babus_slot_close(others);
}

static void recovery_takes_buffers_of_the_dead_before_their_tokens(void **state)
{
	struct babus_report report;
	struct lease_table *table;
	uint32_t buffer;

	(void)state;
	open_both();
	table = &others->leases[SLOT_FILE].table;
	assert_true(claim_swap(&table->entries[table->count - 1].claim, 0, DEAD));
	assert_int_equal(alloc_take_any(&others->ring, DEAD, SIZE, &buffer), 0);
	look_by(look_at_tokens);
	assert_int_equal(babus_domain_recover(bus, 1, &report), 0);
	look_no_more();
	assert_int_equal(report.dead_publishers, 1);
	assert_int_equal(report.buffers, 1);
	babus_slot_close(mine);
	babus_slot_close(others);
}

/* What becomes of a buffer whose owner died, by the number in its record. */
static uint64_t state_after_death(uint32_t buffer, uint64_t seq)
{
	struct ring *ring = &others->ring;
	uint64_t owned = word_state(STATE_OWNED, DEAD), got;

	record_put(&ring->records[buffer].seq, seq);
	state_set(&ring->states[buffer], owned);
	assert_int_equal(ring_bury_owners(ring, &(struct lease_set){(uint64_t[]){DEAD}, 1}), 1);
	got = state_get(&ring->states[buffer]);
	state_set(&ring->states[buffer], STATE_FREE);
	return got;
}

static void a_dead_owners_buffer_is_free_unless_its_number_was_published(void **state)
{
	struct ring *ring;
	uint64_t newest, cell;
	uint32_t buffer;

	(void)state;
	open_both();
	ring = &others->ring;
	publish_frames(others, 2 * DEPTH);
	assert_int_equal(alloc_take_any(ring, DEAD, SIZE, &buffer), 0);
	cell = newest_cell();
	newest = cell_seq(cell);
	assert_int_equal(state_after_death(buffer, 0), STATE_FREE);
	assert_int_equal(state_after_death(buffer, newest + 1), STATE_FREE);
	assert_int_equal(state_after_death(buffer, newest), STATE_FREE);
	assert_int_equal(state_after_death(buffer, newest - DEPTH + 1), STATE_FREE);
	/* It looks like one that was published and displaced, and is reclaimed as such. */
	assert_int_equal(state_after_death(buffer, newest - DEPTH),
			 word_state(STATE_HISTORY, (newest - DEPTH) | STATE_TAINTED));
	state_set(&ring->states[buffer],
		  word_state(STATE_HISTORY, (newest - DEPTH) | STATE_TAINTED));
	assert_int_equal(alloc_reclaim(ring), 0);
	assert_int_equal(state_get(&ring->states[buffer]), STATE_FREE);
	/* Published, but its owner died before it could say so. */
	assert_int_equal(state_after_death(cell_buffer(cell), newest),
			 word_state(STATE_HISTORY, newest));
	babus_slot_close(mine);
	babus_slot_close(others);
}

/* As a dead client leaves it: its claim was recovered, the rest is for the next client. */
static void an_unclaimed_pin_keeps_nothing(void **state)
{
	struct ring *ring;
	uint64_t cell;

	(void)state;
	open_both();
	ring = &mine->ring;
	publish_frames(others, 1);
	cell = newest_cell();
	assert_true(pin_set(&mine->pins[ring->g.pins - 1].pin, cell));
	extent_raise(&mine->pins_header->extent, ring->g.pins);
	publish_frames(others, DEPTH);
	assert_int_equal(alloc_reclaim(ring), 0);
	assert_int_equal(state_get(&ring->states[cell_buffer(cell)]), STATE_FREE);
	babus_slot_close(mine);
	babus_slot_close(others);
}

/* --- which clients are alive --------------------------------------------------------- */

static bool lives(enum slot_file file, uint64_t incarnation)
{
	struct stat st;
	int fd = slot_reopen(others, file, O_RDONLY, &st);
	int alive;

	EXPECT(fd >= 0);
	alive = lease_alive(fd, incarnation);
	close(fd);
	return alive == 1;
}

static void look_at_claims(void)
{
	const struct lease_table *tables[] = {&others->leases[SLOT_FILE].table,
					      &others->leases[SLOT_PINS_FILE].table};

	for (uint32_t n = 0; n < 2; n++) {
		for (uint32_t i = 0; i < tables[n]->count; i++) {
			uint64_t claim = claim_get(&tables[n]->entries[i].claim);

			if (claim)
				EXPECT(lives(n ? SLOT_PINS_FILE : SLOT_FILE, claim));
		}
	}
}

/* Else it would be taken for dead, and what it holds would be recovered. */
static void an_entry_belongs_to_a_live_client_from_the_first_step_to_the_last(void **state)
{
	struct babus_message message;

	(void)state;
	others = make_slot("s", DEPTH, SIZE);
	publish_frames(others, 1);
	look_by(look_at_claims);
	mine = open_slot("s", BABUS_PUBLISH);
	assert_int_equal(babus_slot_view(mine, BABUS_LATEST, 0, &message), 0);
	babus_message_release(&message);
	babus_slot_close(mine);
	look_no_more();
	babus_slot_close(others);
}

static void a_number_of_a_client_is_never_used_again(void **state)
{
	uint64_t last;

	(void)state;
	open_both();
	for (int i = 0; i < 20; i++) {
		last = slot_publisher(mine);
		babus_slot_close(mine);
		mine = open_slot("s", BABUS_PUBLISH);
		assert_true(slot_publisher(mine) > last);
	}
	babus_slot_close(mine);
	babus_slot_close(others);
}

/* A user that may only read the file can place read locks. */
static void a_read_lock_feigns_no_life(void **state)
{
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1};
	uint64_t dead;
	int fd;

	(void)state;
	open_both();
	dead = slot_publisher(mine);
	assert_true(lives(SLOT_FILE, dead));
	babus_slot_close(mine);
	fd = open(domain_file("s.slot"), O_RDONLY);
	lock.l_start = (off_t)dead;
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
	assert_false(lives(SLOT_FILE, dead));
	close(fd);
	babus_slot_close(others);
}

/* --- others are faster -------------------------------------------------------------------- */

static struct babus_loan their_loan;
static unsigned lend_at;

static void lend_to_others(void)
{
	if (looks == lend_at)
		EXPECT_EQUAL(babus_slot_loan(others, SIZE, &their_loan), 0);
}

static void two_loans_never_share_a_token(void **state)
{
	struct babus_loan first, loan, other;

	(void)state;
	open_both();
	/* With the tokens that each handle has for itself. */
	assert_int_equal(babus_slot_loan(mine, SIZE, &first), 0);
	assert_int_equal(babus_slot_loan(others, SIZE, &other), 0);
	do {
		lend_at++;
		their_loan.slot = NULL;
		look_by(lend_to_others);
		assert_int_equal(babus_slot_loan(mine, SIZE, &loan), 0);
		atomic_store(&looking, false);
		if (their_loan.slot)
			assert_int_not_equal(loan.token, their_loan.token);
		babus_loan_discard(&loan);
		babus_loan_discard(&their_loan);
	} while (looks >= lend_at);
	assert_true(lend_at > 10);
	babus_loan_discard(&first);
	babus_loan_discard(&other);
	babus_slot_close(mine);
	babus_slot_close(others);
}

static void look_at_their_loan(void)
{
	EXPECT_EQUAL(state_get(&others->ring.states[their_loan.buffer]),
		     word_state(STATE_OWNED, slot_publisher(others)));
}

static void buffers_of_others_stay_theirs(void **state)
{
	(void)state;
	open_both();
	publish_frames(mine, 1);
	/* With little memory, so that there is something to do. */
	assert_int_equal(babus_slot_loan(others, 1, &their_loan), 0);
	look_by(look_at_their_loan);
	assert_true(babus_slot_reserve(mine, mine->ring.g.buffers, SIZE) > 0);
	assert_int_equal(babus_slot_trim(mine, NULL), 0);
	look_no_more();
	babus_loan_discard(&their_loan);
	babus_slot_close(mine);
	babus_slot_close(others);
}

/* --- access -------------------------------------------------------------------------------- */

enum {
	OLD_MODE = 0664,
	NEW_MODE = 0640,
	NEW_GROUP = 54321
};

static void look_at_access(void)
{
	struct stat st;

	EXPECT(!stat(domain_file("s.slot"), &st));
	EXPECT(st.st_gid != NEW_GROUP || (st.st_mode & 0777) == NEW_MODE);
	EXPECT(!stat(pins_file(others), &st));
	EXPECT(st.st_gid != NEW_GROUP || (st.st_mode & 0002) == 0);
}

static void a_new_group_never_has_the_rights_of_the_old_one(void **state)
{
	struct babus_slot_options opts = small_options(DEPTH, SIZE);

	(void)state;
	opts.mode = OLD_MODE;
	others = make_slot_with("s", &opts);
	look_by(look_at_access);
	assert_int_equal(babus_slot_set_access(others, NEW_MODE, (uid_t)-1, NEW_GROUP), 0);
	atomic_store(&looking, false);
	assert_true(looks > 4);
	look_at_access();
	babus_slot_close(others);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(backed_bytes_always_have_memory),
	    CASE(owner_of_buffers_has_as_many_tokens),
	    CASE(recovery_takes_buffers_of_the_dead_before_their_tokens),
	    CASE(a_dead_owners_buffer_is_free_unless_its_number_was_published),
	    CASE(an_unclaimed_pin_keeps_nothing),
	    CASE(an_entry_belongs_to_a_live_client_from_the_first_step_to_the_last),
	    CASE(a_number_of_a_client_is_never_used_again),
	    CASE(a_read_lock_feigns_no_life),
	    CASE(two_loans_never_share_a_token),
	    CASE(buffers_of_others_stay_theirs),
	    CASE(a_new_group_never_has_the_rights_of_the_old_one),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

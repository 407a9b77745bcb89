/* SPDX-License-Identifier: MIT */
/*
 * Thousands of deaths at random moments, a third of them of processes that were stopped and
 * revived before, leave the slots as good as new. The processes that go on in these slots do
 * not notice.
 *
 *     BABUS_STRESS_KILLS=N     until N have died, in place of some seconds
 *     BABUS_STRESS_SECONDS=N   for so long
 *     BABUS_STRESS_SEED=N      as printed by a run that failed: the same lives again, though
 *                              the kernel schedules them differently
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kill_stage.h"
#include "payload.h"
#include "support.h"

enum {
	SECONDS = 20,
	STOPPED_FOR = 8,  /* deaths of others, at most */
	VIGIL_EVERY = 50, /* deaths */
	WITNESSES_MAX = 8,
	/* For processes that are alive and ready to run, on a busy machine. */
	PATIENCE_MS = 60000 * SUPPORT_SLOWER
};

static struct seat {
	unsigned number;
	pid_t pid; /* 0: none */
	bool stopped;
	uint64_t until; /* so many deaths it stays so */
} seats[VICTIMS];

static pid_t witnesses[WITNESSES_MAX];
static int ends[WITNESSES_MAX]; /* descriptors that report their ends */
static uint64_t deaths, stops, deaths_while_stopped, vigils, waiters_watched, random_state;

static uint64_t number_from(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static bool is_enough(int64_t until)
{
	uint64_t kills = number_from("BABUS_STRESS_KILLS", 0);

	return kills ? deaths >= kills : now_ns() >= until;
}

/* --- victims ------------------------------------------------------------------------- */

static void start(struct seat *seat)
{
	seat->stopped = false;
	seat->pid = child_start(kill_victim, &seat->number);
}

static void revive(struct seat *seat)
{
	seat->stopped = false;
	assert_int_equal(kill(seat->pid, SIGCONT), 0);
}

static struct seat *seat_of(pid_t pid)
{
	for (unsigned i = 0; i < VICTIMS; i++)
		if (seats[i].pid == pid)
			return &seats[i];
	return NULL;
}

static const char *witness_name(pid_t pid)
{
	for (unsigned i = 0; i < kill_witness_count; i++)
		if (witnesses[i] == pid)
			return kill_witnesses[i].name;
	return "another process";
}

/* The end of a child: only victims end, and only by SIGKILL. */
static void note(pid_t pid, int status)
{
	struct seat *seat = seat_of(pid);

	if (!seat) {
		fail_msg("%s ended by itself", witness_name(pid));
		return;
	}
	if (WIFEXITED(status))
		fail_msg("a victim ended by itself");
	if (WIFSTOPPED(status)) {
		seat->stopped = true;
		seat->until = deaths + random_next(&random_state) % STOPPED_FOR;
		stops++;
		return;
	}
	assert_int_equal(WTERMSIG(status), SIGKILL);
	deaths++;
	deaths_while_stopped += seat->stopped;
	seat->pid = 0;
}

static void wait_for(pid_t pid)
{
	int status;

	while ((pid = waitpid(pid, &status, WUNTRACED)) < 0)
		assert_int_equal(errno, EINTR);
	note(pid, status);
}

/*
 * Stopped ones go on, or die as they are, when their time has come; all at once if no other
 * process is left to die.
 */
static void end_stops(void)
{
	unsigned stopped = 0;

	for (unsigned i = 0; i < VICTIMS; i++)
		stopped += seats[i].stopped;
	for (unsigned i = 0; i < VICTIMS; i++) {
		struct seat *seat = &seats[i];

		if (!seat->stopped || (deaths < seat->until && stopped < VICTIMS))
			continue;
		if (random_next(&random_state) % 4) {
			revive(seat);
		} else {
			assert_int_equal(kill(seat->pid, SIGKILL), 0);
			wait_for(seat->pid);
		}
	}
}

static void fill_seats(void)
{
	for (unsigned i = 0; i < VICTIMS; i++)
		if (!seats[i].pid)
			start(&seats[i]);
}

/* --- vigils ---------------------------------------------------------------------------- */

static void stop_all(void)
{
	for (unsigned i = 0; i < VICTIMS; i++)
		if (seats[i].pid && !seats[i].stopped)
			assert_int_equal(kill(seats[i].pid, SIGSTOP), 0);
	for (unsigned i = 0; i < VICTIMS; i++)
		if (seats[i].pid && !seats[i].stopped)
			wait_for(seats[i].pid);
}

/* Until each witness has posted the gate. */
static void wait_for_witnesses(void)
{
	struct pollfd events[1 + WITNESSES_MAX] = {{.fd = kill_stage->gate, .events = POLLIN}};

	for (unsigned i = 0; i < kill_witness_count; i++)
		events[1 + i] = (struct pollfd){.fd = ends[i], .events = POLLIN};
	for (unsigned missing = kill_witness_count; missing;) {
		int ready = poll(events, 1 + kill_witness_count, PATIENCE_MS);

		if (!ready)
			fail_msg("a witness makes no progress while all victims are stopped");
		for (unsigned i = 0; ready > 0 && i < kill_witness_count; i++)
			if (events[1 + i].revents)
				fail_msg("the %s ended by itself", kill_witnesses[i].name);
		if (ready > 0) {
			gate_wait(kill_stage->gate);
			missing--;
		}
	}
}

/*
 * All victims are stopped wherever they are, and every witness must make progress. The waiter
 * must before it has slept three times: if it was falling asleep when the publisher that was to
 * wake it was stopped, it sleeps until the re-check, and it may have slept once before. The test
 * can tell that only if the waiter did nothing between two looks at the count, with the begin of
 * the vigil between them.
 */
static void hold_vigil(void)
{
	uint64_t before, after;

	stop_all();
	before = count_sleeps(witnesses[KILL_WAITER]);
	atomic_fetch_add(&kill_stage->vigil, 1);
	after = count_sleeps(witnesses[KILL_WAITER]);
	wait_for_witnesses();
	if (before == after) {
		assert_in_range(atomic_load(&kill_stage->sleeps), before, before + 2);
		waiters_watched++;
	}
	vigils++;
}

/* --- all of it ----------------------------------------------------------------------- */

static void begin(void)
{
	kill_stage = mmap(NULL, sizeof(*kill_stage), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_true(kill_stage != MAP_FAILED);
	kill_stage->seed = number_from("BABUS_STRESS_SEED", (uint64_t)now_ns() % 1000000000);
	kill_stage->gate = gate_open();
	random_state = kill_stage->seed;
	printf("# seed %" PRIu64 "\n", kill_stage->seed);
	for (unsigned i = 0; i < KILL_SLOTS; i++) {
		struct babus_slot_options opts = kill_options(i);
		babus_slot *slot = make_slot_with(kill_slots[i].name, &opts);
		uint64_t counter = atomic_fetch_add(&kill_stage->counters[WITNESS][i], 1);
		char first[1];
		struct babus_stamp stamp = payload_fill(first, 1, kill_tag(i, WITNESS, counter));

		assert_int_equal(babus_slot_publish(slot, first, 1, &stamp, NULL), 0);
		atomic_fetch_add(&kill_stage->published[i], 1);
		babus_slot_close(slot);
	}
	for (unsigned i = 0; i < kill_witness_count; i++) {
		witnesses[i] = child_start(kill_witnesses[i].act, NULL);
		ends[i] = (int)syscall(SYS_pidfd_open, witnesses[i], 0);
		assert_true(ends[i] >= 0);
	}
	for (unsigned i = 0; i < VICTIMS; i++)
		seats[i] = (struct seat){.number = i};
}

static void end(void)
{
	for (unsigned i = 0; i < VICTIMS; i++) {
		if (seats[i].pid) {
			kill(seats[i].pid, SIGKILL);
			while (seats[i].pid)
				wait_for(seats[i].pid);
		}
	}
	atomic_store(&kill_stage->over, true);
	for (unsigned i = kill_witness_count; i-- > 0;) {
		atomic_store(&kill_stage->all_over, i == KILL_PUBLISHER);
		snprintf(support_context, sizeof(support_context), "seed %" PRIu64 ", the %s",
			 kill_stage->seed, kill_witnesses[i].name);
		child_join(witnesses[i]);
		close(ends[i]);
	}
	gate_close(kill_stage->gate);
}

static void report(int64_t began)
{
	struct kill_stage *s = kill_stage;

	printf("# %" PRIu64 " deaths, %" PRIu64 " of the stopped; %" PRIu64 " stops, %" PRIu64
	       " vigils, %" PRIu64 " of them of the waiter; %.1f s\n",
	       deaths, deaths_while_stopped, stops, vigils, waiters_watched,
	       (double)(now_ns() - began) / SECOND);
	for (unsigned i = 0; i < KILL_SLOTS; i++)
		printf("# %-5s published %9" PRIu64 "\n", kill_slots[i].name, s->published[i]);
	printf("# witnesses: %" PRIu64 " read in order, %" PRIu64 " missed, %" PRIu64
	       " waits, %" PRIu64 " of them as long as a re-check; slept %" PRIu64
	       " times in %" PRIu64 " calls\n#",
	       s->read, s->missed, s->heard, s->late, s->blocked, s->calls);
	for (unsigned i = 0; i < kill_op_count; i++)
		printf(" %s %" PRIu64, kill_op_names[i] + strlen("op_"), s->ops[i]);
	printf("\n");
}

static void assert_no_witness_was_delayed(void)
{
	assert_true(kill_stage->calls > 1000);
	/* The kernel may make a process sleep for its own reasons, at times. */
	assert_true(kill_stage->blocked <= kill_stage->calls / 1000);
	/* Few die, or are stopped, between a message and its wake-up. */
	assert_true(kill_stage->late <= 1 + kill_stage->heard / 100);
	assert_true(vigils == 0 || waiters_watched > 0);
}

static void every_op_was_done(void)
{
	for (unsigned i = 0; i < kill_op_count; i++)
		assert_true(kill_stage->ops[i] > 0);
}

static void deaths_at_random_moments_leave_the_slots_as_good_as_new(void **state)
{
	int64_t began = now_ns();
	int64_t until = began + (int64_t)number_from("BABUS_STRESS_SECONDS", SECONDS) * SECOND;
	uint64_t next_vigil = VIGIL_EVERY;

	(void)state;
	begin();
	while (!is_enough(until)) {
		snprintf(support_context, sizeof(support_context),
			 "seed %" PRIu64 ", death %" PRIu64, kill_stage->seed, deaths);
		fill_seats();
		if (deaths >= next_vigil) {
			next_vigil += VIGIL_EVERY;
			hold_vigil();
		}
		end_stops();
		fill_seats();
		wait_for(-1);
	}
	end();
	report(began);
	snprintf(support_context, sizeof(support_context), "seed %" PRIu64 ", the audit",
		 kill_stage->seed);
	assert_no_witness_was_delayed();
	kill_audit();
	every_op_was_done();
	*support_context = '\0';
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(deaths_at_random_moments_leave_the_slots_as_good_as_new),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60 + 2 * (unsigned)number_from("BABUS_STRESS_SECONDS", SECONDS) +
				     (unsigned)number_from("BABUS_STRESS_KILLS", 0) / 20);
}

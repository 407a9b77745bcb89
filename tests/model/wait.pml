/* SPDX-License-Identifier: MIT */
/*
 * Waiting and waking: two publishers, each of a slot of its own, and two
 * waiters on one event word, as core/wait.[hc] and core/waiter.c have them.
 * Waiter 0 looks at both slots, waiter 1 at slot 1. `check` runs it.
 *
 * One statement or d_step is one access to a shared word or one futex call. A
 * slot is a count of messages: reader_look() sees of it only whether there is
 * one after the cursor. `killer` ends up to CRASHES processes at any point.
 *
 * The property is that there is no deadlock: a waiter may leave its sleep for
 * good only when all publishers have finished and it has seen everything, so
 * one that sleeps with news stays where it is for ever. RECHECK lets it look
 * again when nothing else can happen in the system. Without RECHECK, a waiter
 * may also be left asleep by a publisher that was killed after its message and
 * before its wake-up, and by nothing else.
 *
 * Every access is sequentially consistent, so stores are never late but in
 * mutants, where `memory` makes them visible at any later time.
 *
 * Parameters: CHANNELS (1 or 2) for the two slots; PUBS messages of each
 * publisher; CRASHES, VICTIMS; RECHECK. A mutant is one macro M_..., see `check`.
 */

#ifndef CHANNELS
#define CHANNELS 1
#endif
#ifndef PUBS
#define PUBS 2
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef VICTIMS
#define VICTIMS 15	/* bit for each process that may be killed */
#endif

byte count[2];		/* messages in each slot: the cells */
byte waiting;		/* layout_domain.waiting: a bit for each channel */
byte event;		/* layout_domain.event */
bool asleep[2];		/* in the kernel's queue on event */

byte late_count[2];	/* publishers' store buffers, for mutants */
byte late_mark[2];	/* waiters' */

/* For the property and the killer; nothing in the protocol reads these. */
bool alive[4], dead[4];
bool owes[2];		/* a publisher is between its message and its wake-up */
bool debt;		/* one was killed there */
byte finished;		/* publishers that are done, or dead */

#define CHANNEL_BIT(slot) (1 << (slot) % CHANNELS)
#define LISTEN(w) (w == 0 -> CHANNEL_BIT(0) | CHANNEL_BIT(1) : CHANNEL_BIT(1))

proctype memory()
{
end:	do
	:: d_step { late_count[0] -> count[0]++; late_count[0] = 0 }
	:: d_step { late_count[1] -> count[1]++; late_count[1] = 0 }
	:: d_step { late_mark[0] -> waiting = waiting | late_mark[0]; late_mark[0] = 0 }
	:: d_step { late_mark[1] -> waiting = waiting | late_mark[1]; late_mark[1] = 0 }
	od
}

inline kill_process(id)
{
	d_step {
		alive[id] && (VICTIMS >> id & 1) ->
		alive[id] = false;
		dead[id] = true;
		if
		:: id < 2 ->
			debt = debt || owes[(id) & 1];
			finished++
		:: else -> asleep[(id) & 1] = false
		fi
	}
}

proctype killer()
{
	byte kills;

	do
	:: kills < CRASHES ->
		if
		:: kill_process(0)
		:: kill_process(1)
		:: kill_process(2)
		:: kill_process(3)
		:: else
		fi;
		kills++
	:: break
	od
}

/* --- a publisher ----------------------------------------------------------------- */

/* FUTEX_WAKE_BITSET. */
inline wake_bits(channels)
{
	d_step {
		if
		:: asleep[0] && (LISTEN(0) & (channels)) -> asleep[0] = false
#ifdef M_WAKE_ONE
		:: else ->
			if
			:: asleep[1] && (LISTEN(1) & (channels)) -> asleep[1] = false
			:: else
			fi
		fi
#else
		:: else
		fi;
		if
		:: asleep[1] && (LISTEN(1) & (channels)) -> asleep[1] = false
		:: else
		fi
#endif
	}
}

/* P3 to P5. */
inline wait_wake()
{
#ifdef M_BUMP_FIRST
	event++;
#endif
	d_step { /* waiting_take */
		taken = waiting & CHANNEL_BIT(p);
		waiting = waiting & ~CHANNEL_BIT(p)
	};
	if
	:: taken ->
#ifdef M_WAKE_FIRST
		wake_bits(taken);
#endif
#if !defined(M_BUMP_FIRST) && !defined(M_NO_BUMP)
		event++;	/* event_bump */
#endif
#ifndef M_WAKE_FIRST
		wake_bits(taken);
#endif
		taken = 0
	:: else
	fi
}

/* P2. */
inline wait_notify()
{
	if
	:: waiting & CHANNEL_BIT(p) -> wait_wake()
	:: else
	fi
}

proctype publisher(byte p)
{
	byte n, taken;

	{
		do
		:: n < PUBS ->
			d_step { /* P1: cell_set */
#ifdef M_CELL_LATE
				late_count[p] == 0 ->
				late_count[p] = 1;
#else
				count[p]++;
#endif
				owes[p] = true
			};
			wait_notify();
			d_step {
				owes[p] = false;
				n++
			}
		:: d_step {
				n == PUBS && late_count[p] == 0 ->
				alive[p] = false;
				n = 0;
				finished++
			};
			goto end
		od
	} unless {
		dead[p]
	};
end:	skip
}

/* --- a waiter ---------------------------------------------------------------------- */

#define ID (2 + w)
#define NEWS(w) (w == 0 && count[0] > seen[0] || count[1] > seen[1])

/* look(): one slot after the other; `found` is 1 + the slot with news. */
inline look()
{
	if
	:: w == 0 ->
		if
		:: count[0] > seen[0] -> found = 1
		:: else
		fi
	:: else
	fi;
	if
	:: found == 0 && count[1] > seen[1] -> found = 2
	:: else
	fi
}

inline event_get()
{
	word = event
}

inline waiting_mark()
{
#ifdef M_MARK_BUFFERED
	late_mark[w] = LISTEN(w)
#else
	waiting = waiting | LISTEN(w)
#endif
}

/* W1 to W4. */
inline sleep_once()
{
#ifdef M_EVENT_LATE
	waiting_mark();
	event_get();
	look();
#elif defined(M_MARK_AFTER_LOOK)
	event_get();
	look();
	waiting_mark();
#else
	event_get();
	waiting_mark();
#ifndef M_NO_LOOK
	look();
#endif
#endif
	if
	:: found == 0 ->
		if
		:: d_step { word == event -> asleep[w] = true }; /* FUTEX_WAIT_BITSET */
			if
			:: !asleep[w]
#ifdef RECHECK
			:: d_step { timeout && NEWS(w) -> asleep[w] = false }
#endif
			:: d_step {
					asleep[w] && finished == 2 &&
					late_count[0] + late_count[1] == 0 &&
#if defined(RECHECK) || defined(M_NO_RECHECK)
					!NEWS(w) ->
#else
					(debt || !NEWS(w)) ->
#endif
					asleep[w] = false;
					alive[ID] = false
				};
				goto end
			fi
		:: else
		fi;
		word = 0
	:: else -> word = 0
	fi
}

/* babus_waiter_wait(), and the caller who reads one message at a time. */
proctype waiter(byte w)
{
	byte seen[2], word, found;

	{
		do
		:: look();
			if
			:: found == 0 -> sleep_once()
			:: else
			fi;
			d_step {
				if
				:: found -> seen[found - 1]++; found = 0
				:: else
				fi
			}
		od
	} unless {
		dead[ID]
	};
end:	skip
}

init {
	atomic {
		alive[0] = true;
		alive[1] = true;
		alive[2] = true;
		alive[3] = true;
		run publisher(0);
		run publisher(1);
		run waiter(0);
		run waiter(1);
#if defined(M_CELL_LATE) || defined(M_MARK_BUFFERED)
		run memory();
#endif
#if CRASHES
		run killer();
#endif
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Waiting and waking: two publishers, each of a slot of its own, and two
 * waiters on one event word, as core/wait.[hc], core/look.c, core/waiter.c and core/interest.c
 * have them. Waiter 0 looks at both slots, waiter 1 at slot 1. `check` runs it.
 *
 * One statement or d_step is one access to a shared word or one futex call. A
 * slot is a count of messages: reader_look() sees of it only whether there is
 * one after the cursor. `killer` ends up to CRASHES processes at any point; to the
 * others one that is dead is one that is stopped for ever.
 *
 * The property is that there is no deadlock. A waiter may leave its sleep for good
 * only when all publishers have finished or are dead and it has seen every message
 * whose publish has returned, so one that sleeps with news stays where it is for ever.
 * A message whose publisher died before its publish returned may be left unseen, and no
 * other. With RECHECK that one is seen too, by a waiter that looks again when nothing
 * else can happen in the system.
 *
 * Every access is sequentially consistent, so stores are never late but in
 * mutants, where `memory` makes them visible at any later time.
 *
 * Parameters: PLACES of the two slots: 1, they share a mark; 2, a channel; 3, neither; PUBS
 * messages of each publisher; CRASHES, VICTIMS; RECHECK; ALONE: there is no waiter 1; ADD:
 * so, and slot 1 is added to waiter 0's set at any time; SEEK: so, and the reader of slot 0
 * goes back by a message at any time. A mutant is one macro M_..., see `check`.
 */

#ifndef PLACES
#define PLACES 1
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
#if defined(ADD) || defined(SEEK)
#define ALONE
#endif
#ifdef SEEK
#define BRINGERS 3	/* of news */
#else
#define BRINGERS 2
#endif

byte count[2];		/* messages in each slot: the cells */
/*
 * layout_channel.news, .marks and layout_domain.event. Counters are only compared with
 * earlier values of theirs, so each pair that is compared has a bit that says whether they
 * differ. When the counter changes, the bit is set for all processes that have read it.
 */
bool marked[2];		/* the mark's epoch is odd */
bool stale[3];		/* it is another one than the publisher (or seeker) saw */
bool moved[4];		/* the mark's news are not those the waiter saw: MOVED() */
bool moved_channel[4];	/* the same of the channel's news: CHANNEL_MOVED() */
bool changed[2];	/* the event word is another one than the waiter read */
#define MOVED(w, m) moved[2 * (w) + (m)]
#define CHANNEL_MOVED(w, c) moved_channel[2 * (w) + (c)]

bool asleep[2];		/* in the kernel's queue on event */
byte listen[2];		/* and for which channels */

/* The waiters: their cursors, and what is under their locks. */
byte cursor0[2], cursor1;
#define CURSOR(w, slot) (w == 0 -> cursor0[slot] : cursor1)
#ifdef ADD
byte slots0 = 1;
#else
byte slots0 = 3;
#endif
bool quiet[4], quiet_channel[4];
#define QUIET(w, m) quiet[2 * (w) + (m)]
#define CHANNEL_QUIET(w, c) quiet_channel[2 * (w) + (c)]
bool kick, lock;	/* of waiter 0 */

byte late_count[2];	/* publishers' store buffers, for mutants */
byte late_mark[2];	/* waiters' */

/* For the property and the killer; nothing in the protocol reads these. */
bool alive[4], dead[4];
byte out[2];		/* messages whose publish has returned */
byte finished;		/* bringers that are done, or dead */

#if PLACES == 1
#define MARK(slot) 0
#else
#define MARK(slot) (slot)
#endif
#if PLACES == 3
#define CHANNEL(slot) (slot)
#else
#define CHANNEL(slot) 0
#endif
#define BIT(slot) (1 << CHANNEL(slot))
#define LOOKS_AT(w, slot) (w == 0 && (slots0 >> (slot) & 1) || w == 1 && slot == 1)
#define NEWS(w, slot) (LOOKS_AT(w, slot) && count[slot] > CURSOR(w, slot))
#define MISSES(w, slot) (LOOKS_AT(w, slot) && out[slot] > CURSOR(w, slot))

#ifdef SEEK
#define ALL_STALE stale[0] = true; stale[1] = true; stale[2] = true
#else
#define ALL_STALE stale[0] = true; stale[1] = true
#endif

/* Always a new odd epoch. Inside a d_step. */
inline new_epoch(m)
{
#ifdef M_SAME_EPOCH
	if
	:: !marked[m] -> ALL_STALE
	:: else
	fi;
#else
	ALL_STALE;
#endif
	marked[m] = true
}

inline event_bump()
{
	d_step {
		changed[0] = true;
		changed[1] = true
	}
}

proctype memory()
{
end:	do
	:: d_step { late_count[0] -> count[0]++; late_count[0] = 0 }
	:: d_step { late_count[1] -> count[1]++; late_count[1] = 0 }
	:: d_step { late_mark[0] & 1 -> new_epoch(0); late_mark[0] = late_mark[0] & 2 }
	:: d_step { late_mark[0] & 2 -> new_epoch(1); late_mark[0] = late_mark[0] & 1 }
	:: d_step { late_mark[1] & 1 -> new_epoch(0); late_mark[1] = late_mark[1] & 2 }
	:: d_step { late_mark[1] & 2 -> new_epoch(1); late_mark[1] = late_mark[1] & 1 }
	od
}

inline kill_process(id)
{
	d_step {
		alive[id] && (VICTIMS >> id & 1) ->
		alive[id] = false;
		dead[id] = true;
		if
		:: id < 2 -> finished++
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
		:: asleep[0] && (listen[0] & (channels)) -> asleep[0] = false
#ifdef M_WAKE_ONE
		:: else ->
			if
			:: asleep[1] && (listen[1] & (channels)) -> asleep[1] = false
			:: else
			fi
		fi
#else
		:: else
		fi;
		if
		:: asleep[1] && (listen[1] & (channels)) -> asleep[1] = false
		:: else
		fi
#endif
	}
}

/* One step: tries that fail change nothing, and another count is no reason to give up. */
inline mark_clear(who, m)
{
	d_step {
		if
#ifdef M_CLEAR_ANY
		:: true ->
#else
		:: !stale[who] ->
#endif
			ALL_STALE;
			marked[m] = false
		:: else
		fi;
		stale[who] = false
	}
}

inline news_bump(c)
{
	d_step {
		CHANNEL_MOVED(0, c) = true;
		CHANNEL_MOVED(1, c) = true
	}
}

/* P3 to P7. */
inline wait_wake(who, slot)
{
#ifdef M_BUMP_FIRST
	event_bump();
#endif
#ifdef M_CHANNEL_FIRST
	news_bump(CHANNEL(slot));
#endif
	d_step { /* mark_news */
#ifndef M_NO_NEWS
		MOVED(0, MARK(slot)) = true;
		MOVED(1, MARK(slot)) = true;
#endif
		stale[who] = false;
		set = marked[MARK(slot)];
#ifdef M_TAKE_FIRST
		marked[MARK(slot)] = false
#endif
	};
	if
	:: set ->
#if !defined(M_CHANNEL_FIRST) && !defined(M_CHANNEL_LATE)
		news_bump(CHANNEL(slot));
#endif
#ifdef M_WAKE_FIRST
		wake_bits(BIT(slot));
#endif
#if !defined(M_BUMP_FIRST) && !defined(M_NO_BUMP)
		event_bump();
#endif
#ifdef M_CHANNEL_LATE
		news_bump(CHANNEL(slot));
#endif
#ifdef M_CLEAR_BEFORE_WAKE
		mark_clear(who, MARK(slot));
#endif
#ifndef M_WAKE_FIRST
		wake_bits(BIT(slot));
#endif
#if !defined(M_TAKE_FIRST) && !defined(M_CLEAR_BEFORE_WAKE)
		mark_clear(who, MARK(slot));
#endif
		set = false
	:: else
	fi
}

/* P2. */
inline wait_notify(who, slot)
{
	if
	:: marked[MARK(slot)] -> wait_wake(who, slot)
	:: else
	fi
}

proctype publisher(byte p)
{
	byte n;
	bool set;

	{
		do
		:: n < PUBS ->
			d_step { /* P1: cell_set */
#ifdef M_CELL_LATE
				late_count[p] == 0 ->
				late_count[p] = 1
#else
				count[p]++
#endif
			};
			wait_notify(p, p);
			if
			:: d_step {
					late_count[p] == 0 ->
					out[p]++;
					n++;
					if
					:: n == PUBS ->
						alive[p] = false;
						finished++
					:: else
					fi
				}
			fi
		:: n == PUBS -> goto end
		od
	} unless {
		dead[p]
	};
end:	skip
}

/* move_cursor(): if there is a message after it, which is news again. */
proctype seeker()
{
	bool set;

	if
	:: d_step { cursor0[0] > 0 -> cursor0[0]-- };
#ifndef M_SEEK_SILENT
		if
		:: count[0] > cursor0[0] -> wait_notify(2, 0)
		:: else
		fi
#endif
	:: skip
	fi;
	finished++
}

/* --- a waiter ---------------------------------------------------------------------- */

#define ID (2 + w)

/* babus_waiter_add(). */
proctype adder()
{
	bool tell;

	d_step {
		!lock ->
		slots0 = 3;
#ifndef M_ADD_QUIET
		QUIET(0, MARK(1)) = false;
#endif
#ifndef M_ADD_CHANNEL_QUIET
		CHANNEL_QUIET(0, CHANNEL(1)) = false;
#endif
		tell = kick
	};
	if
	:: tell -> /* wait_kick() */
		event_bump();
		wake_bits(BIT(0));
		tell = false
	:: else
	fi
}

#ifdef M_QUIET_BLIND
#define IS_QUIET(m) QUIET(w, m)
#else
#define IS_QUIET(m) (QUIET(w, m) && !MOVED(w, m)) /* mark_get */
#endif
#ifdef M_CHANNEL_BLIND
#define IS_CHANNEL_QUIET(c) CHANNEL_QUIET(w, c)
#else
#define IS_CHANNEL_QUIET(c) (CHANNEL_QUIET(w, c) && !CHANNEL_MOVED(w, c)) /* news_get */
#endif
#define ALSO_SLOT_1 (w == 0 && (slots0 & 2))

/* Inside a d_step. */
inline mark_set(m)
{
#ifdef M_MARK_BUFFERED
	late_mark[w] = late_mark[w] | 1 << m;
#elif !defined(M_MARK_AFTER_LOOK)
	new_epoch(m);
#endif
	MOVED(w, m) = false;
	QUIET(w, m) = false
}

/* reader_look(): what is found is 1 + the slot. Inside a d_step. */
inline look_at(slot)
{
#ifndef M_NO_LOOK
	if
	:: NEWS(w, slot) -> found = slot + 1
	:: else
	fi
#else
	skip
#endif
}

/* After the last look at a group, in the same d_step. */
inline looked_at(m)
{
#ifdef M_MARK_AFTER_LOOK
	new_epoch(m);
#endif
#ifdef M_SEEN_LATE
	MOVED(w, m) = false;
#endif
	QUIET(w, m) = found == 0
}

/* The channel of the first, or only, group: quiet if all its groups are. Inside a d_step. */
inline looked_at_channel(c)
{
#ifdef M_CHANNEL_SEEN_LATE
	CHANNEL_MOVED(w, c) = false;
#endif
#if PLACES == 2
	CHANNEL_QUIET(w, c) = found == 0 && (w == 1 || QUIET(w, 0)) &&
			      (w == 0 && !(slots0 & 2) || QUIET(w, 1))
#else
	CHANNEL_QUIET(w, c) = found == 0 && QUIET(w, MARK(c))
#endif
}

/* look_at_group() of a group of one slot, at the end of its channel or not. */
inline look_at_group(slot)
{
	if
	:: d_step { IS_QUIET(MARK(slot)) -> looked_at_channel(CHANNEL(slot)) }
	:: d_step { !IS_QUIET(MARK(slot)) -> mark_set(MARK(slot)) };
		d_step {
			look_at(slot);
			looked_at(MARK(slot));
			looked_at_channel(CHANNEL(slot))
		}
	fi
}

/* The same, of both slots. */
inline look_at_both()
{
	if
	:: d_step { IS_QUIET(0) -> looked_at_channel(0) }
	:: d_step { !IS_QUIET(0) -> mark_set(0) };
		d_step { look_at(0) };
		d_step {
			if
			:: found == 0 -> look_at(1)
			:: else
			fi;
			looked_at(0);
			looked_at_channel(0)
		}
	fi
}

/* The count is read first: what is counted after this makes it look again. */
inline news_get(c)
{
#ifndef M_CHANNEL_SEEN_LATE
	CHANNEL_MOVED(w, c) = false;
#endif
	CHANNEL_QUIET(w, c) = false
}

/*
 * interest_look(), which ends with the first reader that has news: the caller reads one
 * message of it then.
 */
inline interest_look()
{
	if
	:: d_step { IS_CHANNEL_QUIET(CHANNEL(w)) -> skip }
	:: d_step { w == 1 && !IS_CHANNEL_QUIET(CHANNEL(1)) -> news_get(CHANNEL(1)) };
		look_at_group(1)
#if PLACES == 1
	:: d_step { ALSO_SLOT_1 && !IS_CHANNEL_QUIET(0) -> news_get(0) };
		look_at_both()
	:: d_step { w == 0 && !(slots0 & 2) && !IS_CHANNEL_QUIET(0) -> news_get(0) };
		look_at_group(0)
	fi
#elif PLACES == 2
	:: d_step { w == 0 && !IS_CHANNEL_QUIET(0) -> news_get(0) };
		look_at_group(0);
		if
		:: ALSO_SLOT_1 && found == 0 -> look_at_group(1)
		:: else
		fi
	fi
#else
	:: d_step { w == 0 && !IS_CHANNEL_QUIET(0) -> news_get(0) };
		look_at_group(0)
	fi;
	if
	:: d_step { found || !ALSO_SLOT_1 || IS_CHANNEL_QUIET(1) -> skip }
	:: d_step { found == 0 && ALSO_SLOT_1 && !IS_CHANNEL_QUIET(1) -> news_get(1) };
		look_at_group(1)
	fi
#endif
}

#define LISTEN(w) (w == 1 -> BIT(1) : (slots0 & 2 -> BIT(0) | BIT(1) : BIT(0)))

inline event_get()
{
	changed[w] = false
}

/* W1 to W4: all but the sleep under the waiter's lock, which only add() asks for too. */
inline sleep_once()
{
#ifdef ADD
	d_step { !lock -> lock = true };
#endif
#if !defined(M_EVENT_LATE) && !defined(M_EVENT_UNLOCKED)
	event_get();
#endif
#ifndef M_EVENT_UNLOCKED
	interest_look();
#endif
#ifdef M_EVENT_LATE
	event_get();
#endif
#ifdef ADD
	d_step {
		listen[w] = LISTEN(w);
		lock = false;
		kick = found == 0
	};
#endif
#ifdef M_EVENT_UNLOCKED
	event_get();
	interest_look();
#endif
	if
	:: d_step { /* FUTEX_WAIT_BITSET */
			found == 0 && !changed[w] ->
			asleep[w] = true
		};
		if
		:: !asleep[w]
#ifdef RECHECK
		:: d_step {
				timeout && !rechecked && (NEWS(w, 0) || NEWS(w, 1)) ->
				rechecked = true;
				asleep[w] = false;
#ifndef M_RECHECK_QUIET
				QUIET(w, 0) = false;
				QUIET(w, 1) = false;
				CHANNEL_QUIET(w, 0) = false;
				CHANNEL_QUIET(w, 1) = false
#endif
			}
#endif
		:: d_step {
				asleep[w] && finished == BRINGERS && slots0 == 3 &&
				late_count[0] + late_count[1] == 0 &&
#if defined(RECHECK) || defined(M_NO_RECHECK)
				!NEWS(w, 0) && !NEWS(w, 1) ->
#else
				!MISSES(w, 0) && !MISSES(w, 1) ->
#endif
				asleep[w] = false;
				alive[ID] = false
			};
			goto end
		fi
	:: d_step { /* the word has changed, or the caller reads what was found */
			found || changed[w] ->
			if
			:: found -> rechecked = false
			:: else
			fi;
			if
			:: found && w == 0 -> cursor0[found - 1]++
			:: found && w == 1 -> cursor1++
			:: else
			fi;
			found = 0
		}
	fi;
#ifdef ADD
	kick = false
#endif
}

/* babus_waiter_wait(), and the caller. */
proctype waiter(byte w)
{
	byte found;
	bool rechecked;

	{
		do
		:: sleep_once()
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
		listen[0] = LISTEN(0);
		listen[1] = LISTEN(1);
		run publisher(0);
		run publisher(1);
		run waiter(0);
#ifdef ADD
		run adder();
#endif
#ifndef ALONE
		alive[3] = true;
		run waiter(1);
#endif
#ifdef SEEK
		run seeker();
#endif
#if defined(M_CELL_LATE) || defined(M_MARK_BUFFERED)
		run memory();
#endif
#if CRASHES
		run killer();
#endif
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * The waiter's descriptor: a program that polls it, the notifier's thread that
 * makes it readable, and two publishers, each of a slot and channel of its own,
 * as core/look.c, core/descriptor.c and core/notifier.c have them. The program's waiter has
 * a reader of slot 0 from the start and adds one of slot 1 at any time, as
 * a program does that finds its slots one after the other. `check` runs it.
 *
 * One statement or d_step is one access to a shared word, one call, or what is
 * done under the waiter's lock without looking at a shared word. The property is that
 * there is no deadlock: the program may leave its poll for good only when all publishers
 * have finished or are dead, both readers are there, and every message whose publish has
 * returned is seen. `killer` ends a publisher at any point. With RECHECK the notifier looks
 * again when nothing else can happen, and the dead one's message must be seen as well.
 *
 * Each slot has a mark and a channel of its own, and a channel's count is left out: wait.pml
 * has both.
 *
 * Parameters: PUBS messages of each publisher; CRASHES; RECHECK. A mutant is one macro
 * M_..., see `check`.
 */

#ifndef PUBS
#define PUBS 1
#endif
#ifndef CRASHES
#define CRASHES 0
#endif

#define CONTROL 4	/* the bit of WAIT_CONTROL_CHANNEL; a slot's is 1 << slot */

byte count[2];		/* messages in each slot: the cells */

/* Marks and the event word, as bits that tell whether a counter moved on: see wait.pml. */
bool marked[2], stale[2], moved[2];
bool changed;		/* since the notifier read it */

/* The notifier's thread in the kernel's queue on event, and for what. */
bool asleep, deadline;
byte asleep_for;

/* struct babus_waiter, and the eventfd's state. */
bool lock;
byte channels = 1;
bool quiet[2];
bool armed, readable = true;
byte seen[2];		/* the readers' cursors */

bool alive[2], dead[2];
byte out[2];		/* messages whose publish has returned */
byte finished;
bool rechecked;		/* and nothing was found since */

#define NEWS(slot) ((channels >> (slot) & 1) && count[slot] > seen[slot])
#define MISSES(slot) (out[slot] > seen[slot])

inline kill_process(id)
{
	d_step {
		alive[id] ->
		alive[id] = false;
		dead[id] = true;
		finished++
	}
}

proctype killer()
{
	if
	:: kill_process(0)
	:: kill_process(1)
	:: skip
	fi
}

inline wake_bits(bits)
{
	d_step {
		if
		:: asleep && (asleep_for & (bits)) -> asleep = false
		:: else
		fi
	}
}

/* P3 to P7. */
inline wait_wake()
{
	d_step { /* mark_news */
		moved[p] = true;
		stale[p] = false;
		set = marked[p]
	};
	if
	:: set ->
		changed = true;	/* event_bump */
		wake_bits(1 << p);
		d_step { /* mark_clear */
			if
			:: !stale[p] -> marked[p] = false
			:: else
			fi;
			stale[p] = false;
			set = false
		}
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
			count[p]++; /* cell_set */
			if /* wait_notify() */
			:: marked[p] -> wait_wake()
			:: else
			fi;
			if
			:: d_step {
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

/* --- interest.c ---------------------------------------------------------------------- */

/* look_at_group() with `set`, of one slot. What is found is 1 + the slot. */
inline look_at(slot)
{
	if
	:: d_step { found || !(channels >> slot & 1) || quiet[slot] && !moved[slot] -> skip }
	:: d_step {
			found == 0 && (channels >> slot & 1) && !(quiet[slot] && !moved[slot]) ->
#ifndef M_NO_MARK
			marked[slot] = true;
			stale[slot] = true;
#endif
			moved[slot] = false;
			quiet[slot] = false
		};
		d_step {
#ifndef M_NO_LOOK
			if
			:: NEWS(slot) -> found = slot + 1
			:: else
			fi;
#endif
			quiet[slot] = found == 0
		}
	fi
}

/* look_prepare() in look.c, under the waiter's lock. */
inline look_prepare()
{
	look_at(0);
	look_at(1)
}

/* --- notifier.c -------------------------------------------------------------------- */

/* serve(), over and over. */
proctype notifier()
{
	byte found, listen;
	bool any, doubt;

	do
	:: changed = false; /* event_get */
		d_step { /* waiter_serve() */
			!lock ->
			lock = true;
			if
			:: doubt && armed -> /* is_in_doubt() */
#ifndef M_RECHECK_QUIET
				quiet[0] = false;
				quiet[1] = false;
#endif
				doubt = false
			:: else
			fi
		};
		if
		:: armed -> look_prepare()
		:: else
		fi;
		d_step {
			listen = CONTROL | channels;
			if
			:: found -> /* make_readable() */
				armed = false;
				readable = true
			:: else
			fi;
			any = armed;
			found = 0;
			lock = false
		};
		if
		:: d_step { /* wait_sleep() */
				!changed ->
				asleep = true;
				asleep_for = listen;
#ifdef M_DEADLINE_IF_ARMED
				deadline = any
#else
				deadline = true
#endif
			};
end:			if
			:: !asleep
#if defined(RECHECK) && !defined(M_NO_RECHECK)
			:: d_step {
					timeout && !rechecked && deadline && armed && (NEWS(0) || NEWS(1)) ->
					asleep = false;
					rechecked = true;
					doubt = true
				}
#endif
			fi
		:: else
		fi;
		d_step {
			asleep_for = 0;
			deadline = false;
			listen = 0;
			any = false
		}
	od
}

/* --- descriptor.c, and the program ----------------------------------------------------- */

/* babus_waiter_add(): the notifier must listen to the new channel. */
inline waiter_add()
{
	d_step {
		!lock ->
		channels = channels | 2;
		quiet[1] = false;
#ifdef M_KICK_IF_ARMED
		kick = armed
#else
		kick = true
#endif
	};
	if
	:: kick -> /* wait_kick() */
		changed = true;
		wake_bits(CONTROL);
		kick = false
	:: else
	fi
}

/*
 * babus_waiter_wait(BABUS_NOW), and the caller, which reads one message of a reader that has
 * news. The look that comes before it may find news, and else changes nothing.
 */
inline arm()
{
	d_step {
		!lock ->
		lock = true;
		readable = false;
		armed = true
	};
	look_prepare();
	d_step {
		if
		:: found -> /* make_readable() */
			armed = false;
			readable = true;
			seen[found - 1]++;
			rechecked = false
		:: else
		fi;
		found = 0;
		lock = false
	}
}

proctype program()
{
	byte found;
	bool kick;

	do
	:: !(channels & 2) -> waiter_add()
	:: readable -> arm() /* poll */
	:: d_step {
			!readable && channels == 3 && finished == 2 &&
#ifdef RECHECK
			!NEWS(0) && !NEWS(1) ->
#else
			!MISSES(0) && !MISSES(1) ->
#endif
			skip
		} ->
		break
	od
}

init {
	atomic {
		alive[0] = true;
		alive[1] = true;
		run publisher(0);
		run publisher(1);
		run notifier();
		run program();
#if CRASHES
		run killer();
#endif
	}
}

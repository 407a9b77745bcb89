/* SPDX-License-Identifier: MIT */
/*
 * The waiter's descriptor: a program that polls it, the notifier's thread that
 * makes it readable, and two publishers, each of a slot and channel of its own,
 * as core/waiter.c and core/notifier.c have them. The program's waiter has
 * a reader of slot 0 from the start and adds one of slot 1 at any time, as
 * a program does that finds its slots one after the other. `check` runs it.
 *
 * One statement or d_step is one access to a shared word, one call, or what is
 * done under the waiter's lock. The property is that there is no deadlock: the
 * program may leave its poll for good only when all publishers have finished,
 * both readers are there, and everything is seen. `killer` ends a publisher at
 * any point; if that was between its message and its wake-up, and only then,
 * there is the notifier's re-check when nothing else can happen.
 *
 * Parameters: PUBS messages of each publisher; CRASHES. A mutant is one macro
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
byte waiting;		/* layout_domain.waiting */
byte event;		/* layout_domain.event */

/* The notifier's thread in the kernel's queue on event, and for what. */
bool asleep, deadline;
byte asleep_for;

/* struct babus_waiter, and the eventfd's state. */
byte channels = 1;
bool armed, readable = true;
byte seen[2];		/* the readers' cursors */

bool alive[2], dead[2];
bool owes[2];		/* a publisher is between its message and its wake-up */
bool debt;		/* one was killed there */
byte finished;

#define NEWS (count[0] > seen[0] || (channels & 2) && count[1] > seen[1])

inline kill_process(id)
{
	d_step {
		alive[id] ->
		alive[id] = false;
		dead[id] = true;
		debt = debt || owes[id];
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

proctype publisher(byte p)
{
	byte n;

	{
		do
		:: n < PUBS ->
			d_step { /* cell_set */
				count[p]++;
				owes[p] = true
			};
			if /* wait_notify() */
			:: waiting & 1 << p ->
				if /* wait_wake() */
				:: d_step { waiting & 1 << p -> waiting = waiting & ~(1 << p) };
					event++;
					wake_bits(1 << p)
				:: else
				fi
			:: else
			fi;
			d_step {
				owes[p] = false;
				n++
			}
		:: d_step {
				n == PUBS ->
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

/* --- notifier.c -------------------------------------------------------------------- */

/* serve(), over and over. */
proctype notifier()
{
	byte word, listen, mark;
	bool any;

	do
	:: word = event;
		d_step { /* waiter_channels() */
			listen = CONTROL | channels;
			mark = (armed -> channels : 0)
		};
		d_step {
			waiting = waiting | mark;
			mark = 0
		};
		d_step { /* waiter_signal() */
			if
			:: armed && NEWS ->
				armed = false;
				readable = true
			:: else
			fi;
			any = armed
		};
		if
		:: d_step { /* wait_sleep() */
				word == event ->
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
#ifndef M_NO_RECHECK
			:: d_step { timeout && debt && deadline && armed && NEWS -> asleep = false }
#endif
			fi
		:: else
		fi;
		d_step {
			asleep_for = 0;
			deadline = false;
			listen = 0;
			any = false;
			word = 0
		}
	od
}

/* --- waiter.c, and the program --------------------------------------------------------- */

inline consume()
{
	d_step {
		if
		:: count[0] > seen[0] -> seen[0]++
		:: else -> seen[1]++
		fi
	}
}

/* babus_waiter_add(): the notifier must listen to the new channel. */
inline waiter_add()
{
	d_step {
		channels = channels | 2;
#ifdef M_KICK_IF_ARMED
		kick = armed
#else
		kick = true
#endif
	};
	if
	:: kick ->
		event++; /* wait_kick() */
		wake_bits(CONTROL);
		kick = false
	:: else
	fi
}

/* babus_waiter_wait(BABUS_NOW) after the look found nothing. */
inline arm()
{
	d_step {
		readable = false;
		armed = true
	};
#ifndef M_NO_MARK
	waiting = waiting | channels;
#endif
#ifndef M_NO_LOOK
	if
	:: NEWS ->
		d_step { /* make_readable() */
			armed = false;
			readable = true
		}
	:: else
	fi
#endif
}

proctype program()
{
	bool kick;

	do
	:: !(channels & 2) -> waiter_add()
	:: readable -> /* poll */
		do
		:: NEWS -> consume()
		:: else -> break
		od;
		arm()
	:: d_step { !readable && channels == 3 && finished == 2 && !NEWS -> skip } ->
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

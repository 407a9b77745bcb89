/* SPDX-License-Identifier: MIT */
/*
 * What a reader lost is added up when its entry is freed, by itself or by a recoverer:
 * free_entry() in core/lease.c. One entry; READERS have it one after the other and die in
 * the end, or free it; two recoverers, each of which may be stopped between any two steps
 * until much later. Each loss must be counted once. One statement or d_step is one access
 * to a shared word. A mutant is one macro M_..., see `check`.
 */

#ifndef READERS
#define READERS 3
#endif
#define LOSSES 2

byte claim, lost;	/* of the entry */
byte total;		/* layout_slot's sum */
bool is_dead[READERS + 1];
byte real;		/* what was lost; nothing in the protocol reads it */
byte done, recovered;

inline free_entry(who)
{
#ifdef M_TAKE_FIRST
	d_step { seen = lost; lost = 0 };
	total = total + seen;
	d_step {
		if
		:: claim == who -> claim = 0
		:: else
		fi
	}
#elif defined(M_ADD_ALWAYS)
	seen = lost;
	d_step {
		if
		:: claim == who -> claim = 0
		:: else
		fi
	};
	total = total + seen
#elif defined(M_READ_LATE)
	if
	:: d_step { claim == who -> claim = 0 };
		seen = lost;
		total = total + seen
	:: else
	fi
#else
	seen = lost;
	if
	:: d_step { claim == who -> claim = 0 };
		total = total + seen
	:: else
	fi
#endif
	;
	seen = 0
}

/* Its losses are a sum of its own, of which it stores the newest value. */
proctype reader(byte me)
{
	byte mine, seen;

	d_step { claim == 0 -> claim = me };
#ifdef M_UNPREPARED
	if
	:: d_step { is_dead[me] = true; done++ }; goto end
	:: skip
	fi;
#endif
	lost = 0; /* prepare() */
	do
	:: mine < LOSSES ->
		d_step { mine++; real++; lost = mine }
	:: d_step { is_dead[me] = true; done++ }; break
	:: free_entry(me); done++; break
	od;
end:	skip
}

proctype recoverer()
{
	byte who, seen;

	do
	:: d_step { claim != 0 && is_dead[claim] -> who = claim };
		free_entry(who);
		who = 0
	:: done == READERS && claim == 0 -> break
	od;
	recovered++
}

proctype sum()
{
	done == READERS && recovered == 2 -> assert(total == real)
}

init {
	byte i;

	atomic {
		i = 1;
		do
		:: i <= READERS -> run reader(i); i++
		:: else -> break
		od;
		run recoverer();
		run recoverer();
		run sum();
	}
}

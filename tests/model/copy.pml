/* SPDX-License-Identifier: MIT */
/*
 * Copies where pins are not honoured: a hostile process clears each pin at once, so
 * allocators never see one. A copy looks again when it is done (ring_still_holds() in
 * core/ring.c); if that says that the copy is whole, it must be. Two publishers, a trimmer, a
 * recoverer, and a reader that copies; publisher 0 and the trimmer may die at any step.
 *
 * One statement or d_step is one access to a shared word. A payload is two words, as it is
 * written and read in more than one step. Everything is sequentially consistent:
 * litmus_ring.c has the orders. Depth 1. A mutant is one macro M_..., see `check`.
 */

#ifndef PUBS
#define PUBS 2
#endif
#define BUFS 3

/* Words, as in layout.h. FREE is 0, HISTORY(s) is s. */
#define FREE 0
#define OWNED 64
#define TAINTED 32
#define IS_HISTORY(x) ((x) > 0 && (x) < OWNED)
#define NUMBER(x) ((x) & (TAINTED - 1))
#define TRIMMER 2

byte seq = 1, in_cell;		/* the one cell: number and buffer */
byte states[BUFS];
byte recs[BUFS];		/* layout_record.seq */
byte first[BUFS], second[BUFS];	/* payloads */
bool dead[3];

byte content[2 * PUBS + 2];	/* what message s is; nothing in the protocol reads it */

#define DISPLACED(b) (IS_HISTORY(states[b]) && NUMBER(states[b]) < seq)

/* reclaim() and take_free(), of any buffer; another time if there is none. */
inline take()
{
	do
	:: d_step { DISPLACED(0) -> states[0] = FREE }
	:: d_step { DISPLACED(1) -> states[1] = FREE }
	:: d_step { DISPLACED(2) -> states[2] = FREE }
	:: d_step { states[0] == FREE -> states[0] = OWNED + p; b = 0 }; break
	:: d_step { states[1] == FREE -> states[1] = OWNED + p; b = 1 }; break
	:: d_step { states[2] == FREE -> states[2] = OWNED + p; b = 2 }; break
	od
}

proctype publisher(byte p)
{
	byte n, b, value, expected;

	{
		do
		:: n < PUBS ->
			take();
			if
			:: d_step {
					n++;
					value = 1 + p * PUBS + n;
					first[b] = value
				}
			fi;
			second[b] = value;
			do /* ring_commit() */
			:: d_step { expected = seq; recs[b] = seq + 1 };
				if
				:: d_step { /* cell_set */
						seq == expected ->
						seq++;
						in_cell = b;
						content[seq] = value
					};
					break
				:: else
				fi
			od;
			if
			:: d_step { states[b] = recs[b]; b = 0; value = 0; expected = 0 }
			fi
		:: n == PUBS -> goto end
		od
	} unless {
		dead[p]
	};
end:	skip
}

/* trim_buffer(), once, of a buffer without a message: its pages are given back. */
proctype trimmer()
{
	byte b;

	{
		if
		:: d_step { states[0] == FREE -> states[0] = OWNED + TRIMMER; b = 0 }
		:: d_step { states[1] == FREE -> states[1] = OWNED + TRIMMER; b = 1 }
		:: d_step { states[2] == FREE -> states[2] = OWNED + TRIMMER; b = 2 }
		:: goto end
		fi;
		first[b] = 0;
		second[b] = 0;
		states[b] = FREE
	} unless {
		dead[TRIMMER]
	};
end:	skip
}

proctype killer()
{
	if
	:: dead[0] = true
	:: dead[TRIMMER] = true
	:: skip
	fi
}

#define DEADS(b) (states[b] == OWNED && dead[0] || \
		  states[b] == OWNED + TRIMMER && dead[TRIMMER])

/* ring_bury_owners() and state_after_death(), for each buffer at any time. */
inline bury(b)
{
	d_step {
		DEADS(b) ->
		state = states[b];
		if
		:: recs[b] < 1 || recs[b] > seq -> value = FREE
		:: recs[b] == seq && in_cell != b -> value = FREE
		:: recs[b] == seq && in_cell == b -> value = recs[b]
		:: recs[b] >= 1 && recs[b] < seq ->
#ifdef M_NO_TAINT
			value = recs[b]
#else
			value = recs[b] + TAINTED
#endif
		fi
	};
	d_step {
		if
		:: states[b] == state -> states[b] = value
		:: else
		fi;
		state = 0;
		value = 0
	}
}

proctype recoverer()
{
	byte state, value;

end:	do
	:: bury(0)
	:: bury(1)
	:: bury(2)
	od
}

/* copy_out() of the newest message. */
proctype reader()
{
	byte s, b, x, y;

	d_step { s = seq; b = in_cell };
	x = first[b];
	y = second[b];
	if
#ifdef M_NO_LOOK
	:: true -> assert(x == content[s] && y == content[s])
#else
	:: d_step { seq == s && in_cell == b -> assert(x == content[s] && y == content[s]) }
	:: else ->
		if
		:: d_step { states[b] == s -> assert(x == content[s] && y == content[s]) }
		:: else
		fi
#endif
	fi
}

init {
	atomic {
		states[0] = 1;
		recs[0] = 1;
		first[0] = 1;
		second[0] = 1;
		content[1] = 1;
		run publisher(0);
		run publisher(1);
		run trimmer();
		run recoverer();
		run reader();
		run killer();
	}
}

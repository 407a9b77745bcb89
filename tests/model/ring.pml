/* SPDX-License-Identifier: MIT */
/*
 * The data path: publish, pin, reclaim, recover. Two publishers and two readers
 * of one slot, as core/ring.c and core/lease.c have them, down to the shared
 * word; inlines have the names of the C functions they mirror. `check` runs it.
 *
 * One statement or d_step is one access to a shared word, with what follows
 * from it inside the process (`if :: d_step fi` is a d_step that a loop may end at).
 * Where two accesses are made one step, a comment
 * says why nothing is lost. A process may stop between any two steps for ever
 * so long: that is what interleaving means. `killer` ends the life of up to
 * CRASHES processes at any point; what they held stays as it is, and they may be
 * born again under another incarnation. `janitor` is babus_domain_recover(),
 * once at any time and once at the end, where nothing may have leaked.
 *
 * Memory: every process has a store buffer of one entry, which is emptied by
 * `memory` at any time and by the process's own locked instructions (x86-TSO;
 * one entry is enough, because between two plain stores of the protocol there
 * is always a locked one). Plain stores are state_set and pin_clear; a mutant
 * adds pin_set. Loads see the process's own buffer. Acquire and release, which
 * this memory gives for nothing, are not tested.
 *
 * Parameters: DEPTH; START messages published before; PUBS, READS of each
 * process and life; CRASHES. A mutant is one macro M_..., see `check`.
 */

#ifndef DEPTH
#define DEPTH 1
#endif
#ifndef START
#define START DEPTH
#endif
#ifndef PUBS
#define PUBS 1
#endif
#ifndef PUBS1
#define PUBS1 PUBS	/* of the second publisher */
#endif
#ifndef READS
#define READS 1
#endif
#ifndef CRASHES
#define CRASHES 0
#endif
#ifndef VICTIMS
#define VICTIMS 15	/* bit for each process that may be killed */
#endif
#ifndef READERS
#define READERS 2
#endif

#define LOANS 2
#define PINS  2
#define BUFS  (DEPTH + LOANS + PINS)	/* the fewest a slot can have */
#define JANITOR 4

/* Words, as in layout.h. FREE is 0, HISTORY(s) is s. */
#define FREE 0
#define OWNED 128
#define IS_HISTORY(x) ((x) > 0 && (x) < OWNED)
#define CELL(s, b) ((s) << 3 | (b))
#define SEQ(c) ((c) >> 3)
#define BUF(c) ((c) & 7)
#define PLACE(s) cells[(s) % DEPTH]

byte head = START;	/* layout_slot.newest */
byte cells[DEPTH];
byte states[BUFS];
byte recs[BUFS];	/* layout_record.seq */
byte tokens[LOANS];	/* claim words */
byte claims[PINS];
byte holds[PINS];	/* pins */

/* The kernel's locks: bit w is set while the client with claim w lives. */
short lives;
#define ALIVE(w) (lives >> (w) & 1)

/* Store buffers: publishers' state_set, readers' stores to their pin. */
byte late_state[2], late_buffer[2];
byte late_pin[2], entry[2];
#define PIN_CLEAR 1	/* in late_pin; a cell otherwise */

/* For the properties and the killer; nothing in the protocol reads these. */
byte published = START;	/* the newest message there is */
byte reading[2];	/* 1 + the buffer a reader has a valid pin of */
byte word[4];		/* each process's claim, 0 if it is not registered */
bool dead[4];		/* killed, and does not know it yet */
byte done;

#define IN_CELL(b) (cells[0] && BUF(cells[0]) == (b) || \
		    cells[DEPTH - 1] && BUF(cells[DEPTH - 1]) == (b))
#define READ_BY_NOBODY(b) (reading[0] != (b) + 1 && reading[1] != (b) + 1)
#define PINNED(b) (holds[0] && claims[0] && BUF(holds[0]) == (b) || \
		   holds[1] && claims[1] && BUF(holds[1]) == (b))

/* --- memory ------------------------------------------------------------------ */

#define STATE(p, b) (p < 2 && late_state[(p) & 1] && late_buffer[(p) & 1] == (b) -> \
		     late_state[(p) & 1] : states[b])

/* Inside a d_step, as the next two. */
inline drain_state(p)
{
	if
	:: p < 2 && late_state[(p) & 1] ->
		states[late_buffer[(p) & 1]] = late_state[(p) & 1];
		late_state[(p) & 1] = 0;
		late_buffer[(p) & 1] = 0
	:: else
	fi
}

inline drain_pin(r)
{
	if
	:: late_pin[r] ->
		holds[entry[r]] = (late_pin[r] == PIN_CLEAR -> 0 : late_pin[r]);
		late_pin[r] = 0
	:: else
	fi
}

proctype memory()
{
end:	do
	:: d_step { late_state[0] -> drain_state(0) }
	:: d_step { late_state[1] -> drain_state(1) }
	:: d_step { late_pin[0] -> drain_pin(0) }
	:: d_step { late_pin[1] -> drain_pin(1) }
	od
}

/* --- death ------------------------------------------------------------------- */

/* What a process has stored it has stored, before the kernel drops its lock. */
inline kill_process(id)
{
	d_step {
		word[id] && !dead[id] && (VICTIMS >> id & 1) ->
		if
		:: id < 2 -> drain_state(id)
		:: else ->
			drain_pin((id) & 1);
			reading[(id) & 1] = 0
		fi;
		lives = lives & ~(1 << word[id]);
		word[id] = 0;
		dead[id] = true
	}
}

proctype killer()
{
	byte kills;

	do
	:: kills < CRASHES && done < 2 + READERS ->
		if
		:: kill_process(0)
		:: kill_process(1)
		:: kill_process(2)
		:: kill_process(3)
		:: done == 2 + READERS
		fi;
		kills++
	:: break
	od
}

/* --- ring.c, both sides -------------------------------------------------------- */

/*
 * ring_newest(): the hint, then on while the next cell holds a later one. That
 * the hint's own cell is not older than the hint is asserted, not read.
 */
inline ring_newest(seq)
{
	d_step {
		seq = head;
		assert(seq == 0 || SEQ(PLACE(seq)) >= seq)
	};
	do
	:: d_step { SEQ(PLACE(seq + 1)) > seq -> seq = SEQ(PLACE(seq + 1)) }
	:: else -> break
	od
}

/* A state becomes FREE: nobody may have any use for the buffer. */
inline set_free(b)
{
	assert(!IN_CELL(b));
	assert(READ_BY_NOBODY(b));
	states[b] = FREE
}

/* find_pinned(), one pin: pin_get, then claim_get. */
inline find_pinned(i)
{
	if
	:: d_step { holds[i] -> hold = holds[i] };
		d_step {
			if
			:: claims[i] -> pinned = pinned | 1 << BUF(hold)
			:: else
			fi;
			hold = 0
		}
	:: else
	fi
}

#define RECLAIMABLE(p, b) (b < BUFS && b >= scan && IS_HISTORY(STATE(p, (b) % BUFS)) && \
			   STATE(p, (b) % BUFS) + DEPTH <= newest && !(pinned >> (b) & 1))
#define ANY_RECLAIMABLE(p) (RECLAIMABLE(p, 0) || RECLAIMABLE(p, 1) || RECLAIMABLE(p, 2) || \
			    RECLAIMABLE(p, 3) || RECLAIMABLE(p, 4) || RECLAIMABLE(p, 5))

/*
 * ring_reclaim(). The loop over the buffers stops only at those that pass; a
 * state_get that finds nothing to do changes nothing.
 */
inline ring_reclaim(p)
{
#ifdef M_PINS_FIRST
	find_pinned(0);
	find_pinned(1);
#endif
	ring_newest(newest);
#if !defined(M_PINS_FIRST) && !defined(M_NO_PINS)
	find_pinned(0);
	find_pinned(1);
#endif
	do
	:: d_step {
			ANY_RECLAIMABLE(p) ->
			do
			:: RECLAIMABLE(p, scan) -> break
			:: else -> scan++
			od;
			expected = STATE(p, scan)
		};
		d_step { /* state_swap */
			drain_state(p);
			if
#ifdef M_BLIND_FREE
			:: true -> set_free(scan)
#else
			:: states[scan] == expected -> set_free(scan)
			:: else
#endif
			fi;
			expected = 0;
			scan++
		}
	:: else -> break
	od;
	if :: d_step {
		scan = 0;
		pinned = 0;
		newest = 0
	} fi
}

/* --- lease.c: recovery --------------------------------------------------------- */

/*
 * lease_recover() of one pin. claim_get and the probe of the lock are one step:
 * the dead stay dead, and the swap expects the word.
 */
inline lease_recover_pin(i)
{
	if
	:: d_step { claims[i] && !ALIVE(claims[i]) -> expected = claims[i] };
#ifdef M_CLEAR_PIN
		holds[i] = 0;
#endif
		d_step { /* free_entry */
			if
#ifdef M_NO_WORD
			:: true -> claims[i] = 0
#else
			:: claims[i] == expected -> claims[i] = 0
			:: else
#endif
			fi;
			expected = 0
		}
	:: else
	fi
}

#define OWNED_BY(b, w) (states[b] == OWNED + (w))
#if BUFS > 5
#define OWNS_ANY(w) (OWNED_BY(0, w) || OWNED_BY(1, w) || OWNED_BY(2, w) || OWNED_BY(3, w) || \
		     OWNED_BY(4, w) || OWNED_BY(5, w))
#else
#define OWNS_ANY(w) (OWNED_BY(0, w) || OWNED_BY(1, w) || OWNED_BY(2, w) || OWNED_BY(3, w) || \
		     OWNED_BY(4, w))
#endif

/* state_after_death(). The record and the cell in one step: if the buffer has
 * passed on meanwhile, the swap after it fails whatever was read. */
inline state_after_death(b, result)
{
	if :: d_step {
		if
#ifdef M_BURY_FREE
		:: true -> result = FREE
#elif defined(M_BURY_HISTORY)
		:: recs[b] == 0 -> result = FREE
		:: else -> result = recs[b]
#else
		:: recs[b] < 1 || recs[b] > newest -> result = FREE
		:: recs[b] >= 1 && recs[b] <= newest && recs[b] + DEPTH > newest &&
		   SEQ(PLACE(recs[b])) == recs[b] && BUF(PLACE(recs[b])) != b -> result = FREE
		:: else -> result = recs[b]
#endif
		fi;
		newest = 0
	} fi
}

/* ring_bury_owner(). No buffer becomes a dead owner's, so the scan that finds
 * the first one that is left is one step. */
inline ring_bury_owner(w)
{
	do
	:: d_step {
			OWNS_ANY(w) ->
			do
			:: OWNED_BY(scan, w) -> break
			:: else -> scan++
			od;
			skip
		};
		ring_newest(newest);
		state_after_death(scan, value);
		d_step { /* state_swap */
			if
			:: OWNED_BY(scan, w) && value == FREE -> set_free(scan)
			:: OWNED_BY(scan, w) && value != FREE -> states[scan] = value
			:: else
			fi;
			value = 0;
			scan = 0
		}
	:: else -> break
	od
}

/* lease_recover() and bury() of one token. */
inline lease_recover_token(i)
{
	if
	:: d_step { tokens[i] && !ALIVE(tokens[i]) -> expected = tokens[i] };
#ifdef M_TOKEN_FIRST
		d_step {
			if
			:: tokens[i] == expected -> tokens[i] = 0
			:: else
			fi
		};
#endif
		ring_bury_owner(expected);
		if :: d_step { /* free_entry */
			if
			:: tokens[i] == expected -> tokens[i] = 0
			:: else
			fi;
			expected = 0
		} fi
	:: else
	fi
}

/* --- a reader -------------------------------------------------------------------- */

#define ID (2 + r)

/* A client's claim: a number for each process and life. */
#define WORD(id, life) (1 + (id) * (CRASHES + 1) + (life))

/* lease_register() and prepare(): the first free entry, whose pin is cleared.
 * claim_get and claim_swap are one step, as a swap that fails is a get. */
inline lease_register_pin()
{
	d_step {
		claims[0] == 0 || claims[1] == 0 ->
		entry[r] = (claims[0] == 0 -> 0 : 1);
		word[ID] = WORD(ID, life);
		claims[entry[r]] = word[ID];
		lives = lives | 1 << word[ID]
	};
	late_pin[r] = PIN_CLEAR
}

/* choose(): reader 0 follows its cursor (BABUS_AFTER), reader 1 wants BABUS_LATEST. */
#define KEPT (newest > DEPTH -> DEPTH : newest)
#define OLDEST (newest - KEPT + 1)
#define NOTHING (r == 0 && cursor >= newest || newest == 0)

inline choose(seq)
{
	seq = (r == 1 -> newest : (cursor + 1 > OLDEST -> cursor + 1 : OLDEST));
	newest = 0
}

/* The look-again was passed: what describe() checks, and what the user is told. */
inline begin_reading()
{
	reading[r] = BUF(cell) + 1;
	assert(recs[BUF(cell)] == SEQ(cell));	/* describe() */
	assert(SEQ(cell) > cursor || r == 1);
	/* The loss told is SEQ(cell) - cursor - 1. It is exact if the one before is gone. */
	assert(r == 1 || SEQ(cell) == cursor + 1 || SEQ(cell) - 1 + DEPTH <= published);
	cursor = (r == 0 -> SEQ(cell) : 0)
}

inline ring_pin()
{
	do
	:: ring_newest(newest);
		if
		:: NOTHING -> break
		:: else
		fi;
		d_step { /* cell_get */
			choose(cell);
			cell = (SEQ(PLACE(cell)) == cell -> PLACE(cell) : 0)
		};
		if
		:: cell == 0
		:: cell != 0 ->
			d_step { /* pin_set */
#ifdef M_PIN_BUFFERED
				drain_pin(r);
				late_pin[r] = cell
#else
				drain_pin(r);
				assert(holds[entry[r]] == 0);
				holds[entry[r]] = cell
#endif
			};
			if /* cell_get: look again */
#ifdef M_NO_LOOK_AGAIN
			:: d_step { true -> begin_reading() };
#else
			:: d_step { PLACE(SEQ(cell)) == cell -> begin_reading() };
#endif
				d_step { /* pin_clear: the user is done */
					reading[r] = 0;
					cell = 0;
					late_pin[r] = PIN_CLEAR
				};
				break
#ifndef M_NO_LOOK_AGAIN
			:: else ->
				d_step { /* pin_clear */
					cell = 0;
					late_pin[r] = PIN_CLEAR
				}
#endif
			fi
		fi
	od;
	newest = 0
}

proctype reader(byte r)
{
	byte life, n;
	byte newest, cell, cursor;
	byte expected;

born:	{
		do
		:: lease_register_pin(); break
		:: else ->
			/* register_client(): no entry is free */
			lease_recover_pin(0);
			lease_recover_pin(1);
			if
			:: claims[0] == 0 || claims[1] == 0
			:: else -> goto out
			fi
		od;
		do
		:: n < READS ->
			ring_pin();
			n++
		:: else -> break
		od;
		if :: d_step { /* lease_give(): pin_clear, then the claim */
			drain_pin(r);
			assert(claims[entry[r]] == word[ID]);
			claims[entry[r]] = 0;
			lives = lives & ~(1 << word[ID]);
			word[ID] = 0
		} fi;
out:		skip
	} unless {
		d_step {
			dead[ID] ->
			dead[ID] = false;
			life++;
			n = 0;
			newest = 0;
			cell = 0;
			cursor = 0;
			expected = 0
		};
		if
		:: goto born
		:: skip
		fi
	};
	d_step {
		n = 0;
		cursor = 0;
		life = 0;
		entry[r] = 0;
		done++
	}
}

/* --- a publisher ------------------------------------------------------------------- */

/* lease_register() of a token. */
inline lease_register_token()
{
	d_step {
		tokens[0] == 0 || tokens[1] == 0 ->
		token = (tokens[0] == 0 -> 0 : 1);
		word[p] = WORD(p, life);
		tokens[token] = word[p];
		lives = lives | 1 << word[p]
	}
}

#define FINDABLE(b) (STATE(p, (b) % BUFS) == FREE || \
		     IS_HISTORY(STATE(p, (b) % BUFS)) && !PINNED((b) % BUFS) && \
		     STATE(p, (b) % BUFS) + DEPTH <= published)
#define CAN_TAKE(b) (states[(b) % BUFS] == FREE)

/* A buffer can always be found: asserted whenever a pass has found none. */
inline take_buffer()
{
	do
	:: ring_reclaim(p);
		if
		:: d_step { /* take_free(): the first one that is FREE; state_swap */
				CAN_TAKE(0) || CAN_TAKE(1) || CAN_TAKE(2) || CAN_TAKE(3) ||
				CAN_TAKE(4) || CAN_TAKE(5) ->
				drain_state(p);
				do
				:: states[buffer] == FREE -> break
				:: else -> buffer++
				od;
				assert(!IN_CELL(buffer));
				states[buffer] = OWNED + word[p]
			};
			break
		:: else ->
			assert(FINDABLE(0) || FINDABLE(1) || FINDABLE(2) || FINDABLE(3) ||
			       FINDABLE(4) || FINDABLE(5));
			lease_recover_pin(0);
			lease_recover_pin(1)
		fi
	od
}

#define MINE (states[buffer] == OWNED + word[p])

/*
 * ring_commit(). Payload and record are written in the step in which the number
 * is: nobody else reads or writes them before or after in a correct protocol,
 * and a reader that has the buffer pinned still has it then. cell_get is in the
 * same step, because a cell that changes after it makes the swap fail.
 */
inline ring_commit()
{
	do
	:: ring_newest(newest);
		if
		:: d_step {
				SEQ(PLACE(newest + 1)) <= newest ->
				expected = PLACE(newest + 1);
				assert(newest + 1 <= DEPTH && expected == 0 ||
				       SEQ(expected) == newest + 1 - DEPTH); /* is_predecessor */
				assert(MINE);			/* no double owner */
				assert(READ_BY_NOBODY(buffer));	/* no torn read */
				recs[buffer] = newest + 1
			};
			if
			:: d_step { /* cell_set */
#ifdef M_NO_PREDECESSOR
					true ->
#else
					PLACE(newest + 1) == expected ->
#endif
					drain_state(p);
					assert(MINE);
					assert(newest == published); /* one order, no gap */
					PLACE(newest + 1) = CELL(newest + 1, buffer);
					published = newest + 1
				};
				break
#ifndef M_NO_PREDECESSOR
			:: else -> d_step { expected = 0; newest = 0 }
#endif
			fi
		:: else -> newest = 0
		fi
	od;
	if :: d_step { /* head_raise */
		expected = 0;
		if
		:: head < newest + 1 -> head = newest + 1
		:: else
		fi
	} fi;
	d_step { /* state_set, late */
		drain_state(p);
		assert(MINE);
		late_state[p] = newest + 1;
		late_buffer[p] = buffer;
		buffer = 0;
		newest = 0
	}
}

/* ring_discard(): a loan that is given back. */
inline ring_discard()
{
	d_step {
		drain_state(p);
		assert(MINE);
		set_free(buffer);
		buffer = 0
	}
}

proctype publisher(byte p)
{
	byte life, n, token;
	byte buffer, newest, expected;
	byte scan, pinned, hold, value;

born:	{
		do
		:: lease_register_token(); break
		:: else ->
			lease_recover_token(0);
			lease_recover_token(1);
			if
			:: tokens[0] == 0 || tokens[1] == 0
			:: else -> goto out
			fi
		od;
		do
		:: n < (p == 0 -> PUBS : PUBS1) ->
			take_buffer();
#ifdef DISCARD
			if
			:: ring_commit()
			:: ring_discard()
			fi;
#else
			ring_commit();
#endif
			n++
		:: else -> break
		od;
		if :: d_step { /* lease_unregister() */
			drain_state(p);
			assert(tokens[token] == word[p]);
			tokens[token] = 0;
			lives = lives & ~(1 << word[p]);
			word[p] = 0
		} fi;
out:		skip
	} unless {
		d_step {
			dead[p] ->
			dead[p] = false;
			life++;
			n = 0;
			buffer = 0;
			newest = 0;
			expected = 0;
			scan = 0;
			pinned = 0;
			hold = 0;
			value = 0;
			token = 0
		};
		if
		:: goto born
		:: skip
		fi
	};
	d_step {
		n = 0;
		token = 0;
		life = 0;
		done++
	}
}

/* --- recover.c ----------------------------------------------------------------------- */

/* After the last recovery: a buffer is in a cell and says so, or is FREE. */
#define WHOLE(b) (states[(b) % BUFS] == FREE && !IN_CELL((b) % BUFS) || \
		  states[(b) % BUFS] != FREE && IN_CELL((b) % BUFS) && \
		  states[(b) % BUFS] == SEQ(PLACE(states[(b) % BUFS])) && \
		  BUF(PLACE(states[(b) % BUFS])) == (b) % BUFS)

proctype janitor()
{
	byte newest, expected, scan, pinned, hold, value;

#if CRASHES
	/* babus_domain_recover(), at any time. */
	lease_recover_token(0);
	lease_recover_token(1);
	lease_recover_pin(0);
	lease_recover_pin(1);
#endif
	done == 2 + READERS ->
	lease_recover_token(0);
	lease_recover_token(1);
	lease_recover_pin(0);
	lease_recover_pin(1);
	ring_reclaim(JANITOR);
	d_step {
		assert(tokens[0] == 0 && tokens[1] == 0 && claims[0] == 0 && claims[1] == 0);
		assert(WHOLE(0) && WHOLE(1) && WHOLE(2) && WHOLE(3) && WHOLE(4) && WHOLE(5));
		assert(SEQ(PLACE(published)) == published)
	}
}

init {
	byte s;

	atomic {
		s = 1;
		do
		:: s <= START ->
			PLACE(s) = CELL(s, s - 1);
			states[s - 1] = s;
			recs[s - 1] = s;
			s++
		:: else -> break
		od;
		s = 0;
		run publisher(0);
		run publisher(1);
		run reader(0);
#if READERS > 1
		run reader(1);
#endif
		run memory();
		run janitor();
#if CRASHES
		run killer();
#endif
	}
}

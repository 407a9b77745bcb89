/* SPDX-License-Identifier: MIT */
/*
 * The data path: publish, pin, reclaim, recover. Two publishers and two readers
 * of one slot, as core/ring.c, core/alloc.c and core/lease.c have them, down to the shared
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
 * process and life; CRASHES, VICTIMS; READERS; SC; STEPWISE; DISCARD. A mutant is one macro M_..., see `check`.
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
#ifdef M_BUFFER_LESS
#define BUFS  (DEPTH + LOANS + PINS - 1)
#else
#define BUFS  (DEPTH + LOANS + PINS)	/* the fewest a slot can have */
#endif
#define JANITOR 4

/* Words, as in layout.h. FREE is 0, HISTORY(s) is s. */
#define FREE 0
#define OWNED 128
#define TAINTED 64
#define IS_HISTORY(x) ((x) > 0 && (x) < OWNED)
#define NUMBER(x) ((x) & (TAINTED - 1))
#define CELL(s, b) ((s) << 3 | (b))
#define SEQ(c) ((c) >> 3)
#define BUF(c) ((c) & 7)
#define PLACE(s) cells[(s) % DEPTH]

byte head = START;	/* layout_slot.newest */
byte cells[DEPTH];
byte states[BUFS];
byte recs[BUFS];	/* layout_record.seq */
byte tokens[LOANS];	/* claims: incarnations */
byte claims[PINS];
byte holds[PINS];	/* pins */

/* The kernel's locks: bit w is set while the client with incarnation w lives. */
short lives;
#define ALIVE(w) (lives >> (w) & 1)

/* Store buffers: publishers' state_set, readers' stores to their pin. */
byte late_state[2], late_buffer[2];
byte late_pin[2], entry[2];
#define PIN_CLEAR 1	/* in late_pin; a cell otherwise */

/* For the properties and the killer; nothing in the protocol reads these. */
byte published = START;	/* the newest message there is */
byte reading[2];	/* 1 + the buffer a reader has a valid pin of */
byte word[4];		/* each process's incarnation, 0 if it is not registered */
bool here[4];		/* it may be killed */
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

/* With SC stores are never late: crashes need not be combined with that. */
inline settle_state(p)
{
#ifdef SC
	drain_state(p)
#else
	skip
#endif
}

inline settle_pin(r)
{
#ifdef SC
	drain_pin(r)
#else
	skip
#endif
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
		here[id] && (VICTIMS >> id & 1) ->
		if
		:: id < 2 -> drain_state(id)
		:: else ->
			drain_pin((id) & 1);
			reading[(id) & 1] = 0
		fi;
		lives = lives & ~(1 << word[id]);
		word[id] = 0;
		here[id] = false;
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

/* The highest sequence number in a cell. */
#define IN_CELLS (SEQ(cells[0]) > SEQ(cells[DEPTH - 1]) -> SEQ(cells[0]) : SEQ(cells[DEPTH - 1]))

/*
 * ring_newest(): the hint, then on while the next cell holds a later one. With
 * STEPWISE as it is, and it is asserted that what it finds is the newest at the
 * moment of its last look. As it writes nothing, it can then be one step, which
 * is what the other runs make of it. That the hint's own cell is not older than
 * the hint is asserted, not read.
 */
inline ring_newest(seq)
{
#ifdef STEPWISE
	if
	:: d_step {
			seq = head;
			assert(seq == 0 || SEQ(PLACE(seq)) >= seq)
		}
	fi;
	do
	:: d_step { SEQ(PLACE(seq + 1)) > seq -> seq = SEQ(PLACE(seq + 1)) }
	:: d_step { SEQ(PLACE(seq + 1)) <= seq -> assert(seq == published) };
		break
	od
#else
	seq = IN_CELLS
#endif
}

/* Where ring_newest() is followed by a look at a cell that makes up for it. */
#ifdef STEPWISE
#define RING_NEWEST(seq) ring_newest(seq);
#define SET_NEWEST(seq)
#else
#define RING_NEWEST(seq)
#define SET_NEWEST(seq) seq = IN_CELLS;
#endif

/* A state becomes FREE: no process may use the buffer. */
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

#define RECLAIMABLE(p, b) (IS_HISTORY(STATE(p, b)) && NUMBER(STATE(p, b)) + DEPTH <= newest && \
			   !(pinned >> (b) & 1))
#define ANY(what, p) (what(p, 0) || what(p, 1) || what(p, 2) || what(p, 3) || \
		      4 < BUFS && what(p, 4 % BUFS) || 5 < BUFS && what(p, 5 % BUFS))

/* The first buffer of which `what` is true; there is one. Inside a d_step. */
#define FIND(what, p, b) \
	b = 0; \
	do \
	:: what(p, b) -> break \
	:: else -> b++ \
	od; \
	skip

/*
 * alloc_reclaim(), and what the caller does when it has come to the end,
 * which !ANY(RECLAIMABLE, p) says. state_get and state_swap are one
 * step: whether to swap depends on the value and on what this process knew
 * before, so a swap that succeeds might as well have read it just then.
 */
inline reclaim_look(p)
{
#ifdef M_PINS_FIRST
	find_pinned(0);
	find_pinned(1);
#endif
	ring_newest(newest);
#if !defined(M_PINS_FIRST) && !defined(M_NO_PINS)
	find_pinned(0);
	find_pinned(1)
#endif
}

inline reclaim_swap(p)
{
#ifdef M_BLIND_FREE
	FIND(RECLAIMABLE, p, scan)
#else
	drain_state(p);
	FIND(RECLAIMABLE, p, scan);
	set_free(scan);
	scan = 0
#endif
}

inline reclaim_late(p)
{
#ifdef M_BLIND_FREE
	d_step {
		drain_state(p);
		states[scan] = FREE;
		scan = 0
	}
#else
	skip
#endif
}

inline reclaim_end()
{
	pinned = 0;
	newest = 0
}

/* --- lease.c: recovery --------------------------------------------------------- */

/*
 * lease_recover() of one pin. claim_get and the probe of the lock are one step:
 * the dead stay dead, and the swap expects the incarnation.
 */
#define DEAD_PIN(i) (claims[i] && !ALIVE(claims[i]))
#define DEAD_TOKEN(i) (tokens[i] && !ALIVE(tokens[i]))

inline lease_recover_pin(i)
{
	d_step { DEAD_PIN(i) -> expected = claims[i] };
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
}

#define OWNED_BY(w, b) (states[b] == OWNED + (w))

/* state_after_death(). The record and the cell in one step: if the buffer has
 * passed on meanwhile, the swap after it fails whatever was read. */
inline state_after_death(b, result)
{
	if
	:: d_step {
			if
#ifdef M_BURY_FREE
			:: true -> result = FREE
#elif defined(M_BURY_HISTORY)
			:: true -> result = recs[b]
#else
			:: recs[b] < 1 || recs[b] > newest -> result = FREE
			:: recs[b] >= 1 && recs[b] <= newest && SEQ(PLACE(recs[b])) == recs[b] ->
				result = (BUF(PLACE(recs[b])) == b -> recs[b] : FREE)
			:: recs[b] >= 1 && recs[b] <= newest && SEQ(PLACE(recs[b])) != recs[b] ->
				result = recs[b] + TAINTED
#endif
			fi;
			newest = 0
		}
	fi
}

/* ring_bury_owners() of one of them. No buffer becomes a dead owner's, so the scan
 * that finds the first one that is left is one step. The newest number is read for
 * each: the C function reads it once, after they died, which is as good. */
inline ring_bury_owners(w)
{
	do
	:: d_step { ANY(OWNED_BY, w) -> FIND(OWNED_BY, w, scan) };
		ring_newest(newest);
		state_after_death(scan, value);
		d_step { /* state_swap */
			if
			:: OWNED_BY(w, scan) && value == FREE -> set_free(scan)
			:: OWNED_BY(w, scan) && value != FREE -> states[scan] = value
			:: else
			fi;
			value = 0;
			scan = 0
		}
	:: else -> break
	od
}

/* free_entry() of a token, inside a d_step. */
inline free_token(i)
{
	if
	:: tokens[i] == expected -> tokens[i] = 0
	:: else
	fi
}

/* lease_recover() and bury() of one token; the C functions do all of the dead at once. */
inline lease_recover_token(i)
{
	d_step { DEAD_TOKEN(i) -> expected = tokens[i] };
#ifdef M_TOKEN_FIRST
	d_step { free_token(i) };
#endif
	ring_bury_owners(expected);
	if
	:: d_step {
			free_token(i);
			expected = 0
		}
	fi
}

/* lease_recover() of a whole table, as a caller without an entry does it. */
inline recover_pins()
{
	if
	:: lease_recover_pin(0)
	:: lease_recover_pin(1)
	:: else
	fi
}

inline recover_tokens()
{
	if
	:: lease_recover_token(0)
	:: lease_recover_token(1)
	:: else
	fi
}

/* draw(): an incarnation for each process and life. */
#define WORD(id, life) (1 + (id) * (CRASHES + 1) + (life))

inline be_born(id)
{
	here[id] = true;
	word[id] = WORD(id, life);
	lives = lives | 1 << word[id]
}

inline unregister(id)
{
	lives = lives & ~(1 << word[id]);
	word[id] = 0;
	here[id] = false
}

/* --- a reader -------------------------------------------------------------------- */

#define ID (2 + r)

/*
 * lease_register() and prepare(): the first free entry, whose pin is cleared.
 * claim_get and claim_swap are one step, as a swap that fails is a get. If no
 * entry is free register_client() looks for dead ones, and gives up if there
 * are none.
 */
inline register_pin()
{
	do
	:: d_step {
			claims[0] == 0 || claims[1] == 0 ->
			entry[r] = (claims[0] == 0 -> 0 : 1);
			be_born(ID);
			claims[entry[r]] = word[ID]
		};
		if
		:: d_step {
				late_pin[r] = PIN_CLEAR;
				settle_pin(r)
			}
		fi;
		break
	:: claims[0] && claims[1] && (DEAD_PIN(0) || DEAD_PIN(1)) ->
		recover_pins()
	:: claims[0] && claims[1] && !DEAD_PIN(0) && !DEAD_PIN(1) ->
		goto out
	od
}

/* choose(): reader 0 follows its cursor (BABUS_AFTER), reader 1 wants BABUS_LATEST. */
#define KEPT (newest > DEPTH -> DEPTH : newest)
#define OLDEST (newest - KEPT + 1)
#define NOTHING(top) (r == 0 && cursor >= (top) || (top) == 0)
#define CHOICE (r == 1 -> newest : (cursor + 1 > OLDEST -> cursor + 1 : OLDEST))

#ifdef STEPWISE
#define TOP newest
#else
#define TOP IN_CELLS
#endif

/* The look-again passed: what describe() checks, and what the user gets. */
inline begin_reading()
{
	reading[r] = BUF(cell) + 1;
	assert(recs[BUF(cell)] == SEQ(cell));	/* describe() */
	assert(SEQ(cell) > cursor || r == 1);
	/* The reported loss is SEQ(cell) - cursor - 1. It is exact if the one before is gone. */
	assert(r == 1 || SEQ(cell) == cursor + 1 || SEQ(cell) - 1 + DEPTH <= published);
	cursor = (r == 0 -> SEQ(cell) : 0)
}

/*
 * ring_pin() and pin_clear(). The cell is read in the step that finds the
 * newest: sequence numbers are unique, so if it changed between the two, ring_pin
 * starts over, here or at the look-again. pin_next() looks at the cell of cursor + 1
 * alone: that is this step at the instant of its look, with the same choice.
 */
inline ring_pin()
{
	d_step {
		!NOTHING(TOP) ->
		SET_NEWEST(newest)
		cell = PLACE(CHOICE);
		cell = (SEQ(cell) == CHOICE -> cell : 0);
		newest = 0
	};
	if
	:: cell == 0
	:: d_step { /* pin_set */
			cell != 0 ->
			drain_pin(r);
#ifdef M_PIN_BUFFERED
			late_pin[r] = cell
#else
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
				late_pin[r] = PIN_CLEAR;
				settle_pin(r);
				n++
			}
#ifndef M_NO_LOOK_AGAIN
		:: else ->
			d_step { /* pin_clear */
				cell = 0;
				late_pin[r] = PIN_CLEAR;
				settle_pin(r)
			}
#endif
		fi
	fi
}

proctype reader(byte r)
{
	byte life, n;
	byte newest, cell, cursor;
	byte expected;

born:	{
		if
		:: life == 0
		:: life > 0 -> register_pin()
		fi;
		do
		:: n < READS ->
			RING_NEWEST(newest)
			if
			:: ring_pin()
			:: d_step { NOTHING(TOP) -> newest = 0; n = READS }
			fi
		:: d_step { /* lease_give() */
				n >= READS ->
				drain_pin(r);
				assert(claims[entry[r]] == word[ID]);
				claims[entry[r]] = 0;
				unregister(ID);
				n = 0;
				cursor = 0;
				life = 0;
				entry[r] = 0;
				done++
			};
			goto end
		od;
out:		if
		:: d_step {
				life = 0;
				here[ID] = false;
				done++
			}
		fi;
		goto end
	} unless {
		d_step {
			dead[ID] ->
			dead[ID] = false;
			n = 0;
			newest = 0;
			cell = 0;
			cursor = 0;
			expected = 0
		};
		if
		:: d_step { life++; here[ID] = true }; goto born
		:: d_step {
				life = 0;
				entry[r] = 0;
				done++
			}
		fi
	};
end:	skip
}

/* --- a publisher ------------------------------------------------------------------- */

inline register_token()
{
	do
	:: d_step {
			tokens[0] == 0 || tokens[1] == 0 ->
			token = (tokens[0] == 0 -> 0 : 1);
			be_born(p);
			tokens[token] = word[p]
		};
		break
	:: tokens[0] && tokens[1] && (DEAD_TOKEN(0) || DEAD_TOKEN(1)) ->
		recover_tokens()
	:: tokens[0] && tokens[1] && !DEAD_TOKEN(0) && !DEAD_TOKEN(1) ->
		goto out
	od
}

#define CAN_TAKE(p, b) (states[b] == FREE)
#define FINDABLE(p, b) (STATE(p, b) == FREE || \
			IS_HISTORY(STATE(p, b)) && !PINNED(b) && \
			NUMBER(STATE(p, b)) + DEPTH <= published)

/*
 * take_buffer(): alloc_take_any() until there is one, as a slot of large messages
 * does it, a reclaim, the first one that is FREE; and when there is none, recovery of the
 * readers. That a buffer can always be found is asserted
 * whenever a pass has found none.
 */
inline take_buffer()
{
	do
	:: reclaim_look(p);
		do
		:: d_step { ANY(RECLAIMABLE, p) -> reclaim_swap(p) };
			reclaim_late(p)
		:: d_step { /* take_free(): state_swap */
				!ANY(RECLAIMABLE, p) && ANY(CAN_TAKE, p) ->
				drain_state(p);
				FIND(CAN_TAKE, p, buffer);
				assert(!IN_CELL(buffer));
				states[buffer] = OWNED + word[p];
				reclaim_end()
			};
			goto taken
		:: d_step {
				!ANY(RECLAIMABLE, p) && !ANY(CAN_TAKE, p) ->
				assert(ANY(FINDABLE, p));
				reclaim_end()
			};
			break
		od;
		recover_pins()
	od;
taken:	skip
}

#define MINE (states[buffer] == OWNED + word[p])

/*
 * ring_commit(). Payload and record are written in the step in which the number
 * is: no other process reads or writes them before or after in a correct protocol,
 * and a reader that has the buffer pinned still has it then. ring_newest() and
 * cell_get are in the same step: a cell that is still the predecessor's says
 * that the newest is still the newest, and one that changes after it makes the
 * swap fail.
 */
inline ring_commit()
{
	do
	:: RING_NEWEST(newest)
		if
		:: d_step {
				SET_NEWEST(newest)
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
					published = newest + 1;
					expected = 0
				};
				break
#ifndef M_NO_PREDECESSOR
			:: else -> d_step { expected = 0; newest = 0 }
#endif
			fi
#ifdef STEPWISE
		:: else -> newest = 0
#endif
		fi
	od;
#ifdef STEPWISE
	if
	:: d_step { /* head_raise */
			if
			:: head < newest + 1 -> head = newest + 1
			:: else
			fi
		}
	fi;
#endif
	if
	:: d_step { /* state_set, late */
			drain_state(p);
			assert(MINE);
			late_state[p] = newest + 1;
			late_buffer[p] = buffer;
			settle_state(p);
			buffer = 0;
			newest = 0;
			n++
		}
	fi
}

/* alloc_discard(): a loan that is given back. */
inline alloc_discard()
{
	d_step {
		drain_state(p);
		assert(MINE);
		set_free(buffer);
		buffer = 0;
		n++
	}
}

proctype publisher(byte p)
{
	byte life, n, token;
	byte buffer, newest, expected;
	byte scan, pinned, hold, value;

	token = p;
born:	{
		if
		:: life == 0
		:: life > 0 -> register_token()
		fi;
		do
		:: n < (p == 0 -> PUBS : PUBS1) ->
			take_buffer();
#ifdef DISCARD
			if
			:: ring_commit()
			:: alloc_discard()
			fi
#else
			ring_commit()
#endif
		:: d_step { /* lease_unregister() */
				n >= (p == 0 -> PUBS : PUBS1) ->
				drain_state(p);
				assert(tokens[token] == word[p]);
				tokens[token] = 0;
				unregister(p);
				n = 0;
				token = 0;
				life = 0;
				done++
			};
			goto end
		od;
out:		if
		:: d_step {
				n = 0;
				token = 0;
				life = 0;
				here[p] = false;
				done++
			}
		fi;
		goto end
	} unless {
		d_step {
			dead[p] ->
			dead[p] = false;
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
		:: d_step { life++; here[p] = true }; goto born
		:: d_step {
				life = 0;
				done++
			}
		fi
	};
end:	skip
}

/* --- recover.c ----------------------------------------------------------------------- */

#define ALL_DONE (done == 2 + READERS)
#define DEAD_CLAIMS (DEAD_TOKEN(0) || DEAD_TOKEN(1) || DEAD_PIN(0) || DEAD_PIN(1))

/* After the last recovery: a buffer is in a cell and says so, or is FREE. */
#define BROKEN(p, b) !(states[b] == FREE && !IN_CELL(b) || \
		       states[b] != FREE && states[b] < OWNED && \
		       PLACE(states[b]) == CELL(states[b], b))

proctype janitor()
{
	byte newest, expected, scan, pinned, hold, value;

	do /* babus_domain_recover(), at any time */
	:: lease_recover_pin(0)
	:: lease_recover_pin(1)
	:: lease_recover_token(0)
	:: lease_recover_token(1)
	:: ALL_DONE && !DEAD_CLAIMS -> break
	od;
	reclaim_look(JANITOR);
	do
	:: d_step { ANY(RECLAIMABLE, JANITOR) -> reclaim_swap(JANITOR) };
		reclaim_late(JANITOR)
	:: d_step {
			!ANY(RECLAIMABLE, JANITOR) ->
			assert(tokens[0] == 0 && tokens[1] == 0 && claims[0] == 0 && claims[1] == 0);
			assert(!ANY(BROKEN, 0));
			assert(SEQ(PLACE(published)) == published)
		};
		break
	od
}

init {
	byte s, life;

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
		be_born(0);
		tokens[0] = word[0];
		be_born(1);
		tokens[1] = word[1];
		be_born(2);
		claims[0] = word[2];
#if READERS > 1
		be_born(3);
		claims[1] = word[3];
		entry[1] = 1;
		run reader(1);
#endif
		run publisher(0);
		run publisher(1);
		run reader(0);
#ifndef SC
		run memory();
#endif
		run janitor();
#if CRASHES
		run killer();
#endif
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * The shared-memory format, version 3, little-endian 64-bit: three kinds of file, each
 * self-contained. Other programs and older versions of this library read it. So fields never
 * move: a new one takes the place of a spare one, and a feature bit announces it.
 *
 * Geometry is checked once, when a file is opened, and then taken from the handle's private
 * copy: a peer that scribbles over a header cannot move our pointers.
 */
#ifndef BABUS_LAYOUT_H
#define BABUS_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sync.h"

#if !defined(__LP64__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the format of babus is defined for 64-bit little-endian machines"
#endif

enum {
	LAYOUT_ABI = 3,
	LAYOUT_LINE = 64,
	LAYOUT_PAGE = 4096,
	LAYOUT_FEATURES_KNOWN = 0, /* bits of features_required we understand */
};

/*
 * Bits of features_required that are reserved but not implemented: a library that does not
 * know them refuses the slot. The publishers of a lossless slot wait for the readers whose
 * leases have LEASE_LOSSLESS. In a slot with groups each message goes to one of the readers
 * whose leases have the same group word.
 */
#define LAYOUT_FEATURE_LOSSLESS (UINT32_C(1) << 0)
#define LAYOUT_FEATURE_GROUPS   (UINT32_C(1) << 1)

#define LAYOUT_DOMAIN_MAGIC UINT64_C(0x314d4f4453554241) /* "ABUSDOM1" */
#define LAYOUT_SLOT_MAGIC   UINT64_C(0x31544c5353554241) /* "ABUSSLT1" */
#define LAYOUT_PINS_MAGIC   UINT64_C(0x314e495053554241) /* "ABUSPIN1" */

/* The largest payload of a slot, all buffers together. */
#define LAYOUT_PAYLOAD_MAX (UINT64_C(1) << 45)

/* How much of a payload is mapped at once. Some machines have few addresses. */
#define LAYOUT_NEAR_MAX (UINT64_C(1) << 30)

/*
 * Words. All fit 64 bits, so that each changes in one atomic step.
 *
 * cell, pin   63..16 sequence number (48), 15..0 buffer (16). 0: none.
 * claim       an incarnation, 1 to 2^46 - 1; 0: free. Incarnations count up
 *             for the life of the file and are never used twice.
 * state       63..62 kind, the rest by kind:
 *               FREE    0: in no cell and named by no valid pin; any publisher may take it
 *               OWNED   the owner's incarnation
 *               HISTORY 47..0 the sequence number under which it was published, and
 *                       STATE_TAINTED if a later owner died that may have written to it
 */
enum layout_kind {
	STATE_FREE = 0,
	STATE_OWNED = 1,
	STATE_HISTORY = 2,
};

#define STATE_SHIFT           62
#define STATE_VALUE           ((UINT64_C(1) << STATE_SHIFT) - 1)
#define STATE_TAINTED         (UINT64_C(1) << 48)
#define CLAIM_INCARNATION_MAX ((UINT64_C(1) << 46) - 1)

static inline uint64_t word_cell(uint64_t seq, uint32_t buffer)
{
	return seq << 16 | buffer;
}

static inline uint64_t cell_seq(uint64_t cell)
{
	return cell >> 16;
}

static inline uint32_t cell_buffer(uint64_t cell)
{
	return (uint32_t)(cell & 0xffff);
}

static inline uint64_t word_state(enum layout_kind kind, uint64_t value)
{
	return (uint64_t)kind << STATE_SHIFT | value;
}

static inline enum layout_kind state_kind(uint64_t state)
{
	return (enum layout_kind)(state >> STATE_SHIFT);
}

static inline uint64_t state_value(uint64_t state)
{
	return state & STATE_VALUE;
}

/* The sequence number of a HISTORY state. */
static inline uint64_t state_seq(uint64_t state)
{
	return state & (STATE_TAINTED - 1);
}

/* First bytes of every file; constant from before the file gets its name. */
struct layout_head {
	uint64_t magic;
	uint32_t abi;
	uint32_t features_required; /* refuse the file if one is unknown */
	uint32_t features_optional;
	uint32_t spare0;
	uint64_t instance; /* random; the same in a slot and its pins */
	uint64_t created_ns;
	uint64_t spare[3];
};

/*
 * A channel is a bit that a futex call can name. The slots of a channel share 64 marks, so
 * that a waiter need not look at all slots when one has news. A slot's mark follows from its
 * instance number. Publishers read their slot's mark for each message. Waiters write it, and
 * publishers that wake them.
 *
 * mark        63..32 news: counts wake-ups that were begun for slots of this mark
 *             31..0 epoch; odd: a process may sleep until one of these slots has news
 */
enum {
	LAYOUT_CHANNELS = 32,
	LAYOUT_MARKS = 64, /* of a channel */
};

struct layout_channel {
	_Alignas(64) shared64 news; /* counts wake-ups that were begun on the channel */
	uint64_t spare[7];
	shared64 marks[LAYOUT_MARKS];
};

static inline uint32_t mark_count(uint64_t mark)
{
	return (uint32_t)(mark >> 32);
}

static inline bool mark_is_set(uint64_t mark)
{
	return mark & 1;
}

/* A slot's channel and its mark there. */
struct layout_place {
	uint32_t channel, mark;
};

static inline struct layout_place layout_place(uint32_t channel, uint64_t instance)
{
	return (struct layout_place){channel % LAYOUT_CHANNELS, instance % LAYOUT_MARKS};
}

/* ROOT/babus.NAME/domain */
struct layout_domain {
	struct layout_head head;
	uint64_t spare0[24];

	/* read by each call, written when the domain's files vanish */
	_Alignas(64) shared32 gone;
	uint32_t spare1[15];

	_Alignas(64) shared32 event; /* the futex word; counts wake-ups */
	uint32_t spare2[15];

	_Alignas(64) shared64 changes; /* counts slots created, removed, re-moded */
	shared64 next_channel;         /* the next automatic channel */
	shared32 names_lock;           /* see wait_lock_names() */
	uint32_t spare3;
	uint64_t spare4[5];

	struct layout_channel channels[LAYOUT_CHANNELS];
};

/* ROOT/babus.NAME/SLOT.slot, followed by the tables in the order below. */
struct layout_slot {
	struct layout_head head;

	uint32_t depth, loans, pins, channel;
	uint64_t max_size;  /* largest message, bytes */
	uint64_t first_seq; /* of the first message ever */
	uint64_t file_size; /* bytes, all of it */
	uint32_t flags;     /* SLOT_ flags */
	uint32_t spare4;
	uint64_t spare0[2];
	char type[64];
	char description[192];
	uint64_t spare1[16];

	/* written by publishers */
	_Alignas(64) shared64 newest; /* hint: raised after each publish */
	uint64_t spare2[7];

	/* rarely written; each call reads the first */
	_Alignas(64) shared32 removed; /* a flag, set once, by the remover of the slot */
	shared32 extent;               /* tokens ever claimed: entries to scan */
	shared64 next_incarnation;     /* of publishers; starts at 1 */
	uint64_t spare3[6];
};

#define SLOT_LOSSLESS (UINT32_C(1) << 0) /* in flags, with LAYOUT_FEATURE_LOSSLESS */

/* One line for each buffer: facts about its message. Written by the buffer's owner. */
struct layout_record {
	shared64 seq; /* of the last message that was published in it, or was to be */
	shared64 size;
	shared64 time_ns; /* CLOCK_BOOTTIME */
	shared64 source_time_ns;
	shared64 tag;
	shared64 pid;
	shared64 publisher; /* incarnation */
	shared64 origin;
};

/*
 * One line for each lease: a loan token in the slot, or a pin in the pins file; see lease.h.
 * Written by its owner, except that any client may clear the claim of a dead one.
 */
struct layout_lease {
	shared64 claim;
	shared64 pin;      /* pins: the pinned cell's value, 0 if idle */
	shared64 cursor;   /* readers: last sequence delivered */
	shared64 received; /* readers */
	shared64 lost;     /* readers */
	shared64 pid;      /* in the owner's pid namespace, with LEASE_ flags */
	shared64 group;    /* readers: 0; else see LAYOUT_FEATURE_GROUPS */
	shared64 prepared; /* the claim for which the other fields were set */
};

#define LEASE_READER   (UINT64_C(1) << 32) /* in pid: a reader with a cursor */
#define LEASE_OWN      (UINT64_C(1) << 33) /* in pid: the client's own entry, one each */
#define LEASE_LOSSLESS (UINT64_C(1) << 34) /* in pid: see LAYOUT_FEATURE_LOSSLESS */

/* ROOT/babus.NAME/SLOT.<instance>.pins, followed by the leases at LAYOUT_PAGE. */
struct layout_pins {
	struct layout_head head;
	uint32_t pins;
	uint32_t spare0;
	uint64_t spare1[7];

	_Alignas(64) shared64 next_incarnation; /* of reading clients; starts at 1 */
	shared32 extent;                        /* pins ever claimed: entries to scan */
	uint32_t spare2;
	shared64 lost; /* by readers that have closed */
	uint64_t spare3[5];
};

_Static_assert(sizeof(struct layout_head) == 64, "head");
_Static_assert(offsetof(struct layout_domain, gone) == 256, "domain.gone");
_Static_assert(offsetof(struct layout_domain, event) == 320, "domain.event");
_Static_assert(offsetof(struct layout_domain, changes) == 384, "domain.changes");
_Static_assert(offsetof(struct layout_domain, channels) == 448, "domain.channels");
_Static_assert(sizeof(struct layout_channel) == 576, "channel");
_Static_assert(sizeof(struct layout_domain) == 448 + 576 * LAYOUT_CHANNELS, "domain");
_Static_assert(offsetof(struct layout_slot, depth) == 64, "slot.depth");
_Static_assert(offsetof(struct layout_slot, max_size) == 80, "slot.max_size");
_Static_assert(offsetof(struct layout_slot, type) == 128, "slot.type");
_Static_assert(offsetof(struct layout_slot, description) == 192, "slot.description");
_Static_assert(offsetof(struct layout_slot, newest) == 512, "slot.newest");
_Static_assert(offsetof(struct layout_slot, removed) == 576, "slot.removed");
_Static_assert(sizeof(struct layout_slot) == 640, "slot");
_Static_assert(sizeof(struct layout_record) == 64, "record");
_Static_assert(sizeof(struct layout_lease) == 64, "lease");
_Static_assert(offsetof(struct layout_pins, pins) == 64, "pins.pins");
_Static_assert(offsetof(struct layout_pins, next_incarnation) == 128, "pins.next_incarnation");
_Static_assert(sizeof(struct layout_pins) == 192, "pins");

/* Where everything in a slot's file is. Follows from the first five numbers alone. */
struct layout_geometry {
	uint32_t depth, loans, pins;
	uint32_t buffers;
	uint64_t max_size, first_seq;
	uint64_t stride;                                          /* bytes from buffer to buffer */
	uint64_t cells, states, backed, records, tokens, payload; /* offsets */
	uint64_t slot_size, pins_size;                            /* of the files */

	/* What a handle maps when it is opened: the tables and the near buffers. */
	uint32_t near;
	uint64_t near_size;
};

/*
 * Compute all from depth, loans, pins, max_size and first_seq. 0, or -EINVAL, and the detail
 * names the limit that was exceeded.
 */
int layout_geometry(struct layout_geometry *geometry);

/* Whether a version of the library made the file that this one does not understand. */
bool layout_is_foreign(const struct layout_head *head);

/*
 * Check that this library understands a file with these first bytes. `what` names the file
 * in the error. `instance` 0: any. 0 or -EPROTO.
 */
int layout_check_head(const struct layout_head *head, uint64_t magic, uint64_t instance,
		      const char *what);

/* Check the header of a slot's file of `file_size` bytes, and compute its geometry; or the
   header of its pins. 0 or -EPROTO. */
int layout_check_slot(const struct layout_slot *slot, uint64_t file_size,
		      struct layout_geometry *geometry, const char *what);
int layout_check_pins(const struct layout_pins *pins, uint64_t file_size, uint64_t instance,
		      const struct layout_geometry *geometry, const char *what);

/* Fill in a new file's first bytes. */
void layout_fill_head(struct layout_head *head, uint64_t magic, uint64_t instance);

#endif

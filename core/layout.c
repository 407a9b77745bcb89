/* SPDX-License-Identifier: MIT */
#include "layout.h"

#include <errno.h>
#include <inttypes.h>

#include <babus/babus.h>

#include "clock.h"
#include "error.h"

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* Reserve `bytes` at the next line of the file. */
static uint64_t place(uint64_t *end, uint64_t bytes)
{
	uint64_t at = round_up(*end, LAYOUT_LINE);

	*end = at + bytes;
	return at;
}

int layout_geometry(struct layout_geometry *g)
{
	uint64_t end = sizeof(struct layout_slot);
	uint64_t buffers = (uint64_t)g->depth + g->loans + g->pins;

	if (g->depth < 1 || g->loans < 1 || g->pins < 1)
		return babus_fail(-EINVAL, "depth, loans and pins must be 1 or more");
	if (g->loans > BABUS_LOANS_MAX)
		return babus_fail(-EINVAL, "%" PRIu32 " loans: at most %u", g->loans,
				  BABUS_LOANS_MAX);
	if (buffers > BABUS_BUFFERS_MAX)
		return babus_fail(-EINVAL,
				  "depth + loans + pins is %" PRIu64 ": at most %u together",
				  buffers, BABUS_BUFFERS_MAX);
	if (g->max_size < 1 || g->max_size > LAYOUT_PAYLOAD_MAX)
		return babus_fail(-EINVAL,
				  "largest message of %" PRIu64 " bytes: expected 1 to %" PRIu64,
				  g->max_size, (uint64_t)LAYOUT_PAYLOAD_MAX);
	if (g->first_seq < 1 || g->first_seq > BABUS_SEQ_MAX)
		return babus_fail(-EINVAL,
				  "first sequence number %" PRIu64 ": expected 1 to %" PRIu64,
				  g->first_seq, (uint64_t)BABUS_SEQ_MAX);

	/* Small messages stay close together. A large one starts a page, so that its memory
	   can be populated and given back by itself. */
	g->buffers = (uint32_t)buffers;
	g->stride = round_up(g->max_size, g->max_size < LAYOUT_PAGE ? LAYOUT_LINE : LAYOUT_PAGE);
	if (g->stride > LAYOUT_PAYLOAD_MAX / buffers)
		return babus_fail(-EINVAL,
				  "%" PRIu64 " buffers of %" PRIu64 " bytes: at most %" PRIu64
				  " bytes together",
				  buffers, g->stride, (uint64_t)LAYOUT_PAYLOAD_MAX);

	g->cells = place(&end, g->depth * sizeof(shared64));
	g->states = place(&end, buffers * sizeof(shared64));
	g->backed = place(&end, buffers * sizeof(shared64));
	g->records = place(&end, buffers * sizeof(struct layout_record));
	g->tokens = place(&end, g->loans * sizeof(struct layout_lease));
	g->payload = round_up(end, LAYOUT_PAGE);
	g->slot_size = round_up(g->payload + buffers * g->stride, LAYOUT_PAGE);
	g->near = g->stride <= LAYOUT_NEAR_MAX / buffers ? g->buffers
							 : (uint32_t)(LAYOUT_NEAR_MAX / g->stride);
	g->near_size = g->near < g->buffers ? g->payload + g->near * g->stride : g->slot_size;
	g->pins_size = LAYOUT_PAGE + round_up(g->pins * sizeof(struct layout_lease), LAYOUT_PAGE);
	return 0;
}

/* Names of features that are reserved and not implemented. */
static const char *features_text(uint32_t features)
{
	switch (features & (LAYOUT_FEATURE_LOSSLESS | LAYOUT_FEATURE_GROUPS)) {
	case LAYOUT_FEATURE_LOSSLESS:
		return " (lossless readers)";
	case LAYOUT_FEATURE_GROUPS:
		return " (groups of readers)";
	case LAYOUT_FEATURE_LOSSLESS | LAYOUT_FEATURE_GROUPS:
		return " (lossless readers, groups of readers)";
	}
	return "";
}

bool layout_is_foreign(const struct layout_head *head)
{
	return head->abi != LAYOUT_ABI ||
	       head->features_required & ~(uint32_t)LAYOUT_FEATURES_KNOWN;
}

int layout_check_head(const struct layout_head *head, uint64_t magic, uint64_t instance,
		      const char *what)
{
	if (head->magic != magic)
		return babus_fail(-EPROTO,
				  "%s: magic %016" PRIx64 ", expected %016" PRIx64
				  ": not a file of babus",
				  what, head->magic, magic);
	if (head->abi != LAYOUT_ABI)
		return babus_fail(-EPROTO,
				  "%s: format version %" PRIu32 ", this library knows version %d",
				  what, head->abi, LAYOUT_ABI);
	if (head->features_required & ~(uint32_t)LAYOUT_FEATURES_KNOWN)
		return babus_fail(-EPROTO,
				  "%s: needs features %#" PRIx32 "%s, this library knows %#x", what,
				  head->features_required, features_text(head->features_required),
				  LAYOUT_FEATURES_KNOWN);
	if (instance && head->instance != instance)
		return babus_fail(-EPROTO,
				  "%s: belongs to instance %016" PRIx64 ", expected %016" PRIx64,
				  what, head->instance, instance);
	if (!head->instance)
		return babus_fail(-EPROTO, "%s: has no instance number", what);
	return 0;
}

int layout_check_slot(const struct layout_slot *slot, uint64_t file_size,
		      struct layout_geometry *geometry, const char *what)
{
	struct layout_geometry g = {
	    .depth = slot->depth,
	    .loans = slot->loans,
	    .pins = slot->pins,
	    .max_size = slot->max_size,
	    .first_seq = slot->first_seq,
	};
	int error = layout_check_head(&slot->head, LAYOUT_SLOT_MAGIC, 0, what);

	if (error)
		return error;
	if (layout_geometry(&g))
		return babus_fail(-EPROTO, "%s: damaged header: %s", what, babus_error_detail());
	if (slot->channel >= BABUS_CHANNELS)
		return babus_fail(-EPROTO, "%s: channel %" PRIu32 ", expected 0 to %u", what,
				  slot->channel, BABUS_CHANNELS - 1);
	if (slot->file_size != g.slot_size || file_size != g.slot_size)
		return babus_fail(-EPROTO, "%s: %" PRIu64 " bytes, but its header needs %" PRIu64,
				  what, file_size, g.slot_size);
	*geometry = g;
	return 0;
}

int layout_check_pins(const struct layout_pins *pins, uint64_t file_size, uint64_t instance,
		      const struct layout_geometry *geometry, const char *what)
{
	int error = layout_check_head(&pins->head, LAYOUT_PINS_MAGIC, instance, what);

	if (error)
		return error;
	if (pins->pins != geometry->pins || file_size != geometry->pins_size)
		return babus_fail(-EPROTO,
				  "%s: %" PRIu32 " pins in %" PRIu64
				  " bytes, but its slot needs %" PRIu32 " in %" PRIu64,
				  what, pins->pins, file_size, geometry->pins, geometry->pins_size);
	return 0;
}

void layout_fill_head(struct layout_head *head, uint64_t magic, uint64_t instance)
{
	*head = (struct layout_head){
	    .magic = magic,
	    .abi = LAYOUT_ABI,
	    .instance = instance,
	    .created_ns = clock_realtime(),
	};
}

/* SPDX-License-Identifier: MIT */
/*
 * Opening and closing a slot. Nothing in the files is trusted: headers are read with pread()
 * and checked against the files' real sizes before anything is mapped.
 */
#include "open.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cancel.h"
#include "clients.h"
#include "clock.h"
#include "error.h"
#include "far.h"
#include "files.h"
#include "flags.h"
#include "name.h"
#include "observer.h"
#include "shm.h"

void babus_slot_options_init(struct babus_slot_options *opts)
{
	*opts = (struct babus_slot_options){
	    .depth = 8,
	    .loans = 64,
	    .pins = 256,
	    .channel = -1,
	    .max_size = 16u << 20,
	    .first_seq = 1,
	    .mode = 0600,
	    .uid = (uid_t)-1,
	    .gid = (gid_t)-1,
	};
}

static int check_options(const struct babus_slot_options *opts)
{
	if (!opts->depth && !opts->loans && !opts->pins && !opts->max_size)
		return babus_fail(-EINVAL, "slot options of zeros: call babus_slot_options_init() "
					   "first");
	if (opts->channel < -1 || opts->channel >= (int32_t)BABUS_CHANNELS)
		return babus_fail(-EINVAL, "channel %" PRId32 ": expected 0 to %u, or -1",
				  opts->channel, BABUS_CHANNELS - 1);
	if (opts->mode & ~(mode_t)0777)
		return babus_fail(-EINVAL, "slot mode %#o: expected 0 to 0777",
				  (unsigned)opts->mode);
	if (opts->type && strlen(opts->type) > BABUS_TYPE_MAX)
		return babus_fail(-EINVAL, "type label: at most %u bytes", BABUS_TYPE_MAX);
	if (opts->description && strlen(opts->description) > BABUS_DESCRIPTION_MAX)
		return babus_fail(-EINVAL, "description: at most %u bytes", BABUS_DESCRIPTION_MAX);
	return error_check_reserved(
	    opts->reserved, sizeof(opts->reserved) / sizeof(*opts->reserved), "slot options");
}

/* --- files -------------------------------------------------------------------- */

static int map_slot(babus_slot *slot, const char *file)
{
	struct layout_slot header;
	struct stat st;
	int fd = shm_open_file(slot->domain->dirfd, file, slot->publishes ? O_RDWR : O_RDONLY, &st);
	int error;

	if (fd < 0)
		return fd;
	error = shm_read_start(fd, file, &header, sizeof(header));
	if (error)
		goto close;
	error = layout_check_slot(&header, (uint64_t)st.st_size, &slot->ring.g, slot->name);
	if (error)
		goto close;
	error = domain_check_owner(slot->domain, st.st_uid, file);
	if (error)
		goto close;
	error = shm_map(fd, slot->ring.g.near_size, slot->publishes, (void **)&slot->header);
	if (error)
		goto close;
	slot->instance = header.head.instance;
	slot->place = layout_place(header.channel, header.head.instance);
	slot->device = st.st_dev;
	slot->inode = st.st_ino;
	memcpy(slot->type, header.type, BABUS_TYPE_MAX);
close:
	close(fd);
	return error;
}

static int map_pins(babus_slot *slot)
{
	struct layout_pins header;
	struct stat st;
	int fd = slot_open_pins(slot, O_RDWR, &header, &st);
	int error;

	if (fd < 0)
		return fd;
	slot->pins_device = st.st_dev;
	slot->pins_inode = st.st_ino;
	slot->pins_size = slot->ring.g.pins_size;
	error = shm_map(fd, slot->pins_size, true, (void **)&slot->pins_header);
	close(fd);
	return error;
}

static void set_tables(babus_slot *slot)
{
	struct layout_slot *header = slot->header;
	struct layout_pins *pins = slot->pins_header;
	uint8_t *base = (uint8_t *)header;

	slot->pins = (struct layout_lease *)((uint8_t *)pins + LAYOUT_PAGE);
	slot->leases[SLOT_PINS_FILE].table = (struct lease_table){
	    .entries = slot->pins,
	    .count = slot->observer ? pins->pins : slot->ring.g.pins,
	    .next_incarnation = &pins->next_incarnation,
	    .extent = &pins->extent,
	    .lost = &pins->lost,
	};
	slot->leases[SLOT_FILE].table = (struct lease_table){
	    .entries = (struct layout_lease *)(base + slot->ring.g.tokens),
	    .count = slot->ring.g.loans,
	    .next_incarnation = &header->next_incarnation,
	    .extent = &header->extent,
	};
}

static int guard_map(void *map, size_t size, struct guard **guard)
{
	*guard = guard_add(map, size);
	return *guard ? 0 : -ENOMEM;
}

static int attach(babus_slot *slot)
{
	char file[NAME_MAX + 1];
	int error;

	name_file(file, NAME_SLOT, slot->name, 0);
	error = map_slot(slot, file);
	if (!error)
		error = guard_map(slot->header, slot->ring.g.near_size, &slot->slot_guard);
	if (!error)
		error = slot->observer ? observer_make_pins(slot) : map_pins(slot);
	if (!error)
		error = guard_map(slot->pins_header, slot->pins_size, &slot->pins_guard);
	if (error)
		return error;
	ring_attach(&slot->ring, &slot->ring.g, slot->header, slot->pins_header);
	set_tables(slot);
	return slot_check(slot);
}

/* --- open and close ------------------------------------------------------------- */

static void destroy(babus_slot *slot)
{
	struct slot_leases *tokens = &slot->leases[SLOT_FILE];
	struct slot_leases *pins = &slot->leases[SLOT_PINS_FILE];
	struct error_kept detail;

	error_keep(&detail);
	/* A forked child has the handle's memory, but not its leases. */
	if (fork_page && fork_is_ours(slot->generation)) {
		uint64_t kept = local_get(&slot->view_pin);

		if (kept)
			clients_return_pin(slot, (uint32_t)kept - 1);
		lease_unregister(&pins->table, &pins->client);
		/* Loans that the caller forgot. */
		if (tokens->client.incarnation)
			ring_bury_owners(&slot->ring,
					 &(struct lease_set){&tokens->client.incarnation, 1});
		lease_unregister(&tokens->table, &tokens->client);
	}
	guard_remove(slot->slot_guard);
	guard_remove(slot->pins_guard);
	far_unmap(slot);
	shm_unmap(slot->header, slot->ring.g.near_size);
	shm_unmap(slot->pins_header, slot->pins_size);
	domain_unref(slot->domain);
	free(slot->name);
	free(slot);
	error_restore(&detail);
}

void babus_slot_close(babus_slot *slot)
{
	if (slot)
		destroy(slot);
}

/* A process that removed the slot was interrupted: finish the removal. */
static int retire(const babus_slot *slot)
{
	struct error_kept detail;
	int error;

	error_keep(&detail);
	error = files_retire(slot->domain, slot->name, slot->device, slot->inode);
	error_restore(&detail);
	return error;
}

/* Why a slot is opened. */
enum purpose {
	TO_OBSERVE,
	TO_READ,
	TO_MAINTAIN, /* to write, without being a publisher */
	TO_PUBLISH,
};

/* How a slot is to be opened, or created. */
struct request {
	unsigned flags;
	const struct babus_slot_options *opts;
	struct layout_geometry geometry; /* of `opts` */
};

static int check_type(const babus_slot *slot, const char *wanted)
{
	if (!wanted || !*wanted || !strcmp(slot->type, wanted))
		return 0;
	if (!*slot->type)
		return babus_fail(-EEXIST, "slot '%s' exists without a type, expected '%s'",
				  slot->name, wanted);
	return babus_fail(-EEXIST, "slot '%s' exists with type '%s', expected '%s'", slot->name,
			  slot->type, wanted);
}

static int check_same_geometry(const babus_slot *slot, const struct layout_geometry *wanted)
{
	const struct layout_geometry *g = &slot->ring.g;

	if (g->depth == wanted->depth && g->loans == wanted->loans && g->pins == wanted->pins &&
	    g->max_size == wanted->max_size)
		return 0;
	return babus_fail(-EEXIST,
			  "slot '%s' exists with depth %" PRIu32 ", size %" PRIu64
			  ", loans %" PRIu32 ", pins %" PRIu32 "; expected %" PRIu32 ", %" PRIu64
			  ", %" PRIu32 ", %" PRIu32,
			  slot->name, g->depth, g->max_size, g->loans, g->pins, wanted->depth,
			  wanted->max_size, wanted->loans, wanted->pins);
}

/* Check the options that an existing slot must have. The others are for creation. */
static int check_fits(const babus_slot *slot, const struct request *request)
{
	int error = check_type(slot, request->opts->type);

	if (!error && request->flags & BABUS_EXACT)
		error = check_same_geometry(slot, &request->geometry);
	return error;
}

/* `request` NULL: do not compare it with options. */
static int open_handle(babus_domain *domain, const char *name, enum purpose purpose,
		       const struct request *request, babus_slot **result)
{
	babus_slot *slot = aligned_alloc(64, (sizeof(*slot) + 63) / 64 * 64);
	int error = -ENOMEM;

	if (!slot)
		return error;
	memset(slot, 0, sizeof(*slot));
	domain_ref(domain);
	slot->domain = domain;
	slot->domain_map = domain->map;
	slot->generation = domain->generation;
	slot->pid = (uint32_t)getpid();
	slot->publishes = purpose >= TO_MAINTAIN;
	local_put(&slot->look_ns, clock_boottime() + SLOT_LOOK_NS);
	slot->observer = purpose == TO_OBSERVE;
	/* Until it registers the handle has no entries of its own. */
	local_take(&slot->leases[SLOT_FILE].own_lent);
	local_take(&slot->leases[SLOT_PINS_FILE].own_lent);
	slot->name = strdup(name);
	if (slot->name)
		error = attach(slot);
	if (!error && request)
		error = check_fits(slot, request);
	if (!error && purpose == TO_PUBLISH)
		error = clients_register(slot, SLOT_FILE);
	/* If we may not finish the removal, there is still no slot. */
	if (error == -ENODEV && slot->header && flag_get(&slot->header->removed) &&
	    !slot->observer && retire(slot))
		error = -ENOENT;
	if (error)
		destroy(slot);
	else
		*result = slot;
	return error;
}

static int open_existing(babus_domain *domain, const char *name, const struct request *request,
			 babus_slot **slot)
{
	enum purpose purpose = request->flags & BABUS_OBSERVE   ? TO_OBSERVE
			       : request->flags & BABUS_PUBLISH ? TO_PUBLISH
								: TO_READ;

	return open_handle(domain, name, purpose, request, slot);
}

int open_to_maintain(babus_domain *domain, const char *name, babus_slot **slot)
{
	int error = open_handle(domain, name, TO_MAINTAIN, NULL, slot);

	if (error == -EACCES) {
		babus_fail_clear();
		error = open_handle(domain, name, TO_READ, NULL, slot);
	}
	return error;
}

/* Check all that creation needs before it starts. */
static int prepare(struct request *request)
{
	const struct babus_slot_options *opts = request->opts;
	int error = check_options(opts);

	request->geometry = (struct layout_geometry){
	    .depth = opts->depth,
	    .loans = opts->loans,
	    .pins = opts->pins,
	    .max_size = opts->max_size,
	    .first_seq = opts->first_seq,
	};
	return error ? error : layout_geometry(&request->geometry);
}

/* One attempt. FILES_AGAIN: another process created or removed the slot meanwhile. */
static int open_or_create(babus_domain *domain, const char *name, const struct request *request,
			  babus_slot **slot)
{
	int error = -ENOENT;

	if (!(request->flags & BABUS_EXCLUSIVE)) {
		error = open_existing(domain, name, request, slot);
		if (error == -ENODEV && !domain_check(domain))
			return FILES_AGAIN;
		if (error != -ENOENT || !(request->flags & BABUS_CREATE))
			return error;
	}
	error = files_create(domain, name, request->opts, &request->geometry);
	if (error == -EEXIST && !(request->flags & BABUS_EXCLUSIVE))
		return FILES_AGAIN;
	if (error)
		return error;
	error = open_existing(domain, name, request, slot);
	return error == -ENOENT || error == -ENODEV ? FILES_AGAIN : error;
}

static int try_to_open(babus_domain *domain, const char *name, const struct request *request,
		       babus_slot **slot)
{
	int error = FILES_AGAIN;

	for (int i = 0; i < FILES_ATTEMPTS && error == FILES_AGAIN; i++) {
		babus_fail_clear();
		error = open_or_create(domain, name, request, slot);
	}
	/* The slot is removed, and its name still there. An observer may not take it away. */
	if (error == FILES_AGAIN && request->flags & BABUS_OBSERVE)
		error = -ENOENT;
	if (error == FILES_AGAIN)
		return babus_fail(-ENODEV,
				  "slot '%s': a removed slot keeps the name and you may not delete "
				  "its files, or it is created and removed again and again",
				  name);
	if (error == -ENOENT && domain_check_files(domain))
		return -ENODEV;
	if (error && !*babus_error_detail())
		return babus_fail(error, "slot '%s': %s", name, babus_strerror(error));
	return error;
}

int babus_slot_open(babus_domain *domain, const char *name, unsigned flags,
		    const struct babus_slot_options *opts, babus_slot **result)
{
	NO_CANCELLATION;
	struct babus_slot_options defaults;
	struct request request = {flags, opts ? opts : &defaults, {0}};
	int error;

	babus_fail_clear();
	babus_slot_options_init(&defaults);
	if (domain->observer)
		request.flags |= BABUS_OBSERVE;
	error = domain_check_now(domain);
	if (!error)
		error = flags_check(flags,
				    BABUS_PUBLISH | BABUS_CREATE | BABUS_EXCLUSIVE | BABUS_EXACT |
					BABUS_OBSERVE,
				    "slot");
	if (!error && flags & (BABUS_PUBLISH | BABUS_CREATE))
		error = domain_check_writes(domain);
	if (!error)
		error = babus_name_check(name);
	if (!error)
		error = prepare(&request);
	return error ? error : try_to_open(domain, name, &request, result);
}

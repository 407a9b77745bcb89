/* SPDX-License-Identifier: MIT */
/*
 * Fuzzing of a slot in use: its files passed the attach, then anything is written into the
 * tables, marks and counters while handles work on them. An input is a program of steps: damage,
 * or one call.
 *
 * Whatever is in the tables, a call gives a documented error, and a message lies within one
 * buffer of the mapping.
 */
#include <errno.h>
#include <stdlib.h>

#include "input.h"
#include "scene.h"
#include "slot.h"

enum {
	STEPS = 80,
	VIEWS = 4,
	EVENTS = 3,
	LOANS = 3
};

/* What the steps work with; NULL and zero where there is none. */
struct bench {
	unsigned kind;
	babus_domain *domain;
	babus_slot *slot, *other; /* one publishes, one reads */
	babus_reader *reader;
	babus_waiter *waiter;
	struct babus_message views[VIEWS];
	struct babus_loan loans[LOANS];
};

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count;
	(void)arguments;
	scene_init();
	return 0;
}

/* --- damage ----------------------------------------------------------------------- */

/* Numbers that mean something to the protocol, and others. */
static uint64_t choose_value(struct input *input)
{
	uint8_t shape = input_byte(input);
	uint64_t small = input_byte(input);

	switch (shape % 8) {
	case 0:
		return small;
	case 1:
		return word_cell(small, input_byte(input));
	case 2:
		return word_state((enum layout_kind)(shape / 8 % 4), small);
	case 3:
		return word_cell(BABUS_SEQ_MAX - small, shape / 8);
	case 4:
		return UINT64_MAX - small;
	case 5:
		return UINT64_C(1) << small % 64;
	case 6:
		return word_state((enum layout_kind)(shape / 8 % 4), input_word(input));
	default:
		return input_word(input);
	}
}

static shared64 *choose_lease_field(struct layout_lease *lease, unsigned field)
{
	shared64 *fields[] = {&lease->claim, &lease->pin, &lease->cursor, &lease->received,
			      &lease->lost,  &lease->pid, &lease->group};

	return fields[field % (sizeof(fields) / sizeof(*fields))];
}

static shared64 *choose_record_field(struct layout_record *record, unsigned field)
{
	shared64 *fields[] = {&record->seq, &record->size,      &record->time_ns,
			      &record->pid, &record->publisher, &record->origin};

	return fields[field % (sizeof(fields) / sizeof(*fields))];
}

static shared64 *choose_domain_word(struct layout_domain *domain, unsigned i)
{
	struct layout_channel *channel = &domain->channels[i / 8 % LAYOUT_CHANNELS];

	switch (i % 8) {
	case 0: /* with what follows it, which is spare */
		return (shared64 *)&domain->gone;
	case 1:
		return &channel->news;
	case 2:
	case 3:
		return &channel->marks[i / 256 % LAYOUT_MARKS];
	default:
		return &domain->next_channel;
	}
}

static shared64 *choose_word(const struct bench *bench, struct input *input)
{
	const babus_slot *slot = bench->slot;
	const struct ring *ring = &slot->ring;
	unsigned which = input_byte(input);
	unsigned i = input_byte(input);

	switch (which % 16) {
	case 0:
	case 1:
		return &ring->cells[i % ring->g.depth];
	case 2:
	case 3:
		return &ring->states[i % ring->g.buffers];
	case 4:
		return &ring->backed[i % ring->g.buffers];
	case 5:
	case 6:
		return choose_record_field(&ring->records[i % ring->g.buffers], which / 16);
	case 7:
	case 8:
		return choose_lease_field(&slot->leases[SLOT_FILE].table.entries[i % ring->g.loans],
					  which / 16);
	case 9:
	case 10:
		return choose_lease_field(&slot->pins[i % ring->g.pins], which / 16);
	case 11:
		return &slot->header->newest;
	case 12:
		return i % 2 ? &slot->header->next_incarnation
			     : &slot->pins_header->next_incarnation;
	case 13:
		return i % 2 ? &slot->pins_header->lost : &slot->domain_map->changes;
	case 14:
		return choose_domain_word(slot->domain_map, i);
	default:
		return i % 2 ? (shared64 *)slot->pins_header + i : (shared64 *)slot->header + i;
	}
}

static void damage_word(const struct bench *bench, struct input *input)
{
	shared64 *word = choose_word(bench, input);

	counter_put(word, choose_value(input));
}

static void damage_extent(const struct bench *bench, struct input *input)
{
	babus_slot *slot = bench->slot;
	uint32_t value = (uint32_t)choose_value(input);

	atomic_store(&slot->pins_header->extent, 0);
	flag_raise(&slot->pins_header->extent, value);
	atomic_store(&slot->header->extent, 0);
	flag_raise(&slot->header->extent, value);
}

static void damage_bytes(const struct bench *bench, struct input *input)
{
	enum scene_file file = input_byte(input) % SCENE_FILES;
	uint64_t offset = input_short(input);
	uint8_t bytes[16];

	input_take(input, bytes, sizeof(bytes));
	/* The size stays: this fuzzer is about contents. */
	if (offset + sizeof(bytes) <= scene_size(bench->kind, file))
		scene_write(bench->kind, file, offset, bytes, sizeof(bytes));
}

/* --- calls --------------------------------------------------------------------------- */

static void check_message(const babus_slot *slot, const struct babus_message *message)
{
	const struct ring *ring = &slot->ring;
	const uint8_t *data = message->data;
	uint64_t at = (uint64_t)(data - ring->payload);
	unsigned sum = 0;

	HOLDS(at % ring->g.stride == 0 && at / ring->g.stride < ring->g.buffers);
	HOLDS(message->size <= ring->g.max_size);
	for (size_t i = 0; i < message->size; i += 512)
		sum += data[i];
	if (message->size)
		sum += data[message->size - 1];
	HOLDS(sum <= 256 * (message->size / 512 + 2));
}

#define VIEW_ERRORS -ENODATA, -ESTALE, -EAGAIN, -EBUSY, -ENOBUFS, -EPERM

static void view(struct bench *bench, struct input *input)
{
	struct babus_message *message = &bench->views[input_byte(input) % VIEWS];
	uint8_t what = input_byte(input);
	babus_slot *slot = what & 0x80 ? bench->other : bench->slot;
	uint64_t n = what & 0x40 ? choose_value(input) : what & 0x0f;

	babus_message_release(message);
	if (!CALL(babus_slot_view(slot, (enum babus_which)(what / 16 % 4), n, message),
		  VIEW_ERRORS))
		check_message(slot, message);
}

static void copy(struct bench *bench, struct input *input)
{
	static unsigned char buffer[300];
	struct babus_message message;
	uint8_t what = input_byte(input);
	size_t capacity = input_byte(input);

	if (!CALL(babus_slot_copy(bench->slot, (enum babus_which)(what % 4), what / 4, buffer,
				  capacity, &message),
		  VIEW_ERRORS, -EMSGSIZE))
		HOLDS(message.size <= capacity);
}

static void read_next(struct bench *bench, struct input *input)
{
	uint8_t what = input_byte(input);
	struct babus_message *message = &bench->views[what % VIEWS];
	static unsigned char buffer[300];
	int error;

	babus_message_release(message);
	if (what & 0x40)
		error = CALL(babus_reader_next_copy(bench->reader, buffer, 200, message),
			     VIEW_ERRORS, -EMSGSIZE);
	else if (what & 0x20)
		error = CALL(babus_reader_latest(bench->reader, message), VIEW_ERRORS);
	else
		error = CALL(babus_reader_next(bench->reader, message), VIEW_ERRORS);
	if (!error && !(what & 0x40))
		check_message(bench->other, message);
}

#define PUBLISH_ERRORS -EMSGSIZE, -ENOSPC, -ENOBUFS, -EOVERFLOW, -EPERM

static int reserve(babus_slot *slot, uint32_t count)
{
	int result = babus_slot_reserve(slot, count, 200);

	return result < 0 ? result : 0;
}

static void publish(struct bench *bench, struct input *input)
{
	static const unsigned char zeros[512];
	size_t size = input_byte(input);
	struct babus_stamp stamp = {.tag = size};
	struct iovec iov[2] = {{(void *)(uintptr_t)zeros, size}, {(void *)(uintptr_t)zeros, 3}};
	uint64_t seq;

	if (size % 2)
		CALL(babus_slot_publish(bench->slot, zeros, size, &stamp, &seq), PUBLISH_ERRORS);
	else
		CALL(babus_slot_publishv(bench->slot, iov, 2, NULL, NULL), PUBLISH_ERRORS);
}

static void loan(struct bench *bench, struct input *input)
{
	uint8_t what = input_byte(input);
	struct babus_loan *loan = &bench->loans[what % LOANS];

	if (!loan->slot) {
		if (CALL(babus_slot_loan(bench->slot, what, loan), PUBLISH_ERRORS))
			return;
		HOLDS(loan->capacity == what);
		memset(loan->data, 1, loan->capacity);
	} else if (what & 0x80) {
		babus_loan_discard(loan);
	} else {
		CALL(babus_loan_commit(loan, NULL), -EOVERFLOW);
	}
}

static int count_client(void *arg, const struct babus_client_info *info)
{
	*(unsigned *)arg += info->alive != 0;
	return 0;
}

static void ask(struct bench *bench, struct input *input)
{
	struct babus_slot_info info;
	struct babus_report report;
	unsigned clients = 0;
	uint8_t what = input_byte(input);

	switch (what % 6) {
	case 0:
		if (!CALL(babus_slot_info(bench->slot, &info), -EPERM))
			HOLDS(info.kept <= info.depth && info.seq <= BABUS_SEQ_MAX);
		break;
	case 1:
		CALL(babus_slot_clients(bench->slot, count_client, &clients), -EPERM);
		break;
	case 2:
		CALL(babus_domain_recover(bench->domain, 1, &report), -EPERM);
		break;
	case 3:
		CALL(babus_domain_recover(bench->domain, 0, &report), -EPERM);
		break;
	case 4:
		CALL(babus_slot_trim(bench->slot, NULL), PUBLISH_ERRORS);
		break;
	default:
		CALL(reserve(bench->slot, what / 6), PUBLISH_ERRORS);
	}
}

static void check_event(const struct bench *bench, const struct babus_event *event)
{
	switch (event->kind) {
	case BABUS_EVENT_READER:
		HOLDS(event->reader == bench->reader);
		break;
	case BABUS_EVENT_CHANGED:
		HOLDS(!event->reader && !event->slot);
		break;
	default:
		HOLDS(!event->reader && !babus_name_check(event->slot));
	}
}

static void wait_once(struct bench *bench, struct input *input)
{
	struct babus_event events[EVENTS];
	uint8_t what = input_byte(input);
	int64_t deadline = what & 1 ? babus_deadline(1000) : BABUS_NOW;
	int fd, result;

	if (what % 16 == 15)
		CALL(babus_waiter_fd(bench->waiter, &fd), 0);
	if (what & 2)
		CALL(babus_reader_wait(bench->reader, deadline), -ETIMEDOUT, -EINTR);
	result = CALL(babus_waiter_wait(bench->waiter, deadline, events, EVENTS), -ETIMEDOUT,
		      -EINTR);
	HOLDS(result <= EVENTS);
	for (int i = 0; i < result; i++)
		check_event(bench, &events[i]);
}

/* --- handles --------------------------------------------------------------------------- */

static void give_back(struct bench *bench)
{
	for (int i = 0; i < VIEWS; i++)
		babus_message_release(&bench->views[i]);
	for (int i = 0; i < LOANS; i++)
		babus_loan_discard(&bench->loans[i]);
}

static void close_all(struct bench *bench)
{
	give_back(bench);
	babus_waiter_close(bench->waiter);
	babus_reader_close(bench->reader);
	babus_slot_close(bench->other);
	babus_slot_close(bench->slot);
	babus_domain_close(bench->domain);
}

/* False: the slot is too damaged to be opened again. */
static bool open_all(struct bench *bench, uint8_t start)
{
	*bench = (struct bench){.kind = bench->kind};
	return !scene_open(bench->kind, &bench->domain) &&
	       !CALL(babus_slot_open(bench->domain, SCENE_SLOT_NAME, BABUS_PUBLISH, NULL,
				     &bench->slot),
		     -ENOBUFS, -EPERM, -ENOENT) &&
	       !CALL(
		   babus_slot_open(bench->domain, SCENE_SLOT_NAME, BABUS_READ, NULL, &bench->other),
		   -EPERM, -ENOENT) &&
	       !CALL(babus_reader_open(bench->other, (enum babus_start)(start % 3), 1 + start / 3,
				       &bench->reader),
		     -ENOBUFS, -EPERM) &&
	       !CALL(babus_waiter_open(bench->domain, NULL, &bench->waiter), 0) &&
	       !CALL(babus_waiter_add(bench->waiter, bench->reader, NULL), 0) &&
	       (start < 128 || !CALL(babus_waiter_watch_domain(bench->waiter, NULL), 0));
}

static void handle(struct bench *bench, struct input *input)
{
	uint8_t what = input_byte(input);

	switch (what % 4) {
	case 0:
		CALL(babus_reader_seek(bench->reader, (enum babus_start)(what / 4 % 3),
				       1 + what / 16),
		     0);
		break;
	case 1:
		CALL(babus_slot_set_access(bench->slot, 0600, (uid_t)-1, (gid_t)-1), -EPERM);
		break;
	case 2:
		CALL(babus_domain_remove_slot(bench->domain, SCENE_SLOT_NAME), -ENOENT, -EPERM);
		break;
	default: /* truncated, at a place that may be in use */
		scene_resize(bench->kind, what / 4 % SCENE_FILES, what / 12 * UINT64_C(1024));
	}
}

static void step(struct bench *bench, struct input *input)
{
	switch (input_byte(input) % 16) {
	case 0:
	case 1:
	case 2:
	case 3:
		damage_word(bench, input);
		break;
	case 4:
		damage_bytes(bench, input);
		break;
	case 5:
		damage_extent(bench, input);
		break;
	case 6:
		publish(bench, input);
		break;
	case 7:
		view(bench, input);
		break;
	case 8:
		read_next(bench, input);
		break;
	case 9:
		loan(bench, input);
		break;
	case 10:
		ask(bench, input);
		break;
	case 11:
		wait_once(bench, input);
		break;
	case 12:
		copy(bench, input);
		break;
	case 13:
		handle(bench, input);
		break;
	default:
		publish(bench, input);
		read_next(bench, input);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	uint8_t mode = input_byte(&input);
	struct bench bench = {.kind = mode % SCENE_KINDS};
	bool usable;

	scene_restore(bench.kind);
	usable = open_all(&bench, mode);
	HOLDS(usable);
	for (int i = 0; i < STEPS && input.left && usable; i++) {
		if (*input.next == 0xff) {
			input_byte(&input);
			close_all(&bench);
			usable = open_all(&bench, input_byte(&input));
		} else {
			step(&bench, &input);
		}
	}
	close_all(&bench);
	scene_check_descriptors();
	return 0;
}

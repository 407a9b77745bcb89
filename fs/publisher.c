/* SPDX-License-Identifier: MIT */
#include "publisher.h"

#include <errno.h>

#include "slot.h"

void publisher_init(struct publisher *publisher)
{
	pthread_mutex_init(&publisher->lock, NULL);
}

void publisher_finish(struct publisher *publisher)
{
	babus_slot_close(publisher->bus);
	pthread_mutex_destroy(&publisher->lock);
}

static int open_publisher(struct slot *slot, babus_slot **publisher)
{
	struct babus_slot_info info;
	babus_slot *bus;
	int error = babus_slot_open(slot->fs->domain, slot->name, BABUS_PUBLISH, NULL, &bus);

	if (error)
		return error;
	error = babus_slot_info(bus, &info);
	/* Another slot may have the name by now. */
	if (!error && info.instance != slot->instance)
		error = -ENODEV;
	if (error)
		babus_slot_close(bus);
	else
		*publisher = bus;
	return error;
}

int publisher_add_writer(struct slot *slot)
{
	int error = 0;

	pthread_mutex_lock(&slot->publisher.lock);
	if (!slot->publisher.bus)
		error = open_publisher(slot, &slot->publisher.bus);
	if (!error)
		slot->publisher.writers++;
	pthread_mutex_unlock(&slot->publisher.lock);
	return error;
}

void publisher_drop_writer(struct slot *slot)
{
	bool last;

	pthread_mutex_lock(&slot->publisher.lock);
	last = --slot->publisher.writers == 0;
	if (last)
		slot->publisher.until_ns = fs_monotonic() + (int64_t)slot->fs->options.hold_ns;
	pthread_mutex_unlock(&slot->publisher.lock);
	if (last)
		wake_arm(slot->fs->wake);
}

int publisher_publish(struct slot *slot, const void *data, size_t size, pid_t pid)
{
	struct babus_stamp stamp = {.pid = (uint32_t)pid};
	int error;

	pthread_mutex_lock(&slot->publisher.lock);
	error = babus_slot_publish(slot->publisher.bus, data, size, &stamp, NULL);
	pthread_mutex_unlock(&slot->publisher.lock);
	if (!error) {
		slot->fs->counters.published++;
		slot->fs->counters.published_bytes += size;
	}
	return error;
}

int publisher_probe(struct slot *slot, size_t size)
{
	struct babus_loan loan;
	int error;

	pthread_mutex_lock(&slot->publisher.lock);
	error = babus_slot_loan(slot->publisher.bus, size, &loan);
	if (!error)
		babus_loan_discard(&loan);
	pthread_mutex_unlock(&slot->publisher.lock);
	return error;
}

bool publisher_sweep(struct slot *slot, int64_t now_ns)
{
	struct publisher *publisher = &slot->publisher;
	babus_slot *overdue = NULL;
	bool left;

	/* A thread is publishing, which may take long: not overdue. */
	if (pthread_mutex_trylock(&publisher->lock))
		return true;
	left = publisher->bus && !publisher->writers;
	if (left && publisher->until_ns <= now_ns) {
		overdue = publisher->bus;
		publisher->bus = NULL;
		left = false;
	}
	pthread_mutex_unlock(&publisher->lock);
	/* Unmapping much takes long, and writers need the lock. */
	babus_slot_close(overdue);
	return left;
}

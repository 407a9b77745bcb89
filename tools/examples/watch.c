/* SPDX-License-Identifier: MIT */
/*
 * watch: follow several slots at once and notice when all of them are silent.
 *
 *     watch TIMEOUT_MS SLOT...
 *
 * Prints a line for each message, with the number of messages missed before it. Exits
 * with status 1 when no message arrives for TIMEOUT_MS. The domain is $BABUS_DOMAIN,
 * else "default". To compile it:
 *
 *     cc watch.c $(pkg-config --cflags --libs babus) -o watch
 */
#include <babus/babus.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct topic {
	babus_slot *slot;
	babus_reader *reader;
};

static int subscribe(babus_domain *domain, babus_waiter *waiter, const char *name,
		     struct topic *topic)
{
	int error = babus_slot_open(domain, name, BABUS_READ, NULL, &topic->slot);

	if (!error)
		error = babus_reader_open(topic->slot, BABUS_START_NEXT, 0, &topic->reader);
	if (!error)
		error = babus_waiter_add(waiter, topic->reader, topic);
	if (error)
		babus_perror("watch", error);
	return error;
}

/* Print one message of a reader. It is read in place and then released. */
static int print_message(struct topic *topic)
{
	struct babus_message message;
	int error = babus_reader_next(topic->reader, &message);

	if (error)
		return error == -EAGAIN ? 0 : error;
	printf("%s %" PRIu64 ": %zu bytes, tag %" PRIu64 ", %" PRIu64 " missed\n",
	       babus_slot_name(topic->slot), message.seq, message.size, message.tag, message.lost);
	fflush(stdout);
	babus_message_release(&message);
	return 0;
}

static void follow(babus_waiter *waiter, int64_t timeout_ns)
{
	struct babus_event events[16];
	int count, error = 0;

	while (!error) {
		count = babus_waiter_wait(waiter, babus_deadline(timeout_ns), events, 16);
		if (count < 0 && count != -EINTR)
			error = count;
		for (int i = 0; !error && i < count; i++)
			error = events[i].status ? events[i].status : print_message(events[i].user);
	}
	babus_perror("watch", error);
}

static void unsubscribe(babus_waiter *waiter, struct topic *topic)
{
	if (topic->reader)
		babus_waiter_remove(waiter, topic->reader);
	babus_reader_close(topic->reader);
	babus_slot_close(topic->slot);
}

int main(int argc, char **argv)
{
	long timeout_ms = argc > 2 ? atol(argv[1]) : 0;
	babus_domain *domain = NULL;
	babus_waiter *waiter = NULL;
	struct topic *topics;
	int error;

	if (timeout_ms < 1) {
		fprintf(stderr, "Usage: watch TIMEOUT_MS SLOT...\n");
		return 2;
	}
	topics = calloc((size_t)argc, sizeof(*topics));
	if (!topics)
		return 1;
	error = babus_domain_open(NULL, 0, NULL, &domain);
	if (!error)
		error = babus_waiter_open(domain, NULL, &waiter);
	if (error)
		babus_perror("watch", error);
	for (int i = 2; !error && i < argc; i++)
		error = subscribe(domain, waiter, argv[i], &topics[i]);
	if (!error)
		follow(waiter, timeout_ms * INT64_C(1000000));

	for (int i = 2; i < argc; i++)
		unsubscribe(waiter, &topics[i]);
	babus_waiter_close(waiter);
	babus_domain_close(domain);
	free(topics);
	return 1;
}

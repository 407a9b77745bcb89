/* SPDX-License-Identifier: MIT */
/*
 * camera: publish images without copying them.
 *
 *     camera SLOT [FRAMES]
 *
 * Stands for a camera's driver. 30 times a second it draws a grey image directly
 * into the slot's memory, where a driver would let the hardware write, and publishes
 * it. The domain is $BABUS_DOMAIN, else "default". To compile it:
 *
 *     cc camera.c $(pkg-config --cflags --libs babus) -o camera
 */
#define _POSIX_C_SOURCE 200809L

#include <babus/babus.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	WIDTH = 640,
	HEIGHT = 480,
	SIZE = WIDTH * HEIGHT, /* bytes */
	PERIOD_NS = 1000000000 / 30
};

static int publish_frame(babus_slot *slot, unsigned number)
{
	struct babus_loan loan;
	struct timespec now;
	int error = babus_slot_loan(slot, SIZE, &loan);

	if (error)
		return error;
	clock_gettime(CLOCK_REALTIME, &now);
	memset(loan.data, (int)(number % 256), SIZE);
	loan.size = SIZE;
	loan.stamp.tag = number;
	loan.stamp.source_time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	error = babus_loan_commit(&loan, NULL);
	if (error)
		babus_loan_discard(&loan);
	return error;
}

static int run(babus_slot *slot, long frames)
{
	const struct timespec period = {.tv_nsec = PERIOD_NS};
	int error = babus_slot_reserve(slot, 6, SIZE); /* so no frame waits for new memory */

	if (error < 0)
		return error;
	error = 0;
	for (long i = 0; !error && i != frames; i++) {
		error = publish_frame(slot, (unsigned)i);
		nanosleep(&period, NULL);
	}
	return error;
}

int main(int argc, char **argv)
{
	long frames = argc > 2 ? atol(argv[2]) : -1;
	struct babus_slot_options options;
	babus_domain *domain = NULL;
	babus_slot *slot = NULL;
	int error;

	if (argc < 2 || argc > 3) {
		fprintf(stderr, "Usage: camera SLOT [FRAMES]\n");
		return 2;
	}
	babus_slot_options_init(&options);
	options.depth = 4;
	options.loans = 2;
	options.max_size = SIZE;
	options.type = "mono8";
	options.description = "640x480";

	error = babus_domain_open(NULL, BABUS_CREATE, NULL, &domain);
	if (!error)
		error = babus_slot_open(domain, argv[1], BABUS_PUBLISH | BABUS_CREATE, &options,
					&slot);
	if (!error)
		error = run(slot, frames);
	if (error)
		babus_perror("camera", error);
	babus_slot_close(slot);
	babus_domain_close(domain);
	return error ? 1 : 0;
}

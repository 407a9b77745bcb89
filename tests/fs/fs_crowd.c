/* SPDX-License-Identifier: MIT */
/*
 * Thousands of readers blocked on one slot: what they cost, and that one message releases them
 * all. And a storm of signals over readers: it leaves nothing behind, and the readers that it
 * spares lose nothing.
 *
 * BABUS_STRESS_SECONDS is how long the storm lasts.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "file.h"
#include "shell.h"

enum {
	GROUPS = SUPPORT_SANITIZED ? 10 : 50, /* processes */
	MEMBERS = SUPPORT_SANITIZED ? 50 : 100,
	READERS = GROUPS * MEMBERS,
	PATIENCE_MS = 20000 * SUPPORT_SLOWER
};

static const char news[] = "released";
static const char *const files[] = {"wait", "stream"};

/* Shared with the children. */
static struct shared {
	_Atomic int64_t last_ns; /* when the last one was released */
	_Atomic bool stop;
	_Atomic uint64_t checked; /* messages that witnesses received */
} * shared;

static int crowd_setup(void **state)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	return shared == MAP_FAILED ? -1 : mount_setup(state);
}

static int crowd_teardown(void **state)
{
	munmap(shared, sizeof(*shared));
	return mount_teardown(state);
}

#define CROWDED(claim) cmocka_unit_test_setup_teardown(claim, crowd_setup, crowd_teardown)

/* A number from .bus/metrics. */
static uint64_t metric(const char *name)
{
	int fd = open(in_mount(".bus", "metrics"), O_RDONLY | O_CLOEXEC);
	char text[16384], line[64];
	const char *at;

	assert_true(fd >= 0);
	text[read_fd(fd, text, sizeof(text) - 1)] = '\0';
	close(fd);
	snprintf(line, sizeof(line), "\n%s ", name);
	at = strstr(text, line);
	assert_non_null(at);
	return strtoull(at + strlen(line), NULL, 10);
}

/* The daemon does not report that a reader blocks, so ask until it does. */
static void await_metric(const char *name, uint64_t wanted)
{
	int64_t until = now_ns() + PATIENCE_MS * MILLISECOND;

	while (metric(name) != wanted) {
		if (now_ns() > until)
			fail_msg("%s is %llu, expected %llu", name,
				 (unsigned long long)metric(name), (unsigned long long)wanted);
		poll(NULL, 0, 5);
	}
}

/* --- a crowd ----------------------------------------------------------------------------- */

static void *read_once(void *arg)
{
	char text[64];
	int64_t now, last;
	int fd = open(arg, O_RDONLY | O_CLOEXEC);

	EXPECT(fd >= 0);
	EXPECT_EQUAL(read(fd, text, sizeof(text)), sizeof(news) - 1);
	EXPECT(memcmp(text, news, sizeof(news) - 1) == 0);
	now = now_ns();
	last = shared->last_ns;
	while (last < now && !atomic_compare_exchange_weak(&shared->last_ns, &last, now)) {
	}
	close(fd);
	return NULL;
}

static void read_together(void *arg)
{
	const char *paths[] = {in_mount("x", files[0]), in_mount("x", files[1])};
	pthread_t threads[MEMBERS];
	pthread_attr_t attr;

	(void)arg;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, (size_t)256 * 1024);
	for (int i = 0; i < MEMBERS; i++)
		EXPECT(!pthread_create(&threads[i], &attr, read_once, (void *)paths[i % 2]));
	for (int i = 0; i < MEMBERS; i++)
		pthread_join(threads[i], NULL);
}

/* Of all threads of the daemon: what awk adds up in a file of each in /proc. */
static long daemon_sum(const char *file, const char *awk)
{
	char text[256];
	struct outcome outcome;
	long sum;

	snprintf(text, sizeof(text), "cat /proc/%d/task/*/%s | awk '%s END { print n }'",
		 (int)mount_daemon, file, awk);
	shell_try("bash", text, &outcome);
	sum = strtol(outcome.out, NULL, 10);
	outcome_free(&outcome);
	return sum;
}

/* How often they ran, and waited again; and for how many milliseconds. */
static long daemon_switches(void)
{
	return daemon_sum("status", "/^vol/ { n += $2 }");
}

/* The kernel sends the releases of closed files late, on a busy machine by seconds. */
static void await_quiet_daemon(void)
{
	int64_t deadline = now_ns() + SHELL_TIMEOUT_MS * MILLISECOND;
	long before, after = daemon_switches();

	do {
		assert_true(now_ns() < deadline);
		before = after;
		poll(NULL, 0, 200);
		after = daemon_switches();
	} while (after != before);
}

static long daemon_cpu_ms(void)
{
	return daemon_sum("schedstat", "{ n += $1 / 1e6 }");
}

static void one_message_releases_thousands_of_readers(void **state)
{
	babus_slot *slot = make_slot("x", 8, 64);
	pid_t groups[GROUPS];
	long threads, memory, switches, cpu_ms;
	int64_t start, took_s;

	(void)state;
	for (int i = 0; i < GROUPS; i++)
		groups[i] = child_start(read_together, NULL);
	await_metric("babus_fs_waiting", READERS);

	threads = process_status(mount_daemon, "Threads:");
	memory = process_status(mount_daemon, "VmHWM:"); /* KiB */
	if (!SUPPORT_SANITIZED)
		await_quiet_daemon();
	start = now_ns();
	switches = daemon_switches();
	cpu_ms = daemon_cpu_ms();
	poll(NULL, 0, 3000);
	cpu_ms = daemon_cpu_ms() - cpu_ms;
	switches = daemon_switches() - switches;
	took_s = (now_ns() - start) / SECOND;
	assert_in_range(threads, 1, 16);
	if (!SUPPORT_SANITIZED)
		assert_in_range(memory, 1, 200 * 1000);
	assert_in_range(cpu_ms, 0, 20 * (1 + took_s) * SUPPORT_SLOWER);
	/* A look each second, and the cost of asking; ThreadSanitizer looks too. */
	if (!SUPPORT_SANITIZED)
		assert_in_range(switches, 0, 7 + took_s);

	start = now_ns();
	publish_text(slot, news);
	for (int i = 0; i < GROUPS; i++)
		child_join(groups[i]);
	print_message(
	    "%d readers, %ld threads, %ld KiB, %ld wake-ups and %ld ms, released in %lld ms\n",
	    (int)READERS, threads, memory, switches, cpu_ms,
	    (long long)((shared->last_ns - start) / MILLISECOND));
	await_metric("babus_fs_waiting", 0);
	await_metric("babus_fs_open_files", 1);
	babus_slot_close(slot);
}

/* --- a storm ------------------------------------------------------------------------------ */

enum {
	VICTIMS = 40,
	WITNESSES = 6
};

static void ignore(int number)
{
	(void)number;
}

/* Half of the victims handle signals, and read on; the others end. */
static void be_victim(void *arg)
{
	const int *number = arg;
	struct sigaction action = {.sa_handler = *number % 2 ? ignore : SIG_DFL};
	char text[64];
	int fd;

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	/* An open may be interrupted too. */
	while ((fd = open(in_mount("x", files[*number / 2 % 2]), O_RDONLY | O_CLOEXEC)) < 0)
		EXPECT(errno == EINTR);
	for (;;) {
		ssize_t got = read(fd, text, sizeof(text));

		EXPECT_EQUAL(got < 0 && errno != EINTR ? errno : 0, 0);
		if (got == 0)
			lseek(fd, 0, SEEK_SET);
	}
}

/* Never signalled: it receives all messages in order, and then the last one, "0". */
static void be_witness(void *arg)
{
	const char *file = arg;
	int fd = open(in_mount("x", file), O_RDONLY | O_CLOEXEC);
	uint64_t last = 0;
	char text[64];

	EXPECT(fd >= 0);
	for (;;) {
		ssize_t got = read(fd, text, sizeof(text) - 1);
		uint64_t number;

		EXPECT(got >= 0);
		if (got == 0) {
			lseek(fd, 0, SEEK_SET);
			continue;
		}
		text[got] = '\0';
		number = strtoull(text, NULL, 10);
		if (!number)
			break;
		EXPECT(!last || number == last + 1);
		last = number;
		shared->checked++;
	}
	close(fd);
}

/* About one a millisecond: far fewer than the slot keeps for slow readers. */
static void publish_numbers(void *arg)
{
	babus_slot *slot;

	(void)arg;
	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &bus), 0);
	EXPECT_EQUAL(babus_slot_open(bus, "x", BABUS_PUBLISH, NULL, &slot), 0);
	for (uint64_t n = 1; !shared->stop; n++) {
		char text[32];
		int size = snprintf(text, sizeof(text), "%llu", (unsigned long long)n);

		EXPECT_EQUAL(babus_slot_publish(slot, text, (size_t)size, NULL, NULL), 0);
		poll(NULL, 0, 1);
	}
	EXPECT_EQUAL(babus_slot_publish(slot, "0", 1, NULL, NULL), 0);
	babus_slot_close(slot);
	babus_domain_close(bus);
}

/*
 * No reader stays for a second where no signal can reach it: so many looks. On a busy machine the
 * looks take longer, and so does the reader's way out.
 */
static void assert_reachable(pid_t pid)
{
	enum {
		LOOKS = 100 * SUPPORT_SLOWER
	};
	int look = 0;

	while (process_state(pid) == 'D') {
		if (++look > LOOKS)
			fail_msg("process %d stays in state D", (int)pid);
		poll(NULL, 0, 10);
	}
}

static unsigned seconds(void)
{
	const char *text = getenv("BABUS_STRESS_SECONDS");
	long value = text ? strtol(text, NULL, 10) : 0;

	return value > 0 ? (unsigned)value : 4;
}

/* One signal to one victim, and another victim if that was its end. */
static void strike(pid_t *pids, int *numbers, unsigned *random, unsigned *deaths)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGKILL, SIGSTOP, SIGCONT, SIGCONT};
	int victim = rand_r(random) % VICTIMS;
	int status;

	kill(pids[victim], signals[(size_t)rand_r(random) % (sizeof(signals) / sizeof(int))]);
	assert_reachable(pids[victim]);
	if (waitpid(pids[victim], &status, WNOHANG) != pids[victim])
		return;
	assert_true(WIFSIGNALED(status));
	++*deaths;
	pids[victim] = child_start(be_victim, &numbers[victim]);
}

static void a_storm_of_signals_leaves_nothing_and_takes_nothing(void **state)
{
	int64_t until = now_ns() + seconds() * SECOND;
	pid_t pids[VICTIMS], witnesses[WITNESSES], publisher;
	unsigned random = (unsigned)until, seed = random, strikes = 0, deaths = 0;
	int numbers[VICTIMS];

	(void)state;
	babus_slot_close(make_slot("x", 4096, 64));
	for (int i = 0; i < WITNESSES; i++)
		witnesses[i] = child_start(be_witness, (void *)files[i % 2]);
	for (int i = 0; i < VICTIMS; i++) {
		numbers[i] = i;
		pids[i] = child_start(be_victim, &numbers[i]);
	}
	await_metric("babus_fs_waiting", VICTIMS + WITNESSES);
	publisher = child_start(publish_numbers, NULL);
	for (; now_ns() < until; strikes++)
		strike(pids, numbers, &random, &deaths);
	for (int i = 0; i < VICTIMS; i++)
		child_kill(pids[i]);
	shared->stop = true;
	child_join(publisher);
	for (int i = 0; i < WITNESSES; i++)
		child_join(witnesses[i]);
	print_message("seed %u: %u signals, %u deaths, %llu messages checked\n", seed, strikes,
		      deaths, (unsigned long long)shared->checked);
	assert_true(deaths > 0 && shared->checked > 0);
	await_metric("babus_fs_waiting", 0);
	await_metric("babus_fs_open_files", 1);
	await_metric("babus_fs_copied_bytes", 0);
}

/* --- a shell's loop ------------------------------------------------------------------------ */

enum {
	RATE = 1000, /* messages per second */
	LINES = RATE * (SUPPORT_SANITIZED ? 1 : 10),
	KEPT = 1024,
	LOOK = 100 /* messages between two looks at how far the reader is */
};

/* A reader that has stood still for half a second will get there before it misses any. */
static void let_catch_up(uint64_t published)
{
	while (published - metric("babus_fs_delivered_total") > KEPT / 2)
		poll(NULL, 0, 1);
}

static void a_shell_loop_over_a_stream_misses_nothing(void **state)
{
	const char *const argv[] = {"bash", "-c",
				    "cat x/stream | while read -r line; do"
				    " [ $line = 0 ] && echo $n of $last && exec <&- &&"
				    " echo for cat to find out > x/latest && exit;"
				    " n=$((n + 1)); last=$line; done",
				    NULL};
	babus_slot *slot = make_slot("x", KEPT, 64);
	struct outcome outcome;
	char text[64];
	struct job job;
	int64_t start;

	(void)state;
	job_start(&job, argv);
	await_metric("babus_fs_waiting", 1);
	start = now_ns();
	for (int n = 1; n <= LINES; n++) {
		int64_t at = start + n * (SECOND / RATE);
		struct timespec time = {at / SECOND, at % SECOND};

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
		snprintf(text, sizeof(text), "%d\n", n);
		publish_text(slot, text);
		if (n % LOOK == 0)
			let_catch_up((uint64_t)n);
	}
	publish_text(slot, "0\n");
	job_finish(&job, &outcome);
	assert_int_equal(outcome.status, 0);
	print_message("%d messages in %lld ms\n", (int)LINES,
		      (long long)((now_ns() - start) / MILLISECOND));
	snprintf(text, sizeof(text), "%d of %d\n", (int)LINES, (int)LINES);
	assert_string_equal(outcome.out, text);
	outcome_free(&outcome);
	babus_slot_close(slot);
}

/* --- few pins ------------------------------------------------------------------------------ */

enum {
	LOOKERS = 16,
	LOOKS_EACH = 400
};

/* Opens, reads and asks as often as it can; there is always something. */
static void look_on(void *arg)
{
	char text[64];

	(void)arg;
	for (int i = 0; i < LOOKS_EACH; i++) {
		int latest = open(in_mount("x", "latest"), O_RDONLY | O_CLOEXEC);
		int wait = open(in_mount("x", "wait"), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		struct pollfd ready = {.fd = wait, .events = POLLIN};
		ssize_t got;

		EXPECT_EQUAL(latest < 0 || wait < 0 ? errno : 0, 0);
		EXPECT(read(latest, text, sizeof(text)) > 0);
		got = read(wait, text, sizeof(text));
		EXPECT_EQUAL(got < 0 && errno != EAGAIN ? errno : 0, 0);
		EXPECT(poll(&ready, 1, 0) >= 0 && !(ready.revents & POLLERR));
		close(wait);
		close(latest);
	}
}

/* Two are for snapshots, one for a look, one for the waiter. */
static void many_at_once_need_few_pins(void **state)
{
	struct babus_slot_options opts = small_options(4, 64);
	pid_t lookers[LOOKERS], publisher;
	babus_slot *slot;

	(void)state;
	opts.pins = 4;
	slot = make_slot_with("x", &opts);
	publish_text(slot, "1");
	publisher = child_start(publish_numbers, NULL);
	for (int i = 0; i < LOOKERS; i++)
		lookers[i] = child_start(look_on, NULL);
	for (int i = 0; i < LOOKERS; i++)
		child_join(lookers[i]);
	shared->stop = true;
	child_join(publisher);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CROWDED(one_message_releases_thousands_of_readers),
	    CROWDED(a_storm_of_signals_leaves_nothing_and_takes_nothing),
	    CROWDED(a_shell_loop_over_a_stream_misses_nothing),
	    CROWDED(many_at_once_need_few_pins),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return mount_main(run, 120 + 2 * seconds());
}

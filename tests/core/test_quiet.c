/* SPDX-License-Identifier: MIT */
/*
 * The steady state costs no system call and no page fault. A seccomp filter ends the process at
 * any call that is not on a short list, or raises a signal to count the call. Publishers check
 * their files once a second: test_deleted counts these calls. Here they are not made, and there
 * are no more than these.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

enum {
	LARGE = 6220800
};

static bool clock_is_quiet = true;
static char data[LARGE];

static volatile sig_atomic_t calls, wakes, reads, looks;

/* Count the call and do not make it: checking a file fails with EACCES. */
static void on_call(int number, siginfo_t *info, void *context)
{
	ucontext_t *frame = context;
	/*
	 * The C library tries again for a lock that the library's thread has, and ends the
	 * process on any other error.
	 */
	long error = info->si_syscall == SYS_futex ? -EAGAIN : -EACCES;

	(void)number;
	if (info->si_syscall == SYS_newfstatat)
		looks++;
	else
		calls++;
	wakes += info->si_syscall == SYS_futex;
	reads += info->si_syscall == SYS_read;
#if defined(__x86_64__)
	frame->uc_mcontext.gregs[REG_RAX] = error;
#elif defined(__aarch64__)
	frame->uc_mcontext.regs[0] = (uint64_t)error;
#endif
}

/* From here on all calls have this effect, except those to report and to end. */
static void forbid_calls(uint32_t effect)
{
	struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO};
	struct sock_filter rules[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 7, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 6, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getrusage, 5, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 4, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, clock_is_quiet ? SYS_exit_group : SYS_clock_gettime,
		     3, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_newfstatat, 1, 0),
	    BPF_STMT(BPF_RET | BPF_K, effect),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(rules) / sizeof(*rules), rules};

	EXPECT(!sigaction(SIGSYS, &action, NULL));
	EXPECT(!prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	EXPECT(!prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program));
}

static long faults(void)
{
	struct rusage usage;

	EXPECT(!getrusage(RUSAGE_SELF, &usage));
	return usage.ru_minflt + usage.ru_majflt;
}

/* What a publisher and a reader do again and again. */
struct handles {
	babus_slot *slot;
	babus_reader *each, *newest;
	babus_waiter *waiter;
	size_t size;
};

static void take(struct babus_message *message, size_t size)
{
	static volatile char sink;

	EXPECT_EQUAL(message->size, size);
	if (size)
		sink = ((const char *)message->data)[size - 1];
	(void)sink;
	babus_message_release(message);
}

static void go_round(struct handles *h)
{
	struct iovec piece = {data, h->size};
	struct babus_message message;
	struct babus_loan loan;

	EXPECT_EQUAL(babus_slot_publish(h->slot, data, h->size, NULL, NULL), 0);
	EXPECT_EQUAL(babus_slot_publishv(h->slot, &piece, 1, NULL, NULL), 0);
	EXPECT_EQUAL(babus_slot_loan(h->slot, h->size, &loan), 0);
	babus_loan_discard(&loan);
	EXPECT_EQUAL(babus_slot_loan(h->slot, h->size, &loan), 0);
	EXPECT_EQUAL(babus_loan_commit(&loan, NULL), 0);
	EXPECT_EQUAL(babus_slot_view(h->slot, BABUS_LATEST, 0, &message), 0);
	take(&message, h->size);
	EXPECT_EQUAL(babus_slot_copy(h->slot, BABUS_AGE, 1, data, h->size, &message), 0);
	if (h->waiter) {
		struct babus_event event;

		EXPECT_EQUAL(babus_waiter_wait(h->waiter, BABUS_FOREVER, &event, 1), 1);
	}
	while (!babus_reader_next(h->each, &message))
		take(&message, h->size);
	EXPECT_EQUAL(babus_reader_latest(h->newest, &message), 0);
	take(&message, h->size);
}

static struct handles open_all(size_t size)
{
	struct handles h = {.size = size};
	babus_domain *domain;

	EXPECT_EQUAL(babus_domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(babus_slot_open(domain, "s", BABUS_PUBLISH, NULL, &h.slot), 0);
	EXPECT_EQUAL(babus_reader_open(h.slot, BABUS_START_NEXT, 0, &h.each), 0);
	EXPECT_EQUAL(babus_reader_open(h.slot, BABUS_START_NEXT, 0, &h.newest), 0);
	EXPECT_EQUAL(babus_waiter_open(domain, NULL, &h.waiter), 0);
	EXPECT_EQUAL(babus_waiter_add(h.waiter, h.each, NULL), 0);
	return h;
}

struct drill {
	size_t size;
	int rounds;
};

static void go_round_quietly(void *arg)
{
	const struct drill *drill = arg;
	uint64_t opened = babus_now();
	struct handles h = open_all(drill->size);
	long before;

	memset(data, 'q', drill->size);
	for (int i = 0; i < 200; i++)
		go_round(&h);
	forbid_calls(SECCOMP_RET_KILL_PROCESS);
	before = faults();
	for (int i = 0; i < drill->rounds; i++)
		go_round(&h);
	EXPECT((uint64_t)looks <= 2 * ((babus_now() - opened) / SECOND));
	/* Room for the odd page that the kernel moves; not for one a message. */
	EXPECT(faults() - before < 3 + drill->rounds / 50);
}

static void run_drill(size_t size, uint32_t depth, int rounds)
{
	struct drill drill = {size, rounds};
	struct babus_slot_options opts;

	babus_slot_options_init(&opts);
	opts.depth = depth;
	opts.max_size = size;
	babus_slot_close(make_slot_with("s", &opts));
	child_join(child_start(go_round_quietly, &drill));
}

static void small_messages_cost_no_call_and_no_fault(void **state)
{
	(void)state;
	run_drill(64, 8, 50000);
}

static void page_sized_messages_cost_no_call_and_no_fault(void **state)
{
	(void)state;
	run_drill(4096, 2, 20000);
}

static void frames_cost_no_call_and_no_fault(void **state)
{
	(void)state;
	run_drill(LARGE, 4, 150);
}

/* --- with a waiter ------------------------------------------------------------------- */

static int ready;

static void wait_for_one(void *arg)
{
	babus_slot *slot = child_open_slot("s", BABUS_READ);
	babus_waiter *waiter;
	babus_reader *reader;
	struct babus_event event;

	(void)arg;
	waiter = child_open_waiter(slot, 20 * MILLISECOND, &reader);
	/* It sleeps, which leaves its mark, and then ends without a trace. */
	EXPECT_EQUAL(babus_waiter_wait(waiter, babus_deadline(MILLISECOND), &event, 1), -ETIMEDOUT);
	gate_post(ready, 1);
}

static void publish_and_count(void *arg)
{
	struct handles h = open_all(64);

	(void)arg;
	for (int i = 0; i < 200; i++)
		go_round(&h);
	child_join(child_start(wait_for_one, NULL));
	forbid_calls(SECCOMP_RET_TRAP);
	for (int i = 0; i < 1000; i++)
		EXPECT_EQUAL(babus_slot_publish(h.slot, data, 64, NULL, NULL), 0);
	EXPECT_EQUAL(wakes, 1);
	EXPECT_EQUAL(calls, 1);
}

static void a_waiter_costs_one_call_however_many_messages_follow(void **state)
{
	(void)state;
	ready = gate_open();
	babus_slot_close(make_slot("s", 8, 64));
	child_join(child_start(publish_and_count, NULL));
	gate_close(ready);
}

/* --- a look without news ------------------------------------------------------------- */

static void look_many_times(struct handles *h)
{
	struct babus_event event;

	for (int i = 0; i < 1000; i++) {
		EXPECT_EQUAL(babus_waiter_wait(h->waiter, BABUS_NOW, &event, 1), -ETIMEDOUT);
		EXPECT_EQUAL(babus_reader_wait(h->newest, BABUS_NOW), -ETIMEDOUT);
	}
}

static void look_without_a_call(void *arg)
{
	struct handles h = open_all(64);

	(void)arg;
	EXPECT_EQUAL(babus_reader_wait(h.newest, BABUS_NOW), -ETIMEDOUT); /* opens what it needs */
	forbid_calls(SECCOMP_RET_KILL_PROCESS);
	look_many_times(&h);
}

static void look_that_finds_nothing_costs_no_call(void **state)
{
	(void)state;
	babus_slot_close(make_slot("s", 8, 64));
	child_join(child_start(look_without_a_call, NULL));
}

/* With a descriptor: read(2) drains it, and never blocks. */
static void look_and_count(void *arg)
{
	struct handles h = open_all(64);
	struct babus_event event;
	int fd;

	(void)arg;
	EXPECT_EQUAL(babus_waiter_fd(h.waiter, &fd), 0);
	EXPECT(fcntl(fd, F_GETFL) & O_NONBLOCK);
	EXPECT_EQUAL(babus_waiter_wait(h.waiter, BABUS_NOW, &event, 1), -ETIMEDOUT);
	EXPECT_EQUAL(babus_reader_wait(h.newest, BABUS_NOW), -ETIMEDOUT);
	forbid_calls(SECCOMP_RET_TRAP);
	look_many_times(&h);
	EXPECT_EQUAL(reads, 1000);
	/* The library's thread may hold the lock for a moment. */
	EXPECT(calls - reads < 100);
}

static void look_with_a_descriptor_never_blocks(void **state)
{
	(void)state;
	babus_slot_close(make_slot("s", 8, 64));
	child_join(child_start(look_and_count, NULL));
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(small_messages_cost_no_call_and_no_fault),
	    CASE(page_sized_messages_cost_no_call_and_no_fault),
	    CASE(frames_cost_no_call_and_no_fault),
	    CASE(a_waiter_costs_one_call_however_many_messages_follow),
	    CASE(look_that_finds_nothing_costs_no_call),
	    CASE(look_with_a_descriptor_never_blocks),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

static void read_the_clock(void *arg)
{
	struct timespec now;

	(void)arg;
	forbid_calls(SECCOMP_RET_KILL_PROCESS);
	clock_gettime(CLOCK_REALTIME, &now);
}

static int find_out_and_run(void)
{
	/* On some virtual machines reading the clock is a system call. */
	clock_is_quiet = child_wait(child_start(read_the_clock, NULL)) == 0;
	if (!clock_is_quiet)
		printf("# clock_gettime is a system call here, and allowed\n");
	return run();
}

int main(void)
{
	if (SUPPORT_SANITIZED) {
		printf("skipped: the sanitizer makes system calls of its own\n");
		return SKIPPED;
	}
	if (prctl(PR_GET_SECCOMP) < 0) {
		printf("skipped: no seccomp here: %s\n", strerror(errno));
		return SKIPPED;
	}
	return support_main(find_out_and_run, 60);
}

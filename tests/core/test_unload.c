/* SPDX-License-Identifier: MIT */
/*
 * dlopen() and dlclose() of the library, by a program that is not linked with it. (The test's
 * fixture has its own copy.) Closing all handles leaves no thread, no descriptor and no mapping
 * of a domain; the library itself stays loaded.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support.h"

/* The functions that the test calls in the library that it loads. */
static struct {
	__typeof__(babus_domain_open) *domain_open;
	__typeof__(babus_domain_close) *domain_close;
	__typeof__(babus_slot_open) *slot_open;
	__typeof__(babus_slot_close) *slot_close;
	__typeof__(babus_slot_publish) *publish;
	__typeof__(babus_reader_open) *reader_open;
	__typeof__(babus_reader_close) *reader_close;
	__typeof__(babus_waiter_open) *waiter_open;
	__typeof__(babus_waiter_close) *waiter_close;
	__typeof__(babus_waiter_add) *waiter_add;
	__typeof__(babus_waiter_fd) *waiter_fd;
	__typeof__(babus_guard_install) *guard_install;
} lib;

static const struct {
	const char *name;
	void *address; /* of the pointer */
} symbols[] = {
    {"babus_domain_open", &lib.domain_open},   {"babus_domain_close", &lib.domain_close},
    {"babus_slot_open", &lib.slot_open},       {"babus_slot_close", &lib.slot_close},
    {"babus_slot_publish", &lib.publish},      {"babus_reader_open", &lib.reader_open},
    {"babus_reader_close", &lib.reader_close}, {"babus_waiter_open", &lib.waiter_open},
    {"babus_waiter_close", &lib.waiter_close}, {"babus_waiter_add", &lib.waiter_add},
    {"babus_waiter_fd", &lib.waiter_fd},       {"babus_guard_install", &lib.guard_install},
};

static void *load(void)
{
	void *handle = dlopen(BABUS_LIBRARY, RTLD_NOW | RTLD_LOCAL);

	EXPECT(handle != NULL);
	for (size_t i = 0; i < sizeof(symbols) / sizeof(*symbols); i++) {
		void *symbol = dlsym(handle, symbols[i].name);

		EXPECT(symbol != NULL);
		memcpy(symbols[i].address, &symbol, sizeof(symbol));
	}
	return handle;
}

static void *stay(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static unsigned count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	unsigned count = 0;

	EXPECT(dir != NULL);
	for (struct dirent *entry; (entry = readdir(dir));)
		count += *entry->d_name != '.';
	closedir(dir);
	return count;
}

/* A joined thread is listed until the kernel is done with it. */
static void expect_threads(unsigned count)
{
	int64_t deadline = now_ns() + 10 * SECOND;

	while (count_threads() > count && now_ns() < deadline)
		sched_yield();
	EXPECT_EQUAL(count_threads(), count);
}

/* How many mappings have a line that contains `text`. */
static unsigned count_mappings(const char *text)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[600];
	unsigned count = 0;

	EXPECT(maps != NULL);
	while (fgets(line, sizeof(line), maps))
		count += strstr(line, text) != NULL;
	fclose(maps);
	return count;
}

/* Everything that starts a thread or maps a file, and its end. */
static void use(unsigned threads)
{
	babus_domain *domain;
	babus_reader *reader;
	babus_waiter *waiter;
	babus_slot *slot;
	int fd;

	EXPECT_EQUAL(lib.domain_open("test", 0, NULL, &domain), 0);
	EXPECT_EQUAL(lib.slot_open(domain, "s", BABUS_PUBLISH, NULL, &slot), 0);
	EXPECT_EQUAL(lib.publish(slot, "x", 1, NULL, NULL), 0);
	EXPECT_EQUAL(lib.reader_open(slot, BABUS_START_NEXT, 0, &reader), 0);
	EXPECT_EQUAL(lib.waiter_open(domain, NULL, &waiter), 0);
	EXPECT_EQUAL(lib.waiter_add(waiter, reader, NULL), 0);
	EXPECT_EQUAL(lib.waiter_fd(waiter, &fd), 0);
	/* Else this would prove nothing. */
	EXPECT_EQUAL(count_threads(), threads + 1);
	EXPECT(count_mappings(support_root) > 0);
	lib.waiter_close(waiter);
	lib.reader_close(reader);
	lib.slot_close(slot);
	lib.domain_close(domain);
}

static void fork_once(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	EXPECT_EQUAL(child_wait(pid), 0);
}

static void load_use_and_unload(void *arg)
{
	unsigned threads, descriptors, mappings = 0;
	pthread_t thread;

	(void)arg;
	babus_domain_close(bus); /* of the fixture */
	EXPECT_EQUAL(count_mappings(support_root), 0);
	/* With the first thread a sanitizer starts one of its own. */
	EXPECT(!pthread_create(&thread, NULL, stay, NULL));
	threads = count_threads();
	descriptors = count_descriptors();
	for (int i = 0; i < 20; i++) {
		void *handle = load();

		use(threads);
		EXPECT_EQUAL(dlclose(handle), 0);
		expect_threads(threads);
		EXPECT_EQUAL(count_descriptors(), descriptors);
		EXPECT_EQUAL(count_mappings(support_root), 0);
		fork_once();
		if (i == 0)
			mappings = count_mappings("libbabus");
		EXPECT_EQUAL(count_mappings("libbabus"), mappings);
	}
	EXPECT(mappings > 0);
}

static void closing_all_handles_leaves_nothing_and_the_library_stays(void **state)
{
	(void)state;
	babus_slot_close(make_slot("s", 4, 64));
	child_join(child_start(load_use_and_unload, NULL));
}

enum {
	HANDLED = 42
};

static void end_well(int number)
{
	(void)number;
	_exit(HANDLED);
}

static void fault_after_unloading(void *arg)
{
	char *page;
	void *handle;
	int fd;

	(void)arg;
	signal(SIGBUS, end_well);
	handle = load();
	EXPECT_EQUAL(lib.guard_install(), 0);
	EXPECT_EQUAL(dlclose(handle), 0);
	fd = open(root_file("cut"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	EXPECT(fd >= 0 && !ftruncate(fd, 4096));
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(page != MAP_FAILED);
	EXPECT(!ftruncate(fd, 0));
	*page = 'x';
}

static void the_guards_handler_stays_after_unloading(void **state)
{
	(void)state;
	assert_int_equal(child_wait(child_start(fault_after_unloading, NULL)), HANDLED);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    CASE(closing_all_handles_leaves_nothing_and_the_library_stays),
	    CASE(the_guards_handler_stays_after_unloading),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return support_main(run, 60);
}

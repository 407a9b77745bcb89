/* SPDX-License-Identifier: MIT */
#include "hostile.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "layout.h"
#include "marks.h"
#include "payload.h"
#include "team.h"

static void *map_all(const char *path, size_t *size)
{
	int fd = open(path, O_RDWR);
	struct stat st;
	void *map;

	EXPECT(fd >= 0 && !fstat(fd, &st));
	map = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(map != MAP_FAILED);
	close(fd);
	*size = (size_t)st.st_size;
	return map;
}

static uint64_t random_state;

static uint64_t random_below(uint64_t n)
{
	return random_next(&random_state) % n;
}

static void begin(void)
{
	random_state = (uint64_t)getpid();
	team_ready();
}

/* A value that means something, or one that means nothing. */
static uint64_t random_word(void)
{
	switch (random_below(5)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX >> random_below(64);
	case 2:
		return random_below(16);
	case 3:
		return word_cell(random_below(1 << 20), (uint32_t)random_below(32));
	default:
		return random_next(&random_state);
	}
}

/* Clear the pins that protect readers, pin every buffer, or write anything anywhere. */
void hostile_scribbles_over_pins(void)
{
	size_t size;
	uint8_t *map = map_all(team_pins, &size);
	struct layout_lease *leases = (struct layout_lease *)(map + LAYOUT_PAGE);
	size_t count = (size - LAYOUT_PAGE) / sizeof(*leases);

	begin();
	for (unsigned turn = 0;; turn++) {
		for (size_t i = 0; i < count && turn / 4096 % 4 < 3; i++) {
			if (turn / 4096 % 4 != 1)
				counter_put(&leases[i].pin, 0);
			else
				counter_put(&leases[i].pin,
					    word_cell(random_below(1000), (uint32_t)(i + turn)));
			if (turn / 4096 % 4 == 2)
				counter_put(&leases[i].claim, random_word());
		}
		if (turn / 4096 % 4 == 3)
			counter_put((shared64 *)(map + random_below(size / 8) * 8), random_word());
	}
}

void hostile_scribbles_over_the_domain(void)
{
	size_t size, mine_size;
	struct layout_domain *map = map_all(domain_file("domain"), &size);
	uint32_t *mine = map_all(team_pins, &mine_size);

	begin();
	for (unsigned turn = 0;; turn++) {
		switch (turn / 4096 % 6) {
		case 0: /* no process waits */
			marks_put(map, 0);
			flag_lower(&map->gone);
			break;
		case 1: /* all processes wait, and the domain is gone */
			marks_put(map, UINT64_MAX);
			flag_raise(&map->gone, UINT32_MAX);
			break;
		case 2:
			event_bump(&map->event);
			break;
		case 3:
			syscall(SYS_futex, &map->event, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
			break;
		case 4: /* move the sleepers to another futex */
			syscall(SYS_futex, &map->event, FUTEX_REQUEUE, 0, INT_MAX, mine + 1, 0);
			break;
		default:
			counter_put((shared64 *)map + random_below(size / 8), random_word());
		}
	}
}

static void lock(int fd, short type)
{
	struct flock range = {.l_type = type,
			      .l_whence = SEEK_SET,
			      .l_start = (off_t)(random_word() & INT64_MAX),
			      .l_len = (off_t)(random_below(4) ? random_below(1000) : 0)};

	if (range.l_len && range.l_start > INT64_MAX - range.l_len)
		range.l_start = 0;
	fcntl(fd, random_below(2) ? F_OFD_SETLK : F_SETLK, &range);
}

void hostile_takes_locks(void)
{
	int fds[] = {open(team_slot, O_RDONLY), open(team_pins, O_RDWR),
		     open(domain_file("domain"), O_RDWR)};

	begin();
	for (;;) {
		int fd = fds[random_below(3)];

		lock(fd, fd == fds[0] ? F_RDLCK : F_WRLCK);
		lock(fd, random_below(3) ? F_UNLCK : F_RDLCK);
		flock(fd, (random_below(2) ? LOCK_EX : LOCK_UN) | LOCK_NB);
	}
}

/* Larger, not smaller: the guard handles truncated mappings, see test_attacks.c. */
void hostile_grows_and_punches(void)
{
	int fds[] = {open(team_pins, O_RDWR), open(domain_file("domain"), O_RDWR)};
	struct stat st[2];

	EXPECT(!fstat(fds[0], &st[0]) && !fstat(fds[1], &st[1]));
	begin();
	for (;;) {
		int i = (int)random_below(2);

		ftruncate(fds[i], st[i].st_size + (off_t)random_below(100000));
		fallocate(fds[i], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			  (off_t)random_below((uint64_t)st[i].st_size), 4096);
		ftruncate(fds[i], st[i].st_size);
		fchmod(fds[i], 0);
		truncate(team_slot, 0);
	}
}

static const char *const litter[] = {"t.slot", "s.0000000000000001.pins", "s.0000000000000002.gone",
				     "domain2", ".slot"};

/* In a directory where each member may write, and remove only its own files. */
void hostile_litters(void)
{
	begin();
	for (;;) {
		const char *path = domain_file(litter[random_below(5)]);

		switch (random_below(8)) {
		case 0:
			symlink(team_slot, path);
			break;
		case 1:
			mkfifo(path, 0666);
			break;
		case 2:
			mkdir(path, 0777);
			break;
		case 3:
			close(open(path, O_WRONLY | O_CREAT, 0666));
			break;
		case 4:
			link(team_slot, path);
			break;
		case 5:
			rename(path, domain_file(litter[random_below(5)]));
			break;
		case 6:
			rename(path, team_slot);
			unlink(team_slot);
			unlink(domain_file("domain"));
			break;
		default:
			if (unlink(path))
				rmdir(path);
		}
	}
}

/* Take all pins that are left, and stop. */
void hostile_holds_and_stops(void)
{
	struct babus_message message;
	babus_slot *slot = team_open(BABUS_READ);

	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	begin();
	for (int i = 0; i < 1000; i++)
		babus_slot_view(slot, BABUS_LATEST, 0, &message);
	raise(SIGSTOP);
}

/* A read of a hole through a mapping gives it memory. */
void hostile_touches_all_of_the_slot(void)
{
	int fd = open(team_slot, O_RDONLY);
	volatile char sum = 0;
	struct stat st;
	const char *map;

	EXPECT(fd >= 0 && !fstat(fd, &st));
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	EXPECT(map != MAP_FAILED);
	begin();
	for (;;)
		for (off_t i = 0; i < st.st_size; i += 4096)
			sum = (char)(sum + map[i]);
}

void hostile_clean_up(void)
{
	for (size_t i = 0; i < sizeof(litter) / sizeof(*litter); i++)
		remove(domain_file(litter[i]));
}

/* SPDX-License-Identifier: MIT */
/*
 * A member that may only subscribe bypasses the library. The kernel refuses every way to change a
 * slot. What the member can spoil in the files that it must be able to write is repaired or
 * reported. stress_hostile.c has all attacks at once, under load.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "layout.h"
#include "team.h"

/* --- bypassing the library ----------------------------------------------------------- */

static int result_of(long result)
{
	return result < 0 ? -errno : 0;
}

static int open_as(int flags)
{
	int fd = open(team_slot, flags);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int open_read_write(int fd)
{
	(void)fd;
	return open_as(O_RDWR);
}

static int open_to_write(int fd)
{
	(void)fd;
	return open_as(O_WRONLY);
}

static int open_and_truncate(int fd)
{
	(void)fd;
	return open_as(O_RDONLY | O_TRUNC);
}

static int open_again_through_proc(int fd)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_RDWR);
	return again < 0 ? -errno : 0;
}

static int truncate_by_name(int fd)
{
	(void)fd;
	return result_of(truncate(team_slot, 0));
}

static int truncate_by_descriptor(int fd)
{
	return result_of(ftruncate(fd, 0));
}

static int write_at_the_start(int fd)
{
	return result_of(pwrite(fd, "x", 1, 0));
}

static int punch_a_hole(int fd)
{
	return result_of(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
}

static int map_to_write(int fd)
{
	void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return map == MAP_FAILED ? -errno : 0;
}

static void *map_to_read(int fd)
{
	void *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);

	EXPECT(map != MAP_FAILED);
	return map;
}

static int make_the_mapping_writable(int fd)
{
	return result_of(mprotect(map_to_read(fd), 4096, PROT_READ | PROT_WRITE));
}

static int remove_pages_of_the_mapping(int fd)
{
	if (!support_madvise_works()) {
		printf("skipped: MADV_REMOVE does nothing here\n");
		return -ENOSYS;
	}
	return result_of(madvise(map_to_read(fd), 4096, MADV_REMOVE));
}

/* The kernel's own ways to write into a mapping that is not writable. */
static int write_through_proc_mem(int fd)
{
	char *map = map_to_read(fd);
	int mem = open("/proc/self/mem", O_RDWR);
	ssize_t n;

	if (mem < 0)
		return -errno;
	n = pwrite(mem, "X", 1, (off_t)(uintptr_t)map);
	/* If it has made a private copy of the page, no other process sees it. */
	return n < 0 || *map == 'X' ? -EACCES : 0;
}

static int read_into_the_mapping(int fd)
{
	return result_of(pread(fd, map_to_read(fd), 16, 64));
}

static int change_mode(int fd)
{
	return result_of(fchmod(fd, 0666));
}

static int change_mode_of_pins(int fd)
{
	(void)fd;
	return result_of(chmod(team_pins, 0666));
}

static int take_it(int fd)
{
	return result_of(fchown(fd, BOB, (gid_t)-1));
}

static int give_it_to_another_group(int fd)
{
	return result_of(fchown(fd, (uid_t)-1, BOB));
}

static int remove_its_name(int fd)
{
	(void)fd;
	return result_of(unlink(team_slot));
}

static int remove_the_pins(int fd)
{
	(void)fd;
	return result_of(unlink(team_pins));
}

static int rename_it(int fd)
{
	(void)fd;
	return result_of(rename(team_slot, domain_file("t.slot")));
}

static int put_another_in_its_place(int fd)
{
	char mine[512];
	int error;

	(void)fd;
	snprintf(mine, sizeof(mine), "%s", root_file("mine"));
	close(open(mine, O_WRONLY | O_CREAT, 0600));
	error = result_of(rename(mine, team_slot));
	unlink(mine);
	return error;
}

static int create_beside_it(int fd)
{
	int made = open(domain_file("mine.slot"), O_WRONLY | O_CREAT, 0600);

	(void)fd;
	return made < 0 ? -errno : 0;
}

static int change_its_times(int fd)
{
	return result_of(futimens(fd, (const struct timespec[2]){{1, 0}, {1, 0}}));
}

static int take_a_lease(int fd)
{
	return result_of(fcntl(fd, F_SETLEASE, F_RDLCK));
}

static int lock_to_write(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	return result_of(fcntl(fd, F_OFD_SETLK, &lock));
}

static pid_t owner;

static int write_into_the_owner(int fd)
{
	struct iovec local = {team_slot, 1}, remote = {team_slot, 1};

	(void)fd;
	return result_of(process_vm_writev(owner, &local, 1, &remote, 1, 0));
}

static int trace_the_owner(int fd)
{
	(void)fd;
	return result_of(ptrace(PTRACE_SEIZE, owner, NULL, NULL));
}

static int open_the_owners_file(int fd)
{
	char path[64];
	int mem;

	(void)fd;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)owner);
	mem = open(path, O_RDWR);
	return mem < 0 ? -errno : 0;
}

static const struct {
	const char *what;
	int (*attempt)(int fd);
} attempts[] = {
    {"open to read and write", open_read_write},
    {"open to write", open_to_write},
    {"open and truncate", open_and_truncate},
    {"open through /proc", open_again_through_proc},
    {"truncate by name", truncate_by_name},
    {"truncate", truncate_by_descriptor},
    {"write", write_at_the_start},
    {"punch a hole", punch_a_hole},
    {"map to write", map_to_write},
    {"make a mapping writable", make_the_mapping_writable},
    {"remove pages of a mapping", remove_pages_of_the_mapping},
    {"write through /proc/self/mem", write_through_proc_mem},
    {"read into the mapping", read_into_the_mapping},
    {"chmod", change_mode},
    {"chmod the pins", change_mode_of_pins},
    {"chown", take_it},
    {"chgrp", give_it_to_another_group},
    {"unlink", remove_its_name},
    {"unlink the pins", remove_the_pins},
    {"rename", rename_it},
    {"rename onto it", put_another_in_its_place},
    {"create beside it", create_beside_it},
    {"set times", change_its_times},
    {"lease", take_a_lease},
    {"write lock", lock_to_write},
    {"write into the owner", write_into_the_owner},
    {"trace the owner", trace_the_owner},
    {"open the owner's memory", open_the_owners_file},
};

static void attempts_everything(void)
{
	for (size_t i = 0; i < sizeof(attempts) / sizeof(*attempts); i++) {
		int fd = open(team_slot, O_RDONLY);
		int error;

		EXPECT(fd >= 0);
		error = attempts[i].attempt(fd);
		if (!error)
			fprintf(stderr, "a member could: %s\n", attempts[i].what);
		EXPECT(error < 0);
		close(fd);
	}
}

struct picture {
	struct stat st;
	char *bytes;
};

static void take_picture(struct picture *picture)
{
	int fd = open(team_slot, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &picture->st), 0);
	picture->bytes = malloc((size_t)picture->st.st_size);
	assert_int_equal(read(fd, picture->bytes, (size_t)picture->st.st_size),
			 picture->st.st_size);
	close(fd);
}

static void sits(void)
{
	babus_slot *slot = team_open(BABUS_PUBLISH);

	gate_post(team_back, 1);
	gate_wait(team_gate);
	babus_slot_close(slot);
}

static void member_cannot_change_a_byte_of_the_slot(void **state)
{
	babus_slot *slot = team_make_slot_of_mode(02750, 0640);
	struct picture before, after;

	(void)state;
	owner = team_start(ALICE, NO_GROUP, sits);
	gate_wait(team_back);
	take_picture(&before);
	team_as(BOB, TEAM, attempts_everything);
	take_picture(&after);
	assert_int_equal(after.st.st_ino, before.st.st_ino);
	assert_int_equal(after.st.st_mode, before.st.st_mode);
	assert_int_equal(after.st.st_uid, before.st.st_uid);
	assert_int_equal(after.st.st_gid, before.st.st_gid);
	assert_int_equal(after.st.st_size, before.st.st_size);
	assert_int_equal(after.st.st_mtime, before.st.st_mtime);
	assert_memory_equal(after.bytes, before.bytes, (size_t)before.st.st_size);
	free(before.bytes);
	free(after.bytes);
	gate_post(team_gate, 1);
	child_join(owner);
	babus_slot_close(slot);
}

/* --- what a member may spoil ------------------------------------------------------------------ */

static struct layout_domain *map_domain(void)
{
	int fd = open(domain_file("domain"), O_RDWR);
	struct layout_domain *map;

	EXPECT(fd >= 0);
	map = mmap(NULL, LAYOUT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(map != MAP_FAILED);
	close(fd);
	return map;
}

static void tells_that_the_domain_is_gone(void)
{
	flag_raise(&map_domain()->gone, 1);
}

static void domain_that_a_member_calls_gone_is_still_there(void **state)
{
	babus_slot *slot = team_make_slot_of_mode(02750, 0640);
	struct layout_domain *map = map_domain();
	uint64_t changes;

	(void)state;
	team_as(BOB, TEAM, tells_that_the_domain_is_gone);
	assert_true(flag_get(&map->gone));
	publish_text(slot, "still here");
	assert_false(flag_get(&map->gone));
	team_as(BOB, TEAM, tells_that_the_domain_is_gone);
	assert_int_equal(babus_domain_changes(bus, &changes), 0);
	/* When it is true it stays true. */
	assert_int_equal(unlink(domain_file("domain")), 0);
	flag_raise(&map->gone, 1);
	assert_int_equal(babus_slot_publish(slot, "x", 1, NULL, NULL), -ENODEV);
	assert_int_equal(babus_domain_changes(bus, &changes), -ENODEV);
	assert_true(flag_get(&map->gone));
	munmap(map, LAYOUT_PAGE);
	babus_slot_close(slot);
}

static void claims_all_pins_with_nonsense(void)
{
	int fd = open(team_pins, O_RDWR);
	uint64_t claim = UINT64_MAX;

	EXPECT(fd >= 0);
	for (int i = 0; i < 8; i++, claim /= 2)
		EXPECT(pwrite(fd, &claim, 8, LAYOUT_PAGE + i * LAYOUT_LINE) == 8);
}

static void claims_that_no_client_can_have_are_recovered(void **state)
{
	babus_slot *slot = team_make_slot_of_mode(02750, 0640);
	struct babus_message message;
	struct babus_report report;

	(void)state;
	team_as(BOB, TEAM, claims_all_pins_with_nonsense);
	assert_int_equal(babus_domain_recover(bus, 0, &report), 0);
	assert_int_equal(report.dead_readers, 8);
	/* A client that runs short recovers by itself. */
	assert_int_equal(babus_slot_view(slot, BABUS_LATEST, 0, &message), 0);
	assert_text(&message, "hello");
	babus_slot_close(slot);
}

static void cuts_what_it_may_write(void)
{
	EXPECT(!truncate(team_pins, 0));
	EXPECT(!truncate(domain_file("domain"), 0));
}

static void publishes_until_eio(void)
{
	struct babus_message message;
	babus_slot *slot = team_open(BABUS_PUBLISH);
	int error = 0;

	EXPECT_EQUAL(babus_guard_install(), 0);
	gate_post(team_back, 1);
	gate_wait(team_gate);
	for (int i = 0; i < 1000 && !error; i++)
		error = babus_slot_publish(slot, "x", 1, NULL, NULL);
	EXPECT_EQUAL(error, -EIO);
	EXPECT_EQUAL(babus_slot_view(slot, BABUS_LATEST, 0, &message), -EIO);
	babus_slot_close(slot);
}

/* A member may write them, so it may truncate them: the guard is for this. */
static void member_that_truncates_pins_and_domain_does_not_kill_processes_with_the_guard(
    void **state)
{
	babus_slot *slot = team_make_slot_of_mode(02750, 0640);
	pid_t alice = team_start(ALICE, NO_GROUP, publishes_until_eio);

	(void)state;
	gate_wait(team_back);
	/* This process has them mapped too. */
	assert_int_equal(babus_guard_install(), 0);
	team_as(BOB, TEAM, cuts_what_it_may_write);
	gate_post(team_gate, 1);
	child_join(alice);
	babus_slot_close(slot);
}

static int run(void)
{
	const struct CMUnitTest cases[] = {
	    TEAM_CASE(member_cannot_change_a_byte_of_the_slot),
	    TEAM_CASE(domain_that_a_member_calls_gone_is_still_there),
	    TEAM_CASE(claims_that_no_client_can_have_are_recovered),
	    TEAM_CASE(member_that_truncates_pins_and_domain_does_not_kill_processes_with_the_guard),
	};

	return cmocka_run_group_tests(cases, NULL, NULL);
}

int main(void)
{
	return team_main(run, 60);
}

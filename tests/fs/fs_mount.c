/* SPDX-License-Identifier: MIT */
/*
 * Mounting as Linux does it: mount(8), /etc/fstab, ordinary users. What that needs in its usual
 * places (babusfs in the path, /etc/fstab, /dev/fuse for all users) is set up in a mount
 * namespace of the test.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "babusfs.h"
#include "file.h"
#include "witness.h"

enum {
	NOBODY = 65534
};

/*
 * Let bash run a text in such a namespace; assert that it ends with 0 and prints nothing.
 * $T/fstab is /etc/fstab, $B a babusfs that every user can run. What the text leaves mounted ends
 * with it.
 */
static void run_privately(const char *text)
{
	static const char start[] =
	    "mount -t tmpfs none /usr/local/sbin; ln -s $B /usr/local/sbin/babusfs;"
	    /* An installer makes it, debootstrap does not. fusermount3 needs it. */
	    "test -e /etc/mtab || { test -e $T/etc || cp -a /etc $T/etc;"
	    "ln -sf /proc/self/mounts $T/etc/mtab; mount --bind $T/etc /etc; };"
	    "touch $T/fstab; mount --bind $T/fstab /etc/fstab;"
	    "mkdir -p $T/dev; mount -t tmpfs none $T/dev; mknod -m 666 $T/dev/fuse c 10 229;"
	    "mount --bind $T/dev/fuse /dev/fuse;"
	    "trap \"umount -l $P 2>/dev/null || true\" EXIT;"
	    "as_user() { setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"; };";

	babusfs_environment();
	setenv("B", mount_program_copy(), 1);
	setenv("START", start, 1);
	setenv("TEXT", text, 1);
	shell_run("bash", "cd $T; unshare -m --propagation private "
			  "bash -euc 'eval \"$START\"; eval \"$TEXT\"'");
}

/* The daemon that a text left behind has ended cleanly, or is about to. */
static void assert_orphan_ends(void)
{
	int status;

	assert_true(waitpid(-1, &status, 0) > 0);
	assert_int_equal(status, 0);
}

/* --- mount(8) ------------------------------------------------------------------------- */

static void mount_finds_it_by_its_type(void **state)
{
	static const char *const ways[] = {
	    "mount -t fuse.babusfs test $P",
	    "mount -t fuse.babusfs babus:test $P -o defaults",
	    "mount -t fuse babusfs#test $P",
	    "mount.fuse3 babusfs#test $P",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text),
			 "%s; test \"$(findmnt -no FSTYPE,SOURCE $P | tr -s \" \")\" = "
			 "\"fuse.babusfs babus:test\"; mkdir $P/x; echo %zu > $P/x/latest;"
			 "grep -qx %zu $P/x/latest; rmdir $P/x; umount $P",
			 ways[i], i, i);
		run_privately(text);
		assert_orphan_ends();
	}
}

static void mount_passes_options_on(void **state)
{
	(void)state;
	babus_slot_close(make_slot("x", 2, 4096));
	run_privately(
	    "mount -t fuse.babusfs test $P -o ro,nosuid,nodev,noexec,noatime,list_all,threads=2;"
	    "for o in ro nosuid nodev noexec noatime; do "
	    "findmnt -no OPTIONS $P | tr , \"\\n\" | grep -qx $o; done;"
	    "! mkdir $P/y 2>/dev/null; test -e $P/x/pub; ls $P/x | grep -qx pub; umount $P");
}

static void mount_shows_what_babusfs_prints(void **state)
{
	(void)state;
	run_privately("! mount -t fuse.babusfs test $P -o nonsense 2> $T/said;"
		      "grep -q \"babus: option -o nonsense: unknown\" $T/said;"
		      "! mount -t fuse.babusfs a/b $P 2> $T/said; grep -q a/b $T/said;"
		      "! mountpoint -q $P");
}

/* --- /etc/fstab ------------------------------------------------------------------------ */

static void every_option_of_fstab_is_accepted(void **state)
{
	static const char *const options[] = {
	    "defaults",
	    "rw,suid,dev,exec,auto,nouser,async",
	    "noauto,user,_netdev,nofail",
	    "users,exec,suid,dev",
	    "owner,group,comment=bus",
	    "ro,sync,dirsync,noatime,nodiratime,strictatime",
	    "relatime,lazytime,diratime,norelatime",
	    "x-systemd.automount,x-systemd.requires=babus.target,X-mount.mkdir,x-gvfs-hide",
	    "allow_other,default_permissions,fsname=bus,threads=3,log=syslog,hold=2s",
	    "auto_unmount",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text),
			 "echo \"test $P fuse.babusfs %s 0 0\" > $T/fstab; mount $P;"
			 "mkdir -p $P/x 2>/dev/null || true; test -d $P/x;"
			 "umount $P",
			 options[i]);
		babus_slot_close(make_slot("x", 2, 4096));
		run_privately(text);
	}
}

static void fstab_can_say_where_the_domain_is(void **state)
{
	(void)state;
	run_privately("mkdir $T/elsewhere; printf \"[babusfs]\\nlist_all = yes\\n\" > $T/my.ini;"
		      "echo \"bus $P fuse.babusfs root=$T/elsewhere,config=$T/my.ini\" > $T/fstab;"
		      "mount $P; mkdir $P/x; test -e $T/elsewhere/babus.bus/x.slot;"
		      "ls $P/x | grep -qx stream; umount $P");
}

static void mounting_all_again_changes_nothing(void **state)
{
	(void)state;
	run_privately("echo \"babus:test $P fuse.babusfs defaults 0 0\" > $T/fstab;"
		      "for i in 1 2 3; do mount -a; done;"
		      "test $(grep -c \" $P \" /proc/self/mounts) = 1; umount $P");
}

static void a_user_mounts_what_fstab_lets_users_mount(void **state)
{
	(void)state;
	run_privately(
	    "mkdir $T/theirs; chown 65534 $T/theirs $P;"
	    "echo \"bus $P fuse.babusfs noauto,user,root=$T/theirs\" > $T/fstab;"
	    "as_user mount $P; test $(stat -c %u $T/theirs/babus.bus) = 65534;"
	    "as_user mkdir $P/x; as_user sh -c \"echo hi > $P/x/latest; grep -qx hi $P/x/latest\";"
	    "findmnt -no OPTIONS $P | grep -q nosuid,nodev;"
	    "as_user fusermount3 -u $P; ! mountpoint -q $P");
}

static void a_user_lets_others_in_if_fuse_conf_allows_it(void **state)
{
	(void)state;
	run_privately("touch $T/fuse.conf; mount --bind $T/fuse.conf /etc/fuse.conf;"
		      "mkdir $T/theirs; chown 65534 $T/theirs $P;"
		      "as_other() { setpriv --reuid 65533 --regid 65533 --clear-groups \"$@\"; };"
		      "mounts() { as_user babusfs -o allow_other,root=$T/theirs bus $P; };"
		      "! mounts 2> $T/said; grep -q user_allow_other $T/said; ! mountpoint -q $P;"
		      "echo user_allow_other > $T/fuse.conf; mounts;"
		      "as_user mkdir $P/x; as_user sh -c \"echo hi > $P/x/latest\";"
		      "chmod 755 $T/theirs/babus.bus;"
		      "! as_other cat $P/x/latest 2> $T/said; grep -q 'Permission denied' $T/said;"
		      "as_user chmod 644 $P/x/latest; as_other grep -qx hi $P/x/latest;"
		      "! as_other sh -c \"echo no > $P/x/latest\" 2> $T/said;"
		      "grep -qx hi $P/x/latest; as_user fusermount3 -u $P; ! mountpoint -q $P");
}

/* --- what is refused ---------------------------------------------------------------------- */

static void an_option_that_cannot_be_is_refused_with_a_reason(void **state)
{
	static const char *const options[][2] = {
	    {"remount,ro", "unmount it first"}, {"allow_root", "allow_other"},
	    {"max_read=4096", "1 MiB"},         {"subtype=other", "babusfs"},
	    {"drop_privileges", "by itself"},   {"setuid=nobody", "as that user"},
	    {"blksize=512", "unknown"},         {"root=", "a path"},
	    {"log=printer", "auto, stderr"},    {"config", "a path"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "-o %s test $P", options[i][0]);
		babusfs_fails(text, 2, options[i][1]);
	}
}

static void a_mount_that_another_program_made_is_refused(void **state)
{
	(void)state;
	babusfs_fails("test /dev/fd/3 3<>/dev/fuse", 1, "drop_privileges");
}

/* --- ordinary users ----------------------------------------------------------------------- */

/* Mount, publish, read, unmount; the mount point is behind a symbolic link. */
static void an_ordinary_user_mounts_and_unmounts(void **state)
{
	static const char *const ways[][2] = {
	    {"", "fusermount3 -u mnt"},
	    {"", "kill $pid"},
	    {"-o auto_unmount", "kill $pid"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		char text[1024];

		snprintf(text, sizeof(text),
			 "mkdir $T/own; cd $T/own; mkdir root mnt; ln -s mnt link;"
			 "chown -R 65534 .;"
			 "as_user $B %s --root $PWD/root bus link;"
			 "as_user bash -ec \"mkdir mnt/x; echo hi > mnt/x/latest;"
			 "grep -qx hi link/x/latest\";"
			 "pid=$(pgrep -u 65534 -f \"$PWD/root bus\");"
			 "grep -q \"^CapEff:.0*$\" /proc/$pid/status;"
			 "as_user %s; while grep -q \" $PWD/mnt \" /proc/self/mounts; do :; done; "
			 "cd /; rm -r $T/own",
			 ways[i][0], ways[i][1]);
		run_privately(text);
	}
}

/* A process of the same user whose /proc files are closed. */
static void a_killed_writer_that_hides_publishes_nothing(void **state)
{
	static const char writer[] =
	    "import ctypes, os, sys\n"
	    "fd = os.open('mnt/x/latest', os.O_WRONLY)\n"
	    "ctypes.CDLL(None).prctl(4, 0)\n" /* PR_SET_DUMPABLE */
	    "os.write(fd, b'written\\n')\n"
	    "os.close(fd) if sys.argv[1] == 'close' else os.kill(os.getpid(), 9)\n";

	(void)state;
	write_file(root_file("writer.py"), writer, strlen(writer));
	run_privately("mkdir $T/own; cd $T/own; mkdir root mnt; chown -R 65534 .;"
		      "as_user $B --root $PWD/root bus mnt; as_user mkdir mnt/x;"
		      "as_user bash -c \"echo first > mnt/x/latest\";"
		      "as_user python3 $T/writer.py kill 2>/dev/null && exit 1;"
		      "as_user grep -qx first mnt/x/latest; as_user python3 $T/writer.py close;"
		      "as_user grep -qx written mnt/x/latest; as_user test ! -e mnt/x/2;"
		      "as_user fusermount3 -u mnt");
}

static void a_symbolic_link_is_mounted_behind(void **state)
{
	(void)state;
	shell_run("bash", "ln -s $M $T/one; ln -s one $T/two");
	for (int i = 0; i < 2; i++) {
		babusfs_start("test two", "two");
		assert_true(mount_exists(mount_point));
		shell_run("bash", "mkdir -p $T/two/x; echo through > $T/one/x/latest;"
				  "grep -qx through $M/x/latest");
		if (i)
			mount_stop();
		else
			mount_crash(); /* and taken over through the link */
	}
	shell_run("bash", "ln -s three $T/four; ln -s four $T/three");
	babusfs_fails("test four", 1, "four");
	babusfs_fails("test two/missing", 1, "missing");
}

static void babusfs_is_the_only_process(void **state)
{
	(void)state;
	mount_start(NULL);
	shell_run("bash", "test $(pgrep -f $M | wc -l) = 1; ! pgrep -P $(pgrep -f $M)");
}

static int run(void)
{
	const struct CMUnitTest tests[] = {
	    UNMOUNTED(mount_finds_it_by_its_type),
	    UNMOUNTED(mount_passes_options_on),
	    UNMOUNTED(mount_shows_what_babusfs_prints),
	    UNMOUNTED(every_option_of_fstab_is_accepted),
	    UNMOUNTED(fstab_can_say_where_the_domain_is),
	    UNMOUNTED(mounting_all_again_changes_nothing),
	    UNMOUNTED(a_user_mounts_what_fstab_lets_users_mount),
	    UNMOUNTED(a_user_lets_others_in_if_fuse_conf_allows_it),
	    UNMOUNTED(an_option_that_cannot_be_is_refused_with_a_reason),
	    UNMOUNTED(a_mount_that_another_program_made_is_refused),
	    UNMOUNTED(an_ordinary_user_mounts_and_unmounts),
	    UNMOUNTED(a_killed_writer_that_hides_publishes_nothing),
	    UNMOUNTED(a_symbolic_link_is_mounted_behind),
	    UNMOUNTED(babusfs_is_the_only_process),
	};

	return cmocka_run_group_tests_name("fs_mount", tests, NULL, NULL);
}

int main(void)
{
	if (geteuid() != 0) {
		printf(
		    "skipped: only root has namespaces to mount in, and can become another user\n");
		return SKIPPED;
	}
	return mount_main(run, 120);
}

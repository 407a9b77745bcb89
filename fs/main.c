/* SPDX-License-Identifier: MIT */
/*
 * babusfs: a babus domain as a tree of files. This file starts and ends the
 * process: options, domain, session. Exit status: 0 after an unmount or a signal
 * to end, 1 after an error, 2 for wrong usage.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "fs.h"
#include "handle.h"
#include "log.h"
#include "mount.h"
#include "notify.h"
#include "ops.h"
#include "privileges.h"
#include "signals.h"
#include "user.h"
#include "wake.h"

/* --- the file system -------------------------------------------------------------------- */

static int open_domain(struct fs *fs)
{
	struct babus_domain_options opts;
	const char *name;
	int error;

	babus_domain_options_init(&opts);
	name = babus_config_domain(fs->config, &opts);
	if (fs->options.root)
		opts.root = fs->options.root;
	if (fs->options.domain)
		name = fs->options.domain;
	error = babus_domain_open(name, BABUS_CREATE, &opts, &fs->domain);
	if (error) {
		log_babus(name, error);
		return error;
	}
	fs->domain_path = realpath(babus_domain_path(fs->domain), NULL);
	return fs->domain_path ? 0 : -errno;
}

static int open_parts(struct fs *fs)
{
	int error = babus_guard_install();

	if (!error)
		error = open_domain(fs);
	if (error)
		return error;
	fs->memory.max = fs->options.max_pending;
	fs->copies.max = fs->options.max_pending;
	fs->start_ns = fs_realtime();
	error = slots_open(fs, &fs->slots);
	if (!error)
		error = nodes_open(&fs->nodes);
	if (!error)
		error = handles_open(&fs->handles);
	if (!error)
		error = users_open(fs, &fs->users);
	if (!error)
		error = wake_open(fs, &fs->wake);
	if (error)
		log_babus("babusfs", error);
	return error;
}

static void close_parts(struct fs *fs)
{
	handles_close(fs->handles);
	slots_close(fs->slots);
	nodes_close(fs->nodes);
	users_close(fs->users);
	wake_close(fs->wake);
	free(fs->domain_path);
	babus_domain_close(fs->domain);
}

/* --- the session -------------------------------------------------------------------------- */

static struct fuse_session *new_session(struct fs *fs)
{
	struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	struct fuse_session *session = NULL;
	char *options;

	if (asprintf(
		&options, "fsname=babus:%s,subtype=babusfs,default_permissions,max_read=%d%s%s%s",
		babus_domain_name(fs->domain), FS_REQUEST_MAX,
		fs->options.allow_other ? ",allow_other" : "", fs->options.debug ? ",debug" : "",
		fs->options.mount ? fs->options.mount : "") < 0)
		return NULL;
	if (!fuse_opt_add_arg(&args, "babusfs") && !fuse_opt_add_arg(&args, "-o") &&
	    !fuse_opt_add_arg(&args, options))
		session = fuse_session_new(&args, &ops_table, sizeof(ops_table), fs);
	fuse_opt_free_args(&args);
	free(options);
	return session;
}

/*
 * The kernel's error for a thread that is fetching a request while the mount ends.
 * libfuse handles ENODEV only.
 */
static bool is_unmounted(int error)
{
	return error == -ECONNABORTED;
}

static int loop(struct fs *fs, struct fuse_session *session)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int error;

	if (!config)
		return -ENOMEM;
	fuse_loop_cfg_set_max_threads(config, fs->options.threads);
	fuse_loop_cfg_set_idle_threads(config, fs->options.threads);
	fuse_loop_cfg_set_clone_fd(config, fs->options.clone_fd);
	error = fuse_session_loop_mt(session, config);
	fuse_loop_cfg_destroy(config);
	return error > 0 || is_unmounted(error) ? 0 : error;
}

/*
 * Answer the first request, INIT. After that the mount answers everything.
 */
static int shake_hands(struct fuse_session *session)
{
	struct fuse_buf request = {0};
	int got;

	do
		got = fuse_session_receive_buf(session, &request);
	while (got == -EINTR && !fuse_session_exited(session));
	if (got > 0)
		fuse_session_process_buf(session, &request);
	free(request.mem);
	/* 0: unmounted already. An error of INIT itself ends the session. */
	return got < 0 && got != -EINTR && !is_unmounted(got) ? got : 0;
}

static void be_ready(struct fs *fs, const char *mountpoint)
{
	enum log_target target = fs->options.log;

	if (target == LOG_TARGET_AUTO)
		target = fs->options.foreground ? LOG_TARGET_STDERR : LOG_TARGET_SYSTEM;
	if (target == LOG_TARGET_SYSTEM)
		log_to_system();
	daemon_ready(target == LOG_TARGET_STDERR);
	notify_send("READY=1\nMAINPID=%ld\nSTATUS=domain '%s' at %s\n", (long)getpid(),
		    babus_domain_name(fs->domain), mountpoint);
}

/* From the first request to the last. */
static int answer(struct fs *fs, struct fuse_session *session, const char *mountpoint)
{
	int error = wake_start(fs->wake);

	if (error) {
		log_line("cannot start a thread: %s", strerror(-error));
		return error;
	}
	error = shake_hands(session);
	if (!error && !fuse_session_exited(session)) {
		be_ready(fs, mountpoint);
		error = loop(fs, session);
	}
	if (error)
		log_line("mount point '%s': %s", mountpoint, strerror(-error));
	notify_send("STOPPING=1\nSTATUS=unmounting %s\n", mountpoint);
	/* Blocked reads are answered before the mount goes. */
	wake_stop(fs->wake);
	return error;
}

static int serve(struct fs *fs, struct fuse_session *session, const char *mountpoint)
{
	int error = -EIO;

	if (fuse_set_signal_handlers(session)) {
		log_line("cannot handle signals");
		return error;
	}
	/* libfuse has logged the reason. */
	if (fuse_session_mount(session, mountpoint))
		goto remove_handlers;
	fs->session = session;
	error = privileges_settle();
	if (error)
		log_line("cannot give up privileges: %s", strerror(-error));
	else
		error = answer(fs, session, mountpoint);
	privileges_raise(CAP_SYS_ADMIN);
	fuse_session_unmount(session);
	privileges_lower(CAP_SYS_ADMIN);
remove_handlers:
	fuse_remove_signal_handlers(session);
	return error;
}

static int run(struct fs *fs)
{
	struct fuse_session *session;
	char *mountpoint;
	int error = privileges_reduce();

	if (error) {
		log_line("cannot give up privileges: %s", strerror(-error));
		return error;
	}
	error = mount_prepare(fs->options.mountpoint, &mountpoint);
	if (error)
		return error;
	error = open_parts(fs);
	if (!error) {
		session = new_session(fs);
		error = session ? serve(fs, session, mountpoint) : -EINVAL;
		if (session)
			fuse_session_destroy(session);
	}
	close_parts(fs);
	free(mountpoint);
	return error;
}

int main(int argc, char **argv)
{
	struct fs fs = {0};
	enum options_result result;
	int status = 1, error;

	signals_settle();
	log_take_over_fuse();
	notify_open();
	result = options_parse(argc, argv, &fs.options);
	if (result != OPTIONS_RUN) {
		options_finish(&fs.options);
		return result == OPTIONS_DONE ? 0 : 2;
	}
	error = babus_config_load(fs.options.config, &fs.config);
	if (error) {
		log_babus("configuration", error);
		options_finish(&fs.options);
		return error == -EINVAL ? 2 : 1;
	}
	if (options_configure(fs.config, &fs.options) == OPTIONS_FAILED)
		status = 2;
	else if (!fs.options.foreground && (error = daemon_start()))
		log_line("cannot go into the background: %s", strerror(-error));
	else
		status = run(&fs) ? 1 : 0;
	babus_config_free(fs.config);
	options_finish(&fs.options);
	notify_close();
	return status;
}

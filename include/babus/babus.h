/* SPDX-License-Identifier: MIT */
/*
 * babus: publish and subscribe through shared memory on one Linux machine.
 *
 *     #include <babus/babus.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         babus_domain *bus;
 *         babus_slot *imu;
 *         struct babus_message msg;
 *
 *         if (babus_domain_open("demo", BABUS_CREATE, NULL, &bus))
 *             return 1;
 *         if (babus_slot_open(bus, "imu", BABUS_PUBLISH | BABUS_CREATE, NULL, &imu))
 *             return 1;
 *         babus_slot_publish(imu, "hello", 5, NULL, NULL);
 *         if (babus_slot_view(imu, BABUS_LATEST, 0, &msg) == 0) {
 *             printf("%.*s\n", (int)msg.size, (const char *)msg.data);
 *             babus_message_release(&msg);
 *         }
 *         babus_slot_close(imu);
 *         babus_domain_close(bus);
 *         return 0;
 *     }
 *
 * A domain is a set of named slots. A slot keeps its last N messages (its depth) until
 * it is removed, whichever process exits. Messages are bytes.
 *
 * Errors. A function returns 0, or a count where its comment says so, or a negative
 * errno. On failure it leaves its outputs untouched, except for -EMSGSIZE of a copy.
 * These errors mean the same everywhere:
 *
 *     -EINVAL      bad argument, name, flag or option; a reserved field is not zero
 *     -ENOENT      no such domain or slot
 *     -ENODEV      the slot was removed, or the domain vanished, while in use
 *     -EAGAIN      nothing yet: the message is not published yet
 *     -EBUSY       the slot moved on too fast: each try was overtaken
 *     -EMSGSIZE    the message does not fit; the detail names the size needed
 *     -EACCES      the file modes, or how the handle was opened, do not allow it
 *     -EPERM       the domain or slot belongs to a user that is not trusted, or is
 *                  not a regular file or directory
 *     -EPROTO      not a babus file, another ABI version, or damaged contents
 *     -EIO         the slot's file was truncated under its mapping (needs
 *                  babus_guard_install(); without it the process gets SIGBUS)
 *     -ECHILD      the handle was opened before a fork(), in another process
 *     -ENOMEM, -EMFILE, -ENFILE   out of resources of the process or the system; below
 *                  they are called "resources"
 *
 * babus_perror() prints why a call failed. babus_strerror() returns the text of an
 * error, babus_error_detail() the details of the thread's last failure.
 *
 * Threads. Which calls may run at the same time on one handle:
 *
 *     babus_domain, babus_slot, babus_config   any calls, any threads
 *     babus_reader                             one call at a time; waiters that
 *                                              have the reader may run
 *     babus_waiter                             one babus_waiter_wait() at a
 *                                              time; other calls from any
 *                                              thread, also during a wait
 *     babus_message, babus_loan                one owner at a time, which may
 *                                              hand it to another thread
 *     close of any handle                      when no other call uses it
 *
 * Functions without a handle: any thread.
 *
 * Processes. A handle belongs to the process that opened it.
 *
 *     fork()    In the child, the copies of handles return -ECHILD; only names and
 *               paths can be read. Close, release or discard them, which takes
 *               nothing from the parent. This holds whatever other threads of the
 *               parent did during fork(). The child can open its own handles. A
 *               message that the child still sees stays valid as long as the
 *               parent's pin.
 *     vfork(), posix_spawn()   The child counts as its parent. It may only call
 *               exec() or _exit().
 *     exec()    ends everything: the new program has no descriptor, mapping,
 *               lock or pin of the old one.
 *     dlclose() does not unload the library, because the handlers of
 *               babus_guard_install() and fork() stay. After all handles are
 *               closed, no thread, descriptor or mapping of a bus is left.
 *
 * Fork handlers. babus registers its pthread_atfork() handlers when it is loaded.
 * Handlers that the program registers, before or after, may call babus.
 *
 * Nothing that a process holds outlives it.
 *
 * Signal handlers may not call any of these functions, nor fork(), if they can
 * interrupt one of them.
 *
 * Cancellation. No call is a cancellation point, and a thread that is cancelled
 * (deferred, the default) leaves no lock held. A request that arrives during a call or
 * a wait takes effect at the program's next cancellation point; end a wait with
 * babus_waiter_wake(). Asynchronous cancellation is not supported.
 *
 * Real time. After mlockall(MCL_FUTURE) a slot's pages are locked as they are touched;
 * none is populated ahead. mlockall(MCL_CURRENT) populates the slots that are open at
 * that time: open slots after it, or add MCL_ONFAULT. The kernel counts each mapping as
 * a whole (a slot's tables, and up to 1 GiB of its payload) against RLIMIT_MEMLOCK; above
 * that limit opening fails with -ENOMEM. babus_slot_reserve() moves page faults out of
 * the first publishes.
 *
 * Limits. A slot larger than RLIMIT_FSIZE cannot be created: -EFBIG. A call needs less
 * than 8 KiB of stack: a thread with PTHREAD_STACK_MIN may publish, read and wait. A
 * 64-bit process has 128 TiB of addresses, on machines with 39-bit addresses 512 GiB. A
 * handle reserves addresses for its slot's tables and at most 1 GiB of its payload; it
 * maps the rest, the far buffers, when a message lies there.
 *
 * Structs never grow: new fields take the place of reserved ones. In structs that the
 * program fills in, reserved fields must be zero, as the _init() calls and {0} make
 * them; otherwise -EINVAL. In results the library sets them to zero.
 *
 * Units. Sizes are in bytes, times in nanoseconds. Deadlines are on CLOCK_MONOTONIC. A
 * message's time_ns is CLOCK_BOOTTIME, which does not change when the clock is set;
 * babus_wall_time() converts it. created_ns is CLOCK_REALTIME.
 */
#ifndef BABUS_BABUS_H
#define BABUS_BABUS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
/* In C++ a function can hide a struct of the same name, as stat() does; g++ warns. */
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
#endif
#endif

#define BABUS_VERSION_MAJOR 0
#define BABUS_VERSION_MINOR 2
#define BABUS_VERSION_PATCH 0
/* One number to compare: 0.2.0 is 200, 1.2.3 is 10203. */
#define BABUS_VERSION_NUMBER \
	(BABUS_VERSION_MAJOR * 10000 + BABUS_VERSION_MINOR * 100 + BABUS_VERSION_PATCH)

#if defined(__GNUC__)
#define BABUS_API __attribute__((visibility("default")))
#else
#define BABUS_API
#endif

/* Limits of the format. More is -EINVAL, and the detail names the limit. */
#define BABUS_NAME_MAX        200u   /* bytes in a domain's or slot's name */
#define BABUS_TYPE_MAX        63u    /* bytes in a slot's type label */
#define BABUS_DESCRIPTION_MAX 191u   /* bytes in a slot's description */
#define BABUS_CHANNELS        32u    /* wake-up channels of a domain */
#define BABUS_BUFFERS_MAX     65535u /* depth + loans + pins of a slot */
#define BABUS_LOANS_MAX       16383u
#define BABUS_SEQ_MAX         ((UINT64_C(1) << 48) - 1) /* last sequence number */

typedef struct babus_domain babus_domain;
typedef struct babus_slot babus_slot;
typedef struct babus_reader babus_reader;
typedef struct babus_waiter babus_waiter;

/* Flags of the open calls. Unknown flags, and combinations without meaning, are -EINVAL. */
enum {
	BABUS_READ = 0,           /* every handle may read */
	BABUS_PUBLISH = 1 << 0,   /* slots: also publish; needs write permission */
	BABUS_CREATE = 1 << 1,    /* create it if it does not exist */
	BABUS_EXCLUSIVE = 1 << 2, /* with BABUS_CREATE: -EEXIST if it exists */
	BABUS_EXACT = 1 << 3,     /* slots: -EEXIST if its geometry differs from the options */
	BABUS_OBSERVE = 1 << 4,   /* read without any write access: see babus_domain_open() */
};

/* ------------------------------------------------------------ general */

/* The library's version as "MAJOR.MINOR.PATCH". Static; any thread. */
BABUS_API const char *babus_version(void);
/* BABUS_VERSION_NUMBER of the library that the process runs. Any thread. */
BABUS_API unsigned babus_version_number(void);

/* The text, one line, for a result of this library: 0 or negative errno. Static. */
BABUS_API const char *babus_strerror(int error);

/*
 * Details of this thread's last failure: what was found, where, and what was expected.
 * "" if the error says it all, or if the last call succeeded. Calls that close, release
 * or discard, and calls that return a name, a text or a time, keep the detail. Valid
 * until the thread's next call.
 */
BABUS_API const char *babus_error_detail(void);

/*
 * Print "WHAT: TEXT" on standard error, in one write. TEXT is the detail of the thread's
 * last call, or the text of `error` if there is none. Keeps errno and the detail.
 *
 *     int error = babus_slot_open(bus, "imu", 0, NULL, &imu);
 *
 *     if (error) {
 *         babus_perror("open imu", error);
 *         return 1;
 *     }
 */
BABUS_API void babus_perror(const char *what, int error);

/*
 * Check that `name` is a legal name of a slot or domain: 1 to BABUS_NAME_MAX characters
 * of [A-Za-z0-9._-], not starting with '.' or '-'. 0 or -EINVAL.
 */
BABUS_API int babus_name_check(const char *name);

/*
 * The deadline `timeout_ns` from now, on CLOCK_MONOTONIC. BABUS_FOREVER for a negative
 * timeout, or for one that overflows.
 */
#define BABUS_FOREVER INT64_C(-1) /* deadline: never */
#define BABUS_NOW     INT64_C(0)  /* deadline: do not block */
BABUS_API int64_t babus_deadline(int64_t timeout_ns);

/* CLOCK_BOOTTIME now. A message's age is babus_now() - message.time_ns. */
BABUS_API uint64_t babus_now(void);
/*
 * The wall-clock time (CLOCK_REALTIME) of a message's time_ns, by the present offset
 * between the two clocks; 0 for 0. The result for one message changes only when the wall
 * clock is set. In a time namespace the clocks are those of the namespace. Reads clocks
 * two or more times.
 */
BABUS_API uint64_t babus_wall_time(uint64_t time_ns);

/*
 * Install a SIGBUS handler for the process. It keeps the process alive when another one
 * truncates a slot's file under its mapping: that slot then reads as zeros and its calls
 * return -EIO, other slots are unaffected. Any other SIGBUS goes to the handler that was
 * installed before. Calling this again has no effect. The library never does it by
 * itself. Any member of a domain can truncate the files that all members write, so
 * without this call publishers, too, can die of SIGBUS. 0 or negative errno.
 */
BABUS_API int babus_guard_install(void);

/* ------------------------------------------------------------ domains */

struct babus_domain_options {
	const char *root;     /* tmpfs directory; NULL: $BABUS_ROOT, else /dev/shm */
	mode_t mode;          /* of the directory, when created; 0: 0700 */
	uid_t uid;            /* owner when created; (uid_t)-1: the caller */
	gid_t gid;            /* group when created; (gid_t)-1: the caller's */
	uid_t trust_uid;      /* also trust this owner; (uid_t)-1: no other */
	uint64_t reserved[4]; /* zero */
};

/* Fill in the defaults. */
BABUS_API void babus_domain_options_init(struct babus_domain_options *opts);

/*
 * Open the domain `name` (NULL: $BABUS_DOMAIN, else "default"), the directory
 * ROOT/babus.NAME. With BABUS_CREATE a missing one is created, complete or not at all.
 * `opts` may be NULL for the defaults. An open domain holds one descriptor.
 *
 * The directory is trusted if its owner is the caller, root, or opts->trust_uid, or if its
 * group is one of the caller's and other users may not write it; else -EPERM.
 *
 * An observer (BABUS_OBSERVE; not with BABUS_CREATE) needs no write access, not even to
 * the file system: a read-only bind mount in a container is enough. All its slots are
 * observers, too. They read copies, which are checked to be whole as usual, and
 * babus_slot_clients() does not see them; views are -EACCES. An observer can sleep if the
 * file `domain` is writable. Otherwise it can only poll: a wait with a deadline other than
 * BABUS_NOW, and babus_waiter_fd(), are -EROFS.
 *
 * All users that may enter the directory are members of the domain. A hostile member can
 * deny the others service, delay wake-ups, overwrite what others read in place, and
 * truncate files that members share (see babus_guard_install()). It cannot change the
 * messages of slots that it may only read, nor copies of them.
 *
 * Errors: -EINVAL, -ENOENT, -EEXIST (BABUS_EXCLUSIVE), -EACCES, -EPERM, -EROFS,
 * -EPROTO, -ENOSPC (no room for the domain's file), -EFBIG, resources.
 */
BABUS_API int babus_domain_open(const char *name, unsigned flags,
				const struct babus_domain_options *opts, babus_domain **domain);

/* Close. Slots, readers and waiters opened from it stay valid. NULL has no effect. */
BABUS_API void babus_domain_close(babus_domain *domain);

/* The domain's name, and the path of its directory. Valid while the handle is open. */
BABUS_API const char *babus_domain_name(const babus_domain *domain);
BABUS_API const char *babus_domain_path(const babus_domain *domain);

/*
 * Call fn(arg, name) for each slot, in no order. If fn returns another value than 0, stop
 * and return that. -ENODEV, -EIO, -ECHILD, resources.
 */
BABUS_API int babus_domain_list(babus_domain *domain, int (*fn)(void *arg, const char *name),
				void *arg);

/* A number that changes when a slot is created or removed, or its access is changed.
   -ENODEV, -EIO, -ECHILD. */
BABUS_API int babus_domain_changes(babus_domain *domain, uint64_t *changes);

/*
 * Check that the domain still exists: 0, or -ENODEV if its files were deleted, and then
 * wake all its users, so that they notice. -EIO (truncated), -ECHILD. One system call.
 *
 * Publishers check by themselves, at most once a second: after that time a publish into a
 * domain or slot whose files were deleted returns -ENODEV. Waiters check at each re-check.
 * A reader that only polls needs this call.
 */
BABUS_API int babus_domain_check(babus_domain *domain);

struct babus_report {
	uint32_t slots;           /* that were examined */
	uint32_t dead_publishers; /* their entries are given back */
	uint32_t dead_readers;
	uint32_t buffers;   /* taken back from the dead */
	uint32_t leftovers; /* files of an interrupted create or remove */
	uint32_t damaged;   /* slots that could not be opened: see detail */
	uint32_t foreign;   /* files named like leftovers that are none, or not ours: see detail */
	uint32_t reserved0;
	uint64_t reserved[3];
};

/*
 * Find what dead clients left behind in each slot, and files of interrupted creations and
 * removals. With `repair` give it back, else only count it. Clients that run short of
 * something do this by themselves, so it is never needed for correctness. -ENODEV,
 * -EACCES (an observer), -EIO, -ECHILD, resources.
 */
BABUS_API int babus_domain_recover(babus_domain *domain, int repair, struct babus_report *report);

/*
 * Remove a domain with all its slots; their users get -ENODEV. -ENOTEMPTY: it holds files
 * that are not of babus, and these stay. -ENOENT, -EACCES, -EPERM, and the errors of
 * babus_domain_open().
 */
BABUS_API int babus_domain_remove(const char *name, const struct babus_domain_options *opts);

/*
 * Remove the slot with this name. Its users get -ENODEV, and its waiters wake. Pinned
 * messages stay readable until they are released. Needs write permission on the slot's
 * file and on the domain's directory. -EINVAL, -ENOENT, -EACCES, -EPERM, -EROFS, -ENODEV,
 * -EIO, -ECHILD.
 */
BABUS_API int babus_domain_remove_slot(babus_domain *domain, const char *name);

/* ------------------------------------------------------------ slots */

struct babus_slot_options {
	uint32_t depth;     /* messages kept, 1 or more; default 8 */
	uint32_t loans;     /* at the same time, all publishers; default 64 */
	uint32_t pins;      /* readers and views at the same time; default 256 */
	int32_t channel;    /* 0 to 31; -1: the next one (default) */
	uint64_t max_size;  /* largest message, bytes; default 16 MiB */
	uint64_t first_seq; /* sequence of the first message; default 1 */
	mode_t mode;        /* default 0600; read permission subscribes, read and write publishes */
	uid_t uid;          /* (uid_t)-1: the caller (default) */
	gid_t gid;          /* (gid_t)-1: the caller's, or the directory's if setgid */
	const char *type;   /* label such as "rgb24"; NULL or "": none */
	const char *description; /* such as "front camera 1920x1080" */
	uint64_t reserved[4];    /* zero */
};

/* Fill in the defaults. */
BABUS_API void babus_slot_options_init(struct babus_slot_options *opts);

/*
 * Open slot `name`. Without BABUS_PUBLISH read permission on its file is enough. With
 * BABUS_CREATE a missing slot is created with `opts`, or with the defaults if that is NULL;
 * processes that create it at the same time open the same slot. With BABUS_EXCLUSIVE an
 * existing slot is -EEXIST.
 *
 * If the slot exists, its type must be opts->type, unless that is NULL or ""; else -EEXIST,
 * and the detail has both types. All other options are for creation only and are not
 * compared; babus_slot_info() tells what the slot has. With BABUS_EXACT depth, loans, pins
 * and max_size must be the same, too.
 *
 * A handle sees one instance of the slot. After that is removed the handle returns -ENODEV,
 * also if a slot with this name is created again. A handle holds no descriptor. It has two
 * mappings, one more to publish, one more to read, and one more for a large slot's far
 * buffers; a process can have vm.max_map_count (65,530) mappings in all.
 *
 * Errors: -EINVAL, -ENOENT, -EEXIST, -EACCES, -EPERM, -EROFS, -EPROTO, -ENODEV, -EIO,
 * -ECHILD, -ENOSPC (the tmpfs has no room for the slot's tables), -EFBIG (RLIMIT_FSIZE),
 * -ENOBUFS (BABUS_PUBLISH: all loans of the slot are in use by live clients), resources.
 */
BABUS_API int babus_slot_open(babus_domain *domain, const char *name, unsigned flags,
			      const struct babus_slot_options *opts, babus_slot **slot);

/*
 * The same, but if there is no such slot, sleep until it appears: for subscribers that
 * start before their publisher. -ETIMEDOUT: `deadline_ns` has passed, see
 * babus_waiter_wait(). -EINTR: a signal handler ran.
 */
BABUS_API int babus_slot_await(babus_domain *domain, const char *name, unsigned flags,
			       const struct babus_slot_options *opts, int64_t deadline_ns,
			       babus_slot **slot);

/*
 * Close. First release, commit or discard all its messages and loans, which point into
 * memory that this call unmaps, and close its readers. NULL has no effect.
 */
BABUS_API void babus_slot_close(babus_slot *slot);

/*
 * Remove the slot that this handle sees. If a later slot has the name by now, that one
 * stays: -ENODEV. The handle stays open. Otherwise as babus_domain_remove_slot().
 */
BABUS_API int babus_slot_remove(babus_slot *slot);

/*
 * Change permission bits, owner and group of the slot's files. (mode_t)-1, (uid_t)-1 or
 * (gid_t)-1 keeps that one. -EPERM (only the owner may do this), -EINVAL, -EACCES,
 * -ENODEV, -EIO, -ECHILD.
 *
 * Open handles keep their access: a handle that was opened to publish goes on publishing,
 * one that has read goes on reading and waiting. A handle that has not read yet, and calls
 * that open the files (babus_slot_info(), babus_slot_clients(), babus_slot_set_access()),
 * need the new permission, else -EACCES. To revoke the access of open handles, remove the
 * slot and create it again.
 */
BABUS_API int babus_slot_set_access(babus_slot *slot, mode_t mode, uid_t uid, gid_t gid);

struct babus_slot_info {
	uint64_t instance; /* random; a slot that is created again has another */
	uint32_t depth, loans, pins, channel;
	uint64_t max_size; /* bytes */
	uint64_t first_seq;
	uint64_t seq;        /* of the newest message; first_seq - 1 if none */
	uint32_t kept;       /* messages that can be read now */
	uint32_t publishers; /* publisher handles, live or not yet recovered */
	uint32_t readers;    /* pins in use: reader handles and held views */
	uint32_t pid;        /* publisher of the newest message */
	uint64_t size;       /* bytes of the newest message */
	uint64_t time_ns;    /* its publish time, CLOCK_BOOTTIME; 0 if none */
	uint64_t publisher;  /* its publisher's incarnation; 0 if none */
	uint64_t origin;     /* its origin */
	uint64_t lost;       /* messages missed so far, by all readers */
	uint64_t created_ns; /* CLOCK_REALTIME */
	uint64_t bytes_used; /* of the tmpfs, now: tables and touched payload */
	uint64_t bytes_max;  /* of the tmpfs, at most; fixed at creation */
	mode_t mode;         /* permission bits of the slot's file */
	uid_t uid;
	gid_t gid;
	char type[BABUS_TYPE_MAX + 1];
	char description[BABUS_DESCRIPTION_MAX + 1];
	uint64_t reserved[4];
};

/* The slot's facts and counters at this moment. -ENODEV, -EACCES, -EPROTO, -EIO, -ECHILD,
   resources. */
BABUS_API int babus_slot_info(babus_slot *slot, struct babus_slot_info *info);

/* The slot's name and domain. Valid while the handle is open. */
BABUS_API const char *babus_slot_name(const babus_slot *slot);
BABUS_API babus_domain *babus_slot_domain(const babus_slot *slot);

struct babus_client_info {
	int publisher;        /* 1: publishes, 0: reads */
	int alive;            /* 0: dead; what it held can be taken back */
	uint32_t pid;         /* in the client's pid namespace */
	uint32_t held;        /* loans or pins it has in use */
	uint64_t cursor;      /* readers: sequence last delivered */
	uint64_t received;    /* readers: messages delivered */
	uint64_t lost;        /* readers: messages missed */
	uint64_t incarnation; /* the number of this opening; a publisher's is in its messages */
	uint64_t reserved[4];
};

/*
 * Call fn(arg, info) for each client of the slot. If fn returns another value than 0, stop
 * and return that. Costs system calls, because it tests whether each client is alive.
 * -ENODEV, -EACCES, -EIO, -ECHILD, resources.
 */
BABUS_API int babus_slot_clients(babus_slot *slot,
				 int (*fn)(void *arg, const struct babus_client_info *info),
				 void *arg);

/*
 * Whether the publisher of a message still has its handle open. 1: yes, also if its process
 * is stopped. 0: it closed the handle or died. `publisher` is message.publisher, of this
 * slot. Some system calls. -EINVAL (0, or no such number), -ENODEV, -EACCES, -EIO, -ECHILD.
 */
BABUS_API int babus_slot_publisher_alive(babus_slot *slot, uint64_t publisher);

/*
 * Populate `count` buffers for messages of `size` bytes, in the tmpfs and in this process's
 * page tables, so that the next publishes take no page fault. Returns how many buffers are
 * populated: fewer than `count` if other publishers use some, more for small messages, which
 * rotate through several. Publishes prefer populated buffers. For no page fault at all ask
 * for depth + 2, and one more for each message that readers hold. -ENOSPC, -EMSGSIZE,
 * -EACCES, -ENOBUFS, -ENODEV, -EPROTO, -EIO, -ECHILD, -ENOMEM; what was populated before
 * the failure stays.
 */
BABUS_API int babus_slot_reserve(babus_slot *slot, uint32_t count, size_t size);

/*
 * Give payload memory back to the tmpfs that no kept or pinned message needs, for example
 * after a burst of large messages. Does not block, and disturbs no other client; later
 * messages need new memory. Slots with a max_size below a page have nothing to give.
 * `freed`, which may be NULL: by how many bytes the slot's memory shrank, less what others
 * took at the same time. -EACCES (opened without BABUS_PUBLISH, or the file may not be
 * opened any more), -ENOBUFS, -ENODEV, -EPROTO, -EIO, -ECHILD, resources.
 */
BABUS_API int babus_slot_trim(babus_slot *slot, uint64_t *freed);

/* ------------------------------------------------------------ publishing */

/* What a publisher may attach to a message; zero means not set. */
struct babus_stamp {
	uint64_t source_time_ns; /* when the data was captured, by the application's clock */
	uint64_t tag;            /* free for the application */
	uint64_t origin;         /* for bridges: where the message is from; 0: this machine */
	uint32_t pid;            /* publish on behalf of this process; 0: the caller */
	uint32_t reserved0;      /* zero */
	uint64_t reserved[2];    /* zero */
};

/*
 * Publish a copy of `size` bytes. `stamp`, and `seq` for the message's sequence number, may
 * be NULL. Never blocks, whatever readers do. Makes one system call if a process waits for
 * news of this slot (or of one of the few slots with which it shares a mark), else none; once
 * a second two more, to check that the domain and the slot still exist.
 *
 * Errors: -EMSGSIZE (larger than the slot's max_size), -ENOSPC (tmpfs full), -ENOBUFS (all
 * loans are in use by live clients), -EACCES (opened without BABUS_PUBLISH), -EOVERFLOW (past
 * BABUS_SEQ_MAX), -EINVAL (a reserved field of `stamp`), -ENODEV, -EPROTO, -EIO, -ECHILD,
 * -ENOMEM (addresses, for a far buffer). After an error nothing is published.
 */
BABUS_API int babus_slot_publish(babus_slot *slot, const void *data, size_t size,
				 const struct babus_stamp *stamp, uint64_t *seq);

/* The same, from `count` pieces. */
BABUS_API int babus_slot_publishv(babus_slot *slot, const struct iovec *iov, int count,
				  const struct babus_stamp *stamp, uint64_t *seq);

/* A buffer of the slot lent to the caller, to be filled in place. */
struct babus_loan {
	void *data;      /* `capacity` bytes, 64-byte aligned, contents undefined */
	size_t capacity; /* bytes that may be written */
	size_t size;     /* bytes to publish: set it to what was filled in */
	struct babus_stamp stamp;
	/* private */
	babus_slot *slot;
	uint32_t buffer;
	uint32_t token;
	uint64_t reserved[2];
};

/*
 * Borrow a buffer for a message of up to `size` bytes. End the loan by
 * babus_loan_commit() or babus_loan_discard(). Errors as babus_slot_publish().
 */
BABUS_API int babus_slot_loan(babus_slot *slot, size_t size, struct babus_loan *loan);

/*
 * Publish the first loan->size bytes. Success ends the loan. After a failure (-EINVAL: size
 * above capacity, a reserved field, or a loan that has ended; -EOVERFLOW, -ENODEV, -EPROTO,
 * -EIO, -ECHILD) the loan goes on and can be discarded. `seq` may be NULL.
 */
BABUS_API int babus_loan_commit(struct babus_loan *loan, uint64_t *seq);

/* Give the buffer back unpublished. No effect on a loan that has ended. */
BABUS_API void babus_loan_discard(struct babus_loan *loan);

/* ------------------------------------------------------------ reading */

/* A message: pinned in place until it is released, or copied to the caller's memory. */
struct babus_message {
	const void *data;
	size_t size; /* bytes */
	uint64_t seq;
	uint64_t lost;           /* messages missed between the one asked for and this one */
	uint64_t skipped;        /* messages that babus_reader_latest() skipped */
	uint64_t time_ns;        /* of publishing, CLOCK_BOOTTIME: see babus_wall_time() */
	uint64_t source_time_ns; /* as the publisher set it, or 0 */
	uint64_t tag;            /* as the publisher set it, or 0 */
	uint64_t origin;         /* as the publisher set it; 0: this machine */
	uint64_t publisher;      /* its incarnation: see babus_slot_publisher_alive() */
	uint32_t pid;            /* the publisher's, in its own pid namespace */
	/* private */
	uint32_t pin;
	babus_slot *slot;
	uint64_t reserved[3];
};

/* Which message. */
enum babus_which {
	BABUS_LATEST, /* the newest; n is ignored */
	BABUS_AGE,    /* the one published n before the newest */
	BABUS_SEQ,    /* sequence number n */
	BABUS_AFTER,  /* the first kept one after sequence number n */
};

/*
 * Pin a message and describe it. It can be read in place, for any time, until
 * babus_message_release(). Does not block and takes no lock. Makes no system call, except in
 * the handle's first read, for a far buffer, and if all pins are in use.
 *
 * Errors: -ENODATA (no message is published yet), -ESTALE (BABUS_AGE, BABUS_SEQ: no longer
 * kept), -EAGAIN (BABUS_SEQ, BABUS_AFTER: not published yet), -EBUSY (at depth 1: the slot
 * moved on during each of 65,536 tries), -ENOBUFS (all pins are in use by live clients),
 * -EACCES (an observer; or the handle's first read, if access was revoked since it was
 * opened), -EINVAL (`which`), -ENODEV, -EPROTO, -EIO, -ECHILD, resources (first read),
 * -ENOMEM (addresses, for a far buffer).
 *
 * Subscribers of a slot can break each other's pins. If a hostile one does, publishers
 * overwrite what is being read in place. A copy is always whole.
 */
BABUS_API int babus_slot_view(babus_slot *slot, enum babus_which which, uint64_t n,
			      struct babus_message *message);

/*
 * The same, copied into `buffer` of `capacity` bytes; there is nothing to release. The copy
 * is checked against what only publishers can write, so it is whole whatever other
 * subscribers do. -EBUSY: the message was overwritten during each of 64 tries. Observers can
 * copy, too.
 *
 * -EMSGSIZE: the message is larger than `capacity`. Then `message` describes it, with its
 * size and without data, and `buffer` is untouched.
 */
BABUS_API int babus_slot_copy(babus_slot *slot, enum babus_which which, uint64_t n, void *buffer,
			      size_t capacity, struct babus_message *message);

/* Unpin. No effect on a message that was copied, or released before. */
BABUS_API void babus_message_release(struct babus_message *message);

/* ------------------------------------------------------------ readers */

/* Where a reader starts. */
enum babus_start {
	BABUS_START_NEXT,   /* with the next message published (n ignored) */
	BABUS_START_OLDEST, /* with the oldest message kept (n ignored) */
	BABUS_START_SEQ,    /* with sequence number n, or the oldest after it */
};

/*
 * Open a reader: a cursor over the slot. babus_slot_clients() shows its position and its
 * losses. It uses one pin of the slot while it is open. Keep the slot's handle open as long.
 *
 * Release what was read through the reader before you close it. Closing gives its pin back,
 * so the message could be overwritten, and a later release would unpin what another reader
 * pinned meanwhile. Closing NULL has no effect.
 *
 * Errors: -ENOBUFS (all pins are in use by live clients), -EINVAL, -ENODEV, -EACCES, -EPROTO,
 * -EIO, -ECHILD, resources.
 */
BABUS_API int babus_reader_open(babus_slot *slot, enum babus_start start, uint64_t n,
				babus_reader **reader);
BABUS_API void babus_reader_close(babus_reader *reader);

/*
 * Move the cursor. Messages that it passes over count neither as received nor as lost. If
 * there is a message after the cursor now, waiters wake and their descriptors become
 * readable. -EINVAL, -ENODEV, -EPROTO, -EIO, -ECHILD.
 */
BABUS_API int babus_reader_seek(babus_reader *reader, enum babus_start start, uint64_t n);

/*
 * Pin the message after the cursor and move the cursor onto it. If publishers have lapped
 * the reader, this is the oldest message kept, and message->lost is the exact number of
 * messages missed. -EAGAIN: there is none yet. Other errors as babus_slot_view().
 */
BABUS_API int babus_reader_next(babus_reader *reader, struct babus_message *message);

/* The same, copied; see babus_slot_copy(). On -EMSGSIZE the cursor stays. */
BABUS_API int babus_reader_next_copy(babus_reader *reader, void *buffer, size_t capacity,
				     struct babus_message *message);

/*
 * Pin the newest message and move the cursor onto it; -EAGAIN if it is not after the cursor.
 * Messages between are skipped on purpose: message->skipped is their number, and
 * message->lost is 0. Not for observers (-EACCES). Other errors as babus_slot_view().
 */
BABUS_API int babus_reader_latest(babus_reader *reader, struct babus_message *message);

/*
 * Sleep until there is a message after the cursor. Deadlines and signals as for
 * babus_waiter_wait(). Never spins. 0, -ETIMEDOUT, -EINTR (a signal handler ran), -ENODEV,
 * -EPROTO, -EIO, -EROFS (an observer that cannot sleep), -ECHILD, -ENOMEM (first wait).
 */
BABUS_API int babus_reader_wait(babus_reader *reader, int64_t deadline_ns);

struct babus_reader_stats {
	uint64_t cursor;   /* sequence last delivered */
	uint64_t received; /* messages delivered */
	uint64_t lost;     /* messages missed */
	uint64_t skipped;  /* messages that babus_reader_latest() skipped */
	uint64_t reserved[4];
};

/* The reader's counters. -ECHILD is the only error. */
BABUS_API int babus_reader_stats(const babus_reader *reader, struct babus_reader_stats *stats);
/* The slot that it reads. */
BABUS_API babus_slot *babus_reader_slot(const babus_reader *reader);

/* ------------------------------------------------------------ waiting */

struct babus_waiter_options {
	uint64_t spin_ns;     /* look for news this long before sleeping. While that
				 does not help, back off to 1 wait in 64. Choose
				 more than it takes to wake a process, some 50 us.
				 0 (default): never; nor on a machine with one
				 processor */
	uint64_t recheck_ns;  /* look this often without a wake-up, because a publisher
				 can die before it wakes; 0: 1 s (default) */
	uint64_t reserved[4]; /* zero */
};

/* Open a waiter: a set of readers to wait for. `opts` may be NULL for the defaults. -EINVAL,
   -ENODEV, -EIO, -ECHILD, -ENOMEM. Closing NULL has no effect. */
BABUS_API int babus_waiter_open(babus_domain *domain, const struct babus_waiter_options *opts,
				babus_waiter **waiter);
BABUS_API void babus_waiter_close(babus_waiter *waiter);

/*
 * Add a reader of the waiter's domain handle, with a pointer that events hand back. The
 * waiter only looks at the cursor. -EINVAL (another domain handle), -EEXIST (it is in the
 * set), -ENODEV, -EIO, -ECHILD, -ENOMEM.
 */
BABUS_API int babus_waiter_add(babus_waiter *waiter, babus_reader *reader, void *user);
/*
 * Remove a reader; do this before closing it. A babus_waiter_wait() that runs in another
 * thread may still return it. -ENOENT (it is not in the set), -ECHILD.
 */
BABUS_API int babus_waiter_remove(babus_waiter *waiter, babus_reader *reader);

/*
 * From now on also report which slots appear and disappear, and that access to one changed.
 * To miss none, first watch, then list. -EEXIST (it watches already), -ENODEV, -EIO,
 * -ECHILD, resources.
 */
BABUS_API int babus_waiter_watch_domain(babus_waiter *waiter, void *user);
/* Stop that. Changes not reported yet are dropped. -ENOENT (it does not watch), -ECHILD. */
BABUS_API int babus_waiter_unwatch_domain(babus_waiter *waiter);

enum babus_event_kind {
	BABUS_EVENT_READER,      /* `reader` has a message after its cursor, or its slot is gone */
	BABUS_EVENT_APPEARED,    /* `slot` was created */
	BABUS_EVENT_DISAPPEARED, /* `slot` was removed; created again, it appears next */
	BABUS_EVENT_CHANGED,     /* the domain changed otherwise: access to a slot */
};

struct babus_event {
	enum babus_event_kind kind;
	int status;           /* of a reader: 0, or -ENODEV, -EPROTO, -EIO: the slot is gone */
	babus_reader *reader; /* NULL for events of the domain */
	void *user;           /* as given when it was added */
	const char *slot;     /* name, valid until the waiter's next wait or close; or NULL */
	uint64_t reserved[3];
};

/*
 * Sleep until a reader has a message after its cursor, a reader's slot is gone, or the
 * domain changed. Writes up to `max` (1 or more) events, each for another reader or slot,
 * and returns how many. If there are more, the next call starts with other readers. A reader
 * is reported again until its cursor catches up; if its slot is gone, until it is removed.
 *
 * The cost of a wait depends on the readers that share a channel with news, not on all. A
 * waiter with more than 256 readers that only polls, with BABUS_NOW and without a descriptor,
 * costs publishers of its slots as much as one that sleeps.
 *
 * `deadline_ns` is a point in time, see babus_deadline(). It stays the same however often the
 * waiter wakes, and no wait returns -ETIMEDOUT before it. A past deadline polls once, like
 * BABUS_NOW, which never blocks.
 *
 * A signal handler that runs during the sleep ends it with -EINTR, with SA_RESTART or
 * without. Nothing is lost: news that come at the same moment are reported instead, or by the
 * next call. A handler does not end the wait if it runs before the sleep, or in the moment
 * in which a re-check or another slot's news ends the sleep. Where that matters, use the
 * descriptor with ppoll() or a signalfd. A signal without a handler does not end the wait:
 * when a stopped process is continued, its wait goes on.
 *
 * Errors: -ETIMEDOUT, -EINTR, -ECANCELED (babus_waiter_wake()), -ENODEV (the domain is gone),
 * -EIO (it was truncated), -EINVAL (max), -EROFS (an observer that cannot sleep), -ECHILD,
 * resources (a watched domain changed and cannot be listed).
 */
BABUS_API int babus_waiter_wait(babus_waiter *waiter, int64_t deadline_ns,
				struct babus_event *events, int max);

/* Make the waiter's current or next wait return -ECANCELED. Any thread. -ECHILD. */
BABUS_API int babus_waiter_wake(babus_waiter *waiter);

/*
 * A descriptor for poll, select, epoll or io_uring. It is readable whenever
 * babus_waiter_wait(waiter, BABUS_NOW, ...) would return something else than -ETIMEDOUT.
 * Each time it is readable, call babus_waiter_wait() with BABUS_NOW until that returns
 * -ETIMEDOUT, which makes it unreadable. Edge-triggered and one-shot polling work, too. The
 * waiter owns the descriptor: do not read or close it.
 *
 * All waiters of a domain handle with a descriptor share one thread of the library. The
 * first starts it, and closing the last ends it. The thread blocks all signals, except those
 * for its own faults.
 *
 * -EMFILE, -ENFILE, -ENOMEM (also if no thread can be started), -EROFS, -ENODEV, -EIO, -ECHILD.
 */
BABUS_API int babus_waiter_fd(babus_waiter *waiter, int *fd);

#ifdef __cplusplus
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
}
#endif

#endif

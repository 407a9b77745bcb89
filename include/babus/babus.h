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
 * A domain is a set of named slots. A slot keeps its last N messages (its
 * depth) until it is removed, whoever exits. Messages are bytes.
 *
 * Errors. Functions return 0, or a count where they say so, or a negative errno.
 * On failure they leave their outputs untouched, except for -EMSGSIZE of a copy.
 * These mean the same thing everywhere:
 *
 *     -EINVAL      bad argument, name, flag or option; a reserved field is not zero
 *     -ENOENT      no such domain or slot
 *     -ENODEV      the slot was removed, or the domain vanished, while in use
 *     -EAGAIN      nothing yet: the message is not published yet
 *     -EBUSY       the slot moved on too fast: each try was overtaken
 *     -EMSGSIZE    the message does not fit; the detail names the size needed
 *     -EACCES      the file modes, or how the handle was opened, do not allow it
 *     -EPERM       the domain or slot belongs to somebody not trusted, or is
 *                  not a regular file or directory
 *     -EPROTO      not a babus file, another ABI version, or damaged contents
 *     -EIO         the slot's file was truncated under its mapping (reported
 *                  where babus_guard_install() is in force)
 *     -ECHILD      the handle was opened before a fork(), in another process
 *     -ENOMEM, -EMFILE, -ENFILE   out of process resources
 *
 * babus_perror() prints what a failed call found. babus_strerror() returns the
 * text of an error, babus_error_detail() the details of the thread's last call.
 *
 * Threads. Which calls may run at once on one handle:
 *
 *     babus_domain, babus_slot, babus_config   any calls, any threads
 *     babus_reader                             one call at a time; waiters that
 *                                              have it look at it meanwhile
 *     babus_waiter                             one babus_waiter_wait() at a
 *                                              time; all else from any thread,
 *                                              also meanwhile
 *     babus_message, babus_loan                one owner at a time; it may be
 *                                              handed to another thread
 *     close of any handle                      when nothing else uses it
 *
 * Functions without a handle: any thread.
 *
 * Processes. Handles belong to the process that opened them.
 *
 *     fork()    The child's copies give -ECHILD (names and paths can be read)
 *               and may only be closed, released or discarded, which takes
 *               nothing from the parent. This holds whatever the parent's other
 *               threads were doing. The child can open handles of its own. What
 *               it still sees of a message is kept by the parent's pin alone.
 *     vfork(), posix_spawn()   Until it calls exec() or _exit(), which is all
 *               that it may do, such a child is its parent.
 *     exec()    ends everything: the new program has no descriptor, mapping,
 *               lock or pin of the old one.
 *     dlclose() does not unload the library: the handlers of
 *               babus_guard_install() and fork() stay. Once all handles are
 *               closed no thread, descriptor or mapping of a bus is left.
 *
 * Fork handlers: babus registers its pthread_atfork() handlers when it is loaded.
 * Handlers that the program registers, before or after, may call babus.
 *
 * Nothing that a process holds outlives it. Not safe in signal handlers: any of
 * these functions, and fork(), when they may interrupt one of them.
 *
 * Cancellation: no call is a cancellation point, and a thread that is cancelled
 * (deferred, the default) leaves no lock held. A request that arrives during a
 * call, or during a wait, takes effect at the program's next cancellation point;
 * end a wait with babus_waiter_wake(). Asynchronous cancellation is not supported.
 *
 * Real time: under mlockall(MCL_FUTURE) a slot's pages are locked as they are
 * touched; nothing is populated ahead. mlockall(MCL_CURRENT) populates the slots
 * that are open already: open them after it, or add MCL_ONFAULT. The kernel counts
 * each mapping as a whole (a slot's tables, and up to 1 GiB of its payload) against
 * RLIMIT_MEMLOCK; above that limit the open fails with -ENOMEM.
 * babus_slot_reserve() takes page faults out of the first publishes.
 *
 * Limits: a slot larger than RLIMIT_FSIZE is not created: -EFBIG. A call needs less
 * than 8 KiB of stack: a thread with PTHREAD_STACK_MIN may publish, read and wait.
 * A 64-bit process has 128 TiB of addresses, on machines with 39-bit addresses
 * 512 GiB. A handle reserves its slot's tables and at first 1 GiB of its payload at
 * most; the rest is mapped when a message lies there.
 *
 * Structs never grow. New fields take the place of reserved ones. Reserved fields of
 * a struct that the program fills in must be zero, as the _init() calls and {0}
 * make them; anything else is -EINVAL. The library zeroes those of its results.
 *
 * Units: sizes in bytes, times in nanoseconds. Deadlines are CLOCK_MONOTONIC. A
 * message's time_ns is CLOCK_BOOTTIME, which no step of the clock moves;
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
/* In C++ a struct's name can be hidden by a function's, as stat() does; g++ warns of it. */
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

/* Limits of the format; asking for more is -EINVAL with the limit named. */
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

/* Flags of the open calls. Unknown flags and combinations without a meaning are -EINVAL. */
enum {
	BABUS_READ = 0,           /* every handle may read */
	BABUS_PUBLISH = 1 << 0,   /* slots: also publish; needs write permission */
	BABUS_CREATE = 1 << 1,    /* create it if it does not exist */
	BABUS_EXCLUSIVE = 1 << 2, /* with BABUS_CREATE: -EEXIST if it exists */
	BABUS_EXACT = 1 << 3,     /* slots: -EEXIST unless its geometry is that of the options */
	BABUS_OBSERVE = 1 << 4,   /* read with write access to nothing: see babus_domain_open() */
};

/* ------------------------------------------------------------ general */

/* The library's version as "MAJOR.MINOR.PATCH". Static; any thread. */
BABUS_API const char *babus_version(void);
/* BABUS_VERSION_NUMBER of the library that runs. Any thread. */
BABUS_API unsigned babus_version_number(void);

/* One line for an error of this library, 0 or negative errno. Static text. */
BABUS_API const char *babus_strerror(int error);

/*
 * Details of this thread's last call, if it failed: what was found, where, and
 * what was expected. "" if the error says it all, or if the call succeeded. Calls
 * that close, release or discard, and those that return a name, a text or a time, leave
 * it alone. Valid until the thread's next call.
 */
BABUS_API const char *babus_error_detail(void);

/*
 * Print "WHAT: TEXT" on standard error, in one write: the detail of the thread's
 * last call, or else the text of `error`. Leaves errno and the detail alone.
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
 * Whether `name` is a legal name of a slot or domain: 1 to BABUS_NAME_MAX of
 * [A-Za-z0-9._-], not starting with '.' or '-'. 0 or -EINVAL.
 */
BABUS_API int babus_name_check(const char *name);

/*
 * The deadline `timeout_ns` from now on CLOCK_MONOTONIC; BABUS_FOREVER for a
 * negative timeout.
 */
#define BABUS_FOREVER INT64_C(-1) /* deadline: never */
#define BABUS_NOW     INT64_C(0)  /* deadline: do not block */
BABUS_API int64_t babus_deadline(int64_t timeout_ns);

/* CLOCK_BOOTTIME now: a message's age is babus_now() - message.time_ns. */
BABUS_API uint64_t babus_now(void);
/*
 * The wall clock (CLOCK_REALTIME) of a message's time_ns, by the offset between the
 * two clocks now; 0 for 0. A message's is the same each time until the wall clock is
 * stepped. Within a time namespace as that sees the clocks. Two or more clock reads.
 */
BABUS_API uint64_t babus_wall_time(uint64_t time_ns);

/*
 * Install a SIGBUS handler for the process that keeps it alive when somebody
 * truncates a slot's file under its mapping: that slot then reads as zeros
 * and its calls give -EIO, the others go on. Other SIGBUS go to the handler
 * that was there before. Idempotent. The library never does this by itself.
 * Any member of a domain can truncate the files that all members write, so
 * that publishers too die of SIGBUS who have not called this.
 */
BABUS_API int babus_guard_install(void);

/* ------------------------------------------------------------ domains */

struct babus_domain_options {
	const char *root;     /* tmpfs directory; NULL: $BABUS_ROOT, else /dev/shm */
	mode_t mode;          /* of the directory, when created; 0: 0700 */
	uid_t uid;            /* owner when created; (uid_t)-1: the caller */
	gid_t gid;            /* group when created; (gid_t)-1: the caller's */
	uid_t trust_uid;      /* accept this owner too; (uid_t)-1: nobody else */
	uint64_t reserved[4]; /* zero */
};

/* Fill in the defaults. */
BABUS_API void babus_domain_options_init(struct babus_domain_options *opts);

/*
 * Open the domain `name` (NULL: $BABUS_DOMAIN, else "default") in
 * ROOT/babus.NAME. With BABUS_CREATE a missing one is created, complete or not
 * at all. `opts` may be NULL for the defaults.
 *
 * A directory is trusted if its owner is the caller, root, or opts->trust_uid,
 * or if it is not writable by everybody and its group is one of the caller's;
 * else -EPERM. A domain open holds one descriptor.
 *
 * An observer (BABUS_OBSERVE; not with BABUS_CREATE) needs write access to nothing,
 * not even to the file system: a read-only bind mount in a container will do. All
 * its slots are observers too. They read copies, with the usual check that makes a
 * copy whole, and are not seen by babus_slot_clients(); views are -EACCES. An
 * observer sleeps if the file `domain` is writable, else it can only poll: a wait
 * with a deadline other than BABUS_NOW, and babus_waiter_fd(), are -EROFS.
 *
 * Who may enter the directory is a member, and members are trusted not to deny
 * each other service; a hostile one can, but it cannot change messages of slots
 * that it may only read. See "What a hostile member can do" in core/DESIGN.md.
 *
 * Errors: -EINVAL, -ENOENT, -EEXIST (BABUS_EXCLUSIVE), -EACCES, -EPERM, -EROFS,
 * -EPROTO, -ENOSPC (no room for the domain file), -EFBIG, resources.
 */
BABUS_API int babus_domain_open(const char *name, unsigned flags,
				const struct babus_domain_options *opts, babus_domain **domain);

/* Close; slots, readers and waiters opened from it stay valid. NULL is fine. */
BABUS_API void babus_domain_close(babus_domain *domain);

/* Its name and its directory. Valid while it is open. */
BABUS_API const char *babus_domain_name(const babus_domain *domain);
BABUS_API const char *babus_domain_path(const babus_domain *domain);

/*
 * Call fn(arg, name) for each slot, in no order; a non-zero return stops and
 * is returned. -ENODEV if the domain vanished.
 */
BABUS_API int babus_domain_list(babus_domain *domain, int (*fn)(void *arg, const char *name),
				void *arg);

/* A number that changes whenever a slot is created, removed, or re-moded. */
BABUS_API int babus_domain_changes(babus_domain *domain, uint64_t *changes);

/*
 * Whether the domain is still there: 0; -ENODEV if its files were deleted, which
 * this tells all its users; -EIO (truncated), -ECHILD. One system call.
 *
 * Publishers ask by themselves, once a second at most: after that time a publish
 * into a domain or slot whose files were deleted gives -ENODEV. Waiters ask at each
 * re-check. A reader that only polls asks with this call.
 */
BABUS_API int babus_domain_check(babus_domain *domain);

struct babus_report {
	uint32_t slots;           /* looked at */
	uint32_t dead_publishers; /* whose entries were released */
	uint32_t dead_readers;
	uint32_t buffers;   /* taken back from the dead */
	uint32_t leftovers; /* files of an interrupted create or remove */
	uint32_t damaged;   /* slots that could not be opened: see detail */
	uint32_t foreign;   /* files called like leftovers that are none, or not ours: see detail */
	uint32_t reserved0;
	uint64_t reserved[3];
};

/*
 * Find what dead clients left behind in every slot, and files of interrupted
 * creations and removals. With `repair` give it back, else only count it.
 * Never needed for correctness: whoever runs short does this by itself.
 */
BABUS_API int babus_domain_recover(babus_domain *domain, int repair, struct babus_report *report);

/*
 * Remove a domain with all its slots. Their users get -ENODEV.
 * -ENOENT, -EACCES, -EPERM; -ENOTEMPTY if it holds foreign files, which stay.
 */
BABUS_API int babus_domain_remove(const char *name, const struct babus_domain_options *opts);

/*
 * Remove the slot that has this name: its users get -ENODEV and its waiters wake.
 * Pinned messages stay readable until released. Needs write permission on the slot's
 * file and on the domain's directory. -ENOENT, -EACCES, -EPERM, -EROFS.
 */
BABUS_API int babus_domain_remove_slot(babus_domain *domain, const char *name);

/* ------------------------------------------------------------ slots */

struct babus_slot_options {
	uint32_t depth;          /* messages kept, 1 or more; default 8 */
	uint32_t loans;          /* loans at once, all publishers; default 64 */
	uint32_t pins;           /* readers and views at once; default 256 */
	int32_t channel;         /* 0..31, or -1: chosen in turn (default) */
	uint64_t max_size;       /* largest message, bytes; default 16 MiB */
	uint64_t first_seq;      /* sequence of the first message; default 1 */
	mode_t mode;             /* default 0600; read = subscribe, +write = publish */
	uid_t uid;               /* (uid_t)-1: the caller (default) */
	gid_t gid;               /* (gid_t)-1: the caller's, or the directory's if setgid */
	const char *type;        /* label such as "rgb24"; NULL or "": none */
	const char *description; /* such as "front camera 1920x1080" */
	uint64_t reserved[4];    /* zero */
};

/* Fill in the defaults. */
BABUS_API void babus_slot_options_init(struct babus_slot_options *opts);

/*
 * Open slot `name`. Without BABUS_PUBLISH read permission on its file is enough.
 * With BABUS_CREATE a missing slot is created with `opts`, NULL: the defaults;
 * racing creators end up on one slot. With BABUS_EXCLUSIVE an existing one is
 * -EEXIST.
 *
 * Of `opts`, an existing slot must have the same `type`, unless that is NULL or "";
 * else -EEXIST, with both types in the detail. All else is a hint for creation and
 * not compared: see what the slot has with babus_slot_info(). With BABUS_EXACT
 * depth, loans, pins and max_size must be the same too.
 *
 * A handle sees one instance of the slot: once that is removed the handle gives
 * -ENODEV, also if the name is created again. It holds no descriptor, but two
 * mappings, one more to publish, one to read, and one for a large slot's far
 * buffers, of which a process can have vm.max_map_count (65,530) in all.
 *
 * Errors: -EINVAL, -ENOENT, -EEXIST, -EACCES, -EPERM, -EROFS, -EPROTO, -ENODEV,
 * -ENOSPC (tmpfs has no room for the slot's tables), -EFBIG (RLIMIT_FSIZE), -ENOBUFS
 * (BABUS_PUBLISH: every loan of the slot is in use by live clients), resources.
 */
BABUS_API int babus_slot_open(babus_domain *domain, const char *name, unsigned flags,
			      const struct babus_slot_options *opts, babus_slot **slot);

/*
 * The same, but if there is no such slot sleep until it appears: for subscribers
 * that start before their publisher. -ETIMEDOUT: `deadline_ns` has passed, see
 * babus_waiter_wait(); -EINTR: a signal handler ran.
 */
BABUS_API int babus_slot_await(babus_domain *domain, const char *name, unsigned flags,
			       const struct babus_slot_options *opts, int64_t deadline_ns,
			       babus_slot **slot);

/*
 * Close. Every message, loan and reader of it must have been given back: messages
 * and loans point into memory that is unmapped here. NULL is fine.
 */
BABUS_API void babus_slot_close(babus_slot *slot);

/*
 * Remove the slot that this handle sees, and no other that may have its name by now:
 * that is -ENODEV. The handle stays open. See babus_domain_remove_slot().
 */
BABUS_API int babus_slot_remove(babus_slot *slot);

/*
 * Change permission bits, owner and group of the slot's files; (mode_t)-1,
 * (uid_t)-1 or (gid_t)-1 leave that as it is. -EPERM (only the owner may),
 * -EACCES, -ENODEV.
 *
 * Existing handles keep the access they have: one opened to publish goes on
 * publishing, one that has read before goes on reading and waiting. A handle
 * that has not read yet, and calls that ask the files (babus_slot_info(),
 * babus_slot_clients(), babus_slot_set_access()), need permission anew:
 * -EACCES. To take access away from somebody who has the slot open, remove it
 * and create it again.
 */
BABUS_API int babus_slot_set_access(babus_slot *slot, mode_t mode, uid_t uid, gid_t gid);

struct babus_slot_info {
	uint64_t instance; /* random id of this incarnation of the name */
	uint32_t depth, loans, pins, channel;
	uint64_t max_size; /* bytes */
	uint64_t first_seq;
	uint64_t seq;        /* of the newest message; first_seq - 1 if none */
	uint32_t kept;       /* messages that can be read now */
	uint32_t publishers; /* live or not yet recovered publisher handles */
	uint32_t readers;    /* pins in use: reader handles and held views */
	uint32_t pid;        /* publisher of the newest message */
	uint64_t size;       /* bytes of the newest message */
	uint64_t time_ns;    /* its publish time, CLOCK_BOOTTIME; 0 if none */
	uint64_t publisher;  /* its publisher's incarnation; 0 if none */
	uint64_t origin;     /* its origin */
	uint64_t lost;       /* messages missed by readers so far, all readers */
	uint64_t created_ns; /* CLOCK_REALTIME */
	uint64_t bytes_used; /* of tmpfs now: tables and touched payload */
	uint64_t bytes_max;  /* of tmpfs at most, known since creation */
	mode_t mode;         /* permission bits of the slot's file */
	uid_t uid;
	gid_t gid;
	char type[BABUS_TYPE_MAX + 1];
	char description[BABUS_DESCRIPTION_MAX + 1];
	uint64_t reserved[4];
};

/* A snapshot of the slot's facts and counters. -ENODEV, -EPROTO, -EIO. */
BABUS_API int babus_slot_info(babus_slot *slot, struct babus_slot_info *info);

/* Its name and domain. Valid while it is open. */
BABUS_API const char *babus_slot_name(const babus_slot *slot);
BABUS_API babus_domain *babus_slot_domain(const babus_slot *slot);

struct babus_client_info {
	int publisher;        /* 1: publishes, 0: reads */
	int alive;            /* 0: dead, what it held is free to be taken back */
	uint32_t pid;         /* as the client saw itself */
	uint32_t held;        /* loans or pins it has in use */
	uint64_t cursor;      /* readers: sequence last delivered */
	uint64_t received;    /* readers: messages delivered */
	uint64_t lost;        /* readers: messages missed */
	uint64_t incarnation; /* the number of this opening; a publisher's is in its messages */
	uint64_t reserved[4];
};

/*
 * Call fn(arg, info) for each client of the slot; a non-zero return stops and
 * is returned. Tests each client's liveness, so it costs system calls.
 */
BABUS_API int babus_slot_clients(babus_slot *slot,
				 int (*fn)(void *arg, const struct babus_client_info *info),
				 void *arg);

/*
 * Whether the publisher of a message is still there: 1 it is (a stopped process is),
 * 0 it closed its handle or died. `publisher` is message.publisher, of this slot.
 * Some system calls. -EINVAL (0, or no such number), -ENODEV, -EACCES, -EIO, -ECHILD.
 */
BABUS_API int babus_slot_publisher_alive(babus_slot *slot, uint64_t publisher);

/*
 * Populate `count` buffers for messages of `size` bytes, in tmpfs and in this
 * process's page tables, so that the next publishes take no page fault. Returns how
 * many buffers were populated: at most those that no other publisher has in use,
 * more than `count` for small messages, which rotate through several. Publishes
 * prefer populated buffers; ask for depth + 2, and one for each message that readers
 * hold, to have no fault at all. -ENOSPC, -EMSGSIZE, -EACCES, -ENOBUFS, -ENODEV,
 * -EIO, -ECHILD; what was populated before the failure stays.
 */
BABUS_API int babus_slot_reserve(babus_slot *slot, uint32_t count, size_t size);

/*
 * Give the payload memory that the messages kept and pinned do not need back to
 * tmpfs, for example after a burst of large messages. Never blocks, and disturbs
 * nobody; later messages pay for new memory. Slots with a max_size below a page
 * have nothing to give. `freed` may be NULL: bytes by which the slot's file
 * shrank, less what others took meanwhile.
 * -EACCES (opened without BABUS_PUBLISH), -ENOBUFS, -ENODEV, -EIO, -ECHILD,
 * resources: it opens the file.
 */
BABUS_API int babus_slot_trim(babus_slot *slot, uint64_t *freed);

/* ------------------------------------------------------------ publishing */

/* What a publisher may attach to a message; zero means not set. */
struct babus_stamp {
	uint64_t source_time_ns; /* when the data was captured, by the application's clock */
	uint64_t tag;            /* free for the application */
	uint64_t origin;         /* 0: this machine; else that on whose behalf, for bridges */
	uint32_t pid;            /* publish on behalf of this process; 0: the caller */
	uint32_t reserved0;      /* zero */
	uint64_t reserved[2];    /* zero */
};

/*
 * Publish a copy of `size` bytes. `stamp` and `seq` (the message's sequence
 * number) may be NULL. Never blocks, whatever readers do. One system call if
 * a process waits for the slot's channel, else none; once a second two more, which
 * look whether the domain and the slot are still there.
 *
 * Errors: -EMSGSIZE (larger than the slot's max_size), -ENOSPC (tmpfs full),
 * -ENOBUFS (all loans in use by live clients), -EACCES (opened without
 * BABUS_PUBLISH), -EOVERFLOW (past BABUS_SEQ_MAX), -EINVAL (a reserved field of
 * `stamp`), -ENODEV, -EPROTO, -EIO, -ECHILD, -ENOMEM (addresses, for a far buffer).
 * On any of them nothing was published.
 */
BABUS_API int babus_slot_publish(babus_slot *slot, const void *data, size_t size,
				 const struct babus_stamp *stamp, uint64_t *seq);

/* The same, gathered from `count` pieces. */
BABUS_API int babus_slot_publishv(babus_slot *slot, const struct iovec *iov, int count,
				  const struct babus_stamp *stamp, uint64_t *seq);

/* A buffer of the slot lent to the caller, to be filled in place. */
struct babus_loan {
	void *data;      /* `capacity` bytes, 64-byte aligned, contents undefined */
	size_t capacity; /* bytes that may be written */
	size_t size;     /* bytes that commit publishes; set it to what was filled */
	struct babus_stamp stamp;
	/* private */
	babus_slot *slot;
	uint32_t buffer;
	uint32_t token;
	uint64_t reserved[2];
};

/*
 * Borrow a buffer for a message of up to `size` bytes. Give it back with
 * commit or discard. Errors as babus_slot_publish().
 */
BABUS_API int babus_slot_loan(babus_slot *slot, size_t size, struct babus_loan *loan);

/*
 * Publish the first loan->size bytes. On success the loan is over. On failure
 * (-EINVAL: size above capacity; -EOVERFLOW, -ENODEV, -EPROTO, -EIO) it is
 * still held and can be discarded.
 */
BABUS_API int babus_loan_commit(struct babus_loan *loan, uint64_t *seq);

/* Give the buffer back unpublished. A loan that is over is ignored. */
BABUS_API void babus_loan_discard(struct babus_loan *loan);

/* ------------------------------------------------------------ reading */

/* A message, pinned in place until released (or copied to the caller's memory). */
struct babus_message {
	const void *data;
	size_t size; /* bytes */
	uint64_t seq;
	uint64_t lost;           /* messages missed between the asked one and this one */
	uint64_t skipped;        /* messages that babus_reader_latest() passed over */
	uint64_t time_ns;        /* published, CLOCK_BOOTTIME: see babus_wall_time() */
	uint64_t source_time_ns; /* as the publisher set it, or 0 */
	uint64_t tag;            /* as the publisher set it, or 0 */
	uint64_t origin;         /* as the publisher set it; 0: this machine */
	uint64_t publisher;      /* its incarnation: see babus_slot_publisher_alive() */
	uint32_t pid;            /* publisher, in its own pid namespace */
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
 * Pin a message and describe it; it can be read in place, however long, until
 * babus_message_release(). Never blocks, takes no lock, makes no system call.
 *
 * Errors: -ENODATA (no message published yet), -ESTALE (BABUS_AGE, BABUS_SEQ:
 * no longer kept), -EAGAIN (BABUS_SEQ, BABUS_AFTER: not published yet), -EBUSY (the
 * slot moved on too fast, each of 65,536 tries; at depth 1), -ENOBUFS (all pins in
 * use by live clients), -EACCES (an observer; or the handle's first read, and access
 * was taken away since it was opened), -EINVAL (`which`), -ENODEV, -EPROTO, -EIO,
 * -ECHILD, -ENOMEM (addresses, for a far buffer).
 *
 * A pin is a promise among the slot's subscribers. A hostile one can break it,
 * and publishers then overwrite what is being read in place; a copy is always
 * whole. See "What a hostile member can do" in core/DESIGN.md.
 */
BABUS_API int babus_slot_view(babus_slot *slot, enum babus_which which, uint64_t n,
			      struct babus_message *message);

/*
 * The same, copied into `buffer` of `capacity` bytes; nothing to release. The copy
 * is checked against what only publishers can write, so it is whole whatever other
 * subscribers do; -EBUSY if they did not let it become so, each of 64 tries.
 *
 * -EMSGSIZE: the message is larger than `capacity`. Then `message` describes it, with
 * its size and without data; `buffer` is untouched.
 */
BABUS_API int babus_slot_copy(babus_slot *slot, enum babus_which which, uint64_t n, void *buffer,
			      size_t capacity, struct babus_message *message);

/* Unpin. A message that was copied or released already is ignored. */
BABUS_API void babus_message_release(struct babus_message *message);

/* ------------------------------------------------------------ readers */

/* Where a reader starts. */
enum babus_start {
	BABUS_START_NEXT,   /* with the next message published (n ignored) */
	BABUS_START_OLDEST, /* with the oldest message kept (n ignored) */
	BABUS_START_SEQ,    /* with sequence number n, or the oldest after it */
};

/*
 * A reader: a cursor over the slot, whose position and losses are visible in
 * babus_slot_clients(). Takes one pin of the slot while it is open. The slot's
 * handle must stay open as long, and what was read through it must have been
 * released before it is closed: the reader's pin goes with it, so the message
 * could be overwritten, and releasing it later would unpin what somebody else
 * reads by then. Errors: -ENOBUFS, -ENODEV, -EINVAL.
 */
BABUS_API int babus_reader_open(babus_slot *slot, enum babus_start start, uint64_t n,
				babus_reader **reader);
BABUS_API void babus_reader_close(babus_reader *reader);

/*
 * Move the cursor; what it passes over counts neither as received nor lost. Wakes
 * waiters, and makes their descriptors readable, if it now has a message after it.
 */
BABUS_API int babus_reader_seek(babus_reader *reader, enum babus_start start, uint64_t n);

/*
 * The message after the cursor, pinned; the cursor moves onto it. If the
 * publisher has lapped the reader this is the oldest message kept, and
 * message->lost says exactly how many were missed. -EAGAIN: none yet. Other
 * errors as babus_slot_view().
 */
BABUS_API int babus_reader_next(babus_reader *reader, struct babus_message *message);

/* The same, copied; see babus_slot_copy(). On -EMSGSIZE the cursor stays. */
BABUS_API int babus_reader_next_copy(babus_reader *reader, void *buffer, size_t capacity,
				     struct babus_message *message);

/*
 * The newest message, if it is after the cursor, which moves onto it; -EAGAIN
 * if not. What lies between was passed over on purpose: message->skipped counts it,
 * and message->lost is 0. Not for observers (-EACCES).
 */
BABUS_API int babus_reader_latest(babus_reader *reader, struct babus_message *message);

/*
 * Sleep until there is a message after the cursor. Deadlines and signals are as
 * for babus_waiter_wait(); never spins. 0, -ETIMEDOUT, -EINTR (a signal handler
 * ran), -ENODEV, -EPROTO, -EIO, -ECHILD, -ENOMEM (its first wait).
 */
BABUS_API int babus_reader_wait(babus_reader *reader, int64_t deadline_ns);

struct babus_reader_stats {
	uint64_t cursor;   /* sequence last delivered */
	uint64_t received; /* messages delivered */
	uint64_t lost;     /* messages missed */
	uint64_t skipped;  /* passed over by babus_reader_latest() */
	uint64_t reserved[4];
};

/* -ECHILD is its only error. */
BABUS_API int babus_reader_stats(const babus_reader *reader, struct babus_reader_stats *stats);
BABUS_API babus_slot *babus_reader_slot(const babus_reader *reader);

/* ------------------------------------------------------------ waiting */

struct babus_waiter_options {
	uint64_t spin_ns;     /* look for news this long before sleeping; at fewer
				 and fewer waits, down to one in 64, while that
				 is in vain. Should be longer than it takes to
				 wake a process, 50 us or so. 0 (default), or
				 on a machine with one processor: never */
	uint64_t recheck_ns;  /* look again this often although nobody called, in
				 case a publisher died before it did; default 1 s */
	uint64_t reserved[4]; /* zero */
};

/* A set of readers to wait for. `opts` may be NULL for the defaults. */
BABUS_API int babus_waiter_open(babus_domain *domain, const struct babus_waiter_options *opts,
				babus_waiter **waiter);
BABUS_API void babus_waiter_close(babus_waiter *waiter);

/*
 * Add a reader of the waiter's domain, with a pointer to hand back. The
 * waiter only looks at the cursor. -EINVAL (another domain), -EEXIST.
 */
BABUS_API int babus_waiter_add(babus_waiter *waiter, babus_reader *reader, void *user);
/*
 * Remove it; call before closing the reader. A babus_waiter_wait() that another
 * thread is in may still return it. -ENOENT.
 */
BABUS_API int babus_waiter_remove(babus_waiter *waiter, babus_reader *reader);

/*
 * Also report which slots appear and disappear from now on, and that access to one
 * changed. Watch first, then list, and nothing is missed. -EEXIST (watching already),
 * -ENOMEM, -ENODEV, -EIO, -ECHILD.
 */
BABUS_API int babus_waiter_watch_domain(babus_waiter *waiter, void *user);
/* Stop that; what was not reported yet never is. -ENOENT (not watching), -ECHILD. */
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
 * Sleep until one of the readers has a message after its cursor, its slot is gone, or
 * the domain changed. Writes up to `max` (1 or more) events, each of another reader
 * or slot, the readers in turn, and returns how many. A reader is reported again until
 * its cursor catches up, one whose slot is gone until it is removed.
 *
 * What a wait costs depends on the readers that share a channel with news, not on all.
 * A waiter of more than 256 readers that only polls, with BABUS_NOW and without a
 * descriptor, costs publishers of its slots what a sleeping one does.
 *
 * `deadline_ns` is a moment, not a span, see babus_deadline(): it does not move with
 * what wakes the waiter meanwhile, and no wait gives -ETIMEDOUT before it. A past
 * deadline polls once, as BABUS_NOW does, which never blocks.
 *
 * A signal handler that runs while this sleeps ends it with -EINTR, with SA_RESTART
 * or without; nothing is lost: what comes at the same moment is reported instead, or
 * by the next call. A handler does not end the wait if it runs before the sleep, or at
 * the very moment at which a re-check or another slot's news ends the sleep; where that
 * matters use the descriptor, with ppoll() or a signalfd. Nor does a signal without a
 * handler: the wait of a stopped and continued process goes on.
 *
 * Errors: -ETIMEDOUT, -EINTR, -ECANCELED (babus_waiter_wake()), -ENODEV (the domain
 * vanished), -EIO (it was truncated), -EINVAL (max), -ENOMEM, -EMFILE, -ENFILE (a
 * watched domain changed and cannot be listed), -EROFS (an observer that cannot sleep),
 * -ECHILD.
 */
BABUS_API int babus_waiter_wait(babus_waiter *waiter, int64_t deadline_ns,
				struct babus_event *events, int max);

/* Make the waiter's current or next wait return -ECANCELED. Any thread. */
BABUS_API int babus_waiter_wake(babus_waiter *waiter);

/*
 * A descriptor for poll, select, epoll or io_uring that is readable whenever
 * babus_waiter_wait(waiter, BABUS_NOW, ...) would return something else than
 * -ETIMEDOUT. Owned by the waiter, never read or close it; call
 * babus_waiter_wait() with BABUS_NOW until -ETIMEDOUT after each readiness, which
 * is what makes it unreadable. Then edge-triggered and one-shot polling work too.
 *
 * All waiters of a domain handle that have a descriptor share one thread of the
 * library: the first starts it, closing the last ends it. It blocks all signals.
 *
 * -EMFILE, -ENFILE, -ENOMEM (also: no thread), -EROFS, -ENODEV, -EIO, -ECHILD.
 */
BABUS_API int babus_waiter_fd(babus_waiter *waiter, int *fd);

#ifdef __cplusplus
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
}
#endif

#endif

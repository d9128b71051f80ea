/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os.h: the seam: all access of firn to the outside world goes through one `struct fi_os`.
 *
 * Implementations: posix (os_default.h: Linux), ram (os_ram.h: files in the memory of this
 * process), within (os_within.h: files inside of one file). Two more serve tests: memory
 * (tests/sim/sim_memory.h: a file system that records what was synced, and a deterministic
 * scheduler) and fault (tests/sim/sim_fault.h: wraps another one and makes calls fail).
 *
 * Names. (I1) A name given together with a directory is ONE component: not empty, no '/', no NUL,
 * not "." or "..". The wrappers refuse anything else with FIRN_INVALID, so a hostile name cannot
 * leave its directory. Only fi_os_dir_open_path accepts a user's path. No operation on a name
 * follows a symbolic link.
 *
 * Errors carry the path of the object. Handles: a directory handle may be used by several threads
 * at once; so may reads and writes of one file at given offsets. Closing never fails (what must be
 * durable was synced before).
 */
#ifndef FIRN_OS_OS_H
#define FIRN_OS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "firn/types.h"

struct fi_os;
struct fi_os_dir;
struct fi_os_file;

enum fi_os_kind {
    FI_OS_FILE = 1,
    FI_OS_DIR = 2,
    FI_OS_SYMLINK = 3,
    FI_OS_FIFO = 4,
    FI_OS_SOCKET = 5,
    FI_OS_CHAR_DEVICE = 6,
    FI_OS_BLOCK_DEVICE = 7,
    FI_OS_UNKNOWN = 0
};

struct fi_os_stat {
    enum fi_os_kind kind;
    uint32_t mode; /* the 12 permission bits */
    uint32_t uid;
    uint32_t gid;
    uint64_t nlink;
    uint64_t size_bytes;
    uint64_t allocated_bytes;
    uint64_t device;
    uint64_t inode;
    int64_t mtime_ns; /* since the epoch */
    int64_t ctime_ns;
    int64_t btime_ns; /* 0 if the file system does not record it */
    /* False if the system does not report it. */
    bool is_fixed;      /* immutable or append-only: it cannot be replaced or removed as it is */
    bool is_mount_root; /* something is mounted at it */
};

/* ---- directories ---- */

/* Opens the directory at a user's path, relative to the working directory. Follows links. */
FIRN_MUST_CHECK int fi_os_dir_open_path(struct fi_os *os, const char *path, struct fi_os_dir **out,
                                        firn_error *err);
/* Opens the directory at a path that fi_os_dir_real_path gave, which has no links: FIRN_NOT_FOUND
 * if one of its components is a link by now. A relative path, such as a store in memory has, is
 * opened as a user's path. */
FIRN_MUST_CHECK int fi_os_dir_open_real(struct fi_os *os, const char *path, struct fi_os_dir **out,
                                        firn_error *err);
/* Opens a directory inside another. FIRN_NOT_FOUND if it is missing or not a directory; links are
 * not followed. */
FIRN_MUST_CHECK int fi_os_dir_open(struct fi_os_dir *parent, const char *name,
                                   struct fi_os_dir **out, firn_error *err);
/* Opens a directory some levels below another: components separated by '/', each as in (I1),
 * without following links. "" opens the directory itself again. One system call if openat2
 * works. */
FIRN_MUST_CHECK int fi_os_dir_open_beneath(struct fi_os_dir *root, const char *relative_path,
                                           struct fi_os_dir **out, firn_error *err);
/* NULL is allowed. */
void fi_os_dir_close(struct fi_os_dir *dir);
struct fi_os *fi_os_dir_os(const struct fi_os_dir *dir);
/* The path by which it was opened, for messages; borrowed from the handle. Built on the first call;
 * if memory runs out, it is only the last part. */
const char *fi_os_dir_path(struct fi_os_dir *dir);

struct fi_os_dirent {
    const char *name; /* NUL-terminated; without "." and ".."; borrowed until the visit returns */
    size_t name_size;
    enum fi_os_kind kind; /* FI_OS_UNKNOWN if the file system does not report it */
    uint64_t inode;
};
/* Calls visit for each entry, in no particular order. A result other than FIRN_OK ends the walk and
 * is returned; except for FIRN_NO_MEMORY, visit must then fill *err. */
FIRN_MUST_CHECK int fi_os_dir_list(struct fi_os_dir *dir,
                                   int (*visit)(void *ctx, const struct fi_os_dirent *entry),
                                   void *ctx, firn_error *err);
/* Asks the server for the directory's attributes if it is on a network file system: so the next
 * list has what was there when this began. A hint elsewhere; never fails. */
void fi_os_dir_refresh(struct fi_os_dir *dir);
/* To be called before a file that is needed is taken for missing, as a listing lacks its name:
 * FIRN_UNTRUSTED, which names the entry, if there is one with a name that `is_needed` wants, but
 * that the guard of the directory (os_guard.h) does not let count. */
FIRN_MUST_CHECK int fi_os_dir_refuse_foreign(struct fi_os_dir *dir,
                                             bool (*is_needed)(const void *ctx, const char *name),
                                             const void *ctx, firn_error *err);
/* The same for one name. */
FIRN_MUST_CHECK int fi_os_dir_refuse_foreign_name(struct fi_os_dir *dir, const char *name,
                                                  firn_error *err);
/* Makes the names in this directory and its own attributes durable; not the files that have the
 * names. */
FIRN_MUST_CHECK int fi_os_dir_sync(struct fi_os_dir *dir, firn_error *err);
/* Makes everything on the file system of this directory durable (syncfs). */
FIRN_MUST_CHECK int fi_os_dir_sync_filesystem(struct fi_os_dir *dir, firn_error *err);
/* The absolute path without links ("realpath"), appended to out without a NUL. */
FIRN_MUST_CHECK int fi_os_dir_real_path(struct fi_os_dir *dir, struct fi_buf *out, firn_error *err);
/* Bytes free for this user on the file system of the directory. */
FIRN_MUST_CHECK int fi_os_dir_free_bytes(struct fi_os_dir *dir, uint64_t *out, firn_error *err);
/* Whether a file in it has the same inode and time of birth for as long as it exists: not on a file
 * system that copies a file to another place when it is first written to (overlayfs). */
bool fi_os_dir_keeps_identity(struct fi_os_dir *dir);
/* Whether this process may create, rename and remove names in a directory, according to its
 * mode, mount and attributes: FIRN_DENIED or FIRN_READ_ONLY if not. The result may be outdated
 * at once. */
FIRN_MUST_CHECK int fi_os_dir_check_names(struct fi_os_dir *dir, firn_error *err);

/* ---- names in a directory ---- */

FIRN_MUST_CHECK int fi_os_make_dir(struct fi_os_dir *dir, const char *name, uint32_t mode,
                                   firn_error *err);
/* Like fi_os_make_dir; a directory made by the superuser gets the owner and the group of another
 * directory, as with FI_OS_FOR_OWNER. */
FIRN_MUST_CHECK int fi_os_make_dir_for_owner(struct fi_os_dir *dir, const char *name,
                                             struct fi_os_dir *of, uint32_t mode, firn_error *err);
FIRN_MUST_CHECK int fi_os_remove_file(struct fi_os_dir *dir, const char *name, firn_error *err);
FIRN_MUST_CHECK int fi_os_remove_dir(struct fi_os_dir *dir, const char *name, firn_error *err);

enum fi_os_rename_mode {
    FI_OS_RENAME_REPLACE,
    FI_OS_RENAME_NO_REPLACE, /* FIRN_EXISTS if the new name is taken; FIRN_UNSUPPORTED for a
                                  directory, if the file system cannot do it */
    FI_OS_RENAME_EXCHANGE    /* both must exist; FIRN_UNSUPPORTED if not possible */
};
FIRN_MUST_CHECK int fi_os_rename(struct fi_os_dir *from_dir, const char *from,
                                 struct fi_os_dir *to_dir, const char *to,
                                 enum fi_os_rename_mode mode, firn_error *err);
FIRN_MUST_CHECK int fi_os_link(struct fi_os_dir *from_dir, const char *from,
                               struct fi_os_dir *to_dir, const char *to, firn_error *err);
FIRN_MUST_CHECK int fi_os_make_symlink(struct fi_os_dir *dir, const char *name, const char *target,
                                       firn_error *err);
/* Appends the target, without a NUL. */
FIRN_MUST_CHECK int fi_os_read_symlink(struct fi_os_dir *dir, const char *name, struct fi_buf *out,
                                       firn_error *err);
/* Creates a fifo (used only by tests). */
FIRN_MUST_CHECK int fi_os_make_fifo(struct fi_os_dir *dir, const char *name, uint32_t mode,
                                    firn_error *err);
FIRN_MUST_CHECK int fi_os_stat(struct fi_os_dir *dir, const char *name, struct fi_os_stat *out,
                               firn_error *err);
FIRN_MUST_CHECK int fi_os_dir_stat(struct fi_os_dir *dir, struct fi_os_stat *out, firn_error *err);

/* ---- files ---- */

enum fi_os_open_flags {
    FI_OS_READ = 1,
    FI_OS_WRITE = 2,
    FI_OS_CREATE = 4,    /* create if missing */
    FI_OS_EXCLUSIVE = 8, /* with CREATE: FIRN_EXISTS if it exists */
    FI_OS_TRUNCATE = 16,
    FI_OS_NO_ATIME = 32, /* do not touch the access time, where permitted */
    /* With CREATE: a file that the superuser makes gets the owner and the group of its directory,
     * if that is another user's and the system permits it. So the owner of a store can still use it
     * after root did. An existing file keeps its own. */
    FI_OS_FOR_OWNER = 64,
    /* With CREATE, in a directory with a seal (os_seal.h); without effect elsewhere. */
    FI_OS_SEALED = 128, /* the caller encrypts what it writes */
    FI_OS_CLEAR = 256   /* what it writes tells nothing of what is stored */
};
/* Only regular files: FIRN_INVALID for others, without blocking on a fifo. mode as for open(2),
 * under the umask. FIRN_UNTRUSTED for a file that is there and that the guard of the directory
 * (os_guard.h) does not let count; with CREATE it is moved aside instead. To the other functions
 * for names it is as if it were not there. FIRN_INTERNAL: the directory has a seal, and flags with
 * CREATE have neither SEALED nor CLEAR. */
FIRN_MUST_CHECK int fi_os_file_open(struct fi_os_dir *dir, const char *name, unsigned flags,
                                    uint32_t mode, struct fi_os_file **out, firn_error *err);
/* Like fi_os_file_open, with the result of fi_os_file_stat at that moment: saves one call,
 * since opening needs it anyway. */
FIRN_MUST_CHECK int fi_os_file_open_stat(struct fi_os_dir *dir, const char *name, unsigned flags,
                                         uint32_t mode, struct fi_os_file **out,
                                         struct fi_os_stat *out_stat, firn_error *err);
/* NULL is allowed. */
void fi_os_file_close(struct fi_os_file *file);
/* As fi_os_dir_path. */
const char *fi_os_file_path(struct fi_os_file *file);
struct fi_os *fi_os_file_os(const struct fi_os_file *file);

/* Reads size bytes, or fewer at the end of the file; *out_size is the number. */
FIRN_MUST_CHECK int fi_os_file_read(struct fi_os_file *file, uint64_t offset, void *data,
                                    size_t size, size_t *out_size, firn_error *err);
/* Reads exactly size bytes; FIRN_CORRUPT, naming file and offset, if the file ends earlier. */
FIRN_MUST_CHECK int fi_os_file_read_exact(struct fi_os_file *file, uint64_t offset, void *data,
                                          size_t size, firn_error *err);
/* Writes everything or fails; a failed write may have written a part. */
FIRN_MUST_CHECK int fi_os_file_write(struct fi_os_file *file, uint64_t offset, const void *data,
                                     size_t size, firn_error *err);
FIRN_MUST_CHECK int fi_os_file_stat(struct fi_os_file *file, struct fi_os_stat *out,
                                    firn_error *err);
FIRN_MUST_CHECK int fi_os_file_truncate(struct fi_os_file *file, uint64_t size, firn_error *err);
/* Reserves disk space for [0, size) without changing what is read; FIRN_UNSUPPORTED if not
 * possible. */
FIRN_MUST_CHECK int fi_os_file_allocate(struct fi_os_file *file, uint64_t size, firn_error *err);
/* Makes contents and size durable (not the name, which is its directory's). After a failure, assume
 * nothing of what was written since the last success: never retry, but reopen the file. */
FIRN_MUST_CHECK int fi_os_file_sync(struct fi_os_file *file, firn_error *err);
/* The same for several files of one file system, cheaper than one by one: it may sync the whole
 * file system. After a failure the same applies to each file. */
FIRN_MUST_CHECK int fi_os_file_sync_several(struct fi_os_file *const *files, size_t count,
                                            firn_error *err);
/* The same for the attributes too: mode, owner, times, extended attributes. For files whose
 * attributes matter. */
FIRN_MUST_CHECK int fi_os_file_sync_all(struct fi_os_file *file, firn_error *err);
/* Asks the kernel to begin writing a range back, so that a later sync is short. A hint: never
 * fails. */
void fi_os_file_start_writeback(struct fi_os_file *file, uint64_t offset, uint64_t size);
/* The first run of data at or after offset: [*out_start, *out_end). Both are the file's size if
 * only a hole follows. A file system without holes reports one run. */
FIRN_MUST_CHECK int fi_os_file_next_data(struct fi_os_file *file, uint64_t offset,
                                         uint64_t *out_start, uint64_t *out_end, firn_error *err);

enum fi_os_lock_kind { FI_OS_LOCK_SHARED, FI_OS_LOCK_EXCLUSIVE };
/* Advisory lock of the whole file, held by the handle and gone with it (or with the process).
 * Does not wait: FIRN_BUSY if another handle, in this process or another, holds it. */
FIRN_MUST_CHECK int fi_os_file_lock(struct fi_os_file *file, enum fi_os_lock_kind kind,
                                    firn_error *err);
void fi_os_file_unlock(struct fi_os_file *file);

/* Advisory locks on the bytes [offset, offset + size), which need not exist; size > 0, the end at
 * most INT64_MAX. Held by the handle and released with it, as above; for a shared lock the file
 * need only be open for reading. A handle's ranges are equal or disjoint: locking an equal one
 * again changes its kind. A file is locked as a whole or by ranges, never both. Does not wait:
 * FIRN_BUSY. */
FIRN_MUST_CHECK int fi_os_file_lock_range(struct fi_os_file *file, enum fi_os_lock_kind kind,
                                          uint64_t offset, uint64_t size, firn_error *err);
/* Unlocks a range that this handle locked. */
void fi_os_file_unlock_range(struct fi_os_file *file, uint64_t offset, uint64_t size);
/* Whether another handle, in this process or another, holds a lock of any of these bytes. */
FIRN_MUST_CHECK int fi_os_file_is_range_held(struct fi_os_file *file, uint64_t offset,
                                             uint64_t size, bool *out, firn_error *err);
/* The process that holds such a lock, for messages; 0: none, or unknown, as for locks of our own
 * handles. */
uint64_t fi_os_file_range_holder(struct fi_os_file *file, uint64_t offset, uint64_t size);

/* ---- metadata of any object ---- */

/* The object to work on: `file` if not NULL; else `name` in `dir`; else `dir` itself. Links are
 * never followed. */
struct fi_os_node {
    struct fi_os_dir *dir;
    const char *name;
    struct fi_os_file *file;
};
FIRN_MUST_CHECK int fi_os_set_mode(struct fi_os_node node, uint32_t mode, firn_error *err);
/* An id of UINT32_MAX is not changed. A regular file may lose its setuid and setgid bits: set the
 * mode afterwards. */
FIRN_MUST_CHECK int fi_os_set_owner(struct fi_os_node node, uint32_t uid, uint32_t gid,
                                    firn_error *err);
/* Sets the modification time, not the access time. */
FIRN_MUST_CHECK int fi_os_set_mtime(struct fi_os_node node, int64_t mtime_ns, firn_error *err);
/* Appends the names, each with its NUL, in no particular order. Nothing if extended attributes are
 * not supported. */
FIRN_MUST_CHECK int fi_os_xattr_list(struct fi_os_node node, struct fi_buf *out, firn_error *err);
/* Appends the value. FIRN_NOT_FOUND if there is no such attribute. */
FIRN_MUST_CHECK int fi_os_xattr_get(struct fi_os_node node, const char *attribute,
                                    struct fi_buf *out, firn_error *err);
FIRN_MUST_CHECK int fi_os_xattr_set(struct fi_os_node node, const char *attribute, firn_slice value,
                                    firn_error *err);
FIRN_MUST_CHECK int fi_os_xattr_remove(struct fi_os_node node, const char *attribute,
                                       firn_error *err);

/* ---- clocks, randomness, machine ---- */

int64_t fi_os_now_ns(struct fi_os *os); /* since the epoch */
/* How many seconds the local time of this process (TZ) is ahead of UTC then; 0 if unknown. */
int64_t fi_os_zone(int64_t since_epoch_s);
int64_t fi_os_monotonic_ns(struct fi_os *os); /* from an arbitrary start */
/* The same, but it goes on while the machine is suspended. */
int64_t fi_os_boottime_ns(struct fi_os *os);
void fi_os_sleep_ns(struct fi_os *os, int64_t duration_ns);
/* Yields to other threads; false in simulation, where there are none. */
bool fi_os_yield(struct fi_os *os);
FIRN_MUST_CHECK int fi_os_random(struct fi_os *os, void *out, size_t size, firn_error *err);
unsigned fi_os_cpu_count(struct fi_os *os); /* usable by this process, at least 1 */
uint64_t fi_os_process_id(struct fi_os *os);
uint64_t fi_os_boot_id(struct fi_os *os); /* another after each start of the machine; 0: unknown */
uint32_t fi_os_user_id(struct fi_os *os); /* effective; 0 may set owners */

/* A variable of the environment, or NULL. The posix implementation has those of the process, the
 * memory implementation only XDG_DATA_HOME=/data. Borrowed until the environment is changed. */
const char *fi_os_environment(struct fi_os *os, const char *name);

#endif

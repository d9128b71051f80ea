/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_ops.h: what an implementation of the seam provides. Only for rooms of foundation and
 * tests/sim.
 *
 * One entry for each primitive. Every entry of type int returns 0 or a positive errno. The wrappers
 * (os.c, os_dir.c, os_file.c) check names and arguments before the call, loop over short results,
 * and afterwards form the errors with their paths. So an implementation never sees a firn_error,
 * and all implementations report errors alike.
 *
 * The wrappers also own the memory of handles. An implementation embeds the base struct as the
 * first member of its own, and states the size of its own (dir_size, file_size); the part after the
 * base is zeroed when the implementation gets it. A directory's struct outlives its closing for as
 * long as handles opened from it are open, because they find their paths through it.
 *
 * An implementation may leave entries NULL. Entries that would change something then fail with its
 * `refusal`; there are no symbolic links and no extended attributes, and hints are ignored. For
 * other entries the comments say what NULL means.
 */
#ifndef FIRN_OS_OS_OPS_H
#define FIRN_OS_OS_OPS_H

#include <stdatomic.h>

#include "os/os.h"
#include "os/os_guard.h"
#include "os/os_process.h"

struct fi_os_scheduler;

struct fi_os {
    const struct fi_os_ops *ops;
    size_t dir_size;  /* of the implementation's struct around fi_os_dir, a multiple of 16 */
    size_t file_size; /* likewise around fi_os_file */
    struct fi_os_scheduler *scheduler; /* NULL: real threads */
    struct fi_os *machine;             /* clock, randomness and ids are this one's; NULL: its own */
};

struct fi_os_dir {
    struct fi_os *os;
    struct fi_os_dir *parent;  /* counted; NULL if opened by a user's path */
    const char *name;          /* relative to the parent; in the same allocation, after dir_size */
    struct fi_os_guard *guard; /* that applies to it, or NULL (os_guard.h) */
    bool owns_guard;           /* it was attached to this handle */
    bool owns_seal;
    struct fi_os_seal *seal; /* that applies to it, or NULL (os_seal.h) */
    _Atomic(char *) path;    /* built when first asked for; see os_dir.c */
    atomic_uint refs;        /* the open handle, and each handle opened from it */
};

struct fi_os_file {
    struct fi_os_process_mark mark; /* the child of a fork may only read and close it */
    struct fi_os *os;
    struct fi_os_dir *dir; /* counted */
    const char *name;
    _Atomic(char *) path;
};

struct fi_os_ops {
    int refusal; /* EROFS or EOPNOTSUPP: the error of operations that are NULL */
    /* The handle to fill comes last. */
    int (*dir_open_path)(struct fi_os *os, const char *path, struct fi_os_dir *dir);
    /* An absolute path, without following links; NULL where there are none. */
    int (*dir_open_real)(struct fi_os *os, const char *path, struct fi_os_dir *dir);
    int (*dir_open)(struct fi_os_dir *parent, const char *name, struct fi_os_dir *dir);
    int (*dir_open_beneath)(struct fi_os_dir *root, const char *relative_path,
                            struct fi_os_dir *dir);
    /* Releases what the handle holds, never its memory. */
    void (*dir_close)(struct fi_os_dir *dir);
    /* A visitor that does not return FIRN_OK ends the walk: the result is 0, and *out_visited is
     * what the visitor returned. */
    int (*dir_list)(struct fi_os_dir *dir,
                    int (*visit)(void *ctx, const struct fi_os_dirent *entry), void *ctx,
                    int *out_visited);
    void (*dir_refresh)(struct fi_os_dir *dir); /* NULL: nothing to do */
    int (*dir_sync)(struct fi_os_dir *dir);
    int (*dir_sync_filesystem)(struct fi_os_dir *dir);
    int (*dir_real_path)(struct fi_os_dir *dir, struct fi_buf *out);
    int (*dir_free_bytes)(struct fi_os_dir *dir, uint64_t *out);
    int (*dir_check_names)(struct fi_os_dir *dir);     /* NULL: always allowed */
    bool (*dir_keeps_identity)(struct fi_os_dir *dir); /* NULL: always */

    int (*make_dir)(struct fi_os_dir *dir, const char *name, uint32_t mode);
    int (*remove_file)(struct fi_os_dir *dir, const char *name);
    int (*remove_dir)(struct fi_os_dir *dir, const char *name);
    int (*rename)(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                  const char *to, enum fi_os_rename_mode mode);
    int (*link)(struct fi_os_dir *from_dir, const char *from, struct fi_os_dir *to_dir,
                const char *to);
    int (*make_symlink)(struct fi_os_dir *dir, const char *name, const char *target);
    int (*read_symlink)(struct fi_os_dir *dir, const char *name, struct fi_buf *out);
    int (*make_fifo)(struct fi_os_dir *dir, const char *name, uint32_t mode);
    /* name NULL: the directory itself. */
    int (*stat)(struct fi_os_dir *dir, const char *name, struct fi_os_stat *out);

    /* EINVAL if it is not a regular file. out_stat may be NULL. */
    int (*file_open)(struct fi_os_dir *dir, const char *name, unsigned flags, uint32_t mode,
                     struct fi_os_file *file, struct fi_os_stat *out_stat);
    void (*file_close)(struct fi_os_file *file);
    /* One attempt, which may transfer less than requested, or fail with EINTR; *out_size 0 from a
     * read is the end. */
    int (*file_read)(struct fi_os_file *file, uint64_t offset, void *data, size_t size,
                     size_t *out_size);
    int (*file_write)(struct fi_os_file *file, uint64_t offset, const void *data, size_t size,
                      size_t *out_size);
    int (*file_stat)(struct fi_os_file *file, struct fi_os_stat *out);
    int (*file_truncate)(struct fi_os_file *file, uint64_t size);
    int (*file_allocate)(struct fi_os_file *file, uint64_t size);
    int (*file_sync)(struct fi_os_file *file);
    int (*file_sync_all)(struct fi_os_file *file);
    /* NULL: one by one. *out_failed is the one that failed. */
    int (*file_sync_several)(struct fi_os_file *const *files, size_t count, size_t *out_failed);
    void (*file_start_writeback)(struct fi_os_file *file, uint64_t offset, uint64_t size);
    int (*file_next_data)(struct fi_os_file *file, uint64_t offset, uint64_t *out_start,
                          uint64_t *out_end);
    /* Windows (os_window.h); NULL: there are none. EOPNOTSUPP if this file cannot have any. */
    int (*file_map)(struct fi_os_file *file, uint64_t offset, size_t size, uint8_t **out);
    void (*file_unmap)(struct fi_os_file *file, uint8_t *data, size_t size);
    /* Writes the bytes of a window to the range of the file; NULL if a store to the window does so
     * already. */
    int (*file_commit)(struct fi_os_file *file, uint64_t offset, const uint8_t *data, size_t size);
    /* EAGAIN if another handle holds it. Without these five no handle ever excludes another. */
    int (*file_lock)(struct fi_os_file *file, enum fi_os_lock_kind kind);
    void (*file_unlock)(struct fi_os_file *file);
    int (*file_lock_range)(struct fi_os_file *file, enum fi_os_lock_kind kind, uint64_t offset,
                           uint64_t size);
    void (*file_unlock_range)(struct fi_os_file *file, uint64_t offset, uint64_t size);
    int (*file_is_range_held)(struct fi_os_file *file, uint64_t offset, uint64_t size, bool *out);
    /* 0: there is none, or it is unknown. NULL: never known. */
    uint64_t (*file_range_holder)(struct fi_os_file *file, uint64_t offset, uint64_t size);
    /* Simulates the effect of a failed sync on a file: the pages that were not durable count as
     * clean and are lost. NULL: cannot be simulated. */
    void (*file_lose_unsynced)(struct fi_os_file *file);
    /* The same for all files of the file system. */
    void (*dir_lose_unsynced)(struct fi_os_dir *dir);

    int (*set_mode)(struct fi_os_node node, uint32_t mode);
    int (*set_owner)(struct fi_os_node node, uint32_t uid, uint32_t gid);
    int (*set_mtime)(struct fi_os_node node, int64_t mtime_ns);
    int (*xattr_list)(struct fi_os_node node, struct fi_buf *out);
    /* ENODATA if there is no such attribute. */
    int (*xattr_get)(struct fi_os_node node, const char *attribute, struct fi_buf *out);
    int (*xattr_set)(struct fi_os_node node, const char *attribute, firn_slice value);
    int (*xattr_remove)(struct fi_os_node node, const char *attribute);

    int64_t (*now_ns)(struct fi_os *os);
    /* The other entries of the machine are never called if `machine` is another one. */
    int64_t (*monotonic_ns)(struct fi_os *os);
    int64_t (*boottime_ns)(struct fi_os *os); /* NULL: as monotonic_ns */
    void (*sleep_ns)(struct fi_os *os, int64_t duration_ns);
    int (*random)(struct fi_os *os, void *out, size_t size);
    unsigned (*cpu_count)(struct fi_os *os);
    uint64_t (*process_id)(struct fi_os *os);
    uint64_t (*boot_id)(struct fi_os *os);
    uint32_t (*user_id)(struct fi_os *os);
    const char *(*environment)(struct fi_os *os, const char *name); /* NULL: it has none */
};

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_guard.h: a directory in which only known names count.
 *
 * A guard is attached to a handle of a directory, and applies to every handle that is opened from
 * it. The functions of os.h ask it: a name that it does not know is not listed, and is not found; a
 * name that is about to get an entry is admitted first, after whatever else has the name was moved
 * aside. So code that works in a directory is protected from the files of others without knowing
 * of it. Handles of files are as without a guard: reading and writing cost nothing.
 *
 * The guard itself is hosted/os_known.h; this is only the seam. A function of a guard may be called
 * by several threads at once.
 */
#ifndef FIRN_OS_OS_GUARD_H
#define FIRN_OS_OS_GUARD_H

#include "os/os.h"

struct fi_os_guard {
    const struct fi_os_guard_ops *ops;
};

/* An entry, and what it begins with. */
enum { FI_OS_GUARD_HEAD_SIZE = 128 };
struct fi_os_guard_entry {
    struct fi_os_stat stat;
    size_t head_size; /* 0: it was not read, or there is nothing */
    uint8_t head[FI_OS_GUARD_HEAD_SIZE];
};

struct fi_os_guard_ops {
    /* FIRN_OK if an entry of this name counts, FIRN_NOT_FOUND if it does not; name may be a
     * relative path. */
    int (*knows)(struct fi_os_guard *guard, struct fi_os_dir *dir, const char *name,
                 firn_error *err);
    /* What to do with an entry: FIRN_OK; FIRN_NOT_FOUND if it does not count; FIRN_UNTRUSTED if it
     * does not count and is needed, or something else has replaced or overwritten one that does. */
    int (*check)(struct fi_os_guard *guard, struct fi_os_dir *dir, const char *name,
                 const struct fi_os_guard_entry *entry, bool is_needed, firn_error *err);
    /* Makes the name known before it gets an entry: this one, or, if `coming` is NULL, any. Then
     * nothing but an entry that counts has the name. */
    int (*admit)(struct fi_os_guard *guard, struct fi_os_dir *dir, const char *name,
                 const struct fi_os_guard_entry *coming, firn_error *err);
    /* The name has this entry now, and none before; NULL: it has no entry any more. */
    void (*settle)(struct fi_os_guard *guard, struct fi_os_dir *dir, const char *name,
                   const struct fi_os_stat *now);
    /* Whether a name may be durable already: a rename that takes it away must not become durable
     * before the new name is known for good. */
    bool (*may_be_durable)(struct fi_os_guard *guard, struct fi_os_dir *dir, const char *name);
    /* Makes durable what was admitted. */
    int (*sync)(struct fi_os_guard *guard, firn_error *err);
    /* The names in a directory are durable; NULL: those in all. */
    void (*synced)(struct fi_os_guard *guard, struct fi_os_dir *dir);
    void (*destroy)(struct fi_os_guard *guard);
};

/* Attaches a guard, which the handle owns from now on: it is destroyed with the last handle that
 * was opened from it. Requires: the handle has none, and nothing was opened from it yet. */
void fi_os_dir_set_guard(struct fi_os_dir *dir, struct fi_os_guard *guard);
/* The guard that applies to a handle, or NULL. */
struct fi_os_guard *fi_os_dir_guard(const struct fi_os_dir *dir);

/* Whether a name counts, if the directory has a guard: FIRN_NOT_FOUND if not. */
FIRN_MUST_CHECK int fi_os_guard_query(struct fi_os_dir *dir, const char *name, firn_error *err);

/* For guards: these ask no guard. */

/* The path of a name from the directory that the guard was attached to. */
FIRN_MUST_CHECK int fi_os_guard_path(const struct fi_os_dir *dir, const char *name,
                                     struct fi_buf *out);
FIRN_MUST_CHECK int fi_os_guard_list(struct fi_os_dir *dir,
                                     int (*visit)(void *ctx, const struct fi_os_dirent *entry),
                                     void *ctx, firn_error *err);
FIRN_MUST_CHECK int fi_os_guard_stat(struct fi_os_dir *dir, const char *name,
                                     struct fi_os_stat *out, firn_error *err);
/* The same with what a regular file begins with. */
FIRN_MUST_CHECK int fi_os_guard_inspect(struct fi_os_dir *dir, const char *name,
                                        struct fi_os_guard_entry *out, firn_error *err);
/* Never replaces. */
FIRN_MUST_CHECK int fi_os_guard_rename(struct fi_os_dir *dir, const char *from, const char *to,
                                       firn_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_known_internal.h: the parts of a guard, for os_known.c, os_known_file.c and
 * os_known_survey.c. "_locked" and everything of the file: the mutex is held.
 */
#ifndef FIRN_HOSTED_OS_KNOWN_INTERNAL_H
#define FIRN_HOSTED_OS_KNOWN_INTERNAL_H

#include <string.h>

#include "hosted/os_known.h"
#include "hosted/os_known_list.h"
#include "threads/os_thread.h"

enum { FI_OS_KNOWN_BLOCK_SIZE = 4096 };

struct fi_os_known {
    struct fi_os_guard base;
    const struct fi_os_known_rules *rules;
    struct fi_os_dir *notes;
    char *list_name;
    bool may_write;
    struct fi_os_mutex mutex;
    struct fi_os_file *file;
    struct fi_os_stat file_stat; /* which file it is */
    struct fi_os_known_list list;
    struct fi_buf touched; /* struct fi_os_known_list_entry * each */
    bool is_dirty;         /* lines were appended that may not be durable */
    bool is_read_once;     /* the list was read to its end when it was opened */
    bool is_locked;        /* this handle has the lock of the file for writing */
    bool is_by_name;       /* files have no lasting identity there */
};

static inline int
fi_os_known_no_memory(firn_error *err)
{
    return fi_error_no_memory(err, "the list of a store's files");
}

/* Notes that something is to be done for an entry when its directory is synced. */
static inline int
fi_os_known_touch(struct fi_os_known *known, struct fi_os_known_list_entry *entry)
{
    int rc = FIRN_OK;
    if (!entry->is_touched) {
        rc = fi_buf_append(&known->touched, &entry, sizeof(void *));
        entry->is_touched = rc == FIRN_OK;
    }
    return rc;
}

/* Whether lines are missing, or something comes after them that is none. */
static inline bool
fi_os_known_file_has_hole(const struct fi_os_known *known)
{
    return known->list.missing != 0 || known->list.has_rest;
}

/* Whether an earlier process has admitted a name that has no entry. */
static inline bool
fi_os_known_is_stale(const struct fi_os_known_list_entry *entry)
{
    return !entry->is_ours && !entry->is_seen && entry->id_count > 0;
}

/* ---- os_known.c ---- */

struct fi_os_known *fi_os_known_of(struct fi_os_guard *guard);
/* Which file an entry with this path is; NULL: any. */
struct fi_os_known_list_id fi_os_known_id(const struct fi_os_known_rules *rules, const char *path,
                                          const struct fi_os_guard_entry *entry);
bool fi_os_known_is_dir(const struct fi_os_known *known, const char *path);
bool fi_os_known_is_beside(const struct fi_os_known *known, const char *path);
/* *out is NULL if the name is not known, also to no other process. Requires: mutex. */
FIRN_MUST_CHECK int fi_os_known_find_fresh(struct fi_os_known *known, const char *path,
                                           struct fi_os_known_list_entry **out, firn_error *err);
/* Forgets stale names, and shortens the list. */
FIRN_MUST_CHECK int fi_os_known_tidy_locked(struct fi_os_known *known, firn_error *err);

/* ---- os_known_file.c ---- */

/* Opens the list anew and reads all of it. */
FIRN_MUST_CHECK int fi_os_known_file_open(struct fi_os_known *known, firn_error *err);
/* Reads what other processes have appended, or the list that has replaced this one. */
FIRN_MUST_CHECK int fi_os_known_file_refresh(struct fi_os_known *known, firn_error *err);
/* Writes a whole list in place of the file, durably. */
FIRN_MUST_CHECK int fi_os_known_file_write(struct fi_os_dir *notes, const char *name,
                                           firn_slice bytes, firn_error *err);
/* Replaces the list by one without what it does not need. Requires: the list is locked; it is not
 * afterwards. */
FIRN_MUST_CHECK int fi_os_known_file_rewrite(struct fi_os_known *known, firn_error *err);
/* Locks the list against other processes, and reads what they have appended. */
FIRN_MUST_CHECK int fi_os_known_file_lock(struct fi_os_known *known, firn_error *err);
void fi_os_known_file_unlock(struct fi_os_known *known);
/* A list with a hole where a power cut took lines is written anew before lines are appended:
 * afterwards the hole would look like damage. Requires: the list is locked, and it stays so. */
FIRN_MUST_CHECK int fi_os_known_file_fill_holes(struct fi_os_known *known, firn_error *err);
/* Adds lines that say of an entry what it is now. Requires: the list is locked. */
FIRN_MUST_CHECK int fi_os_known_file_state(struct fi_os_known *known, struct fi_buf *lines,
                                           struct fi_os_known_list_entry *entry);
/* Appends such lines. Requires: the list is locked. */
FIRN_MUST_CHECK int fi_os_known_file_append(struct fi_os_known *known, struct fi_buf *lines,
                                            firn_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * hosted/os_known.h: a guard (os/os_guard.h) that knows the files of a directory by a list of them,
 * which lies elsewhere.
 *
 * For a directory into which others can put files, such as a store inside of a tree that git
 * changes: what is not in the list does not count, and what is in the list is the very file that
 * was made here, by inode and time of birth. docs/formats/notes.md describes the list.
 *
 * Any number of threads, and of processes.
 */
#ifndef FIRN_HOSTED_OS_KNOWN_H
#define FIRN_HOSTED_OS_KNOWN_H

#include "os/os_guard.h"

/* What a directory has. Constant. */
struct fi_os_known_rules {
    const char *const *dirs; /* names of the directories below it whose files count; then NULL */
    /* Whether an entry of the directory itself is for others to judge: it is not hidden. */
    bool (*is_beside)(const char *name);
    /* Whether a file has no contents that matter: it is known by its name alone. */
    bool (*is_loose)(const char *name);
    /* Whether a file of this path gets it by a rename, and never changes its first
     * FI_OS_GUARD_HEAD_SIZE bytes from then on: they are a part of what it is known by. */
    bool (*is_headed)(const char *path);
};

/* Writes a list of the files that are there; an empty one if `dir` is NULL. Durable when it
 * returns. Requires: dir has no guard, and nothing changes it meanwhile. */
FIRN_MUST_CHECK int fi_os_known_survey_take(struct fi_os_dir *dir,
                                            const struct fi_os_known_rules *rules,
                                            struct fi_os_dir *notes, const char *list,
                                            firn_error *err);

/* Attaches a guard with the list of this name in `notes`, which the guard owns from now on, also
 * after a failure. With may_write names can be admitted. FIRN_NOT_FOUND if there is no list,
 * FIRN_CORRUPT if it is damaged. */
FIRN_MUST_CHECK int fi_os_known_guard(struct fi_os_dir *dir, const struct fi_os_known_rules *rules,
                                      struct fi_os_dir *notes, const char *list, bool may_write,
                                      firn_error *err);

/* Calls visit (may be NULL) for each entry that does not count, with its path from the directory
 * (borrowed, with any bytes), and for each that has replaced one that does. Nothing if the
 * directory has no guard. With is_sole, forgets names that are missing, and shortens the list.
 * Requires: if is_sole, no other handle admits names; dir is the handle with the guard. A result of
 * visit other than FIRN_OK ends the walk and is returned. */
FIRN_MUST_CHECK int fi_os_known_survey(struct fi_os_dir *dir, bool is_sole,
                                       int (*visit)(void *ctx, const char *path, bool is_replaced),
                                       void *ctx, firn_error *err);

#endif

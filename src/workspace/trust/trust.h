/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust.h: what this user decided on this machine, noted outside of trees and stores.
 */
#ifndef FIRN_TRUST_TRUST_H
#define FIRN_TRUST_TRUST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "firn/workspace.h"
#include "os/os.h"
#include "storefile/storefile.h"

/* The user's data directory, where stores are that nobody named: allocated. FIRN_INVALID
 * if the environment names no place for it. */
FIRN_MUST_CHECK int fi_trust_home(struct fi_os *os, char **out, firn_error *err);
/* Opens a directory; with `create`, missing directories are made (0700). */
FIRN_MUST_CHECK int fi_trust_home_open_dir(struct fi_os *os, const char *path, bool create,
                                           struct fi_os_dir **out, firn_error *err);

/* The name of a store inside its workspace. */
#define FI_TRUST_INSIDE ".firn"

/* Whether a directory is a store, or what is left of one: it holds the file FIRN or packs. An
 * unreadable one is a failure: a store that is taken for missing would get a second history. */
FIRN_MUST_CHECK int fi_trust_inside_is_store(struct fi_os_dir *dir, bool *out, firn_error *err);
/* Whether a directory holds a store of its own (".firn"): a real directory that belongs to this
 * user, to root, or to the owner of the directory around it; one that belongs to another user does
 * not count. One that this user may not read counts. Whether the store is used is decided elsewhere
 * (fi_trust_store_inspect). */
FIRN_MUST_CHECK int fi_trust_inside_holds(struct fi_os_dir *dir, bool *out, firn_error *err);

/* Makes git ignore a store inside a tree, unless something says how git is to treat it. */
FIRN_MUST_CHECK int fi_trust_inside_ignore(struct fi_os_dir *store, bool *out_made,
                                           firn_error *err);

/* Small private files that firn keeps for its user outside every tree and store. */

/* Names of the folders. The leading dot distinguishes them from stores. */
#define FI_TRUST_PRIVATE_TRUSTED ".trusted"
#define FI_TRUST_PRIVATE_RESTORING ".restoring"
#define FI_TRUST_PRIVATE_ROOTS ".roots"
#define FI_TRUST_PRIVATE_STORES ".stores"

enum { FI_TRUST_PRIVATE_SIZE_MAX = 16384, FI_TRUST_PRIVATE_NAME_SIZE = 33 };

/* Opens one of the folders; with `create` makes it (0700). FIRN_NOT_FOUND if it is missing,
 * FIRN_INVALID if the environment names no place for it, FIRN_DENIED if others could have written
 * to it. */
FIRN_MUST_CHECK int fi_trust_private_open(struct fi_os *os, const char *folder, bool create,
                                          struct fi_os_dir **out, firn_error *err);
/* Opens the data directory itself, where it is there and private; fails like the function above. */
FIRN_MUST_CHECK int fi_trust_private_home(struct fi_os *os, struct fi_os_dir **out,
                                          firn_error *err);
/* Replaces the contents of out by those of a file. FIRN_NOT_FOUND if it is missing; FIRN_LIMIT if
 * it is larger than FI_TRUST_PRIVATE_SIZE_MAX. */
FIRN_MUST_CHECK int fi_trust_private_read(struct fi_os_dir *dir, const char *name,
                                          struct fi_buf *out, firn_error *err);
/* Finds a note in one of the folders: *out is empty if it is missing, or cannot be believed. */
FIRN_MUST_CHECK int fi_trust_private_find(struct fi_os *os, const char *folder, const char *name,
                                          struct fi_buf *out, firn_error *err);
/* Durable when it returns FIRN_OK; after a crash the file is the old one or the new one. */
FIRN_MUST_CHECK int fi_trust_private_write(struct fi_os_dir *dir, const char *name,
                                           firn_slice bytes, firn_error *err);
/* Durable too. A missing file is fine. */
FIRN_MUST_CHECK int fi_trust_private_remove(struct fi_os_dir *dir, const char *name,
                                            firn_error *err);
/* Writes a note in one of the folders, and removes one; both make sure of the folder first. That
 * there is none to remove is fine. Durable when they return FIRN_OK. */
FIRN_MUST_CHECK int fi_trust_private_keep(struct fi_os *os, const char *folder, const char *name,
                                          firn_slice bytes, firn_error *err);
FIRN_MUST_CHECK int fi_trust_private_drop(struct fi_os *os, const char *folder, const char *name,
                                          firn_error *err);
/* The name of the file about `key`: FI_TRUST_PRIVATE_NAME_SIZE bytes with the NUL. */
void fi_trust_private_name(firn_slice key, char *out);

/* Appends the id of this machine, since several machines may share a data directory; "-" if it has
 * none. */
FIRN_MUST_CHECK int fi_trust_private_machine(struct fi_os *os, struct fi_buf *out, firn_error *err);

/* Whether another user may have written a store. */

/* Whether the store in a directory is this user's own; a store without the file FIRN is about to be
 * made. */
FIRN_MUST_CHECK int fi_trust_owner_is_own(struct fi_os_dir *store, bool *out, firn_error *err);
/* FIRN_UNTRUSTED if everybody may write to the store; the message says what to do. */
FIRN_MUST_CHECK int fi_trust_owner_check(struct fi_os_dir *store, firn_error *err);

/* Which directories this user works on with a named store. Borrowed for the call. */
struct fi_trust_root {
    const uint8_t *store_id; /* FI_STOREFILE_ID_SIZE bytes */
    const char *path;        /* real path */
};

/* Notes it; durable when it returns FIRN_OK. */
FIRN_MUST_CHECK int fi_trust_root_note(struct fi_os *os, const struct fi_trust_root *root,
                                       firn_error *err);
/* Removes the note, durably. That there is none is fine. */
FIRN_MUST_CHECK int fi_trust_root_remove(struct fi_os *os, const struct fi_trust_root *root,
                                         firn_error *err);
/* Whether it is noted. A note that cannot be believed counts as none. */
FIRN_MUST_CHECK int fi_trust_root_is_noted(struct fi_os *os, const struct fi_trust_root *root,
                                           bool *out, firn_error *err);

/* Which stores that are named this user made or trusts: what may be done with them has no limit. */

/* Notes it; durable when it returns FIRN_OK. FIRN_INVALID if the store has no id. */
FIRN_MUST_CHECK int fi_trust_named_note(struct fi_os_dir *store, firn_error *err);
/* Removes the note, durably. That there is none is fine. */
FIRN_MUST_CHECK int fi_trust_named_remove(struct fi_os_dir *store, firn_error *err);
/* Whether it is noted, or is a store inside a tree that this user made or trusts. A note that
 * cannot be believed counts as none. */
FIRN_MUST_CHECK int fi_trust_named_is_noted(struct fi_os_dir *store, bool *out, firn_error *err);
/* Opens the directory if it is a store itself, and not one inside a tree; else *out is NULL. */
FIRN_MUST_CHECK int fi_trust_named_open(struct fi_os *os, const char *path, struct fi_os_dir **out,
                                        firn_error *err);
/* Describes it, as fi_trust_list_find does. */
FIRN_MUST_CHECK int fi_trust_named_show(struct fi_os_dir *store,
                                        int (*visit)(void *ctx, const firn_trust_info *info),
                                        void *ctx, firn_error *err);

/* Restores that this user has begun, in which root, on this machine. */

enum { FI_TRUST_RESTORE_TAG_SIZE = 8 };

/* All that a note of a restore is about; borrowed for the call. */
struct fi_trust_restore {
    const uint8_t *store_id; /* FI_STOREFILE_ID_SIZE bytes */
    uint32_t workspace;      /* its number in the store */
    const char *root;        /* real path */
};

/* Notes, durably, that a restore with this tag is about to begin. `pending` is the tag of the
 * interrupted restore that it replaces, which stays noted too, or NULL. */
FIRN_MUST_CHECK int fi_trust_restore_note(struct fi_os *os, const struct fi_trust_restore *restore,
                                          const uint8_t *tag, const uint8_t *pending,
                                          firn_error *err);
/* Removes the note. Requires: no restore of the workspace is pending any more. */
FIRN_MUST_CHECK int fi_trust_restore_clear(struct fi_os *os, const struct fi_trust_restore *restore,
                                           firn_error *err);
/* Whether the restore with this tag was begun by this user in this root on this machine. */
FIRN_MUST_CHECK int fi_trust_restore_is_noted(struct fi_os *os,
                                              const struct fi_trust_restore *restore,
                                              const uint8_t *tag, bool *out, firn_error *err);

/* Whether a store inside a tree was made there by this user. */

/* What was found in a directory. */
struct fi_trust_store_inspect {
    bool has_store;         /* it has a store ".firn", as far as this user can see */
    bool is_trusted;        /* this user made it there or trusts it */
    struct fi_os_stat stat; /* of the store's directory */
    bool has_id;            /* false if the file FIRN cannot be read */
    uint8_t id[FI_STOREFILE_ID_SIZE];
};

/* Examines one directory, given by its real path. A missing or unreadable directory has no store. A
 * store counts only if it belongs to this user, to root, or to the owner of the directory. Changes
 * nothing. */
FIRN_MUST_CHECK int fi_trust_store_inspect(struct fi_os *os, const char *real_root,
                                           struct fi_trust_store_inspect *out, firn_error *err);
/* The same of an open directory. */
FIRN_MUST_CHECK int fi_trust_store_inspect_in(struct fi_os_dir *dir, const char *real_root,
                                              struct fi_trust_store_inspect *out, firn_error *err);
/* Returns FIRN_UNTRUSTED; the message says why the store is not used. */
FIRN_MUST_CHECK int fi_trust_store_refuse(const char *real_root,
                                          const struct fi_trust_store_inspect *look,
                                          firn_error *err);

/* The id in a store's file FIRN; *out_has is false if it is missing or damaged. */
FIRN_MUST_CHECK int fi_trust_store_id(struct fi_os_dir *store, uint8_t *out, bool *out_has,
                                      firn_error *err);
/* Why there is none: FIRN_NEWER if a newer firn made the store, else FIRN_INVALID. */
FIRN_MUST_CHECK int fi_trust_store_id_refuse(struct fi_os_dir *store, firn_error *err);
/* Records the store in the directory as trusted, with the files that it has now; durable when it
 * returns FIRN_OK. FIRN_BUSY if a process writes to it. */
FIRN_MUST_CHECK int fi_trust_store_enter(struct fi_os *os, const char *real_root, firn_error *err);
/* Records that a store is about to be made in a directory, for the root with this real path:
 * nothing that is in the directory now belongs to the store. If that is recorded already, nothing
 * is done. */
FIRN_MUST_CHECK int fi_trust_store_begin(struct fi_os_dir *store, const char *real_root,
                                         firn_error *err);
/* Completes that record, now that the store has been made. */
FIRN_MUST_CHECK int fi_trust_store_made(struct fi_os_dir *store, firn_error *err);
/* To be called before the directory `to` replaces the store's directory `from`: `to` becomes
 * trusted if `from` is. */
FIRN_MUST_CHECK int fi_trust_store_carry(struct fi_os *os, struct fi_os_dir *from,
                                         struct fi_os_dir *to, firn_error *err);

/* Which files of a store inside a tree firn made there. */

/* To be called before anything else is done with the directory of a store: if this user made or
 * trusts the store, only the files count that firn made in it (os/os_guard.h). With may_write, the
 * files of a store that has no list yet are taken, under its lock, for which it waits.
 * FIRN_UNTRUSTED if the list cannot be read. */
FIRN_MUST_CHECK int fi_trust_files_guard(struct fi_os_dir *store, bool may_write,
                                         int64_t lock_timeout_ms, firn_error *err);
/* Calls visit (may be NULL) for each file that does not count, as fi_os_known_survey does.
 * Requires: if is_sole, this process has the store's lock. */
FIRN_MUST_CHECK int fi_trust_files_survey(struct fi_os_dir *store, bool is_sole,
                                          int (*visit)(void *ctx, const char *path,
                                                       bool is_replaced),
                                          void *ctx, firn_error *err);
/* The same for the store at a path, if there is one, while others may write to it. A nonzero code
 * that visit returns ends it, and is returned. */
FIRN_MUST_CHECK int fi_trust_files_foreign(struct fi_os *os, const char *store_path,
                                           int (*visit)(void *ctx, const char *path,
                                                        bool is_replaced),
                                           void *ctx, firn_error *err);

/* Which directory beside a store inside a tree a repair of this user's made. */

/* Notes a directory, in which nothing is yet; durable when it returns FIRN_OK. Does nothing if the
 * store is not one inside a tree that this user made or trusts. */
FIRN_MUST_CHECK int fi_trust_repair_note(struct fi_os_dir *store, struct fi_os_dir *dir,
                                         firn_error *err);
/* Whether it is noted; true of every directory if the store is not one inside a tree. */
FIRN_MUST_CHECK int fi_trust_repair_is_noted(struct fi_os_dir *store, struct fi_os_dir *dir,
                                             bool *out, firn_error *err);

/* Whether the settings in a store inside a tree are this user's. */

/* The name of the file of settings in a store. */
#define FI_TRUST_SETTINGS_FILE "config"

/* Whether settings with this text (empty: no file) count in the store of a directory. They do if
 * the store is not one inside a tree that this user made or trusts. */
FIRN_MUST_CHECK int fi_trust_settings_is_known(struct fi_os_dir *store, firn_slice text, bool *out,
                                               firn_error *err);
/* To be called before a text replaces the settings: it will count if the present ones do. Durable
 * when it returns FIRN_OK. Called again afterwards, the ones that were replaced no longer count. */
FIRN_MUST_CHECK int fi_trust_settings_expect(struct fi_os_dir *store, firn_slice text,
                                             firn_error *err);
/* Notes that the present settings are this user's; without is_anew, only if nothing has been noted
 * about settings of this store. */
FIRN_MUST_CHECK int fi_trust_settings_take(struct fi_os_dir *store, bool is_anew, firn_error *err);

/* All stores inside trees that this user made or trusts. */

/* Appends the paths of their directories, each with its NUL; the stores need not be there now.
 * Notes that cannot be believed count as none. only_made: not of stores whose making was begun, and
 * never ended as far as the notes say. */
FIRN_MUST_CHECK int fi_trust_list_roots(struct fi_os *os, bool only_made, struct fi_buf *out,
                                        firn_error *err);
/* Returns FIRN_CONFLICT for such a directory that has no store: the message says what to do. */
FIRN_MUST_CHECK int fi_trust_list_refuse_gone(const char *real_root, firn_error *err);

/* The public functions, include/firn/workspace.h. */
FIRN_MUST_CHECK int fi_trust_list_find(struct fi_os *os, const char *path,
                                       int (*visit)(void *ctx, const firn_trust_info *info),
                                       void *ctx, firn_error *err);
FIRN_MUST_CHECK int fi_trust_list_add(struct fi_os *os, const char *path, firn_error *err);
FIRN_MUST_CHECK int fi_trust_list_remove(struct fi_os *os, const char *path, firn_error *err);
FIRN_MUST_CHECK int fi_trust_list_visit(struct fi_os *os,
                                        int (*visit)(void *ctx, const firn_trust_info *info),
                                        void *ctx, firn_error *err);

#endif

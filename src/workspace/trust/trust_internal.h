/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_internal.h: the note about a store inside a tree, for the files of this room.
 */
#ifndef FIRN_TRUST_TRUST_INTERNAL_H
#define FIRN_TRUST_TRUST_INTERNAL_H

#include "trust/trust.h"

enum { FI_TRUST_FILES_NAME_SIZE = FI_TRUST_PRIVATE_NAME_SIZE + 8 };

/* A note, found by the directory of its store. */
struct fi_trust_store_note {
    bool is_there;
    bool has_list; /* false: version 1 */
    char name[FI_TRUST_PRIVATE_NAME_SIZE];
    struct fi_os_stat stat; /* of the store's directory */
    struct fi_buf root;     /* the path in it, with a NUL */
};

/* Finds it; that there is none, or no private directory, is fine. The caller deinits *out, also
 * after a failure. trust_store.c. */
FIRN_MUST_CHECK int fi_trust_store_note_find(struct fi_os_dir *store,
                                             struct fi_trust_store_note *out, firn_error *err);
void fi_trust_store_note_deinit(struct fi_trust_store_note *note);
/* Writes it again, as one with a list. */
FIRN_MUST_CHECK int fi_trust_store_note_write(struct fi_os_dir *store,
                                              const struct fi_trust_store_note *note,
                                              firn_error *err);
/* Corrects the path in it, if the store was moved with its directory. Requires: the store is
 * locked. */
FIRN_MUST_CHECK int fi_trust_store_note_follow(struct fi_os_dir *store, firn_error *err);

/* The name of the note about a store's directory; real_root counts where there is no time of
 * birth. */
FIRN_MUST_CHECK int fi_trust_store_note_name(const struct fi_os_stat *stat, const char *real_root,
                                             char *out, firn_error *err);
/* The path in a note, borrowed from it; NULL if the note is not a valid one. *out_has_id is set for
 * valid ones: the store was there when the note was written. */
const char *fi_trust_store_note_root(struct fi_buf *note, bool *out_has_id);

/* The name of the list that belongs to a note. trust_files.c. */
void fi_trust_files_list_name(const char *note, char out[FI_TRUST_FILES_NAME_SIZE]);
/* Writes the list of the files that are in a store; store NULL: none are. */
FIRN_MUST_CHECK int fi_trust_files_take(struct fi_os *os, struct fi_os_dir *store, const char *note,
                                        firn_error *err);

/* The note about settings that belongs to a note: a store that is about to be made has none; one
 * that replaces another has that one's, after its files and its settings are in place.
 * trust_settings.c. */
FIRN_MUST_CHECK int fi_trust_settings_begin(struct fi_os_dir *store, const char *note,
                                            firn_error *err);
FIRN_MUST_CHECK int fi_trust_settings_carry(struct fi_os_dir *from, struct fi_os_dir *to,
                                            const char *note, firn_error *err);
FIRN_MUST_CHECK int fi_trust_settings_remove(struct fi_os_dir *notes, const char *note,
                                             firn_error *err);
/* The same of the note about a repair. trust_repair.c. */
FIRN_MUST_CHECK int fi_trust_repair_remove(struct fi_os_dir *notes, const char *note,
                                           firn_error *err);

/* Whether an entry is for the directory that was looked at. */
bool fi_trust_store_note_agrees(struct fi_buf *entry, const struct fi_trust_store_inspect *look,
                                const char *real_root);
/* Reads the entry of a directory; FIRN_NOT_FOUND if there is none. */
FIRN_MUST_CHECK int fi_trust_store_note_read(struct fi_os *os, const struct fi_os_stat *stat,
                                             const char *real_root, struct fi_buf *out,
                                             firn_error *err);
/* Writes the entry of a directory that was looked at. */
FIRN_MUST_CHECK int fi_trust_store_note_put(struct fi_os *os,
                                            const struct fi_trust_store_inspect *look,
                                            const char *real_root, firn_error *err);
/* Writes a note about a directory, with the id of its store, if it has one. */
FIRN_MUST_CHECK int fi_trust_store_note_put_for(struct fi_os_dir *store, const char *root,
                                                firn_error *err);

/* Reads the id of a store; fails if there is none. */
FIRN_MUST_CHECK int fi_trust_store_id_read(struct fi_os_dir *store,
                                           struct fi_trust_store_inspect *out, firn_error *err);
/* Whether a failure to read the id is lasting, because of the store itself. Other failures may be
 * transient and say nothing about the store. */
bool fi_trust_store_id_is_damaged(int rc);

#endif

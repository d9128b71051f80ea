/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_internal.h: what only the files of store/ share. Only files of this folder and tests
 * include it.
 */
#ifndef FIRN_STORE_DB_INTERNAL_H
#define FIRN_STORE_DB_INTERNAL_H

#include "store/db_store_handle.h"

/* ---- db.c ---- */

/* As fi_db_open; takes ownership of dir, even on failure. */
FIRN_MUST_CHECK int fi_db_open_owned(struct fi_os_dir *dir, const struct fi_db_options *options,
                                     struct firn_db **out, firn_error *err);

/* ---- db_create.c ---- */

/* The contents of a directory that may be a store. */
struct fi_db_create_survey {
    bool has_identity;
    bool has_data;      /* a log, or trees */
    bool has_runs;      /* a directory for these */
    bool is_unfinished; /* its identity was never put in place */
    char other[256];    /* the name of a foreign entry, or "" */
};
FIRN_MUST_CHECK int fi_db_create_inspect(struct fi_os_dir *dir, struct fi_db_create_survey *out,
                                         firn_error *err);
/* FIRN_INVALID or FIRN_CORRUPT if no store may be created in such a directory. */
FIRN_MUST_CHECK int fi_db_create_allowed(struct fi_os_dir *dir,
                                         const struct fi_db_create_survey *survey, firn_error *err);
/* Creates a store in db->dir: identity, keys, log and image. Requires: the lock is held. */
FIRN_MUST_CHECK int fi_db_create_store(struct firn_db *db, const struct fi_db_options *options,
                                       firn_error *err);
/* Upgrades a store of an older version to this one. Requires: nothing has been opened. */
FIRN_MUST_CHECK int fi_db_create_raise_version(struct firn_db *db, firn_error *err);

/* ---- db_keys.c ---- */

struct fi_keys;

/* Opens the keys of an encrypted store, and attaches them to the handle's directory. Does nothing
 * for a store in clear. FIRN_DENIED: nothing that opens them was given. FIRN_CORRUPT: the file is
 * damaged or missing. */
FIRN_MUST_CHECK int fi_db_keys_unlock(struct firn_db *db, const struct fi_unlock_source *source,
                                      firn_error *err);
/* Writes the keys of a store that is being created, and attaches them likewise. */
FIRN_MUST_CHECK int fi_db_keys_create(struct firn_db *db, struct fi_keys *keys, firn_error *err);

/* ---- db_image.c ---- */

/* Opens the trees, and reads the list of keyspaces from the runs. */
FIRN_MUST_CHECK int fi_db_image_open(struct firn_db *db, struct fi_db_image **out, firn_error *err);
/* As fi_lsm_close; always frees the image. */
FIRN_MUST_CHECK int fi_db_image_close(struct fi_db_image *image, firn_error *err);
/* Writes nothing. NULL is fine. */
void fi_db_image_abandon(struct fi_db_image *image);
/* The same for one that was replaced and has no users, once all reads have left it. */
void fi_db_image_retire(struct fi_db_image *image);
/* Reads the whole list. Requires: no other thread knows the image. */
FIRN_MUST_CHECK int fi_db_image_read_list(struct fi_db_image *image, firn_error *err);
/* Adds the tree of the next keyspace, or finds the one that a failed creation left. Requires: the
 * state mutex is held, or no other thread knows the image. */
FIRN_MUST_CHECK int fi_db_image_add(struct fi_db_image *image, firn_slice name,
                                    const struct fi_storefile_keyspace *entry,
                                    struct fi_db_tree **out, firn_error *err);
/* Whether keyspaces of that name are firn's own, which do not count for the limit. */
bool fi_db_image_is_own(firn_slice name);
/* The tree for an entry of the list, which gives its number to a name. FIRN_CORRUPT if another
 * entry gave the number a different type or schema. */
FIRN_MUST_CHECK int fi_db_image_name(struct fi_db_image *image,
                                     const struct fi_storefile_keyspace *put,
                                     const struct fi_entry *entry, struct fi_db_tree **out,
                                     firn_error *err);
/* Removes, durably, the trees of keyspaces that neither now nor a checkpoint has. Requires: no
 * other thread knows the image. */
FIRN_MUST_CHECK int fi_db_image_remove_dropped(struct fi_db_image *image, firn_error *err);

/* ---- db_keyspace.c ---- */

FIRN_MUST_CHECK int fi_db_keyspace_check_name(const char *name, firn_error *err);
int fi_db_keyspace_refuse_missing(struct firn_db *db, const char *name, firn_error *err);
/* Visits the names in the list as a snapshot sees it, of keyspaces of one type (NULL: all). */
FIRN_MUST_CHECK int fi_db_keyspace_list_at(struct firn_snapshot *snapshot,
                                           const enum fi_storefile_keyspace_type *type,
                                           int (*visit)(void *ctx, const char *name), void *ctx,
                                           firn_error *err);
/* Take and give back the right to change the list of keyspaces. */
void fi_db_keyspace_begin_change(struct firn_db *db);
void fi_db_keyspace_end_change(struct firn_db *db);

/* ---- db_layout.c ---- */

/* For struct fi_lsm_host; ctx is the store. */
FIRN_MUST_CHECK int fi_db_layout_take(void *ctx, uint32_t tree_id, struct fi_column_layout **out,
                                      firn_error *err);

/* ---- db_replay.c, db_replay_attest.c ---- */

/* The facts in MANIFEST against which the log is checked while it is read. */
struct fi_db_vouch {
    struct firn_db *db;
    uint64_t version;
    struct fi_log_position log_end;
    uint64_t vouched; /* the newest version named in the log */
};
void fi_db_replay_attest_begin(struct fi_db_vouch *vouch, struct firn_db *db, struct fi_lsm *lsm);
/* A judge of what was found in the log (struct fi_log_options); ctx is the vouch. FIRN_CORRUPT if
 * the log or MANIFEST has lost its end. */
FIRN_MUST_CHECK int fi_db_replay_attest_assess(void *ctx, const struct fi_log_found *found,
                                               firn_error *err);
/* Checks a record of type FI_STOREFILE_TYPE_VOUCH. FIRN_CORRUPT likewise; FI_LOG_STOP if for a
 * reader the log ends before it. */
FIRN_MUST_CHECK int fi_db_replay_attest_read(struct fi_db_vouch *vouch, firn_slice record,
                                             struct fi_log_position position, firn_error *err);
/* Before a store is closed: records in the log and in MANIFEST where the other one ends. */
FIRN_MUST_CHECK int fi_db_replay_attest_close(struct firn_db *db, firn_error *err);

/* Opens an image and, unless read-only, the log, and fills the image from the log. */
FIRN_MUST_CHECK int fi_db_replay(struct firn_db *db, struct fi_db_image **out, firn_error *err);

#endif

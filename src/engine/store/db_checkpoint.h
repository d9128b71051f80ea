/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_checkpoint.h: checkpoints of a store's data inside the library; the public twin, with
 * the caveats, is include/firn/checkpoint.h.
 *
 * A reference names a checkpoint: its name; its number; "latest", or "latest~2" for the second one
 * before it, safety checkpoints not counted; or at least four letters of the beginning of its id.
 *
 * Any thread.
 */
#ifndef FIRN_STORE_DB_CHECKPOINT_H
#define FIRN_STORE_DB_CHECKPOINT_H

#include "history/history.h"
#include "store/db.h"

struct firn_db_checkpoint_info {
    uint8_t id[FIRN_HISTORY_ID_SIZE];
    uint64_t number; /* 0: a safety checkpoint */
    int64_t created_ns;
    uint64_t sequence;
    bool is_safety;
    uint8_t restored[FIRN_HISTORY_ID_SIZE]; /* of a safety checkpoint: what was restored then */
    char name[FIRN_HISTORY_NAME_SIZE_MAX + 1];
};

/* name may be "": none. *out (NULL: not wanted) is what was made. */
FIRN_MUST_CHECK int firn_db_checkpoint_create(struct firn_db *db, const char *name,
                                              struct firn_db_checkpoint_info *out, firn_error *err);
/* As if it had been made at another time. */
FIRN_MUST_CHECK int firn_db_checkpoint_create_at(struct firn_db *db, const char *name,
                                                 int64_t created_ns,
                                                 struct firn_db_checkpoint_info *out,
                                                 firn_error *err);
/* Makes one with the id, number, name and time of one that another store has, a safety checkpoint
 * as an ordinary one, in a store that has none and that nobody else uses; MANIFEST has it when this
 * returns. */
FIRN_MUST_CHECK int firn_db_checkpoint_adopt(struct firn_db *db,
                                             const struct firn_db_checkpoint_info *info,
                                             firn_error *err);
/* All of them or none. */
FIRN_MUST_CHECK int firn_db_checkpoint_delete(struct firn_db *db, const char *const *references,
                                              size_t count, firn_error *err);
/* The newest first; a return other than FIRN_OK ends the listing and is returned. */
struct firn_db_checkpoint_visitor {
    bool include_safety;
    int (*visit)(void *ctx, const struct firn_db_checkpoint_info *info);
    void *ctx;
};
FIRN_MUST_CHECK int firn_db_checkpoint_list(struct firn_db *db,
                                            const struct firn_db_checkpoint_visitor *visitor,
                                            firn_error *err);
/* FIRN_NOT_FOUND, FIRN_INVALID, or FIRN_CONFLICT where more than one id begins so. */
FIRN_MUST_CHECK int firn_db_checkpoint_find(struct firn_db *db, const char *reference,
                                            struct firn_db_checkpoint_info *out, firn_error *err);
FIRN_MUST_CHECK int firn_db_checkpoint_view(struct firn_db *db, const char *reference,
                                            struct firn_db_view **out, firn_error *err);
FIRN_MUST_CHECK int firn_db_checkpoint_restore(struct firn_db *db, const char *reference,
                                               struct firn_db_checkpoint_info *out_restored,
                                               struct firn_db_checkpoint_info *out_safety,
                                               firn_error *err);
FIRN_MUST_CHECK int firn_db_checkpoint_undo(struct firn_db *db,
                                            struct firn_db_checkpoint_info *out_restored,
                                            struct firn_db_checkpoint_info *out_safety,
                                            firn_error *err);

/* ---- db_diff.c ---- */

struct firn_db_diff_key {
    firn_slice key;
    bool is_before; /* the first state has it */
    bool is_after;
    firn_slice before; /* the values, if so */
    firn_slice after;
};
struct firn_db_diff_visitor {
    const char *keyspace; /* NULL: all of them */
    /* A keyspace that only one side has; may be NULL. Its keys come then. */
    int (*visit_keyspace)(void *ctx, const char *name, bool is_added);
    /* A key that is not the same in both; borrowed. A return other than FIRN_OK ends the walk and
     * is returned. */
    int (*visit)(void *ctx, const char *keyspace, const struct firn_db_diff_key *key);
    void *ctx;
    struct firn_storefile_progress *progress; /* NULL: nobody is told */
};
/* References, NULL for now. Any thread. */
FIRN_MUST_CHECK int firn_db_diff(struct firn_db *db, const char *before, const char *after,
                                 const struct firn_db_diff_visitor *visitor, firn_error *err);

/* ---- for the files of store/ ---- */

/* All of the history, in place of out's contents. */
FIRN_MUST_CHECK int firn_db_checkpoint_write_all(struct firn_db *db, struct firn_buf *out,
                                                 firn_error *err);
/* Has MANIFEST keep the history, if the log before a segment has changes that it lacks. The
 * leader's. */
FIRN_MUST_CHECK int firn_db_checkpoint_save_before(struct firn_db *db, uint64_t segment,
                                                   firn_error *err);

/* ---- db_checkpoint_name.c ---- */

/* FIRN_INVALID or FIRN_LIMIT for what cannot be the name of a checkpoint; "" is none. */
FIRN_MUST_CHECK int firn_db_checkpoint_name_check(const char *name, firn_error *err);
/* As firn_db_checkpoint_find. *out belongs to the history. */
FIRN_MUST_CHECK int firn_db_checkpoint_name_resolve(const struct firn_history *history,
                                                    const char *reference,
                                                    const struct firn_db_checkpoint **out,
                                                    firn_error *err);
enum { FIRN_DB_CHECKPOINT_NAME_ID_SIZE = 2 * FIRN_HISTORY_ID_SIZE + 1 };
/* The letters of an id, and a NUL. */
void firn_db_checkpoint_name_of_id(const uint8_t id[FIRN_HISTORY_ID_SIZE],
                                   char out[FIRN_DB_CHECKPOINT_NAME_ID_SIZE]);
/* Adds an id to a list, unless it is there. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_db_checkpoint_name_add(struct firn_buf *ids,
                                                const uint8_t id[FIRN_HISTORY_ID_SIZE]);

#endif

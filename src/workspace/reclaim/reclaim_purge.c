/* SPDX-License-Identifier: Apache-2.0
 *
 * reclaim/reclaim_purge.c: what a collection does so that forgotten objects go for good.
 *
 * A forgotten object (catalog_purge.c) that is alive stays. Of one that is dead no byte is to be left: the
 * plan rewrites every pack that has it (reclaim_plan.c). But a living object may lean on it as a delta,
 * which otherwise keeps a base. Such deltas are stored whole here, in a new pack, before anything is
 * planned; the index then leads there, and to the mark that is all they need.
 *
 * It is done in the way of reclaim_move.c: until the index has the new place, the old one is right; so
 * is it where a delta cannot be read: then its base stays, which is told (I1).
 *
 * Memory: one object at a time, and 64 bytes for each such delta.
 */
#include "base/check.h"
#include "reclaim/reclaim_internal.h"

/* (I1) */
static void
keep_base(struct firn_reclaim *gc, const struct firn_reclaim_delta *delta, const firn_error *why)
{
    size_t number;
    firn_reclaim_tell(gc, why->text);
    bool is_known = firn_reclaim_table_find(gc->table, &delta->base, &number);
    DCHECK(is_known); /* it was marked for lack of this base alone (I1) */
    if (is_known) {
        (void)firn_reclaim_table_mark(gc->table, number, FIRN_RECLAIM_MARK_LIVE);
    }
}

static int
make_one(struct firn_reclaim *gc, struct firn_objects_session_lane *lane,
         const struct firn_reclaim_delta *delta, struct firn_buf *content, firn_error *err)
{
    struct firn_packfile_delta found;
    firn_error why;
    int rc = firn_objects_delta(gc->opened->objects, gc->scratch, &delta->hash, &found, &why);
    if (rc == FIRN_OK) {
        rc = firn_objects_stream_whole(gc->opened->objects, gc->scratch, &delta->hash, content,
                                       &why);
    }
    if (rc == FIRN_OK) {
        return firn_objects_session_lane_move(lane, found.kind, &delta->hash,
                                              firn_buf_slice(content), err);
    }
    if (rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_IO) {
        keep_base(gc, delta, &why);
        return FIRN_OK;
    }
    if (err != NULL) {
        *err = why;
    }
    return rc;
}

static int
make_all(struct firn_reclaim *gc, struct firn_objects_session_lane *lane, firn_error *err)
{
    const struct firn_reclaim_delta *deltas = (const void *)gc->leaning.data;
    struct firn_buf content = {0};
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < gc->leaning.size / sizeof *deltas; i++) {
        rc = make_one(gc, lane, &deltas[i], &content, err);
        if (rc == FIRN_OK) {
            rc = firn_reclaim_progress(gc, "move", i, err);
        }
    }
    firn_buf_deinit(&content);
    return rc;
}

int
firn_reclaim_purge_make_whole(struct firn_reclaim *gc, firn_error *err)
{
    struct firn_objects_session *session = NULL;
    struct firn_objects_session_lane *lane;
    uint64_t size;
    int rc;
    if (gc->leaning.size == 0) {
        return FIRN_OK;
    }
    DCHECK(gc->packs == NULL && !gc->options->dry_run); /* nothing is planned yet */
    FIRN_TRY(
        firn_objects_session_begin(gc->opened->objects, FIRN_OBJECTS_SESSION_LEVEL, &session, err));
    FIRN_TRY(firn_objects_session_lane_open(session, &lane, err));
    rc = make_all(gc, lane, err);
    int close_rc = firn_objects_session_lane_close(lane, rc == FIRN_OK, rc == FIRN_OK ? err : NULL);
    rc = rc == FIRN_OK ? close_rc : rc;
    if (rc == FIRN_OK) {
        rc = firn_objects_session_commit(session, &size, err);
    }
    if (rc == FIRN_OK) {
        rc = firn_db_sync(gc->opened->db, err);
    }
out:
    firn_objects_session_end(session);
    return rc;
}

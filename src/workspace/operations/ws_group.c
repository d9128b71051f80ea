/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_group.c: saves that become durable together.
 *
 * An import makes hundreds of checkpoints, and nobody needs each of them to be on disk before the next. So the store stays
 * open from the beginning to the end of a group, all scans add to one session, which becomes one pack, and the records
 * and tags wait in one batch:
 *
 *   save, each   scan into the session; record and tag into the batch
 *   end          seal the pack; index it; one commit with full durability of the batch
 *
 * This is the order of a single save (ws_save.c), with many records in place of one: after a crash there are all
 * checkpoints of the group, or none and a pack that the next writer removes (I1; not checked: tests kill it).
 *
 * New directories are kept in memory as well, since later scans of the group compare with them and the pack cannot be
 * read yet. Memos of the stat cache name them before they are in the store, so they are kept under a number of their own
 * (FIRN_STATCACHE_COPIES) that only scans of a group use; a group forgets them when it begins, so none that a crash left
 * is ever used (I2; not checked: tests kill imports), and when it ends.
 *
 * If a scan fails, some of its objects may be known to the session and not in it. Then the group is broken: it cannot be
 * committed any more (I3; not checked: the flag is_broken refuses it).
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "operations/operations.h"
#include "operations/operations_internal.h"
#include "reclaim/reclaim.h"
#include "statcache/statcache.h"

enum { SAVES_MAX = 512 };
static const uint64_t pack_size_max = UINT64_C(256) << 20;
static const uint64_t tree_bytes_max = UINT64_C(128) << 20;

static int
find_last(struct firn_ws *ws, struct firn_ws_group *group, firn_error *err)
{
    struct firn_catalog_record record;
    int rc = firn_catalog_newest(group->opened.catalog, group->opened.workspace.number, &ws->record,
                                 &record, err);
    if (rc == FIRN_OK) {
        memcpy(group->last, record.id, sizeof group->last);
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static void
free_parts(struct firn_ws_group *group)
{
    firn_objects_session_end(group->session);
    firn_objects_treesink_destroy(group->fresh);
    firn_db_batch_destroy(group->batch);
    group->session = NULL;
    group->fresh = NULL;
    group->batch = NULL;
}

int
firn_ws_group_begin(struct firn_ws *ws, firn_error *err)
{
    const firn_callbacks silent = FIRN_CALLBACKS_INIT;
    if (ws->group != NULL) {
        return firn_error_set(err, FIRN_MISUSE, "a group of saves has begun already");
    }
    struct firn_ws_group *group = firn_alloc_zeroed(sizeof *group);
    if (group == NULL) {
        return firn_error_no_memory(err, "a group of saves");
    }
    int rc = firn_ws_opened_open(ws, FIRN_WS_CREATE, &group->opened, err);
    if (rc != FIRN_OK) {
        firn_free(group);
        return rc;
    }
    struct firn_ws_opened *opened = &group->opened;
    FIRN_TRY(firn_ws_pending_finish(ws, opened, 0, &silent, err));
    FIRN_TRY(firn_statcache_forget(opened->db, FIRN_STATCACHE_COPIES, err)); /* (I2) */
    FIRN_TRY(find_last(ws, group, err));
    FIRN_TRY(firn_db_batch_create(&group->batch, err));
    FIRN_TRY(firn_objects_treesink_create(ws->os, &group->fresh, err));
    FIRN_TRY(firn_objects_session_begin(opened->objects, FIRN_OBJECTS_SESSION_LEVEL,
                                        &group->session, err));
    group->trees = firn_objects_treesink_source(group->fresh, firn_objects_trees(opened->objects));
    ws->group = group;
    return FIRN_OK;
out:
    free_parts(group);
    FIRN_IGNORE(firn_ws_opened_close(ws, opened, rc, NULL));
    firn_free(group);
    return rc;
}

bool
firn_ws_group_is_full(const struct firn_ws *ws)
{
    const struct firn_ws_group *group = ws->group;
    return group != NULL &&
           (group->count >= SAVES_MAX ||
            atomic_load_explicit(&group->tree_bytes, memory_order_relaxed) >= tree_bytes_max ||
            firn_objects_session_size_bytes(group->session) >= pack_size_max);
}

static int
check_options(const firn_workspace_save_options *options, firn_error *err)
{
    bool is_plain = options->tree_path != NULL && !options->if_changed && options->keep == NULL &&
                    !options->marks_told && !options->turn_begins &&
                    options->turn.agent.size == 0 && options->turn.session.size == 0 &&
                    options->turn.prompt.size == 0;
    return is_plain ? FIRN_OK
                    : firn_error_set(err, FIRN_MISUSE,
                                     "a group of saves is for imports: with tree_path, and without "
                                     "turns, policies and if_changed");
}

int
firn_ws_group_save(struct firn_ws *ws, const firn_workspace_save_options *options,
                   const struct firn_ws_save_request *given, firn_workspace_save_result *out,
                   firn_error *err)
{
    struct firn_ws_group *group = ws->group;
    struct firn_ws_save_tree tree = {.session = NULL};
    struct firn_catalog_record record;
    firn_workspace_checkpoint *made;
    struct firn_ws_save_request request = *given;
    int rc;
    request.group = group;
    FIRN_TRY(check_options(options, err));
    if (group->is_broken) {
        return firn_error_set(err, FIRN_MISUSE, "an earlier save of this group has failed");
    }
    FIRN_TRY(firn_ws_given_reserve(ws, firn_ws_given_text_size(request.message, &request.turn),
                                   &made, err));
    group->is_broken = true; /* (I3) */
    const uint64_t before = firn_objects_session_size_bytes(group->session);
    FIRN_TRY(firn_ws_save_tree_scan(&group->opened, &request, &tree, err));
    FIRN_TRY(firn_statcache_commit(tree.stat, err));
    tree.added_bytes = firn_objects_session_size_bytes(group->session) - before;
    FIRN_TRY(firn_ws_save_make_record(ws, &group->opened, &request, &tree, &record, err));
    memcpy(record.parent, group->last, sizeof record.parent);
    FIRN_TRY(firn_catalog_stage(group->opened.catalog, firn_str(ws->place.catalog_root),
                                &group->opened.workspace, &record, NULL, group->batch, err));
    if (options->tag != NULL) {
        FIRN_TRY(firn_ws_tag_stage(ws, &group->opened, group->batch, options->tag, &record,
                                   options->tag_may_replace, err));
    }
    memcpy(group->last, record.id, sizeof group->last);
    group->count++;
    group->is_broken = false;
    firn_ws_given_fill(made, &record);
    out->checkpoint = made;
    out->is_made = true;
out:
    firn_ws_save_tree_deinit(&tree);
    return rc;
}

static int
commit(struct firn_ws *ws, struct firn_ws_group *group, firn_error *err)
{
    struct firn_ws_opened *opened = &group->opened;
    const firn_callbacks silent = FIRN_CALLBACKS_INIT;
    bool were_packed;
    uint64_t size;
    if (group->is_broken) {
        return firn_error_set(err, FIRN_MISUSE, "a save of this group has failed");
    }
    FIRN_TRY_RETURN(firn_ws_save_tree_pack_records(opened, group->session, &were_packed, err));
    FIRN_TRY_RETURN(firn_objects_session_commit(group->session, &size, err)); /* (I1) */
    if (were_packed) {
        FIRN_TRY_RETURN(firn_catalog_stage_packed(opened->catalog, group->batch, err));
    }
    FIRN_TRY_RETURN(firn_statcache_forget(opened->db, FIRN_STATCACHE_COPIES, err));
    FIRN_TRY_RETURN(firn_db_write(opened->db, group->batch, FIRN_DURABILITY_FULL, err));
    free_parts(group); /* joining packs needs the number of the next one */
    FIRN_IGNORE(firn_reclaim_join(ws, opened, &silent, NULL));
    return FIRN_OK;
}

int
firn_ws_group_end(struct firn_ws *ws, bool keep, firn_error *err)
{
    struct firn_ws_group *group = ws->group;
    if (group == NULL) {
        return FIRN_OK;
    }
    ws->group = NULL;
    bool has_any = group->count > 0 || group->is_broken;
    int rc = keep && has_any ? commit(ws, group, err) : FIRN_OK;
    free_parts(group);
    /* What was committed is durable: a store that cannot be closed properly is recovered by the next open. */
    FIRN_IGNORE(firn_ws_opened_close(ws, &group->opened, rc, NULL));
    firn_free(group);
    return rc;
}

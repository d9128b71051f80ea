/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_group.c: saves that become durable together.
 *
 * An import makes hundreds of checkpoints, and nobody needs each of them to be on disk before the
 * next. So the store stays open from the beginning to the end of a group, all scans add to one
 * session, which becomes one pack, and the records and tags wait in one batch:
 *
 *   save, each   scan into the session; record and tag into the batch
 *   end          seal the pack; index it; one commit with full durability of the batch
 *
 * This is the order of a single save (ws_save.c), with many records in place of one: after a crash
 * there are all checkpoints of the group, or none and a pack that the next writer removes (I1; not
 * checked: tests kill it).
 *
 * New directories are kept in memory as well, since later scans of the group compare with them and
 * the pack cannot be read yet. Memos of the stat cache name them before they are in the store, so
 * they are kept under a number of their own (FI_STATCACHE_COPIES) that only scans of a group use;
 * a group forgets them when it begins, so none that a crash left is ever used (I2; not checked:
 * tests kill imports), and when it ends.
 *
 * If a scan fails, some of its objects may be known to the session and not in it. Then the group is
 * broken: it cannot be committed any more (I3; not checked: the flag is_broken refuses it).
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "gc/gc.h"
#include "operations/operations.h"
#include "operations/operations_internal.h"
#include "statcache/statcache.h"

enum { SAVES_MAX = 512 };
static const uint64_t pack_size_max = UINT64_C(256) << 20;
static const uint64_t tree_bytes_max = UINT64_C(128) << 20;

static int
find_last(struct firn_ws *ws, struct fi_ws_group *group, firn_error *err)
{
    struct fi_catalog_record record;
    int rc = fi_catalog_newest(group->opened.catalog, group->opened.workspace.number, &ws->record,
                               &record, err);
    if (rc == FIRN_OK) {
        memcpy(group->last, record.id, sizeof group->last);
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static void
free_parts(struct fi_ws_group *group)
{
    fi_objects_session_end(group->session);
    fi_objects_treesink_destroy(group->fresh);
    fi_db_batch_destroy(group->batch);
    group->session = NULL;
    group->fresh = NULL;
    group->batch = NULL;
}

int
fi_ws_group_begin(struct firn_ws *ws, firn_error *err)
{
    const firn_callbacks silent = FIRN_CALLBACKS_INIT;
    if (ws->group != NULL) {
        return fi_error_set(err, FIRN_MISUSE, "a group of saves has begun already");
    }
    struct fi_ws_group *group = fi_alloc_zeroed(sizeof *group);
    if (group == NULL) {
        return fi_error_no_memory(err, "a group of saves");
    }
    int rc = fi_ws_opened_open(ws, FI_WS_CREATE, &group->opened, err);
    if (rc != FIRN_OK) {
        fi_free(group);
        return rc;
    }
    struct fi_ws_opened *opened = &group->opened;
    FI_TRY(fi_ws_pending_finish(ws, opened, 0, &silent, err));
    FI_TRY(fi_statcache_forget(opened->db, FI_STATCACHE_COPIES, err)); /* (I2) */
    FI_TRY(find_last(ws, group, err));
    FI_TRY(fi_db_batch_create(&group->batch, err));
    FI_TRY(fi_objects_treesink_create(ws->os, &group->fresh, err));
    FI_TRY(
        fi_objects_session_begin(opened->objects, FI_OBJECTS_SESSION_LEVEL, &group->session, err));
    group->trees = fi_objects_treesink_source(group->fresh, fi_objects_trees(opened->objects));
    ws->group = group;
    return FIRN_OK;
out:
    free_parts(group);
    FI_IGNORE(fi_ws_opened_close(ws, opened, rc, NULL));
    fi_free(group);
    return rc;
}

bool
fi_ws_group_is_full(const struct firn_ws *ws)
{
    const struct fi_ws_group *group = ws->group;
    return group != NULL &&
           (group->count >= SAVES_MAX ||
            atomic_load_explicit(&group->tree_bytes, memory_order_relaxed) >= tree_bytes_max ||
            fi_objects_session_size_bytes(group->session) >= pack_size_max);
}

static int
check_options(const firn_workspace_save_options *options, firn_error *err)
{
    bool is_plain = options->tree_path != NULL && !options->if_changed && options->keep == NULL &&
                    !options->marks_told && !options->turn_begins &&
                    options->turn.agent.size == 0 && options->turn.session.size == 0 &&
                    options->turn.prompt.size == 0;
    return is_plain ? FIRN_OK
                    : fi_error_set(err, FIRN_MISUSE,
                                   "a group of saves is for imports: with tree_path, and without "
                                   "turns, policies and if_changed");
}

int
fi_ws_group_save(struct firn_ws *ws, const firn_workspace_save_options *options,
                 const struct fi_ws_save_request *given, firn_workspace_save_result *out,
                 firn_error *err)
{
    struct fi_ws_group *group = ws->group;
    struct fi_ws_save_tree tree = {.session = NULL};
    struct fi_catalog_record record;
    firn_workspace_checkpoint *made;
    struct fi_ws_save_request request = *given;
    const struct fi_catalog_record texts = {.message = given->message, .turn = given->turn};
    int rc;
    request.group = group;
    FI_TRY(check_options(options, err));
    if (group->is_broken) {
        return fi_error_set(err, FIRN_MISUSE, "an earlier save of this group has failed");
    }
    FI_TRY(fi_ws_given_reserve(ws, fi_ws_given_text_size(&texts), &made, err));
    group->is_broken = true; /* (I3) */
    const uint64_t before = fi_objects_session_size_bytes(group->session);
    FI_TRY(fi_ws_save_tree_scan(&group->opened, &request, &tree, err));
    FI_TRY(fi_statcache_commit(tree.stat, err));
    tree.added_bytes = fi_objects_session_size_bytes(group->session) - before;
    FI_TRY(fi_ws_save_record_make(ws, &group->opened, &request, &tree, &record, err));
    memcpy(record.parent, group->last, sizeof record.parent);
    FI_TRY(fi_catalog_stage(group->opened.catalog, firn_str(ws->place.catalog_root),
                            &group->opened.workspace, &record, NULL, group->batch, err));
    if (options->tag != NULL) {
        FI_TRY(fi_ws_tag_stage(ws, &group->opened, group->batch, options->tag, &record,
                               options->tag_may_replace, err));
    }
    memcpy(group->last, record.id, sizeof group->last);
    group->count++;
    group->is_broken = false;
    fi_ws_given_fill(made, &record);
    out->checkpoint = made;
    out->is_made = true;
out:
    fi_ws_save_tree_deinit(&tree);
    return rc;
}

static int
ws_group_commit(struct firn_ws *ws, struct fi_ws_group *group, firn_error *err)
{
    struct fi_ws_opened *opened = &group->opened;
    const firn_callbacks silent = FIRN_CALLBACKS_INIT;
    bool were_packed;
    uint64_t size;
    if (group->is_broken) {
        return fi_error_set(err, FIRN_MISUSE, "a save of this group has failed");
    }
    FI_TRY_RETURN(fi_ws_save_tree_pack_records(opened, group->session, &were_packed, err));
    FI_TRY_RETURN(fi_objects_session_commit(group->session, &size, err)); /* (I1) */
    if (were_packed) {
        FI_TRY_RETURN(fi_catalog_stage_packed(opened->catalog, group->batch, err));
    }
    FI_TRY_RETURN(fi_statcache_forget(opened->db, FI_STATCACHE_COPIES, err));
    FI_TRY_RETURN(fi_db_write(opened->db, group->batch, FIRN_DURABILITY_FULL, err));
    free_parts(group); /* joining packs needs the number of the next one */
    FI_IGNORE(fi_gc_join(ws, opened, &silent, NULL));
    return FIRN_OK;
}

int
fi_ws_group_end(struct firn_ws *ws, bool keep, firn_error *err)
{
    struct fi_ws_group *group = ws->group;
    if (group == NULL) {
        return FIRN_OK;
    }
    ws->group = NULL;
    bool has_any = group->count > 0 || group->is_broken;
    int rc = keep && has_any ? ws_group_commit(ws, group, err) : FIRN_OK;
    free_parts(group);
    /* What was committed is durable: a store that cannot be closed properly is recovered by the
     * next open. */
    FI_IGNORE(fi_ws_opened_close(ws, &group->opened, rc, NULL));
    fi_free(group);
    return rc;
}

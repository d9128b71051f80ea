/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_tag.c: giving names to checkpoints, and taking them away.
 *
 * A tag is moved to another checkpoint only on request: people restore by tags, and a tag that
 * silently means something else restores the wrong thing. To give a checkpoint a tag that it has
 * already is no error and writes nothing.
 */
#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog_facts.h"
#include "handle/ws_opened.h"
#include "operations/operations.h"
#include "operations/operations_internal.h"
#include "reference/reference.h"

static int
check_name(const char *name, firn_error *err)
{
    if (firn_reference_is_name(firn_str(name))) {
        return FIRN_OK;
    }
    return firn_error_set(err, FIRN_INVALID,
                          "'%.120s' cannot be a tag: it takes up to %d letters, digits and any of "
                          "._-+/ with a letter first, and must not look like an id (four letters "
                          "or more, all from k to z) or mean something else already",
                          name, FIRN_REFERENCE_NAME_SIZE_MAX);
}

/* Sets a tag by the batch, and adds that to a step. */
static int
put(struct firn_ws *ws, struct firn_ws_opened *opened, struct firn_db_batch *batch,
    struct firn_catalog_facts *facts, const char *name, const struct firn_catalog_record *record,
    bool may_replace, firn_error *err)
{
    uint32_t number = opened->workspace.number;
    uint8_t value[FIRN_CATALOG_TAGS_SIZE];
    DCHECK(number != 0 && firn_reference_is_name(firn_str(name)));
    struct firn_catalog_tags_tag tag;
    int rc = firn_catalog_tags_find(opened->catalog, number, firn_str(name), &tag, err);
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        return rc;
    }
    if (rc == FIRN_OK) {
        char id[FIRN_CHECKPOINT_ID_SIZE];
        if (memcmp(tag.id, record->id, sizeof tag.id) == 0) {
            return FIRN_OK;
        }
        if (!may_replace) {
            firn_catalog_record_id_text(tag.id, id);
            return firn_error_set(err, FIRN_EXISTS,
                                  "the tag '%s' is given to another checkpoint already (%.*s)",
                                  name, FIRN_CHECKPOINT_ID_SHORT, id);
        }
    }
    memcpy(tag.id, record->id, sizeof tag.id);
    tag.order = record->order;
    tag.created_ns = firn_os_now_ns(ws->os);
    return firn_catalog_facts_set(opened->catalog, batch, number, facts, firn_str(name),
                                  firn_catalog_tags_encode(&tag, value), err);
}

int
firn_ws_tag_stage(struct firn_ws *ws, struct firn_ws_opened *opened, struct firn_db_batch *batch,
                  const char *name, const struct firn_catalog_record *record, bool may_replace,
                  firn_error *err)
{
    struct firn_catalog_facts facts = {.kind = FIRN_STEP_TAG}; /* part of a save: no step */
    int rc = check_name(name, err);
    rc = rc == FIRN_OK ? put(ws, opened, batch, &facts, name, record, may_replace, err) : rc;
    firn_catalog_facts_deinit(&facts);
    return rc;
}

int
firn_ws_tag_set(struct firn_ws *ws, const char *name, const char *reference, bool may_replace,
                firn_workspace_checkpoint **out, firn_error *err)
{
    struct firn_catalog_facts facts = {.kind = FIRN_STEP_TAG};
    struct firn_ws_opened opened;
    struct firn_catalog_record record;
    struct firn_db_batch *batch = NULL;
    int rc = check_name(name, err);
    if (rc == FIRN_OK) {
        rc = firn_ws_opened_open_store(ws, FIRN_WS_WRITE, &opened, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    FIRN_TRY(firn_ws_find_record(ws, &opened, reference, &record, err));
    FIRN_TRY(firn_ws_given_checkpoint(ws, &record, out, err));
    FIRN_TRY(firn_db_batch_create(&batch, err));
    FIRN_TRY(put(ws, &opened, batch, &facts, name, &record, may_replace, err));
    rc = firn_ws_facts_commit(ws, &opened, batch, &facts, err);
out:
    /* The tag is durable: a store that cannot be closed properly is recovered by the next open. */
    FIRN_IGNORE(firn_ws_opened_close(ws, &opened, rc, NULL));
    firn_db_batch_destroy(batch);
    firn_catalog_facts_deinit(&facts);
    return rc;
}

int
firn_ws_tag_delete(struct firn_ws *ws, const char *name, firn_error *err)
{
    struct firn_catalog_facts facts = {.kind = FIRN_STEP_TAG};
    struct firn_ws_opened opened;
    struct firn_db_batch *batch = NULL;
    int rc = firn_ws_opened_open_store(ws, FIRN_WS_WRITE, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FIRN_TRY(firn_db_batch_create(&batch, err));
    FIRN_TRY(firn_catalog_facts_set(opened.catalog, batch, opened.workspace.number, &facts,
                                    firn_str(name), firn_bytes(NULL, 0), err));
    rc = facts.changes.size > 0
             ? firn_ws_facts_commit(ws, &opened, batch, &facts, err)
             : firn_error_set(err, FIRN_NOT_FOUND, "there is no tag '%.300s'", name);
out:
    FIRN_IGNORE(firn_ws_opened_close(ws, &opened, rc, NULL));
    firn_db_batch_destroy(batch);
    firn_catalog_facts_deinit(&facts);
    return rc;
}

/* ---- listing ---- */

struct listing {
    struct firn_ws_opened *opened;
    int (*visit)(void *ctx, const firn_workspace_tag *tag);
    void *ctx;
    struct firn_buf record;
};

static int
list_one(void *ctx, firn_slice name, const struct firn_catalog_tags_tag *tag, firn_error *err)
{
    struct listing *listing = ctx;
    firn_workspace_tag told = {.name = name, .created_ns = tag->created_ns};
    struct firn_catalog_record record;
    firn_catalog_record_id_text(tag->id, told.id);
    int rc = firn_catalog_tags_follow(listing->opened->catalog, listing->opened->workspace.number,
                                      tag, &listing->record, &record, err);
    if (rc == FIRN_OK) {
        told.number = record.number;
    } else if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    return firn_error_stopped(err, listing->visit(listing->ctx, &told));
}

int
firn_ws_tag_list(struct firn_ws *ws, int (*visit)(void *ctx, const firn_workspace_tag *tag),
                 void *ctx, firn_error *err)
{
    struct firn_ws_opened opened;
    int rc = firn_ws_opened_open_store(ws, FIRN_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct listing listing = {.opened = &opened, .visit = visit, .ctx = ctx};
    if (opened.workspace.number != 0) {
        rc = firn_catalog_tags_list(opened.catalog, opened.workspace.number, list_one, &listing,
                                    err);
    }
    firn_buf_deinit(&listing.record);
    return firn_ws_opened_close(ws, &opened, rc, err);
}

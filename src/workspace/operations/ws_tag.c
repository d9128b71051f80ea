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
    if (fi_reference_is_name(firn_str(name))) {
        return FIRN_OK;
    }
    return fi_error_set(err, FIRN_INVALID,
                        "'%.120s' cannot be a tag: it takes up to %d letters, digits and any of "
                        "._-+/ with a letter first, and must not look like an id (four letters "
                        "or more, all from k to z) or mean something else already",
                        name, FI_REFERENCE_NAME_SIZE_MAX);
}

/* Sets a tag by the batch, and adds that to a step. */
static int
ws_tag_put(struct firn_ws *ws, struct fi_ws_opened *opened, struct firn_db_batch *batch,
           struct fi_catalog_facts *facts, const char *name, const struct fi_catalog_record *record,
           bool may_replace, firn_error *err)
{
    uint32_t number = opened->workspace.number;
    uint8_t value[FI_CATALOG_TAGS_SIZE];
    DCHECK(number != 0 && fi_reference_is_name(firn_str(name)));
    struct fi_catalog_tags_tag tag;
    int rc = fi_catalog_tags_find(opened->catalog, number, firn_str(name), &tag, err);
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        return rc;
    }
    if (rc == FIRN_OK) {
        char id[FIRN_CHECKPOINT_ID_SIZE];
        if (memcmp(tag.id, record->id, sizeof tag.id) == 0) {
            return FIRN_OK;
        }
        if (!may_replace) {
            fi_catalog_record_id_text(tag.id, id);
            return fi_error_set(err, FIRN_EXISTS,
                                "the tag '%s' is given to another checkpoint already (%.*s)", name,
                                FIRN_CHECKPOINT_ID_SHORT, id);
        }
    }
    memcpy(tag.id, record->id, sizeof tag.id);
    tag.order = record->order;
    tag.created_ns = fi_os_now_ns(ws->os);
    return fi_catalog_facts_set(opened->catalog, batch, number, facts, firn_str(name),
                                fi_catalog_tags_encode(&tag, value), err);
}

int
fi_ws_tag_stage(struct firn_ws *ws, struct fi_ws_opened *opened, struct firn_db_batch *batch,
                const char *name, const struct fi_catalog_record *record, bool may_replace,
                firn_error *err)
{
    struct fi_catalog_facts facts = {.kind = FIRN_STEP_TAG}; /* part of a save: no step */
    int rc = check_name(name, err);
    rc = rc == FIRN_OK ? ws_tag_put(ws, opened, batch, &facts, name, record, may_replace, err) : rc;
    fi_catalog_facts_deinit(&facts);
    return rc;
}

int
fi_ws_tag_set(struct firn_ws *ws, const char *name, const char *reference, bool may_replace,
              firn_workspace_checkpoint **out, firn_error *err)
{
    struct fi_catalog_facts facts = {.kind = FIRN_STEP_TAG};
    struct fi_ws_opened opened;
    struct fi_catalog_record record;
    struct firn_db_batch *batch = NULL;
    int rc = check_name(name, err);
    if (rc == FIRN_OK) {
        rc = fi_ws_opened_open_store(ws, FI_WS_WRITE, &opened, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    FI_TRY(fi_ws_find_record(ws, &opened, reference, &record, err));
    FI_TRY(fi_ws_given_checkpoint(ws, &record, out, err));
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(ws_tag_put(ws, &opened, batch, &facts, name, &record, may_replace, err));
    rc = fi_ws_facts_commit(ws, &opened, batch, &facts, err);
out:
    /* The tag is durable: a store that cannot be closed properly is recovered by the next open. */
    FI_IGNORE(fi_ws_opened_close(ws, &opened, rc, NULL));
    fi_db_batch_destroy(batch);
    fi_catalog_facts_deinit(&facts);
    return rc;
}

int
fi_ws_tag_delete(struct firn_ws *ws, const char *name, firn_error *err)
{
    struct fi_catalog_facts facts = {.kind = FIRN_STEP_TAG};
    struct fi_ws_opened opened;
    struct firn_db_batch *batch = NULL;
    int rc = fi_ws_opened_open_store(ws, FI_WS_WRITE, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(fi_catalog_facts_set(opened.catalog, batch, opened.workspace.number, &facts,
                                firn_str(name), firn_bytes(NULL, 0), err));
    rc = facts.changes.size > 0
             ? fi_ws_facts_commit(ws, &opened, batch, &facts, err)
             : fi_error_set(err, FIRN_NOT_FOUND, "there is no tag '%.300s'", name);
out:
    FI_IGNORE(fi_ws_opened_close(ws, &opened, rc, NULL));
    fi_db_batch_destroy(batch);
    fi_catalog_facts_deinit(&facts);
    return rc;
}

/* ---- listing ---- */

struct listing {
    struct fi_ws_opened *opened;
    int (*visit)(void *ctx, const firn_workspace_tag *tag);
    void *ctx;
    struct fi_buf record;
};

static int
list_one(void *ctx, firn_slice name, const struct fi_catalog_tags_tag *tag, firn_error *err)
{
    struct listing *listing = ctx;
    firn_workspace_tag told = {.name = name, .created_ns = tag->created_ns};
    struct fi_catalog_record record;
    fi_catalog_record_id_text(tag->id, told.id);
    int rc = fi_catalog_tags_follow(listing->opened->catalog, listing->opened->workspace.number,
                                    tag, &listing->record, &record, err);
    if (rc == FIRN_OK) {
        told.number = record.number;
    } else if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    return fi_error_stopped(err, listing->visit(listing->ctx, &told));
}

int
fi_ws_tag_list(struct firn_ws *ws, int (*visit)(void *ctx, const firn_workspace_tag *tag),
               void *ctx, firn_error *err)
{
    struct fi_ws_opened opened;
    int rc = fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct listing listing = {.opened = &opened, .visit = visit, .ctx = ctx};
    if (opened.workspace.number != 0) {
        rc = fi_catalog_tags_list(opened.catalog, opened.workspace.number, list_one, &listing, err);
    }
    fi_buf_deinit(&listing.record);
    return fi_ws_opened_close(ws, &opened, rc, err);
}

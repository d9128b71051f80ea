/* SPDX-License-Identifier: Apache-2.0
 *
 * undo/ws_facts.c: steps that change facts: tags, pins, messages, deletions.
 *
 * Such a step is made in the commit of its changes (catalog_facts.c), and joins the undo line when
 * that is read next (ws_undo_line.c). Its undo and its redo give values back (ws_facts_take.c). For
 * those who watch them, and for lists, a step is told as the values before and after it.
 */
#include "base/slice.h"
#include "undo/undo.h"

/* ---- values ---- */

int
fi_ws_facts_look_up(struct fi_ws_opened *opened, uint64_t order, const uint8_t *id,
                    struct fi_buf *bytes, enum fi_ws_facts_being *out, uint64_t *out_number,
                    firn_error *err)
{
    const uint32_t number = opened->workspace.number;
    struct fi_catalog_deleted deleted;
    struct fi_catalog_record record;
    firn_error cause;
    *out = FI_WS_FACTS_ALIVE;
    int rc = fi_catalog_get(opened->catalog, number, order, bytes, &record, &cause);
    if (rc == FIRN_NOT_FOUND) {
        *out = FI_WS_FACTS_DELETED;
        rc = fi_catalog_deleted_find(opened->catalog, number, order, bytes, &deleted, &cause);
        record = deleted.record;
    }
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        fi_error_copy(err, &cause);
        return rc;
    }
    if (rc == FIRN_NOT_FOUND || memcmp(record.id, id, sizeof record.id) != 0) {
        *out = FI_WS_FACTS_GONE;
    }
    *out_number = *out == FI_WS_FACTS_GONE ? 0 : record.number;
    return FIRN_OK;
}

bool
fi_ws_facts_subject(firn_workspace_step_kind kind, firn_slice name, firn_slice value,
                    uint64_t *out_order, uint8_t *out_id)
{
    struct fi_catalog_tags_tag tag;
    const uint8_t *id;
    if (kind == FIRN_STEP_TAG && fi_catalog_tags_decode(value, &tag, NULL) == FIRN_OK) {
        *out_order = tag.order;
        memcpy(out_id, tag.id, sizeof tag.id);
        return true;
    }
    if (kind != FIRN_STEP_TAG && fi_catalog_facts_read_name(name, out_order, &id)) {
        memcpy(out_id, id, FI_CATALOG_RECORD_ID_SIZE);
        return true;
    }
    return false;
}

/* ---- making steps ---- */

int
fi_ws_facts_commit(struct firn_ws *ws, struct fi_ws_opened *opened, struct firn_db_batch *batch,
                   const struct fi_catalog_facts *facts, firn_error *err)
{
    int rc = FIRN_OK;
    if (facts->changes.size > 0) {
        FI_TRY(fi_catalog_facts_put(opened->catalog, batch, firn_str(ws->place.catalog_root),
                                    &opened->workspace, facts, fi_os_now_ns(ws->os), err));
        rc = fi_db_write(opened->db, batch, FIRN_DURABILITY_FULL, err);
    }
out:
    return rc;
}

/* ---- telling ---- */

void
fi_ws_facts_told_deinit(struct fi_ws_facts_told *told)
{
    fi_catalog_facts_deinit(&told->facts);
    fi_buf_deinit(&told->list);
    fi_buf_deinit(&told->texts);
}

/* Room for the texts of all changes at once, so that they stay where they are. */
static int
make_room(struct fi_ws_facts_told *told, firn_error *err)
{
    struct fi_reader changes = fi_catalog_facts_read(&told->facts);
    struct fi_catalog_facts_change change;
    const firn_workspace_fact fact = {.before_number = 0};
    static const char texts[2][FIRN_CHECKPOINT_ID_SIZE];
    fi_buf_clear(&told->list);
    fi_buf_clear(&told->texts);
    while (fi_catalog_facts_next(&changes, &change)) {
        if (fi_buf_append(&told->list, &fact, sizeof fact) != FIRN_OK ||
            fi_buf_append(&told->texts, texts, sizeof texts) != FIRN_OK) {
            return fi_error_no_memory(err, "the steps of an undo");
        }
    }
    return FIRN_OK;
}

/* One side of a change: the id in text, of the checkpoint that it is about, its number, and the
 * value. */
static int
report_side(struct fi_ws_opened *opened, firn_workspace_step_kind kind,
            const struct fi_catalog_facts_change *change, firn_slice value, char *text,
            firn_slice *out, uint64_t *out_number, firn_error *err)
{
    uint8_t id[FI_CATALOG_RECORD_ID_SIZE];
    struct fi_buf bytes = {0};
    enum fi_ws_facts_being being;
    uint64_t order;
    int rc = FIRN_OK;
    if ((kind != FIRN_STEP_TAG || value.size > 0) &&
        fi_ws_facts_subject(kind, change->name, value, &order, id)) {
        fi_catalog_record_id_text(id, text);
        rc = fi_ws_facts_look_up(opened, order, id, &bytes, &being, out_number, err);
        *out = value.size == 0              ? firn_bytes(NULL, 0)
               : kind == FIRN_STEP_TAG      ? firn_str(text)
               : kind == FIRN_STEP_PIN      ? firn_str("pinned")
               : kind == FIRN_STEP_DESCRIBE ? value
                                            : firn_str("deleted");
    }
    fi_buf_deinit(&bytes);
    return rc;
}

int
fi_ws_facts_report(struct fi_ws_opened *opened, uint64_t order, struct fi_ws_facts_told *told,
                   firn_workspace_step *step, firn_error *err)
{
    struct fi_catalog_facts_change change;
    int rc =
        fi_catalog_facts_get(opened->catalog, opened->workspace.number, order, &told->facts, err);
    if (rc != FIRN_OK || told->facts.kind != step->kind) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    FI_TRY(make_room(told, err));
    struct fi_reader changes = fi_catalog_facts_read(&told->facts);
    for (size_t i = 0; fi_catalog_facts_next(&changes, &change); i++) {
        firn_workspace_fact *fact = (firn_workspace_fact *)(void *)told->list.data + i;
        char(*texts)[FIRN_CHECKPOINT_ID_SIZE] = (void *)told->texts.data;
        texts += 2 * i;
        fact->name = change.name;
        if (step->kind == FIRN_STEP_RESTORE) {
            continue; /* a path */
        }
        FI_TRY(report_side(opened, step->kind, &change, change.before, texts[0], &fact->before,
                           &fact->before_number, err));
        FI_TRY(report_side(opened, step->kind, &change, change.after, texts[1], &fact->after,
                           &fact->after_number, err));
        fact->name = step->kind == FIRN_STEP_TAG ? fact->name : firn_str(texts[0]);
    }
    step->facts = (const void *)told->list.data;
    step->fact_count = told->list.size / sizeof *step->facts;
out:
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_pin.c: keeping checkpoints from expiring or being deleted, and releasing them
 * again.
 *
 * All references are resolved first; then one commit with full durability pins, or unpins, all of
 * them (I1). A pin that exists stays as it is, with its time.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog_facts.h"
#include "handle/ws_opened.h"
#include "operations/operations.h"
#include "operations/operations_internal.h"

struct pinning {
    struct firn_ws *ws;
    struct fi_ws_opened opened;
    bool is_pinned;     /* the new state */
    struct fi_buf told; /* const firn_workspace_checkpoint * each, of the handle */
    struct firn_db_batch *batch;
    struct fi_catalog_facts facts;
};

static int
ws_pin_change(struct pinning *pinning, const struct fi_catalog_record *record, firn_error *err)
{
    struct fi_ws_opened *opened = &pinning->opened;
    struct fi_catalog_pins_pin pin = {.created_ns = fi_os_now_ns(pinning->ws->os)};
    uint8_t name[FI_CATALOG_FACTS_NAME_SIZE];
    uint8_t value[FI_CATALOG_PINS_SIZE];
    firn_workspace_checkpoint *checkpoint;
    bool was_pinned;
    int rc;
    DCHECK(pinning->batch != NULL && opened->workspace.number != 0); /* (I1) */
    memcpy(pin.id, record->id, sizeof pin.id);
    FI_TRY(
        fi_catalog_pins_has(opened->catalog, opened->workspace.number, record, &was_pinned, err));
    if (pinning->is_pinned != was_pinned) {
        FI_TRY(fi_catalog_facts_set(
            opened->catalog, pinning->batch, opened->workspace.number, &pinning->facts,
            fi_catalog_facts_name(record->order, record->id, name),
            pinning->is_pinned ? fi_catalog_pins_encode(&pin, value) : firn_bytes(NULL, 0), err));
    }
    FI_TRY(fi_ws_given_checkpoint(pinning->ws, record, &checkpoint, err));
    if (fi_buf_append(&pinning->told, &checkpoint, sizeof(void *)) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a list of checkpoints");
    }
out:
    return rc;
}

static int
ws_pin_run(struct pinning *pinning, const char *const *references, size_t count, firn_error *err)
{
    int rc;
    FI_TRY(fi_db_batch_create(&pinning->batch, err));
    for (size_t i = 0; i < count; i++) {
        struct fi_catalog_record record;
        FI_TRY(fi_ws_find_record(pinning->ws, &pinning->opened, references[i], &record, err));
        FI_TRY(ws_pin_change(pinning, &record, err));
    }
    rc = fi_ws_facts_commit(pinning->ws, &pinning->opened, pinning->batch, &pinning->facts, err);
out:
    fi_db_batch_destroy(pinning->batch);
    fi_catalog_facts_deinit(&pinning->facts);
    return rc;
}

int
fi_ws_pin_set(struct firn_ws *ws, const char *const *references, size_t count, bool is_pinned,
              int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint), void *ctx,
              firn_error *err)
{
    struct pinning pinning = {.ws = ws, .is_pinned = is_pinned, .facts = {.kind = FIRN_STEP_PIN}};
    int rc = fi_ws_opened_open_store(ws, FI_WS_WRITE, &pinning.opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = ws_pin_run(&pinning, references, count, err);
    /* The pins are durable: a store that cannot be closed properly is recovered by the next
     * open. */
    FI_IGNORE(fi_ws_opened_close(ws, &pinning.opened, rc, NULL));
    firn_workspace_checkpoint *const *told = (const void *)pinning.told.data;
    DCHECK(rc != FIRN_OK || pinning.told.size == count * sizeof(void *));
    for (size_t i = 0; rc == FIRN_OK && visit != NULL && i < count; i++) {
        rc = fi_error_stopped(err, visit(ctx, told[i]));
    }
    fi_ws_given_release(ws);
    fi_buf_deinit(&pinning.told);
    return rc;
}

/* ---- listing ---- */

struct listing {
    struct fi_ws_opened *opened;
    int (*visit)(void *ctx, const firn_workspace_pin *pin);
    void *ctx;
    struct fi_buf record;
};

static int
list_one(void *ctx, const struct fi_catalog_pins_pin *pin, firn_error *err)
{
    struct listing *listing = ctx;
    struct fi_catalog_record record;
    firn_workspace_pin told = {.created_ns = pin->created_ns};
    int rc = fi_catalog_get(listing->opened->catalog, listing->opened->workspace.number, pin->order,
                            &listing->record, &record, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* a pin without its checkpoint is ignored */
    }
    told.number = record.number;
    fi_catalog_record_id_text(pin->id, told.id);
    return fi_error_stopped(err, listing->visit(listing->ctx, &told));
}

int
fi_ws_pin_list(struct firn_ws *ws, int (*visit)(void *ctx, const firn_workspace_pin *pin),
               void *ctx, firn_error *err)
{
    struct fi_ws_opened opened;
    int rc = fi_ws_opened_open_store(ws, FI_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct listing listing = {.opened = &opened, .visit = visit, .ctx = ctx};
    if (opened.workspace.number != 0) {
        rc = fi_catalog_pins_list(opened.catalog, opened.workspace.number, list_one, &listing, err);
    }
    fi_buf_deinit(&listing.record);
    return fi_ws_opened_close(ws, &opened, rc, err);
}

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
    struct firn_ws_opened opened;
    bool is_pinned;       /* the new state */
    struct firn_buf told; /* const firn_workspace_checkpoint * each, of the handle */
    struct firn_db_batch *batch;
    struct firn_catalog_facts facts;
};

static int
change(struct pinning *pinning, const struct firn_catalog_record *record, firn_error *err)
{
    struct firn_ws_opened *opened = &pinning->opened;
    struct firn_catalog_pins_pin pin = {.created_ns = firn_os_now_ns(pinning->ws->os)};
    uint8_t name[FIRN_CATALOG_FACTS_NAME_SIZE];
    uint8_t value[FIRN_CATALOG_PINS_SIZE];
    firn_workspace_checkpoint *checkpoint;
    bool was_pinned;
    int rc;
    DCHECK(pinning->batch != NULL && opened->workspace.number != 0); /* (I1) */
    memcpy(pin.id, record->id, sizeof pin.id);
    FIRN_TRY(
        firn_catalog_pins_has(opened->catalog, opened->workspace.number, record, &was_pinned, err));
    if (pinning->is_pinned != was_pinned) {
        FIRN_TRY(firn_catalog_facts_set(
            opened->catalog, pinning->batch, opened->workspace.number, &pinning->facts,
            firn_catalog_facts_name(record->order, record->id, name),
            pinning->is_pinned ? firn_catalog_pins_encode(&pin, value) : firn_bytes(NULL, 0), err));
    }
    FIRN_TRY(firn_ws_given_checkpoint(pinning->ws, record, &checkpoint, err));
    if (firn_buf_append(&pinning->told, &checkpoint, sizeof(void *)) != FIRN_OK) {
        rc = firn_error_no_memory(err, "a list of checkpoints");
    }
out:
    return rc;
}

static int
run(struct pinning *pinning, const char *const *references, size_t count, firn_error *err)
{
    int rc;
    FIRN_TRY(firn_db_batch_create(&pinning->batch, err));
    for (size_t i = 0; i < count; i++) {
        struct firn_catalog_record record;
        FIRN_TRY(firn_ws_find_record(pinning->ws, &pinning->opened, references[i], &record, err));
        FIRN_TRY(change(pinning, &record, err));
    }
    rc = firn_ws_facts_commit(pinning->ws, &pinning->opened, pinning->batch, &pinning->facts, err);
out:
    firn_db_batch_destroy(pinning->batch);
    firn_catalog_facts_deinit(&pinning->facts);
    return rc;
}

int
firn_ws_pin_set(struct firn_ws *ws, const char *const *references, size_t count, bool is_pinned,
                int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint), void *ctx,
                firn_error *err)
{
    struct pinning pinning = {.ws = ws, .is_pinned = is_pinned, .facts = {.kind = FIRN_STEP_PIN}};
    int rc = firn_ws_opened_open_store(ws, FIRN_WS_WRITE, &pinning.opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = run(&pinning, references, count, err);
    /* The pins are durable: a store that cannot be closed properly is recovered by the next
     * open. */
    FIRN_IGNORE(firn_ws_opened_close(ws, &pinning.opened, rc, NULL));
    firn_workspace_checkpoint *const *told = (const void *)pinning.told.data;
    DCHECK(rc != FIRN_OK || pinning.told.size == count * sizeof(void *));
    for (size_t i = 0; rc == FIRN_OK && visit != NULL && i < count; i++) {
        rc = firn_error_stopped(err, visit(ctx, told[i]));
    }
    firn_ws_given_release(ws);
    firn_buf_deinit(&pinning.told);
    return rc;
}

/* ---- listing ---- */

struct listing {
    struct firn_ws_opened *opened;
    int (*visit)(void *ctx, const firn_workspace_pin *pin);
    void *ctx;
    struct firn_buf record;
};

static int
list_one(void *ctx, const struct firn_catalog_pins_pin *pin, firn_error *err)
{
    struct listing *listing = ctx;
    struct firn_catalog_record record;
    firn_workspace_pin told = {.created_ns = pin->created_ns};
    int rc = firn_catalog_get(listing->opened->catalog, listing->opened->workspace.number,
                              pin->order, &listing->record, &record, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* a pin without its checkpoint is ignored */
    }
    told.number = record.number;
    firn_catalog_record_id_text(pin->id, told.id);
    return firn_error_stopped(err, listing->visit(listing->ctx, &told));
}

int
firn_ws_pin_list(struct firn_ws *ws, int (*visit)(void *ctx, const firn_workspace_pin *pin),
                 void *ctx, firn_error *err)
{
    struct firn_ws_opened opened;
    int rc = firn_ws_opened_open_store(ws, FIRN_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct listing listing = {.opened = &opened, .visit = visit, .ctx = ctx};
    if (opened.workspace.number != 0) {
        rc = firn_catalog_pins_list(opened.catalog, opened.workspace.number, list_one, &listing,
                                    err);
    }
    firn_buf_deinit(&listing.record);
    return firn_ws_opened_close(ws, &opened, rc, err);
}

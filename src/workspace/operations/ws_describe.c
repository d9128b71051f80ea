/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_describe.c: giving a checkpoint another message.
 *
 * Only the record in the catalog changes, in one commit with the step that undo takes back: id,
 * number, time and tree stay. The next save adds it to a pack; the copy of the record in an
 * earlier one, and a remote to which the checkpoint was pushed before, have the earlier message.
 * Both messages are in the step, so together they are limited by its size (I1; tested, not
 * asserted: they come from outside): a change that could not be taken back is refused.
 */
#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog_facts.h"
#include "handle/ws_opened.h"
#include "operations/operations.h"
#include "operations/operations_internal.h"

enum { MESSAGES_SIZE_MAX = FI_CATALOG_FACTS_SIZE_MAX - 256 };

/* Adds the change to a batch. *record has the new message then. */
static int
stage(struct fi_ws_opened *opened, struct firn_db_batch *batch, struct fi_catalog_facts *facts,
      struct fi_catalog_record *record, firn_slice message, firn_error *err)
{
    uint8_t name[FI_CATALOG_FACTS_NAME_SIZE];
    const struct fi_catalog_facts_change change = {
        fi_catalog_facts_name(record->order, record->id, name), record->message, message};
    if (fi_slice_equal(record->message, message)) {
        return FIRN_OK;
    }
    if (record->message.size + message.size > MESSAGES_SIZE_MAX) { /* (I1) */
        return fi_error_set(err, FIRN_LIMIT,
                            "the message and the one before it have %zu bytes together, and may "
                            "have %d",
                            record->message.size + message.size, MESSAGES_SIZE_MAX);
    }
    FI_TRY_RETURN(fi_catalog_facts_note(facts, &change, err));
    record->message = message;
    return fi_catalog_put_record(opened->catalog, batch, opened->workspace.number, record, err);
}

int
fi_ws_describe(struct firn_ws *ws, const char *reference, firn_slice message,
               firn_workspace_checkpoint **out, firn_error *err)
{
    struct fi_catalog_facts facts = {.kind = FIRN_STEP_DESCRIBE};
    struct fi_ws_opened opened;
    struct fi_catalog_record record;
    struct firn_db_batch *batch = NULL;
    int rc = fi_ws_opened_open_store(ws, FI_WS_WRITE, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    FI_TRY(fi_ws_find_record(ws, &opened, reference, &record, err));
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(stage(&opened, batch, &facts, &record, message, err));
    DCHECK(fi_slice_equal(record.message, message) && opened.workspace.number != 0);
    FI_TRY(fi_ws_given_checkpoint(ws, &record, out, err));
    rc = fi_ws_facts_commit(ws, &opened, batch, &facts, err);
out:
    /* The message is durable: a store that cannot be closed properly is recovered by the next
     * open. */
    FI_IGNORE(fi_ws_opened_close(ws, &opened, rc, NULL));
    fi_db_batch_destroy(batch);
    fi_catalog_facts_deinit(&facts);
    return rc;
}

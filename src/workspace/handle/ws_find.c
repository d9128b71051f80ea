/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws_find.c: one checkpoint by a reference.
 */
#include "base/check.h"
#include "handle/ws_internal.h"

int
firn_ws_find_record(struct firn_ws *ws, struct firn_ws_opened *opened, const char *reference,
                    struct firn_catalog_record *out, firn_error *err)
{
    if (opened->workspace.number == 0) {
        return firn_error_set(err, FIRN_NOT_FOUND, "'%.512s' has no checkpoint yet: save it first",
                              ws->place.root);
    }
    DCHECK(opened->catalog != NULL);
    return firn_catalog_resolve(opened->catalog, opened->workspace.number, reference, &ws->result,
                                out, err);
}

int
firn_ws_find_own(struct firn_ws *ws, struct firn_ws_opened *opened, const char *reference,
                 struct firn_buf *bytes, struct firn_catalog_record *out, firn_error *err)
{
    DCHECK(bytes != &ws->result);
    int rc = firn_ws_find_record(ws, opened, reference, out, err);
    firn_buf_deinit(bytes);
    *bytes = ws->result;
    ws->result = (struct firn_buf){0};
    return rc;
}

int
firn_ws_find_previous(struct firn_ws *ws, struct firn_ws_opened *opened,
                      const struct firn_catalog_record *record, struct firn_buf *bytes,
                      struct firn_catalog_record *out, firn_error *err)
{
    char reference[FIRN_CHECKPOINT_ID_SIZE + 2];
    firn_catalog_record_id_text(record->id, reference);
    memcpy(reference + FIRN_CHECKPOINT_ID_SIZE - 1, "~1", sizeof "~1");
    return firn_ws_find_own(ws, opened, reference, bytes, out, err);
}

int
firn_ws_find(struct firn_ws *ws, const char *reference, firn_workspace_checkpoint *out,
             firn_error *err)
{
    struct firn_ws_opened opened;
    struct firn_catalog_record record;
    int rc = firn_ws_opened_open(ws, FIRN_WS_READ, &opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_ws_find_record(ws, &opened, reference, &record, err);
    if (rc == FIRN_OK) {
        firn_catalog_record_to_checkpoint(&record, out);
    }
    int close_rc = firn_ws_opened_close(ws, &opened, rc != FIRN_OK, err);
    return rc != FIRN_OK ? rc : close_rc;
}

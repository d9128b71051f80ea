/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_expire.c: which safety checkpoints have had their time.
 *
 * Every restore leaves one, so they must go by themselves; but they are what an undo needs, and
 * nobody was asked when they were made. So each stays while it is among the last 10 of its
 * workspace, or younger than 7 days, or has a tag, or the journal of the last restore needs it. A
 * clock that was put
 * back makes them younger, one that runs ahead takes at most those beyond the last 10.
 *
 * Checkpoints that a person made never expire here.
 */
#include "workspace/ws_expire.h"

#include "base/bytes.h"
#include "base/slice.h"
#include "workspace/ws_catalog_tags.h"
#include "workspace/ws_delete.h"
#include "workspace/ws_journal.h"

enum { KEPT_COUNT = 10 };
static const int64_t KEPT_NS = INT64_C(7) * 24 * 3600 * 1000000000;

struct expiring {
    uint32_t workspace; /* of the records that are being met, newest first */
    uint64_t met;       /* safety checkpoints of it */
};

static bool
is_old(const struct firn_ws_record *record, int64_t now_ns)
{
    return record->created_ns < now_ns && now_ns - record->created_ns > KEPT_NS;
}

static int
has_expired(struct firn_ws_opened *opened, struct expiring *expiring, uint32_t workspace,
            const struct firn_ws_record *record, int64_t now_ns, bool *out, firn_error *err)
{
    *out = false;
    if (workspace != expiring->workspace) {
        *expiring = (struct expiring){.workspace = workspace};
    }
    if (!record->is_safety || ++expiring->met <= KEPT_COUNT || !is_old(record, now_ns)) {
        return FIRN_OK;
    }
    bool has_tag;
    bool is_needed;
    int rc;
    FIRN_TRY(firn_ws_catalog_tags_has(opened->catalog, workspace, record->id, &has_tag, err));
    FIRN_TRY(firn_ws_journal_needs(opened->db, workspace, record->id, &is_needed, err));
    *out = !has_tag && !is_needed;
out:
    return rc;
}

int
firn_ws_expire_list(struct firn_ws_opened *opened, uint32_t workspace, int64_t now_ns,
                    int (*visit)(void *ctx, uint32_t of_workspace,
                                 const struct firn_ws_record *record, firn_error *err),
                    void *ctx, firn_error *err)
{
    struct expiring expiring = {0};
    struct firn_db_keyspace *checkpoints;
    struct firn_db_cursor *cursor = NULL;
    uint8_t prefix_bytes[4];
    firn_store_be32(prefix_bytes, workspace);
    firn_slice prefix = firn_bytes(prefix_bytes, sizeof prefix_bytes);
    struct firn_db_cursor_options options = {.prefix = workspace == 0 ? NULL : &prefix};
    int rc = firn_db_keyspace_open(opened->db, FIRN_WS_DELETE_CHECKPOINTS, &checkpoints, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    FIRN_TRY(firn_db_cursor_open(checkpoints, &options, &cursor, err));
    for (rc = firn_db_cursor_last(cursor, err); rc == FIRN_OK && firn_db_cursor_valid(cursor);
         rc = firn_db_cursor_prev(cursor, err)) {
        firn_slice key = firn_db_cursor_key(cursor);
        struct firn_ws_record record;
        FIRN_TRY(firn_ws_record_decode(firn_db_cursor_value(cursor), &record, err));
        uint32_t number = key.size >= 4 ? firn_load_be32(key.data) : 0;
        bool is_over;
        FIRN_TRY(has_expired(opened, &expiring, number, &record, now_ns, &is_over, err));
        FIRN_TRY(is_over ? visit(ctx, number, &record, err) : FIRN_OK);
    }
out:
    firn_db_cursor_close(cursor);
    return rc;
}

struct deleting {
    struct firn_ws_delete_batch batch;
    uint64_t count;
};

static int
delete_one(void *ctx, uint32_t of_workspace, const struct firn_ws_record *record, firn_error *err)
{
    struct deleting *deleting = ctx;
    deleting->count++;
    return firn_ws_delete_batch_add(&deleting->batch, of_workspace, record, err);
}

int
firn_ws_expire(struct firn_ws_opened *opened, uint32_t workspace, int64_t now_ns,
               uint64_t *out_count, firn_error *err)
{
    struct deleting deleting = {.count = 0};
    *out_count = 0;
    int rc = firn_ws_delete_batch_init(&deleting.batch, opened, err);
    if (rc == FIRN_OK) {
        rc = firn_ws_expire_list(opened, workspace, now_ns, delete_one, &deleting, err);
    }
    if (rc == FIRN_OK && deleting.count > 0) {
        rc = firn_db_write(opened->db, deleting.batch.batch, FIRN_DURABILITY_OS, err);
        *out_count = rc == FIRN_OK ? deleting.count : 0;
    }
    firn_ws_delete_batch_deinit(&deleting.batch);
    return rc;
}

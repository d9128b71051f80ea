/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_delete.c: deleting checkpoints.
 *
 * All references are resolved first, so that one that names nothing leaves everything as it was;
 * then one commit with full durability takes all of them out of the catalog (I1). Their objects
 * stay where they are until a collection of garbage finds that nothing else needs them, and their
 * numbers are never given again (ws_catalog.c).
 */
#include "workspace/ws_delete.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/slice.h"

enum { KEY_SIZE = 12 };

int
firn_ws_delete_batch_init(struct firn_ws_delete_batch *out, struct firn_db *db, firn_error *err)
{
    *out = (struct firn_ws_delete_batch){0};
    int rc;
    FIRN_TRY(firn_db_keyspace_open(db, FIRN_WS_DELETE_CHECKPOINTS, &out->checkpoints, err));
    FIRN_TRY(firn_db_keyspace_open(db, FIRN_WS_DELETE_UNPACKED, &out->unpacked, err));
    FIRN_TRY(firn_db_batch_create(&out->batch, err));
out:
    return rc;
}

void
firn_ws_delete_batch_deinit(struct firn_ws_delete_batch *batch)
{
    firn_db_batch_destroy(batch->batch);
    batch->batch = NULL;
}

int
firn_ws_delete_batch_add(struct firn_ws_delete_batch *batch, firn_slice key, firn_error *err)
{
    int rc = firn_db_batch_delete(batch->batch, batch->checkpoints, key, err);
    return rc == FIRN_OK ? firn_db_batch_delete(batch->batch, batch->unpacked, key, err) : rc;
}

/* One of the checkpoints to delete: its record's bytes lie in `bytes` of the operation. */
struct victim {
    uint64_t order;
    size_t offset;
    size_t size;
};

struct deleting {
    struct firn_ws *ws;
    struct firn_ws_opened opened;
    struct firn_buf bytes;   /* the records, one after the other */
    struct firn_buf victims; /* of struct victim */
};

static bool
is_listed(const struct deleting *deleting, uint64_t order)
{
    const struct victim *victims = (const void *)deleting->victims.data;
    for (size_t i = 0; i < deleting->victims.size / sizeof *victims; i++) {
        if (victims[i].order == order) {
            return true;
        }
    }
    return false;
}

static int
resolve(struct deleting *deleting, const char *reference, firn_error *err)
{
    struct firn_ws_record record;
    int rc = firn_ws_find_record(deleting->ws, &deleting->opened, reference, &record, err);
    if (rc != FIRN_OK || is_listed(deleting, record.order)) {
        return rc;
    }
    struct victim victim = {.order = record.order, .offset = deleting->bytes.size};
    rc = firn_ws_record_encode(&record, &deleting->bytes);
    victim.size = deleting->bytes.size - victim.offset;
    if (rc == FIRN_OK) {
        rc = firn_buf_append(&deleting->victims, &victim, sizeof victim);
    }
    return rc == FIRN_OK ? FIRN_OK : firn_error_no_memory(err, "a list of checkpoints");
}

static int
commit(struct deleting *deleting, firn_error *err)
{
    const struct victim *victims = (const void *)deleting->victims.data;
    struct firn_ws_delete_batch batch;
    uint8_t key[KEY_SIZE];
    int rc = firn_ws_delete_batch_init(&batch, deleting->opened.db, err);
    firn_store_be32(key, deleting->opened.workspace.number);
    for (size_t i = 0; rc == FIRN_OK && i < deleting->victims.size / sizeof *victims; i++) {
        firn_store_be64(key + 4, victims[i].order);
        rc = firn_ws_delete_batch_add(&batch, firn_bytes(key, sizeof key), err);
    }
    if (rc == FIRN_OK) {
        rc = firn_db_write(deleting->opened.db, batch.batch, FIRN_DURABILITY_FULL, err);
    }
    firn_ws_delete_batch_deinit(&batch);
    return rc;
}

static int
run(struct deleting *deleting, const char *const *references, size_t count, bool is_dry,
    firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        rc = resolve(deleting, references[i], err);
    }
    return rc == FIRN_OK && deleting->victims.size > 0 && !is_dry ? commit(deleting, err) : rc;
}

/* What was deleted can be told from the copies of the records. */
static int
tell(const struct deleting *deleting, int (*visit)(void *ctx, const firn_checkpoint *checkpoint),
     void *ctx, firn_error *err)
{
    const struct victim *victims = (const void *)deleting->victims.data;
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < deleting->victims.size / sizeof *victims; i++) {
        struct firn_ws_record record;
        firn_checkpoint checkpoint;
        rc = firn_ws_record_decode(
            firn_bytes(deleting->bytes.data + victims[i].offset, victims[i].size), &record, err);
        if (rc == FIRN_OK) {
            firn_ws_record_to_checkpoint(&record, &checkpoint);
            rc = visit(ctx, &checkpoint);
            rc = rc == FIRN_OK ? FIRN_OK : firn_error_set(err, rc, "stopped by the caller");
        }
    }
    return rc;
}

int
firn_ws_delete(struct firn_ws *ws, const char *const *references, size_t count,
               const firn_delete_options *options,
               int (*visit)(void *ctx, const firn_checkpoint *checkpoint), void *ctx,
               firn_error *err)
{
    struct deleting deleting = {.ws = ws};
    enum firn_ws_open_mode mode = options->dry_run ? FIRN_WS_READ : FIRN_WS_WRITE;
    int rc = firn_ws_opened_open(ws, mode, &deleting.opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = run(&deleting, references, count, options->dry_run, err);
    /* The commit is durable: a store that cannot be closed properly is recovered by the next
     * open. */
    FIRN_IGNORE(firn_ws_opened_close(ws, &deleting.opened, rc != FIRN_OK, NULL));
    if (rc == FIRN_OK && visit != NULL) {
        rc = tell(&deleting, visit, ctx, err);
    }
    firn_buf_deinit(&deleting.bytes);
    firn_buf_deinit(&deleting.victims);
    return rc;
}

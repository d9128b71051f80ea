/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_expire.c: which checkpoints have expired.
 *
 * Every restore makes a safety checkpoint, so these must expire automatically; no user asked for
 * them. But an undo needs them. So each stays while it is among the last 10 of its workspace, or
 * younger than 7 days.
 *
 * Other checkpoints expire by a policy that the caller gives (catalog_policy.c), and without a
 * policy not at all. Every policy keeps the newest one. A checkpoint younger than a day stays under
 * every policy (I1).
 *
 * A checkpoint of either kind stays if it has a tag or a pin, or if the journal of the last restore
 * needs it (I2; not checked: is_held asks for nothing else). A clock that was set back makes
 * checkpoints younger; one from the future is never old (I3). A clock that runs ahead deletes at
 * most safety checkpoints beyond the last 10; for the others see catalog_policy.c.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "catalog/catalog_journal.h"
#include "gc/gc.h"

enum { SAFETY_KEPT_COUNT = 10 };
static const int64_t DAY_NS = INT64_C(24) * 3600 * 1000000000;
static const int64_t SAFETY_KEPT_NS = INT64_C(7) * 24 * 3600 * 1000000000;

struct expiring {
    struct fi_ws_opened *opened;
    const struct fi_gc_expire_rule *rule;
    uint32_t workspace; /* of the records being visited, newest first */
    bool is_line;       /* of a remote: its checkpoints stay as long as the remote is known */
    uint64_t safety_met;
    struct fi_catalog_policy_walk walk;
};

/* (I3) */
static bool
is_older(const struct expiring *expiring, const struct fi_catalog_record *record, int64_t span_ns)
{
    int64_t now_ns = expiring->rule->now_ns;
    DCHECK(span_ns > 0); /* else a checkpoint of this instant would be old (I3) */
    return record->created_ns < now_ns &&
           (uint64_t)now_ns - (uint64_t)record->created_ns > (uint64_t)span_ns;
}

static bool
is_over(struct expiring *expiring, const struct fi_catalog_record *record)
{
    if (record->is_safety) {
        return ++expiring->safety_met > SAFETY_KEPT_COUNT &&
               is_older(expiring, record, SAFETY_KEPT_NS);
    }
    return expiring->rule->keep != NULL &&
           !fi_catalog_policy_next(&expiring->walk, record->created_ns) &&
           is_older(expiring, record, DAY_NS); /* (I1) */
}

/* (I2) */
static int
is_held(struct expiring *expiring, const struct fi_catalog_record *record, bool *out,
        firn_error *err)
{
    struct fi_ws_opened *opened = expiring->opened;
    uint32_t workspace = expiring->workspace;
    bool has_tag;
    bool is_pinned;
    bool is_needed;
    FI_TRY_RETURN(fi_catalog_tags_has(opened->catalog, workspace, record->id, &has_tag, err));
    FI_TRY_RETURN(fi_catalog_pins_has(opened->catalog, workspace, record, &is_pinned, err));
    FI_TRY_RETURN(fi_catalog_journal_needs(opened->db, workspace, record->id, &is_needed, err));
    *out = has_tag || is_pinned || is_needed;
    return FIRN_OK;
}

static int
has_expired(struct expiring *expiring, uint32_t workspace, const struct fi_catalog_record *record,
            bool *out, firn_error *err)
{
    *out = false;
    if (workspace != expiring->workspace) {
        FI_TRY_RETURN(
            fi_catalog_lines_has(expiring->opened->catalog, workspace, &expiring->is_line, err));
        expiring->workspace = workspace;
        expiring->safety_met = 0;
        if (expiring->rule->keep != NULL) {
            fi_catalog_policy_begin(&expiring->walk, expiring->rule->keep);
        }
    }
    if (expiring->is_line || !is_over(expiring, record)) {
        return FIRN_OK;
    }
    bool holds;
    int rc = is_held(expiring, record, &holds, err);
    *out = rc == FIRN_OK && !holds;
    CHECK(!*out || is_older(expiring, record, DAY_NS)); /* (I1) */
    return rc;
}

int
fi_gc_expire_list(struct fi_ws_opened *opened, const struct fi_gc_expire_rule *rule,
                  int (*visit)(void *ctx, uint32_t of_workspace,
                               const struct fi_catalog_record *record, firn_error *err),
                  void *ctx, firn_error *err)
{
    struct expiring expiring = {.opened = opened, .rule = rule};
    struct firn_db_keyspace *checkpoints;
    struct firn_db_cursor *cursor = NULL;
    uint8_t prefix_bytes[4];
    fi_store_be32(prefix_bytes, rule->workspace);
    firn_slice prefix = firn_bytes(prefix_bytes, sizeof prefix_bytes);
    struct fi_db_cursor_options options = {.prefix = rule->workspace == 0 ? NULL : &prefix};
    int rc = fi_db_keyspace_open(opened->db, FI_CATALOG_CHECKPOINTS, &checkpoints, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    FI_TRY(fi_db_cursor_open(checkpoints, &options, &cursor, err));
    for (rc = fi_db_cursor_last(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_prev(cursor, err)) {
        firn_slice key = fi_db_cursor_key(cursor);
        struct fi_catalog_record record;
        FI_TRY(fi_catalog_record_decode(fi_db_cursor_value(cursor), &record, err));
        uint32_t number = key.size >= 4 ? fi_load_be32(key.data) : 0;
        bool goes;
        FI_TRY(has_expired(&expiring, number, &record, &goes, err));
        FI_TRY(goes ? visit(ctx, number, &record, err) : FIRN_OK);
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

/* ---- deleting ---- */

struct deleting {
    struct fi_gc_delete_batch batch;
    struct fi_gc_expire_counts counts;
    bool is_dry;
    struct fi_buf *told; /* their records, each after its size; NULL: not wanted */
};

static int
gc_expire_note(struct fi_buf *told, const struct fi_catalog_record *record, firn_error *err)
{
    size_t start = told->size;
    uint8_t size[4] = {0};
    int rc;
    FI_TRY(fi_buf_append(told, size, sizeof size));
    FI_TRY(fi_catalog_record_encode(record, told));
    fi_store_le32(told->data + start, (uint32_t)(told->size - start - sizeof size));
out:
    return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a list of checkpoints");
}

static int
delete_one(void *ctx, uint32_t of_workspace, const struct fi_catalog_record *record,
           firn_error *err)
{
    struct deleting *deleting = ctx;
    int rc = FIRN_OK;
    DCHECK(deleting->is_dry == (deleting->batch.batch == NULL));
    if (record->is_safety) {
        deleting->counts.safety++;
    } else {
        deleting->counts.checkpoints++;
    }
    if (deleting->told != NULL) {
        rc = gc_expire_note(deleting->told, record, err);
    }
    return rc != FIRN_OK || deleting->is_dry
               ? rc
               : fi_gc_delete_batch_add(&deleting->batch, of_workspace, record, err);
}

static int
gc_expire_run(struct fi_ws_opened *opened, const struct fi_gc_expire_rule *rule,
              struct deleting *deleting, enum firn_durability durability, firn_error *err)
{
    int rc = FIRN_OK;
    if (!deleting->is_dry) {
        FI_TRY(fi_gc_delete_batch_init(&deleting->batch, opened, err));
    }
    FI_TRY(fi_gc_expire_list(opened, rule, delete_one, deleting, err));
    if (!deleting->is_dry && deleting->counts.safety + deleting->counts.checkpoints > 0) {
        FI_TRY(fi_db_write(opened->db, deleting->batch.batch, durability, err));
    }
out:
    fi_gc_delete_batch_deinit(&deleting->batch);
    return rc;
}

int
fi_gc_expire(struct fi_ws_opened *opened, const struct fi_gc_expire_rule *rule,
             struct fi_gc_expire_counts *out, firn_error *err)
{
    struct deleting deleting = {.told = NULL};
    *out = (struct fi_gc_expire_counts){0};
    int rc = gc_expire_run(opened, rule, &deleting, FIRN_DURABILITY_OS, err);
    if (rc == FIRN_OK) {
        *out = deleting.counts;
        uint64_t ended;
        rc = fi_gc_delete_end(opened, rule->workspace, rule->now_ns - FI_CATALOG_DELETED_KEPT_NS,
                              &ended, err);
    }
    return rc;
}

/* ---- by request ---- */

static int
gc_expire_report(firn_slice told,
                 int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint), void *ctx,
                 firn_error *err)
{
    int rc = FIRN_OK;
    while (rc == FIRN_OK && told.size > 0) {
        struct fi_catalog_record record;
        firn_workspace_checkpoint checkpoint;
        CHECK(told.size >= 4 && fi_load_le32(told.data) <= told.size - 4);
        size_t size = fi_load_le32(told.data);
        rc = fi_catalog_record_decode(firn_bytes(told.data + 4, size), &record, err);
        if (rc == FIRN_OK) {
            fi_catalog_record_to_checkpoint(&record, &checkpoint);
            rc = fi_error_stopped(err, visit(ctx, &checkpoint));
        }
        told = firn_bytes(told.data + 4 + size, told.size - 4 - size);
    }
    return rc;
}

int
fi_gc_expire_request(struct firn_ws *ws, const firn_workspace_expire_options *options,
                     int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                     void *ctx, firn_error *err)
{
    struct fi_ws_opened opened;
    struct fi_catalog_policy keep;
    struct fi_buf told = {0};
    struct deleting deleting = {.is_dry = options->dry_run, .told = visit != NULL ? &told : NULL};
    int rc = options->keep == NULL ? FIRN_OK
                                   : fi_catalog_policy_read(firn_str(options->keep), &keep, err);
    if (rc == FIRN_OK) {
        rc = fi_ws_opened_open_store(ws, options->dry_run ? FI_WS_READ : FI_WS_WRITE, &opened, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_gc_expire_rule rule = {.workspace = opened.workspace.number,
                                     .now_ns = fi_os_now_ns(ws->os),
                                     .keep = options->keep != NULL ? &keep : NULL};
    if (rule.workspace != 0) {
        rc = gc_expire_run(&opened, &rule, &deleting, FIRN_DURABILITY_FULL, err);
    }
    /* The commit is durable: a store that cannot be closed properly is recovered by the next
     * open. */
    FI_IGNORE(fi_ws_opened_close(ws, &opened, rc, NULL));
    if (rc == FIRN_OK && visit != NULL) {
        rc = gc_expire_report(fi_buf_slice(&told), visit, ctx, err);
    }
    fi_buf_deinit(&told);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * gc/gc_delete.c: deleting checkpoints.
 *
 * All references are resolved first, so one that names nothing leaves everything as it was. Then
 * one commit with full durability moves all the checkpoints, and their tags, from the catalog to
 * what was deleted (catalog_deleted.c, I1). From there they can be brought back, until a save or a
 * collection finds that they were deleted a week ago, or a collection is told to end them. A pinned
 * checkpoint is not deleted. Nor is one that an interrupted restore needs: without it the only
 * copies of files in the tree could not be recognised. The objects of checkpoints that were ended
 * stay in place until a garbage collection finds that nothing else needs them, and the numbers of
 * deleted checkpoints are never used again (catalog.c).
 */
#include "gc/gc.h"

#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog_facts.h"
#include "catalog/catalog_journal.h"

int
fi_gc_delete_batch_init(struct fi_gc_delete_batch *out, struct fi_ws_opened *opened,
                        firn_error *err)
{
    *out = (struct fi_gc_delete_batch){.db = opened->db, .catalog = opened->catalog};
    FI_TRY_RETURN(fi_db_batch_create(&out->batch, err));
    fi_db_batch_frees_space(out->batch);
    return FIRN_OK;
}

void
fi_gc_delete_batch_deinit(struct fi_gc_delete_batch *batch)
{
    fi_db_batch_destroy(batch->batch);
    batch->batch = NULL;
}

/* Records how much may now be garbage, in the same commit. */
static int
note_garbage(struct fi_gc_delete_batch *batch, uint64_t bytes, firn_error *err)
{
    DCHECK(batch->batch != NULL);
    int rc = batch->knows_due ? FIRN_OK : fi_catalog_due_read(batch->db, &batch->due, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    batch->knows_due = true;
    fi_catalog_due_add(&batch->due, bytes);
    return fi_catalog_due_put(batch->db, batch->batch, &batch->due, err);
}

int
fi_gc_delete_batch_add(struct fi_gc_delete_batch *batch, uint32_t workspace,
                       const struct fi_catalog_record *record, firn_error *err)
{
    FI_TRY_RETURN(fi_catalog_delete(batch->catalog, batch->batch, workspace, record, err));
    return note_garbage(batch, record->added_bytes, err);
}

/* One of the checkpoints to delete; the bytes of its record are in `bytes` of the operation. */
struct victim {
    uint64_t order;
    size_t offset;
    size_t size;
};

struct deleting {
    struct firn_ws *ws;
    struct fi_ws_opened opened;
    bool is_for_good;
    struct fi_buf bytes;   /* the records, one after the other */
    struct fi_buf victims; /* of struct victim */
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

/* Refuses to delete a checkpoint that an unfinished restore needs. */
static int
refuse_pending(struct deleting *deleting, const struct fi_catalog_record *record,
               const char *reference, firn_error *err)
{
    struct fi_ws_opened *opened = &deleting->opened;
    struct fi_catalog_journal journal = {0};
    bool is_needed = false;
    int rc = fi_catalog_journal_read(opened->db, opened->workspace.number, &journal, err);
    if (rc == FIRN_OK && fi_catalog_journal_is_pending(&journal)) {
        rc = fi_catalog_journal_needs(opened->db, opened->workspace.number, record->id, &is_needed,
                                      err);
    }
    fi_catalog_journal_deinit(&journal);
    return rc != FIRN_OK || !is_needed
               ? rc
               : fi_error_set(err, FIRN_CONFLICT,
                              "checkpoint '%.80s' is needed by a restore that was interrupted: "
                              "finish that, or take it back, first",
                              reference);
}

static int
refuse_pinned(struct deleting *deleting, const struct fi_catalog_record *record,
              const char *reference, firn_error *err)
{
    struct fi_ws_opened *opened = &deleting->opened;
    bool is_pinned;
    int rc =
        fi_catalog_pins_has(opened->catalog, opened->workspace.number, record, &is_pinned, err);
    return rc != FIRN_OK || !is_pinned
               ? rc
               : fi_error_set(err, FIRN_CONFLICT, "checkpoint '%.80s' is pinned", reference);
}

static int
gc_delete_resolve(struct deleting *deleting, const char *reference, firn_error *err)
{
    struct fi_catalog_record record;
    int rc = fi_ws_find_record(deleting->ws, &deleting->opened, reference, &record, err);
    if (rc != FIRN_OK || is_listed(deleting, record.order)) {
        return rc;
    }
    FI_TRY(refuse_pending(deleting, &record, reference, err));
    FI_TRY(refuse_pinned(deleting, &record, reference, err));
    DCHECK(deleting->opened.workspace.number != 0);
    struct victim victim = {.order = record.order, .offset = deleting->bytes.size};
    rc = fi_catalog_record_encode(&record, &deleting->bytes);
    victim.size = deleting->bytes.size - victim.offset;
    if (rc == FIRN_OK) {
        rc = fi_buf_append(&deleting->victims, &victim, sizeof victim);
    }
    rc = rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a list of checkpoints");
out:
    return rc;
}

static size_t
victim_count(const struct deleting *deleting)
{
    return deleting->victims.size / sizeof(struct victim);
}

static int
victim_record(const struct deleting *deleting, size_t i, struct fi_catalog_record *out,
              firn_error *err)
{
    DCHECK(i < victim_count(deleting));
    const struct victim *victims = (const void *)deleting->victims.data;
    CHECK(victims[i].offset + victims[i].size <= deleting->bytes.size);
    firn_slice bytes = firn_bytes(deleting->bytes.data + victims[i].offset, victims[i].size);
    return fi_catalog_record_decode(bytes, out, err);
}

/* Notes for undo that a checkpoint is deleted, or is back. */
static int
note_step(struct fi_catalog_facts *facts, const struct fi_catalog_record *record, bool is_deleted,
          firn_error *err)
{
    static const uint8_t deleted = 1;
    uint8_t name[FI_CATALOG_FACTS_NAME_SIZE];
    const firn_slice values[2] = {firn_bytes(NULL, 0), firn_bytes(&deleted, 1)};
    const struct fi_catalog_facts_change change = {
        fi_catalog_facts_name(record->order, record->id, name), values[!is_deleted],
        values[is_deleted]};
    return fi_catalog_facts_note(facts, &change, err);
}

static int
put_step(struct deleting *deleting, const struct fi_catalog_facts *facts,
         struct firn_db_batch *batch, int64_t now_ns, firn_error *err)
{
    return fi_catalog_facts_put(deleting->opened.catalog, batch,
                                firn_str(deleting->ws->place.catalog_root),
                                &deleting->opened.workspace, facts, now_ns, err);
}

static int
delete_one(struct deleting *deleting, struct fi_gc_delete_batch *batch,
           struct fi_catalog_facts *facts, const struct fi_catalog_record *record, int64_t now_ns,
           firn_error *err)
{
    const uint32_t workspace = deleting->opened.workspace.number;
    if (deleting->is_for_good) {
        return fi_gc_delete_batch_add(batch, workspace, record, err);
    }
    int rc = fi_catalog_deleted_add(deleting->opened.catalog, batch->batch, workspace, record,
                                    now_ns, err);
    return rc == FIRN_OK ? note_step(facts, record, true, err) : rc;
}

static int
gc_delete_commit(struct deleting *deleting, firn_error *err)
{
    struct fi_gc_delete_batch batch;
    struct fi_catalog_facts facts = {.kind = FIRN_STEP_DELETE};
    const int64_t now_ns = fi_os_now_ns(deleting->ws->os); /* of all: they are one deletion */
    int rc = fi_gc_delete_batch_init(&batch, &deleting->opened, err);
    for (size_t i = 0; rc == FIRN_OK && i < victim_count(deleting); i++) {
        struct fi_catalog_record record;
        rc = victim_record(deleting, i, &record, err);
        rc = rc == FIRN_OK ? delete_one(deleting, &batch, &facts, &record, now_ns, err) : rc;
    }
    rc = rc == FIRN_OK ? put_step(deleting, &facts, batch.batch, now_ns, err) : rc;
    if (rc == FIRN_OK) {
        /* (I1): all of them. */
        DCHECK(fi_db_batch_count(batch.batch) > 3 * victim_count(deleting));
        rc = fi_db_write(deleting->opened.db, batch.batch, FIRN_DURABILITY_FULL, err);
    }
    fi_gc_delete_batch_deinit(&batch);
    fi_catalog_facts_deinit(&facts);
    return rc;
}

static int
gc_delete_run(struct deleting *deleting, const char *const *references, size_t count, bool is_dry,
              firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        rc = gc_delete_resolve(deleting, references[i], err);
    }
    return rc == FIRN_OK && victim_count(deleting) > 0 && !is_dry ? gc_delete_commit(deleting, err)
                                                                  : rc;
}

/* The copies of the records show what was deleted. */
static int
gc_delete_report(const struct deleting *deleting,
                 int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint), void *ctx,
                 firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < victim_count(deleting); i++) {
        struct fi_catalog_record record;
        firn_workspace_checkpoint checkpoint;
        rc = victim_record(deleting, i, &record, err);
        if (rc == FIRN_OK) {
            fi_catalog_record_to_checkpoint(&record, &checkpoint);
            rc = fi_error_stopped(err, visit(ctx, &checkpoint));
        }
    }
    return rc;
}

int
fi_gc_delete(struct firn_ws *ws, const char *const *references, size_t count,
             const firn_workspace_delete_options *options,
             int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint), void *ctx,
             firn_error *err)
{
    struct deleting deleting = {.ws = ws, .is_for_good = options->now};
    enum fi_ws_open_mode mode = options->dry_run ? FI_WS_READ : FI_WS_WRITE;
    int rc = fi_ws_opened_open_store(ws, mode, &deleting.opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = gc_delete_run(&deleting, references, count, options->dry_run, err);
    /* The commit is durable: a store that cannot be closed properly is recovered by the next
     * open. */
    FI_IGNORE(fi_ws_opened_close(ws, &deleting.opened, rc, NULL));
    if (rc == FIRN_OK && visit != NULL) {
        rc = gc_delete_report(&deleting, visit, ctx, err);
    }
    fi_buf_deinit(&deleting.bytes);
    fi_buf_deinit(&deleting.victims);
    return rc;
}

/* ---- ending what was deleted ---- */

struct ending {
    struct fi_gc_delete_batch batch;
    int64_t before_ns;
    uint64_t count;
};

static int
end_one(void *ctx, const struct fi_catalog_deleted *deleted, firn_error *err)
{
    struct ending *ending = ctx;
    if (deleted->deleted_ns >= ending->before_ns) {
        return FIRN_OK;
    }
    ending->count++;
    FI_TRY_RETURN(fi_catalog_deleted_remove(ending->batch.catalog, ending->batch.batch,
                                            deleted->workspace, deleted->record.order, err));
    return note_garbage(&ending->batch, deleted->record.added_bytes, err);
}

int
fi_gc_delete_end(struct fi_ws_opened *opened, uint32_t workspace, int64_t before_ns,
                 uint64_t *out_count, firn_error *err)
{
    struct ending ending = {.before_ns = before_ns};
    int rc;
    *out_count = 0;
    FI_TRY(fi_gc_delete_batch_init(&ending.batch, opened, err));
    FI_TRY(fi_catalog_deleted_list(opened->catalog, workspace, end_one, &ending, err));
    if (ending.count > 0) {
        FI_TRY(fi_db_write(opened->db, ending.batch.batch, FIRN_DURABILITY_OS, err));
    }
    *out_count = ending.count;
out:
    fi_gc_delete_batch_deinit(&ending.batch);
    return rc;
}

/* ---- bringing back ---- */

struct returning {
    struct deleting deleting; /* its victims are the checkpoints that come back */
    struct firn_db_batch *batch;
    struct fi_catalog_facts facts;
    const char *reference; /* NULL: those of the last deletion */
    int64_t last_ns;       /* when that was */
    uint64_t matches;
    uint8_t found[FI_CATALOG_RECORD_ID_SIZE];
};

/* A number, or the beginning of an id. */
static bool
is_meant(const char *reference, const struct fi_catalog_record *record)
{
    enum { LETTERS_MIN = 4 };
    char id[FIRN_CHECKPOINT_ID_SIZE];
    char number[24];
    fi_catalog_record_id_text(record->id, id);
    (void)snprintf(number, sizeof number, "%llu", (unsigned long long)record->number);
    const size_t size = strlen(reference);
    return (record->number != 0 && strcmp(reference, number) == 0) ||
           (size >= LETTERS_MIN && size < sizeof id && memcmp(reference, id, size) == 0);
}

static int
gc_delete_match(void *ctx, const struct fi_catalog_deleted *deleted, firn_error *err)
{
    (void)err;
    struct returning *returning = ctx;
    if (returning->reference != NULL && is_meant(returning->reference, &deleted->record)) {
        memcpy(returning->found, deleted->record.id, sizeof returning->found);
        returning->matches++;
    }
    if (returning->reference == NULL && deleted->deleted_ns >= returning->last_ns) {
        returning->last_ns = deleted->deleted_ns;
        returning->matches++;
    }
    return FIRN_OK;
}

static int
take_one(void *ctx, const struct fi_catalog_deleted *deleted, firn_error *err)
{
    struct returning *returning = ctx;
    struct deleting *deleting = &returning->deleting;
    const bool is_wanted =
        returning->reference != NULL
            ? memcmp(deleted->record.id, returning->found, sizeof returning->found) == 0
            : deleted->deleted_ns == returning->last_ns;
    if (!is_wanted || is_listed(deleting, deleted->record.order)) {
        return FIRN_OK;
    }
    const struct victim victim = {deleted->record.order, deleting->bytes.size, deleted->bytes.size};
    if (fi_buf_append_slice(&deleting->bytes, deleted->bytes) != FIRN_OK ||
        fi_buf_append(&deleting->victims, &victim, sizeof victim) != FIRN_OK) {
        return fi_error_no_memory(err, "a list of checkpoints");
    }
    int rc = note_step(&returning->facts, &deleted->record, false, err);
    return rc == FIRN_OK ? fi_catalog_deleted_bring_back(deleting->opened.catalog, returning->batch,
                                                         deleted, err)
                         : rc;
}

static int
bring_back(struct returning *returning, const char *reference, firn_error *err)
{
    struct fi_ws_opened *opened = &returning->deleting.opened;
    int rc;
    returning->reference = reference;
    returning->matches = 0;
    FI_TRY(fi_catalog_deleted_list(opened->catalog, opened->workspace.number, gc_delete_match,
                                   returning, err));
    if (returning->matches == 0) {
        rc = reference == NULL
                 ? fi_error_set(err, FIRN_NOT_FOUND, "no deleted checkpoint can be brought back")
                 : fi_error_set(err, FIRN_NOT_FOUND,
                                "no deleted checkpoint '%.80s' can be brought back", reference);
    } else if (reference != NULL && returning->matches > 1) {
        rc = fi_error_set(err, FIRN_INVALID, "'%.80s' names %llu deleted checkpoints", reference,
                          (unsigned long long)returning->matches);
    } else {
        rc = fi_catalog_deleted_list(opened->catalog, opened->workspace.number, take_one, returning,
                                     err);
    }
out:
    return rc;
}

static int
run_back(struct returning *returning, const char *const *references, size_t count, firn_error *err)
{
    struct fi_ws_opened *opened = &returning->deleting.opened;
    int rc;
    if (opened->workspace.number == 0) {
        return fi_error_set(err, FIRN_NOT_FOUND, "'%.512s' has no checkpoint yet",
                            returning->deleting.ws->place.root);
    }
    FI_TRY(fi_db_batch_create(&returning->batch, err));
    FI_TRY(count == 0 ? bring_back(returning, NULL, err) : FIRN_OK);
    for (size_t i = 0; i < count; i++) {
        FI_TRY(bring_back(returning, references[i], err));
    }
    FI_TRY(put_step(&returning->deleting, &returning->facts, returning->batch,
                    fi_os_now_ns(returning->deleting.ws->os), err));
    rc = fi_db_write(opened->db, returning->batch, FIRN_DURABILITY_FULL, err);
out:
    fi_db_batch_destroy(returning->batch);
    fi_catalog_facts_deinit(&returning->facts);
    return rc;
}

int
fi_gc_delete_undo(struct firn_ws *ws, const char *const *references, size_t count,
                  int (*visit)(void *ctx, const firn_workspace_checkpoint *checkpoint), void *ctx,
                  firn_error *err)
{
    struct returning returning = {
        .deleting = {.ws = ws}, .facts = {.kind = FIRN_STEP_DELETE}, .last_ns = INT64_MIN};
    struct deleting *deleting = &returning.deleting;
    int rc = fi_ws_opened_open_store(ws, FI_WS_WRITE, &deleting->opened, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = run_back(&returning, references, count, err);
    FI_IGNORE(fi_ws_opened_close(ws, &deleting->opened, rc, NULL)); /* as above */
    if (rc == FIRN_OK && visit != NULL) {
        rc = gc_delete_report(deleting, visit, ctx, err);
    }
    fi_buf_deinit(&deleting->bytes);
    fi_buf_deinit(&deleting->victims);
    return rc;
}

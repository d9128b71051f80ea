/* SPDX-License-Identifier: Apache-2.0
 *
 * operations/ws_reader.c: a store that stays open, for reading directories and files of its
 * checkpoints by hash.
 *
 * The store is open for reading, so a collection beside it keeps the packs that this reader may
 * need (objects_retire.c). Threads share the reader: each reads through a scratch of its own from a
 * pool, which gives the latest one first. Small files that lie in one frame are decompressed once
 * when they are read one after the other.
 *
 * A reader stays open for long, so each listing and each whole file has a budget of its own
 * (objects/objects_budget.c). Parts share one, since a search asks for one part after the other:
 * what they read earns enough for reading it hundreds of times.
 */
#include "base/check.h"
#include "base/mem.h"
#include "handle/ws_opened.h"
#include "operations/operations_internal.h"
#include "tree/tree.h"

enum { SCRATCH_FRAMES = 4 };

struct firn_workspace_reader {
    struct firn_os_process_mark mark; /* first: see api_process.h */
    struct firn_ws *ws;               /* borrowed */
    struct firn_ws_opened opened;
    struct firn_packfile_pool pool;
};

int
firn_ws_reader_open(struct firn_ws *ws, firn_workspace_reader **out, firn_error *err)
{
    *out = NULL;
    firn_workspace_reader *reader = firn_alloc(sizeof *reader);
    if (reader == NULL) {
        return firn_error_no_memory(err, "a reader");
    }
    *reader = (firn_workspace_reader){0};
    int rc = firn_ws_opened_open_store(ws, FIRN_WS_READ, &reader->opened, err);
    if (rc == FIRN_OK && reader->opened.objects == NULL) {
        rc = firn_error_set(err, FIRN_NOT_FOUND, "'%.512s' has no checkpoint yet: save it first",
                            ws->place.root);
        rc = firn_ws_opened_close(ws, &reader->opened, rc, err);
    }
    if (rc != FIRN_OK) {
        firn_free(reader);
        return rc;
    }
    firn_os_process_init_mark(&reader->mark);
    reader->ws = ws;
    firn_packfile_scratch_pool_init(&reader->pool, ws->os, SCRATCH_FRAMES);
    *out = reader;
    return FIRN_OK;
}

void
firn_ws_reader_close(firn_workspace_reader *reader)
{
    if (reader != NULL) {
        firn_packfile_scratch_pool_deinit(&reader->pool);
        FIRN_IGNORE(firn_ws_opened_close(reader->ws, &reader->opened, FIRN_OK, NULL));
        firn_free(reader);
    }
}

int
firn_ws_reader_entries(firn_workspace_reader *reader, const firn_hash *directory,
                       int (*visit)(void *ctx, const firn_workspace_entry *entry), void *ctx,
                       firn_error *err)
{
    struct firn_tree_iterator *iterator = NULL;
    const struct firn_tree_entry *entry = NULL;
    bool is_end = false;
    int rc;
    firn_budget_renew(firn_objects_budget(reader->opened.objects));
    FIRN_TRY(firn_tree_iterator_create(firn_objects_trees(reader->opened.objects), directory,
                                       &iterator, err));
    for (;;) {
        FIRN_TRY(firn_tree_iterator_next(iterator, &entry, &is_end, err));
        if (is_end) {
            break;
        }
        firn_workspace_entry info;
        firn_difference_walk_to_info(entry->name, entry, &info);
        FIRN_TRY(firn_error_stopped(err, visit(ctx, &info)));
    }
out:
    firn_tree_iterator_destroy(iterator);
    return rc;
}

/* Gets the part. */
struct taker {
    firn_write_bytes write;
    void *ctx;
};

static int
take(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    const struct taker *taker = ctx;
    (void)offset; /* parts come in order, without a gap */
    return taker->write(taker->ctx, data, err);
}

int
firn_ws_reader_part(firn_workspace_reader *reader, const firn_hash *file, uint64_t size_bytes,
                    uint64_t offset, uint64_t length, firn_write_bytes write, void *ctx,
                    firn_error *err)
{
    const struct firn_objects_part_of of = {
        .hash = *file, .size = size_bytes, .offset = offset, .length = length};
    struct taker taker = {write, ctx};
    struct firn_packfile_scratch *scratch;
    if (offset > size_bytes) {
        return firn_error_set(err, FIRN_INVALID, "the part begins beyond the end of the file");
    }
    int rc = firn_packfile_scratch_pool_take(&reader->pool, &scratch, err);
    if (rc == FIRN_OK) {
        rc = firn_objects_part(reader->opened.objects, scratch, &of, take, &taker, err);
        firn_packfile_scratch_pool_give(&reader->pool, scratch);
    }
    return rc;
}

int
firn_ws_reader_cat(firn_workspace_reader *reader, const firn_hash *file, uint64_t size_bytes,
                   firn_write_bytes write, void *ctx, firn_error *err)
{
    struct firn_packfile_scratch *scratch;
    firn_budget_renew(firn_objects_budget(reader->opened.objects));
    int rc = firn_packfile_scratch_pool_take(&reader->pool, &scratch, err);
    if (rc == FIRN_OK) {
        rc = firn_ws_cat_stream(&reader->opened, scratch, file, size_bytes, write, ctx, err);
        firn_packfile_scratch_pool_give(&reader->pool, scratch);
    }
    return rc;
}

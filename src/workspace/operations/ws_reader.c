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
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct firn_ws *ws;             /* borrowed */
    struct fi_ws_opened opened;
    struct fi_pack_pool pool;
};

int
fi_ws_reader_open(struct firn_ws *ws, firn_workspace_reader **out, firn_error *err)
{
    *out = NULL;
    firn_workspace_reader *reader = fi_alloc(sizeof *reader);
    if (reader == NULL) {
        return fi_error_no_memory(err, "a reader");
    }
    *reader = (firn_workspace_reader){0};
    int rc = fi_ws_opened_open_store(ws, FI_WS_READ, &reader->opened, err);
    if (rc == FIRN_OK && reader->opened.objects == NULL) {
        rc = fi_error_set(err, FIRN_NOT_FOUND, "'%.512s' has no checkpoint yet: save it first",
                          ws->place.root);
        rc = fi_ws_opened_close(ws, &reader->opened, rc, err);
    }
    if (rc != FIRN_OK) {
        fi_free(reader);
        return rc;
    }
    fi_os_process_init_mark(&reader->mark);
    reader->ws = ws;
    fi_pack_scratch_pool_init(&reader->pool, ws->os, SCRATCH_FRAMES);
    *out = reader;
    return FIRN_OK;
}

void
fi_ws_reader_close(firn_workspace_reader *reader)
{
    if (reader != NULL) {
        fi_pack_scratch_pool_deinit(&reader->pool);
        FI_IGNORE(fi_ws_opened_close(reader->ws, &reader->opened, FIRN_OK, NULL));
        fi_free(reader);
    }
}

int
fi_ws_reader_entries(firn_workspace_reader *reader, const firn_hash *directory,
                     int (*visit)(void *ctx, const firn_workspace_entry *entry), void *ctx,
                     firn_error *err)
{
    struct fi_tree_iterator *iterator = NULL;
    const struct fi_tree_entry *entry = NULL;
    bool is_end = false;
    int rc;
    fi_budget_renew(fi_objects_budget(reader->opened.objects));
    FI_TRY(fi_tree_iterator_create(fi_objects_trees(reader->opened.objects), directory, &iterator,
                                   err));
    for (;;) {
        FI_TRY(fi_tree_iterator_next(iterator, &entry, &is_end, err));
        if (is_end) {
            break;
        }
        firn_workspace_entry info;
        fi_difference_walk_to_info(entry->name, entry, &info);
        FI_TRY(fi_error_stopped(err, visit(ctx, &info)));
    }
out:
    fi_tree_iterator_destroy(iterator);
    return rc;
}

/* Gets the part. */
struct taker {
    firn_write_bytes write;
    void *ctx;
};

static int
ws_reader_take(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    const struct taker *taker = ctx;
    (void)offset; /* parts come in order, without a gap */
    return taker->write(taker->ctx, data, err);
}

int
fi_ws_reader_part(firn_workspace_reader *reader, const firn_hash *file, uint64_t size_bytes,
                  uint64_t offset, uint64_t length, firn_write_bytes write, void *ctx,
                  firn_error *err)
{
    const struct fi_objects_part_of of = {
        .hash = *file, .size = size_bytes, .offset = offset, .length = length};
    struct taker taker = {write, ctx};
    struct fi_pack_scratch *scratch;
    if (offset > size_bytes) {
        return fi_error_set(err, FIRN_INVALID, "the part begins beyond the end of the file");
    }
    int rc = fi_pack_scratch_pool_take(&reader->pool, &scratch, err);
    if (rc == FIRN_OK) {
        rc = fi_objects_part(reader->opened.objects, scratch, &of, ws_reader_take, &taker, err);
        fi_pack_scratch_pool_give(&reader->pool, scratch);
    }
    return rc;
}

int
fi_ws_reader_cat(firn_workspace_reader *reader, const firn_hash *file, uint64_t size_bytes,
                 firn_write_bytes write, void *ctx, firn_error *err)
{
    struct fi_pack_scratch *scratch;
    fi_budget_renew(fi_objects_budget(reader->opened.objects));
    int rc = fi_pack_scratch_pool_take(&reader->pool, &scratch, err);
    if (rc == FIRN_OK) {
        rc = fi_ws_cat_stream(&reader->opened, scratch, file, size_bytes, write, ctx, err);
        fi_pack_scratch_pool_give(&reader->pool, scratch);
    }
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_source.c: memtables and runs as sources of a merge.
 *
 * A source shows the entry of its cursor and copies nothing: the merge compares through one
 * pointer, and what it hands out is what the cursor has. A memtable never fails; a run may, and is
 * nowhere then.
 *
 * A source can be skipped ahead in one seek when all of it is older than what deletes the stretch.
 * For a run that is known exactly; for the memtable that takes writes it is not, and it says
 * UINT64_MAX: then the merge steps over what is deleted there.
 */
#include "merge/merge_source.h"

#include "base/check.h"
#include "base/mem.h"

struct memtable_source {
    struct firn_merge_source source;
    struct firn_memtable_cursor cursor;
    uint64_t sequence_max;
};

struct run_source {
    struct firn_merge_source source;
    struct firn_run_cursor *cursor;
    uint64_t sequence_max;
};

void
firn_merge_source_destroy(struct firn_merge_source *source)
{
    if (source != NULL) {
        source->ops->destroy(source);
    }
}

/* ---- memtables ---- */

static int
memtable_settle(struct memtable_source *memtable)
{
    memtable->source.entry = memtable->cursor.is_valid ? &memtable->cursor.entry : NULL;
    return FIRN_OK;
}

static int
memtable_first(struct firn_merge_source *source, firn_error *err)
{
    (void)err;
    struct memtable_source *memtable = (struct memtable_source *)source;
    firn_memtable_cursor_first(&memtable->cursor);
    return memtable_settle(memtable);
}

static int
memtable_last(struct firn_merge_source *source, firn_error *err)
{
    (void)err;
    struct memtable_source *memtable = (struct memtable_source *)source;
    firn_memtable_cursor_last(&memtable->cursor);
    return memtable_settle(memtable);
}

static int
memtable_seek(struct firn_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err)
{
    (void)err;
    struct memtable_source *memtable = (struct memtable_source *)source;
    firn_memtable_cursor_seek(&memtable->cursor, key, sequence);
    return memtable_settle(memtable);
}

static int
memtable_seek_before(struct firn_merge_source *source, firn_slice key, uint64_t sequence,
                     firn_error *err)
{
    (void)err;
    struct memtable_source *memtable = (struct memtable_source *)source;
    firn_memtable_cursor_seek_before(&memtable->cursor, key, sequence);
    return memtable_settle(memtable);
}

static int
memtable_next(struct firn_merge_source *source, firn_error *err)
{
    DCHECK(source->entry != NULL);
    (void)err;
    struct memtable_source *memtable = (struct memtable_source *)source;
    firn_memtable_cursor_next(&memtable->cursor);
    return memtable_settle(memtable);
}

static int
memtable_prev(struct firn_merge_source *source, firn_error *err)
{
    DCHECK(source->entry != NULL);
    (void)err;
    struct memtable_source *memtable = (struct memtable_source *)source;
    firn_memtable_cursor_prev(&memtable->cursor);
    return memtable_settle(memtable);
}

static int
memtable_skip(struct firn_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err)
{
    DCHECK(source->entry != NULL && firn_slice_compare(source->entry->key, key) < 0);
    const struct memtable_source *memtable = (const struct memtable_source *)source;
    return memtable->sequence_max < sequence ? memtable_seek(source, key, UINT64_MAX, err)
                                             : FIRN_OK;
}

static int
memtable_skip_back(struct firn_merge_source *source, firn_slice key, uint64_t sequence,
                   firn_error *err)
{
    DCHECK(source->entry != NULL && firn_slice_compare(source->entry->key, key) >= 0);
    const struct memtable_source *memtable = (const struct memtable_source *)source;
    return memtable->sequence_max < sequence ? memtable_seek_before(source, key, UINT64_MAX, err)
                                             : FIRN_OK;
}

static void
memtable_destroy(struct firn_merge_source *source)
{
    firn_free(source);
}

static const struct firn_merge_source_ops memtable_ops = {
    .first = memtable_first,
    .last = memtable_last,
    .seek = memtable_seek,
    .seek_before = memtable_seek_before,
    .next = memtable_next,
    .prev = memtable_prev,
    .skip = memtable_skip,
    .skip_back = memtable_skip_back,
    .destroy = memtable_destroy,
};

int
firn_merge_source_create_memtable(const struct firn_memtable *table, uint64_t sequence_max,
                                  struct firn_merge_source **out, firn_error *err)
{
    *out = NULL;
    struct memtable_source *memtable = firn_alloc(sizeof *memtable);
    if (memtable == NULL) {
        return firn_error_no_memory(err, "a source of a merge");
    }
    memtable->source = (struct firn_merge_source){.ops = &memtable_ops, .name = "a memtable"};
    memtable->sequence_max = sequence_max;
    firn_memtable_cursor_init(&memtable->cursor, table);
    *out = &memtable->source;
    return FIRN_OK;
}

/* ---- runs ---- */

static int
run_settle(struct run_source *run, int rc)
{
    run->source.entry = rc == FIRN_OK && run->cursor->is_valid ? &run->cursor->entry : NULL;
    return rc;
}

static int
run_first(struct firn_merge_source *source, firn_error *err)
{
    struct run_source *run = (struct run_source *)source;
    return run_settle(run, run->cursor->kind->cursor_first(run->cursor, err));
}

static int
run_last(struct firn_merge_source *source, firn_error *err)
{
    struct run_source *run = (struct run_source *)source;
    return run_settle(run, run->cursor->kind->cursor_last(run->cursor, err));
}

static int
run_seek(struct firn_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err)
{
    struct run_source *run = (struct run_source *)source;
    return run_settle(run, run->cursor->kind->cursor_seek(run->cursor, key, sequence, err));
}

static void
run_prepare(struct firn_merge_source *source, firn_slice key, uint64_t sequence, unsigned step)
{
    struct run_source *run = (struct run_source *)source;
    if (run->cursor->kind->cursor_prepare != NULL) {
        run->source.entry = NULL;
        run->cursor->kind->cursor_prepare(run->cursor, key, sequence, step);
    }
}

static int
run_seek_before(struct firn_merge_source *source, firn_slice key, uint64_t sequence,
                firn_error *err)
{
    struct run_source *run = (struct run_source *)source;
    return run_settle(run, run->cursor->kind->cursor_seek_before(run->cursor, key, sequence, err));
}

static int
run_next(struct firn_merge_source *source, firn_error *err)
{
    DCHECK(source->entry != NULL);
    struct run_source *run = (struct run_source *)source;
    return run_settle(run, run->cursor->kind->cursor_next(run->cursor, err));
}

static int
run_prev(struct firn_merge_source *source, firn_error *err)
{
    DCHECK(source->entry != NULL);
    struct run_source *run = (struct run_source *)source;
    return run_settle(run, run->cursor->kind->cursor_prev(run->cursor, err));
}

static int
run_skip(struct firn_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err)
{
    DCHECK(source->entry != NULL && firn_slice_compare(source->entry->key, key) < 0);
    const struct run_source *run = (const struct run_source *)source;
    return run->sequence_max < sequence ? run_seek(source, key, UINT64_MAX, err) : FIRN_OK;
}

static int
run_skip_back(struct firn_merge_source *source, firn_slice key, uint64_t sequence, firn_error *err)
{
    DCHECK(source->entry != NULL && firn_slice_compare(source->entry->key, key) >= 0);
    const struct run_source *run = (const struct run_source *)source;
    return run->sequence_max < sequence ? run_seek_before(source, key, UINT64_MAX, err) : FIRN_OK;
}

static void
run_destroy(struct firn_merge_source *source)
{
    struct run_source *run = (struct run_source *)source;
    run->cursor->kind->cursor_destroy(run->cursor);
    firn_free(run);
}

static const struct firn_merge_source_ops run_ops = {
    .first = run_first,
    .last = run_last,
    .seek = run_seek,
    .prepare = run_prepare,
    .seek_before = run_seek_before,
    .next = run_next,
    .prev = run_prev,
    .skip = run_skip,
    .skip_back = run_skip_back,
    .destroy = run_destroy,
};

int
firn_merge_source_create_run(struct firn_run *run, const char *name,
                             const struct firn_run_cursor_options *options,
                             struct firn_merge_source **out, firn_error *err)
{
    *out = NULL;
    struct run_source *source = firn_alloc(sizeof *source);
    if (source == NULL) {
        return firn_error_no_memory(err, "a source of a merge");
    }
    source->source = (struct firn_merge_source){.ops = &run_ops, .name = name};
    source->sequence_max = run->kind->summary(run)->sequence_max;
    int rc = run->kind->cursor_create(run, options, &source->cursor, err);
    if (rc != FIRN_OK) {
        firn_free(source);
        return rc;
    }
    *out = &source->source;
    return FIRN_OK;
}

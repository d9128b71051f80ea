/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: a second kind of runs: see twin_kind.h.
 */
#include "twin_kind.h"

#include "base/check.h"
#include "base/mem.h"
#include "row/row.h"

struct twin_run {
    struct firn_run base;
    struct firn_run *rows;
};

struct twin_cursor {
    struct firn_run_cursor base;
    struct firn_run_cursor *rows;
};

struct twin_builder {
    struct firn_run_builder base;
    struct firn_run_builder *rows;
};

/* ---- runs ---- */

static struct firn_run *
rows_of(const struct firn_run *run)
{
    CHECK(run->kind == &twin_kind);
    return ((const struct twin_run *)run)->rows;
}

static int
open_run(const struct firn_run_env *env, const char *name, struct firn_run **out, firn_error *err)
{
    struct twin_run *run = firn_alloc_zeroed(sizeof *run);
    if (run == NULL) {
        return firn_error_no_memory(err, "a twin");
    }
    run->base.kind = &twin_kind;
    int rc = firn_row_kind.open(env, name, &run->rows, err);
    if (rc != FIRN_OK) {
        firn_free(run);
        return rc;
    }
    *out = &run->base;
    return FIRN_OK;
}

static void
close_run(struct firn_run *run)
{
    firn_row_kind.close(rows_of(run));
    firn_free(run);
}

static const struct firn_run_summary *
summary(const struct firn_run *run)
{
    return firn_row_kind.summary(rows_of(run));
}

static const struct firn_range_set *
ranges(const struct firn_run *run)
{
    return firn_row_kind.ranges(rows_of(run));
}

static int
origin(struct firn_run *run, struct firn_buf *numbers, struct firn_run_origin *out, firn_error *err)
{
    return firn_row_kind.origin(rows_of(run), numbers, out, err);
}

static int
get(struct firn_run *run, firn_slice key, const struct firn_view *view, struct firn_run_hit *out,
    struct firn_buf *value, firn_error *err)
{
    return firn_row_kind.get(rows_of(run), key, view, out, value, err);
}

static int
place(struct firn_run *run, firn_slice key, struct firn_run_place *out, firn_error *err)
{
    return firn_row_kind.place(rows_of(run), key, out, err);
}

static int
check(struct firn_run *run, void (*on_damage)(void *ctx, const char *text), void *ctx,
      const struct firn_step *step, firn_error *err)
{
    return firn_row_kind.check(rows_of(run), on_damage, ctx, step, err);
}

/* ---- cursors ---- */

static struct twin_cursor *
twin_of(struct firn_run_cursor *cursor)
{
    CHECK(cursor->kind == &twin_kind);
    return (struct twin_cursor *)cursor;
}

/* Shows what the rows' cursor has come to. */
static int
settle(struct firn_run_cursor *cursor, int rc)
{
    const struct firn_run_cursor *rows = twin_of(cursor)->rows;
    cursor->is_valid = rows->is_valid;
    cursor->entry = rows->entry;
    return rc;
}

static int
cursor_create(struct firn_run *run, const struct firn_run_cursor_options *options,
              struct firn_run_cursor **out, firn_error *err)
{
    struct twin_cursor *cursor = firn_alloc_zeroed(sizeof *cursor);
    if (cursor == NULL) {
        return firn_error_no_memory(err, "a cursor of a twin");
    }
    cursor->base.kind = &twin_kind;
    int rc = firn_row_kind.cursor_create(rows_of(run), options, &cursor->rows, err);
    if (rc != FIRN_OK) {
        firn_free(cursor);
        return rc;
    }
    *out = &cursor->base;
    return FIRN_OK;
}

static void
cursor_destroy(struct firn_run_cursor *cursor)
{
    firn_row_kind.cursor_destroy(twin_of(cursor)->rows);
    firn_free(cursor);
}

static int
cursor_seek(struct firn_run_cursor *cursor, firn_slice key, uint64_t sequence, firn_error *err)
{
    return settle(cursor, firn_row_kind.cursor_seek(twin_of(cursor)->rows, key, sequence, err));
}

static int
cursor_seek_before(struct firn_run_cursor *cursor, firn_slice key, uint64_t sequence,
                   firn_error *err)
{
    return settle(cursor,
                  firn_row_kind.cursor_seek_before(twin_of(cursor)->rows, key, sequence, err));
}

static int
cursor_first(struct firn_run_cursor *cursor, firn_error *err)
{
    return settle(cursor, firn_row_kind.cursor_first(twin_of(cursor)->rows, err));
}

static int
cursor_last(struct firn_run_cursor *cursor, firn_error *err)
{
    return settle(cursor, firn_row_kind.cursor_last(twin_of(cursor)->rows, err));
}

static int
cursor_next(struct firn_run_cursor *cursor, firn_error *err)
{
    return settle(cursor, firn_row_kind.cursor_next(twin_of(cursor)->rows, err));
}

static int
cursor_prev(struct firn_run_cursor *cursor, firn_error *err)
{
    return settle(cursor, firn_row_kind.cursor_prev(twin_of(cursor)->rows, err));
}

/* ---- builders ---- */

static struct firn_run_builder *
builder_of(const struct firn_run_builder *builder)
{
    CHECK(builder->kind == &twin_kind);
    return ((const struct twin_builder *)builder)->rows;
}

static int
builder_create(const struct firn_run_env *env, const char *name,
               const struct firn_run_builder_options *options, struct firn_run_builder **out,
               firn_error *err)
{
    struct twin_builder *builder = firn_alloc_zeroed(sizeof *builder);
    if (builder == NULL) {
        return firn_error_no_memory(err, "a twin");
    }
    builder->base.kind = &twin_kind;
    int rc = firn_row_kind.builder_create(env, name, options, &builder->rows, err);
    if (rc != FIRN_OK) {
        firn_free(builder);
        return rc;
    }
    *out = &builder->base;
    return FIRN_OK;
}

static int
builder_add(struct firn_run_builder *builder, const struct firn_entry *entry, firn_error *err)
{
    return firn_row_kind.builder_add(builder_of(builder), entry, err);
}

static int
builder_add_range(struct firn_run_builder *builder, const struct firn_range *range, firn_error *err)
{
    return firn_row_kind.builder_add_range(builder_of(builder), range, err);
}

static int
builder_set_origin(struct firn_run_builder *builder, const struct firn_run_origin *told,
                   firn_error *err)
{
    return firn_row_kind.builder_set_origin(builder_of(builder), told, err);
}

static uint64_t
builder_size_bytes(const struct firn_run_builder *builder)
{
    return firn_row_kind.builder_size_bytes(builder_of(builder));
}

static int
builder_finish(struct firn_run_builder *builder, struct firn_run_summary *out, firn_error *err)
{
    return firn_row_kind.builder_finish(builder_of(builder), out, err);
}

static void
builder_destroy(struct firn_run_builder *builder)
{
    if (builder != NULL) {
        firn_row_kind.builder_destroy(builder_of(builder));
        firn_free(builder);
    }
}

const struct firn_run_kind twin_kind = {
    .name = "twin",
    .file_kind = FIRN_BLOCK_FILE_COLUMN,
    .open = open_run,
    .close = close_run,
    .summary = summary,
    .ranges = ranges,
    .origin = origin,
    .get = get,
    .place = place,
    .check = check,
    .cursor_create = cursor_create,
    .cursor_destroy = cursor_destroy,
    .cursor_seek = cursor_seek,
    .cursor_seek_before = cursor_seek_before,
    .cursor_first = cursor_first,
    .cursor_last = cursor_last,
    .cursor_next = cursor_next,
    .cursor_prev = cursor_prev,
    .builder_create = builder_create,
    .builder_add = builder_add,
    .builder_add_range = builder_add_range,
    .builder_set_origin = builder_set_origin,
    .builder_size_bytes = builder_size_bytes,
    .builder_finish = builder_finish,
    .builder_destroy = builder_destroy,
};

const struct firn_run_kind *const twin_kinds[] = {&firn_row_kind, &twin_kind, NULL};

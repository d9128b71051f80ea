/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm: a second kind of runs: see twin_kind.h.
 */
#include "twin_kind.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "row/row.h"

struct twin_run {
    struct fi_run base;
    struct fi_run *rows;
};

struct twin_cursor {
    struct fi_run_cursor base;
    struct fi_run_cursor *rows;
    struct fi_run_cursor *scout; /* walks ahead for batches */
    struct fi_buf last_key;
};

struct twin_builder {
    struct fi_run_builder base;
    struct fi_run_builder *rows;
    struct fi_os_dir *dir;
    const struct fi_run_attacher *attacher;
    struct fi_block_publisher *publisher;
    uint64_t count;
};

bool twin_attaches;
bool twin_batches;
uint64_t twin_batched;
uint64_t twin_batch_count;
uint32_t twin_projected;

struct twin_graph {
    struct fi_run base;
    struct fi_block_reader *reader;
    struct fi_run_summary summary;
};

/* ---- graphs ---- */

static int
graph_open(const struct fi_run_env *env, const char *name, struct fi_run **out, firn_error *err)
{
    struct twin_graph *graph = fi_alloc_zeroed(sizeof *graph);
    if (graph == NULL) {
        return fi_error_no_memory(err, "a graph");
    }
    graph->base.kind = &twin_graph_kind;
    int rc = fi_block_reader_open(env->dir, name, FI_BLOCK_FILE_VECTOR, &graph->reader, err);
    if (rc != FIRN_OK) {
        fi_free(graph);
        return rc;
    }
    graph->summary.file_bytes = fi_block_reader_size_bytes(graph->reader);
    graph->summary.identity = fi_load_le64(fi_block_reader_id(graph->reader)->bytes);
    *out = &graph->base;
    return FIRN_OK;
}

static void
graph_close(struct fi_run *run)
{
    fi_block_reader_close(((struct twin_graph *)run)->reader);
    fi_free(run);
}

static const struct fi_run_summary *
graph_summary(const struct fi_run *run)
{
    return &((const struct twin_graph *)run)->summary;
}

int
twin_graph_count(const struct fi_run *run, uint64_t *out, firn_error *err)
{
    const struct twin_graph *graph = (const struct twin_graph *)run;
    struct fi_buf bytes = {0};
    CHECK(run->kind == &twin_graph_kind);
    int rc =
        fi_block_reader_section_count(graph->reader) == 1
            ? fi_block_reader_read(graph->reader, &fi_block_reader_section(graph->reader, 0)->ref,
                                   NULL, &bytes, err)
            : FIRN_CORRUPT;
    if (rc == FIRN_OK) {
        *out = fi_load_le64(bytes.data);
    }
    fi_buf_deinit(&bytes);
    return rc;
}

static int
graph_check(struct fi_run *run, void (*on_damage)(void *ctx, const char *text), void *ctx,
            const struct fi_step *step, firn_error *err)
{
    uint64_t count;
    firn_error found;
    (void)step;
    int rc = twin_graph_count(run, &count, &found);
    if (rc == FIRN_CORRUPT) {
        on_damage(ctx, found.text);
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}

const struct fi_run_kind twin_graph_kind = {
    .name = "graph",
    .file_kind = FI_BLOCK_FILE_VECTOR,
    .open = graph_open,
    .close = graph_close,
    .summary = graph_summary,
    .check = graph_check,
};

static const struct fi_run_kind *const attachment_kinds[] = {&twin_graph_kind, NULL};

/* Writes a graph of so many entries; the file is durable as the builder's will be. */
static int
write_graph(const struct twin_builder *builder, char name[FI_VERSION_FILE_NAME_SIZE],
            struct fi_run_attachment *out, firn_error *err)
{
    struct fi_block_writer *writer = NULL;
    struct fi_block_ref ref;
    uint8_t bytes[8];
    int rc;
    fi_store_le64(bytes, builder->count);
    out->kind = FI_BLOCK_FILE_VECTOR;
    out->number = builder->attacher->take(builder->attacher->ctx, &twin_graph_kind, name);
    FI_TRY(fi_block_writer_create(builder->dir, name, FI_BLOCK_FILE_VECTOR, &writer, err));
    FI_TRY(fi_block_writer_add(writer, FI_CODEC_NONE, firn_bytes(bytes, sizeof bytes), sizeof bytes,
                               &ref, err));
    FI_TRY(fi_block_writer_add_section(writer, 1, &ref, err));
    out->identity = fi_load_le64(fi_block_writer_id(writer)->bytes);
    rc = fi_block_writer_finish_later(writer, builder->publisher, &out->file_bytes, err);
out:
    fi_block_writer_destroy(writer);
    return rc;
}

/* ---- runs ---- */

static struct fi_run *
rows_of(const struct fi_run *run)
{
    CHECK(run->kind == &twin_kind);
    return ((const struct twin_run *)run)->rows;
}

static int
open_run(const struct fi_run_env *env, const char *name, struct fi_run **out, firn_error *err)
{
    struct twin_run *run = fi_alloc_zeroed(sizeof *run);
    if (run == NULL) {
        return fi_error_no_memory(err, "a twin");
    }
    run->base.kind = &twin_kind;
    int rc = fi_row_kind.open(env, name, &run->rows, err);
    if (rc != FIRN_OK) {
        fi_free(run);
        return rc;
    }
    *out = &run->base;
    return FIRN_OK;
}

static void
close_run(struct fi_run *run)
{
    fi_row_kind.close(rows_of(run));
    fi_free(run);
}

static const struct fi_run_summary *
summary(const struct fi_run *run)
{
    return fi_row_kind.summary(rows_of(run));
}

static const struct fi_range_set *
ranges(const struct fi_run *run)
{
    return fi_row_kind.ranges(rows_of(run));
}

static int
origin(struct fi_run *run, struct fi_buf *numbers, struct fi_run_origin *out, firn_error *err)
{
    return fi_row_kind.origin(rows_of(run), numbers, out, err);
}

static int
get(struct fi_run *run, firn_slice key, const struct fi_snapshot *snapshot, struct fi_run_hit *out,
    struct fi_buf *value, firn_error *err)
{
    return fi_row_kind.get(rows_of(run), key, snapshot, out, value, err);
}

static int
place(struct fi_run *run, firn_slice key, struct fi_run_place *out, firn_error *err)
{
    return fi_row_kind.place(rows_of(run), key, out, err);
}

static int
check(struct fi_run *run, void (*on_damage)(void *ctx, const char *text), void *ctx,
      const struct fi_step *step, firn_error *err)
{
    return fi_row_kind.check(rows_of(run), on_damage, ctx, step, err);
}

/* ---- cursors ---- */

static struct twin_cursor *
twin_of(struct fi_run_cursor *cursor)
{
    CHECK(cursor->kind == &twin_kind);
    return (struct twin_cursor *)cursor;
}

/* Shows what the rows' cursor has come to. */
static int
settle(struct fi_run_cursor *cursor, int rc)
{
    const struct fi_run_cursor *rows = twin_of(cursor)->rows;
    cursor->is_valid = rows->is_valid;
    cursor->entry = rows->entry;
    return rc;
}

static int
cursor_create(struct fi_run *run, const struct fi_run_cursor_options *options,
              struct fi_run_cursor **out, firn_error *err)
{
    struct twin_cursor *cursor = fi_alloc_zeroed(sizeof *cursor);
    if (cursor == NULL) {
        return fi_error_no_memory(err, "a cursor of a twin");
    }
    cursor->base.kind = &twin_kind;
    const struct fi_run_cursor_options ahead = {.keeps_references = true};
    bool projects = options != NULL && options->projection != NULL;
    twin_projected = projects ? (uint32_t)options->projection->count : UINT32_MAX;
    int rc = fi_row_kind.cursor_create(rows_of(run), options, &cursor->rows, err);
    if (rc == FIRN_OK) {
        rc = fi_row_kind.cursor_create(rows_of(run), &ahead, &cursor->scout, err);
        if (rc != FIRN_OK) {
            fi_row_kind.cursor_destroy(cursor->rows);
        }
    }
    if (rc != FIRN_OK) {
        fi_free(cursor);
        return rc;
    }
    *out = &cursor->base;
    return FIRN_OK;
}

static void
cursor_destroy(struct fi_run_cursor *cursor)
{
    fi_row_kind.cursor_destroy(twin_of(cursor)->rows);
    fi_row_kind.cursor_destroy(twin_of(cursor)->scout);
    fi_buf_deinit(&twin_of(cursor)->last_key);
    fi_free(cursor);
}

static int
cursor_seek(struct fi_run_cursor *cursor, firn_slice key, uint64_t sequence, firn_error *err)
{
    return settle(cursor, fi_row_kind.cursor_seek(twin_of(cursor)->rows, key, sequence, err));
}

static int
cursor_seek_before(struct fi_run_cursor *cursor, firn_slice key, uint64_t sequence, firn_error *err)
{
    return settle(cursor,
                  fi_row_kind.cursor_seek_before(twin_of(cursor)->rows, key, sequence, err));
}

static int
cursor_first(struct fi_run_cursor *cursor, firn_error *err)
{
    return settle(cursor, fi_row_kind.cursor_first(twin_of(cursor)->rows, err));
}

static int
cursor_last(struct fi_run_cursor *cursor, firn_error *err)
{
    return settle(cursor, fi_row_kind.cursor_last(twin_of(cursor)->rows, err));
}

static int
cursor_next(struct fi_run_cursor *cursor, firn_error *err)
{
    return settle(cursor, fi_row_kind.cursor_next(twin_of(cursor)->rows, err));
}

static int
cursor_prev(struct fi_run_cursor *cursor, firn_error *err)
{
    return settle(cursor, fi_row_kind.cursor_prev(twin_of(cursor)->rows, err));
}

static bool
may_batch(const struct fi_entry *entry, const firn_slice *limit)
{
    return entry->kind == FI_ENTRY_PUT && entry->values == NULL &&
           (limit == NULL || fi_slice_compare(entry->key, *limit) < 0);
}

/* Walks ahead: an entry counts when the next one has another key. */
static int
cursor_batch(struct fi_run_cursor *cursor, const firn_slice *limit, uint64_t max,
             struct fi_run_batch *out, firn_error *err)
{
    struct twin_cursor *twin = twin_of(cursor);
    struct fi_run_cursor *scout = twin->scout;
    int rc = FIRN_OK;
    if (!twin_batches) {
        return FIRN_OK;
    }
    FI_TRY(fi_row_kind.cursor_seek(scout, cursor->entry.key, cursor->entry.sequence, err));
    while (out->count < max && scout->is_valid && may_batch(&scout->entry, limit)) {
        struct fi_buf key = {0};
        uint64_t sequence = scout->entry.sequence;
        size_t size = scout->entry.key.size + scout->entry.value.size;
        rc = fi_buf_assign(&key, scout->entry.key);
        rc = rc == FIRN_OK ? fi_row_kind.cursor_next(scout, err) : fi_error_no_memory(err, "a key");
        if (rc != FIRN_OK ||
            (scout->is_valid && fi_slice_equal(scout->entry.key, fi_buf_slice(&key)))) {
            fi_buf_deinit(&key);
            break;
        }
        fi_buf_deinit(&twin->last_key);
        twin->last_key = key;
        out->sequence_min =
            out->count == 0 || sequence < out->sequence_min ? sequence : out->sequence_min;
        out->sequence_max = sequence > out->sequence_max ? sequence : out->sequence_max;
        out->content_bytes += size;
        out->count++;
    }
    out->last_key = fi_buf_slice(&twin->last_key);
out:
    return rc;
}

/* ---- builders ---- */

static struct fi_run_builder *
builder_of(const struct fi_run_builder *builder)
{
    CHECK(builder->kind == &twin_kind);
    return ((const struct twin_builder *)builder)->rows;
}

static int
builder_create(const struct fi_run_env *env, const char *name,
               const struct fi_run_builder_options *options, struct fi_run_builder **out,
               firn_error *err)
{
    struct twin_builder *builder = fi_alloc_zeroed(sizeof *builder);
    if (builder == NULL) {
        return fi_error_no_memory(err, "a twin");
    }
    builder->base.kind = &twin_kind;
    builder->dir = env->dir;
    builder->attacher = options->attacher;
    builder->publisher = options->publisher;
    int rc = fi_row_kind.builder_create(env, name, options, &builder->rows, err);
    if (rc != FIRN_OK) {
        fi_free(builder);
        return rc;
    }
    *out = &builder->base;
    return FIRN_OK;
}

static int
builder_add(struct fi_run_builder *builder, const struct fi_entry *entry, firn_error *err)
{
    ((struct twin_builder *)builder)->count++;
    return fi_row_kind.builder_add(builder_of(builder), entry, err);
}

static int
builder_add_from(struct fi_run_builder *builder, const struct fi_run_batch *batch, firn_error *err)
{
    CHECK(batch->cursor->kind == &twin_kind);
    for (uint64_t i = 0; i < batch->count; i++) {
        CHECK(batch->cursor->is_valid);
        FI_TRY_RETURN(builder_add(builder, &batch->cursor->entry, err));
        FI_TRY_RETURN(cursor_next(batch->cursor, err));
    }
    twin_batched += batch->count;
    twin_batch_count++;
    return FIRN_OK;
}

static int
builder_add_range(struct fi_run_builder *builder, const struct fi_range *range, firn_error *err)
{
    return fi_row_kind.builder_add_range(builder_of(builder), range, err);
}

static int
builder_set_origin(struct fi_run_builder *builder, const struct fi_run_origin *told,
                   firn_error *err)
{
    return fi_row_kind.builder_set_origin(builder_of(builder), told, err);
}

static uint64_t
builder_size_bytes(const struct fi_run_builder *builder)
{
    return fi_row_kind.builder_size_bytes(builder_of(builder));
}

static int
builder_finish(struct fi_run_builder *builder, struct fi_run_summary *out, firn_error *err)
{
    const struct twin_builder *twin = (const struct twin_builder *)builder;
    struct fi_run_attachment attachment = {0};
    char name[FI_VERSION_FILE_NAME_SIZE];
    int rc = FIRN_OK;
    if (!twin_attaches || twin->attacher == NULL) {
        return fi_row_kind.builder_finish(builder_of(builder), out, err);
    }
    FI_TRY(write_graph(twin, name, &attachment, err));
    rc = fi_row_kind.builder_finish(builder_of(builder), out, err);
    if (rc == FIRN_OK &&
        fi_buf_append(&out->attachments, &attachment, sizeof attachment) != FIRN_OK) {
        fi_run_summary_deinit(out);
        *out = (struct fi_run_summary){0};
        rc = fi_error_no_memory(err, "an attachment");
    }
    if (rc != FIRN_OK) {
        FI_IGNORE(fi_os_remove_file(twin->dir, name, NULL));
    }
out:
    return rc;
}

static void
builder_destroy(struct fi_run_builder *builder)
{
    if (builder != NULL) {
        fi_row_kind.builder_destroy(builder_of(builder));
        fi_free(builder);
    }
}

const struct fi_run_kind twin_kind = {
    .name = "twin",
    .file_kind = FI_BLOCK_FILE_COLUMN,
    .attachment_kinds = attachment_kinds,
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
    .cursor_batch = cursor_batch,
    .builder_create = builder_create,
    .builder_add = builder_add,
    .builder_add_from = builder_add_from,
    .builder_add_range = builder_add_range,
    .builder_set_origin = builder_set_origin,
    .builder_size_bytes = builder_size_bytes,
    .builder_finish = builder_finish,
    .builder_destroy = builder_destroy,
};

const struct fi_run_kind *const twin_kinds[] = {&fi_row_kind, &twin_kind, NULL};

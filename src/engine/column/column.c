/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column.c: opening a run, finding a key in it, and the table of functions through which the
 * LSM tree uses runs of columns.
 *
 * The functions in the order of a run's life: column_builder.c writes it; this file opens it and
 * looks up keys in it; column_cursor.c walks it; column_check.c verifies it. They all use
 * column_layout.c and column_index.c for the run's structure, column_read.c and column_keys.c to
 * fetch its data, and run/run_parts.h for what runs of all kinds have.
 */
#include "column/column_internal.h"

#include "base/mem.h"
#include "base/slice.h"
#include "graph/graph.h"

/* ==== opens a run ====
 *
 * Opened are the block file, summary and ranges, and the index, which is checked and stays in
 * memory as long as the run is open: in memory of the cache's budget, where the cache holds so
 * much. That costs time by row groups and columns; no chunk is read. The filter is not missed
 * before the first get.
 */

/* Moves the index into memory of the cache, if there is room for it. */
static void
hold_index(struct fi_column_run *run)
{
    size_t size = run->index_bytes.size;
    if (!fi_block_cache_hold(run->cache, size)) {
        return;
    }
    if (!fi_block_cache_hold_take(run->cache, size, &run->memory)) {
        fi_block_cache_hold_release(run->cache, size);
        return;
    }
    run->held_bytes = size;
    memcpy(run->memory.data, run->index_bytes.data, size);
    fi_buf_deinit(&run->index_bytes);
}

static firn_slice
index_bytes(const struct fi_column_run *run)
{
    return run->held_bytes > 0 ? firn_bytes(run->memory.data, run->held_bytes)
                               : fi_buf_slice(&run->index_bytes);
}

/* What the index says of all groups against the summary; and what only it says. */
static int
column_compare(struct fi_column_run *run, firn_error *err)
{
    const struct fi_column_layout *layout = &run->layout.layout;
    uint64_t content_bytes = 0;
    for (size_t i = 0; i < run->index.group_count; i++) {
        for (size_t slot = 0; slot < run->index.slot_count; slot++) {
            struct fi_column_shape shape = fi_column_layout_shape(layout, slot);
            struct fi_column_index_chunk chunk;
            fi_column_index_chunk(&run->index, i, slot, &shape, &chunk);
            bool is_operand = slot == fi_column_layout_hidden(layout, FI_COLUMN_OPERAND);
            bool is_expires = slot == fi_column_layout_hidden(layout, FI_COLUMN_EXPIRES);
            bool has_references = chunk.ref.offset != 0 && chunk.has_references;
            run->summary.has_heads |=
                has_references || (chunk.ref.offset != 0 && (is_operand || is_expires));
            run->summary.has_references |= has_references;
            content_bytes += slot < layout->count || is_operand ? chunk.value_bytes : 0;
        }
    }
    return run->index.entry_count == run->summary.entry_count &&
                   run->summary.has_references ==
                       (run->sections.version == FI_COLUMN_FORMAT_VERSION) &&
                   content_bytes == run->summary.content_bytes
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT,
                              "'%s': the index does not add up to what the summary says",
                              fi_block_reader_path(run->reader));
}

static int
read_index(struct fi_column_run *run, firn_error *err)
{
    struct fi_compress *compress = NULL;
    int rc;
    FI_TRY(fi_compress_create(&compress, err));
    FI_TRY(
        fi_block_reader_read(run->reader, &run->sections.index, compress, &run->index_bytes, err));
    hold_index(run);
    FI_TRY(fi_column_index_open(index_bytes(run), &run->index, &run->layout, err));
    FI_TRY(column_compare(run, err));
    rc = fi_column_filter_load(run, compress, err);
out:
    fi_compress_destroy(compress);
    if (rc != FIRN_OK && err != NULL && fi_run_text_is_loss(rc)) {
        (void)fi_run_text_place(run->reader, &run->sections.index, err);
        fi_error_prefix(err, "no key of the run can be read");
    }
    return rc;
}

static void
column_close(struct fi_run *base)
{
    if (base == NULL) {
        return;
    }
    struct fi_column_run *run = fi_column_read_run(base);
    fi_block_cache_drop_file(run->cache, run->file);
    fi_block_cache_drop_file(run->cache, run->file_of_sections);
    fi_block_cache_hold_give(run->cache, &run->memory);
    fi_block_cache_hold_release(run->cache, run->held_bytes);
    fi_buf_deinit(&run->index_bytes);
    fi_buf_deinit(&run->filters);
    fi_free(run->guides);
    fi_column_layout_deinit(&run->layout);
    fi_range_set_deinit(&run->ranges);
    fi_run_summary_deinit(&run->summary);
    fi_block_reader_close(run->reader);
    fi_free(run);
}

static __attribute__((cold)) int
column_open(const struct fi_run_env *env, const char *name, struct fi_run **out, firn_error *err)
{
    static const struct fi_run_values nowhere = {.ctx = NULL};
    *out = NULL;
    struct fi_column_run *run = fi_alloc_zeroed(sizeof *run);
    if (run == NULL) {
        fi_block_cache_drop_file(env->cache, env->cache_file);
        return fi_error_no_memory(err, "a run");
    }
    run->base.kind = &fi_column_kind;
    run->cache = env->cache;
    run->values = env->values != NULL ? env->values : &nowhere;
    run->file = env->cache_file != 0 ? env->cache_file : fi_block_cache_add_file(env->cache);
    run->file_of_sections = fi_block_cache_add_file(env->cache);
    int rc;
    FI_TRY(fi_block_reader_open_in(env->descriptors, env->dir, name, FI_BLOCK_FILE_COLUMN,
                                   &run->reader, err));
    FI_TRY(fi_run_sections_read(run->reader, FI_COLUMN_FORMAT_VERSION, &run->sections,
                                &run->summary, &run->ranges, err));
    FI_TRY(read_index(run, err));
    run->guides =
        fi_alloc_zeroed((run->index.group_count * run->index.slot_count + 1) * sizeof *run->guides);
    if (run->guides == NULL) {
        rc = fi_error_no_memory(err, "a run");
    }
out:
    if (rc != FIRN_OK) {
        column_close(&run->base);
        return rc;
    }
    *out = &run->base;
    return FIRN_OK;
}

static int
column_origin(struct fi_run *base, struct fi_buf *numbers, struct fi_run_origin *out,
              firn_error *err)
{
    const struct fi_column_run *run = fi_column_read_run(base);
    return fi_run_sections_origin(run->reader, &run->sections, numbers, out, err);
}

/* ==== the newest version of a key that a snapshot sees ====
 *
 * Filter, index, key columns: each may end the search. Versions of one key lie side by side, the
 * newest first, and may go on in the next group; groups whose sequences the snapshot does not see
 * are not read.
 *
 * A column that cannot be read ends the search with FIRN_CORRUPT. The other columns of a row are
 * read only when it is the answer.
 */

enum {
    AHEAD = 16, /* columns whose values are asked of memory before the first of them is read */
    VALUE_MEMORY = 256 /* for decoding one of them */
};

struct search {
    struct fi_column_run *run;
    firn_slice key;
    const struct fi_run_projection *columns; /* NULL: all */
    struct fi_run_walk walk;
    struct fi_column_keys keys;
    struct fi_column_slot slot; /* of one hidden column after the other */
    struct fi_column_slot slots[AHEAD];
    struct fi_run_hit *out;
    struct fi_buf *value;
    struct fi_buf memory;
    uint8_t key_memory[VALUE_MEMORY];
    uint8_t value_memory[AHEAD][VALUE_MEMORY];
};

/* Whether the run can hold the key. true too where the filter is damaged: it only saves work. */
static int
query_filter(struct fi_column_run *run, firn_slice key, bool *out, firn_error *err)
{
    struct fi_block_pin pin = {0};
    firn_error local;
    *out = true;
    if (run->sections.filter.stored_size == 0) {
        return FIRN_OK;
    }
    int rc =
        fi_block_cache_read(run->cache, run->file_of_sections, run->reader, &run->sections.filter,
                            FI_BLOCK_CACHE_INDEX, fi_run_filter_check, &pin, &local);
    if (rc == FIRN_OK) {
        *out = fi_run_filter_may_contain(firn_bytes(pin.data, pin.size), fi_run_filter_hash(key));
        fi_block_cache_unpin(run->cache, &pin);
    } else if (rc == FIRN_CORRUPT) {
        rc = FIRN_OK;
    } else if (err != NULL) {
        *err = local;
    }
    return rc;
}

/* The value of a column in a row; borrowed until the next call. */
static int
read_cell(struct search *search, size_t number, uint32_t row, struct fi_cell *out, firn_error *err)
{
    struct fi_column_slot *slot = &search->slot;
    fi_column_read_close(slot);
    int rc = fi_column_read_open(search->run, search->keys.group, number, FI_BLOCK_CACHE_DATA, slot,
                                 err);
    return rc != FIRN_OK ? rc : fi_column_read_cell(search->run, slot, row, out, err);
}

static int
read_hidden(struct search *search, uint32_t column, size_t size_min, uint32_t row,
            struct fi_cell *out, firn_error *err)
{
    size_t number = fi_column_layout_hidden(&search->run->layout.layout, column);
    int rc = read_cell(search, number, row, out, err);
    if (rc == FIRN_OK && (out->kind == FI_PHYSICAL_NONE ||
                          (out->kind == FI_PHYSICAL_BYTES && out->as.bytes.size < size_min))) {
        rc = fi_column_read_refuse(search->run, search->keys.group, number,
                                   "an entry lacks a part that its kind has", err);
    }
    return rc;
}

/* Whether the value has the column of a slot. */
static bool
is_wanted(const struct search *search, size_t slot)
{
    const struct fi_column_owned *layout = &search->run->layout;
    return !layout->is_key[slot] &&
           (search->columns == NULL ||
            fi_column_layout_wants(search->columns, layout->layout.columns[slot].id));
}

/* Pins the blocks of up to AHEAD columns from *slot on, and moves it on; a value in pieces is left
 * for later. */
static int
fetch_ahead(struct search *search, size_t *slot, size_t *out_count, firn_error *err)
{
    struct fi_column_run *run = search->run;
    const struct fi_column_owned *layout = &run->layout;
    int rc = FIRN_OK;
    *out_count = 0;
    for (; rc == FIRN_OK && *slot < layout->layout.count && *out_count < AHEAD; (*slot)++) {
        struct fi_column_slot *fetched = &search->slots[*out_count];
        if (!is_wanted(search, *slot)) {
            continue;
        }
        fi_column_read_init(fetched);
        fetched->scratch.bytes = fi_buf_borrowed(search->value_memory[*out_count], VALUE_MEMORY);
        fetched->number = *slot;
        (*out_count)++;
        if (!fi_column_read_is_in_pieces(run, search->keys.group, *slot)) {
            rc = fi_column_read_fetch(run, search->keys.group, *slot, FI_BLOCK_CACHE_DATA, fetched,
                                      err);
        }
    }
    return rc;
}

/* Opens what was fetched, and asks memory for the values of a row: first for what says where they
 * lie. */
static int
open_ahead(struct search *search, uint32_t row, size_t count, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        struct fi_column_slot *slot = &search->slots[i];
        if (slot->is_fetched) {
            rc = fi_column_read_open(search->run, search->keys.group, slot->number,
                                     FI_BLOCK_CACHE_DATA, slot, err);
        }
        if (slot->is_open) {
            fi_chunk_prefetch_place(&slot->pin.chunk, row);
        }
    }
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        if (search->slots[i].is_open) {
            fi_chunk_prefetch(&search->slots[i].pin.chunk, row);
        }
    }
    return rc;
}

/* Appends the tuple of a row to the value. Its columns lie far from each other: what memory is slow
 * to give is asked for at once, not one after the other. */
static int
add_tuple(struct search *search, uint32_t row, firn_error *err)
{
    struct fi_tuple_writer writer;
    struct fi_column_run *run = search->run;
    int rc = FIRN_OK;
    fi_tuple_begin(&writer, search->value);
    for (size_t slot = 0; rc == FIRN_OK && slot < run->layout.layout.count;) {
        size_t count;
        rc = fetch_ahead(search, &slot, &count, err);
        rc = rc == FIRN_OK ? open_ahead(search, row, count, err) : rc;
        for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
            struct fi_cell cell;
            struct fi_column_slot *opened = &search->slots[i];
            rc = fi_column_read_open(run, search->keys.group, opened->number, FI_BLOCK_CACHE_DATA,
                                     opened, err);
            rc = rc == FIRN_OK ? fi_column_read_cell(run, opened, row, &cell, err) : rc;
            if (rc == FIRN_OK) {
                fi_tuple_add(&writer, run->layout.columns[opened->number].id, &cell);
            }
        }
        for (size_t i = 0; i < count; i++) {
            fi_column_read_deinit(&search->slots[i]);
        }
    }
    return rc == FIRN_OK && fi_tuple_end(&writer) != FIRN_OK ? fi_error_no_memory(err, "a row")
                                                             : rc;
}

/* Takes a row for the answer. */
static int
column_take(struct search *search, uint32_t row, uint64_t sequence, firn_error *err)
{
    struct fi_cell cell;
    enum fi_entry_kind kind;
    FI_TRY_RETURN(fi_column_keys_kind(&search->keys, row, &kind, err));
    *search->out = (struct fi_run_hit){kind, sequence};
    if (search->value == NULL || kind == FI_ENTRY_DELETE) {
        return FIRN_OK;
    }
    fi_buf_clear(search->value);
    if (kind == FI_ENTRY_MERGE) {
        FI_TRY_RETURN(
            read_hidden(search, FI_COLUMN_OPERAND, FI_ENTRY_MERGE_HEAD_SIZE, row, &cell, err));
        return fi_buf_append_slice(search->value, cell.as.bytes) == FIRN_OK
                   ? FIRN_OK
                   : fi_error_no_memory(err, "a value");
    }
    if (kind == FI_ENTRY_EXPIRING) {
        FI_TRY_RETURN(read_hidden(search, FI_COLUMN_EXPIRES, 0, row, &cell, err));
        if (fi_buf_append_le64(search->value, cell.as.u64) != FIRN_OK) {
            return fi_error_no_memory(err, "a value");
        }
    }
    return add_tuple(search, row, err);
}

/* Walks the versions in the open group: FIRN_OK at a hit; FIRN_NOT_FOUND where they end, or with
 * *out_goes_on where they may go on in the next group. */
static int
search_group(struct search *search, bool *out_goes_on, firn_error *err)
{
    int order;
    uint32_t row;
    uint64_t sequence;
    struct fi_column_keys *keys = &search->keys;
    *out_goes_on = false;
    int rc = fi_column_keys_find(keys, search->key, search->walk.at, &search->memory, &row, err);
    for (; rc == FIRN_OK && row < keys->info.rows; row++) {
        FI_TRY(fi_column_keys_compare(keys, row, search->key, &search->memory, &order, err));
        if (order != 0) {
            return FIRN_NOT_FOUND;
        }
        FI_TRY(fi_column_keys_sequence(keys, row, &sequence, err));
        if (!fi_run_walk_below(&search->walk, sequence)) {
            return FIRN_NOT_FOUND;
        }
        if (sequence <= search->walk.at) {
            return column_take(search, row, sequence, err);
        }
    }
    *out_goes_on = rc == FIRN_OK;
    rc = rc == FIRN_OK ? FIRN_NOT_FOUND : rc;
out:
    return rc;
}

/* Whether versions of the key, or the first of them, can be in the i-th group, where no row before
 * it is the answer. */
static bool
column_reaches(const struct search *search, size_t i, struct fi_column_index_group *out)
{
    if (i >= search->run->index.group_count) {
        return false;
    }
    fi_column_index_group(&search->run->index, i, out);
    return fi_slice_compare(out->lower, search->key) <= 0 &&
           fi_slice_compare(search->key, out->upper) <= 0;
}

/* What the values of a row in this group will need first comes while the key is searched. */
static void
prefetch_values(const struct search *search, size_t group)
{
    const struct fi_column_owned *layout = &search->run->layout;
    for (size_t slot = 0; search->value != NULL && slot < layout->layout.count; slot++) {
        if (is_wanted(search, slot)) {
            fi_column_read_prefetch(search->run, group, slot);
        }
    }
}

static int
search_groups(struct search *search, firn_error *err)
{
    size_t count = fi_column_index_find(&search->run->index, search->key, search->walk.at);
    struct fi_column_index_group info;
    bool goes_on = true;
    for (size_t i = count == 0 ? 0 : count - 1; goes_on; i++) {
        bool is_here = column_reaches(search, i, &info);
        if (!is_here && i >= count) {
            break;
        }
        if (!is_here ||
            !fi_run_walk_sees_any(&search->walk, info.sequence_min, info.sequence_max)) {
            continue;
        }
        prefetch_values(search, i);
        int rc = fi_column_keys_open(&search->keys, i, err);
        if (rc == FIRN_OK) {
            rc = search_group(search, &goes_on, err);
        }
        if (rc != FIRN_NOT_FOUND) {
            return rc;
        }
    }
    return FIRN_NOT_FOUND;
}

static int
get_columns(struct fi_run *base, firn_slice key, const struct fi_snapshot *snapshot,
            const struct fi_run_projection *columns, struct fi_run_hit *out, struct fi_buf *value,
            firn_error *err)
{
    struct fi_column_run *run = fi_column_read_run(base);
    struct search search; /* not zeroed: slots are large */
    bool may_contain = true;
    int rc = FIRN_OK;
    search.run = run;
    search.key = fi_run_key(key);
    search.columns = columns;
    search.out = out;
    search.value = value;
    search.memory = fi_buf_borrowed(search.key_memory, VALUE_MEMORY);
    if (columns == NULL || !columns->expects_row) {
        FI_TRY(query_filter(run, search.key, &may_contain, err));
    }
    if (!may_contain || !fi_run_walk_init(&search.walk, snapshot)) {
        return fi_run_not_found(err);
    }
    fi_column_keys_init(&search.keys, run, FI_BLOCK_CACHE_DATA);
    fi_column_read_init(&search.slot);
    rc = search_groups(&search, err);
    fi_column_keys_deinit(&search.keys);
    fi_column_read_deinit(&search.slot);
    fi_buf_deinit(&search.memory);
    rc = rc == FIRN_NOT_FOUND ? fi_run_not_found(err) : rc;
out:
    return rc;
}

static int
column_get(struct fi_run *base, firn_slice key, const struct fi_snapshot *snapshot,
           struct fi_run_hit *out, struct fi_buf *value, firn_error *err)
{
    return get_columns(base, key, snapshot, NULL, out, value, err);
}

/* ==== what others see of a run (column/column.h) ==== */

size_t
fi_column_group_count(const struct fi_run *run)
{
    return fi_column_read_const(run)->index.group_count;
}

void
fi_column_group_at(const struct fi_run *run, size_t i, struct fi_column_group *out)
{
    struct fi_column_index_group info;
    fi_column_index_group(&fi_column_read_const(run)->index, i, &info);
    *out = (struct fi_column_group){
        .rows = info.rows,
        .lower = info.lower,
        .upper = info.upper,
        .sequence_min = info.sequence_min,
        .sequence_max = info.sequence_max,
        .is_plain = info.is_plain,
    };
}

const struct fi_column_layout *
fi_column_layout_of(const struct fi_run *run)
{
    return &fi_column_read_const(run)->layout.layout;
}

/* The slot of a column that the group has a chunk of; SIZE_MAX: there is none. */
static size_t
slot_of(const struct fi_column_run *run, size_t group, uint32_t column)
{
    size_t slot = fi_column_layout_slot(&run->layout.layout, column);
    return slot != SIZE_MAX && fi_column_index_ref(&run->index, group, slot).offset != 0 ? slot
                                                                                         : SIZE_MAX;
}

int
fi_column_info_of(const struct fi_run *base, size_t group, uint32_t column,
                  struct fi_column_info *out)
{
    const struct fi_column_run *run = fi_column_read_const(base);
    size_t slot = slot_of(run, group, column);
    if (slot == SIZE_MAX) {
        return FIRN_NOT_FOUND;
    }
    struct fi_column_shape shape = fi_column_layout_shape(&run->layout.layout, slot);
    struct fi_column_index_chunk chunk;
    fi_column_index_chunk(&run->index, group, slot, &shape, &chunk);
    *out = (struct fi_column_info){
        .encoding = chunk.encoding,
        .stored_bytes = fi_block_reader_span(&chunk.ref),
        .raw_bytes = chunk.value_bytes,
        .bounds = chunk.bounds,
    };
    return FIRN_OK;
}

int
fi_column_pin_chunk(struct fi_run *base, size_t group, uint32_t column, enum fi_block_cache_use use,
                    struct fi_column_pin *out, firn_error *err)
{
    struct fi_column_run *run = fi_column_read_run(base);
    size_t slot = slot_of(run, group, column);
    *out = (struct fi_column_pin){.cache = NULL};
    if (slot == SIZE_MAX) {
        return fi_error_set_named(err, FIRN_NOT_FOUND, "", "", "");
    }
    if (fi_column_read_is_in_pieces(run, group, slot)) {
        return fi_error_set(err, FIRN_LIMIT, "a value of column %u is too large for a chunk",
                            column);
    }
    return fi_column_index_has_references(&run->index, group, slot)
               ? fi_column_values_pin(run, group, slot, use, out, err)
               : fi_column_read_pin(run, group, slot, use, out, err);
}

int
fi_column_explain(const struct fi_run *base, size_t group, uint32_t column, firn_error *err)
{
    const struct fi_column_run *run = fi_column_read_const(base);
    size_t slot = fi_column_layout_slot(&run->layout.layout, column);
    DCHECK(slot != SIZE_MAX && err->code != FIRN_OK);
    return fi_column_read_explain(run, group, slot, err);
}

int
fi_column_read_large(struct fi_run *base, size_t group, uint32_t column, struct fi_buf *out,
                     firn_error *err)
{
    struct fi_column_run *run = fi_column_read_run(base);
    size_t slot = slot_of(run, group, column);
    return slot == SIZE_MAX || !fi_column_read_is_in_pieces(run, group, slot)
               ? fi_error_set(err, FIRN_NOT_FOUND, "row group %zu has no large value in column %u",
                              group, column)
               : fi_column_read_pieces(run, group, slot, false, FI_BLOCK_CACHE_SCAN, out, err);
}

/* ---- the rest ---- */

/* As exact as row groups are. */
static int
column_place(struct fi_run *base, firn_slice key, struct fi_run_place *out, firn_error *err)
{
    const struct fi_column_run *run = fi_column_read_run(base);
    struct fi_column_index_group info;
    key = fi_run_key(key);
    size_t i = fi_column_index_find(&run->index, key, UINT64_MAX);
    *out = (struct fi_run_place){0};
    (void)err;
    /* It lies in the group before, unless that ends before it. */
    if (i > 0) {
        fi_column_index_group(&run->index, i - 1, &info);
        i -= i == run->index.group_count || fi_slice_compare(key, info.upper) <= 0;
    }
    if (i > 0) {
        fi_column_index_group(&run->index, i, &info);
        out->offset = fi_column_index_ref(&run->index, i, 0).offset;
        out->entries = info.rows_before;
    }
    return FIRN_OK;
}

static const struct fi_run_summary *
column_summary(const struct fi_run *run)
{
    return &fi_column_read_const(run)->summary;
}

static const struct fi_range_set *
column_ranges(const struct fi_run *run)
{
    return &fi_column_read_const(run)->ranges;
}

/* The builder does not know the table below: it gets it from here. */
static int
create_builder(const struct fi_run_env *env, const char *name,
               const struct fi_run_builder_options *options, struct fi_run_builder **out,
               firn_error *err)
{
    return fi_column_builder_create(&fi_column_kind, env, name, options, out, err);
}

static const struct fi_run_kind *const attachment_kinds[] = {&fi_graph_read_kind, NULL};

const struct fi_run_kind fi_column_kind = {
    .name = "column",
    .file_kind = FI_BLOCK_FILE_COLUMN,
    .attachment_kinds = attachment_kinds,
    .has_layout = true,
    .open = column_open,
    .close = column_close,
    .summary = column_summary,
    .ranges = column_ranges,
    .origin = column_origin,
    .get = column_get,
    .get_columns = get_columns,
    .place = column_place,
    .check = fi_column_check,
    .mend = fi_column_mend,
    .cursor_create = fi_column_cursor_create,
    .cursor_destroy = fi_column_cursor_destroy,
    .cursor_seek = fi_column_cursor_seek,
    .cursor_seek_before = fi_column_cursor_seek_before,
    .cursor_first = fi_column_cursor_first,
    .cursor_last = fi_column_cursor_last,
    .cursor_next = fi_column_cursor_next,
    .cursor_prev = fi_column_cursor_prev,
    .cursor_batch = fi_column_cursor_batch,
    .builder_create = create_builder,
    .builder_add = fi_column_builder_add,
    .builder_add_from = fi_column_intake_add_from,
    .builder_add_columns = fi_column_intake_add_columns,
    .builder_add_range = fi_column_builder_add_range,
    .builder_set_origin = fi_column_builder_set_origin,
    .builder_size_bytes = fi_column_builder_size_bytes,
    .builder_finish = fi_column_builder_finish,
    .builder_destroy = fi_column_builder_destroy,
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows_stats.c: the size and statistics of a table, column by column.
 *
 * The numbers are those that runs of columns record about their chunks, added up over all runs that
 * the state may read; no chunk is read. So they describe versions of rows in files: overwritten and
 * deleted rows count until a compaction drops them, and rows in memory do not count.
 *
 * The number of rows is estimated from the counts of runs and memtables: versions that are no
 * tombstones, less one for each tombstone. The estimate is too large by the rows that were
 * overwritten in another run, and in an earlier state also by later rows; it is exact if there are
 * no entries at all. With `counts` the keys are counted.
 *
 * Bounds of bytes are their first bytes. Bounds of text are cut to whole characters, and both stay
 * bounds: the lower one gets smaller, and the upper one is marked as cut.
 */
#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/utf8.h"
#include "column/column.h"
#include "inspect/inspect.h"
#include "lsm/lsm.h"
#include "memtable/memtable.h"
#include "rows/rows_internal.h"
#include "version/version_file.h"

/* The bounds of a column over several chunks; bytes are in the struct. */
struct bound {
    struct fi_cell cell; /* null: there is none yet */
    uint8_t bytes[FI_CHUNK_BOUND_SIZE];
    bool is_cut;
};

struct gathering {
    const struct fi_schema *schema;
    firn_table_statistics stats;
    firn_table_column_statistics *columns; /* of the schema's */
    firn_table_column *definitions;
    struct bound *smallest;
    struct bound *largest;
    uint64_t versions;   /* newest ones of their keys that are no tombstones */
    uint64_t tombstones; /* and range deletes */
};

/* ---- bounds ---- */

static int
compare_bytes(firn_slice a, firn_slice b)
{
    return fi_slice_compare(a, b);
}

static int
rows_stats_compare(const struct fi_cell *a, const struct fi_cell *b)
{
    DCHECK(a->kind == b->kind);
    switch (a->kind) {
    case FI_PHYSICAL_I64:
        return (a->as.i64 > b->as.i64) - (a->as.i64 < b->as.i64);
    case FI_PHYSICAL_U64:
        return (a->as.u64 > b->as.u64) - (a->as.u64 < b->as.u64);
    case FI_PHYSICAL_F32:
        return (a->as.f32 > b->as.f32) - (a->as.f32 < b->as.f32);
    case FI_PHYSICAL_F64:
        return (a->as.f64 > b->as.f64) - (a->as.f64 < b->as.f64);
    case FI_PHYSICAL_BYTES:
        return compare_bytes(a->as.bytes, b->as.bytes);
    default:
        return 0;
    }
}

/* Replaces the bound. */
static void
take_bound(struct bound *bound, const struct fi_cell *cell, bool is_cut)
{
    bound->cell = *cell;
    bound->is_cut = is_cut;
    if (cell->kind == FI_PHYSICAL_BYTES) {
        size_t size = cell->as.bytes.size;
        CHECK(size <= sizeof bound->bytes);
        memcpy(bound->bytes, cell->as.bytes.data, size);
        bound->cell.as.bytes = firn_bytes(bound->bytes, size);
    }
}

static void
add_bounds(const struct fi_chunk_bounds *bounds, struct bound *smallest, struct bound *largest)
{
    if (bounds->is_empty || bounds->min.kind == FI_PHYSICAL_NONE) {
        return;
    }
    if (smallest->cell.kind == FI_PHYSICAL_NONE ||
        rows_stats_compare(&bounds->min, &smallest->cell) < 0) {
        take_bound(smallest, &bounds->min, false);
    }
    int order = largest->cell.kind == FI_PHYSICAL_NONE
                    ? 1
                    : rows_stats_compare(&bounds->max, &largest->cell);
    if (order > 0 || (order == 0 && bounds->max_is_cut)) {
        take_bound(largest, &bounds->max, bounds->max_is_cut);
    }
}

/* ---- parts ---- */

static int
add_column(struct gathering *gathering, const struct fi_run *run, size_t group, size_t place,
           uint32_t rows)
{
    struct fi_column_info info;
    const struct fi_schema_column *column = &gathering->schema->columns[place];
    firn_table_column_statistics *out = &gathering->columns[place];
    int rc = fi_column_info_of(run, group, column->id, &info);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    DCHECK(info.encoding < FIRN_TABLE_ENCODINGS_MAX);
    out->chunks++;
    out->values += rows;
    out->nulls += info.bounds.null_count;
    out->stored_bytes += info.stored_bytes;
    out->raw_bytes += info.raw_bytes;
    out->encodings[info.encoding]++;
    add_bounds(&info.bounds, &gathering->smallest[place], &gathering->largest[place]);
    return FIRN_OK;
}

static int
add_run(struct gathering *gathering, const struct fi_lsm_part *part, firn_error *err)
{
    const struct fi_manifest_run *info = &part->file->info;
    firn_table_statistics *stats = &gathering->stats;
    stats->runs++;
    stats->file_bytes += info->file_bytes;
    for (size_t i = 0; i < info->reference_count; i++) {
        stats->value_bytes += info->references[i].bytes;
    }
    /* Tombstones may be among the older ones, too. */
    uint64_t newest = info->entry_count - info->older_count;
    DCHECK(info->older_count <= info->entry_count);
    gathering->versions += newest > info->tombstone_count ? newest - info->tombstone_count : 0;
    gathering->tombstones += info->tombstone_count + info->range_count;
    if (part->file->kind != &fi_column_kind) {
        return FIRN_OK;
    }
    for (size_t group = 0; group < fi_column_group_count(part->run); group++) {
        struct fi_column_group rows;
        fi_column_group_at(part->run, group, &rows);
        for (size_t place = 0; place < gathering->schema->column_count; place++) {
            int rc = add_column(gathering, part->run, group, place, rows.rows);
            if (rc != FIRN_OK) {
                return fi_error_set(err, rc, "a run of columns does not say which columns it has");
            }
        }
    }
    return FIRN_OK;
}

static int
visit_part(void *ctx, const struct fi_lsm_part *part, firn_error *err)
{
    struct gathering *gathering = ctx;
    if (part->memtable == NULL) {
        return add_run(gathering, part, err);
    }
    uint64_t entries = fi_memtable_entry_count(part->memtable);
    gathering->versions += entries;
    gathering->stats.memory_rows += entries;
    gathering->stats.memory_bytes += entries > 0 ? fi_memtable_size_bytes(part->memtable) : 0;
    return FIRN_OK;
}

/* ---- counting ---- */

/* How many keys a keyspace has. */
static int
count_keys(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot, uint64_t *out,
           firn_error *err)
{
    const struct fi_db_cursor_options keys = {.snapshot = snapshot, .keys_only = true};
    struct firn_db_cursor *cursor = NULL;
    int rc;
    *out = 0;
    FI_TRY(fi_db_cursor_open(keyspace, &keys, &cursor, err));
    FI_TRY(fi_db_cursor_first(cursor, err));
    while (fi_db_cursor_valid(cursor)) {
        (*out)++;
        FI_TRY(fi_db_cursor_next(cursor, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

static uint64_t
rows_stats_estimate(const struct gathering *gathering)
{
    return gathering->versions > gathering->tombstones ? gathering->versions - gathering->tombstones
                                                       : 0;
}

/* ---- indexes ---- */

static int
inspect_index(struct firn_table *table, const struct fi_rows_stats_options *options,
              const struct fi_schema_index *index, firn_table_index_statistics *out,
              firn_error *err)
{
    static const struct fi_schema nothing = {.column_count = 0};
    struct gathering parts = {.schema = &nothing};
    struct firn_db_keyspace *keyspace;
    *out = (firn_table_index_statistics){.name = (const char *)index->name.data,
                                         .is_unique = index->is_unique};
    FI_TRY_RETURN(fi_rows_index_keyspace(table, options->snapshot, index, &keyspace, err));
    FI_TRY_RETURN(
        fi_inspect_stats_visit_parts(keyspace, options->snapshot, visit_part, &parts, err));
    out->entries = rows_stats_estimate(&parts);
    out->file_bytes = parts.stats.file_bytes;
    out->memory_bytes = parts.stats.memory_bytes;
    if (options->counts) {
        FI_TRY_RETURN(count_keys(keyspace, options->snapshot, &out->entries, err));
    }
    return FIRN_OK;
}

/* ---- the answer, in one piece ---- */

/* Where the next part of the answer goes; NULL in the first pass, which only finds the size. */
struct packing {
    uint8_t *at;
    size_t size;
};

static void *
rows_stats_reserve(struct packing *packing, size_t size)
{
    size_t aligned = (size + 15) / 16 * 16;
    uint8_t *at = packing->at;
    packing->size += aligned;
    packing->at = at != NULL ? at + aligned : NULL;
    return at;
}

static void *
rows_stats_pack(struct packing *packing, const void *data, size_t size)
{
    void *at = rows_stats_reserve(packing, size);
    if (at != NULL && size > 0) {
        memcpy(at, data, size);
    }
    return at;
}

static const char *
pack_name(struct packing *packing, const char *name)
{
    DCHECK(name != NULL);
    return rows_stats_pack(packing, name, strlen(name) + 1);
}

/* The size of a text without an incomplete character at its end. */
static size_t
whole_characters(firn_slice text)
{
    size_t size = text.size;
    while (size > 0 && !fi_utf8_is_valid(firn_bytes(text.data, size))) {
        size--;
    }
    return size;
}

static firn_value
pack_bound(struct packing *packing, const struct fi_schema_column *column,
           const struct bound *bound, bool *out_is_cut)
{
    struct fi_cell cell = bound->cell;
    bool is_sized = column->type == FIRN_TYPE_VECTOR; /* its first bytes say nothing */
    *out_is_cut = bound->is_cut;
    if (cell.kind == FI_PHYSICAL_NONE || is_sized) {
        *out_is_cut = false;
        return firn_null();
    }
    if (cell.kind == FI_PHYSICAL_BYTES) {
        size_t size = cell.as.bytes.size;
        if (column->type == FIRN_TYPE_TEXT) {
            size = whole_characters(cell.as.bytes);
            *out_is_cut = *out_is_cut || size < cell.as.bytes.size;
        }
        cell.as.bytes = firn_bytes(rows_stats_pack(packing, cell.as.bytes.data, size), size);
    }
    return fi_schema_value_of(column, &cell);
}

static firn_table_statistics *
pack_all(struct packing *packing, const struct gathering *gathering,
         const firn_table_index_statistics *indexes)
{
    const struct fi_schema *schema = gathering->schema;
    firn_table_statistics *out = rows_stats_pack(packing, &gathering->stats, sizeof *out);
    firn_table_column_statistics *columns =
        rows_stats_pack(packing, gathering->columns, schema->column_count * sizeof *columns);
    firn_table_column *definitions = rows_stats_pack(packing, gathering->definitions,
                                                     schema->column_count * sizeof *definitions);
    firn_table_index_statistics *own =
        rows_stats_pack(packing, indexes, schema->index_count * sizeof *indexes);
    const firn_table_column_statistics **column_places =
        rows_stats_reserve(packing, schema->column_count * sizeof(void *));
    const firn_table_index_statistics **index_places =
        rows_stats_reserve(packing, schema->index_count * sizeof(void *));
    for (size_t i = 0; i < schema->column_count; i++) {
        bool is_cut;
        const struct fi_schema_column *column = &schema->columns[i];
        const char *name = pack_name(packing, (const char *)column->name.data);
        firn_value smallest = pack_bound(packing, column, &gathering->smallest[i], &is_cut);
        firn_value largest = pack_bound(packing, column, &gathering->largest[i], &is_cut);
        if (columns != NULL) {
            definitions[i].name = name;
            columns[i].definition = &definitions[i];
            column_places[i] = &columns[i];
            columns[i].smallest = smallest;
            columns[i].largest = largest;
            columns[i].largest_is_cut = is_cut;
        }
    }
    for (size_t i = 0; i < schema->index_count; i++) {
        const char *name = pack_name(packing, indexes[i].name);
        if (own != NULL) {
            own[i].name = name;
            index_places[i] = &own[i];
        }
    }
    if (out != NULL) {
        out->columns = column_places;
        out->indexes = index_places;
    }
    return out;
}

static int
make_answer(const struct gathering *gathering, const firn_table_index_statistics *indexes,
            firn_table_statistics **out, firn_error *err)
{
    struct packing measure = {.at = NULL};
    (void)pack_all(&measure, gathering, indexes);
    struct packing packing = {.at = fi_alloc(measure.size)};
    if (packing.at == NULL) {
        return fi_error_no_memory(err, "statistics");
    }
    *out = pack_all(&packing, gathering, indexes);
    CHECK(packing.size == measure.size);
    return FIRN_OK;
}

/* ---- the whole table ---- */

static int
rows_stats_begin(struct gathering *gathering, struct fi_arena *arena, firn_error *err)
{
    size_t count = gathering->schema->column_count;
    gathering->columns = fi_arena_alloc(arena, count * sizeof *gathering->columns);
    gathering->definitions = fi_arena_alloc(arena, count * sizeof *gathering->definitions);
    gathering->smallest = fi_arena_alloc(arena, count * sizeof *gathering->smallest);
    gathering->largest = fi_arena_alloc(arena, count * sizeof *gathering->largest);
    if (gathering->columns == NULL || gathering->definitions == NULL ||
        gathering->smallest == NULL || gathering->largest == NULL) {
        return fi_error_no_memory(err, "statistics");
    }
    memset(gathering->columns, 0, count * sizeof *gathering->columns);
    memset(gathering->smallest, 0, count * sizeof *gathering->smallest);
    memset(gathering->largest, 0, count * sizeof *gathering->largest);
    for (size_t i = 0; i < count; i++) {
        const struct fi_schema_column *column = &gathering->schema->columns[i];
        gathering->definitions[i] =
            (firn_table_column){.type = column->type,
                                .precision = column->precision,
                                .scale = column->scale,
                                .dimensions = column->dimensions,
                                .not_null = !column->is_nullable,
                                .is_auto = column->is_auto,
                                .has_bloom_filter = column->has_bloom_filter};
    }
    gathering->stats.column_count = count;
    gathering->stats.index_count = gathering->schema->index_count;
    return FIRN_OK;
}

int
fi_rows_stats(struct firn_table *table, const struct fi_rows_stats_options *options,
              firn_table_statistics **out, firn_error *err)
{
    struct gathering gathering = {.schema = NULL};
    struct fi_arena arena = {.chunks = NULL};
    struct fi_schema *schema = NULL;
    firn_table_index_statistics indexes[FIRN_TABLE_INDEXES_MAX];
    int rc;
    *out = NULL;
    memset(indexes, 0, sizeof indexes);
    FI_TRY(fi_rows_schema(table, options->snapshot, &schema, err));
    gathering.schema = schema;
    FI_TRY(rows_stats_begin(&gathering, &arena, err));
    FI_TRY(
        fi_inspect_stats_visit_parts(table->rows, options->snapshot, visit_part, &gathering, err));
    gathering.stats.rows = rows_stats_estimate(&gathering);
    gathering.stats.rows_are_exact = gathering.versions == 0 || options->counts;
    if (options->counts) {
        FI_TRY(count_keys(table->rows, options->snapshot, &gathering.stats.rows, err));
    }
    CHECK(schema->index_count <= FIRN_TABLE_INDEXES_MAX);
    for (size_t i = 0; i < schema->index_count; i++) {
        FI_TRY(inspect_index(table, options, &schema->indexes[i], &indexes[i], err));
    }
    FI_TRY(make_answer(&gathering, indexes, out, err));
out:
    fi_arena_deinit(&arena);
    fi_schema_unref(schema);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows_diff.c: the rows that differ between two states of a table.
 *
 * The store compares the two keyspaces (inspect_diff.c), and visits keys whose tuples differ.
 * Tuples may differ although the rows are equal: a tuple from a run of columns has all columns of
 * its layout, and one that was written after a column was dropped lacks it. So rows are compared as
 * cells, both read with the schema of the later state, which gives a row that is older than a
 * column the column's initial value (I1). For the result, the earlier row is read with the earlier
 * schema.
 *
 * Columns are matched by number, which a table never gives twice. If the two states have different
 * tables under the name, no columns match: the columns of one follow those of the other. Then there
 * are two walks, one after the other, each over one table alone.
 *
 * (I1) A column of both states has one type, one physical kind and one initial value.
 * (I2) A column that only the later state has is compared if it is younger than the earlier state:
 *      then all rows of that state had its initial value. An older one was dropped there, or
 *      belongs to a history that a restore has left: whether rows still have its values depends on
 *      when they were written last, and a row of the earlier state may have none although the
 *      column is not null. (Not checked: it is the rule by which counts() decides.)
 *
 * Both snapshots are copies of the caller's, who may close theirs.
 */
#include "base/arena.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "inspect/inspect.h"
#include "rows/rows_internal.h"

/* One state. */
struct side {
    struct firn_snapshot *snapshot;
    struct firn_db_keyspace *rows; /* NULL: the state does not have the table */
    struct fi_schema *schema;      /* NULL: likewise */
    struct fi_buf memory;          /* of the row that was read last */
    firn_value *decoded;           /* of each column of the schema */
    size_t *places;                /* where each of them is among the joined columns */
    firn_value *values;            /* of each joined column */
};

struct firn_table_diff {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;
    struct side before;
    struct side after;
    bool is_one_table; /* both states have the same table */
    unsigned walks_left;
    struct fi_inspect_diff_walk *walk; /* NULL: the next one has not begun */
    struct fi_storefile_progress progress;
    struct fi_arena arena; /* what follows, and the sides' arrays */
    struct firn_table_diff_column *columns;
    firn_table_column *definitions; /* of these columns */
    size_t column_count;
    uint32_t *compared; /* places of the columns of the later schema that are compared (I2) */
    size_t compared_count;
    struct fi_cell *old_cells; /* of these columns */
    struct fi_cell *new_cells;
    bool *changed;
    struct fi_buf old_memory;
    firn_row_difference found;
};

/* ---- opening ---- */

/* Finds the table that a state has under the name. */
static int
open_side(struct firn_table_diff *diff, const char *name, const struct firn_snapshot *snapshot,
          struct side *side, firn_error *err)
{
    struct firn_table *table;
    firn_error unwanted;
    FI_TRY_RETURN(snapshot != NULL ? fi_db_snapshot_open_copy(snapshot, &side->snapshot, err)
                                   : fi_db_snapshot_open(diff->db, &side->snapshot, err));
    int rc = fi_rows_open_at(side->snapshot, name, &table, &unwanted);
    if (rc == FIRN_NOT_FOUND || rc == FIRN_INVALID) {
        return FIRN_OK; /* there is none, or a keyspace that is no table */
    }
    if (rc != FIRN_OK) {
        *err = unwanted;
        return rc;
    }
    side->rows = table->rows;
    return fi_rows_schema(table, side->snapshot, &side->schema, err);
}

static void *
rows_diff_take(struct firn_table_diff *diff, size_t count, size_t size)
{
    DCHECK(count <= (size_t)2 * FIRN_TABLE_COLUMNS_MAX);
    void *memory = fi_arena_alloc(&diff->arena, (count > 0 ? count : 1) * size);
    if (memory != NULL) {
        memset(memory, 0, (count > 0 ? count : 1) * size);
    }
    return memory;
}

static size_t
place_in_key(const struct fi_schema *schema, uint32_t id)
{
    size_t place = schema->key_count;
    while (place > 0 && schema->key[place - 1] != id) {
        place--;
    }
    return place;
}

/* Appends a column of a state. */
static struct firn_table_diff_column *
join_one(struct firn_table_diff *diff, struct side *side, size_t place)
{
    const struct fi_schema_column *column = &side->schema->columns[place];
    struct firn_table_diff_column *joined = &diff->columns[diff->column_count];
    firn_table_column *definition = &diff->definitions[diff->column_count];
    *definition = (firn_table_column){.name = (const char *)column->name.data,
                                      .type = column->type,
                                      .precision = column->precision,
                                      .scale = column->scale,
                                      .dimensions = column->dimensions,
                                      .not_null = !column->is_nullable,
                                      .is_auto = column->is_auto,
                                      .has_bloom_filter = column->has_bloom_filter};
    *joined = (struct firn_table_diff_column){.definition = definition,
                                              .key_place = place_in_key(side->schema, column->id)};
    side->places[place] = diff->column_count++;
    return joined;
}

static void
join_before(struct firn_table_diff *diff, size_t place)
{
    struct firn_table_diff_column *joined = join_one(diff, &diff->before, place);
    joined->before_name = joined->definition->name;
}

static void
join_after(struct firn_table_diff *diff, size_t place)
{
    struct firn_table_diff_column *joined = join_one(diff, &diff->after, place);
    joined->after_name = joined->definition->name;
}

static void
join_both(struct firn_table_diff *diff, size_t before, size_t after)
{
    const struct fi_schema_column *old = &diff->before.schema->columns[before];
    DCHECK(old->type == diff->after.schema->columns[after].type); /* (I1) */
    size_t at = diff->column_count;
    join_after(diff, after);
    diff->before.places[before] = at;
    diff->columns[at].before_name = (const char *)old->name.data;
}

/* Whether a column of the later state is compared (I2). */
static bool
counts(const struct firn_table_diff *diff, size_t place)
{
    return diff->columns[diff->after.places[place]].before_name != NULL ||
           diff->after.schema->columns[place].id >= diff->before.schema->next_column;
}

/* Finds the columns that are compared in rows of both states. */
static void
choose_compared(struct firn_table_diff *diff)
{
    for (size_t i = 0; diff->is_one_table && i < diff->after.schema->column_count; i++) {
        if (counts(diff, i)) {
            diff->compared[diff->compared_count++] = (uint32_t)i;
        }
    }
}

/* Joins the columns of both states by number, or lists those of one table after the other. */
static void
rows_diff_join(struct firn_table_diff *diff)
{
    const struct fi_schema *before = diff->before.schema;
    const struct fi_schema *after = diff->after.schema;
    size_t old_count = before != NULL ? before->column_count : 0;
    size_t new_count = after != NULL ? after->column_count : 0;
    size_t i = 0;
    size_t j = 0;
    while (i < old_count || j < new_count) {
        bool has_both = diff->is_one_table && i < old_count && j < new_count;
        if (has_both && before->columns[i].id == after->columns[j].id) {
            join_both(diff, i++, j++);
        } else if (j == new_count ||
                   (i < old_count && (!has_both || before->columns[i].id < after->columns[j].id))) {
            join_before(diff, i++);
        } else {
            join_after(diff, j++);
        }
    }
}

static bool
has_arrays(const struct side *side)
{
    return side->decoded != NULL && side->places != NULL && side->values != NULL;
}

static void
allocate_side(struct firn_table_diff *diff, size_t all, struct side *side)
{
    size_t count = side->schema != NULL ? side->schema->column_count : 0;
    side->decoded = rows_diff_take(diff, count, sizeof(firn_value));
    side->places = rows_diff_take(diff, count, sizeof(size_t));
    side->values = rows_diff_take(diff, all, sizeof(firn_value));
}

static int
rows_diff_allocate(struct firn_table_diff *diff, firn_error *err)
{
    size_t old_count = diff->before.schema != NULL ? diff->before.schema->column_count : 0;
    size_t new_count = diff->after.schema != NULL ? diff->after.schema->column_count : 0;
    size_t all = old_count + new_count;
    allocate_side(diff, all, &diff->before);
    allocate_side(diff, all, &diff->after);
    diff->columns = rows_diff_take(diff, all, sizeof *diff->columns);
    diff->compared = rows_diff_take(diff, new_count, sizeof *diff->compared);
    diff->definitions = rows_diff_take(diff, all, sizeof *diff->definitions);
    diff->old_cells = rows_diff_take(diff, new_count, sizeof *diff->old_cells);
    diff->new_cells = rows_diff_take(diff, new_count, sizeof *diff->new_cells);
    diff->changed = rows_diff_take(diff, all, sizeof *diff->changed);
    bool has_all = has_arrays(&diff->before) && has_arrays(&diff->after) && diff->columns != NULL &&
                   diff->definitions != NULL && diff->compared != NULL && diff->old_cells != NULL &&
                   diff->new_cells != NULL && diff->changed != NULL;
    return has_all ? FIRN_OK : fi_error_no_memory(err, "a comparison");
}

static bool
is_one_table(const struct firn_table_diff *diff)
{
    return diff->before.rows != NULL && diff->after.rows != NULL &&
           fi_db_keyspace_schema(diff->before.rows) == fi_db_keyspace_schema(diff->after.rows);
}

static int
open_all(struct firn_table_diff *diff, const char *name, const struct fi_rows_diff_options *options,
         firn_error *err)
{
    FI_TRY_RETURN(open_side(diff, name, options->before, &diff->before, err));
    FI_TRY_RETURN(open_side(diff, name, options->after, &diff->after, err));
    if (diff->before.rows == NULL && diff->after.rows == NULL) {
        return fi_error_set(err, FIRN_NOT_FOUND, "there is no table '%s'", name);
    }
    diff->is_one_table = is_one_table(diff);
    diff->walks_left = diff->is_one_table ? 1 : 2;
    FI_TRY_RETURN(rows_diff_allocate(diff, err));
    rows_diff_join(diff);
    choose_compared(diff);
    return FIRN_OK;
}

int
fi_rows_diff_open(struct firn_db *db, const char *name, const struct fi_rows_diff_options *options,
                  struct firn_table_diff **out, firn_error *err)
{
    *out = NULL;
    struct firn_table_diff *diff = fi_alloc_zeroed(sizeof *diff);
    if (diff == NULL) {
        return fi_error_no_memory(err, "a comparison");
    }
    fi_os_process_init_mark(&diff->mark);
    diff->db = db;
    diff->progress = options->progress;
    int rc = open_all(diff, name, options, err);
    if (rc != FIRN_OK) {
        fi_rows_diff_close(diff);
        return rc;
    }
    *out = diff;
    return FIRN_OK;
}

static void
close_side(struct side *side)
{
    fi_schema_unref(side->schema);
    fi_buf_deinit(&side->memory);
    fi_db_snapshot_close(side->snapshot);
}

void
fi_rows_diff_close(struct firn_table_diff *diff)
{
    if (diff != NULL) {
        fi_inspect_diff_walk_close(diff->walk);
        close_side(&diff->before);
        close_side(&diff->after);
        fi_buf_deinit(&diff->old_memory);
        fi_arena_deinit(&diff->arena);
        fi_free(diff);
    }
}

const struct firn_table_diff_column *
fi_rows_diff_column_at(const struct firn_table_diff *diff, size_t i)
{
    return i < diff->column_count ? &diff->columns[i] : NULL;
}

/* ---- rows ---- */

/* Fills the side's values from a key and a tuple. */
static int
rows_diff_show(struct side *side, size_t column_count, firn_slice key, firn_slice tuple,
               firn_error *err)
{
    int rc =
        fi_schema_row_decode(side->schema, key, tuple, NULL, &side->memory, side->decoded, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (size_t i = 0; i < column_count; i++) {
        side->values[i] = firn_null();
    }
    for (size_t i = 0; i < side->schema->column_count; i++) {
        DCHECK(side->places[i] < column_count);
        side->values[side->places[i]] = side->decoded[i];
    }
    return FIRN_OK;
}

static uint32_t
bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static bool
is_same(const struct fi_cell *a, const struct fi_cell *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case FI_PHYSICAL_NONE:
        return true;
    case FI_PHYSICAL_F32:
        return bits_of(a->as.f32) == bits_of(b->as.f32);
    case FI_PHYSICAL_BYTES:
        return fi_slice_equal(a->as.bytes, b->as.bytes);
    default:
        return a->as.u64 == b->as.u64;
    }
}

/* Marks the columns that differ in a row of both states; *out: at least one does. */
static int
rows_diff_compare(struct firn_table_diff *diff, const struct fi_inspect_diff_key *key, bool *out,
                  firn_error *err)
{
    const struct side *after = &diff->after;
    const struct fi_schema_wanted wanted = {diff->compared, diff->compared_count};
    *out = false;
    memset(diff->changed, 0, diff->column_count * sizeof *diff->changed);
    FI_TRY_RETURN(fi_schema_row_read(after->schema, key->key, key->before, &wanted,
                                     &diff->old_memory, diff->old_cells, err));
    FI_TRY_RETURN(fi_schema_row_read(after->schema, key->key, key->after, &wanted,
                                     &diff->after.memory, diff->new_cells, err));
    for (size_t i = 0; i < diff->compared_count; i++) {
        bool differs = !is_same(&diff->old_cells[i], &diff->new_cells[i]);
        diff->changed[after->places[diff->compared[i]]] = differs;
        *out |= differs;
    }
    return FIRN_OK;
}

/* Describes how the rows of a key differ; *out: they do. */
static int
rows_diff_inspect(struct firn_table_diff *diff, const struct fi_inspect_diff_key *key, bool *out,
                  firn_error *err)
{
    bool is_changed = key->is_before && key->is_after;
    *out = true;
    DCHECK(key->is_before || key->is_after);
    if (is_changed) {
        FI_TRY_RETURN(rows_diff_compare(diff, key, out, err));
    }
    if (!*out) {
        return FIRN_OK;
    }
    if (key->is_before) {
        FI_TRY_RETURN(
            rows_diff_show(&diff->before, diff->column_count, key->key, key->before, err));
    }
    if (key->is_after) {
        FI_TRY_RETURN(rows_diff_show(&diff->after, diff->column_count, key->key, key->after, err));
    }
    diff->found = (firn_row_difference){.kind = is_changed       ? FIRN_ROW_DIFFERENCE_CHANGED
                                                : key->is_before ? FIRN_ROW_DIFFERENCE_REMOVED
                                                                 : FIRN_ROW_DIFFERENCE_ADDED,
                                        .column_count = diff->column_count,
                                        .before = key->is_before ? diff->before.values : NULL,
                                        .after = key->is_after ? diff->after.values : NULL,
                                        .changed = is_changed ? diff->changed : NULL};
    return FIRN_OK;
}

/* For one table there is one walk; for two, the first is over the earlier, the second over the
 * later table. */
static int
begin_walk(struct firn_table_diff *diff, firn_error *err)
{
    bool has_before = diff->is_one_table || diff->walks_left == 2;
    bool has_after = diff->is_one_table || diff->walks_left == 1;
    const struct fi_inspect_diff_side before = {diff->before.snapshot,
                                                has_before ? diff->before.rows : NULL};
    const struct fi_inspect_diff_side after = {diff->after.snapshot,
                                               has_after ? diff->after.rows : NULL};
    struct fi_storefile_progress *progress =
        diff->progress.on_progress != NULL ? &diff->progress : NULL;
    CHECK(diff->walks_left > 0);
    return fi_inspect_diff_walk_open(diff->db, &before, &after, progress, &diff->walk, err);
}

int
fi_rows_diff_next(struct firn_table_diff *diff, const firn_row_difference **out, firn_error *err)
{
    struct fi_inspect_diff_key key;
    bool is_found = false;
    *out = NULL;
    while (!is_found && diff->walks_left > 0) {
        bool has_key = false;
        if (diff->walk == NULL) {
            FI_TRY_RETURN(begin_walk(diff, err));
        }
        FI_TRY_RETURN(fi_inspect_diff_walk_next(diff->walk, &key, &has_key, err));
        if (has_key) {
            FI_TRY_RETURN(rows_diff_inspect(diff, &key, &is_found, err));
        } else {
            fi_inspect_diff_walk_close(diff->walk);
            diff->walk = NULL;
            diff->walks_left--;
        }
    }
    *out = is_found ? &diff->found : NULL;
    return FIRN_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows_check.c: whether the rows of a table fit its columns, and its indexes fit its rows.
 *
 * One state is read. A pass over the rows decodes each with the schema, encodes its key again, and
 * makes the entry that each index should have for it. Entries are in another order than rows, so
 * looking them up would be slow. Instead, the 128-bit hashes of all entries that an index should
 * have are added up, and a pass over the index adds up those of the entries that it has. If the
 * sums agree the index is right, up to the chance of a collision. This reads everything once, in
 * order.
 *
 * If they do not agree, a second pass looks up the entries of each row, and a third the row of each
 * entry, so that every mistake is reported with its row: missing entries, entries without a row,
 * and two rows with the same values in a unique index (it has such a key only once, so the second
 * row finds the entry of another row).
 *
 * A row that does not decode is reported once; its entries are not judged. After damage in the
 * files, which the store's own check reports in detail, the pass ends, and checks that depend on it
 * are left out.
 *
 * Memory: one row, and a sum for each index.
 */
#include <inttypes.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "codec/utf8.h"
#include "codec/xxh3.h"
#include "rows/rows_internal.h"

enum {
    TOLD_MAX = 100,       /* reports about one index */
    KEY_SHOWN_BYTES = 24, /* of a row's key */
    KEY_TEXT_SIZE = 2 * KEY_SHOWN_BYTES + 4
};

/* The sum of the hashes of entries, in any order. */
struct sum {
    uint64_t count;
    uint64_t low;
    uint64_t high;
};

struct check {
    struct firn_table *table;
    struct firn_snapshot *snapshot;
    const struct fi_rows_check_options *options;
    const struct fi_step *step;
    struct fi_schema *schema;
    struct fi_cell *cells;
    struct fi_buf memory;
    struct fi_buf key;
    struct fi_buf tuple;
    struct fi_buf entry_key;
    struct fi_buf entry_value;
    struct fi_buf found;
    struct sum expected[FIRN_TABLE_INDEXES_MAX];
    bool is_readable; /* all rows could be read */
    firn_table_check_result *report;
    firn_error first;
    uint64_t told; /* reports about the current index */
};

/* ---- reports ---- */

static void
rows_check_report(struct check *check, const firn_error *found)
{
    DCHECK(found->code == FIRN_CORRUPT);
    if (check->report->damaged_count == 0) {
        check->first = *found;
    }
    check->report->damaged_count++;
    if (check->options->on_damage != NULL) {
        check->options->on_damage(check->options->ctx, found->text);
    }
}

static const char *
key_text(firn_slice key, char out[KEY_TEXT_SIZE])
{
    size_t size = key.size < KEY_SHOWN_BYTES ? key.size : KEY_SHOWN_BYTES;
    fi_hex_encode(key.data, size, out);
    memcpy(out + 2 * size, key.size > size ? "..." : "", key.size > size ? 4 : 1);
    return out;
}

/* Reports a mistake of an index; only the first ones are reported one by one. */
static void
report_of_index(struct check *check, const struct fi_schema_index *index, firn_slice key,
                const char *what)
{
    char text[KEY_TEXT_SIZE];
    firn_error found;
    check->told++;
    if (check->told > TOLD_MAX) {
        check->report->damaged_count++;
        return;
    }
    (void)fi_error_set(&found, FIRN_CORRUPT,
                       "the index '%s' of the table '%s' %s the row with the key %s: drop the "
                       "index and add it again",
                       (const char *)index->name.data, fi_rows_name(check->table), what,
                       key_text(key, text));
    rows_check_report(check, &found);
}

static void
report_how_many(struct check *check, const struct fi_schema_index *index)
{
    firn_error found;
    if (check->told > TOLD_MAX) {
        (void)fi_error_set(&found, FIRN_CORRUPT,
                           "the index '%s' of the table '%s' does not fit %" PRIu64
                           " rows: drop the index and add it again",
                           (const char *)index->name.data, fi_rows_name(check->table), check->told);
        if (check->options->on_damage != NULL) {
            check->options->on_damage(check->options->ctx, found.text);
        }
    }
}

/* Damage is reported and is no failure; any other error is one. */
static int
pass_over(struct check *check, int rc, const firn_error *found, firn_error *err)
{
    if (rc == FIRN_CORRUPT) {
        rows_check_report(check, found);
        return FIRN_OK;
    }
    if (rc != FIRN_OK) {
        *err = *found;
    }
    return rc;
}

/* ---- rows ---- */

/* FIRN_CORRUPT: the cells cannot be a row of the table, or do not have that key. */
static int
check_cells(struct check *check, firn_slice key, firn_error *err)
{
    const struct fi_schema *schema = check->schema;
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct fi_schema_column *column = &schema->columns[i];
        const struct fi_cell *cell = &check->cells[i];
        if (!fi_schema_value_is_sound(column, cell)) {
            return fi_error_set(err, FIRN_CORRUPT, "the column '%s' has an impossible value",
                                (const char *)column->name.data);
        }
        if (column->type == FIRN_TYPE_TEXT && cell->kind == FI_PHYSICAL_BYTES &&
            !fi_utf8_is_valid(cell->as.bytes)) {
            return fi_error_set(err, FIRN_CORRUPT, "the column '%s' has text that is not UTF-8",
                                (const char *)column->name.data);
        }
    }
    fi_buf_clear(&check->key);
    int rc = fi_schema_row_write(schema, check->cells, &check->key, NULL, err);
    if (rc == FIRN_OK && !fi_slice_equal(fi_buf_slice(&check->key), key)) {
        return fi_error_set(err, FIRN_CORRUPT, "its key is not that of its columns");
    }
    return rc;
}

/* Decodes a row into check->cells. */
static int
read_row(struct check *check, firn_slice key, firn_slice tuple, firn_error *err)
{
    char text[KEY_TEXT_SIZE];
    int rc = fi_schema_row_read(check->schema, key, tuple, NULL, &check->memory, check->cells, err);
    rc = rc == FIRN_OK ? check_cells(check, key, err) : rc;
    if (rc == FIRN_CORRUPT) {
        fi_error_prefix(err, "the table '%s', row with the key %s", fi_rows_name(check->table),
                        key_text(key, text));
    }
    return rc;
}

/* The entry that an index should have for the row in check->cells. */
static int
make_entry(struct check *check, const struct fi_schema_index *index, firn_slice primary,
           firn_error *err)
{
    fi_buf_clear(&check->entry_key);
    fi_buf_clear(&check->entry_value);
    return fi_schema_index_entry(check->schema, index, check->cells, primary, &check->entry_key,
                                 &check->entry_value, err);
}

static void
add_entry(struct sum *sum, firn_slice key, firn_slice value)
{
    uint64_t halves[2];
    CHECK(sizeof halves == FI_XXH3_WIDE_SIZE);
    fi_xxh3_wide(value.data, value.size, fi_xxh3(key.data, key.size, key.size), (uint8_t *)halves);
    sum->count++;
    sum->low += halves[0];
    sum->high += halves[1];
}

/* The row that a cursor stands at. */
static int
check_row(struct check *check, firn_slice key, firn_slice tuple, firn_error *err)
{
    firn_error found;
    check->report->rows++;
    int rc = read_row(check, key, tuple, &found);
    if (rc != FIRN_OK) {
        return pass_over(check, rc, &found, err);
    }
    for (size_t i = 0; i < check->schema->index_count; i++) {
        rc = make_entry(check, &check->schema->indexes[i], key, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        add_entry(&check->expected[i], fi_buf_slice(&check->entry_key),
                  fi_buf_slice(&check->entry_value));
    }
    return FIRN_OK;
}

/* Calls visit with each entry of a keyspace. Damage that ends the walk sets *out_is_readable to
 * false. */
static int
rows_check_walk(struct check *check, struct firn_db_keyspace *keyspace,
                int (*visit)(struct check *check, void *ctx, firn_slice key, firn_slice value,
                             firn_error *err),
                void *ctx, bool *out_is_readable, firn_error *err)
{
    const struct fi_db_cursor_options all = {.snapshot = check->snapshot};
    struct firn_db_cursor *cursor = NULL;
    firn_error found;
    int rc = fi_db_cursor_open(keyspace, &all, &cursor, &found);
    rc = rc == FIRN_OK ? fi_db_cursor_first(cursor, &found) : rc;
    while (rc == FIRN_OK && fi_db_cursor_valid(cursor)) {
        firn_slice key = fi_db_cursor_key(cursor);
        firn_slice value = fi_db_cursor_value(cursor);
        rc = visit(check, ctx, key, value, err);
        rc = rc == FIRN_OK ? fi_step_report(check->step, 0, key.size + value.size, err) : rc;
        if (rc != FIRN_OK) {
            fi_db_cursor_close(cursor);
            return rc;
        }
        rc = fi_db_cursor_next(cursor, &found);
    }
    fi_db_cursor_close(cursor);
    *out_is_readable = rc == FIRN_OK;
    return pass_over(check, rc, &found, err);
}

static int
visit_row(struct check *check, void *ctx, firn_slice key, firn_slice value, firn_error *err)
{
    (void)ctx;
    return check_row(check, key, value, err);
}

/* ---- indexes ---- */

struct looking {
    const struct fi_schema_index *index;
    struct firn_db_keyspace *keyspace;
    struct sum there;
};

static int
visit_entry(struct check *check, void *ctx, firn_slice key, firn_slice value, firn_error *err)
{
    struct looking *looking = ctx;
    (void)err;
    check->report->index_entries++;
    add_entry(&looking->there, key, value);
    return FIRN_OK;
}

/* Looks for the entry of a row. */
static int
find_entry(struct check *check, void *ctx, firn_slice key, firn_slice value, firn_error *err)
{
    const struct looking *looking = ctx;
    firn_error found;
    int rc = read_row(check, key, value, &found);
    if (rc != FIRN_OK) {
        return rc == FIRN_CORRUPT ? FIRN_OK : pass_over(check, rc, &found, err); /* was reported */
    }
    rc = make_entry(check, looking->index, key, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_db_get_at(looking->keyspace, check->snapshot, fi_buf_slice(&check->entry_key),
                      &check->found, &found);
    if (rc == FIRN_NOT_FOUND) {
        report_of_index(check, looking->index, key, "has no entry for");
        return FIRN_OK;
    }
    if (rc == FIRN_OK &&
        !fi_slice_equal(fi_buf_slice(&check->found), fi_buf_slice(&check->entry_value))) {
        report_of_index(check, looking->index, key, "has the entry of another row for");
    }
    return pass_over(check, rc, &found, err);
}

/* Looks for the row of an entry. */
static int
find_row(struct check *check, void *ctx, firn_slice key, firn_slice value, firn_error *err)
{
    const struct looking *looking = ctx;
    firn_slice primary;
    firn_error found;
    int rc = fi_schema_index_primary(check->schema, looking->index, key, value, &primary, &found);
    if (rc != FIRN_OK) {
        return pass_over(check, rc, &found, err);
    }
    rc = fi_db_get_at(check->table->rows, check->snapshot, primary, &check->tuple, &found);
    if (rc == FIRN_NOT_FOUND) {
        report_of_index(check, looking->index, primary,
                        "has an entry, but the table does not have");
        return FIRN_OK;
    }
    if (rc == FIRN_OK) {
        rc = read_row(check, primary, fi_buf_slice(&check->tuple), &found);
        if (rc == FIRN_CORRUPT) {
            return FIRN_OK; /* it was reported */
        }
    }
    if (rc != FIRN_OK) {
        return pass_over(check, rc, &found, err);
    }
    rc = make_entry(check, looking->index, primary, err);
    if (rc == FIRN_OK && !fi_slice_equal(fi_buf_slice(&check->entry_key), key)) {
        report_of_index(check, looking->index, primary, "has an entry with other values for");
    }
    return rc;
}

static int
check_index(struct check *check, size_t i, firn_error *err)
{
    struct looking looking = {.index = &check->schema->indexes[i]};
    const struct sum *expected = &check->expected[i];
    bool is_readable;
    bool unwanted;
    firn_error found;
    int rc = fi_rows_index_keyspace(check->table, check->snapshot, looking.index, &looking.keyspace,
                                    &found);
    if (rc != FIRN_OK) {
        return pass_over(check, rc, &found, err);
    }
    FI_TRY(rows_check_walk(check, looking.keyspace, visit_entry, &looking, &is_readable, err));
    bool agrees = looking.there.count == expected->count && looking.there.low == expected->low &&
                  looking.there.high == expected->high;
    if (agrees || !is_readable || !check->is_readable) {
        return FIRN_OK;
    }
    check->told = 0;
    FI_TRY(rows_check_walk(check, check->table->rows, find_entry, &looking, &unwanted, err));
    FI_TRY(rows_check_walk(check, looking.keyspace, find_row, &looking, &unwanted, err));
    report_how_many(check, looking.index);
out:
    return rc;
}

/* ---- the whole table ---- */

static int
check_all(struct check *check, firn_error *err)
{
    struct fi_storefile_progress *progress = check->options->progress;
    firn_error found;
    FI_TRY_RETURN(fi_storefile_progress_begin_steps(progress, "check", 0, 0, &check->step, err));
    int rc = fi_rows_schema(check->table, check->snapshot, &check->schema, &found);
    if (rc != FIRN_OK) {
        return pass_over(check, rc, &found, err);
    }
    check->cells = fi_alloc_zeroed(check->schema->column_count * sizeof *check->cells);
    if (check->cells == NULL) {
        return fi_error_no_memory(err, "a check");
    }
    FI_TRY_RETURN(
        rows_check_walk(check, check->table->rows, visit_row, NULL, &check->is_readable, err));
    CHECK(check->schema->index_count <= FIRN_TABLE_INDEXES_MAX);
    for (size_t i = 0; i < check->schema->index_count; i++) {
        FI_TRY_RETURN(check_index(check, i, err));
    }
    return FIRN_OK;
}

static void
check_deinit(struct check *check)
{
    fi_schema_unref(check->schema);
    fi_free(check->cells);
    fi_buf_deinit(&check->memory);
    fi_buf_deinit(&check->key);
    fi_buf_deinit(&check->tuple);
    fi_buf_deinit(&check->entry_key);
    fi_buf_deinit(&check->entry_value);
    fi_buf_deinit(&check->found);
}

int
fi_rows_check(struct firn_table *table, const struct fi_rows_check_options *options,
              firn_table_check_result *report, firn_error *err)
{
    struct check check = {
        .table = table, .snapshot = options->snapshot, .options = options, .report = report};
    struct firn_snapshot *own = NULL;
    int rc = FIRN_OK;
    report->rows = 0;
    report->index_entries = 0;
    report->damaged_count = 0;
    if (options->snapshot == NULL) {
        rc = fi_db_snapshot_open(table->db, &own, err);
        check.snapshot = own;
    }
    rc = rc == FIRN_OK ? check_all(&check, err) : rc;
    check_deinit(&check);
    fi_db_snapshot_close(own);
    if (rc == FIRN_OK && report->damaged_count > 0) {
        *err = check.first;
        rc = FIRN_CORRUPT;
    }
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows/rows_show.c
 */
#include "rows_show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"

void
rows_show_add(char out[ROWS_SHOW_SIZE], const char *format, ...)
{
    size_t used = strlen(out);
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(out + used, ROWS_SHOW_SIZE - used, format, arguments);
    va_end(arguments);
    assert_true(size >= 0 && (size_t)size < ROWS_SHOW_SIZE - used);
}

/* Of large ones a sum of all bytes. */
static void
add_text(char out[ROWS_SHOW_SIZE], firn_slice text)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < text.size; i++) {
        sum = sum * 31 + text.data[i];
    }
    if (text.size < 1000) {
        rows_show_add(out, " '%.*s'", (int)text.size, (const char *)text.data);
    } else {
        rows_show_add(out, " text of %zu: %" PRIx64, text.size, sum);
    }
}

static void
add_value(char out[ROWS_SHOW_SIZE], const firn_value *value)
{
    switch (value->type) {
    case FIRN_TYPE_NULL:
        rows_show_add(out, " null");
        break;
    case FIRN_TYPE_TEXT:
        add_text(out, value->as.bytes);
        break;
    case FIRN_TYPE_F64:
        rows_show_add(out, " %.17g", value->as.f64);
        break;
    case FIRN_TYPE_BLOB:
        rows_show_add(out, " blob of %zu", value->as.bytes.size);
        break;
    default:
        rows_show_add(out, " %" PRId64, value->as.i64);
        break;
    }
}

/* ---- indexes and rows ---- */

static int
count_entries(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot, size_t *out,
              firn_error *err)
{
    const struct fi_db_cursor_options options = {.snapshot = snapshot, .keys_only = true};
    struct firn_db_cursor *cursor = NULL;
    int rc;
    *out = 0;
    FI_TRY(fi_db_cursor_open(keyspace, &options, &cursor, err));
    FI_TRY(fi_db_cursor_first(cursor, err));
    while (fi_db_cursor_valid(cursor)) {
        (*out)++;
        FI_TRY(fi_db_cursor_next(cursor, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

struct checking {
    struct firn_snapshot *snapshot;
    struct firn_table *table;
    const struct fi_schema *schema;
    const struct fi_schema_index *index;
    struct firn_db_keyspace *entries;
    struct fi_buf memory;
    struct fi_buf key;
    struct fi_buf value;
    struct fi_buf found;
};

/* The row under the cursor has its entry. */
static int
check_row(struct checking *checking, const struct firn_db_cursor *cursor, firn_error *err)
{
    struct fi_cell cells[64];
    firn_slice primary = fi_db_cursor_key(cursor);
    assert_true(checking->schema->column_count <= 64);
    FI_TRY_RETURN(fi_schema_row_read(checking->schema, primary, fi_db_cursor_value(cursor), NULL,
                                     &checking->memory, cells, err));
    fi_buf_clear(&checking->key);
    fi_buf_clear(&checking->value);
    FI_TRY_RETURN(fi_schema_index_entry(checking->schema, checking->index, cells, primary,
                                        &checking->key, &checking->value, err));
    int rc = fi_db_get_at(checking->entries, checking->snapshot, fi_buf_slice(&checking->key),
                          &checking->found, err);
    assert_int_not_equal(rc, FIRN_NOT_FOUND);
    assert_true(rc != FIRN_OK ||
                fi_slice_equal(fi_buf_slice(&checking->found), fi_buf_slice(&checking->value)));
    return rc;
}

static int
check_index(struct checking *checking, firn_error *err)
{
    const struct fi_db_cursor_options options = {.snapshot = checking->snapshot};
    struct firn_db_keyspace *rows = fi_rows_keyspace(checking->table);
    struct firn_db_cursor *cursor = NULL;
    char name[80];
    size_t count = 0;
    size_t entries;
    int rc;
    (void)snprintf(name, sizeof name, "firn:index:%016" PRIx64 ":%" PRIu32,
                   fi_db_keyspace_schema(rows), checking->index->id);
    rc = fi_db_keyspace_open_in(checking->snapshot, name, &checking->entries, err);
    assert_int_not_equal(rc, FIRN_NOT_FOUND);
    FI_TRY(rc);
    FI_TRY(count_entries(checking->entries, checking->snapshot, &entries, err));
    FI_TRY(fi_db_cursor_open(rows, &options, &cursor, err));
    FI_TRY(fi_db_cursor_first(cursor, err));
    while (fi_db_cursor_valid(cursor)) {
        count++;
        FI_TRY(check_row(checking, cursor, err));
        FI_TRY(fi_db_cursor_next(cursor, err));
    }
    assert_int_equal(count, entries);
out:
    fi_db_cursor_close(cursor);
    return rc;
}

static int
check_indexes(struct firn_table *table, struct firn_snapshot *snapshot,
              const struct fi_schema *schema, firn_error *err)
{
    struct checking checking = {.snapshot = snapshot, .table = table, .schema = schema};
    int rc = FIRN_OK;
    for (size_t i = 0; i < schema->index_count && rc == FIRN_OK; i++) {
        checking.index = &schema->indexes[i];
        rc = check_index(&checking, err);
    }
    fi_buf_deinit(&checking.memory);
    fi_buf_deinit(&checking.key);
    fi_buf_deinit(&checking.value);
    fi_buf_deinit(&checking.found);
    return rc;
}

/* ---- tables ---- */

static int
show_rows(struct firn_table *table, struct firn_snapshot *snapshot, char out[ROWS_SHOW_SIZE],
          firn_error *err)
{
    const struct fi_rows_cursor_options options = {.read = {.snapshot = snapshot}};
    struct firn_table_cursor *cursor = NULL;
    const struct firn_row *row;
    int rc;
    FI_TRY(fi_rows_read_cursor_open(table, &options, &cursor, err));
    FI_TRY(fi_rows_read_cursor_next(cursor, &row, err));
    while (row != NULL) {
        size_t count;
        const firn_value *values = fi_rows_read_row_values(row, &count);
        for (size_t i = 0; i < count; i++) {
            add_value(out, &values[i]);
        }
        rows_show_add(out, "\n");
        FI_TRY(fi_rows_read_cursor_next(cursor, &row, err));
    }
out:
    fi_rows_read_cursor_close(cursor);
    return rc;
}

struct showing {
    struct firn_snapshot *snapshot;
    char *out;
    firn_error *err;
};

static int
show_table(void *ctx, const char *name)
{
    const struct showing *showing = ctx;
    struct fi_schema *schema = NULL;
    struct fi_buf text = {0};
    struct firn_table *table;
    int rc;
    FI_TRY(fi_rows_open_at(showing->snapshot, name, &table, showing->err));
    rc = fi_rows_schema(table, showing->snapshot, &schema, showing->err);
    assert_int_not_equal(rc, FIRN_NOT_FOUND);
    FI_TRY(rc);
    FI_TRY(fi_schema_text_append(schema, &text));
    rows_show_add(showing->out, "%s: %.*s\n", name, (int)text.size, (const char *)text.data);
    FI_TRY(check_indexes(table, showing->snapshot, schema, showing->err));
    FI_TRY(show_rows(table, showing->snapshot, showing->out, showing->err));
out:
    fi_buf_deinit(&text);
    fi_schema_unref(schema);
    return rc;
}

int
rows_show_snapshot(struct firn_snapshot *snapshot, char out[ROWS_SHOW_SIZE], firn_error *err)
{
    struct showing showing = {snapshot, out, err};
    return fi_db_keyspace_list_of_in(snapshot, FI_STOREFILE_KEYSPACE_TABLE, show_table, &showing,
                                     err);
}

struct names {
    char names[8][FI_HISTORY_NAME_SIZE_MAX + 1];
    size_t count;
};

static int
take_name(void *ctx, const struct fi_db_checkpoint_info *info)
{
    struct names *names = ctx;
    if (info->name[0] != '\0') {
        assert_true(names->count < 8);
        memcpy(names->names[names->count++], info->name, strlen(info->name) + 1);
    }
    return FIRN_OK;
}

int
rows_show(struct firn_db *db, char out[ROWS_SHOW_SIZE], firn_error *err)
{
    struct firn_snapshot *snapshot = NULL;
    struct names names = {.count = 0};
    const struct fi_db_checkpoint_visitor visitor = {.visit = take_name, .ctx = &names};
    int rc;
    out[0] = '\0';
    FI_TRY(fi_db_snapshot_open(db, &snapshot, err));
    FI_TRY(rows_show_snapshot(snapshot, out, err));
    FI_TRY(fi_db_checkpoint_list(db, &visitor, err));
    for (size_t i = 0; i < names.count; i++) {
        fi_db_snapshot_close(snapshot);
        snapshot = NULL;
        rows_show_add(out, "at %s:\n", names.names[i]);
        FI_TRY(fi_db_checkpoint_snapshot(db, names.names[i], &snapshot, err));
        FI_TRY(rows_show_snapshot(snapshot, out, err));
    }
out:
    fi_db_snapshot_close(snapshot);
    return rc;
}

/* ---- short forms ---- */

int
rows_make(struct firn_db *db, const char *name, const char *definition, struct firn_table **out,
          firn_error *err)
{
    firn_table_def *def = NULL;
    *out = NULL;
    int rc = firn_table_def_parse(definition, &def, err);
    rc = rc == FIRN_OK ? fi_rows_create(db, name, def, out, err) : rc;
    fi_free(def);
    return rc;
}

int
rows_put(struct firn_table *table, struct firn_txn *txn, enum fi_rows_mode mode,
         const firn_value *values, size_t count, firn_error *err)
{
    const struct fi_rows_put put = {.mode = mode, .values = values, .count = count};
    return fi_rows_write_put(table, txn, &put, FIRN_DURABILITY_DEFAULT, NULL, err);
}

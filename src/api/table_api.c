/* SPDX-License-Identifier: Apache-2.0
 *
 * api/table_api.c: the public functions of tables and their rows: arguments are checked here,
 * everything else is in tables/.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "api/api_store.h"
#include "base/buf.h"
#include "base/mem.h"
#include "firn/table.h"
#include "rows/rows.h"
#include "schema/schema.h"

/* ---- tables ---- */

int
firn_table_create(firn_store *store, const char *name, const firn_table_def *def, firn_table **out,
                  firn_error *err)
{
    API_ANY_ERROR(err);
    firn_table *made = NULL;
    API_REQUIRE(store != NULL && name != NULL && def != NULL, err,
                "store, name and def must not be NULL");
    API_REQUIRE(def->size >= sizeof *def, err, "def must begin as FIRN_TABLE_DEF_INIT has it");
    if (out != NULL) {
        *out = NULL;
    }
    API_OPEN(store, STORE, err);
    int rc = api_store_is_own_name(name) ? api_store_refuse_own_name(err)
                                         : fi_rows_create(store, name, def, &made, err);
    if (rc == FIRN_OK && out != NULL) {
        *out = made;
    }
    return fi_api_handle_opened_if(rc, made, FI_API_HANDLE_TABLE, store);
}

int
firn_table_open(firn_store *store, const char *name, firn_table **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_REQUIRE(store != NULL && name != NULL, err, "store and name must not be NULL");
    API_OPEN(store, STORE, err);
    int rc = api_store_is_own_name(name) ? api_store_refuse_own_name(err)
                                         : fi_rows_open(store, name, out, err);
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_TABLE, store);
}

int
firn_snapshot_table_open(firn_snapshot *snapshot, const char *name, firn_table **out,
                         firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_REQUIRE(snapshot != NULL && name != NULL, err, "snapshot and name must not be NULL");
    API_OPEN(snapshot, SNAPSHOT, err);
    int rc = api_store_is_own_name(name) ? api_store_refuse_own_name(err)
                                         : fi_rows_open_at(snapshot, name, out, err);
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_TABLE,
                                   rc == FIRN_OK ? fi_rows_db(*out) : NULL);
}

int
firn_table_drop(firn_store *store, const char *name, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(store != NULL && name != NULL, err, "store and name must not be NULL");
    API_OPEN(store, STORE, err);
    int rc = api_store_is_own_name(name) ? api_store_refuse_own_name(err)
                                         : fi_rows_drop(store, name, err);
    return api_check_told(rc, err);
}

int
firn_table_list(firn_store *store, int (*visit)(void *ctx, const char *name), void *ctx,
                firn_error *err)
{
    API_ANY_ERROR(err);
    struct firn_snapshot *snapshot;
    API_REQUIRE(store != NULL && visit != NULL, err, "store and visit must not be NULL");
    API_OPEN(store, STORE, err);
    api_check_begin_visits(err);
    int rc = fi_db_snapshot_open(store, &snapshot, err);
    if (rc == FIRN_OK) {
        rc = fi_db_keyspace_list_of_in(snapshot, FI_STOREFILE_KEYSPACE_TABLE, visit, ctx, err);
        fi_db_snapshot_close(snapshot);
    }
    return api_check_end_visits(rc, err);
}

int
firn_snapshot_table_list(firn_snapshot *snapshot, int (*visit)(void *ctx, const char *name),
                         void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(snapshot != NULL && visit != NULL, err, "snapshot and visit must not be NULL");
    API_OPEN(snapshot, SNAPSHOT, err);
    api_check_begin_visits(err);
    int rc = fi_db_keyspace_list_of_in(snapshot, FI_STOREFILE_KEYSPACE_TABLE, visit, ctx, err);
    return api_check_end_visits(rc, err);
}

const char *
firn_table_name(const firn_table *table)
{
    return fi_api_handle_check(table, FI_API_HANDLE_TABLE, NULL) == FIRN_OK ? fi_rows_name(table)
                                                                            : "";
}

int
firn_table_describe(firn_table *table, firn_txn *txn, firn_snapshot *snapshot, char **out,
                    firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_schema *schema;
    struct fi_buf text = {0};
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_REQUIRE(txn == NULL || snapshot == NULL, err, "txn and snapshot exclude each other");
    API_OPEN(table, TABLE, err);
    API_OPEN_IF_ANY(snapshot, SNAPSHOT, err);
    API_ENTER_IF_ANY(txn, TXN, err);
    int rc = txn == NULL ? FIRN_OK : fi_txn_check_open(txn, err);
    if (rc == FIRN_OK) {
        rc = fi_rows_schema(table, txn != NULL ? fi_txn_snapshot(txn) : snapshot, &schema, err);
    }
    rc = fi_api_handle_left(txn, rc, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (fi_schema_text_append(schema, &text) != FIRN_OK || fi_buf_text(&text) == NULL) {
        rc = fi_error_no_memory(err, "a definition");
        fi_buf_deinit(&text);
    }
    fi_schema_unref(schema);
    *out = (char *)text.data;
    return api_check_told(rc, err);
}

/* ---- changing a table ---- */

struct change {
    const firn_table_column *column;
    const char *name;
    const char *new_name;
    const firn_value *value;
    bool has_filter;
};

static int
add_column(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err)
{
    const struct change *change = ctx;
    return fi_schema_change_add_column(old, change->column, out, err);
}

static int
drop_column(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err)
{
    const struct change *change = ctx;
    return fi_schema_change_drop_column(old, firn_str(change->name), out, err);
}

static int
rename_column(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err)
{
    const struct change *change = ctx;
    return fi_schema_change_rename_column(old, firn_str(change->name), firn_str(change->new_name),
                                          out, err);
}

static int
set_default(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err)
{
    const struct change *change = ctx;
    return fi_schema_change_default(old, firn_str(change->name), change->value, out, err);
}

static int
set_bloom_filter(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *err)
{
    const struct change *change = ctx;
    return fi_schema_change_bloom_filter(old, firn_str(change->name), change->has_filter, out, err);
}

static int
table_api_alter(firn_table *table,
                int (*with)(void *ctx, const struct fi_schema *old, struct fi_schema **out,
                            firn_error *err),
                struct change *change, firn_error *err)
{
    const struct fi_rows_change inner = {with, change};
    API_OPEN(table, TABLE, err);
    return fi_rows_alter(table, &inner, err);
}

int
firn_table_add_column_sized(firn_table *table, const firn_table_column *column, size_t column_size,
                            firn_error *err)
{
    API_ANY_ERROR(err);
    firn_table_column given;
    struct change change = {.column = &given};
    API_REQUIRE(table != NULL && column != NULL, err, "table and column must not be NULL");
    int rc = fi_schema_def_read_column(column, column_size, &given, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return api_check_told(table_api_alter(table, add_column, &change, err), err);
}

int
firn_table_drop_column(firn_table *table, const char *name, firn_error *err)
{
    API_ANY_ERROR(err);
    struct change change = {.name = name};
    API_REQUIRE(table != NULL && name != NULL, err, "table and name must not be NULL");
    return api_check_told(table_api_alter(table, drop_column, &change, err), err);
}

int
firn_table_rename_column(firn_table *table, const char *name, const char *new_name, firn_error *err)
{
    API_ANY_ERROR(err);
    struct change change = {.name = name, .new_name = new_name};
    API_REQUIRE(table != NULL && name != NULL && new_name != NULL, err,
                "table and names must not be NULL");
    return api_check_told(table_api_alter(table, rename_column, &change, err), err);
}

int
firn_table_set_default(firn_table *table, const char *column, const firn_value *value,
                       firn_error *err)
{
    API_ANY_ERROR(err);
    struct change change = {.name = column, .value = value};
    API_REQUIRE(table != NULL && column != NULL, err, "table and column must not be NULL");
    return api_check_told(table_api_alter(table, set_default, &change, err), err);
}

int
firn_table_set_bloom_filter(firn_table *table, const char *column, bool has_filter, firn_error *err)
{
    API_ANY_ERROR(err);
    struct change change = {.name = column, .has_filter = has_filter};
    API_REQUIRE(table != NULL && column != NULL, err, "table and column must not be NULL");
    return api_check_told(table_api_alter(table, set_bloom_filter, &change, err), err);
}

int
firn_table_add_index_sized(firn_table *table, const firn_table_index *index, size_t index_size,
                           firn_error *err)
{
    API_ANY_ERROR(err);
    firn_table_index given;
    API_REQUIRE(table != NULL && index != NULL, err, "table and index must not be NULL");
    API_OPEN(table, TABLE, err);
    int rc = fi_schema_def_read_index(index, index_size, &given, err);
    rc = rc == FIRN_OK ? fi_rows_index_add(table, &given, err) : rc;
    return api_check_told(rc, err);
}

int
firn_table_drop_index(firn_table *table, const char *name, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(table != NULL && name != NULL, err, "table and name must not be NULL");
    API_OPEN(table, TABLE, err);
    return api_check_told(fi_rows_index_drop(table, name, err), err);
}

/* ---- writing rows ---- */

static int
table_api_put(firn_table *table, enum fi_rows_mode mode, const firn_row_options *options,
              const firn_value *values, size_t count, firn_value *out_auto, firn_error *err)
{
    firn_row_options given = FIRN_ROW_OPTIONS_INIT;
    API_REQUIRE(table != NULL && (values != NULL || count == 0), err,
                "table and values must not be NULL");
    API_OPEN(table, TABLE, err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(api_store_is_durability(given.durability), err,
                "the durability is not a firn_durability");
    const struct fi_rows_put what = {.mode = mode,
                                     .columns = given.columns,
                                     .values = values,
                                     .count = count,
                                     .ttl_ms = given.ttl_ms};
    for (size_t i = 0; i < count && given.columns != NULL; i++) {
        API_REQUIRE(given.columns[i] != NULL, err, "names of columns must not be NULL");
    }
    API_ENTER_IF_ANY(given.txn, TXN, err);
    return fi_api_handle_left(
        given.txn, fi_rows_write_put(table, given.txn, &what, given.durability, out_auto, err),
        err);
}

int
firn_table_insert(firn_table *table, const firn_row_options *options, const firn_value *values,
                  size_t count, firn_error *err)
{
    API_ANY_ERROR(err);
    return api_check_told(table_api_put(table, FI_ROWS_INSERT, options, values, count, NULL, err),
                          err);
}

int
firn_table_insert_auto(firn_table *table, const firn_row_options *options, const firn_value *values,
                       size_t count, uint64_t *out_number, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_value number = firn_null();
    API_REQUIRE(out_number != NULL, err, "out_number must not be NULL");
    *out_number = 0;
    int rc = table_api_put(table, FI_ROWS_INSERT, options, values, count, &number, err);
    if (rc == FIRN_OK) {
        *out_number = number.as.u64;
    }
    return api_check_told(rc, err);
}

int
firn_table_upsert(firn_table *table, const firn_row_options *options, const firn_value *values,
                  size_t count, firn_error *err)
{
    API_ANY_ERROR(err);
    return api_check_told(table_api_put(table, FI_ROWS_UPSERT, options, values, count, NULL, err),
                          err);
}

int
firn_table_update(firn_table *table, const firn_row_options *options, const firn_value *values,
                  size_t count, firn_error *err)
{
    API_ANY_ERROR(err);
    return api_check_told(table_api_put(table, FI_ROWS_UPDATE, options, values, count, NULL, err),
                          err);
}

static int
read_delete_options(const firn_row_options *options, firn_row_options *out, firn_error *err)
{
    *out = (firn_row_options)FIRN_ROW_OPTIONS_INIT;
    int rc = fi_api_options_read(out, sizeof *out, options, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(api_store_is_durability(out->durability), err,
                "the durability is not a firn_durability");
    API_REQUIRE(out->ttl_ms == 0 && out->columns == NULL, err,
                "ttl_ms and columns mean nothing to a delete");
    return FIRN_OK;
}

int
firn_table_delete(firn_table *table, const firn_row_options *options, const firn_value *key,
                  size_t key_count, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_row_options given;
    API_REQUIRE(table != NULL && (key != NULL || key_count == 0), err,
                "table and key must not be NULL");
    API_OPEN(table, TABLE, err);
    int rc = read_delete_options(options, &given, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_ENTER_IF_ANY(given.txn, TXN, err);
    return fi_api_handle_left(
        given.txn, fi_rows_write_delete(table, given.txn, key, key_count, given.durability, err),
        err);
}

int
firn_table_add_number(firn_table *table, const firn_row_options *options, const firn_value *key,
                      size_t key_count, const char *column, firn_value number, firn_value *out,
                      firn_error *err)
{
    API_ANY_ERROR(err);
    firn_row_options given = FIRN_ROW_OPTIONS_INIT;
    firn_value sum = firn_null();
    if (out != NULL) {
        *out = sum;
    }
    API_REQUIRE(table != NULL && column != NULL && (key != NULL || key_count == 0), err,
                "table, key and column must not be NULL");
    API_OPEN(table, TABLE, err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(api_store_is_durability(given.durability), err,
                "the durability is not a firn_durability");
    API_REQUIRE(given.columns == NULL, err, "columns mean nothing to an addition");
    const struct fi_rows_add add = {key, key_count, column, number, given.ttl_ms};
    API_ENTER_IF_ANY(given.txn, TXN, err);
    int rc = fi_rows_write_add(table, given.txn, &add, given.durability, &sum, err);
    fi_api_handle_leave(given.txn);
    if (rc == FIRN_OK && out != NULL) {
        *out = sum;
    }
    return api_check_told(rc, err);
}

/* NULL: no bound. */
static struct fi_rows_bound
take_bound(const firn_table_bound *bound)
{
    return bound == NULL ? (struct fi_rows_bound){.values = NULL}
                         : (struct fi_rows_bound){bound->values, bound->count, bound->exclusive};
}

int
firn_table_delete_range(firn_table *table, const firn_row_options *options,
                        const firn_table_bound *lower, const firn_table_bound *upper,
                        firn_error *err)
{
    API_ANY_ERROR(err);
    firn_row_options given;
    const struct fi_rows_span span = {take_bound(lower), take_bound(upper)};
    API_REQUIRE(table != NULL, err, "table must not be NULL");
    API_REQUIRE((span.lower.values != NULL || span.lower.count == 0) &&
                    (span.upper.values != NULL || span.upper.count == 0),
                err, "values of bounds must not be NULL");
    API_OPEN(table, TABLE, err);
    int rc = read_delete_options(options, &given, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_ENTER_IF_ANY(given.txn, TXN, err);
    return fi_api_handle_left(
        given.txn, fi_rows_write_delete_range(table, given.txn, &span, given.durability, err), err);
}

/* ---- reading rows ---- */

int
firn_row_create(firn_row **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    return api_check_told(fi_rows_read_row_create(out, err), err);
}

void
firn_row_destroy(firn_row *row)
{
    fi_rows_read_row_destroy(row);
}

size_t
firn_row_count(const firn_row *row)
{
    size_t count = 0;
    if (row != NULL) {
        (void)fi_rows_read_row_values(row, &count);
    }
    return count;
}

const firn_value *
firn_row_values(const firn_row *row)
{
    size_t count;
    return row != NULL ? fi_rows_read_row_values(row, &count) : NULL;
}

/* Converts options, which have all fields, to *out, which borrows from them. */
static int
take_read_options(const firn_read_options *options, struct fi_rows_read *out, firn_error *err)
{
    API_REQUIRE(options->txn == NULL || options->snapshot == NULL, err,
                "rows are read in a transaction or in a snapshot, not in both");
    API_REQUIRE(options->columns != NULL || options->column_count == 0, err,
                "columns must not be NULL");
    for (size_t i = 0; i < options->column_count; i++) {
        API_REQUIRE(options->columns[i] != NULL, err, "names of columns must not be NULL");
    }
    *out = (struct fi_rows_read){.txn = options->txn,
                                 .snapshot = options->snapshot,
                                 .index = options->index,
                                 .columns = options->columns,
                                 .column_count = options->column_count};
    return FIRN_OK;
}

static int
read_read_options(const firn_read_options *options, struct fi_rows_read *out, firn_error *err)
{
    firn_read_options given = FIRN_READ_OPTIONS_INIT;
    int rc = fi_api_options_read(&given, sizeof given, options, err);
    return rc == FIRN_OK ? take_read_options(&given, out, err) : rc;
}

int
firn_table_get(firn_table *table, const firn_read_options *options, const firn_value *key,
               size_t key_count, firn_row *row, firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_rows_read read;
    API_REQUIRE(table != NULL && row != NULL && (key != NULL || key_count == 0), err,
                "table, key and row must not be NULL");
    API_OPEN(table, TABLE, err);
    int rc = read_read_options(options, &read, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_OPEN_IF_ANY(read.snapshot, SNAPSHOT, err);
    API_ENTER_IF_ANY(read.txn, TXN, err);
    return fi_api_handle_left(read.txn, fi_rows_read_get(table, &read, key, key_count, row, err),
                              err);
}

int
firn_table_get_many(firn_table *table, const firn_read_options *options,
                    const firn_table_keys *keys,
                    int (*visit)(void *ctx, size_t i, const firn_row *row), void *ctx,
                    firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_rows_read read;
    API_REQUIRE(table != NULL && keys != NULL && visit != NULL, err,
                "table, keys and visit must not be NULL");
    API_REQUIRE(keys->values != NULL || keys->count == 0, err, "values of keys must not be NULL");
    API_OPEN(table, TABLE, err);
    int rc = read_read_options(options, &read, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_OPEN_IF_ANY(read.snapshot, SNAPSHOT, err);
    api_check_begin_visits(err);
    const struct fi_rows_many many = {keys->values, keys->key_count, keys->count, visit, ctx};
    API_ENTER_IF_ANY(read.txn, TXN, err);
    rc = fi_rows_read_get_many(table, &read, &many, err);
    fi_api_handle_leave(read.txn);
    return api_check_end_visits(rc, err);
}

int
firn_table_cursor_open(firn_table *table, const firn_table_cursor_options *options,
                       firn_table_cursor **out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_table_cursor_options given = FIRN_TABLE_CURSOR_OPTIONS_INIT;
    struct fi_rows_cursor_options inner = {.is_descending = false};
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_OPEN(table, TABLE, err);
    int rc = fi_api_options_read(&given, sizeof given, options, err);
    if (rc == FIRN_OK && given.read.size != sizeof given.read) {
        rc = fi_error_set(err, FIRN_INVALID,
                          "the options for reading have size %zu: fill them with their INIT macro",
                          given.read.size);
    }
    rc = rc == FIRN_OK ? take_read_options(&given.read, &inner.read, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE((given.lower.values != NULL || given.lower.count == 0) &&
                    (given.upper.values != NULL || given.upper.count == 0),
                err, "values of bounds must not be NULL");
    inner.lower = take_bound(&given.lower);
    inner.upper = take_bound(&given.upper);
    inner.is_descending = given.descending;
    API_OPEN_IF_ANY(inner.read.snapshot, SNAPSHOT, err);
    API_ENTER_IF_ANY(inner.read.txn, TXN, err);
    rc = fi_rows_read_cursor_open(table, &inner, out, err);
    rc = fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_TABLE_CURSOR, inner.read.txn);
    fi_api_handle_leave(inner.read.txn);
    return api_check_told(rc, err);
}

void
firn_table_cursor_close(firn_table_cursor *cursor)
{
    if (fi_api_handle_check(cursor, FI_API_HANDLE_TABLE_CURSOR, NULL) == FIRN_OK) {
        fi_api_handle_closing(cursor);
        fi_rows_read_cursor_close(cursor);
        fi_api_handle_closed(cursor);
    }
}

int
firn_table_cursor_next(firn_table_cursor *cursor, const firn_row **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_ENTER(cursor, TABLE_CURSOR, err);
    int rc = fi_rows_read_cursor_next(cursor, out, err);
    fi_api_handle_leave(cursor);
    return api_check_told(rc, err);
}

uint64_t
firn_table_cursor_expires_ms(const firn_table_cursor *cursor)
{
    bool is_open =
        cursor != NULL && fi_api_handle_check(cursor, FI_API_HANDLE_TABLE_CURSOR, NULL) == FIRN_OK;
    return is_open ? fi_rows_read_cursor_expires_ms(cursor) : 0;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: tables beside tables of SQLite that get the same statements: random schemas of all types, some with rows that the
 * table numbers, or with Bloom filters; rows inserted, replaced, changed and deleted, one by one and in ranges, with a time to live and without, numbers added, alone and
 * in transactions that are kept or not, columns and indexes added and dropped, checkpoints and restores, flushes,
 * compactions, reopenings. Every answer is the same, and so are all rows, by the key and by every index, and random
 * queries, now and in every checkpoint.
 *
 * A checkpoint of SQLite's is a copy of its database.
 */
#include <inttypes.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/buf.h"
#include "firn/firn.h"
#include "firn/scan.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_temp.h"

enum {
    DIMENSIONS = 3,
    COLUMNS_MAX = 10,
    INDEXES_MAX = 3,
    STATES_MAX = 4,
    TEXT_SIZE = 8192,
    NAME_SIZE = 16,
    SQL_SIZE = 3 * TEXT_SIZE, /* a default is a literal, twice as long as a blob */
    LIFE_MS = 1000 * 3600 * 24
};

struct column {
    char name[NAME_SIZE];
    firn_type type;
    bool is_key;
    bool not_null;
    bool has_filter;
};

struct index {
    char name[NAME_SIZE];
    bool is_unique;
    unsigned columns[2];
    unsigned count;
};

/* What both tables have: kept with each checkpoint. */
struct shape {
    struct column columns[COLUMNS_MAX]; /* the key comes first */
    unsigned column_count;
    unsigned key_count;
    bool is_auto; /* the table numbers its rows */
    struct index indexes[INDEXES_MAX];
    unsigned index_count;
};

struct state {
    struct shape shape;
    unsigned char *bytes; /* SQLite's database */
    sqlite3_int64 size;
    char name[NAME_SIZE];
};

struct rig {
    struct test_random random;
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
    firn_txn *txn; /* NULL: each write is a commit of its own */
    sqlite3 *sqlite;
    struct shape shape;
    struct shape before_txn;
    struct state states[STATES_MAX];
    unsigned state_count;
    unsigned next_name;
    uint64_t writes;
    uint64_t compared;
    uint64_t queries;
    uint64_t ranges;  /* deleted */
    uint64_t added;   /* numbers */
    uint64_t expired; /* rows */
    uint64_t schemas;
    uint64_t restores;
    uint64_t numbered; /* rows, by the table */
};

static firn_error err;

static uint64_t
below(struct rig *rig, uint64_t limit)
{
    return test_random_below(&rig->random, limit);
}

/* ---- values ---- */

static const firn_type types[] = {
    FIRN_TYPE_I64,       FIRN_TYPE_I32,  FIRN_TYPE_U16,     FIRN_TYPE_BOOL, FIRN_TYPE_F64,
    FIRN_TYPE_TEXT,      FIRN_TYPE_BLOB, FIRN_TYPE_DECIMAL, FIRN_TYPE_DATE, FIRN_TYPE_UUID,
    FIRN_TYPE_TIMESTAMP, FIRN_TYPE_I8,   FIRN_TYPE_I16,     FIRN_TYPE_U8,   FIRN_TYPE_U32,
    FIRN_TYPE_U64,       FIRN_TYPE_F32,  FIRN_TYPE_VECTOR};

static bool
is_bytes(firn_type type)
{
    return type == FIRN_TYPE_TEXT || type == FIRN_TYPE_BLOB || type == FIRN_TYPE_UUID ||
           type == FIRN_TYPE_VECTOR;
}

/* Few different ones, so that keys meet. Bytes lie in memory. */
static firn_value
make_value(struct rig *rig, const struct column *column, char memory[TEXT_SIZE])
{
    firn_value value = {.type = column->type};
    uint64_t n = below(rig, below(rig, 3) == 0 ? 1000 : 12);
    if (!column->is_key && !column->not_null && below(rig, 5) == 0) {
        return firn_null();
    }
    switch (column->type) {
    case FIRN_TYPE_I64:
    case FIRN_TYPE_TIMESTAMP:
        return firn_typed_i64(column->type, (int64_t)n * 7919 - 40000);
    case FIRN_TYPE_I32:
    case FIRN_TYPE_DATE:
        return firn_typed_i64(column->type, (int64_t)n - 6);
    case FIRN_TYPE_DECIMAL:
        return firn_typed_i64(column->type, (int64_t)n * 25 - 100);
    case FIRN_TYPE_I8:
    case FIRN_TYPE_I16:
        return firn_typed_i64(column->type, (int64_t)(n % 200) - 100);
    case FIRN_TYPE_U8:
        value.as.u64 = n % 256;
        return value;
    case FIRN_TYPE_U16:
        value.as.u64 = n;
        return value;
    case FIRN_TYPE_U32:
        value.as.u64 = UINT32_MAX - n;
        return value;
    case FIRN_TYPE_U64:
        value.as.u64 = n * UINT64_C(9000000000000000);
        return value;
    case FIRN_TYPE_F32:
        value.as.f32 = (float)n / 8 - 0.5F;
        return value;
    case FIRN_TYPE_BOOL:
        return firn_bool(n % 2 == 0);
    case FIRN_TYPE_F64:
        return firn_f64((double)n / 8 - 0.5);
    case FIRN_TYPE_VECTOR:
        for (unsigned i = 0; i < DIMENSIONS; i++) {
            const float part = (float)(n % (7 + i)) / 4;
            memcpy(memory + i * sizeof part, &part, sizeof part);
        }
        value.as.bytes = firn_bytes(memory, DIMENSIONS * sizeof(float));
        return value;
    case FIRN_TYPE_UUID:
        memset(memory, (int)(n % 251), 16);
        value.as.bytes = firn_bytes(memory, 16);
        return value;
    case FIRN_TYPE_BLOB: {
        size_t size = n % 7;
        memset(memory, (int)(n % 3), size); /* zeros, too */
        value.as.bytes = firn_bytes(memory, size);
        return value;
    }
    default:
        if (!column->is_key && n % 64 == 63) { /* large ones; in indexes, too */
            size_t size = 3000 + n * 5;
            memset(memory, 'a' + (int)(n % 26), size);
            return firn_text_bytes(firn_bytes(memory, size));
        }
        (void)snprintf(memory, TEXT_SIZE, "%s%" PRIu64, n % 3 == 0 ? "gr\xc3\xb6\xc3\x9f" : "t", n);
        return firn_text(memory);
    }
}

static void
bind(sqlite3_stmt *statement, int at, const firn_value *value)
{
    switch (value->type) {
    case FIRN_TYPE_NULL:
        sqlite3_bind_null(statement, at);
        break;
    case FIRN_TYPE_BOOL:
        sqlite3_bind_int(statement, at, value->as.boolean);
        break;
    case FIRN_TYPE_F64:
        sqlite3_bind_double(statement, at, value->as.f64);
        break;
    case FIRN_TYPE_TEXT:
        sqlite3_bind_text(statement, at, (const char *)value->as.bytes.data,
                          (int)value->as.bytes.size, SQLITE_TRANSIENT);
        break;
    case FIRN_TYPE_BLOB:
    case FIRN_TYPE_UUID:
    case FIRN_TYPE_VECTOR:
        sqlite3_bind_blob(statement, at,
                          value->as.bytes.size > 0 ? (const void *)value->as.bytes.data : "",
                          (int)value->as.bytes.size, SQLITE_TRANSIENT);
        break;
    case FIRN_TYPE_F32:
        sqlite3_bind_double(statement, at, (double)value->as.f32);
        break;
    case FIRN_TYPE_U8:
    case FIRN_TYPE_U16:
    case FIRN_TYPE_U32:
    case FIRN_TYPE_U64:
        sqlite3_bind_int64(statement, at, (sqlite3_int64)value->as.u64);
        break;
    default:
        sqlite3_bind_int64(statement, at, value->as.i64);
        break;
    }
}

static void
assert_same_value(sqlite3_stmt *statement, int at, const firn_value *value)
{
    if (sqlite3_column_type(statement, at) == SQLITE_NULL) {
        assert_int_equal(value->type, FIRN_TYPE_NULL);
        return;
    }
    if (is_bytes(value->type)) {
        const void *bytes = sqlite3_column_blob(statement, at);
        size_t size = (size_t)sqlite3_column_bytes(statement, at);
        assert_int_equal(value->as.bytes.size, size);
        assert_true(size == 0 || memcmp(value->as.bytes.data, bytes, size) == 0);
    } else if (value->type == FIRN_TYPE_F64) {
        assert_true(value->as.f64 == sqlite3_column_double(statement, at));
    } else if (value->type == FIRN_TYPE_F32) {
        assert_true((double)value->as.f32 == sqlite3_column_double(statement, at));
    } else if (value->type == FIRN_TYPE_BOOL) {
        assert_int_equal(value->as.boolean, sqlite3_column_int64(statement, at));
    } else {
        assert_true(value->type != FIRN_TYPE_NULL);
        assert_int_equal(value->as.i64, sqlite3_column_int64(statement, at));
    }
}

static void
assert_same(sqlite3_stmt *statement, int at, const struct column *column, const firn_value *value)
{
    assert_true(firn_is_null(*value) || value->type == column->type);
    assert_same_value(statement, at, value);
}

/* ---- SQLite's side ---- */

static int
execute(struct rig *rig, const char *sql)
{
    char *message = NULL;
    int rc = sqlite3_exec(rig->sqlite, sql, NULL, NULL, &message);
    if (rc != SQLITE_OK && rc != SQLITE_CONSTRAINT) {
        fail_msg("%s: %.800s", message, sql);
    }
    sqlite3_free(message);
    return rc;
}

static sqlite3_stmt *
prepare(sqlite3 *sqlite, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(sqlite, sql, -1, &statement, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(sqlite));
    }
    return statement;
}

/* Runs it once; the number of rows that changed, or -1 for a constraint. */
static int
run(struct rig *rig, const char *sql, const firn_value *values, size_t count)
{
    sqlite3_stmt *statement = prepare(rig->sqlite, sql);
    for (size_t i = 0; i < count; i++) {
        bind(statement, (int)i + 1, &values[i]);
    }
    int rc = sqlite3_step(statement);
    int changed = rc == SQLITE_DONE ? sqlite3_changes(rig->sqlite) : -1;
    assert_true(rc == SQLITE_DONE || (rc & 0xff) == SQLITE_CONSTRAINT);
    sqlite3_finalize(statement);
    return changed;
}

#define APPEND(sql, ...) ((void)snprintf((sql) + strlen(sql), SQL_SIZE - strlen(sql), __VA_ARGS__))

static void
append_key(const struct shape *shape, char *sql)
{
    for (unsigned i = 0; i < shape->key_count; i++) {
        APPEND(sql, "%s%s", i > 0 ? "," : "", shape->columns[i].name);
    }
}

static void
append_index(const struct shape *shape, const struct index *index, char *sql)
{
    for (unsigned i = 0; i < index->count; i++) {
        APPEND(sql, "%s%s", i > 0 ? "," : "", shape->columns[index->columns[i]].name);
    }
}

static void
sqlite_add_index(struct rig *rig, const struct index *index)
{
    char sql[SQL_SIZE] = "";
    APPEND(sql, "CREATE %s INDEX %s ON t (", index->is_unique ? "UNIQUE" : "", index->name);
    append_index(&rig->shape, index, sql);
    APPEND(sql, ")");
    assert_int_equal(execute(rig, sql), SQLITE_OK);
}

static void
sqlite_create(struct rig *rig)
{
    const struct shape *shape = &rig->shape;
    char sql[SQL_SIZE] = "CREATE TABLE t (";
    for (unsigned i = 0; i < shape->column_count; i++) {
        APPEND(sql, "%s%s, ", shape->columns[i].name,
               shape->columns[i].is_key || shape->columns[i].not_null ? " NOT NULL" : "");
    }
    APPEND(sql, "PRIMARY KEY (");
    append_key(shape, sql);
    APPEND(sql, ")) WITHOUT ROWID");
    assert_int_equal(execute(rig, sql), SQLITE_OK);
    for (unsigned i = 0; i < shape->index_count; i++) {
        sqlite_add_index(rig, &shape->indexes[i]);
    }
}

/* ---- schemas ---- */

static void
make_name(struct rig *rig, char letter, char out[NAME_SIZE])
{
    (void)snprintf(out, NAME_SIZE, "%c%u", letter, rig->next_name++);
}

static void
make_column(struct rig *rig, bool is_key, struct column *out)
{
    make_name(rig, is_key ? 'k' : 'c', out->name);
    out->type = types[below(rig, sizeof types / sizeof types[0] - (is_key ? 1 : 0))];
    out->is_key = is_key;
    out->not_null = !is_key && below(rig, 4) == 0;
    out->has_filter = out->type != FIRN_TYPE_VECTOR && below(rig, 6) == 0;
}

/* A column that can be in an index, and that queries can compare. */
static unsigned
ordered_column(struct rig *rig, const struct shape *shape)
{
    const unsigned at = (unsigned)below(rig, shape->column_count);
    return shape->columns[at].type == FIRN_TYPE_VECTOR ? 0 : at; /* the key has none */
}

static void
make_index(struct rig *rig, struct index *out)
{
    make_name(rig, 'i', out->name);
    out->is_unique = below(rig, 3) == 0;
    out->columns[0] = ordered_column(rig, &rig->shape);
    out->columns[1] = ordered_column(rig, &rig->shape);
    out->count = out->columns[0] != out->columns[1] ? 1 + (unsigned)below(rig, 2) : 1;
}

static void
make_shape(struct rig *rig)
{
    struct shape *shape = &rig->shape;
    memset(shape, 0, sizeof *shape);
    shape->key_count = 1 + (unsigned)below(rig, 3);
    shape->column_count = shape->key_count + (unsigned)below(rig, 5);
    for (unsigned i = 0; i < shape->column_count; i++) {
        make_column(rig, i < shape->key_count, &shape->columns[i]);
    }
    shape->is_auto = shape->key_count == 1 && shape->columns[0].type >= FIRN_TYPE_I32 &&
                     shape->columns[0].type <= FIRN_TYPE_I64;
    rig->schemas++;
    shape->index_count = (unsigned)below(rig, 3);
    for (unsigned i = 0; i < shape->index_count; i++) {
        make_index(rig, &shape->indexes[i]);
    }
}

static firn_table_column
column_of(const struct column *column)
{
    return (firn_table_column){.name = column->name,
                               .type = column->type,
                               .precision = column->type == FIRN_TYPE_DECIMAL ? 18 : 0,
                               .scale = column->type == FIRN_TYPE_DECIMAL ? 2 : 0,
                               .dimensions = column->type == FIRN_TYPE_VECTOR ? DIMENSIONS : 0,
                               .has_bloom_filter = column->has_filter,
                               .not_null = column->not_null};
}

static void
name_columns(const struct shape *shape, const struct index *index, const char *out[2])
{
    for (unsigned i = 0; i < index->count; i++) {
        out[i] = shape->columns[index->columns[i]].name;
    }
}

static void
fi_create(struct rig *rig)
{
    const struct shape *shape = &rig->shape;
    firn_table_column columns[COLUMNS_MAX];
    firn_table_index indexes[INDEXES_MAX];
    const char *index_columns[INDEXES_MAX][2];
    const char *key[COLUMNS_MAX];
    firn_table_def def = FIRN_TABLE_DEF_INIT;
    for (unsigned i = 0; i < shape->column_count; i++) {
        columns[i] = column_of(&shape->columns[i]);
        columns[i].is_auto = i == 0 && shape->is_auto;
        key[i] = shape->columns[i].name;
    }
    for (unsigned i = 0; i < shape->index_count; i++) {
        name_columns(shape, &shape->indexes[i], index_columns[i]);
        indexes[i] = (firn_table_index){.name = shape->indexes[i].name,
                                        .columns = index_columns[i],
                                        .column_count = shape->indexes[i].count,
                                        .is_unique = shape->indexes[i].is_unique};
    }
    def.columns = columns;
    def.column_count = shape->column_count;
    def.key = key;
    def.key_count = shape->key_count;
    def.indexes = indexes;
    def.index_count = shape->index_count;
    OK(firn_table_create(rig->store, "t", &def, &rig->table, &err));
}

/* ---- comparing ---- */

/* All rows in the order of the key, or of an index and then of the key. */
static void
compare_by(struct rig *rig, sqlite3 *sqlite, const struct shape *shape, firn_snapshot *snapshot,
           const struct index *index)
{
    char sql[SQL_SIZE] = "SELECT ";
    const char *names[COLUMNS_MAX];
    firn_table *table = rig->table;
    firn_table_cursor *cursor;
    firn_table_cursor_options options = FIRN_TABLE_CURSOR_OPTIONS_INIT;
    bool is_all = index == NULL && below(rig, 2) == 0;
    const firn_row *row;
    for (unsigned i = 0; i < shape->column_count; i++) {
        names[i] = shape->columns[i].name;
        APPEND(sql, "%s%s", i > 0 ? "," : "", names[i]);
    }
    bool descends = below(rig, 3) == 0;
    APPEND(sql, " FROM t ORDER BY ");
    for (unsigned i = 0; index != NULL && i < index->count; i++) {
        APPEND(sql, "%s %s, ", shape->columns[index->columns[i]].name, descends ? "DESC" : "");
    }
    for (unsigned i = 0; i < shape->key_count; i++) {
        APPEND(sql, "%s%s %s", i > 0 ? ", " : "", names[i], descends ? "DESC" : "");
    }
    if (snapshot != NULL) {
        OK(firn_snapshot_table_open(snapshot, "t", &table, &err));
    }
    options.read.txn = snapshot == NULL ? rig->txn : NULL;
    options.read.snapshot = snapshot;
    options.read.columns = is_all ? NULL : names;
    options.read.column_count = is_all ? 0 : shape->column_count;
    options.read.index = index != NULL ? index->name : NULL;
    options.descending = descends;
    OK(firn_table_cursor_open(table, &options, &cursor, &err));
    sqlite3_stmt *statement = prepare(sqlite, sql);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        OK(firn_table_cursor_next(cursor, &row, &err));
        if (row == NULL) {
            fail_msg("%s: a row is missing, by %s, in %s, after %" PRIu64 " writes", sql,
                     index != NULL ? index->name : "the key",
                     snapshot != NULL ? "a checkpoint" : "now", rig->writes);
        }
        assert_int_equal(firn_row_count(row), shape->column_count);
        for (unsigned i = 0; i < shape->column_count; i++) {
            assert_same(statement, (int)i, &shape->columns[i], &firn_row_values(row)[i]);
        }
        rig->compared++;
    }
    OK(firn_table_cursor_next(cursor, &row, &err));
    assert_null(row);
    sqlite3_finalize(statement);
    firn_table_cursor_close(cursor);
}

static void
compare_all(struct rig *rig, sqlite3 *sqlite, const struct shape *shape, firn_snapshot *snapshot)
{
    compare_by(rig, sqlite, shape, snapshot, NULL);
    for (unsigned i = 0; i < shape->index_count; i++) {
        compare_by(rig, sqlite, shape, snapshot, &shape->indexes[i]);
    }
}

/* ---- queries ---- */

static bool
is_number(firn_type type)
{
    return !is_bytes(type) && type != FIRN_TYPE_BOOL && type != FIRN_TYPE_DATE &&
           type != FIRN_TYPE_TIMESTAMP;
}

/* A condition on one column: the same text for both, with a value for each question mark. */
static size_t
make_condition(struct rig *rig, const struct column *column, char *sql, firn_value *values,
               char memory[2][TEXT_SIZE])
{
    static const char *const operators[] = {"=", "<>", "<", "<=", ">", ">="};
    const struct column wanted = {.type = column->type, .is_key = true};
    switch (column->type == FIRN_TYPE_VECTOR ? below(rig, 2) : below(rig, 8)) {
    case 0:
        APPEND(sql, "%s IS NULL", column->name);
        return 0;
    case 1:
        APPEND(sql, "%s IS NOT NULL", column->name);
        return 0;
    case 2:
        APPEND(sql, "%s BETWEEN ? AND ?", column->name);
        values[0] = make_value(rig, &wanted, memory[0]);
        values[1] = make_value(rig, &wanted, memory[1]);
        return 2;
    case 3:
        APPEND(sql, "NOT (%s IN (?, ?))", column->name);
        values[0] = make_value(rig, &wanted, memory[0]);
        values[1] = make_value(rig, &wanted, memory[1]);
        return 2;
    default:
        APPEND(sql, "%s %s ?", column->name, operators[below(rig, 6)]);
        values[0] = make_value(rig, &wanted, memory[0]);
        return 1;
    }
}

/* What is asked: aggregates, groups, or the first rows in another order than the key's. */
static void
make_query(struct rig *rig, const struct shape *shape, char *select, char *rest,
           firn_scan_options *options, char *order)
{
    const struct column *column = &shape->columns[ordered_column(rig, shape)];
    const char *c = column->name;
    uint64_t kind = below(rig, 3);
    if (kind == 0) {
        APPEND(select, "count(*), count(%s), count(distinct %s)", c, c);
        if (column->type != FIRN_TYPE_BOOL) {
            APPEND(select, ", min(%s), max(%s)", c, c);
        }
        /* Eighths of small numbers are exact. */
        if (is_number(column->type) && column->type != FIRN_TYPE_U64) {
            APPEND(select, ", sum(%s)", c);
        }
    } else if (kind == 1) {
        APPEND(select, "%s, count(*)", c);
        APPEND(rest, " GROUP BY %s ORDER BY %s", c, c);
        options->group_by = c;
        options->order_by = c;
    } else {
        options->limit = 1 + below(rig, 20);
        options->offset = below(rig, 5);
        for (unsigned i = 0; i < shape->key_count; i++) {
            APPEND(select, "%s, ", shape->columns[i].name);
        }
        APPEND(select, "%s", c);
        APPEND(order, "%s%s", c, below(rig, 2) == 0 ? " DESC" : "");
        for (unsigned i = 0; i < shape->key_count; i++) {
            APPEND(order, ", %s", shape->columns[i].name);
        }
        APPEND(rest, " ORDER BY %s LIMIT %u OFFSET %u", order, (unsigned)options->limit,
               (unsigned)options->offset);
        options->order_by = order;
    }
}

static void
compare_answers(struct rig *rig, sqlite3_stmt *statement, firn_scan *scan, const char *sql)
{
    const firn_scan_batch *batch;
    size_t row = 0;
    size_t rows = 0;
    size_t count = firn_scan_column_count(scan);
    assert_int_equal(count, sqlite3_column_count(statement));
    while (sqlite3_step(statement) == SQLITE_ROW) {
        while (row == rows) {
            OK(firn_scan_next(scan, &batch, &err));
            if (batch == NULL) {
                fail_msg("%s: a row is missing after %" PRIu64 " writes", sql, rig->writes);
            }
            row = 0;
            rows = firn_scan_batch_rows(batch);
        }
        for (size_t i = 0; i < count; i++) {
            firn_value value = firn_scan_value(batch, i, row);
            assert_same_value(statement, (int)i, &value);
        }
        row++;
        rig->compared++;
    }
    assert_true(row == rows);
    OK(firn_scan_next(scan, &batch, &err));
    assert_true(batch == NULL || firn_scan_batch_rows(batch) == 0);
    rig->queries++;
}

static void
compare_query(struct rig *rig, sqlite3 *sqlite, const struct shape *shape, firn_snapshot *snapshot)
{
    static char memory[4][TEXT_SIZE];
    firn_value values[4];
    char select[SQL_SIZE] = "";
    char where[SQL_SIZE] = "";
    char rest[SQL_SIZE] = "";
    char order[SQL_SIZE] = "";
    static char sql[3 * SQL_SIZE + 64];
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    firn_table *table = rig->table;
    firn_scan *scan;
    make_query(rig, shape, select, rest, &options, order);
    if (below(rig, 4) > 0) {
        const struct column *column = &shape->columns[below(rig, shape->column_count)];
        options.parameter_count = make_condition(rig, column, where, values, memory);
        if (below(rig, 2) == 0) {
            APPEND(where, "%s", below(rig, 2) == 0 ? " AND " : " OR ");
            column = &shape->columns[below(rig, shape->column_count)];
            options.parameter_count +=
                make_condition(rig, column, where, values + options.parameter_count, memory + 2);
        }
        options.where = where;
        options.parameters = values;
    }
    (void)snprintf(sql, sizeof sql, "SELECT %s FROM t%s%s%s", select,
                   options.where != NULL ? " WHERE " : "", where, rest);
    if (snapshot != NULL) {
        OK(firn_snapshot_table_open(snapshot, "t", &table, &err));
    }
    options.select = select;
    options.txn = snapshot == NULL ? rig->txn : NULL;
    options.snapshot = snapshot;
    options.threads = (unsigned)below(rig, 3);
    if (firn_scan_open(table, &options, &scan, &err) != FIRN_OK) {
        fail_msg("%s: %s", sql, err.text);
    }
    sqlite3_stmt *statement = prepare(sqlite, sql);
    for (size_t i = 0; i < options.parameter_count; i++) {
        bind(statement, (int)i + 1, &values[i]);
    }
    compare_answers(rig, statement, scan, sql);
    sqlite3_finalize(statement);
    firn_scan_close(scan);
}

static sqlite3 *
open_copy(const struct state *state)
{
    sqlite3 *sqlite;
    unsigned char *bytes = sqlite3_malloc64((sqlite3_uint64)state->size);
    assert_non_null(bytes);
    memcpy(bytes, state->bytes, (size_t)state->size);
    assert_int_equal(sqlite3_open(":memory:", &sqlite), SQLITE_OK);
    assert_int_equal(
        sqlite3_deserialize(sqlite, "main", bytes, state->size, state->size,
                            SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE),
        SQLITE_OK);
    return sqlite;
}

static void
compare_state(struct rig *rig, const struct state *state)
{
    firn_snapshot *snapshot;
    firn_snapshot_options options = FIRN_SNAPSHOT_OPTIONS_INIT;
    options.checkpoint = state->name;
    OK(firn_snapshot_open(rig->store, &options, &snapshot, &err));
    sqlite3 *sqlite = open_copy(state);
    compare_all(rig, sqlite, &state->shape, snapshot);
    for (unsigned i = 0; i < 8; i++) {
        compare_query(rig, sqlite, &state->shape, snapshot);
    }
    sqlite3_close(sqlite);
    firn_snapshot_close(snapshot);
}

/* ---- writing ---- */

static void
make_row(struct rig *rig, firn_value *values, char memory[COLUMNS_MAX][TEXT_SIZE])
{
    for (unsigned i = 0; i < rig->shape.column_count; i++) {
        values[i] = make_value(rig, &rig->shape.columns[i], memory[i]);
    }
}

static firn_row_options
row_options(struct rig *rig)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.txn = rig->txn;
    options.durability = FIRN_DURABILITY_OS;
    options.ttl_ms = below(rig, 8) == 0 ? LIFE_MS : 0;
    return options;
}

/* A statement with all columns by name, in SQLite's order: those that were added later come last in both. */
static void
append_insert(const struct shape *shape, const char *names[COLUMNS_MAX], char *sql)
{
    APPEND(sql, "INSERT INTO t (");
    for (unsigned i = 0; i < shape->column_count; i++) {
        names[i] = shape->columns[i].name;
        APPEND(sql, "%s%s", i > 0 ? "," : "", names[i]);
    }
    APPEND(sql, ") VALUES (");
    for (unsigned i = 0; i < shape->column_count; i++) {
        APPEND(sql, "%s?", i > 0 ? "," : "");
    }
    APPEND(sql, ")");
}

static void
put(struct rig *rig, bool replaces)
{
    const struct shape *shape = &rig->shape;
    char memory[COLUMNS_MAX][TEXT_SIZE];
    firn_value values[COLUMNS_MAX];
    const char *names[COLUMNS_MAX];
    char sql[SQL_SIZE] = "";
    firn_row_options options = row_options(rig);
    make_row(rig, values, memory);
    append_insert(shape, names, sql);
    if (replaces) {
        APPEND(sql, " ON CONFLICT (");
        append_key(shape, sql);
        APPEND(sql, ") DO %s", shape->column_count > shape->key_count ? "UPDATE SET " : "NOTHING");
        for (unsigned i = shape->key_count; i < shape->column_count; i++) {
            APPEND(sql, "%s%s=excluded.%s", i > shape->key_count ? "," : "", names[i], names[i]);
        }
    }
    options.columns = names;
    int changed = run(rig, sql, values, shape->column_count);
    int rc = replaces ? firn_table_upsert(rig->table, &options, values, shape->column_count, &err)
                      : firn_table_insert(rig->table, &options, values, shape->column_count, &err);
    if (rc != (changed < 0 ? FIRN_EXISTS : FIRN_OK)) {
        fail_msg("%s: SQLite says %d, firn %d: %s", sql, changed, rc, err.text);
    }
    rig->writes++;
}

/* A row without a key: the table gives it a number that no row has. SQLite gets the same one. */
static void
put_numbered(struct rig *rig)
{
    const struct shape *shape = &rig->shape;
    char memory[COLUMNS_MAX][TEXT_SIZE];
    firn_value values[COLUMNS_MAX];
    const char *names[COLUMNS_MAX];
    char sql[SQL_SIZE] = "";
    firn_row_options options = row_options(rig);
    uint64_t number = 0;
    make_row(rig, values, memory);
    append_insert(shape, names, sql);
    options.columns = names + 1;
    int rc = firn_table_insert_auto(rig->table, &options, values + 1, shape->column_count - 1,
                                    &number, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_EXISTS);
    if (rc == FIRN_EXISTS) { /* in a unique index, so that any other number is as good */
        sqlite3_stmt *statement = prepare(rig->sqlite, "SELECT 1 + count(*) FROM t");
        assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
        number = 1000000000 + (uint64_t)sqlite3_column_int64(statement, 0);
        sqlite3_finalize(statement);
    }
    values[0] = firn_typed_i64(shape->columns[0].type, (int64_t)number);
    if ((run(rig, sql, values, shape->column_count) >= 0) != (rc == FIRN_OK)) {
        fail_msg("%s: firn says %d: %s", sql, rc, err.text);
    }
    rig->numbered += rc == FIRN_OK;
    rig->writes++;
}

static void
update(struct rig *rig)
{
    const struct shape *shape = &rig->shape;
    char memory[COLUMNS_MAX][TEXT_SIZE];
    firn_value values[COLUMNS_MAX];
    firn_value given[COLUMNS_MAX];
    const char *names[COLUMNS_MAX];
    size_t count = 0;
    char sql[SQL_SIZE] = "UPDATE t SET ";
    firn_row_options options = row_options(rig);
    make_row(rig, values, memory);
    for (unsigned i = 0; i < shape->key_count; i++) {
        names[count] = shape->columns[i].name;
        given[count++] = values[i];
    }
    for (unsigned i = shape->key_count; i < shape->column_count; i++) {
        if (below(rig, 2) == 0) {
            APPEND(sql, "%s%s=?%zu", count > shape->key_count ? "," : "", shape->columns[i].name,
                   count + 1);
            names[count] = shape->columns[i].name;
            given[count++] = values[i];
        }
    }
    if (count == shape->key_count) {
        return;
    }
    APPEND(sql, " WHERE ");
    for (unsigned i = 0; i < shape->key_count; i++) {
        APPEND(sql, "%s%s=?%u", i > 0 ? " AND " : "", names[i], i + 1);
    }
    options.columns = names;
    int changed = run(rig, sql, given, count);
    int rc = firn_table_update(rig->table, &options, given, count, &err);
    int wanted = changed < 0 ? FIRN_EXISTS : changed == 0 ? FIRN_NOT_FOUND : FIRN_OK;
    if (rc != wanted) {
        fail_msg("%s: SQLite says %d, firn %d: %s", sql, changed, rc, err.text);
    }
    rig->writes++;
}

static void
delete_row(struct rig *rig)
{
    const struct shape *shape = &rig->shape;
    char memory[COLUMNS_MAX][TEXT_SIZE];
    firn_value values[COLUMNS_MAX];
    char sql[SQL_SIZE] = "DELETE FROM t WHERE ";
    firn_row_options options = row_options(rig);
    options.ttl_ms = 0;
    make_row(rig, values, memory);
    for (unsigned i = 0; i < shape->key_count; i++) {
        APPEND(sql, "%s%s=?", i > 0 ? " AND " : "", shape->columns[i].name);
    }
    int changed = run(rig, sql, values, shape->key_count);
    assert_int_equal(firn_table_delete(rig->table, &options, values, shape->key_count, &err),
                     changed == 0 ? FIRN_NOT_FOUND : FIRN_OK);
    rig->writes++;
}

/* A row that expires before anything else happens. What a transaction wrote expires with its commit's time. */
static void
expire(struct rig *rig)
{
    const struct shape *shape = &rig->shape;
    char memory[COLUMNS_MAX][TEXT_SIZE];
    firn_value values[COLUMNS_MAX];
    const char *names[COLUMNS_MAX];
    char sql[SQL_SIZE] = "DELETE FROM t WHERE ";
    firn_row_options options = row_options(rig);
    if (rig->txn != NULL) {
        return;
    }
    make_row(rig, values, memory);
    for (unsigned i = 0; i < shape->column_count; i++) {
        names[i] = shape->columns[i].name;
    }
    for (unsigned i = 0; i < shape->key_count; i++) {
        APPEND(sql, "%s%s=?", i > 0 ? " AND " : "", names[i]);
    }
    options.columns = names;
    options.ttl_ms = 1;
    int rc = firn_table_upsert(rig->table, &options, values, shape->column_count, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_EXISTS);
    if (rc == FIRN_OK) {
        assert_true(run(rig, sql, values, shape->key_count) >= 0);
        (void)usleep(3000);
        rig->expired++;
    }
    rig->writes++;
}

/* Rows between two bounds of the first columns of the key. */
static void
delete_range(struct rig *rig)
{
    const struct shape *shape = &rig->shape;
    char memory[2][COLUMNS_MAX][TEXT_SIZE];
    firn_value values[2][COLUMNS_MAX];
    firn_value bound[2 * COLUMNS_MAX];
    size_t count = 0;
    firn_table_bound bounds[2] = {{.values = NULL}, {.values = NULL}};
    char sql[SQL_SIZE] = "DELETE FROM t WHERE 1";
    firn_row_options options = row_options(rig);
    options.ttl_ms = 0;
    for (unsigned i = 0; i < 2; i++) {
        make_row(rig, values[i], memory[i]);
        bounds[i].values = values[i];
        bounds[i].count = below(rig, 6) == 0 ? 0 : 1 + below(rig, shape->key_count);
        bounds[i].exclusive = below(rig, 2) == 0;
        if (bounds[i].count == 0) {
            continue;
        }
        APPEND(sql, " AND (");
        for (size_t j = 0; j < bounds[i].count; j++) {
            APPEND(sql, "%s%s", j > 0 ? "," : "", shape->columns[j].name);
            bound[count++] = values[i][j];
        }
        APPEND(sql, ") %s%s (", i == 0 ? ">" : "<", bounds[i].exclusive ? "" : "=");
        for (size_t j = 0; j < bounds[i].count; j++) {
            APPEND(sql, "%s?", j > 0 ? "," : "");
        }
        APPEND(sql, ")");
    }
    assert_true(run(rig, sql, bound, count) >= 0);
    OK(firn_table_delete_range(rig->table, &options, &bounds[0], &bounds[1], &err));
    rig->ranges++;
    rig->writes++;
}

/* Adds a number to a column that has some. */
static void
add_number(struct rig *rig)
{
    const struct shape *shape = &rig->shape;
    unsigned at = (unsigned)below(rig, shape->column_count);
    const struct column *column = &shape->columns[at];
    char memory[COLUMNS_MAX][TEXT_SIZE];
    firn_value values[COLUMNS_MAX];
    char sql[SQL_SIZE] = "UPDATE t SET ";
    firn_row_options options = row_options(rig);
    if (column->is_key || !is_number(column->type)) {
        return;
    }
    make_row(rig, values, memory);
    int64_t n = (int64_t)below(rig, 100) - 30;
    firn_value number = column->type == FIRN_TYPE_DECIMAL ? firn_typed_i64(FIRN_TYPE_DECIMAL, n)
                        : column->type == FIRN_TYPE_F64 || column->type == FIRN_TYPE_F32
                            ? firn_f64((double)n / 8)
                            : firn_i64(n);
    APPEND(sql, "%s = %s + ?%u WHERE ", column->name, column->name, shape->key_count + 1);
    for (unsigned i = 0; i < shape->key_count; i++) {
        APPEND(sql, "%s%s=?%u", i > 0 ? " AND " : "", shape->columns[i].name, i + 1);
    }
    values[shape->key_count] = number;
    firn_value sum;
    int rc = firn_table_add_number(rig->table, &options, values, shape->key_count, column->name,
                                   number, &sum, &err);
    if (rc != FIRN_LIMIT) { /* the sum does not fit, which SQLite does not mind */
        int changed = run(rig, sql, values, shape->key_count + 1);
        int wanted = changed < 0 ? FIRN_EXISTS : changed == 0 ? FIRN_NOT_FOUND : FIRN_OK;
        if (rc != wanted) {
            fail_msg("%s: SQLite says %d, firn %d: %s", sql, changed, rc, err.text);
        }
    } else {
        assert_true(column->type != FIRN_TYPE_F64 && column->type != FIRN_TYPE_I64 &&
                    column->type != FIRN_TYPE_DECIMAL && column->type != FIRN_TYPE_F32);
    }
    rig->added += rc == FIRN_OK;
    rig->writes++;
}

/* A row by its key, or by a unique index. */
static void
get(struct rig *rig)
{
    const struct shape *shape = &rig->shape;
    const struct index *index =
        shape->index_count > 0 ? &shape->indexes[below(rig, shape->index_count)] : NULL;
    char memory[COLUMNS_MAX][TEXT_SIZE];
    firn_value values[COLUMNS_MAX];
    firn_value key[COLUMNS_MAX];
    size_t count = 0;
    char sql[SQL_SIZE] = "SELECT ";
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    firn_row *row;
    make_row(rig, values, memory);
    for (unsigned i = 0; i < shape->column_count; i++) {
        APPEND(sql, "%s%s", i > 0 ? "," : "", shape->columns[i].name);
    }
    APPEND(sql, " FROM t WHERE ");
    if (index == NULL || !index->is_unique || below(rig, 2) == 0) {
        index = NULL;
        for (; count < shape->key_count; count++) {
            APPEND(sql, "%s%s=?", count > 0 ? " AND " : "", shape->columns[count].name);
            key[count] = values[count];
        }
    } else {
        for (; count < index->count; count++) {
            const struct column *column = &shape->columns[index->columns[count]];
            APPEND(sql, "%s%s=?", count > 0 ? " AND " : "", column->name);
            key[count] = values[index->columns[count]];
            if (firn_is_null(key[count])) {
                return;
            }
        }
        options.index = index->name;
    }
    sqlite3_stmt *statement = prepare(rig->sqlite, sql);
    for (size_t i = 0; i < count; i++) {
        bind(statement, (int)i + 1, &key[i]);
    }
    bool is_there = sqlite3_step(statement) == SQLITE_ROW;
    const char *names[COLUMNS_MAX];
    for (unsigned i = 0; i < shape->column_count; i++) {
        names[i] = shape->columns[i].name;
    }
    options.columns = names;
    options.column_count = shape->column_count;
    options.txn = rig->txn;
    OK(firn_row_create(&row, &err));
    assert_int_equal(firn_table_get(rig->table, &options, key, count, row, &err),
                     is_there ? FIRN_OK : FIRN_NOT_FOUND);
    assert_int_equal(firn_row_count(row), is_there ? shape->column_count : 0);
    for (unsigned i = 0; i < shape->column_count && is_there; i++) {
        assert_same(statement, (int)i, &shape->columns[i], &firn_row_values(row)[i]);
    }
    firn_row_destroy(row);
    sqlite3_finalize(statement);
}

static void
write_row(struct rig *rig)
{
    switch (below(rig, 10)) {
    case 0:
        delete_row(rig);
        break;
    case 8:
        add_number(rig);
        break;
    case 9:
        if (below(rig, 8) == 0) {
            delete_range(rig);
        } else if (below(rig, 4) == 0) {
            expire(rig);
        } else {
            compare_query(rig, rig->sqlite, &rig->shape, NULL);
        }
        break;
    case 1:
    case 2:
        update(rig);
        break;
    case 3:
    case 4:
        put(rig, true);
        break;
    case 5:
        get(rig);
        break;
    default:
        if (rig->shape.is_auto && below(rig, 2) == 0) {
            put_numbered(rig);
        } else {
            put(rig, false);
        }
        break;
    }
}

static void
write_in_transaction(struct rig *rig)
{
    bool keeps = below(rig, 3) > 0;
    uint64_t count = 1 + below(rig, 20);
    OK(firn_txn_begin(rig->store, NULL, &rig->txn, &err));
    assert_int_equal(execute(rig, "BEGIN"), SQLITE_OK);
    for (uint64_t i = 0; i < count; i++) {
        write_row(rig);
    }
    if (below(rig, 3) == 0) {
        compare_all(rig, rig->sqlite, &rig->shape, NULL);
    }
    if (keeps) {
        OK(firn_txn_commit(rig->txn, NULL, &err));
    } else {
        OK(firn_txn_rollback(rig->txn, &err));
    }
    firn_txn_close(rig->txn);
    rig->txn = NULL;
    assert_int_equal(execute(rig, keeps ? "COMMIT" : "ROLLBACK"), SQLITE_OK);
}

/* ---- changing tables ---- */

static void
add_column(struct rig *rig)
{
    struct shape *shape = &rig->shape;
    char memory[TEXT_SIZE];
    char sql[SQL_SIZE] = "";
    if (shape->column_count == COLUMNS_MAX) {
        return;
    }
    struct column *column = &shape->columns[shape->column_count];
    make_column(rig, false, column);
    firn_value value = make_value(rig, column, memory);
    firn_table_column added = column_of(column);
    added.default_value = firn_is_null(value) ? NULL : &value;
    OK(firn_table_add_column(rig->table, &added, &err));
    /* SQLite takes no parameters there; its quote() makes a literal of one. */
    sqlite3_stmt *quote = prepare(rig->sqlite, "SELECT quote(?)");
    bind(quote, 1, &value);
    assert_int_equal(sqlite3_step(quote), SQLITE_ROW);
    APPEND(sql, "ALTER TABLE t ADD COLUMN %s %s DEFAULT %s", column->name,
           column->not_null ? "NOT NULL" : "", sqlite3_column_text(quote, 0));
    sqlite3_finalize(quote);
    assert_int_equal(execute(rig, sql), SQLITE_OK);
    shape->column_count++;
}

static bool
is_indexed(const struct shape *shape, unsigned at)
{
    bool found = false;
    for (unsigned i = 0; i < shape->index_count; i++) {
        for (unsigned j = 0; j < shape->indexes[i].count; j++) {
            found |= shape->indexes[i].columns[j] == at;
        }
    }
    return found;
}

static void
drop_column(struct rig *rig)
{
    struct shape *shape = &rig->shape;
    unsigned at = (unsigned)below(rig, shape->column_count);
    char sql[SQL_SIZE] = "";
    int rc = firn_table_drop_column(rig->table, shape->columns[at].name, &err);
    if (shape->columns[at].is_key || is_indexed(shape, at)) {
        assert_int_equal(rc, FIRN_INVALID);
        return;
    }
    OK(rc);
    APPEND(sql, "ALTER TABLE t DROP COLUMN %s", shape->columns[at].name);
    assert_int_equal(execute(rig, sql), SQLITE_OK);
    memmove(&shape->columns[at], &shape->columns[at + 1],
            (shape->column_count - at - 1) * sizeof shape->columns[0]);
    shape->column_count--;
    for (unsigned i = 0; i < shape->index_count; i++) {
        for (unsigned j = 0; j < 2; j++) {
            shape->indexes[i].columns[j] -= shape->indexes[i].columns[j] > at;
        }
    }
}

static void
change_filter(struct rig *rig)
{
    struct column *column = &rig->shape.columns[ordered_column(rig, &rig->shape)];
    column->has_filter = !column->has_filter;
    OK(firn_table_set_bloom_filter(rig->table, column->name, column->has_filter, &err));
}

static void
rename_column(struct rig *rig)
{
    struct column *column = &rig->shape.columns[below(rig, rig->shape.column_count)];
    char name[NAME_SIZE];
    char sql[SQL_SIZE] = "";
    make_name(rig, 'r', name);
    OK(firn_table_rename_column(rig->table, column->name, name, &err));
    APPEND(sql, "ALTER TABLE t RENAME COLUMN %s TO %s", column->name, name);
    assert_int_equal(execute(rig, sql), SQLITE_OK);
    memcpy(column->name, name, sizeof name);
}

static void
add_index(struct rig *rig)
{
    struct shape *shape = &rig->shape;
    if (shape->index_count == INDEXES_MAX) {
        return;
    }
    struct index *index = &shape->indexes[shape->index_count];
    const char *columns[2];
    char sql[SQL_SIZE] = "";
    make_index(rig, index);
    name_columns(shape, index, columns);
    const firn_table_index added = {.name = index->name,
                                    .columns = columns,
                                    .column_count = index->count,
                                    .is_unique = index->is_unique};
    APPEND(sql, "CREATE %s INDEX %s ON t (", index->is_unique ? "UNIQUE" : "", index->name);
    append_index(shape, index, sql);
    APPEND(sql, ")");
    int made = execute(rig, sql);
    int rc = firn_table_add_index(rig->table, &added, &err);
    if (rc != (made == SQLITE_OK ? FIRN_OK : FIRN_EXISTS)) {
        fail_msg("%s: SQLite says %d, firn %d: %s", sql, made, rc, err.text);
    }
    shape->index_count += made == SQLITE_OK;
}

static void
drop_index(struct rig *rig)
{
    struct shape *shape = &rig->shape;
    char sql[SQL_SIZE] = "";
    if (shape->index_count == 0) {
        return;
    }
    unsigned at = (unsigned)below(rig, shape->index_count);
    OK(firn_table_drop_index(rig->table, shape->indexes[at].name, &err));
    APPEND(sql, "DROP INDEX %s", shape->indexes[at].name);
    assert_int_equal(execute(rig, sql), SQLITE_OK);
    shape->indexes[at] = shape->indexes[--shape->index_count];
}

/* ---- time ---- */

static void
take_checkpoint(struct rig *rig)
{
    if (rig->state_count == STATES_MAX) {
        return;
    }
    struct state *state = &rig->states[rig->state_count++];
    make_name(rig, 'p', state->name);
    OK(firn_store_checkpoint_create(rig->store, state->name, NULL, NULL, &err));
    state->shape = rig->shape;
    state->bytes = sqlite3_serialize(rig->sqlite, "main", &state->size, 0);
    assert_non_null(state->bytes);
}

static void
restore(struct rig *rig)
{
    if (rig->state_count == 0) {
        return;
    }
    const struct state *state = &rig->states[below(rig, rig->state_count)];
    OK(firn_store_restore(rig->store, state->name, NULL, &err));
    OK(firn_table_open(rig->store, "t", &rig->table, &err));
    sqlite3_close(rig->sqlite);
    rig->sqlite = open_copy(state);
    rig->shape = state->shape;
    rig->restores++;
}

static void
open_store(struct rig *rig)
{
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.durability = FIRN_DURABILITY_OS;
    options.memory_bytes = FIRN_STORE_MEMORY_MIN;
    OK(firn_store_open(rig->path, &options, &rig->store, &err));
}

static void
reopen(struct rig *rig)
{
    OK(firn_store_close(rig->store, &err));
    open_store(rig);
    OK(firn_table_open(rig->store, "t", &rig->table, &err));
}

/* The table goes, and another one comes under its name. */
static void
make_anew(struct rig *rig)
{
    OK(firn_table_drop(rig->store, "t", &err));
    assert_int_equal(execute(rig, "DROP TABLE t"), SQLITE_OK);
    make_shape(rig);
    sqlite_create(rig);
    fi_create(rig);
}

static void
step(struct rig *rig)
{
    uint64_t what = below(rig, 200);
    if (what < 120) {
        write_row(rig);
    } else if (what < 160) {
        write_in_transaction(rig);
    } else if (what < 164) {
        add_column(rig);
    } else if (what < 168) {
        drop_column(rig);
    } else if (what < 170) {
        rename_column(rig);
    } else if (what < 173) {
        add_index(rig);
    } else if (what < 175) {
        drop_index(rig);
    } else if (what < 178) {
        take_checkpoint(rig);
    } else if (what < 180) {
        restore(rig);
    } else if (what < 184) {
        OK(firn_store_flush(rig->store, &err));
    } else if (what < 186) {
        OK(firn_store_compact(rig->store, NULL, &err));
    } else if (what < 188) {
        reopen(rig);
    } else if (what < 189) {
        make_anew(rig);
    } else if (what < 190) {
        change_filter(rig);
    } else {
        compare_all(rig, rig->sqlite, &rig->shape, NULL);
    }
}

static void
tell(struct rig *rig)
{
    OK(firn_store_close(rig->store, &err));
    sqlite3_close(rig->sqlite);
    for (unsigned i = 0; i < rig->state_count; i++) {
        sqlite3_free(rig->states[i].bytes);
    }
    OK(firn_store_destroy(rig->path, &err));
    assert_int_equal(rmdir(rig->dir), 0);
}

static void
begin(struct rig *rig, const char *name, uint64_t seed)
{
    memset(rig, 0, sizeof *rig);
    test_random_init(&rig->random, name, seed);
    test_temp_make(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/t.firn", rig->dir);
    assert_int_equal(sqlite3_open(":memory:", &rig->sqlite), SQLITE_OK);
    open_store(rig);
    make_shape(rig);
    sqlite_create(rig);
    fi_create(rig);
}

static void
tables_are_as_those_of_sqlite(void **state)
{
    const unsigned rounds = test_is_long() ? 1000 : 12;
    const unsigned steps = 400;
    uint64_t writes = 0;
    uint64_t compared = 0;
    uint64_t queries = 0;
    uint64_t ranges = 0;
    uint64_t added = 0;
    uint64_t expired = 0;
    struct test_share share = test_share_of(1, 1);
    for (uint64_t i = share.first; i <= rounds; i += share.step) {
        struct rig rig;
        begin(&rig, "tables_are_as_those_of_sqlite", i);
        for (unsigned j = 0; j < steps; j++) {
            step(&rig);
        }
        compare_all(&rig, rig.sqlite, &rig.shape, NULL);
        for (unsigned j = 0; j < rig.state_count; j++) {
            compare_state(&rig, &rig.states[j]);
        }
        OK(firn_store_compact(rig.store, NULL, &err));
        reopen(&rig);
        compare_all(&rig, rig.sqlite, &rig.shape, NULL);
        for (unsigned j = 0; j < rig.state_count; j++) {
            compare_state(&rig, &rig.states[j]);
        }
        writes += rig.writes;
        compared += rig.compared;
        queries += rig.queries;
        ranges += rig.ranges;
        added += rig.added;
        expired += rig.expired;
        tell(&rig);
    }
    print_message("count: %" PRIu64 " writes of rows beside SQLite\n", writes);
    print_message("count: %" PRIu64 " rows compared with SQLite's\n", compared);
    print_message("count: %" PRIu64 " queries answered as by SQLite\n", queries);
    print_message("count: %" PRIu64 " ranges of rows deleted, %" PRIu64 " numbers added, %" PRIu64
                  " rows expired\n",
                  ranges, added, expired);
    assert_true(queries > 0 && ranges > 0 && added > 0 && expired > 0);
}

/* Tables that live for some statements only, one after the other in the same stores. */
static void
many_schemas_are_as_those_of_sqlite(void **state)
{
    const unsigned schemas = test_is_long() ? 40000 : 2400;
    enum { TOGETHER = 100, STEPS = 8 };
    uint64_t tried = 0;
    uint64_t restores = 0;
    uint64_t numbered = 0;
    struct test_share share = test_share_of(1, 1);
    for (uint64_t i = share.first; i <= schemas / TOGETHER; i += share.step) {
        struct rig rig;
        begin(&rig, "many_schemas_are_as_those_of_sqlite", i);
        for (unsigned j = 0; j < TOGETHER; j++) {
            for (unsigned k = 0; k < STEPS; k++) {
                step(&rig);
            }
            compare_all(&rig, rig.sqlite, &rig.shape, NULL);
            compare_query(&rig, rig.sqlite, &rig.shape, NULL);
            make_anew(&rig);
        }
        for (unsigned j = 0; j < rig.state_count; j++) {
            compare_state(&rig, &rig.states[j]);
        }
        tried += rig.schemas;
        restores += rig.restores;
        numbered += rig.numbered;
        tell(&rig);
    }
    print_message("count: %" PRIu64 " schemas beside SQLite, %" PRIu64 " restores, %" PRIu64
                  " rows that tables numbered\n",
                  tried, restores, numbered);
    assert_true(restores > 0 && numbered > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_as_those_of_sqlite),
        cmocka_unit_test(many_schemas_are_as_those_of_sqlite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

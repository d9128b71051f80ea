/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/query: scans beside queries of SQLite over the same rows: random conditions, groups, orders, limits and bounds,
 * on tables that are in memory, in one run, in runs that overlap, and in all of these; now, in snapshots, in transactions
 * that have written, by the key and by an index, with one thread and several, with so little memory that all
 * is spilled. Values look different from one transaction to the next, so each column comes to have runs and row groups
 * of several encodings. Every answer is the same.
 */
#include <inttypes.h>
#include <unistd.h>

#include <sqlite3.h>

#include "firn/firn.h"
#include "firn/scan.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_table.h"
#include "support/test_temp.h"

enum { TEXT_MAX = 2048, ROW_MAX = 512, SNAPSHOTS_MAX = 3 };

static firn_error err;

struct rig {
    struct test_random random;
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *table;
    firn_txn *txn;
    sqlite3 *sqlite;
    firn_snapshot *snapshots[SNAPSHOTS_MAX];
    unsigned snapshot_count;
    int64_t id_max;
    unsigned styles[9]; /* how the values of each column look */
    uint64_t scans;
    uint64_t rows;
};

static uint64_t
below(struct rig *rig, uint64_t limit)
{
    return test_random_below(&rig->random, limit);
}

/* The same part of a query for both. */
struct text {
    char firn[TEXT_MAX];
    char sqlite[TEXT_MAX];
};

static void
add(struct text *text, const char *firn, const char *sqlite)
{
    strncat(text->firn, firn, TEXT_MAX - strlen(text->firn) - 1);
    strncat(text->sqlite, sqlite, TEXT_MAX - strlen(text->sqlite) - 1);
    assert_true(strlen(text->firn) < TEXT_MAX - 1 && strlen(text->sqlite) < TEXT_MAX - 1);
}

static void both(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void
both(struct text *text, const char *format, ...)
{
    char part[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(part, sizeof part, format, arguments);
    va_end(arguments);
    add(text, part, part);
}

/* ---- rows ---- */

enum { COLUMNS = 9 };
static const char *const names[COLUMNS] = {"id", "a", "b", "u", "k", "t", "d", "f", "flag"};

static void
run_sql(struct rig *rig, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(rig->sqlite, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
}

static sqlite3_stmt *
prepare(struct rig *rig, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(rig->sqlite, sql, -1, &statement, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(rig->sqlite));
    }
    return statement;
}

enum { STYLE_RANDOM, STYLE_CONSTANT, STYLE_RUNS, STYLE_RISING, STYLE_NULLS, STYLES };

/* A number in place of a random one. */
static int64_t
styled(const struct rig *rig, size_t column, int64_t id, int64_t random)
{
    switch (rig->styles[column]) {
    case STYLE_CONSTANT:
        return 7;
    case STYLE_RUNS:
        return id / 50 * 37 % 60000;
    case STYLE_RISING:
        return id * 8 % 65536;
    default:
        return random;
    }
}

static void
put_row(struct rig *rig, int64_t id)
{
    char k[16];
    char t[64];
    uint64_t n = below(rig, 1000);
    (void)snprintf(k, sizeof k, "kind%u", (unsigned)styled(rig, 4, id, (int64_t)n) % 12);
    (void)snprintf(t, sizeof t,
                   rig->styles[5] == STYLE_RISING ? "/a/path/that/rises/%s%08u" : "%s%u",
                   n % 2 == 0 || rig->styles[5] != STYLE_RANDOM ? "text of " : "other ",
                   (unsigned)styled(rig, 5, id, (int64_t)n));
    firn_value values[COLUMNS] = {
        firn_i64(id),
        below(rig, 6) == 0 ? firn_null() : firn_i64((int64_t)below(rig, 200) - 100),
        firn_i64((int64_t)test_random_next(&rig->random) >> (20 + below(rig, 40))),
        firn_u64(below(rig, 65536)),
        firn_text(k),
        below(rig, 5) == 0 ? firn_null() : firn_text(t),
        firn_typed_i64(FIRN_TYPE_DECIMAL, (int64_t)below(rig, 100000) - 20000),
        below(rig, 9) == 0 ? firn_null() : firn_f64((double)((int64_t)below(rig, 4000) - 2000) / 8),
        below(rig, 7) == 0 ? firn_null() : firn_bool(below(rig, 2) == 0)};
    for (size_t i = 1; i < COLUMNS; i++) {
        bool is_bytes = values[i].type == FIRN_TYPE_TEXT;
        if (rig->styles[i] == STYLE_NULLS && i != 2 && i != 4) {
            values[i] = firn_null();
        } else if (values[i].type == FIRN_TYPE_F64) {
            values[i].as.f64 = (double)styled(rig, i, id, (int64_t)(values[i].as.f64 * 8)) / 8;
        } else if (!is_bytes && !firn_is_null(values[i]) && values[i].type != FIRN_TYPE_BOOL) {
            values[i].as.i64 = styled(rig, i, id, values[i].as.i64);
        }
    }
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.txn = rig->txn;
    OK(firn_table_upsert(rig->table, &options, values, COLUMNS, &err));
    sqlite3_stmt *statement = prepare(rig, "insert or replace into t values (?,?,?,?,?,?,?,?,?)");
    for (int i = 0; i < COLUMNS; i++) {
        const firn_value *value = &values[i];
        if (value->type == FIRN_TYPE_NULL) {
            sqlite3_bind_null(statement, i + 1);
        } else if (value->type == FIRN_TYPE_TEXT) {
            sqlite3_bind_text(statement, i + 1, (const char *)value->as.bytes.data,
                              (int)value->as.bytes.size, SQLITE_TRANSIENT);
        } else if (value->type == FIRN_TYPE_F64) {
            sqlite3_bind_double(statement, i + 1, value->as.f64);
        } else {
            sqlite3_bind_int64(statement, i + 1,
                               value->type == FIRN_TYPE_BOOL ? value->as.boolean : value->as.i64);
        }
    }
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    sqlite3_finalize(statement);
}

static void
delete_row(struct rig *rig, int64_t id)
{
    char sql[64];
    firn_value key = firn_i64(id);
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.txn = rig->txn;
    int rc = firn_table_delete(rig->table, &options, &key, 1, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    (void)snprintf(sql, sizeof sql, "delete from t where id = %" PRId64, id);
    run_sql(rig, sql);
}

/* ---- conditions ---- */

static void
literal(struct rig *rig, unsigned column, struct text *out)
{
    char firn[32];
    char sqlite[32];
    int64_t cents = (int64_t)below(rig, 100000) - 20000;
    switch (column) {
    case 0:
        both(out, "%" PRId64, (int64_t)below(rig, (uint64_t)rig->id_max + 2));
        break;
    case 1:
        both(out, "%d", (int)below(rig, 220) - 110);
        break;
    case 2:
        both(out, "%" PRId64, (int64_t)test_random_next(&rig->random) >> (20 + below(rig, 40)));
        break;
    case 3:
        both(out, "%u", (unsigned)below(rig, 70000));
        break;
    case 4:
        both(out, "'kind%u'", (unsigned)below(rig, 14));
        break;
    case 5:
        both(out, "'%s%u'", below(rig, 2) == 0 ? "text of " : "other ", (unsigned)below(rig, 1000));
        break;
    case 6:
        (void)snprintf(firn, sizeof firn, "%s%" PRId64 ".%02" PRId64, cents < 0 ? "-" : "",
                       (cents < 0 ? -cents : cents) / 100, (cents < 0 ? -cents : cents) % 100);
        (void)snprintf(sqlite, sizeof sqlite, "%" PRId64, cents);
        add(out, firn, sqlite);
        break;
    case 7:
        both(out, "%g", (double)((int64_t)below(rig, 4000) - 2000) / 8);
        break;
    default:
        add(out, below(rig, 2) == 0 ? "true" : "false", "");
        both(out, "%s", "");
        strcat(out->sqlite, strcmp(out->firn + strlen(out->firn) - 4, "true") == 0 ? "1" : "0");
        break;
    }
}

static void
condition(struct rig *rig, unsigned depth, struct text *out)
{
    static const char *const tests[] = {"=", "<>", "<", "<=", ">", ">="};
    uint64_t kind = below(rig, depth > 0 ? 10 : 7);
    unsigned column = (unsigned)below(rig, COLUMNS);
    switch (kind) {
    case 0:
        both(out, "%s is %snull", names[column], below(rig, 2) == 0 ? "not " : "");
        break;
    case 1:
        both(out, "%s between ", names[column]);
        literal(rig, column, out);
        both(out, " and ");
        literal(rig, column, out);
        break;
    case 2:
        both(out, "%s %sin (", names[column], below(rig, 3) == 0 ? "not " : "");
        for (uint64_t i = 1 + below(rig, 4); i > 0; i--) {
            literal(rig, column, out);
            both(out, "%s", i > 1 ? ", " : ")");
        }
        break;
    case 3:
        both(out, "t like '%s%u%%'", below(rig, 2) == 0 ? "text of " : "other ",
             (unsigned)below(rig, 100));
        break;
    case 4:
        both(out, "a * 3 + id %% 7 %s b %% 100", tests[below(rig, 6)]);
        break;
    case 7:
        both(out, "not (");
        condition(rig, depth - 1, out);
        both(out, ")");
        break;
    case 8:
    case 9:
        both(out, "(");
        condition(rig, depth - 1, out);
        both(out, kind == 8 ? ") and (" : ") or (");
        condition(rig, depth - 1, out);
        both(out, ")");
        break;
    default:
        both(out, "%s %s ", names[column], tests[below(rig, 6)]);
        literal(rig, column, out);
        break;
    }
}

/* ---- answers ---- */

struct answer {
    char (*rows)[ROW_MAX];
    size_t count;
    size_t capacity;
};

static char *
begin_row(struct answer *answer)
{
    if (answer->count == answer->capacity) {
        answer->capacity = answer->capacity * 2 + 256;
        answer->rows = realloc(answer->rows, answer->capacity * sizeof answer->rows[0]);
        assert_non_null(answer->rows);
    }
    answer->rows[answer->count][0] = '\0';
    return answer->rows[answer->count++];
}

static void add_cell(char *row, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void
add_cell(char *row, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(row + strlen(row), ROW_MAX - strlen(row), format, arguments);
    va_end(arguments);
}

static void
add_value(char *row, const firn_value *value)
{
    switch (value->type) {
    case FIRN_TYPE_NULL:
        add_cell(row, "|null");
        break;
    case FIRN_TYPE_TEXT:
        add_cell(row, "|%.*s", (int)value->as.bytes.size, (const char *)value->as.bytes.data);
        break;
    case FIRN_TYPE_F64:
        add_cell(row, "|%.9g", value->as.f64 == 0 ? 0.0 : value->as.f64);
        break;
    case FIRN_TYPE_BOOL:
        add_cell(row, "|%d", value->as.boolean);
        break;
    default:
        add_cell(row, "|%" PRId64, value->as.i64);
        break;
    }
}

static void
ask_sqlite(struct rig *rig, const char *sql, struct answer *out)
{
    sqlite3_stmt *statement = prepare(rig, sql);
    while (sqlite3_step(statement) == SQLITE_ROW) {
        char *row = begin_row(out);
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            switch (sqlite3_column_type(statement, i)) {
            case SQLITE_NULL:
                add_cell(row, "|null");
                break;
            case SQLITE_TEXT:
                add_cell(row, "|%s", sqlite3_column_text(statement, i));
                break;
            case SQLITE_FLOAT:
                add_cell(row, "|%.9g",
                         sqlite3_column_double(statement, i) == 0
                             ? 0.0
                             : sqlite3_column_double(statement, i));
                break;
            default:
                add_cell(row, "|%lld", (long long)sqlite3_column_int64(statement, i));
                break;
            }
        }
    }
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
}

static void
ask_firn(struct rig *rig, const firn_scan_options *options, struct answer *out)
{
    firn_scan *scan;
    const firn_scan_batch *batch;
    int rc = firn_scan_open(rig->table, options, &scan, &err);
    if (rc != FIRN_OK) {
        fail_msg("select %s where %s group by %s order by %s: %d: %s", options->select,
                 options->where, options->group_by, options->order_by, rc, err.text);
    }
    do {
        OK(firn_scan_next(scan, &batch, &err));
        for (size_t i = 0; batch != NULL && i < firn_scan_batch_rows(batch); i++) {
            char *row = begin_row(out);
            for (size_t k = 0; k < firn_scan_column_count(scan); k++) {
                firn_value value = firn_scan_value(batch, k, i);
                add_value(row, &value);
            }
        }
    } while (batch != NULL);
    firn_scan_close(scan);
}

static int
compare_rows(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void
assert_same(const struct answer *firn, const struct answer *sqlite, const char *sql)
{
    for (size_t i = 0; i < firn->count && i < sqlite->count; i++) {
        if (strcmp(firn->rows[i], sqlite->rows[i]) != 0) {
            fail_msg("%s\nrow %zu: %s instead of %s", sql, i, firn->rows[i], sqlite->rows[i]);
        }
    }
    if (firn->count != sqlite->count) {
        fail_msg("%s: %zu rows instead of %zu", sql, firn->count, sqlite->count);
    }
}

/* ---- queries ---- */

static void
add_aggregates(struct rig *rig, struct text *select)
{
    static const char *const calls[] = {"count(*)",      "count(a)",       "sum(a)",
                                        "sum(b % 1000)", "min(b)",         "max(b)",
                                        "min(t)",        "max(k)",         "sum(f)",
                                        "max(f)",        "sum(u)",         "count(distinct k)",
                                        "avg(a)",        "min(f)",         "max(u)",
                                        "count(flag)",   "sum(a * u)",     "count(distinct a)",
                                        "sum(a) + 1",    "max(a) - min(a)"};
    for (uint64_t i = 1 + below(rig, 4); i > 0; i--) {
        if (below(rig, 6) == 0) {
            both(select, "%ssum(d)", select->firn[0] != '\0' ? ", " : "");
        } else {
            both(select, "%s%s", select->firn[0] != '\0' ? ", " : "",
                 calls[below(rig, sizeof calls / sizeof calls[0])]);
        }
    }
}

static void
ask_both(struct rig *rig)
{
    struct text select = {.firn = ""};
    struct text where = {.firn = ""};
    struct text group = {.firn = ""};
    struct text order = {.firn = ""};
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    firn_value lower = firn_i64((int64_t)below(rig, (uint64_t)rig->id_max + 1));
    firn_value upper = firn_i64((int64_t)below(rig, (uint64_t)rig->id_max + 1));
    char sql[4 * TEXT_MAX + 256];
    char source[16] = "t";
    const char *end = "";
    bool is_sorted_after = false;
    options.threads = 1 + (unsigned)below(rig, 3);
    options.memory_bytes = below(rig, 3) == 0 ? 1 : 0;
    if (rig->txn != NULL) {
        options.txn = rig->txn;
    } else if (rig->snapshot_count > 0 && below(rig, 3) == 0) {
        unsigned at = (unsigned)below(rig, rig->snapshot_count);
        options.snapshot = rig->snapshots[at];
        (void)snprintf(source, sizeof source, "s%u", at);
    }
    if (below(rig, 4) != 0) {
        condition(rig, 2, &where);
    } else {
        both(&where, "true");
    }
    (void)snprintf(sql, sizeof sql, "(%s)", where.sqlite);
    (void)snprintf(where.sqlite, sizeof where.sqlite, "%.*s", TEXT_MAX - 1, sql);
    if (below(rig, 4) == 0) {
        options.lower = (firn_table_bound){&lower, 1, below(rig, 2) == 0};
        char part[64];
        (void)snprintf(part, sizeof part, " and id %s %" PRId64,
                       options.lower.exclusive ? ">" : ">=", lower.as.i64);
        strcat(where.sqlite, part);
    }
    if (below(rig, 4) == 0) {
        options.upper = (firn_table_bound){&upper, 1, below(rig, 2) == 0};
        char part[64];
        (void)snprintf(part, sizeof part, " and id %s %" PRId64,
                       options.upper.exclusive ? "<" : "<=", upper.as.i64);
        strcat(where.sqlite, part);
    }
    switch (below(rig, 5)) {
    case 0: /* one group */
        add_aggregates(rig, &select);
        break;
    case 1: /* groups */
    case 2: {
        static const char *const keys[] = {"k", "a", "flag", "u % 7",    "k, flag",
                                           "t", "b", "id",   "a % 5, k", "flag, a"};
        both(&group, "%s", keys[below(rig, sizeof keys / sizeof keys[0])]);
        both(&select, "%s", group.firn);
        add_aggregates(rig, &select);
        if (below(rig, 2) == 0) {
            both(&order, "%s", group.firn);
            if (below(rig, 2) == 0) {
                options.limit = 1 + below(rig, 20);
                options.offset = below(rig, 4);
            }
        } else {
            is_sorted_after = true;
        }
        break;
    }
    case 3: /* rows in an order */
        both(&select, "id, %s, a + 1, -b", names[below(rig, COLUMNS)]);
        both(&order, "%s %s, id", names[1 + below(rig, COLUMNS - 1)],
             below(rig, 2) == 0 ? "desc" : "asc");
        if (below(rig, 2) == 0) {
            options.limit = 1 + below(rig, 50);
            options.offset = below(rig, 10);
        }
        break;
    default: /* rows */
        both(&select, "id, %s, %s", names[below(rig, COLUMNS)], names[below(rig, COLUMNS)]);
        end = "order by id";
        if (below(rig, 3) == 0 && options.lower.count == 0 && options.upper.count == 0) {
            options.index = "by_k";
            end = "order by k, id";
        }
        if (below(rig, 4) == 0) {
            options.descending = true;
            end = options.index != NULL ? "order by k desc, id desc" : "order by id desc";
        }
        if (below(rig, 3) == 0) {
            options.limit = 1 + below(rig, 3000);
            options.offset = below(rig, 1500);
        }
        break;
    }
    options.select = select.firn;
    options.where = where.firn;
    options.group_by = group.firn[0] != '\0' ? group.firn : NULL;
    options.order_by = order.firn[0] != '\0' ? order.firn : NULL;
    (void)snprintf(sql, sizeof sql, "select %s from %s where %s %s%s %s%s %s", select.sqlite,
                   source, where.sqlite, group.firn[0] != '\0' ? "group by " : "", group.sqlite,
                   order.firn[0] != '\0' ? "order by " : "", order.sqlite, end);
    if (options.limit != 0) {
        (void)snprintf(sql + strlen(sql), sizeof sql - strlen(sql),
                       " limit %" PRIu64 " offset %" PRIu64, options.limit, options.offset);
    }
    struct answer firn = {.rows = NULL};
    struct answer sqlite = {.rows = NULL};
    ask_sqlite(rig, sql, &sqlite);
    ask_firn(rig, &options, &firn);
    if (is_sorted_after && firn.count > 0 && sqlite.count > 0) {
        qsort(firn.rows, firn.count, sizeof firn.rows[0], compare_rows);
        qsort(sqlite.rows, sqlite.count, sizeof sqlite.rows[0], compare_rows);
    }
    assert_same(&firn, &sqlite, sql);
    rig->scans++;
    rig->rows += firn.count;
    free(firn.rows);
    free(sqlite.rows);
}

/* ---- histories ---- */

static void
change(struct rig *rig)
{
    uint64_t count = below(rig, 3) == 0 ? below(rig, 4000) : below(rig, 200);
    char sql[96];
    for (size_t i = 1; i < COLUMNS; i++) {
        rig->styles[i] = below(rig, 2) == 0 ? STYLE_RANDOM : (unsigned)below(rig, STYLES);
    }
    OK(firn_txn_begin(rig->store, NULL, &rig->txn, &err));
    run_sql(rig, "begin");
    for (uint64_t i = 0; i < count; i++) {
        if (below(rig, 3) == 0 && rig->id_max > 0) {
            int64_t id = (int64_t)below(rig, (uint64_t)rig->id_max);
            below(rig, 2) == 0 ? delete_row(rig, id) : put_row(rig, id);
        } else {
            put_row(rig, ++rig->id_max);
        }
    }
    if (below(rig, 3) == 0) {
        ask_both(rig);
    }
    if (below(rig, 6) == 0) {
        OK(firn_txn_rollback(rig->txn, &err));
        run_sql(rig, "rollback");
    } else {
        OK(firn_txn_commit(rig->txn, NULL, &err));
        run_sql(rig, "commit");
    }
    rig->txn = NULL;
    if (below(rig, 3) == 0) {
        OK(firn_store_flush(rig->store, &err));
    }
    if (below(rig, 8) == 0) {
        OK(firn_store_compact(rig->store, NULL, &err));
    }
    if (rig->snapshot_count < SNAPSHOTS_MAX && below(rig, 5) == 0) {
        OK(firn_snapshot_open(rig->store, NULL, &rig->snapshots[rig->snapshot_count], &err));
        (void)snprintf(sql, sizeof sql, "create table s%u as select * from t",
                       rig->snapshot_count++);
        run_sql(rig, sql);
    }
}

static void
history(struct rig *rig, unsigned steps)
{
    static const char definition[] =
        "id i64 primary key, a i32, b i64 not null, u u16, k text not null, t text, "
        "d decimal(12, 2), f f64, flag bool, index by_k (k)";
    test_table_create(rig->dir, rig->path, definition, &rig->store, &rig->table);
    assert_int_equal(sqlite3_open(":memory:", &rig->sqlite), SQLITE_OK);
    run_sql(rig, "pragma case_sensitive_like = on");
    run_sql(rig, "create table t (id integer primary key, a, b, u, k, t, d, f real, flag)");
    for (unsigned i = 0; i < steps; i++) {
        change(rig);
        for (unsigned n = 0; n < 8; n++) {
            ask_both(rig);
        }
    }
    for (unsigned i = 0; i < rig->snapshot_count; i++) {
        firn_snapshot_close(rig->snapshots[i]);
    }
    assert_int_equal(sqlite3_close(rig->sqlite), SQLITE_OK);
    test_table_destroy(rig->dir, rig->path, rig->store);
}

static void
scans_answer_as_sqlite(void **state)
{
    const unsigned rounds = test_is_long() ? 100 : 8;
    struct test_share share = test_share_of(1, 1);
    uint64_t scans = 0;
    uint64_t rows = 0;
    for (uint64_t i = share.first; i <= rounds; i += share.step) {
        struct rig rig = {.id_max = 0};
        test_random_init(&rig.random, "scans_answer_as_sqlite", i);
        history(&rig, 20);
        scans += rig.scans;
        rows += rig.rows;
    }
    print_message("count: %" PRIu64 " scans that SQLite answers alike\n", scans);
    print_message("count: %" PRIu64 " rows of scans compared\n", rows);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(scans_answer_as_sqlite)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/query: joined scans beside joins of SQLite over the same rows: keys of every type that can be joined, few
 * and many that are equal, near to each other and far apart; nulls, no rows at all, conditions on either side and on
 * both, groups, orders, limits, three tables, an index, transactions that have written, one thread and several. Then what
 * is refused, what a failed allocation does, and how much memory joined rows may take.
 */
#include <inttypes.h>
#include <unistd.h>

#include <sqlite3.h>

#include "firn/firn.h"
#include "firn/scan.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_table.h"
#include "support/test_temp.h"

static firn_error err;

enum { TABLES = 3, COLUMNS = 8, TEXT_MAX = 2048 };

struct rig {
    struct test_random random;
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *tables[TABLES];
    firn_txn *txn;
    sqlite3 *sqlite;
    int64_t distinct; /* keys */
    int64_t factor;   /* between two of them */
    uint64_t rows;
};

static uint64_t
below(struct rig *rig, uint64_t limit)
{
    return test_random_below(&rig->random, limit);
}

static const char *const definitions[TABLES] = {
    "a_id i64 primary key, a_k i32, a_u u64, a_t text, a_d decimal(12, 2), a_day date, a_n i64, "
    "a_w i64, index by_k (a_k)",
    "b_id i64 primary key, b_k i64, b_u u16, b_t text, b_d decimal(15, 2), b_day date, b_n i64, "
    "b_w i64",
    "c_id i64 primary key, c_k i8, c_u u32, c_t text, c_d decimal(9, 2), c_day date, c_n i64, c_w "
    "i64"};

/* ---- rows ---- */

static void
run_sql(struct rig *rig, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(rig->sqlite, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
}

static firn_value
null_or(struct rig *rig, firn_value value)
{
    return below(rig, 9) == 0 ? firn_null() : value;
}

static void
put_row(struct rig *rig, size_t table, int64_t id)
{
    static const char sql[] = "insert or replace into %c values (?, ?, ?, ?, ?, ?, ?, ?)";
    char text[40];
    char insert[80];
    sqlite3_stmt *statement;
    const int64_t key = (int64_t)below(rig, (uint64_t)rig->distinct);
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.txn = rig->txn;
    (void)snprintf(text, sizeof text, key % 2 == 0 ? "t%" PRId64 : "a longer text, %" PRId64, key);
    const firn_value row[COLUMNS] = {firn_i64(id),
                                     null_or(rig, firn_i64(key % 120 - 20)),
                                     null_or(rig, firn_u64((uint64_t)key % 60000)),
                                     null_or(rig, firn_text(text)),
                                     null_or(rig, firn_typed_i64(FIRN_TYPE_DECIMAL, key * 7 - 300)),
                                     null_or(rig, firn_typed_i64(FIRN_TYPE_DATE, key % 9000)),
                                     null_or(rig, firn_i64((int64_t)below(rig, 50) - 10)),
                                     null_or(rig, firn_i64(key * rig->factor))};
    OK(firn_table_upsert(rig->tables[table], &options, row, COLUMNS, &err));
    (void)snprintf(insert, sizeof insert, sql, "abc"[table]);
    assert_int_equal(sqlite3_prepare_v2(rig->sqlite, insert, -1, &statement, NULL), SQLITE_OK);
    for (int i = 0; i < COLUMNS; i++) {
        int rc = row[i].type == FIRN_TYPE_NULL ? SQLITE_OK
                 : row[i].type == FIRN_TYPE_TEXT
                     ? sqlite3_bind_text(statement, i + 1, text, -1, SQLITE_TRANSIENT)
                     : sqlite3_bind_int64(statement, i + 1, row[i].as.i64);
        assert_int_equal(rc, SQLITE_OK);
    }
    assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
    (void)sqlite3_finalize(statement);
}

static void
write_rows(struct rig *rig, size_t table, uint64_t count)
{
    firn_txn *txn = NULL;
    const bool is_inside = rig->txn != NULL;
    if (!is_inside) {
        OK(firn_txn_begin(rig->store, NULL, &txn, &err));
        rig->txn = txn;
    }
    for (uint64_t i = 0; i < count; i++) {
        put_row(rig, table, (int64_t)below(rig, 3 * count + 1));
    }
    if (!is_inside) {
        OK(firn_txn_commit(txn, NULL, &err));
        firn_txn_close(txn);
        rig->txn = NULL;
    }
}

static void
begin(struct rig *rig)
{
    static const char *const sql =
        "create table a (a_id integer primary key, a_k, a_u, a_t, a_d, a_day, a_n, a_w);"
        "create table b (b_id integer primary key, b_k, b_u, b_t, b_d, b_day, b_n, b_w);"
        "create table c (c_id integer primary key, c_k, c_u, c_t, c_d, c_day, c_n, c_w)";
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.durability = FIRN_DURABILITY_OS;
    test_temp_make(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/s.firn", rig->dir);
    OK(firn_store_open(rig->path, &options, &rig->store, &err));
    for (size_t i = 0; i < TABLES; i++) {
        firn_table_def *def;
        OK(firn_table_def_parse(definitions[i], &def, &err));
        OK(firn_table_create(rig->store, (const char *[]){"a", "b", "c"}[i], def, &rig->tables[i],
                             &err));
        firn_release(def);
    }
    assert_int_equal(sqlite3_open(":memory:", &rig->sqlite), SQLITE_OK);
    run_sql(rig, sql);
}

static void
end(struct rig *rig)
{
    assert_int_equal(sqlite3_close(rig->sqlite), SQLITE_OK);
    test_table_destroy(rig->dir, rig->path, rig->store);
}

/* ---- queries ---- */

struct query {
    firn_scan_options options; /* of a */
    char where[TEXT_MAX];
    char on[2][64]; /* of a and b, of b and c */
    char b_where[64];
    bool has_c;
    bool has_b_where;
    char sql[4 * TEXT_MAX];
};

static firn_scan *
open_query(struct rig *rig, struct query *query)
{
    firn_scan_options b = FIRN_SCAN_OPTIONS_INIT;
    firn_scan_options c = FIRN_SCAN_OPTIONS_INIT;
    firn_scan *scans[TABLES] = {NULL, NULL, NULL};
    b.txn = rig->txn;
    c.txn = rig->txn;
    b.where = query->has_b_where ? query->b_where : NULL;
    if (query->has_c) {
        OK(firn_scan_open(rig->tables[2], &c, &scans[2], &err));
        b.join = scans[2];
        b.join_on = query->on[1];
    }
    OK(firn_scan_open(rig->tables[1], &b, &scans[1], &err));
    firn_scan_close(scans[2]);
    query->options.txn = rig->txn;
    query->options.join = scans[1];
    query->options.join_on = query->on[0];
    query->options.where = query->where[0] != '\0' ? query->where : NULL;
    if (firn_scan_open(rig->tables[0], &query->options, &scans[0], &err) != FIRN_OK) {
        fail_msg("%s: %s", query->sql, err.text);
    }
    firn_scan_close(scans[1]);
    return scans[0];
}

static void
compare_value(const char *sql, const firn_value *value, sqlite3_stmt *statement, int i)
{
    bool is_same;
    if (value->type == FIRN_TYPE_NULL) {
        is_same = sqlite3_column_type(statement, i) == SQLITE_NULL;
    } else if (value->type == FIRN_TYPE_TEXT) {
        const size_t size = (size_t)sqlite3_column_bytes(statement, i);
        is_same = sqlite3_column_type(statement, i) == SQLITE_TEXT &&
                  value->as.bytes.size == size &&
                  memcmp(value->as.bytes.data, sqlite3_column_text(statement, i), size) == 0;
    } else {
        is_same = sqlite3_column_type(statement, i) == SQLITE_INTEGER &&
                  value->as.i64 == sqlite3_column_int64(statement, i);
    }
    if (!is_same) {
        fail_msg("%s: column %d differs: %s, %" PRId64, sql, i,
                 (const char *)sqlite3_column_text(statement, i), value->as.i64);
    }
}

static void
compare(struct rig *rig, struct query *query)
{
    sqlite3_stmt *statement = NULL;
    const firn_scan_batch *batch;
    uint64_t rows = 0;
    firn_scan *scan = open_query(rig, query);
    if (sqlite3_prepare_v2(rig->sqlite, query->sql, -1, &statement, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", query->sql, sqlite3_errmsg(rig->sqlite));
    }
    do {
        OK(firn_scan_next(scan, &batch, &err));
        for (size_t row = 0; batch != NULL && row < firn_scan_batch_rows(batch); row++, rows++) {
            if (sqlite3_step(statement) != SQLITE_ROW) {
                fail_msg("%s: more than %" PRIu64 " rows", query->sql, rows);
            }
            for (int i = 0; i < sqlite3_column_count(statement); i++) {
                const firn_value value = firn_scan_value(batch, (size_t)i, row);
                compare_value(query->sql, &value, statement, i);
            }
        }
    } while (batch != NULL);
    if (sqlite3_step(statement) != SQLITE_DONE) {
        fail_msg("%s: fewer rows, %" PRIu64, query->sql, rows);
    }
    firn_scan_stats stats = FIRN_SCAN_STATS_INIT;
    firn_scan_get_stats(scan, &stats);
    assert_int_equal(stats.rows_returned, rows);
    rig->rows += rows;
    (void)sqlite3_finalize(statement);
    firn_scan_close(scan);
}

/* A query of one kind or another, with its words in SQL. */
static void
make_query(struct rig *rig, struct query *query)
{
    static const char *const on_b[] = {
        "a_k = b_k", "b_k = a_k", "a_u = b_u",     "a_t = b_t",  "a_d = b_d",  "a_day = b_day",
        "a_w = b_w", "a_u = b_k", "a_k + 1 = b_k", "a_k = b_id", "a_id = b_w", "lower(a_t) = b_t"};
    static const char *const on_c[] = {"b_k = c_k", "b_t = c_t", "b_u = c_id", "b_w = c_w"};
    static const char *const where_parts[] = {"a_n > 5",
                                              "b_n > 5",
                                              "a_n + b_n > 20",
                                              "a_t like 't%'",
                                              "b_t is not null",
                                              "a_id between 100 and 900",
                                              "a_k in (1, 2, 3, 50)",
                                              "a_k <> b_u",
                                              "b_id % 3 = 1",
                                              "a_n is null or b_n = 7"};
    static const struct {
        const char *select, *group_by, *order_by, *sql_order;
    } forms[] = {
        {"a_id, b_id, a_t, b_t, a_n + b_n", NULL, NULL, "a_id, b_id"},
        {"b_id, a_id, b_d, a_k", NULL, NULL, "a_id, b_id"},
        {"b_n, a_id, b_id, b_t", NULL, "b_n desc, a_id, b_id", "1 desc, 2, 3"},
        {"b_n, a_id, b_id", NULL, "a_id desc, b_id", "2 desc, 3"},
        {"a_id, a_n", NULL, "a_id", "a_id, b_id"},
        {"count(*), sum(a_n), sum(b_n), min(b_t), max(a_w), count(distinct b_id)", NULL, NULL, "1"},
        {"count(*)", NULL, NULL, "1"},
        {"b_t, count(*), sum(a_n)", "b_t", "1", "1"},
        {"a_t, sum(b_n), count(b_k)", "a_t", "1", "1"},
        {"a_t, b_t, b_day, count(*), min(a_n)", "a_t, b_t, b_day", "4 desc, 1, 2, 3",
         "4 desc, 1, 2, 3"},
        {"a_k, b_n, count(*)", "a_k, b_n", "1, 2 desc", "1, 2 desc"},
        {"b_n + a_n, count(*)", "b_n + a_n", "1", "1"}};
    const size_t form = below(rig, sizeof forms / sizeof forms[0]);
    const char *order = forms[form].sql_order;
    char limit[64] = "";
    *query = (struct query){.options = FIRN_SCAN_OPTIONS_INIT};
    query->options.select = forms[form].select;
    query->options.group_by = forms[form].group_by;
    query->options.order_by = forms[form].order_by;
    query->options.threads = below(rig, 2) == 0 ? 1 : 4;
    query->options.memory_bytes = below(rig, 4) == 0 ? 20 << 20 : 0;
    (void)snprintf(query->on[0], sizeof query->on[0], "%s", on_b[below(rig, 12)]);
    (void)snprintf(query->on[1], sizeof query->on[1], "%s", on_c[below(rig, 4)]);
    query->has_c = below(rig, 4) == 0;
    query->has_b_where = below(rig, 3) == 0;
    (void)snprintf(query->b_where, sizeof query->b_where, "b_n %s %d",
                   below(rig, 2) == 0 ? "<" : ">", (int)below(rig, 60) - 15);
    for (uint64_t i = below(rig, 4); i > 0; i--) {
        const size_t size = strlen(query->where);
        (void)snprintf(query->where + size, TEXT_MAX - size, "%s(%s)", size > 0 ? " and " : "",
                       where_parts[below(rig, sizeof where_parts / sizeof where_parts[0])]);
    }
    if (form < 2 && below(rig, 4) == 0) {
        query->options.descending = true;
        order = "a_id desc, b_id";
    }
    if (form < 2 && below(rig, 4) == 0) {
        query->options.index = "by_k";
        order = query->options.descending ? "a_k desc, a_id desc, b_id" : "a_k, a_id, b_id";
    }
    if (below(rig, 3) == 0) {
        query->options.limit = 1 + below(rig, below(rig, 2) == 0 ? 10 : 3000);
        query->options.offset = below(rig, 2) * below(rig, 2000);
        (void)snprintf(limit, sizeof limit, " limit %" PRIu64 " offset %" PRIu64,
                       query->options.limit, query->options.offset);
    }
    (void)snprintf(
        query->sql, sizeof query->sql,
        "select %s from a join b on %s%s%s where %s and %s%s%s order by %s%s%s", forms[form].select,
        query->on[0], query->has_c ? " join c on " : "", query->has_c ? query->on[1] : "",
        query->where[0] != '\0' ? query->where : "1", query->has_b_where ? query->b_where : "1",
        forms[form].group_by != NULL ? " group by " : "",
        forms[form].group_by != NULL ? forms[form].group_by : "", order,
        query->has_c && forms[form].group_by == NULL && form != 5 && form != 6 ? ", c_id" : "",
        limit);
}

static void
write_some(struct rig *rig)
{
    static const uint64_t sizes[TABLES][4] = {
        {0, 300, 2500, 5000}, {0, 30, 300, 1500}, {1, 10, 40, 60}};
    const bool is_dense = rig->distinct < 50;
    for (size_t i = 0; i < TABLES; i++) {
        const uint64_t size = sizes[i][below(rig, 4)];
        write_rows(rig, i, is_dense && size > 300 ? 300 : size);
        if (below(rig, 2) == 0) {
            OK(firn_store_flush(rig->store, &err));
        }
    }
}

static void
history(struct rig *rig, uint64_t number)
{
    static const int64_t distinct[] = {30, 400, 3000, 100000};
    static const int64_t factors[] = {1, 300, 1000000007, -70000000001};
    struct query *query = malloc(sizeof *query);
    rig->distinct = distinct[number % 4];
    rig->factor = factors[below(rig, 4)];
    begin(rig);
    for (unsigned step = 0; step < 3; step++) {
        write_some(rig);
        const bool is_inside = below(rig, 3) == 0;
        if (is_inside) {
            OK(firn_txn_begin(rig->store, NULL, &rig->txn, &err));
            run_sql(rig, "begin");
            write_rows(rig, below(rig, 3), 1 + below(rig, 20));
        }
        for (unsigned i = 0; i < 12; i++) {
            make_query(rig, query);
            compare(rig, query);
        }
        if (is_inside) {
            run_sql(rig, "rollback");
            firn_txn_close(rig->txn);
            rig->txn = NULL;
        }
    }
    end(rig);
    free(query);
}

static void
joins_answer_as_sqlite(void **state)
{
    const unsigned rounds = test_is_long() ? 200 : 8;
    struct test_share share = test_share_of(1, 1);
    uint64_t rows = 0;
    for (uint64_t i = share.first; i <= rounds; i += share.step) {
        struct rig rig = {.rows = 0};
        test_random_init(&rig.random, "joins_answer_as_sqlite", i);
        history(&rig, i);
        rows += rig.rows;
    }
    print_message("count: %" PRIu64 " rows of joins compared\n", rows);
}

/* ---- two small tables ---- */

struct pair {
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    firn_store *store;
    firn_table *left;
    firn_table *right;
};

static void
pair_begin(struct pair *pair, const char *left, const char *right)
{
    firn_table_def *def;
    test_table_create(pair->dir, pair->path, left, &pair->store, &pair->left);
    OK(firn_table_def_parse(right, &def, &err));
    OK(firn_table_create(pair->store, "u", def, &pair->right, &err));
    firn_release(def);
}

static void
pair_end(struct pair *pair)
{
    test_table_destroy(pair->dir, pair->path, pair->store);
}

static void
insert_numbers(struct pair *pair, firn_table *table, int64_t from, int64_t to, int64_t distinct)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    OK(firn_txn_begin(pair->store, NULL, &options.txn, &err));
    for (int64_t id = from; id < to; id++) {
        const firn_value row[] = {firn_i64(id), firn_i64(id % distinct)};
        OK(firn_table_upsert(table, &options, row, 2, &err));
    }
    OK(firn_txn_commit(options.txn, NULL, &err));
    firn_txn_close(options.txn);
}

static firn_scan *
open_scan(firn_table *table, const char *select)
{
    firn_scan *scan;
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    options.select = select;
    OK(firn_scan_open(table, &options, &scan, &err));
    return scan;
}

/* Reads a scan, and returns how many rows it has, or a failure. */
static int
count_rows(firn_scan *scan, uint64_t *out)
{
    const firn_scan_batch *batch = NULL;
    int rc;
    *out = 0;
    do {
        rc = firn_scan_next(scan, &batch, &err);
        *out += rc == FIRN_OK && batch != NULL ? firn_scan_batch_rows(batch) : 0;
    } while (rc == FIRN_OK && batch != NULL);
    return rc;
}

static const char left_numbers[] = "id i64 primary key, n i64";
static const char right_numbers[] = "key i64 primary key, m i64";

static void
wrong_joins_are_refused(void **state)
{
    static const struct {
        const char *select, *on, *where, *joined;
        int code;
        const char *says;
    } cases[] = {{NULL, "id < key", NULL, "*", FIRN_INVALID, "join_on"},
                 {NULL, "id = 3", NULL, "*", FIRN_INVALID, "join_on"},
                 {NULL, "id = n", NULL, "*", FIRN_INVALID, "join_on"},
                 {NULL, "key = whole", NULL, "*", FIRN_INVALID, "join_on"},
                 {NULL, "id = key + 1", NULL, "*", FIRN_INVALID, "join_on"},
                 {NULL, "id + key = key", NULL, "*", FIRN_INVALID, "join_on"},
                 {NULL, "id = key and n = key", NULL, "*", FIRN_INVALID, "join_on"},
                 {NULL, "count(*) = key", NULL, "*", FIRN_INVALID, "join_on"},
                 {NULL, "id = nothing", NULL, "*", FIRN_NOT_FOUND, "nothing"},
                 {NULL, "f = g", NULL, "*", FIRN_INVALID, "f64"},
                 {NULL, "id = g", NULL, "*", FIRN_INVALID, "join_on"},
                 {NULL, "d = e", NULL, "*", FIRN_INVALID, "decimal(8, 2) and decimal(8, 3)"},
                 {NULL, "id = e", NULL, "*", FIRN_INVALID, "i64 and decimal(8, 3)"},
                 {NULL, "t = key", NULL, "*", FIRN_INVALID, "text"},
                 {NULL, "moment = date", NULL, "*", FIRN_INVALID, "join_on"},
                 {NULL, "id = id", NULL, "key as id", FIRN_INVALID, "\"id\""},
                 {NULL, "id = x", NULL, "key as x, whole as x", FIRN_INVALID, "\"x\""},
                 {"nothing", "id = key", NULL, "*", FIRN_NOT_FOUND, "nothing"},
                 {NULL, "id = key", "whole > ?", "*", FIRN_INVALID, "question mark"},
                 {NULL, "id = key", "whole", "*", FIRN_INVALID, "where"}};
    struct pair pair;
    firn_scan *scan;
    pair_begin(&pair, "id i64 primary key, n i64, f f64, d decimal(8, 2), t text, moment timestamp",
               "key i64 primary key, whole i64, g f64, e decimal(8, 3), date date");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
        firn_scan *joined = open_scan(pair.right, cases[i].joined);
        options.select = cases[i].select;
        options.where = cases[i].where;
        options.join = joined;
        options.join_on = cases[i].on;
        FAILS(firn_scan_open(pair.left, &options, &scan, &err), cases[i].code, cases[i].says);
        assert_null(scan);
        firn_scan_close(joined);
    }
    pair_end(&pair);
}

/* A scan that was read, even by a join, cannot be joined; one of another store can, and either may be closed. */
static void
a_joined_scan_is_read_once_and_needed_no_more(void **state)
{
    struct pair pair;
    struct pair other;
    firn_scan *scan;
    uint64_t rows;
    pair_begin(&pair, left_numbers, right_numbers);
    pair_begin(&other, left_numbers, right_numbers);
    insert_numbers(&pair, pair.left, 0, 100, 10);
    insert_numbers(&other, other.right, 0, 30, 5);
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    options.join_on = "n = m";
    FAILS(firn_scan_open(pair.left, &options, &scan, &err), FIRN_INVALID, "join_on");
    options.join = open_scan(other.right, NULL);
    options.join_on = NULL;
    FAILS(firn_scan_open(pair.left, &options, &scan, &err), FIRN_INVALID, "join_on");
    options.join_on = "n = m";
    OK(firn_scan_open(pair.left, &options, &scan, &err));
    firn_scan *second;
    FAILS(firn_scan_open(pair.left, &options, &second, &err), FIRN_INVALID, "read before");
    OK(count_rows(options.join, &rows));
    assert_int_equal(rows, 0);
    firn_scan_stats stats = FIRN_SCAN_STATS_INIT;
    firn_scan_get_stats(options.join, &stats);
    assert_int_equal(stats.rows_read, 30);
    firn_scan_close(options.join);
    pair_end(&other);
    OK(count_rows(scan, &rows));
    assert_int_equal(rows, 5 * 10 * 6);
    firn_scan_get_stats(scan, &stats);
    assert_int_equal(stats.rows_read + stats.rows_pruned, 100);
    firn_scan_close(scan);
    /* In one transaction. */
    OK(firn_txn_begin(pair.store, NULL, &options.txn, &err));
    firn_scan_options inside = FIRN_SCAN_OPTIONS_INIT;
    inside.txn = options.txn;
    OK(firn_scan_open(pair.right, &inside, &options.join, &err));
    OK(firn_scan_open(pair.left, &options, &scan, &err));
    OK(count_rows(scan, &rows));
    assert_int_equal(rows, 0);
    firn_scan_close(scan);
    firn_scan_close(options.join);
    firn_txn_close(options.txn);
    pair_end(&pair);
}

/* The smallest i64 has the bits of a u64 that it does not equal. */
static void
equal_bits_of_other_numbers_do_not_match(void **state)
{
    static const int64_t numbers[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    static const uint64_t whole[] = {UINT64_MAX, UINT64_C(1) << 63, 0, 1, INT64_MAX};
    struct pair pair;
    uint64_t rows;
    pair_begin(&pair, "id i64 primary key", "key u64 primary key");
    for (size_t i = 0; i < 5; i++) {
        const firn_value number = firn_i64(numbers[i]);
        const firn_value unsigned_number = firn_u64(whole[i]);
        OK(firn_table_upsert(pair.left, NULL, &number, 1, &err));
        OK(firn_table_upsert(pair.right, NULL, &unsigned_number, 1, &err));
    }
    for (int flushed = 0; flushed < 2; flushed++) {
        for (int is_swapped = 0; is_swapped < 2; is_swapped++) {
            firn_scan *scan;
            firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
            options.join = open_scan(is_swapped ? pair.left : pair.right, NULL);
            options.join_on = "id = key";
            OK(firn_scan_open(is_swapped ? pair.right : pair.left, &options, &scan, &err));
            OK(count_rows(scan, &rows));
            assert_int_equal(rows, 3);
            firn_scan_close(scan);
            firn_scan_close(options.join);
        }
        OK(firn_store_flush(pair.store, &err));
    }
    pair_end(&pair);
}

/* Beyond half of the memory a join is refused, and says what helps. */
static void
joined_rows_have_half_of_the_memory(void **state)
{
    struct pair pair;
    firn_scan *scan;
    uint64_t rows;
    pair_begin(&pair, left_numbers, right_numbers);
    insert_numbers(&pair, pair.left, 0, 10, 10);
    insert_numbers(&pair, pair.right, 0, 20000, 100);
    for (int is_large = 0; is_large < 2; is_large++) {
        firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
        const firn_value parameters[] = {firn_i64(0), firn_i64(1)};
        options.join = open_scan(pair.right, NULL);
        options.where = "id >= ?";
        options.join_on = "n + ? = m";
        options.parameters = parameters;
        options.parameter_count = 2;
        options.memory_bytes = is_large ? 4 << 20 : 1 << 20;
        if (is_large) {
            OK(firn_scan_open(pair.left, &options, &scan, &err));
            OK(count_rows(scan, &rows));
            assert_int_equal(rows, 10 * 200);
            firn_scan_close(scan);
        } else {
            FAILS(firn_scan_open(pair.left, &options, &scan, &err), FIRN_LIMIT, "smaller side");
        }
        firn_scan_close(options.join);
    }
    pair_end(&pair);
}

static int
run_join(struct pair *pair, const char *select, const char *group_by)
{
    firn_scan *scan = NULL;
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    firn_scan_options joined = FIRN_SCAN_OPTIONS_INIT;
    uint64_t rows;
    joined.select = group_by != NULL ? "key, m * 1000000007 as m" : NULL; /* hashed, or narrow */
    int rc = firn_scan_open(pair->right, &joined, &options.join, &err);
    options.join_on = group_by != NULL ? "n * 1000000007 = m" : "n + 1 = m";
    options.select = select;
    options.where = "n <> m and id < 900";
    options.group_by = group_by;
    options.order_by = "1 desc";
    options.threads = 2;
    rc = rc == FIRN_OK ? firn_scan_open(pair->left, &options, &scan, &err) : rc;
    rc = rc == FIRN_OK ? count_rows(scan, &rows) : rc;
    firn_scan_close(scan);
    firn_scan_close(options.join);
    return rc;
}

static void
joins_bear_failed_allocations(void **state)
{
    struct pair pair;
    test_alloc_install();
    pair_begin(&pair, left_numbers, "key text primary key, m i64");
    insert_numbers(&pair, pair.left, 0, 1200, 20);
    OK(firn_store_flush(pair.store, &err));
    for (int i = 0; i < 60; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "key %d", i);
        const firn_value row[] = {firn_text(key), firn_i64(i % 40)};
        OK(firn_table_upsert(pair.right, NULL, row, 2, &err));
    }
    for (int is_grouped = 0; is_grouped < 2; is_grouped++) {
        const char *select = is_grouped ? "key, count(*), sum(id + m)" : "id, key, m";
        const char *group_by = is_grouped ? "key" : NULL;
        OK(run_join(&pair, select, group_by));
        struct test_fault fault = {.every = 1, .loop = (uint64_t)is_grouped + 1};
        while (test_fault_next(&fault)) {
            test_fault_allocation(&fault);
            int rc = run_join(&pair, select, group_by);
            test_fault_end(&fault);
            test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        }
    }
    pair_end(&pair);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static int
stop_soon(void *ctx, const firn_progress *progress)
{
    (void)ctx;
    (void)progress;
    (void)usleep(250000);
    return FIRN_CANCELLED;
}

/* Pairs of rows of which none is wanted. */
static void
a_join_is_cancelled_while_it_looks_for_pairs(void **state)
{
    struct pair pair;
    firn_scan *scan;
    const firn_scan_batch *batch;
    pair_begin(&pair, left_numbers, right_numbers);
    insert_numbers(&pair, pair.left, 0, 5000, 1);
    insert_numbers(&pair, pair.right, 0, 5000, 1);
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    options.join = open_scan(pair.right, NULL);
    options.join_on = "n = m";
    options.where = "id + key < 0";
    options.threads = 1;
    options.callbacks.on_progress = stop_soon;
    OK(firn_scan_open(pair.left, &options, &scan, &err));
    assert_int_equal(firn_scan_next(scan, &batch, &err), FIRN_CANCELLED);
    firn_scan_close(scan);
    firn_scan_close(options.join);
    pair_end(&pair);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_answer_as_sqlite),
        cmocka_unit_test(wrong_joins_are_refused),
        cmocka_unit_test(a_joined_scan_is_read_once_and_needed_no_more),
        cmocka_unit_test(equal_bits_of_other_numbers_do_not_match),
        cmocka_unit_test(joined_rows_have_half_of_the_memory),
        cmocka_unit_test(joins_bear_failed_allocations),
        cmocka_unit_test(a_join_is_cancelled_while_it_looks_for_pairs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

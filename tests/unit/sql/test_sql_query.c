/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/sql: statements that firn's scan answers, beside SQLite's answers over the same virtual table, and over a
 * table of its own with the same rows: random aggregates, conditions, groups, orders; numbers at the ends of their
 * types, NaN and infinities, nulls, texts with quotes; in transactions, too. Whatever is recognised gives the same
 * rows to the last bit, or fails as SQLite fails; only the last bits of sums and averages of REAL and decimals may
 * differ.
 */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <unistd.h>

#include <sqlite3.h>

#include "firn/firn.h"
#include "sql/sql.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_table.h"
#include "support/test_temp.h"

enum { TEXT_MAX = 4096, ROWS = 3000 };

static firn_error err;

struct rig {
    struct test_random random;
    char dir[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    sqlite3 *db;
    uint64_t recognised;
    uint64_t declined;
    uint64_t left; /* to SQLite */
    uint64_t failed;
};

static uint64_t
share(uint64_t count)
{
    return test_is_long() ? 20 * count : count;
}

static uint64_t
below(struct rig *rig, uint64_t limit)
{
    return test_random_below(&rig->random, limit);
}

static void
run(struct rig *rig, const char *sql)
{
    char *message = NULL;
    if (sqlite3_exec(rig->db, sql, NULL, NULL, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
}

/* ==== rows ==== */

static const char definition[] =
    "id i64, a i32, b i64, c i8, u u32, w u64, f f64, g f32, p decimal(8, 2), q decimal(4, 0), "
    "s text, d date, ts timestamp, t bool, x blob, r uuid, primary key (id)";
enum { COLUMNS = 16 };

static double
some_real(struct rig *rig)
{
    static const double ends[] = {0.0, -0.0, 1e300, -1e300, INFINITY, -INFINITY, 0.1, 1e-300};
    uint64_t kind = below(rig, 400);
    if (kind == 0) {
        return NAN;
    }
    if (kind < 1 + sizeof ends / sizeof ends[0]) {
        return ends[kind - 1];
    }
    return (double)((int64_t)below(rig, 4000) - 2000) / 8;
}

static int64_t
some_integer(struct rig *rig)
{
    uint64_t kind = below(rig, 600);
    if (kind == 0) {
        return INT64_MAX;
    }
    if (kind == 1) {
        return INT64_MIN;
    }
    return kind < 20 ? (int64_t)test_random_next(&rig->random) >> below(rig, 60)
                     : (int64_t)below(rig, 2000) - 1000;
}

static void
put_rows(struct rig *rig, bool is_wild)
{
    firn_store *store = NULL;
    firn_table *table = NULL;
    firn_row_options write = FIRN_ROW_OPTIONS_INIT;
    test_table_create(rig->dir, rig->path, definition, &store, &table);
    OK(firn_txn_begin(store, NULL, &write.txn, &err));
    for (int64_t i = 0; i < ROWS; i++) {
        char text[32];
        uint8_t uuid[16];
        uint64_t n = below(rig, 1000);
        (void)snprintf(text, sizeof text, "%s%u",
                       n % 3 == 0   ? "it's "
                       : n % 3 == 1 ? "Kind "
                                    : "kind ",
                       (unsigned)(n % 17));
        memset(uuid, (int)(n % 5), sizeof uuid);
        firn_value values[COLUMNS] = {
            firn_i64(i),
            firn_i64((int64_t)below(rig, 200) - 100),
            firn_i64(is_wild ? some_integer(rig) : (int64_t)below(rig, 100000) - 50000),
            firn_i64((int64_t)below(rig, 256) - 128),
            firn_u64(below(rig, 65536)),
            firn_u64(is_wild && below(rig, 500) == 0 ? UINT64_MAX - below(rig, 9) : below(rig, 99)),
            firn_f64(is_wild ? some_real(rig) : (double)((int64_t)below(rig, 4000) - 2000) / 8),
            firn_f64((double)((int64_t)below(rig, 400) - 200) / 4),
            firn_typed_i64(FIRN_TYPE_DECIMAL, (int64_t)below(rig, 100000) - 20000),
            firn_i64((int64_t)below(rig, 20) - 10),
            firn_text(text),
            firn_typed_i64(FIRN_TYPE_DATE, (int64_t)below(rig, 800) + 19000),
            firn_typed_i64(FIRN_TYPE_TIMESTAMP,
                           ((int64_t)below(rig, 40) + 19000) * 86400000000 +
                               (below(rig, 3) == 0 ? 0
                                                   : (int64_t)below(rig, 86400) * 1000000 +
                                                         (int64_t)below(rig, 4) * 250000)),
            firn_bool(n % 2 == 0),
            firn_blob(firn_bytes(text, strlen(text) % 7)),
            {.type = FIRN_TYPE_UUID, .as.bytes = {uuid, sizeof uuid}}};
        for (size_t k = 1; k < COLUMNS; k++) {
            if (below(rig, 12) == 0) {
                values[k] = firn_null();
            }
        }
        OK(firn_table_insert(table, &write, values, COLUMNS, &err));
        if (i == ROWS / 2) { /* half of the rows in a file, half in memory */
            OK(firn_txn_commit(write.txn, NULL, &err));
            firn_txn_close(write.txn);
            OK(firn_store_flush(store, &err));
            OK(firn_txn_begin(store, NULL, &write.txn, &err));
        }
    }
    OK(firn_txn_commit(write.txn, NULL, &err));
    firn_txn_close(write.txn);
    OK(firn_store_close(store, &err));
}

/* ==== statements ==== */

struct text {
    char data[TEXT_MAX];
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void
add(struct text *text, const char *format, ...)
{
    size_t size = strlen(text->data);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text->data + size, TEXT_MAX - size, format, arguments);
    va_end(arguments);
    assert_true(strlen(text->data) < TEXT_MAX - 1);
}

static const char *
pick(struct rig *rig, const char *const *from, size_t count)
{
    return from[below(rig, count)];
}
#define PICK(rig, list) pick(rig, list, sizeof(list) / sizeof((list)[0]))

static void
add_number(struct rig *rig, struct text *text, int depth)
{
    static const char *const columns[] = {"a", "b", "c", "u", "q", "f",
                                          "g", "p", "t", "w", "A", "\"b\""};
    static const char *const literals[] = {"0",   "1",   "-3",  "7",    "100",
                                           "2.5", "0.1", "1e3", "-0.25"};
    static const char *const signs[] = {"+", "-", "*", "/", "%"};
    switch (depth > 0 ? below(rig, 8) : below(rig, 3)) {
    case 0:
        add(text, "%s", PICK(rig, literals));
        break;
    case 1:
    case 2:
        add(text, "%s", PICK(rig, columns));
        break;
    case 3:
    case 4:
    case 5:
        add(text, "(");
        add_number(rig, text, depth - 1);
        add(text, " %s ", PICK(rig, signs));
        add_number(rig, text, depth - 1);
        add(text, ")");
        break;
    case 6:
        add(text, "abs(");
        add_number(rig, text, depth - 1);
        add(text, ")");
        break;
    default:
        add(text, "- ");
        add_number(rig, text, depth - 1);
        break;
    }
}

static void
add_condition(struct rig *rig, struct text *text, int depth)
{
    static const char *const constants[] = {"0.06 - 0.01", "100.1 * 3", "1 / 3.0", "-200 + 0.005",
                                            "12.34 + 0.01"};
    static const char *const signs[] = {"=", "<>", "<", "<=", ">", ">=", "==", "!="};
    static const char *const dates[] = {"'2022-03-01'", "'2023-01-31'", "'2022-02-31'", "'x'"};
    static const char *const times[] = {"'2022-01-10 12:00:00'", "'2022-01-20'",
                                        "'2022-01-30 00:00:00'", "'2022-01-15 10:00:00.5'"};
    static const char *const texts[] = {"'Kind 3'", "'it''s 6'", "'kind'", "''"};
    static const char *const any[] = {"a", "b", "f", "p", "s", "d", "ts", "t", "x", "r", "w"};
    switch (depth > 0 ? below(rig, 14) : below(rig, 9)) {
    case 0:
    case 1:
        add_number(rig, text, 1);
        add(text, " %s ", PICK(rig, signs));
        add_number(rig, text, 1);
        break;
    case 2:
        add(text, "d %s %s", PICK(rig, signs), PICK(rig, dates));
        break;
    case 3:
        add(text, "ts %s %s", PICK(rig, signs), PICK(rig, times));
        break;
    case 4:
        add(text, "s %s %s", PICK(rig, signs), PICK(rig, texts));
        break;
    case 5:
        add(text, "%s IS %sNULL", PICK(rig, any), below(rig, 2) == 0 ? "NOT " : "");
        break;
    case 6:
        add(text, "s %s", below(rig, 2) == 0 ? "LIKE 'KIND%'" : "NOT GLOB 'Kind 1*'");
        break;
    case 7:
        add_number(rig, text, 0);
        add(text, "%s IN (1, 2, 3.5, -4)", below(rig, 2) == 0 ? " NOT" : "");
        break;
    case 8:
        add_number(rig, text, 0);
        add(text, "%s BETWEEN ", below(rig, 3) == 0 ? " NOT" : "");
        add_number(rig, text, 0);
        add(text, " AND 50");
        break;
    case 9:
    case 10:
        add(text, "(");
        add_condition(rig, text, depth - 1);
        add(text, below(rig, 2) == 0 ? " AND " : " OR ");
        add_condition(rig, text, depth - 1);
        add(text, ")");
        break;
    case 11:
        add(text, "NOT (");
        add_condition(rig, text, depth - 1);
        add(text, ")");
        break;
    case 12:
        add(text, "p %s %s", PICK(rig, signs), PICK(rig, constants));
        break;
    default:
        add(text, "r > '02020202-0202-0202-0202-020202020202'");
        break;
    }
}

static void
add_aggregate(struct rig *rig, struct text *text)
{
    static const char *const functions[] = {"sum", "avg", "min", "max", "total", "count"};
    static const char *const any[] = {"a", "b", "f", "p", "s", "d", "ts", "t", "x", "r", "q", "w"};
    switch (below(rig, 8)) {
    case 0:
        add(text, "count(*)");
        break;
    case 1:
        add(text, "count(DISTINCT %s)", PICK(rig, any));
        break;
    case 2:
        add(text, "%s(%s)", below(rig, 2) == 0 ? "min" : "MAX", PICK(rig, any));
        break;
    case 3:
        add(text, "sum(CASE WHEN ");
        add_condition(rig, text, 1);
        add(text, " THEN a ELSE %s END)", below(rig, 2) == 0 ? "0" : "c");
        break;
    case 4:
        add(text, "count(%s)", PICK(rig, any));
        break;
    case 5:
        add(text, "sum(coalesce(%s, 0)) %% 7", below(rig, 2) == 0 ? "a" : "u");
        break;
    default:
        add(text, "%s(", PICK(rig, functions));
        add_number(rig, text, 2);
        add(text, ")");
        break;
    }
}

static size_t
make_statement(struct rig *rig, struct text *out)
{
    static const char *const groups[] = {"a",        "s",  "d", "t",     "c % 5",    "f",
                                         "lower(s)", "q",  "p", "r",     "u / 1000", "x",
                                         "abs(c)",   "ts", "w", "a > 10"};
    const char *group = below(rig, 2) == 0 ? PICK(rig, groups) : NULL;
    const char *second = group != NULL && below(rig, 3) == 0 ? PICK(rig, groups) : NULL;
    size_t columns = 0;
    out->data[0] = '\0';
    add(out, "SELECT ");
    if (group != NULL) {
        add(out, "%s, ", group);
        columns++;
    }
    if (second != NULL) {
        add(out, "%s AS \"the second\", ", second);
        columns++;
    }
    for (uint64_t i = 1 + below(rig, 3); i > 0; i--) {
        add_aggregate(rig, out);
        if (below(rig, 4) == 0) {
            add(out, " * 2 + 1 AS z%" PRIu64, i);
        }
        add(out, i > 1 ? ", " : "");
        columns++;
    }
    add(out, " FROM t");
    if (below(rig, 3) > 0) {
        add(out, " WHERE ");
        add_condition(rig, out, 2);
    }
    if (group != NULL) {
        add(out, " GROUP BY %s", below(rig, 4) == 0 ? "1" : group);
        if (second != NULL) {
            add(out, ", %s", below(rig, 2) == 0 ? "\"the second\"" : second);
        }
        if (below(rig, 3) == 0) {
            add(out, " HAVING count(*) %% 3 > 0");
        }
    }
    add(out, " ORDER BY ");
    for (size_t i = 1; i <= columns; i++) {
        add(out, "%s%zu%s", i > 1 ? ", " : "", i, below(rig, 4) == 0 ? " DESC" : "");
    }
    if (below(rig, 5) == 0) {
        add(out, " LIMIT 5 OFFSET 1");
    }
    return columns;
}

/* ==== comparing ==== */

struct rows {
    sqlite3_value **cells;
    size_t count;
    size_t capacity;
    int rc;
    char message[256]; /* of the failure; "": none */
};

static void
rows_free(struct rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        sqlite3_value_free(rows->cells[i]);
    }
    free(rows->cells);
    memset(rows, 0, sizeof *rows);
}

static void
rows_read(sqlite3_stmt *statement, struct rows *out)
{
    memset(out, 0, sizeof *out);
    while ((out->rc = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            if (out->count == out->capacity) {
                out->capacity = 2 * out->capacity + 64;
                out->cells = realloc(out->cells, out->capacity * sizeof out->cells[0]);
                assert_non_null(out->cells);
            }
            out->cells[out->count++] = sqlite3_value_dup(sqlite3_column_value(statement, i));
        }
    }
    if (out->rc != SQLITE_DONE) {
        (void)snprintf(out->message, sizeof out->message, "%s",
                       sqlite3_errmsg(sqlite3_db_handle(statement)));
    }
}

/* Whether an item of a SELECT, from here on, adds numbers that are not whole: it has a sum or an
 * average, and one of the columns f, g and p, or a literal with a point or an exponent. *out_end is
 * the comma after it, or the end. */
static bool
adds_reals(const char *item, const char **out_end)
{
    static const char *const sums[] = {"sum(", "avg(", "total("};
    bool adds = false;
    bool has_real = false;
    bool is_quoted = false;
    int depth = 0;
    char before = ' ';
    for (; *item != '\0' && (depth > 0 || is_quoted || *item != ','); before = *item++) {
        is_quoted ^= *item == '\'';
        if (is_quoted) {
            continue;
        }
        depth += (*item == '(') - (*item == ')');
        bool begins = isalnum((unsigned char)before) == 0 && before != '_';
        bool is_alone = begins && isalnum((unsigned char)item[1]) == 0 && item[1] != '_';
        has_real |= *item == '.' || (is_alone && strchr("fgpFGP", *item) != NULL) ||
                    (isdigit((unsigned char)before) != 0 && (*item == 'e' || *item == 'E'));
        for (size_t i = 0; i < sizeof sums / sizeof sums[0] && begins; i++) {
            adds |= sqlite3_strnicmp(item, sums[i], (int)strlen(sums[i])) == 0;
        }
    }
    *out_end = item;
    return adds && has_real;
}

/* Whether the last bits of a column may differ. */
static bool
is_rounded(const char *sql, int column)
{
    const char *end = sql;
    bool adds = adds_reals(sql, &end);
    for (int i = 0; i < column && *end == ','; i++) {
        adds = adds_reals(end + 1, &end);
    }
    return adds;
}

static bool
is_equal(sqlite3_value *a, sqlite3_value *b, bool may_differ)
{
    int type = sqlite3_value_type(a);
    if (type != sqlite3_value_type(b)) {
        return false;
    }
    if (type == SQLITE_FLOAT) {
        double x = sqlite3_value_double(a);
        double y = sqlite3_value_double(b);
        return x == y || (may_differ && fabs(x - y) <= 1e-9 * (fabs(x) + fabs(y)) + 1e-7);
    }
    if (type == SQLITE_INTEGER) {
        return sqlite3_value_int64(a) == sqlite3_value_int64(b);
    }
    return sqlite3_value_bytes(a) == sqlite3_value_bytes(b) &&
           (sqlite3_value_bytes(a) == 0 || memcmp(sqlite3_value_blob(a), sqlite3_value_blob(b),
                                                  (size_t)sqlite3_value_bytes(a)) == 0);
}

/* A statement that fails has given what came before the failure: that depends on whether the plan
 * sorts groups before it computes with them, so only rows that both have given are compared. */
static void
compare(const char *sql, int columns, const struct rows *ours, const struct rows *theirs)
{
    bool has_all = ours->count == theirs->count || ours->rc != SQLITE_DONE;
    if (ours->rc != theirs->rc || !has_all || strcmp(ours->message, theirs->message) != 0) {
        fail_msg("%s\nscan: %d (%s) with %zu cells, and %d (%s) with %zu of SQLite", sql, ours->rc,
                 ours->message, ours->count, theirs->rc, theirs->message, theirs->count);
    }
    for (size_t i = 0; i < ours->count && i < theirs->count; i++) {
        if (!is_equal(ours->cells[i], theirs->cells[i], is_rounded(sql, (int)i % columns))) {
            fail_msg("%s\nscan: cell %zu: %s (type %d), and %s (type %d) of SQLite", sql, i,
                     (const char *)sqlite3_value_text(ours->cells[i]),
                     sqlite3_value_type(ours->cells[i]),
                     (const char *)sqlite3_value_text(theirs->cells[i]),
                     sqlite3_value_type(theirs->cells[i]));
        }
    }
}

/* Runs one statement both ways. */
static void
try_statement(struct rig *rig, const char *sql)
{
    struct fi_sql_query_reason reason;
    struct fi_sql_query *query = NULL;
    sqlite3_stmt *statement = NULL;
    struct rows ours;
    struct rows theirs;
    if (sqlite3_prepare_v2(rig->db, sql, -1, &statement, NULL) != SQLITE_OK) {
        fail_msg("%s\n%s", sql, sqlite3_errmsg(rig->db));
    }
    assert_int_equal(fi_sql_query_open(rig->db, statement, &query, &reason), SQLITE_OK);
    if (query == NULL) {
        assert_true(reason.text[0] != '\0');
        rig->left++;
        sqlite3_finalize(statement);
        return;
    }
    rig->recognised++;
    sqlite3_stmt *outer = fi_sql_query_statement(query);
    assert_int_equal(sqlite3_column_count(outer), sqlite3_column_count(statement));
    for (int i = 0; i < sqlite3_column_count(outer); i++) {
        assert_string_equal(sqlite3_column_name(outer, i), sqlite3_column_name(statement, i));
    }
    rows_read(outer, &ours);
    if (ours.rc != SQLITE_DONE && fi_sql_query_is_declined(query)) {
        rig->declined++;
    } else { /* a failure of the statement over the groups is SQLite's: the same without the scan */
        rows_read(statement, &theirs);
        rig->failed += theirs.rc != SQLITE_DONE;
        compare(sql, sqlite3_column_count(outer), &ours, &theirs);
        rows_free(&theirs);
    }
    rows_free(&ours);
    fi_sql_query_close(query);
    sqlite3_finalize(statement);
}

/* ==== tests ==== */

static void
setup(struct rig *rig, const char *name, uint64_t seed, bool is_wild)
{
    memset(rig, 0, sizeof *rig);
    test_random_init(&rig->random, name, seed);
    put_rows(rig, is_wild);
    assert_int_equal(sqlite3_open(":memory:", &rig->db), SQLITE_OK);
    if (fi_sql_register(rig->db) != SQLITE_OK) {
        fail_msg("%s", sqlite3_errmsg(rig->db));
    }
    char attach[TEST_TEMP_SIZE + 64];
    (void)snprintf(attach, sizeof attach, "SELECT firn_attach('%s')", rig->path);
    run(rig, attach);
}

static void
teardown(struct rig *rig)
{
    char command[TEST_TEMP_SIZE + 16];
    printf("%" PRIu64 " recognised, %" PRIu64 " of them declined; %" PRIu64 " left to SQLite\n",
           rig->recognised, rig->declined, rig->left);
    assert_int_equal(sqlite3_close(rig->db), SQLITE_OK);
    (void)snprintf(command, sizeof command, "rm -rf %s", rig->dir);
    assert_int_equal(system(command), 0);
}

static void
random_statements(const char *name, uint64_t seed, bool is_wild, bool is_in_transaction)
{
    struct rig rig;
    struct text sql;
    setup(&rig, name, seed, is_wild);
    if (is_in_transaction) {
        run(&rig, "BEGIN");
        run(&rig, "UPDATE t SET a = a + 1000, s = 'it''s new' WHERE id % 50 = 3");
        run(&rig, "DELETE FROM t WHERE id % 70 = 5");
    }
    uint64_t count = share(is_in_transaction ? 200 : 1500);
    for (uint64_t i = 0; i < count; i++) {
        (void)make_statement(&rig, &sql);
        try_statement(&rig, sql.data);
    }
    if (is_in_transaction) {
        run(&rig, "ROLLBACK");
    }
    assert_true(rig.recognised > rig.left / 2);
    teardown(&rig);
}

static void
random_statements_have_the_answers_of_sqlite(void **state)
{
    random_statements("sql_query", 20, false, false);
}

static void
numbers_at_the_ends_of_their_types_are_left_to_sqlite_where_it_differs(void **state)
{
    random_statements("sql_query wild", 21, true, false);
}

static void
a_transaction_sees_what_it_wrote(void **state)
{
    random_statements("sql_query transaction", 22, false, true);
}

/* Which statements are recognised, and which are not. */
static void
what_is_recognised(void **state)
{
    static const char *const recognised[] = {
        "SELECT count(*) FROM t",
        "SELECT COUNT(*) FROM temp.t AS x WHERE x.a > 3;",
        ("select sum(a*c), avg(f), min(s), max(d) from t where d >= '2022-01-01' and d < "
         "'2023-01-01'"),
        "SELECT s, sum(p * (1 - f)) AS n FROM t GROUP BY s HAVING n > 3 ORDER BY n DESC LIMIT 3",
        "SELECT s k, count(*) FROM t GROUP BY k ORDER BY count(*) DESC, k",
        "SELECT round(avg(p), 2) || ' of ' || count(*) FROM t WHERE t",
        "SELECT a % 10, count(DISTINCT s) FROM t WHERE s LIKE 'kind%' GROUP BY 1",
        "SELECT sum(CASE WHEN t THEN 1 ELSE 0 END) * 100.0 / count(*) FROM t /* share */ -- of all",
        "SELECT DISTINCT count(*) FROM t GROUP BY a ORDER BY 1",
        "SELECT a FROM t GROUP BY a",
        "SELECT total(a), total(f) FROM t WHERE a > 1000000",
        "SELECT max(a, c) FROM t GROUP BY a, c",
        "SELECT strftime('%Y-%m', d), count(*) FROM t GROUP BY 1",
        "SELECT substr(d, 1, 4) AS y, sum(a) FROM t GROUP BY y HAVING y > '2022'",
        "SELECT cast(strftime('%Y', d) AS INTEGER), max(f) FROM t GROUP BY 1",
        "SELECT substr(ts, 1, 10), count(*) FROM t GROUP BY 1",
        "SELECT sum(a) FROM t WHERE d >= date('2022-06-01', '-90 days') AND f > 0.06 - 0.01",
        "SELECT count(*) FROM t WHERE p > 0.06 - 0.01 AND p <= 200.06 + 0.01",
        "SELECT count(*) FROM t WHERE a = -(3 + 4) OR s = 'Ki' || 'nd 3'",
    };
    static const char *const left[] = {
        "SELECT * FROM t",
        "SELECT a FROM t",
        "SELECT a, count(*) FROM t",
        "SELECT count(*) FROM t, t AS u",
        "SELECT count(*) FROM (SELECT * FROM t)",
        "SELECT count(*) FROM t WHERE a IN (SELECT c FROM t)",
        "SELECT count(*) OVER () FROM t",
        "SELECT count(*) FILTER (WHERE a > 3) FROM t",
        "SELECT sum(DISTINCT a) FROM t",
        "SELECT group_concat(s) FROM t",
        "SELECT count(*) FROM t WHERE s = 5",
        "SELECT count(*) FROM t WHERE a = '5'",
        "SELECT count(*) FROM t WHERE s = 'x' COLLATE NOCASE",
        "SELECT count(*) FROM t WHERE rowid > 5",
        "SELECT sum(s) FROM t",
        "SELECT count(*) FROM t WHERE s LIKE '%x'",
        "SELECT count(*) FROM t WHERE b / 3 = 5",
        "SELECT count(*) FROM t WHERE p * 2 > 0.3",
        "SELECT min(p * 2) FROM t",
        "SELECT count(*) FROM t WHERE p = 0.06 - 0.01",
        "SELECT count(*) FROM t WHERE strftime('%S', ts) = '59'",
        "SELECT count(*) FROM t WHERE substr(s, 1, 2) = 'Ki'",
        "SELECT count(*) FROM t WHERE date(d, '+1 day') > '2022-01-01'",
        "SELECT count(*) FROM t WHERE random() > 5",
        "SELECT count(*) FROM t UNION SELECT 1",
        "SELECT count(*), (SELECT 1) FROM t",
        "SELECT count(*) FROM sqlite_schema",
        "VALUES (1)",
    };
    struct rig rig;
    setup(&rig, "sql_query recognised", 23, false);
    for (size_t i = 0; i < sizeof recognised / sizeof recognised[0]; i++) {
        uint64_t before = rig.recognised;
        try_statement(&rig, recognised[i]);
        if (rig.recognised == before || rig.declined > 0) {
            fail_msg("not recognised: %s", recognised[i]);
        }
    }
    for (size_t i = 0; i < sizeof left / sizeof left[0]; i++) {
        uint64_t before = rig.left;
        try_statement(&rig, left[i]);
        if (rig.left == before) {
            fail_msg("recognised: %s", left[i]);
        }
    }
    teardown(&rig);
}

/* Failures that are not the scan's: those of the statement over the groups. */
static void
what_sqlite_refuses_fails_as_without_a_scan(void **state)
{
    static const char *const refused[] = {
        "SELECT count(*) FROM t WHERE a LIMIT .5",
        "SELECT count(*) FROM t LIMIT 1e95",
        "SELECT s, count(*) FROM t GROUP BY s LIMIT 5 OFFSET 2.5",
        "SELECT abs(min(b)) FROM t",
        "SELECT c, abs(min(b)) FROM t GROUP BY c ORDER BY 1",
    };
    struct rig rig;
    setup(&rig, "sql_query refused", 29, false);
    run(&rig, "UPDATE t SET b = -9223372036854775807 - 1, c = 7 WHERE id = 5");
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        try_statement(&rig, refused[i]);
        if (rig.failed != i + 1 || rig.recognised != i + 1 || rig.declined > 0) {
            fail_msg("not refused: %s", refused[i]);
        }
    }
    teardown(&rig);
}

/* SQLite adds REALs for avg() and total(): the same while sums of magnitudes are below 2^53. Beyond
 * it 1 is lost beside 2^53, and nearly all where large numbers cancel each other. */
static void
averages_of_integers_are_exact_or_left_to_sqlite(void **state)
{
    static const struct {
        const char *b; /* of three rows */
        bool is_exact;
    } cases[] = {
        {"9007199254740993, 1, 1", false},
        {"9007199254740992, 1, -1", false},
        {"9223372036854775807, 5, -9223372036854775807", false},
        {"4503599627370496, -4503599627370496, 1", false},
        {"4503599627370496, 4503599627370496, 1", false},
        {"-4503599627370496, -4503599627370496, -1", false},
        {"4503599627370496, 4503599627370000, 1", true},
        {"-4503599627370496, -4503599627370000, 0", true},
        {"3002399751580330, -3002399751580330, 1", true},
        {"9007199254740000, 0, 9", true},
        {"-3002399751580000, NULL, 0", true},
        {"NULL, NULL, NULL", true},
    };
    static const char *const statements[] = {
        "SELECT avg(b) FROM t WHERE id < 3",
        "SELECT total(b) FROM t WHERE id < 3",
        "SELECT total(-b), 5 FROM t WHERE id < 3",
        "SELECT sum(b), total(b) FROM t WHERE id < 3",
        "SELECT total(b), sum(b) FROM t WHERE id < 3",
    };
    struct rig rig;
    setup(&rig, "sql_query averages", 30, true);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *update =
            sqlite3_mprintf("WITH n(b0, b1, b2) AS (VALUES (%s)) UPDATE t SET b = CASE id WHEN 0 "
                            "THEN b0 WHEN 1 THEN b1 ELSE b2 END FROM n WHERE id < 3",
                            cases[i].b);
        assert_non_null(update);
        run(&rig, update);
        for (size_t k = 0; k < sizeof statements / sizeof statements[0]; k++) {
            uint64_t declined = rig.declined;
            uint64_t recognised = rig.recognised;
            try_statement(&rig, statements[k]);
            if (rig.recognised == recognised || (rig.declined > declined) == cases[i].is_exact) {
                fail_msg("%s of %s: %s", statements[k], cases[i].b,
                         cases[i].is_exact ? "declined" : "answered");
            }
        }
        sqlite3_free(update);
    }
    rig.recognised = 0;
    rig.declined = 0;
    for (uint64_t i = 0; i < share(500);
         i++) { /* most numbers are small, some have up to 64 bits */
        static const char *const arguments[] = {"b", "w", "a * b", "b - 1", "coalesce(b, a)", "a"};
        struct text sql = {""};
        const char *argument = PICK(&rig, arguments);
        uint64_t from = below(&rig, ROWS);
        add(&sql, "SELECT avg(%s), sum(%s), total(%s) FROM t WHERE id BETWEEN %" PRIu64, argument,
            argument, argument, from);
        add(&sql, " AND %" PRIu64, from + below(&rig, 50));
        try_statement(&rig, sql.data);
    }
    assert_true(rig.declined > rig.recognised / 50 && rig.declined < rig.recognised);
    teardown(&rig);
}

static void
a_table_that_is_not_firns_is_left_alone(void **state)
{
    struct rig rig;
    setup(&rig, "sql_query other", 24, false);
    run(&rig, "CREATE TABLE own(a); INSERT INTO own VALUES (1), (2)");
    try_statement(&rig, "SELECT sum(a) FROM own");
    run(&rig, "CREATE TABLE main.t(a); INSERT INTO main.t VALUES (1), (2)");
    try_statement(&rig, "SELECT sum(a) FROM t");
    assert_int_equal(rig.recognised, 0);
    try_statement(&rig, "SELECT sum(a) FROM temp.t");
    assert_int_equal(rig.recognised, 1);
    teardown(&rig);
}

static void
overflow_is_what_sqlite_says_it_is(void **state)
{
    struct rig rig;
    sqlite3_stmt *statement = NULL;
    setup(&rig, "sql_query overflow", 25, false);
    run(&rig, "UPDATE t SET b = 9223372036854775807 WHERE id IN (5, 6)");
    run(&rig, "UPDATE t SET b = -9223372036854775807 WHERE id IN (2000, 2001)");
    /* The sum fits in the end, and not on the way. */
    assert_int_equal(sqlite3_prepare_v2(rig.db, "SELECT c1 FROM firn_query('SELECT sum(b) FROM t')",
                                        -1, &statement, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ERROR);
    assert_non_null(strstr(sqlite3_errmsg(rig.db), "integer overflow"));
    sqlite3_finalize(statement);
    teardown(&rig);
}

static void
one_text(struct rig *rig, const char *sql, const char *expected)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(rig->db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(rig->db));
    }
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    assert_string_equal(text != NULL ? text : "null", expected);
    sqlite3_finalize(statement);
}

static void
fi_query_is_a_function_and_a_virtual_table(void **state)
{
    struct rig rig;
    setup(&rig, "sql_query function", 26, false);
    one_text(&rig, "SELECT c1 FROM firn_query('SELECT count(*) FROM t')", "3000");
    one_text(&rig, "SELECT c2 FROM firn_query('SELECT id, id + 1 FROM t WHERE id = 7')", "8");
    one_text(&rig, "SELECT c3 FROM firn_query('SELECT 1, 2')", "null");
    run(&rig, "CREATE VIRTUAL TABLE temp.q USING firn_query('SELECT a, count(*) AS n, count(*) "
              "FROM t GROUP BY a')");
    one_text(&rig, "SELECT sum(n) || '/' || sum(\"count(*)\") FROM q", "3000/3000");
    one_text(&rig, "SELECT firn_explain('SELECT max(a) FROM t WHERE c > 3')",
             "firn: scan of t: select max(\"a\"); where (\"c\" > 3)");
    one_text(&rig, "SELECT firn_explain('SELECT a FROM t')",
             "sqlite: no aggregate: it asks for rows");
    assert_int_equal(
        sqlite3_exec(rig.db, "SELECT * FROM firn_query('DELETE FROM t')", NULL, NULL, NULL),
        SQLITE_ERROR);
    assert_int_equal(
        sqlite3_exec(rig.db, "SELECT * FROM firn_query('SELECT 1; SELECT 2')", NULL, NULL, NULL),
        SQLITE_ERROR);
    assert_int_equal(sqlite3_exec(rig.db, "SELECT * FROM firn_groups", NULL, NULL, NULL),
                     SQLITE_ERROR);
    run(&rig, "SELECT * FROM firn_groups(5)"); /* no pointer: no groups */
    run(&rig, "DROP TABLE q");
    teardown(&rig);
}

/* ==== memory that runs out ==== */

static struct {
    sqlite3_mem_methods real;
    uint64_t countdown; /* 0: nothing fails */
    bool has_failed;
} memory;

static bool
fails(void)
{
    bool does = memory.countdown > 0 && --memory.countdown == 0;
    memory.has_failed |= does;
    return does;
}

static void *
failing_malloc(int size)
{
    return fails() ? NULL : memory.real.xMalloc(size);
}

static void *
failing_realloc(void *old, int size)
{
    return fails() ? NULL : memory.real.xRealloc(old, size);
}

static void
install_failing_memory(void)
{
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory.real), SQLITE_OK);
    sqlite3_mem_methods methods = memory.real;
    methods.xMalloc = failing_malloc;
    methods.xRealloc = failing_realloc;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
}

/* Runs a statement as the shell does. Returns whether it went well. */
static bool
run_as_shell(struct rig *rig, const char *sql)
{
    struct fi_sql_query_reason reason;
    struct fi_sql_query *query = NULL;
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(rig->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = fi_sql_query_open(rig->db, statement, &query, &reason);
    }
    if (rc == SQLITE_OK) {
        sqlite3_stmt *stepped = query != NULL ? fi_sql_query_statement(query) : statement;
        do {
            rc = sqlite3_step(stepped);
        } while (rc == SQLITE_ROW);
    }
    fi_sql_query_close(query);
    sqlite3_finalize(statement);
    return rc == SQLITE_DONE;
}

static void
memory_that_runs_out_is_told(void **state)
{
    static const char *const statements[] = {
        ("SELECT s, sum(a), sum(b) FROM t WHERE d > '2022-03-01' AND a IN (1, 2, 3) GROUP BY s "
         "HAVING count(*) > 1 ORDER BY 2"),
        "SELECT sum(CASE WHEN t THEN 1 ELSE 0 END) FROM t WHERE s LIKE 'kind%'",
        "SELECT c1 FROM firn_query('SELECT max(a) FROM t GROUP BY c')",
        "SELECT * FROM firn_checkpoints",
        "SELECT * FROM firn_diff('t', 'first')",
        "SELECT * FROM firn_history('t', 5)",
        "SELECT firn_explain('SELECT count(*) FROM t')",
    };
    struct rig rig;
    setup(&rig, "sql_query memory", 28, false);
    run(&rig, "SELECT firn_checkpoint('first'); UPDATE t SET a = a + 1 WHERE id IN (5, 6)");
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++) {
        uint64_t step = test_is_long() ? 1 : 7;
        uint64_t tried = 0;
        memory.has_failed = true;
        for (uint64_t n = 1; memory.has_failed; n += step) {
            memory.has_failed = false;
            memory.countdown = n;
            bool is_fine = run_as_shell(&rig, statements[i]);
            memory.countdown = 0;
            if (!memory.has_failed && !is_fine) {
                fail_msg("%s: %s", statements[i], sqlite3_errmsg(rig.db));
            }
            tried++;
        }
        assert_true(tried > 3);
        assert_true(run_as_shell(&rig, statements[i]));
    }
    teardown(&rig);
}

/* Whatever stands there, nothing but an answer or a failure comes. */
static void
garbage_is_left_to_sqlite(void **state)
{
    static const char *const parts[] = {
        "SELECT", "count(*)", "FROM", "t",    "WHERE", "a",   "(",   ")",     ",",   "*",     "'",
        "\"",     "--",       "/*",   "5",    "1e9",   "AND", "NOT", "IN",    "sum", "GROUP", "BY",
        "=",      "x'",       "CASE", "WHEN", "END",   "[",   "`",   "LIMIT", ";",   "."};
    struct rig rig;
    struct text sql;
    setup(&rig, "sql_query garbage", 27, false);
    for (uint64_t i = 0; i < share(20000); i++) {
        sqlite3_stmt *statement = NULL;
        sql.data[0] = '\0';
        add(&sql, "SELECT count(*) FROM t WHERE a ");
        for (uint64_t k = below(&rig, 12); k > 0; k--) {
            add(&sql, "%s%s", PICK(&rig, parts), below(&rig, 3) == 0 ? "" : " ");
        }
        if (sqlite3_prepare_v2(rig.db, sql.data, -1, &statement, NULL) == SQLITE_OK) {
            sqlite3_finalize(statement);
            try_statement(&rig, sql.data);
        }
    }
    teardown(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_recognised),
        cmocka_unit_test(random_statements_have_the_answers_of_sqlite),
        cmocka_unit_test(numbers_at_the_ends_of_their_types_are_left_to_sqlite_where_it_differs),
        cmocka_unit_test(a_transaction_sees_what_it_wrote),
        cmocka_unit_test(what_sqlite_refuses_fails_as_without_a_scan),
        cmocka_unit_test(averages_of_integers_are_exact_or_left_to_sqlite),
        cmocka_unit_test(a_table_that_is_not_firns_is_left_alone),
        cmocka_unit_test(overflow_is_what_sqlite_says_it_is),
        cmocka_unit_test(fi_query_is_a_function_and_a_virtual_table),
        cmocka_unit_test(garbage_is_left_to_sqlite),
        cmocka_unit_test(memory_that_runs_out_is_told),
    };
    install_failing_memory();
    return cmocka_run_group_tests_name("sql_query", tests, NULL, NULL);
}

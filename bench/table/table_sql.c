/* SPDX-License-Identifier: Apache-2.0
 *
 * table_sql.c: bench_table_sql: TPC-H through SQLite, over tables of firn and over SQLite's own.
 *
 *     bench_table_sql check DIRECTORY SCALE -x EXTENSION
 *     bench_table_sql WORKLOAD STORE SCALE -e firn|sqlite -x EXTENSION [-t SECONDS] [-m MIB] [-s SEED]
 *
 * "check" fills both kinds of tables, asks the 22 queries of both, and of firn_query too, and compares the results row by row:
 * numbers with a fraction to ten digits, as sums are added in different orders, all others exactly. It prints a line for each
 * query, and ends with status 1 if one differs.
 *
 * Workloads print lines as table_main.c says. sql-load fills an empty STORE; sql-scan and sql-scan-all read lineitem row by row
 * (four columns, and all), sql-texts reads texts of orders; sql-limit reads the first ten rows of lineitem, sql-offset ten rows
 * in its middle; sql-qN are queries; sql-lookup selects an order by its key; sql-insert inserts a row in a
 * transaction of its own; sql-open opens a connection with the extension and the store, and closes it. sql-agg-q1 and
 * sql-agg-q6 are for a STORE that load-lineitem of the same engine made: firn answers by firn_query.
 *
 * Both kinds of tables have the same keys and indexes; SQLite's own have been analyzed. Decimals are REAL and dates TEXT to
 * SQLite in both.
 */
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "table.h"
#include "table_tpch.h"

enum {
    PATH_SIZE = 4096,
    STATEMENT_SIZE = 8192,
    TIMES_MAX = 1 << 14,
    COMMIT_ROWS = 100000,
    STREAM_LOOKUP = 310,
    QUERY_COLUMNS = 10
};

struct store {
    bool is_firn;
    const char *path, *extension;
    unsigned long long memory_mib;
    sqlite3 *db;
};

struct run {
    struct store store;
    struct table_tpch tpch;
    double scale, seconds;
    uint64_t seed;
};

static const char *doing = "";

void
table_die(const char *format, ...)
{
    va_list arguments;
    (void)fflush(stdout);
    (void)fprintf(stderr, "sql: %s: ", doing);
    va_start(arguments, format);
    (void)vfprintf(stderr, format, arguments);
    va_end(arguments);
    (void)fputc('\n', stderr);
    _exit(1);
}

/* ---- SQLite ---- */

static void
check(struct store *store, int code, int expected)
{
    if (code != expected) {
        table_die("%s: %s", store->is_firn ? "firn" : "sqlite",
                  store->db != NULL ? sqlite3_errmsg(store->db) : sqlite3_errstr(code));
    }
}

static sqlite3_stmt *
prepare(struct store *store, const char *sql)
{
    sqlite3_stmt *statement;
    check(store, sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL), SQLITE_OK);
    return statement;
}

static void
execute(struct store *store, const char *sql)
{
    check(store, sqlite3_exec(store->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* A call of a function of the extension with a text, and options after it. */
static void
call(struct store *store, const char *sql, const char *text)
{
    sqlite3_stmt *statement = prepare(store, sql);
    check(store, sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC), SQLITE_OK);
    check(store, sqlite3_step(statement), SQLITE_ROW);
    check(store, sqlite3_finalize(statement), SQLITE_OK);
}

/* name: of the file in the store's directory. Unsynced commits. */
static void
open_store(struct store *store, const char *name)
{
    char text[PATH_SIZE];
    char sql[PATH_SIZE];
    const char *slash = name[0] != '\0' ? "/" : "";
    (void)snprintf(text, sizeof text, "%s%s%s", store->path, slash, name);
    check(store, sqlite3_open(store->is_firn ? ":memory:" : text, &store->db), SQLITE_OK);
    if (store->is_firn) {
        check(store, sqlite3_enable_load_extension(store->db, 1), SQLITE_OK);
        char *problem = NULL;
        if (sqlite3_load_extension(store->db, store->extension, NULL, &problem) != SQLITE_OK) {
            table_die("%s", problem != NULL ? problem : "no memory");
        }
        (void)snprintf(sql, sizeof sql,
                       "SELECT firn_attach(?, 'create', 'durability=os', 'memory=%llu')",
                       store->memory_mib);
        call(store, sql, text);
    } else {
        (void)snprintf(
            sql, sizeof sql,
            "PRAGMA cache_size = -%llu; PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL",
            store->memory_mib << 10);
        execute(store, sql);
    }
}

static void
close_store(struct store *store)
{
    check(store, sqlite3_close(store->db), SQLITE_OK);
    store->db = NULL;
}

/* ---- filling ---- */

struct load {
    struct store *store;
    const struct table_schema *schema;
    sqlite3_stmt *insert;
    uint64_t rows;
};

static const char *
type_name(const struct store *store, enum table_type type, bool is_key)
{
    switch (type) {
    case TABLE_I64:
        return store->is_firn && !is_key ? "BIGINT" : "INTEGER";
    case TABLE_I32:
        return store->is_firn ? "I32" : "INTEGER";
    case TABLE_DECIMAL:
        return store->is_firn ? "DECIMAL(15, 2)" : "REAL";
    case TABLE_DATE:
        return store->is_firn ? "DATE" : "TEXT";
    case TABLE_TIMESTAMP:
        return store->is_firn ? "TIMESTAMP" : "TEXT";
    case TABLE_F64:
        return "REAL";
    case TABLE_TEXT:
        break;
    }
    return "TEXT";
}

static void
create_table(struct store *store, const struct table_schema *schema)
{
    char sql[STATEMENT_SIZE];
    bool is_single = strchr(schema->key, ',') == NULL;
    size_t size = (size_t)snprintf(sql, sizeof sql, "CREATE TABLE %s (", schema->name);
    for (size_t i = 0; i < schema->column_count; i++) {
        bool is_key = is_single && strcmp(schema->columns[i].name, schema->key) == 0;
        size += (size_t)snprintf(sql + size, sizeof sql - size, "%s %s NOT NULL, ",
                                 schema->columns[i].name,
                                 type_name(store, schema->columns[i].type, is_key));
    }
    (void)snprintf(sql + size, sizeof sql - size, "PRIMARY KEY (%s))%s", schema->key,
                   !store->is_firn && !is_single ? " WITHOUT ROWID" : "");
    if (store->is_firn) {
        call(store, "SELECT firn_create(?)", sql);
    } else {
        execute(store, sql);
    }
}

static void
create_indexes(struct store *store)
{
    static const char *const indexes[] = {
        "CREATE INDEX by_part ON lineitem (l_partkey, l_suppkey)",
        "CREATE INDEX by_supplier ON lineitem (l_suppkey)",
        "CREATE INDEX by_customer ON orders (o_custkey)",
        "CREATE INDEX by_date ON orders (o_orderdate)",
        "CREATE INDEX by_supplier_of_part ON partsupp (ps_suppkey)",
        "CREATE INDEX by_nation ON customer (c_nationkey)",
        "CREATE INDEX by_nation_of_supplier ON supplier (s_nationkey)",
        "CREATE INDEX by_region ON nation (n_regionkey)"};
    for (size_t i = 0; i < sizeof indexes / sizeof indexes[0]; i++) {
        if (store->is_firn) {
            call(store, "SELECT firn_create(?)", indexes[i]);
        } else {
            execute(store, indexes[i]);
        }
    }
    if (!store->is_firn) {
        execute(store, "ANALYZE");
    }
}

/* Year, month and day of a number of days since 1970, by way of years that begin in March. */
static int
date_text(int64_t days, char *out, size_t size)
{
    int64_t z = days + 719468;
    int64_t era = z / 146097;
    int64_t of_era = z - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t day = of_year - (153 * month + 2) / 5 + 1;
    month = month < 10 ? month + 3 : month - 9;
    return snprintf(out, size, "%04" PRId64 "-%02" PRId64 "-%02" PRId64,
                    year + era * 400 + (month <= 2), month, day);
}

static void
put_row(void *context, const struct table_tpch_value *values)
{
    struct load *load = context;
    char date[64];
    for (size_t i = 0; i < load->schema->column_count; i++) {
        int place = (int)i + 1;
        int rc = SQLITE_OK;
        switch (load->schema->columns[i].type) {
        case TABLE_TEXT:
            rc = sqlite3_bind_text(load->insert, place, values[i].text.data,
                                   (int)values[i].text.size, SQLITE_STATIC);
            break;
        case TABLE_DECIMAL:
            rc = sqlite3_bind_double(load->insert, place, (double)values[i].number / 100);
            break;
        case TABLE_DATE:
            rc =
                sqlite3_bind_text(load->insert, place, date,
                                  date_text(values[i].number, date, sizeof date), SQLITE_TRANSIENT);
            break;
        default:
            rc = sqlite3_bind_int64(load->insert, place, values[i].number);
        }
        check(load->store, rc, SQLITE_OK);
    }
    check(load->store, sqlite3_step(load->insert), SQLITE_DONE);
    check(load->store, sqlite3_reset(load->insert), SQLITE_OK);
    if (++load->rows % COMMIT_ROWS == 0) {
        execute(load->store, "COMMIT");
        execute(load->store, "BEGIN");
    }
}

/* Returns the number of rows. */
static uint64_t
fill(struct store *store, const struct table_tpch *tpch)
{
    uint64_t rows = 0;
    for (int table = 0; table < TABLE_TPCH_TABLES; table++) {
        char sql[STATEMENT_SIZE];
        struct load load = {.store = store, .schema = table_tpch_schemas[table]};
        create_table(store, load.schema);
        size_t size =
            (size_t)snprintf(sql, sizeof sql, "INSERT INTO %s VALUES (?", load.schema->name);
        for (size_t i = 1; i < load.schema->column_count; i++) {
            size += (size_t)snprintf(sql + size, sizeof sql - size, ", ?");
        }
        (void)snprintf(sql + size, sizeof sql - size, ")");
        load.insert = prepare(store, sql);
        execute(store, "BEGIN");
        table_tpch_each(tpch, (enum table_tpch_table)table, put_row, &load);
        execute(store, "COMMIT");
        check(store, sqlite3_finalize(load.insert), SQLITE_OK);
        rows += load.rows;
    }
    create_indexes(store);
    return rows;
}

/* ---- clocks ---- */

static double
now(void)
{
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

struct span {
    double wall, user, system;
};

static struct span
span_now(void)
{
    struct rusage used;
    (void)getrusage(RUSAGE_SELF, &used);
    return (struct span){now(), (double)used.ru_utime.tv_sec + (double)used.ru_utime.tv_usec * 1e-6,
                         (double)used.ru_stime.tv_sec + (double)used.ru_stime.tv_usec * 1e-6};
}

/* row: as in the tables, with an underscore. */
static void
print_result(const char *row, struct span begun, uint64_t count, double value, const char *answer)
{
    struct span end = span_now();
    double each = 1 / (double)count;
    (void)printf("%s\t%.9f\t%.9f\t%.9f\t%.6g\t%s\n", row, (end.wall - begun.wall) * each,
                 (end.user - begun.user) * each, (end.system - begun.system) * each, value, answer);
}

static int
compare_times(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- results ---- */

/* Steps a statement to its end. Returns a hash of all values: numbers with a fraction by their first six digits. */
static uint64_t
hash_rows(struct store *store, sqlite3_stmt *statement)
{
    uint64_t hash = TABLE_HASH;
    int columns = sqlite3_column_count(statement);
    int rc = SQLITE_ROW;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = 0; i < columns; i++) {
            char text[64];
            int type = sqlite3_column_type(statement, i);
            if (type == SQLITE_INTEGER) {
                hash = table_hash_number(hash, (uint64_t)sqlite3_column_int64(statement, i));
            } else if (type == SQLITE_FLOAT) {
                int size = snprintf(text, sizeof text, "%.6g", sqlite3_column_double(statement, i));
                hash = table_hash_text(hash, (struct table_text){text, (size_t)size});
            } else {
                const char *data = (const char *)sqlite3_column_text(statement, i);
                hash = table_hash_text(
                    hash, (struct table_text){data != NULL ? data : "",
                                              (size_t)sqlite3_column_bytes(statement, i)});
            }
        }
    }
    check(store, rc, SQLITE_DONE);
    check(store, sqlite3_reset(statement), SQLITE_OK);
    return hash;
}

/* The same without looking twice: what a program does that reads rows. */
static uint64_t
read_rows(struct store *store, sqlite3_stmt *statement)
{
    uint64_t sum = 0;
    int columns = sqlite3_column_count(statement);
    int rc = SQLITE_ROW;
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        for (int i = 0; i < columns; i++) {
            int type = sqlite3_column_type(statement, i);
            if (type == SQLITE_INTEGER) {
                sum += (uint64_t)sqlite3_column_int64(statement, i);
            } else if (type == SQLITE_FLOAT) {
                sum += (uint64_t)(int64_t)(sqlite3_column_double(statement, i) * 100);
            } else {
                const unsigned char *data = sqlite3_column_text(statement, i);
                sum += data != NULL ? data[0] : 0;
            }
        }
    }
    check(store, rc, SQLITE_DONE);
    check(store, sqlite3_reset(statement), SQLITE_OK);
    return sum;
}

static bool
is_same_value(sqlite3_stmt *a, sqlite3_stmt *b, int column)
{
    int type = sqlite3_column_type(a, column);
    if (type != sqlite3_column_type(b, column)) {
        return false;
    }
    if (type == SQLITE_FLOAT) {
        double x = sqlite3_column_double(a, column);
        double y = sqlite3_column_double(b, column);
        return fabs(x - y) <= 1e-10 * fmax(fabs(x), fabs(y));
    }
    if (type == SQLITE_INTEGER) {
        return sqlite3_column_int64(a, column) == sqlite3_column_int64(b, column);
    }
    const void *x = sqlite3_column_blob(a, column);
    const void *y = sqlite3_column_blob(b, column);
    int size = sqlite3_column_bytes(a, column);
    return size == sqlite3_column_bytes(b, column) &&
           (size == 0 || memcmp(x, y, (size_t)size) == 0);
}

/* Steps both to the end; says what differs first. */
static bool
is_same_result(struct store *stores, sqlite3_stmt *a, sqlite3_stmt *b, uint64_t *out_rows)
{
    *out_rows = 0;
    for (;;) {
        int x = sqlite3_step(a);
        int y = sqlite3_step(b);
        if (x != y || (x != SQLITE_ROW && x != SQLITE_DONE)) {
            (void)printf("row %" PRIu64 ": firn: %s, SQLite: %s\n", *out_rows,
                         x == SQLITE_ROW ? "a row" : sqlite3_errmsg(stores[0].db),
                         y == SQLITE_ROW ? "a row" : sqlite3_errmsg(stores[1].db));
            return false;
        }
        if (x == SQLITE_DONE) {
            return true;
        }
        for (int i = 0; i < sqlite3_column_count(b); i++) {
            if (!is_same_value(a, b, i)) {
                (void)printf("row %" PRIu64 ", column %d: firn: %s, SQLite: %s\n", *out_rows, i,
                             (const char *)sqlite3_column_text(a, i),
                             (const char *)sqlite3_column_text(b, i));
                return false;
            }
        }
        (*out_rows)++;
    }
}

static sqlite3_stmt *
prepare_query(struct store *store, const char *query, int columns)
{
    char sql[256];
    size_t size = (size_t)snprintf(sql, sizeof sql, "SELECT c1");
    for (int i = 2; i <= columns; i++) {
        size += (size_t)snprintf(sql + size, sizeof sql - size, ", c%d", i);
    }
    (void)snprintf(sql + size, sizeof sql - size, " FROM firn_query(?)");
    sqlite3_stmt *statement = prepare(store, sql);
    check(store, sqlite3_bind_text(statement, 1, query, -1, SQLITE_STATIC), SQLITE_OK);
    return statement;
}

/* Returns an exit code. */
static int
run_check(struct run *run)
{
    struct store stores[2] = {run->store, run->store};
    unsigned equal = 0;
    unsigned equal_scans = 0;
    stores[0].is_firn = true;
    stores[1].is_firn = false;
    for (int i = 0; i < 2; i++) {
        open_store(&stores[i], i == 0 ? "tpch.firn" : "tpch.db");
        (void)printf("%s: %" PRIu64 " rows\n", i == 0 ? "firn" : "sqlite",
                     fill(&stores[i], &run->tpch));
    }
    for (int i = 0; i < TABLE_TPCH_QUERIES; i++) {
        uint64_t rows = 0;
        double times[3];
        sqlite3_stmt *mine = prepare(&stores[0], table_tpch_queries[i]);
        sqlite3_stmt *theirs = prepare(&stores[1], table_tpch_queries[i]);
        sqlite3_stmt *scan =
            prepare_query(&stores[0], table_tpch_queries[i], sqlite3_column_count(theirs));
        sqlite3_stmt *all[3] = {mine, theirs, scan};
        for (int j = 0; j < 3; j++) {
            double started = now();
            (void)hash_rows(&stores[j == 1], all[j]);
            times[j] = now() - started;
        }
        bool is_equal = is_same_result(stores, mine, theirs, &rows);
        (void)sqlite3_reset(theirs);
        bool is_scan_equal = is_same_result(stores, scan, theirs, &rows);
        equal += is_equal;
        equal_scans += is_scan_equal;
        (void)printf("Q%d: %" PRIu64
                     " rows, %s; firn %.1f ms, sqlite %.1f ms, firn_query %.1f ms\n",
                     i + 1, rows, is_equal && is_scan_equal ? "equal" : "DIFFERENT", times[0] * 1e3,
                     times[1] * 1e3, times[2] * 1e3);
        (void)fflush(stdout);
        (void)sqlite3_finalize(mine);
        (void)sqlite3_finalize(theirs);
        (void)sqlite3_finalize(scan);
    }
    (void)printf("tpch: scale %g, %u queries of %d equal, %u by firn_query\n", run->scale, equal,
                 TABLE_TPCH_QUERIES, equal_scans);
    (void)printf("count: %u queries of TPC-H, equal in SQLite\n", equal);
    close_store(&stores[0]);
    close_store(&stores[1]);
    return equal != TABLE_TPCH_QUERIES || equal_scans != TABLE_TPCH_QUERIES;
}

/* ---- workloads ---- */

static const char *
file_of(const struct run *run)
{
    return run->store.is_firn ? "tpch.firn" : "tpch.db";
}

static void
run_load(struct run *run)
{
    char answer[32];
    table_tpch_init(&run->tpch, run->scale);
    struct span begun = span_now();
    open_store(&run->store, file_of(run));
    uint64_t rows = fill(&run->store, &run->tpch);
    close_store(&run->store);
    (void)snprintf(answer, sizeof answer, "%" PRIu64, rows);
    print_result("sql_load", begun, 1, (double)rows / (now() - begun.wall) / 1e6, answer);
}

/* Repeats a statement for the time, and prints the median in milliseconds. */
static void
time_statement(struct run *run, const char *row, sqlite3_stmt *statement, bool has_answer)
{
    static double times[TIMES_MAX];
    char answer[32] = "-";
    uint64_t hash = hash_rows(&run->store, statement);
    uint64_t count = 0;
    volatile uint64_t sink = 0;
    struct span begun = span_now();
    while (count == 0 || (count < TIMES_MAX && now() - begun.wall < run->seconds)) {
        double started = now();
        sink = read_rows(&run->store, statement);
        times[count++] = now() - started;
    }
    (void)sink;
    qsort(times, count, sizeof times[0], compare_times);
    if (has_answer) {
        (void)snprintf(answer, sizeof answer, "%016" PRIx64, hash);
    }
    print_result(row, begun, count, times[count / 2] * 1e3, answer);
    check(&run->store, sqlite3_finalize(statement), SQLITE_OK);
}

static void
run_statement(struct run *run, const char *row, const char *sql)
{
    open_store(&run->store, file_of(run));
    time_statement(run, row, prepare(&run->store, sql), true);
    close_store(&run->store);
}

static void
run_scan(struct run *run)
{
    run_statement(run, "sql_scan",
                  "SELECT l_orderkey, l_quantity, l_extendedprice, l_shipmode FROM lineitem");
}

static void
run_scan_all(struct run *run)
{
    run_statement(run, "sql_scan_all", "SELECT * FROM lineitem");
}

static void
run_texts(struct run *run)
{
    run_statement(run, "sql_texts",
                  "SELECT o_orderstatus, o_orderpriority, o_clerk, o_comment FROM orders");
}

static void
run_limit(struct run *run)
{
    run_statement(run, "sql_limit", "SELECT * FROM lineitem LIMIT 10");
}

static void
run_offset(struct run *run)
{
    char sql[96];
    (void)snprintf(sql, sizeof sql, "SELECT * FROM lineitem LIMIT 10 OFFSET %" PRIu64,
                   (uint64_t)(run->scale * 3000000));
    run_statement(run, "sql_offset", sql);
}

/* "sql-qN", a query of TPC-H. */
static bool
run_query(struct run *run)
{
    char row[16];
    char *end;
    bool is_query = strncmp(doing, "sql-q", 5) == 0;
    unsigned long number = is_query ? strtoul(doing + 5, &end, 10) : 0;
    if (number == 0 || number > TABLE_TPCH_QUERIES || *end != '\0') {
        return false;
    }
    (void)snprintf(row, sizeof row, "sql_q%lu", number);
    run_statement(run, row, table_tpch_queries[number - 1]);
    return true;
}

/* An aggregate over the table that the C API loaded. */
static void
run_aggregate(struct run *run, const char *row, enum table_query query, int number, int columns)
{
    open_store(&run->store, run->store.is_firn ? "" : "db");
    time_statement(run, row,
                   run->store.is_firn
                       ? prepare_query(&run->store, table_tpch_queries[number - 1], columns)
                       : prepare(&run->store, table_query_texts[query].sqlite),
                   false);
    close_store(&run->store);
}

static void
run_agg_q1(struct run *run)
{
    run_aggregate(run, "sql_agg_q1", TABLE_Q1, 1, QUERY_COLUMNS);
}

static void
run_agg_q6(struct run *run)
{
    run_aggregate(run, "sql_agg_q6", TABLE_Q6, 6, 1);
}

static void
run_lookup(struct run *run)
{
    open_store(&run->store, file_of(run));
    sqlite3_stmt *statement = prepare(&run->store, "SELECT * FROM orders WHERE o_orderkey = ?");
    uint64_t orders = (uint64_t)(run->scale * 1500000);
    uint64_t count = 0;
    uint64_t sum = 0;
    struct span begun = {0, 0, 0};
    for (int round = 0; round < 2; round++) {
        count = 0;
        begun = span_now();
        while (now() - begun.wall < run->seconds) {
            for (int i = 0; i < 16; i++) {
                uint64_t order =
                    table_random(STREAM_LOOKUP + (run->seed << 16), count++, orders) + 1;
                check(&run->store,
                      sqlite3_bind_int64(statement, 1, (int64_t)((order >> 3 << 5) | (order & 7))),
                      SQLITE_OK);
                sum += read_rows(&run->store, statement);
            }
        }
    }
    if (sum == 0) {
        table_die("no order was found");
    }
    print_result("sql_lookup", begun, count, (double)count / (now() - begun.wall), "-");
    check(&run->store, sqlite3_finalize(statement), SQLITE_OK);
    close_store(&run->store);
}

static void
run_insert(struct run *run)
{
    static const char table[] =
        "CREATE TABLE log (id INTEGER PRIMARY KEY, at BIGINT, amount REAL, note TEXT)";
    open_store(&run->store, file_of(run));
    if (run->store.is_firn) {
        call(&run->store, "SELECT firn_create(?)", table);
    } else {
        execute(&run->store, table);
    }
    sqlite3_stmt *statement = prepare(
        &run->store, "INSERT INTO log (at, amount, note) VALUES (?, ?, 'a note of some length')");
    uint64_t count = 0;
    struct span begun = span_now();
    while (now() - begun.wall < run->seconds) {
        for (int i = 0; i < 16; i++) {
            check(&run->store, sqlite3_bind_int64(statement, 1, (int64_t)count), SQLITE_OK);
            check(&run->store, sqlite3_bind_double(statement, 2, (double)count / 8), SQLITE_OK);
            check(&run->store, sqlite3_step(statement), SQLITE_DONE);
            check(&run->store, sqlite3_reset(statement), SQLITE_OK);
            count++;
        }
    }
    print_result("sql_insert", begun, count, (double)count / (now() - begun.wall), "-");
    check(&run->store, sqlite3_finalize(statement), SQLITE_OK);
    close_store(&run->store);
}

/* Opening, a statement that reads, closing. */
static void
run_open(struct run *run)
{
    static double times[TIMES_MAX];
    uint64_t count = 0;
    struct span begun = span_now();
    while (count == 0 || (count < TIMES_MAX && now() - begun.wall < run->seconds)) {
        double started = now();
        open_store(&run->store, file_of(run));
        times[count++] = now() - started;
        sqlite3_stmt *statement =
            prepare(&run->store, "SELECT r_name FROM region WHERE r_regionkey = 1");
        (void)read_rows(&run->store, statement);
        check(&run->store, sqlite3_finalize(statement), SQLITE_OK);
        close_store(&run->store);
    }
    qsort(times, count, sizeof times[0], compare_times);
    print_result("sql_open", begun, count, times[count / 2] * 1e3, "-");
}

/* ---- the program ---- */

static const struct {
    const char *name;
    void (*run)(struct run *run);
} workloads[] = {
    {"sql-load", run_load},     {"sql-scan", run_scan},     {"sql-scan-all", run_scan_all},
    {"sql-texts", run_texts},   {"sql-limit", run_limit},   {"sql-offset", run_offset},
    {"sql-agg-q1", run_agg_q1}, {"sql-agg-q6", run_agg_q6}, {"sql-lookup", run_lookup},
    {"sql-insert", run_insert}, {"sql-open", run_open}};

static int
usage(void)
{
    (void)fprintf(stderr, "usage: bench_table_sql check|WORKLOAD STORE SCALE -e firn|sqlite -x "
                          "EXTENSION [-t SECONDS] [-m MIB] "
                          "[-s SEED]\nworkloads:");
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
        (void)fprintf(stderr, " %s", workloads[i].name);
    }
    (void)fprintf(stderr, " sql-qN (1 to %d)\n", TABLE_TPCH_QUERIES);
    return 2;
}

static bool
read_options(struct run *run, int argc, char **argv)
{
    int option;
    run->store.is_firn = true;
    run->store.memory_mib = 1024;
    run->seconds = 1;
    while ((option = getopt(argc, argv, "e:x:t:j:m:s:k")) != -1) {
        switch (option) {
        case 'e':
            run->store.is_firn = strcmp(optarg, "firn") == 0;
            break;
        case 'x':
            run->store.extension = optarg;
            break;
        case 't':
            run->seconds = strtod(optarg, NULL);
            break;
        case 'm':
            run->store.memory_mib = strtoull(optarg, NULL, 10);
            break;
        case 's':
            run->seed = strtoull(optarg, NULL, 10);
            break;
        case 'j':
        case 'k':
            break;
        default:
            return false;
        }
    }
    if (argc - optind != 3 || (run->store.is_firn && run->store.extension == NULL)) {
        return false;
    }
    doing = argv[optind];
    run->store.path = argv[optind + 1];
    run->scale = strtod(argv[optind + 2], NULL);
    return run->scale >= 0.01 && run->scale <= 100;
}

int
main(int argc, char **argv)
{
    struct run run = {.scale = 0};
    int exit_code = 2;
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        (void)printf("SQLite %s\n", sqlite3_libversion());
        return 0;
    }
    if (!read_options(&run, argc, argv)) {
        return usage();
    }
    if (strcmp(doing, "check") == 0) {
        table_tpch_init(&run.tpch, run.scale);
        exit_code = run_check(&run);
    } else if (run_query(&run)) {
        exit_code = 0;
    }
    for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
        if (strcmp(doing, workloads[i].name) == 0) {
            workloads[i].run(&run);
            exit_code = 0;
        }
    }
    table_tpch_deinit(&run.tpch);
    return exit_code == 2 ? usage() : exit_code;
}

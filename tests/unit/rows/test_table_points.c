/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: rows by many keys at once, ranges of rows that are deleted, and numbers that are added to, each
 * alone, in transactions, beside other transactions, and where memory runs out.
 */
#include <inttypes.h>
#include <pthread.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_ok.h"

static firn_error err;

static firn_store *store;

static int
set_up(void **state)
{
    OK(firn_store_open_memory(64 << 20, NULL, &store, &err));
    return 0;
}

static int
tear_down(void **state)
{
    OK(firn_store_close(store, &err));
    return 0;
}

static firn_table *
make_table(const char *name, const char *definition)
{
    firn_table_def *def;
    firn_table *table;
    OK(firn_table_def_parse(definition, &def, &err));
    OK(firn_table_create(store, name, def, &table, &err));
    firn_release(def);
    return table;
}

static firn_txn *
begin(firn_isolation isolation)
{
    firn_txn_options options = FIRN_TXN_OPTIONS_INIT;
    firn_txn *txn;
    options.isolation = isolation;
    OK(firn_txn_begin(store, &options, &txn, &err));
    return txn;
}

/* Rows (i, i * 10) for i from begin to end - 1. */
static void
fill(firn_table *table, firn_txn *txn, int64_t first, int64_t end)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.txn = txn;
    for (int64_t i = first; i < end; i++) {
        const firn_value values[] = {firn_i64(i), firn_i64(i * 10)};
        OK(firn_table_insert(table, &options, values, 2, &err));
    }
}

/* ---- many rows ---- */

enum { MANY = 200 };

struct answers {
    size_t count;
    size_t found;
    int64_t values[MANY]; /* of the row's last column; -1: there is none */
    size_t end_at;        /* the number that ends the call; 0: none */
};

static int
note(void *ctx, size_t i, const firn_row *row)
{
    struct answers *answers = ctx;
    if (i != answers->count || i >= MANY) { /* in order, each once */
        return FIRN_FAILED;
    }
    answers->values[answers->count++] =
        row != NULL ? firn_row_values(row)[firn_row_count(row) - 1].as.i64 : -1;
    answers->found += row != NULL;
    return answers->end_at != 0 && i == answers->end_at ? FIRN_CANCELLED : FIRN_OK;
}

/* Keys 3 * i, in another order; every second one has a row while the table has the even numbers below 600. */
static void
make_keys(firn_value *keys)
{
    for (size_t i = 0; i < MANY; i++) {
        keys[i] = firn_i64((int64_t)(i * 77 % MANY) * 3);
    }
}

static void
fill_even(firn_table *table)
{
    for (int64_t i = 0; i < 300; i++) {
        fill(table, NULL, 2 * i, 2 * i + 1);
    }
}

static void
check_answers(const struct answers *answers, const firn_value *keys, int64_t factor)
{
    assert_int_equal(answers->count, MANY);
    assert_int_equal(answers->found, MANY / 2);
    for (size_t i = 0; i < MANY; i++) {
        int64_t key = keys[i].as.i64;
        assert_int_equal(answers->values[i], key % 2 == 0 ? key * factor : -1);
    }
}

static void
many_rows_are_found_by_key(void **state)
{
    firn_table *table = make_table("t", "id i64 primary key, n i64");
    firn_value values[MANY];
    const firn_table_keys keys = {values, 1, MANY};
    const char *const columns[] = {"n", "id"};
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    fill_even(table);
    make_keys(values);
    for (int round = 0; round < 2; round++) {
        struct answers answers = {0};
        OK(firn_table_get_many(table, NULL, &keys, note, &answers, &err));
        check_answers(&answers, values, 10);
        answers = (struct answers){0};
        options.columns = columns;
        options.column_count = 2;
        OK(firn_table_get_many(table, &options, &keys, note, &answers, &err));
        check_answers(&answers, values, 1);
        OK(firn_store_flush(store, &err));
    }
}

static void
many_rows_are_found_by_a_unique_index(void **state)
{
    firn_table *table = make_table("t", "id i64 primary key, n i64, unique index by_n (n)");
    firn_value values[MANY];
    const firn_table_keys keys = {values, 1, MANY};
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    struct answers answers = {0};
    fill_even(table);
    make_keys(values);
    for (size_t i = 0; i < MANY; i++) {
        values[i].as.i64 *= 10;
    }
    options.index = "by_n";
    OK(firn_table_get_many(table, &options, &keys, note, &answers, &err));
    assert_int_equal(answers.count, MANY);
    for (size_t i = 0; i < MANY; i++) {
        int64_t number = values[i].as.i64;
        assert_int_equal(answers.values[i], number % 20 == 0 ? number : -1);
    }
    values[MANY - 1] = firn_null();
    answers = (struct answers){0};
    FAILS(firn_table_get_many(table, &options, &keys, note, &answers, &err), FIRN_INVALID, "null");
}

static void
many_rows_are_of_one_state(void **state)
{
    firn_table *table = make_table("t", "id i64 primary key, n i64, unique index by_n (n)");
    const firn_value values[] = {firn_i64(1), firn_i64(2), firn_i64(3)};
    const firn_table_keys keys = {values, 1, 3};
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    firn_row_options write = FIRN_ROW_OPTIONS_INIT;
    struct answers answers = {0};
    fill(table, NULL, 1, 2);
    OK(firn_snapshot_open(store, NULL, &options.snapshot, &err));
    fill(table, NULL, 2, 3);
    OK(firn_table_get_many(table, &options, &keys, note, &answers, &err));
    assert_int_equal(answers.found, 1);
    firn_snapshot_close(options.snapshot);
    options.snapshot = NULL;
    /* A transaction sees its own writes, by the index too, and depends on what it did not find. */
    for (int round = 0; round < 2; round++) {
        const firn_value numbers[] = {firn_i64(10), firn_i64(20), firn_i64(30)};
        const firn_table_keys by_number = {numbers, 1, 3};
        options.txn = begin(FIRN_ISOLATION_SERIALIZABLE);
        write.txn = options.txn;
        answers = (struct answers){0};
        OK(firn_table_delete(table, &write, &values[0], 1, &err));
        options.index = round == 0 ? NULL : "by_n";
        OK(firn_table_get_many(table, &options, round == 0 ? &keys : &by_number, note, &answers,
                               &err));
        assert_int_equal(answers.count, 3);
        assert_int_equal(answers.values[0], -1);
        assert_int_equal(answers.values[1], 20);
        assert_int_equal(answers.values[2], -1);
        fill(table, NULL, 3, 4);
        FAILS(firn_txn_commit(options.txn, NULL, &err), FIRN_CONFLICT,
              ", which the transaction has");
        firn_txn_close(options.txn);
        OK(firn_table_delete(table, NULL, &values[2], 1, &err));
    }
}

static void
the_visitor_may_end_the_call(void **state)
{
    firn_table *table = make_table("t", "id i64 primary key, n i64");
    firn_value values[MANY];
    firn_table_keys keys = {values, 1, MANY};
    struct answers answers = {.end_at = 100};
    fill_even(table);
    make_keys(values);
    FAILS(firn_table_get_many(table, NULL, &keys, note, &answers, &err), FIRN_CANCELLED, "stopped");
    assert_int_equal(answers.count, 101);
    answers = (struct answers){0};
    keys.count = 0;
    OK(firn_table_get_many(table, NULL, &keys, note, &answers, &err));
    assert_int_equal(answers.count, 0);
    keys = (firn_table_keys){values, 2, 1};
    FAILS(firn_table_get_many(table, NULL, &keys, note, &answers, &err), FIRN_INVALID, "2 values");
    keys = (firn_table_keys){NULL, 1, 1};
    FAILS(firn_table_get_many(table, NULL, &keys, note, &answers, &err), FIRN_INVALID, "values");
    keys = (firn_table_keys){values, 1, 1};
    FAILS(firn_table_get_many(table, NULL, &keys, NULL, NULL, &err), FIRN_INVALID, "visit");
    FAILS(firn_table_get_many(table, NULL, NULL, note, &answers, &err), FIRN_INVALID, "keys");
    FAILS(firn_table_get_many(NULL, NULL, &keys, note, &answers, &err), FIRN_INVALID, "table");
}

/* ---- ranges that are deleted ---- */

/* What bit i says whether there is a row i * 10, of the first 20; as seen by the key and by each index. */
static uint64_t
rows_by(firn_table *table, firn_txn *txn, const char *index)
{
    firn_table_cursor_options options = FIRN_TABLE_CURSOR_OPTIONS_INIT;
    firn_table_cursor *cursor;
    const firn_row *row;
    uint64_t found = 0;
    options.read.txn = txn;
    options.read.index = index;
    OK(firn_table_cursor_open(table, &options, &cursor, &err));
    for (;;) {
        OK(firn_table_cursor_next(cursor, &row, &err));
        if (row == NULL) {
            break;
        }
        int64_t number = firn_row_values(row)[0].as.i64;
        assert_true(number >= 0 && number < 64);
        found |= UINT64_C(1) << number;
    }
    firn_table_cursor_close(cursor);
    return found;
}

static uint64_t
count_rows(firn_table *table, firn_txn *txn)
{
    firn_scan_options options = FIRN_SCAN_OPTIONS_INIT;
    const firn_scan_batch *batch;
    firn_scan *scan;
    uint64_t count = 0;
    options.txn = txn;
    OK(firn_scan_open(table, &options, &scan, &err));
    for (;;) {
        OK(firn_scan_next(scan, &batch, &err));
        if (batch == NULL) {
            break;
        }
        count += firn_scan_batch_rows(batch);
    }
    firn_scan_close(scan);
    return count;
}

static void
check_sound(firn_table *table)
{
    firn_table_check_result report = FIRN_TABLE_CHECK_RESULT_INIT;
    OK(firn_table_check(table, NULL, &report, &err));
}

static uint64_t
bits(unsigned first, unsigned end)
{
    return ((UINT64_C(1) << end) - 1) & ~((UINT64_C(1) << first) - 1);
}

static const char *const definitions[] = {
    "id i64 primary key, n i64, t text default 'text'",
    "id i64 primary key, n i64, t text default 'text', unique index by_n (n), index by_t (t, id)"};

static void
insert_numbered(firn_table *table, firn_txn *txn, int64_t first, int64_t end)
{
    static const char *const columns[] = {"id", "n"};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.txn = txn;
    options.columns = columns;
    for (int64_t i = first; i < end; i++) {
        const firn_value values[] = {firn_i64(i), firn_i64(i * 10)};
        OK(firn_table_insert(table, &options, values, 2, &err));
    }
}

/* All bounds, of rows in memory, in files, and in the transaction itself; with and without indexes. */
static void
ranges_of_rows_are_deleted(void **state)
{
    enum { ROWS = 20 };
    static const struct {
        int64_t lower; /* -1: no bound */
        int64_t upper;
        bool without_lower; /* exclusive */
        bool without_upper;
        unsigned first; /* of the rows that go */
        unsigned end;
    } cases[] = {{5, 9, false, false, 5, 10},   {5, 9, true, true, 6, 9},
                 {-1, 3, false, false, 0, 4},   {17, -1, true, false, 18, 20},
                 {-1, -1, false, false, 0, 20}, {9, 5, false, false, 0, 0},
                 {5, 5, false, true, 0, 0},     {30, -1, false, false, 0, 0}};
    for (size_t i = 0; i < 6 * sizeof cases / sizeof cases[0]; i++) {
        const size_t which = i / 6;
        const bool has_indexes = i % 2 == 1;
        const firn_value low = firn_i64(cases[which].lower);
        const firn_value high = firn_i64(cases[which].upper);
        const firn_table_bound lower = {&low, cases[which].lower >= 0, cases[which].without_lower};
        const firn_table_bound upper = {&high, cases[which].upper >= 0, cases[which].without_upper};
        const uint64_t left = bits(0, ROWS) & ~bits(cases[which].first, cases[which].end);
        firn_row_options options = FIRN_ROW_OPTIONS_INIT;
        firn_table *table = make_table("t", definitions[has_indexes]);
        insert_numbered(table, NULL, 0, ROWS / 2);
        if (i % 6 >= 2) {
            OK(firn_store_flush(store, &err));
        }
        if (i % 6 >= 4) {
            options.txn = begin(FIRN_ISOLATION_DEFAULT);
        }
        insert_numbered(table, options.txn, ROWS / 2, ROWS);
        OK(firn_table_delete_range(table, &options, cases[which].lower >= 0 ? &lower : NULL, &upper,
                                   &err));
        assert_int_equal(rows_by(table, options.txn, NULL), left);
        if (options.txn != NULL) {
            OK(firn_txn_commit(options.txn, NULL, &err));
            firn_txn_close(options.txn);
        }
        for (int round = 0; round < 2; round++) {
            assert_int_equal(rows_by(table, NULL, NULL), left);
            assert_int_equal(count_rows(table, NULL),
                             ROWS - (cases[which].end - cases[which].first));
            if (has_indexes) {
                assert_int_equal(rows_by(table, NULL, "by_n"), left);
                assert_int_equal(rows_by(table, NULL, "by_t"), left);
            }
            check_sound(table);
            OK(firn_store_compact(store, NULL, &err));
        }
        OK(firn_table_drop(store, "t", &err));
    }
}

/* A prefix of the key is a bound, and the largest number has nothing above it. */
static void
bounds_may_be_prefixes_and_ends(void **state)
{
    firn_table *table = make_table("t", "a u64, b u64, primary key (a, b), index by_b (b)");
    static const uint64_t numbers[] = {0, 7, UINT64_MAX};
    const firn_value seven = firn_u64(7);
    const firn_value largest = firn_u64(UINT64_MAX);
    firn_table_bound bound = {&seven, 1, false};
    for (size_t i = 0; i < 9; i++) {
        const firn_value values[] = {firn_u64(numbers[i / 3]), firn_u64(numbers[i % 3])};
        OK(firn_table_insert(table, NULL, values, 2, &err));
    }
    OK(firn_table_delete_range(table, NULL, &bound, &bound, &err));
    assert_int_equal(count_rows(table, NULL), 6);
    bound = (firn_table_bound){&largest, 1, true};
    OK(firn_table_delete_range(table, NULL, &bound, NULL, &err)); /* above the largest: nothing */
    assert_int_equal(count_rows(table, NULL), 6);
    bound.exclusive = false;
    OK(firn_table_delete_range(table, NULL, NULL, &bound, &err));
    assert_int_equal(count_rows(table, NULL), 0);
    check_sound(table);
}

static void
a_deleted_range_conflicts_with_what_comes_into_it(void **state)
{
    const firn_value low = firn_i64(10);
    const firn_value high = firn_i64(20);
    const firn_table_bound lower = {&low, 1, false};
    const firn_table_bound upper = {&high, 1, false};
    for (size_t i = 0; i < 8; i++) {
        const bool deletes_first = i % 4 < 2;
        const bool is_within = i % 2 == 0;
        firn_table *table = make_table("t", definitions[i / 4]);
        firn_row_options options = FIRN_ROW_OPTIONS_INIT;
        firn_txn *inserting = begin(FIRN_ISOLATION_DEFAULT);
        insert_numbered(table, NULL, 12, 13);
        options.txn = begin(FIRN_ISOLATION_DEFAULT);
        OK(firn_table_delete_range(table, &options, &lower, &upper, &err));
        insert_numbered(table, inserting, is_within ? 15 : 21, is_within ? 16 : 22);
        OK(firn_txn_commit(deletes_first ? options.txn : inserting, NULL, &err));
        int rc = firn_txn_commit(deletes_first ? inserting : options.txn, NULL, &err);
        assert_int_equal(rc, is_within ? FIRN_CONFLICT : FIRN_OK);
        firn_txn_close(inserting);
        firn_txn_close(options.txn);
        check_sound(table);
        OK(firn_table_drop(store, "t", &err));
    }
    /* Without an upper bound a serializable transaction depends on there being no more rows. */
    firn_table *table = make_table("t", definitions[1]);
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    insert_numbered(table, NULL, 0, 5);
    options.txn = begin(FIRN_ISOLATION_SERIALIZABLE);
    OK(firn_table_delete_range(table, &options, NULL, NULL, &err));
    insert_numbered(table, NULL, 30, 31);
    FAILS(firn_txn_commit(options.txn, NULL, &err), FIRN_CONFLICT,
          "of table 't', which the transaction has read");
    assert_non_null(strstr(err.text, "the entry ("));
    firn_txn_close(options.txn);
}

/* ---- what conflicts say ---- */

static void
conflicts(firn_txn *txn, const char *expected)
{
    FAILS(firn_txn_commit(txn, NULL, &err), FIRN_CONFLICT, expected);
    firn_txn_close(txn);
}

/* Two transactions write rows; the first one commits. */
static void
write_both(firn_table *table, const firn_value *first, const firn_value *second, size_t count,
           const char *expected)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_txn *winner = begin(FIRN_ISOLATION_DEFAULT);
    firn_txn *loser = begin(FIRN_ISOLATION_DEFAULT);
    options.txn = winner;
    OK(firn_table_upsert(table, &options, first, count, &err));
    options.txn = loser;
    OK(firn_table_upsert(table, &options, second, count, &err));
    OK(firn_txn_commit(winner, NULL, &err));
    firn_txn_close(winner);
    conflicts(loser, expected);
}

static void
conflicts_name_the_table_and_the_values_of_the_key(void **state)
{
    firn_table *table =
        make_table("orders", "shop i64, code text, city text, "
                             "primary key (shop, code), unique index by_city (city)");
    const firn_value a[] = {firn_i64(17), firn_text("x'y"), firn_text("Bern")};
    const firn_value b[] = {firn_i64(18), firn_text("z"), firn_text("Bern")};
    const firn_value same[] = {firn_i64(17), firn_text("x'y"), firn_text("Basel")};
    write_both(table, a, same, 3,
               "the row with the key (17, 'x''y') of table 'orders', which the transaction has "
               "written, was written by another commit since it began");
    OK(firn_table_delete_range(table, NULL, NULL, NULL, &err));
    write_both(table, a, b, 3,
               "the entry ('Bern') of index 'by_city' of table 'orders', which the transaction has "
               "written, was written by another commit since it began");
    OK(firn_table_delete_range(table, NULL, NULL, NULL, &err));
    /* An index that came later. */
    OK(firn_table_drop_index(table, "by_city", &err));
    const char *const columns[] = {"city", "shop"};
    const firn_table_index index = {
        .name = "later", .columns = columns, .column_count = 2, .is_unique = true};
    OK(firn_table_add_index(table, &index, &err));
    const firn_value c[] = {firn_i64(17), firn_text("c"), firn_text("Bern")};
    write_both(table, a, c, 3, "the entry ('Bern', 17) of index 'later' of table 'orders', which");
    /* What is read counts in a serializable transaction, also where there is no row yet. */
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.txn = begin(FIRN_ISOLATION_SERIALIZABLE);
    const firn_value d[] = {firn_i64(-3), firn_text("d"), firn_null()};
    const firn_value e[] = {firn_i64(99), firn_text("e"), firn_null()};
    firn_row *row;
    OK(firn_row_create(&row, &err));
    firn_read_options read = FIRN_READ_OPTIONS_INIT;
    read.txn = options.txn;
    assert_int_equal(firn_table_get(table, &read, d, 2, row, &err), FIRN_NOT_FOUND);
    firn_row_destroy(row);
    OK(firn_table_insert(table, &options, e, 3, &err));
    OK(firn_table_insert(table, NULL, d, 3, &err));
    conflicts(options.txn,
              "the row with the key (-3, 'd') of table 'orders', which the transaction has read");
}

/* More entries than a transaction takes: nothing is deleted, and the transaction goes on. */
static void
a_range_that_is_too_large_is_refused_whole(void **state)
{
    enum { ROWS = 30000 };
    firn_store *other = store;
    const firn_value low = firn_i64(1);
    const firn_table_bound lower = {&low, 1, false};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_store_options small = FIRN_STORE_OPTIONS_INIT;
    firn_table_bulk *bulk;
    small.memory_bytes = 8 << 20;
    OK(firn_store_open_memory(256 << 20, &small, &store, &err));
    firn_table *table = make_table("t", "id i64 primary key, t text, index by_t (t)");
    OK(firn_table_bulk_open(table, NULL, &bulk, &err));
    for (int64_t i = 0; i < ROWS; i++) {
        char text[128];
        (void)snprintf(text, sizeof text, "%0100" PRId64, i);
        const firn_value values[] = {firn_i64(i), firn_text(text)};
        OK(firn_table_bulk_put(bulk, values, 2, &err));
    }
    OK(firn_table_bulk_commit(bulk, &err));
    firn_table_bulk_close(bulk);
    FAILS(firn_table_delete_range(table, NULL, &lower, NULL, &err), FIRN_LIMIT, "");
    assert_int_equal(count_rows(table, NULL), ROWS);
    options.txn = begin(FIRN_ISOLATION_DEFAULT);
    FAILS(firn_table_delete_range(table, &options, &lower, NULL, &err), FIRN_LIMIT, "");
    assert_int_equal(count_rows(table, options.txn), ROWS);
    /* All rows go without being looked at. */
    OK(firn_table_delete_range(table, &options, NULL, NULL, &err));
    OK(firn_txn_commit(options.txn, NULL, &err));
    firn_txn_close(options.txn);
    assert_int_equal(count_rows(table, NULL), 0);
    check_sound(table);
    OK(firn_store_close(store, &err));
    store = other;
}

static void
wrong_ranges_are_refused(void **state)
{
    firn_table *table = make_table("t", definitions[1]);
    const firn_value values[] = {firn_i64(1), firn_text("x")};
    firn_table_bound bound = {values, 2, false};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    FAILS(firn_table_delete_range(table, NULL, &bound, NULL, &err), FIRN_INVALID, "2 values");
    bound = (firn_table_bound){&values[1], 1, false};
    FAILS(firn_table_delete_range(table, NULL, NULL, &bound, &err), FIRN_INVALID, "column id");
    bound.values = NULL;
    FAILS(firn_table_delete_range(table, NULL, NULL, &bound, &err), FIRN_INVALID, "bounds");
    options.ttl_ms = 1;
    FAILS(firn_table_delete_range(table, &options, NULL, NULL, &err), FIRN_INVALID, "ttl_ms");
    FAILS(firn_table_delete_range(NULL, NULL, NULL, NULL, &err), FIRN_INVALID, "table");
}

/* ---- numbers that are added to ---- */

static int
add(firn_table *table, firn_txn *txn, const char *column, firn_value number, firn_value *out)
{
    const firn_value key = firn_i64(1);
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    options.txn = txn;
    return firn_table_add_number(table, &options, &key, 1, column, number, out, &err);
}

static firn_value
decimal(int64_t units)
{
    return firn_typed_i64(FIRN_TYPE_DECIMAL, units);
}

static void
numbers_are_added_exactly(void **state)
{
    firn_table *table = make_table(
        "t", "id i64 primary key, a i8 default 100, b u8 default 200, c i64 default "
             "-9223372036854775808, d u64 default 18446744073709551615, e decimal(6, 2) default "
             "9999.00, "
             "f f32 default 1.5, g f64, n i64, s text default 'x', index by_a (a)");
    static const char *const columns[] = {"id", "g"};
    const firn_value values[] = {firn_i64(1), firn_f64(1e308)};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_value out;
    options.columns = columns;
    OK(firn_table_insert(table, &options, values, 2, &err));
    OK(add(table, NULL, "a", firn_i64(27), &out));
    assert_int_equal(out.type, FIRN_TYPE_I8);
    assert_int_equal(out.as.i64, 127);
    FAILS(add(table, NULL, "a", firn_u64(1), &out), FIRN_LIMIT, "column a");
    assert_int_equal(out.type, FIRN_TYPE_NULL);
    OK(add(table, NULL, "a", firn_i64(-255), &out));
    assert_int_equal(out.as.i64, -128);
    FAILS(add(table, NULL, "a", firn_i64(INT64_MIN), &out), FIRN_LIMIT, "out of range");
    OK(add(table, NULL, "b", firn_i64(-200), &out));
    assert_int_equal(out.type, FIRN_TYPE_U8);
    assert_int_equal(out.as.u64, 0);
    FAILS(add(table, NULL, "b", firn_i64(-1), NULL), FIRN_LIMIT, "column b");
    FAILS(add(table, NULL, "b", firn_i64(256), NULL), FIRN_LIMIT, "column b");
    OK(add(table, NULL, "c", firn_u64(UINT64_MAX), &out));
    assert_int_equal(out.as.i64, INT64_MAX);
    OK(add(table, NULL, "d", firn_i64(INT64_MIN), &out));
    assert_int_equal(out.as.u64, INT64_MAX);
    OK(add(table, NULL, "e", decimal(99), &out));
    assert_int_equal(out.as.i64, 999999);
    FAILS(add(table, NULL, "e", decimal(1), NULL), FIRN_LIMIT, "column e");
    OK(add(table, NULL, "e", firn_i64(-10000), &out));
    assert_int_equal(out.type, FIRN_TYPE_DECIMAL);
    assert_int_equal(out.as.i64, -1);
    FAILS(add(table, NULL, "e", firn_i64(INT64_MAX), NULL), FIRN_LIMIT, "column e");
    OK(add(table, NULL, "f", firn_f64(0.25), &out));
    assert_int_equal(out.type, FIRN_TYPE_F32);
    assert_true(out.as.f32 == 1.75f);
    FAILS(add(table, NULL, "f", firn_f64(1e300), NULL), FIRN_LIMIT, "column f");
    OK(add(table, NULL, "g", firn_i64(1), &out));
    assert_true(out.as.f64 == 1e308);
    FAILS(add(table, NULL, "g", firn_f64(1e308), NULL), FIRN_LIMIT, "column g");
    OK(add(table, NULL, "n", firn_i64(5), &out));
    assert_int_equal(out.type, FIRN_TYPE_NULL);
    FAILS(add(table, NULL, "s", firn_i64(1), NULL), FIRN_INVALID, "not a number");
    FAILS(add(table, NULL, "a", firn_f64(1), NULL), FIRN_INVALID, "column a");
    FAILS(add(table, NULL, "n", decimal(1), NULL), FIRN_INVALID, "column n");
    FAILS(add(table, NULL, "f", decimal(1), NULL), FIRN_INVALID, "column f");
    FAILS(add(table, NULL, "a", firn_null(), NULL), FIRN_INVALID, "column a");
    FAILS(add(table, NULL, "id", firn_i64(1), NULL), FIRN_INVALID, "of the key");
    FAILS(add(table, NULL, "z", firn_i64(1), NULL), FIRN_NOT_FOUND, "column z");
    FAILS(add(table, NULL, NULL, firn_i64(1), NULL), FIRN_INVALID, "column");
    OK(firn_table_delete(table, NULL, values, 1, &err));
    FAILS(add(table, NULL, "a", firn_i64(1), NULL), FIRN_NOT_FOUND, "no row");
    check_sound(table);
}

/* The entry of the index moves, in the transaction and for all after it. */
static void
an_index_follows_what_is_added(void **state)
{
    firn_table *table = make_table("t", "id i64 primary key, n i64, unique index by_n (n)");
    const firn_value keys[] = {firn_i64(10), firn_i64(15)};
    const firn_table_keys both = {keys, 1, 2};
    firn_read_options read = FIRN_READ_OPTIONS_INIT;
    fill(table, NULL, 1, 3);
    read.index = "by_n";
    FAILS(add(table, NULL, "n", firn_i64(10), NULL), FIRN_EXISTS, "'by_n'");
    firn_txn *txn = begin(FIRN_ISOLATION_DEFAULT);
    OK(add(table, txn, "n", firn_i64(2), NULL));
    OK(add(table, txn, "n", firn_i64(3), NULL));
    for (int round = 0; round < 3; round++) {
        struct answers answers = {0};
        read.txn = round == 0 ? txn : NULL;
        OK(firn_table_get_many(table, &read, &both, note, &answers, &err));
        assert_int_equal(answers.values[0], round == 1 ? 10 : -1);
        assert_int_equal(answers.values[1], round == 1 ? -1 : 15);
        if (round == 1) {
            OK(firn_txn_commit(txn, NULL, &err));
            firn_txn_close(txn);
        }
    }
    check_sound(table);
    /* In a transaction an addition is a read and a write: of two the second one conflicts. */
    txn = begin(FIRN_ISOLATION_DEFAULT);
    OK(add(table, txn, "n", firn_i64(1), NULL));
    OK(add(table, NULL, "n", firn_i64(1), NULL));
    FAILS(firn_txn_commit(txn, NULL, &err), FIRN_CONFLICT, "");
    firn_txn_close(txn);
}

enum { THREADS = 4, ADDITIONS = 200 };

static void *
add_often(void *ctx)
{
    const firn_value key = firn_i64(1);
    firn_error own;
    for (int i = 0; i < ADDITIONS; i++) {
        if (firn_table_add_number(ctx, NULL, &key, 1, "n", firn_i64(1), NULL, &own) != FIRN_OK) {
            return ctx;
        }
    }
    return NULL;
}

static void
no_addition_is_lost(void **state)
{
    firn_table *table = make_table("t", "id i64 primary key, n i64, index by_n (n)");
    pthread_t threads[THREADS];
    firn_value out;
    fill(table, NULL, 1, 2);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_often, table), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    OK(add(table, NULL, "n", firn_i64(0), &out));
    assert_int_equal(out.as.i64, 10 + THREADS * ADDITIONS);
    check_sound(table);
}

/* ---- memory that runs out ---- */

static int
get_many(firn_table *table)
{
    const firn_value values[] = {firn_i64(20), firn_i64(70), firn_i64(5000)};
    const firn_table_keys keys = {values, 1, 3};
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    struct answers answers = {0};
    int rc = firn_table_get_many(table, &options, &keys, note, &answers, &err);
    if (rc == FIRN_OK) {
        answers = (struct answers){0};
        options.index = "by_n";
        rc = firn_table_get_many(table, &options, &keys, note, &answers, &err);
    }
    return rc;
}

/* The rows come back, so that it can be called again. */
static int
delete_range(firn_table *table)
{
    const firn_value low = firn_i64(10);
    const firn_table_bound bound = {&low, 1, false};
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    uint64_t savepoint;
    int rc = firn_txn_begin(store, NULL, &options.txn, &err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_txn_savepoint(options.txn, &savepoint, &err);
    if (rc == FIRN_OK) {
        rc = firn_table_delete_range(table, &options, &bound, NULL, &err);
    }
    if (rc == FIRN_OK) {
        rc = firn_txn_rollback_to(options.txn, savepoint, &err);
    }
    if (rc == FIRN_OK) {
        rc = firn_table_delete_range(table, &options, NULL, NULL, &err);
    }
    firn_txn_close(options.txn);
    return rc;
}

static int
add_to_first(firn_table *table)
{
    return add(table, NULL, "n", firn_i64(1000), NULL);
}

/* Whatever a failure has left, nothing is half done. */
static void
fail_each_allocation(firn_table *table, int (*act)(firn_table *table), const char *what)
{
    uint64_t failed = 0;
    OK(act(table)); /* what is kept for the next ones is there */
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        test_fault_allocation(&fault);
        int rc = act(table);
        test_fault_end(&fault);
        if (!fault.was_hit) {
            assert_int_equal(rc, FIRN_OK);
            break;
        }
        assert_true(rc == FIRN_NO_MEMORY || rc == FIRN_OK);
        assert_int_equal(rows_by(table, NULL, NULL), bits(0, 40));
        failed++;
    }
    check_sound(table);
    print_message("count: %" PRIu64 " allocations of %s that failed\n", failed, what);
}

/* A row keeps what its last read chose; no later read may find anything of it that does not fit. */
static void
one_row_serves_reads_of_any_columns_and_tables(void **state)
{
    static const char *const some[] = {"c", "a", "c"};
    static const char *const other[] = {"c", "b", "c"};
    static const char *const unknown[] = {"c", "z", "c"};
    firn_table *first = make_table("first", "id i64 primary key, a i64, b text, c i64");
    firn_table *second = make_table("second", "id i64 primary key, c text, a i64, b i64");
    const firn_value key = firn_i64(1);
    const firn_value of_first[] = {firn_i64(1), firn_i64(10), firn_text("ten"), firn_i64(30)};
    const firn_value of_second[] = {firn_i64(1), firn_text("c"), firn_i64(11), firn_i64(12)};
    OK(firn_table_insert(first, NULL, of_first, 4, &err));
    OK(firn_table_insert(second, NULL, of_second, 4, &err));
    firn_read_options options = FIRN_READ_OPTIONS_INIT;
    firn_row *row;
    OK(firn_row_create(&row, &err));
    options.column_count = 3;
    for (unsigned round = 0; round < 3; round++) {
        options.columns = some;
        for (unsigned i = 0; i < 2; i++) {
            OK(firn_table_get(first, &options, &key, 1, row, &err));
            assert_int_equal(firn_row_count(row), 3);
            assert_int_equal(firn_row_values(row)[0].as.i64, 30);
            assert_int_equal(firn_row_values(row)[1].as.i64, 10);
            assert_int_equal(firn_row_values(row)[2].as.i64, 30);
        }
        options.columns = other;
        OK(firn_table_get(first, &options, &key, 1, row, &err));
        assert_memory_equal(firn_row_values(row)[1].as.bytes.data, "ten", 3);
        OK(firn_table_get(second, &options, &key, 1, row, &err));
        assert_memory_equal(firn_row_values(row)[0].as.bytes.data, "c", 1);
        assert_int_equal(firn_row_values(row)[1].as.i64, 12);
        options.columns = unknown;
        assert_int_equal(firn_table_get(second, &options, &key, 1, row, &err), FIRN_NOT_FOUND);
        assert_int_equal(firn_row_count(row), 0);
        OK(firn_table_get(second, NULL, &key, 1, row, &err));
        assert_int_equal(firn_row_count(row), 4);
        assert_int_equal(firn_row_values(row)[2].as.i64, 11);
    }
    options.columns = other;
    OK(firn_table_get(first, &options, &key, 1, row, &err));
    OK(firn_table_rename_column(first, "b", "d", &err));
    OK(firn_table_rename_column(first, "a", "b", &err));
    OK(firn_table_get(first, &options, &key, 1, row, &err));
    assert_int_equal(firn_row_values(row)[1].as.i64, 10);
    firn_row_destroy(row);
}

static void
everything_bears_failed_allocations(void **state)
{
    test_alloc_install();
    (void)set_up(NULL);
    firn_table *table = make_table("t", "id i64 primary key, n i64, unique index by_n (n)");
    fill(table, NULL, 0, 40);
    fail_each_allocation(table, get_many, "reading many rows");
    fail_each_allocation(table, delete_range, "deleting ranges");
    fail_each_allocation(table, add_to_first, "adding");
    (void)tear_down(NULL);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(many_rows_are_found_by_key),
        TEST(many_rows_are_found_by_a_unique_index),
        TEST(many_rows_are_of_one_state),
        TEST(the_visitor_may_end_the_call),
        TEST(ranges_of_rows_are_deleted),
        TEST(bounds_may_be_prefixes_and_ends),
        TEST(a_deleted_range_conflicts_with_what_comes_into_it),
        TEST(conflicts_name_the_table_and_the_values_of_the_key),
        TEST(a_range_that_is_too_large_is_refused_whole),
        TEST(wrong_ranges_are_refused),
        TEST(numbers_are_added_exactly),
        TEST(an_index_follows_what_is_added),
        TEST(no_addition_is_lost),
        TEST(one_row_serves_reads_of_any_columns_and_tables),
        cmocka_unit_test(everything_bears_failed_allocations),
    };
    return cmocka_run_group_tests_name("table_points", tests, NULL, NULL);
}

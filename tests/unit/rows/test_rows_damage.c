/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: a table of which one chunk after the other is damaged. Gets, batch gets, cursors and queries of other columns
 * give what was written; those of the damaged one fail, and name file, row group, and the column as the user
 * calls it. A repair keeps all the rest, and says what it has lost.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "inspect/inspect.h"
#include "query/query.h"
#include "rescue/rescue.h"
#include "rows_show.h"
#include "sim/sim_memory.h"
#include "support/test_file.h"

enum { ROWS = 72000, COLUMNS = 4, PLACES = 9, NAME_SIZE = 64 };

static const char *const names[COLUMNS] = {"id", "name", "price", "note"};

static firn_error err;
static const struct fi_txn_options defaults = {.is_read_only = false};

struct found {
    char names[8][NAME_SIZE];
    size_t count;
};

static int
find_run(void *ctx, const struct fi_os_dirent *entry)
{
    struct found *found = ctx;
    if (strstr(entry->name, ".column") != NULL) {
        assert_true(found->count < 8);
        (void)snprintf(found->names[found->count++], NAME_SIZE, "%s", entry->name);
    }
    return FIRN_OK;
}

static uint64_t
mix(uint64_t number)
{
    number = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
    return number ^ number >> 29;
}

/* What a row has; text lies in memory. */
static void
make_row(int64_t id, firn_value out[COLUMNS], char memory[2][64])
{
    (void)snprintf(memory[0], 64, "name %016" PRIx64 " of %" PRId64, mix((uint64_t)id), id);
    (void)snprintf(memory[1], 64, "%016" PRIx64, mix((uint64_t)id * 3));
    out[0] = firn_i64(id);
    out[1] = firn_text(memory[0]);
    out[2] = firn_i64((int64_t)(mix((uint64_t)id * 7) >> 1));
    out[3] = id % 5 == 0 ? firn_null() : firn_text(memory[1]);
}

/* One run, all of whose row groups are full of noise. */
static void
fill(struct fi_os_dir *dir)
{
    struct firn_db *db = db_support_open(dir);
    struct firn_table *table;
    struct firn_txn *txn;
    firn_value values[COLUMNS];
    char memory[2][64];
    DB_OK(rows_make(db, "goods",
                    "id i64, name text not null, price i64 not null, note text, primary key (id), "
                    "index by_price (price)",
                    &table, &err));
    DB_OK(fi_txn_begin(db, &defaults, &txn, &err));
    for (int64_t id = 0; id < ROWS; id++) {
        if (id % 10000 == 9999) {
            DB_OK(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err));
            fi_txn_close(txn);
            DB_OK(fi_txn_begin(db, &defaults, &txn, &err));
        }
        make_row(id, values, memory);
        DB_OK(rows_put(table, txn, FI_ROWS_INSERT, values, COLUMNS, &err));
    }
    DB_OK(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err));
    fi_txn_close(txn);
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    DB_OK(fi_db_close(db, &err));
}

static void
assert_value(const firn_value *found, int64_t id, size_t column)
{
    firn_value values[COLUMNS];
    char memory[2][64];
    make_row(id, values, memory);
    assert_int_equal(found->type, values[column].type);
    if (found->type == FIRN_TYPE_TEXT) {
        assert_true(fi_slice_equal(found->as.bytes, values[column].as.bytes));
    } else if (found->type != FIRN_TYPE_NULL) {
        assert_int_equal(found->as.i64, values[column].as.i64);
    }
}

/* A failure to read names what cannot be read. */
static bool
is_read(int rc, size_t column)
{
    char text[64];
    if (rc == FIRN_OK) {
        return true;
    }
    assert_int_equal(rc, FIRN_CORRUPT);
    (void)snprintf(text, sizeof text, "column '%s' of table 'goods'", names[column]);
    bool is_of_rows = strstr(err.text, "of row group") == NULL ||
                      strstr(err.text, "hidden column") != NULL ||
                      strstr(err.text, "column 'id'") != NULL;
    assert_non_null(strstr(err.text, ".column'"));
    if (!is_of_rows && strstr(err.text, text) == NULL) {
        print_error("%s: %s\n", text, err.text);
        fail();
    }
    return false;
}

struct many {
    size_t column;
    int64_t step;
    size_t seen;
};

static int
take_many(void *ctx, size_t i, const struct firn_row *row)
{
    struct many *many = ctx;
    size_t count;
    assert_non_null(row);
    const firn_value *values = fi_rows_read_row_values(row, &count);
    assert_int_equal(count, 1);
    assert_value(&values[0], (int64_t)i * many->step, many->column);
    many->seen++;
    return FIRN_OK;
}

enum { KEYS = 90 };

/* Whether all of a column can be read, by each way alike; by single gets KEYS of them, equally far apart. */
static bool
read_column(struct firn_db *db, struct firn_table *table, size_t column)
{
    const struct fi_rows_read read = {.columns = &names[column], .column_count = 1};
    struct fi_rows_cursor_options all = {.read = read};
    struct firn_table_cursor *cursor;
    struct firn_row *row;
    const struct firn_row *next = NULL;
    firn_value keys[KEYS];
    bool gets = true;
    size_t count;
    DB_OK(fi_rows_read_row_create(&row, &err));
    for (int64_t i = 0; i < KEYS; i++) {
        keys[i] = firn_i64(i * (ROWS / KEYS));
        bool is_there = is_read(fi_rows_read_get(table, &read, &keys[i], 1, row, &err), column);
        if (is_there) {
            const firn_value *values = fi_rows_read_row_values(row, &count);
            assert_value(&values[0], keys[i].as.i64, column);
        }
        gets = gets && is_there;
    }
    /* In a transaction, and all at once. */
    struct firn_txn *txn;
    DB_OK(fi_txn_begin(db, &defaults, &txn, &err));
    for (int in_txn = 0; in_txn < 2; in_txn++) {
        struct many many = {column, ROWS / KEYS, 0};
        struct fi_rows_read at = read;
        at.txn = in_txn ? txn : NULL;
        const struct fi_rows_many what = {keys, 1, KEYS, take_many, &many};
        assert_int_equal(is_read(fi_rows_read_get_many(table, &at, &what, &err), column), gets);
        assert_true(!gets || many.seen == KEYS);
    }
    fi_txn_close(txn);
    /* By a cursor. */
    int64_t id = 0;
    int rc = fi_rows_read_cursor_open(table, &all, &cursor, &err);
    if (!is_read(rc, column)) {
        fi_rows_read_row_destroy(row);
        return false;
    }
    do {
        rc = fi_rows_read_cursor_next(cursor, &next, &err);
        if (rc == FIRN_OK && next != NULL) {
            const firn_value *values = fi_rows_read_row_values(next, &count);
            assert_value(&values[0], id++, column);
        }
    } while (rc == FIRN_OK && next != NULL);
    bool walks = is_read(rc, column);
    assert_true(!walks || id == ROWS);
    assert_true(gets || !walks);
    fi_rows_read_cursor_close(cursor);
    fi_rows_read_row_destroy(row);
    /* By a query. */
    char expression[64];
    const char *const select = expression;
    struct firn_scan *scan = NULL;
    const firn_scan_batch *batch = NULL;
    (void)snprintf(expression, sizeof expression, "count(%s)", names[column]);
    const struct fi_query_options options = {
        .select = select, .memory_bytes = 8 << 20, .threads = 1};
    rc = fi_query_open(table, &options, &scan, &err);
    rc = rc == FIRN_OK ? fi_query_next(scan, &batch, &err) : rc;
    if (is_read(rc, column)) {
        firn_value value = fi_query_batch_value(batch, 0, 0);
        assert_true(value.as.u64 == (column == 3 ? ROWS - ROWS / 5 : ROWS));
    } else {
        assert_false(walks);
    }
    fi_query_close(scan);
    return walks;
}

static void
on_damage(void *ctx, const char *text)
{
    assert_int_equal(fi_buf_append_format(ctx, "%s\n", text), FIRN_OK);
}

/* What is there after a repair: rows that are there have what they had, or null in the column that was damaged. */
static void
check_repaired(struct firn_db *db, const bool *is_lost, struct fi_buf *told)
{
    const struct fi_rows_cursor_options all = {.is_descending = false};
    struct firn_table_cursor *cursor;
    struct firn_table *table;
    const struct firn_row *row;
    int64_t rows = 0;
    int64_t nulls = 0;
    DB_OK(fi_rows_open(db, "goods", &table, &err));
    DB_OK(fi_rows_read_cursor_open(table, &all, &cursor, &err));
    for (;; rows++) {
        size_t count;
        DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
        if (row == NULL) {
            break;
        }
        const firn_value *values = fi_rows_read_row_values(row, &count);
        assert_int_equal(count, COLUMNS);
        for (size_t column = 0; column < COLUMNS; column++) {
            if (is_lost[column] && firn_is_null(values[column])) {
                nulls++;
            } else {
                assert_value(&values[column], values[0].as.i64, column);
            }
        }
    }
    fi_rows_read_cursor_close(cursor);
    assert_int_equal(fi_buf_append_u8(told, 0), FIRN_OK);
    bool all_are_lost = is_lost[1] && is_lost[2] && is_lost[3];
    const char *text = (const char *)told->data;
    if (all_are_lost) { /* the key, or the run */
        assert_true(rows < ROWS);
    } else {
        assert_int_equal(rows, ROWS);
        assert_true(nulls > 0 || !(is_lost[1] || is_lost[2] || is_lost[3]));
        assert_true(!(is_lost[1] || is_lost[2] || is_lost[3]) ||
                    strstr(text, "rows are kept without their values of column") != NULL);
        assert_true(!is_lost[1] || strstr(text, "'name' may be null from now on") != NULL);
        assert_true(!is_lost[2] || strstr(text, "'price' may be null from now on") != NULL);
    }
}

static struct fi_os_dir *
make_dir(struct db_support *support, const char *what, unsigned number)
{
    struct fi_os_dir *root;
    struct fi_os_dir *dir;
    char name[32];
    (void)snprintf(name, sizeof name, "%s%u", what, number);
    DB_OK(fi_os_dir_open_path(support->os, "/", &root, &err));
    DB_OK(fi_os_make_dir(root, name, 0700, &err));
    DB_OK(fi_os_dir_open(root, name, &dir, &err));
    fi_os_dir_close(root);
    return dir;
}

struct counts {
    unsigned damaged;  /* places */
    unsigned of_one;   /* column */
    unsigned of_rows;  /* nothing of the rows can be read */
    unsigned of_other; /* of no column: a filter */
};

/* A bit is wrong there. */
static void
damage(struct db_support *support, const char *file, size_t at, unsigned number,
       struct counts *counts)
{
    bool is_lost[COLUMNS];
    unsigned lost = 0;
    struct fi_os_dir *runs;
    struct fi_buf bytes = {0};
    struct fi_buf told = {0};
    struct fi_rescue_result result;
    firn_store_check_result report = {.size = sizeof report};
    const struct fi_rescue_options options = {.on_damage = on_damage, .ctx = &told};
    struct fi_os_dir *bad = make_dir(support, "bad", number);
    struct fi_os_dir *good = make_dir(support, "good", number);
    db_support_copy(support->dir, bad);
    DB_OK(fi_os_dir_open(bad, "runs", &runs, &err));
    test_file_read(runs, file, &bytes);
    bytes.data[at] ^= 0x10;
    test_file_write(runs, file, bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    fi_os_dir_close(runs);
    struct firn_table *table;
    struct firn_db *db = db_support_open(bad);
    DB_OK(fi_rows_open(db, "goods", &table, &err));
    for (size_t column = 0; column < COLUMNS; column++) {
        is_lost[column] = !read_column(db, table, column);
        lost += is_lost[column];
    }
    fi_db_abandon(db);
    assert_true(lost == 0 || lost == COLUMNS || (lost == 1 && !is_lost[0]));
    counts->damaged++;
    counts->of_one += lost == 1;
    counts->of_rows += lost == COLUMNS;
    counts->of_other += lost == 0;
    DB_OK(fi_rescue(bad, good, &options, &result, &err));
    assert_true(lost == 0 || result.state == FI_RESCUE_SHORTENED);
    db = db_support_open(good);
    if (result.state == FI_RESCUE_SHORTENED) {
        DB_OK(fi_rows_mend(db, on_damage, &told, &err));
    }
    check_repaired(db, is_lost, &told);
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    DB_OK(fi_db_close(db, &err));
    fi_buf_deinit(&told);
    fi_os_dir_close(bad);
    fi_os_dir_close(good);
}

static void
a_damaged_chunk_takes_one_column_of_one_row_group_away(void **state)
{
    struct db_support support;
    struct found found = {.count = 0};
    struct fi_os_dir *runs;
    struct fi_buf bytes = {0};
    const char *file = NULL;
    struct counts counts = {0};
    unsigned number = 0;
    db_support_init(&support, 1);
    fill(support.dir);
    DB_OK(fi_os_dir_open(support.dir, "runs", &runs, &err));
    DB_OK(fi_os_dir_list(runs, find_run, &found, &err));
    for (size_t i = 0; i < found.count; i++) { /* the largest */
        struct fi_buf other = {0};
        test_file_read(runs, found.names[i], &other);
        if (other.size > bytes.size) {
            struct fi_buf larger = other;
            other = bytes;
            bytes = larger;
            file = found.names[i];
        }
        fi_buf_deinit(&other);
    }
    fi_os_dir_close(runs);
    /* The header, the key, which lies first, and places all over the file. */
    damage(&support, file, 100, number++, &counts);
    damage(&support, file, 170, number++, &counts);
    for (size_t at = 5000; at < bytes.size; at += bytes.size / PLACES) {
        damage(&support, file, at, number++, &counts);
    }
    print_message("count: %u damaged places: %u took one column away, %u all rows of a group, %u "
                  "nothing\n",
                  counts.damaged, counts.of_one, counts.of_rows, counts.of_other);
    assert_true(counts.of_one > 6 && counts.of_rows > 1);
    fi_buf_deinit(&bytes);
    db_support_deinit(&support);
}

/* ---- a run that is gone ---- */

static uint64_t
count_rows(struct firn_table *table)
{
    const char *const select = "count(*)";
    const struct fi_query_options options = {
        .select = select, .memory_bytes = 8 << 20, .threads = 1};
    struct firn_scan *scan;
    const firn_scan_batch *batch;
    DB_OK(fi_query_open(table, &options, &scan, &err));
    DB_OK(fi_query_next(scan, &batch, &err));
    const uint64_t count = fi_query_batch_value(batch, 0, 0).as.u64;
    fi_query_close(scan);
    return count;
}

/* By the key's order, and by that of the index. */
static void
check_rows(struct firn_table *table, int64_t expected)
{
    const char *const indexes[2] = {NULL, "by_price"};
    assert_int_equal(count_rows(table), expected);
    for (size_t i = 0; i < 2; i++) {
        const struct fi_rows_cursor_options options = {.read = {.index = indexes[i]}};
        struct firn_table_cursor *cursor;
        const struct firn_row *row;
        int64_t rows = 0;
        DB_OK(fi_rows_read_cursor_open(table, &options, &cursor, &err));
        DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
        for (; row != NULL; rows++) {
            DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
        }
        assert_int_equal(rows, expected);
        fi_rows_read_cursor_close(cursor);
    }
}

static void
a_table_whose_rows_are_lost_is_emptied_and_used_again(void **state)
{
    struct db_support support;
    struct found found = {.count = 0};
    struct fi_os_dir *runs;
    struct firn_table *table;
    const struct fi_rows_span all = {.lower = {.count = 0}};
    firn_store_check_result report = {.size = sizeof report};
    firn_value values[COLUMNS];
    char memory[2][64];
    db_support_init(&support, 1);
    fill(support.dir);
    DB_OK(fi_os_dir_open(support.dir, "runs", &runs, &err));
    DB_OK(fi_os_dir_list(runs, find_run, &found, &err));
    assert_true(found.count > 0);
    for (size_t i = 0; i < found.count; i++) {
        DB_OK(fi_os_remove_file(runs, found.names[i], &err));
    }
    fi_os_dir_close(runs);
    struct firn_db *db = db_support_open(support.dir);
    DB_OK(fi_rows_open(db, "goods", &table, &err));
    assert_false(read_column(db, table, 0));
    DB_OK(fi_rows_write_delete_range(table, NULL, &all, FIRN_DURABILITY_DEFAULT, &err));
    check_rows(table, 0);
    make_row(7, values, memory);
    DB_OK(rows_put(table, NULL, FI_ROWS_INSERT, values, COLUMNS, &err));
    check_rows(table, 1);
    assert_int_equal(fi_inspect_check(db, NULL, &report, &err), FIRN_CORRUPT);
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    check_rows(table, 1);
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_chunk_takes_one_column_of_one_row_group_away),
        cmocka_unit_test(a_table_whose_rows_are_lost_is_emptied_and_used_again),
    };
    return cmocka_run_group_tests_name("rows_damage", tests, NULL, NULL);
}

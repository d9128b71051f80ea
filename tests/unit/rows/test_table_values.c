/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: through the public face alone: numbers at the ends of their ranges, odd floating-point
 * numbers and nulls before and after they are stored by column; rows of a transaction that was rolled
 * back; what deletes and updates leave after a compaction; and a store of which files are damaged.
 */
#include <inttypes.h>
#include <unistd.h>

#include <dirent.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_temp.h"

static firn_error err;

struct rig {
    char dir[64];
    char path[80];
    firn_store *store;
    firn_table *table;
    firn_row *row;
};

static void
open_store(struct rig *rig)
{
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.durability = FIRN_DURABILITY_OS;
    OK(firn_store_open(rig->path, &options, &rig->store, &err));
}

static void
begin(struct rig *rig, const char *definition)
{
    firn_table_def *def;
    test_temp_make(rig->dir, sizeof rig->dir);
    (void)snprintf(rig->path, sizeof rig->path, "%s/t.firn", rig->dir);
    open_store(rig);
    OK(firn_table_def_parse(definition, &def, &err));
    OK(firn_table_create(rig->store, "t", def, &rig->table, &err));
    firn_release(def);
    OK(firn_row_create(&rig->row, &err));
}

static void
end(struct rig *rig)
{
    firn_row_destroy(rig->row);
    OK(firn_store_close(rig->store, &err));
    OK(firn_store_destroy(rig->path, &err));
    assert_int_equal(rmdir(rig->dir), 0);
}

/* Values of row i, for all columns but the key. */
typedef void (*maker)(int64_t i, firn_value *out);

static void
insert_rows(struct rig *rig, int64_t from, int64_t to, size_t columns, maker make)
{
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    OK(firn_txn_begin(rig->store, NULL, &options.txn, &err));
    for (int64_t i = from; i < to; i++) {
        firn_value values[8] = {firn_i64(i)};
        make(i, values + 1);
        OK(firn_table_insert(rig->table, &options, values, columns + 1, &err));
    }
    OK(firn_txn_commit(options.txn, NULL, &err));
    firn_txn_close(options.txn);
}

static bool
is_same(const firn_value *a, const firn_value *b)
{
    if (a->type != b->type) {
        return false;
    }
    if (a->type == FIRN_TYPE_TEXT || a->type == FIRN_TYPE_BLOB) {
        return a->as.bytes.size == b->as.bytes.size &&
               memcmp(a->as.bytes.data, b->as.bytes.data, a->as.bytes.size) == 0;
    }
    return a->type == FIRN_TYPE_NULL || a->as.u64 == b->as.u64; /* bit by bit */
}

/* All rows in order; exists (NULL: all of them) says which are there. Returns how many. */
static int64_t
compare(struct rig *rig, int64_t rows, size_t columns, maker make, bool (*exists)(int64_t i))
{
    firn_table_cursor *cursor;
    const firn_row *row;
    int64_t count = 0;
    OK(firn_table_cursor_open(rig->table, NULL, &cursor, &err));
    for (int64_t i = 0; i < rows; i++) {
        firn_value wanted[8] = {firn_i64(i)};
        if (exists != NULL && !exists(i)) {
            continue;
        }
        make(i, wanted + 1);
        OK(firn_table_cursor_next(cursor, &row, &err));
        assert_non_null(row);
        for (size_t j = 0; j <= columns; j++) {
            assert_true(is_same(&firn_row_values(row)[j], &wanted[j]));
        }
        count++;
    }
    OK(firn_table_cursor_next(cursor, &row, &err));
    assert_null(row);
    firn_table_cursor_close(cursor);
    return count;
}

/* In the memtable, in runs, merged, and opened again. */
static void
compare_everywhere(struct rig *rig, int64_t rows, size_t columns, maker make)
{
    (void)compare(rig, rows, columns, make, NULL);
    OK(firn_store_flush(rig->store, &err));
    (void)compare(rig, rows, columns, make, NULL);
    OK(firn_store_compact(rig->store, NULL, &err));
    (void)compare(rig, rows, columns, make, NULL);
    OK(firn_store_close(rig->store, &err));
    open_store(rig);
    OK(firn_table_open(rig->store, "t", &rig->table, &err));
    (void)compare(rig, rows, columns, make, NULL);
}

/* ---- values ---- */

static void
numbers(int64_t i, firn_value *out)
{
    static const int64_t ends[] = {INT64_MIN, INT64_MAX, 0, INT64_MIN};
    static const int64_t sorted[] = {INT64_MIN, 0, INT64_MAX};
    out[0] = firn_i64(i < 100 ? i : i * 7919 % 1000 * 1000003);
    out[1] = firn_i64(ends[i % 4]);
    out[2] = firn_i64(sorted[i % 3]);
    out[3] = firn_i64(-7);
}

static void
numbers_come_back_as_they_were(void **state)
{
    static const int64_t counts[] = {0, 1, 4, 100, 1100};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct rig rig;
        begin(&rig, "id i64, a i64, b i64, c i64, d i64, primary key (id)");
        insert_rows(&rig, 0, counts[i], 4, numbers);
        compare_everywhere(&rig, counts[i], 4, numbers);
        end(&rig);
    }
}

static void
reals(int64_t i, firn_value *out)
{
    static const uint64_t bits[] = {
        0x7ff8000000000001, 0x8000000000000000, 0x7ff0000000000000, 0xfff0000000000000, 1,
        0x800fffffffffffff, 0xfff8000000000123, 0x7fefffffffffffff};
    double value;
    memcpy(&value, &bits[i % 8], sizeof value);
    out[0] = firn_f64(value);
}

static void
odd_reals_keep_all_their_bits(void **state)
{
    struct rig rig;
    begin(&rig, "id i64, v f64, primary key (id)");
    insert_rows(&rig, 0, 1030, 1, reals);
    compare_everywhere(&rig, 1030, 1, reals);
    end(&rig);
}

static void
nulls(int64_t i, firn_value *out)
{
    out[0] = firn_null();
    out[1] = firn_i64(i);
    out[2] = i % 2 == 0 ? firn_null() : firn_text("not null");
    out[3] = i == 0 || i == 1023 || i == 1024 || i == 2047 ? firn_null() : firn_f64(0.5);
    out[4] = i == 0 || i == 1023 || i == 1024 || i == 2047 ? firn_blob(firn_text("x").as.bytes)
                                                           : firn_null();
}

static void
nulls_are_where_they_were(void **state)
{
    struct rig rig;
    begin(&rig, "id i64, a text, b i64, c text, d f64, e blob, primary key (id)");
    insert_rows(&rig, 0, 2048, 5, nulls);
    compare_everywhere(&rig, 2048, 5, nulls);
    end(&rig);
}

/* ---- transactions ---- */

static bool
is_of_the_first(int64_t i)
{
    return i < 1000;
}

static uint64_t
entries_in_files(struct rig *rig)
{
    firn_store_statistics stats = {.size = sizeof stats};
    uint64_t entries = 0;
    OK(firn_store_stats(rig->store, &stats, &err));
    for (size_t i = 0; i < FIRN_STORE_LEVELS; i++) {
        entries += stats.levels[i].entries;
    }
    return entries;
}

static void
rows_that_were_rolled_back_are_neither_there_nor_counted(void **state)
{
    struct rig rig;
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    begin(&rig, "id i64, a i64, b i64, c i64, d i64, primary key (id)");
    OK(firn_store_compact(rig.store, NULL, &err));
    uint64_t before = entries_in_files(&rig);
    OK(firn_txn_begin(rig.store, NULL, &options.txn, &err));
    for (int64_t i = 1000; i < 2000; i++) {
        firn_value values[5] = {firn_i64(i)};
        numbers(i, values + 1);
        OK(firn_table_insert(rig.table, &options, values, 5, &err));
    }
    insert_rows(&rig, 0, 1000, 4, numbers);
    OK(firn_txn_rollback(options.txn, &err));
    firn_txn_close(options.txn);
    assert_int_equal(compare(&rig, 2000, 4, numbers, is_of_the_first), 1000);
    OK(firn_store_compact(rig.store, NULL, &err));
    assert_int_equal(compare(&rig, 2000, 4, numbers, is_of_the_first), 1000);
    assert_int_equal(entries_in_files(&rig) - before, 1000);
    end(&rig);
}

/* ---- deletes and updates ---- */

enum { MANY = 20000 };

static bool
stays(int64_t i)
{
    return i % 10 >= 3;
}

/* Hard to compress; longer before. */
static void
texts(int64_t i, firn_value *out, bool is_new)
{
    static char text[8][256];
    static unsigned turn;
    char *at = text[turn++ % 8];
    uint64_t x = (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15) + is_new;
    size_t size = 0;
    for (int j = 0; j < (is_new ? 3 : 12); j++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        size += (size_t)snprintf(at + size, 256 - size, "%016" PRIx64, x);
    }
    out[0] = firn_text(at);
    out[1] = firn_i64(is_new ? -i : i);
}

static void
old_texts(int64_t i, firn_value *out)
{
    texts(i, out, false);
}

static void
texts_after(int64_t i, firn_value *out)
{
    texts(i, out, i % 10 == 5);
}

static uint64_t
bytes_of_runs(struct rig *rig)
{
    firn_store_statistics stats = {.size = sizeof stats};
    OK(firn_store_stats(rig->store, &stats, &err));
    return stats.file_bytes;
}

static void
a_compaction_after_deletes_and_updates_gives_space_back(void **state)
{
    struct rig rig;
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    begin(&rig, "id i64, v text, n i64, primary key (id), index by_n (n)");
    insert_rows(&rig, 0, MANY, 2, old_texts);
    OK(firn_store_compact(rig.store, NULL, &err));
    uint64_t before = bytes_of_runs(&rig);
    OK(firn_txn_begin(rig.store, NULL, &options.txn, &err));
    for (int64_t i = 0; i < MANY; i++) {
        firn_value values[3] = {firn_i64(i)};
        if (!stays(i)) {
            OK(firn_table_delete(rig.table, &options, values, 1, &err));
        } else if (i % 10 == 5) {
            texts(i, values + 1, true);
            OK(firn_table_update(rig.table, &options, values, 3, &err));
        }
    }
    OK(firn_txn_commit(options.txn, NULL, &err));
    firn_txn_close(options.txn);
    assert_int_equal(compare(&rig, MANY, 2, texts_after, stays), MANY * 7 / 10);
    OK(firn_store_flush(rig.store, &err));
    assert_int_equal(compare(&rig, MANY, 2, texts_after, stays), MANY * 7 / 10);
    OK(firn_store_compact(rig.store, NULL, &err));
    assert_int_equal(compare(&rig, MANY, 2, texts_after, stays), MANY * 7 / 10);
    uint64_t after = bytes_of_runs(&rig);
    print_message("count: %" PRIu64 " bytes before, %" PRIu64 " after\n", before, after);
    assert_true(after < before - before / 4);
    /* The index has the rows, and no others. */
    firn_table_cursor_options by_n = FIRN_TABLE_CURSOR_OPTIONS_INIT;
    firn_table_cursor *cursor;
    const firn_row *row;
    int64_t count = 0;
    int64_t last = INT64_MIN;
    by_n.read.index = "by_n";
    OK(firn_table_cursor_open(rig.table, &by_n, &cursor, &err));
    for (;;) {
        OK(firn_table_cursor_next(cursor, &row, &err));
        if (row == NULL) {
            break;
        }
        assert_true(firn_row_values(row)[2].as.i64 >= last);
        last = firn_row_values(row)[2].as.i64;
        count++;
    }
    firn_table_cursor_close(cursor);
    assert_int_equal(count, MANY * 7 / 10);
    end(&rig);
}

/* ---- damage ---- */

/* The largest file of columns. */
static void
find_columns(struct rig *rig, char path[512], long *out_size)
{
    char dir_path[128];
    (void)snprintf(dir_path, sizeof dir_path, "%s/runs", rig->path);
    DIR *dir = opendir(dir_path);
    struct dirent *entry;
    assert_non_null(dir);
    *out_size = 0;
    while ((entry = readdir(dir)) != NULL) {
        char name[512];
        const char *dot = strrchr(entry->d_name, '.');
        if (dot == NULL || strcmp(dot, ".column") != 0) {
            continue;
        }
        (void)snprintf(name, sizeof name, "%s/%.200s", dir_path, entry->d_name);
        FILE *file = fopen(name, "rb");
        assert_non_null(file);
        assert_int_equal(fseek(file, 0, SEEK_END), 0);
        long size = ftell(file);
        assert_int_equal(fclose(file), 0);
        if (size > *out_size) {
            *out_size = size;
            memcpy(path, name, sizeof name);
        }
    }
    (void)closedir(dir);
    assert_true(*out_size > 0);
}

static void
flip(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_not_equal(fputc(byte ^ 0x10, file), EOF);
    assert_int_equal(fclose(file), 0);
}

/* Rows that a walk over one column besides the key shows; -1: it met damage, which was named. */
static int64_t
walk(struct rig *rig, const char *column)
{
    const char *const columns[] = {"id", column};
    firn_table_cursor_options options = FIRN_TABLE_CURSOR_OPTIONS_INIT;
    firn_table_cursor *cursor;
    const firn_row *row;
    int64_t count = 0;
    options.read.columns = columns;
    options.read.column_count = 2;
    int rc = firn_table_cursor_open(rig->table, &options, &cursor, &err);
    while (rc == FIRN_OK) {
        rc = firn_table_cursor_next(cursor, &row, &err);
        if (rc != FIRN_OK || row == NULL) {
            break;
        }
        count++;
    }
    firn_table_cursor_close(cursor);
    if (rc == FIRN_OK) {
        return count;
    }
    assert_int_equal(rc, FIRN_CORRUPT);
    assert_non_null(strstr(err.text, ".column'"));
    assert_non_null(strstr(err.text, "column "));
    assert_non_null(strstr(err.text, "of row group 0"));
    return -1;
}

static void
columns_of_texts(int64_t i, firn_value *out)
{
    old_texts(i, out);
    out[2] = out[0];
    out[3] = firn_f64((double)(i * 7919 % 1009) * 0.37);
}

static void
a_damaged_chunk_is_named_and_leaves_other_columns_readable(void **state)
{
    struct rig rig;
    char path[512];
    long size;
    unsigned damaged = 0;
    unsigned partly = 0;
    begin(&rig, "id i64, a text, n i64, b text, r f64, primary key (id)");
    insert_rows(&rig, 0, 3000, 4, columns_of_texts);
    OK(firn_store_compact(rig.store, NULL, &err));
    find_columns(&rig, path, &size);
    for (long at = 4100; at < size - 4096; at += size / 40) {
        static const char *const columns[] = {"a", "n", "b", "r"};
        unsigned readable = 0;
        OK(firn_store_close(rig.store, &err));
        flip(path, at);
        open_store(&rig);
        OK(firn_table_open(rig.store, "t", &rig.table, &err));
        for (size_t i = 0; i < 4; i++) {
            int64_t rows = walk(&rig, columns[i]);
            assert_true(rows == 3000 || rows == -1);
            readable += rows == 3000;
        }
        int rc = firn_store_check(rig.store, NULL, NULL, &err);
        assert_int_equal(rc, FIRN_CORRUPT);
        assert_true(readable == 3 || readable == 0); /* 0: the key's */
        damaged++;
        partly += readable == 3;
        OK(firn_store_close(rig.store, &err));
        flip(path, at);
        open_store(&rig);
        OK(firn_table_open(rig.store, "t", &rig.table, &err));
    }
    print_message("count: %u damages of a table's file, %u of which left all columns but one\n",
                  damaged, partly);
    assert_true(partly > damaged / 2);
    (void)compare(&rig, 3000, 4, columns_of_texts, NULL);
    end(&rig);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_back_as_they_were),
        cmocka_unit_test(odd_reals_keep_all_their_bits),
        cmocka_unit_test(nulls_are_where_they_were),
        cmocka_unit_test(rows_that_were_rolled_back_are_neither_there_nor_counted),
        cmocka_unit_test(a_compaction_after_deletes_and_updates_gives_space_back),
        cmocka_unit_test(a_damaged_chunk_is_named_and_leaves_other_columns_readable),
    };
    return cmocka_run_group_tests_name("table_values", tests, NULL, NULL);
}

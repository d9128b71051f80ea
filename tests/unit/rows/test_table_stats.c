/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: what a table takes up: rows, runs, columns and indexes, with what was written.
 */
#include <inttypes.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_ok.h"
#include "support/test_random.h"

static firn_error err;

static firn_store *store;
static firn_table *table;

static void
make(const char *definition)
{
    firn_table_def *def;
    OK(firn_store_open_memory(128 << 20, NULL, &store, &err));
    OK(firn_table_def_parse(definition, &def, &err));
    OK(firn_table_create(store, "t", def, &table, &err));
    firn_release(def);
}

static firn_table_statistics *
stats_of(firn_snapshot *snapshot, bool count)
{
    firn_table_stats_options options = FIRN_TABLE_STATS_OPTIONS_INIT;
    firn_table_statistics *stats;
    options.snapshot = snapshot;
    options.count = count;
    OK(firn_table_stats(table, &options, &stats, &err));
    return stats;
}

static uint64_t
chunks_in(const firn_table_column_statistics *column)
{
    uint64_t chunks = 0;
    for (unsigned i = 0; i < FIRN_TABLE_ENCODINGS_MAX; i++) {
        assert_true(column->encodings[i] == 0 || firn_table_encoding_name(i) != NULL);
        chunks += column->encodings[i];
    }
    return chunks;
}

static void
an_empty_table_has_nothing(void **state)
{
    make("id i32 primary key, a text, index by_a (a)");
    firn_table_statistics *stats = stats_of(NULL, false);
    assert_int_equal(stats->rows, 0);
    assert_true(stats->rows_are_exact);
    assert_int_equal(stats->runs, 0);
    assert_int_equal(stats->file_bytes, 0);
    assert_int_equal(stats->column_count, 2);
    assert_int_equal(stats->index_count, 1);
    assert_string_equal(stats->columns[1]->definition->name, "a");
    assert_int_equal(stats->columns[1]->definition->type, FIRN_TYPE_TEXT);
    assert_int_equal(stats->columns[1]->chunks, 0);
    assert_true(firn_is_null(stats->columns[1]->smallest));
    assert_string_equal(stats->indexes[0]->name, "by_a");
    assert_false(stats->indexes[0]->is_unique);
    firn_release(stats);
    OK(firn_store_close(store, &err));
}

/* Values in value files do not count for the size of the runs that refer to them. */
static void
large_values_do_not_make_small_runs(void **state)
{
    enum { LARGE = 1500, SIZE = 10000 };
    static uint8_t bytes[SIZE];
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    struct test_random random;
    firn_table_def *def;
    options.memory_bytes = FIRN_STORE_MEMORY_MIN;
    test_random_init(&random, "large values", 1);
    OK(firn_store_open_memory(256 << 20, &options, &store, &err));
    OK(firn_table_def_parse("id i32 primary key, data blob", &def, &err));
    OK(firn_table_create(store, "t", def, &table, &err));
    firn_release(def);
    for (int i = 0; i < LARGE; i++) {
        test_random_fill(&random, bytes, sizeof bytes);
        /* Out of order: all runs overlap, so they are merged. */
        const firn_value row[] = {firn_i64(i * 677 % LARGE),
                                  firn_blob(firn_bytes(bytes, sizeof bytes))};
        OK(firn_table_insert(table, NULL, row, 2, &err));
    }
    OK(firn_store_flush(store, &err));
    OK(firn_store_compact(store, NULL, &err));
    firn_table_statistics *stats = stats_of(NULL, true);
    assert_int_equal(stats->rows, LARGE);
    assert_int_equal(stats->runs, 1);
    firn_release(stats);
    OK(firn_store_close(store, &err));
}

enum { ROWS = 5000 };

static void
columns_have_what_was_written(void **state)
{
    make("id i32 primary key, few text, many text, n i64 not null, f f64, d decimal(9, 2), u uuid, "
         "unique index by_n (n)");
    for (int i = 0; i < ROWS; i++) {
        char many[40];
        uint8_t uuid[16];
        (void)snprintf(many, sizeof many, "gr\xc3\xbc\xc3\x9f%09d and more of it", i);
        memset(uuid, i % 7, sizeof uuid);
        const firn_value row[] = {
            firn_i64(i),
            i % 10 == 0 ? firn_null() : firn_text(i % 2 == 0 ? "even" : "odd"),
            firn_text(many),
            firn_i64((int64_t)i * 1000 - 7),
            firn_f64(i / 2.0),
            firn_typed_i64(FIRN_TYPE_DECIMAL, 5 * i),
            {.type = FIRN_TYPE_UUID, .as.bytes = firn_bytes(uuid, sizeof uuid)}};
        OK(firn_table_insert(table, NULL, row, 7, &err));
    }
    firn_table_statistics *stats = stats_of(NULL, false);
    assert_int_equal(stats->rows, ROWS);
    assert_false(stats->rows_are_exact);
    assert_int_equal(stats->memory_rows, ROWS);
    assert_true(stats->memory_bytes > ROWS);
    assert_int_equal(stats->indexes[0]->entries, ROWS);
    assert_true(stats->indexes[0]->memory_bytes > ROWS);
    assert_true(stats->indexes[0]->is_unique);
    firn_release(stats);
    OK(firn_store_flush(store, &err));
    OK(firn_store_compact(store, NULL, &err));
    stats = stats_of(NULL, true);
    assert_int_equal(stats->rows, ROWS);
    assert_true(stats->rows_are_exact);
    assert_int_equal(stats->memory_rows, 0);
    assert_int_equal(stats->memory_bytes, 0);
    assert_true(stats->runs >= 1);
    assert_int_equal(stats->indexes[0]->entries, ROWS);
    assert_true(stats->indexes[0]->file_bytes > 0);
    uint64_t stored = 0;
    for (size_t i = 0; i < stats->column_count; i++) {
        const firn_table_column_statistics *column = stats->columns[i];
        assert_int_equal(column->values, ROWS);
        assert_int_equal(column->nulls, i == 1 ? ROWS / 10 : 0);
        assert_int_equal(chunks_in(column), column->chunks);
        assert_true(column->chunks >= 1);
        assert_true(column->stored_bytes > 0 && column->raw_bytes > column->stored_bytes);
        stored += column->stored_bytes;
    }
    assert_true(stored <= stats->file_bytes);
    const firn_table_column_statistics *const *columns = stats->columns;
    assert_int_equal(columns[0]->smallest.as.i64, 0);
    assert_int_equal(columns[0]->largest.as.i64, ROWS - 1);
    assert_int_equal(columns[0]->largest.type, FIRN_TYPE_I32);
    assert_memory_equal(columns[1]->smallest.as.bytes.data, "even", 4);
    assert_int_equal(columns[1]->smallest.as.bytes.size, 4);
    assert_memory_equal(columns[1]->largest.as.bytes.data, "odd", 3);
    assert_false(columns[1]->largest_is_cut);
    assert_true(columns[2]->largest_is_cut);
    assert_memory_equal(columns[2]->largest.as.bytes.data, "gr\xc3\xbc\xc3\x9f", 6);
    assert_int_equal(columns[3]->smallest.as.i64, -7);
    assert_int_equal(columns[3]->largest.as.i64, (int64_t)(ROWS - 1) * 1000 - 7);
    assert_true(columns[4]->largest.as.f64 == (ROWS - 1) / 2.0);
    assert_int_equal(columns[5]->largest.as.i64, 5 * (ROWS - 1));
    assert_int_equal(columns[5]->definition->scale, 2);
    assert_int_equal(columns[6]->largest.as.bytes.size, 16);
    firn_release(stats);
    OK(firn_store_close(store, &err));
}

static void
large_text_is_bounded_by_whole_characters(void **state)
{
    make("id i32 primary key, a text, v vector(3)");
    /* The sixteenth byte is in the middle of a character. */
    const float vector[3] = {1, 2, 3};
    const firn_value row[] = {
        firn_i64(1),
        firn_text("fifteen letters\xe2\x82\xac and more"),
        {.type = FIRN_TYPE_VECTOR, .as.bytes = firn_bytes(vector, sizeof vector)}};
    OK(firn_table_insert(table, NULL, row, 3, &err));
    OK(firn_store_flush(store, &err));
    firn_table_statistics *stats = stats_of(NULL, false);
    const firn_table_column_statistics *a = stats->columns[1];
    assert_int_equal(a->smallest.as.bytes.size, 15);
    assert_int_equal(a->largest.as.bytes.size, 15);
    assert_true(a->largest_is_cut);
    assert_true(firn_is_null(stats->columns[2]->largest));
    firn_release(stats);
    OK(firn_store_close(store, &err));
}

static void
rows_are_counted_where_that_is_wanted(void **state)
{
    firn_snapshot *snapshot;
    struct test_random random;
    test_random_init(&random, "rows_are_counted_where_that_is_wanted", 1);
    make("id i32 primary key, a i64, index by_a (a)");
    bool is_there[200] = {false};
    uint64_t rows = 0;
    uint64_t before = 0;
    for (unsigned i = 0; i < 2000; i++) {
        unsigned key = (unsigned)test_random_below(&random, 200);
        const firn_value row[] = {firn_i64(key), firn_i64(i)};
        if (test_random_below(&random, 3) != 0) {
            OK(firn_table_upsert(table, NULL, row, 2, &err));
            rows += !is_there[key];
            is_there[key] = true;
        } else if (is_there[key]) {
            OK(firn_table_delete(table, NULL, row, 1, &err));
            rows--;
            is_there[key] = false;
        }
        if (i % 400 == 399) {
            OK(firn_store_flush(store, &err));
        }
        if (i == 1000) {
            OK(firn_snapshot_open(store, NULL, &snapshot, &err));
            before = rows;
        }
    }
    firn_table_statistics *stats = stats_of(NULL, true);
    assert_int_equal(stats->rows, rows);
    assert_int_equal(stats->indexes[0]->entries, rows);
    firn_release(stats);
    stats = stats_of(snapshot, true);
    assert_int_equal(stats->rows, before);
    assert_int_equal(stats->indexes[0]->entries, before);
    firn_release(stats);
    firn_snapshot_close(snapshot);
    OK(firn_store_compact(store, NULL, &err));
    stats = stats_of(NULL, false);
    assert_int_equal(stats->rows, rows); /* nothing overlaps any more */
    firn_release(stats);
    OK(firn_store_close(store, &err));
}

static void
bounds_are_those_of_all_chunks(void **state)
{
    static const char *const texts[] = {"m", "z", "a", "y"};
    make("id i32 primary key, n i64, t text");
    for (int i = 0; i < 4; i++) {
        const firn_value row[] = {firn_i64(i),
                                  firn_i64(i == 1   ? 100
                                           : i == 2 ? -100
                                                    : i),
                                  firn_text(texts[i])};
        OK(firn_table_insert(table, NULL, row, 3, &err));
        OK(firn_store_flush(store, &err));
    }
    firn_table_statistics *stats = stats_of(NULL, false);
    assert_int_equal(stats->columns[1]->smallest.as.i64, -100);
    assert_int_equal(stats->columns[1]->largest.as.i64, 100);
    assert_memory_equal(stats->columns[2]->smallest.as.bytes.data, "a", 1);
    assert_memory_equal(stats->columns[2]->largest.as.bytes.data, "z", 1);
    assert_int_equal(stats->columns[0]->smallest.as.i64, 0);
    assert_int_equal(stats->columns[0]->largest.as.i64, 3);
    firn_release(stats);
    OK(firn_store_close(store, &err));
}

static void
tombstones_behind_newer_ones_are_no_rows(void **state)
{
    firn_snapshot *snapshots[8];
    const firn_value row[] = {firn_i64(1), firn_i64(2)};
    make("id i32 primary key, a i64");
    for (unsigned i = 0; i < 8; i += 2) {
        OK(firn_table_insert(table, NULL, row, 2, &err));
        OK(firn_snapshot_open(store, NULL, &snapshots[i], &err));
        OK(firn_table_delete(table, NULL, row, 1, &err));
        OK(firn_snapshot_open(store, NULL, &snapshots[i + 1], &err));
    }
    OK(firn_store_flush(store, &err));
    firn_table_statistics *stats = stats_of(NULL, false);
    assert_true(stats->rows <= 1);
    assert_false(stats->rows_are_exact && stats->rows != 0);
    firn_release(stats);
    stats = stats_of(snapshots[1], false);
    assert_true(stats->rows <= 8);
    firn_release(stats);
    for (unsigned i = 0; i < 8; i++) {
        firn_snapshot_close(snapshots[i]);
    }
    OK(firn_store_close(store, &err));
}

static void
no_allocation_that_fails_is_overlooked(void **state)
{
    unsigned failures = 0;
    test_alloc_install();
    make("id i32 primary key, a text, index by_a (a)");
    const firn_value row[] = {firn_i64(1), firn_text("text")};
    OK(firn_table_insert(table, NULL, row, 2, &err));
    OK(firn_store_flush(store, &err));
    firn_release(stats_of(NULL, true));
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        firn_table_stats_options options = FIRN_TABLE_STATS_OPTIONS_INIT;
        firn_table_statistics *stats;
        options.count = true;
        test_fault_allocation(&fault);
        int rc = firn_table_stats(table, &options, &stats, &err);
        test_fault_end(&fault);
        if (rc == FIRN_OK) {
            assert_int_equal(stats->rows, 1);
            firn_release(stats);
        } else {
            assert_int_equal(rc, FIRN_NO_MEMORY);
            assert_null(stats);
            failures++;
        }
    }
    assert_true(failures > 3);
    OK(firn_store_close(store, &err));
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
what_cannot_be_meant_is_refused(void **state)
{
    firn_table_statistics *stats;
    firn_table_stats_options options = FIRN_TABLE_STATS_OPTIONS_INIT;
    firn_store *other;
    make("id i32 primary key");
    assert_int_equal(firn_table_stats(NULL, NULL, &stats, &err), FIRN_INVALID);
    assert_int_equal(firn_table_stats(table, NULL, NULL, &err), FIRN_INVALID);
    OK(firn_store_open_memory(16 << 20, NULL, &other, &err));
    OK(firn_snapshot_open(other, NULL, &options.snapshot, &err));
    assert_int_equal(firn_table_stats(table, &options, &stats, &err), FIRN_INVALID);
    firn_snapshot_close(options.snapshot);
    OK(firn_store_close(other, &err));
    assert_string_equal(firn_table_encoding_name(1), "plain");
    assert_string_equal(firn_table_encoding_name(0), "large");
    assert_null(firn_table_encoding_name(15));
    OK(firn_store_close(store, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_has_nothing),
        cmocka_unit_test(large_values_do_not_make_small_runs),
        cmocka_unit_test(columns_have_what_was_written),
        cmocka_unit_test(large_text_is_bounded_by_whole_characters),
        cmocka_unit_test(rows_are_counted_where_that_is_wanted),
        cmocka_unit_test(bounds_are_those_of_all_chunks),
        cmocka_unit_test(tombstones_behind_newer_ones_are_no_rows),
        cmocka_unit_test(no_allocation_that_fails_is_overlooked),
        cmocka_unit_test(what_cannot_be_meant_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

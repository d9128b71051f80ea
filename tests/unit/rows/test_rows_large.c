/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: tables with large blobs. These lie in value files, are written once, leave with their rows and
 * columns, and are read by who asks for them alone; what is damaged of them takes no other column away.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "inspect/inspect.h"
#include "rows_show.h"
#include "sim/sim_memory.h"
#include "support/test_file.h"
#include "support/test_random.h"

enum { ROWS = 60, SIZE = 64 << 10 };

static firn_error err;

struct world {
    struct db_support support;
    struct firn_db *db;
    struct firn_table *table;
    unsigned versions[ROWS]; /* of the blobs; 0: the row is not there */
};
static struct world world;

static firn_slice
blob_of(int64_t id, unsigned version)
{
    static uint8_t bytes[SIZE];
    struct test_random random = {(uint64_t)id * 1000 + version};
    test_random_fill(&random, bytes, sizeof bytes);
    return firn_bytes(bytes, sizeof bytes);
}

static void
put(int64_t id)
{
    const firn_value values[] = {firn_i64(id * 2), firn_i64(id * 3),
                                 firn_blob(blob_of(id, ++world.versions[id]))};
    DB_OK(rows_put(world.table, NULL, FI_ROWS_UPSERT, values, 3, &err));
}

static void
put_all(void)
{
    for (int64_t id = 0; id < ROWS; id++) {
        put(id);
    }
}

static void
flush(void)
{
    DB_OK(fi_db_maintain_flush(world.db, &err));
}

static void
compact(void)
{
    DB_OK(fi_db_maintain_compact(world.db, NULL, &err));
}

static firn_store_statistics
stats_of(void)
{
    firn_store_statistics stats = {.size = sizeof stats};
    DB_OK(fi_inspect_stats(world.db, &stats, &err));
    return stats;
}

static int
setup(void **state)
{
    world = (struct world){.db = NULL};
    db_support_init(&world.support, 1);
    world.db = db_support_open(world.support.dir);
    DB_OK(
        rows_make(world.db, "t", "id i64, n i64, body blob, primary key (id)", &world.table, &err));
    return 0;
}

static int
teardown(void **state)
{
    DB_OK(fi_db_close(world.db, &err));
    db_support_deinit(&world.support);
    return 0;
}

static void
reopen(void)
{
    DB_OK(fi_db_close(world.db, &err));
    world.db = db_support_open(world.support.dir);
    DB_OK(fi_rows_open(world.db, "t", &world.table, &err));
}

/* The next row with a blob; NULL: there is none. */
static const firn_value *
next_row(struct firn_table_cursor *cursor)
{
    const struct firn_row *row;
    size_t count;
    for (;;) {
        DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
        const firn_value *values = row != NULL ? fi_rows_read_row_values(row, &count) : NULL;
        if (values == NULL || values[0].as.i64 % 2 == 0) {
            return values;
        }
        assert_true(firn_is_null(values[2]) && values[1].as.i64 == values[0].as.i64 / 2);
    }
}

/* All rows with blobs, in order. */
static void
compare(void)
{
    const struct fi_rows_cursor_options all = {.is_descending = false};
    struct firn_table_cursor *cursor;
    DB_OK(fi_rows_read_cursor_open(world.table, &all, &cursor, &err));
    for (int64_t id = 0; id < ROWS; id++) {
        if (world.versions[id] == 0) {
            continue;
        }
        const firn_value *values = next_row(cursor);
        assert_non_null(values);
        assert_int_equal(values[0].as.i64, id * 2);
        assert_int_equal(values[1].as.i64, id * 3);
        assert_true(fi_slice_equal(values[2].as.bytes, blob_of(id, world.versions[id])));
    }
    assert_null(next_row(cursor));
    fi_rows_read_cursor_close(cursor);
}

static void
check(void)
{
    firn_store_check_result report = {.size = sizeof report};
    DB_OK(fi_inspect_check(world.db, NULL, &report, &err));
}

/* ---- writing ---- */

static void
compactions_leave_large_values_where_they_lie(void **state)
{
    put_all();
    flush();
    firn_store_statistics stats = stats_of();
    assert_true(stats.value_files > 0);
    assert_true(stats.value_live_bytes >= (uint64_t)ROWS * SIZE);
    compare();
    uint64_t before = stats.compaction_write_bytes;
    uint64_t values = stats.value_bytes;
    for (unsigned i = 0; i < 4; i++) { /* small rows between the others */
        for (int64_t id = i; id < ROWS; id += 4) {
            const firn_value small[] = {firn_i64(id * 2 + 1), firn_i64(id), firn_null()};
            DB_OK(rows_put(world.table, NULL, FI_ROWS_UPSERT, small, 3, &err));
        }
        flush();
        compact();
    }
    stats = stats_of();
    assert_true(stats.compactions > 0);
    assert_true(stats.compaction_write_bytes - before < (uint64_t)ROWS * SIZE / 20);
    assert_int_equal(stats.value_bytes, values);
    assert_int_equal(stats.value_live_bytes, values);
    compare();
    check();
    reopen();
    compare();
    check();
}

static void
what_was_overwritten_or_deleted_is_given_up(void **state)
{
    for (unsigned round = 0; round < 5; round++) {
        put_all();
        flush();
        compare();
    }
    compact();
    firn_store_statistics stats = stats_of();
    assert_true(stats.value_live_bytes >= (uint64_t)ROWS * SIZE);
    assert_true(stats.value_live_bytes < (uint64_t)ROWS * (SIZE + 1000));
    assert_true(stats.value_bytes < 2 * stats.value_live_bytes + (SIZE << 2));
    compare();
    check();
    for (int64_t id = 0; id < ROWS; id++) {
        const firn_value key = firn_i64(id * 2);
        if (id % 4 != 0) {
            DB_OK(fi_rows_write_delete(world.table, NULL, &key, 1, FIRN_DURABILITY_OS, &err));
            world.versions[id] = 0;
        }
    }
    compact();
    stats = stats_of();
    assert_true(stats.value_live_bytes < (uint64_t)ROWS / 4 * (SIZE + 1000));
    assert_true(stats.value_bytes < 2 * stats.value_live_bytes + (SIZE << 2));
    compare();
    check();
    reopen();
    compare();
}

static int
drop_body(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *error)
{
    (void)ctx;
    return fi_schema_change_drop_column(old, firn_str("body"), out, error);
}

static void
a_column_that_is_dropped_takes_its_values_along(void **state)
{
    const struct fi_rows_change change = {drop_body, NULL};
    put_all();
    flush();
    compact();
    assert_true(stats_of().value_live_bytes > 0);
    DB_OK(fi_rows_alter(world.table, &change, &err));
    for (int64_t id = 0; id < ROWS; id++) {
        const firn_value values[] = {firn_i64(id * 2), firn_i64(id)};
        if (id % 2 == 0) {
            DB_OK(rows_put(world.table, NULL, FI_ROWS_UPSERT, values, 2, &err));
        }
    }
    compact();
    assert_int_equal(stats_of().value_live_bytes, 0);
    check();
}

static void
checkpoints_and_restores_have_their_values(void **state)
{
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    put_all();
    flush();
    DB_OK(fi_db_checkpoint_create(world.db, "first", NULL, &err));
    put_all();
    compact();
    compare();
    put_all();
    DB_OK(fi_db_checkpoint_restore(world.db, "first", &restored, &safety, &err));
    for (int64_t id = 0; id < ROWS; id++) {
        world.versions[id] = 1;
    }
    compare();
    compact();
    compare();
    check();
    reopen();
    compare();
}

/* ---- damage ---- */

struct damaging {
    struct fi_os_dir *runs;
    unsigned count;
};

/* Changes a byte of each MiB of a value file. */
static int
damage_file(void *ctx, const struct fi_os_dirent *entry)
{
    struct damaging *damaging = ctx;
    struct fi_buf bytes = {0};
    if (strstr(entry->name, ".values") != NULL) {
        test_file_read(damaging->runs, entry->name, &bytes);
        for (size_t at = 1000; at + 1000 < bytes.size; at += 1000) {
            bytes.data[at] ^= 1;
        }
        test_file_write(damaging->runs, entry->name, bytes.data, bytes.size);
        fi_buf_deinit(&bytes);
        damaging->count++;
    }
    return FIRN_OK;
}

static void
keep_text(void *ctx, const char *text)
{
    assert_int_equal(fi_buf_append_format(ctx, "%s\n", text), FIRN_OK);
}

static void
who_does_not_ask_for_a_damaged_value_does_not_notice(void **state)
{
    static const char *const columns[] = {"n", "id"};
    const struct fi_rows_cursor_options some = {.read = {.columns = columns, .column_count = 2}};
    const struct fi_rows_cursor_options all = {.is_descending = false};
    struct firn_table_cursor *cursor;
    const struct firn_row *row;
    struct damaging damaging = {.count = 0};
    struct fi_buf texts = {0};
    firn_store_check_result report = {.size = sizeof report};
    const struct fi_inspect_check_options options = {.on_damage = keep_text, .ctx = &texts};
    put_all();
    flush();
    compact();
    DB_OK(fi_db_close(world.db, &err));
    DB_OK(fi_os_dir_open(world.support.dir, "runs", &damaging.runs, &err));
    DB_OK(fi_os_dir_list(damaging.runs, damage_file, &damaging, &err));
    fi_os_dir_close(damaging.runs);
    assert_true(damaging.count > 0);
    world.db = db_support_open(world.support.dir);
    DB_OK(fi_rows_open(world.db, "t", &world.table, &err));
    DB_OK(fi_rows_read_cursor_open(world.table, &some, &cursor, &err));
    for (int64_t id = 0; id < ROWS; id++) {
        size_t count;
        DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
        assert_int_equal(fi_rows_read_row_values(row, &count)[0].as.i64, id * 3);
    }
    fi_rows_read_cursor_close(cursor);
    DB_OK(fi_rows_read_cursor_open(world.table, &all, &cursor, &err));
    assert_int_equal(fi_rows_read_cursor_next(cursor, &row, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, ".values'"));
    assert_non_null(strstr(err.text, "column 3 of the row"));
    fi_rows_read_cursor_close(cursor);
    assert_int_equal(fi_inspect_check(world.db, &options, &report, &err), FIRN_CORRUPT);
    assert_int_equal(fi_buf_append_u8(&texts, 0), FIRN_OK);
    assert_non_null(strstr((const char *)texts.data, "column"));
    assert_non_null(strstr((const char *)texts.data, ".values'"));
    fi_buf_deinit(&texts);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(compactions_leave_large_values_where_they_lie, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_was_overwritten_or_deleted_is_given_up, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_column_that_is_dropped_takes_its_values_along, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(checkpoints_and_restores_have_their_values, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_does_not_ask_for_a_damaged_value_does_not_notice, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("rows_large", tests, NULL, NULL);
}

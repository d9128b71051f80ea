/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: tables that fill their disk. Rows that were inserted are there, the one that was refused is not; deletes are
 * never refused, of each row, of every other one or of a range, on the same handle or on a new one; and then there is
 * room for other rows. Indexes have the entries of the rows throughout.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rows_show.h"
#include "sim/sim_memory.h"
#include "support/test_random.h"

enum { DISK = 8 << 20, VALUE = 900, ROWS_MAX = 1 << 15 };

static const struct fi_db_options tiny = {
    .create_if_missing = true, .memory_bytes = 1 << 20, .durability = FIRN_DURABILITY_OS};
static firn_error err;

struct world {
    struct db_support support;
    struct firn_db *db;
    struct firn_table *table;
    bool has_index;
    bool is_there[ROWS_MAX];
    int64_t count; /* of rows that were inserted once */
};

static void
open_world(struct world *world)
{
    DB_OK(fi_db_open(world->support.dir, &tiny, &world->db, &err));
    int rc = fi_rows_open(world->db, "t", &world->table, &err);
    if (rc == FIRN_NOT_FOUND) {
        rc = rows_make(world->db, "t",
                       world->has_index ? "id i64, n i64, s blob, primary key (id), index by_n (n)"
                                        : "id i64, n i64, s blob, primary key (id)",
                       &world->table, &err);
    }
    DB_OK(rc);
}

static void
reopen(struct world *world)
{
    DB_OK(fi_db_close(world->db, &err));
    open_world(world);
}

static int
insert(struct world *world, int64_t id)
{
    uint8_t bytes[VALUE];
    struct test_random random = {(uint64_t)id * 65537 + 1};
    test_random_fill(&random, bytes, sizeof bytes);
    const firn_value values[3] = {firn_i64(id), firn_i64(id * 7919 % 1009),
                                  firn_blob(firn_bytes(bytes, sizeof bytes))};
    const struct fi_rows_put what = {.mode = FI_ROWS_INSERT, .values = values, .count = 3};
    return fi_rows_write_put(world->table, NULL, &what, FIRN_DURABILITY_OS, NULL, &err);
}

/* Rows by the key, or by the index. */
static void
check_by(struct world *world, const char *index)
{
    const struct fi_rows_cursor_options all = {.read = {.index = index}};
    struct firn_table_cursor *cursor;
    const struct firn_row *row;
    int64_t found = 0;
    int64_t wanted = 0;
    DB_OK(fi_rows_read_cursor_open(world->table, &all, &cursor, &err));
    for (;;) {
        size_t count;
        uint8_t bytes[VALUE];
        DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
        if (row == NULL) {
            break;
        }
        const firn_value *values = fi_rows_read_row_values(row, &count);
        struct test_random random = {(uint64_t)values[0].as.i64 * 65537 + 1};
        test_random_fill(&random, bytes, sizeof bytes);
        assert_true(values[0].as.i64 < world->count && world->is_there[values[0].as.i64]);
        assert_true(fi_slice_equal(values[2].as.bytes, firn_bytes(bytes, sizeof bytes)));
        found++;
    }
    fi_rows_read_cursor_close(cursor);
    for (int64_t i = 0; i < world->count; i++) {
        wanted += world->is_there[i];
    }
    assert_int_equal(found, wanted);
}

static void
check(struct world *world)
{
    check_by(world, NULL);
    if (world->has_index) {
        check_by(world, "by_n");
    }
}

static void
delete_one(struct world *world, int64_t id)
{
    const firn_value key = firn_i64(id);
    DB_OK(fi_rows_write_delete(world->table, NULL, &key, 1, FIRN_DURABILITY_OS, &err));
    world->is_there[id] = false;
}

/* In parts: with an index, entries of all rows of a range must fit into a transaction. */
static void
delete_all(struct world *world)
{
    for (int64_t first = 0; first < world->count; first += 200) {
        const firn_value bounds[2] = {firn_i64(first), firn_i64(first + 200)};
        const struct fi_rows_span span = {{&bounds[0], 1, false}, {&bounds[1], 1, true}};
        DB_OK(fi_rows_write_delete_range(world->table, NULL, &span, FIRN_DURABILITY_OS, &err));
    }
    memset(world->is_there, 0, sizeof world->is_there);
}

/* step 0: a range. */
static void
fill_and_delete(bool has_index, int64_t step, bool reopens)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->has_index = has_index;
    db_support_init(&world->support, 1);
    fi_sim_memory_set_space(world->support.os, DISK);
    open_world(world);
    int rc;
    while ((rc = insert(world, world->count)) == FIRN_OK) {
        world->is_there[world->count++] = true;
        assert_true(world->count < ROWS_MAX);
    }
    DB_FAILS(rc, FIRN_NO_SPACE, "space");
    assert_true(world->count > DISK / VALUE / 4);
    check(world);
    if (reopens) {
        fi_db_abandon(world->db);
        open_world(world);
        check(world);
    }
    if (step == 0) {
        delete_all(world);
    }
    for (int64_t id = 0; step != 0 && id < world->count; id += step) {
        delete_one(world, id);
    }
    check(world);
    DB_OK(fi_db_maintain_compact(world->db, NULL, &err));
    for (unsigned i = 0; i < 100; i++) {
        DB_OK(insert(world, world->count));
        world->is_there[world->count++] = true;
    }
    check(world);
    reopen(world);
    check(world);
    DB_OK(fi_db_close(world->db, &err));
    db_support_deinit(&world->support);
    free(world);
}

static void
a_table_that_fills_its_disk_goes_on_after_deletes(void **state)
{
    unsigned rounds = 0;
    for (unsigned i = 0; i < 12; i++, rounds++) {
        fill_and_delete(i % 2 != 0, i / 2 % 3, i >= 6);
    }
    print_message("count: %u tables that filled their disk\n", rounds);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_that_fills_its_disk_goes_on_after_deletes),
    };
    return cmocka_run_group_tests_name("rows_space", tests, NULL, NULL);
}

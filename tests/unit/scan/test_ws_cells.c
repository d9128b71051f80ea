/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/scan: files of 16 GiB and more: what hostile lists of cells and endless holes can do, any
 * number of threads, files that change and grow, and every call and allocation failing.
 */
#include <errno.h>
#include <time.h>

#include "base/slice.h"
#include "pack/pack_cells.h"
#include "scan/scan.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_file.h"
#include "support/workspace/ws_break.h"
#include "support/workspace/ws_plant.h"

#define GIB (UINT64_C(1) << 30)
#define TIB (UINT64_C(1) << 40)
enum { CELL = FI_PACK_CELLS_SIZE, IN_LIST = FI_PACK_CELLS_IN_LIST, BLOCK = 4096 };

/* ---- hostile stores ---- */

/* A list of cells that names one object `count` times in a row. */
static firn_hash
put_list(struct ws_plant *planting, uint8_t level, uint64_t size, const firn_hash *item,
         unsigned count)
{
    struct fi_buf list = {0};
    firn_hash name;
    assert_int_equal(fi_buf_append(&list, (const uint8_t[]){0, 1, level}, 3), FIRN_OK);
    assert_int_equal(fi_buf_append_varint(&list, size), FIRN_OK);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(fi_buf_append_varint(&list, 0), FIRN_OK);
        assert_int_equal(fi_buf_append(&list, item->bytes, sizeof item->bytes), FIRN_OK);
    }
    fi_pack_cells_name(fi_buf_slice(&list), &name);
    ws_plant_object(planting, FI_PACK_PIECES, fi_buf_slice(&list), name);
    fi_buf_deinit(&list);
    return name;
}

static firn_hash
put_cell(struct ws_plant *planting)
{
    static char text[CELL];
    memset(text, 'c', sizeof text);
    const firn_hash hash = ws_plant_hash_of(text, sizeof text);
    return ws_plant_object(planting, FI_PACK_BLOB, firn_bytes((uint8_t *)text, sizeof text), hash);
}

static firn_hash
put_file(struct ws_plant *planting, firn_hash hash, uint64_t size)
{
    struct ws_plant_entry raw = {.name = "b", .kind = FI_TREE_FILE, .size = size, .hash = hash};
    return ws_plant_dir(planting, &raw, 1);
}

static firn_hash
a_list_that_is_absent(struct ws_plant *planting)
{
    const firn_hash absent = {{1, 2}};
    return put_file(planting, put_list(planting, 1, 16 * GIB, &absent, 1), 16 * GIB);
}

static firn_hash
a_cell_that_is_absent(struct ws_plant *planting)
{
    const firn_hash absent = {{1, 3}};
    firn_hash list = put_list(planting, 0, 2 * GIB, &absent, 1);
    return put_file(planting, put_list(planting, 1, 16 * GIB, &list, 1), 16 * GIB);
}

static firn_hash
a_cell_of_another_size(struct ws_plant *planting)
{
    firn_hash cell = ws_plant_blob(planting, "short");
    firn_hash list = put_list(planting, 0, 2 * GIB, &cell, 1);
    return put_file(planting, put_list(planting, 1, 16 * GIB, &list, 1), 16 * GIB);
}

static firn_hash
a_cell_whose_pieces_make_something_else(struct ws_plant *planting)
{
    const struct fi_pack_piece piece = {.size = CELL, .is_hole = true};
    const firn_hash cell = {{7, 7}};
    struct fi_buf list = {0};
    assert_int_equal(fi_pack_pieces_encode(&piece, 1, &list), FIRN_OK);
    ws_plant_object(planting, FI_PACK_PIECES, fi_buf_slice(&list), cell);
    fi_buf_deinit(&list);
    firn_hash below = put_list(planting, 0, 2 * GIB, &cell, 1);
    return put_file(planting, put_list(planting, 1, 16 * GIB, &below, 1), 16 * GIB);
}

static firn_hash
a_list_for_another_size(struct ws_plant *planting)
{
    firn_hash cell = put_cell(planting);
    firn_hash list = put_list(planting, 0, GIB, &cell, 1);
    return put_file(planting, put_list(planting, 1, 16 * GIB, &list, 1), 16 * GIB);
}

static firn_hash
a_list_of_another_level(struct ws_plant *planting)
{
    firn_hash cell = put_cell(planting);
    firn_hash list = put_list(planting, 0, 2 * GIB, &cell, 1);
    list = put_list(planting, 1, 2 * GIB, &list, 1);
    return put_file(planting, put_list(planting, 1, 16 * GIB, &list, 1), 16 * GIB);
}

static firn_hash
a_list_of_nothing(struct ws_plant *planting)
{
    firn_hash list = put_list(planting, 0, 2 * GIB, NULL, 0);
    return put_file(planting, put_list(planting, 1, 16 * GIB, &list, 1), 16 * GIB);
}

static firn_hash
a_list_whose_items_are_cells(struct ws_plant *planting)
{
    firn_hash cell = put_cell(planting);
    return put_file(planting, put_list(planting, 1, 16 * GIB, &cell, 1), 16 * GIB);
}

static firn_hash
cells_of_a_small_file(struct ws_plant *planting)
{
    firn_hash cell = put_cell(planting);
    return put_file(planting, put_list(planting, 0, CELL, &cell, 1), CELL);
}

static firn_hash
cells_as_a_piece(struct ws_plant *planting)
{
    firn_hash cell = put_cell(planting);
    const struct fi_pack_piece pieces[] = {
        {.size = CELL, .hash = put_list(planting, 0, CELL, &cell, 1)},
        {.size = CELL, .is_hole = true}};
    const firn_hash name = {{8, 7}};
    struct fi_buf list = {0};
    assert_int_equal(fi_pack_pieces_encode(pieces, 2, &list), FIRN_OK);
    ws_plant_object(planting, FI_PACK_PIECES, fi_buf_slice(&list), name);
    fi_buf_deinit(&list);
    return put_file(planting, name, 2 * CELL);
}

static firn_hash
more_than_the_entry_says(struct ws_plant *planting)
{
    firn_hash cell = put_cell(planting);
    firn_hash list = put_list(planting, 0, 2 * GIB, &cell, 1);
    return put_file(planting, put_list(planting, 1, 17 * GIB, &list, 1), 16 * GIB);
}

static firn_hash
a_level_too_many(struct ws_plant *planting)
{
    firn_hash cell = put_cell(planting);
    firn_hash list = put_list(planting, 0, 2 * GIB, &cell, 1);
    list = put_list(planting, 1, 16 * GIB, &list, 1);
    return put_file(planting, put_list(planting, 2, 16 * GIB, &list, 1), 16 * GIB);
}

struct hostile {
    const char *name;
    firn_hash (*plant)(struct ws_plant *planting);
};

static void
expect_corrupt(const struct hostile *hostile, const char *operation, int rc, const firn_error *err)
{
    if (rc != FIRN_CORRUPT) {
        fail_msg("%s: %s gave %s (%s)", hostile->name, operation, firn_code_name(rc),
                 rc != FIRN_OK ? err->text : "");
    }
}

static void
plant(struct ws_plant *planting, firn_hash (*what)(struct ws_plant *planting))
{
    ws_world_open_memory(&planting->world, 31);
    scan_put_text(&planting->world.tree, "mine", "first");
    ws_save(&planting->world);
    ws_plant_begin(planting);
    firn_hash root = what(planting);
    ws_plant_end(planting, &root);
}

static int
take_some(void *ctx, firn_slice data, firn_error *error)
{
    (void)error;
    uint64_t *left = ctx;
    *left -= data.size < *left ? data.size : *left;
    return *left == 0 ? FIRN_CANCELLED : FIRN_OK;
}

static void
lists_that_no_save_would_write_are_refused(void **state)
{
    static const struct hostile cases[] = {
        {"a list that is absent", a_list_that_is_absent},
        {"a cell that is absent", a_cell_that_is_absent},
        {"a cell of another size", a_cell_of_another_size},
        {"a cell whose pieces make something else", a_cell_whose_pieces_make_something_else},
        {"a list for another size", a_list_for_another_size},
        {"a list of another level", a_list_of_another_level},
        {"a list of nothing", a_list_of_nothing},
        {"a list whose items are cells", a_list_whose_items_are_cells},
        {"cells of a small file", cells_of_a_small_file},
        {"cells as a piece", cells_as_a_piece},
        {"more than the entry says", more_than_the_entry_says},
        {"a level too many", a_level_too_many},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ws_plant planting = {0};
        struct ws_world *world = &planting.world;
        uint64_t left = UINT64_MAX;
        firn_workspace_entry *entry;
        firn_workspace_repair_options options = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT;
        firn_workspace_repair_result result;
        plant(&planting, cases[i].plant);
        expect_corrupt(&cases[i], "a check", ws_try_check(world, NULL), &world->err);
        for (world->threads = 1; world->threads <= 3; world->threads++) {
            expect_corrupt(&cases[i], "a restore", ws_try_restore(world, "2", NULL), &world->err);
            assert_true(ws_dump_has(world, "mine"));
            assert_false(ws_dump_has(world, "b "));
        }
        expect_corrupt(
            &cases[i], "cat",
            fi_ws_cat(world->ws, "2", firn_str("b"), take_some, &left, &entry, &world->err),
            &world->err);
        int rc = fi_repair(world->ws, &options, &result, &world->err);
        if (rc != FIRN_OK || result.was_intact || ws_try_check(world, NULL) != FIRN_OK) {
            fail_msg("%s: a repair gave %s (%s)", cases[i].name, firn_code_name(rc),
                     world->err.text);
        }
        ws_world_close(world);
    }
}

/* One cell, named 2^33 times: 8 PiB of it. */
static firn_hash
eight_pebibytes(struct ws_plant *planting)
{
    firn_hash hash = put_cell(planting);
    hash = put_list(planting, 0, 2 * GIB, &hash, IN_LIST);
    hash = put_list(planting, 1, 4 * TIB, &hash, IN_LIST);
    return put_file(planting, put_list(planting, 2, 8192 * TIB, &hash, IN_LIST), 8192 * TIB);
}

static void
a_cell_that_is_named_everywhere_is_verified_once(void **state)
{
    struct ws_plant planting = {0};
    struct ws_world *world = &planting.world;
    firn_workspace_restore_options dry = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    firn_workspace_entry *entry;
    uint64_t left = 100 << 20;
    plant(&planting, eight_pebibytes);
    ws_assert_check_clean(world);
    dry.dry_run = true;
    for (dry.threads = 1; dry.threads <= 2; dry.threads++) {
        assert_int_equal(fi_ws_restore(world->ws, "2", &dry, &result, &world->err), FIRN_OK);
    }
    assert_int_equal(
        fi_ws_cat(world->ws, "2", firn_str("b"), take_some, &left, &entry, &world->err),
        FIRN_CANCELLED);
    assert_int_equal(left, 0);
    ws_world_close(world);
}

/* A plain name, whose hash would have to see every zero of 64 TiB. */
static firn_hash
an_endless_hole(struct ws_plant *planting)
{
    const struct fi_pack_piece pieces[] = {{.size = 5, .hash = ws_plant_blob(planting, "first")},
                                           {.size = 64 * TIB - 5, .is_hole = true}};
    const firn_hash name = {{6, 6}};
    struct fi_buf list = {0};
    assert_int_equal(fi_pack_pieces_encode(pieces, 2, &list), FIRN_OK);
    ws_plant_object(planting, FI_PACK_PIECES, fi_buf_slice(&list), name);
    fi_buf_deinit(&list);
    return put_file(planting, name, 64 * TIB);
}

/* Reading takes what there is to read, not what is claimed. */
static void
an_endless_hole_costs_nothing(void **state)
{
    struct ws_plant planting = {0};
    struct ws_world *world = &planting.world;
    firn_workspace_check_options check = FIRN_WORKSPACE_CHECK_OPTIONS_INIT;
    firn_workspace_check_result check_result;
    firn_workspace_restore_options restore = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    firn_workspace_repair_options repair = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT;
    firn_workspace_repair_result repair_result;
    firn_workspace_entry *entry;
    uint64_t left = 100 << 20;
    const time_t start = time(NULL);
    ws_world_open_disk(world); /* where time goes on */
    scan_put_text(&world->tree, "mine", "first");
    ws_save(world);
    ws_plant_begin(&planting);
    firn_hash root = an_endless_hole(&planting);
    ws_plant_end(&planting, &root);
    check.read_data = true;
    assert_int_equal(fi_verify(world->ws, &check, &check_result, &world->err), FIRN_OK);
    restore.dry_run = true;
    for (restore.threads = 1; restore.threads <= 2; restore.threads++) {
        assert_int_equal(fi_ws_restore(world->ws, "2", &restore, &result, &world->err), FIRN_OK);
    }
    assert_int_equal(fi_repair(world->ws, &repair, &repair_result, &world->err), FIRN_OK);
    assert_int_equal(
        fi_ws_cat(world->ws, "2", firn_str("b"), take_some, &left, &entry, &world->err),
        FIRN_CANCELLED);
    assert_true(time(NULL) - start < 60); /* hashing 64 TiB takes hours */
    ws_world_close(world);
}

/* ---- threads, changes ---- */

static firn_hash
root_of_latest(struct ws_world *world)
{
    firn_workspace_checkpoint *latest;
    assert_int_equal(fi_ws_find(world->ws, "latest", &latest, &world->err), FIRN_OK);
    return latest->root;
}

static void
the_number_of_threads_does_not_matter(void **state)
{
    static const uint64_t offsets[] = {0, 3 * GIB, 3 * GIB + CELL, 15 * GIB + 5 * BLOCK};
    firn_hash roots[4];
    for (unsigned threads = 1; threads <= 4; threads++) {
        struct ws_world world;
        ws_world_open_memory(&world, 5);
        world.threads = threads;
        scan_put_sparse(&world.tree, "f", 16 * GIB + 77, offsets, 4);
        scan_set_mtime(&world.tree, "f", 1);
        ws_save(&world);
        roots[threads - 1] = root_of_latest(&world);
        assert_memory_equal(&roots[threads - 1], &roots[0], sizeof roots[0]);
        scan_remove_file(&world.tree, "f");
        ws_restore(&world, "1");
        ws_save(&world); /* what was restored has the name of what was saved */
        firn_hash again = root_of_latest(&world);
        assert_memory_equal(&again, &roots[0], sizeof again);
        ws_assert_check_clean(&world);
        ws_world_close(&world);
    }
}

/* What a second reading of a file that grows compares: the name of its beginning, and of all. */
static void
a_beginning_is_named_with_the_whole(void **state)
{
    static const uint64_t offsets[] = {0, 3 * GIB + CELL - BLOCK, 16 * GIB, 16 * GIB + 9 * BLOCK};
    static const uint64_t sizes[] = {16 * GIB,        16 * GIB + 1,          16 * GIB + BLOCK,
                                     16 * GIB + CELL, 16 * GIB + 10 * BLOCK, 20 * GIB};
    struct ws_world world;
    struct fi_os_file *file;
    ws_world_open_memory(&world, 5);
    scan_put_sparse(&world.tree, "f", 20 * GIB, offsets, 4);
    assert_int_equal(fi_os_file_open(world.tree.root, "f", FI_OS_READ, 0, &file, &world.err),
                     FIRN_OK);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct fi_scan_cell_walk alone = {.file = file, .size = sizes[i]};
        struct fi_scan_cell_walk both = {.file = file, .size = 20 * GIB};
        struct fi_scan_cell_walk longer = {.file = file, .size = 20 * GIB + 1};
        firn_hash expected;
        firn_hash all;
        firn_hash part;
        assert_int_equal(fi_scan_cell_walk_name(&alone, &expected, 0, NULL, &world.err), FIRN_OK);
        assert_int_equal(fi_scan_cell_walk_name(&both, &all, sizes[i], &part, &world.err), FIRN_OK);
        assert_memory_equal(&part, &expected, sizeof part);
        assert_int_equal(memcmp(&all, &part, sizeof all) == 0, sizes[i] == 20 * GIB);
        assert_false(both.is_shorter);
        assert_int_equal(fi_scan_cell_walk_name(&longer, &all, 0, NULL, &world.err), FIRN_OK);
    }
    fi_os_file_close(file);
    ws_world_close(&world);
}

/* ---- failures ---- */

enum { SAVE, RESTORE, CHECK, OPERATIONS };

static int
run(struct ws_world *world, int operation)
{
    switch (operation) {
    case SAVE:
        return ws_try_save(world, NULL);
    case RESTORE:
        return ws_try_restore(world, "1", NULL);
    default:
        return ws_try_check(world, NULL);
    }
}

static void
judge(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    (void)operation;
    (void)broken;
    ws_assert_check_clean(world);
    ws_save(world);
    ws_restore(world, "1");
    firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result result;
    options.reference = "1";
    assert_int_equal(fi_ws_status(world->ws, &options, NULL, NULL, &result, &world->err), FIRN_OK);
    assert_int_equal(result.changed + result.added + result.removed + result.times_only, 0);
    ws_assert_check_clean(world);
}

static void
prepare(struct ws_world *world)
{
    static const uint64_t offsets[] = {0, 5 * GIB};
    static const uint64_t others[] = {0, 7 * GIB, 7 * GIB + CELL};
    ws_world_open_memory(world, 12);
    scan_put_sparse(&world->tree, "f", 16 * GIB + 5, offsets, 2);
    ws_save(world);
    scan_remove_file(&world->tree, "f");
    scan_put_sparse(&world->tree, "f", 17 * GIB, others, 3);
    assert_int_equal(fi_os_dir_sync_filesystem(world->tree.root, &world->err), FIRN_OK);
}

static void
any_call_may_fail(void **state)
{
    for (int operation = SAVE; operation < OPERATIONS; operation++) {
        struct ws_world world;
        struct ws_break_numbered numbered = {run, judge, operation};
        prepare(&world);
        struct ws_break how = ws_break_numbered(&world, &numbered, 16);
        assert_true(ws_break_is_enough(ws_break_calls(&how, false, EIO)));
        assert_true(ws_break_is_enough(ws_break_allocations(&how, WS_BREAK_ONCE)));
        ws_world_close(&world);
    }
}

static void
the_power_may_go_at_any_moment(void **state)
{
    for (int operation = SAVE; operation < CHECK; operation++) {
        struct ws_world world;
        struct ws_break_numbered numbered = {run, judge, operation};
        prepare(&world);
        struct ws_break how = ws_break_numbered(&world, &numbered, 32);
        assert_true(ws_break_is_enough(ws_break_power(&how, 2)));
        ws_world_close(&world);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_that_no_save_would_write_are_refused),
        cmocka_unit_test(a_cell_that_is_named_everywhere_is_verified_once),
        cmocka_unit_test(an_endless_hole_costs_nothing),
        cmocka_unit_test(the_number_of_threads_does_not_matter),
        cmocka_unit_test(a_beginning_is_named_with_the_whole),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_moment),
    };
    test_alloc_install();
    return cmocka_run_group_tests_name("ws_cells", tests, NULL, NULL);
}

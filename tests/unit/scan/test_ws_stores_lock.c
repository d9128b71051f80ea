/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/scan: the lock of a firn store in the tree: never saved, not even with a store that cannot be
 * read; and not restored where an earlier version saved it.
 */
#include "base/slice.h"
#include "support/test.h"
#include "support/workspace/store_writer.h"
#include "support/workspace/ws_support.h"

/* ---- helpers ---- */

static void
undo(struct ws_world *world)
{
    if (ws_try_undo(world, NULL) != FIRN_OK) {
        fail_msg("%s", world->err.text);
    }
    assert_int_equal(world->notices.counts[FIRN_NOTICE_KEPT], 0);
}

static void
restore(struct ws_world *world, const char *reference)
{
    ws_restore(world, reference);
    assert_int_equal(world->notices.counts[FIRN_NOTICE_KEPT], 0);
}

/* Removes all of a store's log. */
static void
lose_log(struct ws_world *world, const char *store)
{
    struct fi_os_dir *dir = store_writer_dir(&world->tree, store);
    unsigned removed = 0;
    for (unsigned i = 1; i < 100; i++) {
        char name[24];
        (void)snprintf(name, sizeof name, "wal-%06u.log", i);
        removed += fi_os_remove_file(dir, name, NULL) == FIRN_OK ? 1 : 0;
    }
    assert_true(removed > 0);
    fi_os_dir_close(dir);
}

/* Of the file LOCK in it; 0 where there is none. */
static uint64_t
lock_size(struct ws_world *world, const char *store)
{
    struct fi_os_dir *dir = store_writer_dir(&world->tree, store);
    struct fi_os_stat stat = {0};
    bool is_there = fi_os_stat(dir, "LOCK", &stat, NULL) == FIRN_OK;
    fi_os_dir_close(dir);
    return is_there ? stat.size_bytes : 0;
}

/* ---- tests ---- */

/* A store that cannot be read is saved without its lock as well, and goes with it. */
static void
a_store_that_lost_its_log_goes_and_comes_back(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 410);
    scan_put_text(&world.tree, "deep", "a file");
    ws_save(&world);
    scan_remove_file(&world.tree, "deep");
    store_writer_put(&world.tree, "app.firn", 50);
    store_writer_put(&world.tree, "deep/er.firn", 20);
    ws_save(&world);
    lose_log(&world, "app.firn");
    lose_log(&world, "deep/er.firn");
    ws_save(&world);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_STORE], 2);
    restore(&world, "2");
    assert_int_equal(store_writer_check_at(&world.tree, "app.firn"), 50);
    undo(&world);
    assert_false(ws_dump_has(&world, "wal-"));
    restore(&world, "1");
    assert_false(ws_dump_has(&world, "app.firn"));
    assert_false(ws_dump_has(&world, "LOCK"));
    undo(&world);
    assert_true(ws_dump_has(&world, "deep/er.firn/FIRN"));
    assert_false(ws_dump_has(&world, "LOCK"));
    undo(&world);
    restore(&world, "3");
    restore(&world, "2");
    assert_int_equal(store_writer_check_at(&world.tree, "app.firn"), 50);
    assert_int_equal(store_writer_check_at(&world.tree, "deep/er.firn"), 20);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static bool
has_identity(struct ws_world *world, const char *path)
{
    struct fi_os_stat stat;
    struct fi_os_dir *dir = store_writer_dir(&world->tree, path);
    int rc = fi_os_stat(dir, "FIRN", &stat, NULL);
    fi_os_dir_close(dir);
    return rc == FIRN_OK;
}

/* Checkpoint 2 has one: it was saved where nothing said that there is a store. */
static void
a_lock_that_was_saved_is_not_restored_into_a_store(void **state)
{
    const firn_slice path = firn_str("app.firn/LOCK");
    for (int lacks_log = 0; lacks_log < 2; lacks_log++) {
        struct ws_world world;
        firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
        firn_workspace_restore_result result;
        ws_world_open_memory(&world, 411);
        store_writer_put(&world.tree, "app.firn", 50);
        ws_save(&world);
        scan_rename(&world.tree, "app.firn/FIRN", "identity");
        scan_put_text(&world.tree, "app.firn/LOCK", "saved");
        ws_save(&world);
        scan_rename(&world.tree, "identity", "app.firn/FIRN");
        if (lacks_log == 1) {
            lose_log(&world, "app.firn");
        }
        scan_put_text(&world.tree, "app.firn/LOCK", "of now");
        ws_save(&world);
        restore(&world, "2");
        assert_false(has_identity(&world, "app.firn"));
        assert_int_equal(lock_size(&world, "app.firn"), strlen("of now"));
        undo(&world);
        restore(&world, "2"); /* the lock is made while the store is locked, or is not there */
        undo(&world);
        undo(&world);
        undo(&world);
        restore(&world, "1");
        assert_int_equal(store_writer_check_at(&world.tree, "app.firn"), 50);
        scan_put_text(&world.tree, "app.firn/LOCK", "of now");
        options.paths = &path;
        options.path_count = 1;
        options.threads = 1;
        assert_int_equal(fi_ws_restore(world.ws, "2", &options, &result, &world.err), FIRN_OK);
        assert_int_equal(result.added + result.changed + result.removed, 0);
        assert_int_equal(lock_size(&world, "app.firn"), strlen("of now"));
        scan_remove_tree(&world.tree, "app.firn");
        restore(&world, "2");
        assert_int_equal(lock_size(&world, "app.firn"), strlen("saved"));
        restore(&world, "3");
        restore(&world, "1");
        assert_int_equal(store_writer_check_at(&world.tree, "app.firn"), 50);
        ws_assert_check_clean(&world);
        ws_world_close(&world);
    }
}

/* A file of this name in a directory that only looks like a store is restored like any other. */
static void
a_lock_of_something_else_is_restored(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 412);
    scan_put_text(&world.tree, "looks/FIRN", "like a store");
    scan_put_text(&world.tree, "looks/wal-000001.log", "by its names");
    scan_put_text(&world.tree, "looks/LOCK", "and is none");
    store_writer_put(&world.tree, "app.firn", 50);
    scan_put_text(&world.tree, "app.firn/mine/LOCK", "not the store's");
    ws_save(&world);
    scan_remove_file(&world.tree, "looks/LOCK");
    scan_remove_file(&world.tree, "app.firn/mine/LOCK");
    restore(&world, "1");
    assert_true(ws_dump_has(&world, "looks/LOCK"));
    assert_true(ws_dump_has(&world, "app.firn/mine/LOCK"));
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_that_lost_its_log_goes_and_comes_back),
        cmocka_unit_test(a_lock_that_was_saved_is_not_restored_into_a_store),
        cmocka_unit_test(a_lock_of_something_else_is_restored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

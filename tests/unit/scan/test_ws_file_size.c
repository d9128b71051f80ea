/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/scan: saves that leave out large files.
 */
#include "base/slice.h"
#include "support/test.h"
#include "support/workspace/ws_support.h"

static int
try_save(struct ws_world *world, uint64_t most, bool is_strict, firn_workspace_save_result *out)
{
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    options.file_size_max = most;
    options.strict = is_strict;
    options.threads = world->threads;
    scan_notices_deinit(&world->notices);
    world->notices = (struct scan_notices){.cancel_at = world->notices.cancel_at};
    options.callbacks = scan_notices_callbacks(&world->notices);
    return fi_ws_save(world->ws, &options, out, &world->err);
}

static firn_workspace_save_result
save(struct ws_world *world, uint64_t most)
{
    firn_workspace_save_result result;
    if (try_save(world, most, true, &result) != FIRN_OK) {
        fail_msg("%s", world->err.text);
    }
    return result;
}

static void
only_what_is_larger_is_left_out(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 91);
    scan_put_random(&world.tree, "a/exact", 1, 1000);
    scan_put_random(&world.tree, "a/more", 2, 1001);
    scan_put_random(&world.tree, "huge", 3, 9 << 20);
    scan_put_symlink(&world.tree, "link", "huge");
    scan_put_link(&world.tree, "other name", "a/more");
    firn_workspace_save_result result = save(&world, 1000);
    assert_int_equal(result.checkpoint->files, 2);
    assert_int_equal(result.checkpoint->bytes, 1000);
    assert_int_equal(result.checkpoint->excluded, 3);
    assert_int_equal(result.checkpoint->skipped, 0);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_EXCLUDED, "a/more"));
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_EXCLUDED, "other name"));
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_EXCLUDED, "huge"));
    assert_true(result.checkpoint->added_bytes < 10000);
    assert_int_equal(save(&world, 1001).checkpoint->files, 4);
    assert_int_equal(save(&world, 0).checkpoint->files, 5);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

/* What the stat cache knows is looked at all the same, and what it was taught does not last. */
static void
what_is_known_is_left_out_too(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 92);
    for (unsigned i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "dir/f%02u", i);
        scan_put_random(&world.tree, name, i, 100 + i * 100);
    }
    assert_int_equal(save(&world, 0).checkpoint->files, 20);
    firn_hash whole = save(&world, 0).checkpoint->root;
    assert_int_equal(save(&world, 1000).checkpoint->files, 10);
    assert_int_equal(save(&world, 1000).checkpoint->files, 10);
    assert_int_equal(save(&world, 500).checkpoint->files, 5);
    firn_workspace_save_result result = save(&world, 0);
    assert_int_equal(result.checkpoint->files, 20);
    assert_true(fi_hash_equal(&result.checkpoint->root, &whole));
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
a_restore_does_not_touch_it(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 93);
    scan_put_text(&world.tree, "dir/small", "then");
    scan_put_random(&world.tree, "dir/large", 1, 5000);
    (void)save(&world, 1000);
    scan_put_text(&world.tree, "dir/small", "now");
    scan_put_text(&world.tree, "added", "now");
    scan_put_random(&world.tree, "grown", 2, 5000);
    (void)save(&world, 0);
    ws_restore(&world, "1");
    char *dump = ws_dump(&world);
    assert_non_null(strstr(dump, "large"));
    assert_null(strstr(dump, "added"));
    assert_null(strstr(dump, "grown")); /* it came later: it is in the checkpoint after, and safe */
    free(dump);
    scan_put_text(&world.tree, "dir/large", "small by now");
    ws_restore(&world, "1");
    dump = ws_dump(&world);
    assert_non_null(strstr(dump, "large"));
    free(dump);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

/* More than a restore could be told to leave alone. */
static void
too_many_of_them_are_refused(void **state)
{
    struct ws_world world;
    firn_workspace_save_result result;
    ws_world_open_memory(&world, 94);
    for (unsigned i = 0; i < 1025; i++) {
        char name[32];
        snprintf(name, sizeof name, "dir%u/f%u", i % 7, i);
        scan_put_text(&world.tree, name, "ab");
    }
    assert_int_equal(try_save(&world, 1, false, &result), FIRN_LIMIT);
    assert_non_null(strstr(world.err.text, "rule"));
    scan_remove_file(&world.tree, "dir0/f0");
    assert_int_equal(try_save(&world, 1, false, &result), FIRN_OK);
    assert_int_equal(result.checkpoint->number, 1);
    assert_int_equal(result.checkpoint->excluded, 1024);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_larger_is_left_out),
        cmocka_unit_test(what_is_known_is_left_out_too),
        cmocka_unit_test(a_restore_does_not_touch_it),
        cmocka_unit_test(too_many_of_them_are_refused),
    };
    return cmocka_run_group_tests_name("ws_file_size", tests, NULL, NULL);
}

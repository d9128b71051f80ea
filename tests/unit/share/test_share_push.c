/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share: machines that share a remote, which is a directory: what one has pushed the others
 * can pull, compare and restore, byte for byte; and how many requests that takes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bucket/bucket_folder.h"
#include "share/share.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/test_temp.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_support.h"

static char remote[TEST_TEMP_SIZE];

static int
set_up(void **state)
{
    (void)state;
    test_temp_make(remote, sizeof remote);
    return 0;
}

static int
tear_down(void **state)
{
    (void)state;
    char command[TEST_TEMP_SIZE + 32];
    snprintf(command, sizeof command, "rm -r %s", remote);
    return system(command);
}

/* ==== machines ==== */

static void
open_machine(struct ws_world *world)
{
    ws_world_open_disk(world);
    assert_int_equal(fi_share_name_add(world->ws, "origin", remote, &world->err), FIRN_OK);
}

static int
push(struct ws_world *world, firn_push_result *out)
{
    const firn_push_options options = FIRN_PUSH_OPTIONS_INIT;
    firn_push_result ignored;
    return fi_share_push(world->ws, NULL, &options, out != NULL ? out : &ignored, &world->err);
}

static firn_push_result
push_well(struct ws_world *world)
{
    firn_push_result result;
    int rc = push(world, &result);
    assert_string_equal(rc == FIRN_OK ? "" : world->err.text, "");
    return result;
}

static firn_pull_result
pull_well(struct ws_world *world)
{
    const firn_pull_options options = FIRN_PULL_OPTIONS_INIT;
    firn_pull_result result;
    int rc = fi_share_pull(world->ws, NULL, &options, &result, &world->err);
    assert_string_equal(rc == FIRN_OK ? "" : world->err.text, "");
    return result;
}

/* ==== tests ==== */

static void
what_is_pushed_can_be_restored_elsewhere(void **state)
{
    (void)state;
    struct test_random random = {7};
    struct ws_world ada;
    struct ws_world ben;
    open_machine(&ada);
    open_machine(&ben);
    ws_edit_grow(&ada.tree, &random, 60);
    scan_put_random(&ada.tree, "large", 3, 20 << 20);
    ws_save(&ada);
    char *expected = ws_dump(&ada);
    firn_push_result pushed = push_well(&ada);
    assert_int_equal(pushed.checkpoints, 1);
    assert_in_range(pushed.requests, 3, 4); /* list, pack, state; the first look has no state */
    scan_put_text(&ben.tree, "own", "of ben");
    ws_save(&ben);
    char *before = ws_dump(&ben);
    firn_pull_result pulled = pull_well(&ben);
    assert_int_equal(pulled.checkpoints, 1);
    assert_int_equal(pulled.lines, 1);
    ws_assert_dump(&ben, before); /* nothing moves */
    ws_restore(&ben, "origin/latest");
    ws_assert_dump(&ben, expected);
    ws_assert_check_clean(&ben);
    assert_int_equal(ws_try_undo(&ben, NULL), FIRN_OK);
    ws_assert_dump(&ben, before);
    assert_int_equal(pull_well(&ben).checkpoints, 0);
    free(expected);
    free(before);
    ws_world_close(&ada);
    ws_world_close(&ben);
}

static void
requests_are_few(void **state)
{
    (void)state;
    enum { EDITS = 150 };
    struct test_random random = {8};
    struct ws_world ada;
    unsigned folded = 0;
    open_machine(&ada);
    ws_edit_grow(&ada.tree, &random, 100);
    scan_put_random(&ada.tree, "data", 3, 1 << 20);
    ws_save(&ada);
    push_well(&ada);
    firn_push_result nothing = push_well(&ada);
    assert_int_equal(nothing.requests, 1);
    assert_int_equal(nothing.checkpoints, 0);
    assert_int_equal(nothing.bytes, 0);
    for (int i = 0; i < EDITS; i++) {
        char path[32];
        for (int k = 0; k < 5; k++) {
            snprintf(path, sizeof path, "edited-%d", k);
            scan_put_random(&ada.tree, path, (uint64_t)(10 * i + k), 300);
        }
        ws_save(&ada);
        firn_push_result edited = push_well(&ada);
        assert_int_equal(edited.checkpoints, 1);
        assert_in_range(edited.requests, 2, 3);
        folded += edited.requests == 3 ? 1 : 0;
    }
    /* What was small is joined now and then, and comes as a whole. */
    assert_in_range(folded, 1, 6);
    char *expected = ws_dump(&ada);
    struct ws_world ben;
    open_machine(&ben);
    assert_int_equal(pull_well(&ben).checkpoints, EDITS + 1);
    ws_restore(&ben, "origin/latest");
    ws_assert_dump(&ben, expected);
    ws_assert_check_clean(&ben);
    assert_int_equal(push_well(&ada).requests, 1);
    free(expected);
    ws_world_close(&ben);
    ws_world_close(&ada);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_pushed_can_be_restored_elsewhere, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(requests_are_few, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("share_push", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share: machines that share a remote, which is a directory: what one has pushed the others
 * can pull, compare and restore, byte for byte; and how many requests that takes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bucket/bucket_folder.h"
#include "os/os_names.h"
#include "posix/os_default.h"
#include "share/share_internal.h"
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

static struct fi_share_add_options makes; /* encrypted if stores are */
static const struct fi_share_add_options joins = {.must_exist = true};

static void
open_machine(struct ws_world *world)
{
    ws_world_open_disk(world);
    assert_int_equal(fi_share_name_add(world->ws, "origin", remote, &makes, &world->err), FIRN_OK);
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

/* A place with a mistyped name is no new remote for who only wants to join one. */
static void
only_a_remote_can_be_joined(void **state)
{
    (void)state;
    struct ws_world ada;
    ws_world_open_disk(&ada);
    assert_int_equal(fi_share_name_add(ada.ws, "origin", remote, &joins, &ada.err), FIRN_NOT_FOUND);
    assert_int_equal(rmdir(remote), 0); /* nothing was made in it */
    assert_int_equal(fi_share_name_add(ada.ws, "origin", remote, &joins, &ada.err), FIRN_NOT_FOUND);
    assert_int_equal(access(remote, F_OK), -1);
    assert_int_equal(fi_share_name_add(ada.ws, "origin", remote, &makes, &ada.err), FIRN_OK);
    assert_int_equal(fi_share_name_add(ada.ws, "again", remote, &joins, &ada.err), FIRN_OK);
    ws_world_close(&ada);
}

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
    firn_workspace_checkpoint *tagged;
    assert_int_equal(fi_ws_tag_set(ada.ws, "v1", "1", false, &tagged, &ada.err), FIRN_OK);
    push_well(&ada);
    firn_pull_result pulled = pull_well(&ben);
    assert_int_equal(pulled.checkpoints, 1);
    assert_int_equal(pulled.lines, 1);
    ws_assert_dump(&ben, before); /* nothing moves */
    ws_restore(&ben, "origin/v1");
    ws_assert_dump(&ben, expected);
    ws_assert_check_clean(&ben);
    assert_int_equal(ws_try_undo(&ben, NULL), FIRN_OK);
    ws_assert_dump(&ben, before);
    assert_int_equal(fi_ws_tag_delete(ada.ws, "v1", &ada.err), FIRN_OK);
    push_well(&ada);
    assert_int_equal(pull_well(&ben).checkpoints, 0);
    assert_int_equal(ws_try_restore(&ben, "origin/v1", NULL), FIRN_NOT_FOUND);
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

/* Takes the oldest checkpoints out of the remote, as a policy does. */
static int
plan_forget(void *ctx, struct fi_remote *machine, struct fi_remote_change *change, firn_error *err)
{
    uint64_t *last = ctx; /* order */
    const struct fi_remote_table *entries = &machine->state.entries;
    for (size_t i = 0; i < entries->count; i++) {
        struct fi_share_checkpoint checkpoint;
        struct fi_catalog_record record;
        firn_slice rest;
        if (!fi_share_entry_is(entries->items[i].key, FI_SHARE_ENTRY_CHECKPOINT, &rest)) {
            continue;
        }
        FI_TRY_RETURN(fi_share_entry_decode_checkpoint(entries->items[i].value, &checkpoint, err));
        FI_TRY_RETURN(fi_catalog_record_decode(checkpoint.record, &record, err));
        if (record.order <= *last) {
            FI_TRY_RETURN(fi_remote_table_put(&change->removed, entries->items[i].key,
                                              firn_bytes(NULL, 0), 0, err));
        }
    }
    *last = 0;
    return FIRN_OK;
}

static void
forget_in_remote(uint64_t last)
{
    struct fi_bucket *bucket;
    struct fi_remote machine;
    firn_error err;
    assert_int_equal(fi_bucket_folder_open(fi_os_default(), remote, false, &bucket, &err), FIRN_OK);
    fi_remote_init(&machine, bucket, fi_os_default(), "test");
    assert_int_equal(fi_remote_push(&machine, plan_forget, &last, &err), FIRN_OK);
    fi_remote_deinit(&machine);
    fi_bucket_close(bucket);
}

static uint64_t
count_packs(void)
{
    struct fi_os_dir *dir;
    struct fi_buf names = {0};
    const char *name = NULL;
    uint64_t count = 0;
    firn_error err;
    char path[TEST_TEMP_SIZE + 16];
    snprintf(path, sizeof path, "%s/packs", remote);
    assert_int_equal(fi_os_dir_open_path(fi_os_default(), path, &dir, &err), FIRN_OK);
    assert_int_equal(fi_os_names_list(dir, NULL, &names, &err), FIRN_OK);
    while ((name = fi_os_names_next(&names, name)) != NULL) {
        count++;
    }
    fi_buf_deinit(&names);
    fi_os_dir_close(dir);
    return count;
}

/* What only old checkpoints had goes; what others share with them stays. */
static void
a_prune_removes_what_nothing_needs(void **state)
{
    (void)state;
    firn_prune_options options = FIRN_PRUNE_OPTIONS_INIT;
    firn_prune_result pruned;
    struct ws_world ada;
    struct ws_world ben;
    struct ws_world cyd;
    open_machine(&ada);
    open_machine(&ben);
    open_machine(&cyd);
    scan_put_random(&ada.tree, "stays", 77, 9 << 20);
    for (int i = 0; i < 5; i++) {
        scan_put_random(&ada.tree, "changes", (uint64_t)i, 1 << 20);
        ws_save(&ada);
        push_well(&ada);
    }
    pull_well(&ben);
    char *expected = ws_dump(&ada);
    assert_int_equal(count_packs(), 5);
    forget_in_remote(4);
    options.now = true;
    options.dry_run = true;
    assert_int_equal(fi_share_prune(ada.ws, NULL, &options, &pruned, &ada.err), FIRN_OK);
    assert_int_equal(pruned.removed_packs, 3);
    assert_int_equal(count_packs(), 5);
    options.dry_run = false;
    int rc = fi_share_prune(ben.ws, NULL, &options, &pruned, &ben.err);
    assert_string_equal(rc == FIRN_OK ? "" : ben.err.text, "");
    assert_int_equal(pruned.checkpoints, 1);
    assert_int_equal(pruned.removed_packs, 3); /* the first has the file that stays */
    assert_int_equal(count_packs(), 2);
    /* Who pushed does not send again what is there, nor what was removed, and sends what is gone. */
    assert_int_equal(push_well(&ada).checkpoints, 0);
    scan_put_random(&ada.tree, "changes", 2, 1 << 20);
    ws_save(&ada);
    firn_push_result again = push_well(&ada);
    assert_int_equal(again.checkpoints, 1);
    assert_in_range(again.bytes, 1 << 20, 2 << 20);
    pull_well(&cyd);
    ws_restore(&cyd, "origin/latest~1");
    ws_assert_dump(&cyd, expected);
    ws_assert_check_clean(&cyd);
    free(expected);
    ws_world_close(&ada);
    ws_world_close(&ben);
    ws_world_close(&cyd);
}

/* Of one path its directories and its frames are fetched, in few requests. */
static void
one_path_is_taken(void **state)
{
    (void)state;
    struct ws_world ada;
    struct ws_world ben;
    open_machine(&ada);
    open_machine(&ben);
    scan_put_dir(&ada.tree, "d");
    scan_put_dir(&ada.tree, "d/e");
    for (int i = 0; i < 300; i++) {
        char path[32];
        snprintf(path, sizeof path, "d/%d", i);
        scan_put_random(&ada.tree, path, (uint64_t)i, 40000);
    }
    scan_put_text(&ada.tree, "d/e/one", "the one");
    scan_put_random(&ada.tree, "d/e/large", 7, 9 << 20);
    scan_put_text(&ada.tree, "d/e/two", "two");
    ws_save(&ada);
    push_well(&ada);
    const firn_slice paths[] = {firn_str("d/e/one")};
    firn_take_options options = FIRN_TAKE_OPTIONS_INIT;
    firn_take_result taken;
    options.paths = paths;
    options.path_count = 1;
    int rc = fi_share_take(ben.ws, NULL, "latest", &options, &taken, &ben.err);
    assert_string_equal(rc == FIRN_OK ? "" : ben.err.text, "");
    assert_int_equal(taken.checkpoint->files, 1);
    assert_in_range(taken.requests, 3, 5); /* list, state, end of the pack, frame */
    assert_in_range(taken.bytes, 1, 4 << 20);
    ws_restore(&ben, "latest");
    assert_true(ws_dump_has(&ben, "d/e/one"));
    assert_false(ws_dump_has(&ben, "d/e/two"));
    ws_assert_check_clean(&ben);
    /* A directory with a large file. */
    const firn_slice directory[] = {firn_str("d/e")};
    options.paths = directory;
    rc = fi_share_take(ben.ws, NULL, "1", &options, &taken, &ben.err);
    assert_string_equal(rc == FIRN_OK ? "" : ben.err.text, "");
    assert_int_equal(taken.checkpoint->files, 3);
    ws_restore(&ben, "latest");
    assert_true(ws_dump_has(&ben, "d/e/large"));
    ws_assert_check_clean(&ben);
    const firn_slice missing[] = {firn_str("d/none")};
    options.paths = missing;
    assert_int_equal(fi_share_take(ben.ws, NULL, "latest", &options, &taken, &ben.err),
                     FIRN_NOT_FOUND);
    assert_int_equal(fi_share_take(ben.ws, NULL, "9", &options, &taken, &ben.err), FIRN_NOT_FOUND);
    /* All of it. */
    options.path_count = 0;
    rc = fi_share_take(ben.ws, NULL, "latest", &options, &taken, &ben.err);
    assert_string_equal(rc == FIRN_OK ? "" : ben.err.text, "");
    char *expected = ws_dump(&ada);
    ws_restore(&ben, "latest");
    ws_assert_dump(&ben, expected);
    free(expected);
    ws_world_close(&ada);
    ws_world_close(&ben);
}

static void
a_prune_leaves_what_is_needed(void **state)
{
    (void)state;
    struct test_random random = {9};
    struct ws_world ada;
    struct ws_world ben;
    firn_prune_options options = FIRN_PRUNE_OPTIONS_INIT;
    firn_prune_result pruned;
    open_machine(&ada);
    for (int i = 0; i < 6; i++) {
        char path[32];
        snprintf(path, sizeof path, "large-%d", i % 2);
        ws_edit_grow(&ada.tree, &random, 20);
        scan_put_random(&ada.tree, path, (uint64_t)i, 12 << 20);
        ws_save(&ada);
        push_well(&ada);
    }
    char *expected = ws_dump(&ada);
    /* Nothing to remove. */
    assert_int_equal(fi_share_prune(ada.ws, NULL, &options, &pruned, &ada.err), FIRN_OK);
    assert_int_equal(pruned.checkpoints, 6);
    assert_int_equal(pruned.removed_packs, 0);
    /* All are younger than a day, so the policy takes none away. */
    options.keep = "last:1";
    assert_int_equal(fi_share_prune(ada.ws, NULL, &options, &pruned, &ada.err), FIRN_OK);
    assert_int_equal(pruned.removed_checkpoints, 0);
    assert_int_equal(push_well(&ada).requests, 1);
    open_machine(&ben);
    pull_well(&ben);
    ws_restore(&ben, "origin/latest");
    ws_assert_dump(&ben, expected);
    free(expected);
    ws_world_close(&ada);
    ws_world_close(&ben);
}

int
main(void)
{
    makes.encrypt = getenv("FIRN_TEST_ENCRYPT") != NULL;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_a_remote_can_be_joined, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_pushed_can_be_restored_elsewhere, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(requests_are_few, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_path_is_taken, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_prune_leaves_what_is_needed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_prune_removes_what_nothing_needs, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("share_push", tests, NULL, NULL);
}

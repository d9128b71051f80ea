/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/operations: a revert with its n-th call of the system, its n-th allocation and its n-th moment
 * of power gone. Afterwards each file is the old one or the merged one, the store is clean to the
 * last byte, and asking again brings the merged tree; or undo the old one.
 */
#include <errno.h>

#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_share.h"
#include "support/workspace/ws_break.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_reverting.h"

/* A machine with two checkpoints and an edited tree, all durable. */
struct prepared {
    struct ws_world world;
    char *edited;
    char *merged; /* without times: that of a merged file is the one of the call */
};

static char *
dump_without_times(struct ws_world *world)
{
    static const char *const times[] = {"mtime="};
    char *dump = ws_dump(world);
    char *text = ws_edit_without(dump, times, 1);
    free(dump);
    return text;
}

static void
prepare(struct prepared *prepared, uint64_t seed)
{
    struct ws_world *world = &prepared->world;
    struct scan_world *tree = &world->tree;
    ws_world_open_memory(world, seed);
    scan_put_text(tree, "text", "1\n2\n3\n4\n5\n");
    scan_put_text(tree, "gone/x/y", "y");
    scan_put_text(tree, "flip", "a file");
    scan_put_link(tree, "same", "flip");
    scan_put_symlink(tree, "link", "a");
    scan_put_text(tree, ".firnignore", "never\n");
    ws_save(world);
    scan_put_text(tree, "text", "1\n2\n3\n4\nfive\n");
    scan_remove_tree(tree, "gone");
    scan_remove_file(tree, "flip");
    scan_put_text(tree, "flip/now", "a directory");
    scan_remove_file(tree, "link");
    scan_put_text(tree, "new/one", "one");
    scan_put_text(tree, ".firnignore", "other\n");
    ws_save(world);
    scan_put_text(tree, "text", "one\n2\n3\n4\nfive\n");
    scan_put_text(tree, "later", "later");
    scan_put_text(tree, "new/own", "own");
    prepared->edited = ws_dump(world);
    assert_int_equal(fi_os_dir_sync_filesystem(tree->root, &world->err), FIRN_OK);

    struct ws_world merged;
    ws_world_clone(world, &merged);
    ws_revert(&merged, "2");
    prepared->merged = dump_without_times(&merged);
    ws_world_close(&merged);
}

static void
prepared_deinit(struct prepared *prepared)
{
    ws_world_close(&prepared->world);
    free(prepared->edited);
    free(prepared->merged);
}

static void
assert_merged(struct ws_world *world, const struct prepared *prepared)
{
    char *now = dump_without_times(world);
    assert_string_equal(now, prepared->merged);
    free(now);
}

/* What must hold after any failure, and that it can be gone on with, or taken back. */
static void
assert_all_is_well(struct ws_world *world, const struct prepared *prepared, bool take_back)
{
    static const char *const times[] = {"mtime="};
    char *now = dump_without_times(world);
    char *edited = ws_edit_without(prepared->edited, times, 1);
    assert_true(ws_edit_is_mix(now, edited, prepared->merged));
    ws_assert_check_clean(world);
    if (take_back && strcmp(now, edited) != 0) {
        assert_int_equal(ws_try_undo(world, NULL), FIRN_OK);
        ws_assert_dump(world, prepared->edited);
    } else {
        ws_revert(world, "2");
        assert_merged(world, prepared);
    }
    ws_assert_check_clean(world);
    free(now);
    free(edited);
}

struct broken_revert {
    const struct prepared *prepared;
    bool dry_run;
};

static int
do_revert(void *ctx, struct ws_world *world)
{
    return ws_try_revert(world, NULL, "2", ((const struct broken_revert *)ctx)->dry_run, NULL);
}

static void
judge_revert(void *ctx, struct ws_world *world, const struct ws_broken *broken)
{
    const struct broken_revert *revert = ctx;
    if (revert->dry_run) {
        ws_assert_dump(world, revert->prepared->edited);
    } else if (broken->rc == FIRN_OK && broken->is_cut) {
        assert_merged(world, revert->prepared);
    }
    assert_all_is_well(world, revert->prepared, (broken->attempt + broken->seed / 1000) % 2 == 0);
}

static struct ws_break
how_to_break(struct broken_revert *revert)
{
    return (struct ws_break){.from = &revert->prepared->world,
                             .run = do_revert,
                             .judge = judge_revert,
                             .ctx = revert,
                             .loop = revert->dry_run ? 1 : 0};
}

static void
fail_calls(bool for_ever, int error_number, bool dry_run)
{
    struct prepared prepared;
    prepare(&prepared, 61);
    struct broken_revert revert = {&prepared, dry_run};
    struct ws_break how = how_to_break(&revert);
    assert_true(ws_break_is_enough(ws_break_calls(&how, for_ever, error_number)));
    prepared_deinit(&prepared);
}

static void
any_call_may_fail_once(void **state)
{
    fail_calls(false, EIO, false);
}

static void
any_call_and_all_after_it_may_fail(void **state)
{
    fail_calls(true, ENOSPC, false);
}

static void
any_call_of_a_dry_run_may_fail(void **state)
{
    fail_calls(false, EIO, true);
}

static void
fail_allocations(enum ws_break_memory kind)
{
    struct prepared prepared;
    prepare(&prepared, 62);
    for (int dry_run = 0; dry_run < 2; dry_run++) {
        struct broken_revert revert = {&prepared, dry_run != 0};
        struct ws_break how = how_to_break(&revert);
        how.every = dry_run != 0 ? 4 : 1;
        ws_break_allocations(&how, kind);
    }
    prepared_deinit(&prepared);
}

static void
any_allocation_may_fail(void **state)
{
    ws_break_any_allocation(fail_allocations);
}

static void
the_power_may_go_at_any_call(void **state)
{
    struct prepared prepared;
    prepare(&prepared, 63);
    struct broken_revert revert = {&prepared, false};
    struct ws_break how = how_to_break(&revert);
    uint64_t cuts = ws_break_power(&how, test_is_long() ? 20 : 4);
    printf("count: %llu power cuts of reverts\n", (unsigned long long)cuts);
    prepared_deinit(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_call_may_fail_once),
        cmocka_unit_test(any_call_and_all_after_it_may_fail),
        cmocka_unit_test(any_call_of_a_dry_run_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    return cmocka_run_group_tests_name("ws_revert_faults", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/operations: every operation with its n-th call of the system, its n-th allocation and its
 * n-th moment of power gone. Afterwards the store opens, is clean to the last byte, has what was
 * acknowledged, and the operation can be done. Compiled with TEST_LISTED the store is one with a list
 * of its own files (trust/trust_files.c), and has files of others in it.
 */
#include <errno.h>

#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_file.h"
#include "support/test_share.h"
#include "support/workspace/ws_break.h"
#include "support/workspace/ws_edit.h"
#include "trust/trust.h"

/* A machine with checkpoint 1, checkpoint 2 and an edited tree, all durable. */
struct prepared {
    struct ws_world world;
    char *first;
    char *edited;
};

static void
sync_everything(struct ws_world *world)
{
    assert_int_equal(fi_os_dir_sync_filesystem(world->tree.root, &world->err), FIRN_OK);
}

#ifdef TEST_LISTED
static const bool is_listed = true;
#else
static const bool is_listed = false;
#endif

/* Makes the directory of a store to be, durably, and a note that says that this user did. */
static void
begin_list(struct ws_world *world, const char *parent, const char *name)
{
    struct fi_os_dir *dir;
    struct fi_os_dir *store;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, parent, &dir, &world->err), FIRN_OK);
    assert_int_equal(fi_os_make_dir(dir, name, 0700, &world->err), FIRN_OK);
    assert_int_equal(fi_os_dir_open(dir, name, &store, &world->err), FIRN_OK);
    assert_int_equal(fi_trust_store_begin(store, "/w", &world->err), FIRN_OK);
    assert_int_equal(fi_os_dir_sync_filesystem(dir, &world->err), FIRN_OK);
    fi_os_dir_close(store);
    fi_os_dir_close(dir);
}

/* Files that firn would read or need, if they were its own. */
static void
plant_foreign(struct ws_world *world)
{
    const char *const names[] = {"wal-000002.log", "wal-000009.log", "manifest-000002.log",
                                 "RESERVE",        "REPAIRING",      "FIRN.tmp"};
    struct scan_world store = {.os = world->tree.os};
    assert_int_equal(fi_os_dir_open_path(store.os, "/s", &store.root, &world->err), FIRN_OK);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        scan_put_text(&store, names[i], "not firn's");
    }
    scan_put_text(&store, "packs/00000003.pack", "not firn's");
    scan_put_text(&store, "packs/00000003.pack.tmp", "not firn's");
    scan_put_text(&store, "runs/000001.row", "not firn's");
    fi_os_dir_close(store.root);
}

static void
prepare(struct prepared *prepared, uint64_t seed)
{
    const uint64_t offsets[] = {8192};
    struct ws_world *world = &prepared->world;
    ws_world_open_memory(world, seed);
    if (is_listed) {
        begin_list(world, "/", "s");
    }
    struct scan_world *tree = &world->tree;
    scan_put_text(tree, "a", "first");
    scan_put_text(tree, "dir/b", "in a directory");
    scan_put_text(tree, "dir/c", "and another");
    scan_put_text(tree, "gone/x/y", "y");
    scan_put_text(tree, "flip", "a file");
    scan_put_symlink(tree, "link", "a");
    scan_put_link(tree, "dir/same", "a");
    scan_put_sparse(tree, "sparse", 65536, offsets, 1);
    scan_set_xattr(tree, "a", "user.k", "v");
    scan_put_text(tree, ".firnignore", "never\n");
    ws_save(world);
    prepared->first = ws_dump(world);
    scan_put_text(tree, "a", "second");
    scan_put_text(tree, ".firnignore", "not/this/either\n"); /* both checkpoints name rules */
    ws_save(world);
    scan_remove_tree(tree, "gone");
    scan_put_text(tree, "dir/b", "edited");
    scan_put_text(tree, "added/q", "q");
    scan_remove_file(tree, "flip");
    scan_put_text(tree, "flip/now", "a directory");
    scan_remove_file(tree, "link");
    scan_remove_file(tree, ".firnignore");
    prepared->edited = ws_dump(world);
    if (is_listed) {
        plant_foreign(world);
    }
    sync_everything(world);
}

static void
prepared_deinit(struct prepared *prepared)
{
    ws_world_close(&prepared->world);
    free(prepared->first);
    free(prepared->edited);
}

enum operation { SAVE, RESTORE, CHECK, STATUS, LIST, ELSEWHERE, FIRST_SAVE, OPERATIONS };

static int
ignore_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)ctx;
    (void)checkpoint;
    return FIRN_OK;
}

static int
run(struct ws_world *world, enum operation operation)
{
    firn_workspace_status_options status = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result status_result;
    firn_workspace_list_options list = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    firn_workspace_restore_options elsewhere = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result restore_result;
    switch (operation) {
    case SAVE:
    case FIRST_SAVE:
        return ws_try_save(world, NULL);
    case RESTORE:
        return ws_try_restore(world, "1", NULL);
    case CHECK:
        return ws_try_check(world, NULL);
    case STATUS:
        return fi_ws_status(world->ws, &status, NULL, NULL, &status_result, &world->err);
    case LIST:
        return fi_ws_list(world->ws, &list, ignore_checkpoint, NULL, &world->err);
    default:
        elsewhere.to_dir = "/elsewhere/in";
        return fi_ws_restore(world->ws, "1", &elsewhere, &restore_result, &world->err);
    }
}

static bool
changes_tree(enum operation operation)
{
    return operation == RESTORE;
}

static void
assert_no_left_overs(struct ws_world *world)
{
    struct fi_os_dir *packs;
    int rc = fi_os_dir_open_path(world->tree.os, "/s/packs", &packs, NULL);
    if (rc == FIRN_NOT_FOUND) {
        return;
    }
    assert_int_equal(rc, FIRN_OK);
    for (unsigned i = 1; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "%08u.pack.tmp", i);
        if (is_listed && i == 3) {
            continue; /* it may be that of others */
        }
        assert_false(test_file_exists(packs, name));
    }
    fi_os_dir_close(packs);
}

/* A first save that failed may have left no store: then there is nothing to check. */
static void
assert_nothing_is_damaged(struct ws_world *world, enum operation operation)
{
    firn_workspace_check_result result;
    int rc = ws_try_check(world, &result);
    assert_true(rc == FIRN_OK || (rc == FIRN_NOT_FOUND && operation == FIRST_SAVE));
    assert_int_equal(result.damaged, 0);
}

/* What must hold after any failure, and that everything can be done again. */
static void
assert_all_is_well(struct ws_world *world, const struct prepared *prepared,
                   enum operation operation, uint64_t acknowledged)
{
    assert_nothing_is_damaged(world, operation);
    firn_workspace_checkpoint *latest;
    if (operation == FIRST_SAVE) {
        int rc = fi_ws_find(world->ws, "latest", &latest, &world->err);
        assert_true(rc == FIRN_OK || (rc == FIRN_NOT_FOUND && acknowledged == 0));
        ws_save(world);
        assert_no_left_overs(world);
        ws_assert_check_clean(world);
        return;
    }
    if (!changes_tree(operation)) {
        ws_assert_dump(world, prepared->edited);
    }
    assert_int_equal(fi_ws_find(world->ws, "latest", &latest, &world->err), FIRN_OK);
    assert_true(latest->number >= acknowledged);
    assert_true(latest->number <= acknowledged + 1);
    ws_restore(world, "1");
    ws_assert_dump(world, prepared->first);
    ws_save(world);
    assert_no_left_overs(world);
    ws_assert_check_clean(world);
}

/* ---- calls of the system ---- */

struct broken_run {
    const struct prepared *prepared;
    enum operation operation;
};

static void
begin_run(void *ctx, struct ws_world *world)
{
    const struct broken_run *run = ctx;
    if (run->operation == FIRST_SAVE && is_listed) {
        struct fi_os_dir *top;
        assert_int_equal(fi_os_dir_open_path(world->tree.os, "/", &top, &world->err), FIRN_OK);
        assert_int_equal(fi_os_make_dir(top, "fresh", 0700, &world->err), FIRN_OK);
        begin_list(world, "/fresh", "store");
        assert_int_equal(fi_os_dir_sync(top, &world->err), FIRN_OK);
        fi_os_dir_close(top);
    }
    if (run->operation == FIRST_SAVE) {
        free(world->store_path);
        world->store_path = strdup("/fresh/store");
        ws_world_reopen(world);
    }
}

static int
do_run(void *ctx, struct ws_world *world)
{
    return run(world, ((const struct broken_run *)ctx)->operation);
}

static void
judge_run(void *ctx, struct ws_world *world, const struct ws_broken *broken)
{
    const struct broken_run *run = ctx;
    enum operation operation = run->operation;
    bool is_save = operation == SAVE || operation == FIRST_SAVE;
    uint64_t before = operation == FIRST_SAVE ? 0 : 2;
    if (operation == RESTORE && broken->is_cut) {
        char *now = ws_dump(world);
        assert_true(broken->rc != FIRN_OK || strcmp(now, run->prepared->first) == 0);
        assert_true(ws_edit_is_mix(now, run->prepared->edited, run->prepared->first));
        free(now);
    }
    assert_all_is_well(world, run->prepared, operation,
                       before + (is_save && broken->rc == FIRN_OK ? 1 : 0));
}

static struct ws_break
how_to_break(struct broken_run *run)
{
    return (struct ws_break){.from = &run->prepared->world,
                             .begin = begin_run,
                             .run = do_run,
                             .judge = judge_run,
                             .ctx = run,
                             .loop = run->operation};
}

static void
fail_calls(bool for_ever, int error_number)
{
    struct prepared prepared;
    prepare(&prepared, 21);
    for (enum operation operation = SAVE; operation < OPERATIONS; operation++) {
        struct broken_run run = {&prepared, operation};
        struct ws_break how = how_to_break(&run);
        assert_true(ws_break_is_enough(ws_break_calls(&how, for_ever, error_number)));
    }
    prepared_deinit(&prepared);
}

static void
any_call_may_fail_once(void **state)
{
    fail_calls(false, EIO);
}

static void
any_call_and_all_after_it_may_fail(void **state)
{
    fail_calls(true, ENOSPC);
}

/* ---- allocations ---- */

static void
fail_allocations(enum ws_break_memory kind)
{
    struct prepared prepared;
    prepare(&prepared, 22);
    for (enum operation operation = SAVE; operation < OPERATIONS; operation++) {
        struct broken_run run = {&prepared, operation};
        struct ws_break how = how_to_break(&run);
        ws_break_allocations(&how, kind);
    }
    prepared_deinit(&prepared);
}

static void
any_allocation_may_fail(void **state)
{
    ws_break_any_allocation(fail_allocations);
}

/* ---- power ---- */

static void
the_power_may_go_at_any_call(void **state)
{
    const enum operation operations[] = {SAVE, RESTORE, FIRST_SAVE};
    struct prepared prepared;
    uint64_t cuts = 0;
    prepare(&prepared, 23);
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        struct broken_run run = {&prepared, operations[i]};
        struct ws_break how = how_to_break(&run);
        cuts += ws_break_power(&how, test_is_long() ? 20 : 3);
    }
    printf("count: %llu simulated power cuts\n", (unsigned long long)cuts);
    prepared_deinit(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_call_may_fail_once),
        cmocka_unit_test(any_call_and_all_after_it_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    return cmocka_run_group_tests_name(is_listed ? "ws_faults_listed" : "ws_faults", tests, NULL,
                                       NULL);
}

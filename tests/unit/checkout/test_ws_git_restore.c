/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/checkout: a restore of a git repository, with the power gone at each of its calls, or the
 * call failing: the repository is the old one or the new one, whole. The next restore succeeds, and
 * no temporary file or directory remains. Any allocation of a restore, an undo, a save or a
 * comparison may fail as well.
 */
#include <errno.h>

#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/workspace/ws_break.h"
#include "support/workspace/ws_support.h"

enum { CALLS_MAX = 4000, SEEDS = 2 };

static void
put_repository(struct ws_world *world, const char *main, const char *object)
{
    char path[64];
    scan_put_text(&world->tree, ".git/HEAD", "ref: refs/heads/main\n");
    scan_put_text(&world->tree, ".git/refs/heads/main", main);
    scan_put_text(&world->tree, ".git/config", "[core]\n\tbare = false\n\tpager = run\n");
    (void)snprintf(path, sizeof path, ".git/objects/%s", object);
    scan_put_text(&world->tree, path, object);
}

static int
restore_git(struct ws_world *world)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.threads = 1;
    options.git = true;
    options.git_only = true;
    return fi_ws_restore(world->ws, "1", &options, &result, &world->err);
}

/* Whether a file of the repository begins with a text; NULL: whether it is there. */
static bool
has(struct ws_world *world, const char *dir_path, const char *name, const char *text)
{
    struct fi_os_dir *dir = NULL;
    struct fi_os_file *file = NULL;
    char found[64] = "";
    size_t size = 0;
    bool is_there = fi_os_dir_open_beneath(world->tree.root, dir_path, &dir, NULL) == FIRN_OK &&
                    fi_os_file_open(dir, name, FI_OS_READ, 0, &file, NULL) == FIRN_OK &&
                    fi_os_file_read(file, 0, found, sizeof found - 1, &size, NULL) == FIRN_OK;
    fi_os_file_close(file);
    fi_os_dir_close(dir);
    return is_there && (text == NULL || strncmp(found, text, strlen(text)) == 0);
}

/* The repository is the first one, the second one, or missing. */
static void
assert_whole(struct ws_world *world, bool is_missing, const char *what)
{
    struct fi_os_stat stat;
    const bool is_first = has(world, ".git/refs/heads", "main", "first");
    const bool is_second = has(world, ".git/refs/heads", "main", "second");
    if (is_missing && fi_os_stat(world->tree.root, ".git", &stat, NULL) == FIRN_NOT_FOUND) {
        return;
    }
    if (is_first == is_second || !has(world, ".git", "HEAD", "ref: ") ||
        !has(world, ".git", "config", "[core]") ||
        !has(world, is_first ? ".git/objects/aa" : ".git/objects/bb", is_first ? "one" : "two",
             NULL)) {
        fail_msg("%s: the repository is not whole", what);
    }
    if (is_first && !is_missing && !has(world, ".git/objects/bb", "two", "bb/two")) {
        fail_msg("%s: an object is lost", what);
    }
}

static int
look_for_left(void *ctx, const struct fi_os_dirent *entry)
{
    bool *out = ctx;
    *out = *out || strncmp(entry->name, ".firn-", 6) == 0 || strstr(entry->name, ".lock") != NULL;
    return FIRN_OK;
}

static void
assert_nothing_left(struct ws_world *world, const char *what)
{
    static const char *const paths[] = {"", ".git"};
    bool is_left = false;
    for (int i = 0; i < 2; i++) {
        struct fi_os_dir *dir = NULL;
        assert_int_equal(fi_os_dir_open_beneath(world->tree.root, paths[i], &dir, NULL), FIRN_OK);
        assert_int_equal(fi_os_dir_list(dir, look_for_left, &is_left, NULL), FIRN_OK);
        fi_os_dir_close(dir);
    }
    if (is_left || !has(world, ".git/refs/heads", "main", "first")) {
        fail_msg("%s: something is left", what);
    }
}

static bool
cut_once(const struct ws_world *from, bool is_missing, uint64_t call, uint64_t seed)
{
    struct ws_world world;
    char what[64];
    ws_world_clone(from, &world);
    struct fi_os *os = world.tree.os;
    (void)snprintf(what, sizeof what, "cut at call %llu, seed %llu", (unsigned long long)call,
                   (unsigned long long)seed);
    fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + call);
    int rc = restore_git(&world);
    bool was_off = fi_sim_memory_is_off(os);
    assert_true(was_off || rc == FIRN_OK);
    fi_sim_memory_power_cut(os, seed);
    fi_sim_memory_set_cut_at(os, 0);
    ws_world_reopen(&world);
    assert_whole(&world, is_missing, what);
    if (restore_git(&world) != FIRN_OK) {
        fail_msg("%s: %s", what, world.err.text);
    }
    assert_whole(&world, is_missing, what);
    assert_nothing_left(&world, what);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
    return was_off;
}

static void
prepare(struct ws_world *out, bool is_missing)
{
    struct ws_world world;
    ws_world_open_memory(&world, 91);
    put_repository(&world, "first", "aa/one");
    ws_save(&world);
    if (is_missing) {
        scan_remove_tree(&world.tree, ".git");
    } else {
        scan_remove_file(&world.tree, ".git/refs/heads/main");
        scan_remove_file(&world.tree, ".git/HEAD");
        scan_remove_file(&world.tree, ".git/config");
        put_repository(&world, "second", "bb/two");
    }
    assert_int_equal(fi_os_dir_sync_filesystem(world.tree.root, NULL), FIRN_OK);
    *out = world;
}

static void
cut_all(bool is_missing)
{
    struct ws_world world;
    uint64_t call = 1;
    bool was_off = true;
    prepare(&world, is_missing);
    for (; was_off && call < CALLS_MAX; call++) {
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            was_off = cut_once(&world, is_missing, call, seed);
        }
    }
    assert_true(call > 50 && call < CALLS_MAX);
    ws_world_close(&world);
}

/* A call fails; whether there was one. */
static bool
fail_once(const struct ws_world *from, bool is_missing, uint64_t call)
{
    struct ws_world world;
    char what[64];
    ws_world_clone(from, &world);
    scan_world_wrap(&world.tree);
    ws_world_reopen(&world);
    (void)snprintf(what, sizeof what, "call %llu fails", (unsigned long long)call);
    const struct fi_sim_fault_plan plan = {
        .call = call, .classes = FI_SIM_FAULT_ALL, .error_number = call % 2 == 0 ? EIO : ENOSPC};
    fi_sim_fault_set_plan(world.tree.outer, &plan);
    (void)restore_git(&world); /* it may have been a call whose failure does not matter */
    bool was_hit = fi_sim_fault_hits(world.tree.outer) > 0;
    fi_sim_fault_set_plan(world.tree.outer, NULL);
    assert_whole(&world, is_missing, what);
    ws_world_reopen(&world);
    if (restore_git(&world) != FIRN_OK) {
        fail_msg("%s: %s", what, world.err.text);
    }
    assert_whole(&world, is_missing, what);
    assert_nothing_left(&world, what);
    ws_world_close(&world);
    return was_hit;
}

static void
fail_all(bool is_missing)
{
    struct ws_world world;
    uint64_t call = 1;
    prepare(&world, is_missing);
    while (call < CALLS_MAX && fail_once(&world, is_missing, call)) {
        call++;
    }
    assert_true(call > 50 && call < CALLS_MAX);
    ws_world_close(&world);
}

/* A file system that cannot exchange two names says so by an error, as any call may. */
static void
each_call_may_be_one_that_the_file_system_cannot_do(void **state)
{
    struct ws_world from;
    uint64_t call = 1;
    unsigned done = 0;
    bool was_hit = true;
    (void)state;
    prepare(&from, false);
    for (; was_hit && call < CALLS_MAX; call++) {
        struct ws_world world;
        ws_world_clone(&from, &world);
        scan_world_wrap(&world.tree);
        ws_world_reopen(&world);
        const struct fi_sim_fault_plan plan = {
            .call = call, .classes = FI_SIM_FAULT_METADATA, .error_number = EINVAL};
        fi_sim_fault_set_plan(world.tree.outer, &plan);
        int rc = restore_git(&world);
        was_hit = fi_sim_fault_hits(world.tree.outer) > 0;
        fi_sim_fault_set_plan(world.tree.outer, NULL);
        assert_whole(&world, false, "a call that cannot be done");
        done += rc == FIRN_OK && was_hit;
        ws_world_close(&world);
    }
    assert_true(done > 0 && call < CALLS_MAX); /* the exchange was done by renames */
    ws_world_close(&from);
}

/* ---- allocations ---- */

enum operation { RESTORE, UNDO, SAVE, STATUS, OPERATIONS };

static int
visit_nothing(void *ctx, const firn_workspace_change *change)
{
    (void)ctx, (void)change;
    return FIRN_OK;
}

static int
run_operation(struct ws_world *world, int operation)
{
    firn_workspace_restore_options restore = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result restored;
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result saved;
    firn_workspace_status_options status = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result told;
    restore.threads = save.threads = status.threads = 1;
    restore.git = true;
    switch ((enum operation)operation) {
    case RESTORE:
        return restore_git(world);
    case UNDO:
        return fi_ws_restore_undo(world->ws, &restore, &restored, &world->err);
    case SAVE:
        return fi_ws_save(world->ws, &save, &saved, &world->err);
    default:
        return fi_ws_status(world->ws, &status, visit_nothing, NULL, &told, &world->err);
    }
}

static void
judge_operation(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    (void)operation, (void)broken;
    assert_whole(world, false, "an operation was broken");
}

static void
fail_allocations(enum ws_break_memory kind)
{
    struct ws_world world;
    prepare(&world, false);
    for (int operation = 0; operation < OPERATIONS; operation++) {
        struct ws_break_numbered numbered = {run_operation, judge_operation, operation};
        struct ws_break how = ws_break_numbered(&world, &numbered, 7);
        ws_break_allocations(&how, kind);
    }
    ws_world_close(&world);
}

/* A restore is broken above, and judged more closely. */
static void
any_call_of_a_save_an_undo_or_a_comparison_may_fail(void **state)
{
    struct ws_world world;
    (void)state;
    prepare(&world, false);
    for (int operation = UNDO; operation < OPERATIONS; operation++) {
        struct ws_break_numbered numbered = {run_operation, judge_operation, operation};
        struct ws_break how = ws_break_numbered(&world, &numbered, 7);
        ws_break_any_call(&how);
        ws_break_any_power(&how);
    }
    ws_world_close(&world);
}

static void
any_allocation_may_fail(void **state)
{
    (void)state;
    ws_break_any_allocation(fail_allocations);
}

static void
each_call_may_fail(void **state)
{
    (void)state;
    fail_all(false);
    fail_all(true);
}

static void
the_power_may_go_while_a_repository_is_replaced(void **state)
{
    (void)state;
    cut_all(false);
}

static void
the_power_may_go_while_a_lost_repository_is_restored(void **state)
{
    (void)state;
    cut_all(true);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_power_may_go_while_a_repository_is_replaced),
        cmocka_unit_test(the_power_may_go_while_a_lost_repository_is_restored),
        cmocka_unit_test(each_call_may_fail),
        cmocka_unit_test(each_call_may_be_one_that_the_file_system_cannot_do),
        cmocka_unit_test(any_call_of_a_save_an_undo_or_a_comparison_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

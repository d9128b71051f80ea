/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/share: adding a remote, pushing, pulling and removing, broken at every call of the system,
 * every allocation and every moment of power. Nothing is lost on any machine, nothing half-done is
 * seen by others, and what was noted as put is not sent again.
 */
#include <errno.h>

#include "base/slice.h"
#include "share/share_internal.h"
#include "share_support.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/test_share.h"
#include "support/workspace/ws_break.h"
#include "support/workspace/ws_edit.h"

enum { BIG = 300 << 10, SMALL = 50 << 10, OTHERS = 4 };

enum operation { ADD, PUSH, PUSH_EDIT, PUSH_FOLD, PUSH_AUTO, PULL, PULL_EDIT, REMOVE, OPERATIONS };

/* The machine at "/w" does what is broken; the one at "/b" has pushed before, unless PULL_EDIT
 * wants another push of it. */
struct prepared {
    struct ws_world world;
    char *tree;  /* of "/w" */
    char *other; /* of "/b" */
};

static firn_push_result pushed; /* by the last run */
static uint64_t noted_count;    /* runs after which an upload was noted */

static void
fill(struct ws_world *world, uint64_t seed)
{
    struct test_random random = {seed};
    ws_edit_grow(&world->tree, &random, 12);
    scan_put_random(&world->tree, "big", seed, BIG);
}

static void
edit(struct ws_world *world, uint64_t seed, size_t size)
{
    scan_put_random(&world->tree, "small", seed, size);
    ws_save(world);
}

static void
sync_everything(struct ws_world *world)
{
    struct fi_os_dir *top;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/", &top, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_sync_filesystem(top, NULL), FIRN_OK);
    fi_os_dir_close(top);
}

static void
prepare(struct prepared *prepared, enum operation operation)
{
    struct ws_world *world = &prepared->world;
    struct ws_world other;
    ws_world_open_memory(world, 51);
    fill(world, 1);
    ws_save(world);
    share_open_beside(world, "/b", &other);
    fill(&other, 2);
    ws_save(&other);
    share_push(&other);
    for (uint64_t i = 0; i < OTHERS - 1 && operation == PULL; i++) { /* packs one after the other */
        edit(&other, 40 + i, 3000);
        share_push(&other);
    }
    if (operation != ADD) {
        assert_int_equal(share_try_add(world), FIRN_OK);
    }
    if (operation == PUSH_EDIT || operation == PUSH_FOLD || operation == PUSH_AUTO) {
        share_push(world);
        for (uint64_t i = 0; i < 5 && operation == PUSH_FOLD; i++) {
            edit(world, 10 + i, SMALL);
            share_push(world);
        }
        edit(world, 20, SMALL);
    }
    if (operation == PULL_EDIT || operation == REMOVE) {
        share_pull(world);
        edit(&other, 30, 5000);
        share_push(&other);
    }
    prepared->tree = ws_dump(world);
    prepared->other = ws_dump(&other);
    share_close_beside(&other);
    sync_everything(world);
}

static void
prepared_deinit(struct prepared *prepared)
{
    free(prepared->tree);
    free(prepared->other);
    ws_world_close(&prepared->world);
}

static int
push_automatically(struct ws_world *world)
{
    firn_push_options options = FIRN_PUSH_OPTIONS_INIT;
    options.automatic = true;
    return fi_share_push(world->ws, "origin", &options, &pushed, &world->err);
}

/* A push that succeeds leaves no failure in the store. */
static int
assert_no_failure(void *ctx, const firn_remote_info *remote)
{
    (void)ctx;
    assert_null(remote->failed_text);
    return FIRN_OK;
}

static int
run_operation(struct ws_world *world, int operation)
{
    switch ((enum operation)operation) {
    case ADD:
        return share_try_add(world);
    case PUSH:
    case PUSH_EDIT:
    case PUSH_FOLD:
        return share_try_push(world, NULL, &pushed);
    case PUSH_AUTO:
        return push_automatically(world);
    case PULL:
    case PULL_EDIT:
        return share_try_pull(world, NULL);
    default:
        return fi_share_name_remove(world->ws, "origin", &world->err);
    }
}

/* ==== the judge ==== */

static const struct prepared *truth;

/* Files of the bucket; how many of them no state names. */
static size_t
count_files(struct ws_world *world, size_t *out_strays)
{
    struct share_remote at;
    struct fi_os_dir *dir;
    size_t count = 0;
    size_t live = 0;
    share_remote_open(world, &at);
    for (size_t i = 0; i < at.remote.state.files.count; i++) {
        live += at.remote.state.files.items[i].status == FI_REMOTE_LIVE ? 1 : 0;
    }
    share_remote_close(&at);
    if (fi_os_dir_open_path(world->tree.os, SHARE_REMOTE "/packs", &dir, NULL) == FIRN_OK) {
        count = test_file_count(dir);
        fi_os_dir_close(dir);
    }
    assert_true(count >= live);
    *out_strays = count - live;
    return count;
}

/* The uploads that the store has noted and no state names. */
static size_t
count_uploads(struct ws_world *world)
{
    const firn_callbacks callbacks = FIRN_CALLBACKS_INIT;
    struct fi_share share;
    assert_int_equal(fi_share_open(world->ws, NULL, FI_WS_READ, 0, &callbacks, &share, &world->err),
                     FIRN_OK);
    size_t count = share.remote.uploads.count;
    assert_int_equal(fi_share_close(&share, FIRN_OK, &world->err), FIRN_OK);
    return count;
}

/* A third machine pulls all that is there, and finds what the two have. */
static void
assert_remote_is_whole(struct ws_world *world, size_t expected, bool has_all)
{
    static unsigned count;
    struct ws_world third;
    char path[16];
    snprintf(path, sizeof path, "/t%u", count++); /* a new one each time */
    share_open_beside(world, path, &third);
    firn_pull_result pulled = share_pull(&third);
    assert_int_equal(pulled.checkpoints, expected);
    share_assert_dump(&third, "origin/somebody@somewhere:b/latest", truth->other);
    if (has_all) {
        share_assert_dump(&third, "origin/somebody@somewhere:w/latest", truth->tree);
    }
    ws_assert_check_clean(&third);
    share_close_beside(&third);
}

static void
judge_push(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    const size_t before = operation == PUSH ? 1 : operation == PUSH_FOLD ? 7 : 2;
    size_t strays;
    size_t there = share_remote_count(world, FI_SHARE_ENTRY_CHECKPOINT);
    size_t files = count_files(world, &strays);
    assert_true(there == before || there == before + 1); /* all of it, or nothing */
    if (broken->rc == FIRN_OK) {
        assert_int_equal(there, before + 1);
        assert_int_equal(pushed.checkpoints, 1);
    }
    assert_remote_is_whole(world, there, there == before + 1);
    size_t noted = count_uploads(world);
    firn_push_result again = share_push(world);
    assert_int_equal(again.checkpoints, before + 1 - there);
    if (there == before + 1) {
        assert_int_equal(again.objects, 0);
    }
    noted_count += noted > 0 ? 1 : 0;
    if (noted > 0) { /* the one file is not sent again */
        assert_true(again.bytes < (operation == PUSH ? BIG : SMALL));
        assert_int_equal(count_files(world, &strays), files);
    }
    assert_int_equal(count_uploads(world), 0);
    assert_int_equal(share_push(world).requests, 1);
    assert_remote_is_whole(world, before + 1, true);
    assert_int_equal(share_remote_count(world, FI_SHARE_ENTRY_LINE), 2);
}

static void
judge_pull(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    const uint64_t all = operation == PULL ? OTHERS : 2;
    firn_workspace_checkpoint *found;
    char latest[16];
    snprintf(latest, sizeof latest, "origin/%d", (int)all);
    int rc = fi_ws_find(world->ws, latest, &found, &world->err);
    assert_true(rc == FIRN_OK || (rc == FIRN_NOT_FOUND && broken->rc != FIRN_OK));
    if (rc == FIRN_OK) { /* what is there is whole */
        share_assert_dump(world, latest, truth->other);
    }
    firn_pull_result again = share_pull(world);
    assert_int_equal(again.checkpoints, rc == FIRN_OK ? 0 : operation == PULL ? OTHERS : 1);
    share_assert_dump(world, latest, truth->other);
    assert_int_equal(share_pull(world).requests, 1);
    gc_run_full(world);
    share_assert_dump(world, latest, truth->other);
    assert_int_equal(share_push(world).checkpoints, 1);
    assert_remote_is_whole(world, all + 1, true);
}

static void
judge(struct ws_world *world, int operation, const struct ws_broken *broken)
{
    int rc;
    ws_assert_dump(world, truth->tree);
    ws_assert_check_clean(world);
    switch ((enum operation)operation) {
    case ADD:
        rc = share_try_add(world);
        assert_true(rc == FIRN_OK || rc == FIRN_EXISTS);
        assert_int_equal(share_push(world).checkpoints, 1);
        assert_remote_is_whole(world, 2, true);
        break;
    case PUSH:
    case PUSH_EDIT:
    case PUSH_FOLD:
    case PUSH_AUTO:
        judge_push(world, operation, broken);
        rc = fi_share_name_visit(world->ws, assert_no_failure, NULL, &world->err);
        assert_int_equal(rc, FIRN_OK);
        break;
    case PULL:
    case PULL_EDIT:
        judge_pull(world, operation, broken);
        break;
    default:
        rc = fi_share_name_remove(world->ws, "origin", &world->err);
        assert_true(rc == FIRN_NOT_FOUND || (rc == FIRN_OK && broken->rc != FIRN_OK));
        assert_int_equal(share_try_add(world), FIRN_OK);
        assert_int_equal(share_pull(world).checkpoints, 2);
        share_assert_dump(world, "origin/latest", truth->other);
    }
    ws_assert_check_clean(world);
    ws_assert_dump(world, truth->tree);
    share_assert_dump(world, "latest", truth->tree);
}

/* ==== loops ==== */

static uint64_t every = 1;

static void
for_all(void (*break_it)(const struct ws_break *how))
{
    for (enum operation operation = ADD; operation < OPERATIONS; operation++) {
        struct prepared prepared;
        struct ws_break_numbered numbered = {
            .run = run_operation, .judge = judge, .operation = (int)operation};
        prepare(&prepared, operation);
        truth = &prepared;
        struct ws_break how = ws_break_numbered(&prepared.world, &numbered, every);
        break_it(&how);
        prepared_deinit(&prepared);
    }
}

static void
any_call_may_fail(void **state)
{
    (void)state;
    every = 6;
    noted_count = 0;
    for_all(ws_break_any_call);
    assert_true(noted_count > 0);
}

static void
any_allocation_may_fail(void **state)
{
    (void)state;
    every = 20;
    ws_break_allocations_of(for_all);
}

static void
the_power_may_go_at_any_call(void **state)
{
    (void)state;
    every = 6;
    for_all(ws_break_any_power);
}

/* ==== a pull that stops between packs ==== */

static void
be_slow(void *ctx, const struct fi_sim_fault_call *call)
{
    (void)call;
    fi_os_sleep_ns(ctx, INT64_C(250000000)); /* longer than from one progress to the next */
}

/* Packs that were taken in by a pull that was cancelled count for the next one, with all that they
 * have: also lists and deltas, which are looked at only after all packs. */
static void
a_pull_goes_on_where_another_one_stopped(void **state)
{
    (void)state;
    struct ws_world prepared;
    struct ws_world other;
    unsigned cancelled = 0;
    share_open(&prepared, 52);
    share_open_beside(&prepared, "/b", &other);
    for (uint64_t i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof name, "large%d", (int)i);
        /* The first has a list of pieces. */
        scan_put_random(&other.tree, name, i, i == 0 ? 9 << 20 : BIG);
        ws_save(&other);
        share_push(&other);
    }
    char *expected = ws_dump(&other);
    share_close_beside(&other);
    struct ws_world whole;
    ws_world_clone(&prepared, &whole);
    share_pull(&whole);
    const uint64_t packs = gc_look(&whole).packs;
    ws_world_close(&whole);
    for (uint64_t cancel_at = 1, was_hit = 1; was_hit != 0; cancel_at += 1 + cancel_at / 4) {
        struct ws_world world;
        ws_world_clone(&prepared, &world);
        scan_world_wrap(&world.tree);
        ws_world_reopen(&world);
        world.notices.cancel_at = cancel_at;
        fi_sim_fault_set_hook(world.tree.outer, be_slow, world.tree.os);
        int rc = share_try_pull(&world, NULL);
        fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
        world.notices.cancel_at = 0;
        assert_true(rc == FIRN_CANCELLED || rc == FIRN_OK);
        was_hit = rc != FIRN_OK;
        cancelled += rc != FIRN_OK ? 1 : 0;
        assert_int_equal(share_pull(&world).checkpoints, rc == FIRN_OK ? 0 : 3);
        share_assert_dump(&world, "origin/latest", expected);
        assert_int_equal(gc_look(&world).packs, packs); /* none came twice */
        ws_assert_check_clean(&world);
        ws_world_close(&world);
    }
    assert_true(cancelled > 5);
    free(expected);
    ws_world_close(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pull_goes_on_where_another_one_stopped),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    return cmocka_run_group_tests_name("share_faults", tests, NULL, NULL);
}

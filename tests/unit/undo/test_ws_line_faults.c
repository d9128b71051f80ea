/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/undo: undo, redo, restores of some paths and the list of steps with their n-th call of the system, their n-th
 * allocation and their n-th moment of power gone. Afterwards the tree is that before the step or
 * that after it, or a restore between the two is pending, which each command that may come next
 * settles. Then every state can be undone to and redone to: the line is intact.
 */
#include <errno.h>

#include "base/slice.h"
#include "catalog/catalog_journal.h"
#include "handle/ws_opened.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/workspace/ws_break.h"
#include "support/workspace/ws_edit.h"

enum { STATES = 4 };

enum operation {
    UNDO_EDITS, /* from the last state, which is only on the disk, to the third */
    UNDO_STEP,  /* from the third to the second */
    UNDO_TURN,  /* from the last, which is only on the disk, to the first */
    REDO_STEP,  /* from the second to the third */
    REDO_TURN,  /* from the first to the last */
    PATHS,      /* a restore of paths of the first, from the third to the last */
    UNDO_PATHS, /* of that */
    REDO_PATHS,
    DRY, /* of UNDO_TURN */
    LIST,
    OPERATIONS
};

static const struct {
    size_t from;
    size_t to;
} moves[OPERATIONS] = {
    [UNDO_EDITS] = {3, 2}, [UNDO_STEP] = {2, 1}, [UNDO_TURN] = {3, 0},  [REDO_STEP] = {1, 2},
    [REDO_TURN] = {0, 3},  [PATHS] = {2, 3},     [UNDO_PATHS] = {3, 2}, [REDO_PATHS] = {2, 3},
    [DRY] = {3, 3},        [LIST] = {3, 3}};

/* A machine with checkpoints 1, 2 (after a turn of an agent) and 3 and an edited tree, all durable,
 * and what has been undone for an operation. */
struct prepared {
    struct ws_world world;
    char *dumps[STATES];
    enum operation operation;
};

/* Without times: a restore that came to nothing leaves directories with new ones. */
static char *
dump_of(struct ws_world *world)
{
    static const char *const times[] = {"mtime="};
    char *dump = ws_dump(world);
    char *text = ws_edit_without(dump, times, 1);
    free(dump);
    return text;
}

static bool
is_state(struct ws_world *world, const char *dump)
{
    char *now = dump_of(world);
    bool is_it = strcmp(now, dump) == 0;
    free(now);
    return is_it;
}

static void
assert_state(struct ws_world *world, const char *dump)
{
    char *now = dump_of(world);
    assert_string_equal(now, dump);
    free(now);
}

static void
save(struct ws_world *world, bool is_of_turn, bool begins)
{
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    options.threads = world->threads;
    options.if_changed = begins;
    options.turn.agent = firn_str(is_of_turn ? "agent" : "");
    options.turn_begins = begins;
    assert_int_equal(fi_ws_save(world->ws, &options, &result, &world->err), FIRN_OK);
}

/* One that was changed, and one whose directory is gone. */
static int
try_paths(struct ws_world *world)
{
    const firn_slice paths[] = {firn_str("dir"), firn_str("gone/x/y")};
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.threads = world->threads;
    options.paths = paths;
    options.path_count = 2;
    return fi_ws_restore(world->ws, "1", &options, &result, &world->err);
}

static int
try_undo(struct ws_world *world, bool last_turn, bool is_dry)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.threads = world->threads;
    options.last_turn = last_turn;
    options.dry_run = is_dry;
    return fi_ws_restore_undo(world->ws, &options, &result, &world->err);
}

static int
try_redo(struct ws_world *world)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.threads = world->threads;
    return fi_ws_restore_redo(world->ws, &options, &result, &world->err);
}

static int
try_resume(struct ws_world *world)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.threads = world->threads;
    return fi_ws_restore_resume(world->ws, &options, &result, &world->err);
}

static int
ignore_step(void *ctx, const firn_workspace_step *step)
{
    (void)ctx;
    (void)step;
    return FIRN_OK;
}

static int
try_list(struct ws_world *world)
{
    firn_workspace_steps_options options = FIRN_WORKSPACE_STEPS_OPTIONS_INIT;
    firn_workspace_steps_result result;
    options.threads = world->threads;
    return fi_ws_steps_list(world->ws, &options, ignore_step, NULL, &result, &world->err);
}

static void
pass_time(struct ws_world *world)
{
    static int64_t now_ns = INT64_C(1800000000) * 1000000000;
    now_ns += 1000000000;
    fi_sim_memory_set_time(world->tree.os, now_ns);
}

static bool
is_of_paths(enum operation operation)
{
    return operation == PATHS || operation == UNDO_PATHS || operation == REDO_PATHS;
}

static void
prepare(struct prepared *prepared, enum operation operation)
{
    struct ws_world *world = &prepared->world;
    struct scan_world *tree = &world->tree;
    prepared->operation = operation;
    ws_world_open_memory(world, 81 + (uint64_t)operation);
    pass_time(world);
    scan_put_text(tree, "a", "first");
    scan_put_text(tree, "dir/b", "first");
    scan_put_text(tree, "gone/x/y", "y");
    save(world, false, false);
    prepared->dumps[0] = dump_of(world);
    pass_time(world);
    save(world, true, true);
    pass_time(world);
    scan_put_text(tree, "a", "second");
    scan_remove_tree(tree, "gone");
    save(world, true, false);
    prepared->dumps[1] = dump_of(world);
    pass_time(world);
    scan_put_symlink(tree, "link", "a");
    if (is_of_paths(operation)) { /* what try_paths makes of the third state */
        scan_put_text(tree, "gone/x/y", "y");
        prepared->dumps[3] = dump_of(world);
        scan_remove_tree(tree, "gone");
    }
    scan_put_text(tree, "dir/b", "third");
    save(world, false, false);
    prepared->dumps[2] = dump_of(world);
    pass_time(world);
    if (operation == UNDO_PATHS || operation == REDO_PATHS) {
        assert_int_equal(try_paths(world), FIRN_OK);
    } else if (operation != PATHS) {
        scan_remove_file(tree, "link");
        scan_put_text(tree, "link/in", "fourth");
        scan_put_text(tree, "a", "fourth");
        prepared->dumps[3] = dump_of(world);
    }
    if (operation == REDO_PATHS) {
        assert_int_equal(try_undo(world, false, false), FIRN_OK);
    }
    if (operation == UNDO_STEP || operation == REDO_STEP) {
        assert_int_equal(try_undo(world, false, false), FIRN_OK);
    }
    if (operation == REDO_STEP) {
        assert_int_equal(try_undo(world, false, false), FIRN_OK);
    }
    if (operation == REDO_TURN) {
        assert_int_equal(try_undo(world, true, false), FIRN_OK);
    }
    assert_state(world, prepared->dumps[moves[operation].from]);
    assert_int_equal(fi_os_dir_sync_filesystem(tree->root, &world->err), FIRN_OK);
}

static void
prepared_deinit(struct prepared *prepared)
{
    ws_world_close(&prepared->world);
    for (size_t i = 0; i < STATES; i++) {
        free(prepared->dumps[i]);
    }
}

static int
run(void *ctx, struct ws_world *world)
{
    const struct prepared *prepared = ctx;
    switch (prepared->operation) {
    case UNDO_TURN:
        return try_undo(world, true, false);
    case DRY:
        return try_undo(world, true, true);
    case REDO_STEP:
    case REDO_TURN:
    case REDO_PATHS:
        return try_redo(world);
    case PATHS:
        return try_paths(world);
    case LIST:
        return try_list(world);
    default:
        return try_undo(world, false, false);
    }
}

/* ---- judging ---- */

/* Every state, and back to where it began. */
static void
assert_line(const struct prepared *prepared, struct ws_world *world, size_t at, size_t last)
{
    size_t from = at;
    assert_state(world, prepared->dumps[at]);
    while (at > 0) {
        assert_int_equal(try_undo(world, false, false), FIRN_OK);
        assert_state(world, prepared->dumps[--at]);
    }
    assert_int_equal(try_undo(world, false, false), FIRN_NOT_FOUND);
    while (try_redo(world) == FIRN_OK) {
        at++;
        if (at < from || from == 0) { /* the states that were undone to are stops of the redo */
            assert_true(at < STATES);
        }
        while (at < last && at > from && !is_state(world, prepared->dumps[at])) {
            at++; /* an undo had passed over it */
        }
        assert_state(world, prepared->dumps[at]);
    }
    assert_int_equal(at, last);
    assert_int_equal(try_undo(world, true, false), FIRN_OK); /* the turn is still known */
    assert_state(world, prepared->dumps[0]);
    ws_assert_check_clean(world);
}

/* What could not be read is not in the state before the step, and is left alone by steps from and to
 * it; all else is there. */
static void
assert_checkpoints(const struct prepared *prepared, struct ws_world *world)
{
    static const char *const references[] = {"1", "2", "3"};
    for (size_t i = 0; i < 3; i++) {
        ws_restore(world, references[i]);
        assert_state(world, prepared->dumps[i]);
    }
    assert_int_equal(try_undo(world, false, false), FIRN_OK);
    assert_state(world, prepared->dumps[1]);
    assert_int_equal(try_redo(world), FIRN_OK);
    assert_state(world, prepared->dumps[2]);
}

/* Makes the journal of a pending restore of paths one of version 0.2.0, which had the checkpoint as its target. */
static void
make_older(struct ws_world *world)
{
    struct fi_ws_opened opened;
    struct fi_catalog_journal journal;
    struct fi_catalog_record record;
    firn_error *err = &world->err;
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_WRITE, &opened, err), FIRN_OK);
    assert_int_equal(fi_catalog_journal_read(opened.db, opened.workspace.number, &journal, err),
                     FIRN_OK);
    assert_true(fi_catalog_journal_is_pending(&journal));
    assert_int_equal(fi_ws_find_record(world->ws, &opened, "1", &record, err), FIRN_OK);
    memcpy(journal.target, record.id, sizeof journal.target);
    assert_int_equal(fi_catalog_journal_write(opened.db, opened.workspace.number, &journal, err),
                     FIRN_OK);
    fi_catalog_journal_deinit(&journal);
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, FIRN_OK, err), FIRN_OK);
}

enum way { AGAIN, OTHER, RESUME, SAVE, WAYS };

/* Settles a pending restore; which state comes of it. */
static size_t
settle(const struct prepared *prepared, struct ws_world *world, enum way way)
{
    enum operation operation = prepared->operation;
    bool is_redo = operation == REDO_STEP || operation == REDO_TURN || operation == REDO_PATHS;
    bool is_undo = !is_redo && operation != PATHS;
    int rc = FIRN_OK;
    firn_workspace_pending_restore pending;
    assert_int_equal(fi_ws_pending(world->ws, &pending, &world->err), FIRN_OK);
    assert_true(pending.is_undo == is_undo && pending.is_redo == is_redo && !pending.is_revert);
    switch (way) {
    case AGAIN:
        rc = is_redo ? try_redo(world) : is_undo ? try_undo(world, false, false) : try_paths(world);
        break;
    case OTHER:
        rc = is_undo ? try_redo(world) : try_undo(world, false, false);
        break;
    case RESUME:
        rc = try_resume(world);
        break;
    default:
        rc = ws_try_save(world, NULL);
        break;
    }
    if (rc != FIRN_OK) {
        fail_msg("way %d: %s: %s", (int)way, firn_code_name(rc), world->err.text);
    }
    /* A save drops what had moved nothing. */
    bool is_back = way == OTHER || (way == SAVE && !pending.has_begun);
    assert_int_equal(fi_ws_pending(world->ws, &pending, &world->err), FIRN_OK);
    assert_false(pending.is_pending);
    return is_back ? moves[operation].from : moves[operation].to;
}

static void
judge(void *ctx, struct ws_world *world, const struct ws_broken *broken)
{
    const struct prepared *prepared = ctx;
    size_t from = moves[prepared->operation].from;
    size_t to = moves[prepared->operation].to;
    firn_workspace_pending_restore pending;
    char *now = dump_of(world);
    assert_true(ws_edit_is_mix(now, prepared->dumps[from], prepared->dumps[to]));
    free(now);
    ws_assert_check_clean(world);
    assert_int_equal(fi_ws_pending(world->ws, &pending, &world->err), FIRN_OK);
    size_t at = from;
    enum way way = (enum way)((broken->attempt + broken->seed / 1000) % WAYS);
    /* As a step, a restore of paths is newer than version 0.2.0. */
    bool is_old =
        prepared->operation == PATHS && pending.is_pending && (broken->attempt / WAYS) % 2 == 1;
    if (is_old) {
        make_older(world);
    }
    if (pending.is_pending) {
        at = settle(prepared, world, way);
    } else if (is_state(world, prepared->dumps[to])) {
        at = to;
    }
    if (broken->rc == FIRN_OK && broken->was_hit && !broken->is_cut) {
        assert_checkpoints(prepared, world);
    } else {
        /* A restore that came to nothing is no step; one that was taken back can be done again. */
        bool is_step = prepared->operation != PATHS || at == to ||
                       (pending.is_pending && way == OTHER && !is_old);
        assert_line(prepared, world, at, is_step ? STATES - 1 : from);
    }
}

static struct ws_break
how_to_break(struct prepared *prepared)
{
    bool is_read_only = prepared->operation == DRY || prepared->operation == LIST;
    return (struct ws_break){.from = &prepared->world,
                             .run = run,
                             .judge = judge,
                             .ctx = prepared,
                             .every = is_read_only                       ? 8
                                      : is_of_paths(prepared->operation) ? 12
                                                                         : 4,
                             .loop = (uint64_t)prepared->operation};
}

static void
break_all(void (*break_it)(const struct ws_break *how))
{
    for (int operation = 0; operation < OPERATIONS; operation++) {
        struct prepared prepared;
        prepare(&prepared, (enum operation)operation);
        struct ws_break how = how_to_break(&prepared);
        break_it(&how);
        prepared_deinit(&prepared);
    }
}

static void
break_power(const struct ws_break *how)
{
    const struct prepared *prepared = how->ctx;
    if (prepared->operation != DRY && prepared->operation != LIST) {
        ws_break_any_power(how);
    }
}

static void
any_call_may_fail(void **state)
{
    break_all(ws_break_any_call);
}

static void
the_power_may_go_at_any_call(void **state)
{
    break_all(break_power);
}

static void
any_allocation_may_fail(void **state)
{
    ws_break_allocations_of(break_all);
}

static void
nothing_need_fail(void **state)
{
    for (int operation = 0; operation < OPERATIONS; operation++) {
        struct prepared prepared;
        const struct ws_broken none = {.rc = FIRN_OK};
        prepare(&prepared, (enum operation)operation);
        assert_int_equal(run(&prepared, &prepared.world), FIRN_OK);
        assert_state(&prepared.world, prepared.dumps[moves[operation].to]);
        judge(&prepared, &prepared.world, &none);
        prepared_deinit(&prepared);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_need_fail),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    return cmocka_run_group_tests_name("ws_line_faults", tests, NULL, NULL);
}

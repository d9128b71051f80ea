/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/checkout: a restore, an undo, or the recovery of either is stopped at each single call, by
 * the power or by a failure, and then dealt with in every way there is. Afterwards the tree is the
 * old or the new one to the last mode, nothing stands under a temporary name, and what somebody
 * wrote meanwhile is on the disk or in a checkpoint. The user is not the superuser, and some
 * directories and files may not be written.
 */
#include <errno.h>

#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_fault.h"
#include "support/test_share.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_support.h"

enum { USER = 1000 };

static const char PRECIOUS[] = "the only copy of this";

static bool
is_long(void)
{
    return getenv("FIRN_TEST_LONG") != NULL;
}

/* A machine with checkpoint 1 and an edited tree that no checkpoint has, all durable. */
struct prepared {
    struct ws_world world;
    char *first;
    char *edited;
};

static void
give(struct fi_os *os, const char *path, uint32_t user)
{
    struct fi_os_dir *dir;
    assert_int_equal(fi_os_dir_open_path(os, path, &dir, NULL), FIRN_OK);
    assert_int_equal(fi_os_set_owner((struct fi_os_node){.dir = dir}, user, user, NULL), FIRN_OK);
    fi_os_dir_close(dir);
}

static void
sync_everything(struct ws_world *world)
{
    assert_int_equal(fi_os_dir_sync_filesystem(world->tree.root, NULL), FIRN_OK);
}

static void
put_first(struct scan_world *tree)
{
    scan_put_text(tree, "changed", "first");
    scan_put_text(tree, "dir/changed", "first");
    scan_put_text(tree, "dir/same", "same");
    scan_put_text(tree, "dir/mode", "mode");
    scan_put_text(tree, "missing/deep/er", "first");
    scan_put_dir(tree, "missing/empty");
    scan_put_text(tree, "file to dir", "first");
    scan_put_text(tree, "dir to file/in/side", "first");
    scan_put_text(tree, "dir to file/other", "first");
    scan_put_text(tree, "file to link", "first");
    scan_put_symlink(tree, "link to dir", "dir");
    scan_put_symlink(tree, "link", "first");
    scan_put_text(tree, "group/a", "a group");
    scan_put_link(tree, "group/b", "group/a");
    scan_put_text(tree, "read only/file", "first");
    scan_put_text(tree, "read only/gone", "first");
    scan_put_text(tree, "read only/sub/deep", "first");
    scan_set_xattr(tree, "changed", "user.k", "v");
    scan_set_mode(tree, "read only/file", 0444);
    scan_set_mode(tree, "read only/sub", 0555);
    scan_set_mode(tree, "read only", 0555);
}

static void
edit_first(struct scan_world *tree)
{
    scan_set_mode(tree, "read only", 0755);
    scan_set_mode(tree, "read only/sub", 0755);
    scan_put_text(tree, "changed", "second");
    scan_put_text(tree, "dir/changed", "second");
    scan_set_mode(tree, "dir/mode", 0400);
    scan_set_xattr(tree, "dir/same", "user.new", "v");
    scan_set_mode(tree, "dir/same", 0444);
    scan_remove_tree(tree, "missing");
    scan_put_text(tree, "added/deep/er", "second");
    scan_put_text(tree, "added/more", "second");
    scan_remove_file(tree, "file to dir");
    scan_put_text(tree, "file to dir/in/side", "second");
    scan_remove_tree(tree, "dir to file");
    scan_put_text(tree, "dir to file", "second");
    scan_remove_file(tree, "file to link");
    scan_put_symlink(tree, "file to link", "changed");
    scan_remove_file(tree, "link to dir");
    scan_put_text(tree, "link to dir/file", "second");
    scan_remove_file(tree, "link");
    scan_put_symlink(tree, "link", "second");
    scan_remove_file(tree, "group/b");
    scan_put_text(tree, "group/b", "alone");
    scan_put_link(tree, "group/c", "group/a");
    scan_remove_file(tree, "read only/file");
    scan_put_text(tree, "read only/file", "second");
    scan_remove_file(tree, "read only/gone");
    scan_put_text(tree, "read only/new", "second");
    scan_put_text(tree, "read only/sub/deep", "second");
    scan_set_mode(tree, "read only/file", 0444);
    scan_set_mode(tree, "read only/sub", 0555);
    scan_set_mode(tree, "read only", 0555);
}

/* Few changes, each synced by itself; or all of the above. */
static void
prepare(struct prepared *prepared, bool few)
{
    struct ws_world *world = &prepared->world;
    struct scan_world *tree = &world->tree;
    ws_world_open_memory(world, few ? 71 : 72);
    give(tree->os, "/", USER);
    give(tree->os, "/w", USER);
    fi_sim_memory_set_user(tree->os, USER);
    put_first(tree);
    ws_save(world);
    prepared->first = ws_dump(world);
    if (few) {
        scan_put_text(tree, "changed", "second");
        scan_remove_tree(tree, "missing");
        scan_put_text(tree, "added/deep/er", "second");
        scan_remove_file(tree, "dir/changed");
        scan_set_mode(tree, "dir/mode", 0400);
        scan_set_mode(tree, "read only", 0755);
        scan_remove_file(tree, "read only/gone");
        scan_set_mode(tree, "read only", 0555);
        scan_remove_tree(tree, "dir to file");
        scan_put_text(tree, "dir to file", "second");
    } else {
        edit_first(tree);
    }
    prepared->edited = ws_dump(world);
    sync_everything(world);
}

static void
prepared_deinit(struct prepared *prepared)
{
    ws_world_close(&prepared->world);
    free(prepared->first);
    free(prepared->edited);
}

/* ---- ways out ---- */

enum way { AGAIN, RESUME, UNDO, SAVE, OTHER, WAYS };

static const char *const way_names[] = {"again", "resume", "undo", "save", "other"};

static int
try_resume(struct ws_world *world)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.threads = world->threads;
    return fi_ws_restore_resume(world->ws, &options, &result, &world->err);
}

static int
try_way(struct ws_world *world, enum way way)
{
    switch (way) {
    case RESUME:
        return try_resume(world);
    case UNDO:
        return ws_try_undo(world, NULL);
    case SAVE:
        return ws_try_save(world, NULL);
    default:
        return ws_try_restore(world, "1", NULL);
    }
}

/* ---- edits meanwhile ---- */

static void
put_precious(struct ws_world *world, unsigned where)
{
    static const char *const paths[] = {"changed",     "dir/changed", "somewhere/new", "missing",
                                        "file to dir", "dir to file", "link"};
    const char *path = paths[where % (sizeof paths / sizeof paths[0])];
    struct fi_os_stat stat;
    if (strchr(path, '/') == NULL && fi_os_stat(world->tree.root, path, &stat, NULL) == FIRN_OK) {
        if (stat.kind == FI_OS_DIR) {
            path = "beside";
        } else {
            scan_remove_file(&world->tree, path);
        }
    }
    scan_put_text(&world->tree, path, PRECIOUS);
}

/* ---- judging ---- */

struct trial {
    const struct prepared *prepared;
    struct ws_world world;
    enum way way;
    const char *before; /* what an undo brings back; NULL: the tree as it was edited */
    bool is_edited;     /* somebody wrote something before the way out */
    bool is_loose;      /* something could not be read, and so was left alone */
    char what[200];     /* for messages */
};

static bool
is_same_tree(const char *a, const char *b, bool but_times)
{
    const char *const loose[] = {"mtime="};
    char *left = ws_edit_without(a, loose, but_times ? 1 : 0);
    char *right = ws_edit_without(b, loose, but_times ? 1 : 0);
    bool is_same = strcmp(left, right) == 0;
    free(left);
    free(right);
    return is_same;
}

static void
assert_tree(struct trial *trial, const char *now, const char *expected)
{
    size_t line = 0;
    for (size_t i = 0; now[i] == expected[i]; i++) {
        if (now[i] == '\0') {
            return;
        }
        line = now[i] == '\n' ? i + 1 : line;
    }
    fail_msg("%s:\nfound    %.300s\nexpected %.300s", trial->what, now + line, expected + line);
}

/* Runs the way out, which must succeed, and looks at what it left. */
static void
take_way(struct trial *trial)
{
    struct ws_world *world = &trial->world;
    const char *first = trial->prepared->first;
    const char *edited = trial->before != NULL ? trial->before : trial->prepared->edited;
    firn_workspace_pending_restore pending;
    assert_int_equal(fi_ws_pending(world->ws, &pending, &world->err), FIRN_OK);
    char *before = ws_dump(world);
    int rc = try_way(world, trial->way);
    bool may_have_nothing = trial->way == RESUME || trial->way == UNDO;
    if (rc != FIRN_OK && !(may_have_nothing && !pending.is_pending && rc == FIRN_NOT_FOUND)) {
        fail_msg("%s: %s: %s", trial->what, firn_code_name(rc), world->err.text);
    }
    char *now = ws_dump(world);
    const char *temporary = strstr(now, ".firn-");
    if (temporary != NULL) {
        fail_msg("%s: a temporary name is left: %.200s", trial->what,
                 temporary - now > 40 ? temporary - 40 : now);
    }
    if (trial->is_edited && !ws_is_kept(world, now, PRECIOUS)) {
        fail_msg("%s: an edit is lost", trial->what);
    }
    bool goes_back = trial->way == UNDO || (pending.is_undo && trial->way != AGAIN);
    if (rc == FIRN_NOT_FOUND) {
        assert_tree(trial, now, before);
    } else if (trial->way == SAVE && !(pending.is_pending && pending.has_begun)) {
        /* Dropped, or not there: the tree is as it was, with what was edited since. */
        if (pending.is_pending && !trial->is_edited && !is_same_tree(now, edited, true)) {
            assert_tree(trial, now, edited); /* nothing had moved */
        }
        if (!trial->is_edited && !trial->is_loose && !is_same_tree(now, first, true) &&
            !is_same_tree(now, edited, true)) {
            assert_tree(trial, now, edited);
        }
    } else if (!trial->is_loose) {
        assert_tree(trial, now, goes_back ? edited : first);
    }
    assert_int_equal(fi_ws_pending(world->ws, &pending, &world->err), FIRN_OK);
    assert_false(pending.is_pending);
    ws_assert_check_clean(world);
    free(before);
    free(now);
}

/* Whatever it was: it can be restored, undone and done again. */
static void
go_on(struct trial *trial)
{
    struct ws_world *world = &trial->world;
    firn_workspace_restore_result result = ws_restore(world, "1");
    ws_assert_dump(world, trial->prepared->first);
    if (result.safety_id[0] != '\0') {
        assert_int_equal(ws_try_undo(world, NULL), FIRN_OK);
        assert_int_equal(ws_try_undo(world, NULL), FIRN_OK);
        ws_assert_dump(world, trial->prepared->first);
    }
    ws_assert_check_clean(world);
}

/* ---- power ---- */

static void
power_back(struct ws_world *world, uint64_t seed)
{
    fi_sim_memory_power_cut(world->tree.os, seed);
    fi_sim_memory_set_cut_at(world->tree.os, 0);
    ws_world_reopen(world);
}

/* Restores with the power gone at a call; whether it was. */
static bool
cut_restore(struct trial *trial, uint64_t call, uint64_t seed)
{
    struct ws_world *world = &trial->world;
    struct fi_os *os = world->tree.os;
    fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + call);
    int rc = ws_try_restore(world, "1", NULL);
    bool was_off = fi_sim_memory_is_off(os);
    assert_true(was_off || rc == FIRN_OK);
    power_back(world, seed);
    char *now = ws_dump(world);
    assert_true(rc != FIRN_OK || strcmp(now, trial->prepared->first) == 0);
    assert_true(ws_edit_is_mix(now, trial->prepared->edited, trial->prepared->first));
    free(now);
    return was_off;
}

static void
cut_restores(bool few)
{
    struct prepared prepared = {0};
    prepare(&prepared, few);
    const struct test_share share = test_share_of(1, few);
    uint64_t cuts = 0;
    bool was_off = true;
    for (uint64_t call = share.first; was_off; call += share.step) {
        const uint64_t seeds = is_long() ? 4 * WAYS : 2;
        for (uint64_t i = 0; i < seeds; i++) {
            struct trial trial = {.prepared = &prepared, .way = (enum way)((call + i) % WAYS)};
            const uint64_t seed = i == call % 2 ? call % 4 / 2 : i * 1000 + call;
            snprintf(trial.what, sizeof trial.what, "cut at call %llu, seed %llu, then %s",
                     (unsigned long long)call, (unsigned long long)seed, way_names[trial.way]);
            ws_world_clone(&prepared.world, &trial.world);
            was_off = cut_restore(&trial, call, seed);
            trial.is_edited = (call + i) % 2 == 0;
            if (trial.is_edited) {
                put_precious(&trial.world, (unsigned)(call + i / 2));
            }
            take_way(&trial);
            if ((call + i) % 5 == 0) {
                go_on(&trial);
            }
            ws_world_close(&trial.world);
            cuts++;
        }
    }
    printf("%llu power cuts\n", (unsigned long long)cuts);
    assert_true(cuts * share.step > 100);
    prepared_deinit(&prepared);
}

static void
the_power_may_go_in_a_restore_of_much(void **state)
{
    cut_restores(false);
}

static void
the_power_may_go_in_a_restore_of_little(void **state)
{
    cut_restores(true);
}

static void
the_power_may_go_in_what_deals_with_a_power_cut(void **state)
{
    struct prepared prepared = {0};
    prepare(&prepared, false);
    /* How many calls a whole restore takes. */
    struct ws_world whole;
    ws_world_clone(&prepared.world, &whole);
    uint64_t calls = fi_sim_memory_calls(whole.tree.os);
    ws_restore(&whole, "1");
    calls = fi_sim_memory_calls(whole.tree.os) - calls;
    ws_world_close(&whole);
    uint64_t cuts = 0;
    const uint64_t step = is_long() ? 3 : 47;
    for (uint64_t call = 30; call < calls; call += step) {
        for (enum way way = AGAIN; way < OTHER; way++) {
            const struct test_share share = test_share_of(7, way);
            bool was_off = true;
            for (uint64_t second = share.first; was_off; second += share.step) {
                struct trial trial = {.prepared = &prepared, .way = way, .is_edited = true};
                snprintf(trial.what, sizeof trial.what, "cut at call %llu, then %s cut at %llu",
                         (unsigned long long)call, way_names[way], (unsigned long long)second);
                ws_world_clone(&prepared.world, &trial.world);
                cut_restore(&trial, call, call);
                put_precious(&trial.world, (unsigned)(call + second));
                sync_everything(&trial.world);
                struct fi_os *os = trial.world.tree.os;
                firn_workspace_pending_restore pending;
                assert_int_equal(fi_ws_pending(trial.world.ws, &pending, NULL), FIRN_OK);
                /* After a restore that came to its end, the second one is another. */
                bool is_another = way == AGAIN && !pending.is_pending;
                char *before = is_another ? ws_dump(&trial.world) : NULL;
                trial.before = before;
                fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + second);
                FI_IGNORE(try_way(&trial.world, way));
                was_off = fi_sim_memory_is_off(os);
                power_back(&trial.world, second + call);
                assert_int_equal(fi_ws_pending(trial.world.ws, &pending, NULL), FIRN_OK);
                trial.way = pending.is_pending ? (enum way)((call + second) % OTHER) : AGAIN;
                take_way(&trial);
                ws_world_close(&trial.world);
                free(before);
                cuts++;
            }
        }
    }
    printf("%llu second power cuts\n", (unsigned long long)cuts);
    prepared_deinit(&prepared);
}

/* ---- failures ---- */

static void
fail_restores(bool for_ever, int error_number)
{
    struct prepared prepared = {0};
    prepare(&prepared, for_ever);
    uint64_t failures = 0;
    struct test_fault fault = {.for_ever = for_ever, .error_number = error_number};
    while (test_fault_next(&fault)) {
        struct trial trial = {.prepared = &prepared,
                              .way = (enum way)(fault.n % WAYS),
                              .is_edited = fault.n % 2 == 0};
        snprintf(trial.what, sizeof trial.what, "call %llu fails, then %s",
                 (unsigned long long)fault.n, way_names[trial.way]);
        ws_world_clone(&prepared.world, &trial.world);
        scan_world_wrap(&trial.world.tree);
        ws_world_reopen(&trial.world);
        struct fi_os *outer = trial.world.tree.outer;
        test_fault_call(&fault, outer);
        int rc = ws_try_restore(&trial.world, "1", NULL);
        test_fault_end(&fault);
        assert_true(fault.was_hit || rc == FIRN_OK);
        failures += rc != FIRN_OK ? 1 : 0;
        trial.is_loose = trial.world.notices.counts[FIRN_NOTICE_UNREADABLE] > 0;
        firn_workspace_pending_restore pending;
        assert_int_equal(fi_ws_pending(trial.world.ws, &pending, NULL), FIRN_OK);
        if (rc != FIRN_OK && !pending.is_pending) {
            char *now = ws_dump(&trial.world);
            /* Taken back; or done, and only the last word of it has failed. */
            if (!is_same_tree(now, prepared.first, false)) {
                assert_tree(&trial, now, prepared.edited);
            }
            free(now);
        }
        if (trial.is_edited) {
            put_precious(&trial.world, (unsigned)fault.n / 2);
        }
        take_way(&trial);
        if (is_long() || fault.n % 6 == 0) {
            go_on(&trial);
        }
        ws_world_close(&trial.world);
    }
    assert_true(failures > 50);
    prepared_deinit(&prepared);
}

/* The call that is refused: whether it is to put something in its place. */
struct refused {
    uint64_t number;
    bool is_placing;
};

static void
look_at_call(void *ctx, const struct fi_sim_fault_call *call)
{
    struct refused *refused = ctx;
    if (call->number == refused->number) {
        refused->is_placing = strcmp(call->operation, "rename") == 0 && call->name != NULL &&
                              strncmp(call->name, ".firn-", strlen(".firn-")) == 0;
    }
}

/* One call is refused for want of a right. What can be done is done, nothing is left under temporary
 * names, and both ways lead on: the rest later, or back. */
static void
any_call_of_a_restore_may_be_refused(void **state)
{
    struct prepared prepared = {0};
    prepare(&prepared, false);
    uint64_t partial = 0;
    uint64_t placing = 0;
    struct test_fault fault = {.error_number = EPERM};
    while (test_fault_next(&fault)) {
        struct trial trial = {.prepared = &prepared, .way = fault.n % 2 == 0 ? RESUME : UNDO};
        snprintf(trial.what, sizeof trial.what, "call %llu is refused, then %s",
                 (unsigned long long)fault.n, way_names[trial.way]);
        ws_world_clone(&prepared.world, &trial.world);
        scan_world_wrap(&trial.world.tree);
        ws_world_reopen(&trial.world);
        struct fi_os *outer = trial.world.tree.outer;
        struct refused refused = {.number = fault.n};
        firn_workspace_restore_result result;
        fi_sim_fault_set_hook(outer, look_at_call, &refused);
        test_fault_call(&fault, outer);
        int rc = ws_try_restore(&trial.world, "1", &result);
        test_fault_end(&fault);
        fi_sim_fault_set_hook(outer, NULL, NULL);
        if (fault.was_hit && refused.is_placing && rc != FIRN_OK) {
            fail_msg("%s: all else is not done: %s", trial.what, trial.world.err.text);
        }
        placing += fault.was_hit && refused.is_placing ? 1 : 0;
        trial.is_loose = trial.world.notices.counts[FIRN_NOTICE_UNREADABLE] > 0;
        char *now = ws_dump(&trial.world);
        const bool is_partial = rc == FIRN_OK && result.not_restored > 0;
        if (rc == FIRN_OK && (strstr(now, "/.firn-") != NULL || strstr(now, "\n.firn-") != NULL)) {
            fail_msg("%s: a temporary name is left: %s", trial.what, now);
        }
        if (is_partial && !trial.is_loose && result.incomplete == 0) {
            firn_workspace_pending_restore pending;
            assert_int_equal(fi_ws_pending(trial.world.ws, &pending, NULL), FIRN_OK);
            assert_false(pending.is_pending);
            if (result.safety_id[0] != '\0') {
                assert_int_equal(try_way(&trial.world, trial.way), FIRN_OK);
                char *after = ws_dump(&trial.world);
                assert_tree(&trial, after, trial.way == UNDO ? prepared.edited : prepared.first);
                free(after);
            }
            assert_int_equal(try_resume(&trial.world), FIRN_NOT_FOUND);
            partial++;
        } else if (rc != FIRN_OK && strstr(now, ".firn-kept-") == NULL) {
            take_way(&trial);
        }
        free(now);
        ws_assert_check_clean(&trial.world);
        ws_world_close(&trial.world);
    }
    print_message("%llu restores left something\n", (unsigned long long)partial);
    assert_true(partial > 10 && placing > 5);
    prepared_deinit(&prepared);
}

static void
any_call_of_a_restore_may_fail_once(void **state)
{
    fail_restores(false, EIO);
}

static void
any_call_of_a_restore_and_all_after_it_may_fail(void **state)
{
    fail_restores(true, ENOSPC);
}

/* Its safety checkpoint stays, and undo does not take that for what was there before the last
 * restore: since then somebody has worked, and saved it. */
static void
a_restore_that_came_to_nothing_is_nothing_to_undo(void **state)
{
    enum { ANOTHER = USER + 1 };
    struct prepared prepared = {0};
    prepare(&prepared, false);
    struct fi_os *os = prepared.world.tree.os;
    fi_sim_memory_set_user(os, 0);
    give(os, "/w/dir", ANOTHER); /* its time cannot be set back */
    fi_sim_memory_set_user(os, USER);
    char *edited = ws_dump(&prepared.world);
    struct ws_world clone;
    struct ws_world *world = &clone;
    firn_workspace_pending_restore pending = {.is_pending = true};
    firn_workspace_restore_result result;
    /* A write that fails when the safety checkpoint is there, and before anything has moved. */
    int rc = FIRN_OK;
    for (uint64_t call = 1; rc == FIRN_OK || pending.is_pending || result.safety_id[0] == '\0';
         call++) {
        if (call > 1) {
            ws_world_close(world);
        }
        ws_world_clone(&prepared.world, world);
        scan_world_wrap(&world->tree);
        ws_world_reopen(world);
        struct fi_sim_fault_plan plan = {
            .call = call, .classes = FI_SIM_FAULT_WRITES, .error_number = EIO};
        fi_sim_fault_set_plan(world->tree.outer, &plan);
        rc = ws_try_restore(world, "1", &result);
        assert_true(fi_sim_fault_hits(world->tree.outer) > 0);
        fi_sim_fault_set_plan(world->tree.outer, NULL);
        assert_int_equal(fi_ws_pending(world->ws, &pending, NULL), FIRN_OK);
    }
    ws_assert_dump(world, edited);
    put_precious(world, 0);
    ws_save(world);
    char *now = ws_dump(world);
    assert_int_equal(ws_try_undo(world, NULL), FIRN_NOT_FOUND);
    ws_assert_dump(world, now);
    free(now);
    free(edited);
    ws_world_close(world);
    prepared_deinit(&prepared);
}

/* ---- what undo brings back ---- */

static void
undo_takes_back_the_last_restore_and_undo_again_does_it_again(void **state)
{
    struct prepared prepared = {0};
    prepare(&prepared, false);
    struct ws_world *world = &prepared.world;
    assert_int_equal(ws_try_undo(world, NULL), FIRN_NOT_FOUND);
    ws_restore(world, "1");
    ws_assert_dump(world, prepared.first);
    ws_restore(world, "1"); /* changes nothing, and so is nothing to undo */
    assert_int_equal(ws_try_undo(world, NULL), FIRN_OK);
    ws_assert_dump(world, prepared.edited);
    assert_int_equal(ws_try_undo(world, NULL), FIRN_OK);
    ws_assert_dump(world, prepared.first);
    assert_int_equal(try_resume(world), FIRN_NOT_FOUND);
    prepared_deinit(&prepared);
}

static void
undo_of_some_paths_leaves_the_others(void **state)
{
    struct prepared prepared = {0};
    prepare(&prepared, false);
    struct ws_world *world = &prepared.world;
    firn_slice path = firn_str("dir");
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.paths = &path;
    options.path_count = 1;
    assert_int_equal(fi_ws_restore(world->ws, "1", &options, &result, &world->err), FIRN_OK);
    scan_put_text(&world->tree, "changed", PRECIOUS);
    assert_int_equal(ws_try_undo(world, NULL), FIRN_OK);
    char *now = ws_dump(world);
    assert_true(strstr(now, prepared.edited) == NULL);
    size_t size = 0;
    firn_hash hash;
    char hex[FIRN_HASH_HEX_SIZE];
    fi_blake3_hash_of(PRECIOUS, sizeof PRECIOUS - 1, &hash);
    fi_hex_encode(hash.bytes, sizeof hash.bytes, hex);
    assert_non_null(strstr(now, hex));
    const char *dir = strstr(prepared.edited, "\ndir/changed ");
    assert_non_null(dir);
    size = strcspn(dir + 1, "\n");
    char *line = strndup(dir, size + 2);
    assert_non_null(strstr(now, line));
    free(line);
    free(now);
    prepared_deinit(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_power_may_go_in_a_restore_of_much),
        cmocka_unit_test(the_power_may_go_in_a_restore_of_little),
        cmocka_unit_test(the_power_may_go_in_what_deals_with_a_power_cut),
        cmocka_unit_test(any_call_of_a_restore_may_be_refused),
        cmocka_unit_test(any_call_of_a_restore_may_fail_once),
        cmocka_unit_test(any_call_of_a_restore_and_all_after_it_may_fail),
        cmocka_unit_test(a_restore_that_came_to_nothing_is_nothing_to_undo),
        cmocka_unit_test(undo_takes_back_the_last_restore_and_undo_again_does_it_again),
        cmocka_unit_test(undo_of_some_paths_leaves_the_others),
    };
    return cmocka_run_group_tests_name("ws_recover", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/checkout: what a restore tells while it is under way, to its caller and to others; when it can
 * be cancelled; and that what it works under is nothing of the user's.
 */
#include "base/slice.h"
#include "checkout/checkout.h"
#include "handle/ws_opened.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/workspace/ws_support.h"
#include "tree/tree.h"

static void
must(struct ws_world *world, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), world->err.text);
    }
}

/* Two checkpoints that differ in files changed, added and removed; the tree is the second. */
static void
put_two(struct ws_world *world, uint64_t seed)
{
    ws_world_open_memory(world, seed);
    scan_put_text(&world->tree, "a/changed", "first");
    scan_put_text(&world->tree, "a/only-first", "x");
    scan_put_text(&world->tree, "b/deep/x", "x");
    ws_save(world);
    scan_put_text(&world->tree, "a/changed", "second");
    scan_remove_file(&world->tree, "a/only-first");
    scan_put_text(&world->tree, "a/only-second", "y");
    ws_save(world);
}

enum { TOLD_MAX = 64 };

struct told {
    const char *phase;
    bool is_finishing;
    uint64_t files_done;
    uint64_t files_total;
};

struct listener {
    struct ws_world *world;
    struct firn_ws *other; /* another handle of the workspace, or NULL */
    unsigned cancel_at;    /* from 1; 0: never */
    unsigned count;
    unsigned first_finishing;
    bool was_heeded_late; /* cancelled where it is too late */
    struct told told[TOLD_MAX];
    firn_workspace_pending_restore seen[TOLD_MAX];
};

static int
on_progress(void *ctx, const firn_progress *progress)
{
    struct listener *listener = ctx;
    if (listener->count < TOLD_MAX) {
        struct told *told = &listener->told[listener->count];
        *told = (struct told){progress->phase, progress->is_finishing, progress->files_done,
                              progress->files_total};
        if (listener->other != NULL) {
            assert_int_equal(fi_ws_pending(listener->other, &listener->seen[listener->count], NULL),
                             FIRN_OK);
        }
    }
    listener->count++;
    if (progress->is_finishing && listener->first_finishing == 0) {
        listener->first_finishing = listener->count;
    }
    return listener->count == listener->cancel_at ? FIRN_CANCELLED : FIRN_OK;
}

static int
restore(struct listener *listener, const char *reference)
{
    struct ws_world *world = listener->world;
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.threads = 1;
    options.callbacks = (firn_callbacks){.on_progress = on_progress, .ctx = listener};
    listener->count = 0;
    listener->first_finishing = 0;
    return fi_ws_restore(world->ws, reference, &options, &result, &world->err);
}

static void
phases_come_in_order_and_from_the_first_rename_on_it_is_finishing(void **state)
{
    static const char *const phases[] = {"compare", "verify", "write",  "sync", "look",
                                         "place",   "remove", "finish", "sync", "refresh"};
    struct ws_world world;
    put_two(&world, 7);
    struct listener listener = {.world = &world};
    must(&world, restore(&listener, "1"));
    size_t at = 0;
    assert_true(listener.count <= TOLD_MAX);
    for (unsigned i = 0; i < listener.count; i++) {
        const struct told *told = &listener.told[i];
        if (strcmp(told->phase, "scan") == 0) {
            assert_int_equal(at, 0);
            continue;
        }
        if (strcmp(told->phase, phases[at]) != 0) {
            at++;
        }
        if (at == sizeof phases / sizeof *phases || strcmp(told->phase, phases[at]) != 0) {
            fail_msg("'%s' does not come here", told->phase);
        }
        assert_int_equal(told->is_finishing, at >= 5);
        if (strcmp(told->phase, "place") == 0 || strcmp(told->phase, "remove") == 0) {
            assert_int_equal(told->files_total, 3);
            assert_true(told->files_done <= 3);
        }
    }
    assert_true(at >= 8);
    ws_world_close(&world);
}

/* Cancelled before that, nothing has changed, and nothing is pending; later it is not heeded. */
static void
it_can_be_cancelled_whenever_it_tells_until_it_is_finishing(void **state)
{
    unsigned cancelled = 0;
    unsigned late = 0;
    for (unsigned at = 1;; at++) {
        struct ws_world world;
        firn_workspace_pending_restore pending;
        put_two(&world, at);
        char *before = ws_dump(&world);
        struct listener listener = {.world = &world, .cancel_at = at};
        int rc = restore(&listener, "1");
        bool was_late = listener.first_finishing != 0 && listener.first_finishing <= at;
        assert_int_equal(fi_ws_pending(world.ws, &pending, &world.err), FIRN_OK);
        assert_false(pending.is_pending || pending.is_running);
        if (listener.count < at) {
            free(before);
            ws_world_close(&world);
            break;
        }
        assert_int_equal(rc, was_late ? FIRN_OK : FIRN_CANCELLED);
        if (was_late) {
            late++;
            firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
            firn_workspace_status_result result;
            options.reference = "1";
            must(&world, fi_ws_status(world.ws, &options, NULL, NULL, &result, &world.err));
            assert_int_equal(result.added + result.changed + result.removed, 0);
        } else {
            cancelled++;
            ws_assert_dump(&world, before);
        }
        ws_assert_check_clean(&world);
        free(before);
        ws_world_close(&world);
    }
    assert_true(cancelled >= 5);
    assert_true(late >= 3);
}

/* ---- told to others ---- */

static void
another_handle_sees_it_under_way_and_not_as_interrupted(void **state)
{
    struct ws_world world;
    put_two(&world, 9);
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    struct listener listener = {.world = &world};
    options.store_path = world.store_path;
    must(&world, fi_ws_open(world.tree.os, world.root_path, &options, &listener.other, &world.err));
    must(&world, restore(&listener, "1"));
    unsigned begun = 0;
    for (unsigned i = 0; i < listener.count; i++) {
        const firn_workspace_pending_restore *seen = &listener.seen[i];
        assert_true(seen->is_running);
        assert_false(seen->is_pending);
        assert_false(seen->is_undo || seen->is_revert);
        assert_int_equal(seen->number, 1);
        const char *phase = listener.told[i].phase;
        if (strcmp(phase, "refresh") != 0) { /* others are told of the phase before it */
            assert_int_equal(seen->has_begun, listener.told[i].is_finishing);
            assert_string_equal(seen->phase, phase);
        }
        if (strcmp(phase, "place") == 0 || strcmp(phase, "remove") == 0) {
            assert_int_equal(seen->files_done, listener.told[i].files_done);
            assert_int_equal(seen->files_total, 3);
        }
        begun += seen->has_begun ? 1 : 0;
    }
    assert_true(begun >= 3);
    firn_workspace_pending_restore after;
    must(&world, fi_ws_pending(listener.other, &after, &world.err));
    assert_false(after.is_pending || after.is_running);
    fi_ws_close(listener.other);
    ws_world_close(&world);
}

static void
what_is_no_note_is_none(void **state)
{
    struct fi_ws_running out;
    uint8_t note[48] = {1, 1};
    assert_true(fi_ws_running_decode(firn_bytes(note, sizeof note), &out));
    assert_string_equal(out.phase, "scan");
    for (size_t size = 0; size < sizeof note; size++) {
        assert_false(fi_ws_running_decode(firn_bytes(note, size), &out));
    }
    static const uint8_t most[] = {1, FI_CATALOG_JOURNAL_REDO, 8, 1};
    for (size_t at = 0; at < sizeof most; at++) {
        uint8_t kept = note[at];
        note[at] = (uint8_t)(most[at] + 1);
        assert_false(fi_ws_running_decode(firn_bytes(note, sizeof note), &out));
        note[at] = kept;
    }
    note[0] = 0;
    assert_false(fi_ws_running_decode(firn_bytes(note, sizeof note), &out));
}

/* ---- what is read afterwards ---- */

/* Directories that were restored are read again by several threads, those beside them looked up: what
 * the stat cache learns is true. Meant for the thread sanitizer. */
static void
what_was_restored_is_known_to_the_next_save(void **state)
{
    enum { DIRS = 600, FILES = 2 };
    struct ws_world world;
    char path[64];
    ws_world_open_disk(&world);
    world.threads = 4;
    for (unsigned turn = 0; turn < 2; turn++) {
        for (unsigned i = 0; i < DIRS * FILES; i++) {
            (void)snprintf(path, sizeof path, "%u/sub%u/%u", i / FILES % 4, i / FILES, i);
            if (turn == 0 || i / FILES % 3 == 0) { /* the others stay as they are */
                scan_put_text(&world.tree, path, turn == 0 ? path : "second");
            }
        }
        ws_save(&world);
    }
    for (unsigned turn = 0; turn < 4; turn++) {
        firn_workspace_restore_result result = ws_restore(&world, turn % 2 == 0 ? "1" : "2");
        assert_int_equal(result.changed, DIRS * FILES / 3);
        firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
        firn_workspace_status_result status;
        options.reference = turn % 2 == 0 ? "1" : "2";
        options.threads = 4;
        must(&world, fi_ws_status(world.ws, &options, NULL, NULL, &status, &world.err));
        assert_int_equal(status.added + status.changed + status.removed + status.times_only, 0);
        assert_int_equal(status.unchanged, DIRS * FILES);
        firn_workspace_save_result saved = ws_save(&world);
        assert_int_equal(saved.checkpoint->new_objects, 0);
        assert_int_equal(saved.checkpoint->files, DIRS * FILES);
    }
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

/* ---- what it works under ---- */

static void
temporary_names_are_told_from_others(void **state)
{
    static const uint8_t tag[] = {0xff, 1, 2, 3, 4, 5, 6, 0xa7};
    char name[FI_CHECKOUT_NAME_SIZE];
    fi_checkout_place_temporary(tag, firn_str("a/path"), name);
    assert_true(fi_tree_reserved_is_temporary(firn_str(name)));
    for (size_t size = 0; size < strlen(name); size++) {
        assert_false(fi_tree_reserved_is_temporary(firn_bytes(name, size)));
    }
    fi_checkout_place_aside(tag, firn_str("a/path"), name);
    assert_true(fi_tree_reserved_is_temporary(firn_str(name)));
    static const char *const others[] = {
        ".firn",
        ".firn-0123456789abcdef-0123456789abcdeg",
        ".firn-0123456789ABCDEF-0123456789abcdef",
        ".firn-0123456789abcdef.0123456789abcdef",
        ".firn-0123456789abcdef-0123456789abcdef.odd",
        ".firn-0123456789abcdef-0123456789abcdef.oldx",
        "xfirn-0123456789abcdef-0123456789abcdef",
        "a.firn-kept-01234567",
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_false(fi_tree_reserved_is_temporary(firn_str(others[i])));
    }
}

static int
fail_if_temporary(void *ctx, const firn_workspace_change *change)
{
    (void)ctx;
    const firn_workspace_entry *entry = change->after != NULL ? change->after : change->before;
    if (fi_slice_equal(entry->path, firn_str("a/.firn-0123456789abcdef-0123456789abcdef"))) {
        fail_msg("it is listed");
    }
    return FIRN_OK;
}

/* As of a restore of another workspace, or of a store that is gone. */
static void
temporary_names_are_neither_listed_nor_saved_and_a_restore_removes_them(void **state)
{
    struct ws_world world;
    put_two(&world, 3);
    scan_put_text(&world.tree, "a/.firn-0123456789abcdef-0123456789abcdef", "half");
    scan_put_text(&world.tree, "a/.firn-0123456789abcdef-0123456789abcdef.old/x", "half");
    firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result result;
    must(&world, fi_ws_status(world.ws, &options, fail_if_temporary, NULL, &result, &world.err));
    assert_int_equal(result.added, 0);
    firn_workspace_save_result saved = ws_save(&world);
    assert_int_equal(saved.checkpoint->excluded, 2);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_EXCLUDED,
                                 "a/.firn-0123456789abcdef-0123456789abcdef"));
    ws_restore(&world, "1");
    assert_false(ws_dump_has(&world, ".firn-0123456789abcdef"));
    must(&world, ws_try_undo(&world, NULL)); /* its safety checkpoint has them */
    assert_true(ws_dump_has(&world, "a/.firn-0123456789abcdef-0123456789abcdef"));
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_come_in_order_and_from_the_first_rename_on_it_is_finishing),
        cmocka_unit_test(it_can_be_cancelled_whenever_it_tells_until_it_is_finishing),
        cmocka_unit_test(another_handle_sees_it_under_way_and_not_as_interrupted),
        cmocka_unit_test(what_is_no_note_is_none),
        cmocka_unit_test(what_was_restored_is_known_to_the_next_save),
        cmocka_unit_test(temporary_names_are_told_from_others),
        cmocka_unit_test(temporary_names_are_neither_listed_nor_saved_and_a_restore_removes_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

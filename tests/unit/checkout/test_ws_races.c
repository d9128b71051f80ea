/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/checkout: another process works in the tree while it is restored. Before each single call
 * of a restore something is done to the tree meanwhile. What that was is never lost: it is in the
 * tree or in a checkpoint. Nothing outside the tree is ever touched, and a restore that says it
 * succeeded has succeeded.
 */
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/test_share.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_support.h"

enum { SCAN_CALLS = 110 };

static const char PRECIOUS[] = "the only copy of this";
static const char SECOND[] = "as long as the other "; /* as PRECIOUS is */

struct prepared {
    struct ws_world world;
    char *first;
    char *edited;
};

static void
prepare(struct prepared *prepared)
{
    struct ws_world *world = &prepared->world;
    struct scan_world *tree = &world->tree;
    ws_world_open_memory(world, 51);
    struct scan_world top = {.os = tree->os};
    assert_int_equal(fi_os_dir_open_path(top.os, "/", &top.root, NULL), FIRN_OK);
    scan_put_text(&top, "outside/changed", "not yours");
    scan_put_text(&top, "outside/gone", "not yours");
    scan_put_text(&top, "outside/deep/changed", "not yours");
    fi_os_dir_close(top.root);
    scan_put_text(tree, "dir/changed", "first");
    scan_put_text(tree, "dir/deep/changed", "first");
    scan_put_text(tree, "dir/missing", "first");
    scan_put_text(tree, "dir/mode", "first");
    scan_put_text(tree, "flip", "first");
    scan_put_text(tree, "stays", "first");
    scan_put_text(tree, "whole/new/tree", "first");
    ws_save(world);
    prepared->first = ws_dump(world);
    scan_put_text(tree, "dir/changed", SECOND);
    scan_put_text(tree, "dir/deep/changed", "second");
    scan_remove_file(tree, "dir/missing");
    scan_set_mode(tree, "dir/mode", 0600);
    scan_put_text(tree, "dir/gone", "second");
    scan_remove_file(tree, "flip");
    scan_put_text(tree, "flip/inside", "second");
    scan_remove_tree(tree, "whole");
    prepared->edited = ws_dump(world);
}

static void
prepared_deinit(struct prepared *prepared)
{
    free(prepared->first);
    free(prepared->edited);
    ws_world_close(&prepared->world);
}

/* ---- intruders ---- */

struct intruder {
    struct scan_world *tree;
    bool (*act)(struct scan_world *tree); /* whether there was something to do */
    uint64_t at;                          /* before which call */
    bool was_called;
    bool acted;
    uint64_t calls;
    char operation[32];
    char name[300];
};

static bool
is_there(struct scan_world *tree, const char *dir_path, const char *name)
{
    struct fi_os_dir *dir;
    if (fi_os_dir_open_beneath(tree->root, dir_path, &dir, NULL) != FIRN_OK) {
        return false;
    }
    bool result = test_file_exists(dir, name);
    fi_os_dir_close(dir);
    return result;
}

static bool
edit_a_file(struct scan_world *tree)
{
    scan_put_text(tree, "dir/changed", PRECIOUS);
    return true;
}

/* As a write within the same tick of the clock, or a tool that sets times back. */
static bool
edit_a_file_and_leave_its_size_and_time(struct scan_world *tree)
{
    struct fi_os_dir *dir;
    struct fi_os_stat stat;
    if (fi_os_dir_open_beneath(tree->root, "dir", &dir, NULL) != FIRN_OK) {
        return false;
    }
    int rc = fi_os_stat(dir, "changed", &stat, NULL);
    fi_os_dir_close(dir);
    if (rc != FIRN_OK || stat.size_bytes != sizeof PRECIOUS - 1) {
        return false;
    }
    scan_put_text(tree, "dir/changed", PRECIOUS);
    scan_set_mtime(tree, "dir/changed", stat.mtime_ns);
    return true;
}

static bool
edit_a_deep_file(struct scan_world *tree)
{
    scan_put_text(tree, "dir/deep/changed", PRECIOUS);
    return true;
}

static bool
edit_what_goes(struct scan_world *tree)
{
    scan_put_text(tree, "dir/gone", PRECIOUS);
    return true;
}

static bool
replace_a_file(struct scan_world *tree)
{
    scan_put_text(tree, "dir/.other", PRECIOUS);
    scan_rename(tree, "dir/.other", "dir/changed");
    return true;
}

static bool
edit_what_only_has_another_mode(struct scan_world *tree)
{
    scan_put_text(tree, "dir/mode", PRECIOUS);
    return true;
}

static bool
take_a_free_name(struct scan_world *tree)
{
    if (is_there(tree, "dir", "missing")) {
        return false;
    }
    scan_put_text(tree, "dir/missing", PRECIOUS);
    return true;
}

static bool
put_into_a_directory_that_goes(struct scan_world *tree)
{
    if (!is_there(tree, "flip", "inside")) {
        return false;
    }
    scan_put_text(tree, "flip/more", PRECIOUS);
    return true;
}

static bool
delete_a_file(struct scan_world *tree)
{
    if (!is_there(tree, "dir", "changed")) {
        return false;
    }
    scan_remove_file(tree, "dir/changed");
    return true;
}

static bool
turn_a_directory_into_a_link_to_outside(struct scan_world *tree)
{
    scan_rename(tree, "dir", "dir.aside");
    scan_put_symlink(tree, "dir", "/outside");
    return true;
}

static bool
turn_a_deep_directory_into_a_link_to_outside(struct scan_world *tree)
{
    scan_rename(tree, "dir/deep", "deep.aside");
    scan_put_symlink(tree, "dir/deep", "/outside/deep");
    return true;
}

static void
intrude(void *ctx, const struct fi_sim_fault_call *call)
{
    struct intruder *intruder = ctx;
    intruder->calls = call->number;
    if (call->number != intruder->at) {
        return;
    }
    intruder->was_called = true;
    snprintf(intruder->operation, sizeof intruder->operation, "%s", call->operation);
    snprintf(intruder->name, sizeof intruder->name, "%s", call->name == NULL ? "" : call->name);
    intruder->acted = intruder->act(intruder->tree);
}

/* ---- what must hold ---- */

static char *
dump_outside(struct ws_world *world)
{
    struct scan_world outside = {.os = world->tree.os};
    assert_int_equal(fi_os_dir_open_path(outside.os, "/outside", &outside.root, NULL), FIRN_OK);
    char *dump = scan_dump_real(&outside, true);
    fi_os_dir_close(outside.root);
    return dump;
}

struct kind {
    const char *name;
    bool (*act)(struct scan_world *tree);
    bool has_content;
};

struct tally {
    uint64_t restores;
    uint64_t conflicts;
};

static bool
is_long(void)
{
    return getenv("FIRN_TEST_LONG") != NULL;
}

/* One restore with an intruder before call n; false if there were fewer calls. */
static bool
try_once(struct prepared *prepared, const struct kind *kind, uint64_t n, struct tally *tally)
{
    struct ws_world world;
    ws_world_clone(&prepared->world, &world);
    scan_world_wrap(&world.tree);
    ws_world_reopen(&world);
    char *outside = dump_outside(&world);
    struct intruder intruder = {.tree = &world.tree, .act = kind->act, .at = n};
    fi_sim_fault_set_hook(world.tree.outer, intrude, &intruder);
    int rc = ws_try_restore(&world, "1", NULL);
    fi_sim_fault_set_hook(world.tree.outer, NULL, NULL);
    char message[sizeof world.err.text];
    snprintf(message, sizeof message, "%s", rc == FIRN_OK ? "" : world.err.text);
    tally->restores++;
    tally->conflicts += rc == FIRN_CONFLICT ? 1 : 0;

    char *now = ws_dump(&world);
    if (intruder.acted && kind->has_content && !ws_is_kept(&world, now, PRECIOUS)) {
        fail_msg("%s before call %llu (%s of '%s'): lost; the restore gave %s: %s", kind->name,
                 (unsigned long long)n, intruder.operation, intruder.name, firn_code_name(rc),
                 message);
    }
    char *outside_now = dump_outside(&world);
    assert_string_equal(outside_now, outside);
    free(outside_now);
    /* After any failure, it can be done again and then comes to the end. */
    if (n % 8 == 0 || is_long()) {
        ws_restore(&world, "1");
        ws_assert_dump(&world, prepared->first);
        outside_now = dump_outside(&world);
        assert_string_equal(outside_now, outside);
        ws_assert_check_clean(&world);
        free(outside_now);
    }
    free(outside);
    free(now);
    ws_world_close(&world);
    return intruder.was_called;
}

static void
somebody_else_in_the_tree_loses_nothing(void **state)
{
    const struct kind kinds[] = {
        {"an edit", edit_a_file, true},
        {"an edit that does not show", edit_a_file_and_leave_its_size_and_time, true},
        {"a deep edit", edit_a_deep_file, true},
        {"an edit of what goes", edit_what_goes, true},
        {"a replacement", replace_a_file, true},
        {"an edit of what has another mode", edit_what_only_has_another_mode, true},
        {"a new file", take_a_free_name, true},
        {"a new file in what goes", put_into_a_directory_that_goes, true},
        {"a deletion", delete_a_file, false},
        {"a link to outside", turn_a_directory_into_a_link_to_outside, false},
        {"a deep link to outside", turn_a_deep_directory_into_a_link_to_outside, false},
    };
    struct prepared prepared = {0};
    prepare(&prepared);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct tally tally = {0};
        const struct test_share share = test_share_of(1, i);
        uint64_t n = share.first;
        /* The scan comes first, and treats all its files alike. */
        while (try_once(&prepared, &kinds[i], n, &tally)) {
            n += (n < SCAN_CALLS && !is_long() ? 7 : 1) * share.step;
        }
        printf("%s: before %llu of %llu calls, %llu conflicts\n", kinds[i].name,
               (unsigned long long)tally.restores, (unsigned long long)n - 1,
               (unsigned long long)tally.conflicts);
        assert_true(n > 100);
        assert_true(tally.conflicts > 0 || !kinds[i].has_content ||
                    strcmp(kinds[i].name, "a new file in what goes") == 0);
    }
    prepared_deinit(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(somebody_else_in_the_tree_loses_nothing),
    };
    return cmocka_run_group_tests_name("ws_races", tests, NULL, NULL);
}

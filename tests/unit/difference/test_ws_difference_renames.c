/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/difference: differences in which files were renamed.
 */
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_support.h"

struct told {
    char *text;
    size_t size;
    FILE *stream;
};

static int
tell(void *ctx, const firn_workspace_difference *difference)
{
    struct told *told = ctx;
    const firn_workspace_change *change = &difference->change;
    const firn_workspace_entry *entry = change->after != NULL ? change->after : change->before;
    fprintf(told->stream, "%d %.*s", (int)change->kind, (int)entry->path.size,
            (const char *)entry->path.data);
    if (change->kind == FIRN_CHANGE_RENAMED) {
        assert_memory_equal(&change->before->hash, &change->after->hash, sizeof(firn_hash));
        assert_int_equal(change->what & FIRN_CHANGED_CONTENT, 0);
        fprintf(told->stream, " from %.*s", (int)change->before->path.size,
                (const char *)change->before->path.data);
    }
    fprintf(told->stream, "\n");
    return FIRN_OK;
}

static int
try_diff(struct ws_world *world, const char *path, struct told *told,
         firn_workspace_diff_result *out)
{
    firn_workspace_diff_options options = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    const firn_slice paths = firn_str(path == NULL ? "" : path);
    options.before = "1";
    options.after = "2";
    options.paths = &paths;
    options.path_count = path == NULL ? 0 : 1;
    options.find_renames = true;
    return fi_ws_difference(world->ws, &options, told == NULL ? NULL : tell, told, out,
                            &world->err);
}

static firn_workspace_diff_result
assert_differs(struct ws_world *world, const char *path, const char *expected)
{
    struct told told = {NULL, 0, NULL};
    firn_workspace_diff_result result;
    told.stream = open_memstream(&told.text, &told.size);
    assert_non_null(told.stream);
    assert_int_equal(try_diff(world, path, &told, &result), FIRN_OK);
    assert_int_equal(fclose(told.stream), 0);
    assert_string_equal(told.text, expected);
    free(told.text);
    return result;
}

/* Renames with every circumstance: a directory that moved, several files of one content, a new mode,
 * an edit, an empty file, a link. */
static void
prepare(struct ws_world *world)
{
    ws_world_open_memory(world, 91);
    struct scan_world *tree = &world->tree;
    scan_put_text(tree, "a/one", "one");
    scan_put_text(tree, "a/same", "same");
    scan_put_text(tree, "b/same", "same");
    scan_put_text(tree, "c/other", "same");
    scan_put_text(tree, "edited", "1\n2\n3\n4\n");
    scan_put_text(tree, "empty", "");
    scan_put_text(tree, "mode", "mode");
    scan_put_text(tree, "stays", "one");
    scan_put_symlink(tree, "link", "stays");
    ws_save(world);
    scan_rename(tree, "a", "z");
    scan_rename(tree, "b/same", "b/different");
    scan_remove_file(tree, "c/other");
    scan_remove_file(tree, "edited");
    scan_put_text(tree, "edited too", "1\n2\n3\n5\n");
    scan_rename(tree, "empty", "empty too");
    scan_rename(tree, "mode", "new mode");
    scan_set_mode(tree, "new mode", 0700);
    scan_rename(tree, "link", "link too");
    ws_save(world);
}

static void
files_of_one_content_are_paired(void **state)
{
    struct ws_world world;
    prepare(&world);
    firn_workspace_diff_result result =
        assert_differs(&world, NULL,
                       "2 a\n"
                       "5 b/different from b/same\n"
                       "2 c/other\n"
                       "2 edited\n1 edited too\n"
                       "2 empty\n1 empty too\n"
                       "2 link\n1 link too\n"
                       "5 new mode from mode\n"
                       "1 z\n5 z/one from a/one\n5 z/same from a/same\n");
    assert_int_equal(result.renamed, 4);
    assert_int_equal(result.added, 3);
    assert_int_equal(result.removed, 4);
    assert_int_equal(result.changed, 0);
    ws_world_close(&world);
}

static void
only_paths_that_are_asked_for_are_paired(void **state)
{
    struct ws_world world;
    prepare(&world);
    firn_workspace_diff_result result = assert_differs(&world, "z", "1 z\n1 z/one\n1 z/same\n");
    assert_int_equal(result.renamed, 0);
    assert_int_equal(result.added, 2);
    ws_world_close(&world);
}

static void
random_trees_have_the_same_files_with_renames(void **state)
{
    struct test_random random;
    uint64_t renamed = 0;
    test_random_init(&random, "ws_difference_renames", 92);
    for (int i = 0; i < 20; i++) {
        struct ws_world world;
        firn_workspace_diff_result result;
        ws_world_open_memory(&world, test_random_next(&random));
        ws_edit_grow(&world.tree, &random, 60);
        char *before = ws_dump(&world);
        ws_save(&world);
        for (uint64_t left = test_random_below(&random, 30); left > 0; left--) {
            ws_edit_step(&world.tree, &random);
        }
        char *after = ws_dump(&world);
        ws_save(&world);
        struct ws_edit_counts counts = ws_edit_compare(before, after);
        assert_int_equal(try_diff(&world, NULL, NULL, &result), FIRN_OK);
        assert_int_equal(result.added + result.renamed, counts.added);
        assert_int_equal(result.removed + result.renamed, counts.removed);
        assert_int_equal(result.changed + result.times_only, counts.changed);
        assert_int_equal(result.times_only, counts.times_only);
        renamed += result.renamed;
        free(before);
        free(after);
        ws_world_close(&world);
    }
    assert_true(renamed > 0);
}

static void
any_allocation_may_fail(void **state)
{
    struct ws_world world;
    test_alloc_install();
    prepare(&world);
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        firn_workspace_diff_result result;
        int64_t alive = test_alloc_alive();
        test_fault_allocation(&fault);
        int rc = try_diff(&world, NULL, NULL, &result);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        /* The buffers that the handle keeps are all that may come: for a record, for results. */
        fi_ws_given_release(world.ws);
        assert_true(test_alloc_alive() <= alive + 2);
    }
    ws_world_close(&world);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_one_content_are_paired),
        cmocka_unit_test(only_paths_that_are_asked_for_are_paired),
        cmocka_unit_test(random_trees_have_the_same_files_with_renames),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("ws_difference_renames", tests, NULL, NULL);
}

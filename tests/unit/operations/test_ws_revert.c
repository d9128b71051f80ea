/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/operations: taking back one checkpoint: each rule of the merge by example, and random trees
 * with random edits against what the texts of three trees say.
 */
#include <inttypes.h>

#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_reverting.h"

static void
must(struct ws_world *world, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), world->err.text);
    }
}

/* The line of a path in the text of a tree, "" if it has none. The caller frees it. */
static char *
line_of(const char *dump, const char *path)
{
    char start[256];
    snprintf(start, sizeof start, "%s kind=", path);
    for (const char *at = dump; *at != '\0'; at += strcspn(at, "\n") + 1) {
        if (strncmp(at, start, strlen(start)) == 0) {
            return strndup(at, strcspn(at, "\n"));
        }
    }
    return strdup("");
}

static bool
has(struct ws_world *world, const char *path)
{
    char *dump = ws_dump(world);
    char *line = line_of(dump, path);
    bool is_there = line[0] != '\0';
    free(line);
    free(dump);
    return is_there;
}

static void
assert_text(struct ws_world *world, const char *path, const char *expected)
{
    char *dump = ws_dump(world);
    struct ws_world other;
    ws_world_open_memory(&other, 3);
    scan_put_text(&other.tree, path, expected);
    char *other_dump = ws_dump(&other);
    char *found = line_of(dump, path);
    char *wanted = line_of(other_dump, path);
    assert_true(found[0] != '\0');
    /* " size=… hash=…", up to the target */
    const char *found_at = strstr(found, " size=");
    const char *wanted_at = strstr(wanted, " size=");
    size_t size = (size_t)(strstr(wanted, " target=") - wanted_at);
    assert_int_equal(strncmp(found_at, wanted_at, size), 0);
    free(found);
    free(wanted);
    free(other_dump);
    ws_world_close(&other);
    free(dump);
}

/* ---- files and lines ---- */

static void
what_came_after_stays(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 41);
    struct scan_world *tree = &world.tree;
    scan_put_text(tree, "text", "1\n2\n3\n4\n5\n");
    scan_put_text(tree, "gone/file", "brought back");
    scan_put_text(tree, "other", "other");
    ws_save(&world);
    scan_put_text(tree, "text", "1\ntwo\n3\n4\n5\n");
    scan_put_text(tree, "new/file", "new");
    scan_remove_tree(tree, "gone");
    ws_save(&world);
    scan_put_text(tree, "text", "1\ntwo\n3\n4\nfive\n");
    scan_put_text(tree, "later", "later");
    scan_put_text(tree, "new/own", "own");
    scan_remove_file(tree, "other");
    char *before = ws_dump(&world);

    struct ws_reverting dry;
    must(&world, ws_try_revert(&world, NULL, "2", true, &dry));
    ws_assert_dump(&world, before);
    firn_workspace_revert_result result = ws_revert(&world, "2");
    assert_int_equal(result.changed, 1);
    assert_int_equal(result.added, 1);
    assert_int_equal(result.removed, 1);
    assert_int_equal(result.merged, 1);
    assert_int_equal(dry.result.changed, 1);
    assert_int_equal(dry.result.added, 1);
    assert_int_equal(dry.result.removed, 1);
    assert_int_equal(dry.result.merged, 1);
    assert_int_equal(result.after->number, 2);
    assert_int_equal(result.before->number, 1);
    assert_text(&world, "text", "1\n2\n3\n4\nfive\n");
    assert_text(&world, "gone/file", "brought back");
    assert_text(&world, "new/own", "own");
    assert_text(&world, "later", "later");
    assert_false(has(&world, "new/file"));
    assert_false(has(&world, "other"));
    ws_assert_check_clean(&world);
    must(&world, ws_try_undo(&world, NULL));
    ws_assert_dump(&world, before);
    must(&world, ws_try_undo(&world, NULL));
    assert_text(&world, "text", "1\n2\n3\n4\nfive\n");
    free(before);
    ws_world_close(&world);
}

static void
each_kind_of_conflict_is_told_and_nothing_is_changed(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 42);
    struct scan_world *tree = &world.tree;
    scan_put_text(tree, "a-lines", "1\n2\n3\n");
    scan_put_file(tree, "b-binary", "1\0", 2);
    scan_put_text(tree, "c-removed", "1");
    scan_put_text(tree, "e-added", "was here");
    scan_put_text(tree, "f-kind", "a file");
    scan_put_text(tree, "g-dir/in", "a directory");
    scan_put_text(tree, "h-mode", "mode");
    scan_put_symlink(tree, "i-link", "a-lines");
    ws_save(&world);
    scan_put_text(tree, "a-lines", "1\ntwo\n3\n");
    scan_put_file(tree, "b-binary", "2\0", 2);
    scan_put_text(tree, "c-removed", "2");
    scan_put_text(tree, "d-changed", "new");
    scan_remove_file(tree, "e-added");
    scan_put_text(tree, "f-kind", "another");
    scan_remove_tree(tree, "g-dir");
    scan_put_text(tree, "g-dir", "a file now");
    scan_set_mode(tree, "h-mode", 0600);
    scan_remove_file(tree, "i-link");
    scan_put_symlink(tree, "i-link", "b-binary");
    ws_save(&world);
    scan_put_text(tree, "a-lines", "1\nzwei\n3\n");
    scan_put_file(tree, "b-binary", "3\0", 2);
    scan_remove_file(tree, "c-removed");
    scan_put_text(tree, "d-changed", "newer");
    scan_put_text(tree, "e-added", "something else");
    scan_remove_file(tree, "f-kind");
    scan_put_symlink(tree, "f-kind", "a-lines");
    scan_put_text(tree, "g-dir", "a file that was edited");
    scan_set_mode(tree, "h-mode", 0700);
    scan_remove_file(tree, "i-link");
    scan_put_symlink(tree, "i-link", "h-mode");
    ws_assert_conflicts(&world, "2",
                        "1 a-lines\n2 b-binary\n3 c-removed\n4 d-changed\n5 e-added\n6 f-kind\n"
                        "6 g-dir\n7 h-mode\n2 i-link\n");
    ws_world_close(&world);
}

static void
a_range_is_one_change(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 43);
    struct scan_world *tree = &world.tree;
    scan_put_text(tree, "a", "1");
    ws_save(&world);
    char *first = ws_dump(&world);
    scan_put_text(tree, "a", "2");
    ws_save(&world);
    scan_put_text(tree, "a", "3");
    scan_put_text(tree, "b", "3");
    ws_save(&world);
    must(&world, ws_try_revert(&world, "1", "3", false, NULL));
    ws_assert_dump(&world, first);
    assert_int_equal(ws_try_revert(&world, "3", "1", false, NULL), FIRN_INVALID);
    assert_int_equal(ws_try_revert(&world, "2", "2", false, NULL), FIRN_INVALID);
    assert_int_equal(ws_try_revert(&world, NULL, "1", false, NULL), FIRN_NOT_FOUND);
    ws_assert_dump(&world, first);
    free(first);
    ws_world_close(&world);
}

static void
attributes_are_merged_one_by_one(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 44);
    struct scan_world *tree = &world.tree;
    scan_put_text(tree, "file", "1\n2\n3\n");
    scan_set_mode(tree, "file", 0640);
    scan_put_text(tree, "dir/in", "in");
    scan_set_mode(tree, "dir", 0755);
    ws_save(&world);
    scan_set_mode(tree, "file", 0600);
    scan_set_mode(tree, "dir", 0700);
    ws_save(&world);
    scan_put_text(tree, "file", "1\n2\n3\n4\n");
    scan_set_xattr(tree, "file", "user.k", "v");
    scan_put_text(tree, "dir/more", "more");
    firn_workspace_revert_result result = ws_revert(&world, "2");
    assert_int_equal(result.merged, 0);
    assert_text(&world, "file", "1\n2\n3\n4\n");
    char *dump = ws_dump(&world);
    char *file = line_of(dump, "file");
    char *dir = line_of(dump, "dir");
    assert_non_null(strstr(file, "mode=640"));
    assert_non_null(strstr(file, "user.k"));
    assert_non_null(strstr(dir, "mode=755"));
    assert_true(has(&world, "dir/more"));
    free(file);
    free(dir);
    free(dump);
    ws_world_close(&world);
}

/* ---- kinds ---- */

static void
what_became_something_else_comes_back_if_nothing_came_after(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 45);
    struct scan_world *tree = &world.tree;
    scan_put_text(tree, "file", "a file");
    scan_put_text(tree, "dir/a", "a");
    scan_put_text(tree, "dir/deep/b", "b");
    scan_put_text(tree, "other", "1");
    ws_save(&world);
    scan_remove_file(tree, "file");
    scan_put_text(tree, "file/now", "a directory");
    scan_remove_tree(tree, "dir");
    scan_put_symlink(tree, "dir", "other");
    ws_save(&world);
    scan_put_text(tree, "other", "2");
    scan_set_mtime(tree, "file", 5); /* the time of a directory is nobody's work */
    ws_revert(&world, "2");
    assert_text(&world, "file", "a file");
    assert_text(&world, "dir/deep/b", "b");
    assert_text(&world, "other", "2");

    must(&world, ws_try_undo(&world, NULL));
    scan_put_text(tree, "file/own", "own");
    ws_assert_conflicts(&world, "2", "6 file\n");
    ws_world_close(&world);
}

static void
a_removed_directory_comes_back_with_what_changes_in_it(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 46);
    struct scan_world *tree = &world.tree;
    scan_put_text(tree, "dir/a", "a");
    scan_put_text(tree, "dir/b", "b");
    scan_put_text(tree, "dir/deep/c", "c");
    ws_save(&world);
    scan_remove_file(tree, "dir/a");
    ws_save(&world);
    scan_remove_tree(tree, "dir");
    ws_revert(&world, "2");
    assert_text(&world, "dir/a", "a");
    assert_false(has(&world, "dir/b"));
    assert_false(has(&world, "dir/deep"));
    ws_world_close(&world);
}

static void
a_file_that_was_only_touched_may_go(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 47);
    struct scan_world *tree = &world.tree;
    scan_put_text(tree, "a", "a");
    ws_save(&world);
    scan_put_text(tree, "new", "new");
    scan_put_text(tree, "dir/new", "new");
    scan_put_text(tree, "a", "b");
    ws_save(&world);
    scan_set_mtime(tree, "new", 7);
    scan_set_mtime(tree, "dir/new", 7);
    scan_set_mtime(tree, "a", 7);
    ws_revert(&world, "2");
    assert_false(has(&world, "new"));
    assert_false(has(&world, "dir"));
    assert_text(&world, "a", "a");
    ws_world_close(&world);
}

/* ---- hard links ---- */

static void
a_group_of_links_changes_as_one(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 48);
    struct scan_world *tree = &world.tree;
    scan_put_text(tree, "a", "1\n2\n3\n");
    scan_put_link(tree, "z/b", "a");
    scan_put_text(tree, "c", "c");
    ws_save(&world);
    scan_put_text(tree, "a", "1\n2\nthree\n"); /* replaces the name, not the content of both */
    scan_remove_file(tree, "z/b");
    scan_put_link(tree, "z/b", "a");
    ws_save(&world);
    scan_put_text(tree, "c", "d");
    ws_revert(&world, "2");
    assert_text(&world, "a", "1\n2\n3\n");
    assert_text(&world, "z/b", "1\n2\n3\n");
    char *dump = ws_dump(&world);
    char *line = line_of(dump, "z/b");
    assert_non_null(strstr(line, "link=a"));
    free(line);
    free(dump);

    must(&world, ws_try_undo(&world, NULL));
    scan_put_link(tree, "z/later", "a");
    ws_assert_conflicts(&world, "2", "8 z/later\n");
    ws_world_close(&world);
}

/* ---- rules ---- */

static void
what_any_of_the_rules_excludes_is_left_alone(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 49);
    struct scan_world *tree = &world.tree;
    scan_put_text(tree, ".firnignore", "old\n");
    scan_put_text(tree, "old", "1");
    scan_put_text(tree, "now", "1");
    scan_put_text(tree, "dir/now", "1");
    scan_put_text(tree, "file", "1");
    ws_save(&world);
    scan_remove_file(tree, ".firnignore"); /* so the second has `old`, as something new */
    scan_put_text(tree, "now", "2");
    scan_put_text(tree, "dir/now", "2");
    scan_put_text(tree, "file", "2");
    ws_save(&world);
    scan_put_text(tree, ".chkptignore", "now\n");
    scan_put_text(tree, "now", "3");
    firn_workspace_revert_result result = ws_revert(&world, "2");
    assert_int_equal(result.left_alone, 2);
    assert_int_equal(result.changed, 1);
    assert_int_equal(result.added, 1); /* the rule file */
    assert_int_equal(result.removed, 0);
    assert_text(&world, "old", "1");
    assert_text(&world, "now", "3");
    assert_text(&world, "dir/now", "2");
    assert_text(&world, "file", "1");
    ws_world_close(&world);
}

/* ---- paths ---- */

static void
only_the_paths_that_were_asked_for_change(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 50);
    struct scan_world *tree = &world.tree;
    scan_put_text(tree, "a/one", "1");
    scan_put_text(tree, "a/two", "1");
    scan_put_text(tree, "b", "1");
    scan_put_text(tree, "gone/x/y", "1");
    ws_save(&world);
    scan_put_text(tree, "a/one", "2");
    scan_put_text(tree, "a/two", "2");
    scan_put_text(tree, "b", "2");
    scan_remove_tree(tree, "gone");
    ws_save(&world);
    scan_put_text(tree, "b", "3"); /* would be a conflict */
    const firn_slice paths[] = {firn_str("a/two"), firn_str("gone/x")};
    firn_workspace_revert_options options = FIRN_WORKSPACE_REVERT_OPTIONS_INIT;
    firn_workspace_revert_result result;
    options.paths = paths;
    options.path_count = 2;
    options.after = "2";
    must(&world, fi_ws_revert(world.ws, &options, &result, &world.err));
    assert_int_equal(result.changed, 1);
    assert_int_equal(result.added, 1);
    assert_text(&world, "a/one", "2");
    assert_text(&world, "a/two", "1");
    assert_text(&world, "b", "3");
    assert_text(&world, "gone/x/y", "1");
    const firn_slice nowhere = firn_str("nowhere");
    options.paths = &nowhere;
    options.path_count = 1;
    assert_int_equal(fi_ws_revert(world.ws, &options, &result, &world.err), FIRN_NOT_FOUND);
    ws_world_close(&world);
}

/* ---- another process ---- */

static int
edit_at_conflict(void *ctx, const firn_workspace_revert_conflict *conflict)
{
    struct ws_world *world = ctx;
    assert_int_equal(conflict->kind, FIRN_REVERT_CONFLICT_LINES);
    scan_put_text(&world->tree, "text", "somebody else's\n");
    return FIRN_OK;
}

static void
a_file_that_changes_while_it_is_merged_ends_the_revert(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 52);
    struct scan_world *tree = &world.tree;
    scan_put_text(tree, "a", "1\n");
    scan_put_text(tree, "text", "1\n2\n3\n");
    ws_save(&world);
    scan_put_text(tree, "a", "2\n");
    scan_put_text(tree, "text", "1\n2\n3\n4\n");
    ws_save(&world);
    scan_put_text(tree, "a", "3\n"); /* a conflict, of which is told before the text is looked at */
    scan_put_text(tree, "text", "0\n1\n2\n3\n4\n");
    firn_workspace_revert_options options = FIRN_WORKSPACE_REVERT_OPTIONS_INIT;
    firn_workspace_revert_result result;
    options.callbacks.ctx = &world;
    options.on_conflict = edit_at_conflict;
    assert_int_equal(fi_ws_revert(world.ws, &options, &result, &world.err), FIRN_CONFLICT);
    assert_non_null(strstr(world.err.text, "'text' was changed meanwhile"));
    assert_text(&world, "text", "somebody else's\n");
    ws_world_close(&world);
}

/* ---- any trees ---- */

static void
edit(struct ws_world *world, struct test_random *random, uint64_t steps)
{
    for (uint64_t left = steps; left > 0; left--) {
        ws_edit_step(&world->tree, random);
    }
}

/* A text whose lines a few edits change apart or at one place. */
static void
edit_text(struct ws_world *world, struct test_random *random, bool is_new)
{
    static unsigned lines[40];
    char text[1024] = "";
    char *dump = ws_dump(world);
    char *line = line_of(dump, "the\\20text");
    bool is_text = line[0] == '\0' || strstr(line, " kind=1 ") != NULL;
    free(line);
    free(dump);
    if (!is_text) {
        return;
    }
    for (size_t i = 0; i < 40; i++) {
        lines[i] = is_new ? 0 : lines[i] + (test_random_below(random, 20) == 0);
        size_t size = strlen(text);
        snprintf(text + size, sizeof text - size, "%zu.%u\n", i, lines[i]);
    }
    scan_put_text(&world->tree, "the text", text);
}

static bool
is_of_a_file(const char *line)
{
    return strstr(line, " kind=1 ") != NULL || strstr(line, " kind=3 ") != NULL;
}

/* Checks the result path by path, where the rule is plain: who alone has changed a path has it. */
static void
check_paths(const char *base, const char *ours, const char *theirs, const char *now)
{
    const char *const all[] = {base, ours, theirs, now};
    for (size_t i = 0; i < 4; i++) {
        for (const char *at = all[i]; *at != '\0'; at += strcspn(at, "\n") + 1) {
            char *path = strndup(at, strcspn(at, " "));
            char *in_base = line_of(base, path);
            char *in_ours = line_of(ours, path);
            char *in_theirs = line_of(theirs, path);
            char *in_now = line_of(now, path);
            bool has_dir = (in_base[0] != '\0' && !is_of_a_file(in_base)) ||
                           (in_ours[0] != '\0' && !is_of_a_file(in_ours)) ||
                           (in_theirs[0] != '\0' && !is_of_a_file(in_theirs));
            if (!has_dir && strcmp(in_base, in_theirs) == 0) {
                assert_string_equal(in_now, in_ours);
            } else if (!has_dir && strcmp(in_base, in_ours) == 0) {
                assert_string_equal(in_now, in_theirs);
            }
            free(path);
            free(in_base);
            free(in_ours);
            free(in_theirs);
            free(in_now);
        }
    }
}

static void
random_trees_are_merged_as_their_texts_say(void **state)
{
    struct test_random random;
    uint64_t clean = 0;
    uint64_t conflicts = 0;
    uint64_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 2000 : 60;
    test_random_init(&random, "ws_revert", 51);
    for (uint64_t i = 0; i < rounds; i++) {
        struct ws_world world;
        ws_world_open_memory(&world, test_random_next(&random));
        ws_edit_grow(&world.tree, &random, 5 + test_random_below(&random, 60));
        edit_text(&world, &random, true);
        char *theirs = ws_dump(&world);
        ws_save(&world);
        edit(&world, &random, 1 + test_random_below(&random, 4));
        edit_text(&world, &random, false);
        char *base = ws_dump(&world);
        ws_save(&world);

        /* With nothing new, back is exactly back; and forward again. */
        ws_revert(&world, "2");
        ws_assert_dump(&world, theirs);
        must(&world, ws_try_undo(&world, NULL));
        ws_assert_dump(&world, base);

        edit(&world, &random, test_random_below(&random, 4));
        edit_text(&world, &random, false);
        char *ours = ws_dump(&world);
        struct ws_reverting dry;
        struct ws_reverting reverting;
        int dry_rc = ws_try_revert(&world, NULL, "2", true, &dry);
        ws_assert_dump(&world, ours);
        int rc = ws_try_revert(&world, NULL, "2", false, &reverting);
        assert_int_equal(rc, dry_rc);
        assert_string_equal(dry.conflicts, reverting.conflicts);
        char *now = ws_dump(&world);
        if (rc == FIRN_OK) {
            clean++;
            assert_int_equal(dry.changes, reverting.changes);
            check_paths(base, ours, theirs, now);
            struct ws_edit_counts counts = ws_edit_compare(ours, now);
            assert_int_equal(reverting.result.added, counts.added);
            assert_int_equal(reverting.result.removed, counts.removed);
            assert_int_equal(reverting.result.changed, counts.changed);
            if (reverting.result.safety_id[0] != '\0') {
                must(&world, ws_try_undo(&world, NULL));
            }
            ws_assert_dump(&world, ours);
        } else {
            conflicts++;
            assert_int_equal(rc, FIRN_CONFLICT);
            assert_true(reverting.conflict_count > 0);
            assert_string_equal(now, ours);
        }
        ws_assert_check_clean(&world);
        free(theirs);
        free(base);
        free(ours);
        free(now);
        ws_world_close(&world);
    }
    printf("count: %" PRIu64 " merges of random trees, %" PRIu64 " with conflicts\n", rounds,
           conflicts);
    assert_true(clean > 0 && conflicts > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_came_after_stays),
        cmocka_unit_test(each_kind_of_conflict_is_told_and_nothing_is_changed),
        cmocka_unit_test(a_range_is_one_change),
        cmocka_unit_test(attributes_are_merged_one_by_one),
        cmocka_unit_test(what_became_something_else_comes_back_if_nothing_came_after),
        cmocka_unit_test(a_removed_directory_comes_back_with_what_changes_in_it),
        cmocka_unit_test(a_file_that_was_only_touched_may_go),
        cmocka_unit_test(a_group_of_links_changes_as_one),
        cmocka_unit_test(what_any_of_the_rules_excludes_is_left_alone),
        cmocka_unit_test(only_the_paths_that_were_asked_for_change),
        cmocka_unit_test(a_file_that_changes_while_it_is_merged_ends_the_revert),
        cmocka_unit_test(random_trees_are_merged_as_their_texts_say),
    };
    return cmocka_run_group_tests_name("ws_revert", tests, NULL, NULL);
}

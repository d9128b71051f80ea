/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/operations: rule files in the saves and restores of a workspace.
 */
#include "base/buf.h"
#include "rules/rules.h"
#include "rules/rules_internal.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_file.h"
#include "support/workspace/ws_plant.h"
#include "support/workspace/ws_support.h"
#include "unit/rules/ignore_table.h"

/* ---- what was saved ---- */

static int
collect_path(void *ctx, const firn_workspace_entry *entry)
{
    struct fi_buf *out = ctx;
    assert_int_equal(fi_buf_append_slice(out, entry->path), FIRN_OK);
    assert_int_equal(fi_buf_append_str(out, entry->type == FIRN_ENTRY_DIRECTORY ? "/\n" : "\n"),
                     FIRN_OK);
    return FIRN_OK;
}

/* Every path of a checkpoint on a line of its own, directories with a slash. */
static char *
saved_paths(struct ws_world *world, const char *reference)
{
    struct fi_buf out = {0};
    assert_int_equal(fi_ws_entries(world->ws, reference, collect_path, &out, &world->err), FIRN_OK);
    const char *text = fi_buf_text(&out);
    assert_non_null(text);
    char *copy = strdup(text);
    assert_non_null(copy);
    fi_buf_deinit(&out);
    return copy;
}

static void
assert_saved(struct ws_world *world, const char *reference, const char *expected)
{
    char *paths = saved_paths(world, reference);
    assert_string_equal(paths, expected);
    free(paths);
}

static bool
is_saved(struct ws_world *world, const char *path)
{
    char *paths = saved_paths(world, "latest");
    char line[256];
    snprintf(line, sizeof line, "\n%s\n", path);
    bool is_there = strncmp(paths, line + 1, strlen(line) - 1) == 0 || strstr(paths, line) != NULL;
    free(paths);
    return is_there;
}

static void
assert_content(struct ws_world *world, const char *dir_path, const char *name, const char *expected)
{
    struct fi_os_dir *dir;
    struct fi_buf content = {0};
    assert_int_equal(fi_os_dir_open_beneath(world->tree.root, dir_path, &dir, NULL), FIRN_OK);
    test_file_read(dir, name, &content);
    assert_int_equal(content.size, strlen(expected));
    assert_memory_equal(content.data, expected, content.size);
    fi_buf_deinit(&content);
    fi_os_dir_close(dir);
}

static int
save_with(struct ws_world *world, bool include_deps, bool gitignore)
{
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    scan_notices_deinit(&world->notices);
    world->notices = (struct scan_notices){0};
    options.include_deps = include_deps;
    options.gitignore = gitignore;
    options.threads = world->threads;
    options.callbacks = scan_notices_callbacks(&world->notices);
    return fi_ws_save(world->ws, &options, &result, &world->err);
}

/* ---- saving ---- */

static void
a_rule_file_says_what_git_would_say(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 401);
    uint64_t excluded = 0;
    for (size_t i = 0; i < IGNORE_TABLE_COUNT; i++) {
        const char *path = IGNORE_TABLE[i].path;
        if (path[strlen(path) - 1] == '/') {
            char *dir = strndup(path, strlen(path) - 1);
            scan_put_dir(&world.tree, dir);
            free(dir);
        } else {
            scan_put_text(&world.tree, path, "x");
        }
        excluded += IGNORE_TABLE[i].is_excluded ? 1 : 0;
    }
    scan_put_text(&world.tree, ".firnignore", IGNORE_TABLE_RULES);
    firn_workspace_save_result result = ws_save(&world);
    for (size_t i = 0; i < IGNORE_TABLE_COUNT; i++) {
        if (is_saved(&world, IGNORE_TABLE[i].path) == IGNORE_TABLE[i].is_excluded) {
            fail_msg("'%s' is %s", IGNORE_TABLE[i].path,
                     IGNORE_TABLE[i].is_excluded ? "saved" : "left out");
        }
    }
    assert_true(result.checkpoint->excluded > 0 && result.checkpoint->excluded <= excluded);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_EXCLUDED], result.checkpoint->excluded);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_BAD_RULE], 0);
    ws_world_close(&world);
}

static void
what_lies_in_an_excluded_directory_cannot_be_brought_back(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 402);
    scan_put_text(&world.tree, "logs/k", "k");
    scan_put_text(&world.tree, "logs/j", "j");
    scan_put_text(&world.tree, ".firnignore", "logs/\n!logs/k\n");
    ws_save(&world);
    assert_saved(&world, "latest", ".firnignore\n");
    scan_put_text(&world.tree, ".firnignore", "logs/*\n!logs/k\n");
    ws_save(&world);
    assert_saved(&world, "latest", ".firnignore\nlogs/\nlogs/k\n");
    ws_world_close(&world);
}

static void
keep_text(void *ctx, const firn_notice *notice)
{
    char *text = ctx;
    if (notice->kind == FIRN_NOTICE_BAD_RULE && text[0] == '\0') {
        snprintf(text, 256, "%.*s: %s", (int)notice->path.size, (const char *)notice->path.data,
                 notice->text);
    }
}

static void
a_bad_line_is_told_and_the_others_count(void **state)
{
    struct ws_world world;
    char text[256] = "";
    ws_world_open_memory(&world, 403);
    scan_put_text(&world.tree, "sub/a.log", "a");
    scan_put_text(&world.tree, "sub/b.tmp", "b");
    scan_put_text(&world.tree, "sub/c", "c");
    scan_put_text(&world.tree, "sub/.firnignore", "*.log\n[\n*.tmp\n");
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    options.callbacks.on_notice = keep_text;
    options.callbacks.ctx = text;
    assert_int_equal(fi_ws_save(world.ws, &options, &result, &world.err), FIRN_OK);
    assert_string_equal(text, "sub/.firnignore: line 2 is not used: a '[' without its ']'");
    assert_int_equal(result.checkpoint->skipped, 0);
    assert_int_equal(result.checkpoint->excluded, 2);
    assert_saved(&world, "latest", "sub/\nsub/.firnignore\nsub/c\n");
    ws_world_close(&world);
}

static void
the_notices_about_one_file_are_limited(void **state)
{
    struct ws_world world;
    struct fi_buf lines = {0};
    ws_world_open_memory(&world, 404);
    for (int i = 0; i < 500; i++) {
        assert_int_equal(fi_buf_append_str(&lines, "[\n"), FIRN_OK);
    }
    assert_int_equal(fi_buf_append_str(&lines, "x\n"), FIRN_OK);
    scan_put_text(&world.tree, "x", "x");
    scan_put_file(&world.tree, ".firnignore", lines.data, lines.size);
    ws_save(&world);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_BAD_RULE], 11);
    assert_saved(&world, "latest", ".firnignore\n");
    fi_buf_deinit(&lines);
    ws_world_close(&world);
}

static void
a_rule_file_that_cannot_be_used_is_told(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 405);
    scan_put_text(&world.tree, "a/x", "x");
    scan_put_text(&world.tree, "rules", "x\n");
    scan_put_symlink(&world.tree, "a/.firnignore", "../rules");
    scan_put_dir(&world.tree, "b/.firnignore");
    uint8_t *large = calloc(1, FI_RULES_IGNORE_FILE_SIZE_MAX + 1);
    assert_non_null(large);
    memset(large, '\n', FI_RULES_IGNORE_FILE_SIZE_MAX + 1);
    memcpy(large, "x", 1);
    scan_put_text(&world.tree, "c/x", "x");
    scan_put_file(&world.tree, "c/.firnignore", large, FI_RULES_IGNORE_FILE_SIZE_MAX + 1);
    scan_put_text(&world.tree, "d/x", "x");
    scan_put_file(&world.tree, "d/.firnignore", large, FI_RULES_IGNORE_FILE_SIZE_MAX);
    free(large);
    firn_workspace_save_result result = ws_save(&world);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_BAD_RULE], 2);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_BAD_RULE, "a/.firnignore"));
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_BAD_RULE, "c/.firnignore"));
    assert_int_equal(result.checkpoint->skipped, 0);
    assert_true(is_saved(&world, "a/x") && is_saved(&world, "c/x") && !is_saved(&world, "d/x"));
    ws_world_close(&world);
}

static void
all_rule_files_together_have_a_limit(void **state)
{
    struct ws_world world;
    char path[32];
    ws_world_open_memory(&world, 413);
    uint8_t *large = malloc(FI_RULES_IGNORE_FILE_SIZE_MAX);
    assert_non_null(large);
    memset(large, '\n', FI_RULES_IGNORE_FILE_SIZE_MAX);
    int fit = FI_RULES_LIST_FILES_SIZE_MAX / FI_RULES_IGNORE_FILE_SIZE_MAX - 1;
    for (int i = 0; i < fit; i++) {
        (void)snprintf(path, sizeof path, "d%d/.firnignore", i);
        scan_put_file(&world.tree, path, large, FI_RULES_IGNORE_FILE_SIZE_MAX);
    }
    ws_save(&world);
    scan_put_file(&world.tree, ".firnignore", large, FI_RULES_IGNORE_FILE_SIZE_MAX);
    assert_int_equal(ws_try_save(&world, NULL), FIRN_LIMIT);
    assert_non_null(strstr(world.err.text, "rule files"));
    scan_put_text(&world.tree, ".firnignore", "a\n");
    ws_save(&world);
    ws_restore(&world, "1");
    ws_assert_check_clean(&world);
    free(large);
    ws_world_close(&world);
}

static void
kinds_of_rule_files_outrank_each_other(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 406);
    scan_put_text(&world.tree, "d/by-git", "x");
    scan_put_text(&world.tree, "d/by-chkpt", "x");
    scan_put_text(&world.tree, "d/by-firn", "x");
    scan_put_text(&world.tree, "d/chkpt-over-git", "x");
    scan_put_text(&world.tree, "d/firn-over-chkpt", "x");
    scan_put_text(&world.tree, "d/deeper", "x");
    scan_put_text(&world.tree, ".firnignore", "by-firn\n!firn-over-chkpt\ndeeper\n");
    scan_put_text(&world.tree, ".chkptignore", "by-chkpt\nfirn-over-chkpt\n!chkpt-over-git\n");
    scan_put_text(&world.tree, "d/.gitignore", "by-git\nchkpt-over-git\nfirn-over-chkpt\n");
    scan_put_text(&world.tree, "d/.firnignore", "!deeper\n");
    scan_put_text(&world.tree, "d/.chkptignore",
                  "deeper\nby-git\n"); /* not in the root: no rules */
    assert_int_equal(save_with(&world, false, false), FIRN_OK);
    assert_saved(
        &world, "latest",
        ".chkptignore\n.firnignore\nd/\nd/.chkptignore\nd/.firnignore\nd/.gitignore\nd/by-git\n"
        "d/chkpt-over-git\nd/deeper\nd/firn-over-chkpt\n");
    assert_int_equal(save_with(&world, false, true), FIRN_OK);
    assert_saved(&world, "latest",
                 ".chkptignore\n.firnignore\nd/\nd/.chkptignore\nd/.firnignore\nd/.gitignore\n"
                 "d/chkpt-over-git\nd/deeper\nd/firn-over-chkpt\n");
    ws_world_close(&world);
}

static void
the_default_exclusions_are_the_lowest_rules(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 407);
    static const char *const files[] = {
        ".git/f",
        ".hg/f",
        "sub/.svn/f",
        "node_modules/f",
        "sub/node_modules/f",
        "sub/.venv/f",
        "rust/Cargo.toml",
        "rust/target/f",
        "kept/target/f",
        "tagged/target/CACHEDIR.TAG",
        "targeting.c",
        "my.git/f",
        "sub/target/f",
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        scan_put_text(&world.tree, files[i], "x");
    }
    ws_save(&world);
    assert_saved(&world, "latest",
                 "kept/\nkept/target/\nkept/target/f\nmy.git/\nmy.git/f\nrust/\nrust/Cargo.toml\n"
                 "sub/\nsub/target/\nsub/target/f\ntagged/\ntargeting.c\n");
    /* All but .git, which is kept beside the tree. */
    assert_int_equal(world.notices.counts[FIRN_NOTICE_EXCLUDED], 7);
    scan_put_text(&world.tree, ".firnignore", "!node_modules\n!target\n!.git\n!.hg\n!.svn\n");
    ws_save(&world);
    assert_saved(
        &world, "latest",
        ".firnignore\nkept/\nkept/target/\nkept/target/f\nmy.git/\nmy.git/f\nnode_modules/\n"
        "node_modules/f\nrust/\nrust/Cargo.toml\nrust/target/\nrust/target/f\nsub/\n"
        "sub/node_modules/\nsub/node_modules/f\nsub/target/\nsub/target/f\ntagged/\n"
        "tagged/target/\ntagged/target/CACHEDIR.TAG\ntargeting.c\n");
    assert_int_equal(world.notices.counts[FIRN_NOTICE_EXCLUDED], 3);
    scan_put_text(&world.tree, ".firnignore", "kept/target\n");
    assert_int_equal(save_with(&world, true, false), FIRN_OK);
    assert_false(is_saved(&world, "kept/target/"));
    assert_true(is_saved(&world, "node_modules/f"));
    ws_world_close(&world);
}

/* ---- what was told before ---- */

struct heard {
    unsigned excluded;
    unsigned known;
};

static void
hear(void *ctx, const firn_notice *notice)
{
    struct heard *heard = ctx;
    heard->excluded += notice->kind == FIRN_NOTICE_EXCLUDED ? 1 : 0;
    heard->known += notice->is_known ? 1 : 0;
}

static void
assert_heard(struct ws_world *world, bool marks_told, unsigned excluded, unsigned known)
{
    struct heard heard = {0};
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    options.callbacks = (firn_callbacks){.on_notice = hear, .ctx = &heard};
    options.marks_told = marks_told;
    assert_int_equal(fi_ws_save(world->ws, &options, &result, &world->err), FIRN_OK);
    assert_int_equal(heard.excluded, excluded);
    assert_int_equal(heard.known, known);
}

static void
what_is_left_out_is_new_until_people_were_told(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 411);
    scan_put_text(&world.tree, "node_modules/f", "x");
    scan_put_text(&world.tree, ".hg/f", "x");
    assert_heard(&world, false, 2, 0);
    assert_heard(&world, true, 2, 0);
    assert_heard(&world, true, 2, 2);
    assert_heard(&world, false, 2, 0);
    scan_put_text(&world.tree, "sub/node_modules/f", "x");
    assert_heard(&world, true, 3, 2);
    assert_heard(&world, true, 3, 3);
    scan_remove_tree(&world.tree, "sub/node_modules");
    assert_heard(&world, true, 2, 2);
    scan_put_text(&world.tree, "sub/node_modules/f", "x");
    assert_heard(&world, true, 3, 2);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

/* ---- restoring ---- */

/* A checkpoint of before the exclusions became narrower, as a planted one is, and one of today. */
static void
what_the_first_exclusions_left_out_is_not_removed(void **state)
{
    struct ws_plant planting = {0};
    struct ws_world *world = &planting.world;
    ws_world_open_memory(world, 410);
    scan_put_text(&world->tree, "a", "1");
    ws_save(world);
    ws_plant_begin(&planting);
    const struct ws_plant_entry entries[] = {ws_plant_file(&planting, "a", "2")};
    firn_hash root = ws_plant_dir(&planting, entries, 1);
    ws_plant_end(&planting, &root);
    scan_put_text(&world->tree, "venv/notes", "in no checkpoint");
    scan_put_text(&world->tree, ".m2/settings.xml", "likewise");
    scan_put_text(&world->tree, ".gradle/gradle.properties", "likewise");
    ws_restore(world, "2");
    assert_content(world, "", "a", "2");
    assert_content(world, "venv", "notes", "in no checkpoint");
    assert_content(world, ".m2", "settings.xml", "likewise");
    assert_content(world, ".gradle", "gradle.properties", "likewise");
    /* Until the next save; of a checkpoint of today they are a part, and it had none of them. */
    ws_restore(world, "1");
    assert_content(world, "venv", "notes", "in no checkpoint");
    ws_save(world);
    ws_restore(world, "1");
    assert_false(ws_dump_has(world, "notes"));
    assert_false(ws_dump_has(world, "settings.xml"));
    assert_int_equal(ws_try_undo(world, NULL), FIRN_OK);
    assert_content(world, "venv", "notes", "in no checkpoint");
    /* And what a save has, it brings back; a real environment stays as it is. */
    scan_put_text(&world->tree, "env/venv/pyvenv.cfg", "home = /usr");
    ws_save(world);
    scan_put_text(&world->tree, "venv/notes", "edited");
    scan_put_text(&world->tree, "env/venv/lib", "installed");
    ws_restore(world, "latest");
    assert_content(world, "venv", "notes", "in no checkpoint");
    assert_content(world, "env/venv", "lib", "installed");
    ws_assert_check_clean(world);
    ws_world_close(world);
}

static void
a_restore_leaves_alone_what_rules_exclude(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 408);
    scan_put_text(&world.tree, ".firnignore", "*.log\ncache/\n");
    scan_put_text(&world.tree, "a", "1");
    scan_put_text(&world.tree, "x.log", "log 1");
    scan_put_text(&world.tree, "d/y.log", "log 1");
    scan_put_text(&world.tree, "cache/f", "cached");
    ws_save(&world);
    scan_put_text(&world.tree, "a", "2");
    scan_put_text(&world.tree, "x.log", "log 2");
    scan_put_text(&world.tree, "cache/new", "cached");
    scan_put_text(&world.tree, "d/z.log", "log 3");
    firn_workspace_restore_result result = ws_restore(&world, "latest");
    assert_int_equal(result.changed, 1);
    assert_int_equal(result.removed + result.added, 0);
    assert_content(&world, "", "a", "1");
    assert_content(&world, "", "x.log", "log 2");
    assert_content(&world, "d", "z.log", "log 3");
    assert_content(&world, "cache", "new", "cached");
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
a_rule_that_is_gone_today_counts_for_the_checkpoint_that_had_it(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 409);
    scan_put_text(&world.tree, ".firnignore", "secrets/\n");
    scan_put_text(&world.tree, "secrets/key", "key");
    scan_put_text(&world.tree, "a", "1");
    ws_save(&world);
    scan_remove_file(&world.tree, ".firnignore");
    scan_put_text(&world.tree, "secrets/key", "other key");
    scan_put_text(&world.tree, "new", "new");
    firn_workspace_restore_result result = ws_restore(&world, "latest");
    assert_int_equal(result.added, 1);
    assert_int_equal(result.removed, 1);
    assert_content(&world, "", ".firnignore", "secrets/\n");
    assert_content(&world, "secrets", "key", "other key");
    /* Taking it back leaves the secrets alone as well, though now no rule on disk names them. */
    assert_int_equal(ws_try_undo(&world, &result), FIRN_OK);
    assert_content(&world, "secrets", "key", "other key");
    assert_content(&world, "", "new", "new");
    assert_false(test_file_exists(world.tree.root, ".firnignore"));
    scan_put_text(&world.tree, "secrets/key", "third key");
    assert_int_equal(ws_try_undo(&world, &result), FIRN_OK);
    assert_content(&world, "secrets", "key", "third key");
    assert_false(test_file_exists(world.tree.root, "new"));
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
what_is_excluded_today_is_not_overwritten(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 410);
    scan_put_text(&world.tree, "a", "1");
    scan_put_text(&world.tree, "notes", "saved");
    ws_save(&world);
    scan_put_text(&world.tree, ".firnignore", "notes\n");
    scan_put_text(&world.tree, "notes", "mine");
    scan_put_text(&world.tree, "a", "2");
    firn_workspace_restore_result result = ws_restore(&world, "latest");
    assert_int_equal(result.changed, 1);
    assert_int_equal(result.left_alone, 1);
    assert_content(&world, "", "a", "1");
    assert_content(&world, "", "notes", "mine");
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_LEFT_ALONE, "notes"));

    /* One that is asked for by its name is not silently left out. */
    scan_put_text(&world.tree, ".firnignore", "notes\n");
    firn_slice path = firn_str("notes");
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    options.paths = &path;
    options.path_count = 1;
    assert_int_equal(fi_ws_restore(world.ws, "latest", &options, &result, &world.err), FIRN_OK);
    assert_int_equal(result.not_restored, 1);
    assert_content(&world, "", "notes", "mine");
    scan_remove_file(&world.tree, "notes");
    ws_restore(&world, "latest");
    assert_content(&world, "", "a", "1");
    assert_content(&world, "", "notes", "saved");
    ws_world_close(&world);
}

/* Undo and redo to a checkpoint that must have these files; NULL: no such file. */
static void
assert_step(struct ws_world *world, bool forward, uint64_t number, const char *rules,
            const char *one, const char *two)
{
    const char *const names[] = {".firnignore", "one", "two"};
    const char *const texts[] = {rules, one, two};
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    int rc = forward ? fi_ws_restore_redo(world->ws, &options, &result, &world->err)
                     : fi_ws_restore_undo(world->ws, &options, &result, &world->err);
    assert_int_equal(rc, FIRN_OK);
    assert_int_equal(result.steps, 1);
    assert_int_equal(result.checkpoint->number, number);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(test_file_exists(world->tree.root, names[i]), texts[i] != NULL);
        if (texts[i] != NULL) {
            assert_content(world, "", names[i], texts[i]);
        }
    }
}

/* Older states exclude files that newer ones have: redoes bring back what undoes took of them. */
static void
rules_of_older_states_do_not_stop_a_redo(void **state)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    struct ws_world world;
    ws_world_open_memory(&world, 411);
    scan_put_text(&world.tree, ".firnignore", "one\ntwo\n");
    scan_put_text(&world.tree, "one", "1");
    scan_put_text(&world.tree, "two", "1");
    ws_save(&world);
    scan_remove_file(&world.tree, ".firnignore");
    ws_save(&world);
    scan_put_text(&world.tree, "one", "2");
    ws_save(&world);
    scan_remove_file(&world.tree, "two");
    ws_save(&world);
    for (int round = 0; round < 2; round++) {
        assert_step(&world, false, 3, NULL, "2", "1");
        assert_step(&world, false, 2, NULL, "1", "1");
        assert_step(&world, false, 1, "one\ntwo\n", "1", "1");
        assert_step(&world, true, 2, NULL, "1", "1");
        assert_step(&world, true, 3, NULL, "2", "1");
        assert_step(&world, true, 4, NULL, "2", NULL);
        assert_int_equal(fi_ws_restore_redo(world.ws, &options, &result, &world.err),
                         FIRN_NOT_FOUND);
    }

    /* What is in no checkpoint stays, and so does what was excluded with it. */
    for (uint64_t number = 3; number > 0; number--) {
        assert_int_equal(fi_ws_restore_undo(world.ws, &options, &result, &world.err), FIRN_OK);
        assert_int_equal(result.checkpoint->number, number);
    }
    scan_put_text(&world.tree, "one", "mine");
    assert_step(&world, true, 2, NULL, "mine", "1");
    while (fi_ws_restore_redo(world.ws, &options, &result, &world.err) == FIRN_OK) {
        assert_true(result.left_alone > 0);
    }
    assert_content(&world, "", "one", "mine");
    assert_content(&world, "", "two", "1");
    ws_world_close(&world);
}

static void
rules_are_stored_once_and_only_where_there_are_some(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 411);
    scan_put_text(&world.tree, "a", "1");
    firn_workspace_check_result before;
    firn_workspace_check_result after;
    ws_save(&world);
    assert_int_equal(ws_try_check(&world, &before), FIRN_OK);
    assert_int_equal(before.objects, 2); /* a file and a directory */
    scan_put_text(&world.tree, ".firnignore", "b\n");
    ws_save(&world);
    assert_int_equal(ws_try_check(&world, &before), FIRN_OK);
    ws_save(&world);
    assert_int_equal(ws_try_check(&world, &after), FIRN_OK);
    assert_int_equal(after.packs, before.packs);
    ws_world_close(&world);
}

static void
threads_make_no_difference(void **state)
{
    struct scan_world world;
    struct scan_sink sink;
    struct scan_notices notices = {0};
    struct fi_scan_result first;
    char path[64];
    char rules[64];
    scan_world_open_disk(&world);
    for (int i = 0; i < 40; i++) {
        for (int k = 0; k < 12; k++) {
            snprintf(path, sizeof path, "d%d/e%d/f%d", i, k, (i + k) % 5);
            scan_put_text(&world, path, "x");
        }
        snprintf(path, sizeof path, "d%d/.firnignore", i);
        snprintf(rules, sizeof rules, "f%d\n!f%d\n/e%d\n", i % 5, (i + 1) % 5, i % 12);
        scan_put_text(&world, path, rules);
        snprintf(path, sizeof path, "d%d/e%d/.firnignore", i, (i + 1) % 12);
        scan_put_text(&world, path, "!*\n");
    }
    scan_put_text(&world, ".firnignore", "f?\n");
    scan_sink_init(&sink);
    scan_run(&world, &sink, &notices, 1, &first);
    assert_true(first.excluded > 100 && first.files > 100 && first.rules.size > 100);
    for (unsigned threads = 2; threads <= 8; threads *= 2) {
        struct fi_scan_result result;
        scan_run(&world, &sink, &notices, threads, &result);
        assert_memory_equal(result.root.hash.bytes, first.root.hash.bytes, 32);
        assert_int_equal(result.rules.size, first.rules.size);
        assert_memory_equal(result.rules.data, first.rules.data, first.rules.size);
        assert_int_equal(result.excluded, first.excluded);
        fi_scan_result_deinit(&result);
    }
    fi_scan_result_deinit(&first);
    scan_notices_deinit(&notices);
    scan_sink_deinit(&sink);
    scan_world_close(&world);
}

/* ---- when memory is out ---- */

static void
put_rules(struct ws_world *world)
{
    ws_world_open_memory(world, 412);
    world->threads = 1;
    scan_put_text(&world->tree, ".firnignore", "*.log\n[\n!sub/\n");
    scan_put_text(&world->tree, "sub/.firnignore", "x\n");
    scan_put_text(&world->tree, "sub/x", "x");
    scan_put_text(&world->tree, "y.log", "x");
}

/* Fails the n-th allocation of a save and, where that one succeeds, of a restore under its rules
 * and others. Returns false once there is no n-th. */
static bool
try_with_failure(uint64_t n)
{
    struct ws_world world;
    bool is_met = false;
    put_rules(&world);
    test_alloc_fail_at(n, false);
    int rc = ws_try_save(&world, NULL);
    is_met = test_alloc_calls() >= n;
    test_alloc_fail_at(0, false);
    assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
    if (rc == FIRN_NO_MEMORY) {
        ws_save(&world);
    }
    assert_saved(&world, "latest", ".firnignore\nsub/\nsub/.firnignore\n");
    scan_put_text(&world.tree, ".firnignore", "*.tmp\n");
    test_alloc_fail_at(n, false);
    rc = ws_try_restore(&world, "latest", NULL);
    is_met = is_met || test_alloc_calls() >= n;
    test_alloc_fail_at(0, false);
    assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
    assert_content(&world, "", "y.log", "x");
    assert_content(&world, "sub", "x", "x");
    ws_world_close(&world);
    return is_met;
}

static void
any_allocation_under_rules_may_fail(void **state)
{
    test_alloc_install();
    uint64_t n = 1;
    while (try_with_failure(n)) {
        n++;
    }
    assert_true(n > 100);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* ---- what no rule left out ---- */

static void
what_could_not_be_read_becomes_a_set_of_its_own(void **state)
{
    struct fi_os *os;
    struct fi_rules_walk *ignore;
    const struct fi_rules_walk_options options = {0};
    struct fi_buf first = {0};
    struct fi_buf second = {0};
    assert_int_equal(fi_sim_memory_create(1, &os, NULL), FIRN_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(fi_rules_walk_create(os, &options, &ignore, NULL), FIRN_OK);
        for (int i = 0; i < 3; i++) {
            static const char *const names[] = {"b/x y", "a*[?\\", "a\nb"};
            const char *name = names[round == 0 ? i : 2 - i];
            bool is_noted;
            assert_int_equal(fi_rules_left_out_note(ignore, firn_str(name), &is_noted, NULL),
                             FIRN_OK);
        }
        assert_int_equal(fi_rules_walk_encode(ignore, round == 0 ? &first : &second, NULL),
                         FIRN_OK);
        fi_rules_walk_destroy(ignore);
    }
    assert_int_equal(first.size, second.size);
    assert_memory_equal(first.data, second.data, first.size);

    struct fi_rules_list rules = {0};
    assert_int_equal(fi_rules_list_decode(fi_buf_slice(&first), &rules, NULL), FIRN_OK);
    assert_int_equal(rules.set_count, 2);
    size_t i = rules.sets[0].file_count == 0 ? 1 : 0;
    assert_int_equal(rules.sets[i].file_count, 1);
    assert_true(rules.sets[i].include_deps);
    firn_slice content = rules.sets[i].files[0].content;
    static const char expected[] = "/a?b\n/a\\*\\[\\?\\\\\n/b/x\\ y\n";
    assert_int_equal(content.size, strlen(expected));
    assert_memory_equal(content.data, expected, content.size);
    fi_rules_list_deinit(&rules);
    fi_buf_deinit(&first);
    fi_buf_deinit(&second);
    fi_sim_memory_destroy(os);
}

static void
what_could_not_be_read_has_a_limit(void **state)
{
    struct fi_os *os;
    struct fi_rules_walk *ignore;
    const struct fi_rules_walk_options options = {0};
    struct fi_buf bytes = {0};
    struct fi_rules_list rules = {0};
    char name[5000];
    bool is_noted;
    assert_int_equal(fi_sim_memory_create(1, &os, NULL), FIRN_OK);
    assert_int_equal(fi_rules_walk_create(os, &options, &ignore, NULL), FIRN_OK);
    memset(name, '*', sizeof name);
    assert_int_equal(fi_rules_left_out_note(ignore, firn_bytes(name, 4000), &is_noted, NULL),
                     FIRN_OK);
    for (int i = 0; i < 2000; i++) {
        snprintf(name, sizeof name, "f%d", i);
        assert_int_equal(fi_rules_left_out_note(ignore, firn_str(name), &is_noted, NULL), FIRN_OK);
    }
    assert_int_equal(fi_rules_walk_encode(ignore, &bytes, NULL), FIRN_OK);
    assert_int_equal(fi_rules_list_decode(fi_buf_slice(&bytes), &rules, NULL), FIRN_OK);
    firn_slice content = rules.sets[rules.sets[0].file_count == 0 ? 1 : 0].files[0].content;
    size_t lines = 0;
    for (size_t i = 0; i < content.size; i++) {
        lines += content.data[i] == '\n' ? 1 : 0;
    }
    assert_int_equal(lines, 1024);
    assert_memory_equal(content.data, "/f0\n", 4);
    fi_rules_list_deinit(&rules);
    fi_buf_deinit(&bytes);
    fi_rules_walk_destroy(ignore);
    fi_sim_memory_destroy(os);
}

/* Else the checkpoint could not be restored. */
static void
rules_of_long_paths_that_could_not_be_read_can_be_read_again(void **state)
{
    struct fi_os *os;
    struct fi_rules_walk *ignore;
    const struct fi_rules_walk_options options = {0};
    struct fi_buf bytes = {0};
    struct fi_rules_list rules = {0};
    firn_error err;
    char path[3500];
    size_t noted = 0;
    assert_int_equal(fi_sim_memory_create(1, &os, NULL), FIRN_OK);
    assert_int_equal(fi_rules_walk_create(os, &options, &ignore, NULL), FIRN_OK);
    memset(path, 'x', sizeof path);
    for (int i = 0; i < 400; i++) {
        bool is_noted;
        (void)snprintf(path + sizeof path - 8, 8, "/f%05d", i);
        assert_int_equal(fi_rules_left_out_note(ignore, firn_str(path), &is_noted, NULL), FIRN_OK);
        noted += is_noted ? 1 : 0;
    }
    assert_true(noted > 250 && noted < 400);
    assert_int_equal(fi_rules_walk_encode(ignore, &bytes, NULL), FIRN_OK);
    assert_int_equal(fi_rules_list_decode(fi_buf_slice(&bytes), &rules, &err), FIRN_OK);
    fi_rules_list_deinit(&rules);
    fi_buf_deinit(&bytes);
    fi_rules_walk_destroy(ignore);
    fi_sim_memory_destroy(os);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_file_says_what_git_would_say),
        cmocka_unit_test(what_lies_in_an_excluded_directory_cannot_be_brought_back),
        cmocka_unit_test(a_bad_line_is_told_and_the_others_count),
        cmocka_unit_test(the_notices_about_one_file_are_limited),
        cmocka_unit_test(a_rule_file_that_cannot_be_used_is_told),
        cmocka_unit_test(all_rule_files_together_have_a_limit),
        cmocka_unit_test(kinds_of_rule_files_outrank_each_other),
        cmocka_unit_test(the_default_exclusions_are_the_lowest_rules),
        cmocka_unit_test(what_is_left_out_is_new_until_people_were_told),
        cmocka_unit_test(what_the_first_exclusions_left_out_is_not_removed),
        cmocka_unit_test(a_restore_leaves_alone_what_rules_exclude),
        cmocka_unit_test(a_rule_that_is_gone_today_counts_for_the_checkpoint_that_had_it),
        cmocka_unit_test(what_is_excluded_today_is_not_overwritten),
        cmocka_unit_test(rules_of_older_states_do_not_stop_a_redo),
        cmocka_unit_test(rules_are_stored_once_and_only_where_there_are_some),
        cmocka_unit_test(threads_make_no_difference),
        cmocka_unit_test(any_allocation_under_rules_may_fail),
        cmocka_unit_test(what_could_not_be_read_becomes_a_set_of_its_own),
        cmocka_unit_test(rules_of_long_paths_that_could_not_be_read_can_be_read_again),
        cmocka_unit_test(what_could_not_be_read_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

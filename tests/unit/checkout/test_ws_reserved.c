/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/checkout: names that belong to version control or to firn. No file system that folds names
 * may be tricked into one of them, and no store, whatever its checkpoints and its journal say, has
 * a restore write, change or remove anything of such a name.
 */
#include "base/slice.h"
#include "catalog/catalog_journal.h"
#include "checkout/checkout_internal.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/test_random.h"
#include "support/workspace/ws_plant.h"
#include "tree/tree.h"

/* ---- the predicate ---- */

static const char *const RESERVED[] = {
    /* as they are, and in any case */
    ".git", ".hg", ".svn", ".jj", ".bzr", ".firn", ".firn.repairing", ".GIT", ".Git", ".gIT", ".HG",
    ".Svn", ".FIRN", ".Firn.Repairing",
    /* letters that fold into ASCII somewhere */
    ".g\u0131t", ".g\u0130t", ".\u017Fvn", ".\u017FVN", ".f\u0131rn", ".\uFB01rn", ".\uFB01RN.",
    ".\uFB01rn.repairing",
    /* what HFS+ and ext4 leave out */
    ".g\u200Cit", "\u200C.git", ".git\u200D", "\uFEFF.git", ".\u200Eg\u202Ait\u206F", ".h\u00ADg",
    ".gi\uFE0Ft", ".git\U000E0001", ".b\u034Fzr", "\u2060.\u2061j\u2062j",
    /* ends that Windows cuts */
    ".git.", ".git ", ".git. . .", ".git                            ", ".hg .", ".git \u200C.",
    /* streams */
    ".git:", ".git::$INDEX_ALLOCATION", ".git:$I30:$INDEX_ALLOCATION", ".git ::$DATA", ".svn.:x",
    /* short names */
    "git~1", "GIT~1", "Git~2", "git~4", "HG~1", "svn~1", "JJ~1", "bzr~3", "FIRN~1", "git~1.",
    "git~1 ::$INDEX_ALLOCATION", "g\u0131t~1", "g\u200Cit~1", "\u200Cgit~1",
    /* a backslash is a slash to some */
    ".git\\hooks", "a\\.git", "a\\.GIT \\b", "\\.git", ".git\\", "a\\git~1\\b"};

static const char *const FREE[] = {"",
                                   ".",
                                   "..",
                                   "...",
                                   "git",
                                   "hg",
                                   "svn",
                                   "firn",
                                   ".gitignore",
                                   ".gitattributes",
                                   ".gitmodules",
                                   ".github",
                                   ".hgignore",
                                   ".hgtags",
                                   ".firnignore",
                                   ".firn-0011223344556677-0011223344556677",
                                   "my.git",
                                   "repo.git",
                                   ".gi",
                                   ".gitt",
                                   "..git",
                                   ". git",
                                   " .git",
                                   "x.git ",
                                   ".g it",
                                   ".g.it",
                                   "git~",
                                   "git~0",
                                   "git~5",
                                   "git~10",
                                   "git~11",
                                   "git~1x",
                                   "git~x",
                                   "xgit~1",
                                   ".git~1",
                                   "gitig~1",
                                   "a:.git",
                                   ":.git",
                                   ":",
                                   ".g:it",
                                   "~1",
                                   ".git\x80",
                                   ".\xC0git",
                                   ".g\xED\xA0\x80it",
                                   ".\xE2\x80git",
                                   ".g\u0456t",
                                   ".g\u00EDt",
                                   ".gi\u0165",
                                   ".git\u0301",
                                   ".\uFF47it",
                                   "\uFF0Egit",
                                   ".git\u00A0",
                                   ".firn.repairing2",
                                   ".firn.repairin",
                                   ".firn-x",
                                   "\\",
                                   "a\\b",
                                   ".gitignore\\x",
                                   ".g\\it",
                                   "git.",
                                   "HG",
                                   ".bzrignore",
                                   ".jjx",
                                   ".git                            x"};

static void
names_that_some_system_takes_for_a_reserved_one_are_told(void **state)
{
    for (size_t i = 0; i < sizeof RESERVED / sizeof *RESERVED; i++) {
        if (fi_tree_reserved_name(firn_str(RESERVED[i])) == NULL) {
            fail_msg("'%s' is not reserved", RESERVED[i]);
        }
    }
}

static void
other_names_are_free(void **state)
{
    for (size_t i = 0; i < sizeof FREE / sizeof *FREE; i++) {
        if (fi_tree_reserved_name(firn_str(FREE[i])) != NULL) {
            fail_msg("'%s' is reserved", FREE[i]);
        }
    }
    assert_null(fi_tree_reserved_name(firn_bytes(NULL, 0)));
    assert_null(fi_tree_reserved_name(firn_bytes("\0.git", 5)));
    assert_null(fi_tree_reserved_name(firn_bytes(".git\0", 5)));
}

static void
a_path_is_reserved_by_any_of_its_names(void **state)
{
    static const char *const reserved[] = {
        ".git", ".git/hooks/pre-commit", "a/.GIT", "a/b/.hg /c/d", "a/git~1/x", "a/b\\.svn/c"};
    static const char *const others[] = {"", "a", "a/b", "git/hooks", "a/.gitignore", ".g/it"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++) {
        assert_non_null(fi_tree_reserved_path(firn_str(reserved[i])));
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_null(fi_tree_reserved_path(firn_str(others[i])));
    }
}

/* Whatever is done to a reserved name that some system undoes, it stays one. */
static void
disguises_do_not_help_however_they_are_combined(void **state)
{
    static const char *const names[] = {".git", ".hg", ".svn", ".jj", ".bzr", ".firn", "git~1"};
    static const char *const ignored[] = {"\u200B", "\u200F", "\uFEFF", "\u00AD", "\u2064"};
    static const char *const ends[] = {"", ".", " ", ". ", "  .", ":", "::$DATA", ":x.y", " :z"};
    struct test_random random = {.state = 17};
    for (unsigned round = 0; round < 20000; round++) {
        const char *name = names[test_random_next(&random) % 7];
        char out[256] = "";
        size_t size = 0;
        for (const char *at = name; *at != '\0'; at++) {
            uint64_t dice = test_random_next(&random);
            if (dice % 4 == 0) {
                size +=
                    (size_t)snprintf(out + size, sizeof out - size, "%s", ignored[dice / 4 % 5]);
            }
            bool is_upper = dice % 64 < 32 && *at >= 'a' && *at <= 'z';
            out[size++] = (char)(is_upper ? *at - 'a' + 'A' : *at);
            out[size] = '\0';
        }
        (void)snprintf(out + size, sizeof out - size, "%s", ends[test_random_next(&random) % 9]);
        if (fi_tree_reserved_name(firn_str(out)) == NULL) {
            fail_msg("round %u: '%s' is not reserved", round, out);
        }
    }
}

/* ---- looking ---- */

/* The directory that a path lies in, and the name. */
static struct fi_os_dir *
open_parent(struct ws_world *world, const char *path, const char **out_name)
{
    char parent[256] = "";
    const char *slash = strrchr(path, '/');
    struct fi_os_dir *dir = NULL;
    *out_name = slash == NULL ? path : slash + 1;
    (void)snprintf(parent, sizeof parent, "%.*s", slash == NULL ? 0 : (int)(slash - path), path);
    int rc = fi_os_dir_open_beneath(world->tree.root, parent, &dir, NULL);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    return dir;
}

/* Kind 0 where there is nothing. */
static struct fi_os_stat
look(struct ws_world *world, const char *path)
{
    const char *name;
    struct fi_os_stat stat = {0};
    struct fi_os_dir *dir = open_parent(world, path, &name);
    if (dir == NULL || fi_os_stat(dir, name, &stat, NULL) != FIRN_OK) {
        stat = (struct fi_os_stat){0};
    }
    fi_os_dir_close(dir);
    return stat;
}

static bool
is_there(struct ws_world *world, const char *path)
{
    return look(world, path).nlink > 0;
}

static void
assert_content(struct ws_world *world, const char *path, const char *text)
{
    const char *name;
    struct fi_buf content = {0};
    struct fi_os_dir *dir = open_parent(world, path, &name);
    assert_non_null(dir);
    test_file_read(dir, name, &content);
    if (!fi_slice_equal(fi_buf_slice(&content), firn_str(text))) {
        fail_msg("%s holds '%.*s' and not '%s'", path, (int)content.size,
                 (const char *)content.data, text);
    }
    fi_buf_deinit(&content);
    fi_os_dir_close(dir);
}

/* ---- a checkpoint that plants hooks ---- */

static struct ws_plant_entry
evil_hook(struct ws_plant *planting)
{
    struct ws_plant_entry hook = ws_plant_file(planting, "pre-commit", "#!/bin/sh\nevil\n");
    hook.mode = 0755;
    return hook;
}

/* A repository as `name`, that has a hook. */
static struct ws_plant_entry
evil_repository(struct ws_plant *planting, const char *name)
{
    struct ws_plant_entry hook = evil_hook(planting);
    struct ws_plant_entry inside[] = {ws_plant_file(planting, "config", "evil"),
                                      ws_plant_folder(planting, "hooks", &hook, 1)};
    return ws_plant_folder(planting, name, inside, 2);
}

/* Names in ascending order, each with a repository; then d with one of its own, then `sound`. */
static firn_hash
evil_root(struct ws_plant *planting, const char *const *names, size_t count)
{
    struct ws_plant_entry entries[16];
    assert_true(count + 2 <= 16);
    for (size_t i = 0; i < count; i++) {
        entries[i] = evil_repository(planting, names[i]);
    }
    struct ws_plant_entry inner[] = {evil_repository(planting, ".git"),
                                     {.name = ".hg", .kind = FI_TREE_SYMLINK, .target = "/outside"},
                                     ws_plant_file(planting, ".svn", "evil"),
                                     ws_plant_file(planting, "good", "good")};
    entries[count] = ws_plant_folder(planting, "d", inner, 4);
    entries[count + 1] = ws_plant_file(planting, "sound", "sound");
    return ws_plant_dir(planting, entries, count + 2);
}

static const char *const EVIL_NAMES[] = {
    ".FIRN", ".GIT", ".Hg", ".Svn.", ".bzr ", ".git", ".git::$INDEX_ALLOCATION", ".jj"};
enum { EVIL_COUNT = sizeof EVIL_NAMES / sizeof *EVIL_NAMES };

/* Checkpoint 1: a file; checkpoint 2: what a hostile store holds. */
static void
open_hostile(struct ws_plant *planting)
{
    ws_world_open_memory(&planting->world, 41);
    scan_put_text(&planting->world.tree, "mine", "mine");
    ws_save(&planting->world);
    ws_plant_begin(planting);
    firn_hash root = evil_root(planting, EVIL_NAMES, EVIL_COUNT);
    ws_plant_end(planting, &root);
}

static void
assert_nothing_planted(struct ws_world *world, const char *below)
{
    char path[128];
    for (size_t i = 0; i < EVIL_COUNT; i++) {
        (void)snprintf(path, sizeof path, "%s%s", below, EVIL_NAMES[i]);
        assert_false(is_there(world, path));
    }
    static const char *const inner[] = {"d/.git", "d/.hg", "d/.svn"};
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(path, sizeof path, "%s%s", below, inner[i]);
        assert_false(is_there(world, path));
    }
}

static void
a_checkpoint_cannot_plant_hooks(void **state)
{
    struct ws_plant planting = {0};
    struct ws_world *world = &planting.world;
    open_hostile(&planting);
    firn_workspace_restore_result result;
    assert_int_equal(ws_try_restore(world, "2", &result), FIRN_OK);
    assert_nothing_planted(world, "");
    assert_int_equal(result.incomplete, EVIL_COUNT + 3);
    assert_int_equal(world->notices.counts[FIRN_NOTICE_RESERVED], EVIL_COUNT + 3);
    assert_true(scan_notices_has(&world->notices, FIRN_NOTICE_RESERVED, ".git"));
    assert_true(scan_notices_has(&world->notices, FIRN_NOTICE_RESERVED, "d/.hg"));
    assert_content(world, "sound", "sound");
    assert_content(world, "d/good", "good");
    assert_false(is_there(world, "mine"));
    assert_int_equal(ws_try_undo(world, NULL), FIRN_OK);
    assert_content(world, "mine", "mine");
    assert_int_equal(ws_try_undo(world, NULL), FIRN_OK);
    assert_nothing_planted(world, "");

    firn_workspace_check_result check;
    assert_int_equal(ws_try_check(world, &check), FIRN_OK);
    assert_true(scan_notices_has(&world->notices, FIRN_NOTICE_RESERVED, ".git"));
    assert_true(scan_notices_has(&world->notices, FIRN_NOTICE_RESERVED, "d/.git"));
    assert_false(scan_notices_has(&world->notices, FIRN_NOTICE_RESERVED, ".git/hooks"));
    ws_world_close(world);
}

static void
nor_into_another_directory(void **state)
{
    struct ws_plant planting = {0};
    struct ws_world *world = &planting.world;
    open_hostile(&planting);
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.to_dir = "/w/elsewhere";
    assert_int_equal(fi_ws_restore(world->ws, "2", &options, &result, &world->err), FIRN_OK);
    assert_nothing_planted(world, "elsewhere/");
    assert_int_equal(result.added, 2);
    assert_int_equal(result.incomplete, EVIL_COUNT + 3);
    assert_content(world, "elsewhere/d/good", "good");
    ws_world_close(world);
}

static void
nor_where_only_a_part_is_wanted(void **state)
{
    static const char *const paths[] = {".git/hooks", ".git", ".GIT/config", "d/.git", "git~1/x"};
    struct ws_plant planting = {0};
    struct ws_world *world = &planting.world;
    open_hostile(&planting);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        for (unsigned way = 0; way < 3; way++) {
            firn_slice path = firn_str(paths[i]);
            firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
            firn_workspace_restore_result result;
            options.paths = &path;
            options.path_count = 1;
            options.to_dir = way == 1 ? "/w/elsewhere" : NULL;
            options.dry_run = way == 2;
            assert_int_equal(fi_ws_restore(world->ws, "2", &options, &result, &world->err),
                             FIRN_INVALID);
            assert_non_null(strstr(world->err.text, paths[i]));
        }
    }
    firn_slice path = firn_str("d");
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.paths = &path;
    options.path_count = 1;
    assert_int_equal(fi_ws_restore(world->ws, "2", &options, &result, &world->err), FIRN_OK);
    assert_int_equal(result.incomplete, 3);
    assert_nothing_planted(world, "");
    assert_content(world, "d/good", "good");
    ws_world_close(world);
}

static void
what_is_there_stays_as_it_is(void **state)
{
    struct ws_plant planting = {0};
    struct ws_world *world = &planting.world;
    open_hostile(&planting);
    scan_put_text(&world->tree, ".git/config", "mine");
    scan_put_text(&world->tree, ".git/HEAD", "ref");
    scan_set_mode(&world->tree, ".git", 0711);
    scan_put_text(&world->tree, "d/.svn", "mine");
    scan_put_symlink(&world->tree, "d/.hg", "mine");
    scan_put_text(&world->tree, "gone/.GIT/HEAD", "ref");
    scan_put_text(&world->tree, "gone/file", "file");
    struct fi_os_stat before = look(world, ".git");
    assert_int_equal(ws_try_restore(world, "2", NULL), FIRN_OK);
    assert_true(scan_notices_has(&world->notices, FIRN_NOTICE_KEPT, "gone"));
    assert_int_equal(ws_try_undo(world, NULL), FIRN_OK);
    assert_int_equal(ws_try_restore(world, "1", NULL), FIRN_OK);
    struct fi_os_stat after = look(world, ".git");
    assert_int_equal(after.mode, before.mode);
    assert_int_equal(after.mtime_ns, before.mtime_ns);
    assert_int_equal(after.inode, before.inode);
    assert_content(world, ".git/config", "mine");
    assert_content(world, ".git/HEAD", "ref");
    assert_false(is_there(world, ".git/hooks"));
    assert_content(world, "d/.svn", "mine");
    assert_true(look(world, "d/.hg").kind == FI_OS_SYMLINK);
    assert_content(world, "gone/.GIT/HEAD", "ref");
    ws_world_close(world);
}

/* A file takes the place of a directory in which a repository lies. */
static void
a_nested_repository_is_not_replaced(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 42);
    scan_put_text(&world.tree, "sub", "a file");
    ws_save(&world);
    scan_remove_file(&world.tree, "sub");
    scan_put_text(&world.tree, "sub/code", "code");
    scan_put_text(&world.tree, "sub/.Git/HEAD", "ref");
    assert_int_equal(ws_try_restore(&world, "1", NULL), FIRN_OK);
    assert_true(world.notices.counts[FIRN_NOTICE_NOT_RESTORED] +
                    world.notices.counts[FIRN_NOTICE_LEFT_ALONE] >
                0);
    assert_content(&world, "sub/code", "code");
    assert_content(&world, "sub/.Git/HEAD", "ref");
    ws_world_close(&world);
}

/* ---- a journal that says that such a restore is under way ---- */

static void
put_temporary(struct ws_world *world, const char *path, const char *inside)
{
    char name[FI_CHECKOUT_NAME_SIZE];
    char text[256];
    fi_checkout_place_temporary(ws_plant_tag, firn_str(path), name);
    (void)snprintf(text, sizeof text, "%s%s", name, inside);
    scan_put_text(&world->tree, text, "evil");
}

/* The hostile checkpoint is 2 and an empty one is 3; a journal tells of a restore from one to the
 * other, begun or, every other time, prepared. */
static void
open_pending(struct ws_plant *planting, uint64_t before, uint64_t target, unsigned i)
{
    open_hostile(planting);
    ws_plant_begin(planting);
    firn_hash nothing = ws_plant_dir(planting, NULL, 0);
    ws_plant_end(planting, &nothing);
    const struct ws_plant_journal journal = {.before = before,
                                             .target = target,
                                             .state = i % 2 == 0 ? FI_CATALOG_JOURNAL_BEGUN
                                                                 : FI_CATALOG_JOURNAL_PREPARED};
    ws_plant_journal(planting, &journal);
}

/* Each operation that finishes or takes back what is pending, for a user who trusts the journal. */
static int
go_on(struct ws_world *world, unsigned way)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.trust_journal = true;
    switch (way) {
    case 0:
        return ws_try_save(world, NULL);
    case 1:
        return fi_ws_restore_take_back(world->ws, &options, &result, &world->err);
    case 2:
        return fi_ws_restore_resume(world->ws, &options, &result, &world->err);
    default:
        return fi_ws_restore(world->ws, "1", &options, &result, &world->err);
    }
}

static void
a_journal_cannot_plant_hooks(void **state)
{
    for (unsigned i = 0; i < 8; i++) {
        struct ws_plant planting = {0};
        struct ws_world *world = &planting.world;
        open_pending(&planting, 3, 2, i);
        put_temporary(world, ".git", "/hooks/pre-commit");
        put_temporary(world, ".GIT", "");
        put_temporary(world, "d/.svn", "");
        int rc = go_on(world, i / 2);
        if (rc != FIRN_OK) {
            fail_msg("way %u: %s: %s", i / 2, firn_code_name(rc), world->err.text);
        }
        assert_nothing_planted(world, "");
        ws_world_close(world);
    }
}

/* What the restore under way is said to have removed was never its to remove. */
static void
a_journal_cannot_remove_a_repository(void **state)
{
    for (unsigned i = 0; i < 8; i++) {
        struct ws_plant planting = {0};
        struct ws_world *world = &planting.world;
        open_pending(&planting, 2, 3, i);
        scan_put_text(&world->tree, ".git/config", "evil"); /* as the checkpoint has it */
        scan_put_text(&world->tree, ".git/HEAD", "ref");
        scan_put_text(&world->tree, "d/.svn", "evil");
        assert_int_equal(go_on(world, i / 2), FIRN_OK);
        assert_content(world, ".git/config", "evil");
        assert_content(world, ".git/HEAD", "ref");
        assert_content(world, "d/.svn", "evil");
        ws_world_close(world);
    }
}

/* A restore that is taken back clears what it made: what another process put there stays. */
static void
a_repository_in_a_directory_to_be_cleared_stays(void **state)
{
    struct ws_world world;
    struct fi_buf path = {0};
    ws_world_open_memory(&world, 43);
    scan_put_text(&world.tree, "new/a/b", "b");
    scan_put_text(&world.tree, "new/a/.git/HEAD", "ref");
    scan_put_text(&world.tree, "new/c", "c");
    assert_int_equal(fi_buf_append_str(&path, "new"), FIRN_OK);
    assert_int_equal(fi_checkout_clear_tree(world.tree.root, &path, path.size, &world.err),
                     FIRN_EXISTS);
    assert_content(&world, "new/a/.git/HEAD", "ref");
    fi_buf_deinit(&path);
    ws_world_close(&world);
}

/* ---- hard links ---- */

/* A name outside of the repository that is said to be another one of a file in it. */
static void
a_hard_link_does_not_lead_into_a_repository(void **state)
{
    struct ws_plant planting = {0};
    struct ws_world *world = &planting.world;
    ws_world_open_memory(world, 44);
    scan_put_text(&world->tree, ".git/config", "mine");
    ws_save(world);
    ws_plant_begin(&planting);
    struct ws_plant_entry inside = ws_plant_file(&planting, "config", "evil");
    struct ws_plant_entry entries[] = {ws_plant_folder(&planting, ".git", &inside, 1),
                                       ws_plant_file(&planting, "link", "evil")};
    entries[1].hard_link = ".git/config";
    firn_hash root = ws_plant_dir(&planting, entries, 2);
    ws_plant_end(&planting, &root);
    assert_int_equal(ws_try_restore(world, "2", NULL), FIRN_OK);
    assert_content(world, "link", "evil");
    assert_int_equal(look(world, "link").nlink, 1);
    assert_int_equal(look(world, ".git/config").nlink, 1);
    assert_content(world, ".git/config", "mine");
    ws_world_close(world);
}

/* Content is never written through a name: what the repository shares with the workspace stays. */
static void
a_file_that_a_repository_shares_is_replaced_and_not_written(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 45);
    scan_put_text(&world.tree, "file", "old");
    ws_save(&world);
    scan_remove_file(&world.tree, "file");
    scan_put_text(&world.tree, ".git/object", "new");
    scan_put_link(&world.tree, "file", ".git/object");
    ws_save(&world);
    ws_restore(&world, "1");
    assert_content(&world, "file", "old");
    assert_content(&world, ".git/object", "new");
    ws_world_close(&world);
}

/* ---- a save ---- */

static void
a_save_leaves_reserved_names_out(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 46);
    scan_put_text(&world.tree, "mine", "mine");
    scan_put_text(&world.tree, ".firnignore", "!.git\n!.GIT\n!*\n");
    for (size_t i = 0; i < EVIL_COUNT; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/file", EVIL_NAMES[i]);
        scan_put_text(&world.tree, path, "file");
    }
    scan_put_text(&world.tree, "d/git~1", "file");
    scan_put_symlink(&world.tree, "d/.GIT", "elsewhere");
    scan_put_text(&world.tree, "d/.gitignore", "kept");
    firn_workspace_save_result saved = ws_save(&world);
    assert_int_equal(saved.checkpoint->files, 3);
    /* All but the very name .git: what git has there is kept apart from the files. */
    assert_int_equal(world.notices.counts[FIRN_NOTICE_EXCLUDED], EVIL_COUNT + 2 - 1);
    assert_false(scan_notices_has(&world.notices, FIRN_NOTICE_EXCLUDED, ".git"));
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_EXCLUDED, "d/git~1"));
    assert_int_equal(ws_try_check(&world, NULL), FIRN_OK);
    assert_int_equal(world.notices.counts[FIRN_NOTICE_RESERVED], 0);
    ws_world_close(&world);
}

/* What a checkpoint did is taken back, but for what it never did. */
static void
a_revert_passes_reserved_names_over(void **state)
{
    struct ws_plant planting = {0};
    struct ws_world *world = &planting.world;
    open_hostile(&planting);
    ws_plant_begin(&planting);
    struct ws_plant_entry only[] = {ws_plant_file(&planting, "mine", "mine")};
    firn_hash root = ws_plant_dir(&planting, only, 1);
    ws_plant_end(&planting, &root);
    firn_workspace_revert_options options = FIRN_WORKSPACE_REVERT_OPTIONS_INIT;
    firn_workspace_revert_result result;
    options.after = "3";
    int rc = fi_ws_revert(world->ws, &options, &result, &world->err);
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), world->err.text);
    }
    assert_nothing_planted(world, "");
    assert_content(world, "d/good", "good");
    ws_world_close(world);
}

/* A directory in which only such a name is missing is unchanged; a file that is said to be a further
 * name of one in a repository comes back by itself. */
static void
a_revert_takes_reserved_names_for_no_conflict(void **state)
{
    struct ws_plant planting = {0};
    struct ws_world *world = &planting.world;
    ws_world_open_memory(world, 47);
    ws_plant_begin(&planting);
    struct ws_plant_entry inside = ws_plant_file(&planting, "config", "evil");
    struct ws_plant_entry before[] = {ws_plant_folder(&planting, ".git", &inside, 1),
                                      ws_plant_file(&planting, "d", "was"),
                                      ws_plant_file(&planting, "link", "evil")};
    before[2].hard_link = ".git/config";
    firn_hash root = ws_plant_dir(&planting, before, 3);
    ws_plant_end(&planting, &root);
    ws_plant_begin(&planting);
    struct ws_plant_entry inner[] = {ws_plant_file(&planting, ".svn", "evil"),
                                     ws_plant_file(&planting, "good", "good")};
    struct ws_plant_entry after[] = {ws_plant_folder(&planting, "d", inner, 2)};
    root = ws_plant_dir(&planting, after, 1);
    ws_plant_end(&planting, &root);
    assert_int_equal(ws_try_restore(world, "2", NULL), FIRN_OK);
    firn_workspace_revert_options options = FIRN_WORKSPACE_REVERT_OPTIONS_INIT;
    firn_workspace_revert_result result;
    options.after = "2";
    int rc = fi_ws_revert(world->ws, &options, &result, &world->err);
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), world->err.text);
    }
    assert_int_equal(result.incomplete, 1);
    assert_content(world, "d", "was");
    assert_content(world, "link", "evil");
    assert_false(is_there(world, ".git"));
    ws_world_close(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_that_some_system_takes_for_a_reserved_one_are_told),
        cmocka_unit_test(other_names_are_free),
        cmocka_unit_test(a_path_is_reserved_by_any_of_its_names),
        cmocka_unit_test(disguises_do_not_help_however_they_are_combined),
        cmocka_unit_test(a_checkpoint_cannot_plant_hooks),
        cmocka_unit_test(nor_into_another_directory),
        cmocka_unit_test(nor_where_only_a_part_is_wanted),
        cmocka_unit_test(what_is_there_stays_as_it_is),
        cmocka_unit_test(a_nested_repository_is_not_replaced),
        cmocka_unit_test(a_journal_cannot_plant_hooks),
        cmocka_unit_test(a_journal_cannot_remove_a_repository),
        cmocka_unit_test(a_repository_in_a_directory_to_be_cleared_stays),
        cmocka_unit_test(a_hard_link_does_not_lead_into_a_repository),
        cmocka_unit_test(a_file_that_a_repository_shares_is_replaced_and_not_written),
        cmocka_unit_test(a_save_leaves_reserved_names_out),
        cmocka_unit_test(a_revert_passes_reserved_names_over),
        cmocka_unit_test(a_revert_takes_reserved_names_for_no_conflict),
    };
    return cmocka_run_group_tests_name("ws_reserved", tests, NULL, NULL);
}

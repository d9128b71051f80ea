/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/api: firn/workspace.h: what its functions refuse, and callers of other versions. What they
 * do is tested in unit/operations.
 */
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_temp.h"

static int
visit_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)checkpoint;
    (*(int *)ctx)++;
    return FIRN_OK;
}

static int
visit_entry(void *ctx, const firn_workspace_entry *entry)
{
    (void)ctx;
    (void)entry;
    return FIRN_OK;
}

/* Fails, and says why if ctx is a text. */
static int
refuse(void *ctx, firn_slice data, firn_error *error)
{
    (void)data;
    if (ctx != NULL) {
        error->code = FIRN_CANCELLED;
        (void)snprintf(error->text, sizeof error->text, "%s", (const char *)ctx);
    }
    return FIRN_CANCELLED;
}

static int
take_content(void *ctx, firn_slice data, firn_error *error)
{
    (void)error;
    (void)ctx;
    (void)data;
    return FIRN_OK;
}

static void
arguments_are_checked(void **state)
{
    firn_error err;
    firn_workspace *workspace;
    firn_workspace_checkpoint *checkpoint;
    assert_int_equal(firn_workspace_open(NULL, NULL, &workspace, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_open("/", NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_open("/nonexistent/dir", NULL, &workspace, &err),
                     FIRN_NOT_FOUND);
    assert_null(workspace);
    assert_int_equal(firn_workspace_init(NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_save(NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_list(NULL, NULL, visit_checkpoint, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_find(NULL, "1", &checkpoint, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_entries(NULL, "1", visit_entry, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_status(NULL, NULL, NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_diff(NULL, NULL, NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_cat(NULL, "1", firn_str("a"), take_content, NULL, NULL, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_restore(NULL, "1", NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_restore(NULL, NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_undo(NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_redo(NULL, NULL, NULL, &err), FIRN_INVALID);
    firn_workspace_pending_restore pending = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    assert_int_equal(firn_workspace_resume(NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_revert(NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_pending(NULL, &pending, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_check(NULL, NULL, NULL, &err), FIRN_INVALID);
    const char *const references[] = {"1"};
    assert_int_equal(firn_workspace_delete(NULL, references, 1, NULL, NULL, NULL, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_gc(NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_string_equal(firn_workspace_root(NULL), "");
    assert_string_equal(firn_workspace_store_path(NULL), "");
    firn_workspace_close(NULL);
}

/* Options of a caller that knows fewer fields, and of one that knows more. */
static void
callers_of_other_versions_are_served_or_refused(void **state)
{
    char folder[TEST_TEMP_SIZE];
    char store[64];
    firn_error err;
    firn_workspace *workspace;
    int seen = 0;
    test_temp_make(folder, sizeof folder);
    snprintf(store, sizeof store, "%s/store", folder);
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.store_path = store;
    assert_int_equal(firn_workspace_open(folder, &options, &workspace, &err), FIRN_OK);

    firn_workspace_list_options list = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    list.size = offsetof(firn_workspace_list_options, include_safety);
    list.limit = 1;
    assert_int_equal(firn_workspace_list(workspace, &list, visit_checkpoint, &seen, &err), FIRN_OK);
    list.size = 0;
    assert_int_equal(firn_workspace_list(workspace, &list, visit_checkpoint, &seen, &err),
                     FIRN_INVALID);
    struct {
        firn_workspace_list_options known;
        uint64_t later;
    } newer = {FIRN_WORKSPACE_LIST_OPTIONS_INIT, 0};
    newer.known.size = sizeof newer;
    assert_int_equal(firn_workspace_list(workspace, &newer.known, visit_checkpoint, &seen, &err),
                     FIRN_OK);
    newer.later = 1;
    assert_int_equal(firn_workspace_list(workspace, &newer.known, visit_checkpoint, &seen, &err),
                     FIRN_UNSUPPORTED);
    assert_int_equal(seen, 0);
    firn_workspace_restore_options restore = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    restore.path_count = 1;
    assert_int_equal(firn_workspace_restore(workspace, "1", &restore, NULL, &err), FIRN_INVALID);
    firn_workspace_diff_options diff = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    diff.path_count = 1;
    assert_int_equal(firn_workspace_diff(workspace, &diff, NULL, NULL, NULL, &err), FIRN_INVALID);
    diff.path_count = 0;
    assert_int_equal(firn_workspace_diff(workspace, &diff, NULL, NULL, NULL, &err), FIRN_NOT_FOUND);
    assert_int_equal(firn_workspace_cat(workspace, "1", firn_str("a"), NULL, NULL, NULL, &err),
                     FIRN_INVALID);
    assert_int_equal(
        firn_workspace_cat(workspace, "1", firn_str("a"), take_content, NULL, NULL, &err),
        FIRN_NOT_FOUND);
    const char *const references[] = {"1", NULL};
    firn_workspace_delete_options delete = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    firn_workspace_gc_options gc = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result result = FIRN_WORKSPACE_GC_RESULT_INIT;
    assert_int_equal(firn_workspace_delete(workspace, references, 0, &delete, NULL, NULL, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_delete(workspace, NULL, 1, &delete, NULL, NULL, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_delete(workspace, references, 2, &delete, NULL, NULL, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_delete(workspace, references, 1, NULL, NULL, NULL, &err),
                     FIRN_NOT_FOUND);
    delete.size = 0;
    assert_int_equal(firn_workspace_delete(workspace, references, 1, &delete, NULL, NULL, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_undelete(workspace, NULL, 1, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_undelete(workspace, references, 2, NULL, NULL, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_undelete(workspace, NULL, 0, NULL, NULL, &err), FIRN_NOT_FOUND);
    assert_int_equal(firn_workspace_gc(workspace, NULL, NULL, &err), FIRN_NOT_FOUND);
    for (int level = -1; level <= 20; level += level == -1 ? 2 : 19) {
        gc.recompress_level = level;
        assert_int_equal(firn_workspace_gc(workspace, &gc, NULL, &err), FIRN_INVALID);
    }
    gc.size = offsetof(firn_workspace_gc_options, full);
    gc.dry_run = true;
    assert_int_equal(firn_workspace_gc(workspace, &gc, &result, &err), FIRN_OK);
    assert_int_equal(result.packs_before, 0);
    assert_int_not_equal(access(store, F_OK), 0);
    firn_workspace_close(workspace);
    assert_int_equal(rmdir(folder), 0);
}

static int
visit_tag(void *ctx, const firn_workspace_tag *tag)
{
    (void)tag;
    (*(int *)ctx)++;
    return FIRN_OK;
}

static int
visit_pin(void *ctx, const firn_workspace_pin *pin)
{
    (void)pin;
    (*(int *)ctx)++;
    return FIRN_OK;
}

static int
visit_workspace(void *ctx, const firn_workspace_info *info)
{
    (void)info;
    (*(int *)ctx)++;
    return FIRN_OK;
}

static void
tags_and_lists_of_workspaces_check_their_arguments(void **state)
{
    char folder[TEST_TEMP_SIZE];
    char store[64];
    firn_error err;
    firn_workspace *workspace;
    int seen = 0;
    test_temp_make(folder, sizeof folder);
    snprintf(store, sizeof store, "%s/store", folder);
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.store_path = store;
    options.size = offsetof(firn_workspace_options, is_root); /* of an older caller */
    assert_int_equal(firn_workspace_open(folder, &options, &workspace, &err), FIRN_OK);
    assert_string_equal(firn_workspace_subpath(workspace), "");
    assert_string_equal(firn_workspace_subpath(NULL), "");
    assert_null(firn_workspace_moved_from(workspace));
    assert_null(firn_workspace_moved_from(NULL));
    assert_null(firn_workspace_unread_store(workspace));
    assert_null(firn_workspace_unread_store(NULL));

    assert_int_equal(firn_workspace_adopt(NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_adopt(workspace, NULL, &err), FIRN_NOT_FOUND);
    assert_int_equal(firn_workspace_tag_set(NULL, "a", "1", false, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_describe(NULL, "1", firn_str("m"), NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_describe(workspace, NULL, firn_str("m"), NULL, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_describe(workspace, "1", firn_bytes(NULL, 1), NULL, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_tag_set(workspace, NULL, "1", false, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_tag_set(workspace, "a", NULL, false, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_tag_set(workspace, "1", "1", false, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_tag_set(workspace, "a", "1", false, NULL, &err),
                     FIRN_NOT_FOUND);
    assert_int_equal(firn_workspace_tag_delete(workspace, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_tag_delete(workspace, "a", &err), FIRN_NOT_FOUND);
    assert_int_equal(firn_workspace_tag_list(workspace, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_tag_list(workspace, visit_tag, &seen, &err), FIRN_OK);

    const char *const one[] = {"1"};
    const char *const none[] = {NULL};
    firn_workspace_expire_options expire = FIRN_WORKSPACE_EXPIRE_OPTIONS_INIT;
    assert_int_equal(firn_workspace_pin_set(NULL, one, 1, true, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_pin_set(workspace, NULL, 1, true, NULL, NULL, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_pin_set(workspace, one, 0, true, NULL, NULL, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_pin_set(workspace, none, 1, true, NULL, NULL, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_pin_set(workspace, one, 1, true, NULL, NULL, &err),
                     FIRN_NOT_FOUND);
    assert_int_equal(firn_workspace_pin_list(NULL, visit_pin, &seen, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_pin_list(workspace, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_pin_list(workspace, visit_pin, &seen, &err), FIRN_OK);
    assert_int_equal(firn_workspace_expire(NULL, &expire, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_expire(workspace, NULL, NULL, NULL, &err), FIRN_NOT_FOUND);
    uint64_t read_size = 0;
    assert_int_equal(firn_config_size(NULL, &read_size, &err), FIRN_INVALID);
    assert_int_equal(firn_config_size("1K", NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_config_size("1K", &read_size, &err), FIRN_OK);
    firn_workspace_forget_options forget = FIRN_WORKSPACE_FORGET_OPTIONS_INIT;
    firn_slice forgotten = firn_str("a");
    assert_int_equal(firn_workspace_forget(NULL, &forget, NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_forget(workspace, NULL, NULL, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_forget(workspace, &forget, NULL, NULL, NULL, &err),
                     FIRN_INVALID);
    forget.paths = &forgotten;
    forget.path_count = 1;
    assert_int_equal(firn_workspace_forget(workspace, &forget, NULL, NULL, NULL, &err),
                     FIRN_NOT_FOUND);
    expire.keep = "nonsense";
    assert_int_equal(firn_workspace_expire(workspace, &expire, NULL, NULL, &err), FIRN_INVALID);
    expire.size = 1;
    assert_int_equal(firn_workspace_expire(workspace, &expire, NULL, NULL, &err), FIRN_INVALID);

    assert_int_equal(firn_workspaces_list(store, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspaces_list(store, visit_workspace, &seen, &err), FIRN_NOT_FOUND);
    assert_int_equal(firn_workspaces_remove(NULL, &options, &err), FIRN_INVALID);
    assert_int_equal(firn_workspaces_remove(folder, &options, &err), FIRN_NOT_FOUND);
    options.size = 0;
    assert_int_equal(firn_workspaces_remove(folder, &options, &err), FIRN_INVALID);
    assert_int_equal(seen, 0);
    firn_workspace_close(workspace);
    assert_int_equal(rmdir(folder), 0);
}

static void
put_text(const char *folder, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void
a_caller_that_knows_no_gitignore_does_not_set_it(void **state)
{
    char folder[TEST_TEMP_SIZE];
    char store[64];
    char command[128];
    firn_error err;
    firn_workspace *workspace;
    firn_workspace_save_result result = FIRN_WORKSPACE_SAVE_RESULT_INIT;
    test_temp_make(folder, sizeof folder);
    snprintf(store, sizeof store, "%s/store", folder);
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.store_path = store;
    assert_int_equal(firn_workspace_open(folder, &options, &workspace, &err), FIRN_OK);
    put_text(folder, ".gitignore", "made\n");
    put_text(folder, "made", "made");
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    assert_false(save.gitignore);
    save.gitignore = true;
    save.size = offsetof(firn_workspace_save_options, gitignore);
    assert_int_equal(firn_workspace_save(workspace, &save, &result, &err), FIRN_OK);
    assert_int_equal(result.checkpoint->files, 2);
    firn_release(result.checkpoint);
    save.size = sizeof save;
    assert_int_equal(firn_workspace_save(workspace, &save, &result, &err), FIRN_OK);
    assert_int_equal(result.checkpoint->files, 1);
    firn_release(result.checkpoint);
    firn_workspace_close(workspace);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* A caller that was compiled before the fields existed has not set them, whatever lies after. */
static void
what_has_not_changed_makes_no_checkpoint_where_that_is_asked_for(void **state)
{
    char folder[TEST_TEMP_SIZE];
    char tree[64];
    char store[64];
    char command[80];
    firn_error err;
    firn_workspace *workspace;
    firn_workspace_save_result result = FIRN_WORKSPACE_SAVE_RESULT_INIT;
    test_temp_make(folder, sizeof folder);
    snprintf(tree, sizeof tree, "%s/tree", folder);
    snprintf(store, sizeof store, "%s/store", folder);
    assert_int_equal(mkdir(tree, 0755), 0);
    put_text(tree, "a", "1");
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.store_path = store;
    assert_int_equal(firn_workspace_open(tree, &options, &workspace, &err), FIRN_OK);
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    assert_false(save.full);
    assert_false(save.if_changed);
    save.if_changed = true;
    assert_int_equal(firn_workspace_save(workspace, &save, &result, &err), FIRN_OK);
    assert_true(result.is_made);
    firn_release(result.checkpoint);
    assert_int_equal(firn_workspace_save(workspace, &save, &result, &err), FIRN_OK);
    assert_false(result.is_made);
    assert_int_equal(result.checkpoint->number, 1);
    firn_release(result.checkpoint);
    save.full = true;
    assert_int_equal(firn_workspace_save(workspace, &save, &result, &err), FIRN_OK);
    assert_false(result.is_made);
    firn_release(result.checkpoint);
    save.size = offsetof(firn_workspace_save_options, full);
    assert_int_equal(firn_workspace_save(workspace, &save, &result, &err), FIRN_OK);
    assert_true(result.is_made);
    assert_int_equal(result.checkpoint->number, 2);
    firn_release(result.checkpoint);
    firn_workspace_close(workspace);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* ---- results ---- */

/* A tree with a store beside it, in a folder of its own. */
struct scene {
    char folder[TEST_TEMP_SIZE];
    char tree[64];
    char store[64];
    firn_workspace *workspace;
    firn_error err;
};

static void
scene_open(struct scene *scene)
{
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    test_temp_make(scene->folder, sizeof scene->folder);
    snprintf(scene->tree, sizeof scene->tree, "%s/tree", scene->folder);
    snprintf(scene->store, sizeof scene->store, "%s/store", scene->folder);
    assert_int_equal(mkdir(scene->tree, 0755), 0);
    options.store_path = scene->store;
    assert_int_equal(firn_workspace_open(scene->tree, &options, &scene->workspace, &scene->err),
                     FIRN_OK);
}

static void
scene_save(struct scene *scene, const char *message, const char *content)
{
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    save.message = firn_str(message);
    put_text(scene->tree, "a", content);
    assert_int_equal(firn_workspace_save(scene->workspace, &save, NULL, &scene->err), FIRN_OK);
}

static void
scene_close(struct scene *scene)
{
    char command[TEST_TEMP_SIZE + 16];
    firn_workspace_close(scene->workspace);
    snprintf(command, sizeof command, "rm -rf '%s'", scene->folder);
    assert_int_equal(system(command), 0);
}

static bool
is_text(firn_slice slice, const char *text)
{
    return slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

static int
visit_change(void *ctx, const firn_workspace_change *change)
{
    (void)change;
    (*(int *)ctx)++;
    return FIRN_OK;
}

/* Keeps the hash of the file on the disk. */
static int
keep_hash(void *ctx, const firn_workspace_difference *difference)
{
    *(firn_hash *)ctx = difference->change.after->hash;
    return FIRN_OK;
}

static int
take_text(void *ctx, firn_slice bytes, firn_error *err)
{
    (void)err;
    strncat(ctx, (const char *)bytes.data, bytes.size);
    return FIRN_OK;
}

/* A file gets a content that is given, unless it has changed since it was compared. */
static void
a_restore_writes_contents_that_are_given(void **state)
{
    struct scene scene;
    firn_error *err = &scene.err;
    scene_open(&scene);
    scene_save(&scene, "one", "one");
    put_text(scene.tree, "a", "two");
    const firn_slice path = firn_str("a");
    firn_workspace_content content = {.path = path, .content = firn_str("some")};
    assert_int_equal(
        firn_workspace_diff(scene.workspace, NULL, keep_hash, &content.expected, NULL, err),
        FIRN_OK);
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    options.contents = &content;
    options.content_count = 1;
    assert_int_equal(firn_workspace_restore(scene.workspace, "1", &options, NULL, err),
                     FIRN_INVALID); /* no paths */
    options.paths = &path;
    options.path_count = 1;
    options.dry_run = true;
    assert_int_equal(firn_workspace_restore(scene.workspace, "1", &options, NULL, err),
                     FIRN_INVALID);
    options.dry_run = false;
    assert_int_equal(firn_workspace_undo(scene.workspace, &options, NULL, err), FIRN_INVALID);
    content.content.size = (size_t)FIRN_WORKSPACE_CONTENT_SIZE_MAX + 1;
    assert_int_equal(firn_workspace_restore(scene.workspace, "1", &options, NULL, err), FIRN_LIMIT);
    content.content = firn_str("some");
    put_text(scene.tree, "a", "meanwhile");
    assert_int_equal(firn_workspace_restore(scene.workspace, "1", &options, NULL, err),
                     FIRN_CONFLICT);
    put_text(scene.tree, "a", "two");
    assert_int_equal(firn_workspace_restore(scene.workspace, "1", &options, NULL, err), FIRN_OK);
    firn_workspace_save_result saved = FIRN_WORKSPACE_SAVE_RESULT_INIT;
    char text[16] = "";
    assert_int_equal(firn_workspace_save(scene.workspace, NULL, &saved, err), FIRN_OK);
    assert_int_equal(
        firn_workspace_cat(scene.workspace, "latest", path, take_text, text, NULL, err), FIRN_OK);
    assert_string_equal(text, "some");
    firn_release(saved.checkpoint);
    assert_int_equal(firn_workspace_undo(scene.workspace, NULL, NULL, err), FIRN_OK);
    firn_workspace_diff_options compared = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    firn_hash hash;
    assert_int_equal(firn_workspace_diff(scene.workspace, &compared, keep_hash, &hash, NULL, err),
                     FIRN_OK);
    assert_memory_equal(&hash, &content.expected, sizeof hash); /* "two" again */
    scene_close(&scene);
}

/* Everything that is given is there after the next call, and after the handle. */
static void
results_belong_to_the_caller(void **state)
{
    struct scene scene;
    firn_error *err = &scene.err;
    scene_open(&scene);
    firn_workspace *workspace = scene.workspace;
    firn_workspace_checkpoint *first = NULL;
    firn_workspace_checkpoint *tagged = NULL;
    firn_workspace_entry *entry = NULL;
    firn_workspace_save_result saved = FIRN_WORKSPACE_SAVE_RESULT_INIT;
    firn_workspace_status_result status = FIRN_WORKSPACE_STATUS_RESULT_INIT;
    firn_workspace_diff_result diff = FIRN_WORKSPACE_DIFF_RESULT_INIT;
    firn_workspace_restore_result restored = FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    firn_workspace_restore_result undone = FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    firn_workspace_restore_result redone = FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    firn_workspace_revert_result reverted = FIRN_WORKSPACE_REVERT_RESULT_INIT;
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    int changes = 0;
    scene_save(&scene, "one", "1");
    save.message = firn_str("two");
    save.turn.agent = firn_str("an agent");
    save.turn.prompt = firn_str("make it 2");
    put_text(scene.tree, "a", "2");
    assert_int_equal(firn_workspace_save(workspace, &save, &saved, err), FIRN_OK);
    assert_int_equal(firn_workspace_find(workspace, "1", &first, err), FIRN_OK);
    assert_int_equal(firn_workspace_find(workspace, "1", NULL, err), FIRN_OK);
    assert_int_equal(firn_workspace_find(workspace, "3", NULL, err), FIRN_NOT_FOUND);
    assert_int_equal(firn_workspace_tag_set(workspace, "t", "2", false, &tagged, err), FIRN_OK);
    assert_int_equal(
        firn_workspace_cat(workspace, "1", firn_str("a"), take_content, NULL, &entry, err),
        FIRN_OK);
    firn_workspace_status_options compare = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    compare.reference = "1";
    assert_int_equal(
        firn_workspace_status(workspace, &compare, visit_change, &changes, &status, err), FIRN_OK);
    assert_int_equal(changes, 1);
    firn_workspace_diff_options range = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    range.before = "1";
    range.after = "2";
    assert_int_equal(firn_workspace_diff(workspace, &range, NULL, NULL, &diff, err), FIRN_OK);
    assert_int_equal(firn_workspace_restore(workspace, first->id, NULL, &restored, err), FIRN_OK);
    assert_int_equal(firn_workspace_undo(workspace, NULL, &undone, err), FIRN_OK);
    assert_int_equal(firn_workspace_redo(workspace, NULL, &redone, err), FIRN_OK);
    assert_int_equal(firn_workspace_redo(workspace, NULL, NULL, err), FIRN_NOT_FOUND);
    assert_int_equal(firn_workspace_undo(workspace, NULL, NULL, err), FIRN_OK);
    firn_workspace_revert_options revert = FIRN_WORKSPACE_REVERT_OPTIONS_INIT;
    revert.after = "2";
    revert.dry_run = true;
    assert_int_equal(firn_workspace_revert(workspace, &revert, &reverted, err), FIRN_OK);
    scene_close(&scene);

    assert_int_equal(first->number, 1);
    assert_true(is_text(first->message, "one"));
    assert_int_equal(first->turn.agent.size, 0);
    assert_true(is_text(saved.checkpoint->message, "two: make it 2"));
    assert_true(is_text(saved.checkpoint->turn.agent, "an agent"));
    assert_true(is_text(saved.checkpoint->turn.prompt, "make it 2"));
    assert_string_equal(tagged->id, saved.checkpoint->id);
    assert_true(is_text(entry->path, "a") && entry->size_bytes == 1);
    assert_int_equal(status.checkpoint->number, 1);
    assert_int_equal(diff.before->number, 1);
    assert_true(is_text(diff.after->message, "two: make it 2"));
    assert_string_equal(restored.checkpoint->id, first->id);
    assert_int_equal(undone.checkpoint->number, 2);
    assert_false(undone.is_unsaved);
    assert_string_equal(redone.checkpoint->id, first->id);
    assert_int_equal(reverted.after->number, 2);
    assert_int_equal(reverted.before->number, 1);
    firn_release(first);
    firn_release(tagged);
    firn_release(entry);
    firn_release(saved.checkpoint);
    firn_release(status.checkpoint);
    firn_release(diff.before);
    firn_release(diff.after);
    firn_release(restored.checkpoint);
    firn_release(undone.checkpoint);
    firn_release(redone.checkpoint);
    firn_release(reverted.after);
    firn_release(reverted.before);
}

/* The one step that an undo or a redo tells. */
struct told_step {
    firn_workspace_step step;
    uint64_t number;
    char agent[16];
    int count;
};

static int
take_step(void *ctx, const firn_workspace_step *step)
{
    struct told_step *told = ctx;
    told->step = *step;
    told->number = step->checkpoint != NULL ? step->checkpoint->number : 0;
    snprintf(told->agent, sizeof told->agent, "%.*s",
             step->turn != NULL ? (int)step->turn->agent.size : 0,
             step->turn != NULL ? (const char *)step->turn->agent.data : "");
    told->count++;
    return FIRN_OK;
}

static int
end_at_step(void *ctx, const firn_workspace_step *step)
{
    (void)take_step(ctx, step);
    return 42;
}

static void
undo_and_redo_tell_their_steps(void **state)
{
    struct scene scene;
    struct told_step told = {.count = 0};
    firn_error *err = &scene.err;
    scene_open(&scene);
    firn_workspace *workspace = scene.workspace;
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result = FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    options.callbacks.ctx = &told;
    options.on_step = take_step;
    scene_save(&scene, "one", "1");
    put_text(scene.tree, "a", "2");
    save.turn.agent = firn_str("an agent");
    assert_int_equal(firn_workspace_save(workspace, &save, NULL, err), FIRN_OK);
    put_text(scene.tree, "b", "new");

    assert_int_equal(firn_workspace_undo(workspace, &options, &result, err), FIRN_OK);
    assert_true(result.is_unsaved && result.steps == 1 && told.count == 1);
    assert_int_equal(told.step.kind, FIRN_STEP_EDITS);
    assert_null(told.step.checkpoint);
    assert_int_equal(told.step.time_ns, 0);
    assert_true(told.step.is_counted && told.step.removed == 1 && told.step.changed == 0);
    firn_release(result.checkpoint);
    assert_int_equal(firn_workspace_undo(workspace, &options, &result, err), FIRN_OK);
    assert_true(!result.is_unsaved && result.steps == 1 && told.count == 2);
    assert_int_equal(told.step.kind, FIRN_STEP_SAVE);
    assert_int_equal(told.number, 2);
    assert_string_equal(told.agent, "an agent");
    assert_true(told.step.is_counted && told.step.changed == 1 && told.step.added == 0);
    firn_release(result.checkpoint);
    assert_int_equal(firn_workspace_redo(workspace, &options, NULL, err), FIRN_OK);
    assert_true(told.count == 3 && told.number == 2 && told.step.changed == 1);
    options.on_step = end_at_step;
    assert_int_equal(firn_workspace_redo(workspace, &options, &result, err), 42);
    assert_true(told.count == 4 && told.step.kind == FIRN_STEP_EDITS && told.step.added == 1);
    assert_true(result.checkpoint == NULL && result.steps == 0);
    options.on_step = take_step;
    options.dry_run = true; /* the call that was ended changed nothing */
    assert_int_equal(firn_workspace_redo(workspace, &options, NULL, err), FIRN_OK);
    assert_true(told.count == 5 && told.step.kind == FIRN_STEP_EDITS);
    scene_close(&scene);
}

static int
count_steps(void *ctx, const firn_workspace_step *step)
{
    int *counts = ctx;
    counts[step->is_redo ? 1 : 0]++;
    return FIRN_OK;
}

static void
steps_are_listed(void **state)
{
    struct scene scene;
    int counts[2] = {0, 0};
    firn_error *err = &scene.err;
    scene_open(&scene);
    firn_workspace *workspace = scene.workspace;
    firn_workspace_steps_options options = FIRN_WORKSPACE_STEPS_OPTIONS_INIT;
    firn_workspace_steps_result result = FIRN_WORKSPACE_STEPS_RESULT_INIT;
    assert_int_equal(firn_workspace_steps(NULL, NULL, count_steps, counts, NULL, err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_steps(workspace, NULL, count_steps, counts, &result, err),
                     FIRN_OK);
    assert_true(result.checkpoint == NULL && result.undo_steps == 0 && result.redo_steps == 0);
    scene_save(&scene, "one", "1");
    scene_save(&scene, "two", "2");
    scene_save(&scene, "three", "3");
    assert_int_equal(firn_workspace_undo(workspace, NULL, NULL, err), FIRN_OK);
    assert_int_equal(firn_workspace_steps(workspace, NULL, count_steps, counts, &result, err),
                     FIRN_OK);
    assert_true(counts[0] == 1 && counts[1] == 1 && !result.is_unsaved);
    assert_int_equal(firn_workspace_steps(workspace, NULL, NULL, NULL, NULL, err), FIRN_OK);
    assert_int_equal(result.checkpoint->number, 2);
    assert_true(result.undo_steps == 1 && result.redo_steps == 1);
    firn_release(result.checkpoint);
    put_text(scene.tree, "b", "new");
    options.limit = 1;
    assert_int_equal(firn_workspace_steps(workspace, &options, count_steps, counts, &result, err),
                     FIRN_OK);
    assert_true(counts[0] == 2 && counts[1] == 1 && result.is_unsaved);
    assert_true(result.undo_steps == 2 && result.redo_steps == 0);
    firn_release(result.checkpoint);
    struct told_step told = {.count = 0};
    assert_int_equal(firn_workspace_steps(workspace, NULL, end_at_step, &told, &result, err), 42);
    assert_true(told.count == 1 && result.checkpoint == NULL);
    scene_close(&scene);
}

static int
count_compared(void *ctx, const firn_workspace_diff_result *result)
{
    uint64_t *left = ctx;
    assert_non_null(result->after);
    return --*left > 0 ? FIRN_OK : 42;
}

static void
a_log_refuses_what_it_cannot_use_and_returns_what_ended_it(void **state)
{
    struct scene scene;
    firn_error *err = &scene.err;
    uint64_t left = 5;
    scene_open(&scene);
    firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    assert_int_equal(firn_workspace_log(scene.workspace, NULL, NULL, NULL, err), FIRN_INVALID);
    assert_int_equal(firn_workspace_log(scene.workspace, NULL, count_compared, &left, err),
                     FIRN_OK);
    scene_save(&scene, "one", "1");
    scene_save(&scene, "two", "2");
    assert_int_equal(firn_workspace_log(scene.workspace, &options, count_compared, &left, err),
                     FIRN_OK);
    assert_int_equal(left, 3);
    left = 1;
    assert_int_equal(firn_workspace_log(scene.workspace, &options, count_compared, &left, err), 42);
    options.path_count = 1;
    assert_int_equal(firn_workspace_log(scene.workspace, &options, count_compared, &left, err),
                     FIRN_INVALID);
    options = (firn_workspace_log_options)FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    options.algorithm = (firn_diff_algorithm)7;
    assert_int_equal(firn_workspace_log(scene.workspace, &options, count_compared, &left, err),
                     FIRN_INVALID);
    firn_workspace_diff_options diff = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    diff.before = "1";
    diff.against_nothing = true;
    assert_int_equal(firn_workspace_diff(scene.workspace, &diff, NULL, NULL, NULL, err),
                     FIRN_INVALID);
    scene_close(&scene);
}

struct through_reader {
    firn_workspace_reader *reader;
    char text[16]; /* of the file "a" */
    int entries, ends_with;
};

static int
keep_text(void *ctx, firn_slice data, firn_error *error)
{
    struct through_reader *through = ctx;
    (void)error;
    (void)strncat(through->text, (const char *)data.data, data.size);
    return through->ends_with;
}

static int
read_entry(void *ctx, const firn_workspace_entry *entry)
{
    struct through_reader *through = ctx;
    through->entries++;
    assert_int_equal(entry->path.size, 1);
    return firn_workspace_reader_cat(through->reader, &entry->hash, entry->size_bytes, keep_text,
                                     through, NULL);
}

/* A reader keeps what it saw, though it is deleted and collected, and checks what it is given. */
static void
a_reader_stays_in_its_time(void **state)
{
    firn_workspace_gc_options now = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    now.now = true;
    struct scene scene;
    firn_error *err = &scene.err;
    struct through_reader through = {0};
    firn_workspace_checkpoint *old, *new;
    const char *const first[] = {"1"};
    scene_open(&scene);
    firn_workspace *workspace = scene.workspace;
    assert_int_equal(firn_workspace_reader_open(workspace, NULL, err), FIRN_INVALID);
    assert_int_equal(firn_workspace_reader_open(NULL, &through.reader, err), FIRN_INVALID);
    assert_int_equal(firn_workspace_reader_open(workspace, &through.reader, err), FIRN_NOT_FOUND);
    assert_null(through.reader);
    firn_workspace_reader_close(NULL);
    scene_save(&scene, "one", "1");
    assert_int_equal(firn_workspace_find(workspace, "1", &old, err), FIRN_OK);
    assert_int_equal(firn_workspace_reader_open(workspace, &through.reader, err), FIRN_OK);
    scene_save(&scene, "two", "2");
    assert_int_equal(firn_workspace_find(workspace, "2", &new, err), FIRN_OK);
    assert_int_equal(firn_workspace_delete(workspace, first, 1, NULL, NULL, NULL, err), FIRN_OK);
    assert_int_equal(firn_workspace_gc(workspace, &now, NULL, err), FIRN_OK);
    assert_int_equal(
        firn_workspace_reader_entries(through.reader, &old->root, read_entry, &through, err),
        FIRN_OK);
    assert_int_equal(through.entries, 1);
    assert_string_equal(through.text, "1");
    through.ends_with = 42;
    assert_int_equal(
        firn_workspace_reader_entries(through.reader, &old->root, read_entry, &through, err), 42);
    /* What came later, or never was, is not there; a file is no directory. */
    assert_int_equal(
        firn_workspace_reader_entries(through.reader, &new->root, read_entry, &through, err),
        FIRN_CORRUPT);
    assert_int_equal(
        firn_workspace_reader_cat(through.reader, &new->root, 1, keep_text, &through, err),
        FIRN_CORRUPT);
    assert_int_equal(
        firn_workspace_reader_cat(through.reader, &old->root, 1, keep_text, &through, err),
        FIRN_CORRUPT);
    assert_int_equal(firn_workspace_reader_entries(NULL, &old->root, read_entry, &through, err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_reader_entries(through.reader, NULL, read_entry, &through, err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_reader_entries(through.reader, &old->root, NULL, NULL, err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_reader_cat(through.reader, NULL, 1, keep_text, &through, err),
                     FIRN_INVALID);
    assert_int_equal(firn_workspace_reader_cat(through.reader, &old->root, 1, NULL, NULL, err),
                     FIRN_INVALID);
    firn_workspace_reader_close(through.reader);
    assert_int_equal(firn_workspace_gc(workspace, NULL, NULL, err), FIRN_OK);
    assert_int_equal(firn_workspace_reader_open(workspace, &through.reader, err), FIRN_OK);
    through = (struct through_reader){.reader = through.reader};
    assert_int_equal(
        firn_workspace_reader_entries(through.reader, &old->root, read_entry, &through, err),
        FIRN_CORRUPT);
    assert_int_equal(
        firn_workspace_reader_entries(through.reader, &new->root, read_entry, &through, err),
        FIRN_OK);
    assert_string_equal(through.text, "2");
    firn_workspace_reader_close(through.reader);
    firn_release(old);
    firn_release(new);
    scene_close(&scene);
}

/* The texts of an entry are its own, extended attributes included. */
static void
an_entry_has_its_attributes_after_the_handle(void **state)
{
    static const char expected[] = "\x06user.k\x05value";
    struct scene scene;
    char path[TEST_TEMP_SIZE + 32];
    firn_workspace_entry *entry = NULL;
    scene_open(&scene);
    put_text(scene.tree, "a", "1");
    snprintf(path, sizeof path, "%s/a", scene.tree);
    if (setxattr(path, "user.k", "value", 5, 0) != 0) {
        scene_close(&scene);
        printf("SKIPPED: the file system has no extended attributes of users\n");
        skip();
    }
    scene_save(&scene, "one", "1");
    assert_int_equal(firn_workspace_cat(scene.workspace, "1", firn_str("a"), take_content, NULL,
                                        &entry, &scene.err),
                     FIRN_OK);
    scene_close(&scene);
    assert_int_equal(entry->xattrs.size, sizeof expected - 1);
    assert_memory_equal(entry->xattrs.data, expected, sizeof expected - 1);
    firn_release(entry);
}

static void
encoded_attributes_are_taken_apart(void **state)
{
    static const char two[] = "\x01"
                              "a\x00\x02"
                              "bc\x03xyz";
    /* a size beyond the end, one that has no end, one without its value, one of 2^70 */
    static const char *const malformed[] = {"\x05"
                                            "ab",
                                            "\x80",
                                            "\x01"
                                            "a",
                                            "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"};
    firn_slice left = firn_bytes(two, sizeof two - 1), name, value;
    assert_true(firn_workspace_xattrs_next(&left, &name, &value));
    assert_int_equal(name.size, 1);
    assert_int_equal(value.size, 0);
    assert_true(firn_workspace_xattrs_next(&left, &name, &value));
    assert_memory_equal(name.data, "bc", 2);
    assert_memory_equal(value.data, "xyz", 3);
    assert_false(firn_workspace_xattrs_next(&left, &name, &value));
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        left = firn_str(malformed[i]);
        assert_false(firn_workspace_xattrs_next(&left, &name, &value));
    }
}

static void
a_call_that_fails_gives_nothing(void **state)
{
    struct scene scene;
    firn_error *err = &scene.err;
    firn_workspace_checkpoint before = {.number = 7};
    firn_workspace_entry old = {.size_bytes = 7};
    firn_workspace_checkpoint *found = &before;
    firn_workspace_entry *entry = &old;
    firn_workspace_restore_result restored = FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    firn_workspace_status_result status = FIRN_WORKSPACE_STATUS_RESULT_INIT;
    firn_workspace_check_result checked = FIRN_WORKSPACE_CHECK_RESULT_INIT;
    const firn_slice missing = firn_str("missing");
    scene_open(&scene);
    firn_workspace *workspace = scene.workspace;
    scene_save(&scene, "one", "1");
    assert_int_equal(firn_workspace_find(workspace, "2", &found, err), FIRN_NOT_FOUND);
    assert_null(found);
    found = &before;
    assert_int_equal(firn_workspace_tag_set(workspace, "latest", "1", false, &found, err),
                     FIRN_INVALID);
    assert_null(found);
    assert_int_equal(firn_workspace_cat(workspace, "1", missing, take_content, NULL, &entry, err),
                     FIRN_NOT_FOUND);
    assert_null(entry);
    entry = &old;
    assert_int_equal(
        firn_workspace_cat(workspace, "1", firn_str("a"), refuse, "no room", &entry, err),
        FIRN_CANCELLED);
    assert_string_equal(err->text, "no room");
    assert_null(entry);
    assert_int_equal(firn_workspace_cat(workspace, "1", firn_str("a"), refuse, NULL, NULL, err),
                     FIRN_CANCELLED);
    assert_string_equal(err->text, "stopped by the caller");
    /* What a result had before is not released, and not kept either. */
    restored.checkpoint = &before;
    restored.added = 5;
    assert_int_equal(firn_workspace_restore(workspace, "2", NULL, &restored, err), FIRN_NOT_FOUND);
    assert_null(restored.checkpoint);
    assert_int_equal(restored.added, 0);
    assert_int_equal(restored.size, sizeof restored);
    /* It found the checkpoint before it failed. */
    firn_workspace_status_options options = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    options.paths = &missing;
    options.path_count = 1;
    status.checkpoint = &before;
    assert_int_equal(firn_workspace_status(workspace, &options, NULL, NULL, &status, err),
                     FIRN_NOT_FOUND);
    assert_null(status.checkpoint);
    /* A check says what it found, whatever it returns. */
    assert_int_equal(firn_workspace_check(workspace, NULL, &checked, err), FIRN_OK);
    assert_int_equal(checked.checkpoints, 1);
    scene_close(&scene);
}

/* A caller knows fewer fields of a result, or more; none is written beyond what it has. */
static void
results_of_other_versions_are_filled_as_far_as_they_go(void **state)
{
    struct scene scene;
    firn_error *err = &scene.err;
    scene_open(&scene);
    firn_workspace *workspace = scene.workspace;
    scene_save(&scene, "one", "1");
    scene_save(&scene, "two", "2");
    firn_workspace_diff_options range = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    range.before = "1";
    range.after = "2";

    firn_workspace_diff_result older = FIRN_WORKSPACE_DIFF_RESULT_INIT;
    older.size = offsetof(firn_workspace_diff_result, removed);
    older.removed = 77;
    older.renamed = 78;
    assert_int_equal(firn_workspace_diff(workspace, &range, NULL, NULL, &older, err), FIRN_OK);
    assert_int_equal(older.size, offsetof(firn_workspace_diff_result, removed));
    assert_int_equal(older.changed, 1);
    assert_int_equal(older.removed, 77);
    assert_int_equal(older.renamed, 78);
    firn_release(older.before);
    firn_release(older.after);

    struct {
        firn_workspace_diff_result known;
        uint64_t later;
        uint64_t behind;
    } newer = {FIRN_WORKSPACE_DIFF_RESULT_INIT, 5, 6};
    newer.known.size = offsetof(__typeof__(newer), behind);
    assert_int_equal(firn_workspace_diff(workspace, &range, NULL, NULL, &newer.known, err),
                     FIRN_OK);
    assert_int_equal(newer.known.changed, 1);
    assert_int_equal(newer.later, 0);
    assert_int_equal(newer.behind, 6);
    firn_release(newer.known.before);
    firn_release(newer.known.after);

    /* Without a size, or with one that has no room for what the caller is to release. */
    older.size = 0;
    assert_int_equal(firn_workspace_diff(workspace, &range, NULL, NULL, &older, err), FIRN_INVALID);
    older.size = offsetof(firn_workspace_diff_result, after);
    assert_int_equal(firn_workspace_diff(workspace, &range, NULL, NULL, &older, err), FIRN_INVALID);
    older.size = SIZE_MAX;
    assert_int_equal(firn_workspace_diff(workspace, &range, NULL, NULL, &older, err), FIRN_INVALID);
    firn_workspace_save_result saved = FIRN_WORKSPACE_SAVE_RESULT_INIT;
    saved.size = sizeof saved.size;
    assert_int_equal(firn_workspace_save(workspace, NULL, &saved, err), FIRN_INVALID);
    firn_workspace_status_result status = {.size = 0};
    assert_int_equal(firn_workspace_status(workspace, NULL, NULL, NULL, &status, err),
                     FIRN_INVALID);
    firn_workspace_restore_result restored = {.size = 0};
    assert_int_equal(firn_workspace_restore(workspace, "1", NULL, &restored, err), FIRN_INVALID);
    assert_int_equal(firn_workspace_undo(workspace, NULL, &restored, err), FIRN_INVALID);
    assert_int_equal(firn_workspace_resume(workspace, NULL, &restored, err), FIRN_INVALID);
    firn_workspace_revert_result reverted = {.size = 0};
    assert_int_equal(firn_workspace_revert(workspace, NULL, &reverted, err), FIRN_INVALID);
    firn_workspace_pending_restore pending = {.size = 0};
    assert_int_equal(firn_workspace_pending(workspace, &pending, err), FIRN_INVALID);
    firn_workspace_gc_result gc = {.size = 0};
    assert_int_equal(firn_workspace_gc(workspace, NULL, &gc, err), FIRN_INVALID);
    firn_workspace_check_result checked = {.size = 0};
    assert_int_equal(firn_workspace_check(workspace, NULL, &checked, err), FIRN_INVALID);
    firn_workspace_repair_result repaired = {.size = 0};
    assert_int_equal(firn_workspace_repair(workspace, NULL, &repaired, err), FIRN_INVALID);
    firn_workspace_watch_info watched = {.size = 0};
    assert_int_equal(firn_workspace_watch_look(workspace, &watched, err), FIRN_INVALID);
    assert_int_equal(firn_workspace_watch_stop(workspace, &watched, err), FIRN_INVALID);
    firn_workspace_forget_options forget = FIRN_WORKSPACE_FORGET_OPTIONS_INIT;
    firn_workspace_forget_result forgotten = {.size = 0};
    const firn_slice path = firn_str("a");
    forget.paths = &path;
    forget.path_count = 1;
    assert_int_equal(firn_workspace_forget(workspace, &forget, NULL, NULL, &forgotten, err),
                     FIRN_INVALID);
    scene_close(&scene);
}

/* ---- memory ---- */

struct use {
    firn_workspace *workspace;
    int call; /* which of the calls below */
    int rc;
};
enum { CALLS = 9 };

/* Whatever is given is released; what a call that fails gives is NULL. */
static void
use_once(struct use *use)
{
    firn_workspace *workspace = use->workspace;
    firn_workspace_checkpoint *checkpoint = NULL;
    firn_workspace_checkpoint *other = NULL;
    firn_workspace_entry *entry = NULL;
    firn_workspace_save_result saved = FIRN_WORKSPACE_SAVE_RESULT_INIT;
    firn_workspace_status_result status = FIRN_WORKSPACE_STATUS_RESULT_INIT;
    firn_workspace_diff_result diff = FIRN_WORKSPACE_DIFF_RESULT_INIT;
    firn_workspace_diff_options previous = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    firn_workspace_restore_options restore = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result restored = FIRN_WORKSPACE_RESTORE_RESULT_INIT;
    firn_workspace_revert_options revert = FIRN_WORKSPACE_REVERT_OPTIONS_INIT;
    firn_workspace_revert_result reverted = FIRN_WORKSPACE_REVERT_RESULT_INIT;
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_pending_restore pending = FIRN_WORKSPACE_PENDING_RESTORE_INIT;
    restore.dry_run = true;
    revert.dry_run = true;
    save.if_changed = true;
    previous.against_previous = true;
    switch (use->call) {
    case 0:
        use->rc = firn_workspace_find(workspace, "latest", &checkpoint, NULL);
        break;
    case 1:
        use->rc =
            firn_workspace_cat(workspace, "1", firn_str("a"), take_content, NULL, &entry, NULL);
        break;
    case 2:
        use->rc = firn_workspace_status(workspace, NULL, NULL, NULL, &status, NULL);
        checkpoint = status.checkpoint;
        break;
    case 3:
        use->rc = firn_workspace_diff(workspace, &previous, NULL, NULL, &diff, NULL);
        checkpoint = diff.before;
        other = diff.after;
        break;
    case 4:
        use->rc = firn_workspace_restore(workspace, "1", &restore, &restored, NULL);
        checkpoint = restored.checkpoint;
        break;
    case 5:
        use->rc = firn_workspace_revert(workspace, &revert, &reverted, NULL);
        checkpoint = reverted.after;
        other = reverted.before;
        break;
    case 6:
        use->rc = firn_workspace_save(workspace, &save, &saved, NULL);
        checkpoint = saved.checkpoint;
        break;
    case 7:
        use->rc = firn_workspace_tag_set(workspace, "t", "1", true, &checkpoint, NULL);
        break;
    default:
        use->rc = firn_workspace_pending(workspace, &pending, NULL);
        break;
    }
    if (use->rc != FIRN_OK) {
        assert_null(checkpoint);
        assert_null(other);
        assert_null(entry);
    } else if (use->call != CALLS - 1) {
        assert_true(checkpoint != NULL || entry != NULL);
    }
    firn_release(checkpoint);
    firn_release(other);
    firn_release(entry);
}

static void
no_memory_is_lost_where_it_runs_out(void **state)
{
    struct scene scene;
    uint64_t points = 0;
    test_alloc_install();
    scene_open(&scene);
    scene_save(&scene, "one", "1");
    scene_save(&scene, "two", "2");
    for (int call = 0; call < CALLS; call++) {
        struct use use = {.workspace = scene.workspace, .call = call};
        bool is_over = false;
        use_once(&use); /* what the handle keeps is there from now on */
        assert_int_equal(use.rc, FIRN_OK);
        int64_t alive = test_alloc_alive();
        for (uint64_t point = 1; !is_over; point++, points++) {
            test_alloc_fail_at(point, false);
            use_once(&use);
            is_over = test_alloc_calls() < point;
            test_alloc_fail_at(0, false);
            assert_int_equal(test_alloc_alive(), alive);
        }
        assert_int_equal(use.rc, FIRN_OK);
    }
    scene_close(&scene);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    printf("count: %llu allocations of calls that failed\n", (unsigned long long)points);
}

static void
put_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* Somebody puts a link in the place of the root while a handle is open. */
static void
a_root_that_became_a_link_is_refused(void **state)
{
    char folder[TEST_TEMP_SIZE];
    char paths[5][TEST_TEMP_SIZE + 16];
    static const char *const names[] = {"store", "root", "moved", "other", "other/f"};
    char text[16] = "";
    firn_error err;
    firn_workspace *workspace;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    test_temp_make(folder, sizeof folder);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%s/%s", folder, names[i]);
    }
    assert_int_equal(mkdir(paths[1], 0700), 0);
    assert_int_equal(mkdir(paths[3], 0700), 0);
    put_file(paths[4], "theirs");
    options.store_path = paths[0];
    assert_int_equal(firn_workspace_open(paths[1], &options, &workspace, &err), FIRN_OK);
    assert_int_equal(firn_workspace_save(workspace, NULL, NULL, &err), FIRN_OK);
    assert_int_equal(rename(paths[1], paths[2]), 0);
    assert_int_equal(symlink("other", paths[1]), 0);
    assert_int_equal(firn_workspace_save(workspace, NULL, NULL, &err), FIRN_NOT_FOUND);
    assert_int_equal(firn_workspace_status(workspace, NULL, NULL, NULL, NULL, &err),
                     FIRN_NOT_FOUND);
    assert_int_equal(firn_workspace_restore(workspace, "1", NULL, NULL, &err), FIRN_NOT_FOUND);
    FILE *file = fopen(paths[4], "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof text, file));
    assert_int_equal(fclose(file), 0);
    assert_string_equal(text, "theirs");
    assert_int_equal(unlink(paths[1]), 0);
    assert_int_equal(rename(paths[2], paths[1]), 0);
    assert_int_equal(firn_workspace_save(workspace, NULL, NULL, &err), FIRN_OK);
    firn_workspace_close(workspace);
}

/* Saves of copies that become durable together, or not at all; what such a copy lacks is left alone. */
static void
groups_of_saves_are_kept_or_dropped_whole(void **state)
{
    char folder[TEST_TEMP_SIZE];
    char root[64];
    char copy[64];
    char file[80];
    firn_error err;
    firn_workspace *workspace;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result = FIRN_WORKSPACE_SAVE_RESULT_INIT;
    char store[64];
    int seen = 0;
    test_temp_make(folder, sizeof folder);
    (void)snprintf(root, sizeof root, "%s/root", folder);
    (void)snprintf(copy, sizeof copy, "%s/copy", folder);
    (void)snprintf(store, sizeof store, "%s/store", folder);
    assert_int_equal(mkdir(root, 0700), 0);
    assert_int_equal(mkdir(copy, 0700), 0);
    (void)snprintf(file, sizeof file, "%s/f", copy);
    put_file(file, "one");
    options.store_path = store;
    assert_int_equal(firn_workspace_open(root, &options, &workspace, &err), FIRN_OK);
    save.tag = "early";
    assert_int_equal(firn_workspace_save(workspace, &save, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_group_end(workspace, true, &err), FIRN_OK);
    assert_false(firn_workspace_group_is_full(workspace));
    for (int keep = 0; keep < 2; keep++) {
        save.tag = "first";
        save.tree_path = copy;
        assert_int_equal(firn_workspace_group_begin(workspace, &err), FIRN_OK);
        assert_int_equal(firn_workspace_group_begin(workspace, &err), FIRN_MISUSE);
        assert_int_equal(firn_workspace_save(workspace, &save, &result, &err), FIRN_OK);
        assert_int_equal(result.checkpoint->number, 1);
        firn_release(result.checkpoint);
        put_file(file, "another");
        save.tag = "second";
        assert_int_equal(firn_workspace_save(workspace, &save, &result, &err), FIRN_OK);
        assert_int_equal(result.checkpoint->number, 2);
        firn_release(result.checkpoint);
        assert_false(firn_workspace_group_is_full(workspace));
        assert_int_equal(firn_workspace_group_end(workspace, keep == 1, &err), FIRN_OK);
        seen = 0;
        assert_int_equal(firn_workspace_list(workspace, NULL, visit_checkpoint, &seen, &err),
                         FIRN_OK);
        assert_int_equal(seen, 2 * keep);
    }
    firn_workspace_checkpoint *checkpoint;
    assert_int_equal(firn_workspace_find(workspace, "second", &checkpoint, &err), FIRN_OK);
    assert_int_equal(checkpoint->number, 2);
    firn_release(checkpoint);
    /* One that fails, or is none of an import, breaks nothing else. */
    assert_int_equal(firn_workspace_group_begin(workspace, &err), FIRN_OK);
    save.tag = NULL;
    save.tree_path = NULL;
    assert_int_equal(firn_workspace_save(workspace, &save, NULL, &err), FIRN_MISUSE);
    save.tree_path = "/nonexistent";
    assert_int_equal(firn_workspace_save(workspace, &save, NULL, &err), FIRN_NOT_FOUND);
    save.tree_path = copy;
    assert_int_equal(firn_workspace_save(workspace, &save, NULL, &err), FIRN_MISUSE);
    assert_int_equal(firn_workspace_group_end(workspace, true, &err), FIRN_MISUSE);
    /* What the copy lacks. */
    firn_workspace_gap gaps[] = {
        {firn_str("lost/file"), 2}, {firn_str("left out"), 0}, {firn_str(""), 3}};
    save.gaps = gaps;
    save.gap_count = 3;
    assert_int_equal(firn_workspace_save(workspace, &save, &result, &err), FIRN_OK);
    assert_int_equal(result.checkpoint->skipped, 5);
    assert_int_equal(result.checkpoint->excluded, 1);
    firn_release(result.checkpoint);
    gaps[0].path = firn_str("../up");
    assert_int_equal(firn_workspace_save(workspace, &save, NULL, &err), FIRN_INVALID);
    (void)snprintf(file, sizeof file, "%s/left out", root);
    put_file(file, "mine");
    assert_int_equal(firn_workspace_restore(workspace, "latest", NULL, NULL, &err), FIRN_OK);
    assert_int_equal(access(file, F_OK), 0);
    assert_int_equal(firn_workspace_group_begin(workspace, &err), FIRN_OK);
    firn_workspace_close(workspace); /* ends the group */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_of_saves_are_kept_or_dropped_whole),
        cmocka_unit_test(tags_and_lists_of_workspaces_check_their_arguments),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(a_root_that_became_a_link_is_refused),
        cmocka_unit_test(results_belong_to_the_caller),
        cmocka_unit_test(undo_and_redo_tell_their_steps),
        cmocka_unit_test(a_log_refuses_what_it_cannot_use_and_returns_what_ended_it),
        cmocka_unit_test(a_reader_stays_in_its_time),
        cmocka_unit_test(steps_are_listed),
        cmocka_unit_test(an_entry_has_its_attributes_after_the_handle),
        cmocka_unit_test(encoded_attributes_are_taken_apart),
        cmocka_unit_test(a_call_that_fails_gives_nothing),
        cmocka_unit_test(results_of_other_versions_are_filled_as_far_as_they_go),
        cmocka_unit_test(no_memory_is_lost_where_it_runs_out),
        cmocka_unit_test(a_restore_writes_contents_that_are_given),
        cmocka_unit_test(what_has_not_changed_makes_no_checkpoint_where_that_is_asked_for),
        cmocka_unit_test(callers_of_other_versions_are_served_or_refused),
        cmocka_unit_test(a_caller_that_knows_no_gitignore_does_not_set_it),
    };
    return cmocka_run_group_tests_name("workspace_api", tests, NULL, NULL);
}

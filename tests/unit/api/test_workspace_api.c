/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/api: firn/workspace.h: what its functions refuse, and callers of other versions. What they
 * do is tested in unit/workspace.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "firn/firn.h"
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

static int
take_content(void *ctx, firn_slice data)
{
    (void)ctx;
    (void)data;
    return FIRN_OK;
}

static void
arguments_are_checked(void **state)
{
    (void)state;
    firn_error err;
    firn_workspace *workspace;
    firn_workspace_checkpoint checkpoint;
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
    firn_workspace_pending_restore pending;
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
    (void)state;
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
    firn_workspace_gc_result result;
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
    (void)state;
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
    assert_int_equal(firn_workspace_tag_set(workspace, NULL, "1", false, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_tag_set(workspace, "a", NULL, false, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_tag_set(workspace, "1", "1", false, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_tag_set(workspace, "a", "1", false, NULL, &err),
                     FIRN_NOT_FOUND);
    assert_int_equal(firn_workspace_tag_remove(workspace, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_workspace_tag_remove(workspace, "a", &err), FIRN_NOT_FOUND);
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
    (void)state;
    char folder[TEST_TEMP_SIZE];
    char store[64];
    char command[128];
    firn_error err;
    firn_workspace *workspace;
    firn_workspace_save_result result;
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
    assert_int_equal(result.checkpoint.files, 2);
    save.size = sizeof save;
    assert_int_equal(firn_workspace_save(workspace, &save, &result, &err), FIRN_OK);
    assert_int_equal(result.checkpoint.files, 1);
    firn_workspace_close(workspace);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

/* A caller that was compiled before the fields existed has not set them, whatever lies behind. */
static void
what_has_not_changed_makes_no_checkpoint_where_that_is_asked_for(void **state)
{
    (void)state;
    char folder[TEST_TEMP_SIZE];
    char tree[64];
    char store[64];
    char command[80];
    firn_error err;
    firn_workspace *workspace;
    firn_workspace_save_result result;
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
    assert_int_equal(firn_workspace_save(workspace, &save, &result, &err), FIRN_OK);
    assert_false(result.is_made);
    assert_int_equal(result.checkpoint.number, 1);
    save.full = true;
    assert_int_equal(firn_workspace_save(workspace, &save, &result, &err), FIRN_OK);
    assert_false(result.is_made);
    save.size = offsetof(firn_workspace_save_options, full);
    assert_int_equal(firn_workspace_save(workspace, &save, &result, &err), FIRN_OK);
    assert_true(result.is_made);
    assert_int_equal(result.checkpoint.number, 2);
    firn_workspace_close(workspace);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags_and_lists_of_workspaces_check_their_arguments),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(what_has_not_changed_makes_no_checkpoint_where_that_is_asked_for),
        cmocka_unit_test(callers_of_other_versions_are_served_or_refused),
        cmocka_unit_test(a_caller_that_knows_no_gitignore_does_not_set_it),
    };
    return cmocka_run_group_tests_name("workspace_api", tests, NULL, NULL);
}

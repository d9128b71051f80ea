/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/place: which workspace a path belongs to, tags, and directories that were moved; also
 * while calls and allocations fail, and the power goes.
 */
#include <errno.h>

#include "handle/ws_opened.h"
#include "place/place.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/workspace/ws_support.h"

static void
rename_in_root(struct ws_world *world, const char *from, const char *to)
{
    struct fi_os_dir *top;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/", &top, &world->err), FIRN_OK);
    assert_int_equal(fi_os_rename(top, from, top, to, FI_OS_RENAME_REPLACE, &world->err), FIRN_OK);
    assert_int_equal(fi_os_dir_sync(top, &world->err), FIRN_OK);
    fi_os_dir_close(top);
}

static int
try_open(struct ws_world *world, const char *path, bool is_root, struct firn_ws **out)
{
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    struct fi_os *os = world->tree.outer != NULL ? world->tree.outer : world->tree.os;
    options.store_path = world->store_path;
    options.lock_timeout_ms = 0;
    options.is_root = is_root;
    return fi_ws_open(os, path, &options, out, &world->err);
}

static struct firn_ws *
open_at(struct ws_world *world, const char *path, bool is_root)
{
    struct firn_ws *ws;
    if (try_open(world, path, is_root, &ws) != FIRN_OK) {
        fail_msg("%s", world->err.text);
    }
    return ws;
}

static int
count_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint)
{
    (void)checkpoint;
    (*(int *)ctx)++;
    return FIRN_OK;
}

static int
try_list(struct ws_world *world, struct firn_ws *ws, int *out_count)
{
    firn_workspace_list_options options = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    *out_count = 0;
    return fi_ws_list(ws, &options, count_checkpoint, out_count, &world->err);
}

/* A workspace with a directory below and one checkpoint. */
static void
prepare(struct ws_world *world, uint64_t seed)
{
    ws_world_open_memory(world, seed);
    scan_put_text(&world->tree, "a", "1");
    scan_put_text(&world->tree, "sub/deep/b", "2");
    ws_save(world);
    assert_int_equal(fi_os_dir_sync_filesystem(world->tree.root, &world->err), FIRN_OK);
}

static void
a_path_inside_means_the_workspace_around_it(void **state)
{
    struct ws_world world;
    prepare(&world, 1);
    static const char *const paths[][2] = {
        {"/w", ""}, {"/w/", ""}, {"/w/sub", "sub"}, {"/w/sub/deep/", "sub/deep"}};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct firn_ws *ws = open_at(&world, paths[i][0], false);
        int count;
        assert_string_equal(fi_ws_root(ws), "/w");
        assert_string_equal(fi_ws_subpath(ws), paths[i][1]);
        assert_int_equal(try_list(&world, ws, &count), FIRN_OK);
        assert_int_equal(count, 1);
        fi_ws_close(ws);
    }
    struct firn_ws *own = open_at(&world, "/w/sub", true);
    int count;
    assert_string_equal(fi_ws_root(own), "/w/sub");
    assert_int_equal(try_list(&world, own, &count), FIRN_OK);
    assert_int_equal(count, 0);
    fi_ws_close(own);
    ws_world_close(&world);
}

static void
the_nearest_workspace_counts_and_the_outer_leaves_it_out(void **state)
{
    struct ws_world world;
    bool is_created;
    prepare(&world, 2);
    struct firn_ws *inner = open_at(&world, "/w/sub", true);
    assert_int_equal(fi_ws_init(inner, &is_created, &world.err), FIRN_OK);
    assert_true(is_created);
    fi_ws_close(inner);

    inner = open_at(&world, "/w/sub/deep", false);
    assert_string_equal(fi_ws_root(inner), "/w/sub");
    assert_string_equal(fi_ws_subpath(inner), "deep");
    fi_ws_close(inner);
    firn_workspace_save_result saved = ws_save(&world);
    assert_int_equal(saved.checkpoint->files, 1);
    assert_int_equal(saved.checkpoint->excluded, 1);
    assert_int_equal(saved.removed, 1);
    ws_world_close(&world);
}

static void
assert_refused(struct ws_world *world, struct firn_ws *ws)
{
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result saved;
    firn_workspace_restore_options restore = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result restored;
    int count;
    assert_int_equal(try_list(world, ws, &count), FIRN_CONFLICT);
    assert_int_equal(fi_ws_save(ws, &save, &saved, &world->err), FIRN_CONFLICT);
    assert_int_equal(fi_ws_restore(ws, "1", &restore, &restored, &world->err), FIRN_CONFLICT);
    assert_non_null(strstr(world->err.text, "--adopt"));
}

static void
a_moved_directory_is_refused_until_it_is_adopted(void **state)
{
    struct ws_world world;
    int count;
    prepare(&world, 3);
    rename_in_root(&world, "w", "v");
    struct firn_ws *ws = open_at(&world, "/v/sub", false);
    assert_string_equal(fi_ws_root(ws), "/v");
    assert_string_equal(fi_ws_moved_from(ws), "/w");
    const char *moved_from = fi_ws_moved_from(ws);
    const char *root = fi_ws_root(ws);
    assert_refused(&world, ws);
    assert_int_equal(fi_ws_workspaces_adopt(ws, NULL, &world.err), FIRN_OK);
    assert_null(fi_ws_moved_from(ws));
    assert_ptr_equal(fi_ws_root(ws), root); /* texts are there until the handle is closed */
    assert_string_equal(moved_from, "/w");
    assert_int_equal(try_list(&world, ws, &count), FIRN_OK);
    assert_int_equal(count, 1);
    assert_int_equal(fi_ws_workspaces_adopt(ws, NULL, &world.err), FIRN_NOT_FOUND);
    fi_ws_close(ws);
    rename_in_root(&world, "v", "w");
    ws_world_close(&world);
}

static void
two_histories_are_not_joined(void **state)
{
    struct ws_world world;
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result saved;
    bool is_created;
    int count;
    prepare(&world, 5);
    rename_in_root(&world, "w", "v");
    struct firn_ws *ws = open_at(&world, "/v", false);
    assert_int_equal(fi_ws_init(ws, &is_created, &world.err), FIRN_OK);
    assert_int_equal(fi_ws_save(ws, &save, &saved, &world.err), FIRN_OK);
    assert_int_equal(fi_ws_workspaces_adopt(ws, "/w", &world.err), FIRN_EXISTS);
    assert_int_equal(try_list(&world, ws, &count), FIRN_OK);
    assert_int_equal(count, 1);
    fi_ws_close(ws);
    rename_in_root(&world, "v", "w");
    ws_world_close(&world);
}

static void
a_moved_directory_may_begin_anew(void **state)
{
    struct ws_world world;
    bool is_created;
    int count;
    prepare(&world, 4);
    rename_in_root(&world, "w", "v");
    struct firn_ws *ws = open_at(&world, "/v", false);
    assert_int_equal(fi_ws_init(ws, &is_created, &world.err), FIRN_OK);
    assert_true(is_created);
    assert_int_equal(try_list(&world, ws, &count), FIRN_OK);
    assert_int_equal(count, 0);
    fi_ws_close(ws);
    ws = open_at(&world, "/v", false);
    assert_null(fi_ws_moved_from(ws));
    assert_int_equal(fi_ws_workspaces_adopt(ws, "/w", &world.err),
                     FIRN_OK); /* nothing was saved here */
    assert_int_equal(try_list(&world, ws, &count), FIRN_OK);
    assert_int_equal(count, 1);
    fi_ws_close(ws);
    rename_in_root(&world, "v", "w");
    ws_world_close(&world);
}

static void
another_directory_at_the_old_place_is_not_the_moved_one(void **state)
{
    struct ws_world world;
    int count;
    prepare(&world, 5);
    rename_in_root(&world, "w", "v");
    struct fi_os_dir *top;
    assert_int_equal(fi_os_dir_open_path(world.tree.os, "/", &top, &world.err), FIRN_OK);
    assert_int_equal(fi_os_make_dir(top, "w", 0755, &world.err), FIRN_OK);
    assert_int_equal(fi_os_make_dir(top, "other", 0755, &world.err), FIRN_OK);
    fi_os_dir_close(top);
    struct firn_ws *moved = open_at(&world, "/v", false);
    assert_string_equal(fi_ws_moved_from(moved), "/w"); /* what is there now is another */
    fi_ws_close(moved);
    struct firn_ws *other = open_at(&world, "/other", false);
    assert_null(fi_ws_moved_from(other));
    assert_int_equal(try_list(&world, other, &count), FIRN_OK);
    assert_int_equal(count, 0);
    fi_ws_close(other);
    struct firn_ws *same_path = open_at(&world, "/w", false);
    assert_int_equal(try_list(&world, same_path, &count), FIRN_OK);
    assert_int_equal(count, 1); /* a workspace is known by its path */
    fi_ws_close(same_path);
    ws_world_close(&world);
}

static int
try_open_without_store(struct ws_world *world, const char *path, struct firn_ws **out)
{
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    return fi_ws_open(world->tree.os, path, &options, out, &world->err);
}

/* A store that is gone, or a link, or a file, is not replaced by one in the usual place, not even from
 * below. One that was moved with its directory is not missed where it was, once something was saved. */
static void
a_store_inside_that_is_gone_is_not_begun_anew(void **state)
{
    struct ws_world world;
    struct firn_ws *ws;
    struct fi_os_dir *root;
    struct fi_os_file *file;
    struct fi_ws_opened opened;
    bool is_created;
    ws_world_open_memory(&world, 12);
    scan_put_text(&world.tree, "sub/a", "1");
    free(world.store_path);
    world.store_path = strdup("/w/.firn");
    ws = open_at(&world, "/w", true);
    assert_int_equal(fi_ws_init(ws, &is_created, &world.err), FIRN_OK);
    fi_ws_close(ws);
    rename_in_root(&world, "w", "v");
    assert_int_equal(try_open_without_store(&world, "/v", &ws), FIRN_OK);
    assert_int_equal(fi_ws_opened_open(ws, FI_WS_WRITE, &opened, &world.err), FIRN_OK);
    assert_int_equal(fi_ws_opened_close(ws, &opened, FIRN_OK, &world.err), FIRN_OK);
    fi_ws_close(ws);
    assert_int_equal(fi_os_dir_open_path(world.tree.os, "/", &root, &world.err), FIRN_OK);
    assert_int_equal(fi_os_make_dir(root, "w", 0700, &world.err), FIRN_OK);
    fi_os_dir_close(root);
    assert_int_equal(try_open_without_store(&world, "/w", &ws), FIRN_OK);
    fi_ws_close(ws);

    assert_int_equal(fi_os_dir_open_path(world.tree.os, "/v", &root, &world.err), FIRN_OK);
    assert_int_equal(fi_os_rename(root, ".firn", root, "gone", FI_OS_RENAME_NO_REPLACE, &world.err),
                     FIRN_OK);
    assert_int_equal(try_open_without_store(&world, "/v/sub", &ws), FIRN_CONFLICT);
    assert_int_equal(fi_os_make_symlink(root, ".firn", "gone", &world.err), FIRN_OK);
    assert_int_equal(try_open_without_store(&world, "/v", &ws), FIRN_CONFLICT);
    assert_int_equal(fi_os_remove_file(root, ".firn", &world.err), FIRN_OK);
    assert_int_equal(
        fi_os_file_open(root, ".firn", FI_OS_WRITE | FI_OS_CREATE, 0600, &file, &world.err),
        FIRN_OK);
    fi_os_file_close(file);
    assert_int_equal(try_open_without_store(&world, "/v", &ws), FIRN_CONFLICT);
    assert_int_equal(fi_os_remove_file(root, ".firn", &world.err), FIRN_OK);
    assert_int_equal(fi_os_rename(root, "gone", root, ".firn", FI_OS_RENAME_NO_REPLACE, &world.err),
                     FIRN_OK);
    fi_os_dir_close(root);
    assert_int_equal(try_open_without_store(&world, "/v/sub", &ws), FIRN_OK);
    assert_string_equal(fi_ws_root(ws), "/v");
    fi_ws_close(ws);
    ws_world_close(&world);
}

static void
a_store_inside_is_found_unless_it_is_somebody_elses(void **state)
{
    struct ws_world world;
    struct firn_ws *ws;
    struct fi_os_dir *store;
    bool is_created;
    ws_world_open_memory(&world, 11);
    scan_put_text(&world.tree, "sub/a", "1");
    free(world.store_path);
    world.store_path = strdup("/w/.firn");
    ws = open_at(&world, "/w", true);
    assert_int_equal(fi_ws_init(ws, &is_created, &world.err), FIRN_OK);
    fi_ws_close(ws);

    assert_int_equal(try_open_without_store(&world, "/w/sub", &ws), FIRN_OK);
    assert_string_equal(fi_ws_root(ws), "/w");
    assert_string_equal(fi_ws_subpath(ws), "sub");
    assert_string_equal(fi_ws_store_path(ws), "/w/.firn");
    fi_ws_close(ws);
    rename_in_root(&world, "w", "v");
    assert_int_equal(try_open_without_store(&world, "/v/sub", &ws), FIRN_OK);
    assert_string_equal(fi_ws_root(ws), "/v");
    assert_null(fi_ws_moved_from(ws));
    fi_ws_close(ws);
    rename_in_root(&world, "v", "w");

    assert_int_equal(fi_os_dir_open_path(world.tree.os, "/w/.firn", &store, &world.err), FIRN_OK);
    uint32_t other = fi_os_user_id(world.tree.os) + 1;
    assert_int_equal(fi_os_set_owner((struct fi_os_node){.dir = store}, other, other, &world.err),
                     FIRN_OK);
    fi_os_dir_close(store);
    /* One that belongs neither to this user nor to whom the directory belongs is none. That this
     * user's was there before is not forgotten. */
    assert_int_equal(try_open_without_store(&world, "/w/sub", &ws), FIRN_CONFLICT);
    assert_int_equal(fi_trust_list_remove(world.tree.os, "/w", &world.err), FIRN_OK);
    assert_int_equal(try_open_without_store(&world, "/w/sub", &ws), FIRN_OK);
    assert_string_equal(fi_ws_root(ws), "/w/sub");
    fi_ws_close(ws);
    assert_int_equal(
        fi_os_set_owner((struct fi_os_node){.dir = world.tree.root}, other, other, &world.err),
        FIRN_OK);
    assert_int_equal(try_open_without_store(&world, "/w/sub", &ws), FIRN_UNTRUSTED);
    ws_world_close(&world);
}

/* ---- tags ---- */

static int
keep_tag(void *ctx, const firn_workspace_tag *tag)
{
    char *text = ctx;
    size_t size = strlen(text);
    (void)snprintf(text + size, 200 - size, "%.*s=%llu ", (int)tag->name.size, tag->name.data,
                   (unsigned long long)tag->number);
    return FIRN_OK;
}

static void
assert_tags(struct ws_world *world, const char *expected)
{
    char text[200] = "";
    assert_int_equal(fi_ws_tag_list(world->ws, keep_tag, text, &world->err), FIRN_OK);
    assert_string_equal(text, expected);
}

static int
set_tag(struct ws_world *world, const char *name, const char *reference, bool may_replace)
{
    firn_workspace_checkpoint *checkpoint;
    return fi_ws_tag_set(world->ws, name, reference, may_replace, &checkpoint, &world->err);
}

static void
tags_name_checkpoints(void **state)
{
    struct ws_world world;
    firn_workspace_checkpoint *found;
    prepare(&world, 6);
    ws_save(&world);
    ws_save(&world);
    assert_tags(&world, "");
    assert_int_equal(set_tag(&world, "v2", "2", false), FIRN_OK);
    assert_int_equal(set_tag(&world, "abc", "latest~2", false), FIRN_OK);
    assert_int_equal(set_tag(&world, "abc", "1", false), FIRN_OK);
    assert_int_equal(set_tag(&world, "v2", "3", false), FIRN_EXISTS);
    assert_tags(&world, "abc=1 v2=2 ");
    assert_int_equal(set_tag(&world, "v2", "abc~0", true), FIRN_OK);
    assert_tags(&world, "abc=1 v2=1 ");
    assert_int_equal(set_tag(&world, "kkkk", "1", true), FIRN_INVALID);
    assert_int_equal(fi_ws_find(world.ws, "v2", &found, &world.err), FIRN_OK);
    assert_int_equal(found->number, 1);
    assert_int_equal(fi_ws_find(world.ws, "V2", &found, &world.err), FIRN_NOT_FOUND);
    assert_int_equal(fi_ws_tag_delete(world.ws, "v2", &world.err), FIRN_OK);
    assert_int_equal(fi_ws_tag_delete(world.ws, "v2", &world.err), FIRN_NOT_FOUND);
    assert_tags(&world, "abc=1 ");
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
a_reference_may_count_back_from_any_base(void **state)
{
    struct ws_world world;
    firn_workspace_checkpoint *found;
    prepare(&world, 7);
    scan_put_text(&world.tree, "a", "2");
    ws_save(&world);
    ws_restore(&world, "1"); /* takes a safety checkpoint, which is not counted */
    ws_save(&world);
    static const struct {
        const char *reference;
        uint64_t number;
    } good[] = {{"latest", 3}, {"latest~1", 2}, {"latest~2", 1}, {"3~2", 1},
                {"2~1", 1},    {"1~0", 1},      {"now", 3}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(fi_ws_find(world.ws, good[i].reference, &found, &world.err), FIRN_OK);
        assert_int_equal(found->number, good[i].number);
    }
    assert_int_equal(fi_ws_find(world.ws, "latest~3", &found, &world.err), FIRN_NOT_FOUND);
    assert_int_equal(fi_ws_find(world.ws, "1~1", &found, &world.err), FIRN_NOT_FOUND);
    assert_int_equal(fi_ws_find(world.ws, "none~1", &found, &world.err), FIRN_NOT_FOUND);
    ws_world_close(&world);
}

/* Commits a checkpoint of the tree of the newest one with an id of these letters and then k. */
static void
plant(struct ws_world *world, const char *letters)
{
    struct fi_ws_opened opened;
    struct fi_catalog_record record;
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_WRITE, &opened, &world->err), FIRN_OK);
    assert_int_equal(fi_ws_find_record(world->ws, &opened, "latest", &record, &world->err),
                     FIRN_OK);
    memset(record.id, 0, sizeof record.id);
    for (size_t i = 0; letters[i] != '\0'; i++) {
        unsigned half = (unsigned)(letters[i] - 'k');
        record.id[i / 2] = (uint8_t)(record.id[i / 2] | half << (i % 2 == 0 ? 4 : 0));
    }
    record.order = opened.workspace.next_order;
    record.number = opened.workspace.next_number;
    assert_int_equal(fi_catalog_commit(opened.catalog, firn_str("/w"), &opened.workspace, &record,
                                       false, NULL, &world->err),
                     FIRN_OK);
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, false, &world->err), FIRN_OK);
}

static void
an_ambiguous_prefix_names_candidates_that_can_be_told_apart(void **state)
{
    struct ws_world world;
    firn_workspace_checkpoint *found;
    prepare(&world, 12);
    plant(&world, "zyxwvut"); /* 2 */
    plant(&world, "zyxwvus"); /* 3 */
    plant(&world, "zyxz");    /* 4 */
    static const char *const ambiguous[] = {"zyxw", "ZYXW", "zyxwv", "zyxwvu", "zyxwvu~1"};
    for (size_t i = 0; i < sizeof ambiguous / sizeof ambiguous[0]; i++) {
        assert_int_equal(fi_ws_find(world.ws, ambiguous[i], &found, &world.err), FIRN_CONFLICT);
        assert_non_null(strstr(world.err.text, "zyxwvut"));
        assert_non_null(strstr(world.err.text, "zyxwvus"));
    }
    static const struct {
        const char *reference;
        uint64_t number;
    } good[] = {{"zyxwvut", 2}, {"ZyxWvus", 3}, {"zyxz", 4}, {"zyxwvus~1", 2}, {"zyxzkkkk", 4}};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(fi_ws_find(world.ws, good[i].reference, &found, &world.err), FIRN_OK);
        assert_int_equal(found->number, good[i].number);
    }
    assert_int_equal(fi_ws_find(world.ws, "zyxwvux", &found, &world.err), FIRN_NOT_FOUND);
    ws_world_close(&world);
}

/* ---- failures ---- */

enum operation { OPEN, ADOPT, INIT_INNER, TAG, UNTAG, OPERATIONS };

/* Of a world whose directory was moved to /v, or, for the other operations, was not. */
static int
run(struct ws_world *world, enum operation operation)
{
    struct firn_ws *ws = NULL;
    const char *path = operation == OPEN ? "/w/sub" : operation == ADOPT ? "/v" : "/w/sub/deep";
    bool is_created;
    int rc;
    if (operation == TAG) {
        return set_tag(world, "new", "1", false);
    }
    if (operation == UNTAG) {
        return fi_ws_tag_delete(world->ws, "old", &world->err);
    }
    rc = try_open(world, path, operation == INIT_INNER, &ws);
    if (rc == FIRN_OK && operation == ADOPT) {
        rc = fi_ws_workspaces_adopt(ws, NULL, &world->err);
    } else if (rc == FIRN_OK && operation == INIT_INNER) {
        rc = fi_ws_init(ws, &is_created, &world->err);
    }
    fi_ws_close(ws);
    return rc;
}

static void
prepare_tagged(struct ws_world *world, uint64_t seed)
{
    prepare(world, seed);
    assert_int_equal(set_tag(world, "old", "1", false), FIRN_OK);
    assert_int_equal(fi_os_dir_sync_filesystem(world->tree.root, &world->err), FIRN_OK);
}

static void
assert_adopted_or_not(struct ws_world *world, bool is_done)
{
    struct firn_ws *ws = open_at(world, "/v", false);
    int count;
    assert_true(!is_done || fi_ws_moved_from(ws) == NULL);
    if (fi_ws_moved_from(ws) != NULL) {
        assert_refused(world, ws);
        assert_int_equal(fi_ws_workspaces_adopt(ws, NULL, &world->err), FIRN_OK);
    }
    assert_int_equal(try_list(world, ws, &count), FIRN_OK);
    assert_int_equal(count, 1);
    fi_ws_close(ws);
    rename_in_root(world, "v", "w");
}

static void
assert_all_is_well(struct ws_world *world, enum operation operation, int rc)
{
    firn_workspace_checkpoint *found;
    int tagged;
    switch (operation) {
    case ADOPT:
        assert_adopted_or_not(world, rc == FIRN_OK);
        return;
    case TAG:
        tagged = fi_ws_find(world->ws, "new", &found, &world->err);
        assert_true(tagged == FIRN_OK || (tagged == FIRN_NOT_FOUND && rc != FIRN_OK));
        break;
    case UNTAG:
        tagged = fi_ws_find(world->ws, "old", &found, &world->err);
        assert_true(tagged == FIRN_NOT_FOUND || (tagged == FIRN_OK && rc != FIRN_OK));
        break;
    default:
        break;
    }
    assert_int_equal(fi_ws_find(world->ws, "1", &found, &world->err), FIRN_OK);
    ws_assert_check_clean(world);
}

static void
any_call_may_fail(void **state)
{
    struct ws_world prepared;
    prepare_tagged(&prepared, 8);
    for (enum operation operation = OPEN; operation < OPERATIONS; operation++) {
        struct test_fault fault = {.n = 0};
        while (test_fault_next(&fault)) {
            struct ws_world world;
            ws_world_clone(&prepared, &world);
            scan_world_wrap(&world.tree);
            ws_world_reopen(&world);
            if (operation == ADOPT) {
                rename_in_root(&world, "w", "v");
            }
            test_fault_call(&fault, world.tree.outer);
            int rc = run(&world, operation);
            test_fault_end(&fault);
            assert_true(fault.was_hit || rc == FIRN_OK);
            assert_all_is_well(&world, operation, rc);
            ws_world_close(&world);
        }
    }
    ws_world_close(&prepared);
}

static void
any_allocation_may_fail(void **state)
{
    test_alloc_install();
    struct ws_world prepared;
    prepare_tagged(&prepared, 9);
    for (enum operation operation = OPEN; operation < OPERATIONS; operation++) {
        uint64_t calls = 0;
        for (uint64_t n = 1; n == 1 || calls >= n - 1; n++) {
            struct ws_world world;
            ws_world_clone(&prepared, &world);
            if (operation == ADOPT) {
                rename_in_root(&world, "w", "v");
            }
            test_alloc_fail_at(n, false);
            int rc = run(&world, operation);
            calls = test_alloc_calls();
            test_alloc_fail_at(0, false);
            assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
            assert_true(calls >= n || rc == FIRN_OK);
            assert_all_is_well(&world, operation, rc);
            ws_world_close(&world);
        }
    }
    ws_world_close(&prepared);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
the_power_may_go_at_any_call(void **state)
{
    struct ws_world prepared;
    prepare_tagged(&prepared, 10);
    uint64_t cuts = 0;
    for (enum operation operation = ADOPT; operation < OPERATIONS; operation++) {
        bool was_off = true;
        for (uint64_t k = 1; was_off; k++) {
            for (uint64_t seed = 0; seed < 3; seed++) {
                struct ws_world world;
                ws_world_clone(&prepared, &world);
                if (operation == ADOPT) {
                    rename_in_root(&world, "w", "v");
                }
                fi_sim_memory_set_cut_at(world.tree.os, fi_sim_memory_calls(world.tree.os) + k);
                int rc = run(&world, operation);
                was_off = fi_sim_memory_is_off(world.tree.os);
                assert_true(was_off || rc == FIRN_OK);
                fi_sim_memory_power_cut(world.tree.os, seed == 0 ? 0 : seed * 1000 + k);
                fi_sim_memory_set_cut_at(world.tree.os, 0);
                assert_all_is_well(&world, operation, rc);
                ws_world_reopen(&world);
                ws_world_close(&world);
                cuts++;
            }
        }
    }
    printf("%llu power cuts\n", (unsigned long long)cuts);
    ws_world_close(&prepared);
}

/* ---- names of stores ---- */

static void
names_of_stores_tell_the_path_they_are_of(void **state)
{
    uint64_t digest = 0;
    uint64_t other = 0;
    assert_true(fi_place_digest_of_name("w-0123456789abcdef", &digest));
    assert_true(digest == UINT64_C(0x0123456789abcdef));
    static const char *const none[] = {"",
                                       "-0123456789abcdef",
                                       "w-0123456789abcde",
                                       "w0123456789abcdef",
                                       "w-0123456789abcdeF",
                                       "w-0123456789abcdeg",
                                       "w-0123456789abcdef.removed01234567"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_false(fi_place_digest_of_name(none[i], &other));
    }
    assert_true(fi_place_digest(firn_str("/w\xff")) != fi_place_digest(firn_str("/w\xfe")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_inside_means_the_workspace_around_it),
        cmocka_unit_test(the_nearest_workspace_counts_and_the_outer_leaves_it_out),
        cmocka_unit_test(a_moved_directory_is_refused_until_it_is_adopted),
        cmocka_unit_test(two_histories_are_not_joined),
        cmocka_unit_test(a_moved_directory_may_begin_anew),
        cmocka_unit_test(another_directory_at_the_old_place_is_not_the_moved_one),
        cmocka_unit_test(a_store_inside_is_found_unless_it_is_somebody_elses),
        cmocka_unit_test(a_store_inside_that_is_gone_is_not_begun_anew),
        cmocka_unit_test(tags_name_checkpoints),
        cmocka_unit_test(a_reference_may_count_back_from_any_base),
        cmocka_unit_test(an_ambiguous_prefix_names_candidates_that_can_be_told_apart),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
        cmocka_unit_test(names_of_stores_tell_the_path_they_are_of),
    };
    return cmocka_run_group_tests_name("ws_place", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/trust: the superuser and another user's store. What such a store says hands out no
 * rights, and what the superuser makes in it stays usable for its owner.
 */
#include "copy/copy_hot.h"
#include "handle/ws_opened.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/workspace/ws_support.h"

enum { ROOT = 0, SOMEBODY = 1000 };

static struct fi_os_dir *
open_path(struct ws_world *world, const char *path)
{
    struct fi_os_dir *dir = NULL;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, path, &dir, &world->err), FIRN_OK);
    return dir;
}

/* Gives a directory and what lies in it to a user. */
static int
give_entry(void *ctx, const struct fi_os_dirent *entry)
{
    struct fi_os_dir *dir = ctx;
    struct fi_os_node node = {.dir = dir, .name = entry->name};
    struct fi_os_stat stat;
    assert_int_equal(fi_os_stat(dir, entry->name, &stat, NULL), FIRN_OK);
    return fi_os_set_owner(node, SOMEBODY, SOMEBODY, NULL);
}

static void
give(struct ws_world *world, const char *path)
{
    struct fi_os_dir *dir = open_path(world, path);
    assert_int_equal(fi_os_set_owner((struct fi_os_node){.dir = dir}, SOMEBODY, SOMEBODY, NULL),
                     FIRN_OK);
    assert_int_equal(fi_os_dir_list(dir, give_entry, dir, NULL), FIRN_OK);
    fi_os_dir_close(dir);
}

static int
count_entry(void *ctx, const struct fi_os_dirent *entry)
{
    struct fi_os_dir *dir = ctx;
    struct fi_os_stat stat;
    assert_int_equal(fi_os_stat(dir, entry->name, &stat, NULL), FIRN_OK);
    if (stat.uid != SOMEBODY || stat.gid != SOMEBODY) {
        fail_msg("'%s/%s' belongs to %u", fi_os_dir_path(dir), entry->name, stat.uid);
    }
    return FIRN_OK;
}

static void
assert_all_given(struct ws_world *world, const char *path)
{
    struct fi_os_dir *dir = open_path(world, path);
    assert_int_equal(fi_os_dir_list(dir, count_entry, dir, NULL), FIRN_OK);
    fi_os_dir_close(dir);
}

static struct fi_os_stat
look(struct ws_world *world, const char *name)
{
    struct fi_os_stat stat;
    assert_int_equal(fi_os_stat(world->tree.root, name, &stat, NULL), FIRN_OK);
    return stat;
}

static bool
has_xattr(struct ws_world *world, const char *name, const char *attribute)
{
    struct fi_buf value = {0};
    struct fi_os_node node = {.dir = world->tree.root, .name = name};
    int rc = fi_os_xattr_get(node, attribute, &value, NULL);
    fi_buf_deinit(&value);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    return rc == FIRN_OK;
}

static void
set_mode(struct ws_world *world, const char *parent, const char *name, uint32_t mode)
{
    struct fi_os_dir *dir = open_path(world, parent);
    struct fi_os_node node = {.dir = dir, .name = name};
    assert_int_equal(fi_os_set_mode(node, mode, NULL), FIRN_OK);
    fi_os_dir_close(dir);
}

static void
another_users_store_hands_out_no_rights(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 51);
    fi_sim_memory_set_user(world.tree.os, ROOT);
    scan_put_text(&world.tree, "tool", "a program");
    scan_set_mode(&world.tree, "tool", 06755);
    scan_set_xattr(&world.tree, "tool", "security.capability", "all of them");
    scan_set_xattr(&world.tree, "tool", "trusted.overlay.redirect", "/elsewhere");
    scan_set_xattr(&world.tree, "tool", "user.note", "mine");
    scan_put_dir(&world.tree, "shared");
    scan_set_mode(&world.tree, "shared", 03775);
    ws_save(&world);
    scan_remove_file(&world.tree, "tool");
    scan_remove_tree(&world.tree, "shared");

    give(&world, "/s");
    firn_workspace_restore_result result = ws_restore(&world, "1");
    assert_int_equal(result.incomplete, 3);
    assert_true(scan_notices_has(&world.notices, FIRN_NOTICE_METADATA, "tool"));
    assert_int_equal(look(&world, "tool").mode, 0755);
    assert_false(has_xattr(&world, "tool", "security.capability"));
    assert_false(has_xattr(&world, "tool", "trusted.overlay.redirect"));
    assert_true(has_xattr(&world, "tool", "user.note"));
    assert_int_equal(look(&world, "shared").mode, 03775);

    /* Where only metadata differs, too. */
    scan_set_mode(&world.tree, "tool", 0700);
    scan_set_xattr(&world.tree, "tool", "security.capability", "its own");
    ws_restore(&world, "1");
    assert_int_equal(look(&world, "tool").mode, 0755);
    assert_true(has_xattr(&world, "tool", "security.capability"));
    ws_world_close(&world);
}

static void
ones_own_store_restores_what_it_saved(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 52);
    fi_sim_memory_set_user(world.tree.os, ROOT);
    scan_put_text(&world.tree, "tool", "a program");
    scan_set_mode(&world.tree, "tool", 06755);
    scan_set_xattr(&world.tree, "tool", "security.capability", "all of them");
    ws_save(&world);
    scan_remove_file(&world.tree, "tool");
    firn_workspace_restore_result result = ws_restore(&world, "1");
    assert_int_equal(result.incomplete, 0);
    assert_int_equal(look(&world, "tool").mode, 06755);
    assert_true(has_xattr(&world, "tool", "security.capability"));

    /* But not when a group could write it, or what is in it. */
    scan_remove_file(&world.tree, "tool");
    set_mode(&world, "/", "s", 0770);
    ws_restore(&world, "1");
    assert_int_equal(look(&world, "tool").mode, 0755);
    scan_remove_file(&world.tree, "tool");
    set_mode(&world, "/", "s", 0755);
    set_mode(&world, "/s", "packs", 0770);
    ws_restore(&world, "1");
    assert_int_equal(look(&world, "tool").mode, 0755);
    scan_remove_file(&world.tree, "tool");
    set_mode(&world, "/s", "packs", 0700);
    ws_restore(&world, "1");
    assert_int_equal(look(&world, "tool").mode, 06755);
    ws_world_close(&world);
}

static void
a_store_that_everybody_may_write_to_is_refused(void **state)
{
    static const struct {
        const char *parent;
        const char *name;
        uint32_t sound;
    } things[] = {{"/", "s", 0700}, {"/s", "FIRN", 0600}};
    struct ws_world world;
    struct fi_ws_opened opened;
    ws_world_open_memory(&world, 54);
    ws_save(&world);
    for (size_t i = 0; i < sizeof things / sizeof things[0]; i++) {
        set_mode(&world, things[i].parent, things[i].name, things[i].sound | 02);
        for (unsigned mode = FI_WS_READ; mode <= FI_WS_CREATE; mode++) {
            assert_int_equal(
                fi_ws_opened_open_store(world.ws, (enum fi_ws_open_mode)mode, &opened, &world.err),
                FIRN_UNTRUSTED);
        }
        set_mode(&world, things[i].parent, things[i].name, things[i].sound);
        ws_save(&world);
    }
    ws_world_close(&world);
}

static void
what_root_makes_in_a_store_is_its_owners(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 53);
    fi_sim_memory_set_user(world.tree.os, ROOT);
    struct fi_os_dir *top = open_path(&world, "/");
    assert_int_equal(fi_os_make_dir(top, "s", 0700, NULL), FIRN_OK);
    fi_os_dir_close(top);
    give(&world, "/s");
    scan_put_random(&world.tree, "large", 1, 300000);
    ws_save(&world);
    scan_put_random(&world.tree, "large", 2, 300000);
    ws_save(&world);
    ws_restore(&world, "1");
    assert_all_given(&world, "/s");
    assert_all_given(&world, "/s/packs");
    assert_all_given(&world, "/s/runs");
    ws_world_close(&world);
}

static void
a_lock_that_a_restore_makes_is_the_stores_owners(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 54);
    fi_sim_memory_set_user(world.tree.os, ROOT);
    scan_put_dir(&world.tree, "db");
    give(&world, "/w/db");
    struct fi_os_dir *dir = open_path(&world, "/w/db");
    struct fi_storefile_lock *lock = NULL;
    assert_int_equal(fi_storefile_lock_hold(dir, true, 0, &lock, NULL), FIRN_OK);
    assert_non_null(lock);
    fi_storefile_lock_release(lock);
    fi_os_dir_close(dir);
    assert_all_given(&world, "/w/db");
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_users_store_hands_out_no_rights),
        cmocka_unit_test(ones_own_store_restores_what_it_saved),
        cmocka_unit_test(a_store_that_everybody_may_write_to_is_refused),
        cmocka_unit_test(what_root_makes_in_a_store_is_its_owners),
        cmocka_unit_test(a_lock_that_a_restore_makes_is_the_stores_owners),
    };
    return cmocka_run_group_tests_name("ws_foreign", tests, NULL, NULL);
}

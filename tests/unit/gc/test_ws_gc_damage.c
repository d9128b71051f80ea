/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: collecting garbage in a store that is damaged. Doubt keeps everything.
 */
#include "objects/objects.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/workspace/gc_support.h"

/* ---- damage ---- */

static void
flip_bytes(struct ws_world *world, uint32_t number, size_t from, size_t to)
{
    char name[FI_OBJECTS_INDEX_PACK_NAME_SIZE];
    struct fi_os_dir *packs;
    struct fi_buf bytes = {0};
    fi_objects_index_pack_name(number, name);
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/s/packs", &packs, NULL), FIRN_OK);
    test_file_read(packs, name, &bytes);
    assert_true(bytes.size > to);
    for (size_t i = from; i < to; i++) {
        bytes.data[i] ^= 0x55;
    }
    test_file_write(packs, name, bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    fi_os_dir_close(packs);
}

static void
a_directory_that_cannot_be_read_ends_it_before_anything_goes(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 15);
    scan_put_text(&world.tree, "a", "a");
    ws_save(&world);
    scan_put_random(&world.tree, "b", 2, 3000);
    ws_save(&world);
    scan_remove_file(&world.tree, "b");
    scan_put_text(&world.tree, "c", "c");
    ws_save(&world);
    gc_delete(&world, "2");
    struct gc_facts before = gc_look(&world);
    /* All of the first pack's body: it holds a directory that checkpoint 1 needs. */
    flip_bytes(&world, 1, 64, 200);
    assert_int_equal(gc_try(&world, false, NULL), FIRN_CORRUPT);
    assert_non_null(strstr(world.err.text, "nothing was removed"));
    struct gc_facts after = gc_look(&world);
    assert_memory_equal(&before, &after, sizeof before);
    /* Without that checkpoint it can go on. */
    gc_delete(&world, "1");
    firn_workspace_gc_result result = gc_run(&world);
    assert_true(result.damaged > 0 || result.packs_removed > 0);
    ws_world_close(&world);
}

static void
a_pack_with_a_damaged_content_stays(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 16);
    scan_put_random(&world.tree, "keep", 1, 3 << 20);
    scan_put_random(&world.tree, "also", 2, 600000);
    scan_put_random(&world.tree, "gone", 3, 5 << 20);
    ws_save(&world);
    scan_remove_file(&world.tree, "gone");
    ws_save(&world);
    char *saved = ws_dump(&world);
    gc_delete(&world, "1");
    struct ws_world whole;
    assert_int_equal(fi_os_dir_sync_filesystem(world.tree.root, NULL), FIRN_OK);
    ws_world_clone(&world, &whole);
    uint64_t stayed = 0;
    for (size_t at = 1000; at < 8 << 20; at += 1 << 20) {
        struct ws_world damaged;
        ws_world_clone(&whole, &damaged);
        flip_bytes(&damaged, 1, at, at + 1);
        firn_workspace_gc_result result = gc_run_full(&damaged);
        stayed += result.damaged;
        /* What is sound is still there, in the old place or in the new one. */
        struct ws_world look;
        ws_world_clone(&damaged, &look);
        scan_remove_file(&look.tree, "also");
        scan_remove_file(&look.tree, "keep");
        int rc = ws_try_restore(&look, "2", NULL);
        assert_true(rc == FIRN_OK || (rc == FIRN_CORRUPT && result.damaged > 0));
        if (rc == FIRN_OK) {
            ws_assert_dump(&look, saved);
        }
        ws_world_close(&look);
        ws_world_close(&damaged);
    }
    assert_true(stayed > 0);
    assert_true(stayed < 8);
    free(saved);
    ws_world_close(&whole);
    ws_world_close(&world);
}

/* The index has it in the pack, but not where it lies: it cannot be moved, and its bytes stay. */
static void
a_pack_with_a_living_object_at_another_place_stays(void **state)
{
    for (int is_automatic = 0; is_automatic < 2; is_automatic++) {
        struct ws_world world;
        firn_workspace_gc_result result;
        ws_world_open_memory(&world, 19);
        scan_put_text(&world.tree, "keep", "what lives");
        scan_put_random(&world.tree, "gone", 3, 60000);
        ws_save(&world);
        scan_remove_file(&world.tree, "gone");
        ws_save(&world);
        char *saved = ws_dump(&world);
        gc_delete(&world, "1");
        gc_mislead(&world, "what lives", 1);
        assert_int_equal(is_automatic ? gc_try_auto(&world, NULL, &result)
                                      : gc_try(&world, true, &result),
                         FIRN_OK);
        assert_int_equal(result.damaged, 1);
        gc_mislead(&world, "what lives", -1);
        ws_assert_check_clean(&world);
        scan_remove_file(&world.tree, "keep");
        ws_restore(&world, "2");
        ws_assert_dump(&world, saved);
        gc_assert_exact(&world);
        free(saved);
        ws_world_close(&world);
    }
}

static void
a_missing_pack_is_left_alone_while_it_is_needed(void **state)
{
    struct ws_world world;
    struct fi_os_dir *packs;
    ws_world_open_memory(&world, 17);
    scan_put_random(&world.tree, "a", 1, 30000);
    ws_save(&world);
    scan_put_text(&world.tree, "b", "b");
    ws_save(&world);
    char *saved = ws_dump(&world);
    scan_put_text(&world.tree, "c", "c");
    ws_save(&world);
    gc_delete(&world, "1");
    assert_int_equal(fi_os_dir_open_path(world.tree.os, "/s/packs", &packs, NULL), FIRN_OK);
    assert_int_equal(
        fi_os_rename(packs, "00000001.pack", packs, "elsewhere", FI_OS_RENAME_REPLACE, NULL),
        FIRN_OK);
    firn_workspace_gc_result result = gc_run_full(&world);
    assert_int_equal(gc_look(&world).packs, result.packs_after);
    assert_int_equal(
        fi_os_rename(packs, "elsewhere", packs, "00000001.pack", FI_OS_RENAME_REPLACE, NULL),
        FIRN_OK);
    fi_os_dir_close(packs);
    ws_assert_check_clean(&world);
    ws_restore(&world, "2");
    ws_assert_dump(&world, saved);
    gc_assert_exact(&world);
    free(saved);
    ws_world_close(&world);
}

/* Objects of a pack that was away for a while are in two. */
static void
an_object_in_two_packs_is_kept_once(void **state)
{
    struct ws_world world;
    struct fi_os_dir *packs;
    ws_world_open_memory(&world, 18);
    scan_put_random(&world.tree, "a", 1, 30000);
    scan_put_random(&world.tree, "b", 2, 30000);
    ws_save(&world);
    char *first = ws_dump(&world);
    assert_int_equal(fi_os_dir_open_path(world.tree.os, "/s/packs", &packs, NULL), FIRN_OK);
    assert_int_equal(
        fi_os_rename(packs, "00000001.pack", packs, "elsewhere", FI_OS_RENAME_REPLACE, NULL),
        FIRN_OK);
    scan_put_random(&world.tree, "b", 3, 30000);
    ws_save(&world);
    char *second = ws_dump(&world);
    assert_int_equal(
        fi_os_rename(packs, "elsewhere", packs, "00000001.pack", FI_OS_RENAME_REPLACE, NULL),
        FIRN_OK);
    fi_os_dir_close(packs);
    struct gc_facts before = gc_look(&world);
    assert_true(before.objects > before.entries);
    gc_assert_exact(&world);
    ws_assert_check_clean(&world);
    ws_restore(&world, "1");
    ws_assert_dump(&world, first);
    ws_restore(&world, "2");
    ws_assert_dump(&world, second);
    free(first);
    free(second);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_directory_that_cannot_be_read_ends_it_before_anything_goes),
        cmocka_unit_test(a_pack_with_a_damaged_content_stays),
        cmocka_unit_test(a_pack_with_a_living_object_at_another_place_stays),
        cmocka_unit_test(an_object_in_two_packs_is_kept_once),
        cmocka_unit_test(a_missing_pack_is_left_alone_while_it_is_needed),
    };
    return cmocka_run_group_tests_name("ws_gc_damage", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/repair: what a repair finds again, and what it must not bring back: checkpoints that were
 * deleted, numbers, tags, deltas, further names of files, contents of a pack that is damaged elsewhere.
 */
#include "store/db.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/workspace/gc_support.h"

static firn_workspace_repair_result
repair(struct ws_world *world)
{
    const firn_workspace_repair_options options = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT;
    firn_workspace_repair_result result;
    if (fi_repair(world->ws, &options, &result, &world->err) != FIRN_OK) {
        fail_msg("repair: %s", world->err.text);
    }
    ws_assert_check_clean(world);
    return result;
}

static struct fi_os_dir *
open_dir(struct ws_world *world, const char *path)
{
    struct fi_os_dir *dir;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, path, &dir, NULL), FIRN_OK);
    return dir;
}

static void
lose(struct ws_world *world, const char *path, const char *name)
{
    struct fi_os_dir *dir = open_dir(world, path);
    assert_int_equal(fi_os_remove_file(dir, name, NULL), FIRN_OK);
    fi_os_dir_close(dir);
}

static void
flip(struct ws_world *world, const char *path, const char *name, size_t at)
{
    struct fi_buf bytes = {0};
    struct fi_os_dir *dir = open_dir(world, path);
    test_file_read(dir, name, &bytes);
    assert_true(at < bytes.size);
    bytes.data[at] ^= 4;
    test_file_write(dir, name, bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    fi_os_dir_close(dir);
}

/* Where the zeros after the last record begin. */
static size_t
end_of_log(struct ws_world *world)
{
    struct fi_buf bytes = {0};
    struct fi_os_dir *dir = open_dir(world, "/s");
    test_file_read(dir, "wal-000001.log", &bytes);
    size_t end = bytes.size;
    while (end > 0 && bytes.data[end - 1] == 0) {
        end--;
    }
    fi_buf_deinit(&bytes);
    fi_os_dir_close(dir);
    return end;
}

static bool
has(struct ws_world *world, const char *reference)
{
    firn_workspace_checkpoint *found;
    return fi_ws_find(world->ws, reference, &found, &world->err) == FIRN_OK;
}

static void
save_text(struct ws_world *world, const char *text)
{
    scan_put_text(&world->tree, "text", text);
    ws_save(world);
}

static void
flush(struct ws_world *world)
{
    const struct fi_db_options options = {0};
    struct fi_os_dir *dir = open_dir(world, "/s");
    struct firn_db *db;
    assert_int_equal(fi_db_open(dir, &options, &db, NULL), FIRN_OK);
    assert_int_equal(fi_db_maintain_flush(db, NULL), FIRN_OK);
    assert_int_equal(fi_db_close(db, NULL), FIRN_OK);
    fi_os_dir_close(dir);
}

static void
a_deleted_checkpoint_stays_deleted_where_the_log_is_short(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 81);
    save_text(&world, "one");
    save_text(&world, "two");
    save_text(&world, "three");
    gc_delete(&world, "2");
    size_t end = end_of_log(&world);
    save_text(&world, "four");
    save_text(&world, "five");
    gc_delete(&world, "4"); /* told by a record after the bad one */
    flip(&world, "/s", "wal-000001.log", end + 60);
    firn_workspace_repair_result result = repair(&world);
    assert_int_equal(result.data, FIRN_REPAIR_DATA_SHORTENED);
    assert_true(has(&world, "1") && has(&world, "3") && has(&world, "5"));
    assert_false(has(&world, "2") || has(&world, "4"));
    assert_int_equal(result.intact, 3);
    assert_int_equal(result.found, 1);
    scan_put_text(&world.tree, "text", "six");
    assert_int_equal(ws_save(&world).checkpoint->number, 6);
    ws_world_close(&world);
}

static void
tags_and_numbers_are_in_runs_that_no_manifest_names(void **state)
{
    struct ws_world world;
    firn_workspace_checkpoint *tagged;
    ws_world_open_memory(&world, 82);
    save_text(&world, "one");
    save_text(&world, "two");
    assert_int_equal(fi_ws_tag_set(world.ws, "begin", "1", false, &tagged, NULL), FIRN_OK);
    flush(&world);
    lose(&world, "/s", "manifest-000001.log");
    firn_workspace_repair_result result = repair(&world);
    assert_int_equal(result.data, FIRN_REPAIR_DATA_KEPT);
    assert_int_equal(result.intact, 2);
    assert_int_equal(result.found, 0);
    assert_true(has(&world, "begin"));
    ws_restore(&world, "begin");
    scan_put_text(&world.tree, "text", "three");
    assert_int_equal(ws_save(&world).checkpoint->number, 3);
    ws_world_close(&world);
}

/* What was in no pack before the repair joins the next one after it. */
static void
a_record_of_the_log_joins_the_next_pack(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 83);
    save_text(&world, "one");
    save_text(&world, "two");
    lose(&world, "/s", "FIRN");
    assert_int_equal(repair(&world).intact, 2);
    save_text(&world, "three");
    lose(&world, "/s", "wal-000001.log");
    assert_int_equal(repair(&world).intact, 2);
    assert_true(has(&world, "1") && has(&world, "2"));
    ws_world_close(&world);
}

static void
the_number_of_a_lost_pack_is_not_given_again(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 84);
    save_text(&world, "one");
    save_text(&world, "two");
    lose(&world, "/s/packs", "00000002.pack");
    firn_workspace_repair_result result = repair(&world);
    assert_int_equal(result.intact, 1);
    assert_int_equal(result.lost, 1);
    assert_false(has(&world, "2"));
    save_text(&world, "three");
    assert_int_equal(gc_look(&world).last, 3);
    assert_true(has(&world, "3"));
    ws_world_close(&world);
}

static unsigned
count_pins(struct ws_world *world)
{
    const struct fi_db_options options = {.read_only = true};
    struct fi_os_dir *dir = open_dir(world, "/s");
    struct firn_db_keyspace *keyspace;
    struct firn_db_cursor *cursor;
    struct firn_db *db;
    unsigned count = 0;
    assert_int_equal(fi_db_open(dir, &options, &db, NULL), FIRN_OK);
    assert_int_equal(fi_db_keyspace_open(db, "firn.pins", &keyspace, NULL), FIRN_OK);
    assert_int_equal(fi_db_cursor_open(keyspace, NULL, &cursor, NULL), FIRN_OK);
    assert_int_equal(fi_db_cursor_first(cursor, NULL), FIRN_OK);
    while (fi_db_cursor_valid(cursor)) {
        count++;
        assert_int_equal(fi_db_cursor_next(cursor, NULL), FIRN_OK);
    }
    fi_db_cursor_close(cursor);
    assert_int_equal(fi_db_close(db, NULL), FIRN_OK);
    fi_os_dir_close(dir);
    return count;
}

static void
pin(struct ws_world *world, const char *reference)
{
    assert_int_equal(fi_ws_pin_set(world->ws, &reference, 1, true, NULL, NULL, &world->err),
                     FIRN_OK);
}

static void
a_pin_goes_with_its_checkpoint(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 96);
    save_text(&world, "one");
    save_text(&world, "two");
    pin(&world, "1");
    pin(&world, "2");
    lose(&world, "/s/packs", "00000002.pack");
    assert_int_equal(repair(&world).lost, 1);
    assert_int_equal(count_pins(&world), 1);
    assert_true(has(&world, "1"));
    save_text(&world, "three");
    pin(&world, "3");
    assert_int_equal(count_pins(&world), 2);
    ws_world_close(&world);
}

static void
put_malformed(struct ws_world *world, const char *keyspace_name, firn_slice key)
{
    const struct fi_db_options options = {0};
    struct fi_os_dir *dir = open_dir(world, "/s");
    struct firn_db_keyspace *keyspace;
    struct firn_db *db;
    assert_int_equal(fi_db_open(dir, &options, &db, NULL), FIRN_OK);
    assert_int_equal(fi_db_keyspace_open(db, keyspace_name, &keyspace, NULL), FIRN_OK);
    assert_int_equal(fi_db_put(keyspace, key, firn_str("\1 malformed"), FIRN_DURABILITY_FULL, NULL),
                     FIRN_OK);
    assert_int_equal(fi_db_close(db, NULL), FIRN_OK);
    fi_os_dir_close(dir);
}

static void
put_malformed_pin(struct ws_world *world)
{
    static const uint8_t key[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9};
    put_malformed(world, "firn.pins", firn_bytes(key, sizeof key));
}

/* Whatever a pin that cannot be read is of, it keeps nothing from being repaired. */
static void
a_pin_that_cannot_be_read_is_no_reason_to_give_up(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 97);
    save_text(&world, "one");
    save_text(&world, "two");
    pin(&world, "1");
    put_malformed_pin(&world);
    lose(&world, "/s/packs", "00000002.pack");
    assert_int_equal(repair(&world).lost, 1);
    assert_true(has(&world, "1"));
    ws_restore(&world, "1");
    ws_world_close(&world);
}

static bool
has_pack(struct ws_world *world, const char *name)
{
    struct fi_os_dir *dir = open_dir(world, "/s/packs");
    struct fi_os_stat stat;
    bool is_there = fi_os_stat(dir, name, &stat, NULL) == FIRN_OK;
    fi_os_dir_close(dir);
    return is_there;
}

/* Neither the list nor the damaged pack tells of its number then: the folder does. */
static void
a_packs_number_is_not_given_again_where_the_list_cannot_be_read(void **state)
{
    static const uint8_t key[] = {0, 0, 0, 1};
    struct ws_world world;
    ws_world_open_memory(&world, 98);
    save_text(&world, "one");
    save_text(&world, "two");
    assert_true(has_pack(&world, "00000002.pack"));
    put_malformed(&world, "firn.packs", firn_bytes(key, sizeof key));
    flip(&world, "/s/packs", "00000002.pack", 40);
    (void)repair(&world);
    save_text(&world, "three");
    assert_true(has_pack(&world, "00000001.pack"));
    assert_false(has_pack(&world, "00000002.pack"));
    assert_true(has_pack(&world, "00000003.pack"));
    ws_world_close(&world);
}

static void
a_lost_workspace_has_the_path_that_it_had_last(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 95);
    save_text(&world, "one");
    save_text(&world, "two");
    ws_world_move(&world, "/elsewhere");
    save_text(&world, "three");
    save_text(&world, "four");
    save_text(&world, "five"); /* the last one whose record is not in a pack yet */
    lose(&world, "/s", "wal-000001.log");
    assert_int_equal(repair(&world).found, 4);
    assert_true(has(&world, "1") && has(&world, "2") && has(&world, "3") && has(&world, "4"));
    ws_restore(&world, "1");
    ws_world_close(&world);
}

/* The second one is a delta, in a pack of its own. The text of the tree then; the caller frees it. */
static char *
save_two_versions(struct ws_world *world)
{
    enum { SIZE = 200000 };
    struct fi_buf bytes = {0};
    scan_put_random(&world->tree, "file", 7, SIZE);
    ws_save(world);
    test_file_read(world->tree.root, "file", &bytes);
    bytes.data[SIZE / 2] ^= 1;
    scan_put_file(&world->tree, "file", bytes.data, bytes.size);
    assert_true(ws_save(world).checkpoint->added_bytes < SIZE / 4);
    fi_buf_deinit(&bytes);
    return ws_dump(world);
}

static void
new_versions_of_files_are_found(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 85);
    char *tree = save_two_versions(&world);
    lose(&world, "/s", "FIRN");
    assert_int_equal(repair(&world).intact, 2);
    scan_remove_file(&world.tree, "file");
    ws_restore(&world, "2");
    ws_assert_dump(&world, tree);
    free(tree);
    ws_world_close(&world);
}

static void
a_new_version_is_found_by_what_is_left_of_the_old_ones_pack(void **state)
{
    struct ws_world world;
    struct fi_buf bytes = {0};
    ws_world_open_memory(&world, 93);
    char *tree = save_two_versions(&world);
    struct fi_os_dir *dir = open_dir(&world, "/s/packs");
    test_file_read(dir, "00000001.pack", &bytes);
    test_file_write(dir, "00000001.pack", bytes.data, bytes.size - 1);
    fi_os_dir_close(dir);
    firn_workspace_repair_result result = repair(&world);
    assert_int_equal(result.packs_damaged, 1);
    assert_int_equal(result.intact, 2);
    scan_remove_file(&world.tree, "file");
    ws_restore(&world, "2");
    ws_assert_dump(&world, tree);
    free(tree);
    fi_buf_deinit(&bytes);
    ws_world_close(&world);
}

/* A delta without its base is no content: the next save stores it again. */
static void
a_version_that_lost_its_base_is_saved_again(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 94);
    char *tree = save_two_versions(&world);
    lose(&world, "/s/packs", "00000001.pack");
    assert_int_equal(repair(&world).intact, 0);
    ws_save(&world);
    ws_assert_check_clean(&world);
    scan_remove_file(&world.tree, "file");
    ws_restore(&world, "latest");
    ws_assert_dump(&world, tree);
    free(tree);
    ws_world_close(&world);
}

/* Records of one checkpoint lie in several packs: that from before, and that from after a forget. */
static void
what_was_forgotten_stays_so_where_the_catalog_is_lost(void **state)
{
    struct ws_world world;
    const firn_slice path = firn_str("secret");
    const firn_workspace_forget_options options = {
        .size = sizeof options, .paths = &path, .path_count = 1};
    firn_workspace_forget_result forgotten;
    ws_world_open_memory(&world, 88);
    scan_put_text(&world.tree, "secret", "word");
    save_text(&world, "one");
    save_text(&world, "two"); /* with the record of the first */
    assert_int_equal(fi_ws_forget(world.ws, &options, NULL, NULL, &forgotten, &world.err), FIRN_OK);
    assert_int_equal(forgotten.checkpoints, 2);
    scan_remove_file(&world.tree, "secret");
    save_text(&world, "three"); /* with those that the forget made */
    lose(&world, "/s", "wal-000001.log");
    repair(&world);
    assert_true(has(&world, "1") && has(&world, "2"));
    ws_restore(&world, "1");
    assert_false(test_file_exists(world.tree.root, "secret"));
    ws_restore(&world, "2");
    assert_false(test_file_exists(world.tree.root, "secret"));
    ws_world_close(&world);
}

/* Each in a frame of its own. */
static void
what_is_whole_of_a_damaged_pack_is_kept(void **state)
{
    enum { FILE_SIZE = 600 << 10 };
    struct ws_world world;
    firn_workspace_checkpoint *found;
    ws_world_open_memory(&world, 86);
    world.threads = 1;
    scan_put_random(&world.tree, "a", 1, FILE_SIZE);
    scan_put_random(&world.tree, "b", 2, FILE_SIZE);
    scan_put_random(&world.tree, "c", 3, FILE_SIZE);
    ws_save(&world);
    flip(&world, "/s/packs", "00000001.pack", 1000);
    firn_workspace_repair_result result = repair(&world);
    assert_int_equal(result.partly, 1);
    assert_int_equal(result.lost_paths, 1);
    assert_int_equal(result.packs_damaged, 1);
    assert_true(result.objects_salvaged >= 3);
    assert_int_equal(fi_ws_find(world.ws, "1", &found, &world.err), FIRN_OK);
    assert_int_equal(found->files, 2);
    assert_int_equal(found->bytes, 2 * FILE_SIZE);
    assert_int_equal(found->directories, 0);
    assert_true(found->message.size == strlen("[repaired: 1 lost]"));
    ws_restore(&world, "1");
    assert_int_equal(test_file_count(world.tree.root), 2);
    ws_world_close(&world);
}

/* The name that others go by lies in a directory whose list is lost. */
static void
a_further_name_stays_where_the_first_one_is_lost(void **state)
{
    struct ws_world world;
    struct fi_os_stat stat;
    unsigned met = 0;
    ws_world_open_memory(&world, 87);
    scan_put_text(&world.tree, "dir/first", "content");
    ws_save(&world);
    scan_put_link(&world.tree, "further", "dir/first");
    scan_put_link(&world.tree, "third", "dir/first");
    ws_save(&world);
    struct fi_os_dir *packs = open_dir(&world, "/s/packs");
    assert_int_equal(fi_os_stat(packs, "00000001.pack", &stat, NULL), FIRN_OK);
    fi_os_dir_close(packs);
    for (size_t at = 64; at < stat.size_bytes; at += 8) {
        struct ws_world other;
        ws_world_clone(&world, &other);
        flip(&other, "/s/packs", "00000001.pack", at);
        if (repair(&other).partly > 0 && has(&other, "2")) {
            scan_remove_tree(&other.tree, "dir");
            scan_remove_file(&other.tree, "further");
            scan_remove_file(&other.tree, "third");
            ws_restore(&other, "2");
            bool has_first = test_file_exists(other.tree.root, "dir");
            bool has_further = test_file_exists(other.tree.root, "further");
            assert_true(has_further == test_file_exists(other.tree.root, "third"));
            met += !has_first && has_further;
        }
        ws_world_close(&other);
    }
    assert_true(met > 0);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deleted_checkpoint_stays_deleted_where_the_log_is_short),
        cmocka_unit_test(tags_and_numbers_are_in_runs_that_no_manifest_names),
        cmocka_unit_test(a_record_of_the_log_joins_the_next_pack),
        cmocka_unit_test(the_number_of_a_lost_pack_is_not_given_again),
        cmocka_unit_test(a_pin_goes_with_its_checkpoint),
        cmocka_unit_test(a_pin_that_cannot_be_read_is_no_reason_to_give_up),
        cmocka_unit_test(a_packs_number_is_not_given_again_where_the_list_cannot_be_read),
        cmocka_unit_test(a_lost_workspace_has_the_path_that_it_had_last),
        cmocka_unit_test(new_versions_of_files_are_found),
        cmocka_unit_test(a_new_version_is_found_by_what_is_left_of_the_old_ones_pack),
        cmocka_unit_test(a_version_that_lost_its_base_is_saved_again),
        cmocka_unit_test(what_was_forgotten_stays_so_where_the_catalog_is_lost),
        cmocka_unit_test(what_is_whole_of_a_damaged_pack_is_kept),
        cmocka_unit_test(a_further_name_stays_where_the_first_one_is_lost),
    };
    return cmocka_run_group_tests_name("ws_repair_found", tests, NULL, NULL);
}

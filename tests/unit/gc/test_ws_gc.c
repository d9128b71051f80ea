/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: giving back the space of what no checkpoint needs, beside readers.
 */
#include "base/slice.h"
#include "handle/ws_opened.h"
#include "inspect/inspect.h"
#include "objects/objects.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/workspace/gc_support.h"

/* ---- collecting ---- */

static void
space_comes_back(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 6);
    scan_put_text(&world.tree, "stays", "stays");
    scan_put_random(&world.tree, "large", 1, 20 << 20);
    ws_save(&world);
    scan_remove_file(&world.tree, "large");
    ws_save(&world);
    char *second = ws_dump(&world);
    firn_workspace_gc_result before = gc_run(&world);
    assert_true(before.bytes_after > 20 << 20);
    gc_delete(&world, "1");
    uint64_t calls = fi_sim_memory_calls(world.tree.os);
    firn_workspace_gc_result dry = gc_dry_run(&world);
    assert_int_equal(fi_sim_memory_calls(world.tree.os), calls);
    firn_workspace_gc_result result = gc_run(&world);
    assert_int_equal(dry.objects_live, result.objects_live);
    assert_int_equal(dry.objects_dead, result.objects_dead);
    assert_int_equal(dry.packs_removed, result.packs_removed);
    assert_int_equal(dry.packs_rewritten, result.packs_rewritten);
    assert_int_equal(result.bytes_before, before.bytes_after);
    assert_true(result.bytes_after < 100000);
    assert_true(dry.bytes_after < 100000);
    assert_int_equal(result.packs_waiting, 0);
    ws_assert_check_clean(&world);
    scan_remove_file(&world.tree, "stays");
    ws_restore(&world, "2");
    ws_assert_dump(&world, second);
    gc_assert_exact(&world);
    free(second);
    ws_world_close(&world);
}

static void
what_is_needed_stays_where_it_is(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 7);
    scan_put_random(&world.tree, "a", 1, 18 << 20);
    ws_save(&world);
    scan_put_text(&world.tree, "b", "b");
    ws_save(&world);
    firn_workspace_gc_result result = gc_run(&world);
    assert_int_equal(result.packs_before, 2);
    assert_int_equal(result.packs_after, 2);
    assert_int_equal(result.packs_rewritten, 0);
    assert_int_equal(result.packs_removed, 0);
    assert_int_equal(result.objects_dead, 0);
    ws_world_close(&world);
}

static void
small_packs_become_one(void **state)
{
    struct ws_world world;
    char *dumps[22];
    ws_world_open_memory(&world, 8);
    for (unsigned i = 0; i < 22; i++) {
        char name[16];
        snprintf(name, sizeof name, "dir%u/f", i % 5);
        scan_put_random(&world.tree, name, i, 2000);
        ws_save(&world);
        dumps[i] = ws_dump(&world);
    }
    struct gc_facts before = gc_look(&world);
    assert_true(before.packs > 1); /* a save joins some by itself */
    firn_workspace_gc_result result = gc_run(&world);
    assert_int_equal(result.packs_rewritten, before.packs);
    assert_int_equal(result.packs_after, 1);
    struct gc_facts after = gc_look(&world);
    assert_int_equal(after.packs, 1);
    assert_int_equal(after.files, 1);
    assert_int_equal(after.entries, before.entries);
    assert_true(after.last > before.last);
    ws_assert_check_clean(&world);
    for (unsigned i = 0; i < 22; i++) {
        char reference[8];
        snprintf(reference, sizeof reference, "%u", i + 1);
        ws_restore(&world, reference);
        ws_assert_dump(&world, dumps[i]);
        free(dumps[i]);
    }
    gc_assert_exact(&world);
    ws_world_close(&world);
}

static void
what_does_not_fit_into_one_pack_goes_into_several(void **state)
{
    struct ws_world world;
    firn_workspace_gc_result result;
    ws_world_open_memory(&world, 22);
    for (unsigned i = 0; i < 12; i++) {
        char name[16];
        snprintf(name, sizeof name, "dir%u/f%u", i % 3, i);
        scan_put_random(&world.tree, name, i, 700000);
    }
    ws_save(&world);
    scan_remove_file(&world.tree, "dir1/f4");
    ws_save(&world);
    char *saved = ws_dump(&world);
    gc_delete(&world, "1");
    assert_int_equal(gc_try_in_pieces(&world, &result), FIRN_OK);
    assert_true(result.packs_after > 3);
    struct gc_facts facts = gc_look(&world);
    assert_int_equal(facts.entries, result.objects_live);
    assert_int_equal(facts.objects, result.objects_live);
    assert_int_equal(facts.files, facts.packs);
    ws_assert_check_clean(&world);
    scan_remove_tree(&world.tree, "dir0");
    scan_remove_tree(&world.tree, "dir1");
    ws_restore(&world, "2");
    ws_assert_dump(&world, saved);
    gc_assert_exact(&world);
    free(saved);
    ws_world_close(&world);
}

static void
a_store_that_was_emptied_is_as_good_as_new(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 9);
    scan_put_random(&world.tree, "a", 1, 100000);
    ws_save(&world);
    char *saved = ws_dump(&world);
    /* The stat cache knows the tree, and trusts itself. */
    int64_t now = INT64_C(1800000000) * 1000000000;
    fi_sim_memory_set_time(world.tree.os, now);
    firn_workspace_save_result again = ws_save(&world);
    assert_true(again.is_unchanged);
    gc_delete(&world, "2");
    struct gc_facts before = gc_look(&world);
    gc_delete(&world, "1");
    firn_workspace_gc_result result = gc_run(&world);
    assert_int_equal(result.packs_after, 0);
    assert_int_equal(result.bytes_after, 0);
    struct gc_facts emptied = gc_look(&world);
    assert_int_equal(emptied.files, 0);
    assert_int_equal(emptied.entries, 0);
    assert_int_equal(emptied.last, before.last);
    ws_assert_check_clean(&world);
    assert_int_equal(ws_save(&world).checkpoint->number, 3);
    struct gc_facts after = gc_look(&world);
    assert_true(after.last > before.last);
    ws_assert_check_clean(&world);
    scan_remove_file(&world.tree, "a");
    ws_restore(&world, "3");
    ws_assert_dump(&world, saved);
    gc_assert_exact(&world);
    assert_int_equal(gc_look(&world).removed, 0);
    free(saved);
    ws_world_close(&world);
}

/* A save takes a directory for granted that the stat cache knows. */
static void
what_the_stat_cache_remembers_goes_with_it(void **state)
{
    for (int is_automatic = 0; is_automatic < 2; is_automatic++) {
        struct ws_world world;
        ws_world_open_memory(&world, 21);
        scan_put_random(&world.tree, "dir/sub/a", 1, 30000);
        scan_put_random(&world.tree, "dir/b", 2, 30000);
        ws_save(&world);
        fi_sim_memory_set_time(world.tree.os, INT64_C(1800000000) * 1000000000);
        ws_save(&world);
        fi_sim_memory_set_time(world.tree.os, INT64_C(1800000010) * 1000000000);
        gc_delete(&world, "1");
        gc_delete(&world, "2");
        (void)(is_automatic ? gc_run_auto(&world) : gc_run(&world));
        scan_put_text(&world.tree, "new", "so that the root is another");
        char *saved = ws_dump(&world);
        ws_save(&world);
        assert_int_equal(world.notices.counts[FIRN_NOTICE_DAMAGED], 0);
        ws_assert_check_clean(&world);
        scan_remove_tree(&world.tree, "dir");
        ws_restore(&world, "3");
        ws_assert_dump(&world, saved);
        free(saved);
        ws_world_close(&world);
    }
}

static void
what_another_workspace_needs_stays(void **state)
{
    struct ws_world world;
    struct ws_world neighbour;
    ws_world_open_memory(&world, 10);
    gc_neighbour_open(&world, "/v", &neighbour);
    scan_put_random(&world.tree, "shared/a", 1, 50000);
    scan_put_random(&world.tree, "own", 2, 50000);
    ws_save(&world);
    scan_put_random(&neighbour.tree, "shared/a", 1, 50000);
    scan_put_random(&neighbour.tree, "b", 3, 50000);
    ws_save(&neighbour);
    char *other = ws_dump(&neighbour);
    gc_delete(&world, "1");
    gc_assert_exact(&world);
    ws_assert_check_clean(&neighbour);
    scan_remove_tree(&neighbour.tree, "shared");
    scan_remove_file(&neighbour.tree, "b");
    ws_restore(&neighbour, "1");
    ws_assert_dump(&neighbour, other);
    gc_assert_exact(&neighbour);
    free(other);
    gc_neighbour_close(&neighbour);
    ws_world_close(&world);
}

/* Names of objects are names of bytes: a file may hold the bytes of a directory object. */
static void
a_file_with_the_bytes_of_a_directory_does_not_hide_it(void **state)
{
    struct ws_world world;
    struct fi_buf object = {0};
    ws_world_open_memory(&world, 11);
    scan_put_random(&world.tree, "m/n/inside", 4, 5000);
    ws_save(&world);
    char *saved = ws_dump(&world);
    /* The object of m/n, read through the seam of the library. */
    struct fi_os_dir *store;
    struct firn_db *db;
    struct fi_objects *objects;
    const struct fi_db_options options = {.read_only = true};
    assert_int_equal(fi_os_dir_open_path(world.tree.os, "/s", &store, NULL), FIRN_OK);
    assert_int_equal(fi_db_open(store, &options, &db, NULL), FIRN_OK);
    assert_int_equal(fi_objects_open(db, &objects, NULL), FIRN_OK);
    firn_workspace_checkpoint *checkpoint;
    assert_int_equal(fi_ws_find(world.ws, "1", &checkpoint, NULL), FIRN_OK);
    const struct fi_tree_source *source = fi_objects_trees(objects);
    struct fi_tree_iterator *iterator;
    const struct fi_tree_entry *entry;
    bool is_end;
    assert_int_equal(fi_tree_iterator_create(source, &checkpoint->root, &iterator, NULL), FIRN_OK);
    assert_int_equal(fi_tree_iterator_next(iterator, &entry, &is_end, NULL), FIRN_OK);
    firn_hash m = entry->hash;
    fi_tree_iterator_destroy(iterator);
    assert_int_equal(source->read(source->ctx, &m, &object, NULL), FIRN_OK);
    fi_objects_close(objects);
    assert_int_equal(fi_db_close(db, NULL), FIRN_OK);
    fi_os_dir_close(store);

    /* In a store of its own, where the file comes first: "a" before "m". */
    gc_delete(&world, "1");
    gc_run_full(&world);
    scan_put_file(&world.tree, "a", object.data, object.size);
    char *both = ws_dump(&world);
    ws_save(&world);
    gc_assert_exact(&world);
    ws_assert_check_clean(&world);
    scan_remove_tree(&world.tree, "m");
    ws_restore(&world, "2");
    ws_assert_dump(&world, both);
    fi_buf_deinit(&object);
    free(saved);
    free(both);
    ws_world_close(&world);
}

/* Leaves so much space free. */
static void
leave_free(struct ws_world *world, uint64_t bytes)
{
    const uint64_t most = UINT64_C(1) << 40;
    struct fi_os_dir *store;
    uint64_t free_bytes;
    fi_sim_memory_set_space(world->tree.os, most);
    assert_int_equal(fi_os_dir_open_path(world->tree.os, world->store_path, &store, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_free_bytes(store, &free_bytes, NULL), FIRN_OK);
    fi_os_dir_close(store);
    fi_sim_memory_set_space(world->tree.os, most - free_bytes + bytes);
}

/* The pack of each save has the record of the checkpoint before, so none of them is all dead. There is no room to make one
 * small pack of all, as a collection does otherwise. */
static void
a_full_disk_is_emptied_pack_by_pack(void **state)
{
    struct ws_world world;
    firn_workspace_gc_result result;
    ws_world_open_memory(&world, 11);
    char *saved = NULL;
    for (unsigned i = 0; i < 4; i++) {
        scan_put_random(&world.tree, "a", 1 + i, 400000);
        if (i == 0) {
            saved = ws_dump(&world);
        }
        ws_save(&world);
    }
    gc_delete(&world, "2");
    gc_delete(&world, "3");
    leave_free(&world, 5000);
    assert_int_equal(gc_try(&world, false, &result), FIRN_OK);
    assert_int_equal(result.packs_rewritten, 2);
    assert_in_range(result.bytes_after, 800000, result.bytes_before - 700000);
    assert_int_equal(gc_try(&world, false, &result), FIRN_OK); /* nothing is dead now */
    assert_int_equal(result.packs_removed, 0);

    /* With room they become one. */
    fi_sim_memory_set_space(world.tree.os, UINT64_MAX);
    assert_int_equal(gc_try(&world, false, &result), FIRN_OK);
    assert_int_equal(result.packs_after, 1);
    ws_assert_check_clean(&world);
    ws_restore(&world, "1");
    ws_assert_dump(&world, saved);
    free(saved);
    ws_world_close(&world);
}

/* A small file with holes is stored as a list of pieces; a large one may have just its bytes as a
 * piece, and the first again, with fewer holes, is a piece of the second. */
static void
a_file_with_holes_may_be_a_piece_of_another(void **state)
{
    enum { MIB = 1 << 20 };
    static uint8_t content[12 * MIB];
    const uint64_t offsets[] = {128 << 10, 512 << 10};
    struct ws_world world;
    ws_world_open_memory(&world, 23);
    scan_put_sparse(&world.tree, "a/hole", MIB, NULL, 0);
    scan_put_sparse(&world.tree, "a/part", 64 << 10, NULL, 0);
    scan_put_sparse(&world.tree, "a/sparse", MIB, offsets, 2);
    struct fi_buf sparse = {0};
    struct fi_os_dir *dir;
    assert_int_equal(fi_os_dir_open_beneath(world.tree.root, "a", &dir, NULL), FIRN_OK);
    test_file_read(dir, "sparse", &sparse);
    fi_os_dir_close(dir);
    assert_int_equal(sparse.size, MIB);
    ws_save(&world);
    memcpy(content + 3 * MIB, sparse.data, MIB);
    memset(content + 7 * MIB, 'x', 5);
    scan_put_file(&world.tree, "large", content, sizeof content);
    memset(content + 11 * MIB, 'y', 5);
    scan_put_file(&world.tree, "other", content, sizeof content);
    char *saved = ws_dump(&world);
    ws_save(&world);
    ws_assert_check_clean(&world);
    for (unsigned round = 0; round < 2; round++) {
        scan_remove_file(&world.tree, "large");
        scan_remove_file(&world.tree, "other");
        ws_restore(&world, "2");
        ws_assert_dump(&world, saved);
        /* Only the large ones need the small ones now. */
        scan_remove_tree(&world.tree, "a");
        if (round == 0) {
            gc_delete(&world, "1");
        }
        gc_assert_exact(&world);
        ws_assert_check_clean(&world);
    }
    fi_buf_deinit(&sparse);
    free(saved);
    ws_world_close(&world);
}

/* ---- readers ---- */

struct reader {
    struct fi_os_dir *store;
    struct firn_db *db;
    struct fi_objects *objects;
};

static void
reader_open(struct reader *reader, struct ws_world *world)
{
    const struct fi_db_options options = {.read_only = true};
    assert_int_equal(fi_os_dir_open_path(world->tree.os, world->store_path, &reader->store, NULL),
                     FIRN_OK);
    assert_int_equal(fi_db_open(reader->store, &options, &reader->db, NULL), FIRN_OK);
    assert_int_equal(fi_objects_open(reader->db, &reader->objects, NULL), FIRN_OK);
}

static void
reader_close(struct reader *reader)
{
    fi_objects_close(reader->objects);
    assert_int_equal(fi_db_close(reader->db, NULL), FIRN_OK);
    fi_os_dir_close(reader->store);
}

/* Every object that the reader's index has can be read. */
static void
reader_assert_whole(struct reader *reader)
{
    struct fi_pack_scratch *scratch;
    struct firn_db_keyspace *index;
    struct firn_db_cursor *cursor;
    uint64_t count = 0;
    firn_error err;
    assert_int_equal(fi_pack_scratch_create(1, &scratch, NULL), FIRN_OK);
    assert_int_equal(fi_db_keyspace_open(reader->db, FI_OBJECTS_INDEX_OBJECTS, &index, NULL),
                     FIRN_OK);
    assert_int_equal(fi_db_cursor_open(index, NULL, &cursor, NULL), FIRN_OK);
    assert_int_equal(fi_db_cursor_first(cursor, NULL), FIRN_OK);
    while (fi_db_cursor_valid(cursor)) {
        firn_hash hash;
        firn_slice object;
        assert_int_equal(fi_objects_index_decode_hash(fi_db_cursor_key(cursor), &hash, &err),
                         FIRN_OK);
        int rc = fi_objects_read(reader->objects, scratch, &hash, &object, &err);
        if (rc != FIRN_OK) {
            fail_msg("%s: %s", firn_code_name(rc), err.text);
        }
        count++;
        assert_int_equal(fi_db_cursor_next(cursor, NULL), FIRN_OK);
    }
    assert_true(count > 0);
    fi_db_cursor_close(cursor);
    fi_pack_scratch_destroy(scratch);
}

static void
a_reader_keeps_the_packs_that_it_may_need(void **state)
{
    struct ws_world world;
    struct reader older;
    struct reader newer;
    ws_world_open_memory(&world, 12);
    scan_put_random(&world.tree, "a", 1, 30000);
    ws_save(&world);
    scan_put_random(&world.tree, "a", 2, 30000);
    ws_save(&world);
    gc_delete(&world, "1");
    reader_open(&older, &world);
    firn_workspace_gc_result result = gc_run_full(&world);
    assert_int_equal(result.packs_waiting, 2);
    assert_true(result.bytes_waiting > 60000);
    assert_true(result.bytes_after > result.bytes_waiting);
    assert_int_equal(gc_look(&world).files, 3);
    reader_assert_whole(&older);
    ws_assert_check_clean(&world);

    /* Somebody who comes now keeps nothing. */
    reader_open(&newer, &world);
    reader_assert_whole(&newer);
    ws_save(&world);
    assert_int_equal(gc_look(&world).retired, 2);
    reader_assert_whole(&older);
    reader_close(&older);
    ws_save(&world);
    struct gc_facts facts = gc_look(&world);
    assert_int_equal(facts.retired, 0);
    assert_int_equal(facts.files, facts.packs);
    reader_assert_whole(&newer);
    reader_close(&newer);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

static void
readers_that_come_and_go_do_not_keep_packs_for_ever(void **state)
{
    struct ws_world world;
    struct reader readers[2];
    ws_world_open_memory(&world, 13);
    scan_put_random(&world.tree, "a", 0, 3000);
    ws_save(&world);
    reader_open(&readers[0], &world);
    for (unsigned i = 1; i < 20; i++) {
        scan_put_random(&world.tree, "a", i, 3000);
        ws_save(&world);
        char reference[8];
        snprintf(reference, sizeof reference, "%u", i);
        gc_delete(&world, reference);
        gc_run_full(&world);
        reader_open(&readers[i % 2], &world);
        reader_close(&readers[(i + 1) % 2]);
        reader_assert_whole(&readers[i % 2]);
        assert_true(gc_look(&world).files <= 6);
    }
    reader_close(&readers[1]);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

/* What only says where objects were lies in no log any more. */
static void
the_catalog_is_tidy_afterwards(void **state)
{
    enum { LOG_HEAD_MAX = 512 };
    struct ws_world world;
    struct fi_ws_opened opened;
    firn_store_statistics stats = {.size = sizeof stats};
    ws_world_open_memory(&world, 50);
    for (unsigned i = 0; i < 5; i++) {
        scan_put_random(&world.tree, "f", i, 1000);
        ws_save(&world);
    }
    gc_run(&world);
    assert_int_equal(fi_ws_opened_open(world.ws, FI_WS_READ, &opened, &world.err), FIRN_OK);
    assert_int_equal(fi_inspect_stats(opened.db, &stats, &world.err), FIRN_OK);
    assert_true(stats.log_bytes <= LOG_HEAD_MAX);
    assert_int_equal(fi_ws_opened_close(world.ws, &opened, false, &world.err), FIRN_OK);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

/* An index that is too large to be one run anyway has nothing in it of where objects were before they
 * were moved. */
static void
the_index_is_whole_afterwards(void **state)
{
    enum { FILES = 30000, BYTES_A_FILE = 80 };
    struct ws_world world;
    struct fi_ws_opened opened;
    firn_store_statistics stats = {.size = sizeof stats};
    ws_world_open_memory(&world, 51);
    for (unsigned i = 0; i < FILES; i++) {
        char path[32];
        char text[16];
        snprintf(path, sizeof path, "d%u/f%u", i / 1000, i);
        snprintf(text, sizeof text, "%u", i);
        scan_put_text(&world.tree, path, text);
    }
    ws_save(&world);
    gc_recompress(&world, 9);
    assert_int_equal(fi_ws_opened_open(world.ws, FI_WS_READ, &opened, &world.err), FIRN_OK);
    assert_int_equal(fi_inspect_stats(opened.db, &stats, &world.err), FIRN_OK);
    assert_in_range(stats.file_bytes, 1, FILES * BYTES_A_FILE); /* other keyspaces' included */
    assert_int_equal(fi_ws_opened_close(world.ws, &opened, false, &world.err), FIRN_OK);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(space_comes_back),
        cmocka_unit_test(what_is_needed_stays_where_it_is),
        cmocka_unit_test(small_packs_become_one),
        cmocka_unit_test(what_does_not_fit_into_one_pack_goes_into_several),
        cmocka_unit_test(a_store_that_was_emptied_is_as_good_as_new),
        cmocka_unit_test(what_the_stat_cache_remembers_goes_with_it),
        cmocka_unit_test(what_another_workspace_needs_stays),
        cmocka_unit_test(a_file_with_the_bytes_of_a_directory_does_not_hide_it),
        cmocka_unit_test(a_file_with_holes_may_be_a_piece_of_another),
        cmocka_unit_test(a_reader_keeps_the_packs_that_it_may_need),
        cmocka_unit_test(a_full_disk_is_emptied_pack_by_pack),
        cmocka_unit_test(the_catalog_is_tidy_afterwards),
        cmocka_unit_test(the_index_is_whole_afterwards),
        cmocka_unit_test(readers_that_come_and_go_do_not_keep_packs_for_ever),
    };
    return cmocka_run_group_tests_name("ws_gc", tests, NULL, NULL);
}

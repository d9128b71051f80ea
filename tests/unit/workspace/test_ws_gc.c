/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/workspace: deleting checkpoints and giving back what they alone needed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/slice.h"
#include "gc_support.h"
#include "os/os_memory.h"
#include "support/test_file.h"
#include "workspace/ws_index.h"

static const int64_t DAY_NS = INT64_C(24) * 3600 * 1000000000;

static uint64_t count_checkpoints(struct ws_world *world, bool include_safety);

static int
count_one(void *ctx, const firn_checkpoint *checkpoint)
{
    (void)checkpoint;
    (*(uint64_t *)ctx)++;
    return FIRN_OK;
}

static uint64_t
count_checkpoints(struct ws_world *world, bool include_safety)
{
    firn_list_options options = FIRN_LIST_OPTIONS_INIT;
    uint64_t count = 0;
    options.include_safety = include_safety;
    assert_int_equal(firn_ws_list(world->ws, &options, count_one, &count, &world->err), FIRN_OK);
    return count;
}

/* ---- deleting ---- */

static void
of_two_equal_checkpoints_one_can_be_deleted(void **state)
{
    (void)state;
    struct ws_world world;
    ws_world_open_memory(&world, 1);
    scan_put_text(&world.tree, "dir/a", "a");
    scan_put_random(&world.tree, "large", 1, 3 << 20);
    ws_save(&world);
    assert_int_equal(ws_save(&world).checkpoint.new_objects, 0);
    char *saved = ws_dump(&world);
    scan_remove_tree(&world.tree, "dir");
    gc_delete(&world, "1");
    gc_run_full(&world);
    ws_assert_check_clean(&world);
    ws_restore(&world, "2");
    ws_assert_dump(&world, saved);
    assert_int_equal(ws_try_restore(&world, "1", NULL), FIRN_NOT_FOUND);
    free(saved);
    ws_world_close(&world);
}

static void
a_number_is_never_given_again(void **state)
{
    (void)state;
    struct ws_world world;
    ws_world_open_memory(&world, 2);
    scan_put_text(&world.tree, "a", "1");
    ws_save(&world);
    scan_put_text(&world.tree, "a", "2");
    ws_save(&world);
    char *second = ws_dump(&world);
    gc_delete(&world, "2");
    gc_run_full(&world);
    assert_int_equal(ws_save(&world).checkpoint.number, 3);
    scan_put_text(&world.tree, "a", "3");
    ws_restore(&world, "3");
    ws_assert_dump(&world, second);
    free(second);
    ws_world_close(&world);
}

static void
a_reference_that_names_nothing_leaves_everything(void **state)
{
    (void)state;
    struct ws_world world;
    firn_delete_options options = FIRN_DELETE_OPTIONS_INIT;
    ws_world_open_memory(&world, 3);
    scan_put_text(&world.tree, "a", "1");
    ws_save(&world);
    ws_save(&world);
    const char *const wrong[] = {"3", "kkkkkkkkkk", "nonsense", "", "0", "latest~7"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const char *const references[] = {"1", wrong[i]};
        int rc = firn_ws_delete(world.ws, references, 2, &options, NULL, NULL, &world.err);
        assert_true(rc == FIRN_NOT_FOUND || rc == FIRN_INVALID);
        assert_true(world.err.text[0] != '\0');
        assert_int_equal(count_checkpoints(&world, true), 2);
    }
    gc_delete(&world, "1");
    assert_int_equal(gc_try_delete(&world, "1"), FIRN_NOT_FOUND);
    assert_int_equal(count_checkpoints(&world, true), 1);
    ws_world_close(&world);
}

static int
note_number(void *ctx, const firn_checkpoint *checkpoint)
{
    uint64_t *numbers = ctx;
    numbers[++numbers[0]] = checkpoint->number;
    return FIRN_OK;
}

static void
several_are_deleted_at_once_and_told(void **state)
{
    (void)state;
    struct ws_world world;
    firn_delete_options options = FIRN_DELETE_OPTIONS_INIT;
    uint64_t numbers[8] = {0};
    ws_world_open_memory(&world, 4);
    for (int i = 0; i < 4; i++) {
        ws_save(&world);
    }
    const char *const references[] = {"2", "latest", "2", "4"};
    options.dry_run = true;
    uint64_t calls = firn_os_memory_calls(world.tree.os);
    assert_int_equal(
        firn_ws_delete(world.ws, references, 4, &options, note_number, numbers, &world.err),
        FIRN_OK);
    assert_int_equal(firn_os_memory_calls(world.tree.os), calls);
    assert_int_equal(numbers[0], 2);
    assert_int_equal(count_checkpoints(&world, true), 4);
    options.dry_run = false;
    numbers[0] = 0;
    assert_int_equal(
        firn_ws_delete(world.ws, references, 4, &options, note_number, numbers, &world.err),
        FIRN_OK);
    assert_int_equal(numbers[0], 2);
    assert_int_equal(numbers[1], 2);
    assert_int_equal(numbers[2], 4);
    assert_int_equal(count_checkpoints(&world, true), 2);
    ws_world_close(&world);
}

static void
nothing_can_be_deleted_where_nothing_was_saved(void **state)
{
    (void)state;
    struct ws_world world;
    ws_world_open_memory(&world, 5);
    assert_int_equal(gc_try_delete(&world, "1"), FIRN_NOT_FOUND);
    assert_int_equal(gc_try(&world, false, NULL), FIRN_NOT_FOUND);
    firn_gc_result result = gc_dry_run(&world);
    assert_int_equal(result.packs_before, 0);
    struct scan_world top = {.os = world.tree.os};
    assert_int_equal(firn_os_dir_open_path(top.os, "/", &top.root, NULL), FIRN_OK);
    assert_false(test_file_exists(top.root, "s"));
    firn_os_dir_close(top.root);
    ws_world_close(&world);
}

/* ---- collecting ---- */

static void
space_comes_back(void **state)
{
    (void)state;
    struct ws_world world;
    ws_world_open_memory(&world, 6);
    scan_put_text(&world.tree, "stays", "stays");
    scan_put_random(&world.tree, "large", 1, 20 << 20);
    ws_save(&world);
    scan_remove_file(&world.tree, "large");
    ws_save(&world);
    char *second = ws_dump(&world);
    firn_gc_result before = gc_run(&world);
    assert_true(before.bytes_after > 20 << 20);
    gc_delete(&world, "1");
    uint64_t calls = firn_os_memory_calls(world.tree.os);
    firn_gc_result dry = gc_dry_run(&world);
    assert_int_equal(firn_os_memory_calls(world.tree.os), calls);
    firn_gc_result result = gc_run(&world);
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
    (void)state;
    struct ws_world world;
    ws_world_open_memory(&world, 7);
    scan_put_random(&world.tree, "a", 1, 18 << 20);
    ws_save(&world);
    scan_put_text(&world.tree, "b", "b");
    ws_save(&world);
    firn_gc_result result = gc_run(&world);
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
    (void)state;
    struct ws_world world;
    char *dumps[20];
    ws_world_open_memory(&world, 8);
    for (unsigned i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "dir%u/f", i % 5);
        scan_put_random(&world.tree, name, i, 2000);
        ws_save(&world);
        dumps[i] = ws_dump(&world);
    }
    struct gc_facts before = gc_look(&world);
    assert_int_equal(before.packs, 20);
    firn_gc_result result = gc_run(&world);
    assert_int_equal(result.packs_rewritten, 20);
    assert_int_equal(result.packs_after, 1);
    struct gc_facts after = gc_look(&world);
    assert_int_equal(after.packs, 1);
    assert_int_equal(after.files, 1);
    assert_int_equal(after.entries, before.entries);
    assert_true(after.last > before.last);
    ws_assert_check_clean(&world);
    for (unsigned i = 0; i < 20; i++) {
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
a_store_that_was_emptied_is_as_good_as_new(void **state)
{
    (void)state;
    struct ws_world world;
    ws_world_open_memory(&world, 9);
    scan_put_random(&world.tree, "a", 1, 100000);
    ws_save(&world);
    char *saved = ws_dump(&world);
    struct gc_facts before = gc_look(&world);
    gc_delete(&world, "1");
    firn_gc_result result = gc_run(&world);
    assert_int_equal(result.packs_after, 0);
    assert_int_equal(result.bytes_after, 0);
    struct gc_facts emptied = gc_look(&world);
    assert_int_equal(emptied.files, 0);
    assert_int_equal(emptied.entries, 0);
    assert_int_equal(emptied.last, before.last);
    ws_assert_check_clean(&world);
    assert_int_equal(ws_save(&world).checkpoint.number, 2);
    struct gc_facts after = gc_look(&world);
    assert_true(after.last > before.last);
    scan_remove_file(&world.tree, "a");
    ws_restore(&world, "2");
    ws_assert_dump(&world, saved);
    gc_assert_exact(&world);
    assert_int_equal(gc_look(&world).removed, 0);
    free(saved);
    ws_world_close(&world);
}

/* A second workspace in the same store. */
static void
open_neighbour(struct ws_world *world, struct ws_world *out)
{
    *out = (struct ws_world){.threads = 2, .tree = {.os = world->tree.os}};
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    struct firn_os_dir *top;
    assert_int_equal(firn_os_dir_open_path(world->tree.os, "/", &top, NULL), FIRN_OK);
    assert_int_equal(firn_os_make_dir(top, "v", 0755, NULL), FIRN_OK);
    firn_os_dir_close(top);
    out->root_path = strdup("/v");
    out->store_path = strdup("/s");
    assert_int_equal(firn_os_dir_open_path(world->tree.os, "/v", &out->tree.root, NULL), FIRN_OK);
    options.store_path = out->store_path;
    options.lock_timeout_ms = 0;
    assert_int_equal(firn_ws_open(world->tree.os, "/v", &options, &out->ws, NULL), FIRN_OK);
}

static void
close_neighbour(struct ws_world *world)
{
    firn_ws_close(world->ws);
    scan_notices_deinit(&world->notices);
    firn_os_dir_close(world->tree.root);
    free(world->root_path);
    free(world->store_path);
}

static void
what_another_workspace_needs_stays(void **state)
{
    (void)state;
    struct ws_world world;
    struct ws_world neighbour;
    ws_world_open_memory(&world, 10);
    open_neighbour(&world, &neighbour);
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
    close_neighbour(&neighbour);
    ws_world_close(&world);
}

/* Names of objects are names of bytes: a file may hold the bytes of a directory object. */
static void
a_file_with_the_bytes_of_a_directory_does_not_hide_it(void **state)
{
    (void)state;
    struct ws_world world;
    struct firn_buf object = {0};
    ws_world_open_memory(&world, 11);
    scan_put_random(&world.tree, "m/n/inside", 4, 5000);
    ws_save(&world);
    char *saved = ws_dump(&world);
    /* The object of m/n, read through the seam of the library. */
    struct firn_os_dir *store;
    struct firn_db *db;
    struct firn_ws_objects *objects;
    struct firn_packfile_scratch *scratch;
    const struct firn_db_options options = {.read_only = true};
    assert_int_equal(firn_os_dir_open_path(world.tree.os, "/s", &store, NULL), FIRN_OK);
    assert_int_equal(firn_db_open(store, &options, &db, NULL), FIRN_OK);
    assert_int_equal(firn_ws_objects_open(db, &objects, NULL), FIRN_OK);
    assert_int_equal(firn_packfile_scratch_create(1, &scratch, NULL), FIRN_OK);
    struct firn_ws_objects_source source;
    firn_checkpoint checkpoint;
    assert_int_equal(firn_ws_find(world.ws, "1", &checkpoint, NULL), FIRN_OK);
    firn_ws_objects_source_init(&source, objects, scratch);
    struct firn_tree_iterator *iterator;
    const struct firn_tree_entry *entry;
    bool is_end;
    assert_int_equal(firn_tree_iterator_create(&source.source, &checkpoint.root, &iterator, NULL),
                     FIRN_OK);
    assert_int_equal(firn_tree_iterator_next(iterator, &entry, &is_end, NULL), FIRN_OK);
    firn_hash m = entry->hash;
    firn_tree_iterator_destroy(iterator);
    assert_int_equal(source.source.read(source.source.ctx, &m, &object, NULL), FIRN_OK);
    firn_packfile_scratch_destroy(scratch);
    firn_ws_objects_close(objects);
    assert_int_equal(firn_db_close(db, NULL), FIRN_OK);
    firn_os_dir_close(store);

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
    firn_buf_deinit(&object);
    free(saved);
    free(both);
    ws_world_close(&world);
}

/* ---- readers ---- */

struct reader {
    struct firn_os_dir *store;
    struct firn_db *db;
    struct firn_ws_objects *objects;
};

static void
reader_open(struct reader *reader, struct ws_world *world)
{
    const struct firn_db_options options = {.read_only = true};
    assert_int_equal(firn_os_dir_open_path(world->tree.os, world->store_path, &reader->store, NULL),
                     FIRN_OK);
    assert_int_equal(firn_db_open(reader->store, &options, &reader->db, NULL), FIRN_OK);
    assert_int_equal(firn_ws_objects_open(reader->db, &reader->objects, NULL), FIRN_OK);
}

static void
reader_close(struct reader *reader)
{
    firn_ws_objects_close(reader->objects);
    assert_int_equal(firn_db_close(reader->db, NULL), FIRN_OK);
    firn_os_dir_close(reader->store);
}

/* Every object that the reader's index has can be read. */
static void
reader_assert_whole(struct reader *reader)
{
    struct firn_packfile_scratch *scratch;
    struct firn_db_keyspace *index;
    struct firn_db_cursor *cursor;
    uint64_t count = 0;
    firn_error err;
    assert_int_equal(firn_packfile_scratch_create(1, &scratch, NULL), FIRN_OK);
    assert_int_equal(firn_db_keyspace_open(reader->db, FIRN_WS_INDEX_OBJECTS, &index, NULL),
                     FIRN_OK);
    assert_int_equal(firn_db_cursor_open(index, NULL, &cursor, NULL), FIRN_OK);
    assert_int_equal(firn_db_cursor_first(cursor, NULL), FIRN_OK);
    while (firn_db_cursor_valid(cursor)) {
        firn_hash hash;
        firn_slice object;
        assert_int_equal(firn_ws_index_decode_hash(firn_db_cursor_key(cursor), &hash, &err),
                         FIRN_OK);
        int rc = firn_ws_objects_read(reader->objects, scratch, &hash, &object, &err);
        if (rc != FIRN_OK) {
            fail_msg("%s: %s", firn_code_name(rc), err.text);
        }
        count++;
        assert_int_equal(firn_db_cursor_next(cursor, NULL), FIRN_OK);
    }
    assert_true(count > 0);
    firn_db_cursor_close(cursor);
    firn_packfile_scratch_destroy(scratch);
}

static void
a_reader_keeps_the_packs_that_it_may_need(void **state)
{
    (void)state;
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
    firn_gc_result result = gc_run_full(&world);
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
    (void)state;
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

/* ---- safety checkpoints ---- */

static void
safety_checkpoints_expire_when_they_are_many_and_old(void **state)
{
    (void)state;
    struct ws_world world;
    ws_world_open_memory(&world, 14);
    int64_t start = INT64_C(1800000000) * 1000000000;
    firn_os_memory_set_time(world.tree.os, start);
    scan_put_text(&world.tree, "a", "saved");
    ws_save(&world);
    for (unsigned i = 0; i < 14; i++) {
        scan_put_random(&world.tree, "a", i, 100);
        firn_os_memory_set_time(world.tree.os, start + (int64_t)i * DAY_NS);
        ws_restore(&world, "1");
    }
    /* The last was taken on day 13. */
    firn_os_memory_set_time(world.tree.os, start + 13 * DAY_NS + DAY_NS / 2);
    uint64_t before = count_checkpoints(&world, true);
    firn_gc_result dry = gc_dry_run(&world);
    assert_int_equal(count_checkpoints(&world, true), before);
    firn_gc_result result = gc_run(&world);
    assert_int_equal(result.safety_expired, dry.safety_expired);
    assert_int_equal(result.objects_live, dry.objects_live);
    /* Only the last 10 are left; days 7 to 13 are younger than 7 days. */
    assert_int_equal(count_checkpoints(&world, true), 1 + 10);
    assert_int_equal(count_checkpoints(&world, false), 1);

    /* Younger ones stay, however many. */
    for (unsigned i = 0; i < 12; i++) {
        scan_put_random(&world.tree, "a", 100 + i, 100);
        ws_restore(&world, "1");
    }
    (void)gc_run(&world);
    uint64_t kept = count_checkpoints(&world, true);
    assert_true(kept >= 1 + 12 + 7);
    ws_assert_check_clean(&world);
    firn_os_memory_set_time(world.tree.os, start + 400 * DAY_NS);
    (void)gc_run(&world);
    assert_int_equal(count_checkpoints(&world, true), 1 + 10);
    /* A clock that was put back makes nothing old. */
    firn_os_memory_set_time(world.tree.os, start - 400 * DAY_NS);
    assert_int_equal(gc_run(&world).safety_expired, 0);
    assert_int_equal(ws_try_undo(&world, NULL), FIRN_OK);
    gc_assert_exact(&world);
    ws_world_close(&world);
}

/* ---- damage ---- */

static void
flip_bytes(struct ws_world *world, uint32_t number, size_t from, size_t to)
{
    char name[FIRN_WS_INDEX_PACK_NAME_SIZE];
    struct firn_os_dir *packs;
    struct firn_buf bytes = {0};
    firn_ws_index_pack_name(number, name);
    assert_int_equal(firn_os_dir_open_path(world->tree.os, "/s/packs", &packs, NULL), FIRN_OK);
    test_file_read(packs, name, &bytes);
    assert_true(bytes.size > to);
    for (size_t i = from; i < to; i++) {
        bytes.data[i] ^= 0x55;
    }
    test_file_write(packs, name, bytes.data, bytes.size);
    firn_buf_deinit(&bytes);
    firn_os_dir_close(packs);
}

static void
a_directory_that_cannot_be_read_ends_it_before_anything_goes(void **state)
{
    (void)state;
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
    firn_gc_result result = gc_run(&world);
    assert_true(result.damaged > 0 || result.packs_removed > 0);
    ws_world_close(&world);
}

static void
a_pack_with_a_damaged_content_stays(void **state)
{
    (void)state;
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
    assert_int_equal(firn_os_dir_sync_filesystem(world.tree.root, NULL), FIRN_OK);
    ws_world_clone(&world, &whole);
    uint64_t stayed = 0;
    for (size_t at = 1000; at < 8 << 20; at += 1 << 20) {
        struct ws_world damaged;
        ws_world_clone(&whole, &damaged);
        flip_bytes(&damaged, 1, at, at + 1);
        firn_gc_result result = gc_run_full(&damaged);
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

static void
a_missing_pack_is_left_alone_while_it_is_needed(void **state)
{
    (void)state;
    struct ws_world world;
    struct firn_os_dir *packs;
    ws_world_open_memory(&world, 17);
    scan_put_random(&world.tree, "a", 1, 30000);
    ws_save(&world);
    scan_put_text(&world.tree, "b", "b");
    ws_save(&world);
    char *saved = ws_dump(&world);
    scan_put_text(&world.tree, "c", "c");
    ws_save(&world);
    gc_delete(&world, "1");
    assert_int_equal(firn_os_dir_open_path(world.tree.os, "/s/packs", &packs, NULL), FIRN_OK);
    assert_int_equal(
        firn_os_rename(packs, "00000001.pack", packs, "elsewhere", FIRN_OS_RENAME_REPLACE, NULL),
        FIRN_OK);
    firn_gc_result result = gc_run_full(&world);
    assert_int_equal(gc_look(&world).packs, result.packs_after);
    assert_int_equal(
        firn_os_rename(packs, "elsewhere", packs, "00000001.pack", FIRN_OS_RENAME_REPLACE, NULL),
        FIRN_OK);
    firn_os_dir_close(packs);
    ws_assert_check_clean(&world);
    ws_restore(&world, "2");
    ws_assert_dump(&world, saved);
    gc_assert_exact(&world);
    free(saved);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_two_equal_checkpoints_one_can_be_deleted),
        cmocka_unit_test(a_number_is_never_given_again),
        cmocka_unit_test(a_reference_that_names_nothing_leaves_everything),
        cmocka_unit_test(several_are_deleted_at_once_and_told),
        cmocka_unit_test(nothing_can_be_deleted_where_nothing_was_saved),
        cmocka_unit_test(space_comes_back),
        cmocka_unit_test(what_is_needed_stays_where_it_is),
        cmocka_unit_test(small_packs_become_one),
        cmocka_unit_test(a_store_that_was_emptied_is_as_good_as_new),
        cmocka_unit_test(what_another_workspace_needs_stays),
        cmocka_unit_test(a_file_with_the_bytes_of_a_directory_does_not_hide_it),
        cmocka_unit_test(a_reader_keeps_the_packs_that_it_may_need),
        cmocka_unit_test(readers_that_come_and_go_do_not_keep_packs_for_ever),
        cmocka_unit_test(safety_checkpoints_expire_when_they_are_many_and_old),
        cmocka_unit_test(a_directory_that_cannot_be_read_ends_it_before_anything_goes),
        cmocka_unit_test(a_pack_with_a_damaged_content_stays),
        cmocka_unit_test(a_missing_pack_is_left_alone_while_it_is_needed),
    };
    return cmocka_run_group_tests_name("ws_gc", tests, NULL, NULL);
}

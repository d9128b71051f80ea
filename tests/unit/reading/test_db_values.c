/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/reading: merges and values with a time to live: what readings, views and cursors show of them, also after
 * flushes, compactions, openings and power cuts; what batches make of several on one key; random histories against a
 * model.
 *
 * FIRN_TEST_LONG=1 runs ten times as many steps; FIRN_TEST_SEED one seed only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/slice.h"
#include "inspect/inspect.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "support/store/db_support.h"
#include "support/test_alloc.h"
#include "support/test_random.h"

enum { SECOND_MS = 1000 };

struct scene {
    struct db_support support;
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    uint64_t second; /* on the machine's clock */
};

static void
set_second(struct scene *scene, uint64_t second)
{
    scene->second = second;
    fi_sim_memory_set_time(scene->support.os, (int64_t)second * 1000000000);
}

static void
open_scene(struct scene *scene)
{
    scene->db = db_support_open(scene->support.dir);
    scene->keyspace = db_support_keyspace(scene->db, "k");
}

static void
scene_init(struct scene *scene, uint64_t seed)
{
    db_support_init(&scene->support, seed);
    set_second(scene, 1000);
    open_scene(scene);
}

static void
scene_deinit(struct scene *scene)
{
    firn_error err;
    DB_OK(fi_db_close(scene->db, &err));
    db_support_deinit(&scene->support);
}

/* All the ways in which data may come to lie: 0 to WAYS - 1. */
enum { WAYS = 4 };
static void
go_a_way(struct scene *scene, unsigned way)
{
    firn_error err;
    if (way == 1) {
        DB_OK(fi_db_maintain_flush(scene->db, &err));
    } else if (way == 2) {
        DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    } else if (way == 3) {
        fi_db_abandon(scene->db);
        db_support_cut(&scene->support, 0);
        open_scene(scene);
    }
}

static int
merge(struct scene *scene, const char *key, firn_merge_operator operation, firn_slice operand,
      firn_error *err)
{
    return fi_db_merge(scene->keyspace, firn_str(key), operation, operand, FIRN_DURABILITY_DEFAULT,
                       err);
}

static void
add(struct scene *scene, const char *key, int64_t number)
{
    firn_error err;
    uint8_t operand[8];
    firn_number(number, operand);
    DB_OK(merge(scene, key, FIRN_MERGE_ADD, firn_bytes(operand, 8), &err));
}

static void
append(struct scene *scene, const char *key, const char *text)
{
    firn_error err;
    DB_OK(merge(scene, key, FIRN_MERGE_APPEND, firn_str(text), &err));
}

static void
put_ttl(struct scene *scene, const char *key, const char *value, uint64_t seconds)
{
    firn_error err;
    DB_OK(fi_db_put_ttl(scene->keyspace, firn_str(key), firn_str(value), seconds * SECOND_MS,
                        FIRN_DURABILITY_DEFAULT, &err));
}

static int64_t
number_at(struct scene *scene, struct firn_snapshot *snapshot, const char *key)
{
    firn_error err;
    struct fi_buf out = {0};
    DB_OK(fi_db_get_at(scene->keyspace, snapshot, firn_str(key), &out, &err));
    assert_int_equal(out.size, 8);
    int64_t number = firn_number_of(out.data, out.size);
    fi_buf_deinit(&out);
    return number;
}

/* ---- single commits ---- */

static void
merges_add_up_wherever_they_lie(void **state)
{
    for (unsigned first = 0; first < WAYS; first++) {
        for (unsigned second = 0; second < WAYS; second++) {
            struct scene scene;
            scene_init(&scene, 1 + first * WAYS + second);
            db_support_put(scene.keyspace, "text", "ab");
            add(&scene, "number", 40);
            go_a_way(&scene, first);
            append(&scene, "text", "cd");
            append(&scene, "text", "");
            add(&scene, "number", 5);
            add(&scene, "number", -3);
            go_a_way(&scene, second);
            append(&scene, "text", "e");
            assert_string_equal(db_support_get(scene.keyspace, "text"), "abcde");
            assert_int_equal(number_at(&scene, NULL, "number"), 42);
            assert_string_equal(db_support_keys(scene.keyspace, NULL, false), "number text ");
            assert_string_equal(db_support_keys(scene.keyspace, NULL, true), "text number ");
            go_a_way(&scene, first);
            assert_string_equal(db_support_get(scene.keyspace, "text"), "abcde");
            assert_int_equal(number_at(&scene, NULL, "number"), 42);
            scene_deinit(&scene);
        }
    }
}

static void
deletes_and_range_deletes_end_what_merges_stand_upon(void **state)
{
    firn_error err;
    for (unsigned way = 0; way < WAYS; way++) {
        struct scene scene;
        scene_init(&scene, 30 + way);
        append(&scene, "a", "1");
        append(&scene, "b", "1");
        append(&scene, "c", "1");
        go_a_way(&scene, way);
        DB_OK(fi_db_delete(scene.keyspace, firn_str("a"), FIRN_DURABILITY_DEFAULT, &err));
        DB_OK(fi_db_delete_range(scene.keyspace, firn_str("b"), firn_str("d"),
                                 FIRN_DURABILITY_DEFAULT, &err));
        go_a_way(&scene, way);
        append(&scene, "a", "2");
        append(&scene, "b", "2");
        go_a_way(&scene, way);
        append(&scene, "b", "3");
        assert_string_equal(db_support_get(scene.keyspace, "a"), "2");
        assert_string_equal(db_support_get(scene.keyspace, "b"), "23");
        assert_null(db_support_get(scene.keyspace, "c"));
        assert_string_equal(db_support_keys(scene.keyspace, NULL, true), "b a ");
        scene_deinit(&scene);
    }
}

static void
a_snapshot_keeps_what_it_saw_of_merges(void **state)
{
    firn_error err;
    for (unsigned way = 0; way < 3; way++) {
        struct scene scene;
        struct firn_snapshot *snapshots[5];
        scene_init(&scene, 40 + way);
        for (int64_t i = 0; i < 5; i++) {
            add(&scene, "n", 1);
            add(&scene, "n", 1);
            DB_OK(fi_db_snapshot_open(scene.db, &snapshots[i], &err));
            go_a_way(&scene, way);
        }
        for (int64_t i = 0; i < 5; i++) {
            assert_int_equal(number_at(&scene, snapshots[i], "n"), 2 * (i + 1));
        }
        for (unsigned i = 0; i < 5; i += 2) {
            fi_db_snapshot_close(snapshots[i]);
        }
        go_a_way(&scene, way);
        assert_int_equal(number_at(&scene, snapshots[1], "n"), 4);
        assert_int_equal(number_at(&scene, snapshots[3], "n"), 8);
        assert_int_equal(number_at(&scene, NULL, "n"), 10);
        fi_db_snapshot_close(snapshots[1]);
        fi_db_snapshot_close(snapshots[3]);
        scene_deinit(&scene);
    }
}

static void
a_counter_with_many_operands_becomes_one_entry(void **state)
{
    firn_error err;
    struct scene scene;
    firn_store_statistics stats = {.size = sizeof stats};
    scene_init(&scene, 50);
    for (unsigned i = 0; i < 3000; i++) {
        DB_OK(fi_db_merge(scene.keyspace, firn_str("n"), FIRN_MERGE_ADD,
                          firn_bytes("\1\0\0\0\0\0\0", 8), FIRN_DURABILITY_OS, &err));
    }
    assert_int_equal(number_at(&scene, NULL, "n"), 3000);
    DB_OK(fi_db_maintain_flush(scene.db, &err));
    DB_OK(fi_inspect_stats(scene.db, &stats, &err));
    assert_int_equal(stats.levels[0].entries, 2); /* it, and the keyspace's name */
    assert_int_equal(number_at(&scene, NULL, "n"), 3000);
    scene_deinit(&scene);
}

/* ---- time to live ---- */

static void
a_value_is_gone_when_its_time_is_over_and_hides_what_it_hid(void **state)
{
    for (unsigned first = 0; first < WAYS; first++) {
        for (unsigned second = 0; second < WAYS; second++) {
            struct scene scene;
            scene_init(&scene, 60 + first * WAYS + second);
            db_support_put(scene.keyspace, "a", "old");
            go_a_way(&scene, first);
            put_ttl(&scene, "a", "new", 10);
            put_ttl(&scene, "b", "", 20);
            go_a_way(&scene, second);
            set_second(&scene, 1009);
            assert_string_equal(db_support_get(scene.keyspace, "a"), "new");
            assert_string_equal(db_support_get(scene.keyspace, "b"), "");
            assert_string_equal(db_support_keys(scene.keyspace, NULL, true), "b a ");
            set_second(&scene, 1011);
            assert_null(db_support_get(scene.keyspace, "a"));
            assert_string_equal(db_support_keys(scene.keyspace, NULL, false), "b ");
            assert_string_equal(db_support_keys(scene.keyspace, NULL, true), "b ");
            go_a_way(&scene, second);
            assert_null(db_support_get(scene.keyspace, "a"));
            set_second(&scene, 1021);
            assert_string_equal(db_support_keys(scene.keyspace, NULL, true), "");
            scene_deinit(&scene);
        }
    }
}

static void
a_snapshot_reads_at_the_time_of_its_opening(void **state)
{
    firn_error err;
    for (unsigned way = 0; way < 3; way++) {
        struct scene scene;
        struct firn_snapshot *snapshot;
        struct firn_db_cursor *cursor;
        struct fi_buf out = {0};
        scene_init(&scene, 80 + way);
        put_ttl(&scene, "a", "1", 10);
        DB_OK(fi_db_snapshot_open(scene.db, &snapshot, &err));
        DB_OK(fi_db_cursor_open(scene.keyspace, NULL, &cursor, &err));
        set_second(&scene, 1011);
        go_a_way(&scene, way);
        assert_null(db_support_get(scene.keyspace, "a"));
        DB_OK(fi_db_get_at(scene.keyspace, snapshot, firn_str("a"), &out, &err));
        DB_OK(fi_db_cursor_first(cursor, &err));
        assert_true(fi_db_cursor_valid(cursor));
        fi_db_cursor_close(cursor);
        const struct fi_db_cursor_options options = {.snapshot = snapshot};
        assert_string_equal(db_support_keys(scene.keyspace, &options, false), "a ");
        assert_string_equal(db_support_keys(scene.keyspace, NULL, false), "");
        fi_db_snapshot_close(snapshot);
        fi_buf_deinit(&out);
        scene_deinit(&scene);
    }
}

static void
merges_upon_a_value_that_has_gone_stand_alone(void **state)
{
    for (unsigned way = 0; way < WAYS; way++) {
        struct scene scene;
        scene_init(&scene, 90 + way);
        put_ttl(&scene, "a", "x", 10);
        go_a_way(&scene, way);
        append(&scene, "a", "y");
        go_a_way(&scene, way);
        assert_string_equal(db_support_get(scene.keyspace, "a"), "xy");
        set_second(&scene, 1011);
        assert_string_equal(db_support_get(scene.keyspace, "a"), "y");
        go_a_way(&scene, way);
        append(&scene, "a", "z");
        assert_string_equal(db_support_get(scene.keyspace, "a"), "yz");
        scene_deinit(&scene);
    }
}

static uint64_t
count_entries(struct scene *scene)
{
    firn_error err;
    firn_store_statistics stats = {.size = sizeof stats};
    uint64_t entries = 0;
    DB_OK(fi_inspect_stats(scene->db, &stats, &err));
    for (unsigned i = 0; i < FIRN_STORE_LEVELS; i++) {
        entries += stats.levels[i].entries;
    }
    return entries;
}

/* Thousands of values that are gone after ten seconds, or a third of them alone. The next flush finds that. */
static void
fill_for_ten_seconds(struct scene *scene, bool is_third)
{
    firn_error err;
    for (unsigned i = 0; i < 3000; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "%u", i);
        uint64_t seconds = is_third && key[0] > '1' ? 1000 : 10;
        DB_OK(fi_db_put_ttl(scene->keyspace, firn_str(key), firn_str("1"), seconds * SECOND_MS,
                            FIRN_DURABILITY_OS, &err));
    }
    DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    assert_int_equal(count_entries(scene), 3001);
}

static void
runs_of_values_that_are_all_gone_are_rewritten_unasked(void **state)
{
    firn_error err;
    for (int is_third = 0; is_third <= 1; is_third++) {
        struct scene scene;
        struct fi_db_options options = db_support_create;
        scene_init(&scene, 96);
        fill_for_ten_seconds(&scene, is_third == 1);
        options.memory_bytes = FIRN_STORE_MEMORY_MIN;
        DB_OK(fi_db_close(scene.db, &err));
        DB_OK(fi_db_open(scene.support.dir, &options, &scene.db, &err));
        scene.keyspace = db_support_keyspace(scene.db, "k");
        static const char large[2000];
        for (uint64_t second = 1005; second <= 1011; second += 6) {
            set_second(&scene, second);
            for (unsigned i = 0; i < 1000; i++) {
                DB_OK(fi_db_put(scene.keyspace, firn_str("y"), firn_bytes(large, sizeof large),
                                FIRN_DURABILITY_OS, &err));
            }
            bool is_kept = count_entries(&scene) >= 3001;
            assert_true(is_kept == (second == 1005 || is_third == 1));
        }
        scene_deinit(&scene);
    }
}

static void
what_expired_takes_no_space_when_it_is_merged_away(void **state)
{
    firn_error err;
    struct scene scene;
    scene_init(&scene, 95);
    put_ttl(&scene, "a", "1", 10);
    put_ttl(&scene, "b", "1", 30);
    db_support_put(scene.keyspace, "c", "1");
    static const struct {
        uint64_t second;
        uint64_t entries; /* the keyspace's name among them */
    } moments[] = {{1005, 4}, {1011, 3}, {1012, 3}, {1031, 2}, {1032, 2}};
    for (size_t i = 0; i < sizeof moments / sizeof *moments; i++) {
        struct firn_snapshot *snapshot;
        /* A view of the moment before keeps what it sees; then it is gone. */
        DB_OK(fi_db_snapshot_open(scene.db, &snapshot, &err));
        uint64_t before = i == 0 ? 4 : moments[i - 1].entries;
        set_second(&scene, moments[i].second);
        DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
        assert_int_equal(count_entries(&scene), before);
        fi_db_snapshot_close(snapshot);
        DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
        assert_int_equal(count_entries(&scene), moments[i].entries);
        if (i == 2) {
            DB_OK(fi_db_close(scene.db, &err));
            open_scene(&scene);
        }
    }
    scene_deinit(&scene);
}

static void
limits_of_values_with_heads(void **state)
{
    firn_error err;
    struct scene scene;
    uint8_t *large = calloc(1, FIRN_VALUE_SIZE_MAX);
    assert_non_null(large);
    scene_init(&scene, 97);
    DB_FAILS(fi_db_put_ttl(scene.keyspace, firn_str("a"),
                           firn_bytes(large, FIRN_VALUE_SIZE_MAX - 7), 1, FIRN_DURABILITY_OS, &err),
             FIRN_LIMIT, "at most 268435448 are allowed");
    DB_FAILS(merge(&scene, "a", FIRN_MERGE_APPEND, firn_bytes(large, FIRN_VALUE_SIZE_MAX), &err),
             FIRN_LIMIT, "at most 268435456");
    DB_FAILS(merge(&scene, "a", FIRN_MERGE_MAX, firn_str("7"), &err), FIRN_INVALID, "not a number");
    DB_FAILS(merge(&scene, "a", (firn_merge_operator)9, firn_str("7"), &err), FIRN_INVALID,
             "merge operator 9");
    /* So long that it is for ever. */
    DB_OK(fi_db_put_ttl(scene.keyspace, firn_str("b"), firn_str("1"), UINT64_MAX,
                        FIRN_DURABILITY_OS, &err));
    assert_string_equal(db_support_get(scene.keyspace, "b"), "1");
    scene_deinit(&scene);
    free(large);
}

static void
a_reader_merges_nothing(void **state)
{
    firn_error err;
    struct scene scene;
    struct firn_db *reader;
    struct firn_db_keyspace *keyspace;
    scene_init(&scene, 98);
    append(&scene, "a", "1");
    DB_OK(fi_db_open(scene.support.dir, &db_support_read_only, &reader, &err));
    DB_OK(fi_db_keyspace_open(reader, "k", &keyspace, &err));
    DB_FAILS(fi_db_merge(keyspace, firn_str("a"), FIRN_MERGE_APPEND, firn_str("2"),
                         FIRN_DURABILITY_OS, &err),
             FIRN_READ_ONLY, "reading only");
    assert_string_equal(db_support_get(keyspace, "a"), "1");
    DB_OK(fi_db_close(reader, &err));
    scene_deinit(&scene);
}

/* ---- checkpoints ---- */

static void
checkpoint(struct scene *scene, const char *name)
{
    firn_error err;
    struct fi_db_checkpoint_info info;
    DB_OK(fi_db_checkpoint_create(scene->db, name, &info, &err));
}

static void
restore(struct scene *scene, const char *name)
{
    firn_error err;
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    DB_OK(fi_db_checkpoint_restore(scene->db, name, &restored, &safety, &err));
}

static int64_t
number_of_checkpoint(struct scene *scene, const char *name, const char *key)
{
    firn_error err;
    struct firn_snapshot *snapshot;
    DB_OK(fi_db_checkpoint_snapshot(scene->db, name, &snapshot, &err));
    int64_t number = number_at(scene, snapshot, key);
    fi_db_snapshot_close(snapshot);
    return number;
}

static void
merges_go_on_from_what_was_restored(void **state)
{
    for (unsigned first = 0; first < WAYS; first++) {
        for (unsigned second = 0; second < WAYS; second++) {
            struct scene scene;
            scene_init(&scene, 200 + first * WAYS + second);
            add(&scene, "n", 2);
            add(&scene, "n", 3);
            checkpoint(&scene, "five");
            go_a_way(&scene, first);
            add(&scene, "n", 3);
            checkpoint(&scene, "eight");
            go_a_way(&scene, second);
            restore(&scene, "five");
            assert_int_equal(number_at(&scene, NULL, "n"), 5);
            go_a_way(&scene, first);
            add(&scene, "n", 1);
            add(&scene, "n", 1);
            go_a_way(&scene, second);
            assert_int_equal(number_at(&scene, NULL, "n"), 7);
            assert_string_equal(db_support_keys(scene.keyspace, NULL, true), "n ");
            assert_int_equal(number_of_checkpoint(&scene, "five", "n"), 5);
            assert_int_equal(number_of_checkpoint(&scene, "eight", "n"), 8);
            restore(&scene, "eight");
            go_a_way(&scene, second);
            add(&scene, "n", -8);
            assert_int_equal(number_at(&scene, NULL, "n"), 0);
            assert_int_equal(number_of_checkpoint(&scene, "five", "n"), 5);
            scene_deinit(&scene);
        }
    }
}

static void
a_checkpoint_shows_what_was_there_when_it_was_made(void **state)
{
    firn_error err;
    for (unsigned way = 0; way < WAYS; way++) {
        struct scene scene;
        struct firn_snapshot *snapshot;
        struct fi_buf out = {0};
        scene_init(&scene, 220 + way);
        put_ttl(&scene, "a", "1", 10);
        checkpoint(&scene, "c");
        go_a_way(&scene, way);
        set_second(&scene, 1011);
        go_a_way(&scene, way);
        assert_null(db_support_get(scene.keyspace, "a"));
        DB_OK(fi_db_checkpoint_snapshot(scene.db, "c", &snapshot, &err));
        DB_OK(fi_db_get_at(scene.keyspace, snapshot, firn_str("a"), &out, &err));
        fi_db_snapshot_close(snapshot);
        /* Restored, it is a value whose time is over. */
        restore(&scene, "c");
        go_a_way(&scene, way);
        assert_null(db_support_get(scene.keyspace, "a"));
        DB_OK(fi_db_checkpoint_snapshot(scene.db, "c", &snapshot, &err));
        DB_OK(fi_db_get_at(scene.keyspace, snapshot, firn_str("a"), &out, &err));
        fi_db_snapshot_close(snapshot);
        fi_buf_deinit(&out);
        scene_deinit(&scene);
    }
}

/* ---- batches ---- */

static void
a_batch_adds_up_what_it_does_to_a_key(void **state)
{
    firn_error err;
    struct scene scene;
    struct firn_db_batch *batch;
    const firn_slice one = firn_bytes("\1\0\0\0\0\0\0", 8);
    scene_init(&scene, 100);
    db_support_put(scene.keyspace, "deleted", "old");
    db_support_put(scene.keyspace, "ranged", "old");
    append(&scene, "merged", "old");
    DB_OK(fi_db_batch_create(&batch, &err));
    struct firn_db_keyspace *keyspace = scene.keyspace;
    DB_OK(fi_db_batch_put(batch, keyspace, firn_str("put"), firn_str("a"), &err));
    DB_OK(fi_db_batch_delete(batch, keyspace, firn_str("deleted"), &err));
    DB_OK(fi_db_batch_delete_range(batch, keyspace, firn_str("r"), firn_str("s"), &err));
    static const char *const keys[] = {"put", "deleted", "ranged", "merged", "new"};
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
            DB_OK(fi_db_batch_merge(batch, keyspace, firn_str(keys[i]), FIRN_MERGE_APPEND,
                                    firn_str("b"), &err));
            DB_OK(fi_db_batch_merge(batch, keyspace, firn_str(keys[i]), FIRN_MERGE_APPEND,
                                    firn_str("c"), &err));
        }
        DB_OK(fi_db_batch_merge(batch, keyspace, firn_str("number"), FIRN_MERGE_ADD, one, &err));
    }
    DB_OK(fi_db_batch_merge(batch, keyspace, firn_str("gone"), FIRN_MERGE_ADD, one, &err));
    DB_OK(fi_db_batch_delete(batch, keyspace, firn_str("gone"), &err));
    DB_OK(fi_db_batch_merge(batch, keyspace, firn_str("late"), FIRN_MERGE_ADD, one, &err));
    DB_OK(fi_db_batch_delete_range(batch, keyspace, firn_str("late"), firn_str("latf"), &err));
    DB_OK(fi_db_batch_merge(batch, keyspace, firn_str("late"), FIRN_MERGE_APPEND, firn_str("d"),
                            &err));
    DB_OK(fi_db_write(scene.db, batch, FIRN_DURABILITY_DEFAULT, &err));
    fi_db_batch_destroy(batch);
    for (unsigned way = 0; way < WAYS; way++) {
        go_a_way(&scene, way);
        keyspace = scene.keyspace;
        assert_string_equal(db_support_get(keyspace, "put"), "abcbcbc");
        assert_string_equal(db_support_get(keyspace, "deleted"), "bcbcbc");
        assert_string_equal(db_support_get(keyspace, "ranged"), "bcbcbc");
        assert_string_equal(db_support_get(keyspace, "merged"), "oldbcbcbc");
        assert_string_equal(db_support_get(keyspace, "new"), "bcbcbc");
        assert_int_equal(number_at(&scene, NULL, "number"), 3);
        assert_null(db_support_get(keyspace, "gone"));
        assert_string_equal(db_support_get(keyspace, "late"), "d");
    }
    scene_deinit(&scene);
}

static void
what_one_version_cannot_say_is_refused(void **state)
{
    firn_error err;
    struct scene scene;
    struct firn_db_batch *batch;
    const firn_slice key = firn_str("k");
    scene_init(&scene, 101);
    DB_OK(fi_db_batch_create(&batch, &err));
    DB_OK(fi_db_batch_merge(batch, scene.keyspace, key, FIRN_MERGE_APPEND, firn_str("a"), &err));
    size_t size = fi_db_batch_size_bytes(batch);
    DB_FAILS(fi_db_batch_merge(batch, scene.keyspace, key, FIRN_MERGE_MAX,
                               firn_bytes("\1\0\0\0\0\0\0", 8), &err),
             FIRN_INVALID, "merged by another operator");
    DB_OK(fi_db_batch_put_ttl(batch, scene.keyspace, firn_str("t"), firn_str("a"), 5, &err));
    DB_FAILS(fi_db_batch_merge(batch, scene.keyspace, firn_str("t"), FIRN_MERGE_APPEND,
                               firn_str("a"), &err),
             FIRN_INVALID, "with a time to live");
    assert_int_equal(fi_db_batch_count(batch), 2);
    DB_OK(fi_db_batch_merge(batch, scene.keyspace, key, FIRN_MERGE_APPEND, firn_str("b"), &err));
    assert_true(fi_db_batch_size_bytes(batch) > size);
    fi_db_batch_clear(batch);
    assert_int_equal(fi_db_batch_count(batch), 0);
    DB_OK(fi_db_batch_merge(batch, scene.keyspace, key, FIRN_MERGE_MAX,
                            firn_bytes("\1\0\0\0\0\0\0", 8), &err));
    DB_OK(fi_db_write(scene.db, batch, FIRN_DURABILITY_DEFAULT, &err));
    assert_int_equal(number_at(&scene, NULL, "k"), 1);
    fi_db_batch_destroy(batch);
    scene_deinit(&scene);
}

static void
one_number_merged_again_and_again_does_not_make_a_batch_grow(void **state)
{
    firn_error err;
    struct scene scene;
    struct firn_db_batch *batch;
    scene_init(&scene, 102);
    DB_OK(fi_db_batch_create(&batch, &err));
    for (unsigned i = 0; i < 5000; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "%u", i % 50);
        DB_OK(fi_db_batch_merge(batch, scene.keyspace, firn_str(key), FIRN_MERGE_ADD,
                                firn_bytes("\1\0\0\0\0\0\0", 8), &err));
    }
    for (unsigned i = 0; i < 300; i++) {
        DB_OK(fi_db_batch_merge(batch, scene.keyspace, firn_str("log"), FIRN_MERGE_APPEND,
                                firn_str("x"), &err));
    }
    assert_int_equal(fi_db_batch_count(batch), 51);
    assert_true(fi_db_batch_size_bytes(batch) < 50 * 16 + 320);
    DB_OK(fi_db_write(scene.db, batch, FIRN_DURABILITY_DEFAULT, &err));
    assert_int_equal(number_at(&scene, NULL, "7"), 100);
    assert_int_equal(strlen(db_support_get(scene.keyspace, "log")), 300);
    fi_db_batch_destroy(batch);
    scene_deinit(&scene);
}

static uint64_t asked_bytes;

static void *
asking_resize(void *ctx, void *memory, size_t size)
{
    (void)ctx;
    asked_bytes += size;
    return realloc(memory, size);
}

static void
asking_release(void *ctx, void *memory)
{
    (void)ctx;
    free(memory);
}

/* Every copy of a value that grew would ask for memory of its size. */
static void
appending_to_one_key_of_a_batch_takes_work_for_what_is_appended_alone(void **state)
{
    enum { APPENDS = 1 << 14, SIZE = 16 };
    static const struct fi_allocator asking = {asking_resize, asking_release, NULL, NULL};
    uint8_t *expected = malloc(APPENDS * SIZE + 1);
    assert_non_null(expected);
    for (unsigned begins_with_put = 0; begins_with_put < 2; begins_with_put++) {
        firn_error err;
        struct scene scene;
        struct firn_db_batch *batch;
        struct fi_buf value = {0};
        fi_mem_set_allocator(&asking);
        scene_init(&scene, 103);
        DB_OK(fi_db_batch_create(&batch, &err));
        if (begins_with_put != 0) {
            DB_OK(fi_db_batch_put(batch, scene.keyspace, firn_str("log"), firn_str("="), &err));
        }
        expected[0] = '=';
        asked_bytes = 0;
        for (unsigned i = 0; i < APPENDS; i++) {
            uint8_t *operand = expected + 1 + (size_t)i * SIZE;
            (void)snprintf((char *)operand, SIZE, "%015u", i);
            operand[SIZE - 1] = '|';
            DB_OK(fi_db_batch_merge(batch, scene.keyspace, firn_str("log"), FIRN_MERGE_APPEND,
                                    firn_bytes(operand, SIZE), &err));
        }
        assert_true(asked_bytes < 8 * APPENDS * SIZE);
        assert_int_equal(fi_db_batch_count(batch), 1);
        DB_OK(fi_db_batch_merge(batch, scene.keyspace, firn_str("other"), FIRN_MERGE_APPEND,
                                firn_str("x"), &err));
        DB_OK(fi_db_batch_merge(batch, scene.keyspace, firn_str("log"), FIRN_MERGE_APPEND,
                                firn_str("end"), &err));
        DB_OK(fi_db_write(scene.db, batch, FIRN_DURABILITY_FULL, &err));
        fi_db_batch_destroy(batch);
        DB_OK(fi_db_close(scene.db, &err));
        open_scene(&scene); /* the log has it whole */
        DB_OK(fi_db_get(scene.keyspace, firn_str("log"), &value, &err));
        size_t from = begins_with_put != 0 ? 0 : 1;
        size_t size = APPENDS * SIZE + 1 - from;
        assert_int_equal(value.size, size + 3);
        assert_memory_equal(value.data, expected + from, size);
        assert_memory_equal(value.data + size, "end", 3);
        fi_buf_deinit(&value);
        scene_deinit(&scene);
        fi_mem_set_allocator(NULL);
    }
    free(expected);
}

static void
memory_that_runs_out_leaves_a_batch_as_it_was(void **state)
{
    firn_error err;
    test_alloc_install();
    struct scene scene;
    scene_init(&scene, 103);
    for (uint64_t n = 1, refused = 1; refused > 0; n++) {
        struct firn_db_batch *batch;
        char expected[64] = "";
        refused = 0;
        DB_OK(fi_db_batch_create(&batch, &err));
        test_alloc_fail_at(n, false);
        for (char letter = 'a'; letter < 'a' + 20; letter++) {
            const char text[2] = {letter, 0};
            int rc = fi_db_batch_merge(batch, scene.keyspace, firn_str("k"), FIRN_MERGE_APPEND,
                                       firn_str(text), &err);
            if (rc == FIRN_OK) {
                (void)strcat(expected, text);
            } else {
                assert_int_equal(rc, FIRN_NO_MEMORY);
                refused++;
            }
        }
        test_alloc_fail_at(0, false);
        db_support_put(scene.keyspace, "k", "");
        DB_OK(fi_db_write(scene.db, batch, FIRN_DURABILITY_OS, &err));
        assert_string_equal(db_support_get(scene.keyspace, "k"), expected);
        fi_db_batch_destroy(batch);
    }
    scene_deinit(&scene);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* ---- random histories ---- */

enum { KEYS = 6, SIZE_MAX_OF_VALUE = 4000, SNAPSHOTS = 3 };

struct value {
    bool is_there;
    size_t size;
    uint8_t bytes[SIZE_MAX_OF_VALUE];
};

/* A key: its value until some second, and from then on. */
struct model_key {
    struct value now;
    struct value later;
    uint64_t until; /* 0: there is no later */
};

struct model {
    struct model_key keys[KEYS];
};

struct model_snapshot {
    struct firn_snapshot *snapshot; /* NULL: none */
    uint64_t second;
    struct model model;
};

struct model_checkpoint {
    bool is_made;
    uint64_t second;
    struct model model;
};

struct world {
    struct scene scene;
    struct test_random random;
    struct model model;
    struct model_snapshot snapshots[SNAPSHOTS];
    struct model_checkpoint checkpoints[SNAPSHOTS];
};

static uint64_t
below(struct world *world, uint64_t limit)
{
    return test_random_below(&world->random, limit);
}

static firn_slice
key_of(size_t i)
{
    static const char keys[KEYS][2] = {"a", "b", "c", "d", "e", "f"};
    return firn_str(keys[i]);
}

static const struct value *
value_of(const struct model *model, size_t key, uint64_t second)
{
    const struct model_key *of = &model->keys[key];
    return of->until != 0 && second >= of->until ? &of->later : &of->now;
}

static void
set_value(struct value *value, firn_slice bytes)
{
    value->is_there = true;
    value->size = bytes.size;
    if (bytes.size > 0) {
        memcpy(value->bytes, bytes.data, bytes.size);
    }
}

static void
merge_value(struct value *value, int operation, firn_slice operand)
{
    if (operation == FIRN_MERGE_APPEND) {
        value->size = value->is_there ? value->size : 0;
        value->is_there = true;
        if (value->size + operand.size > SIZE_MAX_OF_VALUE) {
            fail_msg("a value has grown too long for the model");
        }
        memcpy(value->bytes + value->size, operand.data, operand.size);
        value->size += operand.size;
        return;
    }
    int64_t other = firn_number_of(operand.data, operand.size);
    int64_t number = firn_number_of(value->bytes, value->size);
    if (!value->is_there || value->size != 8) {
        set_value(value, operand);
    } else if (operation == FIRN_MERGE_ADD) {
        firn_number((int64_t)((uint64_t)number + (uint64_t)other), value->bytes);
    } else {
        firn_number((number < other) == (operation == FIRN_MERGE_MIN) ? number : other,
                    value->bytes);
    }
}

static firn_slice
some_bytes(struct world *world, uint8_t out[64])
{
    test_random_fill(&world->random, out, 64);
    return firn_bytes(out, below(world, 3) == 0 ? below(world, 60) : 8);
}

/* One operation into a batch and the model. */
static void
step_op(struct world *world, struct firn_db_batch *batch)
{
    firn_error err;
    uint8_t bytes[64];
    firn_slice value = some_bytes(world, bytes);
    size_t i = below(world, KEYS);
    struct model_key *key = &world->model.keys[i];
    struct firn_db_keyspace *keyspace = world->scene.keyspace;
    uint64_t dice = below(world, 20);
    if (dice < 4 || key->now.size > 2000) {
        DB_OK(fi_db_batch_put(batch, keyspace, key_of(i), value, &err));
        set_value(&key->now, value);
        key->until = 0;
    } else if (dice < 6) {
        DB_OK(fi_db_batch_delete(batch, keyspace, key_of(i), &err));
        *key = (struct model_key){.until = 0};
    } else if (dice < 7) {
        size_t end = i + below(world, KEYS - i);
        DB_OK(fi_db_batch_delete_range(batch, keyspace, key_of(i), key_of(end), &err));
        for (; i < end; i++) {
            world->model.keys[i] = (struct model_key){.until = 0};
        }
    } else if (dice < 10) {
        uint64_t seconds = below(world, 12); /* and a half: no moment is near it */
        DB_OK(fi_db_batch_put_ttl(batch, keyspace, key_of(i), value, seconds * SECOND_MS + 500,
                                  &err));
        *key = (struct model_key){.until = world->scene.second + seconds + 1};
        set_value(&key->now, value);
    } else {
        int operation = 1 + (int)below(world, 4);
        firn_slice operand = operation == FIRN_MERGE_APPEND ? value : firn_bytes(bytes, 8);
        int rc = fi_db_batch_merge(batch, keyspace, key_of(i), (firn_merge_operator)operation,
                                   operand, &err);
        if (rc == FIRN_INVALID) {
            assert_true(fi_db_batch_count(batch) > 0);
            return;
        }
        DB_OK(rc);
        merge_value(&key->now, operation, operand);
        merge_value(&key->later, operation, operand);
    }
}

/* Some operations as one commit. */
static int
step_batch(struct world *world, firn_error *err)
{
    struct firn_db_batch *batch;
    int rc = fi_db_batch_create(&batch, err);
    assert_int_equal(rc, FIRN_OK);
    for (uint64_t count = 1 + (below(world, 3) == 0 ? below(world, 12) : 0); count > 0; count--) {
        step_op(world, batch);
    }
    rc = fi_db_write(world->scene.db, batch, FIRN_DURABILITY_FULL, err);
    fi_db_batch_destroy(batch);
    return rc;
}

/* Some keys, sorted, as one commit. */
static int
step_load(struct world *world, firn_error *err)
{
    struct firn_db_bulk *bulk;
    int rc = fi_db_bulk_open(world->scene.keyspace, &bulk, err);
    for (size_t i = 0; i < KEYS && rc == FIRN_OK; i++) {
        uint8_t bytes[64];
        firn_slice value = some_bytes(world, bytes);
        if (below(world, 2) == 0) {
            rc = fi_db_bulk_put(bulk, key_of(i), value, err);
            world->model.keys[i] = (struct model_key){.until = 0};
            set_value(&world->model.keys[i].now, value);
        }
    }
    rc = rc == FIRN_OK ? fi_db_bulk_commit(bulk, err) : rc;
    fi_db_bulk_close(bulk);
    return rc;
}

static int
step_commit(struct world *world, firn_error *err)
{
    return below(world, 8) == 0 ? step_load(world, err) : step_batch(world, err);
}

static bool
is_model(struct world *world, const struct model *model)
{
    struct fi_buf out = {0};
    bool is_equal = true;
    for (size_t i = 0; i < KEYS; i++) {
        firn_error err;
        const struct value *value = value_of(model, i, world->scene.second);
        int rc = fi_db_get(world->scene.keyspace, key_of(i), &out, &err);
        is_equal = is_equal && rc == (value->is_there ? FIRN_OK : FIRN_NOT_FOUND) &&
                   (rc != FIRN_OK ||
                    fi_slice_equal(fi_buf_slice(&out), firn_bytes(value->bytes, value->size)));
    }
    fi_buf_deinit(&out);
    return is_equal;
}

/* The power fails while something is committed, or while it is flushed: what was acknowledged is there, and what was
 * not is there whole or not at all. */
static void
step_cut(struct world *world)
{
    firn_error err;
    static struct model before;
    struct fi_os *os = world->scene.support.os;
    before = world->model;
    fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + 1 + below(world, 40));
    int rc = step_commit(world, &err);
    if (rc == FIRN_OK) {
        int flush_rc = below(world, 2) == 0 ? fi_db_maintain_flush(world->scene.db, &err)
                                            : fi_db_maintain_compact(world->scene.db, NULL, &err);
        assert_true(flush_rc == FIRN_OK || fi_sim_memory_is_off(os));
    }
    assert_true(rc == FIRN_OK || fi_sim_memory_is_off(os));
    fi_sim_memory_set_cut_at(os, 0);
    fi_db_abandon(world->scene.db);
    db_support_cut(&world->scene.support, below(world, 9));
    open_scene(&world->scene);
    if (rc != FIRN_OK && !is_model(world, &world->model)) {
        world->model = before;
    }
    assert_true(is_model(world, &world->model));
}

static void
close_snapshots(struct world *world)
{
    for (size_t i = 0; i < SNAPSHOTS; i++) {
        fi_db_snapshot_close(world->snapshots[i].snapshot);
        world->snapshots[i].snapshot = NULL;
    }
}

static void
step_snapshot(struct world *world)
{
    firn_error err;
    struct model_snapshot *snapshot = &world->snapshots[below(world, SNAPSHOTS)];
    fi_db_snapshot_close(snapshot->snapshot);
    snapshot->snapshot = NULL;
    if (below(world, 3) > 0) {
        DB_OK(fi_db_snapshot_open(world->scene.db, &snapshot->snapshot, &err));
        snapshot->model = world->model;
        snapshot->second = world->scene.second;
    }
}

/* When a model's value ends; the model knows the second. */
static bool
ends_as(const struct model_key *key, uint64_t second, uint64_t expires_ms)
{
    return key->until == 0 || second >= key->until ? expires_ms == 0
                                                   : expires_ms / SECOND_MS + 1 == key->until;
}

static void
assert_shows(struct world *world, struct firn_snapshot *snapshot, const struct model *model,
             uint64_t second)
{
    firn_error err;
    struct fi_buf out = {0};
    struct firn_db_cursor *cursor;
    const struct fi_db_cursor_options options = {.snapshot = snapshot};
    bool is_back = below(world, 2) == 0;
    for (size_t i = 0; i < KEYS; i++) {
        const struct value *value = value_of(model, i, second);
        int rc = fi_db_get_at(world->scene.keyspace, snapshot, key_of(i), &out, &err);
        assert_int_equal(rc, value->is_there ? FIRN_OK : FIRN_NOT_FOUND);
        assert_true(rc != FIRN_OK ||
                    fi_slice_equal(fi_buf_slice(&out), firn_bytes(value->bytes, value->size)));
    }
    DB_OK(fi_db_cursor_open(world->scene.keyspace, &options, &cursor, &err));
    DB_OK(is_back ? fi_db_cursor_last(cursor, &err) : fi_db_cursor_first(cursor, &err));
    for (size_t i = 0; i < KEYS; i++) {
        size_t key = is_back ? KEYS - 1 - i : i;
        const struct value *value = value_of(model, key, second);
        if (value->is_there) {
            assert_true(fi_slice_equal(fi_db_cursor_key(cursor), key_of(key)));
            assert_true(
                fi_slice_equal(fi_db_cursor_value(cursor), firn_bytes(value->bytes, value->size)));
            assert_true(ends_as(&model->keys[key], second, fi_db_cursor_expires_ms(cursor)));
            DB_OK(is_back ? fi_db_cursor_prev(cursor, &err) : fi_db_cursor_next(cursor, &err));
        }
    }
    assert_false(fi_db_cursor_valid(cursor));
    assert_int_equal(fi_db_cursor_expires_ms(cursor), 0);
    fi_db_cursor_close(cursor);
    fi_buf_deinit(&out);
}

/* Makes a checkpoint, goes back to one, or looks at it. */
static void
step_checkpoint(struct world *world)
{
    static const char *const names[SNAPSHOTS] = {"x", "y", "z"};
    firn_error err;
    struct firn_snapshot *snapshot;
    size_t i = below(world, SNAPSHOTS);
    struct model_checkpoint *made = &world->checkpoints[i];
    if (!made->is_made) {
        *made = (struct model_checkpoint){true, world->scene.second, world->model};
        checkpoint(&world->scene, names[i]);
        return;
    }
    DB_OK(fi_db_checkpoint_snapshot(world->scene.db, names[i], &snapshot, &err));
    assert_shows(world, snapshot, &made->model, made->second);
    fi_db_snapshot_close(snapshot);
    if (below(world, 2) == 0) {
        restore(&world->scene, names[i]);
        world->model = made->model;
    } else {
        DB_OK(fi_db_checkpoint_delete(world->scene.db, &names[i], 1, &err));
        made->is_made = false;
    }
}

static void
step(struct world *world)
{
    uint64_t dice = below(world, 44);
    if (dice >= 40) {
        step_checkpoint(world);
    } else if (dice < 24) {
        firn_error err;
        DB_OK(step_commit(world, &err));
    } else if (dice < 28) {
        step_snapshot(world);
    } else if (dice < 31) {
        set_second(&world->scene, world->scene.second + below(world, 5));
    } else if (dice < 38) {
        go_a_way(&world->scene, 1 + (dice == 37));
    } else if (dice < 39) {
        close_snapshots(world);
        step_cut(world);
    }
    assert_shows(world, NULL, &world->model, world->scene.second);
    for (size_t i = 0; i < SNAPSHOTS; i++) {
        const struct model_snapshot *snapshot = &world->snapshots[i];
        if (snapshot->snapshot != NULL) {
            assert_shows(world, snapshot->snapshot, &snapshot->model, snapshot->second);
        }
    }
}

static void
random_histories_agree_with_a_model(void **state)
{
    unsigned steps = getenv("FIRN_TEST_LONG") != NULL ? 4000 : 400;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        static struct world world;
        world = (struct world){.random = {0}};
        test_random_init(&world.random, "values", seed);
        scene_init(&world.scene, seed);
        for (unsigned i = 0; i < steps; i++) {
            step(&world);
        }
        close_snapshots(&world);
        scene_deinit(&world.scene);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_add_up_wherever_they_lie),
        cmocka_unit_test(deletes_and_range_deletes_end_what_merges_stand_upon),
        cmocka_unit_test(a_snapshot_keeps_what_it_saw_of_merges),
        cmocka_unit_test(a_counter_with_many_operands_becomes_one_entry),
        cmocka_unit_test(a_value_is_gone_when_its_time_is_over_and_hides_what_it_hid),
        cmocka_unit_test(a_snapshot_reads_at_the_time_of_its_opening),
        cmocka_unit_test(merges_upon_a_value_that_has_gone_stand_alone),
        cmocka_unit_test(what_expired_takes_no_space_when_it_is_merged_away),
        cmocka_unit_test(runs_of_values_that_are_all_gone_are_rewritten_unasked),
        cmocka_unit_test(limits_of_values_with_heads),
        cmocka_unit_test(a_reader_merges_nothing),
        cmocka_unit_test(merges_go_on_from_what_was_restored),
        cmocka_unit_test(a_checkpoint_shows_what_was_there_when_it_was_made),
        cmocka_unit_test(a_batch_adds_up_what_it_does_to_a_key),
        cmocka_unit_test(what_one_version_cannot_say_is_refused),
        cmocka_unit_test(one_number_merged_again_and_again_does_not_make_a_batch_grow),
        cmocka_unit_test(appending_to_one_key_of_a_batch_takes_work_for_what_is_appended_alone),
        cmocka_unit_test(memory_that_runs_out_leaves_a_batch_as_it_was),
        cmocka_unit_test(random_histories_agree_with_a_model),
    };
    return cmocka_run_group_tests_name("db_values", tests, NULL, NULL);
}

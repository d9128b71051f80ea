/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: values around the size from which they lie in value files, in all ways in which a store
 * is written and read: gets, many keys at once, cursors, views, checkpoints, differences,
 * transactions, merges, times to live, loads, clones, readers, checks; and what becomes of the space.
 * All of it twice: with compression, where flushes write value files, and without, where segments of
 * the log become value files.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "copy/copy.h"
#include "inspect/inspect.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "support/store/db_support.h"
#include "support/test_file.h"
#include "support/test_random.h"
#include "txn/txn.h"

enum { SIZES = 9 };
static const size_t sizes[SIZES] = {
    0, 1, 4095, 4096, 4097, 64 << 10, (64 << 10) + 1, 1 << 20, (1 << 20) + 4097};

struct scene {
    struct db_support support;
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
};

static firn_compression compression;

static void
open_scene(struct scene *scene)
{
    firn_error err;
    struct fi_db_options options = db_support_create;
    options.compression = compression;
    DB_OK(fi_db_open(scene->support.dir, &options, &scene->db, &err));
    scene->keyspace = db_support_keyspace(scene->db, "k");
}

static void
scene_init(struct scene *scene)
{
    db_support_init(&scene->support, 1);
    fi_sim_memory_set_time(scene->support.os, INT64_C(1000) * 1000000000);
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
enum { WAYS = 5 };
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
    } else if (way == 4) {
        DB_OK(fi_db_maintain_flush(scene->db, &err));
        DB_OK(fi_db_close(scene->db, &err));
        open_scene(scene);
    }
}

/* The value of a key in a round. */
static firn_slice
value_of(unsigned key, unsigned round)
{
    static uint8_t bytes[(1 << 20) + 8192];
    struct test_random random = {100 * (uint64_t)round + key + 1};
    size_t size = sizes[key % SIZES];
    test_random_fill(&random, bytes, size / 2 + 1);
    memset(bytes + size / 2, (int)round, size - size / 2);
    return firn_bytes(bytes, size);
}

static firn_slice
key_of(unsigned key)
{
    static char bytes[16];
    (void)snprintf(bytes, sizeof bytes, "key-%03u", key);
    return firn_str(bytes);
}

static void
put_all(struct scene *scene, unsigned round)
{
    firn_error err;
    for (unsigned key = 0; key < SIZES; key++) {
        DB_OK(fi_db_put(scene->keyspace, key_of(key), value_of(key, round), FIRN_DURABILITY_DEFAULT,
                        &err));
    }
}

static void
assert_value(firn_slice found, unsigned key, unsigned round)
{
    firn_slice expected = value_of(key, round);
    assert_int_equal(found.size, expected.size);
    assert_true(fi_slice_equal(found, expected));
}

static int
take_one(void *ctx, size_t i, struct fi_buf *value, firn_error *err)
{
    (void)err;
    assert_non_null(value);
    assert_value(fi_buf_slice(value), (unsigned)i, *(const unsigned *)ctx);
    return FIRN_OK;
}

static void
assert_all(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot, unsigned round)
{
    firn_error err;
    struct fi_buf out = {0};
    struct firn_db_cursor *cursor;
    static char bytes[SIZES][16];
    firn_slice keys[SIZES];
    const struct fi_db_cursor_options options = {.snapshot = snapshot};
    for (unsigned key = 0; key < SIZES; key++) {
        DB_OK(fi_db_get_at(keyspace, snapshot, key_of(key), &out, &err));
        assert_value(fi_buf_slice(&out), key, round);
        memcpy(bytes[key], key_of(key).data, 8);
        keys[key] = firn_bytes(bytes[key], 7);
    }
    const struct fi_db_get_many many = {
        .snapshot = snapshot, .keys = keys, .count = SIZES, .visit = take_one, .ctx = &round};
    DB_OK(fi_db_get_many(keyspace, &many, &err));
    DB_OK(fi_db_cursor_open(keyspace, &options, &cursor, &err));
    DB_OK(fi_db_cursor_first(cursor, &err));
    for (unsigned key = 0; key < SIZES; key++) {
        assert_true(fi_db_cursor_valid(cursor));
        assert_value(fi_db_cursor_value(cursor), key, round);
        DB_OK(fi_db_cursor_next(cursor, &err));
    }
    assert_false(fi_db_cursor_valid(cursor));
    DB_OK(fi_db_cursor_last(cursor, &err));
    for (unsigned key = SIZES; key > 0; key--) {
        assert_true(fi_db_cursor_valid(cursor));
        assert_value(fi_db_cursor_value(cursor), key - 1, round);
        DB_OK(fi_db_cursor_prev(cursor, &err));
    }
    DB_OK(fi_db_cursor_seek(cursor, firn_str("key-005"), &err));
    assert_value(fi_db_cursor_value(cursor), 5, round);
    DB_OK(fi_db_cursor_prev(cursor, &err));
    assert_value(fi_db_cursor_value(cursor), 4, round);
    DB_OK(fi_db_cursor_next(cursor, &err));
    assert_value(fi_db_cursor_value(cursor), 5, round);
    fi_db_cursor_close(cursor);
    fi_buf_deinit(&out);
}

/* Keys alone, both ways, also where values cannot be read. */
static void
assert_keys(struct firn_db_keyspace *keyspace)
{
    firn_error err;
    struct firn_db_cursor *cursor;
    const struct fi_db_cursor_options options = {.keys_only = true};
    DB_OK(fi_db_cursor_open(keyspace, &options, &cursor, &err));
    DB_OK(fi_db_cursor_first(cursor, &err));
    for (unsigned key = 0; key < SIZES; key++) {
        assert_true(fi_slice_equal(fi_db_cursor_key(cursor), key_of(key)));
        assert_int_equal(fi_db_cursor_value(cursor).size, 0);
        DB_OK(fi_db_cursor_next(cursor, &err));
    }
    assert_false(fi_db_cursor_valid(cursor));
    DB_OK(fi_db_cursor_last(cursor, &err));
    for (unsigned key = SIZES; key > 0; key--) {
        assert_true(fi_slice_equal(fi_db_cursor_key(cursor), key_of(key - 1)));
        DB_OK(fi_db_cursor_prev(cursor, &err));
    }
    assert_false(fi_db_cursor_valid(cursor));
    fi_db_cursor_close(cursor);
}

static int
note_values(void *ctx, const struct fi_os_dirent *entry)
{
    if (strstr(entry->name, ".values") != NULL) {
        (void)snprintf(ctx, 64, "%s", entry->name);
    }
    return FIRN_OK;
}

static void
assert_clean(struct firn_db *db)
{
    firn_error err;
    firn_store_check_result report = {.size = sizeof report};
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
}

static firn_store_statistics
stats_of(struct firn_db *db)
{
    firn_error err;
    firn_store_statistics stats = {.size = sizeof stats};
    DB_OK(fi_inspect_stats(db, &stats, &err));
    return stats;
}

static void
values_of_all_sizes_are_read_wherever_they_lie(void **state)
{
    for (unsigned first = 0; first < WAYS; first++) {
        for (unsigned second = 0; second < WAYS; second++) {
            struct scene scene;
            scene_init(&scene);
            put_all(&scene, 1);
            go_a_way(&scene, first);
            assert_all(scene.keyspace, NULL, 1);
            put_all(&scene, 2);
            go_a_way(&scene, second);
            assert_all(scene.keyspace, NULL, 2);
            assert_clean(scene.db);
            scene_deinit(&scene);
        }
    }
}

static void
snapshots_and_checkpoints_keep_theirs(void **state)
{
    firn_error err;
    for (unsigned way = 0; way < WAYS; way++) {
        struct scene scene;
        struct firn_snapshot *snapshot;
        struct fi_db_checkpoint_info restored;
        struct fi_db_checkpoint_info safety;
        scene_init(&scene);
        put_all(&scene, 1);
        go_a_way(&scene, way);
        DB_OK(fi_db_checkpoint_create(scene.db, "c", NULL, &err));
        DB_OK(fi_db_snapshot_open(scene.db, &snapshot, &err));
        for (unsigned round = 2; round < 6; round++) {
            put_all(&scene, round);
            DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
        }
        assert_all(scene.keyspace, snapshot, 1);
        assert_all(scene.keyspace, NULL, 5);
        fi_db_snapshot_close(snapshot);
        DB_OK(fi_db_checkpoint_snapshot(scene.db, "c", &snapshot, &err));
        assert_all(scene.keyspace, snapshot, 1);
        fi_db_snapshot_close(snapshot);
        DB_OK(fi_db_checkpoint_restore(scene.db, "c", &restored, &safety, &err));
        assert_all(scene.keyspace, NULL, 1);
        DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
        assert_all(scene.keyspace, NULL, 1);
        assert_clean(scene.db);
        scene_deinit(&scene);
    }
}

static void
overwritten_and_deleted_values_give_their_space_back(void **state)
{
    firn_error err;
    struct scene scene;
    scene_init(&scene);
    for (unsigned round = 1; round < 8; round++) {
        put_all(&scene, round);
        DB_OK(fi_db_maintain_flush(scene.db, &err));
    }
    firn_store_statistics before = stats_of(scene.db);
    assert_true(before.value_files > 3);
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    firn_store_statistics after = stats_of(scene.db);
    assert_true(after.value_bytes < before.value_bytes / 3);
    assert_true(after.value_live_bytes == after.value_bytes);
    assert_true(after.file_bytes >= after.value_bytes);
    DB_OK(fi_db_delete_range(scene.keyspace, firn_str("a"), firn_str("z"), FIRN_DURABILITY_DEFAULT,
                             &err));
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    after = stats_of(scene.db);
    assert_int_equal(after.value_files, 0);
    assert_int_equal(after.value_bytes, 0);
    scene_deinit(&scene);
}

static void
own_keyspaces_keep_their_values_in_runs(void **state)
{
    firn_error err;
    struct scene scene;
    scene_init(&scene);
    struct firn_db_keyspace *own = db_support_keyspace(scene.db, "firn.own");
    DB_OK(fi_db_put(own, firn_str("x"), value_of(5, 1), FIRN_DURABILITY_DEFAULT, &err));
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    assert_int_equal(stats_of(scene.db).value_files, 0);
    put_all(&scene, 1);
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    assert_int_equal(stats_of(scene.db).value_files, 1);
    scene_deinit(&scene);
}

static void
merges_stand_upon_large_values(void **state)
{
    firn_error err;
    struct fi_buf out = {0};
    struct fi_buf expected = {0};
    for (unsigned way = 0; way < WAYS; way++) {
        struct scene scene;
        scene_init(&scene);
        put_all(&scene, 1);
        go_a_way(&scene, way);
        for (unsigned round = 0; round < 3; round++) {
            for (unsigned key = 0; key < SIZES; key++) {
                DB_OK(fi_db_merge(scene.keyspace, key_of(key), FIRN_MERGE_APPEND, firn_str("+"),
                                  FIRN_DURABILITY_DEFAULT, &err));
            }
            go_a_way(&scene, (way + round) % WAYS);
            for (unsigned key = 0; key < SIZES; key++) {
                fi_buf_clear(&expected);
                assert_int_equal(fi_buf_append_slice(&expected, value_of(key, 1)), FIRN_OK);
                assert_int_equal(fi_buf_append(&expected, "+++", round + 1), FIRN_OK);
                DB_OK(fi_db_get(scene.keyspace, key_of(key), &out, &err));
                assert_true(fi_slice_equal(fi_buf_slice(&out), fi_buf_slice(&expected)));
            }
        }
        struct firn_db_cursor *cursor;
        DB_OK(fi_db_cursor_open(scene.keyspace, NULL, &cursor, &err));
        DB_OK(fi_db_cursor_last(cursor, &err));
        assert_true(fi_slice_equal(fi_db_cursor_value(cursor), fi_buf_slice(&expected)));
        fi_db_cursor_close(cursor);
        assert_clean(scene.db);
        scene_deinit(&scene);
    }
    fi_buf_deinit(&out);
    fi_buf_deinit(&expected);
}

static void
large_values_expire(void **state)
{
    firn_error err;
    struct fi_buf out = {0};
    for (unsigned way = 0; way < WAYS; way++) {
        struct scene scene;
        struct firn_db_cursor *cursor;
        scene_init(&scene);
        for (unsigned key = 0; key < SIZES; key++) {
            DB_OK(fi_db_put_ttl(scene.keyspace, key_of(key), value_of(key, 1),
                                key % 2 == 0 ? 5000 : 50000, FIRN_DURABILITY_DEFAULT, &err));
        }
        go_a_way(&scene, way);
        assert_all(scene.keyspace, NULL, 1);
        fi_sim_memory_set_time(scene.support.os, INT64_C(1010) * 1000000000);
        for (unsigned round = 0; round < 2; round++) {
            for (unsigned key = 0; key < SIZES; key++) {
                int rc = fi_db_get(scene.keyspace, key_of(key), &out, &err);
                assert_int_equal(rc, key % 2 == 0 ? FIRN_NOT_FOUND : FIRN_OK);
                if (rc == FIRN_OK) {
                    assert_value(fi_buf_slice(&out), key, 1);
                }
            }
            DB_OK(fi_db_cursor_open(scene.keyspace, NULL, &cursor, &err));
            DB_OK(fi_db_cursor_last(cursor, &err));
            assert_value(fi_db_cursor_value(cursor), 7, 1);
            assert_true(fi_db_cursor_expires_ms(cursor) == 1050000);
            fi_db_cursor_close(cursor);
            DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
        }
        fi_sim_memory_set_time(scene.support.os, INT64_C(2000) * 1000000000);
        DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
        assert_int_equal(stats_of(scene.db).value_files, 0);
        scene_deinit(&scene);
    }
    fi_buf_deinit(&out);
}

static void
transactions_read_and_write_them(void **state)
{
    firn_error err;
    struct fi_buf out = {0};
    struct scene scene;
    struct firn_txn *txn;
    const struct fi_txn_options options = {0};
    scene_init(&scene);
    put_all(&scene, 1);
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    DB_OK(fi_txn_begin(scene.db, &options, &txn, &err));
    DB_OK(fi_txn_get(txn, scene.keyspace, key_of(7), &out, &err));
    assert_value(fi_buf_slice(&out), 7, 1);
    DB_OK(fi_txn_put(txn, scene.keyspace, key_of(7), value_of(7, 2), &err));
    DB_OK(fi_txn_get(txn, scene.keyspace, key_of(7), &out, &err));
    assert_value(fi_buf_slice(&out), 7, 2);
    /* Meanwhile the same key gets another value, and moves. */
    put_all(&scene, 3);
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    DB_OK(fi_txn_get(txn, scene.keyspace, key_of(5), &out, &err));
    assert_value(fi_buf_slice(&out), 5, 1);
    DB_FAILS(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err), FIRN_CONFLICT, "key-007");
    fi_txn_close(txn);
    assert_all(scene.keyspace, NULL, 3);
    fi_buf_deinit(&out);
    scene_deinit(&scene);
}

static void
loads_and_clones_have_them(void **state)
{
    firn_error err;
    struct scene scene;
    struct firn_db_bulk *bulk;
    struct fi_os_dir *root;
    struct fi_os_dir *target;
    struct firn_db *clone;
    scene_init(&scene);
    DB_OK(fi_db_bulk_open(scene.keyspace, &bulk, &err));
    for (unsigned key = 0; key < SIZES; key++) {
        DB_OK(fi_db_bulk_put(bulk, key_of(key), value_of(key, 4), &err));
    }
    DB_OK(fi_db_bulk_commit(bulk, &err));
    fi_db_bulk_close(bulk);
    assert_all(scene.keyspace, NULL, 4);
    assert_int_equal(stats_of(scene.db).value_files, 1);
    DB_OK(fi_os_dir_open_path(scene.support.os, "/", &root, &err));
    DB_OK(fi_os_make_dir(root, "clone", 0700, &err));
    DB_OK(fi_os_dir_sync(root, &err));
    DB_OK(fi_os_dir_open(root, "clone", &target, &err));
    DB_OK(fi_copy_clone(scene.db, target, NULL, &err));
    put_all(&scene, 5);
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    DB_OK(fi_db_open(target, &db_support_existing, &clone, &err));
    assert_all(db_support_keyspace(clone, "k"), NULL, 4);
    assert_clean(clone);
    DB_OK(fi_db_close(clone, &err));
    fi_os_dir_close(target);
    fi_os_dir_close(root);
    assert_all(scene.keyspace, NULL, 5);
    scene_deinit(&scene);
}

static void
readers_keep_the_files_that_they_read(void **state)
{
    firn_error err;
    struct scene scene;
    struct firn_db *reader;
    struct firn_db_keyspace *keyspace;
    scene_init(&scene);
    put_all(&scene, 1);
    DB_OK(fi_db_maintain_flush(scene.db, &err));
    DB_OK(fi_db_open(scene.support.dir, &db_support_read_only, &reader, &err));
    DB_OK(fi_db_keyspace_open(reader, "k", &keyspace, &err));
    put_all(&scene, 2);
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    put_all(&scene, 3);
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    assert_all(keyspace, NULL, 1);
    assert_clean(reader);
    DB_OK(fi_db_refresh(reader, &err));
    assert_all(keyspace, NULL, 3);
    DB_OK(fi_db_close(reader, &err));
    put_all(&scene, 4);
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    assert_int_equal(stats_of(scene.db).waiting_files, 0);
    scene_deinit(&scene);
}

/* ---- differences ---- */

static int
take_difference(void *ctx, const char *keyspace, const struct fi_inspect_diff_key *key)
{
    assert_string_equal(keyspace, "k");
    assert_true(fi_slice_equal(key->key, key_of(6)));
    assert_value(key->before, 6, 1);
    assert_value(key->after, 6, 2);
    ++*(unsigned *)ctx;
    return FIRN_OK;
}

static void
differences_compare_what_references_lead_to(void **state)
{
    firn_error err;
    struct scene scene;
    unsigned count = 0;
    scene_init(&scene);
    put_all(&scene, 1);
    DB_OK(fi_db_checkpoint_create(scene.db, "a", NULL, &err));
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    /* The same again, and one that differs. */
    put_all(&scene, 1);
    DB_OK(fi_db_put(scene.keyspace, key_of(6), value_of(6, 2), FIRN_DURABILITY_DEFAULT, &err));
    DB_OK(fi_db_checkpoint_create(scene.db, "b", NULL, &err));
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    const struct fi_inspect_diff_visitor visitor = {.visit = take_difference, .ctx = &count};
    DB_OK(fi_inspect_diff(scene.db, "a", "b", &visitor, &err));
    assert_int_equal(count, 1);
    scene_deinit(&scene);
}

static void
keys_are_walked_without_their_values(void **state)
{
    firn_error err;
    struct scene scene;
    struct fi_os_dir *runs;
    struct firn_db_cursor *cursor;
    char name[64] = "";
    scene_init(&scene);
    put_all(&scene, 1);
    assert_keys(scene.keyspace);
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    for (unsigned key = 0; key < SIZES; key++) {
        DB_OK(fi_db_merge(scene.keyspace, key_of(key), FIRN_MERGE_APPEND, firn_str("+"),
                          FIRN_DURABILITY_DEFAULT, &err));
        assert_keys(scene.keyspace);
    }
    DB_OK(fi_db_close(scene.db, &err));
    DB_OK(fi_os_dir_open(scene.support.dir, "runs", &runs, &err));
    DB_OK(fi_os_dir_list(runs, note_values, name, &err));
    DB_OK(fi_os_remove_file(runs, name, &err));
    fi_os_dir_close(runs);
    open_scene(&scene);
    assert_keys(scene.keyspace);
    DB_OK(fi_db_cursor_open(scene.keyspace, NULL, &cursor, &err));
    DB_FAILS(fi_db_cursor_last(cursor, &err), FIRN_CORRUPT, "is missing");
    fi_db_cursor_close(cursor);
    scene_deinit(&scene);
}

/* Of values that end, what lies below operands is copied as it is. */
static void
exports_have_them(void **state)
{
    firn_error err;
    struct scene scene;
    struct firn_db *file;
    struct fi_buf out = {0};
    scene_init(&scene);
    for (unsigned key = 0; key < SIZES; key++) {
        DB_OK(fi_db_put_ttl(scene.keyspace, key_of(key), value_of(key, 1), 1000000,
                            FIRN_DURABILITY_DEFAULT, &err));
    }
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    const struct fi_copy_export_target first = {.os = scene.support.os, .path = "/first"};
    struct fi_storefile_progress progress = {.os = scene.support.os};
    DB_OK(fi_copy_export(scene.db, NULL, &first, &progress, &err));
    DB_OK(fi_db_path_open(scene.support.os, "/first", &db_support_read_only, &file, &err));
    assert_all(db_support_keyspace(file, "k"), NULL, 1);
    assert_clean(file);
    DB_OK(fi_db_close(file, &err));
    DB_OK(fi_db_merge(scene.keyspace, key_of(5), FIRN_MERGE_APPEND, firn_str("+"),
                      FIRN_DURABILITY_DEFAULT, &err));
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    const struct fi_copy_export_target second = {.os = scene.support.os, .path = "/second"};
    DB_OK(fi_copy_export(scene.db, NULL, &second, &progress, &err));
    DB_OK(fi_db_path_open(scene.support.os, "/second", &db_support_read_only, &file, &err));
    DB_OK(fi_db_get(db_support_keyspace(file, "k"), key_of(5), &out, &err));
    assert_int_equal(out.size, sizes[5] + 1);
    assert_int_equal(out.data[out.size - 1], '+');
    out.size--;
    assert_value(fi_buf_slice(&out), 5, 1);
    assert_clean(file);
    DB_OK(fi_db_close(file, &err));
    fi_buf_deinit(&out);
    scene_deinit(&scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_of_all_sizes_are_read_wherever_they_lie),
        cmocka_unit_test(snapshots_and_checkpoints_keep_theirs),
        cmocka_unit_test(overwritten_and_deleted_values_give_their_space_back),
        cmocka_unit_test(own_keyspaces_keep_their_values_in_runs),
        cmocka_unit_test(merges_stand_upon_large_values),
        cmocka_unit_test(large_values_expire),
        cmocka_unit_test(transactions_read_and_write_them),
        cmocka_unit_test(loads_and_clones_have_them),
        cmocka_unit_test(readers_keep_the_files_that_they_read),
        cmocka_unit_test(differences_compare_what_references_lead_to),
        cmocka_unit_test(keys_are_walked_without_their_values),
        cmocka_unit_test(exports_have_them),
    };
    int failed = cmocka_run_group_tests_name("db_large_values", tests, NULL, NULL);
    compression = FIRN_COMPRESSION_NONE;
    return failed +
           cmocka_run_group_tests_name("db_large_values, not compressed", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/instance: segments of the log that become value files: which do, that nobody writes to them any
 * more, the power cut at every call, damage, and what readers see meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "inspect/inspect.h"
#include "sim/sim_memory.h"
#include "support/store/db_support.h"
#include "support/test_file.h"
#include "support/test_random.h"
#include "support/test_share.h"

enum { KEYS = 64, LARGE = 20000, LARGE_MAX = 70000, HUGE = 200000 };

struct scene {
    struct db_support support;
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    size_t sizes[KEYS];      /* of the value of a key; 0: it is absent */
    unsigned versions[KEYS]; /* which one it is */
    bool is_uncertain[KEYS]; /* the last write was not acknowledged */
};

static const struct fi_db_options options = {
    .create_if_missing = true, .memory_bytes = 64 << 20, .compression = FIRN_COMPRESSION_NONE};

static firn_slice
key_of(unsigned key)
{
    static char bytes[16];
    (void)snprintf(bytes, sizeof bytes, "key-%03u", key);
    return firn_str(bytes);
}

static firn_slice
value_of(unsigned key, unsigned version, size_t size)
{
    static uint8_t bytes[HUGE];
    struct test_random random = {1000 * (uint64_t)version + key + 1};
    test_random_fill(&random, bytes, size);
    return firn_bytes(bytes, size);
}

static int
open_db(struct scene *scene, firn_error *err)
{
    int rc = fi_db_open(scene->support.dir, &options, &scene->db, err);
    if (rc == FIRN_OK) {
        rc = fi_db_keyspace_open(scene->db, "k", &scene->keyspace, err);
        if (rc != FIRN_OK) {
            fi_db_abandon(scene->db);
        }
    }
    return rc;
}

static void
scene_init(struct scene *scene, uint64_t seed)
{
    firn_error err;
    *scene = (struct scene){0};
    db_support_init(&scene->support, seed);
    DB_OK(open_db(scene, &err));
}

static void
scene_deinit(struct scene *scene)
{
    firn_error err;
    DB_OK(fi_db_close(scene->db, &err));
    db_support_deinit(&scene->support);
}

static void
reopen(struct scene *scene)
{
    firn_error err;
    DB_OK(open_db(scene, &err));
}

static int
put(struct scene *scene, unsigned key, size_t size, firn_error *err)
{
    unsigned version = scene->versions[key] + 1;
    int rc = fi_db_put(scene->keyspace, key_of(key), value_of(key, version, size),
                       FIRN_DURABILITY_FULL, err);
    scene->is_uncertain[key] = rc != FIRN_OK;
    if (rc == FIRN_OK) {
        scene->versions[key] = version;
        scene->sizes[key] = size;
    }
    return rc;
}

static int
put_some(struct scene *scene, unsigned first, unsigned count, size_t size, firn_error *err)
{
    int rc = FIRN_OK;
    for (unsigned key = first; key < first + count && rc == FIRN_OK; key++) {
        rc = put(scene, key, size, err);
    }
    return rc;
}

static void
assert_key(struct scene *scene, unsigned key)
{
    firn_error err;
    struct fi_buf out = {0};
    int rc = fi_db_get(scene->keyspace, key_of(key), &out, &err);
    bool is_new =
        rc == FIRN_OK && scene->is_uncertain[key] && out.size > 0 &&
        fi_slice_equal(fi_buf_slice(&out), value_of(key, scene->versions[key] + 1, out.size));
    if (is_new) {
        scene->versions[key]++;
        scene->sizes[key] = out.size;
    } else if (scene->sizes[key] == 0) {
        assert_int_equal(rc, FIRN_NOT_FOUND);
    } else {
        DB_OK(rc);
        assert_true(fi_slice_equal(fi_buf_slice(&out),
                                   value_of(key, scene->versions[key], scene->sizes[key])));
    }
    scene->is_uncertain[key] = false;
    fi_buf_deinit(&out);
}

static void
assert_all(struct scene *scene)
{
    firn_error err;
    firn_store_check_result report = {.size = sizeof report};
    for (unsigned key = 0; key < KEYS; key++) {
        assert_key(scene, key);
    }
    DB_OK(fi_inspect_check(scene->db, NULL, &report, &err));
}

/* ---- the files ---- */

struct files {
    struct fi_os_dir *dir;
    unsigned sealed;
    unsigned adopted;
    char last[64]; /* an adopted one */
};

static int
look_at_file(void *ctx, const struct fi_os_dirent *entry)
{
    struct files *files = ctx;
    struct fi_buf bytes = {0};
    if (strstr(entry->name, ".values") == NULL) {
        return FIRN_OK;
    }
    test_file_read(files->dir, entry->name, &bytes);
    assert_true(bytes.size > 128);
    if (memcmp(bytes.data, "firnlog\n", 8) == 0) {
        files->adopted++;
        (void)snprintf(files->last, sizeof files->last, "%s", entry->name);
    } else {
        files->sealed++;
    }
    fi_buf_deinit(&bytes);
    return FIRN_OK;
}

static struct files
files_of(struct scene *scene)
{
    firn_error err;
    struct files files = {0};
    DB_OK(fi_os_dir_open(scene->support.dir, "runs", &files.dir, &err));
    DB_OK(fi_os_dir_list(files.dir, look_at_file, &files, &err));
    fi_os_dir_close(files.dir);
    files.dir = NULL;
    return files;
}

static firn_store_statistics
stats_of(struct firn_db *db)
{
    firn_error err;
    firn_store_statistics stats = {.size = sizeof stats};
    DB_OK(fi_inspect_stats(db, &stats, &err));
    return stats;
}

/* ---- which do ---- */

static void
a_segment_of_large_values_becomes_a_value_file(void **state)
{
    firn_error err;
    struct scene scene;
    scene_init(&scene, 1);
    for (unsigned round = 0; round < 4; round++) {
        DB_OK(put_some(&scene, 10 * round, 10, LARGE, &err));
        DB_OK(fi_db_maintain_flush(scene.db, &err));
        struct files files = files_of(&scene);
        assert_int_equal(files.adopted, round + 1);
        assert_int_equal(files.sealed, 0);
        firn_store_statistics stats = stats_of(scene.db);
        assert_int_equal(stats.value_files, round + 1);
        assert_int_equal(stats.value_live_bytes, UINT64_C(10) * LARGE * (round + 1));
        assert_true(stats.value_bytes >= stats.value_live_bytes);
        assert_true(stats.value_bytes <= stats.value_live_bytes + stats.value_live_bytes / 50);
        assert_all(&scene);
    }
    DB_OK(fi_db_close(scene.db, &err));
    reopen(&scene);
    assert_all(&scene);
    scene_deinit(&scene);
}

/* Also those of keys that a batch has twice, and of values that end. */
static void
all_sorts_of_puts_are_found_in_it(void **state)
{
    firn_error err;
    struct scene scene;
    struct firn_db_batch *batch;
    struct fi_buf out = {0};
    scene_init(&scene, 1);
    DB_OK(fi_db_batch_create(&batch, &err));
    DB_OK(fi_db_batch_put(batch, scene.keyspace, key_of(0), value_of(0, 8, 5000), &err));
    DB_OK(fi_db_batch_put(batch, scene.keyspace, key_of(1), value_of(1, 1, LARGE_MAX), &err));
    DB_OK(fi_db_batch_put(batch, scene.keyspace, key_of(0), value_of(0, 1, LARGE), &err));
    DB_OK(fi_db_batch_put(batch, scene.keyspace, key_of(2), firn_str("small"), &err));
    DB_OK(fi_db_write(scene.db, batch, FIRN_DURABILITY_FULL, &err));
    fi_db_batch_destroy(batch);
    DB_OK(fi_db_put_ttl(scene.keyspace, key_of(3), value_of(3, 1, LARGE), INT64_C(100000000000),
                        FIRN_DURABILITY_FULL, &err));
    for (int round = 0; round < 2; round++) {
        DB_OK(fi_db_maintain_flush(scene.db, &err));
        assert_int_equal(files_of(&scene).adopted, 1);
        assert_int_equal(stats_of(scene.db).value_live_bytes, 2 * LARGE + LARGE_MAX);
        DB_OK(fi_db_get(scene.keyspace, key_of(3), &out, &err));
        assert_true(fi_slice_equal(fi_buf_slice(&out), value_of(3, 1, LARGE)));
        DB_OK(fi_db_get(scene.keyspace, key_of(0), &out, &err));
        assert_true(fi_slice_equal(fi_buf_slice(&out), value_of(0, 1, LARGE)));
        DB_OK(fi_db_get(scene.keyspace, key_of(1), &out, &err));
        assert_true(fi_slice_equal(fi_buf_slice(&out), value_of(1, 1, LARGE_MAX)));
        DB_OK(fi_db_close(scene.db, &err));
        reopen(&scene);
    }
    fi_buf_deinit(&out);
    scene_deinit(&scene);
}

/* What a crash left in the log is adopted like anything else. */
static void
what_was_replayed_is_found_in_it_too(void **state)
{
    firn_error err;
    struct scene scene;
    scene_init(&scene, 1);
    DB_OK(put_some(&scene, 0, 10, LARGE, &err));
    fi_db_abandon(scene.db);
    db_support_cut(&scene.support, 0);
    reopen(&scene);
    DB_OK(fi_db_maintain_flush(scene.db, &err));
    assert_int_equal(files_of(&scene).adopted, 1);
    assert_int_equal(files_of(&scene).sealed, 0);
    assert_all(&scene);
    scene_deinit(&scene);
}

static void
a_segment_with_much_else_does_not(void **state)
{
    firn_error err;
    struct scene scene;
    /* Small values. */
    scene_init(&scene, 1);
    DB_OK(put_some(&scene, 0, 5, LARGE, &err));
    DB_OK(put_some(&scene, 5, 13, 3000, &err));
    DB_OK(fi_db_maintain_flush(scene.db, &err));
    assert_int_equal(files_of(&scene).adopted, 0);
    assert_int_equal(files_of(&scene).sealed, 1);
    /* Values that were replaced. */
    DB_OK(put_some(&scene, 20, 5, LARGE, &err));
    DB_OK(put_some(&scene, 20, 3, LARGE, &err));
    DB_OK(fi_db_maintain_flush(scene.db, &err));
    assert_int_equal(files_of(&scene).adopted, 0);
    /* Fewer of both. */
    DB_OK(put_some(&scene, 30, 6, LARGE, &err));
    DB_OK(put_some(&scene, 30, 1, LARGE, &err));
    DB_OK(put_some(&scene, 40, 3, 3000, &err));
    DB_OK(fi_db_maintain_flush(scene.db, &err));
    assert_int_equal(files_of(&scene).adopted, 1);
    assert_all(&scene);
    scene_deinit(&scene);
}

static void
values_to_be_compressed_are_written_anew(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct scene scene = {.support = support, .db = db_support_open(support.dir)};
    scene.keyspace = db_support_keyspace(scene.db, "k");
    static uint8_t bytes[LARGE];
    for (unsigned key = 0; key < 10; key++) {
        test_random_fill(&(struct test_random){key + 1}, bytes + LARGE / 8, LARGE - LARGE / 8);
        DB_OK(fi_db_put(scene.keyspace, key_of(key), firn_bytes(bytes, LARGE), FIRN_DURABILITY_FULL,
                        &err));
    }
    DB_OK(fi_db_maintain_flush(scene.db, &err));
    assert_int_equal(files_of(&scene).adopted, 0);
    assert_int_equal(files_of(&scene).sealed, 1);
    /* These cannot be. */
    DB_OK(put_some(&scene, 10, 10, LARGE, &err));
    DB_OK(fi_db_maintain_flush(scene.db, &err));
    assert_int_equal(files_of(&scene).adopted, 1);
    assert_int_equal(files_of(&scene).sealed, 1);
    DB_OK(fi_db_close(scene.db, &err));
    db_support_deinit(&scene.support);
}

/* Compactions move what lives, and the file goes. */
static void
its_garbage_is_given_back(void **state)
{
    firn_error err;
    struct scene scene;
    scene_init(&scene, 1);
    DB_OK(put_some(&scene, 0, 60, LARGE, &err));
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    uint64_t before = stats_of(scene.db).value_bytes;
    assert_true(before >= UINT64_C(60) * LARGE);
    for (unsigned key = 0; key < 60; key++) {
        if (key % 4 != 0) {
            DB_OK(fi_db_delete(scene.keyspace, key_of(key), FIRN_DURABILITY_FULL, &err));
            scene.sizes[key] = 0;
        }
    }
    DB_OK(fi_db_maintain_compact(scene.db, NULL, &err));
    assert_int_equal(stats_of(scene.db).value_bytes, stats_of(scene.db).value_live_bytes);
    assert_int_equal(files_of(&scene).adopted, 0);
    assert_all(&scene);
    scene_deinit(&scene);
}

/* ---- nobody writes to them ---- */

/* Segments of such sizes are used again where they were not lent, and value files of such sizes are
 * left alone by compactions. */
static void
a_file_that_was_adopted_is_never_used_again(void **state)
{
    firn_error err;
    for (unsigned way = 0; way < 3; way++) {
        struct scene scene;
        scene_init(&scene, way);
        for (unsigned round = 0; round < 9; round++) {
            /* Every third with so much else that it is not adopted. */
            DB_OK(put_some(&scene, 6 * round, 6, HUGE, &err));
            for (unsigned i = 0; i < 30 && round % 3 == 2; i++) {
                DB_OK(put(&scene, 60, LARGE_MAX, &err));
            }
            DB_OK(fi_db_maintain_flush(scene.db, &err));
            if (way == 1) {
                fi_db_abandon(scene.db);
                reopen(&scene);
            } else if (way == 2) {
                DB_OK(fi_db_close(scene.db, &err));
                reopen(&scene);
            }
        }
        assert_int_equal(files_of(&scene).adopted, 6);
        assert_all(&scene);
        scene_deinit(&scene);
    }
}

static void
clones_and_readers_have_their_values(void **state)
{
    firn_error err;
    struct scene scene;
    struct firn_db *reader;
    struct firn_db_keyspace *keyspace;
    struct fi_buf out = {0};
    scene_init(&scene, 1);
    DB_OK(put_some(&scene, 0, 10, LARGE, &err));
    DB_OK(fi_db_open(scene.support.dir, &db_support_read_only, &reader, &err));
    DB_OK(fi_db_keyspace_open(reader, "k", &keyspace, &err));
    for (unsigned round = 0; round < 4; round++) {
        DB_OK(fi_db_maintain_flush(scene.db, &err));
        if (round == 2) {
            DB_OK(fi_db_refresh(reader, &err));
        }
        for (unsigned key = 0; key < 10; key++) {
            unsigned version = round < 2 ? 1 : 3;
            DB_OK(fi_db_get(keyspace, key_of(key), &out, &err));
            assert_true(fi_slice_equal(fi_buf_slice(&out), value_of(key, version, LARGE)));
        }
        DB_OK(put_some(&scene, 0, 10, LARGE, &err));
    }
    DB_OK(fi_db_close(reader, &err));
    assert_all(&scene);
    fi_buf_deinit(&out);
    scene_deinit(&scene);
}

/* ---- the power ---- */

/* Everything that adopts, gives up, moves and removes; stops at the first failure. */
static void
live(struct scene *scene)
{
    firn_error err;
    int rc;
    FI_TRY(put_some(scene, 0, 4, LARGE_MAX, &err));
    FI_TRY(fi_db_maintain_flush(scene->db, &err));
    FI_TRY(put_some(scene, 4, 4, LARGE_MAX, &err));
    FI_TRY(put_some(scene, 8, 3, 100, &err));
    FI_TRY(fi_db_maintain_flush(scene->db, &err));
    FI_TRY(put_some(scene, 0, 6, LARGE, &err));
    FI_TRY(fi_db_maintain_compact(scene->db, NULL, &err));
    FI_TRY(put_some(scene, 20, 4, LARGE_MAX, &err));
    FI_TRY(fi_db_maintain_flush(scene->db, &err));
    FI_TRY(put_some(scene, 24, 4, LARGE, &err));
out:
    return;
}

/* Goes on so long that every file of the log is given up, or used again. */
static void
live_on(struct scene *scene)
{
    firn_error err;
    for (unsigned round = 0; round < 3; round++) {
        DB_OK(put_some(scene, 30 + 4 * round, 4, LARGE_MAX, &err));
        DB_OK(fi_db_maintain_flush(scene->db, &err));
    }
}

/* Returns whether the power failed. */
static bool
live_with_cut(uint64_t call, uint64_t seed)
{
    struct scene scene;
    scene_init(&scene, call);
    uint64_t first = fi_sim_memory_calls(scene.support.os);
    fi_sim_memory_set_cut_at(scene.support.os, first + call);
    live(&scene);
    bool is_off = fi_sim_memory_is_off(scene.support.os);
    fi_db_abandon(scene.db);
    fi_sim_memory_set_cut_at(scene.support.os, 0);
    db_support_cut(&scene.support, seed);
    reopen(&scene);
    assert_all(&scene);
    live_on(&scene);
    assert_all(&scene);
    fi_db_abandon(scene.db);
    db_support_cut(&scene.support, seed);
    reopen(&scene);
    assert_all(&scene);
    scene_deinit(&scene);
    return is_off;
}

static void
the_power_may_fail_at_every_call(void **state)
{
    unsigned cuts = 0;
    for (uint64_t seed = 0; seed < 3; seed++) {
        const struct test_share share = test_share_of(1, seed);
        for (uint64_t call = share.first; live_with_cut(call, seed); call += share.step) {
            cuts++;
        }
    }
    (void)printf("%u power cuts\n", cuts);
    assert_true(cuts * test_share_of(1, 0).step > 150);
}

/* ---- damage ---- */

/* Every so-manieth byte of an adopted file: what is read is right, or damage. */
static void
damage_is_found(void **state)
{
    firn_error err;
    enum { VALUES = 3, SIZE = 5000 };
    struct scene scene;
    struct fi_os_dir *runs;
    struct fi_buf bytes = {0};
    struct fi_buf out = {0};
    unsigned found = 0;
    unsigned tried = 0;
    scene_init(&scene, 1);
    DB_OK(put_some(&scene, 0, VALUES, SIZE, &err));
    DB_OK(fi_db_maintain_flush(scene.db, &err));
    struct files files = files_of(&scene);
    assert_int_equal(files.adopted, 1);
    DB_OK(fi_db_close(scene.db, &err));
    DB_OK(fi_os_dir_open(scene.support.dir, "runs", &runs, &err));
    test_file_read(runs, files.last, &bytes);
    for (size_t at = 0; at < bytes.size; at += at < 400 ? 1 : 61) {
        bytes.data[at] ^= 0x20;
        test_file_write(runs, files.last, bytes.data, bytes.size);
        bytes.data[at] ^= 0x20;
        reopen(&scene);
        tried++;
        for (unsigned key = 0; key < VALUES; key++) {
            int rc = fi_db_get(scene.keyspace, key_of(key), &out, &err);
            assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
            assert_true(rc != FIRN_OK ||
                        fi_slice_equal(fi_buf_slice(&out), value_of(key, 1, SIZE)));
            assert_true(rc != FIRN_CORRUPT || strstr(err.text, files.last) != NULL);
            found += rc == FIRN_CORRUPT;
        }
        fi_db_abandon(scene.db);
    }
    assert_true(found > tried / 2);
    /* Too short, and not there. */
    test_file_write(runs, files.last, bytes.data, bytes.size - 600);
    reopen(&scene);
    DB_FAILS(fi_db_get(scene.keyspace, key_of(0), &out, &err), FIRN_CORRUPT,
             "is not the file of values");
    fi_db_abandon(scene.db);
    DB_OK(fi_os_remove_file(runs, files.last, &err));
    reopen(&scene);
    DB_FAILS(fi_db_get(scene.keyspace, key_of(0), &out, &err), FIRN_CORRUPT, "is missing");
    fi_os_dir_close(runs);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&out);
    scene_deinit(&scene);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_of_large_values_becomes_a_value_file),
        cmocka_unit_test(all_sorts_of_puts_are_found_in_it),
        cmocka_unit_test(what_was_replayed_is_found_in_it_too),
        cmocka_unit_test(a_segment_with_much_else_does_not),
        cmocka_unit_test(values_to_be_compressed_are_written_anew),
        cmocka_unit_test(its_garbage_is_given_back),
        cmocka_unit_test(a_file_that_was_adopted_is_never_used_again),
        cmocka_unit_test(clones_and_readers_have_their_values),
        cmocka_unit_test(the_power_may_fail_at_every_call),
        cmocka_unit_test(damage_is_found),
    };
    return cmocka_run_group_tests_name("db_adopt", tests, NULL, NULL);
}

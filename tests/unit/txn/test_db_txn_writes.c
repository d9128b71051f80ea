/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/txn: the write set of a transaction, against a model: random writes, marks, going back to
 * them, and tidying, which must change nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "support/store/db_support.h"
#include "support/test_alloc.h"
#include "support/test_random.h"
#include "txn/txn_internal.h"

enum { TREES = 2, KEYS = 20, MARKS = 5 };

struct overlay {
    enum fi_txn_writes_answer answers[TREES][KEYS];
    uint32_t values[TREES][KEYS];
};

struct scene {
    struct test_random random;
    struct fi_db_tree trees[TREES];
    struct firn_db_keyspace keyspaces[TREES];
    struct fi_txn_writes writes;
    struct overlay now;
    struct overlay then[MARKS];
    struct fi_txn_writes_mark marks[MARKS];
    size_t mark_count;
    uint32_t last_value;
};

static firn_slice
key_of(unsigned key, char out[8])
{
    (void)snprintf(out, 8, "%02u", key);
    return firn_str(out);
}

static void
step_write(struct scene *scene, firn_error *err)
{
    char text[8];
    char end[8];
    uint8_t bytes[4];
    unsigned tree = (unsigned)test_random_below(&scene->random, TREES);
    unsigned key = (unsigned)test_random_below(&scene->random, KEYS);
    unsigned upper = key + 1 + (unsigned)test_random_below(&scene->random, KEYS - key);
    uint64_t dice = test_random_below(&scene->random, 8);
    struct fi_entry entry = {.key = key_of(key, text), .kind = FI_ENTRY_PUT};
    fi_store_le32(bytes, ++scene->last_value);
    entry.value = firn_bytes(bytes, 4);
    if (dice == 0) {
        entry.kind = FI_ENTRY_RANGE_DELETE;
        entry.value = key_of(upper, end);
    } else if (dice < 3) {
        entry.kind = FI_ENTRY_DELETE;
        entry.value = firn_bytes(NULL, 0);
    }
    if (fi_txn_writes_add(&scene->writes, &scene->keyspaces[tree], &entry, err) != FIRN_OK) {
        return; /* without a trace */
    }
    for (unsigned i = key; i < (dice == 0 ? upper : key + 1); i++) {
        scene->now.answers[tree][i] = dice < 3 ? FI_TXN_WRITES_DELETED : FI_TXN_WRITES_PUT;
        scene->now.values[tree][i] = scene->last_value;
    }
}

static void
step_mark(struct scene *scene, firn_error *err)
{
    size_t at = (size_t)test_random_below(&scene->random, MARKS);
    if (at >= scene->mark_count) {
        scene->marks[scene->mark_count] = fi_txn_writes_mark(&scene->writes);
        scene->then[scene->mark_count++] = scene->now;
    } else if (test_random_below(&scene->random, 3) == 0) {
        fi_txn_writes_unmark(&scene->writes, &scene->marks[at],
                             at > 0 ? &scene->marks[at - 1] : NULL);
        scene->mark_count = at;
    } else if (fi_txn_writes_rewind(&scene->writes, &scene->marks[at], err) == FIRN_OK) {
        scene->now = scene->then[at];
        scene->mark_count = at + 1;
    }
}

static void
step_tidy(struct scene *scene, firn_error *err)
{
    struct fi_txn_writes_mark *marks[MARKS];
    for (size_t i = 0; i < scene->mark_count; i++) {
        marks[i] = &scene->marks[i];
    }
    size_t points_before = fi_db_batch_op_count(&scene->writes.batch) - scene->writes.range_count;
    bool had_pointless = scene->writes.pointless_bytes > 0;
    int rc = fi_txn_writes_tidy(&scene->writes, marks, scene->mark_count, err);
    /* Each key is there once for each mark, and once after the last. */
    size_t points = fi_db_batch_op_count(&scene->writes.batch) - scene->writes.range_count;
    assert_true(rc != FIRN_OK || points <= (scene->mark_count + 1) * TREES * KEYS);
    assert_true(rc != FIRN_OK || scene->writes.pointless_bytes == 0);
    assert_true(rc != FIRN_OK || had_pointless == (points < points_before));
}

static uint32_t
value_of(firn_slice value)
{
    assert_int_equal(value.size, 4);
    return fi_load_le32(value.data);
}

/* Gets, and the walk over the keys both ways. */
static void
compare(struct scene *scene)
{
    const struct fi_txn_writes *writes = &scene->writes;
    for (unsigned tree = 0; tree < TREES; tree++) {
        const struct fi_db_tree *at = &scene->trees[tree];
        fi_txn_writes_place place = fi_txn_writes_seek(writes, at, firn_str(""));
        fi_txn_writes_place last = 0;
        for (unsigned key = 0; key < KEYS; key++) {
            char text[8];
            firn_slice value;
            firn_slice name = key_of(key, text);
            assert_int_equal(fi_txn_writes_get(writes, at, name, &value),
                             scene->now.answers[tree][key]);
            if (scene->now.answers[tree][key] == FI_TXN_WRITES_PUT) {
                assert_int_equal(value_of(value), scene->now.values[tree][key]);
            }
            if (place != 0 && fi_slice_equal(fi_txn_writes_key(writes, place), name)) {
                assert_int_equal(fi_txn_writes_at(writes, place, &value),
                                 scene->now.answers[tree][key]);
                assert_int_equal(fi_txn_writes_seek(writes, at, name), place);
                assert_int_equal(fi_txn_writes_seek_before(writes, at, &name), last);
                last = place;
                place = fi_txn_writes_next(writes, place);
                assert_int_equal(fi_txn_writes_seek_after(writes, at, name), place);
            } else {
                assert_int_not_equal(scene->now.answers[tree][key], FI_TXN_WRITES_PUT);
            }
        }
        assert_int_equal(place, 0);
        assert_int_equal(fi_txn_writes_seek_before(writes, at, NULL), last);
    }
}

static void
run(uint64_t seed, bool lacks_memory)
{
    firn_error err;
    struct firn_db *db = calloc(1, sizeof *db); /* only its address counts */
    struct scene *scene = calloc(1, sizeof *scene);
    assert_true(db != NULL && scene != NULL);
    scene->random.state = seed;
    for (unsigned i = 0; i < TREES; i++) {
        scene->trees[i].id = i + 7;
        scene->keyspaces[i] =
            (struct firn_db_keyspace){.db = db, .tree = &scene->trees[i], .id = i + 7};
    }
    for (unsigned i = 0; i < 300; i++) {
        uint64_t dice = test_random_below(&scene->random, 20);
        if (lacks_memory) {
            test_alloc_fail_at(1 + test_random_below(&scene->random, 6), false);
        }
        if (dice < 15) {
            step_write(scene, &err);
        } else if (dice < 19) {
            step_mark(scene, &err);
        } else {
            step_tidy(scene, &err);
        }
        test_alloc_fail_at(0, false);
        compare(scene);
    }
    fi_txn_writes_deinit(&scene->writes);
    free(scene);
    free(db);
}

static void
random_write_sets_agree_with_the_model(void **state)
{
    struct test_random random;
    test_random_init(&random, "db_txn_writes", 1);
    test_alloc_install();
    for (unsigned i = 0; i < 60; i++) {
        run(test_random_next(&random), i % 2 != 0);
        assert_int_equal(test_alloc_alive(), 0);
    }
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_write_sets_agree_with_the_model),
    };
    return cmocka_run_group_tests_name("db_txn_writes", tests, NULL, NULL);
}

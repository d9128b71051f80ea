/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/instance: many keyspaces in little memory. Their memtables are flushed together, their runs merged
 * together: what that costs does not grow with their number as it does for large ones, and it is as safe:
 * while calls fail, at each power cut, against a model, and beside readers and writers in threads.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "inspect/inspect.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/store/db_support.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "support/test_threads.h"

enum { TREES = 24, KEYS = 12, VALUE = 200 };

static const struct fi_db_options small = {
    .create_if_missing = true, .memory_bytes = 1 << 20, .durability = FIRN_DURABILITY_OS};

static firn_slice
key_of(unsigned key, char out[16])
{
    (void)snprintf(out, 16, "key%04u", key);
    return firn_str(out);
}

/* Version 0 is none. */
static firn_slice
value_of(unsigned tree, unsigned key, uint64_t version, uint8_t out[VALUE])
{
    struct test_random random = {version * 1000003 + tree * 1009ULL + key};
    test_random_fill(&random, out, VALUE);
    return firn_bytes(out, VALUE);
}

static int
open_trees(struct firn_db *db, struct firn_db_keyspace **trees, unsigned count, firn_error *err)
{
    int rc = FIRN_OK;
    for (unsigned i = 0; i < count && rc == FIRN_OK; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "tree%03u", i);
        rc = fi_db_keyspace_open(db, name, &trees[i], err);
    }
    return rc;
}

/* One commit with a key of each tree. */
static int
put_row(struct firn_db *db, struct firn_db_keyspace **trees, unsigned key, uint64_t version,
        firn_durability durability, firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    int rc = fi_db_batch_create(&batch, err);
    for (unsigned i = 0; i < TREES && rc == FIRN_OK; i++) {
        char text[16];
        uint8_t value[VALUE];
        rc = fi_db_batch_put(batch, trees[i], key_of(key, text), value_of(i, key, version, value),
                             err);
    }
    if (rc == FIRN_OK) {
        rc = fi_db_write(db, batch, durability, err);
    }
    fi_db_batch_destroy(batch);
    return rc;
}

/* Whether all trees have that version of the key; fails unless all have, or none has. */
static bool
has_row(struct firn_db_keyspace **trees, unsigned key, uint64_t version)
{
    unsigned found = 0;
    for (unsigned i = 0; i < TREES; i++) {
        firn_error err;
        char text[16];
        uint8_t value[VALUE];
        struct fi_buf out = {0};
        int rc = fi_db_get(trees[i], key_of(key, text), &out, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
        if (rc == FIRN_OK) {
            assert_true(fi_slice_equal(fi_buf_slice(&out), value_of(i, key, version, value)));
            found++;
        }
        fi_buf_deinit(&out);
    }
    assert_true(found == 0 || found == TREES);
    return found == TREES;
}

static void
check_sound(struct firn_db *db)
{
    firn_error err;
    firn_store_check_result report;
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
}

/* ---- sharing ---- */

/* What a flush of so many trees has to make durable, in calls. */
static uint64_t
dir_syncs_of_flush(unsigned count)
{
    firn_error err;
    struct db_support support;
    struct fi_os *faulty;
    struct fi_os_dir *dir;
    struct firn_db *db;
    struct firn_db_keyspace *trees[TREES];
    db_support_init(&support, 7);
    DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
    DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
    DB_OK(fi_db_open(dir, &small, &db, &err));
    DB_OK(open_trees(db, trees, count, &err));
    DB_OK(fi_db_maintain_flush(db, &err));
    for (unsigned i = 0; i < count; i++) {
        char text[16];
        DB_OK(fi_db_put(trees[i], key_of(i, text), firn_str("1"), FIRN_DURABILITY_OS, &err));
    }
    firn_store_statistics before;
    firn_store_statistics after;
    DB_OK(fi_inspect_stats(db, &before, &err));
    const struct fi_sim_fault_plan plan = {.call = UINT64_MAX, .classes = FI_SIM_FAULT_SYNCS};
    fi_sim_fault_set_plan(faulty, &plan);
    DB_OK(fi_db_maintain_flush(db, &err));
    uint64_t calls = fi_sim_fault_calls(faulty);
    fi_sim_fault_set_plan(faulty, NULL);
    DB_OK(fi_inspect_stats(db, &after, &err));
    assert_int_equal(after.flushes - before.flushes, count);
    DB_OK(fi_db_close(db, &err));
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(faulty);
    db_support_deinit(&support);
    return calls;
}

static void
a_flush_of_many_trees_shares_its_syncs(void **state)
{
    uint64_t one = dir_syncs_of_flush(1);
    uint64_t all = dir_syncs_of_flush(TREES);
    (void)printf("syncs of a flush: %llu of one tree, %llu of %d\n", (unsigned long long)one,
                 (unsigned long long)all, TREES);
    /* A file each; names, MANIFEST and log once for all. */
    assert_true(all <= one + TREES);
}

/* Where memory is out, memtables leave together and not one by one. */
static void
memtables_leave_together(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    struct firn_db_keyspace *trees[TREES];
    firn_store_statistics stats;
    db_support_init(&support, 8);
    DB_OK(fi_db_open(support.dir, &small, &db, &err));
    DB_OK(open_trees(db, trees, TREES, &err));
    unsigned together = 0;
    uint64_t flushes = 0;
    for (unsigned key = 0; key < 400; key++) {
        DB_OK(put_row(db, trees, key % KEYS, key, FIRN_DURABILITY_OS, &err));
        DB_OK(fi_inspect_stats(db, &stats, &err));
        together =
            stats.memtables_waiting > together ? (unsigned)stats.memtables_waiting : together;
        flushes = stats.flushes;
    }
    assert_true(flushes > TREES);
    assert_true(together >= 3);
    for (unsigned key = 400 - KEYS; key < 400; key++) {
        assert_true(has_row(trees, key % KEYS, key));
    }
    check_sound(db);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* ---- failures ---- */

enum { ROWS = 6 };

struct life {
    bool is_acknowledged[ROWS];
    bool had_failure;
    bool may_not_read; /* reading may fail */
};

static void
note(struct life *life, int rc)
{
    life->had_failure = life->had_failure || rc != FIRN_OK;
}

/* Rows of commits, flushes of all trees between them, and merges of all. */
static void
live(struct life *life, struct fi_os_dir *dir)
{
    firn_error err;
    struct firn_db *db;
    struct firn_db_keyspace *trees[TREES];
    int rc = fi_db_open(dir, &small, &db, &err);
    note(life, rc);
    if (rc != FIRN_OK) {
        return;
    }
    rc = open_trees(db, trees, TREES, &err);
    note(life, rc);
    for (unsigned row = 0; row < ROWS && rc == FIRN_OK; row++) {
        int put_rc = put_row(db, trees, row, 1, FIRN_DURABILITY_FULL, &err);
        life->is_acknowledged[row] = put_rc == FIRN_OK;
        note(life, put_rc);
        if (row % 2 == 1) {
            note(life, fi_db_maintain_flush(db, &err));
        }
        for (unsigned key = 0; key <= row && !life->had_failure && !life->may_not_read; key++) {
            assert_true(has_row(trees, key, 1));
        }
    }
    if (rc == FIRN_OK) {
        note(life, fi_db_maintain_compact(db, NULL, &err));
    }
    note(life, fi_db_close(db, &err));
}

static void
verify(const struct life *life, struct fi_os_dir *dir)
{
    firn_error err;
    struct firn_db *db;
    struct firn_db_keyspace *trees[TREES];
    DB_OK(fi_db_open(dir, &small, &db, &err));
    DB_OK(open_trees(db, trees, TREES, &err));
    for (unsigned row = 0; row < ROWS; row++) {
        assert_true(has_row(trees, row, 1) || !life->is_acknowledged[row]);
    }
    check_sound(db);
    DB_OK(fi_db_close(db, &err));
}

static void
a_life_without_failures_loses_nothing(void **state)
{
    struct db_support support;
    struct life life = {.had_failure = false};
    db_support_init(&support, 9);
    live(&life, support.dir);
    assert_false(life.had_failure);
    verify(&life, support.dir);
    db_support_deinit(&support);
}

static void
each_power_cut_of_shared_works_is_survived(void **state)
{
    uint64_t cuts = 0;
    bool was_cut = true;
    const struct test_share share = test_share_of(5, 1);
    for (uint64_t call = share.first; was_cut; call += share.step) {
        struct db_support support;
        struct life life = {.may_not_read = true};
        db_support_init(&support, call);
        fi_sim_memory_set_cut_at(support.os, fi_sim_memory_calls(support.os) + call);
        live(&life, support.dir);
        was_cut = fi_sim_memory_is_off(support.os);
        assert_true(was_cut || !life.had_failure);
        fi_sim_memory_set_cut_at(support.os, 0);
        db_support_cut(&support, call % 7);
        verify(&life, support.dir);
        db_support_deinit(&support);
        cuts += was_cut;
    }
    (void)printf("%llu power cuts\n", (unsigned long long)cuts);
    assert_true(cuts * share.step > 250);
}

static bool
live_with(const struct fi_sim_fault_plan *plan)
{
    firn_error err;
    struct db_support support;
    struct life life = {.may_not_read = true};
    struct fi_os *faulty;
    struct fi_os_dir *dir;
    db_support_init(&support, plan->call);
    DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
    DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
    fi_sim_fault_set_plan(faulty, plan);
    live(&life, dir);
    bool was_hit = fi_sim_fault_hits(faulty) > 0;
    fi_sim_fault_set_plan(faulty, NULL);
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(faulty);
    assert_true(was_hit || !life.had_failure);
    verify(&life, support.dir);
    db_support_cut(&support, plan->call + 1);
    verify(&life, support.dir);
    db_support_deinit(&support);
    return was_hit;
}

static void
each_failed_call_of_shared_works_is_survived(void **state)
{
    static const struct {
        unsigned classes;
        int error_number;
    } plans[] = {
        {FI_SIM_FAULT_SYNCS, EIO},
        {FI_SIM_FAULT_WRITES | FI_SIM_FAULT_SYNCS, ENOSPC},
        {FI_SIM_FAULT_OPENS | FI_SIM_FAULT_METADATA, EACCES},
    };
    for (size_t i = 0; i < sizeof plans / sizeof *plans; i++) {
        for (int for_ever = 0; for_ever <= 1; for_ever++) {
            const struct test_share share = test_share_of(for_ever ? 23 : 7, i);
            struct fi_sim_fault_plan plan = {.call = share.first,
                                             .for_ever = for_ever != 0,
                                             .classes = plans[i].classes,
                                             .error_number = plans[i].error_number};
            while (live_with(&plan)) {
                plan.call += share.step;
            }
            assert_true(plan.call > 20);
        }
    }
}

/* ---- a model ---- */

struct model {
    uint64_t versions[TREES][KEYS]; /* 0: absent */
};

static void
compare(struct firn_db_keyspace **trees, const struct model *model)
{
    for (unsigned i = 0; i < TREES; i++) {
        for (unsigned key = 0; key < KEYS; key++) {
            firn_error err;
            char text[16];
            uint8_t value[VALUE];
            struct fi_buf out = {0};
            uint64_t version = model->versions[i][key];
            int rc = fi_db_get(trees[i], key_of(key, text), &out, &err);
            assert_int_equal(rc, version == 0 ? FIRN_NOT_FOUND : FIRN_OK);
            assert_true(rc != FIRN_OK ||
                        fi_slice_equal(fi_buf_slice(&out), value_of(i, key, version, value)));
            fi_buf_deinit(&out);
        }
    }
}

static void
step(struct firn_db *db, struct firn_db_keyspace **trees, struct model *model,
     struct test_random *random, uint64_t version)
{
    firn_error err;
    char text[16];
    uint8_t value[VALUE];
    unsigned tree = (unsigned)test_random_below(random, TREES);
    unsigned key = (unsigned)test_random_below(random, KEYS);
    switch (test_random_below(random, 200)) {
    case 0:
        DB_OK(fi_db_maintain_flush(db, &err));
        return;
    case 1:
        DB_OK(fi_db_maintain_compact(db, NULL, &err));
        return;
    case 2:
        DB_OK(fi_db_delete_range(trees[tree], firn_str("a"), firn_str("z"), FIRN_DURABILITY_OS,
                                 &err));
        memset(model->versions[tree], 0, sizeof model->versions[tree]);
        return;
    default:
        break;
    }
    if (test_random_below(random, 5) == 0) {
        DB_OK(fi_db_delete(trees[tree], key_of(key, text), FIRN_DURABILITY_OS, &err));
        model->versions[tree][key] = 0;
    } else {
        DB_OK(fi_db_put(trees[tree], key_of(key, text), value_of(tree, key, version, value),
                        FIRN_DURABILITY_OS, &err));
        model->versions[tree][key] = version;
    }
}

/* Each round ends with a sync and a cut, or a closing: what is there then is what the model has. */
static void
many_trees_are_as_their_model(void **state)
{
    uint64_t version = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct db_support support;
        struct model model = {0};
        struct test_random random = {seed};
        (void)printf("seed %llu\n", (unsigned long long)seed);
        db_support_init(&support, seed);
        for (unsigned round = 0; round < 6; round++) {
            firn_error err;
            struct firn_db *db;
            struct firn_db_keyspace *trees[TREES];
            DB_OK(fi_db_open(support.dir, &small, &db, &err));
            DB_OK(open_trees(db, trees, TREES, &err));
            compare(trees, &model);
            for (unsigned i = 0; i < 3000; i++) {
                step(db, trees, &model, &random, ++version);
            }
            compare(trees, &model);
            check_sound(db);
            if (round % 2 == 0) {
                DB_OK(fi_db_log_sync(db, &err));
                fi_db_abandon(db);
                db_support_cut(&support, seed * 100 + round);
            } else {
                DB_OK(fi_db_close(db, &err));
            }
        }
        db_support_deinit(&support);
    }
}

/* ---- threads ---- */

enum { THREAD_TREES = 64, WRITERS = 3, THREAD_KEYS = 300, READER_ROUNDS = 20 };

struct party {
    struct firn_db_keyspace *trees[THREAD_TREES];
    unsigned number;
};

/* Each writer has trees of its own, and writes to them in turn. */
static void *
write_in_turn(void *arg)
{
    const struct party *party = arg;
    for (unsigned key = 0; key < THREAD_KEYS; key++) {
        for (unsigned i = party->number; i < THREAD_TREES; i += WRITERS) {
            firn_error err;
            char text[16];
            uint8_t value[VALUE];
            DB_OK(fi_db_put(party->trees[i], key_of(key, text), value_of(i, key, 1, value),
                            FIRN_DURABILITY_OS, &err));
        }
    }
    return NULL;
}

/* Keys of a tree come in order: what is there is so without a gap. */
static void *
read_meanwhile(void *arg)
{
    const struct party *party = arg;
    for (unsigned round = 0; round < READER_ROUNDS; round++) {
        for (unsigned i = 0; i < THREAD_TREES; i += 5) {
            unsigned count = 0;
            bool is_there = true;
            for (unsigned key = THREAD_KEYS; key > 0; key--) {
                firn_error err;
                char text[16];
                struct fi_buf out = {0};
                int rc = fi_db_get(party->trees[i], key_of(key - 1, text), &out, &err);
                fi_buf_deinit(&out);
                assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
                is_there = rc == FIRN_OK || count == 0;
                assert_true(is_there);
                count += rc == FIRN_OK;
            }
        }
    }
    return NULL;
}

static void
threads_write_and_read_many_trees(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct firn_db *db;
    struct party parties[WRITERS + 1] = {0};
    pthread_t threads[WRITERS + 1];
    db_support_disk_init(&disk);
    DB_OK(fi_db_open(disk.dir, &small, &db, &err));
    for (unsigned i = 0; i <= WRITERS; i++) {
        parties[i].number = i;
        DB_OK(open_trees(db, parties[i].trees, THREAD_TREES, &err));
    }
    for (unsigned i = 0; i <= WRITERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        i < WRITERS ? write_in_turn : read_meanwhile, &parties[i]),
                         0);
    }
    for (unsigned i = 0; i <= WRITERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(db, &stats, &err));
    assert_true(stats.flushes > THREAD_TREES);
    check_sound(db);
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_db_open(disk.dir, &small, &db, &err));
    DB_OK(open_trees(db, parties[0].trees, THREAD_TREES, &err));
    for (unsigned i = 0; i < THREAD_TREES; i++) {
        for (unsigned key = 0; key < THREAD_KEYS; key++) {
            char text[16];
            uint8_t value[VALUE];
            struct fi_buf out = {0};
            DB_OK(fi_db_get(parties[0].trees[i], key_of(key, text), &out, &err));
            assert_true(fi_slice_equal(fi_buf_slice(&out), value_of(i, key, 1, value)));
            fi_buf_deinit(&out);
        }
    }
    DB_OK(fi_db_close(db, &err));
    db_support_disk_deinit(&disk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flush_of_many_trees_shares_its_syncs),
        cmocka_unit_test(memtables_leave_together),
        cmocka_unit_test(a_life_without_failures_loses_nothing),
        cmocka_unit_test(each_power_cut_of_shared_works_is_survived),
        cmocka_unit_test(each_failed_call_of_shared_works_is_survived),
        cmocka_unit_test(many_trees_are_as_their_model),
        cmocka_unit_test(threads_write_and_read_many_trees),
    };
    test_threads_only();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: what many short lives of a small store leave: each opens it, writes a little and
 * closes it, too soon for background work. Few files, whatever fails meanwhile, and all that was
 * acknowledged.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "inspect/inspect.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/store/db_support.h"
#include "support/test_fault.h"
#include "support/test_random.h"

/* Two lives fill a log that is emptied at closing; the keys are always the same ones. */
enum { LIVES = 20, KEYSPACES = 3, KEYS = 20, VALUE = 1000, TREES = KEYSPACES + 1 /* their list */ };

static firn_slice
value_of(unsigned life, unsigned key, uint8_t out[VALUE])
{
    memset(out, (int)(life + key), VALUE);
    return firn_bytes(out, VALUE);
}

/* Does something with each entry, as it is at the end of a life. */
static void
each_entry(struct firn_db *db, unsigned life,
           void (*act)(struct firn_db_keyspace *keyspace, firn_slice key, firn_slice value))
{
    for (unsigned i = 0; i < KEYSPACES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "k%u", i);
        struct firn_db_keyspace *keyspace = db_support_keyspace(db, name);
        for (unsigned key = 0; key < KEYS; key++) {
            uint8_t value[VALUE];
            (void)snprintf(name, sizeof name, "key%u", key);
            act(keyspace, firn_str(name), value_of(life, key, value));
        }
    }
}

static void
put(struct firn_db_keyspace *keyspace, firn_slice key, firn_slice value)
{
    firn_error err;
    DB_OK(fi_db_put(keyspace, key, value, FIRN_DURABILITY_OS, &err));
}

static void
check(struct firn_db_keyspace *keyspace, firn_slice key, firn_slice value)
{
    firn_error err;
    struct fi_buf out = {0};
    DB_OK(fi_db_get(keyspace, key, &out, &err));
    assert_true(fi_slice_equal(fi_buf_slice(&out), value));
    fi_buf_deinit(&out);
}

/* Opens the store and writes; it is left open. */
static struct firn_db *
begin_life(struct fi_os_dir *dir, unsigned life)
{
    firn_error err;
    struct firn_db *db = db_support_open(dir);
    each_entry(db, life, put);
    DB_OK(fi_db_log_sync(db, &err));
    return db;
}

static void
check_life(struct fi_os_dir *dir, unsigned life)
{
    firn_error err;
    firn_store_check_result report;
    struct firn_db *db = db_support_open(dir);
    each_entry(db, life, check);
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    fi_db_abandon(db);
}

static int
count_entry(void *ctx, const struct fi_os_dirent *entry)
{
    (void)entry;
    ++*(unsigned *)ctx;
    return FIRN_OK;
}

static unsigned
count_runs(struct fi_os_dir *dir)
{
    firn_error err;
    struct fi_os_dir *runs;
    unsigned count = 0;
    DB_OK(fi_os_dir_open(dir, "runs", &runs, &err));
    DB_OK(fi_os_dir_list(runs, count_entry, &count, &err));
    fi_os_dir_close(runs);
    return count;
}

static void
short_lives_leave_one_run_of_each_small_tree(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    for (unsigned life = 0; life < LIVES; life++) {
        struct firn_db *db = begin_life(support.dir, life);
        DB_OK(fi_db_close(db, &err));
        assert_true(count_runs(support.dir) <= TREES);
    }
    assert_true(count_runs(support.dir) >= KEYSPACES);
    check_life(support.dir, LIVES - 1);
    db_support_deinit(&support);
}

/* Merging them would take long. */
static void
large_trees_are_left_to_background_work(void **state)
{
    enum { LARGE_LIVES = 6, COUNT = 1000 };
    firn_error err;
    struct db_support support;
    struct test_random random;
    uint8_t value[VALUE];
    test_random_init(&random, "db_close", 3);
    db_support_init(&support, 3);
    for (unsigned life = 0; life < LARGE_LIVES; life++) {
        struct firn_db *db = db_support_open(support.dir);
        struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
        for (unsigned i = 0; i < COUNT; i++) {
            char name[16];
            (void)snprintf(name, sizeof name, "%u", i * LARGE_LIVES + life);
            test_random_fill(&random, value, VALUE);
            DB_OK(fi_db_put(keyspace, firn_str(name), firn_bytes(value, VALUE), FIRN_DURABILITY_OS,
                            &err));
        }
        DB_OK(fi_db_close(db, &err));
    }
    assert_true(count_runs(support.dir) >= LARGE_LIVES);
    db_support_deinit(&support);
}

/* Lives until the next closing will flush into trees that have a run each; returns how many. */
static unsigned
prepare(struct db_support *support)
{
    firn_error err;
    unsigned life = 0;
    unsigned flushes = 0;
    db_support_init(support, 2);
    for (; flushes < 2; life++) {
        struct firn_db *db = begin_life(support->dir, life);
        firn_store_statistics before;
        DB_OK(fi_inspect_stats(db, &before, &err));
        if (before.log_bytes > 96 << 10 && ++flushes == 2) {
            fi_db_abandon(db);
            return life + 1;
        }
        DB_OK(fi_db_close(db, &err));
    }
    return life;
}

static void
whatever_fails_while_it_is_closed_all_is_there(void **state)
{
    unsigned closed = 0;
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        firn_error err;
        struct db_support support;
        struct fi_os *faulty;
        struct fi_os_dir *dir;
        unsigned life = prepare(&support);
        DB_OK(fi_sim_fault_create(support.os, &faulty, &err));
        DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
        struct firn_db *db = begin_life(dir, life);
        fault.for_ever = fault.n % 3 == 0;
        fault.error_number = fault.n % 2 == 0 ? EIO : ENOSPC;
        test_fault_call(&fault, faulty);
        int rc = fi_db_close(db, &err);
        test_fault_end(&fault);
        assert_true(fault.was_hit || rc == FIRN_OK);
        closed += fault.was_hit && rc == FIRN_OK ? 1 : 0;
        fi_os_dir_close(dir);
        fi_sim_fault_destroy(faulty);
        check_life(support.dir, life);
        db_support_cut(&support, fault.n);
        check_life(support.dir, life);
        /* What did not come about is made up for. */
        DB_OK(fi_db_close(begin_life(support.dir, life), &err));
        assert_true(count_runs(support.dir) <= TREES);
        db_support_deinit(&support);
    }
    assert_true(closed > 10); /* closing does not fail because tidying does */
}

static void
the_power_may_go_while_it_is_closed(void **state)
{
    bool was_cut = true;
    for (uint64_t n = 1; was_cut; n++) {
        firn_error err;
        struct db_support support;
        unsigned life = prepare(&support);
        struct firn_db *db = begin_life(support.dir, life);
        fi_sim_memory_set_cut_at(support.os, fi_sim_memory_calls(support.os) + n);
        FI_IGNORE(fi_db_close(db, &err));
        was_cut = fi_sim_memory_is_off(support.os);
        db_support_cut(&support, n);
        check_life(support.dir, life);
        DB_OK(fi_db_close(begin_life(support.dir, life), &err));
        assert_true(count_runs(support.dir) <= TREES);
        db_support_deinit(&support);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_lives_leave_one_run_of_each_small_tree),
        cmocka_unit_test(large_trees_are_left_to_background_work),
        cmocka_unit_test(whatever_fails_while_it_is_closed_all_is_there),
        cmocka_unit_test(the_power_may_go_while_it_is_closed),
    };
    return cmocka_run_group_tests_name("db_close", tests, NULL, NULL);
}

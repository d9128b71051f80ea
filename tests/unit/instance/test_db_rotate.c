/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/instance: the log's turns under load, in simulation: what the commit that makes one has to wait
 * for, what happens where the background does not come, and what a power cut leaves.
 */
#include <stdio.h>
#include <string.h>

#include "sim/sim_memory.h"
#include "store/db_internal.h"
#include "support/store/db_support.h"
#include "support/test_random.h"

enum { VALUE_SIZE = 10000, PUTS = 1400, MEMTABLE = 4 << 20, BLOCK = 1 << 20 };

static const struct fi_db_options options = {
    .create_if_missing = true, .memory_bytes = 8 * MEMTABLE, .durability = FIRN_DURABILITY_OS};

struct load {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    uint64_t count; /* puts that were acknowledged */
    uint64_t turns;
    uint64_t quick_turns; /* before which little was unsynced, and that took two syncs at most */
    size_t largest;       /* memtable */
};

static int
open_load(struct fi_os_dir *dir, struct load *load, firn_error *err)
{
    *load = (struct load){0};
    int rc = fi_db_open(dir, &options, &load->db, err);
    if (rc == FIRN_OK) {
        rc = fi_db_keyspace_open(load->db, "k", &load->keyspace, err);
    }
    return rc;
}

static int
put(struct load *load, firn_error *err)
{
    static uint8_t value[VALUE_SIZE];
    char key[32];
    memset(value, (int)load->count, sizeof value);
    (void)snprintf(key, sizeof key, "%08llu", (unsigned long long)load->count);
    int rc = fi_db_put(load->keyspace, firn_str(key), firn_bytes(value, sizeof value),
                       FIRN_DURABILITY_DEFAULT, err);
    load->count += rc == FIRN_OK ? 1 : 0;
    return rc;
}

/* Puts, with background work in between where it is asked for. Returns how the last one ended. */
static int
run_load(struct fi_os *os, struct load *load, bool has_background, firn_error *err)
{
    int rc = FIRN_OK;
    while (rc == FIRN_OK && load->count < PUTS) {
        struct fi_log *log = load->db->log;
        uint64_t segment = fi_log_end(log).segment;
        bool is_ready = fi_log_unsynced_bytes(log) <= 1 << 20;
        uint64_t syncs = fi_sim_memory_syncs(os);
        rc = put(load, err);
        if (rc == FIRN_OK && fi_log_end(log).segment != segment) {
            load->turns++;
            load->quick_turns += is_ready && fi_sim_memory_syncs(os) - syncs <= 2 ? 1 : 0;
        }
        if (has_background) {
            fi_os_jobs_wait(load->db->jobs.log_pool);
            fi_os_jobs_wait(load->db->jobs.flush_pool);
        }
        size_t bytes = fi_lsm_tree_active_bytes(load->keyspace->tree->lsm_tree);
        load->largest = bytes > load->largest ? bytes : load->largest;
    }
    return rc;
}

/* A prefix of the puts is there, and nothing else; returns how long it is. */
static uint64_t
count_prefix(struct fi_os_dir *dir)
{
    firn_error err;
    struct firn_db *db = db_support_open(dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    struct firn_db_cursor *cursor;
    uint64_t count = 0;
    DB_OK(fi_db_cursor_open(keyspace, NULL, &cursor, &err));
    DB_OK(fi_db_cursor_first(cursor, &err));
    for (; fi_db_cursor_valid(cursor); count++) {
        char key[32];
        (void)snprintf(key, sizeof key, "%08llu", (unsigned long long)count);
        firn_slice value = fi_db_cursor_value(cursor);
        assert_memory_equal(fi_db_cursor_key(cursor).data, key, 8);
        assert_int_equal(value.size, VALUE_SIZE);
        assert_int_equal(value.data[0], (uint8_t)count);
        assert_int_equal(value.data[VALUE_SIZE - 1], (uint8_t)count);
        DB_OK(fi_db_cursor_next(cursor, &err));
    }
    fi_db_cursor_close(cursor);
    DB_OK(fi_db_close(db, &err));
    return count;
}

static void
a_commit_that_turns_the_log_syncs_little(void **state)
{
    firn_error err;
    struct db_support support;
    struct load load;
    db_support_init(&support, 5);
    DB_OK(open_load(support.dir, &load, &err));
    DB_OK(run_load(support.os, &load, true, &err));
    assert_true(load.turns >= 3);
    assert_int_equal(load.quick_turns, load.turns);
    assert_true(load.largest < MEMTABLE + BLOCK + (64 << 10));
    DB_OK(fi_db_close(load.db, &err));
    assert_int_equal(count_prefix(support.dir), PUTS);
    db_support_deinit(&support);
}

static void
memtables_are_bounded_where_the_background_does_not_come(void **state)
{
    firn_error err;
    struct db_support support;
    struct load load;
    db_support_init(&support, 6);
    DB_OK(open_load(support.dir, &load, &err));
    DB_OK(run_load(support.os, &load, false, &err));
    assert_true(load.turns >= 2);
    assert_true(load.quick_turns < load.turns);
    assert_true(load.largest + BLOCK >
                MEMTABLE + MEMTABLE / 4); /* with its next block it has to turn */
    assert_true(load.largest < MEMTABLE + MEMTABLE / 4 + BLOCK);
    DB_OK(fi_db_close(load.db, &err));
    assert_int_equal(count_prefix(support.dir), PUTS);
    db_support_deinit(&support);
}

/* Unsynced commits: what is lost is a tail. */
static void
a_power_cut_at_a_turn_leaves_a_prefix(void **state)
{
    struct test_random random;
    test_random_init(&random, "cuts", 12);
    uint64_t calls = 0;
    uint64_t kept = 0;
    for (unsigned run = 0; run < 25; run++) {
        firn_error err;
        struct db_support support;
        struct load load;
        db_support_init(&support, 7);
        if (run > 0) {
            fi_sim_memory_set_cut_at(support.os, 40 + test_random_below(&random, calls - 40));
        }
        int rc = open_load(support.dir, &load, &err);
        rc = rc == FIRN_OK ? run_load(support.os, &load, run % 3 != 0, &err) : rc;
        assert_true(rc == FIRN_OK || fi_sim_memory_is_off(support.os));
        calls = run == 0 ? fi_sim_memory_calls(support.os) : calls;
        fi_db_abandon(load.db);
        db_support_cut(&support, run % 4);
        uint64_t count = count_prefix(support.dir);
        /* The put that was cut off may be there. */
        assert_true(count <= load.count + 1);
        kept += count;
        db_support_deinit(&support);
    }
    assert_true(kept > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_commit_that_turns_the_log_syncs_little),
        cmocka_unit_test(memtables_are_bounded_where_the_background_does_not_come),
        cmocka_unit_test(a_power_cut_at_a_turn_leaves_a_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

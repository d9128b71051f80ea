/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/upkeep: a store to which nobody writes gives back what it keeps for writing, and takes it again:
 * in simulation, where the clock is the test's, at each power cut and with each call failing; and on a
 * real disk, where a thread watches.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/slice.h"
#include "inspect/inspect.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "store/db_internal.h"
#include "support/store/db_support.h"
#include "support/test_threads.h"

enum { KEYS = 10, VALUE = 1000, MEMORY = 8 << 20, PUTS = 12000 };

#define MIB (UINT64_C(1) << 20)
#define SECOND INT64_C(1000000000)

static const struct fi_db_options options = {
    .create_if_missing = true, .memory_bytes = MEMORY, .durability = FIRN_DURABILITY_OS};

static void
fill(uint8_t value[VALUE], unsigned number)
{
    memset(value, (int)number, VALUE);
    (void)snprintf((char *)value, VALUE, "%u", number);
}

/* Overwrites the keys in turn, up to put `end`; waits for the background where there are no threads. */
static int
overwrite(struct firn_db *db, unsigned begin, unsigned end, firn_error *err)
{
    struct firn_db_keyspace *keyspace;
    int rc = fi_db_keyspace_open(db, "k", &keyspace, err);
    for (unsigned i = begin; i < end && rc == FIRN_OK; i++) {
        uint8_t value[VALUE];
        char key[8];
        fill(value, i);
        (void)snprintf(key, sizeof key, "%u", i % KEYS);
        rc = fi_db_put(keyspace, firn_str(key), firn_bytes(value, VALUE), FIRN_DURABILITY_DEFAULT,
                       err);
        if (!fi_os_has_threads(db->os) && i % 100 == 0) {
            fi_os_jobs_wait(db->jobs.log_pool);
            fi_os_jobs_wait(db->jobs.flush_pool);
            fi_os_jobs_wait(db->jobs.compaction_pool);
        }
    }
    return rc;
}

/* After `end` puts. */
static void
verify(struct firn_db *db, unsigned end)
{
    firn_error err;
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (unsigned i = end - KEYS; i < end; i++) {
        uint8_t value[VALUE];
        char key[8];
        struct fi_buf out = {0};
        fill(value, i);
        (void)snprintf(key, sizeof key, "%u", i % KEYS);
        DB_OK(fi_db_get(keyspace, firn_str(key), &out, &err));
        assert_true(fi_slice_equal(fi_buf_slice(&out), firn_bytes(value, VALUE)));
        fi_buf_deinit(&out);
    }
}

/* What files of the log, and the reserve, take up. */
static uint64_t
kept_bytes(struct firn_db *db)
{
    firn_error err;
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(db, &stats, &err));
    return stats.disk.log_bytes + stats.disk.log_spare_bytes + stats.disk.reserve_bytes;
}

static void
pass_time(struct fi_os *os, int64_t seconds)
{
    fi_os_sleep_ns(os, seconds * SECOND);
}

static void
a_store_at_rest_gives_back_and_grows_again(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    for (unsigned round = 0; round < 3; round++) {
        DB_OK(overwrite(db, round * PUTS, (round + 1) * PUTS, &err));
        uint64_t before = kept_bytes(db);
        assert_true(before > 3 * MIB);
        /* Not at once, and not while somebody writes. */
        assert_false(fi_db_rest_inspect(db));
        pass_time(support.os, 6);
        assert_false(fi_db_rest_inspect(db));
        db_support_put(db_support_keyspace(db, "other"), "still", "writing");
        pass_time(support.os, 6);
        assert_false(fi_db_rest_inspect(db));
        assert_true(kept_bytes(db) >= before);
        pass_time(support.os, 11);
        assert_true(fi_db_rest_inspect(db));
        assert_true(kept_bytes(db) <= MIB);
        verify(db, (round + 1) * PUTS);
        /* Once is enough. */
        uint64_t calls = fi_sim_memory_calls(support.os);
        pass_time(support.os, 30);
        assert_true(fi_db_rest_inspect(db));
        assert_int_equal(fi_sim_memory_calls(support.os), calls);
    }
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    verify(db, 3 * PUTS);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* What memtables may have beside the cache is the cache's until they need it. */
static void
the_cache_has_what_memtables_leave(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    struct firn_db_bulk *bulk;
    db_support_init(&support, 3);
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    const size_t all = fi_block_cache_lend_extra_bytes(db->cache);
    assert_true(all > MEMORY / 4 && all < MEMORY / 8 * 3);
    assert_int_equal(fi_block_cache_budget_bytes(db->cache), MEMORY / 2);
    for (unsigned round = 0; round < 2; round++) {
        size_t least = all;
        for (unsigned i = 0; i < 30; i++) {
            DB_OK(overwrite(db, i * 100, (i + 1) * 100, &err));
            size_t extra = fi_block_cache_lend_extra_bytes(db->cache);
            assert_true(extra <= least); /* it does not come back with a flush */
            assert_true(fi_lsm_memtable_excess(fi_db_image(db)->lsm) + extra <= MEMORY / 8 * 3);
            least = extra;
        }
        assert_true(least < all);
        assert_false(fi_db_rest_inspect(db));
        pass_time(support.os, 11);
        assert_true(fi_db_rest_inspect(db));
        assert_int_equal(fi_block_cache_lend_extra_bytes(db->cache), all);
    }
    /* A load sorts in that memory. */
    DB_OK(fi_db_bulk_open(db_support_keyspace(db, "load"), &bulk, &err));
    assert_int_equal(fi_block_cache_lend_extra_bytes(db->cache), 0);
    fi_db_bulk_close(bulk);
    assert_int_equal(fi_block_cache_lend_extra_bytes(db->cache), all);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* A store that was flushed has nothing in its log, but files for one. */
static void
a_flushed_store_gives_its_files_back_too(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    db_support_init(&support, 2);
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    DB_OK(overwrite(db, 0, PUTS, &err));
    DB_OK(fi_db_maintain_flush(db, &err));
    assert_true(kept_bytes(db) > MIB);
    assert_false(fi_db_rest_inspect(db));
    pass_time(support.os, 11);
    assert_true(fi_db_rest_inspect(db));
    assert_true(kept_bytes(db) <= MIB);
    verify(db, PUTS);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* The store to begin with, at a machine of its own each time. */
static struct fi_os *
make_busy_store(void)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    struct fi_os *copy;
    db_support_init(&support, 3);
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    DB_OK(overwrite(db, 0, PUTS / 4, &err));
    DB_OK(fi_db_log_sync(db, &err));
    DB_OK(fi_sim_memory_clone(support.os, &copy, &err));
    fi_db_abandon(db);
    db_support_deinit(&support);
    return copy;
}

/* Writes, rests, writes; returns how many puts were acknowledged by a sync. */
static unsigned
rest_once(struct fi_os_dir *dir)
{
    firn_error err;
    struct firn_db *db;
    unsigned end = PUTS / 4;
    if (fi_db_open(dir, &options, &db, &err) != FIRN_OK) {
        return end;
    }
    if (overwrite(db, end, PUTS / 2, &err) == FIRN_OK && fi_db_log_sync(db, &err) == FIRN_OK) {
        end = PUTS / 2;
    }
    (void)fi_db_rest_inspect(db);
    pass_time(fi_os_dir_os(dir), 11);
    (void)fi_db_rest_inspect(db);
    if (overwrite(db, PUTS / 2, PUTS / 2 + KEYS, &err) == FIRN_OK &&
        fi_db_log_sync(db, &err) == FIRN_OK) {
        end = PUTS / 2 + KEYS;
    }
    fi_db_abandon(db);
    return end;
}

/* Of the newest puts some may be there that were not acknowledged: each key has a put of at least that
 * round. */
static void
verify_from(struct fi_os_dir *dir, unsigned end)
{
    firn_error err;
    struct firn_db *db;
    DB_OK(fi_db_open(dir, &options, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (unsigned key = 0; key < KEYS; key++) {
        char text[8];
        struct fi_buf out = {0};
        unsigned found = 0;
        (void)snprintf(text, sizeof text, "%u", key);
        DB_OK(fi_db_get(keyspace, firn_str(text), &out, &err));
        assert_int_equal(sscanf((const char *)out.data, "%u", &found), 1);
        assert_int_equal(found % KEYS, key);
        assert_true(found >= end - KEYS);
        fi_buf_deinit(&out);
    }
    firn_store_check_result report;
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    DB_OK(fi_db_close(db, &err));
}

static void
each_power_cut_at_rest_is_survived(void **state)
{
    struct fi_os *start = make_busy_store();
    uint64_t cuts = 0;
    bool was_cut = true;
    for (uint64_t call = 1; was_cut; call += call < 200 ? 7 : 1) {
        firn_error err;
        struct fi_os *os;
        struct fi_os_dir *dir;
        DB_OK(fi_sim_memory_clone(start, &os, &err));
        DB_OK(fi_os_dir_open_path(os, "/store", &dir, &err));
        fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + call);
        unsigned end = rest_once(dir);
        was_cut = fi_sim_memory_is_off(os);
        fi_os_dir_close(dir);
        fi_sim_memory_set_cut_at(os, 0);
        fi_sim_memory_power_cut(os, call % 5);
        DB_OK(fi_os_dir_open_path(os, "/store", &dir, &err));
        verify_from(dir, end);
        fi_os_dir_close(dir);
        fi_sim_memory_destroy(os);
        cuts += was_cut;
        call += cuts > 60 ? 29 : 0; /* the later ones in larger steps */
    }
    (void)printf("%llu power cuts\n", (unsigned long long)cuts);
    assert_true(cuts > 30);
    fi_sim_memory_destroy(start);
}

static void
each_failed_call_at_rest_is_survived(void **state)
{
    struct fi_os *start = make_busy_store();
    bool was_hit = true;
    struct fi_sim_fault_plan plan = {.call = 1,
                                     .classes = FI_SIM_FAULT_WRITES | FI_SIM_FAULT_SYNCS |
                                                FI_SIM_FAULT_METADATA,
                                     .error_number = EIO};
    for (; was_hit; plan.call += 41) {
        firn_error err;
        struct fi_os *os;
        struct fi_os *faulty;
        struct fi_os_dir *dir;
        plan.error_number = plan.call % 2 == 0 ? EIO : ENOSPC;
        DB_OK(fi_sim_memory_clone(start, &os, &err));
        DB_OK(fi_sim_fault_create(os, &faulty, &err));
        DB_OK(fi_os_dir_open_path(faulty, "/store", &dir, &err));
        fi_sim_fault_set_plan(faulty, &plan);
        unsigned end = rest_once(dir);
        was_hit = fi_sim_fault_hits(faulty) > 0;
        fi_sim_fault_set_plan(faulty, NULL);
        fi_os_dir_close(dir);
        fi_sim_fault_destroy(faulty);
        DB_OK(fi_os_dir_open_path(os, "/store", &dir, &err));
        verify_from(dir, end);
        fi_os_dir_close(dir);
        fi_sim_memory_destroy(os);
    }
    assert_true(plan.call > 400);
    fi_sim_memory_destroy(start);
}

/* The thread gives back after ten to fifteen seconds, and keeps no closing waiting. */
static void
a_thread_watches(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct firn_db *db;
    db_support_disk_init(&disk);
    for (unsigned round = 0; round < 2; round++) {
        DB_OK(fi_db_open(disk.dir, &options, &db, &err));
        DB_OK(overwrite(db, 0, PUTS, &err));
        assert_true(kept_bytes(db) > 2 * MIB);
        for (unsigned i = 0; i < 400 && round == 0 && kept_bytes(db) > MIB; i++) {
            fi_os_sleep_ns(db->os, SECOND / 10);
        }
        assert_true(round > 0 || kept_bytes(db) <= MIB);
        verify(db, PUTS);
        int64_t began = fi_os_monotonic_ns(fi_os_dir_os(disk.dir));
        DB_OK(fi_db_close(db, &err));
        assert_true(fi_os_monotonic_ns(fi_os_dir_os(disk.dir)) - began < 4 * SECOND);
    }
    db_support_disk_deinit(&disk);
}

/* A log that is long enough to be flushed is watched, however much more a memtable takes. */
static void
a_thread_watches_before_the_log_turns(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct firn_db *db;
    struct fi_db_options large = options;
    large.memory_bytes = 16 * MEMORY;
    db_support_disk_init(&disk);
    DB_OK(fi_db_open(disk.dir, &large, &db, &err));
    DB_OK(overwrite(db, 0, KEYS, &err));
    assert_false(atomic_load(&db->rest.is_watching));
    DB_OK(overwrite(db, 0, PUTS / 6, &err));
    assert_int_equal(fi_log_end(db->log).segment, 1);
    assert_true(atomic_load(&db->rest.is_watching));
    DB_OK(fi_db_close(db, &err));
    db_support_disk_deinit(&disk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_at_rest_gives_back_and_grows_again),
        cmocka_unit_test(the_cache_has_what_memtables_leave),
        cmocka_unit_test(a_flushed_store_gives_its_files_back_too),
        cmocka_unit_test(each_power_cut_at_rest_is_survived),
        cmocka_unit_test(each_failed_call_at_rest_is_survived),
        cmocka_unit_test(a_thread_watches),
        cmocka_unit_test(a_thread_watches_before_the_log_turns),
    };
    test_threads_only();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

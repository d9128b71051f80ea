/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: many threads on one store on the real disk: writers that share syncs, readers beside
 * them that never see a commit in part, and readers in handles of their own.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "inspect/inspect.h"
#include "posix/os_default.h"
#include "sim/sim_fault.h"
#include "store/db_internal.h"
#include "support/store/db_support.h"

enum { WRITERS = 4, READERS = 4, COMMITS = 150, KEYS = 8 };

struct shared {
    struct fi_os_dir *dir;
    struct firn_db *db;
    struct firn_db_keyspace *keyspaces[WRITERS];
    atomic_uint_fast64_t acknowledged[WRITERS]; /* commits of each writer */
    atomic_uint next_index;
    atomic_uint running_writers;
};

static firn_slice
number_key(uint64_t number, uint8_t out[8])
{
    fi_store_be64(out, number);
    return firn_bytes(out, 8);
}

/* Each commit sets all keys of the writer's keyspace to its number. */
static void
commit_number(struct shared *shared, unsigned writer, uint64_t number, struct firn_db_batch *batch)
{
    firn_error err;
    fi_db_batch_clear(batch);
    for (uint64_t key = 0; key < KEYS; key++) {
        uint8_t bytes[8];
        uint8_t value[8];
        fi_store_le64(value, number);
        DB_OK(fi_db_batch_put(batch, shared->keyspaces[writer], number_key(key, bytes),
                              firn_bytes(value, 8), &err));
    }
    firn_durability durability = number % 3 == 0 ? FIRN_DURABILITY_OS : FIRN_DURABILITY_FULL;
    DB_OK(fi_db_write(shared->db, batch, durability, &err));
}

static void *
write_numbers(void *arg)
{
    struct shared *shared = arg;
    firn_error err;
    unsigned writer = atomic_fetch_add(&shared->next_index, 1);
    struct firn_db_batch *batch;
    DB_OK(fi_db_batch_create(&batch, &err));
    for (uint64_t number = 1; number <= COMMITS; number++) {
        commit_number(shared, writer, number, batch);
        atomic_store(&shared->acknowledged[writer], number);
        if (number % 50 == 0) {
            DB_OK(fi_db_log_sync(shared->db, &err));
            /* Handles of names are made and found by all threads at once. */
            char name[16];
            (void)snprintf(name, sizeof name, "shared %llu", (unsigned long long)number / 50);
            struct firn_db_keyspace *keyspace = db_support_keyspace(shared->db, name);
            assert_ptr_equal(db_support_keyspace(shared->db, name), keyspace);
        }
    }
    fi_db_batch_destroy(batch);
    atomic_fetch_sub(&shared->running_writers, 1);
    return NULL;
}

/* All keys of a writer have one number, at least as large as what was acknowledged before the
 * look began. */
static void
look_through_cursor(struct shared *shared, unsigned writer, bool is_back)
{
    firn_error err;
    uint64_t acknowledged = atomic_load(&shared->acknowledged[writer]);
    struct firn_db_cursor *cursor;
    uint64_t first = 0;
    unsigned count = 0;
    DB_OK(fi_db_cursor_open(shared->keyspaces[writer], NULL, &cursor, &err));
    DB_OK(is_back ? fi_db_cursor_last(cursor, &err) : fi_db_cursor_first(cursor, &err));
    while (fi_db_cursor_valid(cursor)) {
        uint64_t number = fi_load_le64(fi_db_cursor_value(cursor).data);
        first = count == 0 ? number : first;
        assert_int_equal(number, first);
        count++;
        DB_OK(is_back ? fi_db_cursor_prev(cursor, &err) : fi_db_cursor_next(cursor, &err));
    }
    fi_db_cursor_close(cursor);
    assert_true(first >= acknowledged);
    assert_int_equal(count, first == 0 ? 0 : KEYS);
}

static void
look_at_keys(struct shared *shared, unsigned writer)
{
    uint64_t newest = atomic_load(&shared->acknowledged[writer]);
    struct fi_buf out = {0};
    for (uint64_t key = 0; key < KEYS && newest > 0; key++) {
        firn_error err;
        uint8_t bytes[8];
        DB_OK(fi_db_get(shared->keyspaces[writer], number_key(key, bytes), &out, &err));
        uint64_t number = fi_load_le64(out.data);
        assert_true(number >= newest);
        newest = number;
    }
    fi_buf_deinit(&out);
}

static void
look_through_own_handle(struct shared *shared, unsigned writer)
{
    firn_error err;
    struct shared own = {.dir = shared->dir};
    uint64_t acknowledged = atomic_load(&shared->acknowledged[writer]);
    char name[] = {'w', (char)('0' + writer), 0};
    DB_OK(fi_db_open(shared->dir, &db_support_read_only, &own.db, &err));
    own.keyspaces[writer] = db_support_keyspace(own.db, name);
    atomic_store(&own.acknowledged[writer], acknowledged);
    look_through_cursor(&own, writer, false);
    DB_OK(fi_db_close(own.db, &err));
}

static void *
read_numbers(void *arg)
{
    struct shared *shared = arg;
    unsigned round = atomic_fetch_add(&shared->next_index, 1);
    bool is_last = false;
    while (!is_last) {
        is_last = atomic_load(&shared->running_writers) == 0;
        round++;
        look_through_cursor(shared, round % WRITERS, round % 2 == 0);
        look_at_keys(shared, round % WRITERS);
        if (round % 64 == 0 || is_last) {
            look_through_own_handle(shared, round % WRITERS);
            firn_error err;
            firn_store_check_result report;
            DB_OK(fi_inspect_check(shared->db, NULL, &report, &err));
        }
        (void)sched_yield();
    }
    return NULL;
}

static void
run_threads(struct shared *shared)
{
    pthread_t threads[WRITERS + READERS];
    atomic_store(&shared->running_writers, WRITERS);
    for (size_t i = 0; i < WRITERS + READERS; i++) {
        if (i == WRITERS) {
            atomic_store(&shared->next_index, WRITERS);
        }
        assert_int_equal(
            pthread_create(&threads[i], NULL, i < WRITERS ? write_numbers : read_numbers, shared),
            0);
        while (i < WRITERS && atomic_load(&shared->next_index) <= i) {
            (void)sched_yield();
        }
    }
    for (size_t i = 0; i < WRITERS + READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
}

static void
open_shared(struct shared *shared)
{
    shared->db = db_support_open(shared->dir);
    for (unsigned i = 0; i < WRITERS; i++) {
        char name[] = {'w', (char)('0' + i), 0};
        shared->keyspaces[i] = db_support_keyspace(shared->db, name);
    }
}

static void
readers_see_whole_commits_beside_writers(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    db_support_disk_init(&disk);
    struct shared shared = {.dir = disk.dir};
    open_shared(&shared);
    run_threads(&shared);
    firn_store_check_result report;
    DB_OK(fi_inspect_check(shared.db, NULL, &report, &err));
    assert_int_equal(report.log_records, WRITERS * COMMITS + WRITERS + 3);
    DB_OK(fi_db_close(shared.db, &err));
    open_shared(&shared);
    for (unsigned i = 0; i < WRITERS; i++) {
        assert_int_equal(atomic_load(&shared.acknowledged[i]), COMMITS);
        look_through_cursor(&shared, i, true);
    }
    DB_OK(fi_inspect_check(shared.db, NULL, &report, &err));
    DB_OK(fi_db_close(shared.db, &err));
    db_support_disk_deinit(&disk);
}

/* ---- one sync for many ---- */

enum { SHARERS = 8, SHARED_COMMITS = 25 };

static void *
put_alone(void *arg)
{
    struct shared *shared = arg;
    firn_error err;
    unsigned index = atomic_fetch_add(&shared->next_index, 1);
    for (unsigned i = 0; i < SHARED_COMMITS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%u.%u", index, i);
        DB_OK(fi_db_put(shared->keyspaces[0], firn_str(key), firn_str("v"), FIRN_DURABILITY_FULL,
                        &err));
    }
    return NULL;
}

/* Makes every sync last a moment, so that others queue up after it. */
static void
delay_sync(void *ctx, const struct fi_sim_fault_call *call)
{
    (void)ctx;
    if (call->kind == FI_SIM_FAULT_SYNCS) {
        fi_os_sleep_ns(fi_os_default(), 1000000);
    }
}

static void
waiting_commits_share_a_sync(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct fi_os *counting;
    struct shared shared = {0};
    db_support_disk_init(&disk);
    DB_OK(fi_sim_fault_create(fi_os_default(), &counting, &err));
    DB_OK(fi_os_dir_open_path(counting, disk.path, &shared.dir, &err));
    open_shared(&shared);
    fi_sim_fault_set_hook(counting, delay_sync, NULL);
    fi_sim_fault_set_plan(counting, &(struct fi_sim_fault_plan){.classes = FI_SIM_FAULT_SYNCS});
    pthread_t threads[SHARERS];
    for (size_t i = 0; i < SHARERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, put_alone, &shared), 0);
    }
    for (size_t i = 0; i < SHARERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    uint64_t syncs = fi_sim_fault_calls(counting);
    (void)printf("%d commits, %llu syncs\n", SHARERS * SHARED_COMMITS, (unsigned long long)syncs);
    assert_true(syncs >= SHARED_COMMITS);
    assert_true(syncs <= SHARERS * SHARED_COMMITS / 2);
    DB_OK(fi_db_close(shared.db, &err));
    fi_os_dir_close(shared.dir);
    fi_sim_fault_destroy(counting);
    db_support_disk_deinit(&disk);
}

/* ---- a failure shared by a group ---- */

static void *
put_until_refused(void *arg)
{
    struct shared *shared = arg;
    firn_error err;
    unsigned index = atomic_fetch_add(&shared->next_index, 1);
    int rc = FIRN_OK;
    for (uint64_t i = 1; rc == FIRN_OK; i++) {
        uint8_t key[8];
        uint8_t value[8];
        fi_store_le64(value, i);
        rc = fi_db_put(shared->keyspaces[index], number_key(0, key), firn_bytes(value, 8),
                       FIRN_DURABILITY_FULL, &err);
        if (rc == FIRN_OK) {
            atomic_store(&shared->acknowledged[index], i);
        }
    }
    assert_true(rc == FIRN_IO || rc == FIRN_FAILED);
    assert_int_equal(err.code, rc);
    return NULL;
}

static void
a_failed_sync_refuses_the_whole_group_and_all_after_it(void **state)
{
    for (uint64_t call = 1; call < 12; call += 5) {
        firn_error err;
        struct db_support_disk disk;
        struct fi_os *faulty;
        struct shared shared = {0};
        db_support_disk_init(&disk);
        DB_OK(fi_sim_fault_create(fi_os_default(), &faulty, &err));
        DB_OK(fi_os_dir_open_path(faulty, disk.path, &shared.dir, &err));
        open_shared(&shared);
        fi_sim_fault_set_plan(faulty, &(struct fi_sim_fault_plan){.call = call,
                                                                  .classes = FI_SIM_FAULT_SYNCS,
                                                                  .error_number = 5});
        pthread_t threads[WRITERS];
        for (size_t i = 0; i < WRITERS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, put_until_refused, &shared), 0);
        }
        for (size_t i = 0; i < WRITERS; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        }
        for (unsigned i = 0; i < WRITERS; i++) {
            uint8_t key[8];
            struct fi_buf out = {0};
            int rc = fi_db_get(shared.keyspaces[i], number_key(0, key), &out, &err);
            uint64_t acknowledged = atomic_load(&shared.acknowledged[i]);
            assert_int_equal(rc, acknowledged == 0 ? FIRN_NOT_FOUND : FIRN_OK);
            assert_true(rc != FIRN_OK || fi_load_le64(out.data) == acknowledged);
            fi_buf_deinit(&out);
        }
        assert_int_equal(fi_sim_fault_hits(faulty), 1);
        assert_int_equal(fi_sim_fault_calls(faulty), call);
        DB_FAILS(fi_db_close(shared.db, &err), FIRN_FAILED, "failed earlier");
        fi_os_dir_close(shared.dir);
        fi_sim_fault_destroy(faulty);
        db_support_disk_deinit(&disk);
    }
}

/* ---- a failure in the background ---- */

static void
a_failure_in_the_background_refuses_one_commit(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct fi_os *faulty;
    struct fi_os_dir *dir;
    struct firn_db *db;
    const struct fi_db_options options = {
        .create_if_missing = true, .memory_bytes = 1 << 20, .durability = FIRN_DURABILITY_OS};
    static const char value[1000] = "x";
    db_support_disk_init(&disk);
    DB_OK(fi_sim_fault_create(fi_os_default(), &faulty, &err));
    DB_OK(fi_os_dir_open_path(faulty, disk.path, &dir, &err));
    DB_OK(fi_db_open(dir, &options, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    /* The first file to be made from now on: a segment of the log, or a run. */
    fi_sim_fault_set_plan(
        faulty,
        &(struct fi_sim_fault_plan){.call = 1, .classes = FI_SIM_FAULT_OPENS, .error_number = 24});
    unsigned refused = 0;
    for (unsigned i = 0; i < 1000; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%u", i);
        int rc = fi_db_put(keyspace, firn_str(key), firn_bytes(value, sizeof value),
                           FIRN_DURABILITY_DEFAULT, &err);
        if (rc != FIRN_OK) {
            /* Not first when memory is used up. */
            DB_FAILS(rc, FIRN_IO, "background work of");
            assert_true(i <= 250);
            refused++;
        }
        if (i == 250 - 1) {
            fi_os_sleep_ns(fi_os_default(), 200000000);
        }
    }
    assert_int_equal(fi_sim_fault_hits(faulty), 1);
    assert_int_equal(refused, 1);
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(db, &stats, &err));
    assert_int_equal(stats.background_failures, 1);
    DB_OK(fi_db_maintain_flush(db, &err));
    firn_store_check_result report;
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    assert_int_equal(report.entries, 999);
    DB_OK(fi_db_close(db, &err));
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(faulty);
    db_support_disk_deinit(&disk);
}

/* ---- merges and loads ---- */

enum { COUNTERS = 2, COUNTS = 600, LOADS = 12, LOADED = 200 };

struct counting {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    atomic_uint running;
};

static void *
count_up(void *arg)
{
    struct counting *counting = arg;
    firn_error err;
    uint8_t one[8];
    firn_number(1, one);
    for (unsigned i = 0; i < COUNTS; i++) {
        DB_OK(fi_db_merge(counting->keyspace, firn_str("count"), FIRN_MERGE_ADD,
                          firn_bytes(one, sizeof one), FIRN_DURABILITY_OS, &err));
    }
    atomic_fetch_sub(&counting->running, 1);
    return NULL;
}

/* The same keys again and again, each time all with the number of the load. */
static void *
load_numbers(void *arg)
{
    struct counting *counting = arg;
    firn_error err;
    for (uint64_t number = 1; number <= LOADS; number++) {
        struct firn_db_bulk *bulk;
        DB_OK(fi_db_bulk_open(counting->keyspace, &bulk, &err));
        for (uint64_t i = 0; i < LOADED; i++) {
            uint8_t key[8];
            uint8_t value[8];
            fi_store_le64(value, number);
            DB_OK(fi_db_bulk_put(bulk, number_key(i, key), firn_bytes(value, 8), &err));
        }
        DB_OK(fi_db_bulk_commit(bulk, &err));
        fi_db_bulk_close(bulk);
    }
    atomic_fetch_sub(&counting->running, 1);
    return NULL;
}

/* A walk sees one load, whole, and the counter never goes back. */
static void *
watch(void *arg)
{
    struct counting *counting = arg;
    firn_error err;
    uint64_t last_load = 0;
    int64_t last_count = 0;
    while (atomic_load(&counting->running) > 0) {
        struct firn_db_cursor *cursor;
        uint64_t load = 0;
        uint64_t seen = 0;
        DB_OK(fi_db_cursor_open(counting->keyspace, NULL, &cursor, &err));
        DB_OK(fi_db_cursor_first(cursor, &err));
        for (; fi_db_cursor_valid(cursor); seen++) {
            firn_slice value = fi_db_cursor_value(cursor);
            if (fi_slice_equal(fi_db_cursor_key(cursor), firn_str("count"))) {
                int64_t count = firn_number_of(value.data, value.size);
                assert_true(count >= last_count);
                last_count = count;
                seen--;
            } else {
                assert_true(seen == 0 || load == fi_load_le64(value.data));
                load = fi_load_le64(value.data);
            }
            DB_OK(fi_db_cursor_next(cursor, &err));
        }
        assert_true(seen == (load == 0 ? 0 : LOADED));
        assert_true(load >= last_load);
        last_load = load;
        fi_db_cursor_close(cursor);
    }
    return NULL;
}

static void
loads_and_merges_go_on_beside_readers(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct counting counting = {.running = COUNTERS + 1};
    pthread_t threads[COUNTERS + 3];
    struct fi_buf out = {0};
    db_support_disk_init(&disk);
    counting.db = db_support_open(disk.dir);
    counting.keyspace = db_support_keyspace(counting.db, "k");
    for (unsigned i = 0; i < COUNTERS + 3; i++) {
        void *(*what)(void *) = i < COUNTERS ? count_up : i == COUNTERS ? load_numbers : watch;
        assert_int_equal(pthread_create(&threads[i], NULL, what, &counting), 0);
    }
    for (unsigned i = 0; i < COUNTERS + 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    DB_OK(fi_db_get(counting.keyspace, firn_str("count"), &out, &err));
    assert_true(firn_number_of(out.data, out.size) == (int64_t)COUNTERS * COUNTS);
    DB_OK(fi_db_maintain_compact(counting.db, NULL, &err));
    DB_OK(fi_db_get(counting.keyspace, firn_str("count"), &out, &err));
    assert_true(firn_number_of(out.data, out.size) == (int64_t)COUNTERS * COUNTS);
    fi_buf_deinit(&out);
    DB_OK(fi_db_close(counting.db, &err));
    db_support_disk_deinit(&disk);
}

/* A thread that repeats a transaction waits for the queue: that does not tell how many commit. */
static void
barriers_do_not_count_as_commits(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *k = db_support_keyspace(db, "k");
    DB_OK(fi_db_put(k, firn_str("a"), firn_str("1"), FIRN_DURABILITY_FULL, &err));
    assert_int_equal(db->commits.gather.expected, 1);
    db->commits.gather.expected = 5;
    fi_db_write_barrier(db);
    assert_int_equal(db->commits.gather.expected, 5);
    assert_int_equal(db->commits.gather.queued, 0);
    DB_OK(fi_db_put(k, firn_str("a"), firn_str("2"), FIRN_DURABILITY_FULL, &err));
    assert_int_equal(db->commits.gather.expected, 1);
    assert_int_equal(db->commits.gather.queued, 0);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_see_whole_commits_beside_writers),
        cmocka_unit_test(waiting_commits_share_a_sync),
        cmocka_unit_test(barriers_do_not_count_as_commits),
        cmocka_unit_test(a_failed_sync_refuses_the_whole_group_and_all_after_it),
        cmocka_unit_test(a_failure_in_the_background_refuses_one_commit),
        cmocka_unit_test(loads_and_merges_go_on_beside_readers),
    };
    return cmocka_run_group_tests_name("db_threads", tests, NULL, NULL);
}

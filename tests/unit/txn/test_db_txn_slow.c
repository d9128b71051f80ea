/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/txn: transactions on a key that other threads write all the time, on a disk that is slow to
 * sync. A commit to the key is under way at nearly every moment, and a transaction that has waited must
 * succeed all the same.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "posix/os_default.h"
#include "sim/sim_fault.h"
#include "support/store/db_support.h"
#include "support/test_temp.h"
#include "txn/txn.h"

enum {
    ROUNDS = 15,
    ATTEMPTS_MAX = 100,
    ATTEMPTS_MEAN_MAX = 20,
    THREADS_MAX = 3,
    SYNC_NS = 5 * 1000 * 1000
};

struct shared {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    unsigned attempts;
    atomic_bool is_over;
};

static void
be_late(void *ctx, const struct fi_sim_fault_call *call)
{
    (void)ctx;
    if (strcmp(call->operation, "file_sync") == 0) {
        const struct timespec late = {0, SYNC_NS};
        (void)nanosleep(&late, NULL);
    }
}

static int
read_and_write(void *ctx, struct firn_txn *txn, firn_error *err)
{
    struct shared *shared = ctx;
    struct fi_buf found = {0};
    shared->attempts++;
    int rc = fi_txn_get(txn, shared->keyspace, firn_str("k"), &found, err);
    if (rc == FIRN_OK) {
        rc = fi_txn_put(txn, shared->keyspace, firn_str("k"), firn_str("transaction"), err);
    }
    fi_buf_deinit(&found);
    return rc;
}

static void *
put_all_the_time(void *ctx)
{
    struct shared *shared = ctx;
    int rc = FIRN_OK;
    while (rc == FIRN_OK && !atomic_load(&shared->is_over)) {
        firn_error err;
        rc = fi_db_put(shared->keyspace, firn_str("k"), firn_str("put"), FIRN_DURABILITY_DEFAULT,
                       &err);
    }
    return rc == FIRN_OK ? NULL : ctx;
}

static void
run_beside(unsigned thread_count)
{
    firn_error err;
    char place[TEST_TEMP_SIZE];
    struct fi_os *os;
    struct shared shared = {.is_over = false};
    pthread_t threads[THREADS_MAX];
    const struct fi_db_options options = {.create_if_missing = true, .memory_bytes = 4 << 20};
    const struct fi_txn_run run = {
        .attempts_max = ATTEMPTS_MAX, .work = read_and_write, .ctx = &shared};
    test_temp_make(place, sizeof place);
    DB_OK(fi_sim_fault_create(fi_os_default(), &os, &err));
    fi_sim_fault_set_hook(os, be_late, NULL);
    DB_OK(fi_db_path_open(os, place, &options, &shared.db, &err));
    DB_OK(fi_db_keyspace_open(shared.db, "k", &shared.keyspace, &err));
    DB_OK(fi_db_put(shared.keyspace, firn_str("k"), firn_str("first"), FIRN_DURABILITY_DEFAULT,
                    &err));
    for (unsigned i = 0; i < thread_count; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, put_all_the_time, &shared), 0);
    }
    int lost = 0;
    for (int round = 0; round < ROUNDS; round++) {
        lost += fi_txn_run(shared.db, &run, &err) == FIRN_OK ? 0 : 1;
    }
    atomic_store(&shared.is_over, true);
    for (unsigned i = 0; i < thread_count; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    printf("count: %u attempts of %d transactions beside %u threads\n", shared.attempts, ROUNDS,
           thread_count);
    assert_int_equal(lost, 0);
    assert_true(shared.attempts <= ROUNDS * ATTEMPTS_MEAN_MAX);
    DB_OK(fi_db_close(shared.db, &err));
    fi_sim_fault_destroy(os);
    DB_OK(fi_db_path_destroy(fi_os_default(), place, &err));
}

static void
a_transaction_succeeds_beside_slow_puts_of_a_thread(void **state)
{
    run_beside(1);
}

static void
a_transaction_succeeds_beside_slow_puts_of_several_threads(void **state)
{
    run_beside(THREADS_MAX);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transaction_succeeds_beside_slow_puts_of_a_thread),
        cmocka_unit_test(a_transaction_succeeds_beside_slow_puts_of_several_threads),
    };
    return cmocka_run_group_tests_name("db_txn_slow", tests, NULL, NULL);
}

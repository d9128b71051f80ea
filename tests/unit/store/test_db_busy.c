/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: everything at once on one store on the real disk, with so little memory that flushes
 * and merges never end: writers of batches and of range deletes, readers by key, by cursor, at
 * views, and in a handle of their own; a thread that flushes, compacts, checks and asks for
 * statistics; one that makes and drops keyspaces. For one second; with FIRN_TEST_LONG=1 for thirty.
 *
 * Each writer sets all keys of its keyspace to the number of its commit, so every reading of more
 * than one key can be judged; what a writer has been told is there must be seen.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "inspect/inspect.h"
#include "posix/os_default.h"
#include "support/store/db_support.h"
#include "support/test_random.h"

enum { WRITERS = 4, READERS = 4, KEYS = 24, VALUE = 600 };

struct shared {
    struct db_support_disk disk;
    struct firn_db *db;
    struct firn_db_keyspace *keyspaces[WRITERS];
    atomic_uint_fast64_t acknowledged[WRITERS];
    atomic_bool is_over;
};

struct worker {
    struct shared *shared;
    unsigned index;
    uint64_t rounds;
    pthread_t thread;
};

static firn_slice
key_of(unsigned key, char out[16])
{
    (void)snprintf(out, 16, "key-%04u", key);
    return firn_str(out);
}

static bool
is_over(const struct worker *worker)
{
    return atomic_load(&worker->shared->is_over);
}

static void *
write_numbers(void *arg)
{
    struct worker *worker = arg;
    struct shared *shared = worker->shared;
    struct firn_db_keyspace *keyspace = shared->keyspaces[worker->index];
    struct firn_db_batch *batch;
    firn_error err;
    DB_OK(fi_db_batch_create(&batch, &err));
    for (uint64_t number = 1; !is_over(worker); number++) {
        uint8_t value[VALUE];
        char text[16];
        memset(value, (int)number, sizeof value);
        fi_store_le64(value, number);
        fi_db_batch_clear(batch);
        if (number % 7 == 0) {
            DB_OK(fi_db_batch_delete_range(batch, keyspace, firn_str("key-"), firn_str("key."),
                                           &err));
        }
        for (unsigned key = 0; key < KEYS; key++) {
            DB_OK(fi_db_batch_put(batch, keyspace, key_of(key, text),
                                  firn_bytes(value, sizeof value), &err));
        }
        firn_durability durability = number % 50 == 0 ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS;
        DB_OK(fi_db_write(shared->db, batch, durability, &err));
        atomic_store(&shared->acknowledged[worker->index], number);
        worker->rounds++;
    }
    fi_db_batch_destroy(batch);
    return NULL;
}

static uint64_t
number_in(firn_slice value)
{
    assert_int_equal(value.size, VALUE);
    uint64_t number = fi_load_le64(value.data);
    assert_int_equal(value.data[VALUE - 1], (uint8_t)number);
    return number;
}

/* All keys have one number, and not an older one than `least`. */
static void
check_walk(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot, uint64_t least,
           bool is_back)
{
    firn_error err;
    struct firn_db_cursor *cursor;
    uint64_t number = 0;
    unsigned count = 0;
    const struct fi_db_cursor_options options = {.snapshot = snapshot};
    DB_OK(fi_db_cursor_open(keyspace, &options, &cursor, &err));
    DB_OK(is_back ? fi_db_cursor_last(cursor, &err) : fi_db_cursor_first(cursor, &err));
    while (fi_db_cursor_valid(cursor)) {
        uint64_t found = number_in(fi_db_cursor_value(cursor));
        assert_true(count == 0 || found == number);
        number = found;
        count++;
        DB_OK(is_back ? fi_db_cursor_prev(cursor, &err) : fi_db_cursor_next(cursor, &err));
    }
    fi_db_cursor_close(cursor);
    assert_true(count == KEYS || (count == 0 && least == 0));
    assert_true(number >= least);
}

/* Numbers never go back from key to key. */
static void
check_gets(struct shared *shared, unsigned writer, struct test_random *random)
{
    firn_error err;
    struct fi_buf out = {0};
    uint64_t least = atomic_load(&shared->acknowledged[writer]);
    for (unsigned i = 0; i < 50; i++) {
        char text[16];
        firn_slice key = key_of((unsigned)test_random_below(random, KEYS), text);
        int rc = fi_db_get(shared->keyspaces[writer], key, &out, &err);
        if (rc == FIRN_NOT_FOUND && least == 0) {
            continue;
        }
        DB_OK(rc);
        uint64_t number = number_in(fi_buf_slice(&out));
        assert_true(number >= least);
        least = number;
    }
    fi_buf_deinit(&out);
}

static void
check_snapshot(struct shared *shared, unsigned writer, struct test_random *random)
{
    firn_error err;
    struct firn_snapshot *snapshot;
    struct fi_buf out = {0};
    uint64_t least = atomic_load(&shared->acknowledged[writer]);
    DB_OK(fi_db_snapshot_open(shared->db, &snapshot, &err));
    uint64_t number = 0;
    for (unsigned i = 0; i < 20; i++) {
        char text[16];
        firn_slice key = key_of((unsigned)test_random_below(random, KEYS), text);
        int rc = fi_db_get_at(shared->keyspaces[writer], snapshot, key, &out, &err);
        assert_true(rc == FIRN_OK || (rc == FIRN_NOT_FOUND && least == 0 && number == 0));
        if (rc == FIRN_OK) {
            assert_true(number == 0 || number == number_in(fi_buf_slice(&out)));
            number = number_in(fi_buf_slice(&out));
        }
    }
    assert_true(number >= least);
    check_walk(shared->keyspaces[writer], snapshot, least, false);
    fi_db_snapshot_close(snapshot);
    fi_buf_deinit(&out);
}

static void *
read_numbers(void *arg)
{
    struct worker *worker = arg;
    struct shared *shared = worker->shared;
    struct test_random random = {worker->index + 1};
    while (!is_over(worker)) {
        unsigned writer = (unsigned)test_random_below(&random, WRITERS);
        uint64_t least = atomic_load(&shared->acknowledged[writer]);
        switch (test_random_below(&random, 3)) {
        case 0:
            check_gets(shared, writer, &random);
            break;
        case 1:
            check_walk(shared->keyspaces[writer], NULL, least, worker->rounds % 2 == 0);
            break;
        default:
            check_snapshot(shared, writer, &random);
            break;
        }
        worker->rounds++;
    }
    return NULL;
}

/* A handle that several threads read while one of them moves it. */
static void *
read_elsewhere(void *arg)
{
    struct worker *worker = arg;
    struct shared *shared = worker->shared;
    firn_error err;
    struct firn_db *reader;
    DB_OK(
        fi_db_path_open(fi_os_default(), shared->disk.path, &db_support_read_only, &reader, &err));
    while (!is_over(worker)) {
        unsigned writer = (unsigned)(worker->rounds % WRITERS);
        char name[] = {'w', (char)('0' + writer), 0};
        uint64_t least = atomic_load(&shared->acknowledged[writer]);
        DB_OK(fi_db_refresh(reader, &err));
        check_walk(db_support_keyspace(reader, name), NULL, least, false);
        worker->rounds++;
    }
    DB_OK(fi_db_close(reader, &err));
    return NULL;
}

static void *
maintain(void *arg)
{
    struct worker *worker = arg;
    struct firn_db *db = worker->shared->db;
    firn_error err;
    while (!is_over(worker)) {
        firn_store_statistics stats;
        firn_store_check_result report;
        DB_OK(fi_db_maintain_flush(db, &err));
        DB_OK(fi_inspect_stats(db, &stats, &err));
        if (worker->rounds % 4 == 0) {
            DB_OK(fi_db_maintain_compact(db, NULL, &err));
        }
        if (worker->rounds % 8 == 0) {
            DB_OK(fi_inspect_check(db, NULL, &report, &err));
        }
        assert_int_equal(stats.background_failures, 0);
        worker->rounds++;
    }
    return NULL;
}

static void *
make_and_drop(void *arg)
{
    struct worker *worker = arg;
    struct firn_db *db = worker->shared->db;
    firn_error err;
    while (!is_over(worker)) {
        struct firn_db_keyspace *keyspace = db_support_keyspace(db, "passing");
        struct firn_db_cursor *cursor;
        assert_null(db_support_get(keyspace, "a"));
        db_support_put(keyspace, "a", "1");
        DB_OK(fi_db_cursor_open(keyspace, NULL, &cursor, &err));
        DB_OK(fi_db_keyspace_drop(db, "passing", &err));
        DB_OK(fi_db_cursor_first(cursor, &err));
        assert_true(fi_slice_equal(fi_db_cursor_key(cursor), firn_str("a")));
        fi_db_cursor_close(cursor);
        worker->rounds++;
    }
    return NULL;
}

static void
start(struct worker *worker, struct shared *shared, unsigned index, void *(*run)(void *arg))
{
    worker->shared = shared;
    worker->index = index;
    assert_int_equal(pthread_create(&worker->thread, NULL, run, worker), 0);
}

static void
everything_at_once_agrees(void **state)
{
    firn_error err;
    static struct shared shared;
    static struct worker workers[WRITERS + READERS + 4];
    enum { WORKERS = sizeof workers / sizeof *workers };
    const struct fi_db_options options = {.create_if_missing = true,
                                          .memory_bytes = 1 << 20,
                                          .threads = 3,
                                          .durability = FIRN_DURABILITY_OS};
    db_support_disk_init(&shared.disk);
    DB_OK(fi_db_open(shared.disk.dir, &options, &shared.db, &err));
    for (unsigned i = 0; i < WRITERS; i++) {
        char name[] = {'w', (char)('0' + i), 0};
        shared.keyspaces[i] = db_support_keyspace(shared.db, name);
    }
    unsigned count = 0;
    for (unsigned i = 0; i < WRITERS; i++) {
        start(&workers[count++], &shared, i, write_numbers);
    }
    for (unsigned i = 0; i < READERS; i++) {
        start(&workers[count++], &shared, i, read_numbers);
    }
    start(&workers[count++], &shared, 0, read_elsewhere);
    start(&workers[count++], &shared, 1, read_elsewhere);
    start(&workers[count++], &shared, 0, maintain);
    start(&workers[count++], &shared, 0, make_and_drop);
    assert_int_equal(count, WORKERS);
    fi_os_sleep_ns(fi_os_default(),
                   (getenv("FIRN_TEST_LONG") != NULL ? 30 : 1) * INT64_C(1000000000));
    atomic_store(&shared.is_over, true);
    for (unsigned i = 0; i < WORKERS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_true(workers[i].rounds > 0);
    }
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(shared.db, &stats, &err));
    (void)printf("%llu commits, %llu flushes, %llu compactions, %llu stalls\n",
                 (unsigned long long)stats.commits, (unsigned long long)stats.flushes,
                 (unsigned long long)stats.compactions, (unsigned long long)stats.stalls);
    assert_true(stats.flushes > 0);
    DB_OK(fi_db_close(shared.db, &err));
    DB_OK(fi_db_open(shared.disk.dir, &options, &shared.db, &err));
    for (unsigned i = 0; i < WRITERS; i++) {
        char name[] = {'w', (char)('0' + i), 0};
        uint64_t number = atomic_load(&shared.acknowledged[i]);
        check_walk(db_support_keyspace(shared.db, name), NULL, number, true);
    }
    firn_store_check_result report;
    DB_OK(fi_inspect_check(shared.db, NULL, &report, &err));
    assert_int_equal(report.keyspaces, WRITERS);
    DB_OK(fi_db_close(shared.db, &err));
    db_support_disk_deinit(&shared.disk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_at_once_agrees),
    };
    return cmocka_run_group_tests_name("db_busy", tests, NULL, NULL);
}

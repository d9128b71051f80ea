/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: a process that commits, acknowledges each commit on a pipe, and is killed at a random
 * moment. What it acknowledged is there, nothing is there in part, and at most one commit is there
 * that it did not live to acknowledge. The lock goes with the process.
 *
 * FIRN_TEST_LONG=1 runs 200 rounds.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "inspect/inspect.h"
#include "posix/os_default.h"
#include "support/store/db_support.h"
#include "support/test_random.h"

enum { COMMITS = 1000, KEYS = 3 };

/* Commit n sets the keys n*3 to n*3+2, a batch; every fourth is a single put and sets one. */
static void
commit(struct firn_db *db, struct firn_db_keyspace *keyspace, uint64_t n)
{
    firn_error err;
    struct firn_db_batch *batch;
    DB_OK(fi_db_batch_create(&batch, &err));
    for (uint64_t i = 0; i < (n % 4 == 0 ? 1 : KEYS); i++) {
        uint8_t key[8];
        fi_store_be64(key, n * KEYS + i);
        DB_OK(fi_db_batch_put(batch, keyspace, firn_bytes(key, 8), firn_bytes(key, 8), &err));
    }
    DB_OK(fi_db_write(db, batch, FIRN_DURABILITY_FULL, &err));
    fi_db_batch_destroy(batch);
}

/* In the child: what it uses it opens itself, since descriptors that came through fork share
 * their positions. */
static struct firn_db *
open_in_child(const struct db_support_disk *disk)
{
    firn_error err;
    struct firn_db *db;
    DB_OK(fi_db_path_open(fi_os_default(), disk->path, &db_support_create, &db, &err));
    return db;
}

static void
live_until_killed(const struct db_support_disk *disk, uint64_t first, int pipe_end)
{
    struct firn_db *db = open_in_child(disk);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (uint64_t n = first; n < first + COMMITS; n++) {
        commit(db, keyspace, n);
        /* Beside the background's own: death comes in the middle of these too. */
        if (n % 16 == 15) {
            firn_error err;
            DB_OK(n % 64 == 63 ? fi_db_maintain_compact(db, NULL, &err)
                               : fi_db_maintain_flush(db, &err));
        }
        if (write(pipe_end, &n, sizeof n) != sizeof n) {
            _exit(1);
        }
    }
    for (;;) {
        (void)pause();
    }
}

/* The first commit that is not there; what is there must be whole and without gaps. */
static uint64_t
count_commits(struct firn_db *db)
{
    firn_error err;
    struct firn_db_cursor *cursor;
    uint64_t n = 0;
    DB_OK(fi_db_cursor_open(db_support_keyspace(db, "k"), NULL, &cursor, &err));
    DB_OK(fi_db_cursor_first(cursor, &err));
    while (fi_db_cursor_valid(cursor)) {
        for (uint64_t i = 0; i < (n % 4 == 0 ? 1 : KEYS); i++) {
            assert_true(fi_db_cursor_valid(cursor));
            assert_int_equal(fi_load_be64(fi_db_cursor_key(cursor).data), n * KEYS + i);
            assert_int_equal(fi_load_be64(fi_db_cursor_value(cursor).data), n * KEYS + i);
            DB_OK(fi_db_cursor_next(cursor, &err));
        }
        n++;
    }
    fi_db_cursor_close(cursor);
    return n;
}

/* One life and death; returns how many commits are in the store then. */
static uint64_t
run_round(struct db_support_disk *disk, uint64_t first, useconds_t delay)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(ends[0]);
        live_until_killed(disk, first, ends[1]);
    }
    (void)close(ends[1]);
    uint64_t acknowledged = first; /* commits before this number */
    uint64_t n;
    if (read(ends[0], &n, sizeof n) == sizeof n) {
        acknowledged = n + 1;
    }
    (void)usleep(delay);
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read(ends[0], &n, sizeof n) == sizeof n) {
        assert_int_equal(n, acknowledged);
        acknowledged = n + 1;
    }
    (void)close(ends[0]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

    firn_error err;
    struct firn_db *db = db_support_open(disk->dir);
    uint64_t there = count_commits(db);
    /* The last one may have been made and not told. */
    assert_true(there == acknowledged || there == acknowledged + 1);
    firn_store_check_result report;
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    fi_db_abandon(db);
    return there;
}

static void
a_killed_writer_loses_nothing_it_acknowledged(void **state)
{
    struct test_random random;
    struct db_support_disk disk;
    test_random_init(&random, "db_kill", 1);
    db_support_disk_init(&disk);
    unsigned rounds = getenv("FIRN_TEST_LONG") != NULL ? 200 : 24;
    uint64_t there = 0;
    for (unsigned i = 0; i < rounds; i++) {
        there = run_round(&disk, there, (useconds_t)test_random_below(&random, 20000));
    }
    (void)printf("%u rounds, %llu commits\n", rounds, (unsigned long long)there);
    assert_true(there >= rounds);
    db_support_disk_deinit(&disk);
}

static void
the_lock_of_another_process_is_named_and_goes_with_it(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    int ends[2];
    db_support_disk_init(&disk);
    fi_db_abandon(db_support_open(disk.dir));
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct firn_db *db = open_in_child(&disk);
        if (db == NULL || write(ends[1], "x", 1) != 1) {
            _exit(1);
        }
        for (;;) {
            (void)pause();
        }
    }
    char ready;
    assert_int_equal(read(ends[0], &ready, 1), 1);
    struct firn_db *db;
    char expected[64];
    (void)snprintf(expected, sizeof expected, "locked by process %ld", (long)child);
    DB_FAILS(fi_db_open(disk.dir, &db_support_create, &db, &err), FIRN_BUSY, expected);
    const struct fi_db_options patient = {.lock_timeout_ms = 30};
    DB_FAILS(fi_db_open(disk.dir, &patient, &db, &err), FIRN_BUSY, expected);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    DB_OK(fi_db_open(disk.dir, &db_support_existing, &db, &err));
    DB_OK(fi_db_close(db, &err));
    (void)close(ends[0]);
    (void)close(ends[1]);
    db_support_disk_deinit(&disk);
}

static void
without_an_end_to_it_a_lock_is_waited_for(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    int ends[2];
    char ready;
    db_support_disk_init(&disk);
    fi_db_abandon(db_support_open(disk.dir));
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct firn_db *db = open_in_child(&disk);
        if (db == NULL || write(ends[1], "x", 1) != 1) {
            _exit(1);
        }
        (void)usleep(100000);
        _exit(0);
    }
    assert_int_equal(read(ends[0], &ready, 1), 1);
    struct firn_db *db;
    const struct fi_db_options steadfast = {.lock_timeout_ms = -1};
    DB_OK(fi_db_open(disk.dir, &steadfast, &db, &err));
    DB_OK(fi_db_close(db, &err));
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(ends[0]);
    (void)close(ends[1]);
    db_support_disk_deinit(&disk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_writer_loses_nothing_it_acknowledged),
        cmocka_unit_test(the_lock_of_another_process_is_named_and_goes_with_it),
        cmocka_unit_test(without_an_end_to_it_a_lock_is_waited_for),
    };
    return cmocka_run_group_tests_name("db_kill", tests, NULL, NULL);
}

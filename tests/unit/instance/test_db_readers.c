/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/instance: read-only handles beside a writer, in this process and in others: what they see, that
 * they can move on, and that no file they need is taken away.
 *
 * The second process loops over opening, reading, scanning, listing and refreshing while the first
 * commits, flushes, merges, drops and gives up logs. FIRN_TEST_LONG=1 lets it run for half a
 * minute.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/slice.h"
#include "inspect/inspect.h"
#include "posix/os_default.h"
#include "sim/sim_fault.h"
#include "store/db_internal.h"
#include "support/store/db_support.h"
#include "support/test_random.h"

static const struct fi_db_options tiny = {
    .create_if_missing = true, .memory_bytes = 1 << 20, .durability = FIRN_DURABILITY_OS};

enum { KEYS = 40, VALUE = 700 };

/* Every key of a keyspace to one number, in one commit. */
static void
put_round(struct firn_db *db, struct firn_db_keyspace *const *keyspaces, size_t count,
          unsigned round)
{
    firn_error err;
    struct firn_db_batch *batch;
    char value[VALUE];
    memset(value, 'a' + (char)(round % 26), sizeof value);
    (void)snprintf(value, sizeof value, "%010u", round);
    DB_OK(fi_db_batch_create(&batch, &err));
    for (size_t k = 0; k < count; k++) {
        for (unsigned i = 0; i < KEYS; i++) {
            char key[16];
            (void)snprintf(key, sizeof key, "%04u", i);
            DB_OK(fi_db_batch_put(batch, keyspaces[k], firn_str(key),
                                  firn_bytes(value, sizeof value), &err));
        }
    }
    DB_OK(fi_db_write(db, batch, FIRN_DURABILITY_OS, &err));
    fi_db_batch_destroy(batch);
}

/* The number that all keys have; they must have the same. */
static unsigned
scan_round(struct firn_db_keyspace *keyspace, bool is_back)
{
    firn_error err;
    struct firn_db_cursor *cursor;
    unsigned round = 0;
    unsigned count = 0;
    DB_OK(fi_db_cursor_open(keyspace, NULL, &cursor, &err));
    DB_OK(is_back ? fi_db_cursor_last(cursor, &err) : fi_db_cursor_first(cursor, &err));
    while (fi_db_cursor_valid(cursor)) {
        firn_slice value = fi_db_cursor_value(cursor);
        assert_int_equal(value.size, VALUE);
        unsigned found = (unsigned)strtoul((const char *)value.data, NULL, 10);
        assert_true(count == 0 || found == round);
        round = found;
        count++;
        DB_OK(is_back ? fi_db_cursor_prev(cursor, &err) : fi_db_cursor_next(cursor, &err));
    }
    fi_db_cursor_close(cursor);
    assert_true(count == KEYS || count == 0);
    return round;
}

/* ---- in one process ---- */

static void
a_reader_moves_when_it_is_told_to(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    struct firn_db *reader;
    struct firn_snapshot *snapshot;
    struct firn_db_cursor *cursor;
    struct firn_db_keyspace *later;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    put_round(db, &keyspace, 1, 1);
    DB_OK(fi_db_open(support.dir, &db_support_read_only, &reader, &err));
    struct firn_db_keyspace *seen = db_support_keyspace(reader, "k");
    DB_OK(fi_db_snapshot_open(reader, &snapshot, &err));
    for (unsigned round = 2; round < 8; round++) {
        put_round(db, &keyspace, 1, round);
        if (round % 2 == 0) {
            DB_OK(fi_db_maintain_flush(db, &err));
        }
        assert_int_equal(scan_round(seen, false), round - 1);
        DB_OK(fi_db_refresh(reader, &err));
        assert_int_equal(scan_round(seen, true), round);
        const struct fi_db_cursor_options options = {.snapshot = snapshot};
        DB_OK(fi_db_cursor_open(seen, &options, &cursor, &err));
        DB_OK(fi_db_cursor_last(cursor, &err));
        assert_int_equal(strtoul((const char *)fi_db_cursor_value(cursor).data, NULL, 10), 1);
        fi_db_cursor_close(cursor);
    }
    db_support_put(db_support_keyspace(db, "later"), "a", "1");
    DB_FAILS(fi_db_keyspace_open(reader, "later", &later, &err), FIRN_NOT_FOUND, "'later'");
    DB_OK(fi_db_refresh(reader, &err));
    later = db_support_keyspace(reader, "later");
    assert_string_equal(db_support_get(later, "a"), "1");
    struct fi_buf out = {0};
    assert_int_equal(fi_db_get_at(later, snapshot, firn_str("a"), &out, &err), FIRN_NOT_FOUND);
    DB_OK(fi_db_keyspace_drop(db, "later", &err));
    DB_OK(fi_db_refresh(reader, &err));
    DB_FAILS(fi_db_get(later, firn_str("a"), &out, &err), FIRN_MISUSE, "was dropped");
    DB_FAILS(fi_db_keyspace_open(reader, "later", &later, &err), FIRN_NOT_FOUND, "'later'");
    fi_buf_deinit(&out);
    fi_db_snapshot_close(snapshot);
    DB_OK(fi_db_close(reader, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static uint64_t
waiting_files(struct firn_db *db)
{
    firn_error err;
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(db, &stats, &err));
    return stats.waiting_files;
}

static void
files_wait_for_readers(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    struct firn_db *reader;
    struct firn_db_cursor *cursor;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    put_round(db, &keyspace, 1, 1);
    DB_OK(fi_db_maintain_flush(db, &err));
    put_round(db, &keyspace, 1, 2);
    DB_OK(fi_db_open(support.dir, &db_support_read_only, &reader, &err));
    struct firn_db_keyspace *seen = db_support_keyspace(reader, "k");
    for (unsigned round = 3; round < 6; round++) {
        put_round(db, &keyspace, 1, round);
        DB_OK(fi_db_maintain_compact(db, NULL, &err));
        /* Its runs have not been opened yet. */
        assert_int_equal(scan_round(seen, round % 2 == 0), 2);
        assert_true(waiting_files(db) > 0);
    }
    DB_OK(fi_db_cursor_open(seen, NULL, &cursor, &err));
    DB_OK(fi_db_refresh(reader, &err));
    assert_int_equal(scan_round(seen, false), 5);
    put_round(db, &keyspace, 1, 6);
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    /* The cursor holds the first state still. */
    DB_OK(fi_db_cursor_first(cursor, &err));
    assert_int_equal(strtoul((const char *)fi_db_cursor_value(cursor).data, NULL, 10), 2);
    assert_true(waiting_files(db) > 0);
    fi_db_cursor_close(cursor);
    DB_OK(fi_db_close(reader, &err));
    put_round(db, &keyspace, 1, 7);
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    assert_int_equal(waiting_files(db), 0);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static int
count_run(void *ctx, const struct fi_os_dirent *entry)
{
    (void)entry;
    ++*(unsigned *)ctx;
    return FIRN_OK;
}

static unsigned
run_files(const struct db_support *support)
{
    firn_error err;
    unsigned count = 0;
    struct fi_os_dir *dir;
    DB_OK(fi_os_dir_open(support->dir, "runs", &dir, &err));
    DB_OK(fi_os_dir_list(dir, count_run, &count, &err));
    fi_os_dir_close(dir);
    return count;
}

static void
files_go_with_the_cursor_that_held_them(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    struct firn_db_cursor *cursor;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    put_round(db, &keyspace, 1, 1);
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    DB_OK(fi_db_cursor_open(keyspace, NULL, &cursor, &err));
    put_round(db, &keyspace, 1, 2);
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    unsigned held = run_files(&support);
    DB_OK(fi_db_cursor_first(cursor, &err));
    assert_int_equal(strtoul((const char *)fi_db_cursor_value(cursor).data, NULL, 10), 1);
    fi_db_cursor_close(cursor);
    while (fi_db_jobs_wait(db)) {
    }
    assert_true(run_files(&support) < held);
    assert_int_equal(scan_round(keyspace, false), 2);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
what_a_reader_uses_survives_the_writers_end(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    struct firn_db *reader;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    put_round(db, &keyspace, 1, 1);
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_open(support.dir, &db_support_read_only, &reader, &err));
    struct firn_db_keyspace *seen = db_support_keyspace(reader, "k");
    for (unsigned round = 2; round < 5; round++) {
        put_round(db, &keyspace, 1, round);
        DB_OK(fi_db_maintain_compact(db, NULL, &err));
        DB_OK(fi_db_close(db, &err));
        DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
        keyspace = db_support_keyspace(db, "k");
        assert_int_equal(scan_round(seen, false), 1);
    }
    DB_OK(fi_db_close(reader, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* ---- in two processes ---- */

static int
count_name(void *ctx, const char *name)
{
    (void)name;
    ++*(unsigned *)ctx;
    return FIRN_OK;
}

static unsigned
look_around(struct firn_db *reader, unsigned at_least)
{
    firn_error err;
    struct firn_db_keyspace *a = db_support_keyspace(reader, "a");
    struct firn_db_keyspace *b = db_support_keyspace(reader, "b");
    struct fi_buf out = {0};
    unsigned names = 0;
    unsigned round = scan_round(a, false);
    assert_true(round >= at_least);
    assert_int_equal(scan_round(b, true), round);
    DB_OK(fi_db_get(a, firn_str("0017"), &out, &err));
    assert_int_equal(strtoul((const char *)out.data, NULL, 10), round);
    fi_buf_deinit(&out);
    DB_OK(fi_db_keyspace_list(reader, count_name, &names, &err));
    assert_true(names == 2 || names == 3);
    return round;
}

/* Ends when it is killed, or when something is wrong. */
static void
read_for_ever(const char *path, int progress)
{
    firn_error err;
    unsigned round = 0;
    for (;;) {
        struct firn_db *reader;
        DB_OK(fi_db_path_open(fi_os_default(), path, &db_support_read_only, &reader, &err));
        for (int i = 0; i < 5; i++) {
            round = look_around(reader, round);
            DB_OK(fi_db_refresh(reader, &err));
        }
        firn_store_check_result report;
        DB_OK(fi_inspect_check(reader, NULL, &report, &err));
        DB_OK(fi_db_close(reader, &err));
        if (write(progress, "x", 1) != 1) {
            _exit(2);
        }
    }
}

/* Who lost the other end of its pipe ends. */
static pid_t
start_reader(const char *path, const int progress[2])
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(progress[0]);
        read_for_ever(path, progress[1]);
    }
    return pid;
}

static void
end_reader(pid_t pid)
{
    int status;
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void
a_second_process_reads_while_the_first_writes(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct firn_db *db;
    int progress[2];
    unsigned long looks = 0;
    unsigned rounds = getenv("FIRN_TEST_LONG") != NULL ? 6000 : 400;
    db_support_disk_init(&disk);
    assert_int_equal(pipe(progress), 0);
    DB_OK(fi_db_open(disk.dir, &tiny, &db, &err));
    struct firn_db_keyspace *keyspaces[] = {db_support_keyspace(db, "a"),
                                            db_support_keyspace(db, "b")};
    put_round(db, keyspaces, 2, 1);
    DB_OK(fi_db_close(db, &err));
    /* Before there are threads. */
    pid_t readers[2] = {start_reader(disk.path, progress), start_reader(disk.path, progress)};
    (void)close(progress[1]);
    DB_OK(fi_db_open(disk.dir, &tiny, &db, &err));
    keyspaces[0] = db_support_keyspace(db, "a");
    keyspaces[1] = db_support_keyspace(db, "b");
    for (unsigned round = 2; round < rounds; round++) {
        put_round(db, keyspaces, 2, round);
        if (round % 50 == 0) {
            (void)db_support_keyspace(db, "passing");
            DB_OK(fi_db_maintain_compact(db, NULL, &err));
            DB_OK(fi_db_keyspace_drop(db, "passing", &err));
        } else if (round % 10 == 0) {
            DB_OK(fi_db_maintain_flush(db, &err));
        }
        if (round % 133 == 0) {
            DB_OK(fi_db_close(db, &err));
            DB_OK(fi_db_open(disk.dir, &tiny, &db, &err));
            keyspaces[0] = db_support_keyspace(db, "a");
            keyspaces[1] = db_support_keyspace(db, "b");
        }
        assert_int_equal(waitpid(readers[round % 2], NULL, WNOHANG), 0);
    }
    end_reader(readers[0]);
    end_reader(readers[1]);
    char bytes[4096];
    ssize_t got;
    while ((got = read(progress[0], bytes, sizeof bytes)) > 0) {
        looks += (unsigned long)got;
    }
    (void)close(progress[0]);
    (void)printf("%lu openings beside %u rounds\n", looks, rounds);
    assert_true(looks > 3);
    /* Killed readers hold nothing. */
    put_round(db, keyspaces, 2, rounds);
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    assert_int_equal(waiting_files(db), 0);
    DB_OK(fi_db_close(db, &err));
    db_support_disk_deinit(&disk);
}

/* Answers each byte with the number that it sees then, until there are no more. */
static void
answer_for_ever(const char *path, int questions, int answers)
{
    firn_error err;
    struct firn_db *reader;
    char byte;
    DB_OK(fi_db_path_open(fi_os_default(), path, &db_support_read_only, &reader, &err));
    while (read(questions, &byte, 1) == 1) {
        DB_OK(fi_db_refresh(reader, &err));
        const struct fi_db_image *image = fi_db_image(reader);
        unsigned round =
            (unsigned)strtoul(db_support_get(db_support_keyspace(reader, "k"), "n"), NULL, 10);
        /* The writer waits, and its background work is done. */
        DB_OK(fi_db_refresh(reader, &err));
        assert_ptr_equal(fi_db_image(reader), image);
        if (write(answers, &round, sizeof round) != sizeof round) {
            _exit(2);
        }
    }
    _exit(0);
}

/* A write, and something that changes the files of the store. */
static void
write_one(struct db_support_disk *disk, struct firn_db **db, unsigned round)
{
    firn_error err;
    struct firn_db_keyspace *keyspace = db_support_keyspace(*db, "k");
    char number[16];
    (void)snprintf(number, sizeof number, "%u", round);
    if (round % 11 == 5) {
        struct firn_db_bulk *bulk;
        DB_OK(fi_db_bulk_open(keyspace, &bulk, &err));
        DB_OK(fi_db_bulk_put(bulk, firn_str("n"), firn_str(number), &err));
        DB_OK(fi_db_bulk_commit(bulk, &err));
        fi_db_bulk_close(bulk);
    } else {
        DB_OK(fi_db_put(keyspace, firn_str("n"), firn_str(number),
                        round % 3 == 0 ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS, &err));
    }
    if (round % 7 == 1) {
        DB_OK(fi_db_maintain_flush(*db, &err));
    } else if (round % 13 == 2) {
        DB_OK(fi_db_maintain_compact(*db, NULL, &err));
    } else if (round % 29 == 3) {
        DB_OK(fi_db_close(*db, &err));
        DB_OK(fi_db_open(disk->dir, &tiny, db, &err));
    } else if (round % 31 == 4) {
        fi_db_abandon(*db);
        DB_OK(fi_db_open(disk->dir, &tiny, db, &err));
    }
    while (fi_db_jobs_wait(*db)) {
    }
}

static void
a_reader_in_another_process_sees_each_commit_at_once(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct firn_db *db;
    int questions[2];
    int answers[2];
    int status;
    enum { ROUNDS = 150 };
    db_support_disk_init(&disk);
    assert_int_equal(pipe(questions), 0);
    assert_int_equal(pipe(answers), 0);
    DB_OK(fi_db_open(disk.dir, &tiny, &db, &err));
    db_support_put(db_support_keyspace(db, "k"), "n", "0");
    DB_OK(fi_db_close(db, &err));
    /* Before there are threads. */
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(questions[1]);
        answer_for_ever(disk.path, questions[0], answers[1]);
    }
    (void)close(questions[0]);
    (void)close(answers[1]);
    DB_OK(fi_db_open(disk.dir, &tiny, &db, &err));
    for (unsigned round = 1; round <= ROUNDS; round++) {
        unsigned seen;
        write_one(&disk, &db, round);
        assert_int_equal(write(questions[1], "?", 1), 1);
        assert_int_equal(read(answers[0], &seen, sizeof seen), sizeof seen);
        assert_int_equal(seen, round);
    }
    (void)close(questions[1]);
    (void)close(answers[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    DB_OK(fi_db_close(db, &err));
    db_support_disk_deinit(&disk);
}

static void
the_version_can_be_made_to_grow(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *reader;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    db_support_put(db_support_keyspace(db, "k"), "a", "1");
    DB_OK(fi_db_maintain_flush(db, &err));
    db_support_put(db_support_keyspace(db, "k"), "a", "2");
    DB_OK(fi_db_open(support.dir, &db_support_read_only, &reader, &err));
    uint64_t version = fi_db_reader_version(db);
    assert_true(fi_db_reader_none_below(db, version));
    assert_false(fi_db_reader_none_below(db, version + 1));
    DB_OK(fi_db_maintain_advance(db, &err));
    assert_int_equal(fi_db_reader_version(db), version + 1);
    assert_int_equal(fi_db_reader_version(reader), version);
    assert_false(fi_db_reader_none_below(db, version + 1));
    DB_OK(fi_db_refresh(reader, &err));
    assert_true(fi_db_reader_none_below(db, version + 1));
    assert_string_equal(db_support_get(db_support_keyspace(reader, "k"), "a"), "2");
    DB_OK(fi_db_close(reader, &err));
    /* It is durable: no later process uses the number for something else. */
    fi_db_abandon(db);
    db_support_cut(&support, 1);
    DB_OK(fi_db_open(support.dir, &db_support_read_only, &db, &err));
    assert_int_equal(fi_db_reader_version(db), version + 1);
    assert_string_equal(db_support_get(db_support_keyspace(db, "k"), "a"), "2");
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

struct turning {
    const char *path;
    struct firn_db *writer;
    struct test_random random;
    unsigned wanted; /* this opening of a segment, from 1 */
    unsigned seen;
    unsigned round;
};

static void
write_something(struct turning *turning)
{
    firn_error err;
    struct firn_db_keyspace *keyspace = db_support_keyspace(turning->writer, "a");
    for (uint64_t left = 1 + test_random_below(&turning->random, 6); left > 0; left--) {
        switch (test_random_below(&turning->random, 5)) {
        case 0:
            DB_OK(fi_db_close(turning->writer, &err));
            DB_OK(fi_db_path_open(fi_os_default(), turning->path, &tiny, &turning->writer, &err));
            keyspace = db_support_keyspace(turning->writer, "a");
            break;
        case 1:
            DB_OK(fi_db_maintain_compact(turning->writer, NULL, &err));
            break;
        case 2:
            (void)db_support_keyspace(turning->writer, "passing");
            DB_OK(fi_db_keyspace_drop(turning->writer, "passing", &err));
            break;
        case 3:
            DB_OK(fi_db_maintain_flush(turning->writer, &err));
            break;
        default:
            put_round(turning->writer, &keyspace, 1, ++turning->round);
        }
    }
}

/* Another writer may follow, and of the log as it was nothing may be left. */
static void
turn_log(void *ctx, const struct fi_sim_fault_call *call)
{
    struct turning *turning = ctx;
    if (strcmp(call->operation, "file_open") == 0 && strncmp(call->name, "wal-", 4) == 0 &&
        ++turning->seen == turning->wanted) {
        write_something(turning);
    }
}

static void
a_check_bears_that_the_log_turns_beside_it(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct firn_db *reader;
    struct fi_os *os;
    (void)state;
    db_support_disk_init(&disk);
    struct turning turning = {.path = disk.path};
    test_random_init(&turning.random, "db_readers", 1);
    DB_OK(fi_db_path_open(fi_os_default(), disk.path, &tiny, &turning.writer, &err));
    DB_OK(fi_sim_fault_create(fi_os_default(), &os, &err));
    for (unsigned i = 0; i < (getenv("FIRN_TEST_LONG") != NULL ? 3000 : 300); i++) {
        firn_store_check_result report;
        write_something(&turning);
        DB_OK(fi_db_path_open(os, disk.path, &db_support_read_only, &reader, &err));
        turning.seen = 0;
        turning.wanted = 1 + i % 4;
        fi_sim_fault_set_hook(os, turn_log, &turning);
        DB_OK(fi_inspect_check(reader, NULL, &report, &err));
        fi_sim_fault_set_hook(os, NULL, NULL);
        assert_int_equal(report.damaged_count, 0);
        DB_OK(fi_db_close(reader, &err));
    }
    DB_OK(fi_db_close(turning.writer, &err));
    fi_sim_fault_destroy(os);
    db_support_disk_deinit(&disk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_process_reads_while_the_first_writes),
        cmocka_unit_test(a_reader_moves_when_it_is_told_to),
        cmocka_unit_test(files_wait_for_readers),
        cmocka_unit_test(files_go_with_the_cursor_that_held_them),
        cmocka_unit_test(what_a_reader_uses_survives_the_writers_end),
        cmocka_unit_test(a_reader_in_another_process_sees_each_commit_at_once),
        cmocka_unit_test(the_version_can_be_made_to_grow),
        cmocka_unit_test(a_check_bears_that_the_log_turns_beside_it),
    };
    return cmocka_run_group_tests_name("db_readers", tests, NULL, NULL);
}

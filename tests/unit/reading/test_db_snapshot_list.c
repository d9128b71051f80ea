/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/reading: snapshots that many threads open and close: a compaction keeps what each of them sees; lines of history and images
 * of a reader that have been replaced stay only as long as one of them uses them.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "inspect/inspect.h"
#include "instance/db_handle.h"
#include "store/db.h"
#include "support/store/db_support.h"

/* More than the list has parts. */
enum { THREADS = 40, ROUNDS = 5, EACH_ROUND = 3 };

/* What a thread of its own does: it opens a snapshot, of now or of what another one sees. */
struct opening {
    struct firn_db *db;
    const struct firn_snapshot *of; /* NULL: of now */
    struct firn_snapshot *opened;
};

static void *
open_one(void *arg)
{
    struct opening *opening = arg;
    firn_error err;
    if (opening->of != NULL) {
        DB_OK(fi_db_snapshot_open_copy(opening->of, &opening->opened, &err));
    } else {
        DB_OK(fi_db_snapshot_open(opening->db, &opening->opened, &err));
    }
    return NULL;
}

static struct firn_snapshot *
open_elsewhere(struct firn_db *db, const struct firn_snapshot *of)
{
    struct opening opening = {.db = db, .of = of};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, open_one, &opening), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return opening.opened;
}

static void
put_number(struct firn_db_keyspace *keyspace, unsigned number)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%u", number);
    db_support_put(keyspace, "key", text);
}

static unsigned
number_at(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot)
{
    firn_error err;
    struct fi_buf value = {0};
    unsigned number;
    char text[16] = {0};
    DB_OK(fi_db_get_at(keyspace, snapshot, firn_str("key"), &value, &err));
    assert_true(value.size < sizeof text);
    memcpy(text, value.data, value.size);
    assert_int_equal(sscanf(text, "%u", &number), 1);
    fi_buf_deinit(&value);
    return number;
}

/* A snapshot of now has the number in whatever thread it is opened, also if the thread's part has snapshots on another line. */
static void
assert_now_everywhere(struct firn_db_keyspace *keyspace, unsigned number)
{
    for (unsigned i = 0; i < THREADS; i++) {
        struct firn_snapshot *snapshot = open_elsewhere(keyspace->db, NULL);
        assert_int_equal(number_at(keyspace, snapshot), number);
        fi_db_snapshot_close(snapshot);
    }
}

/* Drops all versions that nobody needs. */
static void
compact(struct firn_db *db)
{
    firn_error err;
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
}

static void
assert_open(struct firn_db *db, uint64_t count)
{
    firn_error err;
    firn_store_statistics statistics;
    DB_OK(fi_inspect_stats(db, &statistics, &err));
    assert_int_equal(statistics.snapshots, count);
}

static void
snapshots_of_all_threads_are_seen(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct firn_snapshot *snapshots[THREADS];
    db_support_disk_init(&disk);
    struct firn_db *db = db_support_open(disk.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    for (unsigned i = 0; i < THREADS; i++) {
        put_number(keyspace, i);
        snapshots[i] = open_elsewhere(db, NULL);
    }
    put_number(keyspace, THREADS);
    compact(db);
    assert_open(db, THREADS);
    DB_FAILS(fi_db_close(db, &err), FIRN_MISUSE, "40 cursors, snapshots");
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(number_at(keyspace, snapshots[i]), i);
    }
    assert_int_equal(number_at(keyspace, NULL), THREADS);
    /* Neither in their order nor against it, and by another thread. */
    for (unsigned i = 0; i < THREADS; i++) {
        fi_db_snapshot_close(snapshots[i * 7 % THREADS]);
    }
    assert_open(db, 0);
    DB_OK(fi_db_close(db, &err));
    db_support_disk_deinit(&disk);
}

static void
a_copy_in_another_thread_outlives_its_snapshot(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct firn_snapshot *copies[THREADS];
    db_support_disk_init(&disk);
    struct firn_db *db = db_support_open(disk.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    put_number(keyspace, 1);
    struct firn_snapshot *first = open_elsewhere(db, NULL);
    for (unsigned i = 0; i < THREADS; i++) {
        /* Some threads have opened one of now before. */
        fi_db_snapshot_close(i % 3 == 0 ? open_elsewhere(db, NULL) : NULL);
        copies[i] = open_elsewhere(db, first);
    }
    fi_db_snapshot_close(first);
    put_number(keyspace, 2);
    compact(db);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(number_at(keyspace, copies[i]), 1);
        fi_db_snapshot_close(copies[i]);
        compact(db);
    }
    DB_OK(fi_db_close(db, &err));
    db_support_disk_deinit(&disk);
}

/* ---- what has been replaced ---- */

/* How many snapshots are said to be on lines that are not now. */
static uint64_t
on_old_lines(struct firn_db *db)
{
    const struct fi_history *history = &fi_db_image(db)->history;
    uint64_t count = 0;
    for (size_t i = 0; i < fi_history_line_count(history); i++) {
        const struct fi_db_line *line = fi_history_line(history, i);
        count += line == history->now ? 0 : line->snapshots;
        assert_true(line == history->now || line->snapshots > 0 || line->intervals == NULL);
    }
    return count;
}

static void
lines_that_a_restore_has_replaced_are_released(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    db_support_disk_init(&disk);
    struct firn_db *db = db_support_open(disk.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    put_number(keyspace, 1);
    DB_OK(fi_db_checkpoint_create(db, "one", NULL, &err));
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct firn_snapshot *open[EACH_ROUND];
        put_number(keyspace, 2 + round);
        /* Half of them are closed before. */
        for (unsigned i = 0; i < EACH_ROUND; i++) {
            open[i] = open_elsewhere(db, NULL);
            fi_db_snapshot_close(open_elsewhere(db, NULL));
        }
        assert_int_equal(on_old_lines(db), 0);
        DB_OK(fi_db_checkpoint_restore(db, "one", &restored, &safety, &err));
        compact(db);
        assert_int_equal(on_old_lines(db), EACH_ROUND);
        assert_now_everywhere(keyspace, 1);
        for (unsigned i = 0; i < EACH_ROUND; i++) {
            struct firn_snapshot *copy = open_elsewhere(db, open[i]);
            assert_int_equal(number_at(keyspace, open[i]), 2 + round);
            fi_db_snapshot_close(open[i]);
            assert_int_equal(number_at(keyspace, copy), 2 + round);
            fi_db_snapshot_close(copy);
            assert_int_equal(on_old_lines(db), EACH_ROUND - 1 - i);
        }
    }
    assert_open(db, 0);
    DB_OK(fi_db_close(db, &err));
    db_support_disk_deinit(&disk);
}

static void
images_that_a_refresh_has_replaced_are_closed(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct firn_db *reader;
    db_support_disk_init(&disk);
    struct firn_db *db = db_support_open(disk.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    put_number(keyspace, 0);
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_open(disk.dir, &db_support_read_only, &reader, &err));
    struct firn_db_keyspace *read = db_support_keyspace(reader, "k");
    for (unsigned round = 0; round < ROUNDS; round++) {
        /* The writer sees the lock of an image until it is closed. */
        uint64_t version = fi_lsm_version(fi_db_image(reader)->lsm);
        fi_db_snapshot_close(open_elsewhere(reader, NULL));
        struct firn_snapshot *open = round % 2 == 1 ? open_elsewhere(reader, NULL) : NULL;
        fi_db_snapshot_close(open_elsewhere(reader, NULL));
        put_number(keyspace, round + 1);
        DB_OK(fi_db_maintain_flush(db, &err));
        assert_true(fi_db_reader_version(db) > version);
        DB_OK(fi_db_refresh(reader, &err));
        assert_now_everywhere(read, round + 1);
        assert_int_equal(fi_db_reader_none_below(db, version + 1), open == NULL);
        if (open != NULL) {
            assert_int_equal(number_at(read, open), round);
            fi_db_snapshot_close(open);
        }
        assert_true(fi_db_reader_none_below(db, version + 1));
    }
    DB_OK(fi_db_close(reader, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_disk_deinit(&disk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshots_of_all_threads_are_seen),
        cmocka_unit_test(a_copy_in_another_thread_outlives_its_snapshot),
        cmocka_unit_test(lines_that_a_restore_has_replaced_are_released),
        cmocka_unit_test(images_that_a_refresh_has_replaced_are_closed),
    };
    return cmocka_run_group_tests_name("db_snapshot_list", tests, NULL, NULL);
}

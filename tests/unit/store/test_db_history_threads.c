/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: restores, undos, checkpoints and deletions beside readers, writers, flushes and
 * compactions on the real disk: every reading is of one state, before a restore or after it.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "inspect/inspect.h"
#include "store/db.h"
#include "support/store/db_support.h"

enum { KEYS = 20, ROUNDS = 60, READERS = 3 };

struct shared {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    atomic_bool is_over;
};

/* All keys get one number. */
static void
write_number(struct shared *shared, uint64_t number)
{
    firn_error err;
    struct firn_db_batch *batch;
    DB_OK(fi_db_batch_create(&batch, &err));
    for (unsigned i = 0; i < KEYS; i++) {
        uint8_t key = (uint8_t)i;
        uint8_t value[100] = {0};
        fi_store_le64(value, number);
        DB_OK(fi_db_batch_put(batch, shared->keyspace, firn_bytes(&key, 1),
                              firn_bytes(value, sizeof value), &err));
    }
    DB_OK(fi_db_write(shared->db, batch, FIRN_DURABILITY_OS, &err));
    fi_db_batch_destroy(batch);
}

static uint64_t
walk(struct shared *shared, struct firn_snapshot *snapshot, bool is_back)
{
    firn_error err;
    const struct fi_db_cursor_options options = {.snapshot = snapshot};
    struct firn_db_cursor *cursor;
    uint64_t first = 0;
    unsigned count = 0;
    DB_OK(fi_db_cursor_open(shared->keyspace, &options, &cursor, &err));
    DB_OK(is_back ? fi_db_cursor_last(cursor, &err) : fi_db_cursor_first(cursor, &err));
    while (fi_db_cursor_valid(cursor)) {
        uint64_t number = fi_load_le64(fi_db_cursor_value(cursor).data);
        first = count == 0 ? number : first;
        assert_int_equal(number, first);
        count++;
        DB_OK(is_back ? fi_db_cursor_prev(cursor, &err) : fi_db_cursor_next(cursor, &err));
    }
    fi_db_cursor_close(cursor);
    assert_int_equal(count, KEYS);
    return first;
}

static void
read_once(struct shared *shared, unsigned round)
{
    firn_error err;
    struct firn_snapshot *snapshot;
    struct fi_buf value = {0};
    uint8_t key = (uint8_t)(round % KEYS);
    DB_OK(fi_db_get(shared->keyspace, firn_bytes(&key, 1), &value, &err));
    assert_int_equal(value.size, 100);
    fi_buf_deinit(&value);
    (void)walk(shared, NULL, round % 2 == 0);
    DB_OK(fi_db_snapshot_open(shared->db, &snapshot, &err));
    uint64_t seen = walk(shared, snapshot, false);
    assert_int_equal(walk(shared, snapshot, true), seen);
    fi_db_snapshot_close(snapshot);
    /* Deleted and made again all the time. */
    int rc = fi_db_checkpoint_snapshot(shared->db, "passing", &snapshot, &err);
    if (rc == FIRN_OK) {
        assert_int_equal(walk(shared, snapshot, false), walk(shared, snapshot, true));
        fi_db_snapshot_close(snapshot);
    } else {
        assert_int_equal(rc, FIRN_NOT_FOUND);
    }
}

static void *
read_on(void *arg)
{
    struct shared *shared = arg;
    for (unsigned round = 0; !atomic_load(&shared->is_over); round++) {
        read_once(shared, round);
    }
    return NULL;
}

static void *
maintain(void *arg)
{
    struct shared *shared = arg;
    for (unsigned round = 0; !atomic_load(&shared->is_over); round++) {
        firn_error err;
        DB_OK(round % 4 == 3 ? fi_db_maintain_compact(shared->db, NULL, &err)
                             : fi_db_maintain_flush(shared->db, &err));
    }
    return NULL;
}

static void
restore(struct shared *shared, unsigned round)
{
    firn_error err;
    static const char *const names[] = {"one", "two"};
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    if (round % 3 == 2) {
        DB_OK(fi_db_checkpoint_undo(shared->db, &restored, &safety, &err));
    } else {
        DB_OK(fi_db_checkpoint_restore(shared->db, names[round % 2], &restored, &safety, &err));
    }
}

static void
change(struct shared *shared, unsigned round)
{
    firn_error err;
    static const char *const passing = "passing";
    write_number(shared, 100 + round);
    DB_OK(fi_db_checkpoint_create(shared->db, passing, NULL, &err));
    restore(shared, round);
    write_number(shared, 1000 + round);
    DB_OK(fi_db_checkpoint_delete(shared->db, &passing, 1, &err));
    restore(shared, round + 1);
}

static void
every_reading_is_of_one_state(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    struct shared shared = {.is_over = false};
    const struct fi_db_options small = {
        .create_if_missing = true, .memory_bytes = 1 << 20, .durability = FIRN_DURABILITY_OS};
    pthread_t threads[READERS + 1];
    db_support_disk_init(&disk);
    DB_OK(fi_db_open(disk.dir, &small, &shared.db, &err));
    shared.keyspace = db_support_keyspace(shared.db, "k");
    write_number(&shared, 1);
    DB_OK(fi_db_checkpoint_create(shared.db, "one", NULL, &err));
    write_number(&shared, 2);
    DB_OK(fi_db_checkpoint_create(shared.db, "two", NULL, &err));
    for (unsigned i = 0; i <= READERS; i++) {
        assert_int_equal(
            pthread_create(&threads[i], NULL, i == READERS ? maintain : read_on, &shared), 0);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        change(&shared, round);
    }
    atomic_store(&shared.is_over, true);
    for (unsigned i = 0; i <= READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    firn_store_check_result report;
    DB_OK(fi_inspect_check(shared.db, NULL, &report, &err));
    DB_OK(fi_db_close(shared.db, &err));
    db_support_disk_deinit(&disk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reading_is_of_one_state),
    };
    return cmocka_run_group_tests_name("db_history_threads", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/copy: exports beside commits, checkpoints, merging of files and other exports.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "copy/copy.h"
#include "posix/os_default.h"
#include "store/db.h"
#include "support/store/db_support.h"

/* The writer makes so many commits for each export that has ended, and waits then: a store that grows as
 * long as an export takes would make each of them longer than the one before. */
enum { KEYS = 40, EXPORTERS = 2, EXPORTS = 6, COMMITS_AN_EXPORT = 300 };

struct shared {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    const char *dir;
    atomic_bool is_over;
    atomic_uint exports; /* that have ended */
};

struct exporter {
    struct shared *shared;
    unsigned number;
};

/* Each commit sets all keys to its number. */
static void *
write_all(void *arg)
{
    struct shared *shared = arg;
    firn_error err;
    struct firn_db_batch *batch;
    DB_OK(fi_db_batch_create(&batch, &err));
    for (uint64_t n = 1; !atomic_load(&shared->is_over); n++) {
        while (n > (uint64_t)COMMITS_AN_EXPORT * (atomic_load(&shared->exports) + 1) &&
               !atomic_load(&shared->is_over)) {
            fi_os_sleep_ns(fi_os_default(), 1000000);
        }
        fi_db_batch_clear(batch);
        for (unsigned i = 0; i < KEYS; i++) {
            char key[8];
            uint8_t value[200] = {0};
            (void)snprintf(key, sizeof key, "%03u", i);
            fi_store_le64(value, n);
            DB_OK(fi_db_batch_put(batch, shared->keyspace, firn_str(key),
                                  firn_bytes(value, sizeof value), &err));
        }
        DB_OK(fi_db_write(shared->db, batch, FIRN_DURABILITY_OS, &err));
        if (n % 50 == 0) {
            DB_OK(fi_db_checkpoint_create(shared->db, "", NULL, &err));
        }
    }
    fi_db_batch_destroy(batch);
    return NULL;
}

/* All keys have one number. */
static void
assert_one_commit(const char *path)
{
    firn_error err;
    struct firn_db *file;
    struct firn_db_cursor *cursor;
    unsigned count = 0;
    uint64_t number = 0;
    DB_OK(fi_db_path_open(fi_os_default(), path, &db_support_read_only, &file, &err));
    DB_OK(fi_db_cursor_open(db_support_keyspace(file, "k"), NULL, &cursor, &err));
    for (DB_OK(fi_db_cursor_first(cursor, &err)); fi_db_cursor_valid(cursor);) {
        uint64_t found = fi_load_le64(fi_db_cursor_value(cursor).data);
        number = count == 0 ? found : number;
        assert_true(found == number);
        count++;
        DB_OK(fi_db_cursor_next(cursor, &err));
    }
    assert_int_equal(count, KEYS);
    fi_db_cursor_close(cursor);
    DB_OK(fi_db_close(file, &err));
}

static void *
export_again_and_again(void *arg)
{
    const struct exporter *exporter = arg;
    struct shared *shared = exporter->shared;
    firn_error err;
    char path[96];
    (void)snprintf(path, sizeof path, "%s/file%u", shared->dir, exporter->number);
    for (unsigned i = 0; i < EXPORTS; i++) {
        const struct fi_copy_export_target target = {
            .os = fi_os_default(), .path = path, .replace_existing = true};
        struct fi_storefile_progress progress = {.os = fi_os_default()};
        DB_OK(fi_copy_export(shared->db, i % 2 == 0 ? NULL : "first", &target, &progress, &err));
        assert_one_commit(path);
        (void)atomic_fetch_add(&shared->exports, 1);
    }
    return NULL;
}

static void
exports_go_on_beside_everything_else(void **state)
{
    firn_error err;
    const struct fi_db_options options = {.create_if_missing = true, .memory_bytes = 1 << 20};
    struct db_support_disk disk;
    struct exporter exporters[EXPORTERS];
    pthread_t threads[EXPORTERS + 1];
    char path[96];
    db_support_disk_init(&disk);
    struct shared shared = {.dir = disk.path};
    (void)snprintf(path, sizeof path, "%s/store", disk.path);
    DB_OK(fi_db_path_open(fi_os_default(), path, &options, &shared.db, &err));
    shared.keyspace = db_support_keyspace(shared.db, "k");
    assert_int_equal(pthread_create(&threads[EXPORTERS], NULL, write_all, &shared), 0);
    /* The first checkpoint comes with the 50th commit. */
    struct fi_db_checkpoint_info info;
    while (fi_db_checkpoint_find(shared.db, "1", &info, &err) != FIRN_OK) {
        fi_os_sleep_ns(fi_os_default(), 1000000);
    }
    DB_OK(fi_db_checkpoint_create(shared.db, "first", NULL, &err));
    for (unsigned i = 0; i < EXPORTERS; i++) {
        exporters[i] = (struct exporter){&shared, i};
        assert_int_equal(pthread_create(&threads[i], NULL, export_again_and_again, &exporters[i]),
                         0);
    }
    DB_OK(fi_db_maintain_compact(shared.db, NULL, &err));
    for (unsigned i = 0; i < EXPORTERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    atomic_store(&shared.is_over, true);
    assert_int_equal(pthread_join(threads[EXPORTERS], NULL), 0);
    DB_OK(fi_db_close(shared.db, &err));
    db_support_disk_deinit(&disk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exports_go_on_beside_everything_else),
    };
    return cmocka_run_group_tests_name("db_export_threads", tests, NULL, NULL);
}

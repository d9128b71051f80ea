/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/log: one thread appends while others sync and others open the log read-only.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "log_support.h"
#include "posix/os_default.h"
#include "support/test.h"
#include "support/test_temp.h"

enum { RECORDS = 4000, SYNCERS = 2, READERS = 2 };

struct shared {
    char path[256];
    struct fi_log *log;
    atomic_uint_fast64_t appended; /* handed to the kernel */
    atomic_uint_fast64_t durable;  /* appended before a sync that returned */
    atomic_uint_fast64_t removed;  /* records that may be gone */
    atomic_bool is_done;
    atomic_uint failures; /* cmocka's asserts belong to the main thread */
    atomic_uint reads;
};

static const struct fi_log_options options = {.prefix = "wal", .segment_size_bytes = 20000};

static void
report(struct shared *shared, const char *what, const firn_error *err)
{
    (void)fprintf(stderr, "%s: %s\n", what, err != NULL ? err->text : "");
    (void)atomic_fetch_add(&shared->failures, 1);
}

static void
raise_to(atomic_uint_fast64_t *counter, uint64_t value)
{
    uint_fast64_t old = atomic_load(counter);
    while (old < value && !atomic_compare_exchange_weak(counter, &old, value)) {
    }
}

static void *
run_syncer(void *arg)
{
    struct shared *shared = arg;
    while (!atomic_load(&shared->is_done)) {
        firn_error err;
        uint64_t appended = atomic_load(&shared->appended);
        if (fi_log_sync(shared->log, &err) != FIRN_OK) {
            report(shared, "sync", &err);
            break;
        }
        raise_to(&shared->durable, appended);
    }
    return NULL;
}

/* A reader sees at least what had been appended when it began, all in order, and no damage. */
static void
read_once(struct shared *shared, struct fi_os_dir *dir)
{
    static const struct fi_log_options read_only = {.prefix = "wal", .read_only = true};
    firn_error err;
    uint64_t appended = atomic_load(&shared->appended);
    struct log_support_seen seen = {.is_first_unknown = true};
    int rc = log_support_read(dir, &read_only, &seen, NULL, &err);
    if (rc == FIRN_BUSY) {
        return; /* overtaken by removals; said so */
    }
    if (rc != FIRN_OK) {
        report(shared, "read", &err);
    } else if (seen.is_wrong || seen.first + seen.count < appended ||
               seen.first > atomic_load(&shared->removed)) {
        report(shared, "a reader saw wrong records", NULL);
    } else {
        (void)atomic_fetch_add(&shared->reads, 1);
    }
}

static void *
run_reader(void *arg)
{
    struct shared *shared = arg;
    struct fi_os_dir *dir = NULL;
    firn_error err;
    if (fi_os_dir_open_path(fi_os_default(), shared->path, &dir, &err) != FIRN_OK) {
        report(shared, "open the directory", &err);
        return NULL;
    }
    while (!atomic_load(&shared->is_done)) {
        read_once(shared, dir);
    }
    fi_os_dir_close(dir);
    return NULL;
}

/* Appends everything; every 500 records gives up the older segments. */
static void
append_all(struct shared *shared)
{
    firn_error err;
    for (uint64_t i = 0; i < RECORDS; i++) {
        struct fi_log_position position;
        if (log_support_append(shared->log, i, &position, &err) != FIRN_OK) {
            report(shared, "append", &err);
            break;
        }
        atomic_store(&shared->appended, i + 1);
        if (i % 500 == 499) {
            atomic_store(&shared->removed, i);
            if (fi_log_remove_before(shared->log, position.segment, &err) != FIRN_OK) {
                report(shared, "remove", &err);
            }
        }
    }
    /* On a fast disk all may be over before another thread has run. */
    while (atomic_load(&shared->durable) == 0 && atomic_load(&shared->failures) == 0) {
        (void)sched_yield();
    }
    atomic_store(&shared->is_done, true);
}

static int
remove_entry(void *ctx, const struct fi_os_dirent *entry)
{
    (void)snprintf(ctx, 256, "%s", entry->name);
    return FIRN_CANCELLED;
}

static void
appending_syncing_and_reading_at_once(void **state)
{
    static struct shared shared;
    firn_error err;
    test_temp_make(shared.path, sizeof shared.path);
    struct fi_os_dir *dir = NULL;
    assert_int_equal(fi_os_dir_open_path(fi_os_default(), shared.path, &dir, &err), FIRN_OK);
    assert_int_equal(fi_log_create(dir, &options, &shared.log, &err), FIRN_OK);
    pthread_t threads[SYNCERS + READERS];
    for (size_t i = 0; i < SYNCERS + READERS; i++) {
        assert_int_equal(
            pthread_create(&threads[i], NULL, i < SYNCERS ? run_syncer : run_reader, &shared), 0);
    }
    append_all(&shared);
    for (size_t i = 0; i < SYNCERS + READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&shared.failures), 0);
    assert_true(atomic_load(&shared.durable) > 0);
    assert_int_equal(fi_log_close(shared.log, &err), FIRN_OK);
    struct log_support_seen seen = {.is_first_unknown = true};
    assert_int_equal(log_support_read(dir, &options, &seen, NULL, &err), FIRN_OK);
    assert_false(seen.is_wrong);
    assert_int_equal(seen.first + seen.count, RECORDS);
    (void)printf("%u reads beside the appends\n", atomic_load(&shared.reads));
    char name[256];
    while (fi_os_dir_list(dir, remove_entry, name, NULL) == FIRN_CANCELLED) {
        assert_int_equal(fi_os_remove_file(dir, name, &err), FIRN_OK);
    }
    fi_os_dir_close(dir);
    assert_int_equal(remove(shared.path), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appending_syncing_and_reading_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/reading: values that are read without a copy: they stay as they are while their keys are
 * written over, their files go and their blocks would have to give way.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "store/db_internal.h"
#include "support/store/db_support.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_random.h"

enum { KEYS = 40, SMALL = 900, LARGE = 64 << 10, HUGE_SIZE = 100 << 10, MEMORY = 2 << 20 };

static size_t
size_of(unsigned key)
{
    return key % 8 == 7 ? HUGE_SIZE : key % 4 == 3 ? LARGE : SMALL + key;
}

static firn_slice
key_of(unsigned key, char out[8])
{
    (void)snprintf(out, 8, "k%03u", key);
    return firn_str(out);
}

/* All bytes of a value tell its version. */
static int
put(struct firn_db_keyspace *keyspace, unsigned key, unsigned version, firn_error *err)
{
    char text[8];
    size_t size = size_of(key);
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    memset(bytes, (int)(version % 251), size);
    int rc =
        fi_db_put(keyspace, key_of(key, text), firn_bytes(bytes, size), FIRN_DURABILITY_OS, err);
    free(bytes);
    return rc;
}

static void
put_all(struct firn_db *db, struct firn_db_keyspace *keyspace, unsigned version)
{
    firn_error err;
    for (unsigned key = 0; key < KEYS; key++) {
        DB_OK(put(keyspace, key, version, &err));
    }
    DB_OK(fi_db_maintain_flush(db, &err));
}

static bool
is_whole(firn_slice value, unsigned key, unsigned version)
{
    bool is_same = value.size == size_of(key);
    for (size_t i = 0; i < value.size && is_same; i++) {
        is_same = value.data[i] == version % 251;
    }
    return is_same;
}

static struct firn_db *
open_small(struct fi_os_dir *dir)
{
    firn_error err;
    struct firn_db *db;
    struct fi_db_options options = db_support_create;
    options.memory_bytes = MEMORY;
    DB_OK(fi_db_open(dir, &options, &db, &err));
    return db;
}

static bool
is_copied(const struct firn_db_pin *pin)
{
    return pin->pinned.pin.data == NULL;
}

static void
a_pinned_value_stays_while_all_else_changes(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db_pin *pins[KEYS];
    firn_slice values[KEYS];
    char text[8];
    db_support_init(&support, 1);
    struct firn_db *db = open_small(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    put_all(db, keyspace, 1);
    /* What is large goes into the cache when it is read first. */
    for (unsigned key = 0; key < 2 * KEYS; key++) {
        unsigned i = key % KEYS;
        if (key >= KEYS) {
            fi_db_get_unpin(pins[i]);
        }
        DB_OK(fi_db_get_pinned(keyspace, NULL, key_of(i, text), &pins[i], &values[i], &err));
        assert_true(is_whole(values[i], i, 1));
        assert_true(i % 8 == 7 || key < KEYS || !is_copied(pins[i]));
    }
    for (unsigned version = 2; version < 6; version++) {
        put_all(db, keyspace, version);
        DB_OK(fi_db_maintain_compact(db, NULL, &err));
        for (unsigned key = 0; key < KEYS; key++) {
            struct fi_buf found = {0};
            DB_OK(fi_db_get(keyspace, key_of(key, text), &found, &err));
            assert_true(is_whole(fi_buf_slice(&found), key, version));
            fi_buf_deinit(&found);
            assert_true(is_whole(values[key], key, 1));
        }
    }
    DB_FAILS(fi_db_close(db, &err), FIRN_MISUSE, "40 cursors, snapshots, transactions or pins");
    for (unsigned key = 0; key < KEYS; key++) {
        assert_true(is_whole(values[key], key, 1));
        fi_db_get_unpin(pins[key]);
    }
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
what_cannot_be_pinned_is_copied(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db_pin *pin;
    struct firn_snapshot *snapshot;
    firn_slice value;
    db_support_init(&support, 1);
    struct firn_db *db = open_small(support.dir);
    struct firn_db_keyspace *k = db_support_keyspace(db, "k");
    static const char *const names[] = {"put", "expires", "merged", "hidden", "empty"};
    DB_OK(fi_db_put(k, firn_str("put"), firn_str("one"), FIRN_DURABILITY_OS, &err));
    DB_OK(fi_db_put(k, firn_str("empty"), firn_str(""), FIRN_DURABILITY_OS, &err));
    DB_OK(fi_db_put(k, firn_str("hidden"), firn_str("one"), FIRN_DURABILITY_OS, &err));
    DB_OK(
        fi_db_put_ttl(k, firn_str("expires"), firn_str("one"), 1000000, FIRN_DURABILITY_OS, &err));
    DB_OK(fi_db_merge(k, firn_str("merged"), FIRN_MERGE_APPEND, firn_str("one"), FIRN_DURABILITY_OS,
                      &err));
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
            int rc = fi_db_get_pinned(k, NULL, firn_str(names[i]), &pin, &value, &err);
            if (round == 2 && i == 3) {
                DB_FAILS(rc, FIRN_NOT_FOUND, "no such key");
                assert_null(pin);
                continue;
            }
            DB_OK(rc);
            assert_true(fi_slice_equal(value, firn_str(i == 4 ? "" : "one")));
            assert_non_null(value.data); /* an empty value has an address too */
            /* What is flushed may be folded. */
            assert_true(i == 2 || is_copied(pin) == (round == 0 || i == 1));
            fi_db_get_unpin(pin);
        }
        if (round == 0) {
            DB_OK(fi_db_maintain_flush(db, &err));
            DB_OK(fi_db_snapshot_open(db, &snapshot, &err));
        } else if (round == 1) {
            DB_OK(fi_db_delete_range(k, firn_str("h"), firn_str("i"), FIRN_DURABILITY_OS, &err));
            DB_OK(fi_db_maintain_flush(db, &err));
        }
    }
    DB_OK(fi_db_get_pinned(k, snapshot, firn_str("hidden"), &pin, &value, &err));
    assert_true(fi_slice_equal(value, firn_str("one")));
    fi_db_get_unpin(pin);
    fi_db_snapshot_close(snapshot);
    fi_db_get_unpin(NULL);
    DB_FAILS(fi_db_get_pinned(k, NULL, firn_str("none"), &pin, &value, &err), FIRN_NOT_FOUND,
             "no such key");
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
memory_may_be_out_at_any_moment(void **state)
{
    firn_error err;
    struct db_support support;
    char text[8];
    test_alloc_install();
    db_support_init(&support, 1);
    struct firn_db *db = open_small(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    put_all(db, keyspace, 1);
    DB_OK(fi_db_close(db, &err));
    unsigned failed = 0;
    for (unsigned key = 0; key < 8; key++) {
        struct test_fault fault = {.n = 0};
        while (test_fault_next(&fault)) {
            struct firn_db_pin *pin;
            firn_slice value;
            db = open_small(support.dir);
            keyspace = db_support_keyspace(db, "k");
            test_fault_allocation(&fault);
            int rc = fi_db_get_pinned(keyspace, NULL, key_of(key, text), &pin, &value, &err);
            test_fault_end(&fault);
            test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
            failed += rc != FIRN_OK;
            assert_int_equal(pin != NULL, rc == FIRN_OK);
            assert_true(rc != FIRN_OK || is_whole(value, key, 1));
            fi_db_get_unpin(pin);
            DB_OK(fi_db_close(db, &err));
        }
    }
    assert_true(failed > 8);
    db_support_deinit(&support);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

struct shared {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    atomic_bool is_over;
};

enum { THREADS = 2, HELD = 12, GETS = 1500 };

static void *
write_all_the_time(void *ctx)
{
    struct shared *shared = ctx;
    firn_error err;
    int rc = FIRN_OK;
    for (unsigned version = 2; rc == FIRN_OK && !atomic_load(&shared->is_over); version++) {
        for (unsigned key = 0; key < KEYS && rc == FIRN_OK; key++) {
            rc = put(shared->keyspace, key, version, &err);
        }
        rc = rc == FIRN_OK ? fi_db_maintain_flush(shared->db, &err) : rc;
    }
    return rc == FIRN_OK ? NULL : ctx;
}

/* Holds some pins, and looks at each when it goes. */
static void *
pin_and_look(void *ctx)
{
    struct shared *shared = ctx;
    struct test_random random = {(uint64_t)(uintptr_t)&random};
    struct firn_db_pin *pins[HELD] = {NULL};
    firn_slice values[HELD];
    unsigned keys[HELD];
    bool is_right = true;
    for (unsigned i = 0; i < GETS + HELD && is_right; i++) {
        unsigned at = i % HELD;
        if (pins[at] != NULL) {
            is_right = is_whole(values[at], keys[at], values[at].data[0]);
            fi_db_get_unpin(pins[at]);
            pins[at] = NULL;
        }
        if (i < GETS) {
            firn_error err;
            char text[8];
            keys[at] = (unsigned)test_random_below(&random, KEYS);
            is_right &= fi_db_get_pinned(shared->keyspace, NULL, key_of(keys[at], text), &pins[at],
                                         &values[at], &err) == FIRN_OK;
        }
    }
    for (unsigned i = 0; i < HELD; i++) {
        fi_db_get_unpin(pins[i]);
    }
    return is_right ? NULL : ctx;
}

static void
threads_pin_while_others_write(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    pthread_t readers[THREADS];
    pthread_t writer;
    void *failed;
    db_support_disk_init(&disk);
    struct shared shared = {.db = open_small(disk.dir)};
    shared.keyspace = db_support_keyspace(shared.db, "k");
    put_all(shared.db, shared.keyspace, 1);
    assert_int_equal(pthread_create(&writer, NULL, write_all_the_time, &shared), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, pin_and_look, &shared), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(readers[i], &failed), 0);
        assert_null(failed);
    }
    atomic_store(&shared.is_over, true);
    assert_int_equal(pthread_join(writer, &failed), 0);
    assert_null(failed);
    DB_OK(fi_db_close(shared.db, &err));
    db_support_disk_deinit(&disk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pinned_value_stays_while_all_else_changes),
        cmocka_unit_test(what_cannot_be_pinned_is_copied),
        cmocka_unit_test(memory_may_be_out_at_any_moment),
        cmocka_unit_test(threads_pin_while_others_write),
    };
    return cmocka_run_group_tests_name("db_pins", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/instance: threads that write and read large values on the real disk, without compression, while
 * others flush, compact, and read in handles of their own: segments of the log become value files
 * all the time, and no value is ever another than the one that was put.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "inspect/inspect.h"
#include "support/store/db_support.h"

enum { WRITERS = 3, READERS = 2, KEYS = 40, ROUNDS = 12, LEAST = 5000, MOST = 40000 };

static const struct fi_db_options options = {.create_if_missing = true,
                                             .memory_bytes = 2 << 20,
                                             .compression = FIRN_COMPRESSION_NONE,
                                             .durability = FIRN_DURABILITY_OS};
static const struct fi_db_options read_only = {.read_only = true, .memory_bytes = 2 << 20};

struct shared {
    struct fi_os_dir *dir;
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    atomic_uint_fast64_t versions[WRITERS * KEYS]; /* that were acknowledged */
    atomic_uint next_writer;
    atomic_uint running;
};

static firn_slice
key_of(unsigned key, char out[16])
{
    (void)snprintf(out, 16, "key-%05u", key);
    return firn_str(out);
}

/* Its version, and bytes that follow from that. */
static firn_slice
value_of(unsigned key, uint64_t version, uint8_t *out)
{
    uint64_t state = version * KEYS * WRITERS + key;
    size_t size = LEAST + state * 7919 % (MOST - LEAST);
    fi_store_le64(out, version);
    for (size_t i = 8; i < size; i++) {
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
        out[i] = (uint8_t)(state >> 56);
    }
    return firn_bytes(out, size);
}

static void *
write_values(void *arg)
{
    struct shared *shared = arg;
    unsigned writer = atomic_fetch_add(&shared->next_writer, 1);
    uint8_t bytes[MOST];
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        for (unsigned i = 0; i < KEYS; i++) {
            firn_error err;
            char text[16];
            unsigned key = writer * KEYS + i;
            firn_durability durability = i % 8 == 0 ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS;
            DB_OK(fi_db_put(shared->keyspace, key_of(key, text), value_of(key, round, bytes),
                            durability, &err));
            atomic_store(&shared->versions[key], round);
        }
    }
    atomic_fetch_sub(&shared->running, 1);
    return NULL;
}

/* A value is whole, and no older than what was acknowledged before the look began. */
static void
judge(unsigned key, firn_slice value, uint64_t acknowledged)
{
    uint8_t bytes[MOST];
    assert_true(value.size >= LEAST);
    uint64_t version = fi_load_le64(value.data);
    assert_true(version >= acknowledged && version <= ROUNDS);
    assert_true(fi_slice_equal(value, value_of(key, version, bytes)));
}

static void
look(struct shared *shared, struct firn_db_keyspace *keyspace, unsigned first, bool is_now)
{
    struct fi_buf out = {0};
    for (unsigned i = 0; i < WRITERS * KEYS; i += 7) {
        firn_error err;
        char text[16];
        unsigned key = (first + i) % (WRITERS * KEYS);
        uint64_t acknowledged = is_now ? atomic_load(&shared->versions[key]) : 0;
        int rc = fi_db_get(keyspace, key_of(key, text), &out, &err);
        if (rc == FIRN_NOT_FOUND) {
            assert_true(acknowledged == 0);
            continue;
        }
        DB_OK(rc);
        judge(key, fi_buf_slice(&out), acknowledged);
    }
    fi_buf_deinit(&out);
}

static void *
read_values(void *arg)
{
    struct shared *shared = arg;
    for (unsigned first = 0; atomic_load(&shared->running) > 0; first++) {
        firn_error err;
        struct firn_db_cursor *cursor;
        look(shared, shared->keyspace, first, true);
        DB_OK(fi_db_cursor_open(shared->keyspace, NULL, &cursor, &err));
        DB_OK(fi_db_cursor_first(cursor, &err));
        while (fi_db_cursor_valid(cursor)) {
            unsigned key = 0;
            char text[16] = "";
            memcpy(text, fi_db_cursor_key(cursor).data, 9);
            assert_int_equal(sscanf(text, "key-%05u", &key), 1);
            judge(key, fi_db_cursor_value(cursor), 0);
            DB_OK(fi_db_cursor_next(cursor, &err));
        }
        fi_db_cursor_close(cursor);
    }
    return NULL;
}

static void *
maintain(void *arg)
{
    struct shared *shared = arg;
    for (unsigned round = 0; atomic_load(&shared->running) > 0; round++) {
        firn_error err;
        firn_store_check_result report = {.size = sizeof report};
        DB_OK(round % 3 == 2 ? fi_db_maintain_compact(shared->db, NULL, &err)
                             : fi_db_maintain_flush(shared->db, &err));
        if (round % 4 == 3) {
            DB_OK(fi_inspect_check(shared->db, NULL, &report, &err));
        }
    }
    return NULL;
}

/* As another process would. */
static void *
read_elsewhere(void *arg)
{
    struct shared *shared = arg;
    for (unsigned first = 0; atomic_load(&shared->running) > 0; first++) {
        firn_error err;
        struct firn_db *db;
        struct firn_db_keyspace *keyspace;
        DB_OK(fi_db_open(shared->dir, &read_only, &db, &err));
        DB_OK(fi_db_keyspace_open(db, "k", &keyspace, &err));
        look(shared, keyspace, first, false);
        DB_OK(fi_db_refresh(db, &err));
        look(shared, keyspace, first, false);
        DB_OK(fi_db_close(db, &err));
    }
    return NULL;
}

static void
values_are_right_whatever_goes_on(void **state)
{
    firn_error err;
    struct db_support_disk disk;
    static struct shared shared;
    static void *(*const deeds[])(void *) = {maintain, read_elsewhere};
    pthread_t threads[WRITERS + READERS + 2];
    size_t count = 0;
    db_support_disk_init(&disk);
    shared.dir = disk.dir;
    shared.running = WRITERS;
    DB_OK(fi_db_open(disk.dir, &options, &shared.db, &err));
    shared.keyspace = db_support_keyspace(shared.db, "k");
    for (unsigned i = 0; i < WRITERS + READERS + 2; i++) {
        void *(*deed)(void *) = i < WRITERS             ? write_values
                                : i < WRITERS + READERS ? read_values
                                                        : deeds[i - WRITERS - READERS];
        assert_int_equal(pthread_create(&threads[count++], NULL, deed, &shared), 0);
    }
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    DB_OK(fi_db_close(shared.db, &err));
    DB_OK(fi_db_open(disk.dir, &options, &shared.db, &err));
    shared.keyspace = db_support_keyspace(shared.db, "k");
    look(&shared, shared.keyspace, 0, true);
    DB_OK(fi_db_close(shared.db, &err));
    db_support_disk_deinit(&disk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_right_whatever_goes_on),
    };
    return cmocka_run_group_tests_name("db_adopt_threads", tests, NULL, NULL);
}

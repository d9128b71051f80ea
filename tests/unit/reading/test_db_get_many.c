/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/reading: many keys read at once say what as many readings of one say, of now and of views, by
 * handles that write and that only read.
 */
#include <stdio.h>
#include <string.h>

#include "sim/sim_memory.h"
#include "support/store/db_support.h"
#include "support/test_alloc.h"
#include "support/test_random.h"

enum { KEYS = 3000, ASKED = 100 };

static const struct fi_db_options options = {
    .create_if_missing = true, .memory_bytes = 1 << 20, .durability = FIRN_DURABILITY_OS};

/* Key i; every third one is never written. */
static firn_slice
key_of(uint64_t i, char out[24])
{
    (void)snprintf(out, 24, "key-%06llu", (unsigned long long)(i * 7919 % KEYS));
    return firn_str(out);
}

static void
put_round(struct firn_db *db, struct firn_db_keyspace *keyspace, unsigned round)
{
    firn_error err;
    char key[24];
    char value[200] = "";
    for (uint64_t i = 0; i < KEYS; i++) {
        (void)snprintf(value, sizeof value, "%u:%llu", round, (unsigned long long)i);
        if (i % 3 != 0 && i % 11 == round % 11) {
            DB_OK(fi_db_delete(keyspace, key_of(i, key), FIRN_DURABILITY_DEFAULT, &err));
        } else if (i % 3 != 0 && (i + round) % 2 == 0) {
            DB_OK(fi_db_put(keyspace, key_of(i, key), firn_bytes(value, sizeof value),
                            FIRN_DURABILITY_DEFAULT, &err));
        }
    }
    if (round % 2 == 0) {
        DB_OK(fi_db_maintain_flush(db, &err));
    }
}

/* What a test asks for, and what it has been told. */
struct asked {
    struct firn_db_keyspace *keyspace;
    struct firn_snapshot *snapshot;
    firn_slice keys[ASKED];
    char texts[ASKED][24];
    size_t count;
    size_t told;
    size_t found;
    size_t stop_at;
};

static int
compare(void *ctx, size_t i, struct fi_buf *value, firn_error *err)
{
    struct asked *asked = ctx;
    struct fi_buf expected = {0};
    assert_int_equal(i, asked->told++);
    int rc = fi_db_get_at(asked->keyspace, asked->snapshot, asked->keys[i], &expected, err);
    assert_int_equal(rc, value != NULL ? FIRN_OK : FIRN_NOT_FOUND);
    if (value != NULL) {
        asked->found++;
        assert_int_equal(value->size, expected.size);
        assert_memory_equal(value->data, expected.data, expected.size);
        if (i % 2 == 0) {
            fi_buf_deinit(value); /* as if it had been taken */
        }
    }
    fi_buf_deinit(&expected);
    return asked->told == asked->stop_at ? FIRN_CANCELLED : FIRN_OK;
}

static int
ask(struct asked *asked, firn_error *err)
{
    const struct fi_db_get_many what = {asked->snapshot, asked->keys, asked->count,
                                        compare,         asked,       NULL};
    asked->told = 0;
    return fi_db_get_many(asked->keyspace, &what, err);
}

static void
ask_random(struct asked *asked, struct test_random *random)
{
    firn_error err;
    asked->found = 0;
    for (unsigned round = 0; round < 40; round++) {
        asked->count = test_random_below(random, ASKED + 1);
        for (size_t i = 0; i < asked->count; i++) {
            asked->keys[i] = key_of(test_random_below(random, KEYS), asked->texts[i]);
        }
        DB_OK(ask(asked, &err));
        assert_int_equal(asked->told, asked->count);
    }
    assert_true(asked->found > 200);
}

static void
many_keys_are_what_single_ones_are(void **state)
{
    firn_error err;
    struct test_random random;
    test_random_init(&random, "many", 3);
    struct db_support support;
    struct firn_db *db;
    struct firn_db *reader;
    struct asked asked = {0};
    db_support_init(&support, 8);
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    asked.keyspace = db_support_keyspace(db, "k");
    for (unsigned round = 0; round < 5; round++) {
        put_round(db, asked.keyspace, round);
        ask_random(&asked, &random);
    }
    DB_OK(fi_db_snapshot_open(db, &asked.snapshot, &err));
    put_round(db, asked.keyspace, 5);
    ask_random(&asked, &random);
    fi_db_snapshot_close(asked.snapshot);
    asked.snapshot = NULL;
    ask_random(&asked, &random);

    struct asked beside = {0};
    DB_OK(fi_db_open(support.dir, &db_support_read_only, &reader, &err));
    beside.keyspace = db_support_keyspace(reader, "k");
    ask_random(&beside, &random);
    DB_OK(fi_db_close(reader, &err));

    asked.stop_at = 18;
    asked.count = 40;
    for (size_t i = 0; i < asked.count; i++) {
        asked.keys[i] = key_of(i, asked.texts[i]);
    }
    assert_int_equal(ask(&asked, &err), FIRN_CANCELLED);
    assert_int_equal(asked.told, 18);
    DB_OK(fi_db_keyspace_drop(db, "k", &err));
    DB_FAILS(ask(&asked, &err), FIRN_MISUSE, "was dropped");
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
what_expires_is_gone_for_all_keys_of_a_call_or_for_none(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    struct asked asked = {.count = 30};
    db_support_init(&support, 10);
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    asked.keyspace = db_support_keyspace(db, "k");
    for (size_t i = 0; i < asked.count; i++) {
        asked.keys[i] = key_of(i, asked.texts[i]);
        DB_OK(fi_db_put_ttl(asked.keyspace, asked.keys[i], firn_str("short"), 1000,
                            FIRN_DURABILITY_DEFAULT, &err));
    }
    DB_OK(ask(&asked, &err));
    assert_int_equal(asked.found, asked.count);
    DB_OK(fi_db_snapshot_open(db, &asked.snapshot, &err));
    fi_os_sleep_ns(support.os, INT64_C(2000000000));
    asked.found = 0;
    DB_OK(ask(&asked, &err));
    assert_int_equal(asked.found, asked.count);
    fi_db_snapshot_close(asked.snapshot);
    asked.snapshot = NULL;
    asked.found = 0;
    DB_OK(ask(&asked, &err));
    assert_int_equal(asked.found, 0);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static int
count_only(void *ctx, size_t i, struct fi_buf *value, firn_error *err)
{
    (void)i;
    (void)err;
    *(size_t *)ctx += value != NULL ? 1 : 0;
    return FIRN_OK;
}

static void
memory_that_runs_out_ends_the_reading(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *db;
    test_alloc_install();
    db_support_init(&support, 9);
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    put_round(db, keyspace, 0);
    put_round(db, keyspace, 1);
    char texts[40][24];
    firn_slice keys[40];
    for (size_t i = 0; i < 40; i++) {
        keys[i] = key_of(i, texts[i]);
    }
    size_t found = 0;
    const struct fi_db_get_many what = {NULL, keys, 40, count_only, &found, NULL};
    DB_OK(fi_db_get_many(keyspace, &what, &err));
    size_t all = found;
    assert_true(all > 10);
    test_alloc_fail_at(1, true);
    assert_int_equal(fi_db_get_many(keyspace, &what, &err), FIRN_NO_MEMORY);
    test_alloc_fail_at(0, false);
    found = 0;
    DB_OK(fi_db_get_many(keyspace, &what, &err));
    assert_int_equal(found, all);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_keys_are_what_single_ones_are),
        cmocka_unit_test(what_expires_is_gone_for_all_keys_of_a_call_or_for_none),
        cmocka_unit_test(memory_that_runs_out_ends_the_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

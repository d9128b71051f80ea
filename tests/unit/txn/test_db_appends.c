/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/txn: what batches and transactions append to many keys in turn, against a model; and the work
 * that it is.
 */
#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "store/db_internal.h"
#include "support/store/db_support.h"
#include "support/test_alloc.h"
#include "support/test_random.h"
#include "txn/txn.h"
#include "txn/txn_internal.h"

enum { KEYS = 6, VALUE_MAX = 1 << 15, OPERAND_MAX = 300, STEPS = 120 };

struct model {
    bool is_there[KEYS];
    size_t size[KEYS];
    uint8_t value[KEYS][VALUE_MAX];
};

/* What writes: a batch, or a transaction. */
struct writer {
    struct firn_db_keyspace *keyspace;
    struct firn_db_batch *batch; /* or NULL */
    struct firn_txn *txn;
};

static struct model now;
static struct model then;

static firn_slice
key_of(unsigned key, char out[8])
{
    (void)snprintf(out, 8, "k%02u", key);
    return firn_str(out);
}

static void
set(unsigned key, bool is_there, firn_slice value)
{
    now.is_there[key] = is_there;
    now.size[key] = value.size;
    memcpy(now.value[key], value.data, value.size);
}

static void
append(const struct writer *writer, unsigned key, firn_slice operand)
{
    firn_error err;
    char text[8];
    firn_slice name = key_of(key, text);
    int rc = writer->batch != NULL ? fi_db_batch_merge(writer->batch, writer->keyspace, name,
                                                       FIRN_MERGE_APPEND, operand, &err)
                                   : fi_txn_merge(writer->txn, writer->keyspace, name,
                                                  FIRN_MERGE_APPEND, operand, &err);
    if (rc == FIRN_NO_MEMORY) {
        return; /* without a trace */
    }
    assert_int_equal(rc, FIRN_OK);
    size_t size = now.is_there[key] ? now.size[key] : 0;
    assert_true(size + operand.size <= VALUE_MAX);
    memcpy(now.value[key] + size, operand.data, operand.size);
    now.is_there[key] = true;
    now.size[key] = size + operand.size;
}

static void
put(const struct writer *writer, unsigned key, firn_slice value)
{
    firn_error err;
    char text[8];
    firn_slice name = key_of(key, text);
    int rc = writer->batch != NULL
                 ? fi_db_batch_put(writer->batch, writer->keyspace, name, value, &err)
                 : fi_txn_put(writer->txn, writer->keyspace, name, value, &err);
    if (rc == FIRN_OK) {
        set(key, true, value);
    }
}

static void
delete_from(const struct writer *writer, unsigned key, unsigned end)
{
    firn_error err;
    char text[8];
    char upper[8];
    firn_slice name = key_of(key, text);
    int rc = writer->batch != NULL ? fi_db_batch_delete_range(writer->batch, writer->keyspace, name,
                                                              key_of(end, upper), &err)
                                   : fi_txn_delete_range(writer->txn, writer->keyspace, name,
                                                         key_of(end, upper), &err);
    for (; rc == FIRN_OK && key < end; key++) {
        set(key, false, firn_bytes(now.value[key], 0));
    }
}

static void
step(const struct writer *writer, struct test_random *random)
{
    uint8_t bytes[OPERAND_MAX];
    unsigned key = (unsigned)test_random_below(random, KEYS);
    uint64_t dice = test_random_below(random, 40);
    size_t size = (size_t)test_random_below(random, dice % 2 == 0 ? OPERAND_MAX : 4);
    memset(bytes, 'a' + (int)test_random_below(random, 26), sizeof bytes);
    if (dice == 0) {
        delete_from(writer, key, key + 1 + (unsigned)test_random_below(random, KEYS - key));
    } else if (dice < 3) {
        put(writer, key, firn_bytes(bytes, size));
    } else {
        append(writer, key, firn_bytes(bytes, size));
    }
}

static void
compare(struct firn_db_keyspace *keyspace, struct firn_txn *txn)
{
    firn_error err;
    struct fi_buf found = {0};
    for (unsigned key = 0; key < KEYS; key++) {
        char text[8];
        firn_slice name = key_of(key, text);
        int rc = txn != NULL ? fi_txn_get(txn, keyspace, name, &found, &err)
                             : fi_db_get(keyspace, name, &found, &err);
        assert_int_equal(rc, now.is_there[key] ? FIRN_OK : FIRN_NOT_FOUND);
        if (rc == FIRN_OK) {
            assert_true(
                fi_slice_equal(fi_buf_slice(&found), firn_bytes(now.value[key], now.size[key])));
        }
    }
    fi_buf_deinit(&found);
}

/* Some of the steps lack memory. */
static void
take_steps(const struct writer *writer, struct test_random *random, bool lacks_memory)
{
    for (unsigned i = 0; i < STEPS; i++) {
        if (lacks_memory && i % 3 == 0) {
            test_alloc_fail_at(1 + test_random_below(random, 4), false);
        }
        step(writer, random);
        test_alloc_fail_at(0, false);
    }
}

static void
run_batch(struct firn_db *db, struct test_random *random, bool is_joined, bool lacks_memory)
{
    firn_error err;
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    struct writer writer = {.keyspace = keyspace};
    DB_OK(fi_db_batch_create(&writer.batch, &err));
    take_steps(&writer, random, lacks_memory);
    if (is_joined) { /* what another batch did comes after it */
        struct writer second = {.keyspace = keyspace};
        DB_OK(fi_db_batch_create(&second.batch, &err));
        take_steps(&second, random, lacks_memory);
        DB_OK(fi_db_batch_append_all(writer.batch, second.batch, &err));
        fi_db_batch_destroy(second.batch);
    }
    assert_true(writer.batch->gap_bytes < writer.batch->body.size);
    DB_OK(fi_db_write(db, writer.batch, FIRN_DURABILITY_OS, &err));
    fi_db_batch_destroy(writer.batch);
    compare(keyspace, NULL);
}

static void
run_txn(struct firn_db *db, struct test_random *random, bool lacks_memory)
{
    firn_error err;
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    const struct fi_txn_options options = {0};
    struct writer writer = {.keyspace = keyspace};
    uint64_t savepoint;
    DB_OK(fi_txn_begin(db, &options, &writer.txn, &err));
    take_steps(&writer, random, lacks_memory);
    compare(keyspace, writer.txn);
    DB_OK(fi_txn_savepoint(writer.txn, &savepoint, &err));
    then = now;
    for (unsigned i = 0; i < 2; i++) {
        take_steps(&writer, random, lacks_memory);
        compare(keyspace, writer.txn);
        if (i == 0) {
            DB_OK(fi_txn_rollback_to(writer.txn, savepoint, &err));
            now = then;
            compare(keyspace, writer.txn);
        }
    }
    DB_OK(fi_txn_commit(writer.txn, FIRN_DURABILITY_OS, &err));
    fi_txn_close(writer.txn);
    compare(keyspace, NULL);
}

static void
appends_to_many_keys_agree_with_the_model(void **state)
{
    firn_error err;
    struct test_random random;
    test_random_init(&random, "db_appends", 1);
    for (unsigned round = 0; round < 12; round++) {
        struct db_support support;
        db_support_init(&support, round + 1);
        test_alloc_install();
        memset(&now, 0, sizeof now);
        struct firn_db *db = db_support_open(support.dir);
        run_batch(db, &random, false, round % 2 != 0);
        run_batch(db, &random, round % 3 == 0, round % 2 != 0);
        memset(now.is_there, 0, sizeof now.is_there);
        struct firn_db_batch *batch;
        DB_OK(fi_db_batch_create(&batch, &err));
        DB_OK(fi_db_batch_delete_range(batch, db_support_keyspace(db, "k"), firn_str("a"),
                                       firn_str("z"), &err));
        DB_OK(fi_db_write(db, batch, FIRN_DURABILITY_OS, &err));
        fi_db_batch_destroy(batch);
        run_txn(db, &random, round % 2 != 0);
        DB_OK(fi_db_close(db, &err));
        test_alloc_uninstall();
        db_support_deinit(&support);
    }
}

static void
a_joined_batch_has_each_operand_once(void **state)
{
    firn_error err;
    struct db_support support;
    db_support_init(&support, 1);
    struct firn_db *db = db_support_open(support.dir);
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    struct firn_db_batch *first;
    struct firn_db_batch *second;
    DB_OK(fi_db_batch_create(&first, &err));
    DB_OK(fi_db_batch_create(&second, &err));
    for (unsigned i = 0; i < 2; i++) {
        DB_OK(fi_db_batch_merge(second, keyspace, firn_str("a"), FIRN_MERGE_APPEND,
                                firn_str(i == 0 ? "x" : "y"), &err));
        DB_OK(fi_db_batch_put(second, keyspace, firn_str("b"), firn_str("z"), &err));
    }
    DB_OK(fi_db_batch_append_all(first, second, &err));
    DB_OK(fi_db_batch_append_all(first, second, &err));
    DB_OK(fi_db_write(db, first, FIRN_DURABILITY_OS, &err));
    assert_string_equal(db_support_get(keyspace, "a"), "xyxy");
    fi_db_batch_destroy(first);
    fi_db_batch_destroy(second);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

enum { MANY_KEYS = 100, ROUNDS = 400, OPERAND_SIZE = 50 };

/* Appends to each of many keys in turn; returns the bytes that the allocator was asked for. */
static uint64_t
append_in_turn(const struct writer *writer)
{
    static const uint8_t operand[OPERAND_SIZE];
    firn_error err;
    test_alloc_fail_at(0, false);
    for (unsigned i = 0; i < ROUNDS * MANY_KEYS; i++) {
        char text[8];
        firn_slice name = key_of(i % MANY_KEYS, text);
        firn_slice value = firn_bytes(operand, sizeof operand);
        if (writer->batch != NULL) {
            DB_OK(fi_db_batch_merge(writer->batch, writer->keyspace, name, FIRN_MERGE_APPEND, value,
                                    &err));
        } else {
            DB_OK(
                fi_txn_merge(writer->txn, writer->keyspace, name, FIRN_MERGE_APPEND, value, &err));
        }
    }
    return test_alloc_bytes();
}

static void
appends_to_many_keys_in_turn_copy_each_byte_a_few_times(void **state)
{
    enum { PAYLOAD = MANY_KEYS * ROUNDS * OPERAND_SIZE, TIMES = 24 };
    firn_error err;
    struct db_support support;
    struct fi_db_options options = db_support_create;
    const struct fi_txn_options txn_options = {0};
    options.memory_bytes = 64 << 20;
    db_support_init(&support, 1);
    test_alloc_install();
    struct firn_db *db;
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    struct writer batch = {.keyspace = db_support_keyspace(db, "k")};
    struct writer txn = batch;
    DB_OK(fi_db_batch_create(&batch.batch, &err));
    uint64_t asked = append_in_turn(&batch);
    (void)printf("count: %u bytes asked for by a batch for each appended byte\n",
                 (unsigned)(asked / PAYLOAD));
    assert_true(asked < (uint64_t)PAYLOAD * TIMES);
    assert_true(batch.batch->body.size < (size_t)PAYLOAD * 4);
    struct firn_db_batch committed = {0};
    DB_OK(fi_db_batch_copy_to_commit(&committed, batch.batch, &err));
    assert_true(committed.body.size < (size_t)PAYLOAD * 11 / 10);
    assert_int_equal(committed.gap_bytes, 0);
    fi_db_batch_deinit(&committed);
    fi_db_batch_destroy(batch.batch);
    DB_OK(fi_txn_begin(db, &txn_options, &txn.txn, &err));
    asked = append_in_turn(&txn);
    (void)printf("count: %u bytes asked for by a transaction for each appended byte\n",
                 (unsigned)(asked / PAYLOAD));
    assert_true(asked < (uint64_t)PAYLOAD * TIMES);
    DB_OK(fi_txn_commit(txn.txn, FIRN_DURABILITY_OS, &err));
    fi_txn_close(txn.txn);
    DB_OK(fi_db_close(db, &err));
    test_alloc_uninstall();
    db_support_deinit(&support);
}

/* Gaps are memory, but no reason to refuse what would fit without them; nor do they go past the
 * limit. */
static void
gaps_leave_a_transaction_the_room_that_it_has(void **state)
{
    enum { SMALL = 30, GROWING = 200 << 10, SPARE = 100 << 10, FRAMES = 4 << 10 };
    static uint8_t bytes[4 << 20];
    firn_error err;
    struct db_support support;
    struct fi_db_options options = db_support_create;
    const struct fi_txn_options txn_options = {0};
    struct firn_db *db;
    struct firn_txn *txn;
    options.memory_bytes = 16 << 20;
    db_support_init(&support, 1);
    DB_OK(fi_db_open(support.dir, &options, &db, &err));
    struct firn_db_keyspace *k = db_support_keyspace(db, "k");
    const size_t limit = db->limits.memory / 4;
    assert_in_range(limit, GROWING * 8, sizeof bytes);
    for (unsigned round = 0; round < 2; round++) {
        DB_OK(fi_txn_begin(db, &txn_options, &txn, &err));
        DB_OK(fi_txn_put(txn, k, firn_str("grows"), firn_bytes(bytes, GROWING), &err));
        for (unsigned i = 0; i < SMALL; i++) {
            char text[8];
            DB_OK(fi_txn_put(txn, k, key_of(i, text), firn_str("x"), &err));
        }
        size_t used = fi_txn_writes_size_bytes(&txn->writes);
        size_t fill = limit - used - GROWING - SPARE;
        if (round == 1) { /* the gap has not room for as much as has grown */
            DB_OK(fi_txn_put(txn, k, firn_str("fill"), firn_bytes(bytes, fill), &err));
        }
        DB_OK(fi_txn_merge(txn, k, firn_str("grows"), FIRN_MERGE_APPEND, firn_str("y"), &err));
        used = fi_txn_writes_size_bytes(&txn->writes);
        assert_true(used <= limit);
        assert_true(txn->writes.batch.gap_bytes > 0);
        if (round == 0) {
            assert_true(txn->writes.batch.gap_bytes <= limit / 8);
            fill = limit - used + txn->writes.batch.gap_bytes - FRAMES;
            DB_OK(fi_txn_put(txn, k, firn_str("fill"), firn_bytes(bytes, fill), &err));
            assert_int_equal(txn->writes.batch.gap_bytes, 0);
        }
        DB_OK(fi_txn_commit(txn, FIRN_DURABILITY_OS, &err));
        fi_txn_close(txn);
    }
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* A store whose transactions may write 4 MiB, and a value that takes much of that. */
struct tight {
    struct db_support support;
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    struct firn_txn *txn;
    uint64_t limit;
};

static uint8_t large[4 << 20];

/* Begins a transaction that has put "a", of a_size bytes, and then "b". */
static void
tight_init(struct tight *tight, size_t a_size)
{
    firn_error err;
    struct fi_db_options options = db_support_create;
    const struct fi_txn_options txn_options = {0};
    options.memory_bytes = 16 << 20;
    db_support_init(&tight->support, 1);
    DB_OK(fi_db_open(tight->support.dir, &options, &tight->db, &err));
    tight->keyspace = db_support_keyspace(tight->db, "k");
    tight->limit = tight->db->limits.memory / 4;
    assert_int_equal(tight->limit, sizeof large);
    DB_OK(fi_txn_begin(tight->db, &txn_options, &tight->txn, &err));
    DB_OK(fi_txn_put(tight->txn, tight->keyspace, firn_str("a"), firn_bytes(large, a_size), &err));
    DB_OK(fi_txn_put(tight->txn, tight->keyspace, firn_str("b"), firn_str("1"), &err));
}

static void
tight_deinit(struct tight *tight)
{
    firn_error err;
    DB_OK(fi_txn_commit(tight->txn, FIRN_DURABILITY_OS, &err));
    fi_txn_close(tight->txn);
    DB_OK(fi_db_close(tight->db, &err));
    db_support_deinit(&tight->support);
}

static int
append_to_a(const struct tight *tight, firn_error *err)
{
    return fi_txn_merge(tight->txn, tight->keyspace, firn_str("a"), FIRN_MERGE_APPEND,
                        firn_str("x"), err);
}

static size_t
size_of_a(const struct tight *tight)
{
    firn_error err;
    struct fi_buf value = {0};
    DB_OK(fi_txn_get(tight->txn, tight->keyspace, firn_str("a"), &value, &err));
    size_t size = value.size;
    fi_buf_deinit(&value);
    return size;
}

/* A savepoint finds no room at last, so the write set is tidied: there are fewer operations then. */
static void
a_savepoint_that_tidies_takes_back_what_came_after_it(void **state)
{
    enum { A_SIZE = 3 << 19, FRAME = 128, SAVEPOINTS = 8 };
    firn_error err;
    uint64_t savepoint;
    struct fi_buf value = {0};
    struct tight tight;
    tight_init(&tight, A_SIZE);
    DB_OK(append_to_a(&tight, &err)); /* copies the value, and leaves a gap in half of the rest */
    size_t fill = tight.limit - fi_txn_writes_size_bytes(&tight.txn->writes) - FRAME - 1;
    DB_OK(fi_txn_put(tight.txn, tight.keyspace, firn_str("f"), firn_bytes(large, fill), &err));
    assert_int_equal(fi_db_batch_op_count(&tight.txn->writes.batch), 4);
    for (unsigned i = 0; i < SAVEPOINTS && fi_db_batch_op_count(&tight.txn->writes.batch) == 4;
         i++) {
        DB_OK(fi_txn_savepoint(tight.txn, &savepoint, &err));
    }
    assert_int_equal(fi_db_batch_op_count(&tight.txn->writes.batch), 3);
    DB_OK(fi_txn_put(tight.txn, tight.keyspace, firn_str("c"), firn_str("1"), &err));
    DB_OK(fi_txn_rollback_to(tight.txn, savepoint, &err));
    assert_int_equal(fi_txn_get(tight.txn, tight.keyspace, firn_str("c"), &value, &err),
                     FIRN_NOT_FOUND);
    DB_OK(fi_txn_get(tight.txn, tight.keyspace, firn_str("b"), &value, &err));
    assert_int_equal(size_of_a(&tight), A_SIZE + 1);
    fi_buf_deinit(&value);
    tight_deinit(&tight);
}

static void
a_merge_that_copies_its_value_keeps_the_limit(void **state)
{
    enum { A_SIZE = 5 << 19 };
    firn_error err;
    struct tight tight;
    tight_init(&tight, A_SIZE);
    DB_FAILS(append_to_a(&tight, &err), FIRN_LIMIT, "would take more than 4194304 bytes");
    assert_true(fi_txn_writes_size_bytes(&tight.txn->writes) <= tight.limit);
    assert_int_equal(size_of_a(&tight), A_SIZE);
    DB_OK(fi_txn_put(tight.txn, tight.keyspace, firn_str("c"), firn_str("1"), &err));
    tight_deinit(&tight);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_to_many_keys_agree_with_the_model),
        cmocka_unit_test(a_joined_batch_has_each_operand_once),
        cmocka_unit_test(appends_to_many_keys_in_turn_copy_each_byte_a_few_times),
        cmocka_unit_test(gaps_leave_a_transaction_the_room_that_it_has),
        cmocka_unit_test(a_savepoint_that_tidies_takes_back_what_came_after_it),
        cmocka_unit_test(a_merge_that_copies_its_value_keeps_the_limit),
    };
    return cmocka_run_group_tests_name("db_appends", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/api: the public store on the real disk: what an application does, and every argument that
 * cannot be meant.
 */
#include <glob.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/test_temp.h"

static firn_error err;

#define OK(expression) assert_int_equal((expression), FIRN_OK)

/* An empty directory, and a path in it at which nothing is yet. */
struct place {
    char dir[64];
    char store[96];
};

static void
place_init(struct place *place)
{
    test_temp_make(place->dir, sizeof place->dir);
    (void)snprintf(place->store, sizeof place->store, "%s/app.firn", place->dir);
}

static void
place_deinit(struct place *place)
{
    static const char *const globs[] = {"/runs/*", "/*"};
    char pattern[128];
    for (size_t i = 0; i < sizeof globs / sizeof *globs; i++) {
        glob_t found;
        (void)snprintf(pattern, sizeof pattern, "%s%s", place->store, globs[i]);
        if (glob(pattern, 0, NULL, &found) == 0) {
            for (size_t j = 0; j < found.gl_pathc; j++) {
                (void)remove(found.gl_pathv[j]);
            }
        }
        globfree(&found);
    }
    (void)rmdir(place->store);
    assert_int_equal(rmdir(place->dir), 0);
}

static firn_keyspace *
open_keyspace(firn_store *store, const char *name)
{
    firn_keyspace *keyspace;
    OK(firn_keyspace_open(store, name, NULL, &keyspace, &err));
    return keyspace;
}

/* ---- batches that are walked and joined ---- */

struct walked {
    char text[512];
    unsigned stop_at;
    unsigned count;
};

static int
walk_one(void *ctx, const firn_batch_write *write)
{
    static const char *const kinds[] = {"?", "put", "delete", "range", "merge"};
    struct walked *walked = ctx;
    size_t at = strlen(walked->text);
    assert_non_null(write->keyspace);
    assert_non_null(write->key.data);
    assert_non_null(write->value.data);
    (void)snprintf(walked->text + at, sizeof walked->text - at, "%s %.*s=%.*s%s%s ",
                   kinds[write->kind], (int)write->key.size, (const char *)write->key.data,
                   (int)write->value.size, (const char *)write->value.data,
                   write->operation == FIRN_MERGE_APPEND ? "+" : "",
                   write->expires_ms != 0 ? "!" : "");
    return ++walked->count == walked->stop_at ? FIRN_CANCELLED : FIRN_OK;
}

static void
expect_walk(const firn_batch *batch, const char *text)
{
    struct walked walked = {.text = ""};
    OK(firn_batch_iterate(batch, walk_one, &walked, &err));
    assert_string_equal(walked.text, text);
    assert_int_equal(walked.count, firn_batch_count(batch));
}

static void
batches_can_be_walked_and_joined(void **state)
{
    firn_store *store;
    firn_store *other;
    firn_batch *first;
    firn_batch *second;
    uint8_t *value;
    size_t size;
    OK(firn_store_open_memory(1 << 24, NULL, &store, &err));
    OK(firn_store_open_memory(1 << 24, NULL, &other, &err));
    firn_keyspace *k = open_keyspace(store, "k");
    firn_keyspace *elsewhere = open_keyspace(other, "k");
    OK(firn_batch_create(&first, &err));
    OK(firn_batch_create(&second, &err));
    expect_walk(first, "");
    assert_int_equal(firn_batch_size(first), 0);
    OK(firn_batch_append(first, second, &err));
    OK(firn_batch_put(first, k, firn_str("a"), firn_str("1"), &err));
    OK(firn_batch_put(first, k, firn_bytes(NULL, 0), firn_bytes(NULL, 0), &err));
    OK(firn_batch_delete(first, k, firn_str("b"), &err));
    size_t first_size = firn_batch_size(first);
    assert_true(first_size > 4);
    OK(firn_batch_merge(second, k, firn_str("a"), FIRN_MERGE_APPEND, firn_str("2"), &err));
    OK(firn_batch_merge(second, k, firn_str("m"), FIRN_MERGE_APPEND, firn_str("3"), &err));
    OK(firn_batch_delete_range(second, k, firn_str("c"), firn_str("d"), &err));
    OK(firn_batch_put_ttl(second, k, firn_str("e"), firn_str("5"), 1000000, &err));
    expect_walk(first, "put a=1 put = delete b= ");
    expect_walk(second, "merge a=2+ merge m=3+ range c=d put e=5! ");
    struct walked walked = {.text = "", .stop_at = 2};
    assert_int_equal(firn_batch_iterate(second, walk_one, &walked, &err), FIRN_CANCELLED);
    assert_int_equal(walked.count, 2);

    OK(firn_put(k, firn_str("cc"), firn_str("gone"), NULL, &err));
    OK(firn_batch_append(first, second, &err));
    assert_true(firn_batch_size(first) > first_size);
    expect_walk(first, "put = delete b= put a=12 merge m=3+ range c=d put e=5! ");
    OK(firn_store_write(store, first, NULL, &err));
    OK(firn_get(k, firn_str("a"), &value, &size, &err));
    assert_int_equal(size, 2);
    assert_memory_equal(value, "12", 2);
    firn_release(value);
    assert_int_equal(firn_get(k, firn_str("cc"), &value, &size, &err), FIRN_NOT_FOUND);

    /* A failure leaves the batch as it is. */
    firn_batch_clear(second);
    OK(firn_batch_put(second, k, firn_str("x"), firn_str("x"), &err));
    OK(firn_batch_merge(second, k, firn_str("m"), FIRN_MERGE_ADD, firn_bytes("12345678", 8), &err));
    assert_int_equal(firn_batch_append(first, second, &err), FIRN_INVALID);
    expect_walk(first, "put = delete b= put a=12 merge m=3+ range c=d put e=5! ");
    assert_int_equal(firn_batch_append(first, first, &err), FIRN_INVALID);
    firn_batch_clear(second);
    OK(firn_batch_put(second, elsewhere, firn_str("x"), firn_str("x"), &err));
    assert_int_equal(firn_batch_append(first, second, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_append(first, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_iterate(first, NULL, NULL, &err), FIRN_INVALID);
    firn_batch_destroy(first);
    firn_batch_destroy(second);
    OK(firn_store_close(other, &err));
    OK(firn_store_close(store, &err));
}

/* ---- destroying ---- */

static void
a_store_is_destroyed_with_nothing_but_its_own(void **state)
{
    struct place place;
    char other[160];
    firn_store *store;
    firn_store *reader;
    firn_store_options read_only = FIRN_STORE_OPTIONS_INIT;
    read_only.read_only = true;
    place_init(&place);
    assert_int_equal(firn_store_destroy(place.store, &err), FIRN_NOT_FOUND);
    assert_int_equal(firn_store_destroy(place.dir, &err), FIRN_NOT_FOUND);
    assert_int_equal(firn_store_destroy("", &err), FIRN_INVALID);
    for (int i = 0; i < 2; i++) {
        OK(firn_store_open(place.store, NULL, &store, &err));
        firn_keyspace *k = open_keyspace(store, "k");
        OK(firn_put(k, firn_str("k"), firn_str("v"), NULL, &err));
        OK(firn_store_flush(store, &err));
        assert_int_equal(firn_store_destroy(place.store, &err), FIRN_BUSY);
        OK(firn_store_open(place.store, &read_only, &reader, &err));
        OK(firn_store_close(store, &err));
        assert_int_equal(firn_store_destroy(place.store, &err), FIRN_BUSY);
        OK(firn_store_close(reader, &err));
        (void)snprintf(other, sizeof other, "%s/mine", place.store);
        FILE *mine = i == 1 ? fopen(other, "w") : NULL;
        if (mine != NULL) {
            assert_int_equal(fclose(mine), 0);
        }
        OK(firn_store_destroy(place.store, &err));
        assert_int_equal(access(place.store, F_OK), i == 1 ? 0 : -1);
        assert_int_equal(firn_store_destroy(place.store, &err), FIRN_NOT_FOUND);
    }
    assert_int_equal(access(other, F_OK), 0);
    assert_int_equal(unlink(other), 0);
    assert_int_equal(rmdir(place.store), 0); /* nothing else was in it */

    /* One that has the checkpoints of directories is not for this. */
    OK(firn_store_open(place.store, NULL, &store, &err));
    OK(firn_store_close(store, &err));
    (void)snprintf(other, sizeof other, "%s/packs", place.store);
    assert_int_equal(mkdir(other, 0700), 0);
    assert_int_equal(firn_store_destroy(place.store, &err), FIRN_INVALID);
    assert_int_equal(rmdir(other), 0);
    OK(firn_store_destroy(place.store, &err));
    place_deinit(&place);
}

/* ---- compacting a range ---- */

static uint64_t
entries_of(firn_store *store)
{
    firn_store_statistics found = {.size = sizeof found};
    uint64_t entries = 0;
    OK(firn_store_stats(store, &found, &err));
    for (size_t i = 0; i < FIRN_STORE_LEVELS; i++) {
        entries += found.levels[i].entries;
    }
    return entries;
}

/* Two thirds of the keys are in files above the last level, of which a range is compacted. */
static void
a_range_is_compacted_and_the_rest_is_left(void **state)
{
    enum { KEYS = 6000, SIZE = 500 };
    firn_store *store;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    static char large[SIZE];
    options.memory_bytes = 1 << 20;
    options.durability = FIRN_DURABILITY_OS;
    OK(firn_store_open_memory(1 << 27, &options, &store, &err));
    firn_keyspace *k = open_keyspace(store, "k");
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < KEYS; i++) {
            char key[16];
            (void)snprintf(key, sizeof key, "%06u", i);
            OK(firn_put(k, firn_str(key), firn_bytes(large, sizeof large), NULL, &err));
        }
        if (round == 0) {
            OK(firn_store_compact(store, NULL, &err));
        }
    }
    OK(firn_store_flush(store, &err));
    OK(firn_keyspace_compact(k, firn_str("x"), firn_str("y"), NULL, &err)); /* nothing is there */
    OK(firn_keyspace_compact(k, firn_str("000000"), firn_str("001000"), NULL, &err));
    OK(firn_keyspace_compact(k, firn_bytes(NULL, 0), firn_bytes(NULL, 0), NULL, &err));
    /* Firn's own keyspaces have entries, too. */
    assert_true(entries_of(store) >= KEYS && entries_of(store) < KEYS + 20);
    OK(firn_delete_range(k, firn_str("001000"), firn_str("002000"), NULL, &err));
    OK(firn_keyspace_compact(k, firn_str("001000"), firn_str("002000"), NULL, &err));
    assert_true(entries_of(store) < KEYS - 900);
    assert_int_equal(firn_keyspace_compact(NULL, firn_str("a"), firn_str("b"), NULL, &err),
                     FIRN_INVALID);
    OK(firn_keyspace_drop(store, "k", &err));
    assert_int_equal(firn_keyspace_compact(k, firn_str("a"), firn_str("b"), NULL, &err),
                     FIRN_MISUSE);
    OK(firn_store_close(store, &err));
}

static int
expect_addresses(void *ctx, const firn_store_difference *difference)
{
    *(unsigned *)ctx += 1;
    assert_non_null(difference->key.data);
    assert_true((difference->before.data != NULL) ==
                (difference->kind != FIRN_STORE_DIFFERENCE_ADDED));
    assert_true((difference->after.data != NULL) ==
                (difference->kind != FIRN_STORE_DIFFERENCE_REMOVED));
    return FIRN_OK;
}

/* Wherever they come from: the log, files, transactions, differences; also where values are not read. */
static void
empty_keys_and_values_have_an_address(void **state)
{
    struct place place;
    firn_store *store;
    firn_txn *txn;
    firn_cursor *cursor;
    uint8_t *value;
    size_t size;
    unsigned differences = 0;
    const firn_slice nothing = firn_bytes(NULL, 0);
    place_init(&place);
    OK(firn_store_open(place.store, NULL, &store, &err));
    firn_keyspace *keyspace = open_keyspace(store, "k");
    OK(firn_store_checkpoint_create(store, "empty", NULL, NULL, &err));
    OK(firn_put(keyspace, nothing, nothing, NULL, &err));
    OK(firn_store_checkpoint_create(store, "one", NULL, NULL, &err));
    OK(firn_put(keyspace, nothing, firn_str("v"), NULL, &err));
    OK(firn_store_diff(store, "empty", "one", NULL, expect_addresses, &differences, &err));
    OK(firn_store_diff(store, "one", "empty", NULL, expect_addresses, &differences, &err));
    OK(firn_store_diff(store, "one", NULL, NULL, expect_addresses, &differences, &err));
    assert_int_equal(differences, 3);
    OK(firn_put(keyspace, nothing, nothing, NULL, &err));
    for (unsigned i = 0; i < 8; i++) {
        firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
        options.keys_only = i % 2 == 1;
        OK(firn_txn_begin(store, NULL, &txn, &err));
        if (i < 4) {
            OK(firn_cursor_open(keyspace, &options, &cursor, &err));
        } else {
            OK(firn_txn_put(txn, keyspace, nothing, nothing, &err));
            OK(firn_txn_cursor_open(txn, keyspace, &options, &cursor, &err));
        }
        OK(firn_cursor_first(cursor, &err));
        assert_true(firn_cursor_valid(cursor));
        assert_non_null(firn_cursor_key(cursor).data);
        assert_int_equal(firn_cursor_key(cursor).size, 0);
        assert_non_null(firn_cursor_value(cursor).data);
        assert_int_equal(firn_cursor_value(cursor).size, 0);
        firn_cursor_close(cursor);
        OK(firn_txn_get(txn, keyspace, nothing, &value, &size, &err));
        assert_non_null(value);
        firn_release(value);
        firn_txn_close(txn);
        OK(i % 4 == 1 ? firn_store_flush(store, &err) : FIRN_OK);
    }
    OK(firn_store_close(store, &err));
    place_deinit(&place);
}

static void
numbers_are_what_merges_make_them(void **state)
{
    struct place place;
    place_init(&place);
    firn_store *store;
    firn_batch *batch;
    uint8_t bytes[8];
    uint8_t *value;
    size_t size;
    static const int64_t numbers[] = {0, 1, -1, 1815, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        firn_number(numbers[i], bytes);
        assert_true(firn_number_of(bytes, 8) == numbers[i]);
        assert_true(firn_number_of(bytes, 7) == 0);
    }
    OK(firn_store_open(place.store, NULL, &store, &err));
    firn_keyspace *keyspace = open_keyspace(store, "k");
    firn_number(-2, bytes);
    OK(firn_merge(keyspace, firn_str("n"), FIRN_MERGE_ADD, firn_bytes(bytes, 8), NULL, &err));
    firn_number(7, bytes);
    OK(firn_merge(keyspace, firn_str("n"), FIRN_MERGE_MAX, firn_bytes(bytes, 8), NULL, &err));
    /* What can be merged has a name. */
    for (int i = 0; i < 256; i++) {
        firn_merge_operator operation = (firn_merge_operator)i;
        int code =
            firn_merge(keyspace, firn_str("named"), operation, firn_bytes(bytes, 8), NULL, &err);
        assert_true(code == FIRN_OK || code == FIRN_INVALID);
        assert_int_equal(code == FIRN_OK,
                         strcmp(firn_merge_operator_name(operation), "unknown") != 0);
    }
    OK(firn_batch_create(&batch, &err));
    OK(firn_batch_merge(batch, keyspace, firn_str("n"), FIRN_MERGE_ADD, firn_bytes(bytes, 8),
                        &err));
    OK(firn_batch_put_ttl(batch, keyspace, firn_str("short"), firn_str("1"), 1, &err));
    OK(firn_batch_put_ttl(batch, keyspace, firn_str("long"), firn_str("1"), 3600 * 1000, &err));
    OK(firn_store_write(store, batch, NULL, &err));
    firn_batch_destroy(batch);
    OK(firn_get(keyspace, firn_str("n"), &value, &size, &err));
    assert_true(firn_number_of(value, size) == 14);
    firn_release(value);
    const struct timespec while_passes = {0, 5 * 1000000};
    assert_int_equal(nanosleep(&while_passes, NULL), 0);
    assert_int_equal(firn_get(keyspace, firn_str("short"), &value, &size, &err), FIRN_NOT_FOUND);
    OK(firn_get(keyspace, firn_str("long"), &value, &size, &err));
    firn_release(value);
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    options.ttl_ms = 1;
    OK(firn_put(keyspace, firn_str("long"), firn_str("2"), &options, &err));
    assert_int_equal(nanosleep(&while_passes, NULL), 0);
    assert_int_equal(firn_get(keyspace, firn_str("long"), &value, &size, &err), FIRN_NOT_FOUND);
    OK(firn_store_close(store, &err));
    place_deinit(&place);
}

static void
a_load_brings_many_entries_at_once(void **state)
{
    struct place place;
    place_init(&place);
    firn_store *store;
    firn_bulk *bulk;
    uint8_t *value;
    size_t size;
    OK(firn_store_open(place.store, NULL, &store, &err));
    firn_keyspace *keyspace = open_keyspace(store, "k");
    OK(firn_bulk_open(keyspace, NULL, &bulk, &err));
    for (unsigned i = 0; i < 1000; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%06u", i);
        OK(firn_bulk_put(bulk, firn_str(key), firn_str(key), &err));
    }
    assert_int_equal(firn_bulk_put(bulk, firn_str("000999"), firn_str(""), &err), FIRN_INVALID);
    assert_int_equal(firn_bulk_count(bulk), 1000);
    assert_int_equal(firn_get(keyspace, firn_str("000999"), &value, &size, &err), FIRN_NOT_FOUND);
    OK(firn_bulk_commit(bulk, &err));
    firn_bulk_close(bulk);
    OK(firn_get(keyspace, firn_str("000999"), &value, &size, &err));
    assert_int_equal(size, 6);
    firn_release(value);
    /* In any order, where that is said. */
    firn_bulk_options options = FIRN_BULK_OPTIONS_INIT;
    options.unsorted = true;
    OK(firn_bulk_open(keyspace, &options, &bulk, &err));
    OK(firn_bulk_put(bulk, firn_str("b"), firn_str("1"), &err));
    OK(firn_bulk_put_ttl(bulk, firn_str("a"), firn_str("2"), 1000000, &err));
    OK(firn_bulk_put(bulk, firn_str("b"), firn_str("three"), &err));
    OK(firn_bulk_commit(bulk, &err));
    firn_bulk_close(bulk);
    OK(firn_get(keyspace, firn_str("b"), &value, &size, &err));
    assert_int_equal(size, 5);
    firn_release(value);
    OK(firn_store_close(store, &err));
    place_deinit(&place);
}

static int
expects_no_expiry(void *ctx, const firn_batch_write *write)
{
    size_t *count = ctx;
    assert_int_equal(write->kind, FIRN_BATCH_PUT);
    assert_true(write->expires_ms == 0);
    (*count)++;
    return FIRN_OK;
}

/* Of a put, an insert, a compare-and-put, a batch, a transaction and a load. */
static void
a_time_to_live_of_0_is_none(void **state)
{
    struct place place;
    place_init(&place);
    firn_store *store;
    firn_batch *batch;
    firn_txn *txn;
    firn_bulk *bulk;
    firn_cursor *cursor;
    size_t count = 0;
    const firn_slice one = firn_str("1");
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    OK(firn_store_open(place.store, NULL, &store, &err));
    firn_keyspace *keyspace = open_keyspace(store, "k");
    options.ttl_ms = 0;
    OK(firn_put(keyspace, firn_str("a"), one, &options, &err));
    OK(firn_insert(keyspace, firn_str("b"), one, &options, &err));
    OK(firn_compare_and_put(keyspace, firn_str("b"), one, one, &options, &err));
    OK(firn_batch_create(&batch, &err));
    OK(firn_batch_put_ttl(batch, keyspace, firn_str("c"), one, 0, &err));
    OK(firn_batch_merge(batch, keyspace, firn_str("c"), FIRN_MERGE_APPEND, one, &err));
    OK(firn_batch_iterate(batch, expects_no_expiry, &count, &err));
    assert_int_equal(count, 1);
    OK(firn_store_write(store, batch, NULL, &err));
    firn_batch_destroy(batch);
    OK(firn_txn_begin(store, NULL, &txn, &err));
    OK(firn_txn_put_ttl(txn, keyspace, firn_str("d"), one, 0, &err));
    OK(firn_txn_commit(txn, NULL, &err));
    firn_txn_close(txn);
    OK(firn_bulk_open(keyspace, NULL, &bulk, &err));
    OK(firn_bulk_put_ttl(bulk, firn_str("e"), one, 0, &err));
    OK(firn_bulk_commit(bulk, &err));
    firn_bulk_close(bulk);
    const struct timespec while_passes = {0, 5 * 1000000};
    assert_int_equal(nanosleep(&while_passes, NULL), 0);
    OK(firn_cursor_open(keyspace, NULL, &cursor, &err));
    OK(firn_cursor_first(cursor, &err));
    for (count = 0; firn_cursor_valid(cursor); count++) {
        assert_true(firn_cursor_expires_ms(cursor) == 0);
        OK(firn_cursor_next(cursor, &err));
    }
    assert_int_equal(count, 5);
    firn_cursor_close(cursor);
    OK(firn_store_close(store, &err));
    place_deinit(&place);
}

/* How many keys a cursor with these bounds visits. */
static size_t
keys_between(firn_keyspace *keyspace, firn_slice lower, firn_slice upper)
{
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    firn_cursor *cursor;
    size_t count = 0;
    options.lower = lower;
    options.upper = upper;
    OK(firn_cursor_open(keyspace, &options, &cursor, &err));
    OK(firn_cursor_first(cursor, &err));
    for (; firn_cursor_valid(cursor); count++) {
        OK(firn_cursor_next(cursor, &err));
    }
    firn_cursor_close(cursor);
    return count;
}

/* For a cursor, an estimate, a compaction and a delete; a delete needs an upper bound. */
static void
a_bound_without_an_address_is_none(void **state)
{
    struct place place;
    place_init(&place);
    firn_store *store;
    firn_batch *batch;
    firn_txn *txn;
    firn_keyspace_size size = FIRN_KEYSPACE_SIZE_INIT;
    const firn_slice none = firn_bytes(NULL, 0);
    const firn_slice empty = firn_str("");
    const firn_slice b = firn_str("b");
    OK(firn_store_open(place.store, NULL, &store, &err));
    firn_keyspace *keyspace = open_keyspace(store, "k");
    OK(firn_put(keyspace, empty, b, NULL, &err));
    OK(firn_put(keyspace, firn_str("a"), b, NULL, &err));
    OK(firn_put(keyspace, b, b, NULL, &err));
    assert_int_equal(keys_between(keyspace, none, none), 3);
    assert_int_equal(keys_between(keyspace, empty, b), 2);
    assert_int_equal(keys_between(keyspace, none, empty), 0);
    OK(firn_keyspace_approximate_size(keyspace, none, none, &size, &err));
    assert_int_equal(size.memory_entries, 3);
    OK(firn_keyspace_approximate_size(keyspace, none, empty, &size, &err));
    assert_int_equal(size.memory_entries, 0);
    OK(firn_keyspace_compact(keyspace, none, none, NULL, &err));
    OK(firn_batch_create(&batch, &err));
    OK(firn_txn_begin(store, NULL, &txn, &err));
    assert_int_equal(firn_delete_range(keyspace, empty, none, NULL, &err), FIRN_INVALID);
    assert_string_equal(err.text, "a delete of a range needs an upper bound");
    assert_int_equal(firn_delete_range(keyspace, none, none, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_delete_range(batch, keyspace, empty, none, &err), FIRN_INVALID);
    assert_int_equal(firn_txn_delete_range(txn, keyspace, empty, none, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_count(batch), 0);
    OK(firn_delete_range(keyspace, none, empty, NULL, &err));
    assert_int_equal(keys_between(keyspace, none, none), 3);
    OK(firn_txn_delete_range(txn, keyspace, none, firn_str("a"), &err));
    OK(firn_txn_commit(txn, NULL, &err));
    assert_int_equal(keys_between(keyspace, none, none), 2);
    OK(firn_batch_delete_range(batch, keyspace, none, b, &err));
    OK(firn_store_write(store, batch, NULL, &err));
    assert_int_equal(keys_between(keyspace, none, none), 1);
    OK(firn_delete_range(keyspace, none, firn_str("c"), NULL, &err));
    assert_int_equal(keys_between(keyspace, none, none), 0);
    firn_txn_close(txn);
    firn_batch_destroy(batch);
    OK(firn_store_close(store, &err));
    place_deinit(&place);
}

static void
an_application_stores_and_finds(void **state)
{
    struct place place;
    place_init(&place);
    firn_store *store;
    OK(firn_store_open(place.store, NULL, &store, &err));
    struct stat stat_of;
    assert_int_equal(stat(place.store, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 07777, 0700);
    firn_keyspace *users = open_keyspace(store, "users");
    firn_write_options fast = FIRN_WRITE_OPTIONS_INIT;
    fast.durability = FIRN_DURABILITY_OS;
    OK(firn_put(users, firn_str("ada"), firn_str("1815"), NULL, &err));
    OK(firn_put(users, firn_str("grace"), firn_str("1906"), &fast, &err));
    OK(firn_put(users, firn_str("empty"), firn_bytes(NULL, 0), &fast, &err));
    OK(firn_delete(users, firn_str("nobody"), NULL, &err));
    firn_batch *batch;
    OK(firn_batch_create(&batch, &err));
    OK(firn_batch_put(batch, users, firn_str("alan"), firn_str("1912"), &err));
    OK(firn_batch_delete(batch, users, firn_str("ada"), &err));
    assert_int_equal(firn_batch_count(batch), 2);
    OK(firn_store_write(store, batch, NULL, &err));
    firn_batch_clear(batch);
    assert_int_equal(firn_batch_count(batch), 0);
    firn_batch_destroy(batch);
    OK(firn_store_sync(store, &err));

    uint8_t *value;
    size_t size;
    OK(firn_get(users, firn_str("alan"), &value, &size, &err));
    assert_int_equal(size, 4);
    assert_memory_equal(value, "1912", 4);
    firn_release(value);
    OK(firn_get(users, firn_str("empty"), &value, &size, &err));
    assert_non_null(value);
    assert_int_equal(size, 0);
    firn_release(value);
    firn_release(NULL);
    assert_int_equal(firn_get(users, firn_str("ada"), &value, &size, &err), FIRN_NOT_FOUND);
    assert_null(value);
    assert_int_equal(size, 0);

    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    options.lower = firn_str("b");
    options.upper = firn_str("f");
    firn_cursor *cursor;
    OK(firn_cursor_open(users, &options, &cursor, &err));
    OK(firn_cursor_first(cursor, &err));
    assert_true(firn_cursor_valid(cursor));
    assert_int_equal(firn_cursor_key(cursor).size, 5);
    assert_memory_equal(firn_cursor_key(cursor).data, "empty", 5);
    assert_int_equal(firn_cursor_value(cursor).size, 0);
    OK(firn_cursor_next(cursor, &err));
    assert_false(firn_cursor_valid(cursor));
    assert_int_equal(firn_cursor_next(cursor, &err), FIRN_MISUSE);
    OK(firn_cursor_last(cursor, &err));
    OK(firn_cursor_prev(cursor, &err));
    assert_int_equal(firn_cursor_prev(cursor, &err), FIRN_MISUSE);
    OK(firn_cursor_seek(cursor, firn_str("c"), &err));
    assert_true(firn_cursor_valid(cursor));
    OK(firn_cursor_seek_before(cursor, firn_str("c"), &err));
    assert_false(firn_cursor_valid(cursor));
    assert_int_equal(firn_store_close(store, &err), FIRN_MISUSE);
    firn_cursor_close(cursor);

    firn_store_check_result report = {.size = sizeof report};
    OK(firn_store_check(store, NULL, &report, &err));
    assert_int_equal(report.entries, 3);
    assert_int_equal(report.keyspaces, 1);
    assert_int_equal(report.log_records, 6);
    OK(firn_store_check(store, NULL, NULL, &err));
    OK(firn_store_close(store, &err));
    OK(firn_store_close(NULL, &err));
    place_deinit(&place);
}

static int
count_name(void *ctx, const char *name)
{
    assert_int_not_equal(strncmp(name, "firn.", 5), 0);
    ++*(int *)ctx;
    return FIRN_OK;
}

static void
names_of_firn_itself_are_refused(void **state)
{
    struct place place;
    place_init(&place);
    firn_store *store;
    firn_keyspace *keyspace;
    OK(firn_store_open(place.store, NULL, &store, &err));
    assert_int_equal(firn_keyspace_open(store, "firn.objects", NULL, &keyspace, &err),
                     FIRN_INVALID);
    assert_null(keyspace);
    assert_non_null(strstr(err.text, "firn itself"));
    (void)open_keyspace(store, "firn");
    (void)open_keyspace(store, "firns");
    int count = 0;
    OK(firn_keyspace_list(store, count_name, &count, &err));
    assert_int_equal(count, 2);
    OK(firn_store_close(store, &err));
    place_deinit(&place);
}

static void
structures_of_other_versions_are_understood(void **state)
{
    struct place place;
    place_init(&place);
    firn_store *store;

    /* A caller that knew only the first three fields. */
    firn_store_options older = FIRN_STORE_OPTIONS_INIT;
    older.size = offsetof(firn_store_options, durability);
    older.durability = (firn_durability)77;
    older.lock_timeout_ms = -1;
    OK(firn_store_open(place.store, &older, &store, &err));
    OK(firn_store_close(store, &err));

    /* One that knows more than we do. */
    struct {
        firn_store_options known;
        uint64_t more;
    } newer = {.known = FIRN_STORE_OPTIONS_INIT};
    newer.known.size = sizeof newer;
    OK(firn_store_open(place.store, &newer.known, &store, &err));
    struct {
        firn_store_check_result known;
        uint64_t more;
    } report = {.known = {.size = sizeof report}, .more = 99};
    OK(firn_store_check(store, NULL, &report.known, &err));
    assert_int_equal(report.more, 0);
    assert_int_equal(report.known.size, sizeof report);
    firn_store_check_result part = {.size = offsetof(firn_store_check_result, log_records),
                                    .log_records = 99};
    OK(firn_store_check(store, NULL, &part, &err));
    assert_int_equal(part.log_records, 99);
    OK(firn_store_close(store, &err));
    newer.more = 1;
    assert_int_equal(firn_store_open(place.store, &newer.known, &store, &err), FIRN_UNSUPPORTED);
    assert_null(store);
    firn_store_options unset = {0};
    assert_int_equal(firn_store_open(place.store, &unset, &store, &err), FIRN_INVALID);
    unset.size = SIZE_MAX;
    assert_int_equal(firn_store_open(place.store, &unset, &store, &err), FIRN_INVALID);
    place_deinit(&place);
}

static void
arguments_that_cannot_be_meant_are_refused(void **state)
{
    struct place place;
    place_init(&place);
    firn_store *store = NULL;
    firn_keyspace *keyspace;
    firn_cursor *cursor;
    firn_batch *batch;
    uint8_t *value;
    size_t size;
    const firn_slice hole = {NULL, 1};
    const firn_slice key = {(const uint8_t *)"k", 1};
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;

    assert_int_equal(firn_store_open(NULL, NULL, &store, &err), FIRN_INVALID);
    assert_int_equal(firn_store_open(place.store, NULL, NULL, NULL), FIRN_INVALID);
    assert_int_equal(firn_store_open("", NULL, &store, &err), FIRN_INVALID);
    options.lock_timeout_ms = -1;
    assert_int_equal(firn_store_open(place.store, &options, &store, &err), FIRN_INVALID);
    options.lock_timeout_ms = 0;
    options.durability = (firn_durability)3;
    assert_int_equal(firn_store_open(place.store, &options, &store, &err), FIRN_INVALID);
    OK(firn_store_open(place.store, NULL, &store, &err));

    assert_int_equal(firn_store_sync(NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_store_check(NULL, NULL, NULL, &err), FIRN_INVALID);
    firn_store_check_result report = {0};
    assert_int_equal(firn_store_check(store, NULL, &report, &err), FIRN_INVALID);
    assert_int_equal(firn_keyspace_open(NULL, "k", NULL, &keyspace, &err), FIRN_INVALID);
    assert_int_equal(firn_keyspace_open(store, NULL, NULL, &keyspace, &err), FIRN_INVALID);
    assert_int_equal(firn_keyspace_open(store, "k", NULL, NULL, &err), FIRN_INVALID);
    firn_keyspace_options neither = FIRN_KEYSPACE_OPTIONS_INIT;
    neither.create_if_missing = false;
    neither.fail_if_exists = true;
    assert_int_equal(firn_keyspace_open(store, "k", &neither, &keyspace, &err), FIRN_INVALID);
    neither.size = 0;
    assert_int_equal(firn_keyspace_open(store, "k", &neither, &keyspace, &err), FIRN_INVALID);
    assert_int_equal(firn_keyspace_list(store, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_keyspace_list(NULL, count_name, NULL, &err), FIRN_INVALID);
    keyspace = open_keyspace(store, "k");

    firn_write_options write = FIRN_WRITE_OPTIONS_INIT;
    write.durability = (firn_durability)9;
    assert_int_equal(firn_put(NULL, key, key, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_put(keyspace, hole, key, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_put(keyspace, key, hole, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_put(keyspace, key, key, &write, &err), FIRN_INVALID);
    assert_int_equal(firn_merge(NULL, key, FIRN_MERGE_APPEND, key, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_merge(keyspace, hole, FIRN_MERGE_APPEND, key, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_merge(keyspace, key, FIRN_MERGE_APPEND, hole, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_merge(keyspace, key, FIRN_MERGE_ADD, key, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_merge(keyspace, key, (firn_merge_operator)0, key, NULL, &err),
                     FIRN_INVALID);
    firn_write_options ttl = FIRN_WRITE_OPTIONS_INIT;
    ttl.ttl_ms = 1;
    assert_int_equal(firn_merge(keyspace, key, FIRN_MERGE_APPEND, key, &ttl, &err), FIRN_INVALID);
    assert_int_equal(firn_delete(keyspace, key, &ttl, &err), FIRN_INVALID);
    assert_int_equal(firn_delete(NULL, key, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_delete(keyspace, hole, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_delete(keyspace, key, &write, &err), FIRN_INVALID);
    assert_int_equal(firn_get(NULL, key, &value, &size, &err), FIRN_INVALID);
    assert_int_equal(firn_get(keyspace, hole, &value, &size, &err), FIRN_INVALID);
    assert_int_equal(firn_get(keyspace, key, NULL, &size, &err), FIRN_INVALID);
    assert_int_equal(firn_get(keyspace, key, &value, NULL, &err), FIRN_INVALID);

    assert_int_equal(firn_batch_create(NULL, &err), FIRN_INVALID);
    OK(firn_batch_create(&batch, &err));
    assert_int_equal(firn_batch_put(NULL, keyspace, key, key, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_put(batch, NULL, key, key, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_put(batch, keyspace, hole, key, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_put(batch, keyspace, key, hole, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_put_ttl(NULL, keyspace, key, key, 1, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_put_ttl(batch, NULL, key, key, 1, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_put_ttl(batch, keyspace, hole, key, 1, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_merge(NULL, keyspace, key, FIRN_MERGE_APPEND, key, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_batch_merge(batch, NULL, key, FIRN_MERGE_APPEND, key, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_batch_merge(batch, keyspace, key, FIRN_MERGE_APPEND, hole, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_store_write(store, batch, &ttl, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_delete(batch, keyspace, hole, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_delete(batch, NULL, key, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_delete(NULL, keyspace, key, &err), FIRN_INVALID);
    assert_int_equal(firn_store_write(NULL, batch, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_store_write(store, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_store_write(store, batch, &write, &err), FIRN_INVALID);
    firn_batch_clear(NULL);
    firn_batch_destroy(NULL);
    assert_int_equal(firn_batch_count(NULL), 0);
    firn_batch_destroy(batch);

    firn_bulk *bulk;
    assert_int_equal(firn_bulk_open(NULL, NULL, &bulk, &err), FIRN_INVALID);
    assert_int_equal(firn_bulk_open(keyspace, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_bulk_open(keyspace, &(firn_bulk_options){.size = 1}, &bulk, &err),
                     FIRN_INVALID);
    assert_null(bulk);
    OK(firn_bulk_open(keyspace, NULL, &bulk, &err));
    assert_int_equal(firn_bulk_put(NULL, key, key, &err), FIRN_INVALID);
    assert_int_equal(firn_bulk_put(bulk, hole, key, &err), FIRN_INVALID);
    assert_int_equal(firn_bulk_put(bulk, key, hole, &err), FIRN_INVALID);
    assert_int_equal(firn_bulk_commit(NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_bulk_count(NULL), 0);
    assert_int_equal(firn_bulk_put_ttl(NULL, key, key, 1, &err), FIRN_INVALID);
    assert_int_equal(firn_bulk_put_ttl(bulk, key, hole, 1, &err), FIRN_INVALID);
    assert_int_equal(firn_cursor_expires_ms(NULL), 0);
    assert_int_equal(firn_store_close(store, &err), FIRN_MISUSE);
    firn_bulk_close(bulk);
    firn_bulk_close(NULL);

    firn_cursor_options bounds = FIRN_CURSOR_OPTIONS_INIT;
    assert_int_equal(firn_cursor_open(NULL, NULL, &cursor, &err), FIRN_INVALID);
    assert_int_equal(firn_cursor_open(keyspace, NULL, NULL, &err), FIRN_INVALID);
    bounds.prefix.size = 1;
    assert_int_equal(firn_cursor_open(keyspace, &bounds, &cursor, &err), FIRN_INVALID);
    assert_int_equal(firn_cursor_first(NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_cursor_last(NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_cursor_next(NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_cursor_prev(NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_cursor_seek(NULL, key, &err), FIRN_INVALID);
    assert_int_equal(firn_cursor_seek_before(NULL, key, &err), FIRN_INVALID);
    OK(firn_cursor_open(keyspace, NULL, &cursor, &err));
    assert_int_equal(firn_cursor_seek(cursor, hole, &err), FIRN_INVALID);
    assert_int_equal(firn_cursor_seek_before(cursor, hole, &err), FIRN_INVALID);
    firn_cursor_close(cursor);
    firn_cursor_close(NULL);
    assert_false(firn_cursor_valid(NULL));
    assert_null(firn_cursor_key(NULL).data);
    assert_null(firn_cursor_value(NULL).data);
    OK(firn_store_close(store, &err));
    place_deinit(&place);
}

/* ---- what the engine adds ---- */

static void
assert_value(firn_keyspace *keyspace, firn_snapshot *snapshot, const char *key,
             const char *expected)
{
    uint8_t *value;
    size_t size;
    int rc = snapshot == NULL
                 ? firn_get(keyspace, firn_str(key), &value, &size, &err)
                 : firn_snapshot_get(snapshot, keyspace, firn_str(key), &value, &size, &err);
    if (expected == NULL) {
        assert_int_equal(rc, FIRN_NOT_FOUND);
        return;
    }
    assert_int_equal(rc, FIRN_OK);
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(value, expected, size);
    firn_release(value);
}

/* Of now only c is there, of the view a and b. */
static void
use_get_many(firn_keyspace *keyspace, firn_snapshot *snapshot)
{
    const firn_slice keys[] = {firn_str("c"), firn_str("a"), firn_str("c"), firn_str("b")};
    const firn_slice holes[] = {firn_str("c"), {NULL, 3}};
    uint8_t *got[4];
    size_t sizes[4];
    OK(firn_get_many(keyspace, NULL, keys, 4, got, sizes, &err));
    assert_true(sizes[0] == 1 && got[0][0] == '2' && got[2][0] == '2');
    assert_true(got[0] != got[2] && got[1] == NULL && got[3] == NULL);
    firn_release(got[0]);
    firn_release(got[2]);
    OK(firn_get_many(keyspace, snapshot, keys, 4, got, sizes, &err));
    assert_true(got[0] == NULL && got[1][0] == '1' && got[3][0] == '1');
    firn_release(got[1]);
    firn_release(got[3]);
    OK(firn_put(keyspace, firn_str("empty"), firn_bytes("", 0), NULL, &err));
    const firn_slice empty = firn_str("empty");
    OK(firn_get_many(keyspace, NULL, &empty, 1, got, sizes, &err));
    assert_true(got[0] != NULL && sizes[0] == 0);
    firn_release(got[0]);
    OK(firn_delete(keyspace, empty, NULL, &err));
    OK(firn_get_many(keyspace, NULL, NULL, 0, NULL, NULL, &err));
    sizes[1] = 9;
    assert_int_equal(firn_get_many(NULL, NULL, keys, 4, got, sizes, &err), FIRN_INVALID);
    assert_true(got[1] == NULL && sizes[1] == 0);
    assert_int_equal(firn_get_many(keyspace, NULL, NULL, 4, got, sizes, &err), FIRN_INVALID);
    assert_int_equal(firn_get_many(keyspace, NULL, keys, 4, NULL, sizes, &err), FIRN_INVALID);
    assert_int_equal(firn_get_many(keyspace, NULL, keys, 4, got, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_get_many(keyspace, NULL, holes, 2, got, sizes, &err), FIRN_INVALID);
}

static void
use_engine(firn_store *store)
{
    firn_keyspace *keyspace = open_keyspace(store, "k");
    firn_keyspace *seen;
    firn_snapshot *snapshot;
    firn_batch *batch;
    firn_cursor *cursor;
    int count = 0;
    OK(firn_put(keyspace, firn_str("a"), firn_str("1"), NULL, &err));
    OK(firn_put(keyspace, firn_str("b"), firn_str("1"), NULL, &err));
    OK(firn_snapshot_open(store, NULL, &snapshot, &err));
    OK(firn_delete_range(keyspace, firn_str("a"), firn_str("b"), NULL, &err));
    OK(firn_batch_create(&batch, &err));
    OK(firn_batch_delete_range(batch, keyspace, firn_str("b"), firn_str("c"), &err));
    OK(firn_batch_put(batch, keyspace, firn_str("c"), firn_str("2"), &err));
    OK(firn_store_write(store, batch, NULL, &err));
    firn_batch_destroy(batch);
    OK(firn_store_flush(store, &err));
    OK(firn_store_compact(store, NULL, &err));
    OK(firn_store_refresh(store, &err));
    assert_value(keyspace, NULL, "a", NULL);
    assert_value(keyspace, NULL, "c", "2");
    assert_value(keyspace, snapshot, "a", "1");
    assert_value(keyspace, snapshot, "c", NULL);
    use_get_many(keyspace, snapshot);
    OK(firn_keyspace_drop(store, "k", &err));
    OK(firn_keyspace_list(store, count_name, &count, &err));
    assert_int_equal(count, 0);
    OK(firn_snapshot_keyspace_list(snapshot, count_name, &count, &err));
    assert_int_equal(count, 1);
    OK(firn_snapshot_keyspace_open(snapshot, "k", &seen, &err));
    firn_cursor_options options = FIRN_CURSOR_OPTIONS_INIT;
    options.snapshot = snapshot;
    OK(firn_cursor_open(seen, &options, &cursor, &err));
    firn_snapshot_close(snapshot);
    OK(firn_cursor_last(cursor, &err));
    assert_true(firn_cursor_key(cursor).size == 1 && firn_cursor_key(cursor).data[0] == 'b');
    assert_true(firn_cursor_value(cursor).size > 0);
    firn_cursor_close(cursor);
    options.snapshot = NULL;
    options.keys_only = true;
    OK(firn_keyspace_open(store, "keys", NULL, &seen, &err));
    OK(firn_put(seen, firn_str("a"), firn_str("1"), NULL, &err));
    OK(firn_cursor_open(seen, &options, &cursor, &err));
    OK(firn_cursor_first(cursor, &err));
    assert_true(firn_cursor_valid(cursor));
    assert_true(firn_cursor_key(cursor).size == 1);
    assert_true(firn_cursor_value(cursor).size == 0);
    firn_cursor_close(cursor);
}

static void
snapshots_and_ranges_and_drops_go_through_the_interface(void **state)
{
    struct place place;
    firn_store *store;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.memory_bytes = FIRN_STORE_MEMORY_MIN;
    options.threads = 1;
    options.compression = FIRN_COMPRESSION_ZSTD;
    place_init(&place);
    OK(firn_store_open(place.store, &options, &store, &err));
    use_engine(store);
    OK(firn_store_close(store, &err));
    place_deinit(&place);
}

static void
a_store_in_memory_is_a_store(void **state)
{
    firn_store *store;
    OK(firn_store_open_memory(1 << 20, NULL, &store, &err));
    use_engine(store);
    firn_keyspace *keyspace = open_keyspace(store, "k");
    static uint8_t big[100000];
    for (size_t i = 0; i < sizeof big; i++) {
        big[i] = (uint8_t)(i * i >> 3);
    }
    int rc = FIRN_OK;
    for (char c = 'a'; c <= 'z' && rc == FIRN_OK; c++) {
        rc = firn_put(keyspace, firn_bytes(&c, 1), firn_bytes(big, sizeof big), NULL, &err);
    }
    assert_int_equal(rc, FIRN_NO_SPACE);
    OK(firn_store_close(store, &err));
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.read_only = true;
    assert_int_equal(firn_store_open_memory(1 << 20, &options, &store, &err), FIRN_INVALID);
    assert_null(store);
    assert_int_equal(firn_store_open_memory(100, NULL, &store, &err), FIRN_NO_SPACE);
    assert_int_equal(firn_store_open_memory(1 << 20, NULL, NULL, &err), FIRN_INVALID);
}

static void
statistics_have_a_structure_and_a_text(void **state)
{
    firn_store *store;
    char *text;
    OK(firn_store_open_memory(1 << 24, NULL, &store, &err));
    firn_keyspace *keyspace = open_keyspace(store, "k");
    OK(firn_put(keyspace, firn_str("a"), firn_str("1"), NULL, &err));
    OK(firn_store_flush(store, &err));
    firn_store_statistics stats = {.size = sizeof stats};
    OK(firn_store_stats(store, &stats, &err));
    assert_int_equal(stats.size, sizeof stats);
    assert_int_equal(stats.commits, 2);
    assert_int_equal(stats.keyspaces, 1);
    assert_int_equal(stats.levels[0].entries, 2);
    assert_true(stats.file_bytes > 0 && stats.flush_bytes >= stats.file_bytes);
    assert_int_equal(stats.memory_bytes, FIRN_STORE_MEMORY_DEFAULT);
    assert_false(stats.is_full);
    assert_int_equal(stats.background_code, FIRN_OK);
    firn_store_statistics part = {.size = offsetof(firn_store_statistics, keyspaces),
                                  .keyspaces = 99};
    OK(firn_store_stats(store, &part, &err));
    assert_int_equal(part.keyspaces, 99);
    OK(firn_store_stats_json(store, &text, &err));
    assert_non_null(strstr(text, "{\"levels\":[{\"files\":2,"));
    assert_non_null(strstr(text, ",\"commits\":2,"));
    assert_non_null(strstr(text, ",\"is_full\":false,\"background_error\":null}"));
    firn_release(text);
    OK(firn_store_close(store, &err));
}

static void
arguments_of_the_engine_are_checked(void **state)
{
    firn_store *store;
    firn_snapshot *snapshot;
    firn_batch *batch;
    firn_keyspace *keyspace;
    uint8_t *value;
    size_t size;
    char *text;
    const firn_slice hole = {NULL, 1};
    const firn_slice key = {(const uint8_t *)"k", 1};
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.memory_bytes = FIRN_STORE_MEMORY_MIN - 1;
    assert_int_equal(firn_store_open_memory(1 << 24, &options, &store, &err), FIRN_INVALID);
    options.memory_bytes = 0;
    options.threads = 257;
    assert_int_equal(firn_store_open_memory(1 << 24, &options, &store, &err), FIRN_INVALID);
    options.threads = 0;
    options.compression = (firn_compression)4;
    assert_int_equal(firn_store_open_memory(1 << 24, &options, &store, &err), FIRN_INVALID);
    OK(firn_store_open_memory(1 << 24, NULL, &store, &err));
    keyspace = open_keyspace(store, "k");
    OK(firn_snapshot_open(store, NULL, &snapshot, &err));
    OK(firn_batch_create(&batch, &err));
    firn_store_statistics stats = {0};
    assert_int_equal(firn_store_stats(store, &stats, &err), FIRN_INVALID);
    assert_int_equal(firn_store_stats(store, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_store_stats_json(NULL, &text, &err), FIRN_INVALID);
    assert_int_equal(firn_store_stats_json(store, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_store_flush(NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_store_compact(NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_store_refresh(NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_store_clone(NULL, "/tmp/x", NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_store_clone(store, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_store_clone(store, "", NULL, &err), FIRN_INVALID);
    const firn_store_maintenance_options unset = {0};
    assert_int_equal(firn_store_clone(store, "/tmp/x", &unset, &err), FIRN_INVALID);
    assert_int_equal(firn_store_compact(store, &unset, &err), FIRN_INVALID);
    const firn_store_check_options unset_check = {0};
    assert_int_equal(firn_store_check(store, &unset_check, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_keyspace_drop(NULL, "k", &err), FIRN_INVALID);
    assert_int_equal(firn_keyspace_drop(store, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_keyspace_drop(store, "firn.objects", &err), FIRN_INVALID);
    assert_int_equal(firn_keyspace_drop(store, "none", &err), FIRN_NOT_FOUND);
    assert_int_equal(firn_keyspace_drop(store, "", &err), FIRN_INVALID);
    assert_int_equal(firn_delete_range(NULL, key, key, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_delete_range(keyspace, hole, key, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_delete_range(keyspace, key, hole, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_delete_range(NULL, keyspace, key, key, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_delete_range(batch, NULL, key, key, &err), FIRN_INVALID);
    assert_int_equal(firn_batch_delete_range(batch, keyspace, key, hole, &err), FIRN_INVALID);
    firn_snapshot *none;
    assert_int_equal(firn_snapshot_open(NULL, NULL, &none, &err), FIRN_INVALID);
    assert_null(none);
    assert_int_equal(firn_snapshot_open(store, &(firn_snapshot_options){0}, &none, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_snapshot_open(store, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_snapshot_keyspace_list(NULL, count_name, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_snapshot_keyspace_list(snapshot, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_snapshot_keyspace_open(NULL, "k", &keyspace, &err), FIRN_INVALID);
    assert_int_equal(firn_snapshot_keyspace_open(snapshot, "firn.x", &keyspace, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_snapshot_keyspace_open(snapshot, "none", &keyspace, &err),
                     FIRN_NOT_FOUND);
    OK(firn_snapshot_keyspace_open(snapshot, "k", &keyspace, &err));
    assert_int_equal(firn_snapshot_get(NULL, keyspace, key, &value, &size, &err), FIRN_INVALID);
    assert_int_equal(firn_snapshot_get(snapshot, NULL, key, &value, &size, &err), FIRN_INVALID);
    assert_int_equal(firn_snapshot_get(snapshot, keyspace, hole, &value, &size, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_snapshot_get(snapshot, keyspace, key, NULL, &size, &err), FIRN_INVALID);
    firn_snapshot_close(NULL);
    firn_batch_destroy(batch);
    assert_int_equal(firn_store_close(store, &err), FIRN_MISUSE);
    firn_snapshot_close(snapshot);
    OK(firn_store_close(store, &err));
}

static void
hashes_are_read_and_written_as_hex(void **state)
{
    firn_hash hash;
    char text[FIRN_HASH_HEX_SIZE];
    for (size_t i = 0; i < sizeof hash.bytes; i++) {
        hash.bytes[i] = (uint8_t)(i * 8 + 7);
    }
    firn_hash_to_hex(&hash, text);
    assert_string_equal(text, "070f171f272f373f474f575f676f777f878f979fa7afb7bfc7cfd7dfe7eff7ff");
    firn_hash back = {{0}};
    OK(firn_hash_from_hex(firn_str(text), &back));
    assert_memory_equal(&back, &hash, sizeof hash);
    text[63] = 'F';
    OK(firn_hash_from_hex(firn_str(text), &back));
    assert_memory_equal(&back, &hash, sizeof hash);
    assert_int_equal(firn_hash_from_hex(firn_bytes(text, 63), &back), FIRN_INVALID);
    assert_int_equal(firn_hash_from_hex(firn_bytes(text, 65), &back), FIRN_INVALID);
    assert_int_equal(firn_hash_from_hex(firn_bytes(NULL, 64), &back), FIRN_INVALID);
    assert_int_equal(firn_hash_from_hex(firn_str(text), NULL), FIRN_INVALID);
    text[10] = 'g';
    assert_int_equal(firn_hash_from_hex(firn_str(text), &back), FIRN_INVALID);
    assert_memory_equal(&back, &hash, sizeof hash);
    assert_string_equal(firn_version(), FIRN_VERSION);
}

/* ---- sizes of ranges ---- */

static firn_keyspace_size
size_of(firn_keyspace *k, uint32_t from, uint32_t to)
{
    char lower[16];
    char upper[16];
    firn_keyspace_size found = {.size = sizeof found};
    (void)snprintf(lower, sizeof lower, "%06u", from);
    (void)snprintf(upper, sizeof upper, "%06u", to);
    OK(firn_keyspace_approximate_size(k, firn_str(lower), firn_str(upper), &found, &err));
    return found;
}

/* Large values beside small ones: a block has few of these, and many references to those. */
enum { MIXED_KEYS = 2200, MIXED_LARGE = 200, LARGE_SIZE = 100000, SMALL_SIZE = 300 };

static bool
is_large(uint32_t i, bool is_clustered)
{
    return is_clustered ? i >= 700 && i < 700 + MIXED_LARGE : i % 11 == 5;
}

static void
put_mixed(firn_keyspace *k, bool is_clustered)
{
    static uint64_t value[LARGE_SIZE / 8];
    struct test_random random = {5};
    for (uint32_t i = 0; i < MIXED_KEYS; i++) {
        char key[16];
        const size_t size = is_large(i, is_clustered) ? LARGE_SIZE : SMALL_SIZE;
        (void)snprintf(key, sizeof key, "%06u", i);
        test_random_fill(&random, value, size);
        OK(firn_put(k, firn_str(key), firn_bytes(value, size), NULL, &err));
    }
}

/* Of each range the bytes of large values are known to one of them, wherever they are. */
static void
check_mixed(firn_keyspace *k, bool is_clustered, bool is_in_memory)
{
    for (uint32_t i = 0; i < 300; i++) {
        const uint32_t from = i * 7919 % MIXED_KEYS;
        const uint32_t to = from + i * 104729 % (MIXED_KEYS - from + 1);
        uint64_t large = 0;
        for (uint32_t j = from; j < to; j++) {
            large += is_large(j, is_clustered);
        }
        const uint64_t small = to - from - large;
        const firn_keyspace_size found = size_of(k, from, to);
        if (is_in_memory) {
            assert_int_equal(found.memory_entries, to - from);
            assert_int_equal(found.memory_bytes,
                             large * (LARGE_SIZE + 6) + small * (SMALL_SIZE + 6));
            continue;
        }
        assert_in_range(found.value_bytes, large * LARGE_SIZE, large * (LARGE_SIZE + 200));
        assert_int_equal(found.file_entries, to - from);
    }
}

static void
the_size_of_a_range_tells_large_values_from_small_ones(void **state)
{
    for (unsigned is_clustered = 0; is_clustered < 2; is_clustered++) {
        firn_store *store;
        firn_store_options options = FIRN_STORE_OPTIONS_INIT;
        options.durability = FIRN_DURABILITY_OS;
        OK(firn_store_open_memory(UINT64_C(1) << 33, &options, &store, &err));
        firn_keyspace *k = open_keyspace(store, "k");
        put_mixed(k, is_clustered);
        check_mixed(k, is_clustered, true);
        OK(firn_store_flush(store, &err));
        check_mixed(k, is_clustered, false);
        OK(firn_store_compact(store, NULL, &err));
        check_mixed(k, is_clustered, false);
        OK(firn_store_close(store, &err));
    }
}

static void
the_size_of_a_range_is_told_about(void **state)
{
    enum { KEYS = 20000, VALUE = 120, BLOCK_ENTRIES = 4096 / (VALUE + 6) + 2 };
    firn_store *store;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.durability = FIRN_DURABILITY_OS;
    /* So large that nothing is flushed by itself. */
    OK(firn_store_open_memory(UINT64_C(1) << 33, &options, &store, &err));
    firn_keyspace *k = open_keyspace(store, "k");
    uint64_t random = 88172645463325252U;
    for (uint32_t i = 0; i < KEYS; i++) {
        char key[16];
        uint64_t value[VALUE / 8];
        for (size_t j = 0; j < VALUE / 8; j++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            value[j] = random;
        }
        (void)snprintf(key, sizeof key, "%06u", i);
        OK(firn_put(k, firn_str(key), firn_bytes(value, VALUE), NULL, &err));
    }
    /* In memory it is exact. */
    firn_keyspace_size found = size_of(k, 300, 1300);
    assert_int_equal(found.memory_entries, 1000);
    assert_int_equal(found.memory_bytes, 1000 * (VALUE + 6));
    assert_int_equal(found.file_entries, 0);
    OK(firn_store_compact(store, NULL, &err));
    firn_keyspace_size all = {.size = sizeof all};
    OK(firn_keyspace_approximate_size(k, firn_bytes(NULL, 0), firn_bytes(NULL, 0), &all, &err));
    assert_int_equal(all.file_entries, KEYS);
    assert_int_equal(all.memory_entries, 0);
    assert_true(all.file_bytes > KEYS * VALUE && all.file_bytes < KEYS * (VALUE + 20));
    for (uint32_t i = 0; i < 400; i++) {
        uint32_t from = i * 7919 % KEYS;
        uint32_t to = from + i * 104729 % (KEYS - from + 1);
        found = size_of(k, from, to);
        uint64_t exact = to - from;
        uint64_t off =
            found.file_entries > exact ? found.file_entries - exact : exact - found.file_entries;
        assert_true(off <= 2 * BLOCK_ENTRIES);
        uint64_t bytes = exact * all.file_bytes / KEYS;
        uint64_t bytes_off =
            found.file_bytes > bytes ? found.file_bytes - bytes : bytes - found.file_bytes;
        assert_true(bytes_off <= 3 * (uint64_t)4200 + all.file_bytes / 50);
        /* Parts add up to the whole. */
        uint32_t middle = from + (to - from) / 2;
        firn_keyspace_size left = size_of(k, from, middle);
        firn_keyspace_size right = size_of(k, middle, to);
        assert_int_equal(left.file_bytes + right.file_bytes, found.file_bytes);
        assert_int_equal(left.file_entries + right.file_entries, found.file_entries);
    }
    found = size_of(k, 500, 400); /* nothing lies between */
    assert_int_equal(found.file_entries + found.file_bytes + found.memory_entries, 0);
    found.size = 0;
    assert_int_equal(firn_keyspace_approximate_size(k, firn_str("a"), firn_str("b"), &found, &err),
                     FIRN_INVALID);
    OK(firn_keyspace_drop(store, "k", &err));
    found.size = sizeof found;
    assert_int_equal(firn_keyspace_approximate_size(k, firn_str("a"), firn_str("b"), &found, &err),
                     FIRN_MISUSE);
    OK(firn_store_close(store, &err));
}

/* ---- reads without a copy of one's own ---- */

static void
a_value_goes_into_the_callers_buffer(void **state)
{
    firn_store *store;
    firn_keyspace *keyspace;
    uint8_t buffer[2000];
    uint8_t *large = malloc(1 << 20);
    size_t size;
    assert_non_null(large);
    memset(large, 'x', 1 << 20);
    OK(firn_store_open_memory(64 << 20, NULL, &store, &err));
    OK(firn_keyspace_open(store, "k", NULL, &keyspace, &err));
    OK(firn_put(keyspace, firn_str("small"), firn_str("value"), NULL, &err));
    OK(firn_put(keyspace, firn_str("empty"), firn_str(""), NULL, &err));
    OK(firn_put(keyspace, firn_str("large"), firn_bytes(large, 1 << 20), NULL, &err));
    OK(firn_merge(keyspace, firn_str("merged"), FIRN_MERGE_APPEND, firn_str("va"), NULL, &err));
    OK(firn_merge(keyspace, firn_str("merged"), FIRN_MERGE_APPEND, firn_str("lue"), NULL, &err));
    firn_write_options expiring = FIRN_WRITE_OPTIONS_INIT;
    expiring.ttl_ms = 1000 * 1000;
    OK(firn_put(keyspace, firn_str("expiring"), firn_str("value"), &expiring, &err));
    /* From memtables, then from files. */
    for (int round = 0; round < 2; round++) {
        static const char *const keys[] = {"small", "merged", "expiring"};
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            for (size_t capacity = 0; capacity < 20; capacity++) {
                memset(buffer, 'y', sizeof buffer);
                int rc = firn_get_into(keyspace, firn_str(keys[i]), buffer, capacity, &size, &err);
                assert_int_equal(rc, capacity < 5 ? FIRN_LIMIT : FIRN_OK);
                assert_int_equal(size, 5);
                assert_int_equal(buffer[capacity], 'y'); /* nothing beyond it is touched */
                assert_true(rc != FIRN_OK || memcmp(buffer, "value", 5) == 0);
            }
        }
        OK(firn_get_into(keyspace, firn_str("empty"), NULL, 0, &size, &err));
        assert_int_equal(size, 0);
        assert_int_equal(
            firn_get_into(keyspace, firn_str("large"), buffer, sizeof buffer, &size, &err),
            FIRN_LIMIT);
        assert_int_equal(size, 1 << 20);
        memset(large, 'y', 1 << 20);
        OK(firn_get_into(keyspace, firn_str("large"), large, 1 << 20, &size, &err));
        assert_int_equal(large[0], 'x');
        assert_int_equal(large[(1 << 20) - 1], 'x');
        assert_int_equal(
            firn_get_into(keyspace, firn_str("none"), buffer, sizeof buffer, &size, &err),
            FIRN_NOT_FOUND);
        assert_int_equal(size, 0);
        OK(firn_store_flush(store, &err));
    }
    assert_int_equal(firn_get_into(keyspace, firn_str("small"), NULL, 5, &size, &err),
                     FIRN_INVALID);
    assert_int_equal(firn_get_into(keyspace, firn_str("small"), buffer, 5, NULL, &err),
                     FIRN_INVALID);
    OK(firn_store_close(store, &err));
    free(large);
}

static void
what_exists_is_told_without_its_value(void **state)
{
    firn_store *store;
    firn_keyspace *keyspace;
    bool exists;
    firn_write_options expiring = FIRN_WRITE_OPTIONS_INIT;
    OK(firn_store_open_memory(64 << 20, NULL, &store, &err));
    OK(firn_keyspace_open(store, "k", NULL, &keyspace, &err));
    OK(firn_put(keyspace, firn_str("there"), firn_str("value"), NULL, &err));
    OK(firn_put(keyspace, firn_str("gone"), firn_str("value"), NULL, &err));
    OK(firn_delete(keyspace, firn_str("gone"), NULL, &err));
    OK(firn_put(keyspace, firn_str("range"), firn_str("value"), NULL, &err));
    OK(firn_delete_range(keyspace, firn_str("r"), firn_str("s"), NULL, &err));
    OK(firn_merge(keyspace, firn_str("merged"), FIRN_MERGE_APPEND, firn_str("a"), NULL, &err));
    expiring.ttl_ms = 1;
    OK(firn_put(keyspace, firn_str("expired"), firn_str("value"), &expiring, &err));
    expiring.ttl_ms = 1000 * 1000;
    OK(firn_put(keyspace, firn_str("expiring"), firn_str("value"), &expiring, &err));
    OK(firn_store_checkpoint_create(store, "c", NULL, NULL, &err)); /* history is asked, too */
    struct timespec while_it_expires = {0, 20 * 1000 * 1000};
    (void)nanosleep(&while_it_expires, NULL);
    for (int round = 0; round < 2; round++) {
        static const char *const keys[] = {"there", "merged",  "expiring", "gone",
                                           "range", "expired", "never"};
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            exists = i >= 3;
            OK(firn_exists(keyspace, firn_str(keys[i]), &exists, &err));
            assert_int_equal(exists, i < 3);
        }
        OK(firn_store_flush(store, &err));
        OK(firn_store_compact(store, NULL, &err));
    }
    OK(firn_store_restore(store, "c", NULL, &err));
    OK(firn_exists(keyspace, firn_str("there"), &exists, &err));
    assert_true(exists);
    assert_int_equal(firn_exists(keyspace, firn_str("there"), NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_exists(NULL, firn_str("there"), &exists, &err), FIRN_INVALID);
    OK(firn_store_close(store, &err));
}

/* ---- writes that depend on the value ---- */

static void
writes_depend_on_the_value(void **state)
{
    firn_store *store;
    firn_keyspace *keyspace;
    uint8_t buffer[20];
    size_t size;
    firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
    OK(firn_store_open_memory(64 << 20, NULL, &store, &err));
    OK(firn_keyspace_open(store, "k", NULL, &keyspace, &err));
    const firn_slice key = firn_str("key");
    assert_int_equal(firn_compare_and_put(keyspace, key, firn_str(""), firn_str("x"), NULL, &err),
                     FIRN_NOT_FOUND);
    OK(firn_insert(keyspace, key, firn_str("one"), NULL, &err));
    assert_int_equal(firn_insert(keyspace, key, firn_str("two"), NULL, &err), FIRN_EXISTS);
    assert_int_equal(
        firn_compare_and_put(keyspace, key, firn_str("on"), firn_str("two"), NULL, &err),
        FIRN_CONFLICT);
    OK(firn_get_into(keyspace, key, buffer, sizeof buffer, &size, &err));
    assert_memory_equal(buffer, "one", 3);
    OK(firn_compare_and_put(keyspace, key, firn_str("one"), firn_str("two"), NULL, &err));
    OK(firn_get_into(keyspace, key, buffer, sizeof buffer, &size, &err));
    assert_memory_equal(buffer, "two", 3);
    OK(firn_delete(keyspace, key, NULL, &err));
    options.ttl_ms = 1;
    options.durability = FIRN_DURABILITY_OS;
    OK(firn_insert(keyspace, key, firn_str("short"), &options, &err));
    struct timespec while_it_expires = {0, 20 * 1000 * 1000};
    (void)nanosleep(&while_it_expires, NULL);
    OK(firn_insert(keyspace, key, firn_str(""), NULL, &err));
    OK(firn_compare_and_put(keyspace, key, firn_str(""), firn_str("three"), NULL, &err));
    assert_int_equal(firn_insert(NULL, key, key, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_compare_and_put(keyspace, key, firn_bytes(NULL, 1), key, NULL, &err),
                     FIRN_INVALID);
    OK(firn_store_close(store, &err));
}

enum { COUNTERS = 4, COUNTS = 200 };

static void *
count_up(void *ctx)
{
    firn_keyspace *keyspace = ctx;
    firn_error failure;
    for (int i = 0; i < COUNTS;) {
        uint8_t value[8];
        uint8_t next[8];
        size_t size;
        if (firn_get_into(keyspace, firn_str("n"), value, sizeof value, &size, &failure) !=
            FIRN_OK) {
            return ctx;
        }
        firn_number(firn_number_of(value, size) + 1, next);
        int rc = firn_compare_and_put(keyspace, firn_str("n"), firn_bytes(value, size),
                                      firn_bytes(next, sizeof next), NULL, &failure);
        if (rc != FIRN_OK && rc != FIRN_CONFLICT) {
            return ctx;
        }
        i += rc == FIRN_OK ? 1 : 0;
    }
    return NULL;
}

static void
no_count_is_lost_between_threads(void **state)
{
    firn_store *store;
    firn_keyspace *keyspace;
    pthread_t threads[COUNTERS];
    uint8_t value[8];
    size_t size;
    OK(firn_store_open_memory(64 << 20, NULL, &store, &err));
    OK(firn_keyspace_open(store, "k", NULL, &keyspace, &err));
    firn_number(0, value);
    OK(firn_insert(keyspace, firn_str("n"), firn_bytes(value, 8), NULL, &err));
    for (int i = 0; i < COUNTERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, count_up, keyspace), 0);
    }
    for (int i = 0; i < COUNTERS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    OK(firn_get_into(keyspace, firn_str("n"), value, sizeof value, &size, &err));
    assert_int_equal(firn_number_of(value, size), COUNTERS * COUNTS);
    OK(firn_store_close(store, &err));
}

static void
keyspaces_are_opened_as_options_say(void **state)
{
    firn_store *store;
    firn_keyspace *keyspace;
    firn_keyspace *again;
    firn_keyspace_options existing = FIRN_KEYSPACE_OPTIONS_INIT;
    firn_keyspace_options new = FIRN_KEYSPACE_OPTIONS_INIT;
    existing.create_if_missing = false;
    new.fail_if_exists = true;
    OK(firn_store_open_memory(64 << 20, NULL, &store, &err));
    assert_int_equal(firn_keyspace_open(store, "k", &existing, &keyspace, &err), FIRN_NOT_FOUND);
    assert_null(keyspace);
    OK(firn_keyspace_open(store, "k", &new, &keyspace, &err));
    OK(firn_keyspace_open(store, "k", &existing, &again, &err));
    assert_ptr_equal(keyspace, again);
    assert_int_equal(firn_keyspace_open(store, "k", &new, &again, &err), FIRN_EXISTS);
    assert_null(again);
    OK(firn_store_close(store, &err));
}

static void
enumerators_have_names(void **state)
{
    assert_string_equal(firn_notice_kind_name(FIRN_NOTICE_LEFT_ALONE), "left alone");
    assert_string_equal(firn_notice_kind_name((firn_notice_kind)0), "unknown");
    assert_string_equal(firn_notice_kind_name((firn_notice_kind)1000), "unknown");
    for (int kind = FIRN_NOTICE_EXCLUDED; kind <= FIRN_NOTICE_SQLITE; kind++) {
        assert_string_not_equal(firn_notice_kind_name((firn_notice_kind)kind), "unknown");
    }
    assert_string_equal(firn_store_difference_kind_name(FIRN_STORE_DIFFERENCE_KEYSPACE_REMOVED),
                        "keyspace removed");
    assert_string_equal(firn_workspace_change_kind_name(FIRN_CHANGE_CONTENT), "changed");
    assert_string_equal(firn_workspace_entry_type_name(FIRN_ENTRY_SYMLINK), "symlink");
    assert_string_equal(firn_workspace_lines_kind_name(FIRN_LINES_NONE), "none");
    assert_string_equal(firn_workspace_step_kind_name(FIRN_STEP_SAVE), "save");
    assert_string_equal(firn_workspace_step_kind_name(FIRN_STEP_EDITS), "edits");
    assert_string_equal(firn_workspace_revert_conflict_kind_name(FIRN_REVERT_CONFLICT_HARD_LINKS),
                        "hard_links");
    assert_string_equal(firn_workspace_repair_state_name(FIRN_REPAIR_STATE_LOST), "lost");
    assert_string_equal(firn_workspace_repair_data_name(FIRN_REPAIR_DATA_KEPT), "kept");
    assert_string_equal(firn_config_source_name(FIRN_CONFIG_SOURCE_DEFAULT), "default");
    assert_string_equal(firn_merge_operator_name(FIRN_MERGE_MAX), "max");
    assert_string_equal(firn_merge_operator_name((firn_merge_operator)0), "unknown");
    assert_string_equal(firn_batch_kind_name(FIRN_BATCH_DELETE_RANGE), "delete range");
    assert_string_equal(firn_durability_name(FIRN_DURABILITY_OS), "os");
    assert_string_equal(firn_durability_name((firn_durability)3), "unknown");
    assert_string_equal(firn_compression_name(FIRN_COMPRESSION_DEFAULT), "default");
    assert_string_equal(firn_compression_name((firn_compression)-1), "unknown");
    assert_string_equal(firn_isolation_name(FIRN_ISOLATION_SERIALIZABLE), "serializable");
    assert_string_equal(firn_batch_kind_name((firn_batch_kind)5), "unknown");
    assert_string_equal(firn_workspace_watch_event_kind_name(FIRN_WATCH_EVENT_FAILED), "failed");
    assert_string_equal(firn_workspace_watch_event_kind_name((firn_workspace_watch_event_kind)0),
                        "unknown");
}

/* ---- callers that want no error ---- */

enum { DAMAGED_KEYS = 4000 };

/* Changes a byte in every 512 of the run's body; the file's ends stay, so that it opens. */
static void
damage_runs(const struct place *place)
{
    char pattern[128];
    glob_t found;
    (void)snprintf(pattern, sizeof pattern, "%s/runs/*.row", place->store);
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        FILE *file = fopen(found.gl_pathv[i], "r+b");
        assert_non_null(file);
        assert_int_equal(fseek(file, 0, SEEK_END), 0);
        long size = ftell(file);
        for (long at = 8192; at < size / 2; at += 512) {
            assert_int_equal(fseek(file, at, SEEK_SET), 0);
            int byte = fgetc(file);
            assert_int_equal(fseek(file, at, SEEK_SET), 0);
            assert_int_not_equal(fputc(byte ^ 0x40, file), EOF);
        }
        assert_int_equal(fclose(file), 0);
    }
    globfree(&found);
}

static void
damage_is_an_error_also_where_no_text_is_wanted(void **state)
{
    struct place place;
    firn_store *store;
    unsigned damaged = 0;
    unsigned pinned_damaged = 0;
    place_init(&place);
    OK(firn_store_open(place.store, NULL, &store, NULL));
    firn_keyspace *keyspace = open_keyspace(store, "k");
    for (unsigned i = 0; i < DAMAGED_KEYS; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%08u", i);
        OK(firn_put(keyspace, firn_str(key), firn_str("what is kept under this key"), NULL, NULL));
    }
    OK(firn_store_compact(store, NULL, NULL));
    OK(firn_store_close(store, NULL));
    damage_runs(&place);
    OK(firn_store_open(place.store, NULL, &store, NULL));
    keyspace = open_keyspace(store, "k");
    for (unsigned i = 0; i < DAMAGED_KEYS; i++) {
        char key[16];
        uint8_t *value;
        size_t size;
        firn_pin *pin;
        firn_slice slice;
        (void)snprintf(key, sizeof key, "%08u", i);
        int rc = firn_get(keyspace, firn_str(key), &value, &size, NULL);
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
        damaged += rc == FIRN_CORRUPT;
        firn_release(value);
        rc = firn_get_pinned(keyspace, NULL, firn_str(key), &pin, &slice, NULL);
        pinned_damaged += rc == FIRN_CORRUPT;
        firn_pin_release(pin);
    }
    assert_true(damaged > 0 && damaged == pinned_damaged);
    firn_cursor *cursor;
    OK(firn_cursor_open(keyspace, NULL, &cursor, NULL));
    int rc = firn_cursor_first(cursor, NULL);
    while (rc == FIRN_OK && firn_cursor_valid(cursor)) {
        rc = firn_cursor_next(cursor, NULL);
    }
    assert_int_equal(rc, FIRN_CORRUPT);
    firn_cursor_close(cursor);
    assert_int_equal(firn_store_check(store, NULL, NULL, NULL), FIRN_CORRUPT);
    OK(firn_store_close(store, NULL));
    place_deinit(&place);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_size_of_a_range_is_told_about),
        cmocka_unit_test(the_size_of_a_range_tells_large_values_from_small_ones),
        cmocka_unit_test(an_application_stores_and_finds),
        cmocka_unit_test(a_load_brings_many_entries_at_once),
        cmocka_unit_test(batches_can_be_walked_and_joined),
        cmocka_unit_test(a_store_is_destroyed_with_nothing_but_its_own),
        cmocka_unit_test(a_range_is_compacted_and_the_rest_is_left),
        cmocka_unit_test(empty_keys_and_values_have_an_address),
        cmocka_unit_test(numbers_are_what_merges_make_them),
        cmocka_unit_test(a_time_to_live_of_0_is_none),
        cmocka_unit_test(a_bound_without_an_address_is_none),
        cmocka_unit_test(names_of_firn_itself_are_refused),
        cmocka_unit_test(structures_of_other_versions_are_understood),
        cmocka_unit_test(arguments_that_cannot_be_meant_are_refused),
        cmocka_unit_test(snapshots_and_ranges_and_drops_go_through_the_interface),
        cmocka_unit_test(a_store_in_memory_is_a_store),
        cmocka_unit_test(statistics_have_a_structure_and_a_text),
        cmocka_unit_test(arguments_of_the_engine_are_checked),
        cmocka_unit_test(hashes_are_read_and_written_as_hex),
        cmocka_unit_test(a_value_goes_into_the_callers_buffer),
        cmocka_unit_test(what_exists_is_told_without_its_value),
        cmocka_unit_test(writes_depend_on_the_value),
        cmocka_unit_test(no_count_is_lost_between_threads),
        cmocka_unit_test(keyspaces_are_opened_as_options_say),
        cmocka_unit_test(enumerators_have_names),
        cmocka_unit_test(damage_is_an_error_also_where_no_text_is_wanted),
    };
    return cmocka_run_group_tests_name("store_api", tests, NULL, NULL);
}

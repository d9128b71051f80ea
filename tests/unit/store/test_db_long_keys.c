/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: keys from 65,535 bytes to the largest size, which share up to all but their last
 * bytes, through everything that a store does with keys; against a model, in as little memory as a
 * store can have, and in more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "copy/copy.h"
#include "inspect/inspect.h"
#include "rescue/rescue.h"
#include "store/db.h"
#include "support/store/db_support.h"
#include "support/test_random.h"
#include "support/test_share.h"
#include "txn/txn.h"

enum { KEYS = 28, VALUE_MAX = 256, CHECKPOINTS = 4 };

/* ---- the model ---- */

struct state {
    char values[KEYS][VALUE_MAX]; /* "": missing */
};

struct world {
    struct db_support support;
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    const struct fi_db_options *options;
    struct test_random random;
    firn_slice keys[KEYS]; /* ascending */
    struct state now;
    struct state saved[CHECKPOINTS];
    unsigned saved_count;
    unsigned version;
};

static int
compare_keys(const void *a, const void *b)
{
    return fi_slice_compare(*(const firn_slice *)a, *(const firn_slice *)b);
}

static void
make_keys(struct world *world)
{
    static const size_t sizes[] = {
        65535, 65536, 65537, 200000, FIRN_KEY_SIZE_MAX - 1, FIRN_KEY_SIZE_MAX};
    for (size_t i = 0; i < KEYS; i++) {
        size_t size = i < 2 ? i : sizes[i % 6];
        uint8_t *bytes = malloc(size + 1);
        assert_non_null(bytes);
        memset(bytes, i % 5 == 4 ? 0xff : 'k', size);
        if (size > 10) {
            bytes[i % 7 == 6 ? 5 : size - 2] = (uint8_t)(i * 9);
        }
        world->keys[i] = firn_bytes(bytes, size);
    }
    qsort(world->keys, KEYS, sizeof world->keys[0], compare_keys);
    for (size_t i = 1; i < KEYS; i++) {
        assert_true(fi_slice_compare(world->keys[i - 1], world->keys[i]) < 0);
    }
}

static void
open_world(struct world *world)
{
    firn_error err;
    DB_OK(fi_db_open(world->support.dir, world->options, &world->db, &err));
    world->keyspace = db_support_keyspace(world->db, "k");
}

static void
make_world(struct world *world, const struct fi_db_options *options, uint64_t seed)
{
    *world = (struct world){.options = options};
    test_random_init(&world->random, "db_long_keys", seed);
    db_support_init(&world->support, seed);
    make_keys(world);
    open_world(world);
}

static void
end_world(struct world *world)
{
    firn_error err;
    DB_OK(fi_db_close(world->db, &err));
    db_support_deinit(&world->support);
    for (size_t i = 0; i < KEYS; i++) {
        free((void *)(uintptr_t)world->keys[i].data);
    }
}

/* ---- what is there ---- */

static void
compare_one(const struct world *world, const struct state *state, struct firn_db_cursor *cursor,
            size_t i)
{
    assert_true(fi_db_cursor_valid(cursor));
    assert_true(fi_slice_equal(fi_db_cursor_key(cursor), world->keys[i]));
    assert_true(fi_slice_equal(fi_db_cursor_value(cursor), firn_str(state->values[i])));
}

/* Against a handle's keyspace, by get, and by cursors both ways and from each key. */
static void
compare_with(const struct world *world, const struct state *state,
             struct firn_db_keyspace *keyspace)
{
    firn_error err;
    struct fi_buf out = {0};
    struct firn_db_cursor *cursor;
    const struct fi_db_cursor_options options = {.lower = NULL};
    DB_OK(fi_db_cursor_open(keyspace, &options, &cursor, &err));
    DB_OK(fi_db_cursor_first(cursor, &err));
    for (size_t i = 0; i < KEYS; i++) {
        bool is_there = state->values[i][0] != '\0';
        assert_int_equal(fi_db_get(keyspace, world->keys[i], &out, &err),
                         is_there ? FIRN_OK : FIRN_NOT_FOUND);
        if (is_there) {
            assert_true(fi_slice_equal(fi_buf_slice(&out), firn_str(state->values[i])));
            compare_one(world, state, cursor, i);
            DB_OK(fi_db_cursor_next(cursor, &err));
        }
    }
    assert_false(fi_db_cursor_valid(cursor));
    DB_OK(fi_db_cursor_last(cursor, &err));
    for (size_t i = KEYS; i-- > 0;) {
        if (state->values[i][0] != '\0') {
            compare_one(world, state, cursor, i);
            DB_OK(fi_db_cursor_prev(cursor, &err));
        }
    }
    for (size_t i = 0; i < KEYS; i++) {
        size_t found = i;
        while (found < KEYS && state->values[found][0] == '\0') {
            found++;
        }
        DB_OK(fi_db_cursor_seek(cursor, world->keys[i], &err));
        assert_int_equal(fi_db_cursor_valid(cursor), found < KEYS);
        if (found < KEYS) {
            compare_one(world, state, cursor, found);
        }
    }
    fi_db_cursor_close(cursor);
    fi_buf_deinit(&out);
}

static void
compare_now(const struct world *world)
{
    firn_error err;
    firn_store_check_result report;
    compare_with(world, &world->now, world->keyspace);
    DB_OK(fi_inspect_check(world->db, NULL, &report, &err));
}

/* ---- what is done ---- */

static size_t
any_key(struct world *world)
{
    return (size_t)test_random_below(&world->random, KEYS);
}

static void
put_anew(struct world *world, size_t i)
{
    (void)snprintf(world->now.values[i], VALUE_MAX, "version %u", ++world->version);
}

static void
add_plus(struct world *world, size_t i)
{
    size_t size = strlen(world->now.values[i]);
    if (size + 1 < VALUE_MAX) {
        memcpy(world->now.values[i] + size, "+", 2);
    }
}

static void
clear_range(struct world *world, size_t lower, size_t upper)
{
    for (size_t i = lower; i < upper; i++) {
        world->now.values[i][0] = '\0';
    }
}

static void
write_one(struct world *world)
{
    firn_error err;
    size_t i = any_key(world);
    size_t j = any_key(world);
    switch (test_random_below(&world->random, 5)) {
    case 0:
        DB_OK(fi_db_delete(world->keyspace, world->keys[i], FIRN_DURABILITY_DEFAULT, &err));
        clear_range(world, i, i + 1);
        break;
    case 1:
        if (strlen(world->now.values[i]) + 1 < VALUE_MAX) {
            DB_OK(fi_db_merge(world->keyspace, world->keys[i], FIRN_MERGE_APPEND, firn_str("+"),
                              FIRN_DURABILITY_DEFAULT, &err));
            add_plus(world, i);
        }
        break;
    case 2:
        if (i < j && j < i + 6) {
            DB_OK(fi_db_delete_range(world->keyspace, world->keys[i], world->keys[j],
                                     FIRN_DURABILITY_DEFAULT, &err));
            clear_range(world, i, j);
        }
        break;
    default:
        put_anew(world, i);
        DB_OK(fi_db_put(world->keyspace, world->keys[i], firn_str(world->now.values[i]),
                        FIRN_DURABILITY_DEFAULT, &err));
    }
}

static void
write_batch(struct world *world)
{
    firn_error err;
    struct firn_db_batch *batch;
    size_t i = any_key(world);
    DB_OK(fi_db_batch_create(&batch, &err));
    if (i + 3 < KEYS) {
        DB_OK(fi_db_batch_delete_range(batch, world->keyspace, world->keys[i], world->keys[i + 3],
                                       &err));
        clear_range(world, i, i + 3);
    }
    for (int n = 0; n < 4; n++) {
        size_t k = any_key(world);
        put_anew(world, k);
        DB_OK(fi_db_batch_put(batch, world->keyspace, world->keys[k],
                              firn_str(world->now.values[k]), &err));
        DB_OK(fi_db_batch_merge(batch, world->keyspace, world->keys[k], FIRN_MERGE_APPEND,
                                firn_str("+"), &err));
        add_plus(world, k);
    }
    DB_OK(fi_db_write(world->db, batch, FIRN_DURABILITY_DEFAULT, &err));
    fi_db_batch_destroy(batch);
}

/* Where there is little memory a transaction may not hold even one of these keys. */
static void
write_txn(struct world *world)
{
    firn_error err;
    struct firn_txn *txn;
    struct fi_buf out = {0};
    const struct fi_txn_options options = {.is_serializable = true};
    const struct state before = world->now;
    size_t i = any_key(world);
    int rc = FIRN_OK;
    DB_OK(fi_txn_begin(world->db, &options, &txn, &err));
    if (i + 2 < KEYS) {
        rc = fi_txn_delete_range(txn, world->keyspace, world->keys[i], world->keys[i + 2], &err);
        clear_range(world, i, i + 2);
    }
    for (int n = 0; n < 3 && rc == FIRN_OK; n++) {
        size_t k = any_key(world);
        put_anew(world, k);
        rc = fi_txn_put(txn, world->keyspace, world->keys[k], firn_str(world->now.values[k]), &err);
        if (rc == FIRN_OK) {
            rc = fi_txn_get(txn, world->keyspace, world->keys[k], &out, &err);
        }
    }
    rc = rc == FIRN_OK ? fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err) : rc;
    if (rc != FIRN_OK) {
        assert_int_equal(rc, FIRN_LIMIT);
        assert_in_range(world->options->memory_bytes, 1, 8 << 20);
        world->now = before;
    }
    fi_txn_close(txn);
    fi_buf_deinit(&out);
}

static void
checkpoint_or_restore(struct world *world)
{
    firn_error err;
    char name[16];
    struct fi_db_checkpoint_info info;
    struct fi_db_checkpoint_info safety;
    if (world->saved_count < CHECKPOINTS) {
        (void)snprintf(name, sizeof name, "c%u", world->saved_count);
        DB_OK(fi_db_checkpoint_create(world->db, name, &info, &err));
        world->saved[world->saved_count++] = world->now;
    } else {
        unsigned which = (unsigned)test_random_below(&world->random, CHECKPOINTS);
        (void)snprintf(name, sizeof name, "c%u", which);
        DB_OK(fi_db_checkpoint_restore(world->db, name, &info, &safety, &err));
        world->now = world->saved[which];
    }
}

static void
reopen(struct world *world)
{
    firn_error err;
    switch (test_random_below(&world->random, 3)) {
    case 0:
        DB_OK(fi_db_close(world->db, &err));
        break;
    case 1:
        fi_db_abandon(world->db);
        break;
    default: /* all of it was durable */
        fi_db_abandon(world->db);
        db_support_cut(&world->support, test_random_next(&world->random));
    }
    open_world(world);
}

static void
work(struct world *world)
{
    firn_error err;
    switch (test_random_below(&world->random, 12)) {
    case 0:
        DB_OK(fi_db_maintain_flush(world->db, &err));
        break;
    case 1:
        DB_OK(fi_db_maintain_compact(world->db, NULL, &err));
        break;
    case 2:
        checkpoint_or_restore(world);
        break;
    case 3:
        reopen(world);
        compare_now(world);
        break;
    case 4:
    case 5:
        write_batch(world);
        break;
    case 6:
    case 7:
        write_txn(world);
        break;
    default:
        write_one(world);
    }
}

static void
long_keys_behave_as_the_model_does(void **state)
{
    static const struct fi_db_options sizes[] = {
        {.create_if_missing = true, .memory_bytes = 1 << 20},
        {.create_if_missing = true, .memory_bytes = 64 << 20, .threads = 2}};
    unsigned steps = test_is_long() ? 1500 : test_share_of_seeds(60);
    for (size_t i = 0; i < 2; i++) {
        struct world *world = fi_alloc_zeroed(sizeof *world);
        assert_non_null(world);
        make_world(world, &sizes[i], 7 + i);
        for (unsigned step = 0; step < steps; step++) {
            work(world);
            if (step % 10 == 9) {
                compare_with(world, &world->now, world->keyspace);
            }
        }
        reopen(world);
        compare_now(world);
        end_world(world);
        fi_free(world);
    }
}

/* ---- copies ---- */

static const struct fi_db_options some = {.create_if_missing = true, .memory_bytes = 16 << 20};

struct differing {
    const struct world *world;
    size_t count;
};

static int
see_difference(void *ctx, const char *keyspace, const struct fi_inspect_diff_key *key)
{
    struct differing *differing = ctx;
    assert_string_equal(keyspace, "k");
    assert_true(key->is_before != key->is_after || !fi_slice_equal(key->before, key->after));
    differing->count++;
    return FIRN_OK;
}

/* A store with a checkpoint c0, which is restored, compared, exported and imported. */
static void
long_keys_are_in_checkpoints_differences_and_exports(void **state)
{
    firn_error err;
    struct world *world = fi_alloc_zeroed(sizeof *world);
    struct fi_db_checkpoint_info info;
    struct firn_db *copy;
    make_world(world, &some, 3);
    for (size_t i = 0; i < KEYS; i++) {
        put_anew(world, i);
        DB_OK(fi_db_put(world->keyspace, world->keys[i], firn_str(world->now.values[i]),
                        FIRN_DURABILITY_DEFAULT, &err));
        if (i % 9 == 8) {
            DB_OK(fi_db_maintain_flush(world->db, &err));
        }
    }
    checkpoint_or_restore(world);
    for (size_t i = 0; i < KEYS; i += 3) {
        DB_OK(fi_db_delete(world->keyspace, world->keys[i], FIRN_DURABILITY_DEFAULT, &err));
    }
    struct differing differing = {world, 0};
    const struct fi_inspect_diff_visitor visitor = {.visit = see_difference, .ctx = &differing};
    DB_OK(fi_inspect_diff(world->db, "c0", NULL, &visitor, &err));
    assert_int_equal(differing.count, (KEYS + 2) / 3);
    const struct fi_copy_export_target target = {.os = world->support.os, .path = "/c0.firnx"};
    struct fi_storefile_progress progress = {.os = world->support.os};
    DB_OK(fi_copy_export(world->db, "c0", &target, &progress, &err));
    const struct fi_db_options read_only = {.read_only = true, .memory_bytes = 1 << 20};
    DB_OK(fi_db_path_open(world->support.os, "/c0.firnx", &read_only, &copy, &err));
    struct firn_db_keyspace *keyspace;
    DB_OK(fi_db_keyspace_open_existing(copy, "k", &keyspace, &err));
    compare_with(world, &world->saved[0], keyspace);
    DB_OK(fi_db_close(copy, &err));
    DB_OK(fi_copy_import(world->support.os, "/c0.firnx", "/copy", NULL, &progress, &info, &err));
    DB_OK(fi_db_path_open(world->support.os, "/copy", &some, &copy, &err));
    compare_with(world, &world->saved[0], db_support_keyspace(copy, "k"));
    DB_OK(fi_db_close(copy, &err));
    end_world(world);
    fi_free(world);
}

/* ---- loads ---- */

static void
long_keys_are_loaded_sorted_and_unsorted(void **state)
{
    firn_error err;
    for (int is_sorted = 0; is_sorted < 2; is_sorted++) {
        struct world *world = fi_alloc_zeroed(sizeof *world);
        struct firn_db_bulk *bulk;
        struct fi_storefile_progress progress = {.os = NULL};
        make_world(world, &some, 5);
        DB_OK(is_sorted ? fi_db_bulk_open(world->keyspace, &bulk, &err)
                        : fi_db_bulk_open_unsorted(world->keyspace, &progress, &bulk, &err));
        for (size_t n = 0; n < KEYS; n++) {
            size_t i = is_sorted ? n : n * 5 % KEYS;
            put_anew(world, i);
            DB_OK(fi_db_bulk_put(bulk, world->keys[i], firn_str(world->now.values[i]), &err));
        }
        DB_OK(fi_db_bulk_commit(bulk, &err));
        fi_db_bulk_close(bulk);
        compare_now(world);
        reopen(world);
        compare_now(world);
        end_world(world);
        fi_free(world);
    }
}

/* ---- many versions, many keys ---- */

/* Forty times more data than memory, or eighty, in keys that differ in their last bytes: runs are as many, their indexes large.
 * What it takes grows with the square. */
static void
many_keys_of_the_largest_size_are_kept(void **state)
{
    const size_t many = test_is_long() ? 160 : 80; /* 7 divides neither */
    firn_error err;
    static uint8_t key[FIRN_KEY_SIZE_MAX];
    struct db_support support;
    struct firn_db *db;
    struct fi_buf out = {0};
    firn_store_check_result report;
    const struct fi_db_options tiny = {
        .create_if_missing = true, .memory_bytes = 1 << 20, .durability = FIRN_DURABILITY_OS};
    db_support_init(&support, 9);
    DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
    struct firn_db_keyspace *keyspace = db_support_keyspace(db, "k");
    memset(key, 'k', sizeof key);
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < many; i++) {
            key[sizeof key - 1] = (uint8_t)(i * 7 % many);
            DB_OK(fi_db_put(keyspace, firn_bytes(key, sizeof key), firn_bytes(key, 100 + i),
                            FIRN_DURABILITY_DEFAULT, &err));
        }
        DB_OK(fi_db_maintain_compact(db, NULL, &err));
    }
    for (size_t i = 0; i < many; i++) {
        key[sizeof key - 1] = (uint8_t)(i * 7 % many);
        DB_OK(fi_db_get(keyspace, firn_bytes(key, sizeof key), &out, &err));
        assert_int_equal(out.size, 100 + i);
    }
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    key[sizeof key - 1] = (uint8_t)(many / 2);
    DB_OK(fi_db_delete_range(keyspace, firn_str(""), firn_bytes(key, sizeof key),
                             FIRN_DURABILITY_DEFAULT, &err));
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_db_open(support.dir, &tiny, &db, &err));
    keyspace = db_support_keyspace(db, "k");
    for (size_t i = 0; i < many; i++) {
        key[sizeof key - 1] = (uint8_t)i;
        assert_int_equal(fi_db_get(keyspace, firn_bytes(key, sizeof key), &out, &err),
                         i < many / 2 ? FIRN_NOT_FOUND : FIRN_OK);
    }
    fi_buf_deinit(&out);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* ---- prefixes ---- */

enum { FAMILY_MAX = 40, LONG_VALUE = 70000 };

/* Keys that share a prefix, ascending, and which of them are there. */
struct family {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    uint8_t *memory[FAMILY_MAX];
    firn_slice keys[FAMILY_MAX];
    bool is_there[FAMILY_MAX];
    size_t count;
    size_t prefix_size;
};

static void
add_to_family(struct family *family, size_t size, int last, size_t more)
{
    uint8_t *bytes = malloc(size + more + 1);
    assert_non_null(bytes);
    memset(bytes, 'k', size + more);
    bytes[size + more] = '!'; /* for a longer one that is not there */
    bytes[family->prefix_size / 2] = 0xff;
    bytes[family->prefix_size / 3] = 0;
    if (last >= 0) {
        bytes[size - 1] = (uint8_t)last;
    }
    family->memory[family->count] = bytes;
    family->keys[family->count++] = firn_bytes(bytes, size + more);
}

/* The prefix less a byte, the prefix, and all sorts of bytes after it, in order. */
static void
make_family(struct family *family, size_t size)
{
    family->prefix_size = size;
    add_to_family(family, size - 1, -1, 0);
    add_to_family(family, size, -1, 0);
    if (size == FIRN_KEY_SIZE_MAX) {
        return;
    }
    add_to_family(family, size + 1, 0, 0);
    for (int last = 'a'; last <= 'z'; last++) {
        add_to_family(family, size + 1, last, 0);
        if (last == 'm' && size + 300 < FIRN_KEY_SIZE_MAX) {
            add_to_family(family, size + 1, last, 200);
        }
    }
    add_to_family(family, size + 1, 0xff, 0);
    for (size_t i = 1; i < family->count; i++) {
        assert_true(fi_slice_compare(family->keys[i - 1], family->keys[i]) < 0);
    }
}

/* Some are long enough to lie elsewhere. */
static firn_slice
family_value(size_t i, uint8_t bytes[LONG_VALUE])
{
    size_t size = i % 9 == 4 ? LONG_VALUE : i;
    memset(bytes, (int)i, size);
    return firn_bytes(bytes, size);
}

static size_t
walk_family(const struct family *family, const struct fi_db_cursor_options *options, size_t first,
            size_t end, bool is_backward)
{
    firn_error err;
    struct firn_db_cursor *cursor;
    static uint8_t bytes[LONG_VALUE];
    size_t count = 0;
    DB_OK(fi_db_cursor_open(family->keyspace, options, &cursor, &err));
    DB_OK(is_backward ? fi_db_cursor_last(cursor, &err) : fi_db_cursor_first(cursor, &err));
    for (size_t n = first; n < end; n++) {
        size_t i = is_backward ? end - 1 - (n - first) : n;
        if (family->is_there[i]) {
            assert_true(fi_db_cursor_valid(cursor));
            assert_true(fi_slice_equal(fi_db_cursor_key(cursor), family->keys[i]));
            assert_true(fi_slice_equal(fi_db_cursor_value(cursor), family_value(i, bytes)));
            DB_OK(is_backward ? fi_db_cursor_prev(cursor, &err) : fi_db_cursor_next(cursor, &err));
            count++;
        }
    }
    assert_false(fi_db_cursor_valid(cursor));
    fi_db_cursor_close(cursor);
    return count;
}

static void
seek_family(const struct family *family)
{
    firn_error err;
    struct firn_db_cursor *cursor;
    const struct fi_db_cursor_options options = {.lower = NULL};
    DB_OK(fi_db_cursor_open(family->keyspace, &options, &cursor, &err));
    for (size_t i = 0; i < family->count; i++) {
        size_t at = i;
        size_t before = i;
        while (at < family->count && !family->is_there[at]) {
            at++;
        }
        while (before > 0 && !family->is_there[before - 1]) {
            before--;
        }
        DB_OK(fi_db_cursor_seek(cursor, family->keys[i], &err));
        assert_int_equal(fi_db_cursor_valid(cursor), at < family->count);
        assert_true(at == family->count ||
                    fi_slice_equal(fi_db_cursor_key(cursor), family->keys[at]));
        DB_OK(fi_db_cursor_seek_before(cursor, family->keys[i], &err));
        assert_int_equal(fi_db_cursor_valid(cursor), before > 0);
        assert_true(before == 0 ||
                    fi_slice_equal(fi_db_cursor_key(cursor), family->keys[before - 1]));
    }
    fi_db_cursor_close(cursor);
}

static void
check_family(const struct family *family)
{
    firn_error err;
    firn_store_check_result report;
    struct fi_buf out = {0};
    static uint8_t bytes[LONG_VALUE];
    const firn_slice *keys = family->keys;
    const struct fi_db_cursor_options all = {.lower = NULL};
    const struct fi_db_cursor_options family_alone = {.prefix = &keys[1]};
    for (size_t i = 0; i < family->count; i++) {
        int rc = fi_db_get(family->keyspace, keys[i], &out, &err);
        assert_int_equal(rc, family->is_there[i] ? FIRN_OK : FIRN_NOT_FOUND);
        assert_true(rc != FIRN_OK || fi_slice_equal(fi_buf_slice(&out), family_value(i, bytes)));
        const firn_slice shorter = firn_bytes(keys[i].data, keys[i].size - 3);
        assert_int_equal(fi_db_get(family->keyspace, shorter, &out, &err), FIRN_NOT_FOUND);
        const firn_slice longer = firn_bytes(keys[i].data, keys[i].size + 1);
        assert_int_equal(fi_db_get(family->keyspace, longer, &out, &err), FIRN_NOT_FOUND);
    }
    fi_buf_deinit(&out);
    for (int is_backward = 0; is_backward < 2; is_backward++) {
        (void)walk_family(family, &all, 0, family->count, is_backward != 0);
        (void)walk_family(family, &family_alone, 1, family->count, is_backward != 0);
        if (family->count > 20) {
            const struct fi_db_cursor_options part = {.lower = &keys[7], .upper = &keys[19]};
            (void)walk_family(family, &part, 7, 19, is_backward != 0);
        }
    }
    seek_family(family);
    DB_OK(fi_inspect_check(family->db, NULL, &report, &err));
}

/* In memory, in a run, merged, and opened again. */
static void
check_family_everywhere(struct family *family, const struct db_support *support)
{
    firn_error err;
    check_family(family);
    DB_OK(fi_db_maintain_flush(family->db, &err));
    check_family(family);
    DB_OK(fi_db_maintain_compact(family->db, NULL, &err));
    check_family(family);
    fi_db_abandon(family->db);
    DB_OK(fi_db_open(support->dir, &some, &family->db, &err));
    family->keyspace = db_support_keyspace(family->db, "k");
    check_family(family);
}

static int
remove_manifest(void *ctx, const struct fi_os_dirent *entry)
{
    return strncmp(entry->name, "manifest-", 9) == 0 ? fi_os_remove_file(ctx, entry->name, NULL)
                                                     : FIRN_OK;
}

static void
ignore_damage(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

/* Part of it in runs and part in the log; without MANIFEST a repair finds all. */
static void
rescue_family(struct family *family, const struct db_support *support)
{
    firn_error err;
    struct fi_os_dir *root;
    struct fi_os_dir *mended;
    struct fi_rescue_result result;
    const struct fi_rescue_options options = {.on_damage = ignore_damage};
    fi_db_abandon(family->db);
    DB_OK(fi_os_dir_list(support->dir, remove_manifest, support->dir, &err));
    DB_OK(fi_os_dir_open_path(support->os, "/", &root, &err));
    DB_OK(fi_os_make_dir(root, "mended", 0700, &err));
    DB_OK(fi_os_dir_open(root, "mended", &mended, &err));
    fi_os_dir_close(root);
    DB_OK(fi_rescue(support->dir, mended, &options, &result, &err));
    DB_OK(fi_db_open(mended, &some, &family->db, &err));
    fi_os_dir_close(mended);
    family->keyspace = db_support_keyspace(family->db, "k");
    check_family(family);
}

/* A range that was read, by bounds of the family, and a write into it, at its end and before it. */
static void
conflict_in_family(struct family *family)
{
    firn_error err;
    static uint8_t bytes[LONG_VALUE];
    const struct fi_txn_options serializable = {.is_serializable = true};
    for (size_t at = 9; at < 14; at++) {
        struct firn_txn *txn;
        DB_OK(fi_txn_begin(family->db, &serializable, &txn, &err));
        DB_OK(fi_txn_read_range(txn, family->keyspace, &family->keys[10], &family->keys[13], &err));
        DB_OK(fi_txn_put(txn, family->keyspace, family->keys[20], family_value(20, bytes), &err));
        DB_OK(fi_db_put(family->keyspace, family->keys[at], family_value(at, bytes),
                        FIRN_DURABILITY_DEFAULT, &err));
        family->is_there[at] = true;
        int rc = fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err);
        assert_int_equal(rc, at >= 10 && at < 13 ? FIRN_CONFLICT : FIRN_OK);
        family->is_there[20] = family->is_there[20] || rc == FIRN_OK;
        fi_txn_close(txn);
    }
}

static void
prefixes_of_any_size_are_shared(void **state)
{
    static const size_t sizes[] = {65534,
                                   65535,
                                   65536,
                                   65537,
                                   131071,
                                   131072,
                                   131073,
                                   196608,
                                   262144,
                                   393216,
                                   FIRN_KEY_SIZE_MAX - 1,
                                   FIRN_KEY_SIZE_MAX};
    const struct test_share share = test_share_of(1, 1);
    for (size_t n = (size_t)share.first - 1; n < sizeof sizes / sizeof sizes[0];
         n += (size_t)share.step) {
        firn_error err;
        static uint8_t bytes[LONG_VALUE];
        struct db_support support;
        struct family family = {.count = 0};
        make_family(&family, sizes[n]);
        db_support_init(&support, 40 + n);
        DB_OK(fi_db_open(support.dir, &some, &family.db, &err));
        family.keyspace = db_support_keyspace(family.db, "k");
        for (size_t k = 0; k < family.count; k++) {
            size_t i = (k * 17 + n) % family.count;
            DB_OK(fi_db_put(family.keyspace, family.keys[i], family_value(i, bytes),
                            FIRN_DURABILITY_DEFAULT, &err));
            family.is_there[i] = true;
        }
        check_family_everywhere(&family, &support);
        for (size_t i = 0; i < family.count; i += 3) {
            DB_OK(fi_db_delete(family.keyspace, family.keys[i], FIRN_DURABILITY_DEFAULT, &err));
            family.is_there[i] = false;
        }
        if (family.count > 20) {
            DB_OK(fi_db_delete_range(family.keyspace, family.keys[8], family.keys[15],
                                     FIRN_DURABILITY_DEFAULT, &err));
            memset(&family.is_there[8], 0, 7);
            check_family(&family);
            conflict_in_family(&family);
        }
        check_family_everywhere(&family, &support);
        for (size_t i = 0; i < family.count; i += 5) {
            DB_OK(fi_db_put(family.keyspace, family.keys[i], family_value(i, bytes),
                            FIRN_DURABILITY_DEFAULT, &err));
            family.is_there[i] = true;
        }
        rescue_family(&family, &support);
        DB_OK(fi_db_close(family.db, &err));
        db_support_deinit(&support);
        for (size_t i = 0; i < family.count; i++) {
            free(family.memory[i]);
        }
    }
}

/* ---- beyond ---- */

static void
one_byte_more_is_refused_and_changes_nothing(void **state)
{
    firn_error err;
    static uint8_t bytes[FIRN_KEY_SIZE_MAX + 1];
    const firn_slice longer = firn_bytes(bytes, sizeof bytes);
    struct world *world = fi_alloc_zeroed(sizeof *world);
    struct firn_db_batch *batch;
    struct firn_txn *txn;
    struct fi_buf out = {0};
    const struct fi_txn_options plain = {.is_serializable = false};
    make_world(world, &some, 11);
    DB_OK(fi_db_batch_create(&batch, &err));
    DB_OK(fi_txn_begin(world->db, &plain, &txn, &err));
    memset(bytes, 'x', sizeof bytes);
    for (int i = 0; i < 2; i++) {
        const char *told = i == 0 ? "of 524289 bytes" : "at most 524288";
        firn_durability durability = FIRN_DURABILITY_DEFAULT;
        struct firn_db_keyspace *k = world->keyspace;
        DB_FAILS(fi_db_put(k, longer, firn_str("v"), durability, &err), FIRN_LIMIT, told);
        DB_FAILS(fi_db_put_ttl(k, longer, firn_str("v"), 9, durability, &err), FIRN_LIMIT, told);
        DB_FAILS(fi_db_merge(k, longer, FIRN_MERGE_APPEND, firn_str("v"), durability, &err),
                 FIRN_LIMIT, told);
        DB_FAILS(fi_db_delete(k, longer, durability, &err), FIRN_LIMIT, told);
        DB_FAILS(fi_db_delete_range(k, firn_str("a"), longer, durability, &err), FIRN_LIMIT, told);
        DB_FAILS(fi_db_delete_range(k, longer, firn_str("z"), durability, &err), FIRN_LIMIT, told);
        DB_FAILS(fi_db_batch_put(batch, k, longer, firn_str("v"), &err), FIRN_LIMIT, told);
        DB_FAILS(fi_txn_put(txn, k, longer, firn_str("v"), &err), FIRN_LIMIT, told);
        DB_FAILS(fi_txn_delete_range(txn, k, firn_str("a"), longer, &err), FIRN_LIMIT, told);
        /* A key that is asked for may have any size: there is none of this one. */
        assert_int_equal(fi_db_get(k, longer, &out, &err), FIRN_NOT_FOUND);
    }
    assert_int_equal(fi_db_batch_count(batch), 0);
    fi_db_batch_destroy(batch);
    DB_OK(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err));
    fi_txn_close(txn);
    compare_now(world);
    fi_buf_deinit(&out);
    end_world(world);
    fi_free(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_of_any_size_are_shared),
        cmocka_unit_test(long_keys_behave_as_the_model_does),
        cmocka_unit_test(long_keys_are_in_checkpoints_differences_and_exports),
        cmocka_unit_test(long_keys_are_loaded_sorted_and_unsorted),
        cmocka_unit_test(many_keys_of_the_largest_size_are_kept),
        cmocka_unit_test(one_byte_more_is_refused_and_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

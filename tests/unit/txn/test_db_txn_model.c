/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/txn: random transactions against a model, in a simulated machine: a handful of them open
 * at once, interleaved with single commits, flushes, compactions, checkpoints and restores, in an
 * order that the seed gives. The model says what each get and each move of a cursor shows, and of each commit whether
 * it must be refused: neither a conflict too few nor one too many.
 *
 * Keys come from a small universe, and all bounds of ranges too; so ranges that overlap share a key
 * of the universe, and what a transaction has read or written is a set of its keys.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/db.h"
#include "support/store/db_support.h"
#include "support/test_random.h"
#include "txn/txn.h"

enum { CHECKPOINTS = 4 };
enum { KEYSPACES = 2, KEYS = 24, TXNS = 5, SAVEPOINTS = 6, CURSORS = 2, KEY_MAX = 12 };

enum own { UNTOUCHED, DELETED, PUT };

/* What a transaction wrote, as it is now. */
struct overlay {
    enum own own[KEYSPACES][KEYS];
    uint64_t values[KEYSPACES][KEYS];
};

struct model_cursor {
    struct firn_db_cursor *cursor; /* NULL: it is not open */
    unsigned keyspace;
    unsigned lower; /* numbers of keys */
    unsigned upper;
    int at; /* -1: nowhere */
};

struct model_txn {
    struct firn_txn *txn; /* NULL: there is none */
    bool is_serializable;
    bool is_read_only;
    uint64_t began; /* commits that it sees */
    uint64_t seen[KEYSPACES][KEYS];
    bool has_read[KEYSPACES][KEYS];
    struct overlay writes;
    struct overlay marks[SAVEPOINTS];
    uint64_t savepoints[SAVEPOINTS];
    unsigned savepoint_count;
    struct model_cursor cursors[CURSORS];
};

struct model_checkpoint {
    unsigned number; /* of its name; 0: there is none */
    uint64_t values[KEYSPACES][KEYS];
};

struct world {
    struct test_random random;
    struct db_support support;
    struct firn_db *db;
    struct firn_db_keyspace *keyspaces[KEYSPACES];
    uint8_t key_bytes[KEYS][KEY_MAX];
    firn_slice keys[KEYS];
    uint64_t commits;
    uint64_t last_value;
    uint64_t now[KEYSPACES][KEYS];     /* 0: there is none */
    uint64_t written[KEYSPACES][KEYS]; /* by which commit */
    uint64_t restored; /* the commits that there were at the last restore, that included */
    struct model_checkpoint checkpoints[CHECKPOINTS];
    unsigned last_checkpoint;
    struct model_txn txns[TXNS];
    unsigned conflicts;
    unsigned successes;
};

static uint64_t
below(struct world *world, uint64_t limit)
{
    return test_random_below(&world->random, limit);
}

/* Keys that begin alike, hold zero bytes, or nothing. They ascend. */
static void
make_keys(struct world *world)
{
    for (unsigned i = 0; i < KEYS; i++) {
        int size = 0;
        if (i > 0) {
            size = snprintf((char *)world->key_bytes[i], KEY_MAX, "k%02u", i / 3);
            for (unsigned j = 0; j < i % 3; j++) {
                world->key_bytes[i][size++] = 0;
            }
        }
        world->keys[i] = firn_bytes(world->key_bytes[i], (size_t)size);
    }
}

static firn_slice
value_bytes(uint64_t value, char out[32])
{
    (void)snprintf(out, 32, "value %llu", (unsigned long long)value);
    return firn_str(out);
}

/* The upper bound of a range: after the last key one that is above all. */
static firn_slice
bound_of(const struct world *world, unsigned key)
{
    return key < KEYS ? world->keys[key] : firn_str("z");
}

static unsigned
number_of(const struct world *world, firn_slice key)
{
    for (unsigned i = 0; i < KEYS; i++) {
        if (key.size == world->keys[i].size &&
            (key.size == 0 || memcmp(key.data, world->keys[i].data, key.size) == 0)) {
            return i;
        }
    }
    fail_msg("a key that nobody wrote");
    return 0;
}

/* ---- what is to be seen ---- */

static uint64_t
visible(const struct model_txn *txn, unsigned k, unsigned key)
{
    switch (txn->writes.own[k][key]) {
    case PUT:
        return txn->writes.values[k][key];
    case DELETED:
        return 0;
    case UNTOUCHED:
        break;
    }
    return txn->seen[k][key];
}

static void
note_reads(struct model_txn *txn, unsigned k, int first, int end)
{
    for (int key = first; key < end; key++) {
        txn->has_read[k][key] = true;
    }
}

static bool
must_conflict(const struct world *world, const struct model_txn *txn)
{
    bool has_written = false;
    bool is_hit = false;
    for (unsigned k = 0; k < KEYSPACES; k++) {
        for (unsigned key = 0; key < KEYS; key++) {
            bool is_own = txn->writes.own[k][key] != UNTOUCHED;
            bool is_read = txn->is_serializable && txn->has_read[k][key];
            has_written |= is_own;
            is_hit |= (is_own || is_read) && world->written[k][key] > txn->began;
        }
    }
    return has_written && (is_hit || world->restored > txn->began);
}

/* ---- steps of a transaction ---- */

static void
step_begin(struct world *world, struct model_txn *txn)
{
    firn_error err;
    memset(txn, 0, sizeof *txn);
    txn->is_serializable = below(world, 2) == 0;
    txn->is_read_only = below(world, 10) == 0;
    txn->began = world->commits;
    memcpy(txn->seen, world->now, sizeof txn->seen);
    const struct fi_txn_options options = {.is_serializable = txn->is_serializable,
                                           .is_read_only = txn->is_read_only};
    DB_OK(fi_txn_begin(world->db, &options, &txn->txn, &err));
}

static void
step_get(struct world *world, struct model_txn *txn)
{
    firn_error err;
    char text[32];
    struct fi_buf out = {0};
    unsigned k = (unsigned)below(world, KEYSPACES);
    unsigned key = (unsigned)below(world, KEYS);
    uint64_t value = visible(txn, k, key);
    int rc = fi_txn_get(txn->txn, world->keyspaces[k], world->keys[key], &out, &err);
    if (value == 0) {
        DB_FAILS(rc, FIRN_NOT_FOUND, "no such key");
    } else {
        DB_OK(rc);
        firn_slice wanted = value_bytes(value, text);
        assert_int_equal(out.size, wanted.size);
        assert_memory_equal(out.data, wanted.data, wanted.size);
    }
    if (txn->writes.own[k][key] == UNTOUCHED) {
        note_reads(txn, k, (int)key, (int)key + 1);
    }
    fi_buf_deinit(&out);
}

static void
write_range(struct world *world, struct model_txn *txn, unsigned k)
{
    firn_error err;
    unsigned lower = (unsigned)below(world, KEYS);
    unsigned upper = (unsigned)below(world, KEYS + 1);
    DB_OK(fi_txn_delete_range(txn->txn, world->keyspaces[k], world->keys[lower],
                              bound_of(world, upper), &err));
    for (unsigned key = lower; key < upper; key++) {
        txn->writes.own[k][key] = DELETED;
    }
}

static void
step_write(struct world *world, struct model_txn *txn)
{
    firn_error err;
    char text[32];
    unsigned k = (unsigned)below(world, KEYSPACES);
    unsigned key = (unsigned)below(world, KEYS);
    uint64_t dice = below(world, 8);
    if (txn->is_read_only) {
        DB_FAILS(fi_txn_delete(txn->txn, world->keyspaces[k], world->keys[key], &err),
                 FIRN_READ_ONLY, "reading only");
    } else if (dice == 0) {
        write_range(world, txn, k);
    } else if (dice < 3) {
        DB_OK(fi_txn_delete(txn->txn, world->keyspaces[k], world->keys[key], &err));
        txn->writes.own[k][key] = DELETED;
    } else {
        uint64_t value = ++world->last_value;
        DB_OK(fi_txn_put(txn->txn, world->keyspaces[k], world->keys[key], value_bytes(value, text),
                         &err));
        txn->writes.own[k][key] = PUT;
        txn->writes.values[k][key] = value;
    }
}

static void
step_savepoint(struct world *world, struct model_txn *txn)
{
    firn_error err;
    uint64_t dice = below(world, 4);
    unsigned count = txn->savepoint_count;
    if (count == 0 || (dice < 2 && count < SAVEPOINTS)) {
        DB_OK(fi_txn_savepoint(txn->txn, &txn->savepoints[count], &err));
        txn->marks[count] = txn->writes;
        txn->savepoint_count++;
        return;
    }
    unsigned i = (unsigned)below(world, count);
    if (dice == 3) {
        DB_OK(fi_txn_release(txn->txn, txn->savepoints[i], &err));
        txn->savepoint_count = i;
    } else {
        DB_OK(fi_txn_rollback_to(txn->txn, txn->savepoints[i], &err));
        txn->savepoint_count = i + 1;
        txn->writes = txn->marks[i];
    }
}

/* ---- cursors ---- */

static void
open_cursor(struct world *world, struct model_txn *txn, struct model_cursor *cursor)
{
    firn_error err;
    cursor->keyspace = (unsigned)below(world, KEYSPACES);
    cursor->lower = below(world, 2) == 0 ? 0 : (unsigned)below(world, KEYS);
    cursor->upper = below(world, 2) == 0 ? KEYS : (unsigned)below(world, KEYS);
    cursor->at = -1;
    const firn_slice lower = world->keys[cursor->lower];
    const firn_slice upper = bound_of(world, cursor->upper);
    const struct fi_db_cursor_options options = {.lower = cursor->lower == 0 ? NULL : &lower,
                                                 .upper = cursor->upper == KEYS ? NULL : &upper};
    DB_OK(fi_txn_cursor_open(txn->txn, world->keyspaces[cursor->keyspace], &options,
                             &cursor->cursor, &err));
}

/* The first visible key from `from` on, or -1; what was looked at has been read. */
static int
find_up(struct model_txn *txn, const struct model_cursor *cursor, int from, int span_from)
{
    int end = (int)cursor->upper;
    int key = from;
    while (key < end && visible(txn, cursor->keyspace, (unsigned)key) == 0) {
        key++;
    }
    note_reads(txn, cursor->keyspace, span_from, key < end ? key + 1 : end);
    return key < end ? key : -1;
}

/* The last visible key before `before`, or -1. */
static int
find_down(struct model_txn *txn, const struct model_cursor *cursor, int before, int span_end)
{
    int begin = (int)cursor->lower;
    int key = before - 1;
    while (key >= begin && visible(txn, cursor->keyspace, (unsigned)key) == 0) {
        key--;
    }
    note_reads(txn, cursor->keyspace, key >= begin ? key : begin, span_end);
    return key >= begin ? key : -1;
}

static void
place_cursor(struct world *world, struct model_txn *txn, struct model_cursor *cursor)
{
    firn_error err;
    int lower = (int)cursor->lower;
    int upper = (int)cursor->upper;
    int key = (int)below(world, KEYS);
    bool is_empty = lower >= upper;
    switch (below(world, 4)) {
    case 0:
        DB_OK(fi_db_cursor_first(cursor->cursor, &err));
        cursor->at = is_empty ? -1 : find_up(txn, cursor, lower, lower);
        break;
    case 1:
        DB_OK(fi_db_cursor_last(cursor->cursor, &err));
        cursor->at = is_empty ? -1 : find_down(txn, cursor, upper, upper);
        break;
    case 2:
        DB_OK(fi_db_cursor_seek(cursor->cursor, world->keys[key], &err));
        key = key > lower ? key : lower;
        cursor->at = is_empty || key >= upper ? -1 : find_up(txn, cursor, key, key);
        break;
    default:
        DB_OK(fi_db_cursor_seek_before(cursor->cursor, world->keys[key], &err));
        key = key < upper ? key : upper;
        cursor->at = is_empty || key <= lower ? -1 : find_down(txn, cursor, key, key);
        break;
    }
}

static void
move_cursor(struct world *world, struct model_txn *txn, struct model_cursor *cursor)
{
    firn_error err;
    if (below(world, 2) == 0) {
        DB_OK(fi_db_cursor_next(cursor->cursor, &err));
        cursor->at = find_up(txn, cursor, cursor->at + 1, cursor->at);
    } else {
        DB_OK(fi_db_cursor_prev(cursor->cursor, &err));
        cursor->at = find_down(txn, cursor, cursor->at, cursor->at + 1);
    }
}

static void
step_cursor(struct world *world, struct model_txn *txn)
{
    char text[32];
    struct model_cursor *cursor = &txn->cursors[below(world, CURSORS)];
    if (cursor->cursor == NULL) {
        open_cursor(world, txn, cursor);
    } else if (below(world, 30) == 0) {
        fi_db_cursor_close(cursor->cursor);
        cursor->cursor = NULL;
        return;
    } else if (cursor->at < 0 || below(world, 6) == 0) {
        place_cursor(world, txn, cursor);
    } else {
        move_cursor(world, txn, cursor);
    }
    assert_int_equal(fi_db_cursor_valid(cursor->cursor), cursor->at >= 0);
    if (cursor->at >= 0) {
        unsigned key = number_of(world, fi_db_cursor_key(cursor->cursor));
        assert_int_equal(key, cursor->at);
        firn_slice value = fi_db_cursor_value(cursor->cursor);
        firn_slice wanted = value_bytes(visible(txn, cursor->keyspace, key), text);
        assert_int_equal(value.size, wanted.size);
        assert_memory_equal(value.data, wanted.data, wanted.size);
    }
}

/* ---- ends ---- */

static void
close_cursors(struct model_txn *txn)
{
    for (unsigned i = 0; i < CURSORS; i++) {
        fi_db_cursor_close(txn->cursors[i].cursor);
        txn->cursors[i].cursor = NULL;
    }
}

static void
apply(struct world *world, const struct overlay *writes)
{
    bool has_written = false;
    for (unsigned k = 0; k < KEYSPACES; k++) {
        for (unsigned key = 0; key < KEYS; key++) {
            has_written |= writes->own[k][key] != UNTOUCHED;
        }
    }
    world->commits += has_written;
    for (unsigned k = 0; k < KEYSPACES; k++) {
        for (unsigned key = 0; key < KEYS; key++) {
            if (writes->own[k][key] != UNTOUCHED) {
                world->written[k][key] = world->commits;
                world->now[k][key] = writes->own[k][key] == PUT ? writes->values[k][key] : 0;
            }
        }
    }
}

static void
step_end(struct world *world, struct model_txn *txn)
{
    firn_error err;
    if (below(world, 2) == 0) {
        close_cursors(txn);
    }
    if (below(world, 6) == 0) {
        DB_OK(fi_txn_rollback(txn->txn, &err));
    } else if (must_conflict(world, txn)) {
        DB_FAILS(fi_txn_commit(txn->txn, FIRN_DURABILITY_OS, &err), FIRN_CONFLICT,
                 "the transaction");
        world->conflicts++;
    } else {
        DB_OK(fi_txn_commit(txn->txn, FIRN_DURABILITY_OS, &err));
        apply(world, &txn->writes);
        world->successes++;
    }
    fi_txn_close(txn->txn);
    close_cursors(txn);
    txn->txn = NULL;
}

static void
step_txn(struct world *world)
{
    struct model_txn *txn = &world->txns[below(world, TXNS)];
    uint64_t dice = below(world, 100);
    if (txn->txn == NULL) {
        step_begin(world, txn);
    } else if (dice < 30) {
        step_write(world, txn);
    } else if (dice < 45) {
        step_get(world, txn);
    } else if (dice < 80) {
        step_cursor(world, txn);
    } else if (dice < 90) {
        step_savepoint(world, txn);
    } else {
        step_end(world, txn);
    }
}

/* ---- others ---- */

/* A commit without a transaction, of one write or more. */
static void
step_other(struct world *world)
{
    firn_error err;
    char text[32];
    struct firn_db_batch *batch;
    struct overlay writes = {0};
    DB_OK(fi_db_batch_create(&batch, &err));
    for (uint64_t left = 1 + below(world, 3); left > 0; left--) {
        unsigned k = (unsigned)below(world, KEYSPACES);
        unsigned key = (unsigned)below(world, KEYS);
        uint64_t dice = below(world, 6);
        if (dice == 0) {
            unsigned upper = key + 1 + (unsigned)below(world, KEYS - key);
            DB_OK(fi_db_batch_delete_range(batch, world->keyspaces[k], world->keys[key],
                                           bound_of(world, upper), &err));
            for (; key < upper; key++) {
                writes.own[k][key] = DELETED;
            }
        } else if (dice < 3) {
            DB_OK(fi_db_batch_delete(batch, world->keyspaces[k], world->keys[key], &err));
            writes.own[k][key] = DELETED;
        } else {
            uint64_t value = ++world->last_value;
            DB_OK(fi_db_batch_put(batch, world->keyspaces[k], world->keys[key],
                                  value_bytes(value, text), &err));
            writes.own[k][key] = PUT;
            writes.values[k][key] = value;
        }
    }
    DB_OK(fi_db_write(world->db, batch, FIRN_DURABILITY_OS, &err));
    fi_db_batch_destroy(batch);
    apply(world, &writes);
}

static void
step_checkpoint(struct world *world)
{
    firn_error err;
    char name[16];
    const char *names[] = {name};
    struct model_checkpoint *checkpoint = &world->checkpoints[below(world, CHECKPOINTS)];
    if (checkpoint->number != 0) {
        (void)snprintf(name, sizeof name, "c%u", checkpoint->number);
        DB_OK(fi_db_checkpoint_delete(world->db, names, 1, &err));
    }
    checkpoint->number = ++world->last_checkpoint;
    memcpy(checkpoint->values, world->now, sizeof world->now);
    (void)snprintf(name, sizeof name, "c%u", checkpoint->number);
    DB_OK(fi_db_checkpoint_create(world->db, name, NULL, &err));
}

static void
step_restore(struct world *world)
{
    firn_error err;
    char name[16];
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    const struct model_checkpoint *checkpoint = &world->checkpoints[below(world, CHECKPOINTS)];
    if (checkpoint->number != 0) {
        (void)snprintf(name, sizeof name, "c%u", checkpoint->number);
        DB_OK(fi_db_checkpoint_restore(world->db, name, &restored, &safety, &err));
        memcpy(world->now, checkpoint->values, sizeof world->now);
        world->restored = ++world->commits;
    }
}

static void
open_store(struct world *world)
{
    world->db = db_support_open(world->support.dir);
    for (unsigned k = 0; k < KEYSPACES; k++) {
        char name[] = {'k', (char)('0' + k), 0};
        world->keyspaces[k] = db_support_keyspace(world->db, name);
    }
}

static void
forget_all(struct world *world)
{
    firn_error err;
    for (unsigned i = 0; i < TXNS; i++) {
        struct model_txn *txn = &world->txns[i];
        if (txn->txn != NULL) {
            close_cursors(txn);
            DB_OK(fi_txn_rollback(txn->txn, &err));
            fi_txn_close(txn->txn);
            txn->txn = NULL;
        }
    }
}

static void
compare_now(struct world *world)
{
    struct model_txn *txn = &world->txns[0];
    struct model_cursor *cursor = &txn->cursors[0];
    forget_all(world);
    step_begin(world, txn);
    for (unsigned k = 0; k < KEYSPACES; k++) {
        firn_error err;
        *cursor = (struct model_cursor){.keyspace = k, .upper = KEYS, .at = -1};
        DB_OK(fi_txn_cursor_open(txn->txn, world->keyspaces[k], NULL, &cursor->cursor, &err));
        DB_OK(fi_db_cursor_first(cursor->cursor, &err));
        for (unsigned key = 0; key < KEYS; key++) {
            if (world->now[k][key] != 0) {
                assert_int_equal(number_of(world, fi_db_cursor_key(cursor->cursor)), key);
                DB_OK(fi_db_cursor_next(cursor->cursor, &err));
            }
        }
        assert_false(fi_db_cursor_valid(cursor->cursor));
        close_cursors(txn);
    }
    forget_all(world);
}

static void
step(struct world *world)
{
    firn_error err;
    uint64_t dice = below(world, 1000);
    if (dice < 940) {
        step_txn(world);
    } else if (dice < 980) {
        step_other(world);
    } else if (dice < 989) {
        DB_OK(fi_db_maintain_flush(world->db, &err));
    } else if (dice < 996) {
        DB_OK(fi_db_maintain_compact(world->db, NULL, &err));
    } else if (dice < 997) {
        step_checkpoint(world);
    } else if (dice < 998) {
        step_restore(world);
    } else if (dice < 999) {
        compare_now(world);
    } else {
        forget_all(world);
        DB_OK(fi_db_close(world->db, &err));
        open_store(world);
    }
}

static void
random_transactions_agree_with_the_model(void **state)
{
    firn_error err;
    bool is_long = getenv("FIRN_TEST_LONG") != NULL;
    unsigned seeds = getenv("FIRN_TEST_SEED") != NULL ? 1 : 8;
    unsigned conflicts = 0;
    unsigned successes = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct world *world = calloc(1, sizeof *world);
        assert_non_null(world);
        test_random_init(&world->random, "db_txn_model", seed);
        db_support_init(&world->support, test_random_next(&world->random));
        make_keys(world);
        open_store(world);
        for (unsigned i = 0; i < (is_long ? 200000 : 25000); i++) {
            step(world);
        }
        compare_now(world);
        DB_OK(fi_db_close(world->db, &err));
        db_support_deinit(&world->support);
        conflicts += world->conflicts;
        successes += world->successes;
        free(world);
    }
    (void)printf("%u commits, %u conflicts\n", successes, conflicts);
    assert_true(conflicts > seeds * 100 && successes > seeds * 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_transactions_agree_with_the_model),
    };
    return cmocka_run_group_tests_name("db_txn_model", tests, NULL, NULL);
}

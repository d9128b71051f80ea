/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: random histories against a model. Keys come from a small universe, so the model of a
 * keyspace is an array.
 *
 * Range deletes, drops, flushes, compactions, checkpoints and restores are among the steps; views,
 * and a handle that only reads, stay open over many of them and must show what they showed at
 * first; so must checkpoints, as long as they are there.
 *
 * Commits since the last moment at which all was known to be durable are kept in a journal. After a
 * crash the store must hold the state after some prefix of them that has at least all that had to
 * be durable; which one is found by trying. Power cuts come between steps and at a random call in
 * the middle of one, recoveries included.
 *
 * FIRN_TEST_LONG=1 runs ten times as many steps; FIRN_TEST_SEED one seed only.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "inspect/inspect.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "support/store/db_support.h"
#include "support/test_random.h"
#include "support/test_share.h"

enum {
    KEYSPACES = 3,
    KEYS = 60,
    OPS_MAX = 25,
    JOURNAL_MAX = 400,
    VALUE_MAX = 70000,
    SNAPSHOTS = 3,
    CHECKPOINTS = 4
};

/* 0 is absent; every other number stands for a value of its own. */
struct model_values {
    uint64_t of[KEYSPACES][KEYS];
};
struct model_checkpoint {
    bool is_there;
    struct model_values values;
};
struct model {
    struct model_values now;
    struct model_checkpoint checkpoints[CHECKPOINTS]; /* called c0, c1, … */
    struct model_checkpoint undo;
    unsigned restores; /* each has taken a safety checkpoint; none gets old enough to go */
};

enum model_kind { WRITES, CREATE, RESTORE, DELETE, UNDO };
struct model_commit {
    enum model_kind kind;
    unsigned slot; /* of a checkpoint */
    size_t count;
    struct {
        unsigned keyspace;
        unsigned key;
        unsigned end; /* of a range; 0: one key alone */
        uint64_t value;
    } ops[OPS_MAX];
};

/* A view, or a handle of its own, with what it must show. */
struct model_snapshot {
    struct firn_snapshot *snapshot;
    struct firn_db *reader;
    struct firn_db_keyspace *keyspaces[KEYSPACES];
    struct model model;
};

struct world {
    struct db_support support;
    struct test_random random;
    struct firn_db *db;
    struct firn_db_keyspace *keyspaces[KEYSPACES];
    firn_slice keys[KEYS]; /* sorted */
    uint8_t key_bytes[KEYS][24];
    struct model base; /* certainly durable */
    struct model now;
    struct model_commit journal[JOURNAL_MAX];
    size_t journal_count;
    size_t journal_durable; /* so many must survive a power cut */
    uint64_t last_value;
    struct model_snapshot snapshots[SNAPSHOTS];
    struct model_snapshot other; /* with a reader */
    bool is_tiny;                /* memory for little */
    bool is_armed;               /* the power fails somewhere ahead */
    unsigned cuts;
};

static uint64_t
below(struct world *world, uint64_t limit)
{
    return test_random_below(&world->random, limit);
}

static void
apply_checkpoint(struct model *model, const struct model_commit *commit)
{
    struct model_checkpoint *slot = &model->checkpoints[commit->slot];
    const struct model_checkpoint now = {true, model->now};
    if (commit->kind == CREATE) {
        *slot = now;
    } else if (commit->kind == DELETE) {
        slot->is_there = false;
    } else {
        model->now = commit->kind == RESTORE ? slot->values : model->undo.values;
        model->undo = now;
        model->restores++;
    }
}

static void
apply(struct model *model, const struct model_commit *commit)
{
    if (commit->kind != WRITES) {
        apply_checkpoint(model, commit);
        return;
    }
    for (size_t i = 0; i < commit->count; i++) {
        unsigned end = commit->ops[i].end != 0 ? commit->ops[i].end : commit->ops[i].key + 1;
        for (unsigned key = commit->ops[i].key; key < end; key++) {
            model->now.of[commit->ops[i].keyspace][key] = commit->ops[i].value;
        }
    }
}

/* One value in so many is large: changes from store to store. */
static unsigned large_share = 30;

/* Some are about as large as what goes to value files, a few larger than what blocks hold. */
static size_t
value_size(uint64_t number)
{
    static const size_t sizes[] = {2900, 4095, 4096, 4097, 5000, 12000};
    if (number % 701 == 0) {
        return VALUE_MAX - number % 5000;
    }
    return number % large_share == 0 ? sizes[number / large_share % 6] : number * 7919 % 70;
}

static firn_slice
value_bytes(uint64_t number, uint8_t out[VALUE_MAX])
{
    size_t size = value_size(number);
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(number + i * i);
    }
    if (size >= 8) {
        fi_store_le64(out, number);
    }
    return firn_bytes(out, size);
}

static bool
is_value(uint64_t number, firn_slice bytes)
{
    uint8_t expected[VALUE_MAX];
    return fi_slice_equal(value_bytes(number, expected), bytes);
}

static int
compare_keys(const void *a, const void *b)
{
    return fi_slice_compare(*(const firn_slice *)a, *(const firn_slice *)b);
}

/* Keys with zeros, 0xff, common prefixes, the empty one among them; no two equal. */
static void
make_keys(struct world *world)
{
    for (size_t i = 0; i < KEYS; i++) {
        bool is_new = false;
        while (!is_new) {
            size_t size = i == 0 ? 0 : 1 + below(world, 20);
            uint8_t *bytes = world->key_bytes[i];
            for (size_t j = 0; j < size; j++) {
                static const uint8_t letters[] = {0, 'a', 'a', 'b', 0xff};
                bytes[j] = letters[below(world, sizeof letters)];
            }
            world->keys[i] = firn_bytes(bytes, size);
            is_new = true;
            for (size_t j = 0; j < i; j++) {
                is_new = is_new && !fi_slice_equal(world->keys[i], world->keys[j]);
            }
        }
    }
    qsort(world->keys, KEYS, sizeof *world->keys, compare_keys);
}

/* ---- comparing ---- */

/* Whether a keyspace (NULL: one that does not exist) holds exactly a state. */
static bool
holds(struct world *world, struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot,
      const uint64_t *values)
{
    firn_error err;
    bool is_equal = true;
    struct fi_buf out = {0};
    for (size_t i = 0; i < KEYS; i++) {
        int rc = keyspace == NULL ? FIRN_NOT_FOUND
                                  : fi_db_get_at(keyspace, snapshot, world->keys[i], &out, &err);
        if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
            (void)fprintf(stderr, "%s: %s\n", firn_code_name(rc), err.text);
        }
        assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
        is_equal = is_equal && (rc == FIRN_OK) == (values[i] != 0) &&
                   (rc != FIRN_OK || is_value(values[i], fi_buf_slice(&out)));
    }
    fi_buf_deinit(&out);
    return is_equal;
}

static bool
holds_at(struct world *world, struct firn_db_keyspace **keyspaces, struct firn_snapshot *snapshot,
         const struct model_values *values)
{
    for (unsigned k = 0; k < KEYSPACES; k++) {
        if (!holds(world, keyspaces[k], snapshot, values->of[k])) {
            return false;
        }
    }
    return true;
}

/* Whether a checkpoint is there, or not, and shows what it should. */
static bool
holds_checkpoint(struct world *world, struct firn_db *db, unsigned slot,
                 const struct model_checkpoint *checkpoint)
{
    firn_error err;
    char name[] = {'c', (char)('0' + slot), 0};
    struct firn_db_keyspace *keyspaces[KEYSPACES];
    struct firn_snapshot *snapshot;
    int rc = fi_db_checkpoint_snapshot(db, name, &snapshot, &err);
    if (rc == FIRN_NOT_FOUND || !checkpoint->is_there) {
        fi_db_snapshot_close(snapshot);
        return (rc == FIRN_NOT_FOUND) == !checkpoint->is_there;
    }
    DB_OK(rc);
    for (unsigned k = 0; k < KEYSPACES; k++) {
        char keyspace[] = {'k', (char)('0' + k), 0};
        DB_OK(fi_db_keyspace_open_in(snapshot, keyspace, &keyspaces[k], &err));
    }
    bool is_held = holds_at(world, keyspaces, snapshot, &checkpoint->values);
    fi_db_snapshot_close(snapshot);
    return is_held;
}

static int
count_safety(void *ctx, const struct fi_db_checkpoint_info *info)
{
    *(unsigned *)ctx += info->is_safety;
    return FIRN_OK;
}

static bool
holds_checkpoints(struct world *world, struct firn_db *db, const struct model *model)
{
    firn_error err;
    unsigned restores = 0;
    const struct fi_db_checkpoint_visitor visitor = {true, count_safety, &restores};
    DB_OK(fi_db_checkpoint_list(db, &visitor, &err));
    bool is_held = restores == model->restores;
    for (unsigned i = 0; i < CHECKPOINTS && is_held; i++) {
        is_held = holds_checkpoint(world, db, i, &model->checkpoints[i]);
    }
    return is_held;
}

static bool
holds_all(struct world *world, struct firn_db_keyspace **keyspaces, const struct model *model)
{
    return holds_at(world, keyspaces, NULL, &model->now);
}

/* Walks a random range in one direction, or turns about at random, beside the model. */
static void
compare_walk(struct world *world, struct firn_db_keyspace **keyspaces,
             struct firn_snapshot *snapshot, const struct model *model)
{
    firn_error err;
    unsigned k = (unsigned)below(world, KEYSPACES);
    const uint64_t *values = model->now.of[k];
    firn_slice lower = world->keys[below(world, KEYS)];
    firn_slice upper = world->keys[below(world, KEYS)];
    firn_slice prefix = world->keys[below(world, KEYS)];
    prefix.size = prefix.size == 0 ? 0 : below(world, prefix.size < 3 ? prefix.size + 1 : 3);
    struct fi_db_cursor_options options = {
        .lower = below(world, 2) == 0 ? &lower : NULL,
        .upper = below(world, 2) == 0 ? &upper : NULL,
        .prefix = below(world, 3) == 0 ? &prefix : NULL,
        .snapshot = snapshot,
    };
    size_t shown[KEYS];
    size_t count = 0;
    for (size_t i = 0; i < KEYS; i++) {
        if (values[i] != 0 &&
            (options.lower == NULL || fi_slice_compare(world->keys[i], lower) >= 0) &&
            (options.upper == NULL || fi_slice_compare(world->keys[i], upper) < 0) &&
            (options.prefix == NULL || fi_slice_has_prefix(world->keys[i], prefix))) {
            shown[count++] = i;
        }
    }
    struct firn_db_cursor *cursor;
    DB_OK(fi_db_cursor_open(keyspaces[k], &options, &cursor, &err));
    /* at is the index in shown plus one; 0 and count + 1 are not valid. */
    size_t at;
    switch (below(world, 4)) {
    case 0:
        DB_OK(fi_db_cursor_first(cursor, &err));
        at = 1;
        break;
    case 1:
        DB_OK(fi_db_cursor_last(cursor, &err));
        at = count;
        break;
    case 2: {
        size_t key = below(world, KEYS);
        DB_OK(fi_db_cursor_seek(cursor, world->keys[key], &err));
        for (at = 1; at <= count && shown[at - 1] < key; at++) {
        }
        break;
    }
    default: {
        size_t key = below(world, KEYS);
        DB_OK(fi_db_cursor_seek_before(cursor, world->keys[key], &err));
        for (at = count; at > 0 && shown[at - 1] >= key; at--) {
        }
        break;
    }
    }
    bool is_back = below(world, 2) == 0;
    for (size_t steps = 0; steps < 3 * KEYS; steps++) {
        bool is_valid = at >= 1 && at <= count;
        assert_int_equal(fi_db_cursor_valid(cursor), is_valid);
        if (!is_valid) {
            break;
        }
        assert_true(fi_slice_equal(fi_db_cursor_key(cursor), world->keys[shown[at - 1]]));
        assert_true(is_value(values[shown[at - 1]], fi_db_cursor_value(cursor)));
        is_back = below(world, 12) == 0 ? !is_back : is_back;
        DB_OK(is_back ? fi_db_cursor_prev(cursor, &err) : fi_db_cursor_next(cursor, &err));
        at = is_back ? at - 1 : at + 1;
    }
    fi_db_cursor_close(cursor);
}

/* ---- opening and crashing ---- */

static void
arm(struct world *world, uint64_t calls_max)
{
    fi_sim_memory_set_cut_at(world->support.os,
                             fi_sim_memory_calls(world->support.os) + 1 + below(world, calls_max));
    world->is_armed = true;
}

static int
open_keyspaces(struct world *world, firn_error *err)
{
    int rc = FIRN_OK;
    for (unsigned k = 0; k < KEYSPACES && rc == FIRN_OK; k++) {
        char name[] = {'k', (char)('0' + k), 0};
        rc = fi_db_keyspace_open(world->db, name, &world->keyspaces[k], err);
    }
    return rc;
}

static int
open_store(struct world *world, firn_error *err)
{
    const struct fi_db_options options = {
        .create_if_missing = true,
        .compression = below(world, 2) == 0 ? FIRN_COMPRESSION_DEFAULT : FIRN_COMPRESSION_NONE,
        .memory_bytes = world->is_tiny ? 1 << 20 : 0,
        .durability = below(world, 2) == 0 ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS};
    int rc = fi_db_open(world->support.dir, &options, &world->db, err);
    if (rc == FIRN_OK) {
        rc = open_keyspaces(world, err);
    }
    return rc;
}

static void
cut(struct world *world)
{
    world->cuts++;
    world->is_armed = false;
    fi_sim_memory_set_cut_at(world->support.os, 0);
    db_support_cut(&world->support, below(world, 5));
}

/* Opens until it succeeds: the power may fail in between. A reader that is open is closed then.
 * A failure without that is one of the store's. */
static void
recover(struct world *world)
{
    firn_error err;
    for (;;) {
        if (!world->is_armed && below(world, 4) == 0) {
            arm(world, 25);
        }
        int rc = open_store(world, &err);
        /* What is only tidied up may have met the end of power without a word. */
        if (!fi_sim_memory_is_off(world->support.os)) {
            DB_OK(rc);
            return;
        }
        fi_db_abandon(world->db);
        world->db = NULL;
        fi_db_abandon(world->other.reader);
        world->other.reader = NULL;
        cut(world);
    }
}

/* The store was opened after a crash: which prefix of the journal does it hold? */
static void
resolve(struct world *world, size_t durable)
{
    struct model state = world->base;
    size_t held = SIZE_MAX;
    for (size_t i = 0; i <= world->journal_count; i++) {
        if (i > 0) {
            apply(&state, &world->journal[i - 1]);
        }
        if (i >= durable && holds_all(world, world->keyspaces, &state) &&
            holds_checkpoints(world, world->db, &state)) {
            held = i;
            world->now = state;
        }
    }
    if (held == SIZE_MAX) {
        (void)fprintf(stderr, "%zu of %zu commits had to be there; no such prefix is\n", durable,
                      world->journal_count);
    }
    assert_true(held != SIZE_MAX);
    world->base = world->now;
    world->journal_count = 0;
    world->journal_durable = 0;
}

/* Handles of a machine whose power failed; views go with their store. */
static void
forget_snapshots(struct world *world)
{
    for (unsigned i = 0; i < SNAPSHOTS; i++) {
        world->snapshots[i].snapshot = NULL;
    }
    fi_db_abandon(world->other.reader);
    world->other.reader = NULL;
}

static void
crash(struct world *world)
{
    forget_snapshots(world);
    fi_db_abandon(world->db);
    world->db = NULL;
    cut(world);
    recover(world);
    resolve(world, world->journal_durable);
}

/* ---- steps ---- */

/* After a step that failed: it must have been the power. The last commit of the journal may be
 * there or not. */
static void
survive(struct world *world, int rc, const firn_error *err)
{
    if (!fi_sim_memory_is_off(world->support.os)) {
        (void)fprintf(stderr, "%s: %s\n", firn_code_name(rc), err->text);
        fail_msg("a step failed without a power cut");
    }
    assert_true(rc == FIRN_IO || rc == FIRN_FAILED);
    crash(world);
}

static struct model_commit *
new_commit(struct world *world)
{
    if (world->journal_count == JOURNAL_MAX) {
        firn_error err;
        int rc = fi_db_log_sync(world->db, &err);
        if (rc != FIRN_OK) {
            survive(world, rc, &err);
        } else {
            world->base = world->now;
            world->journal_count = 0;
            world->journal_durable = 0;
        }
    }
    struct model_commit *commit = &world->journal[world->journal_count++];
    commit->kind = WRITES;
    commit->count = 0;
    return commit;
}

static void
add_op(struct world *world, struct model_commit *commit)
{
    size_t i = commit->count++;
    commit->ops[i].keyspace = (unsigned)below(world, KEYSPACES);
    commit->ops[i].key = (unsigned)below(world, KEYS);
    commit->ops[i].end = 0;
    commit->ops[i].value = below(world, 3) == 0 ? 0 : ++world->last_value;
    if (below(world, 10) == 0) {
        commit->ops[i].end =
            commit->ops[i].key + 1 + (unsigned)below(world, KEYS - commit->ops[i].key);
        commit->ops[i].value = 0;
    }
}

/* The upper bound of a range; after the last key one that is above all. */
static firn_slice
bound_of(struct world *world, unsigned key)
{
    static const uint8_t above[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    return key < KEYS ? world->keys[key] : firn_bytes(above, sizeof above);
}

static int
commit_one(struct world *world, const struct model_commit *commit, firn_durability durability,
           firn_error *err)
{
    uint8_t bytes[VALUE_MAX];
    struct firn_db_keyspace *keyspace = world->keyspaces[commit->ops[0].keyspace];
    firn_slice key = world->keys[commit->ops[0].key];
    uint64_t value = commit->ops[0].value;
    if (commit->ops[0].end != 0) {
        return fi_db_delete_range(keyspace, key, bound_of(world, commit->ops[0].end), durability,
                                  err);
    }
    return value == 0 ? fi_db_delete(keyspace, key, durability, err)
                      : fi_db_put(keyspace, key, value_bytes(value, bytes), durability, err);
}

static int
commit_batch(struct world *world, const struct model_commit *commit, firn_durability durability,
             firn_error *err)
{
    struct firn_db_batch *batch;
    assert_int_equal(fi_db_batch_create(&batch, err), FIRN_OK);
    for (size_t i = 0; i < commit->count; i++) {
        uint8_t bytes[VALUE_MAX];
        struct firn_db_keyspace *keyspace = world->keyspaces[commit->ops[i].keyspace];
        firn_slice key = world->keys[commit->ops[i].key];
        uint64_t value = commit->ops[i].value;
        int rc;
        if (commit->ops[i].end != 0) {
            firn_slice upper = bound_of(world, commit->ops[i].end);
            rc = fi_db_batch_delete_range(batch, keyspace, key, upper, err);
        } else if (value == 0) {
            rc = fi_db_batch_delete(batch, keyspace, key, err);
        } else {
            rc = fi_db_batch_put(batch, keyspace, key, value_bytes(value, bytes), err);
        }
        assert_int_equal(rc, FIRN_OK);
    }
    int rc = fi_db_write(world->db, batch, durability, err);
    fi_db_batch_destroy(batch);
    return rc;
}

static void
step_commit(struct world *world)
{
    firn_error err;
    struct model_commit *commit = new_commit(world);
    size_t count = below(world, 2) == 0 ? 1 : 1 + below(world, OPS_MAX);
    for (size_t i = 0; i < count; i++) {
        add_op(world, commit);
    }
    firn_durability durability = below(world, 3) == 0 ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS;
    int rc = count == 1 && below(world, 2) == 0 ? commit_one(world, commit, durability, &err)
                                                : commit_batch(world, commit, durability, &err);
    if (rc != FIRN_OK) {
        survive(world, rc, &err);
        return;
    }
    apply(&world->now, commit);
    if (durability == FIRN_DURABILITY_FULL) {
        world->journal_durable = world->journal_count;
    }
}

static void
step_sync(struct world *world)
{
    firn_error err;
    int rc = fi_db_log_sync(world->db, &err);
    if (rc != FIRN_OK) {
        survive(world, rc, &err);
    } else {
        world->journal_durable = world->journal_count;
    }
}

static void
step_reopen(struct world *world)
{
    firn_error err;
    int rc = FIRN_OK;
    if (below(world, 2) == 0) {
        for (unsigned i = 0; i < SNAPSHOTS; i++) {
            fi_db_snapshot_close(world->snapshots[i].snapshot);
        }
        rc = fi_db_close(world->db, &err);
        world->journal_durable = rc == FIRN_OK ? world->journal_count : world->journal_durable;
    } else {
        fi_db_abandon(world->db);
    }
    world->db = NULL;
    for (unsigned i = 0; i < SNAPSHOTS; i++) {
        world->snapshots[i].snapshot = NULL;
    }
    unsigned cuts = world->cuts;
    if (fi_sim_memory_is_off(world->support.os)) {
        forget_snapshots(world);
        cut(world);
    } else {
        DB_OK(rc);
    }
    recover(world);
    /* A process that ends loses nothing. */
    resolve(world, world->cuts == cuts ? world->journal_count : world->journal_durable);
}

/* Another handle: opened, moved, compared, closed. */
static void
step_read_only(struct world *world)
{
    firn_error err;
    struct model_snapshot *other = &world->other;
    uint64_t dice = below(world, 4);
    if (other->reader == NULL) {
        DB_OK(fi_db_open(world->support.dir, &db_support_read_only, &other->reader, &err));
        other->model = world->now;
    } else if (dice == 0) {
        fi_db_abandon(other->reader);
        other->reader = NULL;
        return;
    } else if (dice == 1) {
        DB_OK(fi_db_refresh(other->reader, &err));
        other->model = world->now;
    }
    for (unsigned k = 0; k < KEYSPACES; k++) {
        char name[] = {'k', (char)('0' + k), 0};
        DB_OK(fi_db_keyspace_open(other->reader, name, &other->keyspaces[k], &err));
    }
    assert_true(holds_all(world, other->keyspaces, &other->model));
    assert_true(holds_checkpoints(world, other->reader, &other->model));
    compare_walk(world, other->keyspaces, NULL, &other->model);
}

static void
step_snapshot(struct world *world)
{
    firn_error err;
    struct model_snapshot *snapshot = &world->snapshots[below(world, SNAPSHOTS)];
    if (snapshot->snapshot == NULL) {
        DB_OK(fi_db_snapshot_open(world->db, &snapshot->snapshot, &err));
        memcpy(snapshot->keyspaces, world->keyspaces, sizeof snapshot->keyspaces);
        snapshot->model = world->now;
    } else if (below(world, 6) == 0) {
        fi_db_snapshot_close(snapshot->snapshot);
        snapshot->snapshot = NULL;
    } else if (below(world, 2) == 0) {
        assert_true(holds_at(world, snapshot->keyspaces, snapshot->snapshot, &snapshot->model.now));
    } else {
        compare_walk(world, snapshot->keyspaces, snapshot->snapshot, &snapshot->model);
    }
}

static void
step_maintain(struct world *world)
{
    firn_error err;
    int rc = below(world, 3) == 0 ? fi_db_maintain_compact(world->db, NULL, &err)
                                  : fi_db_maintain_flush(world->db, &err);
    if (rc != FIRN_OK) {
        survive(world, rc, &err);
    }
}

/* Drops a keyspace and makes it again, empty. */
static void
step_drop(struct world *world)
{
    firn_error err;
    struct model_commit *commit = new_commit(world);
    unsigned k = (unsigned)below(world, KEYSPACES);
    char name[] = {'k', (char)('0' + k), 0};
    commit->count = 1;
    commit->ops[0].keyspace = k;
    commit->ops[0].key = 0;
    commit->ops[0].end = KEYS;
    commit->ops[0].value = 0;
    int rc = fi_db_keyspace_drop(world->db, name, &err);
    if (rc == FIRN_OK) {
        apply(&world->now, commit);
        rc = fi_db_keyspace_open(world->db, name, &world->keyspaces[k], &err);
    }
    if (rc != FIRN_OK) {
        survive(world, rc, &err);
    }
}

/* ---- differences ---- */

/* The keys that a comparison should tell of, in order, and how far it has come. */
struct expected_diff {
    struct world *world;
    const struct model_values *before;
    const struct model_values *after;
    unsigned keyspace;
    size_t key;
};

static bool
is_same_value(uint64_t a, uint64_t b)
{
    uint8_t bytes[VALUE_MAX];
    return a == b || (a != 0 && b != 0 && is_value(a, value_bytes(b, bytes)));
}

/* To the next key that differs; false at the end. */
static bool
go_to_difference(struct expected_diff *diff)
{
    for (; diff->keyspace < KEYSPACES; diff->keyspace++, diff->key = 0) {
        for (; diff->key < KEYS; diff->key++) {
            if (!is_same_value(diff->before->of[diff->keyspace][diff->key],
                               diff->after->of[diff->keyspace][diff->key])) {
                return true;
            }
        }
    }
    return false;
}

static int
compare_difference(void *ctx, const char *keyspace, const struct fi_inspect_diff_key *found)
{
    struct expected_diff *diff = ctx;
    assert_true(go_to_difference(diff));
    uint64_t before = diff->before->of[diff->keyspace][diff->key];
    uint64_t after = diff->after->of[diff->keyspace][diff->key];
    assert_int_equal(keyspace[1] - '0', diff->keyspace);
    assert_true(fi_slice_equal(found->key, diff->world->keys[diff->key]));
    assert_int_equal(found->is_before, before != 0);
    assert_int_equal(found->is_after, after != 0);
    assert_true(before == 0 || is_value(before, found->before));
    assert_true(after == 0 || is_value(after, found->after));
    diff->key++;
    return FIRN_OK;
}

/* A checkpoint that is there, or now. */
static const struct model_values *
choose_state(struct world *world, char name[3], const char **out_reference)
{
    unsigned slot = (unsigned)below(world, CHECKPOINTS);
    *out_reference = NULL;
    if (!world->now.checkpoints[slot].is_there) {
        return &world->now.now;
    }
    name[0] = 'c';
    name[1] = (char)('0' + slot);
    name[2] = '\0';
    *out_reference = name;
    return &world->now.checkpoints[slot].values;
}

static void
step_diff(struct world *world)
{
    firn_error err;
    char names[2][3];
    const char *before;
    const char *after;
    struct expected_diff diff = {.world = world};
    diff.before = choose_state(world, names[0], &before);
    diff.after = choose_state(world, names[1], &after);
    const struct fi_inspect_diff_visitor visitor = {.visit = compare_difference, .ctx = &diff};
    DB_OK(fi_inspect_diff(world->db, before, after, &visitor, &err));
    assert_false(go_to_difference(&diff));
}

/* The store does to its checkpoints what a commit of the model says. */
static int
change_checkpoints(struct world *world, const struct model_commit *commit, firn_error *err)
{
    char name[] = {'c', (char)('0' + commit->slot), 0};
    const char *const names[] = {name};
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    switch (commit->kind) {
    case CREATE:
        return fi_db_checkpoint_create(world->db, name, NULL, err);
    case DELETE:
        return fi_db_checkpoint_delete(world->db, names, 1, err);
    case RESTORE:
        return fi_db_checkpoint_restore(world->db, name, &restored, &safety, err);
    case UNDO:
    case WRITES:
    default:
        return fi_db_checkpoint_undo(world->db, &restored, &safety, err);
    }
}

static void
step_checkpoint(struct world *world)
{
    firn_error err;
    struct model_commit *commit = new_commit(world);
    commit->slot = (unsigned)below(world, CHECKPOINTS);
    uint64_t dice = below(world, 5);
    if (dice == 0 && world->now.undo.is_there) {
        commit->kind = UNDO;
    } else if (!world->now.checkpoints[commit->slot].is_there) {
        commit->kind = CREATE;
    } else {
        commit->kind = dice < 4 ? RESTORE : DELETE;
    }
    int rc = change_checkpoints(world, commit, &err);
    if (rc == FIRN_OK) {
        apply(&world->now, commit);
        world->journal_durable = world->journal_count;
        rc = open_keyspaces(world, &err);
    }
    if (rc != FIRN_OK) {
        survive(world, rc, &err);
    }
}

static void
step_check(struct world *world)
{
    firn_error err;
    firn_store_check_result report;
    int rc = fi_inspect_check(world->db, NULL, &report, &err);
    if (rc != FIRN_OK) {
        survive(world, rc, &err);
        return;
    }
    uint64_t entries = 0;
    for (unsigned k = 0; k < KEYSPACES; k++) {
        for (size_t i = 0; i < KEYS; i++) {
            entries += world->now.now.of[k][i] != 0;
        }
    }
    assert_int_equal(report.entries, entries);
    assert_int_equal(report.keyspaces, KEYSPACES);
    assert_int_equal(report.damaged_count, 0);
}

static void
step(struct world *world)
{
    uint64_t dice = below(world, 262);
    if (fi_sim_memory_is_off(world->support.os)) {
        /* It failed while something was done in the background. */
        crash(world);
    } else if (dice < 130) {
        step_commit(world);
    } else if (dice < 165) {
        compare_walk(world, world->keyspaces, NULL, &world->now);
    } else if (dice < 175) {
        step_sync(world);
    } else if (dice < 180) {
        assert_true(holds_all(world, world->keyspaces, &world->now));
    } else if (dice < 184) {
        step_check(world);
    } else if (dice < 190) {
        step_read_only(world);
    } else if (dice < 194) {
        step_reopen(world);
    } else if (dice < 196) {
        crash(world);
    } else if (dice < 204) {
        step_maintain(world);
    } else if (dice < 206) {
        step_drop(world);
    } else if (dice < 226) {
        step_snapshot(world);
    } else if (dice < 238) {
        step_checkpoint(world);
    } else if (dice < 248) {
        step_diff(world);
    } else if (!world->is_armed) {
        arm(world, 60);
    }
}

/* One store from its creation on; returns how often the power failed. */
static unsigned
run_store(struct test_random *random, unsigned steps)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->random.state = test_random_next(random);
    db_support_init(&world->support, test_random_next(random));
    make_keys(world);
    world->is_tiny = below(world, 2) == 0;
    large_share = below(world, 3) == 0 ? 2 : 30;
    recover(world);
    for (unsigned i = 0; i < steps; i++) {
        step(world);
    }
    if (fi_sim_memory_is_off(world->support.os)) {
        crash(world);
    }
    assert_true(holds_all(world, world->keyspaces, &world->now));
    assert_true(holds_checkpoints(world, world->db, &world->now));
    forget_snapshots(world);
    fi_db_abandon(world->db);
    db_support_deinit(&world->support);
    unsigned cuts = world->cuts;
    free(world);
    return cuts;
}

static void
random_histories_agree_with_the_model(void **state)
{
    unsigned stores = getenv("FIRN_TEST_LONG") != NULL ? 250 : 25;
    unsigned seeds = getenv("FIRN_TEST_SEED") != NULL ? 1 : test_share_of_seeds(8);
    unsigned steps = 0;
    unsigned cuts = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct test_random random;
        test_random_init(&random, "db_model", seed);
        for (unsigned i = 0; i < stores; i++) {
            /* Most histories are short, because every opening replays all of one. */
            unsigned length = i % 25 == 0 ? 1000 : 170;
            cuts += run_store(&random, length);
            steps += length;
        }
    }
    (void)printf("%u steps, %u power cuts\n", steps, cuts);
    assert_true(steps >= seeds * 5000 && cuts > 2 * seeds);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_histories_agree_with_the_model),
    };
    return cmocka_run_group_tests_name("db_model", tests, NULL, NULL);
}

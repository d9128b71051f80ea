/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/store: a checkpoint after every commit: each state can be read as it was, each difference is
 * that of one commit, and what goes takes nothing else along. A model keeps every state.
 */
#include <stdio.h>
#include <string.h>

#include "inspect/inspect.h"
#include "store/db.h"
#include "support/store/db_support.h"
#include "support/test_random.h"

enum { KEYS = 24, COMMITS = 1500 };

static const struct fi_db_options small = {.create_if_missing = true, .memory_bytes = 1 << 20};

/* What each key has after each commit; 0: nothing. */
struct world {
    struct db_support support;
    struct firn_db *db;
    unsigned states[COMMITS][KEYS];
    bool is_deleted[COMMITS];
    struct test_random random;
};

static void
key_name(unsigned key, char out[8])
{
    (void)snprintf(out, 8, "k%02u", key);
}

static void
checkpoint_name(unsigned commit, char out[16])
{
    (void)snprintf(out, 16, "c%u", commit);
}

static void
reopen(struct world *world)
{
    firn_error err;
    DB_OK(fi_db_close(world->db, &err));
    DB_OK(fi_db_open(world->support.dir, &small, &world->db, &err));
}

/* ---- commits ---- */

static void
delete_some(struct firn_db_keyspace *keyspace, unsigned *state, unsigned from, unsigned to)
{
    firn_error err;
    char lower[8];
    char upper[8];
    key_name(from, lower);
    key_name(to, upper);
    DB_OK(fi_db_delete_range(keyspace, firn_str(lower), firn_str(upper), FIRN_DURABILITY_OS, &err));
    for (unsigned key = from; key < to; key++) {
        state[key] = 0;
    }
}

/* Puts, deletes and range deletes; the state is the one before at first. */
static void
commit(struct world *world, unsigned number, unsigned *state)
{
    firn_error err;
    char name[8];
    char value[16];
    struct firn_db_keyspace *keyspace = db_support_keyspace(world->db, "k");
    unsigned kind = (unsigned)test_random_below(&world->random, 10);
    unsigned key = (unsigned)test_random_below(&world->random, KEYS);
    key_name(key, name);
    if (kind == 0) {
        unsigned to = key + (unsigned)test_random_below(&world->random, KEYS - key) + 1;
        delete_some(keyspace, state, key, to);
    } else if (kind <= 2) {
        DB_OK(fi_db_delete(keyspace, firn_str(name), FIRN_DURABILITY_OS, &err));
        state[key] = 0;
    } else {
        (void)snprintf(value, sizeof value, "%u", number + 1);
        DB_OK(fi_db_put(keyspace, firn_str(name), firn_str(value), FIRN_DURABILITY_OS, &err));
        state[key] = number + 1;
    }
}

static void
make_all(struct world *world)
{
    firn_error err;
    char name[16];
    for (unsigned i = 0; i < COMMITS; i++) {
        if (i > 0) {
            memcpy(world->states[i], world->states[i - 1], sizeof world->states[i]);
        }
        commit(world, i, world->states[i]);
        checkpoint_name(i, name);
        DB_OK(fi_db_checkpoint_create(world->db, name, NULL, &err));
        if (i % 200 == 150) {
            DB_OK(fi_db_maintain_flush(world->db, &err));
        }
    }
}

/* ---- comparing ---- */

/* What the view, NULL for now, shows is that state. */
static void
assert_state(struct world *world, struct firn_snapshot *snapshot, const unsigned *state)
{
    firn_error err;
    char name[8];
    char value[16];
    struct firn_db_cursor *cursor;
    const struct fi_db_cursor_options options = {.snapshot = snapshot};
    DB_OK(fi_db_cursor_open(db_support_keyspace(world->db, "k"), &options, &cursor, &err));
    DB_OK(fi_db_cursor_first(cursor, &err));
    for (unsigned key = 0; key < KEYS; key++) {
        if (state[key] == 0) {
            continue;
        }
        key_name(key, name);
        (void)snprintf(value, sizeof value, "%u", state[key]);
        assert_true(fi_db_cursor_valid(cursor));
        firn_slice found = fi_db_cursor_key(cursor);
        assert_int_equal(found.size, strlen(name));
        assert_memory_equal(found.data, name, found.size);
        found = fi_db_cursor_value(cursor);
        assert_int_equal(found.size, strlen(value));
        assert_memory_equal(found.data, value, found.size);
        DB_OK(fi_db_cursor_next(cursor, &err));
    }
    assert_false(fi_db_cursor_valid(cursor));
    fi_db_cursor_close(cursor);
}

static void
assert_checkpoint(struct world *world, unsigned number)
{
    firn_error err;
    char name[16];
    struct firn_snapshot *snapshot;
    checkpoint_name(number, name);
    if (world->is_deleted[number]) {
        DB_FAILS(fi_db_checkpoint_snapshot(world->db, name, &snapshot, &err), FIRN_NOT_FOUND, name);
        return;
    }
    DB_OK(fi_db_checkpoint_snapshot(world->db, name, &snapshot, &err));
    assert_state(world, snapshot, world->states[number]);
    fi_db_snapshot_close(snapshot);
}

struct difference {
    const unsigned *before;
    const unsigned *after;
    unsigned count;
};

static int
visit(void *ctx, const char *keyspace, const struct fi_inspect_diff_key *found)
{
    struct difference *difference = ctx;
    unsigned key;
    assert_string_equal(keyspace, "k");
    assert_int_equal(found->key.size, 3);
    key = (unsigned)(found->key.data[1] - '0') * 10 + (unsigned)(found->key.data[2] - '0');
    assert_int_not_equal(difference->before[key], difference->after[key]);
    assert_int_equal(found->is_before, difference->before[key] != 0);
    assert_int_equal(found->is_after, difference->after[key] != 0);
    difference->count++;
    return FIRN_OK;
}

/* What two checkpoints have differently is what their states have. */
static void
assert_difference(struct world *world, unsigned a, unsigned b)
{
    firn_error err;
    char before[16];
    char after[16];
    unsigned expected = 0;
    if (world->is_deleted[a] || world->is_deleted[b]) {
        return;
    }
    struct difference difference = {world->states[a], world->states[b], 0};
    const struct fi_inspect_diff_visitor visitor = {.visit = visit, .ctx = &difference};
    checkpoint_name(a, before);
    checkpoint_name(b, after);
    for (unsigned key = 0; key < KEYS; key++) {
        expected += world->states[a][key] != world->states[b][key];
    }
    DB_OK(fi_inspect_diff(world->db, before, after, &visitor, &err));
    assert_int_equal(difference.count, expected);
}

static void
assert_all(struct world *world, unsigned step)
{
    firn_error err;
    firn_store_check_result report;
    for (unsigned i = 0; i < COMMITS; i += step) {
        assert_checkpoint(world, i);
        assert_difference(world, i, (i + 1) % COMMITS);
        assert_difference(world, i, (unsigned)test_random_below(&world->random, COMMITS));
    }
    DB_OK(fi_inspect_check(world->db, NULL, &report, &err));
}

/* ---- the test ---- */

/* All but every tenth. */
static void
delete_most(struct world *world)
{
    firn_error err;
    char name[16];
    for (unsigned i = 0; i < COMMITS; i++) {
        checkpoint_name(i, name);
        const char *const names[] = {name};
        world->is_deleted[i] = i % 10 != 0;
        if (world->is_deleted[i]) {
            DB_OK(fi_db_checkpoint_delete(world->db, names, 1, &err));
        }
    }
}

static void
restore_some(struct world *world)
{
    firn_error err;
    char name[16];
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    for (unsigned round = 0; round < 30; round++) {
        unsigned number = 10 * (unsigned)test_random_below(&world->random, COMMITS / 10);
        checkpoint_name(number, name);
        DB_OK(fi_db_checkpoint_restore(world->db, name, &restored, &safety, &err));
        assert_state(world, NULL, world->states[number]);
        if (round % 10 == 5) {
            DB_OK(fi_db_maintain_compact(world->db, NULL, &err));
            assert_state(world, NULL, world->states[number]);
        }
    }
}

static void
every_commit_can_be_seen_and_brought_back(void **state)
{
    firn_error err;
    static struct world world;
    memset(&world, 0, sizeof world);
    test_random_init(&world.random, "db_each_commit", 7);
    db_support_init(&world.support, 1);
    DB_OK(fi_db_open(world.support.dir, &small, &world.db, &err));
    make_all(&world);
    assert_all(&world, 7);
    reopen(&world);
    assert_all(&world, 7);
    DB_OK(fi_db_maintain_compact(world.db, NULL, &err));
    assert_all(&world, 1);
    delete_most(&world);
    assert_all(&world, 5);
    DB_OK(fi_db_maintain_compact(world.db, NULL, &err));
    reopen(&world);
    assert_all(&world, 1);
    restore_some(&world);
    assert_all(&world, 10);
    DB_OK(fi_db_close(world.db, &err));
    db_support_deinit(&world.support);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_commit_can_be_seen_and_brought_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

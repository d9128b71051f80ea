/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/copy: random histories, of which checkpoints are exported: the file reads as the checkpoint
 * does, and a store that is made of it goes on as one that was restored to it, as time passes too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "copy/copy.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "support/store/db_support.h"
#include "support/test_random.h"

enum { KEYS = 12, STEPS = 120, SECONDS_MAX = 60 };
#define SECOND_NS INT64_C(1000000000)

struct world {
    struct db_support support;
    struct firn_db *db;
    struct firn_db_keyspace *keyspaces[2];
    struct test_random *random;
    int64_t now_ns;
    unsigned checkpoints;
};

static uint64_t
below(struct world *world, uint64_t limit)
{
    return test_random_below(world->random, limit);
}

static firn_slice
some_key(struct world *world, char key[4])
{
    (void)snprintf(key, 4, "%02u", (unsigned)below(world, KEYS));
    return firn_str(key);
}

static void
merge_some(struct world *world, struct firn_db_keyspace *keyspace, firn_slice key)
{
    firn_error err;
    uint8_t number[8];
    firn_merge_operator operation = (firn_merge_operator)(1 + below(world, 4));
    firn_number((int64_t)below(world, 1000) - 500, number);
    firn_slice operand = operation == FIRN_MERGE_APPEND ? firn_bytes(number, 1 + below(world, 8))
                                                        : firn_bytes(number, 8);
    DB_OK(fi_db_merge(keyspace, key, operation, operand, FIRN_DURABILITY_OS, &err));
}

static void
put_some(struct world *world, struct firn_db_keyspace *keyspace, firn_slice key)
{
    firn_error err;
    uint8_t value[8];
    firn_number((int64_t)below(world, 1000), value);
    firn_slice bytes = firn_bytes(value, below(world, 3) == 0 ? below(world, 8) : 8);
    DB_OK(below(world, 2) == 0
              ? fi_db_put(keyspace, key, bytes, FIRN_DURABILITY_OS, &err)
              : fi_db_put_ttl(keyspace, key, bytes, 1000 * (1 + below(world, SECONDS_MAX)),
                              FIRN_DURABILITY_OS, &err));
}

static void
restore_some(struct world *world)
{
    firn_error err;
    char reference[16];
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    if (world->checkpoints > 0) {
        (void)snprintf(reference, sizeof reference, "%u",
                       1 + (unsigned)below(world, world->checkpoints));
        DB_OK(fi_db_checkpoint_restore(world->db, reference, &restored, &safety, &err));
    }
}

static void
step(struct world *world)
{
    firn_error err;
    char lower[4];
    char upper[4];
    struct firn_db_keyspace *keyspace = world->keyspaces[below(world, 2)];
    firn_slice key = some_key(world, lower);
    uint64_t what = below(world, 100);
    if (what < 35) {
        merge_some(world, keyspace, key);
    } else if (what < 65) {
        put_some(world, keyspace, key);
    } else if (what < 72) {
        DB_OK(fi_db_delete(keyspace, key, FIRN_DURABILITY_OS, &err));
    } else if (what < 77) {
        DB_OK(fi_db_delete_range(keyspace, key, some_key(world, upper), FIRN_DURABILITY_OS, &err));
    } else if (what < 87) {
        world->now_ns += SECOND_NS * (int64_t)below(world, 10);
        fi_sim_memory_set_time(world->support.os, world->now_ns);
    } else if (what < 93) {
        DB_OK(fi_db_checkpoint_create(world->db, "", NULL, &err));
        world->checkpoints++;
    } else if (what < 96) {
        restore_some(world);
    } else if (what < 98) {
        DB_OK(fi_db_maintain_flush(world->db, &err));
    } else {
        DB_OK(fi_db_maintain_compact(world->db, NULL, &err));
    }
}

/* All that a store has, at a view or now, in one text. */
static void
dump(struct firn_db *db, struct firn_snapshot *snapshot, struct fi_buf *out)
{
    static const char *const names[] = {"k", "l"};
    fi_buf_clear(out);
    for (size_t i = 0; i < 2; i++) {
        firn_error err;
        const struct fi_db_cursor_options options = {.snapshot = snapshot};
        struct firn_db_cursor *cursor;
        DB_OK(fi_db_cursor_open(db_support_keyspace(db, names[i]), &options, &cursor, &err));
        for (DB_OK(fi_db_cursor_first(cursor, &err)); fi_db_cursor_valid(cursor);) {
            firn_slice value = fi_db_cursor_value(cursor);
            assert_int_equal(fi_buf_append_slice(out, fi_db_cursor_key(cursor)), FIRN_OK);
            assert_int_equal(fi_buf_append_varint(out, value.size), FIRN_OK);
            assert_int_equal(fi_buf_append_slice(out, value), FIRN_OK);
            assert_int_equal(fi_buf_append_varint(out, fi_db_cursor_expires_ms(cursor)), FIRN_OK);
            DB_OK(fi_db_cursor_next(cursor, &err));
        }
        fi_db_cursor_close(cursor);
        assert_int_equal(fi_buf_append_u8(out, 0xff), FIRN_OK);
    }
}

static void
assert_same(const struct fi_buf *a, const struct fi_buf *b)
{
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->data, b->data, a->size);
}

static struct firn_db *
open_path(struct world *world, const char *path, const struct fi_db_options *options)
{
    firn_error err;
    struct firn_db *db;
    DB_OK(fi_db_path_open(world->support.os, path, options, &db, &err));
    return db;
}

/* Exports a checkpoint and looks at the file, and at a store that is made of it, beside the source
 * restored to the checkpoint. */
static void
judge(struct world *world, const char *reference)
{
    firn_error err;
    struct fi_buf expected = {0};
    struct fi_buf found = {0};
    struct firn_snapshot *snapshot;
    struct fi_db_checkpoint_info info;
    struct fi_db_checkpoint_info safety;
    const struct fi_copy_export_target target = {
        .os = world->support.os, .path = "/file", .replace_existing = true};
    struct fi_storefile_progress progress = {.os = world->support.os};
    DB_OK(fi_db_checkpoint_snapshot(world->db, reference, &snapshot, &err));
    dump(world->db, snapshot, &expected);
    fi_db_snapshot_close(snapshot);
    DB_OK(fi_copy_export(world->db, reference, &target, &progress, &err));
    struct firn_db *file = open_path(world, "/file", &db_support_read_only);
    dump(file, NULL, &found);
    assert_same(&expected, &found);
    DB_OK(fi_db_close(file, &err));
    DB_OK(fi_copy_import(world->support.os, "/file", "/copy", NULL, &progress, &info, &err));
    struct firn_db *copy = open_path(world, "/copy", &db_support_existing);
    DB_OK(fi_db_checkpoint_restore(world->db, reference, &info, &safety, &err));
    for (int i = 0; i < 8; i++) {
        dump(world->db, NULL, &expected);
        dump(copy, NULL, &found);
        assert_same(&expected, &found);
        world->now_ns += SECOND_NS * (int64_t)(1 + below(world, 12));
        fi_sim_memory_set_time(world->support.os, world->now_ns);
        if (i == 4) {
            DB_OK(fi_db_maintain_compact(copy, NULL, &err));
        }
    }
    DB_OK(fi_db_close(copy, &err));
    fi_buf_deinit(&expected);
    fi_buf_deinit(&found);
}

/* One history; the generator goes on from one to the next. */
static void
run(struct test_random *random)
{
    firn_error err;
    struct world world = {.now_ns = 1000000 * SECOND_NS, .random = random};
    char reference[16];
    db_support_init(&world.support, test_random_next(random));
    fi_sim_memory_set_time(world.support.os, world.now_ns);
    world.db = db_support_open(world.support.dir);
    world.keyspaces[0] = db_support_keyspace(world.db, "k");
    world.keyspaces[1] = db_support_keyspace(world.db, "l");
    DB_OK(fi_db_checkpoint_create(world.db, "", NULL, &err));
    world.checkpoints = 1;
    for (int i = 0; i < STEPS; i++) {
        step(&world);
    }
    (void)snprintf(reference, sizeof reference, "%u",
                   1 + (unsigned)below(&world, world.checkpoints));
    judge(&world, reference);
    fi_db_abandon(world.db);
    db_support_deinit(&world.support);
}

static void
exported_checkpoints_read_and_go_on_as_restored_ones(void **state)
{
    enum { HISTORIES = 120, HISTORIES_LONG = 3000 };
    int count = getenv("FIRN_TEST_LONG") != NULL ? HISTORIES_LONG : HISTORIES;
    struct test_random random;
    test_random_init(&random, "db_export_model", 1);
    for (int i = 0; i < count; i++) {
        run(&random);
    }
    (void)printf("count: %d histories exported\n", count);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exported_checkpoints_read_and_go_on_as_restored_ones),
    };
    return cmocka_run_group_tests_name("db_export_model", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/upkeep: disks that fill up (S-B17): during commits, flushes, compactions and closings, at
 * random places, over and over. What was acknowledged is there, what was refused is not, deletes
 * go on as long as they can, and everything goes on when there is space again, without reopening.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inspect/inspect.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "store/db_internal.h"
#include "support/store/db_support.h"
#include "support/test_random.h"

enum { KEYS = 600, VALUE = 900 };

static const struct fi_db_options tiny = {
    .create_if_missing = true, .memory_bytes = 1 << 20, .durability = FIRN_DURABILITY_OS};

struct world {
    struct db_support support;
    struct test_random random;
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    unsigned versions[KEYS]; /* 0: absent */
    unsigned refused;
};

static void
open_world(struct world *world)
{
    firn_error err;
    DB_OK(fi_db_open(world->support.dir, &tiny, &world->db, &err));
    world->keyspace = db_support_keyspace(world->db, "k");
}

static uint64_t
free_bytes(struct world *world)
{
    firn_error err;
    uint64_t bytes;
    DB_OK(fi_os_dir_free_bytes(world->support.dir, &bytes, &err));
    return bytes;
}

/* So much is left on the disk from now on. */
static void
leave(struct world *world, uint64_t bytes)
{
    enum { ROOM = 1 << 30 };
    fi_sim_memory_set_space(world->support.os, ROOM);
    uint64_t used = ROOM - free_bytes(world);
    fi_sim_memory_set_space(world->support.os, used + bytes);
}

static void
make_value(unsigned key, unsigned version, uint8_t out[VALUE])
{
    struct test_random random = {key * 65537ULL + version};
    test_random_fill(&random, out, VALUE);
}

static int
put(struct world *world, unsigned key, unsigned version, firn_error *err)
{
    char text[16];
    uint8_t value[VALUE];
    (void)snprintf(text, sizeof text, "%u", key);
    make_value(key, version, value);
    return fi_db_put(world->keyspace, firn_str(text), firn_bytes(value, sizeof value),
                     FIRN_DURABILITY_DEFAULT, err);
}

static void
check_all(struct world *world)
{
    firn_error err;
    struct fi_buf out = {0};
    for (unsigned key = 0; key < KEYS; key++) {
        char text[16];
        uint8_t value[VALUE];
        (void)snprintf(text, sizeof text, "%u", key);
        int rc = fi_db_get(world->keyspace, firn_str(text), &out, &err);
        if (world->versions[key] == 0) {
            assert_int_equal(rc, FIRN_NOT_FOUND);
            continue;
        }
        DB_OK(rc);
        make_value(key, world->versions[key], value);
        assert_int_equal(out.size, VALUE);
        assert_memory_equal(out.data, value, VALUE);
    }
    fi_buf_deinit(&out);
}

/* A commit is taken, or refused because there is no space. */
static void
step(struct world *world, unsigned round)
{
    firn_error err;
    unsigned key = (unsigned)test_random_below(&world->random, KEYS);
    char text[16];
    (void)snprintf(text, sizeof text, "%u", key);
    if (test_random_below(&world->random, 8) == 0) {
        int rc = fi_db_delete(world->keyspace, firn_str(text), FIRN_DURABILITY_DEFAULT, &err);
        world->versions[key] = rc == FIRN_OK ? 0 : world->versions[key];
        assert_true(rc == FIRN_OK || rc == FIRN_NO_SPACE);
        return;
    }
    int rc = put(world, key, round + 1, &err);
    if (rc == FIRN_OK) {
        world->versions[key] = round + 1;
    } else {
        DB_FAILS(rc, FIRN_NO_SPACE, "space");
        world->refused++;
    }
}

static void
use_full_disk(struct world *world, unsigned round)
{
    firn_error err;
    unsigned steps = 50 + (unsigned)test_random_below(&world->random, 500);
    for (unsigned i = 0; i < steps; i++) {
        step(world, round);
    }
    switch (test_random_below(&world->random, 5)) {
    case 0: {
        int rc = fi_db_maintain_flush(world->db, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_NO_SPACE);
        break;
    }
    case 1: {
        int rc = fi_db_maintain_compact(world->db, NULL, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_NO_SPACE);
        break;
    }
    case 2:
        DB_OK(fi_db_log_sync(world->db, &err));
        break;
    default:
        break;
    }
    check_all(world);
}

static void
everything_goes_on_when_there_is_space_again(void **state)
{
    firn_error err;
    struct world world = {0};
    unsigned rounds = getenv("FIRN_TEST_LONG") != NULL ? 400 : 40;
    unsigned resumed = 0;
    test_random_init(&world.random, "db_space", 1);
    db_support_init(&world.support, 1);
    open_world(&world);
    for (unsigned round = 0; round < rounds; round++) {
        leave(&world, test_random_below(&world.random, 600000));
        unsigned refused = world.refused;
        use_full_disk(&world, round);
        leave(&world, 8 << 20);
        /* At once, without reopening. */
        for (unsigned i = 0; i < 20; i++) {
            unsigned key = (unsigned)test_random_below(&world.random, KEYS);
            DB_OK(put(&world, key, round + 1, &err));
            world.versions[key] = round + 1;
        }
        resumed += world.refused > refused ? 1 : 0;
        check_all(&world);
        firn_store_statistics stats;
        DB_OK(fi_inspect_stats(world.db, &stats, &err));
        assert_false(stats.is_full);
        if (round % 7 == 6) {
            DB_OK(fi_db_close(world.db, &err));
            if (round % 2 == 0) {
                db_support_cut(&world.support, round);
            }
            open_world(&world);
            check_all(&world);
        }
    }
    (void)printf("%u refusals in %u rounds\n", world.refused, resumed);
    assert_true(resumed > rounds / 4);
    firn_store_check_result report;
    DB_OK(fi_inspect_check(world.db, NULL, &report, &err));
    DB_OK(fi_db_close(world.db, &err));
    db_support_deinit(&world.support);
}

/* A store of some size without garbage, on a disk that has no byte left. */
static void
fill(struct world *world)
{
    firn_error err;
    db_support_init(&world->support, 1);
    open_world(world);
    for (unsigned key = 0; key < KEYS; key++) {
        DB_OK(put(world, key, 4, &err));
        world->versions[key] = 4;
    }
    DB_OK(fi_db_maintain_compact(world->db, NULL, &err));
    DB_OK(fi_os_dir_sync_filesystem(world->support.dir, &err));
    leave(world, 0);
    /* What is refused first may be taken when memtables have been flushed. */
    unsigned refused = 0;
    for (unsigned i = 0; i < 100 && refused < 3; i++) {
        int rc = put(world, 0, 4, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_NO_SPACE);
        refused = rc == FIRN_OK ? 0 : refused + 1;
    }
    assert_int_equal(refused, 3);
}

/* ---- stores that fill a whole disk ---- */

enum { DISK = 6 << 20 };

/* Puts until there is no space. Returns how many keys there are. */
static unsigned
fill_disk(struct world *world)
{
    firn_error err;
    unsigned count = 0;
    db_support_init(&world->support, 1);
    fi_sim_memory_set_space(world->support.os, DISK);
    open_world(world);
    int rc = FIRN_OK;
    while (rc == FIRN_OK) {
        rc = put(world, count, 1, &err);
        count += rc == FIRN_OK ? 1 : 0;
    }
    DB_FAILS(rc, FIRN_NO_SPACE, "space");
    assert_true(count > DISK / VALUE / 2);
    return count;
}

static bool
is_there(struct world *world, unsigned key)
{
    firn_error err;
    char text[16];
    struct fi_buf out = {0};
    (void)snprintf(text, sizeof text, "%u", key);
    int rc = fi_db_get(world->keyspace, firn_str(text), &out, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    fi_buf_deinit(&out);
    return rc == FIRN_OK;
}

/* Deletes every step-th key, and demands that all goes on then, by this handle and the next. */
static void
delete_and_go_on(struct world *world, unsigned count, unsigned step)
{
    firn_error err;
    for (unsigned key = 0; key < count; key += step) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", key);
        DB_OK(fi_db_delete(world->keyspace, firn_str(text), FIRN_DURABILITY_DEFAULT, &err));
    }
    DB_OK(fi_db_maintain_compact(world->db, NULL, &err));
    assert_true(free_bytes(world) > DISK / step / 2);
    DB_OK(put(world, count, 1, &err));
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(world->db, &stats, &err));
    assert_false(stats.is_full);
    for (unsigned reopened = 0; reopened < 2; reopened++) {
        for (unsigned key = 0; key < count; key++) {
            assert_int_equal(is_there(world, key), key % step != 0);
        }
        assert_true(is_there(world, count));
        DB_OK(fi_db_close(world->db, &err));
        open_world(world);
        DB_OK(put(world, count, 2, &err));
    }
    DB_OK(fi_db_close(world->db, &err));
    db_support_deinit(&world->support);
}

static void
deleting_each_key_of_a_store_that_fills_its_disk_is_never_refused(void **state)
{
    struct world world = {0};
    unsigned count = fill_disk(&world);
    delete_and_go_on(&world, count, 1);
}

static void
deleting_every_other_key_of_a_store_that_fills_its_disk_makes_space(void **state)
{
    struct world world = {0};
    unsigned count = fill_disk(&world);
    delete_and_go_on(&world, count, 2);
}

static void
a_store_that_fills_its_disk_is_opened_after_a_crash(void **state)
{
    struct world world = {0};
    unsigned count = fill_disk(&world);
    fi_db_abandon(world.db);
    open_world(&world);
    delete_and_go_on(&world, count, 1);
}

static void
a_store_that_fills_its_disk_is_closed_and_opened(void **state)
{
    firn_error err;
    struct world world = {0};
    unsigned count = fill_disk(&world);
    DB_OK(fi_db_close(world.db, &err));
    open_world(&world);
    delete_and_go_on(&world, count, 2);
}

/* A store that filled its disk, opened after a crash where calls can be watched. */
struct watched {
    struct world world;
    struct fi_os *os;
    struct fi_os_dir *dir;
    unsigned count; /* of keys */
};

static void
watched_init(struct watched *watched)
{
    firn_error err;
    struct world *world = &watched->world;
    *watched = (struct watched){.os = NULL};
    watched->count = fill_disk(world);
    fi_db_abandon(world->db);
    DB_OK(fi_sim_fault_create(world->support.os, &watched->os, &err));
    DB_OK(fi_os_dir_open_path(watched->os, "/store", &watched->dir, &err));
    DB_OK(fi_db_open(watched->dir, &tiny, &world->db, &err));
    world->keyspace = db_support_keyspace(world->db, "k");
}

static void
watched_deinit(struct watched *watched)
{
    firn_error err;
    DB_OK(fi_db_close(watched->world.db, &err));
    fi_os_dir_close(watched->dir);
    fi_sim_fault_destroy(watched->os);
    db_support_deinit(&watched->world.support);
}

/* A work that has all of the space for the time of some calls. */
struct holder {
    struct world *world;
    unsigned calls;
};

static void
hold_space(void *ctx, const struct fi_sim_fault_call *call)
{
    struct holder *holder = ctx;
    (void)call;
    if (holder->calls > 0 && --holder->calls == 0) {
        fi_sim_memory_set_space(holder->world->support.os, DISK);
    }
}

/* A merge beside it may need what is left of the disk until it ends. */
static void
a_delete_waits_for_a_work_that_has_the_last_space(void **state)
{
    firn_error err;
    struct watched watched;
    static uint8_t long_key[60000]; /* it needs new space in the log */
    watched_init(&watched);
    memset(long_key, 'x', sizeof long_key);
    for (unsigned key = watched.count; put(&watched.world, key, 1, &err) == FIRN_OK; key++) {
    }
    for (unsigned calls = 5; calls < 65; calls += 10) {
        struct holder holder = {&watched.world, calls};
        leave(&watched.world, 0);
        fi_sim_fault_set_hook(watched.os, hold_space, &holder);
        DB_OK(fi_db_delete(watched.world.keyspace, firn_bytes(long_key, sizeof long_key - calls),
                           FIRN_DURABILITY_DEFAULT, &err));
        fi_sim_fault_set_hook(watched.os, NULL, NULL);
        fi_sim_memory_set_space(watched.world.support.os, DISK);
    }
    watched_deinit(&watched);
}

/* How many calls it makes. */
static uint64_t
calls_of_drain(struct watched *watched, bool has_waited)
{
    fi_sim_fault_set_plan(watched->os, NULL);
    leave(&watched->world, 0);
    fi_db_full_drain(watched->world.db, has_waited);
    return fi_sim_fault_calls(watched->os);
}

/* Making space in vain is not repeated, unless the background has ended, which may have freed some. */
static void
space_is_made_again_after_waiting(void **state)
{
    firn_error err;
    struct watched watched;
    static uint8_t long_key[60000];
    watched_init(&watched);
    leave(&watched.world, 0);
    int rc = FIRN_OK;
    for (uint8_t i = 1; rc == FIRN_OK && i < 100; i++) {
        long_key[0] = i;
        rc = fi_db_delete(watched.world.keyspace, firn_bytes(long_key, sizeof long_key),
                          FIRN_DURABILITY_DEFAULT, &err);
    }
    assert_int_equal(rc, FIRN_NO_SPACE);
    assert_int_equal(calls_of_drain(&watched, false), 0);
    assert_true(calls_of_drain(&watched, true) > 0);
    assert_int_equal(calls_of_drain(&watched, false), 0);
    fi_sim_memory_set_space(watched.world.support.os, DISK);
    watched_deinit(&watched);
}

static void
deleting_makes_space_on_a_full_disk(void **state)
{
    firn_error err;
    struct world world = {0};
    fill(&world);
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(world.db, &stats, &err));
    assert_true(stats.is_full);
    DB_FAILS(put(&world, 1, 9, &err), FIRN_NO_SPACE, "takes only deletes");
    DB_OK(fi_db_delete(world.keyspace, firn_str("5"), FIRN_DURABILITY_FULL, &err));
    DB_OK(fi_db_delete_range(world.keyspace, firn_str("1"), firn_str("9"), FIRN_DURABILITY_FULL,
                             &err));
    DB_OK(fi_db_maintain_compact(world.db, NULL, &err));
    DB_OK(fi_os_dir_sync_filesystem(world.support.dir, &err));
    assert_true(free_bytes(&world) > 200000);
    DB_OK(put(&world, 1, 9, &err));
    DB_OK(fi_inspect_stats(world.db, &stats, &err));
    assert_false(stats.is_full);
    assert_null(db_support_get(world.keyspace, "5"));
    DB_OK(fi_db_close(world.db, &err));
    db_support_deinit(&world.support);
}

static void
dropping_makes_space_on_a_full_disk(void **state)
{
    firn_error err;
    struct world world = {0};
    fill(&world);
    DB_OK(fi_db_keyspace_drop(world.db, "k", &err));
    DB_OK(fi_db_maintain_flush(world.db, &err));
    world.keyspace = db_support_keyspace(world.db, "k");
    DB_OK(put(&world, 1, 9, &err));
    DB_OK(fi_db_close(world.db, &err));
    db_support_deinit(&world.support);
}

static void
a_full_disk_is_closed_and_read(void **state)
{
    firn_error err;
    struct world world = {0};
    fill(&world);
    DB_OK(fi_db_close(world.db, &err));
    struct firn_db *reader;
    DB_OK(fi_db_open(world.support.dir, &db_support_read_only, &reader, &err));
    world.keyspace = db_support_keyspace(reader, "k");
    check_all(&world);
    DB_OK(fi_db_close(reader, &err));
    leave(&world, 1 << 20);
    open_world(&world);
    check_all(&world);
    DB_OK(put(&world, 1, 9, &err));
    DB_OK(fi_db_close(world.db, &err));
    db_support_deinit(&world.support);
}

/* 0: there is none. */
static uint64_t
reserve_of(struct world *world)
{
    firn_error err;
    struct fi_os_stat stat;
    int rc = fi_os_stat(world->support.dir, "RESERVE", &stat, &err);
    assert_true(rc == FIRN_OK ? stat.size_bytes > 0 : rc == FIRN_NOT_FOUND);
    return rc == FIRN_OK ? stat.size_bytes : 0;
}

static void
a_store_that_shrank_gives_back_what_it_reserved(void **state)
{
    enum { LARGE = 4000, MIDDLE = 800 };
    firn_error err;
    struct world world = {0};
    db_support_init(&world.support, 1);
    DB_OK(fi_db_open(world.support.dir, &db_support_create, &world.db, &err));
    world.keyspace = db_support_keyspace(world.db, "k");
    for (unsigned key = 0; key < LARGE; key++) {
        DB_OK(put(&world, 10000 + key, 1, &err));
    }
    DB_OK(fi_db_maintain_flush(world.db, &err));
    DB_OK(fi_db_close(world.db, &err));
    uint64_t large = reserve_of(&world);
    assert_true(large > LARGE * VALUE / 8 && large < LARGE * VALUE / 7);

    const unsigned left[] = {MIDDLE, 0};
    for (unsigned i = 0; i < 2; i++) {
        char first[16];
        DB_OK(fi_db_open(world.support.dir, &db_support_create, &world.db, &err));
        world.keyspace = db_support_keyspace(world.db, "k");
        (void)snprintf(first, sizeof first, "%u", 10000 + left[i]);
        DB_OK(fi_db_delete_range(world.keyspace, firn_str(first), firn_str("9"),
                                 FIRN_DURABILITY_FULL, &err));
        DB_OK(fi_db_maintain_compact(world.db, NULL, &err));
        DB_OK(fi_db_close(world.db, &err));
        assert_true(reserve_of(&world) >= left[i] * VALUE / 8);
        assert_true(reserve_of(&world) <= left[i] * VALUE / 7);
    }
    db_support_deinit(&world.support);
}

static void
a_reserve_grows_as_far_as_there_is_space(void **state)
{
    enum { PACKS = 128 << 20, LEFT = 100000 };
    firn_error err;
    struct world world = {0};
    db_support_init(&world.support, 1);
    open_world(&world);
    for (unsigned key = 0; key < KEYS; key++) {
        DB_OK(put(&world, key, 1, &err));
    }
    DB_OK(fi_db_maintain_flush(world.db, &err));
    uint64_t before = reserve_of(&world);
    assert_true(before > 0);

    leave(&world, 0);
    fi_db_space_beside(world.db, PACKS);
    assert_int_equal(reserve_of(&world), before);
    leave(&world, LEFT);
    fi_db_space_beside(world.db, PACKS);
    assert_true(reserve_of(&world) > before + LEFT / 4 && reserve_of(&world) < before + LEFT);
    leave(&world, 8 << 20);
    fi_db_space_beside(world.db, PACKS);
    assert_true(reserve_of(&world) > PACKS / 128);
    DB_OK(fi_db_close(world.db, &err));
    db_support_deinit(&world.support);
}

/* Each delete is flushed, and none of the runs can be merged: the rest of the store would have to be
 * written again. */
static void
deleting_goes_on_where_nothing_can_be_merged(void **state)
{
    enum { DELETES = 50, LEFT = 300000 };
    firn_error err;
    struct world world = {0};
    fill(&world);
    leave(&world, LEFT);
    for (unsigned key = 0; key < DELETES; key++) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", key);
        DB_OK(fi_db_delete(world.keyspace, firn_str(text), FIRN_DURABILITY_DEFAULT, &err));
        world.versions[key] = 0;
        DB_OK(fi_db_maintain_flush(world.db, &err));
    }
    firn_store_statistics stats;
    DB_OK(fi_inspect_stats(world.db, &stats, &err));
    assert_true(stats.levels[0].files > 30);
    check_all(&world);
    leave(&world, 1 << 20);
    DB_OK(fi_db_maintain_compact(world.db, NULL, &err));
    check_all(&world);
    DB_OK(fi_db_close(world.db, &err));
    db_support_deinit(&world.support);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_goes_on_when_there_is_space_again),
        cmocka_unit_test(a_delete_waits_for_a_work_that_has_the_last_space),
        cmocka_unit_test(space_is_made_again_after_waiting),
        cmocka_unit_test(deleting_makes_space_on_a_full_disk),
        cmocka_unit_test(deleting_each_key_of_a_store_that_fills_its_disk_is_never_refused),
        cmocka_unit_test(deleting_every_other_key_of_a_store_that_fills_its_disk_makes_space),
        cmocka_unit_test(a_store_that_fills_its_disk_is_opened_after_a_crash),
        cmocka_unit_test(a_store_that_fills_its_disk_is_closed_and_opened),
        cmocka_unit_test(dropping_makes_space_on_a_full_disk),
        cmocka_unit_test(a_full_disk_is_closed_and_read),
        cmocka_unit_test(a_store_that_shrank_gives_back_what_it_reserved),
        cmocka_unit_test(a_reserve_grows_as_far_as_there_is_space),
        cmocka_unit_test(deleting_goes_on_where_nothing_can_be_merged),
    };
    return cmocka_run_group_tests_name("db_space", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: the rows of pieces: large row groups, failures, damage, and threads that read beside flushes
 * and compactions. FIRN_TEST_LONG=1 tries every point of failure.
 */
#include "support/lsm/pieces_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/mem.h"
#include "base/slice.h"
#include "hosted/os_ram.h"
#include "lsm/lsm_internal.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test_alloc.h"
#include "support/test_os.h"

static struct fi_os *memory;
static struct fi_os *faulty;
static struct pieces_fixture fixture;
static const struct fi_snapshot_interval everything = {1, UINT64_MAX};
static const struct fi_snapshot now = {&everything, 1, 0, NULL};

static int
setup(void **state)
{
    firn_error err;
    TEST_OK(fi_sim_memory_create(1, &memory, &err), &err);
    TEST_OK(fi_sim_fault_create(memory, &faulty, &err), &err);
    pieces_group_rows = 8;
    pieces_fixture_init(&fixture, faulty);
    return 0;
}

static int
teardown(void **state)
{
    pieces_fixture_deinit(&fixture);
    fi_sim_fault_destroy(faulty);
    fi_sim_memory_destroy(memory);
    return 0;
}

static void
use_large_runs(void)
{
    firn_error err;
    fixture.base.options.run_bytes_target = (size_t)1 << 20;
    fixture_close(&fixture.base);
    TEST_OK(fixture_open(&fixture.base, &err), &err);
}

static struct fi_lsm_pieces_options
options_of(const struct fi_snapshot *snapshot)
{
    return (struct fi_lsm_pieces_options){.snapshot = snapshot, .time_ms = fixture.time_ms};
}

/* How many pieces are direct. */
static size_t
count_direct(const struct fi_lsm_pieces_options *options, size_t *out_all)
{
    firn_error err;
    struct fi_lsm_pieces *pieces;
    size_t direct = 0;
    TEST_OK(fi_lsm_pieces_open(pieces_fixture_tree(&fixture), options, &pieces, &err), &err);
    *out_all = fi_lsm_pieces_count(pieces);
    for (size_t i = 0; i < *out_all; i++) {
        struct fi_lsm_piece piece;
        fi_lsm_pieces_at(pieces, i, &piece);
        direct += piece.run != NULL;
    }
    fi_lsm_pieces_close(pieces);
    return direct;
}

static void
assert_pieces(const struct fi_snapshot *snapshot, size_t direct, size_t all)
{
    const struct fi_lsm_pieces_options options = options_of(snapshot);
    size_t found_all;
    size_t found = count_direct(&options, &found_all);
    assert_int_equal(found, direct);
    assert_int_equal(found_all, all);
    pieces_fixture_compare(&fixture, &options);
    pieces_fixture_prove(&fixture, &options);
}

static void
groups_are_direct_where_nothing_else_is_seen(void **state)
{
    use_large_runs();
    assert_pieces(&now, 0, 0);
    pieces_fixture_load(&fixture, 0, 80);
    assert_pieces(&now, 10, 10);
    const struct fi_snapshot_interval then = {1, fixture.base.sequence};
    const struct fi_snapshot before = {&then, 1, 0, NULL};
    /* A version in a memtable: its group is merged, for those who see it. */
    pieces_fixture_put(&fixture, 20);
    assert_pieces(&now, 9, 10);
    assert_pieces(&before, 10, 10);
    /* After all groups, and between two runs. */
    pieces_fixture_put(&fixture, 100);
    assert_pieces(&now, 9, 11);
    /* A range delete that reaches into two groups. */
    pieces_fixture_delete_range(&fixture, 47, 49);
    assert_pieces(&now, 7, 10);
    assert_pieces(&before, 10, 10);
    /* One row group from key 20 to key 100. */
    pieces_fixture_flush(&fixture);
    assert_pieces(&now, 2, 3);
    assert_pieces(&before, 10, 10);
    /* A range delete that ends where a group begins. */
    pieces_group_rows = 4;
    pieces_fixture_load(&fixture, 200, 216);
    pieces_fixture_delete_range(&fixture, 190, 200);
    assert_pieces(&now, 6, 7);
    /* One that begins at the last key of a group. */
    pieces_fixture_delete_range(&fixture, 203, 204);
    assert_pieces(&now, 5, 6);
    /* What is newer than a range delete is not covered by it. */
    pieces_fixture_load(&fixture, 201, 203);
    pieces_fixture_delete_range(&fixture, 300, 310);
    pieces_fixture_load(&fixture, 302, 304);
    assert_pieces(&now, 6, 7);
}

/* Runs with row groups of many blocks. */
static void
fill_large(void)
{
    pieces_group_rows = 0;
    use_large_runs();
    pieces_fixture_load(&fixture, 0, 6000);
    for (unsigned key = 0; key < 9000; key += key < 700 ? 1 : 97) {
        pieces_fixture_put(&fixture, key);
    }
    pieces_fixture_flush(&fixture);
    for (unsigned key = 5; key < 7000; key += key < 2000 ? 400 : 3) {
        if (key % 2 == 0) {
            pieces_fixture_delete(&fixture, key);
        } else {
            pieces_fixture_put(&fixture, key);
        }
    }
}

static void
rows_of_large_groups_win_block_by_block(void **state)
{
    struct fi_buf lower = {0};
    struct fi_buf upper = {0};
    fill_large();
    struct fi_lsm_pieces_options options = options_of(&now);
    pieces_met = (struct pieces_met){0};
    pieces_fixture_compare(&fixture, &options);
    assert_true(pieces_met.rows > 5000);
    pieces_fixture_key(1500, &lower);
    pieces_fixture_key(4444, &upper);
    const firn_slice lower_slice = fi_buf_slice(&lower);
    const firn_slice upper_slice = fi_buf_slice(&upper);
    options.lower = &lower_slice;
    options.upper = &upper_slice;
    pieces_fixture_compare(&fixture, &options);
    /* A merge that is found late. */
    pieces_fixture_merge(&fixture, 4000);
    pieces_fixture_compare(&fixture, &options);
    options.lower = NULL;
    options.upper = NULL;
    pieces_fixture_compare(&fixture, &options);
    fi_buf_deinit(&lower);
    fi_buf_deinit(&upper);
}

/* ---- failures ---- */

/* Direct pieces, merged ones, and one that needs a cursor. */
static void
fill_some(void)
{
    pieces_fixture_load(&fixture, 0, 60);
    for (unsigned key = 20; key < 50; key += 4) {
        pieces_fixture_put(&fixture, key);
    }
    pieces_fixture_merge(&fixture, 90);
    pieces_fixture_delete_range(&fixture, 40, 44);
    pieces_fixture_flush(&fixture);
    for (unsigned key = 3; key < 30; key += 13) {
        pieces_fixture_put_until(&fixture, key, 5000);
    }
}

static void
an_allocation_that_fails_leaves_nothing(void **state)
{
    firn_error err;
    test_alloc_install();
    assert_int_equal(setup(state), 0);
    fill_some();
    const struct fi_lsm_pieces_options options = options_of(&now);
    uint64_t rows = 0;
    TEST_OK(pieces_fixture_read(&fixture, &options, false, &rows, &err), &err);
    for (unsigned way = 0; way < 2; way++) {
        uint64_t n = 0;
        uint64_t met;
        int rc;
        do {
            test_alloc_fail_at(++n, false);
            rc = pieces_fixture_read(&fixture, &options, way == 1, &met, &err);
            test_alloc_fail_at(0, false);
            assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
            assert_true(rc != FIRN_OK || met == rows);
        } while (rc != FIRN_OK);
        print_message("count: %llu allocations\n", (unsigned long long)n);
        assert_true(n > 20);
    }
    assert_int_equal(teardown(state), 0);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* Nothing is in the cache, and no run is open. */
static void
reopen(void)
{
    firn_error err;
    fixture_abandon(&fixture.base);
    fi_block_cache_destroy(fixture.base.cache);
    TEST_OK(fi_block_cache_create(fixture.base.os, 256 << 10, &fixture.base.cache, &err), &err);
    fixture.base.options.cache = fixture.base.cache;
    TEST_OK(fixture_open(&fixture.base, &err), &err);
}

static void
a_call_that_fails_is_told(void **state)
{
    firn_error err;
    uint64_t rows;
    uint64_t hits = 0;
    bool has_passed = false;
    fill_some();
    pieces_fixture_flush(&fixture);
    const struct fi_lsm_pieces_options options = options_of(&now);
    TEST_OK(pieces_fixture_read(&fixture, &options, false, &rows, &err), &err);
    for (uint64_t n = 1; !has_passed; n++) {
        const struct fi_sim_fault_plan plan = {.call = n,
                                               .classes = FI_SIM_FAULT_ALL,
                                               .kind = FI_SIM_FAULT_FAILS,
                                               .error_number = EIO};
        uint64_t met;
        reopen();
        fi_sim_fault_set_plan(faulty, &plan);
        int rc = pieces_fixture_read(&fixture, &options, n % 2 == 0, &met, &err);
        has_passed = fi_sim_fault_hits(faulty) == 0;
        hits += fi_sim_fault_hits(faulty);
        fi_sim_fault_set_plan(faulty, NULL);
        assert_int_equal(rc, has_passed ? FIRN_OK : FIRN_IO);
        TEST_OK(pieces_fixture_read(&fixture, &options, false, &met, &err), &err);
        assert_int_equal(met, rows);
    }
    assert_true(hits > 10);
}

static int
first_run(void *ctx, const struct fi_os_dirent *entry)
{
    char *name = ctx;
    if (entry->name_size > 7 && strcmp(entry->name + entry->name_size - 7, ".column") == 0 &&
        (name[0] == '\0' || strcmp(entry->name, name) < 0)) {
        (void)snprintf(name, 64, "%s", entry->name);
    }
    return FIRN_OK;
}

static void
damage_is_told_or_does_no_harm(void **state)
{
    firn_error err;
    char name[64] = "";
    struct fi_os_dir *runs;
    uint64_t rows;
    unsigned told = 0;
    unsigned named = 0;
    size_t size;
    fill_some();
    pieces_fixture_flush(&fixture);
    const struct fi_lsm_pieces_options options = options_of(&now);
    TEST_OK(pieces_fixture_read(&fixture, &options, false, &rows, &err), &err);
    TEST_OK(fi_os_dir_open(fixture.base.dir, "runs", &runs, &err), &err);
    TEST_OK(fi_os_dir_list(runs, first_run, name, &err), &err);
    assert_true(name[0] != '\0');
    char *bytes = test_os_get(runs, name, &size);
    const char *longer = getenv("FIRN_TEST_LONG");
    for (size_t at = 0; at < size; at += longer != NULL ? 1 : 1 + size / 150) {
        uint64_t met;
        bytes[at] = (char)(bytes[at] ^ 0x40);
        fixture_abandon(&fixture.base);
        test_os_put(runs, name, bytes, size);
        TEST_OK(fixture_open(&fixture.base, &err), &err);
        reopen();
        int rc = pieces_fixture_read(&fixture, &options, at % 2 == 0, &met, &err);
        assert_true(rc == FIRN_CORRUPT || rc == FIRN_OK || rc == FIRN_NEWER);
        assert_true(rc != FIRN_OK || met == rows);
        told += rc != FIRN_OK;
        named += rc != FIRN_OK && strstr(err.text, name) != NULL;
        bytes[at] = (char)(bytes[at] ^ 0x40);
    }
    print_message("count: %u told, %u of these with the name of the file\n", told, named);
    assert_true(told > 50 && named == told);
    fixture_abandon(&fixture.base);
    test_os_put(runs, name, bytes, size);
    TEST_OK(fixture_open(&fixture.base, &err), &err);
    fi_free(bytes);
    fi_os_dir_close(runs);
}

/* ---- threads ---- */

struct world {
    struct fi_snapshot snapshot;
    uint64_t rows;
    struct fi_lsm_pieces *shared;
    _Atomic bool is_done;
    _Atomic unsigned readings;
    _Atomic unsigned failures;
};

/* Reads pieces of its own, and every other one of those that threads share. */
static void *
read_on(void *ctx)
{
    struct world *world = ctx;
    const struct fi_lsm_pieces_options options = options_of(&world->snapshot);
    do {
        firn_error err;
        uint64_t rows;
        int rc = pieces_fixture_read(&fixture, &options, world->readings % 2 == 0, &rows, &err);
        world->failures += rc != FIRN_OK || rows != world->rows;
        for (size_t i = world->readings % 2; i < fi_lsm_pieces_count(world->shared); i += 2) {
            struct fi_lsm_winners *winners = NULL;
            size_t count = 0;
            rc = fi_lsm_winners_open(world->shared, i, false, &winners, &err);
            do {
                rc = rc == FIRN_OK ? fi_lsm_winners_next(winners, &count, &err) : rc;
            } while (rc == FIRN_OK && count > 0);
            world->failures += rc != FIRN_OK;
            fi_lsm_winners_close(winners);
        }
        world->readings++;
    } while (!world->is_done);
    return NULL;
}

static void
threads_read_beside_flushes_and_compactions(void **state)
{
    enum { THREADS = 3 };
    static struct world world;
    pthread_t threads[THREADS];
    firn_error err;
    struct fi_os *os;
    TEST_OK(fi_os_ram_create(64 << 20, &os, &err), &err); /* the other one is for one thread */
    pieces_group_rows = 8;
    pieces_fixture_init(&fixture, os);
    fill_some();
    size_t number = fixture_checkpoint(&fixture.base);
    world = (struct world){.snapshot = fixture_snapshot_of(&fixture.base, number)};
    const struct fi_lsm_pieces_options options = options_of(&world.snapshot);
    TEST_OK(pieces_fixture_read(&fixture, &options, false, &world.rows, &err), &err);
    TEST_OK(fi_lsm_pieces_open(pieces_fixture_tree(&fixture), &options, &world.shared, &err), &err);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_on, &world), 0);
    }
    struct test_random random;
    test_random_init(&random, "lsm_winners", 7);
    for (unsigned round = 0; round < 60 || world.readings < 10; round++) {
        for (unsigned i = 0; i < 20; i++) {
            pieces_fixture_put(&fixture, (unsigned)test_random_below(&random, 100));
        }
        pieces_fixture_delete_range(&fixture, round % 90, round % 90 + 3);
        pieces_fixture_flush(&fixture);
        if (round % 3 == 0) {
            pieces_fixture_work(&fixture);
        }
    }
    world.is_done = true;
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    fi_lsm_pieces_close(world.shared);
    print_message("count: %u readings\n", world.readings);
    assert_int_equal(world.failures, 0);
    pieces_fixture_deinit(&fixture);
    fi_os_ram_destroy(os);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(groups_are_direct_where_nothing_else_is_seen, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(rows_of_large_groups_win_block_by_block, setup, teardown),
        cmocka_unit_test(an_allocation_that_fails_leaves_nothing),
        cmocka_unit_test_setup_teardown(a_call_that_fails_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_told_or_does_no_harm, setup, teardown),
        cmocka_unit_test(threads_read_beside_flushes_and_compactions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

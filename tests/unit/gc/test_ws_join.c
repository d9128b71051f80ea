/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/gc: small packs become few after a save, with failures, and with readers.
 */
#include <errno.h>

#include "gc/gc.h"
#include "objects/objects.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"
#include "support/workspace/gc_support.h"
#include "support/workspace/ws_break.h"

/* ---- which ones ---- */

static int
compare_sizes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Whether each is at least twice as large as the one before it. */
static bool
are_apart(const uint64_t *sizes, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (sizes[i] / 2 < sizes[i - 1]) {
            return false;
        }
    }
    return true;
}

static void
what_is_left_is_few_and_apart(void **state)
{
    struct test_random random;
    test_random_init(&random, "ws_join", 1);
    enum { MOST = 40 };
    uint64_t sizes[MOST];
    for (unsigned round = 0; round < 100000; round++) {
        size_t count = test_random_below(&random, MOST);
        for (size_t i = 0; i < count; i++) {
            sizes[i] =
                1 + test_random_below(&random, UINT64_C(1) << test_random_below(&random, 30));
        }
        qsort(sizes, count, sizeof sizes[0], compare_sizes);
        size_t chosen = fi_gc_join_choose(sizes, count);
        if (count < FI_GC_JOIN_PACKS) {
            assert_int_equal(chosen, 0);
            continue;
        }
        assert_true(chosen >= 2 && chosen <= count);
        assert_true(count - chosen + 1 < FI_GC_JOIN_PACKS);
        uint64_t joined = 0;
        for (size_t i = 0; i < chosen; i++) {
            joined += sizes[i];
        }
        sizes[chosen - 1] = joined;
        assert_true(are_apart(sizes + chosen - 1, count - chosen + 1));
    }
}

/* A thousand saves of about the same size: few packs, and few bytes that are written again. */
static void
bytes_are_rewritten_seldom(void **state)
{
    enum { SAVES = 1000, SIZE = 2000 };
    uint64_t sizes[FI_GC_JOIN_PACKS + 1];
    size_t count = 0;
    uint64_t written = 0;
    for (unsigned i = 0; i < SAVES; i++) {
        sizes[count++] = SIZE;
        qsort(sizes, count, sizeof sizes[0], compare_sizes);
        size_t chosen = fi_gc_join_choose(sizes, count);
        if (chosen > 0) {
            uint64_t joined = 0;
            for (size_t j = 0; j < chosen; j++) {
                joined += sizes[j];
            }
            written += joined;
            sizes[chosen - 1] = joined;
            memmove(sizes, sizes + chosen - 1, (count - chosen + 1) * sizeof sizes[0]);
            count -= chosen - 1;
        }
        assert_true(count < FI_GC_JOIN_PACKS);
    }
    assert_true(written < (uint64_t)12 * SAVES * SIZE);
}

/* ---- in a store ---- */

enum { SAVES = 40 };

/* A tree that changes from save to save, so that each makes a pack, some with deltas. */
static void
change(struct scan_world *tree, unsigned i)
{
    char name[16];
    char text[32];
    char lines[40 * 40];
    snprintf(name, sizeof name, "dir%u/f", i % 5);
    snprintf(text, sizeof text, "text %u", i);
    scan_put_random(tree, name, i, 2000);
    scan_put_text(tree, "notes", text);
    for (unsigned j = 0; j < 40; j++) {
        snprintf(lines + j * 39, 40, "%08x %08x %08x %08x   \n", j * 0x9e3779b9U, ~j * 0x85ebca6bU,
                 j * j * 0xc2b2ae35U, j == i ? i : 0);
    }
    scan_put_text(tree, "lines", lines);
}

static void
assert_comes_back(struct ws_world *world, unsigned number, const char *dump)
{
    char reference[8];
    snprintf(reference, sizeof reference, "%u", number);
    ws_restore(world, reference);
    ws_assert_dump(world, dump);
}

static void
many_saves_leave_few_packs(void **state)
{
    struct ws_world world;
    char *dumps[SAVES];
    ws_world_open_memory(&world, 1);
    for (unsigned i = 0; i < SAVES; i++) {
        change(&world.tree, i);
        ws_save(&world);
        dumps[i] = ws_dump(&world);
        struct gc_facts facts = gc_look(&world);
        assert_true(facts.packs < FI_GC_JOIN_PACKS);
        assert_int_equal(facts.files, facts.packs);
        assert_int_equal(facts.stray, 0);
    }
    ws_assert_check_clean(&world);
    for (unsigned i = 0; i < SAVES; i++) {
        assert_comes_back(&world, i + 1, dumps[i]);
        free(dumps[i]);
    }
    gc_assert_exact(&world);
    ws_world_close(&world);
}

static void
large_packs_stay_where_they_are(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 2);
    for (unsigned i = 0; i < FI_GC_JOIN_PACKS; i++) {
        char name[16];
        snprintf(name, sizeof name, "large%u", i);
        scan_put_random(&world.tree, name, i, 5 << 20);
        ws_save(&world);
    }
    assert_int_equal(gc_look(&world).packs, FI_GC_JOIN_PACKS);
    ws_world_close(&world);
}

static void
a_reader_of_before_finds_what_it_knew(void **state)
{
    struct ws_world world;
    struct fi_os_dir *store;
    struct firn_db *db;
    const struct fi_db_options options = {.read_only = true};
    unsigned number = 0;
    ws_world_open_memory(&world, 3);
    for (; number < FI_GC_JOIN_PACKS - 1; number++) {
        change(&world.tree, number);
        ws_save(&world);
    }
    assert_int_equal(gc_look(&world).packs, FI_GC_JOIN_PACKS - 1);
    assert_int_equal(fi_os_dir_open_path(world.tree.os, world.store_path, &store, &world.err),
                     FIRN_OK);
    assert_int_equal(fi_db_open(store, &options, &db, &world.err), FIRN_OK);
    change(&world.tree, number);
    ws_save(&world);
    struct gc_facts facts = gc_look(&world);
    assert_int_equal(facts.packs, 1);
    assert_int_equal(facts.retired, FI_GC_JOIN_PACKS);
    assert_int_equal(facts.files, FI_GC_JOIN_PACKS + 1);
    assert_int_equal(fi_db_close(db, &world.err), FIRN_OK);
    /* Nobody reads any more: the next one who writes takes them away. */
    change(&world.tree, number + 1);
    ws_save(&world);
    facts = gc_look(&world);
    assert_int_equal(facts.retired, 0);
    assert_int_equal(facts.files, facts.packs);
    fi_os_dir_close(store);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
what_is_damaged_stays_and_is_told(void **state)
{
    struct ws_world world;
    struct fi_os_dir *store;
    struct fi_os_dir *packs;
    struct fi_os_file *file;
    char name[FI_OBJECTS_INDEX_PACK_NAME_SIZE];
    uint8_t byte;
    ws_world_open_memory(&world, 4);
    for (unsigned i = 0; i < FI_GC_JOIN_PACKS - 1; i++) {
        change(&world.tree, i);
        ws_save(&world);
    }
    fi_objects_index_pack_name(2, name);
    assert_int_equal(fi_os_dir_open_path(world.tree.os, world.store_path, &store, &world.err),
                     FIRN_OK);
    assert_int_equal(fi_os_dir_open(store, FI_OBJECTS_INDEX_PACKS_DIR, &packs, &world.err),
                     FIRN_OK);
    assert_int_equal(fi_os_file_open(packs, name, FI_OS_READ | FI_OS_WRITE, 0, &file, &world.err),
                     FIRN_OK);
    assert_int_equal(fi_os_file_read_exact(file, 300, &byte, 1, &world.err), FIRN_OK);
    byte ^= 1;
    assert_int_equal(fi_os_file_write(file, 300, &byte, 1, &world.err), FIRN_OK);
    fi_os_file_close(file);
    fi_os_dir_close(packs);
    fi_os_dir_close(store);
    change(&world.tree, 20);
    char *dump = ws_dump(&world);
    ws_save(&world);
    struct gc_facts facts = gc_look(&world);
    assert_int_equal(facts.packs, 2); /* the bad one, and what became of the others */
    assert_int_equal(facts.stray, 0);
    assert_int_equal(ws_try_check(&world, NULL), FIRN_CORRUPT);
    assert_comes_back(&world, FI_GC_JOIN_PACKS, dump);
    free(dump);
    ws_world_close(&world);
}

static void
a_pack_stays_that_the_index_sees_otherwise(void **state)
{
    struct ws_world world;
    ws_world_open_memory(&world, 8);
    for (unsigned i = 0; i < FI_GC_JOIN_PACKS - 1; i++) {
        change(&world.tree, i);
        ws_save(&world);
    }
    gc_mislead(&world, "text 1", 1); /* in pack 2 */
    change(&world.tree, 20);
    ws_save(&world);
    struct gc_facts facts = gc_look(&world);
    assert_int_equal(facts.packs, 2);
    assert_int_equal(facts.stray, 0);
    ws_world_close(&world);
}

/* ---- failures: of a save that joins ---- */

struct prepared {
    struct ws_world world;
    char *dumps[FI_GC_JOIN_PACKS];
};

static void
prepare(struct prepared *prepared, uint64_t seed)
{
    ws_world_open_memory(&prepared->world, seed);
    for (unsigned i = 0; i < FI_GC_JOIN_PACKS; i++) {
        change(&prepared->world.tree, i);
        prepared->dumps[i] = ws_dump(&prepared->world);
        if (i < FI_GC_JOIN_PACKS - 1) {
            ws_save(&prepared->world);
        }
    }
    assert_int_equal(fi_os_dir_sync_filesystem(prepared->world.tree.root, &prepared->world.err),
                     FIRN_OK);
    assert_int_equal(gc_look(&prepared->world).packs, FI_GC_JOIN_PACKS - 1);
}

static void
prepared_deinit(struct prepared *prepared)
{
    for (unsigned i = 0; i < FI_GC_JOIN_PACKS; i++) {
        free(prepared->dumps[i]);
    }
    ws_world_close(&prepared->world);
}

static void
assert_all_is_well(struct ws_world *world, const struct prepared *prepared, bool is_saved)
{
    ws_assert_check_clean(world);
    for (unsigned i = 0; i < FI_GC_JOIN_PACKS - 1; i += 2) {
        assert_comes_back(world, i + 1, prepared->dumps[i]);
    }
    if (is_saved) {
        assert_comes_back(world, FI_GC_JOIN_PACKS, prepared->dumps[FI_GC_JOIN_PACKS - 1]);
    }
    change(&world->tree, 30);
    ws_save(world);
    struct gc_facts facts = gc_look(world);
    assert_true(facts.packs < FI_GC_JOIN_PACKS);
    assert_int_equal(facts.files, facts.packs);
    assert_int_equal(facts.stray, 0);
    gc_assert_exact(world);
    ws_assert_check_clean(world);
}

struct broken_save {
    const struct prepared *prepared;
    bool is_whole; /* the last one: nothing was skipped */
    unsigned joined;
};

static int
do_save(void *ctx, struct ws_world *world)
{
    struct broken_save *save = ctx;
    firn_workspace_save_result result;
    int rc = ws_try_save(world, &result);
    save->is_whole = rc == FIRN_OK && result.checkpoint->skipped == 0;
    return rc;
}

static void
judge_save(void *ctx, struct ws_world *world, const struct ws_broken *broken)
{
    struct broken_save *save = ctx;
    save->joined += save->is_whole && broken->was_hit ? 1 : 0;
    assert_all_is_well(world, save->prepared, save->is_whole);
}

static struct ws_break
how_to_break(struct broken_save *save, uint64_t every)
{
    return (struct ws_break){.from = &save->prepared->world,
                             .run = do_save,
                             .judge = judge_save,
                             .ctx = save,
                             .every = every};
}

static void
fail_calls(bool for_ever, int error_number)
{
    struct prepared prepared;
    prepare(&prepared, 5);
    struct broken_save save = {.prepared = &prepared};
    struct ws_break how = how_to_break(&save, 5);
    (void)ws_break_calls(&how, for_ever, error_number);
    assert_true(save.joined > 1); /* a save does not fail because a join does */
    prepared_deinit(&prepared);
}

static void
any_call_may_fail(void **state)
{
    fail_calls(false, EIO);
    fail_calls(true, ENOSPC);
}

static void
any_allocation_may_fail(void **state)
{
    test_alloc_install();
    struct prepared prepared;
    prepare(&prepared, 6);
    struct broken_save save = {.prepared = &prepared};
    struct ws_break how = how_to_break(&save, 23);
    ws_break_allocations(&how, WS_BREAK_BY_TURNS);
    prepared_deinit(&prepared);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
the_power_may_go_at_any_call(void **state)
{
    struct prepared prepared;
    prepare(&prepared, 7);
    struct broken_save save = {.prepared = &prepared};
    struct ws_break how = how_to_break(&save, 2);
    uint64_t cuts = ws_break_power(&how, 1);
    printf("count: %llu simulated power cuts\n", (unsigned long long)cuts);
    prepared_deinit(&prepared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_is_few_and_apart),
        cmocka_unit_test(bytes_are_rewritten_seldom),
        cmocka_unit_test(many_saves_leave_few_packs),
        cmocka_unit_test(large_packs_stay_where_they_are),
        cmocka_unit_test(a_reader_of_before_finds_what_it_knew),
        cmocka_unit_test(what_is_damaged_stays_and_is_told),
        cmocka_unit_test(a_pack_stays_that_the_index_sees_otherwise),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
    };
    return cmocka_run_group_tests_name("ws_join", tests, NULL, NULL);
}

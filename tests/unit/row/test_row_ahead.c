/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/row: how often the file is read: by cursors that walk, by cursors that jump, and where a
 * builder has handed its blocks to the cache.
 */
#include "unit/row/row_fixture.h"

#include "row/row_internal.h"
#include "sim/sim_fault.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"

enum { COUNT = 20000, MIB = 1 << 20 };

static struct fi_snapshot_interval all_interval = {1, UINT64_MAX};
static const struct fi_snapshot all = {&all_interval, 1, 0, NULL};
static const struct fi_sim_fault_plan reads = {.classes = FI_SIM_FAULT_READS};

/* A machine in memory whose reads are counted. */
struct world {
    struct row_fixture fixture;
    struct fi_os *os;
    struct fi_run_env env;
    struct row_model model;
    struct fi_run_summary summary;
    struct fi_run *run;
};

static void
add_entries(struct row_model *model, size_t count)
{
    struct test_random random = {9};
    *model = (struct row_model){0};
    for (size_t i = 0; i < count; i++) {
        char key[32];
        uint8_t value[100];
        test_random_fill(&random, value, sizeof value);
        (void)snprintf(key, sizeof key, "key/%08zu", i);
        row_model_add(model, firn_str(key), 1 + i, FI_ENTRY_PUT, firn_bytes(value, sizeof value));
    }
}

static void
build(struct world *world, const struct fi_run_builder_options *options)
{
    firn_error err;
    assert_int_equal(
        row_model_build(&world->model, &world->env, "run", options, &world->summary, &err),
        FIRN_OK);
}

static void
open_run(struct world *world)
{
    firn_error err;
    world->env.cache_file = world->summary.cache_file;
    assert_int_equal(fi_row_kind.open(&world->env, "run", &world->run, &err), FIRN_OK);
    fi_sim_fault_set_plan(world->os, &reads);
}

static void
world_init(struct world *world, size_t cache_bytes, size_t count)
{
    *world = (struct world){0};
    row_fixture_init(&world->fixture, cache_bytes);
    assert_int_equal(fi_sim_fault_create(world->fixture.os, &world->os, NULL), FIRN_OK);
    world->env.cache = world->fixture.cache;
    assert_int_equal(fi_os_dir_open_path(world->os, "/", &world->env.dir, NULL), FIRN_OK);
    add_entries(&world->model, count);
}

static void
world_deinit(struct world *world)
{
    if (world->run != NULL) {
        fi_row_kind.close(world->run);
    }
    fi_run_summary_deinit(&world->summary);
    row_model_deinit(&world->model);
    fi_os_dir_close(world->env.dir);
    fi_sim_fault_destroy(world->os);
    row_fixture_deinit(&world->fixture);
}

static struct fi_block_cache_stats
stats_of(const struct world *world)
{
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(world->fixture.cache, &stats);
    return stats;
}

/* ---- walking ---- */

static const enum fi_codec codecs[] = {FI_CODEC_NONE, FI_CODEC_LZ4, FI_CODEC_ZSTD};

/* All entries, from one end to the other; how many reads that took. */
static uint64_t
walk(struct world *world, bool is_backward)
{
    firn_error err;
    struct fi_run_cursor *cursor;
    size_t count = world->model.count;
    fi_sim_fault_set_plan(world->os, &reads);
    assert_int_equal(fi_row_kind.cursor_create(world->run, NULL, &cursor, &err), FIRN_OK);
    assert_int_equal(is_backward ? fi_row_kind.cursor_last(cursor, &err)
                                 : fi_row_kind.cursor_first(cursor, &err),
                     FIRN_OK);
    for (size_t i = 0; i < count; i++) {
        assert_true(cursor->is_valid);
        row_model_compare_entry(&world->model.entries[is_backward ? count - 1 - i : i],
                                &cursor->entry);
        assert_int_equal(is_backward ? fi_row_kind.cursor_prev(cursor, &err)
                                     : fi_row_kind.cursor_next(cursor, &err),
                         FIRN_OK);
    }
    assert_false(cursor->is_valid);
    fi_row_kind.cursor_destroy(cursor);
    return fi_sim_fault_calls(world->os);
}

static void
a_walk_reads_many_blocks_at_once_and_keeps_them(void **state)
{
    for (unsigned i = 0; i < 6; i++) {
        struct world world;
        struct fi_run_builder_options options = {.codec = codecs[i / 2], .codec_level = 1};
        world_init(&world, 8 * MIB, COUNT);
        build(&world, &options);
        open_run(&world);
        uint64_t blocks_before = stats_of(&world).blocks;
        uint64_t misses_before = stats_of(&world).misses;
        uint64_t blocks = world.summary.content_bytes / 4096;
        uint64_t calls = walk(&world, i % 2 != 0);
        /* Alone, 32, 64, 128 KiB, and all else. */
        assert_true(calls >= 5 &&
                    calls <= 2 + 3 + 2 + world.summary.file_bytes / FI_ROW_WINDOW_SIZE_MAX);
        assert_true(stats_of(&world).blocks - blocks_before >= blocks);
        assert_int_equal(stats_of(&world).misses - misses_before,
                         stats_of(&world).blocks - blocks_before);
        assert_int_equal(walk(&world, i % 2 == 0), 0); /* it is all there now */
        world_deinit(&world);
    }
}

static void
a_walk_beyond_the_cache_reads_no_byte_twice(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        struct world world;
        struct fi_run_builder_options options = {.codec = FI_CODEC_NONE};
        world_init(&world, i < 2 ? 0 : 300 << 10, COUNT);
        build(&world, &options);
        open_run(&world);
        uint64_t once = walk(&world, i % 2 != 0);
        uint64_t blocks = world.summary.content_bytes / 4096;
        if (i >= 2) { /* the index is read again and again where nothing is kept */
            assert_true(once < blocks / 4);
        }
        world_deinit(&world);
    }
}

static void
blocks_of_the_cache_may_lie_between(void **state)
{
    for (unsigned i = 0; i < 2; i++) {
        struct world world;
        struct fi_run_builder_options options = {.codec = FI_CODEC_NONE};
        world_init(&world, 8 * MIB, COUNT);
        build(&world, &options);
        open_run(&world);
        for (size_t at = 0; at < COUNT; at += COUNT / 50) {
            row_model_compare_get(&world.model, world.run, world.model.entries[at].key, &all);
        }
        uint64_t calls = walk(&world, i == 1);
        assert_true(calls >= 5 && calls < stats_of(&world).blocks / 20);
        world_deinit(&world);
    }
}

static void
a_cursor_that_jumps_reads_one_block_at_a_time(void **state)
{
    firn_error err;
    struct world world;
    struct fi_run_cursor *cursor;
    struct fi_run_builder_options options = {.codec = FI_CODEC_NONE};
    world_init(&world, 8 * MIB, COUNT);
    build(&world, &options);
    open_run(&world);
    assert_int_equal(fi_row_kind.cursor_create(world.run, NULL, &cursor, &err), FIRN_OK);
    for (size_t i = 0; i < 100; i++) {
        size_t at = i * 7919 % COUNT;
        const struct fi_entry *entry = &world.model.entries[at];
        uint64_t misses = stats_of(&world).misses;
        fi_sim_fault_set_plan(world.os, &reads);
        assert_int_equal(fi_row_kind.cursor_seek(cursor, entry->key, UINT64_MAX, &err), FIRN_OK);
        for (size_t step = 0; step < 25 && cursor->is_valid; step++) { /* into the next block */
            row_model_compare_entry(&world.model.entries[at + step], &cursor->entry);
            assert_int_equal(fi_row_kind.cursor_next(cursor, &err), FIRN_OK);
        }
        assert_int_equal(fi_sim_fault_calls(world.os), stats_of(&world).misses - misses);
        assert_true(fi_sim_fault_calls(world.os) <= 2);
    }
    fi_row_kind.cursor_destroy(cursor);
    world_deinit(&world);
}

static void
memory_for_reading_ahead_goes_when_the_cursor_jumps(void **state)
{
    firn_error err;
    struct world world;
    struct fi_run_cursor *cursor;
    struct fi_run_builder_options options = {.codec = FI_CODEC_NONE};
    test_alloc_install();
    world_init(&world, 0, COUNT);
    build(&world, &options);
    open_run(&world);
    assert_int_equal(fi_row_kind.cursor_create(world.run, NULL, &cursor, &err), FIRN_OK);
    assert_int_equal(fi_row_kind.cursor_first(cursor, &err), FIRN_OK);
    int64_t at_first = test_alloc_alive();
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(fi_row_kind.cursor_next(cursor, &err), FIRN_OK);
    }
    assert_int_equal(test_alloc_alive(), at_first + 1);
    assert_int_equal(fi_row_kind.cursor_last(cursor, &err), FIRN_OK);
    assert_int_equal(test_alloc_alive(), at_first);
    fi_row_kind.cursor_destroy(cursor);
    world_deinit(&world);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* Whatever fails: what is shown is right, and a walk that says nothing has shown all. */
static int
walk_as_far_as_it_goes(struct world *world, firn_error *err)
{
    struct fi_run_cursor *cursor;
    int rc = fi_row_kind.cursor_create(world->run, NULL, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    size_t i = 0;
    rc = fi_row_kind.cursor_first(cursor, err);
    while (rc == FIRN_OK && cursor->is_valid) {
        row_model_compare_entry(&world->model.entries[i++], &cursor->entry);
        rc = fi_row_kind.cursor_next(cursor, err);
    }
    assert_true(rc != FIRN_OK || i == world->model.count);
    fi_row_kind.cursor_destroy(cursor);
    return rc;
}

static void
a_read_ahead_that_fails_is_done_without(void **state)
{
    struct world world;
    struct fi_run_builder_options options = {.codec = FI_CODEC_LZ4};
    world_init(&world, 8 * MIB, 2000);
    build(&world, &options);
    fi_run_summary_deinit(&world.summary);
    world.summary = (struct fi_run_summary){0};
    open_run(&world);
    fi_row_kind.close(world.run);
    for (uint64_t n = 1;; n++) {
        firn_error err;
        assert_int_equal(fi_row_kind.open(&world.env, "run", &world.run, &err), FIRN_OK);
        struct fi_sim_fault_plan plan = reads;
        plan.call = n;
        plan.error_number = 5;
        fi_sim_fault_set_plan(world.os, &plan);
        int rc = walk_as_far_as_it_goes(&world, &err);
        assert_int_equal(rc, n <= 2 ? FIRN_IO : FIRN_OK); /* two blocks are read alone */
        bool was_hit = fi_sim_fault_hits(world.os) > 0;
        plan.for_ever = true;
        plan.call = 1;
        fi_sim_fault_set_plan(world.os, NULL);
        assert_int_equal(walk_as_far_as_it_goes(&world, &err), FIRN_OK);
        fi_row_kind.close(world.run);
        if (!was_hit) {
            assert_true(n > 4);
            break;
        }
    }
    world.run = NULL;
    world_deinit(&world);
}

static void
memory_that_is_out_ends_a_walk_with_an_error_at_most(void **state)
{
    struct world world;
    struct fi_run_builder_options options = {.codec = FI_CODEC_LZ4};
    test_alloc_install();
    world_init(&world, 8 * MIB, 2000);
    build(&world, &options);
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        firn_error err;
        assert_int_equal(fi_row_kind.open(&world.env, "run", &world.run, &err), FIRN_OK);
        fault.for_ever = fault.n % 2 == 0;
        test_fault_allocation(&fault);
        int rc = walk_as_far_as_it_goes(&world, &err);
        test_fault_end(&fault);
        assert_true(rc == FIRN_OK || (fault.was_hit && rc == FIRN_NO_MEMORY));
        assert_int_equal(walk_as_far_as_it_goes(&world, &err), FIRN_OK);
        fi_row_kind.close(world.run);
    }
    world.run = NULL;
    world_deinit(&world);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* ---- what a builder hands over ---- */

/* Gets all keys; how many reads that took. */
static uint64_t
get_all(struct world *world)
{
    fi_sim_fault_set_plan(world->os, &reads);
    for (size_t i = 0; i < world->model.count; i++) {
        row_model_compare_get(&world->model, world->run, world->model.entries[i].key, &all);
    }
    return fi_sim_fault_calls(world->os);
}

/* Builds the run as if a block of its sources had been found in the cache for each entry from the
 * begin-th to before the end-th that is the first of `every`. */
static void
build_found(struct world *world, enum fi_codec codec, size_t begin, size_t end, size_t every)
{
    firn_error err;
    uint64_t found = 0;
    struct fi_run_builder *builder;
    struct fi_run_builder_options options = {.codec = codec, .codec_level = 1, .found = &found};
    assert_int_equal(fi_row_kind.builder_create(&world->env, "run", &options, &builder, &err),
                     FIRN_OK);
    for (size_t i = 0; i < world->model.count; i++) {
        found += i >= begin && i < end && (i - begin) % every == 0;
        assert_int_equal(fi_row_kind.builder_add(builder, &world->model.entries[i], &err), FIRN_OK);
    }
    assert_int_equal(fi_row_kind.builder_finish(builder, &world->summary, &err), FIRN_OK);
    fi_row_kind.builder_destroy(builder);
}

static void
a_run_whose_blocks_were_handed_over_is_not_read(void **state)
{
    for (unsigned i = 0; i < 3; i++) {
        struct world world;
        world_init(&world, 8 * MIB, COUNT);
        build_found(&world, codecs[i], 0, COUNT, 10);
        assert_true(world.summary.cache_file != 0);
        assert_true(stats_of(&world).blocks >= world.summary.content_bytes / 4096);
        open_run(&world);
        assert_int_equal(walk(&world, false), 0);
        assert_int_equal(get_all(&world), 1); /* the filter */
        row_model_check_is_clean(world.run);  /* it is on the disk, too */
        fi_row_kind.close(world.run);
        world.run = NULL;
        assert_int_equal(stats_of(&world).blocks, 0);
        world_deinit(&world);
    }
}

static void
blocks_that_were_found_are_handed_over_and_others_not(void **state)
{
    struct world world;
    world_init(&world, 8 * MIB, COUNT);
    build_found(&world, FI_CODEC_LZ4, COUNT / 2, COUNT, 10);
    uint64_t blocks = world.summary.content_bytes / 4096;
    uint64_t handed = stats_of(&world).blocks;
    assert_true(handed >= blocks / 2 - 2 && handed <= blocks / 2 + 2);
    open_run(&world);
    for (size_t i = COUNT / 2 + 100; i < COUNT; i++) {
        row_model_compare_get(&world.model, world.run, world.model.entries[i].key, &all);
    }
    assert_int_equal(fi_sim_fault_calls(world.os), 1); /* the filter */
    row_model_compare_get(&world.model, world.run, world.model.entries[100].key, &all);
    assert_int_equal(fi_sim_fault_calls(world.os), 2);
    world_deinit(&world);
}

static void
no_more_blocks_are_handed_over_than_were_found(void **state)
{
    for (size_t every = 100; every <= 1000; every += 300) {
        struct world world;
        world_init(&world, 8 * MIB, COUNT);
        build_found(&world, FI_CODEC_NONE, 0, COUNT, every);
        assert_int_equal(stats_of(&world).blocks, (COUNT + every - 1) / every);
        world_deinit(&world);
    }
}

static void
what_was_found_in_one_place_counts_for_two_blocks_at_most(void **state)
{
    struct world world;
    world_init(&world, 8 * MIB, COUNT);
    build_found(&world, FI_CODEC_NONE, 1000, 1020, 1);
    assert_true(stats_of(&world).blocks == 2 || stats_of(&world).blocks == 3); /* or in two */
    world_deinit(&world);
}

/* What a sequential walk over all of the run counts. */
static uint64_t
count_found(struct world *world)
{
    firn_error err;
    uint64_t found = 0;
    struct fi_run_cursor *cursor;
    struct fi_run_cursor_options options = {.is_sequential = true, .found = &found};
    assert_int_equal(fi_row_kind.cursor_create(world->run, &options, &cursor, &err), FIRN_OK);
    assert_int_equal(fi_row_kind.cursor_first(cursor, &err), FIRN_OK);
    while (cursor->is_valid) {
        assert_int_equal(fi_row_kind.cursor_next(cursor, &err), FIRN_OK);
    }
    fi_row_kind.cursor_destroy(cursor);
    return found;
}

static void
a_merge_counts_what_readers_have_found(void **state)
{
    struct world world;
    struct fi_run_builder_options options = {.codec = FI_CODEC_NONE};
    world_init(&world, 8 * MIB, COUNT);
    build(&world, &options);
    open_run(&world);
    assert_int_equal(count_found(&world), 0); /* not there */
    for (size_t i = 0; i < COUNT / 2; i += COUNT / 10) {
        row_model_compare_get(&world.model, world.run, world.model.entries[i].key, &all);
    }
    assert_int_equal(count_found(&world), 5); /* each was asked for twice */
    struct fi_run_hit hit;
    assert_int_equal(
        fi_row_kind.get(world.run, world.model.entries[COUNT - 1].key, &all, &hit, NULL, NULL),
        FIRN_OK);
    assert_int_equal(count_found(&world), 5); /* the sixth once */
    world_deinit(&world);
}

static void
a_builder_that_is_given_up_leaves_nothing_in_the_cache(void **state)
{
    firn_error err;
    struct world world;
    struct fi_run_builder *builder;
    uint64_t found;
    struct fi_run_builder_options options = {.codec = FI_CODEC_NONE, .found = &found};
    world_init(&world, 8 * MIB, 1000);
    assert_int_equal(fi_row_kind.builder_create(&world.env, "run", &options, &builder, &err),
                     FIRN_OK);
    for (size_t i = 0; i < 1000; i++) {
        found = 1;
        assert_int_equal(fi_row_kind.builder_add(builder, &world.model.entries[i], &err), FIRN_OK);
    }
    assert_true(stats_of(&world).blocks > 10);
    fi_row_kind.builder_destroy(builder);
    assert_int_equal(stats_of(&world).blocks, 0);
    world_deinit(&world);
}

static void
a_run_that_cannot_be_opened_leaves_nothing_in_the_cache(void **state)
{
    firn_error err;
    struct world world;
    test_alloc_install();
    struct test_fault fault = {.for_ever = true};
    while (test_fault_next(&fault)) {
        world_init(&world, 8 * MIB, 300);
        build_found(&world, FI_CODEC_NONE, 0, 300, 1);
        assert_true(stats_of(&world).blocks > 5);
        world.env.cache_file = world.summary.cache_file;
        test_fault_allocation(&fault);
        int rc = fi_row_kind.open(&world.env, "run", &world.run, &err);
        test_fault_end(&fault);
        assert_true(rc == FIRN_OK || stats_of(&world).blocks == 0);
        world_deinit(&world);
        if (rc == FIRN_OK) {
            break;
        }
        assert_int_equal(rc, FIRN_NO_MEMORY);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_walk_reads_many_blocks_at_once_and_keeps_them),
        cmocka_unit_test(a_walk_beyond_the_cache_reads_no_byte_twice),
        cmocka_unit_test(blocks_of_the_cache_may_lie_between),
        cmocka_unit_test(a_cursor_that_jumps_reads_one_block_at_a_time),
        cmocka_unit_test(memory_for_reading_ahead_goes_when_the_cursor_jumps),
        cmocka_unit_test(a_read_ahead_that_fails_is_done_without),
        cmocka_unit_test(memory_that_is_out_ends_a_walk_with_an_error_at_most),
        cmocka_unit_test(a_run_whose_blocks_were_handed_over_is_not_read),
        cmocka_unit_test(blocks_that_were_found_are_handed_over_and_others_not),
        cmocka_unit_test(no_more_blocks_are_handed_over_than_were_found),
        cmocka_unit_test(what_was_found_in_one_place_counts_for_two_blocks_at_most),
        cmocka_unit_test(a_merge_counts_what_readers_have_found),
        cmocka_unit_test(a_builder_that_is_given_up_leaves_nothing_in_the_cache),
        cmocka_unit_test(a_run_that_cannot_be_opened_leaves_nothing_in_the_cache),
    };
    return cmocka_run_group_tests_name("row_ahead", tests, NULL, NULL);
}

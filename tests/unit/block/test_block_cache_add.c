/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: blocks that come into the cache without being read: handed over by who wrote them, or
 * out of what was read ahead.
 */
#include "unit/block/cache_fixture.h"

#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test_alloc.h"

enum { KIB = 1024, SIZE = 4096 };

/* A machine in memory whose reads are counted, a cache, and a file. */
struct world {
    struct fi_os *inner;
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_block_cache *cache;
    struct cache_file file;
};

static const struct fi_sim_fault_plan reads = {.classes = FI_SIM_FAULT_READS};

static void
world_init(struct world *world, size_t budget, size_t count)
{
    firn_error err;
    assert_int_equal(fi_sim_memory_create(3, &world->inner, &err), FIRN_OK);
    assert_int_equal(fi_sim_fault_create(world->inner, &world->os, &err), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(world->os, "/", &world->dir, &err), FIRN_OK);
    assert_int_equal(fi_block_cache_create(world->os, budget, &world->cache, &err), FIRN_OK);
    cache_file_create(world->dir, "file", 1, count, SIZE, SIZE, &world->file);
    world->file.id = fi_block_cache_add_file(world->cache);
    fi_sim_fault_set_plan(world->os, &reads);
}

static void
world_deinit(struct world *world)
{
    fi_block_cache_destroy(world->cache);
    cache_file_close(&world->file);
    fi_os_dir_close(world->dir);
    fi_sim_fault_destroy(world->os);
    fi_sim_memory_destroy(world->inner);
}

/* Hands block i over, as a writer has it. */
static void
hand_over(struct world *world, size_t i)
{
    firn_error err;
    struct fi_compress *compress;
    struct fi_buf raw = {0};
    const struct fi_block_ref *ref = &world->file.refs[i];
    assert_int_equal(fi_compress_create(&compress, &err), FIRN_OK);
    assert_int_equal(fi_block_reader_read(world->file.reader, ref, compress, &raw, &err), FIRN_OK);
    fi_block_cache_add(world->cache, world->file.id, ref->offset, fi_buf_slice(&raw));
    fi_compress_destroy(compress);
    fi_buf_deinit(&raw);
}

static size_t
count_kept(struct world *world)
{
    size_t count = 0;
    for (size_t i = 0; i < world->file.count; i++) {
        count += cache_file_has(world->cache, &world->file, i);
    }
    return count;
}

static void
a_block_that_was_handed_over_is_not_read(void **state)
{
    struct world world;
    world_init(&world, 1024 * KIB, 20);
    for (size_t i = 0; i < 20; i += 2) {
        hand_over(&world, i);
        hand_over(&world, i); /* twice is as once */
    }
    fi_sim_fault_set_plan(world.os, &reads);
    for (size_t i = 0; i < 20; i++) {
        cache_file_visit(world.cache, &world.file, i, FI_BLOCK_CACHE_DATA);
        assert_int_equal(fi_sim_fault_calls(world.os), (i + 1) / 2);
    }
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(world.cache, &stats);
    assert_int_equal(stats.misses, 10);
    assert_int_equal(stats.blocks, 20);
    world_deinit(&world);
}

static void
others_make_room_for_what_is_handed_over(void **state)
{
    struct world world;
    struct fi_block_cache_stats stats;
    world_init(&world, 256 * KIB, 200);
    for (size_t i = 0; i < 200; i++) {
        hand_over(&world, i);
        assert_true(cache_file_has(world.cache, &world.file, i));
    }
    fi_block_cache_stats(world.cache, &stats);
    assert_true(stats.blocks > 20 && stats.blocks < 64);
    assert_int_equal(stats.evictions, 200 - stats.blocks);
    assert_int_equal(count_kept(&world), stats.blocks);
    assert_true(stats.used_bytes <= 256 * KIB);
    world_deinit(&world);
}

static void
a_block_is_found_from_the_second_time_on(void **state)
{
    struct world world;
    world_init(&world, 1024 * KIB, 4);
    hand_over(&world, 0);
    cache_file_visit(world.cache, &world.file, 1, FI_BLOCK_CACHE_DATA);
    for (size_t i = 0; i < 4; i++) { /* those two, and two that are read now */
        for (size_t visit = 0; visit < 4; visit++) {
            firn_error err;
            struct fi_block_pin pin;
            assert_int_equal(cache_file_read(world.cache, &world.file, i,
                                             visit == 1 ? FI_BLOCK_CACHE_SCAN : FI_BLOCK_CACHE_DATA,
                                             &pin, &err),
                             FIRN_OK);
            assert_int_equal(fi_block_cache_was_found(&pin), visit >= (i < 2 ? 1 : 2));
            fi_block_cache_unpin(world.cache, &pin);
            assert_false(fi_block_cache_was_found(&pin));
        }
    }
    world_deinit(&world);
}

/* Reads blocks that have not been read until the cache is full; how many. */
static size_t
fill(struct world *world)
{
    struct fi_block_cache_stats stats;
    size_t i = 0;
    do {
        cache_file_visit(world->cache, &world->file, i++, FI_BLOCK_CACHE_DATA);
        fi_block_cache_stats(world->cache, &stats);
    } while (stats.evictions == 0);
    cache_file_visit(world->cache, &world->file, 0, FI_BLOCK_CACHE_DATA); /* the evicted one */
    return i;
}

static void
what_is_handed_over_stays_longer_than_what_is_read_once(void **state)
{
    struct world world;
    world_init(&world, 256 * KIB, 200);
    size_t count = fill(&world);
    hand_over(&world, count);
    for (size_t i = count + 1; i < 2 * count + 2; i++) {
        cache_file_visit(world.cache, &world.file, i, FI_BLOCK_CACHE_DATA);
    }
    assert_true(cache_file_has(world.cache, &world.file, count));
    assert_false(cache_file_has(world.cache, &world.file, count + 1));
    world_deinit(&world);
}

/* Merging: blocks that are in use are replaced by others, and all that are in use stay. */
static void
what_gives_way_makes_room_for_what_replaces_it(void **state)
{
    struct world world;
    world_init(&world, 256 * KIB, 200);
    size_t count = fill(&world) / 2 * 2 - 2;
    for (size_t i = 0; i < 4 * count; i++) {
        cache_file_visit(world.cache, &world.file, i % count, FI_BLOCK_CACHE_DATA);
    }
    for (size_t i = 0; i < count; i += 2) {
        firn_error err;
        struct fi_block_pin pin;
        assert_int_equal(
            cache_file_read(world.cache, &world.file, i, FI_BLOCK_CACHE_SCAN, &pin, &err), FIRN_OK);
        fi_block_cache_give_way(&pin);
        fi_block_cache_unpin(world.cache, &pin);
    }
    for (size_t i = 0; i < count; i += 2) {
        hand_over(&world, 100 + i / 2);
    }
    for (size_t i = 0; i < count; i += 2) {
        assert_true(cache_file_has(world.cache, &world.file, i + 1));
        assert_true(cache_file_has(world.cache, &world.file, 100 + i / 2));
    }
    world_deinit(&world);
}

static void
what_was_handed_over_goes_with_its_file(void **state)
{
    struct world world;
    struct fi_block_cache_stats stats;
    world_init(&world, 1024 * KIB, 50);
    for (size_t i = 0; i < 50; i++) {
        hand_over(&world, i);
    }
    assert_int_equal(count_kept(&world), 50);
    fi_block_cache_drop_file(world.cache, 0); /* no file */
    assert_int_equal(count_kept(&world), 50);
    fi_block_cache_drop_file(world.cache, world.file.id);
    assert_int_equal(count_kept(&world), 0);
    fi_block_cache_stats(world.cache, &stats);
    assert_int_equal(stats.blocks, 0);
    world_deinit(&world);
}

static void
a_cache_that_keeps_nothing_takes_nothing(void **state)
{
    struct world world;
    world_init(&world, 0, 3);
    hand_over(&world, 1);
    assert_int_equal(count_kept(&world), 0);
    world_deinit(&world);
}

static void
memory_that_is_out_leaves_a_block_unkept(void **state)
{
    struct world world;
    static uint8_t large[3 * SIZE];
    test_alloc_install();
    world_init(&world, 1024 * KIB, 1);
    test_alloc_fail_at(1, true);
    fi_block_cache_add(world.cache, world.file.id, 4096, firn_bytes(large, SIZE));
    fi_block_cache_add(world.cache, world.file.id, 8192, firn_bytes(large, sizeof large));
    test_alloc_fail_at(0, false);
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(world.cache, &stats);
    assert_int_equal(stats.blocks, 0);
    hand_over(&world, 0);
    assert_int_equal(count_kept(&world), 1);
    world_deinit(&world);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* ---- stored bytes that are there already ---- */

static uint8_t *
stored_of(struct world *world, size_t i)
{
    firn_error err;
    const struct fi_block_ref *ref = &world->file.refs[i];
    size_t size = (size_t)fi_block_reader_span(ref);
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    assert_int_equal(fi_block_reader_read_span(world->file.reader, ref->offset, size, bytes, &err),
                     FIRN_OK);
    return bytes;
}

static int
read_from(struct world *world, size_t i, const uint8_t *bytes, struct fi_block_pin *pin,
          firn_error *err)
{
    return fi_block_cache_read_from(world->cache, world->file.id, world->file.reader,
                                    &world->file.refs[i], bytes, FI_BLOCK_CACHE_DATA, NULL, pin,
                                    err);
}

static void
bytes_that_were_read_ahead_are_verified_and_kept(void **state)
{
    firn_error err;
    struct world world;
    struct fi_block_pin pin;
    world_init(&world, 1024 * KIB, 9);
    for (size_t i = 0; i < 9; i++) {
        uint8_t *bytes = stored_of(&world, i);
        uint8_t *bad = bytes + (i % 2 == 0 ? 3 : world.file.refs[i].stored_size / 2);
        fi_sim_fault_set_plan(world.os, &reads);
        *bad ^= 1;
        assert_int_equal(read_from(&world, i, bytes, &pin, &err), FIRN_CORRUPT);
        assert_null(pin.data);
        assert_non_null(strstr(err.text, "file"));
        assert_false(cache_file_has(world.cache, &world.file, i));
        *bad ^= 1;
        assert_int_equal(read_from(&world, i, bytes, &pin, &err), FIRN_OK);
        assert_true(cache_file_matches(&world.file, i, pin.data, pin.size));
        fi_block_cache_unpin(world.cache, &pin);
        assert_true(cache_file_has(world.cache, &world.file, i));
        assert_int_equal(fi_sim_fault_calls(world.os), 0);
        free(bytes);
    }
    world_deinit(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_that_was_handed_over_is_not_read),
        cmocka_unit_test(others_make_room_for_what_is_handed_over),
        cmocka_unit_test(a_block_is_found_from_the_second_time_on),
        cmocka_unit_test(what_is_handed_over_stays_longer_than_what_is_read_once),
        cmocka_unit_test(what_gives_way_makes_room_for_what_replaces_it),
        cmocka_unit_test(what_was_handed_over_goes_with_its_file),
        cmocka_unit_test(a_cache_that_keeps_nothing_takes_nothing),
        cmocka_unit_test(memory_that_is_out_leaves_a_block_unkept),
        cmocka_unit_test(bytes_that_were_read_ahead_are_verified_and_kept),
    };
    return cmocka_run_group_tests_name("block_cache_add", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: what the cache keeps, for how long, and within which budget.
 */
#include "unit/block/cache_fixture.h"

#include "block/block_cache_internal.h"
#include "posix/os_default.h"
#include "sim/sim_memory.h"
#include "support/test_random.h"

enum { KIB = 1024, MIB = 1024 * 1024 };

/* A machine in memory with a cache and some files. */
struct world {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_block_cache *cache;
    struct cache_file *files; /* CACHE_FIXTURE_FILES_MAX */
};

static void
world_init(struct world *world, size_t budget)
{
    firn_error err;
    assert_int_equal(fi_sim_memory_create(3, &world->os, &err), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(world->os, "/", &world->dir, &err), FIRN_OK);
    assert_int_equal(fi_block_cache_create(world->os, budget, &world->cache, &err), FIRN_OK);
    world->files = calloc(CACHE_FIXTURE_FILES_MAX, sizeof world->files[0]);
    assert_non_null(world->files);
}

static struct cache_file *
world_add(struct world *world, uint32_t i, size_t count, uint32_t size_min, uint32_t size_max)
{
    char name[16];
    (void)snprintf(name, sizeof name, "%u", i);
    cache_file_create(world->dir, name, i, count, size_min, size_max, &world->files[i]);
    world->files[i].id = fi_block_cache_add_file(world->cache);
    return &world->files[i];
}

static void
world_deinit(struct world *world)
{
    fi_block_cache_destroy(world->cache);
    for (size_t i = 0; i < CACHE_FIXTURE_FILES_MAX; i++) {
        cache_file_close(&world->files[i]);
    }
    free(world->files);
    fi_os_dir_close(world->dir);
    fi_sim_memory_destroy(world->os);
}

static struct fi_block_cache_stats
stats_of(const struct world *world)
{
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(world->cache, &stats);
    assert_true(stats.used_bytes <= fi_block_cache_budget_bytes(world->cache));
    return stats;
}

static size_t
count_kept(const struct world *world, const struct cache_file *file)
{
    size_t count = 0;
    for (size_t i = 0; i < file->count; i++) {
        count += cache_file_has(world->cache, file, i);
    }
    return count;
}

/* ---- hits and misses ---- */

static void
a_block_is_read_once_and_then_found(void **state)
{
    struct world world;
    world_init(&world, MIB);
    struct cache_file *file = world_add(&world, 0, 100, 0, 4096);
    for (size_t i = 0; i < file->count; i++) {
        assert_false(cache_file_has(world.cache, file, i));
        cache_file_visit(world.cache, file, i, FI_BLOCK_CACHE_DATA);
        assert_true(cache_file_has(world.cache, file, i));
        cache_file_visit(world.cache, file, i, FI_BLOCK_CACHE_DATA);
    }
    struct fi_block_cache_stats stats = stats_of(&world);
    assert_int_equal(stats.misses, 100);
    assert_int_equal(stats.hits, 200);
    assert_int_equal(stats.blocks, 100);
    assert_int_equal(stats.evictions, 0);
    assert_int_equal(stats.beyond_bytes, 0);
    world_deinit(&world);
}

static void
files_with_blocks_at_the_same_offsets_are_told_apart(void **state)
{
    struct world world;
    world_init(&world, MIB);
    for (uint32_t i = 0; i < 4; i++) {
        (void)world_add(&world, i, 20, 1000, 1000);
    }
    for (int round = 0; round < 2; round++) {
        for (size_t n = 0; n < 80; n++) {
            cache_file_visit(world.cache, &world.files[n % 4], n / 4, FI_BLOCK_CACHE_DATA);
        }
    }
    assert_int_equal(stats_of(&world).misses, 80);
    assert_int_equal(stats_of(&world).hits, 80);
    world_deinit(&world);
}

static void
blocks_whose_hashes_are_equal_are_told_apart(void **state)
{
    struct world world;
    world_init(&world, MIB);
    struct cache_file *file = world_add(&world, 0, 20, 1000, 1000);
    for (size_t i = 0; i < file->count; i++) {
        cache_file_visit(world.cache, file, i, FI_BLOCK_CACHE_DATA);
        /* The hash mixes file * a ^ offset * b, so for any other file there is an offset. */
        const uint64_t a = UINT64_C(0x9e3779b97f4a7c15);
        const uint64_t b = UINT64_C(0xd6e8feb86659fd93);
        const uint64_t inverse_of_b = UINT64_C(0xcfee444d8b59a89b);
        uint64_t other = file->id + 1 + i;
        uint64_t mixed = (file->id * a) ^ (file->refs[i].offset * b);
        uint64_t offset = (mixed ^ (other * a)) * inverse_of_b;
        assert_int_equal(fi_block_cache_table_hash(file->id, file->refs[i].offset),
                         fi_block_cache_table_hash(other, offset));
        struct fi_block_pin pin;
        assert_false(fi_block_cache_find(world.cache, other, offset, FI_BLOCK_CACHE_DATA, &pin));
        assert_null(pin.data);
    }
    assert_int_equal(count_kept(&world, file), 20);
    world_deinit(&world);
}

static void
numbers_of_files_are_never_given_out_again(void **state)
{
    struct world world;
    world_init(&world, 0);
    uint64_t last = 0;
    for (int i = 0; i < 100; i++) {
        uint64_t file = fi_block_cache_add_file(world.cache);
        assert_true(file > last);
        last = file;
        fi_block_cache_drop_file(world.cache, file);
    }
    world_deinit(&world);
}

/* ---- eviction ---- */

static void
more_blocks_than_fit_push_others_out(void **state)
{
    struct world world;
    world_init(&world, MIB);
    struct cache_file *file = world_add(&world, 0, 1000, 4096, 4096);
    for (size_t i = 0; i < file->count; i++) {
        cache_file_visit(world.cache, file, i, FI_BLOCK_CACHE_DATA);
    }
    struct fi_block_cache_stats stats = stats_of(&world);
    assert_int_equal(stats.misses, 1000);
    assert_int_equal(stats.blocks + stats.evictions, 1000);
    assert_int_equal(count_kept(&world, file), stats.blocks);
    assert_true(stats.blocks >= 220); /* nine tenths of the budget are blocks */
    assert_true(stats.used_bytes > MIB / 10 * 9);
    world_deinit(&world);
}

static void
blocks_in_use_outlive_a_stream_of_others(void **state)
{
    struct world world;
    world_init(&world, MIB);
    struct cache_file *file = world_add(&world, 0, 2000, 4096, 4096);
    const size_t hot = 50;
    for (size_t i = hot; i < file->count; i++) {
        cache_file_visit(world.cache, file, i, FI_BLOCK_CACHE_DATA);
        cache_file_visit(world.cache, file, i % hot, FI_BLOCK_CACHE_DATA);
    }
    for (size_t i = 0; i < hot; i++) {
        assert_true(cache_file_has(world.cache, file, i));
    }
    assert_int_equal(stats_of(&world).misses, file->count);
    world_deinit(&world);
}

static void
index_blocks_outlive_data_read_once(void **state)
{
    struct world world;
    world_init(&world, MIB);
    struct cache_file *file = world_add(&world, 0, 1000, 4096, 4096);
    for (size_t i = 0; i < 40; i++) {
        cache_file_visit(world.cache, file, i, i < 20 ? FI_BLOCK_CACHE_INDEX : FI_BLOCK_CACHE_DATA);
    }
    for (size_t i = 40; i < 600; i++) { /* more than two rounds of the clock */
        cache_file_visit(world.cache, file, i, FI_BLOCK_CACHE_DATA);
    }
    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(cache_file_has(world.cache, file, i), i < 20);
    }
    world_deinit(&world);
}

static void
a_scan_uses_what_is_there_and_displaces_nothing(void **state)
{
    struct world world;
    world_init(&world, MIB);
    struct cache_file *file = world_add(&world, 0, 1000, 4096, 4096);
    for (size_t i = 0; i < 400; i++) {
        cache_file_visit(world.cache, file, i, FI_BLOCK_CACHE_DATA);
    }
    struct fi_block_cache_stats before = stats_of(&world);
    for (size_t i = 0; i < file->count; i++) {
        cache_file_visit(world.cache, file, i, FI_BLOCK_CACHE_SCAN);
    }
    struct fi_block_cache_stats after = stats_of(&world);
    assert_int_equal(after.evictions, before.evictions);
    assert_int_equal(after.blocks, before.blocks);
    assert_int_equal(after.hits - before.hits, before.blocks);
    assert_int_equal(after.used_bytes, before.used_bytes);
    assert_int_equal(after.beyond_bytes, 0);
    world_deinit(&world);
}

/* ---- pins ---- */

static void
pinned_bytes_stay_while_everything_else_goes(void **state)
{
    struct world world;
    world_init(&world, MIB);
    struct cache_file *file = world_add(&world, 0, 1500, 0, 4096);
    struct fi_block_pin pins[30];
    firn_error err;
    for (size_t i = 0; i < 30; i++) {
        assert_int_equal(cache_file_read(world.cache, file, i, FI_BLOCK_CACHE_DATA, &pins[i], &err),
                         FIRN_OK);
    }
    for (size_t i = 30; i < file->count; i++) {
        cache_file_visit(world.cache, file, i, FI_BLOCK_CACHE_DATA);
    }
    assert_true(stats_of(&world).evictions > 1000);
    for (size_t i = 0; i < 30; i++) {
        assert_true(cache_file_matches(file, i, pins[i].data, pins[i].size));
        assert_true(cache_file_has(world.cache, file, i));
        fi_block_cache_unpin(world.cache, &pins[i]);
        fi_block_cache_unpin(world.cache, &pins[i]); /* an empty one */
    }
    world_deinit(&world);
}

static void
where_all_is_pinned_blocks_are_read_beyond_the_budget(void **state)
{
    struct world world;
    world_init(&world, 256 * KIB);
    struct cache_file *file = world_add(&world, 0, 200, 4096, 4096);
    struct fi_block_pin pins[200];
    firn_error err;
    for (size_t i = 0; i < file->count; i++) {
        assert_int_equal(cache_file_read(world.cache, file, i, FI_BLOCK_CACHE_DATA, &pins[i], &err),
                         FIRN_OK);
    }
    struct fi_block_cache_stats stats = stats_of(&world);
    assert_true(stats.blocks > 0 && stats.blocks < 64);
    assert_true(stats.beyond_bytes >= (200 - stats.blocks) * 4096);
    for (size_t i = 0; i < file->count; i++) {
        assert_true(cache_file_matches(file, i, pins[i].data, pins[i].size));
        fi_block_cache_unpin(world.cache, &pins[i]);
    }
    stats = stats_of(&world);
    assert_int_equal(stats.beyond_bytes, 0);
    assert_int_equal(stats.evictions, 0);
    cache_file_visit(world.cache, file, 199, FI_BLOCK_CACHE_DATA);
    assert_true(cache_file_has(world.cache, file, 199));
    world_deinit(&world);
}

static void
a_block_may_be_pinned_many_times(void **state)
{
    struct world world;
    world_init(&world, 128 * KIB);
    struct cache_file *file = world_add(&world, 0, 200, 4096, 4096);
    struct fi_block_pin pins[100];
    firn_error err;
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(cache_file_read(world.cache, file, 0, FI_BLOCK_CACHE_DATA, &pins[i], &err),
                         FIRN_OK);
        assert_ptr_equal(pins[i].data, pins[0].data);
    }
    for (size_t n = 0; n < 100; n++) {
        for (size_t i = 1; i < file->count; i += 10) {
            cache_file_visit(world.cache, file, i, FI_BLOCK_CACHE_DATA);
        }
        assert_true(cache_file_matches(file, 0, pins[n].data, pins[n].size));
        fi_block_cache_unpin(world.cache, &pins[n]);
    }
    world_deinit(&world);
}

/* ---- files ---- */

static void
a_dropped_file_leaves_its_room_to_others(void **state)
{
    struct world world;
    world_init(&world, MIB);
    struct cache_file *one = world_add(&world, 0, 100, 0, 9000);
    struct cache_file *other = world_add(&world, 1, 100, 0, 4096);
    for (size_t i = 0; i < 100; i++) {
        cache_file_visit(world.cache, one, i, FI_BLOCK_CACHE_DATA);
        cache_file_visit(world.cache, other, i, FI_BLOCK_CACHE_DATA);
    }
    size_t kept = count_kept(&world, other);
    fi_block_cache_drop_file(world.cache, one->id);
    assert_int_equal(count_kept(&world, one), 0);
    assert_int_equal(count_kept(&world, other), kept);
    assert_int_equal(stats_of(&world).blocks, kept);
    assert_int_equal(stats_of(&world).hits, 2 * kept);
    uint64_t evictions = stats_of(&world).evictions;
    one->id = fi_block_cache_add_file(world.cache);
    for (size_t i = 0; i < 50; i++) {
        cache_file_visit(world.cache, one, i, FI_BLOCK_CACHE_DATA);
    }
    assert_int_equal(stats_of(&world).evictions, evictions);
    assert_int_equal(count_kept(&world, one), 50);
    world_deinit(&world);
}

static void
a_pin_outlives_the_drop_of_its_file(void **state)
{
    struct world world;
    world_init(&world, 256 * KIB);
    struct cache_file *file = world_add(&world, 0, 300, 4000, 4096);
    struct cache_file *large = world_add(&world, 1, 3, 9000, 9000);
    struct fi_block_pin pin;
    struct fi_block_pin large_pin;
    firn_error err;
    assert_int_equal(cache_file_read(world.cache, file, 7, FI_BLOCK_CACHE_DATA, &pin, &err),
                     FIRN_OK);
    assert_int_equal(cache_file_read(world.cache, large, 1, FI_BLOCK_CACHE_DATA, &large_pin, &err),
                     FIRN_OK);
    fi_block_cache_drop_file(world.cache, file->id);
    fi_block_cache_drop_file(world.cache, large->id);
    assert_int_equal(stats_of(&world).blocks, 0);
    uint64_t old = file->id;
    file->id = fi_block_cache_add_file(world.cache);
    for (size_t i = 0; i < file->count; i++) {
        cache_file_visit(world.cache, file, i, FI_BLOCK_CACHE_DATA);
    }
    size_t room = stats_of(&world).blocks;
    assert_true(cache_file_matches(file, 7, pin.data, pin.size));
    assert_true(cache_file_matches(large, 1, large_pin.data, large_pin.size));
    struct fi_block_pin none;
    assert_false(
        fi_block_cache_find(world.cache, old, file->refs[7].offset, FI_BLOCK_CACHE_DATA, &none));
    fi_block_cache_unpin(world.cache, &pin);
    fi_block_cache_unpin(world.cache, &large_pin);
    for (size_t i = 0; i < file->count; i++) { /* its slot is used again */
        cache_file_visit(world.cache, file, i, FI_BLOCK_CACHE_DATA);
    }
    /* The larger block has made room for a slab of two. */
    assert_int_equal(stats_of(&world).blocks, room + 1 + 2);
    world_deinit(&world);
}

/* ---- larger blocks ---- */

static void
larger_blocks_and_slots_give_way_to_each_other(void **state)
{
    struct world world;
    world_init(&world, 2 * MIB);
    struct cache_file *small = world_add(&world, 0, 1000, 4096, 4096);
    struct cache_file *large = world_add(&world, 1, 200, 20000, 30000);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < small->count; i++) {
            cache_file_visit(world.cache, small, i, FI_BLOCK_CACHE_DATA);
        }
        assert_true(count_kept(&world, small) >= 200); /* of 512 that would fill the budget */
        for (size_t i = 0; i < large->count; i++) {
            cache_file_visit(world.cache, large, i, FI_BLOCK_CACHE_DATA);
        }
        assert_true(count_kept(&world, large) >= 15); /* of 80 */
    }
    fi_block_cache_drop_file(world.cache, small->id);
    assert_int_equal(stats_of(&world).blocks, count_kept(&world, large));
    world_deinit(&world);
}

static void
blocks_too_large_for_the_budget_are_not_kept(void **state)
{
    struct world world;
    world_init(&world, MIB);
    struct cache_file *file = world_add(&world, 0, 3, 300000, 300000);
    for (int round = 0; round < 2; round++) {
        cache_file_visit(world.cache, file, 1, FI_BLOCK_CACHE_INDEX);
        assert_false(cache_file_has(world.cache, file, 1));
    }
    assert_int_equal(stats_of(&world).beyond_bytes, 0);
    assert_int_equal(stats_of(&world).misses, 2);
    world_deinit(&world);
}

/* ---- budgets ---- */

static void
without_a_budget_everything_is_read_and_nothing_kept(void **state)
{
    struct world world;
    world_init(&world, 0);
    struct cache_file *file = world_add(&world, 0, 20, 0, 9000);
    for (size_t i = 0; i < 40; i++) {
        cache_file_visit(world.cache, file, i / 2, FI_BLOCK_CACHE_INDEX);
        assert_false(cache_file_has(world.cache, file, i / 2));
    }
    assert_int_equal(stats_of(&world).used_bytes, 0);
    assert_int_equal(stats_of(&world).beyond_bytes, 0);
    world_deinit(&world);
}

static void
a_huge_budget_takes_no_more_memory_than_there_are_blocks(void **state)
{
    struct world world;
    world_init(&world, SIZE_MAX / 4096 < UINT64_C(1) << 30 ? 64 * MIB : UINT64_C(1) << 30);
    struct cache_file *file = world_add(&world, 0, 100, 0, 20000);
    size_t before = stats_of(&world).used_bytes;
    assert_true(before < 48 * MIB); /* the tables */
    for (size_t i = 0; i < file->count; i++) {
        cache_file_visit(world.cache, file, i, FI_BLOCK_CACHE_DATA);
    }
    assert_int_equal(count_kept(&world, file), 100);
    assert_true(stats_of(&world).used_bytes - before < 4 * MIB);
    world_deinit(&world);
}

/* Uses a cache of this budget at random, beside `others` bytes that are alive already. */
static void
stay_within(struct world *world, struct cache_file *file, size_t budget, struct test_random *random)
{
    firn_error err;
    struct fi_block_cache_stats stats;
    size_t others = cache_bytes_alive();
    struct fi_block_cache *empty = world->cache;
    assert_int_equal(fi_block_cache_create(world->os, budget, &world->cache, &err), FIRN_OK);
    for (size_t i = 0; i < file->count; i++) {
        cache_file_visit(world->cache, file, i, FI_BLOCK_CACHE_SCAN);
    }
    fi_block_cache_stats(world->cache, &stats);
    size_t scratch = cache_bytes_alive() - others - (size_t)stats.used_bytes;
    assert_true(scratch < 256 * KIB);
    cache_bytes_reset_peak();
    for (size_t i = 0; i < 1000; i++) {
        enum fi_block_cache_use use = (enum fi_block_cache_use)test_random_below(random, 3);
        cache_file_visit(world->cache, file, test_random_below(random, file->count), use);
    }
    const size_t beyond = 12000 + 200; /* one pin */
    stats = stats_of(world);
    assert_true(cache_bytes_peak() <= others + scratch + beyond + budget);
    assert_true(cache_bytes_alive() <= others + scratch + stats.used_bytes);
    fi_block_cache_destroy(world->cache);
    world->cache = empty;
    assert_int_equal(cache_bytes_alive(), others);
}

static void
a_budget_beyond_all_memory_is_used_or_refused(void **state)
{
    static const size_t budgets[] = {SIZE_MAX, SIZE_MAX - 4095, SIZE_MAX / 2, SIZE_MAX / 4096};
    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++) {
        firn_error err;
        struct fi_block_cache *cache;
        struct fi_block_cache_stats stats;
        int rc = fi_block_cache_create(fi_os_default(), budgets[i], &cache, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
        if (rc != FIRN_OK) {
            assert_null(cache);
            continue;
        }
        struct world world;
        world_init(&world, 0);
        struct cache_file *file = world_add(&world, 0, 20, 0, 9000);
        file->id = fi_block_cache_add_file(cache);
        for (size_t n = 0; n < 40; n++) {
            cache_file_visit(cache, file, n % 20, FI_BLOCK_CACHE_DATA);
        }
        fi_block_cache_stats(cache, &stats);
        assert_int_equal(stats.blocks, 20);
        assert_true(stats.used_bytes <= budgets[i]);
        fi_block_cache_destroy(cache);
        world_deinit(&world);
    }
}

static void
no_budget_is_ever_exceeded(void **state)
{
    struct test_random random;
    test_random_init(&random, "no_budget_is_ever_exceeded", 11);
    cache_bytes_install();
    struct world world;
    world_init(&world, 0);
    struct cache_file *file = world_add(&world, 0, 300, 0, 12000);
    for (size_t n = 0; n < 20; n++) {
        stay_within(&world, file, n < 10 ? n * 3000 : test_random_below(&random, 2 * MIB), &random);
    }
    world_deinit(&world);
    assert_int_equal(cache_bytes_alive(), 0);
    cache_bytes_uninstall();
}

/* ---- against a model ---- */

enum { MODEL_FILES = 4, MODEL_BLOCKS = 150, MODEL_PINS = 12 };

struct model_pin {
    struct fi_block_pin pin;
    uint32_t file;
    size_t block;
};

static void
model_step(struct world *world, struct test_random *random, struct model_pin *pins)
{
    firn_error err;
    uint32_t f = (uint32_t)test_random_below(random, MODEL_FILES);
    struct cache_file *file = &world->files[f];
    /* Some blocks are asked for more often than others. */
    size_t range = test_random_below(random, 2) == 0 ? MODEL_BLOCKS / 8 : MODEL_BLOCKS;
    size_t block = test_random_below(random, range);
    struct model_pin *pin = &pins[test_random_below(random, MODEL_PINS)];
    switch (test_random_below(random, 12)) {
    case 0:
    case 1: /* hold a pin, let go of another */
        if (pin->pin.data != NULL) {
            assert_true(cache_file_matches(&world->files[pin->file], pin->block, pin->pin.data,
                                           pin->pin.size));
        }
        fi_block_cache_unpin(world->cache, &pin->pin);
        assert_int_equal(
            cache_file_read(world->cache, file, block, FI_BLOCK_CACHE_DATA, &pin->pin, &err),
            FIRN_OK);
        pin->file = f;
        pin->block = block;
        break;
    case 2:
        (void)cache_file_has(world->cache, file, block);
        break;
    case 3:
        if (test_random_below(random, 40) == 0) {
            fi_block_cache_drop_file(world->cache, file->id);
            assert_int_equal(count_kept(world, file), 0);
            file->id = fi_block_cache_add_file(world->cache);
        }
        break;
    default:
        cache_file_visit(world->cache, file, block,
                         (enum fi_block_cache_use)test_random_below(random, 3));
        break;
    }
}

static void
check_model(const struct world *world)
{
    size_t kept = 0;
    for (uint32_t i = 0; i < MODEL_FILES; i++) {
        kept += count_kept(world, &world->files[i]);
    }
    assert_int_equal(stats_of(world).blocks, kept);
}

static struct fi_block_cache_stats
run_model(uint64_t seed, size_t budget)
{
    struct test_random random;
    test_random_init(&random, "model", seed);
    struct world world;
    world_init(&world, budget);
    for (uint32_t i = 0; i < MODEL_FILES; i++) {
        (void)world_add(&world, i, MODEL_BLOCKS, 0, i == 0 ? 16000 : 4096);
    }
    struct model_pin pins[MODEL_PINS] = {0};
    for (size_t step = 0; step < 2000; step++) {
        model_step(&world, &random, pins);
        if (step % 500 == 0) {
            check_model(&world);
        }
    }
    for (size_t i = 0; i < MODEL_PINS; i++) {
        fi_block_cache_unpin(world.cache, &pins[i].pin);
    }
    check_model(&world);
    struct fi_block_cache_stats stats = stats_of(&world);
    assert_int_equal(stats.beyond_bytes, 0);
    world_deinit(&world);
    return stats;
}

static void
random_use_shows_right_blocks_and_counts_them(void **state)
{
    size_t seeds = getenv("FIRN_TEST_LONG") != NULL ? 200 : 5;
    static const size_t budgets[] = {0, 30 * KIB, 200 * KIB, 700 * KIB, 3 * MIB};
    for (size_t seed = 0; seed < seeds; seed++) {
        (void)run_model(seed, budgets[seed % 5]);
    }
}

static void
the_same_calls_keep_the_same_blocks(void **state)
{
    struct fi_block_cache_stats one = run_model(77, 300 * KIB);
    struct fi_block_cache_stats two = run_model(77, 300 * KIB);
    assert_true(one.evictions > 100);
    assert_memory_equal(&one, &two, sizeof one);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_read_once_and_then_found),
        cmocka_unit_test(files_with_blocks_at_the_same_offsets_are_told_apart),
        cmocka_unit_test(blocks_whose_hashes_are_equal_are_told_apart),
        cmocka_unit_test(numbers_of_files_are_never_given_out_again),
        cmocka_unit_test(more_blocks_than_fit_push_others_out),
        cmocka_unit_test(blocks_in_use_outlive_a_stream_of_others),
        cmocka_unit_test(index_blocks_outlive_data_read_once),
        cmocka_unit_test(a_scan_uses_what_is_there_and_displaces_nothing),
        cmocka_unit_test(pinned_bytes_stay_while_everything_else_goes),
        cmocka_unit_test(where_all_is_pinned_blocks_are_read_beyond_the_budget),
        cmocka_unit_test(a_block_may_be_pinned_many_times),
        cmocka_unit_test(a_dropped_file_leaves_its_room_to_others),
        cmocka_unit_test(a_pin_outlives_the_drop_of_its_file),
        cmocka_unit_test(larger_blocks_and_slots_give_way_to_each_other),
        cmocka_unit_test(blocks_too_large_for_the_budget_are_not_kept),
        cmocka_unit_test(without_a_budget_everything_is_read_and_nothing_kept),
        cmocka_unit_test(a_huge_budget_takes_no_more_memory_than_there_are_blocks),
        cmocka_unit_test(a_budget_beyond_all_memory_is_used_or_refused),
        cmocka_unit_test(no_budget_is_ever_exceeded),
        cmocka_unit_test(random_use_shows_right_blocks_and_counts_them),
        cmocka_unit_test(the_same_calls_keep_the_same_blocks),
    };
    return cmocka_run_group_tests_name("block_cache", tests, NULL, NULL);
}

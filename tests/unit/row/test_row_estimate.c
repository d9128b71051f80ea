/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/row: what ranges of keys take up, where references to large values are distributed over the
 * run, or stand together; how much of the run is read for it.
 */
#include "unit/row/row_fixture.h"

#include <stdlib.h>

#include "row/row_internal.h"
#include "run/run_value_file.h"

/* About 2,000 blocks. */
enum { ENTRIES = 100000, SMALL = 60, LARGE = 5000, LARGE_SPREAD = 3000, NUMBER = 9 };

struct world {
    struct row_fixture fixture;
    struct fi_run_env env;
    struct fi_run_values values;
    struct fi_run *run;
    uint64_t sums[ENTRIES + 1]; /* bytes of large values before each entry */
};
static struct world world;

static bool
is_everywhere(size_t i)
{
    return i % 7 == 3;
}

static bool
is_in_one_third(size_t i)
{
    return i >= ENTRIES / 3 && i < 2 * ENTRIES / 3;
}

static bool
is_among_a_few(size_t i)
{
    return i >= 40000 && i < 40010;
}

static firn_slice
key_of(size_t i, char text[16])
{
    (void)snprintf(text, 16, "%08zu", i);
    return firn_str(text);
}

/* References to values that need not be there. */
static void
build(bool (*is_large)(size_t i))
{
    const struct fi_run_builder_options options = {.codec = FI_CODEC_LZ4};
    struct fi_run_builder *builder;
    struct fi_run_summary summary = {0};
    firn_error err;
    uint8_t small[SMALL];
    struct test_random random = {3};
    assert_int_equal(fi_row_kind.builder_create(&world.env, "run", &options, &builder, &err),
                     FIRN_OK);
    for (size_t i = 0; i < ENTRIES; i++) {
        char key[16];
        uint8_t bytes[FI_RUN_VALUE_FILE_BARE_REFERENCE_SIZE];
        const struct fi_run_value_file_reference reference = {
            .file = NUMBER,
            .value_size = LARGE + test_random_below(&random, LARGE_SPREAD),
            .offset = FI_RUN_VALUE_FILE_HEAD_SIZE + i * (LARGE + LARGE_SPREAD),
            .is_bare = true,
        };
        fi_run_value_file_encode_bare(&reference, bytes);
        test_random_fill(&random, small, sizeof small);
        struct fi_entry entry = {.key = key_of(i, key),
                                 .value = firn_bytes(small, sizeof small),
                                 .sequence = 1,
                                 .kind = FI_ENTRY_PUT};
        if (is_large(i)) {
            entry.value = firn_bytes(bytes, sizeof bytes);
            entry.values = &world.values;
        }
        world.sums[i + 1] = world.sums[i] + (is_large(i) ? reference.value_size : 0);
        assert_int_equal(fi_row_kind.builder_add(builder, &entry, &err), FIRN_OK);
    }
    assert_int_equal(fi_row_kind.builder_finish(builder, &summary, &err), FIRN_OK);
    fi_run_summary_deinit(&summary);
    fi_row_kind.builder_destroy(builder);
    assert_int_equal(fi_row_kind.open(&world.env, "run", &world.run, &err), FIRN_OK);
}

static struct fi_run_weight
weigh(size_t from, size_t to)
{
    firn_error err;
    char lower[16];
    char upper[16];
    const firn_slice end = key_of(to, upper);
    const struct fi_run_bounds bounds = {key_of(from, lower), to == ENTRIES ? NULL : &end};
    struct fi_run_weight weight = {ENTRIES, world.sums[ENTRIES]};
    assert_int_equal(fi_row_kind.weigh(world.run, &bounds, &weight, &err), FIRN_OK);
    return weight;
}

static uint64_t
distance(uint64_t a, uint64_t b)
{
    return a < b ? b - a : a - b;
}

/* Ranges of all lengths; the weight is off by at most so many thousandths of the whole run's. */
static void
check_ranges(uint64_t thousandths)
{
    struct test_random random;
    test_random_init(&random, "row_estimate", 20);
    for (unsigned i = 0; i < 500; i++) {
        const size_t from = test_random_below(&random, ENTRIES);
        const size_t most = (size_t)1 << test_random_below(&random, 18);
        size_t to = from + test_random_below(&random, most);
        to = to < ENTRIES ? to : ENTRIES;
        const struct fi_run_weight found = weigh(from, to);
        const uint64_t bytes = world.sums[to] - world.sums[from];
        /* At least 4 entries are in a block of 4 KiB, so a short range has few blocks, and so have
         * the ends outside of a long one. */
        if (to - from < 126 * 4 || ENTRIES - (to - from) < 126 * 4) {
            assert_int_equal(found.entries, to - from);
            assert_int_equal(found.value_bytes, bytes);
        }
        assert_true(distance(found.entries, to - from) <= ENTRIES * thousandths / 1000);
        assert_true(distance(found.value_bytes, bytes) <= world.sums[ENTRIES] * thousandths / 1000);
    }
}

static int
setup(void **state)
{
    memset(&world, 0, sizeof world);
    row_fixture_init(&world.fixture, 16 << 20);
    world.env = row_fixture_env(&world.fixture);
    world.env.values = &world.values;
    return 0;
}

static int
teardown(void **state)
{
    fi_row_kind.close(world.run);
    row_fixture_deinit(&world.fixture);
    return 0;
}

static void
values_that_are_distributed_are_known_to_a_few_per_cent(void **state)
{
    build(is_everywhere);
    check_ranges(20);
}

static void
values_that_stand_together_are_known_to_a_few_per_cent(void **state)
{
    build(is_in_one_third);
    check_ranges(20);
}

/* A sample may miss a few; who asks for a range around them does not. */
static void
a_few_values_are_found_from_near(void **state)
{
    build(is_among_a_few);
    for (size_t around = 0; around < 126 * 4 / 2; around += 9) {
        const struct fi_run_weight found = weigh(40000 - around, 40010 + around);
        assert_int_equal(found.value_bytes, world.sums[ENTRIES]);
        assert_int_equal(found.entries, 10 + 2 * around);
    }
    assert_int_equal(weigh(40003, 40007).value_bytes, world.sums[40007] - world.sums[40003]);
    const struct fi_run_weight half = weigh(0, ENTRIES / 2);
    assert_true(half.value_bytes <= world.sums[ENTRIES]);
    assert_true(distance(half.entries, ENTRIES / 2) <= ENTRIES / 50);
}

/* Each range asks the cache for no more blocks than the header says. */
static void
few_blocks_are_read(void **state)
{
    build(is_everywhere);
    struct fi_block_cache_stats before;
    struct fi_block_cache_stats after;
    for (size_t from = 0; from < ENTRIES / 2; from += 9973) {
        fi_block_cache_stats(world.fixture.cache, &before);
        (void)weigh(from, ENTRIES - from);
        fi_block_cache_stats(world.fixture.cache, &after);
        assert_true(after.hits + after.misses - before.hits - before.misses <= 128);
    }
}

static void
what_is_not_there_has_no_weight(void **state)
{
    build(is_everywhere);
    for (size_t i = 0; i < ENTRIES; i += 9901) {
        assert_int_equal(weigh(i, i).entries, 0);
        assert_int_equal(weigh(i + 1, i).value_bytes, 0);
        assert_int_equal(weigh(i + 30000, i).entries, 0);
    }
    assert_int_equal(weigh(ENTRIES, ENTRIES).entries, 0);
    assert_int_equal(weigh(0, ENTRIES).value_bytes, world.sums[ENTRIES]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_that_are_distributed_are_known_to_a_few_per_cent,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(values_that_stand_together_are_known_to_a_few_per_cent,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_few_values_are_found_from_near, setup, teardown),
        cmocka_unit_test_setup_teardown(few_blocks_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_there_has_no_weight, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

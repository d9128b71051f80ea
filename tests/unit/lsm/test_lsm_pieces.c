/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: which row groups are read as they lie, and which ranges are merged.
 */
#include "support/lsm/pieces_fixture.h"

#include "base/mem.h"
#include "base/slice.h"
#include "lsm/lsm_internal.h"
#include "sim/sim_memory.h"
#include "support/test_os.h"
#include "support/test_share.h"

static struct pieces_fixture fixture;

static int
setup(void **state)
{
    struct fi_os *os;
    firn_error err;
    TEST_OK(fi_sim_memory_create(1, &os, &err), &err);
    pieces_group_rows = 8;
    pieces_fixture_init(&fixture, os);
    return 0;
}

static int
teardown(void **state)
{
    struct fi_os *os = fixture.base.os;
    pieces_fixture_deinit(&fixture);
    fi_sim_memory_destroy(os);
    return 0;
}

/* ---- random histories ---- */

static void
change(struct test_random *random)
{
    unsigned key = (unsigned)test_random_below(random, PIECES_KEYS);
    switch (test_random_below(random, 40)) {
    case 0:
        pieces_fixture_delete_range(&fixture, key,
                                    key + 1 + (unsigned)test_random_below(random, 30));
        break;
    case 1:
        pieces_fixture_merge(&fixture, key);
        break;
    case 2:
    case 3:
    case 4:
        pieces_fixture_delete(&fixture, key);
        break;
    case 5:
        pieces_fixture_put_until(&fixture, key, 500 + test_random_below(random, 3) * 500);
        break;
    default:
        pieces_fixture_put(&fixture, key);
        break;
    }
}

static void
reshape(struct test_random *random)
{
    pieces_group_rows = 1 + (uint32_t)test_random_below(random, 20);
    switch (test_random_below(random, 12)) {
    case 0:
    case 1:
    case 2:
        pieces_fixture_flush(&fixture);
        break;
    case 3:
    case 4:
        pieces_fixture_work(&fixture);
        break;
    case 5:
        if (fixture.base.snapshot_count < FIXTURE_SNAPSHOTS_MAX) {
            (void)fixture_checkpoint(&fixture.base);
        } else {
            fixture_remove_snapshot(&fixture.base, 1 + test_random_below(random, 5));
        }
        break;
    case 6:
        if (fixture.base.snapshot_count > 1 && fixture.base.snapshots[0].count < 8) {
            fixture_restore(&fixture.base,
                            1 + (size_t)test_random_below(random, fixture.base.snapshot_count - 1));
        }
        break;
    case 7: {
        unsigned first = (unsigned)test_random_below(random, PIECES_KEYS);
        pieces_fixture_load(&fixture, first, first + 1 + (unsigned)test_random_below(random, 100));
        break;
    }
    case 8:
        fixture.column_count = PIECES_COLUMNS;
        break;
    default:
        break;
    }
}

static void
compare_random(struct test_random *random,
               void (*compare)(struct pieces_fixture *, const struct fi_lsm_pieces_options *))
{
    struct fi_buf lower = {0};
    struct fi_buf upper = {0};
    size_t number = (size_t)test_random_below(random, fixture.base.snapshot_count);
    struct fi_snapshot snapshot = fixture_snapshot_of(&fixture.base, number);
    struct fi_lsm_pieces_options options = {.snapshot = &snapshot, .time_ms = fixture.time_ms};
    pieces_fixture_key((unsigned)test_random_below(random, PIECES_KEYS), &lower);
    pieces_fixture_key((unsigned)test_random_below(random, PIECES_KEYS), &upper);
    const firn_slice lower_slice = fi_buf_slice(&lower);
    const firn_slice upper_slice = fi_buf_slice(&upper);
    options.lower = test_random_below(random, 2) == 0 ? NULL : &lower_slice;
    options.upper = test_random_below(random, 2) == 0 ? NULL : &upper_slice;
    compare(&fixture, &options);
    fi_buf_deinit(&lower);
    fi_buf_deinit(&upper);
}

static void
go(uint64_t seed, unsigned rounds,
   void (*compare)(struct pieces_fixture *, const struct fi_lsm_pieces_options *))
{
    struct test_random random;
    void *state = NULL;
    test_random_init(&random, "lsm_pieces", seed);
    assert_int_equal(setup(&state), 0);
    for (unsigned round = 0; round < rounds; round++) {
        uint64_t changes = test_random_below(&random, 4) == 0 ? test_random_below(&random, 120)
                                                              : test_random_below(&random, 6);
        for (uint64_t i = 0; i < changes; i++) {
            change(&random);
        }
        reshape(&random);
        compare_random(&random, compare);
    }
    assert_int_equal(teardown(&state), 0);
}

static void
pieces_show_what_a_cursor_shows(void **state)
{
    const unsigned seeds = test_share_of_seeds(6);
    pieces_met = (struct pieces_met){0};
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        go(seed, 120, pieces_fixture_compare);
    }
    print_message("count: %llu direct pieces, %llu of them cut, %llu merged, %llu rows\n",
                  (unsigned long long)pieces_met.direct, (unsigned long long)pieces_met.cut,
                  (unsigned long long)pieces_met.merged, (unsigned long long)pieces_met.rows);
    assert_true(pieces_met.direct > 200 * seeds && pieces_met.merged > 100 * seeds &&
                pieces_met.cut > 2 * seeds);
}

static void
no_other_version_that_is_seen_lies_in_a_direct_piece(void **state)
{
    for (uint64_t seed = 101; seed <= 100 + test_share_of_seeds(6); seed++) {
        go(seed, 120, pieces_fixture_prove);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_show_what_a_cursor_shows),
        cmocka_unit_test(no_other_version_that_is_seen_lies_in_a_direct_piece),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

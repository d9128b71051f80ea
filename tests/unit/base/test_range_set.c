/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/base: range sets against a plain list of ranges, a hundred thousand ranges of every shape, memory that
 * runs out, and readers beside a writer.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "base/bytes.h"
#include "base/range_set.h"
#include "base/slice.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"

/* ---- a model: a list of ranges over keys that are numbers ---- */

enum { KEY_SIZE = 6, MODEL_MAX = 400 };

struct model_range {
    uint64_t lower;
    uint64_t upper;
    uint64_t sequence;
};

struct model {
    struct model_range ranges[MODEL_MAX];
    size_t count;
};

/* Of many lengths, in the order of numbers. */
static firn_slice
make_key(uint64_t number, uint8_t out[KEY_SIZE])
{
    memset(out, 0, KEY_SIZE);
    fi_store_be32(out, (uint32_t)(number / 3));
    return firn_bytes(out, 4 + number % 3);
}

static uint64_t
number_of(firn_slice key)
{
    assert_true(key.size >= 4 && key.size <= KEY_SIZE);
    return (uint64_t)fi_load_be32(key.data) * 3 + key.size - 4;
}

static int
add(struct fi_range_set *set, const struct model_range *range)
{
    uint8_t lower[KEY_SIZE];
    uint8_t upper[KEY_SIZE];
    struct fi_range added = {make_key(range->lower, lower), make_key(range->upper, upper),
                             range->sequence};
    return fi_range_set_add(set, &added, NULL);
}

static bool
covers(const struct model_range *range, uint64_t key)
{
    return range->lower <= key && key < range->upper;
}

static uint64_t
model_covering(const struct model *model, uint64_t key, const struct fi_snapshot *snapshot,
               uint64_t above)
{
    uint64_t newest = 0;
    for (size_t i = 0; i < model->count; i++) {
        const struct model_range *range = &model->ranges[i];
        if (covers(range, key) && range->sequence > above && range->sequence > newest &&
            fi_snapshot_sees(snapshot, range->sequence)) {
            newest = range->sequence;
        }
    }
    return newest;
}

struct some_snapshot {
    struct fi_snapshot_interval intervals[4];
    struct fi_snapshot snapshot;
};

static void
make_snapshot(struct test_random *random, uint64_t newest, struct some_snapshot *out)
{
    out->snapshot = (struct fi_snapshot){out->intervals, 0, 0, NULL};
    uint64_t at = 1 + test_random_below(random, 2) * test_random_below(random, newest + 1);
    while (out->snapshot.count < 4 && at <= newest) {
        uint64_t last = at + test_random_below(random, newest - at + 3);
        out->intervals[out->snapshot.count++] = (struct fi_snapshot_interval){at, last};
        at = last + 2 + test_random_below(random, 9);
    }
}

static void
check_covered(const struct fi_range_set *set, const struct model *model, uint64_t key,
              const struct fi_snapshot *snapshot, uint64_t above, uint64_t keys)
{
    uint8_t bytes[KEY_SIZE];
    struct fi_range_stretch stretch;
    bool is_covered = fi_range_set_covered(set, make_key(key, bytes), snapshot, above, &stretch);
    assert_int_equal(is_covered, model_covering(model, key, snapshot, above) != 0);
    if (is_covered) {
        assert_true(stretch.has_lower && stretch.has_upper && stretch.sequence > above);
        uint64_t lower = number_of(stretch.lower);
        uint64_t upper = number_of(stretch.upper);
        assert_true(lower <= key && key < upper);
        for (uint64_t i = lower; i < upper; i++) {
            assert_true(model_covering(model, i, snapshot, stretch.sequence - 1) != 0);
        }
    }
    stretch = (struct fi_range_stretch){0};
    bool is_free = fi_range_set_free(set, make_key(key, bytes), snapshot, above, &stretch);
    assert_int_equal(is_free, model_covering(model, key, snapshot, above) == 0);
    if (is_free) {
        uint64_t lower = stretch.has_lower ? number_of(stretch.lower) : 0;
        uint64_t upper = stretch.has_upper ? number_of(stretch.upper) : keys;
        assert_true(lower <= key && key < upper);
        for (uint64_t i = lower; i < upper; i++) {
            assert_int_equal(model_covering(model, i, snapshot, above), 0);
        }
    }
}

struct met {
    size_t count;
    uint64_t sequence_sum;
    const struct fi_range *before;
    size_t stop_after;
};

static void
meet(void *ctx, const struct fi_range *range)
{
    struct met *met = ctx;
    met->count++;
    met->sequence_sum += range->sequence;
}

static int
meet_in_order(void *ctx, const struct fi_range *range, firn_error *err)
{
    struct met *met = ctx;
    if (met->before != NULL) {
        int order = fi_slice_compare(met->before->lower, range->lower);
        assert_true(order < 0 || (order == 0 && met->before->sequence >= range->sequence));
    }
    met->before = range;
    meet(ctx, range);
    return met->count == met->stop_after ? (fi_error_set(err, FIRN_LIMIT, "enough")) : FIRN_OK;
}

static void
check_visits(const struct fi_range_set *set, const struct model *model, uint64_t lower,
             uint64_t upper)
{
    struct met all = {0};
    struct met reaching = {0};
    struct met expected_all = {0};
    struct met expected_reaching = {0};
    for (size_t i = 0; i < model->count; i++) {
        const struct model_range *range = &model->ranges[i];
        struct fi_range met = {.sequence = range->sequence};
        meet(&expected_all, &met);
        if (range->lower < upper && range->upper > lower) {
            meet(&expected_reaching, &met);
        }
    }
    uint8_t lower_bytes[KEY_SIZE];
    uint8_t upper_bytes[KEY_SIZE];
    firn_slice lower_key = make_key(lower, lower_bytes);
    firn_slice upper_key = make_key(upper, upper_bytes);
    assert_int_equal(fi_range_set_visit(set, NULL, NULL, meet_in_order, &all, NULL), FIRN_OK);
    assert_int_equal(all.count, expected_all.count);
    assert_int_equal(all.sequence_sum, expected_all.sequence_sum);
    assert_int_equal(
        fi_range_set_visit(set, &lower_key, &upper_key, meet_in_order, &reaching, NULL), FIRN_OK);
    assert_int_equal(reaching.count, expected_reaching.count);
    assert_int_equal(reaching.sequence_sum, expected_reaching.sequence_sum);
    if (reaching.count > 0) {
        struct met some = {.stop_after = 1 + lower % reaching.count};
        assert_int_equal(
            fi_range_set_visit(set, &lower_key, &upper_key, meet_in_order, &some, NULL),
            FIRN_LIMIT);
        assert_int_equal(some.count, some.stop_after);
    }
}

static void
check_lookups(struct test_random *random, const struct fi_range_set *set, const struct model *model,
              uint64_t keys, uint64_t newest)
{
    struct some_snapshot some;
    uint8_t bytes[KEY_SIZE];
    make_snapshot(random, newest, &some);
    uint64_t key = test_random_below(random, keys);
    uint64_t above = test_random_below(random, 3) == 0 ? 0 : test_random_below(random, newest + 1);
    assert_int_equal(fi_range_set_covering(set, make_key(key, bytes), &some.snapshot, above),
                     model_covering(model, key, &some.snapshot, above));
    check_covered(set, model, key, &some.snapshot, above, keys);
    check_visits(set, model, key, key + test_random_below(random, 1 + keys - key));
}

static void
agrees_with_a_list_of_ranges(void **state)
{
    struct test_random random;
    test_random_init(&random, "range_set", 21);
    static struct model model;
    for (unsigned round = 0; round < 60; round++) {
        struct fi_range_set set = {0};
        model.count = 0;
        uint64_t keys = 4 + test_random_below(&random, 300);
        size_t size = 1 + test_random_below(&random, MODEL_MAX);
        bool is_shuffled = round % 3 == 0;
        assert_true(fi_range_set_is_empty(&set));
        check_lookups(&random, &set, &model, keys, 5);
        for (size_t i = 0; i < size; i++) {
            uint64_t lower = test_random_below(&random, keys);
            uint64_t width = test_random_below(&random, 4) == 0 ? keys - lower : 8;
            struct model_range range = {
                .lower = lower,
                .upper = lower + test_random_below(&random, width),
                .sequence = is_shuffled ? 1 + test_random_below(&random, 3 * size) : 1 + i * 2};
            assert_int_equal(add(&set, &range), FIRN_OK);
            if (range.upper > range.lower) {
                model.ranges[model.count++] = range;
            }
            assert_int_equal(set.count, model.count);
            assert_int_equal(fi_range_set_is_empty(&set), model.count == 0);
            if (i % 7 == 0) {
                check_lookups(&random, &set, &model, keys, 2 * size);
            }
        }
        for (unsigned i = 0; i < 50; i++) {
            check_lookups(&random, &set, &model, keys, 2 * size);
        }
        assert_int_equal(fi_range_set_seal(&set, NULL), FIRN_OK);
        for (unsigned i = 0; i < 50; i++) {
            check_lookups(&random, &set, &model, keys, 2 * size);
        }
        fi_range_set_deinit(&set);
        assert_true(fi_range_set_is_empty(&set));
    }
}

static void
a_range_that_is_empty_or_reversed_is_no_range(void **state)
{
    struct fi_range_set set = {0};
    struct fi_range range = {firn_str("b"), firn_str("b"), 7};
    assert_int_equal(fi_range_set_add(&set, &range, NULL), FIRN_OK);
    range.upper = firn_str("a");
    assert_int_equal(fi_range_set_add(&set, &range, NULL), FIRN_OK);
    assert_true(fi_range_set_is_empty(&set));
    assert_int_equal(set.count, 0);
    assert_int_equal(fi_range_set_size_bytes(&set), 0);
    fi_range_set_deinit(&set);
}

static void
bounds_may_be_empty_or_long_and_are_copied(void **state)
{
    struct fi_range_set set = {0};
    struct fi_snapshot_interval now = {1, UINT64_MAX};
    struct fi_snapshot snapshot = {&now, 1, 0, NULL};
    enum { LONG = 65536 };
    uint8_t *bytes = malloc(LONG);
    assert_non_null(bytes);
    memset(bytes, 'x', LONG);
    struct fi_range range = {firn_str(""), firn_bytes(bytes, LONG), 5};
    assert_int_equal(fi_range_set_add(&set, &range, NULL), FIRN_OK);
    memset(bytes, 'y', LONG);
    assert_int_equal(fi_range_set_covering(&set, firn_str(""), &snapshot, 0), 5);
    assert_int_equal(fi_range_set_covering(&set, firn_str("xxx"), &snapshot, 0), 5);
    assert_int_equal(fi_range_set_covering(&set, firn_str("xxxy"), &snapshot, 0), 0);
    memset(bytes, 'x', LONG);
    assert_int_equal(fi_range_set_covering(&set, firn_bytes(bytes, LONG - 1), &snapshot, 0), 5);
    assert_int_equal(fi_range_set_covering(&set, firn_bytes(bytes, LONG), &snapshot, 0), 0);
    free(bytes);
    fi_range_set_deinit(&set);
}

static void
ranges_that_touch_are_one_stretch(void **state)
{
    struct fi_range_set set = {0};
    struct fi_snapshot_interval now = {1, UINT64_MAX};
    struct fi_snapshot snapshot = {&now, 1, 0, NULL};
    for (uint64_t i = 0; i < 1024; i++) {
        assert_int_equal(add(&set, &(struct model_range){i, i + 1, i + 1}), FIRN_OK);
    }
    uint8_t bytes[KEY_SIZE];
    struct fi_range_stretch stretch;
    assert_true(fi_range_set_covered(&set, make_key(500, bytes), &snapshot, 0, &stretch));
    assert_int_equal(number_of(stretch.lower), 0);
    assert_int_equal(number_of(stretch.upper), 1024);
    assert_int_equal(stretch.sequence, 1);
    fi_range_set_deinit(&set);
}

/* ---- many ranges of every shape ---- */

enum shape { IDENTICAL, GROWING, SHRINKING, ADJACENT, APART, RANDOM, LONG_UNDER_SHORT, SHAPES };
enum { MANY = 100000 };

static struct model_range
shaped_range(struct test_random *random, enum shape shape, uint64_t i)
{
    struct model_range range = {.sequence = i + 1};
    switch (shape) {
    case IDENTICAL:
        range.upper = 3 * MANY;
        break;
    case GROWING:
        range.lower = MANY - i;
        range.upper = MANY + 2 + i;
        break;
    case SHRINKING:
        range.lower = i;
        range.upper = 3 * MANY - i;
        break;
    case ADJACENT:
        range.lower = i;
        range.upper = i + 1;
        break;
    case APART:
        range.lower = 2 * (i * 7919 % MANY);
        range.upper = range.lower + 1;
        break;
    case RANDOM:
        range.lower = test_random_below(random, 2 * MANY);
        range.upper = range.lower + 1 + test_random_below(random, MANY);
        break;
    default: /* old ones that cover all, new ones that cover next to nothing */
        range.lower = i < MANY / 2 ? i : 2 * (i * 7919 % MANY);
        range.upper = i < MANY / 2 ? 3 * MANY : range.lower + 1;
        break;
    }
    return range;
}

static double
seconds(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double
ask_many(struct test_random *random, const struct fi_range_set *set,
         const struct fi_snapshot *snapshot)
{
    enum { LOOKUPS = 2000 };
    double begin = seconds();
    for (unsigned i = 0; i < LOOKUPS; i++) {
        uint8_t bytes[KEY_SIZE];
        firn_slice key = make_key(test_random_below(random, 3 * MANY), bytes);
        uint64_t newest = fi_range_set_covering(set, key, snapshot, 0);
        assert_true(newest == 0 || fi_snapshot_sees(snapshot, newest));
        struct fi_range_stretch stretch = {0};
        assert_int_equal(fi_range_set_covered(set, key, snapshot, 0, &stretch), newest != 0);
        stretch = (struct fi_range_stretch){0};
        assert_int_equal(fi_range_set_free(set, key, snapshot, 0, &stretch), newest == 0);
    }
    return (seconds() - begin) / LOOKUPS;
}

static void
no_shape_of_many_ranges_is_slow(void **state)
{
    static const char *const names[] = {"identical", "growing", "shrinking",       "adjacent",
                                        "apart",     "random",  "long under short"};
    struct test_random random;
    test_random_init(&random, "many ranges", 8);
    struct fi_snapshot_interval now = {1, MANY};
    struct fi_snapshot_interval middle = {1, MANY / 2 + 7};
    struct fi_snapshot_interval gaps[3] = {{1, 100}, {200, MANY / 3}, {MANY / 3 + 50, MANY - 100}};
    for (unsigned round = 0; round < 2 * SHAPES; round++) {
        enum shape shape = round / 2;
        bool is_unordered = round % 2 == 1;
        struct fi_range_set set = {0};
        double begin = seconds();
        for (uint64_t i = 0; i < MANY; i++) {
            struct model_range range = shaped_range(&random, shape, i);
            range.sequence = is_unordered ? i * 7919 % MANY + 1 : i + 1;
            assert_int_equal(add(&set, &range), FIRN_OK);
        }
        if (is_unordered) { /* as a run has them: in another order, and then sealed */
            assert_int_equal(fi_range_set_seal(&set, NULL), FIRN_OK);
        }
        double added = seconds() - begin;
        double asked = ask_many(&random, &set, &(struct fi_snapshot){&now, 1, 0, NULL});
        asked += ask_many(&random, &set, &(struct fi_snapshot){&middle, 1, 0, NULL});
        asked += ask_many(&random, &set, &(struct fi_snapshot){gaps, 3, 0, NULL});
        (void)printf("%s%s: add %.0f ns, three lookups %.1f us, %.0f bytes a range\n", names[shape],
                     is_unordered ? ", sealed" : "", added / MANY * 1e9, asked / 3 * 1e6,
                     (double)fi_range_set_size_bytes(&set) / MANY);
        /* Looking at every range would take 300 us at the least; sanitizers cost tenfold. */
        assert_true(asked / 3 < 100e-6);
        assert_true(added / MANY < 50e-6);
        assert_true(fi_range_set_size_bytes(&set) < (size_t)MANY * 320);
        fi_range_set_deinit(&set);
    }
}

/* ---- memory ---- */

static void
a_small_set_is_small(void **state)
{
    struct fi_range_set set = {0};
    assert_int_equal(add(&set, &(struct model_range){1, 2, 3}), FIRN_OK);
    assert_true(fi_range_set_size_bytes(&set) < 512);
    fi_range_set_deinit(&set);
}

static void
a_failed_allocation_leaves_the_set_as_it_was(void **state)
{
    struct test_random random;
    test_random_init(&random, "no memory", 4);
    test_alloc_install();
    struct fi_range_set set = {0};
    static struct model model;
    model.count = 0;
    size_t failures = 0;
    for (uint64_t i = 0; i < MODEL_MAX; i++) {
        uint64_t lower = test_random_below(&random, 100);
        uint64_t sequence = i + 1 == MODEL_MAX ? 1 : i + 2; /* the last one is out of order */
        struct model_range range = {lower, lower + 1 + test_random_below(&random, 30), sequence};
        test_alloc_fail_at(1, i % 2 == 0);
        int rc = add(&set, &range);
        if (rc != FIRN_OK) {
            assert_int_equal(rc, FIRN_NO_MEMORY);
            failures++;
            assert_int_equal(set.count, model.count);
            test_alloc_fail_at(0, false);
            check_lookups(&random, &set, &model, 130, i + 2);
            assert_int_equal(fi_range_set_reserve(&set, SIZE_MAX, 1, NULL), FIRN_NO_MEMORY);
            assert_int_equal(fi_range_set_reserve(&set, 1, SIZE_MAX, NULL), FIRN_NO_MEMORY);
            assert_int_equal(add(&set, &range), FIRN_OK);
        }
        model.ranges[model.count++] = range;
    }
    assert_true(failures > 10);
    test_alloc_fail_at(1, true);
    struct met met = {0};
    firn_error err;
    assert_int_equal(fi_range_set_visit(&set, NULL, NULL, meet_in_order, &met, &err),
                     FIRN_NO_MEMORY);
    assert_int_equal(met.count, 0);
    assert_true(set.is_unordered);
    uint64_t n = 1;
    for (;; n++) {
        test_alloc_fail_at(n, n % 2 == 0);
        int rc = fi_range_set_seal(&set, NULL);
        test_alloc_fail_at(0, false);
        assert_int_equal(set.count, MODEL_MAX);
        check_lookups(&random, &set, &model, 130, MODEL_MAX + 1);
        if (rc == FIRN_OK) {
            break;
        }
        assert_int_equal(rc, FIRN_NO_MEMORY);
    }
    assert_true(n > 3 && set.is_sealed);
    fi_range_set_deinit(&set);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
reserved_ranges_need_no_memory(void **state)
{
    struct test_random random;
    test_random_init(&random, "reserve", 5);
    test_alloc_install();
    struct fi_range_set set = {0};
    uint64_t sequence = 0;
    for (unsigned batch = 0; batch < 200; batch++) {
        size_t count = 1 + test_random_below(&random, batch % 5 == 0 ? 200 : 5);
        test_alloc_fail_at(0, false);
        assert_int_equal(fi_range_set_reserve(&set, count, 2 * KEY_SIZE * count, NULL), FIRN_OK);
        test_alloc_fail_at(1, true);
        for (size_t i = 0; i < count; i++) {
            /* All apart: no spans join. */
            sequence++;
            uint64_t lower = sequence * 7919 % 100000 * 2;
            assert_int_equal(add(&set, &(struct model_range){lower, lower + 1, sequence}), FIRN_OK);
        }
    }
    test_alloc_fail_at(0, false);
    assert_int_equal(set.count, sequence);
    fi_range_set_deinit(&set);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* ---- readers beside a writer ---- */

enum { SHARED = 20000, READERS = 3 };

struct shared {
    struct fi_range_set set;
    atomic_uint_fast64_t published;
    atomic_uint_fast64_t rounds;
    atomic_bool is_done;
};

/* Range i covers [i, i + 10). */
static void
check_shared(struct shared *shared, struct test_random *random, uint64_t published)
{
    struct fi_snapshot_interval interval = {1, published};
    struct fi_snapshot snapshot = {&interval, 1, 0, NULL};
    uint64_t key = test_random_below(random, published + 20);
    uint8_t bytes[KEY_SIZE];
    uint64_t newest = key < published ? key : published - 1;
    bool is_covered = newest + 10 > key;
    firn_slice slice = make_key(key, bytes);
    assert_int_equal(fi_range_set_covering(&shared->set, slice, &snapshot, 0),
                     is_covered ? newest + 1 : 0);
    struct fi_range_stretch stretch = {0};
    assert_int_equal(fi_range_set_covered(&shared->set, slice, &snapshot, 0, &stretch), is_covered);
    stretch = (struct fi_range_stretch){0};
    assert_int_equal(fi_range_set_free(&shared->set, slice, &snapshot, 0, &stretch), !is_covered);
}

static void *
read_beside(void *arg)
{
    struct shared *shared = arg;
    struct test_random random = {.state = 1 + atomic_fetch_add(&shared->rounds, 1)};
    bool is_last = false;
    while (!is_last) {
        is_last = atomic_load(&shared->is_done);
        uint64_t published = atomic_load(&shared->published);
        for (unsigned i = 0; i < 100 && published > 0; i++) {
            check_shared(shared, &random, published);
        }
        struct met met = {0};
        assert_int_equal(fi_range_set_visit(&shared->set, NULL, NULL, meet_in_order, &met, NULL),
                         FIRN_OK);
        assert_true(met.count >= published);
        atomic_fetch_add(&shared->rounds, 1);
    }
    return NULL;
}

static void
readers_miss_nothing_beside_a_writer(void **state)
{
    static struct shared shared;
    pthread_t readers[READERS];
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_create(&readers[i], NULL, read_beside, &shared), 0);
    }
    for (uint64_t i = 0; i < SHARED; i++) {
        assert_int_equal(add(&shared.set, &(struct model_range){i, i + 10, i + 1}), FIRN_OK);
        atomic_store(&shared.published, i + 1);
    }
    atomic_store(&shared.is_done, true);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(readers[i], NULL), 0);
    }
    assert_true(atomic_load(&shared.rounds) >= 2 * READERS);
    fi_range_set_deinit(&shared.set);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_list_of_ranges),
        cmocka_unit_test(a_range_that_is_empty_or_reversed_is_no_range),
        cmocka_unit_test(bounds_may_be_empty_or_long_and_are_copied),
        cmocka_unit_test(ranges_that_touch_are_one_stretch),
        cmocka_unit_test(no_shape_of_many_ranges_is_slow),
        cmocka_unit_test(a_small_set_is_small),
        cmocka_unit_test(a_failed_allocation_leaves_the_set_as_it_was),
        cmocka_unit_test(reserved_ranges_need_no_memory),
        cmocka_unit_test(readers_miss_nothing_beside_a_writer),
    };
    return cmocka_run_group_tests_name("range_set", tests, NULL, NULL);
}

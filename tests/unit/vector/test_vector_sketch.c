/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/vector: products of sketches are exact for every number of dimensions, with and without the processor's special
 * instructions, and whatever bytes lie after a sketch.
 */
#include "support/test.h"
#include "support/test_random.h"
#include "vector/vector_distance.h"
#include "vector/vector_sketch.h"

struct rig {
    uint8_t *levels[4];
    uint8_t *sketches[4];
    int8_t *numbers;
    int8_t *query;
};

/* style: 0: any levels and numbers; 1: the largest of both; 2: the largest levels, the smallest numbers. */
static void
check(struct test_random *random, size_t n, unsigned style)
{
    struct rig rig;
    int32_t expected[4] = {0};
    int32_t plain[4];
    int32_t fast[4];
    const uint8_t *sketches[4];
    const size_t size = fi_vector_sketch_size(n) + FI_VECTOR_SKETCH_PAST;
    rig.numbers = malloc(n);
    rig.query = malloc(fi_vector_sketch_query_size(n));
    assert_true(rig.numbers != NULL && rig.query != NULL);
    for (size_t i = 0; i < n; i++) {
        rig.numbers[i] = style == 0   ? (int8_t)((int)test_random_below(random, 255) - 127)
                         : style == 1 ? 127
                                      : -127;
    }
    fi_vector_sketch_query(rig.numbers, n, rig.query);
    for (size_t k = 0; k < 4; k++) {
        rig.levels[k] = malloc(n);
        rig.sketches[k] = malloc(size);
        assert_true(rig.levels[k] != NULL && rig.sketches[k] != NULL);
        for (size_t i = 0; i < n; i++) {
            rig.levels[k][i] =
                (uint8_t)(style == 0 ? test_random_below(random, FI_VECTOR_SKETCH_LEVELS)
                                     : FI_VECTOR_SKETCH_LEVELS - 1);
            expected[k] += rig.levels[k][i] * rig.numbers[i];
        }
        fi_vector_sketch_write(rig.levels[k], n, rig.sketches[k]);
        for (size_t i = fi_vector_sketch_size(n); i < size; i++) {
            rig.sketches[k][i] = (uint8_t)test_random_next(random);
        }
        sketches[k] = rig.sketches[k];
    }
    fi_vector_sketch_dot_four_plain(rig.query, sketches, n, plain);
    fi_vector_sketch_dot_four(rig.query, sketches, n, fast);
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(plain[k], expected[k]);
        assert_int_equal(fast[k], expected[k]);
        free(rig.levels[k]);
        free(rig.sketches[k]);
    }
    free(rig.numbers);
    free(rig.query);
}

static void
products_are_exact(void **state)
{
    static const size_t large[] = {511,  512,  768,   1000,
                                   1536, 4096, 10001, FI_VECTOR_DIMENSIONS_MAX};
    struct test_random random;
    test_random_init(&random, "sketches", 81);
    for (unsigned style = 0; style < 3; style++) {
        for (size_t n = 1; n <= 300; n++) {
            check(&random, n, style);
        }
        for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
            check(&random, large[i], style);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_exact),
    };
    return cmocka_run_group_tests_name("vector_sketch", tests, NULL, NULL);
}

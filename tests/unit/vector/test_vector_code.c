/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/vector: codes exclude no vector that is within a limit, whatever its numbers, and most of the others.
 */
#include <float.h>
#include <math.h>

#include "support/test.h"
#include "support/test_random.h"
#include "vector/vector_code.h"

enum { N_MAX = 300, ROWS_MAX = FI_VECTOR_CODE_ROWS };

struct rig {
    struct test_random random;
    float *numbers;
    firn_slice vectors[ROWS_MAX];
    uint64_t rows[FI_VECTOR_CODE_WORDS];
    size_t count;
    size_t n;
    uint8_t *block;
    size_t size;
};

static double
uniform(struct test_random *random)
{
    return (double)(test_random_next(random) >> 11) / 0x1p53 * 2 - 1;
}

/* A vector of numbers around `middle`, of a size within 2^-spread to 2^spread. */
static void
fill(struct rig *rig, float *out, double middle, int spread)
{
    const double size = ldexp(
        1, spread == 0 ? 0 : (int)test_random_below(&rig->random, 2 * (uint64_t)spread) - spread);
    for (size_t i = 0; i < rig->n; i++) {
        out[i] = (float)((middle + uniform(&rig->random)) * size);
    }
}

static void
begin(struct rig *rig, size_t count, size_t n, double middle, int spread)
{
    rig->count = count;
    rig->n = n;
    rig->size = fi_vector_code_size(count, n);
    rig->numbers = malloc(count * n * sizeof *rig->numbers);
    rig->block = malloc(rig->size);
    assert_non_null(rig->numbers);
    assert_non_null(rig->block);
    memset(rig->rows, 0, sizeof rig->rows);
    for (size_t i = 0; i < count; i++) {
        fill(rig, rig->numbers + i * n, middle, spread);
        rig->vectors[i] = firn_bytes(rig->numbers + i * n, n * sizeof(float));
        rig->rows[i / 64] |= UINT64_C(1) << i % 64;
    }
}

static void
end(struct rig *rig)
{
    free(rig->numbers);
    free(rig->block);
}

static double
distance(const struct rig *rig, enum fi_vector_metric metric, const float *query, size_t row)
{
    return fi_vector_distance_exact(metric, query, rig->vectors[row].data, rig->n);
}

/* Compares a block with a query for limits that are distances of its rows, by every set of kernels; how many rows were
 * near that need not be. */
static size_t
compare(struct rig *rig, enum fi_vector_metric metric, const float *query)
{
    size_t needless = 0;
    int8_t codes[(N_MAX + 15) / 16 * 16];
    struct fi_vector_code_query q = {.codes = codes};
    const firn_slice block = firn_bytes(rig->block, rig->size);
    if (!fi_vector_code_query_init(&q, query, rig->n)) {
        return 0;
    }
    for (size_t set = 0; fi_vector_distance_kernels_at(set) != NULL; set++) {
        struct fi_vector_code_limit limit;
        const size_t last = (size_t)test_random_below(&rig->random, rig->count);
        const double most = distance(rig, metric, query, last);
        q.kernels = fi_vector_distance_kernels_at(set);
        if (!isfinite(most)) {
            continue;
        }
        fi_vector_code_set_limit(&q, metric, most, &limit);
        for (size_t i = 0; i < rig->count; i++) {
            const bool is_there = (rig->rows[i / 64] >> i % 64 & 1) != 0;
            const uint64_t near =
                fi_vector_code_near(&q, &limit, block, i / 64, rig->rows[i / 64], i % 2 == 0);
            const bool is_near = (near >> i % 64 & 1) != 0;
            const double d = is_there ? distance(rig, metric, query, i) : 0;
            if (is_there && (!isfinite(d) || d <= most) && !is_near) {
                fail_msg("metric %d, %zu numbers, row %zu at %.17g was left out at %.17g",
                         (int)metric, rig->n, i, d, most);
            }
            assert_true(is_there || !is_near);
            needless += is_near && d > most;
        }
    }
    return needless;
}

static void
compare_all(struct rig *rig, const float *query)
{
    fi_vector_code_write(rig->vectors, rig->rows, rig->count, rig->n, rig->block);
    for (enum fi_vector_metric metric = FI_VECTOR_L2; metric <= FI_VECTOR_METRIC_LAST; metric++) {
        (void)compare(rig, metric, query);
    }
}

static void
no_near_row_is_left_out(void **state)
{
    struct rig rig;
    float query[N_MAX];
    (void)state;
    test_random_init(&rig.random, __func__, 11);
    for (size_t turn = 0; turn < 120; turn++) {
        const size_t n = 1 + (size_t)test_random_below(&rig.random, N_MAX);
        const size_t count = 1 + (size_t)test_random_below(&rig.random, 70);
        const double middle = turn % 3 == 0 ? 0 : turn % 3 == 1 ? 0.5 : 100;
        const int spread = turn % 4 == 0 ? 100 : turn % 4 == 1 ? 4 : 0;
        begin(&rig, count, n, middle, spread);
        memset(rig.numbers, 0, n * sizeof(float));
        fill(&rig, query, middle, turn % 5 == 0 ? 60 : 0);
        compare_all(&rig, query);
        /* One of the rows is the query; one is it the other way round; some are not there. */
        memcpy(rig.numbers + count / 2 * n, query, n * sizeof(float));
        for (size_t i = 0; i < n; i++) {
            rig.numbers[count / 3 * n + i] = -query[i];
        }
        rig.rows[0] &= ~UINT64_C(0x50);
        compare_all(&rig, query);
        end(&rig);
    }
}

static void
what_is_not_finite_or_of_another_size_is_near(void **state)
{
    struct rig rig;
    const float odd[] = {NAN, INFINITY, -INFINITY, FLT_MAX, FLT_TRUE_MIN, FLT_MIN};
    const size_t rows = sizeof odd / sizeof odd[0] + 1;
    float query[20];
    int8_t codes[32];
    struct fi_vector_code_query q = {.codes = codes};
    (void)state;
    test_random_init(&rig.random, __func__, 12);
    begin(&rig, 64, 20, 0, 0);
    fill(&rig, query, 3, 0);
    for (size_t i = 0; i + 1 < rows; i++) {
        memset(rig.numbers + i * 20, 0, 20 * sizeof(float));
        rig.numbers[i * 20 + 7] = odd[i];
    }
    rig.vectors[rows - 1].size--;
    fi_vector_code_write(rig.vectors, rig.rows, rig.count, rig.n, rig.block);
    assert_true(fi_vector_code_query_init(&q, query, rig.n));
    for (enum fi_vector_metric metric = FI_VECTOR_L2; metric <= FI_VECTOR_METRIC_LAST; metric++) {
        struct fi_vector_code_limit limit;
        fi_vector_code_set_limit(&q, metric, metric == FI_VECTOR_DOT ? -1000 : 0, &limit);
        assert_int_equal(
            fi_vector_code_near(&q, &limit, firn_bytes(rig.block, rig.size), 0, UINT64_MAX, true),
            (1U << rows) - 1);
    }
    end(&rig);
}

static void
queries_beyond_the_range_have_no_codes(void **state)
{
    float query[3] = {0};
    int8_t codes[16];
    struct fi_vector_code_query q = {.codes = codes};
    (void)state;
    assert_false(fi_vector_code_query_init(&q, query, 3));
    query[1] = FLT_MAX;
    assert_false(fi_vector_code_query_init(&q, query, 3));
    query[1] = FLT_MIN;
    assert_false(fi_vector_code_query_init(&q, query, 3));
    query[1] = -1;
    assert_true(fi_vector_code_query_init(&q, query, 3));
}

/* Of uniform vectors codes leave two in a hundred in doubt, at most. */
static void
few_rows_are_near_that_need_not_be(void **state)
{
    struct rig rig;
    float query[N_MAX];
    (void)state;
    test_random_init(&rig.random, __func__, 13);
    for (enum fi_vector_metric metric = FI_VECTOR_L2; metric <= FI_VECTOR_METRIC_LAST; metric++) {
        size_t sets = 0;
        begin(&rig, ROWS_MAX, 100, 0, 0);
        fi_vector_code_write(rig.vectors, rig.rows, rig.count, rig.n, rig.block);
        size_t needless = 0;
        for (size_t i = 0; i < 10; i++) {
            fill(&rig, query, 0, 0);
            needless += compare(&rig, metric, query);
        }
        while (fi_vector_distance_kernels_at(sets) != NULL) {
            sets++;
        }
        if (needless > ROWS_MAX * 10 * sets / 20) {
            fail_msg("metric %d: %zu of %zu rows in doubt", (int)metric, needless,
                     ROWS_MAX * 10 * sets);
        }
        end(&rig);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_near_row_is_left_out),
        cmocka_unit_test(what_is_not_finite_or_of_another_size_is_near),
        cmocka_unit_test(queries_beyond_the_range_have_no_codes),
        cmocka_unit_test(few_rows_are_near_that_need_not_be)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/vector: every set of kernels that the processor has against sums in double precision, and codes against whole numbers.
 */
#include <float.h>
#include <math.h>

#include "support/test.h"
#include "support/test_random.h"
#include "vector/vector_distance.h"

enum { N_MAX = 1030, ROWS = 5 };

/* Four rows and a query, each at an odd address, with nothing readable promised after its end: the memory of each is
 * just as long as it is. */
struct five {
    void *memory[ROWS];
    uint8_t *at[ROWS];
    size_t n;
};

static void
begin(struct five *five, struct test_random *random, size_t n, size_t size)
{
    five->n = n;
    for (size_t i = 0; i < ROWS; i++) {
        size_t shift = test_random_below(random, 8);
        five->memory[i] = malloc(shift + n * size);
        assert_non_null(five->memory[i]);
        five->at[i] = (uint8_t *)five->memory[i] + shift;
    }
}

static void
end(struct five *five)
{
    for (size_t i = 0; i < ROWS; i++) {
        free(five->memory[i]);
    }
}

static double
uniform(struct test_random *random)
{
    return (double)(test_random_next(random) >> 11) / 0x1p53 * 2 - 1;
}

static float
get(const uint8_t *vector, size_t i)
{
    float number;
    memcpy(&number, vector + 4 * i, 4);
    return number;
}

static void
set(uint8_t *vector, size_t i, double number)
{
    float narrow = (float)number;
    memcpy(vector + 4 * i, &narrow, 4);
}

struct sums {
    double l2;
    double dot;
    double absolute; /* of the products */
    double squares;  /* of b */
};

static struct sums
add_up(const uint8_t *a, const uint8_t *b, size_t n)
{
    struct sums sums = {.l2 = 0};
    for (size_t i = 0; i < n; i++) {
        double x = get(a, i);
        double y = get(b, i);
        sums.l2 += (x - y) * (x - y);
        sums.dot += x * y;
        sums.absolute += fabs(x * y);
        sums.squares += y * y;
    }
    return sums;
}

/* What is below the smallest normal number may be lost; what is above the largest is infinite. */
static void
check_near(double got, double wanted, double scale, const char *what)
{
    if (fabs(wanted) > (double)FLT_MAX * (1 - 1e-5) || scale > (double)FLT_MAX * (1 - 1e-5)) {
        return;
    }
    if (fabs(got - wanted) > 1e-5 * scale + 0x1p-100) {
        fail_msg("%s: %.9g and not %.9g", what, got, wanted);
    }
}

static void
check_floats(const struct five *five, const struct fi_vector_kernels *kernels)
{
    const void *rows[4] = {five->at[1], five->at[2], five->at[3], five->at[4]};
    float l2[4];
    float dots[4];
    float norms[4];
    kernels->l2_four(five->at[0], rows, five->n, l2);
    kernels->dot_norm_four(five->at[0], rows, five->n, dots, norms);
    for (size_t k = 0; k < 4; k++) {
        struct sums sums = add_up(five->at[0], rows[k], five->n);
        check_near((double)l2[k], sums.l2, sums.l2, kernels->name);
        check_near((double)dots[k], sums.dot, sums.absolute, kernels->name);
        check_near((double)norms[k], sums.squares, sums.squares, kernels->name);
    }
}

static void
check_judge(const struct five *five)
{
    struct sums sums = add_up(five->at[0], five->at[1], five->n);
    double squares = fi_vector_distance_squares(five->at[0], five->n);
    double own = add_up(five->at[0], five->at[0], five->n).squares;
    double cosine = own > 0 && sums.squares > 0 ? 1 - sums.dot / sqrt(own * sums.squares) : 1;
    assert_true(fabs(squares - own) <= 1e-12 * own);
    double l2 = fi_vector_distance_exact(FI_VECTOR_L2, five->at[0], five->at[1], five->n);
    double dot = fi_vector_distance_exact(FI_VECTOR_DOT, five->at[0], five->at[1], five->n);
    double cos = fi_vector_distance_exact(FI_VECTOR_COSINE, five->at[0], five->at[1], five->n);
    assert_true(isfinite(l2) && isfinite(dot) && isfinite(cos));
    assert_true(fabs(l2 - sums.l2) <= 1e-12 * sums.l2);
    assert_true(fabs(dot + sums.dot) <= 1e-12 * sums.absolute);
    assert_true(fabs(cos - cosine) <= 1e-12);
    assert_true(cos >= 0 && cos <= 2);
    assert_true(fi_vector_distance_exact_to(FI_VECTOR_COSINE, five->at[0], squares, five->at[1],
                                            five->n) == cos);
    /* Of itself. */
    cos = fi_vector_distance_exact(FI_VECTOR_COSINE, five->at[1], five->at[1], five->n);
    assert_true(cos == (sums.squares > 0 ? 0 : 1));
    assert_true(fi_vector_distance_exact(FI_VECTOR_L2, five->at[1], five->at[1], five->n) == 0);
}

/* Sizes of numbers: 0 usual; 1 denormal; 2 huge; 3 of all sizes; 4 equal but for a few; 5 zero. */
static void
fill(struct five *five, struct test_random *random, unsigned kind)
{
    for (size_t i = 0; i < five->n; i++) {
        for (size_t k = 0; k < ROWS; k++) {
            double number = uniform(random);
            switch (kind) {
            case 1:
                number *= 0x1p-127;
                break;
            case 2:
                number *= 0x1p127;
                break;
            case 3:
                number = ldexp(number, (int)test_random_below(random, 250) - 125);
                break;
            case 4:
                number = i % 17 == 0 ? number : 0.25;
                break;
            case 5:
                number = 0;
                break;
            default:
                break;
            }
            set(five->at[k], i, number);
        }
    }
}

static void
floats_of_every_set_are_near_the_sums_in_double_precision(void **state)
{
    struct test_random random;
    struct five five;
    test_random_init(&random, "vector_distance", 1);
    for (unsigned round = 0; round < 10000; round++) {
        size_t n = round < N_MAX ? round + 1 : 1 + test_random_below(&random, N_MAX);
        begin(&five, &random, n, sizeof(float));
        fill(&five, &random, round % 6);
        const struct fi_vector_kernels *kernels;
        for (size_t i = 0; (kernels = fi_vector_distance_kernels_at(i)) != NULL; i++) {
            check_floats(&five, kernels);
        }
        check_judge(&five);
        end(&five);
    }
}

/* ---- sets against the scalar one ---- */

static const struct fi_vector_kernels *
scalar_set(void)
{
    const struct fi_vector_kernels *found = NULL;
    const struct fi_vector_kernels *kernels;
    for (size_t i = 0; (kernels = fi_vector_distance_kernels_at(i)) != NULL; i++) {
        found = kernels;
    }
    return found;
}

enum { CANDIDATES = 200, WANTED = 10 };

/* The distances of all candidates, by metric 0 (L2), 1 (dot) or 2 (cosine). */
static void
rank(const struct fi_vector_kernels *kernels, unsigned metric, size_t n, const uint8_t *query,
     uint8_t *const rows[CANDIDATES], double out[CANDIDATES])
{
    for (size_t i = 0; i < CANDIDATES; i += 4) {
        const void *four[4] = {rows[i], rows[i + 1], rows[i + 2], rows[i + 3]};
        float sums[4];
        float norms[4] = {0};
        if (metric == 0) {
            kernels->l2_four(query, four, n, sums);
        } else {
            kernels->dot_norm_four(query, four, n, sums, norms);
        }
        for (size_t k = 0; k < 4; k++) {
            out[i + k] = metric == 0   ? (double)sums[k]
                         : metric == 1 ? -(double)sums[k]
                                       : 1 - (double)sums[k] / sqrt((double)norms[k]);
        }
    }
}

static double
tenth_of(const double distances[CANDIDATES])
{
    double nearest[WANTED];
    size_t count = 0;
    for (size_t i = 0; i < CANDIDATES; i++) {
        if (count == WANTED && distances[i] >= nearest[WANTED - 1]) {
            continue;
        }
        size_t at = count < WANTED ? count++ : WANTED - 1;
        for (; at > 0 && nearest[at - 1] > distances[i]; at--) {
            nearest[at] = nearest[at - 1];
        }
        nearest[at] = distances[i];
    }
    return nearest[WANTED - 1];
}

/* Numbers from -1 to 1, at an odd address. */
static uint8_t *
make_vector(struct test_random *random, size_t n, void **out_memory)
{
    const size_t shift = test_random_below(random, 8);
    *out_memory = malloc(shift + 4 * n);
    assert_non_null(*out_memory);
    uint8_t *vector = (uint8_t *)*out_memory + shift;
    for (size_t i = 0; i < n; i++) {
        set(vector, i, uniform(random));
    }
    return vector;
}

/* The ten nearest of each set are those of the scalar set, but for rows whose distances are within the error of the limit. */
static void
each_set_finds_the_nearest_that_the_scalar_set_finds(void **state)
{
    struct test_random random;
    test_random_init(&random, "vector_nearest", 3);
    for (unsigned round = 0; round < 300; round++) {
        const size_t n = round < 100 ? round + 1 : 1 + test_random_below(&random, N_MAX);
        const double error = 2e-5 * (double)n;
        uint8_t *rows[CANDIDATES];
        void *memory[CANDIDATES + 1];
        double wanted[CANDIDATES];
        double got[CANDIDATES];
        const struct fi_vector_kernels *kernels;
        const uint8_t *query = make_vector(&random, n, &memory[CANDIDATES]);
        for (size_t i = 0; i < CANDIDATES; i++) {
            rows[i] = make_vector(&random, n, &memory[i]);
        }
        rank(scalar_set(), round % 3, n, query, rows, wanted);
        const double limit = tenth_of(wanted);
        for (size_t i = 0; (kernels = fi_vector_distance_kernels_at(i)) != NULL; i++) {
            rank(kernels, round % 3, n, query, rows, got);
            const double own = tenth_of(got);
            for (size_t k = 0; k < CANDIDATES; k++) {
                assert_true(fabs(got[k] - wanted[k]) <= error);
                assert_true(fabs(wanted[k] - limit) <= error ||
                            (got[k] <= own) == (wanted[k] <= limit));
            }
        }
        for (size_t i = 0; i <= CANDIDATES; i++) {
            free(memory[i]);
        }
    }
}

static void
check_codes(const struct five *five, const struct fi_vector_kernels *kernels)
{
    const uint8_t *rows[4] = {five->at[1], five->at[2], five->at[3], five->at[4]};
    const int8_t *query = (const int8_t *)five->at[0];
    int32_t dots[4];
    kernels->dot_i8u8_four(query, rows, five->n, dots);
    for (size_t k = 0; k < 4; k++) {
        int64_t sum = 0;
        for (size_t i = 0; i < five->n; i++) {
            sum += (int64_t)query[i] * rows[k][i];
        }
        assert_true(dots[k] == sum);
    }
}

static void
codes_of_every_set_give_the_same_whole_numbers(void **state)
{
    struct test_random random;
    struct five five;
    test_random_init(&random, "vector_codes", 2);
    for (unsigned round = 0; round < 3000; round++) {
        size_t n = round < N_MAX ? round + 1 : 1 + test_random_below(&random, N_MAX);
        n = round == 2999 ? FI_VECTOR_DIMENSIONS_MAX : n;
        begin(&five, &random, n, 1);
        for (size_t k = 0; k < ROWS; k++) {
            for (size_t i = 0; i < n; i++) {
                uint8_t extreme = test_random_below(&random, 2) == 0 ? 0x80 : 0xff;
                five.at[k][i] = round % 3 == 0 ? extreme : (uint8_t)test_random_next(&random);
            }
        }
        const struct fi_vector_kernels *kernels;
        for (size_t i = 0; (kernels = fi_vector_distance_kernels_at(i)) != NULL; i++) {
            check_codes(&five, kernels);
        }
        end(&five);
    }
    /* The largest sums there are. */
    begin(&five, &random, FI_VECTOR_DIMENSIONS_MAX, 1);
    for (unsigned kind = 0; kind < 16; kind++) {
        static const uint8_t bytes[] = {0, 0x7f, 0x80, 0xff};
        for (size_t k = 0; k < ROWS; k++) {
            memset(five.at[k], bytes[k == 0 ? kind / 4 : kind % 4], five.n);
        }
        const struct fi_vector_kernels *kernels;
        for (size_t i = 0; (kernels = fi_vector_distance_kernels_at(i)) != NULL; i++) {
            check_codes(&five, kernels);
        }
    }
    end(&five);
}

static void
the_last_set_is_scalar_and_the_first_one_is_used(void **state)
{
    const char *last = NULL;
    assert_ptr_equal(fi_vector_distance_kernels(), fi_vector_distance_kernels_at(0));
    for (size_t i = 0; fi_vector_distance_kernels_at(i) != NULL; i++) {
        last = fi_vector_distance_kernels_at(i)->name;
        print_message("kernels: %s\n", last);
    }
    assert_string_equal(last, "scalar");
}

static void
what_is_not_finite_is_found(void **state)
{
    float numbers[9] = {0, -0.0F, FLT_MAX, -FLT_MAX, FLT_MIN, 0x1p-149F, 1, 2, 3};
    assert_true(fi_vector_distance_is_finite(numbers, 9));
    for (size_t i = 0; i < 9; i++) {
        static const uint32_t bad[] = {0x7f800000, 0xff800000, 0x7fc00000, 0xff800001};
        for (size_t k = 0; k < 4; k++) {
            float kept = numbers[i];
            memcpy(&numbers[i], &bad[k], 4);
            assert_false(fi_vector_distance_is_finite(numbers, 9));
            assert_int_equal(fi_vector_distance_is_finite(numbers, i), true);
            numbers[i] = kept;
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_set_is_scalar_and_the_first_one_is_used),
        cmocka_unit_test(floats_of_every_set_are_near_the_sums_in_double_precision),
        cmocka_unit_test(each_set_finds_the_nearest_that_the_scalar_set_finds),
        cmocka_unit_test(codes_of_every_set_give_the_same_whole_numbers),
        cmocka_unit_test(what_is_not_finite_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

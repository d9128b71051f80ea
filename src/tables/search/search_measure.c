/* SPDX-License-Identifier: Apache-2.0
 *
 * search/search_measure.c: which vectors may be near enough, and their distances.
 *
 * The processor's kernels compute the distances of four rows at a time, in single precision. Their
 * error has a bound (vector/vector_distance.c). A row is left out if its distance, less the bound,
 * is still beyond the limit. The distances of all other rows are computed again in double
 * precision, which decides. Once the nearest rows are roughly known, these are few. So the result
 * is exact, and costs little more than single precision.
 *
 * The error. Let u be 2^-24, n the dimensions, and g = (n + 8) u, with room for a few operations
 * more than Higham counts.
 *
 *   L2      All terms are positive: the sum is wrong by at most g of itself.
 *   DOT     The sum is wrong by at most g of the sum of |a b|, which is at most |a| |b| (Cauchy and
 *           Schwarz). The kernel gives |b|^2 with it, which is wrong by g of itself.
 *   COSINE  The query is scaled to length 1 first, which costs another u a term; then as DOT,
 *   divided by |b|: at most
 *           4 g, because no cosine is beyond 1.
 *
 * Numbers below 2^-126 may become zero, even stored ones, if the program has set the processor so.
 * This changes a sum by at most n 2^-120 for each number of the size of the largest one, and is
 * added to g. Sums beyond the range are infinite, and count as the largest number. The distance of
 * a vector so short that its square may have become zero is always computed again.
 *
 * (M1) A vector that measure_four leaves out is at a distance of more than `most`. (Not checked:
 *      this would be the computation that is saved; tests check it.)
 */
#include "search/search_internal.h"

#include "base/check.h"
#include "base/mem.h"

/* Below SQUARE_LEAST, 2^-80, the square of a length is too small to divide by; above the other it
 * may be infinite. */
#define SQUARE_LEAST 0x1p-80
#define SQUARE_MOST 0x1p+120
#define NUMBER_MOST 0x1.fffffep+127 /* of f32 */

int
fi_search_measure_init(struct fi_search_measure *measure, const struct fi_search_request *request,
                       size_t i, firn_error *err)
{
    const size_t n = request->dimensions;
    const float *query = request->query + i * n;
    *measure = (struct fi_search_measure){.metric = request->metric,
                                          .dimensions = n,
                                          .kernels = fi_vector_distance_kernels(),
                                          .query = query,
                                          .compared = query,
                                          .squares = fi_vector_distance_squares(query, n),
                                          .wrong = ((double)n + 8) * 0x1p-24,
                                          .vanished = (double)n * 0x1p-120};
    DCHECK(n > 0 && n <= FI_VECTOR_DIMENSIONS_MAX);
    measure->length = fi_vector_distance_root(measure->squares);
    measure->code.codes = fi_alloc(fi_vector_code_stride(n));
    if (measure->code.codes == NULL) {
        return fi_error_no_memory(err, "a search");
    }
    measure->has_code = fi_vector_code_query_init(&measure->code, query, n);
    if (request->metric != FI_VECTOR_COSINE || measure->squares <= 0) {
        return FIRN_OK;
    }
    measure->own = fi_alloc_array(n, sizeof measure->own[0]);
    if (measure->own == NULL) {
        return fi_error_no_memory(err, "a search");
    }
    for (size_t k = 0; k < n; k++) {
        measure->own[k] = (float)((double)query[k] / measure->length);
    }
    measure->compared = measure->own;
    return FIRN_OK;
}

void
fi_search_measure_deinit(struct fi_search_measure *measure)
{
    fi_free(measure->own);
    fi_free(measure->code.codes);
    *measure = (struct fi_search_measure){.own = NULL};
}

static bool
may_be_near_by_l2(const struct fi_search_measure *measure, double sum, double most)
{
    sum = sum > NUMBER_MOST ? NUMBER_MOST : sum;
    /* A NaN counts as near: the exact measure finds the reason. */
    return !(sum - sum * measure->wrong - measure->vanished > most);
}

/* Whether x <= |b| times `times` may hold; the square of |b| is known with an error. */
static bool
is_within(const struct fi_search_measure *measure, double x, double times, double square)
{
    DCHECK(times >= 0);
    return x <= 0 || x * x <= times * times * square * (1 + 2 * measure->wrong);
}

static bool
may_be_near_by_dot(const struct fi_search_measure *measure, double dot, double square, double most)
{
    if (!(square < SQUARE_MOST) || !(dot < SQUARE_MOST && dot > -SQUARE_MOST) ||
        !(measure->squares < SQUARE_MOST)) {
        return true;
    }
    /* The length to which the vanished parts of both vectors are relative. */
    const double length = 1 + measure->length;
    const double vanished = measure->vanished * (length + 1 + square);
    /* -dot - wrong |a| |b| - vanished <= most */
    return is_within(measure, -dot - most - vanished, measure->wrong * length, square + vanished);
}

static double
signed_square(double x)
{
    return x * __builtin_fabs(x);
}

static bool
may_be_near_by_cosine(const struct fi_search_measure *measure, double dot, double square,
                      double most)
{
    if (!(square > SQUARE_LEAST && square < SQUARE_MOST)) {
        return true;
    }
    /* dot / |b| >= least, by squares that keep their signs: half of all dots are negative, so a
     * branch on the sign would be mispredicted. */
    const double least = 1 - most - 4 * measure->wrong;
    return signed_square(dot) >= signed_square(least) * square;
}

unsigned
fi_search_measure_four(const struct fi_search_measure *measure, const void *const rows[4],
                       double most)
{
    float sums[4];
    float squares[4];
    unsigned near = 0;
    DCHECK(measure->compared != NULL && rows[3] != NULL);
    if (measure->metric == FI_VECTOR_L2) {
        measure->kernels->l2_four(measure->compared, rows, measure->dimensions, sums);
        for (unsigned i = 0; i < 4; i++) {
            near |= (unsigned)may_be_near_by_l2(measure, (double)sums[i], most) << i;
        }
        return near;
    }
    measure->kernels->dot_norm_four(measure->compared, rows, measure->dimensions, sums, squares);
    for (unsigned i = 0; i < 4; i++) {
        const double dot = (double)sums[i];
        const double square = (double)squares[i];
        const bool is_near = measure->metric == FI_VECTOR_DOT
                                 ? may_be_near_by_dot(measure, dot, square, most)
                                 : may_be_near_by_cosine(measure, dot, square, most);
        near |= (unsigned)is_near << i;
    }
    return near;
}

double
fi_search_measure_exact(const struct fi_search_measure *measure, const void *row)
{
    return fi_vector_distance_exact_to(measure->metric, measure->query, measure->squares, row,
                                       measure->dimensions);
}

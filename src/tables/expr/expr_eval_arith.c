/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_eval_arith.c: + - * / %, and functions of numbers.
 *
 * A loop computes all rows, whether they count or not, and collects in one word whether any result
 * did not fit. If one did not, the rows that count are computed again, one at a time, because rows
 * that are not wanted hold anything. So the loops have no branches.
 *
 * A result fits if it is from low to high: for decimals 18 digits, for dates the calendar, for I64
 * everything that did not wrap around. Decimals and dates are far below 2^62, so their sums never
 * wrap. Nearly always, the factors of a batch are so small that all products fit: this is checked
 * first, which is cheaper than checking the products.
 *
 * Loops are compiled twice, for all processors and for those with AVX2. With AVX-512 other loops
 * are used, which multiply 64 bits at once and check the size of the factors at the same time.
 */
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/check.h"
#include "codec/cpu.h"
#include "expr/expr_eval.h"

#define TEMPLATE static inline __attribute__((always_inline))

static const double exact_whole = 4503599627370496.0; /* 2^52: from there on all are whole */

static int
fail_fit(const struct fi_expr_work *work)
{
    char name[FI_TYPE_TEXT_SIZE];
    return fi_error_set(work->err, FIRN_LIMIT, "a result does not fit %s",
                        fi_expr_type_text(&work->node->type, name));
}

/* Computes one row; false: the result does not fit. */
static bool
compute(enum fi_expr_op op, int64_t a, int64_t b, int64_t *out)
{
    switch (op) {
    case FI_EXPR_OP_ADD:
        return !__builtin_add_overflow(a, b, out);
    case FI_EXPR_OP_SUBTRACT:
        return !__builtin_sub_overflow(a, b, out);
    case FI_EXPR_OP_MULTIPLY:
        return !__builtin_mul_overflow(a, b, out);
    default:
        DCHECK(op == FI_EXPR_OP_NEGATE || op == FI_EXPR_OP_ABS);
        *out = a;
        return (op == FI_EXPR_OP_ABS && a >= 0) || !__builtin_sub_overflow((int64_t)0, a, out);
    }
}

/* After a loop with a result that does not fit: FIRN_LIMIT if that was in a row that counts. */
static int
check_rows(const struct fi_expr_work *work, int64_t low, int64_t high)
{
    const int64_t *a = work->args[0]->as.i64;
    const int64_t *b = work->arg_count > 1 ? work->args[1]->as.i64 : a;
    FI_EXPR_FOR_LIVE(work, row)
    {
        int64_t result;
        if (!compute(work->node->op, a[row], b[row], &result) || result < low || result > high) {
            return fail_fit(work);
        }
    }
    return FIRN_OK;
}

/* Two arrays of numbers, and where results go. */
struct pair {
    const int64_t *a;
    const int64_t *b;
    int64_t *out;
    size_t count;
    /* A mask for the number of a row: 0 for a constant, whose first value is used for all rows;
     * else all bits. */
    size_t a_places;
    size_t b_places;
};

static size_t
places_of(const struct fi_expr_node *node)
{
    return node->op == FI_EXPR_OP_CONSTANT ? 0 : SIZE_MAX;
}

static struct pair
pair_of(const struct fi_expr_work *work)
{
    const int64_t *a = work->args[0]->as.i64;
    DCHECK(work->arg_count == 1 || work->arg_count == 2);
    return (struct pair){.a = a,
                         .b = work->arg_count > 1 ? work->args[1]->as.i64 : a,
                         .out = work->out.i64,
                         .count = work->count,
                         .a_places = places_of(work->arg_nodes[0]),
                         .b_places = places_of(work->arg_nodes[work->arg_count - 1])};
}

/* How many bits all numbers need without their sign: they are from -2^bits to 2^bits - 1. */
TEMPLATE unsigned
bits_of(const int64_t *numbers, size_t count)
{
    uint64_t any = 1;
    for (size_t i = 0; i < count; i++) {
        any |= (uint64_t)(numbers[i] < 0 ? ~numbers[i] : numbers[i]);
    }
    return 64 - (unsigned)__builtin_clzll(any);
}

/* False, and out has no meaning, if a product might be beyond -2^bits or 2^bits. */
TEMPLATE bool
multiply_template(const struct pair *pair, unsigned bits)
{
    const int64_t *a = pair->a;
    const int64_t *b = pair->b;
    int64_t *out = pair->out;
    size_t count = pair->count;
    if (bits_of(a, count) + bits_of(b, count) > bits) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = (int64_t)((uint64_t)a[i] * (uint64_t)b[i]);
    }
    return true;
}

/* The top bit is set if a number is not from low to high. Requires: high - low is below 2^63. For
 * numbers beyond 2^62 the bit has no meaning. */
static inline uint64_t
outside(uint64_t number, uint64_t low, uint64_t high)
{
    return (number - low) | (high - number);
}

/* Computes sums or differences; the top bit of the result is set if one is not from low to high. */
TEMPLATE uint64_t
add_template(const struct pair *pair, bool is_subtract, uint64_t low, uint64_t high)
{
    const int64_t *a = pair->a;
    const int64_t *b = pair->b;
    int64_t *out = pair->out;
    size_t count = pair->count;
    uint64_t wrong = 0;
    if (is_subtract) {
        for (size_t i = 0; i < count; i++) {
            uint64_t difference = (uint64_t)a[i] - (uint64_t)b[i];
            out[i] = (int64_t)difference;
            wrong |= outside(difference, low, high) |
                     (((uint64_t)a[i] ^ (uint64_t)b[i]) & ((uint64_t)a[i] ^ difference));
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            uint64_t sum = (uint64_t)a[i] + (uint64_t)b[i];
            out[i] = (int64_t)sum;
            wrong |= outside(sum, low, high) | (((uint64_t)a[i] ^ sum) & ((uint64_t)b[i] ^ sum));
        }
    }
    return wrong;
}

#if defined(__x86_64__)

/* These loops are vectorized; those for all processors are short. */
#if defined(__clang__)
#define HARDWARE __attribute__((target("avx2")))
#else
#define HARDWARE __attribute__((target("avx2"), optimize("O3")))
#endif

HARDWARE static bool
multiply_hardware(const struct pair *pair, unsigned bits)
{
    return multiply_template(pair, bits);
}

HARDWARE static uint64_t
add_hardware(const struct pair *pair, bool is_subtract, uint64_t low, uint64_t high)
{
    return add_template(pair, is_subtract, low, high);
}

#define WIDE __attribute__((target("avx512f,avx512dq")))

enum { STEP = 8 }; /* numbers of a register */

WIDE static inline __mmask8
first_of(size_t left)
{
    return (__mmask8)(left >= STEP ? UINT8_MAX : (1U << left) - 1);
}

WIDE static bool
multiply_wide(const struct pair *pair, unsigned bits)
{
    __m512i any_a = _mm512_set1_epi64(1);
    __m512i any_b = any_a;
    const struct pair all = *pair;
    for (size_t i = 0; i < all.count; i += STEP) {
        const __mmask8 there = first_of(all.count - i);
        const __m512i a = _mm512_maskz_loadu_epi64(there, all.a + (i & all.a_places));
        const __m512i b = _mm512_maskz_loadu_epi64(there, all.b + (i & all.b_places));
        any_a = _mm512_or_si512(any_a, _mm512_xor_si512(a, _mm512_srai_epi64(a, 63)));
        any_b = _mm512_or_si512(any_b, _mm512_xor_si512(b, _mm512_srai_epi64(b, 63)));
        _mm512_mask_storeu_epi64(all.out + i, there, _mm512_mullo_epi64(a, b));
    }
    const int zeros = __builtin_clzll((uint64_t)_mm512_reduce_or_epi64(any_a)) +
                      __builtin_clzll((uint64_t)_mm512_reduce_or_epi64(any_b));
    return 128 - (unsigned)zeros <= bits;
}

WIDE static uint64_t
add_wide(const struct pair *pair, bool is_subtract, uint64_t low, uint64_t high)
{
    const __m512i lows = _mm512_set1_epi64((long long)low);
    const __m512i highs = _mm512_set1_epi64((long long)high);
    const __m512i flip = _mm512_set1_epi64(is_subtract ? 0 : -1);
    __m512i wrong = _mm512_setzero_si512();
    const struct pair all = *pair;
    for (size_t i = 0; i < all.count; i += STEP) {
        const __mmask8 there = first_of(all.count - i);
        const __m512i a = _mm512_maskz_loadu_epi64(there, all.a + (i & all.a_places));
        const __m512i b = _mm512_maskz_loadu_epi64(there, all.b + (i & all.b_places));
        const __m512i out = is_subtract ? _mm512_sub_epi64(a, b) : _mm512_add_epi64(a, b);
        /* A result wraps if its sign differs from that of a, and b has the sign of a (sums) or the
         * other (differences). */
        const __m512i wraps = _mm512_and_si512(_mm512_xor_si512(a, out),
                                               _mm512_xor_si512(_mm512_xor_si512(a, b), flip));
        const __m512i beyond =
            _mm512_or_si512(_mm512_sub_epi64(out, lows), _mm512_sub_epi64(highs, out));
        wrong = _mm512_mask_or_epi64(wrong, there, wrong, _mm512_or_si512(beyond, wraps));
        _mm512_mask_storeu_epi64(all.out + i, there, out);
    }
    return (uint64_t)_mm512_reduce_or_epi64(wrong);
}

/* Tests run in both kinds of builds: in builds with checks they cover the plain loops. */
static bool
has_hardware(void)
{
#ifdef FIRN_DEBUG
    return false;
#else
    return fi_cpu_has(FI_CPU_AVX2);
#endif
}

static bool
has_wide(void)
{
#ifdef FIRN_DEBUG
    return false;
#else
    return fi_cpu_has(FI_CPU_VNNI);
#endif
}

#else
#define multiply_hardware multiply_template
#define add_hardware add_template
#define multiply_wide multiply_template
#define add_wide add_template

static bool
has_hardware(void)
{
    return false;
}

static bool
has_wide(void)
{
    return false;
}
#endif

static bool
multiply_small(const struct pair *pair, unsigned bits)
{
    return has_wide()       ? multiply_wide(pair, bits)
           : has_hardware() ? multiply_hardware(pair, bits)
                            : multiply_template(pair, bits);
}

static uint64_t
add_limited(const struct pair *pair, bool is_subtract, uint64_t low, uint64_t high)
{
    return has_wide()       ? add_wide(pair, is_subtract, low, high)
           : has_hardware() ? add_hardware(pair, is_subtract, low, high)
                            : add_template(pair, is_subtract, low, high);
}

static int
arith_i64(struct fi_expr_work *work)
{
    const struct pair pair = pair_of(work);
    const int64_t *a = pair.a;
    const int64_t *b = pair.b;
    int64_t *out = pair.out;
    size_t count = pair.count;
    uint64_t wrong = 0;
    switch (work->node->op) {
    case FI_EXPR_OP_ADD:
        for (size_t i = 0; i < count; i++) {
            uint64_t sum = (uint64_t)a[i] + (uint64_t)b[i];
            out[i] = (int64_t)sum;
            wrong |= ((uint64_t)a[i] ^ sum) & ((uint64_t)b[i] ^ sum);
        }
        wrong >>= 63;
        break;
    case FI_EXPR_OP_SUBTRACT:
        for (size_t i = 0; i < count; i++) {
            uint64_t difference = (uint64_t)a[i] - (uint64_t)b[i];
            out[i] = (int64_t)difference;
            wrong |= ((uint64_t)a[i] ^ (uint64_t)b[i]) & ((uint64_t)a[i] ^ difference);
        }
        wrong >>= 63;
        break;
    case FI_EXPR_OP_MULTIPLY:
        if (multiply_small(&pair, 62)) {
            break;
        }
        for (size_t i = 0; i < count; i++) {
            wrong |= (uint64_t)__builtin_mul_overflow(a[i], b[i], &out[i]);
        }
        break;
    default:
        for (size_t i = 0; i < count; i++) {
            wrong |= (uint64_t)!compute(work->node->op, a[i], 0, &out[i]);
        }
        break;
    }
    return wrong != 0 ? check_rows(work, INT64_MIN, INT64_MAX) : FIRN_OK;
}

/* The largest n with low <= -2^n and 2^n <= high; 0: there is none. */
static unsigned
bits_within(int64_t low, int64_t high)
{
    int64_t size = low > -high ? -low : high;
    return size < 1 ? 0 : 63 - (unsigned)__builtin_clzll((uint64_t)size);
}

/* Decimals, dates and timestamps. */
static int
arith_limited(struct fi_expr_work *work)
{
    const struct pair pair = pair_of(work);
    size_t count = pair.count;
    uint64_t wrong = 0;
    struct fi_expr_type widest = work->node->type;
    struct fi_cell min;
    struct fi_cell max;
    widest.precision = FI_EXPR_PRECISION_MAX;
    fi_expr_order_limits(&widest, &min, &max);
    uint64_t low = min.as.u64;
    uint64_t high = max.as.u64;
    switch (work->node->op) {
    case FI_EXPR_OP_ADD:
    case FI_EXPR_OP_SUBTRACT:
        wrong = add_limited(&pair, work->node->op == FI_EXPR_OP_SUBTRACT, low, high);
        break;
    case FI_EXPR_OP_MULTIPLY:
        if (multiply_small(&pair, bits_within(min.as.i64, max.as.i64))) {
            break;
        }
        for (size_t i = 0; i < count; i++) {
            int64_t product;
            wrong |= (uint64_t)__builtin_mul_overflow(pair.a[i], pair.b[i], &product) << 63;
            wrong |= outside((uint64_t)product, low, high);
            pair.out[i] = product;
        }
        break;
    default:
        for (size_t i = 0; i < count; i++) {
            wrong |= (uint64_t)!compute(work->node->op, pair.a[i], 0, &pair.out[i]) << 63;
        }
        break;
    }
    return wrong >> 63 != 0 ? check_rows(work, min.as.i64, max.as.i64) : FIRN_OK;
}

static int
arith_u64(struct fi_expr_work *work)
{
    const uint64_t *a = work->args[0]->as.u64;
    const uint64_t *b = work->args[work->arg_count - 1]->as.u64;
    uint64_t *out = work->out.u64;
    enum fi_expr_op op = work->node->op;
    bool wrong = false;
    DCHECK(op >= FI_EXPR_OP_ADD && op <= FI_EXPR_OP_MULTIPLY);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < work->count; i++) {
            bool is_wrong = op == FI_EXPR_OP_ADD ? __builtin_add_overflow(a[i], b[i], &out[i])
                            : op == FI_EXPR_OP_SUBTRACT
                                ? __builtin_sub_overflow(a[i], b[i], &out[i])
                                : __builtin_mul_overflow(a[i], b[i], &out[i]);
            bool counts = round == 0 || (fi_expr_live(work, i / 64) >> i % 64 & 1) != 0;
            wrong |= is_wrong && counts;
        }
        if (!wrong) {
            return FIRN_OK;
        }
        wrong = round == 1; /* the second round looks only at rows that count */
    }
    return wrong ? fail_fit(work) : FIRN_OK;
}

static int
arith_f64(struct fi_expr_work *work)
{
    const double *a = work->args[0]->as.f64;
    const double *b = work->args[work->arg_count - 1]->as.f64;
    double *out = work->out.f64;
    size_t count = work->count;
    switch (work->node->op) {
    case FI_EXPR_OP_ADD:
        for (size_t i = 0; i < count; i++) {
            out[i] = a[i] + b[i];
        }
        break;
    case FI_EXPR_OP_SUBTRACT:
        for (size_t i = 0; i < count; i++) {
            out[i] = a[i] - b[i];
        }
        break;
    case FI_EXPR_OP_MULTIPLY:
        for (size_t i = 0; i < count; i++) {
            out[i] = a[i] * b[i];
        }
        break;
    case FI_EXPR_OP_NEGATE:
        for (size_t i = 0; i < count; i++) {
            out[i] = -a[i];
        }
        break;
    default:
        DCHECK(work->node->op == FI_EXPR_OP_ABS);
        for (size_t i = 0; i < count; i++) {
            out[i] = __builtin_fabs(a[i]);
        }
        break;
    }
    return FIRN_OK;
}

/* Makes the rows with a bit in bits null. */
static void
add_nulls(struct fi_expr_work *work, const uint64_t *nulls)
{
    uint64_t any = 0;
    for (size_t word = 0; word < FI_EXPR_MASK_WORDS; word++) {
        any |= nulls[word] & work->wanted[word];
    }
    for (size_t word = 0; word < FI_EXPR_MASK_WORDS && any != 0; word++) {
        work->valid[word] =
            (work->has_nulls ? work->valid[word] : work->wanted[word]) & ~nulls[word];
    }
    work->has_nulls |= any != 0;
}

static int
divide(struct fi_expr_work *work)
{
    uint64_t nulls[FI_EXPR_MASK_WORDS] = {0};
    const double *a = work->args[0]->as.f64;
    const double *b = work->args[1]->as.f64;
    DCHECK(work->args[0]->kind == FI_PHYSICAL_F64 && work->args[1]->kind == FI_PHYSICAL_F64);
    for (size_t i = 0; i < work->count; i++) {
        bool is_zero = b[i] == 0;
        work->out.f64[i] = a[i] / (is_zero ? 1 : b[i]);
        nulls[i / 64] |= (uint64_t)is_zero << i % 64;
    }
    add_nulls(work, nulls);
    return FIRN_OK;
}

/* The sign of a remainder is that of the first operand. */
static int
take_remainder(struct fi_expr_work *work)
{
    uint64_t nulls[FI_EXPR_MASK_WORDS] = {0};
    bool is_signed = work->args[0]->kind == FI_PHYSICAL_I64;
    DCHECK(work->args[0]->kind == work->args[1]->kind);
    for (size_t i = 0; i < work->count; i++) {
        uint64_t b = work->args[1]->as.u64[i];
        nulls[i / 64] |= (uint64_t)(b == 0) << i % 64;
        if (is_signed) {
            int64_t divisor = b == 0 || b == UINT64_MAX ? 1 : (int64_t)b; /* the rest by -1 is 0 */
            work->out.i64[i] = work->args[0]->as.i64[i] % divisor;
        } else {
            work->out.u64[i] = work->args[0]->as.u64[i] % (b == 0 ? 1 : b);
        }
    }
    add_nulls(work, nulls);
    return FIRN_OK;
}

/* ---- rounding ---- */

static double
round_f64(uint8_t how, double real)
{
    if (!(real > -exact_whole && real < exact_whole)) {
        return real;
    }
    double whole = (double)(int64_t)real;
    double rest = real - whole;
    switch (how) {
    case FI_EXPR_NEAREST:
        return rest >= 0.5 ? whole + 1 : rest <= -0.5 ? whole - 1 : whole;
    case FI_EXPR_FLOOR:
        return rest < 0 ? whole - 1 : whole;
    default:
        return rest > 0 ? whole + 1 : whole;
    }
}

static int64_t
round_units(uint8_t how, int64_t units, int64_t power)
{
    int64_t whole = units / power;
    int64_t rest = units % power;
    DCHECK(power > 0);
    switch (how) {
    case FI_EXPR_NEAREST: /* rest and power - rest do not wrap */
        return whole + (rest > 0 && rest >= power - rest ? 1 : 0) -
               (rest < 0 && -rest >= power + rest ? 1 : 0);
    case FI_EXPR_FLOOR:
        return whole - (rest < 0 ? 1 : 0);
    default:
        return whole + (rest > 0 ? 1 : 0);
    }
}

static int
take_rounded(struct fi_expr_work *work)
{
    uint8_t how = work->node->detail;
    if (work->args[0]->kind == FI_PHYSICAL_F64) {
        double power = (double)fi_expr_power(work->node->number);
        FI_EXPR_FOR_LIVE(work, row)
        {
            double real = work->args[0]->as.f64[row];
            double scaled = real * power;
            bool is_whole = !(scaled > -exact_whole && scaled < exact_whole);
            work->out.f64[row] = is_whole ? real : round_f64(how, scaled) / power;
        }
        return FIRN_OK;
    }
    DCHECK(work->arg_nodes[0]->type.scale >= work->node->type.scale);
    int64_t power = fi_expr_power(work->arg_nodes[0]->type.scale - work->node->type.scale);
    for (size_t i = 0; i < work->count; i++) {
        work->out.i64[i] = round_units(how, work->args[0]->as.i64[i], power);
    }
    return FIRN_OK;
}

/* ---- least and greatest ---- */

static void
put_cell(struct fi_expr_work *work, size_t row, const struct fi_cell *cell)
{
    DCHECK(cell->kind != FI_PHYSICAL_NONE); /* a row that is null is not live */
    switch (cell->kind) {
    case FI_PHYSICAL_BYTES:
        work->out.bytes[row] = cell->as.bytes;
        break;
    case FI_PHYSICAL_F32:
        work->out.f32[row] = cell->as.f32;
        break;
    default:
        work->out.u64[row] = cell->as.u64;
        break;
    }
}

/* Nulls are skipped: a row is null if all arguments are. */
int
fi_expr_eval_arith_choose(struct fi_expr_work *work)
{
    bool is_least = work->node->op == FI_EXPR_OP_LEAST;
    size_t words = (work->count + 63) / 64;
    DCHECK(is_least || work->node->op == FI_EXPR_OP_GREATEST);
    for (size_t word = 0; word < words; word++) {
        work->valid[word] = 0;
        for (uint32_t i = 0; i < work->arg_count; i++) {
            const uint64_t *valid = work->args[i]->valid;
            work->valid[word] |= valid != NULL ? valid[word] : UINT64_MAX;
        }
    }
    work->has_nulls = true;
    FI_EXPR_FOR_LIVE(work, row)
    {
        struct fi_cell best = {.kind = FI_PHYSICAL_NONE};
        for (uint32_t i = 0; i < work->arg_count; i++) {
            const struct fi_chunk_values *values = work->args[i];
            if (values->valid != NULL && (values->valid[row / 64] >> row % 64 & 1) == 0) {
                continue;
            }
            struct fi_cell cell = fi_expr_eval_compare_cell(values, row);
            int order = best.kind == FI_PHYSICAL_NONE ? -2 : fi_expr_order_same(&cell, &best);
            if (order == -2 || (order < 0 && is_least) || (order > 0 && !is_least)) {
                best = cell;
            }
        }
        put_cell(work, row, &best);
    }
    return FIRN_OK;
}

int
fi_expr_eval_arith(struct fi_expr_work *work)
{
    switch (work->node->op) {
    case FI_EXPR_OP_DIVIDE:
        return divide(work);
    case FI_EXPR_OP_REMAINDER:
        return take_remainder(work);
    case FI_EXPR_OP_ROUND:
        return take_rounded(work);
    default:
        break;
    }
    DCHECK(work->node->op >= FI_EXPR_OP_ADD && work->node->op <= FI_EXPR_OP_ABS);
    if (work->node->type.type == FIRN_TYPE_F64) {
        return arith_f64(work);
    }
    if (work->node->type.type == FIRN_TYPE_U64) {
        return arith_u64(work);
    }
    return work->node->type.type == FIRN_TYPE_I64 ? arith_i64(work) : arith_limited(work);
}

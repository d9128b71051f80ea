/* SPDX-License-Identifier: Apache-2.0
 *
 * vector/vector_distance.c: distances between vectors of f32: kernels for each kind of processor,
 * and the judge.
 *
 * A kernel is a loop over registers full of numbers. The loops are written once, as a macro over
 * six small functions that each kind of processor has: an empty register, a full one from memory,
 * one of the last few numbers (zeros after them), a step of the sum of squares, a step of the dot
 * product, and the sums of four registers. Four rows are computed together, because the result of a
 * multiplication is available four cycles after its operands.
 *
 * The last numbers of a row are read under a mask, or copied: no byte after the row is read,
 * because the row may be the end of a mapped file.
 *
 * Rounding. A sum of n products that are added in any order, each rounded to 24 bits, is wrong by
 * at most (n + 2) * 2^-24 of the sum of their absolute values (Higham, "Accuracy and Stability of
 * Numerical Algorithms", 2002, section 3.1). So kernels differ by processor, in the last digits. A
 * caller that needs the same answer everywhere uses the kernels to select near vectors, and
 * fi_vector_distance_exact to compare these: a product of two f32 is exact in double precision,
 * and squares neither overflow nor vanish there.
 *
 * Every call of fi_vector_distance_kernels asks codec/cpu.h which set to use; the processor was
 * examined when the library was loaded.
 */
#include "vector/vector_distance.h"

#include "base/bytes.h"
#include "base/check.h"
#include "codec/cpu.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define INLINE static inline __attribute__((always_inline))
#define KERNEL static __attribute__((noinline))
/* Before a loop over four rows: without it gcc may keep their sums in memory, which takes twice the
 * time or more. */
#define UNROLL4 _Pragma("GCC unroll 4")

/* Number i of a vector, which may lie anywhere. */
INLINE float
number_at(const void *vector, size_t i)
{
    float number;
    memcpy(&number, (const uint8_t *)vector + sizeof number * i, sizeof number);
    return number;
}

INLINE const uint8_t *
place_of(const void *vector, size_t i)
{
    return (const uint8_t *)vector + sizeof(float) * i;
}

/* So many bytes after what is read now lies what will be read soon, where rows lie side by side:
 * the processor itself looks only as far as the end of a page, and finds four rows at once hard to
 * follow. Twice as fast; beside the end of mapped memory nothing happens. */
enum { AHEAD = 6400 };

INLINE void
prefetch(const uint8_t *at)
{
    __builtin_prefetch((const void *)((uintptr_t)at + AHEAD));
}

/* The two kernels of a set: of registers V of WIDTH numbers, by the functions zero_SET, load_SET,
 * part_SET, l2_step_SET, dot_step_SET and sum_SET, which adds up each of four registers. */
#define FLOAT_KERNELS(SET, TARGET, V, WIDTH)                                                       \
    TARGET INLINE V any_##SET(const void *row, size_t i, size_t count)                             \
    {                                                                                              \
        return count == (WIDTH) ? load_##SET(place_of(row, i))                                     \
                                : part_##SET(place_of(row, i), count);                             \
    }                                                                                              \
    TARGET INLINE void add_##SET(const void *query, const void *const rows[4], size_t i,           \
                                 size_t count, bool is_l2, V sums[4], V squares[4])                \
    {                                                                                              \
        V left = any_##SET(query, i, count);                                                       \
        UNROLL4                                                                                    \
        for (size_t k = 0; k < 4; k++) {                                                           \
            V right = any_##SET(rows[k], i, count);                                                \
            sums[k] = is_l2 ? l2_step_##SET(sums[k], left, right)                                  \
                            : dot_step_##SET(sums[k], left, right);                                \
            if (squares != NULL) {                                                                 \
                squares[k] = dot_step_##SET(squares[k], right, right);                             \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    TARGET INLINE void four_##SET(const void *query, const void *const rows[4], size_t n,          \
                                  bool is_l2, float *out, float *norms)                            \
    {                                                                                              \
        V sums[4] = {zero_##SET(), zero_##SET(), zero_##SET(), zero_##SET()};                      \
        V squares[4] = {zero_##SET(), zero_##SET(), zero_##SET(), zero_##SET()};                   \
        size_t i = 0;                                                                              \
        for (; n - i >= (WIDTH); i += (WIDTH)) {                                                   \
            UNROLL4                                                                                \
            for (size_t k = 0; k < 4; k++) {                                                       \
                prefetch(place_of(rows[k], i));                                                    \
            }                                                                                      \
            add_##SET(query, rows, i, (WIDTH), is_l2, sums, norms != NULL ? squares : NULL);       \
        }                                                                                          \
        if (i < n) {                                                                               \
            add_##SET(query, rows, i, n - i, is_l2, sums, norms != NULL ? squares : NULL);         \
        }                                                                                          \
        sum_##SET(sums, out);                                                                      \
        if (norms != NULL) {                                                                       \
            sum_##SET(squares, norms);                                                             \
        }                                                                                          \
    }                                                                                              \
    TARGET KERNEL void l2_four_##SET(const void *query, const void *const rows[4], size_t n,       \
                                     float out[4])                                                 \
    {                                                                                              \
        four_##SET(query, rows, n, true, out, NULL);                                               \
    }                                                                                              \
    TARGET KERNEL void dot_norm_four_##SET(const void *query, const void *const rows[4], size_t n, \
                                           float dots[4], float norms[4])                          \
    {                                                                                              \
        four_##SET(query, rows, n, false, dots, norms);                                            \
    }

/* ---- f32: any processor ---- */

/* For processors that are in use no more, where others have better sets. */
#if defined(__x86_64__) || defined(__aarch64__)
#define LAST __attribute__((cold))
#else
#define LAST
#endif

/* Four numbers: a register where the processor has them. */
enum { LANES = 4 };
typedef float lanes __attribute__((vector_size(4 * LANES)));

INLINE lanes
zero_portable(void)
{
    return (lanes){0};
}

INLINE lanes
load_portable(const uint8_t *from)
{
    lanes value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE lanes
part_portable(const uint8_t *from, size_t count)
{
    lanes value = {0};
    DCHECK(count < LANES);
    memcpy(&value, from, count * sizeof(float));
    return value;
}

INLINE lanes
l2_step_portable(lanes sum, lanes a, lanes b)
{
    return sum + (a - b) * (a - b);
}

INLINE lanes
dot_step_portable(lanes sum, lanes a, lanes b)
{
    return sum + a * b;
}

INLINE void
sum_portable(const lanes sums[4], float out[4])
{
    for (size_t k = 0; k < 4; k++) {
        out[k] = (sums[k][0] + sums[k][1]) + (sums[k][2] + sums[k][3]);
    }
}

FLOAT_KERNELS(portable, LAST, lanes, LANES)

#if defined(__x86_64__)

/* ---- f32: AVX2 and FMA ---- */

#define AVX2 __attribute__((target("avx2,fma")))

AVX2 INLINE __m256
zero_avx2(void)
{
    return _mm256_setzero_ps();
}

AVX2 INLINE __m256
load_avx2(const uint8_t *from)
{
    return _mm256_castsi256_ps(_mm256_loadu_si256((const __m256i_u *)from));
}

AVX2 INLINE __m256
part_avx2(const uint8_t *from, size_t count)
{
    float numbers[8] = {0};
    DCHECK(count < 8);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = number_at(from, i);
    }
    return _mm256_loadu_ps(numbers);
}

AVX2 INLINE __m256
l2_step_avx2(__m256 sum, __m256 a, __m256 b)
{
    __m256 step = _mm256_sub_ps(a, b);
    return _mm256_fmadd_ps(step, step, sum);
}

AVX2 INLINE __m256
dot_step_avx2(__m256 sum, __m256 a, __m256 b)
{
    return _mm256_fmadd_ps(a, b, sum);
}

AVX2 INLINE void
sum_avx2(const __m256 sums[4], float out[4])
{
    __m256 halves =
        _mm256_hadd_ps(_mm256_hadd_ps(sums[0], sums[1]), _mm256_hadd_ps(sums[2], sums[3]));
    _mm_storeu_ps(out,
                  _mm_add_ps(_mm256_castps256_ps128(halves), _mm256_extractf128_ps(halves, 1)));
}

FLOAT_KERNELS(avx2, AVX2, __m256, 8)

/* ---- f32: AVX-512 ---- */

#define AVX512 __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq")))

AVX512 INLINE __m512
zero_avx512(void)
{
    return _mm512_setzero_ps();
}

AVX512 INLINE __m512
load_avx512(const uint8_t *from)
{
    return _mm512_loadu_ps(from);
}

AVX512 INLINE __m512
part_avx512(const uint8_t *from, size_t count)
{
    DCHECK(count < 16);
    return _mm512_maskz_loadu_ps((__mmask16)((1U << count) - 1), from);
}

AVX512 INLINE __m512
l2_step_avx512(__m512 sum, __m512 a, __m512 b)
{
    __m512 step = _mm512_sub_ps(a, b);
    return _mm512_fmadd_ps(step, step, sum);
}

AVX512 INLINE __m512
dot_step_avx512(__m512 sum, __m512 a, __m512 b)
{
    return _mm512_fmadd_ps(a, b, sum);
}

AVX512 INLINE void
sum_avx512(const __m512 sums[4], float out[4])
{
    __m256 halves[4];
    UNROLL4
    for (size_t k = 0; k < 4; k++) {
        halves[k] =
            _mm256_add_ps(_mm512_castps512_ps256(sums[k]), _mm512_extractf32x8_ps(sums[k], 1));
    }
    sum_avx2(halves, out);
}

FLOAT_KERNELS(avx512, AVX512, __m512, 16)

#elif defined(__aarch64__)

/* ---- f32: NEON ---- */

INLINE float32x4_t
zero_neon(void)
{
    return vdupq_n_f32(0);
}

INLINE float32x4_t
load_neon(const uint8_t *from)
{
    return vreinterpretq_f32_u8(vld1q_u8(from));
}

INLINE float32x4_t
part_neon(const uint8_t *from, size_t count)
{
    float numbers[4] = {0};
    DCHECK(count < 4);
    for (size_t i = 0; i < count; i++) {
        numbers[i] = number_at(from, i);
    }
    return vld1q_f32(numbers);
}

INLINE float32x4_t
l2_step_neon(float32x4_t sum, float32x4_t a, float32x4_t b)
{
    float32x4_t step = vsubq_f32(a, b);
    return vfmaq_f32(sum, step, step);
}

INLINE float32x4_t
dot_step_neon(float32x4_t sum, float32x4_t a, float32x4_t b)
{
    return vfmaq_f32(sum, a, b);
}

INLINE void
sum_neon(const float32x4_t sums[4], float out[4])
{
    for (size_t k = 0; k < 4; k++) {
        out[k] = vaddvq_f32(sums[k]);
    }
}

FLOAT_KERNELS(neon, , float32x4_t, 4)

#endif

/* ---- codes ---- */

KERNEL void
dot_i8u8_four_portable(const int8_t *query, const uint8_t *const rows[4], size_t n, int32_t out[4])
{
    for (size_t k = 0; k < 4; k++) {
        int32_t sum = 0;
        for (size_t i = 0; i < n; i++) {
            sum += query[i] * rows[k][i];
        }
        out[k] = sum;
    }
}

#if defined(__x86_64__)

/* 16 codes, or the last of them and zeros. */
INLINE __m128i
load_narrow(const void *codes, size_t left)
{
    uint8_t last[16] = {0};
    if (left < sizeof last) {
        memcpy(last, codes, left);
        codes = last;
    }
    return _mm_loadu_si128((const __m128i_u *)codes);
}

/* The sums of each of four registers. */
AVX2 INLINE void
add_lanes(const __m256i sums[4], int32_t out[4])
{
    __m256i pairs =
        _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
    _mm_storeu_si128((__m128i_u *)out, _mm_add_epi32(_mm256_castsi256_si128(pairs),
                                                     _mm256_extracti128_si256(pairs, 1)));
}

/* As numbers of 16 bits, whose products are added in pairs: none of them is beyond 32 bits. */
AVX2 KERNEL void
dot_i8u8_four_avx2(const int8_t *query, const uint8_t *const rows[4], size_t n, int32_t out[4])
{
    __m256i sums[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
                       _mm256_setzero_si256()};
    for (size_t i = 0; i < n; i += 16) {
        __m256i a = _mm256_cvtepi8_epi16(load_narrow(query + i, n - i));
        UNROLL4
        for (size_t k = 0; k < 4; k++) {
            __m256i b = _mm256_cvtepu8_epi16(load_narrow(rows[k] + i, n - i));
            sums[k] = _mm256_add_epi32(sums[k], _mm256_madd_epi16(a, b));
        }
    }
    add_lanes(sums, out);
}

#define VNNI __attribute__((target("avx2,fma,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

VNNI INLINE __m512i
load_codes(const void *codes, size_t left)
{
    DCHECK(left < 64);
    return _mm512_maskz_loadu_epi8((UINT64_C(1) << left) - 1, codes);
}

VNNI KERNEL void
dot_i8u8_four_vnni(const int8_t *query, const uint8_t *const rows[4], size_t n, int32_t out[4])
{
    const __m512i zero = _mm512_setzero_si512();
    __m512i sums[4] = {zero, zero, zero, zero};
    size_t i = 0;
    for (; n - i >= 64; i += 64) {
        __m512i a = _mm512_loadu_si512(query + i);
        UNROLL4
        for (size_t k = 0; k < 4; k++) {
            sums[k] = _mm512_dpbusd_epi32(sums[k], _mm512_loadu_si512(rows[k] + i), a);
        }
    }
    if (i < n) {
        __m512i a = load_codes(query + i, n - i);
        UNROLL4
        for (size_t k = 0; k < 4; k++) {
            sums[k] = _mm512_dpbusd_epi32(sums[k], load_codes(rows[k] + i, n - i), a);
        }
    }
    __m256i halves[4];
    UNROLL4
    for (size_t k = 0; k < 4; k++) {
        halves[k] = _mm256_add_epi32(_mm512_castsi512_si256(sums[k]),
                                     _mm512_extracti64x4_epi64(sums[k], 1));
    }
    add_lanes(halves, out);
}

#elif defined(__aarch64__)

INLINE uint8x16_t
load_codes(const void *codes, size_t left)
{
    uint8_t last[16] = {0};
    if (left < sizeof last) {
        memcpy(last, codes, left);
        codes = last;
    }
    return vld1q_u8(codes);
}

INLINE int32x4_t
add_products(int32x4_t sum, int8x8_t a, uint8x8_t b)
{
    int16x8_t left = vmovl_s8(a);
    int16x8_t right = vreinterpretq_s16_u16(vmovl_u8(b));
    sum = vmlal_s16(sum, vget_low_s16(left), vget_low_s16(right));
    return vmlal_high_s16(sum, left, right);
}

KERNEL void
dot_i8u8_four_neon(const int8_t *query, const uint8_t *const rows[4], size_t n, int32_t out[4])
{
    int32x4_t sums[4] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
    for (size_t i = 0; i < n; i += 16) {
        int8x16_t a = vreinterpretq_s8_u8(load_codes(query + i, n - i));
        UNROLL4
        for (size_t k = 0; k < 4; k++) {
            uint8x16_t b = load_codes(rows[k] + i, n - i);
            sums[k] = add_products(sums[k], vget_low_s8(a), vget_low_u8(b));
            sums[k] = add_products(sums[k], vget_high_s8(a), vget_high_u8(b));
        }
    }
    UNROLL4
    for (size_t k = 0; k < 4; k++) {
        out[k] = vaddvq_s32(sums[k]);
    }
}

#endif

/* ---- sets ---- */

#define SET(floats, codes)                                                \
    .l2_four = l2_four_##floats, .dot_norm_four = dot_norm_four_##floats, \
    .dot_i8u8_four = dot_i8u8_four_##codes

static const struct fi_vector_kernels sets[] = {
#if defined(__x86_64__)
    {.name = "avx512vnni", SET(avx512, vnni)},
    {.name = "avx512", SET(avx512, avx2)},
    {.name = "avx2", SET(avx2, avx2)},
#elif defined(__aarch64__)
    {.name = "neon", SET(neon, neon)},
#endif
    {.name = "scalar", SET(portable, portable)}};

enum { SETS = sizeof sets / sizeof sets[0] };

/* The number of the best set. */
static size_t
first_set(void)
{
#if defined(__x86_64__)
    if (!fi_cpu_has(FI_CPU_AVX2)) {
        return SETS - 1;
    }
    if (!fi_cpu_has(FI_CPU_AVX512)) {
        return 2;
    }
    return fi_cpu_has(FI_CPU_VNNI) ? 0 : 1;
#else
    return 0;
#endif
}

const struct fi_vector_kernels *
fi_vector_distance_kernels(void)
{
    const size_t first = first_set();
    DCHECK(first < SETS);
    return &sets[first];
}

const struct fi_vector_kernels *
fi_vector_distance_kernels_at(size_t i)
{
    size_t first = first_set();
    DCHECK(first < SETS);
    return i < SETS - first ? &sets[first + i] : NULL;
}

/* ---- the judge ---- */

double
fi_vector_distance_root(double number)
{
    DCHECK(number >= 0);
#if defined(__x86_64__)
    __m128d in = _mm_set_sd(number);
    return _mm_cvtsd_f64(_mm_sqrt_sd(in, in));
#elif defined(__aarch64__)
    return vget_lane_f64(vsqrt_f64(vdup_n_f64(number)), 0);
#else
    return __builtin_sqrt(number);
#endif
}

/* Two numbers in double precision. */
typedef double double2 __attribute__((vector_size(16)));

INLINE double2
two_at(const void *vector, size_t i)
{
#if defined(__x86_64__)
    return _mm_cvtps_pd(_mm_castsi128_ps(_mm_loadl_epi64((const __m128i_u *)place_of(vector, i))));
#elif defined(__aarch64__)
    return vcvt_f64_f32(vreinterpret_f32_u8(vld1_u8(place_of(vector, i))));
#else
    return (double2){(double)number_at(vector, i), (double)number_at(vector, i + 1)};
#endif
}

struct products {
    double dot;     /* or the sum of the squares of the differences */
    double squares; /* of b */
};

/* In eight sums, which are added up in the same order on every processor. Products are exact, so
 * that fusing would change nothing. Four registers are added to in turn, because a sum is available
 * four cycles after its operands. */
INLINE struct products
multiply(const void *a, const void *b, size_t n, bool is_l2)
{
    enum { SUMS = 4, STEP = 2 * SUMS };
    double2 dots[SUMS] = {{0}, {0}, {0}, {0}};
    double2 squares[SUMS] = {{0}, {0}, {0}, {0}};
    float last[2][STEP] = {{0}, {0}};
    DCHECK(n <= FI_VECTOR_DIMENSIONS_MAX);
    for (size_t i = 0; i < n; i += STEP) {
        const uint8_t *of_a = place_of(a, i);
        const uint8_t *of_b = place_of(b, i);
        if (n - i < STEP) {
            memcpy(last[0], of_a, (n - i) * sizeof(float));
            memcpy(last[1], of_b, (n - i) * sizeof(float));
            of_a = (const uint8_t *)last[0];
            of_b = (const uint8_t *)last[1];
        }
        for (size_t k = 0; k < SUMS; k++) {
            double2 left = two_at(of_a, 2 * k);
            double2 right = two_at(of_b, 2 * k);
            if (is_l2) {
                left -= right;
                right = left;
            }
            dots[k] += left * right;
            squares[k] += right * right;
        }
    }
    double sums[2][SUMS];
    for (size_t k = 0; k < SUMS; k++) {
        sums[0][k] = dots[k][0] + dots[k][1];
        sums[1][k] = squares[k][0] + squares[k][1];
    }
    return (struct products){.dot = (sums[0][0] + sums[0][1]) + (sums[0][2] + sums[0][3]),
                             .squares = (sums[1][0] + sums[1][1]) + (sums[1][2] + sums[1][3])};
}

double
fi_vector_distance_squares(const void *a, size_t n)
{
    DCHECK(a != NULL || n == 0);
    return multiply(a, a, n, false).squares;
}

double
fi_vector_distance_exact_to(enum fi_vector_metric metric, const void *query, double query_squares,
                            const void *row, size_t n)
{
    DCHECK(metric >= FI_VECTOR_L2 && metric <= FI_VECTOR_METRIC_LAST);
    DCHECK(n > 0 && n <= FI_VECTOR_DIMENSIONS_MAX);
    if (metric == FI_VECTOR_L2) {
        return multiply(query, row, n, true).dot;
    }
    struct products products = multiply(query, row, n, false);
    if (metric == FI_VECTOR_DOT) {
        return 0 - products.dot; /* not -0 */
    }
    if (query_squares <= 0 || products.squares <= 0) {
        return 1;
    }
    /* One root of the product: a vector is at the distance 0 of itself. Neither product leaves the
     * range. */
    double distance = 1 - products.dot / fi_vector_distance_root(query_squares * products.squares);
    return distance < 0 ? 0 : distance > 2 ? 2 : distance;
}

double
fi_vector_distance_exact(enum fi_vector_metric metric, const void *a, const void *b, size_t n)
{
    DCHECK(a != NULL && b != NULL);
    double squares = metric == FI_VECTOR_COSINE ? fi_vector_distance_squares(a, n) : 0;
    return fi_vector_distance_exact_to(metric, a, squares, b, n);
}

bool
fi_vector_distance_is_finite(const void *a, size_t n)
{
    DCHECK(a != NULL || n == 0);
    /* The square of an infinity is one, and what a NaN is added to becomes a NaN; nothing else is
     * out of range. */
    const double squares = fi_vector_distance_squares(a, n);
    return squares - squares == 0;
}

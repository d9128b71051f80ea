/* SPDX-License-Identifier: Apache-2.0
 *
 * vector/vector_sketch.c: sketches of 3 bits a number.
 *
 * The numbers are divided into chunks of 128, the last one of the rest. A chunk has eight runs of u
 * numbers side by side: u is 16, and in the last chunk as small as the rest allows. Of a chunk
 * there are 3 u bytes: byte j of the first u has the lower two bits of number j of the runs 0, 2,
 * 4 and 6, from its lowest bits on; byte j of the second u those of the runs 1, 3, 5 and 7; byte j
 * of the third u has the third bit of number j of each run, that of run 0 lowest. So a register of
 * 32 bytes takes two of the runs from the first 2 u bytes with a shift and a mask, and their third
 * bits from the others with a mask and a comparison.
 *
 * A query is laid out likewise: 128 bytes for each chunk, 16 for each run, zeros where a run has no
 * number. What lies after a sketch, and is read with it, is multiplied by these zeros.
 */
#include "vector/vector_sketch.h"

#include <string.h>

#include "base/check.h"
#include "codec/cpu.h"
#include "vector/vector_distance.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { CHUNK = 128, RUNS = 8, RUN = CHUNK / RUNS };

typedef uint8_t bytes16 __attribute__((vector_size(16)));

static inline bytes16
load16(const void *from)
{
    bytes16 value;
    memcpy(&value, from, sizeof value);
    return value;
}

/* The length of the runs of a chunk that so many numbers are left for. */
static inline size_t
run_length(size_t left)
{
    return left < CHUNK ? (left + RUNS - 1) / RUNS : RUN;
}

/* Writes the 3 u bytes of a chunk; its runs follow each other at `levels`, and 16 bytes after the
 * last one are readable. What is written beyond 3 u is of no use. */
static void
write_chunk(const uint8_t *levels, size_t u, uint8_t *out)
{
    bytes16 lower[2] = {{0}, {0}};
    bytes16 third = {0};
    for (size_t run = 0; run < RUNS; run++) {
        const bytes16 of_run = load16(levels + run * u);
        lower[run % 2] |= (of_run & 3) << (uint8_t)(run / 2 * 2);
        third |= of_run >> 2 << (uint8_t)run;
    }
    memcpy(out, &lower[0], sizeof lower[0]);
    memcpy(out + u, &lower[1], sizeof lower[1]);
    memcpy(out + 2 * u, &third, sizeof third);
}

void
fi_vector_sketch_write(const uint8_t *levels, size_t n, uint8_t *out)
{
    uint8_t last[CHUNK + RUN];
    DCHECK(n > 0 && n <= FI_VECTOR_DIMENSIONS_MAX);
    for (size_t begin = 0; begin < n; begin += CHUNK) {
        const size_t u = run_length(n - begin);
        const size_t count = n - begin < CHUNK ? n - begin : CHUNK;
        memset(last, 0, sizeof last);
        memcpy(last, levels + begin, count);
        write_chunk(last, u, out);
        out += 3 * u;
    }
}

void
fi_vector_sketch_query(const int8_t *numbers, size_t n, int8_t *out)
{
    memset(out, 0, fi_vector_sketch_query_size(n));
    for (size_t begin = 0; begin < n; begin += CHUNK) {
        const size_t u = run_length(n - begin);
        const size_t count = n - begin < CHUNK ? n - begin : CHUNK;
        for (size_t i = 0; i < count; i += u) {
            memcpy(out + begin + i / u * RUN, numbers + begin + i, count - i < u ? count - i : u);
        }
    }
}

/* ---- products ---- */

/* Adds the products of 16 levels with 16 numbers. */
static inline int32_t
multiply16(bytes16 levels, const int8_t *numbers)
{
    int32_t sum = 0;
    for (size_t i = 0; i < sizeof levels; i++) {
        sum += levels[i] * numbers[i];
    }
    return sum;
}

static int32_t
dot_plain(const int8_t *query, const uint8_t *sketch, size_t n)
{
    int32_t sum = 0;
    for (size_t begin = 0; begin < n; begin += CHUNK) {
        const size_t u = run_length(n - begin);
        const bytes16 third = load16(sketch + 2 * u);
        for (size_t run = 0; run < RUNS; run++) {
            const bytes16 lower = load16(sketch + run % 2 * u) >> (uint8_t)(run / 2 * 2) & 3;
            const bytes16 upper = (third >> (uint8_t)run & 1) << 2;
            sum += multiply16(lower | upper, query + begin + run * RUN);
        }
        sketch += 3 * u;
    }
    return sum;
}

void
fi_vector_sketch_dot_four_plain(const int8_t *query, const uint8_t *const sketches[4], size_t n,
                                int32_t out[4])
{
    for (size_t k = 0; k < 4; k++) {
        out[k] = dot_plain(query, sketches[k], n);
    }
}

#if defined(__x86_64__)

#define AVX2 __attribute__((target("avx2")))
#define AVX2_INLINE AVX2 static inline __attribute__((always_inline))

AVX2_INLINE __m128i
load_avx2(const uint8_t *from)
{
    return _mm_loadu_si128((const __m128i_u *)from);
}

/* The products of 32 levels with 32 numbers, added in pairs: at most 2 * 7 * 127. */
AVX2_INLINE __m256i
multiply_avx2(__m256i lower, __m256i third, int run, const int8_t *query)
{
    const __m256i mask =
        _mm256_set_m128i(_mm_set1_epi8((char)(2 << run)), _mm_set1_epi8((char)(1 << run)));
    const __m256i is_set = _mm256_cmpeq_epi8(_mm256_and_si256(third, mask), mask);
    const __m256i levels = _mm256_or_si256(_mm256_and_si256(lower, _mm256_set1_epi8(3)),
                                           _mm256_and_si256(is_set, _mm256_set1_epi8(4)));
    return _mm256_maddubs_epi16(levels, _mm256_loadu_si256((const __m256i_u *)query));
}

/* The products of a chunk: four pairs in each sum of 16 bits. */
AVX2_INLINE __m256i
chunk_avx2(const int8_t *query, const uint8_t *sketch, size_t u)
{
    const __m256i lower = _mm256_set_m128i(load_avx2(sketch + u), load_avx2(sketch));
    const __m256i third = _mm256_broadcastsi128_si256(load_avx2(sketch + 2 * u));
    const __m256i left = _mm256_add_epi16(
        multiply_avx2(lower, third, 0, query),
        multiply_avx2(_mm256_srli_epi16(lower, 2), third, 2, query + (size_t)2 * RUN));
    const __m256i right = _mm256_add_epi16(
        multiply_avx2(_mm256_srli_epi16(lower, 4), third, 4, query + (size_t)4 * RUN),
        multiply_avx2(_mm256_srli_epi16(lower, 6), third, 6, query + (size_t)6 * RUN));
    return _mm256_madd_epi16(_mm256_add_epi16(left, right), _mm256_set1_epi16(1));
}

AVX2 static void
dot_four_avx2(const int8_t *query, const uint8_t *const sketches[4], size_t n, int32_t out[4])
{
    __m256i sums[4];
    for (size_t k = 0; k < 4; k++) {
        sums[k] = _mm256_setzero_si256();
    }
    size_t at = 0;
    for (size_t begin = 0; begin < n; begin += CHUNK) {
        const size_t u = run_length(n - begin);
        _Pragma("GCC unroll 4") for (size_t k = 0; k < 4; k++)
        {
            sums[k] = _mm256_add_epi32(sums[k], chunk_avx2(query + begin, sketches[k] + at, u));
        }
        at += 3 * u;
    }
    const __m256i pairs =
        _mm256_hadd_epi32(_mm256_hadd_epi32(sums[0], sums[1]), _mm256_hadd_epi32(sums[2], sums[3]));
    _mm_storeu_si128((__m128i_u *)out, _mm_add_epi32(_mm256_castsi256_si128(pairs),
                                                     _mm256_extracti128_si256(pairs, 1)));
}

#endif

void
fi_vector_sketch_dot_four(const int8_t *query, const uint8_t *const sketches[4], size_t n,
                          int32_t out[4])
{
#if defined(__x86_64__)
    if (fi_cpu_has(FI_CPU_AVX2)) {
        dot_four_avx2(query, sketches, n, out);
        return;
    }
#endif
    fi_vector_sketch_dot_four_plain(query, sketches, n, out);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * vector/vector_code.c: vectors as codes of 8 bits a number, with bounds of what these leave out.
 *
 * Comparing a vector with a query takes as long as memory takes to deliver it. Its codes are a
 * quarter as long, and processors multiply four times as many of them at once. So a search compares
 * codes, and reads the vectors of only those rows that the codes do not exclude.
 *
 * A block
 *
 *   | codes: stride bytes a row, 128 + c | scales | rests | lengths | which rows, 128 bytes |
 *
 * has a f32 each of scale, rest and length for a row; the rows are padded to a multiple of four.
 *
 * The bounds. A vector is v = s c + e, with the codes c, the scale s, and |e| <= rest. A query is
 * q = t d + f. Then
 *
 *   q . v = s t (c . d) + s f . c + q . e,   |s f . c + q . e| <= |f| (|v| + |e|) + |q| |e|
 *
 * where c . d is exact. A row is near enough, with `most` as the limit of the distance, only if
 *
 *   DOT      q . v >= -most
 *   L2       q . v >= (|q|^2 - most + |v|^2) / 2
 *   COSINE   q . v >= (1 - most) |q| |v|
 *
 * With the largest q . v that the bounds allow, all three are
 *
 *   product * s (c . d) + by_rest * |e| + by_length * |v| + by_square * |v|^2 >= least
 *
 * with numbers that only depend on the query and the limit (fi_vector_code_set_limit).
 *
 * Rounding. Lengths are sums in single precision, wrong by at most (n + 8) 2^-24 of themselves
 * (vector_distance.c). Each of the terms is rounded a few times, to 2^-24 of itself, and so are
 * their sums: SLACK of each, many times that, is added. Numbers that a processor may take for 0
 * are excluded: a vector that is shorter than SHORTEST or longer than LONGEST is near to every
 * query, unless it is zero.
 *
 * (I1) A row that fi_vector_code_near leaves out is not in the block, or farther than the limit.
 *      (Not checked: tests compare it with distances in double precision.)
 */
#include "vector/vector_code.h"

#include "base/check.h"

enum {
    GRAIN = 16, /* of strides */
    TRAILER = FI_VECTOR_CODE_WORDS * 8,
    PER_ROW = 3 * sizeof(float),
    AHEAD = 4096 /* bytes: codes are fetched from memory before they are compared */
};
#define SHORTEST 0x1p-40
#define LONGEST 0x1p+50
#define SLACK 0x1p-19

/* What is done once a block or a query: small. */
#define SMALL __attribute__((cold))

/* Numbers side by side: the compiler makes registers of them. */
typedef float float32x4 __attribute__((vector_size(16)));
typedef int32_t int32x4 __attribute__((vector_size(16)));

static const float infinity = __builtin_inff();

size_t
fi_vector_code_stride(size_t n)
{
    return (n + GRAIN - 1) / GRAIN * GRAIN;
}

static size_t
padded(size_t count)
{
    return (count + 3) & ~(size_t)3;
}

size_t
fi_vector_code_size(size_t count, size_t n)
{
    DCHECK(count <= FI_VECTOR_CODE_ROWS && n <= FI_VECTOR_DIMENSIONS_MAX);
    return padded(count) * (fi_vector_code_stride(n) + PER_ROW) + TRAILER;
}

/* ---- writing ---- */

/* What a row has beside its codes. */
struct tail {
    float scale;
    float rest;
    float length;
};

/* The relative error of a length. */
static double
wrong_of(size_t n)
{
    return ((double)n + 8) * 0x1p-24;
}

/* Numbers i to i + 3, or the last ones and zeros. */
static inline float32x4
four_at(const uint8_t *vector, size_t i, size_t n)
{
    float32x4 value = {0};
    if (n - i >= 4) {
        memcpy(&value, vector + 4 * i, sizeof value);
    } else {
        memcpy(&value, vector + 4 * i, (n - i) * sizeof(float));
    }
    return value;
}

static inline double
sum_of(float32x4 sums)
{
    return (double)((sums[0] + sums[1]) + (sums[2] + sums[3]));
}

/* Writes 128 + c for n numbers, and for those up to a multiple of four. Adding `magic` rounds to a
 * whole number, which is then in the low bits; the scale leaves room for any rounding, so that c
 * stays within 127. */
SMALL static struct tail
write_row(const uint8_t *vector, size_t n, uint8_t *out)
{
    typedef uint8_t uint8x4 __attribute__((vector_size(4)));
    const float magic = 0x1.8p+23F;
    float32x4 squares = {0};
    int32x4 most = {0}; /* bits of floats without signs have their order */
    for (size_t i = 0; i < n; i += 4) {
        const float32x4 value = four_at(vector, i, n);
        const int32x4 size = (int32x4)value & INT32_MAX;
        const int32x4 is_more = size > most;
        most = (is_more & size) | (~is_more & most);
        squares += value * value;
    }
    int32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        bits = most[i] > bits ? most[i] : bits;
    }
    const double square = sum_of(squares);
    if (!(square >= SHORTEST * SHORTEST && square <= LONGEST * LONGEST)) {
        return (struct tail){.rest = bits == 0 ? 0 : infinity};
    }
    float largest;
    memcpy(&largest, &bits, sizeof largest);
    const double length = fi_vector_distance_root(square);
    const float scale = largest * (float)((1 + 0x1p-18) / 127);
    const float inverse = 1 / scale;
    float32x4 rests = {0};
    for (size_t i = 0; i < n; i += 4) {
        const float32x4 value = four_at(vector, i, n);
        const float32x4 rounded = value * inverse + magic;
        const float32x4 rest = value - (rounded - magic) * scale;
        const uint8x4 codes = __builtin_convertvector((int32x4)rounded + 128, uint8x4);
        rests += rest * rest;
        memcpy(out + i, &codes, sizeof codes);
    }
    const double rest = fi_vector_distance_root(sum_of(rests)) + length * 0x1p-21;
    return (struct tail){
        .scale = scale, .rest = (float)(rest * (1 + wrong_of(n) + SLACK)), .length = (float)length};
}

SMALL void
fi_vector_code_write(const firn_slice *vectors, const uint64_t *rows, size_t count, size_t n,
                     uint8_t *out)
{
    const size_t stride = fi_vector_code_stride(n);
    const size_t all = padded(count);
    float *tails = (float *)(void *)(out + all * stride);
    DCHECK((uintptr_t)tails % sizeof(float) == 0 && count <= FI_VECTOR_CODE_ROWS);
    memset(out, 0, all * stride);
    for (size_t i = 0; i < all; i++) {
        struct tail tail = {.rest = -infinity};
        if (i < count && (rows[i / 64] >> i % 64 & 1) != 0) {
            tail = vectors[i].size == 4 * n ? write_row(vectors[i].data, n, out + i * stride)
                                            : (struct tail){.rest = infinity};
        }
        tails[i] = tail.scale;
        tails[all + i] = tail.rest;
        tails[2 * all + i] = tail.length;
    }
    memcpy(tails + 3 * all, rows, TRAILER);
}

void
fi_vector_code_rows(firn_slice block, uint64_t *out)
{
    DCHECK(block.size >= TRAILER);
    memcpy(out, block.data + block.size - TRAILER, TRAILER);
}

/* ---- comparing ---- */

SMALL bool
fi_vector_code_query_init(struct fi_vector_code_query *query, const void *vector, size_t n)
{
    uint8_t *codes = (uint8_t *)query->codes;
    const size_t stride = fi_vector_code_stride(n);
    memset(codes, 128, stride);
    const struct tail tail = write_row(vector, n, codes);
    int32_t sum = 0;
    for (size_t i = 0; i < stride; i++) {
        codes[i] ^= 128;
        sum += query->codes[i];
    }
    query->kernels = fi_vector_distance_kernels();
    query->stride = stride;
    query->bias = 128 * sum;
    query->scale = (double)tail.scale;
    query->rest = (double)tail.rest;
    query->length = fi_vector_distance_root(fi_vector_distance_squares(vector, n));
    query->wrong = wrong_of(n);
    return tail.scale > 0;
}

SMALL void
fi_vector_code_set_limit(const struct fi_vector_code_query *query, enum fi_vector_metric metric,
                         double most, struct fi_vector_code_limit *out)
{
    const double both = query->length + query->rest;
    const double slack = SLACK + 2 * query->wrong;
    double length = query->rest + both * slack;
    double least = 0;
    double square = 0;
    double terms = 0; /* of a difference that least is */
    switch (metric) {
    case FI_VECTOR_L2:
        terms = query->length * query->length + most;
        least = (query->length * query->length - most) / 2;
        square = -0.5 + slack;
        break;
    case FI_VECTOR_DOT:
        least = -most;
        break;
    case FI_VECTOR_COSINE:
        length -= (1 - most) * query->length;
        break;
    }
    least -= __builtin_fabs(least) * SLACK + terms * 0x1p-40;
    *out = (struct fi_vector_code_limit){.product = (float)query->scale,
                                         .rest = (float)(both * (1 + slack)),
                                         .length = (float)length,
                                         .square = (float)square,
                                         .least = (float)least};
}

static inline float32x4
four_of(const float *numbers)
{
    float32x4 four;
    memcpy(&four, numbers, sizeof four);
    return four;
}

uint64_t
fi_vector_code_near(const struct fi_vector_code_query *query,
                    const struct fi_vector_code_limit *limit, firn_slice block, size_t word,
                    uint64_t wanted, bool is_first)
{
    const size_t stride = query->stride;
    const size_t rows = (block.size - TRAILER) / (stride + PER_ROW);
    const float *tails = (const float *)(const void *)(block.data + rows * stride);
    uint64_t near = 0;
    DCHECK((block.size - TRAILER) % (stride + PER_ROW) == 0 && rows % 4 == 0);
    for (size_t i = 0; i < 64 && wanted >> i != 0; i += 4) {
        const size_t row = 64 * word + i;
        const uint8_t *first = block.data + row * stride;
        const uint8_t *const four[4] = {first, first + stride, first + 2 * stride,
                                        first + 3 * stride};
        int32x4 products;
        for (size_t at = 0; is_first && at < 4 * stride; at += 64) {
            __builtin_prefetch((const void *)((uintptr_t)first + AHEAD + at));
        }
        if ((wanted >> i & 15) == 0) {
            continue;
        }
        DCHECK(row + 4 <= rows);
        query->kernels->dot_i8u8_four(query->codes, four, stride, (int32_t *)&products);
        const float32x4 length = four_of(tails + 2 * rows + row);
        const float32x4 sum = __builtin_convertvector(products - query->bias, float32x4) *
                                  (limit->product * four_of(tails + row)) +
                              limit->rest * four_of(tails + rows + row) +
                              length * (limit->length + limit->square * length);
        const int32x4 is_far = sum < limit->least; /* a NaN is near */
        near |= (uint64_t)((is_far[0] + 1) | (is_far[1] + 1) << 1 | (is_far[2] + 1) << 2 |
                           (is_far[3] + 1) << 3)
                << i;
    }
    return near & wanted;
}

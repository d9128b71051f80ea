/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_bits.c: packing numbers into bits, and computing on packed numbers in place.
 *
 * 1,024 numbers of width w <= 32 are in 32 lanes of 32-bit words: number i is row i / 32 of lane i
 * % 32, row r takes bits r * w to (r + 1) * w of its lane, and word k of lane l is word 32 * k + l.
 * Wider numbers are in 16 lanes of 64-bit words. In a row all lanes are shifted alike and the
 * numbers come out in their order, so one plain loop over lanes serves all widths and is vectorized
 * by the compiler. The layout is that of Afroozeh and Boncz, "The FastLanes Compression Layout"
 * (VLDB 2023), without its transposition. Both kinds fill exactly count * w bits. Fewer numbers are
 * packed one after the other, lowest bits first.
 *
 * The loops are written once, as inlined templates, and compiled twice: for AVX2, which every call
 * The loops are written once, as inlined templates, and compiled twice: for AVX2 and for all
 * processors; each call chooses by codec/cpu.h. With AVX-512 there are other loops, because a
 * comparison there directly produces the bits of its result. They are used on processors with VNNI,
 * the first whose clock wide registers do not lower. Tests compare all loops with a bit-by-bit
 * computation.
 */
#include "chunk/chunk_bits.h"

#include <stdbool.h>
#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/bytes.h"
#include "base/check.h"
#include "codec/cpu.h"

#define TEMPLATE static inline __attribute__((always_inline))

enum { LANES = 32, WIDE_LANES = 16, WIDE_ROWS = FI_CHUNK_BITS_FULL / WIDE_LANES };

static uint64_t
low_bits(unsigned width)
{
    DCHECK(width <= FI_CHUNK_BITS_WIDTH_MAX);
    return width == 0 ? 0 : UINT64_MAX >> (64 - width);
}

/* ---- one number at a time ---- */

static void
put_bits(uint8_t *packed, size_t bit, unsigned width, uint64_t number)
{
    DCHECK((number & ~low_bits(width)) == 0); /* others would lie in its neighbour's bits */
    for (unsigned done = 0; done < width;) {
        size_t at = (bit + done) / 8;
        unsigned shift = (unsigned)((bit + done) % 8);
        packed[at] |= (uint8_t)(number >> done << shift);
        done += 8 - shift;
    }
}

/* The numbers are at most 64 bits from a place that lies at most 7 bits into a byte. */
static uint64_t
get_bits(const uint8_t *packed, size_t size, size_t bit, unsigned width)
{
    size_t at = bit / 8;
    unsigned shift = (unsigned)(bit % 8);
    uint64_t low = 0;
    if (width == 0) {
        return 0;
    }
    DCHECK(bit + width <= 8 * size);
    if (size - at >= 8) {
        low = fi_load_le64(packed + at);
    } else {
        memcpy(&low, packed + at, size - at);
    }
    low >>= shift;
    if (shift + width > 64) {
        low |= (uint64_t)packed[at + 8] << (64 - shift);
    }
    return low & low_bits(width);
}

uint64_t
fi_chunk_bits_get(const uint8_t *packed, size_t count, unsigned width, size_t i)
{
    DCHECK(i < count && width <= FI_CHUNK_BITS_WIDTH_MAX);
    if (count != FI_CHUNK_BITS_FULL) {
        return get_bits(packed, fi_chunk_bits_size(count, width), i * width, width);
    }
    if (width == 0) {
        return 0;
    }
    unsigned bits = width <= 32 ? 32 : 64;
    size_t lanes = FI_CHUNK_BITS_FULL / bits;
    size_t bit = i / lanes * width;
    unsigned shift = (unsigned)(bit % bits);
    size_t word = bit / bits * lanes + i % lanes;
    uint64_t number;
    if (bits == 32) {
        number = fi_load_le32(packed + 4 * word) >> shift;
        if (shift + width > 32) {
            number |= (uint64_t)fi_load_le32(packed + 4 * (word + lanes)) << (32 - shift);
        }
    } else {
        number = fi_load_le64(packed + 8 * word) >> shift;
        if (shift + width > 64) {
            number |= fi_load_le64(packed + 8 * (word + lanes)) << (64 - shift);
        }
    }
    return number & low_bits(width);
}

void
fi_chunk_bits_get_list(const uint8_t *packed, size_t count, unsigned width, const uint16_t *places,
                       size_t place_count, uint64_t base, uint64_t factor, uint64_t *out)
{
    if (count != FI_CHUNK_BITS_FULL || width == 0 || width > 32) {
        for (size_t k = 0; k < place_count; k++) {
            out[k] = base + factor * fi_chunk_bits_get(packed, count, width, places[k]);
        }
        return;
    }
    const uint64_t bits = low_bits(width);
    for (size_t k = 0; k < place_count; k++) {
        const unsigned bit = (unsigned)places[k] / LANES * width;
        const unsigned shift = bit % 32;
        DCHECK(places[k] < count);
        const uint8_t *word = packed + (size_t)4 * (bit / 32 * LANES + places[k] % LANES);
        const uint8_t *next = word + (shift + width > 32 ? 4 * LANES : 0);
        const uint64_t pair = fi_load_le32(word) | (uint64_t)fi_load_le32(next) << 32;
        out[k] = base + factor * (pair >> shift & bits);
    }
}

/* 1,024 numbers of 1 to 32 bits, row by row: each lane's word gathers until it is full. */
static void
encode_narrow(const uint64_t *numbers, unsigned width, uint8_t *packed)
{
    uint32_t words[LANES] = {0};
    unsigned shift = 0;
    for (size_t row = 0; row < LANES; row++) {
        const uint64_t *from = numbers + row * LANES;
        for (size_t l = 0; l < LANES; l++) {
            words[l] |= (uint32_t)from[l] << shift;
        }
        shift += width;
        if (shift < 32) {
            continue;
        }
        memcpy(packed, words, sizeof words);
        packed += sizeof words;
        shift -= 32;
        for (size_t l = 0; l < LANES; l++) {
            words[l] =
                (uint32_t)(from[l] >> (width - shift)); /* none where it fitted: shift is 0 */
        }
    }
    DCHECK(shift == 0);
}

void
fi_chunk_bits_encode(const uint64_t *numbers, size_t count, unsigned width, uint8_t *packed)
{
    CHECK(count <= FI_CHUNK_BITS_FULL && width <= FI_CHUNK_BITS_WIDTH_MAX);
    if (width == 0) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        DCHECK(numbers[i] <= low_bits(width));
    }
    if (count == FI_CHUNK_BITS_FULL && width <= 32) {
        encode_narrow(numbers, width, packed);
        return;
    }
    memset(packed, 0, fi_chunk_bits_size(count, width));
    if (count != FI_CHUNK_BITS_FULL) {
        for (size_t i = 0; i < count; i++) {
            put_bits(packed, i * width, width, numbers[i]);
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t bit = i / WIDE_LANES * width;
        unsigned shift = (unsigned)(bit % 64);
        uint8_t *at = packed + 8 * (bit / 64 * WIDE_LANES + i % WIDE_LANES);
        fi_store_le64(at, fi_load_le64(at) | numbers[i] << shift);
        if (shift + width > 64) {
            at += (size_t)8 * WIDE_LANES;
            fi_store_le64(at, fi_load_le64(at) | numbers[i] >> (64 - shift));
        }
    }
}

/* ---- numbers that are not 1,024, or are wide ---- */

/* Row r: 16 numbers of more than 32 bits. */
static inline void
unpack_row_wide(const uint8_t *packed, unsigned width, unsigned row, uint64_t *out)
{
    unsigned bit = row * width;
    unsigned shift = bit % 64;
    DCHECK(width > 32 && row < WIDE_ROWS);
    const uint8_t *words = packed + (size_t)(bit / 64) * 8 * WIDE_LANES;
    const uint8_t *next = words + (shift + width > 64 ? 8 * WIDE_LANES : 0);
    uint64_t bits = low_bits(width);
    for (size_t l = 0; l < WIDE_LANES; l++) {
        uint64_t low = fi_load_le64(words + 8 * l) >> shift;
        uint64_t high = fi_load_le64(next + 8 * l) << 1 << (63 - shift);
        out[l] = (low | high) & bits;
    }
}

static __attribute__((noinline)) void
decode_other(const uint8_t *packed, size_t count, unsigned width, uint64_t *out)
{
    size_t size = fi_chunk_bits_size(count, width);
    DCHECK(count <= FI_CHUNK_BITS_FULL);
    if (width == 0) {
        memset(out, 0, count * sizeof *out);
        return;
    }
    if (count != FI_CHUNK_BITS_FULL) {
        size_t i = 0;
        /* Numbers that lie in eight bytes which are all there. */
        for (size_t bit = 0; width <= 56 && bit / 8 + 8 <= size && i < count; bit += width) {
            out[i++] = fi_load_le64(packed + bit / 8) >> bit % 8 & low_bits(width);
        }
        for (; i < count; i++) {
            out[i] = get_bits(packed, size, i * width, width);
        }
        return;
    }
    for (unsigned row = 0; row < WIDE_ROWS; row++) {
        unpack_row_wide(packed, width, row, out + (size_t)row * WIDE_LANES);
    }
}

static __attribute__((noinline)) fi_chunk_bits_sum128
sum_other(const uint8_t *packed, size_t count, unsigned width, const uint64_t *mask)
{
    uint64_t numbers[FI_CHUNK_BITS_FULL];
    uint64_t low = 0;
    uint64_t high = 0;
    if (width == 0) {
        return 0;
    }
    decode_other(packed, count, width, numbers);
    for (size_t i = 0; i < count; i++) {
        uint64_t bits = mask == NULL ? UINT64_MAX : 0 - (mask[i / 64] >> i % 64 & 1);
        low += numbers[i] & bits & UINT32_MAX;
        high += (numbers[i] & bits) >> 32;
    }
    return (fi_chunk_bits_sum128)low + ((fi_chunk_bits_sum128)high << 32);
}

static __attribute__((noinline)) void
range_other(const uint8_t *packed, size_t count, unsigned width, uint64_t low, uint64_t high,
            uint64_t *out)
{
    uint64_t numbers[FI_CHUNK_BITS_FULL];
    memset(out, 0, (count + 63) / 64 * 8);
    decode_other(packed, count, width, numbers);
    for (size_t i = 0; i < count; i++) {
        out[i / 64] |= (uint64_t)(numbers[i] - low <= high - low) << i % 64;
    }
}

/* ---- 1,024 numbers of 1 to 32 bits ---- */

static bool
is_narrow(size_t count, unsigned width)
{
    return count == FI_CHUNK_BITS_FULL && width > 0 && width <= 32;
}

static const uint32_t lane_bits[LANES] = {
    1U << 0,  1U << 1,  1U << 2,  1U << 3,  1U << 4,  1U << 5,  1U << 6,  1U << 7,
    1U << 8,  1U << 9,  1U << 10, 1U << 11, 1U << 12, 1U << 13, 1U << 14, 1U << 15,
    1U << 16, 1U << 17, 1U << 18, 1U << 19, 1U << 20, 1U << 21, 1U << 22, 1U << 23,
    1U << 24, 1U << 25, 1U << 26, 1U << 27, 1U << 28, 1U << 29, 1U << 30, 1U << 31};

/* Row r: 32 numbers. Where they end in their words, `next` is anything: its bits lie above the
 * width. */
TEMPLATE void
unpack_row(const uint8_t *packed, unsigned width, unsigned row, uint32_t *out)
{
    unsigned bit = row * width;
    unsigned shift = bit % 32;
    const uint8_t *words = packed + (size_t)(bit / 32) * 4 * LANES;
    const uint8_t *next = words + (shift + width > 32 ? 4 * LANES : 0);
    uint32_t bits = (uint32_t)low_bits(width);
    for (size_t l = 0; l < LANES; l++) {
        uint32_t low = fi_load_le32(words + 4 * l) >> shift;
        uint32_t high = fi_load_le32(next + 4 * l) << 1 << (31 - shift);
        out[l] = (low | high) & bits;
    }
}

TEMPLATE void
decode_template(const uint8_t *packed, unsigned width, uint64_t base, uint32_t factor,
                uint64_t *out)
{
    for (unsigned row = 0; row < 32; row++) {
        uint32_t numbers[LANES];
        uint64_t *to = out + (size_t)row * LANES;
        unpack_row(packed, width, row, numbers);
        if (factor == 1) {
            for (size_t l = 0; l < LANES; l++) {
                to[l] = base + numbers[l];
            }
        } else {
            for (size_t l = 0; l < LANES; l++) {
                to[l] = base + (uint64_t)factor * numbers[l];
            }
        }
    }
}

/* Of the first rows. 32 rows of numbers below 2^27 do not overflow a lane; halves of wider ones are
 * added apart. */
TEMPLATE uint64_t
sum_template(const uint8_t *packed, unsigned width, const uint64_t *mask, unsigned rows)
{
    uint32_t low[LANES] = {0};
    uint32_t high[LANES] = {0};
    uint64_t sum = 0;
    for (unsigned row = 0; row < rows; row++) {
        uint32_t numbers[LANES];
        unpack_row(packed, width, row, numbers);
        if (mask != NULL) {
            uint32_t chosen = (uint32_t)(mask[row / 2] >> (row % 2 * 32));
            for (size_t l = 0; l < LANES; l++) {
                numbers[l] = (chosen & lane_bits[l]) != 0 ? numbers[l] : 0;
            }
        }
        if (width <= 27) {
            for (size_t l = 0; l < LANES; l++) {
                low[l] += numbers[l];
            }
            continue;
        }
        for (size_t l = 0; l < LANES; l++) {
            low[l] += numbers[l] & 0xffff;
            high[l] += numbers[l] >> 16;
        }
    }
    for (size_t l = 0; l < LANES; l++) {
        sum += low[l] + ((uint64_t)high[l] << 16);
    }
    return sum;
}

TEMPLATE void
range_template(const uint8_t *packed, unsigned width, uint32_t low, uint32_t span, uint64_t *out)
{
    for (unsigned row = 0; row < 32; row++) {
        uint32_t numbers[LANES];
        uint32_t bits = 0;
        unpack_row(packed, width, row, numbers);
        for (size_t l = 0; l < LANES; l++) {
            bits |= numbers[l] - low <= span ? lane_bits[l] : 0;
        }
        if (row % 2 == 0) {
            out[row / 2] = bits;
        } else {
            out[row / 2] |= (uint64_t)bits << 32;
        }
    }
}

/* ---- for all processors, and for those with AVX2 ---- */

static void
decode_plain(const uint8_t *packed, unsigned width, uint64_t base, uint32_t factor, uint64_t *out)
{
    decode_template(packed, width, base, factor, out);
}

static uint64_t
decode_narrow_plain(const uint8_t *packed, unsigned width, uint32_t base, uint32_t *out)
{
    uint32_t most = 0;
    for (unsigned row = 0; row < 32; row++) {
        uint32_t *to = out + (size_t)row * LANES;
        unpack_row(packed, width, row, to);
        for (size_t l = 0; l < LANES; l++) {
            most = to[l] > most ? to[l] : most;
            to[l] += base;
        }
    }
    return most;
}

static uint64_t
sum_plain(const uint8_t *packed, unsigned width, const uint64_t *mask, unsigned rows)
{
    return sum_template(packed, width, mask, rows);
}

static void
range_plain(const uint8_t *packed, unsigned width, uint32_t low, uint32_t span, uint64_t *out)
{
    range_template(packed, width, low, span, out);
}

#if defined(__x86_64__)

/* Their loops are vectorized; those for all processors are short. */
#if defined(__clang__)
#define HARDWARE __attribute__((target("avx2")))
#else
#define HARDWARE __attribute__((target("avx2"), optimize("O3")))
#endif

HARDWARE static void
decode_hardware(const uint8_t *packed, unsigned width, uint64_t base, uint32_t factor,
                uint64_t *out)
{
    decode_template(packed, width, base, factor, out);
}

HARDWARE static uint64_t
sum_hardware(const uint8_t *packed, unsigned width, const uint64_t *mask, unsigned rows)
{
    return sum_template(packed, width, mask, rows);
}

HARDWARE static void
range_hardware(const uint8_t *packed, unsigned width, uint32_t low, uint32_t span, uint64_t *out)
{
    range_template(packed, width, low, span, out);
}

static bool
has_hardware(void)
{
    return fi_cpu_has(FI_CPU_AVX2);
}

/* ---- for those with AVX-512 ---- */

#define WIDE __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

static bool
has_wide(void)
{
    return fi_cpu_has(FI_CPU_VNNI);
}

/* A row: two times 16 numbers. */
struct wide_row {
    __m512i half[2];
};

WIDE static inline __attribute__((always_inline)) struct wide_row
unpack_wide(const uint8_t *packed, unsigned width, unsigned row, __m512i bits)
{
    const unsigned bit = row * width;
    const unsigned shift = bit % 32;
    const uint8_t *words = packed + (size_t)(bit / 32) * 4 * LANES;
    const __m128i right = _mm_cvtsi32_si128((int)shift);
    struct wide_row out = {{_mm512_srl_epi32(_mm512_loadu_si512(words), right),
                            _mm512_srl_epi32(_mm512_loadu_si512(words + 64), right)}};
    if (shift + width > 32) {
        const uint8_t *next = words + (size_t)4 * LANES;
        const __m128i left = _mm_cvtsi32_si128((int)(32 - shift));
        for (unsigned h = 0; h < 2; h++) {
            const __m512i more = _mm512_loadu_si512(next + (size_t)h * 64);
            out.half[h] = _mm512_or_si512(out.half[h], _mm512_sll_epi32(more, left));
        }
    }
    out.half[0] = _mm512_and_si512(out.half[0], bits);
    out.half[1] = _mm512_and_si512(out.half[1], bits);
    return out;
}

WIDE static inline __attribute__((always_inline)) __m512i
bits_wide(unsigned width)
{
    return _mm512_set1_epi32((int)(uint32_t)low_bits(width));
}

WIDE static void
decode_wide(const uint8_t *packed, unsigned width, uint64_t base, uint32_t factor, uint64_t *out)
{
    const __m512i bits = bits_wide(width);
    const __m512i bases = _mm512_set1_epi64((long long)base);
    const __m512i factors = _mm512_set1_epi64((long long)factor);
    for (unsigned row = 0; row < 32; row++) {
        const struct wide_row numbers = unpack_wide(packed, width, row, bits);
        for (unsigned h = 0; h < 2; h++) {
            __m512i low = _mm512_cvtepu32_epi64(_mm512_castsi512_si256(numbers.half[h]));
            __m512i high = _mm512_cvtepu32_epi64(_mm512_extracti64x4_epi64(numbers.half[h], 1));
            if (factor != 1) {
                low = _mm512_mul_epu32(low, factors);
                high = _mm512_mul_epu32(high, factors);
            }
            uint64_t *to = out + (size_t)row * LANES + (size_t)h * 16;
            _mm512_storeu_si512(to, _mm512_add_epi64(low, bases));
            _mm512_storeu_si512(to + 8, _mm512_add_epi64(high, bases));
        }
    }
}

WIDE static uint64_t
decode_narrow_wide(const uint8_t *packed, unsigned width, uint32_t base, uint32_t *out)
{
    const __m512i bits = bits_wide(width);
    const __m512i bases = _mm512_set1_epi32((int)base);
    __m512i most = _mm512_setzero_si512();
    for (unsigned row = 0; row < 32; row++) {
        const struct wide_row numbers = unpack_wide(packed, width, row, bits);
        for (unsigned h = 0; h < 2; h++) {
            most = _mm512_max_epu32(most, numbers.half[h]);
            _mm512_storeu_si512(out + (size_t)row * LANES + (size_t)h * 16,
                                _mm512_add_epi32(numbers.half[h], bases));
        }
    }
    return _mm512_reduce_max_epu32(most);
}

/* Of the numbers whose bits are set in the mask; as sum_template. */
WIDE static uint64_t
sum_wide(const uint8_t *packed, unsigned width, const uint64_t *mask, unsigned rows)
{
    const __m512i bits = bits_wide(width);
    const __m512i halves = _mm512_set1_epi32(0xffff);
    __m512i low[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
    __m512i high = _mm512_setzero_si512();
    for (unsigned row = 0; row < rows; row++) {
        struct wide_row numbers = unpack_wide(packed, width, row, bits);
        if (mask != NULL) {
            const uint32_t chosen = (uint32_t)(mask[row / 2] >> (row % 2 * 32));
            numbers.half[0] = _mm512_maskz_mov_epi32((__mmask16)chosen, numbers.half[0]);
            numbers.half[1] = _mm512_maskz_mov_epi32((__mmask16)(chosen >> 16), numbers.half[1]);
        }
        for (unsigned h = 0; h < 2; h++) {
            if (width <= 27) {
                low[h] = _mm512_add_epi32(low[h], numbers.half[h]);
            } else {
                low[h] = _mm512_add_epi32(low[h], _mm512_and_si512(numbers.half[h], halves));
                high = _mm512_add_epi32(high, _mm512_srli_epi32(numbers.half[h], 16));
            }
        }
    }
    uint32_t lows[LANES];
    uint32_t highs[16];
    uint64_t sum = 0;
    _mm512_storeu_si512(lows, low[0]);
    _mm512_storeu_si512(lows + 16, low[1]);
    _mm512_storeu_si512(highs, high);
    for (unsigned l = 0; l < 16; l++) {
        sum += (uint64_t)lows[l] + lows[l + 16] + ((uint64_t)highs[l] << 16);
    }
    return sum;
}

WIDE static void
range_wide(const uint8_t *packed, unsigned width, uint32_t low, uint32_t span, uint64_t *out)
{
    const __m512i bits = bits_wide(width);
    const __m512i lows = _mm512_set1_epi32((int)low);
    const __m512i spans = _mm512_set1_epi32((int)span);
    for (unsigned row = 0; row < 32; row++) {
        const struct wide_row numbers = unpack_wide(packed, width, row, bits);
        const __m512i a = _mm512_sub_epi32(numbers.half[0], lows);
        const __m512i b = _mm512_sub_epi32(numbers.half[1], lows);
        const uint32_t in = (uint32_t)_mm512_cmple_epu32_mask(a, spans) |
                            (uint32_t)_mm512_cmple_epu32_mask(b, spans) << 16;
        fi_store_le32((uint8_t *)out + (size_t)4 * row, in);
    }
}

#else
#define decode_wide decode_plain
#define decode_narrow_wide decode_narrow_plain
#define sum_wide sum_plain
#define range_wide range_plain

static bool
has_wide(void)
{
    return false;
}

#define decode_hardware decode_plain
#define sum_hardware sum_plain
#define range_hardware range_plain

static bool
has_hardware(void)
{
    return false;
}
#endif

/* ---- all of them ---- */

enum fi_chunk_bits_kernels
fi_chunk_bits_kernels_here(void)
{
    return has_wide()       ? FI_CHUNK_BITS_512
           : has_hardware() ? FI_CHUNK_BITS_256
                            : FI_CHUNK_BITS_PLAIN;
}

void
fi_chunk_bits_decode_with(enum fi_chunk_bits_kernels kernels, const uint8_t *packed, size_t count,
                          unsigned width, uint64_t base, uint64_t factor, uint64_t *out)
{
    DCHECK(count <= FI_CHUNK_BITS_FULL && width <= FI_CHUNK_BITS_WIDTH_MAX);
    const bool is_direct = is_narrow(count, width) && factor <= UINT32_MAX;
    if (is_narrow(count, width)) {
        (kernels == FI_CHUNK_BITS_PLAIN ? decode_plain
         : kernels == FI_CHUNK_BITS_256 ? decode_hardware
                                        : decode_wide)(packed, width, is_direct ? base : 0,
                                                       is_direct ? (uint32_t)factor : 1, out);
        if (is_direct) {
            return;
        }
    } else {
        decode_other(packed, count, width, out);
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = base + factor * out[i];
    }
}

uint64_t
fi_chunk_bits_decode_narrow_with(enum fi_chunk_bits_kernels kernels, const uint8_t *packed,
                                 size_t count, unsigned width, uint32_t base, uint32_t *out)
{
    uint64_t numbers[FI_CHUNK_BITS_FULL];
    uint64_t most = 0;
    DCHECK(count <= FI_CHUNK_BITS_FULL && width <= FI_CHUNK_BITS_WIDTH_MAX);
    if (is_narrow(count, width)) {
        return (kernels == FI_CHUNK_BITS_512 ? decode_narrow_wide
                                             : decode_narrow_plain)(packed, width, base, out);
    }
    decode_other(packed, count, width, numbers);
    for (size_t i = 0; i < count; i++) {
        most = numbers[i] > most ? numbers[i] : most;
        out[i] = base + (uint32_t)numbers[i];
    }
    return most;
}

/* Where there are rows, those after the first ones are not looked at. */
static fi_chunk_bits_sum128
sum_rows(enum fi_chunk_bits_kernels kernels, const uint8_t *packed, size_t count, unsigned width,
         const uint64_t *mask, unsigned rows)
{
    DCHECK(count <= FI_CHUNK_BITS_FULL && width <= FI_CHUNK_BITS_WIDTH_MAX);
    if (is_narrow(count, width)) {
        return (kernels == FI_CHUNK_BITS_PLAIN ? sum_plain
                : kernels == FI_CHUNK_BITS_256 ? sum_hardware
                                               : sum_wide)(packed, width, mask, rows);
    }
    return sum_other(packed, count, width, mask);
}

fi_chunk_bits_sum128
fi_chunk_bits_sum_with(enum fi_chunk_bits_kernels kernels, const uint8_t *packed, size_t count,
                       unsigned width, const uint64_t *mask)
{
    return sum_rows(kernels, packed, count, width, mask, LANES);
}

void
fi_chunk_bits_range_with(enum fi_chunk_bits_kernels kernels, const uint8_t *packed, size_t count,
                         unsigned width, uint64_t low, uint64_t high, uint64_t *out)
{
    DCHECK(count <= FI_CHUNK_BITS_FULL && width <= FI_CHUNK_BITS_WIDTH_MAX && low <= high);
    if (!is_narrow(count, width)) {
        range_other(packed, count, width, low, high, out);
    } else if (low > UINT32_MAX) {
        memset(out, 0, FI_CHUNK_BITS_FULL / 8);
    } else {
        uint32_t most = high > UINT32_MAX ? UINT32_MAX : (uint32_t)high;
        (kernels == FI_CHUNK_BITS_PLAIN ? range_plain
         : kernels == FI_CHUNK_BITS_256
             ? range_hardware
             : range_wide)(packed, width, (uint32_t)low, most - (uint32_t)low, out);
    }
}

void
fi_chunk_bits_decode(const uint8_t *packed, size_t count, unsigned width, uint64_t base,
                     uint64_t factor, uint64_t *out)
{
    fi_chunk_bits_decode_with(fi_chunk_bits_kernels_here(), packed, count, width, base, factor,
                              out);
}

uint64_t
fi_chunk_bits_decode_narrow(const uint8_t *packed, size_t count, unsigned width, uint32_t base,
                            uint32_t *out)
{
    return fi_chunk_bits_decode_narrow_with(fi_chunk_bits_kernels_here(), packed, count, width,
                                            base, out);
}

fi_chunk_bits_sum128
fi_chunk_bits_sum(const uint8_t *packed, size_t count, unsigned width, const uint64_t *mask)
{
    return fi_chunk_bits_sum_with(fi_chunk_bits_kernels_here(), packed, count, width, mask);
}

void
fi_chunk_bits_range(const uint8_t *packed, size_t count, unsigned width, uint64_t low,
                    uint64_t high, uint64_t *out)
{
    fi_chunk_bits_range_with(fi_chunk_bits_kernels_here(), packed, count, width, low, high, out);
}

fi_chunk_bits_sum128
fi_chunk_bits_sum_first_with(enum fi_chunk_bits_kernels kernels, const uint8_t *packed,
                             size_t count, unsigned width, size_t first)
{
    DCHECK(first <= count);
    if (first == 0 || width == 0) {
        return 0;
    }
    uint64_t mask[FI_CHUNK_BITS_FULL / 64] = {0};
    for (size_t i = 0; i < first / 64; i++) {
        mask[i] = UINT64_MAX;
    }
    if (first % 64 != 0) {
        mask[first / 64] = UINT64_MAX >> (64 - first % 64);
    }
    return sum_rows(kernels, packed, count, width, mask, (unsigned)((first + LANES - 1) / LANES));
}

fi_chunk_bits_sum128
fi_chunk_bits_sum_first(const uint8_t *packed, size_t count, unsigned width, size_t first)
{
    return fi_chunk_bits_sum_first_with(fi_chunk_bits_kernels_here(), packed, count, width, first);
}

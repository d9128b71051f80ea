/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_encode_codes.c: numbers as codes, and blocks of codes.
 *
 * The code of a number is the distance of its order from the smallest one of the chunk, divided by
 * the greatest common divisor of all distances. (The divisor helps with times of whole seconds in
 * microseconds, with prices in hundreds, and with floats stored as doubles, whose last 29 bits are
 * 0.) A block is packed as the codes minus their smallest, as the differences of neighbours, or as
 * runs. The size of each follows from a block's smallest and largest code and difference and its
 * number of runs: one pass over the codes finds all of these.
 *
 * The passes over numbers are compiled twice, as templates: for AVX-512, which is detected, and for
 * all processors.
 *
 * All arithmetic is modulo 2^64: a difference that overflows becomes right again when it is added.
 */
#include "base/check.h"
#include "base/mem.h"
#include "chunk/chunk_bits.h"
#include "chunk/chunk_encode.h"
#include "chunk/chunk_format.h"

enum { STRETCH = 64 };

#define TEMPLATE static inline __attribute__((always_inline))
#if defined(__x86_64__) && defined(__clang__)
#define WIDE __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#elif defined(__x86_64__)
#define WIDE __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"), optimize("O3")))
#else
#define WIDE
#endif

static bool
has_wide(void)
{
    return fi_chunk_bits_kernels_here() == FI_CHUNK_BITS_512;
}

/* ---- codes ---- */

static uint64_t
common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static bool
is_valid(const struct fi_chunk_values *values, size_t i)
{
    return values->valid == NULL || fi_chunk_has_bit(values->valid, i);
}

/* Dividing by multiplication: the product with the inverse of a divisor's odd part (modulo 2^64),
 * its lowest bits turned to the top for the twos in it, is the quotient of what it divides, and
 * above all quotients for what it does not. (H. Warren, "Hacker's Delight", 10-17.) */
struct divider {
    uint64_t inverse;
    uint64_t most; /* the largest quotient */
    unsigned twos;
};

static struct divider
divider_of(uint64_t divisor)
{
    DCHECK(divisor > 0);
    const unsigned twos = (unsigned)__builtin_ctzll(divisor);
    const uint64_t odd = divisor >> twos;
    uint64_t inverse = odd; /* right in the last 3 bits; each step doubles them */
    for (unsigned bits = 3; bits < 64; bits *= 2) {
        inverse *= 2 - odd * inverse;
    }
    DCHECK(odd * inverse == 1);
    return (struct divider){inverse, UINT64_MAX / divisor, twos};
}

TEMPLATE uint64_t
quotient_of(struct divider divider, uint64_t number)
{
    const uint64_t product = number * divider.inverse;
    return product >> divider.twos | product << (-divider.twos & 63);
}

/* Orders of the values, and the smallest that is none of a null. */
TEMPLATE uint64_t
take_orders(const struct fi_chunk_values *values, uint64_t *out)
{
    uint64_t minimum = UINT64_MAX;
    if (values->valid == NULL && !fi_chunk_is_float(values->kind)) {
        const uint64_t sign = fi_chunk_order(values->kind, 0);
        for (size_t i = 0; i < values->count; i++) {
            out[i] = fi_load_le64((const uint8_t *)values->as.u64 + 8 * i) ^ sign;
            minimum = out[i] < minimum ? out[i] : minimum;
        }
        return minimum;
    }
    for (size_t i = 0; i < values->count; i++) {
        out[i] = fi_chunk_order(values->kind, fi_chunk_value_bits(values, i));
        minimum = is_valid(values, i) && out[i] < minimum ? out[i] : minimum;
    }
    return minimum;
}

/* The largest number that divides all orders above the minimum; 1 where they are the same. */
TEMPLATE uint64_t
find_divisor(const struct fi_chunk_values *values, const uint64_t *orders, uint64_t minimum)
{
    uint64_t divisor = 0;
    struct divider divider = {.most = 0};
    for (size_t start = 0; start < values->count && divisor != 1; start += STRETCH) {
        const size_t left = values->count - start;
        const size_t end = start + (left < STRETCH ? left : STRETCH);
        size_t others = divisor == 0;
        for (size_t i = start; i < end; i++) {
            others += quotient_of(divider, orders[i] - minimum) > divider.most;
        }
        for (size_t i = start; i < end && others > 0; i++) {
            const uint64_t above = orders[i] - minimum;
            if (above != 0 && is_valid(values, i) &&
                (divisor == 0 || quotient_of(divider, above) > divider.most)) {
                divisor = common_divisor(above, divisor);
                divider = divider_of(divisor);
            }
        }
    }
    return divisor == 0 ? 1 : divisor;
}

TEMPLATE void
make_template(const struct fi_chunk_values *values, uint64_t *codes, struct fi_chunk *out)
{
    const uint64_t minimum = take_orders(values, codes);
    const uint64_t divisor = find_divisor(values, codes, minimum);
    const struct divider divider = divider_of(divisor);
    for (size_t i = 0; i < values->count; i++) {
        codes[i] = quotient_of(divider, codes[i] - minimum);
    }
    out->parts.minimum = minimum;
    out->parts.divisor = divisor;
}

static void
make_plain(const struct fi_chunk_values *values, uint64_t *codes, struct fi_chunk *out)
{
    make_template(values, codes, out);
}

WIDE static void
make_wide(const struct fi_chunk_values *values, uint64_t *codes, struct fi_chunk *out)
{
    make_template(values, codes, out);
}

int
fi_chunk_encode_codes_make(struct fi_chunk_encoder *encoder)
{
    const struct fi_chunk_values *values = encoder->values;
    CHECK(values->kind != FI_PHYSICAL_BYTES && encoder->codes == NULL);
    uint64_t *codes = fi_alloc_array(values->count, sizeof *codes);
    if (codes == NULL) {
        return FIRN_NO_MEMORY;
    }
    encoder->codes = codes;
    (has_wide() ? make_wide : make_plain)(values, codes, &encoder->chunk);
    DCHECK(encoder->chunk.parts.divisor > 0);
    fi_chunk_put_nulls(values, 0, codes);
    return FIRN_OK;
}

/* ---- what a block takes ---- */

TEMPLATE void
find_stats_template(const uint64_t *codes, size_t count, struct fi_chunk_encode_codes_stats *out)
{
    uint64_t low = codes[0];
    uint64_t high = codes[0];
    int64_t step_low = count > 1 ? INT64_MAX : 0;
    int64_t step_high = count > 1 ? INT64_MIN : 0;
    size_t runs = 1;
    for (size_t i = 1; i < count; i++) {
        const int64_t step = (int64_t)(codes[i] - codes[i - 1]);
        low = codes[i] < low ? codes[i] : low;
        high = codes[i] > high ? codes[i] : high;
        step_low = step < step_low ? step : step_low;
        step_high = step > step_high ? step : step_high;
        runs += step != 0;
    }
    *out = (struct fi_chunk_encode_codes_stats){low, high, step_low, step_high, runs};
}

static void
find_stats_plain(const uint64_t *codes, size_t count, struct fi_chunk_encode_codes_stats *out)
{
    find_stats_template(codes, count, out);
}

WIDE static void
find_stats_wide(const uint64_t *codes, size_t count, struct fi_chunk_encode_codes_stats *out)
{
    find_stats_template(codes, count, out);
}

static unsigned
step_width(const struct fi_chunk_encode_codes_stats *stats)
{
    DCHECK(stats->step_low <= stats->step_high);
    return fi_chunk_bits_width((uint64_t)stats->step_high - (uint64_t)stats->step_low);
}

void
fi_chunk_encode_codes_cost(const uint64_t *codes, size_t count,
                           struct fi_chunk_encode_codes_cost *out)
{
    const bool is_wide = has_wide();
    out->frame = out->delta = out->rle = 0;
    out->high = 0;
    DCHECK(count > 0 && count <= FI_CHUNK_VALUES_MAX);
    for (size_t start = 0; start < count; start += FI_CHUNK_BLOCK) {
        struct fi_chunk_encode_codes_stats *stats = &out->stats[start / FI_CHUNK_BLOCK];
        size_t left = count - start;
        const size_t block = left < FI_CHUNK_BLOCK ? left : FI_CHUNK_BLOCK;
        (is_wide ? find_stats_wide : find_stats_plain)(codes + start, block, stats);
        DCHECK(stats->low <= stats->high && stats->runs <= block);
        out->high = stats->high > out->high ? stats->high : out->high;
    }
    size_t field_size = fi_chunk_field_size(out->high);
    for (size_t start = 0; start < count; start += FI_CHUNK_BLOCK) {
        const struct fi_chunk_encode_codes_stats *stats = &out->stats[start / FI_CHUNK_BLOCK];
        size_t left = count - start;
        size_t block = left < FI_CHUNK_BLOCK ? left : FI_CHUNK_BLOCK;
        size_t record = 1 + 2 * field_size;
        unsigned width = fi_chunk_bits_width(stats->high - stats->low);
        out->frame += record + fi_chunk_bits_size(block, width);
        out->delta += record + field_size + 8 + fi_chunk_bits_size(block, step_width(stats));
        out->rle += record + 2 + fi_chunk_bits_size(stats->runs, width) +
                    fi_chunk_bits_size(stats->runs, FI_CHUNK_FORMAT_END_WIDTH);
    }
}

/* ---- writing a block ---- */

static int
put_frame(const uint64_t *codes, const struct fi_chunk_encode_codes_stats *stats,
          struct fi_chunk_block *view, struct fi_buf *out)
{
    uint64_t packed[FI_CHUNK_BLOCK];
    view->width = fi_chunk_bits_width(stats->high - stats->low);
    for (size_t i = 0; i < view->count; i++) {
        packed[i] = codes[i] - stats->low;
    }
    return fi_chunk_put_packed(out, packed, view->count, view->width);
}

static int
put_delta(const uint64_t *codes, const struct fi_chunk_encode_codes_stats *stats, size_t field_size,
          struct fi_chunk_block *view, struct fi_buf *out)
{
    uint64_t packed[FI_CHUNK_BLOCK];
    DCHECK(field_size <= 8 && fi_chunk_field_size(codes[0]) <= field_size);
    view->width = step_width(stats);
    packed[0] = 0;
    for (size_t i = 1; i < view->count; i++) {
        packed[i] = codes[i] - codes[i - 1] - (uint64_t)stats->step_low;
    }
    int rc = fi_buf_append(out, codes, field_size);
    rc = rc == FIRN_OK ? fi_buf_append_le64(out, (uint64_t)stats->step_low) : rc;
    return rc == FIRN_OK ? fi_chunk_put_packed(out, packed, view->count, view->width) : rc;
}

static int
put_runs(const uint64_t *codes, const struct fi_chunk_encode_codes_stats *stats,
         struct fi_chunk_block *view, struct fi_buf *out)
{
    uint64_t numbers[FI_CHUNK_BLOCK];
    uint64_t ends[FI_CHUNK_BLOCK];
    uint8_t head[2];
    size_t runs = 0;
    view->width = fi_chunk_bits_width(stats->high - stats->low);
    for (size_t i = 0; i < view->count; i++) {
        if (i > 0 && codes[i] != codes[i - 1]) {
            runs++;
        }
        numbers[runs] = codes[i] - stats->low;
        ends[runs] = i;
    }
    runs++;
    CHECK(runs == stats->runs);
    fi_store_le16(head, (uint16_t)runs);
    int rc = fi_buf_append(out, head, sizeof head);
    rc = rc == FIRN_OK ? fi_chunk_put_packed(out, numbers, runs, view->width) : rc;
    return rc == FIRN_OK ? fi_chunk_put_packed(out, ends, runs, FI_CHUNK_FORMAT_END_WIDTH) : rc;
}

int
fi_chunk_encode_codes_block(const struct fi_chunk *chunk, const uint64_t *codes,
                            const struct fi_chunk_encode_codes_stats *stats,
                            struct fi_chunk_block *view, struct fi_buf *out)
{
    view->low = stats->low;
    view->high = stats->high;
    DCHECK(fi_chunk_field_size(stats->high) <= chunk->parts.field_size);
    switch (chunk->encoding) {
    case FI_ENCODING_DELTA:
        return put_delta(codes, stats, chunk->parts.field_size, view, out);
    case FI_ENCODING_RLE:
        return put_runs(codes, stats, view, out);
    default:
        return put_frame(codes, stats, view, out);
    }
}

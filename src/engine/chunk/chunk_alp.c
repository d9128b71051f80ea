/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_alp.c: decimal numbers in floating point, packed as integers.
 *
 * A number such as 12.34 is stored as 1234 if the arithmetic below restores all of its bits. Any
 * other number is an exception, stored separately: so NaNs, -0, infinities and long fractions
 * survive. The method is that of Afroozeh, Kuffo and Boncz, "ALP: Adaptive Lossless floating-Point
 * Compression" (SIGMOD 2023): a number v becomes the integer d that is nearest to v * 10^e * 10^-f,
 * and d is decoded as d * 10^f * 10^-e. Both products are evaluated from the left, in doubles, for
 * F32 too; 10^-e is the double nearest to it, so large e with large f are more precise than small
 * ones.
 *
 * Integers and doubles are converted by adding 3 * 2^51, after which the last bits of the double
 * are the integer. This works below 2^51, and processors do it for many numbers at once.
 */
#include "chunk/chunk_alp.h"

#include "chunk/chunk_bits.h"

enum {
    EXPONENT_MAX = 18,
    SAMPLE = 256,
    HEAD_SIZE = 10 /* of a block: the smallest integer, how many exceptions there are */
};

static const double powers_up[EXPONENT_MAX + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,
                                                   1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13,
                                                   1e14, 1e15, 1e16, 1e17, 1e18};
static const double powers_down[EXPONENT_MAX + 1] = {
    1e-0,  1e-1,  1e-2,  1e-3,  1e-4,  1e-5,  1e-6,  1e-7,  1e-8, 1e-9,
    1e-10, 1e-11, 1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18};

#define INTEGER_MAX 2251799813685247.0 /* 2^51 - 1 */
#define SHIFT 6755399441055744.0       /* 3 * 2^51 */
#define SHIFT_BITS UINT64_C(0x4338000000000000)

static inline double
to_real(uint64_t integer)
{
    uint64_t bits = integer + SHIFT_BITS;
    double shifted;
    memcpy(&shifted, &bits, sizeof shifted);
    return shifted - SHIFT;
}

static inline uint64_t
to_integer(double number)
{
    double shifted = number + SHIFT;
    uint64_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    return bits - SHIFT_BITS;
}

static inline uint64_t
bits_of(enum fi_physical kind, double number)
{
    uint64_t bits;
    if (kind == FI_PHYSICAL_F32) {
        float narrow = (float)number;
        uint32_t low;
        memcpy(&low, &narrow, sizeof low);
        return low;
    }
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static inline double
number_of(enum fi_physical kind, uint64_t bits)
{
    struct fi_cell cell = fi_chunk_cell_of(kind, bits);
    return kind == FI_PHYSICAL_F32 ? (double)cell.as.f32 : cell.as.f64;
}

/* ---- writing ---- */

/* The integer of a number; false for an exception. */
static bool
encode_one(enum fi_physical kind, uint64_t bits, struct fi_chunk_alp_powers powers, uint64_t *out)
{
    double scaled = number_of(kind, bits) * powers_up[powers.exponent] * powers_down[powers.factor];
    if (!(scaled >= -INTEGER_MAX && scaled <= INTEGER_MAX)) {
        return false;
    }
    *out = to_integer(scaled);
    double back = to_real(*out) * powers_up[powers.factor] * powers_down[powers.exponent];
    /* A number too large for a float is one: it is not what was encoded. */
    return bits_of(kind, back) == bits;
}

/* What some numbers become. */
struct integers {
    int64_t min;
    int64_t max;
    size_t count;
    size_t exceptions;
};

static void
add_integer(struct integers *integers, int64_t integer)
{
    if (integers->count == 0 || integer < integers->min) {
        integers->min = integer;
    }
    if (integers->count == 0 || integer > integers->max) {
        integers->max = integer;
    }
    integers->count++;
}

static unsigned
width_of(const struct integers *integers)
{
    return integers->count == 0
               ? 0
               : fi_chunk_bits_width((uint64_t)integers->max - (uint64_t)integers->min);
}

static size_t
cost_of(enum fi_physical kind, const struct integers *integers, size_t count)
{
    return 1 + HEAD_SIZE + fi_chunk_bits_size(count, width_of(integers)) +
           integers->exceptions * (2 + fi_chunk_number_size(kind));
}

static bool
is_valid(const struct fi_chunk_values *values, size_t i)
{
    return values->valid == NULL || fi_chunk_has_bit(values->valid, i);
}

/* Every step-th value from start to start + count. */
static struct integers
encode_some(const struct fi_chunk_values *values, struct fi_chunk_alp_powers powers, size_t start,
            size_t count, size_t step)
{
    struct integers integers = {0};
    for (size_t i = start; i < start + count; i += step) {
        uint64_t integer;
        if (!is_valid(values, i)) {
            continue;
        }
        if (encode_one(values->kind, fi_chunk_value_bits(values, i), powers, &integer)) {
            add_integer(&integers, (int64_t)integer);
        } else {
            integers.exceptions++;
        }
    }
    return integers;
}

void
fi_chunk_alp_choose(const struct fi_chunk_values *values, struct fi_chunk_alp_powers *out_powers,
                    size_t *out_cost)
{
    size_t step = (values->count + SAMPLE - 1) / SAMPLE;
    size_t best = SIZE_MAX;
    for (unsigned exponent = 0; exponent <= EXPONENT_MAX; exponent++) {
        for (unsigned factor = 0; factor <= exponent; factor++) {
            struct fi_chunk_alp_powers powers = {(uint8_t)exponent, (uint8_t)factor};
            struct integers integers = encode_some(values, powers, 0, values->count, step);
            size_t cost = cost_of(values->kind, &integers, SAMPLE);
            if (cost < best) {
                best = cost;
                *out_powers = powers;
            }
        }
    }
    *out_cost = 2;
    for (size_t start = 0; start < values->count; start += FI_CHUNK_BLOCK) {
        size_t left = values->count - start;
        size_t count = left < FI_CHUNK_BLOCK ? left : FI_CHUNK_BLOCK;
        struct integers integers = encode_some(values, *out_powers, start, count, 1);
        *out_cost += cost_of(values->kind, &integers, count);
    }
}

int
fi_chunk_alp_put(const struct fi_chunk_values *values, struct fi_chunk_alp_powers powers,
                 size_t start, size_t count, unsigned *out_width, struct fi_buf *out)
{
    uint64_t packed[FI_CHUNK_BLOCK];
    uint8_t places[2 * FI_CHUNK_BLOCK];
    uint8_t exceptions[8 * FI_CHUNK_BLOCK];
    uint8_t head[HEAD_SIZE];
    size_t number_size = fi_chunk_number_size(values->kind);
    size_t found = 0;
    struct integers integers = encode_some(values, powers, start, count, 1);
    for (size_t i = 0; i < count; i++) {
        uint64_t integer;
        packed[i] = 0;
        if (!is_valid(values, start + i)) {
            continue;
        }
        uint64_t bits = fi_chunk_value_bits(values, start + i);
        if (encode_one(values->kind, bits, powers, &integer)) {
            packed[i] = integer - (uint64_t)integers.min;
        } else {
            fi_store_le16(places + 2 * found, (uint16_t)i);
            memcpy(exceptions + number_size * found, &bits, number_size);
            found++;
        }
    }
    *out_width = width_of(&integers);
    fi_store_le64(head, (uint64_t)integers.min);
    fi_store_le16(head + 8, (uint16_t)found);
    int rc = fi_buf_append(out, head, sizeof head);
    rc = rc == FIRN_OK ? fi_chunk_put_packed(out, packed, count, *out_width) : rc;
    rc = rc == FIRN_OK ? fi_buf_append(out, places, 2 * found) : rc;
    return rc == FIRN_OK ? fi_buf_append(out, exceptions, number_size * found) : rc;
}

/* ---- reading ---- */

bool
fi_chunk_alp_open(struct fi_chunk *chunk, size_t *at)
{
    if (chunk->bytes.size - *at < 2) {
        return false;
    }
    unsigned exponent = chunk->bytes.data[*at];
    unsigned factor = chunk->bytes.data[*at + 1];
    *at += 2;
    return exponent <= EXPONENT_MAX && factor <= exponent;
}

/* A block taken apart. */
struct parts {
    uint64_t min;
    const uint8_t *packed;
    size_t found;
    const uint8_t *places;
    const uint8_t *exceptions;
    double up;
    double down;
};

static bool
chunk_alp_split(const struct fi_chunk *chunk, const struct fi_chunk_block *view, struct parts *out)
{
    const uint8_t *at = view->data.data;
    const uint8_t *powers = chunk->bytes.data + chunk->parts.part;
    size_t packed_size = fi_chunk_bits_size(view->count, view->width);
    if (view->data.size < HEAD_SIZE) {
        return false;
    }
    *out = (struct parts){.min = fi_load_le64(at),
                          .packed = at + HEAD_SIZE,
                          .found = fi_load_le16(at + 8),
                          .places = at + HEAD_SIZE + packed_size,
                          .up = powers_up[powers[1]],
                          .down = powers_down[powers[0]]};
    out->exceptions = out->places + 2 * out->found;
    return out->found <= view->count &&
           view->data.size ==
               HEAD_SIZE + packed_size + out->found * (2 + fi_chunk_number_size(chunk->kind));
}

static void
decode_integers(const struct parts *parts, size_t count, uint64_t *numbers)
{
    for (size_t i = 0; i < count; i++) {
        double number = to_real(numbers[i]) * parts->up * parts->down;
        memcpy(&numbers[i], &number, sizeof number);
    }
}

int
fi_chunk_alp_read(const struct fi_chunk *chunk, const struct fi_chunk_block *view, uint64_t *out,
                  firn_error *err)
{
    struct parts parts;
    size_t number_size = fi_chunk_number_size(chunk->kind);
    if (!chunk_alp_split(chunk, view, &parts)) {
        return fi_chunk_corrupt(err, "a block of decimal numbers has another size than these");
    }
    fi_chunk_bits_decode(parts.packed, view->count, view->width, parts.min, 1, out);
    decode_integers(&parts, view->count, out);
    if (chunk->kind == FI_PHYSICAL_F32) {
        for (size_t i = 0; i < view->count; i++) {
            out[i] = bits_of(FI_PHYSICAL_F32, number_of(FI_PHYSICAL_F64, out[i]));
        }
    }
    for (size_t i = 0; i < parts.found; i++) {
        size_t place = fi_load_le16(parts.places + 2 * i);
        if (place >= view->count) {
            return fi_chunk_corrupt(err, "an exception lies after its block");
        }
        out[place] = fi_chunk_load_bits(chunk->kind, parts.exceptions + number_size * i);
    }
    return FIRN_OK;
}

bool
fi_chunk_alp_get(const struct fi_chunk *chunk, const struct fi_chunk_block *view, size_t i,
                 uint64_t *out)
{
    struct parts parts;
    size_t number_size = fi_chunk_number_size(chunk->kind);
    if (!chunk_alp_split(chunk, view, &parts)) {
        return false;
    }
    for (size_t k = parts.found; k-- > 0;) {
        if (fi_load_le16(parts.places + 2 * k) == i) {
            *out = fi_chunk_load_bits(chunk->kind, parts.exceptions + number_size * k);
            return true;
        }
    }
    uint64_t integer = parts.min + fi_chunk_bits_get(parts.packed, view->count, view->width, i);
    *out = bits_of(chunk->kind, to_real(integer) * parts.up * parts.down);
    return true;
}

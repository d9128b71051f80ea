/* SPDX-License-Identifier: Apache-2.0
 *
 * encoding/encoding_internal.h: what the files of this room share.
 *
 * Numbers of all kinds have an order and a rank, both of 64 bits. Orders are one to one with the
 * bits of values and ascend with them: what is packed. Ranks are what is compared: those of -0 and
 * 0 are equal, those of all NaNs too, and are the largest.
 */
#ifndef FIRN_ENCODING_ENCODING_INTERNAL_H
#define FIRN_ENCODING_ENCODING_INTERNAL_H

#include "base/bytes.h"
#include "encoding/encoding.h"

/* ---- numbers ---- */

#define FIRN_CHUNK_SIGN64 (UINT64_C(1) << 63)
#define FIRN_CHUNK_SIGN32 (UINT32_C(1) << 31)
#define FIRN_CHUNK_RANK_NAN UINT64_MAX
#define FIRN_CHUNK_RANK_ZERO_F64 FIRN_CHUNK_SIGN64
#define FIRN_CHUNK_RANK_ZERO_F32 ((uint64_t)FIRN_CHUNK_SIGN32)

static inline bool
firn_chunk_is_float(enum firn_physical kind)
{
    return kind == FIRN_PHYSICAL_F32 || kind == FIRN_PHYSICAL_F64;
}

/* Bytes of a number. */
static inline size_t
firn_chunk_number_size(enum firn_physical kind)
{
    return kind == FIRN_PHYSICAL_F32 ? 4 : 8;
}

/* The order of the number whose bits are given. */
static inline uint64_t
firn_chunk_order(enum firn_physical kind, uint64_t bits)
{
    switch (kind) {
    case FIRN_PHYSICAL_I64:
        return bits ^ FIRN_CHUNK_SIGN64;
    case FIRN_PHYSICAL_F64:
        return (bits & FIRN_CHUNK_SIGN64) != 0 ? ~bits : bits | FIRN_CHUNK_SIGN64;
    case FIRN_PHYSICAL_F32:
        return (bits & FIRN_CHUNK_SIGN32) != 0 ? (uint32_t)~bits : bits | FIRN_CHUNK_SIGN32;
    default:
        return bits;
    }
}

/* The other way; of F32 the low 32 bits count. */
static inline uint64_t
firn_chunk_unorder(enum firn_physical kind, uint64_t order)
{
    switch (kind) {
    case FIRN_PHYSICAL_I64:
        return order ^ FIRN_CHUNK_SIGN64;
    case FIRN_PHYSICAL_F64:
        return (order & FIRN_CHUNK_SIGN64) != 0 ? order ^ FIRN_CHUNK_SIGN64 : ~order;
    case FIRN_PHYSICAL_F32:
        return (order & FIRN_CHUNK_SIGN32) != 0 ? (uint32_t)order ^ FIRN_CHUNK_SIGN32
                                                : (uint32_t)~order;
    default:
        return order;
    }
}

static inline bool
firn_chunk_is_nan(enum firn_physical kind, uint64_t bits)
{
    return kind == FIRN_PHYSICAL_F64   ? (bits & ~FIRN_CHUNK_SIGN64) > UINT64_C(0x7ff) << 52
           : kind == FIRN_PHYSICAL_F32 ? (bits & ~FIRN_CHUNK_SIGN32) > UINT32_C(0xff) << 23
                                       : false;
}

static inline uint64_t
firn_chunk_rank(enum firn_physical kind, uint64_t bits)
{
    if (firn_chunk_is_float(kind)) {
        if (firn_chunk_is_nan(kind, bits)) {
            return FIRN_CHUNK_RANK_NAN;
        }
        if (bits == (kind == FIRN_PHYSICAL_F64 ? FIRN_CHUNK_SIGN64 : FIRN_CHUNK_SIGN32)) {
            bits = 0;
        }
    }
    return firn_chunk_order(kind, bits);
}

static inline uint64_t
firn_chunk_load_bits(enum firn_physical kind, const uint8_t *bytes)
{
    return kind == FIRN_PHYSICAL_F32 ? firn_load_le32(bytes) : firn_load_le64(bytes);
}

/* The bits of a cell that is a number, and the cell that has them. */
static inline uint64_t
firn_chunk_cell_bits(const struct firn_cell *cell)
{
    if (cell->kind == FIRN_PHYSICAL_F32) {
        uint32_t bits;
        memcpy(&bits, &cell->as.f32, sizeof bits);
        return bits;
    }
    uint64_t bits;
    memcpy(&bits, &cell->as.u64, sizeof bits);
    return bits;
}

static inline struct firn_cell
firn_chunk_cell_of(enum firn_physical kind, uint64_t bits)
{
    struct firn_cell cell = {.kind = kind};
    if (kind == FIRN_PHYSICAL_F32) {
        uint32_t low = (uint32_t)bits;
        memcpy(&cell.as.f32, &low, sizeof low);
    } else {
        memcpy(&cell.as.u64, &bits, sizeof bits);
    }
    return cell;
}

static inline bool
firn_chunk_has_bit(const uint64_t *mask, size_t i)
{
    return (mask[i / 64] >> i % 64 & 1) != 0;
}

/* A number of up to 8 bytes. */
static inline uint64_t
firn_chunk_load_field(const uint8_t *bytes, size_t size)
{
    /* Two loads that may overlap: a copy of a size that is not known is a call. */
    if (size >= 4) {
        return firn_load_le32(bytes) | (uint64_t)firn_load_le32(bytes + size - 4) << 8 * (size - 4);
    }
    if (size >= 2) {
        return firn_load_le16(bytes) | (uint64_t)firn_load_le16(bytes + size - 2) << 8 * (size - 2);
    }
    return size == 1 ? bytes[0] : 0;
}

/* The bytes that a number needs: 0 of 0. */
static inline size_t
firn_chunk_field_size(uint64_t number)
{
    return number == 0 ? 0 : 8 - (size_t)__builtin_clzll(number) / 8;
}

/* Bits of a value that is a number. */
static inline uint64_t
firn_chunk_value_bits(const struct firn_chunk_values *values, size_t i)
{
    return values->kind == FIRN_PHYSICAL_F32
               ? firn_load_le32((const uint8_t *)values->as.f32 + 4 * i)
               : firn_load_le64((const uint8_t *)values->as.u64 + 8 * i);
}

/* ---- chunk.c ---- */

/* One block of an open chunk. */
struct firn_chunk_block {
    size_t count;
    size_t null_count;
    const uint8_t *mask; /* NULL: all values are null or none is */
    firn_slice data;     /* after the mask */
    unsigned width;
    uint64_t low; /* codes */
    uint64_t high;
};
int firn_chunk_corrupt(firn_error *err, const char *what);
#define firn_chunk_corrupt(...) firn_error_never_ok(firn_chunk_corrupt(__VA_ARGS__))
/* Whether its blocks have a width. */
bool firn_chunk_has_width(const struct firn_chunk *chunk);
/* The size of a record: what it has depends on kind, encoding and whether there are nulls. */
size_t firn_chunk_record_size(const struct firn_chunk *chunk);
/* FIRN_CORRUPT where the mask does not fit into the block. */
FIRN_MUST_CHECK int firn_chunk_block_at(const struct firn_chunk *chunk, size_t block,
                                        struct firn_chunk_block *out, firn_error *err);
/* The smallest and the largest code of a block of FRAME, DELTA, RLE or DICTIONARY, alone. */
void firn_chunk_block_codes(const struct firn_chunk *chunk, size_t block, uint64_t *out_low,
                            uint64_t *out_high);
/* Which values are not null; words of the whole block. FIRN_CORRUPT where they are not
 * null_count. */
FIRN_MUST_CHECK int firn_chunk_block_valid(const struct firn_chunk_block *view,
                                           uint64_t valid[FIRN_CHUNK_MASK_WORDS], firn_error *err);
/* The codes of nulls become those of the value before them in their block, else of the first one in
 * it, else nothing_else. */
void firn_chunk_fill_nulls(const struct firn_chunk_values *values, uint64_t nothing_else,
                           uint64_t *codes);
/* The value of a CONSTANT chunk that has one. */
struct firn_cell firn_chunk_constant(const struct firn_chunk *chunk);

/* ---- chunk_read.c ---- */

/* The runs of a block of RLE: the code of each less the block's smallest, and the place after its
 * last value. FIRN_CORRUPT where the runs are not the block. */
struct firn_chunk_runs {
    size_t count;
    uint64_t codes[FIRN_CHUNK_BLOCK];
    uint64_t ends[FIRN_CHUNK_BLOCK];
};
FIRN_MUST_CHECK int firn_chunk_read_runs(const struct firn_chunk_block *view,
                                         struct firn_chunk_runs *out, firn_error *err);

/* ---- chunk_bounds.c ---- */

/* The bounds of count values from start on; bytes are borrowed from theirs. */
void firn_chunk_bounds_of(const struct firn_chunk_values *values, size_t start, size_t count,
                          struct firn_chunk_bounds *out);

/* Of values that are bytes; a null is empty. */
struct firn_chunk_sizes {
    size_t total;  /* where all have one size, that of each */
    size_t cost;   /* what sizes take beside the bytes, block by block */
    size_t filled; /* how many values are not empty */
    bool is_fixed; /* all have fixed_size, but nulls */
};
void firn_chunk_bounds_sizes(const struct firn_chunk_values *values, struct firn_chunk_sizes *out);

/* ---- chunk_judge.c ---- */

/* What a predicate asks of numbers, IN aside: that their rank is in [low, high], or is not. */
struct firn_chunk_interval {
    uint64_t low;
    uint64_t high;
    bool is_empty;
    bool is_negated;
};
struct firn_chunk_interval firn_chunk_judge_interval(const struct firn_chunk_predicate *predicate);
bool firn_chunk_judge_bytes(const struct firn_chunk_predicate *predicate, firn_slice value);
/* Whether a rank is one of those of the predicate's list. */
bool firn_chunk_judge_listed(const struct firn_chunk_predicate *predicate, uint64_t rank);

/* ---- chunk_encode.c ---- */

/* As firn_chunk_encode, with an encoding that the caller chooses. FIRN_INVALID where it cannot hold
 * the values. For tests. */
FIRN_MUST_CHECK int firn_chunk_encode_as(const struct firn_chunk_values *values,
                                         enum firn_encoding encoding, struct firn_buf *out,
                                         struct firn_chunk_bounds *out_bounds, firn_error *err);

#endif

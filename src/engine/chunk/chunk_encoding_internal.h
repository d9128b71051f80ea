/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_encoding_internal.h: what the files of this room share.
 *
 * Numbers of all kinds have an order and a rank, both of 64 bits. Orders are one to one with the
 * bits of values and ascend with them: what is packed. Values are compared by their ranks. -0 and 0
 * have one rank, and all NaNs have one rank, the largest.
 */
#ifndef FIRN_CHUNK_CHUNK_ENCODING_INTERNAL_H
#define FIRN_CHUNK_CHUNK_ENCODING_INTERNAL_H

#include "base/bytes.h"
#include "chunk/chunk_encoding.h"

/* ---- numbers ---- */

#define FI_CHUNK_SIGN64 (UINT64_C(1) << 63)
#define FI_CHUNK_SIGN32 (UINT32_C(1) << 31)
#define FI_CHUNK_RANK_NAN UINT64_MAX
#define FI_CHUNK_RANK_ZERO_F64 FI_CHUNK_SIGN64
#define FI_CHUNK_RANK_ZERO_F32 ((uint64_t)FI_CHUNK_SIGN32)

static inline bool
fi_chunk_is_float(enum fi_physical kind)
{
    return kind == FI_PHYSICAL_F32 || kind == FI_PHYSICAL_F64;
}

/* Bytes of a number. */
static inline size_t
fi_chunk_number_size(enum fi_physical kind)
{
    return kind == FI_PHYSICAL_F32 ? 4 : 8;
}

/* The order of the number whose bits are given. */
static inline uint64_t
fi_chunk_order(enum fi_physical kind, uint64_t bits)
{
    switch (kind) {
    case FI_PHYSICAL_I64:
        return bits ^ FI_CHUNK_SIGN64;
    case FI_PHYSICAL_F64:
        return (bits & FI_CHUNK_SIGN64) != 0 ? ~bits : bits | FI_CHUNK_SIGN64;
    case FI_PHYSICAL_F32:
        return (bits & FI_CHUNK_SIGN32) != 0 ? (uint32_t)~bits : bits | FI_CHUNK_SIGN32;
    default:
        return bits;
    }
}

/* The other way; of F32 the low 32 bits count. */
static inline uint64_t
fi_chunk_unorder(enum fi_physical kind, uint64_t order)
{
    switch (kind) {
    case FI_PHYSICAL_I64:
        return order ^ FI_CHUNK_SIGN64;
    case FI_PHYSICAL_F64:
        return (order & FI_CHUNK_SIGN64) != 0 ? order ^ FI_CHUNK_SIGN64 : ~order;
    case FI_PHYSICAL_F32:
        return (order & FI_CHUNK_SIGN32) != 0 ? (uint32_t)order ^ FI_CHUNK_SIGN32
                                              : (uint32_t)~order;
    default:
        return order;
    }
}

static inline bool
fi_chunk_is_nan(enum fi_physical kind, uint64_t bits)
{
    return kind == FI_PHYSICAL_F64   ? (bits & ~FI_CHUNK_SIGN64) > UINT64_C(0x7ff) << 52
           : kind == FI_PHYSICAL_F32 ? (bits & ~FI_CHUNK_SIGN32) > UINT32_C(0xff) << 23
                                     : false;
}

static inline uint64_t
fi_chunk_rank(enum fi_physical kind, uint64_t bits)
{
    if (fi_chunk_is_float(kind)) {
        if (fi_chunk_is_nan(kind, bits)) {
            return FI_CHUNK_RANK_NAN;
        }
        if (bits == (kind == FI_PHYSICAL_F64 ? FI_CHUNK_SIGN64 : FI_CHUNK_SIGN32)) {
            bits = 0;
        }
    }
    return fi_chunk_order(kind, bits);
}

static inline uint64_t
fi_chunk_load_bits(enum fi_physical kind, const uint8_t *bytes)
{
    return kind == FI_PHYSICAL_F32 ? fi_load_le32(bytes) : fi_load_le64(bytes);
}

/* The bits of a cell that is a number, and the cell that has them. */
static inline uint64_t
fi_chunk_cell_bits(const struct fi_cell *cell)
{
    if (cell->kind == FI_PHYSICAL_F32) {
        uint32_t bits;
        memcpy(&bits, &cell->as.f32, sizeof bits);
        return bits;
    }
    uint64_t bits;
    memcpy(&bits, &cell->as.u64, sizeof bits);
    return bits;
}

static inline struct fi_cell
fi_chunk_cell_of(enum fi_physical kind, uint64_t bits)
{
    struct fi_cell cell = {.kind = kind};
    if (kind == FI_PHYSICAL_F32) {
        uint32_t low = (uint32_t)bits;
        memcpy(&cell.as.f32, &low, sizeof low);
    } else {
        memcpy(&cell.as.u64, &bits, sizeof bits);
    }
    return cell;
}

static inline bool
fi_chunk_has_bit(const uint64_t *mask, size_t i)
{
    return (mask[i / 64] >> i % 64 & 1) != 0;
}

/* A number of up to 8 bytes. */
static inline uint64_t
fi_chunk_load_field(const uint8_t *bytes, size_t size)
{
    /* Two loads that may overlap: a copy of a size that is not known is a call. */
    if (size >= 4) {
        return fi_load_le32(bytes) | (uint64_t)fi_load_le32(bytes + size - 4) << 8 * (size - 4);
    }
    if (size >= 2) {
        return fi_load_le16(bytes) | (uint64_t)fi_load_le16(bytes + size - 2) << 8 * (size - 2);
    }
    return size == 1 ? bytes[0] : 0;
}

/* The bytes that a number needs: 0 of 0. */
static inline size_t
fi_chunk_field_size(uint64_t number)
{
    return number == 0 ? 0 : 8 - (size_t)__builtin_clzll(number) / 8;
}

/* Bits of a value that is a number. */
static inline uint64_t
fi_chunk_value_bits(const struct fi_chunk_values *values, size_t i)
{
    return values->kind == FI_PHYSICAL_F32 ? fi_load_le32((const uint8_t *)values->as.f32 + 4 * i)
                                           : fi_load_le64((const uint8_t *)values->as.u64 + 8 * i);
}

/* ---- chunk.c ---- */

/* One block of an open chunk. */
struct fi_chunk_block {
    size_t count;
    size_t null_count;
    const uint8_t *mask; /* NULL: all values are null or none is */
    firn_slice data;     /* after the mask */
    unsigned width;
    uint64_t low; /* codes */
    uint64_t high;
};
int fi_chunk_corrupt(firn_error *err, const char *what);
#define fi_chunk_corrupt(...) fi_error_never_ok(fi_chunk_corrupt(__VA_ARGS__))
/* Whether its records have the smallest and the largest code of a block. */
bool fi_chunk_has_codes(const struct fi_chunk *chunk);
/* The bytes of both bounds in a record, except those that are codes. */
size_t fi_chunk_bounds_size(const struct fi_chunk *chunk);

/* A block's record, taken apart. */
struct fi_chunk_record {
    uint32_t end;
    uint32_t null_count;
    unsigned width;
    uint64_t low;
    uint64_t high;
    const uint8_t *bounds;
};
void fi_chunk_record(const struct fi_chunk *chunk, size_t block, struct fi_chunk_record *out);
/* Whether its blocks have a width. */
bool fi_chunk_has_width(const struct fi_chunk *chunk);
/* The size of a record: what it has depends on kind, encoding and whether there are nulls. */
size_t fi_chunk_record_size(const struct fi_chunk *chunk);
/* FIRN_CORRUPT where the mask does not fit into the block. */
FIRN_MUST_CHECK int fi_chunk_block_at(const struct fi_chunk *chunk, size_t block,
                                      struct fi_chunk_block *out, firn_error *err);
/* The smallest and the largest code of a block of FRAME, DELTA, RLE or DICTIONARY, alone. */
void fi_chunk_block_codes(const struct fi_chunk *chunk, size_t block, uint64_t *out_low,
                          uint64_t *out_high);
/* Which values are not null; words of the whole block. FIRN_CORRUPT where they are not
 * null_count. */
FIRN_MUST_CHECK int fi_chunk_block_valid(const struct fi_chunk_block *view,
                                         uint64_t valid[FI_CHUNK_MASK_WORDS], firn_error *err);
/* The value of a CONSTANT chunk that has one. */
struct fi_cell fi_chunk_constant(const struct fi_chunk *chunk);

/* ---- chunk_read.c ---- */

/* The runs of a block of RLE: the code of each less the block's smallest, and the place after its
 * last value. FIRN_CORRUPT where the runs are not the block. */
struct fi_chunk_runs {
    size_t count;
    uint64_t codes[FI_CHUNK_BLOCK];
    uint64_t ends[FI_CHUNK_BLOCK];
};
FIRN_MUST_CHECK int fi_chunk_read_runs(const struct fi_chunk_block *view, struct fi_chunk_runs *out,
                                       firn_error *err);

/* ---- chunk_bounds.c ---- */

/* The bounds of count values from start on; bytes are borrowed from theirs. */
void fi_chunk_bounds_of(const struct fi_chunk_values *values, size_t start, size_t count,
                        struct fi_chunk_bounds *out);

/* Of values that are bytes; a null is empty. */
struct fi_chunk_sizes {
    size_t total;  /* where all have one size, that of each */
    size_t cost;   /* what sizes take beside the bytes, block by block */
    size_t filled; /* how many values are not empty */
    bool is_fixed; /* all have fixed_size, but nulls */
};
void fi_chunk_bounds_sizes(const struct fi_chunk_values *values, struct fi_chunk_sizes *out);

/* ---- chunk_assess.c ---- */

/* What a predicate asks of numbers, IN aside: that their rank is in [low, high], or is not. */
struct fi_chunk_interval {
    uint64_t low;
    uint64_t high;
    bool is_empty;
    bool is_negated;
};
struct fi_chunk_interval fi_chunk_assess_interval(const struct fi_chunk_predicate *predicate);
bool fi_chunk_assess_bytes(const struct fi_chunk_predicate *predicate, firn_slice value);
/* Whether a rank is one of those of the predicate's list. */
bool fi_chunk_assess_listed(const struct fi_chunk_predicate *predicate, uint64_t rank);

/* ---- chunk_encode.c ---- */

/* As fi_chunk_encode, with an encoding that the caller chooses. FIRN_INVALID where it cannot hold
 * the values. For tests. */
FIRN_MUST_CHECK int fi_chunk_encode_as(const struct fi_chunk_values *values,
                                       enum fi_chunk_encoding encoding, struct fi_buf *out,
                                       struct fi_chunk_bounds *out_bounds, firn_error *err);

#endif

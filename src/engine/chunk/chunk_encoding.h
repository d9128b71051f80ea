/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_encoding.h: the values of one column as bytes: a chunk. docs/formats/chunk.md is the
 * prose twin.
 *
 * A chunk has up to FI_CHUNK_VALUES_MAX values of one kind, some of them null, in blocks of
 * FI_CHUNK_BLOCK values (the last one may be shorter). It records its encoding; each block has
 * its own parameters and its smallest and largest value. The smallest encoding is computed from one
 * pass of statistics, never by trying.
 *
 * Chunks are read in place. Their bytes are not trusted. After fi_chunk_open has checked them,
 * reading is memory-safe without further checks; damage that is noticed only while reading gives
 * FIRN_CORRUPT.
 *
 * Threads: an open chunk is read by any number of threads, each with its own scratch memory.
 */
#ifndef FIRN_CHUNK_CHUNK_ENCODING_H
#define FIRN_CHUNK_CHUNK_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "tuple/tuple.h"

enum {
    FI_CHUNK_BLOCK = 1024,           /* values of a block */
    FI_CHUNK_VALUES_MAX = 64 * 1024, /* of a chunk */
    FI_CHUNK_BLOCKS_MAX = FI_CHUNK_VALUES_MAX / FI_CHUNK_BLOCK,
    FI_CHUNK_MASK_WORDS = FI_CHUNK_BLOCK / 64
};

/* An array of values. If valid says null, the value is 0 or empty. */
struct fi_chunk_values {
    enum fi_physical kind;
    uint32_t fixed_size; /* for BYTES that all have one size; else 0 */
    size_t count;
    const uint64_t *valid; /* bit i % 64 of word i / 64: value i is not null. NULL: none is null */
    union {
        const int64_t *i64;
        const uint64_t *u64;
        const float *f32;
        const double *f64;
        const firn_slice *bytes;
    } as;
};

/* The smallest and the largest of some values, without nulls and NaNs. For bytes, their first
 * FI_CHUNK_BOUND_SIZE: no value is below min, and none is above all values that begin with
 * max. Unless max_is_cut is set, none is above max itself. For floating-point numbers, -0 counts
 * as 0. */
enum { FI_CHUNK_BOUND_SIZE = 16 };
struct fi_chunk_bounds {
    uint64_t null_count;
    bool is_empty; /* all values are nulls or NaNs */
    bool has_nan;
    bool max_is_cut;
    struct fi_cell min; /* bytes are borrowed from the chunk, or from the values; empty: null */
    struct fi_cell max;
};

/* ---- writing ---- */

/* Appends the chunk of 1 to FI_CHUNK_VALUES_MAX values to out. *out_bounds (may be NULL) gets the
 * bounds of all values; their bytes are borrowed from those of `values`. FIRN_NO_MEMORY; FIRN_LIMIT
 * if the values have more than FI_CHUNK_BYTES_MAX bytes. */
enum { FI_CHUNK_BYTES_MAX = 32 << 20 };
FIRN_MUST_CHECK int fi_chunk_encode(const struct fi_chunk_values *values, struct fi_buf *out,
                                    struct fi_chunk_bounds *out_bounds, firn_error *err);

/* Like fi_chunk_encode, but always plain, or constant if all values are null. For chunks that are
 * read once. */
FIRN_MUST_CHECK int fi_chunk_encode_plain(const struct fi_chunk_values *values, struct fi_buf *out,
                                          firn_error *err);

/* ---- reading ---- */

struct fi_chunk {
    firn_slice bytes; /* borrowed */
    enum fi_physical kind;
    uint32_t fixed_size;
    uint32_t count;
    uint8_t encoding; /* enum fi_chunk_encoding */
    /* For this room alone: positions in bytes, as in chunk_format.h. */
    struct {
        bool has_nulls;
        bool is_all_null;
        uint8_t field_size;  /* of codes and bounds in records */
        uint8_t record_size; /* 0: there are none */
        uint32_t part;       /* what the encoding stores for all blocks */
        uint32_t records;
        uint32_t data;
        uint64_t minimum; /* number of code 0 */
        uint64_t divisor;
        uint32_t entry_count; /* of a dictionary; of a table of symbols */
        uint32_t entry_ends;
        uint32_t entry_bytes;
        uint32_t entry_size; /* total size of the entries */
        uint8_t entry_width;
    } parts;
};

/* Names of encodings, for statistics; on disk. */
enum fi_chunk_encoding {
    FI_ENCODING_PLAIN = 1,
    FI_ENCODING_CONSTANT = 2,
    FI_ENCODING_RLE = 3,
    FI_ENCODING_DICTIONARY = 4,
    FI_ENCODING_FRAME = 5, /* frame of reference and bit packing, with a common divisor */
    FI_ENCODING_DELTA = 6, /* the same for the differences between neighbours */
    FI_ENCODING_ALP = 7,
    FI_ENCODING_FSST = 8,
    FI_ENCODING_FRONT = 9
};
/* "plain", …; NULL for an unknown number. */
const char *fi_chunk_encoding_name(unsigned encoding);

/* Checks the bytes of a chunk that should have that kind, size and count; reads each block's head.
 * FIRN_CORRUPT says what is wrong, FIRN_NEWER names an unknown encoding. */
FIRN_MUST_CHECK int fi_chunk_open(firn_slice bytes, enum fi_physical kind, uint32_t fixed_size,
                                  uint32_t count, struct fi_chunk *out, firn_error *err);
/* The same for bytes that fi_chunk_open has accepted with the same kind, size and count, and that
 * have not changed since: does not read the blocks' heads. */
FIRN_MUST_CHECK int fi_chunk_open_again(firn_slice bytes, enum fi_physical kind,
                                        uint32_t fixed_size, uint32_t count, struct fi_chunk *out,
                                        firn_error *err);
size_t fi_chunk_block_count(const struct fi_chunk *chunk);
/* The number of values in a block: FI_CHUNK_BLOCK, or fewer in the last one. */
size_t fi_chunk_block_size(const struct fi_chunk *chunk, size_t block);
void fi_chunk_block_bounds(const struct fi_chunk *chunk, size_t block, struct fi_chunk_bounds *out);

/* The number of bits that are set in FI_CHUNK_MASK_WORDS words. */
static inline size_t
fi_chunk_mask_count(const uint64_t *mask)
{
    const uint64_t ones = UINT64_C(0x5555555555555555);
    const uint64_t twos = UINT64_C(0x3333333333333333);
    uint64_t sums = 0; /* a byte has at most 8 bits of each word */
    _Static_assert(FI_CHUNK_MASK_WORDS * 8 <= UINT8_MAX, "sums fit");
    for (size_t i = 0; i < FI_CHUNK_MASK_WORDS; i++) {
        uint64_t word = mask[i];
        word -= word >> 1 & ones;
        word = (word & twos) + (word >> 2 & twos);
        sums += (word + (word >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    }
    sums = (sums & UINT64_C(0x00ff00ff00ff00ff)) + (sums >> 8 & UINT64_C(0x00ff00ff00ff00ff));
    return (size_t)(sums * UINT64_C(0x0001000100010001) >> 48);
}

/* The caller's memory for decoding one block: zeroed at first, allocated as needed. Values that
 * were read with it are invalid after the next read of a block of the same chunk. */
struct fi_chunk_scratch {
    struct fi_buf numbers; /* i64, u64, f32, f64 or slices */
    struct fi_buf bytes;
    uint64_t valid[FI_CHUNK_MASK_WORDS];
};
void fi_chunk_scratch_deinit(struct fi_chunk_scratch *scratch);

/* Decodes a block: *out is borrowed from the scratch and the chunk. wanted (NULL: all) has a bit
 * for each value that is needed; the others are undefined. FIRN_CORRUPT, FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_chunk_read_block(const struct fi_chunk *chunk, size_t block,
                                        const uint64_t *wanted, struct fi_chunk_scratch *scratch,
                                        struct fi_chunk_values *out, firn_error *err);
/* Decodes some values of a block into a dense array: those of its `count` rows whose bits are set
 * in wanted, ascending. Cheaper than decoding all if they are few. Otherwise like
 * fi_chunk_read_block. */
FIRN_MUST_CHECK int fi_chunk_read_list(const struct fi_chunk *chunk, size_t block,
                                       const uint16_t *rows, size_t count, const uint64_t *wanted,
                                       struct fi_chunk_scratch *scratch,
                                       struct fi_chunk_values *out, firn_error *err);
/* One value; bytes are borrowed from the scratch or the chunk. */
FIRN_MUST_CHECK int fi_chunk_get(const struct fi_chunk *chunk, size_t i,
                                 struct fi_chunk_scratch *scratch, struct fi_cell *out,
                                 firn_error *err);

/* The range that may contain a number, among ascending values of I64 or U64: all before *out_first
 * are below it, all from *out_end on above it; if *out_is_exact, all in it are equal to it. At most
 * one block is read. If the values do not ascend, these are any positions in the chunk, in order,
 * but those of an exact range are equal to the number. false: not known for this chunk. */
bool fi_chunk_get_place(const struct fi_chunk *chunk, const struct fi_cell *number,
                        size_t *out_first, size_t *out_end, bool *out_is_exact);

/* Starts to prefetch into the processor's cache what fi_chunk_get of a value will read, as far as
 * that is known without reading it. The first call fetches what has the value's position; the
 * second waits for that. */
void fi_chunk_prefetch_place(const struct fi_chunk *chunk, size_t i);
void fi_chunk_prefetch(const struct fi_chunk *chunk, size_t i);
/* The same for some values of a block, still unknown, that will be read in place. */
void fi_chunk_prefetch_block(const struct fi_chunk *chunk, size_t block);

/* A condition on each value of a block; a null fulfils only IS_NULL. Floating-point numbers compare
 * as in keys: -0 equals 0, a NaN is larger than all others and equal to itself. */
enum fi_chunk_test {
    FI_CHUNK_EQUAL = 1,
    FI_CHUNK_NOT_EQUAL,
    FI_CHUNK_LESS,
    FI_CHUNK_LESS_EQUAL,
    FI_CHUNK_GREATER,
    FI_CHUNK_GREATER_EQUAL,
    FI_CHUNK_BETWEEN, /* a <= value <= b */
    FI_CHUNK_IN,      /* one of list; Requires: it ascends, without duplicates */
    FI_CHUNK_PREFIX,  /* of BYTES */
    FI_CHUNK_IS_NULL,
    FI_CHUNK_IS_NOT_NULL
};
struct fi_chunk_predicate {
    enum fi_chunk_test test;
    struct fi_cell a; /* of the chunk's kind */
    struct fi_cell b;
    const struct fi_cell *list;
    size_t list_count;
};
/* What follows from bounds: no value of the block fulfils it, all do, or the values must be
 * read. */
enum fi_chunk_verdict { FI_CHUNK_NONE, FI_CHUNK_ALL, FI_CHUNK_SOME };
enum fi_chunk_verdict fi_chunk_assess(const struct fi_chunk_bounds *bounds, size_t count,
                                      const struct fi_chunk_predicate *predicate);
/* Clears the bits of mask whose values do not fulfil the predicate. Works on the encoded values if
 * possible. Requires: bits at and after the block's size are 0. */
FIRN_MUST_CHECK int fi_chunk_filter_block(const struct fi_chunk *chunk, size_t block,
                                          const struct fi_chunk_predicate *predicate,
                                          struct fi_chunk_scratch *scratch, uint64_t *mask,
                                          firn_error *err);

/* A predicate on all blocks of a chunk. What depends only on the chunk is determined once. */
struct fi_chunk_filter {
    const struct fi_chunk_predicate *predicate; /* borrowed */
    bool by_codes;                              /* it asks for codes from low to high, */
    bool is_negated;                            /* or for all others */
    bool is_empty;                              /* from low to high there are none */
    uint64_t low;
    uint64_t high;
};
void fi_chunk_filter_init(struct fi_chunk_filter *filter, const struct fi_chunk *chunk,
                          const struct fi_chunk_predicate *predicate);
/* Like fi_chunk_filter_block. *out_verdict is what follows from the block's bounds alone for its
 * values that are not null. Requires: the filter is of this chunk. */
FIRN_MUST_CHECK int fi_chunk_filter_apply(const struct fi_chunk_filter *filter,
                                          const struct fi_chunk *chunk, size_t block,
                                          struct fi_chunk_scratch *scratch, uint64_t *mask,
                                          enum fi_chunk_verdict *out_verdict, firn_error *err);

/* Adds the values of a block whose bits are set (NULL: all) and that are not null. Integers: exact.
 * Floating-point numbers are added in the order that docs/formats/chunk.md states. */
__extension__ typedef __int128 fi_chunk_int128;
struct fi_chunk_sum {
    fi_chunk_int128 integer; /* of I64 and U64 */
    double real;             /* of F32 and F64 */
    uint64_t count;
};
FIRN_MUST_CHECK int fi_chunk_sum_block(const struct fi_chunk *chunk, size_t block,
                                       const uint64_t *mask, struct fi_chunk_scratch *scratch,
                                       struct fi_chunk_sum *sum, firn_error *err);
/* For a DICTIONARY chunk: the code of each value of a block (nulls: code_count), and the value of a
 * code. For grouping without decoding. */
size_t fi_chunk_code_count(const struct fi_chunk *chunk); /* 0: the chunk has no codes */
FIRN_MUST_CHECK int fi_chunk_read_codes(const struct fi_chunk *chunk, size_t block, uint32_t *out,
                                        firn_error *err);
FIRN_MUST_CHECK int fi_chunk_code_value(const struct fi_chunk *chunk, uint32_t code,
                                        struct fi_chunk_scratch *scratch, struct fi_cell *out,
                                        firn_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * encoding/encoding.h: the values of one column as bytes: a chunk. docs/formats/chunk.md is the prose twin.
 *
 * A chunk has up to FIRN_CHUNK_VALUES_MAX values of one kind, some of them null, in blocks of
 * FIRN_CHUNK_BLOCK values (the last one may be shorter). It says how it is encoded; each block has its
 * own parameters and its smallest and largest value. Which encoding is smallest is computed from one
 * pass of statistics, never by trying.
 *
 * Chunks are read where they lie. Nothing in them is believed: a chunk whose bytes were checked by
 * firn_chunk_open can be read without further checks failing memory safety, and what can only be seen
 * while reading gives FIRN_CORRUPT.
 *
 * Threads: an open chunk is read by any number of threads, each with its own scratch memory.
 */
#ifndef FIRN_ENCODING_ENCODING_H
#define FIRN_ENCODING_ENCODING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "tuple/tuple.h"

enum {
    FIRN_CHUNK_BLOCK = 1024,           /* values of a block */
    FIRN_CHUNK_VALUES_MAX = 64 * 1024, /* of a chunk */
    FIRN_CHUNK_BLOCKS_MAX = FIRN_CHUNK_VALUES_MAX / FIRN_CHUNK_BLOCK,
    FIRN_CHUNK_MASK_WORDS = FIRN_CHUNK_BLOCK / 64
};

/* Values side by side. Where valid says null, the value is 0 or empty. */
struct firn_chunk_values {
    enum firn_physical kind;
    uint32_t fixed_size; /* of BYTES that all have one size; 0: they do not */
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

/* The smallest and the largest of some values, nulls and NaNs left out. Bytes: their first
 * FIRN_CHUNK_BOUND_SIZE; no value is below min, and none is above max followed by any bytes. Where
 * max_is_cut is not set, none is above max itself. Floating-point numbers: -0 counts as 0. */
enum { FIRN_CHUNK_BOUND_SIZE = 16 };
struct firn_chunk_bounds {
    uint64_t null_count;
    bool is_empty; /* there are no values but nulls and NaNs */
    bool has_nan;
    bool max_is_cut;
    struct firn_cell min; /* bytes are borrowed from the chunk, or from the values; empty: null */
    struct firn_cell max;
};

/* ---- writing ---- */

/* Appends the chunk of 1 to FIRN_CHUNK_VALUES_MAX values to out. *out_bounds (may be NULL) are those of
 * all of them; bytes are borrowed from `values`' bytes. FIRN_NO_MEMORY; FIRN_LIMIT where the bytes of
 * values are more than FIRN_CHUNK_BYTES_MAX. */
enum { FIRN_CHUNK_BYTES_MAX = 32 << 20 };
FIRN_MUST_CHECK int firn_chunk_encode(const struct firn_chunk_values *values, struct firn_buf *out,
                                      struct firn_chunk_bounds *out_bounds, firn_error *err);

/* The same, without a choice: plain, or constant where all values are null. For chunks that are read once. */
FIRN_MUST_CHECK int firn_chunk_encode_plain(const struct firn_chunk_values *values,
                                            struct firn_buf *out, firn_error *err);

/* ---- reading ---- */

struct firn_chunk {
    firn_slice bytes; /* borrowed */
    enum firn_physical kind;
    uint32_t fixed_size;
    uint32_t count;
    uint8_t encoding; /* enum firn_encoding */
    /* For this room alone: where things lie inside of bytes, from chunk_format.h. */
    struct {
        bool has_nulls;
        bool is_all_null;
        uint8_t field_size;  /* of codes and bounds in records */
        uint8_t record_size; /* 0: there are none */
        uint32_t part;       /* what the encoding says of all blocks */
        uint32_t records;
        uint32_t data;
        uint64_t minimum; /* number of code 0 */
        uint64_t divisor;
        uint32_t entry_count; /* of a dictionary; of a table of symbols */
        uint32_t entry_ends;
        uint32_t entry_bytes;
        uint32_t entry_size; /* of all of them */
        uint8_t entry_width;
    } parts;
};

/* Names of encodings, for statistics; on disk. */
enum firn_encoding {
    FIRN_ENCODING_PLAIN = 1,
    FIRN_ENCODING_CONSTANT = 2,
    FIRN_ENCODING_RLE = 3,
    FIRN_ENCODING_DICTIONARY = 4,
    FIRN_ENCODING_FRAME = 5, /* frame of reference and bit packing, with a common divisor */
    FIRN_ENCODING_DELTA = 6, /* the same of the differences between neighbours */
    FIRN_ENCODING_ALP = 7,
    FIRN_ENCODING_FSST = 8,
    FIRN_ENCODING_FRONT = 9
};
/* "plain", …; NULL for a number that is no encoding. */
const char *firn_encoding_name(unsigned encoding);

/* Checks the bytes of a chunk that should have that kind, size and count; costs a look at each block's
 * head. FIRN_CORRUPT says what is wrong, FIRN_NEWER an encoding that is not known. */
FIRN_MUST_CHECK int firn_chunk_open(firn_slice bytes, enum firn_physical kind, uint32_t fixed_size,
                                    uint32_t count, struct firn_chunk *out, firn_error *err);
/* The same for bytes that firn_chunk_open found sound with the same kind, size and count, and that have not
 * changed since: costs no look at the blocks' heads. */
FIRN_MUST_CHECK int firn_chunk_reopen(firn_slice bytes, enum firn_physical kind,
                                      uint32_t fixed_size, uint32_t count, struct firn_chunk *out,
                                      firn_error *err);
size_t firn_chunk_block_count(const struct firn_chunk *chunk);
/* How many values block has: FIRN_CHUNK_BLOCK, or fewer in the last one. */
size_t firn_chunk_block_size(const struct firn_chunk *chunk, size_t block);
void firn_chunk_block_bounds(const struct firn_chunk *chunk, size_t block,
                             struct firn_chunk_bounds *out);

/* How many of the bits of FIRN_CHUNK_MASK_WORDS words are set. */
size_t firn_chunk_mask_count(const uint64_t *mask);

/* Memory for decoding one block, in the caller's keeping: zeroed at first, made as needed. Values that
 * were read with it are gone with the next read of a block of the same chunk. */
struct firn_chunk_scratch {
    struct firn_buf numbers; /* i64, u64, f32, f64 or slices */
    struct firn_buf bytes;
    uint64_t valid[FIRN_CHUNK_MASK_WORDS];
};
void firn_chunk_scratch_deinit(struct firn_chunk_scratch *scratch);

/* Decodes a block: *out is borrowed from the scratch and the chunk. wanted (NULL: all) has a bit for
 * each value that will be looked at; the others mean nothing. FIRN_CORRUPT, FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_chunk_read_block(const struct firn_chunk *chunk, size_t block,
                                          const uint64_t *wanted,
                                          struct firn_chunk_scratch *scratch,
                                          struct firn_chunk_values *out, firn_error *err);
/* Decodes some values of a block, side by side: those of `count` rows of it, ascending, which are just the bits of
 * wanted. Cheaper than all of them where they are few. Else as firn_chunk_read_block. */
FIRN_MUST_CHECK int firn_chunk_read_list(const struct firn_chunk *chunk, size_t block,
                                         const uint16_t *rows, size_t count, const uint64_t *wanted,
                                         struct firn_chunk_scratch *scratch,
                                         struct firn_chunk_values *out, firn_error *err);
/* One value; bytes are borrowed from the scratch or the chunk. */
FIRN_MUST_CHECK int firn_chunk_get(const struct firn_chunk *chunk, size_t i,
                                   struct firn_chunk_scratch *scratch, struct firn_cell *out,
                                   firn_error *err);

/* Where a number can be among values of I64 or U64 that ascend: all before *out_first are below it, all
 * from *out_end on above it; no block is decoded for that. Where they do not ascend these are any places
 * in the chunk, in order. false: this chunk does not tell. */
bool firn_chunk_get_place(const struct firn_chunk *chunk, const struct firn_cell *number,
                          size_t *out_first, size_t *out_end);

/* Asks memory for what firn_chunk_get of a value will look at, as far as that is known without it: first for
 * what says where the value lies, which the second call waits for. */
void firn_chunk_prefetch_place(const struct firn_chunk *chunk, size_t i);
void firn_chunk_prefetch(const struct firn_chunk *chunk, size_t i);
/* The same for some values of a block, not known yet which, that will be read from where they lie. */
void firn_chunk_prefetch_block(const struct firn_chunk *chunk, size_t block);

/* What is asked of each value of a block; null values fulfil only IS_NULL. Floating-point numbers compare
 * as in keys: -0 equals 0, a NaN is larger than all others and equal to itself. */
enum firn_chunk_test {
    FIRN_CHUNK_EQUAL = 1,
    FIRN_CHUNK_NOT_EQUAL,
    FIRN_CHUNK_LESS,
    FIRN_CHUNK_LESS_EQUAL,
    FIRN_CHUNK_GREATER,
    FIRN_CHUNK_GREATER_EQUAL,
    FIRN_CHUNK_BETWEEN, /* a <= value <= b */
    FIRN_CHUNK_IN,      /* one of list, ascending, none twice */
    FIRN_CHUNK_PREFIX,  /* of BYTES */
    FIRN_CHUNK_IS_NULL,
    FIRN_CHUNK_IS_NOT_NULL
};
struct firn_chunk_predicate {
    enum firn_chunk_test test;
    struct firn_cell a; /* of the chunk's kind */
    struct firn_cell b;
    const struct firn_cell *list;
    size_t list_count;
};
/* What bounds tell: no value of the block fulfils it, all of them do, or that must be looked at. */
enum firn_chunk_verdict { FIRN_CHUNK_NONE, FIRN_CHUNK_ALL, FIRN_CHUNK_SOME };
enum firn_chunk_verdict firn_chunk_judge(const struct firn_chunk_bounds *bounds, size_t count,
                                         const struct firn_chunk_predicate *predicate);
/* Clears the bits of mask whose values do not fulfil the predicate. Works on the encoded values where
 * it can. Bits at and after the block's size must be 0. */
FIRN_MUST_CHECK int firn_chunk_filter_block(const struct firn_chunk *chunk, size_t block,
                                            const struct firn_chunk_predicate *predicate,
                                            struct firn_chunk_scratch *scratch, uint64_t *mask,
                                            firn_error *err);

/* A predicate as it is asked of all blocks of a chunk: what follows from the chunk alone is found once. */
struct firn_chunk_filter {
    const struct firn_chunk_predicate *predicate; /* borrowed */
    bool by_codes;                                /* it asks for codes from low to high, */
    bool is_negated;                              /* or for all others */
    bool is_empty;                                /* from low to high there are none */
    uint64_t low;
    uint64_t high;
};
void firn_chunk_filter_init(struct firn_chunk_filter *filter, const struct firn_chunk *chunk,
                            const struct firn_chunk_predicate *predicate);
/* As firn_chunk_filter_block. *out_verdict: what the block's bounds alone told of its values that are not null.
 * Requires: the filter is of this chunk. */
FIRN_MUST_CHECK int firn_chunk_filter_apply(const struct firn_chunk_filter *filter,
                                            const struct firn_chunk *chunk, size_t block,
                                            struct firn_chunk_scratch *scratch, uint64_t *mask,
                                            enum firn_chunk_verdict *out_verdict, firn_error *err);

/* Adds the values of a block whose bits are set (NULL: all) and are not null. Integers: exact. Of
 * floating-point numbers the order of additions is the one that docs/formats/chunk.md states. */
__extension__ typedef __int128 firn_chunk_int128;
struct firn_chunk_sum {
    firn_chunk_int128 integer; /* of I64 and U64 */
    double real;               /* of F32 and F64 */
    uint64_t count;
};
FIRN_MUST_CHECK int firn_chunk_sum_block(const struct firn_chunk *chunk, size_t block,
                                         const uint64_t *mask, struct firn_chunk_scratch *scratch,
                                         struct firn_chunk_sum *sum, firn_error *err);
/* Of a DICTIONARY chunk: the code of each value of a block (nulls: code_count), and the value of a code.
 * For grouping without decoding. */
size_t firn_chunk_code_count(const struct firn_chunk *chunk); /* 0: the chunk has no codes */
FIRN_MUST_CHECK int firn_chunk_read_codes(const struct firn_chunk *chunk, size_t block,
                                          uint32_t *out, firn_error *err);
FIRN_MUST_CHECK int firn_chunk_code_value(const struct firn_chunk *chunk, uint32_t code,
                                          struct firn_chunk_scratch *scratch, struct firn_cell *out,
                                          firn_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_texts.h: bytes of different sizes in fewer bytes: FRONT (chunk_front.c) and FSST
 * (chunk_fsst.c).
 *
 * Decoded bytes lie in the scratch. A block says how many they are, at most FI_CHUNK_BYTES_MAX.
 */
#ifndef FIRN_CHUNK_CHUNK_TEXTS_H
#define FIRN_CHUNK_CHUNK_TEXTS_H

#include "chunk/chunk_encode.h"

/* ---- FRONT ---- */

/* What all blocks take, or some number from limit on where that is more. */
size_t fi_chunk_front_cost(const struct fi_chunk_values *values, size_t limit);
FIRN_MUST_CHECK int fi_chunk_front_put(const struct fi_chunk_values *values, size_t start,
                                       size_t count, unsigned *out_width, struct fi_buf *out);
FIRN_MUST_CHECK int fi_chunk_front_read(const struct fi_chunk_block *view, const uint64_t *wanted,
                                        struct fi_chunk_scratch *scratch, firn_slice *out,
                                        firn_error *err);
FIRN_MUST_CHECK int fi_chunk_front_get(const struct fi_chunk_block *view, size_t i,
                                       struct fi_chunk_scratch *scratch, firn_slice *out,
                                       firn_error *err);

/* ---- FSST ---- */

enum { FI_CHUNK_FSST_SYMBOLS_MAX = 255, FI_CHUNK_FSST_SYMBOL_SIZE_MAX = 8 };

/* A symbol of three bytes or more, as it is looked for. */
struct fi_chunk_fsst_long {
    uint64_t symbol;
    uint64_t mask;  /* of the bytes that it has; 0: there is none, and no word has its symbol */
    uint64_t found; /* its code, and above these 8 bits its size */
};

/* Symbols by their first two bytes, of those the longer ones first. Symbols of one byte come last.
 * The rest finds the longest one that some bytes begin with. */
enum { FI_CHUNK_FSST_BUCKET_BITS = 10 };
struct fi_chunk_fsst {
    size_t count;
    uint64_t symbols[FI_CHUNK_FSST_SYMBOLS_MAX]; /* first byte lowest, then zeros */
    uint8_t sizes[FI_CHUNK_FSST_SYMBOLS_MAX];
    /* By a hash of the first three bytes: where such symbols begin in longs, and above these 8 bits
     * how many there are more than two. */
    uint16_t buckets[1 << FI_CHUNK_FSST_BUCKET_BITS];
    struct fi_chunk_fsst_long
        longs[FI_CHUNK_FSST_SYMBOLS_MAX + 2]; /* those of a bucket, the longer ones first */
    uint16_t pairs[1 << 16]; /* of symbols of two bytes, code and size; 0: it is none */
    uint16_t singles[256];   /* the same of one byte; where there is none, an escape */
};
/* Makes a table from a sample of the values, and says about what all blocks and the table take.
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_chunk_fsst_train(const struct fi_chunk_values *values,
                                        struct fi_chunk_fsst *out, size_t *out_cost);
FIRN_MUST_CHECK int fi_chunk_fsst_put_table(const struct fi_chunk_fsst *table, struct fi_buf *out);
FIRN_MUST_CHECK int fi_chunk_fsst_put(const struct fi_chunk_values *values,
                                      const struct fi_chunk_fsst *table, size_t start, size_t count,
                                      unsigned *out_width, struct fi_buf *out);
/* Finds the table in a chunk that is being opened and moves *at on; false where it is wrong. */
bool fi_chunk_fsst_open(struct fi_chunk *chunk, size_t *at);
/* Whether the sizes of its symbols can be. */
bool fi_chunk_fsst_check(const struct fi_chunk *chunk);
FIRN_MUST_CHECK int fi_chunk_fsst_read(const struct fi_chunk *chunk,
                                       const struct fi_chunk_block *view, const uint64_t *wanted,
                                       struct fi_chunk_scratch *scratch, firn_slice *out,
                                       firn_error *err);
FIRN_MUST_CHECK int fi_chunk_fsst_get(const struct fi_chunk *chunk,
                                      const struct fi_chunk_block *view, size_t i,
                                      struct fi_chunk_scratch *scratch, firn_slice *out,
                                      firn_error *err);

#endif

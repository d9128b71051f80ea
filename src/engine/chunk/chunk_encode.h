/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_encode.h: what the files that write chunks share.
 */
#ifndef FIRN_CHUNK_CHUNK_ENCODE_H
#define FIRN_CHUNK_CHUNK_ENCODE_H

#include "chunk/chunk_dictionary.h"
#include "chunk/chunk_encoding_internal.h"

/* Of ALP: an exponent and a factor of ten. */
struct fi_chunk_alp_powers {
    uint8_t exponent;
    uint8_t factor;
};

/* The codes of a block: the smallest and the largest one, those of the differences of neighbours (0
 * and 0 of a single code), how many runs of equal ones there are. */
struct fi_chunk_encode_codes_stats {
    uint64_t low;
    uint64_t high;
    int64_t step_low;
    int64_t step_high;
    size_t runs;
};
/* What the codes of a chunk would take, and the statistics of its blocks that say so. */
struct fi_chunk_encode_codes_cost {
    size_t frame;
    size_t delta;
    size_t rle;
    uint64_t high; /* the largest code */
    struct fi_chunk_encode_codes_stats stats[FI_CHUNK_BLOCKS_MAX];
};

struct fi_chunk_fsst;

struct fi_chunk_encoder {
    const struct fi_chunk_values *values;
    struct fi_buf *out;
    struct fi_chunk chunk; /* what is being written, as it will be read */
    struct fi_chunk_bounds all;
    struct fi_chunk_bounds bounds[FI_CHUNK_BLOCKS_MAX];
    struct fi_chunk_sizes sizes; /* of BYTES */
    uint64_t *codes;             /* of numbers, nulls filled: (order - chunk's minimum) / divisor */
    struct fi_chunk_encode_codes_cost codes_cost;
    struct fi_chunk_dictionary dictionary;
    struct fi_chunk_encode_codes_cost dictionary_cost; /* of its codes */
    struct fi_chunk_alp_powers powers;
    struct fi_chunk_fsst *table;
};

/* ---- chunk_put.c ---- */

/* Packs numbers after the contents. FIRN_NO_MEMORY, as all below. */
FIRN_MUST_CHECK int fi_chunk_put_packed(struct fi_buf *out, const uint64_t *numbers, size_t count,
                                        unsigned width);

/* The same of sizes: the smallest one, then what the others have more. Changes sizes. */
FIRN_MUST_CHECK int fi_chunk_put_sizes(struct fi_buf *out, uint64_t *sizes, size_t count,
                                       unsigned *out_width);

/* The codes of nulls become those of the value before them in their block, else of the first one in
 * it, else nothing_else. */
void fi_chunk_put_nulls(const struct fi_chunk_values *values, uint64_t nothing_else,
                        uint64_t *codes);

/* ---- chunk_encode_codes.c: FRAME, DELTA, RLE, and the codes of DICTIONARY ---- */

/* Makes the codes of numbers that are not all null; sets the chunk's minimum and divisor. */
FIRN_MUST_CHECK int fi_chunk_encode_codes_make(struct fi_chunk_encoder *encoder);
/* What count codes would take. */
void fi_chunk_encode_codes_cost(const uint64_t *codes, size_t count,
                                struct fi_chunk_encode_codes_cost *out);
/* Appends the data of a block with the chunk's encoding; fills width, low and high. */
FIRN_MUST_CHECK int fi_chunk_encode_codes_block(const struct fi_chunk *chunk, const uint64_t *codes,
                                                const struct fi_chunk_encode_codes_stats *stats,
                                                struct fi_chunk_block *view, struct fi_buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_alp.h: floating-point numbers that were decimal ones, as integers.
 */
#ifndef FIRN_CHUNK_CHUNK_ALP_H
#define FIRN_CHUNK_CHUNK_ALP_H

#include "chunk/chunk_encode.h"

/* The exponent and the factor of a chunk, chosen on a sample of its values; then what all blocks
 * take. */
void fi_chunk_alp_choose(const struct fi_chunk_values *values,
                         struct fi_chunk_alp_powers *out_powers, size_t *out_cost);
/* Appends the data of a block of count values from start on; sets *out_width. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_chunk_alp_put(const struct fi_chunk_values *values,
                                     struct fi_chunk_alp_powers powers, size_t start, size_t count,
                                     unsigned *out_width, struct fi_buf *out);

/* Finds the powers in a chunk that is being opened and moves *at on; false where they are wrong. */
bool fi_chunk_alp_open(struct fi_chunk *chunk, size_t *at);
/* Decodes a block to the bits of its numbers, 64 of each kind. FIRN_CORRUPT. */
FIRN_MUST_CHECK int fi_chunk_alp_read(const struct fi_chunk *chunk,
                                      const struct fi_chunk_block *view, uint64_t *out,
                                      firn_error *err);
/* The bits of value i of a block; false where the block is damaged. */
bool fi_chunk_alp_get(const struct fi_chunk *chunk, const struct fi_chunk_block *view, size_t i,
                      uint64_t *out);

#endif

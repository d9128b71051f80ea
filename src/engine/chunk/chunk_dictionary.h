/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_dictionary.h: the entries of a DICTIONARY chunk, in ascending order.
 */
#ifndef FIRN_CHUNK_CHUNK_DICTIONARY_H
#define FIRN_CHUNK_CHUNK_DICTIONARY_H

#include "chunk/chunk_encoding_internal.h"

/* ---- reading ---- */

/* Finds the entries in a chunk that is being opened and moves *at on; false where they are cut. */
bool fi_chunk_dictionary_open(struct fi_chunk *chunk, size_t *at);
/* Bits of an entry that is a number. Requires: code < entry_count; so below. */
uint64_t fi_chunk_dictionary_bits(const struct fi_chunk *chunk, size_t code);
/* Bytes of an entry; false where they lie outside. */
bool fi_chunk_dictionary_bytes(const struct fi_chunk *chunk, size_t code, firn_slice *out);
/* The codes whose entries fulfil a predicate that is not IN: [*out_low, *out_high), or all others.
 * True where it is the others. */
bool fi_chunk_dictionary_find(const struct fi_chunk *chunk,
                              const struct fi_chunk_predicate *predicate, size_t *out_low,
                              size_t *out_high);

/* ---- writing ---- */

struct fi_chunk_dictionary {
    uint64_t *codes;   /* of each value; of a null, that of a neighbour in its block */
    uint32_t *entries; /* which value has each code */
    size_t count;
    size_t bytes_size; /* of all entries */
};
/* Makes the dictionary of values that are not all null. Sets count to 0 if there would be more than
 * entries_max entries, or nearly as many as values. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_chunk_dictionary_build(const struct fi_chunk_values *values,
                                              size_t entries_max, struct fi_chunk_dictionary *out);
/* The same for whole numbers with known codes; the largest code is below
 * FI_CHUNK_DICTIONARY_CODES_MAX. Sets count to 0 also if the chunk would not be smaller than so
 * many bytes. */
enum { FI_CHUNK_DICTIONARY_CODES_MAX = 1 << 16 };
struct fi_chunk_encode_codes_cost;
FIRN_MUST_CHECK int fi_chunk_dictionary_of_codes(const struct fi_chunk_values *values,
                                                 const uint64_t *codes,
                                                 const struct fi_chunk_encode_codes_cost *cost,
                                                 size_t entries_max, size_t bytes_max,
                                                 struct fi_chunk_dictionary *out);
void fi_chunk_dictionary_deinit(struct fi_chunk_dictionary *dictionary);
/* How many bytes the entries take in the chunk, and appending them. */
size_t fi_chunk_dictionary_size(const struct fi_chunk_values *values,
                                const struct fi_chunk_dictionary *dictionary);
FIRN_MUST_CHECK int fi_chunk_dictionary_put(const struct fi_chunk_values *values,
                                            const struct fi_chunk_dictionary *dictionary,
                                            struct fi_buf *out);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chunk: values of many shapes, and what is asked of chunks, computed the plain way.
 */
#ifndef FIRN_TEST_ENCODING_FIXTURE_H
#define FIRN_TEST_ENCODING_FIXTURE_H

#include "chunk/chunk_encoding_internal.h"
#include "support/test.h"
#include "support/test_random.h"

/* Values that own their memory. */
struct sample {
    struct fi_chunk_values values;
    uint64_t *valid;
    void *numbers; /* or slices */
    uint8_t *bytes;
    size_t bytes_size;
};

enum sample_nulls {
    SAMPLE_NULLS_NONE,
    SAMPLE_NULLS_ALL,
    SAMPLE_NULLS_ALTERNATE,
    SAMPLE_NULLS_EDGES, /* the first and the last of each block */
    SAMPLE_NULLS_FEW,
    SAMPLE_NULLS_MOST,
    SAMPLE_NULLS_BLOCKS, /* every other block has nothing else */
    SAMPLE_NULLS_COUNT
};
/* Shapes of values of a kind are 0 to this. */
enum { SAMPLE_SHAPES = 14 };

/* Asserts; to be given back. */
void sample_make(struct sample *out, struct test_random *random, enum fi_physical kind,
                 uint32_t fixed_size, unsigned shape, enum sample_nulls nulls, size_t count);
/* Of values that are given: as many bits as 64-bit patterns of numbers (F32: their low half). */
void sample_of_bits(struct sample *out, enum fi_physical kind, const uint64_t *bits, size_t count);
void sample_of_texts(struct sample *out, const char *const *texts, size_t count);
void sample_deinit(struct sample *sample);
bool sample_is_valid(const struct sample *sample, size_t i);
struct fi_cell sample_cell(const struct sample *sample, size_t i);

/* -1, 0 or 1, as the header says. */
int encoding_compare(const struct fi_cell *a, const struct fi_cell *b);
bool encoding_fulfils(const struct fi_chunk_predicate *predicate, const struct fi_cell *cell);

/* Encodes (0: as the encoder likes) and compares everything that can be asked with what the sample says.
 * False where the encoding cannot hold it. */
bool encoding_check(const struct sample *sample, unsigned encoding, struct test_random *random);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * vector/vector_code.h: blocks of vectors as codes of 8 bits a number, which show without the
 * vectors that most of them are too far from a query.
 *
 * A block of codes describes up to FI_VECTOR_CODE_ROWS vectors, in the order of their rows. It is
 * for this process alone: its bytes may differ between processors. Any thread.
 */
#ifndef FIRN_VECTOR_VECTOR_CODE_H
#define FIRN_VECTOR_VECTOR_CODE_H

#include "base/slice.h"
#include "vector/vector_distance.h"

enum { FI_VECTOR_CODE_ROWS = 1024, FI_VECTOR_CODE_WORDS = FI_VECTOR_CODE_ROWS / 64 };

/* The size of a block of so many vectors of n numbers. */
size_t fi_vector_code_size(size_t count, size_t n);
/* Writes a block of those rows that have a bit in `rows`, of FI_VECTOR_CODE_WORDS words. A vector
 * of another size than 4 n, or with numbers that are not finite, is near to every query. Requires:
 * room for fi_vector_code_size at out, aligned as floats are. */
void fi_vector_code_write(const firn_slice *vectors, const uint64_t *rows, size_t count, size_t n,
                          uint8_t *out);
/* The bits with which a block was written. */
void fi_vector_code_rows(firn_slice block, uint64_t *out);

/* A query to compare codes with. */
struct fi_vector_code_query {
    const struct fi_vector_kernels *kernels;
    int8_t *codes; /* the caller's memory, of fi_vector_code_stride(n) bytes */
    size_t stride;
    int32_t bias;
    double scale;
    double length; /* of the query */
    double rest;   /* the length of what its codes leave out */
    double wrong;  /* the relative error of lengths in blocks */
};
size_t fi_vector_code_stride(size_t n);
/* Requires: query->codes is set. false: the query's numbers are so small or so large that codes
 * cannot be compared with it. */
bool fi_vector_code_query_init(struct fi_vector_code_query *query, const void *vector, size_t n);

/* The distance beyond which a search needs no rows, in the terms of vector_code.c. */
struct fi_vector_code_limit {
    float product;
    float rest;
    float length;
    float square;
    float least;
};
void fi_vector_code_set_limit(const struct fi_vector_code_query *query,
                              enum fi_vector_metric metric, double most,
                              struct fi_vector_code_limit *out);
/* Which of the rows 64 word to 64 word + 63 of a block that are wanted may be at the distance of
 * the limit, or nearer. A row whose bit is not set is certainly not, or it is not in the block.
 * is_first: no query was compared with these rows just before, so they come from memory. */
uint64_t fi_vector_code_near(const struct fi_vector_code_query *query,
                             const struct fi_vector_code_limit *limit, firn_slice block,
                             size_t word, uint64_t wanted, bool is_first);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * vector/vector_sketch.h: vectors as sketches of 3 bits a number, which are small enough to stay in
 * memory, and their products with a query.
 *
 * A sketch has a level of 0 to 7 for each of n numbers, n is 1 to 65,535. Any thread.
 */
#ifndef FIRN_VECTOR_VECTOR_SKETCH_H
#define FIRN_VECTOR_VECTOR_SKETCH_H

#include <stddef.h>
#include <stdint.h>

enum {
    FI_VECTOR_SKETCH_LEVELS = 8,
    /* Bytes after the end of a sketch that are written with it, to no use, and that products read
     * and ignore. */
    FI_VECTOR_SKETCH_PAST = 16
};

/* The bytes of a sketch: three for each eight numbers, or fewer at the end. */
static inline size_t
fi_vector_sketch_size(size_t n)
{
    return (n + 7) / 8 * 3;
}

/* The bytes of a query of n numbers. */
static inline size_t
fi_vector_sketch_query_size(size_t n)
{
    return (n + 127) / 128 * 128;
}

/* Writes a sketch of n levels, and FI_VECTOR_SKETCH_PAST bytes beyond it. */
void fi_vector_sketch_write(const uint8_t *levels, size_t n, uint8_t *out);
/* Puts the numbers of a query, -127 to 127, into the order in which products take them. */
void fi_vector_sketch_query(const int8_t *numbers, size_t n, int8_t *out);
/* The sums of the products of the query with the levels of four sketches. Exact: the same on every
 * processor. */
void fi_vector_sketch_dot_four(const int8_t *query, const uint8_t *const sketches[4], size_t n,
                               int32_t out[4]);
/* The same without the processor's special instructions. For tests. */
void fi_vector_sketch_dot_four_plain(const int8_t *query, const uint8_t *const sketches[4],
                                     size_t n, int32_t out[4]);

#endif

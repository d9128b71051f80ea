/* SPDX-License-Identifier: Apache-2.0
 *
 * vector/vector_distance.h: distances between vectors, by the best instructions that the processor
 * has.
 *
 * A vector is n numbers of 4 bytes (IEEE single precision, lowest byte first), as columns of VECTOR
 * have them, at any address: nothing has to be aligned. A code is n bytes. n is 1 to 65,535. Any
 * thread.
 */
#ifndef FIRN_VECTOR_VECTOR_DISTANCE_H
#define FIRN_VECTOR_VECTOR_DISTANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FI_VECTOR_DIMENSIONS_MAX = 65535 };

/* Metrics; a smaller distance is nearer. The numbers are on disk, and those of firn_metric
 * (firn/vector.h). */
enum fi_vector_metric {
    FI_VECTOR_L2 = 1,     /* the sum of the squares of the differences: no root is taken */
    FI_VECTOR_DOT = 2,    /* the negative inner product: -(a . b) */
    FI_VECTOR_COSINE = 3, /* 1 - a . b / (|a| |b|), 0 to 2; 1 if a or b is a zero vector */
};
#define FI_VECTOR_METRIC_LAST FI_VECTOR_COSINE

/* One set of kernels. Four rows at once cost less than four single ones: the query is loaded once,
 * and four rows are fetched from memory at the same time. Each row is read from its beginning to
 * byte n (4 n) and never beyond. */
struct fi_vector_kernels {
    const char *name; /* "avx512vnni", "avx512", "avx2", "neon", "scalar" */

    /* f32, of rows that lie side by side in memory, or near each other: what comes after them is
     * fetched ahead. The relative error of sums without cancellation is at most 1e-5 up to 1,030
     * dimensions, and (n + 8) 2^-24 of what was added up in any case. Sums beyond the range are
     * infinite. */

    /* The sums of (query[i] - row[i])^2. */
    void (*l2_four)(const void *query, const void *const rows[4], size_t n, float out[4]);
    /* The dot products, and the sum of the squares of each row. */
    void (*dot_norm_four)(const void *query, const void *const rows[4], size_t n, float dots[4],
                          float norms[4]);

    /* Codes: the query -128 to 127, rows 0 to 255; with VNNI one instruction for 64 products.
     * Fastest if n is a multiple of 64: pad the query with zeros. The results are exact: every set
     * gives the same. */

    void (*dot_i8u8_four)(const int8_t *query, const uint8_t *const rows[4], size_t n,
                          int32_t out[4]);
};

/* The best set that this processor has; the same in every call. */
const struct fi_vector_kernels *fi_vector_distance_kernels(void);
/* The set with index i: the best one is 0, the last one "scalar"; NULL if there are fewer. For
 * tests. */
const struct fi_vector_kernels *fi_vector_distance_kernels_at(size_t i);

/* The distance, in double precision throughout: never infinite, never a NaN, and the same on every
 * processor. Decides between the candidates of the kernels. Requires: a and b are finite
 * (fi_vector_distance_is_finite). */
double fi_vector_distance_exact(enum fi_vector_metric metric, const void *a, const void *b,
                                size_t n);
/* The same for a query whose sum of squares is known; only COSINE reads it. */
double fi_vector_distance_exact_to(enum fi_vector_metric metric, const void *query,
                                   double query_squares, const void *row, size_t n);
/* The sum of the squares of a, in double precision: 0 if and only if a is a zero vector. */
double fi_vector_distance_squares(const void *a, size_t n);
/* The root of a number that is not negative. */
double fi_vector_distance_root(double number);

/* Whether all numbers are finite: no NaN, no infinity. */
bool fi_vector_distance_is_finite(const void *a, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * rowsort/rowsort.h: sorting rows.
 *
 * Rows are added and returned in batches of columns, as in aggregate.h. Nulls come first, or last
 * if the key descends; floating-point numbers compare as in keys (-0 equals 0; all NaNs are equal,
 * and after all others); bytes compare byte by byte. Rows with equal keys stay in the order of
 * their sequence numbers.
 *
 * With a limit only the first rows are kept: a row that cannot be among them is dropped before
 * it is copied. Memory: memory_bytes, and some 300 KiB for buffers, of which merging has at least
 * four; further rows go to temporary files.
 *
 * One thread at a time. After a failure only destroy may be called.
 */
#ifndef FIRN_ROWSORT_ROWSORT_H
#define FIRN_ROWSORT_ROWSORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aggregate/aggregate.h"
#include "base/error.h"
#include "chunk/chunk_encoding.h"
#include "spill/spill.h"

struct fi_rowsort_key {
    uint32_t column; /* one of the columns */
    bool is_descending;
};

enum { FI_ROWSORT_COLUMNS_MAX = 4096, FI_ROWSORT_KEYS_MAX = 64 };
#define FI_ROWSORT_MEMORY_MIN ((uint64_t)64 << 10) /* less counts as so much */
/* No sequence numbers: rows keep the order in which they were added (after a merge, the other
 * sort's rows come last). */
#define FI_ROWSORT_ARRIVAL UINT64_MAX

/* All is borrowed until create returns, except spill with what it refers to: until destroy. */
struct fi_rowsort_spec {
    const struct fi_aggregate_column *columns;
    size_t column_count;
    const struct fi_rowsort_key *keys;
    size_t key_count;
    uint64_t limit; /* the most rows that are returned; 0: all */
    uint64_t memory_bytes;
    const struct fi_spill *spill; /* NULL: none; then FIRN_LIMIT when the memory is used up */
};

struct fi_rowsort;

FIRN_MUST_CHECK int fi_rowsort_create(const struct fi_rowsort_spec *spec, struct fi_rowsort **out,
                                      firn_error *err);
/* NULL is fine. */
void fi_rowsort_destroy(struct fi_rowsort *sort);

/* Adds rows: a column for each of the spec's, of the kinds of their types. Bits of mask from count
 * on must be 0. The i-th row has the number sequence + i; FI_ROWSORT_ARRIVAL: rows come after
 * all that were added here before. Either all rows get numbers, or none does. Nothing is
 * borrowed. */
FIRN_MUST_CHECK int fi_rowsort_add(struct fi_rowsort *sort, const struct fi_chunk_values *columns,
                                   size_t count, const uint64_t *mask, uint64_t sequence,
                                   firn_error *err);

/* Takes over the rows of another sort with the same spec, which is empty afterwards and may be
 * used again. Requires: neither is finished. */
FIRN_MUST_CHECK int fi_rowsort_merge(struct fi_rowsort *sort, struct fi_rowsort *other,
                                     firn_error *err);

/* Ends adding: no rows follow. */
FIRN_MUST_CHECK int fi_rowsort_finish(struct fi_rowsort *sort, firn_error *err);

/* Up to FI_CHUNK_BLOCK more rows in order, fewer if they are large: a column for each of
 * the spec's goes to the caller's array. They are borrowed until the next call. *out_count is 0
 * at the end. */
FIRN_MUST_CHECK int fi_rowsort_next(struct fi_rowsort *sort, struct fi_chunk_values *columns,
                                    size_t *out_count, firn_error *err);

/* Bytes written to temporary files so far. */
uint64_t fi_rowsort_spilled_bytes(const struct fi_rowsort *sort);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_winners.h: the rows of a piece (lsm_pieces.h) that a snapshot sees, in batches, column by
 * column: only keys are merged, and other columns are read for the winning rows.
 *
 *     FI_TRY(fi_lsm_winners_open(pieces, i, false, &winners, err));
 *     for (;;) {
 *         FI_TRY(fi_lsm_winners_next(winners, &count, err));
 *         if (count == 0) {
 *             break;
 *         }
 *         FI_TRY(fi_lsm_winners_read(winners, &column, NULL, &scratch, &values, err));
 *     }
 *
 * Direct pieces may be read this way too.
 *
 * Threads: winners belong to one thread at a time; several may be open on the same pieces.
 */
#ifndef FIRN_LSM_LSM_WINNERS_H
#define FIRN_LSM_LSM_WINNERS_H

#include "chunk/chunk_encoding.h"
#include "lsm/lsm_pieces.h"

struct fi_lsm_winners;

/* Rows of a batch, at most. */
enum { FI_LSM_WINNERS_MAX = FI_CHUNK_BLOCK };

/* Memory for the values of one column of one batch, owned by the caller; zeroed at first. */
struct fi_lsm_winners_scratch {
    struct fi_buf numbers; /* as in struct fi_chunk_values */
    struct fi_buf bytes;
    struct fi_chunk_scratch chunk; /* for decoding */
    uint64_t valid[FI_CHUNK_MASK_WORDS];
};
void fi_lsm_winners_scratch_deinit(struct fi_lsm_winners_scratch *scratch);

/* Opens the i-th piece. Batches, and the rows of each, start at its lower end or, if is_descending,
 * at its upper end. The pieces are borrowed until close. */
FIRN_MUST_CHECK int fi_lsm_winners_open(struct fi_lsm_pieces *pieces, size_t i, bool is_descending,
                                        struct fi_lsm_winners **out, firn_error *err);
/* NULL is fine. */
void fi_lsm_winners_close(struct fi_lsm_winners *winners);

/* Moves to the next batch: *out_count is its number of rows, 0 at the end and after a failure.
 * Failures are latched; FIRN_CORRUPT names what is damaged. */
FIRN_MUST_CHECK int fi_lsm_winners_next(struct fi_lsm_winners *winners, size_t *out_count,
                                        firn_error *err);
/* The values of one column of the rows of the batch, those of the primary key included; rows
 * written before the column existed have its initial value. wanted (NULL: all) has a bit for each
 * row whose value will be looked at; other values are undefined. *out is borrowed from the scratch
 * and the winners until the next call of next, or of read with the same scratch. A failure leaves
 * the batch as it is: other columns can be read. */
FIRN_MUST_CHECK int fi_lsm_winners_read(struct fi_lsm_winners *winners,
                                        const struct fi_column_def *column, const uint64_t *wanted,
                                        struct fi_lsm_winners_scratch *scratch,
                                        struct fi_chunk_values *out, firn_error *err);
/* The encoded key of row k of the batch; borrowed until the next call of next or key. */
FIRN_MUST_CHECK int fi_lsm_winners_key(struct fi_lsm_winners *winners, size_t k, firn_slice *out,
                                       firn_error *err);

#endif

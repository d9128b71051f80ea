/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_winners.h: the rows that a view sees of a piece (lsm_pieces.h), in batches, column by column:
 * keys alone are merged, and other columns are read of the rows that are left.
 *
 *     FIRN_TRY(firn_lsm_winners_open(pieces, i, false, &winners, err));
 *     for (;;) {
 *         FIRN_TRY(firn_lsm_winners_next(winners, &count, err));
 *         if (count == 0) {
 *             break;
 *         }
 *         FIRN_TRY(firn_lsm_winners_read(winners, &column, NULL, &scratch, &values, err));
 *     }
 *
 * Direct pieces may be read this way too.
 *
 * Threads: winners belong to one thread at a time; several may be open on the same pieces.
 */
#ifndef FIRN_LSM_LSM_WINNERS_H
#define FIRN_LSM_LSM_WINNERS_H

#include "encoding/encoding.h"
#include "lsm/lsm_pieces.h"

struct firn_lsm_winners;

/* Rows of a batch, at most. */
enum { FIRN_LSM_WINNERS_MAX = FIRN_CHUNK_BLOCK };

/* Memory for the values of one column of one batch, in the caller's keeping: zeroed at first. */
struct firn_lsm_winners_scratch {
    struct firn_buf numbers; /* as in struct firn_chunk_values */
    struct firn_buf bytes;
    struct firn_chunk_scratch chunk; /* for decoding */
    uint64_t valid[FIRN_CHUNK_MASK_WORDS];
};
void firn_lsm_winners_scratch_deinit(struct firn_lsm_winners_scratch *scratch);

/* Of the i-th piece. Batches come from its lower end on, or, if is_descending, from its upper end on, and
 * so do the rows of each. The pieces are borrowed until close. */
FIRN_MUST_CHECK int firn_lsm_winners_open(struct firn_lsm_pieces *pieces, size_t i,
                                          bool is_descending, struct firn_lsm_winners **out,
                                          firn_error *err);
/* NULL is fine. */
void firn_lsm_winners_close(struct firn_lsm_winners *winners);

/* Goes on to the next batch: *out_count is how many rows it has, 0 at the end, and after a failure. A
 * failure stays: FIRN_CORRUPT names what is damaged. */
FIRN_MUST_CHECK int firn_lsm_winners_next(struct firn_lsm_winners *winners, size_t *out_count,
                                          firn_error *err);
/* The values of one column of the rows of the batch, those of the primary key included; rows written
 * without it have its initial value. wanted (NULL: all) has a bit for each row whose value will be
 * looked at; the others mean nothing. *out is borrowed from the scratch and the winners until the next
 * call of next, or of read with the same scratch. A failure leaves the batch as it is: other columns can
 * be read. */
FIRN_MUST_CHECK int firn_lsm_winners_read(struct firn_lsm_winners *winners,
                                          const struct firn_column_def *column,
                                          const uint64_t *wanted,
                                          struct firn_lsm_winners_scratch *scratch,
                                          struct firn_chunk_values *out, firn_error *err);
/* The encoded key of row k of the batch; borrowed until the next call of next or key. */
FIRN_MUST_CHECK int firn_lsm_winners_key(struct firn_lsm_winners *winners, size_t k,
                                         firn_slice *out, firn_error *err);

#endif

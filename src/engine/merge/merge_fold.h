/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_fold.h: from merge operands and what lies beneath them to a value.
 *
 * An operand is the value of a FIRN_ENTRY_MERGE: a byte of enum firn_merge_operator, and what it is
 * to be done with. One thread. A zeroed struct is empty.
 */
#ifndef FIRN_MERGE_MERGE_FOLD_H
#define FIRN_MERGE_MERGE_FOLD_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/entry.h"
#include "base/error.h"
#include "firn/store.h"

/* The operands of one key, or some neighbours among them. */
struct firn_merge_fold {
    struct firn_buf bytes; /* of the operands, without their first bytes */
    struct firn_buf items; /* of struct item (merge_fold.c), the newest first */
};

void firn_merge_fold_deinit(struct firn_merge_fold *fold);
/* Forgets the operands, keeps some memory. */
void firn_merge_fold_clear(struct firn_merge_fold *fold);

/* FIRN_INVALID for what cannot be an operand of it. */
FIRN_MUST_CHECK int firn_merge_fold_check(firn_merge_operator operation, firn_slice operand,
                                          firn_error *err);

/* FIRN_NEWER for the operation of an entry's value that this firn does not know, FIRN_CORRUPT for an
 * operand that it never writes. */
FIRN_MUST_CHECK int firn_merge_fold_check_entry(firn_slice operand, firn_error *err);

/* Adds an operand that is older than all that are there; it is checked as by check_entry.
 * FIRN_LIMIT if all of them cannot make a value. */
FIRN_MUST_CHECK int firn_merge_fold_push(struct firn_merge_fold *fold, firn_slice operand,
                                         firn_error *err);
/* Replaces the contents of out with what the operands make of a value, or of none (NULL). base may
 * not lie in out. FIRN_LIMIT if that is longer than a value may be. */
FIRN_MUST_CHECK int firn_merge_fold_apply(const struct firn_merge_fold *fold,
                                          const firn_slice *base, struct firn_buf *out,
                                          firn_error *err);

/* Whether an older operand can be made one with those that are there, which then have one operation
 * and not more than bytes_max bytes. True where there are none. */
bool firn_merge_fold_joins(const struct firn_merge_fold *fold, firn_slice operand,
                           size_t bytes_max);
/* Bytes of the operands. */
size_t firn_merge_fold_size_bytes(const struct firn_merge_fold *fold);
/* Replaces the contents of out with one operand that does what all of them do, which have one
 * operation. */
FIRN_MUST_CHECK int firn_merge_fold_operand(const struct firn_merge_fold *fold,
                                            struct firn_buf *out, firn_error *err);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_eval.h: what the files of the evaluator share: the evaluation of one node over the rows
 * of a batch.
 */
#ifndef FIRN_EXPR_EXPR_EVAL_H
#define FIRN_EXPR_EXPR_EVAL_H

#include "expr/expr_internal.h"

/* A node whose arguments have been evaluated. */
struct fi_expr_work {
    const struct fi_expr_node *node;
    const struct fi_expr_node *const *arg_nodes;
    const struct fi_chunk_values *const *args;
    uint32_t arg_count;
    size_t count;
    const uint64_t *wanted; /* no bits after the last row */
    uint64_t *valid; /* at first the rows for which all arguments are not null; may be changed */
    bool has_nulls;  /* whether valid counts; must be set with it */
    /* Room for the values. */
    union {
        int64_t *i64;
        uint64_t *u64;
        float *f32;
        double *f64;
        firn_slice *bytes;
    } out;
    struct fi_buf *memory; /* for bytes: empty, lives as long as the values */
    firn_error *err;
};
static inline uint64_t
fi_expr_live(const struct fi_expr_work *work, size_t word)
{
    return work->has_nulls ? work->wanted[word] & work->valid[word] : work->wanted[word];
}
/* Runs a block for each row that is wanted and not null: */
#define FI_EXPR_FOR_LIVE(work, row)                                                          \
    for (size_t word_ = 0; word_ < FI_EXPR_MASK_WORDS; word_++)                              \
        for (uint64_t left_ = fi_expr_live(work, word_); left_ != 0; left_ &= left_ - 1)     \
            for (size_t row = word_ * 64 + (size_t)__builtin_ctzll(left_), once_ = 1; once_; \
                 once_ = 0)

struct fi_expr_truth {
    uint64_t yes[FI_EXPR_MASK_WORDS];
    uint64_t no[FI_EXPR_MASK_WORDS];
};

/* Compute the values of all live rows: expr_eval_arith.c, _cast.c, _text.c, _time.c. FIRN_LIMIT,
 * FIRN_INVALID, FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_expr_eval_arith(struct fi_expr_work *work);
FIRN_MUST_CHECK int fi_expr_eval_arith_choose(struct fi_expr_work *work); /* LEAST, GREATEST */
FIRN_MUST_CHECK int fi_expr_eval_cast(struct fi_expr_work *work);
FIRN_MUST_CHECK int fi_expr_eval_text(struct fi_expr_work *work);
FIRN_MUST_CHECK int fi_expr_eval_time(struct fi_expr_work *work);
/* Set the bits of the rows for which a condition holds; bits of nulls and of rows that are not
 * wanted have no meaning. expr_eval_compare.c; LIKE and PREFIX: expr_eval_text.c. */
void fi_expr_eval_compare(const struct fi_expr_work *work, uint64_t *bits);
void fi_expr_eval_text_match(const struct fi_expr_work *work, uint64_t *bits);

struct fi_cell fi_expr_eval_compare_cell(const struct fi_chunk_values *values, size_t row);
/* The value of a row in values of bytes; a constant has one for all rows. */
static inline firn_slice
fi_expr_eval_bytes(const struct fi_expr_work *work, uint32_t arg, size_t row)
{
    return work->arg_nodes[arg]->op == FI_EXPR_OP_CONSTANT ? work->arg_nodes[arg]->a.as.bytes
                                                           : work->args[arg]->as.bytes[row];
}

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_eval_cast.c: casts of many values.
 *
 * Casts that arithmetic needs are loops: integers and decimals to a larger scale, numbers to F64.
 * All others call fi_expr_cast_cell for each row that counts. If a value did not fit in a loop,
 * the batch does so too, to find whether that row counts and to report it. Bytes that a cast makes
 * are in one buffer, which may move while it grows: until it is complete, rows have offsets into
 * it.
 */
#include "base/check.h"
#include "expr/expr_eval.h"

/* One row after another. */
static int
cast_rows(struct fi_expr_work *work)
{
    const struct fi_expr_type *from = &work->arg_nodes[0]->type;
    const struct fi_expr_type *to = &work->node->type;
    bool is_bytes = fi_expr_physical(to->type) == FI_PHYSICAL_BYTES;
    struct fi_buf memory = {.data = NULL};
    int rc = FIRN_OK;
    if (is_bytes) {
        memset(work->out.bytes, 0, work->count * sizeof work->out.bytes[0]);
    }
    FI_EXPR_FOR_LIVE(work, row)
    {
        struct fi_cell cell = fi_expr_eval_compare_cell(work->args[0], row);
        struct fi_cell result = {.kind = FI_PHYSICAL_NONE};
        fi_buf_clear(&memory);
        FI_TRY(fi_expr_cast_cell(from, &cell, to, &memory, &result, work->err));
        if (is_bytes) {
            rc = fi_buf_append_slice(work->memory, result.as.bytes);
            if (rc != FIRN_OK) {
                rc = fi_error_no_memory(work->err, "values of an expression");
                goto out;
            }
            work->out.bytes[row] = firn_bytes(NULL, result.as.bytes.size);
        } else if (result.kind == FI_PHYSICAL_F32) {
            work->out.f32[row] = result.as.f32;
        } else {
            work->out.u64[row] = result.as.u64;
        }
    }
    if (is_bytes) {
        /* The bytes are in the order of the rows. */
        size_t at = 0;
        rc = fi_buf_reserve(work->memory, 1);
        if (rc != FIRN_OK) {
            rc = fi_error_no_memory(work->err, "values of an expression");
            goto out;
        }
        FI_EXPR_FOR_LIVE(work, row)
        {
            work->out.bytes[row].data = work->memory->data + at;
            at += work->out.bytes[row].size;
        }
        DCHECK(at == work->memory->size);
    }
out:
    fi_buf_deinit(&memory);
    return rc;
}

/* Multiplies whole numbers of one kind by a power of ten; false: one does not fit. */
static bool
cast_scaled(struct fi_expr_work *work, int64_t power, int64_t low, int64_t high)
{
    const int64_t *in = work->args[0]->as.i64;
    int64_t *out = work->out.i64;
    bool wrong = false;
    DCHECK(power > 0);
    for (size_t i = 0; i < work->count; i++) {
        int64_t product;
        wrong |= __builtin_mul_overflow(in[i], power, &product);
        wrong |= (product < low) | (product > high);
        out[i] = product;
    }
    return !wrong;
}

static void
cast_to_f64(struct fi_expr_work *work)
{
    const struct fi_expr_type *from = &work->arg_nodes[0]->type;
    const struct fi_chunk_values *in = work->args[0];
    double *out = work->out.f64;
    double power = from->type == FIRN_TYPE_DECIMAL ? (double)fi_expr_power(from->scale) : 1;
    if (in->kind == FI_PHYSICAL_F32) {
        for (size_t i = 0; i < work->count; i++) {
            out[i] = (double)in->as.f32[i];
        }
    } else if (in->kind == FI_PHYSICAL_U64) {
        for (size_t i = 0; i < work->count; i++) {
            out[i] = (double)in->as.u64[i];
        }
    } else {
        DCHECK(in->kind == FI_PHYSICAL_I64);
        for (size_t i = 0; i < work->count; i++) {
            out[i] = (double)in->as.i64[i] / power;
        }
    }
}

int
fi_expr_eval_cast(struct fi_expr_work *work)
{
    const struct fi_expr_type *from = &work->arg_nodes[0]->type;
    const struct fi_expr_type *to = &work->node->type;
    uint32_t own = from->type == FIRN_TYPE_DECIMAL ? from->scale : 0;
    uint32_t scale = to->type == FIRN_TYPE_DECIMAL ? to->scale : 0;
    if (to->type == FIRN_TYPE_F64 && fi_type_is_number(from->type)) {
        cast_to_f64(work);
        return FIRN_OK;
    }
    bool is_whole = fi_type_is_number(from->type) && fi_type_is_number(to->type) &&
                    !fi_type_is_float(from->type) && !fi_type_is_float(to->type);
    if (is_whole && scale >= own) {
        /* An unsigned number above 2^63 - 1 looks negative here. Its batch is cast row by row, like
         * one with negative numbers that become unsigned. */
        struct fi_cell min;
        struct fi_cell max;
        fi_expr_order_limits(to, &min, &max);
        bool keeps_sign = fi_type_is_unsigned(from->type) || fi_type_is_unsigned(to->type);
        int64_t low = keeps_sign ? 0 : min.as.i64;
        int64_t high = max.as.u64 > (uint64_t)INT64_MAX ? INT64_MAX : max.as.i64;
        if (cast_scaled(work, fi_expr_power(scale - own), low, high)) {
            return FIRN_OK;
        }
    }
    return cast_rows(work);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_eval_compare.c: comparisons, ranges and lists.
 *
 * Each is a loop that writes a byte for each of 64 rows, which compilers vectorize, and then packs
 * the bytes into a word of 64 bits. All rows are compared, wanted or not, because comparing numbers
 * cannot fail. Bytes are compared only for rows that count, because the slices of other rows may be
 * invalid.
 *
 * Floating-point numbers: a NaN is after all others and equal to itself. A comparison in C is false
 * for a NaN, so each is written such that false is the right result then.
 */
#include "base/check.h"
#include "base/slice.h"
#include "expr/expr_eval.h"

__extension__ typedef __int128 int128;

/* A bit for each of 64 bytes, set if the byte is 1. */
static uint64_t
expr_eval_compare_pack(const uint8_t *bytes)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < 8; i++) {
        uint64_t eight = 0;
        for (unsigned j = 0; j < 8; j++) {
            eight |= (uint64_t)bytes[i * 8 + j] << 8 * j;
        }
        /* Byte j is 0 or 1 and goes to bit 56 + j. */
        bits |= (eight * UINT64_C(0x0102040810204080) >> 56) << 8 * i;
    }
    return bits;
}

/* The bits of all rows, from a condition of row i. */
#define PACK_ROWS(work, bits, condition)                                 \
    do {                                                                 \
        size_t start_ = 0;                                               \
        for (; start_ + 64 <= (work)->count; start_ += 64) {             \
            uint8_t bytes_[64];                                          \
            for (size_t j_ = 0; j_ < 64; j_++) {                         \
                size_t i = start_ + j_;                                  \
                bytes_[j_] = (uint8_t)(condition);                       \
            }                                                            \
            (bits)[start_ / 64] = expr_eval_compare_pack(bytes_);        \
        }                                                                \
        for (size_t i = start_; i < (work)->count; i++) {                \
            (bits)[i / 64] |= (uint64_t)((condition) ? 1 : 0) << i % 64; \
        }                                                                \
    } while (0)

struct fi_cell
fi_expr_eval_compare_cell(const struct fi_chunk_values *values, size_t row)
{
    struct fi_cell cell = {.kind = values->kind};
    DCHECK(row < values->count);
    switch (values->kind) {
    case FI_PHYSICAL_BYTES:
        cell.as.bytes = values->as.bytes[row];
        break;
    case FI_PHYSICAL_F32:
        cell.as.f32 = values->as.f32[row];
        break;
    default:
        cell.as.u64 = values->as.u64[row];
        break;
    }
    return cell;
}

/* ---- ranges ---- */

static void
range_f64(const struct fi_expr_work *work, uint64_t *bits)
{
    const double *x = work->args[0]->as.f64;
    double low = work->node->a.as.f64;
    double high = work->node->b.as.f64;
    if (low != low) {
        if (high != high) {
            PACK_ROWS(work, bits, x[i] != x[i]);
        } /* else nothing: NaN is above high */
    } else if (high != high) {
        PACK_ROWS(work, bits, !(x[i] < low));
    } else {
        PACK_ROWS(work, bits, (x[i] >= low) & (x[i] <= high));
    }
}

static void
range_f32(const struct fi_expr_work *work, uint64_t *bits)
{
    const float *x = work->args[0]->as.f32;
    float low = work->node->a.as.f32;
    float high = work->node->b.as.f32;
    if (low != low) {
        if (high != high) {
            PACK_ROWS(work, bits, x[i] != x[i]);
        }
    } else if (high != high) {
        PACK_ROWS(work, bits, !(x[i] < low));
    } else {
        PACK_ROWS(work, bits, (x[i] >= low) & (x[i] <= high));
    }
}

static void
compare_range(const struct fi_expr_work *work, uint64_t *bits)
{
    const struct fi_expr_node *node = work->node;
    const uint64_t *x = work->args[0]->as.u64;
    uint64_t low = node->a.as.u64;
    uint64_t span = node->b.as.u64 - low;
    DCHECK(node->a.kind == work->args[0]->kind && node->b.kind == node->a.kind);
    if (work->args[0]->kind == FI_PHYSICAL_F64) {
        range_f64(work, bits);
    } else if (work->args[0]->kind == FI_PHYSICAL_F32) {
        range_f32(work, bits);
    } else if (fi_expr_order_same(&node->a, &node->b) <= 0) {
        PACK_ROWS(work, bits, x[i] - low <= span);
    }
}

/* ---- lists ---- */

static bool
is_listed(const struct fi_expr_node *node, const struct fi_cell *cell)
{
    size_t low = 0;
    size_t high = node->list_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = fi_expr_order_same(&node->list[middle], cell);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return false;
}

static void
compare_list(const struct fi_expr_work *work, uint64_t *bits)
{
    FI_EXPR_FOR_LIVE(work, row)
    {
        struct fi_cell cell = fi_expr_eval_compare_cell(work->args[0], row);
        bits[row / 64] |= (uint64_t)(is_listed(work->node, &cell) ? 1 : 0) << row % 64;
    }
}

/* ---- two values ---- */

/* EQUAL and LESS are enough: other comparisons are their opposites, or have the operands
 * swapped. */
struct pair {
    enum fi_expr_comparison comparison; /* EQUAL or LESS */
    bool is_swapped;
    bool is_negated;
};

static struct pair
pair_of(uint8_t comparison)
{
    switch (comparison) {
    case FI_EXPR_EQUAL:
        return (struct pair){FI_EXPR_EQUAL, false, false};
    case FI_EXPR_NOT_EQUAL:
        return (struct pair){FI_EXPR_EQUAL, false, true};
    case FI_EXPR_LESS:
        return (struct pair){FI_EXPR_LESS, false, false};
    case FI_EXPR_GREATER_EQUAL:
        return (struct pair){FI_EXPR_LESS, false, true};
    case FI_EXPR_GREATER:
        return (struct pair){FI_EXPR_LESS, true, false};
    default:
        DCHECK(comparison == FI_EXPR_LESS_EQUAL);
        return (struct pair){FI_EXPR_LESS, true, true};
    }
}

static void
compare_same(const struct fi_expr_work *work, const struct fi_chunk_values *a,
             const struct fi_chunk_values *b, bool is_equal, uint64_t *bits)
{
    DCHECK(a->kind == b->kind && a->kind != FI_PHYSICAL_F32);
    if (a->kind == FI_PHYSICAL_I64 && is_equal) {
        PACK_ROWS(work, bits, a->as.i64[i] == b->as.i64[i]);
    } else if (a->kind == FI_PHYSICAL_I64) {
        PACK_ROWS(work, bits, a->as.i64[i] < b->as.i64[i]);
    } else if (a->kind == FI_PHYSICAL_U64 && is_equal) {
        PACK_ROWS(work, bits, a->as.u64[i] == b->as.u64[i]);
    } else if (a->kind == FI_PHYSICAL_U64) {
        PACK_ROWS(work, bits, a->as.u64[i] < b->as.u64[i]);
    } else if (is_equal) {
        PACK_ROWS(work, bits,
                  (a->as.f64[i] == b->as.f64[i]) |
                      ((a->as.f64[i] != a->as.f64[i]) & (b->as.f64[i] != b->as.f64[i])));
    } else {
        PACK_ROWS(work, bits,
                  (a->as.f64[i] < b->as.f64[i]) |
                      ((a->as.f64[i] == a->as.f64[i]) & (b->as.f64[i] != b->as.f64[i])));
    }
}

/* Compares whole numbers of two kinds, or of two scales, as numbers of 128 bits. */
static void
compare_wide(const struct fi_expr_work *work, const struct pair *pair, uint64_t *bits)
{
    uint32_t scales[2];
    int128 factors[2];
    bool are_signed[2];
    DCHECK(work->arg_count == 2);
    for (int i = 0; i < 2; i++) {
        const struct fi_expr_type *type = &work->arg_nodes[i]->type;
        scales[i] = type->type == FIRN_TYPE_DECIMAL ? type->scale : 0;
        are_signed[i] = work->args[i]->kind == FI_PHYSICAL_I64;
        DCHECK(are_signed[i] || work->args[i]->kind == FI_PHYSICAL_U64);
    }
    uint32_t scale = scales[0] > scales[1] ? scales[0] : scales[1];
    for (int i = 0; i < 2; i++) {
        factors[i] = fi_expr_power(scale - scales[i]);
    }
    for (size_t row = 0; row < work->count; row++) {
        int128 numbers[2];
        for (int i = 0; i < 2; i++) {
            numbers[i] = are_signed[i] ? (int128)work->args[i]->as.i64[row]
                                       : (int128)work->args[i]->as.u64[row];
            numbers[i] *= factors[i];
        }
        int128 a = numbers[pair->is_swapped ? 1 : 0];
        int128 b = numbers[pair->is_swapped ? 0 : 1];
        bool holds = pair->comparison == FI_EXPR_EQUAL ? a == b : a < b;
        bits[row / 64] |= (uint64_t)(holds != pair->is_negated) << row % 64;
    }
}

static void
compare_bytes(const struct fi_expr_work *work, const struct pair *pair, uint64_t *bits)
{
    uint32_t first = pair->is_swapped ? 1 : 0;
    DCHECK(work->args[0]->kind == work->args[1]->kind);
    FI_EXPR_FOR_LIVE(work, row)
    {
        firn_slice a = fi_expr_eval_bytes(work, first, row);
        firn_slice b = fi_expr_eval_bytes(work, 1 - first, row);
        bool holds =
            pair->comparison == FI_EXPR_EQUAL ? fi_slice_equal(a, b) : fi_slice_compare(a, b) < 0;
        bits[row / 64] |= (uint64_t)(holds != pair->is_negated) << row % 64;
    }
}

static void
compare_two(const struct fi_expr_work *work, uint64_t *bits)
{
    struct pair pair = pair_of(work->node->detail);
    const struct fi_chunk_values *a = work->args[pair.is_swapped ? 1 : 0];
    const struct fi_chunk_values *b = work->args[pair.is_swapped ? 0 : 1];
    uint32_t a_scale = work->arg_nodes[0]->type.scale;
    uint32_t b_scale = work->arg_nodes[1]->type.scale;
    if (a->kind == FI_PHYSICAL_BYTES) {
        compare_bytes(work, &pair, bits);
        return;
    }
    if (a->kind != b->kind || a_scale != b_scale) {
        compare_wide(work, &pair, bits);
        return;
    }
    compare_same(work, a, b, pair.comparison == FI_EXPR_EQUAL, bits);
    for (size_t word = 0; word < FI_EXPR_MASK_WORDS && pair.is_negated; word++) {
        bits[word] = ~bits[word];
    }
}

void
fi_expr_eval_compare(const struct fi_expr_work *work, uint64_t *bits)
{
    switch (work->node->op) {
    case FI_EXPR_OP_RANGE:
        compare_range(work, bits);
        break;
    case FI_EXPR_OP_IN:
        compare_list(work, bits);
        break;
    default:
        DCHECK(work->node->op == FI_EXPR_OP_COMPARE);
        compare_two(work, bits);
        break;
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_order.c: comparing numbers of any types, and finding the range of values of a type that
 * fulfil a comparison with a constant.
 *
 * Integers, decimals, dates and timestamps are compared as whole numbers of 128 bits, after both
 * are converted to one unit: none has more than 2^64 times 10^18 of it. If one of two numbers is a
 * float, both become F64: a decimal is divided by its power of ten. Conversion never reverses the
 * order of two values of one type, so the values that fulfil a comparison with a constant, or those
 * that do not, are one range. A binary search over all values of the type finds its ends. The
 * search needs no case for each pair of types, and cannot disagree with the comparison, because it
 * uses it.
 *
 * The search is over ranks: numbers of 64 bits in the order of the values.
 */
#include "base/check.h"
#include "codec/calendar.h"
#include "expr/expr_internal.h"

__extension__ typedef __int128 int128;

static const uint64_t sign_64 = UINT64_C(1) << 63;
static const uint32_t sign_32 = UINT32_C(1) << 31;

/* ---- comparing ---- */

double
fi_expr_order_real(const struct fi_expr_type *type, const struct fi_cell *cell)
{
    switch (cell->kind) {
    case FI_PHYSICAL_F32:
        return (double)cell->as.f32;
    case FI_PHYSICAL_F64:
        return cell->as.f64;
    case FI_PHYSICAL_U64:
        return (double)cell->as.u64;
    default:
        DCHECK(cell->kind == FI_PHYSICAL_I64);
        return type->type == FIRN_TYPE_DECIMAL && type->scale > 0
                   ? (double)cell->as.i64 / (double)fi_expr_power(type->scale)
                   : (double)cell->as.i64;
    }
}

static int
order_reals(double a, double b)
{
    if (a != a || b != b) {
        return (a != a) - (b != b);
    }
    return (a > b) - (a < b);
}

/* A value in units of a decimal with this scale, or in microseconds. */
static int128
units_of(const struct fi_expr_type *type, const struct fi_cell *cell, uint32_t scale, bool is_time)
{
    int128 units = cell->kind == FI_PHYSICAL_U64 ? (int128)cell->as.u64 : (int128)cell->as.i64;
    if (is_time) {
        return type->type == FIRN_TYPE_DATE ? units * (int128)FI_CALENDAR_DAY_US : units;
    }
    uint32_t own = type->type == FIRN_TYPE_DECIMAL ? type->scale : 0;
    DCHECK(own <= scale);
    return units * fi_expr_power(scale - own);
}

/* Compares numbers, dates and timestamps: -1, 0 or 1. The comparison is exact, or as F64 if one is
 * a float; NaN is the largest. Requires: both are such cells, of these types, and not null. */
static int
expr_order_compare(const struct fi_expr_type *a_type, const struct fi_cell *a,
                   const struct fi_expr_type *b_type, const struct fi_cell *b)
{
    DCHECK(a->kind != FI_PHYSICAL_NONE && b->kind != FI_PHYSICAL_NONE);
    if (fi_type_is_float(a_type->type) || fi_type_is_float(b_type->type)) {
        return order_reals(fi_expr_order_real(a_type, a), fi_expr_order_real(b_type, b));
    }
    bool is_time = fi_type_is_time(a_type->type) && fi_type_is_time(b_type->type);
    uint32_t a_scale = a_type->type == FIRN_TYPE_DECIMAL ? a_type->scale : 0;
    uint32_t b_scale = b_type->type == FIRN_TYPE_DECIMAL ? b_type->scale : 0;
    uint32_t scale = a_scale > b_scale ? a_scale : b_scale;
    int128 x = units_of(a_type, a, scale, is_time);
    int128 y = units_of(b_type, b, scale, is_time);
    return (x > y) - (x < y);
}

int
fi_expr_order_same(const struct fi_cell *a, const struct fi_cell *b)
{
    DCHECK(a->kind == b->kind);
    switch (a->kind) {
    case FI_PHYSICAL_I64:
        return (a->as.i64 > b->as.i64) - (a->as.i64 < b->as.i64);
    case FI_PHYSICAL_U64:
        return (a->as.u64 > b->as.u64) - (a->as.u64 < b->as.u64);
    case FI_PHYSICAL_F32:
        return order_reals((double)a->as.f32, (double)b->as.f32);
    case FI_PHYSICAL_F64:
        return order_reals(a->as.f64, b->as.f64);
    case FI_PHYSICAL_BYTES: {
        size_t size = a->as.bytes.size < b->as.bytes.size ? a->as.bytes.size : b->as.bytes.size;
        int order = size > 0 ? memcmp(a->as.bytes.data, b->as.bytes.data, size) : 0;
        return order != 0
                   ? (order > 0) - (order < 0)
                   : (a->as.bytes.size > b->as.bytes.size) - (a->as.bytes.size < b->as.bytes.size);
    }
    default:
        return 0;
    }
}

/* ---- ranks ---- */

/* The rank of the bits of a float that is no NaN; the order of negative ones is reversed. */
static uint64_t
rank_f64(uint64_t bits)
{
    return (bits & sign_64) != 0 ? ~bits : bits | sign_64;
}

static uint32_t
rank_f32(uint32_t bits)
{
    return (bits & sign_32) != 0 ? ~bits : bits | sign_32;
}

static const uint64_t infinity_64 = UINT64_C(0x7ff) << 52;
static const uint32_t infinity_32 = UINT32_C(0xff) << 23;

/* NaN has one rank, after infinity. */
static uint64_t
rank_min(enum fi_physical kind)
{
    switch (kind) {
    case FI_PHYSICAL_F32:
        return rank_f32(infinity_32 | sign_32);
    case FI_PHYSICAL_F64:
        return rank_f64(infinity_64 | sign_64);
    default:
        return 0;
    }
}

static uint64_t
rank_max(enum fi_physical kind)
{
    switch (kind) {
    case FI_PHYSICAL_F32:
        return (uint64_t)rank_f32(infinity_32) + 1;
    case FI_PHYSICAL_F64:
        return rank_f64(infinity_64) + 1;
    default:
        return UINT64_MAX;
    }
}

static struct fi_cell
cell_of_rank(enum fi_physical kind, uint64_t rank)
{
    struct fi_cell cell = {.kind = kind};
    uint64_t bits;
    uint32_t narrow;
    DCHECK(rank >= rank_min(kind) && rank <= rank_max(kind));
    switch (kind) {
    case FI_PHYSICAL_I64:
        cell.as.u64 = rank ^ sign_64;
        break;
    case FI_PHYSICAL_F32:
        narrow = (rank & sign_32) != 0 ? (uint32_t)rank & ~sign_32 : ~(uint32_t)rank;
        narrow = rank == rank_max(kind) ? infinity_32 | UINT32_C(1) << 22 : narrow;
        cell.as.u64 = 0;
        memcpy(&cell.as.f32, &narrow, sizeof narrow);
        break;
    case FI_PHYSICAL_F64:
        bits = (rank & sign_64) != 0 ? rank & ~sign_64 : ~rank;
        bits = rank == rank_max(kind) ? infinity_64 | UINT64_C(1) << 51 : bits;
        memcpy(&cell.as.f64, &bits, sizeof bits);
        break;
    default:
        cell.as.u64 = rank;
        break;
    }
    return cell;
}

struct search {
    const struct fi_expr_type *type;
    const struct fi_expr_type *constant_type;
    const struct fi_cell *constant;
};

/* The first rank whose value compares with the constant as at least `least`. If there is none,
 * *out_none is true and the result is the last rank. */
static uint64_t
find_first(const struct search *search, int least, bool *out_none)
{
    enum fi_physical kind = fi_expr_physical(search->type->type);
    uint64_t low = rank_min(kind);
    uint64_t high = rank_max(kind);
    struct fi_cell last = cell_of_rank(kind, high);
    *out_none =
        expr_order_compare(search->type, &last, search->constant_type, search->constant) < least;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        struct fi_cell cell = cell_of_rank(kind, middle);
        if (expr_order_compare(search->type, &cell, search->constant_type, search->constant) >=
            least) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

void
fi_expr_order_range(const struct fi_expr_type *type, enum fi_expr_comparison comparison,
                    const struct fi_expr_type *constant_type, const struct fi_cell *constant,
                    struct fi_expr_range *out)
{
    struct search search = {.type = type, .constant_type = constant_type, .constant = constant};
    enum fi_physical kind = fi_expr_physical(type->type);
    uint64_t low = rank_min(kind);
    uint64_t high = rank_max(kind);
    bool none_equal = false; /* no value is equal or larger */
    bool none_above = false;
    uint64_t equal = find_first(&search, 0, &none_equal);
    uint64_t above = find_first(&search, 1, &none_above);
    bool is_empty = false;
    *out = (struct fi_expr_range){.is_negated = comparison == FI_EXPR_NOT_EQUAL};
    switch (comparison) {
    case FI_EXPR_LESS:
        is_empty = !none_equal && equal == low;
        high = none_equal ? high : equal - 1;
        break;
    case FI_EXPR_LESS_EQUAL:
        is_empty = !none_above && above == low;
        high = none_above ? high : above - 1;
        break;
    case FI_EXPR_GREATER:
        is_empty = none_above;
        low = above;
        break;
    case FI_EXPR_GREATER_EQUAL:
        is_empty = none_equal;
        low = equal;
        break;
    default:
        is_empty = none_equal || (!none_above && equal == above);
        low = equal;
        high = none_above ? high : above - 1;
        break;
    }
    out->is_empty = is_empty;
    if (!is_empty) {
        DCHECK(low <= high);
        out->a = cell_of_rank(kind, low);
        out->b = cell_of_rank(kind, high);
    }
}

/* ---- limits of types ---- */

void
fi_expr_order_limits(const struct fi_expr_type *type, struct fi_cell *min, struct fi_cell *max)
{
    enum fi_physical kind = fi_expr_physical(type->type);
    *min = cell_of_rank(kind, rank_min(kind));
    *max = cell_of_rank(kind, rank_max(kind));
    if (type->type != FIRN_TYPE_NULL && (kind == FI_PHYSICAL_I64 || kind == FI_PHYSICAL_U64)) {
        const struct fi_type_range range = fi_type_range_of(type->type, type->precision);
        min->as.i64 = range.min;
        max->as.u64 = range.max;
    }
}

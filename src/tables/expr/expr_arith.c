/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_arith.c: the types of + - * / %.
 *
 *   a float and any number       both as F64
 *   a decimal and an integer, or another decimal
 *       + -                      both with the larger scale
 *       *                        the scales are added: at most 18 digits
 *       %                        both with the larger scale
 *   integers                     I64; U64 if one is U64 and the other unsigned, or a constant >= 0
 *   any numbers, /               both as F64
 *   date - date                  I64: days             date + integer, date - integer          DATE
 *   timestamp - timestamp        I64: microseconds
 *   timestamp ± integer          TIMESTAMP
 *
 * The operands are cast to these types, so the evaluator sees operands of one kind.
 */
#include "base/check.h"
#include "expr/expr_bind.h"

static bool
is_natural(const struct fi_expr_node *node)
{
    return node->op == FI_EXPR_OP_CONSTANT && node->a.kind == FI_PHYSICAL_I64 &&
           node->type.type == FIRN_TYPE_I64 && node->a.as.i64 >= 0;
}

static struct fi_expr_type
integer_result(const struct fi_expr_node *a, const struct fi_expr_node *b)
{
    struct fi_expr_type type = {.type = FIRN_TYPE_I64};
    bool is_large = a->type.type == FIRN_TYPE_U64 || b->type.type == FIRN_TYPE_U64;
    bool is_positive = (fi_type_is_unsigned(a->type.type) || is_natural(a)) &&
                       (fi_type_is_unsigned(b->type.type) || is_natural(b));
    DCHECK(fi_type_is_integer(a->type.type) && fi_type_is_integer(b->type.type));
    if (is_large && is_positive) {
        type.type = FIRN_TYPE_U64;
    }
    return type;
}

static uint32_t
least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* Casts an integer or a decimal to a decimal of a scale. */
static int
to_scale(struct fi_expr_binder *binder, uint32_t *node, uint32_t scale)
{
    const struct fi_expr_type *from = &fi_expr_typed_node(binder, *node)->type;
    struct fi_expr_type type = {
        .type = FIRN_TYPE_DECIMAL, .precision = FI_EXPR_PRECISION_MAX, .scale = scale};
    DCHECK(scale <= FI_EXPR_PRECISION_MAX);
    if (from->type == FIRN_TYPE_DECIMAL && from->scale == scale) {
        return FIRN_OK;
    }
    return fi_expr_typed_cast(binder, *node, &type, node);
}

static int
decimal_operands(struct fi_expr_binder *binder, size_t at, uint8_t sign, uint32_t *args,
                 struct fi_expr_type *out)
{
    const struct fi_expr_type *a = &fi_expr_typed_node(binder, args[0])->type;
    const struct fi_expr_type *b = &fi_expr_typed_node(binder, args[1])->type;
    uint32_t larger = a->scale > b->scale ? a->scale : b->scale;
    uint32_t sum = a->scale + b->scale;
    int rc;
    DCHECK(a->type == FIRN_TYPE_DECIMAL || b->type == FIRN_TYPE_DECIMAL);
    *out = (struct fi_expr_type){.type = FIRN_TYPE_DECIMAL, .precision = FI_EXPR_PRECISION_MAX};
    if (sign == '*') {
        uint32_t digits = a->precision + b->precision;
        bool is_known = a->type == FIRN_TYPE_DECIMAL && b->type == FIRN_TYPE_DECIMAL;
        if (sum > FI_EXPR_PRECISION_MAX) {
            return fi_expr_typed_fail(binder, at,
                                      "the product would have %u digits after the point, and a "
                                      "decimal has at most 18: cast one of the factors",
                                      sum);
        }
        out->scale = sum;
        out->precision =
            is_known ? least(digits, FI_EXPR_PRECISION_MAX) : (uint32_t)FI_EXPR_PRECISION_MAX;
        FI_TRY(to_scale(binder, &args[0], fi_expr_typed_node(binder, args[0])->type.scale));
        FI_TRY(to_scale(binder, &args[1], fi_expr_typed_node(binder, args[1])->type.scale));
        goto out;
    }
    out->scale = larger;
    if (a->type == FIRN_TYPE_DECIMAL && b->type == FIRN_TYPE_DECIMAL) {
        uint32_t whole = a->precision - a->scale > b->precision - b->scale
                             ? a->precision - a->scale
                             : b->precision - b->scale;
        out->precision = least(whole + larger + 1, FI_EXPR_PRECISION_MAX);
    }
    FI_TRY(to_scale(binder, &args[0], larger));
    FI_TRY(to_scale(binder, &args[1], larger));
out:
    return rc;
}

static int
fail_operands(struct fi_expr_binder *binder, size_t at, uint8_t sign, uint32_t a, uint32_t b)
{
    char names[2][FI_TYPE_TEXT_SIZE];
    return fi_expr_typed_fail(binder, at, "there is no %s %c %s",
                              fi_expr_type_text(&fi_expr_typed_node(binder, a)->type, names[0]),
                              sign,
                              fi_expr_type_text(&fi_expr_typed_node(binder, b)->type, names[1]));
}

/* Casts the arguments of arithmetic with dates and timestamps; *out is the result's type. */
static int
time_operands(struct fi_expr_binder *binder, size_t at, uint8_t sign, uint32_t *args,
              struct fi_expr_type *out)
{
    struct fi_expr_type whole = {.type = FIRN_TYPE_I64};
    firn_type a = fi_expr_typed_node(binder, args[0])->type.type;
    firn_type b = fi_expr_typed_node(binder, args[1])->type.type;
    int rc;
    if (sign == '+' && fi_type_is_integer(a) && fi_type_is_time(b)) {
        uint32_t swap = args[0];
        args[0] = args[1];
        args[1] = swap;
        return time_operands(binder, at, sign, args, out);
    }
    if (sign == '-' && fi_type_is_time(a) && fi_type_is_time(b)) {
        FI_TRY(fi_expr_typed_unify(binder, at, args, 2, out));
        *out = whole;
        goto out;
    }
    if ((sign != '+' && sign != '-') || !fi_type_is_time(a) || !fi_type_is_integer(b)) {
        return fail_operands(binder, at, sign, args[0], args[1]);
    }
    *out = (struct fi_expr_type){.type = a};
    FI_TRY(fi_expr_typed_cast(binder, args[1], &whole, &args[1]));
out:
    return rc;
}

static enum fi_expr_op
op_of(uint8_t sign)
{
    switch (sign) {
    case '+':
        return FI_EXPR_OP_ADD;
    case '-':
        return FI_EXPR_OP_SUBTRACT;
    case '*':
        return FI_EXPR_OP_MULTIPLY;
    case '/':
        return FI_EXPR_OP_DIVIDE;
    default:
        DCHECK(sign == '%' || sign == '|'); /* for '|' the result is not used */
        return FI_EXPR_OP_REMAINDER;
    }
}

/* "||": texts, or blobs; other values become text. */
static int
bind_concat(struct fi_expr_binder *binder, size_t at, uint32_t *args, uint32_t *out)
{
    struct fi_expr_node node = {.op = FI_EXPR_OP_CONCAT, .args = args, .arg_count = 2};
    struct fi_expr_type text = {.type = FIRN_TYPE_TEXT};
    firn_type types[] = {fi_expr_typed_node(binder, args[0])->type.type,
                         fi_expr_typed_node(binder, args[1])->type.type};
    node.type = text;
    if (types[0] == FIRN_TYPE_BLOB && types[1] == FIRN_TYPE_BLOB) {
        node.type.type = FIRN_TYPE_BLOB;
    } else if (types[0] == FIRN_TYPE_BLOB || types[1] == FIRN_TYPE_BLOB) {
        return fail_operands(binder, at, '|', args[0], args[1]);
    }
    FI_TRY_RETURN(fi_expr_typed_cast(binder, args[0], &node.type, &args[0]));
    FI_TRY_RETURN(fi_expr_typed_cast(binder, args[1], &node.type, &args[1]));
    DCHECK(fi_expr_typed_node(binder, args[0])->type.type == node.type.type &&
           fi_expr_typed_node(binder, args[1])->type.type == node.type.type);
    node.type.is_nullable = fi_expr_typed_node(binder, args[0])->type.is_nullable ||
                            fi_expr_typed_node(binder, args[1])->type.is_nullable;
    return fi_expr_typed_make(binder, &node, out);
}

int
fi_expr_arith_binary(struct fi_expr_binder *binder, size_t at, uint8_t sign, uint32_t a, uint32_t b,
                     uint32_t *out)
{
    uint32_t args[] = {a, b};
    struct fi_expr_node node = {.op = op_of(sign), .args = args, .arg_count = 2};
    struct fi_expr_type types[] = {fi_expr_typed_node(binder, a)->type,
                                   fi_expr_typed_node(binder, b)->type};
    bool are_numbers = fi_type_is_number(types[0].type) && fi_type_is_number(types[1].type);
    if (sign == '|') {
        return bind_concat(binder, at, args, out);
    }
    if (types[0].scale == FI_EXPR_SCALE_UNKNOWN || types[1].scale == FI_EXPR_SCALE_UNKNOWN) {
        return fi_expr_typed_unify(binder, at, args, 1, &node.type);
    }
    if (types[0].type == FIRN_TYPE_NULL && types[1].type == FIRN_TYPE_NULL) {
        *out = a;
        return FIRN_OK;
    }
    if (fi_type_is_time(types[0].type) || fi_type_is_time(types[1].type)) {
        FI_TRY_RETURN(time_operands(binder, at, sign, args, &node.type));
    } else if (!are_numbers) {
        return fail_operands(binder, at, sign, a, b);
    } else if (sign == '/' || fi_type_is_float(types[0].type) || fi_type_is_float(types[1].type)) {
        if (sign == '%') {
            return fail_operands(binder, at, sign, a, b);
        }
        node.type.type = FIRN_TYPE_F64;
        FI_TRY_RETURN(fi_expr_typed_cast(binder, a, &node.type, &args[0]));
        FI_TRY_RETURN(fi_expr_typed_cast(binder, b, &node.type, &args[1]));
    } else if (types[0].type == FIRN_TYPE_DECIMAL || types[1].type == FIRN_TYPE_DECIMAL) {
        FI_TRY_RETURN(decimal_operands(binder, at, sign, args, &node.type));
    } else {
        node.type = integer_result(fi_expr_typed_node(binder, a), fi_expr_typed_node(binder, b));
        FI_TRY_RETURN(fi_expr_typed_cast(binder, a, &node.type, &args[0]));
        FI_TRY_RETURN(fi_expr_typed_cast(binder, b, &node.type, &args[1]));
    }
    node.type.is_nullable =
        types[0].is_nullable || types[1].is_nullable || sign == '/' || sign == '%';
    DCHECK(fi_expr_physical(fi_expr_typed_node(binder, args[0])->type.type) ==
           fi_expr_physical(fi_expr_typed_node(binder, args[1])->type.type));
    return fi_expr_typed_make(binder, &node, out);
}

int
fi_expr_arith_negate(struct fi_expr_binder *binder, size_t at, uint32_t a, uint32_t *out)
{
    struct fi_expr_type type = fi_expr_typed_node(binder, a)->type;
    struct fi_expr_node node = {.op = FI_EXPR_OP_NEGATE, .args = &a, .arg_count = 1};
    char name[FI_TYPE_TEXT_SIZE];
    if (type.type == FIRN_TYPE_NULL) {
        *out = a;
        return FIRN_OK;
    }
    if (!fi_type_is_number(type.type)) {
        return fi_expr_typed_fail(binder, at, "there is no negative %s",
                                  fi_expr_type_text(&type, name));
    }
    node.type = type;
    if (fi_type_is_integer(type.type)) {
        node.type = (struct fi_expr_type){.type = FIRN_TYPE_I64};
    } else if (type.type == FIRN_TYPE_F32) {
        node.type = (struct fi_expr_type){.type = FIRN_TYPE_F64};
    }
    FI_TRY_RETURN(fi_expr_typed_cast(binder, a, &node.type, &a));
    node.type.is_nullable = type.is_nullable;
    return fi_expr_typed_make(binder, &node, out);
}

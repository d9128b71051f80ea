/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_bind.c: turns a syntax tree into typed nodes.
 *
 * Every node gets its type before the node that uses it. Everything that can be decided before evaluation is decided
 * here, not for each row:
 *
 * - Operands that must have one type are cast to it. Constants are cast at once (expr_fold.c).
 * - A comparison with a constant becomes a range of values of the other operand's own type (expr_order.c). So
 *   a column of i8 is never widened, 0.123 equals no decimal(12, 2), and 2^63 is above every i64.
 * - "between", "is distinct from", nullif and the like become simple nodes with the same meaning.
 *
 * A constant text takes the type of the other operand, if that has one: in day > '2026-01-31' the text is a date.
 * The same holds for parameters that are text, for null, for x'…' and uuids, and for parameters that are decimals,
 * which come without a scale.
 */
#include "expr/expr_bind.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "text/value_text.h"

/* ---- messages ---- */

int
firn_expr_bind_fail(struct firn_expr_binder *binder, size_t at, const char *format, ...)
{
    char place[FIRN_EXPR_PLACE_SIZE];
    char what[FIRN_ERROR_TEXT_SIZE - FIRN_EXPR_PLACE_SIZE - 4];
    va_list args;
    DCHECK(at <= binder->text.size);
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    (void)firn_expr_parse_place(binder->env->of, binder->text, at, place);
    return firn_error_set(binder->err, FIRN_INVALID, "%s: %s", place, what);
}

const struct firn_expr_node *
firn_expr_bind_node(const struct firn_expr_binder *binder, uint32_t node)
{
    DCHECK(node < binder->builder->count);
    return &binder->builder->nodes[node];
}

static const struct firn_expr_type *
type_of(const struct firn_expr_binder *binder, uint32_t node)
{
    return &firn_expr_bind_node(binder, node)->type;
}

static bool
is_constant(const struct firn_expr_binder *binder, uint32_t node)
{
    return firn_expr_bind_node(binder, node)->op == FIRN_EXPR_OP_CONSTANT;
}

static bool
is_null(const struct firn_expr_binder *binder, uint32_t node)
{
    return firn_expr_is_null_constant(firn_expr_bind_node(binder, node));
}

int
firn_expr_bind_make(struct firn_expr_binder *binder, const struct firn_expr_node *model,
                    uint32_t *out)
{
    for (uint32_t i = 0; i < model->arg_count; i++) {
        if (type_of(binder, model->args[i])->scale == FIRN_EXPR_SCALE_UNKNOWN) {
            return firn_expr_bind_fail(binder, 0,
                                       "a decimal parameter takes its scale from what it is "
                                       "compared or joined with, and there is nothing here");
        }
    }
    return firn_expr_fold(binder->builder, model, out, binder->err);
}

int
firn_expr_bind_constant(struct firn_expr_binder *binder, const struct firn_expr_type *type,
                        const struct firn_cell *cell, uint32_t *out)
{
    struct firn_expr_node node = {.op = FIRN_EXPR_OP_CONSTANT, .type = *type, .a = *cell};
    DCHECK(cell->kind == FIRN_PHYSICAL_NONE || cell->kind == firn_expr_physical(type->type));
    node.type.is_nullable = cell->kind == FIRN_PHYSICAL_NONE;
    return firn_expr_builder_add(binder->builder, &node, out, binder->err);
}

int
firn_expr_bind_null(struct firn_expr_binder *binder, firn_type type, uint32_t *out)
{
    struct firn_expr_type null_type = {.type = type};
    struct firn_cell cell = {.kind = FIRN_PHYSICAL_NONE};
    return firn_expr_bind_constant(binder, &null_type, &cell, out);
}

/* ---- types ---- */

static bool
is_same_type(const struct firn_expr_type *a, const struct firn_expr_type *b)
{
    return a->type == b->type && a->scale == b->scale && a->precision == b->precision &&
           a->dimensions == b->dimensions;
}

int
firn_expr_bind_cast(struct firn_expr_binder *binder, uint32_t node,
                    const struct firn_expr_type *type, uint32_t *out)
{
    const struct firn_expr_type *from = type_of(binder, node);
    struct firn_expr_node cast = {.op = FIRN_EXPR_OP_CAST, .type = *type};
    if (is_same_type(from, type)) {
        *out = node;
        return FIRN_OK;
    }
    if (is_null(binder, node)) {
        struct firn_cell cell = {.kind = FIRN_PHYSICAL_NONE};
        return firn_expr_bind_constant(binder, type, &cell, out);
    }
    DCHECK(firn_expr_cast_is_allowed(from, type));
    cast.type.is_nullable = from->is_nullable;
    cast.args = &node;
    cast.arg_count = 1;
    return firn_expr_bind_make(binder, &cast, out);
}

static int
fail_constant(struct firn_expr_binder *binder, size_t at, firn_slice text,
              const struct firn_expr_type *type)
{
    char shown[FIRN_VALUE_TEXT_SHORT_SIZE];
    char name[FIRN_TYPE_TEXT_SIZE];
    firn_value_text_shorten(text, shown);
    return firn_expr_bind_fail(binder, at, "'%s' is not a value of type %s", shown,
                               firn_expr_type_text(type, name));
}

/* Reads a text as a constant of a type. */
static int
adapt_text(struct firn_expr_binder *binder, size_t at, const struct firn_expr_type *type,
           uint32_t *node)
{
    struct firn_expr_type own = *type_of(binder, *node);
    firn_slice text = firn_expr_bind_node(binder, *node)->a.as.bytes;
    struct firn_buf memory = {.data = NULL};
    struct firn_expr_type target = *type;
    struct firn_cell cell = {.kind = FIRN_PHYSICAL_BYTES, .as.bytes = text};
    struct firn_cell result;
    int rc;
    DCHECK(own.type == FIRN_TYPE_TEXT);
    if (firn_type_is_integer(type->type) || type->type == FIRN_TYPE_DECIMAL) {
        bool is_negative = text.size > 0 && text.data[0] == '-';
        firn_slice digits =
            firn_bytes(text.data + (is_negative ? 1 : 0), text.size - (is_negative ? 1 : 0));
        if (digits.size == 0 ||
            firn_expr_literal_number(digits, is_negative, &target, &result) != NULL) {
            return fail_constant(binder, at, text, type);
        }
        return firn_expr_bind_constant(binder, &target, &result, node);
    }
    rc = firn_expr_cast_cell(&own, &cell, &target, &memory, &result, NULL);
    if (rc == FIRN_INVALID || rc == FIRN_LIMIT) {
        rc = fail_constant(binder, at, text, type);
    } else if (rc == FIRN_OK) {
        rc = firn_expr_bind_constant(binder, &target, &result, node);
    } else {
        rc = firn_error_no_memory(binder->err, "an expression");
    }
    firn_buf_deinit(&memory);
    return rc;
}

int
firn_expr_bind_adapt(struct firn_expr_binder *binder, size_t at, const struct firn_expr_type *type,
                     uint32_t *node)
{
    const struct firn_expr_node *constant = firn_expr_bind_node(binder, *node);
    struct firn_expr_type target = *type;
    if (constant->op != FIRN_EXPR_OP_CONSTANT || type->type == FIRN_TYPE_NULL) {
        return FIRN_OK;
    }
    if (constant->type.type == FIRN_TYPE_NULL) {
        return firn_expr_bind_cast(binder, *node, &target, node);
    }
    if (constant->type.type == FIRN_TYPE_TEXT && type->type != FIRN_TYPE_TEXT &&
        constant->a.kind == FIRN_PHYSICAL_BYTES) {
        return adapt_text(binder, at, type, node);
    }
    if (constant->type.type == FIRN_TYPE_BLOB && constant->a.kind == FIRN_PHYSICAL_BYTES &&
        constant->a.as.bytes.size > 0 &&
        constant->a.as.bytes.size == firn_type_bytes_size(type->type, type->dimensions)) {
        struct firn_cell cell = constant->a;
        return firn_expr_bind_constant(binder, &target, &cell, node);
    }
    if (constant->type.type == FIRN_TYPE_DECIMAL &&
        constant->type.scale == FIRN_EXPR_SCALE_UNKNOWN && type->type == FIRN_TYPE_DECIMAL &&
        type->scale != FIRN_EXPR_SCALE_UNKNOWN) {
        struct firn_cell cell = constant->a;
        target.precision = FIRN_EXPR_PRECISION_MAX;
        return firn_expr_bind_constant(binder, &target, &cell, node);
    }
    return FIRN_OK;
}

static int
adapt_both(struct firn_expr_binder *binder, size_t at, uint32_t *a, uint32_t *b)
{
    struct firn_expr_type a_type = *type_of(binder, *a);
    struct firn_expr_type b_type = *type_of(binder, *b);
    FIRN_TRY_RETURN(firn_expr_bind_adapt(binder, at, &b_type, a));
    return firn_expr_bind_adapt(binder, at, &a_type, b);
}

static uint32_t
whole_digits(const struct firn_expr_type *type)
{
    return type->type == FIRN_TYPE_DECIMAL ? type->precision - type->scale
                                           : FIRN_EXPR_PRECISION_MAX;
}

/* The type that two have in common; false: there is none. */
static bool
common_type(const struct firn_expr_type *a, const struct firn_expr_type *b,
            struct firn_expr_type *out)
{
    *out = *a;
    if (a->type == FIRN_TYPE_NULL || is_same_type(a, b)) {
        *out = *b;
    } else if (b->type == FIRN_TYPE_NULL) {
        *out = *a;
    } else if (firn_type_is_number(a->type) && firn_type_is_number(b->type)) {
        *out = (struct firn_expr_type){.type = FIRN_TYPE_I64};
        if (firn_type_is_float(a->type) || firn_type_is_float(b->type)) {
            out->type = FIRN_TYPE_F64;
        } else if (a->type == FIRN_TYPE_DECIMAL || b->type == FIRN_TYPE_DECIMAL) {
            uint32_t whole = whole_digits(a) > whole_digits(b) ? whole_digits(a) : whole_digits(b);
            out->type = FIRN_TYPE_DECIMAL;
            out->scale = a->scale > b->scale ? a->scale : b->scale;
            out->precision = whole + out->scale < FIRN_EXPR_PRECISION_MAX ? whole + out->scale
                                                                          : FIRN_EXPR_PRECISION_MAX;
        } else if (firn_type_is_unsigned(a->type) && firn_type_is_unsigned(b->type)) {
            out->type = FIRN_TYPE_U64;
        }
    } else if (firn_type_is_time(a->type) && firn_type_is_time(b->type)) {
        *out = (struct firn_expr_type){.type = FIRN_TYPE_TIMESTAMP};
    } else {
        return a->type == b->type && a->dimensions == b->dimensions && a->type != FIRN_TYPE_DECIMAL;
    }
    return true;
}

static int
fail_types(struct firn_expr_binder *binder, size_t at, const struct firn_expr_type *a,
           const struct firn_expr_type *b)
{
    char names[2][FIRN_TYPE_TEXT_SIZE];
    return firn_expr_bind_fail(binder, at, "%s and %s have no type in common: use cast(… as TYPE)",
                               firn_expr_type_text(a, names[0]), firn_expr_type_text(b, names[1]));
}

int
firn_expr_bind_unify(struct firn_expr_binder *binder, size_t at, uint32_t *nodes, size_t count,
                     struct firn_expr_type *out_type)
{
    struct firn_expr_type type = {.type = FIRN_TYPE_NULL};
    DCHECK(count > 0);
    /* First the nodes that have a type of their own; then texts and the like, which take that type. */
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < count; i++) {
            bool is_loose = is_constant(binder, nodes[i]) &&
                            (type_of(binder, nodes[i])->type == FIRN_TYPE_TEXT ||
                             type_of(binder, nodes[i])->type == FIRN_TYPE_BLOB ||
                             type_of(binder, nodes[i])->scale == FIRN_EXPR_SCALE_UNKNOWN);
            if (is_loose != (round == 1)) {
                continue;
            }
            FIRN_TRY_RETURN(firn_expr_bind_adapt(binder, at, &type, &nodes[i]));
            struct firn_expr_type before = type;
            if (!common_type(&before, type_of(binder, nodes[i]), &type)) {
                return fail_types(binder, at, &before, type_of(binder, nodes[i]));
            }
        }
    }
    if (type.scale == FIRN_EXPR_SCALE_UNKNOWN) {
        return firn_expr_bind_fail(binder, at,
                                   "a decimal parameter takes its scale from what it is compared "
                                   "or joined with, and there is nothing here");
    }
    for (size_t i = 0; i < count; i++) {
        FIRN_TRY_RETURN(firn_expr_bind_cast(binder, nodes[i], &type, &nodes[i]));
        DCHECK(is_same_type(type_of(binder, nodes[i]), &type));
    }
    *out_type = type;
    return FIRN_OK;
}

/* ---- comparisons ---- */

static enum firn_expr_comparison
mirrored(enum firn_expr_comparison comparison)
{
    switch (comparison) {
    case FIRN_EXPR_LESS:
        return FIRN_EXPR_GREATER;
    case FIRN_EXPR_LESS_EQUAL:
        return FIRN_EXPR_GREATER_EQUAL;
    case FIRN_EXPR_GREATER:
        return FIRN_EXPR_LESS;
    case FIRN_EXPR_GREATER_EQUAL:
        return FIRN_EXPR_LESS_EQUAL;
    default:
        return comparison;
    }
}

/* Compares a number, a date or a truth value with a constant. */
static int
compare_constant(struct firn_expr_binder *binder, enum firn_expr_comparison comparison, uint32_t a,
                 uint32_t b, uint32_t *out)
{
    const struct firn_expr_node *constant = firn_expr_bind_node(binder, b);
    struct firn_expr_type type = *type_of(binder, a);
    struct firn_expr_range range;
    struct firn_expr_node node = {.op = FIRN_EXPR_OP_RANGE, .args = &a, .arg_count = 1};
    DCHECK(is_constant(binder, b) && !is_null(binder, b));
    DCHECK(firn_expr_physical(type.type) != FIRN_PHYSICAL_BYTES);
    firn_expr_order_range(&type, comparison, &constant->type, &constant->a, &range);
    node.type = (struct firn_expr_type){.type = FIRN_TYPE_BOOL, .is_nullable = type.is_nullable};
    node.is_negated = range.is_negated;
    node.a = range.a;
    node.b = range.b;
    if (range.is_empty) {
        /* The lower bound is above the upper one. */
        firn_expr_order_limits(&type, &node.b, &node.a);
    }
    return firn_expr_bind_make(binder, &node, out);
}

int
firn_expr_bind_compare(struct firn_expr_binder *binder, size_t at,
                       enum firn_expr_comparison comparison, uint32_t a, uint32_t b, uint32_t *out)
{
    struct firn_expr_type real = {.type = FIRN_TYPE_F64};
    struct firn_expr_type common;
    FIRN_TRY_RETURN(adapt_both(binder, at, &a, &b));
    if (is_null(binder, a) || is_null(binder, b)) {
        return firn_expr_bind_null(binder, FIRN_TYPE_BOOL, out);
    }
    struct firn_expr_type a_type = *type_of(binder, a);
    struct firn_expr_type b_type = *type_of(binder, b);
    if (!common_type(&a_type, &b_type, &common)) {
        return fail_types(binder, at, &a_type, &b_type);
    }
    if (common.scale == FIRN_EXPR_SCALE_UNKNOWN) {
        return firn_expr_bind_unify(binder, at, &a, 1, &common);
    }
    if (common.type == FIRN_TYPE_VECTOR && comparison > FIRN_EXPR_NOT_EQUAL) {
        return firn_expr_bind_fail(binder, at, "vectors have no order");
    }
    if (is_constant(binder, a) && !is_constant(binder, b)) {
        uint32_t swap = a;
        a = b;
        b = swap;
        comparison = mirrored(comparison);
    }
    if (is_constant(binder, b) && firn_expr_physical(common.type) != FIRN_PHYSICAL_BYTES) {
        return compare_constant(binder, comparison, a, b, out);
    }
    if (firn_type_is_float(common.type)) {
        FIRN_TRY_RETURN(firn_expr_bind_cast(binder, a, &real, &a));
        FIRN_TRY_RETURN(firn_expr_bind_cast(binder, b, &real, &b));
    } else if (firn_type_is_time(common.type)) {
        FIRN_TRY_RETURN(firn_expr_bind_cast(binder, a, &common, &a));
        FIRN_TRY_RETURN(firn_expr_bind_cast(binder, b, &common, &b));
    }
    uint32_t args[] = {a, b};
    struct firn_expr_node node = {
        .op = FIRN_EXPR_OP_COMPARE, .detail = (uint8_t)comparison, .args = args, .arg_count = 2};
    node.type.type = FIRN_TYPE_BOOL;
    node.type.is_nullable = a_type.is_nullable || b_type.is_nullable;
    return firn_expr_bind_make(binder, &node, out);
}

/* ---- truth ---- */

static int
truth_node(struct firn_expr_binder *binder, const struct firn_expr_node *model, uint32_t *out)
{
    struct firn_expr_node node = *model;
    DCHECK(firn_expr_is_truth(node.op));
    node.type = (struct firn_expr_type){.type = FIRN_TYPE_BOOL};
    for (uint32_t i = 0; i < node.arg_count; i++) {
        node.type.is_nullable |= type_of(binder, node.args[i])->is_nullable;
    }
    if (node.op == FIRN_EXPR_OP_IS_NULL || node.op == FIRN_EXPR_OP_IS_TRUE) {
        node.type.is_nullable = false;
    }
    return firn_expr_bind_make(binder, &node, out);
}

static int
negate_if(struct firn_expr_binder *binder, bool is_negated, uint32_t *node)
{
    struct firn_expr_node negation = {.op = FIRN_EXPR_OP_NOT, .args = node, .arg_count = 1};
    uint32_t out;
    int rc = FIRN_OK;
    if (is_negated) {
        rc = truth_node(binder, &negation, &out);
        if (rc == FIRN_OK) {
            *node = out;
        }
    }
    return rc;
}

static int
bind_truth(struct firn_expr_binder *binder, const struct firn_expr_syntax *syntax, uint32_t *out)
{
    struct firn_expr_type type = {.type = FIRN_TYPE_BOOL};
    char name[FIRN_TYPE_TEXT_SIZE];
    int rc;
    FIRN_TRY(firn_expr_bind(binder, syntax, out));
    FIRN_TRY(firn_expr_bind_adapt(binder, syntax->at, &type, out));
    if (type_of(binder, *out)->type != FIRN_TYPE_BOOL) {
        rc = firn_expr_bind_fail(binder, syntax->at, "expected a condition, and this is of type %s",
                                 firn_expr_type_text(type_of(binder, *out), name));
    }
out:
    return rc;
}

/* "and", "or", "not". */
static int
bind_joined(struct firn_expr_binder *binder, const struct firn_expr_syntax *syntax, uint32_t *out)
{
    struct firn_expr_node node = {.arg_count = syntax->child_count};
    uint32_t *args = firn_alloc_array(syntax->child_count, sizeof *args);
    const struct firn_expr_syntax *part = syntax->first;
    int rc = FIRN_OK;
    if (args == NULL) {
        return firn_error_no_memory(binder->err, "an expression");
    }
    for (uint32_t i = 0; i < syntax->child_count; i++, part = part->next) {
        FIRN_TRY(bind_truth(binder, part, &args[i]));
    }
    DCHECK(part == NULL);
    node.op = syntax->kind == FIRN_EXPR_SYNTAX_AND  ? FIRN_EXPR_OP_AND
              : syntax->kind == FIRN_EXPR_SYNTAX_OR ? FIRN_EXPR_OP_OR
                                                    : FIRN_EXPR_OP_NOT;
    node.args = args;
    FIRN_TRY(truth_node(binder, &node, out));
out:
    firn_free(args);
    return rc;
}

/* "between": one range for both bounds, if they are constants. */
static int
bind_between(struct firn_expr_binder *binder, const struct firn_expr_syntax *syntax, uint32_t *out)
{
    const struct firn_expr_syntax *low = syntax->first->next;
    uint32_t value = 0;
    uint32_t bounds[2] = {0, 0};
    uint32_t args[2] = {0, 0};
    DCHECK(syntax->child_count == 3);
    FIRN_TRY_RETURN(firn_expr_bind(binder, syntax->first, &value));
    FIRN_TRY_RETURN(firn_expr_bind(binder, low, &bounds[0]));
    FIRN_TRY_RETURN(firn_expr_bind(binder, low->next, &bounds[1]));
    FIRN_TRY_RETURN(firn_expr_bind_compare(binder, low->at, FIRN_EXPR_GREATER_EQUAL, value,
                                           bounds[0], &args[0]));
    FIRN_TRY_RETURN(firn_expr_bind_compare(binder, low->next->at, FIRN_EXPR_LESS_EQUAL, value,
                                           bounds[1], &args[1]));
    struct firn_expr_node range = *firn_expr_bind_node(binder, args[0]);
    const struct firn_expr_node *upper = firn_expr_bind_node(binder, args[1]);
    if (range.op == FIRN_EXPR_OP_RANGE && upper->op == FIRN_EXPR_OP_RANGE &&
        range.args[0] == value && upper->args[0] == value) {
        range.a = firn_expr_order_same(&range.a, &upper->a) < 0 ? upper->a : range.a;
        range.b = firn_expr_order_same(&range.b, &upper->b) > 0 ? upper->b : range.b;
        FIRN_TRY_RETURN(firn_expr_bind_make(binder, &range, out));
    } else {
        struct firn_expr_node both = {.op = FIRN_EXPR_OP_AND, .args = args, .arg_count = 2};
        FIRN_TRY_RETURN(truth_node(binder, &both, out));
    }
    return negate_if(binder, syntax->is_negated, out);
}

static int
bind_distinct(struct firn_expr_binder *binder, const struct firn_expr_syntax *syntax, uint32_t *out)
{
    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t equal = 0;
    uint32_t is_null_a;
    uint32_t is_null_b;
    DCHECK(syntax->child_count == 2);
    FIRN_TRY_RETURN(firn_expr_bind(binder, syntax->first, &a));
    FIRN_TRY_RETURN(firn_expr_bind(binder, syntax->first->next, &b));
    FIRN_TRY_RETURN(firn_expr_bind_compare(binder, syntax->at, FIRN_EXPR_EQUAL, a, b, &equal));
    struct firn_expr_node node = {
        .op = FIRN_EXPR_OP_IS_TRUE, .detail = 1, .args = &equal, .arg_count = 1};
    FIRN_TRY_RETURN(truth_node(binder, &node, out));
    node = (struct firn_expr_node){.op = FIRN_EXPR_OP_IS_NULL, .args = &a, .arg_count = 1};
    FIRN_TRY_RETURN(truth_node(binder, &node, &is_null_a));
    node.args = &b;
    FIRN_TRY_RETURN(truth_node(binder, &node, &is_null_b));
    uint32_t both[] = {is_null_a, is_null_b};
    node = (struct firn_expr_node){.op = FIRN_EXPR_OP_AND, .args = both, .arg_count = 2};
    FIRN_TRY_RETURN(truth_node(binder, &node, &is_null_a));
    uint32_t either[] = {*out, is_null_a};
    node = (struct firn_expr_node){.op = FIRN_EXPR_OP_OR, .args = either, .arg_count = 2};
    FIRN_TRY_RETURN(truth_node(binder, &node, out));
    return negate_if(binder, !syntax->is_negated, out);
}

static int
order_cells(const void *a, const void *b)
{
    return firn_expr_order_same((const struct firn_cell *)a, (const struct firn_cell *)b);
}

/* Entries of an "in" list: each becomes one value of the list, or a condition of its own. */
struct in_list {
    uint32_t value;
    struct firn_cell *cells;
    size_t cell_count;
    uint32_t *args;
    size_t arg_count;
    uint32_t none; /* the condition of an entry that equals no value */
    bool has_none;
};

static int
add_entry(struct firn_expr_binder *binder, struct in_list *list,
          const struct firn_expr_syntax *syntax)
{
    uint32_t entry;
    uint32_t equal;
    FIRN_TRY_RETURN(firn_expr_bind(binder, syntax, &entry));
    FIRN_TRY_RETURN(
        firn_expr_bind_compare(binder, syntax->at, FIRN_EXPR_EQUAL, list->value, entry, &equal));
    const struct firn_expr_node *node = firn_expr_bind_node(binder, equal);
    bool is_range = node->op == FIRN_EXPR_OP_RANGE && node->args[0] == list->value;
    int order = is_range ? firn_expr_order_same(&node->a, &node->b) : -1;
    if (order > 0) {
        list->has_none = true;
        list->none = equal;
    } else if (order == 0) {
        list->cells[list->cell_count++] = node->a;
    } else if (node->op == FIRN_EXPR_OP_COMPARE && node->args[0] == list->value &&
               is_constant(binder, node->args[1])) {
        list->cells[list->cell_count++] = firn_expr_bind_node(binder, node->args[1])->a;
    } else {
        list->args[list->arg_count++] = equal;
    }
    return FIRN_OK;
}

static int
bind_in(struct firn_expr_binder *binder, const struct firn_expr_syntax *syntax, uint32_t *out)
{
    struct in_list list = {.value = 0};
    size_t room = syntax->child_count;
    int rc;
    list.cells = firn_alloc_array(room, sizeof *list.cells);
    list.args = firn_alloc_zeroed((room + 1) * sizeof *list.args);
    if (list.cells == NULL || list.args == NULL) {
        FIRN_TRY(firn_error_no_memory(binder->err, "an expression"));
    }
    FIRN_TRY(firn_expr_bind(binder, syntax->first, &list.value));
    for (const struct firn_expr_syntax *part = syntax->first->next; part != NULL;
         part = part->next) {
        FIRN_TRY(add_entry(binder, &list, part));
    }
    DCHECK(list.cell_count + list.arg_count < room); /* the first child is no entry */
    if (list.cell_count > 0) {
        size_t kept = 1;
        firn_sort(list.cells, list.cell_count, sizeof *list.cells, order_cells);
        for (size_t i = 1; i < list.cell_count; i++) {
            if (firn_expr_order_same(&list.cells[kept - 1], &list.cells[i]) != 0) {
                list.cells[kept++] = list.cells[i];
            }
        }
        struct firn_expr_node node = {.op = FIRN_EXPR_OP_IN,
                                      .args = &list.value,
                                      .arg_count = 1,
                                      .list = list.cells,
                                      .list_count = kept};
        FIRN_TRY(truth_node(binder, &node, &list.args[list.arg_count]));
        list.arg_count++;
    }
    if (list.arg_count == 0) {
        DCHECK(list.has_none);
        list.args[list.arg_count++] = list.none;
    }
    struct firn_expr_node any = {
        .op = FIRN_EXPR_OP_OR, .args = list.args, .arg_count = (uint32_t)list.arg_count};
    *out = list.args[0];
    if (list.arg_count > 1) {
        FIRN_TRY(truth_node(binder, &any, out));
    }
    FIRN_TRY(negate_if(binder, syntax->is_negated, out));
out:
    firn_free(list.cells);
    firn_free(list.args);
    return rc;
}

static int
bind_like(struct firn_expr_binder *binder, const struct firn_expr_syntax *syntax, uint32_t *out)
{
    struct firn_expr_type text = {.type = FIRN_TYPE_TEXT};
    uint32_t args[2];
    DCHECK(syntax->child_count == 2);
    FIRN_TRY_RETURN(firn_expr_bind(binder, syntax->first, &args[0]));
    FIRN_TRY_RETURN(firn_expr_bind(binder, syntax->first->next, &args[1]));
    FIRN_TRY_RETURN(firn_expr_bind_adapt(binder, syntax->at, &text, &args[0]));
    FIRN_TRY_RETURN(firn_expr_bind_adapt(binder, syntax->at, &text, &args[1]));
    if (type_of(binder, args[0])->type != FIRN_TYPE_TEXT ||
        type_of(binder, args[1])->type != FIRN_TYPE_TEXT) {
        return firn_expr_bind_fail(binder, syntax->at, "\"like\" compares texts only");
    }
    struct firn_expr_node node = {.op = FIRN_EXPR_OP_LIKE, .args = args, .arg_count = 2};
    firn_slice pattern = firn_expr_bind_node(binder, args[1])->a.as.bytes;
    if (is_constant(binder, args[1]) && !is_null(binder, args[1]) && pattern.size > 0 &&
        memchr(pattern.data, '_', pattern.size) == NULL &&
        memchr(pattern.data, '%', pattern.size) == pattern.data + pattern.size - 1) {
        struct firn_cell cell = {.kind = FIRN_PHYSICAL_BYTES,
                                 .as.bytes = firn_bytes(pattern.data, pattern.size - 1)};
        FIRN_TRY_RETURN(firn_expr_bind_constant(binder, &text, &cell, &args[1]));
        node.op = FIRN_EXPR_OP_PREFIX;
    }
    FIRN_TRY_RETURN(truth_node(binder, &node, out));
    return negate_if(binder, syntax->is_negated, out);
}

static int
bind_is(struct firn_expr_binder *binder, const struct firn_expr_syntax *syntax, uint32_t *out)
{
    struct firn_expr_node node = {
        .op = FIRN_EXPR_OP_IS_NULL, .detail = syntax->detail, .arg_count = 1};
    uint32_t arg;
    DCHECK(syntax->child_count == 1);
    if (syntax->kind == FIRN_EXPR_SYNTAX_IS_TRUE) {
        node.op = FIRN_EXPR_OP_IS_TRUE;
        FIRN_TRY_RETURN(bind_truth(binder, syntax->first, &arg));
    } else {
        FIRN_TRY_RETURN(firn_expr_bind(binder, syntax->first, &arg));
    }
    node.args = &arg;
    node.is_negated = syntax->is_negated;
    return truth_node(binder, &node, out);
}

/* ---- the other nodes ---- */

static int
bind_case(struct firn_expr_binder *binder, const struct firn_expr_syntax *syntax, uint32_t *out)
{
    uint32_t branches = syntax->child_count / 2;
    uint32_t count = 2 * branches + 1;
    uint32_t *args = firn_alloc_array(count, sizeof *args);
    uint32_t *values = firn_alloc_array((size_t)branches + 1, sizeof *values);
    struct firn_expr_node node = {.op = FIRN_EXPR_OP_CASE, .arg_count = count};
    const struct firn_expr_syntax *part = syntax->first;
    bool is_nullable = false;
    int rc;
    DCHECK(branches > 0 && syntax->child_count % 2 == syntax->detail);
    if (args == NULL || values == NULL) {
        FIRN_TRY(firn_error_no_memory(binder->err, "an expression"));
    }
    for (uint32_t i = 0; i < branches; i++, part = part->next->next) {
        FIRN_TRY(bind_truth(binder, part, &args[2 * (size_t)i]));
        FIRN_TRY(firn_expr_bind(binder, part->next, &values[i]));
    }
    FIRN_TRY(syntax->detail != 0 ? firn_expr_bind(binder, part, &values[branches])
                                 : firn_expr_bind_null(binder, FIRN_TYPE_NULL, &values[branches]));
    FIRN_TRY(firn_expr_bind_unify(binder, syntax->at, values, (size_t)branches + 1, &node.type));
    for (uint32_t i = 0; i <= branches; i++) {
        args[i < branches ? 2 * i + 1 : 2 * i] = values[i];
        is_nullable |= type_of(binder, values[i])->is_nullable;
    }
    node.type.is_nullable = is_nullable;
    node.args = args;
    FIRN_TRY(firn_expr_bind_make(binder, &node, out));
out:
    firn_free(args);
    firn_free(values);
    return rc;
}

static int
bind_cast(struct firn_expr_binder *binder, const struct firn_expr_syntax *syntax, uint32_t *out)
{
    char names[2][FIRN_TYPE_TEXT_SIZE];
    uint32_t arg;
    FIRN_TRY_RETURN(firn_expr_bind(binder, syntax->first, &arg));
    if (type_of(binder, arg)->scale == FIRN_EXPR_SCALE_UNKNOWN) {
        FIRN_TRY_RETURN(firn_expr_bind_adapt(binder, syntax->at, syntax->type, &arg));
    }
    if (is_constant(binder, arg) && type_of(binder, arg)->type == FIRN_TYPE_TEXT &&
        !is_null(binder, arg) &&
        (firn_type_is_time(syntax->type->type) ||
         firn_type_class_of(syntax->type->type) == FIRN_TYPE_CLASS_FIXED)) {
        *out = arg;
        return adapt_text(binder, syntax->at, syntax->type, out);
    }
    if (!is_null(binder, arg) && (type_of(binder, arg)->scale == FIRN_EXPR_SCALE_UNKNOWN ||
                                  !firn_expr_cast_is_allowed(type_of(binder, arg), syntax->type))) {
        return firn_expr_bind_fail(binder, syntax->at, "%s cannot be cast to %s",
                                   firn_expr_type_text(type_of(binder, arg), names[0]),
                                   firn_expr_type_text(syntax->type, names[1]));
    }
    return firn_expr_bind_cast(binder, arg, syntax->type, out);
}

static int
bind_operator(struct firn_expr_binder *binder, const struct firn_expr_syntax *syntax, uint32_t *out)
{
    uint32_t args[2] = {0, 0};
    if (syntax->kind == FIRN_EXPR_SYNTAX_NEGATE && syntax->first->kind == FIRN_EXPR_SYNTAX_NUMBER) {
        return firn_expr_leaf_number(binder, syntax->first, true, out);
    }
    FIRN_TRY_RETURN(firn_expr_bind(binder, syntax->first, &args[0]));
    if (syntax->kind == FIRN_EXPR_SYNTAX_NEGATE) {
        return firn_expr_arith_negate(binder, syntax->at, args[0], out);
    }
    FIRN_TRY_RETURN(firn_expr_bind(binder, syntax->first->next, &args[1]));
    if (syntax->kind == FIRN_EXPR_SYNTAX_COMPARE) {
        return firn_expr_bind_compare(binder, syntax->at, (enum firn_expr_comparison)syntax->detail,
                                      args[0], args[1], out);
    }
    if (syntax->detail != '|') {
        FIRN_TRY_RETURN(adapt_both(binder, syntax->at, &args[0], &args[1]));
    }
    return firn_expr_arith_binary(binder, syntax->at, syntax->detail, args[0], args[1], out);
}

int
firn_expr_bind(struct firn_expr_binder *binder, const struct firn_expr_syntax *syntax,
               uint32_t *out)
{
    int rc;
    *out = 0;
    if (binder->depth == FIRN_EXPR_NODE_DEPTH_MAX) {
        return firn_error_set(binder->err, FIRN_LIMIT,
                              "%s%sthe expression has more than %d parts in each other",
                              binder->env->of != NULL ? binder->env->of : "",
                              binder->env->of != NULL ? ": " : "", FIRN_EXPR_NODE_DEPTH_MAX);
    }
    binder->depth++;
    switch (syntax->kind) {
    case FIRN_EXPR_SYNTAX_AND:
    case FIRN_EXPR_SYNTAX_OR:
    case FIRN_EXPR_SYNTAX_NOT:
        rc = bind_joined(binder, syntax, out);
        break;
    case FIRN_EXPR_SYNTAX_IS_NULL:
    case FIRN_EXPR_SYNTAX_IS_TRUE:
        rc = bind_is(binder, syntax, out);
        break;
    case FIRN_EXPR_SYNTAX_DISTINCT:
        rc = bind_distinct(binder, syntax, out);
        break;
    case FIRN_EXPR_SYNTAX_BETWEEN:
        rc = bind_between(binder, syntax, out);
        break;
    case FIRN_EXPR_SYNTAX_IN:
        rc = bind_in(binder, syntax, out);
        break;
    case FIRN_EXPR_SYNTAX_LIKE:
        rc = bind_like(binder, syntax, out);
        break;
    case FIRN_EXPR_SYNTAX_COMPARE:
    case FIRN_EXPR_SYNTAX_BINARY:
    case FIRN_EXPR_SYNTAX_NEGATE:
        rc = bind_operator(binder, syntax, out);
        break;
    case FIRN_EXPR_SYNTAX_CALL:
        rc = firn_expr_call_bind(binder, syntax, out);
        break;
    case FIRN_EXPR_SYNTAX_CASE:
        rc = bind_case(binder, syntax, out);
        break;
    case FIRN_EXPR_SYNTAX_CAST:
        rc = bind_cast(binder, syntax, out);
        break;
    default:
        rc = firn_expr_leaf_bind(binder, syntax, out);
        break;
    }
    DCHECK(rc != FIRN_OK || *out < binder->builder->count);
    binder->depth--;
    return rc;
}

int
firn_expr_bind_expression(struct firn_expr_binder *binder, const struct firn_expr_syntax *syntax,
                          struct firn_expr **out)
{
    struct firn_expr_builder builder = {.arena = {.chunk_size = 2048}};
    uint32_t root;
    int rc;
    binder->builder = &builder;
    binder->depth = 0;
    FIRN_TRY(firn_expr_bind(binder, syntax, &root));
    DCHECK(binder->depth == 0);
    if (builder.nodes[root].type.scale == FIRN_EXPR_SCALE_UNKNOWN) {
        rc = firn_expr_bind_fail(binder, syntax->at,
                                 "a decimal parameter takes its scale from what it is compared or "
                                 "joined with, and there is nothing here");
        goto out;
    }
    FIRN_TRY(firn_expr_extract(builder.nodes, root, out, binder->err));
out:
    binder->builder = NULL;
    firn_expr_builder_deinit(&builder);
    return rc;
}

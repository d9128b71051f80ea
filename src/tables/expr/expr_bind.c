/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_bind.c: turns a syntax tree into typed nodes.
 *
 * Every node gets its type before the node that uses it. Everything that can be decided before
 * evaluation is decided here, not for each row:
 *
 * - Operands that must have one type are cast to it. Constants are cast at once (expr_fold.c).
 * - A comparison with a constant becomes a range of values of the other operand's own type
 *   (expr_order.c). So a column of i8 is never widened, 0.123 equals no decimal(12, 2), and 2^63 is
 *   above every i64.
 * - "between", "is distinct from", nullif and the like become simple nodes with the same meaning.
 *
 * A constant text takes the type of the other operand, if that has one: in day > '2026-01-31' the
 * text is a date. The same holds for parameters that are text, for null, for x'…' and uuids, and
 * for parameters that are decimals, which come without a scale.
 */
#include "expr/expr_bind.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "text/text_value.h"

/* ---- comparisons ---- */

static enum fi_expr_comparison
mirrored(enum fi_expr_comparison comparison)
{
    switch (comparison) {
    case FI_EXPR_LESS:
        return FI_EXPR_GREATER;
    case FI_EXPR_LESS_EQUAL:
        return FI_EXPR_GREATER_EQUAL;
    case FI_EXPR_GREATER:
        return FI_EXPR_LESS;
    case FI_EXPR_GREATER_EQUAL:
        return FI_EXPR_LESS_EQUAL;
    default:
        return comparison;
    }
}

/* Compares a number, a date or a truth value with a constant. */
static int
compare_constant(struct fi_expr_binder *binder, enum fi_expr_comparison comparison, uint32_t a,
                 uint32_t b, uint32_t *out)
{
    const struct fi_expr_node *constant = fi_expr_typed_node(binder, b);
    struct fi_expr_type type = *fi_expr_typed_type_of(binder, a);
    struct fi_expr_range range;
    struct fi_expr_node node = {.op = FI_EXPR_OP_RANGE, .args = &a, .arg_count = 1};
    DCHECK(fi_expr_typed_is_constant(binder, b) && !fi_expr_typed_is_null(binder, b));
    DCHECK(fi_expr_physical(type.type) != FI_PHYSICAL_BYTES);
    fi_expr_order_range(&type, comparison, &constant->type, &constant->a, &range);
    node.type = (struct fi_expr_type){.type = FIRN_TYPE_BOOL, .is_nullable = type.is_nullable};
    node.is_negated = range.is_negated;
    node.a = range.a;
    node.b = range.b;
    if (range.is_empty) {
        /* The lower bound is above the upper one. */
        fi_expr_order_limits(&type, &node.b, &node.a);
    }
    return fi_expr_typed_make(binder, &node, out);
}

int
fi_expr_bind_compare(struct fi_expr_binder *binder, size_t at, enum fi_expr_comparison comparison,
                     uint32_t a, uint32_t b, uint32_t *out)
{
    struct fi_expr_type real = {.type = FIRN_TYPE_F64};
    struct fi_expr_type common;
    FI_TRY_RETURN(fi_expr_typed_adapt_both(binder, at, &a, &b));
    if (fi_expr_typed_is_null(binder, a) || fi_expr_typed_is_null(binder, b)) {
        return fi_expr_typed_null(binder, FIRN_TYPE_BOOL, out);
    }
    struct fi_expr_type a_type = *fi_expr_typed_type_of(binder, a);
    struct fi_expr_type b_type = *fi_expr_typed_type_of(binder, b);
    if (!fi_expr_typed_common(&a_type, &b_type, &common)) {
        return fi_expr_typed_fail_types(binder, at, &a_type, &b_type);
    }
    if (common.scale == FI_EXPR_SCALE_UNKNOWN) {
        return fi_expr_typed_unify(binder, at, &a, 1, &common);
    }
    if (common.type == FIRN_TYPE_VECTOR && comparison > FI_EXPR_NOT_EQUAL) {
        return fi_expr_typed_fail(binder, at, "vectors have no order");
    }
    if (fi_expr_typed_is_constant(binder, a) && !fi_expr_typed_is_constant(binder, b)) {
        uint32_t swap = a;
        a = b;
        b = swap;
        comparison = mirrored(comparison);
    }
    if (fi_expr_typed_is_constant(binder, b) &&
        fi_expr_physical(common.type) != FI_PHYSICAL_BYTES) {
        return compare_constant(binder, comparison, a, b, out);
    }
    if (fi_type_is_float(common.type)) {
        FI_TRY_RETURN(fi_expr_typed_cast(binder, a, &real, &a));
        FI_TRY_RETURN(fi_expr_typed_cast(binder, b, &real, &b));
    } else if (fi_type_is_time(common.type)) {
        FI_TRY_RETURN(fi_expr_typed_cast(binder, a, &common, &a));
        FI_TRY_RETURN(fi_expr_typed_cast(binder, b, &common, &b));
    }
    uint32_t args[] = {a, b};
    struct fi_expr_node node = {
        .op = FI_EXPR_OP_COMPARE, .detail = (uint8_t)comparison, .args = args, .arg_count = 2};
    node.type.type = FIRN_TYPE_BOOL;
    node.type.is_nullable = a_type.is_nullable || b_type.is_nullable;
    return fi_expr_typed_make(binder, &node, out);
}

/* ---- truth ---- */

static int
truth_node(struct fi_expr_binder *binder, const struct fi_expr_node *model, uint32_t *out)
{
    struct fi_expr_node node = *model;
    DCHECK(fi_expr_is_truth(node.op));
    node.type = (struct fi_expr_type){.type = FIRN_TYPE_BOOL};
    for (uint32_t i = 0; i < node.arg_count; i++) {
        node.type.is_nullable |= fi_expr_typed_type_of(binder, node.args[i])->is_nullable;
    }
    if (node.op == FI_EXPR_OP_IS_NULL || node.op == FI_EXPR_OP_IS_TRUE) {
        node.type.is_nullable = false;
    }
    return fi_expr_typed_make(binder, &node, out);
}

static int
negate_if(struct fi_expr_binder *binder, bool is_negated, uint32_t *node)
{
    struct fi_expr_node negation = {.op = FI_EXPR_OP_NOT, .args = node, .arg_count = 1};
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
bind_truth(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    struct fi_expr_type type = {.type = FIRN_TYPE_BOOL};
    char name[FI_TYPE_TEXT_SIZE];
    int rc;
    FI_TRY(fi_expr_bind(binder, syntax, out));
    FI_TRY(fi_expr_typed_adapt(binder, syntax->at, &type, out));
    if (fi_expr_typed_type_of(binder, *out)->type != FIRN_TYPE_BOOL) {
        rc = fi_expr_typed_fail(binder, syntax->at, "expected a condition, and this is of type %s",
                                fi_expr_type_text(fi_expr_typed_type_of(binder, *out), name));
    }
out:
    return rc;
}

/* "and", "or", "not". */
static int
bind_joined(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    struct fi_expr_node node = {.arg_count = syntax->child_count};
    uint32_t *args = fi_alloc_array(syntax->child_count, sizeof *args);
    const struct fi_expr_syntax *part = syntax->first;
    int rc = FIRN_OK;
    if (args == NULL) {
        return fi_error_no_memory(binder->err, "an expression");
    }
    for (uint32_t i = 0; i < syntax->child_count; i++, part = part->next) {
        FI_TRY(bind_truth(binder, part, &args[i]));
    }
    DCHECK(part == NULL);
    node.op = syntax->kind == FI_EXPR_SYNTAX_AND  ? FI_EXPR_OP_AND
              : syntax->kind == FI_EXPR_SYNTAX_OR ? FI_EXPR_OP_OR
                                                  : FI_EXPR_OP_NOT;
    node.args = args;
    FI_TRY(truth_node(binder, &node, out));
out:
    fi_free(args);
    return rc;
}

/* "between": one range for both bounds, if they are constants. */
static int
bind_between(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    const struct fi_expr_syntax *low = syntax->first->next;
    uint32_t value = 0;
    uint32_t bounds[2] = {0, 0};
    uint32_t args[2] = {0, 0};
    DCHECK(syntax->child_count == 3);
    FI_TRY_RETURN(fi_expr_bind(binder, syntax->first, &value));
    FI_TRY_RETURN(fi_expr_bind(binder, low, &bounds[0]));
    FI_TRY_RETURN(fi_expr_bind(binder, low->next, &bounds[1]));
    FI_TRY_RETURN(
        fi_expr_bind_compare(binder, low->at, FI_EXPR_GREATER_EQUAL, value, bounds[0], &args[0]));
    FI_TRY_RETURN(fi_expr_bind_compare(binder, low->next->at, FI_EXPR_LESS_EQUAL, value, bounds[1],
                                       &args[1]));
    struct fi_expr_node range = *fi_expr_typed_node(binder, args[0]);
    const struct fi_expr_node *upper = fi_expr_typed_node(binder, args[1]);
    if (range.op == FI_EXPR_OP_RANGE && upper->op == FI_EXPR_OP_RANGE && range.args[0] == value &&
        upper->args[0] == value) {
        range.a = fi_expr_order_same(&range.a, &upper->a) < 0 ? upper->a : range.a;
        range.b = fi_expr_order_same(&range.b, &upper->b) > 0 ? upper->b : range.b;
        FI_TRY_RETURN(fi_expr_typed_make(binder, &range, out));
    } else {
        struct fi_expr_node both = {.op = FI_EXPR_OP_AND, .args = args, .arg_count = 2};
        FI_TRY_RETURN(truth_node(binder, &both, out));
    }
    return negate_if(binder, syntax->is_negated, out);
}

static int
bind_distinct(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    uint32_t a = 0;
    uint32_t b = 0;
    uint32_t equal = 0;
    uint32_t is_null_a;
    uint32_t is_null_b;
    DCHECK(syntax->child_count == 2);
    FI_TRY_RETURN(fi_expr_bind(binder, syntax->first, &a));
    FI_TRY_RETURN(fi_expr_bind(binder, syntax->first->next, &b));
    FI_TRY_RETURN(fi_expr_bind_compare(binder, syntax->at, FI_EXPR_EQUAL, a, b, &equal));
    struct fi_expr_node node = {
        .op = FI_EXPR_OP_IS_TRUE, .detail = 1, .args = &equal, .arg_count = 1};
    FI_TRY_RETURN(truth_node(binder, &node, out));
    node = (struct fi_expr_node){.op = FI_EXPR_OP_IS_NULL, .args = &a, .arg_count = 1};
    FI_TRY_RETURN(truth_node(binder, &node, &is_null_a));
    node.args = &b;
    FI_TRY_RETURN(truth_node(binder, &node, &is_null_b));
    uint32_t both[] = {is_null_a, is_null_b};
    node = (struct fi_expr_node){.op = FI_EXPR_OP_AND, .args = both, .arg_count = 2};
    FI_TRY_RETURN(truth_node(binder, &node, &is_null_a));
    uint32_t either[] = {*out, is_null_a};
    node = (struct fi_expr_node){.op = FI_EXPR_OP_OR, .args = either, .arg_count = 2};
    FI_TRY_RETURN(truth_node(binder, &node, out));
    return negate_if(binder, !syntax->is_negated, out);
}

static int
order_cells(const void *a, const void *b)
{
    return fi_expr_order_same((const struct fi_cell *)a, (const struct fi_cell *)b);
}

/* Entries of an "in" list: each becomes one value of the list, or a condition of its own. */
struct in_list {
    uint32_t value;
    struct fi_cell *cells;
    size_t cell_count;
    uint32_t *args;
    size_t arg_count;
    uint32_t none; /* the condition of an entry that equals no value */
    bool has_none;
};

static int
add_entry(struct fi_expr_binder *binder, struct in_list *list, const struct fi_expr_syntax *syntax)
{
    uint32_t entry;
    uint32_t equal;
    FI_TRY_RETURN(fi_expr_bind(binder, syntax, &entry));
    FI_TRY_RETURN(
        fi_expr_bind_compare(binder, syntax->at, FI_EXPR_EQUAL, list->value, entry, &equal));
    const struct fi_expr_node *node = fi_expr_typed_node(binder, equal);
    bool is_range = node->op == FI_EXPR_OP_RANGE && node->args[0] == list->value;
    int order = is_range ? fi_expr_order_same(&node->a, &node->b) : -1;
    if (order > 0) {
        list->has_none = true;
        list->none = equal;
    } else if (order == 0) {
        list->cells[list->cell_count++] = node->a;
    } else if (node->op == FI_EXPR_OP_COMPARE && node->args[0] == list->value &&
               fi_expr_typed_is_constant(binder, node->args[1])) {
        list->cells[list->cell_count++] = fi_expr_typed_node(binder, node->args[1])->a;
    } else {
        list->args[list->arg_count++] = equal;
    }
    return FIRN_OK;
}

static int
bind_in(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    struct in_list list = {.value = 0};
    size_t room = syntax->child_count;
    int rc;
    list.cells = fi_alloc_array(room, sizeof *list.cells);
    list.args = fi_alloc_zeroed((room + 1) * sizeof *list.args);
    if (list.cells == NULL || list.args == NULL) {
        FI_TRY(fi_error_no_memory(binder->err, "an expression"));
    }
    FI_TRY(fi_expr_bind(binder, syntax->first, &list.value));
    for (const struct fi_expr_syntax *part = syntax->first->next; part != NULL; part = part->next) {
        FI_TRY(add_entry(binder, &list, part));
    }
    DCHECK(list.cell_count + list.arg_count < room); /* the first child is no entry */
    if (list.cell_count > 0) {
        size_t kept = 1;
        fi_sort(list.cells, list.cell_count, sizeof *list.cells, order_cells);
        for (size_t i = 1; i < list.cell_count; i++) {
            if (fi_expr_order_same(&list.cells[kept - 1], &list.cells[i]) != 0) {
                list.cells[kept++] = list.cells[i];
            }
        }
        struct fi_expr_node node = {.op = FI_EXPR_OP_IN,
                                    .args = &list.value,
                                    .arg_count = 1,
                                    .list = list.cells,
                                    .list_count = kept};
        FI_TRY(truth_node(binder, &node, &list.args[list.arg_count]));
        list.arg_count++;
    }
    if (list.arg_count == 0) {
        DCHECK(list.has_none);
        list.args[list.arg_count++] = list.none;
    }
    struct fi_expr_node any = {
        .op = FI_EXPR_OP_OR, .args = list.args, .arg_count = (uint32_t)list.arg_count};
    *out = list.args[0];
    if (list.arg_count > 1) {
        FI_TRY(truth_node(binder, &any, out));
    }
    FI_TRY(negate_if(binder, syntax->is_negated, out));
out:
    fi_free(list.cells);
    fi_free(list.args);
    return rc;
}

static int
bind_like(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    struct fi_expr_type text = {.type = FIRN_TYPE_TEXT};
    uint32_t args[2];
    DCHECK(syntax->child_count == 2);
    FI_TRY_RETURN(fi_expr_bind(binder, syntax->first, &args[0]));
    FI_TRY_RETURN(fi_expr_bind(binder, syntax->first->next, &args[1]));
    FI_TRY_RETURN(fi_expr_typed_adapt(binder, syntax->at, &text, &args[0]));
    FI_TRY_RETURN(fi_expr_typed_adapt(binder, syntax->at, &text, &args[1]));
    if (fi_expr_typed_type_of(binder, args[0])->type != FIRN_TYPE_TEXT ||
        fi_expr_typed_type_of(binder, args[1])->type != FIRN_TYPE_TEXT) {
        return fi_expr_typed_fail(binder, syntax->at, "\"like\" compares texts only");
    }
    struct fi_expr_node node = {.op = FI_EXPR_OP_LIKE, .args = args, .arg_count = 2};
    firn_slice pattern = fi_expr_typed_node(binder, args[1])->a.as.bytes;
    if (fi_expr_typed_is_constant(binder, args[1]) && !fi_expr_typed_is_null(binder, args[1]) &&
        pattern.size > 0 && memchr(pattern.data, '_', pattern.size) == NULL &&
        memchr(pattern.data, '%', pattern.size) == pattern.data + pattern.size - 1) {
        struct fi_cell cell = {.kind = FI_PHYSICAL_BYTES,
                               .as.bytes = firn_bytes(pattern.data, pattern.size - 1)};
        FI_TRY_RETURN(fi_expr_typed_constant(binder, &text, &cell, &args[1]));
        node.op = FI_EXPR_OP_PREFIX;
    }
    FI_TRY_RETURN(truth_node(binder, &node, out));
    return negate_if(binder, syntax->is_negated, out);
}

static int
bind_is(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    struct fi_expr_node node = {.op = FI_EXPR_OP_IS_NULL, .detail = syntax->detail, .arg_count = 1};
    uint32_t arg;
    DCHECK(syntax->child_count == 1);
    if (syntax->kind == FI_EXPR_SYNTAX_IS_TRUE) {
        node.op = FI_EXPR_OP_IS_TRUE;
        FI_TRY_RETURN(bind_truth(binder, syntax->first, &arg));
    } else {
        FI_TRY_RETURN(fi_expr_bind(binder, syntax->first, &arg));
    }
    node.args = &arg;
    node.is_negated = syntax->is_negated;
    return truth_node(binder, &node, out);
}

/* ---- the other nodes ---- */

static int
bind_case(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    uint32_t branches = syntax->child_count / 2;
    uint32_t count = 2 * branches + 1;
    uint32_t *args = fi_alloc_array(count, sizeof *args);
    uint32_t *values = fi_alloc_array((size_t)branches + 1, sizeof *values);
    struct fi_expr_node node = {.op = FI_EXPR_OP_CASE, .arg_count = count};
    const struct fi_expr_syntax *part = syntax->first;
    bool is_nullable = false;
    int rc;
    DCHECK(branches > 0 && syntax->child_count % 2 == syntax->detail);
    if (args == NULL || values == NULL) {
        FI_TRY(fi_error_no_memory(binder->err, "an expression"));
    }
    for (uint32_t i = 0; i < branches; i++, part = part->next->next) {
        FI_TRY(bind_truth(binder, part, &args[2 * (size_t)i]));
        FI_TRY(fi_expr_bind(binder, part->next, &values[i]));
    }
    FI_TRY(syntax->detail != 0 ? fi_expr_bind(binder, part, &values[branches])
                               : fi_expr_typed_null(binder, FIRN_TYPE_NULL, &values[branches]));
    FI_TRY(fi_expr_typed_unify(binder, syntax->at, values, (size_t)branches + 1, &node.type));
    for (uint32_t i = 0; i <= branches; i++) {
        args[i < branches ? 2 * i + 1 : 2 * i] = values[i];
        is_nullable |= fi_expr_typed_type_of(binder, values[i])->is_nullable;
    }
    node.type.is_nullable = is_nullable;
    node.args = args;
    FI_TRY(fi_expr_typed_make(binder, &node, out));
out:
    fi_free(args);
    fi_free(values);
    return rc;
}

static int
bind_cast(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    char names[2][FI_TYPE_TEXT_SIZE];
    uint32_t arg;
    FI_TRY_RETURN(fi_expr_bind(binder, syntax->first, &arg));
    if (fi_expr_typed_type_of(binder, arg)->scale == FI_EXPR_SCALE_UNKNOWN) {
        FI_TRY_RETURN(fi_expr_typed_adapt(binder, syntax->at, syntax->type, &arg));
    }
    if (fi_expr_typed_is_constant(binder, arg) &&
        fi_expr_typed_type_of(binder, arg)->type == FIRN_TYPE_TEXT &&
        !fi_expr_typed_is_null(binder, arg) &&
        (fi_type_is_time(syntax->type->type) ||
         fi_type_class_of(syntax->type->type) == FI_TYPE_CLASS_FIXED)) {
        *out = arg;
        return fi_expr_typed_adapt_text(binder, syntax->at, syntax->type, out);
    }
    if (!fi_expr_typed_is_null(binder, arg) &&
        (fi_expr_typed_type_of(binder, arg)->scale == FI_EXPR_SCALE_UNKNOWN ||
         !fi_expr_cast_is_allowed(fi_expr_typed_type_of(binder, arg), syntax->type))) {
        return fi_expr_typed_fail(binder, syntax->at, "%s cannot be cast to %s",
                                  fi_expr_type_text(fi_expr_typed_type_of(binder, arg), names[0]),
                                  fi_expr_type_text(syntax->type, names[1]));
    }
    return fi_expr_typed_cast(binder, arg, syntax->type, out);
}

static int
bind_operator(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    uint32_t args[2] = {0, 0};
    if (syntax->kind == FI_EXPR_SYNTAX_NEGATE && syntax->first->kind == FI_EXPR_SYNTAX_NUMBER) {
        return fi_expr_leaf_number(binder, syntax->first, true, out);
    }
    FI_TRY_RETURN(fi_expr_bind(binder, syntax->first, &args[0]));
    if (syntax->kind == FI_EXPR_SYNTAX_NEGATE) {
        return fi_expr_arith_negate(binder, syntax->at, args[0], out);
    }
    FI_TRY_RETURN(fi_expr_bind(binder, syntax->first->next, &args[1]));
    if (syntax->kind == FI_EXPR_SYNTAX_COMPARE) {
        return fi_expr_bind_compare(binder, syntax->at, (enum fi_expr_comparison)syntax->detail,
                                    args[0], args[1], out);
    }
    if (syntax->detail != '|') {
        FI_TRY_RETURN(fi_expr_typed_adapt_both(binder, syntax->at, &args[0], &args[1]));
    }
    return fi_expr_arith_binary(binder, syntax->at, syntax->detail, args[0], args[1], out);
}

int
fi_expr_bind(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    int rc;
    *out = 0;
    if (binder->depth == FI_EXPR_NODE_DEPTH_MAX) {
        return fi_error_set(binder->err, FIRN_LIMIT,
                            "%s%sthe expression has more than %d parts in each other",
                            binder->env->of != NULL ? binder->env->of : "",
                            binder->env->of != NULL ? ": " : "", FI_EXPR_NODE_DEPTH_MAX);
    }
    binder->depth++;
    switch (syntax->kind) {
    case FI_EXPR_SYNTAX_AND:
    case FI_EXPR_SYNTAX_OR:
    case FI_EXPR_SYNTAX_NOT:
        rc = bind_joined(binder, syntax, out);
        break;
    case FI_EXPR_SYNTAX_IS_NULL:
    case FI_EXPR_SYNTAX_IS_TRUE:
        rc = bind_is(binder, syntax, out);
        break;
    case FI_EXPR_SYNTAX_DISTINCT:
        rc = bind_distinct(binder, syntax, out);
        break;
    case FI_EXPR_SYNTAX_BETWEEN:
        rc = bind_between(binder, syntax, out);
        break;
    case FI_EXPR_SYNTAX_IN:
        rc = bind_in(binder, syntax, out);
        break;
    case FI_EXPR_SYNTAX_LIKE:
        rc = bind_like(binder, syntax, out);
        break;
    case FI_EXPR_SYNTAX_COMPARE:
    case FI_EXPR_SYNTAX_BINARY:
    case FI_EXPR_SYNTAX_NEGATE:
        rc = bind_operator(binder, syntax, out);
        break;
    case FI_EXPR_SYNTAX_CALL:
        rc = fi_expr_call_bind(binder, syntax, out);
        break;
    case FI_EXPR_SYNTAX_CASE:
        rc = bind_case(binder, syntax, out);
        break;
    case FI_EXPR_SYNTAX_CAST:
        rc = bind_cast(binder, syntax, out);
        break;
    default:
        rc = fi_expr_leaf_bind(binder, syntax, out);
        break;
    }
    DCHECK(rc != FIRN_OK || *out < binder->builder->count);
    binder->depth--;
    return rc;
}

int
fi_expr_bind_expression(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax,
                        struct fi_expr **out)
{
    struct fi_expr_builder builder = {.arena = {.chunk_size = 2048}};
    uint32_t root;
    int rc;
    binder->builder = &builder;
    binder->depth = 0;
    FI_TRY(fi_expr_bind(binder, syntax, &root));
    DCHECK(binder->depth == 0);
    if (builder.nodes[root].type.scale == FI_EXPR_SCALE_UNKNOWN) {
        rc = fi_expr_typed_fail(binder, syntax->at,
                                "a decimal parameter takes its scale from what it is compared or "
                                "joined with, and there is nothing here");
        goto out;
    }
    FI_TRY(fi_expr_extract(builder.nodes, root, out, binder->err));
out:
    binder->builder = NULL;
    fi_expr_builder_deinit(&builder);
    return rc;
}

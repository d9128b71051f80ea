/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_typed.c: typed nodes: making them, casting them, and giving several one type.
 *
 * The low half of binding. expr_bind.c walks the syntax tree and decides which nodes are needed;
 * leaves, arithmetic and functions (expr_leaf.c, expr_arith.c, expr_call.c) make theirs here too.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "expr/expr_bind.h"
#include "text/text_value.h"

/* ---- messages ---- */

int
fi_expr_typed_fail(struct fi_expr_binder *binder, size_t at, const char *format, ...)
{
    char place[FI_EXPR_PLACE_SIZE];
    char what[FIRN_ERROR_TEXT_SIZE - FI_EXPR_PLACE_SIZE - 4];
    va_list args;
    DCHECK(at <= binder->text.size);
    va_start(args, format);
    (void)vsnprintf(what, sizeof what, format, args);
    va_end(args);
    (void)fi_expr_parse_place(binder->env->of, binder->text, at, place);
    return fi_error_set(binder->err, FIRN_INVALID, "%s: %s", place, what);
}

const struct fi_expr_node *
fi_expr_typed_node(const struct fi_expr_binder *binder, uint32_t node)
{
    DCHECK(node < binder->builder->count);
    return &binder->builder->nodes[node];
}

int
fi_expr_typed_make(struct fi_expr_binder *binder, const struct fi_expr_node *model, uint32_t *out)
{
    for (uint32_t i = 0; i < model->arg_count; i++) {
        if (fi_expr_typed_type_of(binder, model->args[i])->scale == FI_EXPR_SCALE_UNKNOWN) {
            return fi_expr_typed_fail(binder, 0,
                                      "a decimal parameter takes its scale from what it is "
                                      "compared or joined with, and there is nothing here");
        }
    }
    return fi_expr_fold(binder->builder, model, out, binder->err);
}

int
fi_expr_typed_constant(struct fi_expr_binder *binder, const struct fi_expr_type *type,
                       const struct fi_cell *cell, uint32_t *out)
{
    struct fi_expr_node node = {.op = FI_EXPR_OP_CONSTANT, .type = *type, .a = *cell};
    DCHECK(cell->kind == FI_PHYSICAL_NONE || cell->kind == fi_expr_physical(type->type));
    node.type.is_nullable = cell->kind == FI_PHYSICAL_NONE;
    return fi_expr_builder_add(binder->builder, &node, out, binder->err);
}

int
fi_expr_typed_null(struct fi_expr_binder *binder, firn_type type, uint32_t *out)
{
    struct fi_expr_type null_type = {.type = type};
    struct fi_cell cell = {.kind = FI_PHYSICAL_NONE};
    return fi_expr_typed_constant(binder, &null_type, &cell, out);
}

/* ---- types ---- */

static bool
is_same_type(const struct fi_expr_type *a, const struct fi_expr_type *b)
{
    return a->type == b->type && a->scale == b->scale && a->precision == b->precision &&
           a->dimensions == b->dimensions;
}

int
fi_expr_typed_cast(struct fi_expr_binder *binder, uint32_t node, const struct fi_expr_type *type,
                   uint32_t *out)
{
    const struct fi_expr_type *from = fi_expr_typed_type_of(binder, node);
    struct fi_expr_node cast = {.op = FI_EXPR_OP_CAST, .type = *type};
    if (is_same_type(from, type)) {
        *out = node;
        return FIRN_OK;
    }
    if (fi_expr_typed_is_null(binder, node)) {
        struct fi_cell cell = {.kind = FI_PHYSICAL_NONE};
        return fi_expr_typed_constant(binder, type, &cell, out);
    }
    DCHECK(fi_expr_cast_is_allowed(from, type));
    cast.type.is_nullable = from->is_nullable;
    cast.args = &node;
    cast.arg_count = 1;
    return fi_expr_typed_make(binder, &cast, out);
}

static int
fail_constant(struct fi_expr_binder *binder, size_t at, firn_slice text,
              const struct fi_expr_type *type)
{
    char shown[FI_TEXT_VALUE_SHORT_SIZE];
    char name[FI_TYPE_TEXT_SIZE];
    fi_text_value_shorten(text, shown);
    return fi_expr_typed_fail(binder, at, "'%s' is not a value of type %s", shown,
                              fi_expr_type_text(type, name));
}

int
fi_expr_typed_adapt_text(struct fi_expr_binder *binder, size_t at, const struct fi_expr_type *type,
                         uint32_t *node)
{
    struct fi_expr_type own = *fi_expr_typed_type_of(binder, *node);
    firn_slice text = fi_expr_typed_node(binder, *node)->a.as.bytes;
    struct fi_buf memory = {.data = NULL};
    struct fi_expr_type target = *type;
    struct fi_cell cell = {.kind = FI_PHYSICAL_BYTES, .as.bytes = text};
    struct fi_cell result;
    int rc;
    DCHECK(own.type == FIRN_TYPE_TEXT);
    if (fi_type_is_integer(type->type) || type->type == FIRN_TYPE_DECIMAL) {
        bool is_negative = text.size > 0 && text.data[0] == '-';
        firn_slice digits =
            firn_bytes(text.data + (is_negative ? 1 : 0), text.size - (is_negative ? 1 : 0));
        if (digits.size == 0 ||
            fi_expr_literal_number(digits, is_negative, &target, &result) != NULL) {
            return fail_constant(binder, at, text, type);
        }
        return fi_expr_typed_constant(binder, &target, &result, node);
    }
    rc = fi_expr_cast_cell(&own, &cell, &target, &memory, &result, NULL);
    if (rc == FIRN_INVALID || rc == FIRN_LIMIT) {
        rc = fail_constant(binder, at, text, type);
    } else if (rc == FIRN_OK) {
        rc = fi_expr_typed_constant(binder, &target, &result, node);
    } else {
        rc = fi_error_no_memory(binder->err, "an expression");
    }
    fi_buf_deinit(&memory);
    return rc;
}

int
fi_expr_typed_adapt(struct fi_expr_binder *binder, size_t at, const struct fi_expr_type *type,
                    uint32_t *node)
{
    const struct fi_expr_node *constant = fi_expr_typed_node(binder, *node);
    struct fi_expr_type target = *type;
    if (constant->op != FI_EXPR_OP_CONSTANT || type->type == FIRN_TYPE_NULL) {
        return FIRN_OK;
    }
    if (constant->type.type == FIRN_TYPE_NULL) {
        return fi_expr_typed_cast(binder, *node, &target, node);
    }
    if (constant->type.type == FIRN_TYPE_TEXT && type->type != FIRN_TYPE_TEXT &&
        constant->a.kind == FI_PHYSICAL_BYTES) {
        return fi_expr_typed_adapt_text(binder, at, type, node);
    }
    if (constant->type.type == FIRN_TYPE_BLOB && constant->a.kind == FI_PHYSICAL_BYTES &&
        constant->a.as.bytes.size > 0 &&
        constant->a.as.bytes.size == fi_type_bytes_size(type->type, type->dimensions)) {
        struct fi_cell cell = constant->a;
        return fi_expr_typed_constant(binder, &target, &cell, node);
    }
    if (constant->type.type == FIRN_TYPE_DECIMAL && constant->type.scale == FI_EXPR_SCALE_UNKNOWN &&
        type->type == FIRN_TYPE_DECIMAL && type->scale != FI_EXPR_SCALE_UNKNOWN) {
        struct fi_cell cell = constant->a;
        target.precision = FI_EXPR_PRECISION_MAX;
        return fi_expr_typed_constant(binder, &target, &cell, node);
    }
    return FIRN_OK;
}

int
fi_expr_typed_adapt_both(struct fi_expr_binder *binder, size_t at, uint32_t *a, uint32_t *b)
{
    struct fi_expr_type a_type = *fi_expr_typed_type_of(binder, *a);
    struct fi_expr_type b_type = *fi_expr_typed_type_of(binder, *b);
    FI_TRY_RETURN(fi_expr_typed_adapt(binder, at, &b_type, a));
    return fi_expr_typed_adapt(binder, at, &a_type, b);
}

static uint32_t
whole_digits(const struct fi_expr_type *type)
{
    return type->type == FIRN_TYPE_DECIMAL ? type->precision - type->scale : FI_EXPR_PRECISION_MAX;
}

bool
fi_expr_typed_common(const struct fi_expr_type *a, const struct fi_expr_type *b,
                     struct fi_expr_type *out)
{
    *out = *a;
    if (a->type == FIRN_TYPE_NULL || is_same_type(a, b)) {
        *out = *b;
    } else if (b->type == FIRN_TYPE_NULL) {
        *out = *a;
    } else if (fi_type_is_number(a->type) && fi_type_is_number(b->type)) {
        *out = (struct fi_expr_type){.type = FIRN_TYPE_I64};
        if (fi_type_is_float(a->type) || fi_type_is_float(b->type)) {
            out->type = FIRN_TYPE_F64;
        } else if (a->type == FIRN_TYPE_DECIMAL || b->type == FIRN_TYPE_DECIMAL) {
            uint32_t whole = whole_digits(a) > whole_digits(b) ? whole_digits(a) : whole_digits(b);
            out->type = FIRN_TYPE_DECIMAL;
            out->scale = a->scale > b->scale ? a->scale : b->scale;
            out->precision = whole + out->scale < FI_EXPR_PRECISION_MAX ? whole + out->scale
                                                                        : FI_EXPR_PRECISION_MAX;
        } else if (fi_type_is_unsigned(a->type) && fi_type_is_unsigned(b->type)) {
            out->type = FIRN_TYPE_U64;
        }
    } else if (fi_type_is_time(a->type) && fi_type_is_time(b->type)) {
        *out = (struct fi_expr_type){.type = FIRN_TYPE_TIMESTAMP};
    } else {
        return a->type == b->type && a->dimensions == b->dimensions && a->type != FIRN_TYPE_DECIMAL;
    }
    return true;
}

int
fi_expr_typed_fail_types(struct fi_expr_binder *binder, size_t at, const struct fi_expr_type *a,
                         const struct fi_expr_type *b)
{
    char names[2][FI_TYPE_TEXT_SIZE];
    return fi_expr_typed_fail(binder, at, "%s and %s have no type in common: use cast(… as TYPE)",
                              fi_expr_type_text(a, names[0]), fi_expr_type_text(b, names[1]));
}

int
fi_expr_typed_unify(struct fi_expr_binder *binder, size_t at, uint32_t *nodes, size_t count,
                    struct fi_expr_type *out_type)
{
    struct fi_expr_type type = {.type = FIRN_TYPE_NULL};
    DCHECK(count > 0);
    /* First the nodes that have a type of their own; then texts and the like, which take that
     * type. */
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < count; i++) {
            bool is_loose =
                fi_expr_typed_is_constant(binder, nodes[i]) &&
                (fi_expr_typed_type_of(binder, nodes[i])->type == FIRN_TYPE_TEXT ||
                 fi_expr_typed_type_of(binder, nodes[i])->type == FIRN_TYPE_BLOB ||
                 fi_expr_typed_type_of(binder, nodes[i])->scale == FI_EXPR_SCALE_UNKNOWN);
            if (is_loose != (round == 1)) {
                continue;
            }
            FI_TRY_RETURN(fi_expr_typed_adapt(binder, at, &type, &nodes[i]));
            struct fi_expr_type before = type;
            if (!fi_expr_typed_common(&before, fi_expr_typed_type_of(binder, nodes[i]), &type)) {
                return fi_expr_typed_fail_types(binder, at, &before,
                                                fi_expr_typed_type_of(binder, nodes[i]));
            }
        }
    }
    if (type.scale == FI_EXPR_SCALE_UNKNOWN) {
        return fi_expr_typed_fail(binder, at,
                                  "a decimal parameter takes its scale from what it is compared "
                                  "or joined with, and there is nothing here");
    }
    for (size_t i = 0; i < count; i++) {
        FI_TRY_RETURN(fi_expr_typed_cast(binder, nodes[i], &type, &nodes[i]));
        DCHECK(is_same_type(fi_expr_typed_type_of(binder, nodes[i]), &type));
    }
    *out_type = type;
    return FIRN_OK;
}

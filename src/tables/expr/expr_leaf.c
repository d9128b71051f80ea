/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_leaf.c: the leaves of the tree: columns, parameters and literals.
 *
 * A name means a column, or, if there is none, the expression of a selected item with that "as"
 * name. A question mark is a constant with the value of the next parameter. A decimal parameter
 * comes without a scale: it gets the scale of the other operand (expr_bind.c), and is refused
 * elsewhere.
 */
#include "base/check.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "expr/expr_bind.h"
#include "text/text_value.h"

static int
bind_parameter(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    const struct fi_expr_env *env = binder->env;
    size_t number = *binder->next_parameter;
    if (number >= env->parameter_count) {
        return fi_expr_typed_fail(binder, syntax->at,
                                  "there are %zu parameters, and this is question mark %zu",
                                  env->parameter_count, number + 1);
    }
    const firn_value *value = &env->parameters[number];
    struct fi_expr_type type = {.type = value->type};
    (*binder->next_parameter)++;
    if ((unsigned)value->type > FIRN_TYPE_MAX) {
        return fi_expr_typed_fail(binder, syntax->at, "parameter %zu has no type", number + 1);
    }
    struct fi_cell cell = fi_cell_of(value);
    if (value->type == FIRN_TYPE_DECIMAL) {
        type.precision = FI_EXPR_PRECISION_MAX;
        type.scale = FI_EXPR_SCALE_UNKNOWN;
        if (cell.as.i64 > fi_expr_decimal_max || cell.as.i64 < -fi_expr_decimal_max) {
            return fi_expr_typed_fail(binder, syntax->at, "parameter %zu has more than 18 digits",
                                      number + 1);
        }
    }
    if (value->type == FIRN_TYPE_VECTOR) {
        type.dimensions = (uint32_t)(cell.as.bytes.size / 4);
    } else if (fi_type_bytes_size(value->type, 0) > 0 &&
               cell.as.bytes.size != fi_type_bytes_size(value->type, 0)) {
        return fi_expr_typed_fail(binder, syntax->at, "parameter %zu is a %s of %zu bytes",
                                  number + 1, firn_type_name(value->type), cell.as.bytes.size);
    }
    return fi_expr_typed_constant(binder, &type, &cell, out);
}

/* How many letters differ in two similar names; large if the names are not similar. */
static size_t
name_distance(firn_slice a, firn_slice b)
{
    size_t start = 0;
    size_t end = 0;
    while (start < a.size && start < b.size && (a.data[start] | 0x20) == (b.data[start] | 0x20)) {
        start++;
    }
    while (end < a.size - start && end < b.size - start &&
           (a.data[a.size - 1 - end] | 0x20) == (b.data[b.size - 1 - end] | 0x20)) {
        end++;
    }
    size_t longer = a.size > b.size ? a.size : b.size;
    DCHECK(start + end <= longer);
    return longer - start - end;
}

static int
fail_name(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax)
{
    const struct fi_schema *schema = binder->env->schema;
    char name[FI_TEXT_VALUE_SHORT_SIZE];
    char near_name[FI_TEXT_VALUE_SHORT_SIZE];
    const struct fi_schema_column *nearest = NULL;
    size_t least = syntax->text.size / 3 + 2;
    for (size_t i = 0; i < schema->column_count; i++) {
        size_t distance = name_distance(schema->columns[i].name, syntax->text);
        if (distance < least) {
            least = distance;
            nearest = &schema->columns[i];
        }
    }
    fi_text_value_shorten(syntax->text, name);
    int rc;
    if (nearest != NULL) {
        fi_text_value_shorten(nearest->name, near_name);
        rc = fi_expr_typed_fail(binder, syntax->at,
                                "there is no column \"%s\"; perhaps \"%s\" is meant", name,
                                near_name);
    } else {
        rc = fi_expr_typed_fail(binder, syntax->at, "there is no column \"%s\"", name);
    }
    DCHECK(rc == FIRN_INVALID);
    if (binder->err != NULL) {
        binder->err->code = FIRN_NOT_FOUND;
    }
    return FIRN_NOT_FOUND;
}

static const struct fi_expr_item *
find_selected(const struct fi_expr_binder *binder, firn_slice name)
{
    const struct fi_expr_list *selected = binder->env->selected;
    for (size_t i = 0; selected != NULL && i < selected->count; i++) {
        if (fi_slice_equal(selected->items[i].name, name)) {
            return &selected->items[i];
        }
    }
    return NULL;
}

static int
bind_name(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    const struct fi_schema_column *column = fi_schema_find(binder->env->schema, syntax->text);
    const struct fi_expr_item *item = find_selected(binder, syntax->text);
    if (column == NULL && item != NULL && !binder->is_in_aggregate) {
        struct fi_expr_graft graft = {.nodes = item->expr->nodes, .root = fi_expr_root(item->expr)};
        if (item->expr->has_aggregates && binder->env->no_aggregates) {
            return fi_expr_typed_fail(binder, syntax->at, "there can be no aggregates here");
        }
        return fi_expr_builder_graft(binder->builder, &graft, out, binder->err);
    }
    if (column == NULL) {
        return fail_name(binder, syntax);
    }
    DCHECK(column >= binder->env->schema->columns &&
           column < binder->env->schema->columns + binder->env->schema->column_count);
    struct fi_expr_node node = {.op = FI_EXPR_OP_COLUMN,
                                .number = (uint32_t)(column - binder->env->schema->columns)};
    node.a = (struct fi_cell){.kind = FI_PHYSICAL_BYTES, .as.bytes = column->name};
    node.type = (struct fi_expr_type){.type = column->type,
                                      .precision = column->precision,
                                      .scale = column->scale,
                                      .dimensions = column->dimensions,
                                      .is_nullable = column->is_nullable};
    return fi_expr_builder_add(binder->builder, &node, out, binder->err);
}

int
fi_expr_leaf_number(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax,
                    bool is_negative, uint32_t *out)
{
    struct fi_expr_type type;
    struct fi_cell cell;
    const char *wrong = fi_expr_literal_number(syntax->text, is_negative, &type, &cell);
    if (wrong != NULL) {
        return fi_expr_typed_fail(binder, syntax->at, "the number %s", wrong);
    }
    return fi_expr_typed_constant(binder, &type, &cell, out);
}

static int
bind_bytes(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    struct fi_expr_type type = {.type = FIRN_TYPE_TEXT};
    struct fi_cell cell = {.kind = FI_PHYSICAL_BYTES, .as.bytes = syntax->text};
    struct fi_buf bytes = {.data = NULL};
    int rc = FIRN_OK;
    if (syntax->kind == FI_EXPR_SYNTAX_HEX) {
        size_t size = syntax->text.size / 2;
        type.type = FIRN_TYPE_BLOB;
        FI_TRY(fi_buf_set_size(&bytes, size + 1));
        if (syntax->text.size % 2 != 0 ||
            (size > 0 && !fi_hex_decode((const char *)syntax->text.data, bytes.data, size))) {
            rc = fi_expr_typed_fail(binder, syntax->at, "x'…' has pairs of hexadecimal digits");
            goto out;
        }
        cell.as.bytes = firn_bytes(bytes.data, size);
    }
    FI_TRY(fi_expr_typed_constant(binder, &type, &cell, out));
out:
    fi_buf_deinit(&bytes);
    return rc;
}

int
fi_expr_leaf_bind(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    struct fi_expr_type type = {.type = FIRN_TYPE_BOOL};
    struct fi_cell cell = {.kind = FI_PHYSICAL_U64, .as.u64 = syntax->detail};
    switch (syntax->kind) {
    case FI_EXPR_SYNTAX_NUMBER:
        return fi_expr_leaf_number(binder, syntax, false, out);
    case FI_EXPR_SYNTAX_STRING:
    case FI_EXPR_SYNTAX_HEX:
        return bind_bytes(binder, syntax, out);
    case FI_EXPR_SYNTAX_NULL:
        return fi_expr_typed_null(binder, FIRN_TYPE_NULL, out);
    case FI_EXPR_SYNTAX_BOOL:
        return fi_expr_typed_constant(binder, &type, &cell, out);
    case FI_EXPR_SYNTAX_PARAMETER:
        return bind_parameter(binder, syntax, out);
    case FI_EXPR_SYNTAX_STAR:
        return fi_expr_typed_fail(binder, syntax->at, "* stands alone, or in count(*)");
    default:
        DCHECK(syntax->kind == FI_EXPR_SYNTAX_NAME);
        return bind_name(binder, syntax, out);
    }
}

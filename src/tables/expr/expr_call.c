/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_call.c: functions by their names, with the types of their arguments and results.
 *
 * One table says how many arguments each has and which function below makes its node. Units of time
 * and the digits of round are constants: they belong to the node.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "expr/expr_bind.h"
#include "text/text_value.h"

struct call;
typedef int (*bind_function)(struct fi_expr_binder *binder, struct call *call, uint32_t *out);
struct function {
    const char *name;
    uint32_t args_min;
    uint32_t args_max;
    bind_function bind;
    int detail;
};
struct call {
    const struct function *function;
    const struct fi_expr_syntax *syntax;
    uint32_t *args;
    uint32_t count;
};

static const struct fi_expr_type *
type_of(const struct fi_expr_binder *binder, uint32_t node)
{
    return &fi_expr_typed_node(binder, node)->type;
}

static int
fail_argument(struct fi_expr_binder *binder, const struct call *call, uint32_t i,
              const char *wanted)
{
    char name[FI_TYPE_TEXT_SIZE];
    return fi_expr_typed_fail(binder, call->syntax->at, "%s takes %s, not %s", call->function->name,
                              wanted, fi_expr_type_text(type_of(binder, call->args[i]), name));
}

static int
adapt_to(struct fi_expr_binder *binder, struct call *call, uint32_t i, firn_type type)
{
    struct fi_expr_type target = {.type = type};
    return fi_expr_typed_adapt(binder, call->syntax->at, &target, &call->args[i]);
}

/* A node of all arguments that is null if one of them is. */
static int
expr_call_make(struct fi_expr_binder *binder, const struct call *call,
               const struct fi_expr_node *model, uint32_t *out)
{
    struct fi_expr_node node = *model;
    node.args = call->args;
    node.arg_count = call->count;
    node.type.is_nullable = false;
    DCHECK(call->count > 0);
    for (uint32_t i = 0; i < call->count; i++) {
        node.type.is_nullable |= type_of(binder, call->args[i])->is_nullable;
    }
    return fi_expr_typed_make(binder, &node, out);
}

/* ---- any type ---- */

static int
bind_coalesce(struct fi_expr_binder *binder, struct call *call, uint32_t *out)
{
    struct fi_expr_node node = {.op = (enum fi_expr_op)call->function->detail,
                                .args = call->args,
                                .arg_count = call->count};
    bool is_nullable = true;
    FI_TRY_RETURN(
        fi_expr_typed_unify(binder, call->syntax->at, call->args, call->count, &node.type));
    if (node.op != FI_EXPR_OP_COALESCE && node.type.type == FIRN_TYPE_VECTOR) {
        return fail_argument(binder, call, 0, "what has an order");
    }
    for (uint32_t i = 0; i < call->count; i++) {
        is_nullable = is_nullable && type_of(binder, call->args[i])->is_nullable;
    }
    node.type.is_nullable = is_nullable;
    if (call->count == 1) {
        *out = call->args[0];
        return FIRN_OK;
    }
    return fi_expr_typed_make(binder, &node, out);
}

static int
bind_nullif(struct fi_expr_binder *binder, struct call *call, uint32_t *out)
{
    struct fi_expr_node node = {.op = FI_EXPR_OP_CASE, .arg_count = 3};
    struct fi_cell null_cell = {.kind = FI_PHYSICAL_NONE};
    uint32_t args[3];
    DCHECK(call->count == 2);
    FI_TRY_RETURN(fi_expr_typed_adapt(binder, call->syntax->at, type_of(binder, call->args[1]),
                                      &call->args[0]));
    node.type = *type_of(binder, call->args[0]);
    FI_TRY_RETURN(fi_expr_bind_compare(binder, call->syntax->at, FI_EXPR_EQUAL, call->args[0],
                                       call->args[1], &args[0]));
    FI_TRY_RETURN(fi_expr_typed_constant(binder, &node.type, &null_cell, &args[1]));
    args[2] = call->args[0];
    node.type.is_nullable = true;
    node.args = args;
    return fi_expr_typed_make(binder, &node, out);
}

/* ---- numbers ---- */

static int
bind_abs(struct fi_expr_binder *binder, struct call *call, uint32_t *out)
{
    struct fi_expr_node node = {.op = FI_EXPR_OP_ABS};
    struct fi_expr_type type = *type_of(binder, call->args[0]);
    DCHECK(call->count == 1);
    if (!fi_type_is_number(type.type) && type.type != FIRN_TYPE_NULL) {
        return fail_argument(binder, call, 0, "a number");
    }
    if (fi_type_is_unsigned(type.type) || type.type == FIRN_TYPE_NULL) {
        *out = call->args[0];
        return FIRN_OK;
    }
    node.type = type;
    if (fi_type_is_integer(type.type)) {
        node.type.type = FIRN_TYPE_I64;
    } else if (type.type == FIRN_TYPE_F32) {
        node.type.type = FIRN_TYPE_F64;
    }
    node.type.is_nullable = type.is_nullable;
    FI_TRY_RETURN(fi_expr_typed_cast(binder, call->args[0], &node.type, &call->args[0]));
    return expr_call_make(binder, call, &node, out);
}

/* round(x), round(x, digits), floor(x), ceil(x). */
static int
bind_round(struct fi_expr_binder *binder, struct call *call, uint32_t *out)
{
    struct fi_expr_node node = {.op = FI_EXPR_OP_ROUND, .detail = (uint8_t)call->function->detail};
    struct fi_expr_type type = *type_of(binder, call->args[0]);
    DCHECK(call->count == 1 || call->count == 2);
    DCHECK(node.detail >= FI_EXPR_NEAREST && node.detail <= FI_EXPR_CEIL);
    if (call->count == 2) {
        const struct fi_expr_node *digits = fi_expr_typed_node(binder, call->args[1]);
        if (digits->op != FI_EXPR_OP_CONSTANT || digits->a.kind != FI_PHYSICAL_I64 ||
            digits->type.type != FIRN_TYPE_I64 || digits->a.as.i64 < 0 ||
            digits->a.as.i64 > FI_EXPR_PRECISION_MAX) {
            return fi_expr_typed_fail(binder, call->syntax->at,
                                      "the digits of round are a number from 0 to 18");
        }
        node.number = (uint32_t)digits->a.as.i64;
        call->count = 1;
    }
    if (fi_type_is_integer(type.type) || type.type == FIRN_TYPE_NULL ||
        (type.type == FIRN_TYPE_DECIMAL && type.scale <= node.number)) {
        *out = call->args[0];
        return FIRN_OK;
    }
    if (!fi_type_is_number(type.type)) {
        return fail_argument(binder, call, 0, "a number");
    }
    node.type = type;
    if (type.type == FIRN_TYPE_DECIMAL) {
        uint32_t whole = type.precision - type.scale + 1;
        node.type.scale = node.number;
        node.type.precision = whole + node.number < FI_EXPR_PRECISION_MAX ? whole + node.number
                                                                          : FI_EXPR_PRECISION_MAX;
        node.number = 0;
    } else {
        node.type = (struct fi_expr_type){.type = FIRN_TYPE_F64};
        FI_TRY_RETURN(fi_expr_typed_cast(binder, call->args[0], &node.type, &call->args[0]));
    }
    return expr_call_make(binder, call, &node, out);
}

/* ---- texts ---- */

static int
check_text(struct fi_expr_binder *binder, struct call *call, uint32_t i, bool is_blob_allowed)
{
    firn_type type;
    if (type_of(binder, call->args[i])->type == FIRN_TYPE_NULL) {
        FI_TRY_RETURN(adapt_to(binder, call, i, FIRN_TYPE_TEXT));
    }
    type = type_of(binder, call->args[i])->type;
    return type == FIRN_TYPE_TEXT || (is_blob_allowed && type == FIRN_TYPE_BLOB)
               ? FIRN_OK
               : fail_argument(binder, call, i, is_blob_allowed ? "text or a blob" : "text");
}

static int
bind_length(struct fi_expr_binder *binder, struct call *call, uint32_t *out)
{
    struct fi_expr_node node = {.op = FI_EXPR_OP_LENGTH, .type.type = FIRN_TYPE_I64};
    FI_TRY_RETURN(check_text(binder, call, 0, true));
    return expr_call_make(binder, call, &node, out);
}

static int
bind_case_of(struct fi_expr_binder *binder, struct call *call, uint32_t *out)
{
    struct fi_expr_node node = {.op = (enum fi_expr_op)call->function->detail,
                                .type.type = FIRN_TYPE_TEXT};
    DCHECK(node.op == FI_EXPR_OP_LOWER || node.op == FI_EXPR_OP_UPPER);
    FI_TRY_RETURN(check_text(binder, call, 0, false));
    return expr_call_make(binder, call, &node, out);
}

static int
bind_substr(struct fi_expr_binder *binder, struct call *call, uint32_t *out)
{
    struct fi_expr_node node = {.op = FI_EXPR_OP_SUBSTR};
    struct fi_expr_type whole = {.type = FIRN_TYPE_I64};
    DCHECK(call->count == 2 || call->count == 3);
    FI_TRY_RETURN(check_text(binder, call, 0, true));
    node.type.type = type_of(binder, call->args[0])->type;
    for (uint32_t i = 1; i < call->count; i++) {
        FI_TRY_RETURN(adapt_to(binder, call, i, FIRN_TYPE_I64));
        if (!fi_type_is_integer(type_of(binder, call->args[i])->type)) {
            return fail_argument(binder, call, i, "whole numbers after the text");
        }
        FI_TRY_RETURN(fi_expr_typed_cast(binder, call->args[i], &whole, &call->args[i]));
    }
    return expr_call_make(binder, call, &node, out);
}

static int
bind_prefix(struct fi_expr_binder *binder, struct call *call, uint32_t *out)
{
    struct fi_expr_node node = {.op = FI_EXPR_OP_PREFIX, .type.type = FIRN_TYPE_BOOL};
    DCHECK(call->count == 2);
    FI_TRY_RETURN(check_text(binder, call, 0, true));
    FI_TRY_RETURN(adapt_to(binder, call, 1, type_of(binder, call->args[0])->type));
    FI_TRY_RETURN(check_text(binder, call, 1, true));
    if (type_of(binder, call->args[0])->type != type_of(binder, call->args[1])->type) {
        return fail_argument(binder, call, 1, "two texts, or two blobs");
    }
    return expr_call_make(binder, call, &node, out);
}

/* ---- time ---- */

static const char *const unit_names[] = {"", "year", "month", "day", "hour", "minute", "second"};

static int
check_time(struct fi_expr_binder *binder, struct call *call, uint32_t i)
{
    struct fi_expr_type timestamp = {.type = FIRN_TYPE_TIMESTAMP};
    int rc;
    FI_TRY(fi_expr_typed_adapt(binder, call->syntax->at, &timestamp, &call->args[i]));
    if (!fi_type_is_time(type_of(binder, call->args[i])->type)) {
        rc = fail_argument(binder, call, i, "a date or a timestamp");
    }
out:
    return rc;
}

static int
bind_extract(struct fi_expr_binder *binder, struct call *call, uint32_t *out)
{
    struct fi_expr_node node = {.op = FI_EXPR_OP_EXTRACT,
                                .detail = (uint8_t)call->function->detail,
                                .type.type = FIRN_TYPE_I64};
    DCHECK(node.detail >= FI_EXPR_YEAR && node.detail <= FI_EXPR_SECOND);
    FI_TRY_RETURN(check_time(binder, call, 0));
    return expr_call_make(binder, call, &node, out);
}

static int
bind_date_trunc(struct fi_expr_binder *binder, struct call *call, uint32_t *out)
{
    const struct fi_expr_node *unit = fi_expr_typed_node(binder, call->args[0]);
    struct fi_expr_node node = {.op = FI_EXPR_OP_TRUNCATE};
    DCHECK(call->count == 2);
    for (unsigned i = FI_EXPR_YEAR; i <= FI_EXPR_SECOND; i++) {
        if (unit->op == FI_EXPR_OP_CONSTANT && unit->type.type == FIRN_TYPE_TEXT &&
            unit->a.kind == FI_PHYSICAL_BYTES &&
            fi_slice_is_word(unit->a.as.bytes, unit_names[i])) {
            node.detail = (uint8_t)i;
        }
    }
    if (node.detail == 0) {
        return fi_expr_typed_fail(binder, call->syntax->at,
                                  "the first argument of date_trunc is one of 'year', 'month', "
                                  "'day', 'hour', 'minute', 'second'");
    }
    FI_TRY_RETURN(check_time(binder, call, 1));
    node.type.type = type_of(binder, call->args[1])->type;
    call->args[0] = call->args[1];
    call->count = 1;
    return expr_call_make(binder, call, &node, out);
}

/* ---- aggregates ---- */

static struct fi_expr_type
aggregate_type(enum fi_expr_function function, const struct fi_expr_type *argument)
{
    struct fi_expr_type type = {.type = FIRN_TYPE_I64, .is_nullable = true};
    DCHECK(function >= FI_EXPR_COUNT_ROWS && function <= FI_EXPR_AVG);
    switch (function) {
    case FI_EXPR_SUM:
        if (argument->type == FIRN_TYPE_DECIMAL) {
            type.type = FIRN_TYPE_DECIMAL;
            type.precision = FI_EXPR_PRECISION_MAX;
            type.scale = argument->scale;
        } else if (fi_type_is_float(argument->type)) {
            type.type = FIRN_TYPE_F64;
        } else if (fi_type_is_unsigned(argument->type)) {
            type.type = FIRN_TYPE_U64;
        }
        return type;
    case FI_EXPR_AVG:
        type.type = FIRN_TYPE_F64;
        return type;
    case FI_EXPR_MIN:
    case FI_EXPR_MAX:
        type = *argument;
        type.is_nullable = true;
        return type;
    default:
        type.is_nullable = false;
        return type;
    }
}

static int
bind_aggregate(struct fi_expr_binder *binder, struct call *call, uint32_t *out)
{
    enum fi_expr_function function = (enum fi_expr_function)call->function->detail;
    struct fi_expr_node node = {
        .op = FI_EXPR_OP_AGGREGATE, .args = call->args, .arg_count = call->count};
    struct fi_expr_type none = {.type = FIRN_TYPE_NULL};
    const struct fi_expr_type *type = call->count > 0 ? type_of(binder, call->args[0]) : &none;
    DCHECK(call->count == 1 || (call->count == 0 && function == FI_EXPR_COUNT));
    if (function == FI_EXPR_COUNT && call->count == 0) {
        function = FI_EXPR_COUNT_ROWS;
    } else if (call->syntax->is_negated && function == FI_EXPR_COUNT) {
        function = FI_EXPR_COUNT_DISTINCT;
    } else if (call->syntax->is_negated && (function == FI_EXPR_SUM || function == FI_EXPR_AVG)) {
        return fi_expr_typed_fail(binder, call->syntax->at,
                                  "\"distinct\" is for count alone, not for %s",
                                  call->function->name);
    }
    if ((function == FI_EXPR_SUM || function == FI_EXPR_AVG) && !fi_type_is_number(type->type)) {
        return fail_argument(binder, call, 0, "a number");
    }
    if ((function == FI_EXPR_MIN || function == FI_EXPR_MAX) &&
        (type->type == FIRN_TYPE_VECTOR || type->type == FIRN_TYPE_NULL)) {
        return fail_argument(binder, call, 0, "what has an order");
    }
    if (type->scale == FI_EXPR_SCALE_UNKNOWN) {
        return fail_argument(binder, call, 0, "a value of a known scale");
    }
    node.detail = (uint8_t)function;
    node.type = aggregate_type(function, type);
    return fi_expr_typed_make(binder, &node, out);
}

/* ---- the table ---- */

static const struct function functions[] = {
    {"abs", 1, 1, bind_abs, 0},
    {"avg", 1, 1, bind_aggregate, FI_EXPR_AVG},
    {"ceil", 1, 1, bind_round, FI_EXPR_CEIL},
    {"coalesce", 1, UINT32_MAX, bind_coalesce, FI_EXPR_OP_COALESCE},
    {"count", 1, 1, bind_aggregate, FI_EXPR_COUNT},
    {"date_trunc", 2, 2, bind_date_trunc, 0},
    {"day", 1, 1, bind_extract, FI_EXPR_DAY},
    {"floor", 1, 1, bind_round, FI_EXPR_FLOOR},
    {"greatest", 1, UINT32_MAX, bind_coalesce, FI_EXPR_OP_GREATEST},
    {"hour", 1, 1, bind_extract, FI_EXPR_HOUR},
    {"least", 1, UINT32_MAX, bind_coalesce, FI_EXPR_OP_LEAST},
    {"length", 1, 1, bind_length, 0},
    {"lower", 1, 1, bind_case_of, FI_EXPR_OP_LOWER},
    {"max", 1, 1, bind_aggregate, FI_EXPR_MAX},
    {"min", 1, 1, bind_aggregate, FI_EXPR_MIN},
    {"minute", 1, 1, bind_extract, FI_EXPR_MINUTE},
    {"month", 1, 1, bind_extract, FI_EXPR_MONTH},
    {"nullif", 2, 2, bind_nullif, 0},
    {"prefix", 2, 2, bind_prefix, 0},
    {"round", 1, 2, bind_round, FI_EXPR_NEAREST},
    {"second", 1, 1, bind_extract, FI_EXPR_SECOND},
    {"starts_with", 2, 2, bind_prefix, 0},
    {"substr", 2, 3, bind_substr, 0},
    {"sum", 1, 1, bind_aggregate, FI_EXPR_SUM},
    {"upper", 1, 1, bind_case_of, FI_EXPR_OP_UPPER},
    {"year", 1, 1, bind_extract, FI_EXPR_YEAR},
};

static const struct function *
find_function(firn_slice name)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (fi_slice_is_word(name, functions[i].name)) {
            return &functions[i];
        }
    }
    return NULL;
}

/* Checks the form of a call, before its arguments are bound. */
static int
check_call(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax,
           const struct function *function, bool has_star)
{
    char name[FI_TEXT_VALUE_SHORT_SIZE];
    bool is_aggregate = function != NULL && function->bind == bind_aggregate;
    fi_text_value_shorten(syntax->text, name);
    if (function == NULL) {
        return fi_expr_typed_fail(binder, syntax->at, "there is no function \"%s\"", name);
    }
    if (is_aggregate && binder->env->no_aggregates) {
        return fi_expr_typed_fail(binder, syntax->at, "there can be no aggregates here");
    }
    if (is_aggregate && binder->is_in_aggregate) {
        return fi_expr_typed_fail(binder, syntax->at, "an aggregate stands in another one");
    }
    if ((has_star && function->detail != FI_EXPR_COUNT) || (has_star && !is_aggregate)) {
        return fi_expr_typed_fail(binder, syntax->at, "* stands alone, or in count(*)");
    }
    if (syntax->is_negated && !is_aggregate) {
        return fi_expr_typed_fail(binder, syntax->at, "\"distinct\" is for count alone");
    }
    if (syntax->child_count < function->args_min || syntax->child_count > function->args_max) {
        return fi_expr_typed_fail(binder, syntax->at, "%s takes %u%s argument%s, not %u",
                                  function->name, function->args_min,
                                  function->args_max > function->args_min ? " or more" : "",
                                  function->args_max == 1 ? "" : "s", syntax->child_count);
    }
    return FIRN_OK;
}

int
fi_expr_call_bind(struct fi_expr_binder *binder, const struct fi_expr_syntax *syntax, uint32_t *out)
{
    const struct function *function = find_function(syntax->text);
    bool has_star = syntax->first != NULL && syntax->first->kind == FI_EXPR_SYNTAX_STAR;
    struct call call = {.function = function, .syntax = syntax};
    const struct fi_expr_syntax *part = syntax->first;
    bool was_in_aggregate = binder->is_in_aggregate;
    int rc;
    FI_TRY(check_call(binder, syntax, function, has_star));
    call.args = fi_alloc_array((size_t)syntax->child_count + 1, sizeof *call.args);
    if (call.args == NULL) {
        FI_TRY(fi_error_no_memory(binder->err, "an expression"));
    }
    binder->is_in_aggregate |= function->bind == bind_aggregate;
    for (; part != NULL && !has_star; part = part->next) {
        FI_TRY(fi_expr_bind(binder, part, &call.args[call.count]));
        call.count++;
    }
    DCHECK(call.count == (has_star ? 0 : syntax->child_count));
    FI_TRY(function->bind(binder, &call, out));
out:
    binder->is_in_aggregate = was_in_aggregate;
    fi_free(call.args);
    return rc;
}

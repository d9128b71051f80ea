/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_fold.c: simpler nodes for the same values.
 *
 * A node whose arguments are constants is evaluated once, by the evaluator itself, over one row: so
 * folding and evaluation cannot give different values. If that fails (a number does not fit), the
 * node stays, and fails for the rows that need it. Truth is flattened: an "and" in an "and" becomes
 * part of it, constants are removed, and "not" moves inside, down to the conditions, whose
 * opposites are conditions themselves. This is right with three values of truth, too, because the
 * opposite of null is null.
 */
#include "base/check.h"
#include "base/mem.h"
#include "expr/expr_bind.h"

static bool
has_constant_args(const struct fi_expr_builder *builder, const struct fi_expr_node *model)
{
    for (uint32_t i = 0; i < model->arg_count; i++) {
        if (builder->nodes[model->args[i]].op != FI_EXPR_OP_CONSTANT) {
            return false;
        }
    }
    return model->arg_count > 0;
}

static int
add_constant(struct fi_expr_builder *builder, const struct fi_expr_type *type,
             const struct fi_cell *cell, uint32_t *out, firn_error *err)
{
    struct fi_expr_node node = {.op = FI_EXPR_OP_CONSTANT, .type = *type, .a = *cell};
    DCHECK(cell->kind == FI_PHYSICAL_NONE || cell->kind == fi_expr_physical(type->type));
    node.type.is_nullable = cell->kind == FI_PHYSICAL_NONE;
    return fi_expr_builder_add(builder, &node, out, err);
}

static int
add_truth(struct fi_expr_builder *builder, bool truth, uint32_t *out, firn_error *err)
{
    struct fi_expr_type type = {.type = FIRN_TYPE_BOOL};
    struct fi_cell cell = {.kind = FI_PHYSICAL_U64, .as.u64 = truth ? 1 : 0};
    return add_constant(builder, &type, &cell, out, err);
}

/* Evaluates a node to a constant. If that fails except for FIRN_NO_MEMORY, *out stays as it was. */
static int
evaluate(struct fi_expr_builder *builder, uint32_t node, uint32_t *out, firn_error *err)
{
    struct fi_expr *expr = NULL;
    struct fi_expr_eval *eval = NULL;
    struct fi_chunk_values values;
    struct fi_expr_batch batch = {.count = 1};
    firn_error ignored;
    int rc;
    FI_TRY(fi_expr_extract(builder->nodes, node, &expr, err));
    const struct fi_expr *exprs[] = {expr};
    FI_TRY(fi_expr_eval_create(exprs, 1, &eval, err));
    fi_expr_eval_begin(eval, &batch);
    rc = fi_expr_eval_values(eval, 0, &values, &ignored);
    if (rc == FIRN_OK) {
        struct fi_cell cell = {.kind = values.kind};
        if (values.valid != NULL && (values.valid[0] & 1) == 0) {
            cell.kind = FI_PHYSICAL_NONE;
        } else if (values.kind == FI_PHYSICAL_BYTES) {
            cell.as.bytes = values.as.bytes[0];
        } else if (values.kind == FI_PHYSICAL_F32) {
            cell.as.f32 = values.as.f32[0];
        } else {
            cell.as.u64 = values.as.u64[0];
        }
        FI_TRY(add_constant(builder, &builder->nodes[node].type, &cell, out, err));
    } else if (rc != FIRN_NO_MEMORY) {
        rc = FIRN_OK; /* the node stays */
    } else {
        rc = fi_error_no_memory(err, "an expression");
    }
out:
    fi_expr_eval_destroy(eval);
    fi_expr_destroy(expr);
    return rc;
}

/* ---- truth ---- */

static bool
is_truth_constant(const struct fi_expr_node *node, bool truth)
{
    return node->op == FI_EXPR_OP_CONSTANT && node->a.kind == FI_PHYSICAL_U64 &&
           (node->a.as.u64 != 0) == truth;
}

/* Collects the parts of an "and" or "or"; a part of the same kind is replaced by its own parts. */
static int
fold_joined(struct fi_expr_builder *builder, const struct fi_expr_node *model, uint32_t *out,
            firn_error *err)
{
    bool neutral = model->op == FI_EXPR_OP_AND;
    size_t room = 0;
    size_t count = 0;
    bool is_decided = false;
    struct fi_expr_node node = *model;
    int rc;
    DCHECK(model->op == FI_EXPR_OP_AND || model->op == FI_EXPR_OP_OR);
    for (uint32_t i = 0; i < model->arg_count; i++) {
        const struct fi_expr_node *arg = &builder->nodes[model->args[i]];
        room += arg->op == model->op ? arg->arg_count : 1;
    }
    uint32_t *args = fi_alloc_array(room, sizeof *args);
    if (args == NULL) {
        return fi_error_no_memory(err, "an expression");
    }
    for (uint32_t i = 0; i < model->arg_count; i++) {
        const struct fi_expr_node *arg = &builder->nodes[model->args[i]];
        if (arg->op == model->op) {
            memcpy(args + count, arg->args, arg->arg_count * sizeof *args);
            count += arg->arg_count;
        } else if (is_truth_constant(arg, !neutral)) {
            is_decided = true;
        } else if (!is_truth_constant(arg, neutral)) {
            args[count++] = model->args[i];
        }
    }
    DCHECK(count <= room);
    if (is_decided || count == 0) {
        rc = add_truth(builder, is_decided ? !neutral : neutral, out, err);
    } else if (count == 1) {
        *out = args[0];
        rc = FIRN_OK;
    } else {
        node.args = args;
        node.arg_count = (uint32_t)count;
        node.type.is_nullable = false;
        for (size_t i = 0; i < count; i++) {
            node.type.is_nullable |= builder->nodes[args[i]].type.is_nullable;
        }
        rc = fi_expr_builder_add(builder, &node, out, err);
    }
    fi_free(args);
    return rc;
}

static uint8_t
opposite(uint8_t comparison)
{
    static const uint8_t opposites[] = {
        [FI_EXPR_EQUAL] = FI_EXPR_NOT_EQUAL,    [FI_EXPR_NOT_EQUAL] = FI_EXPR_EQUAL,
        [FI_EXPR_LESS] = FI_EXPR_GREATER_EQUAL, [FI_EXPR_LESS_EQUAL] = FI_EXPR_GREATER,
        [FI_EXPR_GREATER] = FI_EXPR_LESS_EQUAL, [FI_EXPR_GREATER_EQUAL] = FI_EXPR_LESS,
    };
    DCHECK(comparison >= FI_EXPR_EQUAL && comparison <= FI_EXPR_GREATER_EQUAL);
    return opposites[comparison];
}

/* The opposite of a node. Recursive, as deep as nodes are. */
static int
fold_not(struct fi_expr_builder *builder, uint32_t arg, uint32_t *out, firn_error *err)
{
    struct fi_expr_node node = builder->nodes[arg];
    uint32_t *args = NULL;
    int rc;
    switch (node.op) {
    case FI_EXPR_OP_NOT:
        *out = node.args[0];
        return FIRN_OK;
    case FI_EXPR_OP_RANGE:
    case FI_EXPR_OP_IN:
    case FI_EXPR_OP_IS_NULL:
    case FI_EXPR_OP_IS_TRUE:
        node.is_negated = !node.is_negated;
        return fi_expr_builder_add(builder, &node, out, err);
    case FI_EXPR_OP_COMPARE:
        node.detail = opposite(node.detail);
        return fi_expr_builder_add(builder, &node, out, err);
    case FI_EXPR_OP_AND:
    case FI_EXPR_OP_OR:
        args = fi_alloc_array(node.arg_count, sizeof *args);
        if (args == NULL) {
            return fi_error_no_memory(err, "an expression");
        }
        for (uint32_t i = 0; i < node.arg_count; i++) {
            FI_TRY(fold_not(builder, node.args[i], &args[i], err));
        }
        node.args = args;
        node.op = node.op == FI_EXPR_OP_AND ? FI_EXPR_OP_OR : FI_EXPR_OP_AND;
        FI_TRY(fold_joined(builder, &node, out, err));
        break;
    default: {
        struct fi_expr_node negated = {
            .op = FI_EXPR_OP_NOT, .type = node.type, .args = &arg, .arg_count = 1};
        return fi_expr_builder_add(builder, &negated, out, err);
    }
    }
out:
    fi_free(args);
    return rc;
}

int
fi_expr_fold(struct fi_expr_builder *builder, const struct fi_expr_node *model, uint32_t *out,
             firn_error *err)
{
    bool is_constant = has_constant_args(builder, model) && model->op != FI_EXPR_OP_AGGREGATE;
    int rc;
    if (!is_constant && model->op == FI_EXPR_OP_NOT) {
        return fold_not(builder, model->args[0], out, err);
    }
    if (!is_constant && (model->op == FI_EXPR_OP_AND || model->op == FI_EXPR_OP_OR)) {
        return fold_joined(builder, model, out, err);
    }
    if (model->op == FI_EXPR_OP_IS_NULL && !builder->nodes[model->args[0]].type.is_nullable) {
        return add_truth(builder, model->is_negated, out, err);
    }
    FI_TRY(fi_expr_builder_add(builder, model, out, err));
    if (is_constant && builder->nodes[*out].op != FI_EXPR_OP_CONSTANT) {
        rc = evaluate(builder, *out, out, err);
    }
out:
    return rc;
}

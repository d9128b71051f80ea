/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr.c: expressions as arrays of nodes: building, copying, comparing them.
 *
 * A builder keeps each node once: a hash table finds an equal one. Since arguments are numbers of
 * nodes, two nodes are equal if their fields and these numbers are. So parts that occur twice, in
 * one expression or in several that are grafted into one builder, are evaluated once.
 *
 * Invariants:
 *   (I1) The arguments of a node come before it.
 *   (I2) No node is deeper than FI_EXPR_NODE_DEPTH_MAX: walks may be recursive.
 *   (I3) All nodes of an expression are reached from its root, which is the last. They are in the
 *        order of a walk that visits arguments first. So equal expressions are equal arrays.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "expr/expr_internal.h"

enum { TABLE_SIZE_MIN = 64, COLUMN_ARENA_SIZE = 256 };

enum fi_physical
fi_expr_physical(firn_type type)
{
    return type == FIRN_TYPE_NULL ? FI_PHYSICAL_U64 : fi_physical_of(type);
}

/* ---- nodes ---- */

static bool
is_cell_equal(const struct fi_cell *a, const struct fi_cell *b)
{
    uint32_t bits[2];
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case FI_PHYSICAL_NONE:
        return true;
    case FI_PHYSICAL_F32:
        memcpy(&bits[0], &a->as.f32, sizeof bits[0]);
        memcpy(&bits[1], &b->as.f32, sizeof bits[1]);
        return bits[0] == bits[1];
    case FI_PHYSICAL_BYTES:
        return fi_slice_equal(a->as.bytes, b->as.bytes);
    default:
        return a->as.u64 == b->as.u64;
    }
}

static bool
is_type_equal(const struct fi_expr_type *a, const struct fi_expr_type *b)
{
    return a->type == b->type && a->precision == b->precision && a->scale == b->scale &&
           a->dimensions == b->dimensions && a->is_nullable == b->is_nullable;
}

static bool
is_node_equal(const struct fi_expr_node *a, const struct fi_expr_node *b)
{
    if (a->op != b->op || a->detail != b->detail || a->is_negated != b->is_negated ||
        a->number != b->number || a->arg_count != b->arg_count || a->list_count != b->list_count ||
        !is_type_equal(&a->type, &b->type) || !is_cell_equal(&a->a, &b->a) ||
        !is_cell_equal(&a->b, &b->b)) {
        return false;
    }
    for (uint32_t i = 0; i < a->arg_count; i++) {
        if (a->args[i] != b->args[i]) {
            return false;
        }
    }
    for (size_t i = 0; i < a->list_count; i++) {
        if (!is_cell_equal(&a->list[i], &b->list[i])) {
            return false;
        }
    }
    return true;
}

static uint64_t
expr_mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 29;
}

static uint64_t
hash_cell(uint64_t hash, const struct fi_cell *cell)
{
    uint32_t narrow;
    hash = expr_mix(hash, (uint64_t)cell->kind);
    if (cell->kind == FI_PHYSICAL_F32) {
        memcpy(&narrow, &cell->as.f32, sizeof narrow);
        return expr_mix(hash, narrow);
    }
    if (cell->kind != FI_PHYSICAL_BYTES) {
        return cell->kind == FI_PHYSICAL_NONE ? hash : expr_mix(hash, cell->as.u64);
    }
    for (size_t i = 0; i < cell->as.bytes.size; i++) {
        hash = expr_mix(hash, cell->as.bytes.data[i]);
    }
    return hash;
}

static uint64_t
hash_node(const struct fi_expr_node *node)
{
    uint64_t hash = expr_mix((uint64_t)node->op << 16 | (uint64_t)node->detail << 8, node->number);
    hash = expr_mix(hash, (uint64_t)node->type.type << 32 | node->type.scale << 8 |
                              (uint64_t)(node->is_negated ? 1 : 0));
    hash = hash_cell(hash_cell(hash, &node->a), &node->b);
    for (uint32_t i = 0; i < node->arg_count; i++) {
        hash = expr_mix(hash, node->args[i]);
    }
    for (size_t i = 0; i < node->list_count; i++) {
        hash = hash_cell(hash, &node->list[i]);
    }
    return hash;
}

/* ---- builders ---- */

void
fi_expr_builder_deinit(struct fi_expr_builder *builder)
{
    fi_free(builder->nodes);
    fi_free(builder->table);
    fi_arena_deinit(&builder->arena);
    *builder = (struct fi_expr_builder){.nodes = NULL};
}

static bool
copy_cell(struct fi_arena *arena, struct fi_cell *cell)
{
    if (cell->kind == FI_PHYSICAL_BYTES) {
        uint8_t *bytes = fi_arena_copy(arena, cell->as.bytes.data, cell->as.bytes.size);
        cell->as.bytes.data = bytes;
        return bytes != NULL;
    }
    return true;
}

/* Replaces what a node borrows by copies. */
static bool
copy_node(struct fi_arena *arena, struct fi_expr_node *node)
{
    bool is_good = copy_cell(arena, &node->a) && copy_cell(arena, &node->b);
    if (is_good && node->arg_count > 0) {
        uint32_t *args = fi_arena_alloc(arena, node->arg_count * sizeof *args);
        is_good = args != NULL;
        if (is_good) {
            memcpy(args, node->args, node->arg_count * sizeof *args);
        }
        node->args = args;
    }
    if (is_good && node->list_count > 0) {
        struct fi_cell *list = fi_arena_alloc(arena, node->list_count * sizeof *list);
        is_good = list != NULL;
        for (size_t i = 0; i < node->list_count && is_good; i++) {
            list[i] = node->list[i];
            is_good = copy_cell(arena, &list[i]);
        }
        node->list = list;
    }
    return is_good;
}

static bool
grow_table(struct fi_expr_builder *builder)
{
    size_t size = builder->table_size == 0 ? TABLE_SIZE_MIN : builder->table_size * 2;
    uint32_t *table = fi_alloc_zeroed(size * sizeof *table);
    if (table == NULL) {
        return false;
    }
    for (size_t i = 0; i < builder->count; i++) {
        size_t at = (size_t)hash_node(&builder->nodes[i]) & (size - 1);
        while (table[at] != 0) {
            at = (at + 1) & (size - 1);
        }
        table[at] = (uint32_t)i + 1;
    }
    fi_free(builder->table);
    builder->table = table;
    builder->table_size = size;
    return true;
}

int
fi_expr_builder_add(struct fi_expr_builder *builder, const struct fi_expr_node *model,
                    uint32_t *out, firn_error *err)
{
    struct fi_expr_node node = *model;
    node.depth = 1;
    DCHECK(node.op >= FI_EXPR_OP_COLUMN && node.op <= FI_EXPR_OP_TRUNCATE);
    DCHECK(node.list_count == 0 || node.op == FI_EXPR_OP_IN);
    for (uint32_t i = 0; i < node.arg_count; i++) {
        CHECK(node.args[i] < builder->count); /* (I1) */
        uint16_t depth = builder->nodes[node.args[i]].depth;
        node.depth = depth >= node.depth ? (uint16_t)(depth + 1) : node.depth;
    }
    if (builder->count * 2 >= builder->table_size && !grow_table(builder)) {
        return fi_error_no_memory(err, "an expression");
    }
    DCHECK(builder->count * 2 < builder->table_size); /* so every search ends */
    size_t at = (size_t)hash_node(&node) & (builder->table_size - 1);
    for (; builder->table[at] != 0; at = (at + 1) & (builder->table_size - 1)) {
        if (is_node_equal(&builder->nodes[builder->table[at] - 1], &node)) {
            *out = builder->table[at] - 1;
            return FIRN_OK;
        }
    }
    if (node.depth > FI_EXPR_NODE_DEPTH_MAX) { /* (I2) */
        return fi_error_set(err, FIRN_LIMIT, "the expression has more than %d parts in each other",
                            FI_EXPR_NODE_DEPTH_MAX);
    }
    if (builder->count >= UINT32_MAX / 4) {
        return fi_error_set(err, FIRN_LIMIT, "the expression has too many parts");
    }
    FI_TRY_RETURN(FI_VEC_RESERVE(builder->nodes, builder->count + 1, builder->capacity, err));
    if (!copy_node(&builder->arena, &node)) {
        return fi_error_no_memory(err, "an expression");
    }
    *out = (uint32_t)builder->count;
    builder->nodes[builder->count++] = node;
    builder->table[at] = *out + 1;
    return FIRN_OK;
}

struct graft_state {
    struct fi_expr_builder *builder;
    const struct fi_expr_graft *graft;
    uint32_t *copies; /* of each node, + 1; 0: none yet */
    firn_error *err;
};

/* Recursive: (I2). */
static int
graft_node(struct graft_state *state, uint32_t number)
{
    const struct fi_expr_graft *graft = state->graft;
    struct fi_expr_node node = graft->nodes[number];
    uint32_t few[4];
    uint32_t *args = few;
    uint32_t copy = 0;
    int rc = FIRN_OK;
    DCHECK(node.depth >= 1 && node.depth <= FI_EXPR_NODE_DEPTH_MAX); /* (I2) */
    if (state->copies[number] != 0) {
        return FIRN_OK;
    }
    if (graft->replace != NULL &&
        graft->replace(graft->ctx, graft->nodes, number, &copy, &rc, state->err)) {
        state->copies[number] = copy + 1;
        return rc;
    }
    FI_TRY(rc);
    if (node.arg_count > sizeof few / sizeof few[0]) {
        args = fi_alloc_array(node.arg_count, sizeof *args);
        if (args == NULL) {
            return fi_error_no_memory(state->err, "an expression");
        }
    }
    for (uint32_t i = 0; i < node.arg_count; i++) {
        DCHECK(node.args[i] < number); /* (I1) */
        FI_TRY(graft_node(state, node.args[i]));
        args[i] = state->copies[node.args[i]] - 1;
    }
    node.args = args;
    FI_TRY(fi_expr_builder_add(state->builder, &node, &copy, state->err));
    state->copies[number] = copy + 1;
out:
    if (args != few) {
        fi_free(args);
    }
    return rc;
}

int
fi_expr_builder_graft(struct fi_expr_builder *builder, const struct fi_expr_graft *graft,
                      uint32_t *out, firn_error *err)
{
    struct graft_state state = {.builder = builder, .graft = graft, .err = err};
    size_t count = (size_t)graft->root + 1;
    state.copies = fi_alloc_zeroed(count * sizeof *state.copies);
    if (state.copies == NULL) {
        return fi_error_no_memory(err, "an expression");
    }
    int rc = graft_node(&state, graft->root);
    *out = rc == FIRN_OK ? state.copies[graft->root] - 1 : 0;
    DCHECK(rc != FIRN_OK || *out < builder->count);
    fi_free(state.copies);
    return rc;
}

/* ---- expressions ---- */

static int
list_columns(struct fi_expr *expr, firn_error *err)
{
    uint32_t *columns = fi_arena_alloc(&expr->arena, (expr->count + 1) * sizeof *columns);
    uint32_t count = 0;
    if (columns == NULL) {
        return fi_error_no_memory(err, "an expression");
    }
    for (uint32_t i = 0; i < expr->count; i++) {
        const struct fi_expr_node *node = &expr->nodes[i];
        expr->has_aggregates |= node->op == FI_EXPR_OP_AGGREGATE;
        if (node->op == FI_EXPR_OP_COLUMN) {
            uint32_t at = count++;
            for (; at > 0 && columns[at - 1] > node->number; at--) {
                columns[at] = columns[at - 1];
            }
            DCHECK(at == 0 || columns[at - 1] < node->number); /* each column is one node */
            columns[at] = node->number;
        }
    }
    expr->columns = columns;
    expr->column_count = count;
    return FIRN_OK;
}

int
fi_expr_extract(const struct fi_expr_node *nodes, uint32_t root, struct fi_expr **out,
                firn_error *err)
{
    struct fi_expr_builder builder = {.arena = {.chunk_size = 1024}};
    struct fi_expr_graft graft = {.nodes = nodes, .root = root};
    struct fi_expr *expr = NULL;
    uint32_t copy = 0;
    int rc;
    *out = NULL;
    FI_TRY(fi_expr_builder_graft(&builder, &graft, &copy, err));
    DCHECK(copy == builder.count - 1); /* (I3) */
    expr = fi_alloc_zeroed(sizeof *expr);
    if (expr == NULL) {
        rc = fi_error_no_memory(err, "an expression");
        goto out;
    }
    expr->arena = builder.arena;
    expr->nodes = builder.nodes;
    expr->count = (uint32_t)builder.count;
    builder.arena = (struct fi_arena){.chunk_size = 1024};
    builder.nodes = NULL;
    FI_TRY(list_columns(expr, err));
    *out = expr;
    expr = NULL;
out:
    fi_expr_destroy(expr);
    fi_expr_builder_deinit(&builder);
    return rc;
}

void
fi_expr_destroy(struct fi_expr *expr)
{
    if (expr != NULL) {
        fi_free(expr->nodes);
        fi_arena_deinit(&expr->arena);
        fi_free(expr);
    }
}

int
fi_expr_create_column(const struct fi_schema *schema, uint32_t place, struct fi_expr **out,
                      firn_error *err)
{
    CHECK(place < schema->column_count);
    const struct fi_schema_column *column = &schema->columns[place];
    struct fi_expr_node node = {.op = FI_EXPR_OP_COLUMN,
                                .number = place,
                                .depth = 1,
                                .a = {.kind = FI_PHYSICAL_BYTES, .as.bytes = column->name},
                                .type = {.type = column->type,
                                         .precision = column->precision,
                                         .scale = column->scale,
                                         .dimensions = column->dimensions,
                                         .is_nullable = column->is_nullable}};
    int rc;
    *out = NULL;
    struct fi_expr *expr = fi_alloc_zeroed(sizeof *expr);
    if (expr == NULL) {
        return fi_error_no_memory(err, "an expression");
    }
    expr->arena.chunk_size = COLUMN_ARENA_SIZE;
    expr->nodes = fi_alloc(sizeof node);
    if (expr->nodes == NULL || !copy_node(&expr->arena, &node)) {
        rc = fi_error_no_memory(err, "an expression");
        goto out;
    }
    expr->nodes[expr->count++] = node;
    FI_TRY(list_columns(expr, err));
    *out = expr;
    expr = NULL;
out:
    fi_expr_destroy(expr);
    return rc;
}

const struct fi_expr_type *
fi_expr_type_of(const struct fi_expr *expr)
{
    DCHECK(expr->count > 0);
    return &expr->nodes[fi_expr_root(expr)].type;
}

const uint32_t *
fi_expr_columns(const struct fi_expr *expr, size_t *out_count)
{
    *out_count = expr->column_count;
    return expr->columns;
}

bool
fi_expr_equal(const struct fi_expr *a, const struct fi_expr *b)
{
    if (a->count != b->count) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        if (!is_node_equal(&a->nodes[i], &b->nodes[i])) {
            return false;
        }
    }
    return true;
}

bool
fi_expr_has_aggregates(const struct fi_expr *expr)
{
    return expr->has_aggregates;
}

bool
fi_expr_is_column(const struct fi_expr *expr, uint32_t *out_place)
{
    const struct fi_expr_node *root = &expr->nodes[fi_expr_root(expr)];
    *out_place = root->op == FI_EXPR_OP_COLUMN ? root->number : 0;
    return root->op == FI_EXPR_OP_COLUMN;
}

bool
fi_expr_is_constant(const struct fi_expr *expr, struct fi_cell *out)
{
    const struct fi_expr_node *root = &expr->nodes[fi_expr_root(expr)];
    *out = root->op == FI_EXPR_OP_CONSTANT ? root->a : (struct fi_cell){.kind = FI_PHYSICAL_NONE};
    return root->op == FI_EXPR_OP_CONSTANT;
}

/* ---- lists, groups and conditions of expressions ---- */

void
fi_expr_where_deinit(struct fi_expr_where *where)
{
    fi_free(where->conditions);
    fi_expr_destroy(where->rest);
    fi_arena_deinit(&where->arena);
    *where = (struct fi_expr_where){.conditions = NULL};
}

void
fi_expr_groups_deinit(struct fi_expr_groups *groups)
{
    for (size_t i = 0; i < groups->expr_count; i++) {
        fi_expr_destroy(groups->exprs[i]);
    }
    for (size_t i = 0; i < groups->aggregate_count; i++) {
        fi_expr_destroy(groups->aggregates[i].argument);
    }
    fi_free(groups->exprs);
    fi_free(groups->aggregates);
    *groups = (struct fi_expr_groups){.exprs = NULL};
}

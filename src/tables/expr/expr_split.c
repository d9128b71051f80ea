/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_split.c: finds the parts of a condition that chunks of columns can test themselves.
 *
 * The parts of the outermost "and" are examined one by one. Ranges and lists of a column's values
 * already have the form of a chunk's predicate (expr_bind.c). A range of all values of the column's
 * type means "is not null". "like" with a pattern that begins with letters gives a prefix
 * predicate, which prunes, and also stays in the rest. The rest is the parts that have no such
 * form, in the order in which they were written.
 *
 * A row is kept if all parts are true, so it does not matter that a part that is null for the row
 * is now false. Parts that would fail for a row, such as a sum that does not fit, are not evaluated
 * for rows that a predicate leaves out.
 */
#include "base/check.h"
#include "base/mem.h"
#include "expr/expr_internal.h"

enum { NOT_IN_MAX = 4 }; /* entries of "not in" that become conditions */

struct splitter {
    const struct fi_expr *expr;
    struct fi_expr_where *where;
    size_t capacity;
    uint32_t *rest; /* nodes */
    size_t rest_count;
    firn_error *err;
};

/* Room for a list whose bytes live as long as the split. */
static bool
keep_cell(struct fi_arena *arena, struct fi_cell *cell)
{
    if (cell->kind == FI_PHYSICAL_BYTES) {
        uint8_t *bytes = fi_arena_copy(arena, cell->as.bytes.data, cell->as.bytes.size);
        cell->as.bytes.data = bytes;
        return bytes != NULL;
    }
    return true;
}

static int
add_condition(struct splitter *splitter, const struct fi_expr_node *column,
              const struct fi_chunk_predicate *predicate)
{
    struct fi_expr_where *where = splitter->where;
    DCHECK(column->op == FI_EXPR_OP_COLUMN);
    if (predicate->test == FI_CHUNK_IS_NOT_NULL && !column->type.is_nullable) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(
        FI_VEC_RESERVE(where->conditions, where->count + 1, splitter->capacity, splitter->err));
    struct fi_expr_condition *condition = &where->conditions[where->count++];
    *condition = (struct fi_expr_condition){.place = column->number, .predicate = *predicate};
    bool is_good = keep_cell(&where->arena, &condition->predicate.a) &&
                   keep_cell(&where->arena, &condition->predicate.b);
    if (is_good && predicate->list_count > 0) {
        struct fi_cell *list = fi_arena_alloc(&where->arena, predicate->list_count * sizeof *list);
        is_good = list != NULL;
        for (size_t i = 0; i < predicate->list_count && is_good; i++) {
            list[i] = predicate->list[i];
            is_good = keep_cell(&where->arena, &list[i]);
        }
        condition->predicate.list = list;
    }
    return is_good ? FIRN_OK : fi_error_no_memory(splitter->err, "conditions of an expression");
}

static int
add_test(struct splitter *splitter, const struct fi_expr_node *column, enum fi_chunk_test test,
         const struct fi_cell *a)
{
    struct fi_chunk_predicate predicate = {.test = test};
    if (a != NULL) {
        predicate.a = *a;
    }
    return add_condition(splitter, column, &predicate);
}

static void
add_rest(struct splitter *splitter, uint32_t node)
{
    splitter->rest[splitter->rest_count++] = node;
}

/* Joins two one-sided conditions on a column of numbers into one range, which is tested once;
 * false: there is no other. */
static bool
join_ends(struct splitter *splitter, const struct fi_expr_node *column,
          const struct fi_chunk_predicate *predicate)
{
    const bool is_low = predicate->test == FI_CHUNK_GREATER_EQUAL;
    const enum fi_chunk_test other = is_low ? FI_CHUNK_LESS_EQUAL : FI_CHUNK_GREATER_EQUAL;
    struct fi_expr_where *where = splitter->where;
    if (!is_low && predicate->test != FI_CHUNK_LESS_EQUAL) {
        return false;
    }
    for (size_t i = 0; i < where->count; i++) {
        struct fi_chunk_predicate *known = &where->conditions[i].predicate;
        if (where->conditions[i].place == column->number && known->test == other) {
            DCHECK(known->a.kind == predicate->a.kind && known->a.kind != FI_PHYSICAL_BYTES);
            known->test = FI_CHUNK_BETWEEN;
            known->b = is_low ? known->a : predicate->a;
            known->a = is_low ? predicate->a : known->a;
            where->is_never |= fi_expr_order_same(&known->a, &known->b) > 0;
            return true;
        }
    }
    return false;
}

static int
split_range(struct splitter *splitter, uint32_t number, const struct fi_expr_node *column)
{
    const struct fi_expr_node *node = &splitter->expr->nodes[number];
    struct fi_chunk_predicate predicate = {.test = FI_CHUNK_BETWEEN, .a = node->a, .b = node->b};
    struct fi_cell min;
    struct fi_cell max;
    DCHECK(node->a.kind == fi_expr_physical(column->type.type) && node->b.kind == node->a.kind);
    fi_expr_order_limits(&column->type, &min, &max);
    bool is_negated = node->is_negated;
    bool is_empty = fi_expr_order_same(&node->a, &node->b) > 0 ||
                    fi_expr_order_same(&node->a, &max) > 0 ||
                    fi_expr_order_same(&node->b, &min) < 0;
    bool from_min = fi_expr_order_same(&node->a, &min) <= 0;
    bool to_max = fi_expr_order_same(&node->b, &max) >= 0;
    if (is_empty || (from_min && to_max)) {
        if (is_empty != is_negated) {
            splitter->where->is_never = true;
            return FIRN_OK;
        }
        return add_test(splitter, column, FI_CHUNK_IS_NOT_NULL, NULL);
    }
    if (fi_expr_order_same(&node->a, &node->b) == 0) {
        predicate.test = is_negated ? FI_CHUNK_NOT_EQUAL : FI_CHUNK_EQUAL;
    } else if (from_min) {
        predicate.test = is_negated ? FI_CHUNK_GREATER : FI_CHUNK_LESS_EQUAL;
        predicate.a = node->b;
    } else if (to_max) {
        predicate.test = is_negated ? FI_CHUNK_LESS : FI_CHUNK_GREATER_EQUAL;
    } else if (is_negated) {
        add_rest(splitter, number);
        return FIRN_OK;
    }
    if (predicate.test != FI_CHUNK_BETWEEN) {
        predicate.b = (struct fi_cell){.kind = FI_PHYSICAL_NONE};
    }
    return join_ends(splitter, column, &predicate) ? FIRN_OK
                                                   : add_condition(splitter, column, &predicate);
}

static int
split_list(struct splitter *splitter, uint32_t number, const struct fi_expr_node *column)
{
    const struct fi_expr_node *node = &splitter->expr->nodes[number];
    struct fi_chunk_predicate predicate = {
        .test = FI_CHUNK_IN, .list = node->list, .list_count = node->list_count};
    DCHECK(node->list_count > 0);
    if (node->is_negated && node->list_count > NOT_IN_MAX) {
        add_rest(splitter, number);
        return FIRN_OK;
    }
    if (!node->is_negated && node->list_count > 1) {
        return add_condition(splitter, column, &predicate);
    }
    for (size_t i = 0; i < node->list_count; i++) {
        FI_TRY_RETURN(add_test(splitter, column,
                               node->is_negated ? FI_CHUNK_NOT_EQUAL : FI_CHUNK_EQUAL,
                               &node->list[i]));
    }
    return FIRN_OK;
}

/* Splits a comparison of bytes with a constant, a prefix, or a pattern. */
static int
split_bytes(struct splitter *splitter, uint32_t number, const struct fi_expr_node *column)
{
    const struct fi_expr_node *node = &splitter->expr->nodes[number];
    const struct fi_expr_node *constant = &splitter->expr->nodes[node->args[1]];
    struct fi_cell cell = constant->a;
    if (node->op == FI_EXPR_OP_COMPARE) {
        static const enum fi_chunk_test tests[] = {
            [FI_EXPR_EQUAL] = FI_CHUNK_EQUAL,     [FI_EXPR_NOT_EQUAL] = FI_CHUNK_NOT_EQUAL,
            [FI_EXPR_LESS] = FI_CHUNK_LESS,       [FI_EXPR_LESS_EQUAL] = FI_CHUNK_LESS_EQUAL,
            [FI_EXPR_GREATER] = FI_CHUNK_GREATER, [FI_EXPR_GREATER_EQUAL] = FI_CHUNK_GREATER_EQUAL,
        };
        DCHECK(node->detail >= FI_EXPR_EQUAL && node->detail <= FI_EXPR_GREATER_EQUAL);
        return add_test(splitter, column, tests[node->detail], &cell);
    }
    if (node->op == FI_EXPR_OP_PREFIX) {
        return add_test(splitter, column, FI_CHUNK_PREFIX, &cell);
    }
    size_t size = 0;
    while (size < cell.as.bytes.size && cell.as.bytes.data[size] != '%' &&
           cell.as.bytes.data[size] != '_') {
        size++;
    }
    bool is_whole = size == cell.as.bytes.size;
    cell.as.bytes.size = size;
    if (!is_whole) {
        add_rest(splitter, number);
    }
    return is_whole   ? add_test(splitter, column, FI_CHUNK_EQUAL, &cell)
           : size > 0 ? add_test(splitter, column, FI_CHUNK_PREFIX, &cell)
                      : FIRN_OK;
}

static int
split_truth(struct splitter *splitter, const struct fi_expr_node *column, bool truth)
{
    struct fi_cell cell = {.kind = FI_PHYSICAL_U64, .as.u64 = truth ? 1 : 0};
    DCHECK(column->type.type == FIRN_TYPE_BOOL);
    return add_test(splitter, column, FI_CHUNK_EQUAL, &cell);
}

static int
split_part(struct splitter *splitter, uint32_t number)
{
    const struct fi_expr_node *nodes = splitter->expr->nodes;
    const struct fi_expr_node *node = &nodes[number];
    const struct fi_expr_node *first = node->arg_count > 0 ? &nodes[node->args[0]] : node;
    bool is_of_column = first->op == FI_EXPR_OP_COLUMN;
    bool with_constant = node->arg_count == 2 && nodes[node->args[1]].op == FI_EXPR_OP_CONSTANT &&
                         nodes[node->args[1]].a.kind == FI_PHYSICAL_BYTES;
    if (node->op == FI_EXPR_OP_CONSTANT) {
        splitter->where->is_never |= node->a.kind == FI_PHYSICAL_NONE || node->a.as.u64 == 0;
        return FIRN_OK;
    }
    if (node->op == FI_EXPR_OP_COLUMN) {
        return split_truth(splitter, node, true);
    }
    if (is_of_column) {
        switch (node->op) {
        case FI_EXPR_OP_RANGE:
            return split_range(splitter, number, first);
        case FI_EXPR_OP_IN:
            return split_list(splitter, number, first);
        case FI_EXPR_OP_NOT:
            return split_truth(splitter, first, false);
        case FI_EXPR_OP_IS_TRUE:
            if (!node->is_negated) {
                return split_truth(splitter, first, node->detail != 0);
            }
            break;
        case FI_EXPR_OP_IS_NULL:
            return add_test(splitter, first,
                            node->is_negated ? FI_CHUNK_IS_NOT_NULL : FI_CHUNK_IS_NULL, NULL);
        case FI_EXPR_OP_COMPARE:
        case FI_EXPR_OP_PREFIX:
        case FI_EXPR_OP_LIKE:
            if (with_constant) {
                return split_bytes(splitter, number, first);
            }
            break;
        default:
            break;
        }
    }
    add_rest(splitter, number);
    return FIRN_OK;
}

/* Some parts as one condition; NULL: there are none. Afterwards the parts are other numbers. */
static int
join_parts(const struct fi_expr *expr, uint32_t *parts, size_t count, struct fi_expr **out,
           firn_error *err)
{
    struct fi_expr_builder builder = {.arena = {.chunk_size = 1024}};
    struct fi_expr_node node = {.op = FI_EXPR_OP_AND, .args = parts, .arg_count = (uint32_t)count};
    uint32_t root;
    int rc = FIRN_OK;
    *out = NULL;
    if (count == 0) {
        return FIRN_OK;
    }
    if (count == 1) {
        return fi_expr_extract(expr->nodes, parts[0], out, err);
    }
    for (size_t i = 0; i < count; i++) {
        struct fi_expr_graft graft = {.nodes = expr->nodes, .root = parts[i]};
        FI_TRY(fi_expr_builder_graft(&builder, &graft, &parts[i], err));
        node.type.is_nullable |= builder.nodes[parts[i]].type.is_nullable;
    }
    node.type.type = FIRN_TYPE_BOOL;
    FI_TRY(fi_expr_builder_add(&builder, &node, &root, err));
    FI_TRY(fi_expr_extract(builder.nodes, root, out, err));
out:
    fi_expr_builder_deinit(&builder);
    return rc;
}

int
fi_expr_split_places(const struct fi_expr *expr, uint32_t place, struct fi_expr **out_below,
                     struct fi_expr **out_others, firn_error *err)
{
    const uint32_t root = fi_expr_root(expr);
    const struct fi_expr_node *node = &expr->nodes[root];
    const bool is_and = node->op == FI_EXPR_OP_AND;
    const uint32_t count = is_and ? node->arg_count : 1;
    uint32_t below = 0;
    uint32_t others = 0;
    int rc = FIRN_OK;
    *out_below = NULL;
    *out_others = NULL;
    uint32_t *parts = fi_alloc_array(2 * (size_t)count, sizeof *parts);
    if (parts == NULL) {
        return fi_error_no_memory(err, "conditions of an expression");
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t part = is_and ? node->args[i] : root;
        struct fi_expr *alone;
        FI_TRY(fi_expr_extract(expr->nodes, part, &alone, err));
        const uint32_t last = alone->column_count > 0 ? alone->columns[alone->column_count - 1] : 0;
        if (last < place) {
            parts[below++] = part;
        } else {
            parts[count + others++] = part;
        }
        fi_expr_destroy(alone);
    }
    FI_TRY(join_parts(expr, parts, below, out_below, err));
    FI_TRY(join_parts(expr, parts + count, others, out_others, err));
out:
    fi_free(parts);
    return rc;
}

int
fi_expr_split_sides(const struct fi_expr *expr, struct fi_expr *out[2], firn_error *err)
{
    const struct fi_expr_node *node = &expr->nodes[fi_expr_root(expr)];
    int rc = FIRN_OK;
    out[0] = NULL;
    out[1] = NULL;
    if (node->op != FI_EXPR_OP_COMPARE || node->detail != FI_EXPR_EQUAL) {
        return FIRN_OK;
    }
    for (size_t i = 0; rc == FIRN_OK && i < 2; i++) {
        rc = fi_expr_extract(expr->nodes, node->args[i], &out[i], err);
    }
    return rc;
}

int
fi_expr_split(const struct fi_expr *expr, struct fi_expr_where *out, firn_error *err)
{
    struct splitter splitter = {.expr = expr, .where = out, .err = err};
    uint32_t root = fi_expr_root(expr);
    const struct fi_expr_node *node = &expr->nodes[root];
    bool is_and = node->op == FI_EXPR_OP_AND;
    uint32_t count = is_and ? node->arg_count : 1;
    int rc = FIRN_OK;
    CHECK((node->type.type == FIRN_TYPE_BOOL || node->type.type == FIRN_TYPE_NULL) &&
          !expr->has_aggregates);
    *out = (struct fi_expr_where){.arena = {.chunk_size = 1024}};
    splitter.rest = fi_alloc_array(count, sizeof *splitter.rest);
    if (splitter.rest == NULL) {
        FI_TRY(fi_error_no_memory(err, "conditions of an expression"));
    }
    for (uint32_t i = 0; i < count && !out->is_never; i++) {
        FI_TRY(split_part(&splitter, is_and ? node->args[i] : root));
    }
    if (out->is_never) {
        fi_expr_where_deinit(out);
        out->is_never = true;
    } else {
        FI_TRY(join_parts(expr, splitter.rest, splitter.rest_count, &out->rest, err));
    }
    DCHECK(!out->is_never || (out->count == 0 && out->rest == NULL));
out:
    fi_free(splitter.rest);
    if (rc != FIRN_OK) {
        fi_expr_where_deinit(out);
    }
    return rc;
}

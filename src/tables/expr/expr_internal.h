/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_internal.h: the representation of expressions, private to this room.
 *
 * An expression is an array of nodes, arguments before the nodes that use them; equal nodes are there once. A
 * builder makes such an array. firn_expr_extract orders the nodes by a walk from the root that visits arguments
 * first, so equal expressions are equal arrays.
 */
#ifndef FIRN_EXPR_EXPR_INTERNAL_H
#define FIRN_EXPR_EXPR_INTERNAL_H

#include "base/arena.h"
#include "expr/expr.h"

enum {
    FIRN_EXPR_PRECISION_MAX = FIRN_TABLE_PRECISION_MAX,
    FIRN_EXPR_NODE_DEPTH_MAX = 2 * FIRN_EXPR_DEPTH_MAX,
    FIRN_EXPR_SCALE_UNKNOWN =
        255, /* of a parameter of type DECIMAL, until it is compared with something */
    FIRN_EXPR_MASK_WORDS = FIRN_CHUNK_MASK_WORDS
};
static const int64_t firn_expr_decimal_max = INT64_C(999999999999999999);

enum firn_expr_op {
    FIRN_EXPR_OP_COLUMN = 1, /* number: its place; a: its name, for messages */
    FIRN_EXPR_OP_KEY,        /* number: of the key of the group */
    FIRN_EXPR_OP_RESULT,     /* number: of the aggregate of the group */
    FIRN_EXPR_OP_CONSTANT,   /* a */
    FIRN_EXPR_OP_AGGREGATE,  /* detail: enum firn_expr_function; its argument, if it has one */
    /* Truth. */
    FIRN_EXPR_OP_AND, /* of two or more */
    FIRN_EXPR_OP_OR,
    FIRN_EXPR_OP_NOT,
    FIRN_EXPR_OP_COMPARE, /* detail: enum firn_expr_comparison; of two of one kind, or of numbers except F32, F64 */
    FIRN_EXPR_OP_RANGE, /* a <= x <= b, of numbers; empty if a is above b; is_negated: not in it */
    FIRN_EXPR_OP_IN,    /* x is one of list, ascending, of its kind; is_negated */
    FIRN_EXPR_OP_IS_NULL, /* is_negated */
    FIRN_EXPR_OP_IS_TRUE, /* detail: 1, is true; 0, is false; is_negated */
    FIRN_EXPR_OP_LIKE,    /* of two texts: value, pattern */
    FIRN_EXPR_OP_PREFIX,  /* of two texts or blobs */
    /* Values. */
    FIRN_EXPR_OP_CASE,     /* condition, value, …, the value otherwise */
    FIRN_EXPR_OP_COALESCE, /* of two or more of one type */
    FIRN_EXPR_OP_LEAST,    /* of two or more of one type; skips nulls */
    FIRN_EXPR_OP_GREATEST,
    FIRN_EXPR_OP_ADD, /* of two of one type, or of the same kind with the result's type */
    FIRN_EXPR_OP_SUBTRACT,
    FIRN_EXPR_OP_MULTIPLY,
    FIRN_EXPR_OP_DIVIDE, /* of two F64 */
    FIRN_EXPR_OP_REMAINDER,
    FIRN_EXPR_OP_NEGATE,
    FIRN_EXPR_OP_ABS,
    FIRN_EXPR_OP_ROUND, /* detail: enum firn_expr_rounding; number: digits, of F64 */
    FIRN_EXPR_OP_CAST,
    FIRN_EXPR_OP_LENGTH,
    FIRN_EXPR_OP_LOWER,
    FIRN_EXPR_OP_UPPER,
    FIRN_EXPR_OP_SUBSTR,  /* text or blob, from, and how many */
    FIRN_EXPR_OP_CONCAT,  /* of two or more texts or blobs */
    FIRN_EXPR_OP_EXTRACT, /* detail: enum firn_expr_unit */
    FIRN_EXPR_OP_TRUNCATE /* detail: enum firn_expr_unit */
};

enum firn_expr_comparison {
    FIRN_EXPR_EQUAL = 1,
    FIRN_EXPR_NOT_EQUAL,
    FIRN_EXPR_LESS,
    FIRN_EXPR_LESS_EQUAL,
    FIRN_EXPR_GREATER,
    FIRN_EXPR_GREATER_EQUAL
};
enum firn_expr_rounding { FIRN_EXPR_NEAREST = 1, FIRN_EXPR_FLOOR, FIRN_EXPR_CEIL };
enum firn_expr_unit {
    FIRN_EXPR_YEAR = 1,
    FIRN_EXPR_MONTH,
    FIRN_EXPR_DAY,
    FIRN_EXPR_HOUR,
    FIRN_EXPR_MINUTE,
    FIRN_EXPR_SECOND
};

struct firn_expr_node {
    enum firn_expr_op op;
    uint8_t detail;
    bool is_negated;
    uint16_t depth;
    struct firn_expr_type type;
    uint32_t number;
    const uint32_t *args;
    uint32_t arg_count;
    struct firn_cell a;
    struct firn_cell b;
    const struct firn_cell *list;
    size_t list_count;
};

struct firn_expr {
    struct firn_arena arena;
    struct firn_expr_node *nodes; /* the root is the last */
    uint32_t count;
    uint32_t *columns;
    uint32_t column_count;
    bool has_aggregates;
};

struct firn_expr_builder {
    struct firn_arena arena;
    struct firn_expr_node *nodes;
    size_t count;
    size_t capacity;
    uint32_t *table; /* numbers of nodes + 1 by their hashes; a power of two */
    size_t table_size;
};
void firn_expr_builder_deinit(struct firn_expr_builder *builder);
/* The number of a node that equals the model; if there is none, a copy is added. The model's arguments, list and bytes
 * are borrowed. FIRN_NO_MEMORY; FIRN_LIMIT: too many, too deep. Requires: arguments are nodes of the builder. */
FIRN_MUST_CHECK int firn_expr_builder_add(struct firn_expr_builder *builder,
                                          const struct firn_expr_node *model, uint32_t *out,
                                          firn_error *err);
/* Replaces a node of another array: returns true and sets *out if that node of the builder takes its place,
 * arguments included. A failure goes to *rc. */
typedef bool (*firn_expr_replace)(void *ctx, const struct firn_expr_node *nodes, uint32_t node,
                                  uint32_t *out, int *rc, firn_error *err);
struct firn_expr_graft {
    const struct firn_expr_node *nodes;
    uint32_t root;
    firn_expr_replace replace; /* may be NULL */
    void *ctx;
};
/* Copies what the root reaches, arguments first. */
FIRN_MUST_CHECK int firn_expr_builder_graft(struct firn_expr_builder *builder,
                                            const struct firn_expr_graft *graft, uint32_t *out,
                                            firn_error *err);
/* Makes an expression of all nodes that the root reaches. */
FIRN_MUST_CHECK int firn_expr_extract(const struct firn_expr_node *nodes, uint32_t root,
                                      struct firn_expr **out, firn_error *err);

static inline uint32_t
firn_expr_root(const struct firn_expr *expr)
{
    return expr->count - 1;
}

static inline bool
firn_expr_is_null_constant(const struct firn_expr_node *node)
{
    return node->op == FIRN_EXPR_OP_CONSTANT && node->a.kind == FIRN_PHYSICAL_NONE;
}
static inline bool
firn_expr_is_truth(enum firn_expr_op op)
{
    return op >= FIRN_EXPR_OP_AND && op <= FIRN_EXPR_OP_PREFIX;
}
/* "decimal(12, 2)", "i64", … */
static inline const char *
firn_expr_type_text(const struct firn_expr_type *type, char out[FIRN_TYPE_TEXT_SIZE])
{
    return firn_type_text(type->type, type->scale != FIRN_EXPR_SCALE_UNKNOWN ? type->precision : 0,
                          type->scale, type->dimensions, out);
}
/* Ten to a power of at most 18, which its square does not overflow. */
static inline int64_t
firn_expr_power(uint32_t exponent)
{
    return (int64_t)firn_type_power(exponent);
}

/* ==== expr_order.c: numbers in order ==== */

/* A number of any kind as a double. */
double firn_expr_order_real(const struct firn_expr_type *type, const struct firn_cell *cell);
/* Compares two cells of one kind: -1, 0 or 1. */
int firn_expr_order_same(const struct firn_cell *a, const struct firn_cell *b);
/* The values of a type that fulfil a comparison with a constant: a <= x <= b, or all others. */
struct firn_expr_range {
    struct firn_cell a;
    struct firn_cell b;
    bool is_empty;
    bool is_negated;
};
void firn_expr_order_range(const struct firn_expr_type *type, enum firn_expr_comparison comparison,
                           const struct firn_expr_type *constant_type,
                           const struct firn_cell *constant, struct firn_expr_range *out);
/* The smallest and the largest of all values of a type. */
void firn_expr_order_limits(const struct firn_expr_type *type, struct firn_cell *min,
                            struct firn_cell *max);

/* ==== expr_cast.c: one value of a type to another ==== */

/* FIRN_LIMIT: the value does not fit; FIRN_INVALID: a text is no such value. Bytes go to memory, or are borrowed. Requires:
 * the cast is allowed; the cell is not null. */
FIRN_MUST_CHECK int firn_expr_cast_cell(const struct firn_expr_type *from,
                                        const struct firn_cell *cell,
                                        const struct firn_expr_type *to, struct firn_buf *memory,
                                        struct firn_cell *out, firn_error *err);
bool firn_expr_cast_is_allowed(const struct firn_expr_type *from, const struct firn_expr_type *to);

#endif

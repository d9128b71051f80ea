/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_internal.h: the representation of expressions, private to this room.
 *
 * An expression is an array of nodes, arguments before the nodes that use them; equal nodes are
 * there once. A builder makes such an array. fi_expr_extract orders the nodes by a walk from the
 * root that visits arguments first, so equal expressions are equal arrays.
 */
#ifndef FIRN_EXPR_EXPR_INTERNAL_H
#define FIRN_EXPR_EXPR_INTERNAL_H

#include "base/arena.h"
#include "expr/expr.h"

enum {
    FI_EXPR_PRECISION_MAX = FIRN_TABLE_PRECISION_MAX,
    FI_EXPR_NODE_DEPTH_MAX = 2 * FI_EXPR_DEPTH_MAX,
    FI_EXPR_SCALE_UNKNOWN =
        255, /* of a parameter of type DECIMAL, until it is compared with something */
    FI_EXPR_MASK_WORDS = FI_CHUNK_MASK_WORDS
};
static const int64_t fi_expr_decimal_max = INT64_C(999999999999999999);

enum fi_expr_op {
    FI_EXPR_OP_COLUMN = 1, /* number: its place; a: its name, for messages */
    FI_EXPR_OP_KEY,        /* number: of the key of the group */
    FI_EXPR_OP_RESULT,     /* number: of the aggregate of the group */
    FI_EXPR_OP_CONSTANT,   /* a */
    FI_EXPR_OP_AGGREGATE,  /* detail: enum fi_expr_function; its argument, if it has one */
    /* Truth. */
    FI_EXPR_OP_AND, /* of two or more */
    FI_EXPR_OP_OR,
    FI_EXPR_OP_NOT,
    /* detail: enum fi_expr_comparison; of two of one kind, or of numbers except F32, F64 */
    FI_EXPR_OP_COMPARE,
    FI_EXPR_OP_RANGE,   /* a <= x <= b, of numbers; empty if a is above b; is_negated: not in it */
    FI_EXPR_OP_IN,      /* x is one of list, ascending, of its kind; is_negated */
    FI_EXPR_OP_IS_NULL, /* is_negated */
    FI_EXPR_OP_IS_TRUE, /* detail: 1, is true; 0, is false; is_negated */
    FI_EXPR_OP_LIKE,    /* of two texts: value, pattern */
    FI_EXPR_OP_PREFIX,  /* of two texts or blobs */
    /* Values. */
    FI_EXPR_OP_CASE,     /* condition, value, …, the value otherwise */
    FI_EXPR_OP_COALESCE, /* of two or more of one type */
    FI_EXPR_OP_LEAST,    /* of two or more of one type; skips nulls */
    FI_EXPR_OP_GREATEST,
    FI_EXPR_OP_ADD, /* of two of one type, or of the same kind with the result's type */
    FI_EXPR_OP_SUBTRACT,
    FI_EXPR_OP_MULTIPLY,
    FI_EXPR_OP_DIVIDE, /* of two F64 */
    FI_EXPR_OP_REMAINDER,
    FI_EXPR_OP_NEGATE,
    FI_EXPR_OP_ABS,
    FI_EXPR_OP_ROUND, /* detail: enum fi_expr_rounding; number: digits, of F64 */
    FI_EXPR_OP_CAST,
    FI_EXPR_OP_LENGTH,
    FI_EXPR_OP_LOWER,
    FI_EXPR_OP_UPPER,
    FI_EXPR_OP_SUBSTR,  /* text or blob, from, and how many */
    FI_EXPR_OP_CONCAT,  /* of two or more texts or blobs */
    FI_EXPR_OP_EXTRACT, /* detail: enum fi_expr_unit */
    FI_EXPR_OP_TRUNCATE /* detail: enum fi_expr_unit */
};

enum fi_expr_comparison {
    FI_EXPR_EQUAL = 1,
    FI_EXPR_NOT_EQUAL,
    FI_EXPR_LESS,
    FI_EXPR_LESS_EQUAL,
    FI_EXPR_GREATER,
    FI_EXPR_GREATER_EQUAL
};
enum fi_expr_rounding { FI_EXPR_NEAREST = 1, FI_EXPR_FLOOR, FI_EXPR_CEIL };
enum fi_expr_unit {
    FI_EXPR_YEAR = 1,
    FI_EXPR_MONTH,
    FI_EXPR_DAY,
    FI_EXPR_HOUR,
    FI_EXPR_MINUTE,
    FI_EXPR_SECOND
};

struct fi_expr_node {
    enum fi_expr_op op;
    uint8_t detail;
    bool is_negated;
    uint16_t depth;
    struct fi_expr_type type;
    uint32_t number;
    const uint32_t *args;
    uint32_t arg_count;
    struct fi_cell a;
    struct fi_cell b;
    const struct fi_cell *list;
    size_t list_count;
};

struct fi_expr {
    struct fi_arena arena;
    struct fi_expr_node *nodes; /* the root is the last */
    uint32_t count;
    uint32_t *columns;
    uint32_t column_count;
    bool has_aggregates;
};

struct fi_expr_builder {
    struct fi_arena arena;
    struct fi_expr_node *nodes;
    size_t count;
    size_t capacity;
    uint32_t *table; /* numbers of nodes + 1 by their hashes; a power of two */
    size_t table_size;
};
void fi_expr_builder_deinit(struct fi_expr_builder *builder);
/* The number of a node that equals the model; if there is none, a copy is added. The model's
 * arguments, list and bytes are borrowed. FIRN_NO_MEMORY; FIRN_LIMIT: too many, too deep. Requires:
 * arguments are nodes of the builder. */
FIRN_MUST_CHECK int fi_expr_builder_add(struct fi_expr_builder *builder,
                                        const struct fi_expr_node *model, uint32_t *out,
                                        firn_error *err);
/* Replaces a node of another array: returns true and sets *out if that node of the builder takes
 * its place, arguments included. A failure goes to *rc. */
typedef bool (*fi_expr_replace)(void *ctx, const struct fi_expr_node *nodes, uint32_t node,
                                uint32_t *out, int *rc, firn_error *err);
struct fi_expr_graft {
    const struct fi_expr_node *nodes;
    uint32_t root;
    fi_expr_replace replace; /* may be NULL */
    void *ctx;
};
/* Copies what the root reaches, arguments first. */
FIRN_MUST_CHECK int fi_expr_builder_graft(struct fi_expr_builder *builder,
                                          const struct fi_expr_graft *graft, uint32_t *out,
                                          firn_error *err);
/* Makes an expression of all nodes that the root reaches. */
FIRN_MUST_CHECK int fi_expr_extract(const struct fi_expr_node *nodes, uint32_t root,
                                    struct fi_expr **out, firn_error *err);

static inline uint32_t
fi_expr_root(const struct fi_expr *expr)
{
    return expr->count - 1;
}

static inline bool
fi_expr_is_null_constant(const struct fi_expr_node *node)
{
    return node->op == FI_EXPR_OP_CONSTANT && node->a.kind == FI_PHYSICAL_NONE;
}
static inline bool
fi_expr_is_truth(enum fi_expr_op op)
{
    return op >= FI_EXPR_OP_AND && op <= FI_EXPR_OP_PREFIX;
}
/* "decimal(12, 2)", "i64", … */
static inline const char *
fi_expr_type_text(const struct fi_expr_type *type, char out[FI_TYPE_TEXT_SIZE])
{
    return fi_type_text(type->type, type->scale != FI_EXPR_SCALE_UNKNOWN ? type->precision : 0,
                        type->scale, type->dimensions, out);
}
/* Ten to a power of at most 18, which its square does not overflow. */
static inline int64_t
fi_expr_power(uint32_t exponent)
{
    return (int64_t)fi_type_power(exponent);
}

/* ==== expr_order.c: numbers in order ==== */

/* A number of any kind as a double. */
double fi_expr_order_real(const struct fi_expr_type *type, const struct fi_cell *cell);
/* Compares two cells of one kind: -1, 0 or 1. */
int fi_expr_order_same(const struct fi_cell *a, const struct fi_cell *b);
/* The values of a type that fulfil a comparison with a constant: a <= x <= b, or all others. */
struct fi_expr_range {
    struct fi_cell a;
    struct fi_cell b;
    bool is_empty;
    bool is_negated;
};
void fi_expr_order_range(const struct fi_expr_type *type, enum fi_expr_comparison comparison,
                         const struct fi_expr_type *constant_type, const struct fi_cell *constant,
                         struct fi_expr_range *out);
/* The smallest and the largest of all values of a type. */
void fi_expr_order_limits(const struct fi_expr_type *type, struct fi_cell *min,
                          struct fi_cell *max);

/* ==== expr_cast.c: one value of a type to another ==== */

/* FIRN_LIMIT: the value does not fit; FIRN_INVALID: a text is no such value. Bytes go to memory, or
 * are borrowed. Requires: the cast is allowed; the cell is not null. */
FIRN_MUST_CHECK int fi_expr_cast_cell(const struct fi_expr_type *from, const struct fi_cell *cell,
                                      const struct fi_expr_type *to, struct fi_buf *memory,
                                      struct fi_cell *out, firn_error *err);
bool fi_expr_cast_is_allowed(const struct fi_expr_type *from, const struct fi_expr_type *to);

#endif

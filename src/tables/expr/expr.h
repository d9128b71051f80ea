/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr.h: expressions over the columns of a table: read from text, typed, evaluated over
 * batches of up to 1,024 rows, column by column. docs/expressions.md is the reference for users.
 *
 * The language, from what binds least to what binds most:
 *
 *     or
 *     and
 *     not
 *     = == != <> < <= > >=   is [not] null   is [not] true | false   is [not] distinct from
 *         [not] between a and b   [not] in (a, b, …)   [not] like 'pattern'
 *     + - ||
 *     * / %
 *     - (of one operand)
 *     literals, columns, "columns", ?, (…), functions, case … end, cast(x as TYPE), count(*),
 *     sum(x), …
 *
 * - Words of the language may have any case; names of columns must match exactly.
 * - Truth has three values: a comparison with null is null; "and" and "or" with a null are null
 *   unless the other operands decide.
 * - Integers and decimals are exact. A result that does not fit i64, u64 or 18 digits is
 *   FIRN_LIMIT. Integers of up to 32 bits, signed or not, are computed as I64. + and - of decimals
 *   have the larger scale, * has the sum of both, which is at most 18. / always gives F64. x / 0
 *   and x % 0 are null.
 * - Numbers of different types are compared exactly; if one of them is F32 or F64, both are
 *   compared as F64.
 * - A text in quotes, a parameter that is text, and null take the type of what they are compared or
 *   joined with.
 * - A part fails only for rows that need it: not in a branch of case that is not taken, nor after a
 *   false in "and".
 *
 * Threads: an expression never changes and is shared by any number of threads. Evaluators belong to
 * one thread at a time.
 */
#ifndef FIRN_EXPR_EXPR_H
#define FIRN_EXPR_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "chunk/chunk_encoding.h"
#include "firn/value.h"
#include "schema/schema.h"

enum {
    FI_EXPR_BATCH_ROWS_MAX = FI_CHUNK_BLOCK,
    FI_EXPR_TEXT_SIZE_MAX = 1 << 20,
    FI_EXPR_DEPTH_MAX =
        200, /* of parts nested in each other: parentheses, calls, operators to the right */
    FI_EXPR_NODES_MAX =
        1 << 16, /* parts of one text; entries of "in" lists do not count if they are constants */
    FI_EXPR_ITEMS_MAX = 4096, /* of a list */
    FI_EXPR_NAME_SIZE_MAX = 255
};
#define FI_EXPR_NONE SIZE_MAX

struct fi_expr_type {
    firn_type type;     /* FIRN_TYPE_NULL: only of the constant null */
    uint32_t precision; /* of DECIMAL: how many digits, at most */
    uint32_t scale;
    uint32_t dimensions; /* of VECTOR */
    bool is_nullable;
};
/* FI_PHYSICAL_U64 for FIRN_TYPE_NULL, whose values are all null. */
enum fi_physical fi_expr_physical(firn_type type);

struct fi_expr;
struct fi_expr_list;

/* The names that texts may use. All of it is borrowed for the call. */
struct fi_expr_env {
    const struct fi_schema *schema;
    const firn_value *parameters;
    size_t parameter_count;
    size_t *next_parameter; /* question marks are numbered across texts; NULL: from 0 */
    const char *of;         /* "where": begins the messages; may be NULL */
    bool no_aggregates;     /* aggregates are FIRN_INVALID: in where and group_by */
    /* The items that group_by and order_by may refer to, by "as" names and by numbers from 1; NULL:
     * nothing. */
    const struct fi_expr_list *selected;
    bool selected_first; /* a name of both a selected item and a column means the item (order_by) */
};

/* Reads one expression. Errors FIRN_INVALID and FIRN_LIMIT have the place in the text, and what was
 * expected. FIRN_NOT_FOUND: there is no such column. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_expr_create(firn_slice text, const struct fi_expr_env *env,
                                   struct fi_expr **out, firn_error *err);
/* NULL is fine. */
void fi_expr_destroy(struct fi_expr *expr);
/* The value of a column as an expression. Requires: place < schema->column_count.
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_expr_create_column(const struct fi_schema *schema, uint32_t place,
                                          struct fi_expr **out, firn_error *err);

enum fi_expr_list_kind {
    FI_EXPR_SELECT, /* "a, b as c, *"; * stands for all columns */
    FI_EXPR_GROUP,  /* "a, year(b), 1" */
    FI_EXPR_ORDER   /* "a desc, 2 asc" */
};
struct fi_expr_item {
    struct fi_expr *expr;
    /* The name after "as", the column's name, or the text of the expression with one space for each
     * run of blanks; a NUL follows it. At most FI_EXPR_NAME_SIZE_MAX bytes: longer texts are
     * cut. */
    firn_slice name;
    bool is_descending;
    /* the item of env->selected that this refers to by name or number, with an equal expression;
     * FI_EXPR_NONE: it refers to none */
    size_t selected;
};
struct fi_expr_list {
    struct fi_expr_item *items;
    size_t count;
};
/* Reads a list of 1 to FI_EXPR_ITEMS_MAX expressions. Failures as above; *out is empty then. */
FIRN_MUST_CHECK int fi_expr_list_create(firn_slice text, enum fi_expr_list_kind kind,
                                        const struct fi_expr_env *env, struct fi_expr_list *out,
                                        firn_error *err);
/* A list without items is fine. */
void fi_expr_list_deinit(struct fi_expr_list *list);

const struct fi_expr_type *fi_expr_type_of(const struct fi_expr *expr);
/* The places of the columns that the expression reads, also in aggregates: ascending, owned by
 * it. */
const uint32_t *fi_expr_columns(const struct fi_expr *expr, size_t *out_count);
/* Whether both are the same expression of the same columns, after constants are folded. */
bool fi_expr_equal(const struct fi_expr *a, const struct fi_expr *b);
bool fi_expr_has_aggregates(const struct fi_expr *expr);
/* Whether the expression is just a column; *out_place is its place. */
bool fi_expr_is_column(const struct fi_expr *expr, uint32_t *out_place);
/* Whether the expression is a constant; *out is its cell (kind FI_PHYSICAL_NONE: null), owned by
 * it. */
bool fi_expr_is_constant(const struct fi_expr *expr, struct fi_cell *out);

/* ==== groups: expr_group.c ==== */

enum fi_expr_function {
    FI_EXPR_COUNT_ROWS = 1, /* count(*): no argument */
    FI_EXPR_COUNT,
    FI_EXPR_COUNT_DISTINCT,
    FI_EXPR_SUM,
    FI_EXPR_MIN,
    FI_EXPR_MAX,
    FI_EXPR_AVG
};
struct fi_expr_aggregate {
    enum fi_expr_function function;
    /* over rows; NULL: of COUNT_ROWS. Of SUM and AVG: of any type of numbers */
    struct fi_expr *argument;
    /* COUNT…: I64, never null. SUM: I64; U64 of unsigned integers; DECIMAL(18, scale); F64 of F32
     * and F64. AVG: F64. MIN, MAX: the argument's. All except counts are null if there is no
     * value. */
    struct fi_expr_type type;
};
/* Expressions over groups: they read the values of aggregates and keys instead of columns. */
struct fi_expr_groups {
    struct fi_expr **exprs; /* one for each given expression */
    size_t expr_count;
    struct fi_expr_aggregate *aggregates; /* of all of them; equal ones once */
    size_t aggregate_count;
};
struct fi_expr_group_input {
    const struct fi_expr *const *exprs;
    size_t expr_count;
    const struct fi_expr *const *keys; /* of group_by */
    size_t key_count;
};
/* Replaces aggregates by their values, and parts that equal a key by the key's value. FIRN_INVALID
 * names a column that is read outside of both. Keys and expressions are borrowed for the call.
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_expr_group(const struct fi_expr_group_input *input,
                                  struct fi_expr_groups *out, firn_error *err);
/* A zeroed one is fine. */
void fi_expr_groups_deinit(struct fi_expr_groups *groups);

/* ==== evaluation: expr_eval.c ==== */

/* A batch of rows. All of it is borrowed until the evaluator begins the next batch. */
struct fi_expr_batch {
    size_t count; /* 1 to FI_EXPR_BATCH_ROWS_MAX */
    /* A bit for each row that counts; the others may hold anything, even invalid slices, and give
     * no errors. NULL: all count. FI_CHUNK_MASK_WORDS words; those after the last row are not
     * read. */
    const uint64_t *wanted;
    /* By place in the schema; only the columns that an expression reads are used. BOOL: U64, 0 and
     * 1. */
    const struct fi_chunk_values *columns;
    /* By number in struct fi_expr_groups, and by number of the key, for expressions over groups;
     * else NULL. */
    const struct fi_chunk_values *aggregates;
    const struct fi_chunk_values *keys;
};

/* Evaluates expressions over one batch after another; parts that they share are evaluated once. */
struct fi_expr_eval;
/* The expressions are borrowed for the call only. Requires: an expression with aggregates comes
 * from fi_expr_group. FIRN_NO_MEMORY, FIRN_LIMIT. */
FIRN_MUST_CHECK int fi_expr_eval_create(const struct fi_expr *const *exprs, size_t count,
                                        struct fi_expr_eval **out, firn_error *err);
/* NULL is fine. */
void fi_expr_eval_destroy(struct fi_expr_eval *eval);
/* The places of all columns that are read: ascending, owned by the evaluator. */
const uint32_t *fi_expr_eval_columns(const struct fi_expr_eval *eval, size_t *out_count);
/* Begins a batch. The struct is copied; what it points to is borrowed. Values of earlier batches
 * are gone. */
void fi_expr_eval_begin(struct fi_expr_eval *eval, const struct fi_expr_batch *batch);
/* The values of expression i, borrowed from the evaluator and the batch until the evaluator begins
 * the next batch or is destroyed. Values of other expressions of the same batch stay. Rows that are
 * not wanted hold anything; others that are null hold 0 or empty bytes. BOOL is 0 and 1.
 * FIRN_LIMIT: a number that does not fit; FIRN_INVALID: a text that cannot be cast;
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_expr_eval_values(struct fi_expr_eval *eval, size_t i,
                                        struct fi_chunk_values *out, firn_error *err);
/* Clears the bits of mask (FI_CHUNK_MASK_WORDS words) whose rows are not wanted, or for which
 * expression i is not true. Rows whose bits are clear already give no errors. Requires: expression
 * i is BOOL. Failures as above. */
FIRN_MUST_CHECK int fi_expr_eval_filter(struct fi_expr_eval *eval, size_t i, uint64_t *mask,
                                        firn_error *err);

/* ==== conditions that chunks test themselves: expr_split.c ==== */

struct fi_expr_condition {
    uint32_t place;
    /* of the column's kind; bytes and lists are owned by the split */
    struct fi_chunk_predicate predicate;
};
/* A row fulfils the expression if it fulfils all conditions and the rest. */
struct fi_expr_where {
    struct fi_expr_condition *conditions;
    size_t count;
    struct fi_expr *rest; /* NULL: nothing is left to test */
    bool is_never;        /* no row fulfils it; then there are no conditions and no rest */
    struct fi_arena arena;
};
/* Requires: expr is BOOL (or the constant null) without aggregates. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_expr_split(const struct fi_expr *expr, struct fi_expr_where *out,
                                  firn_error *err);
/* Splits a condition at its outermost "and": into the parts that read only columns of smaller
 * places, and the others. NULL: there are none. After a failure either may have been made.
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_expr_split_places(const struct fi_expr *expr, uint32_t place,
                                         struct fi_expr **out_below, struct fi_expr **out_others,
                                         firn_error *err);
/* The two sides of an equation; NULL: it is none. After a failure the first may have been made.
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_expr_split_sides(const struct fi_expr *expr, struct fi_expr *out[2],
                                        firn_error *err);
/* A zeroed one is fine. */
void fi_expr_where_deinit(struct fi_expr_where *where);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/expr: a table with a column of each type, and random rows of it.
 */
#ifndef FIRN_TEST_EXPR_FIXTURE_H
#define FIRN_TEST_EXPR_FIXTURE_H

#include "base/buf.h"
#include "expr/expr.h"
#include "support/test_random.h"

/* id i64; then, each of which may be null: b bool, i8, i16, i32, i64, u8, u32, u64, f32, f64, d2 decimal(12, 2), d4
 * decimal(18, 4), day date, at timestamp, t text, t2 text, x blob, u uuid, v vector(2); "odd name" i32. */
enum { FIXTURE_COLUMNS = 21 };
struct fi_schema *fixture_schema(void);

/* Rows column by column. */
struct fixture_rows {
    size_t count;
    struct fi_chunk_values columns[FIXTURE_COLUMNS];
    uint64_t valid[FIXTURE_COLUMNS][FI_CHUNK_MASK_WORDS];
    uint64_t numbers[FIXTURE_COLUMNS][FI_EXPR_BATCH_ROWS_MAX];
    float narrow[FIXTURE_COLUMNS][FI_EXPR_BATCH_ROWS_MAX];
    firn_slice slices[FIXTURE_COLUMNS][FI_EXPR_BATCH_ROWS_MAX];
    uint8_t bytes[FIXTURE_COLUMNS][FI_EXPR_BATCH_ROWS_MAX][16];
};
/* Values at the edges of their types rather often, and equal ones; one of null_one_in is null, 0: none. */
void fixture_draw(struct test_random *random, const struct fi_schema *schema, size_t count,
                  uint64_t null_one_in, struct fixture_rows *out);
struct fi_cell fixture_cell(const struct fi_chunk_values *values, size_t row);

/* An expression that must be made. */
struct fi_expr *fixture_expr(const struct fi_schema *schema, const char *text);
/* The text of a value, "null" for null; in a buffer of the fixture's, until four more were made. */
const char *fixture_text(const struct fi_expr_type *type, const struct fi_cell *cell);

#endif

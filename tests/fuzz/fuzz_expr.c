/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/expr: hostile texts of expressions, over the rows of a fixed table. Byte 0 modulo 2: the rest is one
 * expression, or a list to select, whose first item is grouped by.
 *
 * What can be read is evaluated, for all rows and for some; a condition keeps the same rows whether it is
 * split or not, if neither fails.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "expr/expr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 5, COLUMNS = 10 };

struct input {
    struct fi_schema *schema;
    struct fi_chunk_values columns[COLUMNS];
};

static const struct input *
fixed_input(void)
{
    static const char text[] = "id i64 primary key, b bool, i i8, u u64, f f32, d decimal(12, 2), "
                               "day date, at timestamp, t text, x blob";
    static const int64_t numbers[ROWS] = {0, 1, 0, 127, -128};
    static const uint64_t bools[ROWS] = {1, 0, 0, 1, 0};
    static const uint64_t naturals[ROWS] = {0, 1, 0, UINT64_MAX, 7};
    static const float reals[ROWS] = {-0.0F, -1.5F, 0, __builtin_nanf(""), 3e30F};
    static const uint64_t valid[FI_CHUNK_MASK_WORDS] = {0x1b};
    static firn_slice texts[ROWS];
    static struct input input;
    if (input.schema == NULL) {
        firn_table_def *def = NULL;
        CHECK(firn_table_def_parse(text, &def, NULL) == FIRN_OK);
        CHECK(fi_schema_def_create(def, &input.schema, NULL) == FIRN_OK);
        fi_free(def);
        texts[0] = firn_str("");
        texts[1] = firn_str("abc");
        texts[2] = firn_str("");
        texts[3] = firn_str("\xc3\xa9%_");
        texts[4] = firn_str("12");
        for (size_t i = 0; i < COLUMNS; i++) {
            struct fi_chunk_values *values = &input.columns[i];
            values->kind = fi_physical_of(input.schema->columns[i].type);
            values->count = ROWS;
            values->valid = i > 0 ? valid : NULL;
            values->as.i64 = numbers;
            if (values->kind == FI_PHYSICAL_BYTES) {
                values->as.bytes = texts;
            } else if (values->kind == FI_PHYSICAL_F32) {
                values->as.f32 = reals;
            } else if (values->kind == FI_PHYSICAL_U64) {
                values->as.u64 = i == 1 ? bools : naturals;
            }
        }
    }
    return &input;
}

/* Looks at every byte of the values. */
static void
use_values(const struct fi_chunk_values *values, const uint64_t *wanted)
{
    static volatile uint8_t sink;
    CHECK(values->count == ROWS);
    for (size_t row = 0; row < ROWS; row++) {
        bool is_wanted = (wanted[0] >> row & 1) != 0;
        bool is_null = values->valid != NULL && (values->valid[0] >> row & 1) == 0;
        if (values->kind == FI_PHYSICAL_BYTES && is_wanted) {
            firn_slice bytes = values->as.bytes[row];
            CHECK(!is_null || bytes.size == 0);
            for (size_t i = 0; i < bytes.size; i++) {
                sink = bytes.data[i];
            }
        } else if (values->kind == FI_PHYSICAL_F32) {
            sink = values->as.f32[row] > 0;
        } else if (values->kind != FI_PHYSICAL_BYTES) {
            CHECK(!is_wanted || !is_null || values->as.u64[row] == 0);
        }
    }
    (void)sink;
}

static int
filter(const struct fi_expr *expr, uint64_t *mask)
{
    struct fi_expr_eval *eval = NULL;
    struct fi_expr_batch batch = {.count = ROWS, .wanted = mask, .columns = fixed_input()->columns};
    firn_error err;
    int rc = fi_expr_eval_create(&expr, 1, &eval, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_LIMIT);
    if (rc == FIRN_OK) {
        fi_expr_eval_begin(eval, &batch);
        rc = fi_expr_eval_filter(eval, 0, mask, &err);
        CHECK(rc == FIRN_OK || rc == FIRN_LIMIT || rc == FIRN_INVALID);
    }
    fi_expr_eval_destroy(eval);
    return rc;
}

static void
use_condition(const struct fi_expr *expr)
{
    uint64_t whole[FI_CHUNK_MASK_WORDS] = {0x1f};
    uint64_t parts[FI_CHUNK_MASK_WORDS] = {0x1f};
    struct fi_expr_where where;
    firn_error err;
    int rc = filter(expr, whole);
    CHECK(fi_expr_split(expr, &where, &err) == FIRN_OK);
    for (size_t i = 0; i < where.count; i++) {
        const struct fi_chunk_values *values = &fixed_input()->columns[where.conditions[i].place];
        struct fi_chunk_scratch scratch = {.numbers = {.data = NULL}};
        struct fi_buf bytes = {.data = NULL};
        struct fi_chunk chunk;
        CHECK(fi_chunk_encode(values, &bytes, NULL, &err) == FIRN_OK);
        CHECK(fi_chunk_open(fi_buf_slice(&bytes), values->kind, values->fixed_size, ROWS, &chunk,
                            &err) == FIRN_OK);
        CHECK(fi_chunk_filter_block(&chunk, 0, &where.conditions[i].predicate, &scratch, parts,
                                    &err) == FIRN_OK);
        fi_chunk_scratch_deinit(&scratch);
        fi_buf_deinit(&bytes);
    }
    parts[0] = where.is_never ? 0 : parts[0];
    int rest_rc = where.rest != NULL ? filter(where.rest, parts) : FIRN_OK;
    CHECK(rc != FIRN_OK || rest_rc != FIRN_OK || whole[0] == parts[0]);
    fi_expr_where_deinit(&where);
}

static void
use_expression(const struct fi_expr *expr)
{
    static const uint64_t masks[] = {0x1f, 0x0a, 0};
    struct fi_expr_eval *eval = NULL;
    firn_error err;
    if (fi_expr_has_aggregates(expr)) {
        return;
    }
    int rc = fi_expr_eval_create(&expr, 1, &eval, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_LIMIT);
    for (size_t i = 0; i < sizeof masks / sizeof masks[0] && rc == FIRN_OK; i++) {
        uint64_t wanted[FI_CHUNK_MASK_WORDS] = {masks[i]};
        struct fi_chunk_values values;
        struct fi_expr_batch batch = {
            .count = ROWS, .wanted = wanted, .columns = fixed_input()->columns};
        fi_expr_eval_begin(eval, &batch);
        int code = fi_expr_eval_values(eval, 0, &values, &err);
        CHECK(code == FIRN_OK || code == FIRN_LIMIT || code == FIRN_INVALID);
        CHECK(code == FIRN_OK || err.text[0] != '\0');
        if (code == FIRN_OK) {
            use_values(&values, wanted);
        }
    }
    fi_expr_eval_destroy(eval);
    if (fi_expr_type_of(expr)->type == FIRN_TYPE_BOOL) {
        use_condition(expr);
    }
}

static void
use_list(const struct fi_expr_list *list)
{
    const struct fi_expr *exprs[16];
    size_t count = list->count < 16 ? list->count : 16;
    struct fi_expr_groups groups;
    firn_error err;
    for (size_t i = 0; i < count; i++) {
        exprs[i] = list->items[i].expr;
        CHECK(list->items[i].name.size <= FI_EXPR_NAME_SIZE_MAX);
        CHECK(list->items[i].name.data[list->items[i].name.size] == 0);
        CHECK(fi_expr_equal(exprs[i], exprs[i]));
        use_expression(exprs[i]);
    }
    struct fi_expr_group_input input = {.exprs = exprs,
                                        .expr_count = count,
                                        .keys = exprs,
                                        .key_count = fi_expr_has_aggregates(exprs[0]) ? 0 : 1};
    int rc = fi_expr_group(&input, &groups, &err);
    CHECK(rc == FIRN_OK || rc == FIRN_INVALID || rc == FIRN_LIMIT);
    fi_expr_groups_deinit(&groups);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    firn_value parameters[] = {firn_i64(3), firn_text("abc"), firn_null(),
                               firn_typed_i64(FIRN_TYPE_DECIMAL, 125)};
    struct fi_expr_env env = {.schema = fixed_input()->schema,
                              .parameters = parameters,
                              .parameter_count = 4,
                              .of = "fuzz"};
    struct fi_expr *expr = NULL;
    struct fi_expr_list list;
    firn_error err;
    err.text[0] = '\0';
    if (size < 1) {
        return 0;
    }
    firn_slice text = firn_bytes(data + 1, size - 1);
    int rc;
    if (data[0] % 2 == 0) {
        rc = fi_expr_create(text, &env, &expr, &err);
        if (rc == FIRN_OK) {
            use_expression(expr);
        }
        fi_expr_destroy(expr);
    } else {
        rc = fi_expr_list_create(text, FI_EXPR_SELECT, &env, &list, &err);
        if (rc == FIRN_OK) {
            use_list(&list);
        }
        fi_expr_list_deinit(&list);
    }
    CHECK(rc == FIRN_OK || ((rc == FIRN_INVALID || rc == FIRN_LIMIT || rc == FIRN_NOT_FOUND) &&
                            err.text[0] != '\0'));
    return 0;
}

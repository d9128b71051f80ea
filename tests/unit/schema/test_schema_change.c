/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/schema: changes of a table, and the layout of runs over several schemas.
 */
#include "base/mem.h"
#include "base/slice.h"
#include "column/column.h"
#include "schema_support.h"
#include "support/test.h"

/* A change that worked: the new schema in the place of the old one. */
static struct fi_schema *
advance(struct fi_schema *old, struct fi_schema *next, int rc)
{
    assert_int_equal(rc, FIRN_OK);
    assert_int_equal(next->version, old->version + 1);
    fi_schema_unref(old);
    return next;
}

static void
changes_make_the_next_schema(void **state)
{
    const firn_value five = firn_i64(5);
    const firn_value nine = firn_i64(9);
    const firn_value null = firn_null();
    const char *const parts[] = {"b", "id"};
    const firn_table_column added = {.name = "c",
                                     .type = FIRN_TYPE_DECIMAL,
                                     .precision = 4,
                                     .scale = 2,
                                     .not_null = true,
                                     .default_value = &five};
    const firn_table_index index = {"by_b", parts, 2, true};
    struct fi_schema *next;
    struct fi_schema *schema = schema_of("id i64, a text, b text, primary key (id)");
    int rc = fi_schema_change_add_column(schema, &added, &next, NULL);
    schema = advance(schema, next, rc);
    assert_int_equal(schema->next_column, 5);
    assert_int_equal(schema->columns[3].id, 4);
    assert_int_equal(schema->columns[3].initial.as.i64, 500);
    assert_int_equal(schema->columns[3].default_value.as.i64, 500);
    rc = fi_schema_change_default(schema, firn_str("c"), &nine, &next, NULL);
    schema = advance(schema, next, rc);
    assert_int_equal(schema->columns[3].initial.as.i64, 500);
    assert_int_equal(schema->columns[3].default_value.as.i64, 900);
    rc = fi_schema_change_default(schema, firn_str("c"), &null, &next, NULL);
    schema = advance(schema, next, rc);
    assert_int_equal(schema->columns[3].default_value.kind, FI_PHYSICAL_NONE);
    assert_int_equal(schema->columns[3].initial.as.i64, 500);
    rc = fi_schema_change_default(schema, firn_str("c"), NULL, &next, NULL);
    schema = advance(schema, next, rc);
    for (unsigned i = 0; i < 4; i++) {
        rc = fi_schema_change_bloom_filter(schema, firn_str("c"), i % 3 == 0, &next, NULL);
        schema = advance(schema, next, rc);
        assert_int_equal(schema->columns[3].has_bloom_filter, i % 3 == 0);
    }
    rc = fi_schema_change_bloom_filter(schema, firn_str("c"), false, &next, NULL);
    schema = advance(schema, next, rc);
    rc = fi_schema_change_drop_column(schema, firn_str("a"), &next, NULL);
    schema = advance(schema, next, rc);
    assert_int_equal(schema->column_count, 3);
    assert_int_equal(schema->columns[1].id, 3);
    rc = fi_schema_change_add_index(schema, &index, &next, NULL);
    schema = advance(schema, next, rc);
    assert_int_equal(schema->indexes[0].id, 1);
    assert_int_equal(schema->indexes[0].columns[0], 3);
    assert_int_equal(schema->indexes[0].places[0], 1);
    rc = fi_schema_change_rename_column(schema, firn_str("b"), firn_str("B"), &next, NULL);
    schema = advance(schema, next, rc);
    assert_string_equal((const char *)schema->columns[1].name.data, "B");
    rc = fi_schema_change_rename_index(schema, firn_str("by_b"), firn_str("x"), &next, NULL);
    schema = advance(schema, next, rc);
    rc = fi_schema_change_drop_index(schema, firn_str("x"), &next, NULL);
    schema = advance(schema, next, rc);
    assert_int_equal(schema->index_count, 0);
    /* Numbers are not given again. */
    rc = fi_schema_change_drop_column(schema, firn_str("c"), &next, NULL);
    schema = advance(schema, next, rc);
    rc = fi_schema_change_add_column(schema, &added, &next, NULL);
    schema = advance(schema, next, rc);
    assert_int_equal(schema->columns[2].id, 5);
    rc = fi_schema_change_add_index(schema, &(firn_table_index){"by_b", parts + 1, 1, false}, &next,
                                    NULL);
    schema = advance(schema, next, rc);
    assert_int_equal(schema->indexes[0].id, 2);
    assert_int_equal(schema->version, 18);
    fi_schema_unref(schema);
}

static void
changes_that_cannot_be_say_what_to_do(void **state)
{
    const firn_value wrong = firn_text("x");
    const char *const parts[] = {"t", "nope"};
    struct fi_schema *schema =
        schema_of("id i64 auto, t text, u text, v vector(2), primary key (id), index by_t (id, t)");
    struct fi_schema *next = NULL;
    firn_error err;
    assert_int_equal(fi_schema_change_drop_column(schema, firn_str("id"), &next, &err),
                     FIRN_INVALID);
    assert_non_null(strstr(err.text, "primary key"));
    assert_int_equal(fi_schema_change_drop_column(schema, firn_str("t"), &next, &err),
                     FIRN_INVALID);
    assert_non_null(strstr(err.text, "by_t: drop that index first"));
    assert_int_equal(fi_schema_change_drop_column(schema, firn_str("T"), &next, &err),
                     FIRN_NOT_FOUND);
    assert_int_equal(
        fi_schema_change_rename_column(schema, firn_str("t"), firn_str("u"), &next, &err),
        FIRN_EXISTS);
    assert_int_equal(
        fi_schema_change_rename_column(schema, firn_str("t"), firn_str("a\nb"), &next, &err),
        FIRN_INVALID);
    assert_int_equal(
        fi_schema_change_rename_column(schema, firn_str("x"), firn_str("y"), &next, &err),
        FIRN_NOT_FOUND);
    firn_table_column column = {.name = "t", .type = FIRN_TYPE_I64};
    assert_int_equal(fi_schema_change_add_column(schema, &column, &next, &err), FIRN_EXISTS);
    column.name = "new";
    column.not_null = true;
    assert_int_equal(fi_schema_change_add_column(schema, &column, &next, &err), FIRN_INVALID);
    assert_non_null(strstr(err.text, "default"));
    column.is_auto = true;
    assert_int_equal(fi_schema_change_add_column(schema, &column, &next, &err), FIRN_INVALID);
    column = (firn_table_column){.name = "new", .type = FIRN_TYPE_I64, .default_value = &wrong};
    assert_int_equal(fi_schema_change_add_column(schema, &column, &next, &err), FIRN_INVALID);
    assert_int_equal(fi_schema_change_default(schema, firn_str("v"), &wrong, &next, &err),
                     FIRN_INVALID);
    const firn_value one = firn_i64(1);
    assert_int_equal(fi_schema_change_default(schema, firn_str("id"), &one, &next, &err),
                     FIRN_INVALID); /* it is auto */
    firn_table_index index = {"by_t", parts, 1, false};
    assert_int_equal(fi_schema_change_add_index(schema, &index, &next, &err), FIRN_EXISTS);
    index.name = "new";
    index.column_count = 2;
    assert_int_equal(fi_schema_change_add_index(schema, &index, &next, &err), FIRN_NOT_FOUND);
    index.column_count = 0;
    assert_int_equal(fi_schema_change_add_index(schema, &index, &next, &err), FIRN_INVALID);
    assert_int_equal(fi_schema_change_drop_index(schema, firn_str("by_u"), &next, &err),
                     FIRN_NOT_FOUND);
    assert_null(next);
    fi_schema_unref(schema);
}

static void
the_last_number_of_a_column_is_given(void **state)
{
    struct fi_schema *schema = schema_of("id i64 primary key");
    struct fi_schema model = *schema;
    struct fi_schema *last;
    struct fi_schema *next;
    firn_table_column column = {.name = "a", .type = FIRN_TYPE_I64};
    model.next_column = FI_TUPLE_COLUMN_LIMIT - 1;
    assert_int_equal(fi_schema_create(&model, &last, NULL), FIRN_OK);
    int rc = fi_schema_change_add_column(last, &column, &next, NULL);
    last = advance(last, next, rc);
    assert_int_equal(last->columns[1].id, FI_TUPLE_COLUMN_LIMIT - 1);
    column.name = "b";
    assert_int_equal(fi_schema_change_add_column(last, &column, &next, NULL), FIRN_LIMIT);
    assert_null(next);
    fi_schema_unref(last);
    fi_schema_unref(schema);
}

/* ---- random changes ---- */

static void
check_numbers(const struct fi_schema *old, const struct fi_schema *next)
{
    assert_int_equal(next->version, old->version + 1);
    assert_true(next->next_column >= old->next_column && next->next_index >= old->next_index);
    for (size_t i = 0; i < next->column_count; i++) {
        const struct fi_schema_column *column = &next->columns[i];
        const struct fi_schema_column *before = fi_schema_find_id(old, column->id);
        if (before == NULL) {
            assert_true(column->id >= old->next_column);
        } else {
            assert_int_equal(column->type, before->type);
            assert_int_equal(column->initial.kind, before->initial.kind);
        }
    }
}

static void
random_changes_keep_numbers_and_records(void **state)
{
    struct test_random random;
    uint64_t made = 0;
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 60; round++) {
        struct fi_schema *schemas[60];
        size_t count = 1;
        schemas[0] = schema_draw(&random, 8);
        for (int tries = 0; tries < 59; tries++) {
            struct fi_schema *next = schema_draw_change(&random, schemas[count - 1]);
            if (next != NULL) {
                struct fi_buf record = {0};
                struct fi_schema *again;
                check_numbers(schemas[count - 1], next);
                assert_int_equal(fi_schema_record_encode(next, &record, NULL), FIRN_OK);
                assert_int_equal(fi_schema_record_decode(fi_buf_slice(&record), &again, NULL),
                                 FIRN_OK);
                assert_true(schema_same(next, again));
                fi_schema_unref(again);
                fi_buf_deinit(&record);
                schemas[count++] = next;
            }
        }
        made += count - 1;
        /* The layout has every column that there was. */
        struct fi_column_layout *layout;
        assert_int_equal(fi_schema_layout_create(schemas, count, &layout, NULL), FIRN_OK);
        assert_int_equal(layout->key_count, schemas[0]->key_count);
        assert_memory_equal(layout->key, schemas[0]->key, layout->key_count * sizeof *layout->key);
        assert_int_equal(layout->count, schemas[count - 1]->next_column - 1);
        for (size_t i = 0; i < layout->count; i++) {
            const struct fi_column_def *def = &layout->columns[i];
            const struct fi_schema_column *column = NULL;
            for (size_t at = 0; at < count && column == NULL; at++) {
                column = fi_schema_find_id(schemas[at], def->id);
            }
            assert_non_null(column);
            assert_int_equal(def->id, i + 1);
            assert_int_equal(def->type, column->type);
            assert_int_equal(def->fixed_size, column->fixed_size);
            firn_value values[2] = {fi_schema_value_of(column, &def->initial),
                                    fi_schema_value_of(column, &column->initial)};
            assert_true(schema_same_value(&values[0], &values[1]));
        }
        while (count > 0) {
            fi_schema_unref(schemas[--count]);
        }
        fi_free(layout); /* its bytes are its own */
    }
    assert_true(made > 500);
}

static void
schemas_of_different_tables_have_no_layout(void **state)
{
    struct fi_column_layout *layout;
    firn_error err;
    struct fi_schema *tables[] = {schema_of("a i64 primary key, b text"),
                                  schema_of("a i64, b text, primary key (a, b)"),
                                  schema_of("a i64 primary key, b blob")};
    struct fi_schema *pair[] = {tables[0], tables[1]};
    assert_int_equal(fi_schema_layout_create(pair, 2, &layout, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "key"));
    pair[1] = tables[2];
    assert_int_equal(fi_schema_layout_create(pair, 2, &layout, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "column b"));
    assert_null(layout);
    for (size_t i = 0; i < 3; i++) {
        fi_schema_unref(tables[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_make_the_next_schema),
        cmocka_unit_test(changes_that_cannot_be_say_what_to_do),
        cmocka_unit_test(the_last_number_of_a_column_is_given),
        cmocka_unit_test(random_changes_keep_numbers_and_records),
        cmocka_unit_test(schemas_of_different_tables_have_no_layout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

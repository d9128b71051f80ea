/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/schema: rows as entries of a table's tree and of its indexes.
 */
#include <math.h>

#include "base/slice.h"
#include "firn/store.h"
#include "schema_support.h"
#include "support/test.h"

enum { COLUMNS = 20 };

struct row {
    uint8_t memory[COLUMNS][SCHEMA_FIXED_SIZE_MAX];
    firn_value values[COLUMNS];
    struct fi_cell cells[COLUMNS];
    struct fi_buf key;
    struct fi_buf tuple;
};

static void
draw_row(struct test_random *random, const struct fi_schema *schema, struct row *row)
{
    for (size_t i = 0; i < schema->column_count; i++) {
        row->values[i] = schema_draw_value(random, &schema->columns[i], row->memory[i]);
    }
    fi_buf_clear(&row->key);
    fi_buf_clear(&row->tuple);
    assert_int_equal(
        fi_schema_row_check(schema, row->values, schema->column_count, row->cells, NULL), FIRN_OK);
    assert_int_equal(fi_schema_row_encode(schema, row->values, schema->column_count, &row->key,
                                          &row->tuple, NULL),
                     FIRN_OK);
}

static void
deinit_row(struct row *row)
{
    fi_buf_deinit(&row->key);
    fi_buf_deinit(&row->tuple);
}

/* What a key makes of a value: no -0, and one NaN. */
static firn_value
as_in_key(firn_value value)
{
    if (value.type == FIRN_TYPE_F32) {
        value.as.f32 = isnan(value.as.f32) ? NAN : value.as.f32 + 0.0F;
    } else if (value.type == FIRN_TYPE_F64) {
        value.as.f64 = isnan(value.as.f64) ? (double)NAN : value.as.f64 + 0.0;
    }
    return value;
}

static void
expect(const struct fi_schema_column *column, const firn_value *found, firn_value expected)
{
    if (column->is_key) {
        expected = as_in_key(expected);
        if (found->type == FIRN_TYPE_F32 && isnan(expected.as.f32)) {
            assert_true(isnan(found->as.f32));
            return;
        }
        if (found->type == FIRN_TYPE_F64 && isnan(expected.as.f64)) {
            assert_true(isnan(found->as.f64));
            return;
        }
    }
    assert_true(schema_same_value(found, &expected));
}

static void
rows_come_back_column_by_column(void **state)
{
    struct test_random random;
    struct row row = {.key = {0}};
    struct fi_buf memory = {0};
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 1500; round++) {
        struct fi_schema *schema = schema_draw(&random, COLUMNS);
        firn_value out[COLUMNS];
        uint32_t places[COLUMNS];
        struct fi_schema_wanted wanted = {places, 0};
        draw_row(&random, schema, &row);
        firn_slice key = fi_buf_slice(&row.key);
        firn_slice tuple = fi_buf_slice(&row.tuple);
        assert_int_equal(fi_schema_row_decode(schema, key, tuple, NULL, &memory, out, NULL),
                         FIRN_OK);
        for (size_t i = 0; i < schema->column_count; i++) {
            expect(&schema->columns[i], &out[i], row.values[i]);
            if (test_random_below(&random, 3) == 0) {
                places[wanted.count++] = (uint32_t)i;
            }
        }
        assert_int_equal(fi_schema_row_decode(schema, key, tuple, &wanted, &memory, out, NULL),
                         FIRN_OK);
        for (size_t i = 0; i < wanted.count; i++) {
            expect(&schema->columns[places[i]], &out[i], row.values[places[i]]);
        }
        /* The key of the same values, and its prefixes. */
        struct fi_buf again = {0};
        firn_value parts[COLUMNS];
        for (size_t i = 0; i < schema->key_count; i++) {
            parts[i] = row.values[schema->key_places[i]];
        }
        assert_int_equal(fi_schema_row_key(schema, parts, schema->key_count, &again, NULL),
                         FIRN_OK);
        assert_true(fi_slice_equal(fi_buf_slice(&again), key));
        fi_buf_clear(&again);
        assert_int_equal(fi_schema_row_key(schema, parts, schema->key_count - 1, &again, NULL),
                         FIRN_OK);
        assert_true(fi_slice_has_prefix(key, fi_buf_slice(&again)));
        fi_buf_deinit(&again);
        fi_schema_unref(schema);
    }
    fi_buf_deinit(&memory);
    deinit_row(&row);
}

/* Rows of every age are read with every later schema: what they do not have has its initial value. */
static void
rows_outlive_changes_of_their_table(void **state)
{
    struct test_random random;
    struct row row = {.key = {0}};
    struct fi_buf memory = {0};
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 300; round++) {
        struct fi_schema *first = schema_draw(&random, 6);
        struct fi_schema *now = first;
        firn_value out[60];
        fi_schema_ref(first);
        draw_row(&random, first, &row);
        for (int tries = 0; tries < 40; tries++) {
            struct fi_schema *next = schema_draw_change(&random, now);
            if (next == NULL) {
                continue;
            }
            fi_schema_unref(now);
            now = next;
            assert_int_equal(fi_schema_row_decode(now, fi_buf_slice(&row.key),
                                                  fi_buf_slice(&row.tuple), NULL, &memory, out,
                                                  NULL),
                             FIRN_OK);
            for (size_t i = 0; i < now->column_count; i++) {
                const struct fi_schema_column *column = &now->columns[i];
                const struct fi_schema_column *before = fi_schema_find_id(first, column->id);
                expect(column, &out[i],
                       before == NULL ? fi_schema_value_of(column, &column->initial)
                                      : row.values[before - first->columns]);
            }
        }
        fi_schema_unref(now);
        fi_schema_unref(first);
    }
    fi_buf_deinit(&memory);
    deinit_row(&row);
}

static void
cut_and_flipped_rows_are_refused_or_other_rows(void **state)
{
    struct test_random random;
    struct row row = {.key = {0}};
    struct fi_buf memory = {0};
    uint64_t refused = 0;
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 100; round++) {
        struct fi_schema *schema = schema_draw(&random, 8);
        struct fi_cell cells[COLUMNS];
        draw_row(&random, schema, &row);
        struct fi_buf *const parts[] = {&row.key, &row.tuple};
        for (size_t part = 0; part < 2; part++) {
            struct fi_buf *bytes = parts[part];
            for (size_t bit = 0; bit < bytes->size * 8; bit++) {
                firn_error err;
                bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
                int rc = fi_schema_row_read(schema, fi_buf_slice(&row.key),
                                            fi_buf_slice(&row.tuple), NULL, &memory, cells, &err);
                assert_true(rc == FIRN_OK || (rc == FIRN_CORRUPT && err.text[0] != '\0'));
                refused += rc == FIRN_OK ? 0 : 1;
                for (size_t i = 0; i < schema->column_count && rc == FIRN_OK; i++) {
                    assert_true(fi_schema_value_is_sound(&schema->columns[i], &cells[i]));
                }
                bytes->data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
            for (size_t size = bytes->size; size > 0; size--) {
                uint8_t *alone = malloc(size);
                assert_non_null(alone);
                memcpy(alone, bytes->data, size - 1);
                firn_slice cut = firn_bytes(alone, size - 1);
                int rc = fi_schema_row_read(schema, part == 0 ? cut : fi_buf_slice(&row.key),
                                            part == 0 ? fi_buf_slice(&row.tuple) : cut, NULL,
                                            &memory, cells, NULL);
                assert_true(rc == FIRN_CORRUPT || (rc == FIRN_OK && part == 1));
                free(alone);
            }
        }
        fi_schema_unref(schema);
    }
    assert_true(refused > 1000);
    fi_buf_deinit(&memory);
    deinit_row(&row);
}

static void
rows_that_are_none_are_refused(void **state)
{
    struct fi_schema *schema = schema_of("k i8, v i64 not null, w text, primary key (k)");
    struct fi_buf memory = {0};
    struct fi_buf key = {0};
    struct fi_buf tuple = {0};
    struct fi_cell cells[3];
    const uint32_t last = 2;
    const struct fi_schema_wanted only_w = {&last, 1};
    firn_value values[] = {firn_i64(1), firn_null(), firn_text("a")};
    firn_error err;
    assert_int_equal(fi_schema_row_encode(schema, values, 3, &key, &tuple, &err), FIRN_INVALID);
    assert_int_equal(fi_schema_row_encode(schema, values, 2, &key, &tuple, &err), FIRN_INVALID);
    assert_int_equal(key.size + tuple.size, 0);
    values[1] = firn_i64(2);
    assert_int_equal(fi_schema_row_encode(schema, values, 3, &key, &tuple, &err), FIRN_OK);
    assert_int_equal(fi_schema_row_key(schema, values, 2, &memory, &err), FIRN_INVALID);
    firn_slice row_key = fi_buf_slice(&key);
    /* What is not wanted is not looked at. */
    assert_int_equal(fi_schema_row_read(schema, firn_str("?"), fi_buf_slice(&tuple), &only_w,
                                        &memory, cells, &err),
                     FIRN_OK);
    /* v is null, v is missing, v is a text, k is there, the key is too long, k is out of range. */
    static const char *const tuples[] = {"\x10", "\x1d\x01z", "\x15\x01z", "\x09\x02\x01\x04",
                                         NULL};
    static const size_t sizes[] = {1, 3, 3, 4};
    for (size_t i = 0; tuples[i] != NULL; i++) {
        assert_int_equal(fi_schema_row_read(schema, row_key, firn_bytes(tuples[i], sizes[i]), NULL,
                                            &memory, cells, &err),
                         FIRN_CORRUPT);
    }
    assert_int_equal(fi_buf_append_u8(&key, 0), FIRN_OK);
    assert_int_equal(fi_schema_row_read(schema, fi_buf_slice(&key), fi_buf_slice(&tuple), NULL,
                                        &memory, cells, &err),
                     FIRN_CORRUPT);
    static const uint8_t large[] = {0x80, 0, 0, 0, 0, 0, 0, 128};
    assert_int_equal(fi_schema_row_read(schema, firn_bytes(large, sizeof large),
                                        fi_buf_slice(&tuple), NULL, &memory, cells, &err),
                     FIRN_CORRUPT);
    fi_buf_deinit(&memory);
    fi_buf_deinit(&key);
    fi_buf_deinit(&tuple);
    fi_schema_unref(schema);
}

static void
keys_have_a_largest_size(void **state)
{
    enum { SIZE = FIRN_TABLE_KEY_SIZE_MAX };
    struct fi_schema *schema =
        schema_of("t text, u text, primary key (t), unique index i (u), index j (u)");
    char *text = malloc(SIZE + 1);
    struct fi_buf key = {0};
    struct fi_buf value = {0};
    struct fi_cell cells[2];
    firn_error err;
    assert_non_null(text);
    memset(text, 'x', SIZE);
    firn_value values[] = {firn_text_bytes(firn_bytes(text, SIZE - 2)), firn_null()};
    assert_int_equal(fi_schema_row_encode(schema, values, 2, &key, &value, &err), FIRN_OK);
    assert_int_equal(key.size, FIRN_TABLE_KEY_SIZE_MAX);
    values[0].as.bytes.size++;
    assert_int_equal(fi_schema_row_encode(schema, values, 2, &key, &value, &err), FIRN_LIMIT);
    assert_int_equal(fi_schema_row_key(schema, values, 1, &key, &err), FIRN_LIMIT);
    assert_int_equal(key.size, FIRN_TABLE_KEY_SIZE_MAX);
    values[0] = firn_text("k");
    values[1] = firn_text_bytes(firn_bytes(text, SIZE - 3));
    assert_int_equal(fi_schema_row_check(schema, values, 2, cells, &err), FIRN_OK);
    fi_buf_clear(&key);
    fi_buf_clear(&value);
    assert_int_equal(fi_schema_index_entry(schema, &schema->indexes[0], cells, firn_str("pk"), &key,
                                           &value, &err),
                     FIRN_OK);
    fi_buf_clear(&key);
    fi_buf_clear(&value);
    assert_int_equal(fi_schema_index_entry(schema, &schema->indexes[1], cells, firn_str("pk"), &key,
                                           &value, &err),
                     FIRN_LIMIT);
    assert_int_equal(key.size + value.size, 0);
    fi_buf_deinit(&key);
    fi_buf_deinit(&value);
    free(text);
    fi_schema_unref(schema);
}

/* ---- indexes ---- */

static void
entries_of_indexes_lead_to_their_rows(void **state)
{
    struct test_random random;
    struct row rows[2] = {{.key = {0}}, {.key = {0}}};
    struct fi_buf keys[2] = {{0}, {0}};
    struct fi_buf values[2] = {{0}, {0}};
    struct fi_buf prefix = {0};
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 2000; round++) {
        struct fi_schema *schema = schema_draw(&random, 8);
        draw_row(&random, schema, &rows[0]);
        draw_row(&random, schema, &rows[1]);
        for (size_t i = 0; i < schema->index_count; i++) {
            const struct fi_schema_index *index = &schema->indexes[i];
            bool has_null = false;
            bool is_equal = true;
            bool is_whole = true;
            firn_value parts[COLUMNS];
            if (test_random_below(&random, 2) == 0) { /* the same values in both rows */
                for (size_t part = 0; part < index->column_count; part++) {
                    uint32_t place = index->places[part];
                    rows[1].cells[place] = rows[0].cells[place];
                    rows[1].values[place] = rows[0].values[place];
                }
            }
            for (size_t row = 0; row < 2; row++) {
                firn_slice primary = fi_buf_slice(&rows[row].key);
                firn_slice found;
                fi_buf_clear(&keys[row]);
                fi_buf_clear(&values[row]);
                assert_int_equal(fi_schema_index_entry(schema, index, rows[row].cells, primary,
                                                       &keys[row], &values[row], NULL),
                                 FIRN_OK);
                assert_int_equal(fi_schema_index_primary(schema, index, fi_buf_slice(&keys[row]),
                                                         fi_buf_slice(&values[row]), &found, NULL),
                                 FIRN_OK);
                assert_true(fi_slice_equal(found, primary));
            }
            for (size_t part = 0; part < index->column_count; part++) {
                parts[part] = rows[0].values[index->places[part]];
                has_null = has_null || firn_is_null(parts[part]);
                fi_buf_clear(&prefix);
                assert_int_equal(fi_schema_index_prefix(schema, index, parts, part + 1, &prefix,
                                                        &is_whole, NULL),
                                 FIRN_OK);
                assert_true(fi_slice_has_prefix(fi_buf_slice(&keys[0]), fi_buf_slice(&prefix)));
            }
            assert_int_equal(is_whole, index->is_unique && !has_null);
            assert_int_equal(is_whole, prefix.size == keys[0].size);
            is_equal = !fi_schema_index_differs(index, rows[0].cells, rows[1].cells);
            bool is_conflict = fi_slice_equal(fi_buf_slice(&keys[0]), fi_buf_slice(&keys[1]));
            bool is_same_row =
                fi_slice_equal(fi_buf_slice(&rows[0].key), fi_buf_slice(&rows[1].key));
            assert_int_equal(is_conflict,
                             is_equal && (is_same_row || (index->is_unique && !has_null)));
        }
        fi_schema_unref(schema);
    }
    for (size_t i = 0; i < 2; i++) {
        deinit_row(&rows[i]);
        fi_buf_deinit(&keys[i]);
        fi_buf_deinit(&values[i]);
    }
    fi_buf_deinit(&prefix);
}

static void
zeros_and_nans_are_one_value_in_an_index(void **state)
{
    struct fi_schema *schema =
        schema_of("k i64, f f32, d f64, primary key (k), unique index i (f, d)");
    struct fi_cell cells[2][3] = {
        {{.kind = FI_PHYSICAL_I64},
         {.kind = FI_PHYSICAL_F32, .as.f32 = 0.0F},
         {.kind = FI_PHYSICAL_F64, .as.f64 = 0.0}},
        {{.kind = FI_PHYSICAL_I64},
         {.kind = FI_PHYSICAL_F32, .as.f32 = -0.0F},
         {.kind = FI_PHYSICAL_F64, .as.f64 = -0.0}},
    };
    for (int round = 0; round < 2; round++) {
        struct fi_buf keys[2] = {{0}, {0}};
        struct fi_buf values[2] = {{0}, {0}};
        assert_false(fi_schema_index_differs(&schema->indexes[0], cells[0], cells[1]));
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(fi_schema_index_entry(schema, &schema->indexes[0], cells[i],
                                                   firn_str("p"), &keys[i], &values[i], NULL),
                             FIRN_OK);
        }
        assert_true(fi_slice_equal(fi_buf_slice(&keys[0]), fi_buf_slice(&keys[1])));
        for (size_t i = 0; i < 2; i++) {
            cells[i][1].as.f32 = i == 0 ? NAN : -NAN;
            cells[i][2].as.f64 = i == 0 ? (double)NAN : -(double)NAN;
            fi_buf_deinit(&keys[i]);
            fi_buf_deinit(&values[i]);
        }
    }
    cells[0][2].as.f64 = 1;
    assert_true(fi_schema_index_differs(&schema->indexes[0], cells[0], cells[1]));
    fi_schema_unref(schema);
}

static void
entries_that_are_none_are_refused(void **state)
{
    struct fi_schema *schema =
        schema_of("k i64, b bool, primary key (k), unique index u (b), index n (b)");
    firn_slice out;
    firn_error err;
    static const struct {
        size_t index;
        firn_slice key;
        firn_slice value;
        int code;
    } cases[] = {
        {0, {(const uint8_t *)"\x01\x01", 2}, {(const uint8_t *)"p", 1}, FIRN_OK},
        {0, {(const uint8_t *)"\x01\x01", 2}, {NULL, 0}, FIRN_CORRUPT},
        {0, {(const uint8_t *)"\x01\x01p", 3}, {NULL, 0}, FIRN_CORRUPT},
        {0, {(const uint8_t *)"\x01\x01p", 3}, {(const uint8_t *)"p", 1}, FIRN_CORRUPT},
        {0, {(const uint8_t *)"\x00p", 2}, {NULL, 0}, FIRN_OK},
        {0, {(const uint8_t *)"\x00", 1}, {(const uint8_t *)"p", 1}, FIRN_CORRUPT},
        {1, {(const uint8_t *)"\x01\x00p", 3}, {NULL, 0}, FIRN_OK},
        {1, {(const uint8_t *)"\x01\x00p", 3}, {(const uint8_t *)"p", 1}, FIRN_CORRUPT},
        {1, {(const uint8_t *)"\x01\x00", 2}, {NULL, 0}, FIRN_CORRUPT},
        {1, {(const uint8_t *)"\x01\x02p", 3}, {NULL, 0}, FIRN_CORRUPT},
        {1, {(const uint8_t *)"", 0}, {NULL, 0}, FIRN_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(fi_schema_index_primary(schema, &schema->indexes[cases[i].index],
                                                 cases[i].key, cases[i].value, &out, &err),
                         cases[i].code);
    }
    const firn_value wrong = firn_i64(1);
    struct fi_buf prefix = {0};
    assert_int_equal(
        fi_schema_index_prefix(schema, &schema->indexes[0], &wrong, 1, &prefix, NULL, &err),
        FIRN_INVALID);
    assert_int_equal(prefix.size, 0);
    fi_buf_deinit(&prefix);
    fi_schema_unref(schema);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_back_column_by_column),
        cmocka_unit_test(rows_outlive_changes_of_their_table),
        cmocka_unit_test(cut_and_flipped_rows_are_refused_or_other_rows),
        cmocka_unit_test(rows_that_are_none_are_refused),
        cmocka_unit_test(keys_have_a_largest_size),
        cmocka_unit_test(entries_of_indexes_lead_to_their_rows),
        cmocka_unit_test(zeros_and_nans_are_one_value_in_an_index),
        cmocka_unit_test(entries_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

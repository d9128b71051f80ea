/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/schema: keys of rows and of index entries as values: what they look like, how long they get,
 * and bytes that are no such key.
 */
#include "base/slice.h"
#include "schema_support.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "tuple/tuple.h"

enum { TEXT_MAX = 500, MANY = 2000 };

static void
add(struct fi_buf *key, firn_type type, bool is_nullable, struct fi_cell cell)
{
    assert_int_equal(fi_tuple_key_add(key, type, is_nullable, &cell), FIRN_OK);
}

static struct fi_cell
number(int64_t value)
{
    return (struct fi_cell){.kind = FI_PHYSICAL_I64, .as.i64 = value};
}

static struct fi_cell
bytes(const char *text)
{
    return (struct fi_cell){.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_str(text)};
}

static void
shows(const struct fi_schema *schema, const char *index, struct fi_buf *key, const char *expected)
{
    struct fi_buf text = {0};
    const struct fi_schema_index *of =
        index != NULL ? fi_schema_find_index(schema, firn_str(index)) : NULL;
    assert_int_equal(fi_buf_append_str(&text, "key "), FIRN_OK);
    assert_int_equal(fi_schema_key_text_append(schema, of, fi_buf_slice(key), &text), FIRN_OK);
    assert_int_equal(fi_buf_append_u8(&text, 0), FIRN_OK);
    assert_string_equal((const char *)text.data + 4, expected);
    fi_buf_deinit(&text);
    fi_buf_clear(key);
}

static void
keys_are_shown_as_values(void **state)
{
    struct fi_buf key = {0};
    struct fi_schema *schema =
        schema_of("a i64, b text, c decimal(12, 2), d date, e blob, f bool, primary key (a, b), "
                  "unique index by_c (c), index by_d (d, e, f)");
    add(&key, FIRN_TYPE_I64, false, number(17));
    add(&key, FIRN_TYPE_TEXT, false, bytes("x"));
    shows(schema, NULL, &key, "(17, 'x')");
    add(&key, FIRN_TYPE_I64, false, number(-1));
    add(&key, FIRN_TYPE_TEXT, false, bytes("it's\x1b[31m \xc3\xa4"));
    shows(schema, NULL, &key, "(-1, 'it''s\\x1b[31m \xc3\xa4')");
    add(&key, FIRN_TYPE_I64, false, number(0));
    add(&key, FIRN_TYPE_TEXT, false,
        bytes("0123456789012345678901234567890123456789012345\xc3\xa4\xc3\xa4"));
    shows(schema, NULL, &key, "(0, '0123456789012345678901234567890123456789012345\xc3\xa4'...)");
    add(&key, FIRN_TYPE_I64, false, number(0));
    add(&key, FIRN_TYPE_TEXT, false,
        bytes("01234567890123456789012345678901234567890123456\xc3\xa4"));
    shows(schema, NULL, &key, "(0, '01234567890123456789012345678901234567890123456'...)");
    /* A unique index has the primary key only beside nulls. */
    add(&key, FIRN_TYPE_DECIMAL, true, number(1250));
    shows(schema, "by_c", &key, "(12.50)");
    add(&key, FIRN_TYPE_DECIMAL, true, (struct fi_cell){.kind = FI_PHYSICAL_NONE});
    add(&key, FIRN_TYPE_I64, false, number(5));
    add(&key, FIRN_TYPE_TEXT, false, bytes(""));
    shows(schema, "by_c", &key, "(null, 5, '')");
    for (int i = 0; i < 4; i++) {
        static const int64_t days[] = {-719162, 2932896, -719163, INT64_MIN};
        static const char *const texts[] = {
            "('0001-01-01', null, null, 1, '')", "('9999-12-31', null, null, 1, '')",
            "('0000-12-31', null, null, 1, '')", "('-25252734927764585-06-07', null, null, 1, '')"};
        add(&key, FIRN_TYPE_DATE, true, number(days[i]));
        add(&key, FIRN_TYPE_BLOB, true, (struct fi_cell){.kind = FI_PHYSICAL_NONE});
        add(&key, FIRN_TYPE_BOOL, true, (struct fi_cell){.kind = FI_PHYSICAL_NONE});
        add(&key, FIRN_TYPE_I64, false, number(1));
        add(&key, FIRN_TYPE_TEXT, false, bytes(""));
        shows(schema, "by_d", &key, texts[i]);
    }
    add(&key, FIRN_TYPE_DATE, true, number(20000));
    add(&key, FIRN_TYPE_BLOB, true, bytes("0123456789abcdefgh"));
    add(&key, FIRN_TYPE_BOOL, true, (struct fi_cell){.kind = FI_PHYSICAL_U64, .as.u64 = 1});
    add(&key, FIRN_TYPE_I64, false, number(5));
    add(&key, FIRN_TYPE_TEXT, false, bytes("y"));
    shows(schema, "by_d", &key,
          "('2024-10-04', x'30313233343536373839616263646566'..., true, 5, 'y')");
    fi_buf_deinit(&key);
    fi_schema_unref(schema);
}

static void
long_keys_are_cut(void **state)
{
    struct fi_buf key = {0};
    struct fi_buf text = {0};
    char control[4001];
    memset(control, 1, sizeof control - 1);
    control[sizeof control - 1] = '\0';
    struct fi_schema *schema =
        schema_of("a text, b text, c text, d text, e text, f text, g text, h text, "
                  "primary key (a, b, c, d, e, f, g, h)");
    for (size_t i = 0; i < 8; i++) {
        add(&key, FIRN_TYPE_TEXT, false, bytes(control));
    }
    assert_int_equal(fi_schema_key_text_append(schema, NULL, fi_buf_slice(&key), &text), FIRN_OK);
    assert_in_range(text.size, 256, TEXT_MAX);
    assert_memory_equal(text.data + text.size - 6, ", ...)", 6);
    fi_buf_deinit(&text);
    fi_buf_deinit(&key);
    fi_schema_unref(schema);
}

/* What is cut short, is longer, or is noise. */
static void
other_bytes_are_refused_or_shown_within_bounds(void **state)
{
    struct test_random random;
    test_random_init(&random, "schema_key_text", 9);
    unsigned shown = 0;
    for (unsigned i = 0; i < MANY; i++) {
        struct fi_schema *schema = schema_draw(&random, 1 + test_random_below(&random, 9));
        const size_t at = test_random_below(&random, schema->index_count + 1);
        const struct fi_schema_index *index =
            at < schema->index_count ? &schema->indexes[at] : NULL;
        uint8_t noise[40];
        struct fi_buf text = {0};
        const size_t size = test_random_below(&random, sizeof noise);
        test_random_fill(&random, noise, size);
        for (size_t j = 0; j < size; j++) {
            noise[j] = test_random_below(&random, 2) == 0 ? noise[j] & 1 : noise[j];
        }
        assert_int_equal(fi_buf_append_str(&text, "."), FIRN_OK);
        const int rc = fi_schema_key_text_append(schema, index, firn_bytes(noise, size), &text);
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
        assert_true(rc == FIRN_OK ? text.size > 2 && text.size < TEXT_MAX : text.size == 1);
        shown += rc == FIRN_OK;
        fi_buf_deinit(&text);
        fi_schema_unref(schema);
    }
    assert_true(shown > 0);
}

static void
without_memory_nothing_is_shown(void **state)
{
    struct fi_buf key = {0};
    struct fi_schema *schema = schema_of("a text, primary key (a)");
    char large[1000];
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    add(&key, FIRN_TYPE_TEXT, false, bytes(large));
    struct test_fault fault = {.limit = 100};
    while (test_fault_next(&fault)) {
        struct fi_buf text = {0};
        test_fault_allocation(&fault);
        int rc = fi_schema_key_text_append(schema, NULL, fi_buf_slice(&key), &text);
        test_fault_end(&fault);
        assert_true(rc == FIRN_OK || (rc == FIRN_NO_MEMORY && text.size == 0));
        fi_buf_deinit(&text);
    }
    fi_buf_deinit(&key);
    fi_schema_unref(schema);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_shown_as_values),
        cmocka_unit_test(long_keys_are_cut),
        cmocka_unit_test(other_bytes_are_refused_or_shown_within_bounds),
        cmocka_unit_test(without_memory_nothing_is_shown),
    };
    test_alloc_install();
    return cmocka_run_group_tests_name("schema_key_text", tests, NULL, NULL);
}

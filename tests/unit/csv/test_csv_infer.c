/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/csv: the columns of a CSV text are guessed from a sample.
 */
#include "base/slice.h"
#include "csv/csv_infer.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "unit/text/exchange_fixture.h"

static const char *const type_names[] = {"null", "bool", "i8",   "i16",  "i32", "i64", "u8",
                                         "u16",  "u32",  "u64",  "f32",  "f64", "dec", "date",
                                         "time", "text", "blob", "uuid", "vec"};

/* What is guessed, as "header! name type? ...", where ! stands for a header and ? for nulls. */
static int
guess(const struct fi_csv_infer_options *options, const char *text, struct fi_buf *out,
      struct fi_csv_infer_result *result, firn_error *err)
{
    const struct fi_csv_reader_options defaults = {0};
    struct fi_csv_reader *reader = NULL;
    struct fi_csv_infer *infer = NULL;
    struct fi_csv_record record;
    bool is_enough = false;
    bool is_finished = false;
    int rc = fi_csv_reader_create(&defaults, &reader, err);
    if (rc == FIRN_OK) {
        rc = fi_csv_infer_create(options, &infer, err);
    }
    if (rc == FIRN_OK) {
        fi_csv_reader_feed(reader, firn_str(text));
    }
    while (rc == FIRN_OK && !is_enough) {
        rc = fi_csv_reader_next(reader, &record, err);
        if (rc == FIRN_OK && record.count > 0) {
            rc = fi_csv_infer_add(infer, &record, &is_enough, err);
        } else if (rc == FIRN_OK && is_finished) {
            break;
        } else if (rc == FIRN_OK) {
            fi_csv_reader_finish(reader);
            is_finished = true;
        }
    }
    fi_csv_reader_destroy(reader);
    if (rc == FIRN_OK) {
        rc = fi_csv_infer_finish(infer, result, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_buf_append_str(out, result->has_header ? "!" : "");
    }
    for (uint32_t i = 0; i < result->count && rc == FIRN_OK; i++) {
        const struct fi_text_value_column *column = &result->columns[i];
        rc = fi_buf_append_format(out, "%s%.*s %s", i > 0 ? ", " : "", (int)column->name.size,
                                  (const char *)column->name.data, type_names[column->type.type]);
        if (rc == FIRN_OK && column->type.type == FIRN_TYPE_DECIMAL) {
            rc = fi_buf_append_format(out, "(%u,%u)", column->type.precision, column->type.scale);
        }
        if (rc == FIRN_OK && result->is_nullable[i]) {
            rc = fi_buf_append_str(out, "?");
        }
    }
    fi_csv_infer_destroy(infer);
    return rc;
}

static void
assert_guess(enum fi_csv_header header, const char *text, const char *expected)
{
    const struct fi_csv_infer_options options = {.header = header};
    struct fi_csv_infer_result result = {0};
    struct fi_buf out = {0};
    firn_error err;
    int rc = guess(&options, text, &out, &result, &err);
    if (rc != FIRN_OK) {
        fail_msg("%s", err.text);
    }
    const char *found = fi_buf_text(&out);
    assert_non_null(found);
    assert_string_equal(found, expected);
    fi_buf_deinit(&out);
}

/* The type of one column with these values. */
static void
assert_type(const char *values, const char *expected)
{
    char text[64];
    (void)snprintf(text, sizeof text, "column1 %s", expected);
    assert_guess(FI_CSV_HEADER_NO, values, text);
}

static void
a_column_has_the_first_type_that_all_its_values_have(void **state)
{
    assert_type("true\nFALSE\nt\n", "bool");
    assert_type("true\n1\n", "text");
    assert_type("0\n1\n", "i64");
    assert_type("1\n-9223372036854775808\n", "i64");
    assert_type("1\n9223372036854775808\n", "u64");
    assert_type("-1\n9223372036854775808\n", "text");
    assert_type("18446744073709551616\n", "text");
    assert_type("007\n123\n", "text");
    assert_type("-07\n", "text");
    assert_type("+5\n7\n", "text");
    assert_type("-0\n7\n", "f64");
    assert_type(" 5\n7 \n", "i64");
    assert_type("1.50\n-0.25\n999999999.00\n", "dec(18,2)");
    assert_type("1.50\n1000000000.00\n", "f64");
    assert_type("1.5\n1.25\n", "f64");
    assert_type("1.5\n2\n", "f64");
    assert_type("1.5\n9007199254740992\n", "f64");
    assert_type("1.5\n9007199254740993000\n", "text");
    assert_type("0.1234567890\n", "f64");
    assert_type("0.123456789\n", "dec(18,9)");
    assert_type("1e5\n", "f64");
    assert_type(".5\n", "f64");
    assert_type("5.\n", "f64");
    assert_type("1\nnan\ninf\n", "f64");
    assert_type("nan\ninf\n", "text");
    assert_type("1e999\n", "text");
    assert_type("2026-11-20\n1999-01-01\n", "date");
    assert_type("2026-11-20\n1999-01-01 12:00\n", "time");
    assert_type("2026-11-20T00:00:00Z\n", "time");
    assert_type("2026-11-31\n", "text");
    assert_type("2026-11-20\n5\n", "text");
    assert_type("123e4567-e89b-12d3-a456-426614174000\n", "uuid");
    assert_type("a\n1\n", "text");
    assert_type("\"1\"\n2\n", "i64");
    assert_type("\"\"\n2\n", "text");
    assert_type("1\n\n3\n", "i64?");
    assert_type("1,\n2,\n", "i64, column2 text?");
}

static void
headers_are_told_from_records(void **state)
{
    assert_guess(FI_CSV_HEADER_AUTO, "id, t\n1, a\n", "!id i64, t text");
    assert_guess(FI_CSV_HEADER_AUTO, "id,name\n1,a\n2,b\n", "!id i64, name text");
    assert_guess(FI_CSV_HEADER_AUTO, "1,a\n2,b\n", "column1 i64, column2 text");
    assert_guess(FI_CSV_HEADER_AUTO, "a,b\nc,d\n", "!a text, b text");
    assert_guess(FI_CSV_HEADER_AUTO, "a,a\nc,d\n", "column1 text, column2 text");
    assert_guess(FI_CSV_HEADER_AUTO, "a,A\nc,d\n", "column1 text, column2 text");
    assert_guess(FI_CSV_HEADER_AUTO, "a,\nc,d\n", "column1 text, column2 text?");
    assert_guess(FI_CSV_HEADER_AUTO, "a,\"\"\nc,d\n", "column1 text, column2 text");
    assert_guess(FI_CSV_HEADER_AUTO, "name,2026\nc,1\n", "column1 text, column2 i64");
    assert_guess(FI_CSV_HEADER_AUTO, "t,f\n1,2\n", "!t i64, f i64");
    /* Without names of their own only if something below is no text. */
    assert_guess(FI_CSV_HEADER_AUTO, ",a\n0,x\n", "column1 i64?, column2 text");
    assert_guess(FI_CSV_HEADER_AUTO, ",a\n0,1\n", "!column1 i64, a i64");
    assert_guess(FI_CSV_HEADER_AUTO, "a,a\n1,2\n", "!a i64, a_2 i64");
    assert_guess(FI_CSV_HEADER_AUTO, "5,n/a\n6,7\n", "column1 i64, column2 text");
    assert_guess(FI_CSV_HEADER_AUTO, "true,x\nfalse,y\n", "column1 bool, column2 text");
    assert_guess(FI_CSV_HEADER_AUTO, "id,name\n", "!id text?, name text?");
    assert_guess(FI_CSV_HEADER_AUTO, "", "");
    assert_guess(FI_CSV_HEADER_YES, "", "");
    assert_guess(FI_CSV_HEADER_YES, "name,2026\nc,1\n", "!name text, 2026 i64");
    assert_guess(FI_CSV_HEADER_NO, "id,name\n1,a\n", "column1 text, column2 text");
}

static void
names_are_made_valid_and_unique(void **state)
{
    assert_guess(FI_CSV_HEADER_YES, "a,a,A,b,a_2\n",
                 "!a text?, a_2 text?, A_3 text?, b text?, a_2_5 text?");
    assert_guess(FI_CSV_HEADER_YES, " a b ,\"\",\"x\ny\",\"\xff\",\"  \"\n",
                 "!a b text?, column2 text?, x_y text?, _ text?, column5 text?");
    assert_guess(FI_CSV_HEADER_YES, "column2,\"\"\n", "!column2 text?, column2_2 text?");
    char text[700];
    char expected[700];
    char name[401];
    memset(name, 'n', 400);
    memcpy(name + 127, "\xc3\xa4", 2); /* is not cut in two */
    name[400] = '\0';
    (void)snprintf(text, sizeof text, "%s,%.200s\n", name, name);
    (void)snprintf(expected, sizeof expected, "!%.127s text?, %.126s_2 text?", name, name);
    assert_guess(FI_CSV_HEADER_YES, text, expected);
}

static void
the_sample_ends_where_it_is_told(void **state)
{
    const struct fi_csv_infer_options options = {.rows_max = 3, .header = FI_CSV_HEADER_YES};
    struct fi_csv_infer_result result = {0};
    struct fi_buf out = {0};
    firn_error err;
    assert_int_equal(guess(&options, "id\n1\n2\nx\n", &out, &result, &err), FIRN_OK);
    assert_true(fi_slice_equal(fi_buf_slice(&out), firn_str("!id i64")));
    assert_int_equal(result.rows, 2);
    fi_buf_deinit(&out);
}

static void
failed_allocations_are_told(void **state)
{
    static const char text[] = "id,a,a\n1,123e4567-e89b-12d3-a456-426614174000,\n";
    const struct fi_csv_infer_options options = {0};
    struct fi_csv_infer_result result = {0};
    struct fi_buf out = {0};
    firn_error err = {0};
    test_alloc_install();
    test_alloc_fail_at(0, false);
    assert_int_equal(guess(&options, text, &out, &result, &err), FIRN_OK);
    fi_buf_deinit(&out);
    uint64_t calls = test_alloc_calls();
    for (uint64_t n = 1; n <= calls; n++) {
        result = (struct fi_csv_infer_result){0};
        test_alloc_fail_at(n, false);
        assert_int_equal(guess(&options, text, &out, &result, &err), FIRN_NO_MEMORY);
        test_alloc_fail_at(0, false);
        fi_buf_deinit(&out);
        assert_int_equal(test_alloc_alive(), 0);
    }
    printf("count: %llu allocations failed\n", (unsigned long long)calls);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_column_has_the_first_type_that_all_its_values_have),
        cmocka_unit_test(headers_are_told_from_records),
        cmocka_unit_test(names_are_made_valid_and_unique),
        cmocka_unit_test(the_sample_ends_where_it_is_told),
        cmocka_unit_test(failed_allocations_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

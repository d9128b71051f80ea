/* SPDX-License-Identifier: Apache-2.0
 *
 * Groups at their edges: sums that do not fit, facts about many rows, calls that the caller
 * leaves out, no rows, hostile keys, limits of memory.
 */
#include "unit/aggregate/aggregate_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "aggregate/aggregate_internal.h"
#include "sim/sim_memory.h"
#include "support/test_os.h"
#include "support/test_peak.h"

static firn_error err;

static struct fi_chunk_values
numbers(firn_type type, const void *values, size_t count)
{
    struct fi_chunk_values column = {.kind = fi_physical_of(type), .count = count};
    if (column.kind == FI_PHYSICAL_BYTES) {
        column.as.bytes = values;
    } else {
        column.as.u64 = values;
    }
    return column;
}

static struct fi_aggregate *
create(firn_type key, enum fi_aggregate_function function, firn_type argument)
{
    struct fi_aggregate_column keys[] = {{.type = key}};
    struct fi_aggregate_call calls[] = {{.function = function, .argument = {.type = argument}}};
    struct fi_aggregate_spec spec = {
        .keys = keys,
        .key_count = key == FIRN_TYPE_NULL ? 0 : 1,
        .calls = calls,
        .call_count = 1,
        .memory_bytes = 64 << 20,
    };
    struct fi_aggregate *aggregate;
    TEST_OK(fi_aggregate_create(&spec, &aggregate, &err), &err);
    return aggregate;
}

/* The result of the only group, in *out; what next returned. */
static int
only_result(struct fi_aggregate *aggregate, struct fi_chunk_values *out)
{
    struct fi_chunk_values key;
    size_t count;
    TEST_OK(fi_aggregate_finish(aggregate, &err), &err);
    int rc = fi_aggregate_next(aggregate, &key, out, &count, &err);
    assert_int_equal(count, rc == FIRN_OK ? 1 : 0);
    return rc;
}

/* ---- sums ---- */

static int
sum_of(firn_type type, const void *values, size_t count, bool has_key, uint64_t *out)
{
    static const uint64_t zeros[BATCH];
    struct fi_aggregate *aggregate =
        create(has_key ? FIRN_TYPE_U64 : FIRN_TYPE_NULL, FI_AGGREGATE_SUM, type);
    struct fi_chunk_values column = numbers(type, values, count);
    struct fi_chunk_values key = numbers(FIRN_TYPE_U64, zeros, count);
    struct fi_chunk_values result;
    TEST_OK(fi_aggregate_add(aggregate, &key, &column, count, NULL, &err), &err);
    int rc = only_result(aggregate, &result);
    *out = rc == FIRN_OK ? result.as.u64[0] : 0;
    fi_aggregate_destroy(aggregate);
    return rc;
}

static void
test_sums_are_exact_or_refused(void **state)
{
    uint64_t sum;
    for (int has_key = 0; has_key < 2; has_key++) {
        int64_t large[] = {INT64_MAX, 1, -1};
        assert_int_equal(sum_of(FIRN_TYPE_I64, large, 2, has_key, &sum), FIRN_LIMIT);
        assert_int_equal(sum_of(FIRN_TYPE_I64, large, 3, has_key, &sum), FIRN_OK);
        assert_int_equal(sum, INT64_MAX);
        int64_t small[] = {INT64_MIN, -1, 1};
        assert_int_equal(sum_of(FIRN_TYPE_I64, small, 2, has_key, &sum), FIRN_LIMIT);
        assert_int_equal(sum_of(FIRN_TYPE_I64, small, 3, has_key, &sum), FIRN_OK);
        assert_true((int64_t)sum == INT64_MIN);
        uint64_t positive[] = {UINT64_MAX, 1};
        assert_int_equal(sum_of(FIRN_TYPE_U64, positive, 2, has_key, &sum), FIRN_LIMIT);
        assert_int_equal(sum_of(FIRN_TYPE_U64, positive, 1, has_key, &sum), FIRN_OK);
        assert_true(sum == UINT64_MAX);
        int64_t decimals[] = {INT64_C(999999999999999999), 1, -2};
        assert_int_equal(sum_of(FIRN_TYPE_DECIMAL, decimals, 2, has_key, &sum), FIRN_LIMIT);
        assert_int_equal(sum_of(FIRN_TYPE_DECIMAL, decimals, 1, has_key, &sum), FIRN_OK);
        assert_int_equal(sum_of(FIRN_TYPE_DECIMAL, decimals, 3, has_key, &sum), FIRN_OK);
        assert_int_equal(sum, INT64_C(999999999999999998));
        decimals[0] = -decimals[0];
        assert_int_equal(sum_of(FIRN_TYPE_DECIMAL, decimals, 1, has_key, &sum), FIRN_OK);
        decimals[1] = -1;
        assert_int_equal(sum_of(FIRN_TYPE_DECIMAL, decimals, 2, has_key, &sum), FIRN_LIMIT);
    }
}

static void
test_averages_of_large_numbers(void **state)
{
    struct fi_aggregate *aggregate = create(FIRN_TYPE_NULL, FI_AGGREGATE_AVG, FIRN_TYPE_I64);
    int64_t values[] = {INT64_MIN, INT64_MIN, INT64_MIN, -4};
    struct fi_chunk_values column = numbers(FIRN_TYPE_I64, values, 4);
    struct fi_chunk_values result;
    TEST_OK(fi_aggregate_add(aggregate, NULL, &column, 4, NULL, &err), &err);
    TEST_OK(only_result(aggregate, &result), &err);
    assert_true(result.as.f64[0] == -0x1.8p62);
    fi_aggregate_destroy(aggregate);
}

/* Without keys, in the order of docs/formats/chunk.md; with keys, one after the other. */
static void
test_floating_point_sums_have_an_order(void **state)
{
    double values[100];
    double parts[8] = {0};
    double in_a_row = 0;
    uint64_t bits;
    double sum;
    struct test_random random;
    test_random_init(&random, "order of sums", 7);
    for (size_t i = 0; i < 100; i++) {
        values[i] = (double)test_random_below(&random, 1000) * pow(10, (double)(i % 17));
        parts[i % 8] += values[i];
        in_a_row += values[i];
    }
    double expected = ((parts[0] + parts[4]) + (parts[2] + parts[6])) +
                      ((parts[1] + parts[5]) + (parts[3] + parts[7]));
    assert_true(expected != in_a_row);
    assert_int_equal(sum_of(FIRN_TYPE_F64, values, 100, false, &bits), FIRN_OK);
    memcpy(&sum, &bits, sizeof sum);
    assert_true(sum == expected);
    assert_int_equal(sum_of(FIRN_TYPE_F64, values, 100, true, &bits), FIRN_OK);
    memcpy(&sum, &bits, sizeof sum);
    assert_true(sum == in_a_row);
}

/* ---- without keys ---- */

static void
test_no_rows_are_one_group_without_keys(void **state)
{
    for (int f = FI_AGGREGATE_COUNT_ROWS; f <= FI_AGGREGATE_COUNT_DISTINCT; f++) {
        struct fi_aggregate *aggregate =
            create(FIRN_TYPE_NULL, (enum fi_aggregate_function)f, FIRN_TYPE_I64);
        struct fi_chunk_values result;
        TEST_OK(only_result(aggregate, &result), &err);
        bool is_count = f == FI_AGGREGATE_COUNT_ROWS || f == FI_AGGREGATE_COUNT ||
                        f == FI_AGGREGATE_COUNT_DISTINCT;
        assert_true((result.valid == NULL) == is_count);
        assert_true(!is_count || result.as.i64[0] == 0);
        fi_aggregate_destroy(aggregate);
        aggregate = create(FIRN_TYPE_I64, (enum fi_aggregate_function)f, FIRN_TYPE_I64);
        struct fi_chunk_values key;
        size_t count;
        TEST_OK(fi_aggregate_finish(aggregate, &err), &err);
        TEST_OK(fi_aggregate_next(aggregate, &key, &result, &count, &err), &err);
        assert_int_equal(count, 0);
        fi_aggregate_destroy(aggregate);
    }
}

static void
test_facts_add_to_calls_that_are_left_out(void **state)
{
    struct fi_aggregate_column i64 = {.type = FIRN_TYPE_I64};
    struct fi_aggregate_column f64 = {.type = FIRN_TYPE_F64};
    struct fi_aggregate_column text = {.type = FIRN_TYPE_TEXT};
    struct fi_aggregate_call calls[] = {
        {.function = FI_AGGREGATE_SUM, .argument = i64},
        {.function = FI_AGGREGATE_AVG, .argument = f64},
        {.function = FI_AGGREGATE_COUNT, .argument = i64},
        {.function = FI_AGGREGATE_MIN, .argument = f64},
        {.function = FI_AGGREGATE_MAX, .argument = text},
        {.function = FI_AGGREGATE_COUNT_ROWS},
    };
    struct fi_aggregate_spec spec = {.calls = calls, .call_count = 6};
    struct fi_aggregate *aggregate;
    struct fi_chunk_values results[6];
    struct fi_chunk_values none[6] = {{.kind = FI_PHYSICAL_NONE}};
    size_t count;
    TEST_OK(fi_aggregate_create(&spec, &aggregate, &err), &err);
    TEST_OK(fi_aggregate_add(aggregate, NULL, none, 10, NULL, &err), &err);
    struct fi_chunk_sum sum = {.integer = -5, .real = 6, .count = 3};
    struct fi_cell cells[] = {{.kind = FI_PHYSICAL_F64, .as.f64 = 2.5},
                              {.kind = FI_PHYSICAL_F64, .as.f64 = -2.5},
                              {.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_str("b")},
                              {.kind = FI_PHYSICAL_NONE}};
    fi_aggregate_add_sum(aggregate, 0, &sum);
    fi_aggregate_add_sum(aggregate, 0, &sum);
    fi_aggregate_add_sum(aggregate, 1, &sum);
    fi_aggregate_add_count(aggregate, 2, 7);
    fi_aggregate_add_count(aggregate, 5, 100);
    TEST_OK(fi_aggregate_add_extreme(aggregate, 3, &cells[0], &err), &err);
    TEST_OK(fi_aggregate_add_extreme(aggregate, 3, &cells[1], &err), &err);
    TEST_OK(fi_aggregate_add_extreme(aggregate, 3, &cells[3], &err), &err);
    TEST_OK(fi_aggregate_add_extreme(aggregate, 4, &cells[2], &err), &err);
    TEST_OK(fi_aggregate_finish(aggregate, &err), &err);
    TEST_OK(fi_aggregate_next(aggregate, NULL, results, &count, &err), &err);
    assert_int_equal(count, 1);
    assert_int_equal(results[0].as.i64[0], -10);
    assert_true(results[1].as.f64[0] == 2);
    assert_int_equal(results[2].as.i64[0], 7);
    assert_true(results[3].as.f64[0] == -2.5);
    assert_int_equal(results[4].as.bytes[0].size, 1);
    assert_int_equal(results[5].as.i64[0], 110);
    fi_aggregate_destroy(aggregate);
}

/* ---- limits ---- */

static void
test_bad_specifications_are_refused(void **state)
{
    static struct fi_aggregate_column many[FI_AGGREGATE_KEYS_MAX + 1];
    struct fi_aggregate_call call = {.function = FI_AGGREGATE_SUM,
                                     .argument = {.type = FIRN_TYPE_TEXT}};
    struct fi_aggregate_spec spec = {.calls = &call, .call_count = 1};
    struct fi_aggregate *aggregate;
    assert_int_equal(fi_aggregate_create(&spec, &aggregate, &err), FIRN_INVALID);
    assert_null(aggregate);
    call.argument.type = FIRN_TYPE_NULL;
    assert_int_equal(fi_aggregate_create(&spec, &aggregate, &err), FIRN_INVALID);
    call.function = (enum fi_aggregate_function)0;
    assert_int_equal(fi_aggregate_create(&spec, &aggregate, &err), FIRN_INVALID);
    for (size_t i = 0; i < FI_AGGREGATE_KEYS_MAX + 1; i++) {
        many[i].type = FIRN_TYPE_TEXT;
    }
    call = (struct fi_aggregate_call){.function = FI_AGGREGATE_COUNT_DISTINCT,
                                      .argument = {.type = FIRN_TYPE_TEXT}};
    spec.keys = many;
    spec.key_count = FI_AGGREGATE_KEYS_MAX + 1;
    assert_int_equal(fi_aggregate_create(&spec, &aggregate, &err), FIRN_LIMIT);
    spec.key_count = FI_AGGREGATE_KEYS_MAX;
    TEST_OK(fi_aggregate_create(&spec, &aggregate, &err), &err);
    /* All keys and the argument at once. */
    struct fi_chunk_values keys[FI_AGGREGATE_KEYS_MAX];
    struct fi_chunk_values result;
    firn_slice texts[] = {firn_str("a long text that is not short"), firn_str("b")};
    for (size_t i = 0; i < FI_AGGREGATE_KEYS_MAX; i++) {
        keys[i] = numbers(FIRN_TYPE_TEXT, texts, 2);
    }
    struct fi_chunk_values argument = numbers(FIRN_TYPE_TEXT, texts, 2);
    size_t count;
    TEST_OK(fi_aggregate_add(aggregate, keys, &argument, 2, NULL, &err), &err);
    TEST_OK(fi_aggregate_finish(aggregate, &err), &err);
    TEST_OK(fi_aggregate_next(aggregate, keys, &result, &count, &err), &err);
    assert_int_equal(count, 2);
    assert_int_equal(result.as.i64[0], 1);
    assert_int_equal(result.as.i64[1], 1);
    fi_aggregate_destroy(aggregate);

    struct fi_aggregate_column column = {.type = FIRN_TYPE_I64};
    struct fi_rowsort_key key = {.column = 1};
    struct fi_rowsort_spec rows = {
        .columns = &column, .column_count = 1, .keys = &key, .key_count = 1};
    struct fi_rowsort *sort;
    assert_int_equal(fi_rowsort_create(&rows, &sort, &err), FIRN_INVALID);
    assert_null(sort);
    column.type = (firn_type)99;
    assert_int_equal(fi_rowsort_create(&rows, &sort, &err), FIRN_INVALID);
}

static void
test_memory_ends_without_temporary_files(void **state)
{
    struct fi_aggregate_column column = {.type = FIRN_TYPE_I64};
    struct fi_aggregate_spec spec = {.keys = &column, .key_count = 1};
    struct fi_rowsort_spec rows = {.columns = &column, .column_count = 1};
    struct fi_aggregate *aggregate;
    struct fi_rowsort *sort;
    int rc = FIRN_OK;
    int64_t values[BATCH];
    TEST_OK(fi_aggregate_create(&spec, &aggregate, &err), &err);
    TEST_OK(fi_rowsort_create(&rows, &sort, &err), &err);
    for (int64_t b = 0; b < 20 && rc == FIRN_OK; b++) {
        for (int64_t i = 0; i < BATCH; i++) {
            values[i] = b * BATCH + i;
        }
        struct fi_chunk_values batch = numbers(FIRN_TYPE_I64, values, BATCH);
        rc = fi_aggregate_add(aggregate, &batch, NULL, BATCH, NULL, &err);
    }
    assert_int_equal(rc, FIRN_LIMIT);
    assert_non_null(strstr(err.text, "65536 bytes"));
    rc = FIRN_OK;
    for (int64_t b = 0; b < 20 && rc == FIRN_OK; b++) {
        struct fi_chunk_values batch = numbers(FIRN_TYPE_I64, values, BATCH);
        rc = fi_rowsort_add(sort, &batch, BATCH, NULL, FI_ROWSORT_ARRIVAL, &err);
    }
    assert_int_equal(rc, FIRN_LIMIT);
    assert_non_null(strstr(err.text, "65536 bytes"));
    fi_aggregate_destroy(aggregate);
    fi_rowsort_destroy(sort);
}

/* ---- places ---- */

struct place_case {
    firn_type types[2]; /* NULL: no second key */
    struct fi_aggregate_range ranges[2];
    uint64_t row_count;
    uint64_t memory_bytes;
    uint64_t places;
};

static void
test_places_are_made_where_they_are_worth_it(void **state)
{
    const uint64_t smallest = UINT64_C(1) << 63;
    const uint64_t largest = smallest - 1;
    const struct place_case cases[] = {
        {{FIRN_TYPE_I64, FIRN_TYPE_NULL}, {{.min = 5, .max = 9}}, 0, 1 << 20, 6},
        {{FIRN_TYPE_I64, FIRN_TYPE_NULL}, {{.min = (uint64_t)-5, .max = 9}}, 0, 1 << 20, 16},
        {{FIRN_TYPE_I64, FIRN_TYPE_NULL}, {{.min = smallest, .max = smallest + 1}}, 0, 1 << 20, 3},
        {{FIRN_TYPE_I64, FIRN_TYPE_NULL}, {{.min = largest - 1, .max = largest}}, 0, 1 << 20, 3},
        {{FIRN_TYPE_U64, FIRN_TYPE_NULL}, {{.min = UINT64_MAX, .max = UINT64_MAX}}, 0, 1 << 20, 2},
        {{FIRN_TYPE_BOOL, FIRN_TYPE_DATE}, {{.max = 1}, {.max = 99}}, 0, 1 << 20, 303},
        /* The whole of a type, and bounds that are none. */
        {{FIRN_TYPE_I64, FIRN_TYPE_NULL}, {{.min = smallest, .max = largest}}, 9, 1 << 20, 0},
        {{FIRN_TYPE_U64, FIRN_TYPE_NULL}, {{.max = UINT64_MAX}}, UINT64_MAX, 1 << 20, 0},
        {{FIRN_TYPE_U64, FIRN_TYPE_NULL}, {{.min = 9, .max = 8}}, UINT64_MAX, 1 << 20, 0},
        {{FIRN_TYPE_U64, FIRN_TYPE_NULL}, {{.min = 9, .max = 7}}, UINT64_MAX, 1 << 20, 0},
        {{FIRN_TYPE_I64, FIRN_TYPE_I64}, {{.max = 9}, {.min = 1, .max = 0}}, 9, 1 << 20, 0},
        /* More than there are rows. */
        {{FIRN_TYPE_I64, FIRN_TYPE_NULL}, {{.max = 100000}}, 10000, 64 << 20, 0},
        {{FIRN_TYPE_I64, FIRN_TYPE_NULL}, {{.max = 100000}}, 30000, 64 << 20, 100002},
        {{FIRN_TYPE_I64, FIRN_TYPE_I64}, {{.max = 999}, {.max = 999}}, 100000, 64 << 20, 0},
        {{FIRN_TYPE_I64, FIRN_TYPE_I64}, {{.max = 999}, {.max = 999}}, 300000, 99 << 20, 1002001},
        /* Kinds that have no places. */
        {{FIRN_TYPE_TEXT, FIRN_TYPE_NULL}, {{.max = 9}}, 10000, 1 << 20, 0},
        {{FIRN_TYPE_I64, FIRN_TYPE_F64}, {{.max = 9}, {.max = 9}}, 10000, 1 << 20, 0},
        /* 10002 counts and sums take 320,064 bytes, and their numbers 10,002. */
        {{FIRN_TYPE_I64, FIRN_TYPE_NULL}, {{.max = 10000}}, 10000, 655000, 0},
        {{FIRN_TYPE_I64, FIRN_TYPE_NULL}, {{.max = 10000}}, 10000, 665000, 10002},
    };
    const struct fi_spill spill = {.dir = NULL};
    const struct fi_aggregate_call calls[] = {
        {.function = FI_AGGREGATE_COUNT_ROWS},
        {.function = FI_AGGREGATE_SUM, .argument = {.type = FIRN_TYPE_I64}},
        {.function = FI_AGGREGATE_MAX, .argument = {.type = FIRN_TYPE_TEXT}},
        {.function = FI_AGGREGATE_COUNT_DISTINCT, .argument = {.type = FIRN_TYPE_I64}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct place_case *one = &cases[i];
        const struct fi_aggregate_column keys[] = {
            {.type = one->types[0]},
            {.type = one->types[1] == FIRN_TYPE_NULL ? FIRN_TYPE_I64 : one->types[1]}};
        struct fi_aggregate_spec spec = {.keys = keys,
                                         .key_count = one->types[1] == FIRN_TYPE_NULL ? 1 : 2,
                                         .ranges = one->ranges,
                                         .row_count = one->row_count,
                                         .calls = calls,
                                         .call_count = 2,
                                         .memory_bytes = one->memory_bytes,
                                         .spill = &spill};
        struct fi_aggregate *aggregate;
        TEST_OK(fi_aggregate_create(&spec, &aggregate, &err), &err);
        assert_int_equal(aggregate->direct.places, one->places);
        assert_true(one->places == 0 || aggregate->direct.memory_bytes <= one->memory_bytes / 2);
        assert_true(aggregate->direct.memory_bytes + aggregate->table.memory_bytes <=
                    (one->memory_bytes < FI_AGGREGATE_MEMORY_MIN ? FI_AGGREGATE_MEMORY_MIN
                                                                 : one->memory_bytes));
        fi_aggregate_destroy(aggregate);
        /* Functions whose states grow. */
        spec.calls = calls + 1;
        TEST_OK(fi_aggregate_create(&spec, &aggregate, &err), &err);
        assert_int_equal(aggregate->direct.places, 0);
        fi_aggregate_destroy(aggregate);
        spec.calls = calls + 3;
        spec.call_count = 1;
        TEST_OK(fi_aggregate_create(&spec, &aggregate, &err), &err);
        assert_int_equal(aggregate->direct.places, 0);
        fi_aggregate_destroy(aggregate);
    }
}

/* Neighbours of the bounds, with sums that need more than 64 bits. */
static void
test_places_end_where_their_range_does(void **state)
{
    const struct fi_aggregate_column key = {.type = FIRN_TYPE_I64};
    const struct fi_aggregate_range range = {.min = (uint64_t)-3, .max = 40};
    const struct fi_aggregate_call call = {.function = FI_AGGREGATE_AVG,
                                           .argument = {.type = FIRN_TYPE_I64}};
    const struct fi_aggregate_spec spec = {.keys = &key,
                                           .key_count = 1,
                                           .ranges = &range,
                                           .row_count = 100,
                                           .calls = &call,
                                           .call_count = 1,
                                           .memory_bytes = 1 << 20};
    const int64_t keys[] = {-4, -3, -3, 40, 41, INT64_MIN, INT64_MAX, 0, -4, 0};
    int64_t values[10];
    const uint64_t valid = 0x17f; /* the keys of rows 7 and 9 are null */
    struct fi_aggregate *aggregate;
    struct fi_chunk_values out_keys;
    struct fi_chunk_values results;
    size_t count;
    uint64_t rows = 0;
    for (size_t i = 0; i < 10; i++) {
        values[i] = INT64_MAX - (int64_t)i;
    }
    struct fi_chunk_values column = numbers(FIRN_TYPE_I64, keys, 10);
    struct fi_chunk_values argument = numbers(FIRN_TYPE_I64, values, 10);
    column.valid = &valid;
    TEST_OK(fi_aggregate_create(&spec, &aggregate, &err), &err);
    assert_int_equal(aggregate->direct.places, 45);
    TEST_OK(fi_aggregate_add(aggregate, &column, &argument, 10, NULL, &err), &err);
    assert_int_equal(aggregate->table.count, 4);
    TEST_OK(fi_aggregate_finish(aggregate, &err), &err);
    do {
        TEST_OK(fi_aggregate_next(aggregate, &out_keys, &results, &count, &err), &err);
        for (size_t i = 0; i < count; i++) {
            assert_null(results.valid);
            assert_true(results.as.f64[i] == 0x1p63);
            bool is_null = out_keys.valid != NULL && !fixture_bit(out_keys.valid, i);
            bool is_known = is_null;
            for (size_t k = 0; k < 7 && !is_known; k++) {
                is_known = out_keys.as.i64[i] == keys[k];
            }
            assert_true(is_known);
        }
        rows += count;
    } while (count > 0);
    assert_int_equal(rows, 7);
    fi_aggregate_destroy(aggregate);
}

/* A few groups of so many rows that masks are made for them; sums of 64 bits would overflow, with
 * AVX-512 and without. */
static void
test_large_numbers_of_a_few_groups_are_added_exactly(void **state)
{
    enum { ROWS = 512, GROUPS = 2, CALLS = 4 };
    const struct fi_aggregate_column key = {.type = FIRN_TYPE_I64};
    struct fi_aggregate_call calls[CALLS];
    const struct fi_aggregate_spec spec = {
        .keys = &key, .key_count = 1, .calls = calls, .call_count = CALLS, .memory_bytes = 1 << 20};
    int64_t keys[ROWS];
    int64_t values[CALLS][ROWS];
    struct fi_chunk_values arguments[CALLS];
    for (size_t i = 0; i < ROWS; i++) {
        keys[i] = (int64_t)(i % GROUPS);
    }
    for (size_t c = 0; c < CALLS; c++) {
        calls[c] = (struct fi_aggregate_call){.function = FI_AGGREGATE_AVG,
                                              .argument = {.type = FIRN_TYPE_I64}};
        for (size_t i = 0; i < ROWS; i++) {
            values[c][i] = INT64_C(1) << (60 - c);
        }
        arguments[c] = numbers(FIRN_TYPE_I64, values[c], ROWS);
    }
    struct fi_chunk_values column = numbers(FIRN_TYPE_I64, keys, ROWS);
    for (int is_plain = 0; is_plain < 2; is_plain++) {
        struct fi_aggregate *aggregate;
        struct fi_chunk_values out_keys;
        struct fi_chunk_values results[CALLS];
        size_t count;
        TEST_OK(fi_aggregate_create(&spec, &aggregate, &err), &err);
        aggregate->few.has_hardware = aggregate->few.has_hardware && is_plain == 0;
        TEST_OK(fi_aggregate_add(aggregate, &column, arguments, ROWS, NULL, &err), &err);
        TEST_OK(fi_aggregate_finish(aggregate, &err), &err);
        TEST_OK(fi_aggregate_next(aggregate, &out_keys, results, &count, &err), &err);
        assert_int_equal(count, GROUPS);
        for (size_t i = 0; i < count; i++) {
            for (size_t c = 0; c < CALLS; c++) {
                assert_true(results[c].as.f64[i] == (double)values[c][0]);
            }
        }
        fi_aggregate_destroy(aggregate);
    }
}

/* ---- hostile rows ---- */

enum { LONG = 1 << 20, LONG_KEYS = 24 };

/* Keys of a megabyte that differ in their last byte, and extremes as long. */
static void
test_long_keys_stay_within_memory(void **state)
{
    struct fi_os *os;
    struct fixture_files files;
    struct fi_aggregate_column text = {.type = FIRN_TYPE_TEXT};
    struct fi_aggregate_call calls[] = {{.function = FI_AGGREGATE_COUNT_ROWS},
                                        {.function = FI_AGGREGATE_MIN, .argument = text}};
    struct fi_rowsort_key sort_key = {.column = 0, .is_descending = true};
    firn_slice slices[LONG_KEYS];
    TEST_OK(fi_sim_memory_create(1, &os, &err), &err);
    struct fi_os_dir *dir = test_os_temp_dir();
    fixture_files_init(&files, dir);
    for (int i = 0; i < LONG_KEYS; i++) {
        uint8_t *bytes = malloc(LONG);
        assert_non_null(bytes);
        memset(bytes, 'k', LONG);
        bytes[LONG - 1] = (uint8_t)(i % 12);
        slices[i] = firn_bytes(bytes, LONG);
    }
    struct fi_aggregate_spec spec = {.keys = &text,
                                     .key_count = 1,
                                     .calls = calls,
                                     .call_count = 2,
                                     .memory_bytes = 4 << 20,
                                     .spill = &files.spill};
    struct fi_rowsort_spec rows = {.columns = &text,
                                   .column_count = 1,
                                   .keys = &sort_key,
                                   .key_count = 1,
                                   .memory_bytes = 8 << 20,
                                   .spill = &files.spill};
    struct fi_chunk_values batch = numbers(FIRN_TYPE_TEXT, slices, LONG_KEYS);
    struct fi_chunk_values arguments[] = {batch, batch};
    struct fi_chunk_values key;
    struct fi_chunk_values results[2];
    struct fi_aggregate *aggregate;
    struct fi_rowsort *sort;
    size_t count;
    size_t seen = 0;
    test_peak_install();
    TEST_OK(fi_aggregate_create(&spec, &aggregate, &err), &err);
    TEST_OK(fi_aggregate_add(aggregate, &batch, arguments, LONG_KEYS, NULL, &err), &err);
    TEST_OK(fi_aggregate_finish(aggregate, &err), &err);
    do {
        TEST_OK(fi_aggregate_next(aggregate, &key, results, &count, &err), &err);
        for (size_t i = 0; i < count; i++, seen++) {
            assert_int_equal(results[0].as.i64[i], 2);
            assert_int_equal(key.as.bytes[i].size, LONG);
            assert_memory_equal(key.as.bytes[i].data, results[1].as.bytes[i].data, LONG);
        }
    } while (count > 0);
    assert_int_equal(seen, 12);
    assert_true(fi_aggregate_spilled_bytes(aggregate) > 0);
    fi_aggregate_destroy(aggregate);
    /* The memory, a group that is encoded, a block with it, and what is read. */
    assert_true(test_peak_take() < 17 << 20);
    TEST_OK(fi_rowsort_create(&rows, &sort, &err), &err);
    TEST_OK(fi_rowsort_add(sort, &batch, LONG_KEYS, NULL, 0, &err), &err);
    TEST_OK(fi_rowsort_finish(sort, &err), &err);
    seen = 0;
    do {
        TEST_OK(fi_rowsort_next(sort, &key, &count, &err), &err);
        for (size_t i = 0; i < count; i++, seen++) {
            assert_int_equal(key.as.bytes[i].data[LONG - 1], 11 - seen / 2);
        }
    } while (count > 0);
    assert_int_equal(seen, LONG_KEYS);
    fi_rowsort_destroy(sort);
    assert_true(test_peak_take() < 40 << 20);
    test_peak_uninstall();
    for (int i = 0; i < LONG_KEYS; i++) {
        void *data;
        memcpy(&data, &slices[i].data, sizeof data);
        free(data);
    }
    test_os_temp_dir_remove(dir);
    fi_sim_memory_destroy(os);
}

enum { SKEW_BATCHES = 200 };

static void
test_memory_is_bounded_whatever_the_keys_are(void **state)
{
    struct fi_os *os;
    struct fixture_files files;
    struct fi_aggregate_column column = {.type = FIRN_TYPE_I64};
    struct fi_aggregate_call calls[] = {
        {.function = FI_AGGREGATE_COUNT_DISTINCT, .argument = column},
        {.function = FI_AGGREGATE_COUNT_ROWS}};
    int64_t values[BATCH];
    TEST_OK(fi_sim_memory_create(1, &os, &err), &err);
    struct fi_os_dir *dir = test_os_temp_dir();
    fixture_files_init(&files, dir);
    /* All different, all equal, multiples of a large power of two. */
    for (int kind = 0; kind < 3; kind++) {
        struct fi_aggregate_spec spec = {.keys = &column,
                                         .key_count = 1,
                                         .calls = calls,
                                         .call_count = 2,
                                         .memory_bytes = 1 << 20,
                                         .spill = &files.spill,
                                         .seed = 99};
        struct fi_aggregate *aggregate;
        struct fi_chunk_values key;
        struct fi_chunk_values results[2];
        size_t count;
        uint64_t groups = 0;
        uint64_t seen = 0;
        test_peak_install();
        TEST_OK(fi_aggregate_create(&spec, &aggregate, &err), &err);
        for (int64_t b = 0; b < SKEW_BATCHES; b++) {
            for (int64_t i = 0; i < BATCH; i++) {
                int64_t number = b * BATCH + i;
                values[i] = kind == 0 ? number : kind == 1 ? 7 : (int64_t)((uint64_t)number << 40);
            }
            struct fi_chunk_values batch = numbers(FIRN_TYPE_I64, values, BATCH);
            struct fi_chunk_values arguments[] = {batch, batch};
            TEST_OK(fi_aggregate_add(aggregate, &batch, arguments, BATCH, NULL, &err), &err);
        }
        TEST_OK(fi_aggregate_finish(aggregate, &err), &err);
        do {
            TEST_OK(fi_aggregate_next(aggregate, &key, results, &count, &err), &err);
            for (size_t i = 0; i < count; i++) {
                assert_int_equal(results[0].as.i64[i], 1);
                seen += results[1].as.u64[i];
            }
            groups += count;
        } while (count > 0);
        assert_int_equal(seen, SKEW_BATCHES * BATCH);
        assert_int_equal(groups, kind == 1 ? 1 : SKEW_BATCHES * BATCH);
        assert_true((fi_aggregate_spilled_bytes(aggregate) > 0) == (kind != 1));
        fi_aggregate_destroy(aggregate);
        assert_true(test_peak_take() < (1 << 20) + (700 << 10));
        test_peak_uninstall();
        assert_int_equal(test_os_count(dir), 0);
    }
    test_os_temp_dir_remove(dir);
    fi_sim_memory_destroy(os);
}

enum { MANY_BATCHES = 1200 };

/* So many groups that parts of what was spilled are spilled again, in parts of their own. */
static void
test_parts_that_do_not_fit_are_parted_again(void **state)
{
    struct fixture_files files;
    struct fi_aggregate_column column = {.type = FIRN_TYPE_U64};
    struct fi_aggregate_call call = {.function = FI_AGGREGATE_COUNT_ROWS};
    struct fi_os_dir *dir = test_os_temp_dir();
    fixture_files_init(&files, dir);
    struct fi_aggregate_spec spec = {
        .keys = &column, .key_count = 1, .calls = &call, .call_count = 1, .spill = &files.spill};
    struct fi_aggregate *aggregate;
    struct fi_chunk_values key;
    struct fi_chunk_values result;
    uint64_t values[BATCH];
    uint64_t sum = 0;
    uint64_t groups = 0;
    size_t count;
    test_peak_install();
    TEST_OK(fi_aggregate_create(&spec, &aggregate, &err), &err);
    for (uint64_t b = 0; b < MANY_BATCHES; b++) {
        for (uint64_t i = 0; i < BATCH; i++) {
            values[i] = b * BATCH + i;
        }
        struct fi_chunk_values batch = numbers(FIRN_TYPE_U64, values, BATCH);
        TEST_OK(fi_aggregate_add(aggregate, &batch, &batch, BATCH, NULL, &err), &err);
    }
    TEST_OK(fi_aggregate_finish(aggregate, &err), &err);
    do {
        TEST_OK(fi_aggregate_next(aggregate, &key, &result, &count, &err), &err);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(result.as.i64[i], 1);
            sum += key.as.u64[i];
        }
        groups += count;
    } while (count > 0);
    uint64_t all = (uint64_t)MANY_BATCHES * BATCH;
    assert_int_equal(groups, all);
    assert_int_equal(sum, all * (all - 1) / 2);
    /* What was added, and most of it once more. */
    assert_true(files.made > 64);
    fi_aggregate_destroy(aggregate);
    /* Without levels, the groups of the parts alone would take as much. */
    assert_true(test_peak_take() < 950 << 10);
    test_peak_uninstall();
    assert_int_equal(test_os_count(dir), 0);
    test_os_temp_dir_remove(dir);
}

/* ---- collisions ---- */

enum { COLLISIONS = 500, TEXT = 40 };

static int
count_visit(void *ctx, uint8_t *record, firn_error *visit_err)
{
    unsigned *seen = ctx;
    uint64_t words[3];
    (void)visit_err;
    memcpy(words, record, sizeof words);
    firn_slice text = fi_aggregate_words_bytes(words + 1);
    assert_int_equal(text.size, TEXT);
    unsigned number = (unsigned)text.data[TEXT - 2] * 256 + text.data[TEXT - 1];
    assert_true(number < COLLISIONS);
    seen[number]++;
    return FIRN_OK;
}

/* Hashes that nobody would believe: few, at the end of the table, so that searches go on at its beginning. */
static void
test_keys_whose_hashes_are_equal_are_kept_apart(void **state)
{
    static const uint64_t hashes[] = {UINT64_MAX, UINT64_MAX << 4, UINT64_C(0xfbffffff) << 32, 0};
    struct fi_aggregate_table table = {
        .record_size = 64, .word_count = 3, .byte_words = {2}, .has_bytes = true};
    static uint8_t texts[COLLISIONS][TEXT];
    static uint8_t *records[COLLISIONS];
    unsigned seen[COLLISIONS] = {0};
    fi_aggregate_table_init(&table, 16 << 20);
    for (int round = 0; round < 2; round++) {
        for (unsigned i = 0; i < COLLISIONS; i++) {
            uint8_t text[TEXT] = {'t'};
            uint64_t key[3] = {0};
            uint8_t *record;
            text[TEXT - 2] = (uint8_t)(i / 256);
            text[TEXT - 1] = (uint8_t)i;
            memcpy(texts[i], text, TEXT);
            fi_aggregate_words_of(firn_bytes(round == 0 ? texts[i] : text, TEXT), key + 1);
            TEST_OK(fi_aggregate_table_find(&table, key, hashes[i % 4], &record, &err), &err);
            assert_non_null(record);
            assert_true(round == 0 || record == records[i]);
            records[i] = record;
        }
        assert_int_equal(table.count, COLLISIONS);
    }
    for (unsigned part = 0; part < FI_AGGREGATE_PARTS; part++) {
        unsigned before[COLLISIONS];
        memcpy(before, seen, sizeof seen);
        TEST_OK(fi_aggregate_table_visit(&table, part, count_visit, seen, &err), &err);
        for (unsigned i = 0; i < COLLISIONS; i++) {
            assert_int_equal(seen[i] - before[i], hashes[i % 4] >> 58 == part);
        }
    }
    fi_aggregate_table_deinit(&table);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_are_exact_or_refused),
        cmocka_unit_test(test_averages_of_large_numbers),
        cmocka_unit_test(test_floating_point_sums_have_an_order),
        cmocka_unit_test(test_no_rows_are_one_group_without_keys),
        cmocka_unit_test(test_facts_add_to_calls_that_are_left_out),
        cmocka_unit_test(test_bad_specifications_are_refused),
        cmocka_unit_test(test_memory_ends_without_temporary_files),
        cmocka_unit_test(test_places_are_made_where_they_are_worth_it),
        cmocka_unit_test(test_large_numbers_of_a_few_groups_are_added_exactly),
        cmocka_unit_test(test_places_end_where_their_range_does),
        cmocka_unit_test(test_long_keys_stay_within_memory),
        cmocka_unit_test(test_memory_is_bounded_whatever_the_keys_are),
        cmocka_unit_test(test_parts_that_do_not_fit_are_parted_again),
        cmocka_unit_test(test_keys_whose_hashes_are_equal_are_kept_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

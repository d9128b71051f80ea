/* SPDX-License-Identifier: Apache-2.0
 *
 * Sorted rows of random batches against qsort over the numbers of their values: with and without
 * limits, with memory for all rows and for few, in one sort and in several that are merged.
 */
#include "unit/aggregate/aggregate_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "sim/sim_memory.h"
#include "support/test_os.h"

enum { COLUMNS_MAX = 4, ROWS_MAX = 40000, SORTS_MAX = 3 };

struct row {
    int numbers[COLUMNS_MAX];
    uint64_t sequence;
};
static struct row rows[ROWS_MAX];
static size_t row_count;
static struct fixture_column columns[COLUMNS_MAX];
static size_t column_count;
static struct fi_rowsort_key sort_keys[COLUMNS_MAX + 1];
static size_t key_count;

static int
compare(const void *a, const void *b)
{
    const struct row *x = a;
    const struct row *y = b;
    for (size_t k = 0; k < key_count; k++) {
        int left = x->numbers[sort_keys[k].column];
        int right = y->numbers[sort_keys[k].column];
        if (left != right) {
            return (left < right) != sort_keys[k].is_descending ? -1 : 1;
        }
    }
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

static void
random_spec(struct test_random *random)
{
    static const firn_type types[] = {FIRN_TYPE_I64,  FIRN_TYPE_U32,    FIRN_TYPE_F64,
                                      FIRN_TYPE_F32,  FIRN_TYPE_TEXT,   FIRN_TYPE_UUID,
                                      FIRN_TYPE_BOOL, FIRN_TYPE_DECIMAL};
    column_count = 1 + (size_t)test_random_below(random, COLUMNS_MAX);
    key_count = (size_t)test_random_below(random, COLUMNS_MAX + 1);
    for (size_t i = 0; i < column_count; i++) {
        columns[i] = (struct fixture_column){.type = types[test_random_below(random, 8)]};
        columns[i].variety = columns[i].type == FIRN_TYPE_BOOL ? 2
                             : test_random_below(random, 2) == 0
                                 ? 1 + (int)test_random_below(random, 10)
                                 : 10000;
        columns[i].nulls = (unsigned)test_random_below(random, 3) * 4;
        columns[i].size_max = test_random_below(random, 3) == 0 ? 9 : 0;
    }
    for (size_t k = 0; k < key_count; k++) {
        sort_keys[k].column = (uint32_t)test_random_below(random, column_count);
        sort_keys[k].is_descending = test_random_below(random, 2) == 0;
    }
}

static void
add_batch(struct test_random *random, struct fi_rowsort *sort, uint64_t sequence)
{
    static struct fixture_values values[COLUMNS_MAX];
    struct fi_chunk_values batch[COLUMNS_MAX];
    uint64_t mask[FI_CHUNK_MASK_WORDS];
    size_t count =
        test_random_below(random, 2) == 0 ? BATCH : 1 + (size_t)test_random_below(random, BATCH);
    bool has_mask = test_random_below(random, 2) == 0;
    uint64_t first = sequence == FI_ROWSORT_ARRIVAL ? row_count : sequence;
    firn_error err;
    fixture_mask(random, count, mask);
    for (size_t i = 0; i < column_count; i++) {
        fixture_fill(&columns[i], random, count, &values[i]);
        batch[i] = values[i].values;
    }
    TEST_OK(fi_rowsort_add(sort, batch, count, has_mask ? mask : NULL, sequence, &err), &err);
    for (size_t row = 0; row < count; row++) {
        if (!has_mask || fixture_bit(mask, row)) {
            assert_true(row_count < ROWS_MAX);
            for (size_t i = 0; i < column_count; i++) {
                rows[row_count].numbers[i] = values[i].numbers[row];
            }
            rows[row_count].sequence = first + (sequence == FI_ROWSORT_ARRIVAL ? 0 : row);
            row_count++;
            first += sequence == FI_ROWSORT_ARRIVAL ? 1 : 0;
        }
    }
}

static void
check_all(struct fi_rowsort *sort, uint64_t limit)
{
    struct fi_chunk_values out[COLUMNS_MAX];
    uint64_t at = 0;
    uint64_t expected = limit != 0 && limit < row_count ? limit : row_count;
    size_t count;
    firn_error err;
    qsort(rows, row_count, sizeof rows[0], compare);
    do {
        TEST_OK(fi_rowsort_next(sort, out, &count, &err), &err);
        assert_true(count <= BATCH && count <= expected - at);
        for (size_t row = 0; row < count; row++, at++) {
            for (size_t i = 0; i < column_count; i++) {
                assert_int_equal(out[i].count, count);
                assert_int_equal(fixture_number(&columns[i], &out[i], row), rows[at].numbers[i]);
            }
        }
    } while (count > 0);
    assert_int_equal(at, expected);
    TEST_OK(fi_rowsort_next(sort, out, &count, &err), &err);
    assert_int_equal(count, 0);
}

static uint64_t
run(struct test_random *random, struct fi_os_dir *dir, uint64_t limit, bool is_tight)
{
    struct fi_aggregate_column types[COLUMNS_MAX];
    struct fixture_files files;
    struct fi_rowsort *sorts[SORTS_MAX];
    firn_error err;
    random_spec(random);
    fixture_files_init(&files, dir);
    for (size_t i = 0; i < column_count; i++) {
        types[i] = (struct fi_aggregate_column){
            .type = columns[i].type, .fixed_size = columns[i].type == FIRN_TYPE_UUID ? 16 : 0};
    }
    struct fi_rowsort_spec spec = {
        .columns = types,
        .column_count = column_count,
        .keys = sort_keys,
        .key_count = key_count,
        .limit = limit,
        .memory_bytes = is_tight ? 0 : 256 << 20,
        .spill = &files.spill,
    };
    size_t sort_count = 1 + (size_t)test_random_below(random, SORTS_MAX);
    bool is_numbered = test_random_below(random, 2) == 0;
    uint64_t sequence = 0;
    row_count = 0;
    size_t first = (size_t)test_random_below(random, 25);
    for (size_t i = 0; i < sort_count; i++) {
        TEST_OK(fi_rowsort_create(&spec, &sorts[i], &err), &err);
        /* Numbered rows may come in any order; the others are merged in the order in which they
         * came. */
        for (size_t b = 0; b < (i == 0 ? first : 3); b++) {
            size_t to = is_numbered ? (size_t)test_random_below(random, i + 1) : i;
            add_batch(random, sorts[to],
                      is_numbered ? sequence ^ UINT64_C(0x7c00) : FI_ROWSORT_ARRIVAL);
            sequence += BATCH;
        }
    }
    for (size_t i = 1; i < sort_count; i++) {
        TEST_OK(fi_rowsort_merge(sorts[0], sorts[i], &err), &err);
        assert_int_equal(fi_rowsort_spilled_bytes(sorts[i]), 0);
    }
    if (!is_numbered) {
        add_batch(random, sorts[0], FI_ROWSORT_ARRIVAL);
    }
    TEST_OK(fi_rowsort_finish(sorts[0], &err), &err);
    check_all(sorts[0], limit);
    uint64_t spilled = fi_rowsort_spilled_bytes(sorts[0]);
    for (size_t i = 0; i < sort_count; i++) {
        fi_rowsort_destroy(sorts[i]);
    }
    assert_int_equal(test_os_count(dir), 0);
    return spilled;
}

static uint64_t
run_many(const char *name, uint64_t seed, int times, uint64_t limit_below, bool is_tight)
{
    struct test_random random;
    struct fi_os *os;
    firn_error err;
    uint64_t spilled = 0;
    test_random_init(&random, name, seed);
    TEST_OK(fi_sim_memory_create(1, &os, &err), &err);
    struct fi_os_dir *dir = test_os_root(os);
    for (int i = 0; i < times; i++) {
        uint64_t limit = limit_below == 0 ? 0 : 1 + test_random_below(&random, limit_below);
        spilled += run(&random, dir, limit, is_tight);
    }
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
    fixture_end();
    return spilled;
}

static void
test_rows_come_in_order(void **state)
{
    assert_int_equal(run_many("in memory", 1, 60, 0, false), 0);
}

static void
test_spilled_rows_come_in_order(void **state)
{
    assert_true(run_many("spilled", 2, 60, 0, true) > 0);
}

static void
test_the_first_rows_come_in_order(void **state)
{
    assert_int_equal(run_many("few", 3, 60, 20, false), 0);
    assert_int_equal(run_many("some", 4, 40, 3000, false), 0);
    /* So few rows always fit. */
    assert_int_equal(run_many("few, little memory", 5, 60, 20, true), 0);
    assert_true(run_many("some, spilled", 6, 60, 20000, true) > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_come_in_order),
        cmocka_unit_test(test_spilled_rows_come_in_order),
        cmocka_unit_test(test_the_first_rows_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

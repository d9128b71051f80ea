/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/tuple: rows as tuples (docs/formats/tuple.md).
 */
#include <math.h>

#include "base/slice.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"
#include "tuple/tuple.h"

static struct fi_cell
cell_i64(int64_t number)
{
    return (struct fi_cell){.kind = FI_PHYSICAL_I64, .as.i64 = number};
}

static struct fi_cell
cell_u64(uint64_t number)
{
    return (struct fi_cell){.kind = FI_PHYSICAL_U64, .as.u64 = number};
}

static struct fi_cell
cell_bytes(const void *data, size_t size)
{
    return (struct fi_cell){.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_bytes(data, size)};
}

static bool
cells_equal(const struct fi_cell *a, const struct fi_cell *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch (a->kind) {
    case FI_PHYSICAL_NONE:
        return true;
    case FI_PHYSICAL_F32:
        return memcmp(&a->as.f32, &b->as.f32, sizeof a->as.f32) == 0;
    case FI_PHYSICAL_BYTES:
        return fi_slice_equal(a->as.bytes, b->as.bytes);
    default:
        return a->as.u64 == b->as.u64;
    }
}

static void
the_example_of_the_specification_is_as_it_says(void **state)
{
    struct fi_buf out = {0};
    struct fi_tuple_writer writer;
    struct fi_cell cell = cell_u64(1);
    fi_tuple_begin(&writer, &out);
    fi_tuple_add(&writer, 2, &cell);
    cell = cell_i64(-3);
    fi_tuple_add(&writer, 3, &cell);
    cell = cell_bytes("ab", 2);
    fi_tuple_add(&writer, 5, &cell);
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
    assert_int_equal(out.size, 7);
    assert_memory_equal(out.data,
                        "\x17\x01\x05\x0d\x02"
                        "ab",
                        7);
    fi_buf_deinit(&out);
}

/* ---- random rows ---- */

enum { COLUMNS_MAX = 24, BYTES_MAX = 40 };

struct row {
    size_t count;
    uint32_t columns[COLUMNS_MAX];
    struct fi_cell cells[COLUMNS_MAX];
    uint8_t bytes[BYTES_MAX];
};

static uint64_t
edge(struct test_random *random)
{
    uint64_t bit = (uint64_t)1 << test_random_below(random, 64);
    switch (test_random_below(random, 4)) {
    case 0:
        return test_random_below(random, 4);
    case 1:
        return bit - 1 + test_random_below(random, 3);
    case 2:
        return 0 - bit + test_random_below(random, 2);
    default:
        return test_random_next(random);
    }
}

static struct fi_cell
draw_cell(struct test_random *random, const uint8_t *bytes)
{
    struct fi_cell cell = {.kind = (enum fi_physical)test_random_below(random, 6)};
    uint64_t number = edge(random);
    switch (cell.kind) {
    case FI_PHYSICAL_F32:
        memcpy(&cell.as.f32, &number, sizeof cell.as.f32);
        break;
    case FI_PHYSICAL_BYTES:
        cell.as.bytes = firn_bytes(bytes, test_random_below(random, BYTES_MAX + 1));
        break;
    case FI_PHYSICAL_NONE:
        break;
    default: /* of F64: any bits */
        cell.as.u64 = number;
        break;
    }
    return cell;
}

static void
draw_row(struct test_random *random, struct row *row)
{
    uint32_t column = 0;
    uint64_t gap = test_random_below(random, 4) == 0 ? 3000 : 20;
    row->count = test_random_below(random, COLUMNS_MAX + 1);
    test_random_fill(random, row->bytes, sizeof row->bytes);
    for (size_t i = 0; i < row->count; i++) {
        column += (uint32_t)test_random_below(random, gap);
        row->columns[i] = column++;
        row->cells[i] = draw_cell(random, row->bytes);
    }
    if (row->count > 0 && test_random_below(random, 8) == 0) {
        row->columns[row->count - 1] = FI_TUPLE_COLUMN_LIMIT - 1;
    }
}

static void
write_row(const struct row *row, struct fi_buf *out)
{
    struct fi_tuple_writer writer;
    fi_tuple_begin(&writer, out);
    for (size_t i = 0; i < row->count; i++) {
        fi_tuple_add(&writer, row->columns[i], &row->cells[i]);
    }
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
}

static void
rows_are_read_as_they_were_written(void **state)
{
    struct test_random random;
    struct fi_buf out = {0};
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 5000; round++) {
        struct row row;
        struct fi_tuple_reader reader;
        struct fi_cell cell;
        uint32_t column = 0;
        bool is_corrupt = true;
        draw_row(&random, &row);
        fi_buf_clear(&out);
        assert_int_equal(fi_buf_append_str(&out, "x"), FIRN_OK); /* what is there stays */
        write_row(&row, &out);
        firn_slice tuple = firn_bytes(out.data + 1, out.size - 1);
        assert_int_equal(out.data[0], 'x');
        assert_int_equal(fi_tuple_check(tuple), FIRN_OK);
        fi_tuple_reader_init(&reader, tuple);
        for (size_t i = 0; i < row.count; i++) {
            assert_true(fi_tuple_next(&reader, &column, &cell, &is_corrupt));
            assert_false(is_corrupt);
            assert_int_equal(column, row.columns[i]);
            assert_true(cells_equal(&cell, &row.cells[i]));
            assert_int_equal(fi_tuple_find(tuple, column, &cell), FIRN_OK);
            assert_true(cells_equal(&cell, &row.cells[i]));
            uint32_t before = i == 0 ? 0 : row.columns[i - 1] + 1;
            for (uint32_t absent = before; absent < column && absent < before + 40; absent++) {
                assert_int_equal(fi_tuple_find(tuple, absent, &cell), FIRN_NOT_FOUND);
            }
        }
        assert_false(fi_tuple_next(&reader, &column, &cell, &is_corrupt));
        assert_false(is_corrupt);
        if (row.count == 0 || row.columns[row.count - 1] < FI_TUPLE_COLUMN_LIMIT - 1) {
            assert_int_equal(fi_tuple_find(tuple, FI_TUPLE_COLUMN_LIMIT - 1, &cell),
                             FIRN_NOT_FOUND);
        }
    }
    fi_buf_deinit(&out);
}

/* ---- bytes that are not trusted ---- */

/* Writes what a reader finds; whether the bytes were a tuple. */
static bool
again(firn_slice tuple, struct fi_buf *out)
{
    struct fi_tuple_reader reader;
    struct fi_tuple_writer writer;
    struct fi_cell cell;
    uint32_t column = 0;
    bool is_corrupt = true;
    bool is_corrupt_later = true;
    fi_buf_clear(out);
    fi_tuple_reader_init(&reader, tuple);
    fi_tuple_begin(&writer, out);
    while (fi_tuple_next(&reader, &column, &cell, &is_corrupt)) {
        struct fi_cell found;
        fi_tuple_add(&writer, column, &cell);
        assert_int_equal(fi_tuple_find(tuple, column, &found), FIRN_OK);
        assert_true(cells_equal(&cell, &found));
    }
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
    assert_false(fi_tuple_next(&reader, &column, &cell, &is_corrupt_later));
    assert_int_equal(is_corrupt, is_corrupt_later);
    assert_int_equal(fi_tuple_check(tuple), is_corrupt ? FIRN_CORRUPT : FIRN_OK);
    return !is_corrupt;
}

/* In memory of its own size, where a sanitizer sees a read past the end. */
static bool
again_alone(const uint8_t *data, size_t size, struct fi_buf *out)
{
    uint8_t *alone = malloc(size == 0 ? 1 : size);
    assert_non_null(alone);
    memcpy(alone, data, size);
    bool is_tuple = again(firn_bytes(alone, size), out);
    if (is_tuple) {
        assert_int_equal(out->size, size);
        assert_true(size == 0 || memcmp(out->data, alone, size) == 0);
    }
    free(alone);
    return is_tuple;
}

static void
cut_and_flipped_tuples_are_refused_or_other_rows(void **state)
{
    struct test_random random;
    struct fi_buf tuple = {0};
    struct fi_buf out = {0};
    uint64_t refused = 0;
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 80; round++) {
        struct row row;
        draw_row(&random, &row);
        fi_buf_clear(&tuple);
        write_row(&row, &tuple);
        for (size_t size = 0; size < tuple.size; size++) {
            refused += again_alone(tuple.data, size, &out) ? 0 : 1;
        }
        for (size_t bit = 0; bit < tuple.size * 8; bit++) {
            tuple.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            refused += again_alone(tuple.data, tuple.size, &out) ? 0 : 1;
            tuple.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    assert_true(refused > 5000);
    fi_buf_deinit(&tuple);
    fi_buf_deinit(&out);
}

static void
what_is_no_tuple_is_refused(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        {"\x02\x00", 2},                                      /* 0 in the form that begins with 2 */
        {"\x02\x01", 2},                                      /* 1 in it */
        {"\x86\x00", 2},                                      /* a tag that is too long */
        {"\x01\x80\x00", 3},                                  /* a number that is too long */
        {"\x05\x81\x00x", 4},                                 /* a size that is too long */
        {"\x05\x02x", 3},                                     /* bytes that are cut */
        {"\x03xxx", 4},                                       /* an F32 that is cut */
        {"\x04xxxxxxx", 8},                                   /* an F64 that is cut */
        {"\x01", 1},                                          /* no number */
        {"\x80", 1},                                          /* half a tag */
        {"\x86\x80\x20", 3},                                  /* column 65,536 */
        {"\xfe\xff\x1f\x06", 4},                              /* one after column 65,535 */
        {"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 11}, /* 65 bits */
        {"\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x", 12},
    };
    struct fi_cell cell;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(fi_tuple_check(firn_bytes(bad[i].bytes, bad[i].size)), FIRN_CORRUPT);
    }
    assert_int_equal(fi_tuple_check(firn_bytes("\xfe\xff\x1f", 3)), FIRN_OK);
    assert_int_equal(fi_tuple_check(firn_bytes(NULL, 0)), FIRN_OK);
    assert_int_equal(fi_tuple_find(firn_bytes(NULL, 0), 3, &cell), FIRN_NOT_FOUND);
    /* Only what lies before a column is looked at. */
    firn_slice tuple = firn_bytes("\x17\x02\x00", 3);
    assert_int_equal(fi_tuple_find(tuple, 1, &cell), FIRN_NOT_FOUND);
    assert_int_equal(fi_tuple_find(tuple, 2, &cell), FIRN_OK);
    assert_int_equal(fi_tuple_find(tuple, 3, &cell), FIRN_CORRUPT);
    assert_int_equal(fi_tuple_find(tuple, 9, &cell), FIRN_CORRUPT);
}

static void
a_writer_without_memory_leaves_the_buffer_as_it_was(void **state)
{
    test_alloc_install();
    struct fi_buf out = {0};
    struct fi_tuple_writer writer;
    uint8_t *large = calloc(1, 4096);
    assert_non_null(large);
    struct fi_cell cell = cell_bytes(large, 4096);
    assert_int_equal(fi_buf_append_str(&out, "abc"), FIRN_OK);
    test_alloc_fail_at(2, true);
    fi_tuple_begin(&writer, &out);
    fi_tuple_add(&writer, 1, &cell);
    fi_tuple_add(&writer, 2, &cell);
    cell.as.bytes.size = 0;
    fi_tuple_add(&writer, 3, &cell);
    assert_int_equal(fi_tuple_end(&writer), FIRN_NO_MEMORY);
    assert_int_equal(out.size, 3);
    assert_memory_equal(out.data, "abc", 3);
    test_alloc_fail_at(0, false);
    fi_buf_deinit(&out);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    free(large);
}

static void
types_have_names_and_ways_to_be_stored(void **state)
{
    for (int type = 1; type <= FIRN_TYPE_MAX; type++) {
        assert_true(fi_physical_of((firn_type)type) >= FI_PHYSICAL_I64);
        assert_true(strlen(firn_type_name((firn_type)type)) > 1);
        for (int other = 0; other < type; other++) {
            assert_string_not_equal(firn_type_name((firn_type)type),
                                    firn_type_name((firn_type)other));
        }
    }
    assert_string_equal(firn_type_name(FIRN_TYPE_I64), "i64");
    assert_string_equal(firn_type_name(FIRN_TYPE_TIMESTAMP), "timestamp");
    assert_string_equal(firn_type_name(FIRN_TYPE_NULL), "null");
    assert_null(firn_type_name((firn_type)(FIRN_TYPE_MAX + 1)));
    assert_int_equal(fi_physical_of(FIRN_TYPE_BOOL), FI_PHYSICAL_U64);
    assert_int_equal(fi_physical_of(FIRN_TYPE_DECIMAL), FI_PHYSICAL_I64);
    assert_int_equal(fi_physical_of(FIRN_TYPE_F32), FI_PHYSICAL_F32);
    assert_int_equal(fi_physical_of(FIRN_TYPE_UUID), FI_PHYSICAL_BYTES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_specification_is_as_it_says),
        cmocka_unit_test(rows_are_read_as_they_were_written),
        cmocka_unit_test(cut_and_flipped_tuples_are_refused_or_other_rows),
        cmocka_unit_test(what_is_no_tuple_is_refused),
        cmocka_unit_test(a_writer_without_memory_leaves_the_buffer_as_it_was),
        cmocka_unit_test(types_have_names_and_ways_to_be_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

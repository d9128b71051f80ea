/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/tuple: tuples and typed keys are what docs/formats/tuple.md says: golden files in tests/formats/tuple,
 * which make_golden.py there made from the specification alone, are what the writer writes, and are read.
 */
#include <math.h>

#include "base/slice.h"
#include "support/test.h"
#include "support/test_file.h"
#include "tuple/tuple.h"

static struct fi_cell
number(int64_t value)
{
    return (struct fi_cell){.kind = FI_PHYSICAL_I64, .as.i64 = value};
}

static struct fi_cell
natural(uint64_t value)
{
    return (struct fi_cell){.kind = FI_PHYSICAL_U64, .as.u64 = value};
}

static struct fi_cell
real(double value)
{
    return (struct fi_cell){.kind = FI_PHYSICAL_F64, .as.f64 = value};
}

static struct fi_cell
bytes(const void *data, size_t size)
{
    return (struct fi_cell){.kind = FI_PHYSICAL_BYTES, .as.bytes = firn_bytes(data, size)};
}

static struct fi_cell
odd_nan(void)
{
    const uint64_t bits = UINT64_C(0x7ff8000000000001);
    struct fi_cell cell = {.kind = FI_PHYSICAL_F64};
    memcpy(&cell.as.f64, &bits, sizeof bits);
    return cell;
}

static void
assert_cell(const struct fi_cell *found, const struct fi_cell *wanted)
{
    assert_int_equal(found->kind, wanted->kind);
    if (wanted->kind == FI_PHYSICAL_BYTES) {
        assert_true(fi_slice_equal(found->as.bytes, wanted->as.bytes));
    } else if (wanted->kind != FI_PHYSICAL_NONE) {
        assert_memory_equal(&found->as, &wanted->as, wanted->kind == FI_PHYSICAL_F32 ? 4 : 8);
    }
}

static void
the_golden_tuple_is_written_and_read(void **state)
{
    uint8_t counting[200];
    for (size_t i = 0; i < sizeof counting; i++) {
        counting[i] = (uint8_t)i;
    }
    const struct fi_cell narrow = {.kind = FI_PHYSICAL_F32, .as.f32 = -1.5F};
    const struct fi_cell null = {.kind = FI_PHYSICAL_NONE};
    const struct {
        uint32_t column;
        struct fi_cell cell;
    } columns[] = {
        {1, number(0)},
        {2, number(-1)},
        {3, number(INT64_MIN)},
        {4, number(INT64_MAX)},
        {5, natural(0)},
        {6, natural(1)},
        {7, natural(2)},
        {8, natural(UINT64_MAX)},
        {20, narrow},
        {21, real(-0.0)},
        {22, odd_nan()},
        {23, null},
        {24, bytes("", 0)},
        {300, bytes("Gr\xc3\xb6\xc3\x9f"
                    "e",
                    7)},
        {301, bytes(counting, sizeof counting)},
        {65535, null},
    };
    const size_t count = sizeof columns / sizeof columns[0];
    struct fi_buf out = {0};
    struct fi_tuple_writer writer;
    struct fi_tuple_reader reader;
    struct fi_cell cell;
    uint32_t column;
    bool is_corrupt;
    fi_tuple_begin(&writer, &out);
    for (size_t i = 0; i < count; i++) {
        fi_tuple_add(&writer, columns[i].column, &columns[i].cell);
    }
    assert_int_equal(fi_tuple_end(&writer), FIRN_OK);
    test_file_compare_golden("tests/formats/tuple/all.tuple", fi_buf_slice(&out));
    assert_int_equal(fi_tuple_check(fi_buf_slice(&out)), FIRN_OK);
    fi_tuple_reader_init(&reader, fi_buf_slice(&out));
    for (size_t i = 0; i < count; i++) {
        assert_true(fi_tuple_next(&reader, &column, &cell, &is_corrupt));
        assert_int_equal(column, columns[i].column);
        assert_cell(&cell, &columns[i].cell);
        assert_int_equal(fi_tuple_find(fi_buf_slice(&out), column, &cell), FIRN_OK);
        assert_cell(&cell, &columns[i].cell);
    }
    assert_false(fi_tuple_next(&reader, &column, &cell, &is_corrupt));
    assert_false(is_corrupt);
    fi_buf_deinit(&out);
}

struct part {
    firn_type type;
    struct fi_cell cell; /* as it is written */
    struct fi_cell read; /* as it comes back */
};

static void
compare_key(const char *path, const struct part *parts, size_t count, bool is_nullable)
{
    struct fi_buf out = {0};
    struct fi_buf memory = {0};
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(fi_tuple_key_add(&out, parts[i].type, is_nullable, &parts[i].cell),
                         FIRN_OK);
    }
    test_file_compare_golden(path, fi_buf_slice(&out));
    firn_slice rest = fi_buf_slice(&out);
    for (size_t i = 0; i < count; i++) {
        struct fi_cell cell;
        fi_buf_clear(&memory);
        assert_int_equal(fi_tuple_key_read(&rest, parts[i].type, is_nullable, &memory, &cell),
                         FIRN_OK);
        assert_cell(&cell, &parts[i].read);
    }
    assert_int_equal(rest.size, 0);
    fi_buf_deinit(&out);
    fi_buf_deinit(&memory);
}

static void
the_golden_keys_are_written_and_read(void **state)
{
    uint8_t uuid[16];
    for (size_t i = 0; i < sizeof uuid; i++) {
        uuid[i] = (uint8_t)i;
    }
    const uint64_t quiet = UINT64_C(0x7ff8000000000000);
    struct fi_cell nan = {.kind = FI_PHYSICAL_F64};
    memcpy(&nan.as.f64, &quiet, sizeof quiet);
    const struct fi_cell null = {.kind = FI_PHYSICAL_NONE};
    const struct part all[] = {
        {FIRN_TYPE_BOOL, natural(1), natural(1)},
        {FIRN_TYPE_I8, number(-5), number(-5)},
        {FIRN_TYPE_U64, natural(UINT64_MAX), natural(UINT64_MAX)},
        {FIRN_TYPE_F64, real(-2.5), real(-2.5)},
        {FIRN_TYPE_F64, real(-0.0), real(0.0)},
        {FIRN_TYPE_F64, odd_nan(), nan},
        {FIRN_TYPE_BLOB, bytes("a\0b", 3), bytes("a\0b", 3)},
        {FIRN_TYPE_TEXT, bytes("", 0), bytes("", 0)},
        {FIRN_TYPE_UUID, bytes(uuid, 16), bytes(uuid, 16)},
    };
    const struct part nullable[] = {
        {FIRN_TYPE_I64, null, null},
        {FIRN_TYPE_TEXT, bytes("Oslo", 4), bytes("Oslo", 4)},
        {FIRN_TYPE_DATE, number(7), number(7)},
        {FIRN_TYPE_BLOB, null, null},
    };
    compare_key("tests/formats/tuple/all.key", all, sizeof all / sizeof all[0], false);
    compare_key("tests/formats/tuple/index.key", nullable, sizeof nullable / sizeof nullable[0],
                true);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_golden_tuple_is_written_and_read),
        cmocka_unit_test(the_golden_keys_are_written_and_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/text: random values, with those at the ends of ranges and the texts that formats find hard.
 */
#include "exchange_fixture.h"

#include "base/slice.h"
#include "support/test.h"

#define COLUMN(text, ...)                            \
    {                                                \
        {(const uint8_t *)(text), sizeof(text) - 1}, \
        {                                            \
            __VA_ARGS__,                             \
            {                                        \
                NULL, 0                              \
            }                                        \
        }                                            \
    }
const struct fi_text_value_column fixture_columns[FIXTURE_COLUMNS] = {
    COLUMN("bool", FIRN_TYPE_BOOL, 0, 0, 0),
    COLUMN("i8", FIRN_TYPE_I8, 0, 0, 0),
    COLUMN("i16", FIRN_TYPE_I16, 0, 0, 0),
    COLUMN("i32", FIRN_TYPE_I32, 0, 0, 0),
    COLUMN("i64", FIRN_TYPE_I64, 0, 0, 0),
    COLUMN("u8", FIRN_TYPE_U8, 0, 0, 0),
    COLUMN("u16", FIRN_TYPE_U16, 0, 0, 0),
    COLUMN("u32", FIRN_TYPE_U32, 0, 0, 0),
    COLUMN("u64", FIRN_TYPE_U64, 0, 0, 0),
    COLUMN("f32", FIRN_TYPE_F32, 0, 0, 0),
    COLUMN("f64", FIRN_TYPE_F64, 0, 0, 0),
    COLUMN("decimal", FIRN_TYPE_DECIMAL, 18, 4, 0),
    COLUMN("date", FIRN_TYPE_DATE, 0, 0, 0),
    COLUMN("timestamp", FIRN_TYPE_TIMESTAMP, 0, 0, 0),
    COLUMN("a \"text\", quoted", FIRN_TYPE_TEXT, 0, 0, 0),
    COLUMN("blob", FIRN_TYPE_BLOB, 0, 0, 0),
    COLUMN("uuid", FIRN_TYPE_UUID, 0, 0, 0),
    COLUMN("vector", FIRN_TYPE_VECTOR, 0, 0, 3),
};

static uint64_t
random_bits(struct test_random *random)
{
    static const uint64_t edges[] = {
        0, 1, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX, UINT64_C(1) << 53};
    uint64_t bits = test_random_next(random);
    switch (test_random_below(random, 4)) {
    case 0:
        return edges[test_random_below(random, sizeof edges / sizeof edges[0])];
    case 1:
        return bits >> test_random_below(random, 64);
    case 2:
        return 0 - (bits >> test_random_below(random, 64));
    default:
        return bits;
    }
}

static firn_slice
random_text(struct test_random *random, struct fi_buf *memory)
{
    static const char *const parts[] = {"a",    "b",        " ",
                                        ",",    ";",        "\"",
                                        "\"\"", "\n",       "\r",
                                        "\r\n", "\\",       "null",
                                        "NULL", "\\N",      "1",
                                        "\t",   "\xc3\xa4", "\xe2\x82\xac",
                                        "{",    "]",        "\xf0\x9f\x98\x80",
                                        "\x01", "\x7f",     "\xef\xbb\xbf",
                                        "'",    "text",     "/",
                                        "\b\f"};
    size_t from = memory->size;
    for (uint64_t i = test_random_below(random, 12); i > 0; i--) {
        const char *part = parts[test_random_below(random, sizeof parts / sizeof parts[0])];
        assert_int_equal(fi_buf_append_str(memory, part), FIRN_OK);
        if (test_random_below(random, 40) == 0) {
            assert_int_equal(fi_buf_append(memory, "", 1), FIRN_OK);
        }
    }
    return firn_bytes(memory->data + from, memory->size - from);
}

static firn_slice
random_bytes(struct test_random *random, struct fi_buf *memory, size_t size)
{
    uint8_t *to = memory->data + memory->size;
    test_random_fill(random, to, size);
    memory->size += size;
    return firn_bytes(to, size);
}

firn_value
fixture_value(struct test_random *random, const struct fi_text_value_type *type,
              struct fi_buf *memory)
{
    firn_value value = firn_null();
    assert_true(memory->capacity - memory->size >= FIXTURE_BYTES_MAX);
    if (test_random_below(random, 8) == 0) {
        return value;
    }
    uint64_t bits = random_bits(random);
    value.type = type->type;
    switch (type->type) {
    case FIRN_TYPE_BOOL:
        value.as.boolean = bits % 2 == 1;
        break;
    case FIRN_TYPE_I8:
        value.as.i64 = (int8_t)bits;
        break;
    case FIRN_TYPE_I16:
        value.as.i64 = (int16_t)bits;
        break;
    case FIRN_TYPE_I32:
        value.as.i64 = (int32_t)bits;
        break;
    case FIRN_TYPE_U8:
        value.as.u64 = (uint8_t)bits;
        break;
    case FIRN_TYPE_U16:
        value.as.u64 = (uint16_t)bits;
        break;
    case FIRN_TYPE_U32:
        value.as.u64 = (uint32_t)bits;
        break;
    case FIRN_TYPE_F32:
        memcpy(&value.as.f32, &bits, sizeof value.as.f32);
        break;
    case FIRN_TYPE_DECIMAL:
        value.as.i64 = (int64_t)bits % INT64_C(1000000000000000000);
        break;
    case FIRN_TYPE_TEXT:
        value.as.bytes = random_text(random, memory);
        break;
    case FIRN_TYPE_BLOB:
        value.as.bytes = random_bytes(random, memory, test_random_below(random, 20));
        break;
    case FIRN_TYPE_UUID:
        value.as.bytes = random_bytes(random, memory, 16);
        break;
    case FIRN_TYPE_VECTOR:
        value.as.bytes = random_bytes(random, memory, 4 * (size_t)type->dimensions);
        break;
    default:
        value.as.u64 = bits;
        break;
    }
    return value;
}

void
fixture_row(struct test_random *random, struct fi_buf *memory, firn_value *out)
{
    fi_buf_clear(memory);
    assert_int_equal(fi_buf_reserve(memory, (size_t)FIXTURE_BYTES_MAX * FIXTURE_COLUMNS), FIRN_OK);
    for (size_t i = 0; i < FIXTURE_COLUMNS; i++) {
        out[i] = fixture_value(random, &fixture_columns[i].type, memory);
    }
}

static bool
f32_equal(const void *a, const void *b)
{
    float left;
    float right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return memcmp(a, b, sizeof left) == 0 || (left != left && right != right);
}

bool
fixture_values_equal(firn_value a, firn_value b)
{
    if (a.type != b.type) {
        return false;
    }
    switch (a.type) {
    case FIRN_TYPE_NULL:
        return true;
    case FIRN_TYPE_BOOL:
        return a.as.boolean == b.as.boolean;
    case FIRN_TYPE_F32:
        return f32_equal(&a.as.f32, &b.as.f32);
    case FIRN_TYPE_F64:
        return a.as.u64 == b.as.u64 || (a.as.f64 != a.as.f64 && b.as.f64 != b.as.f64);
    case FIRN_TYPE_TEXT:
    case FIRN_TYPE_BLOB:
    case FIRN_TYPE_UUID:
        return fi_slice_equal(a.as.bytes, b.as.bytes);
    case FIRN_TYPE_VECTOR:
        if (a.as.bytes.size != b.as.bytes.size) {
            return false;
        }
        for (size_t i = 0; i < a.as.bytes.size; i += 4) {
            if (!f32_equal(a.as.bytes.data + i, b.as.bytes.data + i)) {
                return false;
            }
        }
        return true;
    default:
        return a.as.u64 == b.as.u64;
    }
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chunk: chunks are what docs/formats/chunk.md says: golden files of each encoding in
 * tests/formats/chunk, read for ever. Each has 1,100 values: a whole block and a part of one.
 * tests/formats/chunk/read_chunk.py, written from the specification alone, reads them, too.
 *
 * What the encoder of today makes of the values has the same bytes, but for fsst, whose table of symbols a
 * writer is free to choose. FIRN_TEST_WRITE_GOLDEN=1 makes the files, which is not to be done again once a
 * version was released.
 */
#include <inttypes.h>

#include "unit/chunk/encoding_fixture.h"

#include "base/slice.h"
#include "support/test_file.h"

enum { COUNT = 1100, TEXT_SIZE = 64 };

struct values {
    struct fi_chunk_values values;
    uint64_t valid[COUNT / 64 + 1];
    uint64_t numbers[COUNT];
    float reals[COUNT];
    firn_slice slices[COUNT];
    char texts[COUNT][TEXT_SIZE];
};

/* Value i: its bits, or its text in out. False: null. */
typedef bool (*maker)(size_t i, uint64_t *out, char text[TEXT_SIZE]);

static uint64_t
bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static bool
plain_i64(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    (void)text;
    *out = (uint64_t)((int64_t)(i * 7919 % 1000) * 1000003 - 500);
    return i % 7 != 3;
}

static bool
plain_f32(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    (void)text;
    float value = (float)i * 0.5F - 100;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    *out = i == 5 ? 0x7fc00001 : i == 6 ? 0x80000000 : bits;
    return true;
}

static bool
plain_text(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    (void)out;
    (void)snprintf(text, TEXT_SIZE, "text %zu", i * i);
    return i % 11 != 0;
}

static bool
plain_uuid(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    (void)out;
    for (size_t j = 0; j < 16; j++) {
        text[j] = (char)(uint8_t)(i + j);
    }
    return i != 1050;
}

static bool
constant_f64(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    (void)text;
    *out = bits_of(-0.0);
    return i % 2 == 0;
}

static bool
constant_text(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    (void)i;
    (void)out;
    (void)snprintf(text, TEXT_SIZE, "always the same");
    return true;
}

static bool
no_value(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    (void)i;
    (void)out;
    (void)text;
    return false;
}

static bool
rle_i64(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    (void)text;
    *out = (uint64_t)((int64_t)(i / 100) * 10 - 30);
    return i < 500 || i >= 600;
}

static bool
dictionary_text(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    static const char *const words[] = {"red", "green", "", "blue", "ultramarine, or nearly so"};
    (void)out;
    (void)snprintf(text, TEXT_SIZE, "%s", words[i * i % 5]);
    return i % 13 != 5;
}

static bool
dictionary_f64(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    static const double numbers[] = {3.25, -0.0, 1e300, 0.0, -7.5};
    (void)text;
    *out = i % 100 == 99 ? UINT64_C(0x7ff8000000000001) : bits_of(numbers[i % 5]);
    return true;
}

static bool
frame_u64(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    (void)text;
    *out = (UINT64_C(1) << 63) + 1000 * (i * 31 % 50);
    return i < 1024 ? i % 3 != 0 : false;
}

static bool
delta_i64(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    (void)text;
    *out = UINT64_C(1700000000000000) + i * 1000000 + i * i % 7 * 250;
    return true;
}

static bool
alp_f64(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    (void)text;
    *out = i % 500 == 499 ? bits_of((double)i * 3.14159265358979) : bits_of((double)(i * 37) / 100);
    return i % 17 != 4;
}

static bool
alp_f32(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    (void)text;
    float value = (float)((double)(i * 3) / 10);
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    *out = bits;
    return true;
}

static bool
fsst_text(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    (void)out;
    (void)snprintf(text, TEXT_SIZE, "https://example.org/items/%zu/detail?page=%zu", i * 77, i % 9);
    return i % 19 != 0;
}

static bool
front_text(size_t i, uint64_t *out, char text[TEXT_SIZE])
{
    (void)out;
    (void)snprintf(text, TEXT_SIZE, "customer#%09zu", i * 3);
    return i % 23 != 7;
}

static const struct golden {
    const char *path;
    enum fi_chunk_encoding encoding;
    enum fi_physical kind;
    uint32_t fixed_size;
    maker make;
    bool is_free; /* a writer may make other bytes of the values */
} goldens[] = {
#define GOLDEN(name) "tests/formats/chunk/" name ".chunk"
    {GOLDEN("plain-i64"), FI_ENCODING_PLAIN, FI_PHYSICAL_I64, 0, plain_i64, false},
    {GOLDEN("plain-f32"), FI_ENCODING_PLAIN, FI_PHYSICAL_F32, 0, plain_f32, false},
    {GOLDEN("plain-text"), FI_ENCODING_PLAIN, FI_PHYSICAL_BYTES, 0, plain_text, false},
    {GOLDEN("plain-uuid"), FI_ENCODING_PLAIN, FI_PHYSICAL_BYTES, 16, plain_uuid, false},
    {GOLDEN("constant-f64"), FI_ENCODING_CONSTANT, FI_PHYSICAL_F64, 0, constant_f64, false},
    {GOLDEN("constant-text"), FI_ENCODING_CONSTANT, FI_PHYSICAL_BYTES, 0, constant_text, false},
    {GOLDEN("constant-null"), FI_ENCODING_CONSTANT, FI_PHYSICAL_U64, 0, no_value, false},
    {GOLDEN("rle-i64"), FI_ENCODING_RLE, FI_PHYSICAL_I64, 0, rle_i64, false},
    {GOLDEN("dictionary-text"), FI_ENCODING_DICTIONARY, FI_PHYSICAL_BYTES, 0, dictionary_text,
     false},
    {GOLDEN("dictionary-f64"), FI_ENCODING_DICTIONARY, FI_PHYSICAL_F64, 0, dictionary_f64, false},
    {GOLDEN("frame-u64"), FI_ENCODING_FRAME, FI_PHYSICAL_U64, 0, frame_u64, false},
    {GOLDEN("delta-i64"), FI_ENCODING_DELTA, FI_PHYSICAL_I64, 0, delta_i64, false},
    {GOLDEN("alp-f64"), FI_ENCODING_ALP, FI_PHYSICAL_F64, 0, alp_f64, false},
    {GOLDEN("alp-f32"), FI_ENCODING_ALP, FI_PHYSICAL_F32, 0, alp_f32, false},
    {GOLDEN("fsst-text"), FI_ENCODING_FSST, FI_PHYSICAL_BYTES, 0, fsst_text, true},
    {GOLDEN("front-text"), FI_ENCODING_FRONT, FI_PHYSICAL_BYTES, 0, front_text, false},
};

static void
make_values(const struct golden *golden, struct values *out)
{
    memset(out, 0, sizeof *out);
    out->values = (struct fi_chunk_values){.kind = golden->kind,
                                           .fixed_size = golden->fixed_size,
                                           .count = COUNT,
                                           .valid = out->valid};
    static const uint8_t zeros[16];
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t bits = 0;
        bool is_there = golden->make(i, &bits, out->texts[i]);
        out->valid[i / 64] |= (uint64_t)is_there << i % 64;
        out->numbers[i] = is_there ? bits : 0;
        uint32_t narrow = (uint32_t)out->numbers[i];
        memcpy(&out->reals[i], &narrow, sizeof narrow);
        out->slices[i] =
            golden->fixed_size > 0
                ? firn_bytes(is_there ? (const void *)out->texts[i] : zeros, golden->fixed_size)
            : is_there ? firn_str(out->texts[i])
                       : firn_str("");
    }
    if (golden->kind == FI_PHYSICAL_BYTES) {
        out->values.as.bytes = out->slices;
    } else if (golden->kind == FI_PHYSICAL_F32) {
        out->values.as.f32 = out->reals;
    } else {
        out->values.as.u64 = out->numbers;
    }
}

static void
read_golden(const char *path, struct fi_buf *out)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fi_buf_set_size(out, 1 << 18), FIRN_OK);
    out->size = fread(out->data, 1, out->size, file);
    assert_int_equal(fclose(file), 0);
}

/* What a chunk says is what was put in, bit by bit, as blocks and one by one. */
static void
compare(const struct golden *golden, const struct values *values, firn_slice bytes)
{
    struct fi_chunk chunk;
    struct fi_chunk_scratch scratch = {0};
    firn_error err;
    assert_int_equal(fi_chunk_open(bytes, golden->kind, golden->fixed_size, COUNT, &chunk, &err),
                     FIRN_OK);
    assert_int_equal(chunk.encoding, golden->encoding);
    for (size_t i = 0; i < COUNT; i++) {
        bool is_there = fi_chunk_has_bit(values->valid, i);
        struct fi_cell cell;
        assert_int_equal(fi_chunk_get(&chunk, i, &scratch, &cell, &err), FIRN_OK);
        assert_int_equal(cell.kind, is_there ? golden->kind : FI_PHYSICAL_NONE);
        if (is_there && golden->kind == FI_PHYSICAL_BYTES) {
            assert_true(fi_slice_equal(cell.as.bytes, values->slices[i]));
        } else if (is_there) {
            size_t size = golden->kind == FI_PHYSICAL_F32 ? 4 : 8;
            assert_memory_equal(&cell.as, &values->numbers[i], size);
        }
    }
    for (size_t block = 0; block < 2; block++) {
        struct fi_chunk_values read;
        assert_int_equal(fi_chunk_read_block(&chunk, block, NULL, &scratch, &read, &err), FIRN_OK);
        assert_int_equal(read.count, block == 0 ? 1024 : COUNT - 1024);
    }
    fi_chunk_scratch_deinit(&scratch);
}

static void
golden_chunks_are_read_for_ever(void **state)
{
    static struct values values;
    unsigned seen = 0;
    for (size_t i = 0; i < sizeof goldens / sizeof goldens[0]; i++) {
        const struct golden *golden = &goldens[i];
        struct fi_buf made = {0};
        struct fi_buf bytes = {0};
        make_values(golden, &values);
        assert_int_equal(fi_chunk_encode_as(&values.values, golden->encoding, &made, NULL, NULL),
                         FIRN_OK);
        compare(golden, &values, fi_buf_slice(&made));
        if (!golden->is_free || getenv("FIRN_TEST_WRITE_GOLDEN") != NULL) {
            test_file_compare_golden(golden->path, fi_buf_slice(&made));
        }
        read_golden(golden->path, &bytes);
        compare(golden, &values, fi_buf_slice(&bytes));
        seen |= 1u << golden->encoding;
        fi_buf_deinit(&made);
        fi_buf_deinit(&bytes);
    }
    assert_int_equal(seen, (2u << FI_ENCODING_FRONT) - 2); /* each encoding */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_chunks_are_read_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

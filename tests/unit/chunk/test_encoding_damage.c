/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chunk: chunks that are cut, have bits flipped, or lie on purpose, are answered or refused, and never
 * read beyond their bytes.
 */
#include "unit/chunk/encoding_fixture.h"

#include "support/test_alloc.h"
#include "unit/chunk/encoding_walk.h"

/* A copy of exactly that size, so that a sanitizer sees a read beyond it. */
static bool
walk_copy(const uint8_t *bytes, size_t size, const struct fi_chunk_values *values)
{
    uint8_t *copy = malloc(size + (size == 0));
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    bool is_open = encoding_walk(firn_bytes(copy, size), values->kind, values->fixed_size,
                                 (uint32_t)values->count);
    free(copy);
    return is_open;
}

static void
damage(const struct sample *sample, unsigned encoding, struct test_random *random)
{
    struct fi_buf out = {0};
    const struct fi_chunk_values *values = &sample->values;
    int rc = fi_chunk_encode_as(values, (enum fi_chunk_encoding)encoding, &out, NULL, NULL);
    if (rc == FIRN_INVALID) {
        return;
    }
    assert_int_equal(rc, FIRN_OK);
    assert_true(walk_copy(out.data, out.size, values));
    /* Nothing may be missing, nor follow. */
    size_t step = out.size / 300 + 1;
    for (size_t size = 0; size < out.size; size += size < 200 ? 1 : step) {
        assert_false(walk_copy(out.data, size, values));
    }
    assert_int_equal(fi_buf_append(&out, "", 1), FIRN_OK);
    assert_false(walk_copy(out.data, out.size, values));
    out.size--;
    for (size_t i = 0; i < 400; i++) {
        size_t at = i < 160 ? i % out.size : test_random_below(random, out.size);
        uint8_t before = out.data[at];
        out.data[at] = i % 3 == 0   ? 0xff
                       : i % 3 == 1 ? (uint8_t)(before ^ 1U << test_random_below(random, 8))
                                    : (uint8_t)test_random_next(random);
        walk_copy(out.data, out.size, values);
        out.data[at] = before;
    }
    fi_buf_deinit(&out);
}

static void
damaged_chunks_are_answered_or_refused(void **state)
{
    struct test_random random;
    static const struct {
        enum fi_physical kind;
        uint32_t fixed_size;
    } kinds[] = {{FI_PHYSICAL_I64, 0}, {FI_PHYSICAL_U64, 0},   {FI_PHYSICAL_F32, 0},
                 {FI_PHYSICAL_F64, 0}, {FI_PHYSICAL_BYTES, 0}, {FI_PHYSICAL_BYTES, 16}};
    static const size_t counts[] = {1, 40, 1024, 1100};
    test_random_init(&random, "damage", 5);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            for (unsigned encoding = 1; encoding <= FI_ENCODING_FRONT; encoding++) {
                struct sample sample;
                sample_make(&sample, &random, kinds[k].kind, kinds[k].fixed_size,
                            (unsigned)test_random_below(&random, SAMPLE_SHAPES),
                            (enum sample_nulls)(c % 2 == 0 ? 0 : SAMPLE_NULLS_FEW), counts[c]);
                damage(&sample, encoding, &random);
                sample_deinit(&sample);
            }
        }
    }
}

/* ---- lies ---- */

static int
open_and_read(const uint8_t *bytes, size_t size, enum fi_physical kind, uint32_t count)
{
    struct fi_chunk chunk;
    struct fi_chunk_scratch scratch = {0};
    struct fi_chunk_values values;
    int rc = fi_chunk_open(firn_bytes(bytes, size), kind, 0, count, &chunk, NULL);
    if (rc == FIRN_OK) {
        rc = fi_chunk_read_block(&chunk, 0, NULL, &scratch, &values, NULL);
    }
    fi_chunk_scratch_deinit(&scratch);
    return rc;
}

static void
lying_numbers_are_refused(void **state)
{
    /* FRAME: 2 values of U64; end 2, width 8, codes 0 to 255; 00 ff. */
    static const uint8_t frame[] = {5, 2, 0, 1, 2, 0, 0, 0, 10, 0, 0, 0, 0, 0,   0, 0, 1,
                                    0, 0, 0, 0, 0, 0, 0, 2, 0,  0, 0, 8, 0, 255, 0, 0, 255};
    uint8_t lie[sizeof frame];
    static const struct {
        size_t at;
        uint8_t byte;
        int rc;
    } lies[] = {
        {0, 77, FIRN_NEWER},   {0, 0, FIRN_NEWER},    {1, 1, FIRN_CORRUPT},  {2, 1, FIRN_CORRUPT},
        {2, 2, FIRN_CORRUPT},  {2, 4, FIRN_CORRUPT},  {3, 9, FIRN_CORRUPT},  {4, 3, FIRN_CORRUPT},
        {16, 0, FIRN_CORRUPT}, {24, 1, FIRN_CORRUPT}, {24, 3, FIRN_CORRUPT}, {28, 65, FIRN_CORRUPT},
        {28, 9, FIRN_CORRUPT}, {28, 3, FIRN_CORRUPT}, {30, 255, FIRN_OK},    {31, 1, FIRN_CORRUPT}};
    assert_int_equal(open_and_read(frame, sizeof frame, FI_PHYSICAL_U64, 2), FIRN_OK);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        memcpy(lie, frame, sizeof lie);
        lie[lies[i].at] = lies[i].byte;
        assert_int_equal(open_and_read(lie, sizeof lie, FI_PHYSICAL_U64, 2), lies[i].rc);
    }
    assert_int_equal(open_and_read(frame, sizeof frame, FI_PHYSICAL_U64, 3), FIRN_CORRUPT);
    assert_int_equal(open_and_read(frame, sizeof frame, FI_PHYSICAL_I64, 2), FIRN_CORRUPT);
}

/* Found when the chunk is opened, before a block is read. */
static void
blocks_that_end_before_they_begin_are_refused(void **state)
{
    struct sample sample;
    struct fi_buf out = {0};
    struct fi_chunk chunk;
    struct test_random random = {1};
    sample_make(&sample, &random, FI_PHYSICAL_I64, 0, 0, SAMPLE_NULLS_NONE, 3000);
    assert_int_equal(fi_chunk_encode_as(&sample.values, FI_ENCODING_PLAIN, &out, NULL, NULL),
                     FIRN_OK);
    assert_int_equal(fi_chunk_open(fi_buf_slice(&out), FI_PHYSICAL_I64, 0, 3000, &chunk, NULL),
                     FIRN_OK);
    uint8_t *first = out.data + chunk.parts.records;
    uint8_t *second = first + chunk.parts.record_size;
    uint32_t end = fi_load_le32(first);
    fi_store_le32(first, fi_load_le32(second));
    fi_store_le32(second, end);
    assert_int_equal(fi_chunk_open(fi_buf_slice(&out), FI_PHYSICAL_I64, 0, 3000, &chunk, NULL),
                     FIRN_CORRUPT);
    fi_buf_deinit(&out);
    sample_deinit(&sample);
}

/* Found by who reads that value alone, too. */
static void
a_value_that_is_longer_than_its_block_says_is_refused(void **state)
{
    static const char *const texts[] = {
        "https://example.org/items/1/https://example.org/items/2/https://example.org/items/3"};
    struct sample sample;
    struct fi_buf out = {0};
    struct fi_chunk chunk;
    struct fi_chunk_scratch scratch = {0};
    struct fi_cell cell;
    sample_of_texts(&sample, texts, 1);
    assert_int_equal(fi_chunk_encode_as(&sample.values, FI_ENCODING_FSST, &out, NULL, NULL),
                     FIRN_OK);
    assert_int_equal(fi_chunk_open(fi_buf_slice(&out), FI_PHYSICAL_BYTES, 0, 1, &chunk, NULL),
                     FIRN_OK);
    assert_int_equal(fi_chunk_get(&chunk, 0, &scratch, &cell, NULL), FIRN_OK);
    assert_int_equal(cell.as.bytes.size, strlen(texts[0]));
    for (uint32_t less = 1; less <= 8; less++) {
        fi_store_le32(out.data + chunk.parts.data, (uint32_t)strlen(texts[0]) - less);
        assert_int_equal(fi_chunk_get(&chunk, 0, &scratch, &cell, NULL), FIRN_CORRUPT);
    }
    fi_chunk_scratch_deinit(&scratch);
    fi_buf_deinit(&out);
    sample_deinit(&sample);
}

/* A chunk of 1,024 texts that says they are as long as it likes takes no memory for them. */
static void
declared_sizes_take_no_memory(void **state)
{
    static const unsigned encodings[] = {FI_ENCODING_FSST, FI_ENCODING_FRONT};
    for (size_t e = 0; e < 2; e++) {
        struct sample sample;
        struct fi_buf out = {0};
        struct test_random random = {1};
        sample_make(&sample, &random, FI_PHYSICAL_BYTES, 0, 1, SAMPLE_NULLS_NONE, 1024);
        test_alloc_install();
        test_alloc_fail_at(0, false);
        assert_int_equal(fi_chunk_encode_as(&sample.values, (enum fi_chunk_encoding)encodings[e],
                                            &out, NULL, NULL),
                         FIRN_OK);
        struct fi_chunk chunk;
        assert_int_equal(
            fi_chunk_open(fi_buf_slice(&out), FI_PHYSICAL_BYTES, 0, 1024, &chunk, NULL), FIRN_OK);
        uint8_t *raw_size = out.data + chunk.parts.data;
        test_alloc_fail_at(0, false);
        fi_store_le32(raw_size, UINT32_MAX);
        assert_int_equal(open_and_read(out.data, out.size, FI_PHYSICAL_BYTES, 1024), FIRN_CORRUPT);
        fi_store_le32(raw_size, FI_CHUNK_BYTES_MAX);
        assert_int_equal(open_and_read(out.data, out.size, FI_PHYSICAL_BYTES, 1024), FIRN_CORRUPT);
        assert_true(test_alloc_bytes() < UINT64_C(160) << 20);
        fi_buf_deinit(&out);
        assert_int_equal(test_alloc_alive(), 0);
        test_alloc_uninstall();
        sample_deinit(&sample);
    }
}

/* ---- memory ---- */

static void
memory_that_runs_out_leaves_nothing_behind(void **state)
{
    static const enum fi_physical kinds[] = {FI_PHYSICAL_I64, FI_PHYSICAL_F64, FI_PHYSICAL_BYTES};
    for (size_t k = 0; k < 3; k++) {
        for (unsigned encoding = 0; encoding <= FI_ENCODING_FRONT; encoding++) {
            struct sample sample;
            struct test_random random = {encoding + 1};
            sample_make(&sample, &random, kinds[k], 0, 2, SAMPLE_NULLS_FEW, 3000);
            int rc = FIRN_NO_MEMORY;
            for (uint64_t n = 1; rc == FIRN_NO_MEMORY; n++) {
                struct fi_buf out = {0};
                struct fi_chunk chunk;
                struct fi_chunk_values values;
                struct fi_chunk_scratch scratch = {0};
                firn_error err;
                test_alloc_install();
                test_alloc_fail_at(n, n % 2 == 0);
                rc = encoding == 0
                         ? fi_chunk_encode(&sample.values, &out, NULL, &err)
                         : fi_chunk_encode_as(&sample.values, (enum fi_chunk_encoding)encoding,
                                              &out, NULL, &err);
                assert_true(rc == FIRN_OK || out.size == 0);
                for (size_t block = 0; rc == FIRN_OK && block < 3; block++) {
                    rc = fi_chunk_open(fi_buf_slice(&out), kinds[k], 0, 3000, &chunk, &err);
                    assert_int_equal(rc, FIRN_OK);
                    rc = fi_chunk_read_block(&chunk, block, NULL, &scratch, &values, &err);
                }
                fi_chunk_scratch_deinit(&scratch);
                fi_buf_deinit(&out);
                assert_int_equal(test_alloc_alive(), 0);
                test_alloc_uninstall();
            }
            assert_true(rc == FIRN_OK || rc == FIRN_INVALID);
            sample_deinit(&sample);
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_chunks_are_answered_or_refused),
        cmocka_unit_test(lying_numbers_are_refused),
        cmocka_unit_test(blocks_that_end_before_they_begin_are_refused),
        cmocka_unit_test(a_value_that_is_longer_than_its_block_says_is_refused),
        cmocka_unit_test(declared_sizes_take_no_memory),
        cmocka_unit_test(memory_that_runs_out_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

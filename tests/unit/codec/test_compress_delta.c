/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/codec: new content against old: round trips, what it saves, limits, damaged input, failed
 * allocations.
 */
#include "base/buf.h"
#include "base/bytes.h"
#include "codec/compress.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"

static struct fi_compress *
create(void)
{
    firn_error err;
    struct fi_compress *context = NULL;
    assert_int_equal(fi_compress_create(&context, &err), FIRN_OK);
    return context;
}

static uint8_t *
make_noise(struct test_random *random, size_t size)
{
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    test_random_fill(random, bytes, size);
    return bytes;
}

/* A copy of bytes in memory of exactly its size, with one byte in every `distance` another. */
static uint8_t *
edit(const uint8_t *bytes, size_t size, size_t distance)
{
    uint8_t *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    for (size_t at = distance / 2; at < size; at += distance) {
        copy[at] ^= 0x55;
    }
    return copy;
}

static int
decode(struct fi_compress *context, firn_slice base, firn_slice frame, size_t raw_size,
       const void *expected)
{
    firn_error err;
    uint8_t *raw = malloc(raw_size == 0 ? 1 : raw_size);
    assert_non_null(raw);
    int rc = fi_compress_delta_decode(context, base, frame, raw, raw_size, &err);
    if (rc == FIRN_OK && expected != NULL) {
        assert_memory_equal(raw, expected, raw_size);
    }
    free(raw);
    return rc;
}

static void
new_content_takes_what_is_new_in_it(void **state)
{
    firn_error err;
    struct test_random random;
    test_random_init(&random, "new_content", 31);
    struct fi_compress *context = create();
    struct fi_buf frame = {0};
    struct fi_buf other = {0};
    static const size_t sizes[] = {1, 100, 5000, 300000, 900000, 6000000, 16 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t size = sizes[i];
        uint8_t *old = make_noise(&random, size);
        uint8_t *new = edit(old, size, 50000);
        firn_slice base = firn_bytes(old, size);
        bool fits;
        assert_int_equal(fi_compress_delta_encode(context, base, firn_bytes(new, size), size + 64,
                                                  &frame, &fits, &err),
                         FIRN_OK);
        assert_true(fits);
        assert_true(size < 5000 || frame.size < size / 300 + 100);
        firn_slice stored = fi_buf_slice(&frame);
        assert_int_equal(decode(context, base, stored, size, new), FIRN_OK);
        assert_int_equal(decode(context, base, stored, size + 1, NULL), FIRN_CORRUPT);
        assert_int_equal(decode(context, base, stored, size - 1, NULL), FIRN_CORRUPT);
        /* The same context compresses without a base as before. */
        assert_int_equal(fi_compress_encode(context, FI_CODEC_ZSTD, 1, base, &other, &err),
                         FIRN_OK);
        uint8_t *again = malloc(size);
        assert_int_equal(
            fi_compress_decode(context, FI_CODEC_ZSTD, fi_buf_slice(&other), again, size, &err),
            FIRN_OK);
        assert_memory_equal(again, old, size);
        free(again);
        free(old);
        free(new);
    }
    fi_buf_deinit(&frame);
    fi_buf_deinit(&other);
    fi_compress_destroy(context);
}

static void
a_base_that_looks_like_a_dictionary_is_bytes(void **state)
{
    firn_error err;
    struct test_random random;
    test_random_init(&random, "dictionary", 32);
    struct fi_compress *context = create();
    struct fi_buf frame = {0};
    enum { SIZE = 3000 };
    uint8_t *old = make_noise(&random, SIZE);
    fi_store_le32(old, 0xec30a437);
    uint8_t *new = edit(old, SIZE, 1000);
    bool fits;
    assert_int_equal(fi_compress_delta_encode(context, firn_bytes(old, SIZE), firn_bytes(new, SIZE),
                                              SIZE, &frame, &fits, &err),
                     FIRN_OK);
    assert_true(fits && frame.size < 100);
    assert_int_equal(decode(context, firn_bytes(old, SIZE), fi_buf_slice(&frame), SIZE, new),
                     FIRN_OK);
    free(old);
    free(new);
    fi_buf_deinit(&frame);
    fi_compress_destroy(context);
}

static void
what_would_be_too_much_does_not_fit(void **state)
{
    firn_error err;
    struct test_random random;
    test_random_init(&random, "too_much", 33);
    struct fi_compress *context = create();
    struct fi_buf frame = {0};
    enum { SIZE = 10000 };
    uint8_t *old = make_noise(&random, SIZE);
    uint8_t *new = make_noise(&random, SIZE);
    uint8_t *near = edit(old, SIZE, 5000);
    bool fits = true;
    assert_int_equal(fi_compress_delta_encode(context, firn_bytes(old, SIZE), firn_bytes(new, SIZE),
                                              SIZE / 2, &frame, &fits, &err),
                     FIRN_OK);
    assert_false(fits);
    for (size_t size_max = 0; size_max < 16; size_max++) {
        assert_int_equal(fi_compress_delta_encode(context, firn_bytes(old, SIZE),
                                                  firn_bytes(near, SIZE), size_max, &frame, &fits,
                                                  &err),
                         FIRN_OK);
        assert_false(fits);
    }
    /* The context is as good as new. */
    assert_int_equal(fi_compress_delta_encode(context, firn_bytes(old, SIZE),
                                              firn_bytes(near, SIZE), SIZE, &frame, &fits, &err),
                     FIRN_OK);
    assert_true(fits);
    assert_int_equal(decode(context, firn_bytes(old, SIZE), fi_buf_slice(&frame), SIZE, near),
                     FIRN_OK);
    free(old);
    free(new);
    free(near);
    fi_buf_deinit(&frame);
    fi_compress_destroy(context);
}

static void
damaged_frames_and_wrong_bases_never_overrun(void **state)
{
    firn_error err;
    struct test_random random;
    test_random_init(&random, "damaged_deltas", 34);
    struct fi_compress *context = create();
    struct fi_buf frame = {0};
    enum { SIZE = 4000 };
    uint8_t *old = make_noise(&random, SIZE);
    uint8_t *new = edit(old, SIZE, 700);
    firn_slice base = firn_bytes(old, SIZE);
    bool fits;
    assert_int_equal(
        fi_compress_delta_encode(context, base, firn_bytes(new, SIZE), SIZE, &frame, &fits, &err),
        FIRN_OK);
    assert_true(fits);
    for (size_t i = 0; i < frame.size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            frame.data[i] ^= (uint8_t)(1 << bit);
            int rc = decode(context, base, fi_buf_slice(&frame), SIZE, NULL);
            assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
            frame.data[i] ^= (uint8_t)(1 << bit);
        }
        assert_int_equal(decode(context, base, firn_bytes(frame.data, i), SIZE, NULL),
                         FIRN_CORRUPT);
    }
    for (size_t size = 1; size < SIZE; size += 13) {
        uint8_t *shorter = malloc(size);
        assert_non_null(shorter);
        memcpy(shorter, old, size);
        int rc = decode(context, firn_bytes(shorter, size), fi_buf_slice(&frame), SIZE, NULL);
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
        free(shorter);
    }
    /* After all that the next frame is read with its own base. */
    assert_int_equal(decode(context, base, fi_buf_slice(&frame), SIZE, new), FIRN_OK);
    free(old);
    free(new);
    fi_buf_deinit(&frame);
    fi_compress_destroy(context);
}

static int
encode_and_decode(firn_slice base, firn_slice content, uint8_t *raw)
{
    firn_error err;
    struct fi_compress *context = NULL;
    struct fi_buf frame = {0};
    bool fits = false;
    int rc = fi_compress_create(&context, &err);
    if (rc == FIRN_OK) {
        rc = fi_compress_delta_encode(context, base, content, content.size, &frame, &fits, &err);
    }
    if (rc == FIRN_OK) {
        assert_true(fits);
        rc = fi_compress_delta_decode(context, base, fi_buf_slice(&frame), raw, content.size, &err);
    }
    fi_buf_deinit(&frame);
    fi_compress_destroy(context);
    return rc;
}

static void
every_failed_allocation_is_reported(void **state)
{
    struct test_random random;
    test_random_init(&random, "failed_allocations_of_deltas", 35);
    enum { SIZE = 1 << 20 };
    uint8_t *old = make_noise(&random, SIZE);
    uint8_t *new = edit(old, SIZE, 30000);
    uint8_t *raw = malloc(SIZE);
    assert_non_null(raw);
    int rc = FIRN_NO_MEMORY;
    uint64_t n = 0;
    while (rc != FIRN_OK) {
        n++;
        assert_true(n < 1000);
        test_alloc_install();
        test_alloc_fail_at(n, false);
        rc = encode_and_decode(firn_bytes(old, SIZE), firn_bytes(new, SIZE), raw);
        assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
        assert_int_equal(test_alloc_alive(), 0);
        test_alloc_uninstall();
    }
    assert_true(n > 4);
    assert_memory_equal(raw, new, SIZE);
    free(raw);
    free(old);
    free(new);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_content_takes_what_is_new_in_it),
        cmocka_unit_test(a_base_that_looks_like_a_dictionary_is_bytes),
        cmocka_unit_test(what_would_be_too_much_does_not_fit),
        cmocka_unit_test(damaged_frames_and_wrong_bases_never_overrun),
        cmocka_unit_test(every_failed_allocation_is_reported),
    };
    return cmocka_run_group_tests_name("compress_delta", tests, NULL, NULL);
}

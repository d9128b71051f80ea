/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/codec: zstd and LZ4 in one call and in pieces: round trips, foreign frames, damaged input,
 * failed allocations.
 */
#include "base/buf.h"
#include "base/bytes.h"
#include "codec/compress.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"

static const enum fi_codec codecs[] = {FI_CODEC_NONE, FI_CODEC_LZ4, FI_CODEC_ZSTD};
enum { CODEC_COUNT = 3 };

/* The same 40 bytes as zstd 1.5.4's command line wrote them (from a file without checksum; from
 * a pipe, so with a window and no size, with checksum) and as an LZ4 block put together by hand
 * from doc/lz4_Block_format.md: five literals, a match of 30 at distance 5, five literals. */
static const char verse[] = "firn firn firn firn firn firn firn firn\n";
enum { VERSE_SIZE = 40 };
static const uint8_t verse_zstd[] = {0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x28, 0x65,
                                     0x00, 0x00, 0x30, 0x66, 0x69, 0x72, 0x6e,
                                     0x20, 0x0a, 0x01, 0x00, 0x70, 0x8a, 0x16};
static const uint8_t verse_zstd_stream[] = {0x28, 0xb5, 0x2f, 0xfd, 0x04, 0x58, 0x65, 0x00, 0x00,
                                            0x30, 0x66, 0x69, 0x72, 0x6e, 0x20, 0x0a, 0x01, 0x00,
                                            0x70, 0x8a, 0x16, 0xd6, 0xd8, 0x36, 0x1a};
static const uint8_t verse_lz4[] = {0x5f, 'f',  'i', 'r', 'n', ' ', 0x05, 0x00,
                                    0x0b, 0x50, 'f', 'i', 'r', 'n', '\n'};

static struct fi_compress *
create(void)
{
    firn_error err;
    struct fi_compress *context = NULL;
    assert_int_equal(fi_compress_create(&context, &err), FIRN_OK);
    return context;
}

/* Bytes of which every second 16 repeat the 16 before. */
static uint8_t *
make_input(struct test_random *random, size_t size)
{
    uint8_t *bytes = malloc(size == 0 ? 1 : size);
    assert_non_null(bytes);
    test_random_fill(random, bytes, size);
    for (size_t i = 16; i + 16 <= size; i += 32) {
        memcpy(bytes + i, bytes + i - 16, 16);
    }
    return bytes;
}

/* Decodes into memory of exactly raw_size bytes, so that a sanitizer sees a write past it. */
static int
decode(struct fi_compress *context, enum fi_codec codec, firn_slice input, size_t raw_size,
       const void *expected)
{
    uint8_t *raw = malloc(raw_size == 0 ? 1 : raw_size);
    assert_non_null(raw);
    firn_error err;
    int rc = fi_compress_decode(context, codec, input, raw, raw_size, &err);
    if (rc == FIRN_OK && expected != NULL) {
        assert_memory_equal(raw, expected, raw_size);
    }
    free(raw);
    return rc;
}

static void
blocks_round_trip_in_a_reused_context(void **state)
{
    test_alloc_install();
    struct test_random random;
    test_random_init(&random, "blocks_round_trip", 21);
    struct fi_compress *context = create();
    struct fi_buf stored = {0};
    static const size_t sizes[] = {0, 1, 15, 4096, 65535, 65536, 65537, 700000, 3};
    static const int levels[] = {-5, FI_COMPRESS_LEVEL_QUICK, 1, 3, 9};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        uint8_t *raw = make_input(&random, sizes[s]);
        for (size_t c = 0; c < CODEC_COUNT; c++) {
            for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
                firn_error err;
                firn_slice input = firn_bytes(sizes[s] == 0 ? NULL : raw, sizes[s]);
                assert_int_equal(
                    fi_compress_encode(context, codecs[c], levels[l], input, &stored, &err),
                    FIRN_OK);
                if (sizes[s] >= 65536 && codecs[c] != FI_CODEC_NONE) {
                    assert_true(stored.size < sizes[s] * 9 / 10);
                }
                firn_slice slice = fi_buf_slice(&stored);
                assert_int_equal(decode(context, codecs[c], slice, sizes[s], raw), FIRN_OK);
                assert_int_equal(decode(context, codecs[c], slice, sizes[s] + 1, NULL),
                                 FIRN_CORRUPT);
                if (sizes[s] > 0) {
                    assert_int_equal(decode(context, codecs[c], slice, sizes[s] - 1, NULL),
                                     FIRN_CORRUPT);
                    slice.size--;
                    assert_int_equal(decode(context, codecs[c], slice, sizes[s], NULL),
                                     FIRN_CORRUPT);
                }
            }
        }
        free(raw);
    }
    fi_buf_deinit(&stored);
    fi_compress_destroy(context);
    fi_compress_destroy(NULL);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* What one level sets up does not stay for the next. */
static void
a_level_leaves_nothing_behind(void **state)
{
    enum { SIZE = 400000 };
    static const int levels[] = {FI_COMPRESS_LEVEL_QUICK, 1, 3, FI_COMPRESS_LEVEL_QUICK, 3, 1};
    struct test_random random;
    test_random_init(&random, "a_level_leaves_nothing_behind", 22);
    struct fi_compress *reused = create();
    struct fi_buf first = {0};
    struct fi_buf second = {0};
    size_t sizes[4] = {0};
    uint8_t *raw = malloc(SIZE);
    assert_non_null(raw);
    for (size_t i = 0; i < SIZE; i++) { /* words of a small dictionary */
        uint64_t word = test_random_below(&random, 1000) * 0x9e3779b97f4a7c15u;
        size_t length = 3 + word % 7;
        for (size_t k = 0; k < length && i < SIZE; k++) {
            raw[i++] = (uint8_t)('a' + (word >> (5 * k)) % 26);
        }
        if (i < SIZE) {
            raw[i] = ' ';
        }
    }
    for (size_t l = 0; l < sizeof levels / sizeof *levels; l++) {
        firn_error err;
        firn_slice input = firn_bytes(raw, SIZE);
        struct fi_compress *fresh = create();
        assert_int_equal(fi_compress_encode(reused, FI_CODEC_ZSTD, levels[l], input, &first, &err),
                         FIRN_OK);
        assert_int_equal(fi_compress_encode(fresh, FI_CODEC_ZSTD, levels[l], input, &second, &err),
                         FIRN_OK);
        assert_int_equal(first.size, second.size);
        assert_memory_equal(first.data, second.data, first.size);
        sizes[levels[l]] = first.size;
        fi_compress_destroy(fresh);
    }
    assert_true(sizes[FI_COMPRESS_LEVEL_QUICK] < sizes[1]);
    free(raw);
    fi_buf_deinit(&first);
    fi_buf_deinit(&second);
    fi_compress_destroy(reused);
}

static void
frames_of_others_are_read(void **state)
{
    struct fi_compress *context = create();
    assert_int_equal(decode(context, FI_CODEC_ZSTD, firn_bytes(verse_zstd, sizeof verse_zstd),
                            VERSE_SIZE, verse),
                     FIRN_OK);
    assert_int_equal(decode(context, FI_CODEC_ZSTD,
                            firn_bytes(verse_zstd_stream, sizeof verse_zstd_stream), VERSE_SIZE,
                            verse),
                     FIRN_OK);
    assert_int_equal(
        decode(context, FI_CODEC_LZ4, firn_bytes(verse_lz4, sizeof verse_lz4), VERSE_SIZE, verse),
        FIRN_OK);
    fi_compress_destroy(context);
}

static void
only_one_frame_is_one_frame(void **state)
{
    struct fi_compress *context = create();
    uint8_t bytes[2 * sizeof verse_zstd + 16];
    memcpy(bytes, verse_zstd, sizeof verse_zstd);
    memcpy(bytes + sizeof verse_zstd, verse_zstd, sizeof verse_zstd);
    /* Two frames; a frame and a byte; a skippable frame before it; the magic number of zstd 0.7;
     * nothing. */
    assert_int_equal(decode(context, FI_CODEC_ZSTD, firn_bytes(bytes, 2 * sizeof verse_zstd),
                            2 * VERSE_SIZE, NULL),
                     FIRN_CORRUPT);
    assert_int_equal(
        decode(context, FI_CODEC_ZSTD, firn_bytes(bytes, sizeof verse_zstd + 1), VERSE_SIZE, NULL),
        FIRN_CORRUPT);
    static const uint8_t skippable[8] = {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
    memcpy(bytes, skippable, sizeof skippable);
    memcpy(bytes + sizeof skippable, verse_zstd, sizeof verse_zstd);
    assert_int_equal(decode(context, FI_CODEC_ZSTD,
                            firn_bytes(bytes, sizeof skippable + sizeof verse_zstd), VERSE_SIZE,
                            NULL),
                     FIRN_CORRUPT);
    assert_int_equal(decode(context, FI_CODEC_ZSTD, firn_bytes(skippable, 8), 0, NULL),
                     FIRN_CORRUPT);
    memcpy(bytes, verse_zstd, sizeof verse_zstd);
    bytes[0] = 0x27;
    assert_int_equal(
        decode(context, FI_CODEC_ZSTD, firn_bytes(bytes, sizeof verse_zstd), VERSE_SIZE, NULL),
        FIRN_CORRUPT);
    for (size_t c = 1; c < CODEC_COUNT; c++) {
        assert_int_equal(decode(context, codecs[c], firn_bytes(NULL, 0), 0, NULL), FIRN_CORRUPT);
    }
    assert_int_equal(decode(context, (enum fi_codec)3, firn_bytes(bytes, 9), 9, NULL),
                     FIRN_CORRUPT);
    struct fi_buf out = {0};
    firn_error err;
    assert_int_equal(fi_compress_encode(context, (enum fi_codec)3, 1, firn_str("x"), &out, &err),
                     FIRN_INVALID);
    fi_compress_destroy(context);
}

static void
declared_sizes_are_not_believed(void **state)
{
    test_alloc_install();
    struct fi_compress *context = create();
    /* A frame header that declares 2^40 bytes in one segment, then the blocks of the verse. */
    uint8_t bytes[64];
    fi_store_le32(bytes, 0xfd2fb528);
    bytes[4] = 0xe0;
    fi_store_le64(bytes + 5, UINT64_C(1) << 40);
    memcpy(bytes + 13, verse_zstd + 6, sizeof verse_zstd - 6);
    size_t size = 13 + sizeof verse_zstd - 6;
    assert_int_equal(decode(context, FI_CODEC_ZSTD, firn_bytes(bytes, size), VERSE_SIZE, NULL),
                     FIRN_CORRUPT);
    struct fi_compress_stream *stream = NULL;
    firn_error err;
    assert_int_equal(fi_compress_stream_create(1000, &stream, &err), FIRN_OK);
    assert_int_equal(fi_compress_stream_feed(stream, firn_bytes(bytes, size), NULL, NULL, &err),
                     FIRN_CORRUPT);
    assert_int_equal(fi_compress_stream_finish(stream, &err), FIRN_FAILED);
    fi_compress_stream_destroy(stream);
    fi_compress_destroy(context);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
damaged_blocks_never_overrun(void **state)
{
    struct test_random random;
    test_random_init(&random, "damaged_blocks", 22);
    struct fi_compress *context = create();
    struct fi_buf stored = {0};
    enum { RAW_SIZE = 3000 };
    uint8_t *raw = make_input(&random, RAW_SIZE);
    for (size_t c = 1; c < CODEC_COUNT; c++) {
        firn_error err;
        assert_int_equal(
            fi_compress_encode(context, codecs[c], 3, firn_bytes(raw, RAW_SIZE), &stored, &err),
            FIRN_OK);
        for (size_t i = 0; i < stored.size; i++) {
            for (int bit = 0; bit < 8; bit++) {
                stored.data[i] ^= (uint8_t)(1 << bit);
                /* A changed literal is not for the codec to find; memory safety is. */
                int rc = decode(context, codecs[c], fi_buf_slice(&stored), RAW_SIZE, NULL);
                assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
                stored.data[i] ^= (uint8_t)(1 << bit);
            }
        }
        for (size_t size = 0; size < stored.size; size++) {
            uint8_t *cut = malloc(size == 0 ? 1 : size);
            assert_non_null(cut);
            memcpy(cut, stored.data, size);
            assert_int_equal(decode(context, codecs[c], firn_bytes(cut, size), RAW_SIZE, NULL),
                             FIRN_CORRUPT);
            free(cut);
        }
        assert_int_equal(decode(context, codecs[c], fi_buf_slice(&stored), RAW_SIZE, raw), FIRN_OK);
    }
    free(raw);
    fi_buf_deinit(&stored);
    fi_compress_destroy(context);
}

static int
encode_and_decode(firn_slice input, struct fi_buf *stored, uint8_t *raw)
{
    firn_error err;
    struct fi_compress *context = NULL;
    int rc = fi_compress_create(&context, &err);
    for (size_t c = 0; c < CODEC_COUNT && rc == FIRN_OK; c++) {
        rc = fi_compress_encode(context, codecs[c], 3, input, stored, &err);
        if (rc == FIRN_OK) {
            rc =
                fi_compress_decode(context, codecs[c], fi_buf_slice(stored), raw, input.size, &err);
        }
        if (rc != FIRN_OK) {
            /* Once memory is back the same context works. */
            test_alloc_fail_at(0, false);
            assert_int_equal(fi_compress_encode(context, codecs[c], 3, input, stored, &err),
                             FIRN_OK);
            assert_int_equal(
                fi_compress_decode(context, codecs[c], fi_buf_slice(stored), raw, input.size, &err),
                FIRN_OK);
            assert_memory_equal(raw, input.data, input.size);
        }
    }
    fi_compress_destroy(context);
    return rc;
}

static void
every_failed_allocation_of_a_block_is_reported(void **state)
{
    struct test_random random;
    test_random_init(&random, "failed_allocations", 23);
    enum { RAW_SIZE = 20000 };
    uint8_t *input = make_input(&random, RAW_SIZE);
    uint8_t *raw = malloc(RAW_SIZE);
    assert_non_null(raw);
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        int rc = FIRN_NO_MEMORY;
        uint64_t n = 0;
        while (rc != FIRN_OK) {
            n++;
            assert_true(n < 1000);
            test_alloc_install();
            test_alloc_fail_at(n, for_ever != 0);
            struct fi_buf stored = {0};
            rc = encode_and_decode(firn_bytes(input, RAW_SIZE), &stored, raw);
            assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
            fi_buf_deinit(&stored);
            assert_int_equal(test_alloc_alive(), 0);
            test_alloc_uninstall();
        }
        assert_true(n > 4);
    }
    free(raw);
    free(input);
}

/* ---- streams ---- */

static int
collect(void *ctx, firn_slice data, firn_error *err)
{
    (void)err;
    return fi_buf_append_slice(ctx, data);
}

static int
refuse(void *ctx, firn_slice data, firn_error *err)
{
    (void)ctx;
    (void)data;
    (void)err;
    return FIRN_CANCELLED;
}

/* Feeds the input in random pieces (piece_max 0: all at once) and finishes. */
static int
read_stream(firn_slice input, uint64_t raw_size_max, struct test_random *random, size_t piece_max,
            struct fi_buf *out)
{
    firn_error err;
    struct fi_compress_stream *stream = NULL;
    int rc = fi_compress_stream_create(raw_size_max, &stream, &err);
    size_t at = 0;
    while (rc == FIRN_OK && at < input.size) {
        size_t left = input.size - at;
        size_t piece = piece_max == 0 ? left : 1 + test_random_below(random, piece_max);
        piece = piece < left ? piece : left;
        rc =
            fi_compress_stream_feed(stream, firn_bytes(input.data + at, piece), collect, out, &err);
        at += piece;
    }
    if (rc == FIRN_OK) {
        rc = fi_compress_stream_finish(stream, &err);
    }
    fi_compress_stream_destroy(stream);
    return rc;
}

static int
write_stream(firn_slice input, struct test_random *random, size_t piece_max, struct fi_buf *out)
{
    firn_error err;
    struct fi_compress_writer *writer = NULL;
    int rc = fi_compress_writer_create(3, &writer, &err);
    for (size_t at = 0; rc == FIRN_OK && at < input.size;) {
        size_t piece = 1 + test_random_below(random, piece_max);
        piece = piece < input.size - at ? piece : input.size - at;
        rc =
            fi_compress_writer_feed(writer, firn_bytes(input.data + at, piece), collect, out, &err);
        at += piece;
    }
    if (rc == FIRN_OK) {
        rc = fi_compress_writer_finish(writer, collect, out, &err);
    }
    fi_compress_writer_destroy(writer);
    return rc;
}

static void
streams_round_trip_in_any_pieces(void **state)
{
    test_alloc_install();
    struct test_random random;
    test_random_init(&random, "streams_round_trip", 24);
    static const size_t sizes[] = {0, 1, 1000, 131072, 131073, 1000000};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        uint8_t *raw = make_input(&random, sizes[s]);
        for (size_t piece_max = 1; piece_max <= 1000000; piece_max *= 1000) {
            struct fi_buf stored = {0};
            struct fi_buf back = {0};
            size_t write_piece_max = piece_max == 1 && sizes[s] > 5000 ? 500 : piece_max;
            assert_int_equal(
                write_stream(firn_bytes(raw, sizes[s]), &random, write_piece_max, &stored),
                FIRN_OK);
            firn_slice slice = fi_buf_slice(&stored);
            assert_int_equal(read_stream(slice, sizes[s], &random, piece_max, &back), FIRN_OK);
            assert_int_equal(back.size, sizes[s]);
            assert_true(sizes[s] == 0 || memcmp(back.data, raw, sizes[s]) == 0);
            fi_buf_clear(&back);
            if (sizes[s] > 0) {
                assert_int_equal(read_stream(slice, sizes[s] - 1, &random, piece_max, &back),
                                 FIRN_LIMIT);
                assert_true(back.size <= sizes[s] - 1);
                fi_buf_clear(&back);
            }
            slice.size--;
            assert_int_equal(read_stream(slice, UINT64_MAX, &random, piece_max, &back),
                             FIRN_CORRUPT);
            fi_buf_deinit(&stored);
            fi_buf_deinit(&back);
        }
        free(raw);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
streams_take_exactly_one_frame(void **state)
{
    struct test_random random;
    test_random_init(&random, "streams_one_frame", 25);
    struct fi_buf back = {0};
    uint8_t bytes[2 * sizeof verse_zstd_stream];
    memcpy(bytes, verse_zstd_stream, sizeof verse_zstd_stream);
    memcpy(bytes + sizeof verse_zstd_stream, verse_zstd_stream, sizeof verse_zstd_stream);
    for (size_t piece_max = 0; piece_max < 40; piece_max++) {
        fi_buf_clear(&back);
        firn_slice one = firn_bytes(bytes, sizeof verse_zstd_stream);
        assert_int_equal(read_stream(one, 40, &random, piece_max, &back), FIRN_OK);
        assert_int_equal(back.size, VERSE_SIZE);
        assert_memory_equal(back.data, verse, VERSE_SIZE);
        firn_slice longer = firn_bytes(bytes, one.size + 1);
        assert_int_equal(read_stream(longer, 1000, &random, piece_max, &back), FIRN_CORRUPT);
        firn_slice two = firn_bytes(bytes, sizeof bytes);
        assert_int_equal(read_stream(two, 1000, &random, piece_max, &back), FIRN_CORRUPT);
        static const uint8_t skippable[8] = {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0};
        assert_int_equal(read_stream(firn_bytes(skippable, 8), 1000, &random, piece_max, &back),
                         FIRN_CORRUPT);
    }
    assert_int_equal(read_stream(firn_bytes(NULL, 0), 1000, &random, 0, &back), FIRN_CORRUPT);
    /* The last byte of the verse's checksum. */
    bytes[sizeof verse_zstd_stream - 1] ^= 1;
    firn_slice bad = firn_bytes(bytes, sizeof verse_zstd_stream);
    assert_int_equal(read_stream(bad, 1000, &random, 0, &back), FIRN_CORRUPT);
    fi_buf_deinit(&back);
}

static void
a_window_beyond_the_limit_is_refused(void **state)
{
    struct test_random random;
    test_random_init(&random, "window", 26);
    struct fi_buf back = {0};
    uint8_t bytes[sizeof verse_zstd_stream];
    memcpy(bytes, verse_zstd_stream, sizeof bytes);
    bytes[5] = (28 - 10) << 3; /* 2^28 */
    assert_int_equal(read_stream(firn_bytes(bytes, sizeof bytes), 1000, &random, 0, &back),
                     FIRN_CORRUPT);
    bytes[5] = (27 - 10) << 3;
    assert_int_equal(read_stream(firn_bytes(bytes, sizeof bytes), 1000, &random, 0, &back),
                     FIRN_OK);
    fi_buf_deinit(&back);
}

static void
a_stream_fails_once_and_stays_failed(void **state)
{
    firn_error err;
    struct fi_compress_stream *stream = NULL;
    assert_int_equal(fi_compress_stream_create(100, &stream, &err), FIRN_OK);
    firn_slice input = firn_bytes(verse_zstd, sizeof verse_zstd);
    assert_int_equal(fi_compress_stream_feed(stream, input, refuse, NULL, &err), FIRN_CANCELLED);
    assert_int_equal(fi_compress_stream_feed(stream, input, collect, NULL, &err), FIRN_FAILED);
    assert_int_equal(fi_compress_stream_finish(stream, &err), FIRN_FAILED);
    fi_compress_stream_destroy(stream);
    struct fi_compress_writer *writer = NULL;
    assert_int_equal(fi_compress_writer_create(3, &writer, &err), FIRN_OK);
    assert_int_equal(fi_compress_writer_feed(writer, firn_str(verse), refuse, NULL, &err), FIRN_OK);
    assert_int_equal(fi_compress_writer_finish(writer, refuse, NULL, &err), FIRN_CANCELLED);
    assert_int_equal(fi_compress_writer_finish(writer, refuse, NULL, &err), FIRN_FAILED);
    assert_int_equal(fi_compress_writer_feed(writer, firn_str(verse), refuse, NULL, &err),
                     FIRN_FAILED);
    fi_compress_writer_destroy(writer);
    fi_compress_stream_destroy(NULL);
    fi_compress_writer_destroy(NULL);
}

static void
a_writer_makes_frame_after_frame(void **state)
{
    struct fi_compress *context = create();
    firn_error err;
    struct fi_compress_writer *writer = NULL;
    assert_int_equal(fi_compress_writer_create(3, &writer, &err), FIRN_OK);
    for (int round = 0; round < 3; round++) {
        struct fi_buf stored = {0};
        assert_int_equal(fi_compress_writer_feed(writer, firn_str(verse), collect, &stored, &err),
                         FIRN_OK);
        assert_int_equal(fi_compress_writer_finish(writer, collect, &stored, &err), FIRN_OK);
        assert_int_equal(decode(context, FI_CODEC_ZSTD, fi_buf_slice(&stored), VERSE_SIZE, verse),
                         FIRN_OK);
        fi_buf_deinit(&stored);
    }
    fi_compress_writer_destroy(writer);
    fi_compress_destroy(context);
}

static void
every_failed_allocation_of_a_stream_is_reported(void **state)
{
    struct test_random random;
    test_random_init(&random, "failed_stream_allocations", 27);
    enum { RAW_SIZE = 200000 };
    uint8_t *input = make_input(&random, RAW_SIZE);
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        int rc = FIRN_NO_MEMORY;
        uint64_t n = 0;
        while (rc != FIRN_OK) {
            n++;
            assert_true(n < 1000);
            test_alloc_install();
            test_alloc_fail_at(n, for_ever != 0);
            struct fi_buf stored = {0};
            struct fi_buf back = {0};
            rc = write_stream(firn_bytes(input, RAW_SIZE), &random, 50000, &stored);
            if (rc == FIRN_OK) {
                rc = read_stream(fi_buf_slice(&stored), RAW_SIZE, &random, 50000, &back);
            }
            assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
            fi_buf_deinit(&stored);
            fi_buf_deinit(&back);
            assert_int_equal(test_alloc_alive(), 0);
            test_alloc_uninstall();
        }
        assert_true(n > 6);
    }
    free(input);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_round_trip_in_a_reused_context),
        cmocka_unit_test(a_level_leaves_nothing_behind),
        cmocka_unit_test(frames_of_others_are_read),
        cmocka_unit_test(only_one_frame_is_one_frame),
        cmocka_unit_test(declared_sizes_are_not_believed),
        cmocka_unit_test(damaged_blocks_never_overrun),
        cmocka_unit_test(every_failed_allocation_of_a_block_is_reported),
        cmocka_unit_test(streams_round_trip_in_any_pieces),
        cmocka_unit_test(streams_take_exactly_one_frame),
        cmocka_unit_test(a_window_beyond_the_limit_is_refused),
        cmocka_unit_test(a_stream_fails_once_and_stays_failed),
        cmocka_unit_test(a_writer_makes_frame_after_frame),
        cmocka_unit_test(every_failed_allocation_of_a_stream_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/decompress: hostile zstd and LZ4 input. Byte 0 picks the codec and the size of stream
 * pieces, bytes 1 and 2 are the size that the caller expects, the rest is the compressed input.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "codec/compress.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
collect(void *ctx, firn_slice data, firn_error *err)
{
    (void)err;
    return fi_buf_append_slice(ctx, data);
}

static int
decode_stream(firn_slice input, size_t piece_size, size_t raw_size_max, struct fi_buf *out)
{
    struct fi_compress_stream *stream = NULL;
    int rc = fi_compress_stream_create(raw_size_max, &stream, NULL);
    for (size_t at = 0; rc == FIRN_OK && at < input.size; at += piece_size) {
        size_t left = input.size - at;
        firn_slice piece = firn_bytes(input.data + at, left < piece_size ? left : piece_size);
        rc = fi_compress_stream_feed(stream, piece, collect, out, NULL);
    }
    if (rc == FIRN_OK) {
        rc = fi_compress_stream_finish(stream, NULL);
    }
    fi_compress_stream_destroy(stream);
    CHECK(out->size <= raw_size_max);
    return rc;
}

/* Whether a block of a zstd frame that the stream read says that it is compressed and has no bytes.
 * zstd's decoder of streams takes such a block for an empty one (ZSTD_decompressContinue of 1.5),
 * its decoder of whole frames refuses it: the one thing in which they may differ. The layout is
 * RFC 8878's, 3.1.1. */
static bool
has_empty_compressed_block(firn_slice frame)
{
    static const size_t dictionary_sizes[] = {0, 1, 2, 4};
    static const size_t content_sizes[] = {0, 2, 4, 8};
    uint8_t descriptor = frame.data[4];
    bool is_single_segment = (descriptor >> 5 & 1) != 0;
    size_t content_size = content_sizes[descriptor >> 6];
    size_t at = 5 + dictionary_sizes[descriptor & 3] + (is_single_segment ? 0 : 1) +
                (is_single_segment && content_size == 0 ? 1 : content_size);
    bool is_last = false;
    while (!is_last && at + 3 <= frame.size) {
        uint32_t header = (uint32_t)frame.data[at] | (uint32_t)frame.data[at + 1] << 8 |
                          (uint32_t)frame.data[at + 2] << 16;
        enum { RUN = 1, COMPRESSED = 2 } type = header >> 1 & 3;
        if (type == COMPRESSED && header >> 3 == 0) {
            return true;
        }
        at += 3 + (type == RUN ? 1 : header >> 3);
        is_last = (header & 1) != 0;
    }
    return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) {
        return 0;
    }
    enum fi_codec codec = (enum fi_codec)(data[0] % 3);
    size_t piece_size = 1 + data[0] / 3;
    size_t raw_size = (size_t)data[1] | (size_t)data[2] << 8;
    firn_slice input = firn_bytes(data + 3, size - 3);
    struct fi_compress *context = NULL;
    CHECK(fi_compress_create(&context, NULL) == FIRN_OK);
    uint8_t *raw = malloc(raw_size == 0 ? 1 : raw_size);
    CHECK(raw != NULL);
    int rc = fi_compress_decode(context, codec, input, raw, raw_size, NULL);
    CHECK(rc == FIRN_OK || rc == FIRN_CORRUPT);
    if (codec == FI_CODEC_ZSTD) {
        /* What the stream accepts, one call accepts too (with one exception), with the same bytes. */
        struct fi_buf out = {0};
        int stream_rc = decode_stream(input, piece_size, raw_size, &out);
        CHECK(stream_rc == FIRN_OK || stream_rc == FIRN_CORRUPT || stream_rc == FIRN_LIMIT);
        if (stream_rc == FIRN_OK && out.size == raw_size) {
            CHECK(rc == FIRN_OK || has_empty_compressed_block(input));
        }
        if (stream_rc == FIRN_OK && rc == FIRN_OK && out.size == raw_size) {
            CHECK(raw_size == 0 || memcmp(out.data, raw, raw_size) == 0);
        }
        fi_buf_deinit(&out);
    }
    free(raw);
    fi_compress_destroy(context);
    return 0;
}

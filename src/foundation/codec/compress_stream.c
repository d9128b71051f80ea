/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/compress_stream.c: reading one zstd frame that arrives in pieces and may be larger than
 * memory.
 *
 * The bytes come from outside, so the caller says how many may come out: raw_size_max. Output is
 * made in pieces of 128 KiB in one buffer; a piece that passes the limit is not shown to the sink.
 * A frame's window must be kept while it is read, and only the frame says how large it is: zstd's
 * limit of 128 MiB is the most that is believed, and a frame that declares more is refused. (Frames
 * of common levels declare at most 8 MiB.)
 *
 * Exactly one frame is read. Its first four bytes are compared here, byte by byte as they come, so
 * that neither skippable frames nor the formats of older libraries are entered. Bytes after the
 * frame are damage.
 *
 * States: a stream fails once and then answers FIRN_FAILED; a stream whose frame has ended takes no
 * more bytes. One thread at a time.
 */
#include "codec/compress_internal.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"

enum { MAGIC_SIZE = 4, WINDOW_LOG_MAX = 27 };

struct fi_compress_stream {
    ZSTD_DCtx *decoder;
    uint8_t *piece;
    size_t piece_size;
    uint64_t raw_size;
    uint64_t raw_size_max;
    size_t magic_seen; /* bytes of the frame's first four that came and were right */
    bool has_ended;
    bool has_failed;
};

int
fi_compress_stream_create(uint64_t raw_size_max, struct fi_compress_stream **out, firn_error *err)
{
    *out = NULL;
    int rc = FIRN_OK;
    struct fi_compress_stream *stream = fi_alloc_zeroed(sizeof *stream);
    if (stream == NULL) {
        return fi_error_no_memory(err, "a decompression stream");
    }
    stream->raw_size_max = raw_size_max;
    stream->piece_size = ZSTD_DStreamOutSize();
    stream->piece = fi_alloc(stream->piece_size);
    stream->decoder = ZSTD_createDCtx_advanced(fi_compress_zstd_memory());
    if (stream->piece == NULL || stream->decoder == NULL) {
        rc = fi_error_no_memory(err, "a decompression stream");
        goto out;
    }
    size_t result = ZSTD_DCtx_setParameter(stream->decoder, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    if (ZSTD_isError(result)) {
        rc = fi_compress_zstd_error(err, FIRN_INTERNAL, "could not set up zstd", result);
    }
out:
    if (rc != FIRN_OK) {
        fi_compress_stream_destroy(stream);
        return rc;
    }
    *out = stream;
    return FIRN_OK;
}

void
fi_compress_stream_destroy(struct fi_compress_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    (void)ZSTD_freeDCtx(stream->decoder);
    fi_free(stream->piece);
    fi_free(stream);
}

static int
check_magic(struct fi_compress_stream *stream, firn_slice input, firn_error *err)
{
    uint8_t magic[MAGIC_SIZE];
    DCHECK(stream->magic_seen <= MAGIC_SIZE);
    fi_store_le32(magic, ZSTD_MAGICNUMBER);
    for (size_t i = 0; i < input.size && stream->magic_seen < MAGIC_SIZE; i++) {
        if (input.data[i] != magic[stream->magic_seen]) {
            return fi_error_set(err, FIRN_CORRUPT, "the bytes do not begin a zstd frame");
        }
        stream->magic_seen++;
    }
    return FIRN_OK;
}

/* Hands over what one call of the decoder made. */
static int
compress_deliver(struct fi_compress_stream *stream, size_t size,
                 int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx,
                 firn_error *err)
{
    DCHECK(size <= stream->piece_size && stream->raw_size <= stream->raw_size_max);
    if (size > stream->raw_size_max - stream->raw_size) {
        return fi_error_set(err, FIRN_LIMIT,
                            "a zstd frame decodes to more than the %" PRIu64 " bytes allowed",
                            stream->raw_size_max);
    }
    stream->raw_size += size;
    return size == 0 ? FIRN_OK : sink(ctx, firn_bytes(stream->piece, size), err);
}

static int
feed(struct fi_compress_stream *stream, firn_slice input,
     int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx, firn_error *err)
{
    int rc = check_magic(stream, input, err);
    ZSTD_inBuffer from = {input.data, input.size, 0};
    /* Output may wait inside the decoder after the last input byte was taken: go on until a
     * piece is not filled. */
    bool is_piece_full = false;
    while (rc == FIRN_OK && (from.pos < from.size || is_piece_full)) {
        if (stream->has_ended) {
            if (from.pos == from.size) {
                break;
            }
            return fi_error_set(err, FIRN_CORRUPT, "there are bytes after a zstd frame");
        }
        ZSTD_outBuffer to = {stream->piece, stream->piece_size, 0};
        size_t result = ZSTD_decompressStream(stream->decoder, &to, &from);
        if (ZSTD_isError(result)) {
            return fi_compress_zstd_error(err, FIRN_CORRUPT, "cannot decompress with zstd", result);
        }
        DCHECK(stream->magic_seen == MAGIC_SIZE || result != 0);
        stream->has_ended = result == 0;
        is_piece_full = to.pos == to.size;
        rc = compress_deliver(stream, to.pos, sink, ctx, err);
    }
    return rc;
}

int
fi_compress_stream_feed(struct fi_compress_stream *stream, firn_slice input,
                        int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx,
                        firn_error *err)
{
    if (stream->has_failed) {
        return fi_error_set(err, FIRN_FAILED, "the decompression stream failed earlier");
    }
    if (input.size == 0) {
        return FIRN_OK;
    }
    int rc = feed(stream, input, sink, ctx, err);
    stream->has_failed = rc != FIRN_OK;
    return rc;
}

int
fi_compress_stream_finish(struct fi_compress_stream *stream, firn_error *err)
{
    if (stream->has_failed) {
        return fi_error_set(err, FIRN_FAILED, "the decompression stream failed earlier");
    }
    if (!stream->has_ended) {
        stream->has_failed = true;
        return fi_error_set(err, FIRN_CORRUPT, "a zstd frame ends too early");
    }
    return FIRN_OK;
}

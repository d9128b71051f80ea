/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/compress.c: one call, one frame: zstd and LZ4 over whole blocks.
 *
 * A context contains zstd's working states and LZ4's table. Each is allocated when first needed and
 * then reused, because allocating one costs more than compressing a small block.
 *
 * Decoding is where bytes from outside meet C code, so only the caller sets its bounds:
 * (I1) The output goes into the caller's memory of exactly raw_size bytes, and must fill it
 *      exactly.
 * (I2) No number in the input determines an allocation. zstd decodes into the caller's memory in
 *      one call, which uses that memory as its window; the decoder's own state has a fixed size.
 *      (Not checked: it is which functions of the libraries are called.)
 * (I3) A zstd input is exactly one frame: no second frame, no skippable frame, no bytes after it,
 *      no frame of the library's older formats (our files must not reach their decoders). (Tested
 *      at each decoding.)
 *
 * Failure: FIRN_NO_MEMORY if a state could not be allocated, FIRN_CORRUPT for invalid input. A
 * context stays usable after either. It belongs to one thread at a time.
 *
 * Limits: LZ4 sizes are int, so inputs must have less than 2 GiB (FIRN_LIMIT beyond); callers keep
 * blocks far below.
 */
#define ZSTD_STATIC_LINKING_ONLY

#include "codec/compress.h"

#include <inttypes.h>
#include <limits.h>
#include <lz4.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"

struct fi_compress {
    ZSTD_CCtx *zstd_encoder;
    ZSTD_CCtx *delta_encoder; /* apart, because its parameters are others and its tables larger */
    ZSTD_DCtx *zstd_decoder;
    void *lz4_table;
};

/* ---- zstd's contexts take their memory from base/mem.h ---- */

static void *
zstd_memory_alloc(void *ctx, size_t size)
{
    (void)ctx;
    return fi_alloc(size);
}

static void
zstd_memory_free(void *ctx, void *memory)
{
    (void)ctx;
    fi_free(memory);
}

static ZSTD_customMem
zstd_memory(void)
{
    return (ZSTD_customMem){zstd_memory_alloc, zstd_memory_free, NULL};
}

/* Fills err for a result of zstd's that is an error: FIRN_NO_MEMORY if memory ran out, else
 * `code`. */
static int
zstd_memory_error(firn_error *err, int code, const char *what, size_t result)
{
    if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) {
        return fi_error_no_memory(err, "a zstd context");
    }
    return fi_error_set(err, code, "%s: %s", what, ZSTD_getErrorName(result));
}

/* ==== writing zstd frames in pieces, for content that is larger than memory ====
 *
 * Input is taken as it comes; each time zstd has filled a piece of
 * 128 KiB, or the frame ends, the sink gets it. How the input was cut does not show in the frame's
 * content; it does not carry its size, which is not known when it begins. Memory is zstd's context
 * for the level and one piece.
 *
 * After a failure, the sink's included, the frame cannot be continued: the writer answers
 * FIRN_FAILED from then on. One thread at a time.
 */

struct fi_compress_writer {
    ZSTD_CCtx *encoder;
    uint8_t *piece;
    size_t piece_size;
    bool has_failed;
};

int
fi_compress_writer_create(int level, struct fi_compress_writer **out, firn_error *err)
{
    *out = NULL;
    int rc = FIRN_OK;
    struct fi_compress_writer *writer = fi_alloc_zeroed(sizeof *writer);
    if (writer == NULL) {
        return fi_error_no_memory(err, "a compression stream");
    }
    writer->piece_size = ZSTD_CStreamOutSize();
    writer->piece = fi_alloc(writer->piece_size);
    writer->encoder = ZSTD_createCCtx_advanced(zstd_memory());
    if (writer->piece == NULL || writer->encoder == NULL) {
        rc = fi_error_no_memory(err, "a compression stream");
        goto out;
    }
    size_t result = ZSTD_CCtx_setParameter(writer->encoder, ZSTD_c_compressionLevel, level);
    if (ZSTD_isError(result)) {
        rc = zstd_memory_error(err, FIRN_INTERNAL, "could not set up zstd", result);
    }
out:
    if (rc != FIRN_OK) {
        fi_compress_writer_destroy(writer);
        return rc;
    }
    *out = writer;
    return FIRN_OK;
}

void
fi_compress_writer_destroy(struct fi_compress_writer *writer)
{
    if (writer == NULL) {
        return;
    }
    (void)ZSTD_freeCCtx(writer->encoder);
    fi_free(writer->piece);
    fi_free(writer);
}

/* Runs the encoder until it has taken all input and, at the frame's end, given all output. */
static int
compress_run(struct fi_compress_writer *writer, firn_slice input, ZSTD_EndDirective directive,
             int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx, firn_error *err)
{
    int rc = FIRN_OK;
    bool is_done = false;
    ZSTD_inBuffer from = {input.data, input.size, 0};
    DCHECK(!writer->has_failed);
    while (rc == FIRN_OK && !is_done) {
        ZSTD_outBuffer to = {writer->piece, writer->piece_size, 0};
        size_t left = ZSTD_compressStream2(writer->encoder, &to, &from, directive);
        if (ZSTD_isError(left)) {
            return zstd_memory_error(err, FIRN_INTERNAL, "could not compress with zstd", left);
        }
        is_done = directive == ZSTD_e_end ? left == 0 : from.pos == from.size;
        DCHECK(!is_done || from.pos == from.size); /* nothing of the input is lost */
        if (to.pos > 0) {
            rc = sink(ctx, firn_bytes(writer->piece, to.pos), err);
        }
    }
    return rc;
}

static int
run_unless_failed(struct fi_compress_writer *writer, firn_slice input, ZSTD_EndDirective directive,
                  int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx,
                  firn_error *err)
{
    if (writer->has_failed) {
        return fi_error_set(err, FIRN_FAILED, "the compression stream failed earlier");
    }
    int rc = compress_run(writer, input, directive, sink, ctx, err);
    writer->has_failed = rc != FIRN_OK;
    return rc;
}

int
fi_compress_writer_feed(struct fi_compress_writer *writer, firn_slice input,
                        int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx,
                        firn_error *err)
{
    return run_unless_failed(writer, input, ZSTD_e_continue, sink, ctx, err);
}

int
fi_compress_writer_finish(struct fi_compress_writer *writer,
                          int (*sink)(void *ctx, firn_slice data, firn_error *err), void *ctx,
                          firn_error *err)
{
    static const uint8_t nothing[1] = {0};
    return run_unless_failed(writer, firn_bytes(nothing, 0), ZSTD_e_end, sink, ctx, err);
}

/* ==== reading one zstd frame that arrives in pieces and may be larger than memory ====
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
    stream->decoder = ZSTD_createDCtx_advanced(zstd_memory());
    if (stream->piece == NULL || stream->decoder == NULL) {
        rc = fi_error_no_memory(err, "a decompression stream");
        goto out;
    }
    size_t result = ZSTD_DCtx_setParameter(stream->decoder, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    if (ZSTD_isError(result)) {
        rc = zstd_memory_error(err, FIRN_INTERNAL, "could not set up zstd", result);
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
            return zstd_memory_error(err, FIRN_CORRUPT, "cannot decompress with zstd", result);
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

/* new content against old: a zstd frame whose window begins with bytes that are not in it.
 *
 * zstd calls such bytes a prefix: matches may point into them as if they stood directly before the
 * content. A stretch that both have in common costs a few bytes, at any length. The decoder
 * needs the very same bytes, which the caller sees to; a frame says nothing about its base.
 *
 * The window must reach from the end of the content to the beginning of the base. zstd's fast
 * levels take the match that they meet first, which is seldom the long one in the base, and their
 * tables forget what lies far back; its long-distance matching looks for just that. Measured, level
 * 3 without and with it: a source of 5 MB with an edit every 400 lines 50 and 5 KB in 4 and 7 ms,
 * one of 146 KB with an edit every 100 lines 834 and 395 bytes, text of six words 920 and 26.
 *
 * A base that looks like one of zstd's dictionaries is raw bytes all the same: a prefix is never
 * parsed (I1).
 *
 * Decoding has the bounds of whole blocks: exactly raw_size bytes into the caller's memory, nothing
 * allocated by a number in the input, one frame and nothing else.
 *
 * Limits: 16 MiB each, so a window of 32 MiB at most; the encoder's tables take 1.5 to 7 MiB.
 */

enum { LEVEL = 3, WINDOW_LOG_MIN = 10 };

static int encoder_of(ZSTD_CCtx **encoder, firn_error *err);
static int decoder_of(struct fi_compress *context, firn_error *err);
static int check_one_frame(firn_slice input, firn_error *err);

/* Zstd's window is a power of two. */
static int
window_log(size_t size)
{
    int log = WINDOW_LOG_MIN;
    while ((size_t)1 << log < size) {
        log++;
    }
    DCHECK((size_t)1 << log <= 2 * (size_t)FI_COMPRESS_DELTA_SIZE_MAX);
    return log;
}

static size_t
set_up(ZSTD_CCtx *encoder, firn_slice base, size_t content_size)
{
    size_t result = ZSTD_CCtx_reset(encoder, ZSTD_reset_session_and_parameters);
    if (!ZSTD_isError(result)) {
        result = ZSTD_CCtx_setParameter(encoder, ZSTD_c_compressionLevel, LEVEL);
    }
    if (!ZSTD_isError(result)) {
        result =
            ZSTD_CCtx_setParameter(encoder, ZSTD_c_windowLog, window_log(base.size + content_size));
    }
    if (!ZSTD_isError(result)) {
        result = ZSTD_CCtx_setParameter(encoder, ZSTD_c_enableLongDistanceMatching, 1);
    }
    return ZSTD_isError(result) ? result : ZSTD_CCtx_refPrefix(encoder, base.data, base.size);
}

int
fi_compress_delta_encode(struct fi_compress *context, firn_slice base, firn_slice content,
                         size_t size_max, struct fi_buf *out, bool *out_fits, firn_error *err)
{
    CHECK(base.size > 0 && base.size <= FI_COMPRESS_DELTA_SIZE_MAX &&
          content.size <= FI_COMPRESS_DELTA_SIZE_MAX);
    *out_fits = false;
    fi_buf_clear(out);
    FI_TRY_RETURN(encoder_of(&context->delta_encoder, err));
    if (fi_buf_reserve(out, size_max) != FIRN_OK) {
        return fi_error_no_memory(err, "compressed bytes");
    }
    ZSTD_CCtx *encoder = context->delta_encoder;
    size_t result = set_up(encoder, base, content.size);
    if (!ZSTD_isError(result)) {
        result = ZSTD_compress2(encoder, out->data, size_max, content.data, content.size);
    }
    if (ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall) {
        return FIRN_OK;
    }
    if (ZSTD_isError(result)) {
        return zstd_memory_error(err, FIRN_INTERNAL, "could not compress with zstd", result);
    }
    DCHECK(result <= size_max);
    out->size = result;
    *out_fits = true;
    return FIRN_OK;
}

int
fi_compress_delta_decode(struct fi_compress *context, firn_slice base, firn_slice frame, void *out,
                         size_t raw_size, firn_error *err)
{
    DCHECK(base.size > 0);
    int rc = check_one_frame(frame, err);
    if (rc == FIRN_OK) {
        rc = decoder_of(context, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    ZSTD_DCtx *decoder = context->zstd_decoder;
    size_t result = ZSTD_DCtx_reset(decoder, ZSTD_reset_session_only);
    if (!ZSTD_isError(result)) {
        result = ZSTD_DCtx_refPrefix(decoder, base.data, base.size); /* (I1); for one frame */
    }
    if (!ZSTD_isError(result)) {
        result = ZSTD_decompressDCtx(decoder, out, raw_size, frame.data, frame.size);
    }
    /* A frame that failed early may leave the prefix set. */
    size_t reset = ZSTD_DCtx_reset(decoder, ZSTD_reset_session_and_parameters);
    if (ZSTD_isError(result)) {
        return zstd_memory_error(err, FIRN_CORRUPT, "cannot decompress with zstd", result);
    }
    if (ZSTD_isError(reset) || result != raw_size) {
        return fi_error_set(err, FIRN_CORRUPT, "a zstd frame decoded to %zu bytes, expected %zu",
                            result, raw_size);
    }
    return FIRN_OK;
}

/* ==== one call, one frame: zstd and LZ4 over whole blocks ==== */

/* Where a slice or buffer of no bytes points. */
static uint8_t nothing[1];

int
fi_compress_create(struct fi_compress **out, firn_error *err)
{
    *out = fi_alloc_zeroed(sizeof **out);
    return *out != NULL ? FIRN_OK : fi_error_no_memory(err, "a compression context");
}

void
fi_compress_destroy(struct fi_compress *context)
{
    if (context == NULL) {
        return;
    }
    (void)ZSTD_freeCCtx(context->zstd_encoder);
    (void)ZSTD_freeCCtx(context->delta_encoder);
    (void)ZSTD_freeDCtx(context->zstd_decoder);
    fi_free(context->lz4_table);
    fi_free(context);
}

/* Makes one of the encoders, or the decoder, if it is not there yet. */
static int
encoder_of(ZSTD_CCtx **encoder, firn_error *err)
{
    if (*encoder == NULL) {
        *encoder = ZSTD_createCCtx_advanced(zstd_memory());
    }
    return *encoder != NULL ? FIRN_OK : fi_error_no_memory(err, "a zstd context");
}

static int
decoder_of(struct fi_compress *context, firn_error *err)
{
    if (context->zstd_decoder == NULL) {
        context->zstd_decoder = ZSTD_createDCtx_advanced(zstd_memory());
    }
    return context->zstd_decoder != NULL ? FIRN_OK : fi_error_no_memory(err, "a zstd context");
}

/* ---- encoding ---- */

/* FI_COMPRESS_LEVEL_QUICK: the search of level 3 (two hash tables, for matches of 8 and of 5
 * bytes) with tables of a quarter of the size, 192 KiB together, which stay in a processor's cache
 * beside what else it does. Source code in frames of 1 MiB: 7.5 % smaller than at level 1 for 1.2
 * times the time; level 3 is another 1.5 % smaller for 1.4 times. */
static size_t
set_quick(ZSTD_CCtx *encoder)
{
    static const struct {
        ZSTD_cParameter parameter;
        int value;
    } settings[] = {{ZSTD_c_compressionLevel, 3}, {ZSTD_c_strategy, ZSTD_dfast},
                    {ZSTD_c_windowLog, 20},       {ZSTD_c_hashLog, 15},
                    {ZSTD_c_chainLog, 14},        {ZSTD_c_minMatch, 5}};
    size_t result = 0;
    for (size_t i = 0; i < sizeof settings / sizeof settings[0] && !ZSTD_isError(result); i++) {
        result = ZSTD_CCtx_setParameter(encoder, settings[i].parameter, settings[i].value);
    }
    return result;
}

static int
encode_zstd(struct fi_compress *context, int level, firn_slice input, struct fi_buf *out,
            firn_error *err)
{
    FI_TRY_RETURN(encoder_of(&context->zstd_encoder, err));
    ZSTD_CCtx *encoder = context->zstd_encoder;
    size_t result = ZSTD_CCtx_reset(encoder, ZSTD_reset_session_and_parameters);
    if (!ZSTD_isError(result)) {
        result = level == FI_COMPRESS_LEVEL_QUICK
                     ? set_quick(encoder)
                     : ZSTD_CCtx_setParameter(encoder, ZSTD_c_compressionLevel, level);
    }
    if (ZSTD_isError(result)) {
        return zstd_memory_error(err, FIRN_INTERNAL, "could not set up zstd", result);
    }
    size_t bound = ZSTD_compressBound(input.size);
    if (ZSTD_isError(bound)) {
        return fi_error_set(err, FIRN_LIMIT, "cannot compress %zu bytes at once", input.size);
    }
    if (fi_buf_reserve(out, bound) != FIRN_OK) {
        return fi_error_no_memory(err, "compressed bytes");
    }
    result = ZSTD_compress2(encoder, out->data, bound, input.data, input.size);
    if (ZSTD_isError(result)) {
        return zstd_memory_error(err, FIRN_INTERNAL, "could not compress with zstd", result);
    }
    DCHECK(result <= bound);
    out->size = result;
    return FIRN_OK;
}

static int
encode_lz4(struct fi_compress *context, firn_slice input, struct fi_buf *out, firn_error *err)
{
    if (input.size > LZ4_MAX_INPUT_SIZE) {
        return fi_error_set(err, FIRN_LIMIT, "cannot compress %zu bytes at once", input.size);
    }
    if (context->lz4_table == NULL) {
        context->lz4_table = fi_alloc((size_t)LZ4_sizeofState());
        if (context->lz4_table == NULL) {
            return fi_error_no_memory(err, "an LZ4 table");
        }
    }
    int bound = LZ4_compressBound((int)input.size);
    if (fi_buf_reserve(out, (size_t)bound) != FIRN_OK) {
        return fi_error_no_memory(err, "compressed bytes");
    }
    int size = LZ4_compress_fast_extState(context->lz4_table, (const char *)input.data,
                                          (char *)out->data, (int)input.size, bound, 1);
    if (size <= 0) {
        return fi_error_set(err, FIRN_INTERNAL, "could not compress with LZ4");
    }
    DCHECK(size <= bound);
    out->size = (size_t)size;
    return FIRN_OK;
}

int
fi_compress_encode(struct fi_compress *context, enum fi_codec codec, int level, firn_slice input,
                   struct fi_buf *out, firn_error *err)
{
    fi_buf_clear(out);
    if (input.size == 0) {
        input.data = nothing;
    }
    switch (codec) {
    case FI_CODEC_NONE:
        if (fi_buf_append_slice(out, input) != FIRN_OK) {
            return fi_error_no_memory(err, "a copy of a block");
        }
        return FIRN_OK;
    case FI_CODEC_LZ4:
        return encode_lz4(context, input, out, err);
    case FI_CODEC_ZSTD:
        return encode_zstd(context, level, input, out, err);
    }
    return fi_error_set(err, FIRN_INVALID, "there is no codec %d", (int)codec);
}

/* ---- decoding ---- */

/* (I3) */
static int
check_one_frame(firn_slice input, firn_error *err)
{
    bool is_one = input.size >= 4 && fi_load_le32(input.data) == ZSTD_MAGICNUMBER &&
                  ZSTD_findFrameCompressedSize(input.data, input.size) == input.size;
    return is_one ? FIRN_OK
                  : fi_error_set(err, FIRN_CORRUPT, "%zu bytes are not one zstd frame", input.size);
}

static int
decode_zstd(struct fi_compress *context, firn_slice input, void *out, size_t raw_size,
            firn_error *err)
{
    int rc = check_one_frame(input, err);
    if (rc == FIRN_OK) {
        rc = decoder_of(context, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    size_t result =
        ZSTD_decompressDCtx(context->zstd_decoder, out, raw_size, input.data, input.size);
    if (ZSTD_isError(result)) {
        return zstd_memory_error(err, FIRN_CORRUPT, "cannot decompress with zstd", result);
    }
    DCHECK(result <= raw_size); /* (I1) */
    if (result != raw_size) {
        return fi_error_set(err, FIRN_CORRUPT, "a zstd frame decoded to %zu bytes, expected %zu",
                            result, raw_size);
    }
    return FIRN_OK;
}

static int
decode_lz4(firn_slice input, void *out, size_t raw_size, firn_error *err)
{
    if (input.size > INT_MAX || raw_size > INT_MAX) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "an LZ4 block of %zu bytes for %zu is larger than LZ4 allows",
                            input.size, raw_size);
    }
    int result = LZ4_decompress_safe((const char *)input.data, out, (int)input.size, (int)raw_size);
    if (result < 0) {
        return fi_error_set(err, FIRN_CORRUPT, "cannot decompress %zu bytes with LZ4", input.size);
    }
    DCHECK((size_t)result <= raw_size); /* (I1) */
    if ((size_t)result != raw_size) {
        return fi_error_set(err, FIRN_CORRUPT, "an LZ4 block decoded to %d bytes, expected %zu",
                            result, raw_size);
    }
    return FIRN_OK;
}

static int
decode_none(firn_slice input, void *out, size_t raw_size, firn_error *err)
{
    if (input.size != raw_size) {
        return fi_error_set(err, FIRN_CORRUPT, "a plain block has %zu bytes, expected %zu",
                            input.size, raw_size);
    }
    memcpy(out, input.data, raw_size);
    return FIRN_OK;
}

int
fi_compress_decode(struct fi_compress *context, enum fi_codec codec, firn_slice input, void *out,
                   size_t raw_size, firn_error *err)
{
    if (input.size == 0) {
        input.data = nothing;
    }
    if (raw_size == 0) {
        out = nothing;
    }
    switch (codec) {
    case FI_CODEC_NONE:
        return decode_none(input, out, raw_size, err);
    case FI_CODEC_LZ4:
        return decode_lz4(input, out, raw_size, err);
    case FI_CODEC_ZSTD:
        return decode_zstd(context, input, out, raw_size, err);
    }
    return fi_error_set(err, FIRN_CORRUPT, "there is no codec %d", (int)codec);
}

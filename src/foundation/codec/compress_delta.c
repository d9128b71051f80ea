/* SPDX-License-Identifier: Apache-2.0
 *
 * codec/compress_delta.c: new content against old: a zstd frame whose window begins with bytes that
 * are not in it.
 *
 * zstd calls such bytes a prefix: matches may point into them as if they stood directly before the
 * content. A stretch that both have in common costs a few bytes, at any length. The decoder needs
 * the very same bytes, which the caller sees to; a frame says nothing about its base.
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
#include "codec/compress_internal.h"

#include "base/check.h"

enum { LEVEL = 3, WINDOW_LOG_MIN = 10 };

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
    FI_TRY_RETURN(fi_compress_zstd_encoder(&context->delta_encoder, err));
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
        return fi_compress_zstd_error(err, FIRN_INTERNAL, "could not compress with zstd", result);
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
    int rc = fi_compress_zstd_check_frame(frame, err);
    if (rc == FIRN_OK) {
        rc = fi_compress_zstd_decoder(context, err);
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
        return fi_compress_zstd_error(err, FIRN_CORRUPT, "cannot decompress with zstd", result);
    }
    if (ZSTD_isError(reset) || result != raw_size) {
        return fi_error_set(err, FIRN_CORRUPT, "a zstd frame decoded to %zu bytes, expected %zu",
                            result, raw_size);
    }
    return FIRN_OK;
}

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
 *      no frame of the library's older formats (our files must not reach their decoders). (Not
 *      asserted: fi_compress_zstd_check_frame tests it at each decoding.)
 *
 * Failure: FIRN_NO_MEMORY if a state could not be allocated, FIRN_CORRUPT for invalid input. A
 * context stays usable after either. It belongs to one thread at a time.
 *
 * Limits: LZ4 sizes are int, so inputs must have less than 2 GiB (FIRN_LIMIT beyond); callers keep
 * blocks far below.
 */
#include "codec/compress_internal.h"

#include <limits.h>
#include <lz4.h>

#include "base/check.h"
#include "base/mem.h"

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
    FI_TRY_RETURN(fi_compress_zstd_encoder(&context->zstd_encoder, err));
    ZSTD_CCtx *encoder = context->zstd_encoder;
    size_t result = ZSTD_CCtx_reset(encoder, ZSTD_reset_session_and_parameters);
    if (!ZSTD_isError(result)) {
        result = level == FI_COMPRESS_LEVEL_QUICK
                     ? set_quick(encoder)
                     : ZSTD_CCtx_setParameter(encoder, ZSTD_c_compressionLevel, level);
    }
    if (ZSTD_isError(result)) {
        return fi_compress_zstd_error(err, FIRN_INTERNAL, "could not set up zstd", result);
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
        return fi_compress_zstd_error(err, FIRN_INTERNAL, "could not compress with zstd", result);
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

static int
decode_zstd(struct fi_compress *context, firn_slice input, void *out, size_t raw_size,
            firn_error *err)
{
    int rc = fi_compress_zstd_check_frame(input, err);
    if (rc == FIRN_OK) {
        rc = fi_compress_zstd_decoder(context, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    size_t result =
        ZSTD_decompressDCtx(context->zstd_decoder, out, raw_size, input.data, input.size);
    if (ZSTD_isError(result)) {
        return fi_compress_zstd_error(err, FIRN_CORRUPT, "cannot decompress with zstd", result);
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
